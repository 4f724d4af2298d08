"""`BoundTool`: a world tool with its argument validator and result serialiser compiled once.

Every transport runs this same code; the wire only carries the `ToolResult` that comes out.
"""

import inspect
import logging
from collections.abc import Callable
from typing import Any, get_args, get_type_hints

import orjson
from fastmcp.exceptions import ToolError
from fastmcp.tools.function_tool import FunctionTool
from fastmcp.utilities.json_schema import dereference_refs
from fastmcp.utilities.types import get_cached_typeadapter
from pydantic import ValidationError
from pydantic_core import from_json, to_json

from toolgym.errors import ConfigError, did_you_mean
from toolgym.mcp.plain import plain_signature
from toolgym.mcp.session import Role, ToolSpec
from toolgym.trajectory import ToolResult
from toolgym.world import World, copy_json

__all__ = ["BoundTool", "HalfDoneError", "ToolError", "tidy_schema"]

logger = logging.getLogger(__name__)

_PLAIN_JSON = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS
_MAX_PROBLEMS = 10
_MAX_PATH = 100


class HalfDoneError(ToolError):
    """A tool's failure that keeps what it wrote before: for reproducing a server that leaves things half done."""


class BoundTool:
    """One tool of a `ToolServer`.

    Args:
        fn: a function whose first parameter takes the `World`; the others are the tool's arguments.
        writes: whether it may change the world. A writing tool that raises leaves the world as it was, unless what it
            raises is a `HalfDoneError`.
        blocking: whether it may take long, so that a server should run it in a thread.
        name: the tool's name; the function's by default.
        role: whose tool it is: the agent's, or the user's.

    Raises:
        ConfigError: `fn` is async, its first parameter cannot take a world, or there is no such role.
    """

    __slots__ = (
        *("_copies", "_plain", "_validate", "_wraps", "blocking", "description", "fn", "name", "output", "parameters"),
        *("role", "spec", "writes"),
    )

    def __init__(
        self,
        fn: Callable[..., Any],
        writes: bool,
        blocking: bool = False,
        name: str | None = None,
        role: Role = "agent",
    ):
        if role not in get_args(Role):
            raise ConfigError(did_you_mean(str(role), get_args(Role), "role"))
        self.role: Role = role
        public = _without_world(fn)
        self.fn, self.writes, self.blocking, self.name = fn, writes, blocking, name or public.__name__
        self._validate: Callable[[Any], Any]
        plain = plain_signature(public, self.name)
        if plain is not None:
            self.description, self.parameters, self.output = public.__doc__, plain.parameters, plain.output
            self._plain, self._validate = plain, self._first
            parameters, output = self.parameters, self.output
        else:
            tool = FunctionTool.from_function(public, name=self.name)
            self.description, self.parameters, self.output = tool.description, tool.parameters, tool.output_schema
            self._plain, self._validate = None, get_cached_typeadapter(public).validator.validate_python
            parameters = dereference_refs(self.parameters)
            output = None if self.output is None else dereference_refs(self.output)
        self.spec = ToolSpec(
            self.name,
            self.description or "",
            tidy_schema(parameters),
            None if output is None else tidy_schema(output),
            writes,
        )
        self._wraps = bool(self.output and self.output.get("x-fastmcp-wrap-result"))
        # An argument object that the tool keeps would tie the world to the caller's data.
        properties = self.parameters.get("properties", {}).values()
        self._copies = any(
            schema.get("type") not in {"string", "integer", "number", "boolean"} for schema in properties
        )

    def _first(self, arguments: Any) -> Any:
        """Makes the validator, which a tool that is never called does without, and validates."""
        assert self._plain is not None
        self._validate = self._plain.validator()
        return self._validate(arguments)

    @property
    def wraps(self) -> bool:
        """Whether the structured content is `{"result": value}`, as for a tool that returns no object."""
        return self._wraps

    def run(self, world: World, arguments: dict[str, Any]) -> tuple[ToolResult, World]:
        """Validates, runs and serialises; never raises for what the tool or its arguments do.

        Returns:
            The result, and the world afterwards: `world` itself, or its state before the call where a write failed.
        """
        before = None
        try:
            args, kwargs = self._validate(copy_json(arguments) if self._copies else arguments)
        except ValidationError as error:
            return self._invalid(error), world
        except Exception:
            return self._crashed(), world
        if self.writes:
            before = world.fork()
        try:
            return self._pack(self.fn(world, *args, **kwargs)), world
        except ToolError as error:
            text = str(error).encode(errors="replace").decode()
            result = ToolResult(text, None, True, "tool_error")
            if isinstance(error, HalfDoneError):
                return result, world
        except Exception:
            result = self._crashed()
        except BaseException:  # an interrupt of the caller
            if before is not None:
                world.become(before)
            raise
        return result, world if before is None else before

    def _pack(self, value: Any) -> ToolResult:
        """The value as text and as structured content, by FastMCP's rules."""
        if type(value) is str:
            value.encode()  # a lone surrogate is a crash of the tool, here as on the wire
            return ToolResult(value, {"result": value} if self._wraps else None)
        if value is None:
            return ToolResult("", {"result": None} if self._wraps else None)
        # Read back, so that the caller gets what the wire gives and shares nothing with the world.
        try:
            data = orjson.dumps(value, option=_PLAIN_JSON)
            if (data[:1] == b"{") is not self._wraps:
                return ToolResult.of_json(data.decode())
            structured = orjson.loads(data)
        except TypeError:  # among them integers beyond 64 bits, which orjson would read as floats
            data = to_json(value, inf_nan_mode="null")
            structured = from_json(data)
        if self._wraps:
            structured = {"result": structured}
        return ToolResult(data.decode(), structured if type(structured) is dict else None)

    def _invalid(self, error: ValidationError) -> ToolResult:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        lines = []
        for problem in problems[:_MAX_PROBLEMS]:
            path = ".".join(str(part) for part in problem["loc"])
            lines.append(f"{path[:_MAX_PATH]}: {problem['msg']}" if path else problem["msg"])
        if len(problems) > _MAX_PROBLEMS:
            lines.append(f"and {len(problems) - _MAX_PROBLEMS} more")
        text = f"Invalid arguments for {self.name}: {'; '.join(lines)}."
        return ToolResult(text.encode(errors="replace").decode(), None, True, "invalid_arguments")

    def _crashed(self) -> ToolResult:
        logger.exception("tool %r raised", self.name)
        return ToolResult(f"Error calling tool {self.name!r}", None, True, "tool_error")


