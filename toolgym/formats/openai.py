"""The `openai` message format: a chat message as JSON, with `tool_calls` whose arguments are JSON strings.

The plan is what the model thought: the thoughts before the JSON, `reasoning_content` (some servers name it
`reasoning`), and the thoughts in the content, as tags or as parts of their own. Words beside calls belong to the plan
too: so models announce what they are about to do. Without calls they are the response. A response beside calls, which
chat messages do not know, is a content part of type `output_text`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from toolgym.formats import call_json
from toolgym.formats.tagged import (
    MAX_CALLS,
    Block,
    after_thoughts,
    escape,
    parse_tags,
    read_arguments,
    scan,
    split_thoughts,
    unescape,
)
from toolgym.formats.turn import ParseProblem, ProblemKind, ToolCall, Turn

_REASONING = ("reasoning_content", "reasoning")
_SAID = "output_text"


def find_message(text: str, blocks: Sequence[Block]) -> tuple[int, Any] | None:
    """A chat message in JSON in a text: where it begins (behind the thoughts before it), and its value or a ValueError.

    Its structure decides: an object with `tool_calls`, or with a role and content, or a list of calls. JSON that cannot
    be read is taken for one where these keys stand before the first tag. None: there is none.
    """
    if not _names_keys(text):
        return None
    start, value = _locate(text, blocks)
    rest = text[start:]
    if not begins_json(rest) or (start and not _names_keys(rest)):
        return None
    if isinstance(value, ValueError):
        words = scan(rest)[0]
        return (start, value) if not words.tag and _names_keys(rest[: words.end]) else None
    given = value if type(value) is list else [value]
    return (start, value) if any(map(_is_message, given)) else None


def _locate(text: str, blocks: Sequence[Block]) -> tuple[int, Any]:
    """Where the JSON of a text begins, at its beginning or behind thoughts, and its value or a ValueError.

    `blocks` are those of the text; they are looked for where they are empty and needed.
    """
    value = _load(text)
    start = after_thoughts(blocks or scan(text)) if isinstance(value, ValueError) else 0
    return (start, _load(text[start:])) if start else (0, value)


def _load(raw: str) -> Any:
    try:
        return call_json.loads(raw)
    except ValueError as error:
        return error


def begins_json(text: str) -> bool:
    """Whether a text begins with an object or a list."""
    first = text[:1]
    return (text.lstrip()[:1] if first.isspace() else first) in ("{", "[")


def _names_keys(text: str) -> bool:
    """Whether a text has the words that a chat message has."""
    return '"tool_calls"' in text or '"function"' in text or ('"role"' in text and '"content"' in text)


def _is_message(value: Any) -> bool:
    if type(value) is not dict:
        return False
    return "tool_calls" in value or "function" in value or ("role" in value and "content" in value)


def parse_openai(text: str, found: tuple[int, Any] | None = None) -> Turn:
    """A message object, or only its list of tool calls; thoughts may stand before it. Never raises.

    Args:
        text: the whole.
        found: what `find_message` says of it, where that was asked already.
    """

    def failed(kind: ProblemKind, message: str) -> Turn:
        return Turn(problems=(ParseProblem(kind, message, 0, len(text)),), format="openai", text=text)

    if not text or text.isspace():
        return failed("empty", "The message is empty.")
    found = found or _locate(text, ())
    before = (
        parse_tags(text, [block for block in scan(text) if block.end <= found[0]], "hermes").plan if found[0] else None
    )
    value = found[1]
    if isinstance(value, ValueError):
        return failed("bad_json", f"The message is not valid JSON: {value}.")
    if type(value) is list:
        value = {"tool_calls": value}
    if type(value) is not dict:
        return failed("bad_json", "The message must be a JSON object with content or tool_calls.")
    given = value.get("tool_calls")
    if given is None:
        given = []
    if type(given) is not list:
        return failed("bad_call", "tool_calls must be a list.")
    calls: list[ToolCall] = []
    problems: list[ParseProblem] = []
    for item in given[:MAX_CALLS]:
        call = read_call(item)
        if isinstance(call, ToolCall):
            calls.append(call)
        elif len(problems) < 8:
            problems.append(ParseProblem("bad_call", call, 0, len(text)))
    if len(given) > MAX_CALLS:
        message = f"Only the first {MAX_CALLS} tool calls of the message count."
        problems.append(ParseProblem("too_long", message, 0, len(text)))
    plan, response, is_open = _plan_and_response(value, bool(given))
    if not given and is_open:
        message = "The content ends within a thought: close it, then call a tool or say something."
        problems.append(ParseProblem("unclosed_tag", message, 0, len(text)))
    elif not given and response is None:
        problems.append(ParseProblem("empty", "The message has neither a tool call nor content.", 0, len(text)))
    return Turn(_joined([before, plan]), tuple(calls), response, tuple(problems), "openai", text)


def render_openai(turn: Turn) -> str:
    """`turn` as a chat message in JSON; call ids are `call_0`, `call_1`, ….

    Raises:
        ValueError: an argument is no JSON value.
    """
    said: Any = None if turn.response is None else escape(turn.response)
    if turn.calls and turn.response is not None:
        said = [{"type": _SAID, "text": said}]
    message: dict[str, Any] = {"role": "assistant", "content": said}
    if turn.plan is not None:
        message["reasoning_content"] = turn.plan
    if turn.calls:
        message["tool_calls"] = [
            {
                "id": f"call_{i}",
                "type": "function",
                "function": {"name": call.name, "arguments": call_json.dumps(call.arguments)},
            }
            for i, call in enumerate(turn.calls)
        ]
    return call_json.dumps(message)


def _plan_and_response(message: dict[str, Any], has_calls: bool) -> tuple[str | None, str | None, bool]:
    """The plan, the response, and whether the content ends within a thought."""
    content = message.get("content")
    thoughts, said = read_content(content)
    inside, said, is_open = split_thoughts(said) if said is not None else ([], None, False)
    said = unescape(said) if said is not None else None
    plan = [reasoning_of(message), *thoughts, *inside]
    if not has_calls:
        return _joined(plan), said, is_open
    if type(content) is list and any(type(part) is dict and part.get("type") == _SAID for part in content):
        return _joined(plan), said, False
    return _joined([*plan, said or None]), None, False


def reasoning_of(message: Mapping[str, Any]) -> str | None:
    """What a chat message says that its writer thought, in a field of its own."""
    return next((message[key] for key in _REASONING if type(message.get(key)) is str), None)


def read_content(content: Any) -> tuple[list[str], str | None]:
    """The thoughts and the text in a chat message's content: a string, or a list of parts; None: there is no text."""
    if type(content) is not list:
        return [], content if type(content) is str else None
    thoughts: list[str] = []
    texts: list[str] = []
    for part in content:
        for key, found in (("text", texts), ("thinking", thoughts), ("reasoning", thoughts)):
            inner = part.get(key) if type(part) is dict else None
            if type(inner) is list:  # Mistral's thoughts are lists of text parts themselves
                inner = "".join(str(text.get("text") or "") for text in inner if type(text) is dict)
            if type(inner) is str:
                found.append(inner)
    return thoughts, "".join(texts) if texts else None


def _joined(parts: list[str | None]) -> str | None:
    given = [part for part in parts if part is not None]
    return "\n".join(given) if given else None


def read_call(item: Any) -> ToolCall | str:
    """The call that an item of `tool_calls` makes, or a sentence that says why it is none."""
    function = item.get("function", item) if type(item) is dict else None
    if type(function) is not dict:
        return "A tool call must be an object with a function (its name and arguments)."
    name = function.get("name")
    if type(name) is not str or not name:
        return "A tool call needs a name (a string that is not empty)."
    arguments = read_arguments(name, function)
    return arguments if isinstance(arguments, str) else ToolCall(name, arguments)
