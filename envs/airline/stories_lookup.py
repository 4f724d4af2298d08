"""Stories that need no reservation: questions about profile, airports, flights and prices, and hand-overs."""

from collections.abc import Callable
from typing import Any, Final

from toolgym.envs.airline.rules import GOODWILL_MAX_USD, INSURANCE_USD
from toolgym.envs.airline.story import Do, Done, Run, Scene, Story, call, hhmm, pick, weigh
from toolgym.envs.airline.wrong_answers import MEMBERSHIPS, flights_but, of_other_users, offers_but, others
from toolgym.tasks import Assertion

__all__ = ["LOOKUPS", "best_onestop", "choose_search", "search_call", "weigh_onestop"]

MATTERS: Final = (
    ("a lost bag", "lost bag"),
    ("a pet in the cabin", "pet in the cabin"),
    ("a wheelchair at the airport", "wheelchair"),
    ("a child who flies alone", "child flies alone"),
    ("a group of twelve", "group of twelve"),
    ("an invoice for my company", "company invoice"),
    ("a damaged suitcase", "damaged suitcase"),
    ("a medical device on board", "medical device"),
)
"""Matters that the policy hands to human agents: in the request's words, and in short."""


# The profile.

_PROFILE: Final[dict[str, tuple[str, Callable[[dict[str, Any]], str]]]] = {
    "email": ("e-mail", lambda user: user["email"]),
    "membership": ("membership", lambda user: user["membership"]),
    "dob": ("date of birth", lambda user: user["dob"]),
    "zip": ("zip code", lambda user: user["address"]["zip"]),
}


def _balances(user: dict[str, Any]) -> list[str]:
    return [f"${method['amount']}" for method in user["payment_methods"].values() if "amount" in method]


def _alone(value: Callable[[dict[str, Any]], str]) -> Callable[[dict[str, Any]], list[str]]:
    return lambda user: [value(user)]


def user_fact(scene: Scene) -> Story | None:
    """A fact of the customer's profile."""
    user_id = scene.user_id
    gift_cards = [key for key, method in scene.user["payment_methods"].items() if method["source"] == "gift_card"]
    topics = [*_PROFILE, "reservations"]
    topic = scene.rng.choice([*topics, "gift_card", "gift_card"] if gift_cards else topics)
    pay = scene.rng.choice(gift_cards) if topic == "gift_card" else ""

    def run() -> Run:
        user = (yield Do(f"Look up {user_id}.", (call("user", {"user_id": user_id}),)))[0]
        if topic == "reservations":
            ids = tuple(user["reservations"])
            unsaid = of_other_users(scene, lambda other: other["reservations"], *ids)
            return Done(f"Your reservations: {', '.join(ids)}.", said=ids, unsaid=unsaid)
        if topic == "gift_card":
            fact = f"${user['payment_methods'][pay]['amount']}"
            unsaid = others(_balances(user), fact) or of_other_users(scene, _balances, fact)
            return Done(f"{pay} holds {fact}.", said=(fact,), unsaid=unsaid)
        what, value = _PROFILE[topic]
        told = value(user)
        unsaid = others(MEMBERSHIPS, told) if topic == "membership" else of_other_users(scene, _alone(value), told)
        if topic == "dob":
            unsaid += others((person["dob"] for person in user["saved_passengers"]), told, *unsaid)
        return Done(f"Your {what} is {told}.", said=(told,), unsaid=unsaid)

    clause = scene.say(topic, {"pay": pay})
    return Story(clause, "I have a question about my profile.", "profile", run, {"details": clause}, "user")


# Airports and flights.


def airport(scene: Scene) -> Story | None:
    """A city's code or a code's city."""
    code, city = scene.rng.choice(sorted(scene.base.meta["airports"].items()))
    asks_code = scene.rng.random() < 0.6

    def run() -> Run:
        airports = (yield Do("List airports.", (call("airports", {}),)))[0]
        if asks_code:
            fact = next(key for key, value in airports.items() if value == city)
            return Done(f"{city} is {fact}.", said=(fact,), unsaid=others(airports, fact))
        told = airports[code]
        return Done(f"{code} is {told}.", said=(told,), unsaid=others(airports.values(), told))

    clause = scene.say("airport_code" if asks_code else "airport_city", {"city": city, "code": code})
    return Story(clause, "I have a question about an airport.", "airports", run, {"details": clause}, "name")


