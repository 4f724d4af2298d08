"""Values of tools' results in calls and texts, and what they are exchanged for in a chain that went another way."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from toolgym.composing.execution import value_of
from toolgym.tasks import GoldAction
from toolgym.trajectory import ToolResult

__all__ = ["alike", "all_leaves", "exchanged", "learn_all", "leaves", "planned", "said", "swap", "tells"]

_SHORTEST_WORD, _SMALLEST_NUMBER = 3, 10
"""Shorter words and smaller numbers stand for many things."""


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The scalars of a JSON value, each with the name of the field that it stands in."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item, name)
    elif value is not None:
        yield name, value


def all_leaves(results: Sequence[ToolResult]) -> set[Any]:
    return {leaf for result in results for _, leaf in leaves(value_of(result))}


def alike(value: Any, other: Any) -> bool:
    return type(value) is type(other) and value != other


def learn_all(swaps: dict[Any, Any], gold: Sequence[ToolResult], shown: Sequence[ToolResult]) -> None:
    """Adds what tools showed in the place of what the gold chain was shown."""
    for right, wrong in zip(gold, shown, strict=False):
        _learn(swaps, value_of(right), value_of(wrong))


def _learn(swaps: dict[Any, Any], right: Any, wrong: Any) -> None:
    if isinstance(right, dict) and isinstance(wrong, dict):
        for key in right.keys() & wrong.keys():
            _learn(swaps, right[key], wrong[key])
    elif isinstance(right, list) and isinstance(wrong, list) and len(right) == len(wrong):
        for one, other in zip(right, wrong, strict=True):
            _learn(swaps, one, other)
    elif alike(right, wrong) and tells(right) and tells(wrong):
        swaps.setdefault(right, wrong)


def tells(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) >= _SHORTEST_WORD
    return not isinstance(value, bool) and isinstance(value, int | float) and abs(value) >= _SMALLEST_NUMBER


def swap(value: Any, swaps: Mapping[Any, Any]) -> Any:
    """The JSON value with whole values exchanged."""
    if isinstance(value, dict):
        return {key: swap(item, swaps) for key, item in value.items()}
    if isinstance(value, list):
        return [swap(item, swaps) for item in value]
    if isinstance(value, bool):
        return value
    return swaps.get(value, value)


def said(text: str | None, swaps: Mapping[Any, Any]) -> str | None:
    """The text with values exchanged, all at once, longest first; small numbers only behind a dollar sign."""
    if text is None or not swaps:
        return text
    shown: dict[str, str] = {}
    for old, new in swaps.items():
        for mark in ("", "$"):
            if mark or tells(old):
                shown[f"{mark}{old}"] = f"{mark}{new}"
    pattern = "|".join(re.escape(old) for old in sorted(shown, key=len, reverse=True))
    return re.sub(rf"(?<!\w)(?:{pattern})(?!\w)", lambda found: shown[found[0]], text)


_COMPARED: Final = re.compile(r".*?, .*?: ")
"""What a plan compares, up to the decision: "A $20, B 08:30: "."""


def planned(plan: str | None, swaps: Mapping[Any, Any]) -> str | None:
    """The plan with values exchanged behind what it compares ("A $20, B $30: A. stop A")."""
    if plan is None:
        return None
    compared = _COMPARED.match(plan)
    at = compared.end() if compared else 0
    return f"{plan[:at]}{said(plan[at:], swaps)}"


def exchanged(action: GoldAction, swaps: Mapping[Any, Any]) -> GoldAction:
    """The action with values exchanged."""
    calls = tuple(call.model_copy(update={"arguments": swap(call.arguments, swaps)}) for call in action.calls)
    return GoldAction(plan=planned(action.plan, swaps), calls=calls, response=said(action.response, swaps))
