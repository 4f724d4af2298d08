"""SPEAR: self-imitation with progressive exploration (Qin et al. 2025, "Learn the ropes, then trust the wins").

    toolgym train --algo spear --env ToolGym/Airline-v0 --steps 50 --output runs/spear
    python agents/spear.py --env ToolGym/Airline-v0 --steps 50 --output runs/spear

GRPO, and beside it episodes of earlier batches that were better than their siblings:

    J = J_GRPO + gamma(t) J_SIL
    J_SIL = mean over the tokens of replayed episodes of  M min(r A', clip(r, 1 - eps, 1 + eps) A') [A > 0 and A' > 0]

1. Replay buffer: an episode whose advantage A was above 0 is kept, the oldest make way.
2. Recalibration: A' = R - median of the latest groups' mean returns. What was good once and is common now is not
   replayed. No division by a deviation.
3. Curriculum: gamma(t) = (1 - cos(pi t / T)) / 2 rises to 1 over T batches. The return of new episodes has besides
   mu(t) min(1, 0.1 calls), where mu(t) = (1 + cos(pi t / T)) / 2 falls to 0.
4. Entropy control: M = 0 for a share of the replayed tokens, drawn from those whose covariance
   (log p - mean log p) (A' - mean A') is highest: they would make sure what is sure already.

Deviations: the abstract of the reading list gives no formulas; these are the published ones as they are known to us.
r is the ratio to the policy that sampled the token, however long ago. Kept returns, and the means that they are
compared with, leave the reward for calls out, whose weight changes. T is 20 batches, for runs are shorter here.
Of the paper's other tricks (Dr.BoT) the higher upper clip is `epsilon_high`, no deviation `--no-scale`.

Shapes: B sequences, T tokens, N replayed tokens, K episodes of the buffer.
"""

import json
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, cast

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback
from trl.trainer.grpo_config import GRPOConfig

from toolgym.agents.grpo import grpo_advantages
from toolgym.agents.policies.decoding import Decoder
from toolgym.agents.policies.lm import LMPolicy
from toolgym.agents.rollouts.episodes import EpisodeBatch, rounding
from toolgym.agents.rollouts.rollout import Rollout
from toolgym.agents.training import spear_options
from toolgym.agents.training.expert import clipped_objective
from toolgym.agents.training.run_folder import read_state
from toolgym.agents.training.running import prepare, run
from toolgym.agents.training.spear_options import SPEAROptions
from toolgym.agents.training.trainer import ToolTrainer

__all__ = [
    "Kept",
    "ReplayBuffer",
    "SPEAROptions",
    "SpearTrainer",
    "covariance_keeps",
    "falling",
    "main",
    "make_trainer",
    "rising",
    "shaped",
    "train",
]

_FILE = "spear_replay.json"
_A_CALL = 0.1
_DRAW, _CUT = 12, 13
"""First numbers of the streams that replayed episodes and cut tokens are drawn from."""


# The algorithm -------------------------------------------------------------------------------------------------------


def rising(t: int, over: int) -> float:
    """`(1 - cos(pi t / T)) / 2` up to T, then 1: the weight of self-imitation."""
    return (1 - math.cos(math.pi * min(t / over, 1.0))) / 2


def falling(t: int, over: int) -> float:
    """`(1 + cos(pi t / T)) / 2` up to T, then 0: the weight of the reward for calling tools."""
    return (1 + math.cos(math.pi * min(t / over, 1.0))) / 2


def shaped(batch: EpisodeBatch, calls_B: torch.Tensor, weight: float) -> EpisodeBatch:
    """The batch with `weight * min(1, 0.1 calls)` added to each episode's last reward."""
    last_B1 = (batch.steps_B - 1).clamp(min=0)[:, None]
    bonus_B1 = (weight * (_A_CALL * calls_B).clamp(max=1.0))[:, None].to(batch.rewards_BS.dtype)
    return replace(batch, rewards_BS=batch.rewards_BS.scatter_add(1, last_B1, bonus_B1))


