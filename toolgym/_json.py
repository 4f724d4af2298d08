"""JSON of others, exactly: orjson, which knows integers of 64 bits, and Python's own reader and writer for longer ones.

orjson reads a longer integer as a float, so that 500000000000000000001 equals 500000000000000000000, and refuses to
write one.
"""

import json
import math
import re
from collections.abc import Callable
from functools import partial
from typing import Any

import orjson

__all__ = ["dumps", "loads", "reader"]

_LONG_TEXT, _LONG_BYTES = re.compile(r"\d{19}"), re.compile(rb"\d{19}")


def _is_short(data: str | bytes) -> bool:
    """Whether no integer in it can be longer than orjson reads."""
    return (_LONG_TEXT.search(data) if isinstance(data, str) else _LONG_BYTES.search(data)) is None


def reader(data: bytes) -> Callable[[], Any]:
    """What gives the value of one JSON text, a new one at each call; looks for long integers once."""
    return partial(orjson.loads if _is_short(data) else loads, data)


def loads(data: str | bytes) -> Any:
    """The value of one JSON text; integers of any length are exact.

    Raises:
        ValueError: not JSON, or an integer longer than Python reads (4,300 digits by default).
    """
    value = orjson.loads(data)
    if _is_short(data):
        return value
    try:
        return json.loads(data)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def dumps(value: Any, option: int = 0) -> bytes:
    """The value as JSON, as orjson writes it; integers of any length and lone surrogates too.

    Args:
        value: a JSON value; null stands for NaN and the infinities.
        option: of orjson's `OPT_SORT_KEYS`, `OPT_INDENT_2`, `OPT_NON_STR_KEYS`, `OPT_APPEND_NEWLINE`.

    Raises:
        TypeError: it is no JSON value.
    """
    try:
        return orjson.dumps(value, option=option)
    except TypeError:
        pass
    indent = 2 if option & orjson.OPT_INDENT_2 else None
    layout: dict[str, Any] = {"sort_keys": bool(option & orjson.OPT_SORT_KEYS), "indent": indent}
    layout["separators"] = (",", ": ") if indent else (",", ":")
    try:
        plain = _plain(value)
        try:
            data = json.dumps(plain, ensure_ascii=False, **layout).encode()
        except UnicodeEncodeError:
            data = json.dumps(plain, **layout).encode()
    except (ValueError, RecursionError) as error:
        raise TypeError(str(error)) from error
    return data + b"\n" if option & orjson.OPT_APPEND_NEWLINE else data


def _plain(value: Any) -> Any:
    """The value with null for what JSON has no number for, and its keys as text."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key if isinstance(key, str) else json.dumps(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
