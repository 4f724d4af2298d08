"""Which gold action a step attempts, and what further attempts are paid."""

from typing import Any

from toolgym.messages import ToolCall, Turn
from toolgym.rewards.aligned import GoldMessage, attempt, improvement
from toolgym.tasks import GoldAction, GoldCall, Task
from toolgym.trajectory import Step, ToolResult, Trajectory

A, B, C = (GoldCall(name=name, arguments={"x": name}) for name in "abc")
TASK = Task(
    id="t",
    domain="d",
    kind=("k",),
    request="r",
    gold=(GoldAction(calls=(A,)), GoldAction(calls=(B, C)), GoldAction(calls=(A,)), GoldAction(response="done")),
)
DONE = Turn(response="done")


def turn(*calls: GoldCall | ToolCall) -> Turn:
    return Turn(calls=tuple(call.call() if isinstance(call, GoldCall) else call for call in calls))


def episode(*turns: Turn) -> Trajectory:
    return Trajectory("e", "t", steps=[Step(turn) for turn in turns])


def target(*turns: Turn) -> tuple[int | None, int]:
    """The index of the attempted action (from 1), and the number of earlier attempts."""
    gold, earlier = attempt(episode(*turns), TASK)
    return (gold.index if gold else None), len(earlier)


def test_a_step_attempts_the_open_action_that_its_calls_belong_to() -> None:
    wrong_a, other = turn(ToolCall("a", {"x": "?"})), turn(ToolCall("other"))
    assert target(turn(A)) == (1, 0)
    assert target(wrong_a, turn(A)) == (1, 1)
    assert target(wrong_a, turn(C, B)) == (2, 0)
    assert target(turn(A), turn(A)) == (3, 0)
    assert target(other, other) == (1, 1)
    assert target(turn(A), other) == (2, 0)
    assert target(turn(A), turn(B, C), turn(A), DONE, DONE) == (None, 0)


def test_going_on_after_a_wrong_call_is_still_an_attempt_at_it() -> None:
    wrong_a, wrong_b = turn(ToolCall("a", {"x": "?"})), turn(ToolCall("b", {"x": "?"}), C)
    assert target(wrong_a, wrong_b) == (1, 1)
    assert target(turn(A), wrong_b) == (2, 0)


def test_a_response_belongs_to_its_action_once_the_others_were_tried() -> None:
    assert target(DONE) == (1, 0)
    assert target(turn(A), turn(B, C), DONE) == (None, 0)
    assert target(turn(A), turn(B, C), turn(A), DONE) == (4, 0)
    assert target(turn(A), turn(B, C), turn(ToolCall("a", {"x": "?"})), DONE) == (4, 0)


def test_parallel_calls_may_be_made_in_several_steps() -> None:
    assert target(turn(A), turn(B), turn(C)) == (2, 1)
    assert target(turn(A), turn(B), turn(C), turn(B)) == (3, 0)


def test_a_call_that_failed_did_not_carry_out_its_action() -> None:
    failed = Step(turn(A), (ToolResult("no", is_error=True),))
    gold, earlier = attempt(Trajectory("e", "t", steps=[failed, Step(turn(A))]), TASK)
    assert gold is not None
    assert (gold.index, len(earlier)) == (1, 1)


def test_a_call_that_the_limit_left_undone_does_not_count() -> None:
    def points(made: Turn, gold: GoldMessage) -> float:
        return 10.0 * gold.index + len(made.calls)

    ok, over = ToolResult("ok"), ToolResult("spent", is_error=True, outcome="over_budget")

    def paid(*results: ToolResult, **ending: Any) -> float:
        steps = [Step(turn(A), (ok,)), Step(turn(B, C), results)]
        return improvement(points, Trajectory("e", "t", steps=steps, **ending), TASK)

    assert paid(ok, ok) == 22.0
    for count, earned in ((0, 0.0), (1, 21.0)):
        cut = paid(*[ok] * count, outcome="truncated", truncation="calls")
        assert cut == paid(*[ok] * count, *[over] * (2 - count)) == earned


def test_further_attempts_are_paid_for_what_they_improve() -> None:
    def points(made: Turn, gold: GoldMessage) -> float:
        return 10.0 * gold.index + len(made.calls)

    other, two_others = turn(ToolCall("other")), turn(ToolCall("other"), ToolCall("other"))
    assert improvement(points, episode(other), TASK) == 11.0
    assert improvement(points, episode(other, other), TASK) == 0.0
    assert improvement(points, episode(other, two_others), TASK) == 1.0
    assert improvement(points, episode(two_others, other), TASK) == 0.0
    assert improvement(points, episode(turn(A), other), TASK) == 21.0
    assert improvement(points, episode(two_others, other, two_others, turn(A)), TASK) == 0.0
    assert improvement(points, episode(turn(A), DONE), TASK) == 0.0
    assert improvement(points, episode(turn(A), turn(B, C), turn(A), DONE, other), TASK) == 0.0
    assert improvement(points, episode(other), TASK.model_copy(update={"gold": ()})) == 0.0
    assert improvement(points, episode(), TASK) == 0.0


def test_the_answer_follows_the_trajectory_as_it_grows() -> None:
    growing = episode(turn(A))
    assert attempt(growing, TASK)[0] is attempt(growing, TASK)[0]
    growing.steps.append(Step(turn(B, C)))
    gold, _ = attempt(growing, TASK)
    assert gold is not None
    assert gold.index == 2
    # A trajectory that was cut back, or another one, starts afresh.
    growing.steps[:] = [Step(turn(B, C)), Step(turn(B, C))]
    gold, earlier = attempt(growing, TASK)
    assert gold is not None
    assert (gold.index, len(earlier)) == (1, 0)
