"""Records that follow from others, look-ups asked by several values, and acts with a place of their own in requests."""

import random
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from toolgym.composing.composer import DeclaredDomain, worlds_of
from toolgym.composing.consistency import problems
from toolgym.composing.declaration import Act, Declaration, Key, Look, Pick, Reckoned, Rule, Speaker, Wish, always
from toolgym.composing.fields import Choice, Code, Draw, Given, Made, Ref, Refs
from toolgym.composing.making import TaskMaker
from toolgym.composing.recipes import Kitchen
from toolgym.composing.tables import Records, Table, build_world
from toolgym.composing.ways import Way, ways_to
from toolgym.composing.worlds import world_key
from toolgym.errors import DeclarationError
from toolgym.mcp.server import ToolServer
from toolgym.rewards.state import solved
from toolgym.trajectory import Trajectory
from toolgym.world import World

KEY = world_key("train", 3)
SIZES: Any = {"small": 12, "standard": 12, "large": 12}
TOWNS = ("Aran", "Bryn", "Caol", "Dun")
CLASSES = ("deck", "cabin")
PORTS = Table(
    "ports",
    "port",
    "code",
    {
        "code": Made(lambda draw: TOWNS[draw.index][:2].upper(), label="code"),
        "town": Made(lambda draw: TOWNS[draw.index], told="{value} port", names=True),
    },
    {"small": 4, "standard": 4, "large": 4},
)
BERTHS = Table(
    "berths",
    "class",
    "berth",
    {"berth": Made(lambda draw: CLASSES[draw.index])},
    {"small": 2, "standard": 2, "large": 2},
)


