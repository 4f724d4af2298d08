"""What servers do with arguments: show them in a refusal, and take them as an untyped implementation does."""

import functools
import inspect
from collections.abc import Callable
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
