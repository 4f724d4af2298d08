"""A plain FastMCP server that misbehaves on request, for the tests: `python failing_server.py [start-mode]`."""

import asyncio
import os
import sys
import time

from fastmcp import FastMCP

mcp = FastMCP("failing")
state = {"n": 0}


@mcp.tool(annotations={"readOnlyHint": True})
def read() -> int:
    """Reads."""
    return state["n"]


@mcp.tool
def add(by: int = 1) -> int:
    """Adds."""
    state["n"] += by
    return state["n"]


@mcp.tool
def pid() -> int:
    """Differs in each process."""
    return os.getpid()


@mcp.tool
def die() -> str:
    """Ends the process."""
    print("last words", file=sys.stderr, flush=True)
    os._exit(3)


@mcp.tool
async def late(seconds: float, text: str) -> str:
    """Answers late."""
    await asyncio.sleep(seconds)
    return text


if __name__ == "__main__":
    mode = sys.argv[1] if len(sys.argv) > 1 else "serve"
    if mode == "broken":
        raise SystemExit("cannot start: no database")
    if mode == "silent":
        time.sleep(60)
    mcp.run("stdio", show_banner=False)
    if mode == "stubborn":
        time.sleep(60)
