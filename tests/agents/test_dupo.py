"""DUPO: advantages, clip, weights and loss by hand, candidates of every token, and its plain form."""

import math
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from toolgym.agents.dupo import (
    DUPOOptions,
    DUPOTrainer,
    average_before,
    dynamic_clip,
    main,
    make_trainer,
    mean_advantages,
    step_advantages,
    type_weights,
    unified_loss,
)
from toolgym.agents.grpo import GRPOOptions
from toolgym.agents.rollouts.demonstrations import demonstrate
from toolgym.agents.rollouts.episodes import TYPE_CODES, EpisodeBatch
from toolgym.agents.rollouts.rollout import Rollout
from toolgym.agents.training.dupo_candidates import PrefixScorer, candidates_of, draw_candidates, score_candidates
from toolgym.agents.training.expert import clipped_objective
from toolgym.agents.training.options import parse_options
from toolgym.agents.training.running import prepare, run
from toolgym.errors import ConfigError
from toolgym.messages import Turn, render
from toolgym.opening import open_env
from toolgym.rewards.ac_planner import chain_reward, decay


@pytest.fixture
def shape(shape: dict[str, Any]) -> dict[str, Any]:
    """On the small airline."""
    return shape | {"size": "small", "prompt": "short", "reward": "ac_planner", "steps": 3, "context_tokens": 1024}


def test_mean_normalised_advantage_by_hand() -> None:
    # Mean 2: (3 - 2) / 2, (1 - 2) / 2, 0, 0. Mean -0.2: (-0.4 + 0.2) / 0.2 = -1 and 1; the last two are not counted.
    # Mean 0: divided by the floor of 0.1.
    rewards = torch.tensor([[3.0, 1.0, 2.0, 2.0], [-0.4, 0.0, 9.0, 9.0], [0.05, -0.05, 0.0, 0.0]])
    counted = torch.tensor([[True] * 4, [True, True, False, False], [True] * 4])
    advantages = mean_advantages(rewards, counted, 0.1)
    assert advantages[0].tolist() == pytest.approx([0.5, -0.5, 0.0, 0.0])
    assert advantages[1].tolist() == pytest.approx([-1.0, 1.0, 0.0, 0.0])
    assert advantages[2].tolist() == pytest.approx([0.5, -0.5, 0.0, 0.0])


@given(st.floats(-3, 3), st.integers(1, 8))
@settings(max_examples=50, deadline=None)
def test_equal_rewards_give_exactly_nothing(value: float, count: int) -> None:
    every = torch.ones(1, count, dtype=torch.bool)
    assert not mean_advantages(torch.full((1, count), value), every, 0.1).any()
    assert not mean_advantages(torch.full((1, count), value), ~every, 0.1).any()


def test_dynamic_clip_by_hand() -> None:
    # Step 1 of 4: rem 4; 2 * 4 / 6 = 1.33333. A negative average counts as 0; nothing known: the fixed bound.
    average, known = torch.tensor([2.0, -1.0, 5.0]), torch.tensor([True, True, False])
    assert dynamic_clip(average, known, 1, 4, 0.28).tolist() == pytest.approx([4 / 3, 0.0, 0.28])
    # The last step: rem 1; 2 / 3.
    assert dynamic_clip(average, known, 4, 4, 0.28)[0].item() == pytest.approx(2 / 3)


def test_averages_before_a_position_by_hand() -> None:
    chain = torch.tensor([4, 4, 4, 7, 7])
    average, known = average_before(torch.tensor([1.0, 3.0, 5.0, 2.0, 4.0]), chain)
    assert average.tolist() == pytest.approx([0.0, 1.0, 2.0, 0.0, 2.0])
    assert known.tolist() == [False, True, True, False, True]


def batch_of(rewards: list[list[float]], usable: list[bool]) -> EpisodeBatch:
    """A group; step s is tokens 2s (sampled) and 2s + 1 (the environment's)."""
    rollouts = []
    for values, ok in zip(rewards, usable, strict=True):
        count = len(values)
        spans = [(2 * step, 2 * step + 1) for step in range(count)]
        rollout = Rollout([1], [5] * 2 * count, [1, 0] * count, [0.0] * 2 * count, ["tool", "env"] * count, spans)
        rollouts.append(replace(rollout, rewards=values, outcome="solved" if ok else "infra_error"))
    return EpisodeBatch.of(rollouts, len(rollouts))


