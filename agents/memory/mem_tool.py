"""`mem_tool`: which tools a long conversation keeps in its context.

MemTool, "Optimizing Short-Term Memory Management for Dynamic Tool Calling in LLM Agent Multi-Turn Conversations", has
three modes, and so has this: in `autonomous` the agent begins without tools, and adds and removes them by two tools of
the wrapper's; in `workflow` each of the user's turns exchanges them for the `k` that fit it best; in `hybrid` each of
the user's turns removes those that do not fit, and the agent adds what it misses. Deviations: what fits is told by the
index of tools at scale (`toolgym.retrieval`) where the paper's workflow asks a language model to prune.

A context cannot lose what it holds, so a change of tools begins the policy's slot anew with the conversation so far:
the text of each turn, no longer the tokens that were sampled. Turns carry no token ids therefore, only how many tokens
they read and wrote. A tool that was removed can still be called, as a function that the model remembers; the notes
count such calls.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from toolgym.agents.memory.worn import Worn, said_turn
from toolgym.agents.policies.policy import Completion, Policy
from toolgym.errors import ConfigError, OpeningError, did_you_mean
from toolgym.mcp.session import ToolSpec
from toolgym.messages import ToolCall, parse
from toolgym.observations import lists_tools, with_tools
from toolgym.retrieval.index import Query, ToolIndex

if TYPE_CHECKING:
    from toolgym.env import ToolEnv

__all__ = ["ADD", "MODES", "REMOVE", "ToolMemoryOptions", "ToolMemoryPolicy"]

MODES = ("autonomous", "hybrid", "workflow")
ADD, REMOVE = "add_tools", "remove_tools"
_MOST_IN_A_ROW = 5
"""Turns that only manage tools, before the next one goes to the environment whatever it is."""
_TOOLS: dict[str, dict[str, Any]] = {
    ADD: {
        "name": ADD,
        "description": "Finds tools by what they are for and adds them to those that you can call.",
        "parameters": {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
    },
    REMOVE: {
        "name": REMOVE,
        "description": "Removes tools that you no longer need from those that you can call.",
        "parameters": {
            "type": "object",
            "properties": {"names": {"type": "array", "items": {"type": "string"}}},
            "required": ["names"],
        },
    },
}


@dataclass(frozen=True)
class ToolMemoryOptions:
    """How tools are kept."""

    mode: str = "hybrid"
    """One of `MODES`."""
    k: int = 8
    """Tools that a search gives."""

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ConfigError(did_you_mean(self.mode, MODES, "mode"))
        if self.k < 1:
            raise ConfigError(f"k must be at least 1, got {self.k}")


@dataclass
class _Talk:
    """A conversation, and the tools in its context."""

    info: dict[str, Any]
    """That of the opening."""
    env: "ToolEnv | None"
    tools: dict[str, dict[str, Any]]
    """All that there are, by name, in OpenAI's function form."""
    index: ToolIndex
    kept: list[str]
    """Names of those in the context, as they came."""
    messages: list[dict[str, Any]]
    limit: int | None = None
    """Tokens of the policy's context; None: it does not say."""
    in_a_row: int = 0
    turns: int = 0
    is_full: bool = False
    spent: tuple[int, int] | None = (0, 0)
    """Tokens read and written since the last turn that went to the environment; None: they are not known."""
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("added", "removed", "managed", "outside"), 0))

    def log(self, messages: list[dict[str, Any]]) -> None:
        """Adds what was said to the conversation, each result under the id of its call.

        Where not every call has a result, the turn keeps its calls as text alone: endpoints refuse one without.
        """
        calls = self.messages[-1].get("tool_calls") or []
        results = [message for message in messages if message.get("role") == "tool"]
        ids = [call["id"] for call in calls]
        if len(ids) != len(results):
            self.messages[-1].pop("tool_calls", None)
            ids = []
        waiting = iter(ids)
        for message in messages:
            kept = dict(message)
            if ids and message.get("role") == "tool":
                kept["tool_call_id"] = next(waiting)
            self.messages.append(kept)


