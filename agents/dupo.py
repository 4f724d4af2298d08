"""DUPO: decoupled unified policy optimisation (AC-Planner §4.2, Eq. 8–14).

    toolgym train --algo dupo --env ToolGym/Airline-v0 --steps 50 --output runs/dupo
    python agents/dupo.py --env ToolGym/Airline-v0 --candidates token --steps 50 --output runs/dupo

Equations: weights of six token types Eq. 8; clipped surrogate Eq. 9–10; mean-normalised advantage Eq. 11; dynamic upper
clip Eq. 12; unified loss Eq. 13 with gamma = exp(-zeta t), t the update, from 0: the first one is SFT alone; SFT loss
Eq. 14. Rewards are Eq. 15–23 (`toolgym.rewards.ac_planner`). With `--candidates token`, K candidates of every token of
the gold episode are compared (`toolgym.agents.training.dupo_candidates`); with `--candidates rollout`, K whole
episodes through the environment, with rewards at the ends of steps: the k-th candidate for action n is rollout k's
step n, and its tokens share its advantage. With `--data` candidates are those of an executed corpus: its positive and
negative chains, and the positive ones with an action replaced by an alternative; the policy's log-probabilities of them
before the update stand for those of the policy that sampled.

Deviations: Eq. 8–9 are maximised and Eq. 14 minimised, so the loss is `gamma L_SFT - (1 - gamma) J_RL`; Eq. 14 has the
current policy. Eq. 11 divides by `max(|mean|, floor)`. Eq. 12 has the average reward of the earlier positions of the
same action (tokens), of the same rollout (steps), not less than 0; the first position has the fixed `epsilon_high`. A
candidate has the type of the gold token in whose place it stands. The paper does not print zeta nor the type weights.

Shapes: B rollouts in groups of G, S steps, T tokens; C positions with K candidates; X contexts of either kind.
"""

import math
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback

from toolgym.agents.grpo import grpo_advantages
from toolgym.agents.rollouts.corpus import Action, Recorded
from toolgym.agents.rollouts.demonstrations import demonstrate
from toolgym.agents.rollouts.environments import perturbed
from toolgym.agents.rollouts.episodes import TYPE_CODES, EpisodeBatch, rounding
from toolgym.agents.rollouts.rollout import Episodic, Rollout
from toolgym.agents.training import dupo_options
from toolgym.agents.training.budget import expected_steps
from toolgym.agents.training.clipping import clipped_choices
from toolgym.agents.training.dupo_candidates import PrefixScorer, candidates_of
from toolgym.agents.training.dupo_options import DUPOOptions
from toolgym.agents.training.expert import ExpertTrainer, clipped_objective, token_mean
from toolgym.agents.training.running import corpus_of, prepare, reward_of, run
from toolgym.domain import TaskSet
from toolgym.messages import Turn, parse, segments
from toolgym.tasks import Task

__all__ = [
    "DUPOOptions",
    "average_before",
    "dynamic_clip",
    "early_errors",
    "main",
    "make_trainer",
    "mean_advantages",
    "step_advantages",
    "train",
    "type_weights",
    "unified_loss",
]

_TYPES = tuple(TYPE_CODES)[1:]
_PLANS = ("plan", "tag_plan")


def mean_advantages(
    rewards_XK: torch.Tensor, counted_XK: torch.Tensor, floor: float, sizes_XK: torch.Tensor | None = None
) -> torch.Tensor:
    """Eq. 11: `(R - mean) / max(|mean|, floor)` over the counted candidates of each context `(X, K)`.

    0 for candidates that are not counted, and for all of a context whose rewards are equal but for rounding, which is
    relative to the rewards' sizes (`EpisodeBatch.sizes_B`).
    """
    share = rounding(rewards_XK.dtype)
    rewards_XK = torch.where(counted_XK, rewards_XK.double(), 0.0)
    sizes_XK = rewards_XK.abs() if sizes_XK is None else torch.where(counted_XK, sizes_XK, 0.0)
    mean_X1 = rewards_XK.sum(-1, keepdim=True) / counted_XK.sum(-1, keepdim=True).clamp(min=1)
    highest_X1 = rewards_XK.masked_fill(~counted_XK, -math.inf).amax(-1, keepdim=True)
    lowest_X1 = rewards_XK.masked_fill(~counted_XK, math.inf).amin(-1, keepdim=True)
    advantages_XK = (rewards_XK - mean_X1) / mean_X1.abs().clamp(min=floor)
    differ_X1 = highest_X1 - lowest_X1 > share * sizes_XK.amax(-1, keepdim=True)
    return torch.where(counted_XK & differ_X1, advantages_XK, 0.0).float()


