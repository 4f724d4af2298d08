"""A record that a way leads to: the words for it, and the look-ups that find it again from what tools show."""

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from toolgym.composing.declaration import Declaration, Look
from toolgym.composing.story import Do, PlannedCall, UnfitError
from toolgym.composing.tables import Table
from toolgym.composing.ways import From, Way, is_same_list

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

    def run(self, known: Record | None = None) -> Finding:
        """The look-ups; returns the record as the tools show it.

        Args:
            known: the record that is known already, as a tool showed it.
        """
        self.shown = yield from self._run(known)
        return self.shown

    def _run(self, known: Record | None) -> Finding:
        declaration, way = self.declaration, self.way
        if way.inside:
            return (yield from self._inside(known))
        table, look = declaration.table(way.table), way.look
        arguments: dict[str, Any] = dict(look.fixed)
        ids: list[Any] = []
        shown_before: list[Found] = []
        for name, source in way.inputs:
            value = self.inputs[name]
            if isinstance(value, Found):
                assert isinstance(source, From)
                same = next((one for one in shown_before if is_same_list(one.way, value.way)), None)
                shown = value.pick_of(same.weighed) if same is not None else (yield from value.run(known))
                shown_before.append(value)
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
            record = self._shown(result, table, arguments)
        if way.read is not None:
            key = dict.fromkeys(way.read.by, record[table.key])
            result = (yield Do(f"{self._why(record)}{_plan(way.read, key)}", (_call(way.read, key),)))[0]
            record = way.read.opened(result, key)
            self.looks = [str(value) for value in key.values()]
        return record

    shown: Record | None = None
    """The record as the tools showed it, once they did."""

    def links(self) -> "Iterator[Found]":
        """This one and those before it."""
        yield self
        for before in self.inputs.values():
            if isinstance(before, Found):
                yield from before.links()

    def seen(self, read: Look | None) -> Record | None:
        """The record that was read by a look on the way to this one; None where none was."""
        if read is None:
            return None
        return next((one.shown for one in self.links() if read in (one.way.look, one.way.read)), None)

    def pick_in(self, holder: Record) -> Record:
        """The record inside one that was shown already."""
        ((name, _),) = self.way.inputs
        return self.pick_of(holder[name])

    def pick_of(self, rows: list[dict[str, Any]]) -> Record:
        """The record out of a list that was shown already."""
        self.shown = self._pick(rows)
        return self.shown

    def _inside(self, known: Record | None) -> Finding:
        """Picks out of a list inside the record that is known, or found first."""
        ((name, source),) = self.way.inputs
        before = self.inputs[name]
        if source == "subject":
            assert known is not None
            return self._pick(known[name])
        holder = yield from before.run(known)
        self.looks = before.looks
        return self._pick(holder[name])

    def _read_all(self, look: Look, ids: list[Any]) -> Finding:
        parameter = next(iter(look.by))
        calls = tuple(_call(look, {**look.fixed, parameter: key}) for key in ids)
        results = yield Do(f"{look.kind} {', '.join(map(str, ids))}.", calls)
        rows = [look.opened(result, call.arguments) for result, call in zip(results, calls, strict=True)]
        record = self._pick(rows)
        self.looks = [str(record[self.declaration.table(self.way.table).key])]
        return record

    def _shown(self, result: Any, table: Table, arguments: Mapping[str, Any]) -> Record:
        result = self.way.look.opened(result, arguments)
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
        values = [(row[table.key], row[self.chosen_by]) for row in self.weighed[:8]]
        shown = ", ".join(f"{key} {'none' if value is None else made.show(value)}" for key, value in values)
        return f"{shown}: {record[table.key]}."


def _call(look: Look, arguments: dict[str, Any]) -> PlannedCall:
    return PlannedCall(look.kind, look.tool, look.asks(arguments))


def _plan(look: Look, arguments: Mapping[str, Any]) -> str:
    return f"{look.kind} {' '.join(str(value) for value in arguments.values())}.".replace(" .", ".")
