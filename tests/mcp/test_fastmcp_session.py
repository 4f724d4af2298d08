"""Sessions on any FastMCP object: plain tools run directly, and give what the protocol gives."""

import asyncio
import datetime
import json
import math
import time
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest
from fastmcp import Client, Context, FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.server.dependencies import get_context
from fastmcp.server.middleware import Middleware
from fastmcp.utilities.types import Image
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from toolgym.errors import CallTimeoutError, ForkUnsupportedError, InfraError
from toolgym.mcp.connect import connect
from toolgym.mcp.connection import WireOptions
from toolgym.mcp.foreign import FastMCPSession
from toolgym.messages import ToolCall


class Point(BaseModel):
    x: int
    y: float = 0.5


@dataclass
class Pair:
    left: str
    right: list[int]


def make_foreign(mask: bool = False) -> FastMCP:
    """A server with tools of many kinds; `append` keeps state in a closure."""
    mcp = FastMCP("foreign", mask_error_details=mask)
    kept: list[str] = []

    @mcp.tool
    def append(item: str) -> list[str]:
        """Appends."""
        kept.append(item)
        return kept

    @mcp.tool
    def add(a: int, b: Annotated[int, "the other"] = 1) -> int:
        """Adds."""
        return a + b

    @mcp.tool
    def scale(point: Point, by: Annotated[float, Field(gt=0)]) -> Point:
        """Scales."""
        return Point(x=int(point.x * by), y=point.y * by)

    @mcp.tool
    def pair(left: str, right: list[int]) -> Pair:
        """Pairs."""
        return Pair(left, right)

    @mcp.tool
    def untyped(value):
        """Gives it back."""
        return value

    @mcp.tool
    def choose(mode: Literal["a", "b"], when: datetime.date | None = None) -> dict[str, Any]:
        """Chooses."""
        return {"mode": mode, "when": when, "ratio": math.nan if mode == "b" else 1.0}

    @mcp.tool
    def fail(how: str) -> str:
        """Fails."""
        if how == "tool":
            raise ToolError("refused: é")
        if how == "value":
            raise ValueError("bad value")
        if how == "model":
            Point.model_validate({"x": "no"})
        if how == "object":
            return object()  # pyright: ignore[reportReturnType]
        return how

    @mcp.tool
    def nothing() -> None:
        """Nothing."""

    @mcp.tool
    def picture() -> Image:
        """A picture."""
        return Image(data=b"\x89PNG", format="png")

    @mcp.tool
    def mixed() -> list:
        """Text and a picture."""
        return ["before", Image(data=b"\x89PNG", format="png"), {"after": 1}]

    @mcp.tool
    def empty() -> list[int]:
        """An empty list."""
        return []

    @mcp.tool
    async def later(text: str) -> str:
        """Async."""
        await asyncio.sleep(0)
        return text

    @mcp.tool
    async def ask(ctx: Context) -> str:
        """Uses the context."""
        return ctx.fastmcp.name

    @mcp.tool
    def ask_quietly() -> str:
        """Uses the context without a parameter for it."""
        return get_context().fastmcp.name

    return mcp


names = st.sampled_from(
    [
        *["add", "scale", "pair", "untyped", "choose", "fail", "nothing", "picture", "mixed", "empty", "later", "ask"],
        *["ask_quietly", "append", "missing", ""],
    ]
)
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "5", "a", "b", "tool", "value", "model", "object", "2024-02-30", "2024-02-28", "é\x00"]),
)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["x", "y", "left", "z"]), inner, max_size=3)
    ),
    max_leaves=5,
)
arguments = st.dictionaries(
    st.sampled_from(["a", "b", "point", "by", "left", "right", "value", "mode", "when", "how", "text", "item", "ctx"]),
    values,
    max_size=3,
)
likely = st.sampled_from(
    [
        ToolCall("add", {"a": "2", "b": 3.0}),
        ToolCall("scale", {"point": {"x": 2, "y": 1}, "by": 1.5}),
        ToolCall("scale", {"point": {"x": 2.5}, "by": 0}),
        ToolCall("pair", {"left": "é", "right": [1, 2]}),
        ToolCall("choose", {"mode": "b", "when": "2024-02-28"}),
        ToolCall("choose", {"mode": "c"}),
        *(ToolCall("fail", {"how": how}) for how in ("tool", "value", "model", "object", "fine")),
        *(ToolCall(name) for name in ("nothing", "picture", "mixed", "empty", "ask", "ask_quietly")),
        ToolCall("append", {"item": "x"}),
        ToolCall("untyped", {"value": [[], {"x": 1.0}]}),
    ]
)
calls = likely | st.builds(ToolCall, names, arguments)


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sequence=st.lists(calls, min_size=1, max_size=5), mask=st.booleans())
def test_a_session_gives_what_the_client_gives(sequence, mask, exact):
    """The same server made twice: once behind FastMCP's client, once in our session."""

    async def through_the_client() -> list[tuple[list[str], str, bool]]:
        answers = []
        async with Client(make_foreign(mask)) as client:
            for call in sequence:
                answer = await client.call_tool_mcp(call.name, call.arguments)
                texts = [
                    block.text if block.type == "text" else "[image image/png, 4 bytes]" for block in answer.content
                ]
                answers.append((texts, json.dumps(answer.structured_content), answer.is_error))
        return answers

    expected = asyncio.run(through_the_client())
    with connect(lambda: make_foreign(mask)) as handle:
        session = handle.session()
        got = [exact(session.call(call)) for call in sequence]
    for call, (texts, structured, is_error), result in zip(sequence, expected, got, strict=True):
        said = "\n".join(texts)
        if not texts and structured != "null":  # what no text says is shown as JSON
            said = json.dumps(json.loads(structured), separators=(",", ":"))
        assert result[:3] == (said, structured, is_error), call


