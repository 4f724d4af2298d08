"""Expert episodes beside the policy's own: what DUPO, ToolUPT and the single-stage baselines learn from as well.

`ExpertTrainer` plays the gold chain of every group's task once and puts its tokens into the batch, in the row of the
group's first rollout. `policy_tokens` and `expert_tokens` are the current policy's log-probabilities of both, for
losses that need the two, at the sampling temperature (`softmax(logits / temperature)`), experts' too.

Shapes: B rollouts in groups of G, T completion tokens, E rows that hold an expert episode, L tokens of the longest one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from accelerate.utils import gather_object
from transformers import PreTrainedTokenizerBase
from trl.trainer.grpo_config import GRPOConfig

from toolgym.agents.rollouts.demonstrations import Chain, demonstrate, gold_chain
from toolgym.agents.rollouts.environments import perturbed
from toolgym.agents.rollouts.rollout import Rollout
from toolgym.agents.training.trainer import ToolTrainer, check_own_loss

__all__ = ["ExpertTokens", "ExpertTrainer", "PolicyTokens", "clipped_objective", "token_mean"]


@dataclass(frozen=True)
class PolicyTokens:
    """The rollouts of a micro-batch under the current policy; rows whose advantages are all 0 are left out."""

    logps_BT: torch.Tensor
    old_logps_BT: torch.Tensor
    mask_BT: torch.Tensor
    """1 for sampled tokens."""
    inputs: dict[str, Any]
    """The micro-batch that is left, in the same shape: `advantages` and what the algorithm added."""


@dataclass(frozen=True)
class ExpertTokens:
    """The expert episodes of a micro-batch under the current policy."""

    logps_EL: torch.Tensor
    weights_EL: torch.Tensor
    """1 for the expert's tokens that are to be learnt (see `ExpertTrainer.expert_weights`), else 0."""
    own_EL: torch.Tensor
    """1 for all of the expert's tokens."""
    advantages_E: torch.Tensor
    """Each expert episode's advantage, where the algorithm has one; else 0."""


def clipped_objective(
    logps: torch.Tensor,
    old_logps: torch.Tensor,
    advantages: torch.Tensor,
    low: torch.Tensor | float,
    high: torch.Tensor | float,
) -> torch.Tensor:
    """`min(r A, clip(r, 1 - low, 1 + high) A)` with `r = exp(logps - old_logps)`, of each element, to be maximised.

    All arguments broadcast to one shape. DUPO Eq. 9–10, ToolUPT Eq. 18.
    """
    ratio = torch.exp(logps - old_logps)
    lower, upper = torch.as_tensor(1 - low, device=ratio.device), torch.as_tensor(1 + high, device=ratio.device)
    clipped = ratio.clamp(lower, upper)  # minimum and maximum would halve the gradient at a bound
    return torch.minimum(ratio * advantages, clipped * advantages)


def token_mean(values: torch.Tensor, weights: torch.Tensor, total: torch.Tensor | float) -> torch.Tensor:
    """`sum(weights * values) / total`: a micro-batch's part of a mean over all tokens of the batch."""
    return (values * weights).sum() / total


