"""The airline's MCP server: the public airline tool interface on a copy-on-write world.

server = build_server(seed=7, size="small")        # a world of our own
server = build_server(data=Path("tau_bench/airline"), dialect="tau_bench")   # the public one, as it was

session = server.session()                          # in process
server.run("stdio")                                 # or for any MCP client
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from toolgym.domain import Size
from toolgym.mcp.server import ToolServer
from toolgym.mcp_servers.airline import tau2_tools
from toolgym.mcp_servers.airline.bookings import book_reservation, cancel_reservation, send_certificate
from toolgym.mcp_servers.airline.changes import (
    update_reservation_baggages,
    update_reservation_flights,
    update_reservation_passengers,
)
from toolgym.mcp_servers.airline.dialects import DIALECTS, DialectName
from toolgym.mcp_servers.airline.lookups import (
    get_reservation_details,
    get_user_details,
    list_all_airports,
    search_direct_flight,
    search_onestop_flight,
)
from toolgym.mcp_servers.airline.public_world import FILES, load_base
from toolgym.mcp_servers.common.declared import declared_worlds
from toolgym.mcp_servers.common.domain_tools import DomainTools
from toolgym.mcp_servers.common.tools import calculate, think, transfer_to_human_agents
from toolgym.world import Base

__all__ = ["READS", "TOOLS", "WRITES", "build_server"]

READS: tuple[Callable[..., Any], ...] = (
    calculate,
    get_reservation_details,
    get_user_details,
    list_all_airports,
    search_direct_flight,
    search_onestop_flight,
    think,
    transfer_to_human_agents,
)
WRITES: tuple[Callable[..., Any], ...] = (
    book_reservation,
    cancel_reservation,
    send_certificate,
    update_reservation_baggages,
    update_reservation_flights,
    update_reservation_passengers,
)


_TAU2 = frozenset({tau2_tools.get_flight_status, tau2_tools.list_all_airports})

TOOLS = DomainTools(
    name="airline",
    owner="airline",
    instructions=(
        "Tools of an airline's booking system. They check that a request is consistent, not that the airline's policy "
        "allows it: whoever calls them answers for that."
    ),
    reads=(*READS, tau2_tools.get_flight_status, tau2_tools.list_all_airports),
    writes=WRITES,
    build_base=declared_worlds("toolgym.envs.airline:AIRLINE"),
    load_base=load_base,
    files=FILES,
    dialects=DIALECTS,
    lacks={
        "standard": _TAU2,
        "tau_bench": _TAU2,
        "tau2": frozenset({think, list_all_airports}),
    },
)


def build_server(
    *,
    data: Path | None = None,
    seed: int | None = None,
    size: Size = "small",
    dialect: DialectName = "standard",
    base: Base | None = None,
) -> ToolServer:
    """A new server for the airline.

    Args:
        data: a folder with `flights.json`, `reservations.json` and `users.json`: the one world of all episodes.
        seed: without `data`, the seed of the world of an episode that names none (0 by default). World keys are seeds.
        size: how large a seeded world is.
        dialect: `standard` is correct; `tau_bench` and `tau2` behave as the public references do, bugs included.
        base: a world that is there already, instead of `data` or `seed`; its meta must name the same dialect.

    Raises:
        ConfigError: the data cannot be read, more than one of `data`, `seed` and `base` is given, or the dialect is
            unknown or is not the base's.
    """
    return TOOLS.server(data=data, seed=seed, size=size, dialect=dialect, base=base)
