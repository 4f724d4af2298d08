"""NeMo Gym: any of our environments as one of its resources servers, and its tasks as rows for its agents.

    app = nemo_gym_app("ToolGym/Airline-v0", size="small")                  # an ASGI application, for uvicorn
    toolgym serve ToolGym/Airline-v0 --protocol nemo-gym --port 8000        # the same, served
    rows = nemo_gym_rows("ToolGym/Airline-v0", 100, size="small")           # what its agents read, as JSONL

Two of its agents can play. `simple_agent` seeds a session with a row, posts each call to the endpoint that has the
tool's name, and has the last message verified. `gymnasium_agent` resets with a row and gives each of the model's
messages to `/step`, which users that answer need. This module imports nothing of NeMo Gym's.
"""

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from secrets import token_urlsafe
from typing import Any, Literal

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from toolgym import _json
from toolgym.adapters.chat import ChatEpisode, opened
from toolgym.adapters.nemo_gym_rows import TASK, figures, nemo_gym_rows
from toolgym.adapters.responses import last_message, message_of
from toolgym.errors import ConfigError, InfraError
from toolgym.mcp.episodes import EpisodeLimits

__all__ = ["nemo_gym_app", "nemo_gym_rows"]

COOKIE = "toolgym_episode"
"""The cookie that names a session. Agents keep no more than the latest answer's cookies, so each answer sets it."""
_BEGUN = "toolgym.begun"
"""Where a request's scope has the key of the session that it has begun."""
OUTCOME = "toolgym-outcome"
"""The header of a tool's answer that says how the call ended: one of `CallOutcome`, or `not_run`."""
_RESERVED = {"seed_session", "verify", "aggregate_metrics", "reverify_mode", "reset", "step", "close", "mcp"}
_STATUS = {
    "ok": 200,
    "tool_error": 400,
    "unknown_tool": 404,
    "not_run": 409,
    "invalid_arguments": 422,
    "unavailable": 503,
}
_FAILURE = "_ng_failure_class"
"""The key by which a verified row says that it is no result: collections keep such rows apart and play them again."""
_OVER = "The episode is over: answer the user."


class _Refused(Exception):
    """A request that cannot be answered: its status, and what to do."""

    def __init__(self, status: int, detail: str):
        super().__init__(detail)
        self.status = status


class _Session:
    """An episode, and which of the two ways it is played."""

    def __init__(self, key: str, episode: ChatEpisode, way: Literal["calls", "messages"]):
        self.key, self.episode, self.way = key, episode, way
        self.lock = asyncio.Lock()
        self.used_s = 0.0
        self.verdict: dict[str, Any] | None = None
        """What `verify` found; the episode is closed then."""
        self.broken: str | None = None
        """What the infrastructure broke."""

    async def act(self, message: Mapping[str, Any], cut: bool = False) -> list[dict[str, Any]]:
        """A message of the model's as one step; what the environment answers.

        Raises:
            InfraError: the infrastructure broke the episode.
        """
        try:
            return await _apart(self.episode.suspends, lambda: self.episode.take(message, cut=cut))
        except InfraError as error:
            self.broken = str(error)
            raise

    def result(self) -> dict[str, Any]:
        """Reward, outcome and each term of the episode so far, in the fields of a verified row."""
        episode, terms = self.episode, self.episode.terms
        failure = "infra_error" if self.broken else "no_score" if episode.total != episode.total else None
        said: dict[str, Any] = {
            "reward": 0.0 if failure else float(episode.total),
            "solved": episode.trajectory.outcome == "solved",
            "outcome": episode.trajectory.outcome,
            "truncation": episode.trajectory.truncation,
            "steps": len(episode.trajectory.steps),
            "reward_components": {name: episode.weights[name] * value for name, value in terms.items()},
            **{f"term/{name}": value for name, value in terms.items()},
        }
        if failure:
            said[_FAILURE] = failure
            said["failure"] = self.broken or "a step of the episode has no score (NaN)"
        return said


