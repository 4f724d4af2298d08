"""The hotels' MCP server: rooms and their availability, bookings, services, charges and vouchers."""

from datetime import date, timedelta
from typing import Annotated, Any

from pydantic import Field

from toolgym.mcp.server import ToolError
from toolgym.mcp_servers.common.arguments import check_choice, day_ahead, shown
from toolgym.mcp_servers.common.command import command
from toolgym.mcp_servers.common.declared import declared_worlds
from toolgym.mcp_servers.common.domain_tools import DomainTools
from toolgym.mcp_servers.common.records import find_id, find_record, new_id, records_by
from toolgym.world import World

__all__ = ["CITIES", "RATES", "TOOLS"]

GuestId = Annotated[str, Field(description="The guest's id, such as 'ana_reyes_21'.")]
HotelId = Annotated[str, Field(description="The hotel's id, such as 'H-482137'.")]
RoomId = Annotated[str, Field(description="The id of a hotel's sort of room, such as 'R-48213'.")]
ServiceId = Annotated[str, Field(description="The id of a hotel's service, such as 'X-48213'.")]
BookingId = Annotated[str, Field(description="The booking's id, such as 'B-48213'.")]
ChargeId = Annotated[str, Field(description="The charge's id, such as 'C-482137'.")]
VoucherId = Annotated[str, Field(description="The voucher's id, such as 'V-48213'.")]
Day = Annotated[str, Field(description="The day of arrival, YYYY-MM-DD.")]
Fee = Annotated[int, Field(ge=0, description="Whole dollars.")]

CITIES = ("Lisbon", "Oslo", "Vienna", "Porto", "Ghent", "Turin")
RATES = ("flexible", "saver")


def _booking(world: World, booking_id: str, *states: str) -> dict[str, Any]:
    """The booking, which must be in one of the states; it is not yet for writing."""
    booking = find_record(world, "bookings", booking_id, "booking")
    if booking["status"] not in states:
        raise ToolError(f"booking {booking_id} is {booking['status']}")
    return booking


def _changed(world: World, booking_id: str, **fields: Any) -> dict[str, Any]:
    """The booking with other values, changed today."""
    booking = world.edit("bookings", booking_id)
    booking |= {**fields, "changed": world.meta["today"]}
    return booking


def _take_room(world: World, room_id: str) -> None:
    """Makes one room of the sort less free."""
    if find_record(world, "rooms", room_id, "room")["free"] < 1:
        raise ToolError(f"no room {room_id} is free")
    world.edit("rooms", room_id)["free"] -= 1


def get_guest(world: World, guest_id: GuestId) -> dict[str, Any]:
    """Shows a guest: name, e-mail, loyalty tier, points and home city."""
    return find_record(world, "guests", guest_id, "guest")


def find_guest_by_email(world: World, email: Annotated[str, Field(description="The guest's e-mail.")]) -> str:
    """Finds the id of the guest with an e-mail address."""
    return find_id(world, "guests", "email", email, "guest", "e-mail")


def get_hotel(world: World, hotel_id: HotelId) -> dict[str, Any]:
    """Shows a hotel: name, city, stars, distance to the centre and whether pets are welcome."""
    return find_record(world, "hotels", hotel_id, "hotel")


def search_hotels(
    world: World, city: Annotated[str, Field(description=f"One of: {', '.join(CITIES)}.")]
) -> list[dict[str, Any]]:
    """Lists the hotels of a city: id, name, stars and distance to the centre of each."""
    if city not in CITIES:
        raise ToolError(f"no hotels in {shown(city)}: we are in {', '.join(CITIES)}")
    shows = ("hotel_id", "name", "stars", "distance")
    return [{field: hotel[field] for field in shows} for hotel in records_by(world, "hotels", "city", city)]


def get_room(world: World, room_id: RoomId) -> dict[str, Any]:
    """Shows a sort of room: hotel, name, capacity, price a night and how many are free."""
    return find_record(world, "rooms", room_id, "room")


def list_rooms(world: World, hotel_id: HotelId) -> list[dict[str, Any]]:
    """Lists a hotel's sorts of rooms with all their details."""
    find_record(world, "hotels", hotel_id, "hotel")
    return records_by(world, "rooms", "hotel_id", hotel_id)


def list_services(world: World, hotel_id: HotelId) -> list[dict[str, Any]]:
    """Lists a hotel's services: price, whether it is for each night or for the stay, and days of notice."""
    find_record(world, "hotels", hotel_id, "hotel")
    return records_by(world, "services", "hotel_id", hotel_id)


def get_booking(world: World, booking_id: BookingId) -> dict[str, Any]:
    """Shows a booking: hotel, room, arrival, nights, party, rate, price, check-out time and status."""
    return find_record(world, "bookings", booking_id, "booking")


