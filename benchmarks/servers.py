"""How fast servers are and how they fail: calls a second and reset times by transport, and the fault table.

    python benchmarks/servers.py [--seconds 2] [--docker IMAGE] [--json]

The same airline server in process, over stdio and over HTTP, with one and with 64 concurrent episodes, beside FastMCP's
own client on the same transports in the same run. Then a server that misbehaves: what came of each fault, and how long
it took until a fresh episode worked.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from fastmcp import Client
from fastmcp.client.transports import StdioTransport
from rich.console import Console
from rich.table import Table

from toolgym.errors import InfraError
from toolgym.mcp.connect import ServerHandle, connect
from toolgym.mcp.connection import WireOptions
from toolgym.mcp_servers.airline import build_server
from toolgym.messages import ToolCall

CALL = ToolCall("calculate", {"expression": "2 * 3.14"})
COMMAND = [sys.executable, "-m", "toolgym.mcp_servers.airline", "--size", "small"]
FAULTY = Path(__file__).resolve().parents[1] / "tests" / "own_server" / "raw_server.py"
MANY = 64
PATIENT = WireOptions(start_timeout_s=300.0)
FAULTS = {
    "exit": "exits in a call",
    "hang": "hangs",
    "stubborn": "hangs, ignores SIGTERM",
    "garbage": "answers garbage",
    "half": "answers half a message",
    "flood": "answers 100 MB",
    "deep": "nests 5,000 levels",
    "utf8": "answers invalid UTF-8",
    "nan": "answers NaN",
    "surrogate": "answers half a character",
    "shape": "answers in another form",
    "noise": "writes 2 MB to stderr",
    "tools": "changes its tools",
    "twice": "answers twice",
}
STARTS = {"broken": "exits at start", "silent": "never starts", "old-protocol": "speaks an unknown protocol"}


ROUNDS = 5


async def rate_of(calls: Sequence[Callable[[], Awaitable[Any]]], seconds: float) -> float:
    """Calls a second of callers at once, each of which waits for its own answers."""
    stop = time.perf_counter() + seconds
    counts = [0] * len(calls)

    async def work(index: int) -> None:
        while time.perf_counter() < stop:
            await calls[index]()
            counts[index] += 1

    start = time.perf_counter()
    await asyncio.gather(*(work(index) for index in range(len(calls))))
    return sum(counts) / (time.perf_counter() - start)


def rate_of_calls(call: Callable[[], Any], seconds: float) -> float:
    """Calls a second, one after another, without an event loop of the caller's."""
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        call()
        count += 1
    return count / (time.perf_counter() - start)


def measure(name: str, handle: ServerHandle, target: Any, seconds: float) -> list[dict[str, Any]]:
    """A transport, ours and FastMCP's client, by turns; the best of five slices each, since machines are busy.

    Args:
        target: the same server for FastMCP's client; its 64 callers share a connection, as ours do. None: ours alone.
    """
    sessions = [handle.session() for _ in range(MANY)]
    ours = [partial(session.call_async, CALL) for session in sessions]
    client = None if target is None else Client(target, timeout=60)
    theirs = [partial(_call, client, f"e{index}") for index in range(MANY)]
    best: dict[str, float] = {}

    def keep(key: str, value: float) -> None:
        best[key] = max(best.get(key, 0.0), value)

    with asyncio.Runner() as runner:
        if client is not None:
            runner.run(client.__aenter__())
        for _ in range(ROUNDS):
            keep("ours", rate_of_calls(partial(sessions[0].call, CALL), seconds / ROUNDS))
            keep("ours, many", runner.run(rate_of(ours, seconds / ROUNDS)))
            if client is not None:
                keep("theirs", runner.run(rate_of(theirs[:1], seconds / ROUNDS)))
                keep("theirs, many", runner.run(rate_of(theirs, seconds / ROUNDS)))
        if client is not None:
            runner.run(client.__aexit__(None, None, None))
    start = time.perf_counter()
    for _ in range(20):
        sessions[0].reset()
    reset_ms = (time.perf_counter() - start) / 20 * 1e3
    for session in sessions:
        session.close()
    rows = [_row(name, best["ours"], best["ours, many"], reset_ms)]
    if client is not None:
        rows.append(_row(f"{name}, FastMCP's client", best["theirs"], best["theirs, many"], None))
    return rows


