"""The `tau_bench` and `tau2` dialects against recorded calls of the public references."""

import importlib.util
import os
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from types import ModuleType

import orjson
import pytest

from toolgym.envs.tau2.states import database_hash
from toolgym.mcp_servers.airline import build_server
from toolgym.messages import ToolCall
from toolgym.world import Base

CHECKOUT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("TOOLGYM_SHARED", CHECKOUT.parent / "shared")) / "data" / "tau_bench"

EXCEPTIONS: dict[str, list[str]] = {}
"""Reason -> the calls and final states that may differ from the recordings. There are none."""

external = [pytest.mark.external, pytest.mark.skipif(not DATA.is_dir(), reason="the recorded data is not there")]


@pytest.fixture(scope="module")
def recorded() -> ModuleType:
    """benchmarks/recorded.py, which is in no package."""
    spec = importlib.util.spec_from_file_location("recorded", CHECKOUT / "benchmarks" / "recorded.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


class TestAgainstTheRecordings:
    pytestmark = external

    def test_every_call_and_final_state_agrees(self, recorded: ModuleType) -> None:
        server = build_server(data=DATA / "airline", dialect="tau_bench")
        report = recorded.replay(server, recorded.sequences_of(DATA, "airline"))
        found: dict[str, list[str]] = {}
        for item in report.disagreements:
            found.setdefault(item.reason, []).append(item.where)
        assert found == EXCEPTIONS, report.disagreements
        # Counted in the files: 393 recorded and 2 gold calls succeeded; 107 + 2 sequences have a final state.
        assert report.total["ok"] >= 395
        assert report.total["final state"] >= 109
        assert report.agreed["ok"] >= 0.995 * report.total["ok"]

    def test_tau2(self, recorded: ModuleType) -> None:
        server = build_server(data=DATA / "airline", dialect="tau2")
        sequences = recorded.sequences_of(DATA.parent / "tau2", "airline")
        report = recorded.replay(server, sequences, partial(database_hash, "airline"))
        assert report.disagreements == []
        # Counted in the files: 163 calls succeeded, 100 failed; 40 + 10 + 52 sequences have the hash of a final state.
        for kind, least in (("ok", 163), ("tool_error", 100), ("final state", 102)):
            assert report.total[kind] >= least

    def test_tau2_is_noticed_to_be_another(self, recorded: ModuleType) -> None:
        server = build_server(data=DATA / "airline", dialect="tau_bench")
        sequences = recorded.sequences_of(DATA.parent / "tau2", "airline")
        report = recorded.replay(server, sequences, partial(database_hash, "airline"))
        assert {item.reason for item in report.disagreements} >= {"different final state", "different result"}

    def test_standard_dialect_agrees_on_reads(self, recorded: ModuleType) -> None:
        # What the dialects share: well-typed reads of a fresh world, except one-stop searches across midnight.
        server = build_server(data=DATA / "airline")
        compared = Counter()
        for _, sequence in recorded.sequences_of(DATA, "airline"):
            for call in sequence.get("calls", []):
                if call["name"] in {"get_user_details", "get_reservation_details", "search_direct_flight"}:
                    is_plain = call["kind"] == "ok" and call["tag"] in {"plain", "other_valid_id"}
                    touched = any(edit[1].split("/")[2] in str(call["kwargs"]) for edit in sequence["db_diff"])
                    if is_plain and not touched:
                        result = server.session().call(ToolCall(call["name"], call["kwargs"]))
                        assert orjson.loads(result.text) == orjson.loads(call["observation"])
                        compared[call["name"]] += 1
        assert min(compared[name] for name in ("get_user_details", "search_direct_flight")) >= 5

    def test_a_wrong_tool_is_noticed(self, recorded: ModuleType) -> None:
        # The replay must be able to fail: the standard dialect takes seats, so final states differ.
        report = recorded.replay(build_server(data=DATA / "airline"), recorded.sequences_of(DATA, "airline"))
        assert {item.reason for item in report.disagreements} >= {"different final state", "different result"}
        assert report.agreed["ok"] < report.total["ok"]


class TestComparison:
    def test_numbers_to_a_millionth(self, recorded: ModuleType) -> None:
        assert recorded.equal({"a": [1, 2.0000001]}, {"a": [1.0, 2]})
        assert not recorded.equal([1.00001], [1])
        assert not recorded.equal([True], [1])
        assert not recorded.equal({"a": 1}, {"a": 1, "b": None})
        assert not recorded.equal([1], [1, 2])

    def test_edits_make_the_final_state(self, recorded: ModuleType) -> None:
        base = Base({"t": {"x": {"list": [1, 2, 3], "a/b": 1}, "y": 5, "z": 6}})
        edits = [
            ["set", "/t/x/a~1b", 1, 2],
            ["add", "/t/x/new", [0]],
            ["del", "/t/x/list/1", 2],
            ["del", "/t/x/list/2", 3],
            ["del", "/t/z", 6],
            ["add", "/t/w", {"id": "w"}],
        ]
        expected = {"t": {"x": {"list": [1], "a/b": 2, "new": [0]}, "z": None, "w": {"id": "w"}}}
        assert recorded.expected_diff(base, edits) == expected
        assert base.tables["t"]["x"] == {"list": [1, 2, 3], "a/b": 1}
