"""The options that every run has, whatever it learns from: one definition for all learners.

Options are read before anything that trains is imported: modules of options import no torch and no transformers.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, cast

from toolgym.agents.training.options import Groups, check_choices, check_idle, check_ranges
from toolgym.agents.training.schedule import Schedule, check_schedule
from toolgym.agents.training.sizing import BySize, Rates
from toolgym.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from toolgym.agents.policies.decoding import SamplingOptions
    from toolgym.agents.policies.vllm_servers import VLLMServers

__all__ = [
    "DATA_HELP",
    "CommonOptions",
    "LossType",
    "PlayOptions",
    "RunConfig",
    "check_reports",
    "check_token_mean",
    "largest_divisor",
    "places_of",
    "processes",
]

DATA_HELP = (
    "folder to learn from, instead of what the oracle does in the tasks: a corpus (toolgym planarena build), or what a "
    "search found (toolgym explore)"
)
"""Of the option `data`."""
LossType = Literal["grpo", "dapo", "dr_grpo", "bnpo"]
_MOST_EPISODES = 65_536


def places_of(report_to: str) -> list[str]:
    """The places that a run reports to, by transformers' names; several stand with commas between them."""
    return [place.strip() for place in report_to.split(",")]


def check_reports(report_to: str) -> None:
    """Raises where a run cannot report to a place: as it begins, not after hours of playing.

    Raises:
        ConfigError: what it needs is not installed.
    """
    from transformers.integrations.integration_utils import get_available_reporting_integrations

    usable = ("none", "all", *get_available_reporting_integrations())
    for place in places_of(report_to):
        if place not in usable:
            raise ConfigError(
                f"report_to={place!r} needs a package that is not installed: install it (pip install "
                f"{place.replace('_', '-')}), or report to one of {', '.join(usable)}"
            )


def _check_places(report_to: str) -> None:
    """Raises where transformers knows no such place to report to."""
    from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK

    places = places_of(report_to)
    for place in places:
        if place not in (known := ("none", "all", *INTEGRATION_TO_CALLBACK)):
            raise ConfigError(f"report_to: {did_you_mean(place, known, 'place')}")
        if place in ("none", "all") and len(places) > 1:
            raise ConfigError(f"report_to={report_to!r}: {place!r} stands alone")


_GROUPS = {
    "What most people set": (
        "env data model output steps episodes epochs reward groups rollouts samples learning_rate seed size prompt "
        "split depth set",
        "--model builtin:habits --steps 100 --set user=scripted --output runs/mine",
    ),
    "The algorithm's own": ("", ""),
    "The update": (
        "schedule warmup_steps max_grad_norm iterations minibatches batch beta epsilon epsilon_high loss "
        "importance_sampling_level stale",
        "--schedule cosine --warmup-steps 10",
    ),
    "Sampling": (
        "temperature max_new_tokens context_tokens thinking tool_role concurrency env_workers "
        "step_timeout vllm weights vllm_weights",
        "--temperature 0.8 --max-new-tokens 512",
    ),
    "Files, checkpoints and evaluation": (
        "save_steps resume overwrite record report_to eval_steps eval_episodes eval_split eval_temperature progress",
        "--save-steps 50 --eval-steps 10 --record",
    ),
    "Machine and memory": (
        "threads dtype bf16 gradient_checkpointing lora_rank micro_batch share_prefixes env_steps",
        "--threads 2 --micro-batch 4",
    ),
}
"""Group of options in the help -> the options, in their order, and an example; those named nowhere are the algorithm's
own."""


