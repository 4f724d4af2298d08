"""What a row says, whatever its form: a history, tools, and the gold turns with their recorded answers.

| form | how it is recognised |
|---|---|
| rows of single calls | `messages`, `tools` and `gold` (`messages` alone: a conversation) |
| xLAM, Hammer | `query`, `tools` and `answers`; `answers` empty: no call |
| ToolACE | `conversations`, and `system` or `tools` |

Any of these may be JSON as text. A conversation holds several examples: each turn of the assistant's, with what was
said before it as history (or, where episodes go on until a response, each of its turns that follows the user's, with
all up to its response as the gold chain).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from json import JSONDecodeError, JSONDecoder
from typing import Any, Literal

from toolgym import _json
from toolgym.envs.calls.errors import RowError
from toolgym.envs.calls.schemas import read_tools
from toolgym.envs.calls.written import read_written
from toolgym.errors import ConfigError
from toolgym.mcp.session import ToolSpec
from toolgym.messages import ToolCall, parse
from toolgym.rewards.text import gold_turn

__all__ = ["Example", "Said", "Until", "form_of", "read_row"]

Until = Literal["turn", "response"]
Role = Literal["system", "user", "assistant", "tool"]

_ROLES: dict[str, Role] = {
    "assistant": "assistant",
    "developer": "system",
    "function": "tool",
    "function_call": "assistant",
    "function_response": "tool",
    "gpt": "assistant",
    "human": "user",
    "observation": "tool",
    "system": "system",
    "tool": "tool",
    "tool_call": "assistant",
    "tool_response": "tool",
    "user": "user",
}
_DECODER = JSONDecoder()
_LIST = re.compile(r"\[\s*\{")
_JSON = re.compile(r"\s*(?:\{|\[\s*[\[{\"\]])")
"""How JSON of calls or messages begins; `[1] says that` is a plain text."""


@dataclass(frozen=True, slots=True)
class Said:
    """A message of a history, or a turn of the gold."""

    role: Role
    text: str = ""
    """What is said to the user, or what a tool answers."""
    calls: tuple[ToolCall, ...] = ()
    plan: str = ""
    """What an assistant writes before its calls or its answer."""


@dataclass(frozen=True, slots=True)
class Example:
    """One episode: what is shown, and what is right."""

    history: tuple[Said, ...]
    tools: tuple[ToolSpec, ...]
    gold: tuple[Said, ...]
    """The assistant's turns, in order: one, or all up to a response."""
    answers: tuple[tuple[ToolCall, str], ...] = ()
    """Calls of the gold, and what is recorded of their results."""


def form_of(row: Mapping[str, Any]) -> str:
    """The form of a row: `calls`, `conversation`, `xlam` or `toolace`.

    Raises:
        RowError: none of these.
    """
    if "conversations" in row:
        return "toolace"
    if "query" in row and "answers" in row:
        return "xlam"
    if "messages" in row:
        return "calls" if "gold" in row else "conversation"
    raise RowError(
        f"it has {', '.join(map(repr, list(row)[:8])) or 'nothing'}: a row has messages, tools and gold; query, tools "
        "and answers (xLAM, Hammer); or system and conversations (ToolACE)"
    )


def read_row(row: Any, until: Until = "turn") -> list[Example]:
    """The examples of a row, at least one.

    Raises:
        RowError: it is of no form that is read, or what it says cannot be.
    """
    if not isinstance(row, Mapping):
        raise RowError(f"a row is an object, not {type(row).__name__}")
    form = form_of(row)
    if form == "xlam":
        found = [_of_xlam(row)]
    elif form == "calls":
        found = [_of_calls(row, until)]
    else:
        found = list(_of_conversation(row, form, until))
        if not found:
            raise RowError("the conversation has no turn of the assistant's that follows a message")
    for example in found:
        _check(example)
    return found


def _of_xlam(row: Mapping[str, Any]) -> Example:
    if not isinstance(row["query"], str):
        raise RowError("`query` is no text")
    gold = Said("assistant", calls=_calls(_value(row["answers"], "answers")))
    return Example((Said("user", row["query"]),), read_tools(_value(row.get("tools", []), "tools")), (gold,))


