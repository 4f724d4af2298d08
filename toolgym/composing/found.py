"""A record that a way leads to: the words for it, and the look-ups that find it again from what tools show."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from toolgym.composing.declaration import Declaration, Look
from toolgym.composing.story import Do, PlannedCall, UnfitError
from toolgym.composing.tables import Table
from toolgym.composing.ways import From, Way

__all__ = ["Finding", "Found", "Record", "rows_of"]

Record = Mapping[str, Any]
Finding = Generator[Do, list[Any], Record]


def rows_of(result: Any, table: Table) -> list[dict[str, Any]]:
    """The records in a list tool's result: a list of records or ids, or an object that holds one such list."""
    if isinstance(result, dict) and table.key not in result:
        lists = [value for value in result.values() if isinstance(value, list)]
        result = lists[0] if len(lists) == 1 else list(result.values())
    return [row if isinstance(row, dict) else {table.key: row} for row in result]


@dataclass
class Found:
    """A record that a way leads to: the words for it, and the look-ups that find it again from what tools show."""

    declaration: Declaration
    way: Way
    record: Record
    words: str
    inputs: dict[str, Any]
    """Parameter -> a value, a `Found` whose record has it, or (the known record, its field)."""
    intro: dict[str, str] = field(default_factory=dict)
    """What the customer says first: who it is."""
    facts: dict[str, str] = field(default_factory=dict)
    """What it answers when it is asked."""
    choose: Callable[[list[dict[str, Any]]], list[dict[str, Any]]] | None = None
    chosen_by: str = ""
    looks: list[str] = field(default_factory=list)
    """Ids in the calls that show the record, once they are made."""
    speaker: Record | None = None
    """The customer's own record, once it is shown on the way."""

    @property
    def shows_speaker(self) -> bool:
        """Whether the record is the customer's own, and shown whole."""
        return self.way.table == self.declaration.who and (self.way.read is not None or not self.way.look.shows)

    def run(self, known: Record | None = None) -> Finding:
        """The look-ups; returns the record as the tools show it.

        Args:
            known: the record that is known already, as a tool showed it.
        """
        declaration, way = self.declaration, self.way
        table, look = declaration.table(way.table), way.look
        arguments: dict[str, Any] = dict(look.fixed)
        ids: list[Any] = []
        for name, source in way.inputs:
            value = self.inputs[name]
            if isinstance(value, Found):
                assert isinstance(source, From)
                shown = yield from value.run(known)
                self.speaker = shown if value.shows_speaker else value.speaker
                value = shown[source.field]
                ids = value if isinstance(value, list) else []
            elif source == "subject":
                assert known is not None
                value = known[value[1]]
            arguments[name] = value
        if ids:
            record = yield from self._read_all(look, ids)
        else:
            result = (yield Do(_plan(look, arguments), (_call(look, arguments),)))[0]
            self.looks = [value for value in arguments.values() if isinstance(value, str)]
            record = self._shown(result, table)
        if way.read is not None:
            key = dict.fromkeys(way.read.by, record[table.key])
            record = (yield Do(f"{self._why(record)}{_plan(way.read, key)}", (_call(way.read, key),)))[0]
            self.looks = [str(value) for value in key.values()]
        return record

    def _read_all(self, look: Look, ids: list[Any]) -> Finding:
        parameter = next(iter(look.by))
        calls = tuple(_call(look, {**look.fixed, parameter: key}) for key in ids)
        rows = yield Do(f"{look.kind} {', '.join(map(str, ids))}.", calls)
        record = self._pick(rows)
        self.looks = [str(record[self.declaration.table(self.way.table).key])]
        return record

    def _shown(self, result: Any, table: Table) -> Record:
        if not self.way.look.many:
            shows = self.way.look.shows
            return {table.key: result} if shows == (table.key,) and not isinstance(result, dict) else result
        return self._pick(rows_of(result, table))

    def _pick(self, rows: list[dict[str, Any]]) -> Record:
        chosen = rows if self.choose is None else self.choose(rows)
        if len(chosen) != 1:
            raise UnfitError(f"{len(chosen)} records fit {self.words!r}")
        self.weighed = rows
        return chosen[0]

    weighed: list[dict[str, Any]] = field(default_factory=list)
    """The records that the last pick compared."""

    def _why(self, record: Record) -> str:
        why = self.why(record)
        return f"{why} " if why else ""

    def why(self, record: Record) -> str:
        """What the pick compared, for a plan: `A1 $20, B2 $10: B2.`"""
        if not self.chosen_by or len(self.weighed) < 2:
            return ""
        table = self.declaration.table(self.way.table)
        made = table.fields[self.chosen_by]
        shown = ", ".join(f"{row[table.key]} {made.show(row[self.chosen_by])}" for row in self.weighed[:8])
        return f"{shown}: {record[table.key]}."


def _call(look: Look, arguments: dict[str, Any]) -> PlannedCall:
    return PlannedCall(look.kind, look.tool, arguments)


def _plan(look: Look, arguments: Mapping[str, Any]) -> str:
    return f"{look.kind} {' '.join(str(value) for value in arguments.values())}.".replace(" .", ".")
