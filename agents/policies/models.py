"""Models and tokenizers by name: what is shipped, the folder of a checkpoint or of an adapter, or a hub id."""

import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from logging import LogRecord, getLogger
from pathlib import Path
from typing import Any, cast

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import logging
from transformers.utils.peft_utils import find_adapter_config_file

from toolgym.agents.policies.chat import set_thinking, set_tool_role
from toolgym.agents.policies.gguf_files import gguf_of
from toolgym.agents.policies.model_files import DATA, refuse_code
from toolgym.errors import ConfigError, ToolGymError
from toolgym.hub import reaching
from toolgym.loading import load_named

__all__ = [
    "adapter_base",
    "check_vocabulary",
    "config_errors",
    "lasting_name",
    "load_model",
    "load_tokenizer",
    "model_path",
    "quiet",
    "without_bars",
]

BASE = "base"
"""The folder of a run in which the model lies that its adapter is for, where that is no other's."""
_GIVE = "builtin:clean, builtin:imperfect, builtin:habits, the folder of a whole checkpoint, or a Hugging Face id"
_LONGEST = 400
"""Characters of another library's message that are shown."""
_FAMILIES = {
    "builtin": "toolgym.agents.builtin.shipped:checkpoint_path",
    "data": "toolgym.data:model_folder",
}
"""Families of models that go by name, and who knows where they are: looked up when one is asked for."""


def model_path(name: str) -> str:
    """The folder or hub id of a model by name: `builtin:NAME` is a checkpoint that is shipped, `data:NAME` one that
    `toolgym data get` brought; another name is its own, with the home folder for a `~` that it begins with.

    Raises:
        ConfigError: there is no such checkpoint, what can only be a folder is not there, or it holds a GGUF file.
    """
    family, colon, _ = name.partition(":")
    home = _FAMILIES.get(family) if colon or family == "builtin" else None
    if home is not None:
        return load_named(home)(name)
    path = _at_home(name)
    if (path.startswith(("/", ".", "~")) or path.count("/") > 1) and not Path(path).exists():
        raise ConfigError(f"cannot load the model {name!r}: there is no such folder. Give {_GIVE}")
    if (held := gguf_of(path)) is not None:
        raise ConfigError(
            f"cannot load the model {name!r}: {held.name} is a GGUF file, which llama.cpp runs and nothing trains. "
            f"Make a folder of it: python -m toolgym.agents.policies.gguf_files {held} FOLDER"
        )
    return path


def adapter_base(path: str) -> str | None:
    """The folder or hub id of the model that an adapter's folder is for; None where the path is no adapter's.

    A local base is where the adapter says, or as seen from the adapter's folder; one in the `base/` of a run's folder
    is there, wherever the run's folder has been moved to.

    Raises:
        ConfigError: the base is no longer there, or none is named.
    """
    with reaching(path):
        if find_adapter_config_file(path) is None:
            return None
    from peft import PeftConfig

    named = PeftConfig.from_pretrained(path).base_model_name_or_path
    if not isinstance(named, str) or not named:
        raise ConfigError(
            f"the adapter {path!r} says of no model that it is for it: base_model_name_or_path is {named!r}"
        )
    if named.partition(":")[0] in _FAMILIES and (":" in named or named == "builtin"):
        return model_path(named)
    folder = Path(path).resolve()
    beside = [folder.parent / BASE] if Path(named).name == BASE else []
    for found in (*beside, folder / named, Path(named)):  # a path that is absolute stays as it is
        if found.is_dir():
            if found.resolve() == folder:
                raise ConfigError(f"the adapter {path!r} names itself as the model that it is for")
            return str(found)
    if Path(named).is_absolute() or named.startswith(".") or named.count("/") > 1:
        raise ConfigError(
            f"the adapter {path!r} is for the model in {named!r}, which is not there: put it back, or name where it is "
            "now as base_model_name_or_path in the adapter's adapter_config.json"
        )
    return named


def lasting_name(name: str) -> str:
    """A model's name as it can be found from any folder: a local one's absolute path, others as they are."""
    folder = Path(_at_home(name))
    return str(folder.resolve()) if folder.is_dir() else name


def _at_home(name: str) -> str:
    """The name with the home folder in place of a `~` that it begins with."""
    try:
        return str(Path(name).expanduser()) if name.startswith("~") else name
    except RuntimeError:  # there is no such user
        return name


def load_tokenizer(
    name: str | Path, *, thinking: bool | None = None, tool_role: str | None = None
) -> PreTrainedTokenizerBase:
    """The tokenizer of a model by name (see `load_model`).

    Args:
        name: of the model.
        thinking: switches thoughts on or off in its chat template.
        tool_role: the role that tools' results have, `tool` or `user`; None or `template`: what the template takes.

    Raises:
        ConfigError: no such model, or its chat template has no such switch.
    """
    with config_errors(name):
        tokenizer = AutoTokenizer.from_pretrained(model_path(str(name)), padding_side="left", **DATA)
        if not tokenizer("a", add_special_tokens=False)["input_ids"]:  # made without a vocabulary, and nothing said
            raise ValueError("its tokenizer knows no text: are the tokenizer's files (tokenizer.json, say) there?")
    if tokenizer.pad_token is None:
        if tokenizer.eos_token is None:
            raise ConfigError(
                f"the tokenizer of {str(name)!r} has neither a padding token nor one that ends a text; set eos_token "
                "in its tokenizer_config.json"
            )
        tokenizer.pad_token = tokenizer.eos_token
    if thinking is not None:
        set_thinking(tokenizer, thinking)
    if tool_role not in (None, "template"):
        set_tool_role(tokenizer, tool_role)
    return tokenizer


