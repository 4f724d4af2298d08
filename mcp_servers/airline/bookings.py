"""The airline tools that make and end things: bookings, cancellations and certificates."""

from typing import Annotated, Any

from pydantic import Field

from toolgym.mcp.server import ToolError
from toolgym.mcp_servers.airline.dialects import dialect_of
from toolgym.mcp_servers.airline.ids import new_certificate_id, new_reservation_id
from toolgym.mcp_servers.airline.lenient import AMOUNT, BOOKING, FLIGHT, read_each
from toolgym.mcp_servers.airline.payments import (
    BAG_PRICE,
    INSURANCE_PRICE,
    charge,
    check_payments,
    price_flights,
    refund,
    refunds_due,
)
from toolgym.mcp_servers.airline.records import find_reservation, find_user, shown_reservation
from toolgym.mcp_servers.airline.schema import (
    AirportCode,
    Amount,
    BagCount,
    Cabin,
    FlightChoice,
    FlightType,
    Insurance,
    Passenger,
    Payment,
    ReservationId,
    UserId,
)
from toolgym.mcp_servers.airline.seats import check_flights, move_seats
from toolgym.world import World


def book_reservation(
    world: World,
    user_id: UserId,
    origin: AirportCode,
    destination: AirportCode,
    flight_type: FlightType,
    cabin: Cabin,
    flights: Annotated[list[FlightChoice], Field(description="Every flight of the trip, in the order flown.")],
    passengers: Annotated[list[Passenger], Field(description="Everybody who flies.")],
    payment_methods: Annotated[list[Payment], Field(description="Payments that add up to the whole price.")],
    total_baggages: Annotated[BagCount, Field(description="How many bags are checked in altogether.")],
    nonfree_baggages: Annotated[BagCount, Field(description="How many of the bags are paid for.")],
    insurance: Insurance,
) -> dict[str, Any]:
    """Books a trip for a user, charges the payment methods and returns the new reservation."""
    dialect = dialect_of(world)
    user = find_user(world, user_id)
    if dialect.checks_arguments:
        check_flights(flights)
        if not passengers:
            raise ToolError("a reservation needs at least one passenger")
        if nonfree_baggages > total_baggages:
            raise ToolError(f"{nonfree_baggages} paid bags are more than the {total_baggages} bags altogether")
    booking: dict[str, Any] = {
        "user_id": user_id,
        "origin": origin,
        "destination": destination,
        "flight_type": flight_type,
        "cabin": cabin,
        "flights": [],  # what is paid for them comes below
        "passengers": passengers,
        "payment_history": payment_methods,
        "created_at": world.base.meta["today"],
        "total_baggages": total_baggages,
        "nonfree_baggages": nonfree_baggages,
        "insurance": insurance,
    }
    if dialect.reads_records:
        flights = read_each(FLIGHT, flights)
        lists = {"passengers": [*passengers], "payment_history": [*payment_methods]}
        booking |= BOOKING.validate_python({**booking, **lists})
    passengers, payment_methods = booking["passengers"], booking["payment_history"]
    legs = price_flights(world, flights, cabin, len(passengers))
    total = sum(leg["price"] for leg in legs) * len(passengers) + BAG_PRICE * nonfree_baggages
    if insurance == "yes":
        total += INSURANCE_PRICE * len(passengers)
    check_payments(dialect, user, payment_methods, total)

    booking["flights"] = legs
    reservation_id = new_reservation_id(world, dialect, booking)
    reservation = {"reservation_id": reservation_id, **booking}
    for payment in payment_methods:
        charge(world, user_id, payment["payment_id"], payment["amount"])
    if dialect.takes_seats:
        move_seats(world, legs, cabin, -len(passengers))
    world.put("reservations", reservation_id, reservation)
    world.edit("users", user_id)["reservations"].append(reservation_id)
    return shown_reservation(world, reservation)


def cancel_reservation(world: World, reservation_id: ReservationId) -> dict[str, Any]:
    """Cancels a whole reservation and refunds every payment to the method that made it."""
    dialect = dialect_of(world)
    found = find_reservation(world, reservation_id)
    if dialect.guards_cancelled and found.get("status") == "cancelled":
        raise ToolError("the reservation is cancelled already")
    reservation = world.edit("reservations", reservation_id)
    refunds = refunds_due(dialect, reservation["payment_history"])
    reservation["payment_history"].extend(refunds)
    reservation["status"] = "cancelled"
    if dialect.refunds_balances:
        for entry in refunds:
            refund(world, reservation["user_id"], entry["payment_id"], -entry["amount"])
    if dialect.moves_seats:
        move_seats(world, reservation["flights"], reservation["cabin"], len(reservation["passengers"]))
    return shown_reservation(world, reservation)


def send_certificate(world: World, user_id: UserId, amount: Amount) -> str:
    """Gives a user a certificate of an amount, as compensation."""
    user, dialect = find_user(world, user_id), dialect_of(world)
    new_id = new_certificate_id(world, dialect, ["certificate", user_id, amount], user["payment_methods"])
    if new_id is None:
        return ""  # As the reference, which says nothing and gives nothing.
    worth = AMOUNT.validate_python(amount) if dialect.reads_records else amount
    certificate = {"source": "certificate", "amount": worth, "id": new_id}
    world.edit("users", user_id)["payment_methods"][new_id] = certificate
    return f"Certificate {new_id} added to user {user_id} with amount {amount}."
