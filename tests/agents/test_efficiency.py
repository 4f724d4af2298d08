"""Fewer calls: OTC-GRPO's factor and HDPO's second advantage by hand, and which way they push."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from toolgym.agents.efficiency import fewest_calls, figures, hdpo_advantages, otc_batch, otc_factors
from toolgym.agents.grpo import GRPOOptions, grpo_advantages, make_estimator, preset
from toolgym.agents.rollouts.episodes import EpisodeBatch
from toolgym.agents.rollouts.rollout import Rollout
from toolgym.agents.training.steptool_options import PRESETS, StepToolPPOOptions
from toolgym.errors import ConfigError
from toolgym.messages import ToolCall, Turn
from toolgym.trajectory import Step, ToolResult, Trajectory


def batch_of(
    returns: list[float], calls: list[int], solved: list[bool], size: int, usable: list[bool] | None = None
) -> EpisodeBatch:
    """Episodes of one step with one token."""
    count = len(returns)
    return EpisodeBatch(
        rewards_BS=torch.tensor(returns, dtype=torch.float64)[:, None],
        steps_B=torch.ones(count, dtype=torch.long),
        step_BT=torch.zeros(count, 1, dtype=torch.long),
        types_BT=torch.zeros(count, 1, dtype=torch.long),
        logprobs_BT=torch.zeros(count, 1),
        solved_B=torch.tensor(solved),
        usable_B=torch.tensor(usable or [True] * count),
        group_size=size,
        calls_B=torch.tensor(calls),
    )


# Three groups of three. The fewest calls of a solved episode: 2 (an unsolved one made 1), none, and 0.
CALLS = [2, 6, 1, 4, 4, 4, 0, 3, 2]
SOLVED = [True, True, False, False, False, False, True, True, False]
RETURNS = [1.0, 1.0, 0.5, 0.0, 0.3, 0.0, 1.0, 1.0, -0.2]
BATCH = batch_of(RETURNS, CALLS, SOLVED, 3)


def test_the_fewest_calls_are_the_solved_episodes() -> None:
    assert fewest_calls(BATCH) == [2, 2, 2, None, None, None, 0, 0, 0]
    # What the infrastructure broke was not solved with that many.
    broken = replace(BATCH, usable_B=torch.tensor([False] + [True] * 8))
    assert fewest_calls(broken)[:3] == [6, 6, 6]


def test_otcs_factors_by_hand() -> None:
    # n = 2: m = 2 gives f = 2, sin(pi / 2) = 1; m = 6: f = 24 / 8 = 3, sin(3 pi / 4); m = 1: f = 4 / 3, sin(pi / 3).
    # No solved one: 1. n = 0, c = 10: m = 0 gives cos(0); m = 3: cos(3 pi / 16); m = 2: cos(2 pi / 14).
    root, third = math.sqrt(0.5), math.sqrt(3) / 2
    wanted = [1.0, root, third, 1.0, 1.0, 1.0, 1.0, math.cos(3 * math.pi / 16), math.cos(math.pi / 7)]
    assert otc_factors(BATCH).tolist() == pytest.approx(wanted)
    assert otc_factors(BATCH, max_calls=4)[7] == pytest.approx(math.cos(3 * math.pi / 10))
    # What was earned is multiplied, what was lost (the last) is not.
    earned = [1.0, root, 0.5 * third, 0.0, 0.3, 0.0, 1.0, math.cos(3 * math.pi / 16), -0.2]
    assert otc_batch(BATCH).rewards_BS[:, 0].tolist() == pytest.approx(earned)


def test_otc_grpos_advantages_by_hand() -> None:
    # Returns 1 and 0.5 sqrt(2) of two solved episodes: GRPO alone would see no difference. Half of 0.29289 each way.
    batch = batch_of([1.0, 1.0], [2, 6], [True, True], 2)
    otc = make_estimator(GRPOOptions(**preset("otc_grpo") | {"scale": False}))
    assert otc(batch)[:, 0].tolist() == pytest.approx([0.146447, -0.146447], abs=1e-6)
    assert not grpo_advantages(batch).any()


def test_hdpos_advantages_by_hand() -> None:
    # Group one, accuracy: returns 1, 1, 0.5, mean 5/6: 1/6, 1/6, -1/3. Efficiency among the two solved: 1/3 and 1/7,
    # mean 5/21: 2/21 and -2/21; the unsolved one, with the fewest calls of all, has 0.
    found = hdpo_advantages(BATCH, lambda batch: grpo_advantages(batch, scale=False), 0.5)[:, 0].tolist()
    assert found[:3] == pytest.approx([1 / 6 + 1 / 21, 1 / 6 - 1 / 21, -1 / 3])
    # Group two: none solved, accuracy alone. Group three: 1 and 1/4 among the solved.
    assert found[3:6] == pytest.approx([-0.1, 0.2, -0.1])
    assert found[6:] == pytest.approx([0.4 + 0.1875, 0.4 - 0.1875, -0.8])


def test_hdpos_advantages_are_normalised_apart() -> None:
    # Efficiency's deviation is of the solved ones' 1/3 and 1/7, however far the returns are spread: +- 1 / sqrt(2).
    for far in (1.0, 1000.0):
        batch = batch_of([far, far, 0.0], [2, 6, 1], [True, True, False], 3)
        efficiency = hdpo_advantages(batch, grpo_advantages, 1.0) - grpo_advantages(batch)
        assert efficiency[:, 0].tolist() == pytest.approx([0.70711, -0.70711, 0.0], abs=2e-3)


def test_hdpo_compares_the_solved_alone_and_only_where_their_calls_differ() -> None:
    # Two and four calls of the solved, deviation sqrt(2) of 1/3 and 1/5 apart: +- 1 / sqrt(2). The unsolved one with no
    # calls gets and gives nothing; nor is there anything to compare with one solved, or with equally many calls.
    def efficiency(solved: list[bool], calls: list[int]) -> list[float]:
        batch = batch_of([float(one) for one in solved], calls, solved, len(solved))
        return (hdpo_advantages(batch, grpo_advantages, 1.0) - grpo_advantages(batch))[:, 0].tolist()

    assert efficiency([True, False, True], [2, 0, 4]) == pytest.approx([0.70711, 0.0, -0.70711], abs=2e-3)
    assert not any(efficiency([True, False], [2, 0]))
    assert not any(efficiency([True, True], [3, 3]))


@given(
    calls=st.lists(st.integers(0, 12), min_size=6, max_size=6),
    solved=st.lists(st.booleans(), min_size=6, max_size=6),
)
def test_neither_ever_prefers_more_calls_than_needed(calls: list[int], solved: list[bool]) -> None:
    batch = batch_of([float(one) for one in solved], calls, solved, 6)
    otc = make_estimator(GRPOOptions(**preset("otc_grpo")))(batch)[:, 0]
    hdpo = make_estimator(GRPOOptions(**preset("hdpo")))(batch)[:, 0]
    assert torch.isfinite(otc).all()
    assert torch.isfinite(hdpo).all()
    right = [row for row in range(6) if solved[row]]
    for one in right:
        for other in right:
            if calls[one] < calls[other]:
                assert otc[one] > otc[other]
                assert hdpo[one] > hdpo[other]
    wrong = [row for row in range(6) if not solved[row]]
    assert len({float(hdpo[row]) for row in wrong}) <= 1  # an unsolved episode's calls are nothing to HDPO


def test_figures_by_hand() -> None:
    # 26 calls of nine episodes, four of them solved with 2, 6, 0 and 3; groups one and three have two solved each.
    assert figures(BATCH) == pytest.approx(
        {
            "calls/mean": 26 / 9,
            "calls/productivity": 4 / 26,
            "calls/correct_groups": 2 / 3,
            "calls/acting_groups": 2 / 3,
            "calls/solved": 11 / 4,
        }
    )
    alike = figures(batch_of([1.0, 1.0], [3, 3], [True, True], 2))
    assert (alike["calls/correct_groups"], alike["calls/acting_groups"]) == (1.0, 0.0)
    assert "calls/solved" not in figures(batch_of([0.0], [3], [False], 1))


def episode(calls: list[str], **more: object) -> Rollout:
    """An episode whose calls ended so, all in one message."""
    trajectory = Trajectory("e", "t")
    made = tuple(ToolCall("tool", {}) for _ in calls)
    results = tuple(ToolResult("", outcome=ended) for ended in calls)  # type: ignore[arg-type]
    trajectory.steps.append(Step(Turn(calls=made), results))
    return Rollout([1], rewards=[1.0], outcome="solved", trajectory=trajectory)


def test_calls_are_counted_from_the_record() -> None:
    batch = EpisodeBatch.of([episode(["ok", "tool_error"]), episode(["unavailable", "ok"]), episode([])], 3)
    assert batch.calls_B is not None
    assert batch.calls_B.tolist() == [2, 1, 0]
    broken = EpisodeBatch.of([episode(["ok"]), Rollout([], outcome="infra_error")], 2)
    assert broken.calls_B is not None
    assert broken.calls_B.tolist() == [1, 0]


def test_without_a_record_it_says_what_is_missing() -> None:
    batch = EpisodeBatch.of([Rollout([1], rewards=[1.0], outcome="solved")] * 2, 2)
    assert batch.calls_B is None
    for name in ("otc_grpo", "hdpo"):
        with pytest.raises(ConfigError, match="keeps no record"):
            make_estimator(GRPOOptions(**preset(name)))(batch)


def test_otc_ppo_is_ppo_on_the_form_without_a_group() -> None:
    options = StepToolPPOOptions(**PRESETS["otc_ppo"])
    assert (options.step_reward, options.reward, options.reward_options) == (False, "otc", {"needed": "unknown"})


def test_options_without_effect_raise() -> None:
    for changes, said in (
        ({"max_calls": 5}, "without efficiency='otc'"),
        ({"efficiency_weight": 0.5}, "without efficiency='hdpo'"),
        ({"efficiency": "otc", "efficiency_weight": 0.5}, "without efficiency='hdpo'"),
        ({"efficiency": "hdpo", "level": "step"}, "compares whole episodes"),
        ({"efficiency": "otc", "dynamic_sampling": True}, "compares whole episodes"),
        ({"efficiency": "hdop"}, "Did you mean 'hdpo'"),
        ({"efficiency": "otc", "max_calls": 0}, "max_calls must be above 0"),
        ({"efficiency": "hdpo", "efficiency_weight": -1.0}, "efficiency_weight must be"),
        ({"gamma": 0.5}, "without level='same_step'"),
        ({"level": "same_step", "gamma": 1.5}, "gamma must be in"),
        ({"level": "same_step", "dynamic_sampling": True}, "gradient all the same"),
    ):
        with pytest.raises(ConfigError, match=said):
            GRPOOptions(**changes)
