"""The hotels: guests, hotels, rooms, services, bookings, charges and vouchers."""

from datetime import date, timedelta
from typing import Any, Final

from toolgym.composing.declaration import Act, Declaration, Key, Look, Own, Pick, Reckoned, Rule, Seen, Speaker, Wish
from toolgym.composing.fields import (
    TODAY,
    Choice,
    Clock,
    Code,
    Day,
    Draw,
    Made,
    Money,
    Name,
    Number,
    Pattern,
    Ref,
    Words,
)
from toolgym.composing.tables import Table
from toolgym.mcp_servers.hotel import CITIES, RATES, TOOLS

__all__ = ["HOTEL"]

LONGEST: Final = 14
"""Nights of a stay."""
LATE_FEES: Final = {"basic": 40, "silver": 20, "gold": 0}
"""Tier -> what a late check-out costs, in dollars."""
_ROOMS: Final = (("double", 2, 80), ("triple", 3, 110), ("family room", 4, 140), ("penthouse", 6, 260))
"""Of each hotel: sort, capacity, and the least price a night in dollars."""
_SERVICES: Final = (("breakfast", "night", 12), ("parking", "night", 9), ("airport transfer", "stay", 30),
                    ("spa access", "night", 25), ("dinner", "night", 35), ("late supper", "stay", 20))  # fmt: skip
_CHARGES: Final = ("minibar", "restaurant", "laundry", "telephone", "damage", "bar", "cinema")


def _day(days: int) -> str:
    """The date so many days from today."""
    return (TODAY + timedelta(days=days)).isoformat()


def _room_name(draw: Draw) -> str:
    return f"{draw.rng.choice(('Garden', 'Sea', 'Tower', 'Court', 'City'))} {_ROOMS[draw.place][0]}"


def _service(part: int) -> Any:
    """Makes a part of the service that comes `place`-th in its hotel."""
    return lambda draw: _SERVICES[(draw.place + len(draw.parent["name"])) % len(_SERVICES)][part]


def _arrival(draw: Draw) -> str:
    first, last = draw.rng.choice(((-9, -1), (0, 3), (3, 70), (3, 70), (3, 70)))
    return draw.day(first, last)


def _departure(draw: Draw) -> str:
    return (date.fromisoformat(draw.record["arrival"]) + timedelta(days=draw.record["nights"])).isoformat()


def _room_of(draw: Draw) -> dict[str, Any]:
    return draw.tables["rooms"][draw.record["room_id"]]


