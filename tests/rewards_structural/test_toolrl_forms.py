"""ToolRL's reward worked by hand: the published form, its switches, and the paper's form."""

import pytest

from toolgym.errors import ConfigError
from toolgym.messages import ToolCall, Turn, parse, render
from toolgym.rewards import make_reward, score
from toolgym.rewards.toolrl import ToolRLOptions, length_reward, paper_correctness
from toolgym.tasks import GoldAction, GoldCall, Task
from toolgym.trajectory import Step, Trajectory

GOLD = '<think>t</think>\n<tool_call>\n{"name": "a", "parameters": {"x": 1, "y": 2}}\n</tool_call>'


def answer(*lines: str, think: str = "<think>t</think>") -> str:
    return "\n".join([think, "<tool_call>", *lines, "</tool_call>"])


HALF = answer('{"name": "a", "parameters": {"x": 1, "z": 2}}')


def test_a_half_right_call() -> None:
    # Names {a}, {a}: 1. Keys {x, y}, {x, z}: 1/3. Values: 1 of 2. S_max = 1 + 1 + 2 = 4: 6 · (7/3) / 4 - 3 = 1/2.
    got = score("toolrl", HALF, GOLD)
    assert got == pytest.approx({"total": 1.5, "format": 1.0, "correctness": 0.5, "length": 0.0})
    assert score("toolrl", HALF, GOLD, source="paper")["correctness"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("options", "form", "correctness"),
    [
        # Scale 1: 2 · (7/3) / 4 - 1 = 1/6.
        ({"max_one": True}, 1.0, 1 / 6),
        # Before step 30 correctness over 3; from it on format over 2.
        ({"two_stage": True, "step": 29}, 1.0, 1 / 6),
        ({"two_stage": True, "step": 30}, 0.5, 0.5),
        # Step 75 of 150: format in [-1, 1.5]; correctness in [-2.5, 2.5]: 5 · 7/12 - 2.5 = 5/12.
        ({"scheduled": True, "step": 75}, 1.5, 5 / 12),
        ({"scheduled": True, "step": 0}, 2.0, 4 * 7 / 12 - 2),
        ({"scheduled": True, "step": 999}, 1.0, 0.5),
        # The key sets differ, so they count 0: 6 · 2/4 - 3 = 0.
        ({"refined": True}, 1.0, 0.0),
        ({"coarse": True}, 1.0, -3.0),
        # The call is not wholly equal: name 1, S_max = 1 + 1: 6 · 1/2 - 3 = 0.
        ({"intermediate": True}, 1.0, 0.0),
    ],
)
def test_the_switches(options: dict, form: float, correctness: float) -> None:
    got = score("toolrl", HALF, GOLD, **options)
    assert (got["format"], got["correctness"]) == (pytest.approx(form), pytest.approx(correctness))


def test_the_published_switches_have_their_names() -> None:
    options = ToolRLOptions.from_switches({"REFINEDREWARD": "1", "WITHLENGTH": "0"}, step=7)
    assert options == ToolRLOptions(step=7, refined=True)
    with pytest.raises(ConfigError, match="Did you mean 'COARSEREWARD'"):
        ToolRLOptions.from_switches({"COARSERWARD": "1"})


def test_words_of_thought() -> None:
    # 128 of 512 words: 0.25; 3 of 512 = 0.0059 rounds to 0.01.
    assert length_reward("<think>" + "word " * 128 + "</think>") == 0.25
    assert length_reward("<think>a b c</think>") == 0.01
    assert length_reward("<think>" + "word " * 600 + "</think>") == 1.0
    assert length_reward("no thought") == 0.0
    assert score("toolrl", answer("{}", think="<think>a b c</think>"), GOLD, with_length=True)["length"] == 0.01


