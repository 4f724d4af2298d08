"""The wire side of a `ToolServer`: which episode a request belongs to, and the control channel.

A tool call names its episode in `_meta`:

- `toolgym/episode`: the id. One not seen before starts a fresh episode. Without it: the MCP session's episode on an
  older, session-bearing HTTP connection, else the process's default episode.
- `toolgym/world`: the world key of an episode that this request starts.
- `toolgym/role`: `user` where the caller acts for the user that the agent talks to (see `toolgym.mcp.roles`).
- `toolgym/opened`: true where the caller has opened the episode before, so that a lost one is an error and not a fresh
  start.

Its result carries `toolgym/outcome` (a `CallOutcome`) and `toolgym/version` (changes when the state may have changed).
Where the outcome is `infra_error`, `toolgym/expired` says whether the episode has expired or cannot start as asked.

Reset, fork, snapshot, restore, diff and close are the MCP request `toolgym/control` of the extension
`toolgym/episodes`: a method, not a tool, so no agent can see or call it. Requests to an endpoint bound to one episode
may not use it.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Literal, TypeVar

import anyio
from fastmcp.server.dependencies import FastMCPRequestContext, get_context
from fastmcp.server.extensions import MethodBinding, ServerExtension
from fastmcp.tools.base import Tool
from fastmcp.tools.base import ToolResult as WireResult
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, METHOD_NOT_FOUND, RequestParams, TextContent, ToolAnnotations
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from pydantic import PrivateAttr

from toolgym.errors import ConfigError, EpisodeExpiredError
from toolgym.mcp.arguments import refuse
from toolgym.mcp.episodes import Episode, EpisodeKey, EpisodeStore
from toolgym.mcp.session import Role
from toolgym.mcp.tool import BoundTool
from toolgym.messages import ToolCall
from toolgym.trajectory import ToolResult

__all__ = [
    "BOUND_EPISODE",
    "CONTROL_METHOD",
    "EPISODE_META",
    "EXPIRED_CODE",
    "EXPIRED_META",
    "EXTENSION_ID",
    "OPENED_META",
    "OUTCOME_META",
    "ROLE_META",
    "VERSION_META",
    "WORLD_META",
    "ControlParams",
    "EpisodeTool",
    "EpisodesExtension",
    "bound_episode",
]

EPISODE_META = "toolgym/episode"
WORLD_META = "toolgym/world"
OPENED_META = "toolgym/opened"
ROLE_META = "toolgym/role"
EXPIRED_META = "toolgym/expired"
OUTCOME_META = "toolgym/outcome"
VERSION_META = "toolgym/version"
EXTENSION_ID = "toolgym/episodes"
CONTROL_METHOD = "toolgym/control"
BOUND_EPISODE = "toolgym.episode"
"""The key of the HTTP request scope under which an endpoint of one episode names it."""

EXPIRED_CODE = -32050
"""JSON-RPC error code of a control request for an episode that has expired."""

MAX_ID = 200

T = TypeVar("T")


def bound_episode(request: Any) -> str | None:
    """The episode of an HTTP request's endpoint, where that has one."""
    return None if request is None else request.scope.get(BOUND_EPISODE)


def _episode_key(context: FastMCPRequestContext | None) -> EpisodeKey:
    """The episode that a request belongs to."""
    if context is None:
        return "default", ""
    bound = bound_episode(context.request)
    if bound is not None:
        return "id", bound
    named = (context.meta or {}).get(EPISODE_META)
    if named is not None:
        return "id", _checked_id(named)
    if context.request is not None and context.protocol_version in HANDSHAKE_PROTOCOL_VERSIONS:
        session = context.request.headers.get("mcp-session-id")
        if session:
            return "session", session
    return "default", ""


