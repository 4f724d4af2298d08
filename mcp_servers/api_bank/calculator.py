"""The calculator: whole numbers, + - * / and one level of parentheses."""

from toolgym.mcp.server import ToolError

_LONGEST = 1000
"""Characters of a formula."""


def value_of(formula: str) -> float:
    """The value of a formula; of numbers side by side, the first one's.

    Raises:
        ToolError, ZeroDivisionError: it has none.
    """
    formula = formula.replace(" ", "")
    operators = sum(formula.count(sign) for sign in "+-*/")
    if (
        not 0 < len(formula) <= _LONGEST
        or any(sign not in "0123456789+-*/()" for sign in formula)
        or formula.count("(") != formula.count(")")
        or operators in (0, len(formula) - 1)
    ):
        raise ToolError("invalid formula")
    parts: list[float | str] = []
    digits = ""
    for sign in formula + " ":
        if sign.isdigit():
            digits += sign
            continue
        if digits:
            parts.append(float(digits))
        digits = ""
        if sign != " ":
            parts.append(sign)
    while "(" in parts:
        first = parts.index("(")
        last = parts.index(")")
        if "(" in parts[first + 1 : last]:
            raise ToolError("there is one level of parentheses")
        parts[first : last + 1] = [_reduced(parts[first + 1 : last])]
    return _reduced(parts)


def _reduced(parts: list[float | str]) -> float:
    """The value of numbers and operators without parentheses: products first, each from left to right."""
    for signs in ("*/", "+-"):
        at = 0
        while at < len(parts):
            sign = parts[at]
            if not isinstance(sign, str) or sign not in signs:
                at += 1
                continue
            around = parts[max(at - 1, 0) : at + 2]
            if len(around) != 3 or not isinstance(around[0], float) or not isinstance(around[2], float):
                raise ToolError(f"{sign} has no numbers on both sides")
            parts[at - 1 : at + 2] = [_combined(around[0], str(sign), around[2])]
    if not parts or not isinstance(parts[0], float):
        raise ToolError("invalid formula")
    return parts[0]


def _combined(left: float, sign: str, right: float) -> float:
    if sign == "+":
        return left + right
    if sign == "-":
        return left - right
    return left * right if sign == "*" else left / right
