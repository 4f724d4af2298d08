"""CM2 checklists as data: the public JSON shape, read and written, and the way from episodes to verdicts.

The public shape is one object a user turn: its items (question, pass condition, evidence, focus), their dependences
and their weights, which sum to 1 in a turn. Items checked by program are written with their check as the pass
condition (`check: {JSON}`), so that they come back as they were; any other pass condition makes a judged item.
"""

import json
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Literal, cast, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from toolgym.errors import TaskError
from toolgym.rewards.checklist import satisfied_by_step
from toolgym.rewards.cm2 import Sample, TurnChecklist
from toolgym.rewards.judge import ItemVerdict
from toolgym.tasks import Check, ChecklistItem, JudgedCheck, Task
from toolgym.trajectory import Trajectory

__all__ = [
    "CM2Evidence",
    "CM2Item",
    "CM2Turn",
    "from_items",
    "read_checklist",
    "sample_of",
    "to_items",
    "write_checklist",
]

Focus = Literal[
    "assistant.tool_calls", "assistant.content.thinking", "assistant.content.user_visible_reply", "tool.content"
]
_CHECK = "check: "
_EVIDENCE = "evidence: "


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class CM2Evidence(_Model):
    """Where an item's evidence is: a stretch of one message."""

    turn: int = Field(ge=0)
    step: int = Field(ge=0)
    source: Focus | Literal["user.content"] = Field(alias="from")
    snippet: str


class CM2Item(_Model):
    """One binary criterion of a turn."""

    id: str = Field(min_length=1)
    evidence: tuple[CM2Evidence, ...]
    focus_on: Focus
    question: str
    pass_condition: str
    failure_examples: tuple[str, ...]
    required_for_next_turn: bool


class CM2Turn(_Model):
    """The checklist of one user turn."""

    turn: int = Field(ge=0)
    checklist: tuple[CM2Item, ...]
    dependence: dict[str, tuple[str, ...]]
    weight: dict[str, float]

    def scored(self) -> TurnChecklist:
        """What scoring needs of it. An item without a weight counts 0, one without a dependence has none."""
        items = [
            {"id": i.id, "weight": self.weight.get(i.id, 0.0), "dependence": self.dependence.get(i.id, ())}
            for i in self.checklist
        ]
        return TurnChecklist.of(items)


_TURNS = TypeAdapter(tuple[CM2Turn, ...])
_CHECKS: TypeAdapter[Any] = TypeAdapter(Check)


def read_checklist(text: str | bytes | Sequence[dict[str, Any]]) -> tuple[CM2Turn, ...]:
    """A checklist from its public JSON shape, as text or as parsed.

    Raises:
        TaskError: it is not of that shape.
    """
    try:
        return _TURNS.validate_json(text) if isinstance(text, str | bytes) else _TURNS.validate_python(text)
    except ValidationError as error:
        raise TaskError(f"This is no CM2 checklist: {error}") from error


def write_checklist(turns: Iterable[CM2Turn]) -> str:
    """The public JSON shape, as text."""
    return json.dumps([turn.model_dump(mode="json", by_alias=True) for turn in turns], ensure_ascii=False, indent=2)


def to_items(turns: Iterable[CM2Turn]) -> tuple[ChecklistItem, ...]:
    """A CM2 checklist as a task's: ids are prefixed with their turn (`t0.C1`) where turns use the same ones."""
    turns = tuple(turns)
    ids = [item.id for turn in turns for item in turn.checklist]
    shared = len(set(ids)) < len(ids)
    out = []
    for turn in turns:
        own = {item.id: f"t{turn.turn}.{item.id}" if shared else item.id for item in turn.checklist}
        out += [
            ChecklistItem(
                id=own[item.id],
                question=item.question,
                check=_check_of(item),
                weight=turn.weight.get(item.id, 0.0),
                turn=turn.turn,
                depends_on=tuple(own.get(need, need) for need in turn.dependence.get(item.id, ())),
                evidence=_evidence_text(item.evidence),
                focus=item.focus_on,
                required_for_next_turn=item.required_for_next_turn,
            )
            for item in turn.checklist
        ]
    return tuple(out)


def from_items(items: Iterable[ChecklistItem]) -> tuple[CM2Turn, ...]:
    """A task's checklist in CM2's terms: grouped by turn, weights summing to 1 in each, dependences within the turn."""
    by_turn: dict[int, list[ChecklistItem]] = {}
    for item in items:
        by_turn.setdefault(item.turn, []).append(item)
    out = []
    for turn in sorted(by_turn):
        members = by_turn[turn]
        prefix = f"t{turn}."
        own = {item.id: item.id.removeprefix(prefix) for item in members}
        total = sum(item.weight for item in members)
        out.append(
            CM2Turn(
                turn=turn,
                checklist=tuple(_item_of(item, own[item.id]) for item in members),
                dependence={own[i.id]: tuple(own[need] for need in i.depends_on if need in own) for i in members},
                weight={own[i.id]: i.weight / total if total else 0.0 for i in members},
            )
        )
    return tuple(out)