def test_where_code_and_paper_differ() -> None:
    gold = [ToolCall("a", {"x": 1}), ToolCall("a", {"x": 1, "y": 2})]
    predicted = [ToolCall("a", {"x": 1, "y": 2}), ToolCall("a", {"x": 5})]
    # Greedy in the gold's order: a1 with p1: 1/2 + 1 = 1.5 (with p2: 1 + 0); a2 is left p2: 1/2 + 0 = 0.5. Sum 2.
    # Best: a1 with p2: 1; a2 with p1: 1 + 2 = 3. Sum 4. Names 1; S_max = 1 + (1 + 1) + (1 + 2) = 6.
    text = render(Turn("t", tuple(predicted)))
    lines = answer(*['{"name": "a", "parameters": {"x": 1, "y": 2}}', '{"name": "a", "parameters": {"x": 5}}'])
    assert score("toolrl", lines, gold)["correctness"] == pytest.approx(6 * 3 / 6 - 3)
    assert score("toolrl", text, gold, source="paper")["correctness"] == pytest.approx(6 * 5 / 6 - 3)
    # Names: multisets {a, a}, {a} 1/2 in the code, sets 1 in the paper. Both match one call wholly: 1 + 1.
    twice = answer(*['{"name": "a", "parameters": {"x": 1}}'] * 2)
    once = [ToolCall("a", {"x": 1})]
    assert score("toolrl", twice, once)["correctness"] == pytest.approx(6 * 2.5 / 3 - 3)
    assert paper_correctness(once, once * 2, ToolRLOptions()) == pytest.approx(3.0)
    # Python's equality, JSON's equality: name 1, keys 1, value 1 or 0, of 3.
    true = answer('{"name": "a", "parameters": {"x": true}}')
    assert score("toolrl", true, once)["correctness"] == 3.0
    assert score("toolrl", true, once, source="paper")["correctness"] == pytest.approx(6 * 2 / 3 - 3)
    # No gold call: the code gives 0 to anything; here the paper's form rewards making none.
    silent = "<think>t</think>\n<response>no</response>"
    assert [score("toolrl", text, silent)["correctness"] for text in (silent, twice)] == [0.0, 0.0]
    by_paper = [score("toolrl", text, silent, source="paper")["correctness"] for text in (silent, twice)]
    assert by_paper == [3.0, -3.0]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<tool_call>",
        "<tool_call></tool_call>",
        "<think>t</think>\n<tool_call>\n[]\n</tool_call>",
        answer("null"),
        answer('{"name": ["a"]}'),
        answer('{"name": "a"}'),
        answer('{"name": "a", "parameters": 3}'),
        answer('{"name": "a", "parameters": [1]}'),
        answer('{"name": {}, "parameters": {}}'),
        answer('"abc"'),
        answer("[" * 3000 + "]" * 3000),
    ],
)
def test_what_cannot_be_compared_scores_lowest(text: str) -> None:
    assert score("toolrl", text, GOLD)["correctness"] == -3.0


def test_in_an_episode_any_format_will_do() -> None:
    call = GoldCall(name="a", arguments={"x": 1, "y": 2})
    task = Task(id="t", domain="d", kind=("k",), request="r", gold=(GoldAction(calls=(call,)),))
    reward = make_reward("toolrl")
    right = Trajectory("e", "t", steps=[Step(parse(render(Turn("p", (call.call(),)))))])
    assert reward.score(right, task) == (4.0, {"format": 1.0, "correctness": 3.0})
    half = Trajectory("e", "t", steps=[Step(parse(render(Turn("p", (ToolCall("a", {"x": 1, "z": 2}),)))))])
    assert reward.score(half, task)[1] == {"format": 1.0, "correctness": pytest.approx(0.5)}
    broken = Trajectory("e", "t", steps=[Step(parse("<tool_call>{</tool_call>"))])
    assert reward.score(broken, task)[1] == {"format": 0.0, "correctness": -3.0}


def test_a_broken_gold_is_the_callers_fault() -> None:
    with pytest.raises(ConfigError, match="gold"):
        score("toolrl", HALF, "<tool_call>{</tool_call>")
    with pytest.raises(ConfigError, match="Did you mean 'paper'"):
        score("toolrl", HALF, GOLD, source="papre")


@pytest.mark.parametrize(("step", "words"), [(0, 384), (105, 640), (210, 896)])
def test_the_full_length_moves_with_the_step(step: int, words: int) -> None:
    # 384 words at step 0, 640 at step 105, and on along that line: 96 of 384 are 0.25, of 640 0.15, of 896 0.11.
    options = ToolRLOptions.from_switches({"SCHEDULELENGTH": "1", "WITHLENGTH": "1"}, step)
    assert options.full_length == words
    said = answer("{}", think=f"<think>{'a ' * 96}</think>")
    found = score("toolrl", said, GOLD, with_length=True, schedule_length=True, step=step)["length"]
    assert found == round(96 / words, 2)
    assert not ToolRLOptions.from_switches({"SCHEDULELENGTH": "1", "WITHLENGTH": "0"}).schedule_length
    with pytest.raises(ConfigError, match="with_length"):
        ToolRLOptions(schedule_length=True)