def load_model(
    name: str | Path,
    *,
    device: str | None = None,
    dtype: torch.dtype = torch.float32,
    thinking: bool | None = None,
    tool_role: str | None = None,
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """A causal LM and its tokenizer: `builtin:NAME` (clean, imperfect, habits), a folder or a hub id.

    Raises:
        ConfigError: no such model or device, or no switch for `thinking` in its chat template.
    """
    path, tokenizer = model_path(str(name)), load_tokenizer(name, thinking=thinking, tool_role=tool_role)
    with config_errors(name):
        model = _weights(path, dtype, len(tokenizer))
        check_vocabulary(model, tokenizer)
    target = device or "cpu"
    if device is None and torch.cuda.is_available():  # of several processes on a machine each has its own
        target = f"cuda:{int(os.environ.get('LOCAL_RANK', '0')) % torch.cuda.device_count()}"
    try:
        return cast(PreTrainedModel, model.to(cast(Any, target))).eval(), tokenizer
    except (AssertionError, RuntimeError) as error:  # how torch says that there is no such device, or no room on it
        raise ConfigError(f"the model cannot be put on {target!r}: {error}") from error


def check_vocabulary(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Raises where a tokenizer has tokens that its model has no embeddings for.

    Markers for what a text model never reads (images, say) may lie behind the embeddings: they are kept out of texts.

    Raises:
        ConfigError: it names some of them.
    """
    rows = cast(Any, model.get_input_embeddings()).weight.shape[0]
    added, template = tokenizer.added_tokens_decoder, str(tokenizer.chat_template)
    used = (tokenizer.pad_token, tokenizer.eos_token, tokenizer.bos_token)
    beyond = [
        token
        for token, number in tokenizer.get_vocab().items()
        if number >= rows and not (number in added and added[number].special and token not in used)
    ]
    beyond += [token.content for number, token in added.items() if number >= rows and token.content in template]
    if beyond:
        raise ConfigError(
            f"the tokenizer has tokens for which the model's {rows} embeddings have none: {_some(beyond)}; take the "
            "tokenizer that the model was trained with, or resize_token_embeddings and save the model again"
        )


def _some(names: Iterable[str]) -> str:
    """The first few of some names."""
    each = sorted(set(names))
    return ", ".join(each[:3]) + (f" and {len(each) - 3} more" if len(each) > 3 else "")


def _weights(path: str, dtype: torch.dtype, words: int) -> Any:
    """The model of a folder or hub id, on the CPU, without its tokenizer: the base of an adapter may have none.

    Args:
        path: where it is.
        dtype: of its weights.
        words: how many tokens an adapter's tokenizer has.
    """
    refuse_code(path)
    base = adapter_base(path)
    if base is not None:
        with config_errors(base):
            own = len(load_tokenizer(base)) if adapter_base(base) is not None else 0
            model = _weights(base, dtype, own)
        return _merged(path, model, words)
    loaded = AutoModelForCausalLM.from_pretrained(path, dtype=dtype, output_loading_info=True, **DATA)
    model, found = cast(tuple[Any, dict[str, Any]], loaded)
    if found["missing_keys"]:
        raise ValueError(f"its files have no weights {_some(found['missing_keys'])}")
    return model


def _merged(path: str, base: PreTrainedModel, words: int) -> PreTrainedModel:
    """The model of an adapter's folder, with the adapter in its weights: it can be trained further like any other."""
    from peft import PeftModel

    if words > cast(Any, base.get_input_embeddings()).num_embeddings:  # the adapter brings tokens of its own
        base.resize_token_embeddings(words)
    with warnings.catch_warnings():
        quiet()
        model = cast(Any, PeftModel.from_pretrained(base, path)).merge_and_unload()
    return model.requires_grad_(True)


@contextmanager
def config_errors(name: str | Path) -> Iterator[None]:
    """Says what may be given instead where a model cannot be read; shows no bars of the library's meanwhile, and does
    not wait for a hub that cannot be reached.

    Raises:
        ConfigError: no such model.
    """
    try:
        with without_bars(), reaching(name):
            yield
    except (ToolGymError, torch.OutOfMemoryError, MemoryError):
        raise
    except Exception as error:  # these libraries and theirs raise whatever they like about a file that they cannot read
        if isinstance(error, ModuleNotFoundError) and error.name in ("peft", "torch", "transformers"):
            raise  # an extra of ours is not installed, and the command line says which
        said = " ".join(str(error).split()) or "no reason is given"
        if not isinstance(error, OSError | ValueError | ImportError):
            said = f"{type(error).__name__}: {said}"
        raise ConfigError(
            f"cannot load the model {str(name)!r}: {said[:_LONGEST]}{'…' if len(said) > _LONGEST else ''}. Give {_GIVE}"
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


def _no_advice_on_rewards(record: LogRecord) -> bool:
    """Leaves out TRL's words to the author of a reward: an episode without a return was lost, or is left out."""
    return "All reward functions returned None" not in str(record.msg)


def quiet() -> None:
    """Leaves out warnings between the libraries below that a user can do nothing about."""
    warnings.filterwarnings(
        "ignore", message=r".*`(is_)?gradient_checkpointing\w*` is deprecated", category=FutureWarning
    )
    getLogger("trl.trainer.grpo_trainer").addFilter(_no_advice_on_rewards)
