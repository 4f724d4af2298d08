"""How large a world is and what its records look like."""

from dataclasses import dataclass
from typing import Final

from toolgym.domain import Size

__all__ = ["SPECS", "WorldSpec"]


@dataclass(frozen=True, slots=True)
class WorldSpec:
    """The options of a world size."""

    users: int
    reservations_of: tuple[int, ...]
    """How many reservations users have, cyclically: user i has `reservations_of[i % len]`."""
    flights: int
    airports: int
    routes: int
    """Pairs of airports with flights, each in both directions."""
    days_back: int
    days_ahead: int
    """Flights are listed for `days_back` days before today, today, and `days_ahead` days after."""
    user_digits: int
    """Digits at the end of a user id."""
    payment_digits: int
    """Digits at the end of a payment id."""
    name_length: int
    """The longest first or last name."""
    flight_digits: int
    max_seats: int
    compact: bool
    """Short addresses, few payment methods and saved passengers, few segments and passengers."""


SPECS: Final[dict[Size, WorldSpec]] = {
    "small": WorldSpec(
        users=12,
        reservations_of=(2, 1, 3, 2),
        flights=20,
        airports=5,
        routes=5,
        days_back=3,
        days_ahead=6,
        user_digits=2,
        payment_digits=4,
        name_length=6,
        flight_digits=3,
        max_seats=9,
        compact=True,
    ),
    "standard": WorldSpec(
        users=500,
        reservations_of=(3, 1, 5, 2, 9),
        flights=300,
        airports=20,
        routes=60,
        days_back=14,
        days_ahead=15,
        user_digits=4,
        payment_digits=7,
        name_length=9,
        flight_digits=3,
        max_seats=20,
        compact=False,
    ),
    "large": WorldSpec(
        users=250_000,
        reservations_of=(3, 1, 5, 2, 9),
        flights=2_000,
        airports=60,
        routes=330,
        days_back=14,
        days_ahead=15,
        user_digits=6,
        payment_digits=7,
        name_length=9,
        flight_digits=4,
        max_seats=20,
        compact=False,
    ),
}
