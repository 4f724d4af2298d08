"""The GRPO family on multi-turn tool episodes: one estimator and one loss, and what each paper changes in them.

Its options and its command line; the algorithm is in `toolgym.agents.grpo`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from toolgym.agents.training.common_options import RunConfig
from toolgym.agents.training.options import check_idle, check_ranges, learner_main
from toolgym.errors import ConfigError, did_you_mean

__all__ = ["PRESETS", "GRPOOptions", "main", "preset"]


@dataclass(frozen=True)
class GRPOOptions(RunConfig):
    """Options of a run of the family."""

    level: Annotated[
        Literal["episode", "step", "same_step"],
        "what is normalised: the episode's return, each step's reward, or what follows a step among same steps alone",
    ] = "episode"
    scale: Annotated[bool, "divide by the group's standard deviation"] = True
    baseline: Annotated[Literal["mean", "leave_one_out"], "compared with the group's mean, or the others' (RLOO)"] = (
        "mean"
    )
    dynamic_sampling: Annotated[bool, "replace groups whose returns are all equal (DAPO Eq. 11)"] = False
    attempts: Annotated[int, "with dynamic sampling: how often at most a group is played"] = 4
    overlong: Annotated[bool, "episodes near the context's end lose up to 1 (DAPO Eq. 13)"] = False
    overlong_cache: Annotated[float, "with overlong: the last share of the context, over which the loss grows"] = 0.2
    gamma: Annotated[float, "with level same_step: the discount of later steps' rewards; 0: a step's own alone"] = 1.0
    efficiency: Annotated[
        Literal["none", "otc", "hdpo"],
        "fewer calls: OTC's factor on what was earned, or HDPO's second advantage among a group's solved episodes",
    ] = "none"
    max_calls: Annotated[int, "with efficiency otc: the constant c, where a group can do without calls"] = 10
    efficiency_weight: Annotated[float, "with efficiency hdpo: weight of the second advantage"] = 0.15
    SWITCHES: ClassVar[Mapping[str, str]] = {"attempts": "dynamic_sampling", "overlong_cache": "overlong"}
    """An option -> the one that switches it on."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.baseline == "leave_one_out" and (self.scale or self.level != "episode"):
            raise ConfigError(
                f"baseline='leave_one_out' compares unscaled returns: scale={self.scale} and level={self.level!r} "
                "would have no effect; set scale=False (--no-scale) and level='episode'"
            )
        if self.dynamic_sampling and self.level != "episode":
            raise ConfigError(
                f"dynamic_sampling replaces groups whose returns are equal, but with level={self.level!r} such a group "
                "has a gradient all the same; set level='episode' or leave out dynamic_sampling"
            )
        for name, switch in self.SWITCHES.items():
            if not getattr(self, switch):
                check_idle(self, [name], f"without {switch}")
        if self.attempts < 1 or not 0 < self.overlong_cache < 1:
            raise ConfigError(
                f"attempts must be at least 1 and overlong_cache between 0 and 1, got attempts={self.attempts}, "
                f"overlong_cache={self.overlong_cache}"
            )
        self._check_steps_and_calls()

    def _check_steps_and_calls(self) -> None:
        """Raises for what would have no effect, or is out of range, of `level="same_step"` and `efficiency`."""
        if self.level != "same_step":
            check_idle(self, ["gamma"], "without level='same_step'")
        if self.efficiency != "otc":
            check_idle(self, ["max_calls"], "without efficiency='otc'")
        if self.efficiency != "hdpo":
            check_idle(self, ["efficiency_weight"], "without efficiency='hdpo'")
        if self.efficiency != "none" and (self.level != "episode" or self.dynamic_sampling):
            raise ConfigError(
                f"efficiency={self.efficiency!r} compares whole episodes, also those that returned the same: "
                f"level={self.level!r} and dynamic_sampling={self.dynamic_sampling} do not go with it; leave them at "
                "'episode' and off"
            )
        check_ranges(self, above_0=("max_calls",), least_0=("efficiency_weight",))
        if not 0 <= self.gamma <= 1:
            raise ConfigError(f"gamma must be in [0, 1], got {self.gamma}")


