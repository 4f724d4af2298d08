"""Tables of a declared domain, and the worlds that are made of them: record i of a table follows from the world key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from toolgym.composing.fields import TODAY, Draw, Field, Ref, Refs
from toolgym.composing.names import rng_for
from toolgym.composing.worlds import check_key, split_of
from toolgym.domain import Size
from toolgym.world import Base

__all__ = ["Table", "build_world"]

_TABLE_KEY = 20


@dataclass(frozen=True, eq=False)
class Table:
    """One kind of record.

    Args:
        name: the table's name ("orders").
        noun: one of its records, in a request ("order").
        key: the field that holds a record's id; the first that is made unless it is made of others.
        fields: name -> field, in the order in which they are made.
        rows: how many records a world of each size has, or how many each parent has (cyclically).
        per: the table whose records these belong to.
        plural: the noun's plural.
        pronoun: what stands for a record that was named before.
    """

    name: str
    noun: str
    key: str
    fields: Mapping[str, Field]
    rows: Mapping[Size, int] | Sequence[int]
    per: str = ""
    plural: str = ""
    pronoun: str = "it"

    @property
    def nouns(self) -> str:
        """Several of the records."""
        return self.plural or f"{self.noun}s"

    @lru_cache(maxsize=4096)  # noqa: B019 (declarations live as long as the process)
    def refs(self, table: str) -> tuple[str, ...]:
        """The fields that name a record of the table."""
        return tuple(name for name, made in self.fields.items() if isinstance(made, Ref) and made.table == table)


def build_world(tables: Sequence[Table], key: int, size: Size, meta: Mapping[str, Any]) -> Base:
    """The world of a key: equal for equal arguments, in any process.

    Raises:
        ConfigError: the key names no world.
    """
    check_key(key)
    made: dict[str, dict[str, Any]] = {}
    for number, table in enumerate(tables):
        made[table.name] = _records(table, rng_for(key, _TABLE_KEY, number), key, size, made)
        _link_back(table, tables, made)
    facts = {"today": TODAY.isoformat(), "seed": key, "size": size, "split": split_of(key), **meta}
    return Base(made, facts)


def _records(
    table: Table, rng: Any, key: int, size: Size, tables: Mapping[str, Mapping[str, Any]]
) -> dict[str, dict[str, Any]]:
    draw = Draw(rng, split_of(key), tables=tables)
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
    draw.index, draw.record = len(records), {}
    for name, made in table.fields.items():
        draw.record[name] = made.make(draw)
    key = draw.record[table.key]
    draw.used.add(key)
    records[key] = draw.record


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
