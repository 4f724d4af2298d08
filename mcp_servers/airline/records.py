"""Finding records, and saying which was not found."""

from typing import Any

from toolgym.mcp.server import ToolError
from toolgym.mcp_servers.airline.dialects import dialect_of
from toolgym.mcp_servers.common.arguments import shown
from toolgym.mcp_servers.common.records import find_record
from toolgym.world import World


def find_user(world: World, user_id: str) -> dict[str, Any]:
    """The user's record, for reading only.

    Raises:
        ToolError: there is none.
    """
    return find_record(world, "users", user_id, "user")


def find_reservation(world: World, reservation_id: str) -> dict[str, Any]:
    """The reservation's record, for reading only.

    Raises:
        ToolError: there is none.
    """
    return find_record(world, "reservations", reservation_id, "reservation")


def find_flight_day(world: World, flight_number: str, date: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The flight's record and its day, for reading only.

    Raises:
        ToolError: the flight does not exist, or cannot be booked on that date.
    """
    flight = world.get("flights", flight_number)
    if flight is None:
        raise ToolError(f"flight {shown(flight_number)} not found")
    day = flight["dates"].get(date)
    if day is None:
        raise ToolError(f"flight {flight_number} does not fly on {shown(date)}")
    if day["status"] != "available":
        raise ToolError(f"flight {flight_number} on {date} cannot be booked: it is {day['status']}")
    return flight, day


def find_payment_method(user: dict[str, Any], payment_id: str) -> dict[str, Any]:
    """The payment method in the user's profile, for reading only.

    Raises:
        ToolError: the profile has no such method.
    """
    method = user["payment_methods"].get(payment_id)
    if method is None:
        raise ToolError(f"payment method {shown(payment_id)} is not in the user's profile")
    return method


def shown_user(world: World, user_id: str, user: dict[str, Any]) -> dict[str, Any]:
    """The user as a result shows it."""
    return {"user_id": user_id, **user} if dialect_of(world).shows_every_field else user


def shown_reservation(world: World, reservation: dict[str, Any]) -> dict[str, Any]:
    """The reservation as a result shows it."""
    return {"status": None, **reservation} if dialect_of(world).shows_every_field else reservation
