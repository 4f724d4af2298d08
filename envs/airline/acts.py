"""What customers want of the airline, and the tools that do it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from toolgym.composing.declaration import Act, Fixed, Key, Own, Pick, Reckoned, Seen, Speaker, Wish
from toolgym.composing.fields import TODAY, Choice, Draw, Field, Made, Money, Name, Number, Pattern
from toolgym.composing.names import draw_dob, draw_name
from toolgym.envs.airline.tables import EXTRA_BAG_USD, INSURANCE_USD, free_bags
from toolgym.envs.airline.timetable import CABIN_NAMES

__all__ = [
    "ACTS",
    "BOOKING",
    "CANCELLED_USD",
    "COVERED",
    "DELAYED_USD",
    "GOODWILL_MAX_USD",
    "UNCOVERED",
    "compensation_due",
    "cost_of",
    "holds",
    "legs_ahead",
    "pays_changes",
]

Record = Mapping[str, Any]
BOOKING: Final = ("book", "book_self", "book_stop")
COVERED: Final = ("I am ill", "I broke my leg", "my child is ill", "a storm is coming", "heavy snow is forecast")
"""Reasons of health or weather."""
UNCOVERED: Final = ("my plans changed", "I found a cheaper flight", "my meeting was moved", "I changed my mind")
CANCELLED_USD: Final = 100
DELAYED_USD: Final = 50
"""Compensation for each passenger."""
GOODWILL_MAX_USD: Final = 150
_MATTERS: Final = (
    *("a lost bag", "a pet in the cabin", "a wheelchair at the airport", "a child who flies alone"),
    *("a group of twelve", "an invoice for my company", "a damaged suitcase", "a medical device on board"),
)
"""What the policy hands to human agents."""


# What customers say ------------------------------------------------------------------------------------------------


class Reason(Field):
    """Why a reservation is to be cancelled; that the airline cancelled a flight of it, where it did."""

    def make(self, draw: Draw) -> str:
        hit = [leg["flight_number"] for leg in draw.record["flights"] if leg.get("status") == "cancelled"]
        return f"you cancelled flight {hit[0]}" if hit else draw.rng.choice(COVERED + UNCOVERED)


@dataclass(frozen=True)
class Bags(Number):
    """A number of checked bags, as it is said."""

    low: int = 0
    high: int = 2
    said: str = "{count} checked {bags}"

    def show(self, value: Any) -> str:
        count = abs(value) or "no"
        return self.said.format(count=count, bags="bag" if count == 1 else "bags", more="more" if value > 0 else "fewer")


@dataclass(frozen=True)
class Person(Field):
    """Somebody who flies: name and date of birth, as tools take them."""

    def make(self, draw: Draw) -> dict[str, str]:
        first, last = (draw_name(draw.rng, draw.split, 6) for _ in range(2))
        return {"first_name": first, "last_name": last, "dob": draw_dob(draw.rng)}

    def show(self, value: Any) -> str:
        return f"{value['first_name']} {value['last_name']}, born {value['dob']},"


@dataclass(frozen=True)
class Insured(Choice):
    """Whether travel insurance is bought."""

    values: tuple[Any, ...] = ("no", "no", "yes")

    def show(self, value: Any) -> str:
        return "with insurance" if value == "yes" else "no insurance"


class Quote(Field):
    """A flight that can be booked, with all that a booking needs to know of it."""

    def make(self, draw: Draw) -> Record:
        offers = draw.tables["offers"]
        while True:
            offer = offers[draw.rng.choice(draw.ids("offers"))]
            if offer["seats"]:
                return offer

    def show(self, value: Any) -> str:
        route = f"{value['flight_number']} from {value['origin']} to {value['destination']}"
        return f"flight {route} on {value['date']} in {value['cabin']} at ${value['price']}"


def _card_of(draw: Draw) -> str:
    """A credit card of the customer's, by its id."""
    cards = [one["method_id"] for one in (draw.parent or {})["methods"] if one["source"] == "credit_card"]
    return draw.rng.choice(cards)


def _quoted(name: str) -> Reckoned:
    return Reckoned(lambda seen: seen.wishes["flight"][name])


def _fate(draw: Draw) -> str:
    return next((leg["status"] for leg in draw.record["flights"] if is_hit(leg)), "cancelled")


def is_hit(leg: Record) -> bool:
    """Whether a flight of a reservation was cancelled or delayed, as the customer knows."""
    return leg.get("status") in ("cancelled", "delayed")


# What follows ------------------------------------------------------------------------------------------------------


