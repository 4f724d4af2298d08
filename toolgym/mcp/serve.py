"""Serving a tool server: stdio for one client, HTTP for many, with an endpoint for each episode.

Who is trusted with what, over HTTP: whoever has `token` runs episodes (`/mcp`, with the control channel); an agent,
who has `agent_token`, acts in the episode of its endpoint (`/episodes/ID/mcp`) and can do nothing else. An id that
cannot be guessed keeps agents out of each other's episodes.
"""

import asyncio
import errno
import hmac
import json
import os
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from typing import Any, Literal, Protocol, cast
from urllib.parse import unquote

import uvicorn
from fastmcp import FastMCP
from mcp_types import INVALID_REQUEST
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from toolgym.errors import ConfigError, ServerStartError
from toolgym.mcp.endpoint import BOUND_EPISODE, MAX_ID

__all__ = ["ServeLimits", "http_app", "serve", "serving"]

PATH = "/mcp"
_EPISODE_PATH = re.compile(rb"/episodes/([^/?]+)/mcp/?")
_START_S = 10.0


@dataclass(frozen=True, slots=True)
class ServeLimits:
    """What a client may take of an HTTP server, with or without a token."""

    header_s: float = 10.0
    """Seconds from a connection, or from a request's first byte, to the end of the request's headers."""
    body_s: float = 20.0
    """Seconds from there to the end of its body."""
    body_bytes: int = 16 * 2**20
    """Bytes of a request's body."""
    connections: int = 1024
    """Connections at once; one more is closed at once."""


class _ServesTools(Protocol):
    """What has a FastMCP side, as a `ToolServer` does."""

    @property
    def fastmcp(self) -> FastMCP: ...


def serve(
    server: _ServesTools | FastMCP,
    transport: Literal["stdio", "http"] = "stdio",
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
    allow_open: bool = False,
    agent_token: str | None = None,
    limits: ServeLimits | None = None,
    on_listen: Callable[[], None] | None = None,
) -> None:
    """Serves until interrupted.

    HTTP has two kinds of endpoint: `/mcp`, where a request names its episode in `_meta`, and `/episodes/ID/mcp`, which
    is the episode ID for any client at all (and has no control channel).

    Args:
        token: what a client of `/mcp` must send as `Authorization: Bearer TOKEN`. It opens the control channel.
        allow_open: whether to listen on other machines' addresses without a token.
        agent_token: what a client of an episode's endpoint must send. Where there is a token and none for agents, these
            endpoints are closed.
        limits: times, sizes and connections.
        on_listen: called once the port is this server's (HTTP).

    Raises:
        ConfigError: `host` is not a loopback address, there is no token, and `allow_open` is False; or the tokens are
            empty or the same; or the address cannot be listened on.
    """
    if transport == "stdio":
        _fastmcp(server).run("stdio", show_banner=False, log_level="WARNING")
        return
    _check_exposure(host, token, allow_open)
    config = _config(http_app(server, token, agent_token, limits), host, port, limits)
    with _listening(host, port) as listener:
        if on_listen is not None:
            on_listen()
        uvicorn.Server(config).run([listener])


