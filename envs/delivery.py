"""The food delivery: customers and their addresses, restaurants and their menus, orders and their items, vouchers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from toolgym.composing.declaration import Act, Declaration, Key, Look, Pick, Reckoned, Rule, Seen, Speaker, Wish
from toolgym.composing.fields import (
    TODAY,
    Choice,
    Clock,
    Code,
    Day,
    Dollars,
    Draw,
    Flag,
    Made,
    Money,
    Name,
    Number,
    Pattern,
    Ref,
    Refs,
    Words,
)
from toolgym.composing.tables import Table
from toolgym.mcp_servers.delivery import COMPLAINTS, CUISINES, HANDOVERS, TOOLS

__all__ = ["DELIVERY"]

ZONES: Final = ("Northside", "Southbank")
STREETS: Final = ("Mill", "Oak", "Harbour", "Station", "Church", "Garden")
NUMBERS: Final = tuple(str(number) for number in range(2, 99))
FEWEST_DOLLARS: Final = 15
CANCELLATION_FEE: Final = 3
FARTHEST, COMPLAIN_SINCE = ((TODAY + timedelta(days=days)).isoformat() for days in (7, -3))
"""The last day for which is ordered, and the first whose deliveries can be complained about."""
OPEN: Final = ("scheduled", "scheduled", "accepted", "cooking", "on its way")
CLOSED: Final = ("delivered", "delivered", "delivered", "cancelled")
_PARTS: Final = (2, 1, 3)
"""How many items the orders have, in turn."""


@dataclass(frozen=True)
class Portions(Number):
    """A number of portions; of at most as many as the record has."""

    low: int = 1
    high: int = 6

    def make(self, draw: Draw) -> int:
        return draw.rng.randint(self.low, draw.record.get("portions", self.high))

    def show(self, value: Any) -> str:
        return f"{value} portion{'s' if value > 1 else ''}"


@dataclass(frozen=True)
class Evening(Clock):
    """A time in the evening, `first_day` to `last_day` days from today."""

    first_day: int = 1
    last_day: int = 7

    def make(self, draw: Draw) -> str:
        return f"{draw.day(self.first_day, self.last_day)} {super().make(draw)}"


def _parent(name: str) -> Callable[[Draw], Any]:
    return lambda draw: (draw.parent or {})[name]


def _is_open(draw: Draw) -> bool:
    return draw.index % 2 == 0


def _restaurant(draw: Draw) -> str:
    """One that delivers to the address."""
    zone = ZONES.index(draw.tables["addresses"][draw.record["address_id"]]["zone"])
    return draw.rng.choice(draw.ids("restaurants")[zone :: len(ZONES)])


def _contents(draw: Draw) -> list[dict[str, Any]]:
    menu = draw.tables["restaurants"][draw.record["restaurant_id"]]["menu"]
    chosen = draw.rng.sample(menu, _PARTS[draw.index % len(_PARTS)])
    return [{"dish_id": key, "portions": draw.rng.randint(1, 3)} for key in chosen]


def _dishes(draw: Draw) -> list[tuple[Mapping[str, Any], int]]:
    """The dishes of the order that is being made, and their portions."""
    return [(draw.tables["dishes"][item["dish_id"]], item["portions"]) for item in draw.record["contents"]]


def _due(draw: Draw) -> str:
    """A scheduled order is for today or later, another open one for this evening, a closed one was some days ago."""
    if not _is_open(draw):
        return Evening(17, 21, 5, first_day=-9, last_day=-1).make(draw)
    last = 6 if draw.record["status"] == "scheduled" else 0
    return Evening(18, 21, 5, first_day=0, last_day=last).make(draw)


def _fee(draw: Draw) -> int:
    plus = draw.tables["customers"][draw.record["customer_id"]]["membership"] == "plus"
    return 0 if plus else draw.tables["restaurants"][draw.record["restaurant_id"]]["fee"]


def _of_item(name: str) -> Callable[[Draw], Any]:
    """What the item's dish, or the order's contents, have."""

    def by(draw: Draw) -> Any:
        part = (draw.parent or {})["contents"][draw.place]
        return part[name] if name in part else draw.tables["dishes"][part["dish_id"]][name]

    return by


CUSTOMERS = Table(
    "customers", "account", "customer_id",
    {
        "first": Name(longest=7),
        "last": Name(longest=8),
        "customer_id": Code("{last}-####"),
        "phone": Pattern("0###-######", label="phone number", told="with phone number {value}"),
        "membership": Choice(("standard", "standard", "plus"), label="membership"),
        "wallet": Money(0, 60, label="wallet balance"),
        "owed": Choice((0, 0, 0, 0, 0, 12)),
        "refunds": Choice((0, 0, 1, 1, 2, 3, 4), label="number of refunds this month"),
        "addresses": Refs("addresses"),
    },
    {"small": 12, "standard": 300, "large": 2000},
)  # fmt: skip
ADDRESSES = Table(
    "addresses", "address", "address_id",
    {
        "address_id": Code("AD-#####"),
        "customer_id": Ref("customers"),
        "street": Words((NUMBERS, STREETS, ("Lane", "Street", "Road")), label="street", told="at {value}"),
        "kind": Choice(("home", "work", "a friend's home"), label="kind"),
        "floor": Number(0, 9, label="floor"),
        "zone": Choice(ZONES, label="zone"),
    },
    (2, 3, 4), per="customers", plural="addresses",
)  # fmt: skip
RESTAURANTS = Table(
    "restaurants", "restaurant", "restaurant_id",
    {
        "restaurant_id": Code("R-#####"),
        "name": Words(
            (("Blue", "Old", "Happy", "Little", "Royal", "Green"), ("Lantern", "Kitchen", "Table", "Spoon", "Garden")),
            label="name", told="called {value}",
        ),
        "cuisine": Made(
            lambda draw: CUISINES[draw.index % len(CUISINES)], kind="choice", label="cuisine", told="for {value} food",
        ),
        "zone": Made(lambda draw: ZONES[draw.index % len(ZONES)], kind="choice", label="zone", told="in {value}"),
        "minutes": Number(15, 75, unit="minutes", label="delivery time", extremes=("fastest", "slowest")),
        "fee": Money(1, 6, label="delivery fee"),
        "rating": Number(60, 99, unit="of 100", label="rating"),
        "menu": Refs("dishes"),
    },
    {"small": 15, "standard": 60, "large": 240},
)  # fmt: skip
DISHES = Table(
    "dishes", "dish", "dish_id",
    {
        "dish_id": Code("DI-#####"),
        "restaurant_id": Ref("restaurants"),
        "name": Words(
            (
                ("spicy", "grilled", "house", "crispy", "smoked", "fresh"),
                ("noodles", "dumplings", "curry", "salad", "rice bowl", "flatbread", "stew"),
            ),
            label="name", told="'{value}'",
        ),
        "price": Money(5, 28, label="price", told="for {value}", extremes=("cheapest", "most expensive")),
        "zone": Made(_parent("zone"), kind="choice", label="delivery zone"),
        "alcohol": Flag(0.15),
        "available": Flag(0.75),
    },
    (5, 6, 4), per="restaurants", plural="dishes",
)  # fmt: skip
COURIERS = Table(
    "couriers", "courier", "courier_id",
    {
        "courier_id": Code("CR-#####"),
        "name": Name(2, 7, label="name"),
        "vehicle": Choice(("bicycle", "scooter", "car", "cargo bike"), label="vehicle"),
    },
    {"small": 8, "standard": 40, "large": 100},
)  # fmt: skip
ORDERS = Table(
    "orders", "order", "order_id",
    {
        "order_id": Code("O-######"),
        "customer_id": Ref("customers"),
        "address_id": Ref("addresses", by=lambda draw: draw.rng.choice((draw.parent or {})["addresses"])),
        "restaurant_id": Ref("restaurants", by=_restaurant),
        "zone": Made(
            lambda draw: draw.tables["restaurants"][draw.record["restaurant_id"]]["zone"], kind="choice",
            label="delivery zone",
        ),
        "status": Made(
            lambda draw: draw.rng.choice(OPEN if _is_open(draw) else CLOSED), kind="choice", label="status",
        ),
        "courier_id": Ref(
            "couriers",
            by=lambda draw: draw.pick("couriers")["courier_id"]
            if draw.record["status"] in ("on its way", "delivered") else None,
        ),
        "contents": Made(_contents, kind="contents"),
        "alcohol": Made(lambda draw: any(dish["alcohol"] for dish, _ in _dishes(draw)), kind="flag"),
        "due": Made(_due, kind="moment", label="due time", told="for {value}", extremes=("earliest", "latest")),
        "delivered": Made(
            lambda draw: draw.record["due"][:10] if draw.record["status"] == "delivered" else None, kind="day",
        ),
        "handover": Choice(("in person", "in person", *HANDOVERS[1:]), label="handover"),
        "subtotal": Dollars(lambda draw: sum(dish["price"] * n for dish, n in _dishes(draw)), label="subtotal"),
        "fee": Dollars(_fee, label="delivery fee"),
        "discount": Dollars(lambda draw: 0),
        "total": Dollars(
            lambda draw: draw.record["subtotal"] + draw.record["fee"], label="total", told="of {value}",
            extremes=("cheapest", "most expensive"), total="total",
        ),
        "tip": Dollars(lambda draw: 0),
        "complaint": Made(lambda draw: None, kind="complaint"),
    },
    (4, 5, 6), per="customers",
)  # fmt: skip
ITEMS = Table(
    "items", "item", "item_id",
    {
        "item_id": Code("I-######"),
        "order_id": Ref("orders"),
        "customer_id": Ref("customers", by=_parent("customer_id")),
        "dish": Made(_of_item("name"), kind="text", label="dish", told="'{value}'"),
        "portions": Made(_of_item("portions"), kind="portions", label="number of portions"),
        "price": Dollars(_of_item("price"), label="price"),
        "amount": Dollars(
            lambda draw: draw.record["price"] * draw.record["portions"], label="amount",
            extremes=("cheapest", "most expensive"),
        ),
        "delivered": Made(_parent("delivered"), kind="day", label="day of delivery"),
        "state": Made(
            lambda draw: {"delivered": "delivered", "cancelled": "cancelled"}.get(_parent("status")(draw), "ordered"),
            kind="choice",
        ),
    },
    _PARTS, per="orders",
)  # fmt: skip
VOUCHERS = Table(
    "vouchers", "voucher", "voucher_id",
    {
        "voucher_id": Code("V-#####"),
        "customer_id": Ref("customers"),
        "amount": Money(3, 12, label="amount", told="of {value}", extremes=("smallest", "largest"), total="amount"),
        "minimum": Money(10, 60, 5, label="minimum spend"),
        "valid_until": Day(
            -10, 40, label="last day", told="valid until {value}", extremes=("first expiring", "last expiring"),
        ),
        "status": Choice(("unused", "unused", "unused", "used"), label="status"),
    },
    (2, 3, 4, 1), per="customers",
)  # fmt: skip

LOOKS = (
    Look("customer", "get_customer", "customers", {"customer_id": "customer_id"}),
    Look("customer_by_phone", "find_customer", "customers", {"phone": "phone"}, shows=("customer_id",)),
    Look("addresses", "list_addresses", "addresses", {"customer_id": "customer_id"}, many=True),
    Look("restaurant", "get_restaurant", "restaurants", {"restaurant_id": "restaurant_id"}),
    Look(
        "restaurants", "find_restaurants", "restaurants", {"cuisine": "cuisine"}, many=True,
        shows=("restaurant_id", "name", "cuisine", "zone", "minutes"),
    ),
    Look("menu", "list_menu", "dishes", {"restaurant_id": "restaurant_id"}, many=True),
    Look("order", "get_order", "orders", {"order_id": "order_id"}),
    Look(
        "orders", "list_orders", "orders", {"customer_id": "customer_id"}, many=True,
        shows=("order_id", "restaurant_id", "status", "due", "total"),
    ),
    Look("items", "list_items", "items", {"order_id": "order_id"}, many=True),
    Look("courier", "get_courier", "couriers", {"courier_id": "courier_id"}),
    Look("vouchers", "list_vouchers", "vouchers", {"customer_id": "customer_id"}, many=True),
)  # fmt: skip


def _is(*states: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda record: record["status"] in states


def _refund(seen: Seen) -> int:
    """What a cancellation gives back."""
    total = seen.subject["total"]
    if (seen.speaker or {})["membership"] == "plus":
        return total
    return total // 2 if seen.subject["status"] == "cooking" else max(0, total - CANCELLATION_FEE)


ACTS = (
    Act(
        "place", "place_order", "",
        {
            "customer_id": Speaker(), "dish_id": Pick("dishes"), "portions": Wish(Portions(), fact="{value}, please."),
            "address_id": Pick("addresses"), "due": Wish(Evening(17, 21), topic="time", fact="For {value}."),
        },
        (
            "Order {portions} of {dish_id} for {due}, to {address_id}, and tell me the total.",
            "I would like {portions} of {dish_id}, delivered on {due} to {address_id}. What is the total?",
            "Please send {portions} of {dish_id} to {address_id} on {due}. How much is that in all?",
        ),
        ("We are hungry: have {portions} of {dish_id} brought to {address_id} on {due}, and name the full price.",),
        "{order_id} is placed; the total is {total}.",
        about=("order", "place", "dish", "deliver"), past=("placed", "ordered"), gives="orders", told=("{total}",),
        weight=4.0,
    ),
    Act(
        "redirect", "change_address", "orders",
        {
            "order_id": Key(),
            "address_id": Pick(
                "addresses", lambda order, address: address["address_id"] != (order or {}).get("address_id"),
            ),
        },
        (
            "Send {it} to {address_id} instead.", "Please redirect {it} to {address_id}.",
            "I gave the wrong place for {it}: it should go to {address_id}.",
        ),
        ("I shall be elsewhere; have {it} brought to {address_id}.",), "{order_id} will go to the other address.",
        about=("redirect", "address", "send"), past=("redirected", "changed"), gives="orders",
        when=_is(*OPEN), follows=("reschedule", "handover"),
    ),
    Act(
        "reschedule", "reschedule_order", "orders",
        {"order_id": Key(), "due": Wish(Evening(17, 21), differs="due", topic="new time", fact="{value}.")},
        (
            "Move {it} to {due}.", "Please reschedule {it} to {due}.",
            "I need {it} at another time: make that {due}.",
        ),
        ("Our plans have changed; let {it} arrive on {due}.",), "{order_id} is now due on {due}.",
        about=("reschedule", "move", "day"), past=("rescheduled", "moved"), gives="orders", when=_is("scheduled"),
        follows=("redirect", "handover"), weight=0.6,
    ),
    Act(
        "handover", "set_handover", "orders",
        {"order_id": Key(), "handover": Wish(Choice(HANDOVERS), differs="handover", fact="Leave it {value}.")},
        (
            "I want {it} handed over {handover}.", "Please have {it} handed over {handover}.",
            "Change the handover of {it}: {handover}, please.",
        ),
        ("Let the courier know that {it} is to be handed over {handover}.",),
        "{order_id} will be handed over {handover}.", about=("change the handover of", "hand", "alcohol"),
        past=("changed",), gives="orders", when=_is(*OPEN), follows=("place", "redirect", "reschedule"), weight=0.6,
    ),
    Act(
        "cancel", "cancel_order", "orders", {"order_id": Key(), "refund": Reckoned(_refund, sees=("speaker",))},
        (
            "Cancel {it} and tell me what I get back.", "I no longer want {it}; cancel it. How much is refunded?",
            "Please call off {it}. What is the refund?",
        ),
        ("It is not worth waiting for {it}: stop it, and name the sum that comes back to me.",),
        "{order_id} is cancelled; ${refund} goes to your wallet.", about=("cancel", "call off"),
        past=("cancelled", "called off"), gives="orders", when=_is(*OPEN),
        told=("${refund}",), follows=(), plan="{status}, {total}:", weight=3.0,
    ),
    Act(
        "voucher", "redeem_voucher", "orders",
        {
            "order_id": Key(),
            "voucher_id": Pick("vouchers", lambda order, voucher: voucher["status"] == "unused"),
        },
        (
            "Use {voucher_id} for {it} and tell me the new total.",
            "Please take {voucher_id} off {it}. What do I pay then?",
            "I forgot to redeem {voucher_id}: put it towards {it} and tell me the total.",
        ),
        ("Let {voucher_id} make {it} cheaper, and name the price after that.",),
        "{voucher_id} is redeemed; the total of {order_id} is now {total}.",
        about=("redeem a voucher for", "redeem", "voucher"), past=("redeemed", "used"), gives="orders",
        when=_is("scheduled", "accepted"), told=("{total}",), follows=("place", "redirect", "reschedule"), weight=1.5,
    ),
    Act(
        "missing", "refund_item", "items",
        {
            "item_id": Key(), "missing": Wish(Portions(), topic="portions", fact="{value}."),
            "refund": Reckoned(lambda seen: seen.subject["price"] * seen.wishes["missing"]),
        },
        (
            "Of {it}, {missing} did not arrive. How much do I get back?",
            "The bag lacked {missing} of {it}. Please refund that and tell me the amount.",
            "I am missing {missing} of {it}; refund it and tell me how much that is.",
        ),
        ("Not all of {it} was in the bag: {missing} too few. Give me my money back, and name the sum.",),
        "The refund for {item_id} is ${refund}.", about=("refund", "missing", "item"), past=("refunded",),
        gives="items", when=lambda item: item["state"] == "delivered", told=("${refund}",), follows=(), weight=3.0,
    ),
    Act(
        "tip", "tip_courier", "orders", {"order_id": Key(), "amount": Wish(Money(1, 20), topic="tip", fact="{value}.")},
        (
            "I want to give {amount} to the courier of {it}.", "Please add a tip of {amount} to {it}.",
            "A tip of {amount} for the courier who brought {it}, please.",
        ),
        ("The courier of {it} was kind; {amount} on top for that.",), "A tip of {amount} is added to {order_id}.",
        about=("tip",), past=("tipped", "added"), gives="orders", when=_is("delivered"), follows=(),
    ),
    Act(
        "complain", "file_complaint", "orders",
        {"order_id": Key(), "complaint": Wish(Choice(COMPLAINTS), fact="It was {value}.")},
        (
            "I want to complain: {it} was {complaint}.", "Please note a complaint: {it} was {complaint}.",
            "My meal was {complaint}; file that as a complaint about {it}.",
        ),
        ("What came with {it} was {complaint}. I want that on record.",),
        "The complaint about {order_id} is filed.", about=("file a complaint about", "complain", "file"),
        past=("filed", "noted"), gives="orders", when=_is("delivered"), follows=("tip",),
    ),
)  # fmt: skip

RULES = (
    Rule(
        "owing", ("place",), lambda seen: (seen.speaker or {})["owed"] > 0,
        "A customer who owes anything cannot order.", "there is an unpaid balance on your account", sees=("speaker",),
    ),
    Rule(
        "unavailable", ("place",), lambda seen: not seen.picked["dish_id"]["available"],
        "A dish that is not available cannot be ordered.", "that dish is not available", sees=("picked",),
    ),
    Rule(
        "other_zone", ("place", "redirect"),
        lambda seen: seen.picked["address_id"]["zone"] != (seen.picked.get("dish_id") or seen.subject)["zone"],
        "An order cannot be sent to an address outside the delivery zone of its restaurant.",
        "that address is in another zone", sees=("picked",),
    ),
    Rule(
        "too_small", ("place",),
        lambda seen: seen.picked["dish_id"]["price"] * seen.wishes["portions"] < FEWEST_DOLLARS,
        f"An order whose dishes come to less than ${FEWEST_DOLLARS} cannot be placed.",
        f"it is less than ${FEWEST_DOLLARS}", sees=("picked",), tempts={"portions": Portions(1, 2)},
    ),
    Rule(
        "too_far", ("place", "reschedule"), lambda seen: seen.wishes["due"][:10] > FARTHEST,
        "An order cannot be for a day more than seven days ahead.", "{due} is more than seven days ahead",
        tempts={"due": Evening(17, 21, first_day=8, last_day=30)},
    ),
    Rule(
        "same_day", ("reschedule",), lambda seen: seen.subject["due"][:10] == seen.today,
        "An order that is due today cannot be rescheduled.", "it is due today",
    ),
    Rule(
        "on_its_way", ("redirect", "handover", "cancel"), lambda seen: seen.subject["status"] == "on its way",
        "An order that is on its way can be neither redirected nor cancelled, and its handover cannot be changed.",
        "it is on its way",
    ),
    Rule(
        "alcohol", ("handover",), lambda seen: seen.subject["alcohol"] and seen.wishes["handover"] != HANDOVERS[0],
        "An order with alcohol is handed over in person, because the courier checks the age.", "it contains alcohol",
    ),
    Rule(
        "expired", ("voucher",), lambda seen: seen.picked["voucher_id"]["valid_until"] < seen.today,
        "A voucher cannot be redeemed after its last day.", "that voucher has expired", sees=("picked",),
    ),
    Rule(
        "minimum", ("voucher",), lambda seen: seen.picked["voucher_id"]["minimum"] > seen.subject["subtotal"],
        "A voucher cannot be redeemed for an order whose subtotal is below its minimum spend.",
        "the subtotal is {subtotal}, and the voucher asks for more", sees=("picked",),
    ),
    Rule(
        "long_ago", ("missing", "complain"), lambda seen: seen.subject["delivered"] < COMPLAIN_SINCE,
        "What was delivered more than three days ago can be neither refunded nor complained about.",
        "it was delivered on {delivered}",
    ),
    Rule(
        "many_refunds", ("missing",), lambda seen: (seen.speaker or {})["refunds"] >= 3,
        "A customer with three refunds this month or more gets no further one for an item.",
        "there were three refunds this month already", sees=("speaker",),
    ),
    Rule(
        "large_tip", ("tip",), lambda seen: seen.wishes["amount"] > 20, "A tip of more than $20 is not taken.",
        "{amount} is more than $20", tempts={"amount": Money(21, 80)},
    ),
)  # fmt: skip

DELIVERY = Declaration(
    name="delivery", title="Food delivery", who="customers",
    role="You are the customer service of a food delivery. You serve one customer at a time with tools.",
    tables=(CUSTOMERS, ADDRESSES, RESTAURANTS, DISHES, COURIERS, ORDERS, ITEMS, VOUCHERS),
    looks=LOOKS, acts=ACTS, rules=RULES, new_server=lambda size, dialect: TOOLS.server(size=size, dialect=dialect),
    notes={
        "Orders": (
            "Plus customers pay no delivery fee.",
            "A cancelled order is refunded to the wallet: to plus customers in full; to others the total without "
            f"${CANCELLATION_FEE}, or half of it, rounded down, once the order is being cooked.",
        ),
        "Refunds": ("For missing portions, their price is refunded to the wallet.",),
    },
)  # fmt: skip
