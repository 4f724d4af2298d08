"""GRPO: group-relative policy optimisation (Shao et al. 2024, "DeepSeekMath", §4.1) on multi-turn tool episodes.

    toolgym train --algo grpo --env ToolGym/Airline-v0 --steps 50 --output runs/grpo
    python agents/grpo.py --env ToolGym/Airline-v0 --steps 50 --output runs/grpo

Equations: the advantage is the group-normalised return, `A_i = (r_i - mean(r)) / std(r)` (§4.1.2, outcome supervision);
with `level="step"` it is the sum of the normalised rewards from a token's step on (§4.1.3, process supervision). The
loss is the clipped objective (Eq. 3), TRL's, over sampled tokens only.

Deviations: `std` is the sample's (n - 1) plus 1e-4, as TRL has it, so equal rewards give advantage 0; the KL term is
off by default (`beta=0`).

Shapes: B sequences in groups of G, T tokens, S steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import torch

from toolgym.agents.episodes import EpisodeBatch
from toolgym.agents.options import parse_options
from toolgym.agents.running import RunConfig, prepare, run

__all__ = ["GRPOOptions", "grpo_advantages", "main", "step_advantages", "train"]

_EPS = 1e-4


@dataclass(frozen=True)
class GRPOOptions(RunConfig):
    """Options of a GRPO run."""

    level: Annotated[Literal["episode", "step"], "what is normalised: the episode's return, or each step's reward"] = (
        "episode"
    )
    scale: Annotated[bool, "divide by the group's standard deviation (off: Dr.GRPO's advantage)"] = True


def grpo_advantages(batch: EpisodeBatch, *, scale: bool = True) -> torch.Tensor:
    """`A_i = (R_i - mean(R)) / (std(R) + 1e-4)` over the usable episodes of a group, on every sampled token `(B, T)`.

    DeepSeekMath §4.1.2. A group with fewer than two usable episodes has nothing to compare: 0.
    """
    advantages_B = torch.zeros_like(batch.returns_B)
    for first in range(0, len(advantages_B), batch.group_size):
        rows = slice(first, first + batch.group_size)
        usable_G, returns_G = batch.usable_B[rows], batch.returns_B[rows]
        if usable_G.sum() < 2:
            continue
        advantage_G = returns_G - returns_G[usable_G].mean()
        if scale:
            advantage_G = advantage_G / (returns_G[usable_G].std() + _EPS)
        advantages_B[rows] = advantage_G * usable_G
    return advantages_B[:, None] * batch.sampled_BT


def step_advantages(batch: EpisodeBatch, *, scale: bool = True) -> torch.Tensor:
    """`A_it = sum of (r_j - mean) / (std + 1e-4)` over the steps j from token t's step on `(B, T)`.

    DeepSeekMath §4.1.3: mean and standard deviation are over all steps of the group's usable episodes.
    """
    steps_S = torch.arange(batch.rewards_BS.shape[1])
    taken_BS = (steps_S < batch.steps_B[:, None]) & batch.usable_B[:, None]
    normal_BS = torch.zeros_like(batch.rewards_BS)
    for first in range(0, len(normal_BS), batch.group_size):
        rows = slice(first, first + batch.group_size)
        rewards = batch.rewards_BS[rows][taken_BS[rows]]
        if len(rewards) < 2:
            continue
        spread = rewards.std() + _EPS if scale else 1.0
        normal_BS[rows] = (batch.rewards_BS[rows] - rewards.mean()) / spread * taken_BS[rows]
    togo_BS = normal_BS.flip(1).cumsum(1).flip(1)
    return togo_BS.gather(1, batch.step_BT.clamp(min=0)) * batch.sampled_BT


def train(config: GRPOOptions) -> Path:
    """Runs GRPO and returns the folder of the final model."""
    estimator = grpo_advantages if config.level == "episode" else step_advantages
    return run(prepare(config, partial(estimator, scale=config.scale)), config)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    config = parse_options(
        GRPOOptions, argv, prog="toolgym train --algo grpo", description=(__doc__ or "").split("\n")[0]
    )
    print(train(config))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
