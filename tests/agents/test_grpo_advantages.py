"""GRPO's advantages, by numbers worked by hand."""

import pytest
import torch

from toolgym.agents.grpo import grpo_advantages, step_advantages
from toolgym.agents.rollouts.episodes import EpisodeBatch


def batch_of(
    rewards: list[list[float]],
    steps: list[list[int]],
    group_size: int,
    usable: list[bool] | None = None,
) -> EpisodeBatch:
    """A batch from padded rewards (B, S) and the step of each token (B, T), -1 for the environment's."""
    rewards_BS, step_BT = torch.tensor(rewards), torch.tensor(steps)
    count = len(rewards)
    return EpisodeBatch(
        rewards_BS=rewards_BS,
        steps_B=step_BT.max(dim=1).values + 1,
        step_BT=step_BT,
        types_BT=torch.where(step_BT >= 0, 1, 0),
        logprobs_BT=torch.zeros(step_BT.shape),
        solved_B=torch.zeros(count, dtype=torch.bool),
        usable_B=torch.tensor(usable or [True] * count),
        group_size=group_size,
    )


def test_episode_advantage_by_hand() -> None:
    # Returns 1, 2, 3: mean 2, standard deviation of the sample 1: -1, 0, 1 over (1 + 1e-4). The environment's token: 0.
    batch = batch_of([[1.0, 0.0], [1.0, 1.0], [3.0, 0.0]], [[0, -1, 1], [0, -1, 1], [0, 0, -1]], 3)
    unit = 1 / 1.0001
    expected = [[-unit, 0, -unit], [0, 0, 0], [unit, unit, 0]]
    assert grpo_advantages(batch).tolist() == [pytest.approx(row) for row in expected]
    plain = [[-1, 0, -1], [0, 0, 0], [1, 1, 0]]
    assert grpo_advantages(batch, scale=False).tolist() == [pytest.approx(row) for row in plain]


def test_groups_are_apart() -> None:
    # Group one: 0 and 2 (mean 1, deviation sqrt(2)); group two: 5 and 5, which gives 0, never NaN.
    batch = batch_of([[0.0], [2.0], [5.0], [5.0]], [[0]] * 4, 2)
    one = 1 / (2**0.5 + 1e-4)
    assert grpo_advantages(batch)[:, 0].tolist() == pytest.approx([-one, one, 0, 0])


def test_broken_episodes_count_in_no_statistic() -> None:
    # Without the third, 0 and 2 are left; the fourth's group has one usable episode: nothing to compare.
    batch = batch_of([[0.0], [2.0], [99.0], [4.0], [7.0], [8.0]], [[0]] * 6, 3, [True, True, False, True, False, False])
    assert grpo_advantages(batch, scale=False)[:, 0].tolist() == [-1, 1, 0, 0, 0, 0]
    assert step_advantages(batch, scale=False)[3:, 0].tolist() == [0, 0, 0]


def test_step_advantage_by_hand() -> None:
    # Steps' rewards: 1 and 0; 2 alone (its second column is padding, not a step). Mean 1, deviation of (1, 0, 2): 1.
    # Normalised: 0, -1 and 1; from each step on: episode one -1, -1; episode two 1.
    batch = batch_of([[1.0, 0.0], [2.0, 0.0]], [[0, -1, 1], [0, 0, -1]], 2)
    unit = 1 / 1.0001
    expected = [[-unit, 0, -unit], [unit, unit, 0]]
    assert step_advantages(batch).tolist() == [pytest.approx(row) for row in expected]
    assert step_advantages(batch, scale=False).tolist() == [pytest.approx([-1, 0, -1]), pytest.approx([1, 1, 0])]


def test_an_early_step_is_not_blamed_for_less_than_what_follows() -> None:
    # Episode one: good, then bad; episode two: bad, then good. The sums from the first step on are equal.
    batch = batch_of([[1.0, 0.0], [0.0, 1.0]], [[0, 1], [0, 1]], 2)
    advantages = step_advantages(batch, scale=False)
    assert advantages.tolist() == [pytest.approx([0.0, -0.5]), pytest.approx([0.0, 0.5])]