def _of_calls(row: Mapping[str, Any], until: Until) -> Example:
    history = _messages(_value(row["messages"], "messages"))
    gold, answers = _gold(row["gold"])
    calls = [call for turn in gold for call in turn.calls]
    results = _value(row.get("results") or [], "results")
    if results:
        if not isinstance(results, list) or len(results) != len(calls):
            raise RowError(f"`results` is a list with one result for each of the {len(calls)} gold calls")
        answers = [(call, _as_text(result)) for call, result in zip(calls, results, strict=True)]
    tools = read_tools(_value(row.get("tools") or [], "tools"))
    if until == "turn":
        gold = gold[:1]
    return Example(history, tools, tuple(gold), tuple(answers))


def _gold(value: Any) -> tuple[list[Said], list[tuple[ToolCall, str]]]:
    """The gold's turns, and recorded results."""
    written = read_written(value) if isinstance(value, str) else None
    if written:
        return [Said("assistant", "", written)], []
    if isinstance(value, str) and _JSON.match(value):
        value = _value(value, "gold")
    if isinstance(value, list) and value and all(isinstance(item, Mapping) and "role" in item for item in value):
        said = _messages(value)
        return [item for item in said if item.role == "assistant"], _answers(said)
    if value is None or value == [] or value == "":
        return [Said("assistant")], []
    try:
        turn = gold_turn(value)
    except ConfigError as error:
        raise RowError(f"the gold cannot be read: {error}") from error
    return [Said("assistant", turn.response or "", turn.calls, turn.plan or "")], []


def _of_conversation(row: Mapping[str, Any], form: str, until: Until) -> Iterator[Example]:
    said = list(_messages(_value(row["conversations" if form == "toolace" else "messages"], "messages")))
    system = row.get("system")
    if isinstance(system, str) and system.strip():
        said.insert(0, Said("system", system))
    tools: tuple[ToolSpec, ...]
    if row.get("tools"):
        tools = read_tools(_value(row["tools"], "tools"))
    else:
        tools, said = _tools_of_system(said)
    for at, message in enumerate(said):
        before = said[at - 1].role if at else None
        if message.role != "assistant" or before not in (("user",) if until == "response" else ("user", "tool")):
            continue
        end = at + 1
        while until == "response" and end < len(said) and said[end].role in ("assistant", "tool"):
            end += 1
        turns = [item for item in said[at:end] if item.role == "assistant"]
        answers = _answers(said[at : end if until == "response" else min(at + 2, len(said))])
        yield Example(tuple(said[:at]), tools, tuple(turns), tuple(answers))


def _tools_of_system(said: list[Said]) -> tuple[tuple[ToolSpec, ...], list[Said]]:
    """The tools that a system message lists as JSON, and the messages without that list.

    Its instructions on how to write calls go with the list: an environment says itself how it wants them.
    """
    if not said or said[0].role != "system":
        return (), said
    text = said[0].text
    for found in _LIST.finditer(text):
        try:
            value, _ = _DECODER.raw_decode(text, found.start())
        except (JSONDecodeError, RecursionError):
            continue
        if all(_is_tool(item) for item in value):
            return read_tools(value), said[1:]
    return (), said


def _is_tool(item: Any) -> bool:
    function = item.get("function", item) if isinstance(item, Mapping) else None
    return isinstance(function, Mapping) and "name" in function


def _answers(said: Sequence[Said]) -> list[tuple[ToolCall, str]]:
    """Each call that a tool's message answers, and the answer."""
    out: list[tuple[ToolCall, str]] = []
    waiting: list[ToolCall] = []
    for message in said:
        if message.role == "assistant":
            waiting = list(message.calls)
        elif message.role == "tool" and waiting:
            out.append((waiting.pop(0), message.text))
    return out


