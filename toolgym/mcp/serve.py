"""Serving a tool server: stdio for one client, HTTP for many, with an endpoint for each episode."""

import hmac
import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any, Literal, Protocol
from urllib.parse import unquote

import uvicorn
from fastmcp import FastMCP
from mcp_types import INVALID_REQUEST
from starlette.types import ASGIApp, Receive, Scope, Send

from toolgym.errors import ConfigError, ServerStartError
from toolgym.mcp.endpoint import BOUND_EPISODE, MAX_ID

__all__ = ["http_app", "serve", "serving"]

PATH = "/mcp"
_EPISODE_PATH = re.compile(rb"/episodes/([^/?]+)/mcp/?")
_START_S = 10.0


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
) -> None:
    """Serves until interrupted.

    HTTP has two kinds of endpoint: `/mcp`, where a request names its episode in `_meta`, and `/episodes/ID/mcp`, which
    is the episode ID for any client at all (and has no control channel).

    Args:
        token: what a client must send as `Authorization: Bearer TOKEN`.
        allow_open: whether to listen on other machines' addresses without a token.

    Raises:
        ConfigError: `host` is not a loopback address, there is no token, and `allow_open` is False.
    """
    if transport == "stdio":
        _fastmcp(server).run("stdio", show_banner=False, log_level="WARNING")
        return
    _check_exposure(host, token, allow_open)
    uvicorn.Server(_config(server, host, port, token)).run()


@contextmanager
def serving(server: _ServesTools | FastMCP, token: str | None = None) -> Iterator[str]:
    """Serves over HTTP on a free loopback port, from a thread, for the length of a `with` block.

    Yields:
        The URL of the `/mcp` endpoint.

    Raises:
        ServerStartError: the server did not come up.
    """
    # The protocol is named because asyncio sets TCP_NODELAY only where it is; without, an answer takes 40 ms.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        port = listener.getsockname()[1]
        running = uvicorn.Server(_config(server, "127.0.0.1", port, token))
        thread = threading.Thread(target=running.run, args=([listener],), name=f"toolgym-http-{port}", daemon=True)
        thread.start()
        try:
            _wait_until_started(running, thread)
            yield f"http://127.0.0.1:{port}{PATH}"
        finally:
            running.should_exit = True
            thread.join()


def http_app(server: _ServesTools | FastMCP, token: str | None = None) -> ASGIApp:
    """The ASGI application that `serve` runs."""
    app = _fastmcp(server).http_app(path=PATH, json_response=True, stateless_http=False, host_origin_protection="auto")
    return _Gate(app, token)


class _Gate:
    """Checks the token, and turns an episode's path into the common one with the episode in the request's scope."""

    def __init__(self, app: ASGIApp, token: str | None):
        self._app = app
        self._expected = None if token is None else f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._expected is not None:
            given = dict(scope["headers"]).get(b"authorization", b"")
            if not hmac.compare_digest(given, self._expected):
                await _refuse(send, 401, "A valid bearer token is required (HTTP 401).")
                return
        match = _EPISODE_PATH.fullmatch(scope["raw_path"])
        if match is not None:
            episode = unquote(match[1].decode("ascii", "replace"))
            if len(episode) > MAX_ID:
                await _refuse(send, 404, f"An episode id has at most {MAX_ID} characters (HTTP 404).")
                return
            scope = {**scope, "path": PATH, "raw_path": PATH.encode(), BOUND_EPISODE: episode}
        await self._app(scope, receive, send)


async def _refuse(send: Send, status: int, reason: str) -> None:
    """Answers with a JSON-RPC error, whose message MCP clients show."""
    body = json.dumps({"jsonrpc": "2.0", "id": None, "error": {"code": INVALID_REQUEST, "message": reason}}).encode()
    headers: list[Any] = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _config(server: _ServesTools | FastMCP, host: str, port: int, token: str | None) -> uvicorn.Config:
    return uvicorn.Config(
        http_app(server, token),
        host=host,
        port=port,
        log_level="warning",
        lifespan="on",
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
