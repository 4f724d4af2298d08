"""JSON that comes from files: strict, exact and bounded, and with the line of what is wrong.

Stricter than JSON readers usually are: a key given twice, a number that is none (NaN, Infinity, 1e999), a number of
thousands of digits and nesting without end are errors that say where. Integers are exact.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

import orjson

__all__ = ["MAX_DEPTH", "JsonError", "dumps", "each_line", "loads", "numbered"]

MAX_DEPTH = 100
"""Levels of nesting."""

_TOO_DEEP = "nested too deep to be written"
_MARK = b"\xef\xbb\xbf"
_STRING = r'"[^"\\]*(?:\\.[^"\\]*)*"'
_BRACKETS = re.compile(_STRING + r"|[\[\]{}]", re.DOTALL)
_NUMBERS = re.compile(_STRING + r"|NaN|-?Infinity|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?", re.DOTALL)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_HALF = re.compile("[\ud800-\udfff]")


class JsonError(ValueError):
    """What is wrong with a JSON text; `line` is where, from 1, or None where that is not known."""

    def __init__(self, message: str, line: int | None = None):
        super().__init__(message)
        self.line = line


class _Twice(ValueError):
    pass


class _NoNumber(ValueError):
    pass


def loads(text: str | bytes, *, depth: int = MAX_DEPTH, half_characters: bool = False) -> Any:
    """The value of one JSON text.

    Args:
        text: the text; bytes are UTF-8.
        depth: levels of nesting that it may have.
        half_characters: whether strings may hold half a surrogate pair, which is no text.

    Raises:
        JsonError: it is not acceptable.
    """
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError as error:
            raise JsonError(f"not UTF-8 ({error.reason})", text.count(b"\n", 0, error.start) + 1) from error
    try:
        value = _decoder.decode(text)
    except json.JSONDecodeError as error:
        raise JsonError(f"not JSON: {error.msg}", error.lineno) from error
    except _Twice as error:
        raise JsonError(str(error)) from None
    except RecursionError:
        _refuse_depth(text, depth)
        raise JsonError("nested too deep") from None
    except ValueError:  # of a number: infinite, or of too many digits for an integer
        _refuse_number(text)
    if text.count("[") + text.count("{") > depth:
        _refuse_depth(text, depth)
    if not half_characters and _SURROGATE.search(text):
        found = _HALF.search(json.dumps(value, ensure_ascii=False))
        if found is not None:
            raise JsonError(f"half a surrogate pair ({ascii(found[0])[1:-1]}) is no character")
    return value


def dumps(value: Any, *, indent: bool = False, depth: int = MAX_DEPTH) -> bytes:
    """The value as JSON that `loads` reads: integers exact, half characters as escapes, null for NaN and infinities.

    Args:
        value: of JSON's types.
        indent: whether it goes over several lines.
        depth: levels of nesting that it may have.

    Raises:
        JsonError: it is nested deeper, or holds an integer of thousands of digits.
        TypeError: it holds what JSON does not have.
    """
    try:
        written = orjson.dumps(value, option=orjson.OPT_INDENT_2 if indent else None)
    except TypeError:  # half characters, integers beyond 64 bits, nesting deeper than this writer's own limit
        plain = _plain(value, depth)
    else:
        if written.count(b"[") + written.count(b"{") > depth and _is_deeper(value, depth):
            raise JsonError(_TOO_DEEP)
        return written
    try:
        return json.dumps(plain, indent=2 if indent else None, separators=None if indent else (",", ":")).encode()
    except ValueError as error:
        raise JsonError("an integer of too many digits") from error


def _is_deeper(value: Any, limit: int) -> bool:
    """Whether a value that this writer could write is nested deeper."""
    level = [value]
    for _ in range(limit + 1):
        nested = [item for item in level if isinstance(item, dict | list | tuple)]
        if not nested:
            return False
        level = [inner for item in nested for inner in (item.values() if isinstance(item, dict) else item)]
    return True


def _plain(value: Any, left: int) -> Any:
    """A copy with null for what is no number, so far nested and no further."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if not isinstance(value, dict | list | tuple):
        return value
    if left == 0:
        raise JsonError(_TOO_DEEP)
    if isinstance(value, dict):
        return {key: _plain(item, left - 1) for key, item in value.items()}
    return [_plain(item, left - 1) for item in value]


def numbered(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """(number from 1, line) of each line of a file, without the mark that some editors begin a file with."""
    for number, line in enumerate(lines, start=1):
        yield number, line.removeprefix(_MARK) if number == 1 else line


def each_line(
    lines: Iterable[bytes], *, depth: int = MAX_DEPTH, half_characters: bool = False
) -> Iterator[tuple[int, Any]]:
    """(number from 1, value) of each line of JSON Lines that is not blank, one at a time.

    Raises:
        JsonError: a line is not acceptable; `line` is its number.
    """
    for number, line in numbered(lines):
        if line.strip():
            try:
                yield number, loads(line.rstrip(b"\r\n"), depth=depth, half_characters=half_characters)
            except JsonError as error:
                raise JsonError(str(error), number) from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _Twice(f"the key {json.dumps(key)} comes twice")
            seen.add(key)
    return made


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _NoNumber
    return value


def _constant(text: str) -> NoReturn:
    raise _NoNumber


_decoder = json.JSONDecoder(object_pairs_hook=_object, parse_float=_float, parse_constant=_constant)


def _line(text: str, at: int) -> int:
    return text.count("\n", 0, at) + 1


def _refuse_depth(text: str, limit: int) -> None:
    """Raises where a text is nested deeper than the limit."""
    depth = 0
    for match in _BRACKETS.finditer(text):
        if match[0] in ("[", "{"):
            depth += 1
            if depth > limit:
                raise JsonError(f"nested deeper than {limit} levels", _line(text, match.start()))
        elif match[0] in ("]", "}"):
            depth -= 1


def _refuse_number(text: str) -> NoReturn:
    """Raises with the place of the number that cannot be read."""
    for match in _NUMBERS.finditer(text):
        number = match[0]
        if number[0] == '"':
            continue
        if number in ("NaN", "Infinity", "-Infinity"):
            raise JsonError(f"{number} is no JSON number", _line(text, match.start()))
        try:
            _float(number) if set(number) & set(".eE") else int(number)
        except _NoNumber:
            raise JsonError(f"the number {number:.20} is too large", _line(text, match.start())) from None
        except ValueError:
            raise JsonError(f"a number of {len(number)} digits is too long", _line(text, match.start())) from None
    raise JsonError("a number that cannot be read")