def _checked_id(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_ID:
        raise ConfigError(f"An episode id must be a string of 1 to {MAX_ID} characters, not {str(value)[:MAX_ID]!r}.")
    return value


async def _exclusively(episode: Episode, run: Callable[[], T], blocking: bool) -> T:
    """Runs something on an episode, after what was asked of it before; in a thread where it may take long."""
    if episode.lock is None:
        if not blocking:
            return run()
        episode.lock = asyncio.Lock()
    async with episode.lock:
        return await anyio.to_thread.run_sync(run) if blocking else run()


class EpisodeTool(Tool):
    """A world tool as FastMCP sees it: finds the request's episode, runs the bound tool on it, labels the result."""

    _bound: BoundTool = PrivateAttr()
    _store: EpisodeStore = PrivateAttr()

    @classmethod
    def of(cls, bound: BoundTool, store: EpisodeStore) -> "EpisodeTool":
        """The FastMCP tool of a bound tool; its `meta` says what it is, since the older protocol has no extensions."""
        tool = cls(
            name=bound.name,
            description=bound.description,
            parameters=bound.parameters,
            output_schema=bound.output,
            annotations=ToolAnnotations(read_only_hint=not bound.writes, open_world_hint=False),
            meta={EXTENSION_ID: True, ROLE_META: bound.role} if bound.role == "user" else {EXTENSION_ID: True},
        )
        tool._bound, tool._store = bound, store
        return tool

    @property
    def role(self) -> Role:
        """Whose tool it is."""
        return self._bound.role

    async def run(self, arguments: dict[str, Any]) -> WireResult:
        refused = refuse(ToolCall(self.name, arguments))
        if refused is not None:
            return _to_wire(refused, None, False)
        try:
            context = get_context().request_context
        except RuntimeError:  # called from Python, outside any request
            context = None
        try:
            key = _episode_key(context)
            meta = (context.meta if context is not None else None) or {}
            episode = _episode(self._store, key, meta.get(WORLD_META), bool(meta.get(OPENED_META)))
            bound = self._bound
            # A world that is not there yet may take long to build.
            blocking = bound.blocking or not episode.started
            result = await _exclusively(episode, lambda: episode.run(bound, arguments), blocking)
            if bound.writes:
                self._store.check_size(key)
        except (EpisodeExpiredError, ConfigError) as error:
            failure = _to_wire(ToolResult(str(error), None, True, "infra_error"), None, False)
            failure.meta = {**(failure.meta or {}), EXPIRED_META: isinstance(error, EpisodeExpiredError)}
            return failure
        return _to_wire(result, episode.version, self._bound.wraps)


def _episode(store: EpisodeStore, key: EpisodeKey, world_key: Any, must_exist: bool) -> Episode:
    episode = store.get(key, world_key, must_exist)
    if world_key is not None and episode.world_key != world_key:
        raise ConfigError(f"Episode {key[1]!r} is in world {episode.world_key!r}, not {world_key!r}; reset it first.")
    return episode


def _to_wire(result: ToolResult, version: int | None, wraps: bool) -> WireResult:
    meta: dict[str, Any] = {OUTCOME_META: result.outcome}
    if version is not None:
        meta[VERSION_META] = version
    if wraps and not result.is_error:
        meta["fastmcp"] = {"wrap_result": True}
    content = [TextContent(type="text", text=result.text)]
    return WireResult(content=content, structured_content=result.structured, meta=meta, is_error=result.is_error)


class ControlParams(RequestParams):
    """A control request: what to do with which episode."""

    op: Literal["reset", "fork", "snapshot", "restore", "diff", "close"]
    episode: str
    world: Any = None
    """`reset`, `restore`: the world key."""
    to: str | None = None
    """`fork`: the id of the new episode."""
    state: dict[str, dict[str, Any]] | None = None
    """`restore`: the diff to put the world into."""


class EpisodesExtension(ServerExtension):
    """Announces episodes to clients and serves the control channel."""

    identifier = EXTENSION_ID

    def __init__(self, store: EpisodeStore):
        self._store = store

    def settings(self) -> dict[str, Any]:
        return {"control": CONTROL_METHOD}

    def methods(self) -> tuple[MethodBinding, ...]:
        return (MethodBinding(CONTROL_METHOD, ControlParams, self._control),)

    async def _control(self, context: ServerRequestContext[Any, Any], params: ControlParams) -> dict[str, Any]:
        if bound_episode(context.request) is not None:
            raise MCPError(code=METHOD_NOT_FOUND, message="Method not found", data=CONTROL_METHOD)
        try:
            return await self._run(params)
        except EpisodeExpiredError as error:
            raise MCPError(code=EXPIRED_CODE, message=str(error)) from error
        except ConfigError as error:
            raise MCPError(code=INVALID_PARAMS, message=str(error)) from error

    async def _run(self, params: ControlParams) -> dict[str, Any]:
        store, key = self._store, ("id", _checked_id(params.episode))
        if params.op == "close":
            return {"closed": store.discard(key)}
        if params.op in ("reset", "restore"):
            episode = await anyio.to_thread.run_sync(store.make, params.world)  # a large world takes a while to build
            if params.op == "restore":
                episode.restore(params.state or {})
            return {VERSION_META: store.replace(key, episode).version}
        episode = store.get(key, must_exist=True)
        if params.op == "fork":
            target = ("id", _checked_id(params.to))
            twin = await _exclusively(episode, episode.fork, blocking=not episode.started)
            return {VERSION_META: store.put(target, twin).version}
        diff = await _exclusively(episode, episode.diff, blocking=not episode.started)
        return {"state": diff, "world": episode.world_key, VERSION_META: episode.version}
