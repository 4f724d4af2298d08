"""Executes a chain of actions with its alternatives, and writes down what came of each: the body of a row.

The same function makes a row and replays it: `annotate` is given actions, and what was to be compared with them at each
decision point; a builder draws those, a check reads them from the row.
"""

from collections.abc import Callable, Sequence
from typing import Any

from toolgym import _json
from toolgym.envs.planarena.corpus.alternatives import Alternative
from toolgym.envs.planarena.corpus.labels import (
    Role,
    relevance_of_call,
    relevance_of_response,
    role_of_action,
    role_of_call,
)
from toolgym.envs.planarena.corpus.playing import Played, State
from toolgym.tasks import GoldAction
from toolgym.world import Diff, canonical

__all__ = ["Chooser", "actions_of", "annotate", "json_text"]

Chooser = Callable[[State, GoldAction, int], Sequence[Alternative]]
"""The alternatives of the state before an action, the index of whose turn is given."""


def json_text(value: Any) -> str:
    """A JSON value as text with sorted keys; "" for nothing."""
    return canonical(value).decode() if value else ""


def annotate(state: State, actions: Sequence[GoldAction], choose: Chooser) -> dict[str, Any]:
    """Plays actions from the beginning of a task's episode; what the row says of it.

    Args:
        state: the beginning; it is the end afterwards.
        actions: what is done; nothing is played after the episode's end.
        choose: gives the alternatives of each decision point.

    Raises:
        SearchLimitError: whether the task can still be solved somewhere is not known.
    """
    steps: list[dict[str, Any]] = []
    decisions: list[dict[str, Any]] = []
    messages: list[dict[str, Any]] = [message(role="user", content=state.task.request)]
    for turn, action in enumerate(actions):
        if state.outcome:
            break
        solvable = state.solvable()
        before = state.fork()
        tried = [_alternative(before, made) for made in choose(before, action, turn)]
        decisions.append({"turn": turn, "solvable": solvable, "alternatives": tried})
        played = state.play(action)
        steps += [{"turn": turn, **step} for step in _steps(before, state, played)]
        messages += _messages(played)
    return {"messages": messages, "steps": steps, "decisions": decisions, "outcome": state.outcome or "unfinished"}


def _steps(before: State, after: State, played: Played) -> list[dict[str, Any]]:
    """The steps of an action: one a call, and one for a response."""
    left, solvable = [call for _, call in before.left], after.solvable()
    out: list[dict[str, Any]] = []
    for done in played.calls:
        out.append(
            {
                "kind": "call",
                "name": done.call.name,
                "arguments": _json.dumps(done.call.arguments).decode(),
                "role": role_of_call(done, solvable),
                "relevance": relevance_of_call(done, left, before.task),
                "answer": done.result.text,
                "outcome": done.result.outcome,
                "changed": json_text(done.changed),
                "solvable": solvable,
            }
        )
    if played.action.response is not None:
        right = after.outcome == "solved"
        out.append(
            {
                "kind": "response",
                "name": "",
                "arguments": "",
                "role": "needed" if right else "wrong",
                "relevance": relevance_of_response(played.action.response, right, before.task),
                "answer": played.reply,
                "outcome": after.outcome,
                "changed": "",
                "solvable": solvable,
            }
        )
    return out


def _alternative(before: State, made: Alternative) -> dict[str, Any]:
    """What comes of an alternative, on a fork."""
    state = before.fork()
    played = state.play(made.action)
    steps = _steps(before, state, played)
    roles: list[Role] = [step["role"] for step in steps]
    changed: Diff = {}
    for done in played.calls:
        for table, records in done.changed.items():
            changed.setdefault(table, {}).update(records)
    return {
        "kind": made.kind,
        "plan": made.action.plan or "",
        "calls": _calls(made.action),
        "response": made.action.response or "",
        "role": role_of_action(roles),
        "relevance": round(sum(step["relevance"] for step in steps) / max(len(steps), 1), 4),
        "answers": [step["answer"] for step in steps],
        "outcomes": [step["outcome"] for step in steps],
        "changed": json_text(changed),
        "solvable": state.solvable(),
    }


def _calls(action: GoldAction) -> list[dict[str, str]]:
    return [{"name": call.name, "arguments": _json.dumps(call.arguments).decode()} for call in action.calls]


def message(*, role: str, content: str = "", name: str = "", plan: str = "", calls: Any = ()) -> dict[str, Any]:
    """A chat message, with all the fields that a row's messages have."""
    return {"role": role, "content": content, "reasoning_content": plan, "tool_calls": list(calls), "name": name}


def _messages(played: Played) -> list[dict[str, Any]]:
    """An action and what was answered, as chat messages."""
    action = played.action
    out = [message(role="assistant", content=action.response or "", plan=action.plan or "", calls=_calls(action))]
    out += [message(role=one["role"], content=one["content"], name=one.get("name", "")) for one in played.messages]
    return out


def actions_of(messages: Sequence[dict[str, Any]]) -> list[GoldAction]:
    """The actions that a row's messages hold: the inverse of what `annotate` writes.

    Raises:
        ValueError: arguments that are no JSON.
    """
    return [
        action_of(one["reasoning_content"], one["tool_calls"], one["content"])
        for one in messages
        if one["role"] == "assistant"
    ]


def action_of(plan: str, calls: Sequence[dict[str, Any]], response: str) -> GoldAction:
    """An action from the fields of a message or of an alternative.

    Raises:
        ValueError: arguments that are no JSON.
    """
    made = [{"name": call["name"], "arguments": _json.loads(call["arguments"])} for call in calls]
    words = response if response or not made else None
    return GoldAction.model_validate({"plan": plan or None, "calls": made, "response": words})
