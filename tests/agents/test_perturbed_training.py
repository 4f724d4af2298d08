"""Training where tools have other names each episode: those of a group are of one task, whoever plays them and when."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from transformers import TrainerCallback

from toolgym.agents import eto
from toolgym.agents.eto import ETOOptions, explore_pairs
from toolgym.agents.grpo import GRPOOptions, make_trainer
from toolgym.agents.policies.lm import LMPolicy, SamplingOptions
from toolgym.agents.training.running import run
from toolgym.rewards import Reward, base, register
from toolgym.tasks import Task
from toolgym.trajectory import Trajectory

RENAMED: dict[str, Any] = {
    "size": "small",
    "prompt": "tools",
    "set": ("rename=true",),
    "max_new_tokens": 5,
    "context_tokens": 2048,
    "threads": 1,
    "progress": False,
}


@pytest.fixture
def rewarded() -> Iterator[str]:
    """A reward that differs from episode to episode, whatever a random model says."""

    def vowels(trajectory: Trajectory, task: Task, /) -> float:
        text = trajectory.steps[-1].turn.text
        return sum(character in "aeiou" for character in text) / max(len(text), 1)

    register("test_vowels", lambda: Reward({"vowels": vowels}, {}))
    yield "test_vowels"
    base._PRESETS.pop("test_vowels")


def test_a_resumed_run_has_the_names_that_the_other_would_have_had(
    start: str, rewarded: str, shape: Any, resumes: Any, metrics: Any, tmp_path: Path
) -> None:
    def make(some: GRPOOptions, callbacks: Sequence[TrainerCallback]) -> Any:
        return make_trainer(some, callbacks=list(callbacks))

    short = {"model": start, "reward": rewarded, "steps": 2, "save_steps": 1, "groups": 1, "output": tmp_path}
    config = GRPOOptions(**{**shape, **short, **RENAMED})
    whole, _ = resumes(config, make, stop=1)
    few = replace(config, output=tmp_path / "few", concurrency=2)
    run(make(few, []), few)
    # How many environments there are decides nothing: sampling is a slot's, names are the batch's.
    for one, other in zip(whole, metrics(few.output), strict=True):
        assert one == pytest.approx(other, abs=1e-6)


@pytest.mark.parametrize("pairs", ["episode", "ranked"])
def test_both_sides_of_a_pair_begin_alike(
    pairs: Any, tiny_model: Any, tokenizer: Any, start: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    openings: list[set[tuple[int, ...]]] = []
    played = eto.episodes

    def episodes(*given: Any, **more: Any) -> Any:
        groups = played(*given, **more)
        openings.extend({tuple(one.prompt_ids) for one in group} for group in groups)
        for number, one in enumerate(one for group in groups for one in group):
            one.rewards[-1] += number  # so that they are ranked
            one.cut = []
        return groups

    monkeypatch.setattr(eto, "episodes", episodes)
    config = ETOOptions(
        model=start, output=tmp_path, pairs=pairs, episodes=2, samples=3, concurrency=2, max_tokens=4096, **RENAMED
    )
    policy = LMPolicy(tiny_model, tokenizer, SamplingOptions(max_new_tokens=5, context_tokens=2048))
    assert explore_pairs(config, policy, tokenizer)
    assert [len(group) for group in openings] == [1, 1]