def _call(client: Any, episode: str) -> Awaitable[Any]:
    return client.call_tool_mcp(CALL.name, dict(CALL.arguments), meta={"toolgym/episode": episode})


def _row(name: str, one: float, many: float, reset_ms: float | None) -> dict[str, Any]:
    return {"transport": name, "calls_per_s": one, f"calls_per_s_{MANY}": many, "reset_ms": reset_ms}


@contextmanager
def http_process() -> Any:
    """The airline's HTTP server in a process of its own, as clients usually meet it."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([*COMMAND, "--transport", "http", "--port", str(port)], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.terminate()
        process.wait()


def speeds(seconds: float, docker: str | None) -> list[dict[str, Any]]:
    """All transports."""
    server = build_server(size="small")
    rows = measure("in process", connect(server), server.fastmcp, seconds)
    stdio = StdioTransport(COMMAND[0], COMMAND[1:], env=dict(os.environ), keep_alive=False)
    with connect(COMMAND, options=PATIENT) as handle:
        rows += measure("stdio", handle, stdio, seconds)
    with http_process() as url, connect(url, options=PATIENT) as handle:
        rows += measure("HTTP", handle, url, seconds)
    if docker is not None:
        with connect(f"docker:{docker}") as handle:
            rows += measure("Docker", handle, None, seconds)
    return rows


def fault(how: str, what: str) -> dict[str, Any]:
    """One fault in a call: what came of it, and the time from there until a fresh episode has answered."""
    with connect([sys.executable, str(FAULTY)], options=WireOptions(timeout_s=2.0, start_timeout_s=60.0)) as handle:
        session = handle.session()
        session.call(ToolCall("write_note", {"id": "b", "text": "kept?"}))
        try:
            result = session.call(ToolCall("misbehave", {"how": how}))
            outcome = f"{result.outcome}{', cut' if 'was cut here' in result.text else ''}"
        except InfraError as error:
            outcome = type(error).__name__
        start = time.perf_counter()
        with suppress(InfraError):
            lost = "" if "b" in session.call(ToolCall("list_notes")).text else "the episode"
        if outcome.endswith("Error"):
            lost = "the episode"  # its outcome is infra_error: trainers mask it
        session.reset()
        assert session.call(ToolCall("list_notes")).text == '{"a": "first"}'
        return {"fault": what, "outcome": outcome, "recovery_s": time.perf_counter() - start, "lost": lost or "nothing"}


def start_fault(mode: str, what: str) -> dict[str, Any]:
    """A server that does not start: how long until that is told."""
    start = time.perf_counter()
    with connect([sys.executable, str(FAULTY), mode], options=WireOptions(start_timeout_s=2.0)) as handle:
        try:
            handle.session()
            outcome = "started"
        except InfraError as error:
            outcome = type(error).__name__
    return {"fault": what, "outcome": outcome, "recovery_s": time.perf_counter() - start, "lost": "nothing"}


def faults() -> list[dict[str, Any]]:
    """The fault table."""
    table = [start_fault(mode, what) for mode, what in STARTS.items()]
    return table + [fault(how, what) for how, what in FAULTS.items()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0, help="how long each rate is measured")
    parser.add_argument("--docker", metavar="IMAGE", help="an image of the airline server, to measure as well")
    parser.add_argument("--json", action="store_true", help="print JSON")
    chosen = parser.parse_args()
    found = {"speeds": speeds(chosen.seconds, chosen.docker), "faults": faults()}
    if chosen.json:
        print(json.dumps(found, indent=2))
        return
    console = Console()
    for title, rows in found.items():
        table = Table(title=title, title_justify="left")
        for column in rows[0]:
            table.add_column(column, justify="left" if isinstance(rows[0][column], str) else "right")
        for row in rows:
            cells = (
                f"{cell:,.2f}" if isinstance(cell, float) else "" if cell is None else cell for cell in row.values()
            )
            table.add_row(*cells)
        console.print(table)


if __name__ == "__main__":
    main()
