"""Honest answers in full sentences, for each kind of fact that the airline's customers ask for.

They give reasons, the figures that led to the answer and what else was looked at, as a talkative agent would: a reward
that reads answers must take them all. `answers_to(domain, task)` fills them in with what the gold chain's tools show.
"""

from typing import Any

from toolgym.domain import Domain
from toolgym.tasks import Task

__all__ = ["ANSWERS", "answers_to"]

ANSWERS: dict[str, tuple[str, ...]] = {
    "email": (
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
        "{other}, I am afraid.",
        "Hello {first}! Your current tier is {fact}. It is shown in your profile together with your e-mail {email}.",
        "According to our records you hold {fact} status rather than {other}.",
        "Membership: {fact} (the levels that we have are regular, silver and gold; yours is {fact}).",
    ),
    "dob": (
        "The date of birth on your profile is {fact}.",
        "We have {fact} as your date of birth, {first}. Please tell us if that is not right.",
        "Your profile ({user_id}, {membership} member) says that you were born on {fact}.",
        "As of 2026-06-15, the date of birth that we keep for you is {fact}.",
        "I looked at your account: date of birth {fact}, zip code {zip}, e-mail {email}.",
    ),
    "zip": (
        "The zip code in your profile is {fact}.",
        "Your postal address on file ends with the zip code {fact}; the street is {street}.",
        "We send your mail to {street}, {city}, {fact}.",
        "Your zip code is {fact}, {first}. Your e-mail is {email}, in case you need that as well.",
        "I have looked up {user_id}. The zip code there is {fact}, which belongs to the address in {city}.",
    ),
    "gift_card": (
        "There is {fact} left on {pay}.",
        "{pay} still holds {fact}. You can use it for changes or for a new booking.",
        "I looked at the payment methods in your profile: the balance of {pay} is {fact}.",
        "The remaining balance of {pay} is {fact}; your profile has {methods} payment methods in all.",
        "Your gift card {pay} has a balance of {fact} USD.",
        "{pay}: {fact}. (A gift card or a credit card can pay for changes, a certificate cannot.)",
    ),
    "reservations": (
        "You have {count} reservations with us: {facts_and}.",
        "Your reservation ids are {facts}.",
        "I found these in your profile ({user_id}), {first}:\n{bullets}\nWhich one is it about?",
        "Hello! Under your account I see {facts_and}. Is there anything that you would like to change?",
        "Your bookings: {facts}. That is all that is on file for you.",
    ),
    "airport_code": (
        "The airport code of {city} is {fact}.",
        "{city} has the code {fact}. We fly to {count} airports in all.",
        "I listed our airports: {city} is {fact}.",
        "You will find {city} under {fact}, its three-letter code.",
        "The code for {city} is {fact}, not {other}, which is {other_city}.",
        "{fact} is the code of the airport in {city}, as far as our list goes.",
    ),
    "airport_city": (
        "{code} is the airport of {fact}.",
        "The code {code} stands for {fact}. We fly to {count} cities.",
        "According to our list of airports, {code} is in {fact}.",
        "You would land in {fact}: that is what {code} means.",
        "{code} belongs to {fact}, not to {other_city}, whose code is {other}.",
    ),
    "cheapest": (
        "The cheapest direct flight is {number}, at {price}.",
        "{number} is your best choice: it costs {price} in {cabin} and leaves {origin} at {leaves}.",
        "I compared the direct flights from {origin} to {destination} on {date}: {listing}. The "
        "cheapest is {number} at {price}.",
        "The cheapest {cabin} fare on {date} is {price}, on flight {number}, which departs at "
        "{leaves} and arrives at {arrives}.",
        "On {date}, {number} goes from {origin} to {destination} for {price}.{dearer}",
        "There are {offers} direct flights that day. The lowest {cabin} fare is {price} with {number}.{dearer}",
        "Here is what I found for {date}:\n{offer_lines}\n\nSo the cheapest direct flight in "
        "{cabin} is {number} for {price}.",
        "{number} ({price}). It has {seats} {cabin} seats left, and no other direct flight with free seats is cheaper.",
    ),
    "timed": (
        "The {which} direct flight is {number}, which leaves at {leaves}.",
        "{number} is the {which} one: it departs {origin} at {leaves} and arrives at {arrives}, "
        "for {price} in {cabin}.",
        "I searched the direct flights on {date}: {listing}. The {which} of them is {number}, at {leaves}.",
        "Take {number}: departure {leaves}, arrival {arrives}, {price} in {cabin}.{dearer}",
        "Of the {offers} direct flights on {date}, {number} is the {which} with free {cabin} seats ({seats} left).",
        "Here is what I found for {date}:\n{offer_lines}\n\nThe {which} one with a seat in {cabin} is {number}.",
        "Your flight would be {number} from {origin} to {destination} at {leaves}; the fare is {price}.",
    ),
    "onestop": (
        "The connection that arrives first is {one} and then {two}; you are there at {arrives}.",
        "Take {one} from {origin} to {stop}, then {two} from {stop} to {destination}. You arrive at {arrives}.",
        "{one} to {stop}, {two} onward: arrival in {destination} at {arrives} on {date}.",
        "I looked at {pairs} one-stop connections. The first to arrive is {one} with {two}, at {arrives}.",
        "With one stop, in {stop}, you would fly {one} (leaves {leaves}) and {two} (arrives {arrives}).",
        "The quickest way there on {date}: {one} + {two}, landing at {arrives}.",
    ),
    "calculate": (
        "That comes to {fact} in all.",
        "{n} tickets at ${price} are {tickets}, and {bags} bags at $50 are {bags_cost}, so that the total is {fact}.",
        "The total is {fact}: {n} x ${price} = {tickets} for the tickets, plus {bags} x $50 = "
        "{bags_cost} for the bags.",
        "Tickets: {tickets}\nBags: {bags_cost}\nTotal: {fact}",
        "Altogether you would pay {fact} ({tickets} for {n} tickets and {bags_cost} for {bags} bags).",
        "{n} * {price} + {bags} * 50 = {fact}.",
        "Let me work that out. {n} times ${price} is {tickets}. {bags} times $50 is {bags_cost}. Together: {fact}.",
        "It is {fact_long}, including {bags_cost} for the bags.",
    ),
    "quote": (
        "For {n} passengers with insurance, {number} costs {fact} in all.",
        "The fare of {number} is ${fare} and insurance is $30 a passenger, so {n} passengers pay {fact} in total.",
        "Total: {fact}. That is {n} x (${fare} + $30) on {number}.",
        "{number} is the {which} direct flight on {date}. At ${fare} a seat plus $30 insurance, that is ${each} each, "
        "or {fact} for the {n} of you.",
        "You would pay {fact}: {fares} for the seats and {insurance} for the insurance of {n} passengers.",
        "The {which} direct flight from {origin} to {destination} is {number} at {leaves}. With insurance the bill for "
        "{n} comes to {fact}.",
    ),
    "fact_flight": (
        "The first flight of {rid} is {fact}.",
        "Your trip {rid} from {origin} to {destination} begins with flight {fact} on {date}.",
        "{fact} on {date} is the first flight of that reservation, in {cabin}.",
        "I looked up reservation {rid}: you start with {fact}, from {origin}.",
        "You will be on flight {fact} first; the reservation is for {people} passenger(s) in {cabin}.",
    ),
    "fact_date": (
        "Your trip departs on {fact}.",
        "{rid} leaves {origin} on {fact} with flight {first_flight}.",
        "The departure is on {fact}. The reservation was made on {booked} and is for {people} passenger(s).",
        "You fly on {fact}: {first_flight} from {origin}, in {cabin}.",
        "I checked {rid}. The day of departure is {fact}.",
    ),
    "fact_paid": (
        "You paid {fact} for {rid}.",
        "In all {fact} was paid for that reservation, with {paid_with}.",
        "The payment history of {rid} shows one payment: {fact} with {paid_with}.",
        "The price that you paid was {fact}, for {people} passenger(s) in {cabin}.",
        "{fact} was charged to {paid_with} when the trip from {origin} to {destination} was booked.",
    ),
    "fact_cabin": (
        "The cabin of {rid} is {fact}.",
        "You are booked in {fact} from {origin} to {destination}.",
        "Your trip {rid} is in {fact} for all {people} passenger(s).",
        "I looked it up: {rid} is a reservation in {fact}, not in {other_cabin}.",
        "It is {fact}, on flight {first_flight} on {date}.",
    ),
    "total": (
        "The flights cost {fact} for all passengers.",
        "The flights of {rid} cost ${each} a passenger; for {people} that makes {fact}.",
        "In total, the flights come to {fact} ({people} passenger(s), {legs}).",
        "{people} x ({legs}) = {fact}, without bags and insurance.",
        "The fare for everybody is {fact}. Bags and insurance are not included.",
    ),
}
"""Kind of fact -> templates."""


