"""The food delivery's MCP server: menus, orders and their items, vouchers and refunds on a copy-on-write world."""

import re
from typing import Annotated, Any, Final

from pydantic import Field

from toolgym.mcp.server import ToolError
from toolgym.mcp_servers.common.arguments import check_choice, day_ahead, shown
from toolgym.mcp_servers.common.command import command
from toolgym.mcp_servers.common.declared import declared_worlds
from toolgym.mcp_servers.common.domain_tools import DomainTools
from toolgym.mcp_servers.common.records import find_id, find_record, new_id, records_by
from toolgym.world import World

__all__ = ["COMPLAINTS", "CUISINES", "HANDOVERS", "TOOLS"]

CUISINES: Final = ("Thai", "Italian", "Mexican", "Indian", "Greek")
HANDOVERS: Final = ("in person", "at the door", "at the reception")
COMPLAINTS: Final = ("late", "cold", "spilled", "rudely handed over")

CustomerId = Annotated[str, Field(description="The customer's id, such as 'reyes-4821'.")]
OrderId = Annotated[str, Field(description="The order's id, such as 'O-482133'.")]
RestaurantId = Annotated[str, Field(description="The restaurant's id, such as 'R-48213'.")]
DishId = Annotated[str, Field(description="The dish's id, such as 'DI-48213'.")]
AddressId = Annotated[str, Field(description="The id of one of the customer's addresses, such as 'AD-48213'.")]
VoucherId = Annotated[str, Field(description="The voucher's id, such as 'V-48213'.")]
ItemId = Annotated[str, Field(description="The order item's id, such as 'I-482133'.")]
Due = Annotated[str, Field(description="When it is to be delivered, such as '2026-06-17 19:30'.")]
Handover = Annotated[str, Field(description=f"One of: {', '.join(HANDOVERS)}.")]
Refund = Annotated[int, Field(ge=0, le=5000, description="Dollars that go to the customer's wallet.")]

_BEFORE_COOKING: Final = ("scheduled", "accepted")
_OPEN: Final = (*_BEFORE_COOKING, "cooking", "on its way")
_LISTED: Final = ("order_id", "restaurant_id", "status", "due", "total")
_FOUND: Final = ("restaurant_id", "name", "cuisine", "zone", "minutes")


def _of_customer(world: World, table: str, customer_id: str) -> list[dict[str, Any]]:
    find_record(world, "customers", customer_id, "customer")
    return records_by(world, table, "customer_id", customer_id)


def _ahead(world: World, due: str) -> None:
    if not re.fullmatch(r"\S+ ([01]\d|2[0-3]):[0-5]\d", due):
        raise ToolError(f"{shown(due)} is no time such as '2026-06-17 19:30'")
    day_ahead(world, due.split()[0])


def _order(world: World, order_id: str, states: tuple[str, ...]) -> dict[str, Any]:
    """The order, to be changed, if it is in one of the states."""
    status = find_record(world, "orders", order_id, "order")["status"]
    if status not in states:
        raise ToolError(f"order {order_id} is {status}")
    return world.edit("orders", order_id)


def _address(world: World, address_id: str, customer_id: str) -> None:
    if find_record(world, "addresses", address_id, "address")["customer_id"] != customer_id:
        raise ToolError(f"address {address_id} is another customer's")


def get_customer(world: World, customer_id: CustomerId) -> dict[str, Any]:
    """Shows a customer: name, phone number, membership, wallet, what is owed, and refunds of this month."""
    return find_record(world, "customers", customer_id, "customer")


def find_customer(world: World, phone: Annotated[str, Field(description="The phone number on file.")]) -> str:
    """Finds the id of the customer with a phone number."""
    return find_id(world, "customers", "phone", phone, "customer", "phone number")


def list_addresses(world: World, customer_id: CustomerId) -> list[dict[str, Any]]:
    """Lists a customer's addresses and their zones."""
    return _of_customer(world, "addresses", customer_id)


