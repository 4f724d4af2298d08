"""Stories that book a new trip."""

from collections.abc import Callable
from typing import Any, Final

from toolgym.composing.names import draw_dob
from toolgym.envs.airline.stories_lookup import (
    best_onestop,
    choose_onestop,
    choose_search,
    search_call,
    weigh_onestop,
)
from toolgym.envs.airline.story import Do, Done, Run, Scene, Story, call, pick, weigh
from toolgym.tasks import Assertion

__all__ = ["BOOKINGS"]

_CABINS: Final = ("basic_economy", "economy", "business")


def _booking(user_id: str, search: dict[str, Any], legs: list[dict[str, Any]], person: dict[str, str], pay: str) -> Any:
    """The booking call of one passenger without bags and insurance, and its price."""
    amount = sum(leg["prices"][search["cabin"]] for leg in legs)
    arguments = {
        "user_id": user_id,
        "origin": search["origin"],
        "destination": search["destination"],
        "flight_type": "one_way",
        "cabin": search["cabin"],
        "flights": [{"flight_number": leg["flight_number"], "date": search["date"]} for leg in legs],
        "passengers": [person],
        "payment_methods": [{"payment_id": pay, "amount": amount}],
        "total_baggages": 0,
        "nonfree_baggages": 0,
        "insurance": "no",
    }
    return call("book", arguments)


def _booked(record: dict[str, Any]) -> Done:
    """The ending after a booking's result."""
    rid, user_id = record["reservation_id"], record["user_id"]
    asserted = [
        Assertion(table="users", key=user_id, path="reservations", op="contains", value=rid),
        *(
            Assertion(table="reservations", key=rid, path=f"flights.{i}.flight_number", value=leg["flight_number"])
            for i, leg in enumerate(record["flights"])
        ),
    ]
    return Done(f"{rid} is booked.", assertions=tuple(asserted))


def _person(scene: Scene) -> dict[str, str]:
    """Whom the booking is for: the customer, or somebody else."""
    if scene.rng.random() < 0.4:
        return {**scene.user["name"], "dob": scene.user["dob"]}
    return {"first_name": scene.invent_name(), "last_name": scene.invent_name(), "dob": draw_dob(scene.rng)}


def _words(search: dict[str, Any], person: dict[str, str], pay: str) -> dict[str, Any]:
    name = f"{person['first_name']} {person['last_name']}"
    return {**search, "passenger": name, "dob": person["dob"], "pay": pay}


def _facts(words: dict[str, Any], flight: str, clause: str) -> dict[str, str]:
    return {
        "route": f"From {words['origin']} to {words['destination']}.",
        "date": f"On {words['date']}.",
        "cabin": f"In {words['cabin']}.",
        "flight": flight,
        "passenger": f"{words['passenger']}, born {words['dob']}.",
        "bags": "No bags.",
        "insurance": "No insurance.",
        "payment": f"Use {words['pay']}.",
        "details": clause,
    }


def book_quoted(scene: Scene) -> Story | None:
    """A flight that the customer gives with its fare."""
    search = choose_search(scene, cabins=_CABINS)
    if search is None:
        return None
    leg = pick(
        scene.offers(search["origin"], search["destination"], search["date"]), search["which"], search["cabin"], 1
    )
    assert leg is not None
    person, pay, user_id, number = _person(scene), scene.card(), scene.user_id, leg["flight_number"]
    quoted = {"flight_number": number, "prices": {search["cabin"]: leg["prices"][search["cabin"]]}}

    def run() -> Run:
        price = quoted["prices"][search["cabin"]]
        plan = f"{number} {search['date']} ${price}, {pay}."
        return _booked((yield Do(plan, (_booking(user_id, search, [quoted], person, pay),)))[0])

    words = {**_words(search, person, pay), "number": number, "price": leg["prices"][search["cabin"]]}
    clause = scene.say("book_quoted", words)
    return Story(clause, "I want to book a flight.", "book", run, _facts(words, f"Flight {number}.", clause), "user")


def _choice(offers: list[dict[str, Any]], search: dict[str, Any], best: dict[str, Any]) -> str:
    """The offers compared and the best one with its fare, for a plan."""
    return f"{weigh(offers, search['which'], search['cabin'])} ${best['prices'][search['cabin']]}"


def _search_and_book(search: dict[str, Any], user_id: str, person: dict[str, str], pay: str) -> Run:
    route = f"{search['origin']} {search['destination']} {search['date']}"
    offers = (yield Do(f"Search {route}.", (search_call(search),)))[0]
    best = pick(offers, search["which"], search["cabin"], 1)
    assert best is not None
    plan = f"{_choice(offers, search, best)}: book with {pay}."
    return _booked((yield Do(plan, (_booking(user_id, search, [best], person, pay),)))[0])


