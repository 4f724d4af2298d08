"""A taskset of verifiers' at work, with a policy of ours in the place of its model.

verifiers runs its own episodes: its harness, its tools, its users, its rewards. Where it asks its model, it asks an
endpoint of this process, which hands each request over and waits for the answer.
"""

import asyncio
import json
import socket
from collections.abc import Mapping
from contextlib import suppress
from itertools import count
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from toolgym.errors import CallTimeoutError, ConfigError, InfraError
from toolgym.mcp import loop
from toolgym.mcp.session import ToolSpec

try:
    import verifiers.v1 as vf  # pyright: ignore[reportMissingImports]
    from verifiers.v1.configs.agent import agent_config_fields  # pyright: ignore[reportMissingImports]
except ImportError as error:
    raise ConfigError(f"verifiers' package is missing: pip install verifiers ({error})") from error

__all__ = ["Engine", "Running"]

_KEY = "TOOLGYM_NO_KEY"
"""The variable that verifiers would find a key in; there is none, and none is asked for."""
_MODEL = "toolgym"


class Engine:
    """A taskset and the environment that plays it. All episodes of a process share one.

    Args:
        taskset: the id of an installed taskset.
        config: verifiers' `env` block: `{"taskset": {...}, "agent": {...}}`.
        episodes: so many of its tasks, the first ones.

    Raises:
        ConfigError: there is no such taskset, or its agents cannot be played.
    """

    def __init__(self, taskset: str, config: Mapping[str, Any], episodes: int):
        try:
            self.env = vf.load_environment(_config(taskset, config))
            self.tasks = list(self.env.taskset.take(episodes))
        except Exception as error:  # whatever somebody's taskset does
            raise ConfigError(f"The taskset {taskset!r} cannot be loaded: {type(error).__name__}: {error}") from error
        if not self.tasks:
            raise ConfigError(f"The taskset {taskset!r} has no tasks")
        agents = agent_config_fields(self.env.config)
        ours = [name for name, agent in agents.items() if agent.model is None]
        if len(ours) != 1:
            raise ConfigError(
                f"One agent of {taskset!r} can be played, and without a model of their own there are {ours}: give the "
                'others a model, config={"NAME": {"model": ..., "client": ...}}'
            )
        self.seat = ours[0]
        self.tools: tuple[ToolSpec, ...] | None = None
        """What the agent is offered, once an episode has said so."""
        self._running: dict[str, Running] = {}
        self._numbers = count()
        self._url = ""
        self._starting: asyncio.Lock | None = None

    async def begin(self, index: int, timeout_s: float) -> "Running":
        """Starts the episode of a task.

        Raises:
            InfraError: verifiers cannot serve it.
        """
        if self._starting is None:
            self._starting = asyncio.Lock()
        async with self._starting:
            if not self._url:
                await self._serve()
        number = str(next(self._numbers))
        client = vf.EvalClientConfig(base_url=f"{self._url}/{number}/v1", api_key_var=_KEY)
        context = vf.ModelContext(model=_MODEL, client=client, sampling=vf.SamplingConfig())
        running = self._running[number] = Running(self, number, timeout_s)
        (slot,) = self.env.slots(self.tasks[index])
        running.play(self.env.run_slot(slot, context))
        return running

    def forget(self, number: str) -> None:
        """Drops an episode that is over."""
        self._running.pop(number, None)

    async def _serve(self) -> None:
        """Starts the endpoint, and what verifiers' episodes share."""
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))
        app = Starlette(routes=[Route("/{number}/v1/chat/completions", self._asked, methods=["POST"])])
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
        stopping, ready = asyncio.Event(), asyncio.get_running_loop().create_future()

        async def keep() -> None:
            try:
                async with self.env.serving():
                    ready.set_result(None)
                    await stopping.wait()
            except Exception as error:
                if ready.done():
                    raise
                ready.set_exception(InfraError(f"verifiers cannot serve the taskset: {error}"))

        tasks = [asyncio.ensure_future(keep()), asyncio.ensure_future(server.serve(sockets=[listening]))]

        async def stop() -> None:
            server.should_exit = True
            for running in list(self._running.values()):
                await running.stop()
            stopping.set()
            await asyncio.wait(tasks, timeout=5.0)

        await ready
        loop.at_exit(id(self), stop)
        self._url = f"http://127.0.0.1:{listening.getsockname()[1]}"

    async def _asked(self, request: Request) -> Response:
        running = self._running.get(request.path_params["number"])
        if running is None:
            return JSONResponse({"error": {"message": "the episode is over"}}, status_code=410)
        body = await request.json()
        message = await running.ask(body)
        return _streamed(message) if body.get("stream") else JSONResponse(_completion(message))


