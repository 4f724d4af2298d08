"""The smart home's MCP server: rooms, lights, appliances, doors, programs and tariffs on a copy-on-write world."""

from typing import Annotated, Any, Final

from pydantic import Field

from toolgym.mcp.server import ToolError
from toolgym.mcp_servers.common.arguments import check_choice, check_clock, day_ahead, shown
from toolgym.mcp_servers.common.command import command
from toolgym.mcp_servers.common.declared import declared_worlds
from toolgym.mcp_servers.common.domain_tools import DomainTools
from toolgym.mcp_servers.common.records import find_record, new_id, records_by
from toolgym.world import World

__all__ = ["ALARM_MODES", "PROGRAMS", "TOOLS", "load_of", "run_of"]

ALARM_MODES: Final = ("off", "night", "away")
PROGRAMS: Final = {"eco": (180, 60), "normal": (120, 100), "quick": (45, 80)}
"""Program -> (minutes, share in percent of the appliance's energy for a normal run)."""

HomeId = Annotated[str, Field(description="The home's id, such as 'H-48213'.")]
ResidentId = Annotated[str, Field(description="The resident's id, such as 'ana_reyes_21'.")]
RoomId = Annotated[str, Field(description="The room's id, such as 'R-48213'.")]
LightId = Annotated[str, Field(description="The light's id, such as 'L-48213'.")]
ApplianceId = Annotated[str, Field(description="The appliance's id, such as 'A-48213'.")]
DoorId = Annotated[str, Field(description="The door's id, such as 'D-48213'.")]
PlanId = Annotated[str, Field(description="The planned run's id, such as 'P-48213'.")]
TariffId = Annotated[str, Field(description="The tariff's id, such as 'T-482'.")]
Program = Annotated[str, Field(description="The program: eco, normal or quick.")]
Day = Annotated[str, Field(description="The day, YYYY-MM-DD.")]
Start = Annotated[str, Field(description="When it starts, HH:MM.")]
Celsius = Annotated[int, Field(ge=5, le=30, description="Degrees Celsius.")]
Percent = Annotated[int, Field(ge=1, le=100, description="Of full brightness.")]
Mode = Annotated[str, Field(description="The alarm's mode: off, night or away.")]


def run_of(energy: int, program: str) -> tuple[int, int]:
    """The minutes and watt-hours of a run, for an appliance that takes `energy` watt-hours for a normal one."""
    minutes, share = PROGRAMS[program]
    return minutes, energy * share // 100


def load_of(state: str, watts: int, brightness: int) -> int:
    """The watts that a light draws: its share of full brightness where it is on."""
    return watts * brightness // 100 if state == "on" else 0


def _check_time(world: World, day: str, start: str) -> None:
    day_ahead(world, day)
    check_clock(start)


def _in_state(world: World, appliance_id: str, *states: str) -> dict[str, Any]:
    """The appliance, for writing.

    Raises:
        ToolError: it is in none of the states.
    """
    appliance = find_record(world, "appliances", appliance_id, "appliance")
    if appliance["state"] not in states:
        raise ToolError(f"appliance {appliance_id} is {appliance['state']}, not {' or '.join(states)}")
    return world.edit("appliances", appliance_id)


def get_resident(world: World, resident_id: ResidentId) -> dict[str, Any]:
    """Shows a resident: name, home, role (owner, adult, child or guest) and phone."""
    return find_record(world, "residents", resident_id, "resident")


def get_home(world: World, home_id: HomeId) -> dict[str, Any]:
    """Shows a home: alarm mode, open windows, power tariff, end of its contract and energy used this month."""
    return find_record(world, "homes", home_id, "home")


def get_tariff(world: World, tariff_id: TariffId) -> dict[str, Any]:
    """Shows a power tariff: name, supplier, monthly fee and price of a kilowatt-hour."""
    return find_record(world, "tariffs", tariff_id, "tariff")


def list_tariffs(world: World) -> list[dict[str, Any]]:
    """Lists all power tariffs."""
    return [tariff for _, tariff in world.items("tariffs")]


def list_rooms(world: World, home_id: HomeId) -> list[dict[str, Any]]:
    """Lists a home's rooms with their thermostats and windows."""
    find_record(world, "homes", home_id, "home")
    return records_by(world, "rooms", "home_id", home_id)


def get_room(world: World, room_id: RoomId) -> dict[str, Any]:
    """Shows a room: name, floor, temperature, the thermostat's target and the window."""
    return find_record(world, "rooms", room_id, "room")


