"""ETO and step-wise DPO: preference pairs of success and failure from the policy's own exploration, through TRL's DPO.

    toolgym train --algo eto --env ToolGym/Airline-v0 --episodes 500 --output runs/eto
    python agents/eto.py --pairs step --episodes 200 --output runs/eto-step

- `pairs="episode"`: Song et al. 2024, "Trial and error: exploration-based trajectory optimization", §3.2: the whole
  episode of the expert against each of the policy's failed episodes on the same task. Loss: DPO (their Eq. 4) over all
  of the actor's tokens. StepTool §5.1.4: three samples a task at temperature 0.7, beta 0.1.
- `pairs="step"`: Chen et al. 2024, "Advancing tool-augmented LLMs: integrating insights from errors in inference trees"
  (TP-LLaMA), §3: at a state of a successful path, its next step against the first step of a branch that failed. Here
  the environment is forked at every state of the path and the policy continues `--samples` times from there, so both
  steps answer exactly the same state and tokens.

- `pairs="ranked"`: Dong et al. 2025, "Tool-Star", its self-critic stage after RL (`tool_star_dpo`): several own
  episodes of each task, ranked by the hierarchical reward (`toolgym.rewards.tool_star`): the best against each distinct
  one that earned less. So the policy learns what its own samples are worth.

With `--data` the first two are those of an executed corpus, or of what a search explored (`toolgym explore`;
`corpus_pairs`), and the policy plays nothing.

The successful path is the policy's own where it has one (`--no-expert`), else or by default the expert's.

Deviations: Tool-Star's formulas are not in the reading list; its pairs are of the reward's best and worse, of a model
that RL has trained: give that one as `--model`. TP-LLaMA takes branches from a depth-first search; ours are sampled. A
branch that repeats the path's step and fails later gives no pair at this state. The environment's tokens inside an
episode carry no loss.

Shapes: B pairs, T tokens.
"""

import copy
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from datasets import Dataset
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.trainer_callback import PrinterCallback
from trl.trainer.dpo_config import DPOConfig
from trl.trainer.dpo_trainer import DPOTrainer

from toolgym.agents.policies.lm import LMPolicy
from toolgym.agents.rollouts.branches import Branch, branches, continuations, episodes, steps_of
from toolgym.agents.rollouts.corpus import Recorded
from toolgym.agents.rollouts.demonstrations import demonstrate, gold_chain
from toolgym.agents.rollouts.environments import perturbed
from toolgym.agents.rollouts.rollout import Rollout
from toolgym.agents.training import eto_options
from toolgym.agents.training.base_trainer import EpochTrainer
from toolgym.agents.training.budget import StepBudget
from toolgym.agents.training.callbacks import run_callbacks
from toolgym.agents.training.eto_options import ETOOptions
from toolgym.agents.training.explore import PLAYED, STEPS, Progress, explored, make_policy, once
from toolgym.agents.training.pairs import Pair, pair_of, ranked_pairs
from toolgym.agents.training.run_folder import begin, one_writer
from toolgym.agents.training.running import (
    corpus_of,
    episode_count,
    load,
    lora,
    make_envs,
    task_order,
    train_and_save,
)
from toolgym.agents.training.sizing import settled
from toolgym.agents.training.tuning import tuning_args
from toolgym.errors import ConfigError
from toolgym.tasks import Task

if TYPE_CHECKING:
    from toolgym.env import ToolEnv

__all__ = [
    "ETOOptions",
    "Pair",
    "corpus_pairs",
    "episode_pairs",
    "explore_pairs",
    "main",
    "make_trainer",
    "ranked_pairs",
    "step_pairs",
    "train",
]


def episode_pairs(better: Rollout, group: Sequence[Rollout]) -> list[Pair]:
    """ETO: a successful episode against each distinct failed one of the same task.

    Raises:
        ConfigError: the two have different openings.
    """
    out: list[Pair] = []
    for worse in group:
        if worse.solved or not worse.usable or not worse.completion_ids:
            continue
        pair = pair_of(better, worse)
        if pair not in out:
            out.append(pair)
    return out


