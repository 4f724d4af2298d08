"""What is shown of a row at reset: its own system message, its tools, how to answer, and its history."""

from collections.abc import Sequence
from typing import Any

from toolgym import _json
from toolgym.envs.calls.rows import Said
from toolgym.mcp.session import ToolSpec
from toolgym.messages import Turn, render
from toolgym.observations import Prompt, escape_tags

__all__ = ["RowPrompt"]


class RowPrompt(Prompt):
    """The opening of a row's episode.

    Args:
        history: the row's messages.
        tools: its tools.
        format: how the model writes, and how its turns in the history are shown.
        user_answers, full, one_message, listed: as for `Prompt`.
    """

    def __init__(
        self,
        history: Sequence[Said],
        tools: Sequence[ToolSpec],
        format: str,
        *,
        user_answers: bool,
        full: bool,
        one_message: bool,
        listed: bool = False,
    ):
        rules = [message.text for message in history if message.role == "system"]
        super().__init__(
            "\n\n".join(rules),
            tools,
            format,
            user_answers=user_answers,
            full=full,
            one_message=one_message,
            listed=listed,
        )
        if not full:
            self.system = "\n\n".join([*rules, self.system] if self.system else rules)
        said = [message for message in history if message.role != "system"]
        self._history = _as_chat(said, "toolgym" if format == "auto" else format)

    def text(self, request: str) -> str:
        """The observation at reset; the history has the request."""
        parts = [self.system] if self.system else []
        for message in self._history:
            tag = {"user": "user", "tool": "tool_response"}.get(message["role"])
            parts.append(f"<{tag}>{message['content']}</{tag}>" if tag else message["content"])
        return "\n\n".join(parts)

    def messages(self, request: str) -> list[dict[str, Any]]:
        """The same as chat messages. An assistant's calls are both in its text and, for endpoints, `tool_calls`."""
        system = [{"role": "system", "content": self.system}] if self.system else []
        return [*system, *(dict(message) for message in self._history)]


def _as_chat(said: Sequence[Said], format: str) -> list[dict[str, Any]]:
    """The messages; calls are ids of a chat's too where each of them is answered, as endpoints ask for."""
    out: list[dict[str, Any]] = []
    waiting: list[str] = []
    names: list[str] = []
    made = 0
    for at, message in enumerate(said):
        if message.role == "assistant":
            waiting, names = [], []
            response = message.text if message.text or not message.calls else None
            turn = Turn(message.plan or None, message.calls, response)
            chat: dict[str, Any] = {"role": "assistant", "content": render(turn, format)}
            answers = said[at + 1 : at + 1 + len(message.calls)]
            if message.calls and len(answers) == len(message.calls) and all(one.role == "tool" for one in answers):
                waiting = [f"call_{made + place}" for place in range(len(message.calls))]
                names = [call.name for call in message.calls]
                made += len(waiting)
                chat["tool_calls"] = [
                    {
                        "id": id,
                        "type": "function",
                        "function": {"name": call.name, "arguments": _json.dumps(call.arguments).decode()},
                    }
                    for id, call in zip(waiting, message.calls, strict=True)
                ]
            out.append(chat)
        elif message.role == "tool":
            of_call = {"name": names.pop(0), "tool_call_id": waiting.pop(0)} if waiting else {}
            out.append({"role": "tool", "content": escape_tags(message.text), **of_call})
        else:
            out.append({"role": "user", "content": escape_tags(message.text)})
    return out
