"""Finding a record, and saying which was not found."""

from typing import Any

from toolgym.mcp.server import ToolError
from toolgym.mcp_servers.common.arguments import shown
from toolgym.world import World


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
