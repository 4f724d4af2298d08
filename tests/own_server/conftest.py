"""What the tests of your own server share: the raw server, quick options, a count of what is left behind."""

import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from toolgym.mcp.connect import ServerHandle, connect
from toolgym.mcp.connection import WireOptions
from toolgym.mcp.state import make_state_options

RAW = Path(__file__).with_name("raw_server.py")
SHOP = Path(__file__).with_name("shop_server.py")
START_S = 60.0
"""Generous: machines that run tests are busy."""


def raw_command(mode: str = "serve") -> list[str]:
    return [sys.executable, str(RAW), mode]


@pytest.fixture
def raw() -> Callable[..., ServerHandle]:
    """Connects to the raw server in a mode."""

    def connected(mode: str = "serve", *, timeout_s: float = 20.0, state_tools=(), **options) -> ServerHandle:
        wire = WireOptions(timeout_s=timeout_s, start_timeout_s=options.pop("start_timeout_s", START_S), **options)
        return connect(raw_command(mode), options=wire, state=make_state_options(state_tools))

    return connected


def children() -> set[int]:
    """Processes of this one that still run."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        for child in (task / "children").read_text().split():
            try:
                state = Path(f"/proc/{child}/stat").read_text().rsplit(")", 1)[1].split()[0]
            except FileNotFoundError:
                continue
            if state != "Z":
                found.add(int(child))
    return found


@pytest.fixture
def leftovers() -> Callable[[], tuple[int, int, int]]:
    """How many child processes, threads and open descriptors there are."""

    def count() -> tuple[int, int, int]:
        return len(children()), threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))

    return count


@pytest.fixture
def raw_server_command() -> Callable[[str], list[str]]:
    return raw_command


@pytest.fixture
def shop_file() -> Path:
    return SHOP