def step_pairs(context_ids: list[int], action_ids: list[int], group: Sequence[Rollout]) -> list[Pair]:
    """TP-LLaMA: a successful path's step against the distinct first steps of continuations that failed."""
    out: list[Pair] = []
    for worse in group:
        if worse.solved or not worse.usable or not worse.spans:
            continue
        start, end = worse.spans[0]
        first = worse.completion_ids[start:end]
        pair = Pair(context_ids, action_ids, first, [1] * len(action_ids), [1] * len(first))
        if first and first != action_ids and pair not in out:
            out.append(pair)
    return out


def explore_pairs(
    config: ETOOptions,
    policy: LMPolicy,
    tokenizer: PreTrainedTokenizerBase,
    budget: StepBudget | None = None,
    progress: Progress | None = None,
) -> list[Pair]:
    """Plays within the budget what was not played yet; returns the pairs, in the order of the tasks.

    Raises:
        ConfigError: no pair was found, or all are longer than `max_tokens`.
    """
    budget, config = budget or StepBudget(config.env_steps), settled(config)
    envs = make_envs(config, cast(int, config.concurrency))

    def play(done: int, part: Sequence[int]) -> list[dict[str, Any]]:
        policy.reseed(config.seed, done)
        return [
            {"played": steps_of(played), "pairs": [asdict(pair) for pair in found]}
            for played, found in _explore(config, policy, tokenizer, envs, part, done)
        ]

    try:
        order = task_order(len(envs[0].tasks), config.episodes, config.seed)
        records = explored(config, order, budget, progress or Progress(), play)
    finally:
        for env in envs:
            env.close()
    pairs = [Pair(**pair) for record in records for pair in record["pairs"]]
    none = "every own episode solved its task: there is no failure to learn from; give more --episodes"
    if config.pairs == "ranked":
        paired = sum(bool(record["pairs"]) for record in records)
        print(f"{paired} of {len(records)} tasks have own episodes that earned more and less")
        none = "own episodes of a task earned the same, in all tasks: give more --episodes or --samples"
    return _fitting(pairs, config, len(records), none)


def corpus_pairs(
    config: ETOOptions, tokenizer: PreTrainedTokenizerBase, budget: StepBudget | None = None
) -> list[Pair]:
    """The pairs of an executed corpus, played within the budget, in the order of the tasks.

    `pairs="step"`: at the decision points of a task's rows, what keeps the task solvable against what loses it, at most
    `samples` of the latter a point. `pairs="episode"`: the task's positive row against its negative ones.

    Raises:
        ConfigError: there is none, or all are longer than `max_tokens`.
    """
    budget, config = budget or StepBudget(config.env_steps), settled(config)
    corpus, (env,) = cast(Recorded, corpus_of(config)), make_envs(config, 1)
    find = _corpus_steps if config.pairs == "step" else _corpus_episodes
    pairs: list[Pair] = []
    order = task_order(len(env.tasks), episode_count(config, len(env.tasks)), config.seed)
    count = 0
    try:
        for index in order:
            if budget.spent:
                break
            played, found = find(config, corpus, env, tokenizer, env.tasks[index])
            budget.take(played)
            pairs += found
            count += 1
    finally:
        env.close()
    return _fitting(pairs, config, count, "the data has no step after which a task is lost")


def _corpus_episodes(
    config: ETOOptions, corpus: Recorded, env: "ToolEnv", tokenizer: PreTrainedTokenizerBase, task: Task
) -> tuple[list[Rollout], list[Pair]]:
    """A task's positive row against its negative ones."""
    chains = iter(corpus.trajectories(task))
    every, same = [task] * len(corpus.trajectories(task)), perturbed(env, config.seed)
    played = demonstrate(env, tokenizer, every, lambda *_: next(chains), same)
    return played, episode_pairs(played[0], played[1:]) if played[0].solved else []


