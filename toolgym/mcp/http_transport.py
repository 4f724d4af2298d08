"""Streamable HTTP that trusts the server with nothing: each answer is read within a limit, and each request gets one.

The protocol's own client runs on top. It would end on a connection that breaks, and with it the calls of every other
episode that shares it; so the HTTP client below it answers in the place of a server that does not.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx2
import orjson
from fastmcp.client.auth import BearerAuth
from fastmcp.client.transports import ClientTransport
from fastmcp.client.transports.base import SessionKwargs, TransportOptions
from mcp import ClientSession
from mcp.client.streamable_http import MCP_SESSION_ID, streamable_http_client
from mcp_types import CONNECTION_CLOSED, ErrorData, JSONRPCError, JSONRPCResponse
from typing_extensions import Unpack

from toolgym.mcp.bounds import BAD_ANSWER, REFUSED_STATUS, SESSION_LOST, BoundedLines, LongLine, read_message
from toolgym.mcp.secrets import hide_in_logs, redacted, secrets_of
from toolgym.mcp.transports import _plain

__all__ = ["SSE_ADVICE", "BoundedHttpTransport", "speaks_sse"]

SSE_ADVICE = (
    "the older HTTP+SSE transport is not spoken here, only streamable HTTP. Many servers have both: try the URL that "
    "ends in /mcp. A bridge to stdio (such as mcp-remote) as the 'command' works too."
)

_STATUS_BYTES = 65_536
_PROBE_S = 3.0
_SHOWN = 300
_ADVICE = {
    401: ". It wants a token or key: token=..., or 'headers' in mcp.json",
    403: ". The token or key is not allowed this",
    404: ". Is it the right path? Many servers answer at /mcp",
    405: ". Is it the right path? Many servers answer at /mcp",
    429: ". It has had too many requests",
}

# The time limits are the connection's; a hundred slow calls must not make the next one wait.
_TIMEOUT = httpx2.Timeout(None)
# Each request looks at every idle connection: with 64 of them that is a fifth of a call's CPU time. Busy ones are not
# idle, so few are enough.
_LIMITS = httpx2.Limits(max_connections=None, max_keepalive_connections=4)


class BoundedHttpTransport(ClientTransport):
    """Streamable HTTP whose answers are read within a limit.

    Args:
        url: the endpoint.
        headers: sent with each request.
        token: a bearer token.
        limit: bytes that an answer may have.
    """

    def __init__(self, url: str, headers: Mapping[str, str], token: str | None, limit: int):
        self._url, self._headers, self._token, self._limit = url, dict(headers), token, limit
        hide_in_logs()

    @asynccontextmanager
    async def connect_session(
        self, *, transport_options: TransportOptions | None = None, **session_kwargs: Unpack[SessionKwargs]
    ) -> AsyncIterator[ClientSession]:
        auth = None if self._token is None else BearerAuth(self._token)
        async with (
            _BoundedClient(
                self._limit,
                secrets_of(self._url, self._headers, self._token),
                headers=self._headers,
                auth=auth,
                timeout=_TIMEOUT,
                limits=_LIMITS,
            ) as client,
            streamable_http_client(self._url, http_client=client, max_sse_event_size=None) as (received, to_send),
            _plain(transport_options).session_class(received, to_send, **session_kwargs) as session,
        ):
            yield session


async def speaks_sse(url: str, headers: Mapping[str, str], token: str | None) -> bool:
    """Whether a server answers in the older transport: with a stream whose first event names an endpoint."""
    try:
        async with (
            httpx2.AsyncClient(headers=dict(headers), auth=None if token is None else BearerAuth(token)) as client,
            client.stream("GET", url, headers={"accept": "text/event-stream"}, timeout=_PROBE_S) as response,
        ):
            if not response.headers.get("content-type", "").startswith("text/event-stream"):
                return False
            async for chunk in response.aiter_raw():
                return b"event: endpoint" in chunk[:_STATUS_BYTES].replace(b"event:endpoint", b"event: endpoint")
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError):
        pass
    return False


class _BoundedClient(httpx2.AsyncClient):
    """An HTTP client whose answers are bounded; a request that fails is answered with a JSON-RPC error."""

    def __init__(self, limit: int, secrets: tuple[str, ...], **settings: Any):
        super().__init__(**settings)
        self._limit, self._secrets = limit, secrets
        self.headers["accept-encoding"] = "identity"  # a small packed body may unpack to gigabytes

    async def send(self, request: httpx2.Request, *, stream: bool = False, **settings: Any) -> httpx2.Response:
        try:
            response = await super().send(request, stream=True, **settings)
        except httpx2.RequestError as error:
            if request.method != "POST":
                raise  # the stream that a client may listen to, and the end of a session: nobody waits for them
            return _failed(request, CONNECTION_CLOSED, _reason(error))
        if response.status_code == 404 and MCP_SESSION_ID in request.headers and request.method == "POST":
            await response.aclose()
            return _failed(request, SESSION_LOST, "the server no longer knows this session (404)")
        encoding = response.headers.get("content-encoding", "identity")
        if encoding != "identity":
            await response.aclose()
            return _failed(request, BAD_ANSWER, f"the server sent {encoding}, which was not asked for")
        if response.status_code >= 400 and request.method == "POST":
            return await self._refused(request, response)
        self._bound(request, response)
        if not stream:
            await response.aread()
        return response

    async def _refused(self, request: httpx2.Request, response: httpx2.Response) -> httpx2.Response:
        """The answer that an error status stands for: the JSON-RPC error in its body, or else the status in words."""
        body = b""
        try:
            async for chunk in response.aiter_raw():
                body += chunk[:_STATUS_BYTES]
                if len(body) >= _STATUS_BYTES:
                    break
        except httpx2.RequestError:
            pass  # the status alone then
        await response.aclose()
        message = read_message(body, _request_id(request)) if body.lstrip().startswith(b"{") else None
        if isinstance(message, JSONRPCError) and message.error.code != BAD_ANSWER:
            return _failed(request, message.error.code, message.error.message)
        text = redacted(body.decode(errors="replace"), self._secrets).strip()
        said = f": {text[:_SHOWN]!r}" if text else ""
        what = f"an error response, {response.status_code} {response.reason_phrase}".rstrip()
        return _failed(request, REFUSED_STATUS, f"{what}{said}{_ADVICE.get(response.status_code, '')}")

    def _bound(self, request: httpx2.Request, response: httpx2.Response) -> None:
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        inner = cast(httpx2.AsyncByteStream, response.stream)
        request_id = _request_id(request)
        if kind == "text/event-stream":
            response.stream = _BoundedEvents(inner, self._limit, request_id)
        else:
            readable = kind == "application/json" and response.is_success
            response.stream = _BoundedBody(inner, self._limit, request_id if readable else None)


def _request_id(request: httpx2.Request) -> Any:
    """The JSON-RPC id of what was posted; None for everything else."""
    try:
        posted = orjson.loads(request.content)
    except (ValueError, httpx2.RequestNotRead):
        return None
    return posted.get("id") if isinstance(posted, dict) and "method" in posted else None


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def _error(request_id: Any, code: int, message: str) -> bytes:
    answer = JSONRPCError(jsonrpc="2.0", id=request_id, error=ErrorData(code=code, message=message))
    return answer.model_dump_json(by_alias=True, exclude_unset=True).encode()


def _failed(request: httpx2.Request, code: int, message: str) -> httpx2.Response:
    """What stands for the answer to a request that got none; a notification needs none."""
    request_id = _request_id(request)
    if request_id is None:
        return httpx2.Response(202, request=request)
    headers = {"content-type": "application/json"}
    return httpx2.Response(200, headers=headers, content=_error(request_id, code, message), request=request)


class _BoundedBody(httpx2.AsyncByteStream):
    """A body that is one message; a longer one is shortened, an unreadable or broken one replaced by an error."""

    def __init__(self, stream: httpx2.AsyncByteStream, limit: int, request_id: Any):
        self._stream, self._limit, self._request_id = stream, limit, request_id

    async def __aiter__(self) -> AsyncIterator[bytes]:
        body = BoundedLines(self._limit)
        try:
            async for chunk in self._stream:
                body.feed(chunk.replace(b"\n", b" "))  # JSON's line ends mean nothing
        except httpx2.RequestError as error:
            if self._request_id is not None:
                yield _error(self._request_id, CONNECTION_CLOSED, f"the answer broke off: {_reason(error)}")
            return
        whole = body.end()
        if self._request_id is None:
            yield whole.head if isinstance(whole, LongLine) else whole
        else:
            yield _dumped(whole, self._request_id, only_answers=True)

    async def aclose(self) -> None:
        await self._stream.aclose()


class _BoundedEvents(httpx2.AsyncByteStream):
    """A stream of server-sent events, each one's data a message; comments and other fields pass."""

    def __init__(self, stream: httpx2.AsyncByteStream, limit: int, request_id: Any):
        self._stream, self._limit, self._request_id = stream, limit, request_id

    async def __aiter__(self) -> AsyncIterator[bytes]:
        lines, event = BoundedLines(self._limit), _Event(self._limit, self._request_id)
        async for chunk in self._stream:
            for line in lines.feed(chunk):
                yield event.add(line)
        # What is left is an event without its end: it counts for nothing.

    async def aclose(self) -> None:
        await self._stream.aclose()


