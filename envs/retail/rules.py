"""The shop's policy: what is not allowed, and what else an agent must know."""

from collections.abc import Mapping
from typing import Any, Final

from toolgym.composing.declaration import Pick, Rule, Seen
from toolgym.composing.fields import Choice
from toolgym.envs.retail.acts import (
    CHANGING,
    EXCHANGING,
    GOOD_REASONS,
    RETURNING,
    holds,
    is_another,
    is_hygienic,
    is_unused,
    items_of,
    news_of,
)
from toolgym.envs.retail.tables import Address

__all__ = ["NOTES", "RULES"]


_HARDLY_ENOUGH: Final = 60
"""Dollars on a gift card that may be too few for a difference in price."""


def _status_is_not(status: str) -> Any:
    return lambda seen: seen.subject["status"] != status


def _difference(seen: Seen) -> float:
    new, old = (sum(one["price"] for one in some) for some in (news_of(seen), items_of(seen)))
    return round(new - old, 2)


def _too_little(seen: Seen, amount: float) -> bool:
    return not holds(seen.picked["payment_method_id"], amount)


def _goes_elsewhere(seen: Seen) -> bool:
    method = seen.picked["payment_method_id"]
    return method["source"] != "gift_card" and method["method_id"] != seen.subject["method_id"]


def _of_another_product(seen: Seen) -> bool:
    pairs = zip(items_of(seen), news_of(seen), strict=True)
    return any(item["product_id"] != new["product_id"] for item, new in pairs)


def _not_in_order(order: Mapping[str, Any] | None, variant: Mapping[str, Any]) -> bool:
    return order is not None and variant["product_id"] not in {item["product_id"] for item in order["items"]}


RULES: Final = (
    Rule(
        "sent",
        ("cancel",),
        _status_is_not("pending"),
        "Only an order with status 'pending' can be cancelled.",
        "it is {status}, not pending",
    ),
    Rule(
        "reason",
        ("cancel",),
        lambda seen: seen.wishes["reason"] not in GOOD_REASONS,
        "An order is cancelled only because it is 'no longer needed' or was 'ordered by mistake', for no other reason.",
        "'{reason}' is no reason for which we cancel",
        tempts={"reason": Choice(("found it cheaper elsewhere", "delivery takes too long", "it was a gift"))},
    ),
    Rule(
        "changed_late",
        ("address", "payment", *CHANGING),
        _status_is_not("pending"),
        "The address, payment method and items of an order can be modified only while its status is 'pending'.",
        "it is {status}, not pending",
    ),
    Rule(
        "abroad",
        ("address", "move"),
        lambda seen: seen.wishes["address"]["country"] != "USA",
        "Addresses must be in the USA: the shop delivers nowhere else.",
        "we deliver to addresses in the USA only",
        tempts={"address": Address(abroad=True)},
    ),
    Rule(
        "undelivered",
        (*RETURNING, *EXCHANGING),
        _status_is_not("delivered"),
        "Only items of an order with status 'delivered' can be returned or exchanged.",
        "it is {status}, not delivered",
    ),
    Rule(
        "hygiene",
        (*RETURNING, *EXCHANGING),
        lambda seen: any(map(is_hygienic, items_of(seen))),
        "Earbuds, makeup kits, perfumes, pillows, swimsuits and toothbrushes are neither taken back nor exchanged, for "
        "reasons of hygiene.",
        "for reasons of hygiene the item stays with you",
        sees=("picked",),
        tempts={"item1": Pick("items", lambda order, item: is_hygienic(item), topic="item 1")},
    ),
    Rule(
        "other_product",
        (*CHANGING, *EXCHANGING),
        _of_another_product,
        "An item is replaced only by another variant of the same product.",
        "an item is replaced only by a variant of the same product",
        sees=("picked",),
        tempts={"new1": Pick("variants", _not_in_order, topic="variant 1")},
    ),
    Rule(
        "sold_out",
        (*CHANGING, *EXCHANGING),
        lambda seen: not all(new["available"] for new in news_of(seen)),
        "A variant that is not available cannot be had instead of an item.",
        "the variant that you want for the item is not available",
        sees=("picked",),
        tempts={
            "new1": Pick(
                "variants",
                lambda item, new: is_another(item, new) and not new["available"],
                topic="variant 1",
                of="item1",
            )
        },
    ),
    Rule(
        "card_pays_order",
        ("payment",),
        lambda seen: _too_little(seen, seen.subject["total"]),
        "A gift card can take over the payment of an order only if its balance covers the whole order.",
        "the balance of the gift card does not cover {total}",
        sees=("picked",),
        tempts={
            "payment_method_id": Pick(
                "methods", lambda order, method: is_unused(order, method) and not holds(method, (order or {})["total"])
            )
        },
    ),
    Rule(
        "card_pays_difference",
        (*CHANGING, *EXCHANGING),
        lambda seen: _too_little(seen, _difference(seen)),
        "A gift card can settle a difference in price only if its balance covers it.",
        "the balance of the gift card does not cover the difference",
        sees=("picked",),
        tempts={"payment_method_id": Pick("methods", lambda order, method: not holds(method, _HARDLY_ENOUGH))},
    ),
    Rule(
        "refund_elsewhere",
        ("return_to",),
        _goes_elsewhere,
        "A refund goes to the payment method that paid for the order, or to a gift card of the customer; to no other.",
        "the refund goes to the original payment method or to a gift card",
        sees=("picked",),
        tempts={
            "payment_method_id": Pick(
                "methods", lambda order, method: is_unused(order, method) and method["source"] != "gift_card"
            )
        },
    ),
)
NOTES: Final = {
    "Customers": (
        "A customer is known by the user id, by the e-mail address, or by first name, last name and zip code. You help "
        "with that customer's own profile and orders, and with questions about products, and with nobody else's.",
        "A profile has gift cards, PayPal accounts and credit cards as payment methods. A gift card has a balance.",
    ),
    "Products and orders": (
        "A product has variants with options, a price and an availability. A product id is never an item id.",
        "An order is pending, processed, delivered or cancelled. Its total price is the sum of its items' prices.",
    ),
    "Several items": (
        "Items of an order that are named together are replaced, returned or exchanged together, all or none: where "
        "one of them may not be, refuse the whole.",
    ),
    "Pending orders": (
        "A cancelled order is refunded in full to what paid for it: tell the customer how much that is.",
        "The items of an order are modified once: replace all that the customer names in one call. After that the "
        "order can be neither modified nor cancelled.",
        "One payment method of the customer pays the difference in price, or gets it back.",
    ),
    "Delivered orders": (
        "Items of an order are returned once, or exchanged once: take all that the customer names into one call.",
        "After a return, tell the customer how much will be refunded: the sum of the prices of the items sent back.",
        "In an exchange, one payment method of the customer pays the difference in price, or gets it back.",
    ),
}
