"""Thoughts in every format, what decides the format, arguments in every form, and messages that were cut."""

import json
import pickle
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolgym.messages import CutMessage, ToolCall, Turn, describe_problems, formats, parse, render, said, segments
from toolgym.trajectory import Step, Trajectory, trajectory_from_json, trajectory_to_json

FORMATS = ["hermes", "openai", "toolgym", "toolupt"]
TAGS = [
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("<Thought>", "</Thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<seed:think>", "</seed:think>"),
    ("[THINK]", "[/THINK]"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|channel>thought", "<channel|>"),
    ("\u25c1think\u25b7", "\u25c1/think\u25b7"),
]
CALL = ToolCall("pay", {"to": "ann"})
JSON_CALL = json.dumps({"name": "pay", "arguments": {"to": "ann"}})

PIECES = [tag for both in TAGS for tag in both]
PIECES += [
    "<plan>",
    "</plan>",
    "<tool_call>",
    "</tool_call>",
    "<answer>42</answer>",
    f"<tool_call>{JSON_CALL}</tool_call>",
]
PIECES += [
    '{"role": "assistant", "tool_calls": [{"function": {"name": "a"}}]}',
    '"',
    "`",
    "'",
    "\\",
    "&lt;think>",
    "&#91;",
]
PIECES += ["&amp;", "\n", "words ", "<response>Hi</response>"]
words = st.lists(st.sampled_from(PIECES) | st.text(st.characters(exclude_categories=["Cs"]), max_size=4), max_size=8)
hostile = words.map("".join)
arguments = st.dictionaries(hostile, hostile | st.integers() | st.lists(hostile, max_size=2), max_size=2)
calls = st.builds(ToolCall, hostile.filter(bool), arguments)
turns = st.builds(Turn, st.none() | hostile, st.lists(calls, max_size=2).map(tuple), st.none() | hostile).filter(
    lambda turn: bool(turn.calls) or turn.response is not None
)
musings = st.lists(
    st.sampled_from(["hm ", "so\n", JSON_CALL, f"<tool_call>{JSON_CALL}</tool_call>", "<answer>7</answer>"])
).map("".join)


def meaning(turn: Turn) -> tuple[Any, ...]:
    return turn.plan, turn.calls, turn.response, turn.problems


def kinds(turn: Turn) -> list[str]:
    return [problem.kind for problem in turn.problems]


def joined(*thoughts: str | None) -> str | None:
    given_ = [thought for thought in thoughts if thought is not None]
    return "\n".join(given_) if given_ else None


# Thoughts around and inside ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", FORMATS)
@settings(max_examples=40)
@given(turn=turns)
def test_every_rendering_parses_back_and_is_told_by_its_structure(format: str, turn: Turn) -> None:
    text = render(turn, format)
    assert meaning(parse(text, format)) == meaning(turn)
    assert meaning(parse(text)) == meaning(turn)


@pytest.mark.parametrize("tags", TAGS)
@settings(max_examples=20)
@given(turn=turns, thought=musings, format=st.sampled_from(FORMATS))
def test_a_thought_before_a_message_is_a_plan(tags: tuple[str, str], turn: Turn, thought: str, format: str) -> None:
    text = f"{tags[0]}\n{thought}\n{tags[1]}\n\n{render(turn, format)}"
    for how in ("auto", format):
        assert meaning(parse(text, how)) == (joined(thought, turn.plan), turn.calls, turn.response, ())


@pytest.mark.parametrize("tags", TAGS)
@settings(max_examples=20)
@given(turn=turns, thought=musings, format=st.sampled_from(FORMATS))
def test_a_thought_that_the_template_opened_is_one(
    tags: tuple[str, str], turn: Turn, thought: str, format: str
) -> None:
    text = f"{thought}{tags[1]}\n{render(turn, format)}"
    for how in ("auto", format):
        assert meaning(parse(text, how)) == (joined(thought.strip(), turn.plan), turn.calls, turn.response, ())


@pytest.mark.parametrize(
    ("text", "plan", "calls", "response", "problems"),
    [
        ("hm</think> I cannot tell.", "hm", (), "I cannot tell.", []),
        ("hm\n</think>\n\n<response>No.</response>", "hm", (), "No.", []),
        (f"I could <tool_call>{JSON_CALL}</tool_call>, but no.</think>No.", None, (), "No.", []),
        (f"<think>a</think><tool_call>{JSON_CALL}</tool_call><think>b</think>", "a\nb", (CALL,), None, []),
        (f"<think>a</think>x<think>b</think><tool_call>{JSON_CALL}</tool_call>", "a\nb\nx", (CALL,), None, []),
        ("<think>a</think>It is<think>b</think> done.", "a\nb", (), "It is\ndone.", []),
        ("<think>hm", "hm", (), None, ["unclosed_tag"]),
        (f"<think>I could <tool_call>{JSON_CALL}</tool_call>", None, (), None, ["unclosed_tag"]),
        ("<think>I could say <response>Yes.</response>", None, (), None, ["unclosed_tag"]),
        ("[THINK]<tool_call>no</tool_call>[/THINK]Hi", "<tool_call>no</tool_call>", (), "Hi", []),
        ('<think>First "</think>", then words.</think>Hi', 'First "</think>", then words.', (), "Hi", []),
        ("<think></think>", "", (), None, ["empty"]),
        ("<think>a</think>b</think>c", "a", (), "b\nc", ["stray_text"]),
    ],
)
def test_thoughts_are_neither_said_nor_carried_out(
    text: str, plan: str | None, calls: tuple[ToolCall, ...], response: str | None, problems: list[str]
) -> None:
    turn = parse(text)
    assert (turn.calls, turn.response, kinds(turn)) == (calls, response, problems)
    assert plan is None or turn.plan == plan
    types = "".join("t" if span.type == "tool" else "" for span in segments(text))
    assert bool(types) == bool(calls)  # calls inside thoughts are no calls to the trainers either


# OpenAI's messages ---------------------------------------------------------------------------------------------------


def message(**fields: Any) -> str:
    return json.dumps({"role": "assistant", **fields}, ensure_ascii=False)


def call(given_: Any = '{"to": "ann"}') -> list[dict[str, Any]]:
    return [{"id": "1", "type": "function", "function": {"name": "pay", "arguments": given_}}]


@pytest.mark.parametrize(
    ("text", "plan", "response"),
    [
        (message(content="<think>hm</think>", tool_calls=call()), "hm", None),
        (message(content="<think>hm", tool_calls=call()), "hm", None),
        (message(content="hm</think>Let me look.", tool_calls=call()), "hm\nLet me look.", None),
        (message(content="[THINK]hm[/THINK]", tool_calls=call()), "hm", None),
        (message(content="", reasoning_content="hm <answer>", tool_calls=call()), "hm <answer>", None),
        (message(content="Let me look.", reasoning_content="hm", tool_calls=call()), "hm\nLet me look.", None),
        (message(content="Let me look.", reasoning_content=None, tool_calls=call()), "Let me look.", None),
        (message(content=None, reasoning="hm", tool_calls=call()), "hm", None),
        (
            message(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}], tool_calls=call()),
            "hm",
            None,
        ),
        (message(content="<think>hm</think>It is done."), "hm", "It is done."),
        (message(content="<think>a</think>It is<think>b</think> done."), "a\nb", "It is\ndone."),
        (message(content="hm</think>\nIt is done.", tool_calls=None), "hm", "It is done."),
        (message(content="It is done.", reasoning_content="<tool_call>"), "<tool_call>", "It is done."),
        (message(content=[{"type": "text", "text": "It is done."}]), None, "It is done."),
        (message(content="Write <answer>42</answer>."), None, "Write <answer>42</answer>."),
        ("hm</think>" + message(content="It is done."), "hm", "It is done."),
        ("<think>hm</think>\n" + message(content="", tool_calls=call()), "hm", None),
    ],
)
def test_thoughts_beside_openai_calls_and_words(text: str, plan: str | None, response: str | None) -> None:
    for how in ("auto", "openai"):
        turn = parse(text, how)
        assert meaning(turn) == (plan, (CALL,) if "tool_calls" in text and response is None else (), response, ())
        assert turn.format == "openai"
    spans = segments(text)
    assert "".join(text[span.start : span.end] for span in spans) == text
    assert spans[-1].type == ("resp" if response else "tool")


