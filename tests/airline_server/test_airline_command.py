"""`python -m toolgym.mcp_servers.airline`, with the real FastMCP client over stdio and HTTP."""

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from typer.testing import CliRunner

from toolgym.mcp_servers.airline import build_server
from toolgym.mcp_servers.airline.__main__ import app
from toolgym.messages import ToolCall

COMMAND = [sys.executable, "-m", "toolgym.mcp_servers.airline"]
SEND = {"user_id": "ann_1", "amount": 20}


async def _results(client: Client, calls: list[ToolCall], meta: dict[str, Any] | None = None) -> list[str]:
    texts = []
    for call in calls:
        result = await client.call_tool(call.name, call.arguments, meta=meta, raise_on_error=False)
        text = "".join(block.text for block in result.content)
        texts.append(f"{result.is_error} {text} {json.dumps(result.structured_content)}")
    return texts


def _in_process(server: Any, calls: list[ToolCall]) -> list[str]:
    session = server.session()
    results = [session.call(call) for call in calls]
    return [f"{result.is_error} {result.text} {json.dumps(result.structured)}" for result in results]


CALLS = [
    ToolCall("get_user_details", {"user_id": "ann_1"}),
    ToolCall("search_direct_flight", {"origin": "CCC", "destination": "AAA", "date": "2024-05-20"}),
    ToolCall("send_certificate", SEND),
    ToolCall("cancel_reservation", {"reservation_id": "OLD001"}),
    ToolCall("cancel_reservation", {"reservation_id": "OLD001"}),
    ToolCall("book_reservation", {"user_id": "ann_1"}),
    ToolCall("think", {"thought": "é"}),
    ToolCall("send_certificate", SEND),
]


@contextmanager
def _serving(*options: str) -> Iterator[str]:
    """An HTTP server process on a free port; yields its URL."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [*COMMAND, *options, "--transport", "http", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.terminate()
        process.communicate(timeout=20)


@pytest.mark.parametrize("dialect", ["standard", "tau_bench"])
def test_over_stdio(world_folder: Path, dialect: Any):
    async def talk() -> tuple[list[str], list[str]]:
        arguments = [*COMMAND[1:], "--data", str(world_folder), "--dialect", dialect]
        async with Client(StdioTransport(COMMAND[0], arguments)) as client:
            return [tool.name for tool in await client.list_tools()], await _results(client, CALLS)

    names, results = asyncio.run(talk())
    server = build_server(data=world_folder, dialect=dialect)
    assert names == [spec.name for spec in server.tool_specs]
    assert results == _in_process(server, CALLS)


def test_over_http(world_folder: Path):
    async def talk(url: str) -> list[list[str]]:
        async with Client(url) as client:
            # Two episodes in turn, each with certificates of its own.
            return [await _results(client, CALLS, {"toolgym/episode": name}) for name in ("one", "two")]

    with _serving("--data", str(world_folder)) as url:
        results = asyncio.run(talk(url))
    assert results == [_in_process(build_server(data=world_folder), CALLS)] * 2


def test_a_generated_world_over_stdio():
    call = ToolCall("list_all_airports", {})

    async def talk() -> list[str]:
        async with Client(StdioTransport(COMMAND[0], [*COMMAND[1:], "--seed", "3", "--size", "small"])) as client:
            return await _results(client, [call])

    assert asyncio.run(talk()) == _in_process(build_server(seed=3, size="small"), [call])


def test_stdout_carries_only_the_protocol():
    request = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "test", "version": "1"},
        },
    }
    started = subprocess.run(COMMAND, input=json.dumps(request) + "\n", capture_output=True, text=True, timeout=60)
    messages = [json.loads(line) for line in started.stdout.splitlines()]
    assert [message["id"] for message in messages] == [1]
    assert messages[0]["result"]["serverInfo"]["name"] == "airline"


def test_help():
    shown = CliRunner().invoke(app, ["--help"]).stdout
    assert all(
        word in shown for word in ("--data", "--dialect", "--transport", "Examples:", "--seed 3 --size standard")
    )


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--data", "no such folder"], "cannot read the airline world's"),
        (["--data", "no such folder", "--seed", "1"], "one of data, seed and base"),
        (["--size", "huge"], "'small', 'standard', 'large'"),
        (["--transport", "http", "--host", "0.0.0.0"], "without a token"),
    ],
)
def test_mistakes(options: list[str], says: str):
    failed = CliRunner().invoke(app, options)
    assert failed.exit_code == 2
    assert says in " ".join(failed.stderr.split())


def test_files_must_hold_records(world_folder: Path):
    from toolgym.errors import ConfigError

    (world_folder / "users.json").write_text("[]")
    with pytest.raises(ConfigError, match="must hold an object of records by id, not list"):
        build_server(data=world_folder)
