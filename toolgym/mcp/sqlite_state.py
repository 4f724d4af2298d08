"""The state of a workspace: its files, and of each SQLite database in it the rows.

A database is told by its header, whatever its name. Its journals (`-wal`, `-shm`, `-journal`) belong to it. It is read
from a copy of all of them as they were at one moment, so that no lock of the server's is waited for and nothing of the
server's is touched: what is seen is what has been committed.
"""

import hashlib
import re
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from toolgym.errors import ConfigError, InfraError
from toolgym.mcp import ignore
from toolgym.mcp.rows import MAX_BYTES, DatabaseOptions, Row, Selection, add_table, cell, text_cell
from toolgym.mcp.state import Tables, files_of, walked

__all__ = ["workspace_tables"]

_HEADER = b"SQLite format 3\0"
_OLDEST = (3, 37)
"""The first SQLite that tells what sort of table each is."""
_JOURNAL = re.compile(r"-(?:wal|shm|journal|mj[0-9A-F]{9})$")
_COLLATIONS = ("BINARY", "NOCASE", "RTRIM")
"""Those that every SQLite has."""
_COPIED = ("", "-wal", "-journal")
"""The database and what else of it is read; `-shm` is an index that is made anew."""
_TRIES, _PAUSE_S = 40, 0.05
_CHUNK = 2**20
_BROKEN = (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
"""Errors that are the database's own, not this machine's."""


def workspace_tables(
    folder: Path, options: DatabaseOptions, ignored: Sequence[ignore.Path] = (), *, first: bool = False
) -> Tables:
    """A workspace's state: the table `files`, and for each database FILE the tables `FILE.TABLE`.

    `FILE.sqlite_schema` holds the definitions of tables, views, indexes and triggers. Of a virtual table (a full-text
    index) the rows that it shows count, not the tables that it keeps them in; of a view the definition alone. What
    SQLite keeps for itself (counters, statistics) does not count. A file that cannot be read as a database counts as
    any other.

    Args:
        folder: the workspace.
        options: which tables are looked at.
        ignored: what of the state does not count.
        first: whether to check that the tables which are named are there.

    Raises:
        InfraError: a database is too large, or written all the time.
        ConfigError: a table that is named is not there.
    """
    selection, tables, hidden = Selection(options), Tables(), set[str]()
    databases = [path for path in walked(folder) if _is_database(path)]
    for path in databases:
        name = path.relative_to(folder).as_posix()
        if _read(path, name, folder.parent, selection, tables, ignored):
            hidden.add(name)
    if databases and first:
        selection.check()
    for path in walked(folder):
        owner = path.with_name(_JOURNAL.sub("", path.name))
        if owner != path and (owner in databases or (owner.is_file() and owner.stat().st_size == 0)):
            hidden.add(path.relative_to(folder).as_posix())
    return {"files": files_of(folder, hidden), **tables}


def _is_database(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_HEADER)) == _HEADER


def _read(
    path: Path, name: str, beside: Path, selection: Selection, tables: Tables, ignored: Sequence[ignore.Path]
) -> bool:
    """Adds a database's tables; False where it is broken."""
    if sqlite3.sqlite_version_info < _OLDEST:
        raise ConfigError(
            f"The workspace holds an SQLite database, {name!r}, and this Python's SQLite {sqlite3.sqlite_version} is "
            "too old to tell its tables apart: 3.37 or newer is needed."
        )
    found: list[tuple[str, list[Row], Sequence[str]]] = []
    with tempfile.TemporaryDirectory(prefix="look-", dir=beside) as place:
        copy = _copied(path, name, Path(place))
        try:
            with closing(sqlite3.connect(copy, isolation_level=None)) as database:
                database.execute("PRAGMA trusted_schema = OFF")
                database.execute("PRAGMA cell_size_check = ON")
                found.extend(_tables(database, name, selection))
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF not in _BROKEN:
                raise InfraError(f"The copy of the database {name!r} could not be read: {error}") from error
            return False
    for table, rows, key in found:
        add_table(tables, f"{name}.{table}", rows, key, ignored)
    return True


