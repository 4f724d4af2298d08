"""What customers want done, and the tools that do it."""

from collections.abc import Mapping
from typing import Any, Final

from toolgym.composing.declaration import Act, Fixed, Key, Own, Pick, Reckoned, Speaker, Wish
from toolgym.composing.fields import Choice, Made, Money, Name, Pattern
from toolgym.envs.airline.timetable import CABIN_NAMES
from toolgym.envs.airline.wants import (
    GOODWILL_MAX_USD,
    MATTERS,
    Bags,
    Insured,
    Person,
    Quote,
    Reason,
    all_bags,
    as_taken,
    bags_to_pay,
    booked_bags,
    card_of,
    choices,
    compensation_due,
    connected,
    cost_of,
    fate,
    is_another,
    is_hit,
    legs_ahead,
    myself,
    pays_changes,
    renamed,
    stands,
)

__all__ = ["ACTS", "BOOKING"]

BOOKING: Final = ("book", "book_seat", "book_connection")
_BOOKED: Final = ("cabin", "date", "people", "bags", "paid_bags")
"""What who books has said, or has just been told."""

_OFFER: Final = Pick("offers", is_another, topic="flight", like=True)
_PAY: Final = Pick("methods", lambda record, method: pays_changes(method), topic="payment")
_CARD: Final = Pick("methods", lambda record, method: method["source"] == "credit_card", topic="payment")


def _on_trip(kind: str, tool: str, takes: Mapping[str, Any], *texts: Any, **rest: Any) -> Act:
    """An act on a reservation, which answers with it."""
    plan = rest.pop("plan", "{cabin}, {date}:")
    return Act(
        kind, tool, "reservations", {"reservation_id": Key(), **takes}, *texts, gives="reservations", plan=plan, **rest
    )


def _booked(
    kind: str, on: str, passengers: Any, flights: Any, wants: Mapping[str, Any], words: Any, unseen: Any
) -> Act:
    """Books a flight, or two, for one passenger."""
    return Act(
        kind, "book_reservation", on,
        {
            "user_id": Speaker(), "origin": Own("origin"), "destination": Own("destination"),
            "flight_type": Fixed("one_way"), "cabin": Own("cabin"), "flights": Reckoned(flights),
            "passengers": passengers,
            "payment_methods": Reckoned(
                lambda seen: [{"payment_id": seen.picked["payment"]["method_id"], "amount": cost_of(seen)}],
                ("speaker",)
            ),
            "total_baggages": Wish(Bags(), topic="bags"),
            "nonfree_baggages": Reckoned(booked_bags, ("speaker",)),
            "insurance": Wish(Insured()),
        },
        words, unseen, "{reservation_id} is booked for {total}.", ("book", "flight", "seat", "balance", "pay"),
        ("booked", "reserved"), gives="reservations", told=("{total}",),
        wants={**wants, "payment": Pick("methods", topic="payment")},
        known=_BOOKED, plan="{price}:", weight=1.3,
    )  # fmt: skip


def _quoted(name: str) -> Reckoned:
    return Reckoned(lambda seen: seen.wishes["flight"][name])


_FOR: Final = {"passenger": Wish(Person(), fact="For {value} please.")}

