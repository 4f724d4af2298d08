"""`graph`: a policy that is not asked where a `ToolGraph` is sure of the next calls.

The graph never opens an episode or answers the user: what is asked for is the policy's to understand. It takes over
after a turn with calls, as long as nothing was said and nothing failed. The policy then reads the turn and its results
as part of the conversation, so its context holds the episode as it was played.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from toolgym.agents.memory.flow import Seen
from toolgym.agents.memory.graph import START, GraphOptions, Proposal, ToolGraph, node_of
from toolgym.agents.memory.learning import request_of
from toolgym.agents.memory.records import Memory
from toolgym.agents.memory.worn import Tally, Worn, said_turn
from toolgym.agents.policies.policy import Completion, Policy
from toolgym.messages import ToolCall, Turn, parse, render
from toolgym.world import canonical

if TYPE_CHECKING:
    from toolgym.env import ToolEnv

__all__ = ["GraphPolicy"]


@dataclass
class _State:
    """An episode as the graph sees it."""

    cases: frozenset[int] | None
    readers: frozenset[str]
    """Tools that are known not to write."""
    tools: frozenset[str]
    seen: Seen = field(default_factory=Seen)
    nodes: list[str] = field(default_factory=lambda: [START])
    made: set[bytes] = field(default_factory=set)
    """Calls that were made since the world last changed."""
    calls: tuple[ToolCall, ...] = ()
    """Of the latest turn."""
    format: str = "toolgym"
    """In which the policy writes."""
    proposal: Proposal | None = None
    unread: list[dict[str, Any]] = field(default_factory=list)
    """Messages that the policy has not been told yet: those of turns that it was not asked for."""
    unread_text: list[str] = field(default_factory=list)


class GraphPolicy(Worn):
    """A policy whose next calls a graph may propose in its place."""

    name = "graph"

    def __init__(self, inner: Policy, memory: Memory, options: GraphOptions | None = None):
        super().__init__(inner, memory)
        self.graph = ToolGraph(memory, options)
        self._states: dict[int, _State] = {}

    def _open(self, slot: int, observation: str, info: dict[str, Any], env: "ToolEnv | None") -> list[int]:
        session = getattr(getattr(env, "unwrapped", env), "session", None)
        self._states[slot] = _State(
            cases=self.graph.similar(request_of(observation)),
            readers=frozenset(tool.name for tool in getattr(session, "tools", ()) if tool.writes is False),
            tools=_names(info),
        )
        self._episodes[slot].notes["proposed"] = []
        return super()._open(slot, observation, info, env)

    def observe(self, slot: int, observation: str, info: dict[str, Any]) -> list[int]:
        """Proposes the next turn and keeps what was said for later, or tells the policy all that it has not read."""
        state = self._states[slot]
        state.unread += info.get("messages") or [{"role": "user", "content": observation}]
        state.unread_text.append(observation)
        state.tools = _names(info) or state.tools
        state.proposal = self._proposal(state, info)
        if state.proposal is not None:
            turn = Turn(calls=state.proposal.calls)
            text = render(turn, state.format)
            state.unread.append(said_turn(text, turn.calls, len(state.nodes)))
            state.unread_text.append(text)
            return []
        messages, text = state.unread, "\n".join(state.unread_text)
        state.unread, state.unread_text = [], []
        return self._tell(slot, text, {**info, "messages": messages})

    def end(self, slot: int) -> None:
        """Frees the slot."""
        self._states.pop(slot, None)
        super().end(slot)

    def _own_turn(self, slot: int) -> Completion | None:
        state = self._states[slot]
        if state.proposal is None:
            return None
        proposal, state.proposal = state.proposal, None
        episode = self._episodes[slot]
        episode.tally.add(Tally(own=1))
        episode.notes["proposed"].append(
            {
                "turn": episode.tally.asked + episode.tally.own - 1,
                "calls": [{"name": call.name, "arguments": call.arguments} for call in proposal.calls],
                "confidence": proposal.confidence,
                "flow": proposal.flow,
            }
        )
        state.calls = proposal.calls
        return Completion(render(Turn(calls=proposal.calls), state.format), usage=(0, 0))

    def _heard(self, slot: int, completion: Completion) -> Completion:
        turn = parse(completion.text) if completion.stop == "end_of_turn" else Turn()
        state = self._states[slot]
        state.calls, state.format = turn.calls, turn.format
        return completion

    def _proposal(self, state: _State, info: dict[str, Any]) -> Proposal | None:
        """What follows the turn that was answered, if the graph is sure and nobody has spoken."""
        told, messages = info.get("calls") or [], info.get("messages") or []
        results = [message for message in messages if message.get("role") == "tool"]
        failed = any(each["outcome"] != "ok" for each in told)
        self._remember(state, results, told)
        if not state.calls:
            state.nodes = [START]
            return None
        state.nodes.append(node_of([call.name for call in state.calls], failed=failed))
        if failed or not len(told) == len(messages) == len(results) == len(state.calls):
            return None
        may = state.tools if self.graph.options.writes else state.tools & state.readers
        proposal = self.graph.propose(state.nodes, state.seen, may, state.cases)
        if proposal is None:
            return None
        new = tuple(call for call in proposal.calls if _key(call) not in state.made)
        return Proposal(new, proposal.confidence, proposal.flow) if new else None

    def _remember(self, state: _State, results: list[dict[str, Any]], told: list[dict[str, Any]]) -> None:
        """Adds the latest turn's calls that succeeded to what was seen."""
        for call, message, how in zip(state.calls, results, told, strict=False):
            if how["outcome"] == "ok":
                if call.name not in state.readers:
                    state.made.clear()
                state.made.add(_key(call))
                state.seen.add(call, str(message.get("content") or ""))


def _names(info: dict[str, Any]) -> frozenset[str]:
    return frozenset(tool["function"]["name"] for tool in info.get("tools") or ())


def _key(call: ToolCall) -> bytes:
    return canonical([call.name, call.arguments])
