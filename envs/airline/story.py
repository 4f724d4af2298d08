"""Where a story of the airline is made, its atomic kinds, and the choices among flights."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from toolgym.composing.names import draw_name
from toolgym.composing.story import Do, Done, PlannedCall, Run, Story, Style
from toolgym.composing.worlds import split_of
from toolgym.envs.airline.requests import phrase
from toolgym.envs.airline.rules import TODAY
from toolgym.envs.airline.spec import SPECS
from toolgym.world import Base

__all__ = ["TOOL_OF", "WRITING_KINDS", "Do", "Done", "PlannedCall", "Run", "Scene", "Story", "call", "pick"]

TOOL_OF: Final[dict[str, str]] = {
    "user": "get_user_details",
    "reservation": "get_reservation_details",
    "airports": "list_all_airports",
    "direct": "search_direct_flight",
    "onestop": "search_onestop_flight",
    "calculate": "calculate",
    "transfer": "transfer_to_human_agents",
    "certificate": "send_certificate",
    "book": "book_reservation",
    "cancel": "cancel_reservation",
    "cabin": "update_reservation_flights",
    "flights": "update_reservation_flights",
    "bags": "update_reservation_baggages",
    "passengers": "update_reservation_passengers",
}
"""Atomic kind (one call, AC-Planner's Gamma_1) -> the tool that does it."""

WRITING_KINDS: Final = frozenset({"certificate", "book", "cancel", "cabin", "flights", "bags", "passengers"})

_FREE_WORDING: Final = frozenset({"calculate", "transfer"})
"""Kinds whose argument can be worded in many ways, so that only the call itself is checked."""


def call(kind: str, arguments: dict[str, Any]) -> PlannedCall:
    """A call of the kind's tool."""
    return PlannedCall(
        kind, TOOL_OF[kind], arguments, kind in WRITING_KINDS, free=kind in _FREE_WORDING, required=kind == "transfer"
    )


@dataclass(slots=True)
class Scene:
    """Where a story is made: a world, its customer, and the random choices left."""

    base: Base
    user_id: str
    style: Style
    rng: random.Random
    taken: set[str] = field(default_factory=set)
    """Reservations that another story of the task is about already."""

    @property
    def user(self) -> dict[str, Any]:
        return self.base.tables["users"][self.user_id]

    @property
    def name(self) -> str:
        name = self.user["name"]
        return f"{name['first_name']} {name['last_name']}"

    @property
    def compact(self) -> bool:
        return SPECS[self.base.meta["size"]].compact

    def reservations(self) -> list[dict[str, Any]]:
        """The customer's reservations, in the profile's order."""
        return [self.base.tables["reservations"][key] for key in self.user["reservations"]]

    def say(self, topic: str, values: Mapping[str, object], *, goes_on: bool = False) -> str:
        return phrase(self.rng, topic, self.style, values, goes_on=goes_on)

    def invent_name(self) -> str:
        """A first or last name of the world's split."""
        spec = SPECS[self.base.meta["size"]]
        return draw_name(self.rng, split_of(self.base.meta["seed"]), spec.name_length)

    def card(self) -> str:
        """One of the customer's credit cards."""
        methods = self.user["payment_methods"]
        return self.rng.choice([key for key, method in methods.items() if method["source"] == "credit_card"])

    def offers(self, origin: str, destination: str, day: str) -> list[dict[str, Any]]:
        """Flights that a direct search shows, in its order and form."""
        shown = []
        for number in _by_route(self.base).get((origin, destination), ()):
            flight = self.base.tables["flights"][number]
            status = flight["dates"].get(day, {})
            if status.get("status") == "available":
                shown.append({**{key: value for key, value in flight.items() if key != "dates"}, **status})
        return shown

    def routes(self) -> list[tuple[str, str]]:
        """All (origin, destination) with a direct flight."""
        return list(_by_route(self.base))

    def future_days(self) -> list[str]:
        """Dates after today on which flights are listed."""
        first = next(iter(self.base.tables["flights"].values()))
        return [day for day in first["dates"] if day > TODAY.isoformat()]


def _by_route(base: Base) -> dict[tuple[str, str], list[str]]:
    return base.index("airline.task_routes", _index_routes)


def _index_routes(base: Base) -> dict[tuple[str, str], list[str]]:
    routes: dict[tuple[str, str], list[str]] = {}
    for number, flight in base.tables["flights"].items():
        routes.setdefault((flight["origin"], flight["destination"]), []).append(number)
    return routes


def pick(offers: list[dict[str, Any]], which: str, cabin: str, seats: int) -> dict[str, Any] | None:
    """The cheapest, earliest or latest offer with enough free seats; None where there is none or no single one."""
    free = [offer for offer in offers if offer["available_seats"][cabin] >= seats]
    if not free:
        return None

    def key(offer: dict[str, Any]) -> Any:
        return offer["prices"][cabin] if which == "cheapest" else offer["scheduled_departure_time_est"]

    best = (max if which == "latest" else min)(key(offer) for offer in free)
    matching = [offer for offer in free if key(offer) == best]
    return matching[0] if len(matching) == 1 else None


def weigh(offers: list[dict[str, Any]], which: str, cabin: str, seats: int = 1) -> str:
    """What `pick` compares and takes, for a plan: `latest economy: AB123 06:30, CD456 full: 06:30 AB123`."""
    shown = [(offer["flight_number"], _shown(offer, which, cabin, seats)) for offer in offers]
    best = pick(offers, which, cabin, seats)
    taken = next((f"{value} {number}" for number, value in shown if best and number == best["flight_number"]), "none")
    return f"{which} {cabin}: {', '.join(f'{number} {value}' for number, value in shown)}: {taken}"


def _shown(offer: dict[str, Any], which: str, cabin: str, seats: int) -> str:
    if offer["available_seats"][cabin] < seats:
        return "full"
    return f"${offer['prices'][cabin]}" if which == "cheapest" else hhmm(offer["scheduled_departure_time_est"])


def hhmm(clock: str) -> str:
    """`06:30:00` as `06:30`."""
    return clock[:5]
