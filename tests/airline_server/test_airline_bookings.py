"""Bookings, cancellations and certificates of the standard dialect, worked out by hand."""

import itertools
import re
from typing import Any

import pytest

DAY_1, DAY_2 = "2024-05-20", "2024-05-21"
ANN = {"first_name": "Ann", "last_name": "Reyes", "dob": "1990-01-02"}
BO = {"first_name": "Bo", "last_name": "Li", "dob": "1991-03-04"}


def booking(**changes: Any) -> dict[str, Any]:
    """Ann and Bo, AAA to CCC by AR100 and AR200 on day 1 in economy, one paid bag, insured.

    (100 + 101) * 2 for the flights + 50 for the bag + 30 * 2 for insurance = 512 dollars.
    """
    arguments: dict[str, Any] = {
        "user_id": "ann_1",
        "origin": "AAA",
        "destination": "CCC",
        "flight_type": "one_way",
        "cabin": "economy",
        "flights": [{"flight_number": "AR100", "date": DAY_1}, {"flight_number": "AR200", "date": DAY_1}],
        "passengers": [ANN, BO],
        "payment_methods": [
            {"payment_id": "certificate_3", "amount": 100},
            {"payment_id": "gift_card_1", "amount": 200},
            {"payment_id": "credit_card_2", "amount": 212},
        ],
        "total_baggages": 3,
        "nonfree_baggages": 1,
        "insurance": "yes",
    }
    return arguments | changes


def pay(*parts: tuple[str, float]) -> dict[str, Any]:
    return {"payment_methods": [{"payment_id": payment_id, "amount": amount} for payment_id, amount in parts]}


class TestBooking:
    def test_stores_the_reservation(self, standard):
        made = standard.ok("book_reservation", **booking())
        assert made == {
            "reservation_id": "HATHAT",
            "user_id": "ann_1",
            "origin": "AAA",
            "destination": "CCC",
            "flight_type": "one_way",
            "cabin": "economy",
            "flights": [
                {"flight_number": "AR100", "date": DAY_1, "price": 100, "origin": "AAA", "destination": "BBB"},
                {"flight_number": "AR200", "date": DAY_1, "price": 101, "origin": "BBB", "destination": "CCC"},
            ],
            "passengers": [ANN, BO],
            "payment_history": booking()["payment_methods"],
            "created_at": "2024-05-15T15:00:00",
            "total_baggages": 3,
            "nonfree_baggages": 1,
            "insurance": "yes",
        }
        assert standard.world.get("reservations", "HATHAT") == made
        assert standard.world.get("users", "ann_1")["reservations"] == ["OLD001", "HATHAT"]

    def test_charges_and_takes_seats(self, standard):
        standard.ok("book_reservation", **booking())
        assert standard.method("gift_card_1")["amount"] == 50  # 250 - 200
        assert standard.method("certificate_3") is None
        assert standard.seats("AR100", DAY_1, "economy") == standard.seats("AR200", DAY_1, "economy") == 2  # 4 - 2
        assert standard.seats("AR100", DAY_1, "business") == 2
        assert standard.seats("AR100", DAY_2, "economy") == 4

    def test_seats_run_out(self, standard):
        for _ in range(2):  # two seats each of four
            standard.ok("book_reservation", **booking(**pay(("credit_card_2", 512))))
        assert "0 free seats" in standard.refused("book_reservation", **booking(**pay(("credit_card_2", 512))))

    def test_ignores_what_callers_add_to_flights(self, standard):
        flights = [{"flight_number": "AR100", "date": DAY_1, "price": 1, "note": "cheap"}]
        arguments = booking(flights=flights, insurance="no", nonfree_baggages=0, **pay(("credit_card_2", 200)))
        made = standard.ok("book_reservation", **arguments)
        assert made["flights"] == [
            {"flight_number": "AR100", "date": DAY_1, "price": 100, "origin": "AAA", "destination": "BBB"}
        ]

    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"user_id": "nobody"}, "user 'nobody' not found"),
            ({"flights": []}, "at least one flight"),
            ({"flights": [{"flight_number": "AR100", "date": DAY_1}] * 2}, "listed twice"),
            ({"flights": [{"flight_number": "AR999", "date": DAY_1}]}, "'AR999' not found"),
            ({"flights": [{"flight_number": "AR100", "date": "2024-06-20"}]}, "does not fly on '2024-06-20'"),
            ({"flights": [{"flight_number": "AR500", "date": DAY_1}]}, "it is cancelled"),
            ({"flights": [{"flight_number": "AR500", "date": DAY_2}]}, "it is landed"),
            ({"flights": [{"flight_number": "AR100"}]}, "flights.0.date: Field required"),
            ({"passengers": []}, "at least one passenger"),
            ({"passengers": [ANN, BO, ANN], "cabin": "business"}, "2 free seats in business, but 3 are needed"),
            ({"passengers": "Ann"}, "passengers: Input should be a valid list"),
            ({"cabin": "first"}, "cabin: Input should be"),
            ({"flight_type": "open_jaw"}, "flight_type: Input should be"),
            ({"insurance": "YES"}, "insurance: Input should be 'yes' or 'no'"),
            ({"nonfree_baggages": 4}, "4 paid bags are more than the 3 bags"),
            ({"nonfree_baggages": -1}, "greater than or equal to 0"),
            (pay(("credit_card_2", 511)), "the payments come to 511, but the price is 512"),
            (pay(("credit_card_2", 512), ("gift_card_1", 1)), "the payments come to 513"),
            (pay(("credit_card_2", 612), ("gift_card_1", -100)), "greater than 0"),
            (pay(("credit_card_9", 512)), "'credit_card_9' is not in the user's profile"),
            (pay(("gift_card_1", 512)), "gift_card_1 holds 250, less than the 512"),
            (pay(("certificate_3", 101), ("credit_card_2", 411)), "certificate_3 holds 100, less than the 101"),
            (pay(("certificate_3", 50), ("certificate_3", 50), ("credit_card_2", 412)), "pays only once"),
            (pay(("gift_card_1", 200), ("gift_card_1", 200), ("credit_card_2", 112)), "gift_card_1 holds 250"),
            (pay(), "the payments come to 0"),
            ({"unexpected": 1}, "unexpected: Unexpected keyword argument"),
        ],
    )
    def test_refuses(self, standard, changes, says):
        assert says in standard.refused("book_reservation", **booking(**changes))

    def test_a_gift_card_may_pay_in_two_parts(self, standard):
        parts = pay(("gift_card_1", 150), ("gift_card_1", 100), ("credit_card_2", 262))
        standard.ok("book_reservation", **booking(**parts))
        assert standard.method("gift_card_1")["amount"] == 0  # 250 - 150 - 100


