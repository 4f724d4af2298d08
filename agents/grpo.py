"""The GRPO family on multi-turn tool episodes: one estimator and one loss, and what each paper changes in them.

    toolgym train --algo grpo --env ToolGym/Airline-v0 --steps 50 --output runs/grpo
    python agents/grpo.py --env ToolGym/Airline-v0 --steps 50 --output runs/grpo

- `grpo`: Shao et al. 2024, "DeepSeekMath", §4.1. The advantage is the group-normalised return,
  `A_i = (r_i - mean(r)) / std(r)` (§4.1.2, outcome supervision); with `level="step"` it is the sum of the normalised
  rewards from a token's step on (§4.1.3, process supervision). The loss is the clipped objective (Eq. 3).
- `dr_grpo`: Liu et al. 2025, "Understanding R1-Zero-like training", §3.2: no division by std (`scale=False`), tokens
  summed and divided by a constant instead of by each answer's length (`loss="dr_grpo"`).
- `dapo`: Yu et al. 2025, "DAPO": a higher upper clip (Eq. 10, `epsilon_high`), groups whose returns are all equal are
  replaced (Eq. 11, `dynamic_sampling`), the mean is over all tokens (Eq. 12, `loss="dapo"`), episodes near the end of
  the context lose reward (Eq. 13, `overlong`). Each is a switch of its own.
- `gspo`: Zheng et al. 2025, "Group sequence policy optimization", Eq. 5-7: one ratio a sequence, the geometric mean of
  its tokens' (`importance_sampling_level="sequence"`), clipped at 3e-4 and 4e-4; four optimizer steps a batch (§5.1).
- `rloo`: Ahmadian et al. 2024, "Back to basics", §3.3: `A_i = r_i - mean of the others' r`, the whole answer one action
  (`baseline="leave_one_out"`; log-probabilities are summed, which `loss="dr_grpo"` does up to a constant).
- `tool_star`: Dong et al. 2025, "Tool-Star": GRPO with its hierarchical reward; what follows it is
  `toolgym.agents.eto`, `tool_star_dpo`.
- `toolrl`: Qian et al. 2025, "ToolRL": GRPO with that paper's reward of format and correctness (`reward="toolrl"`).
- `tapo`: Wu et al. 2025, "Tool-augmented policy optimization": DAPO with that paper's reward (`reward="tapo"`).
- `tgrl`: Chen et al. 2025, "Can tool-integrated RL generalize across diverse domains?": its reward (`reward="tgrl"`).
- `otc_grpo`, `hdpo`: see `toolgym.agents.efficiency`; `steptool_group`: see `toolgym.agents.steptool_group`.

Deviations: `std` is the sample's (n - 1) plus 1e-4, as TRL has it, so equal rewards give advantage 0; the KL term is
off by default (`beta=0`); only sampled tokens carry loss. DAPO replaces groups that are all right or all wrong: here,
whose returns are all equal, for rewards are graded; a batch that is still not full after `attempts` goes on as it is.
An episode's length is all its tokens, the opening and the environment's included, for those fill the context.
Dr.GRPO's constant is `context_tokens`. RLOO clips each token's ratio, which at one optimizer step a batch is 1 anyway.

Shapes: B sequences in groups of G, T tokens, S steps.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback

from toolgym.agents import efficiency, steptool_group
from toolgym.agents.rollouts.episodes import EpisodeBatch, Estimator, all_equal, flat_groups
from toolgym.agents.rollouts.rollout import Rollout
from toolgym.agents.training import grpo_options
from toolgym.agents.training.grpo_options import PRESETS, GRPOOptions, preset
from toolgym.agents.training.running import load, prepare, run
from toolgym.agents.training.sizing import settled
from toolgym.agents.training.trainer import ToolTrainer
from toolgym.errors import ConfigError

__all__ = [
    "PRESETS",
    "DynamicTrainer",
    "GRPOOptions",
    "grpo_advantages",
    "main",
    "make_estimator",
    "make_trainer",
    "overlong_penalty",
    "parts",
    "preset",
    "step_advantages",
    "train",
]

_EPS = 1e-4


def grpo_advantages(batch: EpisodeBatch, *, scale: bool = True, leave_one_out: bool = False) -> torch.Tensor:
    """`A_i = (R_i - mean(R)) / (std(R) + 1e-4)` over the usable episodes of a group, on every sampled token `(B, T)`.

    DeepSeekMath §4.1.2. A group with fewer than two usable episodes has nothing to compare: 0. `leave_one_out` takes
    the mean of the other episodes (RLOO): that is n / (n - 1) times the difference from the mean of all n.
    """
    returns_B, sizes_B = batch.returns_B, batch.sizes_B
    advantages_B = torch.zeros_like(returns_B)
    for first in range(0, len(advantages_B), batch.group_size):
        rows = slice(first, first + batch.group_size)
        usable_G, returns_G = batch.usable_B[rows], returns_B[rows]
        count = int(usable_G.sum())
        if count < 2 or all_equal(returns_G[usable_G], sizes_B[rows][usable_G]):
            continue
        advantage_G = returns_G - returns_G[usable_G].mean()
        if scale:
            advantage_G = advantage_G / (returns_G[usable_G].std() + _EPS)
        if leave_one_out:
            advantage_G = advantage_G * (count / (count - 1))
        advantages_B[rows] = torch.where(usable_G, advantage_G, 0.0)
    return advantages_B.float()[:, None] * batch.sampled_BT


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
        if len(rewards) < 2 or all_equal(rewards):
            continue
        spread = rewards.std() + _EPS if scale else 1.0
        normal_BS[rows] = torch.where(taken_BS[rows], (batch.rewards_BS[rows] - rewards.mean()) / spread, 0.0)
    togo_BS = normal_BS.flip(1).cumsum(1).flip(1).float()
    return togo_BS.gather(1, batch.step_BT.clamp(min=0)) * batch.sampled_BT


def overlong_penalty(lengths_B: torch.Tensor, limit: int, cache: int) -> torch.Tensor:
    """DAPO Eq. 13: 0 up to `limit - cache` tokens, from there in a line to -1 at `limit` `(B,)`."""
    return ((limit - cache - lengths_B) / cache).clamp(-1.0, 0.0)


def shorten(batch: EpisodeBatch, limit: int, cache: int) -> EpisodeBatch:
    """The batch with `overlong_penalty` added to each episode's last reward."""
    columns_T = torch.arange(1, batch.step_BT.shape[1] + 1)
    lengths_B = (columns_T * batch.sampled_BT).max(dim=1).values
    if batch.prompts_B is not None:
        lengths_B = lengths_B + batch.prompts_B
    if batch.overflowed_B is not None:  # what did not fit any more was not kept
        lengths_B = torch.where(batch.overflowed_B, limit, lengths_B)
    last_B1 = (batch.steps_B - 1).clamp(min=0)[:, None]
    penalty_B1 = overlong_penalty(lengths_B, limit, cache)[:, None]
    return replace(batch, rewards_BS=batch.rewards_BS.scatter_add(1, last_B1, penalty_B1.to(batch.rewards_BS.dtype)))


