"""LOOP: PPO with a leave-one-out baseline in the critic's place (Chen et al. 2025, arXiv 2502.01600).

    toolgym train --algo loop --env ToolGym/Airline-v0 --steps 48 --output runs/loop
    toolgym train --algo loop --unit turn --env ToolGym/Airline-v0 --steps 48 --output runs/loop-turn
    python agents/loop.py --env ToolGym/Airline-v0 --steps 48 --output runs/loop

"Reinforcement Learning for Long-Horizon Interactive LLM Agents", §4. The advantage of an episode is its return less
the mean of the others' of its group, not divided by anything (RLOO, Ahmadian et al. 2024, §3.3):

    A_k = R_k - mean of R_j over j != k = K / (K - 1) * (R_k - mean of all R)

A batch is learnt from in several steps, each by the clipped objective of PPO. What is one action is a choice: a token,
a turn (an assistant message), or the whole trajectory. Its ratio is the product of its tokens' ratios:

    J = mean over episodes of the mean over units u of min(r_u A, clip(r_u, 1 - low, 1 + high) A)
    r_u = exp(sum over u's tokens of (log p - log p_old))

`unit="token"` is GRPO's loss with this advantage. No critic, no reference model, no KL.

Read: the abstract (the reading list) and accounts of the paper's method; its text was not at hand, so that its
equations are given here by what they say and not by number. Deviations: the paper's number of passes over a batch is
ours to choose (four minibatches, one pass); log-ratios above 20 count as 20, beyond any clip.

Shapes: B sequences in groups of G, T tokens, U units of an episode.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback
from trl.trainer.grpo_config import GRPOConfig

from toolgym.agents.grpo import grpo_advantages
from toolgym.agents.rollouts.episodes import EpisodeBatch
from toolgym.agents.training import loop_options
from toolgym.agents.training.loop_options import LoopOptions, Unit
from toolgym.agents.training.running import prepare, run
from toolgym.agents.training.trainer import ToolTrainer, check_own_loss

__all__ = ["LoopOptions", "LoopTrainer", "UnitObjective", "main", "make_trainer", "train", "unit_objective", "units"]

_FAR = 20.0


def units(step_BT: torch.Tensor, unit: Unit) -> torch.Tensor:
    """Which unit of its episode each sampled token belongs to `(B, T)`; -1 for the environment's tokens.

    Args:
        step_BT: which step sampled each token; -1 for the environment's.
        unit: what is one action.
    """
    if unit == "turn":
        return step_BT
    whole_BT = torch.arange(step_BT.shape[1]).expand_as(step_BT) if unit == "token" else torch.zeros_like(step_BT)
    return torch.where(step_BT >= 0, whole_BT, -1)


class UnitObjective(NamedTuple):
    """What `unit_objective` gives."""

    mean_B: torch.Tensor
    """Each episode's objective, to be maximised: the mean over its units; 0 where it has none."""
    cut: torch.Tensor
    """How many units with an advantage have no gradient, for the clip cuts it off."""
    acting: torch.Tensor
    """How many units have an advantage."""


def unit_objective(
    logps_BT: torch.Tensor,
    old_logps_BT: torch.Tensor,
    advantages_BT: torch.Tensor,
    unit_BT: torch.Tensor,
    low: float,
    high: float,
) -> UnitObjective:
    """The clipped objective over units: `min(r A, clip(r, 1 - low, 1 + high) A)`, `r` the product of a unit's ratios.

    Args:
        logps_BT: log-probabilities under the policy that is trained.
        old_logps_BT: those under the policy before the batch's first step.
        advantages_BT: of each token; a unit has the mean of its tokens'.
        unit_BT: which unit each token belongs to; -1: none, it is not learnt from.
        low, high: the clip.
    """
    counts_BU = _sums(torch.ones_like(logps_BT), unit_BT)
    advantages_BU = _sums(advantages_BT, unit_BT) / counts_BU.clamp(min=1)
    ratio_BU = torch.exp(_sums(logps_BT - old_logps_BT, unit_BT).clamp(max=_FAR))
    clipped_BU = ratio_BU.clamp(1 - low, 1 + high)
    value_BU = torch.min(ratio_BU * advantages_BU, clipped_BU * advantages_BU)
    mean_B = value_BU.sum(dim=1) / (counts_BU > 0).sum(dim=1).clamp(min=1)
    above_BU, below_BU = ratio_BU > 1 + high, ratio_BU < 1 - low
    cut_BU = (above_BU & (advantages_BU > 0)) | (below_BU & (advantages_BU < 0))
    return UnitObjective(mean_B, cut_BU.sum(), (advantages_BU != 0).sum())


