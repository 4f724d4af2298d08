"""`python -m toolgym.mcp_servers.retail`, with the real FastMCP client over stdio."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from typer.testing import CliRunner

from toolgym.mcp_servers.retail import build_server
from toolgym.mcp_servers.retail.__main__ import app
from toolgym.messages import ToolCall

MODULE = "toolgym.mcp_servers.retail"
CANCEL = ToolCall("cancel_pending_order", {"order_id": "#W2", "reason": "no longer needed"})
CALLS = [
    ToolCall("find_user_id_by_email", {"email": "ann.reyes@example.com"}),
    ToolCall("list_all_product_types", {}),
    ToolCall("get_order_details", {"order_id": "#W2"}),
    CANCEL,
    CANCEL,
    ToolCall("cancel_pending_order", {"order_id": "#W1"}),
    ToolCall("get_user_details", {"user_id": "ann_1"}),
    ToolCall("think", {"thought": "é"}),
]


@pytest.mark.parametrize("dialect", ["standard", "tau_bench", "tau2"])
def test_over_stdio(world_folder: Path, dialect: Any):
    async def talk() -> tuple[list[str], list[str]]:
        arguments = ["-m", MODULE, "--data", str(world_folder), "--dialect", dialect]
        async with Client(StdioTransport(sys.executable, arguments)) as client:
            results = []
            for call in CALLS:
                result = await client.call_tool(call.name, call.arguments, raise_on_error=False)
                text = "".join(block.text for block in result.content)
                results.append(f"{result.is_error} {text} {json.dumps(result.structured_content)}")
            return [tool.name for tool in await client.list_tools()], results

    names, results = asyncio.run(talk())
    session = build_server(data=world_folder, dialect=dialect).session()
    assert names == [spec.name for spec in session.tools]
    ours = [session.call(call) for call in CALLS]
    assert results == [f"{result.is_error} {result.text} {json.dumps(result.structured)}" for result in ours]


def test_help():
    shown = " ".join(CliRunner().invoke(app, ["--help"]).stdout.split())
    assert "Runs the shop's MCP server" in shown
    assert "orders.json, products.json and users.json" in shown
    assert "standard|tau_bench|tau2" in shown


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--data", "no such folder"], "cannot read the retail world's"),
        (["--data", "no such folder", "--seed", "1"], "one of data, seed and base"),
        (["--dialect", "tau3"], "'standard', 'tau_bench', 'tau2'"),
    ],
)
def test_mistakes(options: list[str], says: str):
    failed = CliRunner().invoke(app, options)
    assert failed.exit_code == 2
    assert says in " ".join(failed.stderr.split())
