"""Which scenario a number is: its split by its last digit, and in the split a theme and a variation of it.

A last digit of 0 to 6 means `train`, 7 `validation`, 8 `test` and 9 `test_unseen`. The scenarios of a split take its
themes in turns: the n-th one has theme n mod T and variation n div T, of T themes.
"""

from typing import Final

from toolgym.composing.names import SPLITS
from toolgym.domain import Split
from toolgym.envs.planarena.lexicon import themes_of
from toolgym.envs.planarena.lexicon.theme import Theme
from toolgym.errors import ConfigError

__all__ = ["SCENARIOS", "digits_of", "number_of", "scenarios_of", "split_of", "theme_of"]

SCENARIOS: Final = 8_000
"""The scenarios that `ToolGym/PlanArena-v0` plays: numbers from 0; higher ones can be named too."""
_DIGITS: Final[dict[Split, tuple[int, ...]]] = {
    "train": (0, 1, 2, 3, 4, 5, 6),
    "validation": (7,),
    "test": (8,),
    "test_unseen": (9,),
}
_SPLIT_OF: Final = tuple(split for split in SPLITS for _ in _DIGITS[split])
_MOST: Final = 10**9


def check_number(number: object) -> int:
    """The number of a scenario.

    Raises:
        ConfigError: it is none.
    """
    if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < _MOST:
        raise ConfigError(f"A scenario is an int from 0 to {_MOST - 1:,}; given {number!r:.100}.")
    return number


def digits_of(split: Split) -> tuple[int, ...]:
    """The last digits of the numbers (and of the ids of records) that belong to a split."""
    return _DIGITS[split]


def split_of(number: int) -> Split:
    """The split that a scenario belongs to.

    Raises:
        ConfigError: the number is none.
    """
    return _SPLIT_OF[check_number(number) % 10]


def theme_of(number: int) -> tuple[Theme, int]:
    """The theme of a scenario, and which variation of it.

    Raises:
        ConfigError: the number is none.
    """
    split = split_of(number)
    digits, themes = _DIGITS[split], themes_of(split)
    if not themes:
        raise ConfigError(f"There is no theme of {split!r} yet, and so no scenario {number}.")
    variation, place = divmod(number // 10 * len(digits) + digits.index(number % 10), len(themes))
    return themes[place], variation


def number_of(split: Split, place: int) -> int:
    """The number of a split's scenario."""
    digits = _DIGITS[split]
    tens, digit = divmod(place, len(digits))
    return tens * 10 + digits[digit]


def scenarios_of(split: Split, count: int = SCENARIOS) -> int:
    """How many of the first `count` numbers belong to a split."""
    tens, rest = divmod(count, 10)
    digits = _DIGITS[split]
    return tens * len(digits) + sum(digit < rest for digit in digits)
