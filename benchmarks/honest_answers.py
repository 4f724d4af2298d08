"""Honest answers in full sentences, for each kind of fact that the airline's customers ask for.

They give reasons, the figures that led to the answer and what else was looked at, as a talkative agent would: a reward
that reads answers must take them all. `answers_to(domain, task)` fills them in with what the gold chain's tools show.
"""

import re
from collections.abc import Callable, Sequence
from string import Formatter
from typing import Any

from toolgym.domain import Domain
from toolgym.tasks import Task

__all__ = ["ANSWERS", "answers_to"]

_FLIGHT = (
    "The {what} of {number} is {fact}.",
    "I searched {origin} to {destination} on {date}: {listing}. The one you mean is {number}; its {what} is {fact}.",
    "It is {fact}: that is the {what} of flight {number} on {date}, which goes from {origin} to {destination}.",
    "Flight {number} suits what you told me. Its {what} is {fact}.",
)
_CONNECTION = (
    "I found {pairs} one-stop connections on {date}. With {one} and then {two} the {what} is {fact}.",
    "First {one} to {stop}, then {two} to {destination}. The {what} of it is {fact}.",
    "The connection by way of {stop} has {fact} as its {what}.",
)
_LEG = (
    "The {what} of flight {leg} of {rid} is {fact}.",
    "I looked up reservation {rid}. Flight {leg} is part of it, and its {what} is {fact}.",
    "Flight {leg}: {what} {fact}.",
)
_TRIP = (
    "The {what} of reservation {rid} is {fact}.",
    "I looked up {rid}, {first}: its {what} is {fact}. Is there anything else I can help you with?",
    "It is {fact}. That is the {what} of your trip from {origin} to {destination}.",
    "I checked {rid}, which was booked on {booked}. The {what} is {fact}.",
)
ANSWERS: dict[str, tuple[str, ...]] = {
    "e-mail": (
        "The e-mail address that we have on file for you is {fact}. Is there anything else I can help you with?",
        "I looked up your profile, {first}, and found this e-mail: {fact}. You are a {membership} member, by the way.",
        "According to your profile ({user_id}), we write to {fact}.",
        "Your profile lists {fact} as your e-mail, and {zip} as the zip code of your postal address.",
        "Thank you for getting in touch! Your account's e-mail is {fact}; if that is out of date, "
        "I cannot change it here.",
        "**E-mail on file:** {fact}",
    ),
    "membership": (
        "You are a {fact} member.",
        "I checked your profile ({user_id}): your membership level is **{fact}**, which decides "
        "how many bags are free.",
        "Your membership level is {fact}, so you are entitled to the free bags of that level. Not "
        "{other_level}, I am afraid.",
        "Hello {first}! Your current tier is {fact}. It is shown in your profile together with your e-mail {email}.",
        "According to our records you hold {fact} status rather than {other_level}.",
        "Membership: {fact} (the levels that we have are regular, silver and gold; yours is {fact}).",
    ),
    "date of birth": (
        "The date of birth is {fact}.",
        "We have {fact} as the date of birth. Please tell us if that is not right.",
        "{person} was born on {fact}, by what the reservation says.",
        "As of 2026-06-15, the date of birth that we keep is {fact}.",
        "I looked at reservation {rid}: {person}, date of birth {fact}.",
    ),
    "zip code": (
        "The zip code in your profile is {fact}.",
        "Your postal address on file ends with the zip code {fact}; the street is {street}.",
        "We send your mail to {street}, {city}, {fact}.",
        "Your zip code is {fact}, {first}. Your e-mail is {email}, in case you need that as well.",
        "I have looked up {user_id}. The zip code there is {fact}, which belongs to the address in {city}.",
    ),
    "city": (
        "Your address is in {fact}.",
        "The city in your profile is {fact}, {first}; the street is {street}.",
        "We write to {street}, {zip} {fact}.",
    ),
    "balance": (
        "There is {fact} left on it.",
        "{method} still holds {fact}. You can use it for a new booking.",
        "I looked at the payment methods in your profile: the balance is {fact}.",
        "The remaining balance is {fact}; your profile has {methods} payment methods in all.",
        "Your balance is {fact}, {first}.",
    ),
    "id": (
        "Its id is {fact}.",
        "In your profile it is called {fact}.",
        "I looked at your payment methods, {first}: the one you mean has the id {fact}.",
        "That is {fact}; you have {methods} payment methods with us.",
    ),
    "code": (
        "The airport code of {place} is {fact}.",
        "{place} has the code {fact}. We fly to {airports} airports in all.",
        "I listed our airports: {place} is {fact}.",
        "You will find {place} under {fact}, its three-letter code.",
        "{fact} is the code of the airport in {place}, as far as our list goes.",
    ),
    "cabin": (
        *_TRIP,
        "You are booked in {fact} from {origin} to {destination}.",
        "Your trip {rid} is in {fact} for all {people} passenger(s).",
        "It is {fact}, on flight {first_flight} on {date}.",
    ),
    "first flight number": (
        *_TRIP,
        "Your trip {rid} from {origin} to {destination} begins with flight {fact} on {date}.",
        "{fact} on {date} is the first flight of that reservation, in {cabin}.",
        "The first flight is {fact}; after it you take {two}, from {stop}.",
    ),
    "second flight number": (
        *_CONNECTION,
        "The second flight is {fact}. Before it you take {one}, to {stop}.",
    ),
    "departure date": (
        *_TRIP,
        "Your trip departs on {fact}.",
        "{rid} leaves {origin} on {fact} with flight {first_flight}.",
        "You fly on {fact}: {first_flight} from {origin}, in {cabin}.",
    ),
    "number of passengers": (*_TRIP, "There are {fact} passengers on {rid}.", "{fact} passengers fly on it."),
    "number of bags": (*_TRIP, "{fact} checked bags are on the reservation.", "You have {fact} bags on {rid}."),
    "number of paid bags": (*_TRIP, "{fact} of the bags were paid for.", "Paid bags: {fact}."),
    "price": (
        *_TRIP,
        "You paid {fact} for {rid}.",
        "In all {fact} was paid for that reservation, with {paid_with}.",
        "{fact} was charged to {paid_with} when the trip from {origin} to {destination} was booked.",
    ),
    "date": (*_LEG, "You fly on {fact} with {leg}, from {leg_origin} to {leg_destination}."),
    "origin": (*_LEG, "{leg} leaves from {fact} on {leg_date}.", "You start from {fact} that day."),
    "destination": (*_LEG, "{leg} takes you to {fact} on {leg_date}.", "You land in {fact}."),
    "fare": (*_LEG, *_FLIGHT, *_CONNECTION, "The fare comes to {fact}.", "A seat costs {fact}."),
    "flight number": (*_FLIGHT, "The flight is {fact}.", "Take {fact} from {origin}."),
    "departure time": (*_FLIGHT, *_CONNECTION, "It leaves at {fact}.", "Departure from {origin} is at {fact}."),
    "arrival time": (*_FLIGHT, *_CONNECTION, "It arrives at {fact}.", "You are in {destination} at {fact}."),
    "number of free seats": (*_FLIGHT, *_CONNECTION, "{fact} seats are free.", "There are {fact} free seats left."),
    "total": (
        "All your reservations together cost {fact}.",
        "{prices} makes {fact} in total.",
        "I looked at {ids}. Their prices add up to {fact}.",
        "Here is what I found:\n{lines}\n\nIn total: {fact}.",
        "The sum is {fact}, {first}.",
    ),
    "difference": (
        "The prices differ by {fact}.",
        "{dearer} costs {fact} more than {cheaper}.",
        "{dearer} was ${most} and {cheaper} was ${least}, so that the difference is {fact}.",
    ),
    "which": (
        "That is reservation {fact}.",
        "I compared your reservations. The one you mean is {fact}.",
        "It is {fact}, {first}.",
    ),
    "booked": (
        "{made} is booked for {fact}.",
        "Your booking is complete: {made}, {fact} in all. Have a good flight!",
        "I booked it. The reservation is {made}, and the price of {fact} was charged.",
    ),
    "cancelled": (
        "{rid} is cancelled, and {fact} are refunded.",
        "I have cancelled reservation {rid}. You get {fact} back.",
        "Your reservation {rid} was cancelled; a refund of {fact} is on its way.",
    ),
}
"""Kind of fact -> templates. One is used where all that it names is known."""


