"""Tools for a house: scenes of devices, and switches that go at a time."""

from typing import Any

from toolgym.mcp.server import ToolError
from toolgym.mcp_servers.api_bank.times import TIME, lenient
from toolgym.world import World


def _name(name: str, empty: str = "Scene name cannot be empty.") -> str:
    name = name.strip().lower()
    if not name:
        raise ToolError(empty)
    return name


def tidy_devices(devices: Any) -> list[dict[str, Any]]:
    """Devices as a scene keeps them: by name, in lower case.

    Raises:
        ToolError: one has no name or description, or two have one name.
    """
    tidy: dict[str, dict[str, Any]] = {}
    for device in devices:
        if "name" not in device or "description" not in device:
            raise ToolError("Invalid device format.")
        name = device["name"].strip().lower()
        if name in tidy:
            raise ToolError("Device name cannot be duplicated.")
        tidy[name] = {**device, "name": name, "description": device["description"].strip()}
    return [tidy[name] for name in sorted(tidy)]


def add_scene(world: World, name: str, devices: list[dict[str, Any]]) -> str:
    """Adds a scene of devices."""
    name, devices = _name(name), tidy_devices(devices)
    if world.has("Scenes", name):
        raise ToolError("Scene name already exists.")
    world.put("Scenes", name, devices)
    return "success"


def query_scene(world: World, name: str) -> Any:
    """Gives the devices of a scene."""
    name = _name(name)
    if not world.has("Scenes", name):
        raise ToolError("Scene not found.")
    return world.get("Scenes", name)


def modify_scene(world: World, name: str, devices: list[dict[str, Any]]) -> str:
    """Gives a scene other devices."""
    name, devices = _name(name), tidy_devices(devices)
    if not world.has("Scenes", name):
        raise ToolError("The scene does not exist.")
    world.put("Scenes", name, devices)
    return "success"


def delete_scene(world: World, name: str) -> str:
    """Deletes a scene."""
    name = _name(name)
    if not world.has("Scenes", name):
        raise ToolError("The scene does not exist.")
    world.delete("Scenes", name)
    return "success"


def timed_switch(world: World, name: str, time: str, on: bool) -> str:
    """Sets a device to go on or off at a time."""
    name, time = _name(name, "Name cannot be empty."), lenient(time, TIME)
    if not world.has("TimeSwitch", name):
        world.put("TimeSwitch", name, [])
    switches = world.edit("TimeSwitch", name)
    there = next((item for item in switches if item["time"] == time), None)
    if there is None:
        switches.append({"time": time, "on": on})
    else:
        there["on"] = on
    return "success"


def cancel_timed_switch(world: World, name: str, time: str) -> str:
    """Cancels what a device was set to do at a time."""
    name, time = _name(name, "name cannot be empty."), lenient(time, TIME)
    if not world.has("TimeSwitch", name):
        raise ToolError("device name does not exist.")
    place = next((at for at, item in enumerate(world.get("TimeSwitch", name)) if item["time"] == time), None)
    if place is None:
        raise ToolError("time does not exist.")
    world.edit("TimeSwitch", name).pop(place)
    return "success"
