"""Demonstrations with one wrong decision, for warm starts that leave reinforcement learning something to do.

A wrong chain is the gold chain up to the wrong decision, and goes on as if the decision had been right. The mistakes
are those of the field's error taxonomies: the wrong tool, the wrong record or value, a step left out, a permitted
request refused, a forbidden one served, a wrong answer. Values come from what the agent has seen by then.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from toolgym.composing.execution import value_of
from toolgym.envs.airline.domain import airline_server
from toolgym.envs.airline.rules import CABINS, CANCELLED_FLIGHT_USD, DELAYED_FLIGHT_USD
from toolgym.envs.airline.story import hhmm
from toolgym.errors import TaskError
from toolgym.messages import ToolCall
from toolgym.tasks import GoldAction, GoldCall, Task

__all__ = ["MISTAKES", "imperfect_gold"]

_REFUSALS: Final = {
    "cancel_reservation": ("economy, not insured, own wish: refuse.", "Sorry, {rid} cannot be cancelled."),
    "update_reservation_flights": ("basic_economy: refuse.", "Sorry, {rid} cannot be changed."),
    "update_reservation_baggages": ("bags cannot be changed: refuse.", "Sorry, bags of {rid} cannot be changed."),
    "update_reservation_passengers": ("passengers are fixed: refuse.", "Sorry, {rid} cannot be changed."),
    "send_certificate": ("regular, economy, not insured: refuse.", "Sorry, no compensation is due."),
}
"""Tool -> the plan and response of an agent that wrongly refuses."""


@dataclass(frozen=True, slots=True)
class _Chain:
    """A task's gold chain with the results of its calls."""

    task: Task
    results: tuple[tuple[Any, ...], ...]
    """One tuple an action, one value a call."""
    rng: np.random.Generator

    @property
    def actions(self) -> tuple[GoldAction, ...]:
        return self.task.gold

    @property
    def ending(self) -> GoldAction:
        return self.actions[-1]

    def choose(self, options: list[Any]) -> Any:
        return options[int(self.rng.integers(len(options)))]

    def write(self) -> int | None:
        """The place of an action that writes by a single call; None where there is none."""
        places = [i for i, action in enumerate(self.actions) if len(action.calls) == 1 and action.calls[0].writes]
        return self.choose(places) if places else None

    def seen(self, tool: str) -> list[Any]:
        """All results of a tool."""
        return [
            result
            for action, results in zip(self.actions, self.results, strict=True)
            for gold, result in zip(action.calls, results, strict=True)
            if gold.name == tool
        ]


_DEPARTURE: Final = "scheduled_departure_time_est"
Mistake = Callable[[_Chain], tuple[GoldAction, ...] | None]


def _swap(value: Any, swaps: Mapping[Any, Any]) -> Any:
    """The JSON value with whole values exchanged."""
    if isinstance(value, dict):
        return {key: _swap(item, swaps) for key, item in value.items()}
    if isinstance(value, list):
        return [_swap(item, swaps) for item in value]
    return swaps.get(value, value)


_WEIGHED: Final = re.compile(
    r"((?:cheapest|earliest|latest) \w+: (?:\w+ (?:full|\$\d+|\d\d:\d\d)(?:, |: ))+"
    r"|(?:[A-Z]{3} [A-Z]{3} \w{6}(?:, |: ))+)"
)
"""The part of a plan that compares offers or trips: a wrong choice leaves it as it is."""


def _words(text: str | None, swaps: Mapping[Any, Any]) -> str | None:
    """The text with values exchanged; amounts only behind a dollar sign, and not where things are compared."""
    if text is None:
        return None
    parts = _WEIGHED.split(text)
    for old, new in swaps.items():
        for place in range(0, len(parts), 2):
            part = parts[place]
            parts[place] = (
                re.sub(rf"\${old}(?!\d)", f"${new}", part) if isinstance(old, int) else part.replace(old, str(new))
            )
    return "".join(parts)


def _exchange(actions: tuple[GoldAction, ...], start: int, swaps: Mapping[Any, Any]) -> tuple[GoldAction, ...]:
    """The actions, with values exchanged from place `start` on."""
    changed = tuple(
        GoldAction(
            plan=_words(action.plan, swaps),
            calls=tuple(
                GoldCall(name=gold.name, arguments=_swap(gold.arguments, swaps), writes=gold.writes)
                for gold in action.calls
            ),
            response=_words(action.response, swaps),
        )
        for action in actions[start:]
    )
    return (*actions[:start], *changed)


def _single(plan: str, tool: str, arguments: dict[str, Any], *, writes: bool) -> GoldAction:
    return GoldAction(plan=plan, calls=(GoldCall(name=tool, arguments=arguments, writes=writes),))


# The mistakes.


