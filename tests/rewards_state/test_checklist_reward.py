"""Checklists by program: what satisfies an item, in which order, and what a step earns by it."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolgym.messages import ToolCall, Turn
from toolgym.rewards.checklist import checklist_score, checklist_term, includes, satisfied, satisfied_by_step
from toolgym.tasks import Assertion, CallCheck, ChecklistItem, JudgedCheck, NoWriteCheck, SaidCheck, StateCheck, Task
from toolgym.trajectory import Step, ToolResult, Trajectory


def task_of(*items: ChecklistItem) -> Task:
    return Task(id="c", domain="d", kind=("k",), request="", checklist=items)


def item(name: str, check: Any, **more: Any) -> ChecklistItem:
    return ChecklistItem(id=name, question="?", check=check, **more)


def did(name: str, ok: bool = True, **arguments: Any) -> Step:
    return Step(
        Turn(calls=(ToolCall(name, arguments),)),
        (ToolResult("r", is_error=not ok, outcome="ok" if ok else "tool_error"),),
    )


def said(text: str) -> Step:
    return Step(Turn(response=text))


def episode(*steps: Step, done: bool = False) -> Trajectory:
    return Trajectory("", "c", steps=list(steps), outcome="unsolved" if done else None)


@pytest.mark.parametrize(
    ("given_", "wanted", "fits"),
    [
        ({"a": 1, "b": 2}, {"a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"a": 1.0}, {"a": 1}, True),
        ({"a": "1"}, {"a": 1}, True),
        ({"a": "one"}, {"a": 1}, False),
        ({"a": True}, {"a": 1}, False),
        ({"a": " X1 "}, {"a": "x1"}, True),
        ({"a": [1, 2]}, {"a": [2, 1]}, False),
        ({"a": [{"b": 1, "c": 2}]}, {"a": [{"b": 1}]}, True),
        ({"a": None}, {"a": None}, True),
        ({"a": 10**400}, {"a": "x"}, False),
    ],
)
def test_included_arguments(given_: Any, wanted: Any, fits: bool) -> None:
    assert includes(given_, wanted) is fits


def test_a_call_counts_when_it_succeeds_with_the_arguments() -> None:
    task = task_of(item("a", CallCheck(name="f", arguments={"x": 1})))
    assert satisfied(episode(did("f", ok=False, x=1)), task) == ()
    assert satisfied(episode(did("f", x=2)), task) == ()
    assert satisfied(episode(did("g", x=1)), task) == ()
    assert satisfied(episode(did("f", x=1, y=3)), task) == ("a",)


def test_a_call_before_its_dependence_does_not_count_and_may_be_made_again() -> None:
    task = task_of(item("late", CallCheck(name="g"), depends_on=("first",)), item("first", CallCheck(name="f")))
    assert satisfied_by_step(episode(did("g"), did("f"), did("g")), task) == [(), ("first",), ("late", "first")]
    both = Step(Turn(calls=(ToolCall("g"), ToolCall("f"))), (ToolResult(""), ToolResult("")))
    assert satisfied(episode(both), task) == ("late", "first")


def test_a_state_item_holds_while_the_state_does() -> None:
    task = task_of(item("s", StateCheck(assertion=Assertion(table="t", key="r", path="v", value=1))))
    steps = [did("f"), did("f"), did("f")]
    steps[0].diff, steps[2].diff = {"t": {"r": {"v": 1}}}, {"t": {"r": {"v": 2}}}
    assert satisfied_by_step(episode(*steps), task) == [("s",), ("s",), ()]


def test_a_forbidden_fact_is_lost_for_good() -> None:
    task = task_of(item("s", SaidCheck(facts=("50",), forbidden=("60",))))
    assert satisfied_by_step(episode(said("It is 50."), said("Or 60."), said("No, 50.")), task) == [("s",), (), ()]


def test_no_write_forgives_the_allowed_tools_only() -> None:
    task = task_of(item("n", NoWriteCheck(allow=("ok",))))
    allowed, other, read = did("ok"), did("bad"), did("look")
    allowed.diff, other.diff = {"t": {"a": 1}}, {"t": {"a": 1, "b": 1}}
    assert satisfied_by_step(episode(read, allowed, other, read), task) == [("n",), ("n",), (), ()]


def test_an_undone_write_is_still_a_write() -> None:
    task = task_of(item("n", NoWriteCheck()))
    there, back = did("w"), did("w")
    there.diff, back.diff = {"t": {"a": 1}}, {}
    assert satisfied(episode(there, back), task) == ()


def test_judged_items_are_left_out_and_bar_nothing() -> None:
    judged = item("j", JudgedCheck(pass_condition="polite"), weight=9.0, required=True)
    task = task_of(judged, item("a", CallCheck(name="f"), depends_on=("j",)))
    assert satisfied(episode(did("f")), task) == ("a",)
    assert checklist_score(episode(did("f")), task) == 1.0


def test_step_rewards_worked_by_hand(play: Any, vault_task: Task, make_turn: Any, prefix_sums: Any) -> None:
    # Five items of weight 1, so each gives 1/5. Step 1 looks (+1/5), step 2 opens red (state: +1/5), step 3 opens blue
    # (call after its dependence: +1/5), step 4 tells "2" (+1/5) and ends, so that "only" is settled (+1/5).
    whole = play(
        make_turn("look red"),
        make_turn("unlock red"),
        make_turn("unlock blue"),
        make_turn(response="2 are open"),
        outcome="solved",
    )
    assert prefix_sums(checklist_term, whole, vault_task) == pytest.approx([0.2, 0.2, 0.2, 0.4])


def test_doing_nothing_earns_nothing_before_the_end(
    play: Any, vault_task: Task, make_turn: Any, prefix_sums: Any
) -> None:
    idle = play(make_turn("look blue"), make_turn("look blue"), outcome="unsolved")
    # Only "only" (nothing else was written) holds: 1/5, at the end.
    assert prefix_sums(checklist_term, idle, vault_task) == pytest.approx([0.0, 0.2])


def test_no_checklist_gives_no_reward_and_a_full_score() -> None:
    assert checklist_term(episode(did("f"), done=True), task_of()) == 0.0
    assert checklist_score(episode(did("f")), task_of()) == 1.0


ACTIONS = ["look red", "look blue", "unlock red", "unlock blue", "note a b", "look green"]


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_an_episode_s_rewards_sum_to_its_share(data: Any) -> None:
    items = [
        item("look", CallCheck(name="look"), weight=data.draw(st.floats(0, 3))),
        item("red", CallCheck(name="unlock", arguments={"lock": "red"}), depends_on=("look",)),
        item("told", SaidCheck(facts=("2",), forbidden=("7",))),
        item("state", StateCheck(assertion=Assertion(table="t", key="k", path="v", value=1)), depends_on=("red",)),
        item("none", NoWriteCheck(allow=("unlock",))),
    ]
    task = task_of(*data.draw(st.permutations(items)))
    kinds = data.draw(
        st.lists(st.sampled_from(["look", "unlock", "note", "say 2", "say 7", "v1", "v0"]), min_size=1, max_size=8)
    )
    steps = []
    for kind in kinds:
        step = said(kind) if kind.startswith("say") else did("unlock" if kind in ("v0", "v1") else kind, lock="red")
        if kind in ("v0", "v1"):
            step.diff = {"t": {"k": {"v": int(kind[1])}}}
        steps.append(step)
    rewards = [checklist_term(episode(*steps[:n], done=n == len(steps)), task) for n in range(1, len(steps) + 1)]
    whole = episode(*steps, done=True)
    assert sum(rewards) == pytest.approx(checklist_score(whole, task), abs=1e-9)
    assert 0.0 <= checklist_score(whole, task) <= 1.0 + 1e-9
    assert satisfied_by_step(whole, task)[-1] == satisfied(whole, task)