ACTS: Final = (
    _on_trip(
        "cancel", "cancel_reservation", {},
        (
            "Please cancel {it}: {reason}.", "Cancel {it} because {reason}.", "I want to cancel {it}, {reason}.",
            "I have to cancel {it} as {reason}.", "Can you cancel {it}? The reason: {reason}.",
        ),
        ("Given that {reason}, {it} is to be called off.", "I shall not need {it} any longer, {reason}."),
        "{reservation_id} is cancelled, and {total} are refunded.",
        ("cancel", "refund", "flown", "insur", "call off"), ("cancelled", "canceled", "refunded", "voided"),
        when=stands,
        told=("{total}",), wants={"reason": Wish(Reason(), fact="The reason: {value}.")},
        follows=("rename", "bags", "compensate"), plan="{cabin}, insured {insurance}, booked {created_at}:", weight=1.6,
    ),
    _on_trip(
        "flights", "update_reservation_flights",
        {"cabin": Own("cabin"), "flights": Reckoned(lambda seen: choices([seen.picked["offer"]])), "payment_id": _PAY},
        (
            "Please move {it} to {offer}, payment by {payment_id}.", "Change {it} to {offer}; use {payment_id}.",
            "I want {it} changed to {offer}, the difference goes to {payment_id}.",
            "Can you rebook {it} to {offer}? Use {payment_id}.",
        ),
        ("I would rather take {offer} for {it}; settle it with {payment_id}.",
        "Shift {it} over to {offer}, billing {payment_id}."),
        "{reservation_id} is changed to {number} on {date}.",
        (
            "change", "mov", "rebook", "reschedul", "flight", "date", "basic", "flown", "route", "seat", "certificate",
            "balance",
        ),
        ("changed", "moved", "rebooked", "rescheduled", "switched", "updated"),
        when=lambda record: record["status"] is None and len(record["flights"]) == 1,
        wants={"offer": _OFFER}, follows=("rename", "bags"), weight=1.8,
    ),
    _on_trip(
        "cabin", "update_reservation_flights",
        {
            "cabin": Wish(Choice(CABIN_NAMES), differs="cabin", fact="In {value}."),
            "flights": Reckoned(lambda seen: choices(seen.subject["flights"])), "payment_id": _CARD,
        },
        (
            "Please change {it} to {cabin}, payment by {payment_id}.", "I want {it} in {cabin}; use {payment_id}.",
            "Move {it} to the {cabin} cabin with {payment_id}.", "Can you put {it} into {cabin}? Use {payment_id}.",
        ),
        (
            "I would rather sit in {cabin} on {it}; settle the difference with {payment_id}.",
            "Seats in {cabin} for {it}, if you please, {payment_id} for the difference.",
        ),
        "{reservation_id} is in {cabin} now.", ("change", "cabin", "class", "upgrade", "flown", "economy", "business"),
        ("changed", "moved", "upgraded", "rebooked", "switched", "updated"), when=stands,
        follows=("rename", "bags"),
    ),
    _on_trip(
        "bags", "update_reservation_baggages",
        {
            "total_baggages": Reckoned(all_bags), "nonfree_baggages": Reckoned(bags_to_pay, ("speaker",)),
            "payment_id": _PAY,
        },
        (
            "I want {more} on {it}; use {payment_id}.", "Please note {more} for {it}, with {payment_id}.",
            "There will be {more} on {it}: change that, payment by {payment_id}.",
            "Can {it} have {more}? Use {payment_id}.",
        ),
        ("Make it {more} for {it}, and {payment_id} covers any cost.",
        "Kindly book {it} with {more}, billing {payment_id}."),
        "The checked bags of {reservation_id} are now {bags}, the paid ones {paid_bags}.",
        ("change", "bag", "luggage", "suitcase", "remov", "fewer", "flown", "certificate", "balance"),
        ("added", "removed", "changed", "taken", "deleted", "dropped", "reduced"),
        when=lambda record: record["status"] is None,
        wants={"more": Wish(Bags(1, 2, said="{count} checked {bags} {more}"), topic="bags")},
        follows=("rename", "cabin", "flights"), plan="{cabin}, {bags} bags, {paid_bags} paid:", weight=1.3,
    ),
    _on_trip(
        "rename", "update_reservation_passengers", {"passengers": Reckoned(lambda seen: as_taken(renamed(seen)))},
        (
            "On {it}, the last name of {passenger} should be {name}.",
            "The last name of {passenger} on {it} is wrong, it is {name}.",
            "Please correct the last name of {passenger} on {it}: {name}.",
            "Can you fix a name on {it}: {passenger} has the last name {name}?",
        ),
        (
            "There is a misprint on {it}: {passenger} ought to have the last name {name}.",
            "Kindly write {name} as the last name of {passenger} on {it}.",
        ),
        "{reservation_id} is changed to the name {name}.", ("correct", "name", "passenger", "flown"),
        ("corrected", "changed", "renamed"), when=lambda record: record["status"] is None,
        wants={"passenger": Pick("passengers"), "name": Wish(Name(longest=6), fact="The last name is {value}.")},
        follows=("bags", "cabin", "flights"), weight=1.2,
    ),
    _on_trip(
        "add_passenger", "update_reservation_passengers",
        {"passengers": Reckoned(lambda seen: [*as_taken(seen.subject["passengers"]), seen.wishes["guest"]])},
        (
            "Please add passenger {guest} to {it}.", "I want {guest} to join {it}.",
            "Can you put {guest} on {it} as well?",
        ),
        ("A companion comes along on {it}: {guest} if you please.",),
        "{reservation_id} has one more passenger.",
        ("change", "add", "passenger", "person", "people", "travel", "number", "join"),
        ("added", "included", "joined", "booked"), when=lambda record: record["status"] is None and legs_ahead(record),
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
        ("compensate", "compensat", "certificate", "voucher", "entitle", "eligib", "qualif", "due", "insur"),
        ("sent", "issued", "compensated", "credited", "granted", "paid"),
        told=("${amount}",),
        wants={"flight": Pick("segments", lambda record, leg: is_hit(leg)), "fate": Wish(Made(fate))},
        when=lambda record: record["status"] is None and len(record["flights"]) == 1, follows=("rename",),
        plan="{cabin}, insured {insurance}:", weight=1.5,
    ),
    Act(
        "book_again", "book_reservation", "reservations",
        {
            "user_id": Own("user_id"), "origin": Own("origin"), "destination": Own("destination"),
            "flight_type": Fixed("one_way"), "cabin": Own("cabin"),
            "flights": Reckoned(lambda seen: choices([seen.picked["offer"]])),
            "passengers": Reckoned(lambda seen: as_taken(seen.subject["passengers"])),
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
        wants={"offer": _OFFER, "payment": Pick("methods", topic="payment")}, follows=("cancel",), begins=False,
        plan="{cabin}:",
        gives="reservations", known=("total", *_BOOKED),
    ),
    _booked(
        "book", "offers", Reckoned(lambda seen: [seen.wishes["passenger"]]), lambda seen: choices([seen.subject]),
        _FOR,
        (
            "Book {it} for {passenger} {total_baggages}, {insurance}, with {payment}.",
            "Please book {passenger} on {it}, {total_baggages}, {insurance}, and use {payment}.",
            "I want {it} for {passenger} with {total_baggages} and {insurance}; {payment} pays.",
        ),
        ("Get {passenger} a seat on {it}, {total_baggages}, {insurance}, billed to {payment}.",),
    ),
    _booked(
        "book_seat", "offers", Reckoned(myself, ("speaker",)), lambda seen: choices([seen.subject]), {},
        (
            "Book me {it}, {total_baggages}, {insurance}, with {payment}.",
            "Please book {it} for myself, {total_baggages}, {insurance}, and use {payment}.",
            "I want to fly on {it}: book it with {total_baggages} and {insurance}; {payment} pays.",
        ),
        ("Get me a seat on {it}, {total_baggages}, {insurance}, billed to {payment}.",),
    ),
    _booked(
        "book_connection", "connections", Reckoned(lambda seen: [seen.wishes["passenger"]]),
        lambda seen: connected(seen.subject), _FOR,
        (
            "Book {it} for {passenger} {total_baggages}, {insurance}, with {payment}.",
            "Please book {passenger} on {it}, {total_baggages}, {insurance}, and use {payment}.",
            "I want {it} for {passenger} with {total_baggages} and {insurance}; {payment} pays.",
        ),
        ("Get {passenger} seats on {it}, {total_baggages}, {insurance}, billed to {payment}.",),
    ),
    Act(
        "book_flight", "book_reservation", "",
        {
            "user_id": Speaker(), **{name: _quoted(name) for name in ("origin", "destination", "cabin")},
            "flight_type": Fixed("one_way"), "flights": Reckoned(lambda seen: choices([seen.wishes["flight"]])),
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
        (
            "Get {passenger} a seat on {flight}, neither bags nor insurance, billed to {payment}.",
            "A seat for {passenger} if you please, on {flight}; {payment} pays, and neither bags nor insurance.",
        ),
        "{reservation_id} is booked for {total}.", ("book", "flight", "seat"), ("booked", "reserved"),
        gives="reservations", known=("number", "total", *_BOOKED), weight=1.4, crowds=True,
        wants={**_FOR, "flight": Wish(Quote()), "payment": Wish(Made(card_of), fact="Use {value}.")},
    ),
    Act(
        "goodwill", "send_certificate", "",
        {"user_id": Speaker(), "amount": Wish(Money(25, GOODWILL_MAX_USD, 25))},
        (
            "I was given goodwill code {code} for {amount}. Please send it.",
            "Please send my goodwill certificate of {amount}, code {code}.",
            "My goodwill code is {code}, amount {amount}.",
            "I want the {amount} certificate of goodwill code {code}.",
        ),
        ("The crew handed me goodwill code {code}, worth {amount}; redeem it.",
        "For goodwill code {code} I expect {amount}."),
        "A certificate of {amount} is sent.", ("send", "goodwill", "certificate", "voucher", "most"),
        ("sent", "issued", "granted"),
        wants={"code": Wish(Pattern("GW###"))}, weight=0.7,
    ),
    Act(
        "transfer", "transfer_to_human_agents", "", {"summary": Reckoned(lambda seen: seen.wishes["matter"])},
        (
            "I need help with {matter}.", "I have a question about {matter}.", "Can you arrange {matter}?",
            "I want to talk about {matter}.",
        ),
        ("Who takes care of {matter}?", "My concern is {matter}."), "You are transferred to a human agent.",
        ("transfer", "human"), ("transferred",), wants={"matter": Wish(Choice(MATTERS))}, weight=2.0, hands_over=True,
    ),
)  # fmt: skip