def _corpus_steps(
    config: ETOOptions, corpus: Recorded, env: "ToolEnv", tokenizer: PreTrainedTokenizerBase, task: Task
) -> tuple[list[Rollout], list[Pair]]:
    """At the decision points of a task's rows: what keeps it solvable against what loses it."""
    every: list[Rollout] = []
    pairs: list[Pair] = []
    for preference in corpus.preferences(task):
        at = len(preference.before)
        actions = (preference.chosen, *preference.rejected[: config.samples])
        chains = iter([(*preference.before, action) for action in actions])
        same = perturbed(env, config.seed)
        played = demonstrate(env, tokenizer, [task] * len(actions), lambda *_, chains=chains: next(chains), same)
        every += played
        if any(len(episode.spans) <= at or not episode.usable for episode in played):
            continue
        contexts, steps = zip(*(_split(episode, at) for episode in played), strict=True)
        for context, step in zip(contexts[1:], steps[1:], strict=True):
            pair = Pair(contexts[0], steps[0], step, [1] * len(steps[0]), [1] * len(step))
            if context == contexts[0] and step != steps[0] and pair not in pairs:
                pairs.append(pair)
    return every, pairs


def _split(episode: Rollout, at: int) -> tuple[list[int], list[int]]:
    """The tokens before a step, and the step's own."""
    start, end = episode.spans[at]
    return episode.prompt_ids + episode.completion_ids[:start], episode.completion_ids[start:end]


def _fitting(pairs: Sequence[Pair], config: ETOOptions, tasks: int, none: str) -> list[Pair]:
    """The pairs that are not too long; `none` says why there may be no pair at all.

    Raises:
        ConfigError: there is none that fits.
    """
    kept = [pair for pair in pairs if _length(pair) <= cast(int, config.max_tokens)]
    print(f"{len(kept)} pairs from {tasks} tasks")
    if not kept:
        raise ConfigError(
            f"{len(pairs)} pairs were found, none within max_tokens={config.max_tokens}" if pairs else none
        )
    return kept


def _explore(
    config: ETOOptions,
    policy: LMPolicy,
    tokenizer: PreTrainedTokenizerBase,
    envs: Sequence["ToolEnv"],
    tasks: Sequence[int],
    done: int = 0,
) -> list[tuple[list[Rollout], list[Pair]]]:
    """For each task the episodes that were played, and their pairs; `done` tasks of the run came before."""
    same = perturbed(envs[0], config.seed, done)
    if config.pairs == "ranked":
        played = episodes(policy, envs, tasks, config.samples, options=same, step_timeout_s=config.step_timeout)
        return [(group, ranked_pairs(group)) for group in played]
    experts = demonstrate(envs[0], tokenizer, (envs[0].tasks[task] for task in tasks), gold_chain, same)
    groups: list[list[Rollout]] = [[] for _ in tasks]
    if config.pairs == "episode" or not config.expert:
        groups = episodes(policy, envs, tasks, config.samples, options=same, step_timeout_s=config.step_timeout)
    paths = [
        expert if config.expert else next((own for own in group if own.solved and not own.cut), expert)
        for expert, group in zip(experts, groups, strict=True)
    ]
    if config.pairs == "episode":
        return [
            ([expert, *group], episode_pairs(path, group) if path.solved else [])
            for expert, group, path in zip(experts, groups, paths, strict=True)
        ]
    states: list[list[Branch]] = []
    try:
        for task, path in zip(tasks, paths, strict=True):
            states.append(branches(envs[0], task, path) if path.solved else [])
        every = [state for own in states for state in own]
        at_once, limit_s = cast(int, config.concurrency), config.step_timeout
        tried = iter(continuations(policy, every, config.samples, at_once, step_timeout_s=limit_s))
    finally:
        for own in states:
            for state in own:
                state.env.close()
    out: list[tuple[list[Rollout], list[Pair]]] = []
    for expert, group, own in zip(experts, groups, states, strict=True):
        played, pairs = [expert, *group], []
        for state in own:
            rests = next(tried)
            played += rests
            pairs += step_pairs(state.context_ids, state.action_ids, rests)
        out.append((played, pairs))
    return out


def _length(pair: Pair) -> int:
    return len(pair.prompt_ids) + max(len(pair.chosen_ids), len(pair.rejected_ids))


