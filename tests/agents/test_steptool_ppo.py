"""StepTool's PPO: rewards on step-final tokens, GAE over generated tokens, clipped losses, by hand-worked numbers."""

import json
import math
import warnings
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from transformers import TrainerCallback

from toolgym.agents.policies.lm import SamplingOptions
from toolgym.agents.policies.models import load_model, quiet
from toolgym.agents.rollouts.episodes import EpisodeBatch
from toolgym.agents.steptool import (
    StepToolPPOOptions,
    StepToolTrainer,
    clipped_policy_loss,
    main,
    next_kl_coefficient,
    token_rewards,
)
from toolgym.agents.training.callbacks import MetricsFile
from toolgym.agents.training.critic import (
    PooledFit,
    ValueHead,
    clipped_value_loss,
    gae,
    step_gae,
    token_weights,
    whiten,
)
from toolgym.agents.training.running import grpo_args, lora, task_order
from toolgym.errors import ConfigError


def batch_of(rewards: list[list[float]], steps: list[list[int]]) -> EpisodeBatch:
    """A batch from padded rewards (B, S) and the step of each token (B, T), -1 for the environment's."""
    step_BT = torch.tensor(steps)
    return EpisodeBatch(
        rewards_BS=torch.tensor(rewards),
        steps_B=step_BT.max(dim=1).values + 1,
        step_BT=step_BT,
        types_BT=step_BT.clamp(max=0),
        logprobs_BT=torch.zeros(step_BT.shape),
        solved_B=torch.zeros(len(rewards), dtype=torch.bool),
        usable_B=torch.ones(len(rewards), dtype=torch.bool),
        group_size=1,
    )


def rows(tensor: torch.Tensor) -> list[Any]:
    return [pytest.approx(row, abs=1e-6) for row in tensor.tolist()]


# Rewards ------------------------------------------------------------------------------------------------------------


def test_each_steps_reward_is_on_its_last_token() -> None:
    # Steps of 2, 1 and 1 tokens with the environment's between them; and one step of 3 tokens.
    batch = batch_of([[1.0, 2.0, 3.0], [5.0, 0.0, 0.0]], [[0, 0, -1, 1, -1, 2], [0, 0, 0, -1, -1, -1]])
    assert rows(token_rewards(batch)) == [[0, 1, 0, 2, 0, 3], [0, 0, 5, 0, 0, 0]]
    # Two steps with nothing between them.
    assert rows(token_rewards(batch_of([[1.0, 2.0]], [[0, 1, 1]]))) == [[1, 0, 2]]


def test_the_ablation_without_step_rewards_keeps_the_last_ones() -> None:
    batch = batch_of([[1.0, 2.0, 3.0], [5.0, 0.0, 0.0]], [[0, 0, -1, 1, -1, 2], [0, 0, 0, -1, -1, -1]])
    assert rows(token_rewards(batch, step_reward=False)) == [[0, 0, 0, 0, 0, 3], [0, 0, 5, 0, 0, 0]]


def test_an_episode_that_overflowed_has_no_final_reward() -> None:
    # Its last step was paid 2 like any other, before the context was found full: no final reward for PPO.
    batch = replace(
        batch_of([[1.0, 2.0], [1.0, 2.0]], [[0, 0, -1, 1], [0, 0, -1, 1]]), overflowed_B=torch.tensor([True, False])
    )
    assert rows(token_rewards(batch, step_reward=False)) == [[0, 0, 0, 0], [0, 0, 0, 2]]
    assert rows(token_rewards(batch)) == [[0, 1, 0, 2], [0, 1, 0, 2]]


def test_the_reference_codes_factor() -> None:
    # S = 3: factors 2, 1, 0. S = 1: factor 0, so that a one-step episode gets nothing.
    batch = batch_of([[1.0, 2.0, 3.0], [5.0, 0.0, 0.0]], [[0, 0, -1, 1, -1, 2], [0, 0, 0, -1, -1, -1]])
    assert rows(token_rewards(batch, source="reference_code")) == [[0, 2, 0, 2, 0, 0], [0, 0, 0, 0, 0, 0]]


# Advantages ---------------------------------------------------------------------------------------------------------

REWARDS = torch.tensor([[1.0, 9.0, 0.0, 2.0]])
VALUES = torch.tensor([[0.5, 7.0, 1.0, 1.0]])
SAMPLED = torch.tensor([[1, 0, 1, 1]])


