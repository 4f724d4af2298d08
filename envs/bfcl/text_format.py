"""The message format of BFCL's prompting mode: `[name(parameter=value), …]`; all else is a response to the user."""

from typing import Any

from toolgym.envs.bfcl.decode import decode
from toolgym.formats.tagged import MAX_CALLS, has_tag, parse_tags, scan, split_thoughts, tag_segments
from toolgym.messages import MessageFormat, Span, ToolCall, Turn, register_format, said

__all__ = ["FORMAT", "register"]

FORMAT = "bfcl"
"""Its name."""


def register() -> None:
    """Makes the format known."""
    register_format(MessageFormat(FORMAT, parse, render, lambda text: False, segments))


def parse(text: str) -> Turn:
    """What a message means: its thoughts apart, it is a list of calls or a response. Tagged text is read as such."""
    words = said(text)
    if has_tag(words):
        return parse_tags(text, scan(text), "toolgym")
    plan = "\n".join(split_thoughts(text)[0]) or None
    try:
        calls = decode(words)
    except ValueError:
        calls = []
    made = tuple(ToolCall(name, as_json(given)) for call in calls for name, given in call.items())[:MAX_CALLS]
    if made:
        return Turn(plan, made, None, format=FORMAT, text=text)
    return Turn(plan, (), words.strip(), format=FORMAT, text=text)


def as_json(value: Any) -> Any:
    """A value of Python's as JSON has it: a tuple is a list, a key or value that JSON has not is its source text."""
    if isinstance(value, dict):
        return {key if isinstance(key, str) else repr(key): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float | str) else repr(value)


def render(turn: Turn) -> str:
    """A message that means `turn`."""
    if not turn.calls:
        return turn.response or ""
    return f"[{', '.join(map(_call, turn.calls))}]"


def _call(call: ToolCall) -> str:
    return f"{call.name}({', '.join(f'{name}={value!r}' for name, value in call.arguments.items())})"


def segments(text: str) -> list[Span]:
    """The parts of a message: its thoughts, and its calls or its response."""
    turn = parse(text)
    if turn.format != FORMAT:
        return tag_segments(text, scan(text))
    words = said(text)
    start = len(text) - len(words) if text.endswith(words) else 0
    kind = "tool" if turn.calls else "resp"
    return [span for span in (Span(0, start, "plan"), Span(start, len(text), kind)) if span.end > span.start]
