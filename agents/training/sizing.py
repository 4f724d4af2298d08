"""What a run does where an option is not given: it follows from the size of the model and from what it has to read.

The built-in policy and other models below 50 million parameters learn at high rates, in float32, many episodes a
forward pass. A larger model would be ruined by such a rate and would not fit into memory at such a batch: it gets the
rates that are usual for its kind, passes of a few episodes, recomputed activations, and bfloat16 where that is fast.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar, cast

from toolgym.errors import ConfigError

if TYPE_CHECKING:
    from toolgym.agents.policies.sizes import ModelSize

__all__ = ["BySize", "Rates", "episodes_at_once", "settled", "unset", "weight_bytes"]

T = TypeVar("T")

_SHORT_OPENING, _SHORT_TURN = 512, 256
_COMPACT, _LARGE = (50_000_000, 300_000_000), 6_000_000_000
"""Parameters between which, and from which on, rates are other ones."""
_OPTIONS = (
    "learning_rate",
    "max_new_tokens",
    "context_tokens",
    "max_tokens",
    "micro_batch",
    "bf16",
    "gradient_checkpointing",
    "dtype",
    "concurrency",
)


@dataclass(frozen=True)
class Rates:
    """AdamW's learning rates: the smaller a model, the higher is what it takes; an adapter takes about ten times the
    whole model's ("LoRA without regret", Thinking Machines 2025).

    Reinforcement learning: 1e-6 is ToolUPT's, ToolRL's and DAPO's from 1.5 to 32 billion parameters, 1e-5 StepTool's
    for an adapter at 7, 2e-5 the Hugging Face course's for an adapter at 0.1 (GRPO). Supervised: 1e-5 is ToolUPT's,
    5e-6 that of Tulu 3 at 8 (Lambert et al. 2024); at 0.1 1e-5 raised the loss and 5e-4 lowered it (SmolLM2-135M on
    our demonstrations). The other rates at 0.1 lie between, untuned.
    """

    small: float
    """Below 50 million parameters, adapters too: the built-in policy's kind, measured."""
    compact: tuple[float, float]
    """From there to 300 million: the whole model, an adapter."""
    usual: tuple[float, float]
    """From there on."""
    large: tuple[float, float] | None = None
    """From 6 billion on, where that is another one."""

    def of(self, size: "ModelSize | None", *, adapter: bool) -> float:
        """The rate of a model of a size; None: a small one."""
        if size is None or size.small:
            return self.small
        if _COMPACT[0] <= size.parameters < _COMPACT[1]:
            return self.compact[adapter]
        return (self.large if self.large is not None and size.parameters >= _LARGE else self.usual)[adapter]


@dataclass(frozen=True)
class BySize:
    """What an algorithm's options are by default, for a small model and for a larger one."""

    rates: "Rates"
    """Learning rates."""
    micro_batch: tuple[int, int]
    at_once: int | None = None
    """Episodes at once; None: all of a step."""
    may_wait: bool = True
    """Whether fewer episodes may run at once where memory is short."""


def weight_bytes(size: "ModelSize", number_bytes: int, *, frozen: bool, reference: bool = False) -> int:
    """Bytes of a run's weights and, where they are not `frozen` under an adapter, of gradients and Adam's two averages.

    Args:
        size: of the model.
        number_bytes: of a weight.
        frozen: whether only an adapter is trained.
        reference: whether there is a second model to compare with.
    """
    return size.parameters * number_bytes * (1 + reference + (0 if frozen else 3))


def episodes_at_once(memory: int, weights: int, size: "ModelSize", *, context: int, number_bytes: int) -> int:
    """How many episodes a device holds beside the model and its optimizer.

    Args:
        memory: of the device, in bytes.
        weights: what model and optimizer take, in bytes.
        size: of the model.
        context: tokens of an episode, at most.
        number_bytes: of a number in the key-value cache.

    A third of what the weights leave is left for everything else.

    Raises:
        ConfigError: the weights alone are more than the memory.
    """
    if weights >= memory:
        raise ConfigError(
            f"weights, gradients and the optimizer take {weights / 1e9:.0f} GB, but the GPU has {memory / 1e9:.0f} GB; "
            "train an adapter (--lora-rank 16) or a smaller model"
        )
    return max(1, 2 * (memory - weights) // 3 // (size.cache_numbers * number_bytes * context))


def unset(config: Any) -> list[str]:
    """The options that the run was not given and that its model decides."""
    return [name for name in _OPTIONS if hasattr(config, name) and getattr(config, name) in (None, "auto")]


def settled(config: T, size: "ModelSize | None" = None, opening: int = 0, *, processes: int = 1) -> T:
    """The options of a run with a value for each (see `unset`); those that were given stay.

    Args:
        config: the options; their class has a `BySize` as `BY_SIZE`.
        size: of the model; None: a small one.
        opening: tokens of an episode's opening.
        processes: that train together.
    """
    names, values = unset(config), _values(config, size, opening)
    out = replace(cast(Any, config), **{name: values[name] for name in names if name in values})
    out = replace(out, derived=tuple(sorted({*out.derived, *names})))
    return replace(out, concurrency=_concurrency(out, size, processes)) if "concurrency" in names else out


def _values(config: Any, size: "ModelSize | None", opening: int) -> dict[str, Any]:
    """The value of each option where it is not given, but for those that follow from other ones."""
    import torch

    from toolgym.agents.policies.decoding import roomy_context
    from toolgym.agents.policies.machine import fast_bf16

    larger = size is not None and not size.small
    adapter = larger and config.lora_rank > 0
    # On a CPU bfloat16 pays for matrices of a real model's size.
    real = torch.cuda.is_available() or (size is not None and size.parameters >= _COMPACT[0])
    by_size: BySize = config.BY_SIZE
    turn = getattr(config, "max_new_tokens", None) or (1024 if larger else 256)
    roomy = opening > _SHORT_OPENING or turn > _SHORT_TURN
    limit = size.context if size is not None and size.context else None

    def context(short: int) -> int:
        wanted = roomy_context(opening, turn) if roomy else short
        return wanted if limit is None else min(wanted, limit)

    return {
        "learning_rate": by_size.rates.of(size, adapter=adapter),
        "max_new_tokens": turn,
        "context_tokens": context(1536),
        "max_tokens": context(4096),
        "micro_batch": by_size.micro_batch[int(larger)],
        "bf16": larger and fast_bf16() and real,
        "gradient_checkpointing": larger,
        "dtype": "bfloat16" if adapter and fast_bf16() else "float32",
    }


def _concurrency(config: Any, size: "ModelSize | None", processes: int) -> int:
    """Episodes at once: all that there are to play, but on a GPU no more than its memory holds."""
    import torch

    by_size: BySize = config.BY_SIZE
    most = by_size.at_once or max(1, config.groups * config.rollouts // processes)
    elsewhere = getattr(config, "vllm", None) is not None
    if size is None or size.small or elsewhere or not by_size.may_wait or not torch.cuda.is_available():
        return most
    number_bytes, frozen = getattr(torch, config.dtype).itemsize, config.lora_rank > 0
    weights = weight_bytes(size, number_bytes, frozen=frozen, reference=getattr(config, "beta", 0.0) > 0 and not frozen)
    memory = torch.cuda.get_device_properties(0).total_memory
    return min(most, episodes_at_once(memory, weights, size, context=config.context_tokens, number_bytes=number_bytes))
