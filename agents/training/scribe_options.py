"""SCRIBE: steps are matched to prototypes of skills and scored by their rubrics (Jiang & Ferraro 2026).

Its options and its command line; the algorithm is in `toolgym.agents.scribe`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from toolgym.agents.training.common_options import RunConfig
from toolgym.agents.training.options import check_ranges, learner_main

__all__ = ["SCRIBEOptions", "main"]


@dataclass(frozen=True)
class SCRIBEOptions(RunConfig):
    """Options of a SCRIBE run."""

    reward: Annotated[str | None, "reward preset; its components must be scribe's"] = "scribe"
    scale: Annotated[bool, "divide the outcome's advantage by the group's standard deviation"] = True
    rubric_weight: Annotated[float, "what a met rubric is worth beside the outcome's advantage; 0: GRPO"] = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges(self, least_0=("rubric_weight",))


def main(argv: Sequence[str] | None = None) -> int:
    """The command line: what trains is imported once it was read."""
    return learner_main("scribe", SCRIBEOptions, "toolgym.agents.scribe:train", argv)