def find_restaurants(
    world: World, cuisine: Annotated[str, Field(description="Such as 'Thai'.")]
) -> list[dict[str, Any]]:
    """Lists the restaurants of a cuisine: id, name, zone and minutes until delivery."""
    check_choice(cuisine, CUISINES, "cuisine")
    found = records_by(world, "restaurants", "cuisine", cuisine)
    return [{name: record[name] for name in _FOUND} for record in found]


def get_restaurant(world: World, restaurant_id: RestaurantId) -> dict[str, Any]:
    """Shows a restaurant: name, cuisine, zone, minutes until delivery, delivery fee and rating."""
    return find_record(world, "restaurants", restaurant_id, "restaurant")


def list_menu(world: World, restaurant_id: RestaurantId) -> list[dict[str, Any]]:
    """Lists a restaurant's dishes: price, availability and the zone in which it delivers."""
    find_record(world, "restaurants", restaurant_id, "restaurant")
    return records_by(world, "dishes", "restaurant_id", restaurant_id)


def list_orders(world: World, customer_id: CustomerId) -> list[dict[str, Any]]:
    """Lists a customer's orders, past ones too: id, restaurant, status, due time and total."""
    return [{name: record[name] for name in _LISTED} for record in _of_customer(world, "orders", customer_id)]


def get_order(world: World, order_id: OrderId) -> dict[str, Any]:
    """Shows an order: restaurant, zone, address, courier, contents, amounts, due time, handover and status."""
    return find_record(world, "orders", order_id, "order")


def list_items(world: World, order_id: OrderId) -> list[dict[str, Any]]:
    """Lists the items of an order: dish, portions, price a portion, amount, day of delivery and state."""
    find_record(world, "orders", order_id, "order")
    return records_by(world, "items", "order_id", order_id)


def get_courier(world: World, courier_id: Annotated[str, Field(description="Such as 'CR-48213'.")]) -> dict[str, Any]:
    """Shows a courier: name and vehicle."""
    return find_record(world, "couriers", courier_id, "courier")


def list_vouchers(world: World, customer_id: CustomerId) -> list[dict[str, Any]]:
    """Lists a customer's vouchers: amount, minimum spend, last day and status."""
    return _of_customer(world, "vouchers", customer_id)


def place_order(
    world: World,
    customer_id: CustomerId,
    dish_id: DishId,
    portions: Annotated[int, Field(ge=1, le=50, description="How many portions.")],
    address_id: AddressId,
    due: Due,
) -> dict[str, Any]:
    """Orders portions of a dish for a time; the delivery fee is added, but not for plus customers."""
    customer = find_record(world, "customers", customer_id, "customer")
    dish = find_record(world, "dishes", dish_id, "dish")
    _address(world, address_id, customer_id)
    _ahead(world, due)
    restaurant_id, subtotal = dish["restaurant_id"], dish["price"] * portions
    fee = 0 if customer["membership"] == "plus" else world.get("restaurants", restaurant_id)["fee"]
    order_id = new_id(world, "orders", "O-", customer_id, dish_id, portions, address_id, due, digits=6)
    item_id = new_id(world, "items", "I-", order_id, digits=6)
    order: dict[str, Any] = {
        "order_id": order_id,
        "customer_id": customer_id,
        "address_id": address_id,
        "status": "scheduled",
    }
    order.update(restaurant_id=restaurant_id, zone=dish["zone"], courier_id=None, alcohol=dish["alcohol"])
    order.update(contents=[{"dish_id": dish_id, "portions": portions}], due=due, delivered=None, handover="in person")
    order.update(subtotal=subtotal, fee=fee, discount=0, total=subtotal + fee, tip=0, complaint=None)
    item: dict[str, Any] = {"item_id": item_id, "order_id": order_id, "customer_id": customer_id, "dish": dish["name"]}
    item.update(portions=portions, price=dish["price"], amount=subtotal, delivered=None, state="ordered")
    world.put("orders", order_id, order)
    world.put("items", item_id, item)
    return order


def change_address(world: World, order_id: OrderId, address_id: AddressId) -> dict[str, Any]:
    """Sends an open order to another of the customer's addresses."""
    order = _order(world, order_id, _OPEN)
    _address(world, address_id, order["customer_id"])
    order["address_id"] = address_id
    return order


