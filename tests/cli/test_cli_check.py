"""`toolgym check`: every result as it comes, and an exit status for scripts."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gymnasium
import pytest

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
    assert lines[-1] == "ToolGym/MCP-v0: 9 of 9 checks passed"
    assert [line.split()[0] for line in lines[:-1]] == ["ok"] * 9


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
