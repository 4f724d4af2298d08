"""ToolPO: two advantages by hand, whose second one moves the tokens of tool calls alone."""

from pathlib import Path
from typing import Any

import pytest
import torch

from toolgym.agents.rollouts.episodes import EpisodeBatch
from toolgym.agents.rollouts.rollout import Rollout
from toolgym.agents.toolpo import (
    ToolPOOptions,
    component_returns,
    make_trainer,
    relative,
    toolpo_advantages,
)
from toolgym.agents.training import registry
from toolgym.errors import ConfigError
from toolgym.messages import ToolCall, Turn
from toolgym.rewards import make_reward
from toolgym.rewards.text import text_episode
from toolgym.rewards.toolpo import call_term
from toolgym.tasks import Task
from toolgym.trajectory import Step, ToolResult, Trajectory

TYPES = ["tag_plan", "plan", "tag_tool", "tool", "env", "resp"]


def episode(outcome: float, call: float, usable: bool = True) -> Rollout:
    """A thought and a call, the tool's answer, and an answer: a token each, of two steps."""
    return Rollout(
        [1],
        completion_ids=[5, 6, 7, 8, 9, 10],
        env_mask=[1, 1, 1, 1, 0, 1],
        logprobs=[-1.0] * 6,
        types=list(TYPES),  # pyright: ignore[reportArgumentType]
        spans=[(0, 4), (5, 6)],
        rewards=[call, outcome],
        components=[{"outcome": 0.0, "call": call}, {"outcome": outcome, "call": 0.0}],
        outcome="unsolved" if usable else "infra_error",
    )


def test_both_advantages_by_hand() -> None:
    rollouts = [episode(1, 2), episode(0, 2), episode(0, 1), episode(9, 9, usable=False)]
    batch = EpisodeBatch.of(rollouts, 4)
    outcome_B, right_B = component_returns(rollouts, "outcome"), component_returns(rollouts, "call")
    assert (outcome_B.tolist(), right_B.tolist()) == ([1, 0, 0, 9], [2, 2, 1, 9])
    # Outcomes 1, 0, 0 have mean 1/3, right calls 2, 2, 1 mean 5/3; the broken episode is in neither.
    success_B = relative(outcome_B, batch.usable_B, 4)
    action_B = relative(right_B, batch.usable_B, 4)
    assert success_B.tolist() == pytest.approx([2 / 3, -1 / 3, -1 / 3, 0])
    assert action_B.tolist() == pytest.approx([1 / 3, 1 / 3, -2 / 3, 0])
    made = toolpo_advantages(success_B, action_B, batch)
    # Thought and answer have the outcome's alone, the two tokens of the call the sum, the tool's answer nothing.
    for row, (other, call) in enumerate([(2 / 3, 1.0), (-1 / 3, 0.0), (-1 / 3, -1.0)]):
        assert made[row].tolist() == pytest.approx([other, other, call, call, 0, other], abs=1e-6)
    # Deviations 0.57735 of both: sqrt((4/9 + 1/9 + 1/9) / 2).
    assert relative(outcome_B, batch.usable_B, 4, scale=True)[0].item() == pytest.approx(2 / 3 / 0.57745, abs=1e-4)


def test_equal_rewards_and_lone_episodes_say_nothing() -> None:
    usable = torch.ones(4, dtype=torch.bool)
    third = torch.tensor([0.1 + 0.2, 0.3, 0.3, 0.6 - 0.3], dtype=torch.float64)
    assert not relative(third, usable, 4).any()
    assert not relative(torch.tensor([1.0, 0, 0, 0]), torch.tensor([True, False, False, False]), 4, scale=True).any()


