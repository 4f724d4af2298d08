"""A cloakroom, and an agent that tosses coins in it: what searches find is soon both right and wrong."""

import re
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from toolgym.agents.policies.policy import Completion
from toolgym.custom import CustomDomain
from toolgym.env import ToolEnv
from toolgym.mcp.server import ToolServer
from toolgym.tasks import GoldAction, GoldCall, Task
from toolgym.world import Base, World

COATS = {f"T{number}": {"here": True} for number in range(12)}


def cloakroom(**options: Any) -> ToolEnv:
    """Ten train tasks and two test tasks: hand out one coat, and no other."""
    server = ToolServer("coats", base=Base({"coats": COATS}))

    @server.tool(writes=True)
    def hand_out(world: World, ticket: str) -> str:
        """Hands out the coat of a ticket."""
        world.edit("coats", ticket)["here"] = False
        return "handed out"

    tasks = [
        Task(
            id=f"coat/{number}",
            domain="coats",
            kind=("hand_out",),
            split="train" if number < 10 else "test",
            request=f"My coat, please: ticket T{number}.",
            gold=(
                GoldAction(calls=(GoldCall(name="hand_out", arguments={"ticket": f"T{number}"}, writes=True),)),
                GoldAction(response="Here it is."),
            ),
            gold_diff={"coats": {f"T{number}": {"here": False}}},
        )
        for number in range(12)
    ]
    return ToolEnv(CustomDomain(server.session, tasks, name="coats"), **{"prompt": "short", **options})


class Coin:
    """Hands out the right coat or the wrong one, or answers at once."""

    def __init__(self) -> None:
        self.slots: dict[int, Any] = {}

    def start(self, slot: int, observation: str, info: dict[str, Any], env: Any = None) -> list[int]:
        rng = np.random.default_rng(np.random.SeedSequence(zlib.crc32(str(info["task_id"]).encode())))
        ticket = re.findall(r"ticket (T\d+)", observation)[0]
        self.slots[slot] = [rng, ticket, "handed out" in observation]
        return []

    def observe(self, slot: int, observation: str, info: dict[str, Any]) -> list[int]:
        self.slots[slot][2] = True
        return []

    def generate(self, slots: Sequence[int]) -> list[Completion]:
        return [Completion(self._turn(*self.slots[slot])) for slot in slots]

    def _turn(self, rng: Any, ticket: str, done: bool) -> str:
        toss = rng.random()
        if done or toss < 0.3:
            return "<response>Here it is.</response>"
        given = ticket if toss < 0.6 else "T11"
        return f'<tool_call>{{"name": "hand_out", "arguments": {{"ticket": "{given}"}}}}</tool_call>'

    def end(self, slot: int) -> None:
        self.slots.pop(slot, None)
