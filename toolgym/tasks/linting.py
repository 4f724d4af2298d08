"""What makes a server's tools hard (or unsafe) for a model: `lint(tools)`."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from jsonschema import SchemaError
from jsonschema.validators import validator_for

from toolgym import _json
from toolgym.mcp.session import ToolSpec

__all__ = ["Finding", "lint", "visible"]

MANY_TOOLS = 40
"""Above about this many tools, models choose worse."""

_LONG_DESCRIPTION = 1_000
_HUGE_SCHEMA = 4_000
_DEEP_SCHEMA = 4
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_INJECTION = re.compile(
    r"ignore (all|any|the)?\s*(previous|prior|above|other)|disregard (all|any|the|your)|system prompt"
    r"|you must (obey|always|never|first|not tell)|do not (tell|mention|inform)"
    r"|<\|im_(start|end)\|>|</?(system|tool_call|tool_response|instructions?)>"
    r"|^[^\S\n]*+(system|assistant|user)[^\S\n]*+:|\bsecretly\b|without (telling|asking) the user",
    re.IGNORECASE | re.MULTILINE,
)
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong."""

    rule: str
    severity: Literal["error", "warning", "hint"]
    """`error`: clients refuse or confuse it; `warning`: a model is misled; `hint`: a model is helped by mending it."""
    tool: str
    """The tool's name; empty for the server as a whole."""
    message: str


def lint(tools: Sequence[ToolSpec]) -> list[Finding]:
    """Everything that is found, in the order of the tools. `tools` as listed: a name may come twice."""
    findings = list(_together(tools))
    for tool in tools:
        if tool.refused is not None:
            message = f"Not a tool as MCP defines it, and left out. {tool.refused}"
            findings.append(Finding("refused-tool", "error", tool.name, message))
            continue
        findings += _name(tool)
        findings += _description(tool)
        findings += _schema(tool)
        findings += _texts(tool)
    return findings


def visible(text: str) -> str:
    """The text with its control and formatting characters spelled out, safe to print on a terminal."""
    return "".join(char if not _hidden(char) or char == "\n" else f"\\u{ord(char):04x}" for char in text)


