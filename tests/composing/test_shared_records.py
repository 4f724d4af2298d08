"""What several customers share, names in the place of nouns, and acts that depend on what was done before them."""

import random
from dataclasses import replace
from typing import Any

from toolgym.composing.composer import DeclaredDomain, worlds_of
from toolgym.composing.declaration import Act, Declaration, Key, Look, Rule, Wish
from toolgym.composing.execution import Execution, execute, flaw
from toolgym.composing.fields import Choice, Code, Made, Number, Ref
from toolgym.composing.recipes import Kitchen
from toolgym.composing.scenes import Scene
from toolgym.composing.stories import make_story
from toolgym.composing.tables import Table, build_world
from toolgym.composing.ways import ways_to
from toolgym.composing.worlds import world_key
from toolgym.mcp.server import ToolServer
from toolgym.world import World

KEY = world_key("train", 3)
NAMES = ("desk lamp", "wall lamp", "red lamp")
HOMES = Table(
    "homes",
    "home",
    "home_id",
    {"home_id": Code("H####"), "city": Choice(("Porto", "Turku"), label="city")},
    {"small": 4, "standard": 4, "large": 4},
)
PEOPLE = Table(
    "people",
    "person",
    "person_id",
    {"person_id": Code("P####"), "home_id": Ref("homes"), "role": Choice(("owner",), label="role")},
    (2,),
    per="homes",
)
LAMPS = Table(
    "lamps",
    "lamp",
    "lamp_id",
    {
        "lamp_id": Code("L####"),
        "home_id": Ref("homes"),
        "name": Made(lambda draw: NAMES[draw.place], told="{value}", names=True),
        "state": Choice(("off",), label="state"),
        "level": Number(5, 5, label="level"),
    },
    (3,),
    per="homes",
)


def _new_server(size: Any, dialect: str) -> ToolServer:
    server = ToolServer("lights", lambda key: worlds_of(LIGHTS, size, dialect)(key), default_world_key=0)

    def edited(world: World, lamp_id: str, **values: Any) -> dict[str, Any]:
        lamp = world.edit("lamps", lamp_id)
        lamp |= values
        return lamp

    @server.tool(writes=False)
    def get_home(world: World, home_id: str) -> dict[str, Any]:
        """Shows a home."""
        return world.get("homes", home_id)

    @server.tool(writes=False)
    def get_person(world: World, person_id: str) -> dict[str, Any]:
        """Shows a person."""
        return world.get("people", person_id)

    @server.tool(writes=False)
    def get_lamp(world: World, lamp_id: str) -> dict[str, Any]:
        """Shows a lamp."""
        return world.get("lamps", lamp_id)

    @server.tool(writes=False)
    def list_lamps(world: World, home_id: str) -> list[dict[str, Any]]:
        """Lists a home's lamps."""
        return [lamp for _, lamp in world.items("lamps") if lamp["home_id"] == home_id]

    @server.tool(writes=True)
    def switch_on(world: World, lamp_id: str) -> dict[str, Any]:
        """Switches a lamp on."""
        return edited(world, lamp_id, state="on")

    @server.tool(writes=True)
    def switch_off(world: World, lamp_id: str) -> dict[str, Any]:
        """Switches a lamp off."""
        return edited(world, lamp_id, state="off")

    @server.tool(writes=True)
    def dim(world: World, lamp_id: str, level: int) -> dict[str, Any]:
        """Dims a lamp."""
        return edited(world, lamp_id, level=level)

    return server


def _act(kind: str, tool: str, when: str, **takes: Any) -> Act:
    words = " ".join([f"{kind.capitalize()} {{it}}", *(f"to {{{name}}}" for name in takes)])
    ways = (f"{words}.", f"{words}, please.")
    return Act(
        kind, tool, "lamps", {"lamp_id": Key(), **takes}, ways, (f"Kindly: {words}.",), "Done.", (kind,), (kind,),
        gives="lamps", when=lambda lamp: lamp["state"] == when,
    )  # fmt: skip


LIGHTS = Declaration(
    name="lights",
    title="Lights",
    role="You switch lamps.",
    who="people",
    shared="homes",
    tables=(HOMES, PEOPLE, LAMPS),
    looks=(
        Look("home", "get_home", "homes", {"home_id": "home_id"}),
        Look("person", "get_person", "people", {"person_id": "person_id"}),
        Look("lamp", "get_lamp", "lamps", {"lamp_id": "lamp_id"}),
        Look("lamps", "list_lamps", "lamps", {"home_id": "home_id"}, many=True),
    ),
    acts=(
        _act("light", "switch_on", "off"),
        _act("dark", "switch_off", "on"),
        _act("dim", "dim", "on", level=Wish(Number(1, 4))),
        _act("set", "dim", "off", level=Wish(Number(6, 9))),
    ),
    rules=(
        Rule(
            "guest", ("set",), lambda seen: (seen.speaker or {})["role"] == "guest", "No guests.", "you are a guest",
            sees=("speaker",),
        ),
    ),
    new_server=_new_server,
)  # fmt: skip


