"""ToolUPT Eq. 3–14 and AWPO Eq. 14–20, worked by hand."""

import math

import numpy as np
import pytest

from toolgym.errors import ConfigError
from toolgym.messages import ToolCall, Turn, parse, render
from toolgym.rewards import make_reward, score
from toolgym.rewards.awpo import mixed_reward
from toolgym.rewards.matching import forms
from toolgym.rewards.toolupt import params_reward, process_rewards, token_rewards
from toolgym.tasks import GoldAction, GoldCall, Task
from toolgym.trajectory import Step, Trajectory

GOLD = '<tool_call>\n{"name": "a", "params": {"x": 1, "y": 2}}\n</tool_call>'


# --- ToolUPT ---


def test_toolupt_half_right_call() -> None:
    # Syntax 1, names 1. Keys {x, y}, {x, z}: 1/3; values: 1 equal of max(2, 2): 1/2; params (1/3 + 1/2) / 2 = 5/12.
    # R_correct = 6 · (1 + 1 + 5/12) / 3 - 3 = 11/6; format 1.
    made = '<tool_call>\n{"name": "a", "params": {"x": 1, "z": 2}}\n</tool_call>'
    got = score("toolupt", made, GOLD)
    assert got["params"] == pytest.approx(5 / 12)
    assert got["correctness"] == pytest.approx(11 / 6)
    assert got["total"] == pytest.approx(17 / 6)
    # λ = (0, 0, 1): 6 · 5/12 - 3 = -1/2.
    assert score("toolupt", made, GOLD, syntax=0.0, name=0.0, params=1.0)["correctness"] == pytest.approx(-0.5)


def test_toolupt_bounds_are_reached() -> None:
    assert score("toolupt", GOLD, GOLD)["total"] == pytest.approx(4.0)
    assert score("toolupt", "", GOLD)["total"] == -3.0
    assert score("toolupt", "<answer>hi</answer>", "<answer>anything</answer>")["total"] == 4.0
    assert score("toolupt", "<answer></answer>", "<answer>anything</answer>")["total"] == 4.0
    assert score("toolupt", GOLD, "<answer>anything</answer>")["total"] == -3.0


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (GOLD, 1.0),
        (f"{GOLD} trailing", 0.0),
        (f"leading {GOLD}", 0.0),
        (GOLD.removesuffix("</tool_call>"), 0.0),
        (f"<think>so</think>{GOLD}", 0.0),
        ("<answer>hi</answer>", 0.0),
        ("plain", 0.0),
        ('<plan>p</plan><tool_call>{"name": "a", "arguments": {"x": 1, "y": 2}}</tool_call>', 1.0),
        ('{"tool_calls": [{"function": {"name": "a", "arguments": "{}"}}]}', 1.0),
        ('{"content": "hi", "role": "assistant"}', 0.0),
    ],
)
def test_toolupt_format(text: str, form: float) -> None:
    assert score("toolupt", text, GOLD)["format"] == form


def test_toolupt_answers_must_not_call() -> None:
    answer = "<answer>anything</answer>"
    assert score("toolupt", "<answer>use <tool_call> now</answer>", answer)["correctness"] == -3.0
    assert score("toolupt", "plain", answer)["total"] == -3.0
    assert score("toolupt", "<answer>half", answer)["total"] == -3.0


def test_toolupt_matching_divides_by_the_larger_number_of_calls() -> None:
    a, b = ToolCall("a", {"x": 1}), ToolCall("b", {})
    # Gold {a}, predicted {a, b}: 1 / 2. Gold {a, b}, predicted {a}: 1 / 2. Gold {a, a}, predicted {a}: used once.
    assert params_reward(forms([a]), forms([a, b])) == 0.5
    assert params_reward(forms([a, b]), forms([a])) == 0.5
    assert params_reward(forms([a, a]), forms([a])) == 0.5
    assert params_reward([], []) == 1.0
    assert params_reward([], forms([a])) == 0.0
    # Keys {x}, {}: 0; values 0 of max(1, 0): 0.
    assert params_reward(forms([a]), forms([ToolCall("a")])) == 0.0


