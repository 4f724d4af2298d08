"""API-Bank's message format: a message with one call `[Name(parameter='value', …)]` in it, or else a response.

Messages in other formats, with calls in tags or as JSON, are understood too.
"""

from toolgym.envs.api_bank.reading import read_call
from toolgym.messages import MessageFormat, Span, ToolCall, Turn, parse, register_format
from toolgym.observations import describe_format

__all__ = ["FORMAT", "write_call"]

FORMAT = "api_bank"
_TAGS = ("<tool_call>", "<response>", "<plan>", "<think>", "<answer>")


def write_call(call: ToolCall) -> str:
    """A call as API-Bank writes it: each value as its text, in quotes."""
    given = ", ".join(f"{name}='{value}'" for name, value in call.arguments.items())
    return f"[{call.name}({given})]"


def _parse(text: str) -> Turn:
    if any(tag in text for tag in _TAGS) or text.lstrip()[:1] == "{":
        return parse(text)
    call = read_call(text)
    if call is None:
        return parse(text, "hermes")
    return Turn(calls=(ToolCall(call.name, dict(call.parameters)),), format=FORMAT, text=text)


def _render(turn: Turn) -> str:
    return turn.response or "" if not turn.calls else "".join(write_call(call) for call in turn.calls)


def _segments(text: str) -> list[Span]:
    if not text:
        return []
    return [Span(0, len(text), "resp" if read_call(text) is None else "tool")]


register_format(MessageFormat(FORMAT, _parse, _render, lambda text: False, _segments))
describe_format(
    FORMAT,
    "Write one message at a time. To call a tool, write it with its parameters as text, all on one line and with "
    "nothing else in the message:\n[ToolName(parameter='value', other='value')]\n"
    "A message without a call is your response to the user. The year is 2023.",
)
