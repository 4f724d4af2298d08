"""Trainings and evaluations in parts: each call goes on from what the last one left, and stops cleanly at a deadline.

A training that the deadline meets ends behind its batch of episodes with a checkpoint, as Ctrl-C ends it; an evaluation
is made in slices, each kept in a file of its own. What is done is kept, so that calls, sessions and processes add up.
"""

import gc
import json
import os
import shutil
import signal
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from toolgym.agents.evaluation import AgentOptions, EvalOptions
from toolgym.agents.training import registry

__all__ = [
    "Clock",
    "HeldOut",
    "TimeIsUpError",
    "evaluate_in_parts",
    "read_lines",
    "train_in_parts",
    "write_json",
    "write_text",
]


def write_json(path: Path, value: Any) -> None:
    """Writes a JSON file at once."""
    write_text(path, json.dumps(value, indent=1) + "\n")


def write_text(path: Path, text: str) -> None:
    """Writes a file at once: others, and whoever comes after a kill, see it whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.{os.getpid()}")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


class TimeIsUpError(Exception):
    """The deadline came: what was done is kept, and the next call goes on from it."""


class Clock:
    """When a call must have stopped.

    Args:
        minutes: what it may take, at most; None: as long as it takes.
        margin_s: how long before that a training is asked to stop: what its longest batch and a checkpoint take.
    """

    def __init__(self, minutes: float | None = None, margin_s: float = 60.0):
        self._end = None if minutes is None else time.monotonic() + 60 * minutes - margin_s
        self.rung = False

    @property
    def left_s(self) -> float | None:
        """Seconds that are left; None: any number."""
        return None if self._end is None else self._end - time.monotonic()

    def check(self) -> None:
        """Raises where no time is left.

        Raises:
            TimeIsUpError: as it says.
        """
        if self.left_s is not None and self.left_s <= 0:
            raise TimeIsUpError

    @contextmanager
    def interrupting(self) -> Iterator[None]:
        """Interrupts what runs inside at the deadline, as Ctrl-C would.

        Raises:
            TimeIsUpError: in the place of that interrupt.
        """
        self.check()
        if self.left_s is None:
            yield
            return

        def ring(number: int, frame: FrameType | None) -> None:
            self.rung = True
            signal.raise_signal(signal.SIGINT)

        before = signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, self.left_s)
        try:
            yield
        except KeyboardInterrupt:
            if self.rung:
                raise TimeIsUpError from None
            raise
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)


def train_in_parts(algo: str, words: Sequence[str], folder: Path, clock: Clock) -> None:
    """Trains in this process where that is not done, from the last checkpoint where there is one.

    `trained.json` says what it cost, all parts together.

    Raises:
        TimeIsUpError: the deadline came; the next call goes on.
        RuntimeError: the training failed; its last words.
    """
    done, spent = folder / "trained.json", folder / "spent.json"
    if done.is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    before = json.loads(spent.read_text(encoding="utf-8")) if spent.is_file() else {"seconds": 0.0, "cpu_seconds": 0.0}
    started, computed = time.monotonic(), time.process_time()
    try:
        with clock.interrupting():
            _run(algo, words, folder)
    finally:
        now = {"seconds": time.monotonic() - started, "cpu_seconds": time.process_time() - computed}
        cost = {name: round(before[name] + value, 1) for name, value in now.items()}
        write_json(spent, cost)
        gc.collect()
    write_json(done, {"algo": algo, "words": list(words), **cost})
    for checkpoint in folder.glob("checkpoint-*"):
        shutil.rmtree(checkpoint)


def _run(algo: str, words: Sequence[str], folder: Path) -> None:
    log_path = folder / "train.log"
    with log_path.open("a", encoding="utf-8") as log, redirect_stdout(log), redirect_stderr(log):
        words = [*words, "--resume" if any(folder.glob("checkpoint-*")) else "--overwrite"]
        print(f"toolgym train --algo {algo}", *words, flush=True)
        try:
            registry.main(algo, words)
        except (Exception, SystemExit) as error:
            log.write(f"{type(error).__name__}: {error}\n")
            log.flush()
            last = log_path.read_text(encoding="utf-8").strip().splitlines()[-5:]
            raise RuntimeError(f"{folder}\n" + "\n".join(last)) from error


@dataclass(frozen=True)
class HeldOut:
    """Tasks that every row is evaluated on."""

    name: str
    env: str
    split: str
    env_options: Mapping[str, Any]
    tasks: int
    trials: int


def evaluate_in_parts(
    model: str,
    test: HeldOut,
    folder: Path,
    clock: Clock,
    *,
    max_new_tokens: int,
    context_tokens: int,
    threads: int | None,
    parts: int | None = None,
) -> dict[str, Any]:
    """A model's outcomes on a test at temperature 1, made once and kept at `folder/NAME.json`.

    Keys: `solved` and `state` (task id -> each trial: solved, and whether the final state was right whatever was said),
    `depth` (task id -> gold calls), `recall`, `turns` (means over episodes) and `cpu_seconds`. Episodes that the
    infrastructure lost are left out.

    Raises:
        TimeIsUpError: the deadline came; the next call goes on with the next slice.
    """
    path = folder / f"{test.name}.json"
    if path.is_file():
        return json.loads(path.read_text(encoding="utf-8"))
    count = parts or test.trials
    slices = [folder / f"{test.name}-{part + 1}-of-{count}.json" for part in range(count)]
    policy = None
    for part, kept in enumerate(slices):
        if kept.is_file():
            continue
        clock.check()
        if policy is None:
            policy = _policy(model, max_new_tokens, context_tokens, threads)
        with clock.interrupting():
            write_json(kept, _play(policy, test, part, count))
    found = [json.loads(kept.read_text(encoding="utf-8")) for kept in slices]
    out = _together(found)
    write_json(path, out)
    for kept in slices:
        kept.unlink()
    return out


def _policy(model: str, max_new_tokens: int, context_tokens: int, threads: int | None) -> Any:
    from toolgym.agents.policies import LMPolicy, SamplingOptions
    from toolgym.agents.policies.machine import set_threads

    set_threads(threads)
    return LMPolicy.load(model, SamplingOptions(max_new_tokens=max_new_tokens, context_tokens=context_tokens), seed=0)


def _play(policy: Any, test: HeldOut, part: int, count: int) -> dict[str, Any]:
    """A slice's episodes."""
    from toolgym.agents.evaluation.evaluation import play

    computed = time.process_time()
    policy.reseed(0, part)
    options = EvalOptions(
        env_id=test.env,
        split=test.split,
        episodes=test.tasks,
        k=test.trials,
        env_options=test.env_options,
        agent=AgentOptions(concurrency=64),
    )
    scores = play(policy, options, part=(part, count))
    rows = [
        [s.task_id, s.trial, s.depth, s.solved, bool(s.state_right), s.turns, s.tool_recall]
        for s in scores.values()
        if s.counts
    ]
    return {"episodes": rows, "cpu_seconds": round(time.process_time() - computed, 1)}


def _together(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    rows = sorted(row for one in found for row in one["episodes"])
    solved, state, depth = defaultdict(list), defaultdict(list), {}
    for task, _, gold, done, right, *_ in rows:
        solved[task].append(done)
        state[task].append(right)
        depth[task] = gold
    recalls = [row[6] for row in rows if row[6] is not None]
    return {
        "solved": dict(solved),
        "state": dict(state),
        "depth": depth,
        "recall": sum(recalls) / len(recalls) if recalls else None,
        "turns": sum(row[5] for row in rows) / max(len(rows), 1),
        "cpu_seconds": round(sum(one["cpu_seconds"] for one in found), 1),
    }


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a training's `metrics.jsonl`; none where there is none."""
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