def _sums(values_BT: torch.Tensor, unit_BT: torch.Tensor) -> torch.Tensor:
    """The sum of each unit's tokens `(B, U)`."""
    out_BU = values_BT.new_zeros(len(unit_BT), max(int(unit_BT.max()) + 1, 1))
    return out_BU.scatter_add(1, unit_BT.clamp(min=0), torch.where(unit_BT >= 0, values_BT, 0.0))


class LoopTrainer(ToolTrainer):
    """PPO's clip over units, without a critic. The estimator gives the advantages.

    Raises:
        ConfigError: an option of TRL's is set that acts inside the loss that this trainer replaces.
    """

    def __init__(self, model: Any, tokenizer: Any, args: GRPOConfig, *, options: LoopOptions, **kwargs: Any):
        check_own_loss(args, "LOOP's loss, which has its own ratios")
        super().__init__(model, tokenizer, args, **kwargs)
        self.options = options

    def estimate(self, batch: EpisodeBatch) -> dict[str, torch.Tensor]:
        """The advantages, and the unit of each token."""
        return {**super().estimate(batch), "unit_BT": units(batch.step_BT, self.options.unit)}

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        left, share = self._without_idle_rows(inputs)
        ids_BL = torch.cat([left["prompt_ids"], left["completion_ids"]], dim=1)
        held_BL = torch.cat([left["prompt_mask"], left["completion_mask"]], dim=1)
        logps_BT, entropies_BT, _ = self._get_per_token_logps_and_entropies(
            model, ids_BL, held_BL, left["completion_ids"].shape[1], compute_entropy=True
        )
        mask_BT = left["completion_mask"] * left["tool_mask"]
        unit_BT = torch.where(mask_BT > 0, left["unit_BT"], -1)
        old_logps_BT = left.get("old_per_token_logps")
        old_logps_BT = logps_BT.detach() if old_logps_BT is None else old_logps_BT
        bounds = (self.epsilon_low, self.epsilon_high)
        found = unit_objective(logps_BT, old_logps_BT, left["advantages"], unit_BT, *bounds)
        entropies_BT = cast(torch.Tensor, entropies_BT).detach()
        self._record("entropy", float((entropies_BT * mask_BT).sum() / mask_BT.sum().clamp(min=1)))
        self._record_ratio("loop/clipped", float(found.cut), float(found.acting))
        return -found.mean_B.mean() * share / self.current_gradient_accumulation_steps


def make_trainer(
    config: LoopOptions,
    *,
    model: PreTrainedModel | None = None,
    tokenizer: PreTrainedTokenizerBase | None = None,
    callbacks: list[TrainerCallback] | None = None,
) -> ToolTrainer:
    """The trainer of a run, ready to train (see `toolgym.agents.training.running.prepare`)."""
    estimator = partial(grpo_advantages, scale=False, leave_one_out=True)
    kind = partial(LoopTrainer, options=config)
    return prepare(config, estimator, trainer=kind, model=model, tokenizer=tokenizer, callbacks=callbacks)


def train(config: LoopOptions) -> Path:
    """Runs LOOP and returns the folder of the final model."""
    return run(make_trainer(config), config)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return loop_options.main(argv)


if __name__ == "__main__":
    raise SystemExit(main())
