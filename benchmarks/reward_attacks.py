"""Ways to earn a reward without doing the work: dumps of what was seen, any sentence, calls rearranged, and a random
search over message templates. `python -m benchmarks.rewards --attacks` prints what they earn.

Each way sees what an agent may see: the request, and the results of its own calls.
"""

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from benchmarks.reward_examples import Example
from toolgym.domain import Domain
from toolgym.mcp.session import ToolSpec
from toolgym.messages import ToolCall, Turn, render
from toolgym.registration import make_domain
from toolgym.tasks import Task

__all__ = ["ATTACKS", "REARRANGED", "random_policies"]

_USER: Final = re.compile(r"[a-z]+_[a-z]+_\d+")
_RESERVATION: Final = re.compile(r"\b[A-Z0-9]{6}\b")
_DATE: Final = re.compile(r"2026-\d\d-\d\d")
_NUMBERS: Final = " ".join(map(str, range(5_000)))


@cache
def _domain(size: str, dialect: str) -> Domain:
    return make_domain("airline", size=size, dialect=dialect, seed=None)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Seen:
    """What reading everything that the request names shows."""

    calls: tuple[ToolCall, ...]
    texts: tuple[str, ...]
    values: tuple[str, ...]
    """The leaves of all results, each once, in order."""


def read_all(task: Task) -> Seen:
    """Reads every id of the request, what these name, the airports, and the flights of the day if it gives one."""
    session = _domain(task.meta["size"], task.meta["dialect"]).session()
    session.reset(task.world_seed)
    calls: list[ToolCall] = []
    texts: list[str] = []
    leaves: dict[str, None] = {}

    def look(name: str, **arguments: Any) -> Any:
        result = session.call(ToolCall(name, arguments))
        if result.is_error:
            return {}
        calls.append(ToolCall(name, arguments))
        texts.append(result.text)
        structured = (result.structured or {}).get("result", result.structured)
        leaves.update(dict.fromkeys(map(str, _leaves(structured))))
        return structured

    ids = list(dict.fromkeys(_RESERVATION.findall(task.request)))
    for user_id in _USER.findall(task.request):
        ids += look("get_user_details", user_id=user_id).get("reservations", [])
    for rid in dict.fromkeys(ids):
        look("get_reservation_details", reservation_id=rid)
    airports = look("list_all_airports")
    places = [code for code, city in airports.items() if code in task.request or city in task.request]
    days = _DATE.findall(task.request)
    if len(places) >= 2 and days:
        for origin, destination in (places[:2], places[1::-1]):
            for tool in ("search_direct_flight", "search_onestop_flight"):
                look(tool, origin=origin, destination=destination, date=days[-1])
    return Seen(tuple(calls), tuple(texts), tuple(leaves))


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _after_reading(answer: Callable[[Seen], str]) -> Callable[[Task, tuple[ToolSpec, ...]], list[str]]:
    def messages(task: Task, tools: tuple[ToolSpec, ...]) -> list[str]:
        seen = read_all(task)
        return [*(render(Turn(calls=(call,))) for call in seen.calls), render(Turn(response=answer(seen)))]

    return messages


def _at_once(answer: str) -> Callable[[Task, tuple[ToolSpec, ...]], list[str]]:
    return lambda task, tools: [render(Turn(response=answer))]


def _split(task: Task, tools: tuple[ToolSpec, ...]) -> list[str]:
    """The gold chain with one call a turn."""
    calls = [render(Turn(a.plan, (c.call(),))) for a in task.gold for c in a.calls]
    return [*calls, render(Turn(task.gold[-1].plan, response=task.gold[-1].response))]


def _merged(task: Task, tools: tuple[ToolSpec, ...]) -> list[str]:
    """All calls of the gold chain in one turn, as if the agent had known all arguments."""
    calls = render(Turn(task.gold[0].plan, tuple(c.call() for c in task.gold_calls)))
    return [calls, render(Turn(task.gold[-1].plan, response=task.gold[-1].response))]


def _merged_with_answer(task: Task, tools: tuple[ToolSpec, ...]) -> list[str]:
    """The answer in the calls' turn."""
    last = task.gold[-1]
    return [render(Turn(last.plan, tuple(c.call() for c in task.gold_calls), last.response))]


