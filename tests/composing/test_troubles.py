"""Troubles by hand: a shop that rents routers out. A router blinks (it is off), is deaf (its radio is off) or unpaid.

`off` is mended by the customer's `switch`, `radio` by `tune`, `unpaid` by the agent's `unblock` and then a `switch` off
and on, which is `restart`. A router works (`online`) when it is on, its radio is on, and it is not blocked since it was
last started.
"""

import random
from dataclasses import replace
from typing import Any

import pytest

from toolgym.composing.composer import DeclaredDomain, worlds_of
from toolgym.composing.declaration import Declaration, Look
from toolgym.composing.execution import execute, needless
from toolgym.composing.faults import Call, Check, Fault, Goal, Tell, Troubles
from toolgym.composing.fields import Code, Name, Number, Ref
from toolgym.composing.tables import Table
from toolgym.composing.troubles import Trouble, troubles_of
from toolgym.env import ToolEnv
from toolgym.errors import ConfigError
from toolgym.mcp.server import ToolError, ToolServer
from toolgym.messages import Turn, render
from toolgym.tasks import UserAction, UserCall
from toolgym.world import World

PEOPLE = Table(
    "people",
    "person",
    "person_id",
    {"name": Name(label="name"), "person_id": Code("{name}##")},
    {"small": 6, "standard": 20, "large": 60},
)
RENTALS = Table(
    "rentals",
    "rental",
    "rental_id",
    {"rental_id": Code("R####"), "person_id": Ref("people"), "blocked": Number(0, 0), "price": Number(1, 9, label="p")},
    (1, 2),
    per="people",
)


def _router(world: World) -> dict[str, Any]:
    return world.edit("routers", next(iter(world.keys("routers"))))


def _settle(world: World) -> None:
    """Notes whether the router works."""
    for key, router in world.items("routers"):
        now = {"online": all(router.values())}
        if world.get("works", key) != now:
            world.put("works", key, now)


def _start(world: World) -> None:
    router = _router(world)
    rental = next(key for key in world.keys("routers"))
    router["started"] = not world.get("rentals", rental)["blocked"]


def new_server(size: Any, dialect: str) -> ToolServer:
    server = ToolServer("routers", lambda key: worlds_of(ROUTERS, size, dialect)(key), default_world_key=0)

    @server.tool(writes=False)
    def get_rental(world: World, rental_id: str) -> dict[str, Any]:
        """Shows a rental."""
        if not world.has("rentals", rental_id):
            raise ToolError("no such rental")
        return world.get("rentals", rental_id)

    @server.tool(writes=False)
    def list_rentals(world: World, person_id: str) -> list[dict[str, Any]]:
        """Lists a person's rentals."""
        return [rental for _, rental in world.items("rentals") if rental["person_id"] == person_id]

    @server.tool(writes=True)
    def unblock(world: World, rental_id: str) -> str:
        """Unblocks a rental."""
        world.edit("rentals", rental_id)["blocked"] = 0
        return "done"

    @server.tool(writes=False)
    def hand_over(world: World) -> str:
        """Hands over."""
        return "done"

    @server.tool(writes=False, role="user")
    def lights(world: World) -> str:
        """Shows the lights."""
        router = world.get("routers", next(iter(world.keys("routers"))))
        return f"power {router['on']}, radio {router['radio']}, fuse {router['fuse']}"

    @server.tool(writes=True, role="user")
    def switch(world: World) -> str:
        """Switches the router on or off."""
        router = _router(world)
        router["on"] = not router["on"]
        _settle(world)
        return "click"

    @server.tool(writes=True, role="user")
    def tune(world: World) -> str:
        """Switches the radio on or off."""
        router = _router(world)
        router["radio"] = not router["radio"]
        _settle(world)
        return "click"

    @server.tool(writes=True, role="user")
    def restart(world: World) -> str:
        """Restarts the router."""
        _start(world)
        _settle(world)
        return "whirr"

    return server


def _begin(world: World, rental_id: str) -> None:
    world.put("routers", rental_id, {"on": True, "radio": True, "started": True, "fuse": True})
    world.put("works", rental_id, {"online": True})


def _set(**values: Any) -> Any:
    def occurs(world: World, rental_id: str) -> None:
        _router(world).update(values)
        _settle(world)

    return occurs


def _block(world: World, rental_id: str) -> None:
    world.edit("rentals", rental_id)["blocked"] = 1
    _start(world)
    _settle(world)


def _action(words: str, tool: str) -> UserAction:
    return UserAction(words=(words,), calls=(UserCall(name=tool),))


