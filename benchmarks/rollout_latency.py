"""How well rollouts hide what tools take: wall time of the same episodes with tools that answer at once, late or never.

    python -m benchmarks.rollout_latency                          # 64 episodes, 32 at once, three rounds
    python -m benchmarks.rollout_latency --rounds 1 --json
    python -m benchmarks.rollout_latency --plot docs/img/rollout_latency.png
    python -m benchmarks.rollout_latency --cpu-time               # on a machine that others keep busy

The built-in policy plays the small airline. A step waits before it answers: not at all, 100 ms, 100 ms on average
(exponential, drawn by episode and step), or 100 ms and, in one episode of 32, for ever, until `step_timeout_s` ends it.
No run can be faster than its generation alone (the seconds in the model without any waiting, in the same round), nor
than its slowest episode (its waiting, and its tokens at the pace of an episode that has the model to itself). The ratio
is the wall time's to the larger of the two. With --cpu-time the clock is that of the thread that samples: its CPU time
and what it waits, without what other processes take of the machine. Tools wait by the same clock; the
limit on a step is the wall's.
"""

import argparse
import asyncio
import json
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from toolgym.agents.policies import LMPolicy, SamplingOptions, load_model
from toolgym.agents.rollouts import Rollout, Start, rollouts
from toolgym.agents.rollouts.waiting import Arrival, Waiting
from toolgym.env import ToolEnv
from toolgym.opening import open_env

HANGS = 20
"""How many times the usual wait a step that hangs is waited for."""
EVERY = 32
"""One episode of so many meets a tool that hangs, in its second step."""
TOOLS = ("at once", "constant", "exponential", "one of 32 hangs")


class Clock:
    """Seconds: of the wall, or of the thread that made it (its CPU time, and what it waits for arrivals)."""

    def __init__(self, cpu_time: bool):
        self.cpu_time = cpu_time
        self._cpu = time.pthread_getcpuclockid(threading.get_ident()) if cpu_time else None
        self._waited, self._since = 0.0, None

    def now(self) -> float:
        """The time, for whatever thread asks."""
        if self._cpu is None:
            return time.perf_counter()
        since = self._since
        return time.clock_gettime(self._cpu) + self._waited + (time.perf_counter() - since if since else 0.0)

    def put_forward(self, seconds: float) -> None:
        """Counts so much as waited."""
        self._waited += seconds

    async def sleep(self, seconds: float) -> None:
        """Waits by this clock, which is never faster than the wall's."""
        due = self.now() + seconds
        while (left := due - self.now()) > 0:
            await asyncio.sleep(max(left, 1e-3))

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Counts what rollouts wait for arrivals meanwhile."""
        take = Waiting.take

        def watched(waiting: Waiting, wait_s: float | None = 0.0) -> Arrival | None:
            self._since = time.perf_counter()
            try:
                return take(waiting, wait_s)
            finally:
                self._waited, self._since = self._waited + time.perf_counter() - self._since, None

        Waiting.take = watched  # pyright: ignore[reportAttributeAccessIssue]
        try:
            yield
        finally:
            Waiting.take = take


class SlowEnv:
    """An environment whose steps wait before they answer; the waiting depends on the episode and the step alone."""

    def __init__(self, env: ToolEnv, tools: str, mean_s: float, clock: Clock):
        self.env, self.tools, self.mean_s, self.clock = env, tools, mean_s, clock
        self.suspends = tools != TOOLS[0]
        self.task = self.steps = 0

    @property
    def trajectory(self) -> Any:
        return self.env.trajectory

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """The environment's own reset, at once."""
        self.task, self.steps = (options or {})["task"], 0
        return self.env.reset(seed=seed, options=options)

    def step(self, action: str) -> Any:
        """The environment's own step, at once."""
        return self.env.step(action)

    async def step_async(self, action: str) -> Any:
        """Waits, and takes the step."""
        await self.clock.sleep(self._next_wait())
        return self.env.step(action)

    def _next_wait(self) -> float:
        self.steps += 1
        return self.mean_s * waits(self.tools, self.task, self.steps - 1)


def waits(tools: str, task: int, step: int) -> float:
    """What a step waits, in usual waits."""
    if tools == TOOLS[0]:
        return 0.0
    if tools == TOOLS[2]:
        return float(np.random.default_rng(np.random.SeedSequence(7, spawn_key=(task, step))).exponential())
    return 1e6 if tools == TOOLS[3] and task % EVERY == EVERY // 2 and step == 1 else 1.0


def play(
    policy: LMPolicy, envs: Sequence[ToolEnv], episodes: int, tools: str, mean_s: float, clock: Clock
) -> tuple[float, float, list[Rollout]]:
    """The time it took, the seconds of it in the model, and the episodes."""
    policy.reseed(0)
    inside, generate = [0.0], policy.generate_some

    def timed(*given: Any) -> Any:
        began = clock.now()
        try:
            return generate(*given)
        finally:
            inside[0] += clock.now() - began

    policy.generate_some = timed  # pyright: ignore[reportAttributeAccessIssue]
    slow = [SlowEnv(env, tools, mean_s, clock) for env in envs]
    limit_s = HANGS * mean_s if tools == TOOLS[3] else None
    began = clock.now()
    with clock.watching():
        starts = [Start(options={"task": task}) for task in range(episodes)]
        played = rollouts(policy, slow, starts, step_timeout_s=limit_s)
    took_s = clock.now() - began
    policy.generate_some = generate
    policy.release()
    return took_s, inside[0], played


