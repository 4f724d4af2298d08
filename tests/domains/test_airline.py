"""The declared airline: its worlds, the border of each rule, and tasks that were worked out by hand."""

import itertools
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import pytest

from toolgym.composing.composer import DeclaredDomain, worlds_of
from toolgym.composing.declaration import Look, Seen
from toolgym.composing.fields import TODAY
from toolgym.composing.names import SPLITS, owner
from toolgym.composing.tables import build_world
from toolgym.composing.worlds import split_of, world_key
from toolgym.env import ToolEnv
from toolgym.envs.airline import AIRLINE
from toolgym.envs.airline.tables import EXTRA_BAG_USD, FREE_BAGS, INSURANCE_USD, NOW, free_bags
from toolgym.envs.airline.wants import compensation_due
from toolgym.mcp_servers.airline.dialects import DIALECTS
from toolgym.messages import ToolCall, Turn, render
from toolgym.rewards.state import solved
from toolgym.trajectory import Trajectory
from toolgym.world import Base, canonical

KEYS = [world_key(split, k, seed) for split in SPLITS for k, seed in ((0, 0), (5, 0), (4321, 3))]


@pytest.fixture(scope="module", params=[*(("small", key) for key in KEYS), ("standard", 0)], ids=str)
def world(request: pytest.FixtureRequest) -> Base:
    size, key = request.param
    return worlds_of(AIRLINE, size, "standard")(key)


@pytest.fixture(scope="module")
def domain() -> DeclaredDomain:
    return DeclaredDomain(AIRLINE, size="small")


def look(kind: str) -> Look:
    return next(one for one in AIRLINE.looks if one.kind == kind)


