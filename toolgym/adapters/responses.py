"""Items of OpenAI's Responses API as messages of the chat API, and messages as items."""

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["items_of", "last_message", "message_of"]


def items_of(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A message of an opening as items of the Responses API."""
    if message["role"] == "tool":
        return [{"type": "function_call_output", "call_id": message["tool_call_id"], "output": str(message["content"])}]
    items: list[dict[str, Any]] = []
    if message["content"]:
        items.append({"role": message["role"], "content": message["content"]})
    for call in message.get("tool_calls") or ():
        items.append({"type": "function_call", "call_id": call["id"], **call["function"]})
    return items


def last_message(output: Sequence[Any]) -> dict[str, Any] | None:
    """What the model said after its last call; None: nothing."""
    kinds = [item.get("type") if isinstance(item, dict) else None for item in output]
    last = max((at for at, kind in enumerate(kinds) if kind in ("function_call", "function_call_output")), default=-1)
    return message_of(output[last + 1 :]) if "message" in kinds[last + 1 :] else None


def message_of(output: Sequence[Any]) -> dict[str, Any]:
    """Output items of the Responses API as a message of the chat API."""
    said, thoughts, calls = [], [], []
    for item in output:
        kind = item.get("type") if isinstance(item, dict) else None
        if kind == "message":
            said.append(_text(item.get("content")))
        elif kind == "reasoning":
            thoughts.append(_text(item.get("content")) or _text(item.get("summary")))
        elif kind == "function_call":
            function = {"name": item.get("name"), "arguments": item.get("arguments")}
            calls.append({"id": str(item.get("call_id", "")), "function": function})
    message: dict[str, Any] = {"role": "assistant", "content": "".join(said)}
    if any(thoughts):
        message["reasoning_content"] = "\n".join(filter(None, thoughts))
    return {**message, "tool_calls": calls} if calls else message


def _text(content: Any) -> str:
    """The text of a content: itself, or that of its parts (a refusal is what was said too)."""
    if isinstance(content, str):
        return content
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    return "".join(str(part.get("text") or part.get("refusal") or "") for part in parts)
