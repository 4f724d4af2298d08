"""Payments of orders: entries in their histories, and what they do to gift cards."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from toolgym.mcp.server import ToolError
from toolgym.mcp_servers.retail.dialects import Dialect
from toolgym.mcp_servers.retail.records import find_user
from toolgym.world import World


def cents(amount: float) -> float:
    """The amount as a whole number of cents, and never a negative zero."""
    return round(amount, 2) + 0.0


def entry(kind: Literal["payment", "refund"], amount: float, payment_method_id: str) -> dict[str, Any]:
    """An entry of an order's payment history; the amount is never negative."""
    return {"transaction_type": kind, "amount": amount, "payment_method_id": payment_method_id}


def check_balance(method: Mapping[str, Any], amount: float) -> None:
    """Checks that a method can pay an amount: a gift card must hold it.

    Raises:
        ToolError: it does not.
    """
    if method["source"] == "gift_card" and method["balance"] < amount:
        raise ToolError(f"{method['id']} holds {method['balance']}, less than the {cents(amount)} to pay")


def pay(world: World, user_id: str, payment_method_id: str, amount: float) -> None:
    """Takes an amount from a method, or gives it back where it is negative; only gift cards keep a balance here."""
    method = find_user(world, user_id)["payment_methods"].get(payment_method_id)
    if method is not None and method["source"] == "gift_card" and amount != 0:
        card = world.edit("users", user_id)["payment_methods"][payment_method_id]
        card["balance"] = cents(card["balance"] - amount)


def paid_in_the_end(history: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """What each method of a payment history has paid, less what it was given back; those without are left out."""
    paid: dict[str, float] = {}
    for made in history:
        sign = 1 if made["transaction_type"] == "payment" else -1
        name = made["payment_method_id"]
        paid[name] = cents(paid.get(name, 0) + sign * made["amount"])
    return {name: amount for name, amount in paid.items() if amount > 0}


def refunds_due(dialect: Dialect, history: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The entries that a cancellation adds to a payment history."""
    if dialect.follows_payments:
        return [entry("refund", amount, name) for name, amount in paid_in_the_end(history).items()]
    return [entry("refund", made["amount"], made["payment_method_id"]) for made in history]


def payers(dialect: Dialect, history: list[dict[str, Any]]) -> set[str]:
    """The methods that an order was paid with, other than gift cards the only ones that a refund may go to."""
    return set(paid_in_the_end(history)) if dialect.follows_payments else {history[0]["payment_method_id"]}
