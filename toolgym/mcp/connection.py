"""`Connection`: one FastMCP client connected to one server, on the wire's event loop; many sessions may share it."""

import asyncio
import logging
import math
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import httpx2
from fastmcp import Client, FastMCP
from fastmcp.client.transports import ClientTransport
from fastmcp.client.transports.base import TransportOptions
from mcp.shared.exceptions import MCPError
from mcp_types import (
    CONNECTION_CLOSED,
    PARSE_ERROR,
    REQUEST_TIMEOUT,
    CallToolResult,
    Request,
    Result,
)
from pydantic import ConfigDict

from toolgym.errors import (
    CallTimeoutError,
    ConfigError,
    EpisodeExpiredError,
    InfraError,
    ServerDiedError,
    ServerStartError,
)
from toolgym.mcp import loop
from toolgym.mcp.bounds import BAD_ANSWER, REFUSED_STATUS, SESSION_LOST
from toolgym.mcp.content import RAW_META
from toolgym.mcp.docker import DockerTarget
from toolgym.mcp.docker_transport import ContainerTransport
from toolgym.mcp.endpoint import CONTROL_METHOD, EXPIRED_CODE, EXTENSION_ID, ControlParams
from toolgym.mcp.http_transport import SSE_ADVICE, BoundedHttpTransport, speaks_sse
from toolgym.mcp.listing import REFUSED, all_tools, all_user_tools
from toolgym.mcp.postgres import SHOWN_NAME, EpisodeDatabase
from toolgym.mcp.relisting import Relisting
from toolgym.mcp.rows import NO_DATABASE, DatabaseOptions
from toolgym.mcp.secrets import redact, redacted, secrets_of, shown_url
from toolgym.mcp.session import ToolSpec
from toolgym.mcp.tool import tidy_schema
from toolgym.mcp.transports import BoundedStdioTransport, MemoryTransport, Streams
from toolgym.mcp.workspace import copied, outer, remove

__all__ = [
    "WORKSPACE",
    "CommandTarget",
    "Connection",
    "MemoryTarget",
    "Target",
    "UrlTarget",
    "WireOptions",
    "finite",
]

logger = logging.getLogger(__name__)

T = TypeVar("T")

Mode = Literal["auto", "legacy"]
"""The protocol's revision: negotiated, or the older one with a handshake."""

_PLACE = re.compile(r'File "(.+)", line (\d+)')
"""A frame of Python's traceback."""
_LAST_LINES, _LAST_WORDS = 3, 500
"""Lines and characters of what a server wrote to stderr that a message has."""
_CLOSE_S = 8.0

WORKSPACE = "/workspace"
"""What the agent sees in place of its server's workspace, whose real path differs in each episode."""
_MEANT = {
    WORKSPACE: re.compile(rf"(?:(?<![\w.~/)-])|(?<=://)){WORKSPACE}(?![\w-]|\.\w)"),
    SHOWN_NAME: re.compile(rf"(?<!\w){SHOWN_NAME}(?!\w)"),
}
"""Where a text means what the agent sees: a whole path or its beginning (not `src/workspace`), a whole name."""


