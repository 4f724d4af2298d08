"""A hand-made airline world, small enough to work results out on paper.

    AR100  AAA 08:00 -> 09:00 BBB     day 1, day 2
    AR200  BBB 10:00 -> 11:00 CCC     day 1, day 2
    AR300  AAA 22:00 -> 01:00+1 BBB   day 1
    AR400  BBB 02:00 -> 03:00 CCC     day 1, day 2     (connects with AR300 on day 2 only)
    AR500  AAA 12:00 -> 13:00 BBB     day 1 cancelled, day 2 landed

Day 1 is 2024-05-20, day 2 the day after. A seat in basic economy / economy / business costs 50 / 100 / 300 on day 1 and
60 / 110 / 310 on day 2, plus 1, 2, 3 … for AR200, AR300, AR400. There are 9 / 4 / 2 seats.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from toolgym.mcp_servers.airline import build_server
from toolgym.mcp_servers.airline.dialects import DialectName
from toolgym.messages import ToolCall
from toolgym.world import Base, World

MakeWorld = Callable[..., World]

DAY_1, DAY_2 = "2024-05-20", "2024-05-21"


def _day(extra: int, second: bool) -> dict[str, Any]:
    more = extra + (10 if second else 0)
    return {
        "status": "available",
        "available_seats": {"basic_economy": 9, "economy": 4, "business": 2},
        "prices": {"basic_economy": 50 + more, "economy": 100 + more, "business": 300 + more},
    }


def _flight(number: str, route: str, departs: str, arrives: str, dates: dict[str, Any]) -> dict[str, Any]:
    return {
        "flight_number": number,
        "origin": route[:3],
        "destination": route[3:],
        "scheduled_departure_time_est": departs,
        "scheduled_arrival_time_est": arrives,
        "dates": dates,
    }


def hand_made_tables() -> dict[str, dict[str, Any]]:
    both = [{DAY_1: _day(extra, False), DAY_2: _day(extra, True)} for extra in range(4)]
    gone = {
        DAY_1: {"status": "cancelled"},
        DAY_2: {
            "status": "landed",
            "actual_departure_time_est": f"{DAY_2}T12:05:00",
            "actual_arrival_time_est": f"{DAY_2}T13:02:00",
        },
    }
    flights = [
        _flight("AR100", "AAABBB", "08:00:00", "09:00:00", both[0]),
        _flight("AR200", "BBBCCC", "10:00:00", "11:00:00", both[1]),
        _flight("AR300", "AAABBB", "22:00:00", "01:00:00+1", {DAY_1: both[2][DAY_1]}),
        _flight("AR400", "BBBCCC", "02:00:00", "03:00:00", both[3]),
        _flight("AR500", "AAABBB", "12:00:00", "13:00:00", gone),
    ]
    ann = {
        "name": {"first_name": "Ann", "last_name": "Reyes"},
        "address": {
            "address1": "1 Elm St",
            "address2": "",
            "city": "Ada",
            "country": "USA",
            "state": "OK",
            "zip": "74820",
        },
        "email": "ann@example.com",
        "dob": "1990-01-02",
        "payment_methods": {
            "gift_card_1": {"source": "gift_card", "amount": 250, "id": "gift_card_1"},
            "credit_card_2": {"source": "credit_card", "brand": "visa", "last_four": "1234", "id": "credit_card_2"},
            "certificate_3": {"source": "certificate", "amount": 100, "id": "certificate_3"},
        },
        "saved_passengers": [],
        "membership": "silver",
        "reservations": ["OLD001"],
    }
    old = {
        "reservation_id": "OLD001",
        "user_id": "ann_1",
        "origin": "AAA",
        "destination": "CCC",
        "flight_type": "one_way",
        "cabin": "economy",
        "flights": [
            {"origin": "AAA", "destination": "BBB", "flight_number": "AR100", "date": DAY_1, "price": 90},
            {"origin": "BBB", "destination": "CCC", "flight_number": "AR200", "date": DAY_1, "price": 91},
        ],
        "passengers": [
            {"first_name": "Ann", "last_name": "Reyes", "dob": "1990-01-02"},
            {"first_name": "Bo", "last_name": "Li", "dob": "1991-03-04"},
        ],
        "payment_history": [{"payment_id": "credit_card_2", "amount": 362}],
        "created_at": "2024-05-10T09:00:00",
        "total_baggages": 1,
        "nonfree_baggages": 0,
        "insurance": "no",
    }
    return {
        "users": {"ann_1": ann},
        "flights": {flight["flight_number"]: flight for flight in flights},
        "reservations": {"OLD001": old},
    }


@pytest.fixture
def make_base() -> Callable[..., Base]:
    """Makes the hand-made world's base: `make_base(dialect, ids="public", seed=0)`."""

    def make(dialect: DialectName = "standard", ids: str = "public", seed: int = 0) -> Base:
        airports = {"AAA": "Alba", "BBB": "Brook", "CCC": "Cove"}
        meta = {"today": "2024-05-15T15:00:00", "seed": seed, "ids": ids, "airports": airports, "dialect": dialect}
        return Base(hand_made_tables(), meta)

    return make


@pytest.fixture
def make_world(make_base: Callable[..., Base]) -> MakeWorld:
    """Makes a fresh hand-made world; see `make_base`."""
    return lambda *args, **kwargs: World(make_base(*args, **kwargs))


class Caller:
    """Calls tools of a server on the hand-made world, and checks what must hold of every call."""

    def __init__(self, base: Base, dialect: DialectName):
        self.session = build_server(base=base, dialect=dialect).session()

    @property
    def world(self) -> World:
        return self.session.world

    def ok(self, name: str, **arguments: Any) -> Any:
        """The value of a call that must succeed."""
        result = self.session.call(ToolCall(name, arguments))
        assert not result.is_error, result.text
        wraps = result.structured is not None and result.structured.keys() == {"result"}
        return result.structured["result"] if wraps else result.structured

    def refused(self, name: str, **arguments: Any) -> str:
        """The error text of a call that must be refused and change nothing."""
        before = self.world.hash()
        result = self.session.call(ToolCall(name, arguments))
        assert result.is_error, result.text
        assert self.world.hash() == before
        return result.text

    def method(self, payment_id: str) -> dict[str, Any] | None:
        """Ann's payment method now."""
        return self.world.get("users", "ann_1")["payment_methods"].get(payment_id)

    def seats(self, flight: str, day: str, cabin: str) -> int:
        """Free seats now."""
        return self.world.get("flights", flight)["dates"][day]["available_seats"][cabin]


@pytest.fixture
def make_caller(make_base: Callable[..., Base]) -> Callable[..., Caller]:
    """Makes a caller on a fresh hand-made world; see `make_base`."""
    return lambda dialect="standard", **options: Caller(make_base(dialect, **options), dialect)


@pytest.fixture
def standard(make_caller: Callable[..., Caller]) -> Caller:
    return make_caller("standard")


@pytest.fixture
def tau_bench(make_caller: Callable[..., Caller]) -> Caller:
    return make_caller("tau_bench")


@pytest.fixture
def tau2(make_caller: Callable[..., Caller]) -> Caller:
    return make_caller("tau2")


@pytest.fixture
def world_folder(tmp_path: Path) -> Path:
    """The hand-made world as the three files of a public world."""
    for table, records in hand_made_tables().items():
        (tmp_path / f"{table}.json").write_text(json.dumps(records))
    return tmp_path
