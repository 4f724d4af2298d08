"""Playing episodes for the checker: gold actions, hostile strings, and transcripts from fresh processes."""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import cloudpickle
import numpy as np

from toolgym import registration
from toolgym.env import ToolEnv
from toolgym.errors import ConformanceError
from toolgym.messages import Turn, render
from toolgym.perturbing import Retrying
from toolgym.tasks import Task

__all__ = [
    "GIBBERISH",
    "UnsendableError",
    "gold_actions",
    "play",
    "play_gold",
    "same",
    "transcript",
    "transcripts_of_two_processes",
]

GIBBERISH = (
    "",
    " ",
    "\x00",
    "\ud800",
    "é \U0001f600 中",
    "hello",
    "{" * 2000,
    "[" * 2000,
    "<tool_call>",
    "</tool_call>",
    "<tool_call></tool_call>",
    "<tool_call>{}</tool_call>",
    "<tool_call>[]</tool_call>",
    "<tool_call>null</tool_call>",
    "<tool_call>" * 500,
    "<response>",
    "<plan>" * 50 + "</plan>",
    '<tool_call>{"name": 1, "arguments": 2}</tool_call>',
    '<tool_call>{"name": "no_such_tool", "arguments": {}}</tool_call>',
    '<tool_call>{"name": "think", "arguments": {"thought": "\\ud800"}}</tool_call>',
    '<tool_call>{"name": "think", "arguments": {"thought": "' + "x" * 20_000 + '"}}</tool_call>',
    '<tool_call>{"name": "calculate", "arguments": {"expression": "9**9**9"}}</tool_call>',
    '<tool_call>{"name": "x", "arguments": {"a": NaN}}</tool_call>',
    '<tool_call>{"name": "x", "arguments": {"a": 1e999, "b": 99999999999999999999999}}</tool_call>',
    '<tool_call>{"name": "x", "arguments": ' + '{"a":' * 300 + "1" + "}" * 300 + "}</tool_call>",
    '{"role": "assistant", "content": null, "tool_calls": [{"function": {"name": "x", "arguments": "{"}}]}',
    "x" * 300_000,
)
"""Strings that a careless parser, validator or serialiser trips over."""

_RANDOM_ACTIONS = 4
_WORKER = "from toolgym.checker._transcripts import work; work()"


def gold_turns(task: Task) -> list[Turn]:
    """The gold chain as turns."""
    return [
        Turn(plan=action.plan, calls=tuple(call.call() for call in action.calls), response=action.response)
        for action in task.gold
    ]


def gold_actions(task: Task) -> list[str]:
    """The gold chain as messages in the default format."""
    return [render(turn) for turn in gold_turns(task)]


def play_gold(env: ToolEnv, closing: Iterable[Turn]) -> str | None:
    """Follows the gold chain, with calls made again whose tool was unavailable; returns the outcome."""
    turns = Retrying([*gold_turns(env.task), *closing])
    for turn in turns:
        _, _, terminated, truncated, info = env.step(render(turn))
        if terminated or truncated:
            return info["outcome"]
        turns.hear(info)
    return None


def play(env: ToolEnv, actions: Iterable[str]) -> str | None:
    """Steps until the episode is over or the actions are used up; returns the outcome."""
    for action in actions:
        _, _, terminated, truncated, info = env.step(action)
        if terminated or truncated:
            return info["outcome"]
    return None


def same(a: Any, b: Any) -> bool:
    """Deep equality of what environments return, with types and array dtypes."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return bool(a == b)


def transcripts_of_two_processes(make: Callable[[], ToolEnv], episodes: int, seed: int) -> tuple[list[str], list[str]]:
    """The same episodes, played in two fresh processes with different PYTHONHASHSEED.

    Raises:
        UnsendableError: `make` cannot be sent to another process.
        ConformanceError: a process failed; the message has its error.
    """
    payload = cloudpickle.dumps((sys.path, dict(registration._DOMAINS), _portable(make), episodes, seed))
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
        )
        for hash_seed in ("1", "4242")
    ]
    outs = [(process.communicate(payload), process.returncode) for process in processes]
    for (_, errors), status in outs:
        if status != 0:
            raise ConformanceError(f"A fresh process could not play: {errors.decode(errors='replace')[-2000:]}")
    first, second = (answer.decode().splitlines() for (answer, _), _ in outs)
    return first, second


def work() -> None:
    """What each of the two processes does: reads its job from stdin, prints the transcript."""
    path, domains, make, episodes, seed = cloudpickle.loads(sys.stdin.buffer.read())
    sys.path[:] = path
    registration._DOMAINS.update(domains)
    if isinstance(make, _InFile):
        make = make.load()
    elif isinstance(make, bytes):
        make = cloudpickle.loads(make)
    out = sys.stdout
    sys.stdout = sys.stderr  # what an environment prints is not part of the transcript
    for line in transcript(make(), episodes, seed):
        print(line, file=out)


class UnsendableError(Exception):
    """A function that only this process can call."""


@dataclass(frozen=True)
class _InFile:
    """A function by the file and the name under which it stands there."""

    file: str
    module: str
    name: str

    def load(self) -> Callable[[], ToolEnv]:
        # Under a name of its own where it was the main script, which must not run again.
        name = "checked_main" if self.module == "__main__" else self.module
        spec = importlib.util.spec_from_file_location(name, self.file)
        if spec is None or spec.loader is None:
            raise ConformanceError(f"{self.file} is no Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return getattr(module, self.name)


def _portable(make: Callable[[], ToolEnv]) -> _InFile | bytes:
    """What another process can make the function from: a function at the top of a file by its place, else a pickle.

    A pickle of functions from files that others cannot import (tests, notebooks) holds them by value.
    """
    module = sys.modules.get(getattr(getattr(make, "func", make), "__module__", ""))  # of a partial: its function's
    file, name = getattr(module, "__file__", None), getattr(make, "__qualname__", "")
    if module is not None and file is not None and getattr(module, name, None) is make:
        return _InFile(file, module.__name__, name)
    by_value = module is not None and file is not None and not module.__name__.startswith(("toolgym", "functools"))
    if by_value and module is not None:
        cloudpickle.register_pickle_by_value(module)
    try:
        return cloudpickle.dumps(make)
    except Exception as error:  # whatever an object's own pickling raises
        raise UnsendableError(f"{type(error).__name__}: {error}") from error
    finally:
        if by_value and module is not None:
            cloudpickle.unregister_pickle_by_value(module)


def transcript(env: ToolEnv, episodes: int, seed: int) -> Iterable[str]:
    """Gold, random and hostile actions; a JSON line for everything that the environment returns."""
    env.action_space.seed(seed)
    for episode in range(episodes):
        yield _line(env.reset(seed=seed if episode == 0 else None))
        chain = gold_actions(env.task)
        sampled = [env.action_space.sample() for _ in range(_RANDOM_ACTIONS)]
        for action in [GIBBERISH[episode % len(GIBBERISH)], *sampled[: episode % _RANDOM_ACTIONS], *chain]:
            out = env.step(action)
            yield _line(out)
            if out[2] or out[3]:
                break


def _line(value: Any) -> str:
    # Keys stay in their order: an order that depends on the hash seed must show.
    return json.dumps(value, default=repr)