def answers_to(domain: Domain, task: Task) -> list[tuple[str, str]]:
    """(kind, answer) for each honest answer to a task that asks for one thing; empty for other tasks."""
    if task.forbidden or sum(item.check.type == "said" for item in task.checklist) != 1 or "||" in task.meta["recipe"]:
        return []
    shown = _shown(domain, task)
    kind = _kind(task)
    if kind is None:
        return []
    values = _values(task, kind, shown)
    return [(kind, template.format_map(values)) for template in ANSWERS[kind]]


def _shown(domain: Domain, task: Task) -> list[tuple[str, dict[str, Any], Any]]:
    """(tool, arguments, result) of the gold chain's calls."""
    session = domain.session()
    session.reset(task.world_seed)
    out = []
    for gold in task.gold_calls:
        structured = session.call(gold.call()).structured or {}
        out.append((gold.name, gold.arguments, structured.get("result", structured)))
    return out


def _kind(task: Task) -> str | None:
    """The kind of the fact that the task asks for, by its gold answer."""
    recipe, answer = task.meta["recipe"], task.gold[-1].response or ""
    if recipe in ("onestop", "calculate", "quote"):
        return recipe
    if recipe in ("direct", "city_direct"):
        said = next(item.check.facts for item in task.checklist if item.check.type == "said")
        return "cheapest" if len(said) == 2 else "timed"
    starts = {
        "Your e-mail": "email", "Your membership": "membership", "Your date": "dob", "Your zip": "zip",
        "Your reservations": "reservations", "gift_card": "gift_card", "The first flight": "fact_flight",
        "The departure": "fact_date", "You paid": "fact_paid", "The cabin is": "fact_cabin", "The "
        "flights cost": "total",
    }  # fmt: skip
    if recipe == "airport":
        return "airport_code" if answer.rstrip(".").split()[-1].isupper() else "airport_city"
    return next((kind for start, kind in starts.items() if answer.startswith(start)), None)


