"""The reading list's learners go on after a stop to the figures of a run without one, whatever they keep besides."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from toolgym.agents import archer, mua_rl, scribe, spear, toolpo
from toolgym.agents.archer import ArCHerOptions
from toolgym.agents.mua_rl import MUARLOptions
from toolgym.agents.scribe import SCRIBEOptions
from toolgym.agents.spear import SPEAROptions
from toolgym.agents.toolpo import ToolPOOptions
from toolgym.rewards import base
from toolgym.rewards.base import Reward, register
from toolgym.tasks import Task
from toolgym.trajectory import Trajectory

pytestmark = pytest.mark.slow
WHERE = {"env": "ToolGym/Airline-v0", "size": "small", "prompt": "short", "set": ("max_turns=3",)}
OF_TEXT = "test_text_of_reading_list"
RUNS: dict[str, tuple[ModuleType, type[Any], dict[str, Any]]] = {
    "archer": (archer, ArCHerOptions, {"reward": OF_TEXT, "warm_up": 1, "resample": 4}),
    "mua_rl": (mua_rl, MUARLOptions, {"reward": OF_TEXT}),
    "toolpo": (toolpo, ToolPOOptions, {"reward": OF_TEXT}),
    "scribe": (scribe, SCRIBEOptions, {"reward": OF_TEXT}),
    "spear": (spear, SPEAROptions, {"reward": OF_TEXT, "imitation_warmup": 2}),
}
"""Name -> where its trainer is made, its options, and what differs from their defaults: random text must earn."""

ACTED = {
    "archer": ("archer/resampled", "archer/advantage", "archer/explained_variance"),
    "scribe": ("scribe/none_score",),
    "spear": ("spear/replayed", "spear/buffer", "spear/cut"),
}
"""Name -> what says that its mechanism acted in the run: what does not act survives any stop."""


@pytest.fixture(autouse=True)
def of_text() -> Iterator[None]:
    """A reward that random text earns, with components that learners read."""

    def vowels(trajectory: Trajectory, task: Task, /) -> float:
        return sum(character in "aeiou" for character in trajectory.steps[-1].turn.text) / 10

    def consonants(trajectory: Trajectory, task: Task, /) -> float:
        return 0.5 - vowels(trajectory, task)

    terms = {"outcome": vowels, "call": consonants, "skill_none": vowels}
    register(OF_TEXT, lambda: Reward(terms, {"call": 0.0, "skill_none": 0.0}))
    yield
    base._PRESETS.pop(OF_TEXT)


@pytest.mark.parametrize("name", RUNS)
def test_interrupted_and_resumed_equals_uninterrupted(
    name: str, fresh: Any, tokenizer: Any, shape: dict[str, Any], resumes: Any
) -> None:
    module, options, changes = RUNS[name]
    config = options(**shape | WHERE | changes)
    # Step 3 comes after the checkpoint of step 2: it is taken again.
    lines, _ = resumes(config, lambda some, callbacks: module.make_trainer(some, fresh(), tokenizer, callbacks), stop=3)
    assert len(lines) == 4
    for figure in ACTED.get(name, ()):
        assert any(line[figure] for line in lines), figure
