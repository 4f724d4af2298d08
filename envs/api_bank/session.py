"""API-Bank's tools in an episode: each call is run, and compared with the gold calls as the benchmark does."""

import json
from collections.abc import Mapping
from typing import Any

from toolgym.envs.api_bank.samples import Sample
from toolgym.envs.api_bank.verdicts import judged, recorded
from toolgym.envs.calls.session import as_diff
from toolgym.errors import TaskError
from toolgym.mcp.inprocess import InProcessSession
from toolgym.mcp.session import ForkKind, ToolSession, ToolSpec
from toolgym.mcp_servers.api_bank import TOOLS
from toolgym.mcp_servers.api_bank.calling import run
from toolgym.messages import ToolCall
from toolgym.trajectory import ToolResult
from toolgym.world import Diff, World, copy_json

__all__ = ["ApiBankSession", "as_given", "is_right"]

_NOTED = "The call is taken down."


def as_given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments as the official tool manager expects them: a bool is a word."""
    return {name: str(value) if isinstance(value, bool) else copy_json(value) for name, value in arguments.items()}


def is_right(call: ToolCall, gold: Mapping[str, Any], world: World, level: int) -> bool:
    """Whether a call is right, run in a world of its own; of level 3, whose tools are not run, by its parameters."""
    if call.name != gold["api_name"]:
        return False
    if level == 3:
        given = {name: str(value).strip() for name, value in call.arguments.items()}
        return given == {name: str(value).strip() for name, value in gold["param_dict"].items()}
    try:
        name, wanted = recorded(gold)
        return judged(name, as_given(call.arguments), wanted, world).valid
    except (TaskError, KeyError, TypeError, AttributeError):
        return False


class ApiBankSession(ToolSession):
    """One episode's tools. Its state is the list of the calls that went through, the right ones as the gold's numbers.

    Args:
        inner: the tools, in a world.
        specs: what is said of each tool.
    """

    fork_kind: ForkKind = "copy"
    suspends = False

    def __init__(self, inner: InProcessSession, specs: Mapping[str, ToolSpec]):
        self._inner, self._specs = inner, specs
        self._sample: Sample | None = None
        self._listed: tuple[ToolSpec, ...] = ()
        self._made: list[dict[str, Any]] = []
        self._version = 0

    @property
    def tools(self) -> tuple[ToolSpec, ...]:
        return self._listed

    def call(self, call: ToolCall) -> ToolResult:
        sample, before = self._sample, self._inner.world
        if sample is None or sample.level == 3:
            result = ToolResult(_NOTED)
        else:
            world = before.fork()
            result = self._inner.call(call)
            before = world
        right = None if sample is None else self._right(call, sample, before)
        if right is not None and result.is_error and sample is not None:
            result = _recorded(sample.gold[right])  # of a tool that asks the network, or of values that are text
        if not result.is_error:
            self._made.append({"gold": right} if right is not None else {"call": call.name, "with": call.arguments})
            self._version += 1
        return result

    def _right(self, call: ToolCall, sample: Sample, world: World) -> int | None:
        """The number of the gold call that a call is right for and that was not made yet."""
        done = {made.get("gold") for made in self._made}
        for number, gold in enumerate(sample.gold):
            if number not in done and is_right(call, gold, world.fork(), sample.level):
                return number
        return None

    async def call_async(self, call: ToolCall) -> ToolResult:
        return self.call(call)

    def reset(self, world_key: Any = None) -> None:
        """Starts a fresh episode.

        Args:
            world_key: (the sample, the tools that it lists).
        """
        self._inner.reset()
        self._made = []
        self._version += 1
        self._sample, self._listed = world_key if world_key is not None else (None, ())
        for gold in self._sample.before if self._sample is not None else ():
            if gold["api_name"] in TOOLS:
                run_quietly(self._inner.world, gold)

    def fork(self) -> "ApiBankSession":
        twin = object.__new__(ApiBankSession)
        twin._inner, twin._specs, twin._sample = self._inner.fork(), self._specs, self._sample
        twin._listed, twin._made, twin._version = self._listed, self._made.copy(), self._version
        return twin

    def diff(self) -> Diff:
        return as_diff(copy_json(self._made))

    def state_version(self) -> int:
        return self._version

    def close(self) -> None:
        """Does nothing: an episode holds no more than its world."""


def _recorded(gold: Mapping[str, Any]) -> ToolResult:
    """What is recorded of a gold call."""
    output = gold["result"]["exception"] or gold["result"]["output"]
    return ToolResult(output if isinstance(output, str) else json.dumps(output, ensure_ascii=False))


def run_quietly(world: World, gold: Mapping[str, Any]) -> None:
    """Makes a call of a dialogue, whatever comes of it."""
    try:
        run(gold["api_name"], TOOLS[gold["api_name"]], world, gold["result"]["input"] or {})
    except TaskError:
        return
