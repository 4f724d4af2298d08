"""Environment steps as the measure of a run: what is played is counted, limited, and says how long a run will be.

A step counts that was played for training: the policy's, those of forked continuations, and the expert's. Steps that a
fork shares with its parent count once; evaluations do not count.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from transformers import TrainerCallback

from toolgym.agents.rollouts.rollout import Rollout

__all__ = ["EnvStepLimit", "StepBudget", "expected_steps", "steps_played"]


class StepBudget:
    """Environment steps that are played before training begins, and how many may be (0: any number)."""

    def __init__(self, limit: int = 0):
        self.limit, self.played = limit, 0

    @property
    def spent(self) -> bool:
        """Whether nothing may be played any more."""
        return 0 < self.limit <= self.played

    def take(self, episodes: Iterable[Rollout]) -> None:
        """Counts the steps of episodes."""
        self.played += sum(len(episode.rewards) for episode in episodes)

    def parts(self, tasks: Sequence[int], size: int) -> Iterator[Sequence[int]]:
        """All tasks at once; with a limit `size` after `size` of them, until the budget is spent."""
        size = size if self.limit else max(len(tasks), 1)
        for first in range(0, len(tasks), size):
            if self.spent:
                return
            yield tasks[first : first + size]


def steps_played(state: Any) -> list[float]:
    """The environment steps of each batch of episodes so far, those of an interrupted run included."""
    return [line["env_steps"] for line in state.log_history if "env_steps" in line]


def expected_steps(state: Any, config: Any) -> int:
    """How many optimizer steps the run will take: `max_steps`, or what `env_steps` is enough for at the rate so far.

    For schedules over the run: a run that is limited by environment steps may have far more `max_steps` than it takes.

    Args:
        state: the trainer's.
        config: the run's options (`toolgym.agents.training.running.RunConfig`).
    """
    played = steps_played(state)
    if not config.env_steps or not sum(played):
        return state.max_steps
    batches = math.ceil(config.env_steps * len(played) / sum(played))
    expected = batches * config.iterations * config.minibatches
    return min(max(expected, state.global_step + 1), state.max_steps)


class EnvStepLimit(TrainerCallback):
    """Ends a run whose environment steps are used up: what makes algorithms comparable that play unlike.

    Args:
        limit: how many environment steps there are.
        updates: optimizer steps a batch of episodes; a batch that was played is learnt from to its end.
    """

    def __init__(self, limit: int, updates: int = 1):
        self.limit, self.updates = limit, updates

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Stops at the end of the batch in which the limit is reached."""
        if state.global_step % self.updates == 0 and sum(steps_played(state)) >= self.limit:
            control.should_training_stop = True
