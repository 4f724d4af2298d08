"""The tool classes of BFCL's multi-turn cases: found in the user's data, made afresh for each episode, called by text.

For a process of their own (`toolgym.mcp_servers.bfcl`), where the benchmark's code is imported and run. A call's text
is parsed and read node by node: nothing of it is evaluated as Python.
"""

import ast
import copy
import importlib
import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from toolgym.envs.bfcl.decode import combined, negated
from toolgym.errors import ConfigError

__all__ = ["CLASSES", "Instances", "import_from", "public"]

CLASSES = {
    "GorillaFileSystem": "gorilla_file_system",
    "MathAPI": "math_api",
    "MessageAPI": "message_api",
    "TicketAPI": "ticket_api",
    "TradingBot": "trading_bot",
    "TravelAPI": "travel_booking",
    "TwitterAPI": "posting_api",
    "VehicleControlAPI": "vehicle_control",
}
"""Class -> its module; the documents of its tools have that name too."""
_PLACE = "bfcl_eval.eval_checker.multi_turn_eval.func_source_code"
_STATELESS = {"MathAPI"}
_NOT_ALLOWED = {"kill", "exit", "quit", "remove", "unlink", "popen", "Popen", "run"}
"""Names that the official evaluator refuses to call."""
_PURE: dict[str, Callable[..., Any]] = {
    each.__name__: each
    for each in (abs, bool, dict, float, int, len, list, max, min, round, set, sorted, str, sum, tuple)
}
"""What a call's arguments may be made with, beside the tools."""
_NAME = re.compile(r"\b([a-zA-Z_]\w*)\s*(?=\()")
_MOST_BITS = 1_000_000
"""Of a power's result."""
_MOST_DIGITS = 10_000
"""Of the precision that a logarithm or a root is asked for with."""
_LONGEST = 1_000_000
"""Characters of a call's text."""


def import_from(folder: Path) -> None:
    """Makes the benchmark's modules importable in this process.

    Raises:
        ConfigError: the folder does not hold them.
    """
    if not folder.joinpath(*_PLACE.split(".")).is_dir():
        raise ConfigError(f"{folder} has no {_PLACE.replace('.', '/')}: `toolgym data get bfcl` brings it")
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _class(name: str) -> type:
    """A tool class.

    Raises:
        ConfigError: there is none of that name, or it cannot be imported.
    """
    if name not in CLASSES:
        raise ConfigError(f"BFCL's multi-turn cases have no tool class {name!r}; there are {', '.join(CLASSES)}")
    try:
        return getattr(importlib.import_module(f"{_PLACE}.{CLASSES[name]}"), name)
    except ImportError as error:
        raise ConfigError(f"{name} cannot be imported: {error}. pip install {error.name} may mend that") from error


