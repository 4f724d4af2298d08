"""Tables of a declared domain, and the worlds that are made of them: record i of a table follows from the world key."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from toolgym.composing.fields import TODAY, Draw, Field, Ref, Refs
from toolgym.composing.names import rng_for
from toolgym.composing.worlds import check_key, split_of
from toolgym.domain import Size
from toolgym.world import Base

__all__ = ["Records", "Table", "build_world"]

_TABLE_KEY = 20
Tables = Mapping[str, Mapping[str, Any]]
Follows = Callable[[Tables], Iterable[dict[str, Any]]]


@dataclass(frozen=True, eq=False)
class Table:
    """One kind of record.

    Args:
        name: the table's name ("orders").
        noun: one of its records, in a request ("order").
        key: the field that holds a record's id; the first that is made unless it is made of others.
        fields: name -> field, in the order in which they are made.
        rows: how many records a world of each size has, or how many each parent has (cyclically); or a function of the
            tables made before that gives the records, which follow from those (`Follows`); nothing for an inner table,
            whose records stand inside those of another (`Records`).
        per: the table whose records these belong to.
        plural: the noun's plural.
        pronoun: what stands for a record that was named before.
        common: whether its ids are those of other worlds too (airports, cabins), so that who names one tells no world.
    """

    name: str
    noun: str
    key: str
    fields: Mapping[str, Field]
    rows: Mapping[Size, int] | Sequence[int] | Follows = ()
    per: str = ""
    plural: str = ""
    pronoun: str = "it"
    common: bool = False

    @property
    def nouns(self) -> str:
        """Several of the records."""
        return self.plural or f"{self.noun}s"

    @lru_cache(maxsize=4096)  # noqa: B019 (declarations live as long as the process)
    def refs(self, table: str) -> tuple[str, ...]:
        """The fields that name a record of the table."""
        return tuple(name for name, made in self.fields.items() if isinstance(made, Ref) and made.table == table)


@dataclass(frozen=True)
class Records(Field):
    """A list of records of an inner table, which no tool shows but inside the record that has it.

    Args:
        table: the inner table. Its `Draw` has the fields of the outer record made so far as `parent`.
        counts: how many records the list has, cyclically, or as a function of the outer record's `Draw` says.
    """

    table: Table
    counts: Sequence[int] | Callable[[Draw], int]

    def make(self, draw: Draw) -> list[dict[str, Any]]:
        inner = draw.inner.setdefault(self.table.name, Draw(draw.rng, draw.split, tables=draw.tables))
        inner.parent, made = draw.record, []
        count = self.counts(draw) if callable(self.counts) else self.counts[draw.index % len(self.counts)]
        for inner.place in range(count):
            inner.siblings = made
            made.append(_record(self.table, inner))
            inner.index += 1
        return made

    @property
    def type(self) -> str:
        return f"records {self.table.name}"


def build_world(tables: Sequence[Table], key: int, size: Size, meta: Mapping[str, Any]) -> Base:
    """The world of a key: equal for equal arguments, in any process.

    Raises:
        ConfigError: the key names no world.
    """
    check_key(key)
    made: dict[str, dict[str, Any]] = {}
    inner = {field.table.name for table in tables for field in table.fields.values() if isinstance(field, Records)}
    for number, table in enumerate(table for table in tables if table.name not in inner):
        made[table.name] = _records(table, rng_for(key, _TABLE_KEY, number), key, size, made)
        _link_back(table, tables, made)
    facts = {"today": TODAY.isoformat(), "seed": key, "size": size, "split": split_of(key), **meta}
    return Base(made, facts)


def _records(
    table: Table, rng: Any, key: int, size: Size, tables: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    if callable(table.rows):
        return {record[table.key]: record for record in table.rows(tables)}
    draw = Draw(rng, split_of(key), tables=tables, world=key)
    records: dict[str, dict[str, Any]] = {}
    if isinstance(table.rows, Mapping):
        for _ in range(table.rows[size]):
            _add(table, draw, records)
        return records
    for place, (parent_key, parent) in enumerate(tables[table.per].items()):
        for child in range(table.rows[place % len(table.rows)]):
            draw.parent = {**parent, "_table": table.per, "_key": parent_key}
            draw.place = child
            _add(table, draw, records)
    return records


def _add(table: Table, draw: Draw, records: dict[str, dict[str, Any]]) -> None:
    draw.index = len(records)
    record = _record(table, draw)
    records[record[table.key]] = record


def _record(table: Table, draw: Draw) -> dict[str, Any]:
    draw.record = {}
    for name, made in table.fields.items():
        draw.record[name] = made.make(draw)
    draw.used.add(draw.record[table.key])
    return draw.record


def _link_back(table: Table, tables: Sequence[Table], made: dict[str, dict[str, Any]]) -> None:
    """Fills the `Refs` of earlier tables to this one."""
    for other in tables:
        for name, linked in other.fields.items():
            if not isinstance(linked, Refs) or linked.table != table.name or other.name not in made:
                continue
            for field_name in table.refs(other.name):
                for key, record in made[table.name].items():
                    if record[field_name] is not None:
                        made[other.name][record[field_name]][name].append(key)
