"""Episodes: one world and its tools, and the store in which a server process keeps thousands of them."""

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from toolgym.errors import ConfigError, EpisodeExpiredError
from toolgym.mcp.arguments import refuse, unknown_tool
from toolgym.mcp.tool import BoundTool
from toolgym.messages import ToolCall
from toolgym.trajectory import ToolResult
from toolgym.world import Base, Diff, World

__all__ = ["Episode", "EpisodeLimits", "EpisodeStore"]

EpisodeKey = tuple[str, str]
"""How an episode is known to a server: what named it (`id`, `session` or `default`) and the name."""


_NO_BASE = Base({})


class Episode:
    """One world, and the calls made on it. The world is made at the first use.

    Args:
        tools: the agent's tools by name.
        build: gives the `Base` of a world key.
        world_key: which of the server's worlds.
        user_tools: the user's tools by name.
    """

    __slots__ = ("_build", "_epoch", "_resting", "_tools", "_user_tools", "_world", "lock", "world_key")

    def __init__(
        self,
        tools: Mapping[str, BoundTool],
        build: Callable[[Any], Base],
        world_key: Any = None,
        user_tools: Mapping[str, BoundTool] | None = None,
    ):
        self._tools, self._build, self.world_key = tools, build, world_key
        self._user_tools = user_tools or {}
        self._world: World | None = None
        self._resting: World | None = None  # the world, while it is without its base
        self._epoch = 0
        self.lock: asyncio.Lock | None = None
        """Held while a call runs in a thread; made by the server that needs it."""

    @property
    def started(self) -> bool:
        """Whether the world is there, with its base."""
        return self._world is not None

    @property
    def world(self) -> World:
        """The world now. A call that fails puts another object here, so do not keep it."""
        if self._world is None:
            base = self._build(self.world_key)
            if self._resting is None:
                self._world = base.world()
            else:
                self._resting.base = base
                self._world, self._resting = self._resting, None
        return self._world

    def rest(self, base: Base) -> bool:
        """Lets go of a base, to have it built again at the next use; what was changed stays.

        Returns:
            False where the episode is at work on it now.
        """
        if self.lock is not None and self.lock.locked():  # it may be having that base built
            return self._world is not None and self._world.base is not base
        if self._world is None or self._world.base is not base:
            return True
        self._resting, self._world = self._world, None
        self._resting.base = _NO_BASE
        return True

    def call(self, call: ToolCall) -> ToolResult:
        """Runs one call of the agent's."""
        refused = refuse(call)
        if refused is not None:
            return refused
        tool = self._tools.get(call.name)
        if tool is None:
            return unknown_tool(call.name)
        result, self._world = tool.run(self._world or self.world, call.arguments)
        return result

    def call_as_user(self, call: ToolCall) -> ToolResult:
        """Runs one call of the user's."""
        refused = refuse(call)
        if refused is not None:
            return refused
        tool = self._user_tools.get(call.name)
        return unknown_tool(call.name) if tool is None else self.run(tool, call.arguments)

    def run(self, tool: BoundTool, arguments: dict[str, Any]) -> ToolResult:
        """Runs a tool on arguments that `refuse` has let through."""
        result, self._world = tool.run(self.world, arguments)
        return result

    def reset(self, world_key: Any = None) -> None:
        """A fresh world: that of `world_key`."""
        base = self._build(world_key)
        self.world_key, self._world, self._resting = world_key, base.world(), None
        self._epoch += 1

    def fork(self) -> "Episode":
        """An episode in the same state that shares nothing mutable."""
        twin = Episode(self._tools, self._build, self.world_key, self._user_tools)
        twin._world, twin._epoch = self.world.fork(), self._epoch
        return twin

    def diff(self) -> Diff:
        """What this episode changed."""
        return self.world.diff()

    def restore(self, diff: Diff) -> None:
        """Puts the world into the state of a diff.

        Raises:
            ConfigError: the diff names a table that the world lacks.
        """
        world = self.world.base.world()
        try:
            world.restore(diff)
        except (KeyError, AttributeError) as error:
            raise ConfigError(f"The snapshot does not fit this world: {error}") from error
        self._world = world
        self._epoch += 1

    def follow(self, other: "Episode") -> None:
        """Takes another's place: versions already given out do not come again."""
        self._epoch = max(self._epoch, other._epoch + 1)

    @property
    def version(self) -> int:
        """Changes whenever the state may have changed."""
        world = self._world or self._resting
        return (self._epoch << 40) + (0 if world is None else world.version)


