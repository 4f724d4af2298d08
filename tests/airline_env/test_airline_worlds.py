"""Generated airline worlds are consistent, and differ by split."""

import itertools
from datetime import date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolgym.composing.names import SPLITS, draw_name, owner, rng_for
from toolgym.composing.worlds import split_of, world_key
from toolgym.envs.airline.ids import ReservationIds, reservation_id_owner
from toolgym.envs.airline.rules import EXTRA_BAG_USD, INSURANCE_USD, NOW, TODAY, free_bags
from toolgym.envs.airline.world import LazyTable, build_base, user_count, user_id_at
from toolgym.errors import ConfigError
from toolgym.world import Base, canonical

keys = st.builds(world_key, st.sampled_from(SPLITS), st.integers(0, 5000), st.integers(0, 3))


def check_reservation(base: Base, reservation_id: str) -> None:
    trip = base.tables["reservations"][reservation_id]
    owner_record = base.tables["users"][trip["user_id"]]
    assert trip["reservation_id"] == reservation_id
    assert reservation_id in owner_record["reservations"]
    legs = trip["flights"]
    for leg in legs:
        flight = base.tables["flights"][leg["flight_number"]]
        assert (leg["origin"], leg["destination"]) == (flight["origin"], flight["destination"])
        day = flight["dates"][leg["date"]]
        if day["status"] == "available":
            assert leg["price"] == day["prices"][trip["cabin"]]
    for one, two in itertools.pairwise(legs):
        assert one["destination"] == two["origin"]
        arrival = base.tables["flights"][one["flight_number"]]["scheduled_arrival_time_est"]
        departure = base.tables["flights"][two["flight_number"]]["scheduled_departure_time_est"]
        assert (one["date"], arrival) < (two["date"], departure)
    assert trip["origin"] == legs[0]["origin"]
    if trip["flight_type"] == "round_trip":
        assert (trip["destination"], legs[-1]["destination"]) == (legs[0]["destination"], trip["origin"])
    else:
        assert trip["destination"] == legs[-1]["destination"]
    count = len(trip["passengers"])
    free = free_bags(owner_record["membership"], trip["cabin"], count)
    assert trip["nonfree_baggages"] == max(0, trip["total_baggages"] - free)
    price = count * sum(leg["price"] for leg in legs) + EXTRA_BAG_USD * trip["nonfree_baggages"]
    price += INSURANCE_USD * count * (trip["insurance"] == "yes")
    assert sum(payment["amount"] for payment in trip["payment_history"]) == price
    assert all(payment["payment_id"] in owner_record["payment_methods"] for payment in trip["payment_history"])
    made = datetime.fromisoformat(trip["created_at"])
    assert made < NOW
    assert made.date() < date.fromisoformat(legs[0]["date"])


def check_flight(number: str, flight: dict) -> None:
    assert flight["flight_number"] == number
    assert flight["scheduled_departure_time_est"] < flight["scheduled_arrival_time_est"] < "24:00:00"
    for day, status in flight["dates"].items():
        if day > TODAY.isoformat():
            assert status["status"] in ("available", "cancelled")
        elif day < TODAY.isoformat():
            assert status["status"] in ("landed", "cancelled")
        else:
            assert status["status"] in ("landed", "flying", "on time", "delayed", "cancelled")
        if status["status"] == "available":
            assert min(status["available_seats"].values()) >= 0
            fares = status["prices"]
            assert 0 < fares["basic_economy"] < fares["business"]
            assert fares["economy"] < fares["business"]


@given(key=keys)
@settings(max_examples=30, deadline=None)
def test_small_worlds_are_consistent(key: int) -> None:
    base = build_base(key, "small")
    assert {name: len(table) for name, table in base.tables.items()} == {
        "users": 12,
        "flights": 20,
        "reservations": 24,
    }
    for number, flight in base.tables["flights"].items():
        check_flight(number, flight)
    for reservation_id in base.tables["reservations"]:
        check_reservation(base, reservation_id)
    for user_id, user in base.tables["users"].items():
        assert user_id.startswith(f"{user['name']['first_name']}_{user['name']['last_name']}_".lower())
        assert [key for key, method in user["payment_methods"].items() if method["source"] == "credit_card"]
        assert all(
            base.tables["reservations"][reservation_id]["user_id"] == user_id for reservation_id in user["reservations"]
        )


