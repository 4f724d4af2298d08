"""The hotels' tools and rules, by hand-worked examples."""

import random
from collections.abc import Mapping
from typing import Any, cast

import pytest

from toolgym.composing.composer import DeclaredComposer, DeclaredDomain
from toolgym.composing.declaration import Seen
from toolgym.composing.execution import value_of
from toolgym.composing.fields import TODAY
from toolgym.composing.making import Composer, TaskMaker
from toolgym.composing.recipes import Together
from toolgym.composing.tables import build_world
from toolgym.composing.worlds import world_key
from toolgym.envs.hotel import HOTEL
from toolgym.mcp.session import ToolSession
from toolgym.mcp_servers.hotel import TOOLS
from toolgym.messages import ToolCall
from toolgym.world import Base

TODAY_ISO = TODAY.isoformat()  # 2026-06-15
ANA, BEN = "ana_a_01", "ben_b_02"


def _guest(guest_id: str, email: str) -> dict[str, Any]:
    made = {"first": "Ana", "last": "A", "guest_id": guest_id, "email": email}
    return made | {"tier": "silver", "points": 1000, "since": "2020-01-01"}


def _hotel(hotel_id: str, city: str) -> dict[str, Any]:
    made = {"hotel_id": hotel_id, "name": "Old Mill", "city": city}
    return made | {"stars": 3, "distance": 500, "pets": "no pets"}


def _room(room_id: str, hotel_id: str, price: int, free: int) -> dict[str, Any]:
    made = {"room_id": room_id, "hotel_id": hotel_id, "name": "Sea double"}
    return made | {"capacity": 2, "price": price, "free": free}


def _booking(booking_id: str, guest_id: str, status: str, rate: str = "flexible") -> dict[str, Any]:
    made = {"booking_id": booking_id, "guest_id": guest_id, "hotel_id": "H-1", "room_id": "R-1"}
    made |= {"arrival": "2026-07-01", "nights": 4, "departure": "2026-07-05", "party": 2, "rate": rate}
    return made | {"price": 400, "checkout": "11:00", "changed": "2026-06-01", "status": status}


def _charge(charge_id: str, status: str) -> dict[str, Any]:
    made = {"charge_id": charge_id, "booking_id": "B-1", "guest_id": ANA, "text": "bar"}
    return made | {"amount": 25, "date": "2026-06-10", "status": status}


def _voucher(voucher_id: str, guest_id: str, status: str) -> dict[str, Any]:
    return {"voucher_id": voucher_id, "guest_id": guest_id, "value": 60, "until": "2026-12-01", "status": status}


