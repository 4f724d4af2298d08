"""A toy whose right answer is known: a lock with two dials to set, and a policy that turns them at random."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from toolgym.agents.policies.policy import Completion
from toolgym.custom import CustomDomain
from toolgym.env import ToolEnv
from toolgym.mcp.server import ToolServer
from toolgym.messages import ToolCall, Turn, render
from toolgym.tasks import GoldAction, GoldCall, Task
from toolgym.world import Base, World


def lock_server() -> ToolServer:
    """Turns dials."""
    server = ToolServer("lock", base=Base({"dials": {"one": {"at": 0}, "two": {"at": 0}}}))

    @server.tool(writes=True)
    def turn(world: World, dial: str, to: int) -> str:
        """Turns a dial."""
        world.edit("dials", dial)["at"] = to
        return f"{dial} is at {to}"

    return server


def lock_tasks() -> list[Task]:
    """To open it: the first dial to 3, the second to 1, or to other figures."""
    return [
        Task(
            id=f"lock/{first}{second}",
            domain="lock",
            kind=("open",),
            depth=2,
            request=f"Open it with {first} and {second}.",
            gold=(
                GoldAction(calls=(GoldCall(name="turn", arguments={"dial": "one", "to": first}, writes=True),)),
                GoldAction(calls=(GoldCall(name="turn", arguments={"dial": "two", "to": second}, writes=True),)),
                GoldAction(response="It is open."),
            ),
            gold_diff={"dials": {"one": {"at": first}, "two": {"at": second}}},
        )
        for first, second in ((3, 1), (2, 2), (1, 3), (2, 3))
    ]


class Dice:
    """Sets the first dial, then the second, each to 1, 2 or 3 by chance, and says that the lock is open.

    What it draws belongs to the slot, as `toolgym.agents.policies.LMPolicy`'s does.
    """

    def __init__(self, seed: int = 0):
        self.seed = seed
        self.begun: dict[int, int] = {}
        self.open: dict[int, tuple[np.random.Generator, int]] = {}
        self.batches: list[int] = []

    def start(self, slot: int, observation: str, info: dict[str, Any], env: Any = None) -> list[int]:
        nth = self.begun.get(slot, 0)
        self.begun[slot] = nth + 1
        turns = sum(message["role"] == "assistant" for message in info["messages"])
        self.open[slot] = (np.random.default_rng([self.seed, slot, nth]), turns)
        return []

    def observe(self, slot: int, observation: str, info: dict[str, Any]) -> list[int]:
        return []

    def generate(self, slots: Sequence[int]) -> list[Completion]:
        self.batches.append(len(slots))
        return [self._turn(slot) for slot in slots]

    def _turn(self, slot: int) -> Completion:
        rng, turns = self.open[slot]
        self.open[slot] = (rng, turns + 1)
        if turns > 1:
            return Completion(render(Turn(response="It is open.")), [7], [0.0])
        call = ToolCall("turn", {"dial": ("one", "two")[turns], "to": int(rng.integers(1, 4))})
        return Completion(render(Turn(calls=(call,))), [1, 2], [-1.0, -0.1])

    def end(self, slot: int) -> None:
        self.open.pop(slot, None)


@pytest.fixture
def lock() -> ToolEnv:
    """The environment of the lock."""
    return ToolEnv(CustomDomain(lock_server().session, lock_tasks(), name="lock"))


@pytest.fixture
def dice() -> type[Dice]:
    """The policy that throws dice."""
    return Dice
