"""`connect`: tool sessions on whatever speaks MCP: a server object, a URL, a container, a command, a file."""

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from fastmcp import FastMCP

from toolgym.errors import ConfigError
from toolgym.mcp import loop
from toolgym.mcp.combined import CombinedSession
from toolgym.mcp.config import Entry, environment, read_config
from toolgym.mcp.connection import CommandTarget, MemoryTarget, Target, UrlTarget, WireOptions
from toolgym.mcp.docker import DockerTarget, require_docker
from toolgym.mcp.foreign import FastMCPSession
from toolgym.mcp.pool import Pool
from toolgym.mcp.replay import ReplaySession
from toolgym.mcp.secrets import is_url
from toolgym.mcp.server import ToolServer
from toolgym.mcp.session import ToolSession, ToolSpec
from toolgym.mcp.state import StateOptions
from toolgym.mcp.wire import EpisodeSession

__all__ = ["Connectable", "ServerHandle", "connect", "single_target"]

Connectable = (
    ToolServer | FastMCP | Callable[[], FastMCP] | DockerTarget | str | Path | Sequence[str] | Mapping[str, Any]
)

_DOCKER = "docker:"


class ServerHandle:
    """A server (or several as one) that sessions can be opened on. Use as a context manager, or `close` it."""

    def __init__(self, open_session: Callable[[Any], ToolSession], close: Callable[[], None] = lambda: None):
        self._open, self._close = open_session, close

    def session(self, world_key: Any = None) -> ToolSession:
        """A new episode.

        Raises:
            ServerStartError: the server could not be started or reached.
            ConfigError: a world was named, but the server has none.
        """
        return self._open(world_key)

    @property
    def tools(self) -> tuple[ToolSpec, ...]:
        """The server's tools."""
        session = self.session()
        try:
            return session.tools
        finally:
            session.close()

    def close(self) -> None:
        """Ends all sessions, and the server where it was started for them."""
        self._close()

    def __enter__(self) -> "ServerHandle":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def connect(
    target: Connectable,
    *,
    server: str | None = None,
    token: str | None = None,
    options: WireOptions | None = None,
    state: StateOptions | None = None,
) -> ServerHandle:
    """Finds out what `target` is.

    Args:
        target: a `ToolServer` (in process); a `FastMCP` (in process; its state is its own), or a function that makes
            one (forkable by replay); a URL; `docker:IMAGE` or a `DockerTarget` (in a container); a command as a list;
            a Python file that runs a server over stdio; an `mcp.json` (its path, or its content as a dict).
        server: which server of an `mcp.json` with several; by default all of them, as one.
        token: a bearer token for a URL.
        options: time limits and the protocol's revision, for servers on the wire.
        state: how the state of a server that keeps no `World` is seen and reset. What an entry of an `mcp.json` says
            itself comes first; both's `hidden` and `ignore` count. Of several servers, tools and tables go by the names
            that agents see (`SERVER_tool`, `SERVER.table`).

    Raises:
        ConfigError: it is none of these, or an option has nothing to do with it.
    """
    if isinstance(target, ToolServer):
        _check_alone(server)
        _check_token(token, target)
        _check_world(state)
        return ServerHandle(target.session)
    if isinstance(target, str) and target.startswith(_DOCKER):
        target = DockerTarget(target.removeprefix(_DOCKER))
    entries = _entries(target, server)
    if entries is None:
        found = _target(target, token)
        _check_token(token, found)
        return _handle(found, options, state)
    _check_token(token, entries)
    return _listed(entries, options, state)


