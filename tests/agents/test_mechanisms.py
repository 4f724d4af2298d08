"""What trainers log of whether an algorithm's mechanism acts, and the options that let it: by hand, and in runs."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from toolgym.agents import awpo, dupo, toolupt
from toolgym.agents.awpo import AWPOOptions, group_weights, mechanisms
from toolgym.agents.dupo import DUPOOptions, early_errors
from toolgym.agents.rollouts.episodes import EpisodeBatch
from toolgym.agents.toolupt import ToolUPTOptions
from toolgym.agents.training.clipping import clipped_choices, sequence_ratios
from toolgym.agents.training.expert import ExpertTrainer
from toolgym.agents.training.running import run
from toolgym.errors import ConfigError


@pytest.fixture
def shape(shape: dict[str, Any]) -> dict[str, Any]:
    """On the small airline."""
    return shape | {"size": "small", "prompt": "short", "context_tokens": 1024, "steps": 2, "groups": 4}


def test_what_a_clip_cuts_off_by_hand() -> None:
    # Old probability 0.5; ratios 1.3, 1.3, 0.7, 0.7, 1.1, 1.3 with bounds 0.8 and 1.2: a token above is cut off where
    # its advantage is positive, one below where it is negative; the last is not sampled. Two of five. A seventh was
    # certain: it had no choice, though it fell to 0.7 of what it was.
    old = torch.log(torch.tensor([[0.5] * 6 + [0.995]]))
    logps = old + torch.log(torch.tensor([[1.3, 1.3, 0.7, 0.7, 1.1, 1.3, 0.7]]))
    advantages = torch.tensor([[1.0, -1.0, -1.0, 1.0, 1.0, 1.0, -1.0]])
    mask = torch.tensor([[1, 1, 1, 1, 1, 0, 1]])
    assert clipped_choices(logps, old, advantages, 0.2, 0.2, mask) == pytest.approx(2 / 5)
    assert clipped_choices(logps, old, advantages, 0.2, torch.full((1, 7), 0.4), mask) == pytest.approx(1 / 5)
    assert clipped_choices(logps, old, advantages, 0.2, 0.2, mask * 0) == 0.0


def test_a_sequences_ratio_by_hand() -> None:
    # Ratios 2, 1/2 and 4, of which the second is not sampled: the geometric mean of 2 and 4 is sqrt(8), for all three.
    log_ratios = torch.log(torch.tensor([[2.0, 0.5, 4.0], [3.0, 3.0, 3.0]]))
    made = sequence_ratios(log_ratios, torch.tensor([[1, 0, 1], [0, 0, 0]]))
    assert made.exp()[0].tolist() == pytest.approx([8**0.5] * 3)
    assert made[1].tolist() == [0.0] * 3


def test_pulls_by_hand() -> None:
    # One part is 2 log p of a token with p = 0.5 and 3 log p of one with 0.75, the other -log p of the first: their
    # pulls are 2 * 0.5 + 3 * 0.25 = 1.75 and 0.5. A part without gradient pulls not at all.
    logps = torch.log(torch.tensor([0.5, 0.75])).requires_grad_()
    told: dict[str, float] = {}
    trainer = SimpleNamespace(record_share=lambda name, value: told.update({name: float(value)}))
    parts = {"one": (torch.tensor([2.0, 3.0]) * logps).sum(), "other": -logps[0], "none": torch.zeros(())}
    ExpertTrainer.record_pulls(cast(Any, trainer), parts, [logps])
    assert told == pytest.approx({"one": 1.75, "other": 0.5, "none": 0.0})
    assert logps.grad is None


def batch_of(rewards: list[list[float]], usable: list[bool] | None = None, solved: Any = None) -> EpisodeBatch:
    """A group of episodes with these rewards by step; -1 stands for steps that an episode has not."""
    rewards_BS = torch.tensor(rewards, dtype=torch.float64)
    count = len(rewards)
    return EpisodeBatch(
        rewards_BS=rewards_BS.clamp(min=0),
        steps_B=(rewards_BS >= 0).sum(1),
        step_BT=torch.zeros(count, 1, dtype=torch.long),
        types_BT=torch.zeros(count, 1, dtype=torch.long),
        logprobs_BT=torch.zeros(count, 1),
        solved_B=torch.tensor(solved or [False] * count),
        usable_B=torch.tensor(usable or [True] * count),
        group_size=count,
    )


def test_early_errors_by_hand() -> None:
    # Four steps. The best candidates earn 3 each; the second errs at step 1 of 4 (early), the third at step 3 (late),
    # the fourth ends after two steps, so that its first error is step 3 too. All three are below the mean of 7.5.
    group = [[3.0, 3, 3, 3], [0, 0, 3, 0], [3, 3, 0, 0], [3, 3, -1, -1]]
    assert early_errors(batch_of(group)) == pytest.approx(1 / 3)
    # The early one does not count: the others' mean is (12 + 6 + 6) / 3 = 8, and both are late.
    assert early_errors(batch_of(group, usable=[True, False, True, True])) == 0.0
    assert early_errors(batch_of([[1.0, 2.0]] * 3)) is None


def weights_of(outcome: torch.Tensor, mixed: torch.Tensor, **changes: Any) -> Any:
    options = AWPOOptions(judge="facts", **changes)
    return group_weights(outcome, mixed, torch.ones(len(outcome), dtype=torch.bool), 2, 2.0, options)


def test_awpos_mechanisms_by_hand() -> None:
    # Three groups of two. Outcomes (1, 2): reasoning 0 and 1 goes with it. (1, 1): flat, reasoning 0 and 1. (2, 2): at
    # the peak of 2, flat, reasoning 1 and 0.
    outcome = torch.tensor([1.0, 2, 1, 1, 2, 2], dtype=torch.float64)
    mixed = outcome + torch.tensor([0.0, 1, 0, 1, 1, 0], dtype=torch.float64)
    solved, usable = torch.tensor([False, True, False, True, True, False]), torch.ones(6, dtype=torch.bool)
    figures = mechanisms(outcome, mixed, solved, usable, 2, weights_of(outcome, mixed))
    # Centred outcomes (-.5, .5, 0, 0, 0, 0) and reasoning (-.5, .5, -.5, .5, .5, -.5): 0.5 / sqrt(0.5 * 1.5) = 0.577.
    assert figures["judge_correlation"] == pytest.approx(0.57735, abs=1e-4)
    assert figures["flat"] == pytest.approx(2 / 3)
    # By the default epsilon_mix of 0.75 neither flat group is let in; by 1 the one below the peak, with a peak that no
    # group reaches both.
    assert figures["flat_open"] == 0.0
    for changes, wanted in (({"epsilon_mix": 1.0}, 0.5), ({"epsilon_mix": 1.0, "peak": 2.01}, 1.0)):
        options = AWPOOptions(judge="facts", **cast(Any, changes))
        weights = group_weights(outcome, mixed, usable, 2, options.peak or 2.0, options)
        assert mechanisms(outcome, mixed, solved, usable, 2, weights)["flat_open"] == wanted
    # All three have solved and unsolved episodes; by 0.3 and 1.8 the one with mean 2 counts as too easy.
    assert figures["miskeyed"] == pytest.approx(1 / 3)
    bounds = (1.0, 2.01)  # strict: a mean of 1 is outside
    weights = group_weights(outcome, mixed, usable, 2, 2.0, AWPOOptions(judge="facts"), bounds)
    assert weights.intermediate_N.tolist() == [True, False, True]


def test_a_group_that_was_not_judged_says_nothing_of_the_gate() -> None:
    # Two flat groups. In the first reasoning differs and the gate is open; of the second a judgement is missing, so
    # that nobody knows whether its mixed rewards differ.
    outcome, usable = torch.ones(4, dtype=torch.float64), torch.ones(4, dtype=torch.bool)
    mixed = torch.tensor([1.0, 1.5, 1.5, torch.nan], dtype=torch.float64)
    weights = weights_of(outcome, mixed, epsilon_mix=1.0)
    assert mechanisms(outcome, mixed, usable, usable, 2, weights)["flat_open"] == 1.0


def test_nothing_is_told_of_what_did_not_happen() -> None:
    outcome = torch.tensor([1.0, 1.0], dtype=torch.float64)
    figures = mechanisms(
        outcome,
        torch.full((2,), torch.nan, dtype=torch.float64),
        torch.tensor([True, True]),
        torch.ones(2, dtype=torch.bool),
        2,
        weights_of(outcome, outcome),
    )
    assert figures == {"flat": 1.0}


def test_options_that_would_have_no_effect_raise() -> None:
    for kind, changes, said in (
        (AWPOOptions, {"quantiles": (0.1, 0.9), "difficulty": False}, "without difficulty"),
        (AWPOOptions, {"quantiles": (0.1, 0.9), "low": 0.1}, "with quantiles"),
        (AWPOOptions, {"quantiles": (0.9, 0.1)}, "0 <= low < high <= 1"),
        (AWPOOptions, {"quantiles": (0.5,)}, "two numbers"),
        (ToolUPTOptions, {"expert": "none", "expert_depth": (1,)}, "expert_depth"),
        (DUPOOptions, {"unified": False, "expert_depth": (1,)}, "expert_depth"),
        (DUPOOptions, {"candidates": "token", "expert_depth": (1,)}, "use depth"),
        (DUPOOptions, {"credit": "group", "floor": 0.2}, "GRPO divides by the deviation"),
    ):
        with pytest.raises(ConfigError, match=said):
            kind(**cast(Any, changes))
    assert AWPOOptions(judge="facts").reward_options == {"judge": "facts"}


@pytest.mark.parametrize("expert", ["spo", "luffy"])
def test_experts_of_some_depths_alone_are_learnt_from(
    expert: Any, fresh: Any, tokenizer: Any, shape: dict[str, Any], tmp_path: Path, metrics: Any
) -> None:
    plain = expert == "luffy"
    some = ToolUPTOptions(output=tmp_path, expert=expert, fine_grained=not plain, expert_depth=(1, 2), **shape)
    trainer = toolupt.make_trainer(some, fresh(), tokenizer)
    taught = [task for task in range(40) if trainer.teaches(task)]
    assert taught == [task for task in range(40) if trainer.tasks[task].depth <= 2]
    assert 0 < len(taught) < 40
    deep = next(task for task in range(40) if trainer.tasks[task].depth > 2)
    assert trainer.plays_expert(deep) != plain  # what FGAE compares with is played
    run(trainer, some)
    for line in metrics(tmp_path):
        assert line["toolupt/expert_pull"] >= 0
        assert line["clipped_choices"] == 0.0  # one update a batch: every ratio is 1
    shown = sum(line["expert/tokens"] for line in metrics(tmp_path))
    played = [trainer.tasks[task].depth for task in list(trainer.order)[:8]]
    assert (shown > 0) == any(depth <= 2 for depth in played)


def test_toolrls_baseline_has_grpos_advantage_beside_dupos_sft(
    fresh: Any, tokenizer: Any, shape: dict[str, Any], tmp_path: Path
) -> None:
    some = DUPOOptions(output=tmp_path, credit="group", dynamic_clip=False, expert_depth=(1, 2), **shape)
    trainer = dupo.make_trainer(some, fresh(), tokenizer)
    batch = batch_of([[1.0, 2.0], [0.0, 0.0], [3.0, 0.0], [1.0, 1.0]])
    # Returns 3, 0, 3, 2: mean 2, deviation sqrt((1 + 4 + 1 + 0) / 3) = 1.41421 and 1e-4.
    wanted = [1 / 1.41431, -2 / 1.41431, 1 / 1.41431, 0.0]
    assert trainer.estimate(batch)["advantages"][:, 0].tolist() == pytest.approx(wanted, abs=1e-4)
    assert trainer.expert_depth == (1, 2)


def test_quantiles_are_of_all_group_means_so_far_and_survive_a_stop(
    fresh: Any, tokenizer: Any, shape: dict[str, Any], tmp_path: Path, metrics: Any
) -> None:
    some = AWPOOptions(output=tmp_path, judge="facts", quantiles=(0.0, 1.0), **shape)
    trainer = awpo.make_trainer(some, fresh(), tokenizer)
    run(trainer, some)
    lines = metrics(tmp_path)
    assert [line["awpo/intermediate"] for line in lines] == [1.0, 1.0]  # those at a quantile are within
    assert lines[-1]["awpo/low"] == pytest.approx(min(trainer.means))
    assert lines[-1]["awpo/high"] == pytest.approx(max(trainer.means)) == pytest.approx(lines[-1]["awpo/peak"])
    kept = json.loads((tmp_path / "checkpoint-2" / "awpo.json").read_text())
    assert kept["means"] == pytest.approx(trainer.means)
    other = awpo.make_trainer(some, fresh(), tokenizer)
    other._load_from_checkpoint(str(tmp_path / "checkpoint-2"))
    assert other.means == pytest.approx(trainer.means)
    assert len(other.means) == 8
