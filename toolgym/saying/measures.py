"""In which words an answer may say a measure, a number with its unit: "18 degrees" as "18", or "18 °C".

Tools show the number alone, and the unit may stand nowhere that an agent sees: whoever says the very value that a tool
shows has said it. A number with another unit is another measure, a price too; one that counts ("18 rooms") is none.

Used by `toolgym.saying.answers`. Everything here takes time linear in the text.
"""

import re
from functools import lru_cache
from typing import Final

from toolgym.saying.facts import Fact, normalise
from toolgym.saying.text_form import plain

__all__ = ["is_price", "measured"]

_MEASURE: Final = re.compile(r"(-?\d+(?:\.\d+)?) ([a-z]+|[kM]?Wh?|of \d+)")
_SAME: Final = {
    "percent": "%|per ?cent",
    "degrees": "°|(?:° ?|degrees )?c(?:elsius)?",
    "minutes": "mins?",
    "cents": "¢|ct",
    "years": "yrs?",
    "people": "persons?",
    "m": "met(?:er|re)s?",
    "km": "kilomet(?:er|re)s?",
    "w": "watts?",
    "wh": "watt[ -]hours?",
    "kwh": "kilowatt[ -]hours?",
}
"""Unit -> what else it is called, in normalised text."""
_ALONE: Final = (
    r"(?![^\W_])(?![.:/-]\d)(?! ?[%°¢])"
    r"(?= ?(?:[^\w\s]|$)| (?:and|or|but|so|as|at|in|on|for|from|to|by|with|if|because|since|until|while|which|that|this"
    r"|the|its|it|your|you|there|here|now|currently|right|today)\b)"
)
"""Behind a number without a unit: its clause ends, or goes on with a word that names nothing it could count."""
_MONEY: Final = re.compile(r"[$€£¥₹] ?\d[\d.,]*+|(?<![\w.,-])\d[\d.,]*+ ?(?:us )?(?:dollars?|usd|euros?|eur|gbp)\b")


def measured(fact: Fact) -> re.Pattern[str] | None:
    """What finds a measure in normalised text, however its unit is said; None for a fact that is no measure."""
    number, unit = _parts(fact.text)
    return _pattern(number, unit) if unit else None


def is_price(said: str, fact: Fact) -> bool:
    """Whether a text says a measure's number as an amount of money alone, which normalised text does not tell."""
    measure = measured(fact)
    return measure is not None and measure.search(normalise(_MONEY.sub(" ... ", plain(said).casefold()))) is None


def _parts(text: str) -> tuple[str, str]:
    found = _MEASURE.fullmatch(text)
    return (found[1], found[2].lower()) if found else ("", "")


@lru_cache(maxsize=4096)
def _pattern(number: str, unit: str) -> re.Pattern[str]:
    if unit.startswith("of "):  # 92 of 100
        said = rf" (?:out )?{unit}(?!\d)|/{unit[3:]}(?!\d)"
    else:
        said = rf" ?(?:{re.escape(unit.removesuffix('s'))}s?|{_SAME.get(unit, unit)})(?![^\W_])"
    whole = Fact.of(f"{number} {unit}").pattern.pattern
    return re.compile(rf"{whole}|(?<![\w-])(?<!\d[.:/]){re.escape(number)}(?:{said}|{_ALONE})")
