"""Reading the beginning of a message: which calls and parameters it has so far, and whether it can still become valid.

AC-Planner scores every prefix of an action against the gold's prefix (Eq. 17), so what is cut off in the middle of a
name or a value must be comparable: unfinished names and values are kept as they stand and marked as unfinished.
"""

import re
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import orjson

from toolgym.rewards.matching import canonical_value

__all__ = ["Prefix", "read_prefix"]

_TAG = re.compile(r"<(/?)(plan|think|tool_call|response|answer)>")
_KIND = {"plan": 0, "think": 0, "tool_call": 1, "response": 2, "answer": 2}
_TAGS = tuple(f"<{slash}{name}>" for name in _KIND for slash in ("", "/"))

_TOKEN = re.compile(
    r'\s+|"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+"|[{}\[\],:]'
    r"|(?:-?(?:0|[1-9]\d*+)(?:\.\d++)?(?:[eE][+-]?\d++)?|true|false|null)(?=[\s,}\]])"
)
_UNFINISHED = re.compile(
    r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+(?:\\(?:u[0-9a-fA-F]{0,3})?)?'
    r"|-?(?:(?:0|[1-9]\d*+)(?:\.\d*+)?(?:(?<=\d)[eE][+-]?\d*+)?)?"
)
_LITERALS = ("true", "false", "null")
_ARGUMENT_KEYS = ("arguments", "params", "parameters")


@dataclass(frozen=True, slots=True)
class Prefix:
    """What the beginning of a message has so far."""

    names: tuple[Hashable, ...]
    """Tool names in order; an unfinished one as `("unfinished", text)`."""
    params: tuple[tuple[Hashable, Hashable], ...]
    """(parameter name, value) of all calls in order; unfinished ones marked likewise."""
    valid: bool
    """Whether the message can still become, or is, well-formed."""


class _Bad(Exception):
    """No message that begins so is well-formed."""


@dataclass(frozen=True, slots=True)
class _Unfinished:
    """A JSON string, number or literal that was cut off."""

    text: str


_MISSING = _Unfinished("")


def read_prefix(text: str) -> Prefix:
    """Reads a message, or the beginning of one, in the default format (its tags' other names will do). Never raises.

    A message is a plan, then tool calls, then a response, each optional, white space between them. What stands before
    the place where it went wrong still counts.
    """
    names: list[Hashable] = []
    params: list[tuple[Hashable, Hashable]] = []
    try:
        _read_message(text, names, params)
    except _Bad:
        return Prefix(tuple(names), tuple(params), False)
    return Prefix(tuple(names), tuple(params), True)


def _read_message(text: str, names: list[Hashable], params: list[tuple[Hashable, Hashable]]) -> None:
    at, last = 0, -1
    while True:
        opening = _TAG.search(text, at)
        between = text[at : opening.start() if opening else len(text)].strip()
        if opening is None:
            if between and not any(tag.startswith(between) for tag in _TAGS if "/" not in tag):
                raise _Bad
            return
        name = opening[2]
        kind = _KIND[name]
        if between or opening[1] or kind < last or (kind == last and kind != 1):
            raise _Bad
        last = kind
        end = text.find(f"</{name}>", opening.end())
        content = text[opening.end() : end if end >= 0 else len(text)]
        if kind == 1:
            if end < 0:
                content = _without_partial_tag(content)
            _read_calls(content, end >= 0, names, params)
        if end < 0:
            return
        at = end + len(name) + 3


def _without_partial_tag(content: str) -> str:
    """The content without the beginning of `</tool_call>` at its end, where that cannot be part of a JSON string."""
    start = content.rfind("<")
    if start >= 0 and "</tool_call>".startswith(content[start:]) and content[:start].rstrip()[-1:] in ("}", "]"):
        return content[:start]
    return content