def list_lights(world: World, room_id: RoomId) -> list[dict[str, Any]]:
    """Lists a room's lights."""
    find_record(world, "rooms", room_id, "room")
    return records_by(world, "lights", "room_id", room_id)


def get_light(world: World, light_id: LightId) -> dict[str, Any]:
    """Shows a light: name, state, brightness, and the watts it has and draws."""
    return find_record(world, "lights", light_id, "light")


def list_appliances(world: World, home_id: HomeId) -> list[dict[str, Any]]:
    """Lists the kinds, states and minutes left of a home's appliances."""
    find_record(world, "homes", home_id, "home")
    names = ("appliance_id", "kind", "state", "minutes_left")
    return [{name: one[name] for name in names} for one in records_by(world, "appliances", "home_id", home_id)]


def get_appliance(world: World, appliance_id: ApplianceId) -> dict[str, Any]:
    """Shows an appliance: kind, room, state, program, minutes left, energy of a normal run, child lock and fault."""
    return find_record(world, "appliances", appliance_id, "appliance")


def list_doors(world: World, home_id: HomeId) -> list[dict[str, Any]]:
    """Lists a home's doors."""
    find_record(world, "homes", home_id, "home")
    return records_by(world, "doors", "home_id", home_id)


def get_door(world: World, door_id: DoorId) -> dict[str, Any]:
    """Shows a door: name, state (open, closed or locked), the lock's battery and whether the alarm watches it."""
    return find_record(world, "doors", door_id, "door")


def list_plans(world: World, appliance_id: ApplianceId) -> list[dict[str, Any]]:
    """Lists the planned runs of an appliance."""
    find_record(world, "appliances", appliance_id, "appliance")
    return records_by(world, "plans", "appliance_id", appliance_id)


def get_plan(world: World, plan_id: PlanId) -> dict[str, Any]:
    """Shows a planned run: appliance, program, day, start, minutes and energy."""
    return find_record(world, "plans", plan_id, "planned run")


def switch_light(
    world: World, light_id: LightId, on: Annotated[bool, Field(description="Whether it shall be on.")]
) -> dict[str, Any]:
    """Switches a light on or off."""
    light, state = find_record(world, "lights", light_id, "light"), "on" if on else "off"
    if light["state"] == state:
        raise ToolError(f"light {light_id} is {state} already")
    light = world.edit("lights", light_id)
    light |= {"state": state, "load": load_of(state, light["watts"], light["brightness"])}
    return light


def dim_light(world: World, light_id: LightId, percent: Percent) -> dict[str, Any]:
    """Sets the brightness of a light that is on."""
    light = find_record(world, "lights", light_id, "light")
    if light["state"] != "on":
        raise ToolError(f"light {light_id} is off: switch it on first")
    light = world.edit("lights", light_id)
    light |= {"brightness": percent, "load": load_of("on", light["watts"], percent)}
    return light


def set_temperature(world: World, room_id: RoomId, celsius: Celsius) -> dict[str, Any]:
    """Sets the target of a room's thermostat; it heats while the room is colder."""
    find_record(world, "rooms", room_id, "room")
    room = world.edit("rooms", room_id)
    room |= {"target": celsius, "heating": "on" if room["temperature"] < celsius else "off"}
    return room


def start_program(world: World, appliance_id: ApplianceId, program: Program) -> dict[str, Any]:
    """Starts a program on an idle appliance."""
    check_choice(program, PROGRAMS, "program")
    appliance = _in_state(world, appliance_id, "idle")
    appliance |= {"state": "running", "program": program, "minutes_left": PROGRAMS[program][0]}
    return appliance


def pause_program(world: World, appliance_id: ApplianceId) -> dict[str, Any]:
    """Pauses a running appliance."""
    appliance = _in_state(world, appliance_id, "running")
    appliance["state"] = "paused"
    return appliance


def resume_program(world: World, appliance_id: ApplianceId) -> dict[str, Any]:
    """Lets a paused appliance run on."""
    appliance = _in_state(world, appliance_id, "paused")
    appliance["state"] = "running"
    return appliance


def stop_program(world: World, appliance_id: ApplianceId) -> dict[str, Any]:
    """Ends the program of a running or paused appliance before its time."""
    appliance = _in_state(world, appliance_id, "running", "paused")
    appliance |= {"state": "idle", "program": "none", "minutes_left": 0}
    return appliance


