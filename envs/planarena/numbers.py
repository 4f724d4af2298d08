"""Which scenario a number is: its split by its last digit, and in the split a theme and a variation of it.

A last digit of 0 to 6 means `train`, 7 `validation`, 8 `test` and 9 `test_unseen`. The scenarios of a split take its
themes in turns: the n-th one has theme n mod T and variation n div T, of T themes.
"""

import random
from typing import Final, Literal
from zlib import crc32

from toolgym.composing.names import SPLITS
from toolgym.composing.recipes import DEPTHS
from toolgym.domain import Split
from toolgym.envs.planarena.lexicon import themes_of
from toolgym.envs.planarena.lexicon.theme import Theme
from toolgym.errors import ConfigError
from toolgym.tasks import Task

__all__ = [
    "SCENARIOS",
    "TASKS",
    "Tier",
    "check_number",
    "depth_of",
    "digits_of",
    "number_of",
    "scenarios_of",
    "split_of",
    "theme_of",
    "tier_of",
    "tier_of_task",
    "tools_of",
]

SCENARIOS: Final = 8_000
"""The scenarios that `ToolGym/PlanArena-v0` plays: numbers from 0; higher ones can be named too."""
_DIGITS: Final[dict[Split, tuple[int, ...]]] = {
    "train": (0, 1, 2, 3, 4, 5, 6),
    "validation": (7,),
    "test": (8,),
    "test_unseen": (9,),
}
TASKS: Final = 200
"""Tasks of a scenario."""
Tier = Literal["easy", "medium", "hard"]
_TOOLS: Final[dict[int, float]] = {4: 0.06, 5: 0.1, 6: 0.14, 7: 0.16, 8: 0.16, 9: 0.14, 10: 0.1, 11: 0.08, 12: 0.06}
"""Number of tools -> share of the scenarios."""
_DEPTHS: Final = tuple(depth for depth, share in DEPTHS.items() for _ in range(round(share * TASKS)))
_SPLIT_OF: Final[tuple[Split, ...]] = tuple(split for split in SPLITS for _ in _DIGITS[split])
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


def tools_of(number: int) -> int:
    """How many tools a scenario has: from 4 to 12, most often 7 or 8."""
    return random.Random(f"planarena tools {number}").choices(tuple(_TOOLS), tuple(_TOOLS.values()))[0]


def depth_of(number: int, index: int) -> int:
    """How deep a scenario's task is, which is its difficulty (AC-Planner, Eq. 5): the calls of its minimal chain.

    Each scenario has the same number of tasks of a depth, in an order of its own.
    """
    return _DEPTHS[(index * 77 + crc32(number.to_bytes(8, "big"))) % TASKS]


def tier_of(depth: int, tools: int) -> Tier:
    """The tier of a task: by its difficulty, and by how many tools there are beside those that it needs.

    With n calls and d = tools - n distractors (not below 0): n + d/4 up to 3.5 is easy, up to 5.5 medium, else hard.
    """
    weight = depth + max(0, tools - depth) / 4
    return "easy" if weight <= 3.5 else "medium" if weight <= 5.5 else "hard"


def tier_of_task(task: Task) -> Tier | None:
    """The tier of a task of a scenario, by the calls of its gold chain; None of any other task."""
    prefix, _, number = task.domain.rpartition("_")
    if prefix != "planarena" or not (number.isascii() and number.isdigit()):
        return None
    return tier_of(len(task.gold_calls), tools_of(int(number)))


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