class _Server:
    """The sessions, and the endpoints on them."""

    def __init__(self, env_id: str, options: dict[str, Any], limits: EpisodeLimits, clock: Callable[[], float]):
        self._env_id, self._options, self._limits, self._clock = env_id, options, limits, clock
        self._sessions: OrderedDict[str, _Session] = OrderedDict()
        env = opened(env_id, options)  # what is wrong with it is said now, not to the first client
        self._suspends, self._answers = env.suspends, env.options.user != "none"
        _check_names(tool.name for tool in env.tools)

    async def seed_session(self, request: Request) -> Response:
        """Starts the episode of a row, to be played by calls."""
        if self._answers:
            raise _Refused(422, f"{self._env_id} has a user that must be answered: play it with gymnasium_agent")
        await self._begin(request, "calls")
        return _answer({})

    async def reset(self, request: Request) -> Response:
        """Starts the episode of a row, to be played by messages. The row has its opening, so nothing more is said."""
        await self._begin(request, "messages")
        return _answer({"observation": None, "info": {"supports_explicit_close": True}})

    async def _begin(self, request: Request, way: Literal["calls", "messages"]) -> None:
        if request.cookies.get(COOKIE) in self._sessions:  # a model that calls a tool of this name gets no second try
            raise _Refused(409, "This session has its episode already: begin another without this session's cookie")
        row = await _body(request)
        task, env_id = row.get("task_id"), row.get("env", self._env_id)
        if not isinstance(task, str):
            raise _Refused(422, 'The row has no "task_id": make the rows with `toolgym tasks rows`')
        if env_id != self._env_id:
            raise _Refused(422, f"The row is a task of {env_id!r}; this server has {self._env_id}")
        try:
            episode = await _apart(self._suspends, lambda: self._opened(task))
        except ConfigError as error:
            raise _Refused(422, str(error)) from error
        except InfraError as error:
            raise _Refused(503, str(error)) from error
        session = _Session(token_urlsafe(24), episode, way)
        await self._forget()
        session.used_s = self._clock()
        self._sessions[session.key] = session
        request.scope[_BEGUN] = session.key

    def _opened(self, task: str) -> ChatEpisode:
        episode = ChatEpisode(self._env_id, self._options, task)
        try:
            _check_names(tool["function"]["name"] for tool in episode.tools)  # they may differ from task to task
        except ConfigError:
            episode.close()
            raise
        return episode

    async def _forget(self) -> None:
        """Makes room: sessions that were not used for long go, and the one least recently used."""
        oldest_s = self._clock() - self._limits.idle_s
        while self._sessions:
            first = next(iter(self._sessions.values()))
            if first.used_s >= oldest_s and len(self._sessions) < self._limits.episodes:
                return
            await self._drop(first)

    async def _drop(self, session: _Session) -> None:
        self._sessions.pop(session.key, None)
        await _apart(self._suspends, session.episode.close)

    async def drop_all(self) -> None:
        """Ends every episode."""
        for session in list(self._sessions.values()):
            await self._drop(session)

    def _known(self, request: Request, way: Literal["calls", "messages"]) -> _Session:
        """The session that a request belongs to.

        Raises:
            _Refused: there is none, or it is played the other way.
        """
        session = self._sessions.get(request.cookies.get(COOKIE, ""))
        if session is None:
            raise _Refused(400, "No episode belongs to this session: it was not seeded, or has expired")
        if session.way != way:
            raise _Refused(409, f"This episode is played by {session.way}: it was begun so")
        session.used_s = self._clock()
        self._sessions.move_to_end(session.key)
        return session

    async def tool(self, request: Request) -> Response:
        """A call: the path is the tool's name, the body its arguments. The answer's body is what the model reads."""
        session = self._known(request, "calls")
        arguments = (await request.body()).decode("utf-8", "replace") or "{}"
        call = {"id": "call", "function": {"name": request.path_params["name"], "arguments": arguments}}
        async with session.lock:
            if session.episode.done or session.verdict is not None:
                return _told(_OVER, "not_run")
            try:
                new = await session.act({"tool_calls": [call]})
            except InfraError as error:
                return _told(str(error), "infra_error")
        return _told("\n".join(str(message["content"]) for message in new), new[0]["outcome"])

    async def verify(self, request: Request) -> Response:
        """Takes the model's last message as its answer, and gives the row with the reward. It ends the episode."""
        row = await _body(request)
        response = _response(row)
        try:
            session = self._known(request, "calls")
        except _Refused as error:
            # Refused, it would end a whole collection for one episode that had to go.
            return _answer({**row, "reward": 0.0, _FAILURE: "no_session", "failure": str(error)})
        async with session.lock:
            if session.verdict is None:
                message, cut = last_message(response["output"]), response.get("incomplete_details") is not None
                if message is not None and not session.episode.done:
                    with suppress(InfraError):  # the result has it
                        await session.act(message, cut)
                session.verdict = session.result()
                await _apart(self._suspends, session.episode.close)
        return _answer({**row, **session.verdict})

    async def step(self, request: Request) -> Response:
        """Takes a message of the model's, with all its calls, as one step."""
        session = self._known(request, "messages")
        response = _response(await _body(request))
        async with session.lock:
            episode = session.episode
            if episode.done:
                raise _Refused(409, "The episode is over")
            message = message_of(response["output"])
            try:
                new = await session.act(message, response.get("incomplete_details") is not None)
            except InfraError as error:
                raise _Refused(503, str(error)) from error
            reward = episode.trajectory.steps[-1].reward
            if reward != reward:
                raise _Refused(503, "This step has no score (NaN): the episode is no result")
        tools = [{"call_id": each["tool_call_id"], "output": each["content"]} for each in new if _is_tool(each)]
        said = [str(each["content"]) for each in new if not _is_tool(each)]
        cut_short = episode.trajectory.truncation is not None
        info = {"tool_outputs": tools, "rewards": episode.trajectory.steps[-1].rewards}
        body = {
            "observation": "\n".join(said) or None,
            "reward": reward,
            "terminated": episode.done and not cut_short,
            "truncated": cut_short,
            "info": {**info, **session.result()} if episode.done else info,
        }
        return _answer(body)

    async def close(self, request: Request) -> Response:
        """Ends an episode that is played by messages."""
        await self._drop(self._known(request, "messages"))
        return _answer({})

    async def aggregate_metrics(self, request: Request) -> Response:
        """Figures over many verified rows: of each task, and of all."""
        rows = (await _body(request)).get("verify_responses")
        if not isinstance(rows, list) or not all(
            isinstance(row, dict) and isinstance(row.get(TASK, 0), int) for row in rows
        ):
            raise _Refused(422, f'The body has "verify_responses": a list of verified rows, "{TASK}" a number')
        return _answer(figures(rows))


