"""The smart home: homes with residents, rooms, lights, appliances, doors, planned runs and power tariffs."""

from collections.abc import Mapping
from typing import Any

from toolgym.composing.declaration import Act, Declaration, Fixed, Key, Look, Pick, Rule, Seen, Wish
from toolgym.composing.fields import (
    Choice,
    Clock,
    Code,
    Day,
    Draw,
    Flag,
    Made,
    Money,
    Name,
    Number,
    Pattern,
    Ref,
)
from toolgym.composing.tables import Table
from toolgym.mcp_servers.home import ALARM_MODES, PROGRAMS, TOOLS, load_of, run_of

__all__ = ["HOME"]

QUIET_FROM, QUIET_UNTIL, WARMEST, ALMOST_DONE, LOW = "22:00", "06:00", 24, 10, 15
ROOM_NAMES = ("kitchen", "living room", "bedroom", "bathroom", "study")
LIGHT_NAMES = ("ceiling lamp", "floor lamp", "reading lamp", "spotlight", "light strip")
APPLIANCE_NAMES = ("washing machine", "dryer", "dishwasher", "oven", "bread maker")
DOOR_NAMES = ("front door", "back door", "garage door", "cellar door")


def _nth(draw: Draw, names: tuple[str, ...]) -> str:
    """A name that no other record of the same parent has: they go round from a place that is the parent's own."""
    if draw.place == 0:
        draw.keys["from"] = [str(draw.rng.randrange(len(names)))]
    return names[(int(draw.keys["from"][0]) + draw.place) % len(names)]


def _household_role(draw: Draw) -> str:
    return draw.rng.choice(("adult", "child", "guest")) if draw.place else "owner"


def _room(draw: Draw) -> str:
    """A room of the home that the record belongs to."""
    assert draw.parent is not None
    if "rooms" not in draw.keys:
        draw.keys["rooms"] = []
        for key, room in draw.tables["rooms"].items():
            draw.keys.setdefault(f"rooms of {room['home_id']}", []).append(key)
    return draw.rng.choice(draw.keys[f"rooms of {draw.parent['_key']}"])


def _of_run(draw: Draw, which: int) -> int:
    return run_of((draw.parent or {})["energy"], draw.record["program"])[which]


def _load(draw: Draw) -> int:
    return load_of(draw.record["state"], draw.record["watts"], draw.record["brightness"])


def _program(draw: Draw) -> str:
    return "none" if draw.record["state"] == "idle" else draw.rng.choice(list(PROGRAMS))


def _minutes_left(draw: Draw) -> int:
    return 0 if draw.record["state"] == "idle" else draw.rng.randrange(2, 45)


