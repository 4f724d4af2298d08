"""Sessions on the wire: over stdio, HTTP, or a FastMCP object's own protocol layers.

`EpisodeSession` is an episode of a `ToolServer`: many share one connection and one server process. For any other server
see `toolgym.mcp.replay`.
"""

import asyncio
import secrets
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from mcp.shared.exceptions import MCPError

from toolgym.errors import (
    CallTimeoutError,
    ConfigError,
    EpisodeExpiredError,
    ForkUnsupportedError,
    InfraError,
)
from toolgym.mcp import loop
from toolgym.mcp.arguments import refuse
from toolgym.mcp.connection import CommandTarget, Connection
from toolgym.mcp.docker import DockerTarget
from toolgym.mcp.endpoint import (
    EPISODE_META,
    EXPIRED_META,
    OPENED_META,
    OUTCOME_META,
    ROLE_META,
    VERSION_META,
    WORLD_META,
    ControlParams,
)
from toolgym.mcp.pool import Pool
from toolgym.mcp.results import refused_request, to_result
from toolgym.mcp.session import ForkKind, Role, ToolSession, ToolSpec
from toolgym.messages import ToolCall
from toolgym.trajectory import ToolResult
from toolgym.world import Diff

__all__ = ["EpisodeSession", "WireSession"]

_REPEAT_S = 10.0
"""Seconds of a reading call's time that are kept for each repetition, unless its share is less."""


