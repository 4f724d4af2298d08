"""`Connection`: one FastMCP client connected to one server, on the wire's event loop; many sessions may share it."""

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import IO, Any, Literal, TypeVar

import httpx2
from fastmcp import Client, FastMCP
from fastmcp.client.transports import ClientTransport, FastMCPTransport, StdioTransport, StreamableHttpTransport
from mcp.shared.exceptions import MCPError
from mcp_types import CONNECTION_CLOSED, REQUEST_TIMEOUT, CallToolResult, Request, Result, TextContent
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
from toolgym.mcp.endpoint import CONTROL_METHOD, EXPIRED_CODE, EXTENSION_ID, ControlParams
from toolgym.mcp.session import ToolSpec
from toolgym.mcp.tool import tidy_schema

__all__ = ["CommandTarget", "Connection", "MemoryTarget", "Target", "UrlTarget", "WireOptions", "content_text"]

T = TypeVar("T")

_TAIL_BYTES = 4000
_CLOSE_S = 8.0


@dataclass(frozen=True, slots=True)
class CommandTarget:
    """A server that is started as a process and speaks over stdio."""

    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    """Environment variables beside the safe few (PATH, HOME, ...) that a server inherits."""
    cwd: str | None = None


@dataclass(frozen=True, slots=True)
class UrlTarget:
    """A server that runs already and speaks streamable HTTP."""

    url: str
    token: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MemoryTarget:
    """A FastMCP object of this process, through the whole protocol but no transport."""

    make: Callable[[], FastMCP]
    fresh: bool
    """Whether `make` gives a new server in its initial state each time."""


Target = CommandTarget | UrlTarget | MemoryTarget


