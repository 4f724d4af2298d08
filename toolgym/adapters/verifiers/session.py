"""`VerifiersSession`: an episode of a taskset of verifiers', its tools as ours and its user as ours."""

import asyncio
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from toolgym.errors import ConfigError, ForkUnsupportedError, InfraError, ServerDiedError
from toolgym.mcp import loop
from toolgym.mcp.arguments import refuse, unknown_tool
from toolgym.mcp.session import ToolSession, ToolSpec
from toolgym.messages import ToolCall
from toolgym.tasks import Task
from toolgym.trajectory import Step, ToolResult
from toolgym.users import User, UserReply
from toolgym.world import Diff

if TYPE_CHECKING:
    from toolgym.adapters.verifiers.engine import Engine, Running

__all__ = ["TheirUser", "VerifiersSession", "ended"]

REPORTED = "verifiers"
"""Key of the `_meta` of a result's last block under which what came of an episode is kept."""
_OPEN = ToolSpec("open", "Opens the conversation.", {"type": "object", "properties": {}})
_SAY = ToolSpec("say", "Hears the agent's response.", {"type": "object", "properties": {"text": {"type": "string"}}})
_OVER = "The episode is over: nothing can be done in it any more. Respond to the user."


class VerifiersSession(ToolSession):
    """An episode that verifiers runs. A call is a message of the assistant's of its own, and so is a response.

    The user (`TheirUser`) has tools of its own: `open` gives what the episode begins with, `say` what is answered to a
    response, with `done` and, at the end, the rewards.

    Args:
        engine: runs the episodes.
        timeout_s: for one call, and for the start.
    """

    suspends = True

    def __init__(self, engine: "Engine", timeout_s: float):
        self._engine, self._timeout_s = engine, timeout_s
        self._running: Running | None = None
        self._opening = ""
        self._calls = 0

    @property
    def tools(self) -> tuple[ToolSpec, ...]:
        if self._engine.tools is None:  # nobody knows them before an episode has asked its model
            self.reset({"index": 0})
        return self._engine.tools or ()

    @property
    def user_tools(self) -> tuple[ToolSpec, ...]:
        return (_OPEN, _SAY)

    def reset(self, world_key: Any = None) -> None:
        """Starts the episode of a task: `{"index": i}`.

        Raises:
            InfraError: it ended before its model was asked anything.
        """
        loop.run(self._reset(world_key["index"]))

    async def _reset(self, index: int) -> None:
        await self._stop()
        self._calls = 0
        self._running = await self._engine.begin(index, self._timeout_s)
        first = await self._running.next()
        if first is None:
            result = self._running.result()
            self._running = None
            raise InfraError(f"The episode ended before its model was asked anything ({result['stop']})")
        tools = tuple(_spec(tool["function"]) for tool in first.get("tools") or () if "function" in tool)
        if self._engine.tools is None:
            self._engine.tools = tools
        elif tools != self._engine.tools:
            await self._stop()
            raise ConfigError(f"The tools of task {index} are others than those of the first one; it cannot be played")
        self._opening = "\n\n".join(text for message in first["messages"] if (text := _text(message)))

    def call(self, call: ToolCall) -> ToolResult:
        return loop.run(self._call(call))

    async def call_async(self, call: ToolCall) -> ToolResult:
        return await asyncio.wrap_future(loop.submit(self._call(call)))

    async def _call(self, call: ToolCall) -> ToolResult:
        refused = refuse(call)
        if refused is not None:
            return refused
        if all(tool.name != call.name for tool in self.tools):
            return unknown_tool(call.name)
        if self._running is None:
            return ToolResult(_OVER, None, True, "tool_error")
        self._calls += 1
        id = f"call_{self._calls}"
        function = {"name": call.name, "arguments": json.dumps(call.arguments)}
        listed = [{"id": id, "type": "function", "function": function}]
        new, result = await self._said({"role": "assistant", "content": None, "tool_calls": listed})
        text = "\n".join(_text(message) for message in new)
        meta = {} if result is None else {"_meta": {REPORTED: result}}
        return ToolResult(text or _OVER, None, False, "ok", ({"type": "text", "text": text or _OVER, **meta},))

    def call_as_user(self, call: ToolCall) -> ToolResult:
        return loop.run(self._heard(call))

    async def call_as_user_async(self, call: ToolCall) -> ToolResult:
        return await asyncio.wrap_future(loop.submit(self._heard(call)))

    async def _heard(self, call: ToolCall) -> ToolResult:
        if call.name == _OPEN.name:
            return ToolResult(self._opening, {"done": False})
        if call.name != _SAY.name:
            return unknown_tool(call.name)
        if self._running is None:  # it ended with a call
            return ToolResult("", {"done": True})
        new, result = await self._said({"role": "assistant", "content": call.arguments.get("text", "")})
        text = "\n".join(_text(message) for message in new)
        return ToolResult(text, {"done": result is not None, **({} if result is None else {REPORTED: result})})

    async def _said(self, message: dict[str, Any]) -> tuple[list[Mapping[str, Any]], dict[str, Any] | None]:
        """What came after a message, and what came of the episode, where it is over.

        Raises:
            InfraError: it failed.
        """
        running = self._running
        if running is None:
            raise ServerDiedError("The episode is gone: reset the environment")
        asked = await running.say(message)
        if asked is None:
            self._running = None
            return [], running.result()
        messages = asked["messages"]
        last = max((n for n, each in enumerate(messages) if each.get("role") == "assistant"), default=-1)
        return messages[last + 1 :], None

    async def _stop(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            await running.stop()

    def fork(self) -> "VerifiersSession":
        raise ForkUnsupportedError("An episode that verifiers runs cannot be forked: its harness has no such thing")

    def diff(self) -> Diff | None:
        return None

    def close(self) -> None:
        loop.run(self._stop())


class TheirUser(User):
    """Says what verifiers' episode says, from its first message on."""

    suspends = True

    def start(self, task: Task) -> str:
        assert self.tools is not None
        return self.tools.call(_OPEN.name).text

    def reply(self, response: str) -> UserReply:
        assert self.tools is not None
        result = self.tools.call(_SAY.name, {"text": response})
        return UserReply(result.text or None, bool((result.structured or {}).get("done")))

    def fork(self) -> "TheirUser":
        return TheirUser()


def ended(step: Step) -> dict[str, Any] | None:
    """What came of an episode, where it ended with this step."""
    for result in step.results:
        for block in result.content or ():
            if (told := (block.get("_meta") or {}).get(REPORTED)) is not None:
                return told
    for act in step.user_acts:
        if isinstance(act.result.structured, dict) and REPORTED in act.result.structured:
            return act.result.structured[REPORTED]
    return None


def _spec(function: Mapping[str, Any]) -> ToolSpec:
    schema = function.get("parameters") or {"type": "object", "properties": {}}
    return ToolSpec(str(function.get("name")), str(function.get("description") or ""), dict(schema))


def _text(message: Mapping[str, Any]) -> str:
    """A message's text; what is no text is named."""
    content = message.get("content")
    if isinstance(content, list):
        return "\n".join(str(part.get("text", f"[{part.get('type')}]")) for part in content)
    return str(content or "")