def nemo_gym_app(
    env_id: str,
    sessions: int = EpisodeLimits().episodes,
    idle_s: float = EpisodeLimits().idle_s,
    clock: Callable[[], float] = time.monotonic,
    **options: Any,
) -> ASGIApp:
    """An environment as a resources server of NeMo Gym's (ASGI), to be run by `uvicorn` in one process.

    Args:
        env_id: as for `gymnasium.make`, or `FILE.py:NAME` of your own.
        sessions: episodes at once, at most; the one that was used least recently goes first.
        idle_s: seconds without a request after which an episode may go.
        clock: seconds, for expiry only.
        options: of the environment; values that JSON has.

    Raises:
        ConfigError: no such environment, an option that it does not have, or a tool with the name of an endpoint.
    """
    if sessions < 1:
        raise ConfigError(f"sessions must be at least 1, got {sessions}")
    server = _Server(env_id, options, EpisodeLimits(episodes=sessions, idle_s=idle_s), clock)

    async def alive(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def reverify_mode(request: Request) -> Response:
        return JSONResponse("unsupported")  # a verdict is about an episode that is gone by then

    endpoints = (
        server.seed_session,
        server.verify,
        server.aggregate_metrics,
        server.reset,
        server.step,
        server.close,
    )
    routes = [Route(f"/{each.__name__}", each, methods=["POST"]) for each in endpoints]
    routes += [Route("/", alive), Route("/reverify_mode", reverify_mode)]
    routes += [Route("/{name:path}", server.tool, methods=["POST"])]

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await server.drop_all()

    app = Starlette(routes=routes, exception_handlers={_Refused: _refused}, lifespan=lifespan)
    return _AsNeMoGym(app)


def _check_names(names: Iterable[str]) -> None:
    if taken := sorted(_RESERVED.intersection(names)):
        raise ConfigError(f"Tools {taken} have the names of NeMo Gym's own endpoints; rename them in the server")


async def _apart(suspends: bool, what: Callable[[], Any]) -> Any:
    """Does something, in a thread where it may have to wait, so that other episodes go on."""
    return await asyncio.to_thread(what) if suspends else what()


async def _body(request: Request) -> dict[str, Any]:
    """A request's JSON object.

    Raises:
        _Refused: it is none.
    """
    try:
        body = _json.loads(await request.body())
    except ValueError as error:
        raise _Refused(422, f"The body is no JSON: {error}") from error
    if not isinstance(body, dict):
        raise _Refused(422, f"The body must be a JSON object, not {type(body).__name__}")
    return body


def _response(body: Mapping[str, Any]) -> dict[str, Any]:
    """The model's response in a request.

    Raises:
        _Refused: there is none.
    """
    response = body.get("response")
    if not isinstance(response, dict) or not isinstance(response.get("output"), list):
        raise _Refused(422, 'The body needs a "response" with an "output": a list of items of the Responses API')
    return response


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, _Refused)
    return JSONResponse({"detail": str(error)}, error.status)


def _answer(body: Any) -> Response:
    return Response(_json.dumps(body), media_type="application/json")


def _told(text: str, outcome: str) -> Response:
    """A tool's answer."""
    data = text.encode("utf-8", "replace")  # a lone surrogate has no bytes
    return Response(data, _STATUS.get(outcome, 500), {OUTCOME: outcome}, media_type="text/plain")


def _is_tool(message: Mapping[str, Any]) -> bool:
    return message["role"] == "tool"


class _AsNeMoGym:
    """What holds of every request and answer: `/ng-rollout/ID`, with which NeMo Gym marks requests that it observes, is
    taken off the path; and each answer names the session again, also where it refuses."""

    _MARK = re.compile(r"^/ng-rollout/[A-Za-z0-9][A-Za-z0-9._-]*(?P<rest>/.*)$")
    _KEY = re.compile(r"[A-Za-z0-9_-]{1,64}")

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        marked = self._MARK.match(scope["path"])
        if marked is not None:
            scope = {**scope, "path": marked["rest"], "raw_path": marked["rest"].encode()}
        given = Request(scope).cookies.get(COOKIE, "")

        async def named(message: Message) -> None:
            key = scope.get(_BEGUN, given)
            if message["type"] == "http.response.start" and self._KEY.fullmatch(key):
                cookie = f"{COOKIE}={key}; Path=/; HttpOnly; SameSite=lax"
                message = {**message, "headers": [*message.get("headers", ()), (b"set-cookie", cookie.encode())]}
            await send(message)

        await self._app(scope, receive, named)