@dataclass(frozen=True, slots=True)
class WireOptions:
    """How a connection behaves."""

    timeout_s: float = 60.0
    """Seconds that a call may take."""
    start_timeout_s: float = 30.0
    """Seconds that a server may take to start and answer the handshake."""
    mode: Literal["auto", "legacy"] = "auto"
    """The protocol's revision: negotiated, or the older one with a handshake."""


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
        self.has_episodes = False
        """Whether the server is a `ToolServer`."""
        self.dead = False
        self.server: FastMCP | None = None
        """The server object, where it lives in this process."""
        self.server_tools: tuple[Any, ...] = ()
        """Its FastMCP tools."""
        self._pid = os.getpid()
        self._log: IO[str] | None = None
        self._client: Client[Any] | None = None

    @classmethod
    async def open(cls, target: Target, options: WireOptions) -> "Connection":
        """Starts or reaches the server and lists its tools.

        Raises:
            ServerStartError: that failed; the message ends with what the server wrote to stderr.
        """
        self = cls(target, options)
        try:
            async with asyncio.timeout(options.start_timeout_s):
                await self._start()
        except Exception as error:
            reason = (
                f"no answer within {options.start_timeout_s:g} s" if isinstance(error, TimeoutError) else str(error)
            )
            tail = self._stderr_tail()
            await self.close()
            raise ServerStartError(
                f"Could not start {_describe(target)}: {reason or type(error).__name__}{tail}"
            ) from error
        except BaseException:
            await self.close()
            raise
        loop.at_exit(id(self), self.close)
        return self

    async def _start(self) -> None:
        client = Client(self._transport(), mode=self.options.mode, init_timeout=0)
        self._client = client
        await client.__aenter__()
        capabilities = client.server_capabilities
        extensions = (capabilities.extensions if capabilities is not None else None) or {}
        tools = await client.list_tools()
        self.has_episodes = EXTENSION_ID in extensions or any(EXTENSION_ID in (tool.meta or {}) for tool in tools)
        self.tools = tuple(tool_spec(tool) for tool in tools)
        if self.server is not None:
            self.server_tools = tuple(await self.server.list_tools())

    def _transport(self) -> ClientTransport:
        target = self.target
        if isinstance(target, MemoryTarget):
            self.server = target.make()
            return FastMCPTransport(self.server)
        if isinstance(target, UrlTarget):
            return StreamableHttpTransport(target.url, headers=dict(target.headers), auth=target.token)
        # The process must not hold this process's terminal, and its last words belong into error messages.
        self._log = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - closed in close()
        command, *arguments = target.command
        return StdioTransport(
            command, arguments, env=dict(target.env), cwd=target.cwd, keep_alive=False, log_file=self._log
        )

    async def call_tool(self, name: str, arguments: dict[str, Any], meta: dict[str, Any]) -> CallToolResult:
        """One tool call, as the server answers it.

        Raises:
            MCPError: the server refused the request itself.
            InfraError: the server died, did not answer in time or answered nonsense.
        """
        client = self._usable()
        return await self._within_limits(client.call_tool_mcp(name, arguments, meta=meta), f"call of {name!r}")

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
            raise ServerDiedError(f"The connection to {_describe(self.target)} is closed.{self._stderr_tail()}")
        return self._client

    async def _within_limits(self, work: Awaitable[T], what: str) -> T:
        """Awaits an answer within the time limit, and gives each failure its type. MCP errors pass."""
        try:
            async with asyncio.timeout(self.options.timeout_s):
                return await work
        except TimeoutError as error:
            raise CallTimeoutError(f"No answer to the {what} within {self.options.timeout_s:g} s.") from error
        except MCPError as error:
            if error.error.code == REQUEST_TIMEOUT:
                raise CallTimeoutError(f"No answer to the {what} in time: {error}") from error
            if error.error.code != CONNECTION_CLOSED:
                raise
            raise self._died(what, error) from error
        except (RuntimeError, OSError, httpx2.HTTPError) as error:
            if isinstance(error, RuntimeError) and "structured content" in str(error):
                raise InfraError(f"The server broke its own output schema in the {what}: {error}") from error
            raise self._died(what, error) from error

    def _died(self, what: str, error: Exception) -> ServerDiedError:
        self.dead = True
        return ServerDiedError(f"{_describe(self.target)} went away during the {what}: {error}{self._stderr_tail()}")

    def _stderr_tail(self) -> str:
        """The end of what the server wrote to stderr, for a message."""
        if self._log is None:
            return ""
        # The server shares this file's offset, so read without moving it.
        descriptor = self._log.fileno()
        size = os.fstat(descriptor).st_size
        tail = os.pread(descriptor, _TAIL_BYTES, max(0, size - _TAIL_BYTES)).decode(errors="replace").strip()
        return f"\nIts last output on stderr:\n{tail}" if tail else ""

    async def close(self) -> None:
        """Ends the connection, and the server where it was started for it."""
        self.dead = True
        loop.at_exit(id(self), None)
        client, self._client = self._client, None
        log, self._log = self._log, None
        try:
            if client is not None and self._pid == os.getpid():
                async with asyncio.timeout(_CLOSE_S):
                    await client.close()
        except Exception:
            pass
        finally:
            if log is not None:
                log.close()


def _describe(target: Target) -> str:
    if isinstance(target, CommandTarget):
        return f"the server {' '.join(target.command)!r}"
    return f"the server at {target.url}" if isinstance(target, UrlTarget) else "the in-memory server"


def tool_spec(tool: Any) -> ToolSpec:
    """The `ToolSpec` of a tool as MCP lists it."""
    hint = tool.annotations.read_only_hint if tool.annotations is not None else None
    output = None if tool.output_schema is None else tidy_schema(tool.output_schema)
    writes = None if hint is None else not hint
    return ToolSpec(tool.name, tool.description or "", tidy_schema(tool.input_schema), output, writes)


def content_text(content: list[Any]) -> str:
    """The text of a result's content blocks; what is not text is named, in the place where it stood."""
    parts = []
    for block in content:
        if isinstance(block, TextContent):
            parts.append(block.text)
        else:
            kind = getattr(block, "mime_type", None) or getattr(block, "uri", None) or ""
            parts.append(f"[{block.type} {kind}]".replace(" ]", "]"))
    return "\n".join(parts)
