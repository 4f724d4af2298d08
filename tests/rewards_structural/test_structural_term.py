"""The structural step reward, its matching, and `format_valid`."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolgym.messages import ToolCall, Turn, parse
from toolgym.rewards.matching import assign, form, jaccard, multiset_iou, same_value, similarity
from toolgym.rewards.structural import (
    StructuralTerm,
    call_iou,
    format_term,
    format_valid,
    structural_term,
)
from toolgym.rewards.toolupt import format_reward
from toolgym.tasks import GoldAction, GoldCall, Task
from toolgym.trajectory import Step, ToolResult, Trajectory

A = GoldCall(name="a", arguments={"x": 1, "y": "u"})
B = GoldCall(name="b", arguments={"z": 7})


def task_of(*actions: GoldAction) -> Task:
    return Task(id="t", domain="d", kind=("k",), request="r", gold=actions)


def episode(*turns: Turn) -> Trajectory:
    return Trajectory("e", "t", steps=[Step(turn) for turn in turns])


def call(*calls: ToolCall) -> Turn:
    return Turn(calls=calls)


def steps(task: Task, *turns: Turn) -> list[float]:
    """The reward of every step: that of every prefix."""
    return [structural_term(episode(*turns[: i + 1]), task) for i in range(len(turns))]


SERIAL = task_of(GoldAction(calls=(A,)), GoldAction(calls=(B,)), GoldAction(response="done"))


def test_the_gold_chain_adds_up_to_one() -> None:
    assert steps(SERIAL, call(A.call()), call(B.call()), Turn(response="done")) == [0.5, 0.5, 0.0]


def test_a_wrong_value_costs_its_share() -> None:
    # a: name 1, parameter names IoU 1, parameters {(x,1),(y,u)} and {(x,1),(y,v)}: 1 shared of 3, so
    # (1 + 1 + 1/3) / 3 = 7/9. Two gold calls, one matched: IoU = (7/9) / 2 = 7/18.
    wrong = call(ToolCall("a", {"x": 1, "y": "v"}))
    assert steps(SERIAL, wrong) == [pytest.approx(7 / 18)]
    # The wrong call went through, so after the right one it is a call too many: 1/3. The step adds 1/3 - 7/18 < 0 ...
    assert steps(SERIAL, wrong, call(A.call()))[1] == pytest.approx(1 / 3 - 7 / 18)
    # ... and b then completes the chain: 2 of a union of 3.
    assert sum(steps(SERIAL, wrong, call(A.call()), call(B.call()))) == pytest.approx(2 / 3)


def test_a_failed_attempt_costs_nothing_once_it_is_corrected() -> None:
    failed = Step(call(ToolCall("a", {"x": 1, "y": "v"})), (ToolResult("no such y", is_error=True),))
    trajectory = Trajectory("e", "t", steps=[failed])
    assert structural_term(trajectory, SERIAL) == pytest.approx(7 / 18)
    trajectory.steps.append(Step(call(A.call())))
    assert structural_term(trajectory, SERIAL) == pytest.approx(1 / 2 - 7 / 18)
    # The right call itself may fail at first (too early, say): then it earns the same, and its repetition nothing more.
    early = Trajectory("e", "t", steps=[Step(call(B.call()), (ToolResult("not yet", is_error=True),))])
    assert structural_term(early, SERIAL) == 0.5
    early.steps.append(Step(call(B.call())))
    assert structural_term(early, SERIAL) == 0.0
    # A failed call of no gold tool is no part of the union.
    lost = Trajectory("e", "t", steps=[Step(call(ToolCall("zzz")), (ToolResult("unknown", is_error=True),))])
    lost.steps.append(Step(call(A.call())))
    assert structural_term(lost, SERIAL) == 0.5


def test_a_missing_parameter_costs_more_than_a_wrong_value() -> None:
    # Parameter names {x} of {x, y}: 1/2; parameters 1/2: (1 + 1/2 + 1/2) / 3 = 2/3, over two gold calls 1/3.
    assert steps(SERIAL, call(ToolCall("a", {"x": 1}))) == [pytest.approx(1 / 3)]


def test_repeating_a_call_does_not_pay_twice() -> None:
    # 1 of 2, then 1 of a union of 3.
    assert steps(SERIAL, call(A.call()), call(A.call())) == [0.5, pytest.approx(1 / 3 - 1 / 2)]


def test_a_call_outside_the_chain_lowers_the_value() -> None:
    assert steps(SERIAL, call(A.call()), call(ToolCall("zzz"))) == [0.5, pytest.approx(1 / 3 - 1 / 2)]
    assert steps(SERIAL, call(ToolCall("zzz"))) == [0.0]


def test_where_the_gold_makes_no_call_the_first_call_costs_one() -> None:
    silent = task_of(GoldAction(response="no"))
    assert steps(silent, call(A.call()), call(B.call()), Turn(response="no")) == [-1.0, 0.0, 0.0]


def test_a_task_without_gold_chain_scores_nothing() -> None:
    assert steps(task_of(), call(A.call())) == [0.0]
    assert structural_term(episode(), SERIAL) == 0.0


def test_booleans_are_not_numbers_and_numbers_compare_by_value() -> None:
    task = task_of(GoldAction(calls=(GoldCall(name="a", arguments={"x": 1}),)))
    assert steps(task, call(ToolCall("a", {"x": 1.0}))) == [1.0]
    assert steps(task, call(ToolCall("a", {"x": True}))) == [pytest.approx(2 / 3)]
    assert same_value({"a": [1, {"b": 2.0}]}, {"a": [1.0, {"b": 2}]})
    assert not same_value([0], [False])


def test_the_weights_of_the_parts_are_options() -> None:
    only_values = StructuralTerm(name=0, params=0, values=1)
    assert only_values(episode(call(ToolCall("a", {"x": 1, "y": "v"}))), SERIAL) == pytest.approx(1 / 3 / 2)


def test_format_term_and_format_valid() -> None:
    assert format_term(episode(parse("<tool_call>{</tool_call>")), SERIAL) == -1.0
    assert format_term(episode(parse("<response>x</response>")), SERIAL) == 0.0
    good = parse('<plan>p</plan><tool_call>{"name": "a"}</tool_call>')
    assert format_valid(good, calls=True, response=False, plan=True)
    assert not format_valid(good, calls=True, response=True)
    assert not format_valid(good, calls=False, response=False)
    assert not format_valid(parse('<tool_call>{"name": "a"}</tool_call>'), calls=True, response=False, plan=True)
    backwards = parse('<tool_call>{"name": "a"}</tool_call><plan>p</plan>')
    assert not format_valid(backwards, calls=True, response=False)
    # What stands in a thought or in an argument is no part of the message.
    call = '<tool_call>{"name": "a", "arguments": {"x": "no </think> and <response> here"}}</tool_call>'
    musing = parse(f"<think>maybe <tool_call> or <response></think>{call}")
    assert format_valid(musing, calls=True, response=False, plan=True)
    assert format_reward(musing, parse(call)) == 1.0
    assert not format_valid(parse(f"{call}<think>too late</think>"), calls=True, response=False)


# --- matching ---


def test_intersections_over_unions() -> None:
    assert jaccard("ab", "bc") == pytest.approx(1 / 3)
    assert jaccard("", "") == 1.0
    assert multiset_iou("aab", "abb") == pytest.approx(2 / 4)
    assert multiset_iou("", "") == 1.0


def test_the_best_matching_is_not_the_greedy_one() -> None:
    # Greedy takes 0.9 and is left with 0.0; the best sum is 0.8 + 0.8.
    assert assign([[0.9, 0.8], [0.8, 0.0]]) == [(0, 1), (1, 0)]
    assert assign([]) == []
    assert assign([[0.1, 0.4, 0.2]]) == [(0, 1)]


@settings(max_examples=60)
@given(st.integers(1, 5), st.integers(1, 5), st.randoms(use_true_random=False))
def test_assign_finds_the_largest_sum(rows: int, columns: int, random) -> None:  # type: ignore[no-untyped-def]
    scores = [[random.choice((0.0, 0.25, 0.5, 1.0)) for _ in range(columns)] for _ in range(rows)]
    pairs = assign(scores)
    assert len(pairs) == min(rows, columns) == len({i for i, _ in pairs}) == len({j for _, j in pairs})
    wide = scores if rows <= columns else [list(column) for column in zip(*scores, strict=True)]
    best = max(
        sum(row[j] for row, j in zip(wide, picked, strict=True))
        for picked in itertools.permutations(range(len(wide[0])), len(wide))
    )
    assert sum(scores[i][j] for i, j in pairs) == pytest.approx(best)


values = st.sampled_from([0, 1, 2.5, True, False, None, "u", "v", [1], {"k": 1}])
arguments = st.dictionaries(st.sampled_from("xyz"), values, max_size=3)
tool_calls = st.builds(ToolCall, st.sampled_from("ab"), arguments)
gold_calls = st.lists(st.builds(GoldCall, name=st.sampled_from("ab"), arguments=arguments), max_size=4)


@settings(max_examples=80)
@given(gold_calls, st.lists(tool_calls, max_size=5), st.randoms(use_true_random=False))
def test_parallel_calls_may_come_in_any_order(gold: list[GoldCall], calls: list[ToolCall], random) -> None:  # type: ignore[no-untyped-def]
    value = call_iou(calls, gold)
    assert 0.0 <= value <= 1.0
    mixed = list(calls)
    random.shuffle(mixed)
    assert call_iou(mixed, gold) == value
    assert call_iou([wanted.call() for wanted in gold], gold) == 1.0


@settings(max_examples=80)
@given(gold_calls, st.lists(tool_calls, max_size=4))
def test_the_value_is_that_of_the_best_matching_of_all_calls(gold: list[GoldCall], calls: list[ToolCall]) -> None:
    made, wanted = [form(c.name, c.arguments) for c in calls], [form(c.name, c.arguments) for c in gold]
    small, large = (made, wanted) if len(made) <= len(wanted) else (wanted, made)
    best = 0.0
    for chosen in itertools.permutations(large, len(small)):
        scores = [similarity(a, b) for a, b in zip(small, chosen, strict=True)]
        matched = sum(score > 0 for score in scores)
        union = len(made) + len(wanted) - matched
        best = max(best, sum(scores) / union if union else 1.0)
    assert call_iou(calls, gold) == pytest.approx(best if made or wanted else 1.0)


@settings(max_examples=60)
@given(gold_calls.filter(bool), st.lists(tool_calls, max_size=3), st.data())
def test_mending_an_argument_never_lowers_the_value(
    gold: list[GoldCall], others: list[ToolCall], data: st.DataObject
) -> None:
    wanted = data.draw(st.sampled_from(gold))
    if not wanted.arguments:
        return
    broken = data.draw(st.sampled_from(sorted(wanted.arguments)))
    before = [ToolCall(wanted.name, {**wanted.arguments, broken: "wrong"}), *others]
    after = [wanted.call(), *others]
    assert call_iou(after, gold) >= call_iou(before, gold) - 1e-12


@settings(max_examples=60)
@given(gold_calls, st.lists(st.lists(tool_calls, max_size=3).map(tuple), min_size=1, max_size=4))
def test_step_rewards_are_bounded_and_add_up(gold: list[GoldCall], turns: list[tuple[ToolCall, ...]]) -> None:
    task = task_of(GoldAction(calls=tuple(gold)))
    rewards = steps(task, *[Turn(calls=calls) for calls in turns])
    assert all(-1.0 <= reward <= 1.0 for reward in rewards)
    made = [c for calls in turns for c in calls]
    start = 0.0 if gold else 1.0
    assert sum(rewards) == pytest.approx(call_iou(made, gold) - start)
