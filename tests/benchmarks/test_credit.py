"""How well credit agrees with true advantages: the comparison by hand, and the command on a few episodes."""

import json
from typing import Any

import pytest

from benchmarks.credit import by_step, compared, differences, estimates, main
from toolgym.agents.grpo import grpo_advantages
from toolgym.agents.rollouts.episodes import EpisodeBatch
from toolgym.agents.rollouts.survival import SurvivalRollout


def episode(left: list[tuple[str, ...]], lost: int | None = None) -> SurvivalRollout:
    """An episode of two tokens a step; it is solved where nothing is left."""
    steps = len(left) - 1
    return SurvivalRollout(
        [1],
        completion_ids=[5] * 2 * steps,
        env_mask=[1] * 2 * steps,
        logprobs=[-1.0] * 2 * steps,
        types=["resp"] * 2 * steps,
        spans=[(2 * step, 2 * step + 2) for step in range(steps)],
        rewards=[0.0] * (steps - 1) + [float(not left[-1])],
        outcome="unsolved" if left[-1] else "solved",
        lost=lost,
        left=left,
    )


SOLVED = episode([("a", ""), ("",), ()])
LOST = episode([("a", ""), ("a", ""), ("a", "")], lost=0)


def test_a_step_is_worth_what_it_changes() -> None:
    assert differences(SOLVED, [0.25, 0.75]) == [0.5, 0.25]
    assert differences(LOST, [0.25, 0.0]) == [-0.25, 0.0]


def test_each_step_has_its_tokens_advantage() -> None:
    batch = EpisodeBatch.of([SOLVED, LOST], 2)
    root = 0.5**0.5
    found = by_step(batch, grpo_advantages(batch))
    assert found[0] == pytest.approx([root, root], abs=1e-3)
    assert found[1] == pytest.approx([-root, -root], abs=1e-3)


def test_blame_is_on_the_step_that_lost() -> None:
    found = estimates([SOLVED, LOST], 2)
    assert found["the loss alone"] == [[0.0, 0.0], [-1.0, 0.0]]
    outcome, blamed = found["GRPO, outcome"], found["GRPO, outcome; blame where lost"]
    assert blamed == [outcome[0], [outcome[1][0], 0.0]]


def test_the_comparison_by_hand() -> None:
    """True advantages are 0.5, 0.25 and -0.25, 0: mean 1/8, variance 5/64.

    The loss alone says 0, 0 and -1, 0: mean -1/4, variance 3/16. The mean product is 1/16, so the covariance 3/32.
    """
    solved = [[[0.0, 0.0, 1.0, 0.0], [1.0, 1.0, 1.0, 0.0]], [[0.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]]]
    result = compared(([SOLVED, LOST], solved, 2), 2)
    assert result["correlation"]["the loss alone"] == pytest.approx(3 / 32 / (5 / 64 * 3 / 16) ** 0.5, abs=1e-6)
    assert (result["episodes"], result["solved"], result["steps"], result["fork_steps"]) == (2, 1, 4, 0.5)
    assert (result["states_behind_a_loss"], result["solved_behind_a_loss"]) == (1, 0.0)
    # The halves' advantages are 0.5, 0, -0.5, 0 and 0.5, 0.5, 0, 0: they correlate by 0.7071.
    assert result["ceiling"] == pytest.approx((2 * 0.7071068 / 1.7071068) ** 0.5, abs=1e-6)


def test_what_does_not_vary_goes_with_nothing() -> None:
    result = compared(([LOST], [[[0.0, 0.0], [0.0, 0.0]]], 0), 1)
    assert result["correlation"]["Hazard"] == result["ceiling"] == 0.0


@pytest.mark.slow
def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--tasks", "2", "--rollouts", "2", "--samples", "2", "--depth", "1", "--first", "0"]
    assert main([*arguments, "--json"]) == 0
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert result["episodes"] == 4
    assert result["steps"] >= 4
    assert {"Hazard", "GRPO, return"} < set(result["correlation"])


@pytest.mark.parametrize("samples", ["1", "3", "0"])
def test_continuations_that_have_no_two_halves_are_refused(samples: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--samples", samples])
    assert f"--samples must be an even number, got {samples}" in capsys.readouterr().err
