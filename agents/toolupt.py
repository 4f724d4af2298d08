"""ToolUPT: fine-grained advantages and selective preference in one stage (ToolUPT §3, Eq. 13–23).

    toolgym train --algo toolupt --env ToolGym/Airline-v0 --steps 50 --output runs/toolupt
    python agents/toolupt.py --env ToolGym/Airline-v0 --steps 50 --output runs/toolupt

Equations: token rewards Eq. 13–14 (`toolgym.rewards.toolupt`); FGAE, normalised over all tokens of a group, Eq. 15–17;
FG-DAPO Eq. 18; what is kept of an expert episode Eq. 19; SPO Eq. 20, weighted by phi Eq. 21–22; gamma Eq. 23.
`--expert none` is FG-DAPO* alone, `--expert sft` the ablation without SPO, `--no-fine-grained` that without FGAE, and
`--expert luffy|srft|chord` the single-stage baselines (`toolgym.agents.training.mixing`).

Deviations: the outcome of a token (Eq. 12) is its own message's, whatever earlier attempts at the action earned. Signs
of Eq. 20 and 22 are KTO's: minimising raises preserved expert tokens and lowers own tokens with negative advantage. phi
has no gradient. A step is compared with the gold action that it attempts. The paper prints neither beta, nor gamma's
bounds and periods: those here are ours. No entropy bonus (the paper's is 3e-4).

Shapes: B sequences in groups of G, T tokens; E expert episodes of L tokens.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback

from toolgym.agents.grpo import grpo_advantages
from toolgym.agents.rollouts.episodes import EpisodeBatch, all_equal
from toolgym.agents.rollouts.rollout import Rollout
from toolgym.agents.training import toolupt_options
from toolgym.agents.training.budget import expected_steps
from toolgym.agents.training.clipping import clipped_choices
from toolgym.agents.training.expert import (
    ExpertTokens,
    ExpertTrainer,
    clipped_objective,
    token_mean,
)
from toolgym.agents.training.mixing import (
    chord_expert_loss,
    luffy_expert_loss,
    mixed_advantages,
    srft_expert_loss,
    srft_self_loss,
)
from toolgym.agents.training.running import prepare, reward_of, run
from toolgym.agents.training.toolupt_options import ToolUPTOptions
from toolgym.rewards import Reward
from toolgym.rewards.aligned import attempt, message_scores
from toolgym.rewards.toolupt import token_rewards, toolupt_reward
from toolgym.tasks import Task
from toolgym.trajectory import Trajectory

__all__ = [
    "ToolUPTOptions",
    "chosen_loss",
    "cyclic_gamma",
    "falling_mu",
    "fgae_advantages",
    "main",
    "make_trainer",
    "preserved",
    "rejected_loss",
    "rollout_token_rewards",
    "train",
]

_EPS = 1e-4
_CALL_TYPES = ("tool", "tag_tool")


def rollout_token_rewards(
    rollout: Rollout, expert: Rollout, task: Task | None, reward: Reward | None = None
) -> list[float]:
    """Eq. 14 for each token of a rollout `(T,)`: what its message is worth by itself (Eq. 12), or 4 where it is the
    gold's token in a tool call.

    A step's reward is what its message adds to earlier attempts at the same action; its tokens are worth the message.

    Args:
        rollout: the episode, with its trajectory. Without one, no token is compared, and steps' rewards stand in.
        expert: the gold episode; its step k is gold action k.
        task: the task of both.
        reward: whose score of a message is the outcome; None: ToolUPT's.

    All 0 of a rollout without a score.
    """
    out = [0.0] * len(rollout.completion_ids)
    if not rollout.scored:
        return out
    reward = toolupt_reward() if reward is None else reward
    for step, ((start, end), outcome) in enumerate(zip(rollout.spans, rollout.rewards, strict=False)):
        gold_ids, gold_in_call = [], []
        if rollout.trajectory is not None and task is not None:
            so_far = _up_to(rollout.trajectory, step + 1)
            outcome = _outcome(reward, so_far, task, rollout.components[step : step + 1], outcome)
            gold, _ = attempt(so_far, task)
            if gold is not None and gold.index <= len(expert.spans):
                first, last = expert.spans[gold.index - 1]
                gold_ids = expert.completion_ids[first:last]
                gold_in_call = [kind in _CALL_TYPES for kind in expert.types[first:last]]
        in_call = [kind in _CALL_TYPES for kind in rollout.types[start:end]]
        scores = token_rewards(rollout.completion_ids[start:end], gold_ids, in_call, gold_in_call, outcome)
        out[start:end] = scores.tolist()
    return out


def _outcome(
    reward: Reward, so_far: Trajectory, task: Task, components: Sequence[dict[str, float]], usual: float
) -> float:
    """The latest step's reward with the scores of its message in the place of improvements on earlier ones."""
    scores = message_scores(reward, so_far, task)
    if not scores:
        return usual
    values = {**(components[0] if components else {}), **scores}
    return sum(reward.weights.get(name, 1.0) * values.get(name, 0.0) for name in reward.terms)