def step_advantages(batch: EpisodeBatch, floor: float, *, episode: bool = False) -> torch.Tensor:
    """Eq. 11 among a group's rollouts, of each step's reward (or of the return, `episode`), on its tokens `(B, T)`."""
    steps = batch.rewards_BS.shape[1]
    taken_BS = (torch.arange(steps) < batch.steps_B[:, None]) & batch.usable_B[:, None]
    values_BS = batch.returns_B[:, None].expand(-1, steps) if episode else batch.rewards_BS
    sizes_BS = batch.sizes_B[:, None].expand(-1, steps) if episode else batch.rewards_BS.double().abs()
    counted_BS = batch.usable_B[:, None].expand(-1, steps) if episode else taken_BS
    groups = len(values_BS) // batch.group_size
    by_context, counted, sizes = (
        x.reshape(groups, batch.group_size, steps).transpose(1, 2) for x in (values_BS, counted_BS, sizes_BS)
    )
    advantages_BS = mean_advantages(by_context, counted, floor, sizes).transpose(1, 2).reshape(-1, steps)
    return advantages_BS.gather(1, batch.step_BT.clamp(min=0)) * batch.sampled_BT


def early_errors(batch: EpisodeBatch) -> float | None:
    """The share of the negatives whose first error is early; None without negatives.

    Negatives are the usable rollouts that earn less than their group's mean. An error is a step that earns less than
    the best candidate for the same action; it is early in the first half of the longest rollout of the group.
    """
    early, count = 0, 0
    for first in range(0, len(batch.steps_B), batch.group_size):
        rows = range(first, first + batch.group_size)
        used = [row for row in rows if batch.usable_B[row]]
        if len(used) < 2:
            continue
        best_S = batch.rewards_BS[used].amax(dim=0)
        returns_U = batch.returns_B[used]
        half = int(batch.steps_B[used].max()) / 2
        slack = rounding(batch.rewards_BS.dtype) * float(batch.sizes_B[used].max())
        for row in (row for row, value in zip(used, returns_U, strict=True) if value < returns_U.mean() - slack):
            worse_S = (batch.rewards_BS[row] < best_S - slack).nonzero()[:, 0]
            count += 1
            early += bool(len(worse_S)) and int(worse_S[0]) < half
    return early / count if count else None


