"""The airline's customers and their reservations, as they are declared."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from toolgym.composing.fields import TODAY, Choice, Code, Dollars, Draw, Id, Made, Name, Ref, Refs
from toolgym.composing.names import draw_dob, draw_name
from toolgym.composing.tables import Records, Table
from toolgym.envs.airline.timetable import CITIES, FARES, STATES, past

__all__ = [
    "EXTRA_BAG_USD",
    "FREE_BAGS",
    "INSURANCE_USD",
    "METHODS",
    "NOW",
    "PASSENGERS",
    "RESERVATIONS",
    "SEGMENTS",
    "USERS",
    "brief_of",
    "free_bags",
    "method_name",
]

Record = Mapping[str, Any]
NOW: Final = datetime(TODAY.year, TODAY.month, TODAY.day, 12)
"""The present of every world, Eastern time."""
FREE_BAGS: Final[dict[str, dict[str, int]]] = {
    "regular": {"basic_economy": 0, "economy": 1, "business": 2},
    "silver": {"basic_economy": 1, "economy": 2, "business": 3},
    "gold": {"basic_economy": 2, "economy": 3, "business": 4},
}
"""Membership -> cabin -> free checked bags for each passenger."""
EXTRA_BAG_USD: Final = 50
INSURANCE_USD: Final = 30
"""For each passenger."""
_STREETS: Final = ("Oak", "Elm", "Pine", "Lake", "Hill", "Park", "Main", "Cedar", "Maple", "River", "Sunset", "Mill")
_BRANDS: Final = ("visa", "mastercard")
_DISRUPTED_SHARE: Final = 0.25
_TRIES: Final = 60


def free_bags(membership: str, cabin: str, people: int) -> int:
    """Checked bags that cost nothing on a reservation."""
    return FREE_BAGS[membership][cabin] * people


# Payment methods ---------------------------------------------------------------------------------------------------


def _source(draw: Draw) -> str:
    """The first one is a credit card; a customer has one gift card and one certificate at most."""
    if not draw.place:
        return "credit_card"
    taken = {other["source"] for other in draw.siblings} - {"credit_card"}
    able = [source for source in ("gift_card", "gift_card", "certificate", "credit_card") if source not in taken]
    return draw.rng.choice(able)


def _last_four(draw: Draw) -> str:
    taken = {other["last_four"] for other in draw.siblings}
    return next(four for four in iter(lambda: f"{draw.rng.randrange(1000, 10_000)}", "") if four not in taken)


def method_name(method: Record) -> str:
    """What customers call it."""
    if method["source"] == "credit_card":
        return f"{method['brand'].capitalize()} ending in {method['last_four']}"
    return method["source"].replace("_", " ")


def _of_card(value: Any) -> Any:
    return lambda draw: value(draw) if draw.record["source"] == "credit_card" else None


def _amount(draw: Draw) -> int | None:
    amounts = {"gift_card": range(20, 500), "certificate": (50, 100, 150, 250)}.get(draw.record["source"])
    return draw.rng.choice(amounts) if amounts else None


METHODS = Table(
    "methods",
    "payment method",
    "method_id",
    {
        "source": Made(_source),
        "method_id": Id("{source}_", digits=5, label="id"),
        "brand": Made(_of_card(lambda draw: draw.rng.choice(_BRANDS))),
        "last_four": Made(_of_card(_last_four)),
        "amount": Dollars(_amount, label="balance"),
        "name": Made(lambda draw: method_name(draw.record), told="{value}", names=True),
    },
)

# Customers ---------------------------------------------------------------------------------------------------------


def _address(draw: Draw) -> dict[str, str]:
    rng, city = draw.rng, draw.record["city"]
    street = f"{rng.randint(1, 99)} {rng.choice(_STREETS)} St"
    return {"address1": street, "address2": "", "city": city, "country": "USA", "state": STATES[city]}


USERS = Table(
    "users",
    "profile",
    "user_id",
    {
        "first": Name(longest=6),
        "last": Name(longest=6),
        "user_id": Code("{first}_{last}_##"),
        "dob": Made(lambda draw: draw_dob(draw.rng), label="date of birth"),
        "city": Made(lambda draw: CITIES[draw.rng.choice(draw.ids("airports"))], label="city"),
        "zip": Made(lambda draw: f"{draw.rng.randint(10000, 99999)}", label="zip code"),
        "address": Made(lambda draw: {**_address(draw), "zip": draw.record["zip"]}),
        "email": Made(lambda draw: f"{draw.record['user_id'].replace('_', '.')}@example.com", label="e-mail"),
        "membership": Choice(("regular", "regular", "silver", "gold"), label="membership"),
        "methods": Records(METHODS, (1, 2, 2, 3, 1, 2)),
        "reservations": Refs("reservations"),
    },
    {"small": 15, "standard": 400, "large": 3000},
)

# Reservations ------------------------------------------------------------------------------------------------------


def _disrupted(draw: Draw, number: str) -> list[str]:
    """The days on which a flight is cancelled or delayed."""
    dates = draw.tables["flights"][number]["dates"]
    return [day for day, made in dates.items() if made["status"] in ("cancelled", "delayed")]


def _open(draw: Draw, number: str, day: str) -> bool:
    return draw.tables["flights"][number]["dates"][day]["status"] in ("available", "landed")


def _legs(draw: Draw) -> list[list[str]]:
    """The flights of a new reservation, [number, date] each: one, one and on, or there and back."""
    rng, numbers = draw.rng, draw.ids("flights")
    hit, flown = rng.random() < _DISRUPTED_SHARE, rng.random() < 0.15
    days = [day for day in draw.tables["flights"][numbers[0]]["dates"] if past(day) == flown and not _is_today(day)]
    while True:
        number, day = rng.choice(numbers), rng.choice(days)
        if hit and (able := _disrupted(draw, number)):
            return [[number, rng.choice(able)]]
        if not hit and _open(draw, number, day):
            return [[number, day], *_second(draw, number, day, days)]


def _is_today(day: str) -> bool:
    return day == TODAY.isoformat()


def _second(draw: Draw, number: str, day: str, days: Sequence[str]) -> list[list[str]]:
    """A second flight that fits the first one; none where the trip has one, or none fits."""
    flights, shape = draw.tables["flights"], draw.rng.choices(("one", "on", "back"), (70, 12, 18))[0]
    first, able = flights[number], []
    onward = draw.related("flights", "origin", first["destination"])
    if shape == "on":
        able = [
            [other, day]
            for other in onward
            if flights[other]["destination"] != first["origin"] and flights[other]["departs"] > first["arrives"]
        ]
    elif shape == "back":
        back = [other for other in onward if flights[other]["destination"] == first["origin"]]
        able = [[other, later] for other in back for later in days if later > day]
    able = [leg for leg in able if _open(draw, *leg)]
    return [draw.rng.choice(able)] if able else []


def _of_leg(name: str) -> Any:
    """A field of the flight that a segment is."""
    return lambda draw: draw.tables["flights"][draw.record["flight_number"]][name]


def _day_of(draw: Draw) -> Record:
    return draw.tables["flights"][draw.record["flight_number"]]["dates"][draw.record["date"]]


def _paid_fare(draw: Draw) -> int:
    cabin, day = (draw.parent or {})["cabin"], _day_of(draw)
    return day["prices"][cabin] if "prices" in day else draw.rng.randint(*FARES[cabin])


SEGMENTS = Table(
    "segments",
    "flight",
    "flight_number",
    {
        "flight_number": Made(
            lambda draw: (draw.parent or {})["legs"][draw.place][0], told="flight {value}", names=True
        ),
        "date": Made(lambda draw: (draw.parent or {})["legs"][draw.place][1], label="date"),
        "origin": Made(_of_leg("origin"), label="origin"),
        "destination": Made(_of_leg("destination"), label="destination"),
        "price": Dollars(_paid_fare, label="fare"),
        "status": Made(lambda draw: _day_of(draw)["status"]),
    },
)
"""`status` is what becomes of the flight: the customer knows it, and no tool shows it."""


def _of_owner(name: str, invent: Any) -> Any:
    """The first passenger is the customer."""

    def make(draw: Draw) -> Any:
        owner = draw.tables["users"][(draw.parent or {})["user_id"]]
        return owner[name] if not draw.place else invent(draw)

    return make


def _new_name(draw: Draw) -> str:
    return draw_name(draw.rng, draw.split, 6)


PASSENGERS = Table(
    "passengers",
    "passenger",
    "name",
    {
        "first_name": Made(_of_owner("first", _new_name)),
        "last_name": Made(_of_owner("last", _new_name)),
        "name": Made(
            lambda draw: f"{draw.record['first_name']} {draw.record['last_name']}",
            told="passenger {value}",
            names=True,
        ),
        "dob": Made(_of_owner("dob", lambda draw: draw_dob(draw.rng)), label="date of birth"),
    },
)


def _people(draw: Draw) -> int:
    return draw.rng.choices((1, 2, 3), (65, 25, 10))[0] if len(draw.record["legs"]) == 1 else 1


def _owner(draw: Draw) -> Record:
    return draw.tables["users"][draw.record["user_id"]]


def _bags(draw: Draw) -> int:
    free = free_bags(_owner(draw)["membership"], draw.record["cabin"], len(draw.record["passengers"]))
    return max(0, draw.rng.randint(free - 2, free + 1))


def _paid_bags(draw: Draw) -> int:
    record = draw.record
    return max(0, record["bags"] - free_bags(_owner(draw)["membership"], record["cabin"], len(record["passengers"])))


def _total(draw: Draw) -> int:
    record = draw.record
    each = sum(leg["price"] for leg in record["flights"]) + INSURANCE_USD * (record["insurance"] == "yes")
    return each * len(record["passengers"]) + EXTRA_BAG_USD * record["paid_bags"]


def _payer(draw: Draw) -> str:
    able = [method["method_id"] for method in _owner(draw)["methods"] if method["source"] != "certificate"]
    return draw.rng.choice(able)


def _created(draw: Draw) -> str:
    """When it was booked: before the first flight; now and then in the last 24 hours."""
    first, rng = draw.record["legs"][0][1], draw.rng
    if first > TODAY.isoformat() and rng.random() < 0.2:
        return (NOW - timedelta(minutes=rng.randint(30, 23 * 60))).isoformat()
    last = min(TODAY, date.fromisoformat(first)) - timedelta(days=rng.randint(2, 20))
    return datetime(last.year, last.month, last.day, rng.randint(0, 23), rng.randint(0, 59)).isoformat()


def brief_of(flights: Sequence[Record]) -> dict[str, Any]:
    """What follows from the flights of a reservation."""
    legs = [[leg["flight_number"], leg["date"]] for leg in flights]
    back = len(flights) > 1 and flights[-1]["destination"] == flights[0]["origin"]
    origin, destination = flights[0]["origin"], flights[0 if back else -1]["destination"]
    return {
        "legs": legs,
        "origin": origin,
        "destination": destination,
        "flight_type": "round_trip" if back else "one_way",
        "route": f"{origin} to {destination}",
        "number": legs[0][0],
        "date": legs[0][1],
    }


def _brief(name: str) -> Any:
    return lambda draw: brief_of(draw.record["flights"])[name]


RESERVATIONS = Table(
    "reservations",
    "reservation",
    "reservation_id",
    {
        "reservation_id": Code("?#?#??"),
        "user_id": Ref("users"),
        "cabin": Ref("cabins", by=lambda draw: draw.rng.choices(draw.ids("cabins"), (20, 45, 35))[0], label="cabin"),
        "legs": Made(_legs),
        "flights": Records(SEGMENTS, lambda draw: len(draw.record["legs"])),
        "origin": Ref("airports", by=_brief("origin")),
        "destination": Ref("airports", by=_brief("destination")),
        "flight_type": Made(_brief("flight_type")),
        "route": Made(_brief("route"), told="from {value}"),
        "number": Made(_brief("number"), label="first flight number"),
        "date": Made(
            _brief("date"), label="departure date", told="that leaves on {value}", extremes=("earliest", "latest")
        ),
        "passengers": Records(PASSENGERS, _people),
        "people": Made(lambda draw: len(draw.record["passengers"]), label="number of passengers"),
        "bags": Made(_bags, label="number of bags"),
        "paid_bags": Made(_paid_bags, label="number of paid bags"),
        "insurance": Choice(("yes", "no", "no")),
        "total": Dollars(_total, label="price", extremes=("cheapest", "most expensive"), total="price"),
        "method_id": Made(_payer),
        "created_at": Made(_created),
        "status": Made(lambda draw: None),
    },
    (2, 1, 3, 2, 3, 1),
    per="users",
)
