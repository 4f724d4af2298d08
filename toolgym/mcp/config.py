"""Reading `mcp.json`: the ecosystem's common form, and what ToolGym adds under `"toolgym"` of an entry.

{"mcpServers": {"files": {
    "command": "npx", "args": ["-y", "@modelcontextprotocol/server-filesystem", "{workspace}"],
    "toolgym": {"workspace": "template", "state_tools": ["list_notes"], "hidden_tools": ["shutdown"]}}}}
"""

import json
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolgym.errors import ConfigError, did_you_mean
from toolgym.mcp.connection import CommandTarget, Target, UrlTarget
from toolgym.mcp.docker import make_target
from toolgym.mcp.state import StateOptions, make_state_options

__all__ = ["Entry", "environment", "read_config"]

_OURS = ("container", "hidden_tools", "ignore", "reset_tools", "state_tools", "workspace")
_VARIABLE = re.compile(r"\$\{(?:env:)?(\w+)(?::-([^}]*))?\}")


@dataclass(frozen=True)
class Entry:
    """One server of an `mcp.json`."""

    name: str
    target: Target | None
    """None where the server's tools are simulated."""
    state: StateOptions
    simulated: Mapping[str, Any] = field(default_factory=dict)
    folder: Path = Path()
    """What relative paths start from."""


def environment() -> dict[str, str]:
    """What a server needs of this process's environment to be found and to import the same packages.

    The environment that this Python runs in counts as activated: its programs come first.
    """
    known = {name: os.environ[name] for name in ("PYTHONPATH", "VIRTUAL_ENV", "OMP_NUM_THREADS") if name in os.environ}
    return known | {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])}


def read_config(source: Mapping[str, Any] | Path, server: str | None = None) -> list[Entry]:
    """The servers that an `mcp.json` (or its content) lists; `server`: that one alone.

    Raises:
        ConfigError: it cannot be read, or an entry says what no server can be.
    """
    folder = Path()
    if isinstance(source, Path):
        folder = source.resolve().parent
        try:
            source = json.loads(source.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ConfigError(f"{str(source)!r} is not JSON: {error}") from error
        if not isinstance(source, Mapping):
            raise ConfigError("An mcp.json must hold an object with 'mcpServers'.")
    servers = source.get("mcpServers")
    if not isinstance(servers, Mapping) or not servers:
        raise ConfigError("An mcp.json holds an object 'mcpServers' with at least one server.")
    if server is not None and server not in servers:
        raise ConfigError(did_you_mean(server, servers, "server"))
    return [_entry(name, servers[name], folder) for name in servers if server in (None, name)]


def _entry(name: str, entry: Any, folder: Path) -> Entry:
    wrong = ConfigError(
        f"Server {name!r} must have a 'command' (with 'args', 'env', 'cwd'), a 'url' (with 'headers'), "
        "a 'docker' image or 'simulated' tools."
    )
    if not isinstance(entry, Mapping):
        raise wrong
    ours = entry.get("toolgym") or {}
    for key in ours:
        if key not in _OURS:
            raise ConfigError(did_you_mean(key, _OURS, f"toolgym option of server {name!r}:"))
    hidden, renamed = ours.get("hidden_tools", ()), ours.get("reset_tools")
    state = make_state_options(ours.get("state_tools", ()), hidden, renamed, ours.get("ignore", ()))
    simulated = entry.get("simulated")
    if isinstance(simulated, Mapping):
        return Entry(name, None, state, simulated, folder)
    target: Target
    if isinstance(entry.get("url"), str):
        headers = {key: _expanded(str(value), name) for key, value in (entry.get("headers") or {}).items()}
        target = UrlTarget(_expanded(entry["url"], name), headers=headers)
    elif isinstance(entry.get("docker"), str):
        env = {key: _expanded(str(value), name) for key, value in (entry.get("env") or {}).items()}
        command = [_expanded(str(part), name) for part in entry.get("args") or ()]
        target = make_target(entry["docker"], command, env, ours.get("container") or {})
    elif isinstance(entry.get("command"), str):
        command = tuple(_expanded(str(part), name) for part in (entry["command"], *(entry.get("args") or ())))
        env = environment() | {key: _expanded(str(value), name) for key, value in (entry.get("env") or {}).items()}
        workspace = ours.get("workspace")
        if workspace is not None and not (folder / workspace).is_dir():
            raise ConfigError(f"Server {name!r}: its workspace {str(folder / workspace)!r} is no folder.")
        place = None if workspace is None else str(folder / workspace)
        cwd = entry.get("cwd")
        default = None if workspace is not None or folder == Path() else str(folder)
        target = CommandTarget(command, env, default if cwd is None else str(folder / cwd), place)
    else:
        raise wrong
    return Entry(name, target, state)


def _expanded(text: str, server: str) -> str:
    """`${NAME}` and `${NAME:-default}` filled in from the environment."""

    def value(match: re.Match[str]) -> str:
        found = os.environ.get(match[1], match[2])
        if found is None:
            raise ConfigError(f"Server {server!r} names the environment variable {match[1]}, which is not set.")
        return found

    return _VARIABLE.sub(value, text)