ALL_OFF = ("Nothing works.",)
OFF = Fault(
    "off", ("online",), _set(on=False), ALL_OFF, ("It is switched off.",), ("ask_lights",),
    lambda known: "power False" in known["ask_lights"], (Tell("tell_switch", "switch", "Please press the switch."),),
    "Power is off: have the customer press the switch.",
)  # fmt: skip
RADIO = Fault(
    "radio", ("online",), _set(radio=False), ALL_OFF, ("Its radio is off.",), ("ask_lights",),
    lambda known: "radio False" in known["ask_lights"], (Tell("tell_tune", "tune", "Please tune the radio."),),
    "The radio is off: have the customer tune it.",
)  # fmt: skip
UNPAID = Fault(
    "unpaid", ("online",), _block, ALL_OFF, ("You blocked it.",), ("ask_lights", "see_rental"),
    lambda known: known["see_rental"]["blocked"] == 1,
    (
        Call("unblock", "unblock", lambda known: {"rental_id": known["see_rental"]["rental_id"]}, writes=True),
        Tell("tell_restart", "restart", "Please restart the router."),
    ),
    "The rental is blocked: unblock it, and have the customer restart the router.", needs=("see_rental",),
)  # fmt: skip
FUSE = Fault(
    "fuse", ("online",), _set(fuse=False), ALL_OFF, ("The fuse is burnt.",), ("ask_lights",),
    lambda known: "fuse False" in known["ask_lights"],
    (Call("hand_over", "hand_over", lambda known: {}, required=True),),
    "The fuse is burnt: hand the customer over.", alone=True, done="A colleague of mine takes over.",
)  # fmt: skip
TROUBLES = Troubles(
    goals=(Goal("online", ("I want to go online.",), ("Let me go online.",), "You are online again."),),
    checks=(
        Check(Tell("ask_lights", "lights", "Please check the lights."), "Nothing works: ask for the lights."),
        Check(Call("see_rental", "get_rental", lambda known: {"rental_id": known["subject"]}), "Then: the rental."),
    ),
    faults=(OFF, RADIO, UNPAID, FUSE),
    actions=(
        _action("check|see lights", "lights"),
        _action("press switch", "switch"),
        _action("tune radio", "tune"),
        _action("restart router", "restart"),
    ),
    about="rentals",
    told="rental_id",
    topic="rental",
    suits=lambda base, record: True,
    begin=_begin,
    devices="routers",
    works="works",
    intro=("It is {told}.",),
    unseen_intro=("{told} it is.",),
    share=1.0,
)
ROUTERS = Declaration(
    name="routers",
    title="Routers",
    role="You rent routers out.",
    who="people",
    tables=(PEOPLE, RENTALS),
    looks=(
        Look("rental", "get_rental", "rentals", {"rental_id": "rental_id"}),
        Look("rentals", "list_rentals", "rentals", {"person_id": "person_id"}, many=True),
    ),
    acts=(),
    rules=(),
    new_server=new_server,
    troubles=TROUBLES,
)


def trouble(*faults: Fault, hinted: tuple[str, ...] = ()) -> Trouble:
    return Trouble(TROUBLES, TROUBLES.goals[0], faults, frozenset(hinted))


def domain() -> DeclaredDomain:
    return DeclaredDomain(ROUTERS, size="small")


def told(task: Any) -> list[str]:
    """The decisions of the gold chain: tools that are called, and what is said."""
    return [turn.calls[0].name if turn.calls else turn.response for turn in task.gold]


def of_name(name: str) -> Any:
    return next(task for task in domain().tasks("train") if task.meta["recipe"] == name)


@pytest.mark.parametrize(
    ("made", "kinds"),
    [
        (trouble(OFF, hinted=("off",)), ["tell_switch"]),
        (trouble(OFF), ["ask_lights", "tell_switch"]),
        (trouble(OFF, RADIO), ["ask_lights", "tell_switch", "tell_tune"]),
        (trouble(UNPAID, hinted=("unpaid",)), ["see_rental", "unblock", "tell_restart"]),
        (trouble(OFF, UNPAID, hinted=("off",)),
         ["ask_lights", "see_rental", "tell_switch", "unblock", "tell_restart"]),
        (trouble(FUSE), ["ask_lights", "hand_over"]),
    ],
)  # fmt: skip
def test_the_decisions_of_a_trouble(made: Trouble, kinds: list[str]) -> None:
    assert list(made.kinds) == kinds
    assert made.depth == len(kinds)
    assert made.fits_together()


def test_what_does_not_go_together() -> None:
    assert not trouble(OFF, FUSE).fits_together()
    assert not trouble(replace(OFF, apart=("radio",)), RADIO).fits_together()


def test_troubles_that_may_be_told_alike_have_one_name() -> None:
    assert trouble(OFF).name == trouble(RADIO).name == trouble(OFF, RADIO).name == "trouble online: off?"
    assert trouble(RADIO, hinted=("radio",)).name == "trouble online: radio"


def test_a_task_by_hand() -> None:
    # The blocked router of depth 3: the hint says why, so that the rental is looked at for its id alone.
    task = of_name("trouble online: unpaid")
    rental = task.meta["world"][1]
    assert task.request == f"It is {rental}. I want to go online. You blocked it."
    assert told(task) == ["get_rental", "unblock", "Please restart the router.", "You are online again."]
    assert (task.user.opening, task.user.facts) == (
        "I want to go online. You blocked it.",
        {"rental": f"It is {rental}."},
    )
    assert (task.depth, task.composition) == (3, "see_rental;unblock;tell_restart")
    assert set(task.gold_diff) == {"rentals", "routers", "works"}
    assert task.free == ("routers", "works")
    assert [(fact.table, fact.path, fact.value) for fact in task.assertions] == [
        ("works", "online", True),
        ("rentals", "blocked", 0),
    ]


