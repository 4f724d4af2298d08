"""`CombinedSession`: several servers as one, their tools prefixed with the server's name."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from toolgym.errors import ConfigError, InfraError
from toolgym.mcp.arguments import unknown_tool
from toolgym.mcp.session import ForkKind, ToolSession, ToolSpec
from toolgym.messages import ToolCall
from toolgym.trajectory import ToolResult
from toolgym.world import Diff

__all__ = ["CombinedSession"]

_KINDS: tuple[ForkKind, ...] = ("copy", "replay", "none")


class CombinedSession(ToolSession):
    """An episode on several servers. Tool `t` of server `s` is `s_t`; table `t` of its diff is `s.t`.

    Args:
        sessions: server name -> session.

    Raises:
        ConfigError: two tools get the same name.
    """

    def __init__(self, sessions: Mapping[str, ToolSession]):
        self._sessions = dict(sessions)
        self._owner: dict[str, tuple[ToolSession, str]] = {}
        self._user_owner: dict[str, tuple[ToolSession, str]] = {}
        self._find_tools()
        worst = max(_KINDS.index(session.fork_kind) for session in self._sessions.values())
        self.fork_kind: ForkKind = _KINDS[worst]
        self.suspends = any(session.suspends for session in self._sessions.values())

    def _follow(self) -> None:
        """Goes over to the tools that the servers have now.

        Raises:
            InfraError: two of them have the same name.
        """
        now = [session.tools for session in self._sessions.values()]
        if len(now) == len(self._listed) and all(
            tools is before for tools, before in zip(now, self._listed, strict=True)
        ):
            return
        try:
            self._find_tools()
        except ConfigError as error:
            raise InfraError(f"A server has changed its tools. {error}") from error

    def _find_tools(self) -> None:
        self._listed = [session.tools for session in self._sessions.values()]
        specs: list[ToolSpec] = []
        user_specs: list[ToolSpec] = []
        self._owner, self._user_owner = {}, {}
        for server, session in self._sessions.items():
            for tools, owner, found in (
                (session.tools, self._owner, specs),
                (session.user_tools, self._user_owner, user_specs),
            ):
                for tool in tools:
                    name = f"{server}_{tool.name}"
                    if name in self._owner or name in self._user_owner:
                        raise ConfigError(f"Two tools are called {name!r}; rename a server in mcp.json.")
                    owner[name] = (session, tool.name)
                    found.append(replace(tool, name=name))
        self._specs, self._user_specs = tuple(specs), tuple(user_specs)

    @property
    def tools(self) -> tuple[ToolSpec, ...]:
        self._follow()
        return self._specs

    @property
    def listed_tools(self) -> tuple[ToolSpec, ...]:
        return tuple(
            replace(tool, name=f"{server}_{tool.name}")
            for server, session in self._sessions.items()
            for tool in session.listed_tools
        )

    def call(self, call: ToolCall) -> ToolResult:
        self._follow()
        owner = self._owner.get(call.name) if isinstance(call.name, str) else None
        if owner is None:
            return unknown_tool(str(call.name).encode(errors="replace").decode())
        return owner[0].call(ToolCall(owner[1], call.arguments))

    async def call_async(self, call: ToolCall) -> ToolResult:
        self._follow()
        owner = self._owner.get(call.name) if isinstance(call.name, str) else None
        if owner is None:
            return unknown_tool(str(call.name).encode(errors="replace").decode())
        return await owner[0].call_async(ToolCall(owner[1], call.arguments))

    @property
    def user_tools(self) -> tuple[ToolSpec, ...]:
        return self._user_specs

    def call_as_user(self, call: ToolCall) -> ToolResult:
        owner = self._user_owner.get(call.name) if isinstance(call.name, str) else None
        if owner is None:
            return unknown_tool(str(call.name).encode(errors="replace").decode())
        return owner[0].call_as_user(ToolCall(owner[1], call.arguments))

    async def call_as_user_async(self, call: ToolCall) -> ToolResult:
        owner = self._user_owner.get(call.name) if isinstance(call.name, str) else None
        if owner is None:
            return unknown_tool(str(call.name).encode(errors="replace").decode())
        return await owner[0].call_as_user_async(ToolCall(owner[1], call.arguments))

    def reset(self, world_key: Any = None) -> None:
        """Resets every server; a world key is an object of server name -> its key.

        Raises:
            ConfigError: the key is of another form.
        """
        if world_key is not None and not isinstance(world_key, Mapping):
            raise ConfigError(f"With several servers a world is an object of server -> world, not {world_key!r}.")
        for name, session in self._sessions.items():
            session.reset((world_key or {}).get(name))
        self._find_tools()

    def fork(self) -> "CombinedSession":
        twins: dict[str, ToolSession] = {}
        try:
            for name, session in self._sessions.items():
                twins[name] = session.fork()
        except BaseException:
            for twin in twins.values():
                twin.close()
            raise
        return CombinedSession(twins)

    def diff(self) -> Diff | None:
        return _together({name: session.diff() for name, session in self._sessions.items()})

    def state(self) -> dict[str, dict[str, Any]] | None:
        return _together({name: session.state() for name, session in self._sessions.items()})

    def sees(self) -> tuple[str, ...] | None:
        seen = {server: session.sees() for server, session in self._sessions.items()}
        if all(sources is None for sources in seen.values()):
            return None
        return tuple(sorted(f"{server}: {source}" for server, sources in seen.items() for source in sources or ()))

    def state_version(self) -> int | None:
        versions = [session.state_version() for session in self._sessions.values()]
        known = [version for version in versions if version is not None]
        return sum(known) if len(known) == len(versions) else None

    def close(self) -> None:
        for session in self._sessions.values():
            session.close()


def _together(tables: Mapping[str, Diff | None]) -> Diff | None:
    """Each server's tables under its name; None where no server has any."""
    if all(own is None for own in tables.values()):
        return None
    return {f"{name}.{table}": records for name, own in tables.items() for table, records in (own or {}).items()}
