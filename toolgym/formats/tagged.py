"""The tagged message formats: `toolgym`, `hermes` and `toolupt`.

They share one grammar (blocks of `<plan>`/`<think>`, `<tool_call>`, `<response>`/`<answer>`) and differ in how they are
written and in what free text between the blocks means.
"""

import re
from typing import Any

from toolgym.formats import call_json
from toolgym.formats.turn import ParseProblem, ProblemKind, Span, TokenType, ToolCall, Turn

MAX_CALLS = 128
"""Calls in one turn; further ones are dropped and reported."""

_MAX_PROBLEMS = 8

TAG = re.compile(r"(</?(?:plan|think|tool_call|response|answer)>)")
_CLOSES = {f"<{name}>": f"</{name}>" for name in ("plan", "think", "tool_call", "response", "answer")}
_TYPES: dict[str, tuple[TokenType, TokenType]] = {
    "plan": ("tag_plan", "plan"),
    "think": ("tag_plan", "plan"),
    "tool_call": ("tag_tool", "tool"),
    "response": ("tag_resp", "resp"),
    "answer": ("tag_resp", "resp"),
}
_ARGUMENT_KEYS = ("arguments", "params", "parameters")

# A tag that is meant literally is written with `&lt;`, and what already looks so gets one more `&amp;`.
_ESCAPABLE = re.compile(r"<(?=/?(?:plan|think|tool_call|response|answer)>)")
_ESCAPED = re.compile(r"&lt;(?=/?(?:plan|think|tool_call|response|answer)>)")
_AMPERSAND = re.compile(r"&(?=(?:amp;)*+lt;/?(?:plan|think|tool_call|response|answer)>)")
_AMPERSAND_ESCAPED = re.compile(r"&amp;(?=(?:amp;)*+lt;/?(?:plan|think|tool_call|response|answer)>)")


class _Reading:
    """What was found so far while a tagged text is read."""

    __slots__ = ("calls", "plans", "problems", "responses", "stray", "uses_params")

    def __init__(self) -> None:
        self.plans: list[str] = []
        self.calls: list[ToolCall] = []
        self.responses: list[str] = []
        self.stray: list[tuple[int, str]] = []
        self.problems: list[ParseProblem] = []
        self.uses_params = False

    def report(self, kind: ProblemKind, message: str, start: int, end: int) -> None:
        if len(self.problems) < _MAX_PROBLEMS:
            self.problems.append(ParseProblem(kind, message, start, end))


def parse_tags(text: str, parts: list[str], format: str | None) -> Turn:
    """`parts` alternate: text, tag, text, tag, …, text."""
    reading = _Reading()
    _read_blocks(parts, reading)
    tags = parts[1::2]
    if format is None:
        format = _which(tags, reading)
    plan = "\n".join(reading.plans) if reading.plans else None
    response = "\n".join(reading.responses) if reading.responses else None
    if reading.stray:
        free = "\n".join(words.strip() for _, words in reading.stray)
        if format == "hermes" and (reading.calls or "<tool_call>" in tags) and response is None:
            plan = free if plan is None else f"{plan}\n{free}"
        elif format == "hermes" and response is None:
            response = free
        else:
            for start, words in reading.stray:
                message = "There is text outside the tags: put thoughts in <plan> and the answer in <response>."
                reading.report("stray_text", message, start, start + len(words))
                break
    if response is None and not reading.calls and not reading.problems:
        reading.report("empty", "The message has neither a tool call nor a response.", 0, len(text))
    return Turn(plan, tuple(reading.calls), response, tuple(reading.problems), format, text)


def _which(tags: list[str], reading: _Reading) -> str:
    """The format that tagged (or plain) text is in."""
    if "<answer>" in tags or (reading.uses_params and not reading.stray):
        return "toolupt"
    if "<think>" in tags or (reading.stray and "<plan>" not in tags and "<response>" not in tags):
        return "hermes"
    return "toolgym"


def _read_blocks(parts: list[str], reading: _Reading) -> None:
    """Reads block after block; every part is looked at a bounded number of times."""
    count = len(parts)
    at = len(parts[0])
    if parts[0] and not parts[0].isspace():
        reading.stray.append((0, parts[0]))
    last_close: dict[str, int] | None = None
    i = 1
    while i < count:
        tag = parts[i]
        close = _CLOSES.get(tag)
        begin = at
        at += len(tag)
        if close is None:
            reading.report("stray_text", f"{tag} closes nothing.", begin, at)
        elif i + 2 < count and parts[i + 2] == close:
            content = parts[i + 1]
            _read_block(tag, content, at, reading)
            at += len(content) + len(close)
            i += 2
        else:
            if last_close is None:
                last_close = {part: j for j, part in enumerate(parts) if j % 2}
            if last_close.get(close, 0) > i:
                j = parts.index(close, i + 2)
                content = "".join(parts[i + 1 : j])
                _read_block(tag, content, at, reading)
                at += len(content) + len(close)
                i = j
            else:
                content = parts[i + 1]
                reading.report("unclosed_tag", f"{tag} is not closed by {close}.", begin, at)
                if tag in ("<plan>", "<think>"):
                    reading.plans.append(content.strip())
                at += len(content)
                i += 2
                continue
        between = parts[i + 1]
        if between:
            if not between.isspace():
                reading.stray.append((at, between))
            at += len(between)
        i += 2


