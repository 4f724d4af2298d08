"""Why an episode is not solved: the reasons say what `solved` says, with what was expected and found."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolgym.messages import ToolCall, Turn
from toolgym.rewards.assertions import differences, states_equal
from toolgym.rewards.explaining import Reason, why_unsolved
from toolgym.rewards.state import solved
from toolgym.tasks import Assertion, ChecklistItem, GoldAction, Task
from toolgym.tasks.task import CallCheck, NoWriteCheck, RefusedCheck, SaidCheck, StateCheck
from toolgym.trajectory import Step, ToolResult, Trajectory

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["a", "A ", "b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=6,
)
RECORDS = st.none() | st.dictionaries(st.sampled_from("xyz"), VALUES, max_size=3)
DIFFS = st.dictionaries(
    st.sampled_from(["t", "u"]), st.dictionaries(st.sampled_from("kl"), RECORDS, max_size=2), max_size=2
)
PATTERNS = st.sampled_from([(), ("t.*.x",), ("*.k.*",), ("*.*.x.*",)])


@given(DIFFS, DIFFS, PATTERNS, st.booleans())
@settings(max_examples=400)
def test_there_is_a_difference_where_the_states_are_not_equal_and_only_there(wanted, found, unordered, based):
    base = (lambda table, key: {"x": [1], "y": "a"}) if based else None
    assert bool(differences(wanted, found, unordered, base)) != states_equal(wanted, found, unordered)
    assert not differences(wanted, wanted, unordered, base)


def played(*steps: Step, outcome: Any = "unsolved", **more: Any) -> Trajectory:
    return Trajectory("bank", "t", steps=list(steps), outcome=outcome, **more)


def step(*calls: ToolCall, said: str | None = None, diff: Any = None, outcome: Any = "ok") -> Step:
    results = tuple(ToolResult("", is_error=outcome != "ok", outcome=outcome) for _ in calls)
    return Step(Turn(calls=calls, response=said), results, diff=diff)


def task_of(*items: ChecklistItem, **more: Any) -> Task:
    return Task(id="t", domain="bank", kind=("pay",), request="Pay 4 to ann.", checklist=items, **more)


def item(check: Any, name: str = "one", **more: Any) -> ChecklistItem:
    return ChecklistItem(id=name, question="Was it done?", check=check, **{"required": True, **more})


WANTED = {"accounts": {"ann": {"owner": "Ann", "balance": 34, "log": [30, 4]}}}
START = {"owner": "Ann", "balance": 30, "log": [30]}


def base(table: str, key: str) -> Any:
    return START if (table, key) == ("accounts", "ann") else None


def test_a_record_that_was_written_wrongly_is_told_by_the_fields_that_differ():
    wrong = {"accounts": {"ann": {"owner": "Ann", "balance": 33, "log": [30, 3]}}}
    told = why_unsolved(played(step(ToolCall("pay", {}), diff=wrong)), task_of(gold_diff=WANTED))
    # The owner is right; 34 was wanted and 33 found, and of the log's two entries the second differs.
    assert told == [
        Reason("record", "accounts.ann.balance", "34", "33"),
        Reason("record", "accounts.ann.log.1", "4", "3"),
    ]


def test_a_free_table_is_no_reason():
    diff = {"accounts": WANTED["accounts"], "phones": {"p": {"mode": "4g"}}}
    task = task_of(gold_diff={**WANTED, "phones": {"p": {"mode": "5g"}}})
    assert [reason.where for reason in why_unsolved(played(step(said="Done.", diff=diff)), task)] == ["phones.p.mode"]
    free = task.model_copy(update={"free": ("phones",)})
    assert all(reason.kind != "record" for reason in why_unsolved(played(step(said="Done.", diff=diff)), free))


def test_a_record_that_was_left_alone_is_told_against_the_start():
    (alone, log) = why_unsolved(played(step(said="Done.")), task_of(gold_diff=WANTED), base)
    assert alone == Reason("record", "accounts.ann.balance", "34", "30, as at the start")
    assert log == Reason("record", "accounts.ann.log", "[30,4]", "[30], as at the start")
    (whole,) = why_unsolved(played(step(said="Done.")), task_of(gold_diff=WANTED))
    assert (whole.where, whole.found) == ("accounts.ann", "as it was at the start")


def test_a_record_that_nobody_wanted_changed_is_told():
    diff = {**WANTED, "users": {"bob": None}}
    (reason,) = why_unsolved(played(step(ToolCall("drop", {}), diff=diff)), task_of(gold_diff=WANTED), base)
    assert (reason.kind, reason.where, reason.found) == ("record", "users.bob", "nothing")
    (barred,) = why_unsolved(
        played(step(ToolCall("pay", {}), diff=WANTED), outcome="unsolved"),
        task_of(forbidden=True, gold=(GoldAction(response="No."),)),
    )
    assert (barred.where, barred.expected) == ("accounts.ann", "as it was at the start")


CALL = CallCheck(name="pay", arguments={"to": "ann"})


@pytest.mark.parametrize(
    ("check", "steps", "kind", "expected", "found"),
    [
        (CALL, [step(said="Done.")], "item", 'call of pay with {"to":"ann"}', "it was not called"),
        (CALL, [step(ToolCall("pay", {"to": "bob"}))], "item", "call of pay", 'called with {"to":"bob"} (ok)'),
        (CALL, [step(ToolCall("pay", {"to": "ann"}), outcome="tool_error")], "item", "call of pay", "(tool_error)"),
        (SaidCheck(facts=("EN573",)), [step()], "fact", '"EN573"', "nothing was said"),
        (SaidCheck(facts=("EN573",)), [step(said="It is EN57.")], "fact", '"EN573"', "said: It is EN57."),
        (SaidCheck(facts=("EN573",)), [step(said="It is not EN573.")], "fact", '"EN573"', "not as the answer"),
        (RefusedCheck(), [step(said="Done.")], "item", "a response that refuses", "said: Done."),
        (NoWriteCheck(), [step(ToolCall("pay", {}), diff=WANTED)], "item", "no change", "step 1 (pay)"),
        (
            StateCheck(assertion=Assertion(table="accounts", key="ann", path="balance", value=3)),
            [step(ToolCall("pay", {}), diff=WANTED)],
            "item",
            "accounts.ann.balance: 3",
            "34",
        ),
    ],
)
def test_each_kind_of_item_says_what_it_wanted_and_what_there_is(check, steps, kind, expected, found):
    (reason,) = why_unsolved(played(*steps), task_of(item(check)))
    assert (reason.kind, reason.where) == (kind, "one: Was it done?")
    assert expected in reason.expected
    assert found in reason.found


def test_only_the_facts_that_were_not_told_are_named():
    told = why_unsolved(played(step(said="It is EN573.")), task_of(item(SaidCheck(facts=("EN573", "$175")))))
    assert [reason.expected for reason in told] == ['"$175"']


def test_an_item_that_waits_for_another_is_followed_by_it():
    first, then = item(CALL, "first", required=False), item(SaidCheck(facts=("4",)), depends_on=("first",))
    told = why_unsolved(played(step(said="I paid 4.")), task_of(first, then))
    assert [reason.where.partition(":")[0] for reason in told] == ["one", "first"]
    assert told[0].expected == '"4", after first'


def test_how_it_ended_comes_first():
    gold = task_of(gold_diff=WANTED)
    cut = why_unsolved(played(step(), outcome="truncated", truncation="turns"), gold)
    assert cut[0].kind == "end"
    assert "the limit on turns" in cut[0].found
    assert "record" in {reason.kind for reason in cut}
    lost = why_unsolved(played(outcome="infra_error", meta={"error": "ServerDiedError: gone"}), gold)
    assert lost[0].found == "ServerDiedError: gone"
    (nothing,) = why_unsolved(played(step(said="Done.")), task_of())
    assert nothing.kind == "nothing"
    assertion = Assertion(table="accounts", key="ann", path="balance", value=34)
    (claim,) = why_unsolved(played(step(said="Done.")), task_of(assertions=(assertion,)), base)
    assert (claim.kind, claim.where, claim.expected) == ("assertion", "accounts.ann.balance", "34")
    assert claim.found == "30, as at the start"


@given(
    st.sampled_from([{}, WANTED, {"accounts": {"ann": None}}]),
    st.lists(st.sampled_from([CALL, SaidCheck(facts=("4",)), RefusedCheck(), NoWriteCheck()]), max_size=3),
    st.lists(st.sampled_from([step(), step(said="I paid 4."), step(ToolCall("pay", {"to": "ann"}), diff=WANTED)])),
    st.booleans(),
)
def test_there_are_reasons_where_an_episode_is_not_solved_and_only_there(gold, checks, steps, chained):
    items = [item(check, f"item{i}", depends_on=("item0",) if i else ()) for i, check in enumerate(checks)]
    task = task_of(*items, gold_diff=gold, gold=(GoldAction(response="Done."),) if chained else ())
    trajectory = played(*steps)
    assert bool(why_unsolved(trajectory, task)) != solved(trajectory, task)
