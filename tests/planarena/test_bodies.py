"""Each family of tools by hand: what a call changes, and that a refusal changes nothing."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from toolgym.composing.execution import value_of
from toolgym.mcp.server import ToolServer
from toolgym.mcp_servers.planarena import bodies
from toolgym.mcp_servers.planarena.bodies import Checks, Kind, Link
from toolgym.messages import ToolCall
from toolgym.world import Base

PEOPLE, BOATS, TRIPS = (
    Kind("people", "guest", "guest_id"),
    Kind("boats", "boat", "boat_id"),
    Kind("trips", "trip", "trip_id"),
)
SEATS = Link("boat_id", BOATS, "seats")
# Two guests; a boat with one seat left and one with none; Ada's trips T1 and T2, Bo's T3.
TABLES: dict[str, dict[str, Any]] = {
    "people": {
        "ada": {"guest_id": "ada", "email": "ada@example.com"},
        "bo": {"guest_id": "bo", "email": "bo@example.com"},
    },
    "boats": {
        "B1": {"boat_id": "B1", "name": "Gull", "deck": "open", "seats": 1, "fuel": 40},
        "B2": {"boat_id": "B2", "name": "Auk", "deck": "closed", "seats": 0, "fuel": 5},
    },
    "trips": {
        "T1": {"trip_id": "T1", "guest_id": "ada", "boat_id": "B2", "day": "2026-06-20", "at": "09:00", "miles": 8,
               "status": "asked", "approved": False},
        "T2": {"trip_id": "T2", "guest_id": "ada", "boat_id": "B1", "day": "2026-06-21", "at": "10:00", "miles": 3,
               "status": "agreed", "approved": True},
        "T3": {"trip_id": "T3", "guest_id": "bo", "boat_id": "B2", "day": "2026-06-22", "at": "09:00", "miles": 5,
               "status": "asked", "approved": False},
    },
}  # fmt: skip
USUAL = {
    "trip_id": "", "guest_id": "", "boat_id": "", "day": "2026-06-22", "at": "08:00", "miles": 1,
    "status": "asked", "approved": False,
}  # fmt: skip


def one(world: Any, a: str) -> Any: ...
def two(world: Any, a: str, b: str) -> Any: ...
def two_numbers(world: Any, a: str, b: int) -> Any: ...
def three(world: Any, a: str, b: str, c: str) -> Any: ...
def three_numbers(world: Any, a: str, b: str, c: int) -> Any: ...


SHAPES: dict[str, Callable[..., Any]] = {"s": one, "ss": two, "si": two_numbers, "sss": three, "ssi": three_numbers}


def called(body: Callable[..., Any], *values: Any) -> tuple[Any, dict[str, Any]]:
    """What a tool with the body answers, and the diff."""
    shape = "".join("i" if isinstance(value, int) else "s" for value in values)
    names = ("a", "b", "c")[: len(values)]

    def tool(world: Any, **given: Any) -> Any:
        return body(world, *[given[name] for name in names])

    tool.__signature__ = inspect.signature(SHAPES[shape])  # type: ignore[attr-defined]
    tool.__annotations__ = SHAPES[shape].__annotations__
    server = ToolServer("trips", base=Base(TABLES, {"today": "2026-06-15"}))
    server.tool(writes=True, name="tool")(tool)
    session = server.session()
    result = session.call(ToolCall("tool", dict(zip(names, values, strict=True))))
    return result, session.diff()


CHANGES: list[tuple[str, Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = [
    ("create", bodies.create(TRIPS, ("T", "0"), ("guest_id", PEOPLE), SEATS, [Checks("miles", low=1, high=9)], USUAL),
     ("ada", "B1", 4),
     {"boats": {"B1": {"seats": 0}}, "trips": {"*": {"guest_id": "ada", "boat_id": "B1", "miles": 4}}}),
    ("cancel", bodies.cancel(TRIPS, SEATS), ("T1",), {"boats": {"B2": {"seats": 1}}, "trips": {"T1": None}}),
    ("change", bodies.change(TRIPS, Checks("miles", low=1, high=9)), ("T1", 9), {"trips": {"T1": {"miles": 9}}}),
    ("move", bodies.move(TRIPS, "status", ("asked",), "agreed"), ("T1",), {"trips": {"T1": {"status": "agreed"}}}),
    ("move of what is approved", bodies.move(TRIPS, "status", ("agreed",), "sailed", "approved"), ("T2",),
     {"trips": {"T2": {"status": "sailed"}}}),
    ("approve", bodies.approve(TRIPS, "approved"), ("T1",), {"trips": {"T1": {"approved": True}}}),
    # T1 leaves B2 (0 + 1 seats) for B1 (1 - 1).
    ("relink", bodies.relink(TRIPS, SEATS), ("T1", "B1"),
     {"boats": {"B1": {"seats": 0}, "B2": {"seats": 1}}, "trips": {"T1": {"boat_id": "B1"}}}),
    ("shift", bodies.shift(TRIPS, SEATS, "day", "at"), ("T1", "2026-06-22", "10:00"),
     {"trips": {"T1": {"day": "2026-06-22", "at": "10:00"}}}),
    # 8 - 5 and 3 + 5: the sum stays 11.
    ("pour", bodies.pour(TRIPS, "guest_id", "miles"), ("T1", "T2", 5),
     {"trips": {"T1": {"miles": 3}, "T2": {"miles": 8}}}),
    ("fill", bodies.fill(BOATS, "fuel", 50), ("B1", 10), {"boats": {"B1": {"fuel": 50}}}),
    ("take", bodies.take(BOATS, "fuel"), ("B2", 5), {"boats": {"B2": {"fuel": 0}}}),
]  # fmt: skip
REFUSED: list[tuple[str, Callable[..., Any], tuple[Any, ...], str]] = [
    ("create for nobody", CHANGES[0][1], ("eve", "B1", 4), "guest 'eve' not found"),
    ("create with nothing left", CHANGES[0][1], ("ada", "B2", 4), "boat B2 has no seats left"),
    ("create beyond bounds", CHANGES[0][1], ("ada", "B1", 10), "miles is from 1 to 9, not 10"),
    ("cancel what is not there", CHANGES[1][1], ("T9",), "trip 'T9' not found"),
    ("change to the same", CHANGES[2][1], ("T1", 8), "miles of T1 is 8 already"),
    ("change beyond bounds", CHANGES[2][1], ("T1", 0), "miles is from 1 to 9, not 0"),
    ("change to no choice", bodies.change(TRIPS, Checks("at", choices=("09:00", "10:00"))), ("T1", "11:00"),
     "no at '11:00': give one of 09:00, 10:00"),
    ("change to no day", bodies.change(TRIPS, Checks("day", day=True)), ("T1", "22.06.2026"), "no day of this century"),
    ("change to no time", bodies.change(TRIPS, Checks("at", clock=True)), ("T1", "9"), "no time of the form HH:MM"),
    ("move from another state", CHANGES[3][1], ("T2",), "trip T2 is agreed, not asked"),
    ("move of what is not approved", bodies.move(TRIPS, "status", ("asked",), "agreed", "approved"), ("T1",),
     "trip T1 is not approved"),
    ("approve twice", CHANGES[5][1], ("T2",), "trip T2 is approved already"),
    ("relink to the same", CHANGES[6][1], ("T1", "B2"), "trip T1 is for B2 already"),
    ("relink where nothing is left", CHANGES[6][1], ("T2", "B2"), "boat B2 has no seats left"),
    # T3 is on the same boat on that day at that time.
    ("shift to a taken slot", CHANGES[7][1], ("T1", "2026-06-22", "09:00"), "2026-06-22 at 09:00 is taken by T3"),
    ("shift to the past", CHANGES[7][1], ("T1", "2026-06-14", "09:00"), "2026-06-14 is past"),
    ("pour to another guest's", CHANGES[8][1], ("T1", "T3", 2), "T1 and T3 do not belong together"),
    ("pour more than there is", CHANGES[8][1], ("T1", "T2", 9), "T1 has only 8"),
    ("pour into itself", CHANGES[8][1], ("T1", "T1", 2), "from and to are the same"),
    ("fill beyond the limit", CHANGES[9][1], ("B1", 11), "B1 holds 40 and takes at most 50"),
    ("take more than there is", CHANGES[10][1], ("B2", 6), "B2 holds only 5"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "values", "expected"), [case[1:] for case in CHANGES], ids=[c[0] for c in CHANGES])
def test_what_a_call_changes(body: Callable[..., Any], values: tuple[Any, ...], expected: dict[str, Any]) -> None:
    result, diff = called(body, *values)
    assert result.outcome == "ok", result.text
    assert {table: len(records) for table, records in diff.items()} == {k: len(v) for k, v in expected.items()}
    for table, records in expected.items():
        for key, changed in records.items():
            (key,) = diff[table] if key == "*" else (key,)
            before = TABLES[table].get(key, USUAL)
            after = diff[table][key]
            assert after == (
                None if changed is None else {**before, **changed} | (({TRIPS.key: key}) if table == "trips" else {})
            )


@pytest.mark.parametrize(("body", "values", "told"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_a_refusal_says_why_and_changes_nothing(body: Callable[..., Any], values: tuple[Any, ...], told: str) -> None:
    result, diff = called(body, *values)
    assert result.outcome == "tool_error"
    assert told in result.text
    assert diff == {}


READS: list[tuple[str, Callable[..., Any], tuple[Any, ...], Any]] = [
    ("show", bodies.show(BOATS), ("B2",), TABLES["boats"]["B2"]),
    ("named", bodies.named(BOATS, "name"), ("Gull",), TABLES["boats"]["B1"]),
    ("find", bodies.find(PEOPLE, "email", "e-mail"), ("bo@example.com",), "bo"),
    ("list", bodies.list_of(TRIPS, PEOPLE, "guest_id", ("trip_id", "miles")), ("ada",),
     [{"trip_id": "T1", "miles": 8}, {"trip_id": "T2", "miles": 3}]),
    ("search", bodies.search(BOATS, [Checks("deck", choices=("open", "closed"))]), ("open",),
     [TABLES["boats"]["B1"]]),
    # Ada has two trips of 8 + 3 miles.
    ("summarise", bodies.summarise(TRIPS, PEOPLE, "guest_id", ("sum_id", "guest_id"), "trips", {"all": "miles"}),
     ("ada",), {"sum_id": "sum-ada", "guest_id": "ada", "trips": 2, "all": 11}),
]  # fmt: skip


@pytest.mark.parametrize(("body", "values", "shown"), [case[1:] for case in READS], ids=[case[0] for case in READS])
def test_what_a_look_shows(body: Callable[..., Any], values: tuple[Any, ...], shown: Any) -> None:
    result, diff = called(body, *values)
    assert result.outcome == "ok", result.text
    assert diff == {}
    assert value_of(result) == shown


def test_looks_refuse_what_is_not_there() -> None:
    for body, value in (
        (bodies.show(BOATS), "B9"),
        (bodies.named(BOATS, "name"), "Erne"),
        (bodies.find(PEOPLE, "email", "e-mail"), "eve@example.com"),
        (bodies.list_of(TRIPS, PEOPLE, "guest_id"), "eve"),
        (bodies.search(BOATS, [Checks("deck", choices=("open", "closed"))]), "glass"),
    ):
        assert called(body, value)[0].outcome == "tool_error"
