"""`FastMCPSession`: any `FastMCP` object of this process, its plain tools at function-call speed.

A plain tool is a synchronous function that asks for nothing of FastMCP's (no context, no dependencies), on a server
without middleware of its own. It is run here as FastMCP would run it; every other tool goes through the protocol.
A tool that reaches for the context by a helper function, out of sight of its own code, must be marked async.

Where an event loop runs in the caller's thread (in `ToolVectorEnv`, in a notebook), a plain tool runs in a thread
beside it, as FastMCP runs it: it may run a loop of its own, and others go on while it waits.
"""

import asyncio
import contextvars
import inspect
import threading
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, get_type_hints

from fastmcp import FastMCP
from fastmcp.exceptions import FastMCPError
from fastmcp.server.dependencies import without_injected_parameters
from fastmcp.server.middleware.dereference import DereferenceRefsMiddleware
from fastmcp.tools.function_tool import FunctionTool
from fastmcp.utilities.exceptions import get_http_status_code, is_timeout_error
from fastmcp.utilities.types import get_cached_typeadapter
from mcp_types import CallToolResult
from pydantic import PydanticSchemaGenerationError, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, from_json, to_json

from toolgym.mcp.arguments import refuse
from toolgym.mcp.connection import Connection
from toolgym.mcp.pool import Pool
from toolgym.mcp.replay import ReplaySession
from toolgym.mcp.results import classify, result_of
from toolgym.mcp.session import ToolSpec
from toolgym.mcp.state import StateOptions
from toolgym.messages import ToolCall
from toolgym.trajectory import ToolResult
from toolgym.world import copy_json

__all__ = ["FastMCPSession"]

T = TypeVar("T")

_ANY = TypeAdapter(Any)
_PLAIN = frozenset({str, int, float, bool, dict, list})
_ASKS_FOR_CONTEXT = frozenset({"get_context", "get_server", "get_http_request", "get_http_headers", "get_access_token"})


class FastMCPSession(ReplaySession):
    """A session on a FastMCP object. Fork is by replay, where the object is made by a function."""

    def __init__(self, pool: Pool, connection: Connection, state: StateOptions | None = None):
        super().__init__(pool, connection, state)
        self._plain: dict[str, _PlainTool] = {}
        self._plain_of: tuple[Any, ...] | None = None

    def call(self, call: ToolCall) -> ToolResult:
        tool = self._plain_tool(call)
        if tool is None:
            return super().call(call)
        try:
            return _in_a_thread(self._directly, tool, call) if _loop_runs() else self._directly(tool, call)
        except BaseException:  # an interrupt: a tool's own errors are results
            self._given_up(call)
            raise

    async def call_async(self, call: ToolCall) -> ToolResult:
        tool = self._plain_tool(call)
        return await (super().call_async(call) if tool is None else self._beside(tool, call))

    async def _call(self, call: ToolCall) -> ToolResult:
        tool = self._plain_tool(call)
        return await (super()._call(call) if tool is None else self._beside(tool, call))

    async def _beside(self, tool: "_PlainTool", call: ToolCall) -> ToolResult:
        """Runs a plain tool in a thread."""
        try:
            return await asyncio.to_thread(self._directly, tool, call)
        except asyncio.CancelledError:
            self._given_up(call)
            raise

    def _given_up(self, call: ToolCall) -> None:
        """Nobody saw how a call ended, so nobody knows what it did."""
        if self._lost is None and self._give_up(call):
            self._lost = call.name

    def _plain_tool(self, call: ToolCall) -> "_PlainTool | None":
        """The plain tool that is called, or None where the call needs the protocol."""
        self._check_open()
        if self._plain_of is not self._connection.server_tools:
            self._plain_of = self._connection.server_tools
            self._plain = _plain_tools(self._connection)
        self._follow()
        tool = self._plain.get(call.name) if type(call.name) is str else None
        if tool is None or call.name not in self._writes or (self._watches and self._base is None):
            return None
        self._check_alone()
        return tool

    def _directly(self, tool: "_PlainTool", call: ToolCall) -> ToolResult:
        result = refuse(call)
        if result is None:
            self._announce(call)
            result = tool.run(call, self.tools)
            self._remember(call, result)
        return result


