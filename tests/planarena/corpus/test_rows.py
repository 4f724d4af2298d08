"""Rows: a hand-worked one, alternatives, chains that fail, and that a label is always what was executed."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from toolgym.env import ToolEnv
from toolgym.envs.planarena.corpus.alternatives import ALTERNATIVE_KINDS, Alternative, alternatives_at
from toolgym.envs.planarena.corpus.annotating import actions_of, annotate
from toolgym.envs.planarena.corpus.errors import ERROR_KINDS, recovered
from toolgym.envs.planarena.corpus.playing import State, start
from toolgym.envs.planarena.corpus.rows import RowMaker
from toolgym.registration import make_domain
from toolgym.tasks import GoldAction, GoldCall, Task

CANCEL, RENEW = 9, 31
"""Tasks of the library, as in `test_states`."""
OTHER = GoldAction(calls=(GoldCall(name="cancel_hold", arguments={"hold_id": "H-15971"}),))
ASKED_FOR = (
    *("wrong_tool", "wrong_argument", "missing_argument", "invented_value", "step_left_out", "wrong_order"),
    *("forbidden_act", "premature_answer", "refused_call", "wrong_answer", "other_request"),
)


def test_a_row_by_hand(state_of: Callable[[int], State], task_of: Callable[[int], Task]) -> None:
    """The other hold is cancelled, then the right one, and the answer is the gold chain's."""
    gold = task_of(CANCEL).gold
    chain = (gold[0], gold[1], OTHER, gold[2], gold[3])
    tried = {2: [Alternative("right", gold[2]), Alternative("premature_answer", GoldAction(response="Done."))]}
    body = annotate(state_of(CANCEL), chain, lambda state, own, turn: tried.get(turn, []))
    assert body["outcome"] == "unsolved"
    told = [(step["turn"], step["role"], step["relevance"], step["solvable"]) for step in body["steps"]]
    assert told == [
        (0, "needed", 1.0, True),
        (1, "needed", 1.0, True),
        (2, "wrong", 0.5, False),
        (3, "needed", 1.0, False),
        (4, "wrong", 1.0, False),  # the right words after a wrong act
    ]
    assert body["steps"][2]["changed"] == '{"holds":{"H-15971":null}}'
    right, premature = body["decisions"][2]["alternatives"]
    assert (right["role"], right["solvable"], right["relevance"]) == ("needed", True, 1.0)
    assert (premature["role"], premature["solvable"]) == ("wrong", False)
    assert [decision["solvable"] for decision in body["decisions"]] == [True, True, True, False, False]
    assert [one["role"] for one in body["messages"]] == ["user", *["assistant", "tool"] * 4, "assistant"]
    assert actions_of(body["messages"]) == [
        GoldAction(
            plan=action.plan,
            calls=tuple(made.model_copy(update={"writes": False}) for made in action.calls),
            response=action.response,
        )
        for action in chain
    ]


def test_recovering_by_hand(env: ToolEnv, task_of: Callable[[int], Task]) -> None:
    task = task_of(CANCEL)
    gold = task.gold
    mended = (gold[0], gold[1], OTHER, gold[2], gold[3])
    assert recovered(start(env, task), mended, 2, "wrong_argument")
    assert not recovered(start(env, task), (gold[0], gold[1], OTHER, gold[3]), 2, "wrong_argument")
    # The holds before the member: nothing is mended by what comes next; the chain of another request mends nothing.
    turned = (gold[1], gold[0], gold[2], gold[3])
    assert not recovered(start(env, task), turned, 0, "wrong_order")
    assert not recovered(start(env, task), mended, 2, "other_request")


def test_alternatives_differ_from_the_action_and_from_each_other(state_of: Callable[[int], State]) -> None:
    for seed in range(20):
        state = state_of(RENEW)
        own = state.task.gold[0]
        made = alternatives_at(state, own, 5, np.random.default_rng(seed))
        said = [repr([(one.name, one.arguments) for one in each.action.calls] or each.action.response) for each in made]
        assert len(set(said)) == len(said)
        assert repr([(one.name, one.arguments) for one in own.calls]) not in said
        assert {each.kind for each in made} <= set(ALTERNATIVE_KINDS)
        assert "right" not in {each.kind for each in made}  # that is what is done


def test_the_right_action_is_among_the_alternatives_to_a_wrong_one(state_of: Callable[[int], State]) -> None:
    state = state_of(CANCEL)
    for action in state.task.gold[:2]:
        state.play(action)
    made = alternatives_at(state, OTHER, 0, np.random.default_rng(0))
    assert [(each.kind, each.action.calls) for each in made] == [("right", state.task.gold[2].calls)]


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    """60 pairs of the library and 40 of the bank."""
    out: list[dict[str, Any]] = []
    for name, count in (("library", 60), ("bank", 40)):
        maker = RowMaker(make_domain(name, size="small"), name, "train", "small", 1, 0)  # pyright: ignore[reportArgumentType]
        for number in range(count):
            out += maker.pair(number, count)
        maker.close()
    return out


def test_labels_are_the_executed_outcome(rows: list[dict[str, Any]]) -> None:
    assert Counter(row["label"] for row in rows) == {"positive": 100, "negative": 100}
    for row in rows:
        positive = row["label"] == "positive"
        assert (row["outcome"] == "solved") == positive
        assert (row["error"] is None) == positive
        assert row["steps"][-1]["solvable"] == positive  # over, and solved or not


def test_every_kind_of_error_occurs_early_and_late_and_some_recover(rows: list[dict[str, Any]]) -> None:
    negatives = [row["error"] for row in rows if row["label"] == "negative"]
    assert set(ASKED_FOR) <= set(ERROR_KINDS)
    assert set(ASKED_FOR) <= {error["kind"] for error in negatives}
    assert sum(error["place"] < 0.5 for error in negatives) >= 0.4 * len(negatives)
    assert sum(error["recovers"] for error in negatives) >= 0.2 * len(negatives)


def test_the_first_error_is_where_the_chain_leaves_the_gold_one(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        if row["error"] is None:
            continue
        turn, kind = row["error"]["turn"], row["error"]["kind"]
        before = [step for step in row["steps"] if step["turn"] < turn]
        assert all(step["role"] == "needed" for step in before)
        assert row["error"]["lost"] >= turn
        here = [step for step in row["steps"] if step["turn"] == turn]
        if kind in ("missing_argument", "refused_call"):
            assert any(step["role"] == "refused" for step in here)
        if kind in ("premature_answer", "wrong_answer"):
            assert [step["kind"] for step in here] == ["response"]
        if kind == "forbidden_act":
            assert any(step["role"] == "wrong" and step["changed"] for step in here)


def test_relevance_is_a_share_and_needed_is_whole(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        tried = [made for decision in row["decisions"] for made in decision["alternatives"]]
        for one in [*row["steps"], *tried]:
            assert 0.0 <= one["relevance"] <= 1.0
            if one["role"] == "needed":
                assert one["relevance"] == 1.0
