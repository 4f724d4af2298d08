"""Rows of a database as a state: table -> the row's key -> the row, each value in one JSON form.

A row goes by its primary key (the parts of a longer one joined by commas). Rows without a key go by a digest of what
they hold; the second of equal ones is `…#2`, and so on, so that each of them counts.
"""

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from toolgym.errors import ConfigError, InfraError, did_you_mean
from toolgym.mcp.ignore import Path, below, without
from toolgym.world import canonical

__all__ = [
    "MAX_BYTES",
    "NO_DATABASE",
    "DatabaseOptions",
    "Row",
    "Selection",
    "add_table",
    "binary",
    "cell",
    "text_cell",
]

MAX_BYTES = 256 * 2**20
"""Bytes of a database that is looked at: of its file, or of the tables that are seen."""
_MAX_TEXT = 1_000_000
"""Bytes of a text that is shown; of a longer one, its size and hash count."""
_DIGEST = 12

Row = dict[str, Any]
"""Column -> value."""


@dataclass(frozen=True, slots=True)
class DatabaseOptions:
    """The database that a server's state is in: `"database"` under `"toolgym"` in an `mcp.json`."""

    url: str = field(default="", repr=False)
    """PostgreSQL's address, of a user who may create databases; its database is the one that is connected to for that.
    Empty: the state is in the SQLite files of the workspace."""
    template: str = ""
    """The database that each episode gets a copy of."""
    env: str = "DATABASE_URL"
    """The environment variable that tells the server its database's URL."""
    tables: tuple[str, ...] = ()
    """The tables that are looked at; by default all."""
    max_rows: int = 100_000
    """Rows that the tables which are looked at may have in all."""


NO_DATABASE = DatabaseOptions()
"""No PostgreSQL database; of SQLite files, all tables."""


class Selection:
    """One look at the tables of one or several databases: which are wanted, and how many rows are left.

    Args:
        options: which tables, and how many rows.
    """

    def __init__(self, options: DatabaseOptions):
        self._options, self._left, self._known = options, options.max_rows, set[str]()

    def wants(self, *names: str) -> bool:
        """Whether a table that goes by these names is looked at."""
        self._known.update(names)
        return not self._options.tables or not set(names).isdisjoint(self._options.tables)

    @property
    def whole(self) -> bool:
        """Whether no tables were named, so that all counts, definitions too."""
        return not self._options.tables

    @property
    def at_most(self) -> int:
        """Rows to ask for: one more than may be there."""
        return self._left + 1

    def take(self, rows: int, table: str) -> None:
        """Counts rows.

        Raises:
            InfraError: there are too many.
        """
        self._left -= rows
        if self._left < 0:
            raise InfraError(
                f"The tables whose rows are the state have more than {self._options.max_rows} rows (counted up to "
                f'{table!r}). Name those that tell success, as "tables" of "database" under "toolgym" in mcp.json, or '
                'allow more by its "max_rows".'
            )

    def check(self) -> None:
        """Checks, after a look, that the tables that are wanted are there.

        Raises:
            ConfigError: one is not.
        """
        for name in self._options.tables:
            if name not in self._known:
                raise ConfigError(did_you_mean(name, self._known, 'table in "tables" of "database":'))


def binary(data: bytes, name: str = "bytes") -> dict[str, Any]:
    """What counts of bytes: their number and their SHA-256."""
    return {name: len(data), "sha256": hashlib.sha256(data).hexdigest()}


def text_cell(data: bytes) -> Any:
    """A text as it was stored: itself, or, where it is long or no UTF-8, what counts of it."""
    if len(data) <= _MAX_TEXT:
        try:
            return data.decode()
        except UnicodeDecodeError:
            pass
    return binary(data, "text_bytes")


def cell(value: Any) -> Any:
    """A value as JSON: bytes by their hash, and numbers that JSON lacks by their name."""
    if isinstance(value, bytes):
        return binary(value)
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    return value


def add_table(
    tables: dict[str, dict[str, Any]], name: str, rows: Iterable[Row], key: Sequence[str], ignored: Sequence[Path]
) -> None:
    """Adds a table to a state. Another one of that name is kept, and this one marked by a `+`.

    Args:
        tables: the state.
        name: the table's.
        rows: its rows.
        key: the columns of its primary key; empty where it has none.
        ignored: what of the state does not count: rows without a key go by no field of that.
    """
    while name in tables:
        name += "+"
    tables[name] = _records(rows, key, below(below(ignored, name), "*"))


def _records(rows: Iterable[Row], key: Sequence[str], ignored: Sequence[Path]) -> dict[str, Row]:
    found = []
    for row in rows:
        counted = row if key else without(row, ignored)
        content = canonical(counted)
        id = ",".join(_part(row[name]) for name in key) if key else hashlib.sha256(content).hexdigest()[:_DIGEST]
        found.append((id, content, counted))
    records: dict[str, Row] = {}
    times: dict[str, int] = {}
    for id, _, row in sorted(found, key=lambda each: each[:2]):
        name = id
        while name in records:
            times[id] = times.get(id, 1) + 1
            name = f"{id}#{times[id]}"
        records[name] = row
    return records


def _part(value: Any) -> str:
    """A part of a key."""
    return value if isinstance(value, str) else canonical(value).decode()