def _loop_runs() -> bool:
    """Whether an event loop runs in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _in_a_thread(run: Callable[..., T], *given: Any) -> T:
    """What a function gives in a thread without an event loop, which is waited for."""
    done: list[T] = []
    failed: list[BaseException] = []

    def work() -> None:
        try:
            done.append(context.run(run, *given))
        except BaseException as error:
            failed.append(error)

    context = contextvars.copy_context()
    thread = threading.Thread(target=work, name="toolgym-tool", daemon=True)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
    return done[0]


def _plain_tools(connection: Connection) -> "dict[str, _PlainTool]":
    server = connection.server
    if server is None or server.strict_input_validation:
        return {}
    if any(type(middleware) is not DereferenceRefsMiddleware for middleware in server.middleware):
        return {}
    listed = {spec.name for spec in connection.tools}
    return {tool.name: _PlainTool(server, tool) for tool in connection.server_tools if _is_plain(tool, listed)}


def _is_plain(tool: Any, listed: set[str]) -> bool:
    if type(tool) is not FunctionTool or tool.name not in listed or tool.timeout is not None or tool.auth is not None:
        return False
    fn = tool.fn
    if not inspect.isfunction(fn) or inspect.iscoroutinefunction(fn) or inspect.isgeneratorfunction(fn):
        return False
    if inspect.isasyncgenfunction(fn) or tool.task_config.supports_tasks():
        return False
    return without_injected_parameters(fn) is fn and _ASKS_FOR_CONTEXT.isdisjoint(fn.__code__.co_names)


class _PlainTool:
    """A plain tool with its validator and serialiser compiled; follows FastMCP step by step."""

    def __init__(self, server: FastMCP, tool: FunctionTool):
        self._tool, self._fn = tool, tool.fn
        self._masks = server._mask_error_details  # FastMCP keeps it private
        signature = inspect.signature(tool.fn)

        def collect(*args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
            return args, kwargs

        fn = tool.fn
        collect.__name__, collect.__qualname__, collect.__module__ = fn.__name__, fn.__qualname__, fn.__module__
        hints = get_type_hints(fn, include_extras=True)
        collect.__annotations__ = {name: hints.get(name, Any) for name in signature.parameters}
        collect.__signature__ = signature.replace(return_annotation=inspect.Signature.empty)  # pyright: ignore
        self._validate = get_cached_typeadapter(collect).validator.validate_python
        schema = tool.output_schema
        self._has_schema, self._wraps = schema is not None, bool(schema and schema.get("x-fastmcp-wrap-result"))
        self._dump = _dumper(tool.return_type)

    def run(self, call: ToolCall, specs: Iterable[ToolSpec]) -> ToolResult:
        """Runs a call that may be sent; `specs` are the server's tools."""
        try:
            args, kwargs = self._validate(copy_json(call.arguments))
        except ValidationError as error:
            return self._failed(call, specs, str(error))
        try:
            return self._pack(call, self._fn(*args, **kwargs))
        except FastMCPError as error:
            return self._failed(call, specs, str(error))
        except Exception as error:
            return self._failed(call, specs, self._crash_text(error))

    def _failed(self, call: ToolCall, specs: Iterable[ToolSpec], text: str) -> ToolResult:
        return ToolResult(text, None, True, classify(specs, call))

    def _crash_text(self, error: Exception) -> str:
        if get_http_status_code(error) == 429:
            return "Rate limited by upstream API, please retry later"
        if is_timeout_error(error):
            return "Upstream request timed out, please retry"
        # A pydantic error of the tool's own reaches FastMCP wrapped, with its text.
        return f"Error calling tool {self._tool.name!r}" + ("" if self._masks else f": {error}")

    def _pack(self, call: ToolCall, value: Any) -> ToolResult:
        kind = type(value)
        if kind not in _PLAIN or (kind is list and not (value and all(type(item) in _PLAIN for item in value))):
            return self._pack_any(call, value)
        try:
            structured = self._dump(value)
        except (PydanticSerializationError, UnicodeDecodeError):
            return self._pack_any(call, value)
        text = structured if type(structured) is str else _ANY.dump_json(structured, fallback=str).decode()
        text.encode()
        if not self._has_schema:
            return ToolResult(text, _carried(structured) if type(structured) is dict else None)
        return ToolResult(text, _carried({"result": structured} if self._wraps else structured))

    def _pack_any(self, call: ToolCall, value: Any) -> ToolResult:
        """A result of FastMCP's or MCP's own types, or of no plain type: converted by FastMCP itself."""
        wire = self._tool.convert_result(value).to_mcp_result()
        if isinstance(wire, tuple):
            wire = CallToolResult(content=wire[0], structured_content=wire[1])
        elif not isinstance(wire, CallToolResult):
            wire = CallToolResult(content=wire)
        blocks = [block.model_dump(mode="json", by_alias=True, exclude_none=True) for block in wire.content]
        structured = None if wire.structured_content is None else _carried(wire.structured_content)
        failed = bool(wire.is_error)
        return result_of(call, blocks, structured, failed, "tool_error" if failed else "ok")


def _dumper(annotation: Any) -> Callable[[Any], Any]:
    """Makes JSON values of what a function with that return annotation gives."""
    adapter: TypeAdapter[Any] = _ANY
    if annotation not in (inspect.Signature.empty, None, Any, ...) and not isinstance(annotation, str):
        try:
            adapter = get_cached_typeadapter(annotation)
        except PydanticSchemaGenerationError:
            adapter = _ANY
    return lambda value: adapter.dump_python(value, mode="json", warnings=False)


def _carried(structured: Any) -> dict[str, Any]:
    """The structured content as the wire delivers it."""
    return from_json(to_json(structured, inf_nan_mode="null"))
