"""SFT: supervised fine-tuning on expert episodes, with TRL's `SFTTrainer`; only the expert's tokens carry loss.

    toolgym train --algo sft --env ToolGym/Airline-v0 --model Qwen/Qwen3-0.6B --episodes 2000 --output runs/sft
    python agents/sft.py --env ToolGym/Airline-v0 --episodes 500 --output runs/sft

The oracle plays train tasks in the environment, so results and errors in the context are real. The loss is the mean
cross-entropy of the expert's tokens (StepTool §3.2 trains the same way: environment tokens are masked).

Shapes: B sequences, T tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, cast

import numpy as np
import torch
from datasets import Dataset
from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback
from transformers.trainer_callback import PrinterCallback
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from toolgym.agents.base_trainer import RunTrainer
from toolgym.agents.budget import StepBudget
from toolgym.agents.callbacks import run_callbacks
from toolgym.agents.common_options import CommonOptions, largest_divisor, processes
from toolgym.agents.demonstrations import Chain, Example, demonstrate, examples, gold_chain
from toolgym.agents.lm import set_threads
from toolgym.agents.options import check_ranges, learner_main
from toolgym.agents.rollout import Rollout
from toolgym.agents.run_folder import begin, one_writer
from toolgym.agents.running import (
    load,
    lora,
    make_envs,
    task_order,
    train_and_save,
)
from toolgym.agents.schedule import Schedule, schedule_args
from toolgym.agents.sizing import BySize, settled
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
    "tuning_args",
]

_IGNORED = -100


@dataclass(frozen=True)
class SFTOptions(CommonOptions):
    """Options of an SFT run."""

    output: Annotated[Path, "folder for checkpoints, metrics.jsonl and TensorBoard's files"] = Path("runs/sft")
    episodes: Annotated[int, "expert episodes"] = 1000
    env_steps: Annotated[int, "play no more once so many environment steps were played; 0: no limit"] = 0
    epochs: Annotated[float, "passes over them"] = 1.0
    steps: Annotated[int, "training steps; 0: by --epochs"] = 0
    seed: Annotated[int, "of tasks and of the order"] = 0
    learning_rate: Annotated[
        float | None, "AdamW's (default: 3e-4; from 50M parameters on 1e-5, for an adapter 1e-4)"
    ] = None
    schedule: Annotated[Schedule, "of the learning rate; linear and cosine fall to 0 over the steps"] = "linear"
    batch: Annotated[int, "sequences a step"] = 16
    micro_batch: Annotated[int | None, "sequences a forward pass, at most (default: 4; from 50M parameters on 1)"] = (
        None
    )
    max_tokens: Annotated[
        int | None, "longer episodes are left out (default: 4096; for a full prompt at least 8192)"
    ] = None
    save_steps: Annotated[int, "steps between checkpoints"] = 500
    demonstrations: Annotated[Literal["clean", "imperfect"], "the oracle's chains, or half of them with a mistake"] = (
        "clean"
    )
    BY_SIZE: ClassVar[BySize] = BySize(rates=(3e-4, 1e-5, 1e-4), micro_batch=(4, 1))

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges(self, above_0=("epochs", "max_tokens"))
        if self.episodes < 1 or self.batch < 1 or self.batch % processes():
            raise ConfigError(
                "episodes must be at least 1 and batch a multiple of the number of processes, got "
                f"episodes={self.episodes}, batch={self.batch}, processes={processes()}"
            )

    @property
    def rows(self) -> int:
        """Sequences a forward pass: the most, up to `micro_batch`, that divide a process's part of a step."""
        return largest_divisor(self.batch // processes(), self.micro_batch or self.BY_SIZE.micro_batch[0])


def expert_chain(config: SFTOptions) -> Chain:
    """What the expert does in a task."""
    if config.demonstrations == "clean":
        return gold_chain
    from toolgym.agents.builtin import imperfect_chain

    return imperfect_chain(config.seed)


def expert_examples(
    config: SFTOptions, tokenizer: PreTrainedTokenizerBase, budget: StepBudget | None = None
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
        for part in budget.parts(task_order(len(env.tasks), config.episodes, config.seed), 1):
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
    whole = sum(episode.usable for episode in episodes)
    if len(made) < whole:
        print(f"{whole - len(made)} of {whole} episodes are longer than --max-tokens {max_tokens}: they are left out")
    return made


def to_dataset(data: Sequence[Example]) -> Dataset:
    """The sequences as TRL takes them: `input_ids`, and `labels` that leave out what carries no loss."""
    labels = [
        [token if own else _IGNORED for token, own in zip(example.ids, example.mask, strict=True)] for example in data
    ]
    return Dataset.from_dict({"input_ids": [example.ids for example in data], "labels": labels})


def tuning_args(config: SFTOptions) -> dict[str, Any]:
    """TRL's arguments of every run on data that is made before it trains."""
    config = settled(config)
    cuda = torch.cuda.is_available()
    return {
        "output_dir": str(config.output),
        "num_train_epochs": config.epochs,
        "max_steps": config.steps or -1,
        "learning_rate": config.learning_rate,
        **schedule_args(config.schedule, config.warmup_steps),
        "per_device_train_batch_size": config.rows,
        "gradient_accumulation_steps": config.batch // (config.rows * processes()),
        "max_length": None,
        "bf16": config.bf16,
        "use_cpu": not cuda,
        "activation_checkpointing": config.gradient_checkpointing,
        "dataloader_pin_memory": cuda,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "save_steps": config.save_steps,
        "save_total_limit": 2,
        "report_to": config.report_to,
        "seed": config.seed,
        "disable_tqdm": True,  # `ProgressBar` shows less, and what matters
    }


class ExampleTrainer(RunTrainer, SFTTrainer):
    """TRL's SFT."""


def make_trainer(
    config: SFTOptions,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    data: Sequence[Example],
    callbacks: Sequence[TrainerCallback] = (),
    played: int = 0,
) -> SFTTrainer:
    """The trainer of a run, ready to train; `played` environment steps were made for the data."""
    args = SFTConfig(
        train_sampling_strategy="group_by_length",  # padding is what a batch of unequal episodes would waste
        **tuning_args(config),
    )
    trainer = ExampleTrainer(
        model=model,
        args=args,
        train_dataset=to_dataset(data),
        processing_class=tokenizer,
        peft_config=lora(config.lora_rank),
        callbacks=[*run_callbacks(config, played), *callbacks],
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def train(config: SFTOptions) -> Path:
    """Makes the demonstrations, trains, and returns the folder of the final model."""
    set_threads(config.threads)
    config, model, tokenizer = load(config)
    with one_writer(config.output, config.resume):
        checkpoint = begin(config)
        budget = StepBudget(config.env_steps)
        data = expert_examples(config, tokenizer, budget)
        return fit(config, model, tokenizer, data, checkpoint, played=budget.played)


def fit(
    config: SFTOptions,
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
    return learner_main("sft", SFTOptions, train, argv)


if __name__ == "__main__":
    raise SystemExit(main())
