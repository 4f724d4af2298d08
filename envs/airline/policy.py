"""The airline's policy: what is not allowed, and what else an agent must know."""

from datetime import timedelta
from typing import Any, Final

from toolgym.composing.declaration import Pick, Rule, Seen, always
from toolgym.composing.fields import Choice, Money
from toolgym.envs.airline.acts import BOOKING
from toolgym.envs.airline.tables import EXTRA_BAG_USD, FREE_BAGS, INSURANCE_USD, NOW
from toolgym.envs.airline.timetable import past
from toolgym.envs.airline.wants import (
    CANCELLED_USD,
    COVERED,
    DELAYED_USD,
    GOODWILL_MAX_USD,
    UNCOVERED,
    Bags,
    compensation_due,
    cost_of,
    holds,
    pays_changes,
)

__all__ = ["NOTES", "RULES"]

_CHANGES: Final = ("flights", "bags")
"""Changes that any method of the customer's may pay, but a certificate."""
_HARDLY_ENOUGH: Final = 150
"""Dollars on a gift card or certificate that may be too few."""
_A_DAY_AGO: Final = (NOW - timedelta(hours=24)).isoformat()


def _flown(seen: Seen) -> bool:
    return any(past(leg["date"]) for leg in seen.subject["flights"])


def _stays(seen: Seen) -> bool:
    """Whether nothing lets the customer cancel."""
    record, reason = seen.subject, seen.wishes["reason"]
    if record["created_at"] >= _A_DAY_AGO or record["cabin"] == "business" or reason.startswith("you cancelled"):
        return False
    return not (record["insurance"] == "yes" and reason in COVERED)


def _pays(seen: Seen) -> Any:
    return seen.picked.get("payment") or seen.picked["payment_id"]


def _too_little(seen: Seen) -> bool:
    method = _pays(seen)
    return pays_changes(method) and not holds(method, cost_of(seen))


def _is_low(method: Any) -> bool:
    """Whether it may hold too little."""
    return not holds(method, _HARDLY_ENOUGH)


def _goes_elsewhere(seen: Seen) -> bool:
    offer = seen.picked["offer"]
    return any(offer[end] != seen.subject[end] for end in ("origin", "destination"))


def _leads_elsewhere(record: Any, offer: Any) -> bool:
    """Whether it leaves from the same airport, but arrives at another one."""
    if record is None:
        return True
    same = (offer["origin"], offer["cabin"]) == (record["origin"], record["cabin"])
    return same and offer["destination"] != record["destination"] and not _seats_too_few(record, offer)


def _seats_too_few(record: Any, offer: Any) -> bool:
    return record is None or offer["seats"] < len(record["passengers"])


def _is_full(seen: Seen) -> bool:
    return _seats_too_few(seen.subject, seen.picked["offer"])