def scene(seed: int = 1) -> Scene:
    base = build_world(LIGHTS.tables, KEY, "small", {})
    return Scene(LIGHTS, base, next(iter(base.tables["people"])), "seen", random.Random(seed))


OUTLINES = {outline.name: outline for outline in Kitchen(LIGHTS, lambda recipe: True).outlines}


def story(name: str) -> Any:
    made = make_story(scene(), OUTLINES[name])
    assert made is not None
    return made


def run(*stories: Any) -> Execution:
    done = execute(DeclaredDomain(LIGHTS, size="small").session(), KEY, stories)
    assert done is not None
    return done


def kinds(done: Execution) -> list[str]:
    return [call.planned.kind for call in done.calls]


def test_what_belongs_to_the_shared_record_belongs_to_all_who_share_it() -> None:
    here = scene()
    home = here.speaker["home_id"]
    assert [lamp["home_id"] for lamp in here.own(LAMPS)] == [home] * 3
    assert [one["home_id"] for one in here.own(HOMES)] == [home]
    assert here.own(PEOPLE) == [here.speaker]
    assert not here.is_shared(PEOPLE)


def test_a_customer_is_led_to_its_own_lamps_by_its_own_record() -> None:
    # The home told with a lamp's id or list, or read from the customer's record.
    names = [way.name for way in ways_to(LIGHTS, "lamps")]
    assert names == ["lamp(told)", "lamps(told):told", "lamps(person(speaker).home_id):told"]
    assert kinds(run(story("fact lamps(person(speaker).home_id):told"))) == ["person", "lamps"]


def test_a_name_stands_in_the_place_of_the_noun() -> None:
    clause = story("lamps(person(speaker).home_id):told light").clause
    assert clause.replace(", please", "") in {f"Light {mine} {name}." for mine in ("my", "the") for name in NAMES}


def test_the_home_of_the_customers_record_needs_no_id() -> None:
    made = story("fact home(person(speaker).home_id)")
    assert any(words in made.clause for words in ("my home", "the one home that I have")), made.clause
    assert scene().speaker["home_id"] not in made.clause


def test_nobody_is_led_to_a_home_by_way_of_the_lamps_of_others() -> None:
    here = scene()
    way = next(way for way in ways_to(LIGHTS, "homes") if way.name == "home(lamp(told).home_id)")
    other = next(home for key, home in here.base.tables["homes"].items() if key != here.speaker["home_id"])
    mine = here.base.tables["homes"][here.speaker["home_id"]]
    assert here.locate(way, other, lambda record: True) is None
    assert here.locate(way, mine, lambda record: True) is not None


def test_the_customers_record_is_not_read_twice() -> None:
    name = "lamps(person(speaker).home_id):told set"
    assert OUTLINES[name].composition == "person;lamps;set"
    assert kinds(run(story(name))) == ["person", "lamps", "set"]
    assert OUTLINES["lamp(told) set"].composition == "lamp;person;set"


def test_an_act_may_depend_on_the_state_that_the_one_before_leaves() -> None:
    done = run(story("lamp(told) light dim"))  # only a lamp that is on can be dimmed, and all are off at first
    assert kinds(done) == ["lamp", "light", "dim"]
    (lamp,) = done.diff["lamps"].values()
    assert lamp is not None
    assert lamp["state"] == "on"


def test_a_story_that_undoes_itself_is_no_part_of_a_task() -> None:
    # Light and dark again leaves all as it was; beside it another lamp is lit, so something is different in the end.
    here = scene()
    stories = [make_story(here, OUTLINES[name]) for name in ("lamp(told) light dark", "lamp(told) light")]
    stories = [made for made in stories if made is not None]
    assert len(stories) == 2
    session = DeclaredDomain(LIGHTS, size="small").session()
    assert flaw(session, KEY, stories, "", run(*stories)) == "undone"
    assert flaw(session, KEY, stories[1:], "", run(*stories[1:])) == ""


def test_a_request_that_names_nothing_is_no_task() -> None:
    # "What is the city of the largest town?" would be the same request in any world; towns told by name are apart.
    fields = {
        "town_id": Code("T####"),
        "name": Code("{town_id}", told="{value}"),
        "city": Choice(("Porto",), label="city"),
    }
    size = Number(1, 9, extremes=("smallest", "largest"))
    towns = Table("towns", "town", "town_id", {**fields, "size": size}, {"small": 3, "standard": 3, "large": 3})
    look = Look("towns", "list_towns", "towns", {}, many=True)
    made = replace(LIGHTS, tables=(*LIGHTS.tables, towns), looks=(*LIGHTS.looks, look))
    names = {outline.name for outline in Kitchen(made, lambda recipe: True).outlines}
    assert "fact towns():told" in names
    assert "fact towns():extreme" not in names
