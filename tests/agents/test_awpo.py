"""AWPO: gates, weights and clip by hand, its equality with GRPO, and the peak in the checkpoint."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from toolgym.agents import awpo
from toolgym.agents.awpo import (
    AWPOOptions,
    clip_radius,
    episode_rewards,
    group_weights,
    hyper_advantages,
    main,
    make_trainer,
)
from toolgym.agents.grpo import grpo_advantages
from toolgym.agents.rollouts.episodes import EpisodeBatch
from toolgym.agents.rollouts.rollout import Rollout
from toolgym.agents.training.clipping import clipped_choices
from toolgym.agents.training.running import run
from toolgym.errors import ConfigError
from toolgym.rewards import Reward, base, register
from toolgym.tasks import Task
from toolgym.trajectory import Trajectory

ALL = torch.ones(3, dtype=torch.bool)


def options(**changes: Any) -> Any:
    """The constants that the pure functions read."""
    usual = {"gate": True, "difficulty": True, "epsilon_mix": 0.75, "low": 0.3, "high": 1.8}
    return SimpleNamespace(**usual | {"base_weight": 0.5, "prior_weight": 1.0} | changes)


@pytest.fixture
def config(shape: dict[str, Any]) -> Any:
    """Makes options on the small airline."""
    airline = {"size": "small", "prompt": "short", "reward": "test_letters", "context_tokens": 512}
    return lambda output, **changes: AWPOOptions(output=output, **shape | airline | changes)


def share(letters: str) -> Any:
    """A term: the share of some characters in the latest message."""

    def term(trajectory: Trajectory, task: Task, /) -> float:
        text = trajectory.steps[-1].turn.text
        return sum(character in letters for character in text) / max(len(text), 1)

    return term


@pytest.fixture
def letters() -> Iterator[None]:
    """A reward with AWPO's components that random text earns."""
    register(
        "test_letters",
        lambda: Reward({"format": share("aeiou"), "exec": share("nrst"), "reasoning": share("0123456789")}, {}),
    )
    yield
    base._PRESETS.pop("test_letters")


def test_weights_of_a_group_by_hand() -> None:
    # R_out 2, 1, 0: mean 1, variance (1 + 0 + 1) / 3, spread 0.81650. R_mix 2, 1, 1: mean 4/3, variance
    # (4/9 + 1/9 + 1/9) / 3 = 2/9, spread 0.47140. Eq. 24: 0.47140 / (0.81650 + 0.47140 + 0.0001) = 0.36599.
    outcome, mixed = torch.tensor([2.0, 1.0, 0.0]), torch.tensor([2.0, 1.0, 1.0])
    weights = group_weights(outcome, mixed, ALL, 3, 1.5, options(low=1.2))
    assert weights.ratio_N.tolist() == pytest.approx([0.36599], abs=1e-5)
    assert weights.mix_N.tolist() == pytest.approx([0.36599], abs=1e-5)
    # The mean outcome of 1 is not above tau_low = 1.2: alpha_base.
    assert weights.difficulty_N.tolist() == [0.5]
    # A_out = (1, 0, -1) / 0.81660 = (1.22459, 0, -1.22459); A_mix = (2/3, -1/3, -1/3) / 0.47150
    # = (1.41392, -0.70696, -0.70696). Eq. 28: 0.5 (0.63401 * 1.22459 + 0.36599 * 1.41392) = 0.64694,
    # 0.5 * 0.36599 * -0.70696 = -0.12937, 0.5 (-0.63401 * 1.22459 - 0.36599 * 0.70696) = -0.51757.
    advantages = hyper_advantages(outcome, mixed, ALL, 3, weights)
    assert advantages.tolist() == pytest.approx([0.64694, -0.12937, -0.51757], abs=2e-5)


def test_each_gate_closes() -> None:
    outcome, mixed = torch.tensor([2.0, 1.0, 0.0]), torch.tensor([2.0, 1.0, 1.0])
    open_gate = group_weights(outcome, mixed, ALL, 3, 1.01, options())
    assert open_gate.mix_N.item() > 0
    assert open_gate.difficulty_N.tolist() == [1.0]
    # At the peak (not below it) the outcome is saturated; a share of the spread at epsilon_mix is too much.
    saturated = group_weights(outcome, mixed, ALL, 3, 1.0, options())
    assert (saturated.unsaturated_N.tolist(), saturated.mix_N.tolist()) == ([False], [0.0])
    noisy = group_weights(outcome, mixed, ALL, 3, 1.5, options(epsilon_mix=0.3))
    assert (noisy.calm_N.tolist(), noisy.mix_N.tolist()) == ([False], [0.0])
    # A missing judgement leaves the outcome alone; that of an unusable episode does not matter.
    mixed[2] = math.nan
    assert group_weights(outcome, mixed, ALL, 3, 1.5, options()).mix_N.tolist() == [0.0]
    assert group_weights(outcome, mixed, torch.tensor([True, True, False]), 3, 1.9, options()).mix_N.item() > 0
    missing = hyper_advantages(outcome, mixed, ALL, 3, group_weights(outcome, mixed, ALL, 3, 1.5, options()))
    assert missing.tolist() == pytest.approx([1.22459, 0.0, -1.22459], abs=1e-4)