class Running:
    """An episode under way: what it asks its model, and what came of it.

    Args:
        engine: whose it is.
        number: its name at the endpoint.
        timeout_s: seconds until the next request, or the end.
    """

    def __init__(self, engine: Engine, number: str, timeout_s: float):
        self._engine, self._number, self._timeout_s = engine, number, timeout_s
        self._requests: asyncio.Queue[tuple[dict[str, Any], asyncio.Future[dict[str, Any]]]] = asyncio.Queue()
        self._answer: asyncio.Future[dict[str, Any]] | None = None
        self._playing: asyncio.Future[Any] | None = None

    def play(self, episode: Any) -> None:
        """Lets the episode begin."""
        self._playing = asyncio.ensure_future(episode)

    async def ask(self, body: dict[str, Any]) -> dict[str, Any]:
        """A request for the next message; the message that it gets."""
        answer = asyncio.get_running_loop().create_future()
        await self._requests.put((body, answer))
        return await answer

    async def say(self, message: dict[str, Any]) -> dict[str, Any] | None:
        """Answers the last request with a message, and waits for the next."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(message)
        return await self.next()

    async def next(self) -> dict[str, Any] | None:
        """The next request; None where the episode is over.

        Raises:
            CallTimeoutError: there is neither in time.
        """
        assert self._playing is not None
        asked = asyncio.ensure_future(self._requests.get())
        await asyncio.wait([asked, self._playing], timeout=self._timeout_s, return_when=asyncio.FIRST_COMPLETED)
        if asked.done():
            body, self._answer = asked.result()
            return body
        asked.cancel()
        if not self._playing.done():
            await self.stop()
            raise CallTimeoutError(f"The episode of verifiers' neither asked nor ended within {self._timeout_s:g} s")
        return None

    def result(self) -> dict[str, Any]:
        """What came of it: `reward`, each one's share, the metrics, and why it stopped.

        Raises:
            InfraError: it failed.
        """
        assert self._playing is not None
        self._engine.forget(self._number)
        if (failed := self._playing.exception()) is not None:
            raise InfraError(f"The episode of verifiers' failed: {type(failed).__name__}: {failed}") from failed
        episode = self._playing.result()
        traces = [trace for trace in episode.traces if trace.agent.name == self._engine.seat]
        if not episode.ok or not traces:
            errors = [*episode.errors, *(error for trace in episode.traces for error in trace.errors)]
            told = "; ".join(f"{error.type}: {error.message}" for error in errors) or "no trace"
            raise InfraError(f"The episode of verifiers' failed: {told}")
        trace = traces[-1]
        return {
            "reward": float(trace.reward),
            "rewards": {name: each.value for name, each in trace.rewards.items() if each is not None},
            "metrics": {name: value for name, value in trace.metrics.items() if value is not None},
            "stop": trace.stop_condition,
        }

    async def stop(self) -> None:
        """Ends it, wherever it is."""
        self._engine.forget(self._number)
        if self._playing is not None and not self._playing.done():
            self._playing.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await asyncio.wait_for(self._playing, 10.0)


def _config(taskset: str, config: Mapping[str, Any]) -> Any:
    """verifiers' configuration; a single agent runs on this machine where nothing else is said."""
    block = {**config, "taskset": {**config.get("taskset", {}), "id": taskset}}
    kind = vf.env_config_type(taskset, block.get("id", ""))
    if issubclass(kind, vf.SingleAgentEnvConfig):
        block["agent"] = {"runtime": {"type": "subprocess"}, **block.get("agent", {})}
    return vf.resolve_env_config(block)


def _completion(message: dict[str, Any]) -> dict[str, Any]:
    why = "tool_calls" if message.get("tool_calls") else "stop"
    return {
        "id": "toolgym",
        "object": "chat.completion",
        "created": 0,
        "model": _MODEL,
        "choices": [{"index": 0, "message": message, "finish_reason": why}],
        "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
    }


def _streamed(message: dict[str, Any]) -> Response:
    """The same as a stream of one piece."""
    whole = _completion(message)
    calls = [{"index": number, **call} for number, call in enumerate(message.get("tool_calls") or ())]
    delta = {**message, **({"tool_calls": calls} if calls else {})}
    choice = {"index": 0, "delta": delta, "finish_reason": whole["choices"][0]["finish_reason"]}
    chunk = {**whole, "object": "chat.completion.chunk", "choices": [choice]}
    text = f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n"
    return Response(text, media_type="text/event-stream")
