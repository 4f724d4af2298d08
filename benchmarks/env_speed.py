"""How fast an environment is: reset, step and fork, beside the same tool call by other ways, in one run.

    python -m benchmarks.env_speed                      # a table
    python -m benchmarks.env_speed --json               # the same for programs
    python -m benchmarks.env_speed --million            # and a million steps, with the memory they take
    python -m benchmarks.env_speed --all                # step, fork, reset and task making of every domain, a row each
    python -m benchmarks.env_speed --ray                # and steps in a Ray actor

A step is all that the environment does for one action: it parses the message, validates and runs the call, scores the
rewards and writes the observation. Figures are medians over single calls, with 10th and 90th percentiles, on one core.
"""

import asyncio
import gc
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import gymnasium
import numpy as np
import typer
from fastmcp import Client
from rich.console import Console
from rich.progress import track
from rich.table import Table

import toolgym  # noqa: F401 (registers the environments)
from toolgym.env import ToolEnv
from toolgym.mcp.serve import serving
from toolgym.mcp_servers.airline.lookups import get_reservation_details
from toolgym.messages import ToolCall, Turn, render
from toolgym.vector import ToolVectorEnv
from toolgym.world import World

ENV_ID = "ToolGym/Airline-v0"
TOOL = "get_reservation_details"
EPISODE_STEPS = 8
"""Reading steps an episode, before it is reset: a usual length."""
CHANGED_RECORDS = 10
AIMS_US = {"step": 60.0, "reset": 100.0, "fork": 20.0}


@dataclass(frozen=True)
class Timing:
    """Microseconds a call: median, 10th and 90th percentile, over `n` calls."""

    name: str
    median_us: float
    p10_us: float
    p90_us: float
    n: int

    @classmethod
    def of(cls, name: str, seconds: list[float]) -> "Timing":
        p10, median, p90 = (float(value) * 1e6 for value in np.percentile(seconds, [10, 50, 90]))
        return cls(name, median, p10, p90, len(seconds))


