"""Finding a record, and saying which was not found."""

from hashlib import blake2b
from typing import Any

from toolgym.mcp.server import ToolError
from toolgym.mcp_servers.common.arguments import shown
from toolgym.world import World, canonical


def find_record(world: World, table: str, key: str, noun: str) -> dict[str, Any]:
    """The record, for reading only.

    Args:
        world: the episode's world.
        table: the record's table.
        key: its id.
        noun: what a refusal calls it.

    Raises:
        ToolError: there is none.
    """
    record = world.get(table, key)
    if record is None:
        raise ToolError(f"{noun} {shown(key)} not found")
    return record


def find_id(world: World, table: str, name: str, value: str, noun: str, what: str) -> str:
    """The id of the only record of a table whose field has a value.

    Args:
        world: the episode's world.
        table: the records' table.
        name: the field.
        value: what it must equal.
        noun: what a refusal calls the record.
        what: what it calls the field.

    Raises:
        ToolError: there is none, or there are several.
    """
    found = world.where(table, name, value)
    if len(found) != 1:
        raise ToolError(f"{len(found) or 'no'} {noun}{'s' if found else ''} with that {what}")
    return next(iter(found))


def records_by(world: World, table: str, name: str, value: Any) -> list[dict[str, Any]]:
    """The records of a table whose field has a value, for reading only (see `World.where`)."""
    return list(world.where(table, name, value).values())


def new_id(world: World, table: str, prefix: str, *of: Any, digits: int = 5) -> str:
    """An id for a new record, that no record of the table has.

    It follows from what the record is about, so that independent calls give the same ids in any order.

    Args:
        world: the episode's world.
        table: the record's table.
        prefix: the id's beginning.
        of: what the record is about.
        digits: how many the id has.
    """
    first = 10 ** (digits - 1)
    digest = int.from_bytes(blake2b(canonical(list(of)), digest_size=4).digest(), "big")
    for number in range(digest, digest + 9 * first):
        key = f"{prefix}{first + number % (9 * first)}"
        if not world.has(table, key):
            return key
    raise ToolError("no id is free")
