"""Users and their reservations, each a function of the world key and an index."""

import random
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from toolgym.composing.names import draw_digits, draw_dob, draw_name, rng_for
from toolgym.domain import Split
from toolgym.envs.airline.flights import FlightPlan
from toolgym.envs.airline.ids import ReservationIds
from toolgym.envs.airline.rules import CABINS, EXTRA_BAG_USD, INSURANCE_USD, NOW, TODAY, free_bags
from toolgym.envs.airline.spec import WorldSpec

__all__ = ["People"]

_IDS_KEY, _USER_KEY, _RESERVATION_KEY = 4, 5, 6
_STREETS: Final = (
    "Oak",
    "Elm",
    "Pine",
    "Lake",
    "Hill",
    "Park",
    "Main",
    "Cedar",
    "Maple",
    "River",
    "Sunset",
    "Harbor",
    "Mill",
)

Segment = tuple[str, str]
"""(flight number, date)."""


class People:
    """Makes the user and reservation records of one world.

    User i owns reservations `i * slots` to `i * slots + n - 1`, where `slots` is the most that any user has: an index
    names its owner, and the reservation ids of a user follow without making any reservation.
    """

    def __init__(self, key: int, split: Split, spec: WorldSpec, plan: FlightPlan):
        self.key, self.spec, self.plan = key, spec, plan
        self.split: Split = split
        rng = rng_for(key, _IDS_KEY)
        self._ids = ReservationIds(rng, split)
        self._suffix_space = 10**spec.user_digits
        self._suffix_offset = rng.randrange(self._suffix_space)
        self._slots = max(spec.reservations_of)
        self._profile = lru_cache(maxsize=1024)(self._make_profile)

    # Indices and ids.

    def _owned(self, user: int) -> int:
        return self.spec.reservations_of[user % len(self.spec.reservations_of)]

    @property
    def reservation_count(self) -> int:
        """The number of reservations in the world."""
        cycle = self.spec.reservations_of
        rounds, rest = divmod(self.spec.users, len(cycle))
        return rounds * sum(cycle) + sum(cycle[:rest])

    def reservation_indices(self) -> Iterator[int]:
        """The indices in use, ascending."""
        for user in range(self.spec.users):
            yield from range(user * self._slots, user * self._slots + self._owned(user))

    def reservation_id(self, index: int) -> str:
        """The id of a reservation."""
        return self._ids.id_of(index)

    def reservation_index(self, reservation_id: str) -> int | None:
        """The index of a reservation id; None where there is no such reservation."""
        index = self._ids.index_of(reservation_id)
        if index is None:
            return None
        user, slot = divmod(index, self._slots)
        return index if user < self.spec.users and slot < self._owned(user) else None

    def user_id(self, index: int) -> str:
        """The id of a user."""
        return self._profile(index)[0]

    def user_index(self, user_id: str) -> int | None:
        """The index of a user id; None where there is no such user."""
        suffix = user_id.rpartition("_")[2]
        if len(suffix) != self.spec.user_digits or not (suffix.isascii() and suffix.isdigit()):
            return None
        index = (int(suffix) - self._suffix_offset) * pow(7, -1, self._suffix_space) % self._suffix_space
        return index if index < self.spec.users and self.user_id(index) == user_id else None

    # Users.

    def user(self, index: int) -> dict[str, Any]:
        """A user's record, with the ids of its reservations."""
        record = dict(self._profile(index)[1])
        first = index * self._slots
        record["reservations"] = [self._ids.id_of(i) for i in range(first, first + self._owned(index))]
        return record

    def _make_profile(self, index: int) -> tuple[str, dict[str, Any]]:
        """A user's id and record, but for the reservations."""
        rng, spec = rng_for(self.key, _USER_KEY, index), self.spec
        first, last = self._name(rng), self._name(rng)
        suffix = (self._suffix_offset + 7 * index) % self._suffix_space
        user_id = f"{first.lower()}_{last.lower()}_{suffix:0{spec.user_digits}d}"
        payments = self._payments(rng)
        saved = (
            0 if spec.compact and len(payments) > 1 else rng.choice((0, 0, 0, 1) if spec.compact else (0, 1, 1, 2, 3))
        )
        profile = {
            "name": {"first_name": first, "last_name": last},
            "address": self._address(rng),
            "email": f"{first.lower()}.{last.lower()}{suffix:0{spec.user_digits}d}@example.com",
            "dob": draw_dob(rng),
            "payment_methods": payments,
            "saved_passengers": [self._person(rng) for _ in range(saved)],
            "membership": rng.choice(("regular", "regular", "silver", "gold")),
        }
        return user_id, profile

    def _name(self, rng: random.Random) -> str:
        return draw_name(rng, self.split, self.spec.name_length)

    def _person(self, rng: random.Random) -> dict[str, Any]:
        return {"first_name": self._name(rng), "last_name": self._name(rng), "dob": draw_dob(rng)}

    def _address(self, rng: random.Random) -> dict[str, Any]:
        _, city, state = rng.choice(self.plan.airports)
        street, compact = rng.choice(_STREETS), self.spec.compact
        return {
            "address1": f"{rng.randint(1, 99)} {street} St" if compact else f"{rng.randint(100, 999)} {street} Street",
            "address2": "" if compact else f"Suite {rng.randint(100, 999)}",
            "city": city,
            "country": "USA",
            "state": state,
            "zip": f"{rng.randint(10000, 99999)}",
        }

    def _payments(self, rng: random.Random) -> dict[str, Any]:
        """Payment methods by id: always a credit card, sometimes more."""
        if self.spec.compact:
            sources = ["credit_card", *rng.choice(([], [], [], [], ["gift_card"], ["certificate"]))]
        else:
            sources = ["credit_card"] * rng.choice((1, 1, 2)) + ["gift_card"] * rng.choice((0, 1, 2))
            sources += ["certificate"] * rng.choice((0, 0, 1, 2))
            rng.shuffle(sources)
        methods: dict[str, Any] = {}
        while len(methods) < len(sources):
            source = sources[len(methods)]
            payment_id = f"{source}_{draw_digits(rng, self.split, self.spec.payment_digits)}"
            if payment_id in methods:
                continue
            if source == "credit_card":
                fields = {"brand": rng.choice(("visa", "mastercard")), "last_four": f"{rng.randint(1000, 9999)}"}
            else:
                fields = {"amount": rng.randint(40, 480) if source == "gift_card" else rng.choice((50, 100, 150, 250))}
            methods[payment_id] = {"source": source, **fields, "id": payment_id}
        return methods

    # Reservations.

    def reservation(self, index: int) -> dict[str, Any]:
        """A reservation's record."""
        rng = rng_for(self.key, _RESERVATION_KEY, index)
        user_id, user = self._profile(index // self._slots)
        segments, round_trip = self._segments(rng)
        cabin = rng.choices(CABINS, (20, 45, 35))[0]
        flights = [self._flight(number, day, cabin) for number, day in segments]
        passengers = self._passengers(rng, user, one_only=self.spec.compact and len(segments) > 1)
        free = free_bags(user["membership"], cabin, len(passengers))
        bags = max(0, rng.randint(free - 2, free + 1))
        extra = max(0, bags - free)
        insurance = "yes" if rng.random() < 0.4 else "no"
        total = len(passengers) * sum(flight["price"] for flight in flights) + EXTRA_BAG_USD * extra
        total += INSURANCE_USD * len(passengers) if insurance == "yes" else 0
        return {
            "reservation_id": self._ids.id_of(index),
            "user_id": user_id,
            "origin": flights[0]["origin"],
            "destination": flights[0]["destination"] if round_trip else flights[-1]["destination"],
            "flight_type": "round_trip" if round_trip else "one_way",
            "cabin": cabin,
            "flights": flights,
            "passengers": passengers,
            "payment_history": self._payment_history(rng, user, total),
            "created_at": self._created(rng, segments[0][1]),
            "total_baggages": bags,
            "nonfree_baggages": extra,
            "insurance": insurance,
        }

    def _flight(self, number: str, day: str, cabin: str) -> dict[str, Any]:
        flight = self.plan.records[number]
        return {
            "origin": flight["origin"],
            "destination": flight["destination"],
            "flight_number": number,
            "date": day,
            "price": self.plan.fares[number, day][cabin],
        }

    def _segments(self, rng: random.Random) -> tuple[list[Segment], bool]:
        """Flights of a new reservation, and whether they are a round trip."""
        plan = self.plan
        if plan.disrupted and rng.random() < 0.2:
            return [rng.choice(plan.disrupted)], False
        past = rng.random() < 0.15
        days = [day for day in plan.days if (day < TODAY.isoformat()) == past and day != TODAY.isoformat()]
        shape = rng.choices(("direct", "one_stop", "round_trip"), (70, 14, 16) if self.spec.compact else (40, 25, 35))[
            0
        ]
        numbers = list(plan.records)
        while True:
            number, day = rng.choice(numbers), rng.choice(days)
            if not self._open(number, day):
                continue
            more = self._second(rng, number, day, days, shape)
            return [(number, day), *more], bool(more) and shape == "round_trip"

    def _open(self, number: str, day: str) -> bool:
        return self.plan.status(number, day) in ("available", "landed")

    def _second(self, rng: random.Random, number: str, day: str, days: list[str], shape: str) -> list[Segment]:
        """A second segment that fits the first one; none where the shape wants none or none fits."""
        plan, first = self.plan, self.plan.records[number]
        here, home = first["destination"], first["origin"]
        if shape == "one_stop":
            onward = [
                (other, day)
                for other in plan.by_origin.get(here, ())
                if plan.records[other]["destination"] != home
                and plan.records[other]["scheduled_departure_time_est"] > first["scheduled_arrival_time_est"]
                and self._open(other, day)
            ]
            return [rng.choice(onward)] if onward else []
        later = [other for other in days if other > day]
        if shape == "round_trip" and later:
            back_day = rng.choice(later)
            back = [other for other in plan.by_route.get((here, home), ()) if self._open(other, back_day)]
            return [(rng.choice(back), back_day)] if back else []
        return []

    def _passengers(self, rng: random.Random, user: dict[str, Any], *, one_only: bool) -> list[dict[str, Any]]:
        """The user, then saved passengers and people without a profile."""
        count = (
            1 if one_only else rng.choices((1, 2, 3, 4), (78, 22, 0, 0) if self.spec.compact else (45, 30, 15, 10))[0]
        )
        people = [{**user["name"], "dob": user["dob"]}]
        others = list(user["saved_passengers"])
        while len(people) < count:
            people.append(dict(others.pop(0)) if others else self._person(rng))
        return people

    def _payment_history(self, rng: random.Random, user: dict[str, Any], total: int) -> list[dict[str, Any]]:
        """Payments that add up to `total`: one method, now and then two."""
        methods = [payment for payment, method in user["payment_methods"].items() if method["source"] != "certificate"]
        if not self.spec.compact and len(methods) > 1 and rng.random() < 0.1:
            one, two = rng.sample(methods, 2)
            part = rng.randint(1, total - 1)
            return [{"payment_id": one, "amount": part}, {"payment_id": two, "amount": total - part}]
        return [{"payment_id": rng.choice(methods), "amount": total}]

    def _created(self, rng: random.Random, first_day: str) -> str:
        """When the reservation was made: before it was flown; now and then in the last 24 hours."""
        if first_day > TODAY.isoformat() and rng.random() < 0.15:
            made = NOW - timedelta(minutes=rng.randint(30, 23 * 60))
        else:
            last = min(TODAY, date.fromisoformat(first_day)) - timedelta(days=rng.randint(2, 20))
            made = datetime(last.year, last.month, last.day, rng.randint(0, 23), rng.randint(0, 59), rng.randint(0, 59))
        return made.isoformat()
