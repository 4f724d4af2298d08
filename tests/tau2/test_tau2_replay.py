"""`replay`: what lists of calls earn, worked out by hand on the small worlds; and the recordings of the reference."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgym.envs.tau2 import replay
from toolgym.envs.tau2.data import load
from toolgym.envs.tau2.verdicts import action_matches, communicated
from toolgym.errors import ConfigError, TaskError

CANCEL = ["cancel_reservation", {"reservation_id": "OLD001"}, "assistant"]
SAID = "You get $362 back IN two, days."
LOOK = ["get_order_details", {"order_id": "#W3"}, "assistant"]
RETURNED = {"order_id": "#W3", "item_ids": ["11"], "payment_method_id": "paypal_3"}
RETURN = ["return_delivered_order_items", RETURNED, "assistant"]
ROAMING = ["enable_roaming", {"customer_id": "C1", "line_id": "L1"}, "assistant"]
TOGGLE = ["toggle_roaming", {}, "user"]


class TestAirline:
    def test_gold(self, data):
        assert replay("airline", "cancel", [CANCEL], SAID, data=data) == {
            "reward": 1.0,
            "breakdown": {"DB": 1.0, "COMMUNICATE": 1.0},
            "db_match": True,
            "action_matches": [True],
        }

    @pytest.mark.parametrize("text", [None, "", "  ", "You get 362.", "In two days."])
    def test_all_must_be_said(self, data, text):
        told = replay("airline", "cancel", [CANCEL], text, data=data)
        assert (told["reward"], told["breakdown"]) == (0.0, {"DB": 1.0, "COMMUNICATE": 0.0})

    def test_the_same_end_by_other_calls_is_right(self, data):
        reads = [["get_user_details", {"user_id": "ann_1"}, "assistant"], ["nonsense", {}, "assistant"]]
        assert replay("airline", "cancel", [*reads, CANCEL], SAID, data=data)["reward"] == 1.0

    def test_cancelling_twice_refunds_twice(self, data):
        told = replay("airline", "cancel", [CANCEL, CANCEL], SAID, data=data)
        assert (told["db_match"], told["action_matches"], told["reward"]) == (False, [True], 0.0)

    def test_nothing_to_do(self, data):
        idle = {"reward": 1.0, "breakdown": {"DB": 1.0, "COMMUNICATE": 1.0}, "db_match": True, "action_matches": None}
        assert replay("airline", "refuse", [], None, data=data) == idle
        assert replay("airline", "refuse", [CANCEL], None, data=data)["reward"] == 0.0


class TestRetail:
    def test_without_assertions_there_is_nothing_to_judge(self, data):
        told = replay("retail", "return", [LOOK, RETURN], None, data=data)
        assert (told["reward"], told["breakdown"]) == (1.0, {"DB": 1.0, "NL_ASSERTION": 1.0})
        assert replay("retail", "return", [RETURN], None, data=data)["action_matches"] == [False, True]

    def test_what_needs_a_judge_is_left_to_one(self, data):
        told = replay("retail", "judged", [LOOK], None, data=data)
        assert told["breakdown"] == {"DB": 0.0, "ACTION": 0.0, "COMMUNICATE": 1.0}
        assert told["reward"] == 0.0
        assert replay("retail", "judged", [RETURN], None, data=data)["reward"] == 1.0


class TestTelecom:
    def test_the_user_acts(self, data):
        told = replay("telecom", "flight mode", [["toggle_airplane_mode", {}, "user"]], None, data=data)
        assert told == {
            "reward": 1.0,
            "breakdown": {"ENV_ASSERTION": 1.0},
            "db_match": True,
            "action_matches": [True],
        }

    @pytest.mark.parametrize("requestor", ["assistant", "system", None, 3])
    def test_another_side_cannot(self, data, requestor):
        told = replay("telecom", "flight mode", [["toggle_airplane_mode", {}, requestor]], None, data=data)
        # The reference asks of an action who made it no more than what came of it.
        assert (told["reward"], told["db_match"], told["action_matches"]) == (0.0, False, [True])

    def test_gold_is_played_without_telling_the_other_side(self, data):
        # The phone hears that roaming is allowed; in the gold world of the reference it does not.
        told = replay("telecom", "abroad", [ROAMING, TOGGLE], None, data=data)
        assert told["breakdown"] == {"ENV_ASSERTION": 1.0, "ACTION": 1.0}
        assert (told["reward"], told["db_match"]) == (1.0, False)
        assert replay("telecom", "abroad", [ROAMING], None, data=data)["reward"] == 0.0
        # There the request to pay does not reach the phone, so that nothing is paid: only the request is in its world.
        told = replay("telecom", "bill", [["send_payment_request", {"customer_id": "C1", "bill_id": "B2"}]], None, data)
        assert (told["reward"], told["db_match"], told["action_matches"]) == (0.0, False, [True, False])
        gold = load("telecom", data).gold("bill")
        assert gold.get("bills", "B2")["status"] == "Awaiting Payment"
        assert gold.get("phones", "phone")["surroundings"]["payment_request"] is None

    def test_actions_that_count(self, data):
        broken = [["toggle_roaming", {}, "user"], ["enable_roaming", {"customer_id": "C1", "line_id": "L2"}]]
        told = replay("telecom", "abroad", broken, None, data=data)
        assert told["breakdown"] == {"ENV_ASSERTION": 0.0, "ACTION": 0.0}


GOLD = {"name": "f", "arguments": {"a": 1, "b": [1, 2]}}


class TestActions:
    @pytest.mark.parametrize(
        ("counting", "made", "matches"),
        [
            (None, {"a": 1, "b": [1, 2]}, True),
            (None, {"a": 1.0, "b": [1, 2]}, True),
            (None, {"a": 1}, True),  # those of the call count, and all of them are the gold's
            (None, {}, True),
            (None, {"a": 1, "b": [2, 1]}, False),
            (None, {"a": 1, "b": [1, 2], "c": None}, False),
            ([], {"a": 7}, True),
            (["a"], {"a": 1, "b": "other", "c": 0}, True),
            (["a"], {"b": [1, 2]}, False),
            (["z"], {"a": 7}, True),  # neither has it
        ],
    )
    def test_which_arguments_count(self, counting, made, matches):
        criteria = {"actions": [{**GOLD, "compare_args": counting}]}
        assert action_matches(criteria, [("g", made), ("f", made)]) == [matches]
        assert action_matches(criteria, [("g", made)]) == [False]

    @given(
        st.lists(st.tuples(st.one_of(st.text(), st.none()), st.one_of(st.none(), st.text(), st.lists(st.integers()))))
    )
    def test_what_is_no_call_matches_nothing(self, calls: list[Any]):
        assert action_matches({"actions": [GOLD]}, calls) == [False]


def test_commas_of_the_message_alone_are_left_out():
    # As in the reference: "1,000" is never found, because no message has a comma any more.
    assert communicated({"communicate_info": ["1000"]}, ["It is 1,000 dollars."])
    assert not communicated({"communicate_info": ["1,000"]}, ["It is 1,000 dollars."])
    assert communicated({"communicate_info": None}, [])


_ANY = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.floats(allow_nan=False), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=3), inner, max_size=2)),
    max_leaves=4,
)
_NAMES = st.sampled_from(["cancel_reservation", "toggle_roaming", "return_delivered_order_items", "refuel_data", "f"])
_ARGUMENTS = st.dictionaries(
    st.sampled_from(["reservation_id", "order_id", "item_ids", "line_id", "x"]), _ANY, max_size=3
)


@given(
    st.sampled_from([("airline", "cancel"), ("retail", "return"), ("telecom", "abroad")]),
    st.lists(
        st.one_of(
            st.tuples(_NAMES, _ARGUMENTS, st.sampled_from(["assistant", "user", "nobody"])).map(list),
            st.tuples(_ANY, _ANY, _ANY).map(list),
            st.lists(_ANY, max_size=2),
        ),
        max_size=4,
    ),
    st.one_of(st.none(), st.text()),
)
def test_any_calls_at_all_have_a_reward(data, task, calls, text):
    domain, task_id = task
    told = replay(domain, task_id, calls, text, data=data)
    assert told["reward"] in (0.0, 1.0)
    assert set(told["breakdown"].values()) <= {0.0, 1.0}
    assert told == replay(domain, task_id, calls, text, data=data)  # nothing of an episode is left in the next


class TestData:
    def test_folders_that_hold_it(self, data, tmp_path):
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "tau2").symlink_to(data)
        assert replay("retail", "return", [], None, data=tmp_path / "data")["reward"] == 0.0

    @pytest.mark.parametrize(
        ("domain", "task_id", "says"),
        [("hotel", "cancel", "telecom"), ("airline", "cancle", "Did you mean 'cancel'"), ("retail", "7", "no task|7")],
    )
    def test_unknown_names(self, data, domain, task_id, says):
        with pytest.raises(ConfigError, match=says):
            replay(domain, task_id, [], None, data=data)

    def test_no_data(self, tmp_path):
        with pytest.raises(ConfigError, match="data=DIR"):
            replay("airline", "0", [], None)
        with pytest.raises(ConfigError, match=r"it must hold airline/tasks\.json"):
            replay("airline", "0", [], None, data=tmp_path)
        (tmp_path / "airline").mkdir()
        (tmp_path / "airline" / "tasks.json").write_text("{")
        with pytest.raises(ConfigError, match="cannot read tau2's"):
            replay("airline", "0", [], None, data=tmp_path)

    def test_a_set_up_that_is_not_known(self, data, tmp_path):
        for path in (data / "retail").iterdir():
            (tmp_path / path.name).write_bytes(path.read_bytes())
        (tmp_path / "retail").mkdir()
        tasks = json.loads((data / "retail" / "tasks.json").read_bytes())
        tasks[0]["initial_state"] = {"initialization_data": {"agent_data": {}, "user_data": None}}
        (tmp_path / "retail" / "tasks.json").write_text(json.dumps(tasks))
        (tmp_path / "retail" / "db.json").write_bytes((data / "retail" / "db.json").read_bytes())
        with pytest.raises(TaskError, match="initialization_data"):
            load("retail", tmp_path).base("return")