def tidy_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with its top-level keys in one order, since transports reorder them."""
    first = [key for key in ("type", "properties", "required") if key in schema]
    return {key: schema[key] for key in [*first, *sorted(set(schema) - set(first))]}


def _without_world(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A function with `fn`'s signature less its first parameter, which returns the arguments that it was given."""
    label = getattr(fn, "__name__", repr(fn))
    if inspect.iscoroutinefunction(fn) or inspect.isasyncgenfunction(fn):
        raise ConfigError(f"Tool {label} is async; a world tool must be a plain function (use blocking=True if slow).")
    signature = inspect.signature(fn)
    hints = get_type_hints(fn, include_extras=True)
    first, *rest = signature.parameters.values() or (None,)
    if first is None or (first.name != "world" and hints.get(first.name) is not World):
        raise ConfigError(f"Tool {label} must take the world as its first parameter: def {label}(world: World, ...).")

    def collect(*args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return args, kwargs

    result = hints.pop("return", signature.return_annotation)
    if result is type(None):
        result = None  # as written: FastMCP gives such a tool no output schema
    hints.pop(first.name, None)
    parameters = [parameter.replace(annotation=hints.get(parameter.name, Any)) for parameter in rest]
    collect.__name__, collect.__qualname__, collect.__doc__ = label, label, fn.__doc__
    collect.__module__ = fn.__module__
    collect.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    if result is not inspect.Signature.empty:
        collect.__annotations__["return"] = result
    collect.__signature__ = signature.replace(parameters=parameters, return_annotation=result)  # pyright: ignore
    return collect
