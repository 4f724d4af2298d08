"""Runs the scripts of a task's stories on a real session: the execution filter (AC-Planner section 3.2).

Two stories go in lock step, so that their calls of one turn are parallel calls. A candidate of which any call fails is
discarded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from toolgym import _json
from toolgym.envs.airline.story import TOOL_OF, WRITING_KINDS, Do, Done, PlannedCall, Run, Story
from toolgym.mcp.session import ToolSession
from toolgym.messages import ToolCall
from toolgym.tasks import GoldAction, GoldCall
from toolgym.trajectory import ToolResult
from toolgym.world import Diff

__all__ = ["ExecutedCall", "Execution", "execute", "value_of"]


@dataclass(frozen=True, slots=True)
class ExecutedCall:
    """A call that succeeded: of which story, in which turn."""

    planned: PlannedCall
    story: int
    turn: int


@dataclass(frozen=True, slots=True)
class Execution:
    """A gold chain that was executed."""

    actions: tuple[GoldAction, ...]
    calls: tuple[ExecutedCall, ...]
    endings: tuple[Done, ...]
    diff: Diff


def value_of(result: ToolResult) -> Any:
    """What a tool returned, as JSON or text."""
    structured = result.structured
    if structured is not None:
        return structured["result"] if set(structured) == {"result"} else structured
    try:
        return _json.loads(result.text)
    except ValueError:
        return result.text


class _Track:
    """One story's script and where it stands."""

    def __init__(self, run: Run):
        self.run = run
        self.ending: Done | None = None
        self.todo: Do | None = None
        self.advance(None)

    def advance(self, results: list[Any] | None) -> None:
        try:
            self.todo = next(self.run) if results is None else self.run.send(results)
        except StopIteration as stop:
            self.todo, self.ending = None, stop.value


def _gold_call(planned: PlannedCall) -> GoldCall:
    return GoldCall(name=TOOL_OF[planned.kind], arguments=planned.arguments, writes=planned.kind in WRITING_KINDS)


def execute(session: ToolSession, world_key: int, stories: Sequence[Story]) -> Execution | None:
    """Executes the stories in a fresh world; None where a call fails."""
    session.reset(world_key)
    tracks = [_Track(story.run()) for story in stories]
    outline = " + ".join(story.outline for story in stories)
    actions: list[GoldAction] = []
    executed: list[ExecutedCall] = []
    while any(track.todo for track in tracks):
        plan = " ".join(track.todo.plan for track in tracks if track.todo)
        calls: list[GoldCall] = []
        for number, track in enumerate(tracks):
            if track.todo is None:
                continue
            results = []
            for planned in track.todo.calls:
                result = session.call(ToolCall(TOOL_OF[planned.kind], planned.arguments))
                if result.is_error:
                    return None
                results.append(value_of(result))
                calls.append(_gold_call(planned))
                executed.append(ExecutedCall(planned, number, len(actions)))
            track.advance(results)
        actions.append(GoldAction(plan=plan if actions else f"{outline}. {plan}", calls=tuple(calls)))
    endings = tuple(track.ending for track in tracks if track.ending is not None)
    reasons = " ".join(ending.plan for ending in endings if ending.plan)
    response = " ".join(ending.response for ending in endings)
    actions.append(GoldAction(plan=reasons or None, response=response))
    return Execution(tuple(actions), tuple(executed), endings, session.diff() or {})
