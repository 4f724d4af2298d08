"""Sessions on the wire: over stdio, HTTP, or a FastMCP object's own protocol layers.

`EpisodeSession` is an episode of a `ToolServer`: many share one connection and one server process. `ReplaySession` is a
whole connection to any other server, which is started anew to reset it, and forked by repeating its calls on a new one.
"""

import asyncio
import secrets
from abc import abstractmethod
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from jsonschema import SchemaError
from jsonschema.validators import validator_for
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, CallToolResult
from referencing.exceptions import Unresolvable

from toolgym.errors import ConfigError, EpisodeExpiredError, ForkUnsupportedError, InfraError
from toolgym.mcp import loop
from toolgym.mcp.arguments import refuse
from toolgym.mcp.connection import Connection, MemoryTarget, Target, UrlTarget, WireOptions, content_text
from toolgym.mcp.endpoint import (
    EPISODE_META,
    EXPIRED_META,
    OPENED_META,
    OUTCOME_META,
    VERSION_META,
    WORLD_META,
    ControlParams,
)
from toolgym.mcp.session import ForkKind, ToolSession, ToolSpec
from toolgym.messages import ToolCall
from toolgym.trajectory import CallOutcome, ToolResult
from toolgym.world import Diff

__all__ = ["EpisodeSession", "Pool", "ReplaySession", "WireSession", "classify"]


class Pool:
    """The connections to one server. Opens one when a session needs it; replaces one that has died.

    Args:
        target: the server.
        options: time limits and the protocol's revision.
    """

    def __init__(self, target: Target, options: WireOptions | None = None):
        self.target, self.options = target, options or WireOptions()
        self._shared: Connection | None = None
        self._lock: asyncio.Lock | None = None
        self._own: set[Connection] = set()

    async def shared(self) -> Connection:
        """The connection that episodes share."""
        if self._lock is None:
            self._lock = asyncio.Lock()
        async with self._lock:
            if self._shared is None or self._shared.dead:
                if self._shared is not None:
                    await self._shared.close()
                self._shared = await Connection.open(self.target, self.options)
            return self._shared

    async def own(self) -> Connection:
        """A connection for one session alone; the one that `shared` opened, where no episodes share it."""
        connection, self._shared = self._shared, None
        if connection is None or connection.dead or connection.has_episodes:
            self._shared = connection
            connection = await Connection.open(self.target, self.options)
        self._own.add(connection)
        return connection

    async def release(self, connection: Connection) -> None:
        """Closes a connection that `own` gave."""
        self._own.discard(connection)
        await connection.close()

    async def close(self) -> None:
        """Closes every connection, and so every server that was started for them."""
        connections = [*self._own, *([self._shared] if self._shared is not None else [])]
        self._own, self._shared = set(), None
        await asyncio.gather(*(connection.close() for connection in connections))


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
            return _refused_request(self.tools, call, error), {}
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
        result, given = await self._send(call, meta)
        if result.outcome == "infra_error":
            raise EpisodeExpiredError(result.text) if given.get(EXPIRED_META) else ConfigError(result.text)
        if VERSION_META in given:
            self._opened, self._version = True, given[VERSION_META]
        return result

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


