"""Learning from forks: rollouts that branch, with fork-relative advantages, and values by forked continuations.

Its options and its command line; the algorithm is in `toolgym.agents.tree`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

from toolgym.agents.training.common_options import RunConfig, processes
from toolgym.agents.training.options import learner_main
from toolgym.agents.training.sizing import BySize
from toolgym.errors import ConfigError

__all__ = ["BranchOptions", "TreeOptions", "VineOptions", "check_at_once", "main"]


def check_at_once(config: RunConfig) -> None:
    """Raises where episodes would have to wait for one another: a step's forks are kept until it is over."""
    most = config.groups * config.rollouts // processes()
    if config.concurrency is not None and config.concurrency < most:
        raise ConfigError(f"forks need all episodes of a step at once: concurrency={config.concurrency}, not {most}")


@dataclass(frozen=True)
class BranchOptions(RunConfig):
    """Options of a run whose episodes fork off others."""

    roots: Annotated[
        int | None,
        "episodes of a group that begin at its opening; the others fork off states of theirs (default: half)",
    ] = None
    scale: Annotated[bool, "divide advantages by the group's standard deviation"] = True
    BY_SIZE: ClassVar[BySize] = replace(RunConfig.BY_SIZE, may_wait=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_at_once(self)
        if not 1 <= self.root_count <= self.rollouts:
            raise ConfigError(f"roots must be between 1 and rollouts={self.rollouts}, got roots={self.roots}")

    @property
    def root_count(self) -> int:
        """`roots`, or half of the rollouts."""
        return self.rollouts // 2 if self.roots is None else self.roots


@dataclass(frozen=True)
class TreeOptions(BranchOptions):
    """Options of a tree run."""

    blend: Annotated[float, "share of the fork-relative advantage; the rest is the trajectory's"] = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.blend <= 1:
            raise ConfigError(f"blend must be between 0 and 1, got blend={self.blend}")


@dataclass(frozen=True)
class VineOptions(RunConfig):
    """Options of a vine run."""

    rollouts: Annotated[int, "episodes a task that are learnt from"] = 2
    samples: Annotated[int, "continuations a state whose mean return is its value"] = 4
    BY_SIZE: ClassVar[BySize] = replace(RunConfig.BY_SIZE, may_wait=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_at_once(self)
        if self.samples < 1:
            raise ConfigError(f"samples must be at least 1, got {self.samples}")


def main(argv: Sequence[str] | None = None, preset: str = "tree") -> int:
    """The command line; the preset `vine` takes values from forks. What trains is imported once it was read."""
    kind: Any = VineOptions if preset == "vine" else TreeOptions
    about = (
        "Vine: the value of a state is the mean return of forked continuations from it." if preset == "vine" else None
    )
    return learner_main(preset, kind, "toolgym.agents.tree:train", argv, about=about)
