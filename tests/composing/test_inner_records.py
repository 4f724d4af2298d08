"""Records inside records, on a domain that is worked out by hand: owners have purses, and boxes with parts.

The tools show a box with its parts by id, so that the declared shape and the tools' are two.
"""

import random
from collections.abc import Mapping
from typing import Any

import pytest

from toolgym.composing.composer import DeclaredDomain, worlds_of
from toolgym.composing.declaration import Act, Declaration, Key, Look, Pick, Reckoned, Rule, Wish
from toolgym.composing.execution import Execution, execute
from toolgym.composing.fields import Choice, Code, Made, Money, Name, Ref, Refs
from toolgym.composing.recipes import Kitchen, Together
from toolgym.composing.scenes import Scene
from toolgym.composing.stories import Outline, make_story
from toolgym.composing.tables import Records, Table
from toolgym.composing.ways import ways_to
from toolgym.composing.worlds import world_key
from toolgym.mcp.server import ToolServer
from toolgym.world import World

KEY = world_key("train", 3)

PURSES = Table(
    "purses",
    "purse",
    "purse_id",
    {
        "purse_id": Code("P####"),
        "colour": Made(lambda draw: ("red", "blue", "green")[draw.place], told="{value} purse", names=True),
        "money": Money(5, 40, label="money"),
    },
)
OWNERS = Table(
    "owners",
    "owner",
    "owner_id",
    {
        "first": Name(label="first name", told="{value}"),
        "owner_id": Code("{first}##"),
        "town": Choice(("Ada", "Bly"), label="town", told="{value}"),
        "shoe": Money(1, 90, label="size of shoes"),
        "purses": Records(PURSES, (2, 3)),
        "boxes": Refs("boxes"),
    },
    {"small": 8, "standard": 8, "large": 8},
)
PARTS = Table(
    "parts",
    "part",
    "part_id",
    {
        "part_id": Code("T####", label="id"),
        "price": Money(1, 90, label="price", extremes=("cheapest", "dearest")),
        "name": Made(lambda draw: ("wheel", "rope", "lamp")[len(draw.siblings)], told="{value}", names=True),
        "box": Made(lambda draw: (draw.parent or {})["box_id"]),
    },
)
BOXES = Table(
    "boxes",
    "box",
    "box_id",
    {
        "box_id": Code("B####"),
        "owner_id": Ref("owners"),
        "parts": Records(PARTS, (2, 1, 3)),
        "value": Money(0, 0, label="value"),
    },
    (1, 2),
    per="owners",
    plural="boxes",
)


