"""AWPO: advantage-weighted policy optimisation with reasoning rewards (AWPO §3.2, Eq. 20–30, Algorithm 1).

    toolgym train --algo awpo --env ToolGym/Airline-v0 --steps 50 --output runs/awpo
    python agents/awpo.py --env ToolGym/Airline-v0 --steps 50 --output runs/awpo

Equations: the outcome and the mixed reward (Eq. 14–20) are `toolgym.rewards.awpo`'s, summed over an episode; their
group statistics Eq. 21–23; variance-aware ratio Eq. 24; saturation and dispersion gate Eq. 25; the two normalised
advantages Eq. 26; difficulty weight Eq. 27; hyper advantage Eq. 28; clip radius of the batch Eq. 29; objective Eq. 30.

Deviations and decisions: an episode's rewards are divided by the number of the task's gold actions, so that R_out is in
[0, 2] as for one message. `R_out_max` is the highest group mean so far, this batch included, unless it is given; it is
kept in the checkpoint. `epsilon_mix` is 0.75: Eq. 24 gives 0.5 for equal spreads, 0.75 is a mixed reward that spreads
three times as much as the outcome. A group with an episode without judgement uses the outcome alone. Without the gate
(Table 5: "removing the first term in Eq. 28") Eq. 28 has the mixed advantage alone, and Eq. 29 still follows Eq. 25's
weights. The paper prints no values for its constants; those here are ours. The ratio of Eq. 30 is a whole sequence's:
that is `importance_sampling_level="sequence"`, where TRL takes the geometric mean over tokens; the default is a ratio a
token.

Shapes: B sequences in groups of G, N groups, T tokens.
"""

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import torch
from accelerate.utils import gather_object
from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback

from toolgym.agents.grpo import grpo_advantages
from toolgym.agents.rollouts.episodes import EpisodeBatch, rounding
from toolgym.agents.rollouts.rollout import Rollout
from toolgym.agents.training import awpo_options
from toolgym.agents.training.awpo_options import AWPOOptions
from toolgym.agents.training.clipping import clipped_choices, sequence_ratios
from toolgym.agents.training.run_folder import read_json, read_number
from toolgym.agents.training.running import prepare, reward_of, run
from toolgym.agents.training.trainer import ToolTrainer
from toolgym.errors import ConfigError
from toolgym.rewards.awpo import pays_reasoning
from toolgym.rewards.judge import Backend, Judge, Judgement, JudgeRequest, ModelJudge, judge_all, request_of
from toolgym.rewards.judge_backends import Cached, Endpoint, EndpointOptions, LocalModel, LocalModelOptions
from toolgym.tasks import Task

__all__ = [
    "AWPOOptions",
    "GroupWeights",
    "clip_radius",
    "group_weights",
    "hyper_advantages",
    "judge_reasoning",
    "main",
    "make_judge",
    "make_trainer",
    "mechanisms",
    "train",
]

_EPS = 1e-4
_PEAK_FILE = "awpo.json"


@dataclass(frozen=True)
class GroupWeights:
    """What Eq. 24–27 say of each group."""

    ratio_N: torch.Tensor
    """r_g (Eq. 24)."""
    unsaturated_N: torch.Tensor
    """Whether the first gate of Eq. 25 is open: the mean outcome is below the peak."""
    calm_N: torch.Tensor
    """Whether the second is: the ratio is below epsilon_mix, and every episode was judged."""
    gated_N: torch.Tensor
    """w_g (Eq. 25)."""
    mix_N: torch.Tensor
    """The share of the mixed advantage: w_g; without the gate 1."""
    difficulty_N: torch.Tensor
    """d_g (Eq. 27)."""
    intermediate_N: torch.Tensor
    """Whether the group is of intermediate difficulty."""


