"""Finding records, saying which was not found, and showing them."""

from typing import Any

from toolgym.mcp.server import ToolError
from toolgym.mcp_servers.common.arguments import shown
from toolgym.mcp_servers.common.records import find_record
from toolgym.mcp_servers.retail.dialects import dialect_of
from toolgym.world import World

OPTIONAL_FIELDS = (
    "cancel_reason",
    "exchange_items",
    "exchange_new_items",
    "exchange_payment_method_id",
    "exchange_price_difference",
    "return_items",
    "return_payment_method_id",
)
"""What an order has only once something was done to it."""


def find_user(world: World, user_id: str) -> dict[str, Any]:
    """The user's record, for reading only.

    Raises:
        ToolError: there is none.
    """
    return find_record(world, "users", user_id, "user")


def find_order(world: World, order_id: str) -> dict[str, Any]:
    """The order's record, for reading only.

    Raises:
        ToolError: there is none.
    """
    return find_record(world, "orders", order_id, "order")


def find_product(world: World, product_id: str) -> dict[str, Any]:
    """The product's record, for reading only.

    Raises:
        ToolError: there is none.
    """
    return find_record(world, "products", product_id, "product")


def find_payment_method(world: World, order: dict[str, Any], payment_method_id: str) -> dict[str, Any]:
    """The payment method in the profile of the user who ordered, for reading only.

    Raises:
        ToolError: the profile has no such method.
    """
    method = find_user(world, order["user_id"])["payment_methods"].get(payment_method_id)
    if method is None:
        raise ToolError(f"payment method {shown(payment_method_id)} is not in the user's profile")
    return method


def shown_order(world: World, order: dict[str, Any]) -> dict[str, Any]:
    """The order as a result shows it."""
    if not dialect_of(world).shows_every_field:
        return order
    return {**order, **{name: order.get(name) for name in OPTIONAL_FIELDS}}


def shown_user(world: World, user_id: str, user: dict[str, Any]) -> dict[str, Any]:
    """The user as a result shows it."""
    return {"user_id": user_id, **user} if dialect_of(world).shows_every_field else user