def legs_ahead(record: Record) -> bool:
    """Whether no flight of a reservation leaves before tomorrow."""
    return all(leg["date"] > TODAY.isoformat() for leg in record["flights"])


def pays_changes(method: Record) -> bool:
    """Whether a payment method can pay for changes."""
    return method["source"] != "certificate"


def holds(method: Record, amount: float) -> bool:
    """Whether the method can pay the amount."""
    return method["source"] == "credit_card" or method["amount"] >= amount


def _paid_bags(seen: Seen, cabin: str, people: int, bags: int) -> int:
    return max(0, bags - free_bags((seen.speaker or {})["membership"], cabin, people))


def _all_bags(seen: Seen) -> int:
    return seen.subject["bags"] + seen.wishes["more"]


def _bags_to_pay(seen: Seen) -> int:
    return _paid_bags(seen, seen.subject["cabin"], len(seen.subject["passengers"]), _all_bags(seen))


def _booked_bags(seen: Seen) -> int:
    return _paid_bags(seen, seen.subject["cabin"], 1, seen.wishes["total_baggages"])


def cost_of(seen: Seen) -> int:
    """What the payment method that was picked is to pay."""
    subject, offer = seen.subject, seen.picked.get("offer")
    if "more" in seen.wishes:
        return EXTRA_BAG_USD * max(0, _bags_to_pay(seen) - subject["paid_bags"])
    if offer is None:
        bags, insurance = _booked_bags(seen), INSURANCE_USD * (seen.wishes["insurance"] == "yes")
        return subject["price"] + EXTRA_BAG_USD * bags + insurance
    before = 0 if subject["status"] == "cancelled" else subject["flights"][0]["price"]
    return (offer["price"] - before) * len(subject["passengers"])


def compensation_due(seen: Seen) -> int:
    """The certificate in dollars that a cancelled or delayed flight entitles to; 0 where nothing is due."""
    record, membership = seen.subject, (seen.speaker or {})["membership"]
    if membership == "regular" and record["insurance"] == "no" and record["cabin"] != "business":
        return 0
    return (CANCELLED_USD if seen.wishes["fate"] == "cancelled" else DELAYED_USD) * len(record["passengers"])


def _renamed(seen: Seen) -> list[dict[str, str]]:
    """The passengers, one of them with the right last name."""
    wrong = seen.picked["passenger"]["name"]
    return [
        {**person, "last_name": seen.wishes["name"]} if person["name"] == wrong else person
        for person in _people(seen.subject)
    ]


def _people(record: Record) -> list[dict[str, str]]:
    return [dict(person) for person in record["passengers"]]


def _as_taken(people: Sequence[Record]) -> list[dict[str, str]]:
    return [{name: person[name] for name in ("first_name", "last_name", "dob")} for person in people]


def _choices(flights: Sequence[Record]) -> list[dict[str, str]]:
    return [{name: leg[name] for name in ("flight_number", "date")} for leg in flights]


def _connected(offer: Record) -> list[dict[str, str]]:
    return [
        {"flight_number": offer["first"], "date": offer["date"]},
        {"flight_number": offer["second"], "date": offer["second_date"]},
    ]


def _myself(seen: Seen) -> list[dict[str, str]]:
    user = seen.speaker or {}
    return [{"first_name": user["first"], "last_name": user["last"], "dob": user["dob"]}]


def _is_another(record: Record | None, offer: Record) -> bool:
    """Whether a flight has a seat for all who fly, and is not the one that is booked."""
    if record is None:
        return True
    return offer["seats"] >= len(record["passengers"]) and [offer["flight_number"], offer["date"]] != record["legs"][0]


# Acts --------------------------------------------------------------------------------------------------------------

_OFFER: Final = Pick("offers", _is_another, topic="flight", like=True)
_PAY: Final = Pick("methods", lambda record, method: pays_changes(method), topic="payment")
_CARD: Final = Pick("methods", lambda record, method: method["source"] == "credit_card", topic="payment")


def _on_trip(kind: str, tool: str, takes: Mapping[str, Any], *texts: Any, **rest: Any) -> Act:
    """An act on a reservation, which answers with it."""
    plan = rest.pop("plan", "{cabin}, {date}:")
    return Act(kind, tool, "reservations", {"reservation_id": Key(), **takes}, *texts, gives="reservations", plan=plan, **rest)


