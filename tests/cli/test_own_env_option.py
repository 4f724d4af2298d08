"""`--env FILE.py:NAME`: an environment of one's own on every command, and never by what a file says."""

import json
import sys
from pathlib import Path

import pytest

from toolgym.cli import main
from toolgym.errors import ConfigError
from toolgym.opening import bring_env, open_env
from toolgym.trajectory import iterate_trajectories

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "own_server.py"
OWN = f"{EXAMPLE}:make_env"


def run(capsys, *arguments):
    """What a command prints, and its exit status."""
    status = 0
    try:
        main(list(arguments))
    except SystemExit as stop:
        status = stop.code or 0
    printed = capsys.readouterr()
    return status, printed.out, " ".join(printed.err.split())


def test_eval_plays_it_and_score_knows_it(capsys, tmp_path):
    file = tmp_path / "episodes.jsonl"
    status, out, error = run(capsys, "eval", "--env", OWN, "--json", "--output", str(file), "--set", "prompt=short")
    assert status == 0, error
    assert (json.loads(out)["env"], json.loads(out)["pass@1"]) == (OWN, 1.0)
    assert [trajectory.task_id for _, trajectory in iterate_trajectories(file)] == ["library/1"]
    status, out, error = run(capsys, "score", str(file), "--env", OWN, "--json")
    assert status == 0, error


def test_list_describes_it(capsys):
    status, out, _ = run(capsys, "list", OWN, "--json")
    assert status == 0
    assert [tool["name"] for tool in json.loads(out)[0]["tools"]] == ["find_book", "lend"]


def test_play_plays_it(capsys, monkeypatch):
    lines = iter([":quit"])
    monkeypatch.setattr("builtins.input", lambda *_: next(lines))
    status, out, error = run(capsys, "play", "--env", OWN)
    assert status == 0, error
    assert "Please lend me the book" in out


@pytest.mark.slow
@pytest.mark.parametrize("words", [[], ["--set", "prompt=short"]])
def test_check_checks_it_in_another_process_too(capsys, words):
    status, out, error = run(capsys, "check", "--env", OWN, "--episodes", "2", "--only", "determinism", *words)
    assert status == 0, out + error


@pytest.mark.slow
def test_train_opens_it_before_a_model_is_loaded(capsys, tmp_path, monkeypatch):
    def no_model(*_, **__):
        raise ConfigError("nothing was loaded yet")

    monkeypatch.setattr("toolgym.agents.training.running.load_model", no_model)
    words = ["--steps", "1", "--output", str(tmp_path / "run"), "--threads", "1"]
    status, _, error = run(capsys, "train", "--algo", "grpo", "--env", OWN, *words)
    assert status == 2
    assert "can learn little of 'library'" in error
    assert "nothing was loaded yet" in error


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nope", "Did you mean"),
        ("number = 3", "is a int; --env takes a function or a class"),
        ("def made(): pass", "cannot be made with ['split']"),
        ("def made(**options): return 3", "makes a int, not a ToolEnv"),
        ("def made(**options): return None", "makes a NoneType, not a ToolEnv"),
    ],
)
def test_what_makes_no_environment_is_an_error(capsys, tmp_path, text, said):
    name = "mad" if text == "nope" else "number" if "number" in text else "made"
    place = tmp_path / f"no_env_{abs(hash(text))}.py"
    place.write_text("def made(**options): pass" if text == "nope" else text)
    status, out, error = run(capsys, "eval", "--env", f"{place}:{name}")
    assert (status, out) == (2, "")
    assert said in error


def test_no_file_of_episodes_and_no_model_loads_code(capsys, tmp_path):
    place = tmp_path / "told_by_a_file.py"
    place.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\ndef made(**options): pass")
    file = tmp_path / "episodes.jsonl"
    status, *_ = run(capsys, "eval", "--env", OWN, "--json", "--output", str(file))
    assert status == 0
    file.write_text(file.read_text().replace('"env_id":"library"', f'"env_id":"{place}:made"'))
    assert f"{place}:made" in file.read_text()
    assert run(capsys, "score", str(file))[0] == 2
    (tmp_path / "environment.json").write_text(json.dumps({"env": f"{place}:made", "prompt": "short"}))
    run(capsys, "eval", "--agent", f"hf:{tmp_path}", "--episodes", "1")
    with pytest.raises(Exception, match="told_by_a_file"):
        open_env(f"{place}:made")  # nobody brought it
    assert not (tmp_path / "ran").exists()
    assert "told_by_a_file" not in sys.modules


def test_an_id_of_gymnasium_is_left_as_it_is():
    bring_env("ToolGym/Airline-v0")
    open_env("ToolGym/Airline-v0", size="small").close()
