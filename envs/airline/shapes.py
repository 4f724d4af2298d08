"""How the public tools' records are made of the declared ones, and the other way."""

from collections.abc import Mapping
from typing import Any

from toolgym.envs.airline.tables import brief_of, method_name
from toolgym.envs.airline.timetable import connection_of, offer_of

__all__ = [
    "airports_of",
    "open_airports",
    "open_connections",
    "open_offers",
    "open_reservation",
    "open_user",
    "shape",
]

Record = Mapping[str, Any]
Tables = Mapping[str, Mapping[str, Any]]
_PERSON = ("first_name", "last_name", "dob")
_SEGMENT = ("flight_number", "date", "origin", "destination", "price")


def _pick(record: Record, names: Any) -> dict[str, Any]:
    return {name: record[name] for name in names}


# Into the public shape ---------------------------------------------------------------------------------------------


def shape(tables: Tables) -> dict[str, dict[str, Any]]:
    """The tables `users`, `flights` and `reservations` of the public tools."""
    return {
        "users": {key: _user(user) for key, user in tables["users"].items()},
        "flights": {key: _flight(flight) for key, flight in tables["flights"].items()},
        "reservations": {key: _reservation(one) for key, one in tables["reservations"].items()},
    }


def airports_of(tables: Tables) -> dict[str, Any]:
    """What the tools know of a world beside its tables: the airports, code -> city."""
    return {"airports": {code: airport["city"] for code, airport in tables["airports"].items()}}


def _user(user: Record) -> dict[str, Any]:
    methods = {}
    for method in user["methods"]:
        details = ("brand", "last_four") if method["source"] == "credit_card" else ("amount",)
        methods[method["method_id"]] = {**_pick(method, ("source", *details)), "id": method["method_id"]}
    return {
        "name": {"first_name": user["first"], "last_name": user["last"]},
        **_pick(user, ("address", "email", "dob")),
        "payment_methods": methods,
        "saved_passengers": [],
        **_pick(user, ("membership", "reservations")),
    }


def _flight(flight: Record) -> dict[str, Any]:
    return {
        **_pick(flight, ("flight_number", "origin", "destination")),
        "scheduled_departure_time_est": f"{flight['departs']}:00",
        "scheduled_arrival_time_est": f"{flight['arrives']}:00",
        "dates": flight["dates"],
    }


def _reservation(record: Record) -> dict[str, Any]:
    return {
        **_pick(record, ("reservation_id", "user_id", "origin", "destination", "flight_type", "cabin")),
        "flights": [_pick(leg, _SEGMENT) for leg in record["flights"]],
        "passengers": [_pick(person, _PERSON) for person in record["passengers"]],
        "payment_history": [{"payment_id": record["method_id"], "amount": record["total"]}],
        "created_at": record["created_at"],
        "total_baggages": record["bags"],
        "nonfree_baggages": record["paid_bags"],
        "insurance": record["insurance"],
    }


# And out of it -----------------------------------------------------------------------------------------------------


def open_user(user: Record, arguments: Record) -> dict[str, Any]:
    """The declared record of a customer that a tool showed."""
    methods = []
    for key, method in user["payment_methods"].items():
        made = {name: method.get(name) for name in ("source", "brand", "last_four", "amount")}
        methods.append({**made, "method_id": key, "name": method_name(made)})
    return {
        "first": user["name"]["first_name"],
        "last": user["name"]["last_name"],
        "user_id": arguments["user_id"],
        **_pick(user, ("dob", "address", "email", "membership", "reservations")),
        **_pick(user["address"], ("city", "zip")),
        "methods": methods,
    }


def open_reservation(record: Record, arguments: Record) -> dict[str, Any]:
    """The declared record of a reservation that a tool showed; its price without what a cancellation gave back."""
    paid = [entry["amount"] for entry in record["payment_history"]]
    payers = {entry["payment_id"] for entry in record["payment_history"]}
    status, people = record.get("status"), record["passengers"]
    return {
        **_pick(record, ("reservation_id", "user_id", "cabin", "created_at", "insurance")),
        **brief_of(record["flights"]),
        "flights": record["flights"],
        "passengers": [{**one, "name": f"{one['first_name']} {one['last_name']}"} for one in people],
        "people": len(people),
        "bags": record["total_baggages"],
        "paid_bags": record["nonfree_baggages"],
        "total": sum(amount for amount in paid if amount > 0 or status != "cancelled"),
        "method_id": payers.pop() if len(payers) == 1 else None,
        "status": status,
    }


def open_airports(shown: Any, arguments: Record) -> list[dict[str, Any]]:
    """The airports that a tool showed."""
    if isinstance(shown, Mapping):
        return [{"code": code, "city": city} for code, city in shown.items()]
    return [{"code": airport["iata"], "city": airport["city"]} for airport in shown]


def _offer(shown: Record, date: str, cabin: str) -> dict[str, Any]:
    clocks = {"departs": "scheduled_departure_time_est", "arrives": "scheduled_arrival_time_est"}
    flight = {**shown, **{name: shown[field][:5] for name, field in clocks.items()}}
    return offer_of(flight, date, shown, cabin)


def open_offers(shown: Any, arguments: Record) -> list[dict[str, Any]]:
    """The flights of a search, in the cabin that is asked for."""
    return [_offer(flight, arguments["date"], arguments["cabin"]) for flight in shown]


def open_connections(shown: Any, arguments: Record) -> list[dict[str, Any]]:
    """The one-stop connections of a search, in the cabin that is asked for."""
    pairs = [[_offer(leg, leg["date"], arguments["cabin"]) for leg in pair] for pair in shown]
    return [connection_of(one, two) for one, two in pairs]
