"""Where the airline flies and when: airports, routes, flights, and what can be booked on a day."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from random import Random
from typing import Any, Final

from toolgym.composing.fields import TODAY, Code, Draw, Given, Made, Ref
from toolgym.composing.tables import Table
from toolgym.envs.airline.airports import AIRPORTS as PLACES

__all__ = [
    "AIRPORTS",
    "CABINS",
    "CABIN_NAMES",
    "CITIES",
    "CONNECTIONS",
    "DAYS",
    "FARES",
    "FLIGHTS",
    "OFFERS",
    "ROUTES",
    "STATES",
    "connection_of",
    "offer_of",
    "past",
]

Record = Mapping[str, Any]
Tables = Mapping[str, Mapping[str, Any]]
CABIN_NAMES: Final = ("basic_economy", "economy", "business")
DAYS: Final = tuple((TODAY + timedelta(days=offset)).isoformat() for offset in range(-3, 7))
"""The days on which flights are listed."""
FARES: Final = {"basic_economy": (50, 110), "economy": (100, 220), "business": (240, 690)}
_MOST_SEATS: Final = 9
_NOON: Final = 12 * 60
_FEWEST: Final = 2
_MOST: Final = 4
"""Connections between two airports on a day, where customers ask for one."""


def past(day: str) -> bool:
    """Whether a date is before today."""
    return day < TODAY.isoformat()


# Airports and routes -----------------------------------------------------------------------------------------------

CITIES: Final = {code: city for code, city, _ in PLACES}
STATES: Final = {city: state for _, city, state in PLACES}


def _new_airport(draw: Draw) -> str:
    return draw.rng.choice([code for code in CITIES if code not in draw.used])


AIRPORTS = Table(
    "airports",
    "airport",
    "code",
    {
        "code": Made(_new_airport, label="code"),
        "city": Made(lambda draw: CITIES[draw.record["code"]], told="{value} airport", names=True),
    },
    {"small": 6, "standard": 16, "large": 40},
    common=True,
)
CABINS = Table(
    "cabins",
    "cabin",
    "cabin",
    {"cabin": Made(lambda draw: CABIN_NAMES[draw.index])},
    {"small": 3, "standard": 3, "large": 3},
    common=True,
)


def _pair(draw: Draw) -> str:
    """Two airports that no route joins yet; the first routes join them all."""
    codes, newest = draw.ids("airports"), draw.index + 1
    while True:
        one, two = (
            (codes[newest], draw.rng.choice(codes[:newest])) if newest < len(codes) else draw.rng.sample(codes, 2)
        )
        if not {f"{one}-{two}", f"{two}-{one}"} & draw.used:
            return f"{one}-{two}"


ROUTES = Table("routes", "route", "route", {"route": Made(_pair)}, {"small": 6, "standard": 36, "large": 150})

# Flights -----------------------------------------------------------------------------------------------------------


def _end(which: int) -> Any:
    """Of the flights of a route every other one goes back."""
    return lambda draw: draw.parent["route"].split("-")[(which + draw.place) % 2]


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def _flown(rng: Random, day: str, departs: int, arrives: int) -> dict[str, Any]:
    if rng.random() < 0.06:
        return {"status": "cancelled"}
    late = rng.choice((-5, 0, 5, 10, 20))
    return {
        "status": "landed",
        "actual_departure_time_est": f"{day}T{_clock(departs + late)}:00",
        "actual_arrival_time_est": f"{day}T{_clock(arrives + late)}:00",
    }


def _under_way(rng: Random, day: str, departs: int, arrives: int) -> dict[str, Any]:
    """A flight of today."""
    if arrives + 20 <= _NOON:
        return _flown(rng, day, departs, arrives)
    arrival = {"estimated_arrival_time_est": f"{day}T{_clock(arrives)}:00"}
    if departs <= _NOON:
        return {"status": "flying", "actual_departure_time_est": f"{day}T{_clock(departs)}:00", **arrival}
    delay = rng.choice((0, 0, 30, 45))
    times = {"estimated_departure_time_est": f"{day}T{_clock(departs + delay)}:00", **arrival}
    return {"status": "delayed" if delay else "on time", **times}


def _dates(draw: Draw) -> dict[str, Any]:
    """Each day of the flight: its status, and where it can be booked the free seats and fares by cabin."""
    rng, dates = draw.rng, {}
    departs, arrives = _minutes(draw.record["departs"]), _minutes(draw.record["arrives"])
    for day in DAYS:
        if past(day):
            dates[day] = _flown(rng, day, departs, arrives)
        elif day == TODAY.isoformat():
            dates[day] = _under_way(rng, day, departs, arrives)
        elif rng.random() < 0.08:
            dates[day] = {"status": "cancelled"}
        else:
            seats = {cabin: max(0, rng.randint(-1, _MOST_SEATS)) for cabin in CABIN_NAMES}
            fares = {cabin: rng.randint(*FARES[cabin]) for cabin in CABIN_NAMES}
            dates[day] = {"status": "available", "available_seats": seats, "prices": fares}
    return dates


FLIGHTS = Table(
    "flights",
    "flight",
    "flight_number",
    {
        "flight_number": Code("??###"),
        "origin": Ref("airports", by=_end(0)),
        "destination": Ref("airports", by=_end(1)),
        "departs": Made(lambda draw: _clock(draw.rng.randrange(5 * 60, 18 * 60, 15))),
        "arrives": Made(lambda draw: _clock(_minutes(draw.record["departs"]) + draw.rng.randrange(60, 300, 15))),
        "dates": Made(_dates),
    },
    (4, 2, 4, 2, 4),
    per="routes",
)

# What can be booked ------------------------------------------------------------------------------------------------


def _days_of(flight: Record) -> Iterator[tuple[str, Record]]:
    return ((date, day) for date, day in flight["dates"].items() if day["status"] == "available")


def offer_of(flight: Record, date: str, day: Record, cabin: str) -> dict[str, Any]:
    """A flight on a day in a cabin, as it can be booked."""
    return {
        "offer": f"{flight['flight_number']} {date} {cabin}",
        **{name: flight[name] for name in ("flight_number", "origin", "destination", "departs", "arrives")},
        "date": date,
        "cabin": cabin,
        "price": day["prices"][cabin],
        "seats": day["available_seats"][cabin],
    }


def _offers(tables: Tables) -> Iterator[dict[str, Any]]:
    for flight in tables["flights"].values():
        for date, day in _days_of(flight):
            yield from (offer_of(flight, date, day, cabin) for cabin in CABIN_NAMES)


def connection_of(one: Record, two: Record) -> dict[str, Any]:
    """Two offers, one after the other."""
    return {
        "connection": f"{one['flight_number']} {two['flight_number']} {one['date']} {one['cabin']}",
        "first": one["flight_number"],
        "second": two["flight_number"],
        "origin": one["origin"],
        "destination": two["destination"],
        "departs": one["departs"],
        "arrives": two["arrives"],
        "date": one["date"],
        "second_date": two["date"],
        "cabin": one["cabin"],
        "price": one["price"] + two["price"],
        "seats": min(one["seats"], two["seats"]),
    }


def _connections(tables: Tables) -> Iterator[dict[str, Any]]:
    """Between airports and on days with a few of them."""
    onward: dict[str, list[Record]] = {}
    pairs: dict[tuple[str, str], list[tuple[Record, Record]]] = {}
    for flight in tables["flights"].values():
        onward.setdefault(flight["origin"], []).append(flight)
    for one in tables["flights"].values():
        for two in onward.get(one["destination"], ()):
            if two["departs"] >= one["arrives"] and two["destination"] != one["origin"]:
                pairs.setdefault((one["origin"], two["destination"]), []).append((one, two))
    for ways in pairs.values():
        for date in DAYS:
            days = [(one, one["dates"][date], two, two["dates"][date]) for one, two in ways]
            able = [way for way in days if way[1]["status"] == way[3]["status"] == "available"]
            if _FEWEST <= len(able) <= _MOST:
                for one, day, two, other in able:
                    for cabin in CABIN_NAMES:
                        yield connection_of(offer_of(one, date, day, cabin), offer_of(two, date, other, cabin))


_ASKED_BY: Final = {
    "origin": Ref("airports", told="from {value}"),
    "destination": Ref("airports", told="to {value}"),
    "date": Given(told="on {value}"),
    "cabin": Ref("cabins", told="in {value}"),
}
_TOLD: Final = {
    "departs": Given(label="departure time", told="that leaves at {value}", extremes=("earliest", "latest")),
    "arrives": Given(label="arrival time", told="that arrives at {value}"),
    "price": Given(shown="${value}", label="fare", extremes=("cheapest", "most expensive")),
    "seats": Given(label="number of free seats"),
}

OFFERS = Table(
    "offers",
    "flight",
    "offer",
    {"offer": Given(), "flight_number": Given(label="flight number", told="{value}"), **_ASKED_BY, **_TOLD},
    _offers,
)
CONNECTIONS = Table(
    "connections",
    "one-stop connection",
    "connection",
    {
        "connection": Given(),
        "first": Given(label="first flight number", told="that begins with {value}"),
        "second": Given(label="second flight number"),
        "second_date": Given(),
        **_ASKED_BY,
        **_TOLD,
    },
    _connections,
)