class TestCancelling:
    def test_notes_refunds_and_gives_seats_back(self, standard):
        cancelled = standard.ok("cancel_reservation", reservation_id="OLD001")
        assert cancelled["status"] == "cancelled"
        assert cancelled["payment_history"] == [
            {"payment_id": "credit_card_2", "amount": 362},
            {"payment_id": "credit_card_2", "amount": -362},
        ]
        assert standard.seats("AR100", DAY_1, "economy") == standard.seats("AR200", DAY_1, "economy") == 6  # 4 + 2

    def test_undoes_a_booking(self, standard):
        standard.ok("book_reservation", **booking())
        standard.ok("cancel_reservation", reservation_id="HATHAT")
        diff = standard.session.diff()
        assert diff.keys() == {"reservations", "users"}  # The flights are as they were.
        methods = diff["users"]["ann_1"]["payment_methods"]
        assert methods["gift_card_1"]["amount"] == 250
        assert methods["certificate_3"] == {"source": "certificate", "amount": 100, "id": "certificate_3"}
        assert sum(payment["amount"] for payment in diff["reservations"]["HATHAT"]["payment_history"]) == 0

    def test_twice_is_refused(self, standard):
        standard.ok("cancel_reservation", reservation_id="OLD001")
        assert "cancelled already" in standard.refused("cancel_reservation", reservation_id="OLD001")

    def test_unknown_is_refused(self, standard):
        assert "'NOWHERE' not found" in standard.refused("cancel_reservation", reservation_id="NOWHERE")

    def test_sets_off_what_another_method_was_given(self, standard):
        # Booked by credit card for 362; the cheaper cabin gives (181 - 101) * 2 = 160 to the gift card (250 -> 410),
        # which a booking then spends down to 0. Cancelling owes 362 - 160 = 202, all of it to the credit card: taking
        # 160 back from the gift card would overdraw it.
        flights = [{"flight_number": "AR100", "date": DAY_1}, {"flight_number": "AR200", "date": DAY_1}]
        changed = standard.ok(
            "update_reservation_flights",
            reservation_id="OLD001",
            cabin="basic_economy",
            flights=flights,
            payment_id="gift_card_1",
        )
        assert changed["payment_history"][1] == {"payment_id": "gift_card_1", "amount": -160}
        standard.ok("book_reservation", **booking(**pay(("gift_card_1", 410), ("credit_card_2", 102))))
        cancelled = standard.ok("cancel_reservation", reservation_id="OLD001")
        assert cancelled["payment_history"][2:] == [{"payment_id": "credit_card_2", "amount": -202}]
        assert standard.method("gift_card_1")["amount"] == 0


