"""Degenerate policies must earn less than honest partial work, under every preset, on real airline tasks."""

import importlib.util
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from toolgym.domain import Domain
from toolgym.registration import make_domain
from toolgym.rewards import preset_names
from toolgym.tasks import Task

EXAMPLES = Path(__file__).resolve().parents[2] / "benchmarks" / "reward_examples.py"
DEGENERATE = [
    "repeat the call", "call everything", "copy the schema", "empty plan", "spam tags", "answer at once",
    "names, wrong values",
]  # fmt: skip


@pytest.fixture(scope="module")
def examples() -> Iterator[ModuleType]:
    """benchmarks/reward_examples.py, which is in no package."""
    spec = importlib.util.spec_from_file_location("reward_examples_under_test", EXAMPLES)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def domain() -> Domain:
    return make_domain("airline", size="small", dialect=None, seed=None)


@pytest.fixture(scope="module")
def tasks(domain: Domain, examples: ModuleType) -> list[Task]:
    return examples.example_tasks(domain, 6)


@pytest.mark.parametrize("preset", preset_names())
def test_honest_work_earns_more(preset: str, domain: Domain, tasks: list[Task], examples: ModuleType) -> None:
    def mean(name: str) -> float:
        example = next(e for e in examples.EXAMPLES if e.name == name)
        return statistics.fmean(examples.total(examples.play(domain, task, example, preset)) for task in tasks)

    gold, flawed, half = mean("gold"), mean("one wrong value"), mean("half of it")
    assert gold > flawed
    assert gold > half
    for name in DEGENERATE:
        # Where nothing but success is paid, half of the work earns nothing, and the hack must not either.
        assert mean(name) <= 0.0 if half == 0.0 else mean(name) < half, (name, mean(name), half)


def test_the_gold_episode_is_solved_and_the_degenerate_ones_are_not(
    domain: Domain, tasks: list[Task], examples: ModuleType
) -> None:
    for example in examples.EXAMPLES:
        outcomes = {examples.play(domain, task, example).outcome for task in tasks}
        assert (outcomes == {"solved"}) if example.name == "gold" else ("solved" not in outcomes)
