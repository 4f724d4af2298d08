"""The smart home: each tool by hand, each rule at its border, and a task from its request to its answer."""

import random
from typing import Any

import pytest

from toolgym.composing.composer import DeclaredComposer
from toolgym.composing.declaration import Seen
from toolgym.composing.making import Source, TaskMaker
from toolgym.composing.recipes import Together
from toolgym.composing.worlds import world_key
from toolgym.envs.home import HOME
from toolgym.mcp.session import ToolSession
from toolgym.mcp_servers.home import TOOLS, load_of, run_of
from toolgym.messages import ToolCall
from toolgym.world import Base

TODAY = "2026-06-15"
HOUSE = {
    "home_id": "H-1", "tariff_id": "T-1", "contract_until": "2026-05-01", "alarm": "off", "open_windows": 1, "used": 90,
}  # fmt: skip
ANA = {"name": "Ana Reyes", "resident_id": "ana", "home_id": "H-1", "role": "owner", "phone": "555-011-0000"}
ROOM = {
    "room_id": "R-1", "home_id": "H-1", "name": "kitchen", "floor": "first floor", "temperature": 19, "target": 18,
    "heating": "off", "window": "open",
}  # fmt: skip
LAMP = {
    "light_id": "L-1", "room_id": "R-1", "name": "spotlight", "state": "on", "watts": 40, "brightness": 50, "load": 20,
}  # fmt: skip
WASHER = {
    "appliance_id": "A-1", "home_id": "H-1", "room_id": "R-1", "kind": "washing machine", "state": "idle",
    "program": "none", "minutes_left": 0, "energy": 900, "child_lock": False, "fault": "none",
}  # fmt: skip
DRYER = {**WASHER, "appliance_id": "A-2", "kind": "dryer", "state": "running", "program": "eco", "minutes_left": 30}
DOOR = {"door_id": "D-1", "home_id": "H-1", "name": "front door", "state": "closed", "battery": 60, "watched": False}
PLAN = {
    "plan_id": "P-1", "appliance_id": "A-1", "program": "eco", "day": "2026-06-17", "start": "10:00", "minutes": 180,
    "energy": 540,
}  # fmt: skip
TARIFF = {"tariff_id": "T-1", "supplier": "Kolm", "fee": 9, "price": 30}


@pytest.fixture
def home() -> ToolSession:
    tables = {
        "tariffs": {"T-1": TARIFF, "T-2": {**TARIFF, "tariff_id": "T-2"}},
        "homes": {"H-1": HOUSE, "H-2": {**HOUSE, "home_id": "H-2"}},
        "residents": {"ana": ANA},
        "rooms": {"R-1": ROOM, "R-2": {**ROOM, "room_id": "R-2", "home_id": "H-2"}},
        "lights": {
            "L-1": LAMP,
            "L-2": {**LAMP, "light_id": "L-2", "state": "off", "load": 0},
            "L-3": {**LAMP, "light_id": "L-3", "room_id": "R-2"},
        },
        "appliances": {"A-1": WASHER, "A-2": DRYER, "A-3": {**DRYER, "appliance_id": "A-3", "home_id": "H-2"}},
        "doors": {
            "D-1": DOOR,
            "D-2": {**DOOR, "door_id": "D-2", "state": "locked"},
            "D-3": {**DOOR, "door_id": "D-3", "state": "open", "home_id": "H-2"},
        },
        "plans": {"P-1": PLAN, "P-2": {**PLAN, "plan_id": "P-2", "day": "2026-06-18"}},
    }
    return TOOLS.server(base=Base(tables, {"today": TODAY})).session()


def changed(home: ToolSession, tool: str, **arguments: Any) -> Any:
    result = home.call(ToolCall(tool, arguments))
    assert not result.is_error, result.text
    return home.diff()


def test_what_follows_from_other_amounts() -> None:
    assert run_of(900, "eco") == (180, 540)  # 60 in 100 of 900
    assert run_of(900, "normal") == (120, 900)
    assert run_of(900, "quick") == (45, 720)  # 80 in 100
    assert (load_of("on", 40, 50), load_of("off", 40, 50)) == (20, 0)


