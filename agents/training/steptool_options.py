"""StepTool PPO: step-grained rewards, a critic on the policy's trunk, clipped updates (Yu et al., "StepTool", §4).

Its options and its command line; the algorithm is in `toolgym.agents.steptool`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from toolgym.agents.training.common_options import LossType, RunConfig
from toolgym.agents.training.options import check_idle, learner_main
from toolgym.errors import ConfigError

__all__ = ["PRESETS", "StepToolPPOOptions", "main"]


@dataclass(frozen=True)
class StepToolPPOOptions(RunConfig):
    """Options of a StepTool or PPO run."""

    reward: Annotated[str | None, "reward preset; its steps' rewards are what is optimised (Eq. 3)"] = "steptool"
    loss: Annotated[LossType, "how tokens are averaged: TRL's loss_type"] = "dapo"
    beta: Annotated[float, "first coefficient of the KL penalty (0.3 in §5.1.4); 0 keeps no reference model"] = 0.3
    kl_target: Annotated[float, "the coefficient adapts towards this KL to the starting model, nats an episode"] = 6.0
    kl_horizon: Annotated[float, "episodes over which the coefficient adapts; 0: it stays"] = 10_000.0
    gamma: Annotated[float, "discount of Eq. 5, a token (a step with --values step)"] = 1.0
    lam: Annotated[float, "GAE's lambda (Eq. 7)"] = 0.95
    values: Annotated[Literal["token", "step"], "what has a value: each token, or each step"] = "token"
    fit_value: Annotated[bool, "fit the value head to the batches' returns before the next; off: it starts at 0"] = True
    value_coef: Annotated[float, "weight of the value loss"] = 0.1
    value_clip: Annotated[float, "a value may move this far from its old one"] = 0.2
    whiten: Annotated[bool, "advantages to mean 0 and deviation 1 over the batch"] = True
    step_reward: Annotated[bool, "off: intermediate rewards are 0 (ablation, §5.5; `ppo`)"] = True
    optimise: Annotated[
        Literal["trajectory", "steps"], "steps: each step is a trajectory of its own (ablation, §5.5)"
    ] = "trajectory"
    scale: Annotated[
        Literal["components", "steps", "published"],
        "of Eq. 3; steps: over 1 + alpha; published: (SuccCalling + Contribution) / 6",
    ] = "components"
    source: Annotated[
        Literal["paper", "reference_code"], "reference_code: step k's reward times the number of steps after it"
    ] = "paper"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.beta == 0:
            check_idle(self, ["kl_target", "kl_horizon"], "with beta=0")
        if self.kl_horizon == 0:
            check_idle(self, ["kl_target"], "with kl_horizon=0: the coefficient stays")
        if self.optimise == "steps" and self.values == "step":
            check_idle(self, ["gamma", "lam"], "with optimise='steps' and values='step': each trajectory is one step")
        if self.reward != "steptool" or not self.step_reward:
            check_idle(self, ["scale"], "without StepTool's step rewards")
        if not (0 <= self.gamma <= 1 and 0 <= self.lam <= 1):
            raise ConfigError(f"gamma and lam must be in [0, 1], got gamma={self.gamma}, lam={self.lam}")
        if self.value_clip <= 0 or self.value_coef < 0 or self.kl_target <= 0 or self.kl_horizon < 0 or self.beta < 0:
            raise ConfigError(
                "value_clip and kl_target must be above 0, value_coef, kl_horizon and beta at least 0; got "
                f"value_clip={self.value_clip}, kl_target={self.kl_target}, value_coef={self.value_coef}, "
                f"kl_horizon={self.kl_horizon}, beta={self.beta}"
            )
        if self.source == "reference_code" and not self.step_reward:
            raise ConfigError(
                'source="reference_code" makes the last step\'s reward 0, and step_reward=False all others: nothing '
                "would be rewarded; choose one"
            )

    @property
    def reward_options(self) -> dict[str, Any] | None:
        """Options of the reward preset."""
        if self.reward == "otc":  # a critic has no group to tell how many calls are needed
            return {"needed": "unknown"}
        return {"scale": self.scale} if self.reward == "steptool" else None


PRESETS: dict[str, dict[str, Any]] = {
    "steptool": {},
    # §5.5: "all intermediate rewards are set to 0", over whole episodes.
    "ppo": {"step_reward": False},
    # §5.1.3: "a single-step RLHF approach that trains LLMs using only the final task reward".
    "rlhf": {"step_reward": False, "optimise": "steps"},
    # OTC (Wang et al. 2025), section 3: PPO on the outcome times cos(m pi / (2m + c)).
    "otc_ppo": {"step_reward": False, "reward": "otc"},
}
"""Name -> what differs from `StepToolPPOOptions`' own defaults."""

_ABOUT = {
    "ppo": "PPO with a critic on the policy's trunk and the final reward only.",
    "rlhf": "Single-step RLHF: PPO in which each step is a trajectory of its own, with the final reward only.",
    "otc_ppo": "OTC-PPO: PPO with a critic on the outcome times how few calls it took (Wang et al. 2025).",
}


def main(argv: Sequence[str] | None = None, preset: str = "steptool") -> int:
    """The command line of one of the `PRESETS`: what trains is imported once it was read."""
    train, about = "toolgym.agents.steptool:train", _ABOUT.get(preset)
    return learner_main(preset, StepToolPPOOptions, train, argv, defaults=PRESETS[preset], about=about)
