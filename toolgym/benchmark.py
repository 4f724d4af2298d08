"""Public benchmarks by name: which environments they are made of, and the figures that papers report of them.

Another one is an entry of `_HOMES` and a `Benchmark` in its room of `envs/`; `toolgym bench NAME` then runs it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from toolgym.errors import ConfigError, did_you_mean
from toolgym.loading import load_named

__all__ = ["Benchmark", "Part", "Share", "benchmark", "benchmark_names"]

_HOMES: dict[str, str] = {
    "api-bank": "toolgym.envs.api_bank.benchmark:API_BANK",
    "bfcl": "toolgym.envs.bfcl.benchmark:BFCL",
    "tau": "toolgym.envs.tau.benchmark:TAU",
    "tau2": "toolgym.envs.tau2.benchmark:TAU2",
}
"""Name -> where it is declared."""


@dataclass(frozen=True)
class Share:
    """How much of a part was right: the average over its tasks that were played (0 to 1), and how many it has.

    A figure of all tasks of several parts counts each by `tasks`, also where only some of them were drawn.
    """

    value: float
    tasks: int


Figures = Mapping[str, float | None]
"""Figure -> its value, 0 to 1; None where a part that it needs was not run."""


@dataclass(frozen=True)
class Part:
    """A part of a benchmark that is counted for itself."""

    name: str
    env_id: str
    options: Mapping[str, Any] = field(default_factory=dict)
    """Keywords of `gymnasium.make`."""


@dataclass(frozen=True)
class Benchmark:
    """A public benchmark."""

    name: str
    title: str
    parts: Callable[[Sequence[str] | None], Sequence[Part]]
    """The parts of the categories that are named, in the order of the papers' tables; None: all.

    Raises ConfigError for a category that there is not.
    """
    figures: Callable[[Mapping[str, Share]], Figures]
    """What papers report, of the parts that were run."""
    categories: Sequence[str] = ()
    """What `--category` takes, for `--help`."""
    data: str | None = None
    """The data set that it needs (`toolgym data get`)."""


def benchmark_names() -> list[str]:
    """The names of the benchmarks, sorted."""
    return sorted(_HOMES)


def benchmark(name: str) -> Benchmark:
    """The benchmark of a name.

    Raises:
        ConfigError: there is none.
    """
    if name not in _HOMES:
        raise ConfigError(did_you_mean(name, _HOMES, "benchmark"))
    return load_named(_HOMES[name])