class TestWorlds:
    def test_a_reservation_fits_its_flights_its_owner_and_its_price(self, world: Base) -> None:
        users, flights = world.tables["users"], world.tables["flights"]
        assert {key for user in users.values() for key in user["reservations"]} == set(world.tables["reservations"])
        for key, trip in world.tables["reservations"].items():
            customer, legs = users[trip["user_id"]], trip["flights"]
            assert key == trip["reservation_id"]
            assert key in customer["reservations"]
            for leg in legs:
                flight = flights[leg["flight_number"]]
                assert (leg["origin"], leg["destination"]) == (flight["origin"], flight["destination"])
                day = flight["dates"][leg["date"]]
                assert "prices" not in day or leg["price"] == day["prices"][trip["cabin"]]
            for one, two in itertools.pairwise(legs):
                assert one["destination"] == two["origin"]
                arrival = flights[one["flight_number"]]["scheduled_arrival_time_est"]
                departure = flights[two["flight_number"]]["scheduled_departure_time_est"]
                assert (one["date"], arrival) < (two["date"], departure)
            back = trip["flight_type"] == "round_trip"
            assert (trip["origin"], trip["destination"]) == (
                legs[0]["origin"],
                legs[0 if back else -1]["destination"],
            )
            count = len(trip["passengers"])
            free = free_bags(customer["membership"], trip["cabin"], count)
            assert trip["nonfree_baggages"] == max(0, trip["total_baggages"] - free)
            price = count * sum(leg["price"] for leg in legs) + EXTRA_BAG_USD * trip["nonfree_baggages"]
            price += INSURANCE_USD * count * (trip["insurance"] == "yes")
            (paid,) = trip["payment_history"]
            assert paid["amount"] == price
            assert customer["payment_methods"][paid["payment_id"]]["source"] != "certificate"
            made = datetime.fromisoformat(trip["created_at"])
            assert made < NOW
            assert made.date() < date.fromisoformat(legs[0]["date"])
            first = trip["passengers"][0]
            assert {**customer["name"], "dob": customer["dob"]} == first

    def test_only_flights_to_come_can_be_booked(self, world: Base) -> None:
        seen = set()
        for flight in world.tables["flights"].values():
            assert flight["scheduled_departure_time_est"] < flight["scheduled_arrival_time_est"] < "24:00:00"
            for day, status in flight["dates"].items():
                when = (day > TODAY.isoformat()) - (day < TODAY.isoformat())
                seen.add((when, status["status"]))
                assert ("prices" in status) == (status["status"] == "available")
                if "prices" in status:
                    assert min(status["available_seats"].values()) >= 0
                    fares = status["prices"]
                    assert 0 < fares["basic_economy"] < fares["business"]
                    assert fares["economy"] < fares["business"]
        ahead, now, gone = {"available", "cancelled"}, {"landed", "flying", "on time", "delayed"}, {"landed"}
        assert {status for when, status in seen if when > 0} == ahead
        assert {status for when, status in seen if when == 0} <= now | {"cancelled"}
        assert {status for when, status in seen if when < 0} <= gone | {"cancelled"}

    def test_a_customer_is_called_as_its_id_and_has_a_credit_card(self, world: Base) -> None:
        for key, user in world.tables["users"].items():
            assert key.startswith(f"{user['name']['first_name']}_{user['name']['last_name']}_".lower())
            sources = [method["source"] for method in user["payment_methods"].values()]
            assert "credit_card" in sources
            assert sources.count("gift_card") <= 1
            assert sources.count("certificate") <= 1

    def test_trips_go_one_way_on_or_there_and_back(self) -> None:
        trips = worlds_of(AIRLINE, "standard", "standard")(0).tables["reservations"].values()
        kinds = {(trip["flight_type"], len(trip["flights"])) for trip in trips}
        assert kinds == {("one_way", 1), ("one_way", 2), ("round_trip", 2)}

    def test_names_and_ids_belong_to_the_split(self, world: Base) -> None:
        split = split_of(world.meta["seed"])
        people = [user["name"] for user in world.tables["users"].values()]
        people += [person for trip in world.tables["reservations"].values() for person in trip["passengers"]]
        methods = [key for user in world.tables["users"].values() for key in user["payment_methods"]]
        ids = [*methods, *(key for table in world.tables.values() for key in table)]
        ids += [person[name] for person in people for name in ("first_name", "last_name")]
        assert {owner(text) for text in ids} == {split}

    def test_small_records_are_short(self) -> None:
        worlds = [worlds_of(AIRLINE, "small", "standard")(key) for key in KEYS]
        users = [len(canonical(user)) for world in worlds for user in world.tables["users"].values()]
        trips = [len(canonical(trip)) for world in worlds for trip in world.tables["reservations"].values()]
        assert sum(users) / len(users) < 530
        assert sum(trips) / len(trips) < 580
        assert max(users) < 700
        assert max(trips) < 800

    @pytest.mark.parametrize("dialect", DIALECTS)
    def test_what_tools_show_are_the_declared_records(self, dialect: str) -> None:
        declared = build_world(AIRLINE.tables, KEYS[0], "small", {}).tables
        session = AIRLINE.new_server("small", dialect).session()
        session.reset(KEYS[0])

        def shown(kind: str, **arguments: Any) -> Any:
            result = session.call(ToolCall(look(kind).tool, look(kind).asks(arguments)))
            structured = result.structured or {}
            value = structured["result"] if set(structured) == {"result"} else structured
            return look(kind).opened(value, arguments)

        def is_as_declared(opened: Mapping[str, Any], record: Mapping[str, Any]) -> bool:
            hidden = [{name: leg[name] for name in leg if name != "status"} for leg in record.get("flights", ())]
            known = {**record, "flights": hidden} if hidden else record
            return all(opened[name] == value for name, value in known.items())

        for key, user in declared["users"].items():
            assert is_as_declared(shown("user", user_id=key), user)
        for key, trip in declared["reservations"].items():
            assert is_as_declared(shown("reservation", reservation_id=key), trip)
        assert shown("airports") == list(declared["airports"].values())
        for kind, table in (("direct", "offers"), ("onestop", "connections")):
            groups: dict[Any, list[Any]] = {}
            for record in declared[table].values():
                groups.setdefault(tuple(record[name] for name in look(kind).by), []).append(record)
            for asked, records in groups.items():
                found = shown(kind, **dict(zip(look(kind).by, asked, strict=True)))
                assert len(found) == len(records)
                assert all(any(is_as_declared(one, record) for one in found) for record in records)

    def test_other_sizes_have_more(self) -> None:
        sizes = [{name: len(table) for name, table in worlds_of(AIRLINE, size, "standard")(0).tables.items()}
                 for size in ("small", "standard", "large")]  # fmt: skip
        # Users have 2, 1, 3, 2, 3, 1 reservations in turn, 12 of six users: 15 have 24 + 6, 400 have 792 + 8 (four
        # users), 3,000 have 6,000. Routes have 4, 2, 4, 2, 4 flights, 16 of five: 6 have 20, 36 have 116, 150 have 480.
        assert sizes == [
            {"users": 15, "flights": 20, "reservations": 30},
            {"users": 400, "flights": 116, "reservations": 800},
            {"users": 3000, "flights": 480, "reservations": 6000},
        ]


