"""The verified outcome: equal states, assertions, `solved`, and the terms made of them."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolgym.messages import Turn
from toolgym.rewards.state import holds, outcome_term, solved, state_matches, state_term, states_equal
from toolgym.tasks import Assertion, Task
from toolgym.trajectory import Step, Trajectory
from toolgym.world import copy_json

DIFF = {"users": {"ann": {"credit": 5, "cards": [{"id": "a", "n": 1}, {"id": "b", "n": 2}], "gone": None}, "bob": None}}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-5, 5) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)
diffs = st.dictionaries(
    st.sampled_from("ab"), st.dictionaries(st.sampled_from("xyz"), json_values, max_size=3), max_size=2
)


def test_lists_compare_in_order_unless_named_unordered() -> None:
    turned = copy_json(DIFF)
    turned["users"]["ann"]["cards"].reverse()
    assert not states_equal(DIFF, turned)
    assert states_equal(DIFF, turned, ["users.*.cards"])
    assert states_equal(DIFF, turned, ["users.ann.cards"])
    assert not states_equal(DIFF, turned, ["users.bob.cards", "users.ann"])


def test_an_unordered_list_still_counts_its_items() -> None:
    twice, once = {"t": {"r": {"v": [1, 1, 2]}}}, {"t": {"r": {"v": [1, 2, 2]}}}
    assert not states_equal(twice, once, ["t.*.v"])


def test_free_tables_may_differ_and_assertions_hold_of_them_all_the_same() -> None:
    fact = Assertion(table="phones", key="p", path="online", value=True)
    gold = {"lines": {"l": {"active": True}}, "phones": {"p": {"online": True, "mode": "5g"}}}
    task = Task(id="t", domain="d", kind=(), request="", gold_diff=gold, free=("phones",), assertions=(fact,))

    def right(diff: Any) -> bool:
        return state_matches(Trajectory("d", "t", steps=[Step(Turn(), diff=diff)]), task)

    assert right(gold)
    assert right({**gold, "phones": {"p": {"online": True, "mode": "4g"}}})
    assert not right({**gold, "phones": {"p": {"online": False, "mode": "5g"}}})
    assert not right({**gold, "lines": {"l": {"active": False}}})
    assert not right({**gold, "lines": {**gold["lines"], "m": {"active": True}}})
    strict = task.model_copy(update={"free": ()})
    other = Trajectory("d", "t", steps=[Step(Turn(), diff={**gold, "phones": {"p": {"online": True, "mode": "4g"}}})])
    assert state_matches(other, task)
    assert not state_matches(other, strict)


def test_nested_unordered_lists() -> None:
    a = {"t": {"r": {"v": [{"w": [1, 2]}, {"w": [3]}]}}}
    b = {"t": {"r": {"v": [{"w": [3]}, {"w": [2, 1]}]}}}
    assert states_equal(a, b, ["t.r.v", "t.r.v.*.w"])
    assert not states_equal(a, b, ["t.r.v"])


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        (1, 1.0, True),
        (0.1 + 0.2, 0.3, True),
        (1, 2, False),
        (1, True, False),
        (0, False, False),
        (0, None, False),
        ("1", 1, False),
    ],
)
def test_values(a: Any, b: Any, equal: bool) -> None:
    assert states_equal({"t": {"r": {"v": a}}}, {"t": {"r": {"v": b}}}) is equal
    assert states_equal({"t": {"r": [a]}}, {"t": {"r": [b]}}, ["t.r"]) is equal


def test_a_deleted_record_differs_from_an_untouched_one() -> None:
    assert not states_equal({"t": {"r": None}}, {})
    assert states_equal({"t": {}}, {})


@settings(max_examples=60, deadline=None)
@given(diffs, diffs)
def test_equality_is_symmetric_and_reflexive(a: Any, b: Any) -> None:
    assert states_equal(a, copy_json(a))
    assert states_equal(a, b) == states_equal(b, a)
    paths = ["a.*", "*.x", "b.y.*"]
    assert states_equal(a, b, paths) == states_equal(b, a, paths)


@pytest.mark.parametrize(
    ("assertion", "true"),
    [
        (Assertion(table="users", key="ann", path="credit", value=5), True),
        (Assertion(table="users", key="ann", path="credit", value=6), False),
        (Assertion(table="users", key="ann", path="cards.1.id", value="b"), True),
        (Assertion(table="users", key="ann", path="cards.2.id", value="b"), False),
        (Assertion(table="users", key="ann", path="cards.x", op="exists"), False),
        (Assertion(table="users", key="ann", path="gone", op="exists"), True),
        (Assertion(table="users", key="ann", path="lost", op="absent"), True),
        (Assertion(table="users", key="bob", op="absent"), True),
        (Assertion(table="users", key="bob", op="exists"), False),
        (Assertion(table="users", key="ann", path="cards", op="contains", value={"id": "a", "n": 1}), True),
        (Assertion(table="users", key="ann", path="cards", op="contains", value={"id": "c"}), False),
        (Assertion(table="users", key="*", path="credit", value=5), True),
        (Assertion(table="users", key="*", path="credit", value=9), False),
        (Assertion(table="users", key="*", path="debt", op="absent"), True),
        (Assertion(table="users", key="ann", op="unchanged"), False),
        (Assertion(table="users", key="cid", op="unchanged"), True),
        (Assertion(table="orders", op="unchanged"), True),
        (Assertion(table="*", op="unchanged"), False),
        # Not in the diff, and no base to look in: nothing can be said.
        (Assertion(table="users", key="cid", path="credit", value=1), False),
        (Assertion(table="users", key="cid", op="absent"), False),
    ],
)
def test_assertions(assertion: Assertion, true: bool) -> None:
    assert holds(assertion, DIFF) is true


def test_assertions_look_in_the_base_where_there_is_one() -> None:
    base = {"cid": {"credit": 1}, "ann": {"credit": 4, "name": "Ann"}}.get
    look_up = lambda table, key: base(key) if table == "users" else None  # noqa: E731
    assert holds(Assertion(table="users", key="cid", path="credit", value=1), DIFF, look_up)
    assert holds(Assertion(table="users", key="dan", op="absent"), DIFF, look_up)
    assert not holds(Assertion(table="users", key="ann", path="credit", op="unchanged"), DIFF, look_up)
    assert holds(Assertion(table="users", key="ann", path="credit.x", op="unchanged"), DIFF, look_up)


def test_the_gold_chain_solves(play: Any, vault_task: Task, make_turn: Any) -> None:
    good = play(
        make_turn("look red"),
        make_turn("unlock red"),
        make_turn("unlock blue"),
        make_turn(response="I opened 2 locks."),
        outcome="solved",
    )
    assert solved(good, vault_task)
    assert state_term(good, vault_task) == outcome_term(good, vault_task) == 1.0


def test_a_required_item_is_part_of_solved_but_not_of_the_state(play: Any, vault_task: Task, make_turn: Any) -> None:
    silent = play(make_turn("unlock red"), make_turn("unlock blue"), make_turn(response="Done."), outcome="unsolved")
    assert state_matches(silent, vault_task)
    assert state_term(silent, vault_task) == 1.0
    assert not solved(silent, vault_task)
    assert outcome_term(silent, vault_task) == 0.0


def test_more_than_the_gold_is_wrong(play: Any, vault_task: Task, make_turn: Any) -> None:
    more = play(make_turn("unlock red", "unlock blue", "note a b"), make_turn(response="2 open"), outcome="unsolved")
    assert not state_matches(more, vault_task)


@pytest.mark.parametrize("outcome", [None, "truncated", "infra_error"])
def test_the_terms_pay_only_an_episode_that_ended_by_itself(
    play: Any, vault_task: Task, make_turn: Any, outcome: Any
) -> None:
    right = play(make_turn("unlock red"), make_turn("unlock blue"), make_turn(response="2 open"), outcome=outcome)
    assert solved(right, vault_task)
    assert state_term(right, vault_task) == outcome_term(right, vault_task) == 0.0


def test_a_forbidden_task_wants_nothing_changed(play: Any, make_turn: Any) -> None:
    task = Task(id="f", domain="vault", kind=("x",), request="", forbidden=True)
    assert solved(play(make_turn(response="No.")), task)
    assert not solved(play(make_turn("unlock red")), task)


def test_a_task_told_by_assertions_alone(play: Any, make_turn: Any) -> None:
    task = Task(
        id="a",
        domain="vault",
        kind=("x",),
        request="",
        assertions=(Assertion(table="locks", key="red", path="open", value=True),),
    )
    assert solved(play(make_turn("unlock red", "note a b")), task)
    assert not solved(play(make_turn("note a b")), task)


def test_a_task_without_any_criterion_is_never_solved() -> None:
    task = Task(id="n", domain="d", kind=("x",), request="hello")
    assert not solved(Trajectory("", "n", steps=[Step(Turn(response="hi"))]), task)
