"""A scenario's tools: typed functions that are made of data, and what each of them is, to tell tools apart."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from toolgym.world import World, canonical

__all__ = ["MadeTool", "make_tool"]


@dataclass(frozen=True)
class MadeTool:
    """One tool.

    Args:
        name: its name.
        call: what a `ToolServer` registers.
        writes: whether it may change the world.
        effect: its family and the data that its body works with, as JSON: what it does, whatever it is called.
        parameters: their names and types, in order.
    """

    name: str
    call: Callable[..., Any]
    writes: bool
    effect: tuple[Any, ...]
    parameters: Mapping[str, Any]

    @property
    def identity(self) -> bytes:
        """Equal for equal tools: those of one name, with equal parameters and of equal effect."""
        return canonical([self.name, [[name, str(kind)] for name, kind in self.parameters.items()], self.effect])

    @property
    def meaning(self) -> bytes:
        """Equal for tools that do the same, whatever they and their parameters are called."""
        return canonical([[str(kind) for kind in self.parameters.values()], self.effect])


def make_tool(
    name: str,
    doc: str,
    parameters: Mapping[str, Any],
    body: Callable[..., Any],
    returns: Any,
    *,
    writes: bool,
    effect: tuple[Any, ...],
) -> MadeTool:
    """A tool.

    Args:
        name: its name.
        doc: what it does, a line.
        parameters: name -> type, in the order in which the body takes them behind the world.
        body: what is done.
        returns: the type of what comes back.
        writes: whether it may change the world.
        effect: see `MadeTool`.
    """
    names = tuple(parameters)

    def call(world: World, **given: Any) -> Any:
        return body(world, *[given[name] for name in names])

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    made = [inspect.Parameter("world", kind, annotation=World)]
    made += [inspect.Parameter(name, kind, annotation=one) for name, one in parameters.items()]
    call.__name__ = call.__qualname__ = name
    call.__doc__ = doc
    call.__annotations__ = {"world": World, **parameters, "return": returns}
    call.__signature__ = inspect.Signature(made, return_annotation=returns)  # pyright: ignore[reportFunctionMemberAccess]
    return MadeTool(name, call, writes, effect, dict(parameters))
