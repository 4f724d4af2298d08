"""The `openai` message format: a chat message as JSON, with `tool_calls` whose arguments are JSON strings.

The plan is `reasoning_content`, as reasoning models' servers name it. Where that key is missing, content beside calls
is the plan, and content without calls the response.
"""

from typing import Any

from toolgym.formats import call_json
from toolgym.formats.tagged import MAX_CALLS
from toolgym.formats.turn import ParseProblem, ProblemKind, ToolCall, Turn


def looks_openai(text: str) -> bool:
    """Whether a text without tags is meant as a chat message in JSON."""
    start = text.lstrip()[:1]
    if start not in ("{", "["):
        return False
    return '"tool_calls"' in text or '"function"' in text or ('"role"' in text and '"content"' in text)


def parse_openai(text: str) -> Turn:
    """A message object, or only its list of tool calls. Never raises."""

    def failed(kind: ProblemKind, message: str) -> Turn:
        return Turn(problems=(ParseProblem(kind, message, 0, len(text)),), format="openai", text=text)

    if not text or text.isspace():
        return failed("empty", "The message is empty.")
    try:
        value = call_json.loads(text)
    except ValueError as error:
        return failed("bad_json", f"The message is not valid JSON: {error}.")
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
        call = _to_call(item)
        if isinstance(call, ToolCall):
            calls.append(call)
        elif len(problems) < 8:
            problems.append(ParseProblem("bad_call", call, 0, len(text)))
    if len(given) > MAX_CALLS:
        message = f"Only the first {MAX_CALLS} tool calls of the message count."
        problems.append(ParseProblem("too_long", message, 0, len(text)))
    plan, response = _plan_and_response(value, bool(given))
    if not given and response is None:
        problems.append(ParseProblem("empty", "The message has neither a tool call nor content.", 0, len(text)))
    return Turn(plan, tuple(calls), response, tuple(problems), "openai", text)


def render_openai(turn: Turn) -> str:
    """`turn` as a chat message in JSON; call ids are `call_0`, `call_1`, ….

    Raises:
        ValueError: an argument is no JSON value.
    """
    message: dict[str, Any] = {"role": "assistant", "content": turn.response}
    if turn.plan is not None or (turn.calls and turn.response is not None):
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


def _plan_and_response(message: dict[str, Any], has_calls: bool) -> tuple[str | None, str | None]:
    content = message.get("content")
    content = content if type(content) is str else None
    if "reasoning_content" in message:
        reasoning = message["reasoning_content"]
        return (reasoning if type(reasoning) is str else None), content
    return (content or None, None) if has_calls else (None, content)


def _to_call(item: Any) -> ToolCall | str:
    """The call, or a sentence that says why it is none."""
    function = item.get("function", item) if type(item) is dict else None
    if type(function) is not dict:
        return "A tool call must be an object with a function (its name and arguments)."
    name = function.get("name")
    if type(name) is not str or not name:
        return "A tool call needs a name (a string that is not empty)."
    arguments = function.get("arguments")
    if type(arguments) is str:
        try:
            arguments = call_json.loads(arguments) if arguments else {}
        except ValueError as error:
            return f"The arguments of {name} are not valid JSON: {error}."
    if arguments is None:
        arguments = {}
    if type(arguments) is not dict:
        return f"The arguments of {name} must be a JSON object."
    return ToolCall(name, arguments)
