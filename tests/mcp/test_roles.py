"""The user's tools: listed and called by the user alone, on the agent's world, over every transport."""

import asyncio
import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcp.shared.exceptions import MCPError
from mcp_types import PaginatedRequestParams

from toolgym.errors import ConfigError
from toolgym.mcp.combined import CombinedSession
from toolgym.mcp.connect import ServerHandle, connect
from toolgym.mcp.connection import WireOptions
from toolgym.mcp.serve import serving
from toolgym.mcp.server import ToolServer
from toolgym.mcp.session import ToolSession
from toolgym.messages import ToolCall
from toolgym.world import World

PHONE_FILE = Path(__file__).with_name("phone_server.py")
AGENTS = ["get_line", "set_line"]
USERS = ["status_bar", "toggle_airplane_mode", "toggle_wifi", "set_network_mode", "reboot"]


def load_phone() -> ModuleType:
    name = "toolgym_test_phone_server"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, PHONE_FILE)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture(scope="module")
def handles() -> Iterator[dict[str, ServerHandle]]:
    with (
        connect(load_phone().make_server()) as own,
        connect(PHONE_FILE) as stdio,
        connect(PHONE_FILE, options=WireOptions(mode="legacy")) as legacy,
        serving(load_phone().make_server()) as url,
        connect(url) as http,
        connect(url, options=WireOptions(mode="legacy")) as legacy_http,
    ):
        yield {"in process": own, "stdio": stdio, "http": http, "older stdio": legacy, "older http": legacy_http}


def names(session: ToolSession) -> list[str]:
    return [tool.name for tool in session.tools]


def phone(session: ToolSession) -> Any:
    """The phone's record, as far as the episode has changed it."""
    return (session.diff() or {}).get("phones", {}).get("p1")


KINDS = ["in process", "stdio", "http", "older stdio", "older http"]


@pytest.fixture(params=KINDS)
def session(request: pytest.FixtureRequest, handles: dict[str, ServerHandle]) -> Iterator[ToolSession]:
    opened = handles[request.param].session()
    yield opened
    opened.close()


def test_each_side_lists_its_own_tools(session: ToolSession):
    assert names(session) == [tool.name for tool in session.listed_tools] == AGENTS
    assert names(session.as_user()) == [tool.name for tool in session.user_tools] == USERS


def test_to_the_agent_a_tool_of_the_users_is_unknown_and_the_other_way_round(session: ToolSession):
    for side, others in ((session, USERS), (session.as_user(), AGENTS)):
        for name in others:
            for arguments in ({}, {"id": "l1", "active": True}, {"mode": "4g"}):
                result = side.call(ToolCall(name, arguments))
                absent = side.call(ToolCall("no_such_tool", arguments))
                assert result.outcome == absent.outcome == "unknown_tool"
                assert result.text == absent.text.replace("no_such_tool", name)
    assert session.diff() == {}


def test_both_sides_act_on_one_world(session: ToolSession):
    user = session.as_user()
    before = session.state_version()
    assert user.call(ToolCall("toggle_airplane_mode")).text == "Airplane mode is now off."
    assert session.state_version() != before
    assert session.call(ToolCall("set_line", {"id": "l1", "active": True})).text == "l1 is on"
    seen = user.call(ToolCall("status_bar"))
    assert seen.structured == {"signal": "full", "airplane": False, "wifi": False}
    assert user.diff() == session.diff()
    assert set(session.diff() or {}) == {"lines", "phones"}

    twin = session.fork()
    twin.as_user().call(ToolCall("reboot"))
    assert user.call(ToolCall("status_bar")) == seen
    assert phone(session)["booted"] == 0
    assert phone(twin)["booted"] == 1
    branch = user.fork()
    branch.call(ToolCall("toggle_wifi"))
    assert phone(session)["wifi"] is False
    branch.close()
    twin.close()

    session.reset(3)
    assert session.diff() == {}
    assert user.call(ToolCall("status_bar")).text.startswith('{"signal":"none"')
    assert user.diff() == {}
    assert session.call(ToolCall("get_line", {"id": "l1"})).structured == {"active": False, "seed": 3}


def test_a_snapshot_holds_what_either_side_did(handles: dict[str, ServerHandle]):
    for kind in ("stdio", "http"):
        session: Any = handles[kind].session()
        session.as_user().call(ToolCall("reboot"))
        session.call(ToolCall("set_line", {"id": "l1", "active": True}))
        kept = session.snapshot()
        session.reset()
        session.restore(kept)
        assert session.diff()["phones"]["p1"]["booted"] == 1
        assert session.diff()["lines"]["l1"]["active"] is True
        session.close()


sides = st.sampled_from(["agent", "user"])
calls = st.builds(
    ToolCall,
    st.sampled_from([*AGENTS, *USERS, "", "no_such_tool", "\ud800", "x" * 200]),
    st.sampled_from([{}, {"id": "l1"}, {"id": "l1", "active": False}, {"mode": "4g"}, {"mode": "5g"}, {"mode": 4}]),
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(sides, calls), max_size=6))
def test_the_same_calls_give_the_same_on_every_transport(
    handles: dict[str, ServerHandle], chain: list[tuple[str, ToolCall]]
):
    found = []
    for kind in ("in process", "stdio", "http"):
        session = handles[kind].session()
        results = [(session.as_user() if side == "user" else session).call(call) for side, call in chain]
        found.append((results, session.diff(), session.tools, session.user_tools))
        session.close()
    assert found[0] == found[1] == found[2]


