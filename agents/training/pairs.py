"""Preference pairs as tokens, and those of own episodes by what they earned.

Shapes: T tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from toolgym.agents.rollouts.episodes import rounding
from toolgym.agents.rollouts.rollout import Rollout
from toolgym.errors import ConfigError

__all__ = ["Pair", "pair_of", "ranked_pairs"]


@dataclass(frozen=True)
class Pair:
    """Two ways to go on after the same context; the masks are 1 where the actor wrote the token."""

    prompt_ids: list[int]
    chosen_ids: list[int]
    rejected_ids: list[int]
    chosen_mask: list[int] = field(default_factory=list)
    rejected_mask: list[int] = field(default_factory=list)


def pair_of(better: Rollout, worse: Rollout) -> Pair:
    """Two whole episodes of one task.

    Raises:
        ConfigError: they have different openings.
    """
    if worse.prompt_ids != better.prompt_ids:
        raise ConfigError("a pair needs two episodes of one task; these two have different openings")
    return Pair(
        better.prompt_ids, better.completion_ids, worse.completion_ids, list(better.env_mask), list(worse.env_mask)
    )


def ranked_pairs(group: Sequence[Rollout]) -> list[Pair]:
    """Tool-Star: of a task's own episodes the one of the highest return against each distinct one with a lower.

    Of equals, but for rounding, the first. An episode with a turn that was cut is never preferred: nobody is to learn
    turns that never end.

    Raises:
        ConfigError: two of these have different openings.
    """
    known = [own for own in group if own.usable and own.scored and own.completion_ids]
    whole = [own for own in known if not own.cut]
    highest = max(whole, key=lambda own: own.total_reward, default=None)
    if highest is None:
        return []
    best = next(own for own in whole if not _earned_more(highest, own))
    out: list[Pair] = []
    for worse in known:
        if not _earned_more(best, worse):
            continue
        pair = pair_of(best, worse)
        if pair not in out:
            out.append(pair)
    return out


def _earned_more(one: Rollout, other: Rollout) -> bool:
    """Whether its return is higher, by more than the rounding of the rewards that both are the sums of."""
    size = sum(map(abs, one.rewards + other.rewards))
    return one.total_reward - other.total_reward > rounding(torch.float64) * size