def test_gae_by_hand_skips_the_environments_tokens() -> None:
    # gamma = lambda = 1/2; token 1 is the environment's: its reward 9 and value 7 must not be seen.
    # t=3: delta = 2 - 1 = 1.                       A = 1
    # t=2: delta = 0 + 1/2 * 1 - 1 = -1/2.          A = -1/2 + 1/4 * 1 = -1/4
    # t=0: delta = 1 + 1/2 * 1 - 1/2 = 1.           A = 1 + 1/4 * (-1/4) = 15/16
    assert rows(gae(REWARDS, VALUES, SAMPLED, gamma=0.5, lam=0.5)) == [[15 / 16, 0, -1 / 4, 1]]


def test_gae_of_sub_trajectories_by_hand() -> None:
    # Token 0 ends a step of its own: delta = A = 1 - 1/2. What follows is as before.
    ends = torch.tensor([[True, False, False, True]])
    assert rows(gae(REWARDS, VALUES, SAMPLED, gamma=0.5, lam=0.5, ends_BT=ends)) == [[1 / 2, 0, -1 / 4, 1]]


def test_step_gae_by_hand() -> None:
    # Steps of two tokens and one. R = 1/4 + 3/4 = 1 and 2; V = 1/2 and 1, those before the steps' first tokens.
    # A_1 = 2 - 1 = 1; A_0 = 1 + 1/2 * 1 - 1/2 + 1/4 * 1 = 5/4. Apart: A_0 = 1 - 1/2.
    rewards, values = torch.tensor([[0.25, 0.75, 9.0, 2.0]]), torch.tensor([[0.5, 3.0, 7.0, 1.0]])
    steps = torch.tensor([[0, 0, -1, 1]])
    advantages, first = step_gae(rewards, values, steps, gamma=0.5, lam=0.5)
    assert rows(advantages) == [[5 / 4, 5 / 4, 0, 1]]
    assert first.tolist() == [[True, False, False, True]]
    apart, _ = step_gae(rewards, values, steps, gamma=0.5, lam=0.5, apart=True)
    assert rows(apart) == [[1 / 2, 1 / 2, 0, 1]]


def test_an_episode_without_tokens_has_no_advantage() -> None:
    steps = torch.full((1, 4), -1)
    advantages, first = step_gae(REWARDS, VALUES, steps, gamma=1.0, lam=1.0)
    assert not advantages.any()
    assert not first.any()
    assert not gae(REWARDS, VALUES, steps >= 0, gamma=1.0, lam=1.0).any()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), length=st.integers(1, 6))
def test_one_step_and_lambda_1_is_classic_rlhf(seed: int, length: int) -> None:
    # RLHF's PPO: one response, r(x, y) at its end, a KL penalty a token, and A_t = return from t on - V(s_t).
    torch.manual_seed(seed)
    old, ref, new, values = torch.randn(4, 1, length).unbind()
    reward, coefficient = float(torch.randn(())), 0.3
    expected, total = [], 0.0
    for t in reversed(range(length)):
        total += (reward if t == length - 1 else 0.0) - coefficient * float(old[0, t] - ref[0, t])
        expected.insert(0, total - float(values[0, t]))
    for step_reward in (True, False):
        batch = batch_of([[reward]], [[0] * length])
        rewards = token_rewards(batch, step_reward=step_reward) - coefficient * (old - ref)
        advantages = gae(rewards, values, batch.sampled_BT, gamma=1.0, lam=1.0)
        assert advantages[0].tolist() == pytest.approx(expected, abs=1e-5)
        # Treating the step as a trajectory of its own changes nothing where there is one step.
        ends = torch.arange(length)[None] == length - 1
        apart = gae(rewards, values, batch.sampled_BT, gamma=1.0, lam=1.0, ends_BT=ends)
        assert apart[0].tolist() == pytest.approx(expected, abs=1e-5)
        loss = float(clipped_policy_loss(new, old, advantages, 0.2, 0.2).mean())
        classic = 0.0
        for t in range(length):
            ratio = math.exp(float(new[0, t] - old[0, t]))
            classic -= min(ratio * expected[t], min(max(ratio, 0.8), 1.2) * expected[t]) / length
        assert loss == pytest.approx(classic, rel=1e-4, abs=1e-4)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_environments_tokens_change_no_advantage(seed: int) -> None:
    torch.manual_seed(seed)
    sampled = torch.rand(2, 6) < 0.6
    rewards, values = torch.randn(2, 6), torch.randn(2, 6)
    noise = torch.randn(2, 6) * ~sampled
    one = gae(rewards, values, sampled, gamma=0.9, lam=0.8)
    other = gae(rewards + noise, values - noise, sampled, gamma=0.9, lam=0.8)
    assert torch.allclose(one, other, atol=1e-6)
    assert not one[~sampled].any()
    # The same without the tokens in between.
    short = gae(rewards[:1][sampled[:1]][None], values[:1][sampled[:1]][None], torch.ones(1, 6), gamma=0.9, lam=0.8)
    assert torch.allclose(one[0][sampled[0]], short[0], atol=1e-5)


