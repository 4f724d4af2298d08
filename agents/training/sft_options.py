"""SFT: supervised fine-tuning on expert episodes, with TRL's `SFTTrainer`; only the expert's tokens carry loss.

Its options and its command line; the algorithm is in `toolgym.agents.sft`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from toolgym.agents.training.options import learner_main
from toolgym.agents.training.tuning import TuningOptions

__all__ = ["SFTOptions", "main"]


@dataclass(frozen=True)
class SFTOptions(TuningOptions):
    """Options of an SFT run."""


def main(argv: Sequence[str] | None = None) -> int:
    """The command line: what trains is imported once it was read."""
    return learner_main("sft", SFTOptions, "toolgym.agents.sft:train", argv)
