"""What the environment says, as text and as chat messages: the opening prompt, and what came of a step.

One tag an owner, so that a model can tell its parts apart: `<tool_response>` for what a tool answered, `<tool_error>`
for a refused, invalid or unknown call, `<problem>` for what could not be understood, `<user>` for the user's words,
`<notice>` for the environment's own. What is said within a tag cannot close it or open another one: in text that looks
like one of these tags, `&lt;` stands for its `<` (see `escape_tags`).
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from toolgym import _json
from toolgym.mcp.content import image_parts
from toolgym.mcp.session import ToolSpec
from toolgym.messages import Turn, describe_problems
from toolgym.trajectory import ToolResult, Truncation

__all__ = [
    "TAGS",
    "Prompt",
    "added_tools",
    "chat_messages",
    "describe_format",
    "escape_tags",
    "format_notice",
    "format_step",
    "how_to_call",
    "instructions",
    "lists_tools",
    "notice_message",
    "openai_tools",
    "tagged_notice",
    "with_tools",
    "without_format",
]

TAGS = ("tool_response", "tool_error", "problem", "user", "notice")
"""Every tag that an observation can contain."""

_TAG = re.compile(rf"<(?=[\s/\u200b-\u200f\u2060\ufeff]*+(?:{'|'.join(TAGS)})\b)", re.IGNORECASE)

_HOW_TO_CALL = {
    "toolgym": (
        "Write one message at a time: first, if you like, <plan>your reasoning</plan>; then either tool calls or a "
        "response.\n"
        '- A tool call: <tool_call>{"name": "tool", "arguments": {"parameter": "value"}}</tool_call>. Several blocks '
        "in one message are run in order.\n"
        "- A response to the user: <response>your words</response>."
    ),
    "hermes": (
        "Write one message at a time. To call a tool, write a JSON object with its name and arguments between tags:\n"
        '<tool_call>\n{"name": "tool", "arguments": {"parameter": "value"}}\n</tool_call>\n'
        "Several blocks in one message are run in order. Text without a tool call is your response to the user."
    ),
    "toolupt": (
        "Write one message at a time: <think>your reasoning</think>, then either tool calls or an answer.\n"
        '- Tool calls: <tool_call>[{"name": "tool", "params": {"parameter": "value"}}]</tool_call>.\n'
        "- An answer to the user: <answer>your words</answer>."
    ),
    "openai": (
        'Write one message at a time, as a JSON object of the chat API: {"role": "assistant", "content": "your words"} '
        'answers the user, and {"role": "assistant", "tool_calls": [{"type": "function", "function": {"name": "tool", '
        '"arguments": "{\\"parameter\\": \\"value\\"}"}}]} calls tools. Several tool calls are run in order.'
    ),
}

_TOOLS = "# Tools\n\nEach line is one tool, with the JSON Schema of its parameters.\n"
_LISTED = "# Tools\n\nEach line is one tool with its parameters.\n"
_SINGLE_TURN = "Your first response ends the task, so do all that is asked before you respond."
_ONE_MESSAGE = "You write one message, which ends the task: tool calls, or a response where no tool is to be called."
_CONVERSATION = "The user answers your responses; the task ends with the conversation."

_NOTICES: dict[Truncation, str] = {
    "turns": "The limit on turns is reached; the task is over.",
    "calls": "The limit on tool calls is reached; the task is over.",
    "tokens": "The limit on the length of the conversation is reached; the task is over.",
    "time": "The time limit is reached; the task is over.",
}


def instructions(format: str, *, user_answers: bool, one_message: bool = False) -> str:
    """How a model is told to write, for a message format (an added format gets the default's text)."""
    asked = _ONE_MESSAGE if one_message else _CONVERSATION if user_answers else _SINGLE_TURN
    return f"{how_to_call(format)}\n{asked}"


def how_to_call(format: str) -> str:
    """How calls and responses are written in a message format (an added format gets the default's text)."""
    return _HOW_TO_CALL.get(format, _HOW_TO_CALL["toolgym"])


def describe_format(format: str, how: str) -> None:
    """Says how a model is told to write in a format that was added (`toolgym.messages.register_format`)."""
    _HOW_TO_CALL[format] = how


def without_format(system: str) -> str:
    """A `Prompt`'s system message for an endpoint with tool calls of its own: no tool schemas, no message format."""
    policy, found, rest = system.rpartition(_TOOLS)
    return (policy + rest.rpartition("\n")[2]).rstrip() if found else system


def with_tools(system: str, tools: Sequence[dict[str, Any]]) -> str:
    """A `Prompt`'s system message with other tools (in OpenAI's function form); one that lists none stays as it is."""
    for head, line in ((_TOOLS, _schema_line), (_LISTED, _listed_line)):
        before, found, rest = system.rpartition(head)
        if found:
            _, gap, after = rest.partition("\n\n")
            return f"{before}{found}{_lines(tools, line)}{gap}{after}"
    return system


def _lines(tools: Sequence[dict[str, Any]], line: Callable[[dict[str, Any]], str]) -> str:
    return "\n".join(line(tool["function"]) for tool in tools)


def _schema_line(function: dict[str, Any]) -> str:
    return _json.dumps(function).decode()


def _kind(of: Any) -> str:
    """What a parameter may be: its choices, or its types; empty where its schema, which may be `true`, says neither."""
    if not isinstance(of, dict):
        return ""
    if "enum" in of:
        return "|".join(map(str, of["enum"]))
    if "anyOf" in of:
        return "|".join(kind for kind in map(_kind, of["anyOf"]) if kind not in ("", "null"))
    kind = of.get("type", "")
    return kind if isinstance(kind, str) else "|".join(each for each in kind if each != "null")


def _listed_line(function: dict[str, Any]) -> str:
    """A tool as `name(parameter, parameter: type, parameter: choice|choice, optional?)`."""
    schema = function["parameters"]
    needed, told = schema.get("required", ()), []
    for name, of in schema.get("properties", {}).items():
        kind = _kind(of)
        told.append(name + ("" if name in needed else "?") + ("" if kind in ("", "string") else f": {kind}"))
    return f"{function['name']}({', '.join(told)})"


def escape_tags(text: str) -> str:
    """The text with `&lt;` in place of the `<` of every tag of an observation's, whatever its case and spaces.

    All other text stays as it is, `&lt;` included.
    """
    return _TAG.sub("&lt;", text) if "<" in text else text


def openai_tools(tools: Sequence[ToolSpec]) -> list[dict[str, Any]]:
    """The tools in OpenAI's function form: name, description and JSON Schema of the parameters."""
    return [
        {
            "type": "function",
            "function": {"name": tool.name, "description": tool.description, "parameters": tool.input_schema},
        }
        for tool in tools
    ]


class Prompt:
    """What is said at reset, prepared once for all episodes of an environment.

    Args:
        policy: the policy document; may be empty.
        tools: the tools.
        format: the message format that the model is asked to write.
        user_answers: whether the user answers responses.
        full: with policy, tools and instructions; otherwise only the request.
        one_message: whether one message ends the task.
        listed: where it is not full, with the tools' names and parameters, a line a tool.
    """

    tell: Callable[[Turn, Sequence[ToolResult]], str] | None = None
    """How the results of a turn are told in one message of the user's, where a benchmark does so; None: each is a
    message of role `tool`."""

    def __init__(
        self,
        policy: str,
        tools: Sequence[ToolSpec],
        format: str,
        *,
        user_answers: bool,
        full: bool,
        one_message: bool = False,
        listed: bool = False,
    ):
        functions = openai_tools(tools)
        self._tools = _json.reader(_json.dumps(functions))
        self.system = ""
        if full:
            parts = [
                f"# Policy\n\n{policy.strip()}" if policy.strip() else "",
                f"{_TOOLS}{_lines(functions, _schema_line)}",
                f"# How to answer\n\n{instructions(format, user_answers=user_answers, one_message=one_message)}",
            ]
            self.system = "\n\n".join(part for part in parts if part)
        elif listed and functions:
            self.system = f"{_LISTED}{_lines(functions, _listed_line)}"

    def tools(self) -> list[dict[str, Any]]:
        """The tools in OpenAI's function form, as a structure of its own that the receiver may change."""
        return self._tools()

    def text(self, request: str) -> str:
        """The observation at reset."""
        return f"{self.system}\n\n<user>{escape_tags(request)}</user>" if self.system else request

    def messages(self, request: str) -> list[dict[str, Any]]:
        """The same as chat messages."""
        user = {"role": "user", "content": escape_tags(request)}
        return [{"role": "system", "content": self.system}, user] if self.system else [user]


def added_tools(tools: Sequence[ToolSpec]) -> str:
    """What is said of tools that are there from now on; empty for none."""
    return f"{_TOOLS}{_lines(openai_tools(tools), _schema_line)}" if tools else ""


def lists_tools(text: str) -> bool:
    """Whether a message says of nothing but tools: what `added_tools` gives."""
    return text.startswith(_TOOLS)


def format_step(turn: Turn, results: Sequence[ToolResult], reply: str | None, notice: str = "", tools: str = "") -> str:
    """What the environment answers to a turn: a line a result, in the calls' order; problems; added tools; the user; a
    notice.
    """
    parts = []
    for result in results:
        tag = "tool_error" if result.is_error else "tool_response"
        parts.append(f"<{tag}>{escape_tags(result.text)}</{tag}>")
    if turn.problems:
        parts.append(f"<problem>{escape_tags(describe_problems(turn))}</problem>")
    if tools:
        parts.append(tools)
    if reply is not None:
        parts.append(f"<user>{escape_tags(reply)}</user>")
    if notice:
        parts.append(tagged_notice(notice))
    return "\n".join(parts)


def chat_messages(
    turn: Turn, results: Sequence[ToolResult], reply: str | None, notice: str = "", tools: str = "", told: str = ""
) -> list[dict[str, Any]]:
    """The same as chat messages: role `tool` for results (in the calls' order), `user` for all else; `told` stands in
    place of the results where it is not empty.

    Tags are escaped as in the text, because chat templates write some roles in tags. A result with images has `parts`
    beside its `content`: the same text and the images (as data URLs), as the chat API's content parts.
    """
    out: list[dict[str, Any]] = [{"role": "user", "content": escape_tags(told)}] if told else []
    for call, result in zip(turn.calls, () if told else results, strict=False):
        text = escape_tags(result.text)
        message: dict[str, Any] = {"role": "tool", "name": call.name, "content": text}
        if result.content and (images := image_parts(result.content)):
            message["parts"] = [{"type": "text", "text": text}, *images]
        out.append(message)
    if turn.problems:
        out.append({"role": "user", "content": f"<problem>{escape_tags(describe_problems(turn))}</problem>"})
    if tools:
        out.append({"role": "user", "content": tools})
    if reply is not None:
        out.append({"role": "user", "content": escape_tags(reply)})
    if notice:
        out.append(notice_message(notice))
    return out


def tagged_notice(notice: str) -> str:
    """What the environment says for itself, in its tag."""
    return f"<notice>{notice}</notice>"


def notice_message(notice: str) -> dict[str, Any]:
    """The same as a chat message."""
    return {"role": "user", "content": tagged_notice(notice)}


def format_notice(truncation: Truncation) -> str:
    """Why the episode was cut off, in a sentence."""
    return _NOTICES[truncation]
