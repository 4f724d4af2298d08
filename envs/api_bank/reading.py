"""Reads a call of a model's text as API-Bank's evaluator does. Nothing is evaluated: all values stay text.

The call is the first `[Name(…)]` that begins and ends on one line. A parameter is `name='text'` with either quote, up
to the next quote of either kind; `name=[…]` up to the last `]`; or `name=word`. So a text in quotes that has a quote in
it is cut short there, and one without quotes ends at its first sign that is no letter, digit or `_`.
"""

import re
from typing import NamedTuple

_LONGEST = 20_000
"""Characters of a call that is read: a longer one is none."""
_OPENING = re.compile(r"\[(\w++)\(")
_NAME = r"(?<!\w)(\w++)\s*+=\s*+"
_PARAMETER = re.compile(rf"{_NAME}['\"](.+?)['\"]|{_NAME}(\[.*\])|{_NAME}(\w++)")


class ReadCall(NamedTuple):
    """A call: the tool's name, its parameters as text, and the whole text between the parentheses."""

    name: str
    parameters: dict[str, str]
    text: str


def read_call(text: str) -> ReadCall | None:
    """The call in `text`, or None where it has none."""
    line_end = closing = -1
    for opening in _OPENING.finditer(text):
        if opening.end() > line_end:
            found = text.find("\n", opening.end())
            line_end = len(text) if found < 0 else found
            closing = text.rfind(")]", opening.end(), line_end)
        if closing >= opening.end():
            inside = text[opening.end() : closing]
            return None if len(inside) > _LONGEST else ReadCall(opening[1], read_parameters(inside), inside)
    return None


def read_parameters(inside: str) -> dict[str, str]:
    """The parameters between a call's parentheses; of one that is given twice the last."""
    found = {}
    for match in _PARAMETER.finditer(inside):
        quoted, text, listed, items, plain, word = match.groups()
        found[quoted or listed or plain] = text or items or word
    return found


def read_list(inside: str, name: str) -> str | None:
    """The text of a parameter that is a list, quotes around it or not: for what `read_parameters` cuts short."""
    match = re.search(rf"(?<!\w){re.escape(name)}\s*+=\s*+['\"]?(\[.*\])", inside)
    return None if match is None else match[1]
