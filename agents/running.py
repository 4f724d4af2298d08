"""What every training run shares: options, environments, model, files, and how it goes on after a stop."""

import json
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
import torch
from tqdm.auto import tqdm
from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback
from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK
from transformers.trainer_callback import PrinterCallback
from trl.trainer.grpo_config import GRPOConfig

from toolgym.agents.budget import EnvStepLimit
from toolgym.agents.lm import SamplingOptions, load_model, quiet, release_memory, set_threads
from toolgym.agents.options import check_choices, check_ranges
from toolgym.agents.run_folder import begin, save_settings, settings_of
from toolgym.errors import ConfigError, DivergenceError, did_you_mean
from toolgym.opening import open_env
from toolgym.options import parse_settings

if TYPE_CHECKING:
    from toolgym.agents.episodes import Estimator
    from toolgym.agents.trainer import ToolTrainer
    from toolgym.env import ToolEnv

__all__ = [
    "MetricsFile",
    "RunConfig",
    "check_report_to",
    "env_options",
    "grpo_args",
    "lora",
    "make_envs",
    "prepare",
    "processes",
    "quiet",
    "run",
    "run_callbacks",
    "task_order",
    "train_and_save",
]

LossType = Literal["grpo", "dapo", "dr_grpo", "bnpo"]


@dataclass(frozen=True)
class RunConfig:
    """Options of every on-policy run."""

    env: Annotated[str, "environment id"] = "ToolGym/Airline-v0"
    model: Annotated[str, "builtin:clean, builtin:imperfect, a checkpoint's folder or a hub id"] = "builtin:imperfect"
    output: Annotated[Path, "folder for checkpoints, metrics.jsonl and TensorBoard's files"] = Path("runs/latest")
    steps: Annotated[int, "training steps"] = 50
    seed: Annotated[int, "of tasks, sampling and everything else"] = 0
    size: Annotated[str | None, "world size: small, standard or large (small for the built-in policy)"] = None
    prompt: Annotated[str | None, "first observation: full or short (short for the built-in policy)"] = None
    split: Annotated[str, "split to train on"] = "train"
    depth: Annotated[tuple[int, ...] | None, "only tasks of these depths"] = None
    reward: Annotated[str | None, "reward preset (the environment's default where not given)"] = None
    set: Annotated[tuple[str, ...], "more options of the environment, each NAME=VALUE"] = ()
    groups: Annotated[int, "tasks a step"] = 8
    rollouts: Annotated[int, "episodes a task: the group that is compared"] = 8
    learning_rate: Annotated[float, "AdamW's, constant; 1e-6 to 1e-5 is usual for models of a billion parameters"] = (
        2e-4
    )
    max_grad_norm: Annotated[float, "gradients are scaled down to this norm"] = 1.0
    beta: Annotated[float, "weight of the KL to the starting model; 0 keeps no reference model"] = 0.0
    epsilon: Annotated[float, "lower (and, without --epsilon-high, upper) clip of the ratio"] = 0.2
    epsilon_high: Annotated[float | None, "upper clip of the ratio"] = None
    iterations: Annotated[int, "optimizer passes over each batch of episodes"] = 1
    minibatches: Annotated[int, "optimizer steps that each batch of episodes is split into"] = 1
    loss: Annotated[LossType, "how tokens are averaged: TRL's loss_type"] = "grpo"
    importance_sampling_level: Annotated[
        Literal["token", "sequence"], "ratio of each token, or of the whole sequence (GSPO)"
    ] = "token"
    temperature: Annotated[float, "of the sampling"] = 1.0
    max_new_tokens: Annotated[int, "the longest turn"] = 200
    context_tokens: Annotated[int, "the longest episode"] = 1536
    micro_batch: Annotated[int, "episodes a forward pass, at most"] = 16
    bf16: Annotated[bool, "autocast the update to bfloat16"] = False
    gradient_checkpointing: Annotated[bool, "trade time for memory in the update"] = False
    lora_rank: Annotated[int, "train a LoRA adapter of this rank instead of the whole model; 0: the whole model"] = 0
    save_steps: Annotated[int, "steps between checkpoints"] = 20
    report_to: Annotated[str, "none, tensorboard, wandb, or another that transformers knows"] = "none"
    resume: Annotated[bool, "go on from the latest checkpoint in the output folder"] = False
    overwrite: Annotated[bool, "begin anew in a folder that holds a run: its files are removed"] = False
    env_steps: Annotated[int, "stop once so many environment steps were played, the expert's too; 0: no limit"] = 0
    threads: Annotated[int | None, "torch threads (default: the usable cores, at most 8)"] = None
    progress: Annotated[bool, "show a progress bar"] = True

    def __post_init__(self) -> None:
        check_choices(self)
        check_report_to(self.report_to)
        check_ranges(
            self,
            above_0=(
                "learning_rate",
                "max_grad_norm",
                "temperature",
                "max_new_tokens",
                "context_tokens",
                "save_steps",
            ),
            least_0=("beta", "epsilon", "epsilon_high", "lora_rank", "env_steps"),
        )
        if self.steps < 1 or self.groups < 1 or self.rollouts < 2 or self.micro_batch < 1:
            raise ConfigError(
                f"steps, groups and micro_batch must be at least 1 and rollouts at least 2, got steps={self.steps}, "
                f"groups={self.groups}, micro_batch={self.micro_batch}, rollouts={self.rollouts}"
            )
        shares = self.minibatches * processes()
        if shares < 1 or self.groups * self.rollouts % shares:
            raise ConfigError(
                f"groups * rollouts = {self.groups * self.rollouts} must be a multiple of minibatches * processes, got "
                f"minibatches={self.minibatches}, processes={processes()}"
            )
        passes = self.iterations * self.minibatches
        if passes < 1 or self.save_steps % passes or self.steps % passes:
            raise ConfigError(
                f"steps and save_steps must be multiples of iterations * minibatches = {passes}, got {self.steps} and "
                f"{self.save_steps}: a checkpoint within a batch of episodes could not go on with the same one"
            )

    @property
    def rows(self) -> int:
        """Episodes a forward pass: the most, up to `micro_batch`, that divide a process's part of a minibatch."""
        part = self.groups * self.rollouts // (self.minibatches * processes())
        return largest_divisor(part, self.micro_batch)


