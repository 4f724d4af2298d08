"""The words of a tool and of a request, in one form, so that `bookingCancel` is found by "cancel my bookings"."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from toolgym.mcp.session import ToolSpec

__all__ = ["fields_of", "tool_words", "words"]

_NAME_WEIGHT, _DESCRIPTION_WEIGHT = 3, 2
"""How often the words of a part count; those of parameters count once. ScaleMCP weights a document's parts too, when it
embeds them."""

_WORD = re.compile(r"[^\W\d_]+")
"""A run of letters: digits are ids, dates and amounts."""
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
"""Where a capital within an identifier begins a word (`getHTTPStatus`)."""
_EMPTY = frozenset(
    re.findall(
        "[a-z]+",
        "a about all also am an and any are as at be been but by can could did do does for from had has have he her "
        "his how i id if in into is it its me my not of on once one or our out over please she should so some such "
        "than that the their them then there these they this those to was we were what when where which while who "
        "whose will with would you your",
    )
)
"""English words that say nothing of what a tool does."""


def words(text: str) -> tuple[str, ...]:
    """The words of a text or an identifier, in order: in small letters, plurals as singulars, without empty words."""
    return tuple(stem for found in _WORD.findall(_CAPITAL.sub(" ", text)) if (stem := _stem(found)))


@lru_cache(maxsize=50_000)
def _stem(word: str) -> str:
    """A word by Harman's S-stemmer (1991), which undoes plurals alone; empty for an empty word."""
    word = word.lower()
    if word in _EMPTY:
        return ""
    if word.endswith("ies") and not word.endswith(("aies", "eies")):
        return f"{word[:-3]}y"
    if word.endswith("es") and not word.endswith(("aes", "ees", "oes")):
        return word[:-1]
    if word.endswith("s") and not word.endswith(("us", "ss")):
        return word[:-1]
    return word


@lru_cache(maxsize=50_000)
def _kept(text: str) -> tuple[str, ...]:
    return words(text)


def tool_words(tool: ToolSpec) -> list[str]:
    """The words of a tool's name, description and parameters, each as often as its part counts."""
    out = [*_kept(tool.name)] * _NAME_WEIGHT + [*_kept(tool.description)] * _DESCRIPTION_WEIGHT
    for text in _texts(tool.input_schema):
        out += _kept(text)
    return out


def _texts(schema: Mapping[str, Any]) -> Iterator[str]:
    """What a schema says of its parameters: their names, their descriptions and their choices, however deep."""
    waiting: list[Any] = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
            continue
        if not isinstance(node, dict):
            continue
        for key, value in node.items():
            if key == "description" and isinstance(value, str):
                yield value
            elif key == "enum" and isinstance(value, list):
                yield from (item for item in value if isinstance(item, str))
            elif key == "properties" and isinstance(value, dict):
                yield from value
                waiting += value.values()
            elif key not in ("const", "default", "examples", "required"):
                waiting.append(value)


def fields_of(schema: Mapping[str, Any] | None) -> dict[str, str]:
    """The fields that a schema declares, however deep, and their types: empty where there is none, or several."""
    found: dict[str, str] = {}
    waiting: list[Any] = [schema]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict):
            properties = node.get("properties")
            if isinstance(properties, dict):
                for name, value in properties.items():
                    kind = value.get("type") if isinstance(value, dict) else None
                    found.setdefault(name, kind if isinstance(kind, str) else "")
                waiting += properties.values()
            waiting += [node[key] for key in _INNER if key in node]
    return found


_INNER = ("items", "additionalProperties", "anyOf", "allOf", "oneOf", "prefixItems")
"""Keywords with schemas of the parts, or of the same value."""
