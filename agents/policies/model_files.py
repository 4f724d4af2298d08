"""A model's files are data: what they hold may be a stranger's, and runs nothing of it."""

import json
from pathlib import Path
from typing import Any

from transformers.utils.hub import cached_file

from toolgym.errors import ConfigError

__all__ = ["DATA", "refuse_code"]

DATA: dict[str, Any] = {"trust_remote_code": False}
"""How models, tokenizers and configurations are loaded. Left open, the library asks on the terminal whether to run the
code that a model comes with."""

_HUB_KERNELS = ("attn_implementation", "_attn_implementation", "experts_implementation")


def refuse_code(path: str | Path) -> None:
    """Raises where a model's files name code to run: modules to import, hub kernels. An adapter's base has its own.

    Raises:
        ConfigError: it names the file and the key.
    """
    file, held = _held(path, "adapter_config.json")
    if held.get("megatron_core") not in (None, "megatron.core"):
        raise _names_code(file, "megatron_core", held)
    file, held = _held(path, "config.json")
    for key in _HUB_KERNELS:
        if "/" in json.dumps(held.get(key)):
            raise _names_code(file, key, held)


def _names_code(file: str, key: str, held: dict[str, Any]) -> ConfigError:
    return ConfigError(
        f"{file} has {key}={held[key]!r:.80}, by which code would be loaded; a model's files are data here. Remove the "
        "key if you trust the rest"
    )


def _held(model: str | Path, name: str) -> tuple[str, dict[str, Any]]:
    """A JSON file of a model by its path or hub id, and the object that it holds; empty where there is none."""
    found = cached_file(
        str(model),
        name,
        _raise_exceptions_for_gated_repo=False,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    if found is None:
        return "", {}
    try:
        value = json.loads(Path(found).read_bytes())
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{found} is damaged: no JSON ({error})") from error
    return found, value if isinstance(value, dict) else {}
