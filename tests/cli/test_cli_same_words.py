"""What one command takes, its neighbours take by the same words: the environment, the split, the task, the servers."""

import io
import json
from pathlib import Path

import pytest

from toolgym.agents.training import registry
from toolgym.agents.training.options import parse_options
from toolgym.agents.training.sft_options import SFTOptions
from toolgym.errors import ConfigError

SMALL = ("--set", "size=small")
ENV = "ToolGym/Retail-v0"
TASK = "airline-small-test-00012"
SERVER = str(Path(__file__).parents[1] / "own_server" / "shop_server.py")


@pytest.fixture
def episodes(toolgym, tmp_path: Path) -> Path:
    file = tmp_path / "episodes.jsonl"
    assert toolgym("eval", ENV, "--agent", "oracle", "--episodes", 2, *SMALL, "--output", file).code == 0
    return file


def test_the_environment_is_an_argument_or_an_option(toolgym, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    for command in (
        ["eval", "-n", 2, "--json"],
        ["check", "--only", "gold_is_hidden", "-n", 2, "--json"],
        ["list", "--json"],
    ):
        shown = [toolgym(*command, *words, *SMALL) for words in ([ENV], ["--env", ENV], [ENV, "--env", ENV])]
        assert [done.code for done in shown] == [0, 0, 0], shown[0].err
        figures = [json.loads(done.out) for done in shown]
        assert "Retail" in json.dumps(figures[0])
        assert [str(each).count("Retail") for each in figures] == [str(figures[0]).count("Retail")] * 3
    for words in ([ENV], ["--env", ENV]):
        assert "user" in toolgym("play", *words, *SMALL).out


def test_recorded_episodes_name_theirs_both_ways(toolgym, episodes: Path) -> None:
    for command in (["score", "--json"], ["show", "--episode", 0]):
        name, *more = command
        by_argument = toolgym(name, episodes, ENV, *more, *SMALL)
        by_option = toolgym(name, episodes, *more, "--env", ENV, *SMALL)
        assert by_argument.code == 0, by_argument.err
        assert by_argument.out == by_option.out


@pytest.mark.parametrize("command", [["eval"], ["play"], ["check"], ["list"], ["serve"]])
def test_two_environments_are_refused(toolgym, command: list[str]) -> None:
    done = toolgym(*command, ENV, "--env", "ToolGym/Airline-v0")
    assert done.code == 2
    assert "are two: give one of them" in done.err


def test_training_takes_it_as_an_argument_too(capsys) -> None:
    for words in ([ENV], ["--env", ENV], [ENV, "--env", ENV], ["--steps", "3", ENV]):
        assert parse_options(SFTOptions, words, prog="x", description="y").env == ENV
    for words in ([ENV, "--env", "ToolGym/Bank-v0"], [ENV, "more"], ["more", "--setps", "3"]):
        with pytest.raises(SystemExit) as ended:
            parse_options(SFTOptions, words, prog="x", description="y")
        assert ended.value.code == 2
    assert "are two" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="algorithm"):
        registry.main("grop", [ENV])


@pytest.mark.parametrize("command", ["eval", "play", "check"])
def test_the_split_has_one_word(toolgym, command: str) -> None:
    done = toolgym(command, "--set", "split=test", *SMALL)
    assert (done.code, done.out) == (2, "")
    assert "The split is an option of its own: --split." in done.err
    done = toolgym(command, "--split", "tset", *SMALL)
    assert done.code == 2
    assert "Did you mean 'test'" in done.err


@pytest.mark.parametrize("words", [["--task", TASK], ["--task", "12"], ["--set", f"task={TASK}"]])
def test_one_task_by_the_same_words(toolgym, tmp_path: Path, monkeypatch, words: list[str]) -> None:
    file = tmp_path / "episodes.jsonl"
    assert toolgym("eval", *words, *SMALL, "--output", file).code == 0
    assert {entry["task_id"] for entry in json.loads(toolgym("show", file, "--json").out)} == {TASK}
    done = toolgym("check", "--split", "test", *words, *SMALL, "--only", "oracle")
    assert "1 of 1 tasks solved" in done.out
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    played = toolgym("play", "--split", "test", *words, *SMALL)
    assert played.code == 0, played.err


def test_a_task_that_there_is_not(toolgym) -> None:
    for command in ("eval", "check", "play"):
        done = toolgym(command, "--task", "nope", "--split", "test", *SMALL)
        assert (done.code, done.out) == (2, "")
        assert "airline-small-test" in done.err
    twice = toolgym("eval", "--task", TASK, "--set", f"task={TASK}", *SMALL)
    assert "option of its own: --task" in twice.err


@pytest.mark.slow
def test_servers_are_an_argument_or_an_option(toolgym, tmp_path: Path) -> None:
    shown = [toolgym("inspect", *words, "--json").out for words in ([SERVER], ["--servers", SERVER])]
    assert json.loads(shown[0])["tools"]
    assert shown[0] == shown[1]
    tasks = tmp_path / "tasks.yaml"
    order = "{order: {item: lamp, count: 1}}"
    tasks.write_text(f"tasks: [{{id: one, request: Order a lamp., gold: [{{calls: [{order}]}}, {{response: Done.}}]}}]")
    for words in ([SERVER], ["--servers", SERVER]):
        assert toolgym("tasks", "check", tasks, *words, "--write").code == 0
    for command in (["inspect"], ["tasks", "check", tasks]):
        done = toolgym(*command)
        assert done.code == 2
        assert "Which servers?" in done.err
        assert toolgym(*command, SERVER, "--servers", "other.py").code == 2


def test_serve_says_which(toolgym) -> None:
    done = toolgym("serve")
    assert done.code == 2
    assert "toolgym serve airline" in done.err
