"""`OpenEnvSession`: an episode of an OpenEnv server, its actions as tool calls."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import httpx2

from toolgym.errors import (
    CallTimeoutError,
    ConfigError,
    ForkUnsupportedError,
    InfraError,
    ServerDiedError,
    ServerStartError,
)
from toolgym.mcp import loop
from toolgym.mcp.arguments import refuse, unknown_tool
from toolgym.mcp.results import classify
from toolgym.mcp.session import ToolSession, ToolSpec
from toolgym.messages import ToolCall
from toolgym.trajectory import ToolResult
from toolgym.world import Diff

__all__ = ["ACT", "REPORTED", "OpenEnvSession", "reported"]

ACT = "act"
"""The tool of a server whose actions are no tool calls: it takes the action's fields."""
REPORTED = "openenv"
"""Key of the `_meta` of a result's last block under which the server's reward and its `done` are kept."""
_REFUSED = ("VALIDATION_ERROR", "EXECUTION_ERROR")
"""What servers answer to an action that they cannot take."""
_OVER = "The episode is over: nothing can be done in it any more. Respond to the user."


class OpenEnvSession(ToolSession):
    """An episode of an OpenEnv server. A server of tools (`list_tools`, `call_tool`) offers these; any other one tool,
    `act`, with the fields of its action.

    It keeps no `World` and cannot be forked. What the server says at `reset` is `opening`; its reward for an action and
    whether the episode is over are with the action's result (`reported`).

    Args:
        url: where the server listens.
        timeout_s: for one action.
        start_timeout_s: for the connection.

    Raises:
        ConfigError: the package `openenv-core` is missing.
        ServerStartError: no server answers there.
    """

    def __init__(self, url: str, timeout_s: float = 60.0, start_timeout_s: float = 10.0):
        self._url, self._timeout_s, self._start_timeout_s = url, timeout_s, start_timeout_s
        self._client: Any = None
        self._closed = self._over = False
        self._of_tools = False
        self.opening: dict[str, Any] = {}
        """The observation of the latest reset."""
        self._tools = loop.run(self._begin())

    async def _begin(self) -> tuple[ToolSpec, ...]:
        """Connects, and finds out what the server takes."""
        await self._connect()
        answer = await self._ask({"type": "step", "data": {"type": "list_tools"}}, starting=True)
        listed = answer.get("data", {}).get("observation", {}).get("tools") if answer["type"] != "error" else None
        if isinstance(listed, list):
            self._of_tools = True
            return tuple(_spec(tool) for tool in listed)
        schema = (await asyncio.to_thread(_schemas, self._url, self._start_timeout_s)).get("action", {})
        properties = {name: value for name, value in schema.get("properties", {}).items() if name != "metadata"}
        about = schema.get("description") or "Takes an action of the environment."
        return (ToolSpec(ACT, about, {**schema, "properties": properties}),)

    async def _connect(self) -> None:
        try:
            from openenv.core.generic_client import GenericEnvClient  # pyright: ignore[reportMissingImports]
        except ImportError as error:
            raise ConfigError(f"OpenEnv's package is missing: pip install openenv-core ({error})") from error
        client = GenericEnvClient(self._url, self._start_timeout_s, self._timeout_s)
        try:
            await client.connect()
        except (ConnectionError, OSError, ValueError) as error:
            raise ServerStartError(f"No OpenEnv server answers at {self._url}: {error}") from error
        self._client = client

    async def _ask(self, message: dict[str, Any], *, starting: bool = False) -> dict[str, Any]:
        """A message's answer: an observation, or an error.

        Raises:
            InfraError: there is none in time, the connection is gone, or it is nothing that OpenEnv defines.
        """
        try:
            await self._client._send(message)
            answer = await self._client._receive()
        except TimeoutError as error:
            await self._drop()
            raise CallTimeoutError(f"The OpenEnv server at {self._url} took longer than {self._timeout_s} s") from error
        except asyncio.CancelledError:
            await self._drop()  # its answer would be taken for the next one's
            raise
        except Exception as error:  # of websockets, as many kinds as there are ends of a connection; of JSON
            await self._drop()
            kind = ServerStartError if starting else ServerDiedError
            raise kind(f"The OpenEnv server at {self._url} went away: {error}") from error
        if not isinstance(answer, dict) or answer.get("type") not in ("observation", "error", "state"):
            await self._drop()
            raise InfraError(f"The OpenEnv server at {self._url} answered {answer!r:.200}")
        return answer

    async def _drop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with suppress(Exception):
                await asyncio.wait_for(client.disconnect(), 2.0)

    @property
    def tools(self) -> tuple[ToolSpec, ...]:
        return self._tools

    def reset(self, world_key: Any = None) -> None:
        """Starts a fresh episode; `world_key` is what the server's `reset` takes: a mapping, or a seed.

        Raises:
            InfraError: the server failed, or refused it.
        """
        loop.run(self._reset(world_key))

    async def _reset(self, world_key: Any) -> None:
        asked = dict(world_key) if isinstance(world_key, Mapping) else {} if world_key is None else {"seed": world_key}
        if self._client is None:
            await self._connect()
        answer = await self._ask({"type": "reset", "data": asked})
        if answer["type"] == "error":
            raise InfraError(f"The OpenEnv server at {self._url} refused to reset: {_told(answer)}")
        self.opening, self._over = answer["data"].get("observation", {}), bool(answer["data"].get("done"))

    def call(self, call: ToolCall) -> ToolResult:
        return loop.run(self._call(call))

    async def call_async(self, call: ToolCall) -> ToolResult:
        return await asyncio.wrap_future(loop.submit(self._call(call)))

    async def _call(self, call: ToolCall) -> ToolResult:
        refused = refuse(call)
        if refused is not None:
            return refused
        if all(tool.name != call.name for tool in self._tools):
            return unknown_tool(call.name)
        if self._over:
            return ToolResult(_OVER, None, True, "tool_error")
        if self._client is None:
            raise ServerDiedError(f"The connection to the OpenEnv server at {self._url} is lost: reset the environment")
        action: dict[str, Any] = dict(call.arguments)
        if self._of_tools:
            action = {"type": "call_tool", "tool_name": call.name, "arguments": action}
        answer = await self._ask({"type": "step", "data": action})
        if answer["type"] == "error":
            if answer.get("data", {}).get("code") not in _REFUSED:
                raise InfraError(f"The OpenEnv server at {self._url} failed: {_told(answer)}")
            return ToolResult(_told(answer), None, True, classify(self._tools, call))
        data = answer["data"]
        self._over = bool(data.get("done"))
        text, structured, failed = _read(data.get("observation", {}))
        meta = {REPORTED: {"reward": _number(data.get("reward")), "done": self._over}}
        outcome = classify(self._tools, call) if failed else "ok"
        return ToolResult(text, structured, failed, outcome, ({"type": "text", "text": text, "_meta": meta},))

    def fork(self) -> "OpenEnvSession":
        raise ForkUnsupportedError("An episode of an OpenEnv server cannot be forked: its protocol has no such message")

    def diff(self) -> Diff | None:
        return None

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            loop.run(self._drop())


