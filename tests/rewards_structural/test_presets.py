"""Rewards by name, on text alone, and for TRL; and what holds of every preset."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import toolgym.rewards
from toolgym.errors import ConfigError
from toolgym.messages import ToolCall, Turn, render
from toolgym.opening import open_env
from toolgym.rewards import Reward, as_trl, make_reward, preset_names, register, score
from toolgym.rewards.structural import structural_term
from toolgym.rewards.text import completion_text, gold_turn
from toolgym.tasks import GoldAction, GoldCall, Task
from toolgym.trajectory import Step, Trajectory

ONE_MESSAGE = ["ac_planner", "awpo", "toolrl", "toolupt"]
GOLD = Turn("t", (ToolCall("a", {"x": 1, "y": "u"}), ToolCall("b", {"z": [1, 2]})))
TASK = Task(
    id="t",
    domain="d",
    kind=("k",),
    request="r",
    gold=(GoldAction(plan="t", calls=tuple(GoldCall(name=c.name, arguments=c.arguments) for c in GOLD.calls)),),
)

PIECES = [
    "<plan>",
    "</plan>",
    "<think>",
    "</think>",
    "<tool_call>",
    "</tool_call>",
    "<answer>",
    "</answer>",
    '{"name": "a", "arguments": {"x": 1}}',
    '{"name": "a", "parameters": {"x": NaN}}',
    "\n",
    "[",
    "\ud800",
    "é",
]


def written(preset: str, turn: Turn) -> str:
    """The turn in the format that the preset's paper has."""
    if preset == "toolrl":
        lines = [json.dumps({"name": call.name, "parameters": call.arguments}) for call in turn.calls]
        return "\n".join([f"<think>{turn.plan}</think>", "<tool_call>", *lines, "</tool_call>"])
    return render(Turn(calls=turn.calls), "toolupt") if preset == "toolupt" else render(turn)


def test_the_names_are_sorted_and_all_can_be_made() -> None:
    assert toolgym.rewards.__all__ == sorted(toolgym.rewards.__all__)
    assert all(hasattr(toolgym.rewards, name) for name in toolgym.rewards.__all__)
    names = preset_names()
    assert names == sorted(names)
    assert {"ac_planner", "awpo", "cm2", "default", "otc", "state", "steptool", "toolrl", "toolupt"} <= set(names)
    for name in names:
        assert isinstance(make_reward(name), Reward)


def test_unknown_names_and_options_say_what_is_known() -> None:
    with pytest.raises(ConfigError, match=r"Did you mean 'toolrl'.*ac_planner, awpo"):
        make_reward("tolrl")
    with pytest.raises(ConfigError, match=r"Did you mean 'checklist'.*format, name, params, state"):
        make_reward("default", cheklist=1.0)
    with pytest.raises(ConfigError, match="step"):
        score("toolrl", "x", GOLD, stp=3)
    with pytest.raises(ConfigError, match="option"):
        as_trl("toolupt", nam=1.0)


def test_a_reward_is_also_a_term_or_a_list_of_terms() -> None:
    def one(trajectory: Trajectory, task: Task) -> float:
        return 1.0

    trajectory = Trajectory("e", "t", steps=[Step(GOLD)])
    assert make_reward(one).score(trajectory, TASK) == (1.0, {"one": 1.0})
    total, parts = make_reward([one, ("bonus", structural_term, 0.5)]).score(trajectory, TASK)
    assert (total, parts) == (1.5, {"one": 1.0, "bonus": 1.0})
    given = Reward({"one": one}, {"one": 3.0})
    assert make_reward(given) is given
    for wrong, said in (([one, one], "called 'one'"), ([], "at least one"), ([3], "callable"), (3, "got 3")):
        with pytest.raises(ConfigError, match=said):
            make_reward(wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="go with a preset's name"):
        make_reward(one, weight=2.0)


