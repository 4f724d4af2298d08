"""How fast servers are and how they fail: calls a second and reset times by transport, and the fault table.

    python -m benchmarks.servers                            # in process, stdio, HTTP; then the faults
    python -m benchmarks.servers --docker                   # and in a container: the image is built with pip
    python -m benchmarks.servers --docker MY-BASE --json    # built on an image with Python and ToolGym's packages

The same airline server on each transport, with one and with 64 concurrent episodes, beside FastMCP's own client on the
same transport in the same run (in a container: on `docker run --interactive`). Then a server that misbehaves: what came
of each fault, and how long it took until a fresh episode worked.
"""

import argparse
import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
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
from toolgym.mcp.connect import connect
from toolgym.mcp.connection import WireOptions
from toolgym.mcp.docker import build_image
from toolgym.mcp_servers.airline import build_server
from toolgym.messages import ToolCall

CALL = ToolCall("calculate", {"expression": "2 * 3.14"})
CHECKOUT = Path(__file__).resolve().parents[1]
MODULE = ["-m", "toolgym.mcp_servers.airline", "--size", "small"]
COMMAND = [sys.executable, *MODULE]
FAULTY = CHECKOUT / "tests" / "own_server" / "raw_server.py"
PIP_BASE = "python:3.11-slim"
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
ROUNDS = 9


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


def measure(name: str, server: Any, target: Any, seconds: float) -> list[dict[str, Any]]:
    """A transport with one and with 64 episodes: ours and FastMCP's client by turns, medians of the rounds.

    `ratio` is the median of ours over FastMCP's in the same round, `from` and `to` the quarter points; `start_s` is
    from nothing to the first episode.

    Args:
        server: what ToolGym connects to.
        target: the same for FastMCP's client; its 64 callers share a connection, as ours do.
    """
    began = time.perf_counter()
    with connect(server, options=PATIENT) as handle, asyncio.Runner() as runner:
        sessions = [handle.session()]
        start_s = time.perf_counter() - began
        sessions += [handle.session() for _ in range(MANY - 1)]
        client = Client(target, timeout=60, init_timeout=PATIENT.start_timeout_s)
        runner.run(client.__aenter__())
        ours = [partial(session.call_async, CALL) for session in sessions]
        theirs = [partial(_call, client, f"e{index}") for index in range(MANY)]
        slice_s = seconds / ROUNDS
        rates_RC: list[tuple[float, float, float, float]] = [
            (
                rate_of_calls(partial(sessions[0].call, CALL), slice_s),
                runner.run(rate_of(theirs[:1], slice_s)),
                runner.run(rate_of(ours, slice_s)),
                runner.run(rate_of(theirs, slice_s)),
            )
            for _ in range(ROUNDS)
        ]
        runner.run(client.__aexit__(None, None, None))
        began = time.perf_counter()
        for _ in range(20):
            sessions[0].reset()
        reset_ms = (time.perf_counter() - began) / 20 * 1e3
        for session in sessions:
            session.close()
    one = _rates([(row[0], row[1]) for row in rates_RC])
    many = _rates([(row[2], row[3]) for row in rates_RC])
    return [
        {"transport": name, "episodes": 1, **one, "reset_ms": reset_ms, "start_s": start_s},
        {"transport": name, "episodes": MANY, **many, "reset_ms": None, "start_s": None},
    ]


def _rates(rates_R2: Sequence[tuple[float, float]]) -> dict[str, float]:
    low, middle, high = statistics.quantiles((ours / theirs for ours, theirs in rates_R2), n=4)
    return {
        "calls_per_s": statistics.median(ours for ours, _ in rates_R2),
        "fastmcp": statistics.median(theirs for _, theirs in rates_R2),
        "ratio": middle,
        "from": low,
        "to": high,
    }


def _call(client: Any, episode: str) -> Awaitable[Any]:
    return client.call_tool_mcp(CALL.name, dict(CALL.arguments), meta={"toolgym/episode": episode})


def airline_image(base: str) -> str:
    """Builds the airline server's image from this checkout; returns its tag.

    Args:
        base: an image with Python and ToolGym's packages, or `PIP_BASE`, where pip installs them in the build.

    Raises:
        ToolGymError: there is no engine, or building fails.
    """
    with tempfile.TemporaryDirectory() as name:
        folder, pip = Path(name), base == PIP_BASE
        for part in ("toolgym", "envs", "mcp_servers", "agents"):
            shutil.copytree(CHECKOUT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", "checkpoints"))
        for part in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(CHECKOUT / part, folder)
        install = "RUN pip install --no-cache-dir .\n" if pip else ""
        (folder / "Dockerfile").write_text(
            f"ARG BASE\nFROM $BASE\nWORKDIR /app\nCOPY . .\n{install}RUN chmod -R a+rX /app\n"
            f"CMD {json.dumps(['python', *MODULE])}\n"
        )
        return build_image(folder, tag="toolgym-airline-benchmark", base=base, network=pip)


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


def stdio(command: Sequence[str]) -> StdioTransport:
    """A server's process for FastMCP's client."""
    return StdioTransport(command[0], list(command[1:]), env=dict(os.environ), keep_alive=False)


def speeds(seconds: float, docker_base: str | None) -> list[dict[str, Any]]:
    """All transports."""
    server = build_server(size="small")
    rows = measure("in process", server, server.fastmcp, seconds)
    rows += measure("stdio", COMMAND, stdio(COMMAND), seconds)
    with http_process() as url:
        rows += measure("HTTP", url, url, seconds)
    if docker_base is not None:
        image = airline_image(docker_base)
        rows += measure("Docker", f"docker:{image}", stdio(["docker", "run", "--rm", "--interactive", image]), seconds)
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
        start, lost = time.perf_counter(), "the episode"
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


def _cell(value: str | float | None) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"
    return "" if value is None else str(value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each rate is measured")
    parser.add_argument(
        "--docker",
        nargs="?",
        const=PIP_BASE,
        metavar="BASE",
        help=f"measure a container as well, of an image built on this one (default: {PIP_BASE}, with pip)",
    )
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
            text = isinstance(rows[0][column], str)
            table.add_column(column.replace("_", " "), justify="left" if text else "right")
        for row in rows:
            table.add_row(*map(_cell, row.values()))
        console.print(table)


if __name__ == "__main__":
    main()
