"""Seats: which flights an itinerary may list, and how its seats are taken and given back."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from toolgym.mcp.server import ToolError
from toolgym.world import World


def check_flights(flights: Sequence[Mapping[str, Any]]) -> None:
    """Checks that an itinerary has flights, and none twice.

    Raises:
        ToolError: it has none, or one twice.
    """
    if not flights:
        raise ToolError("a reservation needs at least one flight")
    seen: list[tuple[str, str]] = []
    for flight in flights:
        key = (flight["flight_number"], flight["date"])
        if key in seen:
            raise ToolError(f"flight {key[0]} on {key[1]} is listed twice")
        seen.append(key)


def move_seats(world: World, legs: Iterable[Mapping[str, Any]], cabin: str, change: int) -> None:
    """Adds `change` free seats in a cabin on each flight, negative to take them.

    Days that are no longer for sale have no seats to count, and stay as they are.
    """
    for leg in legs:
        number, date = leg["flight_number"], leg["date"]
        flight = world.get("flights", number)
        if flight is not None and "available_seats" in flight["dates"].get(date, ()):
            world.edit("flights", number)["dates"][date]["available_seats"][cabin] += change
