"""`toolgym check`: every result as it comes, and an exit status for scripts."""

import json
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
import pytest

from toolgym.checker import check_tool_env
from toolgym.cli import main
from toolgym.env import ToolEnv
from toolgym.opening import open_env


class Forgetful(ToolEnv):
    """Gives a fork that shares its past."""

    def fork(self) -> ToolEnv:
        twin = super().fork()
        twin.trajectory.steps = self.trajectory.steps
        return twin


def make_forgetful(**options: Any) -> ToolEnv:
    return Forgetful(open_env("ToolGym/Airline-v0", size="small").domain)


@pytest.fixture
def broken_id() -> Iterator[str]:
    gymnasium.register("Test/Forgetful-v0", entry_point=make_forgetful, disable_env_checker=True)
    yield "Test/Forgetful-v0"
    del gymnasium.registry["Test/Forgetful-v0"]


def status_of(*arguments: str) -> int:
    try:
        main(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def test_a_new_server_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert status_of("new", "server", "shop") == 0
    capsys.readouterr()
    files = ["--set", "servers=shop/server.py:server", "--set", "tasks=shop/tasks.yaml"]
    assert status_of("check", "--env", "ToolGym/MCP-v0", *files) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "ToolGym/MCP-v0: 10 of 10 checks passed"
    assert [line.split()[0] for line in lines[:-1]] == ["ok"] * 10


def test_a_broken_environment_fails_by_status_line_and_json(broken_id: str, capsys: pytest.CaptureFixture[str]) -> None:
    chosen = ["check", "--env", broken_id, "--only", "oracle", "--only", "fork", "--episodes", "2"]
    assert status_of(*chosen) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("ok   oracle")
    assert lines[1].startswith("FAIL fork")
    assert lines[2] == f"{broken_id}: 1 of 2 checks passed"
    assert status_of(*chosen, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert found["passed"] is False
    assert [(check["name"], check["passed"]) for check in found["checks"]] == [("oracle", True), ("fork", False)]


def test_what_the_caller_can_mend(capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of("check", "--only", "oracel") == 2
    assert "Did you mean 'oracle'" in capsys.readouterr().err
    assert status_of("check", "--set", "size=tiny") == 2
    assert "tiny" in capsys.readouterr().err


COUNTED = '''
import os, sys
from fastmcp import FastMCP

with open(os.environ["STARTS"], "a") as starts:
    starts.write("started\\n")
app, loans = FastMCP("shelf"), []


@app.tool
def lend(book: str) -> str:
    """Lends a book."""
    loans.append(book)
    return f"{book} is lent"


@app.tool(annotations={"readOnlyHint": True})
def lent() -> list[str]:
    """What is lent."""
    return loans


app.run()
'''
SHELF_TASKS = """
tasks:
- {id: dune, request: Lend me Dune., gold: [{calls: [{lend: {book: Dune}}]}, {response: Done.}]}
- {id: emma, request: Lend me Emma., gold: [{calls: [{lend: {book: Emma}}]}, {response: Done.}]}
"""


def starts_of(folder: Path, capsys: pytest.CaptureFixture[str], *checks: str) -> int:
    """How often a server over stdio, which keeps its own state, is started for some checks."""
    (folder / "shelf.py").write_text(COUNTED)
    (folder / "tasks.yaml").write_text(SHELF_TASKS)
    count = folder / "starts.txt"
    count.write_text("")
    server = {"command": sys.executable, "args": [str(folder / "shelf.py")], "env": {"STARTS": str(count)}}
    (folder / "mcp.json").write_text(json.dumps({"mcpServers": {"shelf": server}}))
    options = {"servers": folder / "mcp.json", "tasks": folder / "tasks.yaml", "state_tools": '["lent"]', "spares": 0}
    words = [word for name, value in options.items() for word in ("--set", f"{name}={value}")]
    only = [word for name in checks for word in ("--only", name)]
    assert status_of("check", "--env", "ToolGym/MCP-v0", *words, *only) == 0, capsys.readouterr().out
    return count.read_text().count("started")


@pytest.mark.slow
def test_a_server_on_the_wire_is_started_once_for_the_checks_that_share_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Freezing the two tasks starts two servers, beside the one of the environment: it was made to see that the options
    # are right, and serves the checks. Each reset after a write starts one more.
    alone = starts_of(tmp_path, capsys, "gold_is_hidden")
    assert alone == 3
    # Nothing is written between: three checks cost what one does, but for resets after the oracle's two writes.
    assert starts_of(tmp_path, capsys, "gold_is_hidden", "oracle", "any_string") == alone + 2


def test_each_check_tells_how_far_it_is() -> None:
    told: list[tuple[str, int, int]] = []
    make = partial(open_env, "ToolGym/Airline-v0", size="small")
    check_tool_env(make, only=["oracle", "fork"], episodes=3, on_progress=lambda *seen: told.append(seen))
    assert told == [
        ("oracle", 0, 1),
        *(("oracle", done, 3) for done in range(3)),
        ("fork", 0, 1),
        *(("fork", done, 6) for done in range(6)),
    ]
