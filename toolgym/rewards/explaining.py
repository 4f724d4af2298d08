"""Why an episode is not solved: what `toolgym.rewards.state.solved` found missing, with what was expected and found."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from toolgym import _json
from toolgym.rewards.assertions import BaseLookup, Value, bound, differences, holds, value_at
from toolgym.rewards.checklist import includes, satisfied
from toolgym.rewards.state import verdict_of
from toolgym.saying.facts import says
from toolgym.tasks import (
    Assertion,
    CallCheck,
    ChecklistItem,
    JudgedCheck,
    NoWriteCheck,
    RefusedCheck,
    SaidCheck,
    StateCheck,
    Task,
)
from toolgym.trajectory import Trajectory

__all__ = ["Reason", "why_unsolved"]


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that keeps an episode from being solved."""

    kind: Literal["end", "record", "assertion", "item", "fact", "part", "nothing"]
    """How it ended; a record of the world; an assertion about it; a checklist item that is required, or that such a one
    waits for, or a fact that it wants told; a part of the benchmark's own verdict; the task has nothing that success
    could be told by."""
    where: str
    """The record and the path in it (`table.key.path`), the item's id and question, or the outcome."""
    expected: str
    found: str


def why_unsolved(trajectory: Trajectory, task: Task, base: BaseLookup | None = None) -> list[Reason]:
    """What keeps the episode from being solved, in the order: its end, the state, assertions, checklist items.

    Empty for a solved episode only. `base` names what records were at the start; it changes no verdict.
    """
    if trajectory.outcome == "solved":
        return []
    parts = verdict_of(trajectory, task)
    if parts is not None:
        failed = [name for name, value in parts.items() if value != 1.0]
        return [*_end(trajectory), *(Reason("part", name, "1", f"{parts[name]:g}") for name in failed)]
    out = [*_end(trajectory), *_state(trajectory, task, base)]
    out += [_assertion(item, trajectory, base) for item in task.assertions if not holds(item, trajectory.diff)]
    now = set(satisfied(trajectory, task))
    required = [item for item in task.checklist if item.required and not isinstance(item.check, JudgedCheck)]
    for item in _open(required, task, now):
        out += _item(item, trajectory, base)
    if not (task.gold or task.gold_diff or task.forbidden or task.assertions or required):
        expected = "a gold chain, a gold diff, an assertion or a required item"
        out.append(Reason("nothing", f"task {task.id}", expected, "none: such a task is never solved"))
    return out


def _end(trajectory: Trajectory) -> Iterator[Reason]:
    match trajectory.outcome:
        case "truncated":
            yield Reason("end", "truncated", "an end by itself", f"cut off by the limit on {trajectory.truncation}")
        case "infra_error":
            yield Reason(
                "end", "infra_error", "tools that work", str(trajectory.meta.get("error", "an unknown failure"))
            )
        case None:
            yield Reason("end", "unfinished", "an end", f"nothing after {len(trajectory.steps)} steps")


def _state(trajectory: Trajectory, task: Task, base: BaseLookup | None) -> Iterator[Reason]:
    if not (task.forbidden or task.gold or task.gold_diff):
        return
    wanted = {} if task.forbidden else task.gold_diff
    for each in differences(bound(wanted, task.free), bound(trajectory.diff, task.free), task.unordered, base):
        where = ".".join(filter(None, (each.table, each.key, each.path)))
        yield Reason("record", where, _text(each.expected), _text(each.found))


def _shown(value: Any) -> str:
    return _json.dumps(value).decode()


def _text(value: Value) -> str:
    if not value.changed and value.there and value.value is None:
        return "as it was at the start"
    text = _shown(value.value) if value.there else "nothing"
    return text if value.changed else f"{text}, as at the start"


def _assertion(item: Assertion, trajectory: Trajectory, base: BaseLookup | None) -> Reason:
    where = ".".join(filter(None, (item.table, item.key, item.path)))
    wanted = {"equals": _shown(item.value), "contains": f"a list with {_shown(item.value)}"}.get(item.op, item.op)
    return Reason("assertion", where, wanted, _found_of(item, trajectory, base))