def test_weights_of_the_default_are_options() -> None:
    trajectory = Trajectory("e", "t", steps=[Step(Turn(calls=GOLD.calls[:1]))])
    # One of two gold calls, nothing else: 1/2 times the weight.
    assert make_reward("default").score(trajectory, TASK)[0] == pytest.approx(0.15)
    assert make_reward("default", structural=1.0).score(trajectory, TASK)[0] == pytest.approx(0.5)


def test_a_registered_preset_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolgym.rewards.base._PRESETS", toolgym.rewards.base.registered())

    def brief(*, limit: int = 10) -> Reward:
        return Reward({"brief": lambda trajectory, task: float(len(trajectory.steps[-1].turn.text) < limit)}, {})

    register("brief", brief)
    assert score("brief", "<response>ok</response>", GOLD, limit=100) == {"total": 1.0, "brief": 1.0}
    assert score("brief", "<response>ok</response>", GOLD)["total"] == 0.0
    assert as_trl("brief")(completions=["123456789", "1"], gold=["x", "x"]) == [1.0, 1.0]


@pytest.mark.parametrize("preset", preset_names())
def test_nothing_scores_above_the_gold(preset: str) -> None:
    best = score(preset, written(preset, GOLD), GOLD)["total"]
    worse = [
        "",
        "I am done.",
        render(Turn("t", GOLD.calls[:1])),
        render(Turn("t", (*GOLD.calls, ToolCall("c")))),
        render(Turn("t", (ToolCall("a", {"x": 1, "y": "v"}), GOLD.calls[1]))),
        render(Turn("t", (), "done")),
    ]
    assert all(score(preset, text, GOLD)["total"] <= best for text in worse)
    assert best == pytest.approx({"ac_planner": 1.5, "awpo": 2, "toolrl": 4, "toolupt": 4}.get(preset, best))


@pytest.mark.parametrize("preset", ["solved", "state", "tgrl"])
def test_a_message_without_the_gold_s_response_is_not_solved(preset: str) -> None:
    call, said = render(Turn("t", GOLD.calls)), "<response>Done.</response>"
    assert score(preset, said, "<response>Yes.</response>") == score(preset, call + said, call + said)
    for text, gold in (("", said), ("<tool_call>{", said), (call, call + said)):
        assert score(preset, text, gold)["total"] < score(preset, gold, gold)["total"]
    assert score(preset, call + said, call) == score(preset, call, call)  # a gold of calls asks for no response


@pytest.mark.parametrize("preset", preset_names())
@settings(max_examples=25)
@given(
    text=st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=8).map("".join),
)
def test_any_text_has_a_finite_score_within_bounds(preset: str, text: str) -> None:
    bounds = {"ac_planner": (-0.5, 1.5), "awpo": (0, 2), "toolrl": (-3, 4), "toolupt": (-3, 4)}
    low, high = bounds.get(preset, (-10, 10))
    parts = score(preset, text, GOLD)
    assert low <= parts["total"] <= high
    assert all(value == value and abs(value) < 100 for value in parts.values())


arguments = st.dictionaries(st.sampled_from("xyz"), st.sampled_from([0, 1, "u", [1], None]), max_size=3)
some_calls = st.lists(st.builds(ToolCall, st.sampled_from("ab"), arguments), min_size=1, max_size=4)


@pytest.mark.parametrize("preset", ["ac_planner", "awpo", "default", "toolrl"])
@settings(max_examples=25)
@given(gold=some_calls, made=some_calls, turned=st.booleans())
def test_parallel_calls_may_come_in_any_order(
    preset: str, gold: list[ToolCall], made: list[ToolCall], turned: bool
) -> None:
    options = {"toolrl": {"source": "paper"}, "ac_planner": {"semantic": 0.0}}.get(preset, {})
    wanted, other = Turn("t", tuple(gold)), Turn("t", tuple(reversed(gold)))
    first = score(preset, render(Turn("t", tuple(made))), wanted, **options)
    second = score(preset, render(Turn("t", tuple(reversed(made)))), other if turned else wanted, **options)
    names = ["structural"] if preset == "default" else sorted(first)
    assert [first[name] for name in names] == pytest.approx([second[name] for name in names])


