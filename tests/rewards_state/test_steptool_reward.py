"""StepTool Eq. 3 by hand, the rules of SuccCalling, the switches, and the guard."""

from typing import Any

import pytest

from toolgym.errors import ConfigError
from toolgym.messages import ParseProblem, ToolCall, Turn
from toolgym.rewards.steptool import (
    StepToolOptions,
    StepToolTerm,
    error_shaped,
    from_scores,
    gold_contribution,
    is_solved,
    step_rewards,
    succ_calling,
)
from toolgym.tasks import Task
from toolgym.trajectory import Step, ToolResult, Trajectory


@pytest.mark.parametrize(
    ("result", "shaped"),
    [
        (ToolResult("Since the search parameter is empty, please provide the name of an author."), True),
        (ToolResult("Error: no such flight"), True),
        (ToolResult('{"error": "quota"}', {"error": "quota"}), True),
        (ToolResult('{"error": null, "data": 1}', {"error": None, "data": 1}), False),
        (ToolResult('{"success": false}', {"success": False}), True),
        (ToolResult("404 Not Found"), True),
        (ToolResult("not found", {"result": "not found"}), True),
        (ToolResult("open"), False),
        (ToolResult('{"balance": 400}', {"balance": 400}), False),
        (ToolResult("x" * 400 + " please provide an id"), False),
        (ToolResult(""), False),
    ],
)
def test_error_shaped_results(result: ToolResult, shaped: bool) -> None:
    assert error_shaped(result) is shaped


def test_succ_calling_wants_every_call_of_the_step_to_succeed() -> None:
    call, good = ToolCall("f"), ToolResult("fine")
    assert succ_calling(Step(Turn(calls=(call, call)), (good, good))) == 1.0
    assert (
        succ_calling(Step(Turn(calls=(call, call)), (good, ToolResult("no", is_error=True, outcome="tool_error"))))
        == 0.0
    )
    assert succ_calling(Step(Turn(calls=(call, call)), (good,))) == 0.0
    assert succ_calling(Step(Turn(calls=(call,), problems=(ParseProblem("bad_json", "?"),)), (good,))) == 0.0
    assert succ_calling(Step(Turn(response="hello"))) == 0.0


@pytest.fixture
def episode(play: Any, make_turn: Any) -> Trajectory:
    """Look (gold), look again, fail, open red (gold), open blue (gold), say so: solved."""
    return play(
        make_turn("look red"), make_turn("look red"), make_turn("look green"), make_turn("unlock red"),
        make_turn("unlock blue"), make_turn(response="2 are open"), outcome="solved",
    )  # fmt: skip


def test_eq_3_by_hand(episode: Trajectory, vault_task: Task) -> None:
    # Step 1: alpha * 1 + 5/5. Step 2: a repetition contributes nothing, and the guard pays no SuccCalling for it.
    # Step 3: the call failed. Steps 4, 5: like step 1. Step 6: IsSolved = 1.
    expected = [1.25, 0, 0, 1.25, 1.25, 1]
    assert list(step_rewards(episode, vault_task, StepToolOptions(alpha=0.25))) == pytest.approx(expected)
    # Without the guard the repetition earns alpha, as the paper has it.
    unguarded = step_rewards(episode, vault_task, StepToolOptions(alpha=0.25, guard=False))
    assert list(unguarded) == pytest.approx([1.25, 0.25, 0, 1.25, 1.25, 1])


def test_the_term_scores_each_step_as_it_comes(episode: Trajectory, vault_task: Task, prefix_sums: Any) -> None:
    options = StepToolOptions(alpha=0.25)
    assert prefix_sums(StepToolTerm(options), episode, vault_task) == pytest.approx(
        list(step_rewards(episode, vault_task, options))
    )


def test_the_published_code_s_factor(episode: Trajectory, vault_task: Task, prefix_sums: Any) -> None:
    # Six steps: factors 5, 4, 3, 2, 1, 0, so IsSolved is lost: 1.25 * (5 + 2 + 1) = 10 in all.
    options = StepToolOptions(alpha=0.25, source="reference_code")
    assert list(step_rewards(episode, vault_task, options)) == pytest.approx([6.25, 0, 0, 2.5, 1.25, 0])
    assert prefix_sums(StepToolTerm(options), episode, vault_task) == pytest.approx([0, 0, 0, 0, 0, 10])


def test_a_one_step_episode_gets_nothing_from_the_published_code(vault_task: Task, play: Any, make_turn: Any) -> None:
    one = play(make_turn("unlock red", "unlock blue", response="2"), outcome="solved")
    assert list(step_rewards(one, vault_task)) == [1.0]
    assert list(step_rewards(one, vault_task, StepToolOptions(source="reference_code"))) == [0.0]


