"""`CaseSession`: the tools of one BFCL case after another; in conversations they run in the tools' process."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from toolgym.envs.bfcl.multi_turn import ToolsProcess
from toolgym.mcp.arguments import refuse, unknown_tool
from toolgym.mcp.session import ForkKind, ToolSession, ToolSpec
from toolgym.messages import ToolCall
from toolgym.trajectory import ToolResult
from toolgym.world import Diff

__all__ = ["CaseSession", "Opening", "specs"]


@dataclass(frozen=True)
class Opening:
    """How a case begins."""

    tools: tuple[ToolSpec, ...]
    added: Mapping[int, tuple[ToolSpec, ...]] = field(default_factory=dict)
    """Turn -> the tools that are there from then on."""
    world: Mapping[str, Any] | None = None
    """The world of a conversation's tools; None: no call is carried out."""


def specs(tools: Sequence[Mapping[str, Any]]) -> tuple[ToolSpec, ...]:
    """Tools in OpenAI's function form as a session lists them."""
    return tuple(ToolSpec(tool["name"], tool["description"], tool["parameters"]) for tool in tools)


class CaseSession(ToolSession):
    """The tools of a case, which a reset chooses. Tools that are held back are carried out all the same, as officially.

    Args:
        process: where a conversation's tools run.
    """

    fork_kind: ForkKind = "copy"

    def __init__(self, process: ToolsProcess):
        self._process = process
        self._opening = Opening(())
        self._tools: tuple[ToolSpec, ...] = ()
        self._turn = 0
        self._inner: ToolSession | None = None

    @property
    def tools(self) -> tuple[ToolSpec, ...]:
        return self._tools

    @property
    def _live(self) -> ToolSession | None:
        """The conversation's tools."""
        return None if self._opening.world is None else self._inner

    def reset(self, world_key: Opening | None = None) -> None:
        """Starts a case: an `Opening`."""
        self._opening = world_key or Opening(())
        self._tools, self._turn = self._opening.tools, 0
        if self._opening.world is not None:
            if self._inner is None:
                self._inner = self._process.session()
            self._inner.reset(dict(self._opening.world))

    def user_spoke(self, text: str) -> None:
        self._turn += 1
        self._tools += self._opening.added.get(self._turn, ())

    def call(self, call: ToolCall) -> ToolResult:
        live = self._live
        return self._noted(call) if live is None else live.call(call)

    async def call_async(self, call: ToolCall) -> ToolResult:
        live = self._live
        return self._noted(call) if live is None else await live.call_async(call)

    def _noted(self, call: ToolCall) -> ToolResult:
        refused = refuse(call)
        if refused is not None:
            return refused
        return ToolResult("") if any(tool.name == call.name for tool in self._tools) else unknown_tool(call.name)

    def fork(self) -> "CaseSession":
        twin = CaseSession(self._process)
        twin._opening, twin._tools, twin._turn = self._opening, self._tools, self._turn
        live = self._live
        twin._inner = None if live is None else live.fork()
        return twin

    def diff(self) -> Diff:
        live = self._live
        return {} if live is None else live.diff() or {}

    def state_version(self) -> int | None:
        live = self._live
        return 0 if live is None else live.state_version()

    def close(self) -> None:
        if self._inner is not None:
            inner, self._inner = self._inner, None
            inner.close()
