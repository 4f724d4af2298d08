"""Checklists told by program: which items of `Task.checklist` an episode satisfies, and the step reward made of them.

CM2 scores binary items with weights and dependences; here every check but the judged ones is decided by the record of
the episode alone. When an item counts:

* `call`, `said` and `refused`: from the first successful call (or response) that fits, made when the items in
  `depends_on` were already satisfied or became so in the same step. Once satisfied they stay so, except that a `said`
  item is lost for good when something else is claimed, and a `refused` one when it is claimed that the thing was done
  (`toolgym.saying.answers`, `toolgym.saying.refusals`).
* `state` and `no_write`: while the fact holds. Facts that are true of an episode in which nothing was done (`no_write`,
  `unchanged`) must not pay for doing nothing, so `checklist_term` credits them only when the episode ends.

A world change is put down to the successful calls of its step: a `no_write` item forgives a change in a step that has a
successful call of an allowed tool. It is about what the agent changes: what the user does itself is no matter, while
`state` items see what either of them did.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from operator import is_
from typing import Any

from toolgym.rewards._per_task import per_task
from toolgym.rewards.assertions import BaseLookup, holds
from toolgym.saying.answers import Answer, telling
from toolgym.saying.refusals import Refusal, refusing
from toolgym.saying.text_form import plain
from toolgym.saying.values import Grounds
from toolgym.tasks import (
    CallCheck,
    ChecklistItem,
    JudgedCheck,
    NoWriteCheck,
    RefusedCheck,
    SaidCheck,
    StateCheck,
    Task,
)
from toolgym.trajectory import Step, Trajectory
from toolgym.world import Diff

__all__ = ["checklist_score", "checklist_term", "includes", "satisfied", "satisfied_by_step"]


def includes(arguments: object, wanted: object) -> bool:
    """Whether `arguments` include `wanted`: objects by key, lists item by item, text in its normal form up to case and
    edge spaces, numbers by value ("2" is 2, because a server's lenient validation takes it so).
    """
    if isinstance(wanted, str) and isinstance(arguments, str):  # most are
        return arguments == wanted or plain(arguments).strip().casefold() == plain(wanted).strip().casefold()
    if isinstance(wanted, dict):
        if not isinstance(arguments, dict):
            return False
        return all(key in arguments and includes(arguments[key], value) for key, value in wanted.items())
    if isinstance(wanted, list | tuple):
        if not isinstance(arguments, list | tuple) or len(arguments) != len(wanted):
            return False
        return all(includes(x, y) for x, y in zip(arguments, wanted, strict=True))
    if isinstance(wanted, bool) or isinstance(arguments, bool):
        return wanted is arguments
    if isinstance(wanted, str) != isinstance(arguments, str) and isinstance(arguments, str | int | float):
        try:
            return _number(arguments) == _number(wanted)
        except (TypeError, ValueError, OverflowError):
            return False
    return arguments == wanted


def _number(value: Any) -> int | float:
    """The number that a value or a text is; integers are exact, however long."""
    if isinstance(value, str):
        with suppress(ValueError):
            return int(value)
        return float(value)
    if isinstance(value, int | float):
        return value
    raise TypeError("no number")


@dataclass(slots=True)
class _Compiled:
    """A task's checklist, indexed by what can satisfy its items. Positions are those of `Task.checklist`."""

    items: tuple[ChecklistItem, ...]
    calls: dict[str, list[tuple[int, dict]]] = field(default_factory=lambda: defaultdict(list))
    spoken: list[tuple[int, SaidCheck | RefusedCheck]] = field(default_factory=list)
    prepared: dict[int, Answer | Refusal] = field(default_factory=dict)
    """The `spoken` ones, once a response was compared with them: few steps have one."""
    request: str = ""
    told: tuple[str, ...] = ()
    """What the gold chain and the `said` items say."""
    states: list[tuple[int, StateCheck]] = field(default_factory=list)
    no_writes: list[tuple[int, frozenset[str]]] = field(default_factory=list)
    needs: dict[int, tuple[int, ...]] = field(default_factory=dict)
    waits: bool = False
    """Whether an item that holds of the state waits for others."""
    passive: frozenset[int] = frozenset()
    """Items that hold of an episode in which nothing was done."""
    programmed: tuple[int, ...] = ()
    """All items but the judged ones."""
    initial: frozenset[int] = frozenset()
    """Items that hold before anything was done, as far as that is known without the base."""
    shares: tuple[float, ...] = ()
    """Weight over the total weight of the programmed items; 0 for judged ones."""


@per_task
def _compile(task: Task) -> _Compiled:
    out = _Compiled(task.checklist)
    position = {item.id: i for i, item in enumerate(task.checklist)}
    passive, programmed = set(), []
    for i, item in enumerate(task.checklist):
        if item.depends_on:
            out.needs[i] = tuple(position[need] for need in item.depends_on if need in position)
        if not isinstance(item.check, JudgedCheck):
            programmed.append(i)
        match item.check:
            case CallCheck(name=name, arguments=arguments):
                out.calls[name].append((i, arguments))
            case SaidCheck() | RefusedCheck() as check:
                out.spoken.append((i, check))
            case StateCheck(assertion=assertion) as check:
                out.states.append((i, check))
                if assertion.op == "unchanged":
                    passive.add(i)
            case NoWriteCheck(allow=allow):
                out.no_writes.append((i, frozenset(allow)))
                passive.add(i)
    out.request, out.told = task.request, _told(task)
    # A judged item is never told by program, so items that wait for it wait only for what can be told.
    out.needs = {i: tuple(n for n in needs if n in programmed) for i, needs in out.needs.items()}
    out.waits = any(i in out.needs for i, _ in (*out.states, *out.no_writes))
    total = sum(task.checklist[i].weight for i in programmed)
    out.passive, out.programmed = frozenset(passive), tuple(programmed)
    out.shares = tuple(
        item.weight / total if total and i in programmed else 0.0 for i, item in enumerate(task.checklist)
    )
    fresh = _Scan(out)
    fresh.look_at_state()
    out.initial = frozenset(fresh.on)
    return out


def _told(task: Task) -> tuple[str, ...]:
    facts = [fact for item in task.checklist if isinstance(item.check, SaidCheck) for fact in item.check.facts]
    return (*facts, *(action.response for action in task.gold if action.response is not None))


class _Scan:
    """Walks an episode's steps and keeps which items are satisfied."""

    __slots__ = ("base", "compiled", "diff", "fallen", "found", "held", "on", "prompt", "steps")

    def __init__(self, compiled: _Compiled, base: BaseLookup | None = None, prompt: str = ""):
        self.compiled, self.base, self.prompt = compiled, base, prompt
        self.steps: list[Step] = []
        self.on: set[int] = set(compiled.initial)
        self.fallen: set[int] = set()  # no_write items that a write broke, said and refused ones that a claim broke
        self.diff: Diff = {}
        self.held: frozenset[int] | None = None  # the state items that are true of `diff`, once it was looked at
        if base is not None and compiled.states:
            self.look_at_state()
        self.found = [frozenset(self.on)]
        """The satisfied items before the first step and after each."""

    def has_read(self, steps: Sequence[Step]) -> bool:
        """Whether what was read so far is the beginning of these steps."""
        return len(self.steps) <= len(steps) and all(map(is_, self.steps, steps))

    def step(self, step: Step) -> None:
        """Takes one step into account."""
        compiled, on, turn = self.compiled, self.on, step.turn
        fits: list[int] = []
        self.steps.append(step)
        for call, result in zip(turn.calls, step.results, strict=False):
            for i, wanted in compiled.calls.get(call.name, ()):
                if i not in on and not result.is_error and includes(call.arguments, wanted):
                    fits.append(i)
        if step.diff is not None:
            self._write(step)
            self.look_at_state()
        if compiled.spoken and turn.response is not None:
            fits += self._spoken(turn.response)
        if fits:
            self._satisfy(fits)
        last = self.found[-1]
        self.found.append(last if last == on else frozenset(on))

    def _satisfy(self, fits: Sequence[int]) -> None:
        """Adds the items that fit and whose dependences are met, until no more can be added."""
        waiting = [i for i in fits if i not in self.fallen]
        while waiting:
            ready = [i for i in waiting if self._may(i)]
            if not ready:
                return
            self.on.update(ready)
            waiting = [i for i in waiting if i not in self.on]
            if self.compiled.waits:
                self.look_at_state()

    def _may(self, i: int) -> bool:
        needs = self.compiled.needs.get(i)
        return not needs or self.on.issuperset(needs)

    def _spoken(self, response: str) -> list[int]:
        fits, grounds = [], Grounds(self._shown, self._given)
        for i, check in self.compiled.spoken:
            item = self.compiled.prepared.get(i)
            if item is None:
                told = self.compiled.told
                item = self.compiled.prepared[i] = (
                    Answer.of(check, self.compiled.request, told)
                    if isinstance(check, SaidCheck)
                    else Refusal.of(check, told)
                )
            verdict = telling(response, item, grounds) if isinstance(item, Answer) else refusing(response, item)
            if verdict == "false":
                self.fallen.add(i)
                self.on.discard(i)
            elif verdict == "told" and i not in self.on:
                fits.append(i)
        return fits

    def _shown(self) -> Iterator[str]:
        """What the agent was shown so far. An error may repeat what the agent made up."""
        yield from (self.compiled.request, self.prompt)
        for step in self.steps:
            yield from (result.text for result in step.results if not result.is_error)
            yield step.user or ""

    def _given(self) -> Iterator[str]:
        return (str(call.arguments) for step in self.steps for call in step.turn.calls)

    def _write(self, step: Step) -> None:
        changed = step.diff or {}
        by_agent = step.agent_changed if step.user_acts else changed != self.diff
        self.diff, self.held = changed, None
        if not by_agent:
            return
        succeeded = {
            call.name for call, result in zip(step.turn.calls, step.results, strict=False) if not result.is_error
        }
        for i, allowed in self.compiled.no_writes:
            if not (allowed & succeeded):
                self.fallen.add(i)
                self.on.discard(i)

    def look_at_state(self) -> None:
        """Settles the items that hold of the present state; one may wait for another, hence until nothing changes."""
        compiled = self.compiled
        if self.held is None:
            self.held = frozenset(i for i, check in compiled.states if holds(check.assertion, self.diff, self.base))
        true = {*self.held, *(i for i, _ in compiled.no_writes if i not in self.fallen)}
        self.on.difference_update(i for i, _ in compiled.states if i not in true)
        while ready := [i for i in sorted(true) if i not in self.on and self._may(i)]:
            self.on.update(ready)


def satisfied_by_step(
    trajectory: Trajectory, task: Task, base: BaseLookup | None = None, *, settled: bool = False
) -> list[tuple[str, ...]]:
    """The ids of the satisfied items after each step, in the checklist's order.

    With `settled`, items that hold of an episode in which nothing was done are left out until the episode's last step.
    """
    scan, out = _Scan(_compile(task), base, trajectory.prompt), []
    for step in trajectory.steps:
        scan.step(step)
        out.append(_ids(scan.compiled, scan.on, scan.compiled.passive if settled else frozenset()))
    if settled and out and trajectory.done:
        out[-1] = _ids(scan.compiled, scan.on)
    return out


def satisfied(trajectory: Trajectory, task: Task, base: BaseLookup | None = None) -> tuple[str, ...]:
    """The ids of the items that are satisfied now, in the checklist's order; judged items are left out."""
    if base is None:
        compiled = _compile(task)
        return _ids(compiled, _read(trajectory, compiled).on)
    scan = _Scan(_compile(task), base, trajectory.prompt)
    for step in trajectory.steps:
        scan.step(step)
    return _ids(scan.compiled, scan.on)


def _ids(compiled: _Compiled, on: Collection[int], without: frozenset[int] = frozenset()) -> tuple[str, ...]:
    return tuple(compiled.items[i].id for i in compiled.programmed if i in on and i not in without)


def _read(trajectory: Trajectory, compiled: _Compiled) -> _Scan:
    """The steps as far as can be told of them without the base.

    The scan of the steps that were read before is gone on with. It is taken out while in use: a scan that raises is not
    kept, and no other thread goes on with it.
    """
    steps = trajectory.steps
    scan: _Scan | None = trajectory.kept.pop("checklist", None)
    if scan is None or scan.compiled is not compiled or not scan.has_read(steps):
        scan = _Scan(compiled, prompt=trajectory.prompt)
    for step in steps[len(scan.steps) :]:
        scan.step(step)
    trajectory.kept["checklist"] = scan
    return scan


def checklist_score(trajectory: Trajectory, task: Task, base: BaseLookup | None = None) -> float:
    """The weight share in [0, 1] of the items satisfied now; 1 where the task has none to satisfy."""
    compiled = _compile(task)
    if not any(compiled.shares):
        return 1.0
    scan = _Scan(compiled, base, trajectory.prompt)
    for step in trajectory.steps:
        scan.step(step)
    return sum(compiled.shares[i] for i in compiled.programmed if i in scan.on)


def _may_change(compiled: _Compiled, step: Step) -> bool:
    """Whether the step could satisfy or lose an item: spares most steps the walk through the episode."""
    if step.diff is not None or (compiled.spoken and step.turn.response is not None):
        return True
    return any(call.name in compiled.calls for call in step.turn.calls)


def checklist_term(trajectory: Trajectory, task: Task) -> float:
    """The weight share gained (or lost) at the latest step, in [-1, 1]; over an episode it sums to the final share.

    Passive items (`no_write`, `unchanged`) count from the last step on. 0 for a task without programmed items.
    """
    compiled, steps = _compile(task), trajectory.steps
    if not steps or not compiled.programmed:
        return 0.0
    done = trajectory.outcome is not None
    if not done and not _may_change(compiled, steps[-1]):
        return 0.0
    before, now = _read(trajectory, compiled).found[-2:]
    if now is before and not done:
        return 0.0
    before = before - compiled.passive
    if not done:
        now = now - compiled.passive
    if before == now:
        return 0.0
    shares = compiled.shares
    return sum([shares[i] for i in compiled.programmed if i in now]) - sum(
        [shares[i] for i in compiled.programmed if i in before]
    )
