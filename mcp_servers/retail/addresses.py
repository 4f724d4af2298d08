"""The retail tools that change an address: a user's, and a pending order's."""

from typing import Any

from toolgym.mcp.server import ToolError
from toolgym.mcp_servers.common.arguments import shown
from toolgym.mcp_servers.retail.dialects import dialect_of
from toolgym.mcp_servers.retail.pending import find_pending
from toolgym.mcp_servers.retail.records import find_user, shown_order, shown_user
from toolgym.mcp_servers.retail.schema import Address1, Address2, City, Country, OrderId, State, UserId, Zip
from toolgym.world import World


def modify_user_address(
    world: World,
    user_id: UserId,
    address1: Address1,
    address2: Address2,
    city: City,
    state: State,
    country: Country,
    zip: Zip,
) -> dict[str, Any]:
    """Replaces the address in a user's profile; orders keep theirs."""
    find_user(world, user_id)
    address = _address(world, address1, address2, city, state, country, zip)
    user = world.edit("users", user_id)
    user["address"] = address
    return shown_user(world, user_id, user)


def modify_pending_order_address(
    world: World,
    order_id: OrderId,
    address1: Address1,
    address2: Address2,
    city: City,
    state: State,
    country: Country,
    zip: Zip,
) -> dict[str, Any]:
    """Replaces the address that a pending order is sent to."""
    find_pending(world, order_id, items_may_be_modified=True)
    address = _address(world, address1, address2, city, state, country, zip)
    order = world.edit("orders", order_id)
    order["address"] = address
    return shown_order(world, order)


def _address(
    world: World, address1: str, address2: str, city: str, state: str, country: str, zip: str
) -> dict[str, str]:
    """The address as a record holds it.

    Raises:
        ToolError: a part of it is no string, where the dialect wants strings.
    """
    address = {
        "address1": address1,
        "address2": address2,
        "city": city,
        "country": country,
        "state": state,
        "zip": zip,
    }
    if dialect_of(world).types_addresses:
        for name, part in address.items():
            if not isinstance(part, str):
                raise ToolError(f"{name} must be text, not {shown(part)}")
    return address