@dataclass(frozen=True, slots=True)
class CommandTarget:
    """A server that is started as a process and speaks over stdio."""

    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Environment variables beside the safe few (PATH, HOME, ...) that a server inherits."""
    cwd: str | None = None
    workspace: str | None = None
    """A folder of which each started server gets a copy of its own: it runs there, `{workspace}` in its command and
    environment stands for it, and agents see it as `/workspace`. It may hold files, folders, and links that stay in it:
    see `toolgym.mcp.workspace`."""
    mode: Mode = "auto"
    """As in `WireOptions`; `legacy` in either of them holds."""
    database: DatabaseOptions = NO_DATABASE
    """Where it has a URL, each started server gets a PostgreSQL database of its own: `{database}` in its command and
    environment stands for its name, `{database_url}` for its URL. Agents see it as `toolgym_database`."""
    shown: tuple[str, ...] = ()
    """The command as messages show it: without what was filled in from the environment, which may be a secret."""


@dataclass(frozen=True, slots=True)
class UrlTarget:
    """A server that runs already and speaks streamable HTTP. Its `repr` and every message leave out what may be secret:
    the URL's query and user, the token and the headers."""

    url: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    mode: Mode = "auto"
    """As in `WireOptions`; `legacy` in either of them holds."""
    shown: str = field(init=False)
    """The URL as messages show it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "shown", shown_url(self.url))


@dataclass(frozen=True, slots=True)
class MemoryTarget:
    """A FastMCP object of this process, through the whole protocol but no transport."""

    make: Callable[[], FastMCP]
    fresh: bool
    """Whether `make` gives a new server in its initial state each time."""


Target = CommandTarget | UrlTarget | MemoryTarget | DockerTarget


@dataclass(frozen=True, slots=True)
class WireOptions:
    """How a connection behaves."""

    timeout_s: float = 60.0
    """Seconds that a call may take in all, from sending it to its result. Where a call that only reads is sent again
    (see `retries`), that, and starting its server anew, happens within the same time: the last ten seconds of it (at
    most half) are kept for that. It does not end what runs in this process's own threads: see `ToolServer.tool`."""
    start_timeout_s: float = 60.0
    """Seconds that a server may take to start and answer the handshake."""
    mode: Mode = "auto"
    """The protocol's revision: negotiated, or the older one with a handshake. A server that ends at a request which
    comes before the handshake is started again with it."""
    max_answer_bytes: int = 4 * 2**20
    """A longer answer is cut, and its text says so."""
    spares: int = 0
    """Servers that are started ahead of need, so that a reset by restart does not wait for one."""
    keeps_idle: bool = True
    """Whether a server that episodes share stays up when the last one has ended, until its handle is closed."""
    retries: int = 1
    """How often a call that only reads is repeated after the infrastructure failed: its server died, did not answer, or
    answered nonsense. A call that may write is never repeated."""


class _ControlRequest(Request[ControlParams, Literal["toolgym/control"]]):
    method: Literal["toolgym/control"] = CONTROL_METHOD
    params: ControlParams


class _ControlResult(Result):
    model_config = ConfigDict(extra="allow")


