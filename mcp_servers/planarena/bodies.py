"""What the tools of scenarios do: one function a family, that makes a tool's body of data.

A body takes the world and the tool's arguments in their order. A refusal is a `ToolError` and changes nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from toolgym.mcp.server import ToolError
from toolgym.mcp_servers.common.arguments import check_choice, check_clock, day_of, shown
from toolgym.mcp_servers.common.records import find_id, find_record
from toolgym.world import World, canonical

__all__ = [
    "Checks",
    "Kind",
    "Link",
    "approve",
    "cancel",
    "change",
    "create",
    "fill",
    "find",
    "list_of",
    "move",
    "named",
    "pour",
    "relink",
    "search",
    "shift",
    "show",
    "summarise",
    "take",
]

Body = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """A sort of record, as tools see it."""

    table: str
    noun: str
    key: str
    """The field that holds the id."""


@dataclass(frozen=True, slots=True)
class Link:
    """The field by which a record refers to another one, of which each such record takes a unit of something."""

    field: str
    to: Kind
    scarce: str = ""
    """The other one's field that counts what is left; "" where nothing is used up."""


@dataclass(frozen=True, slots=True)
class Checks:
    """What values a field takes: one of some, a number within bounds, a day, a time."""

    name: str
    choices: tuple[str, ...] = ()
    low: int | None = None
    high: int | None = None
    day: bool = False
    clock: bool = False

    def check(self, value: Any) -> None:
        """Refuses other values.

        Raises:
            ToolError: it says which values there are.
        """
        if self.choices:
            check_choice(value, self.choices, self.name)
        elif self.day:
            day_of(value)
        elif self.clock:
            check_clock(value)
        elif self.low is not None and self.high is not None and not self.low <= value <= self.high:
            raise ToolError(f"{self.name} is from {self.low} to {self.high}, not {shown(value)}")


def _found(world: World, kind: Kind, key: str) -> dict[str, Any]:
    return find_record(world, kind.table, key, kind.noun)


def _parts(record: Mapping[str, Any], fields: Sequence[str]) -> dict[str, Any]:
    return {name: record[name] for name in fields} if fields else dict(record)


# Reading -------------------------------------------------------------------------------------------------------------


def show(kind: Kind) -> Body:
    """Shows one record by its id."""

    def body(world: World, key: str) -> dict[str, Any]:
        return _found(world, kind, key)

    return body


def find(kind: Kind, field: str, label: str) -> Body:
    """Finds the id of the only record with a value."""

    def body(world: World, value: str) -> str:
        return find_id(world, kind.table, field, value, kind.noun, label)

    return body


def named(kind: Kind, field: str) -> Body:
    """Shows the only record of a name."""

    def body(world: World, name: str) -> dict[str, Any]:
        return _found(world, kind, find_id(world, kind.table, field, name, kind.noun, "name"))

    return body


def list_of(kind: Kind, owner: Kind, field: str, fields: Sequence[str] = ()) -> Body:
    """Lists the records that refer to a record; with some of their fields, or all."""

    def body(world: World, key: str) -> list[dict[str, Any]]:
        _found(world, owner, key)
        return [_parts(record, fields) for _, record in world.items(kind.table) if record[field] == key]

    return body


def search(kind: Kind, by: Sequence[Checks], fields: Sequence[str] = ()) -> Body:
    """Lists the records whose fields have some values."""

    def body(world: World, *values: Any) -> list[dict[str, Any]]:
        for one, value in zip(by, values, strict=True):
            one.check(value)
        names = [one.name for one in by]
        return [
            _parts(record, fields)
            for _, record in world.items(kind.table)
            if all(record[name] == value for name, value in zip(names, values, strict=True))
        ]

    return body


def summarise(
    kind: Kind, owner: Kind, field: str, keys: tuple[str, str], count: str, totals: Mapping[str, str]
) -> Body:
    """Counts the records that refer to a record, and adds up some of their fields.

    Args:
        kind: what is counted.
        owner: whose they are.
        field: how they refer to it.
        keys: the names of the summary's own id, and of its owner's.
        count: the name of the number of records.
        totals: name of a sum -> the field that is added up.
    """

    def body(world: World, key: str) -> dict[str, Any]:
        _found(world, owner, key)
        mine = [record for _, record in world.items(kind.table) if record[field] == key]
        sums = {name: sum(record[of] for record in mine) for name, of in totals.items()}
        return {keys[0]: f"sum-{key}", keys[1]: key, count: len(mine), **sums}

    return body


# Making and giving up ------------------------------------------------------------------------------------------------


def create(
    kind: Kind,
    mark: tuple[str, str],
    owner: tuple[str, Kind],
    link: Link | None,
    asked: Sequence[Checks],
    usual: Mapping[str, Any],
) -> Body:
    """Makes a record; takes one of what is scarce.

    Args:
        kind: what is made.
        mark: what its id begins and ends with.
        owner: the field for whose it is, and what that refers to.
        link: what it refers to besides.
        asked: the fields whose values are given, in the order of the arguments.
        usual: the values of all fields that are not given, in the record's order of fields (which names them all).
    """

    def body(world: World, key: str, *given: Any) -> dict[str, Any]:
        _found(world, owner[1], key)
        values = list(given)
        known: dict[str, Any] = {owner[0]: key}
        if link is not None:
            known[link.field] = _taken(world, link, values.pop(0))
        for one, value in zip(asked, values, strict=True):
            one.check(value)
            known[one.name] = value
        new = _new_id(world, kind, mark, key, *given)
        record = {name: known.get(name, value) for name, value in usual.items()}
        record[kind.key] = new
        world.put(kind.table, new, record)
        return record

    return body


