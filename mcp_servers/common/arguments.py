"""What servers do with arguments: check and show them in a refusal, and take them as an untyped implementation does."""

import functools
import inspect
import re
from collections.abc import Callable, Collection
from datetime import date
from typing import Any, get_type_hints

from pydantic import SkipValidation

from toolgym.mcp.server import ToolError
from toolgym.world import World, copy_json

_MAX_SHOWN = 60
_MAX_PROBLEM = 100
"""Characters of a Python error that a refusal quotes; a KeyError repeats what was sent."""


def shown(value: Any) -> str:
    """A value for an error message, cut where it is long."""
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


def check_choice(value: str, choices: Collection[str], noun: str) -> None:
    """Refuses a value that is none of the choices.

    Raises:
        ToolError: it names the choices.
    """
    if value not in choices:
        raise ToolError(f"no {noun} {shown(value)}: give one of {', '.join(choices)}")


def day_of(text: str) -> date:
    """The day that a text of the form YYYY-MM-DD tells, of this century: later ones leave no room to reckon in.

    Raises:
        ToolError: it tells none.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = date.min
    if not 2000 <= day.year < 2100 or day.isoformat() != text:
        raise ToolError(f"{shown(text)} is no day of this century of the form YYYY-MM-DD")
    return day


def day_ahead(world: World, text: str) -> date:
    """The same, from the world's `today` on.

    Raises:
        ToolError: it is no day, or past.
    """
    day = day_of(text)
    if text < world.meta["today"]:
        raise ToolError(f"{text} is past")
    return day


def check_clock(text: str) -> None:
    """Refuses a text that is no time of day of the form HH:MM.

    Raises:
        ToolError: it is none.
    """
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text):
        raise ToolError(f"{shown(text)} is no time of the form HH:MM")


def unenforced(tool: Callable[..., Any]) -> Callable[..., Any]:
    """The tool with its types advertised but not enforced, as an untyped implementation behaves.

    Whatever Python then stumbles over (a missing key, a wrong type) is a refusal.
    """
    hints = get_type_hints(tool, include_extras=True)
    signature = inspect.signature(tool)
    enforced = {"world", "return"}
    loose: dict[str, Any] = {name: hint if name in enforced else SkipValidation[hint] for name, hint in hints.items()}

    @functools.wraps(tool)
    def lenient(world: World, *args: Any, **kwargs: Any) -> Any:
        try:
            # Copied, because a value of the wrong type may be stored where a plain string or number is expected.
            return tool(world, *copy_json(list(args)), **copy_json(kwargs))
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            problem = f"{type(error).__name__}: {error}"[:_MAX_PROBLEM]
            raise ToolError(f"these arguments cannot be used ({problem})") from error

    del lenient.__wrapped__
    lenient.__annotations__ = loose
    lenient.__signature__ = signature.replace(  # pyright: ignore[reportAttributeAccessIssue]
        parameters=[parameter.replace(annotation=loose[name]) for name, parameter in signature.parameters.items()]
    )
    return lenient