def _up_to(trajectory: Trajectory, count: int) -> Trajectory:
    """An episode as a reward saw it after so many steps."""
    if count == len(trajectory.steps):
        return trajectory
    return replace(trajectory, steps=trajectory.steps[:count], outcome=None, truncation=None)


def fgae_advantages(rewards_BT: torch.Tensor, mask_BT: torch.Tensor, group_size: int) -> torch.Tensor:
    """Eq. 15–17: `(R - mean) / (std + 1e-4)` over all tokens of a group `(B, T)`, std of 1/n.

    0 outside `mask_BT` (sampled tokens of usable episodes), and everywhere in a group whose tokens all earned the same.
    """
    advantages_BT = torch.zeros(rewards_BT.shape)
    for first in range(0, len(rewards_BT), group_size):
        rows = slice(first, first + group_size)
        rewards = rewards_BT[rows][mask_BT[rows]]
        if len(rewards) == 0 or all_equal(rewards):
            continue
        rewards = rewards.double()
        spread = rewards.std(correction=0) + _EPS
        normal_GT = (rewards_BT[rows].double() - rewards.mean()) / spread
        advantages_BT[rows] = torch.where(mask_BT[rows], normal_GT, 0.0).float()
    return advantages_BT


def preserved(rollout: Rollout) -> list[int]:
    """Eq. 19 for each token of an expert episode `(T,)`: of a turn that answers, only what comes before the answer's
    text; all of a turn that calls tools; nothing of the environment's.
    """
    out = list(rollout.env_mask)
    for start, end in rollout.spans:
        types = rollout.types[start:end]
        if any(kind in _CALL_TYPES for kind in types):
            continue
        answer = next((i for i, pair in enumerate(pairwise(types)) if pair[0] == "tag_resp" != pair[1]), len(types))
        for index in range(start + answer + 1, end):
            out[index] = 0
    return out


def _phi(logps: torch.Tensor) -> torch.Tensor:
    """Eq. 21: `p (1 - p)`, without gradient."""
    probabilities = logps.detach().exp()
    return probabilities * (1 - probabilities)


def chosen_loss(logps_EL: torch.Tensor, beta: float) -> torch.Tensor:
    """Eq. 22's first term of each expert token: `phi (1 - sigmoid(beta log p))`. Minimising it raises p."""
    return _phi(logps_EL) * (1 - torch.sigmoid(beta * logps_EL))


def rejected_loss(logps_BT: torch.Tensor, advantages_BT: torch.Tensor, beta: float) -> torch.Tensor:
    """Eq. 22's second term of each own token: `phi (1 - sigmoid(-beta log p))` where the advantage is negative, else 0.

    Minimising it lowers p.
    """
    return (advantages_BT < 0) * _phi(logps_BT) * (1 - torch.sigmoid(-beta * logps_BT))


def cyclic_gamma(step: int, steps: int, *, low: float, high: float, cycles: int, warm_up: float) -> float:
    """gamma of Eq. 23 at a step from 0: `cycles` times a line from `low` to `high`, then half a cosine back."""
    place = (step * cycles / steps) % 1.0
    if place < warm_up:
        return low + (high - low) * place / warm_up
    return low + (high - low) * (1 + math.cos(math.pi * (place - warm_up) / (1 - warm_up))) / 2


def falling_mu(step: int, steps: int, *, first: float, last: float, share: float) -> float:
    """CHORD's mu at a step from 0: half a cosine from `first` to `last` over a share of the run, then `last`."""
    place = min(step / (steps * share), 1.0)
    return last + (first - last) * (1 + math.cos(math.pi * place)) / 2


