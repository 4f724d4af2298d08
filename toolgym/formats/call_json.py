"""The JSON inside a tool call: strict, exact and bounded.

Stricter than JSON readers usually are, because what is read here gets executed: a key given twice, a number that is no
number (NaN, Infinity), half a surrogate pair, and nesting deeper than `MAX_DEPTH` are errors. Integers are exact.
"""

import json
import re
from typing import Any

import orjson

MAX_DEPTH = 64
"""Levels of nesting."""

MAX_CHARS = 1_000_000
"""Characters of one JSON text."""

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
_KEY = re.compile(r'"\s*:')
_LONG_INTEGER = re.compile(r"\d{19}")


def loads(raw: str) -> Any:
    """The value of one JSON text.

    Raises:
        ValueError: it is not acceptable; the message says why, in words for whoever wrote it.
    """
    if len(raw) > MAX_CHARS:
        raise ValueError(f"longer than {MAX_CHARS} characters")
    value = orjson.loads(raw)
    if raw.count("{") + raw.count("[") > MAX_DEPTH and _depth_exceeds(value, MAX_DEPTH):
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
    # orjson keeps the last of several equal keys and rounds integers beyond 64 bits. Whether that can have happened is
    # told cheaply: every key is followed by a colon, so colons in excess of keys call for the slow and exact reader.
    colons = raw.count(":")
    if colons and colons != _count_keys(value) and len(_KEY.findall(raw)) != _count_keys(value):
        return _loads_exactly(raw)
    return _loads_exactly(raw) if _LONG_INTEGER.search(raw) else value


def dumps(value: Any) -> str:
    """One line of JSON, keys in their order.

    Raises:
        ValueError: JSON has no such value (NaN, a custom object).
    """
    try:
        return _encode(value)
    except (TypeError, RecursionError) as error:
        raise ValueError(str(error)) from error


def _loads_exactly(raw: str) -> Any:
    return json.loads(raw, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"the key {json.dumps(key)} is given twice")
            seen.add(key)
    return made


def _count_keys(value: Any) -> int:
    if type(value) is dict:
        total = len(value)
        for item in value.values():
            if type(item) is dict or type(item) is list:
                total += _count_keys(item)
        return total
    if type(value) is list:
        return sum(_count_keys(item) for item in value if type(item) is dict or type(item) is list)
    return 0


def _depth_exceeds(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit + 1):
        level = [
            item
            for container in level
            if type(container) in (dict, list)
            for item in (container.values() if type(container) is dict else container)
        ]
        if not level:
            return False
    return True
