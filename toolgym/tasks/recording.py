"""`Recorder` and `relay`: what stands between a live client and its server, and writes what was called as a task.

One server's messages pass as they are, in both directions: results of any content, errors, `_meta`, notifications,
resources, prompts, what the server asks of the client. Several servers as one, and simulated tools, are `served` by
their tools alone.
"""

import asyncio
import itertools
import os
import re
import sys
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio
import yaml
from fastmcp import FastMCP
from fastmcp.tools.base import Tool
from fastmcp.tools.base import ToolResult as WireResult
from mcp.shared.inbound import (
    MCP_METHOD_HEADER,
    MCP_NAME_HEADER,
    MCP_PROTOCOL_VERSION_HEADER,
    NAME_BEARING_METHODS,
    encode_header_value,
    mcp_param_headers,
    x_mcp_header_map,
)
from mcp.shared.message import ClientMessageMetadata, SessionMessage
from mcp_types import (
    INVALID_PARAMS,
    PROTOCOL_VERSION_META_KEY,
    ErrorData,
    JSONRPCError,
    JSONRPCRequest,
    JSONRPCResponse,
    TextContent,
    ToolAnnotations,
    jsonrpc_message_adapter,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import PrivateAttr

from toolgym._files import WriteLock, write_whole
from toolgym.errors import ConfigError, InfraError, TaskError
from toolgym.mcp.bounds import BoundedLines
from toolgym.mcp.connection import Connection, Target, WireOptions
from toolgym.mcp.content import RAW_META
from toolgym.mcp.session import ToolSession, ToolSpec
from toolgym.mcp.state import StateOptions
from toolgym.messages import ToolCall
from toolgym.tasks._located import dump_yaml, lines_of, read_yaml
from toolgym.tasks.files import read_tasks
from toolgym.trajectory import ToolResult

__all__ = ["Recorder", "relay", "served"]

_REQUEST = "(Write here what the user asked for.)"
_HEADER = "# Recorded. Say what the user asked for, strike calls that were detours, then: toolgym tasks check\n"
_DASH = re.compile(r"( *)-\s")
"""How an entry of a list begins."""
_LAST_ANSWERS_S = 10.0
"""Seconds that a server has for what was asked before the client left."""
_ANSWER_BYTES = 2**30
"""Bytes that an answer may have: the client has limits of its own."""
_WAITING = 64
"""Messages of the client's that may wait."""


class Recorder:
    """One recorded session: one task. It sees the messages that pass; the file is locked until `close`.

    What the client gets does not depend on the recording: where the file cannot be written (a full disk, say) that is
    said on stderr, once, and tried again at every later call and at the end.

    Args:
        output: the tasks file. What is in it stays; the task is added behind its tasks, and kept up to date.
        request: what the user asks for.

    Raises:
        ConfigError: the file is no YAML, or is written so that nothing can be added to its tasks.
        TaskError: it holds something other than tasks.
        LockedError: somebody else is writing it.
        OSError: it cannot be read, or its folder not be made.
    """

    def __init__(self, output: Path, request: str = ""):
        if output.suffix not in (".yaml", ".yml"):
            raise ConfigError(f"Recorded tasks are written as .yaml; the file was {str(output)!r}.")
        output.parent.mkdir(parents=True, exist_ok=True)
        self._output, self._unwritten, self._lost = output, "", 0
        self._lock = WriteLock(output)
        try:
            known = {task.id for task in read_tasks(output)[0]} if output.exists() else set()
            number = next(each for each in itertools.count(len(known) + 1) if f"recorded-{each}" not in known)
            self._task: dict[str, Any] = {"id": f"recorded-{number}", "request": request or _REQUEST, "calls": []}
            text = output.read_bytes().decode() if output.exists() else f"{_HEADER}tasks:\n"
            self._before, self._indent, self._after = _around(text)
            self._check(text)
        except BaseException:
            self._lock.release()
            raise
        self.asked: dict[Any, JSONRPCRequest] = {}
        """The client's requests that wait for their answers, by id."""

    def request(self, message: Any) -> None:
        """A message of the client's."""
        if isinstance(message, JSONRPCRequest):
            self.asked[message.id] = message

    def answer(self, message: Any) -> JSONRPCRequest | None:
        """A message of the server's; returns the request that it answers. A call that succeeded is written at once."""
        if not isinstance(message, JSONRPCResponse | JSONRPCError):
            return None
        asked = self.asked.pop(message.id, None)
        if asked is None or isinstance(message, JSONRPCError) or asked.method != "tools/call":
            return asked
        done = message.result.get("resultType", "complete") == "complete" and not message.result.get("isError")
        name, arguments = (asked.params or {}).get("name"), (asked.params or {}).get("arguments") or {}
        if done and isinstance(name, str):
            self._keep(ToolCall(name, arguments))
        return asked

    def _keep(self, call: ToolCall) -> None:
        if _can_be_written(call):
            self._task["calls"].append({call.name: call.arguments})
            self._write()
        else:
            self._lost += 1
            _say(f"a call of {call.name} has arguments that a tasks file cannot hold; it was left out")

    def close(self) -> None:
        """Ends the recording, and lets others write the file.

        Raises:
            ConfigError: the file does not hold all that was called.
        """
        if self._unwritten:
            self._write()
        self._lock.release()
        if self._unwritten:
            raise ConfigError(f"{self._unwritten}. What it holds is from before; not recorded:\n{self._entry()}")
        if self._lost:
            raise ConfigError(f"{self._output} lacks {self._lost} of the calls that were made (see above)")

    def _entry(self) -> str:
        return "".join(f"{self._indent}{line}" for line in lines_of(dump_yaml([self._task])))

    def _text(self) -> str:
        return self._before + self._entry() + self._after

    def _check(self, text: str) -> None:
        """Raises where the file with the task would not read as the file and the task."""
        was = read_yaml(text).value
        tasks = [*((was if isinstance(was, list) else was["tasks"]) or ()), self._task]
        with suppress(TaskError):
            if read_yaml(self._text()).value == (tasks if isinstance(was, list) else {**was, "tasks": tasks}):
                return
        raise ConfigError(
            f"{self._output} is written so that no task can be added behind its last one: write its tasks as a list, "
            "each after a '- ' on lines of its own, or record into another file"
        )

    def _write(self) -> None:
        try:
            write_whole(self._output, self._text())
        except OSError as error:
            if not self._unwritten:
                _say(
                    f"{self._output} cannot be written now ({error.strerror}); the calls go on, and are kept for later"
                )
            self._unwritten = f"Cannot write {self._output}: {error.strerror}"
        else:
            self._unwritten = ""


def _around(text: str) -> tuple[str, str, str]:
    """What of a tasks file stands before and after a task that is added, and how far that is indented."""
    located, lines = read_yaml(text), lines_of(text)
    begin, end = 0, len(lines)
    if isinstance(located.value, dict):
        begin = located.line(("tasks",))
        later = [line for path, line in located.lines.items() if len(path) == 1 and line > begin]
        if later:  # another key, with the comments above it
            end = min(later) - 1
            while end > begin and (not lines[end - 1].strip() or lines[end - 1].startswith("#")):
                end -= 1
    before = "".join(lines[:end])
    dash = next(filter(None, map(_DASH.match, lines[begin:end])), None)
    return before if before.endswith("\n") else f"{before}\n", dash[1] if dash else "  ", "".join(lines[end:])


def _say(what: str) -> None:
    print(f"toolgym record: {what}", file=sys.stderr, flush=True)


def _can_be_written(call: ToolCall) -> bool:
    """Whether a tasks file gives the call back as it was: not where it is nested without end, or holds no text."""
    written = [{call.name: call.arguments}]
    try:
        text = dump_yaml(written)
        text.encode()
        return read_yaml(text).value == written
    except (TaskError, yaml.YAMLError, ValueError, RecursionError):
        return False


async def relay(target: Target, state: StateOptions, recorder: Recorder) -> bool:
    """Hands messages on between this process's stdin and stdout and a server, until one of the two leaves.

    Args:
        target: the server.
        state: which of its tools are hidden.
        recorder: sees what passes.

    Returns:
        Whether it was the client that left; where the server did, stderr says so.

    Raises:
        ServerStartError: the server could not be started or reached.
    """
    options, stayed = WireOptions(max_answer_bytes=_ANSWER_BYTES), True
    async with Connection.streams(target, options) as (connection, received, to_send):
        passage, client = _Passage(connection, state, recorder), _Client()
        async with anyio.create_task_group() as tasks:

            async def upwards() -> None:
                async for message in client.messages():
                    refused = passage.up(message)
                    if refused is None:
                        await to_send.send(SessionMessage(message, passage.metadata(message)))
                    else:
                        await client.tell(refused)
                with anyio.move_on_after(_LAST_ANSWERS_S):
                    while recorder.asked:
                        await anyio.sleep(0.01)
                tasks.cancel_scope.cancel()

            async def downwards() -> None:
                with suppress(anyio.ClosedResourceError):
                    async for item in received:
                        if not isinstance(item, Exception):
                            await client.tell(passage.down(item.message))
                nonlocal stayed
                stayed = False
                print(f"toolgym record: the server left.{connection.stderr_tail()}", file=sys.stderr)
                tasks.cancel_scope.cancel()

            tasks.start_soon(upwards)
            tasks.start_soon(downwards)
    return stayed


class _Client:
    """Who speaks over this process's stdin and stdout; nobody else in this process can, from here on.

    Standard input is read in a thread that nothing waits for: the server may leave while the client is quiet.
    """

    def __init__(self) -> None:
        self._in, self._out = os.dup(0), os.dup(1)
        nowhere = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nowhere, 0)
        os.close(nowhere)
        sys.stdout.flush()
        os.dup2(2, 1)  # what a server object of this process prints is no message

    async def messages(self) -> AsyncIterator[Any]:
        """What the client says; a line that is no message is left out."""
        loop = asyncio.get_running_loop()
        lines: asyncio.Queue[bytes | None] = asyncio.Queue(_WAITING)

        def read() -> None:
            split = BoundedLines(_ANSWER_BYTES)
            with suppress(OSError, RuntimeError):  # RuntimeError: the loop has ended
                while True:
                    chunk = os.read(self._in, 65_536)
                    for line in split.feed(chunk) if chunk else [split.end()]:
                        if isinstance(line, bytes):
                            asyncio.run_coroutine_threadsafe(lines.put(line), loop).result()
                    if not chunk:
                        asyncio.run_coroutine_threadsafe(lines.put(None), loop).result()
                        return

        threading.Thread(target=read, name="toolgym-record", daemon=True).start()
        while (line := await lines.get()) is not None:
            try:
                message = jsonrpc_message_adapter.validate_json(line.decode(errors="replace"), by_name=False)
            except ValueError:
                continue
            yield message

    async def tell(self, message: Any) -> None:
        """Says something to the client."""
        await anyio.to_thread.run_sync(self._write, message.model_dump_json(by_alias=True, exclude_unset=True))

    def _write(self, text: str) -> None:
        left = memoryview(text.encode() + b"\n")
        with suppress(BrokenPipeError):  # the client has left
            while left:
                left = left[os.write(self._out, left) :]