def covariance_keeps(
    logps_N: torch.Tensor, advantages_N: torch.Tensor, top: float, share: float, rng: np.random.Generator
) -> torch.Tensor:
    """M `(N,)`: False for `share` of the tokens, drawn from the `top` share with the highest covariance.

    Tokens whose covariance is not above 0 are never cut.
    """
    keeps_N = torch.ones(len(logps_N), dtype=torch.bool)
    covariance_N = (logps_N - logps_N.mean()) * (advantages_N - advantages_N.mean())
    candidates = torch.argsort(covariance_N, descending=True, stable=True)[: math.ceil(top * len(logps_N))]
    candidates = candidates[covariance_N[candidates] > 0]
    count = min(round(share * len(logps_N)), len(candidates))
    keeps_N[candidates[rng.permutation(len(candidates))[:count]]] = False
    return keeps_N


@dataclass(frozen=True)
class Kept:
    """An episode of the buffer."""

    prompt_ids: list[int]
    completion_ids: list[int]
    env_mask: list[int]
    logprobs: list[float]
    """Of the policy that sampled it, at the sampling temperature."""
    value: float
    """Its return, without the reward for calls."""
    batch: int
    """In which batch it was played, from 0."""


class ReplayBuffer:
    """Good episodes of the policy's own, and the moving baseline that they are compared with.

    Args:
        size: how many episodes it holds.
        baselines: how many groups' mean returns the baseline is the median of.
    """

    def __init__(self, size: int, baselines: int):
        self.episodes: deque[Kept] = deque(maxlen=size)
        self.means: deque[float] = deque(maxlen=baselines)

    @property
    def baseline(self) -> float:
        """The median of the latest groups' mean returns; 0 before the first."""
        return median(self.means) if self.means else 0.0

    def add(self, rollouts: Sequence[Rollout], advantages_B: Sequence[float], batch: int) -> None:
        """Keeps the episodes whose advantage is above 0; one with the same tokens is kept once, as the newer."""
        for rollout, advantage in zip(rollouts, advantages_B, strict=True):
            if advantage <= 0 or not rollout.usable or not rollout.scored or not rollout.completion_ids:
                continue
            own = rollout.prompt_ids, rollout.completion_ids
            for old in [kept for kept in self.episodes if (kept.prompt_ids, kept.completion_ids) == own]:
                self.episodes.remove(old)
            parts = (rollout.env_mask, rollout.logprobs, rollout.total_reward, batch)
            self.episodes.append(Kept(*own, *parts))

    def still_good(self) -> list[tuple[Kept, float]]:
        """The episodes whose recalibrated advantage is above 0 by more than rounding, with it."""
        baseline = self.baseline
        least = rounding(torch.float64)
        found = [(kept, kept.value - baseline) for kept in self.episodes]
        return [(kept, gain) for kept, gain in found if gain > least * max(abs(kept.value), abs(baseline))]

    def draw(self, count: int, rng: np.random.Generator) -> list[tuple[Kept, float]]:
        """Up to `count` of those, none twice."""
        good = self.still_good()
        return [good[at] for at in rng.permutation(len(good))[:count]]

    def save(self, path: Path) -> None:
        """Writes it."""
        kept = {"episodes": [asdict(episode) for episode in self.episodes], "means": list(self.means)}
        path.write_text(json.dumps(kept) + "\n", encoding="utf-8")

    def load(self, path: Path) -> None:
        """Reads what `save` wrote.

        Raises:
            ConfigError: the file is not there, or damaged.
        """
        episodes, means = read_state(
            path,
            "SPEAR",
            lambda kept: ([Kept(**episode) for episode in kept["episodes"]], [float(mean) for mean in kept["means"]]),
        )
        self.episodes.extend(episodes)
        self.means.extend(means)


# The trainer ---------------------------------------------------------------------------------------------------------


