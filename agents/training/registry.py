"""The learning algorithms by name: a module of this folder with a `main(argv)`.

Algorithms that are one file with other options share its module: `MODULE:PRESET` calls `main(argv, PRESET)`. One of
a user's own goes by where its main is: `FILE.py:main` or `package.module:main`.
"""

from collections.abc import Sequence
from importlib import import_module

from toolgym.errors import ConfigError, did_you_mean
from toolgym.loading import load_named, names_object

__all__ = ["algorithms", "main"]

_MODULES = {
    "awpo": "toolgym.agents.awpo",
    "dapo": "toolgym.agents.grpo:dapo",
    "dr_grpo": "toolgym.agents.grpo:dr_grpo",
    "dupo": "toolgym.agents.dupo",
    "eto": "toolgym.agents.eto",
    "grpo": "toolgym.agents.grpo",
    "gspo": "toolgym.agents.grpo:gspo",
    "ppo": "toolgym.agents.steptool:ppo",
    "rft": "toolgym.agents.rft",
    "rloo": "toolgym.agents.grpo:rloo",
    "sft": "toolgym.agents.sft",
    "steptool": "toolgym.agents.steptool",
    "toolrl": "toolgym.agents.grpo:toolrl",
    "toolupt": "toolgym.agents.toolupt",
    "tree": "toolgym.agents.tree",
    "vine": "toolgym.agents.tree:vine",
}


def algorithms() -> list[str]:
    """The names, sorted."""
    return sorted(_MODULES)


def main(name: str, argv: Sequence[str]) -> int:
    """Runs an algorithm's command line; the exit status.

    Args:
        name: one of `algorithms()`, or `FILE.py:MAIN` or `module:MAIN`.
        argv: its arguments.

    Raises:
        ConfigError: there is no such algorithm.
    """
    if names_object(name):
        return load_named(name)(argv) or 0
    if name not in _MODULES:
        raise ConfigError(did_you_mean(name, _MODULES, "algorithm"))
    module, _, preset = _MODULES[name].partition(":")
    entry = import_module(module).main
    return entry(argv, preset) if preset else entry(argv)
