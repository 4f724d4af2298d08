"""The table of `toolgym list` where a terminal is narrow."""

import io

from rich.console import Console

from toolgym.cli.list_envs import describe, env_table, tool_table


def printed(table, width):
    console = Console(file=io.StringIO(), width=width)
    console.print(table)
    return console.file.getvalue().splitlines()


def test_no_cell_is_broken_at_80_columns():
    lines = printed(env_table([describe(env_id, {}) for env_id in ("ToolGym/Airline-v0", "ToolGym/MCP-v0")]), 80)
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if line.startswith("│")]
    assert [row[0] for row in cells] == ["ToolGym/Airline-v0", "", "", "", "ToolGym/MCP-v0"]
    assert [row[3] for row in cells] == [
        "20,000 train", "2,000 validation", "2,000 test", "2,000 test_unseen", "needs options",
    ]  # fmt: skip
    assert [row[4] for row in cells] == ["30 turns", "100 calls", "", "", ""]
    assert max(map(len, lines)) <= 80
    assert "…" not in "".join(lines)


def test_tools_keep_their_names_whole():
    tools = describe("ToolGym/Airline-v0", {})["tools"]
    lines = printed(tool_table(tools), 80)
    names = {line.split("│")[1].strip() for line in lines if line.startswith("│")}
    assert {tool["name"] for tool in tools} == names - {""}
