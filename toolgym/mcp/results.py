"""What an answer on the wire means: its `ToolResult`, and whose fault a failure was."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, get_args

from jsonschema import SchemaError
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, CallToolResult
from referencing import Registry
from referencing.exceptions import Unresolvable

from toolgym import _json
from toolgym.errors import InfraError
from toolgym.mcp.connection import finite
from toolgym.mcp.content import Block, content_text, kept_content, raw_answer
from toolgym.mcp.session import ToolSpec
from toolgym.messages import ToolCall
from toolgym.trajectory import CallOutcome, ToolResult

__all__ = ["classify", "refused_request", "result_of", "to_result"]

_OUTCOMES: tuple[CallOutcome, ...] = get_args(CallOutcome)

_PATTERNS = frozenset({"pattern", "patternProperties", "propertyNames"})
"""Keywords with regular expressions in them: a foreign one may take for ever on a short string."""


def classify(tools: Iterable[ToolSpec], call: ToolCall) -> CallOutcome:
    """Why a call failed at a server that does not say: the name, the arguments by the schema, or else the tool."""
    spec = next((tool for tool in tools if tool.name == call.name), None)
    if spec is None:
        return "unknown_tool"
    try:
        valid = _validator(_json.dumps(spec.input_schema)).is_valid(call.arguments)
    except (SchemaError, Unresolvable, RecursionError, ValueError, TypeError, AttributeError):
        return "tool_error"  # no schema that could tell
    except BaseException as error:  # recursion without end, where it meets the Rust beneath jsonschema
        if type(error).__name__ != "PanicException":
            raise
        return "tool_error"
    return "tool_error" if valid else "invalid_arguments"


def to_result(
    tools: Iterable[ToolSpec], call: ToolCall, answer: CallToolResult, outcome: CallOutcome | None = None
) -> ToolResult:
    """The `ToolResult` of an MCP result; its outcome by rule where the server gave none that can be.

    Raises:
        InfraError: the answer is nested too deep.
    """
    failed = bool(answer.is_error)
    if outcome not in _OUTCOMES or (outcome == "ok") is failed:
        outcome = classify(tools, call) if failed else "ok"
    return result_of(call, *raw_answer(answer.meta), failed, outcome)


def result_of(call: ToolCall, blocks: list[Block], structured: Any, failed: bool, outcome: CallOutcome) -> ToolResult:
    """The `ToolResult` of content blocks and structured content, as JSON.

    Raises:
        InfraError: they are nested too deep.
    """
    try:
        blocks, structured = finite(blocks), finite(structured)
        text = content_text(blocks, structured)
    except (RecursionError, TypeError) as error:
        raise InfraError(f"The answer to the call of {call.name!r} is nested too deep") from error
    return ToolResult(text, structured, failed, outcome, kept_content(blocks, text))


def refused_request(tools: Iterable[ToolSpec], call: ToolCall, error: MCPError) -> ToolResult:
    """The result of a call that the server answered with a protocol error, as some do for what the policy did wrong."""
    outcome = classify(tools, call)
    if outcome == "tool_error":
        if error.error.code != INVALID_PARAMS:
            raise InfraError(f"The server failed on a call of {call.name!r}: {error}") from error
        outcome = "invalid_arguments"
    return ToolResult(error.error.message, None, True, outcome)


@lru_cache(maxsize=1024)
def _validator(schema_json: bytes) -> Validator:
    """A validator of the schema without its patterns; references to other documents are not fetched."""
    schema = _without_patterns(_json.loads(schema_json))
    kind = validator_for(schema)
    kind.check_schema(schema)
    return kind(schema, registry=Registry())


def _without_patterns(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_patterns(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    out = {}
    for key, value in schema.items():
        if key == "properties" and isinstance(value, dict):  # here the keys are names, not keywords
            out[key] = {name: _without_patterns(item) for name, item in value.items()}
        elif key not in _PATTERNS:
            out[key] = value if key in ("enum", "const", "default") else _without_patterns(value)
    return out
