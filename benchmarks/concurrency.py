"""What a thousand episodes at once cost: CPU a turn and memory an episode, with tools behind a real HTTP server.

    python -m benchmarks.concurrency                      # 1,000 at once in one process, 16 beside gymnasium's
    python -m benchmarks.concurrency --many 200 --json

The airline's server, all episodes with their simulated users, and the policy are in one process; every call goes over
HTTP. Beside it, gymnasium's `AsyncVectorEnv` steps the same environment in 16 processes against the same sort of server
(in a process of its own, whose CPU time counts too). An episode is five calls of a reading tool and a goodbye. CPU time
is that of all processes; memory of an episode is what resident memory grew by, divided by their number.
"""

import argparse
import functools
import json
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium
import psutil
from gymnasium.vector import AsyncVectorEnv
from rich.console import Console
from rich.table import Table

from benchmarks.servers import http_process
from toolgym.agents.policies import Completion
from toolgym.agents.rollouts.rollout import Rollout, Start, play_all
from toolgym.composing.composer import DeclaredDomain
from toolgym.env import ToolEnv
from toolgym.envs.airline import AIRLINE
from toolgym.mcp.connect import connect
from toolgym.mcp.serve import ServeLimits, serving
from toolgym.mcp_servers.airline import build_server

CALL = '<tool_call>{"name": "calculate", "arguments": {"expression": "2 * 3.14"}}</tool_call>'
CALLS = 5
BYE = "<response>Goodbye.</response>"


class Caller:
    """A policy that makes its calls, says goodbye, and calls again where the user is not done."""

    def __init__(self) -> None:
        self.turns: dict[int, int] = {}

    def start(self, slot: int, observation: str, info: dict[str, Any], env: Any = None) -> list[int]:
        """Opens a slot."""
        self.turns[slot] = 0
        return []

    def observe(self, slot: int, observation: str, info: dict[str, Any]) -> list[int]:
        """Takes no notice."""
        return []

    def generate(self, slots: Sequence[int]) -> list[Completion]:
        """The next turn of each slot."""
        return [self._next(slot) for slot in slots]

    async def turn(self, slot: int) -> Completion:
        """The next turn, as a coroutine, which that of an API is."""
        return self._next(slot)

    def _next(self, slot: int) -> Completion:
        self.turns[slot] += 1
        return Completion(CALL if self.turns[slot] <= CALLS else BYE)

    def end(self, slot: int) -> None:
        """Frees the slot."""
        self.turns.pop(slot, None)


class Remote(DeclaredDomain):
    """The airline with its tools at a URL."""

    def __init__(self, url: str):
        super().__init__(AIRLINE, size="small")
        self.handle = connect(url)
        self.session = self.handle.session  # pyright: ignore[reportAttributeAccessIssue]


def make_env(url: str) -> ToolEnv:
    """One environment with a scripted user."""
    return ToolEnv(Remote(url), split="train", prompt="short", user="scripted", max_turns=CALLS + 1)


def rss() -> int:
    """Resident bytes of this process."""
    return psutil.Process().memory_info().rss


def ours(count: int, episodes: int) -> dict[str, Any]:
    """`count` episodes at once in this process."""
    with serving(build_server(size="small"), limits=ServeLimits(connections=4 * count + 64)) as url:
        first = make_env(url)
        tasks = [Start(options={"task": index % 50}) for index in range(episodes)]
        play_all(Caller(), [first], tasks[:50], lambda *_: None)  # makes the tasks, which all share
        before = rss()
        envs = [first, *(first.spawn() for _ in range(count - 1))]
        turns, most, outcomes = 0, 0, dict[str, int]()

        def ended(index: int, rollout: Rollout) -> None:
            nonlocal turns, most
            turns += len(rollout.rewards)
            outcomes[str(rollout.outcome)] = outcomes.get(str(rollout.outcome), 0) + 1
            if index % 50 == 0:
                most = max(most, rss())

        began, cpu = time.perf_counter(), time.process_time()
        play_all(Caller(), envs, tasks, ended)
        row = _row("ToolGym's rollouts", count, turns, time.process_time() - cpu, time.perf_counter() - began)
        for env in envs:
            env.close()
        first.domain.handle.close()  # pyright: ignore[reportAttributeAccessIssue]
    return {**row, "memory_kib": (most - before) / count / 1024, "outcomes": outcomes}


def gymnasiums(count: int, rounds: int) -> dict[str, Any]:
    """`count` processes of gymnasium's; `rounds` episodes each."""
    with http_process() as url:
        server = [process.pid for process in psutil.Process().children()]
        makers: Sequence[Callable[[], gymnasium.Env]] = [functools.partial(make_env, url) for _ in range(count)]
        envs = AsyncVectorEnv(makers, shared_memory=False, context="spawn")
        workers = [process.pid for process in envs.processes]
        pids = [*workers, *server]
        tasks = {"task": 0}
        envs.reset(options=tasks)
        started = sum(_cpu_of(pid) for pid in pids)
        own, began, turns = time.process_time(), time.perf_counter(), 0
        for _ in range(rounds):
            for action in (*(CALL for _ in range(CALLS)), BYE):
                envs.step([action] * count)
                turns += count
            envs.reset(options=tasks)
        wall = time.perf_counter() - began
        cpu = time.process_time() - own + sum(_cpu_of(pid) for pid in pids) - started
        memory = sum(psutil.Process(pid).memory_full_info().uss for pid in workers) / count / 1024
        envs.close()
    row = _row("gymnasium's AsyncVectorEnv", count, turns, cpu, wall)
    return {**row, "memory_kib": memory}


def _cpu_of(pid: int) -> float:
    used = psutil.Process(pid).cpu_times()
    return used.user + used.system


def _row(name: str, count: int, turns: int, cpu: float, wall: float) -> dict[str, Any]:
    return {"what": name, "at_once": count, "turns": turns, "cpu_ms": cpu / turns * 1e3, "turns_per_s": turns / wall}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--many", type=int, default=1000, help="episodes at once in one process")
    parser.add_argument("--few", type=int, default=16, help="episodes at once beside as many processes of gymnasium's")
    parser.add_argument("--json", action="store_true", help="print JSON")
    chosen = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    rows = [
        ours(chosen.many, 2 * chosen.many),
        ours(chosen.few, 8 * chosen.few),
        gymnasiums(chosen.few, 8),
    ]
    if chosen.json:
        print(json.dumps(rows, indent=2))
        return
    table = Table()
    for name in ("what", "at once", "CPU a turn, ms", "turns/s", "memory an episode, KiB"):
        table.add_column(name, justify="left" if name == "what" else "right")
    for row in rows:
        numbers = (f"{row['cpu_ms']:.2f}", f"{row['turns_per_s']:.0f}", f"{row['memory_kib']:,.0f}")
        table.add_row(row["what"], f"{row['at_once']:,}", *numbers)
    Console().print(table)


if __name__ == "__main__":
    main()
