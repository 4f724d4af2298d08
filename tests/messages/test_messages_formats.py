"""`render`, `segments` and formats that others add."""

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolgym.errors import ConfigError
from toolgym.messages import (
    MessageFormat,
    Span,
    ToolCall,
    Turn,
    describe_problems,
    formats,
    parse,
    register_format,
    render,
    segments,
)

PIECES = [
    "<plan>",
    "</plan>",
    "<think>",
    "</think>",
    "<tool_call>",
    "</tool_call>",
    "<response>",
    "</response>",
    "<answer>",
    "</answer>",
    "&lt;plan>",
    "&amp;lt;/plan>",
    "&amp;",
    "\n",
    '{"name": "a", "arguments": {"x": 1}}',
    '{"name": "a", "params": {"x": 1}}',
    '{"tool_calls": [',
    "words",
    "é\ud800",
    '"',
    "\\",
    ":",
]
hostile = st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=12).map("".join)
# What JSON can carry: no half surrogate pairs.
words = hostile.map(lambda text: text.encode("utf-8", "ignore").decode())
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
calls = st.builds(ToolCall, words.filter(bool), st.dictionaries(words, values, max_size=3))
turns = st.builds(Turn, st.none() | hostile, st.lists(calls, max_size=3).map(tuple), st.none() | hostile).filter(
    lambda turn: bool(turn.calls) or turn.response is not None
)
FORMATS = ["hermes", "openai", "toolgym", "toolupt"]


def meaning(turn: Turn) -> tuple[Any, ...]:
    return turn.plan, turn.calls, turn.response, turn.problems


@pytest.mark.parametrize("format", FORMATS)
@settings(max_examples=60)
@given(turn=turns)
def test_what_is_rendered_parses_back(format: str, turn: Turn) -> None:
    if format == "openai":
        turn = Turn(clean(turn.plan), turn.calls, clean(turn.response))
    text = render(turn, format)
    again = parse(text, format)
    assert meaning(again) == meaning(turn)
    assert (again.format, again.text) == (format, text)


def clean(text: str | None) -> str | None:
    return None if text is None else text.encode("utf-8", "ignore").decode()


@settings(max_examples=60)
@given(turn=turns)
def test_the_default_format_is_told_from_the_text(turn: Turn) -> None:
    assert meaning(parse(render(turn))) == meaning(turn)


@settings(max_examples=100)
@given(text=hostile, format=st.sampled_from(["auto", *FORMATS]))
def test_any_text_is_parsed_and_covered(text: str, format: str) -> None:
    turn = parse(text, format)
    assert turn.text == text
    assert turn.calls or turn.response is not None or turn.problems
    assert bool(describe_problems(turn)) == bool(turn.problems)
    spans = segments(text, format)
    assert "".join(text[span.start : span.end] for span in spans) == text
    assert all(a.end == b.start and a.type != b.type for a, b in itertools.pairwise(spans))


def test_renderings_look_as_documented() -> None:
    turn = Turn("look", (ToolCall("a", {"x": 1}), ToolCall("b")))
    a, b = '{"name": "a", "arguments": {"x": 1}}', '{"name": "b", "arguments": {}}'
    assert render(turn) == f"<plan>look</plan><tool_call>{a}</tool_call><tool_call>{b}</tool_call>"
    assert render(turn, "hermes") == (
        f"<think>\nlook\n</think>\n<tool_call>\n{a}\n</tool_call>\n<tool_call>\n{b}\n</tool_call>"
    )
    assert render(Turn(calls=turn.calls), "toolupt") == (
        '<tool_call>\n[{"name": "a", "params": {"x": 1}}, {"name": "b", "params": {}}]\n</tool_call>'
    )
    assert render(Turn(response="Hi"), "toolupt") == "<answer>\nHi\n</answer>"
    assert render(Turn(response="Hi"), "hermes") == "Hi"
    assert render(Turn(response="Hi"), "openai") == '{"role": "assistant", "content": "Hi"}'


def test_arguments_that_are_no_json_cannot_be_rendered() -> None:
    with pytest.raises(ConfigError, match="JSON values"):
        render(Turn(calls=(ToolCall("a", {"x": float("nan")}),)))


def test_segments_have_the_six_types() -> None:
    text = '<plan>p</plan>\n<tool_call>{"name": "a"}</tool_call><response>r</response>'
    assert [(text[s.start : s.end], s.type) for s in segments(text)] == [
        ("<plan>", "tag_plan"),
        ("p", "plan"),
        ("</plan>\n", "tag_plan"),
        ("<tool_call>", "tag_tool"),
        ('{"name": "a"}', "tool"),
        ("</tool_call>", "tag_tool"),
        ("<response>", "tag_resp"),
        ("r", "resp"),
        ("</response>", "tag_resp"),
    ]


def test_stray_text_is_plan_before_a_call_and_response_after_the_last() -> None:
    text = 'so <tool_call>{"name": "a"}</tool_call> bye'
    assert [(text[s.start : s.end], s.type) for s in segments(text)] == [
        ("so ", "plan"),
        ("<tool_call>", "tag_tool"),
        ('{"name": "a"}', "tool"),
        ("</tool_call>", "tag_tool"),
        (" bye", "resp"),
    ]
    assert segments("free") == [Span(0, 4, "resp")]
    assert segments("") == []
    assert segments('{"tool_calls": [{"function": {"name": "a"}}]}') == [Span(0, 45, "tool")]


def test_an_added_format_is_detected_rendered_and_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolgym.messages._ADDED", {})
    shout = MessageFormat(
        name="shout",
        parse=lambda text: Turn(calls=(ToolCall(text[1:]),), format="shout", text=text),
        render=lambda turn: f"!{turn.calls[0].name}",
        detects=lambda text: text.startswith("!"),
        segments=lambda text: [Span(0, len(text), "tool")],
    )
    register_format(shout)
    assert formats() == [*FORMATS[:2], "shout", *FORMATS[2:]]
    assert parse("!go").calls == (ToolCall("go"),)
    assert parse("!go", "shout") == parse("!go")
    assert render(parse("!go"), "shout") == "!go"
    assert segments("!go") == [Span(0, 3, "tool")]
    with pytest.raises(ConfigError, match="taken"):
        register_format(MessageFormat("hermes", shout.parse, shout.render, shout.detects, shout.segments))