def _keyed(key: str, *records: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {record[key]: record for record in records}


BREAKFAST = {"service_id": "X-1", "hotel_id": "H-1", "name": "breakfast", "per": "night", "price": 12, "notice": 0}
WORLD = {
    "guests": _keyed("guest_id", _guest(ANA, "ana@example.com"), _guest(BEN, "ben@example.com")),
    "hotels": _keyed("hotel_id", _hotel("H-1", "Oslo"), _hotel("H-2", "Porto")),
    "rooms": _keyed(
        "room_id", _room("R-1", "H-1", 100, 2), _room("R-2", "H-1", 155, 1), _room("R-3", "H-1", 90, 0),
        _room("R-4", "H-2", 80, 3),
    ),
    "services": _keyed(
        "service_id", BREAKFAST, BREAKFAST | {"service_id": "X-2", "per": "stay"},
        BREAKFAST | {"service_id": "X-3", "hotel_id": "H-2"},
    ),
    "bookings": _keyed(
        "booking_id", _booking("B-1", ANA, "confirmed"), _booking("B-2", ANA, "in house"),
        _booking("B-3", ANA, "checked out"), _booking("B-4", BEN, "confirmed", "saver"),
    ),
    "charges": _keyed("charge_id", _charge("C-1", "open"), _charge("C-2", "paid")),
    "vouchers": _keyed(
        "voucher_id", _voucher("V-1", ANA, "valid"), _voucher("V-2", ANA, "used"), _voucher("V-3", BEN, "valid")
    ),
}  # fmt: skip
SERVER = TOOLS.server(base=Base(WORLD, {"today": TODAY_ISO, "dialect": "standard"}))


def _new(changes: Mapping[str, Mapping[str, Any]], table: str) -> str:
    """The id of the only record of a table that is new; what it is follows from the record."""
    (key,) = set(changes[table]) - set(WORLD[table])
    return key


@pytest.fixture
def session() -> ToolSession:
    return SERVER.session()


def _changes(session: ToolSession, name: str, **arguments: Any) -> dict[str, dict[str, Any]]:
    """What a call changes: table -> id -> the fields that differ (a new record whole), but the day of the change."""
    assert not session.call(ToolCall(name, arguments)).is_error
    out: dict[str, dict[str, Any]] = {}
    for table, records in (session.diff() or {}).items():
        for key, record in records.items():
            before: Mapping[str, Any] = WORLD[table].get(key, {})
            assert record is not None
            assert record.get("changed", TODAY_ISO) == TODAY_ISO
            changed = {name: value for name, value in record.items() if before.get(name) != value}
            out.setdefault(table, {})[key] = {name: value for name, value in changed.items() if name != "changed"}
    return out


def test_reads_show_the_records_and_lists_a_part_of_them(session: ToolSession) -> None:
    def shown(name: str, **arguments: Any) -> Any:
        return value_of(session.call(ToolCall(name, arguments)))

    assert shown("find_guest_by_email", email="ben@example.com") == BEN
    assert shown("get_booking", booking_id="B-4") == WORLD["bookings"]["B-4"]
    part = {"booking_id": "B-4", "hotel_id": "H-1", "arrival": "2026-07-01", "nights": 4}
    assert shown("list_bookings", guest_id=BEN) == [part]
    assert shown("search_hotels", city="Porto") == [
        {"hotel_id": "H-2", "name": "Old Mill", "stars": 3, "distance": 500}
    ]
    assert shown("search_hotels", city="Ghent") == []
    assert [room["room_id"] for room in shown("list_rooms", hotel_id="H-1")] == ["R-1", "R-2", "R-3"]
    assert shown("list_services", hotel_id="H-2") == [WORLD["services"]["X-3"]]
    assert shown("list_charges", booking_id="B-1") == list(WORLD["charges"].values())
    assert session.diff() == {}


@pytest.mark.parametrize(("rate", "price"), [("flexible", 465), ("saver", 417)])
def test_a_booking_costs_what_its_nights_and_its_rate_make(session: ToolSession, rate: str, price: int) -> None:
    # 3 nights at $155 are $465; a tenth off is 155 * 9 // 10 = 139 a night: $417. They end on 2 July.
    wanted = {"guest_id": ANA, "room_id": "R-2", "arrival": "2026-06-29", "nights": 3, "party": 2, "rate": rate}
    changes = _changes(session, "book_room", **wanted)
    assert changes["rooms"] == {"R-2": {"free": 0}}
    key = _new(changes, "bookings")
    made = wanted | {"booking_id": key, "hotel_id": "H-1", "departure": "2026-07-02", "price": price}
    assert changes["bookings"] == {key: made | {"checkout": "11:00", "status": "confirmed"}}
    assert session.call(ToolCall("book_room", wanted)).is_error  # it was the last one


def test_a_stay_moves_and_grows(session: ToolSession) -> None:
    moved = _changes(session, "change_arrival", booking_id="B-1", arrival="2026-07-30")
    assert moved == {"bookings": {"B-1": {"arrival": "2026-07-30", "departure": "2026-08-03"}}}
    # $400 for 4 nights: 2 more are $200.
    grown = _changes(session, "extend_stay", booking_id="B-2", nights=2)
    assert grown["bookings"]["B-2"] == {"nights": 6, "departure": "2026-07-07", "price": 600}


def test_a_change_of_room_frees_the_old_one_and_takes_the_new_ones_price(session: ToolSession) -> None:
    changes = _changes(session, "change_room", booking_id="B-4", room_id="R-2")
    # At the saver rate: 139 a night for 4 nights. (The policy forbids it, the tools do not.)
    assert changes["bookings"] == {"B-4": {"room_id": "R-2", "price": 556}}
    assert changes["rooms"] == {"R-1": {"free": 3}, "R-2": {"free": 0}}


def test_a_cancellation_frees_the_room_and_pays_back(session: ToolSession) -> None:
    changes = _changes(session, "cancel_booking", booking_id="B-1", refund=300)
    assert changes == {
        "bookings": {"B-1": {"status": "cancelled", "price": 100}},
        "rooms": {"R-1": {"free": 3}},
    }


def test_check_in_and_late_check_out(session: ToolSession) -> None:
    assert _changes(session, "check_in", booking_id="B-1") == {"bookings": {"B-1": {"status": "in house"}}}
    late = _changes(session, "set_late_checkout", booking_id="B-1", time="14:00", fee=20)
    assert late["bookings"]["B-1"] == {"status": "in house", "checkout": "14:00", "price": 420}


@pytest.mark.parametrize(("service", "amount"), [("X-1", 48), ("X-2", 12)])  # 4 nights of $12, or the stay
def test_a_service_becomes_a_charge(session: ToolSession, service: str, amount: int) -> None:
    changes = _changes(session, "add_service", booking_id="B-1", service_id=service)
    key = _new(changes, "charges")
    new = {"charge_id": key, "booking_id": "B-1", "guest_id": ANA, "text": "breakfast", "amount": amount}
    assert changes == {"charges": {key: new | {"date": TODAY_ISO, "status": "open"}}}


def test_charges_are_paid_and_refunded(session: ToolSession) -> None:
    assert _changes(session, "pay_charge", charge_id="C-1", amount=25) == {"charges": {"C-1": {"status": "paid"}}}
    assert _changes(session, "refund_charge", charge_id="C-2")["charges"]["C-2"] == {"status": "refunded"}


def test_points_become_a_voucher_and_a_voucher_lowers_a_price(session: ToolSession) -> None:
    changes = _changes(session, "redeem_points", guest_id=ANA, points=700)
    assert changes["guests"] == {ANA: {"points": 300}}
    key = _new(changes, "vouchers")
    new = {"voucher_id": key, "guest_id": ANA, "value": 7, "until": "2027-06-15", "status": "valid"}
    assert changes["vouchers"] == {key: new}
    used = _changes(session, "apply_voucher", voucher_id="V-1", booking_id="B-2")
    assert used["bookings"] == {"B-2": {"price": 340}}
    assert used["vouchers"]["V-1"] == {"status": "used"}


_BOOK = {"guest_id": ANA, "room_id": "R-1", "arrival": "2026-07-01", "nights": 2, "party": 2, "rate": "flexible"}


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("get_guest", {"guest_id": "nobody"}),
        ("find_guest_by_email", {"email": "nobody@example.com"}),
        ("search_hotels", {"city": "Atlantis"}),
        ("list_charges", {"booking_id": "B-9"}),
        ("book_room", _BOOK | {"room_id": "R-3"}),  # none is free
        ("book_room", _BOOK | {"guest_id": "nobody"}),
        ("book_room", _BOOK | {"rate": "cheap"}),
        ("book_room", _BOOK | {"arrival": "2026-06-14"}),
        ("book_room", _BOOK | {"arrival": "20260701"}),
        ("book_room", _BOOK | {"nights": 0}),
        ("change_arrival", {"booking_id": "B-1", "arrival": "soon"}),
        ("change_arrival", {"booking_id": "B-2", "arrival": "2026-07-01"}),  # in house
        ("extend_stay", {"booking_id": "B-3", "nights": 1}),
        ("change_room", {"booking_id": "B-1", "room_id": "R-1"}),
        ("change_room", {"booking_id": "B-1", "room_id": "R-3"}),
        ("change_room", {"booking_id": "B-1", "room_id": "R-4"}),
        ("cancel_booking", {"booking_id": "B-2", "refund": 0}),
        ("cancel_booking", {"booking_id": "B-1", "refund": 401}),
        ("check_in", {"booking_id": "B-2"}),
        ("set_late_checkout", {"booking_id": "B-3", "time": "12:00", "fee": 0}),
        ("set_late_checkout", {"booking_id": "B-1", "time": "noon", "fee": 0}),
        ("add_service", {"booking_id": "B-1", "service_id": "X-3"}),
        ("add_service", {"booking_id": "B-3", "service_id": "X-1"}),
        ("pay_charge", {"charge_id": "C-1", "amount": 24}),
        ("pay_charge", {"charge_id": "C-2", "amount": 25}),
        ("refund_charge", {"charge_id": "C-1"}),
        ("redeem_points", {"guest_id": ANA, "points": 1100}),
        ("redeem_points", {"guest_id": ANA, "points": 150}),
        ("apply_voucher", {"voucher_id": "V-2", "booking_id": "B-1"}),
        ("apply_voucher", {"voucher_id": "V-3", "booking_id": "B-1"}),
        ("apply_voucher", {"voucher_id": "V-1", "booking_id": "B-3"}),
    ],
)
def test_what_is_inconsistent_is_refused_and_changes_nothing(
    session: ToolSession, name: str, arguments: dict[str, Any]
) -> None:
    assert session.call(ToolCall(name, arguments)).is_error
    assert session.diff() == {}


