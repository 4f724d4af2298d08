"""Fixtures: the notes server in process, over stdio and over HTTP."""

import importlib.util
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from toolgym.mcp.connect import ServerHandle, connect
from toolgym.mcp.serve import serving
from toolgym.mcp.server import ToolServer
from toolgym.trajectory import ToolResult

NOTES_FILE = Path(__file__).with_name("notes_server.py")


def load_notes() -> ModuleType:
    """The notes server's module."""
    name = "toolgym_test_notes_server"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, NOTES_FILE)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture(scope="session")
def notes_file() -> Path:
    return NOTES_FILE


@pytest.fixture(scope="session")
def notes() -> ModuleType:
    return load_notes()


@pytest.fixture
def server(notes: ModuleType) -> ToolServer:
    return notes.make_server()


@pytest.fixture(scope="module")
def stdio_handle() -> Iterator[ServerHandle]:
    with connect(NOTES_FILE) as handle:
        yield handle


@pytest.fixture(scope="module")
def http_url() -> Iterator[str]:
    with serving(load_notes().make_server()) as url:
        yield url


@pytest.fixture(scope="module")
def http_handle(http_url: str) -> Iterator[ServerHandle]:
    with connect(http_url) as handle:
        yield handle


@pytest.fixture(params=["process", "stdio", "http"])
def handle(request: pytest.FixtureRequest) -> ServerHandle:
    """The notes server on each transport."""
    if request.param == "process":
        return connect(load_notes().make_server())
    return request.getfixturevalue(f"{request.param}_handle")


@pytest.fixture(scope="session")
def exact() -> Callable[[ToolResult], tuple[str, str, bool, str]]:
    """A result down to the types and the order of keys: 1, 1.0 and True differ."""
    return lambda result: (result.text, json.dumps(result.structured), result.is_error, result.outcome)