@pytest.mark.parametrize("preset", ONE_MESSAGE)
@settings(max_examples=25)
@given(gold=arguments.filter(bool), data=st.data())
def test_mending_one_argument_never_lowers_the_score(preset: str, gold: dict, data: st.DataObject) -> None:
    wanted = Turn("t", (ToolCall("a", gold), ToolCall("b", {"k": 1})))
    wrong = sorted(data.draw(st.sets(st.sampled_from(sorted(gold)), min_size=1)))
    broken = {**gold, **dict.fromkeys(wrong, "wrong")}
    mended = {**broken, wrong[0]: gold[wrong[0]]}
    before, after = (
        score(preset, written(preset, Turn("t", (ToolCall("a", values), wanted.calls[1]))), wanted)["total"]
        for values in (broken, mended)
    )
    assert after >= before - 1e-12


@pytest.mark.parametrize(
    "gold",
    [
        '<plan>t</plan><tool_call>{"name": "a", "arguments": {"x": 1}}</tool_call>',
        '[{"name": "a", "arguments": {"x": 1}}]',
        '{"name": "a", "params": {"x": 1}}',
        [{"name": "a", "parameters": {"x": 1}}],
        [{"type": "function", "function": {"name": "a", "arguments": '{"x": 1}'}}],
        {"name": "a", "arguments": {"x": 1}},
        {"calls": [{"name": "a", "arguments": {"x": 1}}]},
        {"role": "assistant", "content": '<tool_call>{"name": "a", "arguments": {"x": 1}}</tool_call>'},
        {"role": "assistant", "tool_calls": [{"function": {"name": "a", "arguments": '{"x": 1}'}}]},
        GoldAction(calls=(GoldCall(name="a", arguments={"x": 1}),)),
        [ToolCall("a", {"x": 1})],
        GoldCall(name="a", arguments={"x": 1}),
    ],
)
def test_gold_may_be_given_in_many_forms(gold: object) -> None:
    assert gold_turn(gold).calls == (ToolCall("a", {"x": 1}),)  # type: ignore[arg-type]


def test_gold_that_cannot_be_understood_is_refused() -> None:
    for gold in ("<tool_call>{</tool_call>", [3], [{"arguments": {}}]):
        with pytest.raises(ConfigError, match="gold"):
            gold_turn(gold)  # type: ignore[arg-type]
    assert gold_turn(TASK) == Turn("t", GOLD.calls)


def test_trl_gets_a_reward_function() -> None:
    reward = as_trl("toolrl")
    assert reward.__name__ == "toolrl"
    text = written("toolrl", GOLD)
    chat = [{"role": "assistant", "content": text}]
    assert reward(prompts=["p"] * 3, completions=[text, chat, "no"], gold=[text] * 3, trainer_state=None) == [
        pytest.approx(4.0),
        pytest.approx(4.0),
        -3.0,
    ]
    state = SimpleNamespace(global_step=10)
    moving = as_trl("toolrl", two_stage=True, column="answer")
    assert moving(completions=[text], answer=[text], trainer_state=state) == [pytest.approx(2.0)]
    fixed = as_trl("toolrl", two_stage=True, step=50)
    assert fixed(completions=[text], gold=[text], trainer_state=state) == [pytest.approx(3.5)]
    with pytest.raises(ConfigError, match="column 'gold'"):
        reward(completions=[text])


def test_completions_may_be_chat_messages() -> None:
    calls = [{"type": "function", "function": {"name": "a", "arguments": {"x": 1}}}]
    chat = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": None, "tool_calls": calls}]
    assert score("awpo", chat, [ToolCall("a", {"x": 1})], plan=False)["total"] == 2.0
    assert completion_text([{"role": "assistant", "content": [{"type": "text", "text": "a"}, {"text": "b"}]}]) == "ab"
    assert completion_text([{"role": "user", "content": "hi"}]) == ""