@dataclass(frozen=True)
class CommonOptions:
    """Options of every run."""

    env: Annotated[str, "environment id, or FILE.py:NAME of your own"] = "ToolGym/Airline-v0"
    model: Annotated[str, "builtin:NAME (clean, imperfect, habits), a folder or a hub id"] = "builtin:habits"
    output: Annotated[Path, "folder for checkpoints, metrics.jsonl and TensorBoard's files"] = Path("runs/latest")
    steps: Annotated[int, "training steps"] = 50
    seed: Annotated[int, "of tasks, sampling and everything else"] = 0
    size: Annotated[str | None, "world size: small, standard or large (small for the built-in policy)"] = None
    prompt: Annotated[str | None, "first observation: full, tools or short (short for the built-in policy)"] = None
    split: Annotated[str, "split to train on"] = "train"
    depth: Annotated[tuple[int, ...] | None, "only tasks of these depths"] = None
    set: Annotated[tuple[str, ...], "more options of the environment, each NAME=VALUE"] = ()
    learning_rate: Annotated[float | None, "AdamW's"] = None
    schedule: Annotated[
        Schedule, "of the learning rate; linear and cosine fall to 0 over the steps, or over env_steps where given"
    ] = "constant"
    warmup_steps: Annotated[int, "steps over which the learning rate rises to its value"] = 0
    thinking: Annotated[
        bool | None, "whether the model thinks first, where its chat template can switch it (default: the template's)"
    ] = None
    tool_role: Annotated[
        Literal["template", "tool", "user"],
        "role of tools' results, as the model was trained (final/ keeps it); template: tool, where that is taken",
    ] = "template"
    dtype: Annotated[
        Literal["auto", "float32", "bfloat16"],
        "of the weights; auto: float32, but bfloat16 under an adapter on a larger model",
    ] = "auto"
    bf16: Annotated[
        bool | None,
        "autocast the update to bfloat16 (default: from 50M parameters on, where the GPU or CPU computes it faster)",
    ] = None
    gradient_checkpointing: Annotated[
        bool | None, "trade time for memory in the update (default: from 50M parameters on)"
    ] = None
    lora_rank: Annotated[int, "train a LoRA adapter of this rank instead of the whole model; 0: the whole model"] = 0
    micro_batch: Annotated[int | None, "rows a forward pass, at most"] = None
    save_steps: Annotated[int, "steps between checkpoints"] = 20
    eval_steps: Annotated[int, "steps between evaluations on held-out tasks; 0: none"] = 0
    eval_episodes: Annotated[int, "with eval-steps: tasks of an evaluation"] = 64
    eval_split: Annotated[str, "with eval-steps: validation, test, test_unseen or train"] = "validation"
    eval_temperature: Annotated[float, "with eval-steps: of the sampling; 0: greedy"] = 0.0
    report_to: Annotated[
        str, "none, tensorboard, trackio, wandb, or another that transformers knows; several with commas between"
    ] = "none"
    resume: Annotated[bool, "go on from the latest checkpoint in the output folder"] = False
    overwrite: Annotated[bool, "begin anew in a folder that holds a run: its files are removed"] = False
    env_steps: Annotated[int, "stop once so many environment steps were played, the expert's too; 0: no limit"] = 0
    threads: Annotated[
        int | None,
        "torch threads (default: of a small model 1, unless more are clearly faster; else the cores, at most 8)",
    ] = None
    progress: Annotated[bool, "show a progress bar"] = True
    derived: tuple[str, ...] = ()
    """The options that were not given, and whose values `settled` chose. No option itself."""
    BY_SIZE: ClassVar[BySize]
    GROUPS: ClassVar[Groups] = {title: (tuple(names.split()), example) for title, (names, example) in _GROUPS.items()}

    def __post_init__(self) -> None:
        check_choices(self)
        if self.report_to != "none":
            _check_places(self.report_to)
        if self.resume and self.overwrite:
            raise ConfigError("resume keeps what the output folder holds and overwrite removes it: give one of the two")
        _check_evaluation(self)
        check_schedule(self)
        check_ranges(
            self, above_0=("learning_rate", "micro_batch", "save_steps"), least_0=("lora_rank", "env_steps", "steps")
        )


@dataclass(frozen=True)
class PlayOptions:
    """Options of every run whose policy plays, beside `CommonOptions`: how its turns are sampled, and where."""

    temperature: Annotated[float, "of the sampling"] = 1.0
    max_new_tokens: Annotated[
        int | None, "the longest turn (default: 256; from 50M parameters on 1024, which a model that thinks needs)"
    ] = None
    context_tokens: Annotated[
        int | None, "the longest episode (default: 1536; for a full prompt or long turns at least 8192)"
    ] = None
    env_workers: Annotated[int, "Ray actors that the environments run in; 0: in this process"] = 0
    step_timeout: Annotated[
        float | None,
        "seconds after which a step that waits ends its episode as an infra_error (default: its server's own limit)",
    ] = None
    vllm: Annotated[
        tuple[str, ...] | str | None, "URLs of vLLM servers in development mode that sample, by the run's weights"
    ] = None
    weights: Annotated[
        Literal["auto", "files", "nccl"],
        "with vllm: how servers get the run's weights; auto: over NCCL where this process and the server can, else as "
        "files that they read",
    ] = "auto"
    vllm_weights: Annotated[
        Path | None, "with vllm: folder for weights that the servers' machines see (default: vllm in the output folder)"
    ] = None

    def check_playing(self) -> None:
        """Raises for values out of range.

        Raises:
            ConfigError: it names the option, its value and what it may be.
        """
        above_0 = ("temperature", "max_new_tokens", "context_tokens", "concurrency", "step_timeout")
        check_ranges(self, above_0=above_0, least_0=("env_workers",))
        if self.vllm is None:
            check_idle(self, ("weights", "vllm_weights"), "without vllm")
        if self.weights == "nccl":
            check_idle(self, ("vllm_weights",), "with weights=nccl: nothing is written")
            if self._two_give_weights():
                raise ConfigError(
                    "weights=nccl cannot be with both stale and eval_steps: a server is in one group at a time, with "
                    "the process that plays or the one that evaluates. Leave one of the two at 0, or take weights=files"
                )

    @property
    def sampling(self) -> "SamplingOptions":
        """How turns are sampled; the run's options must be settled."""
        from toolgym.agents.policies.decoding import SamplingOptions

        return SamplingOptions(
            temperature=self.temperature,
            max_new_tokens=cast(int, self.max_new_tokens),
            context_tokens=self.context_tokens,
        )

    def server(self, output: Path) -> "VLLMServers | None":
        """The vLLM servers that sample, if any do.

        Raises:
            ConfigError: a URL is none, or is given twice; or weights cannot go there as they are to.
            ChatError: there is no server at any of them.
        """
        from toolgym.agents.policies.vllm_servers import VLLMServers

        if self.vllm is None:
            return None
        urls = (self.vllm,) if isinstance(self.vllm, str) else self.vllm
        # A server is in one group at a time, and a run that plays ahead and evaluates has two that would be in it.
        way = "files" if self.weights == "auto" and self._two_give_weights() else self.weights
        return VLLMServers(urls, self.vllm_weights or output / "vllm", way=way)

    def _two_give_weights(self) -> bool:
        """Whether two processes of the run give servers weights: one that plays ahead, and one that evaluates."""
        return getattr(self, "stale", 0) > 0 and getattr(self, "eval_steps", 0) > 0


