"""Recorded episodes under another reward: what they would have earned, and whether it prefers those that are solved.

A reward is a function of episodes, so that nothing is played again. For learners that compare the episodes of one task
(GRPO and its kin), only the order within a task counts: `separation` says how often a reward has it right.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

from toolgym.rewards.base import Reward
from toolgym.tasks import Task
from toolgym.trajectory import Trajectory

__all__ = ["Separation", "rescore", "separation"]


def rescore(trajectory: Trajectory, task: Task, reward: Reward) -> list[float]:
    """What each step of an episode that is over earns under a reward: `(S,)`.

    Equal to the rewards of the environment, had it been made with this one; but where the policy's full context ended
    the episode, the environment had paid the last step as one that others follow.
    """
    steps, last = trajectory.steps, len(trajectory.steps)
    prefixes = (replace(trajectory, steps=steps[:n], outcome=None, truncation=None) for n in range(1, last))
    episode = [*prefixes, trajectory] if steps else []
    return [reward.score(part, task)[0] for part in episode]


@dataclass(frozen=True, slots=True)
class Separation:
    """How a reward orders the episodes of a task, over many tasks."""

    pairs: int
    """Pairs of a solved and another episode of one task; the three below are shares of them, None without any."""
    above: float | None
    """The solved one earned more."""
    equal: float | None
    """Both earned the same: a learner cannot tell them apart."""
    below: float | None
    """The solved one earned less."""
    groups: int
    """Tasks with several episodes."""
    flat: float | None
    """Of these, the share whose episodes all earned the same: their group-relative advantages are 0."""


def separation(tasks: Sequence[str], returns: Sequence[float], solved: Sequence[bool]) -> Separation:
    """Compares the returns of solved with those of other episodes, within each task.

    Args:
        tasks: the task of each episode, by id.
        returns: what each earned (equal: within 1e-9).
        solved: whether each is solved.
    """
    groups: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    for task, value, right in zip(tasks, returns, solved, strict=True):
        groups[task].append((value, right))
    above = equal = pairs = 0
    for group in groups.values():
        winners, others = ([value for value, right in group if right is wanted] for wanted in (True, False))
        for winner, other in product(winners, others):
            pairs += 1
            if math.isclose(winner, other, rel_tol=0, abs_tol=1e-9):
                equal += 1
            else:
                above += winner > other
    several = [[value for value, _ in group] for group in groups.values() if len(group) > 1]
    flat = sum(max(values) - min(values) <= 1e-9 for values in several)
    return Separation(
        pairs=pairs,
        above=above / pairs if pairs else None,
        equal=equal / pairs if pairs else None,
        below=(pairs - above - equal) / pairs if pairs else None,
        groups=len(several),
        flat=flat / len(several) if several else None,
    )