def check_report_to(name: str) -> None:
    """Raises for a place to report to that transformers does not know.

    Raises:
        ConfigError: it names the nearest one.
    """
    known = ("none", "all", *INTEGRATION_TO_CALLBACK)
    if name not in known:
        raise ConfigError(f"report_to: {did_you_mean(name, known, 'place')}")


def largest_divisor(number: int, most: int) -> int:
    """The largest divisor of a number that is not above `most`."""
    return max(size for size in range(1, min(number, most) + 1) if number % size == 0)


class StopOnInterrupt(TrainerCallback):
    """The first Ctrl-C ends the run behind its batch of episodes, with a checkpoint; the second one at once.

    Runs of several processes are left alone: they would have to agree on the batch.
    """

    def __init__(self, updates: int = 1):
        self.updates = updates
        self._asked = False

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Listens."""
        if processes() == 1 and threading.current_thread() is threading.main_thread():
            self._asked = False
            signal.signal(signal.SIGINT, self._ask)

    def _ask(self, number: int, frame: Any) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self._asked = True
        # Not by print: a signal may come in the middle of one.
        os.write(2, b"\nStopping behind this batch, with a checkpoint. Ctrl-C again stops at once.\n")

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Ends the run where that was asked for and the batch is done."""
        if self._asked and state.global_step % self.updates == 0:
            control.should_training_stop = control.should_save = True

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Says where it stopped.

        Raises:
            KeyboardInterrupt: the run was asked to stop before its end.
        """
        if self._asked and state.global_step < state.max_steps:
            print(f"Stopped at step {state.global_step} of {state.max_steps}; go on with --resume.", file=sys.stderr)
            raise KeyboardInterrupt


class MetricsFile(TrainerCallback):
    """Writes what is logged to `metrics.jsonl`, a line a step, and stops a run whose gradient is not finite.

    Args:
        path: the file.
        played: environment steps that were played before the first step; they are written into its line.
        without: figures that are left out.
    """

    def __init__(self, path: Path, played: int = 0, without: Sequence[str] = ()):
        self.path, self.played, self.without = path, played, without

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Drops the lines of steps that the run is going to take again."""
        if not state.is_world_process_zero:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        kept = []
        if state.global_step and self.path.is_file():
            lines = self.path.read_text(encoding="utf-8").splitlines()
            kept = [line for line in lines if json.loads(line)["step"] <= state.global_step]
        self.path.write_text("".join(line + "\n" for line in kept), encoding="utf-8")

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        """Looks at the gradients before they are used.

        Raises:
            DivergenceError: one is not finite.
        """
        for name, parameter in model.named_parameters():
            if parameter.grad is not None and not torch.isfinite(parameter.grad).all():
                raise DivergenceError(
                    f"the gradient of {name} is not finite at step {state.global_step}; lower learning_rate, or resume "
                    f"from the last checkpoint in {args.output_dir}"
                )

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Appends a line."""
        if state.is_world_process_zero and logs and "loss" in logs:
            kept = {name: logs[name] for name in sorted(logs) if name not in self.without}
            line = {"step": state.global_step, **kept}
            if self.played and state.global_step == 1:
                line["env_steps"] = float(self.played)
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")


class ProgressBar(TrainerCallback):
    """One line of progress with the figures that matter."""

    def __init__(self) -> None:
        self._bar: Any = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Opens the bar."""
        if state.is_world_process_zero:
            self._bar = tqdm(total=state.max_steps, initial=state.global_step, unit="step")

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Shows the latest figures."""
        if self._bar is not None and logs and "loss" in logs:
            shown = {name: logs[name] for name in ("solved", "reward", "entropy", "loss") if logs.get(name) is not None}
            self._bar.set_postfix({name: f"{float(value):.3g}" for name, value in shown.items()})
            self._bar.update(state.global_step - self._bar.n)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Closes the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


class ReleaseMemory(TrainerCallback):
    """Gives free memory back after each update."""

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Does so."""
        release_memory()