def _statistics(values_B: torch.Tensor, usable_B: torch.Tensor, group_size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation (1/K, Eq. 21–23) of each group's usable episodes `(N,)`; exact 0 for values that are
    equal but for rounding.
    """
    usable_NG = usable_B.view(-1, group_size)
    values_NG = torch.where(usable_NG, values_B.double().view(-1, group_size), 0.0)
    count_N = usable_NG.sum(1).clamp(min=1)
    mean_N = values_NG.sum(1) / count_N
    squares_NG = torch.where(usable_NG, (values_NG - mean_N[:, None]) ** 2, 0.0)
    std_N = (squares_NG.sum(1) / count_N).sqrt()
    return mean_N, torch.where(std_N <= rounding(values_B.dtype) * values_NG.abs().amax(1), 0.0, std_N)


def group_weights(
    outcome_B: torch.Tensor,
    mixed_B: torch.Tensor,
    usable_B: torch.Tensor,
    group_size: int,
    peak: float,
    options: Any,
    bounds: tuple[float, float] | None = None,
) -> GroupWeights:
    """Eq. 24, 25 and 27 for each group.

    Args:
        outcome_B: R_out.
        mixed_B: R_mix; NaN where there is no judgement.
        usable_B: False for episodes that must not count.
        group_size: G.
        peak: R_out_max.
        options: `AWPOOptions`, whose constants and switches are used.
        bounds: tau_low and tau_high, where they are not the options'.
    """
    low, high = bounds or (options.low, options.high)
    mean_N, spread_N = _statistics(outcome_B, usable_B, group_size)
    judged_N = (~mixed_B.isnan() | ~usable_B).view(-1, group_size).all(1)
    _, mixed_spread_N = _statistics(mixed_B.nan_to_num(), usable_B, group_size)
    ratio_N = mixed_spread_N / (spread_N + mixed_spread_N + _EPS)
    unsaturated_N, calm_N = mean_N < peak, (ratio_N < options.epsilon_mix) & judged_N
    gated_N = ratio_N * unsaturated_N * calm_N
    mix_N = gated_N if options.gate else judged_N.double()
    intermediate_N = (low < mean_N) & (mean_N < high)
    weight_N = torch.where(intermediate_N, options.prior_weight, options.base_weight)
    if not options.difficulty:
        weight_N = torch.ones_like(weight_N)
    return GroupWeights(ratio_N, unsaturated_N, calm_N, gated_N, mix_N, weight_N, intermediate_N)


def _normalised(values_B: torch.Tensor, usable_B: torch.Tensor, group_size: int) -> torch.Tensor:
    """Eq. 26: `(R - mean) / (std + 1e-4)` of each group's usable episodes `(B,)`; 0 for groups of equal rewards."""
    mean_N, std_N = (x.repeat_interleave(group_size) for x in _statistics(values_B, usable_B, group_size))
    return torch.where(usable_B & (std_N > 0), (values_B.double() - mean_N) / (std_N + _EPS), 0.0)


def hyper_advantages(
    outcome_B: torch.Tensor, mixed_B: torch.Tensor, usable_B: torch.Tensor, group_size: int, weights: GroupWeights
) -> torch.Tensor:
    """Eq. 26 and 28: `d [(1 - w) A_out + w A_mix]` of each episode `(B,)`."""
    mix_B = weights.mix_N.repeat_interleave(group_size)
    of_outcome_B = _normalised(outcome_B, usable_B, group_size)
    of_mixed_B = _normalised(mixed_B.nan_to_num(), usable_B, group_size)
    blend_B = (1 - mix_B) * of_outcome_B + mix_B * of_mixed_B
    return (weights.difficulty_N.repeat_interleave(group_size) * blend_B).float()


def clip_radius(gated_N: torch.Tensor, low: float, high: float) -> float:
    """Eq. 29: from `high` for a batch that relies on the outcome alone down to `low` for one that relies on the mix.

    `gated_N` are w_g (Eq. 25) of the groups with an episode that counts; without any it is `high`.
    """
    return low + (1 - float(gated_N.mean())) * (high - low) if len(gated_N) else high


def mechanisms(
    outcome_B: torch.Tensor,
    mixed_B: torch.Tensor,
    solved_B: torch.Tensor,
    usable_B: torch.Tensor,
    group_size: int,
    weights: GroupWeights,
) -> dict[str, float]:
    """Whether AWPO's mechanisms can act on a batch; a figure that nothing tells of is left out.

    - `judge_correlation`: of R_reasoning with R_out within groups (both less their group's mean, over all groups);
    - `flat`: the share of groups whose outcomes are all equal;
    - `flat_open`: of those of them that were judged and whose mixed rewards differ, the share whose gate (Eq. 25) is
      open;
    - `miskeyed`: of the groups in which some episodes are solved and others are not, the share that Eq. 27 takes for
      too easy or too hard.
    """
    used_NG = usable_B.view(-1, group_size) & ~mixed_B.isnan().view(-1, group_size)
    judged_N = (used_NG == usable_B.view(-1, group_size)).all(1)
    count_N1 = used_NG.sum(1, keepdim=True).clamp(min=1)
    outcome_NG, mixed_NG = (
        torch.where(used_NG, x.double().view(-1, group_size), 0.0) for x in (outcome_B, mixed_B.nan_to_num())
    )
    reasoning_NG = mixed_NG - outcome_NG
    one, other = (torch.where(used_NG, x - x.sum(1, keepdim=True) / count_N1, 0.0) for x in (outcome_NG, reasoning_NG))
    out: dict[str, float] = {}
    if (scale := float((one.square().sum() * other.square().sum()).sqrt())) > _EPS:
        out["judge_correlation"] = float((one * other).sum()) / scale
    _, spread_N = _statistics(outcome_B, usable_B, group_size)
    _, mixed_spread_N = _statistics(mixed_B.nan_to_num(), usable_B, group_size)
    flat_N = (spread_N == 0) & (usable_B.view(-1, group_size).sum(1) > 1)
    out["flat"] = float(flat_N.double().mean())
    if (differ_N := flat_N & judged_N & (mixed_spread_N > 0)).any():
        out["flat_open"] = float((weights.gated_N[differ_N] > 0).double().mean())
    solved_NG = solved_B.view(-1, group_size) & usable_B.view(-1, group_size)
    solved_N = solved_NG.sum(1)
    if (both_N := (solved_N > 0) & (solved_N < usable_B.view(-1, group_size).sum(1))).any():
        out["miskeyed"] = float((~weights.intermediate_N[both_N]).double().mean())
    return out


class AWPOTrainer(ToolTrainer):
    """The shared trainer with AWPO's advantages and clip. Checkpoints also hold the highest group mean."""

    options: AWPOOptions
    weights: Mapping[str, float] = MappingProxyType({})
    """Of the reward's components; 1 where there is none."""
    peak: float | None = None
    """The highest group mean of the outcome so far."""
    means: tuple[float, ...] = ()
    """All group means of the outcome so far, where quantiles of them are asked for."""
    _latest_logps: torch.Tensor | None = None

    @cached_property
    def judge(self) -> Judge | None:
        """A model that judges a batch of episodes at once, where the environment's reward has no judge."""
        return make_judge(self.options)

    def play(self, tasks: Sequence[int], attempt: int = 0) -> list[Rollout]:
        """As the shared trainer; has the reasoning of all of them judged."""
        played = super().play(tasks, attempt)
        if self.judge is not None:
            started = time.perf_counter()
            asked = judge_reasoning(played, [self.tasks[i] for i in tasks], self.judge, self.options.judge_workers)
            self._record("seconds/judge", time.perf_counter() - started)
            missing = sum(judgement.score is None for judgement in asked)
            self._record("awpo/judgements", len(asked))
            self._record("awpo/judgements_missing", missing / max(len(asked), 1))
        return played

    def played_with(self) -> tuple[str, ...]:
        """The options too, of which the process that plays makes the judge."""
        return (*super().played_with(), "options")

    def learnt(self, rollout: Rollout) -> bool:
        """An episode without judgement too: its outcome is known."""
        return rollout.usable

    def estimate(self, batch: EpisodeBatch) -> dict[str, torch.Tensor]:
        """Hyper advantages `(B, T)` and the batch's clip radius `(B,)`."""
        options, size = self.options, batch.group_size
        usable_B = torch.tensor([rollout.usable for rollout in self.latest])  # scores are looked at one by one
        played = gather_object(self._played) if self.accelerator.num_processes > 1 else self._played
        actions = [len(self.tasks[index].gold) for index in played]
        outcome_B, mixed_B = episode_rewards(self.latest, actions, self.weights)
        if options.judge == "none":
            mixed_B = torch.full_like(mixed_B, math.nan)
        mean_N, _ = _statistics(outcome_B, usable_B, size)
        seen_N = usable_B.view(-1, size).any(1)
        if seen_N.any():
            self.peak = max(self.peak or 0.0, float(mean_N[seen_N].max()))
        peak = options.peak if options.peak is not None else self.peak or 0.0
        bounds = None
        if options.quantiles is not None:
            self.means = (*self.means, *mean_N[seen_N].tolist())
            quantiles = torch.tensor(options.quantiles, dtype=torch.float64)
            if self.means:
                low, high = torch.quantile(torch.tensor(self.means, dtype=torch.float64), quantiles).tolist()
                # A group at a quantile is not beyond it: many have the highest mean there is.
                bounds = (math.nextafter(low, -math.inf), math.nextafter(high, math.inf))
                self._record("awpo/low", low)
                self._record("awpo/high", high)
        weights = group_weights(outcome_B, mixed_B, usable_B, size, peak, options, bounds)
        advantages_B = hyper_advantages(outcome_B, mixed_B, usable_B, size, weights)
        radius = clip_radius(weights.gated_N[seen_N], options.epsilon_min, options.epsilon_max)
        for name, value_N in (
            ("ratio", weights.ratio_N),
            ("unsaturated", weights.unsaturated_N),
            ("calm", weights.calm_N),
            ("mix_weight", weights.mix_N),
            ("mixed", weights.mix_N > 0),
            ("intermediate", weights.intermediate_N),
        ):
            self._record(f"awpo/{name}", float(value_N[seen_N].double().mean()) if seen_N.any() else 0.0)
        for name, value in mechanisms(outcome_B, mixed_B, batch.solved_B, usable_B, size, weights).items():
            self._record(f"awpo/{name}", value)
        self._record("awpo/peak", peak)
        self._record("awpo/outcome", float(mean_N[seen_N].mean()) if seen_N.any() else 0.0)
        self._record("awpo/clip", radius if options.dynamic_clip else options.epsilon)
        return {
            "advantages": advantages_B[:, None] * batch.sampled_BT,
            "clip": torch.full_like(advantages_B, radius),
        }

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        if self.options.dynamic_clip:
            self.epsilon_low = self.epsilon_high = float(inputs["clip"][0])
        trimmed, share = self._without_idle_rows(inputs, alike=True)
        loss = super()._compute_loss(model, trimmed) * share
        old_BT, logps_BT = trimmed.get("old_per_token_logps"), self._latest_logps
        if old_BT is not None and logps_BT is not None and logps_BT.shape == old_BT.shape:
            bounds, mask_BT = (self.epsilon_low, self.epsilon_high), trimmed["completion_mask"] * trimmed["tool_mask"]
            if self.importance_sampling_level == "sequence":
                logps_BT = old_BT + sequence_ratios(logps_BT - old_BT, mask_BT)
            cut = clipped_choices(logps_BT, old_BT, trimmed["advantages"], *bounds, mask_BT)
            self._record("clipped_choices", cut)
        return loss

    def _get_per_token_logps_and_entropies(self, *args: Any, **kwargs: Any) -> Any:
        """The shared trainer's; remembers the log-probabilities, for what is logged of the clip."""
        out = super()._get_per_token_logps_and_entropies(*args, **kwargs)
        self._latest_logps = out[0].detach()
        return out

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        super()._save(output_dir, state_dict)
        if self.args.should_save:
            path = Path(output_dir or cast(str, self.args.output_dir)) / _PEAK_FILE
            kept = {"peak": self.peak, **({"means": self.means} if self.means else {})}
            path.write_text(json.dumps(kept) + "\n", encoding="utf-8")

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        path = Path(resume_from_checkpoint) / _PEAK_FILE
        kept = read_json(path)
        # None where no episode has counted until then.
        self.peak = None if kept.get("peak", 0.0) is None else read_number(path, "peak")
        self.means = tuple(kept.get("means", ()))


def judge_reasoning(rollouts: Sequence[Rollout], tasks: Sequence[Task], judge: Judge, workers: int) -> list[Judgement]:
    """Adds R_reasoning to the steps' components, for steps that it is paid for (`ReasoningTerm`); the others get 0.

    All requests are asked for together, `workers` at a time. A judgement that is missing leaves its component out, and
    so does an episode without its trajectory. The judgements, in order.
    """
    requests: list[JudgeRequest] = []
    places: list[dict[str, float]] = []
    for rollout, task in zip(rollouts, tasks, strict=True):
        if not rollout.usable or rollout.trajectory is None:
            continue
        for components, so_far in zip(rollout.components, rollout.trajectory.prefixes(), strict=False):
            components["reasoning"] = 0.0
            if pays_reasoning(so_far, task):
                requests.append(request_of(so_far, task, latest=True))
                places.append(components)
    judgements = judge_all(judge, requests, workers)
    for components, judgement in zip(places, judgements, strict=True):
        if judgement.score is None:
            del components["reasoning"]
        else:
            components["reasoning"] = judgement.score
    return judgements


def make_judge(config: AWPOOptions) -> Judge | None:
    """The model that judges a run's episodes; None where none does."""
    if config.judge == "endpoint":
        backend: Backend = Endpoint(EndpointOptions(config.judge_model, config.judge_url))
    elif config.judge == "local":
        device = "cuda" if torch.cuda.is_available() else "cpu"
        backend = LocalModel(LocalModelOptions(config.judge_model, device=device))
    else:
        return None
    if config.judge_cache is not None:
        backend = Cached(backend, config.judge_cache)
    return ModelJudge(backend, second_look=config.second_look)


def episode_rewards(
    rollouts: Sequence[Rollout], gold_actions: Sequence[int], weights: Mapping[str, float] = MappingProxyType({})
) -> tuple[torch.Tensor, torch.Tensor]:
    """R_out in [0, 2] and R_mix in [0, 3] of each episode, a gold action's average; R_mix is NaN without judgement.

    Args:
        rollouts: the episodes.
        gold_actions: how many gold actions the task of each has.
        weights: of the components, where they are not 1 (the bounds are then others).

    Raises:
        ConfigError: the environment's reward has not the components of AWPO's.
    """
    outcomes, mixed = [], []
    of_format, of_exec, of_reasoning = (weights.get(name, 1.0) for name in ("format", "exec", "reasoning"))
    missing = math.nan if of_reasoning else 0.0
    for rollout, count in zip(rollouts, gold_actions, strict=True):
        if any("exec" not in step for step in rollout.components if rollout.usable):
            raise ConfigError('AWPO reads the components "format" and "exec": train with reward="awpo"')
        outcome = sum(
            of_format * step.get("format", 0.0) + of_exec * step.get("exec", 0.0) for step in rollout.components
        )
        reasoning = sum(of_reasoning * step.get("reasoning", missing) for step in rollout.components)
        outcomes.append(outcome / max(count, 1))
        mixed.append((outcome + reasoning) / max(count, 1))
    return torch.tensor(outcomes, dtype=torch.float64), torch.tensor(mixed, dtype=torch.float64)


def make_trainer(
    config: AWPOOptions,
    model: PreTrainedModel | None = None,
    tokenizer: PreTrainedTokenizerBase | None = None,
    callbacks: list[TrainerCallback] | None = None,
) -> AWPOTrainer:
    """The trainer of a run, ready to train (see `toolgym.agents.training.running.prepare`)."""
    made = prepare(config, grpo_advantages, trainer=AWPOTrainer, model=model, tokenizer=tokenizer, callbacks=callbacks)
    trainer = cast(AWPOTrainer, made)
    trainer.options, trainer.weights = config, reward_of(made.run_config).weights
    if not config.stale:
        _ = trainer.judge  # what is wrong with it is told before anything is played
    return trainer


def train(config: AWPOOptions) -> Path:
    """Runs AWPO and returns the folder of the final model."""
    return run(make_trainer(config), config)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return awpo_options.main(argv)


if __name__ == "__main__":
    raise SystemExit(main())