def lock_door(world: World, door_id: DoorId) -> dict[str, Any]:
    """Locks a door that is closed."""
    door = find_record(world, "doors", door_id, "door")
    if door["state"] != "closed":
        raise ToolError(f"door {door_id} is {door['state']}: only a closed one can be locked")
    door = world.edit("doors", door_id)
    door["state"] = "locked"
    return door


def unlock_door(world: World, door_id: DoorId) -> dict[str, Any]:
    """Unlocks a door; it stays closed."""
    door = find_record(world, "doors", door_id, "door")
    if door["state"] != "locked":
        raise ToolError(f"door {door_id} is {door['state']}, not locked")
    door = world.edit("doors", door_id)
    door["state"] = "closed"
    return door


def set_alarm(world: World, home_id: HomeId, mode: Mode) -> dict[str, Any]:
    """Sets a home's alarm: `night` and `away` watch the doors, and `away` switches all lights off."""
    home = find_record(world, "homes", home_id, "home")
    if mode not in ALARM_MODES:
        raise ToolError(f"no mode {shown(mode)}: give one of {', '.join(ALARM_MODES)}")
    if home["alarm"] == mode:
        raise ToolError(f"the alarm of {home_id} is {mode} already")
    for door in records_by(world, "doors", "home_id", home_id):
        world.edit("doors", door["door_id"])["watched"] = mode != "off"
    rooms = [room["room_id"] for room in records_by(world, "rooms", "home_id", home_id)] if mode == "away" else []
    for light in [light for _, light in world.items("lights") if light["room_id"] in rooms and light["state"] == "on"]:
        light = world.edit("lights", light["light_id"])
        light |= {"state": "off", "load": 0}
    home = world.edit("homes", home_id)
    home["alarm"] = mode
    return home


def set_tariff(world: World, home_id: HomeId, tariff_id: TariffId) -> dict[str, Any]:
    """Puts a home on another power tariff."""
    home = find_record(world, "homes", home_id, "home")
    find_record(world, "tariffs", tariff_id, "tariff")
    if home["tariff_id"] == tariff_id:
        raise ToolError(f"home {home_id} has that tariff already")
    home = world.edit("homes", home_id)
    home["tariff_id"] = tariff_id
    return home


def plan_program(world: World, appliance_id: ApplianceId, program: Program, day: Day, start: Start) -> dict[str, Any]:
    """Plans a run of an appliance."""
    appliance = find_record(world, "appliances", appliance_id, "appliance")
    check_choice(program, PROGRAMS, "program")
    _check_time(world, day, start)
    plans = records_by(world, "plans", "appliance_id", appliance_id)
    if any((plan["day"], plan["start"]) == (day, start) for plan in plans):
        raise ToolError(f"appliance {appliance_id} has a run planned for that time")
    minutes, energy = run_of(appliance["energy"], program)
    plan_id = new_id(world, "plans", "P-", appliance_id, day, start)
    plan = {
        "plan_id": plan_id, "appliance_id": appliance_id, "program": program, "day": day, "start": start,
        "minutes": minutes, "energy": energy,
    }  # fmt: skip
    world.put("plans", plan_id, plan)
    return plan


def move_plan(world: World, plan_id: PlanId, day: Day, start: Start) -> dict[str, Any]:
    """Moves a planned run to another time."""
    plan = find_record(world, "plans", plan_id, "planned run")
    _check_time(world, day, start)
    others = records_by(world, "plans", "appliance_id", plan["appliance_id"])
    if any((other["day"], other["start"]) == (day, start) for other in others):
        raise ToolError("the appliance has a run planned for that time")
    plan = world.edit("plans", plan_id)
    plan |= {"day": day, "start": start}
    return plan


TOOLS = DomainTools(
    name="home",
    owner="home",
    instructions=(
        "Tools of smart homes: rooms, lights, appliances, doors, planned runs and tariffs. They check that a change is "
        "consistent, not that the house rules allow it: whoever calls them answers for that."
    ),
    reads=(
        get_resident, get_home, get_tariff, list_tariffs, list_rooms, get_room, list_lights, get_light,
        list_appliances, get_appliance, list_doors, get_door, list_plans, get_plan,
    ),
    writes=(
        switch_light, dim_light, set_temperature, start_program, pause_program, resume_program, stop_program,
        lock_door, unlock_door, set_alarm, set_tariff, plan_program, move_plan,
    ),
    build_base=declared_worlds("toolgym.envs.home:HOME"),
)  # fmt: skip

if __name__ == "__main__":
    command(TOOLS)()