def _found_of(item: Assertion, trajectory: Trajectory, base: BaseLookup | None) -> str:
    if item.table == "*" or item.key == "*":
        tables = trajectory.diff if item.table == "*" else {item.table: trajectory.diff.get(item.table, {})}
        changed = [f"{table}.{key}" for table, records in tables.items() for key in records]
        return f"changed: {', '.join(changed)}" if changed else "no record of it was changed"
    records = trajectory.diff.get(item.table, {})
    if item.key not in records:
        if base is None:
            return "the record was not changed"
        at_start = value_at(base(item.table, item.key), item.path)
        return _text(Value(at_start.value, at_start.there, changed=False))
    return _text(value_at(records[item.key], item.path))


def _open(required: list[ChecklistItem], task: Task, now: set[str]) -> list[ChecklistItem]:
    """The required items that are not satisfied, each followed by such items that it waits for."""
    by_id = {item.id: item for item in task.checklist if not isinstance(item.check, JudgedCheck)}
    out: dict[str, ChecklistItem] = {}
    waiting = [item for item in reversed(required) if item.id not in now]
    while waiting:
        item = waiting.pop()
        if item.id not in out:
            out[item.id] = item
            waiting += [by_id[need] for need in reversed(item.depends_on) if need in by_id and need not in now]
    return list(out.values())


def _item(item: ChecklistItem, trajectory: Trajectory, base: BaseLookup | None) -> list[Reason]:
    name = f"{item.id}: {item.question}" if item.question else item.id
    after = f", after {', '.join(item.depends_on)}" if item.depends_on else ""
    kind: Literal["item", "fact"] = "item"
    match item.check:
        case CallCheck(name=tool, arguments=arguments):
            pairs = [(f"a successful call of {tool} with {_shown(arguments)}", _calls(trajectory, item.check))]
        case StateCheck(assertion=assertion):
            told = _assertion(assertion, trajectory, base)
            pairs = [(f"{told.where}: {told.expected}", told.found)]
        case SaidCheck(facts=facts):
            kind = "fact"
            pairs = [(_shown(fact), _told(trajectory, fact)) for fact in _missing(trajectory, facts)]
        case RefusedCheck():
            pairs = [("a response that refuses, says why and claims nothing else", _said(trajectory))]
        case NoWriteCheck(allow=allow):
            expected = f"no change but by {', '.join(allow)}" if allow else "no change of the world"
            pairs = [(expected, _writes(trajectory, allow))]
        case JudgedCheck(pass_condition=condition):
            pairs = [(condition, "not judged")]
    return [Reason(kind, name, expected + after, found) for expected, found in pairs]


def _responses(trajectory: Trajectory) -> list[str]:
    return [step.turn.response for step in trajectory.steps if step.turn.response is not None]


def _said(trajectory: Trajectory) -> str:
    said = _responses(trajectory)
    return f"said: {' / '.join(said)}" if said else "nothing was said"


def _missing(trajectory: Trajectory, facts: tuple[str, ...]) -> tuple[str, ...]:
    """The facts that no response holds; all of them where each is held, but not told as the answer."""
    missing = tuple(fact for fact in facts if not any(says(text, fact) for text in _responses(trajectory)))
    return missing or facts


def _told(trajectory: Trajectory, fact: str) -> str:
    holding = [text for text in _responses(trajectory) if says(text, fact)]
    if not holding:
        return _said(trajectory)
    return (
        f"not as the answer (too early, negated, asked, among others, or with something made up): {' / '.join(holding)}"
    )


def _calls(trajectory: Trajectory, check: CallCheck) -> str:
    made = [(call, result) for call, result in trajectory.calls if call.name == check.name]
    if not made:
        return "it was not called"
    fitting = [(call, result) for call, result in made if includes(call.arguments, check.arguments)]
    shown = "; ".join(f"{_shown(call.arguments)} ({result.outcome})" for call, result in fitting or made)
    return f"called with {shown}"


def _writes(trajectory: Trajectory, allow: tuple[str, ...]) -> str:
    """The calls of the steps that changed the world without a call that may."""
    last: Any = {}
    out: list[str] = []
    for number, step in enumerate(trajectory.steps, start=1):
        if step.diff is None or step.diff == last:
            continue
        last = step.diff
        if step.user_acts and not step.agent_changed:
            continue
        calls = [call.name for call, result in zip(step.turn.calls, step.results, strict=False) if not result.is_error]
        if not set(allow) & set(calls):
            out.append(f"step {number} ({', '.join(calls)})")
    return f"changed in {', '.join(out)}" if out else "no change"