def _in_order(items: Sequence[Any]) -> Iterator[Any]:
    """The messages, with the results of calls in the order of the calls: they may name them by their ids in any."""
    places: dict[str, int] = {}
    results: list[Any] = []
    for item in items:
        if isinstance(item, Mapping) and isinstance(item.get("tool_call_id"), str):
            results.append(item)
            continue
        yield from sorted(results, key=lambda result: places.get(result["tool_call_id"], len(places)))
        results = []
        calls = _value(item.get("tool_calls") or [], "tool_calls") if isinstance(item, Mapping) else []
        ids = [call.get("id") for call in calls if isinstance(call, Mapping)] if isinstance(calls, list) else []
        places = {id: place for place, id in enumerate(ids) if isinstance(id, str)}
        yield item
    yield from sorted(results, key=lambda result: places.get(result["tool_call_id"], len(places)))


def _apart(said: Sequence[Said]) -> Iterator[Said]:
    """The messages, with one for each call's result."""
    calls = 0
    for message in said:
        calls = len(message.calls) if message.role == "assistant" else calls
        several = _several(message.text, calls) if message.role == "tool" and calls else None
        if several is None:
            yield message
        else:
            yield from (Said("tool", text) for text in several)


def _several(text: str, count: int) -> list[str] | None:
    """The results of as many calls in one message, as ToolACE has them; None where it is one call's."""
    try:
        value = _json.loads(text) if text[:1] == "[" else None
    except ValueError:
        return None
    if not isinstance(value, list) or len(value) != count or not all(isinstance(item, dict) for item in value):
        return None
    if not all("name" in item and ("results" in item or "result" in item) for item in value):
        return None
    return [_as_text(item.get("results", item.get("result"))) for item in value]


def _messages(value: Any) -> tuple[Said, ...]:
    if isinstance(value, str):
        return (Said("user", value),)
    if not isinstance(value, list | tuple) or not value:
        raise RowError(f"`messages` is a list of messages, not {value!r:.80}")
    return tuple(_apart([_message(item, number) for number, item in enumerate(_in_order(value), 1)]))


def _message(item: Any, number: int) -> Said:
    role = item.get("role", item.get("from")) if isinstance(item, Mapping) else None
    if not isinstance(role, str) or role not in _ROLES:
        raise RowError(f"message {number} has no role among system, user, assistant and tool: {item!r:.80}")
    content = item.get("content", item.get("value"))
    text = "".join(_part(part) for part in content) if isinstance(content, list) else content
    text = _as_text(text) if text is not None else ""
    if _ROLES[role] != "assistant":
        return Said(_ROLES[role], text)
    calls = _calls(_value(item.get("tool_calls") or [], "tool_calls"))
    return Said("assistant", "", calls, text) if calls else _spoken(text)


def _spoken(text: str) -> Said:
    """What an assistant's text says, with the calls that are written in it."""
    written = read_written(text)
    if written is not None:
        return Said("assistant", "", written)
    turn = parse(text)
    if turn.problems or not (turn.calls or turn.response):
        return Said("assistant", text)
    return Said("assistant", turn.response or "", turn.calls, turn.plan or "")


def _part(part: Any) -> str:
    return str(part.get("text", "")) if isinstance(part, Mapping) else str(part)


def _calls(value: Any) -> tuple[ToolCall, ...]:
    if not value:
        return ()
    try:
        return gold_turn(value).calls
    except ConfigError as error:
        raise RowError(str(error)) from error


def _value(value: Any, name: str) -> Any:
    """The value, which may be JSON as text.

    Raises:
        RowError: it is a text that is no JSON where it begins like it.
    """
    if not isinstance(value, str) or value.lstrip()[:1] not in ("[", "{"):
        return value if value != "" else []
    try:
        return _json.loads(value)
    except ValueError as error:
        raise RowError(f"`{name}` is text that is no JSON: {error}") from error


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        return _json.dumps(value).decode()
    except TypeError as error:
        raise RowError(f"a value is no JSON: {error}") from error


def _check(example: Example) -> None:
    names = {tool.name for tool in example.tools}
    for turn in example.gold:
        for call in turn.calls:
            if call.name not in names:
                raise RowError(f"the gold calls {call.name!r}, which is not among its tools: {sorted(names)!r:.200}")
    if not any(message.text.strip() or message.calls for message in example.history):
        raise RowError("its messages say nothing")
