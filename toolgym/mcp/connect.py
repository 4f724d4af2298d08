"""`connect`: tool sessions on whatever speaks MCP: a server object, a URL, a container, a command, a file."""

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fastmcp import FastMCP

from toolgym.errors import ConfigError, did_you_mean
from toolgym.mcp import loop
from toolgym.mcp.connection import CommandTarget, MemoryTarget, Target, UrlTarget, WireOptions
from toolgym.mcp.docker import DockerTarget, require_docker
from toolgym.mcp.foreign import FastMCPSession
from toolgym.mcp.server import ToolServer
from toolgym.mcp.session import ToolSession, ToolSpec
from toolgym.mcp.wire import EpisodeSession, Pool, ReplaySession

__all__ = ["ServerHandle", "connect"]

Connectable = (
    ToolServer | FastMCP | Callable[[], FastMCP] | DockerTarget | str | Path | Sequence[str] | Mapping[str, Any]
)

_DOCKER = "docker:"


class ServerHandle:
    """A server that sessions can be opened on. Use as a context manager, or `close` it."""

    def __init__(self, source: ToolServer | Pool):
        self._source = source

    def session(self, world_key: Any = None) -> ToolSession:
        """A new episode.

        Raises:
            ServerStartError: the server could not be started or reached.
            ConfigError: a world was named, but the server has none.
        """
        source = self._source
        if isinstance(source, ToolServer):
            return source.session(world_key)
        session = loop.run(_open(source, world_key))
        if world_key is not None and not isinstance(session, EpisodeSession):
            session.close()
            raise ConfigError(f"World {world_key!r} was named, but this server has no worlds to choose from.")
        return session

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
        if isinstance(self._source, Pool):
            loop.run(self._source.close())

    def __enter__(self) -> "ServerHandle":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


async def _open(pool: Pool, world_key: Any) -> ToolSession:
    connection = await pool.shared()
    if connection.has_episodes:
        return EpisodeSession(pool, connection, world_key)
    kind = ReplaySession if connection.server is None else FastMCPSession
    return kind(pool, await pool.own())


def connect(
    target: Connectable, *, server: str | None = None, token: str | None = None, options: WireOptions | None = None
) -> ServerHandle:
    """Finds out what `target` is.

    Args:
        target: a `ToolServer` (in process); a `FastMCP` (in process; its state is its own), or a function that makes
            one (forkable by replay); a URL; `docker:IMAGE` or a `DockerTarget` (in a container); a command as a list;
            a Python file that runs a server over stdio; an `mcp.json` (its path, or its content as a dict).
        server: which server of an `mcp.json` with several.
        token: a bearer token for a URL.
        options: time limits and the protocol's revision, for servers on the wire.

    Raises:
        ConfigError: it is none of these.
    """
    if isinstance(target, ToolServer):
        return ServerHandle(target)
    if isinstance(target, FastMCP):
        return ServerHandle(Pool(MemoryTarget(lambda: target, fresh=False), options))
    if isinstance(target, str) and target.startswith(_DOCKER):
        target = DockerTarget(target.removeprefix(_DOCKER))
    if isinstance(target, DockerTarget):
        require_docker()
        return ServerHandle(Pool(target, options))
    if isinstance(target, Mapping):
        return ServerHandle(Pool(_from_config(target, server), options))
    if isinstance(target, Path) or (isinstance(target, str) and not _is_url(target)):
        return ServerHandle(Pool(_from_file(Path(target), server), options))
    if isinstance(target, str):
        return ServerHandle(Pool(UrlTarget(target, token), options))
    if callable(target):
        return ServerHandle(Pool(MemoryTarget(target, fresh=True), options))
    command = tuple(target)
    if not command or not all(isinstance(part, str) for part in command):
        raise ConfigError(f"A command is a list of strings, such as ['python', 'server.py']; it was {target!r}.")
    return ServerHandle(Pool(CommandTarget(command, _environment()), options))


def _is_url(text: str) -> bool:
    return text.startswith(("http://", "https://"))


def _environment() -> dict[str, str]:
    """What a server needs of this process's environment to be found and to import the same packages."""
    return {name: os.environ[name] for name in ("PYTHONPATH", "VIRTUAL_ENV", "OMP_NUM_THREADS") if name in os.environ}


def _from_file(path: Path, server: str | None) -> Target:
    if not path.is_file():
        raise ConfigError(f"{str(path)!r} is neither a URL nor a file; a command is given as a list.")
    if path.suffix == ".py":
        return CommandTarget((sys.executable, str(path)), _environment())
    if path.suffix != ".json":
        raise ConfigError(f"{str(path)!r}: a server file ends in .py, a server list in .json.")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{str(path)!r} is not JSON: {error}") from error
    if not isinstance(config, dict):
        raise ConfigError(f"{str(path)!r} must hold an object with 'mcpServers'.")
    return _from_config(config, server)


def _from_config(config: Mapping[str, Any], server: str | None) -> Target:
    """The target that an `mcp.json` describes."""
    servers = config.get("mcpServers")
    if not isinstance(servers, Mapping) or not servers:
        raise ConfigError("An mcp.json holds an object 'mcpServers' with at least one server.")
    if server is None and len(servers) > 1:
        raise ConfigError(f"It lists several servers; choose one by server=...: {', '.join(sorted(servers))}.")
    name = next(iter(servers)) if server is None else server
    if name not in servers:
        raise ConfigError(did_you_mean(name, servers, "server"))
    entry = servers[name]
    if isinstance(entry, Mapping) and isinstance(entry.get("url"), str):
        return UrlTarget(entry["url"], headers=dict(entry.get("headers") or {}))
    if isinstance(entry, Mapping) and isinstance(entry.get("command"), str):
        command = (entry["command"], *(str(part) for part in entry.get("args") or ()))
        return CommandTarget(command, _environment() | dict(entry.get("env") or {}), entry.get("cwd"))
    raise ConfigError(
        f"Server {server!r} must have a 'command' (with 'args', 'env', 'cwd') or a 'url' (with 'headers')."
    )
