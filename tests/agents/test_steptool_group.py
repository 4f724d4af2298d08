"""StepTool without a critic: each step against the same step of the group's other episodes, by hand."""

from dataclasses import replace

import pytest
import torch

from toolgym.agents.grpo import GRPOOptions, grpo_advantages, make_estimator, preset
from toolgym.agents.rollouts.episodes import EpisodeBatch
from toolgym.agents.steptool_group import figures, same_step_advantages


def batch_of(rewards: list[list[float]], steps: list[int], size: int, usable: list[bool] | None = None) -> EpisodeBatch:
    """A batch in which every step has one token: rewards (B, S), padded, and how many steps each episode has."""
    steps_B, count = torch.tensor(steps), len(rewards)
    columns = torch.arange(len(rewards[0]))
    step_BT = torch.where(columns < steps_B[:, None], columns, -1)
    return EpisodeBatch(
        rewards_BS=torch.tensor(rewards, dtype=torch.float64),
        steps_B=steps_B,
        step_BT=step_BT,
        types_BT=step_BT.clamp(max=0),
        logprobs_BT=torch.zeros(step_BT.shape),
        solved_B=torch.zeros(count, dtype=torch.bool),
        usable_B=torch.tensor(usable or [True] * count),
        group_size=size,
    )


# Three episodes of three, two and one steps. From each step on: 6, 5, 3; 2, 1; 4.
BATCH = batch_of([[1.0, 2.0, 3.0], [1.0, 1.0, 0.0], [4.0, 0.0, 0.0]], [3, 2, 1], 3)


def rows(tensor: torch.Tensor) -> list[object]:
    return [pytest.approx(row, abs=1e-6) for row in tensor.tolist()]


def test_advantages_by_hand() -> None:
    # Step 0: 6, 2, 4, mean 4. Step 1: 5 and 1 (the third has none), mean 3. Step 2: one episode alone.
    plain = [[2, 2, 0], [-2, -2, 0], [0, 0, 0]]
    assert rows(same_step_advantages(BATCH, scale=False)) == plain
    # Deviations of the sample: 2 at step 0, sqrt(8) at step 1.
    one, two = 2 + 1e-4, 8**0.5 + 1e-4
    assert rows(same_step_advantages(BATCH)) == [[2 / one, 2 / two, 0], [-2 / one, -2 / two, 0], [0, 0, 0]]


def test_a_steps_own_reward_alone() -> None:
    # gamma 0. Step 0: 1, 1, 4, mean 2. Step 1: 2 and 1.
    assert rows(same_step_advantages(BATCH, gamma=0.0, scale=False)) == [[-1, 0.5, 0], [-1, -0.5, 0], [2, 0, 0]]
    # gamma 1/2. From each step on: 1 + 1 + 3/4 = 2.75, 3.5, 3; 1.5, 1; 4. Means 2.75, 2.25.
    found = same_step_advantages(BATCH, gamma=0.5, scale=False)
    assert rows(found) == [[0, 1.25, 0], [-1.25, -1.25, 0], [1.25, 0, 0]]


def test_a_broken_episode_is_in_no_mean() -> None:
    # Without the second: 6 and 4 at step 0; at step 1 the first is alone.
    broken = replace(BATCH, usable_B=torch.tensor([True, False, True]))
    assert rows(same_step_advantages(broken, scale=False)) == [[1, 0, 0], [0, 0, 0], [-1, 0, 0]]
    assert figures(broken) == pytest.approx({"same_step/compared": 2 / 4})
    assert figures(BATCH) == pytest.approx({"same_step/compared": 5 / 6})


def test_groups_are_apart_and_equal_steps_give_0() -> None:
    two = batch_of([[0.1 + 0.2, 1.0], [0.3, 1.0], [5.0, 0.0], [7.0, 0.0]], [2, 2, 1, 1], 2)
    assert rows(same_step_advantages(two, scale=False)) == [[0, 0], [0, 0], [-1, 0], [1, 0]]


def test_of_one_step_it_is_grpo() -> None:
    one = batch_of([[1.0], [0.0], [3.0], [3.0]], [1] * 4, 4)
    assert torch.allclose(same_step_advantages(one), grpo_advantages(one))


def test_credit_is_given_where_it_is_due() -> None:
    """Equal returns teach GRPO nothing; here each step is compared by its own reward."""
    batch = batch_of([[1.0, 1.0, 0.0], [1.0, 0.0, 1.0]], [3, 3], 2)
    assert not grpo_advantages(batch).any()
    found = same_step_advantages(batch, gamma=0.0, scale=False)
    assert rows(found) == [[0, 0.5, -0.5], [0, -0.5, 0.5]]


def test_the_preset() -> None:
    made = GRPOOptions(**preset("steptool_group"))
    assert (made.level, made.reward, made.loss) == ("same_step", "steptool", "dapo")
    assert torch.equal(make_estimator(made)(BATCH), same_step_advantages(BATCH))
