"""`Pool`: the connections to one server, shared by its sessions, kept ahead of need, and never left behind."""

import asyncio
import os
from contextlib import suppress
from dataclasses import replace

from toolgym.errors import InfraError
from toolgym.mcp.connection import Connection, Mode, Target, UrlTarget, WireOptions

__all__ = ["Pool"]


class Pool:
    """The connections to one server. Opens one when a session needs it; replaces one that has died.

    Where sessions have servers of their own, `WireOptions.spares` of them are started ahead, as soon as one was handed
    out; when the last session is closed, so are they.

    Args:
        target: the server.
        options: time limits and the protocol's revision.
    """

    def __init__(self, target: Target, options: WireOptions | None = None):
        self.target, self.options = target, options or WireOptions()
        self.unsettled = False
        """Whether a call was given up on a server that cannot be started anew, so that nobody knows its state."""
        self.written = False
        """Whether a session has written: where the server cannot be started anew, all of them see it."""
        self.changes, self.changed = 0, False
        """Of a server that cannot be started anew: how often its state may have become another, and whether it may be
        another than its reset tool puts it into."""
        self._forget()

    def _forget(self) -> None:
        self._pid = os.getpid()
        self._shared: Connection | None = None
        self._lock: asyncio.Lock | None = None
        self._own: set[Connection] = set()
        self._spares: list[asyncio.Future[Connection]] = []
        self._closing: set[asyncio.Task[None]] = set()
        self._episodes = 0
        self._mode: Mode | None = None

    async def shared(self) -> Connection:
        """The connection that episodes share."""
        self._check_process()
        if self._lock is None:
            self._lock = asyncio.Lock()
        async with self._lock:
            if self._shared is None or self._shared.dead:
                if self._shared is not None:
                    await self._shared.close()
                self._shared = await self._spare() or await self._open()
            return self._shared

    def enter(self) -> None:
        """Counts an episode on the shared connection."""
        self._episodes += 1

    async def leave(self) -> None:
        """An episode has ended. With the last one the shared connection goes too, where idle servers are not kept."""
        self._episodes -= 1
        if self._episodes <= 0 and not self.options.keeps_idle and self._shared is not None:
            shared, self._shared = self._shared, None
            await shared.close()

    async def own(self) -> Connection:
        """A connection for one session alone: a spare, the one that `shared` opened for nobody, or a new one."""
        self._check_process()
        connection, self._shared = self._shared, None
        if connection is not None and (connection.dead or connection.has_episodes):
            self._shared, connection = connection, None
        connection = connection or await self._spare() or await self._open()
        self._own.add(connection)
        self._refill(connection)
        return connection

    async def release(self, connection: Connection) -> None:
        """Closes a connection that `own` gave; with the last one the spares go too."""
        self._own.discard(connection)
        spares = [] if self._own else self._take_spares()
        await asyncio.gather(connection.close(), *(_closed(spare) for spare in spares))

    async def give_back(self, connection: Connection) -> None:
        """Takes back a connection that `own` gave and that nobody wrote to: it is as good as one started ahead."""
        others = len(self._own) > 1 and len(self._spares) <= self.options.spares
        if connection.dead or not self.options.spares or not others:
            await self.release(connection)
            return
        self._own.discard(connection)
        kept: asyncio.Future[Connection] = asyncio.get_running_loop().create_future()
        kept.set_result(connection)
        self._spares.insert(0, kept)

    async def replace(self, connection: Connection) -> Connection:
        """A fresh connection in place of one that `own` gave, which is closed meanwhile."""
        fresh = await self.own()
        self.retire(connection)
        return fresh

    def retire(self, connection: Connection) -> None:
        """Closes a connection that `own` gave, without making the caller wait."""
        self._own.discard(connection)
        closing = asyncio.ensure_future(connection.close())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Closes every connection, and so every server that was started for them."""
        self._check_process()
        connections = [*self._own, *([self._shared] if self._shared is not None else [])]
        self._own, self._shared = set(), None
        spares, closing = self._take_spares(), list(self._closing)
        await asyncio.gather(*(one.close() for one in connections), *(_closed(one) for one in spares), *closing)

    async def _open(self) -> Connection:
        """A new connection; what it found out about the protocol's revision, the next ones know."""
        connection = await Connection.open(self.target, replace(self.options, mode=self._mode or self.options.mode))
        if connection.mode == "legacy":
            self._mode = connection.mode
        return connection

    async def _spare(self) -> Connection | None:
        """A server that was started ahead and still lives."""
        while self._spares:
            with suppress(InfraError):  # one that failed; the caller's own attempt will say why
                connection = await self._spares.pop(0)
                if not connection.dead:
                    return connection
                await connection.close()
        return None

    def _refill(self, pattern: Connection) -> None:
        if pattern.server is not None or pattern.has_episodes:
            return  # an object of this process is made in no time
        while len(self._spares) < self.options.spares and not isinstance(self.target, UrlTarget):
            self._spares.append(asyncio.ensure_future(self._open()))

    def _take_spares(self) -> "list[asyncio.Future[Connection]]":
        spares, self._spares = self._spares, []
        return spares

    def _check_process(self) -> None:
        """After a fork the parent's connections are the parent's."""
        if self._pid != os.getpid():
            self._forget()


async def _closed(spare: "asyncio.Future[Connection]") -> None:
    spare.cancel()
    with suppress(InfraError, asyncio.CancelledError):
        await (await spare).close()
