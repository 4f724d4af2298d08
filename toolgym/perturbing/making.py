"""`make_tools`: the agent may write tools of its own, which run in a sandbox."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from toolgym import _json
from toolgym.mcp.session import ToolSpec
from toolgym.messages import ToolCall
from toolgym.perturbing.session import Layer, Tools
from toolgym.retrieval.made import MadeTool, RefusedError, keep_tool, read_tool, verify
from toolgym.trajectory import ToolResult

if TYPE_CHECKING:
    from toolgym.retrieval.sandbox import Sandbox

__all__ = ["MAKE_TOOL", "Making"]

_TEXT = {"type": "string"}
_PROPERTIES = {
    "name": {**_TEXT, "description": "The tool's name, and that of the function that the code defines."},
    "description": {**_TEXT, "description": "What it does, in a sentence."},
    "parameters": {"type": "object", "description": 'Name -> type: {"celsius": {"type": "number"}}.'},
    "code": {**_TEXT, "description": "Python with a function of that name that returns JSON."},
    "examples": {
        "type": "array",
        "description": "Arguments and the results that they give.",
        "items": {"type": "object", "properties": {"arguments": {"type": "object"}, "result": {}}},
    },
}
MAKE_TOOL = ToolSpec(
    "make_tool",
    "Makes a tool of a Python function, which you can call once it gives what its examples say. It computes from its "
    "arguments alone: it reaches no records, files or network.",
    {"type": "object", "properties": _PROPERTIES, "required": list(_PROPERTIES), "additionalProperties": False},
    None,
    False,
)


class Making(Layer):
    """Lists `make_tool` and the tools that were made by it, and runs them.

    Args:
        sandbox: where their code runs.
        made: tools that were made before; those whose name a tool of the episode has are left out.
        taken: the names of the episode's tools, shown or not.
        file: what gets each new tool that is verified.
    """

    __slots__ = ("_file", "_made", "_sandbox", "_taken")

    relists, blocks = True, True

    def __init__(
        self,
        sandbox: "Sandbox",
        made: Mapping[str, MadeTool] | None = None,
        taken: frozenset[str] = frozenset(),
        file: str | None = None,
    ):
        self._sandbox, self._file = sandbox, file
        self._taken = taken | {MAKE_TOOL.name}
        self._made = {name: each for name, each in (made or {}).items() if name not in self._taken}

    def listed(self, tools: Tools) -> Tools:
        return (*tools, MAKE_TOOL, *(made.spec for made in self._made.values()))

    def sent(self, call: ToolCall) -> ToolCall | ToolResult:
        if call.name == MAKE_TOOL.name:
            return self._make(call)
        made = self._made.get(call.name)
        return call if made is None else self._run(made, call)

    def _make(self, call: ToolCall) -> ToolResult:
        try:
            made = read_tool(call.arguments)
            if made.name in self._taken or made.name in self._made:
                raise RefusedError(f"name: there is a tool {made.name} already")
        except RefusedError as problem:
            return ToolResult(f"Invalid arguments for make_tool: {problem}.", None, True, "invalid_arguments")
        try:
            verify(made, self._sandbox)
        except RefusedError as problem:
            return ToolResult(f"The tool was not made: {problem}.", None, True, "tool_error")
        if self._file is not None:
            keep_tool(made, self._file)
        self._made[made.name] = made
        told = {"made": made.name}
        return ToolResult(_json.dumps(told).decode(), told)

    def _run(self, made: MadeTool, call: ToolCall) -> ToolResult:
        problem = made.problem(call.arguments)
        if problem is not None:
            return ToolResult(f"Invalid arguments for {made.name}: {problem}.", None, True, "invalid_arguments")
        ran = self._sandbox.run(made.code, made.name, call.arguments)
        if ran.error is not None:
            return ToolResult(f"{made.name} failed: {ran.error}", None, True, "tool_error")
        told = {"result": ran.value}
        return ToolResult(_json.dumps(told).decode(), told)

    def close(self) -> None:
        self._sandbox.close()

    def fork(self) -> "Making":
        twin = object.__new__(Making)
        twin._sandbox, twin._file, twin._taken, twin._made = self._sandbox, self._file, self._taken, self._made.copy()
        return twin