def test_without_the_gate_the_mixed_reward_stands_alone() -> None:
    outcome, mixed = torch.tensor([2.0, 1.0, 0.0]), torch.tensor([2.0, 1.0, 1.0])
    weights = group_weights(outcome, mixed, ALL, 3, 0.0, options(gate=False, difficulty=False))
    advantages = hyper_advantages(outcome, mixed, ALL, 3, weights)
    assert advantages.tolist() == pytest.approx([1.41392, -0.70696, -0.70696], abs=2e-5)


def test_without_the_gate_the_clip_still_follows_eq_25() -> None:
    # The ablation is of Eq. 28 alone: w_g is 0.36599 (above) with the gate and without, and 0 at the peak.
    outcome, mixed = torch.tensor([2.0, 1.0, 0.0]), torch.tensor([2.0, 1.0, 1.0])
    for peak, wanted in ((1.5, 0.36599), (1.0, 0.0)):
        radii = []
        for gate in (True, False):
            weights = group_weights(outcome, mixed, ALL, 3, peak, options(gate=gate))
            assert weights.mix_N.tolist() == pytest.approx([wanted if gate else 1.0], abs=1e-5)
            radii.append(clip_radius(weights.gated_N, 0.1, 0.3))
        assert radii[0] == radii[1] == pytest.approx(0.1 + (1 - wanted) * 0.2, abs=1e-5)


def test_clip_radius_by_hand() -> None:
    # Eq. 29 with mean weight 0.25: 0.1 + 0.75 * 0.2 = 0.25; 0.3 without reliance, 0.1 with nothing else.
    assert clip_radius(torch.tensor([0.5, 0.0]), 0.1, 0.3) == pytest.approx(0.25)
    assert clip_radius(torch.zeros(2), 0.1, 0.3) == pytest.approx(0.3)
    assert clip_radius(torch.ones(2), 0.1, 0.3) == pytest.approx(0.1)
    assert clip_radius(torch.ones(0), 0.1, 0.3) == 0.3


def test_a_group_that_failed_says_nothing_of_the_batch(
    fresh: Any, tokenizer: Any, letters: None, tmp_path: Path, config: Any
) -> None:
    trainer = make_trainer(config(tmp_path), fresh(), tokenizer)
    trainer._played, radius = [0, 1], []
    components = [{"format": 1.0, "exec": 0.0, "reasoning": 0.2}, {"format": 0.0, "exec": 0.5, "reasoning": 0.9}]
    good = [Rollout([1], [5], [1], [0.0], ["resp"], [(0, 1)], [0.0], [of], outcome="unsolved") for of in components]
    failed = [Rollout([1], outcome="infra_error") for _ in range(2)]
    for rollouts in (good, good + failed):
        trainer.latest, trainer._played = rollouts, [0] * len(rollouts)
        trainer.peak = 2.0
        radius.append(float(trainer.estimate(EpisodeBatch.of(rollouts, 2))["clip"][0]))
    assert radius[0] == radius[1] < 0.28
    assert trainer._metrics["train"]["awpo/unsaturated"] == [1.0, 1.0]


def batch_of(returns: list[float], group_size: int, usable: list[bool]) -> EpisodeBatch:
    rollouts = [
        Rollout([1], [5], [1], [0.0], ["resp"], [(0, 1)], [value], outcome="solved" if ok else "infra_error")
        for value, ok in zip(returns, usable, strict=True)
    ]
    return EpisodeBatch.of(rollouts, group_size)