@given(key=keys)
@settings(max_examples=30, deadline=None)
def test_a_worlds_names_and_ids_belong_to_its_split(key: int) -> None:
    base, split = build_base(key, "small"), split_of(key)
    people = [user["name"] for user in base.tables["users"].values()]
    people += [person for trip in base.tables["reservations"].values() for person in trip["passengers"]]
    people += [person for user in base.tables["users"].values() for person in user["saved_passengers"]]
    assert {owner(part) for person in people for part in (person["first_name"], person["last_name"])} == {split}
    assert {reservation_id_owner(reservation_id) for reservation_id in base.tables["reservations"]} == {split}
    methods = [method for user in base.tables["users"].values() for method in user["payment_methods"]]
    assert {owner(method.rpartition("_")[2]) for method in methods} == {split}


def test_a_world_key_names_its_split() -> None:
    # (seed 2, four splits a seed, test is the third): (2 * 4 + 2) * 10^8 + 7.
    assert world_key("test", 7, seed=2) == 1_000_000_007
    assert split_of(1_000_000_007) == "test"
    assert split_of(3) == "train"


def test_the_standard_world_has_the_promised_size_and_is_consistent() -> None:
    base = build_base(0, "standard")
    assert {name: len(table) for name, table in base.tables.items()} == {
        "users": 500,
        "flights": 300,
        "reservations": 2000,
    }
    assert {len(flight["dates"]) for flight in base.tables["flights"].values()} == {30}
    for number, flight in base.tables["flights"].items():
        check_flight(number, flight)
    for reservation_id in list(base.tables["reservations"])[::7]:
        check_reservation(base, reservation_id)
    kinds = {(trip["flight_type"], len(trip["flights"])) for trip in base.tables["reservations"].values()}
    assert kinds == {("one_way", 1), ("one_way", 2), ("round_trip", 2)}


def test_small_records_are_short() -> None:
    users, trips = [], []
    for k in range(20):
        base = build_base(world_key("validation", k), "small")
        users += [len(canonical(user)) for user in base.tables["users"].values()]
        trips += [len(canonical(trip)) for trip in base.tables["reservations"].values()]
    assert sum(users) / len(users) < 470
    assert sum(trips) / len(trips) < 550
    assert max(users) < 600
    assert max(trips) < 700


def test_the_large_world_is_lazy_and_consistent() -> None:
    base = build_base(world_key("test", 0), "large")
    reservations = base.tables["reservations"]
    assert isinstance(reservations, LazyTable)
    assert len(reservations) == 1_000_000
    assert user_count(base) == 250_000
    for index in (0, 1, 77_777, 249_999):
        user_id = user_id_at(base, index)
        user = base.tables["users"][user_id]
        assert user_id in base.tables["users"]
        for reservation_id in user["reservations"]:
            check_reservation(base, reservation_id)
    assert "nobody_at_all_000001" not in base.tables["users"]
    assert "nobody_at_all_٠٠٠٠٠١" not in base.tables["users"]
    assert base.tables["reservations"].get("ZZZZZ") is None
    assert base.tables["reservations"].get("zzzzzz") is None
    assert [next(iter(reservations))] == user_first(base)


def user_first(base: Base) -> list[str]:
    return base.tables["users"][user_id_at(base, 0)]["reservations"][:1]


@given(seed=st.integers(0, 10**6), split=st.sampled_from(SPLITS), index=st.integers(0, 10**7))
@settings(max_examples=100, deadline=None)
def test_reservation_ids_lead_back_to_their_index(seed: int, split: str, index: int) -> None:
    ids = ReservationIds(rng_for(seed), split)  # type: ignore[arg-type]
    reservation_id = ids.id_of(index)
    assert len(reservation_id) == 6
    assert ids.index_of(reservation_id) == index
    assert reservation_id_owner(reservation_id) == split


def test_a_million_reservation_ids_of_a_world_are_different() -> None:
    ids = ReservationIds(rng_for(5), "test_unseen")
    assert len({ids.id_of(index) for index in range(0, 2_250_000, 45)}) == 50_000


@given(seed=st.integers(0, 10**6), split=st.sampled_from(SPLITS), longest=st.integers(4, 9))
@settings(max_examples=50, deadline=None)
def test_names_are_of_one_spelling(seed: int, split: str, longest: int) -> None:
    name = draw_name(rng_for(seed), split, longest)  # type: ignore[arg-type]
    assert 3 <= len(name) <= longest
    assert name.isascii()
    assert name.isalpha()
    assert name == name.capitalize()


def test_unusable_keys_and_sizes_are_refused() -> None:
    with pytest.raises(ConfigError, match="int >= 0; given -1"):
        build_base(-1)
    with pytest.raises(ConfigError, match="Did you mean 'standard'"):
        build_base(0, "standart")  # type: ignore[arg-type]
