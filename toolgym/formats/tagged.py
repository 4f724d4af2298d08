"""The tagged message formats: `toolgym`, `hermes` and `toolupt`.

They share one grammar (thoughts, and blocks of `<plan>`, `<tool_call>`, `<response>`/`<answer>`) and differ in how they
are written and in what free text between the blocks means.

A tag counts where it stands by itself. Inside a thought, a block, the string of a call or quotation marks it is text.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from toolgym.formats import call_json
from toolgym.formats.turn import ParseProblem, ProblemKind, Span, TokenType, ToolCall, Turn

MAX_CALLS = 128
"""Calls in one turn; further ones are dropped and reported."""

_MAX_PROBLEMS = 8

_TRIANGLE = "\N{WHITE LEFT-POINTING TRIANGLE}"
# How models mark their thoughts. Angled names are read in any case.
_THOUGHTS = {
    **{f"<{name}>": f"</{name}>" for name in ("think", "thinking", "thought", "reasoning", "seed:think")},
    "[THINK]": "[/THINK]",
    "<|START_THINKING|>": "<|END_THINKING|>",
    "<|begin_of_thought|>": "<|end_of_thought|>",
    "<|channel>thought": "<channel|>",
    f"{_TRIANGLE}think\N{WHITE RIGHT-POINTING TRIANGLE}": f"{_TRIANGLE}/think\N{WHITE RIGHT-POINTING TRIANGLE}",
}
_CLOSES = {**_THOUGHTS, **{f"<{name}>": f"</{name}>" for name in ("plan", "tool_call", "response", "answer")}}
_THOUGHT_ENDS = frozenset(_THOUGHTS.values())
_THOUGHT_TAGS = _THOUGHT_ENDS.union(_THOUGHTS)
_OF_THOUGHTS = {tag.lower(): tag for tag in _THOUGHT_TAGS}
_TYPES: dict[str, tuple[TokenType, TokenType]] = {
    **dict.fromkeys(_THOUGHTS, ("tag_plan", "plan")),
    "<plan>": ("tag_plan", "plan"),
    "<tool_call>": ("tag_tool", "tool"),
    "<response>": ("tag_resp", "resp"),
    "<answer>": ("tag_resp", "resp"),
}
_TYPES.update({_CLOSES[tag]: types for tag, types in [*_TYPES.items()]})
_OTHER_NAMES = ("params", "parameters")
_KEYS = ("arguments", *_OTHER_NAMES)


def _after(first: str) -> str:
    """A pattern of what follows the first character in the tags that begin with it."""
    rests = []
    for tag in sorted(tag for tag in _TYPES if tag[0] == first):
        any_case = first == "<" and tag.lower() in _OF_THOUGHTS
        rests.append(f"(?i:{re.escape(tag[1:])})" if any_case else re.escape(tag[1:]))
    return f"(?:{'|'.join(rests)})"


_FIRSTS = sorted({tag[0] for tag in _TYPES})
_TAG = re.compile(f"({'|'.join(re.escape(first) + _after(first) for first in _FIRSTS)})")
_ANGLED = re.compile(f"(<{_after('<')})")
OPEN_THOUGHT = re.compile(rf"(?:{'|'.join(re.escape(tag) for tag in _THOUGHTS)})\s*\Z", re.IGNORECASE)
"""A thought that a text ends by opening."""
_QUOTES = frozenset("\"'`")
# A block of calls up to its end: a closing tag inside a JSON string does not end it. Outside of strings JSON has no
# backslash and inside no line break, so that a string that nobody closes is not looked for far.
_CALLS = re.compile(r'(?:[^"<\\]++|"(?:[^"\\\x00-\x1f]++|\\.)*+"|<(?!/tool_call>))*+(?=</tool_call>)')

# A tag that is meant literally is written with its first character as an entity (`&lt;` for `<`), and what already
# looks so gets one more `&amp;`.
_ENTITIES = {first: "lt;" if first == "<" else f"#{ord(first)};" for first in _FIRSTS}
_CHARACTERS = {entity: first for first, entity in _ENTITIES.items()}
_ENTITY = "|".join(f"{entity}(?={_after(first)})" for first, entity in _ENTITIES.items())
_ESCAPABLE = re.compile("|".join(f"{re.escape(first)}(?={_after(first)})" for first in _FIRSTS))
_ESCAPED = re.compile(f"&({_ENTITY})")
_AMPERSAND = re.compile(f"&(?=(?:amp;)*+(?:{_ENTITY}))")
_AMPERSAND_ESCAPED = re.compile(f"&amp;(?=(?:amp;)*+(?:{_ENTITY}))")


# The usual message: a plan, if any, and one call, without a tag or a backslash inside.
_USUAL = re.compile(r"(?:<plan>([^<]*+)</plan>)?+<tool_call>(\{[^<\\]*\})</tool_call>")


class Block(NamedTuple):
    """A part of a text: free text (no `tag`), a block, or a tag that closes nothing (`closed` is then False too)."""

    tag: str
    start: int
    inner: int
    inner_end: int
    end: int
    closed: bool = True


class _Reading:
    """What was found so far while a tagged text is read."""

    __slots__ = ("calls", "needs_none", "plans", "problems", "responses", "stray", "uses_params")

    def __init__(self) -> None:
        self.plans: list[str] = []
        self.calls: list[ToolCall] = []
        self.responses: list[str] = []
        self.stray: list[tuple[int, str]] = []
        self.problems: list[ParseProblem] = []
        self.uses_params = False
        self.needs_none = False  # an empty list of calls was written: no call is needed

    def report(self, kind: ProblemKind, message: str, start: int, end: int) -> None:
        if len(self.problems) < _MAX_PROBLEMS:
            self.problems.append(ParseProblem(kind, message, start, end))


def has_tag(text: str) -> bool:
    """Whether there is a tag anywhere in a text."""
    return _tag(text).search(text) is not None


def thought_end(begins: str) -> str:
    """The tag that closes the thought which a text opens."""
    tag = begins.strip()
    return _THOUGHTS[tag if tag in _THOUGHTS else _OF_THOUGHTS[tag.lower()]]


def _tag(text: str) -> re.Pattern[str]:
    """The pattern of the tags that can be in a text: a search for one first character is the fastest."""
    return _TAG if "THINK]" in text or _TRIANGLE in text else _ANGLED


# The parts of a text -------------------------------------------------------------------------------------------------


def scan(text: str) -> list[Block]:
    """The blocks of a text and what stands between them, in order; together they cover it. Linear in its length.

    A thought that nobody closes goes on to the end. One that is closed and was not opened began with the text: chat
    templates open thoughts for some models.
    """
    parts = _split(text)
    blocks: list[Block] = []
    free, at = 0, len(parts[0])  # the free text before `at` that is in no block yet begins at `free`
    thought = False
    last: dict[str, int] | None = None
    i, count = 1, len(parts)
    while i < count:
        tag, inner = parts[i], at + len(parts[i])
        close = _CLOSES.get(tag)
        if close is None:
            if tag in _THOUGHT_ENDS and not thought:
                thought = True
                blocks = [Block(tag, 0, 0, at, inner)]
            else:
                _add_free(blocks, free, at)
                blocks.append(Block(tag, at, inner, inner, inner, closed=False))
            free = inner
            at, i = inner + len(parts[i + 1]), i + 2
            continue
        j = 0
        if i + 2 < count and parts[i + 2] == close:
            j = i + 2
        elif i + 2 < count:
            if last is None:
                last = {part: k for k, part in enumerate(parts) if k % 2}
            j = parts.index(close, i + 2) if last.get(close, 0) > i else 0
        closed, end = True, 0
        if j:
            end = inner + (len(parts[i + 1]) if j == i + 2 else sum(map(len, parts[i + 1 : j])))
            if tag == "<tool_call>":
                j, end = _end_of_calls(text, parts, inner, j, end)
        elif tag in _THOUGHTS:
            closed, j, end = False, count, len(text)
        else:
            closed, j, end = False, i, inner + len(parts[i + 1])
        after = end + (len(close) if closed else 0)
        if not (closed and _is_quoted(parts[i - 1], parts[j + 1])):
            if at > free:
                _add_free(blocks, free, at)
            blocks.append(Block(tag, at, inner, end, after, closed))
            thought = thought or tag in _THOUGHTS
            free = after
        at, i = after + (len(parts[j + 1]) if closed else 0), j + 2
    _add_free(blocks, free, len(text))
    return blocks


def _split(text: str) -> list[str]:
    """Text, tag, text, tag, ..., text: together the whole, but for the case of tags. Quoted tags are text."""
    pattern = _tag(text)
    parts = pattern.split(text)
    if len(parts) == 1:
        return parts
    quotes = pattern is not _ANGLED or '"<' in text or "'<" in text or "`<" in text
    if not quotes and _TYPES.keys() >= set(parts[1::2]):
        return parts
    quoted = False
    for i in range(1, len(parts), 2):
        if parts[i] not in _TYPES:
            parts[i] = _OF_THOUGHTS[parts[i].lower()]
        mark = parts[i - 1][-1:]
        quoted = quoted or (mark in _QUOTES and parts[i + 1][:1] == mark)
    if not quoted:
        return parts
    out = [[parts[0]]]
    for i in range(1, len(parts), 2):
        mark = parts[i - 1][-1:]
        if mark in _QUOTES and parts[i + 1][:1] == mark:
            out[-1] += parts[i : i + 2]
        else:
            out += [[parts[i]], [parts[i + 1]]]
    return ["".join(pieces) for pieces in out]


def _is_quoted(before: str, after: str) -> bool:
    """Whether a block between these texts is a quotation among words, not a part of the message."""
    mark = before[-1:]
    return mark in _QUOTES and after[:1] == mark and len(before.strip()) > 1


def _end_of_calls(text: str, parts: Sequence[str], start: int, j: int, end: int) -> tuple[int, int]:
    """Where a block of calls ends: the part of its closing tag, and the place; `j` and `end` are the first one's."""
    first = text[start:end]
    if "\\" not in first and not first.count('"') % 2:
        return j, end
    found = _CALLS.match(text, start)
    if found is None or found.end() <= end:
        return j, end
    k, at = j, end
    while at < found.end():
        at += len(parts[k])
        k += 1
    return (k, at) if at == found.end() and k % 2 else (j, end)