def _seen(wishes: dict[str, Any] | None = None, tier: str = "", **subject: Any) -> Seen:
    return Seen(subject, wishes or {}, {}, {"tier": tier}, TODAY_ISO)


def _picked(name: str, record: dict[str, Any], **subject: Any) -> Seen:
    return Seen(subject, {}, {name: record}, None, TODAY_ISO)


@pytest.mark.parametrize(
    ("rule", "broken", "kept"),
    [
        ("capacity", _seen({"party": 3}, capacity=2), _seen({"party": 2}, capacity=2)),
        ("long", _seen({"nights": 15}, capacity=2), _seen({"nights": 14}, capacity=2)),
        ("long", _seen({"nights": 6}, nights=9), _seen({"nights": 5}, nights=9)),
        ("saver", _seen(rate="saver"), _seen(rate="flexible")),
        ("small", _picked("room_id", {"capacity": 2}, party=3), _picked("room_id", {"capacity": 3}, party=3)),
        ("early", _seen(arrival="2026-06-17"), _seen(arrival="2026-06-16")),
        ("gold", _seen({"time": "14:30"}, "silver"), _seen({"time": "14:00"}, "silver")),
        ("gold", _seen({"time": "14:30"}, "basic"), _seen({"time": "18:00"}, "gold")),
        ("notice", _picked("service_id", {"notice": 2}, arrival="2026-06-16"),
            _picked("service_id", {"notice": 2}, arrival="2026-06-17")),
        ("dear", _seen(amount=151), _seen(amount=150)),
        ("aged", _seen(date="2026-05-31"), _seen(date="2026-06-01")),  # 15 and 14 days ago
        ("basic", Seen({"tier": "basic"}), Seen({"tier": "silver"})),
        ("expired", _seen(until="2026-06-14"), _seen(until=TODAY_ISO)),
        ("full_price", _picked("booking_id", {"rate": "saver"}), _picked("booking_id", {"rate": "flexible"})),
    ],
)  # fmt: skip
def test_each_rule_at_its_border(rule: str, broken: Seen, kept: Seen) -> None:
    by_name = {one.name: one for one in HOTEL.rules}
    assert by_name[rule].broken(broken)
    assert not by_name[rule].broken(kept)


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_world_hangs_together(split: Any) -> None:
    tables = build_world(HOTEL.tables, world_key(split, 3), "small", {}).tables
    for booking in tables["bookings"].values():
        room = tables["rooms"][booking["room_id"]]
        assert room["hotel_id"] == booking["hotel_id"]
        assert booking["party"] <= room["capacity"]
        each = room["price"] if booking["rate"] == "flexible" else room["price"] * 9 // 10
        assert booking["price"] == each * booking["nights"]
        assert (booking["status"] == "confirmed") == (booking["arrival"] >= TODAY_ISO)
    assert {charge["guest_id"] for charge in tables["charges"].values()} <= set(tables["guests"])


def test_a_refund_follows_from_the_price_the_nights_and_the_arrival() -> None:
    # The whole price until three days before the arrival (from 2026-06-18 on); later all but a night's.
    domain, composer = DeclaredDomain(HOTEL, size="small"), DeclaredComposer(HOTEL)
    outline = next(one for one in composer.kitchen.outlines if one.name == "booking(told) cancel")
    maker = TaskMaker(domain.source("train"), cast(Composer, composer), domain.server.session)
    whole = set()
    for k in range(8):
        key = world_key("train", k)
        base = composer.base(key, "small", "standard")
        for place in range(composer.speakers(base)):
            task = maker.attempt(0, Together((outline,)), key, base, place, random.Random(place))
            if task is not None:
                look, cancel = task.gold_calls
                booking = base.tables["bookings"][look.arguments["booking_id"]]
                kept = 0 if booking["arrival"] >= "2026-06-18" else booking["price"] // booking["nights"]
                assert cancel.arguments["refund"] == booking["price"] - kept
                whole.add(kept == 0)
    assert whole == {True, False}
