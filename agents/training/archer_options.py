"""ArCHer: a critic of whole turns, learnt off-policy, and a policy gradient of their tokens (Zhou et al. 2024).

Its options and its command line; the algorithm is in `toolgym.agents.archer`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from toolgym.agents.training.common_options import LossType, RunConfig
from toolgym.agents.training.options import check_ranges, learner_main
from toolgym.errors import ConfigError

__all__ = ["ArCHerOptions", "main"]


@dataclass(frozen=True)
class ArCHerOptions(RunConfig):
    """Options of an ArCHer run."""

    loss: Annotated[LossType, "how tokens are averaged: TRL's loss_type"] = "dapo"
    gamma: Annotated[float, "discount a turn"] = 0.98
    polyak: Annotated[float, "share of the critic that its targets take over after each update"] = 0.1
    critic_steps: Annotated[int, "updates of the critic a batch of episodes"] = 20
    critic_batch: Annotated[int, "turns of the buffer an update"] = 64
    critic_rate: Annotated[float, "the critic's learning rate"] = 1e-3
    buffer: Annotated[int, "turns that the replay buffer holds; the oldest make way"] = 2048
    resample: Annotated[int, "stored states a batch at which the policy draws a new action, for V"] = 32
    warm_up: Annotated[int, "batches in which the critic learns alone"] = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges(
            self,
            above_0=("polyak", "critic_steps", "critic_batch", "critic_rate", "buffer"),
            least_0=("resample", "warm_up", "gamma"),
        )
        if self.gamma > 1 or self.polyak > 1:
            raise ConfigError(f"gamma and polyak must be at most 1, got gamma={self.gamma}, polyak={self.polyak}")
        if self.stale:
            raise ConfigError(
                f"stale={self.stale}: the weights that learn draw new actions at stored states, which a process that "
                "plays beside them cannot; leave it at 0"
            )


def main(argv: Sequence[str] | None = None) -> int:
    """The command line: what trains is imported once it was read."""
    return learner_main("archer", ArCHerOptions, "toolgym.agents.archer:train", argv)
