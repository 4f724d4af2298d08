"""The same calls give the same results, byte for byte, in process, over stdio and over HTTP."""

import asyncio
import json
import math
from typing import Any

import pytest
from fastmcp import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolgym.mcp.arguments import MAX_DEPTH, MAX_NAME, MAX_SIZE
from toolgym.messages import ToolCall

NAMES = [
    *["get_note", "put_note", "count", "hang", "attach", "echo", "echo_list", "nothing", "make", "crash", "world_name"],
    *["", "Get_Note", "get_note ", "toolgym/control", "toolgym_control", "reset", "a\nb", "ünï", "x" * MAX_NAME],
]


def nested(depth: int) -> Any:
    value: Any = "leaf"
    for level in range(depth):
        value = [value] if level % 2 else {"k": value}
    return value


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([0, -1, 2**53 + 1, 2**63, -(2**63), 2**64 - 1, 2**64, -(2**63) - 1, 10**400]),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([-0.0, 1e16, 1e-7, 5e-324, 1.7976931348623157e308, 0.1 + 0.2, math.nan, math.inf]),
    st.text(max_size=8),
    st.sampled_from(
        ["", "5", "true", '{"wall": "n", "height": 1}', "[1]", "\x00", "\u2028", "\r\n", "\ud800", "é😀", "n0"]
    ),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
keys = st.sampled_from(
    ["id", "text", "tags", "extra", "by", "place", "mode", "value", "values", "what", "secret", "", "\udfff"]
)
likely = st.sampled_from(
    [
        ToolCall("get_note", {"id": "n1"}),
        ToolCall("put_note", {"id": "n1", "text": "new", "tags": ["é", ""]}),
        ToolCall("put_note", {"id": "n9", "text": "forbidden"}),
        ToolCall("count", {"by": "5"}),
        ToolCall("count", {"by": 2.0}),
        ToolCall("count", {"by": 6}),
        ToolCall("hang", {"id": "n1", "place": {"wall": "north", "height": 2, "marks": [1, "2"]}}),
        ToolCall("hang", {"id": "n1", "place": '{"wall": "north", "height": 2}'}),
        ToolCall("hang", {"id": "nope", "place": {"wall": "north", "height": 2}}),
        ToolCall("hang", {"id": "n1", "place": {"height": -1, "x": 1}, "mode": "glue"}),
        ToolCall("echo", {"value": nested(MAX_DEPTH - 1)}),
        ToolCall("echo", {"value": nested(MAX_DEPTH)}),
        ToolCall("echo", {"value": nested(2000)}),
        ToolCall("echo", {"value": "x" * MAX_SIZE}),
        ToolCall("echo", {"value": (1, 2)}),
        ToolCall("echo", {"value": b"bytes"}),
        ToolCall("echo", {"value": {1: 2}}),
        ToolCall("echo", ["not", "an", "object"]),  # pyright: ignore[reportArgumentType]
        ToolCall("echo_list", {"values": ["1", 2, 3.5]}),
        ToolCall("crash", {"secret": "hunter2"}),
        ToolCall("x" * (MAX_NAME + 1)),
        ToolCall("\ud800"),
        *(
            ToolCall("make", {"what": what})
            for what in ["nan", "inf", "surrogate", "surrogate_in_dict", "big", "int_keys", "tuple", "unserialisable"]
        ),
    ]
)
calls = likely | st.builds(ToolCall, st.sampled_from(NAMES), st.dictionaries(keys, values, max_size=3))


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sequence=st.lists(calls, min_size=1, max_size=5))
def test_any_calls_give_the_same_everywhere(sequence, server, stdio_handle, http_handle, exact):
    sessions = [server.session(5), stdio_handle.session(5), http_handle.session(5)]
    for call in sequence:
        process, stdio, http = (exact(session.call(call)) for session in sessions)
        assert process == stdio == http
    process, stdio, http = (json.dumps([session.diff(), session.state_version()]) for session in sessions)
    assert process == stdio == http
    for session in sessions:
        session.close()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=values)
def test_what_may_be_sent_arrives_as_it_was(value, server, http_handle):
    call = ToolCall("echo", {"value": {"it": value}})
    result = server.session().call(call)
    if result.outcome == "ok":
        assert json.dumps(result.structured) == json.dumps({"it": value})
        assert http_handle.session().call(call) == result
    else:
        assert result.outcome == "invalid_arguments"


def test_tools_are_listed_alike(server, stdio_handle, http_handle):
    listed = json.dumps([[t.name, t.description, t.input_schema, t.output_schema, t.writes] for t in server.tool_specs])
    for handle in (stdio_handle, http_handle):
        tools = handle.tools
        assert json.dumps([[t.name, t.description, t.input_schema, t.output_schema, t.writes] for t in tools]) == listed
    assert "$ref" not in listed
    assert '"note\'s id"' not in listed
    assert "the note's id" in listed


@pytest.mark.parametrize("transport", ["stdio", "http", "memory"])
def test_a_plain_fastmcp_client_receives_the_same(transport, server, notes_file, http_url):
    """What FastMCP's own client shows, without any code of ours on the client's side."""
    target = {"stdio": notes_file, "http": http_url, "memory": server.fastmcp}[transport]
    session = server.session()
    sequence = [
        ToolCall("get_note", {"id": "n2"}),
        ToolCall("put_note", {"id": "n2", "text": "né", "extra": {"a": [1, None, 2.5]}}),
        ToolCall("get_note", {"id": "n2"}),
        ToolCall("get_note", {"id": "absent"}),
        ToolCall("count", {"by": "x"}),
        ToolCall("nothing", {}),
        ToolCall("crash", {"secret": "s"}),
        ToolCall("no_such_tool", {"a": 1}),
    ]

    async def over_the_wire() -> list[tuple[str, Any, bool]]:
        answers = []
        async with Client(target) as client:
            for call in sequence:
                answer = await client.call_tool_mcp(call.name, call.arguments, meta={"toolgym/episode": "plain"})
                texts = [block.text for block in answer.content]
                answers.append(("".join(texts), json.dumps(answer.structured_content), answer.is_error))
        return answers

    expected = []
    for call in sequence:
        result = session.call(call)
        expected.append((result.text, json.dumps(result.structured), result.is_error))
    assert asyncio.run(over_the_wire()) == expected
