"""Reads the calls of a model's text as the Berkeley leaderboard's prompting mode does. Nothing is evaluated.

The text is one call or several in brackets: `[name(parameter=value, …), …]`, without backticks around it. Positional
arguments are dropped. A value is a literal, a name (its text), constant arithmetic, or a call: one with parameters is
decoded, another is its text.
"""

import ast
import operator
import warnings
from collections.abc import Callable
from typing import Any

from toolgym.envs.bfcl.source import read_call, split_top

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Invert: operator.invert,
    ast.Not: operator.not_,
}
_LARGEST = 10**100
"""Numbers of constant arithmetic stay below this."""
_LARGEST_EXPONENT = 400
_MOST_ITEMS = 10_000
"""Characters or items of a text or list that is repeated."""
_LONGEST = 1_000_000
"""Characters of a text that is read."""


def decode(text: str, language: str = "python", *, official: bool = False) -> list[dict[str, dict[str, Any]]]:
    """The calls of `text`, each `{name: {parameter: value}}`; in Java and JavaScript values are source text.

    With `official` any sign before a number is a minus, as the official decoder has it. Raises ValueError where a text
    is no such list of calls.
    """
    text = text.strip("`\n ")
    text = text if text.startswith("[") else "[" + text
    text = text if text.endswith("]") else text + "]"
    if len(text) > _LONGEST:
        raise ValueError(f"the text has {len(text)} characters; at most {_LONGEST} are read")
    if language != "python":
        return [read_call(call) for call in split_top(text[1:-1])]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what looks odd in the model's text, as an unknown escape
            body = ast.parse(text, mode="eval").body
        if official:
            body = _Negated().visit(body)
        return [_call(node) for node in _elements(body)]
    except (SyntaxError, TypeError, ArithmeticError, RecursionError, MemoryError) as error:
        raise ValueError(f"not a list of calls: {error}") from None


class _Negated(ast.NodeTransformer):
    """Makes a minus of each sign that stands before a constant; before anything else the official decoder fails."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        return node  # arithmetic has its own signs

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        if not isinstance(node.operand, ast.Constant):
            raise ValueError("a sign stands before a number")
        return ast.UnaryOp(ast.USub(), node.operand)


def _elements(body: ast.expr) -> list[ast.expr]:
    if isinstance(body, ast.List | ast.Tuple):
        return body.elts
    raise ValueError("not a list of calls")


def _call(node: ast.expr) -> dict[str, dict[str, Any]]:
    if not isinstance(node, ast.Call):
        raise ValueError("not a call")
    parts, function = [], node.func
    while isinstance(function, ast.Attribute):
        parts.append(function.attr)
        function = function.value
    if isinstance(function, ast.Name):
        parts.append(function.id)
    return {".".join(reversed(parts)): {str(keyword.arg): _value(keyword.value) for keyword in node.keywords}}


def _value(node: ast.expr | None) -> Any:
    match node:
        case ast.Constant(value=value):
            return "..." if value is ... else value
        case ast.List(elts=items):
            return [_value(item) for item in items]
        case ast.Tuple(elts=items):
            return tuple(_value(item) for item in items)
        case ast.Dict(keys=keys, values=values):
            return {_value(key): _value(value) for key, value in zip(keys, values, strict=True)}
        case ast.Name(id=name):
            return name
        case ast.Subscript():
            return ast.unparse(node)
        case ast.UnaryOp() | ast.BinOp():
            return _arithmetic(node)
        case ast.Call(keywords=keywords):
            return _call(node) if keywords else ast.unparse(node)
    raise ValueError("a value is a literal, a name, constant arithmetic or a call")


def _arithmetic(node: ast.expr) -> Any:
    """The value of arithmetic on numbers, or of texts or lists that are put together; bounded in size."""
    match node:
        case ast.Constant(value=int() | float() | str() as value):
            return value
        case ast.List() | ast.Tuple():
            return _value(node)
        case ast.UnaryOp(op=op, operand=operand):
            return negated(op, _arithmetic(operand))
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return combined(_arithmetic(left), op, _arithmetic(right))
    raise ValueError("only constants can be combined")


def negated(op: ast.unaryop, value: Any) -> Any:
    """`op` on a value."""
    return _UNARY[type(op)](value)


def combined(left: Any, op: ast.operator, right: Any) -> Any:
    """`op` on two numbers, texts or lists; bounded in size.

    Raises:
        ValueError: the result would be too large, or they cannot be combined.
    """
    if type(op) not in _BINARY:
        raise ValueError("only numbers, texts and lists can be combined")
    if isinstance(left, int | float) and isinstance(right, int | float):
        if isinstance(op, ast.Pow | ast.LShift) and (abs(right) > _LARGEST_EXPONENT or abs(left) > _LARGEST):
            raise ValueError("the power is too large")
        value = _BINARY[type(op)](left, right)
        if isinstance(value, int) and abs(value) > _LARGEST:
            raise ValueError("the number is too large")
        return value
    for items, times in ((left, right), (right, left)):
        if isinstance(op, ast.Mult) and isinstance(items, str | list | tuple) and isinstance(times, int):
            if len(items) * times > _MOST_ITEMS:
                raise ValueError("the repetition is too long")
            return items * times
    if isinstance(op, ast.Add) and type(left) is type(right):
        return left + right
    raise ValueError("texts and lists can be put together or repeated")
