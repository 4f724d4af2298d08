"""`toolgym new domain`: what it writes conforms at once, and the commands that it prints work."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from toolgym.composing.composer import DeclaredDomain
from toolgym.loading import load_named

ROOT = Path(__file__).resolve().parents[2]


def test_it_writes_a_domain_with_tasks_of_every_depth(toolgym, tmp_path):
    done = toolgym("new", "domain", "skihire", "-o", tmp_path / "skis")
    assert done.code == 0, done.err
    assert sorted(path.name for path in (tmp_path / "skis").iterdir()) == ["skihire.py", "test_skihire.py"]
    made = load_named(f"{tmp_path / 'skis' / 'skihire.py'}:SKIHIRE")
    domain = DeclaredDomain(made, size="small")
    for split in ("train", "test_unseen"):
        tasks = [domain.tasks(split)[index] for index in range(150)]
        assert {task.depth for task in tasks} == {1, 2, 3, 4, 5, 6, 7}
        assert tasks[0].id == f"skihire-small-{split}-00000"
    for size in ("standard", "large"):
        assert DeclaredDomain(made, size=size).tasks("test")[0].request


def test_a_declaration_is_an_environment_on_every_command(toolgym, tmp_path):
    toolgym("new", "domain", "skilease", "-o", tmp_path)
    done = toolgym(
        "eval", "--env", f"{tmp_path / 'skilease.py'}:SKILEASE", "--agent", "oracle", "--episodes", "5", "--json"
    )
    assert done.code == 0, done.err
    assert '"pass@1": 1.0' in done.out


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("my-shop", "word in small ASCII letters"),
        ("Shop", "word in small ASCII letters"),
        ("class", "word in small ASCII letters"),
        ("3d", "word in small ASCII letters"),
        ("", "word in small ASCII letters"),
        ("_shop", "begins with a letter"),
        ("calendar", "There is a Python module 'calendar' already"),
        ("pytest", "There is a Python module 'pytest' already"),
        ("toolgym", "There is a Python module 'toolgym' already"),
        ("rules", "RULES is a part of the domain that is written"),
        ("things", "THINGS is a part of the domain that is written"),
    ],
)
def test_a_name_that_will_not_do_is_refused(toolgym, tmp_path, name, message):
    done = toolgym("new", "domain", name, "-o", tmp_path / "new")
    assert done.code == 2
    assert message in done.err
    assert not (tmp_path / "new").exists()


def test_nothing_is_overwritten(toolgym, tmp_path):
    (tmp_path / "kept").write_text("")
    done = toolgym("new", "domain", "skihut", "-o", tmp_path)
    assert (done.code, "is there already" in done.err) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


@pytest.mark.slow
def test_the_commands_that_it_prints_work(toolgym, tmp_path):
    folder = tmp_path / "ski shop"
    printed = toolgym("new", "domain", "skishop", "-o", folder).out
    commands = [
        line.removeprefix("Next: ").strip() for line in printed.splitlines() if re.match(r"Next: |      ", line)
    ]
    assert commands[0] == f"cd '{folder}'"
    assert len(commands) == 5
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    assert shutil.which("toolgym", path=environment["PATH"])
    for command in commands[1:]:
        done = subprocess.run(
            f"{commands[0]} && {command}", shell=True, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (command, done.stdout[-2000:], done.stderr[-2000:])
    done = subprocess.run(
        [sys.executable, "skishop.py"],
        cwd=folder,
        env=environment,
        input="",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
