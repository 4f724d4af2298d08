"""StepTool PPO: step-grained rewards, a critic on the policy's trunk, clipped updates (Yu et al., "StepTool", §4).

    toolgym train --algo steptool --env ToolGym/Airline-v0 --steps 50 --output runs/steptool
    toolgym train --algo ppo --env ToolGym/Airline-v0 --steps 50 --output runs/ppo      # the final reward only
    toolgym train --algo rlhf --env ToolGym/Airline-v0 --steps 50 --output runs/rlhf    # single steps, final reward
    python agents/steptool.py --env ToolGym/Airline-v0 --steps 50 --output runs/steptool

Equations: step k's reward (Eq. 3, the environment's `steptool` preset) is put on the last token that the policy
generated in the step; advantages are Eq. 5 by GAE (Eq. 7); policy and value are updated by clipped losses (Eq. 8);
each token pays `coefficient * (log pi_old - log pi_ref)`, with an adaptive coefficient from 0.3 (§5.1.4).

Deviations, each a decision on what the paper prints:
- Eq. 8's ratio of log-probabilities is the ratio of probabilities, `exp(logp - logp_old)`, clipped token by token.
- Eq. 7's exponents are those of GAE: `A_t = sum over l of (gamma * lambda)^l * delta_(t+l)`.
- A time step is a generated token; the environment's tokens take no time. `values="step"` has one value a step instead.
- The value head reads the last hidden state. With `fit_value` it is, before each batch, the regression of earlier
  batches' returns on these (`PooledFit`; of the first batch's own for that one): what fits one batch alone explains
  the next ones worse than a constant.
- Advantages are whitened over the batch.
- The paper names no KL target or horizon: 6 nats an episode and 10,000 episodes (Ziegler et al. 2019, §2.2).

Ablations: `step_reward=False` pays the last step's reward alone (that is `ppo`, "w/o step-grained reward");
`optimise="steps"` is PPO on the sub-trajectory of each step, with nothing flowing from later steps; both together are
the baseline of §5.1.3, `rlhf`. `source="reference_code"` multiplies step k of S's reward by `S - k - 1`, and
`scale="published"` divides it by 6, as the published code does.

`otc_ppo` is `ppo` on OTC's reward (Wang et al. 2025, arXiv 2504.14870, §3): the verified outcome times
`cos(m pi / (2 m + c))` for m calls made (`toolgym.rewards.efficiency`).

Shapes: B sequences, T completion tokens, S steps, L prompt and completion.
"""

import json
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, cast

import torch
from trl.trainer.grpo_config import GRPOConfig

from toolgym.agents.efficiency import figures
from toolgym.agents.rollouts.episodes import EpisodeBatch
from toolgym.agents.training import steptool_options
from toolgym.agents.training.clipping import clipped_choices
from toolgym.agents.training.critic import (
    PooledFit,
    ValueHead,
    clipped_value_loss,
    explained_variance,
    gae,
    masked_sums,
    step_gae,
    token_weights,
    whiten,
)
from toolgym.agents.training.prefix_sharing import at_left
from toolgym.agents.training.run_folder import read_number
from toolgym.agents.training.running import prepare, run
from toolgym.agents.training.steptool_options import StepToolPPOOptions
from toolgym.agents.training.trainer import ToolTrainer, check_own_loss, without_idle_columns

__all__ = [
    "StepToolPPOOptions",
    "StepToolTrainer",
    "clipped_policy_loss",
    "main",
    "make_trainer",
    "next_kl_coefficient",
    "token_rewards",
    "train",
]

_STATE = "steptool_state.json"


# The algorithm -------------------------------------------------------------------------------------------------------


