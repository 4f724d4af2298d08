"""`InProcessSession`: a `ToolServer`'s tools at function-call speed, without a protocol in between.

A call is a function call in its caller's thread: it takes as long as the tool takes, and no time limit ends it. Serve a
tool that may hang over stdio or HTTP; its client's limit then holds, and its process can be ended.
"""

from typing import Any, Protocol

from toolgym.mcp.episodes import Episode
from toolgym.mcp.session import ForkKind, ToolSession, ToolSpec
from toolgym.messages import ToolCall
from toolgym.trajectory import ToolResult
from toolgym.world import Base, Diff, World

__all__ = ["InProcessSession"]


class _Serves(Protocol):
    """What a session asks of its `ToolServer`."""

    @property
    def tool_specs(self) -> tuple[ToolSpec, ...]: ...

    @property
    def user_tool_specs(self) -> tuple[ToolSpec, ...]: ...


class InProcessSession(ToolSession):
    """One episode on a `ToolServer` of this process; made by `ToolServer.session`."""

    fork_kind: ForkKind = "copy"
    suspends = False

    def __init__(self, server: _Serves, episode: Episode):
        self.server, self._episode = server, episode

    @property
    def tools(self) -> tuple[ToolSpec, ...]:
        return self.server.tool_specs

    @property
    def user_tools(self) -> tuple[ToolSpec, ...]:
        return self.server.user_tool_specs

    @property
    def world(self) -> World:
        """The world now, for checks and for tests. A failed call puts another object here, so do not keep it."""
        return self._episode.world

    @property
    def base(self) -> Base:
        """What the world started from."""
        return self._episode.world.base

    def call(self, call: ToolCall) -> ToolResult:
        return self._episode.call(call)

    async def call_async(self, call: ToolCall) -> ToolResult:
        return self._episode.call(call)

    def call_as_user(self, call: ToolCall) -> ToolResult:
        return self._episode.call_as_user(call)

    def reset(self, world_key: Any = None) -> None:
        self._episode.reset(world_key)

    def fork(self) -> "InProcessSession":
        return InProcessSession(self.server, self._episode.fork())

    def diff(self) -> Diff:
        return self._episode.diff()

    def restore(self, diff: Diff) -> None:
        """Puts the world into the state of a diff."""
        self._episode.restore(diff)

    def state_version(self) -> int:
        return self._episode.version

    def close(self) -> None:
        """Does nothing: a session holds no more than its overlay."""
