"""The table of `toolgym list`: what it says, where a terminal is narrow, and what it costs."""

import io

import pytest
from rich.console import Console

from toolgym.cli.list_envs import describe, details_table, env_table, outlines, tool_table
from toolgym.mcp.server import ToolServer
from toolgym.registration import env_ids, needs_user, own_domains


def printed(table, width):
    console = Console(file=io.StringIO(), width=width)
    console.print(table)
    return console.file.getvalue().splitlines()


def test_no_cell_is_broken_at_80_columns():
    lines = printed(env_table(outlines(["ToolGym/Airline-v0", "ToolGym/MCP-v0"])), 80)
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if line.startswith("│")]
    assert cells == [
        ["ToolGym/Airline-v0", "Airline", "14", "20,000", "2,000", "1-7"],
        ["ToolGym/MCP-v0", "needs options", "", "", "", ""],
    ]
    assert max(map(len, lines)) <= 80
    assert "…" not in "".join(lines)


def test_one_environment_is_told_in_full():
    lines = printed(details_table(outlines(["ToolGym/Airline-v0"])[0]), 80)
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if line.startswith("│")]
    assert cells == [
        ["domain", "airline"],
        ["about", "Airline"],
        ["tools", "14"],
        ["tasks", "20,000 train"],
        ["", "2,000 validation"],
        ["", "2,000 test"],
        ["", "2,000 test_unseen"],
        ["depth", "1 to 7"],
        ["at most", "30 turns, 100 calls"],
    ]


def test_all_environments_stand_in_it_at_80_columns():
    lines = printed(env_table(outlines(env_ids())), 80)
    assert max(map(len, lines)) <= 80
    assert {line.split("│")[1].strip() for line in lines if "ToolGym/" in line} == set(env_ids())


def test_what_an_environment_needs_is_told(monkeypatch, tmp_path):
    monkeypatch.setenv("TOOLGYM_DATA", str(tmp_path))
    lines = printed(env_table(outlines(["ToolGym/BFCL-v0", "ToolGym/MCP-v0"])), 80)
    assert [line.split("│")[2].strip() for line in lines if "ToolGym/" in line] == ["needs data", "needs options"]


def test_tools_keep_their_names_whole():
    tools = describe("ToolGym/Airline-v0", {})["tools"]
    lines = printed(tool_table(tools), 80)
    names = {line.split("│")[1].strip() for line in lines if line.startswith("│")}
    assert {tool["name"] for tool in tools} == names - {""}


@pytest.mark.parametrize("env_id", [*(f"ToolGym/{name.capitalize()}-v0" for name in own_domains()), "ToolGym/All-v0"])
def test_it_says_what_the_environments_say(env_id):
    (told,), made = outlines([env_id]), describe(env_id, {"user": "scripted"})
    assert told == {**made, "tools": len(made["tools"])}


def test_it_makes_no_server(monkeypatch):
    # Servers are what takes time, and each domain has one.
    monkeypatch.setattr(ToolServer, "__init__", lambda *_, **__: pytest.fail("a server was made"))
    assert len(outlines(env_ids())) == len(env_ids()) >= 4
    assert not needs_user("library")
