"""Series of acts on what the first one creates, picks by way of the subject, and what is asked afterwards."""

import random
from dataclasses import replace
from typing import Any

import pytest

from toolgym.composing.composer import worlds_of
from toolgym.composing.declaration import Act, Declaration, Key, Look, Pick, Rule, Wish
from toolgym.composing.execution import execute
from toolgym.composing.fields import Choice, Code, Number, Ref
from toolgym.composing.recipes import Kitchen
from toolgym.composing.scenes import Scene
from toolgym.composing.stories import Outline, make_story
from toolgym.composing.story import Story
from toolgym.composing.tables import Table
from toolgym.composing.worlds import world_key
from toolgym.mcp.server import ToolServer
from toolgym.world import World

KEY = world_key("train", 3)
SIZES: Any = {"small": 12, "standard": 12, "large": 12}
GUESTS = Table("guests", "guest", "guest_id", {"guest_id": Code("G####")}, SIZES)
ROOMS = Table("rooms", "room", "room_id", {"room_id": Code("R####"), "beds": Number(1, 9, label="beds")}, SIZES)
STAYS = Table(
    "stays",
    "stay",
    "stay_id",
    {"stay_id": Code("S####"), "guest_id": Ref("guests"), "room_id": Ref("rooms"), "state": Choice(("open",))},
    (2,),
    per="guests",
)
ORDERS = Table(
    "orders",
    "order",
    "order_id",
    {
        "order_id": Code("O####"),
        "guest_id": Ref("guests"),
        "count": Number(1, 9, label="count"),
        "hour": Number(0, 23, label="hour"),
        "status": Choice(("sent",)),
    },
    (1,),
    per="guests",
)


def _new_server(size: Any, dialect: str) -> ToolServer:
    server = ToolServer("inn", lambda key: worlds_of(INN, size, dialect)(key), default_world_key=0)

    @server.tool(writes=False)
    def get_stay(world: World, stay_id: str) -> dict[str, Any]:
        """Shows a stay."""
        return world.get("stays", stay_id)

    @server.tool(writes=False)
    def list_stays(world: World, guest_id: str) -> list[dict[str, Any]]:
        """Lists."""
        return [stay for _, stay in world.items("stays") if stay["guest_id"] == guest_id]

    @server.tool(writes=False)
    def get_room(world: World, room_id: str) -> dict[str, Any]:
        """Shows a room."""
        return world.get("rooms", room_id)

    @server.tool(writes=True)
    def order(world: World, stay_id: str, room_id: str, count: int) -> dict[str, Any]:
        """Orders dishes to a room."""
        guest = world.get("stays", stay_id)["guest_id"]
        world.put("orders", "new", {"order_id": "new", "guest_id": guest, "count": count, "hour": 9, "status": "sent"})
        return world.get("orders", "new")

    @server.tool(writes=True)
    def recall(world: World, order_id: str) -> dict[str, Any]:
        """Recalls an order."""
        recalled = world.edit("orders", order_id)
        recalled["status"] = "recalled"
        return recalled

    @server.tool(writes=False)
    def get_order(world: World, order_id: str) -> dict[str, Any]:
        """Shows an order."""
        return world.get("orders", order_id)

    return server


INN = Declaration(
    name="inn",
    title="Inn",
    role="You are the clerk of an inn.",
    who="guests",
    tables=(GUESTS, ROOMS, STAYS, ORDERS),
    looks=(
        Look("stays", "list_stays", "stays", {"guest_id": "guest_id"}, many=True),
        Look("stay", "get_stay", "stays", {"stay_id": "stay_id"}),
        Look("room", "get_room", "rooms", {"room_id": "room_id"}),
        Look("order_by_id", "get_order", "orders", {"order_id": "order_id"}),
    ),
    acts=(
        Act(
            "order",
            "order",
            "stays",
            {"stay_id": Key(), "room_id": Pick("rooms"), "count": Wish(Number(1, 9))},
            ("Order {count} dishes for {it} to {room_id}.", "Please send {count} dishes for {it} to {room_id}."),
            ("For {it}, {count} dishes to {room_id}.",),
            "Ordered.",
            about=("order",),
            past=("ordered",),
            gives="orders",
            when=lambda stay: stay["state"] == "open",
        ),
        Act(
            "recall",
            "recall",
            "orders",
            {"order_id": Key()},
            ("Recall {it}.", "Take {it} back."),
            ("Let {it} come back.",),
            "{order_id} is recalled.",
            about=("recall",),
            past=("recalled",),
            gives="orders",
            when=lambda order: order["status"] == "sent",
        ),
    ),
    rules=(),
    new_server=_new_server,
)


def outline(name: str) -> Outline:
    return next(one for one in Kitchen(INN, lambda recipe: True).outlines if one.name == name)


def made(name: str, seed: int = 1) -> Story:
    base = _new_server("small", "standard").base(KEY)
    story = make_story(Scene(INN, base, next(iter(base.tables["guests"])), "seen", random.Random(seed)), outline(name))
    assert story is not None
    return story


@pytest.mark.parametrize("way", ["room(told)", "room(subject)"])
def test_the_second_act_is_about_what_the_first_creates(way: str) -> None:
    # `recall` looks at the order's status, which a stay has not; a stay's state is nothing of an order.
    story = made(f"stay(told) order recall room_id={way}")
    done = execute(_new_server("small", "standard").session(), KEY, [story])
    assert done is not None
    (order,) = done.diff["orders"].values()
    assert order is not None
    assert order["status"] == "recalled"


def test_a_record_that_the_subject_names_is_picked_by_way_of_it() -> None:
    # The room comes out of the stay, which is shown: only that one is looked up.
    base = _new_server("small", "standard").base(KEY)
    story = made("stay(told) order room_id=room(subject)")
    assert story.clause.endswith(("to its room.", "to the room of it."))
    done = execute(_new_server("small", "standard").session(), KEY, [story])
    assert done is not None
    stay, room, order = (action.calls[0].arguments for action in done.actions if action.calls)
    assert room["room_id"] == order["room_id"] == base.tables["stays"][stay["stay_id"]]["room_id"]


def test_nobody_asks_for_what_was_just_said() -> None:
    # Of an order's two labelled fields one is what the customer has told; the other is asked for.
    asked = [made("stay(told) order room_id=room(told) ?", seed).clause for seed in range(20)]
    assert all("hour" in clause and "count" not in clause for clause in asked)


def test_a_refusal_by_the_record_alone_picks_what_the_customer_names() -> None:
    # The rule needs no look at the room, so one way to it is enough; the record's own room would be no wish.
    full = Rule("full", ("order",), lambda seen: seen.subject["state"] == "open", "No orders.", "it is open")
    inn = replace(INN, rules=(full,))
    refused = [one.name for one in Kitchen(inn, lambda recipe: True).outlines if one.forbidden is full]
    assert "stay(told) order!full room_id=room(told)" in refused
    assert not any("subject" in name for name in refused)