def _check_of(item: CM2Item) -> Any:
    if item.pass_condition.startswith(_CHECK):
        try:
            return _CHECKS.validate_json(item.pass_condition.removeprefix(_CHECK))
        except ValidationError:
            pass  # a condition in words that happens to begin like a check
    return JudgedCheck(pass_condition=item.pass_condition, failure_examples=item.failure_examples)


_FOCUS_OF: dict[str, Focus] = {
    "call": "assistant.tool_calls",
    "no_write": "assistant.tool_calls",
    "state": "tool.content",
    "said": "assistant.content.user_visible_reply",
    "refused": "assistant.content.user_visible_reply",
    "judged": "assistant.content.user_visible_reply",
}


def _item_of(item: ChecklistItem, name: str) -> CM2Item:
    check = item.check
    focus = cast(Focus, item.focus) if item.focus in get_args(Focus) else _FOCUS_OF[check.type]
    return CM2Item(
        id=name,
        evidence=_evidence_of(item, focus),
        focus_on=focus,
        question=item.question,
        pass_condition=check.pass_condition if isinstance(check, JudgedCheck) else _CHECK + check.model_dump_json(),
        failure_examples=check.failure_examples if isinstance(check, JudgedCheck) else (),
        required_for_next_turn=item.required_for_next_turn,
    )


def _evidence_text(evidence: tuple[CM2Evidence, ...]) -> str:
    if not evidence:
        return ""
    return _EVIDENCE + json.dumps([e.model_dump(by_alias=True) for e in evidence], ensure_ascii=False)


def _evidence_of(item: ChecklistItem, focus: Focus) -> tuple[CM2Evidence, ...]:
    if not item.evidence:
        return ()
    if item.evidence.startswith(_EVIDENCE):
        try:
            parsed = json.loads(item.evidence.removeprefix(_EVIDENCE))
            return tuple(CM2Evidence.model_validate(e) for e in parsed)
        except (ValueError, TypeError):
            pass  # a sentence that happens to begin like written evidence
    return (CM2Evidence.model_validate({"turn": item.turn, "step": 0, "from": focus, "snippet": item.evidence}),)


def sample_of(
    trajectory: Trajectory, task: Task, *, group: Hashable = "", judge: ItemVerdict | None = None, turns: int = 1
) -> Sample:
    """An episode with its verdicts, for `toolgym.rewards.cm2.advantages`.

    A user turn ends with a step that the user answered. Programmatic items are met at the step that satisfies them;
    judged items are put to `judge` at each step, and a missing judgement (or no judge) makes the sample invalid.

    Args:
        trajectory: a finished episode.
        task: its checklist's items name the turn that they belong to.
        group: samples of equal group are compared with each other.
        judge: decides judged items (`toolgym.rewards.judge.ItemJudge`).
        turns: the number of user turns of the checklist, at least.
    """
    count = max([turns, *(item.turn + 1 for item in task.checklist)])
    members = [[item for item in task.checklist if item.turn == turn] for turn in range(count)]
    place = [{item.id: i for i, item in enumerate(items)} for items in members]
    checklist = [
        TurnChecklist(
            tuple(item.weight for item in items),
            tuple(tuple(place[t][need] for need in item.depends_on if need in place[t]) for item in items),
        )
        for t, items in enumerate(members)
    ]
    history = satisfied_by_step(trajectory, task, settled=True)
    verdicts: list[list[list[list[bool]]]] = []
    valid, turn, fresh = trajectory.outcome != "infra_error", 0, True
    for s, step in enumerate(trajectory.steps):
        if fresh:
            if turn >= count:
                break
            verdicts.append([[]])
            fresh = False
        prefix = replace(trajectory, steps=trajectory.steps[: s + 1])
        row = []
        for item in members[turn]:
            if isinstance(item.check, JudgedCheck):
                verdict = judge(prefix, task, item) if judge is not None else None
                valid = valid and verdict is not None
                row.append(bool(verdict))
            else:
                row.append(item.id in history[s])
        verdicts[turn][0].append(row)
        if step.user is not None:
            turn, fresh = turn + 1, True
    return Sample(group, [checklist], verdicts, valid)
