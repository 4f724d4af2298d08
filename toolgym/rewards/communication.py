"""What the user was told: required facts, forbidden facts, and the comparison that both use.

A fact is told when a response contains it, whatever the case, commas, currency and spaces: "1,250" is told by "$1250",
"1250.00 dollars" and "USD 1,250". Digits must stand together and alone, and words must begin where the fact does:
"50" is not found in "150", "50.5", "-50" or "HAT050", nor "eligible" in "ineligible". Text compares in its normal form
(`toolgym.rewards.text_form`). Whether an answer *means* the fact is told by `toolgym.rewards.answers`.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from toolgym.rewards._per_task import per_task
from toolgym.rewards.text_form import plain
from toolgym.tasks import SaidCheck, Task
from toolgym.trajectory import Trajectory

__all__ = ["Fact", "communication_term", "normalise", "says"]

# All are matched with text of an agent, so each takes time linear in its length: they see single spaces only, and what
# they skip they never give back.
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_CURRENCY = re.compile(
    r"[$€£¥₹]|(?<=\d) ?(?:us dollars?|dollars?|usd|euros?|eur|gbp)\b|\b(?:usd|eur|gbp|us) ?(?=[$€£¥]? ?\d)"
)
_DECIMALS = re.compile(r"(?<![\d.])(\d++)\.(\d++)(?!\.++\d)")
_TOKENS = re.compile(r"\d++(?:\.\d++)*+|[^\W\d_]++|[^\w\s]|_")
_KEPT_CHARS = 4_096
"""Longer texts are normalised anew each time: a thousand of them would fill the memory."""


def _shortest(number: re.Match[str]) -> str:
    decimals = number[2].rstrip("0")
    return f"{number[1]}.{decimals}" if decimals else number[1]


def normalise(text: str) -> str:
    """The text in lower case, without commas and currency, numbers without needless decimals, single spaces."""
    return _kept(text) if len(text) <= _KEPT_CHARS else _normalised(text)


def _normalised(text: str) -> str:
    text = plain(text).casefold()
    if "," in text:
        text = _THOUSANDS.sub("", text).replace(",", " ")
    text = _CURRENCY.sub("", " ".join(text.split()))
    if "." in text:
        text = _DECIMALS.sub(_shortest, text)
    return " ".join(text.split())


_kept = lru_cache(maxsize=64)(_normalised)


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact as text and the pattern that finds it in normalised text."""

    text: str
    pattern: re.Pattern[str]

    @classmethod
    def of(cls, text: str) -> "Fact":
        return _fact(text)


@lru_cache(maxsize=8192)
def _fact(text: str) -> Fact:
    tokens = _TOKENS.findall(normalise(text))
    body = " ?".join("[ _-]" if token == "_" else re.escape(token) for token in tokens)
    # A number must not be part of a longer number, id, date or time; words may be inflected ("refund", "refunded").
    left = right = ""
    if tokens:
        left = (
            r"(?<![^\W_])(?<!\d[.:/-])(?<!(?<!\w)-)"
            if tokens[0][0].isdigit()
            else r"(?<![^\W\d_])"
            if tokens[0][0].isalpha()
            else ""
        )
        right = r"(?![^\W_])(?![.:/-]\d)" if tokens[-1][-1].isdigit() else ""
    return Fact(text, re.compile(left + body + right))


def says(text: str, fact: Fact | str) -> bool:
    """Whether `text` contains the fact. An empty fact is contained in any text."""
    fact = fact if isinstance(fact, Fact) else Fact.of(fact)
    return fact.pattern.search(normalise(text)) is not None


@per_task
def _said_checks(task: Task) -> tuple[tuple[tuple[Fact, ...], tuple[Fact, ...]], ...]:
    return tuple(
        (tuple(map(Fact.of, item.check.facts)), tuple(map(Fact.of, item.check.forbidden)))
        for item in task.checklist
        if isinstance(item.check, SaidCheck)
    )


def communication_term(trajectory: Trajectory, task: Task) -> float:
    """What the latest step told: the share of required facts told first now, minus the share of forbidden ones; [-1,
    1].

    Shares are of all required (forbidden) facts in the task's `said` items. Over an episode the term sums to the
    share of the required facts told minus the share of the forbidden facts told. 0 where the task has no such facts.
    """
    steps = trajectory.steps
    response = steps[-1].turn.response if steps else None
    checks = _said_checks(task)
    if response is None or not checks:
        return 0.0
    earlier = [step.turn.response for step in steps[:-1] if step.turn.response is not None]
    value = 0.0
    for sign, facts in ((1.0, [f for told, _ in checks for f in told]), (-1.0, [f for _, no in checks for f in no])):
        new = sum(says(response, fact) and not any(says(text, fact) for text in earlier) for fact in facts)
        value += sign * new / len(facts) if facts else 0.0
    return value
