"""Arithmetic for the `calculate` tool: a walk over a parsed expression, never `eval`."""

import ast
import math
import operator
from collections.abc import Callable
from typing import Any

_ALLOWED = frozenset("0123456789+-*/(). ")
_MAX_LENGTH = 512

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
}
_UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {ast.UAdd: operator.pos, ast.USub: operator.neg}


def _value(node: ast.expr) -> int | float:
    match node:
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
            return _BINARY[type(op)](_value(left), _value(right))
        case ast.UnaryOp(op=op, operand=operand) if type(op) in _UNARY:
            return _UNARY[type(op)](_value(operand))
    raise ValueError("only numbers, + - * / // and parentheses are understood")


def evaluate(expression: str) -> str:
    """The value, rounded to two decimals, as text: `"6.28"` for `"3.14159*2"`.

    Without powers the result is bounded by the expression's length, and so is the time.

    Raises:
        ValueError: it is no such expression, is longer than 512 characters, or has no finite value.
    """
    if not isinstance(expression, str):
        raise ValueError("the expression must be a string")
    if len(expression) > _MAX_LENGTH:
        raise ValueError(f"the expression has {len(expression)} characters; at most {_MAX_LENGTH} are allowed")
    if not _ALLOWED.issuperset(expression):
        raise ValueError("only digits, + - * / ( ) . and spaces are allowed")
    try:
        number = float(_value(ast.parse(expression.strip(), mode="eval").body))
    except SyntaxError:
        raise ValueError("not a complete expression") from None
    except ZeroDivisionError:
        raise ValueError("division by zero") from None
    except (OverflowError, MemoryError, RecursionError):
        raise ValueError("the expression or its value is too large") from None
    if not math.isfinite(number):
        raise ValueError("the value is too large")
    return str(round(number, 2))
