"""What is done with a reservation: each operation prepares its words for a trip and the agent's part of the script."""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, Final

from toolgym.envs.airline.names import draw_dob
from toolgym.envs.airline.rules import (
    TODAY,
    booked_within_day,
    compensation_due,
    flown,
    free_bags,
    may_cancel,
)
from toolgym.envs.airline.stories_lookup import certificate_exists
from toolgym.envs.airline.story import Do, Done, Run, Scene, call, pick
from toolgym.tasks import Assertion

__all__ = ["OPERATIONS", "Known", "Operation", "Prepared"]

COVERED: Final = ("I am ill", "I broke my leg", "my child is ill", "a storm is coming", "heavy snow is forecast")
"""Reasons of health or weather."""
UNCOVERED: Final = ("my plans changed", "I found a cheaper flight", "my meeting was moved", "I changed my mind")


@dataclass(slots=True)
class Known:
    """What the agent knows of the trip at some point of the script."""

    record: dict[str, Any]
    user: dict[str, Any] | None = None

    @property
    def rid(self) -> str:
        return self.record["reservation_id"]

    def membership(self) -> Generator[Do, list[Any], str]:
        """The owner's membership, looked up where it is not known yet."""
        user = self.user
        if user is None:
            user_id = self.record["user_id"]
            user = self.user = (yield Do(f"Membership of {user_id}.", (call("user", {"user_id": user_id}),)))[0]
        return user["membership"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """An operation made for one trip."""

    topic: str
    values: dict[str, Any]
    outline: str
    run: Callable[[Known], Run]
    opening: str
    facts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Operation:
    """How it is prepared (None: this trip does not suit), its calls, and whether the policy forbids it."""

    prepare: Callable[[Scene, dict[str, Any]], Prepared | None]
    kinds: tuple[str, ...]
    needs_membership: bool = False
    refused: bool = False
    """The agent looks, refuses and changes nothing."""

    @property
    def writes(self) -> bool:
        return not self.refused and self.kinds not in ((), ("calculate",))


def _ahead(trip: dict[str, Any]) -> bool:
    """Whether all segments are after today."""
    return all(segment["date"] > TODAY.isoformat() for segment in trip["flights"])


def _status(scene: Scene, segment: dict[str, Any]) -> str:
    return scene.base.tables["flights"][segment["flight_number"]]["dates"][segment["date"]]["status"]


def _undisturbed(scene: Scene, trip: dict[str, Any]) -> bool:
    return _ahead(trip) and all(_status(scene, segment) == "available" for segment in trip["flights"])


def _equals(rid: str, path: str, value: Any) -> Assertion:
    return Assertion(table="reservations", key=rid, path=path, value=value)


# Cancelling.


def _cancel_reasons(scene: Scene, trip: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """(the customer's reason, in short, whether the policy then lets the trip be cancelled)."""
    reasons = []
    cancelled = [s["flight_number"] for s in trip["flights"] if _status(scene, s) == "cancelled"]
    if cancelled:
        allowed = may_cancel(trip, airline_cancelled=True, covered_reason=False)
        return [(f"you cancelled flight {cancelled[0]}", "airline cancelled", allowed)]
    for covered, texts in ((True, COVERED), (False, UNCOVERED)):
        allowed = may_cancel(trip, airline_cancelled=False, covered_reason=covered)
        reasons.append((scene.rng.choice(texts), "health or weather" if covered else "own wish", allowed))
    return reasons


def _why_cancel(record: dict[str, Any], short: str) -> str:
    """The ground on which the policy decides, as the agent sees it."""
    if flown(record):
        return "flown"
    if booked_within_day(record):
        return "booked within 24 h"
    if record["cabin"] == "business":
        return "business"
    if short == "airline cancelled":
        return short
    insured = "insured" if record["insurance"] == "yes" else "not insured"
    return f"{record['cabin']}, {insured}, {short}"


def _prepare_cancel(scene: Scene, trip: dict[str, Any], *, allowed: bool) -> Prepared | None:
    if any(segment["date"] == TODAY.isoformat() for segment in trip["flights"]):
        return None
    reasons = [reason for reason in _cancel_reasons(scene, trip) if reason[2] == allowed]
    if not reasons:
        return None
    reason, short, _ = scene.rng.choice(reasons)

    def run(known: Known) -> Run:
        rid, why = known.rid, _why_cancel(known.record, short)
        if not allowed:
            return Done(f"Sorry, {rid} cannot be cancelled: {why}.", plan=f"{why}: refuse.")
        known.record = (yield Do(f"{why}: cancel {rid}.", (call("cancel", {"reservation_id": rid}),)))[0]
        return Done(f"{rid} is cancelled.", assertions=(_equals(rid, "status", "cancelled"),))

    facts = {"reason": f"{reason[0].upper()}{reason[1:]}."}
    return Prepared("cancel", {"reason": reason}, "cancel", run, "I need to cancel a trip.", facts)


def cancel(scene: Scene, trip: dict[str, Any]) -> Prepared | None:
    return _prepare_cancel(scene, trip, allowed=True)


def cancel_refused(scene: Scene, trip: dict[str, Any]) -> Prepared | None:
    return _prepare_cancel(scene, trip, allowed=False)


# Cabin and flights.


def _flight_choices(record: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"flight_number": s["flight_number"], "date": s["date"]} for s in record["flights"]]


def _payment_facts(pay: str, **more: str) -> dict[str, str]:
    return {**more, "payment": f"Use {pay}."}


def _prepare_cabin(scene: Scene, trip: dict[str, Any], *, allowed: bool) -> Prepared | None:
    cabins = [cabin for cabin in ("economy", "business") if cabin != trip["cabin"]]
    cabin, pay = scene.rng.choice(cabins), scene.card()
    if allowed:
        seats = [
            scene.base.tables["flights"][s["flight_number"]]["dates"][s["date"]]["available_seats"][cabin]
            for s in trip["flights"]
            if _undisturbed(scene, trip)
        ]
        if not seats or min(seats) < len(trip["passengers"]):
            return None
    elif not flown(trip):
        return None

    def run(known: Known) -> Run:
        rid = known.rid
        if not allowed:
            return Done(f"Sorry, the cabin of {rid} cannot be changed: flown.", plan="flown: refuse.")
        arguments = {
            "reservation_id": rid,
            "cabin": cabin,
            "flights": _flight_choices(known.record),
            "payment_id": pay,
        }
        known.record = (yield Do(f"not flown: {rid} to {cabin}, {pay}.", (call("cabin", arguments),)))[0]
        return Done(f"{rid} is changed to {cabin}.", assertions=(_equals(rid, "cabin", cabin),))

    facts = _payment_facts(pay, cabin=f"I want {cabin}.")
    return Prepared("cabin", {"cabin": cabin, "pay": pay}, "cabin", run, "I want another cabin.", facts)


def cabin(scene: Scene, trip: dict[str, Any]) -> Prepared | None:
    return _prepare_cabin(scene, trip, allowed=True)


def cabin_refused(scene: Scene, trip: dict[str, Any]) -> Prepared | None:
    return _prepare_cabin(scene, trip, allowed=False)


def _prepare_flights(scene: Scene, trip: dict[str, Any], *, allowed: bool) -> Prepared | None:
    if not _undisturbed(scene, trip) or len(trip["flights"]) > 1 or (trip["cabin"] == "basic_economy") == allowed:
        return None
    origin, destination, count, pay = trip["origin"], trip["destination"], len(trip["passengers"]), scene.card()
    choices = [
        (day, which)
        for day in scene.future_days()
        for which in ("cheapest", "cheapest", "earliest", "latest")
        if day != trip["flights"][0]["date"]
        and (not allowed or pick(scene.offers(origin, destination, day), which, trip["cabin"], count))
    ]
    if not choices:
        return None
    day, which = scene.rng.choice(choices)

    def run(known: Known) -> Run:
        rid, record = known.rid, known.record
        if not allowed:
            return Done(f"Sorry, the flights of {rid} cannot be changed: basic_economy.", plan="basic_economy: refuse.")
        route = {"origin": record["origin"], "destination": record["destination"], "date": day}
        plan = f"{record['cabin']}: search {route['origin']} {route['destination']} {day}."
        best = pick((yield Do(plan, (call("direct", route),)))[0], which, record["cabin"], len(record["passengers"]))
        assert best is not None
        number = best["flight_number"]
        arguments = {
            "reservation_id": rid,
            "cabin": record["cabin"],
            "flights": [{"flight_number": number, "date": day}],
            "payment_id": pay,
        }
        plan = f"{which} {number} ${best['prices'][record['cabin']]}: move {rid}, {pay}."
        known.record = (yield Do(plan, (call("flights", arguments),)))[0]
        asserted = (_equals(rid, "flights.0.flight_number", number), _equals(rid, "flights.0.date", day))
        return Done(f"{rid} is changed to {number} on {day}.", assertions=asserted)

    facts = _payment_facts(pay, date=f"On {day}.", flight=f"The {which} flight.")
    values = {"date": day, "which": which, "pay": pay}
    return Prepared("flights", values, "search, move", run, "I want to move a trip.", facts)


def flights(scene: Scene, trip: dict[str, Any]) -> Prepared | None:
    return _prepare_flights(scene, trip, allowed=True)


def flights_refused(scene: Scene, trip: dict[str, Any]) -> Prepared | None:
    return _prepare_flights(scene, trip, allowed=False)


# Bags and passengers.


def bags(scene: Scene, trip: dict[str, Any]) -> Prepared | None:
    """Adds one or two bags; how many of them cost something follows from membership and cabin."""
    if not _ahead(trip):
        return None
    count, pay = scene.rng.randint(1, 2), scene.card()
    text = "1 checked bag" if count == 1 else f"{count} checked bags"

    def run(known: Known) -> Run:
        level = yield from known.membership()
        rid, record = known.rid, known.record
        free = free_bags(level, record["cabin"], len(record["passengers"]))
        total = record["total_baggages"] + count
        extra = max(0, total - free)
        arguments = {
            "reservation_id": rid,
            "total_baggages": total,
            "nonfree_baggages": extra,
            "payment_id": pay,
        }
        plan = f"{level} {record['cabin']}, {free} free, {total} in all: {rid}, {extra} paid."
        known.record = (yield Do(plan, (call("bags", arguments),)))[0]
        asserted = (_equals(rid, "total_baggages", total), _equals(rid, "nonfree_baggages", extra))
        return Done(f"Bags added: {rid} has {total}, {extra} paid.", assertions=asserted)

    facts = _payment_facts(pay, bags=f"{text} more.")
    return Prepared("bags_add", {"bags": text, "pay": pay}, "bags", run, "I want to add bags.", facts)


def bags_refused(scene: Scene, trip: dict[str, Any]) -> Prepared | None:
    """Bags may not be removed."""
    if not _ahead(trip) or not trip["total_baggages"]:
        return None

    def run(known: Known) -> Run:
        return Done(f"Sorry, bags of {known.rid} cannot be removed.", plan="bags cannot be removed: refuse.")
        yield  # a script is a generator, also where it needs no further call

    return Prepared("bags_remove", {}, "bags", run, "I have a bag too many.", {"bags": "One bag less."})


def passengers(scene: Scene, trip: dict[str, Any]) -> Prepared | None:
    """Corrects a passenger's name; the number of passengers stays."""
    if not _ahead(trip):
        return None
    index = scene.rng.randrange(len(trip["passengers"]))
    person = trip["passengers"][index]
    old = f"{person['first_name']} {person['last_name']}"
    if [f"{p['first_name']} {p['last_name']}" for p in trip["passengers"]].count(old) > 1:
        return None
    first, last = (
        (person["first_name"], scene.invent_name())
        if scene.rng.random() < 0.5
        else (scene.invent_name(), person["last_name"])
    )
    new = f"{first} {last}"

    def run(known: Known) -> Run:
        rid = known.rid
        people = [
            {"first_name": first, "last_name": last, "dob": p["dob"]}
            if f"{p['first_name']} {p['last_name']}" == old
            else dict(p)
            for p in known.record["passengers"]
        ]
        plan = f"{rid}: {old} becomes {new}."
        arguments = {"reservation_id": rid, "passengers": people}
        known.record = (yield Do(plan, (call("passengers", arguments),)))[0]
        asserted = (
            _equals(rid, f"passengers.{index}.first_name", first),
            _equals(rid, f"passengers.{index}.last_name", last),
        )
        return Done(f"{rid} is changed: {new}.", assertions=asserted)

    facts = {"passenger": f"{old} should be {new}."}
    return Prepared("passenger", {"old": old, "new": new}, "passengers", run, "A name on a trip is wrong.", facts)


def passengers_refused(scene: Scene, trip: dict[str, Any]) -> Prepared | None:
    """The number of passengers may not change."""
    if not _ahead(trip):
        return None
    values = {"new": f"{scene.invent_name()} {scene.invent_name()}", "dob": draw_dob(scene.rng)}

    def run(known: Known) -> Run:
        return Done(f"Sorry, no passenger can be added to {known.rid}.", plan="number of passengers is fixed: refuse.")
        yield  # a script is a generator, also where it needs no further call

    facts = {"passenger": f"{values['new']}, born {values['dob']}."}
    return Prepared("passenger_add", values, "passengers", run, "Somebody wants to join my trip.", facts)


# Compensation.


def _prepare_compensation(scene: Scene, trip: dict[str, Any], *, allowed: bool) -> Prepared | None:
    hit = [s["flight_number"] for s in trip["flights"] if _status(scene, s) in ("cancelled", "delayed")]
    if not hit:
        return None
    number = hit[0]
    segment = next(s for s in trip["flights"] if s["flight_number"] == number)
    fate, membership = _status(scene, segment), scene.user["membership"]
    if bool(compensation_due(trip, membership, cancelled=fate == "cancelled")) != allowed:
        return None

    def run(known: Known) -> Run:
        level = yield from known.membership()
        record, user_id = known.record, known.record["user_id"]
        amount = compensation_due(record, level, cancelled=fate == "cancelled")
        insured = "insured" if record["insurance"] == "yes" else "not insured"
        why = f"{level}, {record['cabin']}, {insured}, {len(record['passengers'])} x {fate}"
        if not amount:
            return Done(f"Sorry, no compensation is due for {known.rid}.", plan=f"{why}: refuse.")
        arguments = {"user_id": user_id, "amount": amount}
        text = (yield Do(f"{why}: ${amount} to {user_id}.", (call("certificate", arguments),)))[0]
        return Done(f"A certificate of ${amount} is sent.", assertions=(certificate_exists(text, user_id),))

    facts = {"flight": f"Flight {number}.", "reason": f"It was {fate}."}
    values = {"number": number, "fate": fate}
    return Prepared("compensation", values, "certificate", run, "I want compensation.", facts)


def compensation(scene: Scene, trip: dict[str, Any]) -> Prepared | None:
    return _prepare_compensation(scene, trip, allowed=True)


def compensation_refused(scene: Scene, trip: dict[str, Any]) -> Prepared | None:
    return _prepare_compensation(scene, trip, allowed=False)


# Questions.


def _paid(record: dict[str, Any]) -> int:
    return sum(payment["amount"] for payment in record["payment_history"])


_FACTS: Final[dict[str, tuple[str, Callable[[dict[str, Any]], str]]]] = {
    "fact_flight": ("The first flight is", lambda record: record["flights"][0]["flight_number"]),
    "fact_date": ("The departure is on", lambda record: record["flights"][0]["date"]),
    "fact_paid": ("You paid", lambda record: f"${_paid(record)}"),
    "fact_cabin": ("The cabin is", lambda record: record["cabin"]),
}


def fact(scene: Scene, trip: dict[str, Any]) -> Prepared | None:
    """Tells a fact of the reservation."""
    topics = [topic for topic in _FACTS if topic != "fact_paid" or len(trip["payment_history"]) == 1]
    topic = scene.rng.choice(topics)
    words, value = _FACTS[topic]

    def run(known: Known) -> Run:
        told = value(known.record)
        # "economy" is in "basic_economy" too.
        unsaid = ("basic",) if told == "economy" else ()
        return Done(f"{words} {told}.", said=(told,), unsaid=unsaid)
        yield  # a script is a generator, also where it needs no further call

    return Prepared(topic, {}, "answer", run, "I have a question about a trip.")


def total(scene: Scene, trip: dict[str, Any]) -> Prepared | None:
    """Computes what the flights cost for all passengers."""
    if len(trip["flights"]) == 1 and len(trip["passengers"]) == 1:
        return None

    def run(known: Known) -> Run:
        prices = " + ".join(str(segment["price"]) for segment in known.record["flights"])
        count = len(known.record["passengers"])
        expression = f"{count} * ({prices})" if len(known.record["flights"]) > 1 else f"{count} * {prices}"
        result = (yield Do(f"Compute {expression}.", (call("calculate", {"expression": expression}),)))[0]
        told = f"${float(result):g}"
        return Done(f"The flights cost {told}.", said=(told,))

    return Prepared("total", {}, "compute", run, "I have a question about the price of a trip.")


# Booking something else after a cancellation.


def rebook(scene: Scene, trip: dict[str, Any]) -> Prepared | None:
    """Books a direct flight on the same route for the same passengers."""
    count, cabin, pay = len(trip["passengers"]), trip["cabin"], scene.card()
    if not _undisturbed(scene, trip) or trip["flight_type"] == "round_trip":
        return None
    route = trip["origin"], trip["destination"]
    choices = [
        (day, which)
        for day in scene.future_days()
        for which in ("cheapest", "earliest", "latest")
        if day != trip["flights"][0]["date"] and pick(scene.offers(*route, day), which, cabin, count)
    ]
    if not choices:
        return None
    day, which = scene.rng.choice(choices)
    values = {
        "which": which,
        "cabin": cabin,
        "origin": route[0],
        "destination": route[1],
        "date": day,
        "pay": pay,
    }

    def run(known: Known) -> Run:
        search = {"origin": route[0], "destination": route[1], "date": day}
        found = (yield Do(f"Search {route[0]} {route[1]} {day}.", (call("direct", search),)))[0]
        best = pick(found, which, cabin, len(known.record["passengers"]))
        assert best is not None
        people = [dict(person) for person in known.record["passengers"]]
        number, amount = best["flight_number"], best["prices"][cabin] * len(people)
        arguments = {
            "user_id": known.record["user_id"],
            "origin": route[0],
            "destination": route[1],
            "flight_type": "one_way",
            "cabin": cabin,
            "flights": [{"flight_number": number, "date": day}],
            "passengers": people,
            "payment_methods": [{"payment_id": pay, "amount": amount}],
            "total_baggages": 0,
            "nonfree_baggages": 0,
            "insurance": "no",
        }
        booked = (yield Do(f"{which} {number}, ${amount}: book with {pay}.", (call("book", arguments),)))[0]
        rid = booked["reservation_id"]
        return Done(f"{rid} is booked.", assertions=(_equals(rid, "flights.0.flight_number", number),))

    facts = _payment_facts(pay, date=f"On {day}.", flight=f"The {which} {cabin} flight.")
    return Prepared("rebook", values, "search, book", run, "I want another flight instead.", facts)


OPERATIONS: Final[dict[str, Operation]] = {
    "fact": Operation(fact, ()),
    "total": Operation(total, ("calculate",)),
    "cancel": Operation(cancel, ("cancel",)),
    "cabin": Operation(cabin, ("cabin",)),
    "flights": Operation(flights, ("direct", "flights")),
    "bags": Operation(bags, ("bags",), needs_membership=True),
    "passengers": Operation(passengers, ("passengers",)),
    "compensation": Operation(compensation, ("certificate",), needs_membership=True),
    "rebook": Operation(rebook, ("direct", "book")),
    "cancel!": Operation(cancel_refused, (), refused=True),
    "cabin!": Operation(cabin_refused, (), refused=True),
    "flights!": Operation(flights_refused, (), refused=True),
    "bags!": Operation(bags_refused, (), refused=True),
    "passengers!": Operation(passengers_refused, (), refused=True),
    "compensation!": Operation(compensation_refused, (), needs_membership=True, refused=True),
}
"""Name -> operation; those with `!` are forbidden by the policy."""
