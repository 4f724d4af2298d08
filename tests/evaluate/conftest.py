"""A registered toy environment: a cloakroom with tickets, so that evaluation is tested apart from the domains."""

import pytest

from toolgym.custom import CustomDomain
from toolgym.mcp.server import ToolError, ToolServer
from toolgym.registration import register_domain, register_env
from toolgym.tasks import GoldAction, GoldCall, Task
from toolgym.world import Base, World

COATS = {f"T{number}": {"coat": f"coat {number}", "here": True} for number in range(20)}


def cloakroom_server() -> ToolServer:
    """Look up a ticket; hand out its coat."""
    server = ToolServer("cloakroom", base=Base({"coats": COATS}))

    @server.tool(writes=False)
    def look(world: World, ticket: str) -> dict:
        """Gets what hangs at a ticket."""
        if not world.has("coats", ticket):
            raise ToolError(f"no ticket {ticket}")
        return world.get("coats", ticket)

    @server.tool(writes=True)
    def hand_out(world: World, ticket: str) -> str:
        """Hands out the coat of a ticket."""
        if not look(world, ticket)["here"]:
            raise ToolError("it is gone")
        world.edit("coats", ticket)["here"] = False
        return "handed out"

    return server


def cloakroom_task(number: int) -> Task:
    """Hand out a coat; every second task wants a look first; every tenth is forbidden."""
    ticket, forbidden = f"T{number}", number % 10 == 9
    look = GoldAction(calls=(GoldCall(name="look", arguments={"ticket": ticket}),))
    hand = GoldAction(calls=(GoldCall(name="hand_out", arguments={"ticket": ticket}, writes=True),))
    actions = () if forbidden else (look, hand) if number % 2 else (hand,)
    return Task(
        id=f"cloak/{number}",
        domain="cloakroom",
        kind=("refuse",) if forbidden else ("look", "hand_out") if number % 2 else ("hand_out",),
        depth=max(1, len(actions)),
        request=f"My coat, please: ticket {ticket}.",
        forbidden=forbidden,
        gold=(*actions, GoldAction(response="Sorry, I may not." if forbidden else "Here it is.")),
        gold_diff={} if forbidden else {"coats": {ticket: {"coat": f"coat {number}", "here": False}}},
    )


def make_cloakroom() -> CustomDomain:
    return CustomDomain(cloakroom_server().session, [cloakroom_task(n) for n in range(20)], name="cloakroom")


@pytest.fixture(scope="session", name="cloakroom")
def registered_cloakroom() -> str:
    """The id of the toy environment: 20 tasks, 2 of which are solved by doing nothing."""
    register_domain("cloakroom", make_cloakroom)
    register_env("Test/Cloakroom-v0", "cloakroom")
    return "Test/Cloakroom-v0"