def single_target(target: Connectable, server: str | None = None) -> tuple[Target, StateOptions] | None:
    """The one server that `target` names, and which of its tools are hidden; None for several, or simulated ones.

    Raises:
        ConfigError: as for `connect`.
    """
    if isinstance(target, ToolServer):
        _check_alone(server)
        return MemoryTarget(lambda: target.fastmcp, fresh=False), StateOptions()
    if isinstance(target, str) and target.startswith(_DOCKER):
        target = DockerTarget(target.removeprefix(_DOCKER))
    entries = _entries(target, server)
    if entries is None:
        found, state = _target(target, None), StateOptions()
    elif len(entries) == 1 and entries[0].target is not None:
        found, state = entries[0].target, entries[0].state
    else:
        return None
    if isinstance(found, DockerTarget):
        require_docker()
    return found, state


def _check_token(token: str | None, target: Any) -> None:
    """Raises where nothing would take the token.

    Raises:
        ConfigError: so it is.
    """
    if token is not None and not isinstance(target, UrlTarget):
        raise ConfigError(
            "A token goes with a URL; in an mcp.json it stands in the server's 'headers', such as "
            '{"Authorization": "Bearer ${TOKEN}"}.'
        )


def _entries(target: Connectable, server: str | None) -> list[Entry] | None:
    """The servers of an `mcp.json`; None where `target` is none."""
    if isinstance(target, Mapping):
        return read_config(target, server)
    if isinstance(target, str | Path) and not _is_url(target):
        path = Path(target)
        if not path.is_file():
            raise ConfigError(f"{str(path)!r} is neither a URL nor a file; a command is given as a list.")
        if path.suffix == ".json":
            return read_config(path, server)
    _check_alone(server)
    return None


def _check_alone(server: str | None) -> None:
    """Raises where one of several servers is asked for, and there is but one.

    Raises:
        ConfigError: so it is.
    """
    if server is not None:
        raise ConfigError(f"server={server!r} chooses one of an mcp.json; here is one server: leave it out")


def _target(target: Connectable, token: str | None) -> Target:
    if isinstance(target, FastMCP):
        return MemoryTarget(lambda: target, fresh=False)
    if isinstance(target, DockerTarget):
        return target
    if isinstance(target, str | Path):
        if _is_url(target):
            if not is_url(str(target)):  # which is not shown, because it may hold a key
                raise ConfigError("The server's address is no URL such as https://HOST:PORT/PATH.")
            return UrlTarget(str(target), token)
        if Path(target).suffix == ".py":
            return CommandTarget((sys.executable, str(target)), environment())
        raise ConfigError(f"{str(target)!r}: a server file ends in .py, a server list in .json.")
    if callable(target):
        return MemoryTarget(target, fresh=True)
    if not isinstance(target, Sequence):
        raise ConfigError(
            f"{target!r:.60} is no server: expected a ToolServer, a FastMCP or a function that makes one, a "
            "file, a URL, docker:IMAGE or a command as a list."
        )
    command = tuple(target)
    if not command or not all(isinstance(part, str) for part in command):
        raise ConfigError(f"A command is a list of strings, such as ['python', 'server.py']; it was {target!r}.")
    return CommandTarget(command, environment())


def _is_url(text: str | Path) -> bool:
    return isinstance(text, str) and text.startswith(("http://", "https://"))


def _handle(target: Target, options: WireOptions | None, state: StateOptions | None) -> ServerHandle:
    if isinstance(target, DockerTarget):
        require_docker()
    pool = Pool(target, options)
    return ServerHandle(lambda world_key: _opened(pool, state, world_key), lambda: loop.run(pool.close()))


def _opened(pool: Pool, state: StateOptions | None, world_key: Any) -> ToolSession:
    async def work() -> ToolSession:
        connection = await pool.shared()
        if connection.has_episodes:
            _check_world(state)
            return EpisodeSession(pool, connection, world_key)
        kind = ReplaySession if connection.server is None else FastMCPSession
        return kind(pool, await pool.own(), state)

    session = loop.run(work())
    try:
        (state or StateOptions()).check([tool.name for tool in session.listed_tools])
    except ConfigError:
        session.close()
        raise
    if world_key is not None and not isinstance(session, EpisodeSession):
        session.close()
        raise ConfigError(f"World {world_key!r} was named, but this server has no worlds to choose from.")
    return session