def _listening(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        ConfigError: the port is taken, or the address is none of this machine.
    """
    listener = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except OSError as error:
        if listener is not None:
            listener.close()
        taken = error.errno == errno.EADDRINUSE
        cure = "end what listens there, or give another port" if taken else "give another host or port"
        raise ConfigError(f"Cannot listen on {host}:{port}: {error.strerror or error}; {cure}") from error
    return listener


@contextmanager
def serving(
    server: _ServesTools | FastMCP,
    token: str | None = None,
    agent_token: str | None = None,
    limits: ServeLimits | None = None,
) -> Iterator[str]:
    """Serves over HTTP on a free loopback port, from a thread, for the length of a `with` block.

    Yields:
        The URL of the `/mcp` endpoint.

    Raises:
        ServerStartError: the server did not come up.
    """
    app = http_app(server, token, agent_token, limits)
    # The protocol is named because asyncio sets TCP_NODELAY only where it is; without, an answer takes 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        port = listener.getsockname()[1]
        running = uvicorn.Server(_config(app, "127.0.0.1", port, limits))
        thread = threading.Thread(target=running.run, args=([listener],), name=f"toolgym-http-{port}", daemon=True)
        thread.start()
        try:
            _wait_until_started(running, thread)
            yield f"http://127.0.0.1:{port}{PATH}"
        finally:
            running.should_exit = True
            thread.join()


def http_app(
    server: _ServesTools | FastMCP,
    token: str | None = None,
    agent_token: str | None = None,
    limits: ServeLimits | None = None,
) -> ASGIApp:
    """The ASGI application that `serve` runs; arguments as there.

    Raises:
        ConfigError: the tokens are empty or the same.
    """
    if "" in (token, agent_token):
        raise ConfigError("A token must not be empty; leave it out to serve this machine without one.")
    if agent_token is not None and (token is None or hmac.compare_digest(token.encode(), agent_token.encode())):
        raise ConfigError(
            "An agent's token needs another one beside it, for /mcp: token=... (--token). With one for both, agents "
            "could reset, fork and read episodes."
        )
    # A FastMCP server's answers are streams: before its result it may say that its tools have changed.
    as_json = not isinstance(server, FastMCP)
    app = _fastmcp(server).http_app(
        path=PATH, json_response=as_json, stateless_http=False, host_origin_protection="auto"
    )
    return _Gate(app, token, agent_token, limits or ServeLimits())


class _Gate:
    """Checks tokens and bodies, and turns an episode's path into the common one with the episode in the scope."""

    def __init__(self, app: ASGIApp, token: str | None, agent_token: str | None, limits: ServeLimits):
        self._app, self._limits, self._open = app, limits, token is None
        self._token = None if token is None else token.encode()
        self._agent_token = None if agent_token is None else agent_token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        match = _EPISODE_PATH.fullmatch(scope["raw_path"])
        expected = self._token if match is None else self._agent_token
        if not self._open and not _authorized(scope, expected):
            none = " This server has none for agents." if expected is None else ""
            await _refuse(send, 401, f"A valid bearer token is required (HTTP 401).{none}")
            return
        if match is not None:
            episode = unquote(match[1].decode("ascii", "replace"))
            if len(episode) > MAX_ID:
                await _refuse(send, 404, f"An episode id has at most {MAX_ID} characters (HTTP 404).")
                return
            scope = {**scope, "path": PATH, "raw_path": PATH.encode(), BOUND_EPISODE: episode}
        if scope["method"] == "POST":
            try:
                async with asyncio.timeout(self._limits.body_s):
                    receive = await _received(receive, self._limits.body_bytes)
            except TimeoutError:
                await _refuse(send, 408, f"The request's body took longer than {self._limits.body_s:g} s (HTTP 408).")
                return
            except _TooLargeError:
                await _refuse(send, 413, f"A request may have {self._limits.body_bytes} bytes (HTTP 413).")
                return
        await self._app(scope, receive, send)


def _authorized(scope: Scope, expected: bytes | None) -> bool:
    """Whether a request brings the token, by one header; the scheme's case means nothing (RFC 9110, 11.1)."""
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    if expected is None or len(given) != 1:
        return False
    scheme, _, token = given[0].partition(b" ")
    return scheme.lower() == b"bearer" and hmac.compare_digest(token.strip(), expected)


class _TooLargeError(Exception):
    """A body was longer than allowed."""


async def _received(receive: Receive, limit: int) -> Receive:
    """Reads a request's body to its end; returns what gives it to the application in one piece.

    Raises:
        _TooLargeError: it is longer than `limit` bytes.
    """
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            break  # the client has gone
        parts.append(message.get("body", b""))
        size, more = size + len(parts[-1]), message.get("more_body", False)
        if size > limit:
            raise _TooLargeError
    whole: list[Message] = [] if more else [{"type": "http.request", "body": b"".join(parts), "more_body": False}]

    async def replayed() -> Message:
        return whole.pop() if whole else await receive()

    return replayed


class _PatientProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """Uvicorn's HTTP protocol, with an end to its patience: it waits for ever for the rest of a request's headers."""

    connections: set[Any]
    cycle: Any
    loop: asyncio.AbstractEventLoop
    transport: Any

    def __init__(self, *args: Any, limits: ServeLimits, **settings: Any):
        super().__init__(*args, **settings)
        self._limits, self._waiting = limits, None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if len(self.connections) > self._limits.connections:
            transport.abort()
        else:
            self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._wait_no_more()  # the headers are there; the body is the application's to wait for
        elif self._waiting is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait_no_more()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._waiting = self.loop.call_later(self._limits.header_s, self.transport.abort)

    def _wait_no_more(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None


async def _refuse(send: Send, status: int, reason: str) -> None:
    """Answers with a JSON-RPC error, whose message MCP clients show."""
    body = json.dumps({"jsonrpc": "2.0", "id": None, "error": {"code": INVALID_REQUEST, "message": reason}}).encode()
    headers: list[Any] = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if status in (408, 413):
        headers.append((b"connection", b"close"))  # the rest of its body may still be under way
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _config(app: ASGIApp, host: str, port: int, limits: ServeLimits | None) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level="warning",
        lifespan="on",
        http=cast(Any, partial(_PatientProtocol, limits=limits or ServeLimits())),
        ws="none",
        timeout_graceful_shutdown=2,
    )


def _wait_until_started(running: uvicorn.Server, thread: threading.Thread) -> None:
    ticks = threading.Event()
    for _ in range(int(_START_S / 0.01)):
        if running.started:
            return
        if not thread.is_alive():
            break
        ticks.wait(0.01)
    raise ServerStartError("The HTTP server did not start.")


def _check_exposure(host: str, token: str | None, allow_open: bool) -> None:
    try:
        loopback = ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if not loopback and not token and not allow_open:
        raise ConfigError(
            f"Refusing to serve on {host}, which other machines may reach, without a token: give token=..., listen on "
            "127.0.0.1, or allow it explicitly with allow_open=True."
        )


def _fastmcp(server: _ServesTools | FastMCP) -> FastMCP:
    return server if isinstance(server, FastMCP) else server.fastmcp
