"""Prices and payments: what flights, bags and insurance cost, and what a payment does to its method."""

from collections.abc import Mapping, Sequence
from typing import Any

from toolgym.mcp.server import ToolError
from toolgym.mcp.tool import HalfDoneError
from toolgym.mcp_servers.airline.dialects import Dialect
from toolgym.mcp_servers.airline.records import find_flight_day, find_payment_method, find_user
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
        flight, day = find_flight_day(world, number, date)
        free = day["available_seats"][cabin]
        if free < seats:
            raise ToolError(f"flight {number} on {date} has {free} free seats in {cabin}, but {seats} are needed")
        leg.update(price=day["prices"][cabin], origin=flight["origin"], destination=flight["destination"])
    return legs


def check_payments(dialect: Dialect, user: dict[str, Any], payments: Sequence[Mapping[str, Any]], total: float) -> None:
    """Checks that the payments can be made and come to the total.

    Raises:
        ToolError: they cannot, or do not.
    """
    charged: dict[str, float] = {}
    for payment in payments:
        payment_id, amount = payment["payment_id"], payment["amount"]
        method = find_payment_method(user, payment_id)
        if dialect.adds_up_charges:
            if method["source"] == "certificate" and payment_id in charged:
                raise ToolError(f"{payment_id} is listed twice, but a certificate pays only once")
            charged[payment_id] = amount = charged.get(payment_id, 0) + amount
        if method["source"] in ("gift_card", "certificate") and method["amount"] < amount:
            raise ToolError(f"{payment_id} holds {method['amount']}, less than the {amount} charged to it")
    paid = sum(payment["amount"] for payment in payments)
    if round(paid - total, 2) != 0:
        raise ToolError(f"the payments come to {paid}, but the price is {total}")


def check_single_payment(user: dict[str, Any], payment_id: str, total: float) -> None:
    """Checks that one method can pay (or take back) the cost of a change.

    Raises:
        ToolError: it cannot.
    """
    method = find_payment_method(user, payment_id)
    if method["source"] == "certificate":
        raise ToolError(f"{payment_id} is a certificate, which cannot pay for a change")
    if method["source"] == "gift_card" and method["amount"] < total:
        raise ToolError(f"{payment_id} holds {method['amount']}, less than the price of {total}")


def charge(world: World, user_id: str, payment_id: str, amount: float) -> None:
    """Takes an amount from a method: a gift card's balance falls (or rises), a certificate is used up.

    Raises:
        HalfDoneError: the method is gone. As in the reference, the charges made before stay made.
    """
    method = find_user(world, user_id)["payment_methods"].get(payment_id)
    if method is None:  # listed twice: only the tau_bench dialect, which checks no sums, comes here
        raise HalfDoneError(f"{payment_id} has been used up by this very booking")
    source = method["source"]
    if source == "gift_card" and amount != 0:
        _add_balance(world, user_id, payment_id, -amount)
    elif source == "certificate":
        del world.edit("users", user_id)["payment_methods"][payment_id]


def refund(world: World, user_id: str, payment_id: str, amount: float) -> None:
    """Gives an amount back to a gift card or certificate; a used certificate comes back with the amount it paid."""
    method = find_user(world, user_id)["payment_methods"].get(payment_id)
    if method is None and payment_id.startswith("certificate_"):
        methods = world.edit("users", user_id)["payment_methods"]
        methods[payment_id] = {"source": "certificate", "amount": amount, "id": payment_id}
    elif method is not None and method["source"] != "credit_card":
        _add_balance(world, user_id, payment_id, amount)


def _add_balance(world: World, user_id: str, payment_id: str, amount: float) -> None:
    method = world.edit("users", user_id)["payment_methods"][payment_id]
    method["amount"] = round(method["amount"] + amount, 2)


def refunds_due(dialect: Dialect, history: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The entries that a cancellation adds to a payment history: each payment once more, with the opposite sign.

    Where a method has been given more than it paid (a cheaper flight was refunded to another one), the standard dialect
    does not charge it again: what it was given is set off against what the other methods get back.
    """
    nets: dict[str, float] = {}
    for payment in history:
        nets[payment["payment_id"]] = nets.get(payment["payment_id"], 0) + payment["amount"]
    if not dialect.refunds_balances or min(nets.values(), default=0) >= 0:
        return [{"payment_id": payment["payment_id"], "amount": -payment["amount"]} for payment in history]
    owed, refunds = sum(nets.values()), []
    for payment_id, net in nets.items():
        given = min(net, owed)
        if given > 0:
            refunds.append({"payment_id": payment_id, "amount": -given})
            owed -= given
    return refunds
