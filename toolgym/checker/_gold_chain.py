"""Whether a task of one's own is solved by its own gold chain."""

from toolgym.checker._transcripts import play_gold
from toolgym.custom import CustomDomain
from toolgym.domain import Domain
from toolgym.env import ToolEnv
from toolgym.messages import Turn
from toolgym.rewards.explaining import why_unsolved
from toolgym.rewards.state import solved
from toolgym.tasks import Task
from toolgym.tasks.freezing import Execution, freeze

__all__ = ["gold_misses"]

_CLOSINGS = 3
"""Responses after a gold chain that its user is not content with yet."""


def gold_misses(execution: Execution, domain: Domain) -> str:
    """What keeps a task from being solved when its gold chain is played in an environment; empty: nothing.

    Args:
        execution: of the task's gold chain.
        domain: whose servers and policy the environment has.

    Raises:
        InfraError: the server failed.
    """
    task, session = execution.task, domain.session()
    world_key = getattr(domain, "world_key", lambda task: None)
    try:
        known = {**task.meta, "frozen": execution.frozen.model_dump(mode="json")}
        task = freeze(task.model_copy(update={"meta": known}), session)
        own = CustomDomain(lambda: session, [task], policy=domain.policy(), world_key=world_key)
        turns, calls = len(task.gold) + _CLOSINGS + 1, len(task.gold_calls) + 1
        user = "scripted" if _talks(task) else "none"
        env = ToolEnv(own, split=task.split, user=user, max_turns=turns, max_calls=calls)
        env.reset(seed=0)
        play_gold(env, [Turn(response="Done.")] * _CLOSINGS)
        trajectory = env.trajectory
    finally:
        session.close()
    if solved(trajectory, task):
        return ""
    reasons = why_unsolved(trajectory, task)
    return "; ".join(f"{reason.where}: expected {reason.expected}, found {reason.found}" for reason in reasons)


def _talks(task: Task) -> bool:
    """Whether a gold chain has more than one response, or a user that has a part in it."""
    return task.user != type(task.user)() or any(action.response is not None for action in task.gold[:-1])
