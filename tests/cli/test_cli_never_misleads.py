"""Commands that play what was asked for, say why nothing was played, and say at once what cannot come to much."""

import json
import re
import sys
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
import pytest

import toolgym  # noqa: F401 (registers the environments)
from toolgym.cli import main
from toolgym.env import ToolEnv
from toolgym.errors import ConfigError
from toolgym.trajectory import iterate_trajectories

SERVER = '''
from fastmcp import FastMCP


def server():
    made, notes = FastMCP("notes"), {}

    @made.tool
    def write_note(id: str, text: str) -> str:
        """Writes a note."""
        notes[id] = text
        return "written"

    return made
'''
TASKS = """
tasks:
  - {id: one, request: Note a., calls: [{write_note: {id: a, text: x}}]}
  - {id: two, request: Note b., calls: [{write_note: {id: b, text: x}}]}
  - {id: three, request: Note c., calls: [{write_note: {id: c, text: x}}]}
"""


def run(capsys, *arguments):
    """What a command prints, and its exit status."""
    status = 0
    try:
        main(list(arguments))
    except SystemExit as stop:
        status = stop.code or 0
    printed = capsys.readouterr()
    return status, printed.out, " ".join(printed.err.split())


@pytest.fixture
def own(tmp_path: Path) -> list[str]:
    """Options of an own server with three tasks."""
    (tmp_path / "notes_for_choosing.py").write_text(SERVER)
    (tmp_path / "tasks.yaml").write_text(TASKS)
    settings = [f"servers={tmp_path}/notes_for_choosing.py:server", f"tasks={tmp_path}/tasks.yaml"]
    return ["--env", "ToolGym/MCP-v0", *(word for setting in settings for word in ("--set", setting))]


def played(capsys, tmp_path: Path, *arguments: str) -> list[str]:
    file = tmp_path / "episodes.jsonl"
    file.unlink(missing_ok=True)
    status, _, error = run(capsys, "eval", "--agent", "oracle", "--json", "--output", str(file), *arguments)
    assert status == 0, error
    return sorted(trajectory.task_id for _, trajectory in iterate_trajectories(file))


@pytest.mark.parametrize(
    ("task", "ids"),
    [
        ("two", ["two"]),
        ("1", ["two"]),  # an index, from 0
        ('["three", "one"]', ["one", "three"]),
        ('["one", 0, "one"]', ["one"]),
    ],
)
def test_eval_plays_the_tasks_that_were_chosen(capsys, tmp_path, own, task, ids):
    assert played(capsys, tmp_path, *own, "--episodes", "3", "--set", f"task={task}") == ids


def test_each_chosen_task_is_played_k_times(capsys, tmp_path, own):
    assert played(capsys, tmp_path, *own, "--k", "2", "--set", "task=two") == ["two", "two"]


def test_a_chosen_task_of_the_airline(capsys, tmp_path):
    id = "airline-small-test-00012"
    assert played(capsys, tmp_path, "--set", "size=small", "--set", f"task={id}", "--episodes", "3") == [id]


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("thre", "Did you mean 'three'?"),
        ("nope", "Known: one, three, two"),
        ("3", "tasks 0 to 2"),
        ("-1", "tasks 0 to 2"),
        ("[]", "chooses no task"),
        ("true", "id or index"),
        ("1.5", "id or index"),
        ('{"id": "one"}', "id or index"),
        ('["one", "tow"]', "Did you mean 'two'?"),
    ],
)
def test_a_task_that_there_is_not_is_an_error(capsys, own, task, said):
    status, out, error = run(capsys, "eval", *own, "--set", f"task={task}")
    assert (status, out) == (2, "")
    assert said in error


@pytest.mark.parametrize("id", ["nope", "airline-test-12", "12", "airline-small-test-99999", "9" * 5000])
def test_the_nearest_task_of_the_airline_is_named(capsys, id):
    status, _, error = run(capsys, "eval", "--set", "size=small", "--set", f'task="{id}"')
    assert status == 2
    assert "airline-small-test-000" in error


def test_another_task_than_the_chosen_ones_is_still_found_by_its_id(own):
    options = dict(setting.split("=", 1) for setting in own[3::2])
    env = gymnasium.make("ToolGym/MCP-v0", **options, task=["one", "two"]).unwrapped
    assert isinstance(env, ToolEnv)
    assert {env.reset(seed=seed)[1]["task_id"] for seed in range(20)} == {"one", "two"}
    assert env.reset(options={"task": "three"})[1]["task_id"] == "three"
    env.close()


