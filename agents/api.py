"""A policy behind any OpenAI-compatible chat endpoint: a hosted model, or a local vLLM, llama.cpp or Ollama server."""

import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import httpx2
import tenacity

from toolgym.agents.policy import Completion
from toolgym.errors import ConfigError, InfraError
from toolgym.observations import without_format

if TYPE_CHECKING:
    from toolgym.env import ToolEnv

__all__ = ["ApiOptions", "ApiPolicy"]

_DEFAULT_BASE_URL = "https://api.openai.com/v1"
_RETRIED_STATUSES = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})


@dataclass(frozen=True)
class ApiOptions:
    """How to reach the model and how to sample from it."""

    model: str
    base_url: str | None = None
    """The endpoint up to and without `/chat/completions`; default: `$OPENAI_BASE_URL`, or else OpenAI's own."""
    api_key: str | None = field(default=None, repr=False)
    """Default: `$OPENAI_API_KEY`. A local server needs none."""
    calls: Literal["native", "text"] = "native"
    """`native`: tools go in the request's `tools` and calls come back as `tool_calls`. `text`: everything is text."""
    temperature: float | None = None
    """None leaves it to the server: some models take no temperature."""
    max_tokens: int | None = None
    seed: int | None = None
    """Sent with each request; servers keep to it as well as they can."""
    timeout_s: float = 120.0
    """For one request."""
    attempts: int = 5
    """How often a request is made at most: time-outs, broken connections, status 429 and 5xx are tried again."""
    longest_wait_s: float = 30.0
    """Between two attempts, whatever the server's `Retry-After` says."""
    concurrency: int = 8
    """Requests under way at once."""
    extra_body: Mapping[str, Any] = field(default_factory=dict)
    """More fields of the request, as the server documents them."""


@dataclass
class _Conversation:
    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]]
    pending: list[str] = field(default_factory=list)
    """Ids of the last message's tool calls, which wait for their results."""


class _Retried(Exception):
    """A failure that may pass: tried again."""

    def __init__(self, message: str, wait_s: float | None = None):
        super().__init__(message)
        self.wait_s = wait_s