def _values(task: Task, kind: str, shown: list[tuple[str, dict[str, Any], Any]]) -> dict[str, Any]:
    facts = next(item.check.facts for item in task.checklist if item.check.type == "said")
    results = {name: result for name, _, result in shown}
    arguments = {name: given for name, given, _ in shown}
    values: dict[str, Any] = {"fact": facts[0], "facts": ", ".join(facts), "count": len(facts)}
    if "get_user_details" in results:
        values |= _of_user(results["get_user_details"], arguments["get_user_details"]["user_id"], facts, task)
    if "get_reservation_details" in results:
        rid = next((w.strip(".,:;!?") for w in task.request.split() if w.strip(".,:;!?").isupper()), "")
        record = next((r for n, _, r in shown if n == "get_reservation_details" and r["reservation_id"] == rid), None)
        values |= _of_reservation(record or results["get_reservation_details"], facts)
    if kind.startswith("airport"):
        values |= _of_airports(results["list_all_airports"], facts[0], task)
    if "search_direct_flight" in results:
        values |= _of_offers(results["search_direct_flight"], arguments["search_direct_flight"], task)
    if kind == "onestop":
        values |= _of_pairs(results["search_onestop_flight"], facts, arguments["search_onestop_flight"])
    if kind in ("calculate", "quote"):
        values |= _of_sum(kind, arguments["calculate"]["expression"], facts[0])
    return values