class WireSession(ToolSession):
    """What sessions on the wire have in common. Their coroutines run on the wire's event loop.

    A call whose end was not seen (an interrupt, a cancelled caller, a time limit, a server that died) may have done
    anything, and may be doing it still: the session then cannot fork until `reset` has begun afresh.
    """

    def __init__(self, pool: Pool, connection: Connection):
        self._pool, self._connection = pool, connection
        self._closed = False
        self._lost: str | None = None  # the name of a call that was given up, so that nobody knows what it did
        self._open: set[object] = set()  # a token for each call that has begun; one that was given up leaves its own

    @property
    def tools(self) -> tuple[ToolSpec, ...]:
        return self._connection.tools

    @property
    def listed_tools(self) -> tuple[ToolSpec, ...]:
        return self._connection.listed

    def call(self, call: ToolCall) -> ToolResult:
        refused = refuse(call)
        if refused is not None:
            return refused
        with self._watched(call):
            return loop.run(self._call(call))

    async def call_async(self, call: ToolCall) -> ToolResult:
        refused = refuse(call)
        if refused is not None:
            return refused
        with self._watched(call):
            return await asyncio.wrap_future(loop.submit(self._call(call)))

    @contextmanager
    def _watched(self, call: ToolCall) -> Iterator[None]:
        """Around a call, in its caller's thread: notices where its end is not seen."""
        self._check_open()
        token = object()
        self._open.add(token)
        try:
            yield
        except (ConfigError, EpisodeExpiredError, ForkUnsupportedError):
            self._open.discard(token)  # the server's answer, or nothing was sent
            raise
        except BaseException:
            if self._give_up(call):
                self._lost = call.name
            else:
                self._open.discard(token)
            raise
        self._open.discard(token)

    @abstractmethod
    def _give_up(self, call: ToolCall) -> bool:
        """Whether a call whose end was not seen leaves the session in a state that nobody knows."""

    @property
    def _unsure(self) -> bool:
        """Whether a call was given up, or has not ended yet."""
        return self._lost is not None or bool(self._open)

    def _settled(self) -> None:
        """Notes that the session has begun afresh."""
        self._lost = None
        self._open.clear()

    def _check_open(self) -> None:
        if self._closed:
            raise InfraError(
                "This session is closed, and its server may be another session's by now: open a new session."
            )

    def _check_forkable(self) -> None:
        self._check_open()
        if self._lost is not None:
            raise ForkUnsupportedError(
                f"The call of {self._lost!r} was given up before its end was seen, so nobody knows what it did: "
                "reset the session first."
            )

    @abstractmethod
    async def _call(self, call: ToolCall) -> ToolResult:
        """Runs a call that may be sent."""

    async def _send(self, call: ToolCall, meta: dict[str, Any]) -> tuple[ToolResult, dict[str, Any]]:
        """One call on the connection: its result, and the answer's `_meta`."""
        tools = self.user_tools if ROLE_META in meta else self.tools
        try:
            answer = await self._connection.call_tool(call.name, call.arguments, meta)
        except MCPError as error:
            return refused_request(tools, call, error), {}
        given = answer.meta or {}
        # Only a `ToolServer` knows what its outcomes mean.
        outcome = given.get(OUTCOME_META) if self._connection.has_episodes else None
        return to_result(tools, call, answer, outcome), given

    async def _send_read(self, call: ToolCall, meta: dict[str, Any]) -> tuple[ToolResult, dict[str, Any]]:
        """A call that only reads: sent again where the infrastructure failed, all within one call's time limit.

        Raises:
            InfraError: the last failure.
        """
        limit_s, repeats = self._pool.options.timeout_s, self._pool.options.retries
        kept_s = min(_REPEAT_S, limit_s / (repeats + 1))
        end = asyncio.get_running_loop().time() + limit_s
        failure: InfraError | None = None
        for left in range(repeats, -1, -1):
            try:
                async with asyncio.timeout_at(end - left * kept_s):
                    if failure is not None:
                        await self._recover(failure)
                    return await self._send(call, meta)
            except TimeoutError:
                failure = CallTimeoutError(
                    f"No answer to the call of {call.name!r} within {limit_s:g} s, sent {repeats + 1 - left} times."
                )
            except InfraError as error:
                failure = error
        assert failure is not None
        raise failure

    @abstractmethod
    async def _recover(self, failure: InfraError) -> None:
        """Makes ready for repeating a call that only reads.

        Raises:
            InfraError: it cannot be repeated.
        """

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
        self._id, self._ids = secrets.token_hex(12), 0
        self._world_key, self._opened, self._version = world_key, False, 0

    @property
    def episode_id(self) -> str:
        """The episode's id on its server, as in the endpoint `/episodes/ID/mcp`."""
        return self._id

    @property
    def user_tools(self) -> tuple[ToolSpec, ...]:
        return self._connection.user_tools

    def call_as_user(self, call: ToolCall) -> ToolResult:
        refused = refuse(call)
        if refused is not None:
            return refused
        with self._watched(call):
            return loop.run(self._call(call, "user"))

    async def call_as_user_async(self, call: ToolCall) -> ToolResult:
        refused = refuse(call)
        if refused is not None:
            return refused
        with self._watched(call):
            return await asyncio.wrap_future(loop.submit(self._call(call, "user")))

    async def _call(self, call: ToolCall, role: Role = "agent") -> ToolResult:
        meta: dict[str, Any] = {EPISODE_META: self._id}
        if role != "agent":
            meta[ROLE_META] = role
        if self._opened:
            meta[OPENED_META] = True
        elif self._world_key is not None:
            meta[WORLD_META] = self._world_key
        await self._reconnect()
        send = self._send_read if call.name in self._connection.reading else self._send
        result, given = await send(call, meta)
        if result.outcome == "infra_error":
            raise EpisodeExpiredError(result.text) if given.get(EXPIRED_META) else ConfigError(result.text)
        if VERSION_META in given:
            self._opened, self._version = True, given[VERSION_META]
        return result

    def _give_up(self, call: ToolCall) -> bool:
        return call.name not in self._connection.reading

    async def _recover(self, failure: InfraError) -> None:
        await self._reconnect()

    async def _reconnect(self) -> None:
        """Goes over to a connection that lives: its episode may have outlived the one that it came by."""
        if self._connection.dead:
            self._connection = await self._pool.shared()

    async def _control(self, params: ControlParams) -> dict[str, Any]:
        answer = await self._connection.control(params)
        self._opened, self._version = True, answer.get(VERSION_META, self._version)
        return answer

    async def _start(self) -> None:
        """Starts the episode on the server where no call has done so."""
        if not self._opened:
            await self._control(ControlParams(op="reset", episode=self._id, world=self._world_key))

    def reset(self, world_key: Any = None) -> None:
        self._begin(ControlParams(op="reset", episode=self._id, world=world_key))
        self._world_key = world_key

    def _begin(self, params: ControlParams) -> None:
        """Puts the episode into a state that does not depend on what it was."""
        self._check_open()
        if self._unsure:
            self._take_new_id()
            params = params.model_copy(update={"episode": self._id})
        self._lost = f"toolgym/{params.op}"  # until its end is seen
        loop.run(self._begin_on_a_live_server(params))
        self._settled()

    async def _begin_on_a_live_server(self, params: ControlParams) -> None:
        await self._reconnect()
        try:
            await self._control(params)
        except CallTimeoutError:
            if not isinstance(self._pool.target, CommandTarget | DockerTarget):
                raise
            # A server that cannot even begin an episode hangs in one of its calls; it was started here, so start anew.
            self._connection.dead = True
            await self._reconnect()
            await self._control(params)

    def _take_new_id(self) -> None:
        """Leaves the episode behind: what was given up may still arrive there, and change nothing here."""
        loop.submit(_forget(self._connection, self._id))
        self._id, self._ids, self._opened = secrets.token_hex(12), self._ids + 1, False

    def fork(self) -> "EpisodeSession":
        self._check_forkable()

        async def work() -> EpisodeSession:
            await self._start()
            twin = EpisodeSession(self._pool, self._connection, self._world_key)
            try:
                await self._connection.control(ControlParams(op="fork", episode=self._id, to=twin._id))
            except BaseException:
                await self._pool.leave()
                raise
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
            await self._start()
            return await self._control(ControlParams(op="snapshot", episode=self._id))

        return loop.run(work())

    def restore(self, snapshot: dict[str, Any]) -> None:
        """Puts the episode into the state of a snapshot, on this server or on another one of the same kind."""
        world, state = snapshot["world"], snapshot["state"]
        self._begin(ControlParams(op="restore", episode=self._id, world=world, state=state))
        self._world_key = world

    def state_version(self) -> int:
        return (self._ids << 80) + self._version

    async def _close(self) -> None:
        if self._opened and not self._connection.dead:
            with suppress(InfraError):  # a server that is gone holds no episode
                await self._connection.control(ControlParams(op="close", episode=self._id))
        await self._pool.leave()


async def _forget(connection: Connection, episode: str) -> None:
    """Ends an episode that was left behind, where its server still answers."""
    if not connection.dead:
        with suppress(InfraError, ConfigError):
            await connection.control(ControlParams(op="close", episode=episode))