# Rules -------------------------------------------------------------------------------------------------------------

YESTERDAY, TOMORROW = "2026-06-14", "2026-06-16"
REGULAR, GOLD = {"membership": "regular"}, {"membership": "gold"}
OFFER = {"flight_number": "AB200", "origin": "SEA", "destination": "DEN", "date": TOMORROW, "price": 130, "seats": 2}
CARD = {"source": "credit_card"}


def gift(amount: int, source: str = "gift_card") -> dict[str, Any]:
    return {"source": source, "amount": amount}


def trip(**fields: Any) -> dict[str, Any]:
    """A reservation for two in economy, which nothing lets the customer cancel."""
    leg = {"flight_number": "AB100", "date": fields.pop("date", TOMORROW), "price": 100}
    return {
        "cabin": "economy",
        "flights": [leg],
        "origin": "SEA",
        "destination": "DEN",
        "passengers": [{}, {}],
        "bags": 2,
        "paid_bags": 0,
        "insurance": "no",
        "created_at": "2026-06-01T10:00:00",
        "status": None,
        **fields,
    }


def seen(subject: Any = None, speaker: Any = None, picked: Any = None, **wishes: Any) -> Seen:
    return Seen(trip() if subject is None else subject, wishes, picked or {}, speaker, NOW.isoformat())


MOVED = "my meeting was moved"


