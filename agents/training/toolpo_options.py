"""ToolPO: the outcome's advantage for all tokens, and the tool calls' for the tokens of tool calls (DeepAgent, 2025).

Its options and its command line; the algorithm is in `toolgym.agents.toolpo`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from toolgym.agents.training.common_options import RunConfig
from toolgym.agents.training.options import check_ranges, learner_main
from toolgym.errors import ConfigError
from toolgym.options import parse_settings

__all__ = ["ToolPOOptions", "main"]


@dataclass(frozen=True)
class ToolPOOptions(RunConfig):
    """Options of a ToolPO run."""

    reward: Annotated[str | None, "reward preset; its components must be toolpo's"] = "toolpo"
    call_weight: Annotated[float, "what a right tool call is worth (lambda_1); 0: GRPO on the outcome"] = 1.0
    scale: Annotated[bool, "divide each of the two advantages by its group's standard deviation"] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges(self, least_0=("call_weight",))
        given = parse_settings(self.set)
        options, weights = given.get("reward_options"), given.get("reward_weights")
        if weights or (isinstance(options, Mapping) and "call" in options):
            what = f"reward_weights={weights}" if weights else f"reward_options={options}"
            raise ConfigError(
                f"--set {what} would have no effect: ToolPO's advantages are of the components, and what a right call "
                "is worth among them is --call-weight"
            )

    @property
    def reward_options(self) -> dict[str, Any] | None:
        """Options of the reward preset."""
        return {"call": self.call_weight} if self.reward == "toolpo" else None


def main(argv: Sequence[str] | None = None) -> int:
    """The command line: what trains is imported once it was read."""
    return learner_main("toolpo", ToolPOOptions, "toolgym.agents.toolpo:train", argv)
