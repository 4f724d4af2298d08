"""The airline: customers, reservations, flights, certificates."""

from toolgym.composing.declaration import Declaration, Look
from toolgym.envs.airline.acts import ACTS
from toolgym.envs.airline.policy import NOTES, RULES
from toolgym.envs.airline.shapes import (
    airports_of,
    open_airports,
    open_connections,
    open_offers,
    open_reservation,
    open_user,
    shape,
)
from toolgym.envs.airline.tables import METHODS, NOW, PASSENGERS, RESERVATIONS, SEGMENTS, USERS
from toolgym.envs.airline.timetable import AIRPORTS, CABINS, CONNECTIONS, FLIGHTS, OFFERS, ROUTES
from toolgym.mcp_servers.airline import TOOLS

__all__ = ["AIRLINE"]

_SEARCH = {name: name for name in ("origin", "destination", "date", "cabin")}
LOOKS = (
    Look("user", "get_user_details", "users", {"user_id": "user_id"}, opens=open_user),
    Look(
        "reservation",
        "get_reservation_details",
        "reservations",
        {"reservation_id": "reservation_id"},
        opens=open_reservation,
    ),
    Look("airports", "list_all_airports", "airports", {}, many=True, opens=open_airports),
    Look("direct", "search_direct_flight", "offers", _SEARCH, many=True, opens=open_offers, narrows=("cabin",)),
    Look(
        "onestop",
        "search_onestop_flight",
        "connections",
        _SEARCH,
        many=True,
        opens=open_connections,
        narrows=("cabin",),
    ),
)
AIRLINE = Declaration(
    name="airline",
    title="Airline",
    role="You are the booking agent of an airline. You serve one customer at a time with the tools you are given.",
    who="users",
    tables=(AIRPORTS, CABINS, ROUTES, FLIGHTS, OFFERS, CONNECTIONS, USERS, METHODS, RESERVATIONS, SEGMENTS, PASSENGERS),
    looks=LOOKS,
    acts=ACTS,
    rules=RULES,
    new_server=lambda size, dialect: TOOLS.server(size=size, dialect=dialect),
    notes=NOTES,
    meta={"today": NOW.isoformat(), "ids": "seeded"},
    tasks_per_world={"small": 20, "standard": 1_000, "large": 5_000},
    shape=shape,
    asked={
        "reservation": ("booking", "trip", "confirmation"),
        "payment": ("pay", "card", "charge"),
        "reason": ("why",),
        "passenger": ("passengers", "traveller", "who flies"),
        "bags": ("bag", "baggage", "luggage"),
        "insurance": ("insured",),
        "flight": ("flight number",),
        "date": ("when", "day"),
        "origin": ("route", "from", "where"),
        "destination": ("route", "where"),
        "cabin": ("class",),
    },
    facts=airports_of,
)