class TestCertificates:
    def test_adds_one(self, standard):
        text = standard.ok("send_certificate", user_id="ann_1", amount=150)
        assert text == "Certificate certificate_3221322 added to user ann_1 with amount 150."
        given = {"source": "certificate", "amount": 150, "id": "certificate_3221322"}
        assert standard.method("certificate_3221322") == given

    def test_whole_amounts_are_stored_alike(self, standard):
        assert standard.ok("send_certificate", user_id="ann_1", amount=150.0).endswith("with amount 150.")
        assert standard.ok("send_certificate", user_id="ann_1", amount=75.5).endswith("with amount 75.5.")

    def test_go_on_after_three(self, standard):
        texts = [standard.ok("send_certificate", user_id="ann_1", amount=1) for _ in range(5)]
        assert [text.split()[1] for text in texts] == [f"certificate_{3221322 + i}" for i in range(5)]

    @pytest.mark.parametrize("amount", [0, -1, "much", None, 1e9])
    def test_refuses_amounts(self, standard, amount):
        assert "amount:" in standard.refused("send_certificate", user_id="ann_1", amount=amount)

    def test_refuses_unknown_users(self, standard):
        assert "'bob' not found" in standard.refused("send_certificate", user_id="bob", amount=1)


class TestIds:
    def test_of_the_public_world_go_on(self, standard):
        # T, U, … Z, then a carry: digits come before letters, so HATHAZ + 1 is HATHB0. Each booking costs 50.
        arguments = booking(
            flights=[{"flight_number": "AR100", "date": DAY_1}],
            cabin="basic_economy",
            passengers=[ANN],
            insurance="no",
            nonfree_baggages=0,
            **pay(("credit_card_2", 50)),
        )
        ids = [standard.ok("book_reservation", **arguments)["reservation_id"] for _ in range(9)]
        assert ids == [f"HATHA{last}" for last in "TUVWXYZ"] + ["HATHB0", "HATHB1"]

    def test_seeded_ids_do_not_depend_on_the_order(self, make_caller):
        bookings = [
            booking(passengers=[ANN], insurance="no", nonfree_baggages=0, **pay(("credit_card_2", 201))),
            booking(passengers=[BO], insurance="no", nonfree_baggages=0, **pay(("credit_card_2", 201))),
            booking(passengers=[BO], insurance="no", nonfree_baggages=1, **pay(("credit_card_2", 251))),
        ]
        seen = set()
        for order in itertools.permutations(range(3)):
            caller = make_caller(ids="seeded", seed=7)
            made = {i: caller.ok("book_reservation", **bookings[i])["reservation_id"] for i in order}
            seen.add(tuple(sorted(made.items())))
        assert len(seen) == 1
        ids = [reservation_id for _, reservation_id in seen.pop()]
        assert len(set(ids)) == 3
        assert all(re.fullmatch(r"[A-Z0-9]{6}", reservation_id) for reservation_id in ids)

    def test_seeded_ids_differ_by_seed_and_never_repeat(self, make_caller):
        arguments = booking(passengers=[ANN], insurance="no", nonfree_baggages=0, **pay(("credit_card_2", 201)))
        caller = make_caller(ids="seeded", seed=7)
        ids = [caller.ok("book_reservation", **arguments)["reservation_id"] for _ in range(4)]
        ids.append(make_caller(ids="seeded", seed=8).ok("book_reservation", **arguments)["reservation_id"])
        assert len(set(ids)) == 5

    def test_seeded_certificates(self, make_caller):
        caller = make_caller(ids="seeded", seed=7)
        first, again = (caller.ok("send_certificate", user_id="ann_1", amount=50).split()[1] for _ in range(2))
        assert first != again
        assert re.fullmatch(r"certificate_\d{7}", first)
        other = make_caller(ids="seeded", seed=7)
        other.ok("send_certificate", user_id="ann_1", amount=60)
        assert other.ok("send_certificate", user_id="ann_1", amount=50).split()[1] == first
