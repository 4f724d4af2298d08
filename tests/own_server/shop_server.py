"""A small ToolServer for tests: a shop whose lamps can be ordered."""

from toolgym.mcp.server import ToolError, ToolServer
from toolgym.world import Base, World

server = ToolServer("shop", base=Base({"items": {"lamp": {"stock": 2}, "mug": {"stock": 0}}, "orders": {}}))


@server.tool(writes=False)
def stock_of(world: World, item: str) -> int:
    """Tells how many there are."""
    if not world.has("items", item):
        raise ToolError(f"there is no item {item!r}")
    return world.get("items", item)["stock"]


@server.tool(writes=True)
def order(world: World, item: str, count: int) -> str:
    """Orders items."""
    if not 0 < count <= stock_of(world, item):
        raise ToolError("not in stock")
    world.edit("items", item)["stock"] -= count
    world.put("orders", f"order_{world.count('orders') + 1}", {"item": item, "count": count})
    return "ordered"


if __name__ == "__main__":
    server.run("stdio")