class ApiPolicy:
    """Chat completions, one request a turn, `concurrency` at once.

    A request that keeps failing gives a `Completion` with `stop="error"`: the infrastructure's failure.
    A request that the server refuses for good (a bad key, an unknown model) raises `ConfigError`.
    """

    def __init__(self, options: ApiOptions):
        base_url = options.base_url or os.environ.get("OPENAI_BASE_URL") or _DEFAULT_BASE_URL
        key = options.api_key or os.environ.get("OPENAI_API_KEY")
        if not key and base_url == _DEFAULT_BASE_URL:
            raise ConfigError(
                "No API key: set OPENAI_API_KEY, or OPENAI_BASE_URL for a server of your own (http://127.0.0.1:8000/v1)."
            )
        self.options = options
        self._conversations: dict[int, _Conversation] = {}
        self._client = httpx2.Client(
            headers={"Authorization": f"Bearer {key}"} if key else {}, timeout=httpx2.Timeout(options.timeout_s)
        )
        self._url = base_url.rstrip("/") + "/chat/completions"
        self._threads = ThreadPoolExecutor(options.concurrency, thread_name_prefix="toolgym-api")

    def start(self, slot: int, observation: str, info: dict[str, Any], env: "ToolEnv | None" = None) -> list[int]:
        """Opens a conversation with the reset's chat messages (`native`) or its text (`text`)."""
        native = self.options.calls == "native"
        messages = [_native(message) for message in info.get("messages") or ()] if native else []
        self._conversations[slot] = _Conversation(
            messages=messages or [{"role": "user", "content": observation}],
            tools=list(info.get("tools") or ()) if native else [],
        )
        return []

    def observe(self, slot: int, observation: str, info: dict[str, Any]) -> list[int]:
        """Appends tool results (each under the id of its call) and what else the environment said."""
        talk = self._conversations[slot]
        new = [dict(message) for message in info.get("messages") or ()] if self.options.calls == "native" else []
        if not new and not talk.pending:
            new = [{"role": "user", "content": observation}]
        for message in new:
            if message.get("role") == "tool":
                if talk.pending:
                    message["tool_call_id"] = talk.pending.pop(0)
                else:
                    # The call was in the text: the endpoint knows of no call that this would answer.
                    message = {"role": "user", "content": message.get("content", "")}
            elif talk.pending:
                # Endpoints refuse a conversation with an unanswered call (a turn cut short by a limit, say).
                talk.messages += _unanswered(talk.pending, observation)
            talk.messages.append(message)
        talk.messages += _unanswered(talk.pending, observation)
        return []

    def generate(self, slots: Sequence[int]) -> list[Completion]:
        """One turn for each slot.

        Raises:
            ConfigError: the server refuses requests of this kind (key, model, options).
        """
        return list(self._threads.map(self._turn, slots))

    def end(self, slot: int) -> None:
        """Drops the conversation."""
        self._conversations.pop(slot, None)

    def close(self) -> None:
        """Closes the connections."""
        self._threads.shutdown()
        self._client.close()

    def _turn(self, slot: int) -> Completion:
        talk = self._conversations[slot]
        try:
            choice = self._request(talk)
        except InfraError as error:
            return Completion(str(error), stop="error")
        if choice is None:
            return Completion("", stop="context")
        message = choice.get("message") or {}
        calls = message.get("tool_calls") or []
        content = message.get("content") or ""
        kept: dict[str, Any] = {"role": "assistant", "content": content}
        if calls:
            kept["tool_calls"] = calls
            talk.pending = [str(call.get("id", "")) for call in calls]
        talk.messages.append(kept)
        stop = "length" if choice.get("finish_reason") == "length" else "end_of_turn"
        return Completion(json.dumps(kept, ensure_ascii=False) if calls else content, stop=stop)

    def _request(self, talk: _Conversation) -> dict[str, Any] | None:
        """The first choice; None where the conversation has outgrown the model's context."""
        options = self.options
        body: dict[str, Any] = {"model": options.model, "messages": talk.messages, **options.extra_body}
        for name in ("temperature", "max_tokens", "seed"):
            if getattr(options, name) is not None:
                body[name] = getattr(options, name)
        if talk.tools:
            body["tools"] = talk.tools
        backoff = tenacity.wait_random_exponential(multiplier=0.5, max=options.longest_wait_s)

        def wait(state: tenacity.RetryCallState) -> float:
            failure = state.outcome.exception() if state.outcome else None
            asked = getattr(failure, "wait_s", None)
            return min(asked, options.longest_wait_s) if asked is not None else backoff(state)

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_Retried),
            stop=tenacity.stop_after_attempt(options.attempts),
            wait=wait,
            reraise=True,
        )
        try:
            return retrying(self._post, body)
        except _Retried as error:
            raise InfraError(f"{self._url} failed {options.attempts} times; the last time: {error}") from error

    def _post(self, body: Mapping[str, Any]) -> dict[str, Any] | None:
        try:
            response = self._client.post(self._url, json=body)
        except httpx2.HTTPError as error:
            raise _Retried(f"{type(error).__name__}: {error}") from error
        if response.status_code in _RETRIED_STATUSES:
            raise _Retried(f"status {response.status_code}: {response.text[:200]}", _retry_after(response))
        if response.status_code == 400 and "context" in response.text and "length" in response.text:
            return None
        if response.is_error:
            raise ConfigError(
                f"{self._url} refused the request with status {response.status_code}: {response.text[:300]}. "
                f"Check the model name ({body['model']!r}), the API key and the options."
            )
        try:
            return response.json()["choices"][0]
        except (ValueError, LookupError, TypeError) as error:
            raise _Retried(f"not a chat completion: {response.text[:200]}") from error


def _native(message: Mapping[str, Any]) -> dict[str, Any]:
    """A message of the reset; the system's without what the request's `tools` say already."""
    if message.get("role") != "system":
        return dict(message)
    return {**message, "content": without_format(str(message.get("content", "")))}


def _unanswered(pending: list[str], observation: str) -> list[dict[str, Any]]:
    answers = [{"role": "tool", "tool_call_id": call_id, "content": observation} for call_id in pending]
    pending.clear()
    return answers


def _retry_after(response: httpx2.Response) -> float | None:
    """Seconds that the server asks to wait, where it says so in seconds."""
    try:
        return max(0.0, float(response.headers.get("retry-after", "")))
    except ValueError:
        return None
