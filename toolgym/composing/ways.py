"""The ways to a record: chains of look-ups in which each input is told, or is an output of a look-up before it.

This is composition in series (AC-Planner section 3.1, Eq. 2 to 4): level m is a look-up whose input, by type, a way of
level m - 1 gives.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Literal

from toolgym.composing.declaration import Declaration, Look
from toolgym.composing.fields import Ref, Refs
from toolgym.composing.tables import Table

__all__ = ["From", "Given", "Input", "Way", "inputs_of", "is_same_list", "ways_by", "ways_to"]

Given = Literal["told", "speaker", "subject"]
"""Where a value comes from without a call: the customer tells it, it is the customer's own id, or a field, or the id,
of the record that is already known."""

_MOST_READS = 3
_LONGEST = 5


@dataclass(frozen=True, eq=False)
class From:
    """A value out of a record that is found first."""

    way: "Way"
    field: str


Input = Given | From


@dataclass(frozen=True, eq=False)
class Way:
    """How the agent comes to a record of a table.

    Args:
        table: the table.
        look: the last look-up, or the one before `read`.
        inputs: parameter -> where its value comes from.
        pick: `one` record is shown; or of many the one that is `told` apart, or an `extreme` one.
        read: reads the record that was picked, where the list does not show it all.
        fan: how many records are read in parallel, where the ids are a list in a record; else 0.
    """

    table: str
    look: Look
    inputs: tuple[tuple[str, Input], ...]
    pick: Literal["one", "told", "extreme"] = "one"
    read: Look | None = None
    fan: int = 0

    def before(self) -> "Iterator[Way]":
        """The ways that its inputs come from; what one list shows for two of them is looked up once."""
        made: list[Way] = []
        for _, source in self.inputs:
            if isinstance(source, From) and not any(is_same_list(other, source.way) for other in made):
                made.append(source.way)
        yield from made

    @property
    def depth(self) -> int:
        """The number of calls."""
        before = sum(way.depth for way in self.before())
        if self.inside:
            return before
        return before + (self.fan or 1) + (self.read is not None)

    @property
    def composition(self) -> str:
        """The atomic kinds, composed."""
        parts = [way.composition for way in self.before()]
        if not self.inside:
            parts.append(f"({'||'.join([self.look.kind] * self.fan)})" if self.fan > 1 else self.look.kind)
        if self.read is not None:
            parts.append(self.read.kind)
        return ";".join(parts)

    @property
    def name(self) -> str:
        """A short name, different for different ways."""
        inputs = ",".join(
            f"{source.way.name}.{source.field}" if isinstance(source, From) else source for _, source in self.inputs
        )
        read = f">{self.read.kind}" if self.read else ""
        fan = f"*{self.fan}" if self.fan else ""
        return f"{self.look.kind}{fan}({inputs}){'' if self.pick == 'one' else ':' + self.pick}{read}"

    @property
    def inside(self) -> bool:
        """Whether it only picks a record inside one that is known, or found first."""
        return not self.look.tool

    def inside_of(self, table: str) -> bool:
        """Whether it picks inside a record of the table, which is found first."""
        return self.inside and any(isinstance(source, From) and source.way.table == table for _, source in self.inputs)

    @property
    def likenesses(self) -> tuple[str, ...]:
        """The inputs that are as the record has them that is known already."""
        return tuple(name for name, source in self.inputs if source == "subject")

    @property
    def told_as(self) -> str:
        """What the customer says of it: ways that differ in their calls alone are told alike."""
        said = {f"{link.table}:{link.pick}" for link in self.links() if link is self or link.pick != "one"}
        for link in self.links():
            given = [(name, source) for name, source in link.inputs if not isinstance(source, From)]
            said |= {
                source if source == "speaker" else f"{link.table}.{link.look.by.get(name, name)}"
                for name, source in given
            }
        return f"{self.table}({' '.join(sorted(said))})"

    @property
    def many(self) -> bool:
        """Whether it leads over several records of the table."""
        return self.pick != "one"

    def links(self) -> "Iterator[Way]":
        """This way and those that its inputs come from."""
        yield self
        for _, source in self.inputs:
            if isinstance(source, From):
                yield from source.way.links()

    def uses(self, given: Given) -> bool:
        """Whether a value is given in this way anywhere."""
        return any(source.way.uses(given) if isinstance(source, From) else source == given for _, source in self.inputs)


def is_same_list(one: Way, two: Way) -> bool:
    """Whether both pick out of the same list: that of a look-up without parameters."""
    return one.look is two.look and bool(one.look.tool) and not one.look.by and one.read is None


def ways_to(declaration: Declaration, table: str, subject: str = "") -> tuple[Way, ...]:
    """All ways to a record of the table, shorter ones first.

    Args:
        declaration: the domain.
        table: the table.
        subject: the table of a record that is known already, whose fields may be used.
    """
    return _ways(declaration, table, subject)


def inputs_of(declaration: Declaration, table: Table, name: str) -> list[Input]:
    """Where the value of a look-up's parameter can come from, which must equal a field of the table's records."""
    return list(_inputs(declaration, table, name, "", frozenset({table.name})))


def ways_by(declaration: Declaration, look: Look) -> list[Way]:
    """The ways that end with the look-up, shorter ones first; what it shows need not be the whole record."""
    found = [way for way in _enumerate(declaration, look.gives, "", frozenset()) if look in (way.look, way.read)]
    return sorted(found, key=lambda way: (way.depth, way.name))


@lru_cache(maxsize=256)
def _ways(declaration: Declaration, table: str, subject: str) -> tuple[Way, ...]:
    found = [
        way for way in _enumerate(declaration, table, subject, frozenset()) if way.depth <= _LONGEST and _whole(way)
    ]
    unique = {way.name: way for way in sorted(found, key=lambda way: (way.depth, way.name))}
    return tuple(unique.values())


def _enumerate(declaration: Declaration, table: str, subject: str, visited: frozenset[str]) -> Iterator[Way]:
    if len(visited) > 3:
        return
    made = declaration.table(table)
    for look in declaration.looks:
        if look.gives != table:
            continue
        options = [list(_inputs(declaration, made, name, subject, visited | {table})) for name in look.by.values()]
        for sources in product(*options):
            yield from _with_picks(declaration, made, look, tuple(zip(look.by, sources, strict=True)))
    yield from _inside(declaration, made, subject, visited | {table})


def _inside(declaration: Declaration, table: Table, subject: str, visited: frozenset[str]) -> Iterator[Way]:
    """The ways to a record of an inner table: those to the record that holds it; none where that is known."""
    held = declaration.holder(table.name)
    if held is None:
        return
    holder, name = held
    look = Look(table.name, "", table.name, {}, many=True)
    if subject == holder.name:
        yield from _with_picks(declaration, table, look, ((name, "subject"),))
        return
    for way in _enumerate(declaration, holder.name, subject, visited):
        if _whole(way):
            yield from _with_picks(declaration, table, look, ((name, From(way, name)),))


def _inputs(
    declaration: Declaration, table: Table, name: str, subject: str, visited: frozenset[str]
) -> Iterator[Input]:
    """Where the value of a look-up's parameter can come from, by the type of the field that it must equal."""
    made = table.fields[name]
    if name == table.key:
        target = table.name
        yield "speaker" if target == declaration.who else "told"
    elif isinstance(made, Ref):
        target = made.table
        if target == declaration.who:
            yield "speaker"
        elif target == table.name or target not in visited:  # a record whose id is told need not be found by another
            yield "told"
    else:
        if made.told:
            yield "told"
        return
    own = subject == target and name != table.key
    if subject and (own or declaration.table(subject).refs(target)):
        yield "subject"
    if name == table.key and target != declaration.who:
        for other in declaration.tables:
            for field_name, linked in other.fields.items():
                if isinstance(linked, Ref | Refs) and linked.table == target and other.name not in visited:
                    for way in _enumerate(declaration, other.name, "", visited):
                        if _shows(way, field_name):
                            yield From(way, field_name)
    elif name == table.key:
        return
    elif target not in visited:
        if target == declaration.shared and declaration.who not in visited:
            for way in _enumerate(declaration, declaration.who, "", visited):
                yield from (From(way, own) for own in declaration.table(way.table).refs(target) if _shows(way, own))
        key = declaration.table(target).key
        for way in _enumerate(declaration, target, "", visited):
            if list(way.look.by.values()) != [key] and _shows(way, key):  # a read by the key needs it already
                yield From(way, key)


