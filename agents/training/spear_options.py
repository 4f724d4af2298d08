"""SPEAR: self-imitation of own good episodes, on a curriculum from calling tools to trusting what has won (Qin 2025).

Its options and its command line; the algorithm is in `toolgym.agents.spear`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from toolgym.agents.training.common_options import RunConfig, processes
from toolgym.agents.training.options import check_idle, check_ranges, learner_main
from toolgym.errors import ConfigError

__all__ = ["SPEAROptions", "main"]


@dataclass(frozen=True)
class SPEAROptions(RunConfig):
    """Options of a SPEAR run."""

    scale: Annotated[bool, "divide the advantages of new episodes by the group's standard deviation"] = True
    replay: Annotated[int | None, "episodes replayed a batch, at most (default: as many as --groups); 0: none"] = None
    buffer: Annotated[int, "episodes that the replay buffer holds; the oldest make way"] = 512
    baselines: Annotated[int, "group means, the latest, whose median replayed returns are compared with"] = 256
    imitation: Annotated[float, "weight of self-imitation once it has risen"] = 1.0
    imitation_warmup: Annotated[int, "batches over which self-imitation rises to it (200 in the paper)"] = 20
    tool_reward: Annotated[float, "first weight of the reward for calling tools; 0: none"] = 1.0
    tool_decay: Annotated[int, "batches over which that weight falls to 0 (200 in the paper)"] = 20
    covariance_top: Annotated[float, "share of replayed tokens, those of the highest covariance, that may be cut"] = 0.2
    covariance_clip: Annotated[float, "share of replayed tokens that are cut, drawn from those; 0: none"] = 0.02

    def __post_init__(self) -> None:
        super().__post_init__()
        check_ranges(
            self,
            least_0=("replay", "imitation", "tool_reward", "covariance_clip"),
            above_0=("buffer", "baselines", "imitation_warmup", "tool_decay"),
        )
        if self.replay == 0:
            names = ("buffer", "baselines", "imitation", "imitation_warmup", "covariance_top", "covariance_clip")
            check_idle(self, names, "with replay=0")
        if self.tool_reward == 0:
            check_idle(self, ("tool_decay",), "with tool_reward=0")
        if self.covariance_clip == 0:
            check_idle(self, ("covariance_top",), "with covariance_clip=0")
        if not self.covariance_clip <= self.covariance_top <= 1:
            raise ConfigError(
                "covariance_clip is drawn from covariance_top, which is at most 1; got "
                f"covariance_clip={self.covariance_clip}, covariance_top={self.covariance_top}"
            )
        if self.replay_count > self.groups * self.rollouts:
            raise ConfigError(
                f"replay={self.replay} must be at most a batch's groups * rollouts = {self.groups * self.rollouts}"
            )
        if processes() > 1 and self.replay_count % processes():
            raise ConfigError(f"replay={self.replay_count} must be a multiple of the processes, {processes()}")

    @property
    def replay_count(self) -> int:
        """`replay`, or as many as `groups`."""
        return self.groups if self.replay is None else self.replay


def main(argv: Sequence[str] | None = None) -> int:
    """The command line: what trains is imported once it was read."""
    return learner_main("spear", SPEAROptions, "toolgym.agents.spear:train", argv)
