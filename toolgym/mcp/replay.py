"""`ReplaySession`: an episode on a server that knows nothing of episodes, and so has a whole connection to itself.

Started servers (a command, a container, a function that makes one) begin anew with each connection: they are reset by
reconnecting and forked by repeating the calls on a new one. A server with reset, snapshot and restore tools (see
`toolgym.mcp.state`) is reset and forked by those. The state of any other server that runs elsewhere is its own: no
reset, no fork.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from toolgym.errors import CallTimeoutError, ConfigError, ForkUnsupportedError, InfraError
from toolgym.mcp import loop
from toolgym.mcp.arguments import unknown_tool
from toolgym.mcp.bounds import CUT_META
from toolgym.mcp.connection import CommandTarget, Connection, MemoryTarget, UrlTarget
from toolgym.mcp.ignore import below, make_paths, without
from toolgym.mcp.pool import Pool
from toolgym.mcp.rows import NO_DATABASE
from toolgym.mcp.session import ToolSpec
from toolgym.mcp.sqlite_state import workspace_tables
from toolgym.mcp.state import StateOptions, Tables, answer_of, state_for, table_of, tables_diff
from toolgym.mcp.wire import WireSession
from toolgym.messages import ToolCall
from toolgym.trajectory import ToolResult
from toolgym.world import Diff

__all__ = ["ReplaySession"]


class ReplaySession(WireSession):
    """One episode on a connection of its own.

    Args:
        pool: where connections come from.
        connection: the session's.
        state: how the server's state is seen and reset.
    """

    def __init__(self, pool: Pool, connection: Connection, state: StateOptions | None = None):
        super().__init__(pool, connection)
        self._state = state or StateOptions()
        self._log: list[tuple[ToolCall, ToolResult]] = []
        self._version = 0
        self._base: Tables | None = None
        self._seen: int | None = None
        """The pool's changes that this episode knows of: those before it began, and its own."""
        self._ignored = make_paths(self._state.ignore)
        target = pool.target
        self._database = target.database if isinstance(target, CommandTarget) else NO_DATABASE
        self._restarts = not (isinstance(target, UrlTarget) or (isinstance(target, MemoryTarget) and not target.fresh))
        self._use(connection)
        stateless = all(tool.writes is False for tool in self._specs)
        self.fork_kind = "copy" if self._copies else "replay" if self._restarts or stateless else "none"

    def _use(self, connection: Connection) -> None:
        self._connection, self._listed = connection, connection.tools
        all_tools = {tool.name: tool for tool in self._listed}
        self._specs = tuple(tool for tool in self._listed if tool.name not in self._state.unseen)
        self._writes = {tool.name: tool.writes for tool in self._specs}
        state = self._state
        self._reset_spec, self._restore_spec = all_tools.get(state.reset_tool), all_tools.get(state.restore_tool)
        # Only a server that can be had twice can be copied: a twin needs a process of its own.
        self._copies = self._restarts and {state.snapshot_tool, state.restore_tool} <= all_tools.keys()
        self._watches = bool(state.state_tools or self._places()) or state.snapshot_tool in all_tools

    def _places(self) -> list[str]:
        """Where else than by tools the state is seen, as `sees` says it."""
        connection, options = self._connection, self._database
        places = [] if connection.workspace is None else ["workspace"]
        places += [] if connection.database is None else [f"database: {options.template}"]
        return [*places, *([f"tables: {', '.join(sorted(options.tables))}"] if options.tables else [])]

    def _follow(self) -> None:
        """Goes over to the tools that the server has now."""
        if self._connection.tools is self._listed:
            return
        self._use(self._connection)
        if not self._restarts and any(self._writes[name] is not False for name in self._writes):
            self.fork_kind = "none"  # what only read before writes now, on a server that there is but once

    @property
    def tools(self) -> tuple[ToolSpec, ...]:
        self._follow()
        return self._specs

    async def _call(self, call: ToolCall) -> ToolResult:
        self._follow()
        if call.name not in self._writes:
            return unknown_tool(call.name)
        self._check_alone()
        if self._watches and self._base is None and self._writes[call.name] is not False:
            self._base = await self._tables()
        self._announce(call)
        send = self._send if self._writes[call.name] is not False else self._send_read
        result, _ = await send(call, {})
        self._remember(call, result)
        await self._connection.settled()
        self._follow()
        return result

    def _check_alone(self) -> None:
        """Checks that nobody else has changed what this episode began with.

        Raises:
            ConfigError: another episode has, on a server that has one state for all.
        """
        if self._seen is not None and self._seen != self._pool.changes:
            raise ConfigError(
                "Another episode has changed this server's state since this one began: a server object, or one at a "
                "URL, has one state, and so one episode at a time that writes. Play one after the other (num_envs=1), "
                "give a function that makes the server or a command that starts it, or mark its reading tools with "
                "readOnlyHint."
            )

    def _announce(self, call: ToolCall) -> None:
        """Tells all other sessions of a call that may write, where they have the same server."""
        if self._restarts or self._writes.get(call.name) is False:
            return
        self._pool.changes, self._pool.changed = self._pool.changes + 1, True
        if self._seen is not None:
            self._seen += 1

    def _give_up(self, call: ToolCall) -> bool:
        if call.name not in self._writes:
            return False  # it was not sent
        self._version += 1
        writes = self._writes[call.name] is not False
        if not self._restarts:
            self._pool.unsettled = self._pool.unsettled or writes
        # A started server that hangs under a read is as little use to the next episode as one that was written to.
        return self._restarts or writes

    def _remember(self, call: ToolCall, result: ToolResult) -> None:
        """Notes a call that was sent and may have changed the server's state, for replay.

        How it ended does not tell: FastMCP runs a tool on arguments that its schema forbids ("5" for an integer), and
        it may write before it fails.
        """
        if self._writes.get(call.name) is not False:
            self._version += 1
            self._log.append((call, result))
            self._pool.written = True

    async def _recover(self, failure: InfraError) -> None:
        """Starts a server that died or hangs under a reading call anew, and brings it into its state by replay."""
        if not self._connection.dead and not (self._restarts and isinstance(failure, CallTimeoutError)):
            return
        if not self._restarts or self._lost is not None:
            raise failure
        try:
            twin = await self._replay(list(self._log))
        except ForkUnsupportedError as error:
            raise failure from error
        stale = self._connection
        self._use(twin._connection)
        self._pool.retire(stale)

    def reset(self, world_key: Any = None) -> None:
        """Puts the server into its initial state: by its reset tool, or by starting it anew where it may have changed.

        Raises:
            ForkUnsupportedError: it has been written to and cannot be reset, or it has no worlds and one was named.
        """
        self._check_open()
        chooses = self._reset_spec is not None and "world" in self._reset_spec.input_schema.get("properties", {})
        if world_key is not None and not chooses:
            raise ForkUnsupportedError("This server has no worlds to choose from; only a ToolServer has.")
        self._version += 1
        unsure = self._unsure or self._pool.unsettled
        changed = self._connection.changed and self._restarts
        fresh = not self._log and not unsure and not changed and world_key is None
        if not self._restarts:  # other sessions have the same server, and a reset tool is there for what others did
            fresh = fresh and not self._pool.written and self._reset_spec is None
        if fresh:
            self._seen = None if self._restarts else self._pool.changes
            if self._connection.dead:
                loop.run(self._restart())
            return
        healthy = not unsure and not changed and not self._connection.dead
        if self._reset_spec is not None and (healthy or not self._restarts):
            self._lost = self._reset_spec.name  # until its end is seen
            if not self._restarts:
                self._pool.changes, self._pool.changed = self._pool.changes + self._pool.changed, False
                self._seen = self._pool.changes
            loop.run(self._reset_by_tool({} if world_key is None else {"world": world_key}))
        elif not self._restarts:
            raise ForkUnsupportedError(
                "This server keeps its own state, was written to (by an episode, or by a gold chain that was executed) "
                "and cannot be reset from here. Give a command that starts it or a function that makes it, serve it as "
                "a ToolServer, give it a reset tool, or mark its reading tools with readOnlyHint."
            )
        else:
            loop.run(self._restart())
            if world_key is not None:
                self._lost = self._state.reset_tool
                loop.run(self._reset_by_tool({"world": world_key}))

    async def _reset_by_tool(self, arguments: dict[str, Any]) -> None:
        if self._connection.dead:
            self._use(await self._pool.replace(self._connection))
        await self._operate(self._state.reset_tool, arguments)
        self._pool.unsettled = False
        self._begin_afresh()

    async def _restart(self) -> None:
        self._use(await self._pool.replace(self._connection))
        self._begin_afresh()

    def _begin_afresh(self) -> None:
        self._log, self._base = [], None
        self._settled()

    def fork(self) -> "ReplaySession":
        if self.fork_kind == "none":
            raise ForkUnsupportedError(
                "This session can fork neither by copy nor by replay: its server runs elsewhere."
            )
        self._check_forkable()
        twin = loop.run(self._copy() if self._copies else self._replay(list(self._log)))
        twin._base = self._base
        return twin

    async def _copy(self) -> "ReplaySession":
        assert self._restore_spec is not None
        state = state_for(self._restore_spec, await self._operate(self._state.snapshot_tool, {}))
        twin = await self._twin()
        try:
            await twin._operate(self._state.restore_tool, {"state": state})
        except BaseException:
            await twin._close()
            raise
        twin._log, twin._version = list(self._log), self._version
        return twin

    async def _replay(self, log: Iterable[tuple[ToolCall, ToolResult]]) -> "ReplaySession":
        twin = await self._twin()
        try:
            for call, expected in log:
                if await twin._call(call) != expected:
                    raise ForkUnsupportedError(
                        f"Replaying {call.name!r} gave another result: the server is not repeatable."
                    )
        except BaseException:
            self._pool.retire(twin._connection)  # which may take a while; the caller may have none left
            raise
        return twin

    async def _twin(self) -> "ReplaySession":
        return type(self)(self._pool, await self._pool.own(), self._state)

    async def _operate(self, tool: str, arguments: dict[str, Any]) -> ToolResult:
        """Calls a tool for the infrastructure's own ends.

        Raises:
            InfraError: it failed.
        """
        result = await self._whole(ToolCall(tool, arguments))
        if result.is_error:
            raise InfraError(f"The server's {tool!r} failed: {result.text[:300]}")
        return result

    async def _whole(self, call: ToolCall) -> ToolResult:
        """The result of a call for the infrastructure's own ends: a state that was cut is none.

        Raises:
            InfraError: its answer was too long.
        """
        result, given = await self._send(call, {})
        if CUT_META in given:
            raise InfraError(
                f"The answer of {call.name!r}, which is to tell the state, has {given[CUT_META]} bytes, and at most "
                f"{self._pool.options.max_answer_bytes} are read: allow more by max_answer_bytes."
            )
        return result

    async def _tables(self) -> Tables:
        """The server's state now, without what does not count."""
        return without(await self._all_tables(), self._ignored)

    async def _all_tables(self) -> Tables:
        tables: Tables = {}
        for tool in self._state.state_tools:
            result = await self._whole(ToolCall(tool.name, dict(tool.arguments)))
            table = tool.table or tool.name
            tables[table] = table_of(tool, result, below(self._ignored, table))
        if tables:
            return tables
        offered = {tool.name for tool in self._connection.tools}
        if self._state.snapshot_tool in offered and self._connection.database is None:
            state = answer_of(await self._operate(self._state.snapshot_tool, {}))
            state = state if isinstance(state, dict) else {"state": state}
            return {name: value if isinstance(value, dict) else {"value": value} for name, value in state.items()}
        return await asyncio.to_thread(self._look)

    def _look(self) -> Tables:
        """What is in the server's workspace and in its database, by the names that agents see."""
        connection, options, first = self._connection, self._database, self._base is None
        tables: Tables = {}
        if connection.database is not None:
            tables = connection.database.tables(self._ignored, first=first)
        if connection.workspace is not None:
            options = NO_DATABASE if options.url else options
            try:
                tables |= workspace_tables(connection.workspace, options, self._ignored, first=first)
            except OSError as error:
                raise InfraError(f"The server's workspace cannot be read: {error.strerror}") from error
        return connection.shown(tables)

    def diff(self) -> Diff | None:
        if not self._watches:
            return None
        self._check_alone()
        if self._base is None:  # nothing was called that may write
            return {}
        return tables_diff(self._base, loop.run(self._tables()))

    def state(self) -> Tables | None:
        return loop.run(self._tables()) if self._watches else None

    def sees(self) -> tuple[str, ...]:
        if not self._watches:
            return ()
        return self._state.sources(self._places())

    def state_version(self) -> int:
        return self._version

    async def _close(self) -> None:
        by_tool = self._copies or self._reset_spec is not None  # then the log does not say what state it is in
        used = self._log or self._unsure or self._connection.changed or by_tool
        if self._restarts and not used and self._connection.server is None:
            await self._pool.give_back(self._connection)
        else:
            await self._pool.release(self._connection)
