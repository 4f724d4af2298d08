"""What customers want of the airline, as they say it, and what follows from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from toolgym.composing.declaration import Seen
from toolgym.composing.fields import TODAY, Choice, Draw, Field, Number
from toolgym.composing.names import draw_dob, draw_name
from toolgym.envs.airline.tables import EXTRA_BAG_USD, INSURANCE_USD, free_bags

__all__ = [
    "CANCELLED_USD",
    "COVERED",
    "DELAYED_USD",
    "GOODWILL_MAX_USD",
    "MATTERS",
    "UNCOVERED",
    "Bags",
    "Insured",
    "Person",
    "Quote",
    "Reason",
    "all_bags",
    "as_taken",
    "bags_to_pay",
    "booked_bags",
    "card_of",
    "choices",
    "compensation_due",
    "connected",
    "cost_of",
    "fate",
    "holds",
    "is_another",
    "is_hit",
    "legs_ahead",
    "myself",
    "pays_changes",
    "renamed",
    "stands",
]

Record = Mapping[str, Any]
COVERED: Final = ("I am ill", "I broke my leg", "my child is ill", "a storm is coming", "heavy snow is forecast")
"""Reasons of health or weather."""
UNCOVERED: Final = ("my plans changed", "I found a cheaper flight", "my meeting was moved", "I changed my mind")
CANCELLED_USD: Final = 100
DELAYED_USD: Final = 50
"""Compensation for each passenger."""
GOODWILL_MAX_USD: Final = 150
MATTERS: Final = (
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
        return self.said.format(
            count=count, bags="bag" if count == 1 else "bags", more="more" if value > 0 else "fewer"
        )


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


def card_of(draw: Draw) -> str:
    """A credit card of the customer's, by its id."""
    cards = [one["method_id"] for one in (draw.parent or {})["methods"] if one["source"] == "credit_card"]
    return draw.rng.choice(cards)


def fate(draw: Draw) -> str:
    """What became of the flight."""
    return next((leg["status"] for leg in draw.record["flights"] if is_hit(leg)), "cancelled")


def is_hit(leg: Record) -> bool:
    """Whether a flight of a reservation was cancelled or delayed, as the customer knows."""
    return leg.get("status") in ("cancelled", "delayed")


# What follows ------------------------------------------------------------------------------------------------------


def stands(record: Record) -> bool:
    """Whether a reservation is not cancelled, and none of its flights is of today."""
    return record["status"] is None and all(leg["date"] != TODAY.isoformat() for leg in record["flights"])


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


def all_bags(seen: Seen) -> int:
    """The bags that there will be."""
    return seen.subject["bags"] + seen.wishes["more"]


def bags_to_pay(seen: Seen) -> int:
    """Those of them that are not free."""
    return _paid_bags(seen, seen.subject["cabin"], len(seen.subject["passengers"]), all_bags(seen))


def booked_bags(seen: Seen) -> int:
    """The bags of a booking that are not free."""
    return _paid_bags(seen, seen.subject["cabin"], 1, seen.wishes["total_baggages"])


def cost_of(seen: Seen) -> int:
    """What the payment method that was picked is to pay."""
    subject, offer = seen.subject, seen.picked.get("offer")
    if "more" in seen.wishes:
        return EXTRA_BAG_USD * max(0, bags_to_pay(seen) - subject["paid_bags"])
    if offer is None:
        bags, insurance = booked_bags(seen), INSURANCE_USD * (seen.wishes["insurance"] == "yes")
        return subject["price"] + EXTRA_BAG_USD * bags + insurance
    before = 0 if subject["status"] == "cancelled" else subject["flights"][0]["price"]
    return (offer["price"] - before) * len(subject["passengers"])


def compensation_due(seen: Seen) -> int:
    """The certificate in dollars that a cancelled or delayed flight entitles to; 0 where nothing is due."""
    record, membership = seen.subject, (seen.speaker or {})["membership"]
    if membership == "regular" and record["insurance"] == "no" and record["cabin"] != "business":
        return 0
    return (CANCELLED_USD if seen.wishes["fate"] == "cancelled" else DELAYED_USD) * len(record["passengers"])


def renamed(seen: Seen) -> list[Record]:
    """The passengers, one of them with the right last name."""
    wrong = seen.picked["passenger"]["name"]
    return [
        {**person, "last_name": seen.wishes["name"]} if person["name"] == wrong else person
        for person in seen.subject["passengers"]
    ]


def as_taken(people: Sequence[Record]) -> list[dict[str, str]]:
    """Passengers as the tools take them."""
    return [{name: person[name] for name in ("first_name", "last_name", "dob")} for person in people]


def choices(flights: Sequence[Record]) -> list[dict[str, str]]:
    """Flights as the tools take them."""
    return [{name: leg[name] for name in ("flight_number", "date")} for leg in flights]


def connected(offer: Record) -> list[dict[str, str]]:
    """Both flights of a connection as the tools take them."""
    return [
        {"flight_number": offer["first"], "date": offer["date"]},
        {"flight_number": offer["second"], "date": offer["second_date"]},
    ]


def myself(seen: Seen) -> list[dict[str, str]]:
    """The customer as the one passenger."""
    user = seen.speaker or {}
    return [{"first_name": user["first"], "last_name": user["last"], "dob": user["dob"]}]


def is_another(record: Record | None, offer: Record) -> bool:
    """Whether a flight has a seat for all who fly, and is not the one that is booked."""
    if record is None:
        return True
    return offer["seats"] >= len(record["passengers"]) and [offer["flight_number"], offer["date"]] != record["legs"][0]
