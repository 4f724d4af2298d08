"""Environment steps: every learner counts what it plays, and stops where the budget is used up."""

import json
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from toolgym.agents import dupo, eto, rft, toolupt
from toolgym.agents.builtin.policy import save_checkpoint
from toolgym.agents.eto import ETOOptions, explore_pairs
from toolgym.agents.grpo import GRPOOptions
from toolgym.agents.policies.models import quiet
from toolgym.agents.rft import RFTOptions, training_examples
from toolgym.agents.rollouts import branches
from toolgym.agents.rollouts.demonstrations import demonstrate
from toolgym.agents.rollouts.rollout import Rollout
from toolgym.agents.sft import SFTOptions
from toolgym.agents.sft import train as train_sft
from toolgym.agents.training.budget import EnvStepLimit, StepBudget, expected_steps
from toolgym.agents.training.explore import make_policy
from toolgym.agents.training.running import task_order
from toolgym.opening import open_env

SMALL: dict[str, Any] = {"size": "small", "prompt": "short", "threads": 1, "progress": False}


@pytest.fixture(scope="module")
def gold_steps(tokenizer: Any) -> Any:
    """How many steps the expert takes in each of the first `count` tasks of a run with a seed."""
    env = open_env("ToolGym/Airline-v0", split="train", size="small", prompt="short")

    def steps(count: int, seed: int = 0) -> list[int]:
        tasks = [env.tasks[index] for index in task_order(len(env.tasks), count, seed)]
        return [len(episode.rewards) for episode in demonstrate(env, tokenizer, tasks)]

    return steps


def state(played: list[float], step: int, most: int = 1000) -> Any:
    history = [{"env_steps": steps, "loss": 0.0} for steps in played] + [{"train_runtime": 1.0}]
    return SimpleNamespace(log_history=history, global_step=step, max_steps=most)


def test_a_schedule_knows_how_long_a_limited_run_will_be() -> None:
    # 100 steps at 20 a batch are 5 batches; with two passes and two minibatches a batch is four optimizer steps.
    assert expected_steps(state([20.0], 1), GRPOOptions(env_steps=100)) == 5
    assert expected_steps(state([10.0, 30.0], 2), GRPOOptions(env_steps=101)) == 6
    four = GRPOOptions(env_steps=100, iterations=2, minibatches=2, steps=80, save_steps=4)
    assert expected_steps(state([20.0], 2), four) == 20
    # Nothing is known before the first batch, or without a limit; never fewer than are taken, nor more than `steps`.
    assert expected_steps(state([], 0, 40), GRPOOptions(env_steps=100)) == 40
    assert expected_steps(state([20.0], 1, 40), GRPOOptions()) == 40
    assert expected_steps(state([20.0] * 5, 5), GRPOOptions(env_steps=100)) == 6
    assert expected_steps(state([1.0], 1, 40), GRPOOptions(env_steps=100)) == 40


def test_the_limit_ends_the_batch_in_which_it_is_reached() -> None:
    limit = EnvStepLimit(40)
    for played, stops in (([20.0], False), ([20.0, 19.0], False), ([20.0, 20.0], True), ([50.0], True)):
        control = SimpleNamespace(should_training_stop=False)
        limit.on_log(None, state(played, len(played)), control)
        assert control.should_training_stop == stops
    # Four optimizer steps a batch: the limit is reached at the first of the second batch, the run ends at its last.
    limit, stopped = EnvStepLimit(40, updates=4), []
    for step in range(1, 9):
        control = SimpleNamespace(should_training_stop=False)
        limit.on_log(None, state([20.0, 20.0][: 1 + (step > 4)], step), control)
        stopped.append(control.should_training_stop)
    assert stopped == [False] * 7 + [True]


def test_a_budget_ends_playing() -> None:
    budget, seen = StepBudget(5), []
    for part in budget.parts(range(10), 2):
        seen.append(list(part))
        budget.take([Rollout([], rewards=[0.0, 0.0, 0.0])])
    assert seen == [[0, 1], [2, 3]]
    assert budget.played == 6
    assert budget.spent
    assert [list(part) for part in StepBudget().parts(range(3), 2)] == [[0, 1, 2]]