def _check_world(state: StateOptions | None) -> None:
    state = state or StateOptions()
    if state.ignore:
        raise ConfigError(
            "ignore= is for servers whose state is seen from outside. A ToolServer's tools take times and ids from "
            "their World, so that an episode can be repeated."
        )
    if state != StateOptions():
        raise ConfigError(
            "state_tools, hidden_tools and reset_tools are for servers that keep no World. A ToolServer's state is its "
            "World, and it offers what its tools are."
        )


def _listed(entries: Sequence[Entry], options: WireOptions | None, state: StateOptions | None) -> ServerHandle:
    """The one server of a list, or all of them as one."""
    names = [entry.name for entry in entries]
    handles = {entry.name: _entry_handle(entry, options, _of_server(state, entry.name, names)) for entry in entries}
    if len(handles) == 1:
        return next(iter(handles.values()))

    def open_all(world_key: Any) -> ToolSession:
        if world_key is not None and not isinstance(world_key, Mapping):
            raise ConfigError(f"With several servers a world is an object of server -> world, not {world_key!r}.")
        with ExitStack() as opened:
            sessions = {}
            for name, handle in handles.items():
                sessions[name] = handle.session((world_key or {}).get(name))
                opened.callback(sessions[name].close)
            combined = CombinedSession(sessions)
            opened.pop_all()
            return combined

    def close_all() -> None:
        for handle in handles.values():
            handle.close()

    return ServerHandle(open_all, close_all)


def _of_server(state: StateOptions | None, name: str, names: Sequence[str]) -> StateOptions | None:
    """The options for one server: among several, its tools are known to others as `name_tool`, its tables as
    `name.table`.

    Raises:
        ConfigError: a tool is of none of them.
    """
    if state is None or len(names) == 1:
        return state
    tools = tuple(
        replace(tool, name=tool.name.removeprefix(f"{name}_"))
        for tool in state.state_tools
        if _owner(tool.name, names) == name
    )
    hidden = tuple(tool.removeprefix(f"{name}_") for tool in state.hidden if _owner(tool, names) == name)
    ignore = tuple(path.removeprefix(f"{name}.") for path in state.ignore)
    roles = {
        role: tool.removeprefix(f"{name}_") if _owner(tool, names) == name else getattr(StateOptions(), role)
        for role, tool in state.renamed.items()
    }
    return replace(state, state_tools=tools, hidden=hidden, ignore=ignore, **roles)


def _owner(tool: str, names: Sequence[str]) -> str:
    """Whose tool it is among several servers."""
    found = [name for name in names if tool.startswith(f"{name}_")]
    if not found:
        raise ConfigError(f"Of several servers a tool is named SERVER_tool, not {tool!r}; they are {', '.join(names)}.")
    return max(found, key=len)


def _entry_handle(entry: Entry, options: WireOptions | None, state: StateOptions | None) -> ServerHandle:
    given, own = state or StateOptions(), entry.state
    hidden = (*own.hidden, *(name for name in given.hidden if name not in own.hidden))
    if entry.target is not None:
        usual = StateOptions()
        said = {
            name: getattr(own if getattr(own, name) != getattr(usual, name) else given, name)
            for name in ("state_tools", "reset_tool", "snapshot_tool", "restore_tool")
        }
        both = StateOptions(**said, hidden=hidden, ignore=own.ignore + given.ignore)
        return _handle(entry.target, options, both)
    if own.state_tools or own.renamed or own.ignore or given.state_tools or given.renamed:
        raise ConfigError(
            f"Server {entry.name!r}: its tools are simulated; state_tools, reset_tools and ignore are for servers "
            "that run."
        )
    from toolgym.mcp.simulated import SimulatedServer  # asks for an endpoint; most servers are real

    return ServerHandle(SimulatedServer.from_config(entry.simulated, entry.folder, hidden).session)
