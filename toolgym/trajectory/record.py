"""The record of an episode: written once, read by rewards, trainers, the viewer and files."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import orjson

from toolgym.messages import ToolCall, Turn
from toolgym.world import Diff

__all__ = ["Act", "Actor", "CallOutcome", "Outcome", "Step", "ToolResult", "Trajectory", "Truncation"]

CallOutcome = Literal[
    "ok", "tool_error", "invalid_arguments", "unknown_tool", "infra_error", "unavailable", "over_budget"
]
"""`tool_error`: the tool ran and refused; the next two are the policy's fault, `infra_error` never is. `unavailable`:
for now the tool did nothing, which is nobody's fault; the same call passes when it is made again. `over_budget`: the
call was not run, because the episode's budget was spent (`toolgym.budget`)."""

Outcome = Literal["solved", "unsolved", "policy_error", "tool_error", "infra_error", "truncated"]

Truncation = Literal["turns", "calls", "tokens", "time"]


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool call gave: as text, as MCP sends it, and how it ended."""

    text: str
    """All that the tool said, as text: what is no text is named, and structured content that no text says is added."""
    structured: Any = None
    """The structured content, as JSON: an object, as a rule."""
    is_error: bool = False
    outcome: CallOutcome = "ok"
    content: tuple[dict[str, Any], ...] | None = field(default=None, repr=False)
    """The content blocks as the server sent them; None where they are no more than one block of `text`."""

    @classmethod
    def of_json(cls, text: str) -> "ToolResult":
        """The result of a tool that gave what a JSON text says: that is the structured content too, in an object
        (`{"result": value}`) where it is none. It is read when it is first looked at: few are.
        """
        made, put = object.__new__(cls), object.__setattr__
        put(made, "text", text)
        put(made, "is_error", False)
        put(made, "outcome", "ok")
        put(made, "content", None)
        return made

    def __getattr__(self, name: str) -> Any:
        """The structured content that was not read yet."""
        if name != "structured":
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        value = orjson.loads(self.text)
        object.__setattr__(self, name, value if type(value) is dict else {"result": value})
        return self.structured


Actor = Literal["agent", "user"]


@dataclass(frozen=True, slots=True)
class Act:
    """A tool call of either side, and what it gave."""

    actor: Actor
    call: ToolCall
    result: ToolResult


@dataclass(slots=True)
class Step:
    """One action and what came of it."""

    turn: Turn
    results: tuple[ToolResult, ...] = ()
    """One a call of `turn.calls`, in order (fewer only where a limit or an infrastructure error cut the turn short)."""
    observation: str = ""
    """What the environment answered, as text: exactly what `step` returned."""
    user: str | None = None
    """The user's reply, where the turn had a response and the user answered."""
    diff: Diff | None = None
    """The world's diff after this step; None where it is the same as after the step before (or at the start)."""
    reward: float = 0.0
    rewards: dict[str, float] = field(default_factory=dict)
    user_acts: tuple[Act, ...] = ()
    """What the user called between the agent's calls and its reply (in the first step also before the request). The
    agent sees nothing of it but the reply."""
    agent_changed: bool = False
    """Where the user acted: whether the agent's calls of this step changed the world too."""


@dataclass(slots=True)
class Trajectory:
    """An episode so far. `steps` only grows; a finished one has an `outcome`."""

    env_id: str
    task_id: str
    seed: int | None = None
    prompt: str = ""
    """The observation at reset."""
    steps: list[Step] = field(default_factory=list)
    outcome: Outcome | None = None
    truncation: Truncation | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    kept: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """How far rewards have read these steps, so that a growing episode is not read again from its start. No part of the
    record: no file has it, and a copy begins without it."""

    @property
    def diff(self) -> Diff:
        """The world's diff now. Tools that keep no `World` leave it empty."""
        for step in reversed(self.steps):
            if step.diff is not None:
                return step.diff
        return {}

    @property
    def calls(self) -> list[tuple[ToolCall, ToolResult]]:
        """Every call of the agent's that was answered, with its result, in order."""
        return [pair for step in self.steps for pair in zip(step.turn.calls, step.results, strict=False)]

    @property
    def acts(self) -> list[Act]:
        """Every executed call of either side, in order."""
        out = []
        for step in self.steps:
            out += [Act("agent", call, result) for call, result in zip(step.turn.calls, step.results, strict=False)]
            out += step.user_acts
        return out

    def fork(self) -> "Trajectory":
        """The episode so far, to go on with by itself. Steps that have happened never change, so both hold the same."""
        return Trajectory(
            self.env_id,
            self.task_id,
            self.seed,
            self.prompt,
            self.steps.copy(),
            self.outcome,
            self.truncation,
            self.meta.copy(),
        )

    def prefixes(self) -> Iterator["Trajectory"]:
        """The episode as it was after each step: what a reward of that step sees. Only the last has the outcome."""
        for count in range(1, len(self.steps)):
            yield replace(self, steps=self.steps[:count], outcome=None, truncation=None)
        if self.steps:
            yield self

    @property
    def done(self) -> bool:
        """Whether the episode has ended."""
        return self.outcome is not None