def make_estimator(config: GRPOOptions) -> Estimator:
    """The advantages of these options."""
    if config.level == "step":
        plain: Estimator = partial(step_advantages, scale=config.scale)
    elif config.level == "same_step":
        plain = partial(steptool_group.same_step_advantages, gamma=config.gamma, scale=config.scale)
    else:
        plain = partial(grpo_advantages, scale=config.scale, leave_one_out=config.baseline == "leave_one_out")
    if config.efficiency != "none":
        plain = efficiency.efficient(config, plain)
    if not config.overlong:
        return plain
    limit = cast(int, settled(config).context_tokens)
    cache = max(1, round(limit * config.overlong_cache))
    return lambda batch: plain(shorten(batch, limit, cache))


def differ(group: Sequence[Rollout]) -> bool:
    """Whether the usable episodes of a group have different returns (before any penalty for length)."""
    return not flat_groups(EpisodeBatch.of(group, len(group)))


def parts(rollouts: Sequence[Rollout]) -> dict[str, float]:
    """What each component of the reward gave a usable episode, on average: `parts/NAME`."""
    usable = [rollout for rollout in rollouts if rollout.usable and rollout.scored]
    names = sorted({name for rollout in usable for step in rollout.components for name in step})
    totals = {name: sum(step.get(name, 0.0) for rollout in usable for step in rollout.components) for name in names}
    return {f"parts/{name}": total / len(usable) for name, total in totals.items()}