class _Passage:
    """What is done to messages on their way: hidden tools, and the real path of a workspace, stay out of sight."""

    def __init__(self, connection: Connection, state: StateOptions, recorder: Recorder):
        self._connection, self._recorder = connection, recorder
        self._unseen = state.unseen
        self._version: str | None = None
        self._header_maps: dict[str, Any] = {}

    def up(self, message: Any) -> JSONRPCError | None:
        """Makes a client's message ready for the server; returns the answer where it must not get there."""
        params = getattr(message, "params", None) or {}
        calls = isinstance(message, JSONRPCRequest) and message.method == "tools/call"
        if calls and params.get("name") in self._unseen:
            error = ErrorData(code=INVALID_PARAMS, message=f"Unknown tool: {params['name']}")
            return JSONRPCError(jsonrpc="2.0", id=message.id, error=error)
        self._recorder.request(message.model_copy())  # as the client wrote it: a task names no real path
        if params:
            message.params = self._connection.placed(params)
        return None

    def down(self, message: Any) -> Any:
        """Makes a server's message ready for the client."""
        if isinstance(message, JSONRPCResponse):
            message.result = self._connection.shown(message.result)
            if isinstance(self._connection.server, _Served) and RAW_META in (message.result.get("_meta") or {}):
                message.result["content"] = message.result["_meta"].pop(RAW_META)
        asked = self._recorder.answer(message)
        if asked is not None and isinstance(message, JSONRPCResponse):
            if asked.method == "initialize":
                self._version = message.result.get("protocolVersion")
            if asked.method == "tools/list" and isinstance(message.result.get("tools"), list):
                self._listed(message.result)
        return message

    def _listed(self, result: dict[str, Any]) -> None:
        tools = result["tools"]
        if any(isinstance(tool, dict) and tool.get("name") in self._unseen for tool in tools):
            tools = [tool for tool in tools if not (isinstance(tool, dict) and tool.get("name") in self._unseen)]
            result["tools"] = tools
        for tool in tools:
            if isinstance(tool, dict) and isinstance(tool.get("inputSchema"), dict):
                self._header_maps[str(tool.get("name"))] = x_mcp_header_map(tool["inputSchema"])

    def metadata(self, message: Any) -> ClientMessageMetadata | None:
        """The HTTP headers that mirror a message's content, as the protocol's own client sets them."""
        params: Mapping[str, Any] = getattr(message, "params", None) or {}
        version = (params.get("_meta") or {}).get(PROTOCOL_VERSION_META_KEY, self._version)
        if not isinstance(version, str):
            return None
        headers = {MCP_PROTOCOL_VERSION_HEADER: version}
        method = getattr(message, "method", None)
        if version in MODERN_PROTOCOL_VERSIONS and method is not None:
            headers[MCP_METHOD_HEADER] = method
            name = params.get(NAME_BEARING_METHODS.get(method, ""))
            if isinstance(name, str):
                headers[MCP_NAME_HEADER] = encode_header_value(name)
            if method == "tools/call" and self._header_maps.get(str(name)):
                headers |= mcp_param_headers(self._header_maps[str(name)], params.get("arguments") or {})
        return ClientMessageMetadata(headers=headers)