TARIFFS = Table(
    "tariffs", "tariff", "tariff_id",
    {
        "tariff_id": Code("T-####"),
        "supplier": Name(2, 7, label="supplier", told="of {value}"),
        "fee": Money(4, 30, label="monthly fee", total="monthly fee"),
        "price": Number(18, 45, unit="cents", label="price of a kilowatt-hour", extremes=("cheapest", "dearest")),
    },
    {"small": 4, "standard": 8, "large": 12},
)  # fmt: skip
HOMES = Table(
    "homes", "home", "home_id",
    {
        "home_id": Code("H-#####"),
        "tariff_id": Ref("tariffs"),
        "contract_until": Day(-200, 160, label="end of the power contract"),
        "alarm": Choice(("off", *ALARM_MODES), label="alarm mode"),
        "open_windows": Choice((0, 0, 1, 2), label="number of open windows"),
        "used": Number(40, 900, unit="kWh", label="energy used this month"),
    },
    {"small": 6, "standard": 120, "large": 800},
)  # fmt: skip
RESIDENTS = Table(
    "residents", "profile", "resident_id",
    {
        "name": Name(2, 6),
        "resident_id": Code("{name}_##"),
        "home_id": Ref("homes"),
        "role": Made(_household_role, label="role"),
        "phone": Pattern("555-0##-####", label="phone number"),
    },
    (2, 3, 1, 4), per="homes",
)  # fmt: skip
ROOMS = Table(
    "rooms", "room", "room_id",
    {
        "room_id": Code("R-#####"),
        "home_id": Ref("homes"),
        "name": Made(lambda draw: _nth(draw, ROOM_NAMES), told="{value}", names=True),
        "floor": Choice(("ground floor", "first floor"), label="floor"),
        "temperature": Number(
            15, 26, unit="degrees", label="temperature", extremes=("coldest", "warmest"), told="with {value} inside"
        ),
        "target": Number(16, 23, unit="degrees", label="target temperature"),
        "heating": Made(lambda draw: "on" if draw.record["temperature"] < draw.record["target"] else "off"),
        "window": Made(
            lambda draw: "open" if draw.place < (draw.parent or {})["open_windows"] else "closed", label="window state"
        ),
    },
    (3, 4, 3), per="homes",
)  # fmt: skip
LIGHTS = Table(
    "lights", "light", "light_id",
    {
        "light_id": Code("L-#####"),
        "room_id": Ref("rooms"),
        "name": Made(lambda draw: _nth(draw, LIGHT_NAMES), told="{value}", names=True),
        "state": Choice(("on", "off"), label="state"),
        "watts": Number(4, 60, label="wattage", extremes=("weakest", "strongest"), total="wattage"),
        "brightness": Number(10, 100, 5, "percent", label="brightness", extremes=("dimmest", "brightest")),
        "load": Made(_load, label="load in watts"),
    },
    (2, 3, 2), per="rooms", pronoun="that light",
)  # fmt: skip
APPLIANCES = Table(
    "appliances", "appliance", "appliance_id",
    {
        "appliance_id": Code("A-#####"),
        "home_id": Ref("homes"),
        "room_id": Ref("rooms", by=_room),
        "kind": Made(lambda draw: _nth(draw, APPLIANCE_NAMES), told="{value}", names=True),
        "state": Choice(("idle", "idle", "running", "running", "paused"), label="state"),
        "program": Made(_program, label="program"),
        "minutes_left": Made(_minutes_left, label="remaining time in minutes"),
        "energy": Number(400, 2_000, 50, "Wh", label="energy use"),
        "child_lock": Flag(0.4),
        "fault": Choice(("none", "none", "none", "none", "leak", "filter"), label="fault"),
    },
    (3, 2, 3), per="homes",
)  # fmt: skip
DOORS = Table(
    "doors", "door", "door_id",
    {
        "door_id": Code("D-#####"),
        "home_id": Ref("homes"),
        "name": Made(lambda draw: _nth(draw, DOOR_NAMES), told="{value}", names=True),
        "state": Choice(("closed", "locked", "locked", "open"), label="state"),
        "battery": Number(5, 100, 5, "percent", label="battery level"),
        "watched": Made(lambda draw: (draw.parent or {})["alarm"] != "off"),
    },
    (3, 2, 3), per="homes", pronoun="that door",
)  # fmt: skip
PLANS = Table(
    "plans", "planned run", "plan_id",
    {
        "plan_id": Code("P-#####"),
        "appliance_id": Ref("appliances"),
        "program": Choice(tuple(PROGRAMS), label="program", told="with the {value} program"),
        "day": Day(1, 20, label="day", told="on {value}", extremes=("next", "last")),
        "start": Clock(6, 21, label="start time"),
        "minutes": Made(lambda draw: _of_run(draw, 0), label="duration in minutes"),
        "energy": Made(lambda draw: _of_run(draw, 1), label="energy in watt-hours"),
    },
    (2, 1, 0), per="appliances",
)  # fmt: skip

