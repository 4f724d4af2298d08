"""The airline tools that tau2 alone has, or has in another form."""

from typing import Annotated

from pydantic import Field

from toolgym.mcp.server import ToolError
from toolgym.mcp_servers.airline.schema import Date
from toolgym.mcp_servers.common.arguments import shown
from toolgym.world import World


def get_flight_status(
    world: World, flight_number: Annotated[str, Field(description="The flight's number, such as 'HAT021'.")], date: Date
) -> str:
    """Tells whether a flight can be booked on a date, or is on time, delayed, flying, landed or cancelled then."""
    flight = world.get("flights", flight_number)
    if flight is None or date not in flight["dates"]:
        raise ToolError(f"no flight {shown(flight_number)} on {shown(date)}")
    return flight["dates"][date]["status"]


def list_all_airports(world: World) -> list[dict[str, str]]:
    """Lists the codes of all airports with their cities."""
    return [{"iata": code, "city": city} for code, city in world.base.meta["airports"].items()]