def answers_to(domain: Domain, task: Task) -> list[tuple[str, str]]:
    """(kind, answer) for each honest answer to a task that asks for one thing; empty for other tasks."""
    said = [item.check.facts for item in task.checklist if item.check.type == "said"]
    if task.forbidden or len(said) != 1 or len(said[0]) != 1 or "||" in task.meta["recipe"]:
        return []
    kind = _kind(task)
    values = {"fact": said[0][0], "what": kind, **_values(domain, task, kind, said[0][0])}
    able = (
        text
        for text in ANSWERS.get(kind, ())
        if {name for _, name, _, _ in Formatter().parse(text) if name} <= set(values)
    )
    return [(kind, text.format_map(values)) for text in able]


def _kind(task: Task) -> str:
    """The kind of the fact that the task asks for, by its gold answer."""
    answer = task.gold[-1].response or ""
    if task.gold_diff:
        done = re.fullmatch(r"\w{6} is (booked for|cancelled, and) \$\d+(?: are refunded)?\.", answer)
        return "" if done is None else {"b": "booked", "c": "cancelled"}[done[1][0]]
    told = re.match(r"The ([a-z -]+) is ", answer)
    return told[1] if told else "which" if answer.startswith("It is ") else ""


def _values(domain: Domain, task: Task, kind: str, fact: str) -> dict[str, Any]:
    """What the tools of the gold chain show, by the names of the templates."""
    session = domain.session()
    session.reset(task.world_seed)
    shown: dict[str, list[tuple[dict[str, Any], Any]]] = {}
    for gold in task.gold_calls:
        structured = session.call(gold.call()).structured or {}
        shown.setdefault(gold.name, []).append((gold.arguments, structured.get("result", structured)))
    values: dict[str, Any] = {}
    trips = [result for _, result in shown.get("get_reservation_details", ())]
    for name, of in _OF.items():
        for arguments, result in shown.get(name, ()):
            values |= of(result, arguments, fact, task)
    if len(trips) == 1:
        values |= _of_trip(trips[0], kind, fact)
    elif trips:
        values |= _of_trips(trips, kind)
    if "book_reservation" in shown:
        values["made"] = shown["book_reservation"][0][1]["reservation_id"]
    return values