def _add_free(blocks: list[Block], start: int, end: int) -> None:
    if end > start:
        blocks.append(Block("", start, start, end, end))


# What a text means ---------------------------------------------------------------------------------------------------


def parse_usual(text: str) -> Turn | None:
    """The turn of a message that is a plan, if any, and one call, as `render_tags` writes it; None for any other.

    Most messages are; `scan` and `parse_tags` take twice as long to say the same of one.
    """
    found = _USUAL.fullmatch(text)
    if found is None or "THINK]" in text or _TRIANGLE in text:
        return None
    plan, content = found.groups()
    try:
        call = call_json.loads(content)
    except ValueError:
        return None
    name, arguments = call.get("name"), call.get("arguments")
    if type(name) is not str or not name or type(arguments) is not dict:
        return None
    return Turn(None if plan is None else _unescape(plan), (ToolCall(name, arguments),), None, (), "toolgym", text)


def parse_tags(text: str, blocks: Sequence[Block], format: str | None) -> Turn:
    """The turn that the blocks of a text make; `format` None: told from them."""
    reading = _Reading()
    for block in blocks:
        _read_block(text, block, reading)
    tags = {block.tag for block in blocks}
    if format is None:
        format = _which(tags, reading)
    plan = "\n".join(reading.plans) if reading.plans else None
    response = "\n".join(reading.responses) if reading.responses else None
    if reading.stray:
        free = "\n".join(words.strip() for _, words in reading.stray)
        calls_meant = bool(reading.calls) or ("<tool_call>" in tags and not reading.needs_none)
        if format == "hermes" and calls_meant and response is None:
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


