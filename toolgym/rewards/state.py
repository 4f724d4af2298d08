"""The verified outcome of an episode: does the final state equal the gold chain's, and do the task's assertions hold?

`states_equal` and `holds` (see `toolgym.rewards.assertions`) compare states; `solved` is what `info["outcome"]` says,
and `state_term` the reward made of it. A public benchmark whose verdict is another registers it (`register_verdict`).
"""

from collections.abc import Callable, Mapping

from toolgym.rewards.assertions import BaseLookup, bound, holds, states_equal
from toolgym.rewards.checklist import satisfied
from toolgym.tasks import JudgedCheck, Task
from toolgym.trajectory import Trajectory

__all__ = [
    "Verdict",
    "holds",
    "outcome_term",
    "register_verdict",
    "solved",
    "state_matches",
    "state_term",
    "states_equal",
    "verdict_of",
]

Verdict = Callable[[Trajectory, Task], Mapping[str, float]]
"""The parts of a benchmark's verdict on an episode, by name; it is solved where all of them are 1."""

_VERDICTS: dict[str, Verdict] = {}


def register_verdict(domain: str, verdict: Verdict) -> None:
    """Has a verdict of its own say which episodes of a domain's tasks (`Task.domain`) are solved."""
    _VERDICTS[domain] = verdict


def verdict_of(trajectory: Trajectory, task: Task) -> Mapping[str, float] | None:
    """The parts of the domain's own verdict on an episode; None where the domain has none."""
    verdict = _VERDICTS.get(task.domain)
    return None if verdict is None else verdict(trajectory, task)


def state_matches(trajectory: Trajectory, task: Task, base: BaseLookup | None = None) -> bool:
    """Whether the present state is the gold one (up to `Task.unordered` and `Task.free`) and every assertion holds.

    A forbidden task wants nothing changed. A task that gives neither gold chain nor gold diff is told by its assertions
    alone.
    """
    diff = trajectory.diff
    if task.forbidden:
        if any(diff.values()):
            return False
    elif task.gold or task.gold_diff:
        ours, gold = bound(diff, task.free), bound(task.gold_diff, task.free)
        if not states_equal(ours, gold, task.unordered):
            return False
    return all(holds(assertion, diff, base) for assertion in task.assertions)


def solved(trajectory: Trajectory, task: Task, base: BaseLookup | None = None) -> bool:
    """Whether the task is solved: the state matches and every `required` checklist item is satisfied.

    Judged items are left out. A task with nothing to tell success by (no gold chain, diff, assertion or required item,
    and not forbidden) is never solved. Where the domain has a verdict of its own, that alone counts.
    """
    parts = verdict_of(trajectory, task)
    if parts is not None:
        return all(value == 1.0 for value in parts.values())
    required = [item.id for item in task.checklist if item.required and not isinstance(item.check, JudgedCheck)]
    if not (task.gold or task.gold_diff or task.forbidden or task.assertions or required):
        return False
    if not state_matches(trajectory, task, base):
        return False
    if not required:
        return True
    now = satisfied(trajectory, task, base)
    return all(item in now for item in required)


def _ended_by_itself(trajectory: Trajectory) -> bool:
    return trajectory.outcome not in (None, "truncated", "infra_error") and trajectory.truncation is None


def state_term(trajectory: Trajectory, task: Task) -> float:
    """1.0 at the last step of an episode whose final state matches (`state_matches`), else 0.0.

    An episode that was cut off by a limit, or by the infrastructure, gets 0: it never said that it was done. The last
    step is the one scored when `trajectory.outcome` is set.
    """
    return 1.0 if _ended_by_itself(trajectory) and state_matches(trajectory, task) else 0.0


def outcome_term(trajectory: Trajectory, task: Task) -> float:
    """1.0 at the last step of an episode that is `solved` and was not cut off, else 0.0."""
    return 1.0 if _ended_by_itself(trajectory) and solved(trajectory, task) else 0.0
