"""Changes of flights, baggage and passengers in the standard dialect, worked out by hand.

OLD001 is Ann's and Bo's: AR100 at 90 and AR200 at 91 on day 1 in economy, paid 362 by credit card.
"""

from typing import Any

import pytest

DAY_1, DAY_2 = "2024-05-20", "2024-05-21"
ANN = {"first_name": "Ann", "last_name": "Reyes", "dob": "1990-01-02"}
CY = {"first_name": "Cy", "last_name": "Oda", "dob": "1985-06-07"}


def legs(*pairs: tuple[str, str]) -> list[dict[str, str]]:
    return [{"flight_number": number, "date": date} for number, date in pairs]


SAME = legs(("AR100", DAY_1), ("AR200", DAY_1))


def change(**changes: Any) -> dict[str, Any]:
    """The same flights and cabin, at the credit card's charge."""
    arguments: dict[str, Any] = {
        "reservation_id": "OLD001",
        "cabin": "economy",
        "flights": SAME,
        "payment_id": "credit_card_2",
    }
    return arguments | changes


class TestFlights:
    def test_what_stays_keeps_its_price(self, standard):
        # AR100 stays at 90, though it is sold for 100 now; AR200 on day 2 costs 111 instead of 91: 20 * 2 = 40 more.
        flights = legs(("AR100", DAY_1), ("AR200", DAY_2))
        changed = standard.ok("update_reservation_flights", **change(flights=flights))
        assert [leg["price"] for leg in changed["flights"]] == [90, 111]
        assert changed["payment_history"][1:] == [{"payment_id": "credit_card_2", "amount": 40}]
        assert standard.seats("AR200", DAY_1, "economy") == 6  # 4 + 2
        assert standard.seats("AR200", DAY_2, "economy") == 2  # 4 - 2
        assert standard.seats("AR100", DAY_1, "economy") == 4

    def test_a_new_cabin_is_stored_charged_and_seated(self, standard):
        # 300 + 301 - 90 - 91 = 420 a passenger.
        changed = standard.ok("update_reservation_flights", **change(cabin="business"))
        assert changed["cabin"] == "business"
        assert changed["payment_history"][1:] == [{"payment_id": "credit_card_2", "amount": 840}]
        assert standard.seats("AR100", DAY_1, "business") == 0  # 2 - 2
        assert standard.seats("AR100", DAY_1, "economy") == 6

    def test_the_same_change_twice_costs_nothing_more(self, standard):
        first = standard.ok("update_reservation_flights", **change(cabin="business"))
        assert standard.ok("update_reservation_flights", **change(cabin="business")) == first
        assert standard.seats("AR100", DAY_1, "business") == 0

    def test_a_cheaper_trip_is_refunded(self, standard):
        # 50 + 51 - 181 = -80 a passenger; the gift card goes from 250 to 410.
        changed = standard.ok("update_reservation_flights", **change(cabin="basic_economy", payment_id="gift_card_1"))
        assert changed["payment_history"][1:] == [{"payment_id": "gift_card_1", "amount": -160}]
        assert standard.method("gift_card_1")["amount"] == 410

    def test_a_gift_card_pays(self, standard):
        # AR300 costs 102 instead of AR100's 90: 12 * 2 = 24; 250 - 24 = 226.
        flights = legs(("AR300", DAY_1), ("AR200", DAY_1))
        standard.ok("update_reservation_flights", **change(flights=flights, payment_id="gift_card_1"))
        assert standard.method("gift_card_1")["amount"] == 226

    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"reservation_id": "NOWHERE"}, "'NOWHERE' not found"),
            ({"flights": []}, "at least one flight"),
            ({"flights": SAME + SAME[:1]}, "AR100 on 2024-05-20 is listed twice"),
            ({"flights": legs(("AR500", DAY_1))}, "it is cancelled"),
            ({"flights": legs(("AR500", DAY_2))}, "it is landed"),
            ({"cabin": "first"}, "cabin: Input should be"),
            ({"payment_id": "gift_card_9"}, "'gift_card_9' is not in the user's profile"),
            ({"payment_id": "certificate_3"}, "a certificate, which cannot pay for a change"),
            ({"cabin": "business", "payment_id": "gift_card_1"}, "gift_card_1 holds 250, less than the price of 840"),
        ],
    )
    def test_refuses(self, standard, changes, says):
        assert says in standard.refused("update_reservation_flights", **change(**changes))

    def test_refuses_a_full_cabin(self, standard):
        standard.ok("update_reservation_flights", **change(cabin="business"))
        booking = {
            "user_id": "ann_1",
            "origin": "AAA",
            "destination": "BBB",
            "flight_type": "one_way",
            "cabin": "business",
            "flights": SAME[:1],
            "passengers": [CY],
            "payment_methods": [{"payment_id": "credit_card_2", "amount": 300}],
            "total_baggages": 0,
            "nonfree_baggages": 0,
            "insurance": "no",
        }
        assert "0 free seats in business" in standard.refused("book_reservation", **booking)

    def test_refuses_cancelled_reservations(self, standard):
        standard.ok("cancel_reservation", reservation_id="OLD001")
        assert "is cancelled" in standard.refused("update_reservation_flights", **change(cabin="business"))
        bags = {"total_baggages": 1, "nonfree_baggages": 0, "payment_id": "credit_card_2"}
        assert "is cancelled" in standard.refused("update_reservation_baggages", reservation_id="OLD001", **bags)
        people = {"passengers": [ANN, CY]}
        assert "is cancelled" in standard.refused("update_reservation_passengers", reservation_id="OLD001", **people)


