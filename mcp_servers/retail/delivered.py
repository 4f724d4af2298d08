"""The retail tools for orders that were delivered: returns and exchanges. Both are requests, and move no money yet."""

from typing import Annotated, Any

from pydantic import Field

from toolgym.mcp.server import ToolError
from toolgym.mcp_servers.retail.dialects import dialect_of
from toolgym.mcp_servers.retail.items import check_items, find_swaps, price_difference
from toolgym.mcp_servers.retail.payments import cents, check_balance, payers
from toolgym.mcp_servers.retail.records import find_order, find_payment_method, shown_order
from toolgym.mcp_servers.retail.schema import ItemIds, NewItemIds, OrderId, PaymentMethodId
from toolgym.world import World

DELIVERED = "delivered"
RETURNED = "return requested"
EXCHANGED = "exchange requested"


def _find_delivered(world: World, order_id: str) -> dict[str, Any]:
    """The delivered order, for reading only.

    Raises:
        ToolError: there is no such order, or it is not delivered.
    """
    order = find_order(world, order_id)
    if order["status"] != DELIVERED:
        raise ToolError(f"the order is not delivered: it is {order['status']}")
    return order


def return_delivered_order_items(
    world: World,
    order_id: OrderId,
    item_ids: ItemIds,
    payment_method_id: Annotated[
        str,
        Field(description="What takes the refund: the id of the method that paid for the order, or of a gift card."),
    ],
) -> dict[str, Any]:
    """Requests the return of items of a delivered order, for a refund."""
    dialect = dialect_of(world)
    found = _find_delivered(world, order_id)
    check_items(dialect, found, item_ids)
    method = find_payment_method(world, found, payment_method_id)
    if method["source"] != "gift_card" and payment_method_id not in payers(dialect, found["payment_history"]):
        raise ToolError(f"{payment_method_id} neither paid for the order nor is it a gift card")

    order = world.edit("orders", order_id)
    order["status"] = RETURNED
    order["return_items"] = sorted(item_ids)
    order["return_payment_method_id"] = payment_method_id
    return shown_order(world, order)


def exchange_delivered_order_items(
    world: World,
    order_id: OrderId,
    item_ids: ItemIds,
    new_item_ids: NewItemIds,
    payment_method_id: PaymentMethodId,
) -> dict[str, Any]:
    """Requests the exchange of items of a delivered order for other variants of their products."""
    dialect = dialect_of(world)
    found = _find_delivered(world, order_id)
    swaps = find_swaps(world, dialect, found, item_ids, new_item_ids)
    difference = cents(price_difference(found, swaps))
    check_balance(find_payment_method(world, found, payment_method_id), difference)

    order = world.edit("orders", order_id)
    order["status"] = EXCHANGED
    order["exchange_items"] = sorted(item_ids)
    order["exchange_new_items"] = sorted(new_item_ids)
    order["exchange_payment_method_id"] = payment_method_id
    order["exchange_price_difference"] = difference
    return shown_order(world, order)