def average_before(values_X: torch.Tensor, chain_X: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """For each position the average of the values before it in its chain (0 at the first), and whether there are any.

    Positions of one chain are neighbours, in order. Shapes: all `(X,)`.
    """
    index_X = torch.arange(len(values_X), device=values_X.device)
    begins_X = torch.ones_like(chain_X, dtype=torch.bool)
    begins_X[1:] = chain_X[1:] != chain_X[:-1]
    first_X = torch.where(begins_X, index_X, 0).cummax(0).values
    before_X = values_X.double().cumsum(0) - values_X
    count_X = index_X - first_X
    return ((before_X - before_X[first_X]) / count_X.clamp(min=1)).to(values_X.dtype), count_X > 0


def dynamic_clip(average_X: torch.Tensor, known_X: torch.Tensor, step: int, steps: int, fixed: float) -> torch.Tensor:
    """Eq. 12: `avg rem / (avg + rem)` with `rem = steps - step + 1`, steps from 1; `fixed` where nothing is known yet.

    A negative average counts as 0: the upper bound is then 1.
    """
    average_X, remaining = average_X.clamp(min=0), float(steps - step + 1)
    return torch.where(known_X, average_X * remaining / (average_X + remaining), fixed)


def type_weights(types: torch.Tensor, options: DUPOOptions) -> torch.Tensor:
    """rho of Eq. 8 for token types (codes, -1 for padding): 0 for the environment's tokens."""
    values = [
        0.0 if not options.plan and name in _PLANS else weight
        for name, weight in zip(TYPE_CODES, (0.0, *options.type_weights), strict=True)
    ]
    table = torch.tensor([*values, 0.0], device=types.device)
    return table[types] / (sum(values) if options.normalise_types else 1.0)


def unified_loss(sft: torch.Tensor, objective: torch.Tensor, gamma: float) -> torch.Tensor:
    """Eq. 13: `gamma L_SFT - (1 - gamma) J_RL`, to be minimised."""
    return gamma * sft - (1 - gamma) * objective


class _WithoutPlans:
    """Tasks whose gold chains have no plans (Table 3): neither experts nor what rewards compare with plans then."""

    def __init__(self, tasks: TaskSet):
        self._tasks = tasks

    def __len__(self) -> int:
        return len(self._tasks)

    def __getitem__(self, index: int, /) -> Task:
        return self._planless(self._tasks[index])

    def __iter__(self) -> Iterator[Task]:
        return map(self._planless, self._tasks)

    def by_id(self, task_id: str) -> Task:
        return self._planless(self._tasks.by_id(task_id))

    @staticmethod
    def _planless(task: Task) -> Task:
        gold = tuple(action.model_copy(update={"plan": None}) for action in task.gold)
        return task.model_copy(update={"gold": gold})


def _without_plan(action: Action) -> Action:
    """A recorded action without its plan; of one in somebody's own words the rest of them."""
    if not isinstance(action, Turn):
        return action.model_copy(update={"plan": None})
    kept = (action.text[span.start : span.end] for span in segments(action.text) if span.type not in _PLANS)
    return parse("".join(kept).strip())


class DUPOTrainer(ExpertTrainer):
    """The shared trainer with DUPO's advantages and loss."""

    corpus: Recorded | None = None
    """What candidates are taken from, in place of the policy's own rollouts."""
    scorer: PrefixScorer
    """Of token candidates: the run's reward on beginnings of actions."""

    def __init__(self, *args: Any, options: DUPOOptions, **kwargs: Any):
        self.options = options
        super().__init__(*args, **kwargs)

    def furnish(self, envs: Sequence[Episodic], tasks: TaskSet) -> None:
        """Takes the environments, and the tasks: without plans, where none are trained."""
        super().furnish(envs, tasks if self.options.plan else _WithoutPlans(tasks))

    def played_with(self) -> tuple[str, ...]:
        """The options too."""
        return (*super().played_with(), "options")

    @property
    def needs_expert(self) -> bool:
        """Whether gold episodes are learnt from: always, but for rollouts without SFT."""
        return self.options.unified or self.options.candidates == "token"

    def play(self, tasks: Sequence[int], attempt: int = 0) -> list[Rollout]:
        """Rollouts; with token candidates the gold episodes, which the candidates are about."""
        if self.options.candidates == "rollout" and self.corpus is None:
            return super().play(tasks, attempt)
        self.count_experts()
        if self.options.candidates == "token":
            return [self.expert(task) for task in tasks]
        return self._recorded(tasks)

    def _recorded(self, tasks: Sequence[int]) -> list[Rollout]:
        """For each row one of the corpus's candidates for its task, other ones in other batches; the positive first."""
        size = cast(int, self.num_generations)
        chosen: list[tuple[Task, tuple[Action, ...]]] = []
        for row, index in enumerate(tasks, self._first_slot):
            task = self.tasks[index]
            first, *others = self._candidates(task)
            seed = np.random.SeedSequence(self.args.seed, spawn_key=(*self._drawn, row // size))
            order = np.random.default_rng(seed).permutation(len(others)).tolist()
            place = row % size
            chosen.append((task, others[order[(place - 1) % len(order)]] if place and order else first))
        chains = iter([actions for _, actions in chosen])
        tokenizer = cast(PreTrainedTokenizerBase, self.processing_class)
        played = demonstrate(
            cast(Any, self.envs[0]),
            tokenizer,
            [task for task, _ in chosen],
            lambda task, domain: next(chains),
            perturbed(self.envs[0], self.args.seed, *self._drawn),
        )
        self._env_steps += sum(len(episode.rewards) for episode in played)
        return [self.fitting(one) for one in played]

    def _candidates(self, task: Task) -> Sequence[tuple[Action, ...]]:
        """The corpus's candidates for a task, each once; without plans, where none are trained."""
        found = cast(Recorded, self.corpus).candidates(task)
        if self.options.plan:
            return found
        bare = [tuple(map(_without_plan, actions)) for actions in found]
        return list({repr(actions): actions for actions in bare}.values())

    def estimate(self, batch: EpisodeBatch) -> dict[str, torch.Tensor]:
        """Advantages, upper clip and type weights of rollouts `(B, T)`; all 0 with token candidates."""
        options = self.options
        if options.candidates == "token":
            return {"advantages": torch.zeros_like(batch.logprobs_BT)}
        if (early := early_errors(batch)) is not None:
            self._record("dupo/early_errors", early)
        if options.credit == "group":
            advantages_BT = grpo_advantages(batch) * batch.sampled_BT
        else:
            advantages_BT = step_advantages(batch, options.floor, episode=options.credit == "episode")
        rows, steps = batch.rewards_BS.shape
        chain_X = torch.arange(rows).repeat_interleave(steps)
        average_X, known_X = average_before(batch.rewards_BS.flatten(), chain_X)
        clip_BS = self._clip(average_X, known_X).view(rows, steps)
        return {
            "advantages": advantages_BT * batch.usable_B[:, None],
            "clip_high": clip_BS.gather(1, batch.step_BT.clamp(min=0)),
            "rho": type_weights(batch.types_BT, options),
        }

    def _clip(self, average_X: torch.Tensor, known_X: torch.Tensor) -> torch.Tensor:
        if not self.options.dynamic_clip:
            return torch.full_like(average_X, self.epsilon_high)
        step, steps = self.state.global_step + 1, expected_steps(self.state, self.options)
        return dynamic_clip(average_X, known_X, step, steps, self.epsilon_high)

    def _log_episodes(self, batch: EpisodeBatch) -> None:
        if self.options.candidates == "rollout" and self.corpus is None:  # others say nothing of the policy
            super()._log_episodes(batch)

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        out = super()._generate_and_score_completions(inputs)
        if self.options.candidates == "token":
            out.update(self._candidate_tensors(out["expert_own"].bool()))
        return out

    def _candidate_tensors(self, own_BL: torch.Tensor) -> dict[str, torch.Tensor]:
        """Candidates of the expert's tokens, their log-probabilities and advantages (B, L, K); clip and rho (B, L)."""
        options, count, device = self.options, cast(int, self.num_generations), own_BL.device
        shape = (*own_BL.shape, count)
        ids_BLK = torch.zeros(shape, dtype=torch.long, device=device)
        logps_BLK, advantages_BLK = torch.zeros(shape, device=device), torch.zeros(shape, device=device)
        clip_BL, rho_BL = torch.zeros(own_BL.shape, device=device), torch.zeros(own_BL.shape, device=device)
        tokenizer = cast(PreTrainedTokenizerBase, self.processing_class)
        model: Any = self.accelerator.unwrap_model(self.model)
        stop_ids = cast(Any, self._policy).chat.stop_ids(model)
        gold, rewards = [], []
        for row in own_BL.any(dim=1).nonzero()[:, 0].tolist():
            expert, own_L = self.expert(self._played[row]), own_BL[row]
            place = self.accelerator.process_index * len(own_BL) + row
            seed = np.random.SeedSequence(self.args.seed, spawn_key=(*self._drawn, place, 1))
            with self.accelerator.autocast():  # as the loss will see them
                found = candidates_of(
                    model,
                    expert,
                    tokenizer,
                    stop_ids,
                    count=count,
                    temperature=self.temperature,
                    scorer=self.scorer,
                    seed=seed,
                )
            counted_CK = torch.ones_like(found.rewards_CK, dtype=torch.bool)
            ids_BLK[row, own_L], logps_BLK[row, own_L] = found.ids_CK, found.logps_CK
            advantages_BLK[row, own_L] = mean_advantages(found.rewards_CK, counted_CK, options.floor)
            clip_BL[row, own_L] = self._clip(*average_before(found.rewards_CK.mean(1), found.actions_C)).float()
            types = [TYPE_CODES[name] for name in expert.types]
            types_T = torch.tensor(types, device=device)
            own_T = torch.tensor(expert.env_mask, dtype=torch.bool, device=device)
            rho_BL[row, own_L] = type_weights(types_T[own_T], options)
            gold_C = torch.tensor(expert.completion_ids, device=device)[own_T]
            gold.append(float((found.ids_CK == gold_C[:, None]).float().mean()))
            rewards.append(float(found.rewards_CK.mean()))
        self._record("dupo/candidates_gold", float(np.mean(gold)) if gold else 0.0)
        self._record("dupo/candidate_reward", float(np.mean(rewards)) if rewards else 0.0)
        return {
            "expert_candidates": ids_BLK,
            "expert_candidate_logps": logps_BLK,
            "expert_candidate_advantages": advantages_BLK,
            "expert_clip": clip_BL,
            "expert_rho": rho_BL,
        }

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
        gamma = math.exp(-self.options.zeta * self.state.global_step) if self.options.unified else 0.0
        if self.options.candidates == "token":
            sft, objective = self._token_terms(model, inputs)
        else:
            sft, objective = self._rollout_terms(model, inputs, supervised=gamma > 0)
        self._record("dupo/gamma", gamma)
        self.record_share("dupo/sft_loss", sft)
        self.record_share("dupo/objective", objective)
        return unified_loss(sft, objective, gamma)

    def _rollout_terms(
        self, model: Any, inputs: dict[str, Any], *, supervised: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """This micro-batch's part of L_SFT (Eq. 14) and of J_RL (Eq. 8), with whole rollouts as candidates."""
        own_total, expert_total = self.shares(inputs)
        own = self.policy_tokens(model, inputs)
        high_BT, advantages_BT = own.inputs["clip_high"], own.inputs["advantages"]
        values_BT = clipped_objective(own.logps_BT, own.old_logps_BT, advantages_BT, self.epsilon_low, high_BT)
        objective = token_mean(values_BT, own.inputs["rho"] * own.mask_BT, own_total)
        weight = own.mask_BT.sum().clamp(min=1)
        cut_BT = (torch.exp(own.logps_BT.detach() - own.old_logps_BT) > 1 + high_BT) & (advantages_BT > 0)
        cut = clipped_choices(own.logps_BT, own.old_logps_BT, advantages_BT, self.epsilon_low, high_BT, own.mask_BT)
        self._record("clipped_choices", cut)
        self._record("dupo/clip_high", float((high_BT * own.mask_BT).sum() / weight))
        self._record("dupo/clipped_high", float((cut_BT * own.mask_BT).sum() / weight))
        expert = self.expert_tokens(model, inputs) if supervised else None
        if expert is None:
            return objective.new_zeros(()), objective
        return token_mean(-expert.logps_EL, expert.weights_EL, expert_total), objective

    def _token_terms(self, model: Any, inputs: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
        """The same with candidates of every token, both from one forward pass over the gold episodes."""
        _, total = self.shares(inputs)
        rows = self.expert_rows(inputs)
        if not len(rows["expert_ids"]):
            # Other processes may have experts here: gradients are averaged after a forward pass in each of them.
            nothing = model(input_ids=inputs["expert_ids"][:1, :1]).logits.sum() * 0.0
            return nothing, nothing
        own_EL = rows["expert_own"][:, 1:].bool()
        with self.accelerator.autocast():
            logits_ELV = model(input_ids=rows["expert_ids"], attention_mask=rows["expert_held"]).logits[:, :-1]
        logps_CV = torch.log_softmax(logits_ELV[own_EL].float() / self.temperature, dim=-1)
        names = ("candidates", "candidate_logps", "candidate_advantages", "clip", "rho")
        ids_CK, old_CK, advantages_CK, clip_C, rho_C = (rows[f"expert_{name}"][:, 1:][own_EL] for name in names)
        values_CK = clipped_objective(
            logps_CV.gather(1, ids_CK), old_CK, advantages_CK, self.epsilon_low, clip_C[:, None]
        )
        objective = token_mean(values_CK, rho_C[:, None], total * ids_CK.shape[1])
        sft = -logps_CV.gather(1, rows["expert_ids"][:, 1:][own_EL][:, None]).sum() / total
        self._record("dupo/clip_high", float(clip_C.mean()))
        self._record("entropy", float(-(logps_CV.detach().exp() * logps_CV.detach()).sum(-1).mean()))
        return sft, objective


def make_trainer(
    config: DUPOOptions,
    model: PreTrainedModel | None = None,
    tokenizer: PreTrainedTokenizerBase | None = None,
    callbacks: list[TrainerCallback] | None = None,
) -> DUPOTrainer:
    """The trainer of a run, ready to train (see `toolgym.agents.training.running.prepare`)."""
    kind = partial(DUPOTrainer, options=config)
    made = prepare(config, grpo_advantages, trainer=kind, model=model, tokenizer=tokenizer, callbacks=callbacks)
    trainer = cast(DUPOTrainer, made)
    if (corpus := corpus_of(config)) is not None:
        trainer.corpus, trainer.chain = corpus, corpus.chain
        if not config.plan:
            trainer.chain = lambda task, domain: [_without_plan(action) for action in corpus.chain(task, domain)]
    if config.candidates == "token":
        trainer.scorer = PrefixScorer.of(reward_of(made.run_config))
    trainer.expert_depth = config.expert_depth
    return trainer


def train(config: DUPOOptions) -> Path:
    """Runs DUPO and returns the folder of the final model."""
    return run(make_trainer(config), config)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return dupo_options.main(argv)


if __name__ == "__main__":
    raise SystemExit(main())
