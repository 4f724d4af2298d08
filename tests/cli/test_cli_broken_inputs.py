"""What a caller can mend is one line and exit status 2, whichever command meets it: no traceback, nothing else."""

import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from toolgym.cli import main

TASK = '{"id": "a", "request": "hi", "gold": [{"response": "Done."}]}'
FILES = {
    "plain.txt": "x",
    "raises.py": "raise RuntimeError('no licence')\n",
    "late.py": "def make(**options):\n    raise ValueError('no database')\n",
    "broken.py": "def f(:\n",
    "exits.py": "import sys\nsys.exit('no licence')\n",
    "norun.py": "x = 1\n",
    "pay.py": "def boom(trajectory, task):\n    raise OSError('no judge')\n\n\ndef much(*_):\n    return 'much'\n\n\n"
    "def endless(*_):\n    return float('inf')\n\n\ndef none(*_):\n    return float('nan')\n",
    "args.json": '{"mcpServers": {"a": {"command": "python", "args": "server.py"}}}',
    "comand.json": '{"mcpServers": {"a": {"comand": "python", "args": ["server.py"]}}}',
    "brace.json": '{"mcpServers": {\n  "a": {"command": "python",\n  "args": ["server.py"]\n}\n',
    "env.json": '{"mcpServers": {"a": {"command": "python", "env": ["A=B"]}}}',
    "both.json": '{"mcpServers": {"a": {"command": "python", "url": "http://127.0.0.1/mcp"}}}',
    "raises.json": json.dumps({"mcpServers": {"a": {"command": sys.executable, "args": ["raises.py"]}}}),
    "nobody.json": '{"mcpServers": {"a": {"command": "no_such_program_xyz"}}}',
    "tasks.json": f'{{"tasks": [{TASK}]}}\n',
    "text.yaml": "tasks:\n- id: a\n  request: hi\n  gold: hello\n",
    "number.yaml": "tasks:\n- id: a\n  request: 7\n  gold: []\n",
    "list.yaml": "tasks:\n- id: a\n  request: hi\n  gold: [{calls: [{f: [1]}]}]\n",
    "missing.yaml": "tasks:\n- id: a\n  gold: []\n",
    "brace.yaml": "tasks:\n- id: a\n  request: hi\n  gold:\n  - {calls: [{f: {a: 1}]}\n",
    "brace.jsonl": f'{TASK}\n{{"id": "b"\n',
    "infinite.yaml": "tasks:\n- id: a\n  request: hi\n  gold: [{calls: [{f: {x: 1.0e+999}}]}]\n",
    "episodes.jsonl": '{"type": "header", "schema": 1}\n',
}
MCP = ("--env", "ToolGym/MCP-v0")
SMALL = ("--set", "size=small")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def one_line(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line on stderr of a command that exits with 2."""
    with pytest.raises(SystemExit) as ended:
        main([str(word) for word in arguments])
    printed = capsys.readouterr()
    assert ended.value.code == 2, printed.err
    lines = printed.err.splitlines()
    assert len(lines) == 1, printed.err
    assert lines[0].startswith("Error: ")
    assert "Traceback" not in printed.err + printed.out
    return lines[0]


def exit_status(*arguments: str) -> object:
    try:
        main(arguments)
    except SystemExit as stop:
        return stop.code or 0
    return 0


def servers(name: str) -> tuple[str, ...]:
    return ("--set", f"servers={name}")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        # Where nothing can be written.
        (("eval", "-n", 1, "-o", "plain.txt/x.jsonl", *SMALL), "Cannot write to plain.txt/x.jsonl"),
        (("eval", "-n", 1, "-o", "/dev/full", *SMALL), "No space left"),
        (("eval", "-n", 1, "-o", ".", *SMALL), "is a folder"),
        (("new", "server", "lib", "-o", "plain.txt/lib"), "plain.txt/lib: Not a directory"),
        (("new", "server", "lib", "-o", "plain.txt"), "is there already"),
        (("record", "-o", "plain.txt/x.yaml", "-s", "norun.py"), "plain.txt"),
        (("record", "-o", "x.txt", "-s", "norun.py"), "written as .yaml"),
        (("demo", "--output", "plain.txt/x"), "plain.txt/x: Not a directory"),
        (("train", "--algo", "grpo", "--output", "plain.txt"), "is a file; give a folder"),
        (("train", "--algo", "sft", "--output", "plain.txt/x"), "is a file. Give another --output"),
        # What is not there, or something else.
        (("plot", "nowhere"), "holds no metrics.jsonl"),
        (("show", "nowhere.jsonl"), "There is no file nowhere.jsonl"),
        (("show", "tasks.json"), "tasks.json, line 1"),
        (("show", "episodes.jsonl", "--outcome", "nope"), "Known: infra_error, policy_error, solved"),
        (("score", "."), "Is a directory"),
        (("score", "plain.txt"), "line 1: not JSON"),
        # Files of one's own that raise, on whichever option.
        (("eval", "--env", "raises.py:make"), "RuntimeError: no licence (raises.py, line 1)"),
        (("list", "raises.py:make"), "RuntimeError: no licence (raises.py, line 1)"),
        (("play", "--env", "broken.py:make"), "SyntaxError: invalid syntax (broken.py, line 1)"),
        (("check", "--env", "exits.py:make"), "SystemExit: no licence (exits.py, line 2)"),
        (("eval", "--env", "late.py:make"), "ValueError: no database (late.py, line 2)"),
        (("eval", "--env", "norun.py:x"), "norun.py:x is a int"),
        # What is no environment's id at all.
        (("list", ""), "Unknown environment ''"),
        (("eval", "--env", "ToolGym/Airline-v0 "), "Did you mean 'ToolGym/Airline-v0'?"),
        (("check", "ToolGym/Airline-v0/"), "Did you mean 'ToolGym/Airline-v0'?"),
        (("play", "the airline"), "Unknown environment 'the airline'"),
        (("list", ":"), "Unknown environment ':'"),
        (("list", ":ToolGym/Airline-v0"), "Did you mean 'ToolGym/Airline-v0'?"),
        (("train", "--algo", "raises.py:main"), "RuntimeError: no licence (raises.py, line 1)"),
        (("train", "--algo", "broken.py:main"), "SyntaxError"),
        (("train", "--algo", "exits.py:main"), "SystemExit: no licence"),
        (("train", "--algo", "norun.py:main"), "Unknown name in norun.py 'main'"),
        (("train", "--algo", "nope"), "Unknown algorithm 'nope'"),
        (("train", "--algo", "grpo", "--setps", 3), "Did you mean '--steps'?"),
        (("eval", "--set", "reward=raises.py:pay", *SMALL), "RuntimeError: no licence"),
        (("eval", "-n", 1, "--set", "reward=pay.py:boom", *SMALL), "reward 'boom' raised OSError: no judge ("),
        (("eval", "-n", 1, "--set", "reward=pay.py:much", *SMALL), "the reward 'much' returned 'much' for a step"),
        (("eval", "-n", 1, "--set", "reward=pay.py:endless", *SMALL), "returned inf for a step"),
        (("inspect", "-s", "raises.py:server"), "RuntimeError: no licence (raises.py, line 1)"),
        (("inspect", "-s", "norun.py:x"), "1 is no server"),
        # Servers.
        (("inspect", "-s", "raises.py"), "it last said: RuntimeError: no licence"),
        (("inspect", "-s", "broken.py"), "it last said: SyntaxError: invalid syntax"),
        (("inspect", "-s", "exits.py"), "it last said: no licence"),
        (("inspect", "-s", "norun.py"), "it ended before it answered. Does its file call run()"),
        (("eval", *MCP, *servers("raises.json")), "RuntimeError: no licence"),
        (("play", *MCP, *servers("raises.py")), "RuntimeError: no licence"),
        (("check", *MCP, *servers("raises.py")), "RuntimeError: no licence"),
        (("tasks", "check", "tasks.json", "-s", "raises.py"), "RuntimeError: no licence"),
        (("inspect", "-s", "nobody.json"), "there is no program 'no_such_program_xyz'"),
        (("record", "-o", "x.yaml", "-s", "nobody.json"), "there is no program"),
        (("inspect", "-s", "plain.txt"), "a server file ends in .py"),
        (("inspect", "-s", "none.json"), "neither a URL nor a file"),
        (("inspect", "-s", "http://127.0.0.1:9/mcp"), "All connection attempts failed"),
        (("inspect", "-s", "[]"), "A command is a list of strings"),
        (("inspect", "-s", "args.json"), "'args' must be a list of strings, one an argument"),
        (("inspect", "-s", "comand.json"), "Did you mean 'command'?"),
        (("inspect", "-s", "env.json"), "'env' must be an object of names and strings"),
        (("inspect", "-s", "both.json"), "it has 'command' and 'url'; a server is one of them"),
        (("inspect", "-s", "brace.json"), "brace.json, line 5: not JSON"),
        # Tasks, in the words of their file.
        (
            ("tasks", "check", "text.yaml", "-s", "norun.py"),
            'line 4: tasks.0.gold: expected a list, got a text "hello"',
        ),
        (("tasks", "check", "number.yaml", "-s", "norun.py"), "line 3: tasks.0.request: expected a text"),
        (("tasks", "check", "list.yaml", "-s", "norun.py"), "got a list [1]"),
        (("tasks", "check", "missing.yaml", "-s", "norun.py"), "tasks.0.request: Field required"),
        (("tasks", "check", "brace.yaml", "-s", "norun.py"), "brace.yaml, line 5"),
        (("tasks", "check", "brace.jsonl", "-s", "norun.py"), "brace.jsonl, line 2"),
        (("tasks", "check", "infinite.yaml", "-s", "norun.py"), "infinite.yaml, line 4"),
        (("tasks", "check", "none.yaml", "-s", "norun.py"), "Cannot read none.yaml"),
        (("serve", "airline", "--transport", "http", "--host", "0.0.0.0"), "Refusing to serve on 0.0.0.0"),
        (
            ("serve", "airline", "--transport", "http", "--host", "192.0.2.1", "--allow-open"),
            "Cannot listen on 192.0.2.1",
        ),
    ],
)
def test_it_is_one_line_with_status_2(capsys: pytest.CaptureFixture[str], folder: Path, arguments, said: str) -> None:
    assert said in one_line(capsys, *arguments)


def test_a_taken_port_is_one_line(capsys: pytest.CaptureFixture[str], port: int) -> None:
    said = one_line(capsys, "serve", "airline", "--transport", "http", "--port", port)
    assert f"Cannot listen on 127.0.0.1:{port}: Address already in use; end what listens there, or give another" in said


def test_a_file_that_raised_is_loaded_anew_the_next_time(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    for _ in range(2):
        assert "no licence" in one_line(capsys, "eval", "--env", "raises.py:make")


def test_episodes_are_not_mixed_without_a_word(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    def played(*words: str) -> str:
        assert exit_status("eval", "-n", "2", *SMALL, "-o", "new.jsonl", *words) == 0
        return capsys.readouterr().err

    def count() -> int:
        return sum('"type":"end"' in line.replace(" ", "") for line in Path("new.jsonl").read_text().splitlines())

    assert "2 episodes were written to new.jsonl: toolgym show new.jsonl" in played()
    assert "--append" in one_line(capsys, "eval", "-n", 2, *SMALL, "-o", "new.jsonl")
    assert count() == 2
    assert "2 episodes were added to new.jsonl" in played("--append")
    assert count() == 4
    # A mistake in another option loses nothing of what is there.
    assert "sise" in one_line(capsys, "eval", "--set", "sise=small", "-o", "new.jsonl", "--overwrite")
    assert count() == 4
    assert "2 episodes were written to new.jsonl" in played("--overwrite")
    assert count() == 2
    assert "one of the two" in one_line(capsys, "eval", *SMALL, "-o", "new.jsonl", "--append", "--overwrite")
    assert "--output" in one_line(capsys, "eval", *SMALL, "--append")


def test_a_file_of_something_else_is_not_added_to(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    Path("notes.csv").write_text("name,score\nann,3\nbob,4")
    # Before anything is opened: that there is no such environment is not reached.
    said = one_line(capsys, "eval", "--env", "Nope-v0", "-o", "notes.csv", "--append")
    assert "notes.csv cannot be added to" in said
    assert Path("notes.csv").read_text() == "name,score\nann,3\nbob,4"


def test_a_reward_that_is_no_number_is_said_by_score_too(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    assert exit_status("eval", "-n", "2", *SMALL, "-o", "played.jsonl") == 0
    capsys.readouterr()
    scored = ("score", "played.jsonl", *SMALL, "-r")
    assert "the reward 'boom' raised OSError: no judge" in one_line(capsys, *scored, "pay.py:boom")
    assert "returned 'much' for a step" in one_line(capsys, *scored, "pay.py:much")
    # NaN is "no score": it is counted, and is no 0.
    assert exit_status(*scored, "pay.py:none") == 0
    assert "Without a score: 2 by pay.py:none" in " ".join(capsys.readouterr().out.split())
