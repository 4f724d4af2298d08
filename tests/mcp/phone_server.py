"""A small server with two sides, for the tests: an operator (the agent) and a customer with a phone (the user).

`python phone_server.py` serves it over stdio.
"""

import sys
from pathlib import Path
from typing import Any, Literal

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from toolgym.mcp.server import ToolError, ToolServer
from toolgym.world import Base, World


def build_world(seed: int | None) -> Base:
    """A line that is blocked at the operator's, and a phone with airplane mode on."""
    phone = {"airplane": True, "wifi": False, "mode": "2g", "booted": 0}
    return Base({"lines": {"l1": {"active": False, "seed": seed}}, "phones": {"p1": phone}})


def make_server() -> ToolServer:
    """The server; its worlds are seeds."""
    server = ToolServer("phone", build_world, default_world_key=0)

    @server.tool(writes=False)
    def get_line(world: World, id: str) -> dict[str, Any]:
        """Gives a line."""
        line = world.get("lines", id)
        if line is None:
            raise ToolError(f"No line {id!r}")
        return line

    @server.tool(writes=True)
    def set_line(world: World, id: str, active: bool) -> str:
        """Switches a line on or off."""
        if not world.has("lines", id):
            raise ToolError(f"No line {id!r}")
        world.edit("lines", id)["active"] = active
        return f"{id} is {'on' if active else 'off'}"

    @server.tool(writes=False, role="user")
    def status_bar(world: World) -> dict[str, Any]:
        """Shows the status bar."""
        phone, line = world.get("phones", "p1") or {}, world.get("lines", "l1") or {}
        online = line["active"] and not phone["airplane"]
        return {"signal": "full" if online else "none", "airplane": phone["airplane"], "wifi": phone["wifi"]}

    @server.tool(writes=True, role="user")
    def toggle_airplane_mode(world: World) -> str:
        """Switches airplane mode on or off."""
        phone = world.edit("phones", "p1")
        phone["airplane"] = not phone["airplane"]
        return f"Airplane mode is now {'on' if phone['airplane'] else 'off'}."

    @server.tool(writes=True, role="user")
    def toggle_wifi(world: World) -> str:
        """Switches Wi-Fi on or off."""
        phone = world.edit("phones", "p1")
        phone["wifi"] = not phone["wifi"]
        return f"Wi-Fi is now {'on' if phone['wifi'] else 'off'}."

    @server.tool(writes=True, role="user")
    def set_network_mode(world: World, mode: Literal["2g", "4g", "5g"]) -> str:
        """Chooses the network mode."""
        if mode == "5g":
            raise ToolError("This phone has no 5G")
        world.edit("phones", "p1")["mode"] = mode
        return f"The network mode is {mode}."

    @server.tool(writes=True, role="user")
    def reboot(world: World) -> str:
        """Starts the phone anew."""
        world.edit("phones", "p1")["booted"] += 1
        return "The phone has started again."

    return server


if __name__ == "__main__":
    make_server().run("stdio")
