"""The plan metrics against numbers worked by hand, and their properties."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolgym.agents.evaluation import EvalOptions, evaluate
from toolgym.agents.evaluation.plan import PLAN_METRICS, PlanScore, plan_score
from toolgym.agents.policies.scripted import OraclePolicy
from toolgym.messages import ToolCall, Turn
from toolgym.tasks import GoldAction, GoldCall, Task
from toolgym.trajectory import Step, ToolResult, Trajectory

OK, BAD = ToolResult("ok"), ToolResult("no", is_error=True, outcome="tool_error")
AWAY = ToolResult("Try again.", is_error=True, outcome="unavailable")
WRITING = {"renew"}


def gold(name: str, id: str) -> GoldCall:
    return GoldCall(name=name, arguments={"id": id}, writes=name in WRITING)


TASK = Task(
    id="t", domain="d", kind=(), request="Renew both.",
    gold=(
        GoldAction(calls=(gold("find", "ann"),)),
        GoldAction(calls=(gold("loans", "ann"),)),
        GoldAction(calls=(gold("renew", "L-1"), gold("renew", "L-2"))),
        GoldAction(response="Both are renewed."),
    ),
)  # fmt: skip


def episode(*calls: tuple[str, str, ToolResult], outcome: Any = "solved", answers: bool = True) -> Trajectory:
    steps = [Step(Turn(calls=(ToolCall(name, {"id": id}),)), (result,)) for name, id, result in calls]
    if answers:
        steps.append(Step(Turn(response="Both are renewed.")))
    return Trajectory("env", "t", steps=steps, outcome=outcome)


def test_the_gold_chain_has_it_all() -> None:
    made = episode(("find", "ann", OK), ("loans", "ann", OK), ("renew", "L-2", OK), ("renew", "L-1", OK))
    # L-1 and L-2 are of one turn: their order is free.
    assert plan_score(made, TASK, WRITING) == PlanScore(1.0, 1.0, 1.0, 1.0, None)


def test_the_example_of_the_documentation() -> None:
    made = episode(
        ("find", "ann", OK), ("renew", "L-3", BAD), ("renew", "L-2", OK), ("loans", "ann", OK), ("renew", "L-1", OK)
    )
    # Recall 5 of 5; precision 5 of 6; of find-loans, find-L1, find-L2, loans-L1, loans-L2 the last is turned; one right
    # step, find, comes before the error: 1 of 5; and it is solved.
    assert plan_score(made, TASK, WRITING) == PlanScore(1.0, 5 / 6, 4 / 5, 1 / 5, 1.0)


def test_a_detour_is_no_error() -> None:
    made = episode(
        ("find", "ann", OK), ("loans", "bob", OK), ("loans", "ann", OK), ("renew", "L-1", OK), ("renew", "L-2", OK)
    )
    assert plan_score(made, TASK, WRITING) == PlanScore(1.0, 5 / 6, 1.0, 1.0, None)


def test_a_wrong_write_is_one_and_is_not_recovered_from() -> None:
    made = episode(
        ("find", "ann", OK), ("loans", "ann", OK), ("renew", "L-9", OK), ("renew", "L-1", OK), outcome="unsolved"
    )
    # 3 of 5 and 3 of 5 steps right; two before the error.
    assert plan_score(made, TASK, WRITING) == PlanScore(3 / 5, 3 / 5, 1.0, 2 / 5, 0.0)


def test_a_wrong_answer_is_an_error_at_the_end() -> None:
    made = episode(("find", "ann", OK), ("loans", "ann", OK), outcome="unsolved")
    assert plan_score(made, TASK, WRITING) == PlanScore(2 / 5, 2 / 3, 1.0, 2 / 5, None)


def test_no_answer_and_nothing_at_all() -> None:
    cut = episode(("find", "ann", OK), outcome="truncated", answers=False)
    assert plan_score(cut, TASK, WRITING) == PlanScore(1 / 5, 1.0, None, 1 / 5, None)
    assert plan_score(Trajectory("env", "t", outcome="truncated"), TASK) == PlanScore(0.0, 0.0, None, 0.0, None)


def test_the_same_call_twice_counts_once() -> None:
    made = episode(("find", "ann", OK), ("find", "ann", OK), outcome="unsolved")
    assert plan_score(made, TASK, WRITING).step_precision == 1 / 3


def test_a_call_that_was_unavailable_is_no_step() -> None:
    made = episode(
        ("find", "ann", AWAY), ("find", "ann", OK), ("loans", "ann", OK), ("renew", "L-1", AWAY), ("renew", "L-1", OK),
        ("renew", "L-2", OK),
    )  # fmt: skip
    assert plan_score(made, TASK, WRITING) == PlanScore(1.0, 1.0, 1.0, 1.0, None)
    # Found, tried to list, and gave up: 1 of 5 steps, and of the episode's two, finding and the answer, one is right.
    left = episode(("find", "ann", OK), ("loans", "ann", AWAY), outcome="unsolved")
    assert plan_score(left, TASK, WRITING) == PlanScore(1 / 5, 1 / 2, None, 1 / 5, None)


def test_of_a_task_without_a_chain_nothing_is_told() -> None:
    assert plan_score(episode(), Task(id="t", domain="d", kind=(), request="Hi")) == PlanScore()


CALLS = st.lists(
    st.tuples(
        st.sampled_from(["find", "loans", "renew"]), st.sampled_from(["ann", "L-1", "L-2"]), st.sampled_from([OK, BAD])
    ),
    max_size=9,
)


@given(calls=CALLS, solved=st.booleans(), answers=st.booleans())
def test_each_is_a_share(calls: list[Any], solved: bool, answers: bool) -> None:
    made = plan_score(
        episode(*calls, outcome="solved" if solved and answers else "unsolved", answers=answers), TASK, WRITING
    )
    for name in PLAN_METRICS:
        value = getattr(made, name)
        assert value is None or 0.0 <= value <= 1.0
    if made.first_error == 1.0:
        assert solved


@given(calls=CALLS, more=CALLS)
@settings(max_examples=50)
def test_more_calls_never_lower_recall_nor_move_the_first_error_of_a_call(calls: list[Any], more: list[Any]) -> None:
    less = plan_score(episode(*calls, outcome="unsolved"), TASK, WRITING)
    all = plan_score(episode(*calls, *more, outcome="unsolved"), TASK, WRITING)
    assert (all.step_recall or 0) >= (less.step_recall or 0)
    if less.recovery is not None:
        assert all.first_error == less.first_error


@pytest.mark.parametrize(
    ("calls", "outcome", "expected"),
    [
        ([("renew", "L-1", OK), ("renew", "L-2", OK)], "solved", PlanScore(1.0, 1.0, None, 1.0, None)),
        # One of two is made: 1/2 of the gold chain's calls, and all that was done is right.
        ([("renew", "L-1", OK)], "unsolved", PlanScore(0.5, 1.0, None, 0.5, None)),
        # One right, one wrong: 1/2 and 1/2; one right step before the error.
        ([("renew", "L-1", OK), ("renew", "L-3", OK)], "unsolved", PlanScore(0.5, 0.5, None, 0.5, 0.0)),
    ],
)
def test_of_one_message_of_calls_no_response_is_wanted(calls: list[Any], outcome: str, expected: PlanScore) -> None:
    task = Task(
        id="t",
        domain="d",
        kind=(),
        request="Renew both.",
        gold=(GoldAction(calls=(gold("renew", "L-1"), gold("renew", "L-2"))),),
    )
    assert plan_score(episode(*calls, outcome=outcome, answers=False), task, WRITING) == expected


def test_evaluations_report_them_overall_and_in_groups() -> None:
    report = evaluate(
        OraclePolicy(), EvalOptions("ToolGym/Library-v0", episodes=12, env_options={"size": "small"})
    ).to_json()
    for group in (report, *report["by_depth"].values(), *report["by_kind"].values()):
        assert group["step_recall"] == group["step_precision"] == group["first_error"] == 1.0
        assert group["recovery"] is None
        assert group["order"] in (1.0, None)
        assert set(PLAN_METRICS) <= set(group["intervals"])
    assert report["order"] == pytest.approx(1.0)