def test_whitening_by_hand() -> None:
    # Of 1 and 3: mean 2, variance (of all, not of a sample) 1. The third is masked.
    values, mask = torch.tensor([[1.0, 3.0, 99.0]]), torch.tensor([[1, 1, 0]])
    assert rows(whiten(values, mask)) == [[-1, 1, 0]]
    equal = whiten(torch.full((2, 3), 0.7), torch.ones(2, 3))
    assert equal.abs().max() < 1e-3
    assert not whiten(values, torch.zeros(1, 3)).any()


# Losses -------------------------------------------------------------------------------------------------------------


def test_policy_loss_by_hand() -> None:
    # Ratios 3/2, 1/2, 3/2, 1/2 and advantages 1, 1, -1, -1, clip 0.2:
    # -min(1.5, 1.2), -min(0.5, 0.8), -min(-1.5, -1.2), -min(-0.5, -0.8).
    new = torch.tensor([[1.5, 0.5, 1.5, 0.5]]).log() - 3
    old, advantages = torch.full((1, 4), -3.0), torch.tensor([[1.0, 1.0, -1.0, -1.0]])
    assert rows(clipped_policy_loss(new, old, advantages, 0.2, 0.2)) == [[-1.2, -0.5, 1.5, 0.8]]


def test_value_loss_by_hand() -> None:
    # V = 1 from 0.5 with clip 0.2 is taken at 0.7: the larger of (1 - 2)^2 and (0.7 - 2)^2, halved. V = 0.6 is near.
    values, old, returns = torch.tensor([[1.0, 0.6]]), torch.full((1, 2), 0.5), torch.tensor([[2.0, 0.0]])
    assert rows(clipped_value_loss(values, old, returns, 0.2)) == [[1.69 / 2, 0.36 / 2]]


def test_the_fit_of_the_value_head_by_hand() -> None:
    # Hidden states 0 and 1 with returns 1 and 3: V = 2 h + 1. A masked token counts for nothing; parts add up.
    head = ValueHead.__new__(ValueHead)
    head.linear = torch.nn.Linear(1, 1)
    on, length = torch.tensor([[1.0, 0.0]]), 2
    total = torch.zeros(2, 3, dtype=torch.float64)
    for hidden, returns in (([0.0, 7.0], [1.0, 9.0]), ([1.0, 7.0], [3.0, 9.0])):
        # V of a token is read from the state before it: the last of the three is of no token.
        head._hidden_BLD = torch.tensor([[[hidden[0]], [hidden[1]], [5.0]]])
        total += head.moments(length, torch.tensor([returns]), on)
    assert total.tolist() == [[1, 1, 3], [1, 2, 4]]
    assert head.fit(total, ridge=0.0)
    assert (head.linear.weight.item(), head.linear.bias.item()) == (pytest.approx(2), pytest.approx(1))
    # The penalty is a third of the diagonal's mean, 0.5: (1.5 w + b, w + 2.5 b) = (3, 4), w = 14 / 11, b = 12 / 11.
    head.fit(total, ridge=1 / 3)
    assert (head.linear.weight.item(), head.linear.bias.item()) == (pytest.approx(14 / 11), pytest.approx(12 / 11))
    assert not head.fit(torch.zeros(2, 3, dtype=torch.float64))  # no tokens: there is nothing to fit to yet
    assert head.linear.weight.item() == pytest.approx(14 / 11)


