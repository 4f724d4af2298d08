"""`toolgym train` with a reward that gives no number, or raises, once it has learnt something."""

from pathlib import Path

import pytest

from tests.agents.programs import Program
from toolgym.cli import main

REWARDS = """
calls = 0

def counted(trajectory, task):
    global calls
    calls += 1 if trajectory.done else 0
    return calls

def nan(trajectory, task):
    return 0.5 if counted(trajectory, task) <= {good} else float("nan")

def none(trajectory, task):
    return 0.5 if counted(trajectory, task) <= {good} else None

def raises(trajectory, task):
    return 0.5 if counted(trajectory, task) <= {good} else task.no_such_field
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("reward", "said"),
    [
        ("nan", "none of the 4 episodes of step 3 has a score: the reward is NaN for all of them"),
        ("none", "None"),
        ("raises", "raised AttributeError"),
    ],
)
def test_the_run_ends_in_a_line_and_keeps_what_was_learnt(reward, said, tmp_path: Path, capsys) -> None:
    file, run = tmp_path / "rewards.py", tmp_path / "run"
    file.write_text(REWARDS.format(good=8))  # two steps of four episodes
    words = ["train", "--algo", "grpo", "--steps", "4", "--groups", "2", "--rollouts", "2", "--threads", "1"]
    words += ["--no-progress", "--output", str(run), "--set", "max_turns=1", "--max-new-tokens", "16"]
    with pytest.raises(SystemExit) as ended:
        main([*words, "--reward", f"{file}:{reward}"])
    assert ended.value.code == 2
    said_here = capsys.readouterr().err
    assert "Traceback" not in said_here
    (line,) = [line for line in said_here.splitlines() if "Error" in line]
    assert said in line
    assert (run / "checkpoint-2" / "model.safetensors").is_file()
    # A reward that was mended goes on from there.
    file.write_text(REWARDS.format(good=1000))
    again = ["-m", "toolgym", *words, "--reward", f"{file}:{reward}", "--resume"]
    with Program(again, tmp_path / "again.log") as program:
        assert program.wait(240) == 0, program.said()
    assert (run / "final" / "model.safetensors").is_file()