class ExpertTrainer(ToolTrainer):
    """The shared trainer with the gold episode of every group's task in the batch.

    Raises:
        ConfigError: an option of TRL's is set that acts inside the loss that these trainers replace.
    """

    def __init__(self, model: Any, tokenizer: Any, args: GRPOConfig, **kwargs: Any):
        check_own_loss(args, "a mean over tokens of token ratios, without KL", ("beta", "loss_type"))
        super().__init__(model, tokenizer, args, **kwargs)
        self.chain: Chain = gold_chain
        """What the expert does in a task."""
        self.expert_depth: Sequence[int] | None = None
        """The depths of the tasks whose experts are learnt from; None: all."""

    @property
    def needs_expert(self) -> bool:
        """Whether anything is learnt from expert episodes, or told by them; otherwise none is played."""
        return True

    def teaches(self, task: int) -> bool:
        """Whether a task's expert episode is learnt from."""
        return self.needs_expert and (self.expert_depth is None or self.tasks[task].depth in self.expert_depth)

    def plays_expert(self, task: int) -> bool:
        """Whether a task's expert episode is played."""
        return self.teaches(task)

    def play(self, tasks: Sequence[int], attempt: int = 0) -> list[Rollout]:
        """As the shared trainer; counts the steps of their experts."""
        played = super().play(tasks, attempt)
        if self.needs_expert:
            self.count_experts()
        return played

    def played_with(self) -> tuple[str, ...]:
        """What experts do, too."""
        return (*super().played_with(), "chain", "expert_depth")

    def count_experts(self) -> None:
        """Counts the steps of each group's expert episode as played: once a batch, in the process of its first row."""
        size = cast(int, self.num_generations)
        firsts = [task for row, task in enumerate(self._played, self._first_slot) if row % size == 0]
        self._env_steps += sum(len(self.expert(task).rewards) for task in firsts if self.plays_expert(task))

    def played(self) -> list[int]:
        """The tasks of `latest`, of all processes."""
        return gather_object(self._played) if self.accelerator.num_processes > 1 else self._played

    def expert(self, task: int) -> Rollout:
        """The expert's episode of a task: played once, kept, without its trajectory. Call between rollouts.

        An episode that the infrastructure broke, or that is longer than `context_tokens`, is left out (`fitting`).
        """
        kept = self.__dict__.setdefault("_experts", {})
        if task not in kept:
            tokenizer = cast(PreTrainedTokenizerBase, self.processing_class)
            same = perturbed(self.envs[0], cast(int, self.args.seed))
            (made,) = demonstrate(cast(Any, self.envs[0]), tokenizer, [self.tasks[task]], self.chain, same)
            made.trajectory = None
            if not made.usable:
                return self.fitting(made)
            kept[task] = self.fitting(made)
        return kept[task]

    def fitting(self, episode: Rollout) -> Rollout:
        """An episode that was not sampled; an empty one that counts in nothing (not `usable`) in the place of one that
        the infrastructure broke, or that is longer than `context_tokens`.
        """
        fits = len(episode.prompt_ids) + len(episode.completion_ids) <= cast(int, self.sampling.context_tokens)
        if episode.usable and fits:
            return episode
        why = episode.error if fits else "the episode is longer than context_tokens"
        return Rollout([], outcome="infra_error", error=why)

    def expert_weights(self, expert: Rollout) -> list[int]:
        """Which of an expert episode's completion tokens are learnt from: all that the expert said."""
        return expert.env_mask

    def expert_advantages(self) -> list[float]:
        """The advantage of each group's expert episode; 0 where the algorithm has none."""
        return [0.0] * (len(self.latest) // cast(int, self.num_generations))

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        out = super()._generate_and_score_completions(inputs)
        size = cast(int, self.num_generations)
        first = self.accelerator.process_index * len(self._played)
        advantages = self.expert_advantages()
        rows = [
            (self.expert(task), advantages[(first + row) // size])
            if (first + row) % size == 0 and self.teaches(task)
            else (Rollout([]), 0.0)
            for row, task in enumerate(self._played)
        ]
        out.update(self._expert_tensors(rows, out["completion_ids"].device))
        if not self.needs_expert:
            return out
        self._record("expert/tokens", float(out["expert_total"][0]))
        firsts = [row for row in range(len(rows)) if (first + row) % size == 0]
        wanted = [rows[row][0] for row in firsts if self.teaches(self._played[row])]
        left_out = sum(not expert.completion_ids for expert in wanted)
        self._record("expert/left_out", left_out / max(len(wanted), 1))
        return out

    def _expert_tensors(self, rows: Sequence[tuple[Rollout, float]], device: torch.device) -> dict[str, torch.Tensor]:
        """The expert episodes, padded on the right; `expert_total` is the number of expert tokens of all processes."""
        longest = max([len(expert.prompt_ids) + len(expert.completion_ids) for expert, _ in rows] + [2])
        pad = cast(int, cast(PreTrainedTokenizerBase, self.processing_class).pad_token_id)
        ids_BL = torch.full((len(rows), longest), pad)
        held_BL, own_BL, weights_BL = (torch.zeros(len(rows), longest, dtype=torch.long) for _ in range(3))
        for row, (expert, _) in enumerate(rows):
            start, end = len(expert.prompt_ids), len(expert.prompt_ids) + len(expert.completion_ids)
            ids_BL[row, :end] = torch.tensor(expert.prompt_ids + expert.completion_ids, dtype=torch.long)
            held_BL[row, :end] = 1
            own_BL[row, start:end] = torch.tensor(expert.env_mask, dtype=torch.long)
            weights_BL[row, start:end] = torch.tensor(self.expert_weights(expert), dtype=torch.long)
        total = self.accelerator.gather(own_BL.sum().to(device)).sum()  # pyright: ignore[reportAttributeAccessIssue]
        return {
            "expert_ids": ids_BL.to(device),
            "expert_held": held_BL.to(device),
            "expert_own": own_BL.to(device),
            "expert_weights": weights_BL.to(device),
            "expert_advantages": torch.tensor([value for _, value in rows], device=device),
            "expert_total": total.expand(len(rows)).clone(),
        }

    def record_pulls(self, parts: Mapping[str, torch.Tensor], tokens: Sequence[torch.Tensor]) -> None:
        """Records how hard each part of a loss pulls on the logits, summed over the tokens of an optimizer step.

        A token's log-probability `log p` moves the logits by `1 - p` at its own place: a part's pull is the sum of
        `|d part / d log p| (1 - p)` over the tokens `tokens` holds the log-probabilities of.
        """
        for name, part in parts.items():
            pull = part.new_zeros(())
            if part.requires_grad:
                slopes = torch.autograd.grad(part, tokens, retain_graph=True, allow_unused=True)
                for slope, logps in zip(slopes, tokens, strict=True):
                    if slope is not None:
                        pull = pull + (slope.abs() * (1 - logps.detach().exp())).sum()
            self.record_share(name, pull)

    # For losses --------------------------------------------------------------------------------------------------

    def expert_rows(self, inputs: dict[str, Any]) -> dict[str, torch.Tensor]:
        """The micro-batch's rows that hold an expert episode, without columns that are all padding."""
        keep = inputs["expert_own"].any(dim=1)
        longest = int(inputs["expert_held"][keep].sum(dim=1).max()) if keep.any() else 0
        return {
            name: value[keep][:, :longest] if value.dim() > 1 else value[keep]
            for name, value in inputs.items()
            if name.startswith("expert_")
        }

    def shares(self, inputs: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
        """What to divide a micro-batch's sums by, for means over all tokens of an optimizer step: rollouts', experts'.

        As TRL has it for token means: gradients are averaged over processes and added over micro-batches.
        """
        scale = self.current_gradient_accumulation_steps / cast(Any, self.args).steps_per_generation
        scale /= self.accelerator.num_processes
        return inputs["num_items_in_batch"].clamp(min=1.0) * scale, inputs["expert_total"][0].clamp(min=1) * scale

    def record_share(self, name: str, value: torch.Tensor) -> None:
        """Records a micro-batch's part of a sum: what is logged is the average over micro-batches, so their sum."""
        of_all = cast(torch.Tensor, self.accelerator.reduce(value.detach().clone(), reduction="mean"))  # as `shares`
        self._record(name, float(of_all) * self.current_gradient_accumulation_steps)

    def policy_tokens(self, model: Any, inputs: dict[str, Any]) -> PolicyTokens:
        """The rollouts under the current policy. Records the entropy."""
        own = {name: value for name, value in inputs.items() if not name.startswith("expert_")}
        left, _ = self._without_idle_rows(own)
        ids_BT = torch.cat([left["prompt_ids"], left["completion_ids"]], dim=1)
        held_BT = torch.cat([left["prompt_mask"], left["completion_mask"]], dim=1)
        logps_BT, entropies_BT, _ = self._get_per_token_logps_and_entropies(
            model, ids_BT, held_BT, left["completion_ids"].shape[1], compute_entropy=True
        )
        mask_BT = left["completion_mask"] * left.get("tool_mask", 1)
        old_logps_BT = left.get("old_per_token_logps")
        entropies_BT = cast(torch.Tensor, entropies_BT).detach()
        self._record("entropy", float((entropies_BT * mask_BT).sum() / mask_BT.sum().clamp(min=1)))
        return PolicyTokens(logps_BT, logps_BT.detach() if old_logps_BT is None else old_logps_BT, mask_BT, left)

    def expert_tokens(self, model: Any, inputs: dict[str, Any]) -> ExpertTokens | None:
        """The expert episodes under the current policy; None where the micro-batch holds none."""
        rows = self.expert_rows(inputs)
        if not len(rows["expert_ids"]):
            return None
        logps_EL, _, _ = self._get_per_token_logps_and_entropies(
            model, rows["expert_ids"], rows["expert_held"], rows["expert_ids"].shape[1] - 1
        )
        return ExpertTokens(
            logps_EL,
            rows["expert_weights"][:, 1:],
            rows["expert_own"][:, 1:],
            rows["expert_advantages"],
        )