RULES: Final = (
    Rule(
        "flown", ("cancel", "flights", "cabin", "bags", "rename"), _flown,
        "A reservation is flown once one of its flights has a date before today. Nothing of a flown reservation is "
        "cancelled or changed.", "it is flown",
    ),
    Rule(
        "stays", ("cancel",), _stays,
        "A reservation that is not flown is cancelled if it was booked within the last 24 hours, or is in business, or "
        "the airline cancelled a flight of it (the customer's word is enough), or it is insured and the reason is "
        "health or weather; in no other case.",
        "in {cabin}, with insurance: {insurance}, there is no ground for it", tempts={"reason": Choice(UNCOVERED)},
    ),
    Rule(
        "basic", ("flights",), lambda seen: seen.subject["cabin"] == "basic_economy",
        "Flights of basic_economy reservations are not changed.", "flights in {cabin} stay as they are",
    ),
    Rule(
        "other_route", ("flights",), _goes_elsewhere,
        "A flight is changed only for one between the same airports.",
        "origin and destination of a reservation stay", sees=("picked",),
        tempts={"offer": Pick("offers", _leads_elsewhere, topic="flight")},
    ),
    Rule(
        "full", ("flights", "book_again"), _is_full,
        "A flight that has too few free seats in the cabin is not booked, and no other one is taken in its place.",
        "the flight has too few free seats in {cabin}", sees=("picked",),
        tempts={"offer": Pick("offers", _seats_too_few, topic="flight", like=True)},
    ),
    Rule(
        "sold_out", BOOKING, lambda seen: not seen.subject["seats"],
        "This holds for a flight without a free seat, and for a connection if one of its two flights has none.",
        "there is no free seat in {cabin}",
    ),
    Rule(
        "no_certificate", _CHANGES, lambda seen: not pays_changes(_pays(seen)),
        "A certificate cannot pay for a change.", "a certificate cannot pay for a change", sees=("picked",),
        tempts={"payment_id": Pick("methods", lambda record, method: not pays_changes(method), topic="payment")},
    ),
    Rule(
        "balance", (*_CHANGES, *BOOKING, "book_again"), _too_little,
        "A gift card or certificate pays only what it holds; what costs more is refused.",
        "what is to be paid is more than the balance", sees=("picked", "speaker"),
        tempts={
            "payment_id": Pick("methods", lambda _, method: pays_changes(method) and _is_low(method), topic="payment"),
            "payment": Pick("methods", lambda _, method: _is_low(method), topic="payment"),
        },
    ),
    Rule(
        "fewer_bags", ("bags",), lambda seen: seen.wishes["more"] < 0,
        "Bags are added to a reservation, but never removed.", "bags are never removed",
        tempts={"more": Bags(-1, -1, said="{count} checked {bags} {more}")},
    ),
    Rule(
        "number_stays", ("add_passenger",), always, "The number of passengers of a reservation is never changed.",
        "the number of passengers stays",
    ),
    Rule(
        "nothing_due", ("compensate",), lambda seen: not compensation_due(seen),
        "Nothing is due to a regular member whose reservation is neither insured nor in business.",
        "nothing is due to regular members without insurance in {cabin}", sees=("speaker",),
    ),
    Rule(
        "too_much", ("goodwill",), lambda seen: seen.wishes["amount"] > GOODWILL_MAX_USD,
        f"A goodwill certificate is of ${GOODWILL_MAX_USD} at most.",
        "{amount} are more than a goodwill certificate has",
        tempts={"amount": Money(GOODWILL_MAX_USD + 25, 400, 25)},
    ),
)  # fmt: skip


def _free(membership: str) -> str:
    bags = FREE_BAGS[membership]
    return f"{membership}: {', '.join(f'{count} in {cabin}' for cabin, count in bags.items())}"


NOTES: Final = {
    "Customers": (
        "A profile has credit cards, gift cards and certificates as payment methods, and a membership: regular, silver "
        "or gold.",
        "One payment method of the customer pays the whole of what is asked for.",
        f"It is {NOW:%Y-%m-%d, %H:%M} now. All times are Eastern.",
    ),
    "Flights": (
        "A search shows the flights that can be booked on a date, with free seats and fares by cabin. The cheapest one "
        "is that with the lowest fare in the cabin, the earliest that which departs first, be it full or not.",
        "A one-stop connection is two flights on one date. Its fare is the sum of both.",
    ),
    "Bookings": (
        f"The price is the fare of each passenger, ${INSURANCE_USD} more for each with insurance, and "
        f"${EXTRA_BAG_USD} for each bag that is not free. Tell the customer what it comes to.",
        f"Free checked bags of each passenger, by the membership of who books: {'; '.join(map(_free, FREE_BAGS))}.",
        "Insurance is bought with a booking only.",
    ),
    "Changes": (
        "A new flight stays in the cabin of the reservation. A new cabin holds for all flights of the reservation, "
        "which stay; it is paid with a credit card. The tool settles the difference in price.",
        "Added bags count together with those that there are: what exceeds the free ones is paid.",
        "After a cancellation tell the customer what is refunded.",
    ),
    "Compensation": (
        f"For a flight of the reservation that was cancelled send a certificate of ${CANCELLED_USD} a passenger, for "
        f"one that was delayed ${DELAYED_USD} a passenger. The customer's word is enough. Tell the "
        "customer the amount.",
        "A goodwill code (GW and three digits) entitles to a certificate of its amount without further checks.",
    ),
    "Human agents": (
        "Hand the customer over for what no tool can do: lost or damaged baggage, pets, wheelchairs, medical devices "
        "on board, children who fly alone, groups of more than nine, invoices for companies.",
    ),
}
