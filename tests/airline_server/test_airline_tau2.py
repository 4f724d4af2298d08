"""How the `tau2` dialect differs from `tau_bench`: what was mended there, and how it reads arguments."""

from typing import Any

import pytest

from toolgym.messages import ToolCall

DAY_1, DAY_2 = "2024-05-20", "2024-05-21"
ANN = {"first_name": "Ann", "last_name": "Reyes", "dob": "1990-01-02"}
SAME = [{"flight_number": "AR100", "date": DAY_1}, {"flight_number": "AR200", "date": DAY_1}]
BOOKING: dict[str, Any] = {
    "user_id": "ann_1",
    "origin": "AAA",
    "destination": "BBB",
    "flight_type": "one_way",
    "cabin": "basic_economy",
    "flights": SAME[:1],
    "passengers": [ANN],
    "payment_methods": [{"payment_id": "credit_card_2", "amount": 50}],
    "total_baggages": 0,
    "nonfree_baggages": 0,
    "insurance": "no",
}
BAGS = {"reservation_id": "OLD001", "total_baggages": 2, "payment_id": "gift_card_1"}


def test_its_tools(tau_bench, tau2):
    names = [{tool.name for tool in caller.session.tools} for caller in (tau_bench, tau2)]
    assert names[1] - names[0] == {"get_flight_status"}
    assert names[0] - names[1] == {"think"}
    assert tau2.ok("list_all_airports")[0] == {"iata": "AAA", "city": "Alba"}
    assert tau2.ok("get_flight_status", flight_number="AR500", date=DAY_2) == "landed"
    assert tau2.ok("get_flight_status", flight_number="AR100", date=DAY_2) == "available"
    assert "no flight 'AR300' on" in tau2.refused("get_flight_status", flight_number="AR300", date=DAY_2)


def test_bookings_take_seats_and_nothing_gives_them_back(tau2):
    tau2.ok("book_reservation", **BOOKING)
    assert tau2.seats("AR100", DAY_1, "basic_economy") == 8  # of 9
    tau2.ok("cancel_reservation", reservation_id="HATHAT")
    changed = {"reservation_id": "OLD001", "cabin": "business", "flights": SAME, "payment_id": "credit_card_2"}
    assert tau2.ok("update_reservation_flights", **changed)["cabin"] == "business"
    assert tau2.seats("AR100", DAY_1, "basic_economy") == 8
    assert tau2.seats("AR100", DAY_1, "business") == 2


def test_the_fourth_is_refused(tau2):
    for _ in range(3):
        tau2.ok("book_reservation", **BOOKING)
        tau2.ok("send_certificate", user_id="ann_1", amount=10)
    assert "no more reservations" in tau2.refused("book_reservation", **BOOKING)
    assert "no more certificates" in tau2.refused("send_certificate", user_id="ann_1", amount=10)


def test_the_second_leg_is_shown_as_on_its_day(tau2):
    found = tau2.ok("search_onestop_flight", origin="AAA", destination="CCC", date=DAY_1)
    assert [second["prices"]["basic_economy"] for _, second in found] == [51, 61, 63]


def test_null_is_any_airport(tau2):
    found = tau2.ok("search_direct_flight", origin=None, destination="BBB", date=DAY_1)
    assert [flight["flight_number"] for flight in found] == ["AR100", "AR300"]
    assert len(tau2.ok("search_direct_flight", origin=None, destination=None, date=DAY_1)) == 4
    assert len(tau2.ok("search_onestop_flight", origin=None, destination="CCC", date=DAY_1)) == 3
    assert tau2.ok("search_direct_flight", origin=[], destination="BBB", date=DAY_1) == []


def test_every_field_is_shown(tau2):
    assert tau2.ok("get_user_details", user_id="ann_1")["user_id"] == "ann_1"
    assert tau2.ok("get_reservation_details", reservation_id="OLD001")["status"] is None
    assert tau2.ok("cancel_reservation", reservation_id="OLD001")["status"] == "cancelled"
    assert tau2.ok("search_direct_flight", origin="AAA", destination="BBB", date=DAY_1)[0]["date"] is None


def test_records_are_read_by_their_types(tau2):
    given = {"flights": [{**SAME[0], "price": 1}], "passengers": [{**ANN, "age": 3}], "total_baggages": "2"}
    made = tau2.ok("book_reservation", **BOOKING | given)
    assert made["total_baggages"] == 2
    assert made["passengers"] == [ANN]
    assert made["flights"][0]["price"] == 50
    assert tau2.ok("update_reservation_passengers", reservation_id="OLD001", passengers="ab")["passengers"] == "ab"
    tau2.ok("send_certificate", user_id="ann_1", amount="12")
    assert tau2.method("certificate_3221322")["amount"] == 12.0


@pytest.mark.parametrize(
    "given",
    [
        {"origin": None},
        {"insurance": "YES"},
        {"cabin": "first"},
        {"total_baggages": ""},
        {"total_baggages": 1.5},
        {"passengers": "[]"},
        {"passengers": [{}]},
        {"passengers": {"a": 1}},
        {"flights": ["AR100"]},
        {"payment_methods": [{"payment_id": "credit_card_2", "amount": "fifty"}]},
        {"nonfree_baggages": "1"},
    ],
)
def test_what_its_types_refuse(tau2, given):
    assert tau2.refused("book_reservation", **BOOKING | given)


def test_half_a_dollar_stays_charged(tau2):
    # 1.25 bags cost 62.50, which the card of 250 pays before the payment cannot be noted.
    result = tau2.session.call(ToolCall("update_reservation_baggages", {**BAGS, "nonfree_baggages": 1.25}))
    assert result.is_error
    assert tau2.method("gift_card_1")["amount"] == 187.5
    assert tau2.world.get("reservations", "OLD001")["total_baggages"] == 1
    assert tau2.ok("update_reservation_baggages", **BAGS, nonfree_baggages=1.0)["payment_history"][-1]["amount"] == 50
