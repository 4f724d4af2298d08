"""The retail tools for orders that are not on their way yet: cancelling them, and changing items or payment."""

from typing import Any

from toolgym.mcp.server import ToolError
from toolgym.mcp_servers.retail.dialects import dialect_of
from toolgym.mcp_servers.retail.items import find_swaps, price_difference, replace_items
from toolgym.mcp_servers.retail.payments import cents, check_balance, entry, pay, refunds_due
from toolgym.mcp_servers.retail.records import find_order, find_payment_method, shown_order
from toolgym.mcp_servers.retail.schema import CancelReason, ItemIds, NewItemIds, OrderId, PaymentMethodId
from toolgym.world import World

PENDING = "pending"
MODIFIED = "pending (item modified)"
CANCELLED = "cancelled"
REASONS = ("no longer needed", "ordered by mistake")


def find_pending(world: World, order_id: str, *, items_may_be_modified: bool = False) -> dict[str, Any]:
    """The pending order, for reading only.

    Args:
        items_may_be_modified: whether, in a dialect that allows it, one whose items were modified will do.

    Raises:
        ToolError: there is no such order, or it is not pending.
    """
    order = find_order(world, order_id)
    takes_modified = items_may_be_modified and dialect_of(world).changes_modified_orders
    if order["status"] != PENDING and not (takes_modified and order["status"] == MODIFIED):
        raise ToolError(f"the order is not pending: it is {order['status']}")
    return order


def cancel_pending_order(world: World, order_id: OrderId, reason: CancelReason) -> dict[str, Any]:
    """Cancels a pending order and refunds what was paid for it."""
    find_pending(world, order_id)
    if reason not in REASONS:  # the types are not enforced in every dialect
        raise ToolError(f"the reason must be one of {', '.join(map(repr, REASONS))}")
    order = world.edit("orders", order_id)
    refunds = refunds_due(dialect_of(world), order["payment_history"])
    order["status"] = CANCELLED
    order["cancel_reason"] = reason
    order["payment_history"].extend(refunds)
    for refund in refunds:
        pay(world, order["user_id"], refund["payment_method_id"], -refund["amount"])
    return shown_order(world, order)


def modify_pending_order_items(
    world: World,
    order_id: OrderId,
    item_ids: ItemIds,
    new_item_ids: NewItemIds,
    payment_method_id: PaymentMethodId,
) -> dict[str, Any]:
    """Replaces items of a pending order by other variants of their products, once; one method pays the difference."""
    dialect = dialect_of(world)
    found = find_pending(world, order_id)
    swaps = find_swaps(world, dialect, found, item_ids, new_item_ids)
    if dialect.refuses_same_item and any(swap.item_id == swap.variant["item_id"] for swap in swaps):
        raise ToolError("an item cannot be replaced by itself")
    difference = price_difference(found, swaps)
    if dialect.keeps_cents:
        difference = cents(difference)
    check_balance(find_payment_method(world, found, payment_method_id), difference)

    order = world.edit("orders", order_id)
    replace_items(dialect, order, swaps)
    if difference != 0 or not dialect.keeps_cents:
        kind = "payment" if difference > 0 else "refund"
        order["payment_history"].append(entry(kind, abs(difference), payment_method_id))
    pay(world, order["user_id"], payment_method_id, difference)
    order["status"] = MODIFIED
    return shown_order(world, order)


def modify_pending_order_payment(world: World, order_id: OrderId, payment_method_id: PaymentMethodId) -> dict[str, Any]:
    """Moves the payment of a pending order to another method, once, and refunds the first."""
    found = find_pending(world, order_id, items_may_be_modified=True)
    method = find_payment_method(world, found, payment_method_id)
    history = found["payment_history"]
    if len(history) != 1 or history[0]["transaction_type"] != "payment":
        raise ToolError("only an order with exactly one payment can be paid with another method")
    first, amount = history[0]["payment_method_id"], history[0]["amount"]
    if payment_method_id == first:
        raise ToolError(f"the order is paid with {first} already")
    check_balance(method, amount)

    order = world.edit("orders", order_id)
    order["payment_history"] += [entry("payment", amount, payment_method_id), entry("refund", amount, first)]
    pay(world, order["user_id"], payment_method_id, amount)
    pay(world, order["user_id"], first, -amount)
    return shown_order(world, order)