def test_a_message_that_ends_within_its_thought_says_nothing() -> None:
    turn = parse(message(content="<think>I might say yes"))
    assert (turn.plan, turn.response, kinds(turn)) == ("I might say yes", None, ["unclosed_tag"])


@pytest.mark.parametrize(
    ("text", "format"),
    [
        ('<tool_call>{"name": "a", "arguments": {"x": "<answer>42</answer>"}}</tool_call>', "toolgym"),
        ('<tool_call>{"name": "a", "arguments": {"x": "say <think> and </think> twice"}}</tool_call>', "toolgym"),
        ("<plan>Use <answer> here</plan><response>Hi</response>", "toolgym"),
        ("<response>Tags: <answer>42</answer></response>", "toolgym"),
        ("<think>not <answer>42</answer></think>Hi", "hermes"),
        ('Write "<answer>42</answer>" into the form.', "hermes"),
        ("End thoughts with `</think>` only.", "hermes"),
        ('{"role": "assistant", "content": "<think>hm</think>", "tool_calls": []}', "openai"),
        ('{"note": "\\"tool_calls\\""} <answer>42</answer>', "toolupt"),
        ("<answer>42</answer>", "toolupt"),
    ],
)
def test_a_tag_inside_something_does_not_decide(text: str, format: str) -> None:
    assert parse(text).format == format


