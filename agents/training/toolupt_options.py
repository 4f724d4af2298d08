"""ToolUPT: fine-grained advantages and selective preference in one stage (ToolUPT §3, Eq. 13–23).

Its options and its command line; the algorithm is in `toolgym.agents.toolupt`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from toolgym.agents.training.common_options import LossType, RunConfig, check_token_mean
from toolgym.agents.training.options import check_idle, learner_main
from toolgym.errors import ConfigError

__all__ = ["ToolUPTOptions", "main"]


@dataclass(frozen=True)
class ToolUPTOptions(RunConfig):
    """Options of a ToolUPT run."""

    reward: Annotated[str | None, "reward preset"] = "toolupt"
    loss: Annotated[LossType, "how tokens are averaged: Eq. 18 has the mean over tokens"] = "dapo"
    fine_grained: Annotated[bool, "FGAE on token rewards (off: GRPO's advantage of the episode's return)"] = True
    expert: Annotated[
        Literal["spo", "sft", "none", "luffy", "srft", "chord"], "what is learnt of expert episodes beside the RL loss"
    ] = "spo"
    expert_depth: Annotated[tuple[int, ...] | None, "depths of the tasks that have expert episodes (default: all)"] = (
        None
    )
    preference: Annotated[float, "beta of Eq. 20"] = 1.0
    gamma_low: Annotated[float, "gamma at the ends of a cycle (spo, sft)"] = 0.05
    gamma_high: Annotated[float, "gamma at its peak (spo, sft)"] = 0.5
    cycles: Annotated[int, "cycles of gamma in the run"] = 3
    warm_up: Annotated[float, "share of a cycle in which gamma rises"] = 0.25
    mu: Annotated[float, "weight of CHORD's expert loss (0.1 with phi, constant; CHORD-mu begins at 0.9)"] = 0.1
    mu_end: Annotated[float | None, "where mu falls to, by half a cosine (CHORD-mu: 0.05; default: it stays)"] = None
    mu_decay: Annotated[float, "with mu-end: share of the run in which it falls"] = 1.0
    phi: Annotated[bool, "weigh CHORD's expert tokens by p (1 - p): CHORD-phi (off: plain SFT, CHORD-mu)"] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_token_mean(self)
        other = f"with expert={self.expert!r}"
        if self.expert != "spo":
            check_idle(self, ["preference"], other)
        if self.expert not in ("spo", "sft"):
            check_idle(self, ["gamma_low", "gamma_high", "cycles", "warm_up"], other)
        if self.expert == "none":
            check_idle(self, ["expert_depth"], other)
        if self.expert != "chord":
            check_idle(self, ["mu", "mu_end", "phi"], other)
        if self.mu_end is None:
            check_idle(self, ["mu_decay"], "without mu_end")
        elif not 0 <= self.mu_end <= self.mu <= 1 or not 0 < self.mu_decay <= 1:
            raise ConfigError(
                "a falling mu needs 0 <= mu_end <= mu <= 1 and 0 < mu_decay <= 1, got "
                f"mu={self.mu}, mu_end={self.mu_end}, mu_decay={self.mu_decay}"
            )
        if self.expert == "srft":
            check_idle(self, ["epsilon", "epsilon_high"], other)
            check_idle(
                self,
                ["stale", "vllm"],
                f"{other}: its loss reads the sign of advantages, not the weights in them of what others sampled",
            )
        if not 0 <= self.gamma_low <= self.gamma_high <= 1 or self.cycles < 1 or not 0 <= self.warm_up < 1:
            raise ConfigError(
                "gamma needs 0 <= gamma_low <= gamma_high <= 1, cycles >= 1 and 0 <= warm_up < 1, got "
                f"{self.gamma_low}, {self.gamma_high}, {self.cycles}, {self.warm_up}"
            )
        if self.expert in ("luffy", "srft", "chord") and self.fine_grained:
            raise ConfigError(
                f"expert={self.expert!r} is a baseline with the advantage of whole episodes: use --no-fine-grained"
            )


def main(argv: Sequence[str] | None = None) -> int:
    """The command line: what trains is imported once it was read."""
    return learner_main("toolupt", ToolUPTOptions, "toolgym.agents.toolupt:train", argv)
