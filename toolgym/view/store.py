"""The index's file: SQLite, in a cache folder, thrown away and made anew whenever it does not fit."""

import hashlib
import json
import os
import sqlite3
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from toolgym._files import WriteLock
from toolgym.view.rows import Row, tags

__all__ = ["BROKEN_KEPT", "COLUMNS", "Store", "cache_folder", "connect", "store_path"]

VERSION = 5
"""Of the tables."""
BROKEN_KEPT = 1_000
"""Of how many broken lines it is kept what they are; the others are counted."""
_UNUSED_DAYS = 30
_MOST_TAGS = 100
_LONGEST_TAG = 200

COLUMNS = (
    *("n", "segment", "number", "line", "env", "task", "split", "world", "outcome", "truncation", "reward", "steps"),
    *("calls", "depth", "kinds", "tools", "errors", "step", "part", "trial", "fault", "ended", "ranges"),
)
_TABLES = f"""
CREATE TABLE episodes({", ".join(f"{name} INTEGER PRIMARY KEY" if name == "n" else name for name in COLUMNS)});
CREATE TABLE texts(n INTEGER PRIMARY KEY, request, text);
CREATE TABLE tags(name, value, PRIMARY KEY(name, value)) WITHOUT ROWID;
CREATE TABLE broken(line INTEGER PRIMARY KEY, start, end, why);
CREATE TABLE tokens(step, number, start, end, PRIMARY KEY(step, number)) WITHOUT ROWID;
CREATE TABLE meta(key PRIMARY KEY, value) WITHOUT ROWID;
CREATE INDEX by_group ON episodes(env, world, part, task, step, outcome, reward);
CREATE INDEX by_reward ON episodes(reward);
PRAGMA user_version = {VERSION};
"""


def cache_folder(given: Path | None = None) -> Path:
    """Where indexes are kept: the folder that is given, the user's cache, or one that goes with this process."""
    for folder in (given, user_cache_path("toolgym") / "view"):
        if folder is not None:
            with suppress(OSError):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                if os.access(folder, os.W_OK | os.X_OK):
                    _tidy(folder)
                    return folder
    return Path(tempfile.mkdtemp(prefix="toolgym-view-"))


def _tidy(folder: Path) -> None:
    """Removes the indexes that nobody has looked at for a month."""
    for file in folder.glob("*.sqlite*"):
        with suppress(OSError):
            if time.time() - file.stat().st_mtime > _UNUSED_DAYS * 86400:
                file.unlink()


def store_path(cache: Path, source: Path) -> Path:
    """Where the index of a file or folder is."""
    return cache / f"{hashlib.sha256(os.fsencode(source.resolve())).hexdigest()[:24]}.sqlite"


def connect(path: Path) -> sqlite3.Connection:
    """A connection that only reads.

    Raises:
        sqlite3.Error: there is no index yet, or none of this version.
    """
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=5)
    try:
        connection.execute("PRAGMA query_only = 1")
        if connection.execute("PRAGMA user_version").fetchone()[0] != VERSION:
            raise sqlite3.DatabaseError("an index of another version")
    except sqlite3.Error:
        connection.close()
        raise
    connection.row_factory = sqlite3.Row
    return connection


def clean(value: Any) -> Any:
    """Text as SQLite takes it: half characters as escapes."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return value if value is None or not isinstance(value, int) or abs(value) < 2**63 else str(value)


class Store:
    """Writes an index. One process does so for a file; others read what it has written.

    Args:
        path: the index's file.
        anew: whether what is there is thrown away.

    Raises:
        LockedError: another process writes it.
    """

    def __init__(self, path: Path, anew: bool = False):
        self.path = path
        self._lock = WriteLock(path)
        try:
            if anew:
                self._unlink()
            self._open()
        except sqlite3.Error:
            self.reset()

    def _open(self) -> None:
        self.connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=5)
        with suppress(sqlite3.Error):
            self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = OFF")  # what a crash of the machine damages is made anew
        version = self.connection.execute("PRAGMA user_version").fetchone()[0]
        if version != VERSION:
            if self.connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                raise sqlite3.DatabaseError("of another version")
            self.connection.executescript(_TABLES)

    def reset(self) -> None:
        """Begins anew."""
        if hasattr(self, "connection"):
            self.connection.close()
        self._unlink()
        self._open()

    def _unlink(self) -> None:
        for suffix in ("", "-wal", "-shm", "-journal"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    def remove(self) -> None:
        """Closes the file and throws it away."""
        self.connection.close()
        self._unlink()
        self._lock.release()

    def close(self) -> None:
        """Closes the file. Closing twice is harmless."""
        self.connection.close()
        self._lock.release()

    def get(self, key: str, default: Any = None) -> Any:
        """What was noted under a key."""
        found = self.connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return default if found is None else json.loads(found[0])

    def put(
        self,
        rows: Sequence[Row],
        broken: Sequence[tuple[int, int, int, str]] = (),
        tokens: Sequence[tuple[int, int, int, int]] = (),
        **noted: Any,
    ) -> None:
        """Writes, all or nothing: episodes as they are now, lines that cannot be read, and what is to be noted."""
        execute = self.connection.execute
        execute("BEGIN IMMEDIATE")
        try:
            marks = ", ".join("?" * len(COLUMNS))
            many = self.connection.executemany
            many(f"INSERT OR REPLACE INTO episodes VALUES ({marks})", map(_values, rows))
            texts = ((row.n, clean(row.request), clean(row.text)) for row in rows)
            many("INSERT OR REPLACE INTO texts VALUES (?, ?, ?)", texts)
            many("INSERT OR IGNORE INTO tags VALUES (?, ?)", set(_tags(rows)))
            many("INSERT OR REPLACE INTO broken VALUES (?, ?, ?, ?)", ((a, b, c, clean(d)) for a, b, c, d in broken))
            many("INSERT OR REPLACE INTO tokens VALUES (?, ?, ?, ?)", tokens)
            many("INSERT OR REPLACE INTO meta VALUES (?, ?)", ((key, json.dumps(noted[key])) for key in noted))
            execute("COMMIT")
        except BaseException:
            execute("ROLLBACK")
            raise

    def unfinished(self, segment: int) -> list[Row]:
        """The episodes of a segment that have not ended, to go on with."""
        query = "SELECT * FROM episodes JOIN texts USING (n) WHERE ended = 0 AND segment = ?"
        with closing(self.connection.execute(query, (segment,))) as cursor:
            names = [each[0] for each in cursor.description]
            return [_row(dict(zip(names, values, strict=True))) for values in cursor]


def _values(row: Row) -> list[Any]:
    values = {name: getattr(row, name) for name in COLUMNS}
    for name in ("kinds", "tools", "errors"):
        values[name] = tags(_few(values[name]))
    values |= {"ended": int(row.ended), "ranges": json.dumps(row.ranges)}
    return [clean(value) for value in values.values()]


def _few(names: Iterable[str]) -> list[str]:
    return [name[:_LONGEST_TAG] for name in names][:_MOST_TAGS]


def _tags(rows: Sequence[Row]) -> Iterable[tuple[str, str]]:
    for row in rows:
        for name in ("kinds", "tools", "errors"):
            for value in tags(_few(getattr(row, name))).split("\n"):
                if value:
                    yield name, clean(value)


def _row(found: dict[str, Any]) -> Row:
    for name in ("tools", "errors"):
        found[name] = dict.fromkeys(filter(None, (found[name] or "").split("\n")))
    found["kinds"] = [*filter(None, (found["kinds"] or "").split("\n"))]
    return Row(**{**found, "ended": bool(found["ended"]), "ranges": json.loads(found["ranges"])})
