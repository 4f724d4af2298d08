"""AWPO: advantage-weighted policy optimisation with reasoning rewards (AWPO §3.2, Eq. 20–30, Algorithm 1).

Its options and its command line; the algorithm is in `toolgym.agents.awpo`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from toolgym.agents.training.common_options import RunConfig
from toolgym.agents.training.options import check_idle, learner_main
from toolgym.errors import ConfigError

__all__ = ["AWPOOptions", "main"]

_OF_MODELS = ("judge_model", "judge_url", "judge_workers", "judge_cache", "second_look")
"""Options of a model that judges."""


@dataclass(frozen=True)
class AWPOOptions(RunConfig):
    """Options of an AWPO run."""

    reward: Annotated[str | None, "reward preset; its components must be awpo's"] = "awpo"
    judge: Annotated[
        Literal["offline", "facts", "endpoint", "local", "none"],
        "who scores reasoning: rules, the share of facts told, a model (all episodes of a batch at once), or nobody: "
        "the outcome reward alone",
    ] = "offline"
    judge_model: Annotated[str, "of a model that judges: its name at the endpoint, or a folder or hub id"] = ""
    judge_url: Annotated[str | None, "of an endpoint (default: $OPENAI_BASE_URL)"] = None
    judge_workers: Annotated[int, "requests at once"] = 16
    judge_cache: Annotated[Path | None, "file that keeps a model's verdicts, so that a rerun asks for none again"] = (
        None
    )
    second_look: Annotated[
        float | None, "a model's verdict up to this is looked at again beside the reference's reasoning (Appendix B)"
    ] = 0.25
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
    quantiles: Annotated[
        tuple[float, ...] | None,
        "two shares: low and high are these quantiles of all groups' mean outcomes so far (those at one are within)",
    ] = None

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
        if not self.gate and not self.dynamic_clip:
            check_idle(self, ["epsilon_mix", "peak"], "without gate")
        if self.judge == "facts" and self.reward != "awpo":
            raise ConfigError(f"judge='facts' scores beside the outcome reward awpo, not reward={self.reward!r}")
        if self.judge in ("offline", "facts", "none"):
            check_idle(self, _OF_MODELS, f"with judge={self.judge!r}: no model judges")
        elif not self.judge_model:
            raise ConfigError(f"judge={self.judge!r} needs the model that judges: --judge-model NAME")
        elif self.reward != "awpo":
            raise ConfigError(f"judge={self.judge!r} scores beside the outcome reward awpo, not reward={self.reward!r}")
        if self.judge == "local":
            check_idle(self, ["judge_url"], "with judge='local'")
        if self.judge_workers < 1 or (self.second_look is not None and not 0 <= self.second_look <= 1):
            raise ConfigError(
                "judge_workers must be at least 1 and second_look from 0 to 1, got "
                f"judge_workers={self.judge_workers}, second_look={self.second_look}"
            )
        if not self.difficulty:
            check_idle(self, ["base_weight", "prior_weight", "low", "high", "quantiles"], "without difficulty")
        if self.quantiles is not None:
            check_idle(self, ["low", "high"], "with quantiles, which set both")
            if len(self.quantiles) != 2 or not 0 <= self.quantiles[0] < self.quantiles[1] <= 1:
                raise ConfigError(f"quantiles needs two numbers, 0 <= low < high <= 1, got {self.quantiles}")
        if not self.gate and self.judge == "none":
            raise ConfigError("without gate the mixed reward is all there is, and judge='none' leaves none; choose one")

    @property
    def reward_options(self) -> dict[str, Any] | None:
        """Options of the reward preset. A model judges after the episodes were played: the reward has no judge then."""
        if self.reward != "awpo":
            return None
        return {"judge": self.judge if self.judge in ("offline", "facts") else None}


def main(argv: Sequence[str] | None = None) -> int:
    """The command line: what trains is imported once it was read."""
    return learner_main("awpo", AWPOOptions, "toolgym.agents.awpo:train", argv)
