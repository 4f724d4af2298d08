"""Whether a text says a fact, whatever the form of words and figures.

A fact is told when a response contains it, whatever the case, commas, currency and spaces: "1,250" is told by "$1250",
"1250.00 dollars" and "USD 1,250". Digits must stand together and alone, and words must begin where the fact does:
"50" is not found in "150", "50.5", "-50" or "HAT050", nor "eligible" in "ineligible". Text compares in its normal form
(`toolgym.saying.text_form`). Whether an answer *means* the fact is told by `toolgym.saying.answers`.
"""

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache

from toolgym.saying.text_form import plain

__all__ = ["Fact", "normalise", "says"]

# All are matched with text of an agent, so each takes time linear in its length: they see single spaces only, and what
# they skip they never give back.

_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")

_CURRENCY = re.compile(
    r"[$€£¥₹]|(?<=\d) ?(?:us dollars?|dollars?|usd|euros?|eur|gbp)\b|\b(?:usd|eur|gbp|us) ?(?=[$€£¥]? ?\d)"
)

_DECIMALS = re.compile(r"(?<![\d.])(\d++)\.(\d++)(?!\.++\d)")

_TOKENS = re.compile(r"\d++(?:\.\d++)*+|[^\W\d_]++|[^\w\s]|_")

_FEW_LETTERS = 3
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


@dataclass(frozen=True)
class Fact:
    """A fact as text, its words and figures, and the pattern that finds it in normalised text."""

    text: str
    tokens: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> "Fact":
        return _fact(text)

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        return _pattern(self.tokens)

    def found(self, text: str) -> bool:
        """Whether it stands in a normalised text. Most do not, which their words tell without the pattern."""
        return all(token in text for token in self.tokens if token != "_") and self.pattern.search(text) is not None


@lru_cache(maxsize=8192)
def _fact(text: str) -> Fact:
    return Fact(text, tuple(_TOKENS.findall(normalise(text))))


def _pattern(tokens: tuple[str, ...]) -> re.Pattern[str]:
    body = " ?".join("[ _-]" if token == "_" else re.escape(token) for token in tokens)
    # A number must not be part of a longer number, id, date or time; words may be inflected ("refund", "refunded"), but
    # a fact of a few letters is a word of its own: "no" is not in "nothing", nor "car" in "card".
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
        if len(tokens) == 1 and tokens[0].isalpha() and len(tokens[0]) <= _FEW_LETTERS:
            right = r"(?:'?s)?(?![^\W_])"
    return re.compile(left + body + right)


def says(text: str, fact: Fact | str) -> bool:
    """Whether `text` contains the fact. An empty fact is contained in any text."""
    fact = fact if isinstance(fact, Fact) else Fact.of(fact)
    return fact.found(normalise(text))
