"""StepTool without a critic: each step's reward against the same step of the other episodes of its group.

    toolgym train --algo steptool_group --env ToolGym/Airline-v0 --steps 50 --output runs/steptool-group
    python agents/steptool_group.py --env ToolGym/Airline-v0 --steps 50 --output runs/steptool-group

StepTool (Yu et al.), §4: its step-grained reward (Eq. 3, the preset `steptool`) may be optimised by any policy gradient
that estimates the advantage of a step, Eq. 5, `A(s_k, a_k) = Q(s_k, a_k) - V(s_k)`. Q is the discounted sum of the
rewards from the step on (Eq. 4); in place of the critic's V stands the mean of the same sum over the episodes of the
group that have a step k:

    G_ik = sum over l >= k of gamma^(l - k) r_il,    A_ik = (G_ik - mean_j G_jk) / (std_j G_jk + 1e-4)

The loss is Eq. 8 by token, that of GRPO, with the mean over all tokens. `gamma=0` compares a step's own reward alone.

Deviations: episodes of a group are in different states at their k-th step, so the baseline is no value of the state:
what earlier steps led to is in the advantage too, which adds variance and, divided by the deviation, bias. A step that
no other usable episode reached has advantage 0. There is no KL penalty unless `beta` is given, and that is TRL's.

Shapes: B sequences in groups of G, T tokens, S steps.
"""

from collections.abc import Sequence

import torch

from toolgym.agents.rollouts.episodes import EpisodeBatch, all_equal, rewards_to_go
from toolgym.agents.training import grpo_options

__all__ = ["figures", "main", "same_step_advantages"]

_EPS = 1e-4


def same_step_advantages(batch: EpisodeBatch, *, gamma: float = 1.0, scale: bool = True) -> torch.Tensor:
    """`A_ik = (G_ik - mean_j G_jk) / (std_j G_jk + 1e-4)` on the tokens of step k `(B, T)`.

    Args:
        batch: the episodes; those that are not usable are in no mean.
        gamma: the discount of later steps.
        scale: divide by the standard deviation.
    """
    togo_BS, sizes_BS = rewards_to_go(batch.rewards_BS, gamma), rewards_to_go(batch.rewards_BS.abs(), gamma)
    advantages_BS = torch.zeros_like(togo_BS)
    for rows in _compared(batch):
        for step, members in enumerate(rows):
            found, sizes = togo_BS[members, step], sizes_BS[members, step]
            if len(members) < 2 or all_equal(found, sizes):
                continue
            spread = found.std() + _EPS if scale else 1.0
            advantages_BS[members, step] = (found - found.mean()) / spread
    return advantages_BS.float().gather(1, batch.step_BT.clamp(min=0)) * batch.sampled_BT


def _compared(batch: EpisodeBatch) -> list[list[list[int]]]:
    """By group and step: the rows of the usable episodes that have that step."""
    out = []
    for first in range(0, len(batch.steps_B), batch.group_size):
        usable = [row for row in range(first, first + batch.group_size) if batch.usable_B[row]]
        steps = range(batch.rewards_BS.shape[1])
        out.append([[row for row in usable if step < batch.steps_B[row]] for step in steps])
    return out


def figures(batch: EpisodeBatch) -> dict[str, float]:
    """What is logged of a batch: `same_step/compared`, the share of usable episodes' steps that another one reached."""
    counts = [len(members) for rows in _compared(batch) for members in rows]
    return {"same_step/compared": sum(n for n in counts if n > 1) / max(sum(counts), 1)}


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return grpo_options.main(argv, "steptool_group")


if __name__ == "__main__":
    raise SystemExit(main())