def split_thoughts(text: str) -> tuple[list[str], str | None, bool]:
    """The thoughts in a text, what it says beside them, and whether its last thought is open.

    Without thoughts the text is said as it is; None: nothing is said. Other tags are text.
    """
    if not has_tag(text):
        return [], text, False
    blocks = scan(text)
    thoughts = [block for block in blocks if block.tag in _THOUGHTS or (block.tag in _THOUGHT_ENDS and block.closed)]
    if not thoughts:
        return [], text, False
    said, at = [], 0
    for block in [*thoughts, Block("", len(text), len(text), len(text), len(text))]:
        words = text[at : block.start].strip()
        if words:
            said.append(words)
        at = block.end
    inside = [_thought(text, block) for block in thoughts]
    return inside, "\n".join(said) if said else None, not thoughts[-1].closed


def after_thoughts(blocks: Sequence[Block]) -> int:
    """Where a text goes on after the thoughts that it begins with."""
    at = 0
    for block in blocks:
        if not (block.closed and (block.tag in _THOUGHTS or block.tag in _THOUGHT_ENDS)):
            break
        at = block.end
    return at


def _which(tags: set[str], reading: _Reading) -> str:
    """The format that tagged (or plain) text is in."""
    if "<answer>" in tags or (reading.uses_params and not reading.stray):
        return "toolupt"
    if not tags.isdisjoint(_THOUGHT_TAGS):
        return "hermes"
    return "hermes" if reading.stray and "<plan>" not in tags and "<response>" not in tags else "toolgym"


