"""The help of every command: options in panels, an example of each, 80 columns, and nothing heavy behind it."""

import itertools
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from toolgym.cli.app import app

HEAVY = ["torch", "transformers", "trl", "accelerate", "datasets", "fastmcp", "mcp", "jsonschema", "yaml", "docker"]


def commands(command: Any, *words: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """(words that name it, command) of a command and all below it."""
    yield words, command
    for name, each in getattr(command, "commands", {}).items():
        yield from commands(each, *words, name)


ALL = dict(commands(typer.main.get_command(app)))
SINGLE = {words: each for words, each in ALL.items() if not hasattr(each, "commands")}


def names(words: tuple[str, ...]) -> str:
    return " ".join(words)


def test_the_walk_finds_the_commands() -> None:
    assert {("demo",), ("play",), ("tasks", "check"), ("new", "server"), ("docker", "reap")} <= SINGLE.keys()
    assert {(), ("tasks",), ("new",), ("docker",)} <= ALL.keys() - SINGLE.keys()


@pytest.mark.parametrize("words", ALL, ids=names)
def test_80_columns_hold_the_help_and_its_examples(words, toolgym, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = toolgym(*words, "--help").out
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= 80
    _, _, examples = (ALL[words].help or "").partition("Examples:\n")
    assert examples
    for line in examples.rstrip().splitlines():
        assert line.strip() in [each.strip() for each in shown.splitlines()]
    # A paragraph ends where its words do, not where the source's line did.
    before = shown.partition("Examples:")[0].splitlines()
    for line, after in itertools.pairwise(before):
        first = after.split()[:1]
        assert not (line.strip() and first) or len(line.rstrip()) + 1 + len(first[0]) >= 79, (line, after)


@pytest.mark.parametrize("words", SINGLE, ids=names)
def test_every_option_is_in_a_panel_and_every_panel_in_an_example(words) -> None:
    panels: dict[str, set[str]] = {}
    for option in SINGLE[words].params:
        if option.param_type_name == "option" and not option.hidden:
            panels.setdefault(getattr(option, "rich_help_panel", None) or "", set()).update(option.opts)
    if words == ("train",):  # its options are the algorithm's, and shown in groups with --algo
        return
    assert "" not in panels, panels[""]
    _, _, examples = SINGLE[words].help.partition("Examples:\n")
    for title, options in panels.items():
        assert options & set(examples.split()), f"no example has an option of {title!r}"


def test_help_and_mistyped_options_of_every_command_import_nothing_heavy() -> None:
    lines = [[*words, word] for words in ALL for word in ("--help", "--sedd")]
    code = f"""
import sys
from toolgym.cli import main
for line in {lines!r}:
    try:
        main(line)
    except SystemExit:
        pass
    found = {set(HEAVY)!r} & {{name.partition('.')[0] for name in sys.modules}}
    print('imported by', line, found) if found else None
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not re.findall("imported by.*", done.stdout)
    assert done.stdout.count("Usage:") >= len(ALL)
    assert done.stderr.count("No such option") >= len(ALL) - 1  # `train` gives them to the algorithm


@pytest.mark.parametrize("option", ["--size", "--flaky", "--domain-seed"])
def test_an_option_of_the_environment_says_how_it_is_set(toolgym, option) -> None:
    done = toolgym("eval", option, "1")
    assert done.code == 2
    assert f"--set {option[2:].replace('-', '_')}=VALUE" in done.err
    assert "Possible options" not in done.err


def test_any_other_option_names_those_like_it(toolgym) -> None:
    done = toolgym("eval", "--sead", "1")
    assert "Possible options: --search, --seed, --set" in done.err
    assert "environment's" not in done.err
