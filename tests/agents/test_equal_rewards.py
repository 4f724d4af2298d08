"""Rewards that are equal but for rounding give no gradient, however large they are, nor do those that are missing."""

import math
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from toolgym.agents import dupo
from toolgym.agents.arpo import shared_advantages
from toolgym.agents.awpo import hyper_advantages
from toolgym.agents.efficiency import hdpo_advantages, otc_batch
from toolgym.agents.grpo import differ, grpo_advantages, step_advantages
from toolgym.agents.rollouts.episodes import EpisodeBatch, all_equal, flat_groups
from toolgym.agents.rollouts.rollout import Rollout
from toolgym.agents.steptool import token_rewards
from toolgym.agents.steptool_group import same_step_advantages
from toolgym.agents.toolpo import relative, toolpo_advantages
from toolgym.agents.toolupt import fgae_advantages
from toolgym.agents.training.critic import whiten
from toolgym.agents.training.mixing import mixed_advantages
from toolgym.agents.tree import fork_advantages, step_owners, vine_advantages
from toolgym.rewards.rescoring import separation


def episode(rewards: list[float]) -> Rollout:
    """A token a step."""
    count = len(rewards)
    return Rollout(
        [1],
        completion_ids=[5] * count,
        env_mask=[1] * count,
        logprobs=[-1.0] * count,
        types=["resp"] * count,
        spans=[(step, step + 1) for step in range(count)],
        rewards=rewards,
        outcome="unsolved",
    )


def batch_of(*rewards: list[float]) -> EpisodeBatch:
    """One group."""
    return EpisodeBatch.of([episode(row) for row in rewards], len(rewards))


def of_dupo(batch: EpisodeBatch) -> torch.Tensor:
    return dupo.step_advantages(batch, 0.1, episode=True)


def of_awpo(batch: EpisodeBatch) -> torch.Tensor:
    weights = SimpleNamespace(mix_N=torch.zeros(1), difficulty_N=torch.ones(1))
    nothing_B = torch.full_like(batch.returns_B, torch.nan)
    return hyper_advantages(batch.returns_B, nothing_B, batch.usable_B, batch.group_size, weights)  # type: ignore[arg-type]


def of_mixing(batch: EpisodeBatch) -> torch.Tensor:
    return mixed_advantages(batch.returns_B, batch.usable_B, batch.returns_B[:1], batch.group_size, batch.sizes_B)[0]


def of_fgae(batch: EpisodeBatch) -> torch.Tensor:
    returns_BT = batch.returns_B[:, None].expand(-1, 2)
    return fgae_advantages(returns_BT, torch.ones(returns_BT.shape, dtype=torch.bool), batch.group_size)


def counted(batch: EpisodeBatch) -> EpisodeBatch:
    """With as many calls in each: what counts them tells nothing apart."""
    return replace(batch, calls_B=torch.full_like(batch.steps_B, 2))


def of_arpo(batch: EpisodeBatch) -> torch.Tensor:
    count = len(batch.returns_B)
    owner_BS = step_owners(torch.full((count,), -1), torch.zeros(count, dtype=torch.long), batch.rewards_BS.shape[1])
    return shared_advantages(grpo_advantages(batch), batch, owner_BS)


def of_tree(batch: EpisodeBatch) -> torch.Tensor:
    count = len(batch.returns_B)
    return fork_advantages(batch, torch.full((count,), -1), torch.zeros(count, dtype=torch.long))


def of_toolpo(batch: EpisodeBatch) -> torch.Tensor:
    none_B = torch.zeros_like(batch.returns_B)
    return toolpo_advantages(relative(batch.returns_B, batch.usable_B, batch.group_size), none_B, batch)


OF_RETURNS: dict[str, Callable[[EpisodeBatch], torch.Tensor]] = {
    "grpo": grpo_advantages,
    "rloo": lambda batch: grpo_advantages(batch, scale=False, leave_one_out=True),
    "dupo": of_dupo,
    "awpo": of_awpo,
    "arpo": of_arpo,
    "hdpo": lambda batch: hdpo_advantages(counted(batch), grpo_advantages, 0.15),
    "otc": lambda batch: grpo_advantages(otc_batch(counted(batch))),
    "luffy": of_mixing,
    "fgae": of_fgae,
    "tree": of_tree,
    "toolpo": of_toolpo,
}


@pytest.mark.parametrize("name", OF_RETURNS)
@pytest.mark.parametrize("size", [1e-6, 1.0, 1000.0, 1e9])
def test_the_same_in_more_or_fewer_steps_is_no_difference(name: str, size: float) -> None:
    rewards = [[size / steps] * steps for steps in (1, 3, 7, 11)]
    # Parts that cancel out: what is left of them is rounding, of their size and not of its own. (AWPO's outcomes and
    # token rewards have no such parts, nor have ToolPO's outcomes and right calls.)
    cancelling = [[size, *([-size / steps] * steps)] for steps in (3, 7, 11, 13)]
    for group in [rewards] if name in ("awpo", "fgae", "toolpo") else [rewards, cancelling]:
        batch = batch_of(*group)
        assert not OF_RETURNS[name](batch).any()
        assert flat_groups(batch) == 1.0
        assert not differ([episode(row) for row in group])


