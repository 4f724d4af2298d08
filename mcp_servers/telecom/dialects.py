"""The dialects of the telecom tools: one body of code, and a few named differences.

`standard` refuses with errors and shows numbers as numbers. `tau2` has the tools of the public reference alone and
answers as they do, so that scores stay comparable with published ones.
"""

from dataclasses import dataclass
from typing import Literal

from toolgym.mcp.server import ToolError
from toolgym.mcp_servers.common.dialects import BaseDialect
from toolgym.world import World

DialectName = Literal["standard", "tau2"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect(BaseDialect):
    """What differs between the dialects; the defaults are the standard one's."""

    phone_refuses: bool = True
    """What the phone cannot do is an error. Otherwise its tool says so in an ordinary result."""
    shows_numbers: bool = True
    """Numbers of a made-up result are numbers. Otherwise they are texts; those of records are numbers always."""


DIALECTS: dict[str, Dialect] = {
    "standard": Dialect(),
    "tau2": Dialect(checks_arguments=False, phone_refuses=False, shows_numbers=False),
}


def dialect_of(world: World) -> Dialect:
    """The dialect that the world's base names; `standard` where it names none."""
    return DIALECTS[world.base.meta.get("dialect", "standard")]


def refused(world: World, text: str) -> str:
    """What a tool of the phone's says that did nothing.

    Raises:
        ToolError: where the dialect has such refusals.
    """
    if dialect_of(world).phone_refuses:
        raise ToolError(text)
    return text


def number(world: World, value: float) -> float | str:
    """A number of a made-up result."""
    return value if dialect_of(world).shows_numbers else str(value)
