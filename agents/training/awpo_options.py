"""AWPO: advantage-weighted policy optimisation with reasoning rewards (AWPO §3.2, Eq. 20–30, Algorithm 1).

Its options and its command line; the algorithm is in `toolgym.agents.awpo`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from toolgym.agents.training.common_options import RunConfig
from toolgym.agents.training.options import check_idle, learner_main
from toolgym.errors import ConfigError

__all__ = ["AWPOOptions", "main"]


@dataclass(frozen=True)
class AWPOOptions(RunConfig):
    """Options of an AWPO run."""

    reward: Annotated[str | None, "reward preset; its components must be awpo's"] = "awpo"
    judge: Annotated[Literal["offline", "none"], "who scores reasoning; none: the outcome reward alone"] = "offline"
    gate: Annotated[bool, "mix by Eq. 25 (off, Table 5: the mixed reward alone)"] = True
    difficulty: Annotated[bool, "weight groups by Eq. 27 (off, Table 5: all alike)"] = True
    dynamic_clip: Annotated[bool, "clip by Eq. 29 (off, Table 5: by --epsilon)"] = True
    epsilon_mix: Annotated[float, "a mixed reward whose share of the spread (Eq. 24) reaches this is left out"] = 0.75
    epsilon_min: Annotated[float, "clip radius of a batch that relies on the mixed reward alone"] = 0.1
    epsilon_max: Annotated[float, "clip radius of a batch that relies on the outcome alone"] = 0.28
    peak: Annotated[float | None, "R_out_max, in [0, 2] (default: the highest group mean so far)"] = None
    base_weight: Annotated[float, "weight of groups that are too easy or too hard (alpha_base)"] = 0.5
    prior_weight: Annotated[float, "weight of groups of intermediate difficulty (alpha_prio)"] = 1.0
    low: Annotated[float, "mean outcome above which a group is of intermediate difficulty (tau_low)"] = 0.3
    high: Annotated[float, "mean outcome below which it is (tau_high)"] = 1.8

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.epsilon_min <= self.epsilon_max or self.low >= self.high:
            raise ConfigError(
                f"AWPO needs 0 <= epsilon_min <= epsilon_max and low < high, got epsilon_min={self.epsilon_min}, "
                f"epsilon_max={self.epsilon_max}, low={self.low}, high={self.high}"
            )
        if self.difficulty and not self.prior_weight >= self.base_weight > 0:
            raise ConfigError(
                f"AWPO needs prior_weight >= base_weight > 0, got {self.prior_weight}, {self.base_weight}"
            )
        if self.dynamic_clip:
            check_idle(self, ["epsilon", "epsilon_high"], "with dynamic_clip: Eq. 29 sets both bounds")
        else:
            check_idle(self, ["epsilon_min", "epsilon_max"], "without dynamic_clip")
        if self.judge == "none":
            check_idle(self, ["epsilon_mix", "peak", "epsilon_min"], "with judge='none': there is no mixed reward")
        if not self.gate:
            check_idle(self, ["epsilon_mix", "peak"], "without gate")
        if not self.difficulty:
            check_idle(self, ["base_weight", "prior_weight", "low", "high"], "without difficulty")
        if not self.gate and self.judge == "none":
            raise ConfigError("without gate the mixed reward is all there is, and judge='none' leaves none; choose one")

    @property
    def reward_options(self) -> dict[str, Any] | None:
        """Options of the reward preset."""
        return {"judge": "offline"} if self.judge == "offline" and self.reward == "awpo" else None


def main(argv: Sequence[str] | None = None) -> int:
    """The command line: what trains is imported once it was read."""
    return learner_main("awpo", AWPOOptions, "toolgym.agents.awpo:train", argv)
