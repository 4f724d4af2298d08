"""Copy-on-write state: base tables shared by all episodes, and an overlay that holds only what an episode changed.

    base = Base({"users": {"ann_1": {"credit": 5}}})
    world = World(base)
    world.edit("users", "ann_1")["credit"] = 7      # copied into the overlay once, then written
    twin = world.fork()                              # O(changed records); shares nothing mutable
    world.diff()                                     # {"users": {"ann_1": {"credit": 7}}}

`reset` is a new `World(base)`: O(1), whatever the base's size. Records are JSON values (dict, list, str, int, float,
bool, None); a record returned by `get` or `items` may belong to the base and must not be written to. `edit` is the only
way to change one in place.
"""

import hashlib
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import orjson

from toolgym import _json
from toolgym.errors import did_you_mean

__all__ = ["DELETED", "Base", "Diff", "World", "canonical", "copy_json"]

Record = Any
Diff = dict[str, dict[str, Record | None]]
"""Table name -> record id -> the record as it is now, or None where it was deleted."""


class _Deleted:
    __slots__ = ()

    def __repr__(self) -> str:
        return "DELETED"


DELETED = _Deleted()
"""Marks a deleted record in an overlay."""


def canonical(value: Any) -> bytes:
    """The value as JSON bytes with sorted keys: equal values give equal bytes, in any process."""
    return _json.dumps(value, orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)


def copy_json(value: Any) -> Any:
    """A deep copy of a JSON value; many times faster than `copy.deepcopy`."""
    kind = type(value)
    if kind is dict:
        twin = value.copy()
        for key, item in value.items():
            if type(item) in _NESTED:
                twin[key] = copy_json(item)
        return twin
    if kind is list:
        return [copy_json(item) if type(item) in _NESTED else item for item in value]
    return value


_NESTED = frozenset({dict, list})


class Base:
    """Named tables of records that never change: built once a process and shared by every episode.

    Args:
        tables: table name -> record id -> record.
        meta: facts about the world that tools may read (today's date, the seed, the dialect); never written.
    """

    __slots__ = ("_index", "meta", "tables")

    def __init__(self, tables: Mapping[str, Mapping[str, Record]], meta: Mapping[str, Any] | None = None):
        self.tables: dict[str, Mapping[str, Record]] = dict(tables)
        self.meta: Mapping[str, Any] = MappingProxyType(dict(meta or {}))
        self._index: dict[Any, Any] = {}

    def world(self) -> "World":
        """A fresh world on it."""
        return World(self)

    def index(self, key: Any, build: Any) -> Any:
        """A look-up structure over the base (never over an overlay), built by `build(self)` once and kept."""
        try:
            return self._index[key]
        except KeyError:
            return self._index.setdefault(key, build(self))