class Connection:
    """One client connection. Made by `Connection.open`; all methods run on the wire's loop."""

    def __init__(self, target: Target, options: WireOptions):
        self.target, self.options = target, options
        self.tools: tuple[ToolSpec, ...] = ()
        """The tools as they were last listed: anew after the server has said that they changed."""
        self.listed: tuple[ToolSpec, ...] = ()
        """The same with every tool whose name came twice, and those that had to be refused."""
        self.user_tools: tuple[ToolSpec, ...] = ()
        """The tools of the user, where the server is a `ToolServer` that has some."""
        self.reading: frozenset[str] = frozenset()
        """The names of the tools that only read, the user's among them."""
        self.has_episodes = False
        """Whether the server is a `ToolServer`."""
        self.dead = False
        self.changed = False
        """Whether there are other tools than when the connection was opened."""
        self._relisting = Relisting(self._relist)
        self.mode: Mode = "legacy" if "legacy" in (getattr(target, "mode", "auto"), options.mode) else "auto"
        """How the server was spoken to: `legacy` too where it had to be."""
        self._secrets = secrets_of(target.url, target.headers, target.token) if isinstance(target, UrlTarget) else ()
        self.server: FastMCP | None = None
        """The server object, where it lives in this process."""
        self.server_tools: tuple[Any, ...] = ()
        """Its FastMCP tools."""
        self._pid = os.getpid()
        self._client: Client[Any] | None = None
        self._stdio: BoundedStdioTransport | ContainerTransport | None = None
        self.workspace: Path | None = None
        """The copy of the target's workspace that this server has."""
        self.database: EpisodeDatabase | None = None
        """The database that this server has to itself."""

    @classmethod
    async def open(cls, target: Target, options: WireOptions) -> "Connection":
        """Starts or reaches the server and lists its tools.

        Raises:
            ServerStartError: that failed; the message ends with what the server wrote to stderr.
        """
        self = cls(target, options)
        try:
            async with asyncio.timeout(options.start_timeout_s):
                try:
                    await self._start()
                except MCPError:
                    if self.mode == "legacy" or not isinstance(target, CommandTarget | DockerTarget):
                        raise
                    await self.close()  # some older servers end at a request that comes before the handshake
                    self.dead, self.mode = False, "legacy"
                    await self._start()
        except Exception as error:
            redact(error, self._secrets)
            tail = self.stderr_tail()
            reason = _why_not_started(error, target, options, silent=not tail)
            await self.close()
            if isinstance(target, UrlTarget) and await speaks_sse(target.url, target.headers, target.token):
                reason = f"it speaks another transport: {SSE_ADVICE}"
            raise ServerStartError(
                f"Could not start {_describe(target)}: {reason or type(error).__name__}{tail}"
            ) from error
        except BaseException:
            await self.close()
            raise
        loop.at_exit(id(self), self.close)
        return self

    @classmethod
    @asynccontextmanager
    async def streams(cls, target: Target, options: WireOptions) -> AsyncIterator[tuple["Connection", Any, Any]]:
        """Starts or reaches the server, for whoever speaks the protocol itself: messages come by the first stream, and
        go by the second.

        Raises:
            ServerStartError: that failed.
        """
        self = cls(target, options)
        wires = TransportOptions(session_class=cast(Any, Streams))
        async with AsyncExitStack() as opened:
            opened.push_async_callback(self.close)
            try:
                transport = await self._transport()
                streams: Any = await opened.enter_async_context(transport.connect_session(transport_options=wires))
            except Exception as error:
                raise ServerStartError(f"Could not start {_describe(target)}: {error}") from error
            yield self, streams.received, streams.to_send

    async def _start(self) -> None:
        client = Client(await self._transport(), mode=self.mode, init_timeout=0, log_handler=_ignore)
        self._client = client
        await client.__aenter__()
        cast(Any, client.session).on_tools_changed = self._relisting.note
        await self._list(client)

    async def _list(self, client: Client[Any]) -> None:
        """Lists the tools; what is there already stays as it is where nothing has changed."""
        capabilities = client.server_capabilities
        extensions = (capabilities.extensions if capabilities is not None else None) or {}
        tools = await all_tools(client)
        self.has_episodes = EXTENSION_ID in extensions or any(EXTENSION_ID in (tool.meta or {}) for tool in tools)
        if self.server is not None:
            self.server_tools = tuple(await self.server.list_tools())
        listed = tuple(self._shown_spec(tool_spec(tool)) for tool in tools)
        if self.listed == listed != ():
            return
        by_name: dict[str, ToolSpec] = {}
        for spec in listed:
            if spec.refused is not None:
                _warn_once(f"Tool {spec.name!r} of {_describe(self.target)} is left out: {spec.refused}")
                continue
            by_name.setdefault(spec.name, spec)  # a name that comes twice can only mean one tool: the first
        if self.has_episodes:
            self.user_tools = tuple(tool_spec(tool) for tool in await all_user_tools(client))
        found = tuple(by_name.values())
        self.reading = frozenset(spec.name for spec in (*found, *self.user_tools) if spec.writes is False)
        self.listed, self.tools = listed, found  # last: sessions look at them in threads of their own

    async def _relist(self) -> None:
        before = self.listed
        try:
            await self._within_limits(self._list(self._usable()), "listing of its tools")
        except MCPError as error:
            raise InfraError(f"{_describe(self.target)} did not list its changed tools: {error}") from error
        self.changed = self.changed or self.listed is not before

    async def settled(self) -> None:
        """Waits until the tools are listed anew, where the server has said that they changed.

        Raises:
            InfraError: they cannot be listed.
        """
        await self._relisting.settled()

    async def _transport(self) -> ClientTransport:
        target, limit = self.target, self.options.max_answer_bytes
        if isinstance(target, MemoryTarget):
            self.server = target.make()
            return MemoryTransport(self.server)
        if isinstance(target, UrlTarget):
            return BoundedHttpTransport(target.url, target.headers, target.token, limit)
        if isinstance(target, DockerTarget):
            self._stdio = ContainerTransport(target, limit)
            return self._stdio
        if target.workspace is not None:
            await _to_the_end(partial(self._copy_workspace, target.workspace))
        if target.database.url:
            await _to_the_end(partial(self._make_database, target.database))
        target = _placed(target, self.workspace, self.database)
        folder = "" if self.workspace is None else str(outer(self.workspace))
        self._stdio = BoundedStdioTransport(target.command, target.env, target.cwd, limit, folder)
        return self._stdio

    def _copy_workspace(self, template: str) -> None:
        self.workspace = copied(template)

    def _make_database(self, options: DatabaseOptions) -> None:
        database = EpisodeDatabase(options, self.options.timeout_s)
        self._secrets = database.secrets
        database.create(self.options.start_timeout_s)
        self.database = database

    @property
    def _renamed(self) -> list[tuple[str, str]]:
        """What differs in each episode, and what agents see in its place."""
        pairs = [] if self.workspace is None else [(str(self.workspace), WORKSPACE)]
        return pairs if self.database is None else [*pairs, (self.database.name, SHOWN_NAME)]

    async def call_tool(self, name: str, arguments: dict[str, Any], meta: dict[str, Any]) -> CallToolResult:
        """One tool call, as the server answers it; its content is read by `toolgym.mcp.content.raw_answer`.

        Raises:
            MCPError: the server refused the request itself.
            InfraError: the server died, did not answer in time or answered nonsense.
        """
        client, what = self._usable(), f"call of {name!r}"
        if not self._renamed:
            return await self._within_limits(client.call_tool_mcp(name, arguments, meta=meta), what)
        arguments = self.placed(arguments)
        try:
            result = await self._within_limits(client.call_tool_mcp(name, arguments, meta=meta), what)
        except MCPError as error:
            error.error.message = self.shown(error.error.message)
            raise
        if result.meta is not None and RAW_META in result.meta:
            result.meta[RAW_META] = self.shown(result.meta[RAW_META])
        return result

    def placed(self, value: Any) -> Any:
        """A JSON value with the real names of the workspace and the database in place of what agents see."""
        for real, seen in self._renamed:
            value = _replaced(value, lambda text, real=real, seen=seen: _MEANT[seen].sub(lambda _: real, text))
        return value

    def shown(self, value: Any) -> Any:
        """A JSON value with what agents see in place of the real names of the workspace and the database."""
        if self.database is not None:
            value = _replaced(value, lambda text: redacted(text, self._secrets))
        for real, seen in self._renamed:
            value = _replaced(value, lambda text, real=real, seen=seen: text.replace(real, seen))
        return value

    def _shown_spec(self, spec: ToolSpec) -> ToolSpec:
        if not self._renamed:
            return spec
        return replace(spec, description=self.shown(spec.description), input_schema=self.shown(spec.input_schema))

    async def control(self, params: ControlParams) -> dict[str, Any]:
        """One request on the control channel.

        Raises:
            EpisodeExpiredError: the server no longer holds the episode.
            ConfigError: the server cannot do what was asked, such as a world key that it does not know.
            InfraError: as for `call_tool`.
        """
        session = self._usable().session
        try:
            result = await self._within_limits(
                session.send_request(_ControlRequest(params=params), _ControlResult), f"{params.op} request"
            )
        except MCPError as error:
            if error.error.code == EXPIRED_CODE:
                raise EpisodeExpiredError(error.error.message) from error
            raise ConfigError(f"The server refused to {params.op} episode {params.episode}: {error}") from error
        return result.model_extra or {}

    def _usable(self) -> Client[Any]:
        if self._pid != os.getpid():
            raise ServerDiedError("This session was opened in another process; open a new one after a fork.")
        if self._client is None or self.dead:
            raise ServerDiedError(f"The connection to {_describe(self.target)} is closed.{self.stderr_tail()}")
        return self._client

    async def _within_limits(self, work: Awaitable[T], what: str) -> T:
        """Awaits an answer within the time limit, and gives each failure its type. MCP errors pass."""
        try:
            return await _at_most(self.options.timeout_s, work)
        except TimeoutError as error:
            redact(error, self._secrets)
            raise CallTimeoutError(f"No answer to the {what} within {self.options.timeout_s:g} s.") from error
        except MCPError as error:
            redact(error, self._secrets)
            if error.error.code == REFUSED_STATUS:
                raise InfraError(f"The answer of {_describe(self.target)} to the {what} was {error}") from error
            if error.error.code == REQUEST_TIMEOUT:
                raise CallTimeoutError(f"No answer to the {what} in time: {error}") from error
            if error.error.code in (BAD_ANSWER, PARSE_ERROR):
                raise InfraError(f"The answer to the {what} could not be read: {error}") from error
            if error.error.code not in (CONNECTION_CLOSED, SESSION_LOST):
                raise
            # Over HTTP each request has a connection of its own: one that breaks says nothing of the others.
            over = error.error.code == SESSION_LOST or not isinstance(self.target, UrlTarget)
            raise self._died(what, error, over) from error
        except (RuntimeError, OSError, httpx2.HTTPError) as error:
            redact(error, self._secrets)
            raise self._died(what, error) from error
        except ValueError as error:
            raise InfraError(f"The answer to the {what} is no result as MCP defines it: {str(error)[:300]}") from error

    def _died(self, what: str, error: Exception, over: bool = True) -> ServerDiedError:
        self.dead = self.dead or over
        return ServerDiedError(f"{_describe(self.target)} went away during the {what}: {error}{self.stderr_tail()}")

    def stderr_tail(self) -> str:
        """The end of what the server wrote to stderr, for a message: in one line, without the frames of a traceback."""
        tail = self._stdio.stderr_tail if self._stdio is not None else ""
        said = _last_words(redacted(tail, self._secrets) if self._secrets else tail)
        return f"; it last said: {said}" if said else ""

    async def close(self) -> None:
        """Ends the connection, and the server where it was started for it."""
        self.dead = True
        self._relisting.end()
        loop.at_exit(id(self), None)
        client, self._client = self._client, None
        if self._pid != os.getpid():
            return  # the server and its workspace are the parent process's
        try:
            if client is not None:
                async with asyncio.timeout(_CLOSE_S):
                    await client.close()
        except (Exception, BaseExceptionGroup):  # of a group: a tool of this process that ended its task by `sys.exit`
            pass
        finally:
            if self.workspace is not None:
                await _to_the_end(partial(remove, str(outer(self.workspace))))
            database, self.database = self.database, None
            if database is not None:
                await _to_the_end(database.drop)