def reported(result: ToolResult) -> tuple[float | None, bool]:
    """The server's reward for an action, where it gave one, and whether the episode was over then."""
    for block in result.content or ():
        told = (block.get("_meta") or {}).get(REPORTED)
        if told is not None:
            return told["reward"], told["done"]
    return None, False


def _number(reward: Any) -> float | None:
    return float(reward) if isinstance(reward, int | float) and abs(reward) < float("inf") else None


def _spec(tool: Mapping[str, Any]) -> ToolSpec:
    return ToolSpec(str(tool.get("name")), str(tool.get("description") or ""), dict(tool.get("input_schema") or {}))


def _read(observation: Mapping[str, Any]) -> tuple[str, Any, bool]:
    """What an observation says of a call: its text, its structured content, and whether the call failed."""
    error = observation.get("error")
    if "tool_name" not in observation:
        return _written(observation), dict(observation), False
    if error:
        return str(error.get("message", error) if isinstance(error, Mapping) else error), None, True
    result = observation.get("result")
    if isinstance(result, Mapping) and isinstance(result.get("content"), list):  # as MCP gives it
        texts = [str(block["text"]) for block in result["content"] if isinstance(block, Mapping) and "text" in block]
        return "\n".join(texts), result.get("structured_content"), bool(result.get("is_error"))
    return _written(result), result if isinstance(result, dict) else None, False


def _written(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _told(answer: Mapping[str, Any]) -> str:
    return str(answer.get("data", {}).get("message", answer))


def _schemas(url: str, timeout_s: float) -> dict[str, Any]:
    """What a server says of its actions.

    Raises:
        ServerStartError: it says nothing.
    """
    where = url.replace("ws://", "http://").replace("wss://", "https://").rstrip("/").removesuffix("/ws")
    try:
        answer = httpx2.get(f"{where}/schema", timeout=timeout_s)
        answer.raise_for_status()
        return answer.json()
    except (httpx2.HTTPError, ValueError) as error:
        raise ServerStartError(f"The OpenEnv server at {url} does not say what actions it takes: {error}") from error
