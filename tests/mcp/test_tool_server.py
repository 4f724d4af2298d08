"""`ToolServer` in process: registration, worlds, rollback."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from toolgym.errors import ConfigError
from toolgym.mcp.server import ToolError, ToolServer
from toolgym.messages import ToolCall
from toolgym.world import Base, World


def test_a_failed_call_changes_nothing(server):
    session = server.session()
    before = session.state_version()
    refused = session.call(ToolCall("put_note", {"id": "n0", "text": "forbidden"}))
    assert (refused.text, refused.is_error, refused.outcome) == ("That text is forbidden", True, "tool_error")
    crashed = session.call(ToolCall("crash", {"secret": "hunter2"}))
    assert (crashed.text, crashed.is_error, crashed.outcome) == ("Error calling tool 'crash'", True, "tool_error")
    assert session.diff() == {}
    assert session.state_version() == before


def test_a_crash_keeps_what_was_written_before(server):
    session = server.session()
    session.call(ToolCall("put_note", {"id": "n0", "text": "kept"}))
    session.call(ToolCall("count"))
    session.call(ToolCall("crash", {"secret": "x"}))
    session.call(ToolCall("count"))
    assert session.diff() == {
        "counters": {"all": {"n": 2}},
        "notes": {"n0": {"text": "kept", "tags": None, "extra": None}},
    }


def test_arguments_and_results_are_not_shared_with_the_world(server):
    session = server.session()
    arguments: dict[str, Any] = {"id": "n0", "text": "t", "tags": ["a"], "extra": {"deep": [1]}}
    session.call(ToolCall("put_note", arguments))
    arguments["extra"]["deep"].append(2)
    shown = session.call(ToolCall("get_note", {"id": "n0"})).structured
    shown["extra"]["deep"].append(3)
    shown["tags"].append("b")
    assert session.world.get("notes", "n0") == {"text": "t", "tags": ["a"], "extra": {"deep": [1]}}
    kept = {"deep": [1]}
    session.call(ToolCall("attach", {"id": "n2", "extra": kept}))
    kept["deep"].append(2)
    assert session.world.get("notes", "n2")["extra"] == {"deep": [1]}
    base_note = session.call(ToolCall("get_note", {"id": "n1"})).structured
    base_note["tags"].clear()
    assert session.base.tables["notes"]["n1"]["tags"] == ["a", "é"]


def test_invalid_arguments_say_what_was_wrong(server):
    session = server.session()
    missing = session.call(ToolCall("put_note", {"id": 1, "more": 2}))
    assert missing.outcome == "invalid_arguments"
    # id is not a string, text is missing, more is unknown: pydantic reports all three, in the order of its checks
    assert missing.text == (
        "Invalid arguments for put_note: id: Input should be a valid string; text: Missing required argument; "
        "more: Unexpected keyword argument."
    )
    nested = session.call(ToolCall("hang", {"id": "n1", "place": {"wall": "w", "height": -1}}))
    assert nested.text == ("Invalid arguments for hang: place.height: Input should be greater than or equal to 0.")
    many = session.call(ToolCall("echo_list", {"values": ["x"] * 30}))
    assert many.text.endswith("; and 20 more.")


def test_coercions_are_those_of_fastmcp(server):
    """Lax pydantic: "5" and 2.0 are integers, "x" and 2.5 are not, and a JSON string is no object."""
    session = server.session()
    assert session.call(ToolCall("count", {"by": "5"})).structured == {"result": 5}
    assert session.call(ToolCall("count", {"by": -2.0})).structured == {"result": 3}
    assert session.call(ToolCall("count", {"by": 2.5})).outcome == "invalid_arguments"
    assert session.call(ToolCall("count", {"by": 6})).outcome == "invalid_arguments"
    as_text = json.dumps({"wall": "w", "height": 1})
    assert session.call(ToolCall("hang", {"id": "n1", "place": as_text})).outcome == "invalid_arguments"


def test_results_follow_fastmcp_rules(server):
    session = server.session()
    # an object is its own structured content; anything else is wrapped where the return type is declared
    assert (
        session.call(ToolCall("get_note", {"id": "n0"})).text == '{"text":"note 0 of 0","tags":["a","é"],"score":0.0}'
    )
    assert session.call(ToolCall("world_name")).structured == {"result": "world 0"}
    assert session.call(ToolCall("echo_list", {"values": [1, 2.5]})).structured == {"result": [1.0, 2.5]}
    assert session.call(ToolCall("echo", {"value": [1]})).structured is None
    nothing = session.call(ToolCall("nothing"))
    assert (nothing.text, nothing.structured, nothing.is_error) == ("", None, False)
    not_finite = session.call(ToolCall("make", {"what": "inf"}))
    assert (not_finite.text, not_finite.structured) == ('{"x":null,"y":[null]}', {"x": None, "y": [None]})


def test_fork_shares_nothing(server):
    parent = server.session()
    parent.call(ToolCall("count"))
    child = parent.fork()
    assert child.fork_kind == "copy"
    child.call(ToolCall("count"))
    parent.call(ToolCall("put_note", {"id": "p", "text": "parent's"}))
    assert child.diff() == {"counters": {"all": {"n": 2}}}
    assert parent.diff()["counters"] == {"all": {"n": 1}}
    child.reset(4)
    assert parent.call(ToolCall("world_name")).text == "world 0"
    assert child.call(ToolCall("world_name")).text == "world 4"


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ops=st.lists(st.sampled_from(["count", "put", "read", "fail", "crash", "reset", "restore", "twin"]), max_size=12)
)
def test_equal_versions_mean_equal_states(ops, server):
    """`state_version` never repeats for another state, and read tools never change it."""
    session, seen = server.session(), {}
    for op in ops:
        before = session.state_version()
        match op:
            case "count":
                session.call(ToolCall("count"))
            case "put":
                session.call(ToolCall("put_note", {"id": "a", "text": str(len(seen))}))
            case "read":
                session.call(ToolCall("get_note", {"id": "n0"}))
                assert session.state_version() == before
            case "fail":
                session.call(ToolCall("put_note", {"id": "a", "text": "forbidden"}))
                assert session.state_version() == before
            case "crash":
                session.call(ToolCall("crash", {"secret": "s"}))
                assert session.state_version() == before
            case "reset":
                session.reset(1)
            case "restore":
                session.restore({"counters": {"all": {"n": len(seen)}}})
            case "twin":
                session = session.fork()
        state = json.dumps(session.diff()) + session.call(ToolCall("world_name")).text
        assert seen.setdefault(session.state_version(), state) == state


def test_restore_is_the_inverse_of_diff(server):
    session = server.session(2)
    session.call(ToolCall("put_note", {"id": "n1", "text": "changed"}))
    diff = session.diff()
    session.call(ToolCall("count"))
    session.restore(diff)
    assert session.diff() == diff
    with pytest.raises(ConfigError, match="does not fit"):
        session.restore({"no_table": {"a": {}}})
    assert session.diff() == diff


def test_worlds_are_built_once_and_the_least_used_go():
    built = []

    def build(key: Any) -> Base:
        built.append(key)
        return Base({"t": {str(key): 1}})

    server = ToolServer("s", build, kept_worlds=2)
    for key in [1, 2, 1, 3, 1, 2]:  # 2 was used before 1, so 3 takes its place, and it is built again
        server.session(key).call(ToolCall("none"))
        server.base(key)
    assert built == [1, 2, 3, 2]
    assert server.base(2) is server.base(2)


def test_a_session_builds_its_world_at_the_first_use(notes):
    built = []
    server = ToolServer("s", lambda key: built.append(key) or Base({"t": {}}), default_world_key="d")
    session = server.session()
    assert built == []
    session.reset("x")
    assert session.diff() == {}
    assert built == ["x"]
    assert server.session().world.count("t") == 0
    assert built == ["x", "d"]


def test_bad_worlds_are_config_errors(server):
    with pytest.raises(ConfigError, match="could not build world 13: unlucky"):
        server.session().reset(13)
    with pytest.raises(ConfigError, match="JSON"):
        server.base(object())
    one_world = ToolServer("one", base=Base({"t": {}}))
    with pytest.raises(ConfigError, match="one world only"):
        one_world.session().reset(5)
    assert ToolServer("none").session().diff() == {}


def test_what_cannot_be_a_tool():
    server = ToolServer("s")

    async def slow(world: World) -> None: ...

    def lost(x: int) -> int:
        return x

    def fine(world: World) -> None:
        """Fine."""

    with pytest.raises(ConfigError, match="async"):
        server.tool(writes=False)(slow)
    with pytest.raises(ConfigError, match="first parameter"):
        server.tool(writes=False)(lost)
    server.tool(writes=False)(fine)
    with pytest.raises(ConfigError, match="already"):
        server.tool(writes=False)(fine)
    assert [(spec.name, spec.writes) for spec in server.tool_specs] == [("fine", False)]


def test_models_in_arguments_are_validated_and_described_without_references():
    class Stop(BaseModel):
        city: str

    class Route(BaseModel):
        stops: list[Stop]

    server = ToolServer("s")

    @server.tool(writes=False)
    def length(world: World, route: Route) -> int:
        """Counts the stops."""
        return len(route.stops)

    schema = server.tool_specs[0].input_schema
    stop = schema["properties"]["route"]["properties"]["stops"]["items"]
    assert stop["properties"]["city"]["type"] == "string"
    assert server.session().call(ToolCall("length", {"route": {"stops": [{"city": "x"}]}})).text == "1"


def test_a_tool_error_is_the_fastmcp_one(server):
    from fastmcp.exceptions import ToolError as FastMCPToolError

    assert issubclass(ToolError, FastMCPToolError)
