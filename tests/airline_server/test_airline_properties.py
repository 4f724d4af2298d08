"""What holds of every call and every sequence of calls."""

import inspect
import json
import os
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolgym.mcp.server import ToolServer
from toolgym.mcp_servers.airline import READS, WRITES, build_server
from toolgym.messages import ToolCall
from toolgym.world import World

DAY_1, DAY_2 = "2024-05-20", "2024-05-21"
PEOPLE = [{"first_name": name, "last_name": "Reyes", "dob": "1990-01-02"} for name in ("Ann", "Bo")]
CABINS = ["basic_economy", "economy", "business"]
TOOLS = {tool.__name__: tool in WRITES for tool in READS + WRITES}
PARAMETERS = {tool.__name__: list(inspect.signature(tool).parameters)[1:] for tool in READS + WRITES}

relaxed = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

flights = st.lists(
    st.fixed_dictionaries(
        {
            "flight_number": st.sampled_from(["AR100", "AR200", "AR300", "AR400", "AR500", "AR999"]),
            "date": st.sampled_from([DAY_1, DAY_2, "2024-05-22"]),
        }
    ),
    max_size=3,
)
payment_ids = st.sampled_from(["gift_card_1", "credit_card_2", "certificate_3", "nothing"])
junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
sensible: dict[str, st.SearchStrategy[Any]] = {
    "user_id": st.sampled_from(["ann_1", "bob"]),
    "reservation_id": st.sampled_from(["OLD001", "HATHAT", "X"]),
    "origin": st.sampled_from(["AAA", "BBB"]),
    "destination": st.sampled_from(["BBB", "CCC"]),
    "date": st.sampled_from([DAY_1, DAY_2]),
    "flight_type": st.just("one_way"),
    "cabin": st.sampled_from(CABINS),
    "flights": flights,
    "passengers": st.lists(st.sampled_from(PEOPLE), max_size=3),
    "payment_methods": st.lists(
        st.fixed_dictionaries({"payment_id": payment_ids, "amount": st.sampled_from([50, 100, 150, 200, 0.5])}),
        max_size=3,
    ),
    "payment_id": payment_ids,
    "total_baggages": st.integers(-1, 6),
    "nonfree_baggages": st.integers(-1, 6),
    "insurance": st.sampled_from(["yes", "no"]),
    "amount": st.sampled_from([0, 10, 75.5, 10**7]),
    "expression": st.text(alphabet="12+-*/(). ", max_size=8),
    "thought": st.text(max_size=5),
    "summary": st.text(max_size=5),
}


@st.composite
def calls(draw: st.DrawFn, names: tuple[str, ...] = tuple(TOOLS)) -> ToolCall:
    """A call of any tool: mostly sensible arguments, some junk, missing or too many."""
    name = draw(st.sampled_from(names))
    wanted = PARAMETERS[name]
    arguments = {key: draw(sensible[key]) for key in wanted}
    for key in draw(st.lists(st.sampled_from([*wanted, "unexpected"]), max_size=2)):
        arguments[key] = draw(junk)
    if draw(st.integers(0, 9)) == 0:
        arguments.pop(next(iter(arguments), ""), None)
    return ToolCall(name, arguments)


@pytest.mark.slow
@given(sequence=st.lists(calls(), min_size=1, max_size=6), dialect=st.sampled_from(["standard", "tau_bench"]))
@relaxed
def test_failures_and_reads_change_nothing(make_caller, sequence, dialect):
    caller = make_caller(dialect)
    for call in sequence:
        before = caller.world.hash()
        result = caller.session.call(call)
        if result.is_error or not TOOLS.get(call.name, False):
            assert caller.world.hash() == before
        assert result.outcome in {"ok", "tool_error", "invalid_arguments"}
        assert not result.text.startswith("Error calling tool"), "the tool crashed"


@pytest.fixture(scope="module")
def seeded_server() -> ToolServer:
    return build_server(seed=0, size="small")


@given(seed=st.integers(0, 3), sequence=st.lists(calls(), max_size=4))
@relaxed
def test_a_seeded_world_takes_any_call(seeded_server, seed, sequence):
    session = seeded_server.session(seed)
    for call in sequence:
        assert not session.call(call).text.startswith("Error calling tool")


legs = st.lists(
    st.sampled_from([("AR100", DAY_1), ("AR100", DAY_2), ("AR200", DAY_1), ("AR300", DAY_1), ("AR400", DAY_2)]),
    min_size=1,
    max_size=2,
    unique=True,
).map(lambda pairs: [{"flight_number": number, "date": date} for number, date in pairs])


