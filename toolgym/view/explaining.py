"""What needs an episode's environment: checklist and when its items were met, the state against the gold's, credit.

The environment is made once more, as `toolgym show` does, and only where its tools run in this process: what a page
asks for must not start servers.
"""

import threading
from collections.abc import Mapping
from typing import Any

from toolgym.errors import ConfigError
from toolgym.reopening import base_of, in_process, reopened
from toolgym.rewards.assertions import BaseLookup, bound, differences
from toolgym.rewards.checklist import satisfied_by_step
from toolgym.rewards.counterfactual import VALUES, contributions, shapley, turns_of
from toolgym.rewards.explaining import why_unsolved
from toolgym.tasks import JudgedCheck, Task
from toolgym.trajectory import Trajectory
from toolgym.world import Diff

__all__ = ["Explainer"]

_MOST_RECORDS = 500
_MOST_STEPS = 60
"""Leave-one-out replays every later step for each step."""


class Explainer:
    """Explains episodes, one at a time.

    Args:
        env_id: the environment of the episodes, where not the one that they name.
        options: of the environment, beside those that the episodes name.
    """

    def __init__(self, env_id: str | None = None, options: Mapping[str, Any] | None = None):
        self.env_id, self.options = env_id, dict(options or {})
        self._lock = threading.Lock()

    def explain(self, trajectory: Trajectory) -> dict[str, Any]:
        """The task, its checklist, the records of the world, and why the episode is not solved, as JSON values.

        Raises:
            ToolGymError: its environment cannot be made; the message says why.
        """
        with self._lock, reopened(trajectory, self.env_id, self.options) as (env, task):
            _check(env)
            env.reset(options={"task": task.id})
            base = base_of(env)
            reasons = why_unsolved(trajectory, task, base)
            return {
                "task": _task(task),
                "checklist": _checklist(trajectory, task, base),
                "records": _records(trajectory, task, base),
                "reasons": [
                    {"kind": each.kind, "where": each.where, "expected": each.expected, "found": each.found}
                    for each in reasons
                ],
            }

    def credit(self, trajectory: Trajectory, value: str, method: str) -> dict[str, Any]:
        """What each step contributed to a verified value: replays the episode without it, on forks.

        Raises:
            ToolGymError: its environment cannot be made, or not forked; the episode is too long.
        """
        if value not in VALUES or method not in ("leave_one_out", "shapley"):
            raise ConfigError(f"value is one of {', '.join(VALUES)}; method is leave_one_out or shapley")
        if len(trajectory.steps) > _MOST_STEPS:
            raise ConfigError(f"The episode has {len(trajectory.steps)} steps; credit is told up to {_MOST_STEPS}")
        with self._lock, reopened(trajectory, self.env_id, self.options) as (env, task):
            _check(env)
            if "perturbation" in trajectory.meta:
                raise ConfigError("Of an episode with perturbations no credit can be told: they are drawn anew")
            env.reset(options={"task": task.id})
            how = contributions if method == "leave_one_out" else shapley
            found = how(env, task, turns_of(trajectory), value=value)
        return {
            "values": [float(each) for each in found.values],
            "stderr": None if found.stderr is None else [float(each) for each in found.stderr],
            "all": found.v_all,
            "none": found.v_none,
            "exact": found.exact,
            "method": found.method,
            "value": value,
        }


def _check(env: Any) -> None:
    if in_process(env) is None:
        raise ConfigError("its tools do not run in this process, and a page starts no servers")


def _task(task: Task) -> dict[str, Any]:
    return {
        "id": task.id,
        "kind": list(task.kind),
        "composition": task.composition,
        "depth": task.depth,
        "forbidden": task.forbidden,
        "request": task.request,
        "gold": [
            {
                "plan": action.plan,
                "calls": [{"name": call.name, "arguments": call.arguments} for call in action.calls],
                "response": action.response,
            }
            for action in task.gold
        ],
    }


def _checklist(trajectory: Trajectory, task: Task, base: BaseLookup | None) -> list[dict[str, Any]]:
    """Each item with the step (from 0) at which it was met last; None: it is not met."""
    by_step = [set(met) for met in satisfied_by_step(trajectory, task, base, settled=True)]
    out = []
    for item in task.checklist:
        met: int | None = None
        for number, ids in enumerate(by_step):
            met = None if item.id not in ids else number if met is None else met
        judged = isinstance(item.check, JudgedCheck)
        out.append(
            {
                "id": item.id,
                "question": item.question,
                "kind": item.check.type,
                "required": item.required,
                "weight": item.weight,
                "after": list(item.depends_on),
                "met": met,
                "judged": judged,
                "lost": met is None and any(item.id in ids for ids in by_step),
            }
        )
    return out


def _records(trajectory: Trajectory, task: Task, base: BaseLookup | None) -> dict[str, Any]:
    """The records that the episode or the gold chain changed: at the start, as they are, as they should be."""
    wanted: Diff = {} if task.forbidden else task.gold_diff
    found = trajectory.diff
    compared = not task.verdict and bool(task.forbidden or task.gold or task.gold_diff)
    apart: dict[tuple[str, str], list[str]] = {}
    if compared:
        for each in differences(bound(wanted, task.free), bound(found, task.free), task.unordered, base):
            apart.setdefault((each.table, each.key), []).append(each.path)
    keys = [(table, key) for diff in (wanted, found) for table in diff for key in diff[table]]
    rows = []
    for table, key in dict.fromkeys(keys):
        start = None if base is None else base(table, key)
        rows.append(
            {
                "table": table,
                "key": key,
                "start": start,
                "found": found[table][key] if key in found.get(table, {}) else start,
                "wanted": wanted[table][key] if key in wanted.get(table, {}) else start,
                "changed": key in found.get(table, {}),
                "apart": apart.get((table, key)),
                "free": table in task.free,
            }
        )
    rows.sort(key=lambda row: (row["apart"] is None, row["table"], row["key"]))
    return {"compared": compared, "rows": rows[:_MOST_RECORDS], "cut": max(0, len(rows) - _MOST_RECORDS)}
