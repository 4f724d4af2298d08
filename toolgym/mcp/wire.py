"""Sessions on the wire: over stdio, HTTP, or a FastMCP object's own protocol layers.

`EpisodeSession` is an episode of a `ToolServer`: many share one connection and one server process. For any other server
see `toolgym.mcp.replay`.
"""

import asyncio
import secrets
from abc import abstractmethod
from contextlib import suppress
from typing import Any

from mcp.shared.exceptions import MCPError

from toolgym.errors import ConfigError, EpisodeExpiredError, InfraError, ServerDiedError
from toolgym.mcp import loop
from toolgym.mcp.arguments import refuse
from toolgym.mcp.connection import Connection
from toolgym.mcp.endpoint import (
    EPISODE_META,
    EXPIRED_META,
    OPENED_META,
    OUTCOME_META,
    VERSION_META,
    WORLD_META,
    ControlParams,
)
from toolgym.mcp.pool import Pool
from toolgym.mcp.results import refused_request, to_result
from toolgym.mcp.session import ForkKind, ToolSession, ToolSpec
from toolgym.messages import ToolCall
from toolgym.trajectory import ToolResult
from toolgym.world import Diff

__all__ = ["EpisodeSession", "WireSession"]


class WireSession(ToolSession):
    """What sessions on the wire have in common. Their coroutines run on the wire's event loop."""

    def __init__(self, pool: Pool, connection: Connection):
        self._pool, self._connection = pool, connection
        self._closed = False

    @property
    def tools(self) -> tuple[ToolSpec, ...]:
        return self._connection.tools

    def call(self, call: ToolCall) -> ToolResult:
        return refuse(call) or loop.run(self._call(call))

    async def call_async(self, call: ToolCall) -> ToolResult:
        return refuse(call) or await asyncio.wrap_future(loop.submit(self._call(call)))

    @abstractmethod
    async def _call(self, call: ToolCall) -> ToolResult:
        """Runs a call that may be sent."""

    async def _send(self, call: ToolCall, meta: dict[str, Any]) -> tuple[ToolResult, dict[str, Any]]:
        """One call on the connection: its result, and the answer's `_meta`."""
        try:
            answer = await self._connection.call_tool(call.name, call.arguments, meta)
        except MCPError as error:
            return refused_request(self.tools, call, error), {}
        given = answer.meta or {}
        return to_result(self.tools, call, answer, given.get(OUTCOME_META)), given

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            loop.run(self._close())

    @abstractmethod
    async def _close(self) -> None:
        """Ends the episode."""


class EpisodeSession(WireSession):
    """One episode of a `ToolServer` on the wire."""

    fork_kind: ForkKind = "copy"

    def __init__(self, pool: Pool, connection: Connection, world_key: Any = None):
        super().__init__(pool, connection)
        pool.enter()
        self._id = secrets.token_hex(12)
        self._world_key, self._opened, self._version = world_key, False, 0

    @property
    def episode_id(self) -> str:
        """The episode's id on its server, as in the endpoint `/episodes/ID/mcp`."""
        return self._id

    async def _call(self, call: ToolCall) -> ToolResult:
        meta: dict[str, Any] = {EPISODE_META: self._id}
        if self._opened:
            meta[OPENED_META] = True
        elif self._world_key is not None:
            meta[WORLD_META] = self._world_key
        try:
            result, given = await self._send(call, meta)
        except ServerDiedError:
            if self._pool.options.retries < 1 or not self._only_reads(call.name):
                raise
            self._connection = await self._pool.shared()  # the connection may have died and its server not
            result, given = await self._send(call, meta)
        if result.outcome == "infra_error":
            raise EpisodeExpiredError(result.text) if given.get(EXPIRED_META) else ConfigError(result.text)
        if VERSION_META in given:
            self._opened, self._version = True, given[VERSION_META]
        return result

    def _only_reads(self, name: str) -> bool:
        return any(tool.name == name and tool.writes is False for tool in self.tools)

    async def _control(self, params: ControlParams) -> dict[str, Any]:
        answer = await self._connection.control(params)
        self._opened, self._version = True, answer.get(VERSION_META, self._version)
        return answer

    async def _open(self) -> None:
        """Starts the episode on the server where no call has done so."""
        if not self._opened:
            await self._control(ControlParams(op="reset", episode=self._id, world=self._world_key))

    def reset(self, world_key: Any = None) -> None:
        async def work() -> None:
            if self._connection.dead:
                self._connection = await self._pool.shared()
            await self._control(ControlParams(op="reset", episode=self._id, world=world_key))
            self._world_key = world_key

        loop.run(work())

    def fork(self) -> "EpisodeSession":
        async def work() -> EpisodeSession:
            await self._open()
            twin = EpisodeSession(self._pool, self._connection, self._world_key)
            await self._connection.control(ControlParams(op="fork", episode=self._id, to=twin._id))
            twin._opened, twin._version = True, self._version
            return twin

        return loop.run(work())

    def diff(self) -> Diff:
        return self._snapshot()["state"]

    def snapshot(self) -> dict[str, Any]:
        """The state, for `restore`: the world's key and its diff."""
        answer = self._snapshot()
        return {"world": answer.get("world"), "state": answer["state"]}

    def _snapshot(self) -> dict[str, Any]:
        async def work() -> dict[str, Any]:
            await self._open()
            return await self._control(ControlParams(op="snapshot", episode=self._id))

        return loop.run(work())

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Puts the episode into the state of a snapshot, on this server or on another one of the same kind."""
        world, state = snapshot["world"], snapshot["state"]
        loop.run(self._control(ControlParams(op="restore", episode=self._id, world=world, state=state)))
        self._world_key = world

    def state_version(self) -> int:
        return self._version

    async def _close(self) -> None:
        if self._opened and not self._connection.dead:
            with suppress(InfraError):  # a server that is gone holds no episode
                await self._connection.control(ControlParams(op="close", episode=self._id))
        await self._pool.leave()
