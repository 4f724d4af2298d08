"""Preference pairs as tokens, and those of own episodes by what they earned.

Shapes: T tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from toolgym.agents.rollouts.episodes import rounding
from toolgym.agents.rollouts.rollout import Rollout

__all__ = ["Pair", "ranked_pairs"]


@dataclass(frozen=True)
class Pair:
    """Two ways to go on after the same context; the masks are 1 where the actor wrote the token."""

    prompt_ids: list[int]
    chosen_ids: list[int]
    rejected_ids: list[int]
    chosen_mask: list[int] = field(default_factory=list)
    rejected_mask: list[int] = field(default_factory=list)


def ranked_pairs(group: Sequence[Rollout]) -> list[Pair]:
    """Tool-Star: of a task's own episodes the one of the highest return against each distinct one with a lower.

    Of equals the first. An episode with a turn that was cut is never preferred: nobody is to learn turns that never
    end.
    """
    known = [own for own in group if own.usable and own.scored and own.completion_ids]
    best = max((own for own in known if not own.cut), key=lambda own: own.total_reward, default=None)
    if best is None:
        return []
    out: list[Pair] = []
    for worse in known:
        apart = best.total_reward - worse.total_reward
        if apart <= rounding(torch.float64) * max(abs(best.total_reward), abs(worse.total_reward)):
            continue
        pair = Pair(
            best.prompt_ids, best.completion_ids, worse.completion_ids, list(best.env_mask), list(worse.env_mask)
        )
        if pair not in out:
            out.append(pair)
    return out