class ToolMemoryPolicy(Worn):
    """A policy whose context holds some of the tools."""

    name = "mem_tool"

    def __init__(self, inner: Policy, options: ToolMemoryOptions | None = None):
        super().__init__(inner)
        self.options = options or ToolMemoryOptions()
        self._talks: dict[int, _Talk] = {}

    def _open(self, slot: int, observation: str, info: dict[str, Any], env: "ToolEnv | None") -> list[int]:
        tools = {tool["function"]["name"]: tool for tool in info.get("tools") or ()}
        if taken := sorted(tools.keys() & _TOOLS.keys()):
            raise ConfigError(f"mem_tool has a tool {taken[0]!r} of its own, and the environment has one of that name")
        messages = [dict(message) for message in info.get("messages") or [{"role": "user", "content": observation}]]
        talk = _Talk(info, env, tools, _index(tools), [], messages)
        self._talks[slot] = talk
        if self.options.mode != "autonomous":
            talk.kept = self._found(talk, str(messages[-1].get("content") or ""))
        self._episodes[slot].notes |= {"mode": self.options.mode, "tools": len(tools), "kept": [len(talk.kept)]}
        ids = self._begin(slot, talk)
        limit = getattr(getattr(self.inner, "decoder", None), "limit", None)
        talk.limit = None if limit is None else limit(len(ids))
        return ids

    def observe(self, slot: int, observation: str, info: dict[str, Any]) -> list[int]:
        """Tells the policy what was said, with other tools where the user spoke and the mode has it so."""
        talk = self._talks[slot]
        messages = list(info.get("messages") or [{"role": "user", "content": observation}])
        before = list(talk.kept)
        if info.get("tools"):  # there are these from now on
            talk.tools = {tool["function"]["name"]: tool for tool in info["tools"]}
            talk.index = _index(talk.tools)
            talk.kept = [name for name in talk.kept if name in talk.tools]
            messages = [message for message in messages if not lists_tools(str(message.get("content") or ""))]
        talk.log(messages)
        found = [] if self.options.mode == "autonomous" else self._found(talk, _said(messages))
        if found:  # a "yes" fits no tool, and changes nothing
            talk.kept = [name for name in talk.kept if name in found]
            if self.options.mode == "workflow":
                talk.kept += [name for name in found if name not in talk.kept]
        self._feed(slot, talk, before, observation, {**info, "messages": messages})
        self._episodes[slot].notes["kept"].append(len(talk.kept))
        return []

    def end(self, slot: int) -> None:
        """Frees the slot."""
        talk = self._talks.pop(slot, None)
        if talk is not None and slot in self._episodes:
            self._episodes[slot].notes |= talk.counts
        super().end(slot)

    def _own_turn(self, slot: int) -> Completion | None:
        return Completion("", stop="context") if self._talks[slot].is_full else None

    def _heard(self, slot: int, completion: Completion) -> Completion | None:
        talk, episode = self._talks[slot], self._episodes[slot]
        calls = parse(completion.text).calls if completion.stop == "end_of_turn" else ()
        talk.messages.append(said_turn(completion.text, calls, talk.turns))
        talk.turns += 1
        written = len(completion.token_ids)
        used = (episode.context - written, written) if written else completion.usage
        talk.spent = (talk.spent[0] + used[0], talk.spent[1] + used[1]) if talk.spent and used else None
        own = [call for call in calls if call.name in self._own_tools()]
        if own and talk.in_a_row < _MOST_IN_A_ROW:
            talk.in_a_row += 1
            talk.counts["managed"] += 1
            self._answer(slot, talk, calls)
            return None if not talk.is_full else Completion("", stop="context")
        talk.in_a_row = 0
        talk.counts["outside"] += sum(call.name in talk.tools and call.name not in talk.kept for call in calls)
        stop = "length" if completion.stop == "context" and completion.token_ids else completion.stop
        usage, talk.spent = talk.spent, (0, 0)  # of those that managed tools too: they wrote for this turn
        return Completion(completion.text, stop=stop, begins=completion.begins, usage=usage, kept=completion.kept)

    def _own_tools(self) -> dict[str, dict[str, Any]]:
        """The wrapper's tools that the mode gives the agent."""
        names = {"autonomous": (ADD, REMOVE), "hybrid": (ADD,), "workflow": ()}[self.options.mode]
        return {name: _TOOLS[name] for name in names}

    def _answer(self, slot: int, talk: _Talk, calls: tuple[ToolCall, ...]) -> None:
        """Answers a turn that manages tools; what else it called is to be called again, with the new tools."""
        before = list(talk.kept)
        messages = [{"role": "tool", "name": call.name, "content": self._managed(talk, call)} for call in calls]
        talk.log(messages)
        text = "\n".join(f"<tool_response>{message['content']}</tool_response>" for message in messages)
        self._feed(slot, talk, before, text, {"messages": messages})

    def _managed(self, talk: _Talk, call: ToolCall) -> str:
        """Carries out one call of a turn that manages tools; what the agent is told."""
        if call.name == ADD and ADD in self._own_tools():
            query = call.arguments.get("query")
            if not isinstance(query, str):
                return f"Error: {ADD} needs a query, a text that says what the tools are for."
            found = self._found(talk, query)
            talk.kept += [name for name in found if name not in talk.kept]
            return f"You can call now: {', '.join(found)}." if found else "No tool fits that."
        if call.name == REMOVE and REMOVE in self._own_tools():
            names = call.arguments.get("names")
            if not isinstance(names, list):
                return f"Error: {REMOVE} needs names, a list of tools' names."
            gone = [name for name in talk.kept if name in names]
            talk.kept = [name for name in talk.kept if name not in names]
            return f"Removed: {', '.join(gone) or 'none of them was there'}."
        return f"{call.name} was not called: call it in a turn that manages no tools."

    def _feed(self, slot: int, talk: _Talk, before: list[str], text: str, info: dict[str, Any]) -> None:
        """Gives the policy what is new, or the whole conversation where its tools have changed."""
        talk.counts["added"] += len(set(talk.kept) - set(before))
        talk.counts["removed"] += len(set(before) - set(talk.kept))
        if talk.kept == before and "tools" not in info:
            self._tell(slot, text, info)
        else:
            try:
                self._episodes[slot].context = len(self._begin(slot, talk))
            except OpeningError:
                talk.is_full = True
        talk.is_full |= talk.limit is not None and self._episodes[slot].context >= talk.limit

    def _begin(self, slot: int, talk: _Talk) -> list[int]:
        """Starts the policy's slot with the conversation so far and the tools that are kept."""
        own = [{"type": "function", "function": tool} for tool in self._own_tools().values()]
        tools = [*(talk.tools[name] for name in talk.kept), *own]
        messages = [dict(message) for message in talk.messages]
        if messages[0].get("role") == "system":
            messages[0]["content"] = with_tools(str(messages[0].get("content") or ""), tools)
        text = "\n\n".join(str(message.get("content") or "") for message in messages)
        return self.inner.start(slot, text, {**talk.info, "messages": messages, "tools": tools}, talk.env)

    def _found(self, talk: _Talk, query: str) -> list[str]:
        return talk.index.search([Query(query)], self.options.k)


def _index(tools: dict[str, dict[str, Any]]) -> ToolIndex:
    """Over tools in OpenAI's function form."""
    functions = [tool["function"] for tool in tools.values()]
    return ToolIndex(
        ToolSpec(each["name"], each.get("description") or "", each.get("parameters") or {}) for each in functions
    )


def _said(messages: list[dict[str, Any]]) -> str:
    """The user's words among what the environment said: no notice, no problem."""
    words = [str(message.get("content") or "") for message in messages if message.get("role") == "user"]
    return "\n".join(each for each in words if not each.startswith(("<notice>", "<problem>")))