class _Served(FastMCP):
    """A server with a session's tools, for `relay` alone."""


def served(session: ToolSession) -> FastMCP:
    """A server with a session's tools, to be relayed."""
    server = _Served("toolgym-record")
    for spec in session.tools:
        server.add_tool(_SessionTool.of(spec, session))
    return server


class _SessionTool(Tool):
    """A session's tool as FastMCP sees it."""

    _session: ToolSession = PrivateAttr()

    @classmethod
    def of(cls, spec: ToolSpec, session: ToolSession) -> "_SessionTool":
        hint = None if spec.writes is None else ToolAnnotations(read_only_hint=not spec.writes)
        tool = cls(
            name=spec.name,
            description=spec.description,
            parameters=spec.input_schema,
            output_schema=spec.output_schema,
            annotations=hint,
        )
        tool._session = session
        return tool

    async def run(self, arguments: dict[str, Any]) -> WireResult:
        try:
            result = await self._session.call_async(ToolCall(self.name, arguments))
        except InfraError as error:
            result = ToolResult(str(error), None, True, "infra_error")
        text = TextContent(type="text", text=result.text)
        # The protocol's models would leave out what they do not know: the relay puts it back.
        whole = None if result.content is None else {RAW_META: list(result.content)}
        return WireResult(content=[text], structured_content=result.structured, meta=whole, is_error=result.is_error)
