"""Prices and payments: what flights, bags and insurance cost, and what a payment does to its method."""

from collections.abc import Mapping, Sequence
from typing import Any

from toolgym.mcp.server import ToolError
from toolgym.mcp_servers.airline.dialects import Dialect
from toolgym.world import World, copy_json

BAG_PRICE = 50
"""Dollars for one bag beyond the free allowance."""
INSURANCE_PRICE = 30
"""Dollars for one passenger."""


def price_flights(
    world: World, flights: Sequence[Mapping[str, Any]], cabin: str, seats: int, held: Sequence[Mapping[str, Any]] = ()
) -> list[dict[str, Any]]:
    """The flights as a reservation stores them: each with its price a passenger, origin and destination.

    Args:
        flights: flight numbers and dates.
        cabin: the cabin of all of them.
        seats: how many passengers need a seat on each.
        held: flights booked already in this cabin. They keep their price and need no new seat.

    Raises:
        ToolError: a flight does not exist, cannot be booked on its date or has too few seats.
    """
    legs = copy_json(flights)
    for leg in legs:
        number, date = leg["flight_number"], leg["date"]
        kept = next((old for old in held if (old["flight_number"], old["date"]) == (number, date)), None)
        if kept is not None:
            leg.update(price=kept["price"], origin=kept["origin"], destination=kept["destination"])
            continue
        flight = world.get("flights", number)
        if flight is None:
            raise ToolError(f"flight {number} not found")
        day = flight["dates"].get(date)
        if day is None or day["status"] != "available":
            raise ToolError(f"flight {number} cannot be booked on {date}")
        if day["available_seats"][cabin] < seats:
            raise ToolError(f"flight {number} has fewer than {seats} free seats in {cabin} on {date}")
        leg.update(price=day["prices"][cabin], origin=flight["origin"], destination=flight["destination"])
    return legs


def check_payments(
    dialect: Dialect, methods: Mapping[str, Any], payments: Sequence[Mapping[str, Any]], total: float
) -> None:
    """Checks that the payments can be made and come to the total.

    Raises:
        ToolError: they cannot, or do not.
    """
    charged: dict[str, float] = {}
    for payment in payments:
        payment_id, amount = payment["payment_id"], payment["amount"]
        method = methods.get(payment_id)
        if method is None:
            raise ToolError(f"payment method {payment_id} not found")
        if dialect.adds_up_charges:
            if method["source"] == "certificate" and payment_id in charged:
                raise ToolError(f"certificate {payment_id} can be used only once")
            charged[payment_id] = amount = charged.get(payment_id, 0) + amount
        if method["source"] in ("gift_card", "certificate") and method["amount"] < amount:
            raise ToolError(f"{payment_id} holds {method['amount']}, less than the {amount} charged to it")
    paid = sum(payment["amount"] for payment in payments)
    if round(paid - total, 2) != 0:
        raise ToolError(f"the payments come to {paid}, but the price is {total}")


def check_single_payment(methods: Mapping[str, Any], payment_id: str, total: float) -> None:
    """Checks that one method can pay (or take back) the cost of a change.

    Raises:
        ToolError: it cannot.
    """
    method = methods.get(payment_id)
    if method is None:
        raise ToolError(f"payment method {payment_id} not found")
    if method["source"] == "certificate":
        raise ToolError("a certificate cannot pay for a change")
    if method["source"] == "gift_card" and method["amount"] < total:
        raise ToolError(f"{payment_id} holds {method['amount']}, less than the price of {total}")


def charge(world: World, user_id: str, payment_id: str, amount: float) -> None:
    """Takes an amount from a method: a gift card's balance falls (or rises), a certificate is used up."""
    source = world.get("users", user_id)["payment_methods"][payment_id]["source"]
    if source == "gift_card" and amount != 0:
        method = world.edit("users", user_id)["payment_methods"][payment_id]
        method["amount"] = round(method["amount"] - amount, 2)
    elif source == "certificate":
        del world.edit("users", user_id)["payment_methods"][payment_id]


def refund(world: World, user_id: str, payment_id: str, amount: float) -> None:
    """Gives an amount back to a gift card or certificate; a used certificate comes back with the amount it paid."""
    method = world.get("users", user_id)["payment_methods"].get(payment_id)
    if method is None and payment_id.startswith("certificate_"):
        methods = world.edit("users", user_id)["payment_methods"]
        methods[payment_id] = {"source": "certificate", "amount": amount, "id": payment_id}
    elif method is not None and method["source"] != "credit_card" and amount != 0:
        method = world.edit("users", user_id)["payment_methods"][payment_id]
        method["amount"] = round(method["amount"] + amount, 2)
