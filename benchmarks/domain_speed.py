"""How fast every domain is: step, fork, reset and task making (`python -m benchmarks.env_speed --all`).

A step makes one reading call of a task's gold chain. Tasks are made in order, and at random places of the split as a
training run meets them; each is made for the first time, in worlds and of kinds that may be new too. CPU time, for
other programs may run beside.
"""

import gc
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

import toolgym  # noqa: F401 (registers the environments)
from toolgym.composing.making import TaskMaker
from toolgym.env import ToolEnv
from toolgym.messages import Turn, render
from toolgym.registration import make_domain, needs_user, own_domains

AIMS_US = {"step": 30.0, "fork": 10.0, "reset": 40.0, "task": 2_000.0}
BESIDE = "airline"
"""The domain that the others are compared with."""
_STEPS = 8
"""Reading steps an episode, before it is reset: a usual length."""
_WARM, _TASKS = 100, 150
_ANYWHERE = 20
"""Tasks at random places: those of a process that has just begun, so most are in a world that is built for them."""


@dataclass(frozen=True)
class Row:
    """Microseconds of CPU time: (median, 90th percentile)."""

    domain: str
    step: tuple[float, float]
    fork: tuple[float, float]
    reset: tuple[float, float]
    task: tuple[float, float]
    """Made in order: its kind drawn, and the task made."""
    kind: tuple[float, float]
    """Of that, the drawing: a kind that comes for the first time is tried out, once a process."""
    task_anywhere: tuple[float, float]
    """Made at random places."""


def _of(seconds: Sequence[float]) -> tuple[float, float]:
    median, p90 = (float(value) * 1e6 for value in np.percentile(seconds, [50, 90]))
    return median, p90


def _timed(call: Callable[[], Any], n: int, times: int = 20) -> list[float]:
    """Seconds of a call, means over `times` calls each: a single one is shorter than the clock tells."""
    for _ in range(max(1, n // 10)):
        call()
    out = []
    for _ in range(max(1, n // times)):
        start = time.process_time()
        for _ in range(times):
            call()
        out.append((time.process_time() - start) / times)
    return out


def _made(maker: TaskMaker, indices: Sequence[int]) -> tuple[list[float], list[float]]:
    """Seconds of each task, and of the drawing of its kind."""
    tasks, kinds = [], []
    for index in indices:
        start = time.process_time()
        maker.recipe(index)
        drawn = time.process_time()
        maker.make(index)
        tasks.append(time.process_time() - start)
        kinds.append(drawn - start)
    return tasks, kinds


def _env_id(name: str) -> str:
    return next(env_id for env_id, spec in gymnasium.registry.items() if spec.kwargs.get("domain") == name)


def measure_domain(name: str, size: str, n: int) -> Row:
    """The row of a domain."""
    user = "scripted" if needs_user(name) else "none"
    env = gymnasium.make(_env_id(name), size=size, user=user, max_turns=10_000).unwrapped
    assert isinstance(env, ToolEnv)
    maker: TaskMaker = env.domain.new_maker("train")  # type: ignore[attr-defined]
    _made(maker, range(_WARM))
    in_order, kinds = _made(maker, range(_WARM, _WARM + _TASKS))
    at_random, _ = _made(maker, np.random.default_rng(0).permutation(len(env.tasks))[:_ANYWHERE].tolist())
    gc.collect()
    gc.freeze()
    env.reset(options={"task": 0})
    resets = _timed(lambda: env.reset(options={"task": 0}), n)
    looks = ((task, call) for task in map(env.tasks.__getitem__, range(_WARM)) for call in task.gold_calls)
    task, look = next((task, call) for task, call in looks if not call.writes)
    action = render(Turn(calls=(look.call(),)))
    steps: list[float] = []
    for episode in range(max(20, n // _STEPS)):
        env.reset(options={"task": task})
        start = time.process_time()
        for _ in range(_STEPS):
            env.step(action)
        if episode >= 10:
            steps.append((time.process_time() - start) / _STEPS)
    env.reset(options={"task": 0})
    for turn in env.task.gold[:-1]:
        env.step(render(Turn(plan=turn.plan, calls=tuple(call.call() for call in turn.calls))))
    forks = _timed(env.fork, n)
    gc.unfreeze()
    env.close()
    return Row(name, _of(steps), _of(forks), _of(resets), _of(in_order), _of(kinds), _of(at_random))


def measure_all(size: str, n: int, quiet: bool, only: Sequence[str] = ()) -> list[Row]:
    """A row for each of ToolGym's own domains, or of those that are named."""
    names, console = list(only) or own_domains(), Console(file=sys.stderr)
    for name in names:
        make_domain(name)  # a mistyped one is told before anything is measured
    return [measure_domain(name, size, n) for name in track(names, "domains", disable=quiet, console=console)]


def print_all(rows: Sequence[Row], console: Console) -> None:
    """The rows as a table: median and 90th percentile, and task making beside the airline's."""
    table = Table(title="CPU time, median and 90th percentile", title_justify="left")
    for column in ("domain", "step us", "fork us", "reset us", "task ms", "its kind", "anywhere ms", f"x {BESIDE}"):
        table.add_column(column, justify="left" if column == "domain" else "right", no_wrap=True)
    beside = next((row for row in rows if row.domain == BESIDE), rows[0])
    for row in rows:
        short = (("step", row.step), ("fork", row.fork), ("reset", row.reset))
        us = [_shown(value, AIMS_US[name]) for name, value in short]
        ms = [_shown(value, AIMS_US["task"], 1e3) for value in (row.task, row.kind, row.task_anywhere)]
        table.add_row(row.domain, *us, *ms, f"{row.task[0] / beside.task[0]:.2f}")
    console.print(table)
    aims = ", ".join(f"{name} {aim / 1e3:g} ms" if aim > 999 else f"{name} {aim:g} us" for name, aim in AIMS_US.items())
    console.print(
        f"Aims of the medians: {aims}; * is above. Tasks: in order (of it the kind), and anywhere.", highlight=False
    )


def _shown(value: tuple[float, float], aim: float, unit: float = 1.0) -> str:
    median, p90 = value
    return f"{median / unit:.1f} {p90 / unit:.1f}{'*' if median > aim else ' '}"
