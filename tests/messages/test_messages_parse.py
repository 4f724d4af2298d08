"""`parse` on well-formed and malformed messages of every format."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolgym.errors import ConfigError
from toolgym.formats.tagged import parse_tags, parse_usual, scan
from toolgym.messages import ToolCall, Turn, describe_problems, parse, render

CALL = ToolCall("get_user", {"user_id": "u1"})


def kinds(turn: Turn) -> list[str]:
    return [problem.kind for problem in turn.problems]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '<plan>look up</plan><tool_call>{"name": "get_user", "arguments": {"user_id": "u1"}}</tool_call>',
            Turn("look up", (CALL,), None, format="toolgym"),
        ),
        (
            '<tool_call>{"name": "get_user", "arguments": {"user_id": "u1"}}</tool_call>\n'
            '<tool_call>{"name": "list_all_airports"}</tool_call>',
            Turn(None, (CALL, ToolCall("list_all_airports")), None, format="toolgym"),
        ),
        ("<response>Done.</response>", Turn(None, (), "Done.", format="toolgym")),
        (
            '<think>\nhm\n</think>\n\n<tool_call>\n{"name": "get_user", "arguments": {"user_id": "u1"}}\n</tool_call>',
            Turn("hm", (CALL,), None, format="hermes"),
        ),
        (
            'Let me look.\n<tool_call>\n{"name": "get_user", "arguments": {"user_id": "u1"}}\n</tool_call>',
            Turn("Let me look.", (CALL,), None, format="hermes"),
        ),
        ("<think>\nhm\n</think>\n\nIt is done.", Turn("hm", (), "It is done.", format="hermes")),
        ("It is done.", Turn(None, (), "It is done.", format="hermes")),
        ("<answer>\nIt is done.\n</answer>", Turn(None, (), "It is done.", format="toolupt")),
        (
            '<tool_call>\n[{"name": "get_user", "params": {"user_id": "u1"}}, {"name": "x", "params": {}}]\n'
            "</tool_call>",
            Turn(None, (CALL, ToolCall("x")), None, format="toolupt"),
        ),
        (
            '<tool_call>\n{"name": "get_user", "parameters": {"user_id": "u1"}}\n{"name": "x"}\n</tool_call>',
            Turn(None, (CALL, ToolCall("x")), None, format="toolgym"),
        ),
        (
            '{"role": "assistant", "content": null, "tool_calls": [{"id": "1", "type": "function", '
            '"function": {"name": "get_user", "arguments": "{\\"user_id\\": \\"u1\\"}"}}]}',
            Turn(None, (CALL,), None, format="openai"),
        ),
        ('{"role": "assistant", "content": "Done."}', Turn(None, (), "Done.", format="openai")),
        (
            '[{"type": "function", "function": {"name": "x", "arguments": ""}}]',
            Turn(None, (ToolCall("x"),), None, format="openai"),
        ),
    ],
)
def test_well_formed_messages_are_understood_and_told_apart(text: str, expected: Turn) -> None:
    turn = parse(text)
    assert turn.text == text
    assert (turn.plan, turn.calls, turn.response, turn.problems, turn.format) == (
        expected.plan,
        expected.calls,
        expected.response,
        (),
        expected.format,
    )


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "empty"),
        ("   \n", "empty"),
        ("<plan>only a plan</plan>", "empty"),
        ("<tool_call></tool_call>", "bad_call"),
        ("<tool_call>{name: 1}</tool_call>", "bad_json"),
        ('<tool_call>{"name": "a", "arguments": {"x": NaN}}</tool_call>', "bad_json"),
        ('<tool_call>{"name": "a", "arguments": {"x": 1e999}}</tool_call>', "bad_json"),
        ('<tool_call>{"name": "a", "arguments": {"x": 1, "x": 2}}</tool_call>', "bad_json"),
        ('<tool_call>{"name": "a", "arguments": {"t": "1:2", "y": {"x": 1, "x": 2}}}</tool_call>', "bad_json"),
        ('<tool_call>{"name": "a", "arguments": {"x": "\\ud800"}}</tool_call>', "bad_json"),
        ('<tool_call>{"name": "a", "arguments": {"x": ' + "[" * 100 + "]" * 100 + "}}</tool_call>", "bad_json"),
        ('<tool_call>{"name": "a", "arguments": [1]}</tool_call>', "bad_call"),
        ('<tool_call>{"name": "", "arguments": {}}</tool_call>', "bad_call"),
        ('<tool_call>{"arguments": {}}</tool_call>', "bad_call"),
        ("<tool_call>7</tool_call>", "bad_call"),
        ('<tool_call>{"name": "a"}', "unclosed_tag"),
        ('<tool_call>{"name": "a"}\n<tool_call>{"name": "b"}</tool_call>', "unclosed_tag"),
        ("<response>half", "unclosed_tag"),
        ("</plan><response>x</response>", "stray_text"),
        ("words <response>x</response>", "stray_text"),
        ('{"tool_calls": [}', "bad_json"),
        ('{"tool_calls": 3}', "bad_call"),
        ('{"tool_calls": [{"function": {"name": "a", "arguments": "{"}}]}', "bad_call"),
        ('<tool_call>{"name": "a", "arguments": {"x": "' + "y" * 1_000_001 + '"}}</tool_call>', "too_long"),
    ],
)
def test_malformed_messages_say_what_is_wrong(text: str, kind: str) -> None:
    turn = parse(text)
    assert kinds(turn) == [kind]
    assert turn.problems[0].message in describe_problems(turn)
    assert 0 <= turn.problems[0].start <= turn.problems[0].end <= len(text)


def test_a_bad_call_does_not_hide_the_good_ones() -> None:
    turn = parse('<tool_call>{"name": "a"}</tool_call><tool_call>{</tool_call><tool_call>{"name": "b"}</tool_call>')
    assert [call.name for call in turn.calls] == ["a", "b"]
    assert kinds(turn) == ["bad_json"]
    assert turn.text[turn.problems[0].start : turn.problems[0].end] == "{"


def test_an_unclosed_plan_ends_at_the_next_block() -> None:
    turn = parse('<plan>first\n<tool_call>{"name": "a"}</tool_call>')
    assert (turn.plan, turn.calls, kinds(turn)) == ("first", (ToolCall("a"),), ["unclosed_tag"])


def test_integers_are_exact() -> None:
    number = 123456789012345678901234567890
    turn = parse(f'<tool_call>{{"name": "a", "arguments": {{"x": {number}, "t": "10:30"}}}}</tool_call>')
    assert turn.calls == (ToolCall("a", {"x": number, "t": "10:30"}),)


def test_calls_beyond_the_limit_are_dropped_and_reported() -> None:
    turn = parse('<tool_call>{"name": "a"}</tool_call>' * 129)
    assert len(turn.calls) == 128
    assert kinds(turn) == ["too_long"]
    calls = [{"function": {"name": "a", "arguments": "{}"}}] * 129
    turn = parse(json.dumps({"tool_calls": calls}))
    assert (len(turn.calls), kinds(turn)) == (128, ["too_long"])


def test_a_named_format_decides_what_free_text_means() -> None:
    assert parse("hello", "hermes").response == "hello"
    assert (parse("hello", "toolgym").response, kinds(parse("hello", "toolgym"))) == (None, ["stray_text"])
    assert parse("hello", "openai").response is None
    assert kinds(parse("hello", "openai")) == ["bad_json"]


def test_an_unknown_format_suggests_the_nearest() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'hermes'"):
        parse("x", "hermse")


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece",
    ["<plan>", "</plan>", "<tool_call>", '<tool_call>{"name":"a"}</tool_call>', '{"a":', "&amp;", '"\n', "<"],
)
def test_time_is_linear_in_the_length(piece: str) -> None:
    text = piece * (2_000_000 // len(piece))
    for whole in (text, f"<tool_call>{text}</tool_call>", f"<plan>{text}", f"<plan><tool_call>{text}</plan>"):
        begin = time.process_time()
        parse(whole)
        assert time.process_time() - begin < 3.0


@pytest.mark.parametrize("key", ["input", "args", "argument", "kwargs"])
def test_arguments_under_another_key_are_not_lost(key):
    call = json.dumps({"name": "pay", key: {"amount": 5}})
    turn = parse(f"<tool_call>{call}</tool_call>")
    assert turn.calls == ()
    assert [problem.kind for problem in turn.problems] == ["bad_call"]
    assert f'"{key}" in place of arguments' in turn.problems[0].message


@pytest.mark.parametrize(
    ("text", "calls", "response", "plan"),
    [
        ("<tool_call>[]</tool_call>No tool is needed.", 0, "No tool is needed.", None),
        ("<tool_call>\n[]\n</tool_call>\nNo tool.", 0, "No tool.", None),
        ("No tool is needed.<tool_call>[]</tool_call>", 0, "No tool is needed.", None),
        ("<think>Hm.</think><tool_call>[]</tool_call>So it is.", 0, "So it is.", "Hm."),
        ("<tool_call>[]</tool_call><response>So it is.</response>", 0, "So it is.", None),
        (
            '<tool_call>[{"name": "f", "arguments": {"x": 1}}, {"name": "g", "arguments": {}}]</tool_call>',
            2,
            None,
            None,
        ),
        ('<tool_call>[{"name": "f", "arguments": {}}]</tool_call>Now I wait.', 1, None, "Now I wait."),
    ],
)
def test_lists_of_calls_and_the_empty_list(text: str, calls: int, response: str | None, plan: str | None) -> None:
    turn = parse(text)
    assert (len(turn.calls), turn.response, turn.plan, turn.problems) == (calls, response, plan, ())


def test_an_empty_list_alone_says_nothing() -> None:
    turn = parse("<tool_call>[]</tool_call>")
    assert (turn.calls, turn.response, [problem.kind for problem in turn.problems]) == ((), None, ["empty"])


def test_words_beside_an_unreadable_call_are_no_response() -> None:
    assert parse("<tool_call>{broken</tool_call>No tool is needed.").response is None


PIECES = (
    "<plan>",
    "</plan>",
    "<tool_call>",
    "</tool_call>",
    "<think>",
    "[THINK]",
    "[/THINK]",
    "\N{WHITE LEFT-POINTING TRIANGLE}think",
)
USUAL = st.builds(
    lambda plan, call: f"{plan}<tool_call>{call}</tool_call>",
    st.sampled_from(
        ["", "<plan>Look.</plan>", "<plan></plan>", "<plan>\n</plan>", "<plan>\nx\n</plan>", '<plan>"</plan>']
    )
    | st.text(alphabet='ab"\n&lt;`[]', max_size=6).map("<plan>{}</plan>".format),
    st.sampled_from(
        [
            '{"name": "x", "arguments": {}}',
            '{"name": "x", "arguments": {"a": [1, {"b": "}"}]}}',
            '{"arguments": {"a": "\N{LATIN SMALL LETTER E WITH ACUTE}"}, "name": "x", "params": {"b": 2}}',
            '{"name": "x", "params": {}}',
            '{"name": "x", "arguments": null}',
            '{"name": "x", "arguments": "{}"}',
            '{"name": "", "arguments": {}}',
            '{"name": 1, "arguments": {}}',
            '{"name": "x", "arguments": {"a": 1, "a": 2}}',
            '{"name": "x", "arguments": {"a": 100000000000000000001}}',
            '{"name": "x", "arguments": {"a": "\\""}}',
            '{"name": "x", "arguments": {"a": "</tool_call>"}}',
            '{"name": "x", "arguments": {"a": "}',
            '{"name": "x"} {"name": "y"}',
            "{}",
            "",
        ]
    ),
)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(USUAL | st.sampled_from(PIECES) | st.text(alphabet='"a \n{', max_size=3), min_size=1, max_size=3).map(
        "".join
    )
)
def test_a_usual_message_means_what_the_reader_of_all_messages_says(text: str) -> None:
    usual = parse_usual(text)
    assert usual is None or usual == parse_tags(text, scan(text), None)


def test_most_messages_are_usual() -> None:
    call = ToolCall("get_user", {"ids": ["u1", 2, None], "deep": {"a": 0.5}})
    for plan in (None, "", 'Look up; "this" & that.\n'):
        assert parse_usual(render(Turn(plan, (call,)))) is not None
    assert parse_usual(render(Turn("a < b is fine, <plan> is not", (call,)))) is None