def _read_calls(content: str, closed: bool, names: list[Hashable], params: list[tuple[Hashable, Hashable]]) -> None:
    root: list[Any] = []
    try:
        complete = _read_json(content, root)
    finally:
        for item in root[0] if root and isinstance(root[0], list) else root:
            if isinstance(item, dict):
                _read_call(item, names, params)
    if closed and not complete:
        raise _Bad
    if root and not isinstance(root[0], dict | list | _Unfinished):
        raise _Bad
    if complete and not all(_is_call(item) for item in (root[0] if isinstance(root[0], list) else root)):
        raise _Bad


def _is_call(item: Any) -> bool:
    if not isinstance(item, dict) or not isinstance(item.get("name"), str) or not item["name"]:
        return False
    return isinstance(next((item[key] for key in _ARGUMENT_KEYS if item.get(key) is not None), {}), dict)


def _read_call(item: dict[Any, Any], names: list[Hashable], params: list[tuple[Hashable, Hashable]]) -> None:
    name = item.get("name", _MISSING)
    if name is not _MISSING:
        names.append(_hashable(name))
    arguments = next((item[key] for key in _ARGUMENT_KEYS if item.get(key) is not None), None)
    if isinstance(arguments, dict):
        params += [(_hashable(key), _hashable(value)) for key, value in arguments.items()]


def _hashable(value: Any) -> Hashable:
    if isinstance(value, _Unfinished):
        return ("unfinished", value.text)
    if isinstance(value, dict):
        return ("object", frozenset((_hashable(key), _hashable(item)) for key, item in value.items()))
    if isinstance(value, list):
        return ("array", tuple(map(_hashable, value)))
    return canonical_value(value)


def _read_json(text: str, root: list[Any]) -> bool:
    """Reads one JSON text, or the beginning of one, into `root` (empty, or one value); whether it is whole.

    Raises:
        _Bad: no JSON text begins so.
    """
    stack: list[Any] = [root]
    key: Any = None
    expect = "value"
    at = 0
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            _put_unfinished(text[at:], stack[-1], key, expect)
            return False
        at = token.end()
        piece = token[0]
        if piece.isspace():
            continue
        kind = piece[0]
        if expect == "end" or len(stack) > 66:
            raise _Bad
        if expect == "colon":
            if kind != ":":
                raise _Bad
            expect = "value"
        elif kind in "}]" and kind in _closers(stack[-1], expect):
            stack.pop()
            expect = "end" if len(stack) == 1 else "comma"
        elif expect == "comma":
            if kind != ",":
                raise _Bad
            expect = "key" if isinstance(stack[-1], dict) else "value"
        elif expect in ("key", "key or close"):
            key = _string(piece) if kind == '"' else None
            if key is None or key in stack[-1]:
                raise _Bad
            stack[-1][key] = _MISSING
            expect = "colon"
        elif kind in ",:}]":
            raise _Bad
        else:
            value: Any = {} if kind == "{" else [] if kind == "[" else _string(piece)
            _put(value, stack[-1], key)
            if kind in "{[":
                stack.append(value)
                expect = "key or close" if kind == "{" else "value or close"
            else:
                expect = "end" if len(stack) == 1 else "comma"
    return expect == "end"


def _closers(container: Any, expect: str) -> str:
    if isinstance(container, dict):
        return "}" if expect in ("key or close", "comma") else ""
    return "]" if expect in ("value or close", "comma") else ""


def _string(piece: str) -> Any:
    try:
        return orjson.loads(piece)
    except ValueError as error:
        raise _Bad from error


def _put(value: Any, container: Any, key: Any) -> None:
    if isinstance(container, dict):
        container[key] = value
    else:
        container.append(value)


def _put_unfinished(rest: str, container: Any, key: Any, expect: str) -> None:
    """Keeps what was cut off.

    Raises:
        _Bad: it is the beginning of nothing that may stand here.
    """
    wants_key = expect in ("key", "key or close")
    if expect in ("colon", "comma", "end") or (wants_key and rest[0] != '"'):
        raise _Bad
    if not any(literal.startswith(rest) for literal in _LITERALS) and _UNFINISHED.fullmatch(rest) is None:
        raise _Bad
    if wants_key:
        container[_Unfinished(rest)] = _MISSING
    else:
        _put(_Unfinished(rest), container, key)
