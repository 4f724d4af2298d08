"""BFCL's cases as they lie in the user's data: categories, rows, ground truths."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from toolgym.errors import ConfigError, did_you_mean

__all__ = ["CATEGORIES", "GROUPS", "chosen_categories", "is_multi_turn", "read_cases"]

GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "non_live": (
        "simple_python",
        "simple_java",
        "simple_javascript",
        "multiple",
        "parallel",
        "parallel_multiple",
        "irrelevance",
    ),
    "live": (
        "live_simple",
        "live_multiple",
        "live_parallel",
        "live_parallel_multiple",
        "live_irrelevance",
        "live_relevance",
    ),
    "multi_turn": ("multi_turn_base", "multi_turn_miss_func", "multi_turn_miss_param", "multi_turn_long_context"),
}
"""Group -> its categories, in the leaderboard's order."""
CATEGORIES: Final = tuple(category for group in GROUPS.values() for category in group)
_VERSION = "BFCL_v4"


def is_multi_turn(category: str) -> bool:
    """Whether a category's cases are conversations."""
    return category in GROUPS["multi_turn"]


def chosen_categories(chosen: str | Sequence[str] | None) -> tuple[str, ...]:
    """The categories that are named, each once: by themselves, by their group, or all (None, `all`).

    Raises:
        ConfigError: there is no such category.
    """
    names = ("all",) if chosen is None else (chosen,) if isinstance(chosen, str) else tuple(chosen)
    found: dict[str, None] = {}
    for name in names:
        known = {"all": CATEGORIES, **GROUPS, **{each: (each,) for each in CATEGORIES}}
        if not isinstance(name, str) or name not in known:
            raise ConfigError(did_you_mean(str(name), known, "BFCL category"))
        found.update(dict.fromkeys(known[name]))
    if not found:
        raise ConfigError(f"category=[] chooses nothing: give one of {', '.join(CATEGORIES)}, or leave it out")
    return tuple(each for each in CATEGORIES if each in found)


@lru_cache(maxsize=64)
def read_cases(folder: Path, category: str) -> tuple[Mapping[str, Any], ...]:
    """A category's rows, each with its `category` and, where there is one, its `ground_truth`.

    Raises:
        ConfigError: the data is not there, or not what it should be.
    """
    data = folder / "bfcl_eval" / "data"
    rows = _lines(data / f"{_VERSION}_{category}.json")
    answers: dict[str, Any] = {}
    file = data / "possible_answer" / f"{_VERSION}_{category}.json"
    if file.is_file():
        answers = {row["id"]: row["ground_truth"] for row in _lines(file)}
        if missing := [row["id"] for row in rows if row["id"] not in answers]:
            raise ConfigError(f"{file} has no answer for {missing[0]!r}: `toolgym data get bfcl --anew`")
    return tuple({**row, "category": category, "ground_truth": answers.get(row["id"], [])} for row in rows)


def _lines(file: Path) -> list[dict[str, Any]]:
    try:
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except OSError as error:
        raise ConfigError(f"{file} cannot be read ({error.strerror}): `toolgym data get bfcl` brings it") from error
    except ValueError as error:
        raise ConfigError(f"{file} is not as it should be ({error}): `toolgym data get bfcl --anew`") from error