@pytest.mark.parametrize(
    ("rule", "allowed", "broken"),
    [
        ("flown", seen(trip(date="2026-06-15")), seen(trip(date=YESTERDAY))),
        ("stays", seen(trip(cabin="business"), reason=MOVED), seen(reason=MOVED)),
        ("stays", seen(reason="you cancelled flight AB100"), seen(reason=MOVED)),
        ("stays", seen(trip(insurance="yes"), reason="I am ill"), seen(reason="I am ill")),
        ("stays", seen(trip(insurance="yes"), reason="a storm is coming"), seen(trip(insurance="yes"), reason=MOVED)),
        # It is 2026-06-15, 12:00.
        (
            "stays",
            seen(trip(created_at="2026-06-14T12:00:00"), reason=MOVED),
            seen(trip(created_at="2026-06-14T11:59:00"), reason=MOVED),
        ),
        ("basic", seen(), seen(trip(cabin="basic_economy"))),
        ("other_route", seen(picked={"offer": OFFER}), seen(picked={"offer": {**OFFER, "destination": "BOS"}})),
        ("other_route", seen(picked={"offer": OFFER}), seen(picked={"offer": {**OFFER, "origin": "BOS"}})),
        ("full", seen(picked={"offer": OFFER}), seen(picked={"offer": {**OFFER, "seats": 1}})),
        ("sold_out", seen({"seats": 1}), seen({"seats": 0})),
        (
            "no_certificate",
            seen(picked={"payment_id": gift(0)}),
            seen(picked={"payment_id": gift(500, "certificate")}),
        ),
        # Two passengers from $100 to $130: $60.
        (
            "balance",
            seen(picked={"offer": OFFER, "payment_id": gift(60)}),
            seen(picked={"offer": OFFER, "payment_id": gift(59)}),
        ),
        # Two regular members in economy have 2 bags free, and 2 already: another 2 are $100.
        (
            "balance",
            seen(None, REGULAR, {"payment_id": gift(100)}, more=2),
            seen(None, REGULAR, {"payment_id": gift(99)}, more=2),
        ),
        (
            "balance",
            seen(None, GOLD, {"payment_id": gift(0)}, more=2),
            seen(None, REGULAR, {"payment_id": gift(0)}, more=2),
        ),
        # $130, one of two bags free in economy, and insurance: 130 + 50 + 30 = 210.
        (
            "balance",
            seen({**OFFER, "cabin": "economy"}, REGULAR, {"payment": gift(210)}, total_baggages=2, insurance="yes"),
            seen({**OFFER, "cabin": "economy"}, REGULAR, {"payment": gift(209)}, total_baggages=2, insurance="yes"),
        ),
        # Both passengers of a cancelled reservation, booked anew: 2 x 130 = 260.
        (
            "balance",
            seen(trip(status="cancelled"), REGULAR, {"offer": OFFER, "payment": gift(260)}),
            seen(trip(status="cancelled"), REGULAR, {"offer": OFFER, "payment": gift(259)}),
        ),
        ("fewer_bags", seen(more=1), seen(more=-1)),
        ("nothing_due", seen(trip(insurance="yes"), REGULAR, fate="delayed"), seen(None, REGULAR, fate="delayed")),
        ("nothing_due", seen(trip(cabin="business"), REGULAR, fate="delayed"), seen(None, REGULAR, fate="cancelled")),
        ("nothing_due", seen(None, {"membership": "silver"}, fate="delayed"), seen(None, REGULAR, fate="delayed")),
        ("too_much", seen(amount=150), seen(amount=151)),
    ],
)  # fmt: skip
def test_a_rule_is_broken_just_past_its_border(rule: str, allowed: Seen, broken: Seen) -> None:
    found = next(one for one in AIRLINE.rules if one.name == rule)
    assert not found.broken(allowed)
    assert found.broken(broken)


def test_compensation_is_for_each_passenger() -> None:
    # Two passengers: $100 each for a cancelled flight, $50 each for a delayed one.
    assert compensation_due(seen(None, GOLD, fate="cancelled")) == 200
    assert compensation_due(seen(None, GOLD, fate="delayed")) == 100


def test_every_rule_and_number_stands_in_the_policy(domain: DeclaredDomain) -> None:
    text = domain.policy()
    for rule in AIRLINE.rules:
        assert f"- {rule.text}\n" in text
    for membership, free in FREE_BAGS.items():
        assert f"{membership}: {', '.join(f'{count} in {cabin}' for cabin, count in free.items())}" in text
    assert f"${EXTRA_BAG_USD} for each bag that is not free" in text
    assert f"${INSURANCE_USD} more for each with insurance" in text
    assert "$100 a passenger" in text
    assert "$50 a passenger" in text
    assert "of $150 at most" in text
    assert NOW.strftime("%Y-%m-%d, %H:%M") in text


# Tasks -------------------------------------------------------------------------------------------------------------


def first(domain: DeclaredDomain, composition: str, kind: str = "", forbidden: str = "") -> Any:
    """The first train task of the composition in which an act of the kind is done, or the rule is broken."""
    maker, tasks = domain._workshop.maker(domain.source("train")), domain.tasks("train")
    for index in range(3000):
        recipe: Any = maker.recipe(index)
        (outline, *others) = recipe.outlines
        rule = outline.forbidden.name if outline.forbidden else ""
        if (
            not others
            and recipe.composition == composition
            and rule == forbidden
            and (not kind or kind in outline.acts)
        ):
            return tasks[index]
    raise AssertionError(composition)


def tables_of(domain: DeclaredDomain, task: Any) -> Mapping[str, Any]:
    return domain.server.base(task.world_seed).tables