def _end(which: int) -> Any:
    """Every other one of a port's ships goes to the next port, the others to the one after it."""

    def choose(draw: Draw) -> str:
        codes = draw.ids("ports")
        return codes[(draw.index // 6 + (which and 1 + draw.index % 2)) % len(codes)]

    return choose


SHIPS = Table(
    "ships",
    "ship",
    "ship",
    {
        "ship": Code("N####"),
        "start": Ref("ports", by=_end(0)),
        "end": Ref("ports", by=_end(1)),
        "fares": Made(lambda draw: {"deck": draw.rng.randint(10, 99), "cabin": draw.rng.randint(100, 400)}),
    },
    {"small": 24, "standard": 24, "large": 24},
)


def _sailing(ship: Any, berth: str) -> dict[str, Any]:
    fixed = {name: ship[name] for name in ("ship", "start", "end")}
    return {"sailing": f"{ship['ship']} {berth}", **fixed, "berth": berth, "fare": ship["fares"][berth]}


def _sailings(tables: Any) -> Iterator[dict[str, Any]]:
    return (_sailing(ship, berth) for ship in tables["ships"].values() for berth in CLASSES)


SAILINGS = Table(
    "sailings",
    "sailing",
    "sailing",
    {
        "sailing": Given(),
        "ship": Given(label="ship", told="{value}"),
        "start": Ref("ports", told="from {value}"),
        "end": Ref("ports", told="to {value}"),
        "berth": Ref("berths", told="in {value}"),
        "fare": Given(shown="${value}", label="fare", extremes=("cheapest", "dearest")),
    },
    _sailings,
)
GUESTS = Table("guests", "guest", "guest_id", {"guest_id": Code("G####"), "tickets": Refs("tickets")}, SIZES)
BAGS = Table("bags", "bag", "bag_id", {"bag_id": Code("B#####", label="id")})


def _of_ship(name: str) -> Any:
    return lambda draw: draw.tables["ships"][draw.record["ship"]][name]


TICKETS = Table(
    "tickets",
    "ticket",
    "ticket_id",
    {
        "ticket_id": Code("T####"),
        "guest_id": Ref("guests"),
        "ship": Made(lambda draw: draw.rng.choice(draw.ids("ships")), label="ship", told="for {value}"),
        "start": Ref("ports", by=_of_ship("start")),
        "end": Ref("ports", by=_of_ship("end")),
        "berth": Ref("berths", by=lambda draw: draw.rng.choice(CLASSES), label="class"),
        "bags": Records(BAGS, lambda draw: 1 if draw.record["berth"] == "deck" else 2),
        "state": Choice(("paid",)),
    },
    (2,),
    per="guests",
)


def _open(shown: Any, arguments: Any) -> list[dict[str, Any]]:
    return [_sailing(ship, arguments["berth"]) for ship in shown]


def _new_server(size: Any, dialect: str) -> ToolServer:
    server = ToolServer("ferry", lambda key: worlds_of(FERRY, size, dialect)(key), default_world_key=0)

    @server.tool(writes=False)
    def get_guest(world: World, guest_id: str) -> dict[str, Any]:
        """Shows a guest."""
        return world.get("guests", guest_id)

    @server.tool(writes=False)
    def get_ticket(world: World, ticket_id: str) -> dict[str, Any]:
        """Shows a ticket."""
        return world.get("tickets", ticket_id)

    @server.tool(writes=False)
    def list_ports(world: World) -> list[dict[str, Any]]:
        """Lists the ports."""
        return world.base.meta["ports"]

    @server.tool(writes=False)
    def search(world: World, start: str, end: str) -> list[dict[str, Any]]:
        """Finds ships."""
        return [ship for _, ship in world.items("ships") if (ship["start"], ship["end"]) == (start, end)]

    @server.tool(writes=False)
    def call_staff(world: World, matter: str) -> str:
        """Calls somebody."""
        return "called"

    @server.tool(writes=True)
    def change_ticket(world: World, ticket_id: str, ship: str) -> dict[str, Any]:
        """Changes the ship."""
        ticket = world.edit("tickets", ticket_id)
        ticket["ship"] = ship
        return ticket

    @server.tool(writes=True)
    def end_ticket(world: World, ticket_id: str, state: str) -> dict[str, Any]:
        """Ends a ticket, or takes it up again."""
        ticket = world.edit("tickets", ticket_id)
        ticket["state"] = state
        return ticket

    @server.tool(writes=True)
    def buy(world: World, guest_id: str, ship: str) -> dict[str, Any]:
        """Buys a ticket on deck."""
        found = world.get("ships", ship)
        key = f"T{ship}"
        ticket = {
            "ticket_id": key,
            "guest_id": guest_id,
            **{name: found[name] for name in ("ship", "start", "end")},
            "berth": "deck",
            "bags": [],
            "state": "paid",
        }
        world.put("tickets", key, ticket)
        world.edit("guests", guest_id)["tickets"].append(key)
        return ticket

    return server


def _act(kind: str, tool: str, takes: dict[str, Any], it: str, **rest: Any) -> Act:
    words = (f"Please {kind} {it}.", f"I want you to {kind} {it}.")
    return Act(kind, tool, "tickets", takes, words, (f"Kindly {kind} {it}.",), "It is done.", (kind,), (kind,), **rest)


SHIP = Wish(Made(lambda draw: draw.rng.choice(draw.ids("ships")), label="ship"))
FERRY = Declaration(
    name="ferry",
    title="Ferry",
    role="You sell ferry tickets.",
    who="guests",
    tables=(PORTS, BERTHS, SHIPS, SAILINGS, GUESTS, BAGS, TICKETS),
    looks=(
        Look("guest", "get_guest", "guests", {"guest_id": "guest_id"}),
        Look("ticket", "get_ticket", "tickets", {"ticket_id": "ticket_id"}),
        Look("ports", "list_ports", "ports", {}, many=True),
        Look(
            "search",
            "search",
            "sailings",
            {"start": "start", "end": "end", "berth": "berth"},
            many=True,
            opens=_open,
            narrows=("berth",),
        ),
    ),
    acts=(
        _act(
            "move",
            "change_ticket",
            {"ticket_id": Key(), "ship": Reckoned(lambda seen: seen.picked["sailing"]["ship"])},
            "{it} to {sailing}",
            wants={"sailing": Pick("sailings", like=True)},
            gives="tickets",
        ),
        _act("stop", "end_ticket", {"ticket_id": Key(), "state": Wish(Choice(("ended",)))}, "{it}, {state}"),
        _act(
            "revive",
            "end_ticket",
            {"ticket_id": Key(), "state": Wish(Choice(("taken up",)))},
            "{it}, {state}",
            follows=("stop",),
            begins=False,
        ),
        _act("lend", "end_ticket", {"ticket_id": Key(), "state": Wish(Choice(("lent",)))}, "{it}, {state}", follows=()),
        replace(
            _act("buy", "buy", {"guest_id": Speaker(), "ship": SHIP}, "a ticket for {ship}", gives="tickets"),
            on="",
            crowds=True,
            known=("ship",),
        ),
        replace(
            _act("call", "call_staff", {"matter": Wish(Choice(("a lost hat", "a sick dog")))}, "about {matter}"),
            on="",
            hands_over=True,
        ),
    ),
    rules=(Rule("yours", ("lend",), always, "Tickets are never lent.", "tickets are never lent"),),
    new_server=_new_server,
    shape=lambda tables: {name: tables[name] for name in ("ships", "guests", "tickets")},
    asked={"start": ("from where",), "end": ("to where",)},
    facts=lambda tables: {"ports": list(tables["ports"].values())},
)


@pytest.fixture(scope="module")
def domain() -> DeclaredDomain:
    return DeclaredDomain(FERRY, size="small")


def kitchen() -> Kitchen:
    return Kitchen(FERRY, lambda recipe: True)


def tasks_with(domain: DeclaredDomain, kind: str, count: int = 3, among: int = 300) -> list[Any]:
    """The first single tasks in which something of the kind is done or looked up."""
    maker: TaskMaker = domain._workshop.maker(domain.source("train"))
    recipes = ((index, maker.recipe(index)) for index in range(among))
    places = [index for index, recipe in recipes if kind in recipe.kinds and "||" not in recipe.composition]
    return [domain.tasks("train")[index] for index in places[:count]]


def test_records_follow_from_others_and_tools_need_not_have_them(domain: DeclaredDomain) -> None:
    declared = build_world(FERRY.tables, KEY, "small", {})
    ships, sailings = declared.tables["ships"], declared.tables["sailings"]
    assert len(sailings) == 2 * len(ships)
    assert all(one["fare"] == ships[one["ship"]]["fares"][one["berth"]] for one in sailings.values())
    served = domain.server.base(KEY)
    assert set(served.tables) == {"ships", "guests", "tickets"}
    assert [port["town"] for port in served.meta["ports"]] == list(TOWNS)


def test_a_list_inside_a_record_is_as_long_as_the_record_says() -> None:
    tickets = build_world(FERRY.tables, KEY, "small", {}).tables["tickets"].values()
    assert {(ticket["berth"], len(ticket["bags"])) for ticket in tickets} == {("deck", 1), ("cabin", 2)}


def test_a_look_up_is_narrowed_to_what_the_customer_says_without_asking_the_tool(domain: DeclaredDomain) -> None:
    tasks = [task for task in tasks_with(domain, "search", 12) if not task.gold_diff]
    assert tasks
    for task in tasks:
        (call,) = [call for call in task.gold_calls if call.name == "search"]
        assert set(call.arguments) == {"start", "end"}
        assert "in deck" in task.request or "in cabin" in task.request
        if "fare" in task.gold[-1].response:  # a fare on deck has two digits, one in a cabin three
            digits = sum(letter.isdigit() for letter in task.gold[-1].response)
            assert digits == (2 if "in deck" in task.request else 3)


def test_each_value_that_is_told_is_an_answer_of_its_own(domain: DeclaredDomain) -> None:
    task = next(task for task in tasks_with(domain, "search", 12) if not task.gold_diff)
    (call,) = [call for call in task.gold_calls if call.name == "search"]
    towns = {name: next(town for town in TOWNS if town[:2].upper() == code) for name, code in call.arguments.items()}
    assert any(said in task.user.facts["start"] for said in (call.arguments["start"], towns["start"]))
    assert any(said in task.user.facts["end"] for said in (call.arguments["end"], towns["end"]))


def test_one_list_that_two_values_come_from_is_looked_up_once(domain: DeclaredDomain) -> None:
    def both(way: Way) -> bool:
        return len([source for _, source in way.inputs if not isinstance(source, str)]) == 2

    ways = [way for way in ways_to(FERRY, "sailings") if both(way)]
    assert {(way.composition, way.depth) for way in ways} == {("ports;search", 2)}
    tasks = [task for task in tasks_with(domain, "ports", 40) if task.request.count(" port") == 2]
    assert tasks
    for task in tasks:
        listed, search = task.gold_calls[:2]
        assert (listed.name, search.name) == ("list_ports", "search")
        towns = [town for town in sorted(TOWNS, key=task.request.find) if f"{town} port" in task.request]
        assert list(search.arguments.values()) == [town[:2].upper() for town in towns]


def test_what_is_like_the_subject_is_looked_for_by_what_the_subject_has(domain: DeclaredDomain) -> None:
    moves = [outline for outline in kitchen().outlines if outline.acts == ("move",)]
    assert {way.likenesses for outline in moves for _, _, way in outline.picks} == {("start", "end", "berth")}
    for task in tasks_with(domain, "move"):
        tables = domain.server.base(task.world_seed).tables
        change = next(call for call in task.gold_calls if call.name == "change_ticket")
        before = tables["ships"][tables["tickets"][change.arguments["ticket_id"]]["ship"]]
        after = tables["ships"][change.arguments["ship"]]
        assert (after["start"], after["end"]) == (before["start"], before["end"])


def test_a_hand_over_changes_nothing_and_counts_only_if_it_is_made(domain: DeclaredDomain) -> None:
    tasks = tasks_with(domain, "call")
    assert tasks
    for task in tasks:
        assert not task.gold_diff
        assert not task.forbidden
        (item,) = [item for item in task.checklist if item.focus == "call"]
        assert item.required
        assert not solved(Trajectory("ferry", task.id, outcome="unsolved"), task)


def test_an_act_that_begins_nothing_only_follows(domain: DeclaredDomain) -> None:
    acts = {outline.acts for outline in kitchen().outlines}
    assert ("stop", "revive") in acts
    assert not any(some[0] == "revive" for some in acts if some)


def test_what_is_always_forbidden_is_asked_for_only_to_be_refused() -> None:
    lent = [outline for outline in kitchen().outlines if "lend" in outline.acts]
    assert lent
    assert all(outline.forbidden is not None and outline.acts == ("lend",) for outline in lent)


def test_what_crowds_a_list_goes_with_nothing_that_is_told_apart_in_it() -> None:
    drawn = [kitchen().draw(random.Random(seed), "train", 5) for seed in range(400)]
    several = [recipe.outlines for recipe in drawn if len(recipe.outlines) > 1]
    buying = [some for some in several if any(outline.acts == ("buy",) for outline in some)]
    assert buying
    assert not any("tickets" in outline.listed for some in buying for outline in some)
    assert any("tickets" in outline.listed for some in several for outline in some)


def test_nobody_asks_for_what_was_said_just_before() -> None:
    (buy,) = [act for act in FERRY.acts if act.kind == "buy"]
    assert buy.news(TICKETS) == ["berth"]
    asked = [outline for outline in kitchen().outlines if outline.acts == ("buy",) and outline.question]
    assert asked
    silent = replace(FERRY, acts=tuple(replace(act, known=("ship", "berth")) for act in FERRY.acts))
    assert not any(one.acts == ("buy",) and one.question for one in Kitchen(silent, lambda recipe: True).outlines)


def test_what_narrows_is_named_in_by_and_told_by_opens() -> None:
    search = FERRY.looks[-1]

    def told(look: Look) -> list[str]:
        return problems(replace(FERRY, looks=(*FERRY.looks[:-1], look)))

    assert told(search) == []
    (unknown,) = told(replace(search, narrows=("birth",)))
    assert "Did you mean 'berth'" in unknown
    (untold,) = told(replace(search, opens=None))
    assert "say in opens which" in untold


def test_who_names_what_all_worlds_have_says_who_it_is(domain: DeclaredDomain) -> None:
    alike = tuple(replace(table, common=True) if table in (PORTS, BERTHS) else table for table in FERRY.tables)
    for made, says in ((domain, False), (DeclaredDomain(replace(FERRY, tables=alike), size="small"), True)):
        found = [task for task in tasks_with(made, "search", 24) if task.composition == "search"]
        asked = [task for task in found if not re.search(r"N\d{4}", task.request)]  # a ship is of its own world
        assert asked
        assert all(("id" in task.user.facts) == says for task in asked)


def test_a_topic_is_asked_for_in_further_words(domain: DeclaredDomain) -> None:
    assert domain._workshop.composer.topic_words["start"] == ("start", "from where")
    (unknown,) = problems(replace(FERRY, asked={"stort": ("from where",)}))
    assert "Did you mean 'start'" in unknown


def test_a_field_that_follows_is_never_made() -> None:
    with pytest.raises(DeclarationError, match="give the table's rows as a function"):
        Given().make(Draw(random.Random(0), "train"))
