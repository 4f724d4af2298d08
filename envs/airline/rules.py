"""The policy's numbers, for the world generator, the tasks and the tests. `policy.md` says the same in words."""

from datetime import date, datetime, timedelta
from typing import Any, Final, Literal

__all__ = [
    "CABINS",
    "CANCELLED_FLIGHT_USD",
    "DELAYED_FLIGHT_USD",
    "EXTRA_BAG_USD",
    "FREE_BAGS",
    "GOODWILL_MAX_USD",
    "INSURANCE_USD",
    "NOW",
    "TODAY",
    "Cabin",
    "Membership",
    "booked_within_day",
    "compensation_due",
    "flown",
    "free_bags",
    "may_cancel",
]

Cabin = Literal["basic_economy", "economy", "business"]
Membership = Literal["regular", "silver", "gold"]

CABINS: Final[tuple[Cabin, ...]] = ("basic_economy", "economy", "business")

NOW: Final = datetime(2026, 6, 15, 12, 0, 0)
"""The present, in every generated world (Eastern Standard Time)."""
TODAY: Final[date] = NOW.date()

FREE_BAGS: Final[dict[str, dict[str, int]]] = {
    "regular": {"basic_economy": 0, "economy": 1, "business": 2},
    "silver": {"basic_economy": 1, "economy": 2, "business": 3},
    "gold": {"basic_economy": 2, "economy": 3, "business": 4},
}
"""Membership -> cabin -> free checked bags for each passenger."""

EXTRA_BAG_USD: Final = 50
INSURANCE_USD: Final = 30
"""For each passenger."""
CANCELLED_FLIGHT_USD: Final = 100
"""Compensation for each passenger."""
DELAYED_FLIGHT_USD: Final = 50
"""Compensation for each passenger."""
GOODWILL_MAX_USD: Final = 150


def free_bags(membership: str, cabin: str, passengers: int) -> int:
    """Checked bags that cost nothing on a reservation."""
    return FREE_BAGS[membership][cabin] * passengers


def flown(reservation: dict[str, Any]) -> bool:
    """Whether a segment's date is before today."""
    return any(segment["date"] < TODAY.isoformat() for segment in reservation["flights"])


def booked_within_day(reservation: dict[str, Any]) -> bool:
    """Whether the reservation was made in the last 24 hours."""
    return NOW - datetime.fromisoformat(reservation["created_at"]) <= timedelta(hours=24)


def may_cancel(reservation: dict[str, Any], *, airline_cancelled: bool, covered_reason: bool) -> bool:
    """Whether the policy lets the customer cancel.

    Args:
        reservation: the reservation's record.
        airline_cancelled: the airline cancelled one of its flights.
        covered_reason: the customer's reason is illness or weather, which insurance covers.
    """
    if flown(reservation):
        return False
    if booked_within_day(reservation) or reservation["cabin"] == "business" or airline_cancelled:
        return True
    return reservation["insurance"] == "yes" and covered_reason


def compensation_due(reservation: dict[str, Any], membership: str, *, cancelled: bool) -> int:
    """The certificate in dollars that a cancelled (or else delayed) flight entitles to; 0 where nothing is due."""
    if membership == "regular" and reservation["insurance"] == "no" and reservation["cabin"] != "business":
        return 0
    each = CANCELLED_FLIGHT_USD if cancelled else DELAYED_FLIGHT_USD
    return each * len(reservation["passengers"])