def token_rewards(
    batch: EpisodeBatch, *, step_reward: bool = True, source: Literal["paper", "reference_code"] = "paper"
) -> torch.Tensor:
    """Each step's reward (Eq. 3) on the last token generated in it `(B, T)`, 0 elsewhere.

    Without `step_reward` the last step's alone counts, and nothing of an episode that overflowed: its context was found
    full after the last step had been paid like any other. `reference_code` multiplies step k of S's by `S - k - 1`.
    """
    steps_S = torch.arange(batch.rewards_BS.shape[1])
    after_BS = batch.steps_B[:, None] - steps_S - 1
    rewards_BS = batch.rewards_BS * (after_BS.clamp(min=0) if source == "reference_code" else 1)
    if not step_reward:
        rewards_BS = rewards_BS * (after_BS == 0)
        if batch.overflowed_B is not None:
            rewards_BS = rewards_BS * ~batch.overflowed_B[:, None]
    following_BT = torch.cat([batch.step_BT[:, 1:], batch.step_BT.new_full((len(batch.step_BT), 1), -1)], dim=1)
    last_BT = batch.sampled_BT & (following_BT != batch.step_BT)
    return rewards_BS.gather(1, batch.step_BT.clamp(min=0)) * last_BT


def clipped_policy_loss(
    logps_BT: torch.Tensor,
    old_logps_BT: torch.Tensor,
    advantages_BT: torch.Tensor,
    low: float,
    high: float,
) -> torch.Tensor:
    """Eq. 8 by token, as a loss `(B, T)`: `-min(ratio * A, clip(ratio, 1 - low, 1 + high) * A)`.

    `ratio = exp(logp - logp_old)`: the paper prints a ratio of log-probabilities.
    """
    ratio_BT = torch.exp(logps_BT - old_logps_BT)
    clipped_BT = ratio_BT.clamp(1 - low, 1 + high)
    return -torch.min(ratio_BT * advantages_BT, clipped_BT * advantages_BT)


def next_kl_coefficient(coefficient: float, kl: float, *, target: float, horizon: float, episodes: int) -> float:
    """The adaptive coefficient after `episodes` more episodes of mean KL `kl` (Ziegler et al. 2019, §2.2).

    `coefficient * (1 + clip(kl / target - 1, -0.2, 0.2) * episodes / horizon)`; a horizon of 0 leaves it.
    """
    if not horizon:
        return coefficient
    error = min(max(kl / target - 1, -0.2), 0.2)
    return coefficient * (1 + error * episodes / horizon)


# The trainer ---------------------------------------------------------------------------------------------------------


