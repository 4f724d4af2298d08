"""The types of `toolgym.messages`, apart from it so that formats and parser can share them."""

from dataclasses import dataclass, field
from typing import Any, Literal

TokenType = Literal["env", "tag_plan", "tag_tool", "tag_resp", "plan", "tool", "resp"]
"""Who wrote a stretch of text and what it is for: `env` is the environment's; the other six are AC-Planner's types."""

FormatName = Literal["toolgym", "hermes", "toolupt", "openai"]

ProblemKind = Literal["bad_json", "bad_call", "unclosed_tag", "stray_text", "empty", "too_long", "cut"]


class CutMessage(str):
    """A message whose writer was stopped before its end: by the limit on its length, or by a full context.

    It is a `str` and goes wherever a message goes: `env.step(CutMessage(text))`. What is in it is neither carried out
    nor said, however whole it looks: its writer had not finished, and an answer that was cut is no answer.
    """

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool's name and its arguments (a JSON object)."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ParseProblem:
    """Something malformed in the assistant's text: its kind, a sentence for the model, and where (characters)."""

    kind: ProblemKind
    message: str
    start: int = 0
    end: int = 0


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `[start, end)` of the assistant's text and their type."""

    start: int
    end: int
    type: TokenType


@dataclass(frozen=True, slots=True)
class Turn:
    """One assistant message, understood."""

    plan: str | None = None
    calls: tuple[ToolCall, ...] = ()
    response: str | None = None
    problems: tuple[ParseProblem, ...] = ()
    format: str = "toolgym"
    text: str = ""
    """The text it was parsed from, exactly; a `CutMessage` where that was one."""
