"""RFT: supervised fine-tuning on expert episodes and on the policy's own successful ones.

Its options and its command line; the algorithm is in `toolgym.agents.rft`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from toolgym.agents.training.options import check_idle, learner_main
from toolgym.agents.training.tuning import ExploreOptions

__all__ = ["RFTOptions", "main"]


@dataclass(frozen=True)
class RFTOptions(ExploreOptions):
    """Options of an RFT run."""

    output: Annotated[Path, "folder for checkpoints, metrics.jsonl and TensorBoard's files"] = Path("runs/rft")
    experts: Annotated[bool, "train on the expert's episodes too"] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.experts:
            check_idle(self, ["demonstrations"], "without experts")


def main(argv: Sequence[str] | None = None) -> int:
    """The command line: what trains is imported once it was read."""
    return learner_main("rft", RFTOptions, "toolgym.agents.rft:train", argv)