def test_one_gradient_step_moves_each_token_the_right_way() -> None:
    logits = torch.zeros(2, 5, requires_grad=True)
    tokens = torch.tensor([[1], [2]])
    logps = torch.log_softmax(logits, -1).gather(1, tokens)
    clipped_policy_loss(logps, logps.detach(), torch.tensor([[1.0], [-1.0]]), 0.2, 0.2).sum().backward()
    assert logits.grad is not None
    after = torch.softmax(logits.detach() - 0.1 * logits.grad, -1).gather(1, tokens)[:, 0].tolist()
    assert after[0] > 1 / 5 > after[1]
    values = torch.tensor([[0.0, 0.0]], requires_grad=True)
    clipped_value_loss(values, torch.zeros(1, 2), torch.tensor([[1.0, -1.0]]), 0.2).sum().backward()
    assert values.grad is not None
    assert values.grad.tolist() == [[-1.0, 1.0]]


def test_token_weights_are_trls_means() -> None:
    mask, loss = torch.tensor([[1, 1, 1], [1, 0, 0]]), torch.tensor([[1.0, 2.0, 3.0], [6.0, 9.0, 9.0]])
    items = torch.tensor(8.0)
    # grpo: (2 + 6) / 2; bnpo: 12 / 4; dr_grpo: 12 / (2 * 10); dapo: 12 / 8.
    expected = {"grpo": 4.0, "bnpo": 3.0, "dr_grpo": 0.6, "dapo": 1.5}
    for kind, value in expected.items():
        weights = token_weights(mask, kind, items=items, longest=10)
        assert float((loss * weights).sum()) == pytest.approx(value), kind


def test_adaptive_coefficient_by_hand() -> None:
    # KL 12 of 6: the error 1 is clipped to 0.2; 100 of 10,000 episodes: 0.3 * 1.002. KL 5.4: 0.3 * (1 - 0.1 * 0.01).
    update = partial(next_kl_coefficient, 0.3, target=6.0, horizon=10_000.0, episodes=100)
    assert update(12.0) == pytest.approx(0.3006)
    assert update(5.4) == pytest.approx(0.2997)
    assert next_kl_coefficient(0.3, 12.0, target=6.0, horizon=0.0, episodes=100) == 0.3


def test_options_that_contradict_each_other_raise(tmp_path: Path, options: Any) -> None:
    with pytest.raises(ConfigError, match="nothing"):
        StepToolPPOOptions(source="reference_code", step_reward=False)
    with pytest.raises(ConfigError, match=r"lam=1\.5"):
        StepToolPPOOptions(lam=1.5)
    with pytest.raises(ConfigError, match="value_clip=0"):
        StepToolPPOOptions(value_clip=0.0)


# The trainer --------------------------------------------------------------------------------------------------------


class LengthEnv:
    """Three turns (two for odd tasks); a message's reward grows with its length, modulo 5."""

    trajectory = None

    def __init__(self, fails: bool = False):
        self.fails, self.turns, self.task = fails, 0, 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        self.turns, self.task = 0, int((options or {}).get("task", 0))
        return "", {"messages": [{"role": "user", "content": "go " * (self.task % 3 + 1)}], "tools": []}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        self.turns += 1
        info: dict[str, Any] = {"messages": [{"role": "tool", "content": "ok" * self.turns}], "outcome": "unsolved"}
        if self.fails and self.turns == 2:
            return "", 1.0, True, False, {**info, "outcome": "infra_error"}
        return "", len(action) % 5 / 4, self.turns >= 3 - self.task % 2, False, info


@pytest.fixture
def options(shape: dict[str, Any]) -> Any:
    """Makes options."""
    return lambda output, **changes: StepToolPPOOptions(output=output, **shape | {"kl_horizon": 40.0} | changes)


def trainer_of(
    config: StepToolPPOOptions,
    start: str,
    envs: list[Any] | None = None,
    callbacks: Sequence[TrainerCallback] = (),
    **more: Any,
) -> StepToolTrainer:
    model, tokenizer = load_model(start)
    tasks: Any = list(range(20))
    return StepToolTrainer(
        model,
        tokenizer,
        grpo_args(config),
        envs=envs or [LengthEnv() for _ in range(8)],
        tasks=tasks,
        order=task_order(20, config.steps * config.groups, config.seed),
        estimator=partial(token_rewards, step_reward=config.step_reward, source=config.source),
        sampling=SamplingOptions(max_new_tokens=config.max_new_tokens, context_tokens=config.context_tokens),
        callbacks=[MetricsFile(config.output / "metrics.jsonl"), *callbacks],
        options=config,
        **more,
    )


def train(trainer: StepToolTrainer) -> None:
    with warnings.catch_warnings():
        quiet()
        trainer.train()