def test_thoughts_of_chat_messages_are_read() -> None:
    calls = [{"type": "function", "function": {"name": "a", "arguments": '{"x": 1}'}}]
    gold = {"role": "assistant", "reasoning_content": "Look.", "content": None, "tool_calls": calls}
    thinking = [{"type": "thinking", "thinking": "Look."}]
    for message in (gold, {**gold, "reasoning_content": None, "content": thinking}):
        assert score("toolrl", [message], gold, source="paper")["total"] == 4.0
        assert score("awpo", [message], gold)["total"] == 2.0
    said = {"role": "assistant", "reasoning": "Easy.", "content": "Hello."}
    parts = {
        "role": "assistant",
        "content": [{"type": "thinking", "thinking": "Easy."}, {"type": "text", "text": "Hello."}],
    }
    for message in (said, parts):
        assert (gold_turn(message).plan, gold_turn(message).response) == ("Easy.", "Hello.")
        assert completion_text([message]) == "<think>Easy.</think>\nHello."
    block = '<tool_call>\n{"name": "a", "parameters": {"x": 1}}\n</tool_call>'
    apart = {"role": "assistant", "reasoning_content": "Look.", "content": block}  # as reasoning parsers leave it
    assert score("toolrl", [apart], f"<think>Look.</think>\n{block}")["total"] == 4.0
    assert completion_text([{"role": "assistant", "content": [{"type": "text", "text": None}]}]) == ""
    assert gold_turn({"role": "assistant", "content": None}).response is None


def test_scores_are_the_same_in_any_process() -> None:
    code = (
        "from toolgym.rewards import score, preset_names\n"
        "gold = [{'name': n, 'arguments': {'x': i, 'y': n}} for i, n in enumerate('abcab')]\n"
        'text = \'<plan>p</plan>\' + \'\'.join(\'<tool_call>{"name": "%s", "arguments": {"x": %d}}</tool_call>\''
        " % (n, i) for i, n in enumerate('bacca'))\n"
        "print([(name, score(name, text, gold)) for name in preset_names()])\n"
    )
    printed = [
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    ]
    assert printed[0] == printed[1]
    assert b"toolupt" in printed[0]


@pytest.mark.parametrize(
    ("preset", "options", "parts", "most"),
    [
        ("awpo", {}, ("format", "exec"), 2.0),  # Eq. 14: R_out in [0, 2]
        ("awpo", {"judge": "offline"}, ("format", "exec", "reasoning"), 3.0),  # Eq. 20: R_mix in [0, 3]
        ("toolrl", {}, ("format",), 1.0),
        ("toolupt", {}, ("format", "correctness"), 4.0),  # Eq. 12: R_outcome in [-3, 4]
    ],
)
def test_the_gold_earns_the_most_there_is(
    preset: str, options: dict[str, object], parts: tuple[str, ...], most: float
) -> None:
    # Also where it answers without a plan, which is most of its answers.
    env = open_env("ToolGym/Airline-v0", split="train", size="small", reward=preset, reward_options=options)
    without_plan = 0
    for index in range(30):
        task = env.tasks[index]
        env.reset(options={"task": task})
        for action in task.gold:
            turn = Turn(action.plan, tuple(call.call() for call in action.calls), action.response)
            rewards = env.step(render(turn))[4]["rewards"]
            assert sum(rewards[part] for part in parts) == pytest.approx(most)
            without_plan += action.plan is None
    env.close()
    assert without_plan > 10


def test_solved_pays_what_state_pays_for_doing_nothing_only_where_all_was_told() -> None:
    env = open_env("ToolGym/Airline-v0", split="train", size="small", kinds=["reservation"], depth=1)
    task = next(
        task for task in (env.tasks[index] for index in range(50)) if any(item.required for item in task.checklist)
    )
    for preset, pays in (("state", 1.0), ("solved", 0.0)):
        other = open_env("ToolGym/Airline-v0", split="train", size="small", reward=preset)
        other.reset(options={"task": task})
        _, reward, terminated, _, info = other.step("<response>No.</response>")
        assert (reward, terminated, info["outcome"]) == (pays, True, "unsolved")
        other.close()
    env.close()
