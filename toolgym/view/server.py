"""The pages and the data over HTTP: on this machine alone, for whoever has the token, and for reading only.

A page of another site may not read from here: the request must name this address as its host (a name that was bound to
127.0.0.1 afterwards does not), must come from no other origin, and must bring the token, in the address or as a cookie.
"""

import contextlib
import secrets
import socket
import sqlite3
import threading
from collections.abc import Callable, Mapping
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from toolgym import _strict_json
from toolgym.errors import ConfigError, ToolGymError
from toolgym.trajectory._lines import MAX_DEPTH
from toolgym.view import queries
from toolgym.view.curves import curves
from toolgym.view.episodes import episode, group_tree, recorded, tokens
from toolgym.view.explaining import Explainer
from toolgym.view.library import Library
from toolgym.view.playing import Plays

__all__ = ["POLICY", "STATIC", "Viewer"]

STATIC = Path(__file__).parent / "static"
_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_LARGEST_ACTION = 2**20
_HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
}


class Guard:
    """Lets nobody in but this machine's browser with the token.

    Args:
        app: what is guarded.
        hosts: the hosts that a request may name.
        token: what it must bring.
        cookie: the name under which it may.
    """

    def __init__(self, app: ASGIApp, hosts: Callable[[], set[str]], token: str, cookie: Callable[[], str]):
        self.app, self.hosts, self.token, self.cookie = app, hosts, token, cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # no WebSocket is answered
        status, why = self._check(scope)
        if status:
            await Response(why + "\n", status, _HEADERS, "text/plain")(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _check(self, scope: Scope) -> tuple[int, str]:
        """(0, "") where the request may pass, or the status and the reason."""
        headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        if len(hosts := headers.get("host", [])) != 1 or hosts[0] not in self.hosts():
            return 403, "Another host is named than this viewer's address."
        if any(origin not in {f"http://{host}" for host in self.hosts()} for origin in headers.get("origin", [])):
            return 403, "Another site may not read from this viewer."
        site = headers.get("sec-fetch-site", ["none"])
        navigates = headers.get("sec-fetch-mode") == ["navigate"] and scope["path"] == "/"
        if any(each not in ("same-origin", "none") for each in site) and not navigates:
            return 403, "Another site may not read from this viewer."
        if scope["method"] not in ("GET", "HEAD"):
            if scope["method"] != "POST" or scope["path"] != "/api/play":
                return 405, "This viewer only reads."
            # A form of another site can send neither this type nor this page's origin.
            if not headers.get("origin") or headers.get("content-type") != ["application/json"]:
                return 403, "Only this viewer's own page acts."
        if not any(
            secrets.compare_digest(given.encode(), self.token.encode()) for given in self._given(scope, headers)
        ):
            return 401, "The address lacks the token, or has another's: open the address that `toolgym view` printed."
        return 0, ""

    def _given(self, scope: Scope, headers: Mapping[str, list[str]]) -> list[str]:
        """The tokens that a request brings."""
        given = list(headers.get("x-toolgym-token", []))
        if scope["path"] == "/":
            given += parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
        with contextlib.suppress(CookieError):
            found = SimpleCookie("; ".join(headers.get("cookie", []))).get(self.cookie())
            given += [found.value] if found is not None else []
        return given


class Viewer:
    """A library on a page.

    Args:
        library: what is shown.
        explainer: what makes environments for what the files do not hold.
        port: 0: a free one.

    Raises:
        OSError: the port is taken.
    """

    def __init__(self, library: Library, explainer: Explainer | None = None, port: int = 0):
        self.library, self.explainer = library, explainer or Explainer()
        self.plays = Plays(self.explainer.env_id, self.explainer.options)
        self.token = secrets.token_urlsafe(24)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind(("127.0.0.1", port))
            self._socket.listen(128)  # a browser that comes before the server does waits
        except BaseException:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]
        self._server: Any = None
        self._thread: threading.Thread | None = None
        self.app = Guard(self._app(), self._hosts, self.token, lambda: self._cookie)

    @property
    def address(self) -> str:
        """What is opened in the browser."""
        return f"http://127.0.0.1:{self.port}/?token={self.token}"

    @property
    def _cookie(self) -> str:
        return f"toolgym_view_{self.port}"  # cookies are one jar for all ports of a host

    def _hosts(self) -> set[str]:
        return {f"127.0.0.1:{self.port}", f"localhost:{self.port}"}

    def serve(self) -> None:
        """Serves until interrupted, or until `close` is called in another thread."""
        self._server = self._new_server()
        self._run()

    def start(self) -> None:
        """Serves in a thread, until `close`."""
        self._server = self._new_server()  # before the thread runs: a `close` that comes first finds it
        self._thread = threading.Thread(target=self._run, name="toolgym-view", daemon=True)
        self._thread.start()

    def _new_server(self) -> Any:
        import uvicorn

        config = uvicorn.Config(
            self.app, log_level="error", lifespan="off", access_log=False, ws="none", timeout_graceful_shutdown=1
        )
        return uvicorn.Server(config)

    def _run(self) -> None:
        self.library.start()
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self.library.close()
            self.plays.close()
            self._socket.close()

    def close(self) -> None:
        """Stops serving. Closing twice is harmless."""
        if self._server is not None:
            self._server.should_exit = True
        if self._thread is not None:
            self._thread.join()
        else:
            self._socket.close()

    # What is answered ----------------------------------------------------------------------------------------------

    def _app(self) -> Starlette:
        answers = {
            "runs": self._runs,
            "curves": self._curves,
            "pairs": self._pairs,
            "facets": self._facets,
            "episodes": self._episodes,
            "broken": self._broken,
            "episode": self._episode,
            "tokens": self._tokens,
            "tree": self._tree,
            "explain": self._explain,
            "credit": self._credit,
        }
        routes = [Route(f"/api/{name}", _answering(answer)) for name, answer in answers.items()]
        routes += [
            Route("/api/play", self._play, methods=["POST"]),
            Route("/api/plays", _answering(lambda _: {"envs": self.plays.offered()})),
        ]
        return Starlette(routes=[*routes, Route("/", self._page), Route("/{name}", _static)])

    async def _play(self, request: Request) -> Response:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > _LARGEST_ACTION:
                return Response("An action is smaller.\n", 413, _HEADERS, "text/plain")
        return await run_in_threadpool(_answered, lambda _: self.plays.do(_object(body)), {})

    def _page(self, request: Request) -> Response:
        response = _file("index.html")
        if "token" in request.query_params:
            # The address that the page shows loses the token: what is copied from there opens nothing.
            response.set_cookie(self._cookie, self.token, httponly=True, samesite="strict", path="/")
        return response

    def _source(self, given: Mapping[str, str], name: str = "run") -> Any:
        return self.library.source(given.get(name, ""))

    def _runs(self, given: Mapping[str, str]) -> Any:
        return {"runs": [queries.summary(self.library, source) for source in list(self.library.sources.values())]}

    def _curves(self, given: Mapping[str, str]) -> Any:
        sources = [self.library.source(id) for id in given.get("runs", "").split(",") if id]
        return {"runs": {source.id: curves(source.folder) if source.folder else {} for source in sources}}

    def _pairs(self, given: Mapping[str, str]) -> Any:
        sources = [self.library.source(id) for id in given.get("runs", "").split(",") if id]
        return queries.pairs(self.library, sources)

    def _facets(self, given: Mapping[str, str]) -> Any:
        source = self._source(given)
        with self.library.index(source) as index:
            noted = {**queries.note(index), "name": source.name, "kind": source.kind}
            return {**queries.facets(index), **noted, "size": queries.readable(self.library, source, noted)}

    def _episodes(self, given: Mapping[str, str]) -> Any:
        with self.library.index(self._source(given)) as index:
            start, count = _whole(given, "start", 0), _whole(given, "count", 50)
            sort, down = given.get("sort", "n"), given.get("down") == "1"
            return queries.page(index, given, sort=sort, down=down, start=start, count=count)

    def _broken(self, given: Mapping[str, str]) -> Any:
        with self.library.index(self._source(given)) as index:
            return {"lines": queries.broken_lines(index), "total": queries.note(index)["bad"]}

    def _episode(self, given: Mapping[str, str]) -> Any:
        return episode(self.library, self._source(given), _whole(given, "n"))

    def _tokens(self, given: Mapping[str, str]) -> Any:
        return tokens(self.library, self._source(given), _whole(given, "n"))

    def _tree(self, given: Mapping[str, str]) -> Any:
        return group_tree(self.library, self._source(given), _whole(given, "n"))

    def _explain(self, given: Mapping[str, str]) -> Any:
        return self.explainer.explain(self._recorded(given))

    def _recorded(self, given: Mapping[str, str]) -> Any:
        return recorded(self.library, self._source(given), _whole(given, "n"))

    def _credit(self, given: Mapping[str, str]) -> Any:
        value, method = given.get("value", "outcome"), given.get("method", "leave_one_out")
        return self.explainer.credit(self._recorded(given), value, method)


