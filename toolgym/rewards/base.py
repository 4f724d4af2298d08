"""The seam between episodes and rewards.

A `Term` is a pure function of (trajectory, task) that scores the *latest* step of the trajectory it is given, so
scoring a whole episode is scoring its prefixes. A `Reward` is a weighted sum of named terms. Neither knows of the
environment; a new one is added by `register` (or by handing the callable to `gymnasium.make(..., reward=...)`).

NaN is no score: a judge that failed, say. Where a term has none, the step's reward is NaN, and such an episode counts
in no statistic of rewards and is not learnt from; a 0 in its place would teach against the judge's failures.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import inf, isfinite, isinf, isnan, nan
from typing import Any, Protocol

from toolgym.errors import ConfigError
from toolgym.tasks import Task
from toolgym.trajectory import Trajectory


class Term(Protocol):
    """Scores the latest step of `trajectory`; NaN says that there is no score (a judgement that failed)."""

    def __call__(self, trajectory: Trajectory, task: Task, /) -> float: ...


@dataclass(frozen=True)
class Reward:
    """A weighted sum of terms. `total` is the step's reward, `components` the unweighted terms."""

    terms: Mapping[str, Term]
    weights: Mapping[str, float]

    def score(self, trajectory: Trajectory, task: Task) -> tuple[float, dict[str, float]]:
        """The latest step's reward and its components, by term name.

        A term without a score is left out of the components; the reward is then NaN, unless the term's weight is 0.

        Raises:
            ConfigError: a term gave something else than a finite number or NaN; it names the term.
        """
        components: dict[str, float] = {}
        total = 0.0
        for name, term, weight in self._weighted:
            value = term(trajectory, task)
            if type(value) is not float or not isfinite(value):  # few are anything else
                value = _number(name, value)
                if isnan(value):
                    total = nan if weight else total
                    continue
            components[name] = value
            total += weight * value
        return total, components

    @cached_property
    def _weighted(self) -> list[tuple[str, Term, float]]:
        return [(name, term, self.weights.get(name, 1.0)) for name, term in self.terms.items()]


def _number(name: str, value: Any) -> float:
    """What a term gave, as a float."""
    try:
        number = inf if isinstance(value, str | bytes | bytearray) else float(value)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        number = inf
    if isinf(number):
        raise ConfigError(
            f"the reward {name!r} returned {value!r:.100} for a step; a reward is a finite number, or NaN where there "
            "is no score"
        )
    return number


RewardFactory = Callable[..., Reward]
"""Makes a preset's `Reward` of keyword options."""

TextScorer = Callable[..., dict[str, float]]
"""Scores text alone: (completion, gold `Turn`, the factory's keyword options) -> `total` and every component."""


@dataclass(frozen=True)
class Preset:
    """A named reward: how it is made, and how it scores text without an episode (None: as a one-step episode)."""

    name: str
    factory: RewardFactory
    score_text: TextScorer | None = None


_PRESETS: dict[str, Preset] = {}


def register(name: str, factory: RewardFactory, score_text: TextScorer | None = None) -> None:
    """Adds a preset, or replaces the one of that name; `reward=name` then finds it.

    Args:
        name: what users write.
        factory: makes the `Reward`; its keyword parameters are the preset's options.
        score_text: what `toolgym.rewards.score` uses; it takes the same options.
    """
    _PRESETS[name] = Preset(name, factory, score_text)


def registered() -> dict[str, Preset]:
    """The presets by name."""
    return dict(_PRESETS)