class Instances:
    """The tools of one episode.

    Args:
        classes: the names of the tool classes, in the case's order: of two tools with one name the later counts.
        config: class -> what its instance starts with.
        long_context: whether what they show is padded.
    """

    def __init__(self, classes: Iterable[str], config: Mapping[str, Any], long_context: bool = False):
        self.by_class: dict[str, Any] = {}
        for name in classes:
            made = self.by_class[name] = _class(name)()
            if name not in _STATELESS:
                made._load_scenario(copy.deepcopy(config.get(name, {})), long_context=long_context)
        self._home = {tool: name for name, made in self.by_class.items() for tool in _tools_of(type(made))}

    def fork(self) -> "Instances":
        """The same state, with nothing in common."""
        twin = object.__new__(Instances)
        twin.by_class, twin._home = copy.deepcopy(self.by_class), self._home
        return twin

    def has(self, tool: str) -> bool:
        """Whether there is such a tool."""
        return tool in self._home

    def call(self, tool: str, arguments: Mapping[str, Any]) -> tuple[str, BaseException | None, bool]:
        """Calls a tool that there is.

        Returns:
            What the official evaluator would show, what the tool raised, and whether it refused.
        """
        try:
            result = self._invoke(tool, (), dict(arguments))
            return _shown(result), None, isinstance(result, dict) and "error" in result
        except Exception as error:  # the benchmark's code may raise anything
            return f"Error during execution: {error}", error, True

    def observe(self, text: str, rewrite: str = "") -> str:
        """What the official evaluator shows of a call that is given as text.

        Args:
            text: the call.
            rewrite: whose instances they are, to reproduce that the official evaluator writes an instance's name before
                whatever looks like a tool's name in the text, inside of strings too. Empty: strings stay as they are.
        """
        try:
            if not isinstance(text, str):
                raise TypeError("a call is a text")
            self._check_allowed(text)
            return _shown(_Reader(self, rewrite).value(self._parsed(text, rewrite)))
        except RecursionError:
            return "Error during execution: maximum recursion depth exceeded"
        except Exception as error:  # the benchmark's code may raise anything
            return f"Error during execution: {error}"

    def equals(self, other: "Instances") -> bool:
        """Whether all that is public of them is equal."""
        return all(_equal(other.by_class[name], made) for name, made in self.by_class.items())

    def tables(self) -> dict[str, dict[str, Any]]:
        """What is public of them, as JSON: class -> attribute -> value."""
        return {name: public(made) for name, made in self.by_class.items()}

    def _parsed(self, text: str, rewrite: str) -> ast.expr:
        if len(text) > _LONGEST:
            raise ValueError(f"the call has more than {_LONGEST} characters")
        if rewrite:
            text = _NAME.sub(lambda found: self._qualified(found[1], rewrite), text)
        return ast.parse(text.strip(" \t"), "<string>", "eval").body

    def _qualified(self, name: str, rewrite: str) -> str:
        return f"{rewrite}_{self._home[name]}_instance.{name}" if name in self._home else name

    def _check_allowed(self, text: str) -> None:
        head = text.partition("(")[0]
        if "." in head:
            head = head.split(".")[1]
        if head in _NOT_ALLOWED and head not in self._home:
            raise PermissionError(f"Function call {head} is not allowed.")

    def _invoke(self, tool: str, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        _bounded(tool, [*given, *named.values()])
        return getattr(self.by_class[self._home[tool]], tool)(*given, **named)


class _Reader:
    """Reads the value of a call's syntax tree."""

    def __init__(self, instances: Instances, rewrite: str):
        self._instances, self._rewrite = instances, rewrite

    def value(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=value):
                return value
            case ast.List(elts=items):
                return [self.value(item) for item in items]
            case ast.Tuple(elts=items):
                return tuple(self.value(item) for item in items)
            case ast.Set(elts=items):
                return {self.value(item) for item in items}
            case ast.Dict(keys=keys, values=values) if None not in keys:
                pairs = zip(keys, values, strict=True)
                return {self.value(key): self.value(value) for key, value in pairs if key is not None}
            case ast.UnaryOp(op=op, operand=operand):
                return negated(op, self.value(operand))
            case ast.BinOp(left=left, op=op, right=right):
                return combined(self.value(left), op, self.value(right))
            case ast.Subscript(value=inner, slice=key) if not isinstance(key, ast.Slice):
                return self._item(self.value(inner), self.value(key))
            case ast.JoinedStr(values=parts):
                return "".join(self._part(part) for part in parts)
            case ast.Call():
                return self._call(node)
            case ast.Name(id=name):
                raise NameError(f"name {name!r} is not defined")
            case ast.Attribute(value=inner):
                self.value(inner)
        raise TypeError("a call's arguments are literals, constant arithmetic and other calls")

    def _part(self, part: ast.expr) -> str:
        if isinstance(part, ast.FormattedValue):
            if part.format_spec is not None or part.conversion != -1:
                raise TypeError("a value in a text is put there as it is")
            return str(self.value(part.value))
        return str(self.value(part))

    @staticmethod
    def _item(value: Any, key: Any) -> Any:
        if not isinstance(value, dict | list | tuple | str):
            raise TypeError(f"{type(value).__name__!r} object is not subscriptable")
        return value[key]

    def _call(self, node: ast.Call) -> Any:
        tool = self._tool(node.func)
        given, named = [], {}
        for item in node.args:
            if isinstance(item, ast.Starred):
                given += list(self.value(item.value))
            else:
                given.append(self.value(item))
        for keyword in node.keywords:
            value = self.value(keyword.value)
            named |= dict(value) if keyword.arg is None else {keyword.arg: value}
        if self._instances.has(tool):
            return self._instances._invoke(tool, tuple(given), named)
        return _PURE[tool](*given, **named)

    def _tool(self, function: ast.expr) -> str:
        if isinstance(function, ast.Name):
            if self._instances.has(function.id) or function.id in _PURE:
                return function.id
            raise NameError(f"name {function.id!r} is not defined")
        if self._rewrite and isinstance(function, ast.Attribute) and self._instances.has(function.attr):
            named = self._instances._qualified(function.attr, self._rewrite)
            if isinstance(function.value, ast.Name) and f"{function.value.id}.{function.attr}" == named:
                return function.attr
        self.value(function)
        raise TypeError("only tools can be called")


_TOOLS_OF: dict[type, tuple[str, ...]] = {}


def _tools_of(kind: type) -> tuple[str, ...]:
    """The names of a class's tools: its public methods."""
    if kind not in _TOOLS_OF:
        names = (name for name in dir(kind) if not name.startswith("_"))
        _TOOLS_OF[kind] = tuple(name for name in names if callable(getattr(kind, name)))
    return _TOOLS_OF[kind]


def _shown(result: Any) -> str:
    if type(result) is str:
        return result
    if type(result) is dict:
        try:
            return json.dumps(result)
        except Exception:  # as the official evaluator has it: what is no JSON is shown as Python
            return str(result)
    return str(result)


def _bounded(tool: str, given: list[Any]) -> None:
    """Refuses what would take without end.

    Raises:
        OverflowError: the tool is asked for a number that is too large.
    """
    whole = [value for value in given if isinstance(value, int)]
    if tool == "power" and len(whole) == 2 and abs(whole[1]) * whole[0].bit_length() > _MOST_BITS:
        raise OverflowError("the power is too large")
    if tool in ("logarithm", "square_root") and any(abs(value) > _MOST_DIGITS for value in whole[-1:]):
        raise OverflowError("the precision is too large")


def _equal(one: Any, other: Any) -> bool:
    try:
        names = [name for name in vars(one) if not name.startswith("_")]
        return all(hasattr(other, name) and getattr(one, name) == getattr(other, name) for name in names)
    except RecursionError:  # a folder that was moved into itself
        return public(one) == public(other)


def public(value: Any, above: tuple[int, ...] = ()) -> Any:
    """What is public of a value, as JSON. A folder's parent, and an object within itself, are left out."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if id(value) in above:
        return None
    above = (*above, id(value))
    if isinstance(value, Mapping):
        return {str(key): public(item, above) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [public(item, above) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((public(item, above) for item in value), key=repr)
    if hasattr(value, "__dict__"):
        names = (name for name in vars(value) if not name.startswith("_") and name != "parent")
        return {name: public(getattr(value, name), above) for name in names}
    return str(value)
