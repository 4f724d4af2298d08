"""A person's episode: what a line means, and what can be taken back."""

import io
import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from toolgym.cli.play import COMMANDS, Player, near_miss, to_action
from toolgym.messages import parse
from toolgym.opening import open_env

TOOLS = ("look", "hand_out")


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        ("look", {}),
        ("look ticket=T1", {"ticket": "T1"}),
        ("look ticket=12", {"ticket": 12}),
        ('look ticket="12"', {"ticket": "12"}),
        ("look note='two words'", {"note": "two words"}),
        ("look note='it is \"so\"'", {"note": 'it is "so"'}),
        ('look note="two words" loud', {"note": "two words", "loud": True}),
        ('look who={"a": [1, 2]} more=[{"b": "c d"}]', {"who": {"a": [1, 2]}, "more": [{"b": "c d"}]}),
        ("look on=true off=null", {"on": True, "off": None}),
        ("look   spaced=1    out=2", {"spaced": 1, "out": 2}),
        ("look sum=1+1=2", {"sum": "1+1=2"}),
        ("look name=O'Hara", {"name": "O'Hara"}),
    ],
)
def test_short_calls(line, arguments):
    turn = parse(to_action(line, TOOLS))
    assert [(call.name, call.arguments) for call in turn.calls] == [("look", arguments)]
    assert not turn.problems


def test_other_lines():
    assert parse(to_action("Here it is.", TOOLS)).response == "Here it is."
    assert parse(to_action("lookup this", TOOLS)).response == "lookup this"
    message = '<tool_call>{"name": "look", "arguments": {}}</tool_call>'
    assert to_action(message, TOOLS) == message


@given(st.text(max_size=60))
@settings(max_examples=100)
def test_any_line_is_a_message(line):
    assert isinstance(to_action(line, TOOLS), str)
    if not line.strip().startswith("{"):  # an argument object must be JSON
        assert isinstance(to_action("look " + line, TOOLS), str)


@pytest.fixture(name="player")
def made_player():
    env = open_env("ToolGym/Airline-v0", size="small", split="train")
    player = Player(env, Console(file=io.StringIO(), width=160))
    player.reset(seed=0)
    yield player
    player.close()


def said(player: Player) -> str:
    return player.console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]


def test_commands_answer(player):
    for command in COMMANDS:
        if command not in (":quit", ":reset"):
            player.enter(command)
    player.enter(":tools cancel_reservation")
    player.enter(":tools cancel")
    player.enter(":polcy")
    player.enter("")
    text = said(player)
    assert player.env.task.request in text
    assert "reservation_id" in text
    assert "Did you mean 'cancel_reservation'" in text
    assert "Did you mean ':policy'" in text
    assert "only with `toolgym play --gold`" in text
    assert len(player.env.trajectory.steps) == 0


def test_gold_only_on_request(player):
    player.enter(":gold")
    calls = player.env.task.gold_calls
    assert not any(f'"name": "{call.name}"' in said(player) for call in calls)
    player.show_gold = True
    player.enter(":gold")
    assert "<tool_call>" in said(player) or not calls


def test_undo_takes_back_what_was_written(player, capsys):
    user = next(iter(player.env.domain.server.base(player.env.task.world_seed).tables["users"]))
    player.enter(f"send_certificate user_id={user} amount=100")
    player.enter("list_all_airports")
    assert len(player.env.trajectory.steps) == 2
    assert list(player.env.session.diff() or {}) == ["users"]
    player.enter(":undo")
    assert list(player.env.session.diff() or {}) == ["users"]
    player.enter(":undo")
    assert player.env.session.diff() == {}
    assert player.env.trajectory.steps == []
    player.enter(":undo")
    assert "nothing to take back" in said(player)


def test_kept_moments(player, capsys):
    player.enter("list_all_airports")
    player.enter(":fork one")
    player.enter("I cannot help.")
    assert player.env.trajectory.done
    player.enter("list_all_airports")
    assert "The episode is over" in said(player)
    player.enter(":back one")
    assert len(player.env.trajectory.steps) == 1
    player.enter("list_all_airports")
    player.enter(":back one")
    assert len(player.env.trajectory.steps) == 1
    player.enter(":undo")
    assert len(player.env.trajectory.steps) == 2
    player.enter(":back two")
    assert "Unknown kept moment 'two'" in said(player)


def test_a_moment_may_have_any_name(player):
    for name in ("[/x]", "[red]a"):
        player.enter(f":fork {name}")
        assert f"Kept as {name!r}." in said(player)
        player.enter(f":back {name}")
        assert f"Back at {name!r}, after 0 actions." in said(player)