def test_interrupted_and_resumed_equals_uninterrupted(start: str, tmp_path: Path, options: Any, resumes: Any) -> None:
    one, resumed = resumes(
        options(tmp_path), lambda config, callbacks: trainer_of(config, start, callbacks=callbacks), stop=2
    )
    # What a checkpoint must hold besides the model did change: the coefficient, and the value head.
    coefficients = [line["kl_coefficient"] for line in one]
    assert coefficients[0] == 0.3
    assert coefficients[0] > coefficients[1] > coefficients[3]
    assert one[0]["kl"] == pytest.approx(0, abs=1e-4)
    assert one[3]["kl"] != pytest.approx(0, abs=1e-4)
    final = Path(resumed.args.output_dir) / "final"
    head = load_file(final / "value_head.safetensors")
    assert float(head["weight"].abs().sum()) > 0
    assert not any("value_head" in name for name in load_file(final / "model.safetensors"))


def test_only_the_policys_tokens_of_sound_episodes_are_learnt_from(start: str, tmp_path: Path, options: Any) -> None:
    kept: list[dict[str, Any]] = []

    class Keeper(StepToolTrainer):
        def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> torch.Tensor:
            kept.append(inputs)
            return super()._compute_loss(model, inputs)

    config = options(tmp_path / "run", steps=1, micro_batch=8, whiten=False, lam=1.0)
    trainer = trainer_of(config, start, [LengthEnv(fails=slot % 2 == 1) for slot in range(8)])
    trainer.__class__ = Keeper
    train(trainer)
    (inputs,) = kept
    mask = (inputs["completion_mask"] * inputs["tool_mask"]).bool()
    assert int(mask.any(dim=1).sum()) == 4
    assert not inputs["advantages"][~mask].any()
    assert (inputs["value_mask"].bool() == mask).all()
    # The critic starts at 0 and the KL is 0: the return of a token is the reward from its step on.
    for row, on in zip(inputs["returns"], mask, strict=True):
        returns = row[on].tolist()
        assert all(later <= earlier + 1e-4 for earlier, later in pairwise(returns))
    sums = sorted(float(row[on][0]) for row, on in zip(inputs["returns"], mask, strict=True) if on.any())
    earned = sorted(rollout.total_reward for rollout in trainer.latest if rollout.usable)
    assert sums == pytest.approx(earned, abs=1e-3)


@pytest.mark.parametrize(
    "changes", [{"values": "step"}, {"optimise": "steps", "beta": 0.0, "kl_horizon": 10_000.0}, {"loss": "grpo"}]
)
def test_every_switch_trains(changes: dict[str, Any], start: str, tmp_path: Path, options: Any, metrics: Any) -> None:
    config = options(tmp_path / "run", steps=2, iterations=2, **changes)
    train(trainer_of(config, start))
    lines = metrics(config.output)
    assert len(lines) == 2
    assert all(math.isfinite(line["loss"]) and line["grad_norm"] > 0 for line in lines)
    assert ("kl" in lines[0]) == (config.beta > 0)


def test_a_fitted_critic_explains_the_first_batch(start: str, tmp_path: Path, options: Any, metrics: Any) -> None:
    explained = {}
    for fit in (False, True):
        config = options(tmp_path / str(fit), steps=1, fit_value=fit, lam=1.0)
        train(trainer_of(config, start))
        (line,) = metrics(config.output)
        explained[fit] = line["value/explained_variance"]
        assert (line["value/mean"] == 0) != fit
    assert explained[False] == 0
    assert explained[True] > 0.3


def noisy(rng: torch.Generator, rows: int, slope: float) -> torch.Tensor:
    """Moments of a batch whose 6 hidden states say `slope` of the first, and whose returns are mostly noise."""
    hidden = torch.randn(rows, 6, generator=rng, dtype=torch.float64)
    returns = slope * hidden[:, 0] + 3.0 + torch.randn(rows, generator=rng, dtype=torch.float64)
    with_one = torch.cat([hidden, torch.ones(rows, 1)], dim=1)
    return with_one.T @ torch.cat([with_one, returns[:, None]], dim=1)