REARRANGED: tuple[Example, ...] = (
    Example("gold, split", False, _split),
    Example("gold, merged", False, _merged),
    Example("gold, one message", False, _merged_with_answer),
)
"""The same calls in other turns: must earn no more than the gold chain."""

ATTACKS: tuple[Example, ...] = (
    Example("numbers 0 to 4999", False, _at_once(_NUMBERS)),
    Example("all seen + numbers", False, _after_reading(lambda seen: "\n".join([*seen.texts, _NUMBERS]))),
    Example("all seen", False, _after_reading(lambda seen: "\n".join(seen.texts))),
    Example("every value", False, _after_reading(lambda seen: " ".join(seen.values))),
    Example("every value, commas", False, _after_reading(lambda seen: ", ".join(seen.values[:120]))),
    Example("a sentence a value", False, _after_reading(lambda seen: " ".join(f"It is {v}." for v in seen.values))),
    Example("one of these", False, _after_reading(lambda seen: f"It is one of {' or '.join(seen.values[:60])}.")),
    Example("any sentence", False, _at_once("bananas")),
    Example("it is done", False, _at_once("It is done: you are on the latest flight, and your certificate is sent.")),
    Example("refuse at once", False, _at_once("I am sorry, I cannot do that: the policy does not allow it.")),
    Example("all is refused", False, _after_reading(
        lambda seen: "Cancelling, changing flights or cabin, removing bags, adding passengers and compensation are not "
        "allowed."
    )),
    Example("read, then refuse", False, _after_reading(
        lambda seen: "I am sorry, I cannot do that: the policy does not allow it."
    )),
)  # fmt: skip
"""Answers that are none: must earn less than honest half work, and solve next to nothing."""

_SENTENCES: Final = (
    "Done.", "It is done.", "Everything is arranged as you asked.", "I cannot do that.", "Sorry, that is not possible.",
    "The policy does not allow it.", "Your request is complete.", "It is {one}.", "It is {one} or {two}.", "{few}",
    "The answer is {one}.", "The total is ${number}.", "You paid ${number}.", "Your membership is regular.",
    "You are in economy.", "{rid} is cancelled.", "Sorry, {rid} cannot be changed.", "No compensation is due.",
    "You are transferred to a human agent.", "A certificate of ${number} is sent.", "Is there anything else?",
)  # fmt: skip


@dataclass(frozen=True)
class RandomPolicy:
    """Reads first or not, says so many of the sentences, once or turn after turn."""

    reads: int
    """0: nothing; 1: what the request names; 2: everything."""
    sentences: tuple[str, ...]
    plan: str | None
    seed: int

    def messages(self, task: Task, tools: tuple[ToolSpec, ...]) -> list[str]:
        """Its episode of the task."""
        rng = random.Random(f"{self.seed} {task.id}")
        seen = read_all(task) if self.reads else Seen((), (), ("economy", "100"))
        calls = seen.calls if self.reads == 2 else seen.calls[:1]
        values = list(seen.values) or ["nothing"]
        rids = _RESERVATION.findall(task.request) or [value for value in values if _RESERVATION.fullmatch(value)]
        words = {
            "one": rng.choice(values), "two": rng.choice(values), "few": ", ".join(rng.choices(values, k=8)),
            "number": rng.randint(50, 900), "rid": rids[0] if rids else "The trip",
        }  # fmt: skip
        said = " ".join(self.sentences).format_map(words)
        return [*(render(Turn(self.plan, (call,))) for call in calls), render(Turn(self.plan, response=said))]


def random_policies(count: int, seed: int = 0) -> Sequence[Example]:
    """Message templates at random: `count` policies, the same for the same seed."""
    rng = random.Random(seed)
    made = [
        RandomPolicy(
            rng.randrange(3),
            tuple(rng.sample(_SENTENCES, rng.randint(1, 4))),
            rng.choice([None, "I look it up.", "flown: refuse."]),
            rng.randrange(10**6),
        )
        for _ in range(count)
    ]
    return [Example(f"random {number}", False, policy.messages) for number, policy in enumerate(made)]
