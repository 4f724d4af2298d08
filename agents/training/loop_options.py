"""LOOP: leave-one-out PPO, with a ratio of each token, each turn or the whole episode (Chen et al. 2025).

Its options and its command line; the algorithm is in `toolgym.agents.loop`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from toolgym.agents.training.common_options import RunConfig
from toolgym.agents.training.options import check_idle, learner_main

__all__ = ["LoopOptions", "Unit", "main"]

Unit = Literal["token", "turn", "trajectory"]
"""What is one action: what has one ratio, and is clipped as one."""


@dataclass(frozen=True)
class LoopOptions(RunConfig):
    """Options of a LOOP run."""

    unit: Annotated[Unit, "what is one action, with one ratio that is clipped: the paper's three forms"] = "token"
    # Each batch is learnt from in several steps, or no ratio would leave 1; runs and checkpoints end on multiples.
    minibatches: Annotated[int, "optimizer steps that each batch of episodes is split into"] = 4
    steps: Annotated[int, "training steps"] = 48

    def __post_init__(self) -> None:
        super().__post_init__()
        check_idle(
            self, ["loss", "beta", "importance_sampling_level"], "on LOOP's loss, a mean over `unit`s without KL"
        )


def main(argv: Sequence[str] | None = None) -> int:
    """The command line: what trains is imported once it was read."""
    return learner_main("loop", LoopOptions, "toolgym.agents.loop:train", argv)
