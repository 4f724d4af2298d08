"""The conversation at a node, as the wrapped policy takes it: token ids where these are known here, else chat messages
and text.
"""

import json
from collections.abc import Mapping
from typing import Any, Protocol

from toolgym.agents.policies.api import kept_turn
from toolgym.agents.policies.policy import Completion, Policy
from toolgym.agents.search.tree import Ask, Node, PlayedTurn
from toolgym.observations import lists_tools

__all__ = ["GIVE_UP", "Talk", "talk_of"]

GIVE_UP = "give_up"
"""The tool by which the policy says that there is no way on from here; no environment has it."""

_GIVE_UP_TOOL = {
    "type": "function",
    "function": {
        "name": GIVE_UP,
        "description": "Say that the task cannot be solved from here, so that another way is tried.",
        "parameters": {"type": "object", "properties": {}},
    },
}


class Talk(Protocol):
    """How a policy is put into a node's state, and what it reads on the way."""

    def at(self, ask: Ask, name: str) -> tuple[str, dict[str, Any]]:
        """The observation and info that a slot is opened with.

        Args:
            ask: the node, and what is told besides.
            name: what this sample is called: a policy that draws by the task's name draws by it.
        """
        ...

    def reply(self, completion: Completion, observation: str, info: dict[str, Any]) -> list[int]:
        """The ids that the policy reads as the answer to a turn, as its own `observe` would give them."""
        ...


def talk_of(policy: Policy) -> Talk:
    """The one that a policy needs."""
    chat = getattr(policy, "chat", None)
    return _Messages() if chat is None else _Tokens(chat)


class _Tokens:
    """Token ids: exactly those that were sampled and read (`toolgym.agents.policies.LMPolicy`)."""

    def __init__(self, chat: Any):
        self.chat = chat

    def at(self, ask: Ask, name: str) -> tuple[str, dict[str, Any]]:
        node = ask.node
        first = node.path[0]
        ids = self._ids(node) if not ask.note else self._made(node, ask.note)
        return "", {"context_ids": ids, "opening_tokens": len(self._ids(first))}

    def reply(self, completion: Completion, observation: str, info: dict[str, Any]) -> list[int]:
        last = completion.token_ids[-1] if completion.token_ids else None
        return self.chat.reply(observation, info, closed=completion.stop == "end_of_turn", by=last)

    def _ids(self, node: Node) -> list[int]:
        """The context of a node, made once."""
        if node.context is None:
            node.context = self._made(node, "")
        return node.context

    def _made(self, node: Node, note: str) -> list[int]:
        info = _noted(node.observation, node.info, note)
        if node.parent is None:
            return self.chat.opening(node.observation, info)
        ids = list(self._ids(node.parent))
        for turn in node.played[:-1]:
            ids += turn.completion.token_ids + self.reply(turn.completion, turn.observation or "", turn.info)
        last = node.played[-1].completion
        return ids + last.token_ids + self.reply(last, node.observation, info)


class _Messages:
    """Chat messages, and the same as one text."""

    def reply(self, completion: Completion, observation: str, info: dict[str, Any]) -> list[int]:
        return []

    def at(self, ask: Ask, name: str) -> tuple[str, dict[str, Any]]:
        node = ask.node
        text, messages = self._said(node)
        if ask.note:
            text, messages = f"{text}\n\n{ask.note}", [*messages, {"role": "user", "content": ask.note}]
        info = {**node.path[0].info, "messages": messages, "task_id": name}
        changed = [turn.info["tools"] for turn in node.turns if turn.info.get("tools")]
        if changed:
            info["tools"] = changed[-1]
        if ask.may_give_up:
            info["tools"] = [*(info.get("tools") or ()), _GIVE_UP_TOOL]
        return text, info

    def _said(self, node: Node) -> tuple[str, list[dict[str, Any]]]:
        """The conversation up to a node, made once."""
        if node.context is None:
            if node.parent is None:
                node.context = node.observation, list(node.info.get("messages") or [_user(node.observation)])
            else:
                text, messages = self._said(node.parent)
                for turn in node.played:
                    text = f"{text}\n\n{turn.completion.text}\n\n{turn.observation}"
                    messages = messages + _exchange(turn)
                node.context = text, messages
        return node.context


def _exchange(turn: PlayedTurn) -> list[dict[str, Any]]:
    """A turn and its answer as messages; each result stands under the id of its call where the turn has such ids."""
    said = _native(turn.completion)
    waiting = [str(call.get("id", "")) for call in said.get("tool_calls", ())]
    new = list(turn.info.get("messages") or ())
    if turn.info.get("tools"):  # which say all that a message of tools does
        new = [message for message in new if not lists_tools(str(message.get("content", "")))]
    if not new and not waiting:
        new = [_user(turn.observation or "")]
    out: list[dict[str, Any]] = []
    for message in new:
        kept = dict(message)
        if kept["role"] == "tool" and waiting:
            kept["tool_call_id"] = waiting.pop(0)
        elif waiting:
            out += [_unanswered(call, turn) for call in waiting]
            waiting = []
        out.append(kept)
    return [said, *out, *(_unanswered(call, turn) for call in waiting)]


def _native(completion: Completion) -> dict[str, Any]:
    """A turn as a chat message, with its calls where they came as such (`toolgym.agents.policies.ApiPolicy`)."""
    if completion.kept is not None:
        return dict(completion.kept)
    plain = {"role": "assistant", "content": completion.text}
    if completion.stop != "end_of_turn" or not completion.text.startswith("{"):
        return plain
    try:
        said = json.loads(completion.text)
    except ValueError:
        return plain
    if not isinstance(said, Mapping) or not isinstance(said.get("tool_calls"), list):
        return plain
    return kept_turn(said.get("content"), said["tool_calls"])


def _unanswered(call: str, turn: PlayedTurn) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call, "content": turn.observation or ""}


def _user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def _noted(observation: str, info: dict[str, Any], note: str) -> dict[str, Any]:
    """The info with a message more."""
    if not note:
        return info
    return {**info, "messages": [*(info.get("messages") or [_user(observation)]), _user(note)]}
