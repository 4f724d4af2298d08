"""`ContainerTransport`: a FastMCP client's connection to a server that is started in a container for it."""

import asyncio
import secrets
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

import anyio
from fastmcp.client.transports import ClientTransport
from fastmcp.client.transports.base import SessionKwargs, TransportOptions
from mcp import ClientSession
from mcp.shared.message import SessionMessage
from typing_extensions import Unpack

from toolgym.errors import ServerStartError
from toolgym.mcp.bounds import BoundedLines, LongLine, read_message
from toolgym.mcp.docker import DockerTarget, container_config, host_config
from toolgym.mcp.docker_attach import STDOUT, Attached, attached, exit_code
from toolgym.mcp.docker_engine import Engine
from toolgym.mcp.transports import _plain

__all__ = ["ContainerTransport"]

T = TypeVar("T")

_TAIL_BYTES = 4_000
_EXIT_CODE_S = 2.0
"""Seconds that the exit code, which an error message gives, may come after the end of the streams."""
_REMOVE_S = 5.0
"""Seconds that closing a connection waits for its container's removal; it goes on afterwards."""


class ContainerTransport(ClientTransport):
    """Starts a container for a client's connection, and removes it with the connection.

    Args:
        target: the image and what its container may do.
        limit: bytes that an answer may have.
    """

    def __init__(self, target: DockerTarget, limit: int):
        self._target, self._limit = target, limit
        self._tail = b""
        self._end: str | None = None

    @property
    def stderr_tail(self) -> str:
        """The end of what the server wrote beside messages, and why its container ended."""
        said = self._tail.decode(errors="replace").strip()
        return "\n".join(part for part in (said, self._end) if part)

    @asynccontextmanager
    async def connect_session(
        self, *, transport_options: TransportOptions | None = None, **session_kwargs: Unpack[SessionKwargs]
    ) -> AsyncIterator[ClientSession]:
        container = _Container(self._target)
        try:
            container_id = await _in_thread(container.make)
            engine = container.engine
            async with attached(engine, container_id) as streams, _cancelling() as tasks:
                received, read_stream = anyio.create_memory_object_stream[SessionMessage | Exception](0)
                write_stream, to_send = anyio.create_memory_object_stream[SessionMessage](0)
                with received, read_stream, write_stream, to_send:
                    ended = asyncio.create_task(exit_code(engine, container_id))
                    tasks += [ended, asyncio.create_task(self._send(streams, to_send, received))]
                    await _in_thread(container.start)
                    tasks.append(asyncio.create_task(self._receive(streams, received, ended)))
                    session_class = _plain(transport_options).session_class
                    async with session_class(read_stream, write_stream, **session_kwargs) as session:
                        yield session
        finally:
            await _whatever_happens(_in_thread(container.remove))

    async def _receive(self, streams: Attached, received: Any, ended: "asyncio.Task[int | None]") -> None:
        """Hands on what the server says until its container ends."""
        lines = BoundedLines(self._limit)
        async with received:
            with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                async for stream, chunk in streams.chunks():
                    if stream == STDOUT:
                        for line in lines.feed(chunk):
                            await self._hand_on(line, received)
                    else:
                        self._note(chunk)
                with suppress(TimeoutError):
                    self._end = self._reason(await asyncio.wait_for(asyncio.shield(ended), _EXIT_CODE_S))

    async def _hand_on(self, line: bytes | LongLine, received: Any) -> None:
        message = read_message(line)
        if message is not None:
            await received.send(SessionMessage(message))
        elif isinstance(line, LongLine) or line.strip():
            self._note(line.head if isinstance(line, LongLine) else line + b"\n")

    async def _send(self, streams: Attached, to_send: Any, received: Any) -> None:
        with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):
            try:
                async for item in to_send:
                    await streams.write(
                        item.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n"
                    )
            except OSError:
                await received.aclose()  # nobody reads at the other end: the connection is over, not waiting

    def _note(self, said: bytes) -> None:
        self._tail = (self._tail + said)[-_TAIL_BYTES:]

    def _reason(self, code: int | None) -> str | None:
        if code is None:
            return None
        limit = self._target.options.memory_mb
        killed = f" (killed; a server that uses more than its memory_mb={limit} is)" if code == 137 and limit else ""
        return f"The container ended with exit code {code}{killed}."


class _Container:
    """One container's life. `remove` waits for what another thread is still doing, so that nothing is left behind."""

    def __init__(self, target: DockerTarget):
        self._target = target
        self._name = f"toolgym-{secrets.token_hex(6)}"
        self._lock = threading.Lock()
        self._engine: Engine | None = None
        self._removed = False

    @property
    def engine(self) -> Engine:
        assert self._engine is not None
        return self._engine

    def make(self) -> str:
        with self._lock:
            engine = Engine.get()
            config, limits = container_config(self._target), host_config(self._target.options, engine.info)
            if self._removed:
                raise ServerStartError("The connection was given up before its container was made.")
            self._engine = engine
            return engine.make(self._name, config, limits)

    def start(self) -> None:
        with self._lock:
            if not self._removed:
                self.engine.start(self._name)

    def remove(self) -> None:
        with self._lock:
            removed, self._removed = self._removed, True
            if not removed and self._engine is not None:
                self._engine.remove(self._name)


@asynccontextmanager
async def _cancelling() -> AsyncIterator[list["asyncio.Task[Any]"]]:
    """A list of tasks that are cancelled in the end."""
    tasks: list[asyncio.Task[Any]] = []
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _whatever_happens(work: Coroutine[Any, Any, None]) -> None:
    """Does work to its end, even where the caller is cancelled; after a while without making the caller wait."""
    doing = asyncio.ensure_future(work)
    try:
        await asyncio.wait([doing], timeout=_REMOVE_S)
    except asyncio.CancelledError:
        await asyncio.wait([doing], timeout=_REMOVE_S)
        raise


async def _in_thread(work: Callable[[], T]) -> T:
    """Runs blocking work of the engine; here, where the interpreter is about to exit and starts no more threads."""
    try:
        return await asyncio.to_thread(work)
    except RuntimeError as error:
        if "interpreter shutdown" not in str(error):
            raise
        return work()