def _read_block(tag: str, content: str, start: int, reading: _Reading) -> None:
    if tag == "<tool_call>":
        _read_calls(content, start, reading)
    elif tag in ("<plan>", "<think>"):
        reading.plans.append(_unescape(content))
    else:
        reading.responses.append(_unescape(content))


def _read_calls(content: str, start: int, reading: _Reading) -> None:
    """One object, a list of objects (ToolUPT), or an object a line (ToolRL)."""
    end = start + len(content)
    if not content or content.isspace():
        reading.report("bad_call", "A <tool_call> is empty.", start, end)
        return
    try:
        value = call_json.loads(content)
    except ValueError as error:
        try:
            lines = content.split("\n")
            value = [call_json.loads(line) for line in lines if line and not line.isspace()] if len(lines) > 1 else None
        except ValueError:
            value = None
        if value is None:
            if len(content) > call_json.MAX_CHARS:
                reading.report("too_long", f"A <tool_call> is {error}.", start, end)
            elif "<tool_call>" in content:
                reading.report("unclosed_tag", "<tool_call> is not closed by </tool_call>.", start, end)
            else:
                reading.report("bad_json", f"The JSON in a <tool_call> is not valid: {error}.", start, end)
            return
    for item in value if type(value) is list else (value,):
        call = _to_call(item, reading)
        if isinstance(call, str):
            reading.report("bad_call", call, start, end)
        elif len(reading.calls) == MAX_CALLS:
            reading.report("too_long", f"Only the first {MAX_CALLS} tool calls of the message count.", start, end)
            return
        else:
            reading.calls.append(call)


def _to_call(item: Any, reading: _Reading) -> ToolCall | str:
    """The call, or a sentence that says why it is none."""
    if type(item) is not dict:
        return "A tool call must be a JSON object with name and arguments."
    name = item.get("name")
    if type(name) is not str or not name:
        return "A tool call needs a name (a string that is not empty)."
    arguments = item.get("arguments")
    if arguments is None:
        for key in _ARGUMENT_KEYS:
            arguments = item.get(key)
            if arguments is not None:
                reading.uses_params = key == "params"
                break
        else:
            arguments = {}
    if type(arguments) is not dict:
        return f"The arguments of {name} must be a JSON object."
    return ToolCall(name, arguments)


def _unescape(content: str) -> str:
    """The meaning of a block's content: literal tags restored, the line breaks that frame it dropped."""
    if content and content[0] == "\n" and content[-1] == "\n" and len(content) > 1:
        content = content[1:-1]
    if "&" not in content:
        return content
    return _AMPERSAND_ESCAPED.sub("&", _ESCAPED.sub("<", content))


def _block(tag: str, content: str, framed: bool) -> str:
    content = _ESCAPABLE.sub("&lt;", _AMPERSAND.sub("&amp;", content))
    if framed or (content and content[0] == "\n" and content[-1] == "\n"):
        content = f"\n{content}\n"
    return f"<{tag}>{content}</{tag}>"


def render_tags(turn: Turn, format: str) -> str:
    """`turn` in one of the tagged formats.

    Raises:
        ValueError: an argument is no JSON value.
    """
    framed = format != "toolgym"
    blocks: list[str] = []
    if turn.plan is not None:
        blocks.append(_block("think" if framed else "plan", turn.plan, framed))
    key = "params" if format == "toolupt" else "arguments"
    calls = [_ESCAPABLE.sub(r"\\u003c", call_json.dumps({"name": c.name, key: c.arguments})) for c in turn.calls]
    if format == "toolupt" and len(calls) > 1:
        calls = [f"[{', '.join(calls)}]"]
    blocks += [f"<tool_call>\n{call}\n</tool_call>" if framed else f"<tool_call>{call}</tool_call>" for call in calls]
    if turn.response is not None:
        if format == "hermes" and not calls and _is_plain(turn.response):
            blocks.append(turn.response)
        else:
            blocks.append(_block("answer" if format == "toolupt" else "response", turn.response, format == "toolupt"))
    return "\n".join(blocks) if framed else "".join(blocks)


def _is_plain(response: str) -> bool:
    """Whether it can stand as free text: nothing around it to lose, no tag, no JSON that would be read as a message."""
    return response != "" and response == response.strip() and response[0] not in "{[" and TAG.search(response) is None


def tag_segments(text: str) -> list[Span]:
    """See `toolgym.messages.segments`."""
    parts = TAG.split(text)
    last_call = max((i for i in range(1, len(parts), 2) if parts[i] == "<tool_call>"), default=-1)
    spans: list[Span] = []
    inside: str | None = None
    before: TokenType | None = None
    at = 0
    for i, part in enumerate(parts):
        kind: TokenType
        if i % 2:
            name = part.strip("</>")
            kind = before = _TYPES[name][0]
            inside = None if part[1] == "/" else name
        elif inside is not None:
            kind = _TYPES[inside][1]
        elif part and not part.isspace():
            kind = "plan" if i < last_call else "resp"
        else:
            kind = before or (_TYPES[parts[i + 1].strip("</>")][0] if i + 1 < len(parts) else "resp")
        if part:
            if spans and spans[-1].type == kind:
                spans[-1] = Span(spans[-1].start, at + len(part), kind)
            else:
                spans.append(Span(at, at + len(part), kind))
            at += len(part)
    return spans