def _booked(kind: str, on: str, passengers: Any, flights: Any, wants: Mapping[str, Any], words: Any, unseen: Any) -> Act:
    """Books a flight, or two, for one passenger."""
    return Act(
        kind, "book_reservation", on,
        {
            "user_id": Speaker(), "origin": Own("origin"), "destination": Own("destination"),
            "flight_type": Fixed("one_way"), "cabin": Own("cabin"), "flights": Reckoned(flights),
            "passengers": passengers,
            "payment_methods": Reckoned(
                lambda seen: [{"payment_id": seen.picked["payment"]["method_id"], "amount": cost_of(seen)}], ("speaker",)
            ),
            "total_baggages": Wish(Bags(), topic="bags"),
            "nonfree_baggages": Reckoned(_booked_bags, ("speaker",)),
            "insurance": Wish(Insured()),
        },
        words, unseen, "{reservation_id} is booked for {total}.", ("book", "flight", "seat", "balance", "pay"),
        ("booked", "reserved"), gives="reservations", told=("{total}",), wants={**wants, "payment": Pick("methods", topic="payment")},
        plan="{price}:", weight=1.3,
    )  # fmt: skip


_FOR: Final = {"passenger": Wish(Person(), fact="For {value} please.")}

ACTS: Final = (
    _on_trip(
        "cancel", "cancel_reservation", {},
        (
            "Please cancel {it}: {reason}.", "Cancel {it} because {reason}.", "I want to cancel {it}, {reason}.",
            "I have to cancel {it} as {reason}.", "Can you cancel {it}? The reason: {reason}.",
        ),
        ("Given that {reason}, call off {it}.", "I shall not need {it} any longer, {reason}."),
        "{reservation_id} is cancelled, and {total} are refunded.",
        ("cancel", "refund", "flown", "insur", "call off"), ("cancelled", "canceled", "refunded"),
        when=lambda record: record["status"] is None and all(leg["date"] != TODAY.isoformat() for leg in record["flights"]),
        told=("{total}",), wants={"reason": Wish(Reason(), fact="The reason: {value}.")},
        follows=("rename", "bags", "compensate"), plan="{cabin}, insured {insurance}, booked {created_at}:", weight=1.6,
    ),
    _on_trip(
        "flights", "update_reservation_flights",
        {"cabin": Own("cabin"), "flights": Reckoned(lambda seen: _choices([seen.picked["offer"]])), "payment_id": _PAY},
        (
            "Please move {it} to {offer}, payment by {payment_id}.", "Change {it} to {offer}; use {payment_id}.",
            "I want {it} changed to {offer}, the difference goes to {payment_id}.",
            "Can you rebook {it} to {offer}? Use {payment_id}.",
        ),
        ("I would rather take {offer} for {it}; settle it with {payment_id}.", "Shift {it} over to {offer}, billing {payment_id}."),
        "{reservation_id} is changed to {number} on {date}.",
        ("change", "move", "flight", "basic", "flown", "route", "seat", "certificate", "balance"),
        ("changed", "moved", "rebooked"), when=lambda record: record["status"] is None and len(record["flights"]) == 1,
        wants={"offer": _OFFER}, follows=("rename", "bags", "cabin"), weight=1.6,
    ),
    _on_trip(
        "cabin", "update_reservation_flights",
        {
            "cabin": Wish(Choice(CABIN_NAMES), differs="cabin"),
            "flights": Reckoned(lambda seen: _choices(seen.subject["flights"])), "payment_id": _CARD,
        },
        (
            "Please change {it} to {cabin}, payment by {payment_id}.", "I want {it} in {cabin}; use {payment_id}.",
            "Move {it} to the {cabin} cabin with {payment_id}.", "Can you put {it} into {cabin}? Use {payment_id}.",
        ),
        ("I would rather sit in {cabin} on {it}; settle the difference with {payment_id}.",),
        "{reservation_id} is in {cabin} now.", ("change", "cabin", "class", "flown", "certificate"),
        ("changed", "moved", "upgraded"), when=lambda record: record["status"] is None and _is_ahead_or_past(record),
        follows=("rename", "bags"),
    ),
    _on_trip(
        "bags", "update_reservation_baggages",
        {
            "total_baggages": Reckoned(_all_bags), "nonfree_baggages": Reckoned(_bags_to_pay, ("speaker",)),
            "payment_id": _PAY,
        },
        (
            "I want {more} on {it}; use {payment_id}.", "Please note {more} for {it}, with {payment_id}.",
            "There will be {more} on {it}: change that, payment by {payment_id}.", "Can {it} have {more}? Use {payment_id}.",
        ),
        ("Make it {more} for {it}, and {payment_id} covers any cost.", "Kindly book {it} with {more}, billing {payment_id}."),
        "The checked bags of {reservation_id} are now {bags}, the paid ones {paid_bags}.",
        ("change", "bag", "luggage", "remov", "fewer", "flown", "certificate", "balance"),
        ("added", "removed", "changed", "taken"), when=lambda record: record["status"] is None,
        wants={"more": Wish(Bags(1, 2, said="{count} checked {bags} {more}"), topic="bags")},
        follows=("rename", "cabin", "flights"), plan="{cabin}, {bags} bags, {paid_bags} paid:", weight=1.3,
    ),
    _on_trip(
        "rename", "update_reservation_passengers", {"passengers": Reckoned(lambda seen: _as_taken(_renamed(seen)))},
        (
            "On {it}, the last name of {passenger} should be {name}.",
            "The last name of {passenger} on {it} is wrong, it is {name}.",
            "Please correct the last name of {passenger} on {it}: {name}.",
            "Can you fix a name on {it}: {passenger} has the last name {name}?",
        ),
        ("There is a misprint on {it}: {passenger} ought to have the last name {name}.",),
        "{reservation_id} is changed to the name {name}.", ("correct", "name", "passenger", "flown"),
        ("corrected", "changed", "renamed"), when=lambda record: record["status"] is None,
        wants={"passenger": Pick("passengers"), "name": Wish(Name(longest=6), fact="The last name is {value}.")},
        follows=("bags", "cabin", "flights"), weight=1.2,
    ),
    _on_trip(
        "join", "update_reservation_passengers",
        {"passengers": Reckoned(lambda seen: [*_as_taken(_people(seen.subject)), seen.wishes["guest"]])},
        (
            "Please add passenger {guest} to {it}.", "I want {guest} to join {it}.", "Can you put {guest} on {it} as well?",
        ),
        ("A companion comes along on {it}: {guest} if you please.",),
        "{reservation_id} has one more passenger.", ("change", "add", "passenger", "number", "join"),
        ("added", "included", "joined"), when=lambda record: record["status"] is None and legs_ahead(record),
        wants={"guest": Wish(Person(), topic="passenger")}, follows=(),
    ),
    Act(
        "compensate", "send_certificate", "reservations",
        {"user_id": Own("user_id"), "amount": Reckoned(compensation_due, ("speaker",))},
        (
            "{flight} of {it} was {fate}; I want compensation.", "Please compensate me: {flight} of {it} was {fate}.",
            "I ask for compensation, as {flight} of {it} was {fate}.",
            "What do I get for {it}? You see, {flight} was {fate}.",
        ),
        ("Since {flight} was {fate}, I claim what I am due for {it}.",), "A certificate of ${amount} is sent.",
        ("compensate", "certificate", "entitle", "due", "insur"), ("sent", "issued", "compensated"),
        told=("${amount}",), wants={"flight": Pick("segments", lambda record, leg: is_hit(leg)), "fate": Wish(Made(_fate))},
        when=lambda record: record["status"] is None and len(record["flights"]) == 1, follows=("rename",),
        plan="{cabin}, insured {insurance}:", weight=1.5,
    ),
    Act(
        "again", "book_reservation", "reservations",
        {
            "user_id": Own("user_id"), "origin": Own("origin"), "destination": Own("destination"),
            "flight_type": Fixed("one_way"), "cabin": Own("cabin"),
            "flights": Reckoned(lambda seen: _choices([seen.picked["offer"]])),
            "passengers": Reckoned(lambda seen: _as_taken(_people(seen.subject))),
            "payment_methods": Reckoned(
                lambda seen: [{"payment_id": seen.picked["payment"]["method_id"], "amount": cost_of(seen)}]
            ),
            "total_baggages": Fixed(0), "nonfree_baggages": Fixed(0), "insurance": Fixed("no"),
        },
        (
            "Book all who are on {it} on {offer} instead, no bags, no insurance, with {payment}.",
            "Those on {it} need other seats: book {offer} for them, no bags, no insurance, with {payment}.",
        ),
        ("Get everybody of {it} onto {offer}, neither bags nor insurance, billing {payment}.",),
        "{reservation_id} is booked for {total}.", ("book", "flight", "seat", "balance"), ("booked", "reserved"),
        told=("{total}",), when=lambda record: record["status"] == "cancelled" and len(record["flights"]) == 1,
        wants={"offer": _OFFER, "payment": Pick("methods", topic="payment")}, follows=("cancel",), begins=False, plan="{cabin}:",
        gives="reservations",
    ),
    _booked(
        "book", "offers", Reckoned(lambda seen: [seen.wishes["passenger"]]), lambda seen: _choices([seen.subject]), _FOR,
        (
            "Book {it} for {passenger} {total_baggages}, {insurance}, with {payment}.",
            "Please book {passenger} on {it}, {total_baggages}, {insurance}, and use {payment}.",
            "I want {it} for {passenger} with {total_baggages} and {insurance}; {payment} pays.",
        ),
        ("Get {passenger} a seat on {it}, {total_baggages}, {insurance}, billed to {payment}.",),
    ),
    _booked(
        "book_self", "offers", Reckoned(_myself, ("speaker",)), lambda seen: _choices([seen.subject]), {},
        (
            "Book me {it}, {total_baggages}, {insurance}, with {payment}.",
            "Please book {it} for myself, {total_baggages}, {insurance}, and use {payment}.",
            "I want to fly on {it}: book it with {total_baggages} and {insurance}; {payment} pays.",
        ),
        ("Get me a seat on {it}, {total_baggages}, {insurance}, billed to {payment}.",),
    ),
    _booked(
        "book_stop", "connections", Reckoned(lambda seen: [seen.wishes["passenger"]]), lambda seen: _connected(seen.subject), _FOR,
        (
            "Book {it} for {passenger} {total_baggages}, {insurance}, with {payment}.",
            "Please book {passenger} on {it}, {total_baggages}, {insurance}, and use {payment}.",
            "I want {it} for {passenger} with {total_baggages} and {insurance}; {payment} pays.",
        ),
        ("Get {passenger} seats on {it}, {total_baggages}, {insurance}, billed to {payment}.",),
    ),
    Act(
        "book_quoted", "book_reservation", "",
        {
            "user_id": Speaker(), **{name: _quoted(name) for name in ("origin", "destination", "cabin")},
            "flight_type": Fixed("one_way"), "flights": Reckoned(lambda seen: _choices([seen.wishes["flight"]])),
            "passengers": Reckoned(lambda seen: [seen.wishes["passenger"]]),
            "payment_methods": Reckoned(
                lambda seen: [{"payment_id": seen.wishes["payment"], "amount": seen.wishes["flight"]["price"]}]
            ),
            "total_baggages": Fixed(0), "nonfree_baggages": Fixed(0), "insurance": Fixed("no"),
        },
        (
            "Book {flight} for {passenger} no bags, no insurance, with {payment}.",
            "Please book {passenger} on {flight}, no bags, no insurance, and use {payment}.",
            "I want {flight} for {passenger} without bags and insurance; {payment} pays.",
        ),
        ("Get {passenger} a seat on {flight}, neither bags nor insurance, billed to {payment}.",),
        "{reservation_id} is booked for {total}.", ("book", "flight", "seat"), ("booked", "reserved"),
        gives="reservations", weight=2.0, crowds=True,
        wants={"flight": Wish(Quote()), "payment": Wish(Made(_card_of)), "passenger": _FOR["passenger"]},
    ),
    Act(
        "goodwill", "send_certificate", "",
        {"user_id": Speaker(), "amount": Wish(Money(25, GOODWILL_MAX_USD, 25))},
        (
            "I was given goodwill code {code} for {amount}. Please send it.",
            "Please send my goodwill certificate of {amount}, code {code}.", "My goodwill code is {code}, amount {amount}.",
            "I want the {amount} certificate of goodwill code {code}.",
        ),
        ("The crew handed me goodwill code {code}, worth {amount}; redeem it.", "For goodwill code {code} I expect {amount}."),
        "A certificate of {amount} is sent.", ("send", "goodwill", "certificate", "most"), ("sent", "issued"),
        wants={"code": Wish(Pattern("GW###"))}, weight=0.7,
    ),
    Act(
        "transfer", "transfer_to_human_agents", "", {"summary": Reckoned(lambda seen: seen.wishes["matter"])},
        (
            "I need help with {matter}.", "I have a question about {matter}.", "Can you arrange {matter}?",
            "I want to talk about {matter}.",
        ),
        ("Who takes care of {matter}?", "My concern is {matter}."), "You are transferred to a human agent.",
        ("transfer", "human"), ("transferred",), wants={"matter": Wish(Choice(_MATTERS))}, weight=2.0, hands_over=True,
    ),
)  # fmt: skip


def _is_ahead_or_past(record: Record) -> bool:
    return all(leg["date"] != TODAY.isoformat() for leg in record["flights"])
