"""The `tau_bench` and `tau2` dialects against recorded calls of the public references."""

import os
from pathlib import Path

import pytest

from benchmarks import recorded
from benchmarks.recorded_retail import tau2_hash
from toolgym.mcp_servers.retail import build_server
from toolgym.world import Base

CHECKOUT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("TOOLGYM_SHARED", CHECKOUT.parent / "shared")) / "data"

EXCEPTIONS: dict[str, list[str]] = {}
"""Reason -> the calls and final states that may differ from the recordings. There are none."""

external = [pytest.mark.external, pytest.mark.skipif(not DATA.is_dir(), reason="the recorded data is not there")]


def by_reason(report) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for item in report.disagreements:
        found.setdefault(item.reason, []).append(item.where)
    return found


class TestAgainstTheRecordings:
    pytestmark = external

    def test_tau_bench(self) -> None:
        server = build_server(data=DATA / "tau_bench" / "retail", dialect="tau_bench")
        report = recorded.replay(server, recorded.sequences_of(DATA / "tau_bench", "retail"))
        assert by_reason(report) == EXCEPTIONS, report.disagreements
        # Counted in the files: 531 calls succeeded, 320 failed; 100 + 121 sequences have a final state.
        assert report.total["ok"] >= 531
        assert sum(report.total.values()) - report.total["ok"] - report.total["final state"] >= 320
        assert report.total["final state"] >= 221
        assert report.agreed["ok"] >= 0.995 * report.total["ok"]

    def test_tau2(self) -> None:
        server = build_server(data=DATA / "tau2" / "retail", dialect="tau2")
        report = recorded.replay(server, recorded.sequences_of(DATA / "tau2", "retail"), tau2_hash)
        assert by_reason(report) == EXCEPTIONS, report.disagreements
        # Counted in the files: 210 calls succeeded, 129 failed; 40 + 23 + 138 sequences have the hash of a final state.
        for kind, least in (("ok", 210), ("tool_error", 129), ("final state", 201)):
            assert report.total[kind] >= least

    def test_standard_differs_where_it_should(self) -> None:
        # It refuses wrong types, and notes no payment of nothing; all other calls are the same.
        server = build_server(data=DATA / "tau_bench" / "retail")
        report = recorded.replay(server, recorded.sequences_of(DATA / "tau_bench", "retail"))
        calls = [item for item in report.disagreements if item.reason != "different final state"]
        for item in calls:
            refused_type = item.reason.startswith("refused") and "Invalid arguments for" in item.detail
            nothing_paid = item.reason == "different result" and "modify_pending_order_items" in item.detail
            assert refused_type or nothing_paid, item
        assert 0 < len(calls) <= 0.02 * report.total["ok"]

    def test_a_wrong_tool_is_noticed(self) -> None:
        # The replay must be able to fail: the dialects differ.
        server = build_server(data=DATA / "tau_bench" / "retail", dialect="tau2")
        report = recorded.replay(server, recorded.sequences_of(DATA / "tau_bench", "retail"))
        assert {item.reason for item in report.disagreements} >= {"different final state", "different result"}
        server = build_server(data=DATA / "tau2" / "retail", dialect="tau_bench")
        report = recorded.replay(server, recorded.sequences_of(DATA / "tau2", "retail"), tau2_hash)
        assert {item.reason for item in report.disagreements} >= {"different final state", "different result"}


def test_a_value_that_is_set_to_its_equal_is_no_difference(make_base) -> None:
    base: Base = make_base("tau_bench")
    balance = "/users/bo_2/payment_methods/gift_card_4/balance"
    sequences = iter([("one", {"calls": [], "db_diff": [["set", balance, 100, 100.0]]})])
    assert recorded.replay(build_server(base=base, dialect="tau_bench"), sequences).disagreements == []
    sequences = iter([("one", {"calls": [], "db_diff": [["set", balance, 100, 100.5]]})])
    assert len(recorded.replay(build_server(base=base, dialect="tau_bench"), sequences).disagreements) == 1