class ReplaySession(WireSession):
    """A connection to a server that knows nothing of episodes.

    Started servers (a command, or a function that makes one) begin anew with each connection, so they are reset by
    reconnecting and forked by replay. The state of a server that runs elsewhere is its own: no reset, no fork.
    """

    def __init__(self, pool: Pool, connection: Connection):
        super().__init__(pool, connection)
        self._log: list[tuple[ToolCall, ToolResult]] = []
        self._version = 0
        self._lost = False  # whether a call was given up, so that nobody knows what it did
        target = pool.target
        self._restarts = not (isinstance(target, UrlTarget) or (isinstance(target, MemoryTarget) and not target.fresh))
        self._stateless = all(tool.writes is False for tool in connection.tools)
        self._writes = {tool.name: tool.writes for tool in connection.tools}
        self.fork_kind = "replay" if self._restarts or self._stateless else "none"

    async def _call(self, call: ToolCall) -> ToolResult:
        try:
            result, _ = await self._send(call, {})
        except InfraError:
            self._version += 1
            self._lost = True
            raise
        self._remember(call, result)
        return result

    def _remember(self, call: ToolCall, result: ToolResult) -> None:
        """Notes a call that may have changed the server's state, for replay."""
        if result.outcome in ("ok", "tool_error") and self._writes.get(call.name) is not False:
            self._version += 1
            self._log.append((call, result))

    def reset(self, world_key: Any = None) -> None:
        """Starts the server anew where it may have changed.

        Raises:
            ForkUnsupportedError: it cannot be started anew and has been written to, or a world was named.
        """
        if world_key is not None:
            raise ForkUnsupportedError("This server has no worlds to choose from; only a ToolServer has.")
        self._version += 1
        if not self._log and not self._lost and not self._connection.dead:
            return
        if not self._restarts:
            raise ForkUnsupportedError(
                "This server keeps its own state and cannot be reset from here. Give a command that starts it, serve "
                "it as a ToolServer, or mark its reading tools with readOnlyHint."
            )

        async def work() -> None:
            fresh = await self._pool.own()
            await self._pool.release(self._connection)
            self._connection, self._log, self._lost = fresh, [], False

        loop.run(work())

    def fork(self) -> "ReplaySession":
        if self.fork_kind == "none":
            raise ForkUnsupportedError(
                "This session can fork neither by copy nor by replay: its server runs elsewhere."
            )
        if self._lost:
            raise ForkUnsupportedError("A call to this server was given up; what it did is not known, so reset first.")
        return loop.run(self._replay(list(self._log)))

    async def _replay(self, log: Iterable[tuple[ToolCall, ToolResult]]) -> "ReplaySession":
        twin = type(self)(self._pool, await self._pool.own())
        try:
            for call, expected in log:
                if await twin._call(call) != expected:
                    raise ForkUnsupportedError(
                        f"Replaying {call.name!r} gave another result: the server is not repeatable."
                    )
        except BaseException:
            await twin._close()
            raise
        return twin

    def diff(self) -> None:
        return None

    def state_version(self) -> int:
        return self._version

    async def _close(self) -> None:
        await self._pool.release(self._connection)


def classify(tools: Iterable[ToolSpec], call: ToolCall) -> CallOutcome:
    """Why a call failed at a server that does not say: the name, the arguments by the schema, or else the tool."""
    spec = next((tool for tool in tools if tool.name == call.name), None)
    if spec is None:
        return "unknown_tool"
    try:
        valid = validator_for(spec.input_schema)(spec.input_schema).is_valid(call.arguments)
    except (SchemaError, Unresolvable):
        return "tool_error"
    return "tool_error" if valid else "invalid_arguments"


def to_result(
    tools: Iterable[ToolSpec], call: ToolCall, answer: CallToolResult, outcome: CallOutcome | None = None
) -> ToolResult:
    """The `ToolResult` of an MCP result; its outcome by rule where the server gave none."""
    failed = bool(answer.is_error)
    if outcome is None:
        outcome = classify(tools, call) if failed else "ok"
    return ToolResult(content_text(answer.content), answer.structured_content, failed, outcome)


def _refused_request(tools: Iterable[ToolSpec], call: ToolCall, error: MCPError) -> ToolResult:
    """The result of a call that the server answered with a protocol error, as some do for what the policy did wrong."""
    outcome = classify(tools, call)
    if outcome == "tool_error":
        if error.error.code != INVALID_PARAMS:
            raise InfraError(f"The server failed on a call of {call.name!r}: {error}") from error
        outcome = "invalid_arguments"
    return ToolResult(error.error.message, None, True, outcome)