def test_the_pooled_fit_is_a_constant_until_a_regression_predicts_better() -> None:
    for slope, constant in ((0.0, True), (1.0, False)):
        rng, fit = torch.Generator().manual_seed(0), PooledFit()
        assert fit.best() is None
        fit.add(noisy(rng, 8, slope))
        first = cast(torch.Tensor, fit.best())
        assert not first[:-1].any()  # nothing was predicted yet
        for _ in range(8):
            fit.add(noisy(rng, 8, slope))
        found = cast(torch.Tensor, fit.best())
        assert bool(found[:-1].any()) != constant
        assert float(found[0]) == pytest.approx(slope, abs=0.4)
        assert float(found[-1]) == pytest.approx(3.0, abs=0.4)


def test_the_pooled_fit_by_hand(tmp_path: Path) -> None:
    # Hidden 0 and 1 with returns 1 and 3, twice: mean 1/2, variance 1/4, covariance 1/2. A ridge of 1 times the mean
    # variance: w = (1/2) / (1/4 + 1/4) = 1, b = 2 - 1/2. Of an unseen batch of the same it leaves (in squares, beside
    # what the returns' own are) 1/4 - 1 = -3/4 a token, and a constant 0.
    moments = torch.tensor([[1.0, 1.0, 3.0], [1.0, 2.0, 4.0]], dtype=torch.float64)
    fit = PooledFit(ridges=(1.0,), fade=1.0)
    fit.add(moments)
    fit.add(moments)
    assert fit.losses.tolist() == pytest.approx([-1.5, 0.0])
    assert cast(torch.Tensor, fit.best()).tolist() == pytest.approx([1.0, 1.5])
    fit.add(torch.zeros_like(moments))  # a batch in which nothing is learnt
    fit.save(tmp_path)
    other = PooledFit(ridges=(1.0,), fade=1.0)
    other.load(tmp_path, torch.device("cpu"))
    assert cast(torch.Tensor, other.best()).tolist() == pytest.approx([1.0, 1.5])


def test_later_batches_are_not_explained_worse_than_by_a_constant(
    start: str, tmp_path: Path, options: Any, metrics: Any
) -> None:
    config = options(tmp_path / "run", steps=6, save_steps=6, lam=1.0, learning_rate=1e-5)
    train(trainer_of(config, start))
    explained = [line["value/explained_variance"] for line in metrics(config.output)]
    assert explained[0] > 0.3  # in its own sample
    assert min(explained[1:]) > -0.3


def test_a_lora_adapter_trains_with_a_value_head(start: str, tmp_path: Path, options: Any, metrics: Any) -> None:
    config = options(tmp_path / "run", steps=1)
    trainer = trainer_of(config, start, peft_config=lora(2))
    train(trainer)
    assert float(trainer.critic.linear.weight.detach().abs().sum()) > 0
    assert metrics(config.output)[0]["kl"] == pytest.approx(0, abs=1e-4)


def test_options_without_effect_raise(start: str, tmp_path: Path, options: Any) -> None:
    with pytest.raises(ConfigError, match="importance_sampling_level='sequence' would have no effect"):
        trainer_of(options(tmp_path / "run", importance_sampling_level="sequence"), start)
    with pytest.raises(ConfigError, match=r"kl_target=3\.0 would have no effect with kl_horizon=0"):
        StepToolPPOOptions(kl_horizon=0, kl_target=3.0)
    with pytest.raises(ConfigError, match=r"lam=1\.0 would have no effect with optimise='steps' and values='step'"):
        StepToolPPOOptions(optimise="steps", values="step", lam=1.0)


def test_ppo_from_the_command_line_on_the_airline(airline_arguments: list[str], tmp_path: Path, metrics: Any) -> None:
    output = tmp_path / "run"
    assert main([*airline_arguments, "--output", str(output)], "ppo") == 0
    given = json.loads((output / "config.json").read_text())
    assert given["step_reward"] is False
    assert given["reward"] == "steptool"
    assert metrics(output)[0]["step"] == 1


def test_rlhf_is_single_steps_with_the_final_reward(airline_arguments: list[str], tmp_path: Path, metrics: Any) -> None:
    output = tmp_path / "run"
    assert main([*airline_arguments, "--output", str(output)], "rlhf") == 0
    kept = json.loads((output / "config.json").read_text())
    assert (kept["optimise"], kept["step_reward"]) == ("steps", False)
    assert len(metrics(output)) == 1
    with pytest.raises(ConfigError, match="scale='published' would have no effect without StepTool's step rewards"):
        StepToolPPOOptions(step_reward=False, scale="published")
    assert StepToolPPOOptions(scale="published").reward_options == {"scale": "published"}
