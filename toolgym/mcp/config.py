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
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    ValidationError,
    model_validator,
)

from toolgym.errors import ConfigError, did_you_mean
from toolgym.mcp.connection import CommandTarget, Target, UrlTarget
from toolgym.mcp.docker import make_target
from toolgym.mcp.http_transport import SSE_ADVICE
from toolgym.mcp.postgres import check_url, require_postgres
from toolgym.mcp.rows import NO_DATABASE, DatabaseOptions
from toolgym.mcp.secrets import is_url
from toolgym.mcp.state import StateOptions, make_state_options

__all__ = ["Entry", "environment", "read_config"]

_VARIABLE = re.compile(r"\$\{(?:env:)?(\w+)(?::-([^}]*))?\}")

_INHERITED = (
    *("PYTHONPATH", "VIRTUAL_ENV", "OMP_NUM_THREADS", "TZ", "TZDIR"),
    # How the outside world is reached from this machine: without it a server behind a proxy reaches nothing.
    *(spelled for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY") for spelled in (name, name.lower())),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"),
)
_NEEDS = "a 'command' (with 'args', 'env', 'cwd'), a 'url' (with 'headers'), a 'docker' image or 'simulated' tools."
_BRANCHES = ("str", "int", "float", "bool")
_Scalar = StrictStr | StrictInt | StrictFloat | StrictBool


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        """Without other clients' keys; a program may give tuples for lists."""
        if not isinstance(value, Mapping):
            return value
        listed = {key: list(item) if isinstance(item, tuple) else item for key, item in value.items()}
        return {key: item for key, item in listed.items() if key not in _OTHERS}


class _Database(_Entry):
    """The database that the state is in; as `DatabaseOptions`."""

    env: str = Field(default=NO_DATABASE.env, pattern=r"^[^=]+$", description="an environment variable's name")
    max_rows: int = Field(default=NO_DATABASE.max_rows, gt=0, description="a number above 0")
    tables: list[str] = Field(default=[], description="a list of tables' names")
    template: str = Field(default="", description="a database's name")
    url: str = Field(default="", description="a URL that begins with postgresql://")


class _Ours(_Entry):
    """What ToolGym adds to an entry."""

    container: dict[str, Any] | None = Field(default=None, description="an object of container options")
    database: _Database | None = Field(default=None, description="an object with 'url', 'template', 'tables', ...")
    hidden_tools: list[str] | None = Field(default=None, description="a list of tools' names")
    ignore: str | list[str] | None = Field(default=None, description="a list of paths such as 'orders.*.created_at'")
    reset_tools: dict[str, str] | None = Field(
        default=None, description="an object of names for reset, snapshot and restore"
    )
    state_tools: list[Any] | None = Field(default=None, description="a list of tools' names, or of objects")
    workspace: str | None = Field(default=None, description="the path of a folder")


class _Server(_Entry):
    """An entry: the keys of the ecosystem that are used, those of other clients that are not, and ToolGym's."""

    command: str | None = Field(default=None, description="a program's name or path; its arguments are 'args'")
    args: list[_Scalar] | None = Field(default=None, description="a list of strings, one an argument")
    env: dict[str, _Scalar] | None = Field(default=None, description="an object of names and strings")
    cwd: str | None = Field(default=None, description="the path of a folder")
    url: str | None = Field(default=None, description="a URL")
    headers: dict[str, _Scalar] | None = Field(default=None, description="an object of names and strings")
    mode: Literal["auto", "legacy"] = Field(default="auto", description="'auto', or 'legacy' for the older handshake")
    type: Literal["stdio", "http", "streamable-http", "streamableHttp", "sse"] | None = Field(
        default=None, description="'stdio' or 'http'"
    )
    transport: Literal["stdio", "http", "streamable-http", "sse"] | None = Field(
        default=None, description="'stdio' or 'http'"
    )
    docker: str | None = Field(default=None, description="the name of an image")
    simulated: dict[str, Any] | None = Field(default=None, description="an object with 'tools', 'model', ...")
    toolgym: _Ours | None = Field(default=None, description="an object of ToolGym's options")
    timeout: Annotated[StrictInt | StrictFloat, Field(gt=0)] | None = Field(
        default=None, description="a number above 0"
    )
    """Other clients' (in seconds or milliseconds): checked, not used; calls are limited by `timeout_s`."""
    disabled: bool = Field(default=False, description="true or false")


