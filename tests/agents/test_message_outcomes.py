"""What FGAE's tokens are worth after earlier attempts: Eq. 12 of their own message, within its bounds."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolgym.agents.rollouts.demonstrations import demonstrate
from toolgym.agents.rollouts.rollout import Rollout
from toolgym.agents.toolupt import ToolUPTOptions, make_trainer, rollout_token_rewards
from toolgym.agents.training.options import parse_options
from toolgym.domain import Domain
from toolgym.messages import ToolCall, Turn, render
from toolgym.opening import open_env
from toolgym.rewards import make_reward
from toolgym.rewards.aligned import attempt, message_scores
from toolgym.rewards.toolupt import HIGHEST, LOWEST, ToolUPTWeights, outcome_reward
from toolgym.tasks import GoldAction, Task
from toolgym.trajectory import Step, ToolResult, Trajectory

BROKEN = "<plan>Look.</plan><tool_call>{broken</tool_call>"


@pytest.fixture(scope="module")
def airline() -> Any:
    """The small airline under ToolUPT's reward."""
    return open_env("ToolGym/Airline-v0", split="train", size="small", prompt="short", reward="toolupt")


@pytest.fixture(scope="module")
def task(airline: Any) -> Task:
    """The third train task: two calls and an answer, or so."""
    return airline.tasks[2]


def rolled(airline: Any, tokenizer: Any, task: Task, messages: list[str]) -> Rollout:
    """An episode of these messages as tokens."""
    env = airline.spawn()
    _, _ = env.reset(options={"task": task})
    out, at = Rollout([1]), 0
    for message in messages:
        _, reward, terminated, truncated, info = env.step(message)
        ids = tokenizer(message, add_special_tokens=False)["input_ids"]
        out.completion_ids += ids
        out.env_mask += [1] * len(ids)
        out.types.extend("resp" for _ in ids)  # no token is compared: only outcomes are seen
        out.spans.append((at, at := at + len(ids)))
        out.rewards.append(float(reward))
        out.components.append(dict(info["rewards"]))
        if terminated or truncated:
            break
    out.trajectory, out.outcome = env.trajectory, env.trajectory.outcome
    assert out.trajectory is not None
    env.close()
    return out


def gold_messages(task: Task) -> list[str]:
    return [render(Turn(a.plan, tuple(call.call() for call in a.calls), a.response)) for a in task.gold]


def outcomes(episode: Rollout, gold: Rollout, task: Task, reward: Any = None) -> list[float]:
    """What the tokens of each step are worth."""
    values = rollout_token_rewards(episode, gold, task, reward)
    return [values[start] for start, _ in episode.spans]


@pytest.mark.parametrize("broken", [1, 3])
def test_after_broken_json_the_gold_chain_is_worth_the_bound(
    broken: int, airline: Any, tokenizer: Any, task: Task
) -> None:
    # Broken JSON: the tags are there (1) and no call is (-3). The gold: 1 + 3. As step rewards: -2, 6, 4, ...
    episode = rolled(airline, tokenizer, task, [BROKEN] * broken + gold_messages(task))
    (gold,) = demonstrate(airline, tokenizer, [task])
    assert episode.rewards[broken] == 6.0
    assert outcomes(episode, gold, task) == [-2.0] * broken + [4.0] * len(task.gold)


def test_a_wrong_call_before_the_right_one(airline: Any, tokenizer: Any, task: Task) -> None:
    first, *rest = gold_messages(task)
    call = task.gold[0].calls[0]
    wrong = render(Turn("Look.", (ToolCall("list_airports", {}), ToolCall(call.name, call.arguments))))
    episode = rolled(airline, tokenizer, task, [wrong, wrong, first, *rest])
    (gold,) = demonstrate(airline, tokenizer, [task])
    values = outcomes(episode, gold, task)
    assert all(LOWEST <= value <= HIGHEST for value in values)
    assert values[-len(rest) :] == [4.0] * len(rest)


