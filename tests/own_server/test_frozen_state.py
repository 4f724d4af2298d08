"""A frozen state is kept with where it was seen: an environment that sees another one refuses it."""

import hashlib
import json
import sys
from pathlib import Path

import gymnasium
import pytest
import yaml

import toolgym  # noqa: F401 (registers the environments)
from toolgym.cli import main
from toolgym.errors import ConfigError
from toolgym.mcp.state import files_of, make_state_options
from toolgym.mcp_env import McpDomain, McpOptions

pytestmark = pytest.mark.slow

SERVER = '''
import sys
from pathlib import Path
from fastmcp import FastMCP


def server():
    made, notes = FastMCP("notes"), {}

    @made.tool
    def write_note(id: str, text: str) -> str:
        """Writes a note."""
        notes[id] = text
        return "written"

    @made.tool(annotations={"readOnlyHint": True})
    def read_notes() -> dict:
        """Reads all notes."""
        return notes

    @made.tool(annotations={"readOnlyHint": True})
    def count_notes() -> dict:
        """Counts the notes."""
        return {"notes": len(notes)}

    @made.tool
    def set_byte(place: int, value: int) -> str:
        """Sets a byte of the database."""
        file = Path(sys.argv[1]) / "data.bin"
        data = bytearray(file.read_bytes())
        data[place] = value
        file.write_bytes(data)
        return "set"

    return made


if __name__ == "__main__":
    server().run()
'''
TASKS = """
tasks:
  - {id: one, request: Note a., calls: [{write_note: {id: a, text: x}}]}
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "frozen_notes.py").write_text(SERVER)
    (tmp_path / "tasks.yaml").write_text(TASKS)
    return tmp_path


def check(place: Path, *words: str) -> int:
    servers = f"{place}/frozen_notes.py:server"
    try:
        main(["tasks", "check", str(place / "tasks.yaml"), "--servers", servers, *words])
    except SystemExit as stop:
        return int(stop.code or 0)
    return 0


def solved(place: Path, **options) -> str:
    """What the gold chain comes to."""
    options = {"servers": f"{place}/frozen_notes.py:server", "tasks": str(place / "tasks.yaml"), **options}
    env = gymnasium.make("ToolGym/MCP-v0", **options)
    try:
        env.reset(seed=0)
        env.step('<tool_call>{"name": "write_note", "arguments": {"id": "a", "text": "x"}}</tool_call>')
        return env.step("<response>Done.</response>")[-1]["outcome"]
    finally:
        env.close()


def test_the_source_of_the_state_is_kept_in_the_file(place):
    assert check(place, "--state-tool", "read_notes", "--ignore", "read_notes.b", "--write") == 0
    kept = yaml.safe_load((place / "tasks.yaml").read_text())["frozen"]["one"]
    assert kept["state"] == ["ignore: read_notes.b", "state_tool: read_notes"]
    assert solved(place, state_tools=["read_notes"], ignore=["read_notes.b"]) == "solved"
    assert check(place, "--state-tool", "read_notes", "--ignore", "read_notes.b") == 0


@pytest.mark.parametrize(
    ("frozen", "used"),
    [
        (["--state-tool", "read_notes"], {}),
        (["--state-tool", "read_notes"], {"state_tools": ["count_notes"]}),
        (["--state-tool", "read_notes"], {"state_tools": ["read_notes", "count_notes"]}),
        (["--state-tool", "read_notes"], {"state_tools": [{"name": "read_notes", "table": "notes"}]}),
        (["--state-tool", "read_notes"], {"state_tools": "read_notes", "ignore": "read_notes.a"}),
        (["--state-tool", "read_notes", "--ignore", "read_notes.b"], {"state_tools": "read_notes"}),
        ([], {"state_tools": ["read_notes"]}),
    ],
)
def test_an_environment_that_sees_another_state_refuses_the_tasks(place, frozen, used):
    assert check(place, *frozen, "--write") == 0
    with pytest.raises(ConfigError, match="'one' differs in where the state is seen") as error:
        solved(place, **used)
    assert "state_tools=[...]" in str(error.value)
    assert "tasks check" in str(error.value)


def test_a_file_of_before_whose_state_is_not_seen_is_refused_too(place):
    assert check(place, "--state-tool", "read_notes", "--write") == 0
    text = (place / "tasks.yaml").read_text()
    old = text.replace("    state:\n    - 'state_tool: read_notes'\n", "")
    assert old != text
    (place / "tasks.yaml").write_text(old)
    assert solved(place, state_tools=["read_notes"]) == "solved"
    with pytest.raises(ConfigError, match="frozen with some state; now no state"):
        solved(place)


def test_eval_refuses_with_status_2(place, capsys):
    assert check(place, "--state-tool", "read_notes", "--write") == 0
    words = ["--set", f"servers={place}/frozen_notes.py:server", "--set", f"tasks={place}/tasks.yaml"]
    with pytest.raises(SystemExit) as stop:
        main(["eval", "--env", "ToolGym/MCP-v0", *words])
    assert stop.value.code == 2
    assert "frozen with state_tool: read_notes; now no state" in " ".join(capsys.readouterr().err.split())


def test_a_check_tells_that_the_source_changed_and_names_the_cure(place, capsys):
    assert check(place) == 0
    assert "--state-tool" in capsys.readouterr().out
    assert check(place, "--state-tool", "read_notes", "--write") == 0
    capsys.readouterr()
    assert check(place) == 1
    told = " ".join(capsys.readouterr().out.split())
    assert "frozen with state_tool: read_notes; now no state" in told
    assert "no state is seen (name the reading tools that show it with --state-tool" in told


def test_one_state_tool_may_stand_alone():
    assert make_state_options("read_notes") == make_state_options(["read_notes"])


def test_files_that_are_no_text_count_by_their_content(tmp_path):
    for name, data in {"a.bin": b"\xff\x00\x01", "b.bin": b"\xff\x00\x02", "long.txt": b"x" * 1_000_001}.items():
        (tmp_path / name).write_bytes(data)
    files = files_of(tmp_path)
    assert files["a.bin"] == {"bytes": 3, "sha256": hashlib.sha256(b"\xff\x00\x01").hexdigest()}
    assert files["b.bin"]["sha256"] != files["a.bin"]["sha256"]
    assert files["long.txt"] == {"bytes": 1_000_001, "sha256": hashlib.sha256(b"x" * 1_000_001).hexdigest()}


def test_a_byte_of_a_database_is_a_change_of_the_state(place):
    (place / "template").mkdir()
    (place / "template" / "data.bin").write_bytes(b"\xff\x00\x01")
    entry = {
        "command": sys.executable,
        "args": [str(place / "frozen_notes.py"), "{workspace}"],
        "toolgym": {"workspace": str(place / "template")},
    }
    task = {"request": "Set it.", "calls": [{"set_byte": {"place": 2, "value": 7}}]}
    domain = McpDomain(McpOptions({"mcpServers": {"n": entry}}, tasks=[task]))
    session = domain.session()
    try:
        frozen = domain.tasks("train")[0]
        assert frozen.gold_diff == {
            "files": {"data.bin": {"bytes": 3, "sha256": hashlib.sha256(b"\xff\x00\x07").hexdigest()}}
        }
        assert session.sees() == ("workspace",)
    finally:
        session.close()


def test_several_servers_say_which_sees_what(place):
    entry = {"command": sys.executable, "args": [str(place / "frozen_notes.py")]}
    servers = {"a": {**entry, "toolgym": {"state_tools": ["read_notes"]}}, "b": entry}
    session = McpDomain(McpOptions(json.loads(json.dumps({"mcpServers": servers})))).session()
    try:
        assert session.sees() == ("a: state_tool: read_notes",)
    finally:
        session.close()
