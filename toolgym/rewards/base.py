"""The seam between episodes and rewards.

A `Term` is a pure function of (trajectory, task) that scores the *latest* step of the trajectory it is given, so
scoring a whole episode is scoring its prefixes. A `Reward` is a weighted sum of named terms. Neither knows of the
environment; a new one is added by `register` (or by handing the callable to `gymnasium.make(..., reward=...)`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

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
        """The latest step's reward and its components, by term name. A term without a score is left out of both."""
        components: dict[str, float] = {}
        for name, term in self.terms.items():
            value = float(term(trajectory, task))
            if value == value:  # not NaN
                components[name] = value
        return sum(self.weights.get(name, 1.0) * value for name, value in components.items()), components


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