@dataclass(frozen=True, slots=True)
class EpisodeLimits:
    """What a server process keeps."""

    episodes: int = 10_000
    """Episodes at once; the one that was used least recently goes first."""
    idle_s: float = 3600.0
    """Seconds without a call after which an episode expires."""
    changed_records: int = 100_000
    """Records that one episode may have changed before it is ended."""
    remembered: int = 100_000
    """Expired ids that are remembered, so that a late call is told and does not start afresh."""


@dataclass(slots=True)
class _Entry:
    episode: Episode
    used_s: float


class EpisodeStore:
    """The episodes of one server process, by key, in the order of their last use.

    Args:
        make: a fresh episode of a world key.
        limits: when episodes expire.
        clock: seconds, for expiry only.
    """

    def __init__(
        self,
        make: Callable[[Any], Episode],
        limits: EpisodeLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._make, self._clock = make, clock
        self.limits = limits or EpisodeLimits()
        self._entries: OrderedDict[EpisodeKey, _Entry] = OrderedDict()
        self._expired: OrderedDict[EpisodeKey, str] = OrderedDict()
        self._let_go: deque[Base] = deque()

    def let_go(self, base: Base) -> None:
        """Has episodes in a world that is not kept any more rest until they are used again. From any thread."""
        self._let_go.append(base)

    def _rest(self) -> None:
        """Done before an episode is asked for, in the server's own thread, so that none is at work meanwhile."""
        for _ in range(len(self._let_go)):
            base = self._let_go.popleft()
            at_work = [entry for entry in self._entries.values() if not entry.episode.rest(base)]
            if at_work:
                self._let_go.append(base)

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: EpisodeKey, world_key: Any = None, must_exist: bool = False) -> Episode:
        """The episode of that key; a key not seen before starts a fresh one.

        Args:
            world_key: the world of a fresh episode.
            must_exist: whether an unknown key is an error: the caller has opened it before.

        Raises:
            EpisodeExpiredError: it expired, or it must exist and does not.
        """
        self._expire_idle()
        if self._let_go:
            self._rest()
        entry = self._entries.get(key)
        if entry is None:
            reason = self._expired.get(key)
            if reason is None and must_exist:
                reason = "this server does not hold it (it may have been restarted)"
            if reason is not None:
                raise EpisodeExpiredError(f"Episode {key[1]!r} has expired: {reason}. Reset it to start a new one.")
            return self.put(key, self._make(world_key))
        entry.used_s = self._clock()
        self._entries.move_to_end(key)
        return entry.episode

    def put(self, key: EpisodeKey, episode: Episode) -> Episode:
        """Keeps an episode under a key, in place of any other."""
        self._expired.pop(key, None)
        if self._let_go:
            self._rest()
        self._entries[key] = _Entry(episode, self._clock())
        self._entries.move_to_end(key)
        while len(self._entries) > self.limits.episodes:
            self._expire(next(iter(self._entries)), f"more than {self.limits.episodes} episodes were open")
        return episode

    def make(self, world_key: Any = None) -> Episode:
        """A fresh episode with its world built, kept under no key yet."""
        episode = self._make(world_key)
        _ = episode.world
        return episode

    def replace(self, key: EpisodeKey, episode: Episode) -> Episode:
        """Keeps an episode under a key that may have had another; its version goes on from there."""
        entry = self._entries.get(key)
        if entry is not None:
            episode.follow(entry.episode)
        return self.put(key, episode)

    def check_size(self, key: EpisodeKey) -> None:
        """Ends the episode where it has changed too much."""
        entry = self._entries.get(key)
        if entry is not None and entry.episode.world.changed > self.limits.changed_records:
            self._expire(key, f"it changed more than {self.limits.changed_records} records")

    def discard(self, key: EpisodeKey) -> bool:
        """Ends an episode at its owner's wish; returns whether it was there."""
        self._expired.pop(key, None)
        return self._entries.pop(key, None) is not None

    def _expire(self, key: EpisodeKey, reason: str) -> None:
        del self._entries[key]
        self._expired[key] = reason
        while len(self._expired) > self.limits.remembered:
            self._expired.popitem(last=False)

    def _expire_idle(self) -> None:
        oldest_s = self._clock() - self.limits.idle_s
        while self._entries:
            key, entry = next(iter(self._entries.items()))
            if entry.used_s >= oldest_s:
                return
            self._expire(key, f"it was idle for more than {self.limits.idle_s:g} seconds")
