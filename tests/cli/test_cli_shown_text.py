"""What servers, tasks and models write is shown as it is: no markup is read in it, and no terminal obeys it."""

import io
import json
import os
import subprocess
import sys
from dataclasses import replace

import gymnasium
import pytest
from fastmcp import FastMCP
from rich.console import Console

from toolgym.agents.evaluation.metrics import EpisodeScore
from toolgym.agents.evaluation.report import report_table, summarise
from toolgym.cli.list_envs import tool_table
from toolgym.rendering import trajectory_text
from toolgym.trajectory import TrajectoryWriter

ODD = "[red]x[/foo] \x1b[2J\x1b]0;title\x07 \u202edef \x9b2J"
SPELLED = "[red]x[/foo] \\u001b[2J\\u001b]0;title\\u0007 \\u202edef \\u009b2J"


@pytest.fixture(scope="module")
def trajectory():
    server = FastMCP("odd")
    server.tool(lambda: ODD, name="say", annotations={"readOnlyHint": True})
    task = {"id": ODD, "kind": ODD, "request": ODD, "calls": ["say"], "response": ODD}
    with gymnasium.make("ToolGym/MCP-v0", servers=server, tasks=[task]) as env:
        env.reset(seed=0)
        env.step('<tool_call>{"name": "say"}</tool_call>')
        env.step(f"<plan>{ODD}</plan><response>{ODD}</response>")
        return env.unwrapped.trajectory


def test_a_rendered_episode_holds_no_terminal_s_orders(trajectory):
    shown = trajectory_text(trajectory, width=200)
    assert shown.count(SPELLED) >= 4  # the task's name, the tool's answer, the plan, the response
    assert not any(order in shown for order in ("\x1b[2J", "\x1b]0", "\x07", "\u202e", "\x9b"))


@pytest.mark.parametrize("command", [["show"], ["show", "--episode", "0"]])
def test_show_prints_it_as_text(toolgym, trajectory, tmp_path, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "200")
    path = tmp_path / "[/a].jsonl"
    with TrajectoryWriter(path) as writer:
        writer.write(trajectory)
    name, *rest = command
    shown = toolgym(name, str(path), *rest).out
    assert SPELLED in shown
    assert "\x1b[2J" not in shown


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_a_terminal_of_another_encoding_shows_what_it_can(trajectory, tmp_path, encoding):
    path = tmp_path / "episodes.jsonl"
    with TrajectoryWriter(path) as writer:
        writer.write(replace(trajectory, prompt="<user>Zürich → 東京 😀</user>"))

    def shown(*words):
        done = subprocess.run(
            [sys.executable, "-c", "from toolgym.cli import main; main()", "show", path, *words],
            env={**os.environ, "PYTHONIOENCODING": encoding},
            capture_output=True,
            check=True,
        )
        return done.stdout.decode(encoding)

    said = shown("--episode", "0")
    assert "rich →" in said if encoding == "utf-8" else "rich \\u2192 \\u6771\\u4eac \\U0001f600" in said
    (episode,) = json.loads(shown("--json"))
    assert episode["prompt"] == "<user>Zürich → 東京 😀</user>"


def printed(shown):
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(shown)
    return console.export_text()


def test_a_tool_s_description_is_no_markup():
    assert SPELLED in printed(tool_table([{"name": "say", "writes": None, "description": ODD}]))


def test_a_report_s_names_are_no_markup():
    score = EpisodeScore(
        task_id=ODD,
        trial=0,
        kind=("[/foo]",),
        depth=1,
        forbidden=False,
        outcome="solved",
        reward=1.0,
        turns=1,
        calls=0,
        tool_recall=1.0,
        call_recall=1.0,
        errors={},
    )
    assert "kind [/foo]" in printed(report_table(summarise([score], 1, {"tasks": "[/tasks]"})))