class PairCollator:
    """Pads pairs as TRL's DPO trainer takes them: the chosen of all pairs, then the rejected `(2B, T)`."""

    def __init__(self, pad_id: int):
        self.pad_id = pad_id

    def __call__(self, rows: Sequence[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
        """Input ids, attention mask, and a completion mask that is 1 on the actor's tokens only."""
        sequences = [
            (row["prompt_ids"] + row[f"{side}_ids"], [0] * len(row["prompt_ids"]) + row[f"{side}_mask"])
            for side in ("chosen", "rejected")
            for row in rows
        ]
        width = max(len(ids) for ids, _ in sequences)
        out = {
            "input_ids": torch.full((len(sequences), width), self.pad_id),
            "attention_mask": torch.zeros(len(sequences), width, dtype=torch.long),
            "completion_mask": torch.zeros(len(sequences), width, dtype=torch.long),
        }
        for at, (ids, mask) in enumerate(sequences):
            out["input_ids"][at, : len(ids)] = torch.tensor(ids)
            out["attention_mask"][at, : len(ids)] = 1
            out["completion_mask"][at, : len(ids)] = torch.tensor(mask)
        return out


class PairTrainer(EpochTrainer, DPOTrainer):
    """TRL's DPO on pairs that are tokens already: nothing is rendered or tokenised again."""

    _tag_names = ("toolgym",)

    def get_batch_samples(self, epoch_iterator: Any, num_batches: int, device: Any) -> Any:
        batches, items = super().get_batch_samples(epoch_iterator, num_batches, device)
        self._rows = sum(len(batch["input_ids"]) for batch in batches)
        return batches, items

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """TRL's mean over the pairs of a forward pass, so weighted that their sum is the mean over those of the step.

        The last step of an epoch may have passes of fewer pairs, whose pairs would otherwise count for more.
        """
        made = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        if not model.training:
            return made
        weight = len(inputs["input_ids"]) * self.current_gradient_accumulation_steps / self._rows
        return (made[0] * weight, made[1]) if return_outputs else made * weight

    def _prepare_dataset(self, dataset: Any, processing_class: Any, args: Any, dataset_name: str) -> Any:
        return dataset


def make_trainer(
    config: ETOOptions,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    pairs: Sequence[Pair],
    played: int = 0,
) -> PairTrainer:
    """The trainer of a run, ready to train; `model` as it is now is the reference.

    `played` environment steps were made for the pairs.
    """
    args = DPOConfig(
        beta=config.beta,
        remove_unused_columns=False,  # the masks
        **tuning_args(config),
    )
    adapter = lora(config.lora_rank)
    trainer = PairTrainer(
        model=model,
        ref_model=None if adapter is not None else copy.deepcopy(model),
        args=args,
        data_collator=PairCollator(tokenizer.pad_token_id),  # pyright: ignore[reportArgumentType]
        train_dataset=Dataset.from_list([asdict(pair) for pair in pairs]),
        processing_class=tokenizer,
        peft_config=adapter,
        callbacks=run_callbacks(config, played),
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def train(config: ETOOptions) -> Path:
    """Explores, trains, and returns the folder of the final model."""
    path, played, budget = config.output / "pairs.jsonl", config.output / PLAYED, StepBudget(config.env_steps)
    config, model, tokenizer = load(config)
    with one_writer(config.output, config.resume):
        checkpoint = begin(config, path, played, config.output / STEPS)

        def make() -> list[dict[str, Any]]:
            if config.data is not None:
                return [asdict(pair) for pair in corpus_pairs(config, tokenizer, budget)]
            with closing(make_policy(config, model, tokenizer)) as policy:
                return [asdict(pair) for pair in explore_pairs(config, policy, tokenizer, budget, Progress(played))]

        made = once(path, config.resume, make, budget)
        pairs = [Pair(**pair) for pair in made]
        return train_and_save(
            lambda: make_trainer(config, model, tokenizer, pairs, budget.played), tokenizer, config, checkpoint
        )


def main(argv: Sequence[str] | None = None, preset: str = "eto") -> int:
    """The command line; the preset `tool_star_dpo` ranks own episodes by Tool-Star's reward."""
    return eto_options.main(argv, preset)


if __name__ == "__main__":
    raise SystemExit(main())
