"""Strings that a regular expression or a JSON Schema format allows, and whether a string is one of them.

Expressions come from servers that nobody vouches for. They are matched by pydantic's engine, whose time grows with the
text alone; where it cannot (looks ahead or back, references), by Python's, unless that may take for ever: then they are
not checked.
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from re import _constants as codes  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import numpy as np
from pydantic_core import SchemaError, SchemaValidator, core_schema

__all__ = ["FORMATS", "Expression", "expression"]

_DAY = r"20[0-9][0-9]-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])"
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z"
_HOST = r"[a-z]{3,8}\.example"
_URL = rf"https://{_HOST}/[a-z]{{3,8}}"
_BYTE = r"(1?[0-9]?[0-9]|2[0-4][0-9]|25[0-5])"
FORMATS = {
    name: f"^{body}$"
    for name, body in {
        "date": _DAY,
        "date-time": f"{_DAY}T{_CLOCK}",
        "time": _CLOCK,
        "duration": r"P[1-9][0-9]?DT[1-9]H",
        "email": rf"[a-z]{{3,8}}@{_HOST}",
        "idn-email": rf"[a-z]{{3,8}}@{_HOST}",
        "hostname": _HOST,
        "idn-hostname": _HOST,
        "ipv4": rf"{_BYTE}\.{_BYTE}\.{_BYTE}\.{_BYTE}",
        "ipv6": r"[1-9a-f][0-9a-f]{3}(:[1-9a-f][0-9a-f]{3}){7}",
        "uri": _URL,
        "url": _URL,
        "iri": _URL,
        "uri-reference": rf"({_URL}|/[a-z]{{3,8}})",
        "iri-reference": rf"({_URL}|/[a-z]{{3,8}})",
        "uri-template": rf"{_URL}/\{{[a-z]{{3,8}}\}}",
        "uuid": r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
        "json-pointer": r"(/[a-z]{3,8}){1,3}",
        "relative-json-pointer": r"[0-9](/[a-z]{3,8}){0,3}",
        "regex": r"[a-z]{3,8}",
    }.items()
}
"""A format's name and an expression for values of it: some of them, not all."""

_TRIES = 24
_MORE = 3
"""How often more than its least a repetition is drawn."""
_LONGEST = 10_000
_SIDE_BY_SIDE = 3
_LONGEST_CHECKED = 200
"""Characters of a text that Python's engine is given: three repetitions side by side try its cube."""
_PRINTABLE = tuple(range(32, 127))
_LETTERS = tuple(range(97, 123))
_NAMED_GROUP = re.compile(r"\(\?<(?![=!])")
_PROPERTY = re.compile(r"\\p\{(\w+)\}")
_REPEATS = frozenset({codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT})


class _EndlessError(Exception):
    """What an expression asks for is longer than any text here."""


@lru_cache(maxsize=1024)
def expression(pattern: str) -> "Expression":
    """The expression of a pattern."""
    return Expression(pattern)


class Expression:
    """A regular expression that a schema names; it matches wherever in a text it is found, as in JSON Schema."""

    def __init__(self, pattern: str):
        python = _NAMED_GROUP.sub("(?P<", pattern)
        digits = ("N", "Nd")
        python = _PROPERTY.sub(lambda found: r"\d" if found[1] in digits else r"\w", python)
        try:
            self._parsed: Any = parser.parse(python)
        except (re.error, OverflowError, RecursionError):
            self._parsed = None
        self.safe = self._parsed is not None and not _may_explode(self._parsed)
        """Whether Python's own engine may be given it."""
        try:
            self._validator = SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex"))
        except SchemaError:
            self._validator = None
        try:
            self._python = re.compile(python) if self._validator is None and self.safe else None
        except (re.error, OverflowError, RecursionError):
            self._python = None

    def matches(self, text: str) -> bool:
        """Whether it is found in a text; True where that cannot be told in bounded time."""
        if self._validator is not None:
            return self._validator.isinstance_python(text)
        if self._python is None or len(text) > _LONGEST_CHECKED:
            return True
        return self._python.search(text) is not None

    def sample(self, rng: np.random.Generator, shortest: int, longest: int) -> str | None:
        """A text of a length that it matches, or None where none was found."""
        if self._parsed is None:
            return None
        for number in range(_TRIES):
            # What looks ahead is left out at first, and then put before what it looks at.
            more = _MORE if number < _TRIES // 2 else max(shortest, _MORE)
            writer = _Writer(rng, more, number % 2 == 1, min(longest, _LONGEST))
            try:
                writer.write(self._parsed)
            except (_EndlessError, RecursionError):
                continue
            text = "".join(map(chr, writer.out))
            missing = shortest - len(text)
            if missing > 0:
                filling = "".join(chr(_one_of(_LETTERS, rng)) for _ in range(min(missing, _LONGEST)))
                text = next((padded for padded in (text + filling, filling + text) if self.matches(padded)), text)
            if shortest <= len(text) <= longest and self.matches(text):
                return text
        return None