LOOKS = (
    Look("profile", "get_resident", "residents", {"resident_id": "resident_id"}),
    Look("home", "get_home", "homes", {"home_id": "home_id"}),
    Look("tariff", "get_tariff", "tariffs", {"tariff_id": "tariff_id"}),
    Look("tariffs", "list_tariffs", "tariffs", {}, many=True),
    Look("rooms", "list_rooms", "rooms", {"home_id": "home_id"}, many=True),
    Look("room", "get_room", "rooms", {"room_id": "room_id"}),
    Look("lights", "list_lights", "lights", {"room_id": "room_id"}, many=True),
    Look("light", "get_light", "lights", {"light_id": "light_id"}),
    Look(
        "appliances", "list_appliances", "appliances", {"home_id": "home_id"}, many=True,
        shows=("appliance_id", "kind", "state", "minutes_left"),
    ),
    Look("appliance", "get_appliance", "appliances", {"appliance_id": "appliance_id"}),
    Look("doors", "list_doors", "doors", {"home_id": "home_id"}, many=True),
    Look("door", "get_door", "doors", {"door_id": "door_id"}),
    Look("plans", "list_plans", "plans", {"appliance_id": "appliance_id"}, many=True),
    Look("plan", "get_plan", "plans", {"plan_id": "plan_id"}),
)  # fmt: skip


def _role(seen: Seen) -> str:
    return (seen.speaker or {})["role"]


def _quiet(seen: Seen) -> bool:
    return not QUIET_UNTIL <= seen.wishes["start"] < QUIET_FROM


def _another(home: Mapping[str, Any] | None, tariff: Mapping[str, Any]) -> bool:
    return not home or home["tariff_id"] != tariff["tariff_id"]


PROGRAM = Wish(Choice(tuple(PROGRAMS)), fact="The {value} program.")
DAY = Wish(Day(1, 14), fact="On {value}.", carried=("plans.day",))
START = Wish(Clock(6, 21), topic="start time", fact="At {value}.")