def stop_early(chain: _Chain) -> tuple[GoldAction, ...] | None:
    """Leaves out a call that changes something, and says that all is done."""
    place = chain.write()
    return None if not place else (*chain.actions[:place], *chain.actions[place + 1 :])


def refuse_permitted(chain: _Chain) -> tuple[GoldAction, ...] | None:
    """Refuses what the policy allows."""
    place = chain.write()
    if not place:
        return None
    gold = chain.actions[place].calls[0]
    if gold.name not in _REFUSALS:
        return None
    plan, response = _REFUSALS[gold.name]
    response = response.format(rid=gold.arguments.get("reservation_id", ""))
    return (*chain.actions[:place], GoldAction(plan=plan, response=response))


def hand_over(chain: _Chain) -> tuple[GoldAction, ...] | None:
    """Transfers to a human agent what it should do, or refuse, itself."""
    place = chain.write()
    if not place or any(gold.name == "transfer_to_human_agents" for gold in chain.task.gold_calls):
        return None
    transfer = _single("Not ours: transfer.", "transfer_to_human_agents", {"summary": "change"}, writes=False)
    return (*chain.actions[:place], transfer, GoldAction(response="You are transferred to a human agent."))


def cancel_instead(chain: _Chain) -> tuple[GoldAction, ...] | None:
    """Cancels a reservation that was to be changed."""
    place = chain.write()
    if not place or not chain.actions[place].calls[0].name.startswith("update_"):
        return None
    rid = chain.actions[place].calls[0].arguments["reservation_id"]
    wrong = _single(f"cancel {rid}.", "cancel_reservation", {"reservation_id": rid}, writes=True)
    return (*chain.actions[:place], wrong, GoldAction(response=f"{rid} is cancelled."))


def serve_forbidden(chain: _Chain) -> tuple[GoldAction, ...] | None:
    """Does what the policy forbids."""
    records = chain.seen("get_reservation_details")
    named = [record for record in records if record["reservation_id"] in (chain.ending.response or "")]
    operation = chain.task.meta.get("recipe", "").partition(":")[2]
    if not chain.task.forbidden or not named:
        return None
    record, rid = named[0], named[0]["reservation_id"]
    if operation == "cancel!":
        wrong = _single(f"business: cancel {rid}.", "cancel_reservation", {"reservation_id": rid}, writes=True)
        return (*chain.actions[:-1], wrong, GoldAction(response=f"{rid} is cancelled."))
    if operation == "compensation!":
        each = chain.choose([DELAYED_FLIGHT_USD, CANCELLED_FLIGHT_USD])
        arguments = {"user_id": record["user_id"], "amount": each * len(record["passengers"])}
        plan = f"insured: ${arguments['amount']} to {record['user_id']}."
        ending = GoldAction(response=f"A certificate of ${arguments['amount']} is sent.")
        return (*chain.actions[:-1], _single(plan, "send_certificate", arguments, writes=True), ending)
    if operation == "bags!":
        total = record["total_baggages"] - 1
        arguments = {
            "reservation_id": rid,
            "total_baggages": total,
            "nonfree_baggages": min(total, record["nonfree_baggages"]),
            "payment_id": record["payment_history"][0]["payment_id"],
        }
        wrong = _single(f"{total} bags: {rid}.", "update_reservation_baggages", arguments, writes=True)
        return (*chain.actions[:-1], wrong, GoldAction(response=f"{rid} has {total} bags."))
    return None


def wrong_reservation(chain: _Chain) -> tuple[GoldAction, ...] | None:
    """Picks another one of the reservations that were looked up."""
    place = chain.write()
    records = {record["reservation_id"]: record for record in chain.seen("get_reservation_details")}
    if not place:
        return None
    gold = chain.actions[place].calls[0]
    rid = gold.arguments.get("reservation_id")
    others = [key for key in records if key != rid]
    if rid not in records or not others or gold.name not in ("cancel_reservation", "update_reservation_baggages"):
        return None
    return _exchange(chain.actions, place, {rid: chain.choose(others)})


def wrong_flight(chain: _Chain) -> tuple[GoldAction, ...] | None:
    """Picks another flight of the search results than the one asked for."""
    for place, (action, results) in enumerate(zip(chain.actions, chain.results, strict=True)):
        for gold, offers in zip(action.calls, results, strict=True):
            if gold.name != "search_direct_flight" or place + 1 >= len(chain.actions):
                continue
            used = str(chain.actions[place + 1 :])
            right = next((offer for offer in offers if offer["flight_number"] in used), None)
            others = [offer for offer in offers if offer is not right and min(offer["available_seats"].values()) > 0]
            if right is None or not others:
                continue
            other = chain.choose(others)
            swaps = {right["flight_number"]: other["flight_number"]}
            swaps |= {hhmm(right[_DEPARTURE]): hhmm(other[_DEPARTURE])}
            swaps |= {right["prices"][cabin]: other["prices"][cabin] for cabin in CABINS}
            return _exchange(chain.actions, place + 1, swaps)
    return None