@given(
    st.lists(st.floats(0, 2, width=32), min_size=8, max_size=8),
    st.lists(st.sampled_from([True, True, True, False]), min_size=8, max_size=8),
)
@settings(max_examples=50, deadline=None)
def test_without_gate_and_difficulty_it_is_grpo(returns: list[float], usable: list[bool]) -> None:
    # The gate lets nothing of the mixed reward in, every weight is 1. GRPO's spread is of 1/(n - 1), Eq. 22's of 1/n.
    batch = batch_of(returns, 4, usable)
    nothing = torch.full((8,), math.nan)
    weights = group_weights(batch.returns_B, nothing, batch.usable_B, 4, 9.0, options(difficulty=False))
    ours = hyper_advantages(batch.returns_B, nothing, batch.usable_B, 4, weights)
    for rows in (slice(0, 4), slice(4, 8)):
        values, ok = batch.returns_B[rows].double(), batch.usable_B[rows]
        assert not ours[rows][~ok].any()
        if ok.sum() < 2 or values[ok].std() < 1e-6:
            assert ours[rows].abs().max() < 1e-1
            continue
        wanted = grpo_advantages(batch)[rows, 0] * (values[ok].std() + 1e-4) / (values[ok].std(correction=0) + 1e-4)
        assert torch.allclose(ours[rows], wanted.float(), atol=2e-3, rtol=1e-3)


@given(st.floats(-3, 3, allow_nan=False), st.integers(2, 6))
@settings(max_examples=50, deadline=None)
def test_equal_rewards_give_exactly_nothing(value: float, size: int) -> None:
    same, usable = torch.full((size,), value), torch.ones(size, dtype=torch.bool)
    weights = group_weights(same, same, usable, size, 9.0, options())
    assert not hyper_advantages(same, same, usable, size, weights).any()
    broken = group_weights(same, same, ~usable, size, 9.0, options())
    assert not hyper_advantages(same, same, ~usable, size, broken).any()


def test_rewards_of_episodes() -> None:
    # Two gold actions: R_out = (1 + 0.5 + 1 + 1) / 2; R_mix adds (0.25 + 0.75) / 2.
    judged = [{"format": 1.0, "exec": 0.5, "reasoning": 0.25}, {"format": 1.0, "exec": 1.0, "reasoning": 0.75}]
    unjudged = [{"format": 1.0, "exec": 0.0}]
    rollouts = [Rollout([1], components=parts) for parts in (judged, unjudged)]
    outcome, mixed = episode_rewards(rollouts, [2, 1])
    assert outcome.tolist() == [1.75, 1.0]
    assert mixed[0].item() == 2.25
    assert math.isnan(mixed[1].item())
    with pytest.raises(ConfigError, match='reward="awpo"'):
        episode_rewards([Rollout([1], components=[{"solved": 1.0}])], [1])
    assert episode_rewards([Rollout([], outcome="infra_error")], [1])[0].tolist() == [0.0]
    # Weighed by 0.5, 2 and 0.25: R_out = (0.5 + 1 + 0.5 + 2) / 2, and R_mix adds 0.25 (0.25 + 0.75) / 2.
    outcome, mixed = episode_rewards(rollouts, [2, 1], {"format": 0.5, "exec": 2.0, "reasoning": 0.25})
    assert outcome.tolist() == [2.0, 0.5]
    assert mixed[0].item() == 2.125
    assert math.isnan(mixed[1].item())
    # What weighs nothing is not missed.
    assert episode_rewards(rollouts, [2, 1], {"reasoning": 0.0})[1].tolist() == [1.75, 1.0]


def test_the_rewards_weights_count(fresh: Any, tokenizer: Any, letters: None, tmp_path: Path, config: Any) -> None:
    some = config(tmp_path, set=('reward_weights={"exec": 2.0, "reasoning": 0.5}',))
    trainer = make_trainer(some, fresh(), tokenizer)
    assert dict(trainer.weights) == {"exec": 2.0, "reasoning": 0.5}
    own = AWPOOptions(output=tmp_path, set=('reward_options={"reasoning": 0.25}',), size="small", prompt="short")
    assert make_trainer(own, fresh(), tokenizer).weights["reasoning"] == 0.25


def test_without_a_judge_the_outcome_is_alone(
    fresh: Any, tokenizer: Any, letters: None, tmp_path: Path, config: Any, metrics: Any
) -> None:
    """Whatever reasoning the reward scores."""
    figures = {}
    for judge in ("offline", "none"):
        some = config(tmp_path / judge, judge=judge, steps=1, save_steps=1)
        run(make_trainer(some, fresh(), tokenizer), some)
        (figures[judge],) = metrics(tmp_path / judge)
    assert figures["offline"]["awpo/mix_weight"] > 0
    assert figures["none"]["awpo/mix_weight"] == 0
    assert "awpo/judge_correlation" not in figures["none"]
    assert figures["none"]["awpo/outcome"] == figures["offline"]["awpo/outcome"]


