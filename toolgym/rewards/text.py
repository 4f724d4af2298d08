"""Scoring text without an environment: what counts as gold, and an episode made of one message."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from toolgym.errors import ConfigError
from toolgym.formats.call_json import loads
from toolgym.formats.openai import read_content, reasoning_of
from toolgym.formats.tagged import escape
from toolgym.messages import ToolCall, Turn, parse, render
from toolgym.rewards.matching import forms
from toolgym.rewards.state import solved
from toolgym.tasks import CallCheck, ChecklistItem, GoldAction, GoldCall, Task
from toolgym.trajectory import Step, ToolResult, Trajectory

Gold = str | Turn | GoldAction | Task | Mapping[str, Any] | Sequence[Any]
"""The right answer: a message in any format, a `Turn`, a `GoldAction`, a call or a list of calls (`ToolCall`,
`GoldCall` or `{"name", "arguments"}`; `parameters` and `params` will do too; also as a JSON string), or a `Task`."""

_KEYS = ("arguments", "parameters", "params")


def gold_turn(gold: Gold) -> Turn:
    """The gold as a `Turn`.

    Raises:
        ConfigError: it is none of the accepted forms.
    """
    if isinstance(gold, Turn):
        return gold
    if isinstance(gold, str):
        return _of_text(gold)
    if isinstance(gold, GoldAction):
        return Turn(gold.plan, tuple(call.call() for call in gold.calls), gold.response)
    if isinstance(gold, Task):
        last = gold.gold[-1].response if gold.gold else None
        return Turn(gold.gold[0].plan if gold.gold else None, tuple(call.call() for call in gold.gold_calls), last)
    if isinstance(gold, Mapping) and not ("name" in gold or "function" in gold):
        return _of_mapping(gold)
    calls = [gold] if isinstance(gold, Mapping | ToolCall | GoldCall) else gold
    if not isinstance(calls, Sequence):
        raise ConfigError(f"The gold is a message, a call or a list of calls; got {gold!r:.200}.")
    return Turn(calls=tuple(_call(item) for item in calls))


def _of_text(gold: str) -> Turn:
    if gold.lstrip()[:1] in ("{", "["):
        try:
            value = loads(gold)
        except ValueError:
            value = None
        if (isinstance(value, dict) and "name" in value) or isinstance(value, list):
            return gold_turn(value)
    turn = parse(gold)
    if not turn.calls and turn.response is None and any(p.kind != "empty" for p in turn.problems):
        raise ConfigError(f"The gold message cannot be understood: {turn.problems[0].message} It was {gold[:200]!r}.")
    return turn


def _of_mapping(gold: Mapping[str, Any]) -> Turn:
    """A chat message, or an object with `plan`, `calls` and `response`."""
    if set(gold) <= {"plan", "calls", "response"}:
        plan, response = gold.get("plan"), gold.get("response")
        if not isinstance(plan, str | None) or not isinstance(response, str | None):
            raise ConfigError(f"The plan and the response of a gold are texts; got {dict(gold)!r:.200}.")
        return Turn(plan, gold_turn(gold.get("calls") or []).calls, response)
    if "content" in gold and not gold.get("tool_calls"):
        return _of_text(_said(gold))
    return _of_text(json.dumps(dict(gold)))


def _call(item: Any) -> ToolCall:
    if isinstance(item, ToolCall):
        return item
    if isinstance(item, GoldCall):
        return item.call()
    function = item.get("function", item) if isinstance(item, Mapping) else None
    if isinstance(function, Mapping) and isinstance(function.get("name"), str):
        arguments = next((function[key] for key in _KEYS if function.get(key) is not None), {})
        if isinstance(arguments, str):
            try:
                arguments = loads(arguments) if arguments else {}
            except ValueError:
                arguments = None
        if isinstance(arguments, Mapping):
            return ToolCall(function["name"], dict(arguments))
    raise ConfigError(f"A gold call needs a name and an object of arguments; got {item!r:.200}.")


def completion_text(completion: str | Sequence[Mapping[str, Any]] | Mapping[str, Any]) -> str:
    """A completion as text: itself, or the last assistant message of a chat (OpenAI JSON where it has tool calls), with
    what it thought.

    Raises:
        ConfigError: it is neither.
    """
    if isinstance(completion, str):
        return completion
    messages = [completion] if isinstance(completion, Mapping) else completion
    if not isinstance(messages, Sequence) or not all(isinstance(message, Mapping) for message in messages):
        raise ConfigError(f"A completion is a text, a message or a list of messages; got {completion!r:.200}.")
    last = next((m for m in reversed(messages) if m.get("role", "assistant") == "assistant"), None)
    if last is None:
        return ""
    if isinstance(last.get("tool_calls"), Sequence) and last["tool_calls"]:
        return json.dumps(_openai(last), ensure_ascii=False)
    return _said(last)


def _said(message: Mapping[str, Any]) -> str:
    """A message without tool calls as its model wrote it: what it thought, in tags, before what it said."""
    thoughts, text = read_content(message.get("content"))
    thought = reasoning_of(message)
    tagged = [f"<think>{escape(each)}</think>" for each in ([] if thought is None else [thought]) + thoughts]
    return "\n".join([*tagged, *([] if text is None else [text])])


def _openai(message: Mapping[str, Any]) -> dict[str, Any]:
    """The message with arguments as JSON strings, whichever way the chat has them, and with what was thought."""
    calls = []
    for call in message["tool_calls"]:
        function = call.get("function", call) if isinstance(call, Mapping) else None
        if not isinstance(function, Mapping):
            raise ConfigError(f"A call of a message is an object with a function; got {call!r:.200}.")
        arguments = function.get("arguments")
        arguments = arguments if isinstance(arguments, str) else json.dumps(arguments or {})
        calls.append({"type": "function", "function": {"name": function.get("name"), "arguments": arguments}})
    out = {"role": "assistant", "content": message.get("content"), "tool_calls": calls}
    thought = reasoning_of(message)
    return out if thought is None else {**out, "reasoning_content": thought}


def text_episode(completion: str, gold: Gold) -> tuple[Trajectory, Task]:
    """One message as an episode that ended with it, for rewards that want one.

    Without an environment nothing is executed. A call counts as successful when its name and parameter names are a gold
    call's. The state is taken to be the list of calls made and, where the gold responds, that there was a response: the
    episode is solved when it is the gold's. The checklist asks for each gold call.
    """
    wanted, turn = gold_turn(gold), parse(completion)
    gold_forms, made_forms = forms(wanted.calls), forms(turn.calls)
    shapes = {(call.name, call.keys) for call in gold_forms}
    results = [
        ToolResult("ok") if (call.name, call.keys) in shapes else ToolResult("error", None, True, "invalid_arguments")
        for call in made_forms
    ]
    responds = wanted.response is not None
    task = Task(
        id="text",
        domain="text",
        kind=("text",),
        request="",
        gold=(
            GoldAction(
                plan=wanted.plan,
                calls=tuple(GoldCall(name=call.name, arguments=call.arguments) for call in wanted.calls),
                response=wanted.response,
            ),
        ),
        gold_diff=_as_diff(wanted, responds),
        checklist=tuple(
            ChecklistItem(id=f"call{i}", question="", check=CallCheck(name=call.name, arguments=call.arguments))
            for i, call in enumerate(wanted.calls)
        ),
    )
    trajectory = Trajectory("text", "text", steps=[Step(turn, tuple(results), diff=_as_diff(turn, responds))])
    trajectory.outcome = "solved" if solved(trajectory, task) else "policy_error" if turn.problems else "unsolved"
    return trajectory, task


def _as_diff(turn: Turn, responds: bool) -> dict[str, dict[str, Any]]:
    """What a message changes: the calls that it makes and, where it matters (`responds`), that it has a response."""
    calls = {str(i): {"name": call.name, "arguments": call.arguments} for i, call in enumerate(turn.calls)}
    said = {"0": {}} if responds and turn.response is not None else {}
    return {table: records for table, records in (("calls", calls), ("responses", said)) if records}


def gold_text(gold: Gold, format: str = "toolgym") -> str:
    """The gold as a message; a gold that is one already stays as it is."""
    turn = gold_turn(gold)
    return turn.text if turn.text and turn.format == format else render(turn, format)