def _hidden(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn")


def _together(tools: Sequence[ToolSpec]) -> Iterator[Finding]:
    if len(tools) > MANY_TOOLS:
        yield Finding("many-tools", "warning", "", f"{len(tools)} tools; models choose worse above about {MANY_TOOLS}.")
    if all(tool.refused is not None for tool in tools):
        yield Finding("no-tools", "error", "", "The server lists no tools that can be called.")
    seen: dict[str, str] = {}
    for tool in tools:
        plain = re.sub(r"[^a-z0-9]", "", tool.name.lower())
        if seen.get(plain) == tool.name:
            yield Finding("name-twice", "error", tool.name, "Two tools have this name; only the first can be called.")
        elif plain in seen:
            yield Finding("names-alike", "warning", tool.name, f"Easily confused with {seen[plain]!r}.")
        seen.setdefault(plain, tool.name)
    described = [tool.description.strip() for tool in tools if tool.description.strip()]
    for text in dict.fromkeys(described):
        if described.count(text) > 1:
            same = [tool.name for tool in tools if tool.description.strip() == text]
            yield Finding("same-description", "warning", same[1], f"Described word for word as {same[0]!r}.")


def _name(tool: ToolSpec) -> Iterator[Finding]:
    if not _NAME.fullmatch(tool.name):
        message = "Not 1 to 64 letters, digits, _ or -: model APIs refuse such a name."
        yield Finding("bad-name", "error", tool.name, message)


def _description(tool: ToolSpec) -> Iterator[Finding]:
    if not tool.description.strip():
        yield Finding("no-description", "warning", tool.name, "No description: the name is all that a model knows.")
    elif len(tool.description) > _LONG_DESCRIPTION:
        yield Finding("long-description", "hint", tool.name, f"{len(tool.description)} characters of description.")
    if tool.writes is None:
        message = "It does not say whether it only reads (readOnlyHint): it counts as writing, and is never repeated."
        yield Finding("no-read-only-hint", "hint", tool.name, message)


def _schema(tool: ToolSpec) -> Iterator[Finding]:
    schema = tool.input_schema
    size = len(_json.dumps(schema))
    if size > _HUGE_SCHEMA:
        yield Finding("huge-schema", "warning", tool.name, f"{size} bytes of schema stand in every prompt.")
    try:
        validator_for(schema).check_schema(schema)
    except (SchemaError, RecursionError, re.error, TypeError, AttributeError) as error:
        reason = str(getattr(error, "message", error))[:200]
        yield Finding("broken-schema", "error", tool.name, f"The schema does not compile: {reason}")
        return
    except BaseException as error:  # recursion without end, where it meets the Rust beneath jsonschema
        if type(error).__name__ != "PanicException":
            raise
        yield Finding("broken-schema", "error", tool.name, "The schema does not compile: it is nested too deep")
        return
    if _depth(schema) > _DEEP_SCHEMA:
        yield Finding("deep-schema", "hint", tool.name, f"Arguments nest {_depth(schema)} levels deep.")
    properties = schema.get("properties")
    for name, value in (properties if isinstance(properties, dict) else {}).items():
        if isinstance(value, dict) and not value.get("description") and "enum" not in value and "const" not in value:
            yield Finding("no-parameter-description", "hint", tool.name, f"Parameter {name!r} is not described.")
        if isinstance(value, dict) and not value.keys() & {"type", "enum", "const", "anyOf", "oneOf", "allOf", "$ref"}:
            yield Finding("no-parameter-type", "warning", tool.name, f"Parameter {name!r} has no type.")
    for pattern in _values(schema, "pattern"):
        if _repeats_a_repetition(pattern):
            message = f"The pattern {pattern!r} may take exponential time; it is not evaluated here."
            yield Finding("slow-pattern", "warning", tool.name, message)
    if any(not reference.startswith("#") for reference in _values(schema, "$ref")):
        yield Finding(
            "remote-schema", "warning", tool.name, "The schema refers to another document, which is not fetched."
        )


def _repeats_a_repetition(pattern: str) -> bool:
    """Whether a bracket that holds `+` or `*` is itself repeated, as in `(a+)*`; in linear time."""
    start = 0
    for found in re.finditer(r"\)[+*]?", pattern):
        opened = pattern.find("(", start, found.start())
        inside = pattern[opened + 1 : found.start()] if opened >= 0 else ""
        if len(found[0]) == 2 and ("+" in inside or "*" in inside):
            return True
        start = found.end()
    return False


def _texts(tool: ToolSpec) -> Iterator[Finding]:
    """Characters and words that reach a model unseen, or that give it orders."""
    texts = [("name", tool.name), ("description", tool.description)]
    texts += [("schema", text) for text in _strings(tool.input_schema)]
    for place, text in texts:
        hidden = sorted({f"U+{ord(char):04X}" for char in text if _hidden(char) and char not in "\n\t\r"})
        if hidden:
            kind = "text that reads backwards" if _BIDI & set(text) else "characters that nobody sees"
            yield Finding(
                "control-characters", "warning", tool.name, f"The {place} holds {kind}: {', '.join(hidden[:5])}."
            )
        found = _INJECTION.search(text)
        if found is not None:
            quoted = visible(text[max(0, found.start() - 20) : found.end() + 30]).strip()
            yield Finding("injection", "warning", tool.name, f"The {place} gives a model orders: {quoted!r}")


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _values(schema: Any, key: str) -> Iterable[str]:
    """The strings that stand under `key`, anywhere in a schema."""
    if isinstance(schema, dict):
        for name, value in schema.items():
            if name == key and isinstance(value, str):
                yield value
            else:
                yield from _values(value, key)
    elif isinstance(schema, list):
        for item in schema:
            yield from _values(item, key)


def _depth(schema: Any) -> int:
    """Levels of objects and lists in what the schema describes."""
    if not isinstance(schema, dict):
        return 0
    inner = [schema.get("items"), schema.get("additionalProperties")]
    properties = schema.get("properties")
    inner += list(properties.values()) if isinstance(properties, dict) else []
    for key in ("anyOf", "oneOf", "allOf"):
        options = schema.get(key)
        inner += options if isinstance(options, list) else []
    nests = schema.get("type") in ("object", "array") or "properties" in schema
    return int(nests) + max((_depth(item) for item in inner), default=0)
