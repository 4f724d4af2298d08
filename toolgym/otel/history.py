"""The messages of an episode in the form of `gen_ai.input.messages` and `gen_ai.output.messages`."""

import json
from typing import Any

from toolgym.trajectory import Step

__all__ = ["History", "call_id", "cut", "dumped"]

_LONGEST = 50_000
"""Characters of a text; the rest is counted."""
_LONGEST_HISTORY = 250_000
"""Characters of a turn's input; of a longer one the opening and the latest messages are told."""


class History:
    """What the model has read so far.

    Args:
        prompt: the observation at reset.
    """

    def __init__(self, prompt: str):
        # No request holds this tag: what is said within it is escaped (`toolgym.observations`).
        system, tag, request = prompt.rpartition("\n\n<user>")
        if not (tag and request.endswith("</user>")):
            system, request = "", prompt
        self._system = dumped([_text(system)]) if system else None
        self._told = [_message("user", [_text(request.removesuffix("</user>") if system else request)])]

    def opening(self) -> dict[str, str]:
        """The attributes of what the episode begins with."""
        system = {} if self._system is None else {"gen_ai.system_instructions": self._system}
        return {**system, "gen_ai.input.messages": f"[{self._told[0]}]"}

    def so_far(self) -> dict[str, str]:
        """The attributes of what the next turn reads."""
        kept = self._told
        if sum(map(len, kept)) > _LONGEST_HISTORY:
            left, first = _LONGEST_HISTORY - len(kept[0]), len(kept)
            while first > 1 and (first == len(kept) or len(kept[first - 1]) <= left):
                first -= 1
                left -= len(kept[first])
            note = _message("user", [_text(f"({first - 1} messages are left out here)")])
            kept = [kept[0], *([note] if first > 1 else []), *kept[first:]]
        return {**self.opening(), "gen_ai.input.messages": f"[{','.join(kept)}]"}

    def output(self, number: int, step: Step, reason: str) -> str:
        """A turn, as the model's output; `number` is the step's, from 0."""
        return dumped([{"role": "assistant", "parts": _parts(number, step), "finish_reason": reason}])

    def take(self, number: int, step: Step) -> None:
        """Adds a turn and what was answered."""
        self._told.append(_message("assistant", _parts(number, step)))
        for index, result in enumerate(step.results[: len(step.turn.calls)]):
            answer = {"type": "tool_call_response", "id": call_id(number, index), "response": cut(result.text)}
            self._told.append(_message("tool", [answer]))
        said = step.user if step.user is not None else "" if step.results else step.observation
        if said:
            self._told.append(_message("user", [_text(said)]))


def _parts(number: int, step: Step) -> list[dict[str, Any]]:
    turn = step.turn
    parts: list[dict[str, Any]] = []
    if turn.plan:
        parts.append({"type": "reasoning", "content": cut(turn.plan)})
    for index, call in enumerate(turn.calls):
        arguments: Any = call.arguments
        if len(text := dumped(arguments)) > _LONGEST:
            arguments = cut(text)
        parts.append(
            {"type": "tool_call", "id": call_id(number, index), "name": cut(call.name), "arguments": arguments}
        )
    if turn.response is not None:
        parts.append(_text(turn.response))
    if not turn.calls and turn.response is None:  # nothing of it was understood
        return [_text(turn.text)]
    return parts


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "content": cut(text)}


def _message(role: str, parts: list[dict[str, Any]]) -> str:
    return dumped({"role": role, "parts": parts})


def call_id(step: int, index: int) -> str:
    """The id of a call (both from 0)."""
    return f"call_{step}_{index}"


def cut(text: str, longest: int = _LONGEST) -> str:
    """The text, or its beginning and how much more there is."""
    return text if len(text) <= longest else f"{text[:longest]}... ({len(text) - longest} characters more)"


def dumped(value: Any) -> str:
    """A value as JSON text, in which half characters stand as `?`."""
    text = json.dumps(value, ensure_ascii=False, default=str, separators=(",", ":"))
    return text.encode("utf-8", "replace").decode()