def search_call(values: dict[str, Any]) -> Any:
    """The direct search for `origin`, `destination` and `date` of the values."""
    return call("direct", {key: values[key] for key in ("origin", "destination", "date")})


def choose_search(scene: Scene, seats: int = 1, cabins: tuple[str, ...] = ()) -> dict[str, Any] | None:
    """A search with one right answer (`origin`, `destination`, `date`, `cabin`, `which`); None: chance found none."""
    rng = scene.rng
    for _ in range(8):
        origin, destination = rng.choice(scene.routes())
        values = {
            "origin": origin,
            "destination": destination,
            "date": rng.choice(scene.future_days()),
            "cabin": rng.choice(cabins or ("basic_economy", "economy", "economy", "business")),
            "which": rng.choice(("cheapest", "cheapest", "earliest", "latest")),
        }
        if pick(scene.offers(origin, destination, values["date"]), values["which"], values["cabin"], seats):
            return values
    return None


def _route_facts(values: dict[str, Any]) -> dict[str, str]:
    facts = {
        "route": f"From {values['origin']} to {values['destination']}.",
        "date": f"On {values['date']}.",
    }
    if "cabin" in values:
        facts["cabin"] = f"In {values['cabin']}."
        facts["flight"] = f"The {values['which']} direct flight."
    return facts


def direct(scene: Scene) -> Story | None:
    """The cheapest, earliest or latest direct flight."""
    values = choose_search(scene)
    if values is None:
        return None

    def run() -> Run:
        route = f"{values['origin']} {values['destination']} {values['date']}"
        offers = (yield Do(f"Search {route}.", (search_call(values),)))[0]
        best = pick(offers, values["which"], values["cabin"], 1)
        assert best is not None
        number, price = best["flight_number"], f"${best['prices'][values['cabin']]}"
        plan = f"{weigh(offers, values['which'], values['cabin'])}."
        cheapest = values["which"] == "cheapest"
        unsaid = offers_but(scene, offers, best, values["cabin"], prices=cheapest)
        if cheapest:
            return Done(f"{number} for {price}.", plan, said=(number, price), unsaid=unsaid)
        leaves = hhmm(best["scheduled_departure_time_est"])
        return Done(f"{number} at {leaves} for {price}.", plan, said=(number,), unsaid=unsaid)

    clause = scene.say("direct", values)
    facts = {**_route_facts(values), "details": clause}
    return Story(clause, "I am looking for a flight.", "search", run, facts, "name")


def best_onestop(pairs: list[list[dict[str, Any]]], cabin: str | None = None) -> list[dict[str, Any]] | None:
    """The pair that arrives first (of those with a seat in `cabin`); None where there is none or no single one."""
    if cabin is not None:
        pairs = [pair for pair in pairs if all(leg["available_seats"][cabin] >= 1 for leg in pair)]
    if not pairs:
        return None
    first = min(pair[1]["scheduled_arrival_time_est"] for pair in pairs)
    matching = [pair for pair in pairs if pair[1]["scheduled_arrival_time_est"] == first]
    return matching[0] if len(matching) == 1 else None


def weigh_onestop(pairs: list[list[dict[str, Any]]], cabin: str | None = None) -> str:
    """What `best_onestop` compares and takes, for a plan: each pair's arrival, or that it is full."""
    best, taken, shown = best_onestop(pairs, cabin), "none", []
    for one, two in pairs:
        full = cabin is not None and min(leg["available_seats"][cabin] for leg in (one, two)) < 1
        arrives = "full" if full else hhmm(two["scheduled_arrival_time_est"])
        numbers = f"{one['flight_number']} {two['flight_number']}"
        shown.append(f"{numbers} {arrives}")
        if best == [one, two]:
            taken = f"{arrives} {numbers}"
    return f"first there: {', '.join(shown)}: {taken}"


