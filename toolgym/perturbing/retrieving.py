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

    Where the server changes its tools, the episode goes on with an index of its own that only the changed ones are read
    into anew; new ones that the user's latest words find are shown.

    Args:
        index: over all tools; it may hold more.
        options: how is searched.
    """

    __slots__ = ("_called", "_index", "_listed", "_offered", "_options", "_said")

    relists = True

    def __init__(self, index: ToolIndex, options: Shown):
        super().__init__()
        self._index, self._options = index, options
        self._listed: Tools = ()
        self._offered: frozenset[str] = frozenset()
        self._said: tuple[str, ...] = ()
        self._called: dict[str, None] = {}

    def listed(self, tools: Tools) -> Tools:
        before, self._listed = self._listed, tools
        offered, self._offered = self._offered, frozenset(tool.name for tool in tools)
        if before and tools is not before:
            self._follow(offered)
        return (FIND_TOOLS, *super().listed(tools))

    def _follow(self, before: frozenset[str]) -> None:
        """Goes over to the tools that there are now, where others were there before."""
        kept = {name: tool for name, tool in self._index.tools.items() if name not in before}  # of no server's
        index = self._index.copy()
        if not index.sync((*kept.values(), *self._listed)):
            return
        self._index = index
        new = self._offered - before
        if new and self._said:
            query, beside = Query(self._said[-1]), self._beside(self._said[:-1])
            found = index.search([query], self._options.k, self._offered, self._options.feeders, beside)
            self._shown |= dict.fromkeys(name for name in found if name in new)

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
        hidden, options = self._offered - self._shown.keys(), self._options
        names = self._index.search([Query(text)], options.k, hidden, options.feeders, self._beside(self._said))
        self._shown |= dict.fromkeys(names)
        return len(names)

    def _beside(self, said: tuple[str, ...]) -> tuple[Query, Query]:
        """What the conversation so far adds to a search."""
        return Query(" ".join(said), _CONTEXT), Query(" ".join(self._called), _CONTEXT)

    def fork(self) -> "Retrieving":
        twin = object.__new__(Retrieving)
        twin._index, twin._options = self._index, self._options
        twin._listed, twin._offered = self._listed, self._offered
        twin._shown, twin._said, twin._called = self._shown.copy(), self._said, self._called.copy()
        return twin
