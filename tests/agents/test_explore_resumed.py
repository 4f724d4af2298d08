"""What RFT and ETO played before a stop is kept: a resumed run plays the rest, and trains on the same."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from toolgym.agents import eto, rft
from toolgym.agents.rollouts import branches
from toolgym.agents.rollouts.demonstrations import demonstrate
from toolgym.agents.rollouts.rollout import Rollout
from toolgym.agents.training.budget import StepBudget
from toolgym.agents.training.explore import ExploreOptions, Progress, explored
from toolgym.errors import ConfigError

MADE = {"rft": "examples.jsonl", "eto": "pairs.jsonl"}


@pytest.fixture
def words(start: str) -> list[str]:
    """A run over six tasks, of which four are a part."""
    where = ["--model", start, "--size", "small", "--prompt", "short", "--threads", "1", "--no-progress"]
    played = ["--episodes", "6", "--samples", "1", "--concurrency", "1", "--max-new-tokens", "5"]
    return [*where, *played, "--batch", "2", "--micro-batch", "1", "--steps", "1"]


@pytest.mark.parametrize("algo", ["rft", "eto"])
def test_a_stop_while_playing_loses_the_part_it_came_in(
    algo: str, words: list[str], tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = {"rft": rft, "eto": eto}[algo]
    played: list[list[int]] = []
    breaks_at = 0

    def episodes(policy: Any, envs: Any, tasks: Sequence[int], samples: int, **more: Any) -> list[list[Rollout]]:
        played.append(list(tasks))
        if len(played) == breaks_at:
            raise KeyboardInterrupt
        if algo == "rft":  # a policy that solves: the expert's episodes are its own
            return [[own] for own in demonstrate(envs[0], tokenizer, [envs[0].tasks[task] for task in tasks])]
        return branches.episodes(policy, envs, tasks, samples, **more)

    monkeypatch.setattr(module, "episodes", episodes)
    whole, half = tmp_path / "whole", tmp_path / "half"
    assert module.main([*words, "--output", str(whole)]) == 0
    order, parts = [task for part in played for task in part], [len(part) for part in played]
    assert parts == [4, 2]
    played.clear()
    breaks_at = 2
    with pytest.raises(KeyboardInterrupt):
        module.main([*words, "--output", str(half)])
    assert [path.name for path in sorted(half.iterdir())] == ["config.json", "played.jsonl"]
    with (half / "played.jsonl").open("a") as file:
        file.write('[{"played": 3, "pai')  # torn by a kill
    with pytest.raises(ConfigError, match=r"holds a run \(played\.jsonl\)"):
        module.main([*words, "--output", str(half)])
    played.clear()
    breaks_at = 0
    assert module.main([*words, "--output", str(half), "--resume"]) == 0
    assert played == [order[4:]]
    made = MADE[algo]
    assert (half / made).read_text() == (whole / made).read_text()
    assert len((half / made).read_text().splitlines()) >= 3
    first, second = (json.loads((folder / "metrics.jsonl").read_text()) for folder in (whole, half))
    assert first["env_steps"] == second["env_steps"] > 0
    assert first["loss"] == second["loss"]
    assert not (half / "played.jsonl").exists()
    # A stop in the training, before its first checkpoint: the line of the first step is written once more.
    shutil.rmtree(half / "final")
    for checkpoint in half.glob("checkpoint-*"):
        shutil.rmtree(checkpoint)
    assert module.main([*words, "--output", str(half), "--resume"]) == 0
    assert json.loads((half / "metrics.jsonl").read_text())["env_steps"] == first["env_steps"]


@pytest.fixture
def steps_of_two() -> Callable[[int, Sequence[int]], list[dict[str, Any]]]:
    """Playing that takes two steps a task."""
    return lambda done, part: [{"played": 2, "task": task, "place": done + at} for at, task in enumerate(part)]


def test_the_budget_counts_what_was_kept(tmp_path: Path, steps_of_two: Any) -> None:
    config = ExploreOptions(output=tmp_path, concurrency=2, samples=1, env_steps=7)
    tasks = [30, 31, 32, 33, 34, 35]
    budget = StepBudget(7)
    made = explored(config, tasks, budget, Progress(tmp_path / "kept"), steps_of_two)
    # Parts of two tasks, of two steps each: the second part reaches the limit with its second task.
    assert [(record["task"], record["place"]) for record in made] == [(30, 0), (31, 1), (32, 2), (33, 3)]
    assert budget.played == 8

    def never(done: int, part: Sequence[int]) -> list[dict[str, Any]]:
        raise AssertionError(part)

    for limit, tasks_within in ((7, 4), (3, 2)):
        budget = StepBudget(limit)
        assert explored(config, tasks, budget, Progress(tmp_path / "kept"), never) == made[:tasks_within]
        assert budget.played == 2 * tasks_within
    # Without a limit the parts are four times as large; what was kept is not played again.
    seen: list[tuple[int, list[int]]] = []

    def play(done: int, part: Sequence[int]) -> list[dict[str, Any]]:
        seen.append((done, list(part)))
        return steps_of_two(done, part)

    assert len(explored(config, tasks, StepBudget(), Progress(tmp_path / "kept"), play)) == 6
    assert seen == [(4, [34, 35])]
    seen.clear()
    explored(config, range(10), StepBudget(), Progress(), play)
    assert [len(part) for _, part in seen] == [8, 2]
