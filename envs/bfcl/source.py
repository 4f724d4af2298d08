"""Reads Java and JavaScript source text: the arguments of a call by their declared types, and a call itself.

An argument that its type's form does not fit stays text, which then has the wrong type. Nothing is evaluated.
"""

import re
from collections.abc import Iterator
from typing import Any

_DEEPEST = 40
"""Brackets within brackets that are read; what lies deeper stays text."""

_CLOSERS = {"(": ")", "[": "]", "{": "}"}

_STRINGS = {quote: re.compile(rf"{quote}(?:[^{quote}\\]|\\.)*+{quote}", re.DOTALL) for quote in "\"'`"}

_JAVA_NUMBERS = {
    **dict.fromkeys(("byte", "short", "integer"), r"-?\d+$"),
    "long": r"-?\d+[lL]$",
    "float": r"-?\d+(\.\d+)?([eE][+-]?\d+)?[fF]$",
    "double": r"-?\d+(\.\d+)?([eE][+-]?\d+)?$",
}
_JAVASCRIPT_NUMBERS = {"integer": r"-?\d+$", "Bigint": r"-?\d+n$", "float": r"-?\d+(\.\d+)?$"}
_FRACTIONS = {"float", "double"}

_TYPE_PARAMETERS = re.compile(r"<[\w\s,.?<>\[\]]{0,200}>")
_JAVA_ARRAY = re.compile(r"new\s+\w+\s*\[\s*\]\s*(?=\{)")
_JAVA_LIST_OF = re.compile(r"new\s+ArrayList\s*<[^>]*>\s*\(\s*Arrays\.asList\s*(?=\()")
_JAVA_LIST = re.compile(r"new\s+ArrayList\s*<[^>]*>\s*\(\s*\)")
_JAVA_ADDED = re.compile(r"\badd\s*(?=\()")
_JAVA_MAP = re.compile(r"new\s+(?:HashMap|Hashtable)\s*<[^>]*>\s*\(\s*\)")
_JAVA_PUT = re.compile(r"\bput\s*(?=\()")


def read_java(text: str, kind: str, item_kind: str | None = None, *, official: bool = False) -> Any:
    """The value of Java source text that is declared as `kind`, its items as `item_kind`; the text if it is none.

    With `official` an array's texts keep their quotes, as in the official checker.
    """
    if kind in _JAVA_NUMBERS:
        return _number(text, kind, _JAVA_NUMBERS[kind])
    if kind == "boolean":
        return {"true": True, "false": False}.get(text, text)
    if kind in ("Array", "ArrayList"):
        items = _java_items(text, kind)
        return text if items is None else [_java_item(item, kind, item_kind, official) for item in items]
    if kind in ("HashMap", "Hashtable"):
        return _java_map(text)
    return text


def read_javascript(text: str, kind: str, item_kind: str | None = None) -> Any:
    """The value of JavaScript source text that is declared as `kind`; the text itself if it is none of that kind."""
    if kind in _JAVASCRIPT_NUMBERS:
        return _number(text, kind, _JAVASCRIPT_NUMBERS[kind])
    if kind == "Boolean":
        return {"true": True, "false": False}.get(text, text)
    if kind == "String":
        return _unquoted(text)
    if kind == "array":
        items = _javascript_items(text.strip())
        return text.strip() if items is None else [_javascript_item(item, item_kind) for item in items]
    if kind == "dict":
        fields = _javascript_object(text.strip(), 0)
        return text.strip() if fields is None else fields
    return text


def read_call(text: str) -> dict[str, dict[str, str]]:
    """The call in `text`, as `name(parameter=value, …)`: values stay source text, a string's without its quotes.

    Arguments without a name are dropped. Raises ValueError where `text` is no call.
    """
    start = re.match(r"\s*([\w$.]+)\s*(?=\()", text)
    inner = _inside(text, start.end()) if start else None
    if start is None or inner is None or text[start.end() + len(inner) + 2 :].strip(" \n\t;"):
        raise ValueError("not a call")
    arguments: dict[str, str] = {}
    for part in split_top(inner):
        named = re.match(r"\s*([\w$]+)\s*=(?![=>])\s*(.+)", part, re.DOTALL)
        if named and named[1] in arguments:
            raise ValueError(f"the parameter {named[1]} is given twice")
        if named:
            arguments[named[1]] = _unquoted(named[2].strip())
    return {start[1]: arguments}


