"""What every training run shares: options, environments, model, files, and how it goes on after a stop."""

import os
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import fields, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback
from transformers.trainer_callback import PrinterCallback
from trl.trainer.grpo_config import GRPOConfig

from toolgym.agents.exploring.explored import Explored
from toolgym.agents.exploring.folder import MANIFEST
from toolgym.agents.policies.chat import ChatFormat
from toolgym.agents.policies.lm import check_opening
from toolgym.agents.policies.machine import set_threads
from toolgym.agents.policies.models import load_model, load_tokenizer, quiet, without_bars
from toolgym.agents.policies.sizes import ModelSize, named_size, size_of
from toolgym.agents.rollouts.corpus import Corpus, Recorded
from toolgym.agents.rollouts.environments import copies
from toolgym.agents.rollouts.recording import RecordEpisodes
from toolgym.agents.training.adapters import keep_base
from toolgym.agents.training.callbacks import StopOnInterrupt, interrupts_as_before, one_tensorboard, run_callbacks
from toolgym.agents.training.common_options import RunConfig, check_reports, places_of, processes
from toolgym.agents.training.orders import task_order
from toolgym.agents.training.overlap import Stale
from toolgym.agents.training.player import Opened
from toolgym.agents.training.reporting import one_run
from toolgym.agents.training.run_folder import (
    EPISODES,
    TENSORBOARD,
    begin,
    kept,
    one_writer,
    save_settings,
    settings_of,
    step_of,
    tell_settings,
)
from toolgym.agents.training.schedule import schedule_args
from toolgym.agents.training.sharding import sharded_launch
from toolgym.agents.training.sizing import settled, unset
from toolgym.agents.training.train_evaluation import EvaluateEvery
from toolgym.errors import ConfigError, DivergenceError, ToolGymError
from toolgym.opening import bring_env, doubts, open_env
from toolgym.options import EnvOptions, parse_settings

if TYPE_CHECKING:
    from toolgym.agents.rollouts.episodes import Estimator
    from toolgym.agents.training.trainer import ToolTrainer
    from toolgym.env import ToolEnv
    from toolgym.rewards import Reward

__all__ = [
    "RunConfig",
    "corpus_of",
    "env_options",
    "episode_count",
    "grpo_args",
    "load",
    "lora",
    "make_envs",
    "prepare",
    "reward_of",
    "run",
    "task_order",
    "train_and_save",
]

C = TypeVar("C")


def _updates(config: Any) -> int:
    """How many optimizer steps a batch of episodes is learnt from: 1 where it is played before the run."""
    return getattr(config, "iterations", 1) * getattr(config, "minibatches", 1)


def env_options(config: Any) -> dict[str, Any]:
    """Keywords for the environment: what was given, and what the model was trained with."""
    return {**settings_of(config.model, config.env), **_given_options(config)}


def _given_options(config: Any) -> dict[str, Any]:
    given = {
        "size": config.size,
        "prompt": config.prompt,
        "depth": config.depth,
        "reward": getattr(config, "reward", None),
        "reward_options": getattr(config, "reward_options", None),
        "user": getattr(config, "user", None),
    }
    chosen, more = {name: value for name, value in given.items() if value is not None}, parse_settings(config.set)
    for name in ("split", "reward", "user"):
        if name in more and hasattr(config, name):
            raise ConfigError(f"The {name} is an option of its own: --{name}.")
    for name in ("size", "prompt", "depth"):
        if name in more and name in chosen:
            raise ConfigError(f"--{name} and --set {name}=… are two: give one of them")
    out = {**chosen, **more}
    _check_moving(out)
    own, set_too = chosen.get("reward_options"), more.get("reward_options")
    if own and isinstance(set_too, Mapping):
        out["reward_options"] = _both(config, own, set_too)
    return out


def _check_moving(given: Mapping[str, Any]) -> None:
    """Raises for a scale of ToolRL's reward that moves with the training step: nothing tells a reward which it is.

    Raises:
        ConfigError: it says what to give beside it.
    """
    options = given.get("reward_options")
    if given.get("reward") != "toolrl" or not isinstance(options, Mapping) or "step" in options:
        return
    for name in ("two_stage", "scheduled", "schedule_length"):
        if options.get(name):
            raise ConfigError(
                f"{name} moves with the training step, which a run does not tell its reward: it would stay as it is at "
                'step 0. Leave it out, or give the step whose scale the run is to have ("step": N beside it)'
            )


