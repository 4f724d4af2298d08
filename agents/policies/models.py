"""Models and tokenizers by name: what is shipped, the folder of a checkpoint or of an adapter, or a hub id."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging
from transformers.utils.peft_utils import find_adapter_config_file

from toolgym.agents.policies.chat import set_thinking
from toolgym.agents.policies.model_files import DATA, refuse_code
from toolgym.errors import ConfigError
from toolgym.loading import load_named

__all__ = [
    "adapter_base",
    "config_errors",
    "load_model",
    "load_tokenizer",
    "model_path",
    "quiet",
    "without_bars",
]

_FAMILIES = {"builtin": "toolgym.agents.builtin.shipped:checkpoint_path"}
"""Families of models that go by name, and who knows where they are: looked up when one is asked for."""


def model_path(name: str) -> str:
    """The folder or hub id of a model by name: `builtin:NAME` is a checkpoint that is shipped, another name is its own.

    Raises:
        ConfigError: no such checkpoint is shipped.
    """
    home = _FAMILIES.get(name.partition(":")[0])
    return load_named(home)(name) if home is not None else name


def adapter_base(path: str) -> str | None:
    """The name of the model that an adapter's folder is for; None where the path is no adapter's."""
    if find_adapter_config_file(path) is None:
        return None
    from peft import PeftConfig

    return PeftConfig.from_pretrained(path).base_model_name_or_path


def load_tokenizer(name: str | Path, *, thinking: bool | None = None) -> PreTrainedTokenizerBase:
    """The tokenizer of a model by name (see `load_model`); `thinking` switches thoughts on or off in its chat template.

    Raises:
        ConfigError: no such model, or its chat template has no such switch.
    """
    with config_errors(name):
        tokenizer = AutoTokenizer.from_pretrained(model_path(str(name)), padding_side="left", **DATA)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    if thinking is not None:
        set_thinking(tokenizer, thinking)
    return tokenizer


def load_model(
    name: str | Path,
    *,
    device: str | None = None,
    dtype: torch.dtype = torch.float32,
    thinking: bool | None = None,
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """A causal LM and its tokenizer: `builtin:clean`, `builtin:imperfect`, a folder or a hub id.

    Raises:
        ConfigError: no such model or device, or no switch for `thinking` in its chat template.
    """
    path, tokenizer = model_path(str(name)), load_tokenizer(name, thinking=thinking)
    with config_errors(name):
        refuse_code(path)
        model = AutoModelForCausalLM.from_pretrained(path, dtype=dtype, **DATA)
        if getattr(model, "_hf_peft_config_loaded", False):
            model = _merged(path, dtype)
    target = device or "cpu"
    if device is None and torch.cuda.is_available():  # of several processes on a machine each has its own
        target = f"cuda:{int(os.environ.get('LOCAL_RANK', '0')) % torch.cuda.device_count()}"
    try:
        return cast(PreTrainedModel, model.to(cast(Any, target))).eval(), tokenizer
    except (AssertionError, RuntimeError) as error:  # how torch says that there is no such device, or no room on it
        raise ConfigError(f"the model cannot be put on {target!r}: {error}") from error


def _merged(path: str, dtype: torch.dtype) -> PreTrainedModel:
    """The model of an adapter's folder, with the adapter in its weights: it can be trained further like any other."""
    from peft import AutoPeftModelForCausalLM

    with warnings.catch_warnings():
        quiet()
        model = cast(Any, AutoPeftModelForCausalLM.from_pretrained(path, dtype=dtype, **DATA)).merge_and_unload()
    return model.requires_grad_(True)


@contextmanager
def config_errors(name: str | Path) -> Iterator[None]:
    """Says what may be given instead where a model cannot be read; shows no bars of the library's meanwhile.

    Raises:
        ConfigError: no such model.
    """
    try:
        with without_bars():
            yield
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"cannot load the model {str(name)!r}: {error}. Give builtin:clean, builtin:imperfect, the folder of a "
            "checkpoint, or a Hugging Face id"
        ) from error


@contextmanager
def without_bars() -> Iterator[None]:
    """Shows no bars of transformers' for the reading and writing of weights."""
    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if bars:
            logging.enable_progress_bar()


def quiet() -> None:
    """Leaves out warnings between the libraries below that a user can do nothing about."""
    warnings.filterwarnings(
        "ignore", message=r".*`(is_)?gradient_checkpointing\w*` is deprecated", category=FutureWarning
    )