@pytest.mark.parametrize("name", OF_RETURNS)
@given(
    tenths=st.lists(st.integers(-30, 30), min_size=2, max_size=6),
    constant=st.sampled_from([0.0, 1.0, -7.0, 1000.0, 12345.678]),
    power=st.integers(-6, 6),
    steps=st.lists(st.integers(1, 11), min_size=6, max_size=6),
)
def test_a_constant_and_a_power_of_ten_change_no_decision(
    name: str, tenths: list[int], constant: float, power: int, steps: list[int]
) -> None:
    values = [(tenth / 10 + constant) * 10.0**power for tenth in tenths]
    batch = batch_of(*([value / count] * count for value, count in zip(values, steps, strict=False)))
    advantages = OF_RETURNS[name](batch).abs().reshape(len(values), -1).amax(dim=1)
    assert bool(advantages.any()) == (len(set(tenths)) > 1)
    assert flat_groups(batch) == float(len(set(tenths)) == 1)


@pytest.mark.parametrize("size", [1.0, 1000.0, 1e9])
def test_steps_that_earn_the_same_but_for_rounding(size: float) -> None:
    same = [0.1 + 0.2, 0.3, 0.6 - 0.3]
    batch = batch_of(*([size * value, size * value] for value in same))
    assert len({size * value for value in same}) > 1
    assert not step_advantages(batch).any()
    assert not dupo.step_advantages(batch, 0.1).any()
    # V is what follows, to the last digit but one: the action is neither better nor worse than others.
    values_BS = torch.tensor([[size * 0.6, size * 0.3]] * 3, dtype=torch.float64)
    assert not vine_advantages(batch, values_BS).any()
    values_BS[0, 0] -= size * 0.1
    assert vine_advantages(batch, values_BS)[0, 0].item() == pytest.approx(size * 0.1)


def test_single_precision_has_its_own_rounding() -> None:
    for steps in (3, 7, 11):
        rewards = torch.zeros(2, steps)
        rewards[0, 0], rewards[1] = 1000.0, 1000.0 / steps
        assert all_equal(rewards.sum(dim=1))
    assert not all_equal(torch.tensor([1000.0, 1000.01]))
    assert not all_equal(torch.tensor([1000.0, 1000.0 + 1e-5], dtype=torch.float64))


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e6])
def test_whitening_does_not_blow_up_rounding(size: float) -> None:
    values = torch.full((2, 40), size) * (1 + 1e-7 * torch.randn(2, 40, generator=torch.Generator().manual_seed(0)))
    mask = torch.ones_like(values)
    assert not whiten(values, mask).any()
    values[0, 0] *= 2
    assert whiten(values, mask).any()


def test_scores_of_recorded_episodes_are_compared_relatively() -> None:
    thousand = [sum([1000.0 / steps] * steps) for steps in (1, 3, 7, 11)]
    assert len(set(thousand)) > 1
    apart = separation(["a"] * 4, thousand, [True, True, False, False])
    assert (apart.same, apart.flat) == (1.0, 1.0)
    tiny = separation(["a"] * 2, [2e-12, 1e-12], [True, False])
    assert (tiny.more, tiny.flat) == (1.0, 0.0)


# No score ---------------------------------------------------------------------------------------------------------


def test_an_episode_without_a_score_is_not_usable() -> None:
    batch = batch_of([1.0, math.nan], [1.0, 2.0], [math.nan])
    assert batch.usable_B.tolist() == [False, True, False]
    assert batch.returns_B.tolist() == [1.0, 3.0, 0.0]
    assert [episode([1.0, math.nan]).scored, episode([]).scored] == [False, True]
    assert not differ([episode([1.0]), episode([math.nan])])
    assert differ([episode([1.0]), episode([math.nan]), episode([2.0])])


# The others are given rewards, and which of them count.
@pytest.mark.parametrize(
    "name",
    [
        *("grpo", "rloo", "dupo", "tree", "arpo", "hdpo", "otc", "toolpo"),
        *("same_step", "steps", "dupo_steps", "vine", "steptool"),
    ],
)
def test_no_estimator_takes_it_for_a_zero(name: str) -> None:
    others = {
        "same_step": same_step_advantages,
        "steps": step_advantages,
        "dupo_steps": lambda batch: dupo.step_advantages(batch, 0.1),
        "vine": lambda batch: vine_advantages(batch, torch.full_like(batch.rewards_BS, 0.25)),
        "steptool": lambda batch: token_rewards(batch) * batch.usable_B[:, None],
    }
    estimate = OF_RETURNS.get(name) or others[name]
    with_judge, without = (
        batch_of([1.0, 0.5], [0.0, 0.5]),
        batch_of([1.0, 0.5], [math.nan, 0.5], [0.0, 0.5], [0.7, math.nan]),
    )
    made = estimate(without)
    assert torch.isfinite(made).all()
    assert not made[[1, 3]].any()
    assert torch.allclose(made[[0, 2]], estimate(with_judge))