def test_a_booking_is_searched_for_priced_and_paid(domain: DeclaredDomain) -> None:
    task = first(domain, "direct;user;book", "book")
    search, profile, book = task.gold_calls
    made, tables = book.arguments, tables_of(domain, task)
    asked = {name: made[name] for name in ("origin", "destination")} | {"date": made["flights"][0]["date"]}
    assert (search.name, search.arguments) == ("search_direct_flight", asked)
    assert profile.arguments == {"user_id": made["user_id"]}
    user = tables["users"][made["user_id"]]
    fare = tables["flights"][made["flights"][0]["flight_number"]]["dates"][asked["date"]]["prices"][made["cabin"]]
    paid_bags = max(0, made["total_baggages"] - free_bags(user["membership"], made["cabin"], 1))
    price = fare + 50 * paid_bags + 30 * (made["insurance"] == "yes")
    (payment,) = made["payment_methods"]
    assert (payment["amount"], made["nonfree_baggages"]) == (price, paid_bags)
    assert payment["payment_id"] in user["payment_methods"]
    assert f"for ${price}." in task.gold[-1].response
    (person,) = made["passengers"]
    assert f"{person['first_name']} {person['last_name']}, born {person['dob']}" in task.request


def test_a_flight_is_changed_to_one_of_the_same_route_and_cabin(domain: DeclaredDomain) -> None:
    task = first(domain, "reservation;user;direct;flights", "flights")
    look_up, _, search, change = task.gold_calls
    trip = tables_of(domain, task)["reservations"][look_up.arguments["reservation_id"]]
    assert {name: search.arguments[name] for name in ("origin", "destination")} == {
        name: trip[name] for name in ("origin", "destination")
    }
    assert search.arguments["date"] in task.request
    assert trip["origin"] not in task.request  # it is looked up
    (flight,) = change.arguments["flights"]
    assert flight["date"] == search.arguments["date"]
    assert change.arguments["cabin"] == trip["cabin"] != "basic_economy"


def test_compensation_is_what_membership_cabin_and_insurance_entitle_to(domain: DeclaredDomain) -> None:
    task = first(domain, "reservation;user;compensate", "compensate")
    look_up, profile, send = task.gold_calls
    tables = tables_of(domain, task)
    trip = tables["reservations"][look_up.arguments["reservation_id"]]
    (leg,) = trip["flights"]
    fate = tables["flights"][leg["flight_number"]]["dates"][leg["date"]]["status"]
    assert f"was {fate}" in task.request
    each = {"cancelled": 100, "delayed": 50}[fate]
    assert send.arguments == {"user_id": trip["user_id"], "amount": each * len(trip["passengers"])}
    membership = tables["users"][profile.arguments["user_id"]]["membership"]
    assert membership != "regular" or trip["insurance"] == "yes" or trip["cabin"] == "business"


def test_a_refusal_names_the_reservation_and_changes_nothing(domain: DeclaredDomain) -> None:
    task = first(domain, "reservation", "flights", "basic")
    (look_up,) = task.gold_calls
    key = look_up.arguments["reservation_id"]
    assert tables_of(domain, task)["reservations"][key]["cabin"] == "basic_economy"
    assert task.forbidden
    assert not task.gold_diff
    assert task.gold[-1].response == f"Sorry, I cannot change {key}: flights in basic_economy stay as they are."


def test_a_hand_over_is_a_call_that_has_to_be_made(domain: DeclaredDomain) -> None:
    task = first(domain, "transfer")
    (call,) = task.gold_calls
    assert call.name == "transfer_to_human_agents"
    assert call.arguments["summary"] in task.request
    assert not task.gold_diff
    assert not solved(Trajectory("airline", task.id, outcome="unsolved"), task)


@pytest.mark.parametrize(
    "options", [{"dialect": "tau_bench"}, {"dialect": "tau2"}, {"size": "standard"}, {"size": "large"}]
)
def test_gold_chains_solve_in_other_dialects_and_sizes(options: dict[str, Any]) -> None:
    env = ToolEnv("airline", **{"size": "small", **options})
    for index in range(30):
        env.reset(options={"task": index})
        task, info = env.task, {}
        for action in task.gold:
            turn = Turn(plan=action.plan, calls=tuple(call.call() for call in action.calls), response=action.response)
            *_, info = env.step(render(turn))
        assert info["outcome"] == "solved"
