"""Verdicts by name: what keeps an episode from solving a public benchmark's task, as that benchmark says.

A verdict is a pure function of (trajectory, task): what is wrong, in a few words, or None where nothing is. A task
names one (`Task.verdict`) by its name, not by a place in a module: tasks come from files, and no file may say what is
run.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from toolgym.errors import ConfigError, did_you_mean
from toolgym.loading import load_named
from toolgym.tasks import Task
from toolgym.trajectory import Trajectory

__all__ = ["TaskVerdict", "register_verdict", "verdict_of"]

TaskVerdict = Callable[[Trajectory, Task], str | None]

_VERDICTS: dict[str, str | TaskVerdict] = {
    "bfcl": "toolgym.envs.bfcl.tasks:fault",
    "openenv": "toolgym.adapters.openenv.playing:fault",
    "tau": "toolgym.envs.tau.env:fault",
    "tau2": "toolgym.envs.tau2.rewards:fault",
    "verifiers": "toolgym.adapters.verifiers.playing:fault",
}
"""Name -> the verdict, or where it is."""


def register_verdict(name: str, verdict: TaskVerdict) -> None:
    """Makes a verdict known by a name, or replaces the one of that name."""
    _VERDICTS[name] = verdict
    verdict_of.cache_clear()


@lru_cache(maxsize=64)
def verdict_of(name: str) -> TaskVerdict:
    """The verdict of a name.

    Raises:
        ConfigError: there is none.
    """
    if name not in _VERDICTS:
        raise ConfigError(did_you_mean(name, _VERDICTS, "verdict"))
    found: Any = _VERDICTS[name]
    return load_named(found) if isinstance(found, str) else found
