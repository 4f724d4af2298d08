"""What a model takes, told from its configuration: parameters, context, cache; and the type in which it acts."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig, PretrainedConfig, PreTrainedModel

from toolgym.agents.policies.machine import fast_bf16
from toolgym.agents.policies.model_files import DATA, refuse_code
from toolgym.agents.policies.models import adapter_base, config_errors, model_path
from toolgym.agents.policies.windows import reach_of

__all__ = ["ModelSize", "acting_dtype", "named_size", "outline", "size_of"]

SMALL = 50_000_000
"""Parameters from which on a model is a larger one."""


@dataclass(frozen=True)
class ModelSize:
    """What a model takes."""

    parameters: int
    context: int | None
    """Its longest context (`toolgym.agents.policies.windows`), where it says so."""
    cache_numbers: int
    """Numbers that the key-value cache holds for each token, of all layers together."""

    @property
    def small(self) -> bool:
        """Whether it is of the built-in policy's kind."""
        return self.parameters < SMALL


def size_of(model: PreTrainedModel) -> ModelSize:
    """The size of a model; parameters that are shared count once."""
    config = model.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    reach = reach_of(config)
    return ModelSize(
        sum(parameter.numel() for parameter in model.parameters()),
        reach.tokens if reach is not None else None,
        2 * config.num_hidden_layers * heads * width,
    )


def outline(name: str | Path) -> PreTrainedModel:
    """A model by name without its weights, on the `meta` device. An adapter counts as its base.

    Raises:
        ConfigError: no such model.
    """
    path = model_path(str(name))
    with config_errors(name):
        refuse_code(path)
        base = adapter_base(path)
        if base is not None:
            return outline(base)
        config: PretrainedConfig = AutoConfig.from_pretrained(path, **DATA)
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config, **DATA)
        with suppress(OSError):  # it has none
            model.generation_config = GenerationConfig.from_pretrained(path)
        return model


def named_size(name: str | Path) -> ModelSize:
    """The size of a model by name: see `outline`."""
    return size_of(outline(name))


def acting_dtype(name: str, size: ModelSize) -> torch.dtype:
    """The type of the weights of a model that only acts: by name, or (`auto`) by its size and what is fast here."""
    if name == "auto":
        return torch.bfloat16 if not size.small and fast_bf16() else torch.float32
    return getattr(torch, name)
