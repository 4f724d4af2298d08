"""The airline tools that only read."""

import datetime
from collections.abc import Iterator, Mapping
from typing import Any

from toolgym.mcp_servers.airline.dialects import Dialect, dialect_of
from toolgym.mcp_servers.airline.records import find_reservation, find_user, shown_reservation, shown_user
from toolgym.mcp_servers.airline.schema import AirportCode, Date, ReservationId, UserId
from toolgym.world import Base, World

Routes = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Origin -> destination -> flight numbers, all in the order of the flights table."""


def _build_routes(base: Base) -> Routes:
    routes: dict[str, dict[str, tuple[str, ...]]] = {}
    for number, flight in base.tables["flights"].items():
        onward = routes.setdefault(flight["origin"], {})
        onward[flight["destination"]] = (*onward.get(flight["destination"], ()), number)
    return routes


def _flights_between(world: World, origin: str, destination: str) -> Iterator[dict[str, Any]]:
    """The flights of a route, in the order of the flights table."""
    if dialect_of(world).null_is_any and None in (origin, destination):
        for _, flight in world.items("flights"):
            if origin in (None, flight["origin"]) and destination in (None, flight["destination"]):
                yield flight
        return
    routes: Routes = world.base.index("airline.routes", _build_routes)
    # A code of the wrong type names no airport; a dict would refuse to look for an unhashable one.
    if isinstance(origin, str) and isinstance(destination, str):
        for number in routes.get(origin, {}).get(destination, ()):
            yield world.get("flights", number)


def _build_departures(base: Base) -> Mapping[str, tuple[str, ...]]:
    departures: dict[str, list[str]] = {}
    for number, flight in base.tables["flights"].items():
        departures.setdefault(flight["origin"], []).append(number)
    return {origin: tuple(numbers) for origin, numbers in departures.items()}


def _flights_from(world: World, origin: str) -> Iterator[dict[str, Any]]:
    """All flights from an airport, in the order of the flights table."""
    departures = world.base.index("airline.departures", _build_departures)
    if dialect_of(world).null_is_any and origin is None:
        yield from (flight for _, flight in world.items("flights"))
    elif isinstance(origin, str):
        for number in departures.get(origin, ()):
            yield world.get("flights", number)


def _offer(dialect: Dialect, flight: Mapping[str, Any], day: Mapping[str, Any]) -> dict[str, Any]:
    """A flight on one day, as search results show it."""
    told = {**{key: value for key, value in flight.items() if key != "dates"}, **day}
    return {**told, "date": None} if dialect.shows_every_field else told


def get_user_details(world: World, user_id: UserId) -> dict[str, Any]:
    """Shows a user's profile: name, address, membership, payment methods, saved passengers and reservation ids."""
    return shown_user(world, user_id, find_user(world, user_id))


def get_reservation_details(world: World, reservation_id: ReservationId) -> dict[str, Any]:
    """Shows a reservation: its flights, cabin, passengers, baggage, insurance, payments and status."""
    return shown_reservation(world, find_reservation(world, reservation_id))


def list_all_airports(world: World) -> dict[str, str]:
    """Lists the codes of all airports with their cities."""
    return dict(world.base.meta["airports"])


def search_direct_flight(
    world: World, origin: AirportCode, destination: AirportCode, date: Date
) -> list[dict[str, Any]]:
    """Finds the direct flights that can be booked on a date, with free seats and prices by cabin."""
    dialect, offers = dialect_of(world), []
    for flight in _flights_between(world, origin, destination):
        day = flight["dates"].get(date)
        if day is not None and day["status"] == "available":
            offers.append(_offer(dialect, flight, day))
    return offers


def _second_day(dialect: Dialect, first: Mapping[str, Any], date: str) -> str:
    """The day on which a connection from the flight `first` departs: the next one where it lands after midnight."""
    if "+1" not in first["scheduled_arrival_time_est"]:
        return date
    if dialect.finds_second_day:
        try:
            return (datetime.date.fromisoformat(date) + datetime.timedelta(days=1)).isoformat()
        except OverflowError:
            return ""  # The calendar's last day has no next.
    return f"{date[:8]}{int(date[-2:]) + 1}"  # As the reference: '2024-05-8' has lost a digit and is no day.


def search_onestop_flight(
    world: World, origin: AirportCode, destination: AirportCode, date: Date
) -> list[list[dict[str, Any]]]:
    """Finds pairs of flights that connect two airports with one stop, the first departing on the date."""
    dialect = dialect_of(world)
    offers = []
    for first in _flights_from(world, origin):
        arrival = first["scheduled_arrival_time_est"]
        for second in _flights_between(world, first["destination"], destination):
            second_date = _second_day(dialect, first, date)
            if arrival > second["scheduled_departure_time_est"]:
                continue
            day, second_day = first["dates"].get(date), second["dates"].get(second_date)
            if day is None or second_day is None:
                continue
            if day["status"] == "available" and second_day["status"] == "available":
                shown = second_day if dialect.shows_second_day else second["dates"][date]
                offers.append(
                    [
                        {**_offer(dialect, first, day), "date": date},
                        {**_offer(dialect, second, shown), "date": second_date},
                    ]
                )
    return offers
