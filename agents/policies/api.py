"""A policy behind any OpenAI-compatible chat endpoint: a hosted model, or a local vLLM, llama.cpp or Ollama server."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, cast

from toolgym.agents.policies.policy import Completion
from toolgym.errors import ChatError, ConfigError
from toolgym.formats.openai import read_call, reasoning_of
from toolgym.mcp import loop
from toolgym.messages import ToolCall, Turn, parse, render
from toolgym.observations import lists_tools, without_format
from toolgym.openai_client import OPENAI_URL, ChatClient, ChatOptions, says_context_is_full, usage_of, was_cut

if TYPE_CHECKING:
    from toolgym.env import ToolEnv

__all__ = ["ApiOptions", "ApiPolicy", "kept_turn"]

_OF_CONVERSATION = frozenset({400, 413, 422})
"""Statuses that refuse what is said, where the same key, model and options were taken before."""


@dataclass(frozen=True)
class ApiOptions(ChatOptions):
    """How to reach the model and how to sample from it."""

    timeout_s: float = 120.0
    attempts: int = 5
    api_key: str | None = field(default=None, repr=False)
    """Default: that of `api_key_env`. A local server needs none."""
    calls: Literal["native", "text"] = "native"
    """`native`: tools go in the request's `tools` and calls come back as `tool_calls`. `text`: everything is text."""
    images: bool = False
    """Whether the model is sent the images in tools' results, beside their description; `native` calls only."""
    concurrency: int = 8
    """Requests under way at once."""
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    """More fields of the request, as the server documents them."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.concurrency < 1:
            raise ConfigError(f"concurrency must be at least 1, got {self.concurrency}")


@dataclass
class _Conversation:
    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]]
    pending: list[str] = field(default_factory=list)
    """Ids of the last message's tool calls, which wait for their results."""