def test_what_cannot_be_mended_is_handed_over() -> None:
    task = of_name("trouble online: fuse")
    assert task.meta["world"][2:] == ["fuse"]
    assert told(task) == ["hand_over", "A colleague of mine takes over."]
    assert (task.gold_diff, task.assertions) == ({}, ())
    assert [item.check.name for item in task.checklist if item.required] == ["hand_over"]


@pytest.mark.parametrize("seed", range(12))
def test_no_decision_can_be_left_out(seed: int) -> None:
    session, composer = domain().session(), domain()._workshop.composer
    made = next(filter(composer._mends, troubles_of(TROUBLES, random.Random(seed), 1 + seed % 5, True)))
    stories, _, _ = composer.stories(made, composer.base(0, "small", "standard"), 0, "seen", random.Random(seed))
    done = execute(session, stories[0].world, stories)
    assert done is not None
    assert done.kinds == made.kinds
    assert list(needless(session, stories[0].world, stories, done)) == []


def test_a_needless_step_is_found() -> None:
    # Restarting mends nothing of a switch that is off.
    again = replace(OFF, mended_by=(*OFF.mended_by, *UNPAID.mended_by[1:]))
    troubles = replace(TROUBLES, faults=(again,))
    made = Trouble(troubles, troubles.goals[0], (again,), frozenset({"off"}))
    session, composer = domain().session(), domain()._workshop.composer
    stories, _, _ = composer.stories(made, composer.base(0, "small", "standard"), 0, "seen", random.Random(1))
    done = execute(session, stories[0].world, stories)
    assert done is not None
    assert list(needless(session, stories[0].world, stories, done)) == [1]


def test_words_that_the_customer_does_not_understand_make_no_task() -> None:
    vague = replace(OFF, mended_by=(Tell("tell_switch", "switch", "Please do something."),))
    troubles = replace(TROUBLES, faults=(vague,))
    made = Trouble(troubles, troubles.goals[0], (vague,), frozenset({"off"}))
    session, composer = domain().session(), domain()._workshop.composer
    stories, _, _ = composer.stories(made, composer.base(0, "small", "standard"), 0, "seen", random.Random(1))
    assert execute(session, stories[0].world, stories) is None


def play(task: Any, turns: list[Turn]) -> tuple[str, ToolEnv]:
    env = ToolEnv(ROUTERS, size="small", user="scripted")
    env.reset(options={"task": task})
    info: dict[str, Any] = {}
    for turn in [*turns, *[Turn(response="That is all done. Anything else?")] * 4]:
        *_, terminated, truncated, info = env.step(render(turn))
        if terminated or truncated:
            break
    return info["outcome"], env


def test_another_way_to_a_router_that_works_is_as_good() -> None:
    task = of_name("trouble online: off")
    assert play(task, [Turn(response="Please press the switch.")])[0] == "solved"
    more = [Turn(response=words) for words in ("Please restart the router.", "Please press the switch.")]
    assert play(task, more)[0] == "solved"
    assert play(task, [*more, Turn(response="Please press the switch.")])[0] == "unsolved"
    assert play(task, [])[0] == "unsolved"


def test_the_customers_calls_are_in_the_trajectory_and_the_agent_reads_its_words_alone() -> None:
    outcome, env = play(of_name("trouble online: off"), [Turn(response="Please check the lights.")])
    assert outcome == "unsolved"
    assert [(act.actor, act.call.name) for act in env.trajectory.acts] == [("user", "lights")]
    assert env.trajectory.steps[0].observation == "<user>power False, radio True, fuse True</user>"


def test_the_world_of_a_trouble_is_named_by_what_is_wrong() -> None:
    server = domain().server
    rental = next(iter(server.base(0).tables["rentals"]))
    assert server.base([0, rental, "off"]).tables["works"] == {rental: {"online": False}}
    assert server.base([0, rental]).tables["works"] == {rental: {"online": True}}
    assert server.base(0).tables["routers"] == {}
    for key, says in (([0, "R?", "off"], "no 'R\\?' in rentals"), ([0, rental, "of"], "'off'"), ([0], "is \\[world")):
        with pytest.raises(ConfigError, match=says):
            server.base(key)


def test_depths_and_splits() -> None:
    rng = random.Random(0)
    for depth in (1, 2, 3, 4, 5):
        assert {made.depth for made in troubles_of(TROUBLES, rng, depth, False)} == {depth}
    assert list(troubles_of(TROUBLES, rng, 7, False)) == []
    chosen = domain().tasks("test", depth=[2, 3])
    maker = domain().new_maker("test")
    assert [index for index in range(2_000) if maker.recipe(index).depth in (2, 3)] == list(chosen._indices)
    policy = domain().policy()
    assert all(note in policy for note in TROUBLES.notes())
