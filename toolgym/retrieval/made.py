"""Tools that an agent made: read, verified on their examples, and kept in a file (LATM, Cai and others, 2023)."""

import ast
import keyword
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolgym import _json, _strict_json
from toolgym._files import append_line
from toolgym.errors import ConfigError
from toolgym.mcp.session import ToolSpec
from toolgym.world import canonical

if TYPE_CHECKING:  # it knows how servers are reached, which takes its time
    from toolgym.retrieval.sandbox import Sandbox

__all__ = ["MadeTool", "RefusedError", "keep_tool", "kept_tools", "read_tool", "verify"]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}
_MOST_CODE, _MOST_EXAMPLES = 20_000, 20
_FIELDS = ("name", "description", "parameters", "code", "examples")


class RefusedError(ValueError):
    """What was given makes no tool; the message is for the agent."""


@dataclass(frozen=True)
class MadeTool:
    """A tool that an agent made: a pure function of its arguments."""

    name: str
    """Of the tool, and of the function that the code defines."""
    description: str
    parameters: dict[str, dict[str, str]]
    """Name -> `type` (one of JSON's) and, where it is told, `description`. All of them are required."""
    code: str
    """Python that needs nothing but its standard library."""
    examples: tuple[dict[str, Any], ...]
    """`arguments`, and the `result` that they give."""

    @property
    def spec(self) -> ToolSpec:
        """How it is listed."""
        properties = {name: dict(told) for name, told in self.parameters.items()}
        required = list(properties)
        schema = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
        return ToolSpec(self.name, self.description, schema, None, False)

    def problem(self, arguments: Mapping[str, Any]) -> str | None:
        """What is wrong with arguments; None where nothing is."""
        for name, told in self.parameters.items():
            if name not in arguments:
                return f"{name} is missing"
            value = arguments[name]
            if not isinstance(value, _TYPES[told["type"]]) or (isinstance(value, bool) and told["type"] != "boolean"):
                return f"{name} must be of type {told['type']}"
        unknown = next((name for name in arguments if name not in self.parameters), None)
        return None if unknown is None else f"there is no {unknown}"


def read_tool(told: Mapping[str, Any]) -> MadeTool:
    """A tool as an agent describes it. Its code is read and not run.

    Raises:
        RefusedError: it says what is wrong.
    """
    if sorted(told) != sorted(_FIELDS):
        raise RefusedError(f"it takes {', '.join(_FIELDS)}, all of them")
    name, description, code = (told[field] for field in ("name", "description", "code"))
    if not isinstance(name, str) or not _NAME.fullmatch(name) or keyword.iskeyword(name):
        raise RefusedError("name: a function's name in small letters, digits and _, at most 64")
    if not isinstance(description, str) or not description.strip() or len(description) > 1000:
        raise RefusedError("description: a sentence, at most 1000 characters")
    parameters = _parameters(told["parameters"])
    if not isinstance(code, str) or len(code) > _MOST_CODE or not _defines(code, name):
        raise RefusedError(f"code: Python that defines the function {name}, at most {_MOST_CODE} characters")
    examples = told["examples"]
    if not isinstance(examples, list | tuple) or not 1 <= len(examples) <= _MOST_EXAMPLES:
        raise RefusedError(f"examples: a list of 1 to {_MOST_EXAMPLES}")
    made = MadeTool(name, description, parameters, code, tuple(examples))
    for number, example in enumerate(examples, 1):
        if not isinstance(example, dict) or sorted(example) != ["arguments", "result"]:
            raise RefusedError(f"examples: number {number} must be an object with arguments and result")
        arguments = example["arguments"]
        wrong = made.problem(arguments) if isinstance(arguments, dict) else "arguments must be an object"
        if wrong is not None:
            raise RefusedError(f"examples: number {number}: {wrong}")
    return made


def _parameters(told: Any) -> dict[str, dict[str, str]]:
    if not isinstance(told, dict):
        raise RefusedError('parameters: an object, such as {"celsius": {"type": "number"}}')
    for name, about in told.items():
        fits = isinstance(about, dict) and set(about) <= {"type", "description"} and about.get("type") in list(_TYPES)
        if not name.isidentifier() or keyword.iskeyword(name) or not fits:
            raise RefusedError(
                f"parameters: {name[:64]!r} needs a type ({', '.join(_TYPES)}), and may have a description"
            )
        if not isinstance(about.get("description", ""), str):
            raise RefusedError(f"parameters: the description of {name[:64]!r} is text")
    return {name: dict(about) for name, about in told.items()}


def _defines(code: str, name: str) -> bool:
    """Whether code is Python with a function of that name at its top."""
    try:
        body = ast.parse(code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(isinstance(node, ast.FunctionDef) and node.name == name for node in body)


def verify(made: MadeTool, sandbox: "Sandbox") -> None:
    """Runs a tool's examples.

    Raises:
        RefusedError: one of them gives something else.
        InfraError: the sandbox failed.
    """
    for number, example in enumerate(made.examples, 1):
        ran = sandbox.run(made.code, made.name, example["arguments"])
        if ran.error is not None:
            raise RefusedError(f"example {number} fails: {ran.error}")
        if canonical(ran.value) != canonical(example["result"]):
            raise RefusedError(f"example {number} gives {_json.dumps(ran.value).decode():.300}")


def keep_tool(made: MadeTool, file: str | Path) -> None:
    """Adds a verified tool to a file, a line of JSON.

    Raises:
        ConfigError: it cannot be written.
    """
    try:
        append_line(Path(file), _json.dumps(asdict(made)).decode())
    except OSError as error:
        raise ConfigError(f"The file of made tools {str(file)!r} cannot be written: {error.strerror}") from error


def kept_tools(file: str | Path) -> dict[str, MadeTool]:
    """The tools of a file by name, of two with one name the later; none where there is no file.

    Raises:
        ConfigError: a line holds no tool.
    """
    found: dict[str, MadeTool] = {}
    try:
        text = Path(file).read_text(encoding="utf-8") if Path(file).exists() else ""
    except (OSError, ValueError) as error:
        raise ConfigError(f"The file of made tools {str(file)!r} cannot be read: {error}") from error
    # Not by `splitlines`: JSON has other line ends (U+2028) within its texts.
    for number, line in enumerate(text.removesuffix("\n").split("\n") if text else (), 1):
        try:
            told = _strict_json.loads(line, half_characters=True)
            made = read_tool(told if isinstance(told, dict) else {})
        except ValueError as error:
            raise ConfigError(
                f"{str(file)!r}, line {number}, holds no made tool ({error}): delete the line, or give made_tools "
                "another file"
            ) from error
        found[made.name] = made
    return found
