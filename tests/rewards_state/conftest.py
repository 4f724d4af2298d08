"""A vault with two locks: a small world in which one step needs another, and two steps can stand in for each other."""

from collections.abc import Callable
from typing import Any

import pytest

from toolgym.mcp.server import ToolError, ToolServer
from toolgym.messages import ToolCall, Turn
from toolgym.tasks import Assertion as A
from toolgym.tasks import CallCheck, ChecklistItem, GoldAction, GoldCall, NoWriteCheck, SaidCheck, StateCheck, Task
from toolgym.trajectory import Outcome, Step, ToolResult, Trajectory
from toolgym.world import Base, Diff, World


def vault_server() -> ToolServer:
    server = ToolServer("vault", base=Base({"locks": {"red": {"open": False}, "blue": {"open": False}}, "notes": {}}))

    @server.tool(writes=False)
    def look(world: World, lock: str) -> dict[str, Any]:
        """Looks at a lock."""
        if not world.has("locks", lock):
            raise ToolError(f"There is no lock {lock}")
        return world.get("locks", lock)

    @server.tool(writes=True)
    def unlock(world: World, lock: str) -> str:
        """Opens a lock; the blue one only opens after the red one."""
        if not world.has("locks", lock):
            raise ToolError(f"There is no lock {lock}")
        if lock == "blue" and not world.get("locks", "red")["open"]:
            raise ToolError("The red lock bars the blue one")
        world.edit("locks", lock)["open"] = True
        return "open"

    @server.tool(writes=True)
    def note(world: World, id: str, text: str) -> str:
        """Writes a note."""
        world.put("notes", id, {"text": text})
        return "noted"

    return server


@pytest.fixture
def vault() -> ToolServer:
    return vault_server()


@pytest.fixture
def vault_task() -> Task:
    """Open both locks (look at the red one first), touch nothing else, and say so."""
    calls = (
        GoldCall(name="look", arguments={"lock": "red"}),
        GoldCall(name="unlock", arguments={"lock": "red"}, writes=True),
        GoldCall(name="unlock", arguments={"lock": "blue"}, writes=True),
    )
    return Task(
        id="vault-1",
        domain="vault",
        kind=("unlock", "unlock"),
        request="Open the vault: first the red lock, then the blue one.",
        gold=(
            GoldAction(plan="Look at the red lock.", calls=calls[:1]),
            GoldAction(plan="Open the red lock.", calls=calls[1:2]),
            GoldAction(plan="Open the blue lock.", calls=calls[2:]),
            GoldAction(response="Both locks are open; 2 were opened."),
        ),
        gold_diff={"locks": {"red": {"open": True}, "blue": {"open": True}}},
        assertions=(A(table="locks", key="blue", path="open", value=True),),
        checklist=(
            ChecklistItem(id="look", question="?", check=CallCheck(name="look", arguments={"lock": "red"})),
            ChecklistItem(
                id="red", question="?", check=StateCheck(assertion=A(table="locks", key="red", path="open", value=True))
            ),
            ChecklistItem(
                id="blue",
                question="?",
                check=CallCheck(name="unlock", arguments={"lock": "blue"}),
                depends_on=("red",),
            ),
            ChecklistItem(id="said", question="?", check=SaidCheck(facts=("2",), forbidden=("1",)), required=True),
            ChecklistItem(id="only", question="?", check=NoWriteCheck(allow=("unlock",))),
        ),
    )


def turn(*calls: ToolCall | str, plan: str | None = None, response: str | None = None) -> Turn:
    """A turn; a call written `unlock blue` or `note a b` gets the vault's parameter names."""
    names = {"look": ("lock",), "unlock": ("lock",), "note": ("id", "text")}
    made = [
        c
        if isinstance(c, ToolCall)
        else ToolCall(c.split()[0], dict(zip(names[c.split()[0]], c.split()[1:], strict=True)))
        for c in calls
    ]
    return Turn(plan=plan, calls=tuple(made), response=response, text=f"{calls} {response}")


@pytest.fixture
def make_turn() -> Callable[..., Turn]:
    return turn


@pytest.fixture
def play(vault: ToolServer) -> Callable[..., Trajectory]:
    """Plays turns in a fresh vault; `outcome` ends the episode with the last one."""

    def run(*turns: Turn, outcome: Outcome | None = None) -> Trajectory:
        session = vault.session()
        out = Trajectory("vault", "vault-1")
        version = session.state_version()
        for one in turns:
            results = tuple(session.call(call) for call in one.calls)
            diff: Diff | None = None
            if session.state_version() != version:
                version, diff = session.state_version(), session.diff()
            out.steps.append(Step(one, results, diff=diff))
        out.outcome = outcome
        return out

    return run


@pytest.fixture
def prefix_sums() -> Callable[..., list[float]]:
    """What a term gives at each step: an episode is scored by scoring its prefixes."""

    def run(term: Callable[[Trajectory, Task], float], trajectory: Trajectory, task: Task) -> list[float]:
        out = []
        for n in range(1, len(trajectory.steps) + 1):
            whole = n == len(trajectory.steps)
            part = Trajectory(trajectory.env_id, trajectory.task_id, steps=trajectory.steps[:n])
            if whole:
                part.outcome, part.truncation = trajectory.outcome, trajectory.truncation
            out.append(term(part, task))
        return out

    return run


@pytest.fixture
def ok() -> Callable[..., ToolResult]:
    return lambda text="ok", **more: ToolResult(text, **more)