def test_a_checkpoint_before_any_episode_counted(
    fresh: Any, tokenizer: Any, letters: None, tmp_path: Path, config: Any
) -> None:
    """As where a server was down from the beginning."""
    trainer = make_trainer(config(tmp_path), fresh(), tokenizer)
    trainer._save(str(tmp_path / "checkpoint-2"))
    trainer.peak = 1.0
    trainer._load_from_checkpoint(str(tmp_path / "checkpoint-2"))
    assert trainer.peak is None
    (tmp_path / "checkpoint-2" / "awpo.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"awpo\.json is damaged: peak"):
        trainer._load_from_checkpoint(str(tmp_path / "checkpoint-2"))


def test_options_that_contradict_the_paper_raise(tmp_path: Path, config: Any) -> None:
    for changes, said in (
        ({"epsilon_min": 0.4}, "epsilon_min"),
        ({"low": 2.0}, "low < high"),
        ({"base_weight": 2.0}, "prior_weight >= base_weight"),
        ({"epsilon_high": 0.3}, "epsilon_high=0.3 would have no effect with dynamic_clip"),
        ({"epsilon": 0.3}, "epsilon=0.3 would have no effect with dynamic_clip"),
        ({"dynamic_clip": False, "epsilon_min": 0.2}, "epsilon_min=0.2 would have no effect without dynamic_clip"),
        ({"gate": False, "dynamic_clip": False, "peak": 2.0}, "peak=2.0 would have no effect without gate"),
        ({"judge_workers": 4}, "judge_workers=4 would have no effect with judge='offline'"),
        ({"judge": "endpoint", "reward": "awpo"}, "needs the model that judges: --judge-model"),
        ({"judge": "endpoint", "judge_model": "m"}, "not reward='test_letters'"),
        ({"judge": "facts"}, "not reward='test_letters'"),
        ({"difficulty": False, "low": 0.1}, "low=0.1 would have no effect without difficulty"),
        ({"judge": "none", "epsilon_mix": 0.5}, "epsilon_mix=0.5 would have no effect with judge='none'"),
        ({"gate": False, "judge": "none"}, "choose one"),
        ({"judge": "ofline"}, "judge: .*Did you mean 'offline'"),
    ):
        with pytest.raises(ConfigError, match=said):
            config(tmp_path, **changes)
    assert AWPOOptions().reward_options == {"judge": "offline"}
    assert AWPOOptions(judge="none").reward_options == {"judge": None}


@pytest.mark.slow
def test_the_peak_survives_a_stop(
    fresh: Any, tokenizer: Any, letters: None, tmp_path: Path, config: Any, resumes: Any
) -> None:
    one, resumed = resumes(
        config(tmp_path), lambda some, callbacks: make_trainer(some, fresh(), tokenizer, callbacks), stop=3
    )
    peaks = [line["awpo/peak"] for line in one]
    assert peaks == sorted(peaks)
    assert peaks[0] > 0
    assert resumed.peak == pytest.approx(peaks[-1])
    assert json.loads((Path(resumed.args.output_dir) / "checkpoint-4" / "awpo.json").read_text()) == {
        "peak": resumed.peak
    }
    assert any(line["awpo/mixed"] > 0 for line in one)
    assert all(line["grad_norm"] > 0 for line in one)
    assert all(0.1 <= line["awpo/clip"] <= 0.28 for line in one)


@pytest.mark.parametrize("level", ["token", "sequence"])
def test_the_clip_is_the_batchs(
    level: Any, fresh: Any, tokenizer: Any, letters: None, tmp_path: Path, config: Any, metrics: Any, monkeypatch: Any
) -> None:
    alike: list[bool] = []

    def counted(logps_BT: torch.Tensor, old_BT: torch.Tensor, *rest: Any) -> float:
        ratios_BT, mask_BT = logps_BT - old_BT, rest[-1].bool()
        alike.extend(
            bool(torch.isclose(row[own], row[own][0]).all())
            for row, own in zip(ratios_BT, mask_BT, strict=True)
            if own.any()
        )
        return clipped_choices(logps_BT, old_BT, *rest)

    monkeypatch.setattr(awpo, "clipped_choices", counted)
    some = config(tmp_path, steps=2, iterations=2, learning_rate=0.1, importance_sampling_level=level)
    trainer = make_trainer(some, fresh(), tokenizer)
    run(trainer, some)
    (first, second) = metrics(tmp_path)
    assert trainer.epsilon_low == trainer.epsilon_high == pytest.approx(first["awpo/clip"])
    assert second["clip_ratio/region_mean"] > 0 == first["clip_ratio/region_mean"]
    # What is counted as cut off has the ratios of the loss: a sequence's is that of all its tokens.
    assert all(alike) == (level == "sequence")


def test_from_the_command_line_on_the_airline(airline_arguments: list[str], tmp_path: Path, metrics: Any) -> None:
    assert main([*airline_arguments, "--output", str(tmp_path / "run")]) == 0
    (line,) = metrics(tmp_path / "run")
    assert line["awpo/calm"] == 1.0
    assert line["infra_errors"] == 0.0
