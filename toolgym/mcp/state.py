"""Seeing and resetting the state of a server that keeps no `World`: by tools that it has anyway.

`state_tools` are reading tools whose answers are the state: each answer becomes a table, so that a diff, a gold chain's
final state and assertions work as they do for a `ToolServer`. A server may also have three tools (hidden from agents)
by which its state is reset, taken and put back, and is then not started anew for each episode.
"""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path as FilePath
from typing import Any

from toolgym import _json
from toolgym.errors import ConfigError, InfraError, did_you_mean
from toolgym.mcp.ignore import Path, below, without
from toolgym.mcp.session import ToolSpec
from toolgym.trajectory import ToolResult
from toolgym.world import Diff

__all__ = [
    "StateOptions",
    "StateTool",
    "Tables",
    "files_of",
    "make_state_options",
    "state_for",
    "table_of",
    "tables_diff",
    "walked",
]

Tables = dict[str, dict[str, Any]]
"""Table name -> record id -> record."""

_ID_FIELDS = ("id", "key", "name", "path", "uri")
_MAX_TEXT = 1_000_000
_SKIPPED = frozenset({".git", "__pycache__", "node_modules"})
VALUE = "value"
"""The record's id where an answer is no list or object of records."""


@dataclass(frozen=True, slots=True)
class StateTool:
    """A reading tool whose answer is a part of the state."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    table: str = ""
    """The table's name; the tool's by default. Each state tool has a table of its own."""
    path: str = ""
    """Where in the answer the records are (dotted), if they are not the answer itself."""
    key: str = ""
    """The field that tells records of a list apart; by default the first of id, key, name, path, uri."""

    def text(self) -> str:
        """Its name, or the JSON of what was given of it."""
        given = {name: value for name, value in asdict(self).items() if value}
        return self.name if len(given) == 1 else json.dumps(given, sort_keys=True)


@dataclass(frozen=True, slots=True)
class StateOptions:
    """How the state of a foreign server is seen and reset."""

    state_tools: tuple[StateTool, ...] = ()
    hidden: tuple[str, ...] = ()
    """Tools that agents neither see nor may call."""
    reset_tool: str = "toolgym_reset"
    """Puts the server into its initial state; where it takes an argument `world`, into that world."""
    snapshot_tool: str = "toolgym_snapshot"
    """Answers with the whole state, as JSON."""
    restore_tool: str = "toolgym_restore"
    """Takes such an answer as `state` and puts the server into it."""
    ignore: tuple[str, ...] = ()
    """Glob paths (`table.record.field`) of what does not count, such as times (see `toolgym.mcp.ignore`)."""

    @property
    def unseen(self) -> frozenset[str]:
        """All tools that agents do not see."""
        return frozenset({*self.hidden, self.reset_tool, self.snapshot_tool, self.restore_tool})

    @property
    def renamed(self) -> dict[str, str]:
        """The field of each of the three tools that goes by another name than usual, and that name."""
        names = {role: getattr(self, role) for role in ("reset_tool", "snapshot_tool", "restore_tool")}
        return {role: name for role, name in names.items() if name != f"toolgym_{role.removesuffix('_tool')}"}

    def check(self, listed: Sequence[str]) -> None:
        """Checks that a server lists the tools that are named.

        Raises:
            ConfigError: it does not.
        """
        named = [("hidden tool", name) for name in self.hidden]
        named += [("state tool", tool.name) for tool in self.state_tools]
        named += [(role.replace("_", " "), name) for role, name in self.renamed.items()]
        for what, name in named:
            if name not in listed:
                raise ConfigError(did_you_mean(name, listed, what))

    def sources(self, places: Sequence[str]) -> tuple[str, ...]:
        """What is looked at, and what of it does not count, as texts (see `ToolSession.sees`).

        Args:
            places: where else than by tools it is seen, as such texts.
        """
        tools = [f"state_tool: {tool.text()}" for tool in self.state_tools]
        seen = tools or places or [f"snapshot: {self.snapshot_tool}"]
        return tuple(sorted([*seen, *(f"ignore: {path}" for path in self.ignore)]))


def make_state_options(
    state_tools: str | Iterable[str | Mapping[str, Any] | StateTool] = (),
    hidden: str | Sequence[str] = (),
    reset_tools: Mapping[str, str] | None = None,
    ignore: str | Sequence[str] = (),
) -> StateOptions:
    """Options from plain values.

    Args:
        state_tools: names, or objects with the fields of `StateTool`; one name may stand alone.
        hidden: as in `StateOptions`; one name may stand alone.
        reset_tools: other names for `reset`, `snapshot` and `restore`.
        ignore: as in `StateOptions`; one path may stand alone.

    Raises:
        ConfigError: an entry of another form, or two state tools with one table.
    """
    tools: list[StateTool] = []
    for entry in (state_tools,) if isinstance(state_tools, str) else state_tools:
        try:
            tools.append(entry if isinstance(entry, StateTool) else StateTool(**_named(entry)))
        except TypeError as error:
            raise ConfigError(
                f"A state tool is a tool's name, or an object with name, arguments, table, path, key; got {entry!r}."
            ) from error
    tables = [tool.table or tool.name for tool in tools]
    twice = next((table for place, table in enumerate(tables) if table in tables[:place]), None)
    if twice is not None:
        raise ConfigError(
            f"Two state tools have the table {twice!r}, and one would hide what the other sees: give each a 'table' of "
            "its own."
        )
    paths = (ignore,) if isinstance(ignore, str) else tuple(ignore)
    if not all(isinstance(path, str) and path for path in paths):
        raise ConfigError(f"ignore is a list of paths such as 'orders.*.created_at', not {ignore!r}.")
    renamed = {f"{role}_tool": name for role, name in (reset_tools or {}).items()}
    try:
        names = (hidden,) if isinstance(hidden, str) else tuple(hidden)
        return StateOptions(tuple(tools), names, ignore=paths, **renamed)
    except TypeError as error:
        raise ConfigError(f"reset_tools names reset, snapshot and restore, not {sorted(reset_tools or {})}.") from error


def _named(entry: str | Mapping[str, Any]) -> dict[str, Any]:
    return {"name": entry} if isinstance(entry, str) else dict(entry)


def answer_of(result: ToolResult) -> Any:
    """A result as a value: its structured content (unwrapped), or its text, read as JSON where it is JSON."""
    value: Any = result.structured
    if isinstance(value, dict) and set(value) == {"result"}:
        value = value["result"]
    if value is None:
        value = result.text
    if isinstance(value, str):
        try:
            value = _json.loads(value)
        except ValueError:
            return value
    return value


def state_for(restore: ToolSpec, snapshot: ToolResult) -> Any:
    """A snapshot's answer as its restore tool takes it: where that wants a text, the very text that was answered."""
    schema = (restore.input_schema.get("properties") or {}).get("state")
    schema = schema if isinstance(schema, dict) else {}
    kinds = {each.get("type") for each in (schema, *schema.get("anyOf", ())) if isinstance(each, dict)}
    if "string" not in kinds or kinds & {"object", "array"}:
        return answer_of(snapshot)
    wrapped = (snapshot.structured or {}).get("result")
    return wrapped if isinstance(wrapped, str) else snapshot.text