class ApiPolicy:
    """Chat completions, one request a turn, `concurrency` at once.

    A request that keeps failing gives a `Completion` with `stop="error"`: the infrastructure's failure. So does one
    whose conversation the server refuses (a content filter, say), once it has answered another.
    A request that the server refuses for good (a bad key, an unknown model) raises `ConfigError`.
    """

    def __init__(self, options: ApiOptions):
        self._chat = ChatClient(options, "The policy's model", options.api_key)
        if not self._chat.key and options.endpoint == OPENAI_URL:
            raise ConfigError(
                "No API key: set OPENAI_API_KEY, or OPENAI_BASE_URL for a server of your own (http://127.0.0.1:8000/v1)."
            )
        self.options = options
        self._conversations: dict[int, _Conversation] = {}
        self._room = asyncio.Semaphore(options.concurrency)
        self._answered = False
        """Whether the server has answered a request: key, model and options are what it takes."""

    def start(self, slot: int, observation: str, info: dict[str, Any], env: "ToolEnv | None" = None) -> list[int]:
        """Opens a conversation with the reset's chat messages (`native`) or its text (`text`)."""
        native = self.options.calls == "native"
        messages = [_native(self._content(message)) for message in info.get("messages") or ()] if native else []
        messages = [each for each in messages if each.get("role") != "system" or each.get("content")]
        self._conversations[slot] = _Conversation(
            messages=messages or [{"role": "user", "content": observation}],
            tools=list(info.get("tools") or ()) if native else [],
        )
        return []

    def observe(self, slot: int, observation: str, info: dict[str, Any]) -> list[int]:
        """Appends tool results (each under the id of its call) and what else the environment said."""
        talk = self._conversations[slot]
        native = self.options.calls == "native"
        new = [self._content(message) for message in info.get("messages") or ()] if native else []
        if native and info.get("tools"):
            talk.tools = list(info["tools"])  # which says all that a message of tools does
            new = [message for message in new if not lists_tools(str(message.get("content", "")))]
        if not new and not talk.pending:
            new = [{"role": "user", "content": observation}]
        for message in new:
            if message.get("role") == "tool":
                if talk.pending:
                    message["tool_call_id"] = talk.pending.pop(0)
                else:
                    # The call was in the text: the endpoint knows of no call that this would answer. Its tags tell it
                    # from what the user says; content cannot close them (see `toolgym.observations`).
                    message = {"role": "user", "content": _tagged(message.get("content", ""))}
            elif talk.pending:
                # Endpoints refuse a conversation with an unanswered call (a turn cut short by a limit, say).
                talk.messages += _unanswered(talk.pending, observation)
            if message.get("role") == "assistant":  # a turn that was taken in the model's place
                calls = cast(list[dict[str, Any]], message.get("tool_calls") or [])
                talk.pending = [str(call["id"]) for call in calls]
                message = _native(message)
            talk.messages.append(message)
        talk.messages += _unanswered(talk.pending, observation)
        return []

    def generate(self, slots: Sequence[int]) -> list[Completion]:
        """One turn for each slot.

        Raises:
            ConfigError: the server refuses requests of this kind (key, model, options).
        """

        async def together() -> list[Completion]:
            return await asyncio.gather(*map(self._turn, slots))

        return loop.run(together())

    async def turn(self, slot: int) -> Completion:
        """One turn of a slot, on any event loop; others go on meanwhile. Raises what `generate` does."""
        return await asyncio.wrap_future(loop.submit(self._turn(slot)))

    def end(self, slot: int) -> None:
        """Drops the conversation."""
        self._conversations.pop(slot, None)

    def close(self) -> None:
        """Closes the connections."""
        loop.run(self._chat.close_async())
        self._chat.close()

    def _content(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """An environment's message as the endpoint takes it: with its images, or with what stands for them."""
        kept = dict(message)
        parts = kept.pop("parts", None)
        return {**kept, "content": parts} if parts and self.options.images else kept

    async def _turn(self, slot: int) -> Completion:
        """A turn, on the wire's event loop: a policy's connections belong to one."""
        talk = self._conversations[slot]
        fields = {**self.options.extra_body, **({"tools": talk.tools} if talk.tools else {})}
        try:
            async with self._room:
                choice = await self._chat.ask_async(talk.messages, _choice, fields)
        except ChatError as error:
            if error.status is None:
                return Completion(str(error), stop="error")
            if says_context_is_full(error):
                return Completion("", stop="context")
            if self._answered and error.status in _OF_CONVERSATION:
                return Completion(str(error), stop="error")
            raise ConfigError(str(error)) from error
        self._answered = True
        message, is_cut = choice["message"], was_cut(choice)
        # Of a message that was cut no call is carried out, and endpoints refuse calls that nobody answers.
        kept = kept_turn(message.get("content"), [] if is_cut else message.get("tool_calls") or [])
        talk.pending = [str(call.get("id", "")) for call in kept.get("tool_calls", ())]
        talk.messages.append(kept)
        stop = "length" if is_cut else "end_of_turn"
        return Completion(_text(message), stop=stop, usage=usage_of(choice), kept=kept)


def _choice(choice: dict[str, Any]) -> dict[str, Any]:
    """A completion's choice as it is.

    Raises:
        ValueError: its calls are none.
    """
    calls = choice["message"].get("tool_calls") or []
    if not isinstance(calls, list) or not all(isinstance(call, dict) for call in calls):
        raise ValueError("tool_calls is no list of objects")
    return choice


def kept_turn(content: Any, calls: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A turn as it stays in the conversation: calls that cannot be read stay as text.

    No result answers them, and endpoints refuse a conversation with arguments that are no JSON.
    """
    kept: dict[str, Any] = {"role": "assistant", "content": content or ""}
    readable = [isinstance(read_call(call), ToolCall) for call in calls]
    others = [call for call, is_call in zip(calls, readable, strict=True) if not is_call]
    if others:
        text = json.dumps({"tool_calls": others}, ensure_ascii=False)
        said = kept["content"]
        whole = (
            [*said, {"type": "text", "text": text}] if isinstance(said, list) else "\n".join(filter(None, (said, text)))
        )
        kept["content"] = whole
    if any(readable):
        kept["tool_calls"] = [call for call, is_call in zip(calls, readable, strict=True) if is_call]
    return kept


def _text(message: Mapping[str, Any]) -> str:
    """A message as an action: JSON where it has calls, what it says otherwise, behind what it was thought to say."""
    reasoning, calls, content = reasoning_of(message), message.get("tool_calls") or [], message.get("content") or ""
    thought = {} if reasoning is None else {"reasoning_content": reasoning}
    if calls or not isinstance(content, str):
        shown = {"role": "assistant", "content": content, **thought, **({"tool_calls": calls} if calls else {})}
        return json.dumps(shown, ensure_ascii=False)
    return f"{render(Turn(plan=reasoning), 'hermes')}\n{content}" if reasoning else content


def _native(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message of the reset, or of a history that it begins with, as the endpoint takes it.

    The system's is without what the request's `tools` say already, and an assistant's calls are not in its text too;
    what it says beside them, as an endpoint's own turns do, stays.
    """
    if message.get("role") == "tool" and "tool_call_id" not in message:
        return {"role": "user", "content": _tagged(message.get("content", ""))}
    text = message.get("content")
    if message.get("tool_calls") and isinstance(text, str) and parse(text).calls:
        return {**message, "content": ""}
    if message.get("role") != "system":
        return dict(message)
    return {**message, "content": without_format(str(message.get("content", "")))}


def _tagged(content: Any) -> Any:
    """A tool's result, given as text or as content parts, in tags."""
    if isinstance(content, list):
        return [{"type": "text", "text": "<tool_response>"}, *content, {"type": "text", "text": "</tool_response>"}]
    return f"<tool_response>{content}</tool_response>"


def _unanswered(pending: list[str], observation: str) -> list[dict[str, Any]]:
    answers = [{"role": "tool", "tool_call_id": call_id, "content": observation} for call_id in pending]
    pending.clear()
    return answers
