"""How API-Bank calls a tool: every value as it was read from text, parameters by name, an exception as an answer.

`Response` is what the official tool manager gives; `run` never raises for what a tool does with what it is given, only
for what the manager refuses before.
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from toolgym.errors import TaskError
from toolgym.world import World

__all__ = ["InvalidParameter", "MissingArgument", "Response", "WrongType", "run"]


class InvalidParameter(TaskError):
    """The tool has no parameter of that name."""


class MissingArgument(TaskError):
    """A parameter that the tool needs was not given."""


class WrongType(TaskError):
    """A number was asked for and something else given."""


@dataclass(frozen=True, slots=True)
class Response:
    """What came of a call: what it was given, and its output or its exception's text."""

    input: dict[str, Any] | None
    output: Any = None
    exception: str | None = None


_GIVEN_ONLY = ("ForgotPassword", "Translate")
"""Tools whose answers repeat only the parameters that were given."""


@cache
def _parameters(tool: Callable[..., Any]) -> dict[str, tuple[str, bool]]:
    """Name -> (the kind of value: int, bool or any; whether it must be given)."""
    kinds = {"int": "int", "int | None": "int", "bool": "bool"}
    out = {}
    for name, parameter in list(inspect.signature(tool).parameters.items())[1:]:
        label = parameter.annotation if isinstance(parameter.annotation, str) else _label(parameter.annotation)
        out[name] = kinds.get(label, "any"), parameter.default is inspect.Parameter.empty
    return out


def _label(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


def run(name: str, tool: Callable[..., Any], world: World, given: Mapping[str, Any]) -> Response:
    """Runs a tool of that name.

    Raises:
        InvalidParameter, MissingArgument, WrongType: the manager refuses the call, in this order.
    """
    parameters = _parameters(tool)
    values = {}
    for parameter, value in given.items():
        if parameter not in parameters:
            raise InvalidParameter(f"invalid parameter name. parameter: {parameter}")
        values[parameter] = _converted(parameters[parameter][0], value)
    missing = [parameter for parameter, (_, needed) in parameters.items() if needed and parameter not in values]
    if missing:
        raise MissingArgument(f"{name} needs {', '.join(missing)}")
    shown = values if name in _GIVEN_ONLY else {parameter: values.get(parameter) for parameter in parameters}
    shown = dict(shown) if parameters else None
    try:
        return Response(shown, tool(world, **values))
    except Exception as error:  # any at all is the tool's answer
        return Response(shown, None, str(error))


def _converted(kind: str, value: Any) -> Any:
    if kind == "bool":
        return value == "True"
    if kind == "int":
        try:
            if isinstance(value, str) and not value.isdigit():
                raise ValueError
            return int(value)
        except (ValueError, TypeError):
            raise WrongType(f"invalid parameter type. parameter: {value}") from None
    return value
