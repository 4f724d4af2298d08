"""ToolPO: two advantages, one of which is for tool calls alone (DeepAgent, Li et al. 2025, "DeepAgent", ToolPO).

    toolgym train --algo toolpo --env ToolGym/Airline-v0 --steps 50 --output runs/toolpo
    python agents/toolpo.py --env ToolGym/Airline-v0 --steps 50 --output runs/toolpo

    A_succ(i) = R_succ(i) - mean of R_succ over the group        the whole episode was right, or not
    A_action(i) = R_action(i) - mean of R_action over the group  how many of its calls were right
    A(token) = A_succ + M(token) A_action                        M is 1 on tokens of tool calls, else 0

So an episode whose calls are better than its siblings' is reinforced in its calls, also where all of them failed in the
end; what it thought and answered is told by the outcome alone. Rewards: `toolgym.rewards.toolpo`.

Deviations: the abstract of the reading list gives no formulas; these are the published ones as they are known to us,
and lambda_1 is 1 (`call_weight`). The paper's M holds the tokens of memory folding too, and its R_action their score:
agents here fold no memory. Its simulated tools are written by a language model, because the real ones are remote; ours
are simulated by programs with exact state, which are the environments themselves. The loss is GRPO's.

Shapes: B sequences in groups of G, T tokens.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback

from toolgym.agents.grpo import grpo_advantages
from toolgym.agents.rollouts.episodes import TYPE_CODES, EpisodeBatch, all_equal
from toolgym.agents.rollouts.rollout import Rollout
from toolgym.agents.training import toolpo_options
from toolgym.agents.training.running import prepare, run
from toolgym.agents.training.toolpo_options import ToolPOOptions
from toolgym.agents.training.trainer import ToolTrainer
from toolgym.errors import ConfigError

__all__ = [
    "ToolPOOptions",
    "ToolPOTrainer",
    "component_returns",
    "main",
    "make_trainer",
    "relative",
    "toolpo_advantages",
    "train",
]

_EPS = 1e-4


def relative(rewards_B: torch.Tensor, usable_B: torch.Tensor, group_size: int, *, scale: bool = False) -> torch.Tensor:
    """`R - mean(R)` over the usable episodes of each group `(B,)`, with `scale` over `std(R) + 1e-4`.

    0 for what is not usable, for a group with fewer than two usable episodes, and where all rewards are equal.
    """
    out_B = torch.zeros_like(rewards_B)
    for first in range(0, len(rewards_B), group_size):
        rows = slice(first, first + group_size)
        usable_G, rewards_G = usable_B[rows], rewards_B[rows]
        known = rewards_G[usable_G]
        if len(known) < 2 or all_equal(known):
            continue
        spread = known.std() + _EPS if scale else 1.0
        out_B[rows] = torch.where(usable_G, (rewards_G - known.mean()) / spread, 0.0)
    return out_B


def toolpo_advantages(success_B: torch.Tensor, action_B: torch.Tensor, batch: EpisodeBatch) -> torch.Tensor:
    """`A_succ` on every sampled token, and `A_action` besides on those of tool calls `(B, T)`."""
    calls_BT = (batch.types_BT == TYPE_CODES["tool"]) | (batch.types_BT == TYPE_CODES["tag_tool"])
    return (success_B[:, None] + calls_BT * action_B[:, None]).float() * batch.sampled_BT


def component_returns(rollouts: Sequence[Rollout], name: str) -> torch.Tensor:
    """The sum of a component of the reward over each episode `(B,)`.

    Raises:
        ConfigError: the environment's reward has no such component.
    """
    for rollout in rollouts:
        if rollout.usable and rollout.scored and any(name not in step for step in rollout.components):
            raise ConfigError(
                f"the reward's component {name!r} is read, and this reward has none of that name: leave --reward out"
            )
    return torch.tensor(
        [sum(step.get(name, 0.0) for step in rollout.components) for rollout in rollouts], dtype=torch.float64
    )


class ToolPOTrainer(ToolTrainer):
    """The shared trainer with ToolPO's advantages."""

    def __init__(self, *args: Any, options: ToolPOOptions, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.options = options

    def estimate(self, batch: EpisodeBatch) -> dict[str, torch.Tensor]:
        """The sum of both advantages. Logs where the second one says something."""
        options, size, usable_B = self.options, batch.group_size, batch.usable_B
        outcome_B, right_B = component_returns(self.latest, "outcome"), component_returns(self.latest, "call")
        success_B = relative(outcome_B, usable_B, size, scale=options.scale)
        action_B = options.call_weight * relative(right_B, usable_B, size, scale=options.scale)
        advantages_BT = toolpo_advantages(success_B, action_B, batch)
        spoken_B = (success_B.view(-1, size) != 0).any(dim=1), (action_B.view(-1, size) != 0).any(dim=1)
        sampled = batch.sampled_BT.sum().clamp(min=1)
        self._record("toolpo/right_calls", float(right_B[usable_B].mean()) if usable_B.any() else 0.0)
        self._record("toolpo/by_outcome", float(spoken_B[0].double().mean()))
        self._record("toolpo/by_calls_alone", float((spoken_B[1] & ~spoken_B[0]).double().mean()))
        credited_BT = (advantages_BT != (success_B[:, None] * batch.sampled_BT).float()) & batch.sampled_BT
        self._record("toolpo/call_tokens", float(credited_BT.sum() / sampled))
        return {"advantages": advantages_BT * usable_B[:, None]}


def make_trainer(
    config: ToolPOOptions,
    model: PreTrainedModel | None = None,
    tokenizer: PreTrainedTokenizerBase | None = None,
    callbacks: list[TrainerCallback] | None = None,
) -> ToolTrainer:
    """The trainer of a run, ready to train (see `toolgym.agents.training.running.prepare`)."""
    kind = partial(ToolPOTrainer, options=config)
    return prepare(config, grpo_advantages, trainer=kind, model=model, tokenizer=tokenizer, callbacks=callbacks)


def train(config: ToolPOOptions) -> Path:
    """Runs ToolPO and returns the folder of the final model."""
    return run(make_trainer(config), config)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return toolpo_options.main(argv)


if __name__ == "__main__":
    raise SystemExit(main())