def reschedule_order(world: World, order_id: OrderId, due: Due) -> dict[str, Any]:
    """Changes when a scheduled order is to be delivered."""
    order = _order(world, order_id, ("scheduled",))
    _ahead(world, due)
    order["due"] = due
    return order


def set_handover(world: World, order_id: OrderId, handover: Handover) -> dict[str, Any]:
    """Changes how an open order is handed over."""
    order = _order(world, order_id, _OPEN)
    check_choice(handover, HANDOVERS, "handover")
    order["handover"] = handover
    return order


def cancel_order(world: World, order_id: OrderId, refund: Refund) -> dict[str, Any]:
    """Cancels an open order and puts a refund into the customer's wallet."""
    order = _order(world, order_id, _OPEN)
    if refund > order["total"]:
        raise ToolError(f"order {order_id} cost ${order['total']}")
    order["status"] = "cancelled"
    world.edit("customers", order["customer_id"])["wallet"] += refund
    return order


def redeem_voucher(world: World, order_id: OrderId, voucher_id: VoucherId) -> dict[str, Any]:
    """Takes a voucher's amount off an order that is not being cooked yet; the voucher is used up."""
    order = _order(world, order_id, _BEFORE_COOKING)
    voucher = find_record(world, "vouchers", voucher_id, "voucher")
    if voucher["customer_id"] != order["customer_id"]:
        raise ToolError(f"voucher {voucher_id} is another customer's")
    if voucher["status"] != "unused":
        raise ToolError(f"voucher {voucher_id} is {voucher['status']}")
    order["discount"] += voucher["amount"]
    order["total"] = max(0, order["subtotal"] + order["fee"] - order["discount"])
    world.edit("vouchers", voucher_id)["status"] = "used"
    return order


def refund_item(
    world: World, item_id: ItemId, missing: Annotated[int, Field(ge=1, description="Portions.")], refund: Refund
) -> dict[str, Any]:
    """Notes portions of a delivered item as missing and puts a refund into the customer's wallet."""
    item = find_record(world, "items", item_id, "item")
    if item["state"] != "delivered":
        raise ToolError(f"item {item_id} is {item['state']}")
    if missing > item["portions"] or refund > item["amount"]:
        raise ToolError(f"item {item_id} has {item['portions']} portions for ${item['amount']}")
    item = world.edit("items", item_id)
    item["state"] = "refunded"
    world.edit("customers", item["customer_id"])["wallet"] += refund
    return item


def tip_courier(
    world: World, order_id: OrderId, amount: Annotated[int, Field(ge=1, description="Dollars.")]
) -> dict[str, Any]:
    """Adds a tip for the courier of a delivered order."""
    order = _order(world, order_id, ("delivered",))
    order["tip"] += amount
    return order


def file_complaint(
    world: World, order_id: OrderId, complaint: Annotated[str, Field(description=f"{', '.join(COMPLAINTS)}.")]
) -> dict[str, Any]:
    """Notes a complaint about a delivered order."""
    order = _order(world, order_id, ("delivered",))
    check_choice(complaint, COMPLAINTS, "complaint")
    if order["complaint"]:
        raise ToolError(f"order {order_id} has a complaint already")
    order["complaint"] = complaint
    return order


READS = (
    get_customer, find_customer, list_addresses, find_restaurants, get_restaurant, list_menu, list_orders, get_order,
    list_items, get_courier, list_vouchers,
)  # fmt: skip
WRITES = (
    place_order, change_address, reschedule_order, set_handover, cancel_order, redeem_voucher, refund_item, tip_courier,
    file_complaint,
)  # fmt: skip

TOOLS = DomainTools(
    name="delivery",
    owner="food delivery",
    instructions="Tools of a food delivery. They check that changes are consistent, not that policy allows them.",
    reads=READS,
    writes=WRITES,
    build_base=declared_worlds("toolgym.envs.delivery:DELIVERY"),
)

if __name__ == "__main__":
    command(TOOLS)()