def test_steps_of_a_group_are_candidates_by_hand() -> None:
    # Step 1: 3, 1, 2, mean 2: 0.5, -0.5, 0 (the broken episode's 9 does not count). Step 2 was only taken twice: 1 and
    # 3: -0.5 and 0.5. The environment's tokens get nothing.
    batch = batch_of([[3.0, 1.0], [1.0, 3.0], [2.0], [9.0]], [True, True, True, False])
    advantages = step_advantages(batch, 0.1)
    assert advantages[0].tolist() == pytest.approx([0.5, 0.0, -0.5, 0.0])
    assert advantages[1].tolist() == pytest.approx([-0.5, 0.0, 0.5, 0.0])
    assert not advantages[2:].any()
    # Returns 4, 4, 2, mean 10/3: 0.2, 0.2, -0.4, on every sampled token.
    whole = step_advantages(batch, 0.1, episode=True)
    assert whole[0].tolist() == pytest.approx([0.2, 0.0, 0.2, 0.0])
    assert whole[2].tolist() == pytest.approx([-0.4, 0.0, 0.0, 0.0])
    assert not whole[3].any()


def test_weights_of_types() -> None:
    options = DUPOOptions(type_weights=(0.5, 0.5, 0.5, 1.0, 2.0, 1.5))
    types = torch.tensor([TYPE_CODES["tag_plan"], TYPE_CODES["tool"], TYPE_CODES["env"], -1, TYPE_CODES["plan"]])
    assert type_weights(types, options).tolist() == [0.5, 2.0, 0.0, 0.0, 1.0]
    assert type_weights(types, replace(options, normalise_types=True)).tolist() == pytest.approx(
        [0.5 / 6, 2 / 6, 0.0, 0.0, 1 / 6]
    )
    assert type_weights(types, replace(options, plan=False)).tolist() == [0.0, 2.0, 0.0, 0.0, 0.0]
    # Without plans the weights that are left add up to 1: 0.5 + 0.5 + 2 + 1.5 = 4.5.
    scaled = type_weights(types, replace(options, plan=False, normalise_types=True))
    assert scaled.tolist() == pytest.approx([0.0, 2 / 4.5, 0.0, 0.0, 0.0])


def test_the_unified_loss_adds_a_loss_and_takes_away_an_objective() -> None:
    # 0.25 * 2 - 0.75 * 4.
    assert unified_loss(torch.tensor(2.0), torch.tensor(4.0), 0.25).item() == pytest.approx(-2.5)
    old = torch.log_softmax(torch.tensor([0.3, -0.2, 0.1]), -1)
    for gamma, rises, falls in ((1.0, 2, 0), (0.0, 0, 1)):
        # SFT is about token 2; among the candidates 0 is better than 1.
        logits = torch.tensor([0.3, -0.2, 0.1], requires_grad=True)
        logps = torch.log_softmax(logits, -1)
        objective = clipped_objective(logps[:2], old[:2], torch.tensor([0.5, -0.5]), 0.2, 0.2).mean()
        unified_loss(-logps[2], objective, gamma).backward()
        assert logits.grad is not None
        before, after = old.exp(), torch.softmax(logits.detach() - 0.5 * logits.grad, -1)
        assert after[rises] > before[rises]
        assert after[falls] < before[falls]


@pytest.fixture(scope="module")
def expert(tokenizer: Any) -> Rollout:
    env = open_env("ToolGym/Airline-v0", split="train", size="small", prompt="short")
    task = next(
        task for task in (env.tasks[index] for index in range(200)) if len(task.gold) == 2 and task.gold[0].calls
    )
    return demonstrate(env, tokenizer, [task])[0]