_abandoned: set["asyncio.Future[Any]"] = set()
"""Requests that nobody waits for any more, until they have ended: asyncio itself holds on to none."""


async def _at_most(limit_s: float, work: Awaitable[T]) -> T:
    """What `work` gives within the limit. Where it is given up it ends by itself: telling a server that does not read
    that it need not answer may take seconds.

    Raises:
        TimeoutError: the limit is over.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=limit_s)
    finally:
        if not task.done():
            task.cancel()
            _abandoned.add(task)
            task.add_done_callback(_forgotten)
    if not task.done():
        raise TimeoutError
    return task.result()


def _why_not_started(error: Exception, target: Target, options: WireOptions, *, silent: bool) -> str:
    """Why a server could not be started, in words."""
    if isinstance(error, TimeoutError):
        return f"no answer within {options.start_timeout_s:g} s"
    if not isinstance(target, CommandTarget) or not isinstance(error, MCPError):
        return str(error) or type(error).__name__
    if error.error.code != CONNECTION_CLOSED:
        return str(error)
    script = any(part.endswith(".py") for part in target.command[-1:])
    return "it ended before it answered" + (". Does its file call run(), as in server.run()?" * (silent and script))


def _last_words(said: str) -> str:
    """The last lines of an output in one; of a traceback the error and where it was raised."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    places = [found for line in lines if (found := _PLACE.match(line))]
    if lines and places:
        return f"{lines[-1][-_LAST_WORDS:]} ({places[-1][1]}, line {places[-1][2]})"
    return " / ".join(lines[-_LAST_LINES:])[-_LAST_WORDS:]