def test_toolupt_token_rewards() -> None:
    # Gold: tag 1, content 7 8 9, tag 2. Predicted: a stray token 5, then 1 7 3 9 2 6; 6 is past the gold's end.
    predicted, gold = [5, 1, 7, 3, 9, 2, 6], [1, 7, 8, 9, 2]
    inside, gold_inside = [False, True, True, True, True, True, True], [True] * 5
    expected = [-3, 4, 4, -3, 4, 4, -3]
    assert process_rewards(predicted, gold, inside, gold_inside).tolist() == expected
    # Outcome 1.5 is the least that any token gets.
    rewards_T = token_rewards(predicted, gold, inside, gold_inside, 1.5)
    assert rewards_T.tolist() == [1.5, 4, 4, 1.5, 4, 4, 1.5]
    assert token_rewards([], [], [], [], 1.0).shape == (0,)
    # Without a gold call nothing is correct token by token.
    assert process_rewards([1, 2], [1, 2], [True, True], [False, False]).tolist() == [-3, -3]
    assert np.isfinite(rewards_T).all()


def test_toolupt_weights_are_checked() -> None:
    with pytest.raises(ConfigError, match="add up to 1"):
        make_reward("toolupt", syntax=0.5)


# --- AWPO ---

AWPO_GOLD = Turn("t", (ToolCall("a", {"x": 1, "y": 2}), ToolCall("b", {})))


def test_awpo_outcome() -> None:
    made = render(Turn("t", (ToolCall("a", {"x": 1, "z": 2}), ToolCall("c", {}))))
    got = score("awpo", made, AWPO_GOLD)
    # Names {a, b}, {a, c}: 1/3. Parameter names of a: 1/3, of b (not called): 0. Values: x. Most: 1 + 2 + 2 = 5.
    assert got["name"] == pytest.approx(1 / 3)
    assert (got["params"], got["values"]) == (pytest.approx(1 / 3), 1.0)
    assert got["exec"] == pytest.approx((1 / 3 + 1 / 3 + 1) / 5)
    assert (got["format"], got["total"]) == (1.0, pytest.approx(4 / 3))


def test_awpo_bounds_and_empty_sides() -> None:
    assert score("awpo", render(AWPO_GOLD), AWPO_GOLD)["total"] == 2.0
    silent = Turn("t", (), "no")
    assert score("awpo", render(silent), silent)["total"] == 2.0
    # Predicting where the gold calls nothing: names 0 of a union of one, over 1.
    assert score("awpo", render(Turn("t", (ToolCall("a"),))), silent)["exec"] == 0.0
    assert score("awpo", "", AWPO_GOLD)["total"] == 0.0
    # A parameterless gold call, called: names 1, parameter names 1 (both none), over 1 + 1.
    assert score("awpo", render(Turn("t", (ToolCall("b"),))), Turn(calls=(ToolCall("b"),)))["exec"] == 1.0


def test_awpo_format_asks_for_reasoning_and_the_golds_parts() -> None:
    bare = render(Turn(None, AWPO_GOLD.calls))
    assert score("awpo", bare, AWPO_GOLD)["format"] == 0.0
    assert score("awpo", bare, AWPO_GOLD, plan=False)["format"] == 1.0
    assert score("awpo", render(Turn("t", AWPO_GOLD.calls, "and a word")), AWPO_GOLD)["format"] == 0.0


def test_awpo_mixed_reward_is_missing_with_its_judgement() -> None:
    assert mixed_reward(1.25, 0.5) == 1.75
    assert mixed_reward(1.25, 0.0) == 1.25
    assert mixed_reward(1.25, None) is None
    made = render(AWPO_GOLD)
    judged = score("awpo", made, AWPO_GOLD, judge=lambda trajectory, task: 0.75)
    assert (judged["total"], judged["reasoning"]) == (2.75, 0.75)
    failed = score("awpo", made, AWPO_GOLD, judge=lambda trajectory, task: None)
    assert math.isnan(failed["total"])  # no score: 2.0 would be less than what a judge that works gives
    assert "reasoning" not in failed


