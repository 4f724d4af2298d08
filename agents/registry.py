"""The learning algorithms by name: a name is a module of this folder with a `main(argv)`."""

from collections.abc import Sequence
from importlib import import_module

from toolgym.errors import ConfigError, did_you_mean

__all__ = ["algorithms", "main"]

_MODULES = {"grpo": "toolgym.agents.grpo", "sft": "toolgym.agents.sft"}


def algorithms() -> list[str]:
    """The names, sorted."""
    return sorted(_MODULES)


def main(name: str, argv: Sequence[str]) -> int:
    """Runs an algorithm's command line; the exit status.

    Raises:
        ConfigError: there is no such algorithm.
    """
    if name not in _MODULES:
        raise ConfigError(did_you_mean(name, _MODULES, "algorithm"))
    return import_module(_MODULES[name]).main(argv)
