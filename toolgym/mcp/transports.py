"""Transports that trust the server with nothing: bounded answers, bounded stderr, and a process that always ends.

FastMCP's client runs on top of them as on its own. What they add: an answer is read within a limit (see
`toolgym.mcp.bounds`), what is no message never reaches the client, output schemas that the server declares are not
compiled (a pattern in one can run for ever), and a started server ends with all that it started when the connection
closes or this process is killed (see `toolgym.mcp.processes`).
"""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any, cast

import anyio
from fastmcp.client.transports import ClientTransport, FastMCPTransport
from fastmcp.client.transports.base import SessionKwargs, TransportOptions
from mcp import ClientSession
from mcp.client.stdio import get_default_environment
from mcp.shared.message import SessionMessage
from mcp_types import CallToolResult
from typing_extensions import Unpack

from toolgym.mcp.bounds import BoundedLines, LongLine, read_message
from toolgym.mcp.listing import TolerantDispatcher
from toolgym.mcp.processes import ServerProcess

__all__ = ["BoundedStdioTransport", "MemoryTransport", "Streams"]

_TAIL_BYTES = 4_000
_CHUNK_BYTES = 65_536


class _Session(ClientSession):
    """A client session that takes a result as it is, whatever output schema its tool declared.

    One bad tool in a listing does not spoil the others (see `toolgym.mcp.listing`).
    """

    on_tools_changed: Callable[[], None] | None = None
    """Is told when the server says that its tools have changed."""

    def __init__(self, read_stream: Any = None, write_stream: Any = None, **settings: Any):
        if read_stream is not None and write_stream is not None:
            settings["dispatcher"] = TolerantDispatcher(
                read_stream, write_stream, lambda: self.protocol_version, self._tools_changed
            )
            read_stream = write_stream = None
        super().__init__(read_stream, write_stream, **settings)

    def _tools_changed(self) -> None:
        if self.on_tools_changed is not None:
            self.on_tools_changed()

    async def validate_tool_result(self, name: str, result: CallToolResult) -> None:
        """Accepts every result."""


def _plain(options: TransportOptions | None) -> TransportOptions:
    given = options or TransportOptions()
    return replace(given, session_class=_Session) if given.session_class is ClientSession else given


class Streams:
    """In a client session's place: the transport's streams themselves, for whoever passes messages on."""

    def __init__(self, read_stream: Any, write_stream: Any, **settings: Any):
        self.received, self.to_send = read_stream, write_stream

    async def __aenter__(self) -> "Streams":
        return self

    async def __aexit__(self, *error: object) -> None:
        """Leaves the streams to the transport."""


class MemoryTransport(FastMCPTransport):
    """A FastMCP object of this process."""

    @asynccontextmanager
    async def connect_session(
        self, *, transport_options: TransportOptions | None = None, **session_kwargs: Unpack[SessionKwargs]
    ) -> AsyncIterator[ClientSession]:
        async with super().connect_session(transport_options=_plain(transport_options), **session_kwargs) as session:
            yield session


class BoundedStdioTransport(ClientTransport):
    """A server that is started as a process: one JSON-RPC message a line over stdin and stdout.

    Args:
        command: the program and its arguments.
        env: environment variables beside the safe few that a server inherits.
        cwd: the folder that it runs in.
        limit: bytes that an answer may have.
        folder: a folder that is removed when this process is killed.
    """

    def __init__(self, command: tuple[str, ...], env: Mapping[str, str], cwd: str | None, limit: int, folder: str = ""):
        self._command, self._env, self._cwd, self._limit = command, dict(env), cwd, limit
        self._folder = folder
        self._tail = b""
        self.garbage = 0
        """Lines on stdout that were no messages."""

    @property
    def stderr_tail(self) -> str:
        """The end of what the server wrote to stderr (or, in place of messages, to stdout)."""
        return self._tail.decode(errors="replace").strip()

    @asynccontextmanager
    async def connect_session(
        self, *, transport_options: TransportOptions | None = None, **session_kwargs: Unpack[SessionKwargs]
    ) -> AsyncIterator[ClientSession]:
        program = self._command[0]
        if shutil.which(program, path=self._env.get("PATH")) is None and not (self._cwd and os.sep in program):
            raise FileNotFoundError(f"there is no program {program!r}")
        server = await ServerProcess.start(
            self._command, get_default_environment() | self._env, self._cwd, self._folder
        )
        process = server.process
        received, read_stream = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        write_stream, to_send = anyio.create_memory_object_stream[SessionMessage](0)
        tasks = [
            asyncio.create_task(self._receive(process, received)),
            asyncio.create_task(self._send(process, to_send, received)),
            asyncio.create_task(self._listen(process)),
        ]
        try:
            async with _plain(transport_options).session_class(read_stream, write_stream, **session_kwargs) as session:
                yield session
        finally:
            ending = asyncio.ensure_future(self._end(server, tasks))
            try:
                await asyncio.shield(ending)
            except asyncio.CancelledError:
                # Cancelled while ending it: the process must be gone all the same.
                server.kill()
                raise
            finally:
                for stream in (received, read_stream, write_stream, to_send):
                    stream.close()

    async def _receive(self, process: asyncio.subprocess.Process, received: Any) -> None:
        """Hands on what the server says; afterwards reads on, so that it is not stuck in writing when it should end."""
        stdout = cast(asyncio.StreamReader, process.stdout)
        lines = BoundedLines(self._limit)
        async with received:
            with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, ConnectionError):
                while chunk := await stdout.read(_CHUNK_BYTES):
                    for line in lines.feed(chunk):
                        await self._hand_on(line, received)
                await self._hand_on(lines.end(), received)
        with suppress(ConnectionError):
            while await stdout.read(_CHUNK_BYTES):
                continue

    async def _hand_on(self, line: bytes | LongLine, received: Any) -> None:
        message = read_message(line)
        if message is not None:
            await received.send(SessionMessage(message))
        elif isinstance(line, LongLine) or line.strip():
            self.garbage += 1
            self._note(line.head if isinstance(line, LongLine) else line + b"\n")

    async def _send(self, process: asyncio.subprocess.Process, to_send: Any, received: Any) -> None:
        stdin = cast(asyncio.StreamWriter, process.stdin)
        with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):
            try:
                async with to_send:
                    async for item in to_send:
                        stdin.write(item.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n")
                        await stdin.drain()
            except OSError:
                await received.aclose()  # nobody reads at the other end: the connection is over, not waiting

    async def _listen(self, process: asyncio.subprocess.Process) -> None:
        stderr = cast(asyncio.StreamReader, process.stderr)
        with suppress(ConnectionError):
            while chunk := await stderr.read(_CHUNK_BYTES):
                self._note(chunk)

    def _note(self, said: bytes) -> None:
        self._tail = (self._tail + said)[-_TAIL_BYTES:]

    async def _end(self, server: ServerProcess, tasks: list["asyncio.Task[None]"]) -> None:
        """Closes stdin, waits, then ends whatever is left of the server and of what it started."""
        process = server.process
        with suppress(OSError):
            cast(asyncio.StreamWriter, process.stdin).close()
        await server.end()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        transport = getattr(process, "_transport", None)  # asyncio offers no other way to close the pipes
        if transport is not None:
            transport.close()
