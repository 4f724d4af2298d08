"""Tools as a server lists them: one that no client can offer is marked, and its server stays usable.

The protocol's client refuses a whole listing for one entry that is not as MCP defines it, such as a tool whose input
schema describes no object. Here such an entry is replaced by a stand-in of its name that says what was wrong.
"""

from collections.abc import Callable, Mapping
from typing import Any, cast

from mcp.shared.dispatcher import CallOptions, OnNotify, OnRequest
from mcp.shared.exceptions import MCPError
from mcp.shared.jsonrpc_dispatcher import JSONRPCDispatcher
from mcp.shared.transport_context import TransportContext
from mcp_types import PaginatedRequestParams
from mcp_types.methods import validate_server_result
from pydantic import ValidationError

from toolgym.mcp.content import with_raw_content
from toolgym.mcp.endpoint import ROLE_META

__all__ = ["REFUSED", "TolerantDispatcher", "all_tools", "all_user_tools", "without_refused"]

REFUSED = "x-toolgym-refused"
"""The key of a stand-in's input schema that says why the tool was refused."""

_LIST, _CALL, _CHANGED = "tools/list", "tools/call", "notifications/tools/list_changed"
_UNKNOWN_VERSION = "2025-11-25"
_SHOWN = 200
_MOST_PAGES = 1000


class _EveryMethod(frozenset[str]):
    """Holds every name: what a server asks for is answered before its next message is read.

    A server that asks without end and reads no answers would otherwise have us keep them all.
    """

    def __contains__(self, name: object) -> bool:
        return True


class TolerantDispatcher(JSONRPCDispatcher[TransportContext]):
    """Sends requests as the protocol's own dispatcher; of a listing, it marks what cannot be used.

    A tool's answer keeps its content as the server sent it (see `toolgym.mcp.content`).

    Args:
        received, to_send: the transport's streams.
        version: gives the protocol's revision, once it is agreed on.
        changed: is told, before the next message is read, when the server says that its tools have changed.
    """

    def __init__(
        self, received: Any, to_send: Any, version: Callable[[], str | None], changed: Callable[[], None] | None = None
    ):
        super().__init__(received, to_send, inline_methods=_EveryMethod())
        self._version, self._changed = version, changed

    async def run(
        self, on_request: OnRequest, on_notify: OnNotify, on_notify_intercept: Any = None, **more: Any
    ) -> None:
        def intercept(method: str, params: Mapping[str, Any] | None) -> bool:
            if method == _CHANGED and self._changed is not None:
                self._changed()
            return on_notify_intercept is not None and on_notify_intercept(method, params)

        await super().run(on_request, on_notify, intercept, **more)

    async def send_raw_request(
        self, method: str, params: Mapping[str, Any] | None, opts: CallOptions | None = None, **more: Any
    ) -> dict[str, Any]:
        answer = await super().send_raw_request(method, params, opts, **more)
        if method == _CALL:
            return with_raw_content(answer)
        return without_refused(answer, self._version() or _UNKNOWN_VERSION) if method == _LIST else answer


async def all_tools(client: Any) -> list[Any]:
    """Every tool that a server lists, page by page.

    A listing ends at a cursor that is missing or empty, that came before, or whose page holds nothing new: some servers
    give one for ever.
    """
    found: list[Any] = []
    known: set[str] = set()
    cursors: set[str | None] = {None, ""}
    cursor = None
    for _ in range(_MOST_PAGES):
        page = await client.list_tools_mcp(cursor=cursor)
        shown = [tool.model_dump_json() for tool in page.tools]
        if known and known.issuperset(shown):
            break
        found += page.tools
        known.update(shown)
        cursor = page.next_cursor
        if cursor in cursors:
            break
        cursors.add(cursor)
    return found


async def all_user_tools(client: Any) -> list[Any]:
    """Every tool that a `ToolServer` has for the user; none where it knows of no roles, or may not be asked."""
    # With a cursor, if an empty one: the client takes a listing without for the whole, and forgets the agent's tools.
    params = PaginatedRequestParams(cursor="", _meta=cast(Any, {ROLE_META: "user"}))
    try:
        page = await client.session.list_tools(params=params)
    except MCPError:  # the endpoint of one episode is the agent's
        return []
    return [tool for tool in page.tools if (tool.meta or {}).get(ROLE_META) == "user"]


def without_refused(answer: dict[str, Any], version: str) -> dict[str, Any]:
    """A listing with a stand-in for each tool that is not as the protocol's revision wants it."""
    tools = answer.get("tools")
    if not isinstance(tools, list) or _problem(answer, version) is None or _problem({**answer, "tools": []}, version):
        return answer
    problems = [_problem({**answer, "tools": [tool]}, version) for tool in tools]
    kept = [
        tool if problem is None else _stand_in(tool, index, problem)
        for index, (tool, problem) in enumerate(zip(tools, problems, strict=True))
    ]
    return {**answer, "tools": kept}


def _problem(answer: dict[str, Any], version: str) -> str | None:
    """What is wrong with the first wrong thing in a listing."""
    try:
        validate_server_result(_LIST, version, answer)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        path = ".".join(str(part) for part in first["loc"] if not isinstance(part, int) and part != "tools")
        return f"{path or 'the entry'}: {first['msg']}, not {str(first['input'])[:_SHOWN]!r}"
    except (KeyError, ValueError):
        return None  # no known revision: the client judges it
    return None


def _stand_in(tool: Any, index: int, problem: str) -> dict[str, Any]:
    given = tool if isinstance(tool, dict) else {}
    name, description = given.get("name"), given.get("description")
    return {
        "name": name if isinstance(name, str) else f"tool {index + 1}",
        "description": description if isinstance(description, str) else "",
        "inputSchema": {"type": "object", REFUSED: problem},
    }