def _object(body: bytes) -> dict[str, Any]:
    """The JSON object that a request brings.

    Raises:
        ConfigError: it is none.
    """
    try:
        value = _strict_json.loads(body, half_characters=True)
    except ValueError as error:
        raise ConfigError(f"The request is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise ConfigError("The request is no JSON object")
    return value


def _whole(given: Mapping[str, str], name: str, default: int | None = None) -> int:
    text = given.get(name)
    if text is None and default is not None:
        return default
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 15:
        raise ConfigError(f"{name} must be a whole number, not {text!r:.50}")
    return int(text)


def _answering(answer: Callable[[Mapping[str, str]], Any]) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        return await run_in_threadpool(_answered, answer, dict(request.query_params))

    return endpoint


def _answered(answer: Callable[[Mapping[str, str]], Any], given: Mapping[str, str]) -> Response:
    status, value = 200, None
    try:
        value = answer(given)
    except (ToolGymError, OSError, ValueError, ModuleNotFoundError) as error:
        status, value = (404 if isinstance(error, ConfigError) else 500), {"error": _said(error)}
    except sqlite3.Error as error:
        status, value = 500, {"error": f"The index cannot be read: {error}"}
    data = _strict_json.dumps(value, depth=MAX_DEPTH + 10)
    return Response(data, status, _HEADERS, "application/json")


def _said(error: Exception) -> str:
    return error.strerror or "" if isinstance(error, OSError) and error.strerror else str(error)


def _static(request: Request) -> Response:
    return _file(request.path_params["name"])


def _file(name: str) -> Response:
    """A file of the front end; only what is there by exactly that name."""
    there = {path.name: path for path in STATIC.iterdir()} if STATIC.is_dir() else {}
    path = there.get(name)
    kind = _TYPES.get(Path(name).suffix)
    if path is None or kind is None:
        return Response("There is no such page.\n", 404, _HEADERS, "text/plain")
    return Response(path.read_bytes(), 200, _HEADERS, kind)