def _price(draw: Draw) -> int:
    each = _room_of(draw)["price"]
    return draw.record["nights"] * (each * 9 // 10 if draw.record["rate"] == "saver" else each)


def _status(draw: Draw) -> str:
    if draw.record["departure"] <= _day(0):
        return "checked out"
    return "in house" if draw.record["arrival"] < _day(0) else "confirmed"


GUESTS = Table(
    "guests",
    "membership",
    "guest_id",
    {
        "first": Name(longest=6),
        "last": Name(longest=6),
        "guest_id": Code("{first}_{last}_##"),
        "email": Pattern("{first}.{last}##@example.com", label="e-mail", told="with e-mail {value}"),
        "tier": Choice(("basic", "silver", "silver", "gold"), label="loyalty tier"),
        "points": Number(1000, 9000, 100, label="number of points"),
        "since": Day(-3000, -100, label="joining date"),
    },
    {"small": 10, "standard": 250, "large": 1500},
)
HOTELS = Table(
    "hotels",
    "hotel",
    "hotel_id",
    {
        "hotel_id": Code("H-######"),
        "name": Words(
            (
                ("Grand", "Old", "Royal", "Little", "Golden", "Upper", "Quiet", "New"),
                ("Harbour", "Palace", "Garden", "Bridge", "Station", "Arcade", "Terrace", "Mill"),
            ),
            label="name",
            told="'{value}'",
        ),
        "city": Choice(CITIES, label="city", told="in {value}"),
        "stars": Number(2, 5, label="number of stars"),
        "distance": Number(100, 6000, 50, "m", label="distance to the centre", extremes=("most central", "remotest")),
        "pets": Choice(("pets allowed", "no pets"), label="pet policy"),
    },
    {"small": 10, "standard": 60, "large": 200},
)
ROOMS = Table(
    "rooms",
    "room",
    "room_id",
    {
        "room_id": Code("R-#####"),
        "hotel_id": Ref("hotels"),
        "name": Made(_room_name, label="name", told="'{value}'"),
        "capacity": Made(
            lambda draw: _ROOMS[draw.place][1], "number", label="capacity", extremes=("smallest", "largest")
        ),
        "price": Made(
            lambda draw: _ROOMS[draw.place][2] + draw.rng.randrange(0, 25),
            "money",
            "${value}",
            label="price a night",
            extremes=("cheapest", "most expensive"),
            total="price a night",
        ),
        "free": Number(0, 6, label="availability"),
    },
    (4, 3, 4),
    per="hotels",
)
SERVICES = Table(
    "services",
    "service",
    "service_id",
    {
        "service_id": Code("X-#####"),
        "hotel_id": Ref("hotels"),
        "name": Made(_service(0), told="'{value}'"),
        "per": Made(_service(1)),
        "price": Made(
            lambda draw: _service(2)(draw) + draw.rng.randrange(0, 9),
            "money",
            "${value}",
            label="price",
            extremes=("cheapest", "most expensive"),
        ),
        "notice": Choice((0, 0, 2, 4), label="number of days of notice"),
    },
    (4, 3, 5),
    per="hotels",
)
BOOKINGS = Table(
    "bookings",
    "booking",
    "booking_id",
    {
        "booking_id": Code("B-#####"),
        "guest_id": Ref("guests"),
        "hotel_id": Ref("hotels"),
        "room_id": Ref(
            "rooms", by=lambda draw: draw.rng.choice(draw.related("rooms", "hotel_id", draw.record["hotel_id"]))
        ),
        "arrival": Made(_arrival, "day", label="day of arrival", told="from {value}"),
        "nights": Number(1, 9, label="number of nights", extremes=("shortest", "longest"), total="number of nights"),
        "departure": Made(_departure, "day", label="day of departure"),
        "party": Made(lambda draw: draw.rng.randint(2, _room_of(draw)["capacity"]), "number", label="number of people"),
        "rate": Choice((*RATES, "flexible"), label="rate"),
        "price": Made(_price, "money", "${value}", label="price", total="price"),
        "checkout": Choice(("11:00",), label="check-out time"),
        "changed": Day(-60, -1),
        "status": Made(_status, label="status"),
    },
    (2, 3, 4),
    per="guests",
)
CHARGES = Table(
    "charges",
    "charge",
    "charge_id",
    {
        "charge_id": Code("C-######"),
        "booking_id": Ref("bookings"),
        "guest_id": Ref("guests", by=lambda draw: (draw.parent or {})["guest_id"]),
        "text": Choice(_CHARGES, label="text", told="for '{value}'"),
        "amount": Money(4, 260, label="amount", told="of {value}", extremes=("smallest", "largest"), total="amount"),
        "date": Day(-20, 0, label="date"),
        "status": Choice(("open", "paid"), label="status"),
    },
    (2, 1, 3),
    per="bookings",
)
VOUCHERS = Table(
    "vouchers",
    "voucher",
    "voucher_id",
    {
        "voucher_id": Code("V-#####"),
        "guest_id": Ref("guests"),
        "value": Money(10, 90, label="value", told="worth {value}", extremes=("smallest", "largest"), total="value"),
        "until": Day(-40, 200, label="last day", told="valid until {value}"),
        "status": Choice(("valid", "valid", "valid", "used"), label="status"),
    },
    (2, 3, 1),
    per="guests",
)


def _confirmed(booking: Any) -> bool:
    return booking["status"] == "confirmed"


def _current(booking: Any) -> bool:
    return booking["status"] in ("confirmed", "in house")


def _extendable(booking: Any) -> bool:
    """Nobody changes at once what was only now made or changed."""
    return _current(booking) and booking["changed"] < _day(0)


def _changeable(booking: Any) -> bool:
    return _confirmed(booking) and _extendable(booking)


def _other_room(booking: Any, room: Any) -> bool:
    if booking is None:  # which one will be booked is not known yet
        return False
    return room["hotel_id"] == booking["hotel_id"] and room["room_id"] != booking["room_id"] and room["free"] > 0


def _of_its_hotel(booking: Any, service: Any) -> bool:
    return booking is not None and service["hotel_id"] == booking["hotel_id"]


def _refund(seen: Seen) -> int:
    """All of the price until three days before the arrival, then all but a night's."""
    price = seen.subject["price"]
    return price if seen.subject["arrival"] >= _day(3) else price - price // seen.subject["nights"]


def _late_fee(seen: Seen) -> int:
    return LATE_FEES[(seen.speaker or {})["tier"]]


_NIGHTS: Final = Number(2, 6, unit="nights")

# fmt: off
LOOKS = (
    Look("guest", "get_guest", "guests", {"guest_id": "guest_id"}),
    Look("guest_by_email", "find_guest_by_email", "guests", {"email": "email"}, shows=("guest_id",)),
    Look("hotel", "get_hotel", "hotels", {"hotel_id": "hotel_id"}),
    Look("hotels", "search_hotels", "hotels", {"city": "city"}, many=True,
        shows=("hotel_id", "name", "stars", "distance")),
    Look("room", "get_room", "rooms", {"room_id": "room_id"}),
    Look("rooms", "list_rooms", "rooms", {"hotel_id": "hotel_id"}, many=True),
    Look("services", "list_services", "services", {"hotel_id": "hotel_id"}, many=True),
    Look("booking", "get_booking", "bookings", {"booking_id": "booking_id"}),
    Look("bookings", "list_bookings", "bookings", {"guest_id": "guest_id"}, many=True,
        shows=("booking_id", "hotel_id", "arrival", "nights")),
    Look("charge", "get_charge", "charges", {"charge_id": "charge_id"}),
    Look("charges", "list_charges", "charges", {"booking_id": "booking_id"}, many=True),
    Look("vouchers", "list_vouchers", "vouchers", {"guest_id": "guest_id"}, many=True),
)

ACTS = (
    Act("book", "book_room", "rooms", {
            "guest_id": Speaker(),
            "room_id": Key(),
            "arrival": Wish(Day(3, 90), carried=("bookings.departure",), topic="arrival", fact="From {value}."),
            "nights": Wish(_NIGHTS),
            "party": Wish(Number(2, 5, unit="people"), topic="people"),
            "rate": Wish(Choice(RATES), fact="The {value} rate."),
        }, (
            "Book {it} for {party} at the {rate} rate: {nights} from {arrival} on.",
            "I would like {it} for {nights}, arriving on {arrival}, for {party}, {rate} rate.",
            "Please reserve {it}, {party}, {nights} beginning {arrival}, at the {rate} rate.",
        ), ("We are {party} and want to stay in {it} for {nights}, coming on {arrival}; {rate} rate, please.",),
        "Booking {booking_id} is confirmed; the price is {price}.",
        about=("book", "reserv", "stay"), past=("booked", "reserved", "confirmed"), gives="bookings",
        told=("{price}",), when=lambda room: room["free"] > 0, plan="for {capacity} people, {free} free:", weight=1.5),
    Act("arrival", "change_arrival", "bookings",
        {"booking_id": Key(), "arrival": Wish(Day(3, 90), differs="arrival", topic="new arrival")}, (
            "Please move {it} to {arrival}.",
            "We arrive on {arrival} instead: change {it}.",
            "I need another day of arrival for {it}, namely {arrival}.",
        ), ("Our plans moved to {arrival}; let {it} begin then.",),
        "{booking_id} is from {arrival} to {departure}.", about=("move", "arriv", "change"),
        past=("moved", "changed"), gives="bookings", told=("{departure}",), when=_changeable, plan="{rate} rate:"),
    Act("extend", "extend_stay", "bookings", {"booking_id": Key(), "nights": Wish(_NIGHTS, topic="more nights")}, (
            "Please extend {it} by {nights}.",
            "We want to stay {nights} longer on {it}.",
            "Add {nights} to {it}, please.",
        ), ("It is lovely there: we stay for {nights} more than {it} says.",),
        "{booking_id} now ends on {departure} and costs {price}.", about=("extend", "stay", "night", "longer"),
        past=("extended", "prolonged", "added"), gives="bookings", told=("{departure}", "{price}"), when=_extendable),
    Act("new_room", "change_room", "bookings",
        {"booking_id": Key(), "room_id": Pick("rooms", fits=_other_room, topic="new room")}, (
            "Please change {it} to {room_id}.",
            "We would rather have {room_id}: rebook {it}.",
            "Switch {it} over to {room_id}, please.",
        ), ("Give us {room_id} instead of what {it} has.",),
        "{booking_id} is changed to {room_id}; the price is {price}.",
        about=("change the room of", "room", "switch"), past=("changed", "switched", "rebooked"), gives="bookings",
        told=("{price}",), when=_changeable, plan="{party} people at the {rate} rate:"),
    Act("cancel", "cancel_booking", "bookings", {"booking_id": Key(), "refund": Reckoned(_refund)},
        ("Please cancel {it}.", "We cannot come: cancel {it}.", "I have to call off {it}."),
        ("Something came up, so drop {it}.",), "{booking_id} is cancelled; ${refund} is paid back.",
        about=("cancel", "call off"), past=("cancelled", "called off"), gives="bookings", told=("${refund}",),
        when=_changeable,
        plan="{rate} rate, {price}, from {arrival}, nights: {nights}:"),
    Act("check_in", "check_in", "bookings", {"booking_id": Key()},
        ("Please check us in for {it}.", "I want to check in for {it}.", "Do the check-in for {it}, please."),
        ("We are about to come, so {it} can be checked in.",), "The party of {booking_id} is checked in.",
        about=("check in", "check-in"), past=("checked in",), gives="bookings", when=_confirmed,
        plan="arrival {arrival}:"),
    Act("late", "set_late_checkout", "bookings", {
            "booking_id": Key(),
            "time": Wish(Clock(12, 14, 30), differs="checkout", topic="time", fact="Until {value}."),
            "fee": Reckoned(_late_fee, sees=("speaker",)),
        }, (
            "Please let us keep the room of {it} until {time} on the last day.",
            "I need a late check-out at {time} for {it}.",
            "Our flight leaves late: set the check-out of {it} to {time}.",
        ), ("We would like to sleep in on the last day of {it} and leave by {time}.",),
        "The check-out of {booking_id} is at {checkout}; the fee is ${fee}.",
        about=("set a late check-out for", "check-out", "late"), past=("set", "extended"), gives="bookings",
        told=("${fee}",), when=_current),
    Act("service", "add_service", "bookings",
        {"booking_id": Key(), "service_id": Pick("services", fits=_of_its_hotel)}, (
            "Please add {service_id} to {it}.",
            "We would like {service_id} with {it}.",
            "Order {service_id} for {it}, please.",
        ), ("Let {it} come with {service_id}.",), "Charge {charge_id} of {amount} is on the invoice.",
        about=("add a service to", "service", "order"), past=("added", "ordered"), gives="charges",
        told=("{amount}",), when=_current, plan="from {arrival}, nights: {nights}:", weight=1.5),
    Act("pay", "pay_charge", "charges", {"charge_id": Key(), "amount": Own("amount")},
        ("I want to pay {it} now.", "Please settle {it} with my card.", "Take the money for {it}, please."),
        ("Debit my card for {it}.",), "{charge_id} of {amount} is paid.", about=("pay", "settle"),
        past=("paid", "settled"), gives="charges", when=lambda charge: charge["status"] == "open"),
    Act("refund", "refund_charge", "charges", {"charge_id": Key()}, (
            "Please pay me back {it}: it is not ours.",
            "We did not have what {it} says; refund it.",
            "I object to {it} and want the money back.",
        ), ("There must be a mistake in {it}: return what I paid.",), "{charge_id} of {amount} is refunded.",
        about=("refund", "pay back", "return"), past=("refunded", "paid back", "returned"), gives="charges",
        when=lambda charge: charge["status"] == "paid", weight=1.5),
    Act("redeem", "redeem_points", "guests",
        {"guest_id": Key(), "points": Wish(Number(300, 1000, 100, unit="points"), topic="how many points")}, (
            "Turn {points} into a voucher, please.",
            "I would like a voucher for {points}.",
            "Please redeem {points} of mine for a voucher.",
        ), ("Take {points} off my membership and give me a voucher for them.",), "Voucher {voucher_id} is issued.",
        about=("redeem points of", "points", "voucher"), past=("redeemed", "issued", "turned"), gives="vouchers",
        plan="{tier}, {points} points:"),
    Act("voucher", "apply_voucher", "vouchers", {
            "voucher_id": Key(),
            "booking_id": Pick("bookings", fits=lambda voucher, booking: _current(booking), topic="booking"),
        }, (
            "Please use {it} for {booking_id}.",
            "I want to pay a part of {booking_id} with {it}.",
            "Apply {it} to {booking_id}, please.",
        ), ("Let {it} bring down the price of {booking_id}.",), "{voucher_id} is used for {booking_id}.",
        about=("apply", "use", "voucher"), past=("applied", "used"), gives="vouchers",
        when=lambda voucher: voucher["status"] == "valid", plan="valid until {until}:"),
)

RULES = (
    Rule("capacity", ("book",), lambda seen: seen.wishes["party"] > seen.subject["capacity"],
        "A room is booked for at most as many people as its capacity.", "it is too small for {party}"),
    Rule("long", ("book", "extend"),
        lambda seen: seen.wishes["nights"] + seen.subject.get("nights", 0) > LONGEST,
        "A stay has at most 14 nights, whatever is added to it.", "a stay has at most 14 nights",
        tempts={"nights": Number(15, 30, unit="nights")}),
    Rule("saver", ("arrival", "new_room", "cancel"), lambda seen: seen.subject["rate"] == "saver",
        "A booking at the saver rate is final: neither its arrival nor its room is changed, and it is not cancelled.",
        "it is at the saver rate"),
    Rule("small", ("new_room",), lambda seen: seen.picked["room_id"]["capacity"] < seen.subject["party"],
        "A booking is changed only to a room that has the capacity for all its people.",
        "that one is too small for {party} people", sees=("picked",)),
    Rule("early", ("check_in",), lambda seen: seen.subject["arrival"] > _day(1),
        "Check-in opens on the day before the arrival.", "the arrival is on {arrival}"),
    Rule("gold", ("late",), lambda seen: seen.wishes["time"] > "14:00" and (seen.speaker or {})["tier"] != "gold",
        "Guests of the tier gold alone may keep a room after 14:00.", "{time} is for gold guests alone",
        sees=("speaker",), tempts={"time": Clock(15, 18, 30)}),
    Rule("notice", ("service",), lambda seen: seen.subject["arrival"] < _day(seen.picked["service_id"]["notice"]),
        "A service that needs notice is ordered that many days before the arrival or earlier.",
        "it needs more notice before the arrival on {arrival}", sees=("picked",)),
    Rule("dear", ("refund",), lambda seen: seen.subject["amount"] > 150,
        "A charge of more than $150 is refunded by the duty manager alone.", "{amount} is for the duty manager"),
    Rule("aged", ("refund",), lambda seen: seen.subject["date"] < _day(-14),
        "A charge that is more than 14 days old is not refunded.", "it is of {date}, more than 14 days ago"),
    Rule("basic", ("redeem",), lambda seen: seen.subject["tier"] == "basic",
        "Guests of the tier basic collect points, but cannot redeem them.", "your tier is basic"),
    Rule("expired", ("voucher",), lambda seen: seen.subject["until"] < seen.today,
        "A voucher is of no use after its last day.", "its last day was {until}"),
    Rule("full_price", ("voucher",), lambda seen: seen.picked["booking_id"]["rate"] == "saver",
        "Vouchers are not taken for bookings at the saver rate.", "that booking is at the saver rate",
        sees=("picked",)),
)
# fmt: on

HOTEL = Declaration(
    name="hotel",
    title="Hotel group",
    role="You are the assistant of a group of hotels. You serve one guest at a time with the tools you have.",
    who="guests",
    tables=(GUESTS, HOTELS, ROOMS, SERVICES, BOOKINGS, CHARGES, VOUCHERS),
    looks=LOOKS,
    acts=ACTS,
    rules=RULES,
    new_server=lambda size, dialect: TOOLS.server(size=size, dialect=dialect),
    notes={
        "Bookings": (
            "After you book or change a room or extend a stay, tell the guest the new price; after a new arrival or "
            "more nights, the day of departure.",
            "Who cancels until three days before the arrival gets the whole price back, and later all but the price of "
            "one night (the price divided by the nights, whole dollars). Tell the guest what is paid back.",
        ),
        "Services": ("Tell the guest what a service that is ordered costs.",),
        "Late check-out": (
            "It costs guests of the tier basic $40, silver $20 and gold nothing: look at the guest's tier first, and "
            "tell the fee.",
        ),
    },
)
