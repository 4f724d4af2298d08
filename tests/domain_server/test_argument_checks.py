"""What all servers check alike: choices, days, times, and records found by a field."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolgym.mcp.server import ToolError
from toolgym.mcp_servers.common.arguments import check_choice, check_clock, day_ahead, day_of
from toolgym.mcp_servers.common.records import find_id, new_id
from toolgym.mcp_servers.hotel import TOOLS as HOTEL
from toolgym.messages import ToolCall
from toolgym.world import Base, World

WORLD = {"people": {"a": {"phone": "1"}, "b": {"phone": "2"}, "c": {"phone": "2"}}}


def world() -> World:
    return World(Base(WORLD, {"today": "2026-06-15"}))


def test_a_choice_is_one_of_those_there_are() -> None:
    check_choice("b", ("a", "b"), "letter")
    with pytest.raises(ToolError, match="no letter 'c': give one of a, b"):
        check_choice("c", ("a", "b"), "letter")


@given(st.dates(min_value=date(2000, 1, 1), max_value=date(2099, 12, 31)))
def test_a_day_is_read_as_it_is_written(day) -> None:
    assert day_of(day.isoformat()) == day


@pytest.mark.parametrize(
    "text", ["", "2026-6-1", "20260601", "2026-W01-1", "1999-12-31", "2100-01-01", "9999-12-31", "2026-02-30"]
)
def test_what_is_no_day(text: str) -> None:
    with pytest.raises(ToolError, match="is no day of this century"):
        day_of(text)


def test_a_day_ahead_begins_with_today() -> None:
    assert day_ahead(world(), "2026-06-15").isoformat() == "2026-06-15"
    with pytest.raises(ToolError, match="2026-06-14 is past"):
        day_ahead(world(), "2026-06-14")


@pytest.mark.parametrize(
    ("text", "right"), [("00:00", True), ("23:59", True), ("24:00", False), ("7:30", False), ("07:30\n", False)]
)
def test_a_time_of_day(text: str, right: bool) -> None:
    if right:
        check_clock(text)
        return
    with pytest.raises(ToolError, match="no time of the form HH:MM"):
        check_clock(text)


def test_a_record_is_found_by_a_field_where_it_is_the_only_one() -> None:
    assert find_id(world(), "people", "phone", "1", "person", "number") == "a"
    with pytest.raises(ToolError, match="no person with that number"):
        find_id(world(), "people", "phone", "3", "person", "number")
    with pytest.raises(ToolError, match="2 persons with that number"):
        find_id(world(), "people", "phone", "2", "person", "number")


def test_ids_follow_from_what_a_record_is_about_and_are_free() -> None:
    one, two = world(), world()
    assert new_id(one, "people", "P-", "x", 1) == new_id(two, "people", "P-", "x", 1)
    first = new_id(one, "people", "P-", "x", 1, digits=2)
    one.put("people", first, {"phone": "9"})
    second = new_id(one, "people", "P-", "x", 1, digits=2)
    assert len(first) == len(second) == len("P-10")
    assert int(second[2:]) == 10 + (int(first[2:]) - 10 + 1) % 90  # the next one


def test_a_day_that_leaves_no_room_to_reckon_in_changes_nothing() -> None:
    server = HOTEL.server(size="small")
    session = server.session()
    session.reset(0)
    tables = server.base(0).tables
    guest = next(iter(tables["guests"]))
    room = next(key for key, record in tables["rooms"].items() if record["free"])
    call = {"guest_id": guest, "room_id": room, "arrival": "2026-12-31", "nights": 2, "party": 1, "rate": "flexible"}
    refused = session.call(ToolCall("book_room", {**call, "arrival": "9999-12-31"}))
    assert "is no day of this century" in refused.text
    assert session.diff() == {}
    assert not session.call(ToolCall("book_room", call)).is_error
