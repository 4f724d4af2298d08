"""The tools that only read, worked out by hand on the small world."""

import pytest

DAY_1, DAY_2 = "2024-05-20", "2024-05-21"


def offer(number: str, route: str, departs: str, arrives: str, price: int, date: str | None = None):
    found = {
        "flight_number": number,
        "origin": route[:3],
        "destination": route[3:],
        "scheduled_departure_time_est": departs,
        "scheduled_arrival_time_est": arrives,
        "status": "available",
        "available_seats": {"basic_economy": 9, "economy": 4, "business": 2},
        "prices": {"basic_economy": price, "economy": price + 50, "business": price + 250},
    }
    return found if date is None else {**found, "date": date}


class TestDetails:
    def test_user(self, standard):
        user = standard.ok("get_user_details", user_id="ann_1")
        assert user == standard.world.get("users", "ann_1")
        assert "ann_1" not in user.values()  # as in the public world, the record does not repeat its id

    def test_reservation(self, standard):
        assert standard.ok("get_reservation_details", reservation_id="OLD001")["reservation_id"] == "OLD001"

    def test_unknown(self, standard):
        assert "user 'bob' not found" in standard.refused("get_user_details", user_id="bob")
        assert "'old001' not found" in standard.refused("get_reservation_details", reservation_id="old001")
        # An error message does not grow with what was sent.
        assert len(standard.refused("get_user_details", user_id="x" * 10_000)) < 150

    def test_results_are_copies(self, standard):
        standard.ok("get_user_details", user_id="ann_1")["name"]["first_name"] = "Eve"
        assert standard.world.get("users", "ann_1")["name"]["first_name"] == "Ann"

    def test_airports(self, standard):
        assert standard.ok("list_all_airports") == {"AAA": "Alba", "BBB": "Brook", "CCC": "Cove"}


class TestDirectSearch:
    def test_shows_what_can_be_booked_that_day(self, standard):
        # AR500 is cancelled on day 1 and landed on day 2; AR300 flies on day 1 only.
        found = standard.ok("search_direct_flight", origin="AAA", destination="BBB", date=DAY_1)
        assert found == [
            offer("AR100", "AAABBB", "08:00:00", "09:00:00", 50),
            offer("AR300", "AAABBB", "22:00:00", "01:00:00+1", 52),
        ]
        found = standard.ok("search_direct_flight", origin="AAA", destination="BBB", date=DAY_2)
        assert found == [offer("AR100", "AAABBB", "08:00:00", "09:00:00", 60)]

    def test_finds_nothing(self, standard):
        assert standard.ok("search_direct_flight", origin="BBB", destination="AAA", date=DAY_1) == []
        assert standard.ok("search_direct_flight", origin="AAA", destination="ZZZ", date=DAY_1) == []
        assert standard.ok("search_direct_flight", origin="AAA", destination="BBB", date="2030-01-01") == []

    def test_shows_seats_as_they_are_now(self, standard):
        standard.ok("cancel_reservation", reservation_id="OLD001")
        found = standard.ok("search_direct_flight", origin="AAA", destination="BBB", date=DAY_1)
        assert found[0]["available_seats"]["economy"] == 6

    @pytest.mark.parametrize("tool", ["search_direct_flight", "search_onestop_flight"])
    @pytest.mark.parametrize("date", ["May 20", "2024-5-20", "2024-13-01", "2024-05-20\n", "", None, 20240520])
    def test_refuses_other_dates(self, standard, tool, date):
        assert "date:" in standard.refused(tool, origin="AAA", destination="BBB", date=date)


class TestOneStopSearch:
    def test_connects_on_the_same_day_and_the_next(self, standard):
        # AR100 lands at 09:00, so AR200 (10:00) is caught the same day and AR400 (02:00) is missed. AR300 lands after
        # midnight at 01:00, so AR200 and AR400 of day 2 are caught, at that day's prices: 61 and 63.
        found = standard.ok("search_onestop_flight", origin="AAA", destination="CCC", date=DAY_1)
        ar100 = offer("AR100", "AAABBB", "08:00:00", "09:00:00", 50, DAY_1)
        ar300 = offer("AR300", "AAABBB", "22:00:00", "01:00:00+1", 52, DAY_1)
        assert found == [
            [ar100, offer("AR200", "BBBCCC", "10:00:00", "11:00:00", 51, DAY_1)],
            [ar300, offer("AR200", "BBBCCC", "10:00:00", "11:00:00", 61, DAY_2)],
            [ar300, offer("AR400", "BBBCCC", "02:00:00", "03:00:00", 63, DAY_2)],
        ]

    def test_finds_nothing(self, standard):
        assert standard.ok("search_onestop_flight", origin="BBB", destination="AAA", date=DAY_1) == []
        assert standard.ok("search_onestop_flight", origin="AAA", destination="CCC", date="9999-12-31") == []


class TestTheRest:
    def test_think_and_transfer(self, standard):
        before = standard.world.version
        assert standard.ok("think", thought="hm") == ""
        assert standard.ok("transfer_to_human_agents", summary="wants a human") == "Transfer successful"
        assert standard.world.version == before

    def test_calculate(self, standard):
        assert standard.ok("calculate", expression="2 * (119 + 30)") == "298.0"
        assert "division by zero" in standard.refused("calculate", expression="1/0")
