"""Recorded episodes under another reward: what they would have earned, and whether it prefers those that are solved.

A reward is a function of episodes, so that nothing is played again. For learners that compare the episodes of one task
(GRPO and its kin), only the order within a task counts: `separation` says how often a reward has it right.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from toolgym.rewards.base import Reward
from toolgym.tasks import Task
from toolgym.trajectory import Trajectory

__all__ = ["Separation", "rescore", "separation"]


def rescore(trajectory: Trajectory, task: Task, reward: Reward) -> list[float]:
    """What each step of an episode that is over earns under a reward: `(S,)`; NaN where it has no score.

    Equal to the rewards of the environment, had it been made with this one; but where the policy's full context ended
    the episode, the environment had paid the last step as one that others follow. A step in which the infrastructure
    failed earns 0.
    """
    return [
        0.0 if prefix.outcome == "infra_error" else reward.score(prefix, task)[0] for prefix in trajectory.prefixes()
    ]


@dataclass(frozen=True, slots=True)
class Separation:
    """How a reward orders the episodes of a group: of one task and, in training, of one step."""

    pairs: int
    """Pairs of a solved and another episode of one group; the three below are shares of them, None without any."""
    more: float | None
    """The solved one earned more."""
    same: float | None
    """Both earned the same: a learner cannot tell them apart."""
    less: float | None
    """The solved one earned less."""
    groups: int
    """Groups of several episodes."""
    flat: float | None
    """Of these, the share whose episodes all earned the same: their group-relative advantages are 0."""
    unscored: int = 0
    """Episodes without a score (NaN), which are in none of these figures."""


def separation(keys: Sequence[str], returns: Sequence[float], solved: Sequence[bool]) -> Separation:
    """Compares the returns of solved with those of other episodes, within each group.

    Args:
        keys: which group each episode belongs to.
        returns: what each earned, NaN: it has no score (equal: within 1e-9 of the largest one's size).
        solved: whether each is solved.
    """
    groups: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    for key, value, right in zip(keys, returns, solved, strict=True):
        if not math.isnan(value):
            groups[key].append((value, right))
    rounding = 1e-9 * max((abs(value) for group in groups.values() for value, _ in group), default=0.0)
    more = same = pairs = 0
    for group in groups.values():
        winners, others = ([value for value, right in group if right is wanted] for wanted in (True, False))
        for winner, other in product(winners, others):
            pairs += 1
            if math.isclose(winner, other, rel_tol=0, abs_tol=rounding):
                same += 1
            else:
                more += winner > other
    several = [[value for value, _ in group] for group in groups.values() if len(group) > 1]
    flat = sum(max(values) - min(values) <= rounding for values in several)
    return Separation(
        pairs=pairs,
        more=more / pairs if pairs else None,
        same=same / pairs if pairs else None,
        less=(pairs - more - same) / pairs if pairs else None,
        groups=len(several),
        flat=flat / len(several) if several else None,
        unscored=sum(map(math.isnan, returns)),
    )
