"""`AirlineDomain`: worlds, policy, tools and tasks of the airline, for the environment."""

from functools import lru_cache
from importlib import resources
from typing import cast

from toolgym.composing.domain import ComposedDomain, Workshop
from toolgym.composing.making import Composer
from toolgym.domain import Size
from toolgym.envs.airline.composer import AirlineComposer
from toolgym.envs.airline.compositions import DEPTHS
from toolgym.envs.airline.story import TOOL_OF
from toolgym.mcp.server import ToolServer
from toolgym.mcp_servers.airline import build_server
from toolgym.mcp_servers.airline.dialects import DialectName

__all__ = ["AirlineDomain", "airline_server", "policy_text"]


@lru_cache(maxsize=1)
def policy_text() -> str:
    """The airline's policy document (Markdown)."""
    return resources.files("toolgym.envs.airline").joinpath("policy.md").read_text(encoding="utf-8")


def _new_server(size: Size, dialect: str) -> ToolServer:
    return build_server(size=size, dialect=cast(DialectName, dialect))


_WORKSHOP = Workshop(cast(Composer, AirlineComposer()), _new_server)


def airline_server(size: Size, dialect: DialectName) -> ToolServer:
    """The server of generated worlds, one of each sort in a process."""
    return _WORKSHOP.server(size, dialect)


class AirlineDomain(ComposedDomain):
    """A family of airline worlds with their tools, policy and tasks.

    Args:
        size: `small` (fits a tiny model's context), `standard` or `large`.
        dialect: how the server's tools behave: `standard` or `tau_bench`.
        seed: other seeds give other worlds and tasks.
    """

    title = "Airline"
    depths = tuple(sorted({*DEPTHS["seen"], *DEPTHS["unseen"]}))

    def __init__(self, size: Size = "standard", dialect: DialectName = "standard", seed: int = 0):
        super().__init__(_WORKSHOP, policy_text, TOOL_OF, size, dialect, seed)
