"""An algorithm of one's own: an estimator of advantages, options of its own, and a command line.

    toolgym train --algo examples/own_algorithm.py:main --help
    toolgym train --algo examples/own_algorithm.py:main --steps 30 --clip 1.5 --output runs/own

    python examples/own_algorithm.py --output runs/own --steps 1 --groups 2 --rollouts 2

What trains is imported where it is used, so that `--help` and a mistyped option answer at once.

The estimator: each episode's return against the mean of the whole batch, cut to [-clip, clip]. B episodes, T tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from toolgym.agents.training import RunConfig, learner_main
from toolgym.errors import ConfigError

if TYPE_CHECKING:
    import torch

    from toolgym.agents.rollouts.episodes import EpisodeBatch


@dataclass(frozen=True)
class Options(RunConfig):
    """Those of every on-policy run, and one more."""

    clip: Annotated[float, "the largest advantage, either way"] = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.clip <= 0:
            raise ConfigError(f"clip must be greater than 0, got {self.clip}")


def above_the_batch(batch: "EpisodeBatch", clip: float) -> "torch.Tensor":
    """The advantages `(B, T)`; 0 on the environment's tokens and in episodes that cannot be learnt from."""
    import torch

    if not batch.usable_B.any():
        return torch.zeros_like(batch.logprobs_BT)
    advantages_B = batch.returns_B - batch.returns_B[batch.usable_B].mean()
    advantages_B = advantages_B.clamp(-clip, clip) * batch.usable_B
    return (advantages_B[:, None] * batch.sampled_BT).to(batch.logprobs_BT.dtype)


def train(options: Options) -> Path:
    """Trains, and returns the folder of the final model."""
    from toolgym.agents.training import prepare, run

    return run(prepare(options, partial(above_the_batch, clip=options.clip)), options)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return learner_main("examples/own_algorithm.py:main", Options, train, argv)


if __name__ == "__main__":
    raise SystemExit(main())
