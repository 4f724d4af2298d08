"""SFT: supervised fine-tuning on expert episodes, with TRL's `SFTTrainer`; only the expert's tokens carry loss.

    toolgym train --algo sft --env ToolGym/Airline-v0 --model Qwen/Qwen3-0.6B --episodes 2000 --output runs/sft
    python agents/sft.py --env ToolGym/Airline-v0 --episodes 500 --output runs/sft

The oracle plays train tasks in the environment, so results and errors in the context are real. The loss is the mean
cross-entropy of the expert's tokens; the environment's are context. StepTool compares with it (§5.1.3-5.1.4).

Shapes: B sequences, T tokens.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from datasets import Dataset
from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback
from transformers.trainer_callback import PrinterCallback
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from toolgym.agents.rollouts.demonstrations import Chain, Example, chain_of, demonstrate, examples
from toolgym.agents.rollouts.rollout import Rollout
from toolgym.agents.training import sft_options
from toolgym.agents.training.base_trainer import EpochTrainer
from toolgym.agents.training.budget import StepBudget
from toolgym.agents.training.callbacks import run_callbacks
from toolgym.agents.training.run_folder import begin, one_writer
from toolgym.agents.training.running import corpus_of, episode_count, load, lora, make_envs, task_order, train_and_save
from toolgym.agents.training.sft_options import SFTOptions
from toolgym.agents.training.sizing import settled
from toolgym.agents.training.tuning import TuningOptions, tuning_args
from toolgym.errors import ConfigError

__all__ = [
    "SFTOptions",
    "expert_chain",
    "expert_examples",
    "fit",
    "fitting",
    "main",
    "make_trainer",
    "to_dataset",
    "train",
]

_IGNORED = -100


def expert_chain(config: TuningOptions) -> Chain:
    """What the expert does in a task."""
    if (corpus := corpus_of(config)) is not None:
        return corpus.chain
    return chain_of(config.demonstrations, config.seed)


def expert_examples(
    config: TuningOptions, tokenizer: PreTrainedTokenizerBase, budget: StepBudget | None = None
) -> list[Example]:
    """Plays `config.episodes` train tasks in the environment, or as many as are in the budget.

    Raises:
        ConfigError: all of them are longer than `max_tokens`.
    """
    budget = budget or StepBudget(config.env_steps)
    env = make_envs(config, 1)[0]
    chain = expert_chain(config)
    episodes: list[Rollout] = []
    try:
        for part in budget.parts(task_order(len(env.tasks), episode_count(config, len(env.tasks)), config.seed), 1):
            played = demonstrate(env, tokenizer, (env.tasks[index] for index in part), chain)
            budget.take(played)
            episodes += played
    finally:
        env.close()
    max_tokens = cast(int, settled(config).max_tokens)
    made = fitting(episodes, max_tokens)
    if not made:
        longest = max(len(episode.prompt_ids) + len(episode.completion_ids) for episode in episodes)
        raise ConfigError(f"every episode is longer than max_tokens={max_tokens}; the longest has {longest}")
    return made


def fitting(episodes: Sequence[Rollout], max_tokens: int) -> list[Example]:
    """Training sequences of episodes; says how many are left out because they are longer."""
    made = examples(episodes, max_tokens=max_tokens)
    whole = sum(episode.usable and not episode.cut for episode in episodes)
    if len(made) < whole:
        print(f"{whole - len(made)} of {whole} episodes are longer than --max-tokens {max_tokens}: they are left out")
    return made


def to_dataset(data: Sequence[Example]) -> Dataset:
    """The sequences as TRL takes them: `input_ids`, and `labels` that leave out what carries no loss."""
    labels = [
        [token if own else _IGNORED for token, own in zip(example.ids, example.mask, strict=True)] for example in data
    ]
    return Dataset.from_dict({"input_ids": [example.ids for example in data], "labels": labels})


class ExampleTrainer(EpochTrainer, SFTTrainer):
    """TRL's SFT; the sequences of a batch are about as long: padding is what a batch of unequal ones would waste."""


def make_trainer(
    config: TuningOptions,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    data: Sequence[Example],
    callbacks: Sequence[TrainerCallback] = (),
    played: int = 0,
) -> SFTTrainer:
    """The trainer of a run, ready to train; `played` environment steps were made for the data."""
    args = SFTConfig(**tuning_args(config))
    trainer = ExampleTrainer(
        model=model,
        args=args,
        train_dataset=to_dataset(data),
        processing_class=tokenizer,
        peft_config=lora(config.lora_rank),
        callbacks=[*run_callbacks(config, played), *callbacks],
    )
    trainer.lengths = [len(ids) for ids in cast(Any, trainer.train_dataset)["input_ids"]]
    trainer.remove_callback(PrinterCallback)
    return trainer


def train(config: SFTOptions) -> Path:
    """Makes the demonstrations, trains, and returns the folder of the final model."""
    config, model, tokenizer = load(config)
    with one_writer(config.output, config.resume):
        checkpoint = begin(config)
        budget = StepBudget(config.env_steps)
        data = expert_examples(config, tokenizer, budget)
        return fit(config, model, tokenizer, data, checkpoint, played=budget.played)


def fit(
    config: TuningOptions,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    data: Sequence[Example],
    checkpoint: str | None = None,
    *,
    played: int = 0,
) -> Path:
    """Trains on given sequences, made with `played` environment steps; returns the folder of the final model."""
    tokens = int(np.sum([len(example.ids) for example in data]))
    print(f"{len(data)} episodes, {tokens} tokens, {tokens // len(data)} an episode")
    return train_and_save(
        lambda: make_trainer(config, model, tokenizer, data, played=played), tokenizer, config, checkpoint
    )


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return sft_options.main(argv)


if __name__ == "__main__":
    raise SystemExit(main())
