"""Learning from forks: rollouts that branch, with fork-relative advantages, and values by forked continuations.

    toolgym train --algo tree --env ToolGym/Airline-v0 --steps 50 --output runs/tree
    toolgym train --algo vine --env ToolGym/Airline-v0 --steps 50 --output runs/vine
    python agents/tree.py --env ToolGym/Airline-v0 --steps 50 --output runs/tree

`tree` follows PORTool ("Tool-Use LLM Training with Rewarded Tree", 2025): some rollouts of a group share their first
steps; a shared step has one worth, the mean return of the episodes that go through it; the advantage of a step is
relative to the other steps taken at the same fork, blended with the advantage of the whole trajectory.

    q(n) = mean of R over the episodes through step n
    A_fork(n) = (q(n) - mean of q over n and its siblings) / std(R)    at a fork; below it, the latest fork's
    A = (1 - blend) * A_trajectory + blend * A_fork

`vine` is our form of the vine estimator (Schulman et al. 2015, TRPO, §5.2; Kazemnejad et al. 2024, VinePPO, §4): the
value of a state is the mean return of K continuations from forks of it. They are drawn independently of the action, so
`A_k = r_k + V(s_k+1) - V(s_k)` is an unbiased estimate of the advantage of step k, without a critic.

A shared step's tokens are in the loss of each episode that goes through it.

Deviations: PORTool's abstract gives no formulas; the return stands for its step rewards, and both advantages are
divided by the group's deviation, so that a group without forks has exactly GRPO's advantage. The loss is GRPO's.

Shapes: B sequences in groups of G, T tokens, S steps.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from toolgym.agents.grpo import grpo_advantages
from toolgym.agents.policies.lm import LMPolicy
from toolgym.agents.rollouts.branches import Branch
from toolgym.agents.rollouts.episodes import EpisodeBatch, all_equal, without_rounding
from toolgym.agents.rollouts.forks import (
    ForkRecorder,
    TreeRollout,
    as_tree,
    groups_of,
    grow,
    pick_states,
    state_values,
    states_of,
)
from toolgym.agents.rollouts.rollout import Episodic, Rollout
from toolgym.agents.training import tree_options
from toolgym.agents.training.running import prepare, run
from toolgym.agents.training.trainer import ToolTrainer
from toolgym.agents.training.tree_options import TreeOptions, VineOptions
from toolgym.domain import TaskSet
from toolgym.errors import ConfigError

__all__ = [
    "BranchTrainer",
    "TreeOptions",
    "TreeTrainer",
    "VineOptions",
    "VineTrainer",
    "fork_advantages",
    "main",
    "step_owners",
    "train",
    "vine_advantages",
]

_EPS = 1e-4


# The algorithms ----------------------------------------------------------------------------------------------------


def fork_advantages(
    batch: EpisodeBatch, parent_B: torch.Tensor, shared_B: torch.Tensor, *, scale: bool = True
) -> torch.Tensor:
    """`A_fork` of each step taken, on its tokens `(B, T)`: its mean return against that of its siblings.

    Args:
        batch: the episodes; those that the infrastructure broke are in no mean.
        parent_B: the row that each forked off, -1 for none; parents come before their forks.
        shared_B: how many steps it shares with that row.
        scale: divide by the standard deviation of the group's returns, plus 1e-4.
    """
    steps = batch.rewards_BS.shape[1]
    owner_BS = step_owners(parent_B, shared_B, steps)
    returns_B, sizes_B = batch.returns_B, batch.sizes_B
    advantages_BS = torch.zeros(batch.rewards_BS.shape)
    for first in range(0, len(parent_B), batch.group_size):
        rows = [row for row in range(first, first + batch.group_size) if batch.usable_B[row]]
        if len(rows) < 2 or all_equal(returns_B[rows], sizes_B[rows]):
            continue
        spread = float(returns_B[rows].std()) + _EPS if scale else 1.0
        latest = dict.fromkeys(rows, 0.0)
        for step in range(steps):
            forks: dict[int, dict[int, list[int]]] = {}
            for row in rows:
                if step < batch.steps_B[row]:
                    before = int(owner_BS[row, step - 1]) if step else -1
                    forks.setdefault(before, {}).setdefault(int(owner_BS[row, step]), []).append(row)
            for siblings in forks.values():
                if len(siblings) > 1:
                    means = torch.stack([returns_B[below].mean() for below in siblings.values()])
                    sizes = torch.stack([sizes_B[below].max() for below in siblings.values()])
                    level_N = torch.zeros_like(means) if all_equal(means, sizes) else (means - means.mean()) / spread
                    for below, value in zip(siblings.values(), level_N.tolist(), strict=True):
                        latest |= dict.fromkeys(below, float(value))
            for row in rows:
                advantages_BS[row, step] = latest[row]
    return advantages_BS.gather(1, batch.step_BT.clamp(min=0)) * batch.sampled_BT


def step_owners(parent_B: torch.Tensor, shared_B: torch.Tensor, steps: int) -> torch.Tensor:
    """The row that each step of a row was first taken in `(B, S)`: rows with the same one share the step.

    Args:
        parent_B: the row that each forked off, -1 for none; parents come before their forks.
        shared_B: how many steps it shares with that row.
        steps: S.
    """
    owner_BS = torch.arange(len(parent_B))[:, None].repeat(1, steps)
    for row, (parent, shared) in enumerate(zip(parent_B.tolist(), shared_B.tolist(), strict=True)):
        if parent >= 0:
            owner_BS[row, :shared] = owner_BS[parent, :shared]
    return owner_BS


def vine_advantages(batch: EpisodeBatch, values_BS: torch.Tensor) -> torch.Tensor:
    """`A_k = r_k + V(s_k+1) - V(s_k)` on the tokens of step k `(B, T)`; the value after the last step is 0.

    Args:
        batch: the episodes.
        values_BS: V of the state before each step; a step beside a NaN has advantage 0.
    """
    steps_S = torch.arange(values_BS.shape[1])
    after_BS = torch.cat([values_BS[:, 1:], torch.zeros_like(values_BS[:, :1])], dim=1)
    after_BS = torch.where(steps_S < batch.steps_B[:, None] - 1, after_BS, 0.0)
    advantages_BS = batch.rewards_BS + after_BS - values_BS
    sizes_BS = batch.rewards_BS.abs() + after_BS.abs() + values_BS.abs()
    advantages_BS = without_rounding(advantages_BS, sizes_BS).nan_to_num(nan=0.0).float() * batch.usable_B[:, None]
    return advantages_BS.gather(1, batch.step_BT.clamp(min=0)) * batch.sampled_BT


# The trainers --------------------------------------------------------------------------------------------------------


class _ForkTrainer(ToolTrainer):
    """Plays in environments that keep a fork of every state.

    Raises:
        ConfigError: a group is spread over processes.
    """

    def __init__(self, *args: Any, options: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.options = options

    def furnish(self, envs: Sequence[Episodic], tasks: TaskSet) -> None:
        """Takes the environments, and keeps forks of their states."""
        self._recorders = [ForkRecorder(env) for env in envs]
        super().furnish(cast(list[Any], self._recorders), tasks)

    def played_with(self) -> tuple[str, ...]:
        """The options too."""
        return (*super().played_with(), "options")

    def _episodes(self, tasks: Sequence[int], attempt: int) -> tuple[list[Rollout], list[list[Branch]]]:
        """An episode of each task, and the states that it went through."""
        played = super().play(tasks, attempt)
        return played, states_of(played, self._recorders)

    def _whole_groups(self, tasks: Sequence[int]) -> int:
        size = cast(int, self.num_generations)
        if len(tasks) % size:
            raise ConfigError(f"a process needs whole groups of {size} episodes, it was given {len(tasks)}")
        return size

    def _release(self) -> None:
        for recorder in self._recorders:
            recorder.release()


class BranchTrainer(_ForkTrainer):
    """Rollouts that branch: some of a group's begin at states of others."""

    def play(self, tasks: Sequence[int], attempt: int = 0) -> list[Rollout]:
        """Groups of episodes, of which `roots` begin at the opening and the others at states of those."""
        size, roots = self._whole_groups(tasks), self.options.root_count
        openings = [group[0] for group in groups_of(tasks, size) for _ in range(roots)]
        played, states = self._episodes(openings, attempt)
        picks = []
        for number, own in enumerate(groups_of(states, roots)):
            key = (11, *self._drawn, attempt, self._first_slot + number * size)
            rng = np.random.default_rng(np.random.SeedSequence(self.args.seed, spawn_key=key))
            picks.append(self.pick(played[number * roots : (number + 1) * roots], own, size - roots, rng))
        policy = cast(LMPolicy, self._policy)
        out = grow(
            policy,
            played,
            states,
            picks,
            group_size=size,
            concurrency=len(tasks),
            step_timeout_s=self.step_timeout_s,
        )
        forked = [row for row in out if row.parent >= 0]
        self._env_steps += sum(len(row.rewards) - row.shared for row in forked)
        self._record("tree/shared_steps", sum(row.shared for row in forked) / max(len(forked), 1))
        self._release()
        return list(out)

    def pick(
        self, roots: Sequence[Rollout], states: Sequence[Sequence[Branch]], count: int, rng: np.random.Generator
    ) -> list[tuple[int, int]]:
        """The states (row, step) of a group's roots that `count` episodes fork off."""
        return pick_states(states, count, rng)

    def places(self, batch: EpisodeBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """The row that each episode of the batch forked off, -1 for none, and how many steps it shares with it."""
        rows = cast(list[TreeRollout], self.latest)
        first_B = torch.arange(len(rows)) // batch.group_size * batch.group_size
        parent_B = torch.tensor([row.parent for row in rows])
        return torch.where(parent_B >= 0, parent_B + first_B, -1), torch.tensor([row.shared for row in rows])


class TreeTrainer(BranchTrainer):
    """Forks drawn evenly. The estimator gives the trajectory-relative advantages."""

    options: TreeOptions

    def estimate(self, batch: EpisodeBatch) -> dict[str, torch.Tensor]:
        """`A = (1 - blend) * A_trajectory + blend * A_fork`."""
        forks_BT = fork_advantages(batch, *self.places(batch), scale=self.options.scale)
        blend = self.options.blend
        advantages_BT = (1 - blend) * self.estimator(batch) + blend * forks_BT
        return {"advantages": advantages_BT * batch.usable_B[:, None]}


class VineTrainer(_ForkTrainer):
    """Values by forked continuations. The estimator is not asked: advantages need the values of the states."""

    options: VineOptions

    def play(self, tasks: Sequence[int], attempt: int = 0) -> list[Rollout]:
        """An episode of each task, with the values of its states."""
        size = self._whole_groups(tasks)
        played, states = self._episodes(tasks, attempt)
        values, turns = state_values(
            cast(LMPolicy, self._policy),
            states,
            size,
            samples=self.options.samples,
            concurrency=len(tasks),
            step_timeout_s=self.step_timeout_s,
        )
        self._env_steps += turns
        known = [value for row in values for value in row if value == value]
        self._record("vine/states", len(known))
        self._record("vine/value", sum(known) / max(len(known), 1))
        self._release()
        return [as_tree(row, own) for row, own in zip(played, values, strict=True)]

    def estimate(self, batch: EpisodeBatch) -> dict[str, torch.Tensor]:
        """The vine estimate of each step's advantage."""
        values_BS = torch.full_like(batch.rewards_BS, float("nan"))
        for row, rollout in enumerate(cast(list[TreeRollout], self.latest)):
            values_BS[row, : len(rollout.values)] = torch.tensor(rollout.values)
        return {"advantages": vine_advantages(batch, values_BS)}


def train(config: TreeOptions | VineOptions) -> Path:
    """Runs tree or vine and returns the folder of the final model."""
    kind, scale = (TreeTrainer, config.scale) if isinstance(config, TreeOptions) else (VineTrainer, False)
    trainer = prepare(config, partial(grpo_advantages, scale=scale), trainer=partial(kind, options=config))
    return run(trainer, config)


def main(argv: Sequence[str] | None = None, preset: str = "tree") -> int:
    """The command line; the preset `vine` takes values from forks instead of growing trees."""
    return tree_options.main(argv, preset)


if __name__ == "__main__":
    raise SystemExit(main())