class World:
    """One episode's view of a `Base`: reads fall through, writes stay in the overlay."""

    __slots__ = ("_overlay", "_owned", "_version", "base")

    def __init__(self, base: Base):
        self.base = base
        self._overlay: dict[str, dict[str, Any]] = {}
        # Ids whose overlay record belongs to this world alone. A fork shares records, so both sides forget ownership.
        self._owned: set[tuple[str, str]] = set()
        self._version = 0

    @property
    def meta(self) -> Mapping[str, Any]:
        """The base's facts about this world."""
        return self.base.meta

    @property
    def version(self) -> int:
        """Counts the writes: equal versions of one world mean equal state."""
        return self._version

    @property
    def changed(self) -> int:
        """The number of records in the overlay: at least as many as differ from the base."""
        return sum(len(records) for records in self._overlay.values())

    def _table(self, table: str) -> Mapping[str, Record]:
        try:
            return self.base.tables[table]
        except KeyError:
            raise KeyError(did_you_mean(table, self.base.tables, "table")) from None

    def get(self, table: str, key: str, default: Any = None) -> Record:
        """The record, for reading only, or `default`."""
        overlay = self._overlay.get(table)
        if overlay is not None:
            found = overlay.get(key, self)
            if found is not self:
                return default if found is DELETED else found
        return self._table(table).get(key, default)

    def has(self, table: str, key: str) -> bool:
        """Whether the record exists now."""
        return self.get(table, key, self) is not self

    def edit(self, table: str, key: str) -> Record:
        """The record, for writing: copied into the overlay the first time this world asks for it.

        Raises:
            KeyError: no such record.
        """
        record = self.get(table, key, self)
        if record is self:
            raise KeyError(f"no record {key!r} in table {table!r}")
        self._version += 1
        if (table, key) not in self._owned:
            record = copy_json(record)
            self._overlay.setdefault(table, {})[key] = record
            self._owned.add((table, key))
        return record

    def put(self, table: str, key: str, record: Record) -> None:
        """Adds or replaces a record. The world keeps a copy."""
        self._table(table)
        self._version += 1
        self._overlay.setdefault(table, {})[key] = copy_json(record)
        self._owned.add((table, key))

    def delete(self, table: str, key: str) -> None:
        """Removes a record.

        Raises:
            KeyError: no such record.
        """
        if not self.has(table, key):
            raise KeyError(f"no record {key!r} in table {table!r}")
        self._version += 1
        self._overlay.setdefault(table, {})[key] = DELETED
        self._owned.discard((table, key))

    def keys(self, table: str) -> Iterator[str]:
        """The ids of a table: the base's in their order, then the episode's new ones."""
        base, overlay = self._table(table), self._overlay.get(table)
        if not overlay:
            yield from base
            return
        for key in base:
            if overlay.get(key) is not DELETED:
                yield key
        for key, record in overlay.items():
            if key not in base and record is not DELETED:
                yield key

    def items(self, table: str) -> Iterator[tuple[str, Record]]:
        """(id, record) pairs of a table, for reading only."""
        base, overlay = self._table(table), self._overlay.get(table)
        return iter(base.items()) if not overlay else _laid_over(base, overlay)

    def where(self, table: str, field: str, value: Any) -> Mapping[str, Record]:
        """The records of a table whose field has a value, by id in their order, for reading only.

        The base's are found by an index, so that it takes no longer in a large table.

        Args:
            table: the records' table.
            field: a field that all of them have, with a value that can be hashed.
            value: what it must equal.
        """

        def build(base: Base) -> dict[Any, dict[str, Record]]:
            found: dict[Any, dict[str, Record]] = {}
            for key, record in base.tables[table].items():
                found.setdefault(record[field], {})[key] = record
            return found

        base, overlay = self._table(table), self._overlay.get(table)
        known = self.base.index(("where", table, field), build).get(value, {})
        if not overlay:
            return known
        now = {key: record for key, record in overlay.items() if record is not DELETED and record[field] == value}
        if any(key in base and key not in known for key in now):  # its place is among the others
            return {key: record for key, record in self.items(table) if record[field] == value}
        kept = {key: record for key, record in known.items() if key in now or key not in overlay}
        return {**kept, **now}

    def count(self, table: str) -> int:
        """The number of records in a table now."""
        base, overlay = self._table(table), self._overlay.get(table, {})
        gone = sum(1 for key, record in overlay.items() if record is DELETED and key in base)
        new = sum(1 for key, record in overlay.items() if record is not DELETED and key not in base)
        return len(base) - gone + new

    def fork(self) -> "World":
        """A world in the same state that shares nothing mutable with this one. O(changed records)."""
        twin = World.__new__(World)
        twin.base = self.base
        twin._overlay = {table: dict(records) for table, records in self._overlay.items()}
        twin._owned = set()
        twin._version = self._version
        self._owned = set()
        return twin

    def become(self, other: "World") -> None:
        """Takes the state of another world over the same base, which is not used any more."""
        self._overlay, self._owned = other._overlay, other._owned
        self._version += 1

    def diff(self) -> Diff:
        """What differs from the base, as JSON: a write that was undone does not show."""
        out: Diff = {}
        for table in sorted(self._overlay):
            base, changed = self.base.tables[table], {}
            for key in sorted(self._overlay[table]):
                record = self._overlay[table][key]
                if record is DELETED:
                    if key in base:
                        changed[key] = None
                elif key not in base or base[key] != record:
                    changed[key] = copy_json(record)
            if changed:
                out[table] = changed
        return out

    def restore(self, diff: Mapping[str, Mapping[str, Record | None]]) -> None:
        """Sets the state to the base plus `diff` (the inverse of `diff`)."""
        self._overlay, self._owned = {}, set()
        self._version += 1
        for table, records in diff.items():
            for key, record in records.items():
                if record is None:
                    self._table(table)
                    self._overlay.setdefault(table, {})[key] = DELETED
                else:
                    self.put(table, key, record)

    def hash(self) -> str:
        """SHA-256 of the canonical diff: equal for equal states over one base, in any process."""
        return hashlib.sha256(canonical(self.diff())).hexdigest()


def _laid_over(base: Mapping[str, Record], overlay: Mapping[str, Any]) -> Iterator[tuple[str, Record]]:
    """The base's records in their order, as the overlay has them, then its new ones."""
    for key, record in base.items():
        record = overlay.get(key, record)
        if record is not DELETED:
            yield key, record
    for key, record in overlay.items():
        if key not in base and record is not DELETED:
            yield key, record
