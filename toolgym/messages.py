"""The assistant's text and what it means: `parse` makes a `Turn` of any string, `render` a string of a `Turn`.

A turn has up to three parts (AC-Planner §4.1, Eq. 7): a plan, tool calls, and a response to the user. Several calls in
one turn are parallel calls, run in order. Malformed text never raises: what was wrong is listed in `Turn.problems`, and
the environment tells the model so.

Formats are plug-ins (`register_format`). Four are built in, and `parse` tells them apart by itself:

- `toolgym`: `<plan>…</plan><tool_call>{"name": …, "arguments": {…}}</tool_call><response>…</response>`.
- `hermes` (Qwen and others): `<think>…</think>`, `<tool_call>` blocks, free text; free text beside calls is the plan,
  without calls the response.
- `toolupt` (ToolUPT, Appendix C): `<tool_call>` with an object or a list of objects with `params`, or
  `<answer>…</answer>`.
- `openai`: a chat message as JSON, with `tool_calls` whose arguments are JSON strings.

What a model thinks is a plan in every format: `<think>` and the tags of other models (`<thinking>`, `<thought>`,
`<reasoning>`, `[THINK]`, ...), one thought or several, opened by the model or by its chat template. Nothing in a
thought is carried out or said. Arguments are an object, or a JSON string of one, in every format.
"""

from collections.abc import Callable
from dataclasses import dataclass

from toolgym.errors import ConfigError, did_you_mean
from toolgym.formats.openai import begins_json, find_message, parse_openai, render_openai
from toolgym.formats.tagged import (
    MAX_CALLS,
    after_thoughts,
    parse_tags,
    parse_usual,
    render_tags,
    scan,
    split_thoughts,
    tag_segments,
)
from toolgym.formats.turn import CutMessage, FormatName, ParseProblem, ProblemKind, Span, TokenType, ToolCall, Turn

__all__ = [
    "MAX_CALLS",
    "CutMessage",
    "FormatName",
    "MessageFormat",
    "ParseProblem",
    "ProblemKind",
    "Span",
    "TokenType",
    "ToolCall",
    "Turn",
    "describe_problems",
    "formats",
    "parse",
    "register_format",
    "render",
    "said",
    "segments",
]


@dataclass(frozen=True, slots=True)
class MessageFormat:
    """A way to write turns. `detects` says whether a text is in it; `segments` covers every character, in order."""

    name: str
    parse: Callable[[str], Turn]
    render: Callable[[Turn], str]
    detects: Callable[[str], bool]
    segments: Callable[[str], list[Span]]


_ADDED: dict[str, MessageFormat] = {}
_BUILT_IN = ("hermes", "openai", "toolgym", "toolupt")

_REMINDER = (
    'Call a tool with <tool_call>{"name": "...", "arguments": {...}}</tool_call>, '
    "or answer the user with <response>...</response>."
)


def parse(text: str, format: str = "auto") -> Turn:
    """What a message means. Never raises for any text, and takes time linear in its length.

    Of a `CutMessage` only the plan is kept, and a problem says so.

    Args:
        text: the whole assistant message.
        format: one of `formats()`, or `auto`: told from the text's structure.

    Raises:
        ConfigError: there is no such format.
    """
    turn = _parse(text, format)
    return _unfinished(turn) if isinstance(text, CutMessage) else turn


def _parse(text: str, format: str) -> Turn:
    if format == "auto":
        for added in _ADDED.values():
            if added.detects(text):
                return added.parse(text)
        usual = parse_usual(text)
        if usual is not None:
            return usual
        blocks = () if begins_json(text) else scan(text)
        found = find_message(text, blocks) if not blocks or after_thoughts(blocks) else None
        return parse_openai(text, found) if found else parse_tags(text, blocks or scan(text), None)
    if format == "openai":
        return parse_openai(text)
    if format in _BUILT_IN:
        return parse_tags(text, scan(text), format)
    return _added(format).parse(text)


def _unfinished(turn: Turn) -> Turn:
    """What is left of a turn whose message was cut: nobody knows what else it would have said or called."""
    message = "Your message was cut off before its end, so nothing of it was carried out or said. Write a shorter one."
    return Turn(turn.plan, (), None, (ParseProblem("cut", message, 0, len(turn.text)),), turn.format, turn.text)


def said(text: str) -> str:
    """What a model's text says beside its thoughts; empty where it is all thought."""
    return split_thoughts(text)[1] or ""


def render(turn: Turn, format: str = "toolgym") -> str:
    """A message that means `turn`: `parse(render(turn, f), f)` is `turn` again, apart from `text` and `format`.

    Raises:
        ConfigError: there is no such format, or an argument is no JSON value.
    """
    try:
        if format == "openai":
            return render_openai(turn)
        if format in _BUILT_IN:
            return render_tags(turn, format)
    except ValueError as error:
        raise ConfigError(f"A call's arguments must be JSON values: {error}.") from error
    return _added(format).render(turn)


def segments(text: str, format: str = "auto") -> list[Span]:
    """AC-Planner's six token types (§4.1) by characters: spans in order that cover the whole text.

    The tags themselves are `tag_plan`, `tag_tool` and `tag_resp`, what stands between them `plan`, `tool` and `resp`.
    White space between blocks belongs to the tag before it (at the beginning: after it). Stray text is `plan` where a
    tool call follows and `resp` where none does. Thoughts count as `<plan>`, `<answer>` as `<response>`. A message in
    OpenAI's JSON is all `tool` (or all `resp`, without calls) behind the thoughts before it: its tags are JSON.
    """
    if format == "auto":
        for added in _ADDED.values():
            if added.detects(text):
                return added.segments(text)
    elif format not in _BUILT_IN:
        return _added(format).segments(text)
    blocks = scan(text)
    found = find_message(text, blocks) if format in ("auto", "openai") else None
    if found is None and format != "openai":
        return tag_segments(text, blocks)
    start = found[0] if found else 0
    before = tag_segments(text, [block for block in blocks if block.end <= start])
    return [*before, Span(start, len(text), "tool" if parse_openai(text, found).calls else "resp")] if text else []


def describe_problems(turn: Turn) -> str:
    """What the model is told of a malformed message: a sentence a problem, then the format. Empty without problems."""
    if not turn.problems:
        return ""
    return " ".join([*(problem.message for problem in turn.problems), _REMINDER])


def formats() -> list[str]:
    """The known formats, sorted."""
    return sorted((*_BUILT_IN, *_ADDED))


def register_format(added: MessageFormat) -> None:
    """Adds a format. `parse(…, format="auto")` asks added formats first, in the order of their registration.

    Raises:
        ConfigError: the name is a built-in format's or `auto`.
    """
    if added.name in _BUILT_IN or added.name == "auto":
        raise ConfigError(f"The format name {added.name!r} is taken by ToolGym; choose another.")
    _ADDED[added.name] = added


def _added(format: str) -> MessageFormat:
    if format not in _ADDED:
        raise ConfigError(did_you_mean(format, ["auto", *formats()], "message format"))
    return _ADDED[format]