def _both(config: Any, own: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The reward's options that are options of the run, and those of `--set reward_options=...`.

    Raises:
        ConfigError: one that was given as either is two values.
    """
    usual = {item.name: item.default for item in fields(config)}
    for name in own.keys() & given.keys():
        if own[name] != given[name] and getattr(config, name, None) != usual.get(name):
            raise ConfigError(
                f"{name}={getattr(config, name)!r} and --set reward_options with {name}={given[name]!r} are two: give "
                "one of them"
            )
    return {**own, **given}


def reward_of(config: Any) -> "Reward":
    """The reward of the run's environments, made here: for what scores messages without playing them.

    Raises:
        ConfigError: no such reward, or no such option of it.
    """
    given = env_options(config)
    names = ("reward", "reward_options", "reward_weights")
    return EnvOptions().override({name: given[name] for name in names if name in given}).make_reward()


def corpus_of(config: Any) -> Recorded | None:
    """The corpus, or what was explored, that a run learns from (`--data`), read once a process; None: it has none."""
    data = getattr(config, "data", None)
    return None if data is None else _read_data(data, config.split)


@lru_cache(maxsize=1)
def _read_data(folder: Path, split: str) -> Recorded:
    return Explored(folder, split) if (folder / MANIFEST).is_file() else Corpus(folder, split)


def episode_count(config: Any, tasks: int) -> int:
    """How many expert episodes there are: `--episodes`; of data each task's once, at most.

    Says how many are left out.
    """
    if getattr(config, "data", None) is None:
        return config.episodes
    if tasks > config.episodes:
        print(f"{config.episodes} of the data's {tasks} tasks (--episodes)")
    return min(config.episodes, tasks)


def make_envs(config: Any, count: int) -> list["ToolEnv"]:
    """`count` environments of the run: in this process or, with `env_workers`, in Ray actors."""
    options = {"split": config.split, **env_options(config)}
    first = open_env(config.env, **options)
    if (corpus := corpus_of(config)) is not None:
        if getattr(config, "env_workers", 0):
            raise ConfigError("What --data holds is played in this process: leave --env-workers at 0")
        first.tasks = corpus.tasks(first.tasks)
    return copies(first, count, config.env, options, workers=getattr(config, "env_workers", 0))


def opened(config: RunConfig) -> Opened:
    """What a second process plays a run's episodes in (`stale`)."""
    bring_env(config.env)
    shares = 1 if config.vllm is None else processes()  # where servers sample, one plays for all processes
    envs = make_envs(config, cast(int, config.concurrency) * shares)
    return Opened(envs, envs[0].tasks, config.server(config.output))


def _expert_env(config: RunConfig) -> "ToolEnv":
    (env,) = make_envs(replace(config, env_workers=0), 1)
    return env


def grpo_args(config: RunConfig) -> GRPOConfig:
    """TRL's options for a run. `groups` and `rollouts` are of all processes together."""
    config = settled(config, processes=processes())
    cuda = torch.cuda.is_available()
    local = config.groups * config.rollouts // processes()
    return GRPOConfig(
        output_dir=str(config.output),
        max_steps=config.steps,
        learning_rate=cast(float, config.learning_rate),
        **schedule_args(config.schedule, config.warmup_steps),
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
        bf16=cast(bool, config.bf16),
        use_cpu=not cuda,
        activation_checkpointing=cast(bool, config.gradient_checkpointing),
        shuffle_dataset=False,  # `task_order` has shuffled already
        ddp_broadcast_buffers=False,  # processes may differ in how many forward passes they make
        dataloader_pin_memory=cuda,
        logging_steps=1,
        logging_nan_inf_filter=False,  # a loss that is not finite must be seen, not averaged away
        save_steps=config.save_steps,
        save_total_limit=2,
        report_to=places_of(config.report_to),
        seed=config.seed,
        disable_tqdm=True,  # `ProgressBar` shows less, and what matters
    )


def lora(rank: int) -> Any:
    """The configuration of a LoRA adapter on all linear layers; None for rank 0."""
    if not rank:
        return None
    from peft import LoraConfig

    return LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")


def load(
    config: C, model: PreTrainedModel | None = None, tokenizer: PreTrainedTokenizerBase | None = None
) -> tuple[C, PreTrainedModel, PreTrainedTokenizerBase]:
    """A run's options with what was not given (see `toolgym.agents.training.sizing`), its model and tokenizer.

    It sets torch's threads. What a run that goes on is not given is what it began with. A model that is given is not
    loaded; otherwise what was not given is printed.

    Raises:
        ConfigError: no such model, an opening that does not fit into the context, or a place to report to that needs
            what is not installed.
    """
    options: Any = config
    check_reports(options.report_to)
    size = named_size(options.model) if model is None else size_of(model)
    plays_beside = getattr(options, "stale", 0) > 0 and options.vllm is None
    set_threads(options.threads, small=size.small, say=True, beside=int(plays_beside))
    if model is not None and tokenizer is not None and not unset(config):
        return config, model, tokenizer
    config = options = kept(options)
    tell_settings(options.model, options.env, _given_options(options))
    tokenizer = tokenizer or load_tokenizer(options.model, thinking=options.thinking, tool_role=options.tool_role)
    opening = _opening_tokens(options, tokenizer)
    out: Any = settled(options, size, opening, processes=processes())
    context = out.context_tokens if hasattr(out, "context_tokens") else out.max_tokens
    limit = size.context or context
    check_opening(opening, min(context, limit), limit)
    if model is None:
        _say(out, unset(options), size, opening)
        device = "cpu" if sharded_launch() else None  # no device may have room for all of it
        model, _ = load_model(out.model, device=device, dtype=getattr(torch, out.dtype))
    return out, model, tokenizer


def _opening_tokens(config: Any, tokenizer: PreTrainedTokenizerBase) -> int:
    """The tokens of the first task's opening; what is doubtful about the environment is printed, to stderr."""
    env = open_env(config.env, split=config.split, **env_options(config))
    try:
        if not int(os.environ.get("RANK", "0")):
            for doubt in doubts(env, config.model):
                print(f"Warning: {doubt}", file=sys.stderr)
        observation, info = env.reset(options={"task": 0})
        return len(ChatFormat(tokenizer).opening(observation, info))
    finally:
        env.close()


def _say(config: Any, names: Sequence[str], size: ModelSize, opening: int) -> None:
    """Prints what was not given, to stderr: stdout is the final model's folder."""
    if int(os.environ.get("RANK", "0")):
        return
    if names:
        chosen = ", ".join(f"{name}={getattr(config, name)}" for name in names)
        print(
            f"{size.parameters / 1e6:.1f}M parameters, openings of {opening} tokens; so, by default: {chosen}",
            file=sys.stderr,
        )
    if config.dtype == "bfloat16" and not config.lora_rank:
        lost = "weights in bfloat16: changes of less than 1/256 of a weight are rounded away; float32 keeps them"
        print(lost, file=sys.stderr)


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
    from toolgym.agents.training.trainer import ToolTrainer

    config, model, tokenizer = load(config, model, tokenizer)
    stale = Stale(config.stale, partial(opened, config)) if config.stale else None
    # Where a second process plays, one environment is enough here: for experts, in this process.
    envs = make_envs(config, cast(int, config.concurrency)) if stale is None else [_expert_env(config)]
    tasks = envs[0].tasks
    made = (trainer or ToolTrainer)(
        model,
        tokenizer,
        grpo_args(config),
        envs=envs,
        tasks=tasks,
        order=task_order(len(tasks), config.steps * config.groups, config.seed),
        estimator=estimator,
        sampling=config.sampling,
        server=config.server(config.output),
        step_timeout_s=config.step_timeout,
        peft_config=lora(config.lora_rank),
        callbacks=[*run_callbacks(config), *(callbacks or [])],
        **({} if stale is None else {"stale": stale}),
    )
    made.remove_callback(PrinterCallback)
    made.run_config = config
    made.sharing.mode = config.share_prefixes
    return made


def run(trainer: "ToolTrainer", config: RunConfig, *, locked: bool = False) -> Path:
    """Trains, resuming where the config says so; saves the model and returns its folder.

    Args:
        trainer: the run's.
        config: its options.
        locked: whether the caller has made itself the folder's only writer (`one_writer`).

    Raises:
        LockedError: somebody else writes the folder.
    """
    if trainer.run_config is not None:
        names = (*unset(config), "derived")
        config = replace(config, **{name: getattr(trainer.run_config, name) for name in names})
    with nullcontext() if locked else one_writer(config.output, config.resume):
        return train_and_save(lambda: trainer, trainer.processing_class, config, begin(config))


def _keep(trainer: Any, config: Any) -> None:
    """Writes a checkpoint of a run that ends by an error between two batches, from which `--resume` goes on."""
    step = trainer.state.global_step
    whole = step > 0 and step % _updates(config) == 0 and trainer.args.world_size == 1
    if whole and not (config.output / f"checkpoint-{step}").exists():
        trainer._save_checkpoint(trainer.model, trial=None)


def train_and_save(make: Callable[[], Any], tokenizer: Any, config: Any, checkpoint: str | None) -> Path:
    """Trains with the trainer that `make` gives, from a checkpoint on; the folder of the final model."""
    final = config.output / "final"
    with warnings.catch_warnings(), interrupts_as_before(), without_bars():
        quiet()
        trainer = make()
        trainer.base_name = keep_base(trainer.accelerator.unwrap_model(trainer.model), config)
        if config.eval_steps:
            trainer.add_callback(EvaluateEvery(trainer, tokenizer, config, env_options(config)))
        if getattr(config, "record", False):
            trainer.add_callback(RecordEpisodes(trainer, config.output / EPISODES, env_options(config)))
        trainer.add_callback(StopOnInterrupt(_updates(config)))  # last: it may raise
        one_tensorboard(trainer, config.output / TENSORBOARD, step_of(checkpoint) + 1)
        try:
            with one_run(trainer, config.output):
                trainer.train(resume_from_checkpoint=checkpoint)
        except ToolGymError as error:  # such as a reward that raises: what was learnt until then is kept
            if not isinstance(error, DivergenceError):
                _keep(trainer, config)
            raise
        finally:
            if (overlap := getattr(trainer, "overlap", None)) is not None:
                overlap.close()
            if (server := getattr(trainer, "server", None)) is not None:
                server.close()
        trainer.save_model(str(final))
    if trainer.args.should_save:
        tokenizer.save_pretrained(final)
        save_settings(final, config.env, env_options(config))
    return final
