"""The MCP servers of PlanArena's scenarios, one a number: `toolgym serve planarena:17`, or this module as a program.

python -m toolgym.mcp_servers.planarena 17                      # over stdio
python -m toolgym.mcp_servers.planarena 17 --transport http     # for many clients
"""

from typing import TYPE_CHECKING

from toolgym.domain import Size

if TYPE_CHECKING:
    from toolgym.mcp.server import ToolServer

__all__ = ["build_server"]


def build_server(scenario: int | str, size: Size = "small", seed: int = 0) -> "ToolServer":
    """The server of a scenario's tools.

    Args:
        scenario: its number.
        size: how large its worlds are.
        seed: which world an episode that names none is in.

    Raises:
        ConfigError: there is no such scenario, size or seed.
    """
    from toolgym.envs.planarena.domain import named_domain  # what the tools are is known there

    return named_domain(str(scenario), size=size, seed=seed).server
