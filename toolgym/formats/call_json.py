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
    # orjson keeps the last of several equal keys, and rounds integers beyond 64 bits. Where it writes the text as it
    # came, nothing is lost. A key that is gone took a colon along; only where colons may have been written as escapes,
    # they cannot be counted.
    written = orjson.dumps(value)
    if written.decode() == raw.replace('": ', '":').replace(", ", ","):
        return value
    if "\\" in raw or raw.count(":") != written.count(b":") or _LONG_INTEGER.search(raw):
        return json.loads(raw, object_pairs_hook=_object)
    return value


def dumps(value: Any) -> str:
    """One line of JSON, keys in their order.

    Raises:
        ValueError: JSON has no such value (NaN, a custom object).
    """
    try:
        return _encode(value)
    except (TypeError, RecursionError) as error:
        raise ValueError(str(error)) from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"the key {json.dumps(key)} is given twice")
            seen.add(key)
    return made


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