def timed(call: Callable[[], Any], n: int) -> list[float]:
    """Seconds of each of `n` calls, after a tenth as many to warm up."""
    for _ in range(max(1, n // 10)):
        call()
    seconds = []
    for _ in range(n):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return seconds


@contextmanager
def one_core() -> Iterator[None]:
    """Keeps the process on one core, where the system lets it, and the garbage collector out of single timings."""
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    if allowed is not None:
        os.sched_setaffinity(0, {max(allowed)})
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        if allowed is not None:
            os.sched_setaffinity(0, allowed)


def reading_action(env: ToolEnv) -> str:
    """A call of the reading tool on a record of the environment's present world."""
    world: World = env.session.world  # type: ignore[attr-defined]
    return render(Turn(calls=(ToolCall(TOOL, {"reservation_id": next(world.keys("reservations"))}),)))


def steps_of_episodes(env: Any, n: int) -> list[float]:
    """Seconds of `n` reading steps, in episodes of usual length on one task."""
    seconds: list[float] = []
    while len(seconds) < n:
        env.reset(options={"task": 0})
        action = reading_action(env.unwrapped)
        for _ in range(EPISODE_STEPS):
            start = time.perf_counter()
            env.step(action)
            seconds.append(time.perf_counter() - start)
    return seconds


def measure_env(size: str, prompt: str, n: int) -> list[Timing]:
    """Reset, step and fork of the environment, bare and behind Gymnasium's optional wrappers."""
    env = gymnasium.make(ENV_ID, size=size, prompt=prompt).unwrapped
    assert isinstance(env, ToolEnv)
    wrapped = gymnasium.wrappers.OrderEnforcing(gymnasium.wrappers.PassiveEnvChecker(env))
    env.reset(options={"task": 0})
    timings = [Timing.of("reset", timed(lambda: env.reset(options={"task": 0}), n))]
    env.reset(seed=0)
    new_tasks = timed(env.reset, min(n, 100))
    steps_of_episodes(env, n // 10)
    timings.append(Timing.of("step", steps_of_episodes(env, n)))
    env.reset(options={"task": 0})
    world: World = env.session.world  # type: ignore[attr-defined]
    keys = list(world.keys("reservations"))[:CHANGED_RECORDS]
    for key in keys:
        world.edit("reservations", key)["status"] = "changed"
    assert sum(len(records) for records in world.diff().values()) == CHANGED_RECORDS
    timings.append(Timing.of("fork", timed(env.fork, n)))
    timings.append(Timing.of("step behind PassiveEnvChecker and OrderEnforcing", steps_of_episodes(wrapped, n)))
    timings.append(Timing.of("reset to a task that is generated first", new_tasks))
    return timings


def measure_ways(size: str, n: int) -> list[Timing]:
    """The same tool by other ways: bare, through the in-process session, and through FastMCP's client."""
    env = gymnasium.make(ENV_ID, size=size).unwrapped
    assert isinstance(env, ToolEnv)
    server = env.domain.server  # type: ignore[attr-defined]
    world, session = World(server.base()), server.session()
    arguments = {"reservation_id": next(world.keys("reservations"))}
    call = ToolCall(TOOL, arguments)
    assert not session.call(call).is_error
    timings = [
        Timing.of("bare Python function", timed(lambda: get_reservation_details(world, **arguments), n)),
        Timing.of("in-process session", timed(lambda: session.call(call), n)),
    ]

    async def through_client(name: str, target: Any, calls: int) -> Timing:
        async with Client(target) as client:
            seconds = []
            for number in range(calls + calls // 10):
                start = time.perf_counter()
                result = await client.call_tool(TOOL, arguments)
                if number >= calls // 10:
                    seconds.append(time.perf_counter() - start)
                assert not result.is_error
            return Timing.of(name, seconds)

    timings.append(asyncio.run(through_client("FastMCP client, in memory", server.fastmcp, max(20, n // 10))))
    with serving(server) as url:
        timings.append(asyncio.run(through_client("FastMCP client, HTTP", url, max(20, n // 20))))
    return timings


def measure_ray(size: str, prompt: str, n: int) -> Timing:
    """A step of an environment that is in an actor."""
    from toolgym.ray_envs import ray_envs

    local = gymnasium.make(ENV_ID, size=size, prompt=prompt).unwrapped
    assert isinstance(local, ToolEnv)
    local.reset(options={"task": 0})
    action = reading_action(local)
    (env,) = ray_envs(ENV_ID, 1, 1, {"size": size, "prompt": prompt})
    seconds: list[float] = []
    while len(seconds) < n:
        env.reset(options={"task": 0})
        seconds += timed(lambda: env.step(action), EPISODE_STEPS)
    env.close()
    return Timing.of("step in a Ray actor", seconds)


def measure_vector(size: str, prompt: str, num_envs: int, rounds: int) -> dict[str, float]:
    """Steps a CPU second of one episode and of many in `ToolVectorEnv`, in turns.

    CPU time, because a vector step is long enough to be interrupted by whatever else runs, and a single one is not.
    """
    env = gymnasium.make(ENV_ID, size=size, prompt=prompt).unwrapped
    assert isinstance(env, ToolEnv)
    vector = ToolVectorEnv(num_envs, env)
    single_s: list[float] = []
    vector_s: list[float] = []
    for _ in range(rounds):
        env.reset(options={"task": 0})
        action = reading_action(env)
        for _ in range(num_envs):
            env.reset(options={"task": 0})
            start = time.process_time()
            for _ in range(EPISODE_STEPS):
                env.step(action)
            single_s.append((time.process_time() - start) / EPISODE_STEPS)
        for _ in range(4):
            vector.reset(options={"task": 0})
            start = time.process_time()
            for _ in range(EPISODE_STEPS):
                vector.step([action] * num_envs)
            vector_s.append((time.process_time() - start) / EPISODE_STEPS / num_envs)
    vector.close()
    single, many = 1 / float(np.median(single_s)), 1 / float(np.median(vector_s))
    return {
        "num_envs": num_envs,
        "single_steps_per_cpu_s": single,
        "vector_steps_per_cpu_s": many,
        "ratio": many / single,
    }


def resident_mib() -> float:
    """The process's resident memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def measure_memory(size: str, prompt: str, steps: int, quiet: bool) -> dict[str, Any]:
    """Resident memory over many steps, in episodes over a hundred tasks; flat after the first tenth."""
    env = gymnasium.make(ENV_ID, size=size, prompt=prompt).unwrapped
    assert isinstance(env, ToolEnv)
    curve, done, start = [], 0, time.perf_counter()
    blocks = 20
    for _ in track(range(blocks), "steps", disable=quiet, console=Console(file=sys.stderr)):
        while done < steps * (len(curve) + 1) / blocks:
            env.reset(options={"task": done % 100})
            action = reading_action(env)
            for _ in range(EPISODE_STEPS):
                env.step(action)
            done += EPISODE_STEPS
        curve.append(resident_mib())
    settled = curve[blocks // 10 :]
    return {
        "steps": done,
        "seconds": time.perf_counter() - start,
        "resident_mib": curve,
        "growth_mib": settled[-1] - settled[0],
    }


def show(report: dict[str, Any], console: Console) -> None:
    """Prints the report as tables."""
    table = Table(title=f"{ENV_ID}, size={report['size']}, prompt={report['prompt']}", title_justify="left")
    for column in ("what", "median µs", "p10 to p90", "aim µs"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for entry in report["env"] + report["ways"]:
        spread = f"{entry['p10_us']:,.1f} to {entry['p90_us']:,.1f}"
        aim = AIMS_US.get(entry["name"])
        table.add_row(entry["name"], f"{entry['median_us']:,.1f}", spread, f"{aim:.0f}" if aim else "")
    console.print(table)
    vector = report["vector"]
    console.print(f"a step is {report['times_in_memory_client']:.0f} times as fast as the call by the in-memory client")
    console.print(
        f"{vector['num_envs']} episodes in ToolVectorEnv: {vector['vector_steps_per_cpu_s']:,.0f} steps a CPU "
        f"second, {vector['ratio']:.0%} of one episode's {vector['single_steps_per_cpu_s']:,.0f}"
    )
    if "memory" in report:
        memory = report["memory"]
        first, last = memory["resident_mib"][0], memory["resident_mib"][-1]
        console.print(
            f"{memory['steps']:,} steps in {memory['seconds']:.0f} s; resident memory {first:.0f} to {last:.0f} MiB, "
            f"{memory['growth_mib']:+.1f} MiB after the first tenth"
        )


def main(
    size: Annotated[
        str | None, typer.Option(help="The world: small, standard or large (default: standard; with --all small).")
    ] = None,
    prompt: Annotated[Literal["full", "short"], typer.Option(help="The prompt.")] = "full",
    n: Annotated[int | None, typer.Option(help="Calls a figure (default: 2000; with --all 200).")] = None,
    num_envs: Annotated[int, typer.Option(help="Episodes of the vector environment.")] = 64,
    million: Annotated[bool, typer.Option("--million", help="Also take a million steps.")] = False,
    ray: Annotated[bool, typer.Option("--ray", help="Also take steps in a Ray actor.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    all_domains: Annotated[bool, typer.Option("--all", help="Every domain instead, a row each.")] = False,
    only: Annotated[list[str] | None, typer.Option(help="With --all: a domain; may be given several times.")] = None,
) -> None:
    """Measures and prints."""
    if all_domains:
        from benchmarks.domain_speed import measure_all, print_all

        rows = measure_all(size or "small", n or 200, as_json, only or ())
        print(json.dumps([asdict(row) for row in rows], indent=2)) if as_json else print_all(rows, Console())
        return
    size, n = size or "standard", n or 2000
    with one_core():
        # First, as in a program of its own: what the other figures leave behind scatters its memory (a fifth slower).
        vector = measure_vector(size, prompt, num_envs, max(2, n // 100))
        env = measure_env(size, prompt, n)
        memory = measure_memory(size, prompt, 1_000_000, as_json) if million else None
    ways = measure_ways(size, n)
    if ray:
        ways.append(measure_ray(size, prompt, n))
    by_name = {timing.name: timing for timing in [*env, *ways]}
    report = {
        "size": size,
        "prompt": prompt,
        "env": [asdict(timing) for timing in env],
        "ways": [asdict(timing) for timing in ways],
        "times_in_memory_client": by_name["FastMCP client, in memory"].median_us / by_name["step"].median_us,
        "vector": vector,
        **({"memory": memory} if memory else {}),
    }
    if as_json:
        print(json.dumps(report, indent=2))
    else:
        show(report, Console())


if __name__ == "__main__":
    typer.run(main)
