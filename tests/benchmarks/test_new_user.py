"""The new user's path: its steps, its limits, its table; with commands that take no time."""

import io
import json
import os
import sys
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks import new_user
from benchmarks.new_user import Row, Step, Walk, heading, install_command, judged, pinned, steps, table_of, walk

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")


def test_it_installs_what_readme_says():
    assert install_command(README) == 'pip install -c constraints.txt -e ".[train]"'
    with pytest.raises(ValueError, match="it has 0"):
        install_command("pip install toolgym")


def test_the_way_passes_every_part_of_a_first_hour():
    names = [step.name for step in steps("pip install .")]
    assert names[:5] == ["clone", "venv", "install", "quick", "demo"]
    assert {"list", "eval", "show", "plot", "new server", "check", "own_reward", "own_grpo_trainer"} <= set(names)
    assert "demo" not in [step.name for step in steps("pip install .", quick_only=True)]
    for step in steps("pip install ."):
        _, _, example = step.command.partition("python examples/")
        assert not example or (new_user.CHECKOUT / "examples" / example.split()[0]).is_file()


def test_the_limits_are_of_the_demo_and_of_the_way_to_it():
    # 100 s to install and 480 s of the demo are 580 s: within 600. Of --quick's 121 s one is too many.
    walked = [Row("install", "i", 100.0), Row("quick", "q", 121.0), Row("demo", "d", 480.0)]
    idle = {row.step: (row.seconds, row.limit_s, row.met) for row in judged(walked, "idle")}
    assert idle == {
        "install": (100.0, None, True),
        "quick": (121.0, 120, False),
        "demo": (480.0, None, True),
        "install to table": (580.0, 600, True),
    }
    busy = {row.step: row.limit_s for row in judged(walked, "busy") if row.limit_s}
    assert busy == {"quick": 300, "install to table": 1200}
    assert [row.step for row in judged(walked[:2], "idle")] == ["install", "quick"]


def test_the_table_lines_up():
    rows = judged([Row("install", "i", 100.25), Row("quick", "q", 121.0), Row("demo", "d", 480.0)], "idle")
    done = Walk("idle", 2, 0.1, "x86_64", "3.11", rows)
    assert heading(done) == "A new user's path: 701 s (idle, 2 cores, load 0.1 before)"  # 100.25 + 121 + 480
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(table_of(done))
    lines = console.export_text().rstrip("\n").split("\n")
    assert len({len(line) for line in lines}) == 1
    cells = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines if line.startswith("│")]
    assert cells == [
        ["install", "100.2", "", ""],
        ["quick", "121.0", "120", "NO"],
        ["demo", "480.0", "", ""],
        ["install to table", "580.2", "600", "yes"],
    ]


def test_a_step_runs_in_the_folders_own_environment(tmp_path):
    tool = tmp_path / ".venv" / "bin" / "toolgym"
    tool.parent.mkdir(parents=True)
    tool.write_text('#!/bin/sh\necho "$VIRTUAL_ENV" > made.txt\n')
    tool.chmod(0o755)
    said: list[str] = []
    (row,) = walk([Step("list", "toolgym list")], tmp_path, said.append)
    assert (row.step, row.command, row.limit_s) == ("list", "toolgym list", None)
    assert row.seconds > 0
    assert said[0].endswith("$ toolgym list")
    assert (tmp_path / "made.txt").read_text().strip() == str(tmp_path / ".venv")


def test_the_first_step_that_fails_ends_the_walk_with_what_it_said(tmp_path):
    bad = Step("bad", f"{sys.executable} -c \"import sys; print('why'); sys.exit(3)\"")
    with pytest.raises(SystemExit, match=r"(?s)why.*bad ended with exit status 3"):
        walk([bad, Step("after", "touch reached")], tmp_path, lambda _: None)
    assert not (tmp_path / "reached").exists()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes cannot be pinned here")
def test_a_busy_core_has_a_process_that_spins_and_is_let_go():
    import psutil

    before, there = os.sched_getaffinity(0), set(psutil.Process().children())
    with pinned(1, busy=True) as cores:
        assert cores == len(os.sched_getaffinity(0)) == 1
        (spinning,) = set(psutil.Process().children()) - there
    assert os.sched_getaffinity(0) == before
    assert not psutil.pid_exists(spinning.pid)
    with pytest.raises(SystemExit, match="--cores 0: there are 1 to"), pinned(0, busy=False):
        pass


@pytest.mark.parametrize(("seconds", "status"), [(1.0, 0), (301.0, 1)])
def test_what_was_measured_is_written_and_a_limit_that_was_not_met_is_the_exit_status(
    tmp_path, monkeypatch, capsys, seconds, status
):
    way = steps("pip install .", quick_only=True)
    monkeypatch.setattr(new_user, "walk", lambda way, *_: [Row(step.name, step.command, seconds) for step in way])
    assert new_user.main(["--busy", "--quick-only", "--json", "--output", str(tmp_path)]) == status
    printed = json.loads(capsys.readouterr().out)
    (path,) = tmp_path.glob("busy-*-quick.json")
    written = json.loads(path.read_text())
    assert [row["step"] for row in written["rows"]] == [step.name for step in way]
    assert written["rows"][3] == {**printed["rows"][3], "met": status == 0}
    assert str(new_user.CHECKOUT) not in path.read_text()