_OTHERS = ("alwaysAllow", "auth", "authentication", "autoApprove", "description", "icon", "keep_alive", "name", "oauth")
"""Keys that other clients read."""


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
    """What a server needs of this process's environment: to be found, to import the same packages, to reach the network
    (proxies, certificates) and to know the time zone. Nothing else of it reaches a server.

    The environment that this Python runs in counts as activated: its programs come first.
    """
    known = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return known | {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])}


def read_config(source: Mapping[str, Any] | Path, server: str | None = None) -> list[Entry]:
    """The servers that an `mcp.json` (or its content) lists; `server`: that one alone.

    Raises:
        ConfigError: it cannot be read, or an entry says what no server can be.
    """
    folder, where = Path(), "mcp.json"
    if isinstance(source, Path):
        folder, where = source.resolve().parent, str(source)
        try:
            source = json.loads(source.read_text(encoding="utf-8-sig"))
        except json.JSONDecodeError as error:
            raise ConfigError(f"{where}, line {error.lineno}: not JSON: {error.msg}") from error
        except (OSError, ValueError, RecursionError) as error:
            raise ConfigError(f"{where!r} cannot be read, or is not JSON: {error}") from error
        if not isinstance(source, Mapping):
            raise ConfigError(f"{where}: an mcp.json must hold an object with 'mcpServers'.")
    servers = source.get("mcpServers")
    if not isinstance(servers, Mapping) or not servers:
        raise ConfigError(f"{where}: an mcp.json holds an object 'mcpServers' with at least one server.")
    if server is not None and server not in servers:
        raise ConfigError(did_you_mean(server, servers, "server"))
    named = [name for name in servers if server in (None, name)]
    entries = [_entry(name, servers[name], folder, where) for name in named if not _is_disabled(servers[name], server)]
    if not entries:
        raise ConfigError(f"{where}: every server is disabled.")
    return entries


def _is_disabled(entry: Any, server: str | None) -> bool:
    """Whether an entry is left out: it says so, and was not asked for by its name."""
    return server is None and isinstance(entry, Mapping) and entry.get("disabled") is True


def _checked(name: str, entry: Any, where: str) -> "_Server":
    """An entry as its schema has it. No value is shown in an error: it may be a secret."""
    if not isinstance(entry, Mapping):
        raise ConfigError(f"{where}, server {name!r}: it must be an object, not {_kind(entry)}. {_NEEDS}")
    try:
        return _Server.model_validate(dict(entry))
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
        problem = next((each for each in found if each["type"] == "extra_forbidden"), found[0])
        path = [str(part) for part in problem["loc"] if not str(part).endswith("]") and part not in _BRANCHES]
        within = path[:2] == ["toolgym", "database"] and len(path) > 2
        ours = path[0] == "toolgym" and len(path) > 1
        model, key = (_Database, path[2]) if within else (_Ours, path[1]) if ours else (_Server, path[0])
        if problem["type"] == "extra_forbidden":
            what = "database option" if within else "toolgym option" if ours else "key"
            what += f" of server {name!r}:" if ours else ""
            message = did_you_mean(key, [*model.model_fields, *([] if ours else _OTHERS)], what)
            raise ConfigError(f"{where}, server {name!r}: {message}") from None
        wanted = model.model_fields[key].description
        given = f"{'.'.join(path)!r} cannot be {_kind(problem['input'])}"
        raise ConfigError(f"{where}, server {name!r}: {given}: {key!r} must be {wanted}.") from None