CHOICES = st.lists(st.sampled_from(["gold", "broken", "wrong", "answer", "again"]), min_size=1, max_size=6)


@given(chosen=CHOICES)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_token_is_worth_eq_12_of_its_message(chosen: list[str], airline: Any, tokenizer: Any, task: Task) -> None:
    chain, messages = gold_messages(task), []
    for kind in chosen:
        call = task.gold[0].calls[0].call()
        said = {
            "gold": chain[min(sum(m in chain for m in messages), len(chain) - 1)],
            "broken": BROKEN,
            "wrong": render(Turn("Look.", (ToolCall(call.name, {**call.arguments, "more": "x"}),))),
            "answer": "<response>Done.</response>",
            "again": chain[0],
        }
        messages.append(said[kind])
    episode = rolled(airline, tokenizer, task, messages)
    (gold,) = demonstrate(airline, tokenizer, [task])
    assert episode.trajectory is not None
    for value, part in zip(outcomes(episode, gold, task), episode.trajectory.prefixes(), strict=True):
        step = part.steps[-1]
        assert LOWEST <= value <= HIGHEST
        wanted, _ = attempt(part, task)
        refused = any(result.is_error for result in step.results)
        if wanted is None or (refused and all(result.is_error for result in step.results)):
            assert value == 0.0
        elif not refused:
            assert value == outcome_reward(step.turn, wanted.turn, ToolUPTWeights())


def test_weights_options_and_other_terms_count(airline: Any, tokenizer: Any, task: Task) -> None:
    episode = rolled(airline, tokenizer, task, [BROKEN, *gold_messages(task)])
    (gold,) = demonstrate(airline, tokenizer, [task])
    reward = make_reward("toolupt", syntax=1.0, name=0.0, params=0.0)
    assert outcomes(episode, gold, task, reward) == [-2.0] + [4.0] * len(task.gold)
    # Another reward than a one-message one: the steps' own rewards.
    other = make_reward("state")
    assert outcomes(episode, gold, task, other) == episode.rewards
    # So with the other one-message rewards: ToolRL's gold is worth 1 + 3, its answer 1 + 0, after any attempt.
    calls = [4.0 if action.calls else 1.0 for action in task.gold]
    assert outcomes(episode, gold, task, make_reward("toolrl"))[1:] == calls


def test_a_score_does_not_depend_on_what_was_asked_before(task: Task) -> None:
    steps = [Step(Turn(calls=(call.call(),), text="")) for action in task.gold for call in action.calls]
    refused = Step(steps[0].turn, (ToolResult("no", is_error=True),))
    whole = Trajectory("e", "t", steps=[refused, *steps])
    reward = make_reward("toolupt")
    one = [message_scores(reward, part, task) for part in whole.prefixes()]
    other = [message_scores(reward, part, task) for part in reversed(list(whole.prefixes()))]
    assert one == other[::-1]
    assert one[0] == {"format": 0.0, "correctness": 0.0}


def test_the_trainer_scores_by_the_runs_reward(airline_arguments: list[str], tmp_path: Path) -> None:
    more = ["--output", str(tmp_path / "run"), "--set", 'reward_options={"syntax": 1.0, "name": 0.0, "params": 0.0}']
    trainer = make_trainer(parse_options(ToolUPTOptions, [*airline_arguments, *more], prog="x", description=""))
    assert trainer.reward.terms["correctness"].weights == ToolUPTWeights(1.0, 0.0, 0.0)  # type: ignore[attr-defined]


def imperfect(task: Task, domain: Domain) -> list[GoldAction]:
    """A chain whose first action is tried twice."""
    return [task.gold[0], *task.gold]


def test_a_repeated_step_is_worth_what_it_says_of_the_next_action(airline: Any, tokenizer: Any, task: Task) -> None:
    (episode,), (gold,) = (demonstrate(airline, tokenizer, [task], *chain) for chain in ((imperfect,), ()))
    values = outcomes(episode, gold, task)
    assert values[0] == values[2] == 4.0
    assert values[1] < 4.0
