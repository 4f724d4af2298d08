"""Each command of `toolgym`: what it prints, what it writes, and how it fails."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from toolgym.agents.training import registry
from toolgym.cli.app import _EXTRAS, app
from toolgym.errors import ConfigError
from toolgym.options import parse_settings

ENV = "ToolGym/Airline-v0"


@pytest.mark.parametrize("command", [command.name for command in app.registered_commands])
def test_help_has_examples(toolgym, command):
    done = toolgym(command, "--help")
    assert done.code == 0
    assert f"toolgym {command}" in done.out
    assert "Examples:" in done.out


@pytest.mark.parametrize(
    "command",
    [
        *([command.name] for command in app.registered_commands),
        ["new", "server"],
        ["tasks", "check"],
        ["docker", "build"],
    ],
)
def test_help_at_80_columns_cuts_nothing(toolgym, command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    shown = toolgym(*command, "--help").out
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= 80


def test_no_arguments_show_the_commands(toolgym):
    done = toolgym()
    for command in ("list", "demo", "play", "eval", "train", "serve", "show", "score"):
        assert command in done.out + done.err


def test_version(toolgym):
    assert toolgym("--version").out.strip().startswith("0.1")


def test_list(toolgym):
    listed = json.loads(toolgym("list", "--json").out)
    airline = next(entry for entry in listed if entry["id"] == ENV)
    assert airline["domain"] == "airline"
    assert len(airline["tools"]) == 14
    assert {tool["name"] for tool in airline["tools"] if tool["writes"]} == {
        "book_reservation",
        "cancel_reservation",
        "send_certificate",
        "update_reservation_baggages",
        "update_reservation_flights",
        "update_reservation_passengers",
    }
    assert min(airline["tasks"].values()) >= 1000
    assert ENV in toolgym("list").out
    assert "cancel_reservation" in toolgym("list", ENV).out


def test_eval_json_is_all_of_stdout(toolgym, tmp_path):
    path = tmp_path / "episodes.jsonl"
    done = toolgym("eval", "-e", ENV, "-a", "oracle", "-n", 6, "-k", 2, "--json", "-o", path, "--set", "size=small")
    figures = json.loads(done.out)
    assert figures["pass@1"] == figures["pass@k"] == figures["pass^k"] == figures["pass^2"] == 1.0
    assert figures["episodes"] == 12
    assert figures["env_options"] == {"size": "small"}
    shown = json.loads(toolgym("show", path, "--json").out)
    assert len(shown) == 12
    assert toolgym("show", path).out.count("solved") == 12
    one = toolgym("show", path, "--episode", 0).out
    assert "step 1" in one
    assert "reward" in one
    assert json.loads(toolgym("show", path, "--outcome", "unsolved", "--json").out) == []
    missing = toolgym("show", path, "--episode", 12)
    assert missing.code == 2
    assert "12 such episodes" in missing.err


def test_eval_prints_tables(toolgym):
    done = toolgym("eval", "-a", "noop", "-n", 4, "--set", "size=small")
    assert done.code == 0
    assert "pass@1" in done.out
    assert "4 tasks, 4 episodes, 0 lost to infrastructure" in done.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("eval", "-e", "ToolGym/Airlin-v0"), "Did you mean 'ToolGym/Airline-v0'"),
        (("eval", "-a", "oracel"), "Did you mean 'oracle'"),
        (("eval", "--split", "tset"), "Did you mean 'test'"),
        (("eval", "--set", "sice=small"), "Did you mean 'size'"),
        (("eval", "--set", "small"), "NAME=VALUE"),
        (("list", "ToolGym/Nothing-v0"), "ToolGym/Airline-v0"),
        (("play", "-e", "CartPole-v1"), "CartPole-v1 cannot be made with"),
        (("serve", "airlin"), "Did you mean 'airline'"),
        (("serve", "airline", "--set", "sede=3"), "sede"),
        (("show", "nowhere.jsonl"), "no file nowhere.jsonl"),
        (("score", "nowhere.jsonl"), "Cannot read nowhere.jsonl"),
        (("train", "--algo", "grop"), "Did you mean 'grpo'"),
        (("train",), "--algo"),
    ],
)
def test_errors_are_one_red_line_and_say_what_to_do(toolgym, arguments, message):
    done = toolgym(*arguments)
    assert done.code == 2
    assert message in done.err
    assert done.err.startswith("Error: ")
    assert "Traceback" not in done.err


def test_debug_shows_the_traceback(toolgym):
    with pytest.raises(ConfigError):
        toolgym("--debug", "eval", "-a", "oracel")


def test_unknown_options_and_commands_exit_with_2(toolgym):
    assert toolgym("evil").code == 2
    assert toolgym("eval", "--episode", "x").code == 2
    assert "--seed" in toolgym("eval", "--seed", "-1").err


def test_train_hands_the_rest_to_the_algorithm(toolgym, monkeypatch):
    seen = []
    monkeypatch.setattr(registry, "main", lambda name, argv: seen.append((name, list(argv))) or 0)
    assert toolgym("train", "--algo", "grpo", "--steps", "3", "--seed", "7", "--output", "x").code == 0
    assert toolgym("train", "--algo", "sft", "--help").code == 0
    monkeypatch.setattr(registry, "main", lambda name, argv: 3)
    assert toolgym("train", "--algo", "mine.py:main").code == 3
    assert seen == [("grpo", ["--steps", "3", "--seed", "7", "--output", "x"]), ("sft", ["--help"])]


def test_train_lists_the_algorithms(toolgym):
    done = toolgym("train", "--help")
    assert done.code == 0
    for name in registry.algorithms():
        assert name in done.out


@pytest.mark.parametrize(("module", "extra"), [("torch", "train"), ("docker", "docker"), ("ray.util", "ray")])
def test_missing_extras_are_explained(toolgym, monkeypatch, module, extra):
    def missing(name, argv):
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)

    monkeypatch.setattr(registry, "main", missing)
    done = toolgym("train", "--algo", "grpo")
    assert done.code == 2
    assert f"pip install 'toolgym[{extra}]'" in done.err
    assert module.partition(".")[0] in _EXTRAS


def test_a_missing_module_of_no_extra_is_a_bug_and_shows_as_one(toolgym, monkeypatch):
    def missing(name, argv):
        raise ModuleNotFoundError("No module named 'toolgym.nothing'", name="toolgym.nothing")

    monkeypatch.setattr(registry, "main", missing)
    with pytest.raises(ModuleNotFoundError):
        toolgym("train", "--algo", "grpo")


def test_settings_are_json_or_text():
    assert parse_settings(["size=small", "depth=[2,3]", "max-turns=4", "task=null", "user=llm:a=b"]) == {
        "size": "small",
        "depth": [2, 3],
        "max_turns": 4,
        "task": None,
        "user": "llm:a=b",
    }
    assert parse_settings(None) == {}


def test_the_program_starts_without_a_training_stack():
    code = "import sys; from toolgym.cli import main\ntry: main(['list'])\nexcept SystemExit: pass\n"
    code += "print({'torch', 'transformers', 'docker'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("set()\n")
    assert ENV in done.stdout


OWN_ALGORITHM = str(Path(__file__).parents[2] / "examples" / "own_algorithm.py") + ":main"
HEAVY = {
    "torch",
    "transformers",
    "trl",
    "accelerate",
    "safetensors",
    "datasets",
    "fastmcp",
    "mcp",
    "jsonschema",
    "yaml",
    "docker",
    "ray",
}


def test_help_and_a_mistyped_word_import_nothing_heavy():
    """One process reads all lines: what is not there after one of them was imported by none before it."""
    commands = ("list", "demo", "play", "eval", "train", "serve", "show", "score", "plot", "inspect", "check", "record")
    groups = (("new", "server"), ("tasks", "check"), ("docker", "build"))
    lines = [
        ("--help",),
        *((command, "--help") for command in commands),
        *((*group, "--help") for group in groups),
        ("evla",),
        ("eval", "--epsiodes", "3"),
        ("train", "--algo", "gpro"),
        ("show", "--nope"),
        *(("train", "--algo", name, "--help") for name in registry.algorithms()),
        *(("train", "--algo", name, "--setps", "3") for name in ("grpo", "sft", "vine")),
        ("train", "--algo", "dupo", "--steps", "many"),
        ("train", "--algo", "eto", "--pairs", "setp"),
        ("train", "--algo", OWN_ALGORITHM, "--help"),
        ("train", "--algo", OWN_ALGORITHM, "--setps", "3"),
    ]
    code = f"""
