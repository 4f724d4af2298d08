"""Items of an order: finding them, and the variants that replace them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from toolgym.mcp.server import ToolError
from toolgym.mcp_servers.common.arguments import shown
from toolgym.mcp_servers.retail.dialects import Dialect
from toolgym.mcp_servers.retail.records import find_product
from toolgym.world import World


@dataclass(frozen=True, slots=True)
class Swap:
    """An item of an order, by id and position, and the variant (of the same product) that is to replace it."""

    item_id: str
    position: int
    variant: dict[str, Any]


def check_items(dialect: Dialect, order: dict[str, Any], item_ids: Sequence[str]) -> None:
    """Checks that the order has the items, each as often as it is listed.

    Raises:
        ToolError: it has not, or none is listed.
    """
    if dialect.checks_arguments and not item_ids:
        raise ToolError("name at least one item")
    held = [item["item_id"] for item in order["items"]]
    for item_id in item_ids:
        if item_ids.count(item_id) > held.count(item_id):
            raise ToolError(f"item {shown(item_id)} is not in the order as often as it is listed")


def find_swaps(
    world: World, dialect: Dialect, order: dict[str, Any], item_ids: Sequence[str], new_item_ids: Sequence[str]
) -> list[Swap]:
    """What replaces what.

    Raises:
        ToolError: an item is not in the order, its new one is no available variant of its product, or their numbers
            differ.
    """
    check_items(dialect, order, item_ids)
    if len(item_ids) != len(new_item_ids):
        raise ToolError(f"{len(item_ids)} items cannot be replaced by {len(new_item_ids)}")
    swaps: list[Swap] = []
    for item_id, new_item_id in zip(item_ids, new_item_ids, strict=True):
        taken = {swap.position for swap in swaps}
        position = next(
            place for place, item in enumerate(order["items"]) if item["item_id"] == item_id and place not in taken
        )
        item = order["items"][position]
        variant = find_product(world, item["product_id"])["variants"].get(new_item_id)
        if variant is None:
            raise ToolError(f"item {shown(new_item_id)} is no variant of the product {item['name']!r}")
        if not variant["available"]:
            raise ToolError(f"item {shown(new_item_id)} is not available")
        swaps.append(Swap(item_id, position, variant))
    return swaps


def price_difference(order: dict[str, Any], swaps: Sequence[Swap]) -> float:
    """What the new items cost more than the old ones, in dollars: negative where they cost less."""
    difference = 0.0
    for swap in swaps:
        difference += swap.variant["price"] - order["items"][swap.position]["price"]
    return difference


def replace_items(dialect: Dialect, order: dict[str, Any], swaps: Sequence[Swap]) -> None:
    """Makes the swaps in the order, which is being edited."""
    items = order["items"]
    for swap in swaps:
        position = swap.position
        if not dialect.settles_items_first:  # As the references: an item that was just put in may be taken for it.
            position = next(place for place, item in enumerate(items) if item["item_id"] == swap.item_id)
        told = swap.variant if dialect.prices_each_item else swaps[-1].variant
        items[position]["item_id"] = swap.variant["item_id"]
        items[position]["price"] = told["price"]
        items[position]["options"] = dict(told["options"])
