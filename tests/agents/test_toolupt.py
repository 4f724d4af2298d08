"""ToolUPT: token rewards, FGAE, SPO and gamma by hand, which way the losses push, and what equals DAPO."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from toolgym.agents import grpo
from toolgym.agents.grpo import GRPOOptions, grpo_advantages
from toolgym.agents.rollouts.demonstrations import demonstrate
from toolgym.agents.rollouts.episodes import EpisodeBatch
from toolgym.agents.rollouts.rollout import Rollout
from toolgym.agents.toolupt import (
    ToolUPTOptions,
    ToolUPTTrainer,
    chosen_loss,
    cyclic_gamma,
    falling_mu,
    fgae_advantages,
    main,
    make_trainer,
    preserved,
    rejected_loss,
    rollout_token_rewards,
)
from toolgym.agents.training.expert import clipped_objective
from toolgym.agents.training.running import run
from toolgym.domain import Domain
from toolgym.errors import ConfigError
from toolgym.opening import open_env
from toolgym.rewards import Reward, base, register
from toolgym.tasks import GoldAction, Task
from toolgym.trajectory import Trajectory


@pytest.fixture
def shape(shape: dict[str, Any]) -> dict[str, Any]:
    """On the small airline."""
    return shape | {"size": "small", "prompt": "short", "reward": "test_vowels", "steps": 3, "context_tokens": 1024}


@pytest.fixture
def vowels() -> Iterator[None]:
    """A reward that random text earns: the share of vowels."""

    def term(trajectory: Trajectory, task: Task, /) -> float:
        text = trajectory.steps[-1].turn.text
        return sum(character in "aeiou" for character in text) / max(len(text), 1)

    register("test_vowels", lambda: Reward({"vowels": term}, {}))
    yield
    base._PRESETS.pop("test_vowels")


def test_fgae_by_hand() -> None:
    # Tokens 4, 4, -3 and 1 (two are the environment's): mean 1.5, squares 6.25 + 6.25 + 20.25 + 0.25 = 33, spread
    # (33 / 4)^0.5 = 2.87228; 2.5 / 2.87238 = 0.87036, -4.5 / 2.87238 = -1.56664, -0.5 / 2.87238 = -0.17407.
    rewards = torch.tensor([[4.0, 4.0, -3.0], [9.0, 1.0, 9.0]])
    mask = torch.tensor([[True, True, True], [False, True, False]])
    advantages = fgae_advantages(rewards, mask, 2)
    assert advantages[0].tolist() == pytest.approx([0.87036, 0.87036, -1.56664], abs=1e-5)
    assert advantages[1].tolist() == pytest.approx([0.0, -0.17407, 0.0], abs=1e-5)
    # Each group on its own.
    assert not fgae_advantages(rewards, mask, 1)[1].any()


@given(st.floats(-3, 4), st.integers(1, 4), st.integers(1, 5))
@settings(max_examples=50, deadline=None)
def test_equal_token_rewards_give_exactly_nothing(value: float, rows: int, width: int) -> None:
    mask = torch.ones(rows, width, dtype=torch.bool)
    assert not fgae_advantages(torch.full((rows, width), value), mask, rows).any()
    assert not fgae_advantages(torch.full((rows, width), value), ~mask, rows).any()


@given(st.lists(st.integers(-30, 40), min_size=4, max_size=4))
@settings(max_examples=50, deadline=None)
def test_with_constant_token_rewards_fgae_is_dapos_advantage(returns: list[int]) -> None:
    # Rows of equal length whose tokens all earn the row's return: the statistics over tokens are those over rows, with
    # 1/n in the spread where GRPO and DAPO have 1/(n - 1).
    rollouts = [
        Rollout([1], [5, 5], [1, 1], [0.0, 0.0], ["resp", "resp"], [(0, 2)], [value / 10], outcome="unsolved")
        for value in returns
    ]
    batch = EpisodeBatch.of(rollouts, 4)
    ours = fgae_advantages(batch.returns_B[:, None].expand(-1, 2), batch.sampled_BT, 4)
    values = batch.returns_B.double()
    wanted = grpo_advantages(batch) * (values.std() + 1e-4) / (values.std(correction=0) + 1e-4)
    assert torch.allclose(ours, wanted.float(), atol=1e-3)


def test_spo_by_hand() -> None:
    # p = 0.5: phi = 0.25, 1 - sigmoid(log 0.5) = 1 - 0.5 / 1.5 = 2/3, together 1/6. p = 0.9: 0.09 (1 - 0.9 / 1.9).
    logps = torch.tensor([[0.5, 0.9]]).log()
    assert chosen_loss(logps, 1.0)[0].tolist() == pytest.approx([1 / 6, 0.0473684])
    # 1 - sigmoid(-log 0.5) = 1/3, together 1/12; 0.09 * 0.9 / 1.9; nothing for an advantage of 0 or more.
    assert rejected_loss(logps, torch.tensor([[-0.1, -2.0]]), 1.0)[0].tolist() == pytest.approx([1 / 12, 0.0426316])
    assert rejected_loss(logps, torch.tensor([[0.0, 3.0]]), 1.0)[0].tolist() == [0.0, 0.0]
    # beta 2: sigmoid(2 log 0.5) = 0.25 / 1.25.
    assert chosen_loss(logps, 2.0)[0, 0].item() == pytest.approx(0.25 * 0.8)


def step_on(loss_of: Any, rate: float = 0.5) -> tuple[torch.Tensor, torch.Tensor]:
    """The probabilities of three tokens before and after one gradient step on their logits."""
    logits = torch.tensor([[0.3, -0.2, 0.1]], requires_grad=True)
    loss_of(torch.log_softmax(logits, -1)).sum().backward()
    return torch.softmax(logits, -1)[0].detach(), torch.softmax(logits - rate * logits.grad, -1)[0].detach()


def test_each_term_pushes_the_right_way() -> None:
    before, after = step_on(lambda logps: chosen_loss(logps[:, :1], 1.0))
    assert after[0] > before[0]
    before, after = step_on(lambda logps: rejected_loss(logps[:, :1], torch.tensor([[-1.0]]), 1.0))
    assert after[0] < before[0]
    old = torch.log_softmax(torch.tensor([[0.3, -0.2, 0.1]]), -1)
    advantages = torch.tensor([[1.0, -1.0, 0.0]])
    before, after = step_on(lambda logps: -clipped_objective(logps, old, advantages, 0.2, 0.2))
    assert after[0] > before[0]
    assert after[1] < before[1]


def test_phi_weights_and_is_not_differentiated() -> None:
    # The gradient of 1 - sigmoid(log p) by log p is -s (1 - s), s = 1/3 at p = 0.5; times phi = 0.25.
    logp = torch.tensor([[0.5]]).log().requires_grad_()
    chosen_loss(logp, 1.0).sum().backward()
    assert logp.grad is not None
    assert logp.grad.item() == pytest.approx(-0.25 * 2 / 9)


def test_clipped_objective_by_hand() -> None:
    # Ratios 1.5 and 0.5, clip 0.2 below and 0.3 above. A = 1: min(1.5, 1.3), 0.5; A = -1: -1.5, min(-0.5, -0.8).
    logps, old = torch.tensor([1.5, 0.5]).log(), torch.zeros(2)
    assert clipped_objective(logps, old, torch.ones(2), 0.2, 0.3).tolist() == pytest.approx([1.3, 0.5])
    assert clipped_objective(logps, old, -torch.ones(2), 0.2, 0.3).tolist() == pytest.approx([-1.5, -0.8])
    # A bound a token.
    high = torch.tensor([0.1, 0.0])
    assert clipped_objective(logps, old, torch.ones(2), 0.2, high).tolist() == pytest.approx([1.1, 0.5])


def test_gamma_by_hand() -> None:
    # 12 steps, 3 cycles of 4: up in the first, then down by half a cosine: 0.1 + 0.4 (1 + cos(2 pi / 3)) / 2 = 0.2.
    values = [cyclic_gamma(step, 12, low=0.1, high=0.5, cycles=3, warm_up=0.25) for step in range(12)]
    assert values == pytest.approx([0.1, 0.5, 0.4, 0.2] * 3)
    assert cyclic_gamma(0, 10, low=0.1, high=0.5, cycles=1, warm_up=0.0) == pytest.approx(0.5)


def test_chords_mu_by_hand() -> None:
    # Half a cosine from 0.9 to 0.05 over half of 8 steps: 0.9, then 0.05 + 0.85 (1 + cos(pi / 4)) / 2, the middle, ...
    values = [falling_mu(step, 8, first=0.9, last=0.05, share=0.5) for step in range(8)]
    quarter = 0.05 + 0.85 * (1 + math.cos(math.pi / 4)) / 2
    assert values == pytest.approx([0.9, quarter, 0.475, 0.95 - quarter, *[0.05] * 4])


@pytest.mark.parametrize("phi", [True, False])
def test_chords_mu_falls_in_a_run(
    phi: bool, fresh: Any, tokenizer: Any, vowels: None, tmp_path: Path, shape: dict[str, Any], metrics: Any
) -> None:
    more = {"expert": "chord", "fine_grained": False, "mu": 0.9, "mu_end": 0.05, "phi": phi}
    some = ToolUPTOptions(output=tmp_path, **shape | more | {"steps": 2, "save_steps": 2})
    run(make_trainer(some, fresh(), tokenizer), some)
    one, two = metrics(tmp_path)
    assert (one["toolupt/mu"], two["toolupt/mu"]) == pytest.approx((0.9, 0.475))
    # p (1 - p) is at most a quarter: plain SFT's loss is at least four times CHORD-phi's.
    assert (one["toolupt/expert_loss"] > 2.0) != phi


@pytest.fixture(scope="module")
def episode(tokenizer: Any) -> Any:
    """A task of two actions, its gold episode, and one whose call has another last argument."""
    env = open_env("ToolGym/Airline-v0", split="train", size="small", prompt="short", reward="toolupt")
    task = next(
        task for task in (env.tasks[index] for index in range(200)) if len(task.gold) == 2 and task.gold[0].calls
    )

    def wrong(task: Task, domain: Domain) -> list[GoldAction]:
        first, last = task.gold
        call = first.calls[0]
        name, value = list(call.arguments.items())[-1]
        changed = {**call.arguments, name: value[:-1] if isinstance(value, str) else value + 1}
        calls = (call.model_copy(update={"arguments": changed}), *first.calls[1:])
        return [first.model_copy(update={"plan": "Another plan.", "calls": calls}), last]

    (gold,), (made,) = demonstrate(env, tokenizer, [task]), demonstrate(env, tokenizer, [task], wrong)
    return task, gold, made


def test_token_rewards_of_an_episode(episode: Any) -> None:
    task, gold, made = episode
    assert gold.solved
    assert rollout_token_rewards(gold, gold, task) == [
        0.0 if kind == "env" else gold.rewards[0 if at < gold.spans[0][1] else 1] for at, kind in enumerate(gold.types)
    ]
    rewards = rollout_token_rewards(made, gold, task)
    start, end = made.spans[0]
    in_call = [at for at in range(start, end) if made.types[at] in ("tool", "tag_tool")]
    wanted = [
        token for token, kind in zip(gold.completion_ids, gold.types, strict=True) if kind in ("tool", "tag_tool")
    ]
    equal = [made.completion_ids[at] == token for at, token in zip(in_call, wanted, strict=False)]
    equal += [False] * (len(in_call) - len(equal))
    assert True in equal
    assert False in equal
    assert made.rewards[0] < 4
    assert [rewards[at] == 4.0 for at in in_call] == equal
    # Outside of calls, and where the gold has another token, the step's own reward is the bound.
    others = [at for at in range(start, end) if at not in in_call]
    assert others
    assert all(rewards[at] == pytest.approx(made.rewards[0]) for at in others)
    # Without the trajectory there is nothing to compare with.
    bare = replace(made, trajectory=None)
    assert set(rollout_token_rewards(bare, gold, task)) == {0.0, *made.rewards}


def test_of_an_answer_only_the_opening_tag_is_preserved(episode: Any, tokenizer: Any) -> None:
    _, gold, _ = episode
    kept = preserved(gold)
    (start, end), (first, last) = gold.spans
    assert kept[start:end] == [1] * (end - start)
    assert not any(kept[end:first])
    learnt = [token for token, keep in zip(gold.completion_ids[first:last], kept[first:last], strict=True) if keep]
    assert tokenizer.decode(learnt).rstrip() == "<response>"


def test_options_that_would_have_no_effect_raise() -> None:
    for changes, said in (
        ({"loss": "grpo"}, "loss='grpo'"),
        ({"beta": 0.1}, r"beta=0\.1"),
        ({"importance_sampling_level": "sequence"}, "importance_sampling_level"),
        ({"gamma_low": 0.9}, "gamma_low"),
        ({"expert": "luffy"}, "no-fine-grained"),
        ({"expert": "sft", "preference": 2.0}, "preference=2.0 would have no effect with expert='sft'"),
        ({"expert": "none", "cycles": 2}, "cycles=2 would have no effect"),
        ({"mu": 0.2}, "mu=0.2 would have no effect with expert='spo'"),
        ({"expert": "sft", "phi": False}, "phi=False would have no effect with expert='sft'"),
        ({"expert": "chord", "fine_grained": False, "mu_decay": 0.5}, "mu_decay=0.5 would have no effect"),
        ({"expert": "chord", "fine_grained": False, "mu_end": 0.2}, "mu_end <= mu"),
        ({"expert": "srft", "fine_grained": False, "epsilon": 0.1}, "epsilon=0.1 would have no effect"),
        ({"expert": "srft", "fine_grained": False, "vllm": "http://x"}, "vllm='http://x' would have no effect"),
        ({"expert": "srft", "fine_grained": False, "stale": 1}, "stale=1 would have no effect with expert='srft'"),
        ({"expert": "spoo"}, "Did you mean 'spo'"),
    ):
        with pytest.raises(ConfigError, match=said):
            ToolUPTOptions(**changes)


@pytest.mark.slow
def test_interrupted_and_resumed_equals_uninterrupted(
    fresh: Any, tokenizer: Any, vowels: None, shape: dict[str, Any], resumes: Any
) -> None:
    config = ToolUPTOptions(**shape)
    one, _ = resumes(config, lambda some, callbacks: make_trainer(some, fresh(), tokenizer, callbacks), stop=2)
    # Three cycles in three steps: gamma begins each at its low.
    assert [line["toolupt/gamma"] for line in one] == pytest.approx([0.05, 0.05, 0.05])
    assert all(line["toolupt/expert_loss"] > 0 and line["grad_norm"] > 0 for line in one)


@pytest.mark.slow
def test_without_expert_and_fgae_it_is_dapo(
    fresh: Any, tokenizer: Any, vowels: None, tmp_path: Path, shape: dict[str, Any], metrics: Any
) -> None:
    ours = ToolUPTOptions(
        output=tmp_path / "ours", expert="none", fine_grained=False, **shape | {"iterations": 2, "steps": 4}
    )
    dapo = GRPOOptions(output=tmp_path / "dapo", loss="dapo", **shape | {"iterations": 2, "steps": 4})
    run(make_trainer(ours, fresh(), tokenizer), ours)
    run(grpo.make_trainer(dapo, model=fresh(), tokenizer=tokenizer), dapo)
    for left, right in zip(metrics(ours.output), metrics(dapo.output), strict=True):
        for name in ("loss", "grad_norm", "entropy"):
            assert left[name] == pytest.approx(right[name], abs=1e-5), name
        assert left.get("reward") == right.get("reward")
    assert any(line["grad_norm"] > 0 for line in metrics(ours.output))


class Probe(ToolUPTTrainer):
    """Keeps the log-probabilities that the loss saw, with their gradients."""

    seen: list[tuple[torch.Tensor, torch.Tensor]]

    def policy_tokens(self, model: Any, inputs: dict[str, Any]) -> Any:
        own = super().policy_tokens(model, inputs)
        own.logps_BT.retain_grad()
        self.seen.append((own.logps_BT, own.mask_BT))
        return own

    def expert_tokens(self, model: Any, inputs: dict[str, Any]) -> Any:
        expert = super().expert_tokens(model, inputs)
        if expert is not None:
            expert.logps_EL.retain_grad()
            self.seen.append((expert.logps_EL, expert.weights_EL))
        return expert


@pytest.mark.parametrize(
    "expert", ["spo", "luffy", *(pytest.param(name, marks=pytest.mark.slow) for name in ("sft", "srft", "chord"))]
)
def test_only_sampled_and_learnt_tokens_carry_loss(
    expert: Any,
    fresh: Any,
    tokenizer: Any,
    vowels: None,
    tmp_path: Path,
    shape: dict[str, Any],
    metrics: Any,
    dead_env: Any,
) -> None:
    changes = {"steps": 1, "micro_batch": 8, "expert": expert, "fine_grained": expert in ("spo", "sft")}
    some = ToolUPTOptions(output=tmp_path, **shape | changes)
    trainer = make_trainer(some, fresh(), tokenizer)
    trainer.__class__, trainer.seen = Probe, []  # type: ignore[attr-defined]
    trainer.envs[6:] = [dead_env, dead_env]
    run(trainer, some)
    (line,) = metrics(tmp_path)
    assert line["infra_errors"] == 0.25
    assert math.isfinite(line["loss"])
    assert line["grad_norm"] > 0
    assert len(trainer.seen) == 2  # type: ignore[attr-defined]
    for logps, mask in trainer.seen:  # type: ignore[attr-defined]
        assert logps.grad is not None
        assert logps.grad[mask == 1].any()
        assert not logps.grad[mask == 0].any()


def test_from_the_command_line_on_the_airline(airline_arguments: list[str], tmp_path: Path, metrics: Any) -> None:
    assert main([*airline_arguments, "--output", str(tmp_path / "run"), "--expert", "sft"]) == 0
    (line,) = metrics(tmp_path / "run")
    assert line["toolupt/expert_loss"] > 0
