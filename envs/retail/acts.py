"""What customers want done with orders and profiles, and the tools that do it."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from toolgym.composing.declaration import Act, Key, Own, Pick, Reckoned, Seen, Wish
from toolgym.composing.fields import Choice
from toolgym.envs.retail.goods import HYGIENE
from toolgym.envs.retail.tables import Address

__all__ = [
    "ACTS",
    "CHANGING",
    "EXCHANGING",
    "GOOD_REASONS",
    "RETURNING",
    "holds",
    "is_another",
    "is_hygienic",
    "is_unused",
    "items_of",
    "news_of",
]

GOOD_REASONS: Final = ("no longer needed", "ordered by mistake")
CHANGING: Final = ("change", "change_two")
"""Acts that replace items of pending orders."""
EXCHANGING: Final = ("exchange", "exchange_two")
RETURNING: Final = ("return", "return_two", "return_all", "return_to")


Record = Mapping[str, Any]


def items_of(seen: Seen) -> list[Record]:
    """The items of the order that it is about: those that were picked, or all."""
    picked = [record for name, record in seen.picked.items() if name.startswith("item")]
    return picked or seen.subject["items"]


def news_of(seen: Seen) -> list[Record]:
    """The variants that are wanted instead."""
    return [record for name, record in seen.picked.items() if name.startswith("new")]


_ITEM_IDS = Reckoned(lambda seen: [item["item_id"] for item in items_of(seen)])
_NEW_IDS = Reckoned(lambda seen: [new["item_id"] for new in news_of(seen)])


def is_hygienic(item: Record) -> bool:
    """Whether it is of those goods that are neither taken back nor exchanged."""
    return item["name"].endswith(HYGIENE)


def is_another(item: Record | None, variant: Record) -> bool:
    """Whether it is not the variant that the customer has."""
    return item is None or variant["item_id"] != item["item_id"]


def is_unused(order: Record | None, method: Record) -> bool:
    """Whether the order is not paid with it."""
    return order is None or method["method_id"] != order["method_id"]


def holds(method: Record, amount: float) -> bool:
    """Whether the method can pay an amount: a gift card must hold it."""
    return method["source"] != "gift_card" or method["balance"] >= amount


def _items(count: int, fits: Any = None) -> dict[str, Pick]:
    return {f"item{place}": Pick("items", fits, topic=f"item {place}") for place in range(1, count + 1)}


def _swaps(count: int, fits: Any = None) -> dict[str, Pick]:
    """Items of the order, and other variants of their products that can be had."""
    wants: dict[str, Pick] = {}
    for place, (name, pick) in enumerate(_items(count, fits).items(), 1):
        wants[name] = pick
        wants[f"new{place}"] = Pick(
            "variants", lambda item, new: is_another(item, new) and new["available"], topic=f"variant {place}", of=name
        )
    return wants


def _is_returnable(order: Record | None, item: Record) -> bool:
    return not is_hygienic(item)


def _part(name: str) -> Reckoned:
    return Reckoned(lambda seen: seen.wishes["address"][name])


_ADDRESS: Final = {name: _part(name) for name in ("address1", "address2", "city", "state", "country", "zip")}
_PAID_WITH: Final = Own("method_id")


def _has(count: int) -> Callable[[Record], bool]:
    return lambda order: len(order["items"]) >= count


def _order_act(
    kind: str,
    tool: str,
    takes: Mapping[str, Any],
    words: tuple[str, ...],
    unseen: tuple[str, ...],
    done: str,
    about: tuple[str, ...],
    past: tuple[str, ...],
    *,
    follows: tuple[str, ...] = (),
    plan: str = "{status}:",
    **rest: Any,
) -> Act:
    """An act on an order."""
    return Act(
        kind,
        tool,
        "orders",
        {"order_id": Key(), **takes},
        words,
        unseen,
        done,
        about,
        past,
        gives="orders",
        follows=follows,
        plan=plan,
        **rest,
    )


def _change(kind: str, count: int, words: tuple[str, ...], unseen: tuple[str, ...], done: str) -> Act:
    """Replaces items of a pending order."""
    return _order_act(
        kind,
        "modify_pending_order_items",
        {"item_ids": _ITEM_IDS, "new_item_ids": _NEW_IDS, "payment_method_id": Pick("methods")},
        words,
        unseen,
        done,
        ("modify", "replace", "change", "item", "pending", "difference", "gift card"),
        ("modified", "replaced", "changed"),
        wants=_swaps(count),
        when=_has(count),
        follows=("address", "payment"),
    )


def _exchange(kind: str, count: int, words: tuple[str, ...], unseen: tuple[str, ...], done: str) -> Act:
    """Exchanges items of a delivered order."""
    return _order_act(
        kind,
        "exchange_delivered_order_items",
        {"item_ids": _ITEM_IDS, "new_item_ids": _NEW_IDS, "payment_method_id": Pick("methods")},
        words,
        unseen,
        done,
        ("exchange", "swap", "trade", "item", "delivered", "difference", "gift card"),
        ("exchanged", "requested", "swapped"),
        wants=_swaps(count, _is_returnable),
        when=_has(count),
    )


def _return(
    kind: str, count: int, words: tuple[str, ...], unseen: tuple[str, ...], done: str, to: Own | Pick = _PAID_WITH
) -> Act:
    """Takes items of a delivered order back; all of them where `count` is 0."""
    return _order_act(
        kind,
        "return_delivered_order_items",
        {"item_ids": _ITEM_IDS, "payment_method_id": to},
        words,
        unseen,
        done,
        ("return", "take back", "refund", "delivered", "gift card"),
        ("returned", "requested", "refunded"),
        wants=_items(count, _is_returnable),
        when=_has(count),
        told=("{refund}",),
        plan="{status}, paid with {method_id}:",
    )


ACTS: Final = (
    _order_act(
        "cancel",
        "cancel_pending_order",
        {"reason": Wish(Choice(GOOD_REASONS), fact="The reason is: {value}.")},
        (
            "Please cancel {it}; the reason is: {reason}.",
            "I want to cancel {it} ({reason}).",
            "Cancel {it}, please. Reason: {reason}.",
            "Could you call off {it}? My reason: {reason}.",
        ),
        ("{it} should not be sent any more: {reason}.", "Kindly stop {it} before it leaves, reason: {reason}."),
        "{order_id} is cancelled, and {total} are refunded.",
        ("cancel", "pending", "reason", "call off", "stop"),
        ("cancelled", "canceled", "called off"),
        when=lambda order: order["status"] != "cancelled",
        told=("{total}",),
        plan="{status}, {total} paid:",
    ),
    _order_act(
        "address",
        "modify_pending_order_address",
        _ADDRESS,
        (
            "Please send {it} to {address}.",
            "The address of {it} is wrong: it should be {address}.",
            "I have moved. Ship {it} to {address}, please.",
        ),
        ("Let {it} go to {address} instead.", "Redirect {it}: the right address is {address}."),
        "{order_id} goes to the new address.",
        ("modify", "address", "ship", "send", "deliver", "pending", "redirect"),
        ("modified", "changed", "redirected", "updated"),
        wants={"address": Wish(Address(), differs="address", carried=("users.address", "orders.address"))},
        follows=("payment",),
    ),
    _order_act(
        "payment",
        "modify_pending_order_payment",
        {
            "payment_method_id": Pick(
                "methods", lambda order, method: is_unused(order, method) and holds(method, (order or {})["total"])
            )
        },
        (
            "I want to pay {it} with {payment_method_id} instead.",
            "Please charge {it} to {payment_method_id}.",
            "Move the payment of {it} to {payment_method_id}.",
        ),
        ("Let {payment_method_id} pay for {it}.", "Put {it} on {payment_method_id}, not on what I chose first."),
        "{order_id} is now paid with {payment_method_id}.",
        ("modify", "pay", "charge", "payment", "pending", "gift card"),
        ("modified", "changed", "moved", "charged"),
        follows=("address",),
        plan="{status}, {total}:",
    ),
    _change(
        "change",
        1,
        (
            "In {it}, replace {item1} by {new1}; {payment_method_id} takes the difference.",
            "I chose wrongly in {it}: instead of {item1} I want {new1}. Use {payment_method_id} for the difference.",
            "Before {it} is sent, change {item1} to {new1}, and settle the difference with {payment_method_id}.",
        ),
        ("{it} should hold {new1} in place of {item1}, and {payment_method_id} covers the difference.",),
        "In {order_id} the item is replaced.",
    ),
    _change(
        "change_two",
        2,
        (
            "In {it}, replace {item1} by {new1}, and {item2} by {new2}; {payment_method_id} takes the difference.",
            "I want two other things in {it}: {new1} instead of {item1}, and {new2} instead of {item2}. "
            "Use {payment_method_id} for the difference.",
            "Before {it} is sent, change {item1} to {new1} and {item2} to {new2}. {payment_method_id} settles that.",
        ),
        ("{it} should hold {new1} in place of {item1} and {new2} in place of {item2}; {payment_method_id} pays.",),
        "In {order_id} both items are replaced.",
    ),
    _return(
        "return",
        1,
        (
            "I want to return {item1} from {it}; the refund goes to what I paid with.",
            "Please take back {item1} of {it}, and refund the way I paid.",
            "{item1} from {it} is not what I expected: I am sending it back, refund as I paid.",
        ),
        ("Let me give {item1} from {it} back for a refund to the original payment method.",),
        "The return of the item of {order_id} is requested; {refund} will be refunded.",
    ),
    _return(
        "return_two",
        2,
        (
            "I want to return {item1} and {item2} from {it}; the refund goes to what I paid with.",
            "Please take back both {item1} and {item2} of {it}, and refund the way I paid.",
            "{item1} and {item2} from {it} go back, both of them, for a refund as I paid.",
        ),
        ("Two things from {it} go back to you, {item1} and {item2}; refund the original payment method.",),
        "The return of both items of {order_id} is requested; {refund} will be refunded.",
    ),
    _return(
        "return_all",
        0,
        (
            "I want to return everything from {it}; the refund goes to what I paid with.",
            "Please take back all of {it}, and refund the way I paid.",
            "Nothing in {it} suits me. I am sending all of it back, refund as I paid.",
        ),
        ("Let me give back all that was in {it}, for a refund to the original payment method.",),
        "The return of all of {order_id} is requested; {refund} will be refunded.",
    ),
    _return(
        "return_to",
        1,
        (
            "I want to return {item1} from {it}, with the refund to {payment_method_id}.",
            "Please take back {item1} of {it} and refund it to {payment_method_id}.",
            "{item1} from {it} does not please me: it goes back, and {payment_method_id} gets the money.",
        ),
        ("Let me give back {item1} from {it}; credit {payment_method_id} for it.",),
        "The return of the item of {order_id} is requested; {refund} will be refunded to {payment_method_id}.",
        Pick("methods", lambda order, method: is_unused(order, method) and method["source"] == "gift_card"),
    ),
    _exchange(
        "exchange",
        1,
        (
            "I want to exchange {item1} from {it} for {new1}; {payment_method_id} settles the difference.",
            "Please swap {item1} of {it} for {new1}, and use {payment_method_id} for the difference.",
            "{item1} from {it} is not right for me. Exchange it for {new1}, the difference on {payment_method_id}.",
        ),
        ("Let me trade {item1} from {it} for {new1}, with the difference on {payment_method_id}.",),
        "The exchange of the item of {order_id} is requested.",
    ),
    _exchange(
        "exchange_two",
        2,
        (
            "From {it} I want to exchange {item1} for {new1}, and {item2} for {new2}; "
            "{payment_method_id} settles the difference.",
            "Please swap two things of {it}: {item1} for {new1}, and {item2} for {new2}. "
            "The difference is for {payment_method_id}.",
            "Two things from {it} are not right for me. Exchange {item1} for {new1}, and {item2} for {new2}; "
            "{payment_method_id} settles the difference.",
        ),
        ("Let me trade {item1} from {it} for {new1}, {item2} for {new2}, with the difference on {payment_method_id}.",),
        "The exchange of both items of {order_id} is requested.",
    ),
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
        ("change", "address", "profile", "ship", "deliver"),
        ("changed", "updated", "moved"),
        gives="users",
        wants={"address": Wish(Address(), differs="address", carried=("orders.address",))},
    ),
)