def test_an_endpoint_that_cannot_be_reached_is_said_with_status_1(capsys, monkeypatch):
    monkeypatch.setattr("toolgym.openai_client.time.sleep", lambda _: None)
    words = ["--agent", "api:x", "--base-url", "http://127.0.0.1:9/v1", "--episodes", "2", "--set", "size=small"]
    status, out, error = run(capsys, "eval", *words, "--json")
    assert status == 1
    assert "2 of 2 episodes were lost; 2 of them: The policy's model at http://127.0.0.1:9/v1" in error
    assert "Is the server up?" in error
    ((reason, count),) = json.loads(out)["lost"].items()
    assert "127.0.0.1:9" in reason
    assert count == 2


@pytest.mark.slow
def test_the_most_frequent_reason_is_said_and_some_episodes_are_no_failure(capsys, tmp_path, own, monkeypatch):
    (tmp_path / "notes_for_choosing.py").write_text(
        SERVER.replace("notes[id] = text", "notes[id] = text\n        if id != 'a': import os; os._exit(3)")
    )
    code = "import notes_for_choosing as n; n.server().run()"
    (tmp_path / "mcp.json").write_text(
        json.dumps({"mcpServers": {"n": {"command": sys.executable, "args": ["-c", code]}}})
    )
    frozen = "frozen: {diff: null, results: [written], writes: [true]}"
    (tmp_path / "tasks.yaml").write_text(TASKS.replace("}}]}", f"}}}}], {frozen}}}"))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    options = ["--set", f"servers={tmp_path}/mcp.json", "--set", f"tasks={tmp_path}/tasks.yaml"]
    status, out, error = run(capsys, "eval", "--env", "ToolGym/MCP-v0", *options, "--json")
    assert status == 0
    assert json.loads(out)["infra_errors"] == 2
    assert "2 of 3 episodes were lost; " in error
    assert "ServerDiedError" in error


@pytest.mark.parametrize(
    ("task", "id", "told"),
    [
        ("1", "2", "task 1 is the one of that index from 0, '2', and not the one of the id '1'"),
        ('"1"', "1", None),
        ("0", "1", None),  # no task has that id
    ],
)
def test_an_index_that_reads_as_another_task_s_id_is_told(capsys, tmp_path, own, task, id, told):
    """Without ids in the file, ids are the tasks' numbers from 1, as `toolgym show` has them."""
    (tmp_path / "tasks.yaml").write_text(re.sub(r"\{id: \w+, request", "{request", TASKS))
    file = tmp_path / "episodes.jsonl"
    _, _, error = run(capsys, "eval", *own, "--agent", "noop", "--task", task, "--output", str(file))
    assert [trajectory.task_id for _, trajectory in iterate_trajectories(file)] == [id]
    assert ("not the one of the id" in error) == (told is not None)
    assert told is None or (told in error and "--task '\"1\"'" in error)


def test_tasks_without_a_split_are_told_once(capsys, tmp_path, own):
    _, _, error = run(capsys, "eval", *own, "--agent", "noop")
    assert error.count("tasks without a split are in every split") == 1
    (tmp_path / "tasks.yaml").write_text(TASKS.replace("- {id", "- {split: test, id"))
    _, _, error = run(capsys, "eval", *own, "--agent", "noop")
    assert "split" not in error


@pytest.mark.slow
def test_training_says_at_once_what_cannot_come_to_much(capsys, tmp_path, own, monkeypatch):
    def no_model(*_, **__):
        raise ConfigError("nothing was loaded yet")

    monkeypatch.setattr("toolgym.agents.training.running.load_model", no_model)
    words = ["--steps", "1", "--output", str(tmp_path / "run"), "--threads", "1"]
    _, _, error = run(capsys, "train", "--algo", "grpo", *own, *words)
    assert "nothing was loaded yet" in error
    assert error.count("builtin:habits reads the airline's tools and requests alone") == 1
    assert error.count("tasks without a split") == 1
    _, _, error = run(capsys, "train", "--algo", "grpo", *words)
    assert "nothing was loaded yet" in error
    assert "Warning" not in error


@pytest.mark.parametrize("id", ["ToolGym/Airline-v0", "ToolGym/MCP-v0"])
@pytest.mark.parametrize("vector", [False, True])
def test_a_mistyped_option_names_the_nearest_of_all(id, vector):
    make: Any = gymnasium.make
    if vector:
        make = partial(gymnasium.make_vec, num_envs=2, vectorization_mode="vector_entry_point")
    words = {"sise": "size", "dialekt": "dialect", "max_turn": "max_turns", "render_mod": "render_mode"}
    words = {"state_tool": "state_tools", "taks": "tasks", "use": "user"} if id == "ToolGym/MCP-v0" else words
    for wrong, right in words.items():
        with pytest.raises(ConfigError, match=f"Did you mean '{right}'"):
            make(id, **{wrong: "small"})
    if id == "ToolGym/MCP-v0":
        with pytest.raises(ConfigError, match=r"Unknown option 'sise'\. Known"):
            make(id, sise="small")