def test_draws_are_the_policys_and_repeatable() -> None:
    logits = torch.tensor([[0.0, math.log(3.0)], [50.0, 0.0]])
    seed = np.random.SeedSequence(3, spawn_key=(1,))
    ids, logps = draw_candidates(logits, 4000, 1.0, seed)
    assert ids.shape == logps.shape == (2, 4000)
    # log(1/4) and log(3/4): three quarters are token 1, within four standard errors; the second row is all token 0.
    assert ids[0].float().mean().item() == pytest.approx(0.75, abs=4 * math.sqrt(0.1875 / 4000))
    assert logps[0, ids[0] == 1].unique().item() == pytest.approx(math.log(0.75))
    assert not ids[1].any()
    assert torch.equal(draw_candidates(logits, 4000, 1.0, np.random.SeedSequence(3, spawn_key=(1,)))[0], ids)
    # Temperature 2: odds of 3^0.5.
    cooler = draw_candidates(logits, 1, 2.0, seed)[1][0, 0].exp().item()
    assert min(abs(cooler - 0.36603), abs(cooler - 0.63397)) < 1e-5


def test_a_candidate_is_worth_what_its_prefix_is(expert: Rollout, tokenizer: Any) -> None:
    chat_end = expert.completion_ids[expert.spans[0][1] - 1]
    own = [token for token, mine in zip(expert.completion_ids, expert.env_mask, strict=True) if mine]
    other = tokenizer("#", add_special_tokens=False)["input_ids"][0]
    scorer = PrefixScorer()
    also = tokenizer.convert_tokens_to_ids("Z")  # any other token that ends a turn is worth what the first one is
    rewards = score_candidates(
        expert, [[token, other, chat_end, also] for token in own], tokenizer, (chat_end, also), scorer
    )
    assert rewards.shape == (len(own), 4)
    assert torch.equal(rewards[:, 2], rewards[:, 3])
    # The gold token is never worse than another, and worth everything: 3 times the decay.
    assert (rewards[:, 0] >= rewards[:, 1] - 1e-6).all()
    assert (rewards[:, 0] >= rewards[:, 2] - 1e-6).all()
    first = expert.spans[0][1] - expert.spans[0][0]
    worth = [3 * decay("exponential", 1, 2)] * first + [3 * decay("exponential", 2, 2)] * (len(own) - first)
    assert rewards[:, 0].tolist() == pytest.approx(worth, rel=1e-5)
    # In a tool's name a wrong character costs the name (and, as the gold's is not a parameter yet, nothing else).
    at = expert.types[:first].index("tool") + 1
    gold = tokenizer.decode(expert.completion_ids[: at + 1])
    wrong = tokenizer.decode([*expert.completion_ids[:at], other])
    assert rewards[at, 1].item() == pytest.approx(chain_reward(wrong, gold, index=1, total=2), rel=1e-5)
    assert rewards[at, 1] < rewards[at, 0]
    # An end in the middle of the plan is no message: all but the point for the format (nothing is named yet).
    assert expert.types[2] == "plan"
    assert rewards[2, 2] == pytest.approx(float(rewards[2, 0]) - decay("exponential", 1, 2), abs=0.2)


def test_candidates_come_from_one_pass_over_the_gold(expert: Rollout, tiny_model: Any, tokenizer: Any) -> None:
    seed, end = np.random.SeedSequence(0), expert.completion_ids[-1]
    found = candidates_of(
        tiny_model, expert, tokenizer, (end,), count=3, temperature=1.0, scorer=PrefixScorer(), seed=seed
    )
    own = sum(expert.env_mask)
    assert found.ids_CK.shape == found.logps_CK.shape == found.rewards_CK.shape == (own, 3)
    assert found.actions_C.tolist() == [
        index for index, (start, end) in enumerate(expert.spans) for _ in range(start, end)
    ]
    # The probabilities are those after the gold prefix: for the first token of the second action, everything before it.
    start = expert.spans[1][0]
    with torch.no_grad():
        ids = torch.tensor([expert.prompt_ids + expert.completion_ids[:start]])
        logps = torch.log_softmax(tiny_model(ids).logits[0, -1], -1)
    at = expert.spans[0][1] - expert.spans[0][0]
    assert torch.allclose(found.logps_CK[at], logps[found.ids_CK[at]], atol=1e-5)


