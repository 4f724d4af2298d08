"""What customers want done with orders and profiles, and the tools that do it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from toolgym.composing.declaration import Act, Key, Own, Pick, Reckoned, Seen, Wish
from toolgym.composing.fields import Choice
from toolgym.envs.retail.tables import Address

__all__ = ["ACTS", "CHANGING", "EXCHANGING", "GOOD_REASONS", "RETURNING", "items_of", "news_of"]

GOOD_REASONS: Final = ("no longer needed", "ordered by mistake")
CHANGING: Final = ("change", "change_two")
"""Acts that replace items of pending orders."""
EXCHANGING: Final = ("exchange", "exchange_two")
RETURNING: Final = ("return", "return_two", "return_all", "return_to")
_PARTS: Final = ("address1", "address2", "city", "state", "country", "zip")

Wants = Mapping[str, Wish | Pick]


def items_of(seen: Seen) -> list[Mapping[str, Any]]:
    """The items of the order that it is about: those that were picked, or all."""
    picked = [record for name, record in seen.picked.items() if name.startswith("item")]
    return picked or seen.subject["items"]


def news_of(seen: Seen) -> list[Mapping[str, Any]]:
    """The variants that are wanted instead."""
    return [record for name, record in seen.picked.items() if name.startswith("new")]


_ITEM_IDS = Reckoned(lambda seen: [item["item_id"] for item in items_of(seen)])
_NEW_IDS = Reckoned(lambda seen: [new["item_id"] for new in news_of(seen)])


def _items(count: int) -> dict[str, Pick]:
    return {f"item{place}": Pick("items", topic=f"item {place}") for place in range(1, count + 1)}


def _other_variant(item: Mapping[str, Any] | None, variant: Mapping[str, Any]) -> bool:
    return item is None or variant["item_id"] != item["item_id"]


def _swaps(count: int) -> dict[str, Pick]:
    """Items of the order, and other variants of their products."""
    wants: dict[str, Pick] = {}
    for place, (name, pick) in enumerate(_items(count).items(), 1):
        wants[name] = pick
        wants[f"new{place}"] = Pick("variants", _other_variant, topic=f"variant {place}", of=name)
    return wants


def _part(name: str) -> Reckoned:
    return Reckoned(lambda seen: seen.wishes["address"][name])


def _order_act(
    kind: str,
    tool: str,
    takes: Mapping[str, Any],
    wants: Wants,
    words: Sequence[str],
    unseen: Sequence[str],
    done: str,
    verb: str,
    past: str,
    when: Callable[[Mapping[str, Any]], bool] | None = None,
    **rest: Any,
) -> Act:
    """An act on an order."""
    return Act(
        kind,
        tool,
        "orders",
        {"order_id": Key(), **takes},
        tuple(words),
        tuple(unseen),
        done,
        about=(verb, *rest.pop("about", ())),
        past=(past, *rest.pop("pasts", ())),
        gives="orders",
        when=when,
        wants=wants,
        follows=rest.pop("follows", ()),
        **rest,
    )


def _has(count: int) -> Callable[[Mapping[str, Any]], bool]:
    return lambda order: len(order["items"]) >= count


_ADDRESS: Final = {name: _part(name) for name in _PARTS}

PENDING_ACTS = (
    _order_act(
        "cancel",
        "cancel_pending_order",
        {"reason": Wish(Choice(GOOD_REASONS), fact="The reason is: {value}.")},
        {},
        (
            "Please cancel {it}; the reason is: {reason}.",
            "I want to cancel {it} ({reason}).",
            "Cancel {it}, please. Reason: {reason}.",
            "Could you call off {it}? My reason: {reason}.",
        ),
        ("{it} should not be sent any more: {reason}.", "Kindly stop {it} before it leaves, reason: {reason}."),
        "{order_id} is cancelled, and {total} are refunded.",
        "cancel",
        "cancelled",
        about=("pending", "reason", "call off", "stop"),
        pasts=("canceled", "called off"),
        when=lambda order: order["status"] != "cancelled",
        told=("{total}",),
        plan="{status}, {total} paid:",
    ),
    _order_act(
        "address",
        "modify_pending_order_address",
        _ADDRESS,
        {"address": Wish(Address(), differs="address", carried=("users.address", "orders.address"))},
        (
            "Please send {it} to {address}.",
            "The address of {it} is wrong: it should be {address}.",
            "I have moved. Ship {it} to {address}, please.",
        ),
        ("Let {it} go to {address} instead.", "Redirect {it}: the right address is {address}."),
        "{order_id} goes to the new address.",
        "modify",
        "modified",
        about=("address", "ship", "send", "deliver", "pending", "redirect"),
        pasts=("changed", "redirected", "updated"),
        follows=("payment",),
        plan="{status}:",
    ),
    _order_act(
        "payment",
        "modify_pending_order_payment",
        {
            "payment_method_id": Pick(
                "methods", lambda order, method: order is None or method["method_id"] != order["method_id"]
            )
        },
        {},
        (
            "I want to pay {it} with {payment_method_id} instead.",
            "Please charge {it} to {payment_method_id}.",
            "Move the payment of {it} to {payment_method_id}.",
        ),
        ("Let {payment_method_id} pay for {it}.", "Put {it} on {payment_method_id}, not on what I chose first."),
        "{order_id} is now paid with {payment_method_id}.",
        "modify",
        "modified",
        about=("pay", "charge", "payment", "pending", "gift card"),
        pasts=("changed", "moved", "charged"),
        follows=("address",),
        plan="{status}, {total}:",
    ),
    _order_act(
        "change",
        "modify_pending_order_items",
        {"item_ids": _ITEM_IDS, "new_item_ids": _NEW_IDS, "payment_method_id": Pick("methods")},
        _swaps(1),
        (
            "In {it}, replace {item1} by {new1}; {payment_method_id} takes the difference.",
            "I chose wrongly in {it}: instead of {item1} I want {new1}. Use {payment_method_id} for the difference.",
            "Before {it} is sent, change {item1} to {new1}, and settle the difference with {payment_method_id}.",
        ),
        ("{it} should hold {new1} in place of {item1}, and {payment_method_id} covers the difference.",),
        "In {order_id} the item is replaced.",
        "modify",
        "modified",
        about=("replace", "change", "item", "pending", "difference", "gift card"),
        pasts=("replaced", "changed"),
        follows=("address", "payment"),
        plan="{status}:",
    ),
    _order_act(
        "change_two",
        "modify_pending_order_items",
        {"item_ids": _ITEM_IDS, "new_item_ids": _NEW_IDS, "payment_method_id": Pick("methods")},
        _swaps(2),
        (
            "In {it}, replace {item1} by {new1}, and {item2} by {new2}; {payment_method_id} takes the difference.",
            "I want two other things in {it}: {new1} instead of {item1}, and {new2} instead of {item2}. "
            "Use {payment_method_id} for the difference.",
        ),
        ("{it} should hold {new1} in place of {item1} and {new2} in place of {item2}; {payment_method_id} pays.",),
        "In {order_id} both items are replaced.",
        "modify",
        "modified",
        about=("replace", "change", "item", "pending", "difference", "gift card"),
        pasts=("replaced", "changed"),
        follows=("address", "payment"),
        plan="{status}:",
        when=_has(2),
    ),
)

DELIVERED_ACTS = (
    _order_act(
        "return",
        "return_delivered_order_items",
        {"item_ids": _ITEM_IDS, "payment_method_id": Own("method_id")},
        _items(1),
        (
            "I want to return {item1} from {it}; the refund goes to what I paid with.",
            "Please take back {item1} of {it}, and refund the way I paid.",
            "{item1} from {it} is not what I expected: I am sending it back, refund as I paid.",
        ),
        ("Let me give {item1} from {it} back for a refund to the original payment method.",),
        "The return of the item of {order_id} is requested; {refund} will be refunded.",
        "return",
        "returned",
        about=("take back", "refund", "delivered"),
        pasts=("requested", "refunded"),
        told=("{refund}",),
        plan="{status}, paid with {method_id}:",
        when=_has(2),
    ),
    _order_act(
        "return_two",
        "return_delivered_order_items",
        {"item_ids": _ITEM_IDS, "payment_method_id": Own("method_id")},
        _items(2),
        (
            "I want to return {item1} and {item2} from {it}; the refund goes to what I paid with.",
            "Please take back both {item1} and {item2} of {it}, and refund the way I paid.",
        ),
        ("Two things from {it} go back to you, {item1} and {item2}; refund the original payment method.",),
        "The return of both items of {order_id} is requested; {refund} will be refunded.",
        "return",
        "returned",
        about=("take back", "refund", "delivered"),
        pasts=("requested", "refunded"),
        told=("{refund}",),
        plan="{status}, paid with {method_id}:",
        when=_has(2),
    ),
    _order_act(
        "return_all",
        "return_delivered_order_items",
        {"item_ids": _ITEM_IDS, "payment_method_id": Own("method_id")},
        {},
        (
            "I want to return everything from {it}; the refund goes to what I paid with.",
            "Please take back all of {it}, and refund the way I paid.",
            "Nothing in {it} suits me. I am sending all of it back, refund as I paid.",
        ),
        ("Let me give back all that was in {it}, for a refund to the original payment method.",),
        "The return of all of {order_id} is requested; {refund} will be refunded.",
        "return",
        "returned",
        about=("take back", "refund", "delivered"),
        pasts=("requested", "refunded"),
        told=("{refund}",),
        plan="{status}, paid with {method_id}:",
    ),
    _order_act(
        "return_to",
        "return_delivered_order_items",
        {
            "item_ids": _ITEM_IDS,
            "payment_method_id": Pick(
                "methods", lambda order, method: order is None or method["method_id"] != order["method_id"]
            ),
        },
        _items(1),
        (
            "I want to return {item1} from {it}, with the refund to {payment_method_id}.",
            "Please take back {item1} of {it} and refund it to {payment_method_id}.",
            "{item1} from {it} does not please me: it goes back, and {payment_method_id} gets the money.",
        ),
        ("Let me give back {item1} from {it}; credit {payment_method_id} for it.",),
        "The return of the item of {order_id} is requested; {refund} will be refunded to {payment_method_id}.",
        "return",
        "returned",
        about=("take back", "refund", "delivered", "gift card"),
        pasts=("requested", "refunded"),
        told=("{refund}",),
        plan="{status}, paid with {method_id}:",
    ),
    _order_act(
        "exchange",
        "exchange_delivered_order_items",
        {"item_ids": _ITEM_IDS, "new_item_ids": _NEW_IDS, "payment_method_id": Pick("methods")},
        _swaps(1),
        (
            "I want to exchange {item1} from {it} for {new1}; {payment_method_id} settles the difference.",
            "Please swap {item1} of {it} for {new1}, and use {payment_method_id} for the difference.",
            "{item1} from {it} is not right for me. Exchange it for {new1}, the difference on {payment_method_id}.",
        ),
        ("Let me trade {item1} from {it} for {new1}, with the difference on {payment_method_id}.",),
        "The exchange of the item of {order_id} is requested.",
        "exchange",
        "exchanged",
        about=("swap", "trade", "item", "delivered", "difference", "gift card"),
        pasts=("requested", "swapped"),
        plan="{status}:",
    ),
    _order_act(
        "exchange_two",
        "exchange_delivered_order_items",
        {"item_ids": _ITEM_IDS, "new_item_ids": _NEW_IDS, "payment_method_id": Pick("methods")},
        _swaps(2),
        (
            "From {it} I want to exchange {item1} for {new1}, and {item2} for {new2}; "
            "{payment_method_id} settles the difference.",
            "Please swap two things of {it}: {item1} for {new1}, and {item2} for {new2}. "
            "The difference is for {payment_method_id}.",
        ),
        ("Let me trade {item1} from {it} for {new1}, {item2} for {new2}, with the difference on {payment_method_id}.",),
        "The exchange of both items of {order_id} is requested.",
        "exchange",
        "exchanged",
        about=("swap", "trade", "item", "delivered", "difference", "gift card"),
        pasts=("requested", "swapped"),
        plan="{status}:",
        when=_has(2),
    ),
)

PROFILE_ACTS = (
    Act(
        "move",
        "modify_user_address",
        "users",
        {"user_id": Key(), **_ADDRESS},
        (
            "Please change the address in my profile to {address}.",
            "I have moved: my profile should say {address}.",
            "Set my own address to {address}, please.",
        ),
        ("From now on I live here: {address}. Put that into my profile.",),
        "Your profile has the new address.",
        about=("change", "address", "profile", "ship", "deliver"),
        past=("changed", "updated", "moved"),
        gives="users",
        wants={"address": Wish(Address(), differs="address", carried=("orders.address",))},
    ),
)
ACTS = (*PENDING_ACTS, *DELIVERED_ACTS, *PROFILE_ACTS)
