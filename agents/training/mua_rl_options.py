"""MUA-RL: users in the training rollouts, and the verified outcome as the only reward (Zhao et al. 2025).

Its options and its command line; the algorithm is in `toolgym.agents.mua_rl`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from toolgym.agents.training.common_options import RunConfig
from toolgym.agents.training.options import learner_main
from toolgym.errors import ConfigError

__all__ = ["MUARLOptions", "main"]


@dataclass(frozen=True)
class MUARLOptions(RunConfig):
    """Options of a MUA-RL run."""

    user: Annotated[str, "who answers the agent: scripted, llm, or llm:MODEL"] = "scripted"
    reward: Annotated[str | None, "reward preset; the verified outcome, 1 or 0"] = "solved"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.user == "none":
            raise ConfigError(
                "user='none' answers nothing, which is plain GRPO: train with --algo grpo --reward solved"
            )


def main(argv: Sequence[str] | None = None) -> int:
    """The command line: what trains is imported once it was read."""
    return learner_main("mua_rl", MUARLOptions, "toolgym.agents.mua_rl:train", argv)