def test_options_that_would_have_no_effect_raise() -> None:
    for changes, said in (
        ({"loss": "grpo"}, "loss='grpo'"),
        ({"beta": 0.1}, r"beta=0\.1"),
        ({"type_weights": (1.0, 1.0)}, "six numbers"),
        ({"zeta": 0.0}, "zeta"),
        ({"reward": "state", "decay": "linear"}, "decay='linear'"),
        ({"reward": "state", "candidates": "token"}, "token candidates"),
        ({"candidates": "token", "credit": "episode"}, "credit"),
        ({"unified": False, "zeta": 0.2}, r"zeta=0\.2 would have no effect without unified"),
        ({"plan": False, "type_weights": (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)}, "type_weights needs a number above 0"),
    ):
        with pytest.raises(ConfigError, match=said):
            DUPOOptions(**changes)
    assert DUPOOptions(semantic=0.2, decay="none").reward_options == {"semantic": 0.2, "decay": "none"}


@pytest.mark.parametrize("candidates", ["token", pytest.param("rollout", marks=pytest.mark.slow)])
def test_interrupted_and_resumed_equals_uninterrupted(
    candidates: Any, fresh: Any, tokenizer: Any, shape: dict[str, Any], resumes: Any
) -> None:
    config = DUPOOptions(candidates=candidates, zeta=0.5, **shape)
    one, _ = resumes(config, lambda some, callbacks: make_trainer(some, fresh(), tokenizer, callbacks), stop=2)
    # Eq. 13: exp(-0.5 t), t from 0.
    assert [line["dupo/gamma"] for line in one] == pytest.approx([1.0, math.exp(-0.5), math.exp(-1)])
    assert one[0]["dupo/sft_loss"] > one[2]["dupo/sft_loss"] > 0
    assert all(line["grad_norm"] > 0 for line in one)


def ending(model: Any, tokenizer: Any) -> Any:
    """The model, made to end many of its turns: one that is cut counts for nothing, and all of them earn the same."""
    with torch.no_grad():
        model.get_input_embeddings().weight[tokenizer.eos_token_id] *= 6
    return model


def test_plain_dupo_is_the_token_mean_loss(
    fresh: Any, tokenizer: Any, tmp_path: Path, shape: dict[str, Any], metrics: Any
) -> None:
    # Unit weights, fixed clip and gamma 0: TRL's clipped loss with the mean over tokens, on Eq. 11's advantages.
    shape = shape | {"iterations": 2, "epsilon_high": 0.28, "learning_rate": 1e-2, "steps": 2}
    plain = DUPOOptions(output=tmp_path / "plain", unified=False, dynamic_clip=False, **shape)
    trls = GRPOOptions(output=tmp_path / "trls", loss="dapo", **shape)
    run(make_trainer(plain, ending(fresh(), tokenizer), tokenizer), plain)
    model = ending(fresh(), tokenizer)
    run(prepare(trls, partial(step_advantages, floor=0.1), model=model, tokenizer=tokenizer), trls)
    for left, right in zip(metrics(plain.output), metrics(trls.output), strict=True):
        for name in ("loss", "grad_norm", "entropy"):
            assert left[name] == pytest.approx(right[name], abs=1e-5), name
        assert left["grad_norm"] > 0


def test_token_candidates_teach_what_is_rewarded(
    fresh: Any, tokenizer: Any, tmp_path: Path, shape: dict[str, Any], metrics: Any
) -> None:
    # Without SFT and from random weights: candidates that keep the message well-formed become likelier than they are
    # for a model that does not learn, on the same tasks.
    shape = shape | {"steps": 16, "groups": 1, "rollouts": 16, "micro_batch": 16, "save_steps": 100}
    earned = []
    for rate in (1e-12, 5e-3):
        some = DUPOOptions(
            output=tmp_path / str(rate), candidates="token", unified=False, **shape | {"learning_rate": rate}
        )
        run(make_trainer(some, fresh(), tokenizer), some)
        earned.append([line["dupo/candidate_reward"] / 3 for line in metrics(some.output)])
    still, learnt = earned
    assert learnt[0] == still[0]
    later = [(after, before) for after, before in zip(learnt[4:], still[4:], strict=True) if before]
    assert len(later) >= 8
    assert all(after > before for after, before in later)