def book_search(scene: Scene) -> Story | None:
    """The cheapest, earliest or latest direct flight: search, then book."""
    search = choose_search(scene, cabins=_CABINS)
    if search is None:
        return None
    person, pay, user_id = _person(scene), scene.card(), scene.user_id
    words = _words(search, person, pay)
    clause = scene.say("book_search", words)
    facts = _facts(words, f"The {search['which']} direct flight.", clause)

    def run() -> Run:
        return (yield from _search_and_book(search, user_id, person, pay))

    return Story(clause, "I want to book a flight.", "search, book", run, facts, "user")


def book_cities(scene: Scene) -> Story | None:
    """The same between cities: codes, search, booking."""
    search = choose_search(scene, cabins=_CABINS)
    if search is None:
        return None
    person, pay, user_id = _person(scene), scene.card(), scene.user_id
    cities = scene.base.meta["airports"]
    shown = {**search, "origin": cities[search["origin"]], "destination": cities[search["destination"]]}
    words = _words(shown, person, pay)
    clause = scene.say("book_search", words)
    facts = _facts(words, f"The {search['which']} direct flight.", clause)

    def run() -> Run:
        airports = (yield Do("List airports.", (call("airports", {}),)))[0]
        codes = {city: code for code, city in airports.items()}
        known = {**shown, "origin": codes[shown["origin"]], "destination": codes[shown["destination"]]}
        return (yield from _search_and_book(known, user_id, person, pay))

    return Story(clause, "I want to book a flight.", "airports, search, book", run, facts, "user")


def book_self(scene: Scene) -> Story | None:
    """A flight for the customer: profile and search in parallel, then the booking with the card on file."""
    methods = scene.user["payment_methods"].values()
    search = choose_search(scene, cabins=_CABINS)
    if search is None or sum(method["source"] == "credit_card" for method in methods) != 1:
        return None
    user_id = scene.user_id

    def run() -> Run:
        route = f"{search['origin']} {search['destination']} {search['date']}"
        calls = (call("user", {"user_id": user_id}), search_call(search))
        user, offers = yield Do(f"Look up {user_id}, search {route}.", calls)
        best = pick(offers, search["which"], search["cabin"], 1)
        assert best is not None
        pay = next(key for key, method in user["payment_methods"].items() if method["source"] == "credit_card")
        person = {**user["name"], "dob": user["dob"]}
        plan = f"{_choice(offers, search, best)}: book with {pay}."
        return _booked((yield Do(plan, (_booking(user_id, search, [best], person, pay),)))[0])

    clause = scene.say("book_self", search)
    words = {**_words(search, {"first_name": "I", "last_name": "myself", "dob": ""}, "my credit card")}
    facts = {**_facts(words, f"The {search['which']} direct flight.", clause), "passenger": "For myself."}
    return Story(clause, "I want to book a flight.", "profile, search, book", run, facts, "user")


def book_onestop(scene: Scene) -> Story | None:
    """The one-stop connection that arrives first: search, sum of the fares, booking."""
    cabin = scene.rng.choice(_CABINS)
    search = choose_onestop(scene, cabin)
    if search is None:
        return None
    search = {**search, "cabin": cabin}
    person, pay, user_id = _person(scene), scene.card(), scene.user_id

    def run() -> Run:
        route = {key: search[key] for key in ("origin", "destination", "date")}
        plan = f"Search one-stop {search['origin']} {search['destination']} {search['date']}."
        pairs = (yield Do(plan, (call("onestop", route),)))[0]
        legs = best_onestop(pairs, cabin)
        assert legs is not None
        one, two = (leg["flight_number"] for leg in legs)
        expression = " + ".join(str(leg["prices"][cabin]) for leg in legs)
        plan = f"{weigh_onestop(pairs, cabin)}. Compute {expression}."
        price = (yield Do(plan, (call("calculate", {"expression": expression}),)))[0]
        plan = f"{one}, {two}, ${float(price):g}: book with {pay}."
        return _booked((yield Do(plan, (_booking(user_id, search, legs, person, pay),)))[0])

    words = _words(search, person, pay)
    clause = scene.say("book_onestop", words)
    facts = _facts(words, "The one-stop connection that arrives first.", clause)
    return Story(clause, "I want to book a trip.", "search, compute, book", run, facts, "user")


BOOKINGS: Final[dict[str, tuple[Callable[[Scene], Story | None], str]]] = {
    "book_quoted": (book_quoted, "book"),
    "book_search": (book_search, "direct;book"),
    "book_self": (book_self, "(user||direct);book"),
    "book_cities": (book_cities, "airports;direct;book"),
    "book_onestop": (book_onestop, "onestop;calculate;book"),
}
"""Name -> (maker, composition)."""