def _of_user(user: dict[str, Any], user_id: str, facts: tuple[str, ...], task: Task) -> dict[str, Any]:
    return {
        "user_id": user_id, "first": user["name"]["first_name"], "membership": user["membership"],
        "other": next(level for level in ("regular", "silver", "gold") if level != user["membership"]),
        "email": user["email"], "zip": user["address"]["zip"], "street": user["address"]["address1"],
        "city": user["address"]["city"], "methods": len(user["payment_methods"]),
        "pay": next((w.strip(".,:;!?") for w in task.request.split() if w.startswith("gift_card_")), ""),
        "bullets": "\n".join(f"- {fact}" for fact in facts),
        "facts_and": " and ".join(filter(None, [", ".join(facts[:-1]), facts[-1]])),
    }  # fmt: skip


def _of_reservation(record: dict[str, Any], facts: tuple[str, ...]) -> dict[str, Any]:
    flights = record["flights"]
    return {
        "rid": record["reservation_id"], "origin": record["origin"], "destination": record["destination"],
        "cabin": record["cabin"], "date": flights[0]["date"], "first_flight": flights[0]["flight_number"],
        "people": len(record["passengers"]), "booked": record["created_at"][:10],
        "paid_with": record["payment_history"][0]["payment_id"],
        "other_cabin": "business" if facts[0] != "business" else "economy",
        "each": sum(flight["price"] for flight in flights),
        "legs": " + ".join(f"${flight['price']}" for flight in flights),
    }  # fmt: skip


def _of_airports(airports: dict[str, str], fact: str, task: Task) -> dict[str, Any]:
    code = next(key for key, city in airports.items() if fact in (key, city))
    other = next(key for key in airports if key != code)
    return {"code": code, "city": airports[code], "other": other, "other_city": airports[other], "count": len(airports)}


def _of_offers(offers: list[dict[str, Any]], search: dict[str, Any], task: Task) -> dict[str, Any]:
    words = task.request.replace(",", " ").replace("?", " ").replace(".", " ").split()
    cabin = next(word for word in words if word in ("basic_economy", "economy", "business"))
    which = next(word for word in words if word in ("cheapest", "earliest", "latest"))
    answer = task.gold[-1].response or ""
    best = next(offer for offer in offers if offer["flight_number"] in answer)
    rest = [offer for offer in offers if offer is not best]

    def clock(offer: dict[str, Any], end: str) -> str:
        return offer[f"scheduled_{end}_time_est"][:5]

    def line(offer: dict[str, Any]) -> str:
        return f"{offer['flight_number']} at {clock(offer, 'departure')} for ${offer['prices'][cabin]}"

    dearer = f" The other flights, {', '.join(map(line, rest))}, do not suit as well." if rest else ""
    return {
        **search, "cabin": cabin, "which": which, "number": best["flight_number"], "price": f"${best['prices'][cabin]}",
        "fare": best["prices"][cabin], "leaves": clock(best, "departure"), "arrives": clock(best, "arrival"),
        "seats": best["available_seats"][cabin], "offers": len(offers), "listing": "; ".join(map(line, offers)),
        "offer_lines": "\n".join(f"- {line(offer)}" for offer in offers), "dearer": dearer,
    }  # fmt: skip


def _of_pairs(pairs: list[list[dict[str, Any]]], facts: tuple[str, ...], search: dict[str, Any]) -> dict[str, Any]:
    one, two = next(pair for pair in pairs if tuple(leg["flight_number"] for leg in pair) == tuple(facts))
    return {
        **search, "one": facts[0], "two": facts[1], "stop": one["destination"], "pairs": len(pairs),
        "leaves": one["scheduled_departure_time_est"][:5], "arrives": two["scheduled_arrival_time_est"][:5],
    }  # fmt: skip


def _of_sum(kind: str, expression: str, fact: str) -> dict[str, Any]:
    """The figures of `3 * 120 + 2 * 50` or `3 * (120 + 30)`."""
    numbers = [int(word) for word in expression.replace("(", "").replace(")", "").split() if word.isdigit()]
    if kind == "calculate":
        n, price, bags, _ = numbers
        long = f"{float(fact[1:]):,.2f} US dollars"
        return {
            "n": n, "price": price, "bags": bags, "tickets": f"${n * price}", "bags_cost": f"${bags * 50}",
            "fact_long": long,
        }  # fmt: skip
    n, fare, insurance = numbers
    return {"n": n, "fares": f"${n * fare}", "insurance": f"${n * insurance}", "each": fare + insurance}