@st.composite
def actions(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A write that may well succeed; the reservation is given as an index, and payments as shares of the price."""
    name = draw(st.sampled_from(["book", "cancel", "flights", "flights", "bags"]))
    options: dict[str, Any] = {"index": draw(st.integers(0, 3)), "payment_id": draw(payment_ids)}
    if name in {"book", "flights"}:
        options |= {"flights": draw(legs), "cabin": draw(st.sampled_from(CABINS))}
    if name == "book":
        options |= {
            "passengers": PEOPLE[: draw(st.integers(1, 2))],
            "insurance": draw(st.sampled_from(["yes", "no"])),
            "gift": draw(st.integers(0, 150)),
            "certificate": draw(st.sampled_from([0, 0, 40, 100])),
        }
    return name, options | {"bags": draw(st.integers(0, 2))}


def price(world: World, reservation: dict[str, Any]) -> float:
    """What a reservation costs as it stands, by its own record."""
    people = len(reservation["passengers"])
    insurance = 30 * people if reservation["insurance"] == "yes" else 0
    return (
        sum(leg["price"] for leg in reservation["flights"]) * people + insurance + 50 * reservation["nonfree_baggages"]
    )


def act(caller: Any, name: str, options: dict[str, Any]) -> None:
    """Takes one action; a refusal is fine."""
    ids = list(caller.world.keys("reservations"))
    reservation_id = ids[options["index"] % len(ids)]
    record = caller.world.get("reservations", reservation_id)
    if name == "cancel":
        arguments = {"reservation_id": reservation_id}
    elif name == "flights":
        wanted = {key: options[key] for key in ("flights", "cabin", "payment_id")}
        arguments = {"reservation_id": reservation_id, **wanted}
    elif name == "bags":
        paid = record["nonfree_baggages"] + options["bags"]
        arguments = {"total_baggages": paid + 1, "nonfree_baggages": paid, "payment_id": options["payment_id"]}
        arguments["reservation_id"] = reservation_id
    else:
        arguments = _booking(caller.world, options)
    tools = {
        "book": "book_reservation",
        "cancel": "cancel_reservation",
        "flights": "update_reservation_flights",
        "bags": "update_reservation_baggages",
    }
    caller.session.call(ToolCall(tools[name], arguments))


def _booking(world: World, options: dict[str, Any]) -> dict[str, Any]:
    fares = [
        world.get("flights", leg["flight_number"])["dates"][leg["date"]]["prices"][options["cabin"]]
        for leg in options["flights"]
    ]
    people = len(options["passengers"])
    total = sum(fares) * people + (30 * people if options["insurance"] == "yes" else 0) + 50 * options["bags"]
    parts = {"gift_card_1": options["gift"], "certificate_3": options["certificate"]}
    parts["credit_card_2"] = total - sum(parts.values())
    return {
        "user_id": "ann_1",
        "origin": "AAA",
        "destination": "CCC",
        "flight_type": "one_way",
        "cabin": options["cabin"],
        "flights": options["flights"],
        "passengers": options["passengers"],
        "payment_methods": [{"payment_id": key, "amount": amount} for key, amount in parts.items() if amount],
        "total_baggages": 5,
        "nonfree_baggages": options["bags"],
        "insurance": options["insurance"],
    }


def seats(world: World) -> Counter[tuple[str, str, str]]:
    """Free seats plus seats that active reservations hold, by flight, date and cabin."""
    count: Counter[tuple[str, str, str]] = Counter()
    for number, flight in world.items("flights"):
        for date, day in flight["dates"].items():
            for cabin, free in day.get("available_seats", {}).items():
                assert free >= 0
                count[number, date, cabin] += free
    for _, reservation in world.items("reservations"):
        if reservation.get("status") != "cancelled":
            for leg in reservation["flights"]:
                count[leg["flight_number"], leg["date"], reservation["cabin"]] += len(reservation["passengers"])
    return count


def charged(world: World, payment_id: str) -> float:
    """What all payment histories charge to a method in the end."""
    histories = [reservation["payment_history"] for _, reservation in world.items("reservations")]
    return sum(entry["amount"] for history in histories for entry in history if entry["payment_id"] == payment_id)


@pytest.mark.slow
@given(st.lists(actions(), min_size=1, max_size=8))
@relaxed
def test_seats_and_money_are_conserved(make_caller, taken):
    caller = make_caller("standard")
    seats_before = seats(caller.world)
    for name, options in taken:
        act(caller, name, options)
        assert seats(caller.world) == seats_before
        assert caller.method("gift_card_1")["amount"] >= 0
        assert caller.method("gift_card_1")["amount"] + charged(caller.world, "gift_card_1") == 250
        assert (caller.method("certificate_3") is not None) == (charged(caller.world, "certificate_3") == 0)
        for _, reservation in caller.world.items("reservations"):
            owed = 0 if reservation.get("status") == "cancelled" else price(caller.world, reservation)
            assert sum(entry["amount"] for entry in reservation["payment_history"]) == owed


def test_the_reference_does_not_conserve_seats(make_caller):
    # The property above must be able to fail.
    caller = make_caller("tau_bench")
    before = seats(caller.world)
    caller.session.call(ToolCall("cancel_reservation", {"reservation_id": "OLD001"}))
    assert seats(caller.world) != before


SCRIPT = """
import json, sys
from toolgym.mcp.server import ToolServer
from toolgym.mcp_servers.airline import build_server
from toolgym.messages import ToolCall
session = build_server(seed=5, size="small").session()
user = next(iter(session.base.tables["users"]))
reservation = session.base.tables["users"][user]["reservations"][0]
for name, arguments in [
    ("send_certificate", {"user_id": user, "amount": 20}),
    ("cancel_reservation", {"reservation_id": reservation}),
    ("get_user_details", {"user_id": user}),
    ("list_all_airports", {}),
]:
    print(session.call(ToolCall(name, arguments)))
print(session.world.hash(), json.dumps([tool.input_schema for tool in session.tools]))
"""


@pytest.mark.slow
def test_equal_in_any_process():
    outputs = []
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        outputs.append(
            subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, check=True).stdout
        )
    assert outputs[0] == outputs[1]
    assert b"Certificate certificate_" in outputs[0]


@pytest.mark.parametrize("dialect", ["standard", "tau_bench"])
def test_schemas_are_plain_json_with_descriptions(make_caller, dialect):
    for spec in make_caller(dialect).session.tools:
        json.dumps(spec.input_schema)
        assert spec.description
        assert "\n" not in spec.description
        assert "world" not in spec.input_schema["properties"]
        for parameter in spec.input_schema["properties"].values():
            assert parameter["description"].endswith(".")