def _read_block(text: str, block: Block, reading: _Reading) -> None:
    tag, content = block.tag, text[block.inner : block.inner_end]
    if not tag:
        if not content.isspace():
            reading.stray.append((block.start, content))
    elif tag not in _CLOSES and not block.closed:
        reading.report("stray_text", f"{tag} closes nothing.", block.start, block.end)
    elif not block.closed:
        rest = ", so all that follows it is a thought" if tag in _THOUGHTS else ""
        message = f"{tag} is not closed by {_CLOSES[tag]}{rest}."
        reading.report("unclosed_tag", message, block.start, block.inner)
        if _TYPES[tag][1] == "plan":
            reading.plans.append(content.strip())
    elif tag == "<tool_call>":
        _read_calls(content, block.inner, reading)
    elif _TYPES[tag][1] == "plan":
        reading.plans.append(_thought(text, block))
    else:
        reading.responses.append(_unescape(content))


def _thought(text: str, block: Block) -> str:
    """What a thought says. What frames one that is open, or that the template opened, is not in the text."""
    content = text[block.inner : block.inner_end]
    return _unescape(content if block.closed and block.inner > block.start else content.strip())


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
    reading.needs_none = reading.needs_none or value == []
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
    arguments = read_arguments(name, item)
    if not isinstance(arguments, str):
        if "params" in item and item.get("arguments") is None:
            reading.uses_params = True
        return ToolCall(name, arguments)
    return arguments


def all_name_arguments(text: str) -> bool:
    """Whether every call in the blocks of a tagged text names its arguments, be they none: `"arguments": {}`."""
    for block in scan(text):
        if block.tag != "<tool_call>" or not block.closed:
            continue
        content = text[block.inner : block.inner_end]
        try:
            value = call_json.loads(content)
        except ValueError:
            try:
                value = [call_json.loads(line) for line in content.split("\n") if line and not line.isspace()]
            except ValueError:
                continue
        items = value if type(value) is list else [value]
        if any(type(item) is dict and all(item.get(key) in (None, "") for key in _KEYS) for item in items):
            return False
    return True