def test_the_gold_chain_typed_by_a_person_solves_the_task(player, capsys):
    from toolgym.agents.policies.scripted import gold_turns
    from toolgym.messages import render

    for turn in gold_turns(player.env.task):
        player.enter(render(turn))
    assert player.env.trajectory.outcome == "solved"
    assert "solved" in said(player)
    first = player.env.task.id
    player.enter(":reset")
    assert len(player.env.trajectory.steps) == 0
    player.enter(f":reset {first}")
    assert player.env.task.id == first


def test_play_reads_lines_until_the_end(toolgym, monkeypatch):
    lines = iter(["list_all_airports", ":diff", ":quit", "never read"])
    monkeypatch.setattr("builtins.input", lambda *_: next(lines))
    done = toolgym("play", "--set", "size=small", "--seed", 3)
    assert done.code == 0
    assert "list_all_airports" in done.out
    assert next(lines) == "never read"


def test_play_ends_at_the_end_of_input(toolgym, monkeypatch):
    def end(*_):
        raise EOFError

    monkeypatch.setattr("builtins.input", end)
    assert toolgym("play", "--set", "size=small").code == 0


def test_the_end_and_the_history_say_why_it_is_not_solved(player):
    player.enter(":history")
    assert ":policy and :tools show them" in said(player)
    assert "why it is not solved" not in said(player)
    player.enter("I did nothing.")
    assert player.env.trajectory.outcome == "unsolved"
    assert said(player).count("why it is not solved") == 1
    player.enter(":history")
    assert said(player).count("why it is not solved") == 2
    assert said(player).count("Airline: policy") == 0


TYPED = {
    "look": {
        "properties": {
            "ticket": {"type": "string"},
            "count": {"type": "integer"},
            "maybe": {"anyOf": [{"type": "string"}, {"type": "null"}]},
            "both": {"type": ["string", "number"]},
        }
    }
}


@pytest.mark.parametrize(
    ("line", "arguments"),
    [
        ("look ticket=12 count=12", {"ticket": "12", "count": 12}),
        ("look ticket=007 maybe=1e3", {"ticket": "007", "maybe": "1e3"}),
        ("look both=3 other=3", {"both": 3, "other": 3}),
        ("look ticket=true", {"ticket": "true"}),
        ('look {"ticket": "a b", "count": 2}', {"ticket": "a b", "count": 2}),
        ("look {}", {}),
    ],
)
def test_arguments_by_the_schema_or_as_one_object(line, arguments):
    (call,) = parse(to_action(line, TYPED)).calls
    assert call.arguments == arguments


@pytest.mark.parametrize("line", ["lok ticket=T1", "lok", "Look", "hand-out", 'lok {"ticket": 1}', "hand_ot all"])
def test_a_near_miss_is_found(line):
    assert near_miss(line, TOOLS) in TOOLS


@pytest.mark.parametrize("line", ["look", "Here it is.", "Looks good to me", "Done", "look ticket=1", "<response>x"])
def test_a_response_is_no_near_miss(line):
    assert near_miss(line, TOOLS) == ""


def test_a_near_miss_asks_and_the_line_once_more_is_sent(player):
    player.enter("list_all_airprts")
    assert "Did you mean list_all_airports?" in said(player)
    assert player.env.trajectory.steps == []
    player.enter("list_all_airprts")
    assert player.env.trajectory.steps[-1].turn.response == "list_all_airprts"


def test_arguments_that_are_no_json_send_nothing(player):
    player.enter('get_user_details {"user_id": ')
    assert "no JSON object" in said(player)
    assert player.env.trajectory.steps == []


def test_an_error_never_quits(toolgym, monkeypatch):
    lines = iter([":reset nowhere", ":tools nope", ":back nope", 'get_user_details {"', "list_all_airports", ":quit"])
    monkeypatch.setattr("builtins.input", lambda *_: next(lines))
    done = toolgym("play", "--set", "size=small", "--seed", 3)
    assert done.code == 0
    assert "nowhere" in done.out
    assert "step 1" in done.out  # it went on behind the errors
    assert next(lines, None) is None


def test_a_terminal_has_line_editing_and_history():
    pty, readline = pytest.importorskip("pty"), pytest.importorskip("readline")
    assert readline
    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "toolgym", "play", "--set", "size=small"]
    process = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm"})
    os.close(theirs)
    shown = b""

    def until(text: bytes) -> None:
        nonlocal shown
        while text not in shown:
            shown += os.read(ours, 4096)
        shown = shown.partition(text)[2]

    until(b"> ")
    os.write(ours, b":tsk\x1b[D\x1b[Da\r")  # two to the left, and the letter that is missing
    until(b"user")
    until(b"> ")
    os.write(ours, b"\x1b[A\r")  # the line before
    until(b":task")
    until(b"user")
    until(b"> ")
    os.write(ours, b":quit\r")
    assert process.wait(timeout=60) == 0
    os.close(ours)