import contextlib, io, json, sys
from toolgym.cli import main
told = []
for line in {lines!r}:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), contextlib.suppress(SystemExit):
        main(line)
    told.append((said.getvalue(), sorted({HEAVY!r} & {{name.partition('.')[0] for name in sys.modules}})))
print(json.dumps(told))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for line, (said, imported) in zip(lines, json.loads(done.stdout), strict=True):
        assert not imported, line
        assert "usage" in said.lower() or "Did you mean" in said or "invalid" in said, line


def test_a_reader_that_leaves_early_is_no_traceback(tmp_path):
    program = f"{sys.executable} -c 'from toolgym.cli import main; main()' list --json | head -c 20"
    done = subprocess.run(
        ["bash", "-c", program], capture_output=True, text=True, check=False, env={**os.environ, "COLUMNS": "100"}
    )
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


@pytest.mark.parametrize(("call", "own"), [("main()", True), ("main(['--version'])", False)])
def test_only_a_process_of_its_own_collects_less(call, own):
    code = f"""
import gc, sys
usual, sys.argv = gc.get_threshold(), ["toolgym", "--version"]
from toolgym.cli import main
try:
    {call}
except SystemExit:
    print(gc.get_threshold() != usual)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == str(own)


def test_the_evaluation_of_a_model_imports_no_trainer():
    code = "import sys; from toolgym.cli import main\n"
    code += "try: main(['eval', '--agent', 'builtin', '--episodes', '1', '--set', 'depth=1', '--json'])\n"
    code += "except SystemExit: pass\n"
    code += "print({'trl', 'datasets', 'pandas', 'peft', 'transformers.trainer'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("set()\n")