def test_one_step_of_the_loss_moves_the_better_calls_up_and_nothing_else() -> None:
    # Both failed, the first with more right calls: the outcome says nothing, so only tokens of calls move.
    batch = EpisodeBatch.of([episode(0, 2), episode(0, 1)], 2)
    none_B = torch.zeros(2, dtype=torch.float64)
    action_B = relative(torch.tensor([2.0, 1.0], dtype=torch.float64), batch.usable_B, 2)
    logits = torch.zeros(2, 6, requires_grad=True)  # log-probability of each token, up to a constant
    (-(logits * toolpo_advantages(none_B, action_B, batch)).sum()).backward()
    moved = -logits.grad  # type: ignore[operator]
    assert (moved[0, 2:4] > 0).all()
    assert (moved[1, 2:4] < 0).all()
    assert not moved[:, [0, 1, 4, 5]].any()


def test_right_calls_are_counted_once() -> None:
    gold = [ToolCall("a", {"x": 1}), ToolCall("b", {})]
    trajectory, task = text_episode('<tool_call>{"name": "a", "arguments": {"x": 1}}</tool_call>', gold)
    assert call_term(trajectory, task) == 1.0
    ok = ToolResult("done")
    steps = [
        Step(Turn(calls=(gold[0], ToolCall("c", {}), gold[1])), (ok, ok, ok)),  # two of three are right
        Step(Turn(calls=(gold[0],)), (ok,)),  # done already
    ]
    assert [call_term(Trajectory("e", "t", steps=steps[:n]), task) for n in (1, 2)] == [2.0, 0.0]
    refused = [Step(Turn(calls=(gold[0],)), (ToolResult("no", is_error=True, outcome="tool_error"),))]
    assert call_term(Trajectory("e", "t", steps=refused), task) == 0.0
    assert isinstance(task, Task)
    total, parts = make_reward("toolpo", call=0.5).score(Trajectory("e", "t", steps=steps[:1]), task)
    assert (total, parts) == (1.0, {"outcome": 0.0, "call": 2.0})
    with pytest.raises(ConfigError, match="at least 0"):
        make_reward("toolpo", call=-1.0)


def test_options() -> None:
    for given in ('reward_options={"call": 0.5}', 'reward_weights={"call": 0.5}'):
        with pytest.raises(ConfigError, match=r"would have no effect: .* is --call-weight"):
            ToolPOOptions(call_weight=2.0, set=(given,))
    assert ToolPOOptions(call_weight=0.5).reward_options == {"call": 0.5}
    with pytest.raises(ConfigError, match="call_weight must be at least 0"):
        ToolPOOptions(call_weight=-0.1)
    with pytest.raises(ConfigError, match="leave --reward out"):
        component_returns([Rollout([1], components=[{"outcome": 1.0}], rewards=[1.0])], "call")


def test_from_the_command_line_on_the_airline(airline_arguments: list[str], tmp_path: Path, metrics: Any) -> None:
    assert registry.main("toolpo", [*airline_arguments, "--output", str(tmp_path / "run")]) == 0
    (line,) = metrics(tmp_path / "run")
    assert (line["toolpo/right_calls"], line["toolpo/by_calls_alone"], line["toolpo/call_tokens"]) == (0, 0, 0)


def test_what_acted_is_logged(fresh: Any, tokenizer: Any, shape: dict[str, Any], tmp_path: Path) -> None:
    given: dict[str, Any] = shape | {"size": "small", "prompt": "short", "context_tokens": 1024}
    trainer = make_trainer(ToolPOOptions(output=tmp_path, **given), fresh(), tokenizer)
    trainer.latest = [episode(1, 1), episode(0, 1), episode(0, 2), episode(0, 1)]
    batch = EpisodeBatch.of(trainer.latest, 2)
    trainer.estimate(batch)
    told = {name: values[-1] for name, values in trainer._metrics["train"].items() if name.startswith("toolpo/")}
    # The first group's outcomes differ, its calls do not; the second's the other way round. Two of the five sampled
    # tokens of the second group's rows are in calls: 4 of 20.
    assert told == {
        "toolpo/right_calls": 1.25,
        "toolpo/by_outcome": 0.5,
        "toolpo/by_calls_alone": 0.5,
        "toolpo/call_tokens": pytest.approx(0.2),
    }
