"""What may be sent to a tool at all: one rule, applied before sending, on every transport.

JSON cannot carry NaN, lone surrogates or Python objects; transports differ in the depth, size and integer range that
they survive. So a call outside these limits is answered here, with the same text in process, over stdio and over HTTP.
"""

import math
from typing import Any

from toolgym.messages import ToolCall
from toolgym.trajectory import ToolResult

__all__ = ["MAX_DEPTH", "MAX_NAME", "MAX_SIZE", "refuse", "unknown_tool"]

MAX_DEPTH = 64
"""Levels of nesting in the arguments; the transports' parsers give up at about 200."""

MAX_NAME = 128
"""Characters in a tool's name: the protocol's own limit."""

MAX_SIZE = 500_000
"""Characters in the arguments' strings, other values counting 24: below 4 MiB of JSON however it is escaped."""

_MIN_INT, _MAX_INT = -(2**63), 2**64 - 1


class _Refused(Exception):
    pass


def unknown_tool(name: str) -> ToolResult:
    """The result of calling a tool that the server does not have; the words are FastMCP's."""
    return ToolResult(f"Unknown tool: {name!r}", None, True, "unknown_tool")


def refuse(call: ToolCall) -> ToolResult | None:
    """An error result where the call cannot be carried to a tool, else None."""
    name = call.name
    if type(name) is not str or not (name.isascii() or _encodable(name)):
        return ToolResult("Unknown tool: its name is not text.", None, True, "unknown_tool")
    if len(name) > MAX_NAME:
        text = f"Unknown tool: its name has {len(name)} characters; at most {MAX_NAME} are allowed."
        return ToolResult(text, None, True, "unknown_tool")
    try:
        if type(call.arguments) is not dict:
            raise _Refused("they must be a JSON object")
        if _size(call.arguments, 1) > MAX_SIZE:
            raise _Refused(f"they are larger than {MAX_SIZE} characters")
    except _Refused as problem:
        return ToolResult(f"Invalid arguments for {name}: {problem}.", None, True, "invalid_arguments")
    return None


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _size(value: Any, depth: int) -> int:
    """The size in characters of a dict or list, checked on the way."""
    if depth > MAX_DEPTH:
        raise _Refused(f"they are nested deeper than {MAX_DEPTH} levels")
    size = 24
    if type(value) is dict:
        for key in value:
            if type(key) is not str or not (key.isascii() or _encodable(key)):
                raise _Refused("a key is not text that JSON can carry")
            size += len(key)
        items = value.values()
    else:
        items = value
    for item in items:
        kind = type(item)
        if kind is str:
            if not (item.isascii() or _encodable(item)):
                raise _Refused("a string holds a lone surrogate, which JSON cannot carry")
            size += len(item) + 24
        elif kind is int:
            if not _MIN_INT <= item <= _MAX_INT:
                raise _Refused("an integer does not fit into 64 bits")
            size += 24
        elif kind is dict or kind is list:
            size += _size(item, depth + 1)
        elif kind is float:
            if not math.isfinite(item):
                raise _Refused("a number is not finite, which JSON cannot carry")
            size += 24
        elif kind is bool or item is None:
            size += 24
        else:
            raise _Refused(f"a value of type {kind.__name__} is not JSON")
        if size > MAX_SIZE:
            break
    return size
