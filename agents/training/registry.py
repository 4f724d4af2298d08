"""The learning algorithms by name: the module of an algorithm's options, with a `main(argv)`.

That module imports nothing that trains; its `main` does, once it has read the options. Algorithms that are one file
with other options share its module: `MODULE:PRESET` calls `main(argv, PRESET)`. One of
a user's own goes by where its main is: `FILE.py:main` or `package.module:main`.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import cast

from toolgym.errors import ConfigError, did_you_mean
from toolgym.loading import load_named, names_object
from toolgym.plugins import Plugin, plugins, warn_if_taken

__all__ = ["algorithms", "main", "plugin_algorithms"]

_MODULES = {
    "archer": "toolgym.agents.training.archer_options",
    "arpo": "toolgym.agents.training.arpo_options",
    "awpo": "toolgym.agents.training.awpo_options",
    "dapo": "toolgym.agents.training.grpo_options:dapo",
    "dr_grpo": "toolgym.agents.training.grpo_options:dr_grpo",
    "dupo": "toolgym.agents.training.dupo_options",
    "eto": "toolgym.agents.training.eto_options",
    "grpo": "toolgym.agents.training.grpo_options",
    "gspo": "toolgym.agents.training.grpo_options:gspo",
    "hazard": "toolgym.agents.training.hazard_options",
    "hdpo": "toolgym.agents.training.grpo_options:hdpo",
    "loop": "toolgym.agents.training.loop_options",
    "mua_rl": "toolgym.agents.training.mua_rl_options",
    "otc_grpo": "toolgym.agents.training.grpo_options:otc_grpo",
    "otc_ppo": "toolgym.agents.training.steptool_options:otc_ppo",
    "ppo": "toolgym.agents.training.steptool_options:ppo",
    "rft": "toolgym.agents.training.rft_options",
    "rlhf": "toolgym.agents.training.steptool_options:rlhf",
    "rloo": "toolgym.agents.training.grpo_options:rloo",
    "scribe": "toolgym.agents.training.scribe_options",
    "sft": "toolgym.agents.training.sft_options",
    "spear": "toolgym.agents.training.spear_options",
    "steptool": "toolgym.agents.training.steptool_options",
    "steptool_group": "toolgym.agents.training.grpo_options:steptool_group",
    "tapo": "toolgym.agents.training.grpo_options:tapo",
    "tgrl": "toolgym.agents.training.grpo_options:tgrl",
    "tool_star": "toolgym.agents.training.grpo_options:tool_star",
    "tool_star_dpo": "toolgym.agents.training.eto_options:tool_star_dpo",
    "toolpo": "toolgym.agents.training.toolpo_options",
    "toolrl": "toolgym.agents.training.grpo_options:toolrl",
    "toolupt": "toolgym.agents.training.toolupt_options",
    "tree": "toolgym.agents.training.tree_options",
    "vine": "toolgym.agents.training.tree_options:vine",
}


def algorithms() -> list[str]:
    """The names of ToolGym's own, sorted."""
    return sorted(_MODULES)


def plugin_algorithms() -> dict[str, Plugin]:
    """The algorithms of installed packages by name: each a `main(argv)` that gives the exit status, or None for 0."""
    return plugins("algorithm", _MODULES.__contains__)


def main(name: str, argv: Sequence[str]) -> int:
    """Runs an algorithm's command line; the exit status.

    Args:
        name: one of `algorithms()` or `plugin_algorithms()`, or `FILE.py:MAIN` or `module:MAIN`.
        argv: its arguments.

    Raises:
        ConfigError: there is no such algorithm, or a plug-in that cannot be used.
    """
    if names_object(name):
        return load_named(name)(argv) or 0
    if name not in _MODULES:
        brought = plugin_algorithms()
        if name not in brought:
            raise ConfigError(did_you_mean(name, {*_MODULES, *brought}, "algorithm"))
        run = brought[name].load()
        if not callable(run):
            raise brought[name].error(f"is a {type(run).__name__}; it must be a function main(argv)")
        return cast(int, run(argv) or 0)
    warn_if_taken("algorithm", name)
    module, _, preset = _MODULES[name].partition(":")
    entry = import_module(module).main
    return entry(argv, preset) if preset else entry(argv)