def test_switches(episode: Trajectory, vault_task: Task) -> None:
    assert list(step_rewards(episode, vault_task, StepToolOptions(step_reward=False))) == [0, 0, 0, 0, 0, 1]
    scaled = step_rewards(episode, vault_task, StepToolOptions(alpha=0.25, scale="steps"))
    assert scaled.max() == pytest.approx(1.0)
    judged = StepToolOptions(alpha=0, contribution=from_scores([5, 2.5, None, 9, -1]))
    assert list(step_rewards(episode, vault_task, judged)) == pytest.approx([1, 0.5, 0, 1, 0, 1])
    listed = step_rewards(episode, vault_task, StepToolOptions(alpha=0, contribution="checklist"))
    assert list(listed) == pytest.approx(
        [0.6, 0, 0, 0.6, 0.6, 1]
    )  # each gains 1/5 of the checklist; 1/3 is a fair share


def test_a_turn_of_parallel_calls_is_so_many_steps(play: Any, vault_task: Task, make_turn: Any) -> None:
    # Look and red in one turn, blue in the next, or all apart: each of the three gold calls gives alpha + 5/5 = 1.25,
    # the end 1: 4.75. With a turn for a step the parallel turn gives 1.25 once: 3.5.
    end = make_turn(response="2 are open")
    apart = play(make_turn("look red"), make_turn("unlock red"), make_turn("unlock blue"), end, outcome="solved")
    parallel = play(make_turn("look red", "unlock red"), make_turn("unlock blue"), end, outcome="solved")
    assert list(step_rewards(parallel, vault_task, StepToolOptions(alpha=0.25))) == pytest.approx([2.5, 1.25, 1])
    turn = StepToolOptions(alpha=0.25, unit="turn")
    assert list(step_rewards(parallel, vault_task, turn)) == pytest.approx([1.25, 1.25, 1])
    for options in (StepToolOptions(alpha=0.25), turn):
        assert step_rewards(apart, vault_task, options).sum() == pytest.approx(4.75)
    # One of two calls repeats: only the new one is paid by the guard, and only it does a gold call.
    again = play(
        make_turn("look red"), make_turn("look red", "unlock red"), make_turn(response="1"), outcome="unsolved"
    )
    assert list(step_rewards(again, vault_task, StepToolOptions(alpha=0.25))) == pytest.approx([1.25, 1.25, 0])


def test_contribution_needs_the_gold_arguments_and_a_success(play: Any, vault_task: Task, make_turn: Any) -> None:
    assert gold_contribution(play(make_turn("look blue")), vault_task) == 0.0
    assert gold_contribution(play(make_turn("unlock blue")), vault_task) == 0.0
    assert gold_contribution(play(make_turn("look red", "look blue")), vault_task) == 2.5


def test_is_solved_has_three_values(play: Any, vault_task: Task, make_turn: Any) -> None:
    opened = make_turn("unlock red", "unlock blue")
    assert is_solved(play(opened, make_turn(response="2"), outcome="solved"), vault_task) == 1.0
    assert is_solved(play(opened, make_turn(response="done"), outcome="unsolved"), vault_task) == 0.5
    assert is_solved(play(make_turn(response="2"), outcome="unsolved"), vault_task) == 0.0
    assert is_solved(play(opened, make_turn(response="2"), outcome="truncated"), vault_task) == 0.0


def test_wrong_options_are_told() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'gold'"):
        StepToolOptions(contribution="golden")
    with pytest.raises(ConfigError, match="alpha is -1"):
        StepToolOptions(alpha=-1)
    with pytest.raises(ConfigError, match=r"alpha=0\.5 would have no effect with scale='published'"):
        StepToolOptions(alpha=0.5, scale="published")
    with pytest.raises(ConfigError, match="Did you mean 'published'"):
        StepToolOptions(scale="publish")  # type: ignore[arg-type]


def test_the_published_scale_by_hand(play: Any, vault_task: Task, make_turn: Any) -> None:
    # A gold call that succeeds: (1 + 5) / 6. A look at the blue lock succeeds and does nothing: 1 / 6; refused: 0.
    # Two calls in a turn, one of them a gold call: (1 + 5) / 6 + 1 / 6.
    options = StepToolOptions(scale="published")
    end = make_turn(response="2 are open")
    turns = [make_turn("look red"), make_turn("look blue"), make_turn("unlock blue"), make_turn("unlock red"), end]
    episode = play(*turns, outcome="unsolved")
    assert list(step_rewards(episode, vault_task, options)) == pytest.approx([1, 1 / 6, 0, 1, 0])
    parallel = play(make_turn("look red", "look blue"), end, outcome="unsolved")
    assert list(step_rewards(parallel, vault_task, options)) == pytest.approx([7 / 6, 0])