def onestop_pairs(scene: Scene, origin: str, destination: str, day: str) -> list[list[dict[str, Any]]]:
    """What a one-stop search shows (in our worlds every flight lands on its day)."""
    pairs = []
    for start, stop in scene.routes():
        if start == origin:
            for one in scene.offers(origin, stop, day):
                for two in scene.offers(stop, destination, day):
                    if two["scheduled_departure_time_est"] >= one["scheduled_arrival_time_est"]:
                        pairs.append([one, two])
    return pairs


def choose_onestop(scene: Scene, cabin: str | None = None) -> dict[str, Any] | None:
    """A one-stop search with one right answer and few results; None where chance finds none."""
    limit = 2 if scene.compact else 40
    for _ in range(8):
        origin, stop = scene.rng.choice(scene.routes())
        onward = [end for start, end in scene.routes() if start == stop and end != origin]
        if not onward:
            continue
        values = {
            "origin": origin,
            "destination": scene.rng.choice(onward),
            "date": scene.rng.choice(scene.future_days()),
        }
        pairs = onestop_pairs(scene, values["origin"], values["destination"], values["date"])
        if len(pairs) <= limit and best_onestop(pairs, cabin):
            return values
    return None


def onestop(scene: Scene) -> Story | None:
    """The one-stop connection that arrives first."""
    values = choose_onestop(scene)
    if values is None:
        return None

    def run() -> Run:
        route = f"{values['origin']} {values['destination']} {values['date']}"
        pairs = (yield Do(f"Search one-stop {route}.", (call("onestop", dict(values)),)))[0]
        best = best_onestop(pairs)
        assert best is not None
        one, two = (leg["flight_number"] for leg in best)
        arrives = hhmm(best[1]["scheduled_arrival_time_est"])
        unsaid = flights_but(scene, (leg["flight_number"] for pair in pairs for leg in pair), one, two)
        response, plan = f"{one} then {two}, arriving at {arrives}.", f"{weigh_onestop(pairs)}."
        return Done(response, plan, said=(one, two), unsaid=unsaid)

    clause = scene.say("onestop", values)
    facts = {**_route_facts(values), "details": clause}
    return Story(clause, "I am looking for a connection.", "search", run, facts, "name")


# Sums.


def _dollars(result: str) -> str:
    """A calculation's result as a fact: `736.0` as `$736`."""
    return f"${float(result):g}" if float(result) < 1e6 else f"${float(result):.0f}"


def calculate(scene: Scene) -> Story | None:
    """A sum whose numbers the customer gives."""
    rng = scene.rng
    values = {"n": rng.randint(2, 5), "price": rng.randint(51, 399), "bags": rng.randint(2, 6)}
    expression = f"{values['n']} * {values['price']} + {values['bags']} * 50"

    def run() -> Run:
        result = (yield Do(f"Compute {expression}.", (call("calculate", {"expression": expression}),)))[0]
        told = _dollars(result)
        miscounted = (values["price"], -values["price"], 50, -50)
        unsaid = others((_dollars(str(float(result) + more)) for more in miscounted), told)
        return Done(f"It comes to {told}.", said=(told,), unsaid=unsaid)

    clause = scene.say("calculate", values)
    return Story(clause, "I have a question about a price.", "compute", run, {"details": clause}, "name")


def quote(scene: Scene) -> Story | None:
    """The price of a flight for several insured passengers: search, then compute."""
    seats = scene.rng.randint(2, 3)
    values = choose_search(scene, seats)
    if values is None:
        return None

    def run() -> Run:
        route = f"{values['origin']} {values['destination']} {values['date']}"
        offers = (yield Do(f"Search {route}.", (search_call(values),)))[0]
        best = pick(offers, values["which"], values["cabin"], seats)
        assert best is not None
        number, price = best["flight_number"], best["prices"][values["cabin"]]
        expression = f"{seats} * ({price} + {INSURANCE_USD})"
        weighed = weigh(offers, values["which"], values["cabin"], seats)
        plan = f"{weighed} ${price}: {expression}"
        result = (yield Do(plan, (call("calculate", {"expression": expression}),)))[0]
        told = _dollars(result)
        fares = [*(offer["prices"][values["cabin"]] for offer in offers), *best["prices"].values()]
        parts = (f"${seats * price}", f"${seats * INSURANCE_USD}")  # what an answer may well add up
        unsaid = others((f"${seats * (fare + INSURANCE_USD)}" for fare in fares), told, *parts)
        return Done(f"{number} costs {told} in all.", said=(told,), unsaid=unsaid)

    clause = scene.say("quote", {**values, "n": seats})
    facts = {**_route_facts(values), "passenger": f"We are {seats}.", "insurance": "With insurance.", "details": clause}
    return Story(clause, "I would like to know a price.", "search, compute", run, facts, "name")