def run_callbacks(config: Any, played: int | None = None) -> list[TrainerCallback]:
    """The callbacks of every run: the metrics file and, where wanted, the limit and the progress bar.

    `played` are the environment steps of a run that plays before it trains; the limit is then kept already.
    """
    path = config.output / "metrics.jsonl"
    # TRL's trainers on made data count tokens from 0 again when they resume.
    metrics = MetricsFile(path) if played is None else MetricsFile(path, played, without=("num_tokens",))
    made: list[TrainerCallback] = [metrics, ReleaseMemory()]
    if played is None and config.env_steps:
        made.append(EnvStepLimit(config.env_steps, config.iterations * config.minibatches))
    if config.progress:
        made.append(ProgressBar())
    updates = config.iterations * config.minibatches if played is None else 1
    return [*made, StopOnInterrupt(updates)]  # last: it may raise


def processes() -> int:
    """How many processes train together, as `accelerate launch` and `torchrun` say it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def env_options(config: Any) -> dict[str, Any]:
    """Keywords for the environment: what was given, and what the model was trained with."""
    given = {
        "size": config.size,
        "prompt": config.prompt,
        "depth": config.depth,
        "reward": getattr(config, "reward", None),
        "reward_options": getattr(config, "reward_options", None),
    }
    chosen = {name: value for name, value in given.items() if value is not None}
    return {**settings_of(config.model, config.env), **chosen, **parse_settings(config.set)}


def make_envs(config: Any, count: int) -> list["ToolEnv"]:
    """`count` environments of the run."""
    first = open_env(config.env, split=config.split, **env_options(config))
    return [first, *(first.spawn() for _ in range(count - 1))]


@contextmanager
def _interrupts_as_before() -> Iterator[None]:
    """Gives Ctrl-C back however a run ends (see `StopOnInterrupt`)."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, before or signal.default_int_handler)


def task_order(tasks: int, count: int, seed: int) -> list[int]:
    """`count` task indices: passes over all tasks, each in a random order of its own."""
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(7,)))
    out: list[int] = []
    while len(out) < count:
        out += rng.permutation(tasks)[: count - len(out)].tolist()
    return out