ACTS = (
    Act(
        "light_on", "switch_light", "lights", {"light_id": Key(), "on": Fixed(True)},
        ("Switch on {it}.", "Please turn {it} on.", "I need some light: {it}, please."),
        ("Let {it} shine.",),
        "{light_id} is on and draws {load} W.",
        about=("switch on", "turn on", "light"), past=("switched", "turned"), gives="lights",
        when=lambda light: light["state"] == "off",
    ),
    Act(
        "light_off", "switch_light", "lights", {"light_id": Key(), "on": Fixed(False)},
        ("Switch off {it}.", "Please turn {it} off.", "Nobody needs {it} any more: off with it."),
        ("It can be dark where {it} is.",),
        "{light_id} is off.",
        about=("switch off", "turn off"), past=("switched", "turned"), gives="lights",
        when=lambda light: light["state"] == "on",
    ),
    Act(
        "dim", "dim_light", "lights",
        {"light_id": Key(), "percent": Wish(Number(5, 100, 5, "percent"), topic="brightness", differs="brightness")},
        ("Set {it} to {percent}.", "Please bring {it} to {percent}.", "Make the brightness of {it} {percent}."),
        ("I would like {percent} on {it}.",),
        "{light_id} is at {brightness} and draws {load} W.",
        about=("dim", "bright"), past=("dimmed", "set"), gives="lights", told=("{load} W",),
        when=lambda light: light["state"] == "on",
    ),
    Act(
        "heat", "set_temperature", "rooms",
        {
            "room_id": Key(),
            "celsius": Wish(Number(16, WARMEST, unit="degrees"), topic="target temperature", differs="target"),
        },
        ("Set {it} to {celsius}.", "I would like to have {celsius} in {it}.", "Please heat {it} to {celsius}."),
        ("{celsius} would be right for {it}.",),
        "The target of {room_id} is {target}, and its heating is {heating}.",
        about=("heat", "temperature", "thermostat"), past=("heated", "set"), gives="rooms",
    ),
    Act(
        "start", "start_program", "appliances", {"appliance_id": Key(), "program": PROGRAM},
        (
            "Start {it} with the {program} program.",
            "Please run the {program} program on {it}.",
            "Let {it} do the {program} program now.",
        ),
        ("{it} is loaded: {program} program, please.",),
        "{appliance_id} runs the {program} program and takes {minutes_left} minutes.",
        about=("start", "run"), past=("started",), gives="appliances", told=("{minutes_left} minutes",),
        when=lambda appliance: appliance["state"] == "idle", weight=1.5,
    ),
    Act(
        "pause", "pause_program", "appliances", {"appliance_id": Key()},
        ("Pause {it}.", "Please hold {it} for a moment.", "Interrupt {it}, please."),
        ("{it} is too loud just now: give it a break.",),
        "{appliance_id} is paused with {minutes_left} minutes left.",
        about=("pause", "interrupt", "hold"), past=("paused", "interrupted"), gives="appliances",
        when=lambda appliance: appliance["state"] == "running",
    ),
    Act(
        "resume", "resume_program", "appliances", {"appliance_id": Key()},
        ("Let {it} go on.", "Please resume {it}.", "Continue with {it}."),
        ("{it} may carry on where it stopped.",),
        "{appliance_id} runs on for {minutes_left} minutes.",
        about=("resume", "continue", "go on"), past=("resumed", "continued"), gives="appliances",
        when=lambda appliance: appliance["state"] == "paused",
    ),
    Act(
        "stop", "stop_program", "appliances", {"appliance_id": Key()},
        ("Stop {it} before it is done.", "Please abort what {it} is doing.", "End the program of {it} now."),
        ("I loaded {it} wrongly, so break off its program.",),
        "{appliance_id} is idle.",
        about=("stop", "abort", "end the program"), past=("stopped", "aborted"), gives="appliances",
        when=lambda appliance: appliance["state"] in ("running", "paused"),
    ),
    Act(
        "lock", "lock_door", "doors", {"door_id": Key()},
        ("Lock {it}.", "Please lock up {it}.", "I forgot to lock {it}: do it for me."),
        ("Turn the key of {it}.",),
        "{door_id} is locked.",
        about=("lock", "key"), past=("locked",), gives="doors", when=lambda door: door["state"] == "closed",
    ),
    Act(
        "unlock", "unlock_door", "doors", {"door_id": Key()},
        ("Unlock {it}.", "Please unlock {it} for me.", "I am outside and need {it} unlocked."),
        ("I have no key with me, so release {it}.",),
        "{door_id} is unlocked.",
        about=("unlock", "release"), past=("unlocked", "released"), gives="doors",
        when=lambda door: door["state"] == "locked",
    ),
    Act(
        "alarm", "set_alarm", "homes",
        {"home_id": Key(), "mode": Wish(Choice(ALARM_MODES), topic="alarm mode", differs="alarm")},
        ("Set the alarm of {it} to {mode}.", "Please switch the alarm of {it} to {mode}.", "Alarm of {it}: {mode}."),
        ("From now on the alarm of {it} should be set to {mode}.",),
        "The alarm of {home_id} is set to {alarm}.",
        about=("set the alarm of", "alarm"), past=("set", "armed"), gives="homes", plan="alarm {alarm}:",
    ),
    Act(
        "tariff_new", "set_tariff", "homes",
        {"home_id": Key(), "tariff_id": Pick("tariffs", fits=_another)},
        ("Put {it} on {tariff_id}.", "Please change {it} over to {tariff_id}.", "Sign {tariff_id} for {it}."),
        ("I would rather have {tariff_id} for {it}.",),
        "{home_id} has the tariff {tariff_id}.",
        about=("change the tariff of", "tariff"), past=("changed", "signed"), gives="homes",
    ),
    Act(
        "plan_new", "plan_program", "appliances",
        {"appliance_id": Key(), "program": PROGRAM, "day": DAY, "start": START},
        (
            "Plan {it} for {day} at {start} with the {program} program.",
            "Please let {it} run the {program} program on {day} at {start}.",
            "On {day} at {start}, {it} should start the {program} program.",
        ),
        ("I want the {program} program of {it} to begin on {day}, {start}.",),
        "The run {plan_id} is planned for {day} at {start}, {minutes} minutes.",
        about=("plan", "schedule"), past=("planned", "scheduled"), gives="plans",
    ),
    Act(
        "plan_move", "move_plan", "plans",
        {"plan_id": Key(), "day": Wish(Day(1, 14), differs="day"), "start": START},
        ("Move {it} to {day} at {start}.", "Please put {it} off to {day}, {start}.", "Shift {it} to {day}, {start}."),
        ("{day} at {start} is a better time for {it}.",),
        "{plan_id} is planned for {day} at {start}.",
        about=("move", "shift", "put off"), past=("moved", "shifted"), gives="plans",
    ),
)  # fmt: skip