def read_arguments(name: str, call: dict[str, Any]) -> dict[str, Any] | str:
    """The arguments of a call in any format, or a sentence that says why they are none.

    An object, or a JSON string that holds one; none at all, null and an empty string are no arguments.
    """
    given = call.get("arguments")
    if given is None:
        given = next((call[key] for key in _OTHER_NAMES if call.get(key) is not None), None)
    if type(given) is str:
        try:
            given = call_json.loads(given) if given and not given.isspace() else None
        except ValueError as error:
            return f"The arguments of {name} are not valid JSON: {error}."
    if given is None:
        other = next((key for key, value in call.items() if type(value) is dict and value and key not in _KEYS), None)
        if other is not None:  # carried out without them, the call would do something else than was asked for
            return f"The call of {name} has {json.dumps(other)} in place of arguments."
        return {}
    return given if type(given) is dict else f"The arguments of {name} must be a JSON object."


def _unescape(content: str) -> str:
    """The meaning of a block's content: literal tags restored, the line breaks that frame it dropped."""
    if content and content[0] == "\n" and content[-1] == "\n" and len(content) > 1:
        content = content[1:-1]
    return unescape(content) if "&" in content else content


def unescape(content: str) -> str:
    """The content with its literal tags restored."""
    return _AMPERSAND_ESCAPED.sub("&", _ESCAPED.sub(lambda found: _CHARACTERS[found[1]], content))


def escape(content: str) -> str:
    """The inverse of `unescape`: no tag is left in the content."""
    return _ESCAPABLE.sub(lambda found: f"&{_ENTITIES[found[0]]}", _AMPERSAND.sub("&amp;", content))


def _block(tag: str, content: str, framed: bool) -> str:
    content = escape(content)
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
    calls = [_without_tags(call_json.dumps({"name": c.name, key: c.arguments})) for c in turn.calls]
    if format == "toolupt" and len(calls) > 1:
        calls = [f"[{', '.join(calls)}]"]
    blocks += [f"<tool_call>\n{call}\n</tool_call>" if framed else f"<tool_call>{call}</tool_call>" for call in calls]
    if turn.response is not None:
        if format == "hermes" and not calls and _is_plain(turn.response):
            blocks.append(turn.response)
        else:
            blocks.append(_block("answer" if format == "toolupt" else "response", turn.response, format == "toolupt"))
    return "\n".join(blocks) if framed else "".join(blocks)


def _without_tags(json: str) -> str:
    """The same JSON without tags: they can stand in strings only."""
    return _ESCAPABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", json)


def _is_plain(response: str) -> bool:
    """Whether it can stand as free text: nothing around it to lose, no tag, no JSON that would be read as a message."""
    return response != "" and response == response.strip() and response[0] not in "{[" and not has_tag(response)


def tag_segments(text: str, blocks: Sequence[Block]) -> list[Span]:
    """See `toolgym.messages.segments`."""
    last_call = max((block.start for block in blocks if block.tag == "<tool_call>"), default=-1)
    spans: list[Span] = []

    def add(end: int, kind: TokenType) -> None:
        start = spans[-1].end if spans else 0
        if spans and spans[-1].type == kind:
            spans[-1] = Span(spans[-1].start, end, kind)
        elif end > start:
            spans.append(Span(start, end, kind))

    for at, block in enumerate(blocks):
        if block.tag:
            of_tag, of_content = _TYPES[block.tag]
            add(block.inner, of_tag)
            add(block.inner_end, of_content)
            add(block.end, of_tag)
        elif not text[block.start : block.end].isspace():
            add(block.end, "plan" if block.start < last_call else "resp")
        elif at + 1 < len(blocks) and not at:
            add(block.end, _TYPES[blocks[1].tag][0])
        else:
            add(block.end, _TYPES[blocks[at - 1].tag][0] if at else "resp")
    return spans