def _forgotten(task: "asyncio.Future[Any]") -> None:
    """An abandoned request has ended; how is nobody's concern."""
    _abandoned.discard(task)
    if not task.cancelled():
        task.exception()


async def _ignore(message: Any) -> None:
    """Drops what a server logs through the protocol: it may log without end."""


@lru_cache(maxsize=1024)
def _warn_once(message: str) -> None:
    """Logs a warning, but not again for each server that is started."""
    logger.warning(message)


async def _to_the_end(work: Callable[[], None]) -> None:
    """Runs work in a thread and waits for its end, also where the caller is cancelled meanwhile."""
    try:
        doing = asyncio.get_running_loop().run_in_executor(None, work)
    except RuntimeError:  # the interpreter is about to exit and starts no more threads
        work()
        return
    try:
        await asyncio.shield(doing)
    except asyncio.CancelledError:
        await asyncio.wait([doing])
        raise


def _placed(target: CommandTarget, workspace: Path | None, database: EpisodeDatabase | None) -> CommandTarget:
    """The target with its workspace's folder and its database's name and URL filled in."""
    filled = {} if workspace is None else {"{workspace}": str(workspace)}
    env = dict(target.env)
    if database is not None:
        filled |= {"{database}": database.name, "{database_url}": database.url}
        name = target.database.env
        if not any(place in env.get(name, "") for place in filled):
            env[name] = database.url
    env = {name: _filled(text, filled) for name, text in env.items()}
    command = tuple(_filled(part, filled) for part in target.command)
    return replace(target, command=command, env=env, cwd=target.cwd or (None if workspace is None else str(workspace)))