def test_async_calls_of_the_users_are_the_same(session: ToolSession):
    async def work() -> list[Any]:
        user = session.as_user()
        return [await user.call_async(ToolCall(name)) for name in ("reboot", "set_line", "no_such_tool")]

    first, second, third = asyncio.run(work())
    assert (first.outcome, second.outcome, third.outcome) == ("ok", "unknown_tool", "unknown_tool")


def test_a_bad_role_is_a_protocol_error():
    async def work(meta: dict[str, Any]) -> list[Any]:
        async with Client(load_phone().make_server().fastmcp) as client:
            wrong = []
            for ask in (
                lambda: client.call_tool_mcp("get_line", {"id": "l1"}, meta=meta),
                lambda: client.call_tool_mcp("no_such_tool", {}, meta=meta),
                lambda: client.session.list_tools(params=PaginatedRequestParams(_meta=meta)),  # pyright: ignore
            ):
                with pytest.raises(MCPError) as caught:
                    await ask()
                wrong.append(caught.value.error)
            return wrong

    for role in ("uesr", "", "User", 1, ["user"], {"a": 1}, "x" * 5000):
        errors = asyncio.run(work({"toolgym/role": role}))
        assert all(error.code == -32602 for error in errors)
        assert all("agent" in error.message and "user" in error.message for error in errors)
        assert all(len(error.message) < 300 for error in errors)


def test_the_agents_endpoint_of_an_episode_takes_no_other_role():
    async def work(url: str, ask: Callable[[Any], Any], token: str) -> Any:
        async with Client(StreamableHttpTransport(url, auth=token)) as client:
            return await ask(client)

    user = {"toolgym/role": "user"}
    with (
        serving(load_phone().make_server(), token="runs", agent_token="acts") as url,
        connect(url, token="runs") as handle,
    ):
        session: Any = handle.session()
        session.as_user().call(ToolCall("toggle_wifi"))
        endpoint = url.replace("/mcp", f"/episodes/{session.episode_id}/mcp")
        listed = asyncio.run(work(endpoint, lambda client: client.list_tools(), "acts"))
        assert [tool.name for tool in listed] == AGENTS
        unknown = asyncio.run(work(endpoint, lambda client: client.call_tool_mcp("toggle_wifi", {}), "acts"))
        assert unknown.is_error
        assert unknown.content[0].text == "Unknown tool: 'toggle_wifi'"
        for ask in (
            lambda client: client.call_tool_mcp("toggle_wifi", {}, meta=user),
            lambda client: client.call_tool_mcp("get_line", {"id": "l1"}, meta=user),
            lambda client: client.session.list_tools(params=PaginatedRequestParams(_meta=user)),  # pyright: ignore
        ):
            with pytest.raises(MCPError, match="This endpoint is the agent's"):
                asyncio.run(work(endpoint, ask, "acts"))
        assert session.diff()["phones"]["p1"]["wifi"] is True  # once, and by the user
        with connect(endpoint, token="acts") as agent:
            assert agent.session().user_tools == ()
        session.close()


def test_an_agents_refusal_is_on_the_wire_the_very_answer_to_an_unknown_tool():
    async def work() -> list[dict[str, Any]]:
        async with Client(load_phone().make_server().fastmcp) as client:
            answers = [await client.call_tool_mcp(name, {}) for name in ("reboot", "no_such_tool")]
            return [answer.model_dump(exclude={"meta"}) | {"keys": sorted(answer.meta or {})} for answer in answers]

    hidden, absent = asyncio.run(work())
    hidden["content"][0]["text"] = hidden["content"][0]["text"].replace("reboot", "no_such_tool")
    assert hidden == absent


def test_a_name_is_one_sides_and_a_role_is_one_of_two():
    server = ToolServer("one")

    @server.tool(writes=False)
    def look(world: World) -> str:
        """Looks."""
        return "seen"

    with pytest.raises(ConfigError, match="has a tool named 'look' already"):
        server.tool(writes=False, role="user")(look)
    with pytest.raises(ConfigError, match="user"):
        server.tool(writes=False, name="other", role="usr")(look)  # pyright: ignore[reportArgumentType]
    assert server.session().user_tools == ()
    assert server.session().as_user().call(ToolCall("look")).outcome == "unknown_tool"


def test_of_several_servers_each_has_its_users_tools(handles: dict[str, ServerHandle]):
    for kind in ("in process", "stdio"):
        session = CombinedSession({"a": handles[kind].session(), "b": handles[kind].session()})
        user = session.as_user()
        assert names(user) == [f"{server}_{name}" for server in "ab" for name in USERS]
        assert user.call(ToolCall("b_reboot")).outcome == "ok"
        assert session.call(ToolCall("b_reboot")).outcome == "unknown_tool"
        assert user.call(ToolCall("b_set_line", {"id": "l1", "active": True})).outcome == "unknown_tool"
        assert asyncio.run(user.call_async(ToolCall("a_toggle_wifi"))).outcome == "ok"
        twin = user.fork()
        assert twin.diff() == session.diff()
        assert set(session.diff() or {}) == {"a.phones", "b.phones"}
        twin.close()
        session.close()
