"""Freezing a task: its gold chain is executed, and what it did becomes what success means."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from toolgym.errors import ConfigError, ForkUnsupportedError, TaskError, did_you_mean
from toolgym.mcp.ignore import differing
from toolgym.mcp.session import ToolSession
from toolgym.saying.refusals import Refusal, refusing
from toolgym.tasks import CallCheck, ChecklistItem, GoldAction, GoldCall, RefusedCheck, Task
from toolgym.tasks.files import Frozen
from toolgym.world import canonical

__all__ = ["Execution", "execute", "execute_twice", "freeze"]

Told = Callable[[Task, ToolSession], Callable[[str], object]]
"""Who is told the gold chain's responses: a task and its session -> what hears them (`toolgym.users.listening`)."""

_APART_S = 1.1
"""Seconds between two looks at a state: clocks of seconds have moved on."""


@dataclass(frozen=True)
class Execution:
    """What a gold chain did."""

    task: Task
    frozen: Frozen
    unsteady: tuple[str, ...] = ()
    """Glob paths of what in the state differs from one run to the next."""
    varying: Mapping[int, str] = field(default_factory=dict)
    """Calls whose results differ from one run to the next: index -> name."""

    @property
    def changed(self) -> str:
        """How this differs from what the task's file says; empty where it does not, or says nothing."""
        before = self.task.meta.get("frozen")
        if before is None:
            return ""
        now = self.frozen.model_dump(mode="json")
        kept = before["results"]
        results = [kept[i] if i in self.varying and i < len(kept) else text for i, text in enumerate(now["results"])]
        now["results"] = results
        names = [name for name in ("results", "diff", "writes") if before[name] != now[name]]
        return ", ".join(names + ([told] if (told := _elsewhere(before, self.frozen.state)) else []))


def execute(task: Task, session: ToolSession, user: Told | None = None) -> Execution:
    """Runs the gold chain from the task's initial state.

    Args:
        task: the task.
        session: its tools.
        user: its user, where that does something itself (`UserScript.actions`).

    Raises:
        TaskError: a call failed, or there is no such tool; or nobody is there to do the user's part.
        InfraError: the server failed.
    """
    try:
        session.reset(task.meta.get("world"))
    except ForkUnsupportedError as error:
        raise TaskError(f"Task {task.id!r} cannot start from a known state: {error}") from error
    specs = {tool.name: tool for tool in session.tools}
    results, writes = [], []
    tell = _listener(task, session, user)
    for action in task.gold:
        for gold in action.calls:
            number = len(results) + 1
            if gold.name not in specs:
                raise TaskError(f"Task {task.id!r}, call {number}: {did_you_mean(gold.name, specs, 'tool')}")
            before = session.state_version()
            result = session.call(gold.call())
            if result.is_error:
                raise TaskError(f"Task {task.id!r}, call {number} ({gold.name}) failed: {result.text[:500]}")
            results.append(result)
            wrote, version = specs[gold.name].writes, session.state_version()
            writes.append(gold.writes or before is None or version != before if wrote is None else wrote)
        if action.response is not None:
            tell(action.response)
    texts = tuple(result.text for result in results)
    frozen = Frozen(diff=session.diff(), results=texts, writes=tuple(writes), state=session.sees())
    return Execution(task, frozen)


def _listener(task: Task, session: ToolSession, user: Told | None) -> Callable[[str], object]:
    if not task.user.actions:
        return lambda response: None
    if user is None:
        raise TaskError(f"Task {task.id!r} has its user do something, and was run without one")
    try:
        return user(task, session)
    except ConfigError as error:
        raise TaskError(str(error)) from error


def execute_twice(tasks: Sequence[Task], session: ToolSession, user: Told | None = None) -> list[Execution | TaskError]:
    """Runs each gold chain twice, and compares: what came of the first run, or why the chain cannot be run.

    Between the two runs the state is looked at twice, more than a second apart, with nothing called: what differs then
    differs in every episode.

    Raises:
        InfraError: the server failed.
    """
    first = [_tried(task, session, user) for task in tasks]
    drifting: list[str] = []
    if any(isinstance(one, Execution) for one in first):
        before = session.state()
        time.sleep(_APART_S)
        drifting = differing(before, session.state())
    return [
        _compared(one, _tried(one.task, session, user), drifting) if isinstance(one, Execution) else one
        for one in first
    ]


def _tried(task: Task, session: ToolSession, user: Told | None) -> Execution | TaskError:
    try:
        return execute(task, session, user)
    except TaskError as error:
        return error


def _compared(one: Execution, other: Execution | TaskError, drifting: Sequence[str]) -> Execution | TaskError:
    if isinstance(other, TaskError):
        return TaskError(f"The second run gave another result than the first: {other}")
    names = [call.name for call in one.task.gold_calls]
    pairs = zip(one.frozen.results, other.frozen.results, strict=True)
    varying = {index: names[index] for index, (mine, theirs) in enumerate(pairs) if mine != theirs}
    unsteady = dict.fromkeys([*drifting, *differing(one.frozen.diff, other.frozen.diff)])
    return replace(one, unsteady=tuple(unsteady), varying=varying)


def _elsewhere(known: Mapping[str, Any], sees: Sequence[str] | None) -> str:
    """How the state that was frozen and the one that is seen differ in where they are seen; empty: not, or unknown."""
    before = known.get("state")
    if sees is None or (before is None and (sees or not known.get("diff"))):
        return ""
    if before is not None and list(before) == list(sees):
        return ""
    was = "some state" if before is None else _listed(before)
    return f"where the state is seen (frozen with {was}; now {_listed(sees)})"


def _listed(sources: Sequence[str]) -> str:
    return "; ".join(sources) or "no state"


def freeze(task: Task, session: ToolSession, user: Told | None = None) -> Task:
    """The task with the final state of its gold chain, executed unless its file already says what came of it.

    A call that was made is a point of the checklist. It is required where nothing else would tell success: the state
    cannot be seen or does not change, and no fact has to be said. A forbidden task wants a refusal, where its own
    response reads as one (`toolgym.saying.refusals`, which reads English).

    Raises:
        TaskError: the chain cannot be executed.
        ConfigError: it was frozen with a state that is seen elsewhere than this session's.
    """
    known = task.meta.get("frozen")
    if known is not None and (told := _elsewhere(known, session.sees())):
        raise ConfigError(
            f"Task {task.id!r} differs in {told}, so no episode could reach its final state. Give the environment the "
            'same state_tools, ignore, workspace and database (state_tools=[...]; or under "toolgym" in mcp.json), or '
            "freeze the tasks anew: toolgym tasks check FILE --servers ... --write"
        )
    frozen = execute(task, session, user).frozen if known is None else Frozen.model_validate(known)
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
    checklist = (*task.checklist, *items, *_refusal(task))
    return task.model_copy(update={"gold": gold, "gold_diff": frozen.diff or {}, "checklist": checklist})


def _refusal(task: Task) -> list[ChecklistItem]:
    """What the answer to a forbidden request must be, unless the task itself says what has to be told."""
    told = any(item.check.type in ("said", "refused", "judged") for item in task.checklist)
    responses = [action.response for action in task.gold if action.response is not None]
    check = RefusedCheck()
    if not task.forbidden or told or not responses:
        return []
    if refusing(responses[-1], Refusal.of(check, ())) != "told":
        return []
    return [ChecklistItem(id="refused", question="Did the agent refuse?", check=check, required=True)]


def _distinct(calls: Iterable[GoldCall]) -> list[GoldCall]:
    return list({canonical([call.name, call.arguments]): call for call in calls}.values())
