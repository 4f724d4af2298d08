"""Every known bug of the reference, side by side: there in `tau_bench`, mended in `standard`."""

from typing import Any

import pytest

from toolgym.mcp_servers.airline import WRITES, build_server
from toolgym.messages import ToolCall

DAY_1, DAY_2 = "2024-05-20", "2024-05-21"
ANN = {"first_name": "Ann", "last_name": "Reyes", "dob": "1990-01-02"}
SAME = [{"flight_number": "AR100", "date": DAY_1}, {"flight_number": "AR200", "date": DAY_1}]
NEW_CABIN = {"reservation_id": "OLD001", "cabin": "business", "flights": SAME, "payment_id": "credit_card_2"}


def booking(*payments: tuple[str, float], **changes: Any) -> dict[str, Any]:
    """Ann alone by AR100 on day 1 in business, for 300 dollars; by credit card unless `payments` are given."""
    arguments: dict[str, Any] = {
        "user_id": "ann_1",
        "origin": "AAA",
        "destination": "BBB",
        "flight_type": "one_way",
        "cabin": "business",
        "flights": SAME[:1],
        "passengers": [ANN],
        "payment_methods": [
            {"payment_id": payment_id, "amount": amount} for payment_id, amount in payments or [("credit_card_2", 300)]
        ],
        "total_baggages": 0,
        "nonfree_baggages": 0,
        "insurance": "no",
    }
    return arguments | changes


def test_seats_drop(standard, tau_bench):
    for caller, left in ((standard, 1), (tau_bench, 2)):  # of 2
        caller.ok("book_reservation", **booking())
        assert caller.seats("AR100", DAY_1, "business") == left


def test_a_new_cabin_is_stored(standard, tau_bench):
    for caller, cabin in ((standard, "business"), (tau_bench, "economy")):
        changed = caller.ok("update_reservation_flights", **NEW_CABIN)
        assert changed["cabin"] == caller.world.get("reservations", "OLD001")["cabin"] == cabin
        assert changed["payment_history"][1]["amount"] == 840  # (300 + 301 - 90 - 91) * 2: charged in both


def test_cancelling_twice(standard, tau_bench):
    for caller in (standard, tau_bench):
        caller.ok("cancel_reservation", reservation_id="OLD001")
    assert "cancelled already" in standard.refused("cancel_reservation", reservation_id="OLD001")
    again = tau_bench.ok("cancel_reservation", reservation_id="OLD001")
    # 362 and its refund, and then both of them refunded.
    assert [payment["amount"] for payment in again["payment_history"]] == [362, -362, -362, 362]


def test_cancelling_gives_the_balance_back(standard, tau_bench):
    for caller, balance, certificate in ((standard, 250, 100), (tau_bench, 50, None)):
        caller.ok("book_reservation", **booking(("gift_card_1", 200), ("certificate_3", 100)))
        caller.ok("cancel_reservation", reservation_id="HATHAT")
        assert caller.method("gift_card_1")["amount"] == balance
        assert (caller.method("certificate_3") or {}).get("amount") == certificate


def test_one_certificate_twice(standard, tau_bench):
    # 300 dollars, of which the certificate of 100 is to pay 100 twice.
    arguments = booking(("certificate_3", 100), ("certificate_3", 100), ("credit_card_2", 100))
    assert "pays only once" in standard.refused("book_reservation", **arguments)
    assert standard.method("certificate_3")["amount"] == 100
    # The reference takes the certificate, stumbles over it the second time, and leaves the booking half done.
    result = tau_bench.session.call(ToolCall("book_reservation", arguments))
    assert (result.is_error, result.outcome) == (True, "tool_error")
    assert tau_bench.method("certificate_3") is None
    assert not tau_bench.world.has("reservations", "HATHAT")


def test_a_gift_card_in_two_parts(standard, tau_bench):
    arguments = booking(("gift_card_1", 150), ("gift_card_1", 150))  # 300 of 250
    assert "holds 250, less than the 300" in standard.refused("book_reservation", **arguments)
    tau_bench.ok("book_reservation", **arguments)
    assert tau_bench.method("gift_card_1")["amount"] == -50


def test_the_fourth_booking(make_caller):
    arguments = booking(("credit_card_2", 50), cabin="basic_economy")
    ids = {}
    for dialect in ("standard", "tau_bench"):
        caller = make_caller(dialect)
        ids[dialect] = [caller.ok("book_reservation", **arguments)["reservation_id"] for _ in range(4)]
        assert caller.world.count("reservations") == 1 + len(set(ids[dialect]))
    assert ids["standard"] == ["HATHAT", "HATHAU", "HATHAV", "HATHAW"]
    assert ids["tau_bench"] == ["HATHAT", "HATHAU", "HATHAV", "HATHAV"]


def test_the_fourth_certificate(standard, tau_bench):
    for caller in (standard, tau_bench):
        for _ in range(3):
            caller.ok("send_certificate", user_id="ann_1", amount=10)
    assert "certificate_3221325" in standard.ok("send_certificate", user_id="ann_1", amount=10)
    before = tau_bench.world.hash()
    assert tau_bench.ok("send_certificate", user_id="ann_1", amount=10) == ""
    assert tau_bench.world.hash() == before


