"""Changes of a reservation: cabin, flights, bags, passengers, and booking another trip in its place."""

from typing import Any

from toolgym.composing.names import draw_dob
from toolgym.envs.airline.operation import (
    Known,
    Prepared,
    ahead,
    equals,
    flight_choices,
    payment_facts,
    refusal,
    undisturbed,
)
from toolgym.envs.airline.rules import FREE_BAGS, flown, free_bags
from toolgym.envs.airline.story import Do, Done, Run, Scene, call, pick, weigh

__all__ = [
    "bags",
    "bags_refused",
    "cabin",
    "cabin_refused",
    "flights",
    "flights_refused",
    "passengers",
    "passengers_refused",
    "rebook",
]


# Cabin and flights.


def _prepare_cabin(scene: Scene, trip: dict[str, Any], *, allowed: bool) -> Prepared | None:
    cabins = [cabin for cabin in ("economy", "business") if cabin != trip["cabin"]]
    cabin, pay = scene.rng.choice(cabins), scene.card()
    if allowed:
        seats = [
            scene.base.tables["flights"][s["flight_number"]]["dates"][s["date"]]["available_seats"][cabin]
            for s in trip["flights"]
            if undisturbed(scene, trip)
        ]
        if not seats or min(seats) < len(trip["passengers"]):
            return None
    elif not flown(trip):
        return None

    def run(known: Known) -> Run:
        rid = known.rid
        if not allowed:
            response = f"Sorry, the cabin of {rid} cannot be changed: flown."
            return Done(response, plan="flown: refuse.", refusals=refusal(rid, "cabin"))
        arguments = {
            "reservation_id": rid,
            "cabin": cabin,
            "flights": flight_choices(known.record),
            "payment_id": pay,
        }
        known.record = (yield Do(f"not flown: {rid} to {cabin}, {pay}.", (call("cabin", arguments),)))[0]
        return Done(f"{rid} is changed to {cabin}.", assertions=(equals(rid, "cabin", cabin),))

    facts = payment_facts(pay, {"cabin": f"I want {cabin}."})
    return Prepared("cabin", {"cabin": cabin, "pay": pay}, "cabin", run, "I want another cabin.", facts)


def cabin(scene: Scene, trip: dict[str, Any]) -> Prepared | None:
    """Changes the cabin of a trip that is still to come."""
    return _prepare_cabin(scene, trip, allowed=True)


def cabin_refused(scene: Scene, trip: dict[str, Any]) -> Prepared | None:
    """The cabin of a flown trip may not change."""
    return _prepare_cabin(scene, trip, allowed=False)


def _prepare_flights(scene: Scene, trip: dict[str, Any], *, allowed: bool) -> Prepared | None:
    if not undisturbed(scene, trip) or len(trip["flights"]) > 1 or (trip["cabin"] == "basic_economy") == allowed:
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
            response = f"Sorry, the flights of {rid} cannot be changed: basic_economy."
            return Done(response, plan="basic_economy: refuse.", refusals=refusal(rid, "flights"))
        route = {"origin": record["origin"], "destination": record["destination"], "date": day}
        plan = f"{record['cabin']}: search {route['origin']} {route['destination']} {day}."
        offers, seats = (yield Do(plan, (call("direct", route),)))[0], len(record["passengers"])
        best = pick(offers, which, record["cabin"], seats)
        assert best is not None
        number, weighed = best["flight_number"], weigh(offers, which, record["cabin"], seats)
        arguments = {
            "reservation_id": rid,
            "cabin": record["cabin"],
            "flights": [{"flight_number": number, "date": day}],
            "payment_id": pay,
        }
        plan = f"{weighed} ${best['prices'][record['cabin']]}: move {rid}, {pay}."
        known.record = (yield Do(plan, (call("flights", arguments),)))[0]
        asserted = (equals(rid, "flights.0.flight_number", number), equals(rid, "flights.0.date", day))
        return Done(f"{rid} is changed to {number} on {day}.", assertions=asserted)

    facts = payment_facts(pay, {"date": f"On {day}.", "flight": f"The {which} flight."})
    values = {"date": day, "which": which, "pay": pay}
    return Prepared("flights", values, "search, move", run, "I want to move a trip.", facts)


def flights(scene: Scene, trip: dict[str, Any]) -> Prepared | None:
    """Moves a one-way trip of one flight to another date."""
    return _prepare_flights(scene, trip, allowed=True)


def flights_refused(scene: Scene, trip: dict[str, Any]) -> Prepared | None:
    """The flights of a basic economy trip may not change."""
    return _prepare_flights(scene, trip, allowed=False)


# Bags and passengers.