class StepToolTrainer(ToolTrainer):
    """PPO with a value head. The estimator gives rewards by token; advantages need the critic and are made here.

    Checkpoints also hold the value head and the KL coefficient.

    Raises:
        ConfigError: an option of TRL's is set that acts inside the loss that this trainer replaces.
    """

    def __init__(self, model: Any, tokenizer: Any, args: GRPOConfig, *, options: StepToolPPOOptions, **kwargs: Any):
        check_own_loss(args, "StepTool's loss, which is clipped by token (Eq. 8)")
        args.ddp_find_unused_parameters = False  # the value head is used, but not inside the model's forward pass
        super().__init__(model, tokenizer, args, **kwargs)
        self.options = options
        self.kl_coefficient = options.beta
        self.critic = ValueHead(self.model)
        self.pooled = PooledFit() if options.fit_value else None

    def _forward(
        self, model: Any, inputs: dict[str, Any], *, entropy: bool
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Log-probability and entropy of every completion token `(B, T)`; the critic remembers the hidden states."""
        ids_BL = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], dim=1)
        attention_BL = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], dim=1)
        length = inputs["completion_ids"].shape[1]
        logps_BT, entropies_BT, _ = self._get_per_token_logps_and_entropies(
            model, ids_BL, attention_BL, length, compute_entropy=entropy
        )
        return logps_BT, entropies_BT

    def _logps_entropies_values(
        self, model: Any, inputs: dict[str, Any], *, entropy: bool
    ) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor]:
        """Log-probability, entropy and value of every completion token `(B, T)`: V(s_t) is read before token t."""
        return *self._forward(model, inputs, entropy=entropy), self.critic.values(inputs["completion_ids"].shape[1])

    def _get_per_token_logps_and_entropies(
        self, model: Any, input_ids: torch.Tensor, attention_mask: torch.Tensor, *args: Any, **kwargs: Any
    ) -> Any:
        """TRL's own, whose columns are the inputs': the critic reads the hidden states by column.

        Where rows share their prefixes, the shared trainer's, and the states of their nodes are put in these columns;
        the shared trainer's as well for passes in parts, of which the critic needs nothing.
        """
        given = (model, input_ids, attention_mask, *args)
        if kwargs.get("batch_size", args[1] if len(args) > 1 else None) is not None:
            return super()._get_per_token_logps_and_entropies(*given, **kwargs)
        nodes_BL = self._nodes(model, input_ids, attention_mask)
        if nodes_BL is None:
            return super(ToolTrainer, self)._get_per_token_logps_and_entropies(*given, **kwargs)
        out = super()._get_per_token_logps_and_entropies(*given, **kwargs)
        self.critic.spread(nodes_BL)
        return out

    def _nodes(self, model: Any, ids_BL: torch.Tensor, mask_BL: torch.Tensor) -> torch.Tensor | None:
        """The node of each column `(B, L)`, where the rows share their prefixes; one of any in padding."""
        moved_BL, lengths_B, shift_B1 = at_left(ids_BL, mask_BL)
        with self.accelerator.autocast():
            trie = self.sharing.trie(model, moved_BL, lengths_B)
        if trie is None:
            return None
        columns = torch.arange(ids_BL.shape[1], device=ids_BL.device)
        return trie.columns.gather(1, (columns - shift_B1).clamp(min=0, max=trie.longest - 1))

    # Before the update: advantages and returns ---------------------------------------------------------------------

    def estimate(self, batch: EpisodeBatch) -> dict[str, torch.Tensor]:
        """The rewards by token and the step of each; `_generate_and_score_completions` makes advantages of them."""
        return {"token_rewards": self.estimator(batch), "step_BT": batch.step_BT}

    @torch.no_grad()
    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        out = super()._generate_and_score_completions(inputs)
        mask_BT = out["completion_mask"] * out["tool_mask"]
        self._fit_critic(out, mask_BT)
        logps_BT, values_BT = self._logps_values(out, mask_BT)
        penalty_BT = self._kl_penalty(logps_BT, out.pop("ref_per_token_logps", None), mask_BT)
        rewards_BT = out.pop("token_rewards") - penalty_BT
        advantages_BT, learns_BT = self._advantages(
            rewards_BT, values_BT, out.pop("step_BT"), mask_BT, lam=self.options.lam
        )
        returns_BT = advantages_BT + values_BT
        if self.options.whiten:
            sums = self.accelerator.reduce(masked_sums(advantages_BT, mask_BT), reduction="sum")
            advantages_BT = whiten(advantages_BT, mask_BT, cast(torch.Tensor, sums))
        self._log_values(values_BT, returns_BT, learns_BT)
        out["old_per_token_logps"], out["old_values"] = logps_BT, values_BT
        out["advantages"], out["returns"], out["value_mask"] = advantages_BT * mask_BT, returns_BT, learns_BT
        count = cast(torch.Tensor, self.accelerator.reduce(learns_BT.sum().float(), reduction="sum"))
        out["num_values_in_batch"] = count
        return out

    def _parts(self, out: dict[str, Any]) -> Iterator[tuple[slice, dict[str, Any]]]:
        """The batch in micro-batches: which rows, and what a forward pass needs of them."""
        micro = self.args.per_device_train_batch_size
        for start in range(0, len(out["completion_ids"]), micro):
            rows = slice(start, start + micro)
            names = ("prompt_ids", "prompt_mask", "completion_ids", "completion_mask")
            yield rows, {name: out[name][rows] for name in names}

    def _fit_critic(self, out: dict[str, Any], mask_BT: torch.Tensor) -> None:
        """Fits the value head to the returns of earlier batches, where it is fitted; at the first one to that one's.

        The policy is the reference then, so no KL is paid.
        """
        if self.pooled is None:
            return
        if (best := self.pooled.best()) is not None:
            self.critic.set(best)
            return
        rewards_BT = out["token_rewards"]
        returns_BT, learns_BT = self._returns(rewards_BT, out["step_BT"], mask_BT)
        moments: Any = 0
        for rows, inputs in self._parts(out):
            self._forward(self.model, inputs, entropy=False)
            moments = moments + self.critic.moments(mask_BT.shape[1], returns_BT[rows], learns_BT[rows])
        self.critic.fit(cast(torch.Tensor, self.accelerator.reduce(moments, reduction="sum")))

    def _returns(
        self, rewards_BT: torch.Tensor, step_BT: torch.Tensor, mask_BT: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """What was earned from each token on `(B, T)`, and the tokens whose value is learned."""
        return self._advantages(rewards_BT, torch.zeros_like(rewards_BT), step_BT, mask_BT, lam=1.0)

    def _logps_values(self, out: dict[str, Any], mask_BT: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Log-probabilities and values of the batch `(B, T)`; the pooled fit takes it in, for the batches to come."""
        kept_logps, kept_values = [], []
        moments: Any = 0
        for rows, inputs in self._parts(out):
            logps_BT, _ = self._forward(self.model, inputs, entropy=False)
            kept_logps.append(logps_BT := logps_BT.float())
            kept_values.append(self.critic.values(mask_BT.shape[1], keep=self.pooled is not None))
            if self.pooled is not None:
                rewards_BT = out["token_rewards"][rows]
                if "ref_per_token_logps" in out:
                    kl_BT = (logps_BT - out["ref_per_token_logps"][rows]) * mask_BT[rows]
                    rewards_BT = rewards_BT - self.kl_coefficient * kl_BT
                returns_BT, learns_BT = self._returns(rewards_BT, out["step_BT"][rows], mask_BT[rows])
                moments = moments + self.critic.moments(mask_BT.shape[1], returns_BT, learns_BT)
        if self.pooled is not None:
            self.pooled.add(cast(torch.Tensor, self.accelerator.reduce(moments, reduction="sum")))
        return torch.cat(kept_logps), torch.cat(kept_values)

    def _advantages(
        self,
        rewards_BT: torch.Tensor,
        values_BT: torch.Tensor,
        step_BT: torch.Tensor,
        mask_BT: torch.Tensor,
        *,
        lam: float,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Advantages and the mask of tokens whose value is learned, both `(B, T)`."""
        options, apart = self.options, self.options.optimise == "steps"
        step_BT = torch.where(mask_BT.bool(), step_BT, -1)
        if options.values == "step":
            advantages_BT, first_BT = step_gae(
                rewards_BT, values_BT, step_BT, gamma=options.gamma, lam=lam, apart=apart
            )
            return advantages_BT, first_BT.to(mask_BT.dtype)
        following_BT = torch.cat([step_BT[:, 1:], step_BT.new_full((len(step_BT), 1), -1)], dim=1)
        ends_BT = (step_BT != following_BT) if apart else None
        advantages_BT = gae(rewards_BT, values_BT, mask_BT, gamma=options.gamma, lam=lam, ends_BT=ends_BT)
        return advantages_BT, mask_BT

    def _kl_penalty(
        self, logps_BT: torch.Tensor, ref_logps_BT: torch.Tensor | None, mask_BT: torch.Tensor
    ) -> torch.Tensor:
        """What each token pays `(B, T)`; then adapts the coefficient to the batch's mean KL an episode."""
        if ref_logps_BT is None:
            return torch.zeros_like(logps_BT)
        kl_BT = (logps_BT - ref_logps_BT) * mask_BT
        counted = torch.stack([kl_BT.sum(), mask_BT.any(dim=1).sum()])
        total, episodes = cast(torch.Tensor, self.accelerator.reduce(counted, reduction="sum")).tolist()
        kl = total / max(episodes, 1)
        used = self.kl_coefficient
        self._record("kl", kl)
        self._record("kl_coefficient", used)
        target, horizon = self.options.kl_target, self.options.kl_horizon
        self.kl_coefficient = next_kl_coefficient(used, kl, target=target, horizon=horizon, episodes=int(episodes))
        return used * kl_BT

    def _log_values(self, values_BT: torch.Tensor, returns_BT: torch.Tensor, learns_BT: torch.Tensor) -> None:
        on = learns_BT.bool()
        values, returns = values_BT[on], returns_BT[on]
        if len(values) < 2:
            return
        self._record("value/mean", float(values.mean()))
        self._record("value/explained_variance", explained_variance(values, returns) or 0.0)

    # The update ----------------------------------------------------------------------------------------------------

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        inputs = without_idle_columns(inputs)
        logps_BT, entropies_BT, values_BT = self._logps_entropies_values(model, inputs, entropy=True)
        mask_BT = inputs["completion_mask"] * inputs["tool_mask"]
        policy_BT = clipped_policy_loss(
            logps_BT, inputs["old_per_token_logps"], inputs["advantages"], self.epsilon_low, self.epsilon_high
        )
        value_BT = clipped_value_loss(values_BT, inputs["old_values"], inputs["returns"], self.options.value_clip)
        policy_loss = (policy_BT * self._weights(mask_BT, inputs["num_items_in_batch"])).sum()
        value_loss = (value_BT * self._weights(inputs["value_mask"], inputs["num_values_in_batch"])).sum()
        self._log_update(logps_BT.detach(), cast(torch.Tensor, entropies_BT).detach(), value_loss.detach(), inputs)
        return policy_loss + self.options.value_coef * value_loss

    @torch.no_grad()
    def _log_update(
        self, logps_BT: torch.Tensor, entropies_BT: torch.Tensor, value_loss: torch.Tensor, inputs: dict[str, Any]
    ) -> None:
        mask_BT = inputs["completion_mask"] * inputs["tool_mask"]
        ratio_BT = torch.exp(logps_BT - inputs["old_per_token_logps"])
        clipped_BT = (ratio_BT < 1 - self.epsilon_low) | (ratio_BT > 1 + self.epsilon_high)
        tokens = mask_BT.sum().clamp(min=1)
        self._record("entropy", float((entropies_BT * mask_BT).sum() / tokens))
        self._record("clip_share", float((clipped_BT * mask_BT).sum() / tokens))
        bounds = (self.epsilon_low, self.epsilon_high)
        old_BT, advantages_BT = inputs["old_per_token_logps"], inputs["advantages"]
        self._record("clipped_choices", clipped_choices(logps_BT, old_BT, advantages_BT, *bounds, mask_BT))
        self._record("value/loss", float(value_loss) * self.current_gradient_accumulation_steps)

    def _weights(self, mask_BT: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """`token_weights`, for a sum over the micro-batches of an optimizer step."""
        accumulation = self.current_gradient_accumulation_steps
        if self.loss_type == "dapo":  # `items` are of the whole batch of episodes, of all processes
            share = accumulation / cast(int, cast(GRPOConfig, self.args).steps_per_generation)
            return token_weights(mask_BT, "dapo", items=items * share / self.accelerator.num_processes, longest=1)
        longest = cast(int, self.max_completion_length)
        return token_weights(mask_BT, self.loss_type, items=items, longest=longest) / accumulation

    # Files ---------------------------------------------------------------------------------------------------------

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        whole = dict(state_dict) if self._whole is not None and state_dict is not None else None
        super()._save(output_dir, state_dict)
        if not self.args.should_save:
            return
        folder = Path(output_dir or cast(str, self.args.output_dir))
        self.critic.save(folder, whole)
        if self.pooled is not None:
            self.pooled.save(folder)
        (folder / _STATE).write_text(json.dumps({"kl_coefficient": self.kl_coefficient}) + "\n", encoding="utf-8")

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        folder = Path(resume_from_checkpoint)
        self.critic.load(folder)
        if self.pooled is not None:
            self.pooled.load(folder, self.critic.linear.weight.device)
        self.kl_coefficient = read_number(folder / _STATE, "kl_coefficient")


def make_trainer(config: StepToolPPOOptions, **loaded: Any) -> ToolTrainer:
    """The trainer of a run, ready to train; `loaded` is what `toolgym.agents.training.running.prepare` takes more."""
    rewards = partial(token_rewards, step_reward=config.step_reward, source=config.source)
    trainer = prepare(config, rewards, trainer=partial(StepToolTrainer, options=config), **loaded)
    if config.reward == "otc":
        trainer.tells = figures
    return trainer


def train(config: StepToolPPOOptions) -> Path:
    """Runs StepTool's PPO and returns the folder of the final model."""
    return run(make_trainer(config), config)


def main(argv: Sequence[str] | None = None, preset: str = "steptool") -> int:
    """The command line; the preset `ppo` pays the final reward only."""
    return steptool_options.main(argv, preset)


if __name__ == "__main__":
    raise SystemExit(main())