def list_bookings(world: World, guest_id: GuestId) -> list[dict[str, Any]]:
    """Lists a guest's bookings: id, hotel, arrival and nights of each."""
    find_record(world, "guests", guest_id, "guest")
    shows = ("booking_id", "hotel_id", "arrival", "nights")
    return [{field: one[field] for field in shows} for one in records_by(world, "bookings", "guest_id", guest_id)]


def list_charges(world: World, booking_id: BookingId) -> list[dict[str, Any]]:
    """Lists the charges on a booking's invoice with all their details."""
    find_record(world, "bookings", booking_id, "booking")
    return records_by(world, "charges", "booking_id", booking_id)


def get_charge(world: World, charge_id: ChargeId) -> dict[str, Any]:
    """Shows a charge: booking, text, amount, date and status."""
    return find_record(world, "charges", charge_id, "charge")


def list_vouchers(world: World, guest_id: GuestId) -> list[dict[str, Any]]:
    """Lists a guest's vouchers with all their details."""
    find_record(world, "guests", guest_id, "guest")
    return records_by(world, "vouchers", "guest_id", guest_id)


def book_room(
    world: World,
    guest_id: GuestId,
    room_id: RoomId,
    arrival: Day,
    nights: Annotated[int, Field(ge=1, le=60, description="How many nights.")],
    party: Annotated[int, Field(ge=1, le=12, description="How many people.")],
    rate: Annotated[str, Field(description="flexible; or saver, a tenth cheaper and final.")],
) -> dict[str, Any]:
    """Books a room for a guest; the price follows from the nights and the rate."""
    find_record(world, "guests", guest_id, "guest")
    room, day = find_record(world, "rooms", room_id, "room"), day_ahead(world, arrival)
    check_choice(rate, RATES, "rate")
    _take_room(world, room_id)
    price = nights * (room["price"] * 9 // 10 if rate == "saver" else room["price"])
    booking_id = new_id(world, "bookings", "B-", guest_id, room_id, arrival, nights, party, rate)
    booking = {"booking_id": booking_id, "guest_id": guest_id, "hotel_id": room["hotel_id"]}
    booking |= {"room_id": room_id, "arrival": arrival, "nights": nights, "party": party, "rate": rate, "price": price}
    booking |= {"departure": (day + timedelta(days=nights)).isoformat(), "checkout": "11:00"}
    booking |= {"changed": world.meta["today"], "status": "confirmed"}
    world.put("bookings", booking["booking_id"], booking)
    return booking


def change_arrival(world: World, booking_id: BookingId, arrival: Day) -> dict[str, Any]:
    """Moves a booking to another day of arrival, for as many nights."""
    day = day_ahead(world, arrival)
    nights = _booking(world, booking_id, "confirmed")["nights"]
    departure = (day + timedelta(days=nights)).isoformat()
    return _changed(world, booking_id, arrival=arrival, departure=departure)


def extend_stay(
    world: World, booking_id: BookingId, nights: Annotated[int, Field(ge=1, le=60, description="How many more nights.")]
) -> dict[str, Any]:
    """Adds nights to the end of a booking, at its price a night."""
    booking = _booking(world, booking_id, "confirmed", "in house")
    price = booking["price"] + booking["price"] // booking["nights"] * nights
    departure = (date.fromisoformat(booking["departure"]) + timedelta(days=nights)).isoformat()
    return _changed(world, booking_id, nights=booking["nights"] + nights, price=price, departure=departure)


def change_room(world: World, booking_id: BookingId, room_id: RoomId) -> dict[str, Any]:
    """Gives a booking another sort of room of its hotel; the price becomes that of the new room."""
    booking, room = _booking(world, booking_id, "confirmed"), find_record(world, "rooms", room_id, "room")
    if room["hotel_id"] != booking["hotel_id"] or room_id == booking["room_id"]:
        raise ToolError(f"room {room_id} is not another room of the booking's hotel")
    _take_room(world, room_id)
    world.edit("rooms", booking["room_id"])["free"] += 1
    each = room["price"] * 9 // 10 if booking["rate"] == "saver" else room["price"]
    return _changed(world, booking_id, room_id=room_id, price=each * booking["nights"])


def cancel_booking(world: World, booking_id: BookingId, refund: Fee) -> dict[str, Any]:
    """Cancels a booking, frees its room and pays back a part of the price or all of it."""
    booking = _booking(world, booking_id, "confirmed")
    if refund > booking["price"]:
        raise ToolError(f"the price is ${booking['price']}")
    world.edit("rooms", booking["room_id"])["free"] += 1
    return _changed(world, booking_id, status="cancelled", price=booking["price"] - refund)


def check_in(world: World, booking_id: BookingId) -> dict[str, Any]:
    """Checks the party of a booking in."""
    _booking(world, booking_id, "confirmed")
    return _changed(world, booking_id, status="in house")


def set_late_checkout(
    world: World,
    booking_id: BookingId,
    time: Annotated[str, Field(pattern=r"^1[1-8]:[0-5]\d$", description="HH:MM, from 11:00 to 18:59.")],
    fee: Fee,
) -> dict[str, Any]:
    """Lets a party keep its room until a later time on the last day, and puts the fee on the price."""
    price = _booking(world, booking_id, "confirmed", "in house")["price"] + fee
    return _changed(world, booking_id, checkout=time, price=price)


def add_service(world: World, booking_id: BookingId, service_id: ServiceId) -> dict[str, Any]:
    """Orders a service of the booking's hotel, and shows the charge for it."""
    booking = _booking(world, booking_id, "confirmed", "in house")
    service = find_record(world, "services", service_id, "service")
    if service["hotel_id"] != booking["hotel_id"]:
        raise ToolError(f"service {service_id} is not one of the booking's hotel")
    amount = service["price"] * (booking["nights"] if service["per"] == "night" else 1)
    charge_id = new_id(world, "charges", "C-", booking_id, service_id, digits=6)
    charge = {"charge_id": charge_id, "booking_id": booking_id, "guest_id": booking["guest_id"]}
    charge |= {"text": service["name"], "amount": amount, "date": world.meta["today"], "status": "open"}
    world.put("charges", charge["charge_id"], charge)
    return charge


def pay_charge(world: World, charge_id: ChargeId, amount: Fee) -> dict[str, Any]:
    """Takes the money for an open charge, in full."""
    charge = find_record(world, "charges", charge_id, "charge")
    if charge["status"] != "open" or amount != charge["amount"]:
        raise ToolError(f"charge {charge_id} of ${charge['amount']} is {charge['status']}")
    charge = world.edit("charges", charge_id)
    charge["status"] = "paid"
    return charge


def refund_charge(world: World, charge_id: ChargeId) -> dict[str, Any]:
    """Pays back a charge that was paid."""
    charge = find_record(world, "charges", charge_id, "charge")
    if charge["status"] != "paid":
        raise ToolError(f"charge {charge_id} is {charge['status']}")
    charge = world.edit("charges", charge_id)
    charge["status"] = "refunded"
    return charge


def redeem_points(
    world: World, guest_id: GuestId, points: Annotated[int, Field(ge=100, multiple_of=100, description="Points.")]
) -> dict[str, Any]:
    """Turns a guest's points into a voucher: $1 for 100 points, valid for a year."""
    if find_record(world, "guests", guest_id, "guest")["points"] < points:
        raise ToolError(f"guest {guest_id} has fewer points")
    world.edit("guests", guest_id)["points"] -= points
    until = (date.fromisoformat(world.meta["today"]) + timedelta(days=365)).isoformat()
    voucher_id = new_id(world, "vouchers", "V-", guest_id, points)
    voucher = {"voucher_id": voucher_id, "guest_id": guest_id, "value": points // 100}
    voucher |= {"until": until, "status": "valid"}
    world.put("vouchers", voucher_id, voucher)
    return voucher


def apply_voucher(world: World, voucher_id: VoucherId, booking_id: BookingId) -> dict[str, Any]:
    """Takes a voucher's value off the price of a booking of the same guest."""
    voucher = find_record(world, "vouchers", voucher_id, "voucher")
    booking = _booking(world, booking_id, "confirmed", "in house")
    if voucher["status"] != "valid" or voucher["guest_id"] != booking["guest_id"]:
        raise ToolError(f"voucher {voucher_id} is {voucher['status']}, or another guest's")
    _changed(world, booking_id, price=max(0, booking["price"] - voucher["value"]))
    voucher = world.edit("vouchers", voucher_id)
    voucher["status"] = "used"
    return voucher


READS = (
    get_guest, find_guest_by_email, get_hotel, search_hotels, get_room, list_rooms, list_services, get_booking,
    list_bookings, list_charges, get_charge, list_vouchers,
)  # fmt: skip
WRITES = (
    book_room, change_arrival, extend_stay, change_room, cancel_booking, check_in, set_late_checkout, add_service,
    pay_charge, refund_charge, redeem_points, apply_voucher,
)  # fmt: skip

TOOLS = DomainTools(
    name="hotel",
    owner="hotel",
    instructions=(
        "Tools of a group of hotels. They check that a change is consistent, not that the hotels' policy allows it: "
        "whoever calls them answers for that."
    ),
    reads=READS,
    writes=WRITES,
    build_base=declared_worlds("toolgym.envs.hotel:HOTEL"),
)

if __name__ == "__main__":
    command(TOOLS)()
