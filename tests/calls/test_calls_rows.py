"""What rows say, form by form, and what is wrong with one that cannot be read."""

import json
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as drawn
from hypothesis import strategies as st

from toolgym.envs.calls.errors import RowError
from toolgym.envs.calls.rows import Said, read_row
from toolgym.envs.calls.written import read_written
from toolgym.messages import ToolCall

BONN = {"city": "Bonn", "days": 2}
WEATHER_CALL = ToolCall("weather", BONN)


def test_a_row_of_single_calls(given):
    (example,) = read_row(given.bonn())
    assert example.history == (Said("user", "How will the weather be in Bonn?"),)
    assert [tool.name for tool in example.tools] == ["weather"]
    assert example.tools[0].input_schema == given.weather["function"]["parameters"]
    assert example.gold == (Said("assistant", "", (WEATHER_CALL,)),)


@pytest.mark.parametrize(
    "gold",
    [
        [{"name": "weather", "arguments": {"city": "Bonn", "days": 2}}],
        {"name": "weather", "arguments": {"city": "Bonn", "days": 2}},
        [{"type": "function", "function": {"name": "weather", "arguments": '{"city": "Bonn", "days": 2}'}}],
        [{"name": "weather", "parameters": {"city": "Bonn", "days": 2}}],
        '[{"name": "weather", "arguments": {"city": "Bonn", "days": 2}}]',
        '<tool_call>{"name": "weather", "arguments": {"city": "Bonn", "days": 2}}</tool_call>',
        '[weather(city="Bonn", days=2)]',
        [{"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "weather", "arguments": BONN}}]}],
    ],
)
def test_gold_calls_may_be_written_in_many_ways(given, gold):
    (example,) = read_row(given.bonn(gold=gold))
    assert [turn.calls for turn in example.gold] == [(WEATHER_CALL,)]


@pytest.mark.parametrize(
    ("gold", "text"),
    [([], ""), (None, ""), ("", ""), ("Which Bonn?", "Which Bonn?"), ({"response": "No."}, "No.")]
    + [(text, text) for text in ("[1] says no.", "[No](https://no.org)", "[no tool (yet)")],
)
def test_gold_without_a_call(given, gold, text):
    (example,) = read_row(given.bonn(gold=gold))
    assert example.gold == (Said("assistant", text),)


def test_what_is_thought_and_said_beside_the_calls_is_kept(given):
    call = '<tool_call>{"name": "weather", "arguments": {"city": "Bonn", "days": 2}}</tool_call>'
    wanted = Said("assistant", "A moment.", (WEATHER_CALL,), "Bonn it is.")
    (example,) = read_row(given.bonn(gold=f"<think>Bonn it is.</think>{call}<response>A moment.</response>"))
    assert example.gold == (wanted,)
    row = given.bonn()
    del row["gold"]
    function = {"name": "weather", "arguments": BONN}
    row["messages"].append({"role": "assistant", "content": "Bonn it is.", "tool_calls": [{"function": function}]})
    assert read_row(row)[0].gold == (Said("assistant", "", (WEATHER_CALL,), "Bonn it is."),)


def test_columns_of_json_text_are_read(given):
    row = {name: json.dumps(value) for name, value in given.bonn().items()}
    assert read_row(row) == read_row(given.bonn())


def test_xlam_and_hammer(given):
    (example,) = read_row(given.xlam([{"name": "add", "arguments": {"a": 2, "b": 3}}]))
    assert example.history == (Said("user", "Add 2 and 3."),)
    assert example.gold == (Said("assistant", "", (ToolCall("add", {"a": 2, "b": 3}),)),)
    # Its types are Python's, and a default or `optional` makes a parameter one that may be left out.
    assert example.tools[0].input_schema == {
        "type": "object",
        "properties": {
            "a": {"type": "integer", "description": "the first"},
            "b": {"type": "integer", "description": "the second"},
            "of": {"type": "array", "items": {"type": "number"}, "description": "more", "default": []},
        },
        "required": ["a"],
    }
    assert read_row(given.xlam([]))[0].gold == (Said("assistant"),)


def test_toolace_holds_an_example_for_each_turn_of_the_assistants(given):
    first, second, third = read_row(given.toolace())
    trends = ToolCall("Market Trends API", {"country": "Peru", "deep": True})
    assert first.gold[0].calls == (trends, ToolCall("Market Trends API", {"country": "Chad"}))
    assert first.tools[0].input_schema["properties"]["deep"] == {"type": "boolean"}
    assert [said.role for said in first.history] == ["user"]  # the list of tools and how to write calls is left out
    assert [said.role for said in second.history] == ["user", "assistant", "tool", "tool"]
    assert [said.text for said in second.history[2:]] == ['{"up":true}', '{"up":false}']
    assert second.gold == (Said("assistant", "Peru's goes up, Chad's goes down."),)
    assert third.gold == (Said("assistant", "You are welcome."),)


def test_until_a_response_a_chain_begins_with_what_the_user_says(given):
    first, second = read_row(given.toolace(), "response")
    assert [bool(turn.calls) for turn in first.gold] == [True, False]
    assert [text for _, text in first.answers] == ['{"up":true}', '{"up":false}']
    assert second.history[-1] == Said("user", "Thanks!")


@pytest.mark.parametrize("as_text", [False, True])
def test_results_go_by_the_ids_of_their_calls(given, as_text):
    """An endpoint's conversation may have them in any order."""
    calls = [{"id": city, "function": {"name": "weather", "arguments": {"city": city}}} for city in ("Bonn", "Köln")]
    results = [{"role": "tool", "tool_call_id": city, "content": f"{city}: wet"} for city in ("Köln", "Bonn")]
    asked = {"role": "assistant", "content": None, "tool_calls": json.dumps(calls) if as_text else calls}
    row = given.bonn(messages=[{"role": "user", "content": "Bonn and Köln?"}, asked, *results])
    in_order = ["Bonn: wet", "Köln: wet"]
    assert [said.text for said in read_row(row)[0].history if said.role == "tool"] == in_order
    del row["gold"]
    row["messages"].append({"role": "assistant", "content": "Wet."})
    (example,) = read_row(row, "response")
    assert [(call.arguments["city"], text) for call, text in example.answers] == list(
        zip(("Bonn", "Köln"), in_order, strict=True)
    )


def test_answers_stand_beside_the_gold(given):
    (example,) = read_row(given.bonn(results=["rain"]), "response")
    assert example.answers == ((WEATHER_CALL, "rain"),)


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("[a(x=1)]", [ToolCall("a", {"x": 1})]),
        ("[a(), b.c(y='1, (2)')]", [ToolCall("a"), ToolCall("b.c", {"y": "1, (2)"})]),
        (
            '[Get It/now(q={"k": [1, -2.5]}, on=true, off=False, no=null)]',
            [ToolCall("Get It/now", {"q": {"k": [1, -2.5]}, "on": True, "off": False, "no": None})],
        ),
        (r'[a(x="say \"hi\" (so)", y=[(1, 2)])]', [ToolCall("a", {"x": 'say "hi" (so)', "y": [[1, 2]]})]),
    ],
)
def test_calls_as_toolace_writes_them(text, calls):
    assert read_written(text) == tuple(calls)