def test_reads_show_records_and_lists_of_appliances_a_part(home: ToolSession) -> None:
    def shown(tool: str, **arguments: str) -> Any:
        structured = home.call(ToolCall(tool, arguments)).structured
        return structured["result"] if structured and set(structured) == {"result"} else structured

    assert shown("get_resident", resident_id="ana") == ANA
    assert shown("get_home", home_id="H-1") == HOUSE
    assert shown("get_tariff", tariff_id="T-1") == TARIFF
    assert [tariff["tariff_id"] for tariff in shown("list_tariffs")] == ["T-1", "T-2"]
    assert shown("list_rooms", home_id="H-1") == [ROOM]
    assert shown("get_room", room_id="R-1") == ROOM
    assert [light["light_id"] for light in shown("list_lights", room_id="R-1")] == ["L-1", "L-2"]
    assert shown("get_light", light_id="L-1") == LAMP
    assert shown("list_appliances", home_id="H-1") == [
        {"appliance_id": "A-1", "kind": "washing machine", "state": "idle", "minutes_left": 0},
        {"appliance_id": "A-2", "kind": "dryer", "state": "running", "minutes_left": 30},
    ]
    assert shown("get_appliance", appliance_id="A-2") == DRYER
    assert [door["door_id"] for door in shown("list_doors", home_id="H-1")] == ["D-1", "D-2"]
    assert shown("get_door", door_id="D-1") == DOOR
    assert [plan["plan_id"] for plan in shown("list_plans", appliance_id="A-1")] == ["P-1", "P-2"]
    assert shown("get_plan", plan_id="P-1") == PLAN
    assert home.diff() == {}


def test_a_light_draws_what_its_state_and_brightness_say(home: ToolSession) -> None:
    dimmed = changed(home, "dim_light", light_id="L-1", percent=10)
    assert dimmed == {"lights": {"L-1": {**LAMP, "brightness": 10, "load": 4}}}
    off = changed(home, "switch_light", light_id="L-1", on=False)["lights"]["L-1"]
    assert (off["state"], off["load"], off["brightness"]) == ("off", 0, 10)
    on = changed(home, "switch_light", light_id="L-2", on=True)["lights"]["L-2"]
    assert (on["state"], on["load"]) == ("on", 20)


def test_a_room_heats_while_it_is_colder_than_its_target(home: ToolSession) -> None:
    warm = changed(home, "set_temperature", room_id="R-1", celsius=20)
    assert warm == {"rooms": {"R-1": {**ROOM, "target": 20, "heating": "on"}}}
    assert changed(home, "set_temperature", room_id="R-1", celsius=19)["rooms"]["R-1"]["heating"] == "off"


def test_an_appliance_is_started_paused_resumed_and_stopped(home: ToolSession) -> None:
    def state(tool: str, **more: str) -> tuple[Any, ...]:
        appliance = changed(home, tool, appliance_id="A-1", **more)["appliances"]["A-1"]
        return appliance["state"], appliance["program"], appliance["minutes_left"]

    assert state("start_program", program="quick") == ("running", "quick", 45)
    assert state("pause_program") == ("paused", "quick", 45)
    assert state("resume_program") == ("running", "quick", 45)
    assert not home.call(ToolCall("stop_program", {"appliance_id": "A-1"})).is_error
    assert home.diff() == {}  # idle again, as it was


def test_doors_are_locked_and_unlocked_and_the_alarm_watches_them(home: ToolSession) -> None:
    assert changed(home, "lock_door", door_id="D-1")["doors"]["D-1"] == {**DOOR, "state": "locked"}
    assert changed(home, "unlock_door", door_id="D-2")["doors"]["D-2"]["state"] == "closed"
    night = changed(home, "set_alarm", home_id="H-1", mode="night")
    assert night["homes"] == {"H-1": {**HOUSE, "alarm": "night"}}
    assert {key: door["watched"] for key, door in night["doors"].items()} == {"D-1": True, "D-2": True}
    assert "lights" not in night
    away = changed(home, "set_alarm", home_id="H-1", mode="away")
    assert away["lights"] == {"L-1": {**LAMP, "state": "off", "load": 0}}  # L-2 was off, L-3 is in another home