def table_of(tool: StateTool, result: ToolResult, ignored: Sequence[Path] = ()) -> dict[str, Any]:
    """The records that a state tool's answer holds; those of a list go by no id that is ignored.

    Raises:
        InfraError: the tool refused, or `path` leads nowhere.
    """
    if result.is_error:
        raise InfraError(f"The state tool {tool.name!r} failed: {result.text[:300]}")
    value = answer_of(result)
    for part in tool.path.split(".") if tool.path else ():
        if not isinstance(value, dict) or part not in value:
            raise InfraError(f"The answer of the state tool {tool.name!r} has nothing at {tool.path!r}.")
        value = value[part]
    if isinstance(value, dict):
        return value
    value = without([*value], [("*", *path) for path in below(ignored, "*")]) if isinstance(value, list) else value
    keyed = _keyed(value, tool.key) if isinstance(value, list) else None
    return {VALUE: value} if keyed is None else keyed


def _keyed(records: list[Any], key: str) -> dict[str, Any] | None:
    """A list's records by an id that each of them has and no two share; None where there is none."""
    if not records or not all(isinstance(record, dict) for record in records):
        return None
    for name in (key,) if key else _ID_FIELDS:
        ids = [record.get(name) for record in records]
        if all(isinstance(id, str | int) for id in ids) and len(set(map(str, ids))) == len(ids):
            return {str(id): record for id, record in zip(ids, records, strict=True)}
    return None


def tables_diff(before: Tables, after: Tables) -> Diff:
    """What differs, in the form of a `World`'s diff."""
    diff: Diff = {}
    for table in sorted({*before, *after}):
        old, new = before.get(table, {}), after.get(table, {})
        keys = sorted({*old, *new})
        changed = {key: new.get(key) for key in keys if key not in new or key not in old or old[key] != new[key]}
        if changed:
            diff[table] = changed
    return diff


def _hash(path: FilePath) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def walked(folder: FilePath) -> Iterator[FilePath]:
    """The files in a workspace that count, in order: no links, nothing of version control or of installed packages."""
    for path in sorted(folder.rglob("*")):
        if not (_SKIPPED & set(path.relative_to(folder).parts) or path.is_symlink()) and path.is_file():
            yield path


def files_of(folder: FilePath, hidden: Collection[str] = ()) -> dict[str, Any]:
    """A workspace's files: relative path -> text (or, where it is none or long, its size in bytes and its SHA-256).

    Args:
        folder: the workspace.
        hidden: relative paths of files that are left out.
    """
    files = {}
    for path in walked(folder):
        inside = path.relative_to(folder)
        if inside.as_posix() in hidden:
            continue
        size = path.stat().st_size
        text = path.read_bytes().decode(errors="replace") if size <= _MAX_TEXT else ""
        is_text = size <= _MAX_TEXT and "�" not in text
        files[inside.as_posix()] = text if is_text else {"bytes": size, "sha256": _hash(path)}
    return files