@pytest.mark.parametrize("text", ["no calls", "[1, 2]", "[see (this)  here]", "", "[]", "[(1), 2]"])
def test_other_text_is_no_calls(text):
    assert read_written(text) is None


@pytest.mark.parametrize("text", ["[a(1)]", "[a(x=f(2))]", "[(x=1)]", "[a(x=1 +)]", "[a(x=__import__('os'))]"])
def test_what_looks_like_calls_and_cannot_be_read_is_an_error(text):
    with pytest.raises(RowError):
        read_written(text)


@drawn(st.text(alphabet="[](){}=,'\"\\ab1 .", max_size=40))
def test_any_text_is_calls_or_none_or_an_error(text):
    try:
        read_written(f"[{text}]")
    except RowError:
        return


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"gold": [{"name": "wether", "arguments": {}}]}, "'wether', which is not among its tools"),
        ({"gold": [{"arguments": {}}]}, "the gold cannot be read"),
        ({"gold": [{"name": "weather", "arguments": "city"}]}, "the gold cannot be read"),
        ({"tools": [{"description": "no name"}]}, "a tool has a `name`"),
        ({"tools": "[{"}, "`tools` is text that is no JSON"),
        ({"tools": 3}, "`tools` is a list of tools"),
        ({"messages": []}, "`messages` is a list of messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "message 1 has no role"),
        ({"messages": [{"role": "user", "content": " "}]}, "its messages say nothing"),
        ({"results": ["a", "b"]}, "one result for each of the 1 gold calls"),
    ],
)
def test_what_is_wrong_with_a_row_is_said(given, change, told):
    with pytest.raises(RowError, match=told):
        read_row(given.bonn(**change))


@pytest.mark.parametrize("row", [{}, {"question": "x"}, 3, ["x"], {"conversations": [{"from": "user", "value": "x"}]}])
def test_a_row_of_no_form_is_told_which_there_are(row):
    with pytest.raises(RowError):
        read_row(row)


@pytest.mark.parametrize("listed", ['[{"function": null}]', '[{"function": 3}]', '[{"function": "name"}]', "[null]"])
def test_a_list_in_the_system_message_that_is_none_of_tools_stays_text(given, listed):
    said = [{"from": "user", "value": "Hello!"}, {"from": "assistant", "value": "Good morning."}]
    (example,) = read_row({**given.toolace(), "system": listed, "conversations": said})
    assert example.tools == ()
    assert example.history[0] == Said("system", listed)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "role", "content", "parameters", "type", "function", "x"]), inner)
    ),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@drawn(data=st.data())
def test_any_row_is_read_or_told(given, data):
    row = data.draw(st.sampled_from([given.bonn(), given.xlam([{"name": "add"}]), given.toolace()]))
    key = data.draw(st.sampled_from([*row, "gold", "results", "tools", "split"]))
    value = data.draw(JSON)
    row[key] = json.dumps(value) if data.draw(st.booleans()) else value
    for until in ("turn", "response"):
        with suppress(RowError):
            assert read_row(row, until)