def _of_user(user: dict[str, Any], arguments: dict[str, Any], fact: str, task: Task) -> dict[str, Any]:
    held = [method for method in user["payment_methods"].values() if f"${method.get('amount')}" == fact]
    return {
        "user_id": arguments["user_id"], "first": user["name"]["first_name"], "membership": user["membership"],
        "other_level": next(level for level in ("regular", "silver", "gold") if level != user["membership"]),
        "email": user["email"], "zip": user["address"]["zip"], "street": user["address"]["address1"],
        "city": user["address"]["city"], "methods": len(user["payment_methods"]),
        **({"method": held[0]["id"]} if held else {}),
    }  # fmt: skip


def _of_airports(airports: dict[str, str], arguments: dict[str, Any], fact: str, task: Task) -> dict[str, Any]:
    return {"airports": len(airports), **({"place": airports[fact]} if fact in airports else {})}


def _of_offers(offers: list[dict[str, Any]], search: dict[str, Any], fact: str, task: Task) -> dict[str, Any]:
    cabin = next(name for name in ("basic_economy", "economy", "business") if f" {name}" in task.request)
    number = re.search(r": (\w{5}) [\d-]+ \w+\.", " ".join(action.plan or "" for action in task.gold))
    chosen = number[1] if number else offers[0]["flight_number"]

    def line(offer: dict[str, Any]) -> str:
        clock = offer["scheduled_departure_time_est"][:5]
        return f"{offer['flight_number']} at {clock} for ${offer['prices'][cabin]}"

    return {**search, "number": chosen, "listing": "; ".join(map(line, offers))}


def _of_pairs(pairs: list[Sequence[dict[str, Any]]], search: dict[str, Any], fact: str, task: Task) -> dict[str, Any]:
    numbers = re.search(r": (\w{5}) (\w{5}) [\d-]+ \w+\.", " ".join(action.plan or "" for action in task.gold))
    ways = [pair for pair in pairs if numbers and [leg["flight_number"] for leg in pair] == [numbers[1], numbers[2]]]
    if not ways:
        return {}
    one, two = ways[0]
    return {
        **search, "one": one["flight_number"], "two": two["flight_number"], "stop": one["destination"],
        "pairs": len(pairs),
    }  # fmt: skip


_OF: dict[str, Callable[..., dict[str, Any]]] = {
    "get_user_details": _of_user,
    "list_all_airports": _of_airports,
    "search_direct_flight": _of_offers,
    "search_onestop_flight": _of_pairs,
}


def _of_trip(record: dict[str, Any], kind: str, fact: str) -> dict[str, Any]:
    flights = record["flights"]
    told = {"date": "date", "origin": "origin", "destination": "destination", "fare": "price"}.get(kind)
    legs = [leg for leg in flights if told and str(leg[told]) == fact.removeprefix("$")]
    people = [one for one in record["passengers"] if one["dob"] == fact]
    return {
        "rid": record["reservation_id"], "origin": record["origin"], "destination": record["destination"],
        "cabin": record["cabin"], "date": flights[0]["date"], "first_flight": flights[0]["flight_number"],
        "people": len(record["passengers"]), "booked": record["created_at"][:10],
        "paid_with": record["payment_history"][0]["payment_id"],
        **({"person": f"{people[0]['first_name']} {people[0]['last_name']}"} if people else {}),
        **({f"leg_{name}": legs[0][name] for name in ("date", "origin", "destination")} if len(legs) == 1 else {}),
        **({"leg": legs[0]["flight_number"]} if len(legs) == 1 else {}),
    }  # fmt: skip


def _of_trips(trips: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    """What a total or a difference is made of; what else is asked is told without them."""
    if kind not in ("total", "difference"):
        return {}
    price = {trip["reservation_id"]: trip["payment_history"][0]["amount"] for trip in trips}
    dearer, cheaper = max(price, key=price.__getitem__), min(price, key=price.__getitem__)
    return {
        "prices": " + ".join(f"${amount}" for amount in price.values()), "ids": ", ".join(price),
        "lines": "\n".join(f"- {key}: ${amount}" for key, amount in price.items()),
        "dearer": dearer, "cheaper": cheaper, "most": price[dearer], "least": price[cheaper],
    }  # fmt: skip