def split_top(text: str, separator: str = ",") -> list[str]:
    """`text` cut at the separators that stand in no bracket, type parameters or quotes; nothing for nothing."""
    parts, begin, depth, after_types = [], 0, 0, 0
    for index, char in _outside_quotes(text):
        if index < after_types:
            continue
        if char == "<" and (types := _TYPE_PARAMETERS.match(text, index)):
            after_types = types.end()
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif char == separator and depth == 0:
            parts.append(text[begin:index])
            begin = index + 1
    parts.append(text[begin:])
    return [part.strip() for part in parts] if text.strip() else []


def _outside_quotes(text: str) -> Iterator[tuple[int, str]]:
    """(index, character) of what no quotes hold. A quote within a word is an apostrophe; one without an end is text."""
    index, endless = 0, set[str]()
    while index < len(text):
        char = text[index]
        if char in _STRINGS and char not in endless and not text[index - 1 : index].isalnum():
            string = _STRINGS[char].match(text, index)
            if string:
                index = string.end()
                continue
            endless.add(char)  # so that many such quotes are not each followed to the end
        yield index, char
        index += 1


def _inside(text: str, start: int) -> str | None:
    """What stands between the bracket at `start` and the one that closes it."""
    wanted: list[str] = []
    for index, char in _outside_quotes(text[start:]):
        if char in _CLOSERS:
            wanted.append(_CLOSERS[char])
        elif char in ")]}":
            if char != wanted.pop():
                return None
            if not wanted:
                return text[start + 1 : start + index]
    return None


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'`" else text


def _number(text: str, kind: str, form: str) -> int | float | str:
    if not re.match(form, text):
        return text
    digits = text.rstrip("lLfFn\n")
    try:
        return float(digits) if kind in _FRACTIONS else int(digits)
    except ValueError:  # an integer of more digits than Python reads
        return text


def _literal(text: str) -> Any:
    """The value of an item whose type is not declared."""
    if text in ("true", "false"):
        return text == "true"
    if re.fullmatch(r"-?\d+[lLn]?", text):
        return _number(text, "integer", "")
    if re.fullmatch(r"-?\d+\.\d*([eE][+-]?\d+)?[fFdD]?|-?\d+[eE][+-]?\d+", text):
        return float(text.rstrip("fFdD"))
    return _unquoted(text)


def _java_items(text: str, kind: str) -> list[str] | None:
    found = (_JAVA_ARRAY if kind == "Array" else _JAVA_LIST_OF).search(text)
    if found:
        inner = _inside(text, found.end())
        if inner is None or (kind == "ArrayList" and not text.startswith(")", found.end() + len(inner) + 2)):
            return None
        return split_top(inner)
    return list(_arguments(_JAVA_ADDED, text)) if kind == "ArrayList" and _JAVA_LIST.search(text) else None


def _arguments(name: re.Pattern[str], text: str) -> Iterator[str]:
    """What stands between the parentheses of each call of `name`."""
    found = name.search(text)
    while found and (inner := _inside(text, found.end())) is not None:
        yield inner
        found = name.search(text, found.end() + len(inner) + 2)


def _java_item(text: str, of: str, kind: str | None, official: bool) -> Any:
    if kind == "String" and of == "ArrayList":
        return text[1:-1]  # What has no quotes is a name, and no text: it loses its ends.
    if official and kind is not None:
        return read_java(text, kind)
    return _unquoted(text) if kind in ("String", "char") else _literal(text) if kind is None else read_java(text, kind)


def _java_map(text: str) -> Any:
    if not _JAVA_MAP.search(text):
        return text
    puts = [split_top(put) for put in _arguments(_JAVA_PUT, text)]
    return {_unquoted(put[0]): _literal(put[1]) for put in puts if len(put) == 2}


def _javascript_items(text: str) -> list[str] | None:
    start = re.match(r"(?=\[)|new\s+Array\s*(?=\()", text)
    inner = _inside(text, start.end()) if start else None
    return None if inner is None else split_top(inner)


def _javascript_item(text: str, kind: str | None, depth: int = 0) -> Any:
    if kind is not None and kind not in ("any", "String"):
        return read_javascript(text, kind)
    if depth < _DEEPEST and text.startswith("["):
        items = _javascript_items(text)
        return text if items is None else [_javascript_item(item, kind, depth + 1) for item in items]
    if depth < _DEEPEST and text.startswith("{"):
        fields = _javascript_object(text, depth + 1)
        return text if fields is None else fields
    return _unquoted(text) if kind == "String" else _literal(text)


def _javascript_object(text: str, depth: int) -> dict[str, Any] | None:
    inner = _inside(text, 0) if text.startswith("{") else None
    if inner is None:
        return None
    fields = {}
    for part in split_top(inner):
        key, *value = split_top(part, ":") or [""]
        if value:
            fields[_unquoted(key)] = _javascript_item(":".join(value), None, depth)
    return fields
