"""How often `toolgym check` starts a server that keeps its own state: what a start costs, all else does not."""

import json
import sys
from pathlib import Path
from typing import Any

import gymnasium
import pytest

from toolgym.checker import check_tool_env
from toolgym.cli import main
from toolgym.mcp.connect import connect
from toolgym.mcp.connection import WireOptions
from toolgym.messages import ToolCall
from toolgym.sharing import sharing

RAW = Path(__file__).parents[1] / "own_server" / "raw_server.py"
TASKS = [
    {
        "id": name,
        "request": f"Write the note {name}.",
        "gold": [{"calls": [{"write_note": {"id": name, "text": "done"}}]}, {"response": "Done."}],
    }
    for name in ("one", "two", "three", "four", "five", "six", "seven")
]


class Counted:
    """A server that writes a line when it is started, and an environment on it."""

    def __init__(self, folder: Path):
        self._file = folder / "starts.txt"
        self._file.write_text("")
        self.command = ["sh", "-c", f"echo started >> {self._file}; exec {sys.executable} {RAW}"]

    @property
    def starts(self) -> int:
        return self._file.read_text().count("started")

    def options(self, **more: Any) -> dict[str, Any]:
        # None is started ahead: how many of those there are by the end is a matter of time.
        known = {"servers": self.command, "tasks": TASKS, "state_tools": ["list_notes"], "spares": 0}
        return known | {"hidden_tools": ["misbehave", "read_badly"]} | more


@pytest.fixture
def counted(tmp_path: Path) -> Counted:
    return Counted(tmp_path)


@pytest.mark.parametrize(
    ("checks", "starts"),
    [
        # One for the environment, and one for each of the seven tasks, whose gold chains are run before they count.
        (["gold_is_hidden"], 1 + 7),
        (["any_string", "gold_is_hidden"], 1 + 7),
        # Of seven episodes that write all but the first begin on a server that must be started anew.
        (["oracle"], 1 + 7 + 6),
        # Reading and failing calls may be tried on what earlier tries wrote.
        (["reads_change_nothing"], 1 + 7),
        (["oracle", "reads_change_nothing"], 1 + 7 + 6 + 1),
        # Five tasks, forked at two places, where there are two forks; the first of ten episodes needs no new server.
        (["fork"], 1 + 5 + 5 * 2 * 2 + 9),
    ],
    ids=str,
)
def test_starts_of_single_checks(counted: Counted, checks: list[str], starts: int) -> None:
    check_tool_env("ToolGym/MCP-v0", options=counted.options(), only=checks)
    assert counted.starts == starts


def test_checks_that_make_environments_share_what_the_gold_chains_did(counted: Counted) -> None:
    check_tool_env("ToolGym/MCP-v0", options=counted.options(), only=["gold_is_hidden"])
    before = counted.starts
    check_tool_env("ToolGym/MCP-v0", options=counted.options(), only=["gold_is_hidden", "vector"])
    added = counted.starts - 2 * before
    # Three modes, in each two environments of Gymnasium's vector and two of ours: twelve. Each of the two steps six
    # actions, so that no more than 3 * 4 resets follow a write. No gold chain is run once more.
    assert 12 <= added <= 12 + 12


def test_the_command_starts_no_server_only_to_see_that_the_options_are_right(
    counted: Counted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tasks.json").write_text(json.dumps({"tasks": TASKS}))
    options = counted.options(tasks=str(tmp_path / "tasks.json"))
    words = [word for name, value in options.items() for word in ("--set", f"{name}={written(value)}")]
    with pytest.raises(SystemExit) as ended:
        main(["check", "--env", "ToolGym/MCP-v0", *words, "--only", "gold_is_hidden"])
    assert not ended.value.code
    assert "1 of 1 checks passed" in capsys.readouterr().out
    assert counted.starts == 1 + 7


def written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def test_fewer_tasks_are_said_with_the_reason(counted: Counted) -> None:
    several = check_tool_env("ToolGym/MCP-v0", options=counted.options(), only=["fork"])
    assert several.results[0].detail == "by replay, in 5 of 7 tasks: each fork starts a server of its own"
    all_of_them = check_tool_env("ToolGym/MCP-v0", options=counted.options(tasks=TASKS[:2]), only=["fork"])
    assert all_of_them.results[0].detail == "by replay, in 2 tasks"


def test_environments_of_equal_options_share_a_domain_while_somebody_asks_for_it(counted: Counted) -> None:
    def domain(**more: Any) -> Any:
        env: Any = gymnasium.make("ToolGym/MCP-v0", **counted.options(**more)).unwrapped
        env.close()
        return env.domain

    with sharing():
        first = domain()
        assert domain(max_turns=3) is first  # not the domain's
        assert domain(name="other") is not first
        with sharing():
            assert domain() is first
        assert domain() is first
    assert domain() is not first
    assert domain() is not domain()


def connection_of(session: Any) -> Any:
    return session._connection


def test_a_server_that_nobody_wrote_to_is_used_again(counted: Counted) -> None:
    with connect(counted.command, options=WireOptions(spares=1)) as handle:
        kept, read, wrote = handle.session(), handle.session(), handle.session()
        assert read.call(ToolCall("list_notes")).outcome == "ok"
        connections = [connection_of(session) for session in (read, wrote)]
        read.close()
        assert connection_of(handle.session()) is connections[0]
        assert wrote.call(ToolCall("write_note", {"id": "b", "text": "x"})).outcome == "ok"
        wrote.close()
        later = [handle.session() for _ in range(3)]
        assert connections[1] not in [connection_of(session) for session in later]
        assert all("b" not in session.call(ToolCall("list_notes")).text for session in (kept, *later))


def test_none_is_kept_where_none_is_to_be_idle(counted: Counted) -> None:
    with connect(counted.command, options=WireOptions(spares=0)) as handle:
        kept, other = handle.session(), handle.session()
        connection = connection_of(other)
        other.close()
        assert connection.dead or connection_of(handle.session()) is not connection
        assert kept.call(ToolCall("list_notes")).outcome == "ok"
