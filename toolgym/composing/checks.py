"""Assertions and the checklist of a task, derived from the execution of its gold chain."""

from collections.abc import Sequence
from typing import Any, Final

from pydantic import TypeAdapter

from toolgym.composing.execution import ExecutedCall, Execution
from toolgym.saying.facts import Fact, says
from toolgym.saying.short_facts import is_little
from toolgym.tasks import Assertion, ChecklistItem

__all__ = ["derive_assertions", "derive_checklist"]

_CALL_WEIGHT, _STATE_WEIGHT, _SAID_WEIGHT, _NO_WRITE_WEIGHT = 1.0, 2.0, 2.0, 1.0
_UNCHANGED: Final = Assertion(table="*", op="unchanged")
_ITEMS: Final = TypeAdapter(tuple[ChecklistItem, ...])  # all at once: a model at a time takes several times as long


def derive_assertions(execution: Execution, free: Sequence[str] = ()) -> tuple[Assertion, ...]:
    """What must hold of the final state; for a chain that writes nothing, that all is as it was (but `free` tables)."""
    made = tuple(assertion for ending in execution.endings for assertion in ending.assertions)
    return made if execution.diff or free else (*made, _UNCHANGED)


def _shown(arguments: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in arguments.items())


def _call_items(calls: Sequence[ExecutedCall]) -> list[dict[str, Any]]:
    """An item a call; a call depends on those of its story's turn before, whose results it uses."""
    items = []
    for number, executed in enumerate(calls):
        planned = executed.planned
        turns_before = [other.turn for other in calls if other.story == executed.story and other.turn < executed.turn]
        before = max(turns_before, default=-1)
        needs = [i for i, other in enumerate(calls) if other.story == executed.story and other.turn == before]
        with_arguments = f" with {_shown(planned.checked)}" if planned.checked else ""
        items.append(
            {
                "id": f"call-{number + 1}",
                "question": f"Did the agent call {planned.tool}{with_arguments}?",
                "check": {"type": "call", "name": planned.tool, "arguments": planned.checked},
                "weight": _CALL_WEIGHT,
                "depends_on": tuple(f"call-{i + 1}" for i in needs),
                "evidence": f"a successful call of {planned.tool}",
                "focus": planned.kind,
                "required": planned.required,
            }
        )
    return items


def _state_items(execution: Execution) -> list[dict[str, Any]]:
    asserted = [assertion for ending in execution.endings for assertion in ending.assertions]
    return [
        {
            "id": f"state-{number + 1}",
            "question": f"Is {assertion.path} of {assertion.key} as the customer wants it?",
            "check": {"type": "state", "assertion": assertion},
            "weight": _STATE_WEIGHT / len(asserted),
            "evidence": f"the record {assertion.key} in {assertion.table}",
            "focus": "final state",
        }
        for number, assertion in enumerate(asserted)
    ]


def _said_items(execution: Execution, request: str) -> list[dict[str, Any]]:
    told = [ending for ending in execution.endings if ending.said]
    # What the right answer says besides, of another story or of the same one, is not wrong to say, nor is a value that
    # the request says: who repeats it names the record by it. An "on" or "no" stands in any request and says no value.
    right = " ".join(ending.response for ending in execution.endings)

    def is_wrong(value: str) -> bool:
        if says(right, value):  # as "3 portions" says "$3": then the chain solves nothing, and another task is made
            return value.lower() not in right.lower()
        return is_little(Fact.of(value)) or not says(request, value)

    return [
        {
            "id": f"said-{number + 1}",
            "question": f"Did the agent tell the customer {', '.join(ending.said)}?",
            "check": {
                "type": "said",
                "facts": ending.said,
                "forbidden": tuple(filter(is_wrong, ending.unsaid)),
            },
            "weight": _SAID_WEIGHT / len(told),
            "evidence": "the agent's response",
            "focus": "answer",
            "required": True,
        }
        for number, ending in enumerate(told)
    ]


def _refused_items(execution: Execution) -> list[dict[str, Any]]:
    """An item a refusal; it counts from a look at what its rule depends on, where that is more than the request."""
    refused = [
        (_looks(execution, story), check) for story, ending in enumerate(execution.endings) for check in ending.refusals
    ]
    return [
        {
            "id": f"refused-{number + 1}",
            "question": f"Did the agent refuse{', after a look at the record,' if looked else ''} and say why?",
            "check": check,
            "weight": _SAID_WEIGHT / len(refused),
            "depends_on": looked,
            "evidence": "the agent's response",
            "focus": "policy",
            "required": True,
        }
        for number, (looked, check) in enumerate(refused)
    ]


def _looks(execution: Execution, story: int) -> tuple[str, ...]:
    """The items of a story's calls that look at what its refusal depends on."""
    ids = execution.endings[story].looks
    return tuple(
        f"call-{number}"
        for number, executed in enumerate(execution.calls, 1)
        if executed.story == story
        and not executed.planned.writes
        and any(value in ids for value in executed.planned.arguments.values() if isinstance(value, str))
    )


def _no_write_item(execution: Execution) -> dict[str, Any]:
    tools = {executed.planned.tool for executed in execution.calls if executed.planned.writes}
    question = f"Did only {', '.join(sorted(tools))} change anything?" if tools else "Was nothing changed?"
    return {
        "id": "no-other-change",
        "question": question,
        "check": {"type": "no_write", "allow": tuple(sorted(tools))},
        "weight": _NO_WRITE_WEIGHT,
        "evidence": "the calls that changed the world",
        "focus": "policy",
    }


def derive_checklist(execution: Execution, request: str) -> tuple[ChecklistItem, ...]:
    """Binary items of an executed gold chain, all told by program; their weights sum to 1.

    Args:
        execution: the gold chain.
        request: what the customer says.
    """
    items = [
        *_call_items(execution.calls),
        *_state_items(execution),
        *_said_items(execution, request),
        *_refused_items(execution),
        _no_write_item(execution),
    ]
    total = sum(item["weight"] for item in items)
    return _ITEMS.validate_python([{**item, "weight": item["weight"] / total} for item in items])