class TestBaggage:
    def test_charges_bags_that_are_not_free(self, standard):
        # From 1 bag, none paid, to 4 bags, 3 paid: 3 * 50 = 150 of the gift card's 250.
        bags = {"reservation_id": "OLD001", "total_baggages": 4, "nonfree_baggages": 3, "payment_id": "gift_card_1"}
        changed = standard.ok("update_reservation_baggages", **bags)
        assert (changed["total_baggages"], changed["nonfree_baggages"]) == (4, 3)
        assert changed["payment_history"][1:] == [{"payment_id": "gift_card_1", "amount": 150}]
        assert standard.method("gift_card_1")["amount"] == 100
        again = standard.ok("update_reservation_baggages", **bags)  # no bag more, nothing to pay
        assert again == changed

    def test_free_bags_cost_nothing(self, standard):
        bags = {"reservation_id": "OLD001", "total_baggages": 2, "nonfree_baggages": 0, "payment_id": "gift_card_1"}
        assert len(standard.ok("update_reservation_baggages", **bags)["payment_history"]) == 1
        assert standard.method("gift_card_1")["amount"] == 250

    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"reservation_id": "NOWHERE"}, "'NOWHERE' not found"),
            ({"nonfree_baggages": 5}, "5 paid bags are more than the 4 bags"),
            ({"nonfree_baggages": -1}, "greater than or equal to 0"),
            ({"total_baggages": 10**9}, "less than or equal to 1000"),
            ({"payment_id": "certificate_3"}, "a certificate, which cannot pay"),
            ({"payment_id": "nothing"}, "'nothing' is not in the user's profile"),
            ({"total_baggages": 6, "nonfree_baggages": 6}, "gift_card_1 holds 250, less than the price of 300"),
        ],
    )
    def test_refuses(self, standard, changes, says):
        bags = {"reservation_id": "OLD001", "total_baggages": 4, "nonfree_baggages": 3, "payment_id": "gift_card_1"}
        assert says in standard.refused("update_reservation_baggages", **(bags | changes))


class TestPassengers:
    def test_replaces_them(self, standard):
        changed = standard.ok("update_reservation_passengers", reservation_id="OLD001", passengers=[ANN, CY])
        assert changed["passengers"] == [ANN, CY]
        assert standard.session.diff().keys() == {"reservations"}

    @pytest.mark.parametrize(
        ("passengers", "says"),
        [
            ([ANN], "is for 2 passengers, not 1"),
            ([ANN, CY, CY], "is for 2 passengers, not 3"),
            ([ANN, {"first_name": "Cy"}], "passengers.1.last_name: Field required"),
            ("ab", "passengers: Input should be a valid list"),
        ],
    )
    def test_refuses(self, standard, passengers, says):
        text = standard.refused("update_reservation_passengers", reservation_id="OLD001", passengers=passengers)
        assert says in text
