"""Flights of a world: routes, timetable, and each day's status, seats and fares."""

import random
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from toolgym.composing.names import rng_for
from toolgym.envs.airline.airports import AIRPORTS
from toolgym.envs.airline.rules import CABINS, NOW, TODAY
from toolgym.envs.airline.spec import WorldSpec

__all__ = ["FlightPlan", "make_flights"]

_ROUTES_KEY, _TIMETABLE_KEY, _DAYS_KEY = 1, 2, 3
_FARES: Final = {"basic_economy": (50, 110), "economy": (100, 220), "business": (240, 690)}
_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(slots=True)
class FlightPlan:
    """A world's flights, and what the makers of reservations look up in them."""

    airports: tuple[tuple[str, str, str], ...]
    """(code, city, state)."""
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    fares: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)
    """(flight number, date) -> cabin -> dollars, also for days on which the flight is not sold any more."""
    by_origin: dict[str, list[str]] = field(default_factory=dict)
    by_route: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    disrupted: list[tuple[str, str]] = field(default_factory=list)
    """(flight number, date) of cancelled and delayed flights."""
    days: tuple[str, ...] = ()
    """All dates listed, ISO form, ascending."""

    def status(self, number: str, day: str) -> str:
        """The flight's status that day."""
        return self.records[number]["dates"][day]["status"]


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}:00"


def _routes(rng: random.Random, codes: list[str], count: int) -> list[tuple[str, str]]:
    """`count` pairs of airports: a random tree, so that all are connected, and further pairs."""
    pairs = [(rng.choice(codes[:i]), codes[i]) for i in range(1, len(codes))]
    known = {frozenset(pair) for pair in pairs}
    while len(pairs) < count:
        a, b = rng.sample(codes, 2)
        if frozenset((a, b)) not in known:
            known.add(frozenset((a, b)))
            pairs.append((a, b))
    return pairs


def _past(rng: random.Random, day: str, departure: int, arrival: int) -> dict[str, Any]:
    if rng.random() < 0.05:
        return {"status": "cancelled"}
    late = rng.choice((-5, 0, 5, 10, 20))
    return {
        "status": "landed",
        "actual_departure_time_est": f"{day}T{_clock(departure + late)}",
        "actual_arrival_time_est": f"{day}T{_clock(min(arrival + late, 24 * 60 - 1))}",
    }


def _present(rng: random.Random, day: str, departure: int, arrival: int) -> dict[str, Any]:
    now = NOW.hour * 60 + NOW.minute
    if arrival <= now:
        return _past(rng, day, departure, arrival - 20)
    if departure <= now:
        return {
            "status": "flying",
            "actual_departure_time_est": f"{day}T{_clock(departure)}",
            "estimated_arrival_time_est": f"{day}T{_clock(arrival)}",
        }
    delay = rng.choice((0, 0, 30, 45))
    return {
        "status": "delayed" if delay else "on time",
        "estimated_departure_time_est": f"{day}T{_clock(departure + delay)}",
        "estimated_arrival_time_est": f"{day}T{_clock(min(arrival + delay, 24 * 60 - 1))}",
    }


def _future(rng: random.Random, fares: dict[str, int], max_seats: int) -> dict[str, Any]:
    if rng.random() < 0.06:
        return {"status": "cancelled"}
    seats = {cabin: 0 if rng.random() < 0.1 else rng.randint(1, max_seats) for cabin in CABINS}
    return {"status": "available", "available_seats": seats, "prices": dict(fares)}


def _add_flight(plan: FlightPlan, key: int, spec: WorldSpec, index: int, number: str, route: tuple[str, str]) -> None:
    rng = rng_for(key, _DAYS_KEY, index)
    departure = rng.randrange(5 * 60, 18 * 60, 15)
    arrival = departure + rng.randrange(60, 300, 15)
    dates: dict[str, Any] = {}
    for offset in range(-spec.days_back, spec.days_ahead + 1):
        day = (TODAY + timedelta(days=offset)).isoformat()
        fares = {cabin: rng.randint(*_FARES[cabin]) for cabin in CABINS}
        plan.fares[number, day] = fares
        if offset < 0:
            dates[day] = _past(rng, day, departure, arrival)
        elif offset == 0:
            dates[day] = _present(rng, day, departure, arrival)
        else:
            dates[day] = _future(rng, fares, spec.max_seats)
        if dates[day]["status"] in ("cancelled", "delayed"):
            plan.disrupted.append((number, day))
    plan.days = tuple(dates)
    plan.records[number] = {
        "flight_number": number,
        "origin": route[0],
        "destination": route[1],
        "scheduled_departure_time_est": _clock(departure),
        "scheduled_arrival_time_est": _clock(arrival),
        "dates": dates,
    }
    plan.by_origin.setdefault(route[0], []).append(number)
    plan.by_route.setdefault(route, []).append(number)


def make_flights(key: int, spec: WorldSpec) -> FlightPlan:
    """All flights of the world `key`. Every flight lands on the day on which it leaves."""
    rng = rng_for(key, _ROUTES_KEY)
    airports = tuple(rng.sample(AIRPORTS, spec.airports))
    plan = FlightPlan(airports)
    pairs = _routes(rng, [code for code, _, _ in airports], spec.routes)
    routes = [route for a, b in pairs for route in ((a, b), (b, a))]
    prefix = "".join(rng.choices(_LETTERS, k=2))
    low = 10 ** (spec.flight_digits - 1)
    numbers = rng_for(key, _TIMETABLE_KEY).sample(range(low, 10 * low), spec.flights)
    for index, number in enumerate(numbers):
        _add_flight(plan, key, spec, index, f"{prefix}{number}", routes[index % len(routes)])
    return plan
