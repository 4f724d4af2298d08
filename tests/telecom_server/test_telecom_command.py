"""`python -m toolgym.mcp_servers.telecom`, over stdio, for both sides."""

import sys

import pytest
from typer.testing import CliRunner

from toolgym.mcp.connect import connect
from toolgym.mcp_servers.telecom import build_server
from toolgym.mcp_servers.telecom.__main__ import app
from toolgym.messages import ToolCall

MODULE = "toolgym.mcp_servers.telecom"
CALLS = [
    ("agent", ToolCall("get_customer_by_phone", {"phone_number": "555-000-0001"})),
    ("user", ToolCall("check_status_bar", {})),
    ("user", ToolCall("toggle_airplane_mode", {})),
    ("agent", ToolCall("toggle_airplane_mode", {})),
    ("agent", ToolCall("refuel_data", {"customer_id": "C1", "line_id": "L1", "gb_amount": 2.0})),
    ("user", ToolCall("make_payment", {})),
    ("agent", ToolCall("send_payment_request", {"customer_id": "C1", "bill_id": "B2"})),
    ("user", ToolCall("grant_app_permission", {"app_name": "maps", "permission": "sms"})),
]


@pytest.mark.parametrize("dialect", ["standard", "tau2"])
def test_over_stdio(world_folder, dialect):
    here = build_server(data=world_folder, dialect=dialect).session()
    command = [sys.executable, "-m", MODULE, "--data", str(world_folder), "--dialect", dialect]
    with connect(command) as handle:
        there = handle.session()
        assert here.tools == there.tools
        assert here.user_tools == there.user_tools
        for side, call in CALLS:
            ours, theirs = (
                session.call_as_user(call) if side == "user" else session.call(call) for session in (here, there)
            )
            assert ours == theirs
        assert here.diff() == there.diff()


def test_help():
    shown = " ".join(CliRunner().invoke(app, ["--help"]).stdout.split())
    assert "Runs the operator's MCP server" in shown
    assert "db.toml and user_db.toml" in shown
    assert "standard|tau2" in shown
    assert "--data DIR --dialect tau2" in shown


def test_mistakes():
    failed = CliRunner().invoke(app, ["--data", "no such folder"])
    assert failed.exit_code == 2
    assert "cannot read the telecom world's" in " ".join(failed.stderr.split())