@pytest.fixture
def model(tiny_model: Any, tokenizer: Any, tmp_path: Path) -> str:
    save_checkpoint(tiny_model, tokenizer, tmp_path / "model")
    return str(tmp_path / "model")


def lines(output: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]


def test_sft_plays_no_more_than_its_budget(model: str, gold_steps: Any, tmp_path: Path) -> None:
    steps = gold_steps(20)
    limit = sum(steps[:3]) + 1  # reached within the fourth episode
    config = SFTOptions(
        model=model, output=tmp_path / "run", episodes=20, env_steps=limit, batch=2, micro_batch=2, **SMALL
    )
    train_sft(config)
    logged = lines(tmp_path / "run")
    assert [line.get("env_steps", 0.0) for line in logged] == [sum(steps[:4]), 0.0]


def test_rft_and_eto_count_the_experts_steps_and_their_own(
    tiny_model: Any, tokenizer: Any, gold_steps: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[Rollout]] = []

    def episodes(*given: Any, **more: Any) -> list[list[Rollout]]:
        played = branches.episodes(*given, **more)
        seen.extend(played)
        return played

    monkeypatch.setattr(rft, "episodes", episodes)
    monkeypatch.setattr(eto, "episodes", episodes)
    steps = gold_steps(20)
    shape: dict[str, Any] = {**SMALL, "concurrency": 4, "samples": 2, "max_new_tokens": 6, "episodes": 20}
    config = RFTOptions(output=tmp_path, env_steps=sum(steps[:3]), **shape)
    budget = StepBudget(config.env_steps)
    used = len(training_examples(config, tiny_model, tokenizer, budget))  # random weights solve nothing: experts' alone
    costs = [gold + sum(len(own.rewards) for own in group) for gold, group in zip(steps, seen, strict=False)]
    assert budget.played == sum(costs[:used]) >= config.env_steps > sum(costs[: used - 1])

    seen.clear()
    whole = ETOOptions(output=tmp_path, env_steps=1, **shape)
    budget = StepBudget(whole.env_steps)
    explore_pairs(whole, make_policy(whole, tiny_model, tokenizer), tokenizer, budget)
    assert budget.played == steps[0] + sum(len(own.rewards) for own in seen[0])

    budget = StepBudget(1)
    stepwise = ETOOptions(output=tmp_path, pairs="step", env_steps=1, **shape)
    explore_pairs(stepwise, make_policy(stepwise, tiny_model, tokenizer), tokenizer, budget)
    # Two continuations of a step at least from each state of the one task's gold episode.
    assert budget.played >= steps[0] + 2 * steps[0]


@pytest.mark.parametrize("algo", ["dupo", "dupo-token", "toolupt"])
def test_experts_beside_the_policy_count(algo: str, model: str, gold_steps: Any, tmp_path: Path) -> None:
    shape = ["--groups", "2", "--rollouts", "2", "--micro-batch", "4", "--max-new-tokens", "6", "--no-progress"]
    small = [
        "--model",
        model,
        "--size",
        "small",
        "--prompt",
        "short",
        "--threads",
        "1",
        "--output",
        str(tmp_path / "run"),
    ]
    steps = gold_steps(4)
    own = ["--candidates", "token"] if algo == "dupo-token" else []
    limit = sum(steps[:2]) + 1 if algo == "dupo-token" else 1
    with warnings.catch_warnings():
        quiet()
        main = toolupt.main if algo == "toolupt" else dupo.main
        main([*small, *shape, *own, "--steps", "50", "--env-steps", str(limit)])
    logged = lines(tmp_path / "run")
    if algo == "dupo-token":  # nothing but the gold episodes of a batch's two tasks is played
        assert [line["env_steps"] for line in logged] == [sum(steps[:2]), sum(steps[2:4])]
    else:
        assert len(logged) == 1
        assert logged[0]["env_steps"] == pytest.approx(sum(steps[:2]) + 4 * logged[0]["turns"])