def wrong_cabin(chain: _Chain) -> tuple[GoldAction, ...] | None:
    """Changes to another cabin than the one asked for."""
    place = chain.write()
    if not place or "cabin" not in chain.task.kind:
        return None
    gold = chain.actions[place].calls[0]
    if gold.name != "update_reservation_flights":
        return None
    others = [cabin for cabin in CABINS if cabin != gold.arguments["cabin"]]
    return _exchange(chain.actions, place, {gold.arguments["cabin"]: chain.choose(others)})


def wrong_count(chain: _Chain) -> tuple[GoldAction, ...] | None:
    """Miscounts paid bags, or sends another amount."""
    place = chain.write()
    if place is None:
        return None
    action = chain.actions[place]
    arguments = dict(action.calls[0].arguments)
    if "nonfree_baggages" in arguments and "reservation_id" in arguments:
        extra, total = arguments["nonfree_baggages"], arguments["total_baggages"]
        wrong = chain.choose([n for n in (extra - 1, extra + 1, total) if 0 <= n <= total and n != extra])
        arguments["nonfree_baggages"] = wrong
        swaps = {f"{extra} paid": f"{wrong} paid"}
    elif action.calls[0].name == "send_certificate":
        amount = arguments["amount"]
        wrong = chain.choose([n for n in (50, 100, 150, 200) if n != amount])
        arguments["amount"] = wrong
        swaps = {amount: wrong}
    else:
        return None
    changed = _exchange(chain.actions, place, swaps)
    fixed = GoldAction(
        plan=changed[place].plan,
        calls=(GoldCall(name=action.calls[0].name, arguments=arguments, writes=True),),
        response=changed[place].response,
    )
    return (*changed[:place], fixed, *changed[place + 1 :])


_DIGIT: Final = re.compile(r"\d(?=\D*$)")


def wrong_answer(chain: _Chain) -> tuple[GoldAction, ...] | None:
    """Tells a value that is not the one looked up."""
    facts = [fact for item in chain.task.checklist if item.check.type == "said" for fact in item.check.facts]
    response = chain.ending.response or ""
    facts = [fact for fact in facts if fact in response]
    if not facts:
        return None
    fact = chain.choose(facts)
    for group in (("regular", "silver", "gold"), CABINS, chain.seen("list_all_airports")[:1]):
        values = [*group[0], *group[0].values()] if group and isinstance(group[0], dict) else [*group]
        if fact in values:
            wrong = chain.choose([value for value in values if value != fact and len(value) == len(fact)] or values)
            break
    else:
        wrong = _DIGIT.sub(lambda digit: str((int(digit[0]) + int(chain.rng.integers(1, 10))) % 10), fact)
    if wrong == fact:
        return None
    return (*chain.actions[:-1], GoldAction(plan=chain.ending.plan, response=response.replace(fact, wrong)))


MISTAKES: Final[dict[str, Mistake]] = {
    "stop_early": stop_early,
    "refuse_permitted": refuse_permitted,
    "hand_over": hand_over,
    "cancel_instead": cancel_instead,
    "serve_forbidden": serve_forbidden,
    "wrong_reservation": wrong_reservation,
    "wrong_flight": wrong_flight,
    "wrong_cabin": wrong_cabin,
    "wrong_count": wrong_count,
    "wrong_answer": wrong_answer,
}
"""Name -> what makes the mistake; None where the chain gives no occasion for it."""


def _execute(task: Task) -> tuple[tuple[Any, ...], ...]:
    session = airline_server(task.meta["size"], task.meta["dialect"]).session()
    session.reset(task.world_seed)
    out = []
    for action in task.gold:
        results = [session.call(ToolCall(gold.name, gold.arguments)) for gold in action.calls]
        if any(result.is_error for result in results):
            raise TaskError(f"the gold chain of {task.id} does not execute")
        out.append(tuple(value_of(result) for result in results))
    return tuple(out)


def imperfect_gold(task: Task, rng: np.random.Generator, rate: float = 0.55) -> tuple[GoldAction, ...]:
    """The task's gold chain, with probability `rate` with one wrong decision in it.

    A chain that gives no occasion for a mistake (few do not) comes back as it is.

    Args:
        task: a task of the airline domain.
        rng: decides whether there is a mistake and which.
        rate: the probability in [0, 1] of a mistake.
    """
    if rng.random() >= rate:
        return task.gold
    chain = _Chain(task, _execute(task), rng)
    for name in rng.permutation(list(MISTAKES)).tolist():
        wrong = MISTAKES[name](chain)
        if wrong is not None and wrong != task.gold:
            return wrong
    return task.gold