def test_plain_tools_take_the_direct_way_and_others_do_not():
    with connect(make_foreign()) as handle:
        session = handle.session()
        assert isinstance(session, FastMCPSession)
        session.call(ToolCall("add", {"a": 1}))
        direct = set(session._plain)
    assert "add" in direct
    assert direct.isdisjoint({"later", "ask", "ask_quietly"})


def test_middleware_sends_every_call_through_the_protocol():
    seen = []

    class Watch(Middleware):
        async def on_call_tool(self, context, call_next):
            seen.append(context.message.name)
            return await call_next(context)

    mcp = make_foreign()
    mcp.add_middleware(Watch())
    with connect(mcp) as handle:
        assert handle.session().call(ToolCall("add", {"a": 1})).text == "2"
    assert seen == ["add"]


def test_a_function_that_makes_the_server_allows_replay():
    with connect(make_foreign) as handle:
        session = handle.session()
        assert session.fork_kind == "replay"
        session.call(ToolCall("append", {"item": "a"}))
        twin = session.fork()
        assert twin.call(ToolCall("append", {"item": "b"})).structured == {"result": ["a", "b"]}
        assert session.call(ToolCall("append", {"item": "c"})).structured == {"result": ["a", "c"]}
        session.reset()
        assert session.call(ToolCall("append", {"item": "d"})).structured == {"result": ["d"]}


def test_what_a_call_with_coerced_arguments_wrote_before_it_failed_is_in_forks_and_in_no_other_episode():
    """FastMCP takes "5" for an integer, which the schema does not: the tool runs, and writes, and fails."""

    def make() -> FastMCP:
        mcp, orders = FastMCP("shop"), []

        @mcp.tool
        def order(count: int) -> str:
            orders.append(count)
            raise ValueError("that many are not there; the order waits")

        @mcp.tool(annotations={"readOnlyHint": True})
        def list_orders() -> list[int]:
            return orders

        return mcp

    with connect(make) as handle:
        session = handle.session()
        assert session.call(ToolCall("order", {"count": "5"})).outcome == "invalid_arguments"
        for each in (session, session.fork()):
            assert each.call(ToolCall("list_orders")).structured == {"result": [5]}
        session.reset()
        assert session.call(ToolCall("list_orders")).structured == {"result": []}


def test_a_server_object_keeps_its_state():
    with connect(make_foreign()) as handle:
        session = handle.session()
        assert session.fork_kind == "none"
        session.reset()
        session.call(ToolCall("append", {"item": "a"}))
        with pytest.raises(ForkUnsupportedError, match="neither by copy nor by replay"):
            session.fork()
        with pytest.raises(ForkUnsupportedError, match="cannot be reset"):
            session.reset()


@pytest.mark.parametrize("tool", ["append", "later"])
def test_a_closed_session_calls_nothing(tool):
    """Neither at once nor through the protocol; the object lives on."""
    with connect(make_foreign()) as handle:
        closed, other = handle.session(), handle.session()
        closed.close()
        call = ToolCall(tool, {"item" if tool == "append" else "text": "a"})
        for act in (lambda: closed.call(call), lambda: asyncio.run(closed.call_async(call))):
            with pytest.raises(InfraError, match="This session is closed"):
                act()
        assert other.call(ToolCall("append", {"item": "b"})).structured == {"result": ["b"]}


def test_calls_from_a_running_loop(exact):
    async def story(session) -> list[str]:
        results = await asyncio.gather(
            session.call_async(ToolCall("add", {"a": 1})),
            session.call_async(ToolCall("later", {"text": "x"})),
            session.call_async(ToolCall("missing")),
        )
        return [result.text for result in results]

    with connect(make_foreign()) as handle:
        assert asyncio.run(story(handle.session())) == ["2", "x", "Unknown tool: 'missing'"]


def test_an_async_tool_that_hangs_is_cancelled_at_its_time_limit():
    """In process too; what its function cleans up, it cleans up."""
    ended = []
    mcp = FastMCP("slow")

    @mcp.tool
    async def wait() -> str:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append(True)
        return "never"

    @mcp.tool
    def add(a: int) -> int:
        return a + 1

    with connect(mcp, options=WireOptions(timeout_s=0.5)) as handle:
        session = handle.session()
        start = time.monotonic()
        with pytest.raises(CallTimeoutError, match=r"within 0\.5 s"):
            session.call(ToolCall("wait"))
        assert time.monotonic() - start < 5
        assert session.call(ToolCall("add", {"a": 1})).text == "2"
        deadline = time.monotonic() + 5
        while not ended and time.monotonic() < deadline:
            time.sleep(0.01)
    assert ended == [True]


def test_a_plain_tool_past_a_time_limit_of_its_own_ends_as_the_servers_error():
    mcp = FastMCP("slow")

    @mcp.tool(timeout=0.05)
    def wait() -> str:
        time.sleep(0.3)
        return "late"

    with connect(mcp) as handle:
        result = handle.session().call(ToolCall("wait"))
    assert (result.is_error, result.outcome) == (True, "tool_error")
    assert "timed out after 0.05s" in result.text