RULES = (
    Rule(
        "guest_alarm", ("alarm",), lambda seen: _role(seen) == "guest",
        "Guests do not set the alarm.", "you are a guest", sees=("speaker",),
    ),
    Rule(
        "open_window", ("alarm",), lambda seen: seen.wishes["mode"] != "off" and seen.subject["open_windows"] > 0,
        "The alarm is not set to night or away while a window of the home is open.", "a window is open",
    ),
    Rule(
        "child_lock", ("start",), lambda seen: _role(seen) == "child" and seen.subject["child_lock"],
        "An appliance with the child lock on is not started for a child.", "its child lock is on", sees=("speaker",),
    ),
    Rule(
        "fault", ("start", "plan_new"), lambda seen: seen.subject["fault"] != "none",
        "An appliance with a fault is neither started nor planned for a run.", "it has a fault ({fault})",
    ),
    Rule(
        "almost_done", ("stop",), lambda seen: seen.subject["minutes_left"] <= ALMOST_DONE,
        f"A program with {ALMOST_DONE} minutes left or less is not stopped.", "it has {minutes_left} minutes left",
    ),
    Rule(
        "quiet", ("plan_new", "plan_move"), _quiet,
        f"From {QUIET_FROM} to {QUIET_UNTIL} are quiet hours, in which no run starts.", "{start} is in the quiet hours",
        tempts={"start": Clock(22, 23)},
    ),
    Rule(
        "too_warm", ("heat",), lambda seen: seen.wishes["celsius"] > WARMEST,
        f"No room is heated to more than {WARMEST} degrees.", "{celsius} are too many",
        tempts={"celsius": Number(WARMEST + 1, 30, unit="degrees")},
    ),
    Rule(
        "airing", ("heat",), lambda seen: seen.subject["window"] == "open",
        "The thermostat of a room whose window is open is left alone.", "its window is open",
    ),
    Rule(
        "weak_lock", ("lock",), lambda seen: seen.subject["battery"] < LOW,
        f"A door whose lock has less than {LOW} percent of battery is not locked from afar: it might not open again.",
        "the battery of the lock is at {battery}",
    ),
    Rule(
        "watched", ("unlock",), lambda seen: seen.subject["watched"],
        "A door that the alarm watches is not unlocked.", "the alarm watches it",
    ),
    Rule(
        "owner_only", ("tariff_new",), lambda seen: _role(seen) != "owner",
        "Only the owner of a home changes its tariff.", "you are not the owner", sees=("speaker",),
    ),
    Rule(
        "bound", ("tariff_new",), lambda seen: seen.subject["contract_until"] > seen.today,
        "The tariff is not changed before the end of the power contract.", "the contract runs until {contract_until}",
    ),
)  # fmt: skip

HOME = Declaration(
    name="home",
    title="Smart home",
    role=(
        "You are the assistant of smart homes: you look after lights, heating, appliances, doors, the alarm and the "
        "power tariff. You serve one resident at a time with the tools you are given; that resident is the customer."
    ),
    who="residents",
    shared="homes",
    tables=(TARIFFS, HOMES, RESIDENTS, ROOMS, LIGHTS, APPLIANCES, DOORS, PLANS),
    looks=LOOKS,
    acts=ACTS,
    rules=RULES,
    new_server=lambda size, dialect: TOOLS.server(size=size, dialect=dialect),
    notes={
        "Appliances": (
            "An idle appliance can be started, a running one paused or stopped, a paused one resumed or stopped.",
            "The normal program takes 120 minutes, eco 180 minutes and 60 percent of the energy, quick 45 minutes and "
            "80 percent.",
            "Tell the resident how many minutes an appliance that is started takes.",
        ),
        "Lights": ("Tell the resident how many watts a light draws once it is dimmed or brightened.",),
        "Doors": ("A door that is open must be closed by hand before it can be locked.",),
        "Alarm": ("In the modes night and away the alarm watches all doors; away switches all lights off.",),
    },
    echoes={19769: 14503},  # both have a home H-19146, of whose alarm they ask
)