def _new_id(world: World, kind: Kind, mark: tuple[str, str], *of: Any) -> str:
    """An id that no record has; it follows from what the record is about, so that calls may come in any order."""
    digest = int.from_bytes(blake2b(canonical(list(of)), digest_size=4).digest(), "big")
    for number in range(digest, digest + 10_000):
        key = f"{mark[0]}{number % 10_000:04d}{mark[1]}"
        if not world.has(kind.table, key):
            return key
    raise ToolError("no id is free")


def _taken(world: World, link: Link, key: str) -> str:
    """Takes one of what is scarce of a record."""
    other = _found(world, link.to, key)
    if link.scarce:
        if other[link.scarce] < 1:
            raise ToolError(f"{link.to.noun} {key} has no {link.scarce} left")
        world.edit(link.to.table, key)[link.scarce] -= 1
    return key


def _given_back(world: World, link: Link, key: str) -> None:
    if link.scarce and world.has(link.to.table, key):
        world.edit(link.to.table, key)[link.scarce] += 1


def cancel(kind: Kind, link: Link | None) -> Body:
    """Removes a record; gives back what it took."""

    def body(world: World, key: str) -> str:
        record = _found(world, kind, key)
        if link is not None:
            _given_back(world, link, record[link.field])
        world.delete(kind.table, key)
        return f"{kind.noun} {key} is removed"

    return body


# Changing ------------------------------------------------------------------------------------------------------------


def change(kind: Kind, field: Checks) -> Body:
    """Sets one field of a record."""

    def body(world: World, key: str, value: Any) -> dict[str, Any]:
        record = _found(world, kind, key)
        field.check(value)
        if record[field.name] == value:
            raise ToolError(f"{field.name} of {key} is {shown(value)} already")
        record = world.edit(kind.table, key)
        record[field.name] = value
        return record

    return body


def move(kind: Kind, status: str, before: Sequence[str], after: str, needs: str = "") -> Body:
    """Takes a record from one of some states to another.

    Args:
        kind: what is moved.
        status: the field that holds the state.
        before: the states from which it goes.
        after: the state to which it goes.
        needs: a field that must be true for it; "" where nothing must.
    """

    def body(world: World, key: str) -> dict[str, Any]:
        record = _found(world, kind, key)
        if record[status] not in before:
            raise ToolError(f"{kind.noun} {key} is {record[status]}, not {' or '.join(before)}")
        if needs and not record[needs]:
            raise ToolError(f"{kind.noun} {key} is not {needs}")
        record = world.edit(kind.table, key)
        record[status] = after
        return record

    return body


def approve(kind: Kind, field: str) -> Body:
    """Approves a record, once."""

    def body(world: World, key: str) -> dict[str, Any]:
        if _found(world, kind, key)[field]:
            raise ToolError(f"{kind.noun} {key} is {field} already")
        record = world.edit(kind.table, key)
        record[field] = True
        return record

    return body


def relink(kind: Kind, link: Link) -> Body:
    """Has a record refer to another one; gives back what it took there, and takes it here."""

    def body(world: World, key: str, to: str) -> dict[str, Any]:
        record = _found(world, kind, key)
        if record[link.field] == to:
            raise ToolError(f"{kind.noun} {key} is for {to} already")
        before = record[link.field]
        _taken(world, link, to)
        _given_back(world, link, before)
        record = world.edit(kind.table, key)
        record[link.field] = to
        return record

    return body


def shift(kind: Kind, link: Link, day: str, clock: str) -> Body:
    """Gives a record another day and time, where no other one of the same thing has them."""

    def body(world: World, key: str, new_day: str, time: str) -> dict[str, Any]:
        record = _found(world, kind, key)
        day_of(new_day)
        check_clock(time)
        if new_day < world.meta["today"]:
            raise ToolError(f"{new_day} is past")
        for other, at in world.items(kind.table):
            if other != key and (at[link.field], at[day], at[clock]) == (record[link.field], new_day, time):
                raise ToolError(f"{new_day} at {time} is taken by {other}")
        record = world.edit(kind.table, key)
        record[day], record[clock] = new_day, time
        return record

    return body


def pour(kind: Kind, owner: str, pot: str) -> Body:
    """Moves some of a number from a record to another one of the same owner; the sum stays as it is."""

    def body(world: World, key: str, to: str, amount: int) -> dict[str, Any]:
        one, other = _found(world, kind, key), _found(world, kind, to)
        if key == to:
            raise ToolError("from and to are the same")
        if one[owner] != other[owner]:
            raise ToolError(f"{key} and {to} do not belong together")
        if amount > one[pot]:
            raise ToolError(f"{key} has only {one[pot]}")
        world.edit(kind.table, to)[pot] += amount
        record = world.edit(kind.table, key)
        record[pot] -= amount
        return record

    return body


def fill(kind: Kind, stock: str, most: int) -> Body:
    """Adds to a stock, up to its limit."""

    def body(world: World, key: str, count: int) -> dict[str, Any]:
        record = _found(world, kind, key)
        if record[stock] + count > most:
            raise ToolError(f"{key} holds {record[stock]} and takes at most {most}")
        record = world.edit(kind.table, key)
        record[stock] += count
        return record

    return body


def take(kind: Kind, stock: str) -> Body:
    """Takes from a stock what is there."""

    def body(world: World, key: str, count: int) -> dict[str, Any]:
        record = _found(world, kind, key)
        if record[stock] < count:
            raise ToolError(f"{key} holds only {record[stock]}")
        record = world.edit(kind.table, key)
        record[stock] -= count
        return record

    return body
