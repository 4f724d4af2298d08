"""Stories about a trip: how the customer names it, and what is done with it, one operation after the other."""

from collections.abc import Sequence
from typing import Any, Final

from toolgym.composing.story import after, together
from toolgym.envs.airline.operation import Known, Prepared
from toolgym.envs.airline.operations import OPERATIONS
from toolgym.envs.airline.story import Do, Run, Scene, Story, call

__all__ = ["IDENTS", "make_trip", "trip_composition"]

IDENTS: Final[dict[str, int]] = {"id": 0, "user1": 1, "user2": 2, "user3": 3}
"""How the trip is named -> how many reservations are looked up to find it (0: the request gives the id)."""


def trip_composition(ident: str, operations: Sequence[str]) -> str:
    """The atomic kinds of such a story, composed."""
    count = IDENTS[ident]
    if count == 0:
        parts = ["reservation"]
    elif count == 1:
        parts = ["user", "reservation"]
    else:
        parts = ["user", f"({'||'.join(['reservation'] * count)})"]
    known = count > 0
    for name in operations:
        operation = OPERATIONS[name]
        if operation.needs_membership and not known:
            parts.append("user")
            known = True
        parts += operation.kinds
    return ";".join(parts)


def _candidates(scene: Scene, ident: str) -> list[dict[str, Any]]:
    """The customer's reservations that the request can name in this way, in random order."""
    trips = scene.reservations()
    candidates = [trip for trip in trips if trip["reservation_id"] not in scene.taken]
    if IDENTS[ident]:
        if len(trips) != IDENTS[ident]:
            return []
        routes = [(trip["origin"], trip["destination"]) for trip in trips]
        candidates = [trip for trip in candidates if routes.count((trip["origin"], trip["destination"])) == 1]
    scene.rng.shuffle(candidates)
    return candidates


def _find(ident: str, user_id: str, trip: dict[str, Any]) -> Any:
    """The lookups that lead to the trip; returns what is `Known` then, and which trip it is of several."""
    if not IDENTS[ident]:
        rid = trip["reservation_id"]
        return Known((yield Do(f"Look up {rid}.", (call("reservation", {"reservation_id": rid}),)))[0]), ""
    user = (yield Do(f"Look up {user_id}.", (call("user", {"user_id": user_id}),)))[0]
    ids = user["reservations"]
    found = yield Do(f"Look up {', '.join(ids)}.", tuple(call("reservation", {"reservation_id": rid}) for rid in ids))
    route = trip["origin"], trip["destination"]
    chosen = next(record for record in found if (record["origin"], record["destination"]) == route)
    naming = f"{', '.join(_route_and_id(record) for record in found)}: {_route_and_id(chosen)}."
    return Known(chosen, user), naming if len(found) > 1 else ""


def _route_and_id(record: dict[str, Any]) -> str:
    return f"{record['origin']} {record['destination']} {record['reservation_id']}"


def make_trip(scene: Scene, ident: str, operations: Sequence[str]) -> Story | None:
    """A story about one of the customer's trips; None where none suits."""
    for trip in _candidates(scene, ident):
        prepared = _prepare(scene, trip, operations)
        if prepared is not None:
            return _story(scene, ident, trip, prepared)
    return None


def _prepare(scene: Scene, trip: dict[str, Any], operations: Sequence[str]) -> list[Prepared] | None:
    """The operations, made for the trip; None where one of them does not suit it."""
    prepared: list[Prepared] = []
    for name in operations:
        made = OPERATIONS[name].prepare(scene, trip)
        if made is None:
            return None
        prepared.append(made)
    return prepared


def _story(scene: Scene, ident: str, trip: dict[str, Any], prepared: Sequence[Prepared]) -> Story:
    """The story of one trip and what is done with it."""
    scene.taken.add(trip["reservation_id"])

    def run() -> Run:
        known, naming = yield from _find(ident, scene.user_id, trip)
        endings = []
        for place, part in enumerate(prepared):
            script = part.run(known)
            if place == 0 and naming:
                script = after(naming, script)
            endings.append((yield from script))
        return together(endings)

    names = {"rid": trip["reservation_id"], "origin": trip["origin"], "destination": trip["destination"]}
    words = scene.say("trip_route" if IDENTS[ident] else "trip_id", names)
    clause = scene.say(prepared[0].topic, {**prepared[0].values, "trip": words})
    for part in prepared[1:]:
        clause += f" {scene.say('then', {})} {scene.say(part.topic, {**part.values, 'trip': 'it'}, goes_on=True)}"
    facts = {"route": f"From {trip['origin']} to {trip['destination']}."}
    if not IDENTS[ident]:
        facts["reservation id"] = f"The reservation is {trip['reservation_id']}."
    for part in prepared:
        for topic, sentence in part.facts.items():
            facts[topic] = f"{facts[topic]} {sentence}" if topic in facts else sentence
    facts["details"] = clause
    outline = ", ".join(["trip" if not IDENTS[ident] else "profile, trip", *(part.outline for part in prepared)])
    opening = " ".join(part.opening for part in prepared)
    return Story(clause, opening, outline, run, facts, "user" if IDENTS[ident] else "")
