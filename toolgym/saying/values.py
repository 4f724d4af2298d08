"""The ids, amounts and dates in an answer: which of them may be taken for each other, and which were made up.

Used by `toolgym.saying.answers`. Text here is normalised (`toolgym.rewards.communication.normalise`).
"""

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import cached_property

from toolgym.saying.text_form import plain

__all__ = ["Grounds", "counts", "form_of", "listed_with", "made_up", "things", "values_in"]

_VALUE = re.compile(r"[^\W_]++(?:[-.@:/+'_][^\W_]++)*+")
_NUMBER = re.compile(r"\d++(?:\.\d++)?")
_LIST_GAP = re.compile(r"[\s,;/|&-]*+")
_LONG = 16
"""Digits: longer numbers are no amounts."""
_SMALL = 12
"""Numbers up to this are counts, steps and list numbers: nobody looks them up."""
_MOST_RECKONED = 60
"""Who reckons with more numbers than this explains nothing by them."""
_LONGEST_ROW = 5
"""Other values in a row with a fact that may stand without a word between them: a line of a table."""


def form_of(value: str) -> str:
    """What a value looks like: two of one form may be taken for each other. Empty for words."""
    if value.isalpha():
        return ""
    if _NUMBER.fullmatch(value):
        return "number"
    if "@" in value:
        return "@"
    if not any(char.isdigit() for char in value):
        return ""
    if value.isalnum():
        letters = value.rstrip("0123456789")
        return f"{len(letters)}a{len(value) - len(letters)}" if letters.isalpha() else f"mixed{len(value)}"
    return re.sub(r"\d", "9", re.sub(r"[^\W\d_]++", "a", value))


def values_in(text: str) -> list[str]:
    """The words and values of a text, numbers without needless decimals."""
    return [_short(value) for value in _VALUE.findall(text)]


def _short(value: str) -> str:
    return value.rstrip("0").rstrip(".") if "." in value and _NUMBER.fullmatch(value) else value


def counts(value: str) -> bool:
    """Whether a value is a small number."""
    return value.isdigit() and len(value) < 4 and int(value) <= _SMALL


def things(values: Iterable[str]) -> set[str]:
    """The distinct ids and amounts among a text's values."""
    return {value for value in values if not counts(value) and ("_" in value or form_of(value))}


@dataclass
class Grounds:
    """What an agent knows, for telling whether it made a value up. Read when a response needs it, and once."""

    shown: Callable[[], Iterable[str]]
    """What it was shown: request, results, the user's words."""
    given: Callable[[], Iterable[str]]
    """The arguments of its own calls, in which it reckons: they vouch for no id."""

    @cached_property
    def text(self) -> str:
        """All that was shown, in its normal form and lower case."""
        return "\n".join(map(plain, self.shown())).casefold()

    @cached_property
    def numbers(self) -> frozenset[float]:
        """The numbers that were shown."""
        return _numbers(self.text)

    @cached_property
    def reckoned(self) -> frozenset[float]:
        """The numbers of its own calls."""
        numbers = _numbers("\n".join(map(plain, self.given())))
        return numbers if len(numbers) <= _MOST_RECKONED else frozenset()


def _numbers(text: str) -> frozenset[float]:
    return frozenset(float(number) for number in _NUMBER.findall(text) if len(number) < _LONG)


def made_up(
    values: list[str], others: Collection[str], facts: Collection[str], allowed: Collection[str], grounds: Grounds
) -> bool:
    """Whether one of the `others` among an answer's values was neither shown nor follows from what was.

    A number follows when it is the sum, difference or product of two that are known by then, in the order of the
    answer, or a fact shared out among few. Dates and times may be reckoned too: they are taken as they are.
    """
    if any(_is_id(value) and value not in grounds.text for value in others):
        return True
    numbers = [value for value in values if value in others and _NUMBER.fullmatch(value)]
    if not numbers:
        return False
    wanted, seen = _amounts(facts), grounds.numbers | grounds.reckoned
    known = {n for n in _amounts(values) if n in seen or n <= _SMALL} | _amounts(allowed) | grounds.reckoned
    known -= wanted
    for value in dict.fromkeys(numbers):
        number = float(value) if len(value) < _LONG else -1.0
        if number not in seen and number not in known and not _follows(number, known, wanted):
            return True
        known.add(number)
    return False


def _is_id(value: str) -> bool:
    form = form_of(value)
    return form != "number" and (form == "@" or "a" in form or form.startswith("mixed"))


def _amounts(values: Iterable[str]) -> set[float]:
    return {float(value) for value in values if _NUMBER.fullmatch(value) and len(value) < _LONG}


def _follows(number: float, known: set[float], facts: set[float]) -> bool:
    pairs = (abs(number - x) in known or number + x in known or (x and round(number / x, 6) in known) for x in known)
    shares = (abs(fact / x - number) < 0.01 for fact in facts for x in known if 0 < x <= _SMALL)
    return any(pairs) or any(shares)


def listed_with(text: str, facts: Collection[str], forms: Collection[str]) -> set[str]:
    """Values that stand in a list with a fact: between them nothing but separators, `and`, `or` and other values.

    Those of the facts' forms; where the list is longer than a table's line, all.
    """
    counting = any(map(counts, facts))  # otherwise "1." and "2." number the lines of a list
    out: set[str] = set()
    run: list[str] = []

    def close() -> None:
        others = set(run).difference(facts)
        if len(others) < len(set(run)):
            out.update(others if len(others) >= _LONGEST_ROW else (v for v in others if form_of(v) in forms))

    end = 0
    for found in _VALUE.finditer(text):
        word, gap = found[0], text[end : found.start()]
        end = found.end()
        if word in ("and", "or"):
            continue
        if not form_of(word) or not _LIST_GAP.fullmatch(gap):
            close()
            run = []
        if form_of(word) and (counting or not counts(word)):
            run.append(_short(word))
    close()
    return out
