"""The airline tools that change a reservation: its flights and cabin, its baggage, its passengers."""

from typing import Annotated, Any

from pydantic import Field

from toolgym.mcp.server import ToolError
from toolgym.mcp.tool import HalfDoneError
from toolgym.mcp_servers.airline.dialects import Dialect, dialect_of
from toolgym.mcp_servers.airline.lenient import FLIGHT, PASSENGER, read_each
from toolgym.mcp_servers.airline.payments import BAG_PRICE, charge, check_single_payment, price_flights
from toolgym.mcp_servers.airline.records import find_reservation, find_user, shown_reservation
from toolgym.mcp_servers.airline.schema import BagCount, Cabin, FlightChoice, Passenger, PaymentId, ReservationId
from toolgym.mcp_servers.airline.seats import check_flights, move_seats
from toolgym.world import World


def _to_change(world: World, dialect: Dialect, reservation_id: str) -> dict[str, Any]:
    """The reservation, for reading.

    Raises:
        ToolError: it does not exist, or is cancelled.
    """
    reservation = find_reservation(world, reservation_id)
    if dialect.guards_cancelled and reservation.get("status") == "cancelled":
        raise ToolError("the reservation is cancelled")
    return reservation


def _pay(world: World, dialect: Dialect, reservation: dict[str, Any], payment_id: str, amount: float) -> None:
    """Charges a change and notes it in the payment history of `reservation`, which is being edited.

    Raises:
        HalfDoneError: half a dollar cannot be noted, where a payment's type is a whole number; it stays charged.
    """
    charge(world, reservation["user_id"], payment_id, amount)
    if dialect.reads_records:
        if amount != int(amount):
            raise HalfDoneError(f"a payment is a whole number of dollars, not {amount}")
        amount = int(amount)
    if amount != 0:
        reservation["payment_history"].append({"payment_id": payment_id, "amount": amount})


def update_reservation_flights(
    world: World,
    reservation_id: ReservationId,
    cabin: Cabin,
    flights: Annotated[
        list[FlightChoice], Field(description="Every flight of the trip after the change, those that stay included.")
    ],
    payment_id: PaymentId,
) -> dict[str, Any]:
    """Changes a reservation's flights or cabin, and charges or refunds the difference in price."""
    dialect = dialect_of(world)
    found = _to_change(world, dialect, reservation_id)
    if dialect.checks_arguments:
        check_flights(flights)
    if dialect.reads_records:
        flights = read_each(FLIGHT, flights)
    count = len(found["passengers"])
    held = found["flights"] if cabin == found["cabin"] else ()
    legs = price_flights(world, flights, cabin, count, held)
    difference = (sum(leg["price"] for leg in legs) - sum(leg["price"] for leg in found["flights"])) * count
    check_single_payment(find_user(world, found["user_id"]), payment_id, difference)

    reservation = world.edit("reservations", reservation_id)
    if dialect.moves_seats:
        move_seats(world, reservation["flights"], reservation["cabin"], count)
        move_seats(world, legs, cabin, -count)
    reservation["flights"] = legs
    if dialect.stores_cabin:
        reservation["cabin"] = cabin
    _pay(world, dialect, reservation, payment_id, difference)
    return shown_reservation(world, reservation)


def update_reservation_baggages(
    world: World,
    reservation_id: ReservationId,
    total_baggages: Annotated[BagCount, Field(description="How many bags there are altogether after the change.")],
    nonfree_baggages: Annotated[BagCount, Field(description="How many of the bags are paid for after the change.")],
    payment_id: PaymentId,
) -> dict[str, Any]:
    """Changes a reservation's checked bags, and charges the additional ones that are not free."""
    dialect = dialect_of(world)
    found = _to_change(world, dialect, reservation_id)
    if dialect.checks_arguments and nonfree_baggages > total_baggages:
        raise ToolError(f"{nonfree_baggages} paid bags are more than the {total_baggages} bags altogether")
    price = BAG_PRICE * max(0, nonfree_baggages - found["nonfree_baggages"])
    check_single_payment(find_user(world, found["user_id"]), payment_id, price)

    reservation = world.edit("reservations", reservation_id)
    _pay(world, dialect, reservation, payment_id, price)
    reservation["total_baggages"] = total_baggages
    reservation["nonfree_baggages"] = nonfree_baggages
    return shown_reservation(world, reservation)


def update_reservation_passengers(
    world: World,
    reservation_id: ReservationId,
    passengers: Annotated[
        list[Passenger], Field(description="Every passenger after the change; their number must stay the same.")
    ],
) -> dict[str, Any]:
    """Replaces the passengers of a reservation, for corrections or for other people of the same number."""
    dialect = dialect_of(world)
    found = _to_change(world, dialect, reservation_id)
    if dialect.reads_records:
        passengers = read_each(PASSENGER, passengers)
    if len(passengers) != len(found["passengers"]):
        raise ToolError(f"the reservation is for {len(found['passengers'])} passengers, not {len(passengers)}")
    reservation = world.edit("reservations", reservation_id)
    reservation["passengers"] = passengers
    return shown_reservation(world, reservation)
