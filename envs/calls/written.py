"""Calls as ToolACE writes them: `[Name Of Tool(city="Bonn", days=3), other()]`. Nothing is evaluated.

A name may have spaces and signs in it. A value is a literal of Python or JSON (`true`, `null`), or a word.
"""

import ast
from typing import Any

from toolgym.envs.calls.errors import RowError
from toolgym.messages import ToolCall

_LONGEST = 100_000
_OPEN, _CLOSE = "([{", ")]}"
_WORDS = {"true": True, "false": False, "null": None}


def read_written(text: str) -> tuple[ToolCall, ...] | None:
    """The calls of a text, or None where it is no list of calls.

    Raises:
        RowError: it looks like one, and cannot be read.
    """
    text = text.strip()
    if not (text.startswith("[") and text.endswith("]")) or "(" not in text or len(text) > _LONGEST:
        return None
    parts = _split(text[1:-1])
    if not all(part.endswith(")") and "(" in part for part in parts):
        return None
    return tuple(_call(part) for part in parts)


def _split(text: str) -> list[str]:
    """The parts between commas that stand in no brackets and no quotes."""
    parts, depth, quote, start, at = [], 0, "", 0, 0
    while at < len(text):
        sign = text[at]
        if quote:
            if sign == "\\":
                at += 1
            elif sign == quote:
                quote = ""
        elif sign in "\"'":
            quote = sign
        elif sign in _OPEN:
            depth += 1
        elif sign in _CLOSE:
            depth -= 1
        elif sign == "," and depth == 0:
            parts.append(text[start:at].strip())
            start = at + 1
        at += 1
    return [part for part in (*parts, text[start:].strip()) if part]


def _call(text: str) -> ToolCall:
    name, _, rest = text.partition("(")
    if not name.strip():
        raise RowError(f"a call without a name: {text[:80]!r}")
    arguments: dict[str, Any] = {}
    for part in _split(rest[:-1]):
        parameter, equals, value = part.partition("=")
        if not equals or not parameter.strip():
            raise RowError(f"a call's arguments are name=value, which {part[:80]!r} is not")
        arguments[parameter.strip()] = _value(value.strip())
    return ToolCall(name.strip(), arguments)


def _value(text: str) -> Any:
    try:
        return _plain(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise RowError(f"a value of a call is no literal: {text[:80]!r}") from None


def _plain(node: ast.expr) -> Any:
    """A literal as JSON."""
    match node:
        case ast.Constant(value=str() | int() | float() | None as value):  # a bool is an int
            return value
        case ast.Name(id=name):
            return _WORDS.get(name, name)
        case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
            return [_plain(item) for item in items]
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            return {str(_plain(key)): _plain(value) for key, value in pairs if key is not None}
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -number
    raise ValueError("no literal")