class SpearTrainer(ToolTrainer):
    """The shared trainer with a replay buffer. Replayed episodes stand beside a batch's rows, as `replay_...`.

    Checkpoints hold the buffer and the moving baseline.
    """

    shardable = False  # processes may have more or fewer episodes to replay, and all would have to pass together

    def __init__(self, model: Any, tokenizer: Any, args: GRPOConfig, *, options: SPEAROptions, **kwargs: Any):
        super().__init__(model, tokenizer, args, **kwargs)
        self.options = options
        self.replayed = ReplayBuffer(options.buffer, options.baselines)
        self.imitation = 0.0
        """The weight of self-imitation for the present batch."""
        self._drawn_now: list[tuple[Kept, float]] = []

    @property
    def batch_number(self) -> int:
        """Which batch of episodes it is, from 0."""
        return self.state.global_step // (self.options.iterations * self.options.minibatches)

    def _begin_batch(self, rows: int) -> PreTrainedModel:
        model = super()._begin_batch(rows)
        decoder = cast(LMPolicy, self._policy).decoder
        if isinstance(decoder, Decoder):
            decoder.as_drawn = True  # kept log-probabilities are compared with the loss's
        return model

    def estimate(self, batch: EpisodeBatch) -> dict[str, torch.Tensor]:
        """GRPO's advantages of the shaped returns. Draws what is replayed, then keeps the batch's good episodes."""
        options, t = self.options, self.batch_number
        weight = options.tool_reward * falling(t, options.tool_decay)
        calls = [0 if row.trajectory is None else len(row.trajectory.calls) for row in self.latest]
        calls_B = torch.tensor(calls, dtype=torch.float64)
        advantages_BT = self.estimator(shaped(batch, calls_B, weight)) * batch.usable_B[:, None]
        size = batch.group_size
        returns_NG, usable_NG = batch.returns_B.view(-1, size), batch.usable_B.view(-1, size)
        for returns_G, usable_G in zip(returns_NG, usable_NG, strict=True):
            if usable_G.any():
                self.replayed.means.append(float(returns_G[usable_G].mean()))
        rng = np.random.default_rng(np.random.SeedSequence(self.args.seed, spawn_key=(_DRAW, t)))
        self._drawn_now = self.replayed.draw(options.replay_count, rng)
        self.imitation = options.imitation * rising(t, options.imitation_warmup)
        held, good = len(self.replayed.episodes), len(self.replayed.still_good())
        own = int((advantages_BT != 0).any(dim=1).sum())
        count = len(self._drawn_now)
        self._record("spear/replayed", count / max(count + own, 1))
        self._record("spear/buffer", held)
        self._record("spear/outdated", 1 - good / held if held else 0.0)
        self._record("spear/age", sum(t - kept.batch for kept, _ in self._drawn_now) / max(count, 1))
        self._record("spear/baseline", self.replayed.baseline)
        self._record("spear/imitation", self.imitation)
        self._record("spear/tool_reward", weight)
        self.replayed.add(self.latest, (advantages_BT * batch.sampled_BT).sum(dim=1).tolist(), t)
        return {"advantages": advantages_BT}

    @torch.no_grad()
    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        out = super()._generate_and_score_completions(inputs)
        rank, count = self.accelerator.process_index, self.accelerator.num_processes
        rows = len(out["completion_ids"])
        mine = self._drawn_now[rank::count]
        tensors = self._replay_tensors(mine, rows)
        own_BL = tensors["replay_own"][: len(mine), 1:].bool()
        if self.options.covariance_clip and mine:
            filled = {name: value[: len(mine)] for name, value in tensors.items()}
            logps_BL = self._replay_logps(self.model, filled, self.args.per_device_train_batch_size)
            advantages_BL = filled["replay_advantages"][:, None].expand(own_BL.shape)
            key = (_CUT, self.batch_number, rank)
            rng = np.random.default_rng(np.random.SeedSequence(self.args.seed, spawn_key=key))
            bounds = self.options.covariance_top, self.options.covariance_clip
            keeps_N = covariance_keeps(logps_BL[own_BL].cpu(), advantages_BL[own_BL].cpu(), *bounds, rng)
            filled["replay_learnt"][:, 1:][own_BL] = keeps_N.long().to(own_BL.device)
        tokens = int(own_BL.sum())
        cut = tokens - int(tensors["replay_learnt"].sum())
        self._record("spear/cut", cut / max(tokens, 1))
        total = self.accelerator.gather(tensors["replay_own"].sum())
        tensors["replay_total"] = cast(torch.Tensor, total).sum().expand(rows).clone()
        return out | tensors

    def _replay_tensors(self, drawn: Sequence[tuple[Kept, float]], rows: int) -> dict[str, torch.Tensor]:
        """The replayed episodes, one a row from the first on, padded on the right; the other rows are empty."""
        longest = max([len(kept.prompt_ids) + len(kept.completion_ids) for kept, _ in drawn] + [2])
        pad = cast(int, cast(PreTrainedTokenizerBase, self.processing_class).pad_token_id)
        ids_BL = torch.full((rows, longest), pad)
        held_BL, own_BL = (torch.zeros(rows, longest, dtype=torch.long) for _ in range(2))
        old_BL, advantages_B = torch.zeros(rows, longest), torch.zeros(rows)
        for row, (kept, advantage) in enumerate(drawn):
            start = len(kept.prompt_ids)
            end = start + len(kept.completion_ids)
            ids_BL[row, :end] = torch.tensor(kept.prompt_ids + kept.completion_ids)
            held_BL[row, :end] = 1
            own_BL[row, start:end] = torch.tensor(kept.env_mask)
            old_BL[row, start:end] = torch.tensor(kept.logprobs)
            advantages_B[row] = advantage
        made = {"ids": ids_BL, "held": held_BL, "own": own_BL, "learnt": own_BL.clone(), "old": old_BL}
        made["advantages"] = advantages_B
        return {f"replay_{name}": value.to(self.accelerator.device) for name, value in made.items()}

    def _replay_logps(self, model: Any, rows: dict[str, torch.Tensor], parts: int | None = None) -> torch.Tensor:
        """Log-probabilities of all but the first token of each row `(B, L - 1)`; of empty rows anything."""
        ids_BL = rows["replay_ids"]
        return self._get_per_token_logps_and_entropies(model, ids_BL, rows["replay_held"], ids_BL.shape[1] - 1, parts)[
            0
        ]

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        own = {name: value for name, value in inputs.items() if not name.startswith("replay_")}
        loss = super()._compute_loss(model, own)
        keep_B = inputs["replay_own"].any(dim=1)
        if not keep_B.any() or not self.imitation:
            return loss
        longest = int(inputs["replay_held"][keep_B].sum(dim=1).max())
        rows = {
            name: value[keep_B][:, :longest] if value.dim() > 1 else value[keep_B]
            for name, value in inputs.items()
            if name.startswith("replay_")
        }
        logps_BL = self._replay_logps(model, rows)
        advantages_BL = rows["replay_advantages"][:, None].expand(logps_BL.shape)
        bounds = self.epsilon_low, self.epsilon_high
        gain_BL = clipped_objective(logps_BL, rows["replay_old"][:, 1:], advantages_BL, *bounds)
        # A sum over micro-batches and a mean over processes: as TRL has it for means over tokens.
        share = self.current_gradient_accumulation_steps / cast(Any, self.args).steps_per_generation
        total = rows["replay_total"][0].clamp(min=1) * share / self.accelerator.num_processes
        return loss - self.imitation * (gain_BL * rows["replay_learnt"][:, 1:]).sum() / total

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        super()._save_optimizer_and_scheduler(output_dir)
        if self.args.should_save:
            self.replayed.save(Path(output_dir) / _FILE)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is not None:
            self.replayed.load(Path(checkpoint) / _FILE)


def make_trainer(
    config: SPEAROptions,
    model: PreTrainedModel | None = None,
    tokenizer: PreTrainedTokenizerBase | None = None,
    callbacks: list[TrainerCallback] | None = None,
) -> ToolTrainer:
    """The trainer of a run, ready to train (see `toolgym.agents.training.running.prepare`)."""
    estimator = partial(grpo_advantages, scale=config.scale)
    kind = partial(SpearTrainer, options=config)
    return prepare(config, estimator, trainer=kind, model=model, tokenizer=tokenizer, callbacks=callbacks)


def train(config: SPEAROptions) -> Path:
    """Runs SPEAR and returns the folder of the final model."""
    return run(make_trainer(config), config)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return spear_options.main(argv)


if __name__ == "__main__":
    raise SystemExit(main())
