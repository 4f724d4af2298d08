"""A batch of rollouts as tensors: what every advantage estimator sees.

Shapes: B sequences in groups of G (all of a group start from the same task), T completion tokens, S steps.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import get_args

import torch

from toolgym.agents.rollouts.rollout import Rollout
from toolgym.messages import TokenType
from toolgym.rewards.efficiency import calls_made

__all__ = [
    "TYPE_CODES",
    "EpisodeBatch",
    "Estimator",
    "all_equal",
    "flat_groups",
    "rewards_to_go",
    "rounding",
    "without_rounding",
]

TYPE_CODES: dict[str, int] = {name: code for code, name in enumerate(get_args(TokenType))}
"""Token type -> its number in `EpisodeBatch.types_BT`."""


@dataclass(frozen=True)
class EpisodeBatch:
    """Rollouts as tensors, on the CPU. Padding: 0 in floats, -1 in `step_BT` and `types_BT`."""

    rewards_BS: torch.Tensor
    """Each step's reward, in double precision; 0 where it has no score."""
    steps_B: torch.Tensor
    """How many steps each episode has."""
    step_BT: torch.Tensor
    """Which step sampled each token; -1 for the environment's tokens."""
    types_BT: torch.Tensor
    """What each token is for (`TYPE_CODES`)."""
    logprobs_BT: torch.Tensor
    """The sampling policy's log-probabilities; 0 for the environment's tokens."""
    solved_B: torch.Tensor
    """Whether the task was solved."""
    usable_B: torch.Tensor
    """False where the infrastructure failed, or a step has no score: such an episode must not count in any statistic of
    rewards, and has no gradient."""
    group_size: int
    prompts_B: torch.Tensor | None = None
    """How many tokens each opening has."""
    overflowed_B: torch.Tensor | None = None
    """Whether the episode ended because the context was full."""
    calls_B: torch.Tensor | None = None
    """How many tool calls each episode made; None where an environment keeps no record (`trajectory`) of them."""

    @property
    def sampled_BT(self) -> torch.Tensor:
        """Whether the policy sampled the token."""
        return self.step_BT >= 0

    @property
    def returns_B(self) -> torch.Tensor:
        """Each episode's undiscounted return."""
        return self.rewards_BS.double().sum(dim=1).to(self.rewards_BS.dtype)

    @property
    def sizes_B(self) -> torch.Tensor:
        """How large the rewards are that each return is the sum of: what its rounding is relative to (`all_equal`)."""
        return self.rewards_BS.double().abs().sum(dim=1)

    @classmethod
    def of(cls, rollouts: Sequence[Rollout], group_size: int, width: int | None = None) -> "EpisodeBatch":
        """The batch of some rollouts, with T at least `width`."""
        count = len(rollouts)
        longest = max([len(rollout.completion_ids) for rollout in rollouts] + [width or 1])
        most_steps = max([len(rollout.rewards) for rollout in rollouts] + [1])
        rewards_BS = torch.zeros(count, most_steps, dtype=torch.float64)
        logprobs_BT = torch.zeros(count, longest)
        step_BT = torch.full((count, longest), -1)
        types_BT = torch.full((count, longest), -1)
        for row, rollout in enumerate(rollouts):
            length = len(rollout.completion_ids)
            rewards_BS[row, : len(rollout.rewards)] = torch.tensor(rollout.rewards, dtype=torch.float64)
            logprobs_BT[row, :length] = torch.tensor(rollout.logprobs)
            types_BT[row, :length] = torch.tensor([TYPE_CODES[name] for name in rollout.types], dtype=torch.long)
            for step, (start, end) in enumerate(rollout.spans):
                step_BT[row, start:end] = step
        return cls(
            rewards_BS=rewards_BS.nan_to_num(nan=0.0, posinf=torch.inf, neginf=-torch.inf),
            steps_B=torch.tensor([len(rollout.rewards) for rollout in rollouts]),
            step_BT=step_BT,
            types_BT=types_BT,
            logprobs_BT=logprobs_BT,
            solved_B=torch.tensor([rollout.solved for rollout in rollouts]),
            usable_B=torch.tensor([rollout.usable and rollout.scored for rollout in rollouts]),
            group_size=group_size,
            prompts_B=torch.tensor([len(rollout.prompt_ids) for rollout in rollouts]),
            overflowed_B=torch.tensor([rollout.truncation == "tokens" for rollout in rollouts]),
            calls_B=_calls(rollouts),
        )


def _calls(rollouts: Sequence[Rollout]) -> torch.Tensor | None:
    """How many tool calls each episode made `(B,)`; 0 where the infrastructure broke it before it had a record."""
    if any(rollout.trajectory is None and rollout.usable for rollout in rollouts):
        return None
    return torch.tensor([0 if row.trajectory is None else calls_made(row.trajectory) for row in rollouts])


Estimator = Callable[[EpisodeBatch], torch.Tensor]
"""An algorithm's advantages `(B, T)` of a batch: a pure function; 0 on tokens that the environment wrote."""


def rounding(dtype: torch.dtype) -> float:
    """What sums and products may lose of rewards, as a share of their size: hundreds of operations' rounding."""
    return 1e-9 if dtype == torch.float64 else 1e-6


def all_equal(rewards: torch.Tensor, sizes: torch.Tensor | None = None) -> bool:
    """Whether rewards `(G,)` are equal but for rounding, which is relative: 1,000 in three parts and in seven is equal.

    `sizes` are how large the numbers are that each is made of, where these cancel out (`EpisodeBatch.sizes_B`).
    """
    largest = float((rewards if sizes is None else sizes).abs().max())
    return float(rewards.max() - rewards.min()) <= rounding(rewards.dtype) * largest


def rewards_to_go(rewards_BS: torch.Tensor, gamma: float) -> torch.Tensor:
    """What is earned from each step on `(B, S)`: `G_k = r_k + gamma G_(k+1)`."""
    togo_BS = rewards_BS.clone()
    for step in range(rewards_BS.shape[1] - 2, -1, -1):
        togo_BS[:, step] += gamma * togo_BS[:, step + 1]
    return togo_BS


def without_rounding(differences: torch.Tensor, sizes: torch.Tensor) -> torch.Tensor:
    """Differences of rewards, 0 where they are nothing but the rounding of numbers of these sizes."""
    return torch.where(differences.abs() <= rounding(differences.dtype) * sizes, 0.0, differences)


def flat_groups(batch: EpisodeBatch) -> float:
    """The share of a batch's groups whose usable episodes all have the same return."""
    returns, sizes, usable = (x.view(-1, batch.group_size) for x in (batch.returns_B, batch.sizes_B, batch.usable_B))
    flat = [
        bool(keep.sum() < 2) or all_equal(values[keep], size[keep])
        for values, size, keep in zip(returns, sizes, usable, strict=True)
    ]
    return sum(flat) / len(flat)
