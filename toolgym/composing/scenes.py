"""A scene: a world, its customer and the random choices left; and the records that a way leads to in it."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any

from toolgym.composing.declaration import Declaration
from toolgym.composing.fields import Draw, Ref, Refs
from toolgym.composing.found import Found, Record
from toolgym.composing.story import Style
from toolgym.composing.tables import Table
from toolgym.composing.ways import From, Way
from toolgym.composing.words import fill, join_facts, say
from toolgym.domain import Split
from toolgym.world import Base

__all__ = ["Scene"]

Suits = Callable[[Record], bool]
_TRIES = 12
_MANY = 200


def _anything(_: Record) -> bool:
    return True


@dataclass
class Scene:
    """Where a story is made."""

    declaration: Declaration
    base: Base
    speaker_id: str
    style: Style
    rng: random.Random
    taken: set[str] = field(default_factory=set)
    """Records that another story of the task is about already."""

    @property
    def split(self) -> Split:
        return self.base.meta["split"]

    @property
    def today(self) -> str:
        return self.base.meta["today"]

    @property
    def speaker(self) -> Record:
        return self.base.tables[self.declaration.who][self.speaker_id]

    @cached_property
    def draw(self) -> Draw:
        """For values that the customer wants."""
        return Draw(self.rng, self.split, tables=self.base.tables)

    def say(self, topic: str, **values: object) -> str:
        return say(self.rng, topic, self.style, **values)

    def owner_field(self, table: Table) -> str:
        """The field by which a record belongs to a customer; "" where records belong to nobody."""
        owners = table.refs(self.declaration.who)
        return owners[0] if owners else ""

    def is_shared(self, table: Table) -> bool:
        """Whether its records belong to a record of the shared table, and so to all who share that."""
        shared = self.declaration.shared
        if not shared or table.name == self.declaration.who:
            return False
        if table.name == shared or table.refs(shared):
            return True
        return bool(table.per) and self.is_shared(self.declaration.table(table.per))

    def own(self, table: Table) -> list[Record]:
        """The records of a table that the customer can speak of: its own, or all where they belong to nobody."""
        owner, held = self.owner_field(table), self.declaration.holder(table.name)
        shared = self.declaration.shared
        if table.name == self.declaration.who:
            return [self.speaker]
        if held is not None:
            return [record for holder in self.own(held[0]) for record in holder[held[1]]]
        if owner:
            return self.related(table, owner, self.speaker_id)
        if shared and (table.name == shared or table.refs(shared)):
            mine = self.speaker[self.declaration.table(self.declaration.who).refs(shared)[0]]
            return self.related(table, table.key if table.name == shared else table.refs(shared)[0], mine)
        if table.per and (self.is_shared(table) or self.declaration.table(table.per).refs(self.declaration.who)):
            parents = self.own(self.declaration.table(table.per))
            link, key = table.refs(table.per)[0], self.declaration.table(table.per).key
            return [record for parent in parents for record in self.related(table, link, parent[key])]
        return self.rows(table)

    def owned(self, table: Table) -> bool:
        """Whether the table's records belong to customers."""
        held = self.declaration.holder(table.name)
        if held:
            return self.owned(held[0])
        return table.name == self.declaration.who or bool(self.owner_field(table)) or self.is_shared(table)

    def rows(self, table: Table) -> list[Record]:
        """All records of a table, an inner one too."""

        def build(base: Base) -> list[Record]:
            held = self.declaration.holder(table.name)
            if held is None:
                return list(base.tables[table.name].values())
            return [record for holder in self.rows(held[0]) for record in holder[held[1]]]

        return self.base.index(("all", table.name), build)

    def holder(self, table: Table, record: Record) -> Record:
        """The record inside which one of an inner table stands."""
        held = self.declaration.holder(table.name)
        assert held is not None

        def build(_: Base) -> dict[int, Record]:
            return {id(inner): holder for holder in self.rows(held[0]) for inner in holder[held[1]]}

        return self.base.index(("holders", table.name), build)[id(record)]

    def mark_of(self, table: Table, record: Record) -> str:
        """The id by which a record is taken: that of the one it stands in, where it is an inner one."""
        held = self.declaration.holder(table.name)
        return self.mark_of(held[0], self.holder(table, record)) if held else str(record[table.key])

    def related(self, table: Table, name: str, value: Any) -> list[Record]:
        """The records of a table whose field has the value."""

        def build(base: Base) -> dict[Any, list[Record]]:
            rows: dict[Any, list[Record]] = {}
            for record in self.rows(table):
                rows.setdefault(_hashable(record.get(name)), []).append(record)
            return rows

        return self.base.index(("by", table.name, name), build).get(_hashable(value), [])

    def referring(self, table: Table, name: str, key: str) -> list[Record]:
        """The records of a table whose list of ids has the key."""

        def build(base: Base) -> dict[str, list[Record]]:
            rows: dict[str, list[Record]] = {}
            for record in self.rows(table):
                for item in record[name]:
                    rows.setdefault(item, []).append(record)
            return rows

        return self.base.index(("refs", table.name, name), build).get(key, [])

    # Ways ----------------------------------------------------------------------------------------------------------

    def find(self, way: Way, suits: Suits = _anything, known: Record | None = None) -> "Found | None":
        """A record that the way leads to and that suits, with the words for it; None where there is none.

        Args:
            way: the way.
            suits: tells the records that will do.
            known: the record that is known already, for ways that start from one of its fields.
        """
        if not known and way.uses("subject"):  # it will be created: nobody knows yet what it leads to
            return None
        table = self.declaration.table(way.table)
        for record in self._drawn(table, self._reachable(way, table, known), suits):
            if self.mark_of(table, record) not in self.taken:
                found = self.locate(way, record, suits, known)
                if found is not None:
                    return found
        return None

    def _drawn(self, table: Table, records: list[Record], suits: Suits) -> Iterator[Record]:
        """Some of the records that suit, in random order; of those that follow from others, which are many, only some
        are looked at.
        """
        if callable(table.rows):
            return islice(filter(suits, self.rng.sample(records, min(len(records), _MANY))), _TRIES)
        suited = [record for record in records if suits(record)]
        self.rng.shuffle(suited)
        return islice(suited, _TRIES)

    def _reachable(self, way: Way, table: Table, known: Record | None) -> list[Record]:
        """The records that the way may lead to, as far as that can be told at once."""
        if way.inside:
            ((name, source),) = way.inputs
            holders: list[Record] = [known] if known is not None else []
            if isinstance(source, From):
                holders = self._reachable(source.way, self.declaration.table(source.way.table), known)
            return [record for holder in holders for record in holder[name]]
        given = [way.look.by[name] for name, source in way.inputs if source == "subject"]
        if known is None or not given:
            return list(self.own(table))
        values = {name: known[self._field_to(known, table, name)] for name in given}
        alike = self.related(table, given[0], values[given[0]])
        return [record for record in alike if all(record[name] == value for name, value in values.items())]

    def _field_to(self, known: Record, table: Table, name: str) -> str:
        """The field of the known record whose value a field of the table has: of several that name a record of the
        same table the one that is called alike; its id where it is itself what is named.
        """
        target = _named(table, name)
        for other in self.declaration.tables:
            if other.fields.keys() == known.keys():
                refs = other.refs(target)
                return other.key if other.name == target else name if name in refs else refs[0]
        raise KeyError(target)

    def locate(self, way: Way, record: Record, suits: Suits, known: Record | None = None) -> "Found | None":
        """The way to this record (or, for an `extreme`, to the extreme one beside it); None where it leads astray."""
        table, look = self.declaration.table(way.table), way.look
        if way.inside:
            return self._locate_inside(way, table, record, suits, known)
        inputs: dict[str, Any] = {}
        found = Found(self.declaration, way, record, "", inputs)
        marks: list[str] = []
        followed: Found | None = None
        if look.told:
            values = {name: made.show(record[name]) for name, made in table.fields.items() if name in look.by.values()}
            found.intro[look.kind] = found.facts[look.kind] = fill(self.rng.choice(look.told), values)
        for name, source in way.inputs:
            field_name = look.by[name]
            value = record[field_name]
            if value is None:  # it names none
                return None
            if isinstance(source, From):
                followed = self._before(source, record, field_name, table)
                if followed is None:
                    return None
                inputs[name] = followed
                found.intro.update(followed.intro)
                join_facts(found.facts, followed.facts)
                if table.fields[field_name].told:
                    self._say(found, table, field_name, followed.words, marks)
                    followed = None
            elif source == "speaker":
                if value != self.speaker_id:
                    return None
                inputs[name] = value
                found.intro["id"] = self.say("speaker", id=value)
            elif source == "subject":
                inputs[name] = (known, self._field_to(known or {}, table, field_name))
            else:
                inputs[name] = value
                if not look.told and not self._mark(found, table, field_name, value, marks):
                    return None
        return self._chosen(found, table, marks, followed, suits, known)

    def _locate_inside(
        self, way: Way, table: Table, record: Record, suits: Suits, known: Record | None
    ) -> "Found | None":
        """The way to a record inside one that is known, or found first."""
        ((name, source),) = way.inputs
        found, holder, followed = Found(self.declaration, way, record, "", {}), self.holder(table, record), None
        if isinstance(source, From):
            followed = self.locate(source.way, holder, lambda one: one is holder, known)
            if followed is None:
                return None
            found.inputs[name] = followed
            found.intro.update(followed.intro)
            found.facts.update(followed.facts)
        elif holder is not known:
            return None
        else:
            found.inputs[name] = None
        return self._chosen(found, table, [], followed, suits, known)

    def _mark(self, found: "Found", table: Table, name: str, value: Any, marks: list[str]) -> bool:
        """How the customer tells a value that a look-up needs, and answers with when it is asked for it."""
        made = table.fields[name]
        if name == table.key:
            return True
        if table.name == self.declaration.who:
            found.intro[made.label or name] = f"My {made.label or name} is {made.show(value)}."
            return True
        if isinstance(made, Ref) and not made.told:
            noun = self.declaration.table(made.table).noun
            marks.append(f"of {noun} {value}")
            join_facts(found.facts, {noun: f"The {noun} is {value}."})
        elif made.told:
            self._say(found, table, name, made.show(value), marks)
        else:
            return False
        return True

    def _say(self, found: "Found", table: Table, name: str, value: str, marks: list[str]) -> None:
        """Tells a record by a value, which the customer answers with, too."""
        made = table.fields[name]
        marks.append(text := fill(made.told, {"value": value}))
        join_facts(found.facts, {made.label or name: f"{text[:1].upper()}{text[1:]}."})

    def _before(self, source: From, record: Record, field_name: str, table: Table) -> "Found | None":
        """The record that is found first, whose field leads to this one."""
        other = self.declaration.table(source.way.table)
        linked, value = other.fields[source.field], record[field_name]
        if source.field == other.key:
            before = [self.base.tables[other.name][value]]
        elif isinstance(linked, Refs):
            before = self.referring(other, source.field, value)
        else:
            before = self.related(other, source.field, value)
        mine = self.own(other)
        before = [item for item in before if any(item is one for one in mine)] if self.owned(other) else list(before)
        self.rng.shuffle(before)
        for item in before[:4]:
            found = self.locate(source.way, item, lambda one, item=item: one is item)
            if found is not None:
                return found
        return None

    def _candidates(self, found: "Found", table: Table) -> list[Record]:
        """All records that the look-up shows (or, in a fan, that are read) in this world."""
        way, records = found.way, None
        if way.inside:
            return list(self.holder(table, found.record)[way.inputs[0][0]])
        if way.fan:
            before = next(item for item in found.inputs.values() if isinstance(item, Found))
            source = next(source for _, source in way.inputs if isinstance(source, From))
            return [self.base.tables[table.name][key] for key in before.record[source.field]]
        for name in way.look.by.values():
            value = found.record[name]
            same = records is not None and [one for one in records if one.get(name) == value]
            records = self.related(table, name, value) if same is False else same
        return self.rows(table) if records is None else records

    def _chosen(
        self,
        found: "Found",
        table: Table,
        marks: list[str],
        followed: "Found | None",
        suits: Suits,
        known: Record | None,
    ) -> "Found | None":
        """How the record is picked out of those that are shown, and what it is called."""
        way = found.way
        mine = "" if self.owned(table) else "public "
        names = {"noun": table.noun, "nouns": table.nouns}
        mark = " ".join(marks)
        if way.pick == "one":
            candidates = self._candidates(found, table) if way.fan or way.look.many else [found.record]
            if len(candidates) != 1 or (way.fan and len(candidates) != way.fan):
                return None
            if way.fan:
                found.words = self.say(f"{mine}the only" if not mine else "public only", **names)
            elif followed is not None and followed.way.table != self.declaration.who:
                found.words = self.say("followed", **names, from_=followed.words)
                found.facts[table.noun] = f"The {table.noun} of {followed.words}."
            elif (followed is not None and not mark) or (
                self.owned(table) and _of_speaker(way, table, self.declaration)
            ):
                found.words = self.say("own", **names)
            elif any(source == "subject" for _, source in way.inputs):
                found.words = self.say("its", **names)
            elif mark:
                found.words = self.say(f"{mine}by mark", **names, mark=mark)
                found.facts[table.noun] = f"The {table.noun} {mark}."
            else:
                found.words = self.say(f"{mine}by id", **names, id=found.record[table.key])
                found.facts[table.noun] = f"The {table.noun} is {found.record[table.key]}."
            return found
        candidates = self._candidates(found, table)
        fewest = 1 if way.inside and way.pick == "told" else 2
        if len(candidates) < fewest or (way.fan and len(candidates) != way.fan):
            return None
        of = f" of {followed.words}" if followed is not None and self._worth_saying(followed) else ""
        visible = [name for name in table.fields if not way.look.shows or name in way.look.shows]
        if way.pick == "told":
            return self._told_apart(found, table, candidates, visible, names, (mark + of).strip(), mine)
        return self._extreme(found, table, candidates, visible, names, (mark + of).strip(), mine, suits)

    def _worth_saying(self, followed: "Found") -> bool:
        """Whether the customer says of what a record is: not where that is itself, or follows from what is known."""
        sources = [source for _, source in followed.way.inputs]
        return followed.way.table != self.declaration.who and sources != ["subject"]

    def _told_apart(
        self,
        found: "Found",
        table: Table,
        candidates: list[Record],
        visible: list[str],
        names: dict[str, str],
        mark: str,
        mine: str,
    ) -> "Found | None":
        asked = set(found.way.look.by.values())
        able = [
            name
            for name in visible
            if table.fields[name].told
            and name not in asked
            and found.record[name] is not None
            and _once(found.record, candidates, name)
        ]
        if not able:
            return None
        name = self.rng.choice(able)
        made, value = table.fields[name], found.record[name]
        told = fill(made.told, {"value": made.show(value)})
        marked = f"{told} {mark}".strip()
        if made.names:
            found.words = f"{self.say(f'{mine}by name', name=told)} {mark}".strip()
        else:
            found.words = self.say(f"{mine}by mark", **names, mark=marked)
        found.choose = lambda rows: [row for row in rows if row[name] == value]
        found.facts[table.noun] = f"The {marked}." if made.names else f"The {table.noun} {marked}."
        found.chosen_by = name
        return found

    def _extreme(
        self,
        found: "Found",
        table: Table,
        candidates: list[Record],
        visible: list[str],
        names: dict[str, str],
        mark: str,
        mine: str,
        suits: Suits,
    ) -> "Found | None":
        orders = [name for name in visible if table.fields[name].extremes and _all_have(candidates, name)]
        if not orders:
            return None
        name, most = self.rng.choice(orders), self.rng.random() < 0.5
        best = (max if most else min)(row[name] for row in candidates)
        chosen = [row for row in candidates if row[name] == best]
        if len(chosen) != 1 or not suits(chosen[0]) or self.mark_of(table, chosen[0]) in self.taken:
            return None
        found.record = chosen[0]
        extremes = table.fields[name].extremes
        assert extremes is not None
        which = extremes[most]
        topic = "inside extreme" if found.way.inside else f"{mine}extreme"
        found.words = f"{self.say(topic, **names, which=which)} {mark}".strip()
        found.choose = lambda rows: [
            row for row in rows if row[name] == (max if most else min)(one[name] for one in rows)
        ]
        found.facts[table.noun] = f"The {which} {table.noun} {mark}".strip() + "."
        found.chosen_by = name
        return found


def _of_speaker(way: Way, table: Table, declaration: Declaration) -> bool:
    """Whether who speaks has one such record, which is found by that alone."""
    return table.name != declaration.who and all(source == "speaker" for _, source in way.inputs)


def _named(table: Table, name: str) -> str:
    """The table whose records' ids a field of the table holds: its key's is the table itself."""
    made = table.fields[name]
    return made.table if isinstance(made, Ref) else table.name


def _once(record: Record, candidates: list[Record], name: str) -> bool:
    """Whether no other candidate has the record's value."""
    return sum(row[name] == record[name] for row in candidates) == 1


def _all_have(records: list[Record], name: str) -> bool:
    """Whether none of the records lacks a value: those that do stand in no order."""
    return all(record[name] is not None for record in records)


def _hashable(value: Any) -> Any:
    return repr(value) if isinstance(value, list | dict) else value