class ToolUPTTrainer(ExpertTrainer):
    """The shared trainer with ToolUPT's advantages and loss."""

    options: ToolUPTOptions
    reward: Reward
    """The run's: of FGAE's token rewards."""

    @property
    def needs_expert(self) -> bool:
        """Whether experts are learnt from, or compared with token by token."""
        return self.options.expert != "none" or self.options.fine_grained

    def played_with(self) -> tuple[str, ...]:
        """The options too."""
        return (*super().played_with(), "options")

    def teaches(self, task: int) -> bool:
        """Whether a task's expert episode is learnt from, and not compared with alone."""
        return self.options.expert != "none" and super().teaches(task)

    def plays_expert(self, task: int) -> bool:
        """FGAE compares with the experts of all tasks."""
        return self.options.fine_grained or super().plays_expert(task)

    def expert_weights(self, expert: Rollout) -> list[int]:
        """All that the expert said; with SPO what Eq. 19 preserves."""
        return preserved(expert) if self.options.expert == "spo" else expert.env_mask

    def expert_advantages(self) -> list[float]:
        """LUFFY's and SRFT's advantages of the expert."""
        return self._of_experts

    def estimate(self, batch: EpisodeBatch) -> dict[str, torch.Tensor]:
        """Advantages `(B, T)`: FGAE, or of whole episodes."""
        mask_BT = batch.sampled_BT & batch.usable_B[:, None]
        size, played = batch.group_size, self.played()
        self._of_experts = [0.0] * (len(played) // size)
        if self.options.fine_grained:
            rewards_BT = torch.zeros_like(batch.logprobs_BT, dtype=torch.float64)
            for row, (rollout, task) in enumerate(zip(self.latest, played, strict=True)):
                rewards = rollout_token_rewards(rollout, self.expert(task), self.tasks[task], self.reward)
                rewards_BT[row, : len(rewards)] = torch.tensor(rewards, dtype=torch.float64)
            return {"advantages": fgae_advantages(rewards_BT, mask_BT, size)}
        if self.options.expert in ("luffy", "srft"):
            experts = [self.expert(task) if self.teaches(task) else Rollout([]) for task in played[::size]]
            returns = [expert.total_reward if expert.spans else math.nan for expert in experts]
            returns_N = torch.tensor(returns, dtype=torch.float64)
            advantages_B, advantages_N = mixed_advantages(
                batch.returns_B, batch.usable_B, returns_N, size, batch.sizes_B
            )
            self._of_experts = advantages_N.tolist()
            return {"advantages": advantages_B[:, None] * mask_BT}
        return {"advantages": grpo_advantages(batch) * mask_BT}

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        out = super()._generate_and_score_completions(inputs)
        if self.options.expert == "srft":
            out.update(self._entropies(out))
        return out

    @torch.no_grad()
    def _entropies(self, out: dict[str, Any]) -> dict[str, torch.Tensor]:
        """SRFT's H: the mean entropy of all own tokens and of all the expert's, of the whole batch; by row `(B,)`.

        A mean over each micro-batch would weigh its tokens by what else is in it.
        """
        own_ids, own_held = (torch.cat([out[f"prompt_{x}"], out[f"completion_{x}"]], dim=1) for x in ("ids", "mask"))
        keep, rows = out["expert_own"].any(dim=1), len(own_ids)
        parts = {
            "own_entropy": (own_ids, own_held, out["completion_mask"] * out["tool_mask"]),
            "expert_entropy": (out["expert_ids"][keep], out["expert_held"][keep], out["expert_weights"][keep][:, 1:]),
        }
        made: dict[str, torch.Tensor] = {}
        for name, (ids_BL, held_BL, mask_BT) in parts.items():
            counted = torch.zeros(2, device=own_ids.device)
            if len(ids_BL):
                _, entropies_BT, _ = self._get_per_token_logps_and_entropies(
                    self.model,
                    ids_BL,
                    held_BL,
                    mask_BT.shape[1],
                    batch_size=self.args.per_device_train_batch_size,
                    compute_entropy=True,
                )
                counted = torch.stack([(cast(torch.Tensor, entropies_BT) * mask_BT).sum(), mask_BT.sum()])
            total, count = cast(torch.Tensor, self.accelerator.reduce(counted, reduction="sum"))
            made[name] = (total / count.clamp(min=1)).expand(rows).clone()
        return made

    def _gamma(self) -> float:
        chosen = self.options
        if chosen.expert not in ("spo", "sft"):
            return 0.0
        return cyclic_gamma(
            self.state.global_step,
            expected_steps(self.state, chosen),
            low=chosen.gamma_low,
            high=chosen.gamma_high,
            cycles=chosen.cycles,
            warm_up=chosen.warm_up,
        )

    def _mu(self) -> float:
        chosen = self.options
        if chosen.mu_end is None:
            return chosen.mu
        steps = expected_steps(self.state, chosen)
        return falling_mu(self.state.global_step, steps, first=chosen.mu, last=chosen.mu_end, share=chosen.mu_decay)

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        chosen, gamma = self.options, self._gamma()
        own = self.policy_tokens(model, inputs)
        expert = None if chosen.expert == "none" else self.expert_tokens(model, inputs)
        own_total, expert_total = self.shares(inputs)
        if chosen.expert == "luffy":  # one mean over the tokens of both (LUFFY Eq. 5)
            own_total = expert_total = own_total + expert_total
        advantages_BT = own.inputs["advantages"]
        if chosen.expert == "srft":
            losses_BT = srft_self_loss(own.logps_BT, advantages_BT, inputs["own_entropy"][0])
        else:
            losses_BT = -clipped_objective(
                own.logps_BT, own.old_logps_BT, advantages_BT, self.epsilon_low, self.epsilon_high
            )
        loss_rl = token_mean(losses_BT, own.mask_BT, own_total)
        loss_expert = loss_rl.new_zeros(())
        if expert is not None:
            loss_expert = self._expert_loss(expert, expert_total, inputs.get("expert_entropy"))
        if chosen.expert == "spo":
            rejected_BT = rejected_loss(own.logps_BT, advantages_BT, chosen.preference)
            loss_expert = loss_expert + token_mean(rejected_BT, own.mask_BT, own_total)
        self._record("toolupt/gamma", gamma)
        self.record_share("toolupt/rl_loss", loss_rl)
        self.record_share("toolupt/expert_loss", loss_expert)
        self._record(
            "toolupt/rejected", float(((advantages_BT < 0) * own.mask_BT).sum() / own.mask_BT.sum().clamp(min=1))
        )
        if chosen.expert != "srft":
            bounds = (self.epsilon_low, self.epsilon_high)
            cut = clipped_choices(own.logps_BT, own.old_logps_BT, advantages_BT, *bounds, own.mask_BT)
            self._record("clipped_choices", cut)
        weight, rest = gamma, 1 - gamma
        if chosen.expert in ("luffy", "srft"):
            weight = rest = 1.0
        elif chosen.expert == "chord":
            weight = self._mu()
            rest = 1 - weight
            self._record("toolupt/mu", weight)
        parts = {"toolupt/expert_pull": weight * loss_expert, "toolupt/rl_pull": rest * loss_rl}
        self.record_pulls(parts, [own.logps_BT] if expert is None else [own.logps_BT, expert.logps_EL])
        return sum(parts.values(), loss_rl.new_zeros(()))

    def _expert_loss(self, expert: ExpertTokens, total: torch.Tensor, entropy_B: torch.Tensor | None) -> torch.Tensor:
        """The expert's part, before its weight."""
        chosen, logps_EL, weights_EL = self.options, expert.logps_EL, expert.weights_EL
        if chosen.expert == "spo":
            losses_EL = chosen_loss(logps_EL, chosen.preference)
        elif chosen.expert == "sft" or (chosen.expert == "chord" and not chosen.phi):
            losses_EL = -logps_EL
        elif chosen.expert == "chord":
            losses_EL = chord_expert_loss(logps_EL)
        elif chosen.expert == "luffy":
            losses_EL = luffy_expert_loss(logps_EL, expert.advantages_E)
        else:
            losses_EL = srft_expert_loss(logps_EL, expert.advantages_E, cast(torch.Tensor, entropy_B)[0])
        return token_mean(losses_EL, weights_EL, total)


def make_trainer(
    config: ToolUPTOptions,
    model: PreTrainedModel | None = None,
    tokenizer: PreTrainedTokenizerBase | None = None,
    callbacks: list[TrainerCallback] | None = None,
) -> ToolUPTTrainer:
    """The trainer of a run, ready to train (see `toolgym.agents.training.running.prepare`)."""
    made = prepare(
        config, grpo_advantages, trainer=ToolUPTTrainer, model=model, tokenizer=tokenizer, callbacks=callbacks
    )
    trainer = cast(ToolUPTTrainer, made)
    trainer.options, trainer.reward = config, reward_of(made.run_config)
    trainer.expert_depth = config.expert_depth
    return trainer


def train(config: ToolUPTOptions) -> Path:
    """Runs ToolUPT and returns the folder of the final model."""
    return run(make_trainer(config), config)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return toolupt_options.main(argv)


if __name__ == "__main__":
    raise SystemExit(main())