def test_awpo_with_the_offline_judge() -> None:
    made = render(AWPO_GOLD)
    judged = score("awpo", made, AWPO_GOLD, judge="offline")
    assert judged["total"] == pytest.approx(2.0 + judged["reasoning"])
    assert 0.0 < judged["reasoning"] <= 1.0
    with pytest.raises(ConfigError, match="offline"):
        make_reward("awpo", judge="ofline")


def test_awpo_in_an_episode() -> None:
    gold = GoldAction(calls=(GoldCall(name="b"),))
    task = Task(id="t", domain="d", kind=("k",), request="r", gold=(gold,))
    trajectory = Trajectory("e", "t", steps=[Step(parse(render(Turn("p", (ToolCall("b"),)))))])
    assert make_reward("awpo").score(trajectory, task) == (2.0, {"format": 1.0, "exec": 1.0})
    mixed = make_reward("awpo", judge=lambda trajectory, task: 0.5, reasoning=2.0)
    assert mixed.score(trajectory, task) == (3.0, {"format": 1.0, "exec": 1.0, "reasoning": 0.5})
    trajectory.steps.append(Step(parse("<plan>thinking again</plan>")))
    assert mixed.score(trajectory, task)[1]["reasoning"] == 0.0
    trajectory.steps.pop()
    missing = make_reward("awpo", judge=lambda trajectory, task: None)
    total, parts = missing.score(trajectory, task)
    assert math.isnan(total)
    assert parts == {"format": 1.0, "exec": 1.0}
    unweighted = make_reward("awpo", judge=lambda trajectory, task: None, reasoning=0.0)
    assert unweighted.score(trajectory, task) == (2.0, parts)


def test_toolupt_in_an_episode() -> None:
    gold = GoldAction(calls=(GoldCall(name="b"),))
    task = Task(id="t", domain="d", kind=("k",), request="r", gold=(gold, GoldAction(response="bye")))
    call, bye = Step(parse(render(Turn("p", (ToolCall("b"),))))), Step(parse("<response>bye</response>"))
    reward = make_reward("toolupt")
    assert reward.score(Trajectory("e", "t", steps=[call]), task)[0] == pytest.approx(4.0)
    assert reward.score(Trajectory("e", "t", steps=[call, bye]), task)[0] == pytest.approx(4.0)
    assert reward.score(Trajectory("e", "t", steps=[call, call]), task)[1] == {"format": 0.0, "correctness": -3.0}


@pytest.mark.parametrize(
    ("call", "syntax"),
    [
        ('{"name": "list_airports", "params": {}}', 1.0),
        ('{"name": "list_airports", "arguments": {}}', 1.0),
        ('{"name": "list_airports"}', 0.0),
        ('{"name": "list_airports", "params": null}', 0.0),
        ('[{"name": "list_airports"}, {"name": "f", "params": {"x": 1}}]', 0.0),
        ('[{"name": "list_airports", "params": {}}, {"name": "f", "params": {"x": 1}}]', 1.0),
        ('{"name": "f", "params": {"x": 1}}\n{"name": "list_airports"}', 0.0),
    ],
)
def test_a_call_must_name_its_parameters(call: str, syntax: float) -> None:
    # Eq. 4: "contains the required keys name and params"; without parameters they are an empty object (Appendix C).
    gold = [{"name": "list_airports", "arguments": {}}]
    found = score("toolupt", f"<tool_call>{call}</tool_call>", gold)
    assert found["syntax"] == syntax
    assert found["name"] > 0  # the call itself is read, and made, all the same


@pytest.mark.parametrize(
    ("arguments", "syntax"), [(', "arguments": "{}"', 1.0), ("", 0.0), (', "arguments": null', 0.0)]
)
def test_so_must_one_of_a_chat_message(arguments: str, syntax: float) -> None:
    said = f'{{"role": "assistant", "tool_calls": [{{"function": {{"name": "list_airports"{arguments}}}}}]}}'
    found = score("toolupt", said, [{"name": "list_airports", "arguments": {}}])
    assert (found["syntax"], found["name"]) == (syntax, 1.0)