def city_direct(scene: Scene) -> Story | None:
    """A flight between cities: airport codes first, then the search."""
    values = choose_search(scene)
    if values is None:
        return None
    cities = scene.base.meta["airports"]
    shown = {**values, "origin": cities[values["origin"]], "destination": cities[values["destination"]]}

    def run() -> Run:
        airports = (yield Do("List airports.", (call("airports", {}),)))[0]
        codes = {city: code for code, city in airports.items()}
        route = {**shown, "origin": codes[shown["origin"]], "destination": codes[shown["destination"]]}
        plan = f"Search {route['origin']} {route['destination']} {route['date']}."
        offers = (yield Do(plan, (search_call(route),)))[0]
        best = pick(offers, values["which"], values["cabin"], 1)
        assert best is not None
        number, price = best["flight_number"], f"${best['prices'][values['cabin']]}"
        plan = f"{weigh(offers, values['which'], values['cabin'])}."
        unsaid = offers_but(scene, offers, best, values["cabin"], prices=False)
        return Done(f"{number} for {price}.", plan, said=(number,), unsaid=unsaid)

    clause = scene.say("direct", shown)
    facts = {**_route_facts(shown), "details": clause}
    return Story(clause, "I am looking for a flight.", "airports, search", run, facts, "name")


# Hand-overs and goodwill.


def transfer(scene: Scene) -> Story | None:
    """A matter for human agents."""
    matter, short = scene.rng.choice(MATTERS)
    user_id = scene.user_id

    def run() -> Run:
        summary = f"{user_id}: {short}"
        yield Do("Not ours: transfer.", (call("transfer", {"summary": summary}),))
        return Done("You are transferred to a human agent.")

    clause = scene.say("transfer", {"matter": matter})
    return Story(clause, clause, "transfer", run, {"details": clause}, "user")


def goodwill(scene: Scene) -> Story | None:
    """A goodwill certificate whose code and amount the customer gives."""
    user_id, amount = scene.user_id, scene.rng.choice(range(25, GOODWILL_MAX_USD + 1, 25))
    code = f"GW{scene.rng.randint(100, 999)}"

    def run() -> Run:
        plan = f"{code} ${amount} is within ${GOODWILL_MAX_USD}: send."
        arguments = {"user_id": user_id, "amount": amount}
        text = (yield Do(plan, (call("certificate", arguments),)))[0]
        return Done(f"A certificate of ${amount} is sent.", assertions=(certificate_exists(text, user_id),))

    clause = scene.say("goodwill", {"code": code, "amount": amount})
    facts = {"details": f"Code {code}, ${amount}."}
    return Story(clause, "I have a goodwill code.", "certificate", run, facts, "user")


def certificate_exists(result: str, user_id: str) -> Assertion:
    """The user holds the certificate that a `send_certificate` result names."""
    certificate = next(word for word in result.split() if word.startswith("certificate_"))
    return Assertion(table="users", key=user_id, path=f"payment_methods.{certificate}", op="exists")


LOOKUPS: Final[dict[str, tuple[Callable[[Scene], Story | None], str]]] = {
    "user_fact": (user_fact, "user"),
    "airport": (airport, "airports"),
    "direct": (direct, "direct"),
    "onestop": (onestop, "onestop"),
    "calculate": (calculate, "calculate"),
    "quote": (quote, "direct;calculate"),
    "city_direct": (city_direct, "airports;direct"),
    "transfer": (transfer, "transfer"),
    "goodwill": (goodwill, "certificate"),
}
"""Name -> (maker, composition)."""