class _Event:
    """The server-sent event that is being read, of bounded size."""

    def __init__(self, limit: int, request_id: Any):
        self._limit, self._request_id = limit, request_id
        self._data = BoundedLines(limit)
        self._long: LongLine | None = None
        self._has_data = False

    def add(self, line: bytes | LongLine) -> bytes:
        """Takes the event's next line; returns what may be passed on at this point."""
        start = (line.head if isinstance(line, LongLine) else line).rstrip(b"\r")
        if start.startswith(b"data:"):
            self._has_data = True
            if isinstance(line, LongLine):
                self._long = self._long or line
            elif self._long is None:
                self._data.feed(start[5:].strip() + b" ")  # a message's line ends mean nothing
            return b""
        if start:
            return b"" if isinstance(line, LongLine) else start + b"\n"
        return self._end() + b"\n"

    def _end(self) -> bytes:
        if not self._has_data:
            return b""
        held = self._data.end()
        data, self._long, self._has_data = self._long or held, None, False
        if isinstance(data, bytes) and not data.strip():
            return b"data:\n"
        return b"data: " + _dumped(data, self._request_id).replace(b"\r", b" ") + b"\n"


def _dumped(line: bytes | LongLine, request_id: Any, only_answers: bool = False) -> bytes:
    """The line, or what is said in its place: a request is answered once, by an answer to itself.

    Args:
        only_answers: whether anything but an answer is an error, since nothing can come after it.
    """
    message = read_message(line, request_id)
    if message is None:
        return b"null"
    if isinstance(message, JSONRPCResponse | JSONRPCError):
        if message.id is None:
            message.id = request_id  # it was refused before its id was read
        elif message.id == request_id and isinstance(line, bytes) and getattr(message, "error", None) is None:
            return line.decode(errors="replace").encode()  # as it came, apart from bytes that are no UTF-8
        elif message.id != request_id and request_id is not None:
            return _error(request_id, BAD_ANSWER, f"it answers another request, {message.id!r}")
    elif only_answers:
        return _error(request_id, BAD_ANSWER, "it is a message, but no answer")
    return message.model_dump_json(by_alias=True, exclude_unset=True).encode()
