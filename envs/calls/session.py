"""The tools of a row. They run nothing: they take a call down, and answer with what is recorded of it."""

from collections.abc import Mapping
from typing import Any

from toolgym.envs.calls.rows import Example
from toolgym.mcp.arguments import refuse, unknown_tool
from toolgym.mcp.results import classify
from toolgym.mcp.session import ForkKind, ToolSession, ToolSpec
from toolgym.mcp.simulated import SimulatedServer, SimulatedSession, SimulationOptions
from toolgym.messages import ToolCall
from toolgym.trajectory import ToolResult
from toolgym.world import Diff, canonical, copy_json

__all__ = ["RowSession", "as_diff"]

_NOTED = "The call is taken down."
_UNKNOWN = "Nothing is recorded of this call."


def as_diff(calls: list[dict[str, Any]]) -> Diff:
    """Calls as the state that they make: they are what an episode is judged by."""
    return {"calls": {"made": {"list": calls}}} if calls else {}


class RowSession(ToolSession):
    """One episode's calls.

    With `until="turn"` any call is taken down, and its outcome says whether the tool would take it: the papers' rewards
    compare what was written, and nothing is run. With `until="response"` a call is answered: as recorded, by a
    simulation where there is one, else with an error.
    """

    fork_kind: ForkKind = "copy"

    def __init__(self, runs: bool, simulate: SimulationOptions | None = None):
        self._runs, self._simulate = runs, simulate
        self.suspends = simulate is not None
        self._example: Example | None = None
        self._answers: Mapping[bytes, tuple[str, ...]] = {}
        self._asked: dict[bytes, int] = {}
        self._made: list[dict[str, Any]] = []
        self._version = 0
        self._simulated: SimulatedSession | None = None

    @property
    def tools(self) -> tuple[ToolSpec, ...]:
        return () if self._example is None else self._example.tools

    def call(self, call: ToolCall) -> ToolResult:
        refused = refuse(call)
        if refused is not None:
            return refused
        if not self._runs:
            outcome = "ok" if any(tool.name == call.name for tool in self.tools) else "unknown_tool"
            if outcome == "ok" and classify(self.tools, call) == "invalid_arguments":
                outcome = "invalid_arguments"
            self._note(call)
            return ToolResult(_NOTED, outcome=outcome)
        if not any(tool.name == call.name for tool in self.tools):
            return unknown_tool(call.name)
        result = self._answer(call)
        if not result.is_error:
            self._note(call)
        return result

    def _note(self, call: ToolCall) -> None:
        self._made.append({"name": call.name, "arguments": copy_json(call.arguments)})
        self._version += 1

    def _answer(self, call: ToolCall) -> ToolResult:
        key = _key(call)
        recorded = self._answers.get(key)
        if recorded is not None:
            asked = self._asked.get(key, 0)
            self._asked[key] = asked + 1
            return ToolResult(recorded[min(asked, len(recorded) - 1)])
        if classify(self.tools, call) == "invalid_arguments":
            return ToolResult(f"Invalid arguments for {call.name}.", None, True, "invalid_arguments")
        if self._simulated is not None:
            return self._simulated.call(call)
        return ToolResult(_UNKNOWN, None, True, "tool_error")

    async def call_async(self, call: ToolCall) -> ToolResult:
        if self._simulated is None:
            return self.call(call)
        import asyncio

        return await asyncio.to_thread(self.call, call)

    def reset(self, world_key: Any = None) -> None:
        """Starts a fresh episode.

        Args:
            world_key: the row's `Example`.
        """
        self._example = world_key
        self._asked, self._made = {}, []
        self._answers = _recorded(world_key) if self._runs and world_key is not None else {}
        self._version += 1
        if self._simulate is not None and world_key is not None:
            names = [tool.name for tool in world_key.tools]
            self._simulated = SimulatedServer(world_key.tools, self._simulate).session(names)

    def fork(self) -> "RowSession":
        twin = object.__new__(RowSession)
        twin._runs, twin._simulate, twin.suspends = self._runs, self._simulate, self.suspends
        twin._example, twin._answers, twin._version = self._example, self._answers, self._version
        twin._asked, twin._made = self._asked.copy(), self._made.copy()
        twin._simulated = None if self._simulated is None else self._simulated.fork()
        return twin

    def diff(self) -> Diff:
        return as_diff(copy_json(self._made))

    def state_version(self) -> int:
        return self._version

    def close(self) -> None:
        """Does nothing: an episode holds no more than its calls."""


def _key(call: ToolCall) -> bytes:
    return canonical([call.name, call.arguments])


def _recorded(example: Example) -> dict[bytes, tuple[str, ...]]:
    """What is recorded of each gold call; of one without a result that it was made."""
    found: dict[bytes, list[str]] = {}
    for call, text in example.answers:
        found.setdefault(_key(call), []).append(text)
    for turn in example.gold:
        for call in turn.calls:
            found.setdefault(_key(call), [_NOTED])
    return {key: tuple(texts) for key, texts in found.items()}
