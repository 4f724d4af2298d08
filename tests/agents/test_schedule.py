"""Learning rates over a run, as the metrics of one say them."""

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import TrainerCallback
from transformers.trainer_utils import SchedulerType

from toolgym.agents.eto import ETOOptions
from toolgym.agents.grpo import GRPOOptions
from toolgym.agents.policies.lm import SamplingOptions
from toolgym.agents.sft import SFTOptions, make_trainer
from toolgym.agents.training.callbacks import run_callbacks
from toolgym.agents.training.running import grpo_args, run, task_order
from toolgym.agents.training.schedule import budget_schedule, warmed_up
from toolgym.agents.training.trainer import ToolTrainer
from toolgym.errors import ConfigError


def rates(kind: str, warmup_steps: int, steps: int) -> list[float]:
    """The rate of each step, in parts of the whole one."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    scheduler = warmed_up(SchedulerType(kind), optimizer, warmup_steps, steps)
    out = []
    for _ in range(steps):
        out.append(optimizer.param_groups[0]["lr"] / 2.0)
        optimizer.step()
        scheduler.step()
    return out


def test_warm_up_rises_from_above_0_and_then_the_schedule_begins() -> None:
    # Two steps of warm-up: a third and two thirds. Then four steps of the schedule, whose first is at the whole rate.
    third = [1 / 3, 2 / 3]
    assert rates("constant_with_warmup", 2, 6) == pytest.approx([*third, 1, 1, 1, 1])
    assert rates("linear", 2, 6) == pytest.approx([*third, 1, 3 / 4, 2 / 4, 1 / 4])
    # (1 + cos(pi * i / 4)) / 2 for i = 0 ... 3
    half = math.sqrt(0.5)
    assert rates("cosine", 2, 6) == pytest.approx([*third, 1, (1 + half) / 2, 0.5, (1 - half) / 2])


@pytest.fixture
def make(fresh: Any, tokenizer: Any, toy_envs: Any) -> Any:
    """Makes the trainer of a configuration, on toy environments."""

    def trainer(config: GRPOOptions, callbacks: Sequence[TrainerCallback]) -> ToolTrainer:
        tasks: Any = list(range(20))
        return ToolTrainer(
            fresh(),
            tokenizer,
            grpo_args(config),
            envs=toy_envs(8),
            tasks=tasks,
            order=task_order(20, config.steps * config.groups, config.seed),
            estimator=lambda batch: batch.sampled_BT * 1.0,
            sampling=SamplingOptions(max_new_tokens=config.max_new_tokens, context_tokens=config.context_tokens),
            callbacks=[*run_callbacks(config), *callbacks],
        )

    return trainer


@pytest.mark.parametrize(
    ("schedule", "warmup_steps", "parts"),
    [
        ("constant", 0, [1, 1, 1, 1]),
        ("linear", 0, [1, 3 / 4, 2 / 4, 1 / 4]),
        ("constant", 2, [1 / 3, 2 / 3, 1, 1]),
        ("cosine", 0, [1, (1 + math.sqrt(0.5)) / 2, 1 / 2, (1 - math.sqrt(0.5)) / 2]),
    ],
)
def test_a_run_takes_the_rates_of_its_schedule(
    schedule: Any, warmup_steps: int, parts: list[float], make: Any, shape: dict[str, Any], tmp_path: Path, metrics: Any
) -> None:
    shape["save_steps"] = 10
    config = GRPOOptions(output=tmp_path, **shape, schedule=schedule, warmup_steps=warmup_steps)
    run(make(config, []), config)
    assert [line["learning_rate"] for line in metrics(tmp_path)] == pytest.approx([1e-3 * part for part in parts])


def test_a_resumed_run_goes_on_in_its_schedule(make: Any, shape: dict[str, Any], tmp_path: Path, resumes: Any) -> None:
    config = GRPOOptions(output=tmp_path, **shape, schedule="cosine", warmup_steps=1)
    lines, _ = resumes(config, make, stop=3)  # and whole: the same figures, rates among them
    # One step of warm-up, then (1 + cos(pi * i / 3)) / 2 for i = 0, 1, 2.
    assert [line["learning_rate"] for line in lines] == pytest.approx([0.5e-3, 1e-3, 0.75e-3, 0.25e-3])


def test_a_budget_is_spent_as_the_rate_falls() -> None:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=2.0)
    shares = [0.0, 0.2, 0.5, 1.2]  # the last batch plays more than there is
    for kind, parts in (
        ("linear", [1.0, 0.8, 0.5, 0.0]),
        ("cosine", [(1 + math.cos(math.pi * share)) / 2 for share in (0.0, 0.2, 0.5, 1.0)]),
    ):
        scheduler = budget_schedule(SchedulerType(kind), optimizer, 0, shares.__getitem__)
        found = [scheduler.get_last_lr()[0]]
        for _ in shares[1:]:
            optimizer.step()
            scheduler.step()
            found.append(scheduler.get_last_lr()[0])
        assert found == pytest.approx([2 * part for part in parts])
        optimizer.param_groups[0].pop("initial_lr")
        optimizer.param_groups[0]["lr"] = 2.0
    # Two steps of warm-up: 1/3 and 2/3 of what the rate would be.
    warm = budget_schedule(SchedulerType.LINEAR, optimizer, 2, shares.__getitem__)
    assert warm.get_last_lr() == pytest.approx([2 / 3])
    optimizer.step()
    warm.step()
    assert warm.get_last_lr() == pytest.approx([2 * 0.8 * 2 / 3])


def test_where_environment_steps_end_a_run_the_rate_falls_over_them(
    make: Any, shape: dict[str, Any], tmp_path: Path, resumes: Any
) -> None:
    """A batch is two updates, between which half of it counts as spent; a stop in the middle changes nothing."""
    budget = 400
    more = {"env_steps": budget, "minibatches": 2, "save_steps": 2}
    config = GRPOOptions(output=tmp_path, **shape | more, schedule="linear")

    def limited(some: GRPOOptions, callbacks: Sequence[TrainerCallback]) -> ToolTrainer:
        trainer = make(some, callbacks)
        trainer.run_config = some
        return trainer

    lines, _ = resumes(config, limited, stop=2)
    first, second = (line["env_steps"] for line in lines if "env_steps" in line)
    assert 0 < first + second < budget
    spent = [0, first / 2, first, first + second / 2]
    assert [line["learning_rate"] for line in lines] == pytest.approx([1e-3 * (1 - part / budget) for part in spent])


def test_sft_falls_in_a_line_unless_told_otherwise(fresh: Any, tokenizer: Any, tmp_path: Path, metrics: Any) -> None:
    from toolgym.agents.rollouts.demonstrations import Example

    data = [Example([5, 6, 7, 8], [0, 1, 1, 1])] * 4
    plain = SFTOptions(output=tmp_path / "plain", batch=1, threads=1, progress=False, learning_rate=1e-3)
    warm = replace(plain, output=tmp_path / "warm", schedule="constant", warmup_steps=3)
    for config, parts in ((plain, [1, 3 / 4, 2 / 4, 1 / 4]), (warm, [1 / 4, 2 / 4, 3 / 4, 1])):
        make_trainer(config, fresh(), tokenizer, data).train()
        assert [line["learning_rate"] for line in metrics(config.output)] == pytest.approx([1e-3 * p for p in parts])


@pytest.mark.parametrize("kind", [GRPOOptions, SFTOptions, ETOOptions])
def test_options_of_the_schedule_are_checked(kind: Any) -> None:
    with pytest.raises(ConfigError, match=r"schedule: Unknown choice 'cosin'\. Did you mean 'cosine'"):
        kind(schedule="cosin")
    with pytest.raises(ConfigError, match="warmup_steps must be at least 0, got -1"):
        kind(warmup_steps=-1)
    with pytest.raises(ConfigError, match="warmup_steps=50 must be below steps=50"):
        kind(warmup_steps=50, steps=50)