def _copied(path: Path, name: str, place: Path) -> Path:
    """A copy of a database and its journals as they were at one moment: two readings, one after the other, are equal.

    Raises:
        InfraError: it is too large, or no two are.
    """
    copy = place / "database"
    for _ in range(_TRIES):
        parts = [(path.with_name(path.name + end), copy.with_name(copy.name + end)) for end in _COPIED]
        size = sum(part.stat().st_size for part, _ in parts if part.exists())
        if size > MAX_BYTES:
            raise InfraError(
                f"The database {name!r} of the workspace has {size} bytes, and one of more than {MAX_BYTES} is not "
                "looked at. Make the template's smaller, or name reading tools that show the state (state_tools)."
            )
        before = [_digest(part, to) for part, to in parts]
        if before[0] and before == [_digest(part) for part, _ in parts]:
            return copy
        time.sleep(_PAUSE_S)
    raise InfraError(f"The database {name!r} of the workspace is written all the time, so that no state of it is seen.")


def _digest(path: Path, to: Path | None = None) -> str:
    """The SHA-256 of a file, which is copied meanwhile; empty where there is none."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            if to is None:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
            else:
                with to.open("wb") as copy:
                    while chunk := file.read(_CHUNK):
                        digest.update(chunk)
                        copy.write(chunk)
    except FileNotFoundError:
        if to is not None:
            to.unlink(missing_ok=True)
        return ""
    return digest.hexdigest()


def _tables(
    database: sqlite3.Connection, name: str, selection: Selection
) -> Iterator[tuple[str, list[Row], Sequence[str]]]:
    """Each table's name, rows and key, the definitions among them."""
    _stand_in(database)
    listed = database.execute("PRAGMA main.table_list").fetchall()
    sorts = {table: sort for _, table, sort, *_ in listed if not table.startswith("sqlite_")}
    columns = {table: _columns(database, table) for table, sort in sorts.items() if sort in ("table", "virtual")}
    if selection.wants("sqlite_schema", f"{name}.sqlite_schema"):
        yield "sqlite_schema", _definitions(database, sorts), ("type", "name")
    database.text_factory = text_cell
    for table, (names, key) in sorted(columns.items()):
        if not selection.wants(table, f"{name}.{table}"):
            continue
        chosen = ", ".join(map(_quoted, names))
        query = f"SELECT {chosen} FROM {_quoted(table)} LIMIT {selection.at_most}"
        try:
            values = database.execute(query).fetchall()
        except sqlite3.OperationalError:
            if sorts[table] != "virtual":
                raise
            continue  # of a module that is not here, or of another table that is gone
        selection.take(len(values), f"{name}.{table}")
        yield table, [dict(zip(names, map(cell, row), strict=True)) for row in values], key


def _stand_in(database: sqlite3.Connection) -> None:
    """Makes the collations that only the server knows: they must be there, though nothing is put in order."""
    query = (
        "SELECT DISTINCT x.coll FROM sqlite_master t, pragma_index_list(t.name) i, pragma_index_xinfo(i.name) x "
        "WHERE t.type = 'table' AND x.coll NOT NULL"
    )
    for (name,) in database.execute(query).fetchall():
        if name.upper() not in _COLLATIONS:
            database.create_collation(name, lambda one, other: (one > other) - (one < other))


def _columns(database: sqlite3.Connection, table: str) -> tuple[list[str], list[str]]:
    """A table's columns that are stored, and those of its key."""
    query = "SELECT name, pk FROM pragma_table_xinfo(?) WHERE hidden = 0 ORDER BY cid"
    try:
        columns = database.execute(query, (table,)).fetchall()
    except sqlite3.OperationalError:
        columns = []  # of a module that is not here
    key = [name for name, place in sorted(columns, key=lambda column: column[1]) if place]
    return [name for name, _ in columns] or ["rowid"], key


def _definitions(database: sqlite3.Connection, sorts: dict[str, str]) -> list[dict[str, Any]]:
    query = "SELECT type, name, sql, tbl_name FROM sqlite_master WHERE sql IS NOT NULL"
    return [
        {"type": type, "name": name, "sql": sql}
        for type, name, sql, table in database.execute(query)
        if not name.startswith("sqlite_") and sorts.get(table) != "shadow"
    ]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