def bags(scene: Scene, trip: dict[str, Any]) -> Prepared | None:
    """Adds one or two bags; how many of them cost something follows from membership and cabin."""
    if not ahead(trip):
        return None
    count, pay = scene.rng.randint(1, 2), scene.card()
    text = "1 checked bag" if count == 1 else f"{count} checked bags"

    def run(known: Known) -> Run:
        level = yield from known.membership()
        rid, record = known.rid, known.record
        people, before = len(record["passengers"]), record["total_baggages"]
        free = free_bags(level, record["cabin"], people)
        total = before + count
        extra = max(0, total - free)
        arguments = {
            "reservation_id": rid,
            "total_baggages": total,
            "nonfree_baggages": extra,
            "payment_id": pay,
        }
        each = f"{level} {record['cabin']}: {people} x {FREE_BAGS[level][record['cabin']]} = {free} free."
        plan = f"{each} {before} + {count} = {total} in all: {rid}, {extra} paid."
        known.record = (yield Do(plan, (call("bags", arguments),)))[0]
        asserted = (equals(rid, "total_baggages", total), equals(rid, "nonfree_baggages", extra))
        return Done(f"Bags added: {rid} has {total}, {extra} paid.", assertions=asserted)

    facts = payment_facts(pay, {"bags": f"{text} more."})
    return Prepared("bags_add", {"bags": text, "pay": pay}, "bags", run, "I want to add bags.", facts)


def bags_refused(scene: Scene, trip: dict[str, Any]) -> Prepared | None:
    """Bags may not be removed."""
    if not ahead(trip) or not trip["total_baggages"]:
        return None

    def run(known: Known) -> Run:
        response = f"Sorry, bags of {known.rid} cannot be removed."
        return Done(response, plan="bags cannot be removed: refuse.", refusals=refusal(known.rid, "bags"))
        yield  # a script is a generator, also where it needs no further call

    return Prepared("bags_remove", {}, "bags", run, "I have a bag too many.", {"bags": "One bag less."})


def passengers(scene: Scene, trip: dict[str, Any]) -> Prepared | None:
    """Corrects a passenger's name; the number of passengers stays."""
    if not ahead(trip):
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
        names = ", ".join(f"{person['first_name']} {person['last_name']}" for person in people)
        plan = f"{rid}: {old} becomes {new}: {names}."
        arguments = {"reservation_id": rid, "passengers": people}
        known.record = (yield Do(plan, (call("passengers", arguments),)))[0]
        asserted = (
            equals(rid, f"passengers.{index}.first_name", first),
            equals(rid, f"passengers.{index}.last_name", last),
        )
        return Done(f"{rid} is changed: {new}.", assertions=asserted)

    facts = {"passenger": f"{old} should be {new}."}
    return Prepared("passenger", {"old": old, "new": new}, "passengers", run, "A name on a trip is wrong.", facts)


def passengers_refused(scene: Scene, trip: dict[str, Any]) -> Prepared | None:
    """The number of passengers may not change."""
    if not ahead(trip):
        return None
    values = {"new": f"{scene.invent_name()} {scene.invent_name()}", "dob": draw_dob(scene.rng)}

    def run(known: Known) -> Run:
        response, refused = f"Sorry, no passenger can be added to {known.rid}.", refusal(known.rid, "passengers")
        return Done(response, plan="number of passengers is fixed: refuse.", refusals=refused)
        yield  # a script is a generator, also where it needs no further call

    facts = {"passenger": f"{values['new']}, born {values['dob']}."}
    return Prepared("passenger_add", values, "passengers", run, "Somebody wants to join my trip.", facts)


# Booking something else after a cancellation.


def rebook(scene: Scene, trip: dict[str, Any]) -> Prepared | None:
    """Books a direct flight on the same route for the same passengers."""
    count, cabin, pay = len(trip["passengers"]), trip["cabin"], scene.card()
    if not undisturbed(scene, trip) or trip["flight_type"] == "round_trip":
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
        offers = (yield Do(f"Search {route[0]} {route[1]} {day}.", (call("direct", search),)))[0]
        best = pick(offers, which, cabin, count)
        assert best is not None
        people = [dict(person) for person in known.record["passengers"]]
        number, price, amount = best["flight_number"], best["prices"][cabin], best["prices"][cabin] * count
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
        chosen = f"{weigh(offers, which, cabin, count)} ${price} x {count} = ${amount}"
        booked = (yield Do(f"{chosen}: book with {pay}.", (call("book", arguments),)))[0]
        rid = booked["reservation_id"]
        return Done(f"{rid} is booked.", assertions=(equals(rid, "flights.0.flight_number", number),))

    facts = payment_facts(pay, {"date": f"On {day}.", "flight": f"The {which} {cabin} flight."})
    return Prepared("rebook", values, "search, book", run, "I want another flight instead.", facts)