@dataclass(frozen=True)
class RunConfig(PlayOptions, CommonOptions):
    """Options of every on-policy run."""

    reward: Annotated[str | None, "reward preset, or FILE.py:NAME of your own (default: the environment's)"] = None
    groups: Annotated[int, "tasks a step"] = 8
    rollouts: Annotated[int, "episodes a task: the group that is compared"] = 8
    learning_rate: Annotated[
        float | None,
        "AdamW's (default: 2e-4; from 50M parameters on 1e-6, for an adapter 1e-5; to 300M 1e-5 and 2e-5)",
    ] = None
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
    stale: Annotated[
        int,
        "batches of episodes that the weights that play may be behind: they are played by a second process meanwhile, "
        "and each token is weighed for it; 0: playing and learning take turns",
    ] = 0
    micro_batch: Annotated[int | None, "episodes a forward pass, at most (default: 16; from 50M parameters on 2)"] = (
        None
    )
    concurrency: Annotated[
        int | None, "episodes at once (default: a step's; of a larger model on a GPU what its memory holds)"
    ] = None
    share_prefixes: Annotated[
        Literal["auto", "on", "off"],
        "compute what rows of the update begin with once for all of them; auto: where it saves a tenth",
    ] = "auto"
    record: Annotated[bool, "keep the episodes in the folder's episodes.jsonl, for `toolgym show`"] = False
    BY_SIZE: ClassVar[BySize] = BySize(Rates(2e-4, compact=(1e-5, 2e-5), usual=(1e-6, 1e-5)), micro_batch=(16, 2))

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_playing()
        check_ranges(self, above_0=("max_grad_norm",), least_0=("beta", "epsilon", "epsilon_high", "stale"))
        if self.vllm is not None and self.temperature != 1.0:
            raise ConfigError(
                f"temperature must be 1.0 with vllm, got {self.temperature}: vLLM says log-probabilities at 1, "
                "and the ratio to them weighs each token's advantage"
            )
        if self.steps < 1 or self.groups < 1 or self.rollouts < 2:
            raise ConfigError(
                f"steps and groups must be at least 1 and rollouts at least 2, got steps={self.steps}, "
                f"groups={self.groups}, rollouts={self.rollouts}"
            )
        shares = self.minibatches * processes()
        if shares < 1 or self.groups * self.rollouts % shares:
            raise ConfigError(
                f"groups * rollouts = {self.groups * self.rollouts} must be a multiple of minibatches * processes, got "
                f"minibatches={self.minibatches}, processes={processes()}"
            )
        if self.groups * self.rollouts > _MOST_EPISODES:
            raise ConfigError(
                f"a step has groups * rollouts = {self.groups * self.rollouts} episodes, at most {_MOST_EPISODES} are "
                "possible: lower groups or rollouts"
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
        return largest_divisor(part, self.micro_batch or self.BY_SIZE.micro_batch[0])


def check_token_mean(config: RunConfig) -> None:
    """Raises where an option would have no effect on a loss that is a mean over tokens without KL.

    Raises:
        ConfigError: such an option is set.
    """
    names = ["loss", "beta", "importance_sampling_level"]
    check_idle(config, names, "on the paper's loss, a mean over tokens of token ratios, without KL")


def _check_evaluation(config: Any) -> None:
    """Raises where a run's `eval_…` options are out of range, or would have no effect.

    Raises:
        ConfigError: it names the option, its value and what it may be.
    """
    from toolgym.options import EnvOptions

    check_ranges(config, least_0=("eval_steps", "eval_temperature"), above_0=("eval_episodes",))
    EnvOptions(split=config.eval_split)
    if not config.eval_steps:
        check_idle(config, ("eval_episodes", "eval_split", "eval_temperature"), "without eval_steps")


def processes() -> int:
    """How many processes train together, as `accelerate launch` and `torchrun` say it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def largest_divisor(number: int, most: int) -> int:
    """The largest divisor of a number that is not above `most`."""
    return max(size for size in range(1, min(number, most) + 1) if number % size == 0)
