"""Cancellations, compensation, and questions about a reservation."""

from collections.abc import Callable
from typing import Any, Final

from toolgym.envs.airline.operation import Known, Prepared, equals, refusal, status_of
from toolgym.envs.airline.rules import TODAY, booked_within_day, compensation_due, flown, may_cancel
from toolgym.envs.airline.stories_lookup import certificate_exists
from toolgym.envs.airline.story import Do, Done, Run, Scene, call
from toolgym.envs.airline.wrong_answers import cabins_but, dates_but, flights_but, others

__all__ = ["cancel", "cancel_refused", "compensation", "compensation_refused", "fact", "total"]

COVERED: Final = ("I am ill", "I broke my leg", "my child is ill", "a storm is coming", "heavy snow is forecast")
"""Reasons of health or weather."""
UNCOVERED: Final = ("my plans changed", "I found a cheaper flight", "my meeting was moved", "I changed my mind")


# Cancelling.


def _cancel_reasons(scene: Scene, trip: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """(the customer's reason, in short, whether the policy then lets the trip be cancelled)."""
    reasons = []
    cancelled = [s["flight_number"] for s in trip["flights"] if status_of(scene, s) == "cancelled"]
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
            response = f"Sorry, {rid} cannot be cancelled: {why}."
            return Done(response, plan=f"{why}: refuse.", refusals=refusal(rid, "cancel"))
        known.record = (yield Do(f"{why}: cancel {rid}.", (call("cancel", {"reservation_id": rid}),)))[0]
        return Done(f"{rid} is cancelled.", assertions=(equals(rid, "status", "cancelled"),))

    facts = {"reason": f"{reason[0].upper()}{reason[1:]}."}
    return Prepared("cancel", {"reason": reason}, "cancel", run, "I need to cancel a trip.", facts)


def cancel(scene: Scene, trip: dict[str, Any]) -> Prepared | None:
    """Cancels a trip for a reason that the policy accepts."""
    return _prepare_cancel(scene, trip, allowed=True)


def cancel_refused(scene: Scene, trip: dict[str, Any]) -> Prepared | None:
    """The policy does not let this trip be cancelled for this reason."""
    return _prepare_cancel(scene, trip, allowed=False)


# Compensation.


def _prepare_compensation(scene: Scene, trip: dict[str, Any], *, allowed: bool) -> Prepared | None:
    hit = [s["flight_number"] for s in trip["flights"] if status_of(scene, s) in ("cancelled", "delayed")]
    if not hit:
        return None
    number = hit[0]
    segment = next(s for s in trip["flights"] if s["flight_number"] == number)
    fate, membership = status_of(scene, segment), scene.user["membership"]
    if bool(compensation_due(trip, membership, cancelled=fate == "cancelled")) != allowed:
        return None

    def run(known: Known) -> Run:
        level = yield from known.membership()
        record, user_id = known.record, known.record["user_id"]
        amount = compensation_due(record, level, cancelled=fate == "cancelled")
        insured = "insured" if record["insurance"] == "yes" else "not insured"
        why = f"{level}, {record['cabin']}, {insured}, {len(record['passengers'])} x {fate}"
        if not amount:
            return Done(
                f"Sorry, no compensation is due for {known.rid}.",
                plan=f"{why}: refuse.",
                refusals=refusal(known.rid, "compensation"),
                looks=(user_id,),
            )
        arguments = {"user_id": user_id, "amount": amount}
        text = (yield Do(f"{why}: ${amount} to {user_id}.", (call("certificate", arguments),)))[0]
        return Done(f"A certificate of ${amount} is sent.", assertions=(certificate_exists(text, user_id),))

    facts = {"flight": f"Flight {number}.", "reason": f"It was {fate}."}
    values = {"number": number, "fate": fate}
    return Prepared("compensation", values, "certificate", run, "I want compensation.", facts)


def compensation(scene: Scene, trip: dict[str, Any]) -> Prepared | None:
    """Sends what is due for a cancelled or delayed flight."""
    return _prepare_compensation(scene, trip, allowed=True)


def compensation_refused(scene: Scene, trip: dict[str, Any]) -> Prepared | None:
    """Nothing is due to this customer."""
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


def _wrong_facts(scene: Scene, topic: str, record: dict[str, Any], told: str) -> tuple[str, ...]:
    segments = record["flights"]
    if topic == "fact_flight":
        return flights_but(scene, (segment["flight_number"] for segment in segments), told)
    if topic == "fact_date":
        return dates_but((segment["date"] for segment in segments), told)
    if topic == "fact_cabin":
        return cabins_but(told)
    paid = _paid(record)
    return others((f"${amount}" for amount in (paid + 50, paid - 50, paid + 30)), told)


def fact(scene: Scene, trip: dict[str, Any]) -> Prepared | None:
    """Tells a fact of the reservation."""
    topics = [topic for topic in _FACTS if topic != "fact_paid" or len(trip["payment_history"]) == 1]
    topic = scene.rng.choice(topics)
    words, value = _FACTS[topic]

    def run(known: Known) -> Run:
        told = value(known.record)
        return Done(f"{words} {told}.", said=(told,), unsaid=_wrong_facts(scene, topic, known.record, told))
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
        each = sum(segment["price"] for segment in known.record["flights"])
        unsaid = others((f"${each * people:g}" for people in (count - 1, count + 1) if people > 1), told)
        return Done(f"The flights cost {told}.", said=(told,), unsaid=unsaid)

    return Prepared("total", {}, "compute", run, "I have a question about the price of a trip.")