PRESETS: dict[str, dict[str, Any]] = {
    "grpo": {},
    "dr_grpo": {"scale": False, "loss": "dr_grpo"},
    # DAPO §4.1: clip at 0.2 and 0.28; the last 4,096 of 20,480 tokens are the cache.
    "dapo": {"epsilon_high": 0.28, "dynamic_sampling": True, "loss": "dapo", "overlong": True},
    # GSPO §5.1: clip at 3e-4 and 4e-4, each batch in four minibatches (so runs and checkpoints end on multiples of 4).
    "gspo": {
        "importance_sampling_level": "sequence",
        "epsilon": 3e-4,
        "epsilon_high": 4e-4,
        "minibatches": 4,
        "steps": 48,
        "save_steps": 48,
    },
    "tool_star": {"reward": "tool_star"},
    "rloo": {"baseline": "leave_one_out", "scale": False, "loss": "dr_grpo"},
    "toolrl": {"reward": "toolrl"},
    # Of the reading list: their rewards are the verified outcome; what they make of it is a switch.
    "hdpo": {"efficiency": "hdpo", "reward": "solved"},
    "otc_grpo": {"efficiency": "otc", "reward": "solved"},
    "steptool_group": {"level": "same_step", "reward": "steptool", "loss": "dapo"},
    # TAPO's published run: DAPO, up to ten batches to fill one, the last 1,024 of 4,096 tokens the cache.
    "tapo": {
        "reward": "tapo",
        "epsilon_high": 0.28,
        "dynamic_sampling": True,
        "attempts": 10,
        "loss": "dapo",
        "overlong": True,
        "overlong_cache": 0.25,
    },
    "tgrl": {"reward": "tgrl"},
}
"""Name -> what differs from `GRPOOptions`' own defaults."""


_ABOUT = {
    "grpo": "GRPO: advantages of returns normalised within a group (DeepSeekMath, Shao et al. 2024).",
    "dr_grpo": "Dr.GRPO: GRPO without division by the deviation and by each answer's length (Liu et al. 2025).",
    "dapo": "DAPO: GRPO with a higher upper clip, dynamic sampling, token mean and overlong shaping (Yu et al. 2025).",
    "gspo": "GSPO: GRPO with one ratio a sequence (Zheng et al. 2025).",
    "tool_star": "Tool-Star's RL stage: GRPO with its hierarchical reward (Dong et al. 2025).",
    "rloo": "RLOO: each return against the mean of the others' (Ahmadian et al. 2024).",
    "toolrl": "ToolRL: GRPO with that paper's reward of format and correctness (Qian et al. 2025).",
    "hdpo": "HDPO: GRPO, and a second advantage for fewer calls among a group's solved episodes (Act Wisely, 2026).",
    "otc_grpo": "OTC-GRPO: the outcome times how few calls it took, against the group's fewest (Wang et al. 2025).",
    "tapo": "TAPO: DAPO on the outcome, or -1 where the form is wrong (Wu et al. 2025).",
    "tgrl": "TGRL: GRPO on an outcome and a format, each from -1 to 1 (Chen et al. 2025).",
    "steptool_group": "StepTool without a critic: each step's reward against the same step of the group's others.",
}


def preset(name: str) -> dict[str, Any]:
    """The options that make one of the family.

    Raises:
        ConfigError: no such name.
    """
    if name not in PRESETS:
        raise ConfigError(did_you_mean(name, PRESETS, "member of the GRPO family"))
    return dict(PRESETS[name])


def main(argv: Sequence[str] | None = None, algo: str = "grpo") -> int:
    """The command line of one of the family: what trains is imported once it was read."""
    train = "toolgym.agents.grpo:train"
    return learner_main(algo, GRPOOptions, train, argv, defaults=preset(algo), about=_ABOUT[algo])