def grpo_args(config: RunConfig) -> GRPOConfig:
    """TRL's options for a run. `groups` and `rollouts` are of all processes together."""
    cuda = torch.cuda.is_available()
    local = config.groups * config.rollouts // processes()
    return GRPOConfig(
        output_dir=str(config.output),
        max_steps=config.steps,
        learning_rate=config.learning_rate,
        lr_scheduler_type="constant",  # constant_with_warmup would begin at 0
        max_grad_norm=config.max_grad_norm,
        per_device_train_batch_size=config.rows,
        gradient_accumulation_steps=local // (config.rows * config.minibatches),
        steps_per_generation=local // config.rows,
        num_generations=config.rollouts,
        num_iterations=config.iterations,
        max_completion_length=config.context_tokens,
        temperature=config.temperature,
        beta=config.beta,
        epsilon=config.epsilon,
        epsilon_high=config.epsilon_high,
        loss_type=config.loss,
        importance_sampling_level=config.importance_sampling_level,
        bf16=config.bf16,
        use_cpu=not cuda,
        activation_checkpointing=config.gradient_checkpointing,
        shuffle_dataset=False,  # `task_order` has shuffled already
        ddp_broadcast_buffers=False,  # processes may differ in how many forward passes they make
        dataloader_pin_memory=cuda,
        logging_steps=1,
        logging_nan_inf_filter=False,  # a loss that is not finite must be seen, not averaged away
        save_steps=config.save_steps,
        save_total_limit=2,
        report_to=config.report_to,
        seed=config.seed,
        disable_tqdm=True,  # `ProgressBar` shows less, and what matters
    )


def lora(rank: int) -> Any:
    """The configuration of a LoRA adapter on all linear layers; None for rank 0."""
    if not rank:
        return None
    from peft import LoraConfig

    return LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")


def prepare(
    config: RunConfig,
    estimator: "Estimator",
    *,
    trainer: "Callable[..., ToolTrainer] | None" = None,
    model: PreTrainedModel | None = None,
    tokenizer: PreTrainedTokenizerBase | None = None,
    callbacks: list[TrainerCallback] | None = None,
) -> "ToolTrainer":
    """The trainer of a run, ready to train.

    Args:
        config: the run.
        estimator: the algorithm's advantages.
        trainer: a subclass with a loss of its own, perhaps with its options bound (`functools.partial`).
        model: a model to use instead of `config.model`, with its `tokenizer`.
        tokenizer: see `model`.
        callbacks: more callbacks.
    """
    from toolgym.agents.trainer import ToolTrainer

    set_threads(config.threads)
    if model is None or tokenizer is None:
        model, tokenizer = load_model(config.model)
    envs = make_envs(config, config.groups * config.rollouts)
    tasks = envs[0].tasks
    made = (trainer or ToolTrainer)(
        model,
        tokenizer,
        grpo_args(config),
        envs=envs,
        tasks=tasks,
        order=task_order(len(tasks), config.steps * config.groups, config.seed),
        estimator=estimator,
        sampling=SamplingOptions(
            temperature=config.temperature,
            max_new_tokens=config.max_new_tokens,
            context_tokens=config.context_tokens,
        ),
        peft_config=lora(config.lora_rank),
        callbacks=[*run_callbacks(config), *(callbacks or [])],
    )
    made.remove_callback(PrinterCallback)
    return made


def run(trainer: "ToolTrainer", config: RunConfig) -> Path:
    """Trains, resuming where the config says so; saves the model and returns its folder."""
    return train_and_save(lambda: trainer, trainer.processing_class, config, begin(config))


def train_and_save(make: Callable[[], Any], tokenizer: Any, config: Any, checkpoint: str | None) -> Path:
    """Trains with the trainer that `make` gives, from a checkpoint on; the folder of the final model."""
    final = config.output / "final"
    with warnings.catch_warnings(), _interrupts_as_before():
        quiet()
        trainer = make()
        trainer.train(resume_from_checkpoint=checkpoint)
        trainer.save_model(str(final))
    if trainer.args.should_save:
        tokenizer.save_pretrained(final)
        save_settings(final, config.env, env_options(config))
    return final
