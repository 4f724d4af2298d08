"""Freezing a task: its gold chain is executed, and what it did becomes what success means."""

from collections.abc import Iterable
from dataclasses import dataclass

from toolgym.errors import ForkUnsupportedError, TaskError, did_you_mean
from toolgym.mcp.session import ToolSession
from toolgym.tasks import CallCheck, ChecklistItem, GoldAction, GoldCall, Task
from toolgym.tasks.files import Frozen
from toolgym.world import canonical

__all__ = ["Execution", "execute", "freeze"]


@dataclass(frozen=True)
class Execution:
    """What a gold chain did."""

    task: Task
    frozen: Frozen

    @property
    def changed(self) -> str:
        """How this differs from what the task's file says; empty where it does not, or says nothing."""
        before = self.task.meta.get("frozen")
        if before is None:
            return ""
        now = self.frozen.model_dump(mode="json")
        return ", ".join(name for name in ("results", "diff", "writes") if before[name] != now[name])


def execute(task: Task, session: ToolSession) -> Execution:
    """Runs the gold chain from the task's initial state.

    Raises:
        TaskError: a call failed, or there is no such tool.
        InfraError: the server failed.
    """
    try:
        session.reset(task.meta.get("world"))
    except ForkUnsupportedError as error:
        raise TaskError(f"Task {task.id!r} cannot start from a known state: {error}") from error
    specs = {tool.name: tool for tool in session.tools}
    results, writes = [], []
    for number, gold in enumerate(task.gold_calls, 1):
        if gold.name not in specs:
            raise TaskError(f"Task {task.id!r}, call {number}: {did_you_mean(gold.name, specs, 'tool')}")
        before = session.state_version()
        result = session.call(gold.call())
        if result.is_error:
            raise TaskError(f"Task {task.id!r}, call {number} ({gold.name}) failed: {result.text[:500]}")
        results.append(result)
        wrote = specs[gold.name].writes
        writes.append(gold.writes or (before is None or session.state_version() != before) if wrote is None else wrote)
    frozen = Frozen(diff=session.diff(), results=tuple(result.text for result in results), writes=tuple(writes))
    return Execution(task, frozen)


def freeze(task: Task, session: ToolSession) -> Task:
    """The task with the final state of its gold chain, executed unless its file already says what came of it.

    A call that was made is a point of the checklist. It is required where nothing else would tell success: the state
    cannot be seen or does not change, and no fact has to be said.

    Raises:
        TaskError: the chain cannot be executed.
    """
    known = task.meta.get("frozen")
    frozen = execute(task, session).frozen if known is None else Frozen.model_validate(known)
    writes = list(frozen.writes)
    gold = tuple(
        GoldAction(
            plan=action.plan,
            calls=tuple(call.model_copy(update={"writes": bool(writes and writes.pop(0))}) for call in action.calls),
            response=action.response,
        )
        for action in task.gold
    )
    told = bool(frozen.diff) or bool(task.assertions) or any(item.required for item in task.checklist)
    items = [
        ChecklistItem(
            id=f"call-{number}",
            question=f"Was {call.name} called as it should be?",
            check=CallCheck(name=call.name, arguments=call.arguments),
            required=not told,
        )
        for number, call in enumerate(_distinct(call for action in gold for call in action.calls), 1)
    ]
    return task.model_copy(
        update={"gold": gold, "gold_diff": frozen.diff or {}, "checklist": (*task.checklist, *items)}
    )


def _distinct(calls: Iterable[GoldCall]) -> list[GoldCall]:
    return list({canonical([call.name, call.arguments]): call for call in calls}.values())
