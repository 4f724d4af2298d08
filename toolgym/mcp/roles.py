"""Whose tools a request on the wire is about: the agent's, or the user's that the agent talks to.

A request says `_meta: {"toolgym/role": "user"}` where it acts for the user; without a role it is the agent's. Each
lists and calls its own tools only, and the other's are unknown to it. The endpoint of one episode is the agent's.
"""

from collections.abc import Callable, Sequence
from typing import Any, get_args

import mcp_types as mt
from fastmcp.exceptions import NotFoundError
from fastmcp.server.dependencies import FastMCPRequestContext
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools.base import Tool, ToolResult
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS

from toolgym.errors import did_you_mean
from toolgym.mcp.endpoint import ROLE_META, EpisodeTool, bound_episode
from toolgym.mcp.session import Role
from toolgym.mcp.tool import BoundTool

__all__ = ["Roles"]


class Roles(Middleware):
    """Shows each role its own tools, on every transport.

    Args:
        find: the tool of a name, whosoever it is.
    """

    def __init__(self, find: Callable[[str], BoundTool | None]):
        self._find = find

    async def on_list_tools(
        self, context: MiddlewareContext[mt.ListToolsRequest], call_next: CallNext[mt.ListToolsRequest, Sequence[Tool]]
    ) -> Sequence[Tool]:
        role = _role(context)
        return [tool for tool in await call_next(context) if not isinstance(tool, EpisodeTool) or tool.role == role]

    async def on_call_tool(
        self,
        context: MiddlewareContext[mt.CallToolRequestParams],
        call_next: CallNext[mt.CallToolRequestParams, ToolResult],
    ) -> ToolResult:
        role, name = _role(context), context.message.name
        tool = self._find(name)
        if tool is not None and tool.role != role:
            raise NotFoundError(f"Unknown tool: {name!r}")
        return await call_next(context)


def _role(context: MiddlewareContext[Any]) -> Role:
    """For whom a request acts.

    Raises:
        MCPError: there is no such role, or it may not be taken here.
    """
    on = context.fastmcp_context
    request: FastMCPRequestContext | None = None if on is None else on.request_context
    role = (request.meta or {}).get(ROLE_META, "agent") if request is not None else "agent"
    if role == "agent":
        return "agent"
    if role not in get_args(Role):
        raise MCPError(code=INVALID_PARAMS, message=did_you_mean(str(role)[:100], get_args(Role), ROLE_META))
    if request is not None and bound_episode(request.request) is not None:
        raise MCPError(
            code=INVALID_PARAMS,
            message=f"This endpoint is the agent's; requests with {ROLE_META}={role!r} go to /mcp, with its token.",
        )
    return role