def token_s(policy: LMPolicy, env: ToolEnv, clock: Clock) -> float:
    """Seconds a token of an episode that has the model to itself."""
    wall_s, _, played = play(policy, [env], 3, TOOLS[0], 0.0, clock)
    return wall_s / sum(sum(rollout.env_mask) for rollout in played)


def slowest_s(played: Sequence[Rollout], tools: str, mean_s: float, a_token_s: float) -> float:
    """The waiting and the tokens of the slowest episode."""
    return max(
        mean_s * sum(min(waits(tools, task, step), HANGS) for step in range(len(rollout.spans)))
        + sum(rollout.env_mask) * a_token_s
        for task, rollout in enumerate(played)
    )


def measure(episodes: int, slots: int, rounds: int, mean_s: float, clock: Clock) -> list[dict[str, Any]]:
    """A row for each sort of tools: medians over the rounds, with the smallest and the largest ratio."""
    torch.set_num_threads(1)
    model, tokenizer = load_model("builtin:clean")
    policy = LMPolicy(model, tokenizer, SamplingOptions(max_new_tokens=200, context_tokens=1536))
    env = open_env("ToolGym/Airline-v0", size="small", prompt="short")
    envs = [env, *(env.spawn() for _ in range(slots - 1))]
    play(policy, envs, min(8, episodes), TOOLS[0], 0.0, clock)  # warms up
    found: dict[str, list[dict[str, float]]] = {tools: [] for tools in TOOLS}
    tokens: dict[str, list[list[int]]] = {}
    for _ in range(rounds):
        alone_s, a_token_s = 0.0, token_s(policy, env, clock)
        for tools in TOOLS:
            wall_s, inside_s, played = play(policy, envs, episodes, tools, mean_s, clock)
            alone_s = alone_s or inside_s
            slow_s = slowest_s(played, tools, mean_s, a_token_s)
            tokens[tools] = [rollout.completion_ids for rollout in played]
            row = {"wall_s": wall_s, "generation_s": alone_s, "slowest_s": slow_s}
            found[tools].append({**row, "ratio": wall_s / max(alone_s, slow_s)})
    return [
        {
            "tools": tools,
            **{name: statistics.median(row[name] for row in rows) for name in rows[0]},
            "ratio_from": min(row["ratio"] for row in rows),
            "ratio_to": max(row["ratio"] for row in rows),
            "same_tokens": sum(one == other for one, other in zip(tokens[tools], tokens[TOOLS[0]], strict=True)),
        }
        for tools, rows in found.items()
    ]


def plot(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Bars of the wall times, and beside them what they cannot fall below."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 3.2), layout="constrained")
    at = np.arange(len(rows))
    for offset, (name, label) in enumerate(
        (("wall_s", "all episodes"), ("generation_s", "generation alone"), ("slowest_s", "slowest episode"))
    ):
        axes.bar(at + (offset - 1) * 0.27, [cast(float, row[name]) for row in rows], 0.25, label=label)
    axes.set_xticks(at, [row["tools"] for row in rows])
    axes.set_ylabel("seconds")
    axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=64)
    parser.add_argument("--slots", type=int, default=32, help="episodes at once")
    parser.add_argument("--rounds", type=int, default=3, help="how often all are measured, by turns")
    parser.add_argument("--latency-ms", type=float, default=100.0, help="what a step waits, on average")
    parser.add_argument("--cpu-time", action="store_true", help="without what other processes take of the machine")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the table to this PNG")
    parser.add_argument("--json", action="store_true", help="print JSON")
    chosen = parser.parse_args()
    rows = measure(chosen.episodes, chosen.slots, chosen.rounds, chosen.latency_ms / 1e3, Clock(chosen.cpu_time))
    if chosen.plot is not None:
        plot(rows, chosen.plot)
    if chosen.json:
        print(json.dumps(rows, indent=2))
        return
    table = Table(
        title=f"{chosen.episodes} episodes, {chosen.slots} at once, {chosen.latency_ms:g} ms a step",
        title_justify="left",
    )
    for name in ("tools", "wall, s", "generation alone, s", "slowest episode, s", "ratio", "same tokens"):
        table.add_column(name, justify="left" if name == "tools" else "right")
    for row in rows:
        ratio = f"{row['ratio']:.2f} ({row['ratio_from']:.2f} to {row['ratio_to']:.2f})"
        seconds = (f"{row[name]:.1f}" for name in ("wall_s", "generation_s", "slowest_s"))
        table.add_row(row["tools"], *seconds, ratio, f"{row['same_tokens']} of {chosen.episodes}")
    Console().print(table)


if __name__ == "__main__":
    main()
