"""Hazard: step values from where episodes lose their tasks.

Its options and its command line; the algorithm is in `toolgym.agents.hazard`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

from toolgym.agents.training.common_options import LossType, RunConfig
from toolgym.agents.training.options import check_ranges, learner_main
from toolgym.agents.training.sizing import BySize
from toolgym.agents.training.tree_options import check_at_once
from toolgym.errors import ConfigError

__all__ = ["HazardOptions", "main"]


@dataclass(frozen=True)
class HazardOptions(RunConfig):
    """Options of a Hazard run."""

    loss: Annotated[LossType, "how tokens are averaged: TRL's loss_type"] = "dapo"
    cut: Annotated[bool, "end an episode with the step that lost its task"] = True
    weight: Annotated[
        Literal["value", "log"], "advantages of the chance to solve the task (value), or of its logarithm (log)"
    ] = "value"
    blame: Annotated[float, "weight of the advantages of steps that lost their task"] = 1.0
    own: Annotated[
        float, "events of its own group that a task's rate needs to count as much as the rate of all tasks"
    ] = 2.0
    prior: Annotated[float, "events that an action's rate needs to count as much as the rate of all actions"] = 2.0
    memory: Annotated[float, "what an event counts a batch later"] = 0.7
    BY_SIZE: ClassVar[BySize] = replace(RunConfig.BY_SIZE, may_wait=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges(self, above_0=("own", "prior"), least_0=("blame",))
        check_at_once(self)
        if not 0 <= self.memory <= 1:
            raise ConfigError(f"memory must be between 0 and 1, got memory={self.memory}")


def main(argv: Sequence[str] | None = None) -> int:
    """The command line: what trains is imported once it was read."""
    return learner_main("hazard", HazardOptions, "toolgym.agents.hazard:train", argv)
