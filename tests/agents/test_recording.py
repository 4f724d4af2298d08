"""The episodes that a run learnt from, in its folder."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from toolgym.agents.rollouts.recording import cut_later
from toolgym.agents.training import registry
from toolgym.cli import main as cli
from toolgym.trajectory import Trajectory, TrajectoryWriter, read_trajectories


def test_the_episodes_of_each_step_are_recorded(
    airline_arguments: list[str], tmp_path: Path, metrics: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "run"
    words = [*airline_arguments, "--record", "--save-steps", "2", "--output", str(output)]
    assert registry.main("grpo", [*words, "--steps", "3"]) == 0
    first = read_trajectories(output / "episodes.jsonl")
    assert [episode.meta["step"] for episode in first] == [1, 1, 2, 2, 3, 3]
    assert {episode.meta["world"]["size"] for episode in first} == {"small"}  # which `show` makes once more
    for line in metrics(output):
        episodes = [episode for episode in first if episode.meta["step"] == line["step"]]
        assert sum(len(episode.steps) for episode in episodes) == line["env_steps"]
        reward = sum(step.reward for episode in episodes for step in episode.steps) / 2
        assert reward == pytest.approx(line["reward"], abs=1e-6)
    # Killed behind step 3, whose episodes are written: it is taken again.
    shutil.rmtree(output / "checkpoint-3")
    with (output / "episodes.jsonl").open("a") as file:
        file.write('{"type":"epis')
    assert registry.main("grpo", [*words, "--steps", "4", "--resume"]) == 0
    again = read_trajectories(output / "episodes.jsonl")
    assert [episode.meta["step"] for episode in again] == [1, 1, 2, 2, 3, 3, 4, 4]
    texts = [[[step.turn.text for step in episode.steps] for episode in some] for some in (first, again)]
    assert texts[1][:6] == texts[0]
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        cli(["show", str(output / "episodes.jsonl"), "--json"])
    assert not ended.value.code
    assert len(json.loads(capsys.readouterr().out)) == 8
    with pytest.raises(SystemExit):
        cli(["show", str(output / "episodes.jsonl")])
    head, *rows = (line.split("│") for line in capsys.readouterr().out.splitlines() if "│" in line or "┃" in line)
    assert "step" in head[0].split("┃")[2]
    assert [int(row[2]) for row in rows if row[2].strip()] == [1, 1, 2, 2, 3, 3, 4, 4]
    # Begun anew, without: nothing of it is left.
    assert registry.main("grpo", [*words, "--no-record", "--overwrite"]) == 0
    assert not (output / "episodes.jsonl").exists()


def test_a_batch_that_is_learnt_from_twice_is_recorded_once(airline_arguments: list[str], tmp_path: Path) -> None:
    words = [*airline_arguments, "--record", "--steps", "4", "--iterations", "2", "--output", str(tmp_path)]
    assert registry.main("grpo", words) == 0
    assert [episode.meta["step"] for episode in read_trajectories(tmp_path / "episodes.jsonl")] == [1, 1, 3, 3]


def test_cutting_leaves_what_came_before(tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"
    cut_later(path, 3)
    assert not path.exists()
    for step in (1, 2, 3):
        with TrajectoryWriter(path) as writer:
            writer.write(Trajectory("env", f"task {step}", outcome="solved", meta={"step": step}))
    whole = path.read_bytes()
    cut_later(path, 3)
    assert path.read_bytes() == whole
    cut_later(path, 2)
    assert [episode.task_id for episode in read_trajectories(path)] == ["task 1", "task 2"]
    path.write_bytes(whole[:-5])  # torn
    cut_later(path, 3)
    assert [episode.outcome for episode in read_trajectories(path)] == ["solved", "solved", None]
    cut_later(path, 0)
    assert read_trajectories(path) == []
