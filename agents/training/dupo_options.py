"""DUPO: decoupled unified policy optimisation (AC-Planner §4.2, Eq. 8–14).

Its options and its command line; the algorithm is in `toolgym.agents.dupo`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from toolgym.agents.training.common_options import DATA_HELP, LossType, RunConfig, check_token_mean
from toolgym.agents.training.options import check_idle, learner_main
from toolgym.errors import ConfigError
from toolgym.messages import TokenType

__all__ = ["DUPOOptions", "main"]


_TYPES = get_args(TokenType)[1:]


@dataclass(frozen=True)
class DUPOOptions(RunConfig):
    """Options of a DUPO run."""

    data: Annotated[Path | None, DATA_HELP] = None
    reward: Annotated[str | None, "reward preset"] = "ac_planner"
    loss: Annotated[LossType, "how tokens are averaged: Eq. 8 has the mean over tokens"] = "dapo"
    candidates: Annotated[Literal["rollout", "token"], "what is compared; token: --rollouts candidates a position"] = (
        "rollout"
    )
    expert_depth: Annotated[tuple[int, ...] | None, "depths of the tasks that have expert episodes (default: all)"] = (
        None
    )
    credit: Annotated[
        Literal["step", "episode", "group"],
        "Eq. 11 on each step's reward, or on the episode's return; group: GRPO's advantage of the return in its place",
    ] = "step"
    type_weights: Annotated[tuple[float, ...], "rho of tag_plan, tag_tool, tag_resp, plan, tool, resp (Figure 5)"] = (
        1.0,
        1.0,
        1.0,
        1.0,
        1.0,
        1.0,
    )
    normalise_types: Annotated[bool, "scale rho to sum 1"] = False
    plan: Annotated[bool, "train plans (off, Table 3: the gold has none, and plans carry no loss)"] = True
    dynamic_clip: Annotated[bool, "upper clip by Eq. 12 (off, Table 4: epsilon_high)"] = True
    unified: Annotated[bool, "anneal from SFT to RL (off, Table 5: RL alone)"] = True
    zeta: Annotated[float, "how fast gamma falls, in (0, 1] (Figure 6)"] = 0.1
    semantic: Annotated[float, "lambda_sem of Eq. 19 (Table 6)"] = 0.5
    decay: Annotated[Literal["exponential", "linear", "discrete", "none"], "of later actions (Table 7)"] = "exponential"
    floor: Annotated[float, "the least that Eq. 11 divides by"] = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_token_mean(self)
        if len(self.type_weights) != len(_TYPES) or min(self.type_weights) < 0 or sum(self.type_weights) <= 0:
            raise ConfigError(f"type_weights needs six numbers >= 0, not all 0, for {', '.join(_TYPES)}")
        if not self.unified:
            check_idle(self, ["zeta", "expert_depth"], "without unified: there is no SFT to anneal from")
        if not self.plan and not any(self.type_weights[i] for i, name in enumerate(_TYPES) if "plan" not in name):
            raise ConfigError("without plan, type_weights needs a number above 0 for tools or responses")
        if not 0 < self.zeta <= 1 or self.floor <= 0:
            raise ConfigError(f"DUPO needs 0 < zeta <= 1 and floor > 0, got zeta={self.zeta}, floor={self.floor}")
        if self.reward != "ac_planner" and (
            self.candidates == "token" or self.semantic != 0.5 or self.decay != "exponential"
        ):
            raise ConfigError(
                f"reward={self.reward!r} and candidates={self.candidates!r}, semantic={self.semantic}, "
                f"decay={self.decay!r}: token candidates, semantic and decay belong to the reward ac_planner"
            )
        if self.credit == "group":
            check_idle(self, ["floor"], "with credit='group': GRPO divides by the deviation")
        if self.candidates == "token" and self.credit != "step":
            raise ConfigError("credit would have no effect on token candidates; leave it at 'step'")
        if self.data is not None:
            check_idle(self, ("stale", "vllm"), "with data: nothing is sampled")
        if self.candidates == "token":
            check_idle(self, ("stale", "vllm"), "on token candidates: nothing is sampled turn by turn")
            check_idle(self, ("expert_depth",), "on token candidates, which are of the gold itself: use depth")

    @property
    def reward_options(self) -> dict[str, Any] | None:
        """Options of the reward preset."""
        return {"semantic": self.semantic, "decay": self.decay} if self.reward == "ac_planner" else None


def main(argv: Sequence[str] | None = None) -> int:
    """The command line: what trains is imported once it was read."""
    return learner_main("dupo", DUPOOptions, "toolgym.agents.dupo:train", argv)
