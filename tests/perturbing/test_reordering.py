"""Another order: the same tools, schemas and values, lists as they were."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgym import _json
from toolgym.mcp.session import ToolSpec
from toolgym.messages import ToolCall
from toolgym.perturbing.chance import Chance
from toolgym.perturbing.reordering import Reordering
from toolgym.trajectory import ToolResult
from toolgym.world import canonical

CALL = ToolCall("look", {})
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=5),
    max_leaves=25,
)
WRITERS = {
    "compact": lambda value: _json.dumps(value).decode(),
    "spaced": lambda value: json.dumps(value, ensure_ascii=False),
    "escaped": json.dumps,
    "indented": lambda value: json.dumps(value, indent=2, ensure_ascii=False),
}


def heard(text: str, structured: Any = None, number: int = 1) -> ToolResult:
    return Reordering(Chance(number, "task")).heard(CALL, ToolResult(text, structured))


def lists_of(value: Any) -> list[Any]:
    """The lists of a value as JSON with sorted keys, whatever the order of the objects they stand in."""
    if isinstance(value, dict):
        return [item for key in sorted(value) for item in lists_of(value[key])]
    if isinstance(value, list):
        return [canonical(value), *(item for inner in value for item in lists_of(inner))]
    return []


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
@given(value=VALUES, number=st.integers(0, 50))
def test_a_result_keeps_its_content_and_its_form(write, value, number):
    text = write(value)
    structured = value if isinstance(value, dict) else {"result": value}
    for given_structured in (structured, None):
        result = heard(text, given_structured, number)
        assert json.loads(result.text) == json.loads(text)
        assert sorted(result.text) == sorted(text), "nothing but the order of the keys has changed"
        assert result.structured == given_structured
        assert lists_of(json.loads(result.text)) == lists_of(json.loads(text))


@given(st.text())
def test_what_is_no_json_stays(text):
    text = f"[{text}"
    result = heard(text)
    assert result.text == text or json.loads(result.text) == json.loads(text)


def test_text_that_cannot_be_written_again_exactly_stays():
    for text in ('{"b": 1.50, "a": 2}', '{"b":1, "a":2,  "c": 3}', '{"a": 1, "a": 2}', '{"b":1,"a":1e2}'):
        assert heard(text).text == text


def test_errors_and_content_of_several_blocks_stay():
    layer = Reordering(Chance(1, "task"))
    error = ToolResult('{"b":1,"a":2}', None, True, "tool_error")
    blocks = ToolResult('{"b":1,"a":2}', None, content=({"type": "text", "text": "b"}, {"type": "image"}))
    assert layer.heard(CALL, error) is error
    assert layer.heard(CALL, blocks) is blocks


def test_an_order_holds_for_an_episode_and_differs_between_episodes():
    value = dict.fromkeys("abcdefgh", 1)
    text = _json.dumps(value).decode()
    orders = {heard(text, value, number).text for number in range(30)}
    assert len(orders) == 30
    # The same keys beside each other keep their order in another object that came in another order.
    other = _json.dumps(dict(reversed(value.items()))).decode()
    assert all(heard(text, None, n).text == heard(other, None, n).text for n in range(30))


def test_nesting_that_python_cannot_follow_is_left():
    text = "[" * 900 + '{"b":1,"a":2}' + "]" * 900
    assert json.loads(heard(text).text) is not None


def tool(name: str) -> ToolSpec:
    properties = {
        "enum": {"type": "string", "enum": ["x", "y", "z", 1, None]},
        "place": {
            "type": "object",
            "properties": {"b": {}, "a": {}},
            "required": ["b", "a"],
            "default": {"b": 1, "a": 2},
        },
        "many": {"type": "array", "items": {"enum": [3, 2, 1]}, "examples": [[3, 2, 1]]},
    }
    return ToolSpec(name, "Looks.", {"type": "object", "properties": properties, "required": ["place", "enum"]})


def test_schemas_keep_their_meaning():
    tools = tuple(tool(name) for name in "abcdef")
    shown = [Reordering(Chance(number, "task")).listed(tools) for number in range(40)]
    for listed in shown:
        assert {spec.name for spec in listed} == set("abcdef")
        for spec in listed:
            schema, was = spec.input_schema, tools[0].input_schema
            assert set(schema["properties"]) == set(was["properties"])
            assert set(schema["required"]) == {"place", "enum"}
            assert set(schema["properties"]["enum"]["enum"]) == {"x", "y", "z", 1, None}
            assert list(schema["properties"]["place"]["default"]) == ["b", "a"]
            assert schema["properties"]["many"]["examples"] == [[3, 2, 1]]
            assert sorted(schema["properties"]["many"]["items"]["enum"]) == [1, 2, 3]
    assert len({tuple(spec.name for spec in listed) for listed in shown}) > 30
    assert len({tuple(listed[0].input_schema["properties"]) for listed in shown}) == 6
    assert len({tuple(listed[0].input_schema["properties"]["enum"]["enum"]) for listed in shown}) > 20
    assert tools == tuple(tool(name) for name in "abcdef")