class _Writer:
    """Writes one text that a parsed expression matches."""

    def __init__(self, rng: np.random.Generator, more: int, ahead: bool, longest: int):
        self.rng, self.more, self.ahead, self.longest = rng, more, ahead, longest
        self.out: list[int] = []
        self.groups: dict[int, list[int]] = {}
        self.left = 2 * _LONGEST

    def write(self, parsed: Iterable[tuple[Any, Any]]) -> None:
        for code, value in parsed:
            self.left -= 1
            if len(self.out) > self.longest or self.left < 0:
                raise _EndlessError
            if code is codes.LITERAL:
                self.out.append(value)
            elif code is codes.NOT_LITERAL:
                self.out.append(_one_of([char for char in _PRINTABLE if char != value], self.rng))
            elif code is codes.ANY:
                self.out.append(_one_of(_LETTERS, self.rng))
            elif code is codes.IN:
                self.out.append(self._in(value))
            elif code is codes.CATEGORY:
                self.out.append(_one_of(_category(value), self.rng))
            elif code in _REPEATS:
                least, most, body = value
                if least > self.longest:
                    raise _EndlessError
                for _ in range(int(self.rng.integers(least, min(most, least + self.more) + 1))):
                    self.write(body)
            elif code is codes.BRANCH:
                self.write(_one_of(value[1], self.rng))
            elif code is codes.SUBPATTERN:
                start = len(self.out)
                self.write(value[3])
                if value[0] is not None:
                    self.groups[value[0]] = self.out[start:]
            elif code is codes.ATOMIC_GROUP:
                self.write(value)
            elif code is codes.GROUPREF:
                self.out += self.groups.get(value, [])
            elif code is codes.ASSERT and value[0] > 0 and self.ahead:
                self.write(value[1])
            # Anchors and what must not be there add nothing.

    def _in(self, items: Sequence[tuple[Any, Any]]) -> int:
        ranges: list[tuple[int, int]] = []
        for code, value in items:
            if code is codes.LITERAL:
                ranges.append((value, value))
            elif code is codes.RANGE:
                ranges.append(value)
            elif code is codes.CATEGORY:
                ranges += [(char, char) for char in _category(value)]
        if items and items[0][0] is codes.NEGATE:
            left = [char for char in _PRINTABLE if not any(low <= char <= high for low, high in ranges)]
            return _one_of(left or _LETTERS, self.rng)
        low, high = _one_of(ranges, self.rng)
        return int(self.rng.integers(low, high + 1))


def _category(code: Any) -> Sequence[int]:
    if code is codes.CATEGORY_DIGIT:
        return tuple(range(48, 58))
    if code is codes.CATEGORY_SPACE:
        return (32,)
    if code is codes.CATEGORY_NOT_WORD:
        return (32, 45)
    return _LETTERS  # words, what is no digit, what is no space


def _one_of(choices: Sequence[Any], rng: np.random.Generator) -> Any:
    return choices[int(rng.integers(len(choices)))]


def _may_explode(parsed: Any, repeated: bool = False) -> bool:
    """Whether what is repeated has several ways to match one text, or many repetitions stand side by side."""
    side_by_side = 0
    for code, value in parsed:
        chooses = code in _REPEATS or code is codes.BRANCH
        repeats = code in _REPEATS and value[1] > 1
        side_by_side += repeats
        if (chooses and repeated) or side_by_side > _SIDE_BY_SIDE:
            return True
        if any(_may_explode(part, repeated or repeats) for part in _parts(code, value)):
            return True
    return False


def _parts(code: Any, value: Any) -> list[Any]:
    """The expressions within one."""
    if code in _REPEATS:
        return [value[2]]
    if code is codes.BRANCH:
        return list(value[1])
    if code is codes.SUBPATTERN:
        return [value[3]]
    if code in (codes.ASSERT, codes.ASSERT_NOT):
        return [value[1]]
    if code is codes.ATOMIC_GROUP:
        return [value]
    if code is codes.GROUPREF_EXISTS:
        return [part for part in value[1:] if part is not None]
    return []
