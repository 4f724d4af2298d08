"""What a container costs: the airline's server, started, called and reset in one, beside the same server over stdio.

    python benchmarks/containers.py --base toolgym-test-base     (an image with Python and ToolGym's packages)

Without --base the image is built on python:3.11-slim with ToolGym from the package index.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from toolgym.mcp.connect import ServerHandle, connect
from toolgym.mcp.connection import WireOptions
from toolgym.mcp.docker import DockerTarget, build_image
from toolgym.mcp.session import ToolSession
from toolgym.messages import ToolCall

CHECKOUT = Path(__file__).resolve().parents[1]
MODULE = ("python", "-m", "toolgym.mcp_servers.airline", "--size", "small")
CALL = ToolCall("calculate", {"expression": "2 * 3.14"})
OPTIONS = WireOptions(start_timeout_s=180)


def airline_image(base: str | None = None) -> str:
    """Builds the airline server's image from this checkout; returns its tag.

    Args:
        base: an image with Python and ToolGym's packages. None: python:3.11-slim, and pip in the build.

    Raises:
        ToolGymError: there is no engine, or building fails.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("toolgym", "envs", "mcp_servers", "agents"):
            shutil.copytree(CHECKOUT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", "checkpoints"))
        for part in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(CHECKOUT / part, folder)
        install = "RUN pip install --no-cache-dir .\n" if base is None else ""
        (folder / "Dockerfile").write_text(
            f"ARG BASE=python:3.11-slim\nFROM $BASE\nWORKDIR /app\nCOPY . .\n{install}RUN chmod -R a+rX /app\n"
            f"CMD {json.dumps(MODULE)}\n"
        )
        return build_image(folder, tag="toolgym-airline-benchmark", base=base, network=base is None)


def figures(open_handle: Callable[[], ServerHandle], calls: int) -> dict[str, float]:
    """What one server costs: s to start and close, ms a call and a reset (medians), calls a second by episodes."""
    began = time.perf_counter()
    handle = open_handle()
    session = handle.session()
    start_s = time.perf_counter() - began
    for _ in range(20):
        session.call(CALL)
    call_ms = statistics.median(_timed(lambda: session.call(CALL)) for _ in range(calls)) * 1e3
    reset_ms = statistics.median(_timed(session.reset) for _ in range(calls // 5)) * 1e3
    rate_64 = _rate([handle.session() for _ in range(64)], calls)
    close_s = _timed(handle.close)
    return {
        "start_s": start_s,
        "call_ms": call_ms,
        "calls_per_s_1": 1e3 / call_ms,
        "calls_per_s_64": rate_64,
        "reset_ms": reset_ms,
        "close_s": close_s,
    }


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _rate(sessions: list[ToolSession], calls: int) -> float:
    """Calls a second of many episodes at once."""
    each = max(1, calls // len(sessions))
    with ThreadPoolExecutor(16) as threads:
        began = time.perf_counter()
        list(threads.map(lambda session: [session.call(CALL) for _ in range(each)], sessions))
        return each * len(sessions) / (time.perf_counter() - began)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", help="an image with Python and ToolGym's packages")
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    image = airline_image(options.base)
    rows = {
        "stdio": figures(lambda: connect([sys.executable, *MODULE[1:]], options=OPTIONS), options.calls),
        "docker": figures(lambda: connect(DockerTarget(image), options=OPTIONS), options.calls),
    }
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    names = list(rows["docker"])
    print("| | " + " | ".join(names) + " |\n|" + "---|" * (len(names) + 1))
    for transport, row in rows.items():
        print(f"| {transport} | " + " | ".join(f"{row[name]:.3g}" for name in names) + " |")


if __name__ == "__main__":
    main()