def test_runs_are_planned_and_moved_and_a_home_changes_its_tariff(home: ToolSession) -> None:
    wanted = {"appliance_id": "A-1", "program": "quick", "day": "2026-06-20", "start": "09:30"}
    made = changed(home, "plan_program", **wanted)
    (key,) = made["plans"]
    assert made == {"plans": {key: {"plan_id": key, **wanted, "minutes": 45, "energy": 720}}}
    moved = changed(home, "move_plan", plan_id="P-1", day="2026-06-19", start="11:00")["plans"]["P-1"]
    assert moved == {**PLAN, "day": "2026-06-19", "start": "11:00"}
    assert changed(home, "set_tariff", home_id="H-1", tariff_id="T-2")["homes"]["H-1"] == {**HOUSE, "tariff_id": "T-2"}


AT = {"day": "2026-06-17", "start": "10:00"}


@pytest.mark.parametrize(
    ("tool", "arguments", "says"),
    [
        ("get_home", {"home_id": "x"}, "home 'x' not found"),
        ("list_lights", {"room_id": "x"}, "room 'x' not found"),
        ("list_plans", {"appliance_id": "x"}, "appliance 'x' not found"),
        ("switch_light", {"light_id": "L-1", "on": True}, "on already"),
        ("switch_light", {"light_id": "L-2", "on": False}, "off already"),
        ("dim_light", {"light_id": "L-2", "percent": 10}, "switch it on first"),
        ("set_temperature", {"room_id": "R-1", "celsius": 31}, "celsius"),
        ("start_program", {"appliance_id": "A-2", "program": "eco"}, "is running, not idle"),
        ("start_program", {"appliance_id": "A-1", "program": "wool"}, "no program 'wool'"),
        ("pause_program", {"appliance_id": "A-1"}, "is idle, not running"),
        ("resume_program", {"appliance_id": "A-2"}, "is running, not paused"),
        ("stop_program", {"appliance_id": "A-1"}, "is idle, not running or paused"),
        ("lock_door", {"door_id": "D-2"}, "only a closed one"),
        ("lock_door", {"door_id": "D-3"}, "is open"),
        ("unlock_door", {"door_id": "D-1"}, "is closed, not locked"),
        ("set_alarm", {"home_id": "H-1", "mode": "off"}, "is off already"),
        ("set_alarm", {"home_id": "H-1", "mode": "loud"}, "no mode 'loud'"),
        ("set_tariff", {"home_id": "H-1", "tariff_id": "T-1"}, "that tariff already"),
        ("set_tariff", {"home_id": "H-1", "tariff_id": "x"}, "tariff 'x' not found"),
        ("plan_program", {"appliance_id": "A-1", "program": "eco", **AT}, "planned for that time"),
        ("plan_program", {"appliance_id": "A-1", "program": "eco", **AT, "day": "2026-06-14"}, "is past"),
        ("plan_program", {"appliance_id": "A-1", "program": "eco", **AT, "start": "7:30"}, "no time of the form HH:MM"),
        ("move_plan", {"plan_id": "P-2", **AT}, "planned for that time"),
        ("move_plan", {"plan_id": "P-2", **AT, "day": "tomorrow"}, "no day of this century of the form YYYY-MM-DD"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    home: ToolSession, tool: str, arguments: dict[str, Any], says: str
) -> None:
    result = home.call(ToolCall(tool, arguments))
    assert result.is_error
    assert says in result.text
    assert home.diff() == {}


@pytest.mark.parametrize(
    ("rule", "subject", "more", "broken"),
    [
        ("guest_alarm", {}, {"speaker": {"role": "adult"}}, False),
        ("guest_alarm", {}, {"speaker": {"role": "guest"}}, True),
        ("open_window", {"open_windows": 0}, {"wishes": {"mode": "away"}}, False),
        ("open_window", {"open_windows": 1}, {"wishes": {"mode": "off"}}, False),
        ("open_window", {"open_windows": 1}, {"wishes": {"mode": "night"}}, True),
        ("child_lock", {"child_lock": True}, {"speaker": {"role": "adult"}}, False),
        ("child_lock", {"child_lock": False}, {"speaker": {"role": "child"}}, False),
        ("child_lock", {"child_lock": True}, {"speaker": {"role": "child"}}, True),
        ("fault", {"fault": "none"}, {}, False),
        ("fault", {"fault": "leak"}, {}, True),
        ("almost_done", {"minutes_left": 11}, {}, False),
        ("almost_done", {"minutes_left": 10}, {}, True),
        ("quiet", {}, {"wishes": {"start": "06:00"}}, False),
        ("quiet", {}, {"wishes": {"start": "05:59"}}, True),
        ("quiet", {}, {"wishes": {"start": "21:59"}}, False),
        ("quiet", {}, {"wishes": {"start": "22:00"}}, True),
        ("too_warm", {}, {"wishes": {"celsius": 24}}, False),
        ("too_warm", {}, {"wishes": {"celsius": 25}}, True),
        ("airing", {"window": "closed"}, {}, False),
        ("airing", {"window": "open"}, {}, True),
        ("weak_lock", {"battery": 15}, {}, False),
        ("weak_lock", {"battery": 14}, {}, True),
        ("watched", {"watched": False}, {}, False),
        ("watched", {"watched": True}, {}, True),
        ("owner_only", {}, {"speaker": {"role": "owner"}}, False),
        ("owner_only", {}, {"speaker": {"role": "adult"}}, True),
        ("bound", {"contract_until": TODAY}, {}, False),
        ("bound", {"contract_until": "2026-06-16"}, {}, True),
    ],
)
def test_a_rule_at_its_border(rule: str, subject: dict[str, Any], more: dict[str, Any], broken: bool) -> None:
    predicate = next(one.broken for one in HOME.rules if one.name == rule)
    assert predicate(Seen(subject, today=TODAY, **more)) is broken


def test_the_world_is_consistent() -> None:
    tables = HOME.new_server("small", "standard").base(world_key("train", 3)).tables
    for key, house in tables["homes"].items():
        rooms = [room for room in tables["rooms"].values() if room["home_id"] == key]
        assert sum(room["window"] == "open" for room in rooms) == house["open_windows"]
        assert len({room["name"] for room in rooms}) == len(rooms)
        doors = [door for door in tables["doors"].values() if door["home_id"] == key]
        assert {door["watched"] for door in doors} == {house["alarm"] != "off"}
        roles = [one["role"] for one in tables["residents"].values() if one["home_id"] == key]
        assert roles.count("owner") == 1
    for plan in tables["plans"].values():
        energy = tables["appliances"][plan["appliance_id"]]["energy"]
        assert (plan["minutes"], plan["energy"]) == run_of(energy, plan["program"])


def test_an_appliance_of_the_home_is_stopped_and_started_again() -> None:
    # The resident's home (1), its appliances (2), the one meant (3), stopped (4) and started anew (5).
    composer: Any = DeclaredComposer(HOME)
    composer.server = HOME.new_server
    outlines = {outline.name: outline for outline in composer.kitchen.outlines}
    recipe = Together((outlines["appliances(profile(speaker).home_id):told>appliance stop start"],))
    key, rng = world_key("train", 3), random.Random(7)
    base = composer.base(key, "small", "standard")
    maker = TaskMaker(Source("train", "small", "standard", 0), composer, HOME.new_server("small", "standard").session)
    made = (maker.attempt(0, recipe, key, base, place, rng) for place in range(composer.speakers(base)))
    task = next(task for task in made if task is not None)
    tools = ["get_resident", "list_appliances", "get_appliance", "stop_program", "start_program"]
    assert [call.name for call in task.gold_calls] == tools
    speaker = next(one for key, one in base.tables["residents"].items() if key in task.request)
    assert task.gold_calls[1].arguments == {"home_id": speaker["home_id"]}
    started = task.gold_calls[4].arguments
    before = base.tables["appliances"][started["appliance_id"]]
    assert before["kind"] in task.request
    assert before["state"] in ("running", "paused")
    after = task.gold_diff["appliances"][started["appliance_id"]]
    assert after == {
        **before, "state": "running", "program": started["program"],
        "minutes_left": run_of(0, started["program"])[0],
    }  # fmt: skip