def _shows(way: Way, name: str) -> bool:
    """Whether the way shows a field, and takes no call more than that needs."""
    if not way.look.shows:
        return True
    return (name in way.look.shows) == (way.read is None)


def _whole(way: Way) -> bool:
    """Whether the way ends with the whole record."""
    return way.read is not None or not way.look.shows


def _with_picks(
    declaration: Declaration, table: Table, look: Look, inputs: tuple[tuple[str, Input], ...]
) -> Iterator[Way]:
    """The ways that end with the look-up: one record, or a choice of several, read where the list shows a part."""
    fan = next(
        (
            source
            for _, source in inputs
            if isinstance(source, From) and isinstance(declaration.table(source.way.table).fields[source.field], Refs)
        ),
        None,
    )
    read = declaration.reads(table.name)
    told = any(made.told for made in table.fields.values())
    extreme = any(made.extremes for made in table.fields.values())
    picks: list[Literal["told", "extreme"]] = [*(["told"] if told else []), *(["extreme"] if extreme else [])]  # type: ignore[list-item]
    if fan is not None:
        if look.many or look.shows:
            return
        yield Way(table.name, look, inputs, fan=1)
        for count in range(2, _MOST_READS + 1):
            for pick in picks:
                yield Way(table.name, look, inputs, pick, fan=count)
    elif look.many:
        for pick in picks:
            yield Way(table.name, look, inputs, pick)
            if look.shows and read is not None:
                yield Way(table.name, look, inputs, pick, read)
    else:
        yield Way(table.name, look, inputs)
        if look.shows and read is not None:
            yield Way(table.name, look, inputs, read=read)