def test_insurance_in_capitals(standard, tau_bench):
    assert "insurance:" in standard.refused("book_reservation", **booking(insurance="YES"))
    made = tau_bench.ok("book_reservation", **booking(insurance="YES"))  # 300 dollars pay the flight alone
    assert made["insurance"] == "YES"
    assert "price is 330" in tau_bench.refused("book_reservation", **booking(insurance="yes"))


def test_the_second_leg_of_a_search(standard, tau_bench):
    # AR300 lands at 01:00 on day 2: AR200 and AR400 are flown on day 2, for 61 and 63 in basic economy.
    search = {"origin": "AAA", "destination": "CCC", "date": DAY_1}
    for caller, prices in ((standard, [51, 61, 63]), (tau_bench, [51, 51, 53])):
        found = caller.ok("search_onestop_flight", **search)
        assert [second["prices"]["basic_economy"] for _, second in found] == prices
        assert [second["date"] for _, second in found] == [DAY_1, DAY_2, DAY_2]


def test_the_day_after_the_ninth(make_world):
    # The reference writes the day after the 8th as "2024-05-9", which no flight has.
    from toolgym.mcp_servers.airline.lookups import search_onestop_flight

    for dialect, connections in (("standard", 2), ("tau_bench", 0)):
        world = make_world(dialect)
        for number in ("AR200", "AR300", "AR400"):
            days = world.edit("flights", number)["dates"]
            days["2024-05-08"], days["2024-05-09"] = days[DAY_1], days[DAY_1]
        found = search_onestop_flight(world, "AAA", "CCC", "2024-05-08")
        assert len(found) == connections


def test_types_are_advertised_by_both_and_enforced_by_one(standard, tau_bench):
    assert standard.session.tools == tau_bench.session.tools
    assert standard.refused("search_direct_flight", origin=None, destination="BBB", date=DAY_1)
    assert tau_bench.ok("search_direct_flight", origin=None, destination="BBB", date=DAY_1) == []
    assert tau_bench.ok("search_onestop_flight", origin={}, destination=["BBB"], date=DAY_1) == []
    made = tau_bench.ok("book_reservation", **booking(origin=[], total_baggages=""))
    assert (made["origin"], made["total_baggages"]) == ([], "")
    assert "zzz" in tau_bench.ok("send_certificate", user_id="ann_1", amount="zzz")
    emptied = tau_bench.ok("update_reservation_flights", **(NEW_CABIN | {"flights": []}))
    assert emptied["payment_history"][1]["amount"] == -362  # (0 - 90 - 91) * 2


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("get_user_details", {"user_id": []}, "TypeError"),
        ("get_user_details", {"user_id": 5}, "user 5 not found"),
        ("search_direct_flight", {"origin": "AAA", "destination": "BBB", "date": []}, "TypeError"),
        ("search_onestop_flight", {"origin": "AAA", "destination": "CCC", "date": "?"}, "ValueError"),
        ("calculate", {"expression": []}, "must be a string"),
        ("calculate", {"expression": "2**2"}, "only numbers"),
        ("book_reservation", booking(cabin="first"), "KeyError: 'first'"),
        ("book_reservation", booking(flights=[{}]), "KeyError: 'flight_number'"),
        ("book_reservation", booking(passengers=None), "TypeError"),
        ("book_reservation", booking(payment_methods="[]"), "TypeError"),
        ("book_reservation", booking(nonfree_baggages="1"), "TypeError"),
        ("update_reservation_passengers", {"reservation_id": "OLD001", "passengers": None}, "TypeError"),
        ("update_reservation_flights", NEW_CABIN | {"flights": 0}, "TypeError"),
        ("cancel_reservation", {}, "reservation_id: Missing required argument"),
        ("list_all_airports", {"unexpected": 1}, "Unexpected keyword argument"),
    ],
)
def test_what_untyped_code_stumbles_over_is_refused(tau_bench, name, arguments, says):
    assert says in tau_bench.refused(name, **arguments)


def test_refusals_stay_short(tau_bench):
    assert len(tau_bench.refused("book_reservation", **booking(cabin="x" * 10_000))) < 200


def test_the_caller_keeps_its_data(tau_bench):
    given = ["a list where a code was expected"]
    tau_bench.ok("book_reservation", **booking(origin=given))
    given.append("changed")
    assert len(tau_bench.world.get("reservations", "HATHAT")["origin"]) == 1


def test_writes_are_marked(standard):
    assert {tool.name for tool in standard.session.tools if tool.writes} == {tool.__name__ for tool in WRITES}
    assert len(standard.session.tools) == 14


def test_the_base_must_be_of_the_dialect(make_base):
    from toolgym.errors import ConfigError

    with pytest.raises(ConfigError, match="the base is of dialect 'tau_bench'"):
        build_server(base=make_base("tau_bench"))
    with pytest.raises(ConfigError, match="Did you mean 'tau_bench'"):
        build_server(dialect="tau-bench")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ConfigError, match="one of data, seed and base"):
        build_server(base=make_base(), seed=1)
