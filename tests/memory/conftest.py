"""Episodes by hand, a policy that keeps to a script, and a help desk with three tools on a real tool server."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import gymnasium
import pytest

from toolgym import registration
from toolgym.agents.policies.policy import Completion
from toolgym.custom import CustomDomain
from toolgym.mcp.server import ToolServer
from toolgym.messages import ToolCall, Turn, render
from toolgym.registration import register_domain, register_env
from toolgym.tasks import GoldAction, GoldCall, Task
from toolgym.trajectory import Step, ToolResult, Trajectory
from toolgym.world import Base, World

Calls = Sequence[tuple[str, dict[str, Any], str]]
"""(tool, arguments, result) of a turn; a result that begins with `Error` is one."""


@pytest.fixture(scope="session")
def episode() -> Callable[..., Trajectory]:
    """Makes the record of an episode from its turns; it ends with words."""

    def make(
        task: str, request: str, *turns: Calls, outcome: Any = "solved", split: str = "train", **meta: Any
    ) -> Trajectory:
        made = Trajectory("Test/Desk-v0", task, prompt=request, outcome=outcome, meta={"split": split, **meta})
        for turn in turns:
            results = tuple(ToolResult(text, is_error=text.startswith("Error")) for *_, text in turn)
            calls = tuple(ToolCall(name, arguments) for name, arguments, _ in turn)
            made.steps.append(Step(Turn(calls=calls), results))
        made.steps.append(Step(Turn(response="Done.")))
        return made

    return make


class Scripted:
    """Writes the next of its turns whenever it is asked, and keeps what it was told."""

    def __init__(self, *turns: Turn):
        self.turns = turns
        self.told: dict[int, list[dict[str, Any]]] = {}
        self.tools: dict[int, list[str]] = {}
        self.asked: dict[int, int] = {}
        self.starts = 0

    def start(self, slot: int, observation: str, info: dict[str, Any], env: Any = None) -> list[int]:
        self.starts += 1
        self.told[slot] = list(info["messages"])
        self.tools[slot] = [tool["function"]["name"] for tool in info["tools"]]
        return []

    def observe(self, slot: int, observation: str, info: dict[str, Any]) -> list[int]:
        self.told[slot] += info["messages"]
        return []

    def generate(self, slots: Sequence[int]) -> list[Completion]:
        made = []
        for slot in slots:
            number = self.asked.get(slot, 0)
            self.asked[slot] = number + 1
            made.append(Completion(render(self.turns[number]), usage=(10, 2)))
        return made

    def end(self, slot: int) -> None:
        pass


@pytest.fixture(scope="session")
def scripted() -> type[Scripted]:
    return Scripted


USERS = {"ann": ["o1", "o2"], "bob": ["o3"]}


def desk() -> ToolServer:
    """Find a user, show an order, cancel an order."""
    orders = {order: {"item": f"item {order}", "open": True} for found in USERS.values() for order in found}
    base = Base({"users": {name: {"name": name, "orders": found} for name, found in USERS.items()}, "orders": orders})
    server = ToolServer("desk", base=base)

    @server.tool(writes=False)
    def find_user(world: World, name: str) -> dict:
        """Finds a user and the orders."""
        return world.get("users", name)

    @server.tool(writes=False)
    def show_order(world: World, order: str) -> dict:
        """Shows what was ordered."""
        return world.get("orders", order)

    @server.tool(writes=True)
    def cancel_order(world: World, order: str) -> str:
        """Cancels an order."""
        world.edit("orders", order)["open"] = False
        return "cancelled"

    return server


def desk_task(name: str, split: Any) -> Task:
    """Look at all orders of a user, then cancel the first."""
    first = USERS[name][0]
    find = GoldAction(calls=(GoldCall(name="find_user", arguments={"name": name}),))
    show = GoldAction(calls=tuple(GoldCall(name="show_order", arguments={"order": each}) for each in USERS[name]))
    cancel = GoldAction(calls=(GoldCall(name="cancel_order", arguments={"order": first}, writes=True),))
    return Task(
        id=f"desk/{name}",
        domain="desk",
        kind=("cancel",),
        depth=1,
        split=split,
        request=f"I am {name}. Look at my orders and cancel the first.",
        gold=(find, show, cancel, GoldAction(response="It is cancelled.")),
        gold_diff={"orders": {first: {"item": f"item {first}", "open": False}}},
    )


@pytest.fixture
def desk_env(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The id of the help desk: bob's task is for training, ann's for testing. It is known in the test alone."""
    tasks = [desk_task("bob", "train"), desk_task("ann", "test")]
    monkeypatch.setattr(registration, "_DOMAINS", dict(registration._DOMAINS))
    register_domain("desk", lambda: CustomDomain(desk().session, tasks, name="desk"))
    register_env("Test/Desk-v0", "desk")
    yield "Test/Desk-v0"
    del gymnasium.registry["Test/Desk-v0"]
