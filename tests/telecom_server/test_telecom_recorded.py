"""The `tau2` dialect against recorded calls of the public reference, of both sides."""

import json
import os
from pathlib import Path

import pytest

from benchmarks import recorded
from benchmarks.recorded_telecom import tasks_of, tau2_hash
from toolgym.errors import ConfigError, TaskError
from toolgym.mcp_servers.telecom import build_server
from toolgym.mcp_servers.telecom.public_world import load_base
from toolgym.mcp_servers.telecom.situations import check, set_up
from toolgym.messages import ToolCall

CHECKOUT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("TOOLGYM_SHARED", CHECKOUT.parent / "shared")) / "data" / "tau2"

EXCEPTIONS: dict[str, list[str]] = {}
"""Reason -> the calls and final states that may differ from the recordings. There are none."""

external = [pytest.mark.external, pytest.mark.skipif(not DATA.is_dir(), reason="the recorded data is not there")]


class TestAgainstTheRecordings:
    pytestmark = external

    def test_calls_states_and_rewards(self) -> None:
        server = build_server(data=DATA / "telecom", dialect="tau2")
        sequences = recorded.sequences_of(DATA, "telecom")
        report = recorded.replay(server, sequences, tau2_hash, *tasks_of(DATA / "telecom"))
        found: dict[str, list[str]] = {}
        for item in report.disagreements:
            found.setdefault(item.reason, []).append(item.where)
        assert found == EXCEPTIONS, report.disagreements
        # Counted in the files: 6 calls with a result; 4 + 23 sequences with the hashes of both sides; 23 rewards; and
        # 8 assertions.
        for kind, least in (("ok", 6), ("final state", 27), ("phone", 27), ("reward", 23), ("assertion", 8)):
            assert report.total[kind] >= least
            assert report.agreed[kind] >= 0.995 * report.total[kind]

    def test_a_wrong_tool_is_noticed(self) -> None:
        # The replay must be able to fail: another dialect gives numbers, another set-up other phones.
        server = build_server(data=DATA / "telecom")
        report = recorded.replay(server, recorded.sequences_of(DATA, "telecom"), tau2_hash, *tasks_of(DATA / "telecom"))
        assert {item.reason for item in report.disagreements} == {"different result"}
        _, judge = tasks_of(DATA / "telecom")
        report = recorded.replay(server, recorded.sequences_of(DATA, "telecom"), tau2_hash, None, judge)
        reasons = {item.reason for item in report.disagreements}
        assert reasons >= {"different final state", "different phone", "different reward"}

    def test_the_gold_of_every_public_task_solves_it_and_nothing_less(self) -> None:
        server = build_server(data=DATA / "telecom", dialect="tau2")
        tasks = json.loads((DATA / "telecom" / "tasks_small.json").read_bytes())
        assert len(tasks) == 20
        for task in tasks:
            actions = task["evaluation_criteria"]["actions"]
            asserted = task["evaluation_criteria"]["env_assertions"]
            handed_over = actions[0]["name"] == "transfer_to_human_agents"
            for left_out in [None, *(() if handed_over else range(len(actions)))]:
                session = server.session()
                for action in task["initial_state"]["initialization_actions"]:
                    set_up(session.world, action["func_name"], action["arguments"])
                for place, action in enumerate(actions):
                    if place != left_out:
                        make = session.call_as_user if action["requestor"] == "user" else session.call
                        make(ToolCall(action["name"], action["arguments"]))
                holds = [
                    check(session.world, one["func_name"], one["arguments"]) == one["assert_value"] for one in asserted
                ]
                assert all(holds) == (left_out is None), (task["id"], left_out)


class TestPublicWorlds:
    def test_two_files(self, world_folder):
        base = load_base(world_folder, "tau2")
        assert set(base.tables) == {"plans", "devices", "lines", "customers", "bills", "phones"}
        assert base.tables["lines"]["L1"]["suspension_start_date"] is None
        assert base.tables["phones"]["phone"]["surroundings"]["phone_number"] is None
        assert base.meta["dialect"] == "tau2"

    def test_whose_phone_it_is_must_be_said(self, world_folder):
        session = build_server(data=world_folder).session()
        session.call(ToolCall("enable_roaming", {"customer_id": "C1", "line_id": "L1"}))
        assert not session.world.get("phones", "phone")["surroundings"]["roaming_allowed"]
        set_up(session.world, "set_user_info", {"name": "Ann Reyes", "phone_number": "555-000-0001"})
        assert session.world.get("phones", "phone")["surroundings"]["roaming_allowed"]

    @pytest.mark.parametrize(
        ("text", "says"), [(None, "cannot read the telecom world's"), ("[", "cannot read"), ("plans = []", "it lacks")]
    )
    def test_a_broken_file(self, world_folder, text, says):
        (world_folder / "db.toml").unlink()
        if text is not None:
            (world_folder / "db.toml").write_text(text)
        with pytest.raises(ConfigError, match=says):
            build_server(data=world_folder)

    def test_a_record_without_an_id(self, world_folder):
        plans = 'plans = [{ name = "x" }]\ndevices = []\nlines = []\ncustomers = []\nbills = []'
        (world_folder / "db.toml").write_text(plans)
        with pytest.raises(ConfigError, match="lacks 'plan_id'"):
            build_server(data=world_folder)

    def test_unknown_situations_and_checks(self, standard):
        with pytest.raises(TaskError, match="turn_data_off"):
            set_up(standard.world, "turn_dataoff", {})
        with pytest.raises(TaskError, match="assert_can_send_mms"):
            check(standard.world, "assert_can_send_mm", {})