class DynamicTrainer(ToolTrainer):
    """DAPO's dynamic sampling (Eq. 11): a group without a gradient makes way for one of another task."""

    attempts = 4
    """How often at most a place in the batch is played."""

    def play(self, tasks: Sequence[int], attempt: int = 0) -> list[Rollout]:
        """An episode of each task; groups whose returns are all equal are replaced by groups of other tasks.

        Raises:
            ConfigError: a group is spread over processes.
        """
        size = cast(int, self.num_generations)
        if len(tasks) % size:
            raise ConfigError(
                f"dynamic sampling needs whole groups in each process: {len(tasks)} episodes in groups of {size}"
            )
        played = super().play(tasks, attempt)
        flat = [at for at in range(0, len(tasks), size) if not differ(played[at : at + size])]
        self._record("dynamic/flat_groups", len(flat) * size / len(tasks))
        for number in range(attempt + 1, self.attempts):
            if not flat:
                break
            fresh = super().play([task for at in flat for task in [self._another(number, at)] * size], number)
            for place, at in enumerate(flat):
                played[at : at + size] = fresh[place * size : (place + 1) * size]
            flat = [at for at in flat if not differ(played[at : at + size])]
        self._record("dynamic/flat_groups_left", len(flat) * size / len(tasks))
        return played

    def played_with(self) -> tuple[str, ...]:
        """How often it tries, too."""
        return (*super().played_with(), "attempts")

    def _another(self, attempt: int, place: int) -> int:
        """The task to play instead, at a place of this process's batch."""
        key = (9, *self._drawn, attempt, self._first_slot + place)
        rng = np.random.default_rng(np.random.SeedSequence(self.args.seed, spawn_key=key))
        return int(rng.integers(len(self.tasks)))


def make_trainer(
    config: GRPOOptions,
    *,
    model: PreTrainedModel | None = None,
    tokenizer: PreTrainedTokenizerBase | None = None,
    callbacks: list[TrainerCallback] | None = None,
) -> ToolTrainer:
    """The trainer of a run, ready to train (see `toolgym.agents.training.running.prepare`)."""
    config, model, tokenizer = load(config, model, tokenizer)
    kind = DynamicTrainer if config.dynamic_sampling else ToolTrainer
    estimator = make_estimator(config)
    trainer = prepare(config, estimator, trainer=kind, model=model, tokenizer=tokenizer, callbacks=callbacks)
    if isinstance(trainer, DynamicTrainer):
        trainer.attempts = config.attempts
    if config.efficiency != "none":
        trainer.tells = efficiency.figures
    elif config.level == "same_step":
        trainer.tells = steptool_group.figures
    elif config.reward in ("tapo", "tgrl"):
        trainer.tells = lambda _: parts(trainer.latest)
    return trainer


def train(config: GRPOOptions) -> Path:
    """Runs the algorithm and returns the folder of the final model."""
    return run(make_trainer(config), config)


def main(argv: Sequence[str] | None = None, algo: str = "grpo") -> int:
    """The command line of one of the family."""
    return grpo_options.main(argv, algo)


if __name__ == "__main__":
    raise SystemExit(main())