def _shape(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    boxes = {
        key: {**box, "parts": {part["part_id"]: part for part in box["parts"]}} for key, box in tables["boxes"].items()
    }
    return {"owners": tables["owners"], "boxes": boxes}


def _open_box(box: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {**box, "box_id": arguments["box_id"], "parts": list(box["parts"].values())}


def _new_server(size: Any, dialect: str) -> ToolServer:
    server = ToolServer("attic", lambda key: worlds_of(ATTIC, size, dialect)(key), default_world_key=0)

    @server.tool(writes=False)
    def get_owner(world: World, owner_id: str) -> dict[str, Any]:
        """Shows an owner."""
        return world.get("owners", owner_id)

    @server.tool(writes=False)
    def find_owner(world: World, first: str, town: str) -> str:
        """Finds an owner."""
        return next(key for key, one in world.items("owners") if (one["first"], one["town"]) == (first, town))

    @server.tool(writes=False)
    def get_box(world: World, box_id: str) -> dict[str, Any]:
        """Shows a box."""
        return {name: value for name, value in world.get("boxes", box_id).items() if name != "box_id"}

    @server.tool(writes=True)
    def mend(world: World, box_id: str, part_ids: list[str], purse_id: str) -> dict[str, Any]:
        """Mends parts of a box."""
        box = world.edit("boxes", box_id)
        for part_id in part_ids:
            box["parts"][part_id]["price"] += 1
        return {name: value for name, value in box.items() if name != "box_id"}

    @server.tool(writes=True)
    def paint(world: World, box_id: str, colour: str) -> dict[str, Any]:
        """Paints a box."""
        box = world.edit("boxes", box_id)
        box["colour"] = colour
        return {name: value for name, value in box.items() if name != "box_id"}

    return server


ATTIC = Declaration(
    name="attic",
    title="Attic",
    role="You keep an attic.",
    who="owners",
    tables=(OWNERS, PURSES, BOXES, PARTS),
    looks=(
        Look("owner", "get_owner", "owners", {"owner_id": "owner_id"}),
        Look(
            "by_name",
            "find_owner",
            "owners",
            {"first": "first", "town": "town"},
            shows=("owner_id",),
            told=("I am {first} of {town}.",),
        ),
        Look("box", "get_box", "boxes", {"box_id": "box_id"}, opens=_open_box),
    ),
    acts=(
        Act(
            "mend",
            "mend",
            "boxes",
            {
                "box_id": Key(),
                "part_ids": Reckoned(lambda seen: [seen.picked[name]["part_id"] for name in ("one", "two")]),
                "purse_id": Pick("purses"),
            },
            ("Mend {one} and {two} of {it} with my {purse_id}.", "Use my {purse_id} and mend {one} and {two} of {it}."),
            ("Repair {one} and {two} of {it} with my {purse_id}.",),
            "{box_id} is mended.",
            about=("mend",),
            past=("mended",),
            gives="boxes",
            wants={"one": Pick("parts"), "two": Pick("parts", lambda box, part: part["name"] != "lamp")},
            follows=(),
        ),
        Act(
            "paint",
            "paint",
            "boxes",
            {"box_id": Key(), "colour": Wish(Choice(("red", "blue")), carried=("owners.town",))},
            ("Paint {it} {colour}.", "Please paint {it} {colour}."),
            ("Let {it} be {colour}.",),
            "{box_id} is {colour}.",
            about=("paint",),
            past=("painted",),
            gives="boxes",
        ),
    ),
    rules=(
        Rule(
            "lamp",
            ("mend",),
            lambda seen: seen.picked["two"]["name"] == "lamp",
            "Lamps are mended first or not at all.",
            "a lamp is mended first",
            sees=("picked",),
            tempts={"two": Pick("parts", lambda box, part: part["name"] == "lamp")},
        ),
    ),
    new_server=_new_server,
    shape=_shape,
)


@pytest.fixture(scope="module")
def domain() -> DeclaredDomain:
    return DeclaredDomain(ATTIC, size="small")


@pytest.fixture(scope="module")
def outlines() -> dict[str, Outline]:
    return {outline.name: outline for outline in Kitchen(ATTIC, lambda recipe: True).outlines}


def made(domain: DeclaredDomain, outline: Outline) -> tuple[str, Execution]:
    """The first story of the outline that can be made in the world, and its execution."""
    base = domain._workshop.composer.base(KEY, "small", "standard")
    for seed in range(20):
        for speaker in base.tables["owners"]:
            story = make_story(Scene(ATTIC, base, speaker, "seen", random.Random(seed)), outline)
            done = execute(domain.session(), KEY, [story]) if story else None
            if story is not None and done is not None:
                return " ".join([*story.intro.values(), story.clause]), done
    raise AssertionError(f"no story of {outline.name}")


def test_a_record_holds_its_list_and_the_inner_table_is_none_of_the_world(domain: DeclaredDomain) -> None:
    declared = domain._workshop.composer.base(KEY, "small", "standard").tables
    assert set(declared) == {"owners", "boxes"}
    boxes = list(declared["boxes"].values())
    assert [len(box["parts"]) for box in boxes[:4]] == [2, 1, 3, 2]
    assert [part["name"] for part in boxes[2]["parts"]] == ["wheel", "rope", "lamp"]
    assert all(part["box"] == box["box_id"] for box in boxes for part in box["parts"])
    ids = [part["part_id"] for box in boxes for part in box["parts"]]
    assert len(set(ids)) == len(ids)


def test_tools_work_on_the_shape_that_is_given_and_what_they_show_is_opened(domain: DeclaredDomain) -> None:
    declared = domain._workshop.composer.base(KEY, "small", "standard").tables["boxes"]
    shown = domain.server.base(KEY).tables["boxes"]
    look = next(look for look in ATTIC.looks if look.kind == "box")
    for key, box in declared.items():
        assert list(shown[key]["parts"]) == [part["part_id"] for part in box["parts"]]
        assert look.opened({**shown[key]}, {"box_id": key}) == box


def test_the_way_to_an_inner_record_is_that_to_what_holds_it(outlines: dict[str, Outline]) -> None:
    # A box is told or found in its owner's list; each way leads to its parts by name or price, and costs no more calls.
    boxes, parts = ways_to(ATTIC, "boxes"), ways_to(ATTIC, "parts")
    assert [(way.name, way.composition, way.depth) for way in parts[:2]] == [
        ("parts(box(told).parts):extreme", "box", 1),
        ("parts(box(told).parts):told", "box", 1),
    ]
    assert len(parts) == 2 * len(boxes)
    # Inside a box that is known it costs none, and no other way is one.
    assert [(way.name, way.depth) for way in ways_to(ATTIC, "parts", "boxes")] == [
        ("parts(subject):extreme", 0),
        ("parts(subject):told", 0),
    ]


def test_parts_are_picked_inside_the_box_that_was_looked_at(
    domain: DeclaredDomain, outlines: dict[str, Outline]
) -> None:
    name = "box(told) mend one=parts(subject):told two=parts(subject):told purse_id=purses(owner(subject).purses):told"
    outline = outlines[name]
    assert (outline.composition, outline.depth) == ("box;owner;mend", 3)
    request, done = made(domain, outline)
    calls = [call.planned for call in done.calls]
    assert [call.tool for call in calls] == ["get_box", "get_owner", "mend"]
    box = domain.server.base(KEY).tables["boxes"][calls[0].arguments["box_id"]]
    one, two = calls[2].arguments["part_ids"]
    assert one != two
    for part in (one, two):
        assert f"the {box['parts'][part]['name']}" in request or f"my {box['parts'][part]['name']}" in request
    # What changed is told of the tools' records.
    paths = [
        assertion.path for assertion in domain._workshop.composer.finish(done, _base(domain)).endings[0].assertions
    ]
    assert paths == ["parts"]


def _base(domain: DeclaredDomain) -> Any:
    return domain._workshop.composer.base(KEY, "small", "standard")


def test_the_customers_own_record_is_read_once(domain: DeclaredDomain, outlines: dict[str, Outline]) -> None:
    # The owner's record led to the box, and holds the purse: no second look at it.
    way = "box*1(owner(speaker).boxes)"
    outline = outlines[
        f"{way} mend one=parts(subject):told two=parts(subject):told purse_id=purses(owner(subject).purses):told"
    ]
    assert (outline.composition, outline.depth) == ("owner;box;mend", 3)
    _, done = made(domain, outline)
    assert [call.planned.tool for call in done.calls] == ["get_owner", "get_box", "mend"]


def test_a_rule_can_tempt_with_a_record_that_nobody_picks(domain: DeclaredDomain, outlines: dict[str, Outline]) -> None:
    name = next(name for name in outlines if name.startswith("box(told) mend!lamp"))
    _, done = made(domain, outlines[name])
    assert done.diff == {}
    assert "a lamp is mended first" in done.endings[0].response


def test_who_is_found_by_several_values_says_them_in_one_sentence(
    domain: DeclaredDomain, outlines: dict[str, Outline]
) -> None:
    request, done = made(domain, outlines["fact by_name(told,told)>owner"])
    told = done.calls[0].planned.arguments
    assert request.startswith(f"I am {told['first']} of {told['town']}. ")
    topics = domain._workshop.composer.topic_words
    assert topics["by_name"] == ("first name", "town")


def test_an_act_follows_those_alone_that_it_names(outlines: dict[str, Outline]) -> None:
    series = {outline.acts for outline in outlines.values() if len(outline.acts) > 1}
    assert series == {("mend", "paint")}


def test_the_customer_says_in_one_way_who_it_is(outlines: dict[str, Outline]) -> None:
    by_id, by_name = outlines["fact owner(speaker)"], outlines["fact by_name(told,told)>owner"]
    assert (by_id.speaks, by_name.speaks) == ("id", "by_name")
    assert by_name.first == {"by_name", "owner"}
    # What is wanted stands in the record that is known by then; an outline with two ways to say it is none.
    carried = [one for name, one in outlines.items() if name.startswith("box*1(owner(speaker).boxes) paint colour=")]
    assert [(one.name.partition("=")[2], one.composition) for one in carried] == [
        ("owner(speaker).town", "owner;box;paint")
    ]


def test_several_stories_work_only_where_each_does() -> None:
    asked: list[str] = []
    kitchen = Kitchen(ATTIC, lambda recipe: bool(asked.append(recipe.name)))
    one, two = kitchen.outlines[:2]
    assert not kitchen.works(Together((one, two)))
    assert asked == [one.name]
