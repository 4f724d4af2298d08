"""`tools`: the agent is shown some of the tools, and may look for others."""

from collections.abc import Iterable

from toolgym import _json
from toolgym.mcp.arguments import unknown_tool
from toolgym.mcp.session import ToolSpec
from toolgym.messages import ToolCall
from toolgym.perturbing.session import Layer, Tools
from toolgym.retrieval.index import Query, ToolIndex
from toolgym.retrieval.options import Shown
from toolgym.trajectory import ToolResult

__all__ = ["FIND_TOOLS", "Retrieving", "Showing"]

FIND_TOOLS = ToolSpec(
    "find_tools",
    "Finds more tools, which you can call from then on. There are many that you are not shown.",
    {
        "type": "object",
        "properties": {"query": {"type": "string", "description": "What the tools should do, in a few words."}},
        "required": ["query"],
        "additionalProperties": False,
    },
    None,
    False,
)
_CONTEXT = 0.1
"""How much the conversation so far counts beside what is looked for now."""


class Showing(Layer):
    """Lists only some of the tools; the others are unknown to the agent.

    Args:
        names: of those that are shown from the beginning, in the order in which they are.
    """

    __slots__ = ("_shown",)

    def __init__(self, names: Iterable[str] = ()):
        self._shown: dict[str, None] = dict.fromkeys(names)

    def listed(self, tools: Tools) -> Tools:
        by_name = {tool.name: tool for tool in tools}
        return tuple(by_name[name] for name in self._shown if name in by_name)

    def sent(self, call: ToolCall) -> ToolCall | ToolResult:
        return call if call.name in self._shown else unknown_tool(call.name)


class Retrieving(Showing):
    """Lists what is found for the user's words, and `find_tools`, by which the agent finds more.

    What was found stays, and a search finds tools that are not shown yet. It looks for the latest words; what the user
    said before, and the tools that were called successfully, count a tenth beside them: they move what is found.

    Args:
        index: over all tools; it may hold more.
        options: how is searched.
    """

    __slots__ = ("_called", "_index", "_offered", "_options", "_said")

    relists = True

    def __init__(self, index: ToolIndex, options: Shown):
        super().__init__()
        self._index, self._options = index, options
        self._offered: frozenset[str] = frozenset()
        self._said: tuple[str, ...] = ()
        self._called: dict[str, None] = {}

    def listed(self, tools: Tools) -> Tools:
        self._offered = frozenset(tool.name for tool in tools)
        return (FIND_TOOLS, *super().listed(tools))

    def hear(self, text: str) -> None:
        self._find(text)
        self._said += (text,)

    def sent(self, call: ToolCall) -> ToolCall | ToolResult:
        if call.name != FIND_TOOLS.name:
            return super().sent(call)
        query = call.arguments.get("query")
        if not isinstance(query, str) or len(call.arguments) > 1:
            text = "Invalid arguments for find_tools: it takes one text, query."
            return ToolResult(text, None, True, "invalid_arguments")
        told = {"found": self._find(query)}
        return ToolResult(_json.dumps(told).decode(), told)

    def heard(self, call: ToolCall, result: ToolResult) -> ToolResult:
        if not result.is_error:
            self._called.setdefault(call.name)
        return result

    def _find(self, text: str) -> int:
        """Shows what is found for a text: of how many tools."""
        before = (Query(" ".join(self._said), _CONTEXT), Query(" ".join(self._called), _CONTEXT))
        hidden, options = self._offered - self._shown.keys(), self._options
        names = self._index.search([Query(text)], options.k, hidden, options.feeders, before)
        self._shown |= dict.fromkeys(names)
        return len(names)

    def fork(self) -> "Retrieving":
        twin = object.__new__(Retrieving)
        twin._index, twin._options, twin._offered = self._index, self._options, self._offered
        twin._shown, twin._said, twin._called = self._shown.copy(), self._said, self._called.copy()
        return twin