class Probe(DUPOTrainer):
    """Keeps the log-probabilities that the loss saw, with their gradients."""

    seen: list[tuple[torch.Tensor, torch.Tensor]]

    def policy_tokens(self, model: Any, inputs: dict[str, Any]) -> Any:
        own = super().policy_tokens(model, inputs)
        own.logps_BT.retain_grad()
        self.seen.append((own.logps_BT, own.mask_BT))
        return own

    def expert_tokens(self, model: Any, inputs: dict[str, Any]) -> Any:
        expert = super().expert_tokens(model, inputs)
        assert expert is not None
        expert.logps_EL.retain_grad()
        self.seen.append((expert.logps_EL, expert.own_EL))
        return expert


def test_only_sampled_tokens_carry_loss(
    fresh: Any, tokenizer: Any, tmp_path: Path, shape: dict[str, Any], metrics: Any, dead_env: Any
) -> None:
    some = DUPOOptions(output=tmp_path, **shape | {"steps": 2, "micro_batch": 8})
    trainer = cast(Any, make_trainer(some, ending(fresh(), tokenizer), tokenizer))
    trainer.__class__, trainer.seen = Probe, []
    trainer.envs[6:] = [dead_env, dead_env]
    run(trainer, some)
    assert all(line["infra_errors"] == 0.25 and math.isfinite(line["loss"]) for line in metrics(tmp_path))
    assert len(trainer.seen) == 4
    for logps, mask in trainer.seen[2:]:  # gamma is 1 in the first step: the rollouts' part is not learnt from yet
        assert logps.grad is not None
        assert logps.grad[mask == 1].any()
        assert not logps.grad[mask == 0].any()


def test_without_plans_nothing_of_them_is_taught(
    fresh: Any, tokenizer: Any, tmp_path: Path, shape: dict[str, Any]
) -> None:
    some = DUPOOptions(output=tmp_path, plan=False, **shape)
    trainer = make_trainer(some, fresh(), tokenizer)
    plain = make_trainer(replace(some, plan=True), fresh(), tokenizer)
    assert "plan" in plain.expert(0).types
    assert not {"plan", "tag_plan"} & set(trainer.expert(0).types)
    assert trainer.tasks[0] == trainer.tasks.by_id(trainer.tasks[0].id) == next(iter(trainer.tasks))
    assert len(trainer.tasks) == len(plain.tasks)


def test_without_plans_the_reward_asks_for_none(airline_arguments: list[str], tmp_path: Path) -> None:
    trainers = []
    for name, more in (("with", []), ("without", ["--no-plan"])):
        arguments = [*airline_arguments, *more, "--output", str(tmp_path / name)]
        trainers.append(make_trainer(parse_options(DUPOOptions, arguments, prog="dupo", description="")))
    planned = next(i for i, task in enumerate(trainers[0].tasks) if sum(bool(action.plan) for action in task.gold) > 1)
    earned = []
    for trainer in trainers:
        env = trainer.envs[0]
        for said in trainers:  # the same calls, with and without plans
            env.reset(options={"task": trainer.tasks[planned]})
            gold = said.tasks[planned].gold
            messages = [render(Turn(a.plan, tuple(c.call() for c in a.calls), a.response)) for a in gold]
            earned.append(sum(float(env.step(message)[1]) for message in messages))
            assert env.trajectory.outcome == "solved"
    plans, no_plans, plans_unasked, no_plans_unasked = earned
    assert plans > no_plans
    assert no_plans_unasked == plans_unasked == plans


def test_from_the_command_line_on_the_airline(airline_arguments: list[str], tmp_path: Path, metrics: Any) -> None:
    weights = ["--type-weights", "1", "1", "1", "1", "2", "1"]
    assert main([*airline_arguments, *weights, "--output", str(tmp_path / "run")]) == 0
    (line,) = metrics(tmp_path / "run")
    assert line["dupo/gamma"] == 1.0
    assert line["dupo/sft_loss"] > 0