def test_a_closing_tag_in_an_argument_does_not_end_the_call() -> None:
    first = ToolCall("write", {"text": "</tool_call>", "more": 'a "</tool_call>" <tool_call>\\'})
    text = f"<tool_call>{json.dumps({'name': 'write', 'arguments': first.arguments})}</tool_call>"
    turn = parse(text + f"<tool_call>{JSON_CALL}</tool_call>")
    assert meaning(turn) == (None, (first, CALL), None, ())
    assert [span.type for span in segments(text)] == ["tag_tool", "tool", "tag_tool"]


@pytest.mark.parametrize(
    "piece", ['<tool_call>"</tool_call>', '<tool_call>\\"</tool_call>', '"</think>"', "<think>", "hm</think>"]
)
def test_reading_grows_with_the_length_and_no_faster(piece: str) -> None:
    """Four times the text may take four times as long; quadratic reading would take sixteen times."""

    def seconds(count: int) -> float:
        best = float("inf")
        for _ in range(3):
            begin = time.process_time()
            parse(piece * count)
            best = min(best, time.process_time() - begin)
        return best

    assert seconds(8_000) / seconds(2_000) < 10


# Arguments -----------------------------------------------------------------------------------------------------------

GIVEN = {
    "object": ({"to": "ann"}, {"to": "ann"}),
    "string": ('{"to": "ann"}', {"to": "ann"}),
    "spaced": (' {"to": "ann"}\n', {"to": "ann"}),
    "empty": ("", {}),
    "blank": (" ", {}),
    "null": (None, {}),
    "null in words": ("null", {}),
    "list": ([1], None),
    "list in words": ("[1]", None),
    "number": (7, None),
    "broken": ('{"to": ', None),
    "key twice": ('{"to": 1, "to": 2}', None),
}


@pytest.mark.parametrize("key", ["arguments", "params", "parameters"])
@pytest.mark.parametrize("name", GIVEN)
def test_arguments_are_read_alike_in_every_format(name: str, key: str) -> None:
    value, wanted = GIVEN[name]
    function = json.dumps({"name": "pay", key: value})
    texts = [(f"<tool_call>{function}</tool_call>", format) for format in ("auto", "toolgym", "hermes", "toolupt")] + [
        (f'{{"tool_calls": [{{"function": {function}}}]}}', format) for format in ("auto", "openai")
    ]
    found = [parse(text, format) for text, format in texts]
    assert all(turn.calls == (() if wanted is None else (ToolCall("pay", wanted),)) for turn in found)
    assert all(kinds(turn) == ([] if wanted is not None else ["bad_call"]) for turn in found)
    assert len({turn.problems[0].message for turn in found if turn.problems}) <= 1


def test_arguments_that_are_absent_are_none() -> None:
    assert parse('<tool_call>{"name": "pay"}</tool_call>').calls == (ToolCall("pay"),)
    assert parse('{"tool_calls": [{"function": {"name": "pay"}}]}').calls == (ToolCall("pay"),)


# Messages that were cut ----------------------------------------------------------------------------------------------


@settings(max_examples=40)
@given(turn=turns, format=st.sampled_from(FORMATS), keep=st.floats(0, 1))
def test_nothing_of_a_message_that_was_cut_counts(turn: Turn, format: str, keep: float) -> None:
    text = render(turn, format)
    cut = CutMessage(text[: int(len(text) * keep)])
    for how in ("auto", *formats()):
        found = parse(cut, how)
        assert (found.calls, found.response, kinds(found)) == ((), None, ["cut"])
        assert "cut off" in describe_problems(found)
        assert found.text == cut
        assert found.plan == parse(str(cut), how).plan


def test_a_cut_message_is_a_string_that_stays_one_of_its_kind() -> None:
    cut = CutMessage("It is do")
    again = pickle.loads(pickle.dumps(cut))
    assert (again, type(again)) == ("It is do", CutMessage)
    turn = parse(again)
    trajectory = Trajectory("e", "t", steps=[Step(turn)], outcome="unsolved")
    kept = trajectory_from_json(json.loads(json.dumps(trajectory_to_json(trajectory)))).steps[0].turn
    assert kept == turn
    assert parse(kept.text) == turn  # played again, it is cut again


def test_what_a_text_says_beside_its_thoughts() -> None:
    assert said("Hello.") == "Hello."
    assert said(" Hello. ") == " Hello. "
    assert said("<think>[END]</think> Hello.") == "Hello."
    assert said("I think [END]</think>") == ""
    assert said("<think>never closed [END]") == ""
    assert said("<response>Hi</response>") == "<response>Hi</response>"
