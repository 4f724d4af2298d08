"""The learning algorithms by name: the module of an algorithm's options, with a `main(argv)`.

That module imports nothing that trains; its `main` does, once it has read the options. Algorithms that are one file
with other options share its module: `MODULE:PRESET` calls `main(argv, PRESET)`. One of
a user's own goes by where its main is: `FILE.py:main` or `package.module:main`.
"""

from collections.abc import Sequence
from importlib import import_module

from toolgym.errors import ConfigError, did_you_mean
from toolgym.loading import load_named, names_object

__all__ = ["algorithms", "main"]

_MODULES = {
    "awpo": "toolgym.agents.training.awpo_options",
    "dapo": "toolgym.agents.training.grpo_options:dapo",
    "dr_grpo": "toolgym.agents.training.grpo_options:dr_grpo",
    "dupo": "toolgym.agents.training.dupo_options",
    "eto": "toolgym.agents.training.eto_options",
    "grpo": "toolgym.agents.training.grpo_options",
    "gspo": "toolgym.agents.training.grpo_options:gspo",
    "ppo": "toolgym.agents.training.steptool_options:ppo",
    "rft": "toolgym.agents.training.rft_options",
    "rlhf": "toolgym.agents.training.steptool_options:rlhf",
    "rloo": "toolgym.agents.training.grpo_options:rloo",
    "sft": "toolgym.agents.training.sft_options",
    "steptool": "toolgym.agents.training.steptool_options",
    "toolrl": "toolgym.agents.training.grpo_options:toolrl",
    "toolupt": "toolgym.agents.training.toolupt_options",
    "tree": "toolgym.agents.training.tree_options",
    "vine": "toolgym.agents.training.tree_options:vine",
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
