"""`toolgym serve` as a program, used by a real MCP client over stdio and over HTTP."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

SERVE = ["-c", "from toolgym.cli import main; main()", "serve"]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


async def _use(client: Client) -> tuple[int, str]:
    async with client:
        tools = await client.list_tools()
        result = await client.call_tool("calculate", {"expression": "2 * 3.14"})
    return len(tools), result.content[0].text


@pytest.mark.parametrize("name", ["airline", "ToolGym/Airline-v0"])
def test_stdio(name):
    transport = StdioTransport(sys.executable, [*SERVE, name, "--set", "size=small", "--set", "seed=3"])
    tools, text = asyncio.run(_use(Client(transport, timeout=60)))
    assert tools == 14
    assert text == "6.28"


def test_http():
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, *SERVE, "airline", "--transport", "http", "--port", str(port)],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "160"},
    )
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.1)
        for path in ("mcp", "episodes/e1/mcp"):
            tools, text = asyncio.run(_use(Client(f"http://127.0.0.1:{port}/{path}", timeout=60)))
            assert (tools, text) == (14, "6.28")
    finally:
        server.send_signal(signal.SIGINT)
        _, said = server.communicate(timeout=30)
    assert f"http://127.0.0.1:{port}/mcp" in said
    assert "Traceback" not in said


def test_other_machines_need_a_token(toolgym):
    done = toolgym("serve", "airline", "--transport", "http", "--host", "0.0.0.0", "--port", 0)
    assert done.code == 2
    assert "token" in done.err
