"""Replays recorded telecom calls of both sides and says how far the `tau2` dialect agrees with its public reference.

    python -m benchmarks.recorded_telecom --data ../shared/data/tau2

`benchmarks/recorded.py` says what the folder holds. A sequence belongs to a task of `telecom/tasks*.json`, which says
what is wrong at first and what must hold at the end: the phone's state and the reward are compared too.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.recorded import run
from toolgym.envs.tau2.states import database_hash, user_hash
from toolgym.mcp_servers.telecom import TOOLS
from toolgym.mcp_servers.telecom.situations import check, set_up
from toolgym.world import World

Judge = Callable[[World, Mapping[str, Any]], Iterator[tuple[str, str | None]]]


tau2_hash = partial(database_hash, "telecom")


def tasks_of(folder: Path) -> tuple[Callable[[World, Mapping[str, Any]], None], Judge]:
    """What sets up the worlds of the tasks in a folder, and what judges them at the end; see `recorded.replay`."""
    tasks = {task["id"]: task for path in sorted(folder.glob("tasks*.json")) for task in json.loads(path.read_bytes())}

    def begin(world: World, sequence: Mapping[str, Any]) -> None:
        state = tasks[sequence["task_id"]]["initial_state"] or {}
        for action in state.get("initialization_actions") or ():
            set_up(world, action["func_name"], action["arguments"])

    def judge(world: World, sequence: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
        wanted = tasks[sequence["task_id"]]["evaluation_criteria"]
        asked = [
            (item["func_name"], item["arguments"], item["assert_value"]) for item in wanted["env_assertions"] or ()
        ]
        if "user_db_hash" in sequence:
            yield "phone", None if user_hash(world) == sequence["user_db_hash"] else "another hash"
        for name, arguments, _, expected, got in sequence.get("env_assertions") or ():
            ours = check(world, name, arguments)
            yield "assertion", None if (ours == expected) == (got == expected) else f"{name}: {ours}, not {got}"
        theirs = sequence.get("rewards", {}).get("all_breakdown", {}).get("ENV_ASSERTION")
        if theirs is not None:
            ours = float(all(check(world, name, arguments) == expected for name, arguments, expected in asked))
            yield "reward", None if ours == theirs else f"{ours}, not {theirs}"

    return begin, judge


if __name__ == "__main__":
    run(TOOLS, tau2_hash, "tau2", tasks_of)