def _kind(value: Any) -> str:
    """A JSON value's kind in words."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    kinds = {str: "a string", int: "a number", float: "a number", list: "a list", tuple: "a list"}
    return kinds.get(type(value), "an object" if isinstance(value, Mapping) else f"a {type(value).__name__}")


def _entry(name: str, given: Any, folder: Path, where: str) -> Entry:
    entry = _checked(name, given, where)
    kinds = [key for key in ("command", "url", "docker", "simulated") if getattr(entry, key) is not None]
    if len(kinds) > 1:
        raise ConfigError(
            f"{where}, server {name!r}: it has {' and '.join(map(repr, kinds))}; a server is one of them."
        )
    ours = entry.toolgym or _Ours()
    state = make_state_options(ours.state_tools or (), ours.hidden_tools or (), ours.reset_tools, ours.ignore or ())
    database = _database(entry, name, where)
    if ours.workspace is not None and entry.command is None:
        raise ConfigError(f"{where}, server {name!r}: a 'workspace' goes with a 'command', which runs in a copy of it.")
    if ours.container is not None and entry.docker is None:
        raise ConfigError(f"{where}, server {name!r}: 'container' options go with a 'docker' image.")
    if entry.simulated is not None:
        return Entry(name, None, state, entry.simulated, folder)
    env = {key: _expanded(_text(value), name) for key, value in (entry.env or {}).items()}
    args = [_text(part) for part in entry.args or ()]
    target: Target
    if entry.url is not None:
        if "sse" in (entry.type, entry.transport):
            raise ConfigError(f"{where}, server {name!r}: {SSE_ADVICE}")
        headers = {key: _expanded(_text(value), name) for key, value in (entry.headers or {}).items()}
        target = UrlTarget(_checked_url(_expanded(entry.url, name), name, where), headers=headers, mode=entry.mode)
    elif entry.docker is not None:
        command = [_expanded(part, name) for part in args]
        target = make_target(entry.docker, command, env, ours.container or {})
    elif entry.command is not None:
        shown = (entry.command, *args)
        workspace, cwd = (None if path is None else _expanded(path, name) for path in (ours.workspace, entry.cwd))
        if workspace is not None and not (folder / workspace).is_dir():
            raise ConfigError(f"Server {name!r}: its workspace {str(folder / workspace)!r} is no folder.")
        place = None if workspace is None else str(folder / workspace)
        default = None if workspace is not None or folder == Path() else str(folder)
        target = CommandTarget(
            tuple(_expanded(part, name) for part in shown),
            environment() | env,
            default if cwd is None else str(folder / cwd),
            place,
            entry.mode,
            database,
            shown,
        )
    else:
        raise ConfigError(f"Server {name!r} must have {_NEEDS} (in {where})")
    return Entry(name, target, state)


def _database(entry: _Server, name: str, where: str) -> DatabaseOptions:
    """Where the server's state is, if it is in a database."""
    ours = entry.toolgym or _Ours()
    given = ours.database
    if given is None:
        return NO_DATABASE
    try:
        if entry.command is None or entry.simulated is not None or entry.url is not None or entry.docker is not None:
            raise ConfigError("a 'database' goes with a 'command', which is started anew for each episode.")
        if ours.state_tools and given.tables:
            raise ConfigError("its state is seen by 'state_tools', or in the 'tables' of its 'database', not by both.")
        if given.url:
            url = _expanded(given.url, name)
            if not given.template:
                raise ConfigError("its 'database' has a 'url', and needs a 'template': the database that is copied.")
            check_url(url, given.template)
            require_postgres()
            return DatabaseOptions(url, given.template, given.env, tuple(given.tables), given.max_rows)
        if ours.workspace is None or given.template or "env" in given.model_fields_set:
            raise ConfigError(
                "its 'database' needs a 'url' (PostgreSQL), or a 'workspace' with SQLite files beside it."
            )
    except ConfigError as error:
        raise ConfigError(f"{where}, server {name!r}: {error}") from None
    return DatabaseOptions(tables=tuple(given.tables), max_rows=given.max_rows)


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _checked_url(url: str, server: str, where: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise ConfigError(f"{where}, server {server!r}: 'url' must begin with http:// or https://.")
    if not is_url(url):  # which is not shown, because it may hold a key
        raise ConfigError(f"{where}, server {server!r}: 'url' is no URL such as https://HOST:PORT/PATH.")
    return url


def _expanded(text: str, server: str) -> str:
    """`${NAME}` and `${NAME:-default}` filled in from the environment."""

    def value(match: re.Match[str]) -> str:
        found = os.environ.get(match[1], match[2])
        if found is None:
            raise ConfigError(f"Server {server!r} names the environment variable {match[1]}, which is not set.")
        return found

    return _VARIABLE.sub(value, text)