def _filled(text: str, places: Mapping[str, str]) -> str:
    for place, value in places.items():
        text = text.replace(place, value)
    return text


def _replaced(value: Any, replace: Callable[[str], str]) -> Any:
    """A JSON value with every string replaced, keys too."""
    if isinstance(value, str):
        return replace(value)
    if isinstance(value, dict):
        return {replace(key): _replaced(item, replace) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, replace) for item in value]
    return value


def finite(value: Any) -> Any:
    """A JSON value with null for NaN and the infinities, which some servers send and JSON does not have."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    return value


def _describe(target: Target) -> str:
    if isinstance(target, CommandTarget):
        return f"the server {' '.join(target.shown or target.command)!r}"
    if isinstance(target, DockerTarget):
        return f"the container of image {target.image!r}"
    return f"the server at {target.shown}" if isinstance(target, UrlTarget) else "the in-memory server"


def tool_spec(tool: Any) -> ToolSpec:
    """The `ToolSpec` of a tool as MCP lists it."""
    hint = tool.annotations.read_only_hint if tool.annotations is not None else None
    output = None if tool.output_schema is None else tidy_schema(finite(tool.output_schema))
    writes = None if hint is None else not hint
    refused = tool.input_schema.get(REFUSED)
    schema = {} if refused is not None else tidy_schema(finite(tool.input_schema))
    return ToolSpec(tool.name, tool.description or "", schema, output, writes, refused)
