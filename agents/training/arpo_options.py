"""ARPO: episodes fork where the policy is less certain after a tool's answer than it began (Dong et al. 2025).

Its options and its command line; the algorithm is in `toolgym.agents.arpo`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from toolgym.agents.training.options import check_ranges, learner_main
from toolgym.agents.training.tree_options import BranchOptions
from toolgym.errors import ConfigError

__all__ = ["ARPOOptions", "main"]


@dataclass(frozen=True)
class ARPOOptions(BranchOptions):
    """Options of an ARPO run: `rollouts` is the paper's M, `roots` its N."""

    advantage: Annotated[
        Literal["soft", "hard"],
        "of a step that episodes share: each episode's own (soft: GRPO), or the mean of theirs (hard)",
    ] = "soft"
    threshold: Annotated[
        float,
        "episodes fork where entropy after a tool's answer is above their first by more than this, as shares of ln V",
    ] = 0.0
    forks: Annotated[int, "episodes that fork off such a state"] = 1
    entropy_tokens: Annotated[int, "the first tokens of a turn, whose mean entropy is compared"] = 20

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges(self, above_0=("forks", "entropy_tokens"))
        if not -1 <= self.threshold <= 1:
            raise ConfigError(f"threshold is a difference of two shares, in [-1, 1], got {self.threshold}")
        if self.vllm is not None:
            raise ConfigError(
                "ARPO compares the entropies that tokens were drawn with, which no server tells: leave out vllm"
            )


def main(argv: Sequence[str] | None = None) -> int:
    """The command line: what trains is imported once it was read."""
    return learner_main("arpo", ARPOOptions, "toolgym.agents.arpo:train", argv)
