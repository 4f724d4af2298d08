"""One client of OpenAI-compatible chat endpoints: the policy, the user, the judge and simulated tools all ask by it.

    client = ChatClient(ChatOptions("my-model", "http://127.0.0.1:8000/v1"), "The judge")
    text = client.ask([{"role": "user", "content": "Hello!"}], lambda choice: choice["message"]["content"])

Time-outs, broken connections, busy servers and replies that cannot be used are tried again. A refusal is not.
"""

import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx2
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from toolgym.errors import ChatError, ConfigError

__all__ = ["OPENAI_URL", "ChatClient", "ChatOptions", "says_context_is_full", "usage_of", "was_cut"]

OPENAI_URL = "https://api.openai.com/v1"
_PASSING = frozenset({408, 409, 425, 429})
"""Statuses below 500 that another attempt may mend; those from 500 on may all pass."""
_LONGEST_REPLY = 16 * 2**20
"""Bytes."""
_SHORTEST_SECRET = 8
"""Characters. Shorter keys (`x`, `EMPTY`) are what servers get that want none."""

_CUT = frozenset({"length", "max_tokens", "model_length", "content_filter"})
"""Finish reasons of messages that did not come to their end, by whatever name servers call that."""
_BROKEN = frozenset({"error", "abort", "cancelled"})
"""Finish reasons of messages that the server itself broke off: OpenRouter's and vLLM's, say."""
_FULL = re.compile(
    r"context[ _](length|size|window|limit)|(maximum|exceeds?) context|context[ _]exceeded|(prompt|input) is too long"
    r"|input token count|exceeds max length|maximum prompt length|`inputs` (tokens \+|must have less than)",
    re.IGNORECASE,
)
"""How servers say that a conversation is longer than what their model reads; no status says it."""

T = TypeVar("T")


@dataclass(frozen=True)
class ChatOptions:
    """How an endpoint is reached, and how its model samples. What is None is left to the server."""

    model: str
    base_url: str | None = None
    """The endpoint up to and without `/chat/completions`; default: `$OPENAI_BASE_URL`, or else OpenAI's own."""
    api_key_env: str = "OPENAI_API_KEY"
    """The environment variable that holds the key; an unset one sends none (local servers want none)."""
    timeout_s: float = 60.0
    """For one request, and for each wait for its next bytes."""
    attempts: int = 4
    """How often a request is made at most."""
    backoff_s: float = 0.5
    """The first pause between attempts; it doubles each time, and up to as much again is added by chance."""
    longest_wait_s: float = 30.0
    """Between two attempts, whatever the server's `Retry-After` says."""
    temperature: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    """Servers keep to it as well as they can."""

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.timeout_s <= 0:
            raise ConfigError(
                f"attempts must be at least 1 and timeout_s above 0, got attempts={self.attempts}, "
                f"timeout_s={self.timeout_s}"
            )

    @property
    def endpoint(self) -> str:
        """`base_url`, or what stands for it."""
        return self.base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI_URL


class _PassingError(Exception):
    """A failure that another attempt may mend; `wait_s` is the pause that the server asked for."""

    def __init__(self, message: str, wait_s: float | None = None):
        super().__init__(message)
        self.wait_s = wait_s


class ChatClient:
    """Asks one endpoint. Safe to use from several threads. No message and no log of it holds the key.

    Each way to ask has a coroutine beside it (`ask_async`, `request_async`); these have connections of their own, which
    belong to the event loop that the first of them ran on: use them on one.

    Args:
        options: the endpoint and the sampling.
        who: what the model does, as error messages begin with it.
        key: the API key, instead of the environment variable's.

    Raises:
        ConfigError: the URL or the key is none.
    """

    def __init__(self, options: ChatOptions, who: str, key: str | None = None):
        self.options, self._who = options, who
        self.key = _checked_key(key or os.environ.get(options.api_key_env), options.api_key_env)
        url = _checked_url(options.endpoint)
        login = (url.username, url.password) if url.username else None
        self.base_url = str(url.copy_with(username=None, password=None))
        """The endpoint's, without name and password."""
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {self.key}"} if self.key else {})
        many = httpx2.Limits(max_connections=None)  # threads that ask are limited by those who start them
        how: dict[str, Any] = {"headers": headers, "auth": login, "timeout": options.timeout_s, "limits": many}
        self._client = httpx2.Client(**how)
        self._async_client = httpx2.AsyncClient(**how)
        self._backoff = wait_exponential(multiplier=options.backoff_s) + wait_random(0, options.backoff_s)

    def ask(
        self,
        messages: Sequence[Mapping[str, Any]],
        read: Callable[[dict[str, Any]], T],
        fields: Mapping[str, Any] | None = None,
    ) -> T:
        """What `read` makes of the first choice of a completion.

        Args:
            messages: the conversation.
            read: takes the choice (a dict with a dict `message`); its ValueError says that the answer is of no use, and
                the request is made again.
            fields: more fields of the request.

        Raises:
            ChatError: no answer after all attempts, or a refusal.
        """
        body = self._completion(messages, fields)
        return self.request(f"{self.base_url}/chat/completions", body, lambda content: read(_first_choice(content)))

    async def ask_async(
        self,
        messages: Sequence[Mapping[str, Any]],
        read: Callable[[dict[str, Any]], T],
        fields: Mapping[str, Any] | None = None,
    ) -> T:
        """Like `ask`; others go on while it waits."""
        body, url = self._completion(messages, fields), f"{self.base_url}/chat/completions"
        return await self.request_async(url, body, lambda content: read(_first_choice(content)))

    def _completion(self, messages: Sequence[Mapping[str, Any]], fields: Mapping[str, Any] | None) -> dict[str, Any]:
        """The body of a request for a completion."""
        options = self.options
        sampling = {"temperature": options.temperature, "max_tokens": options.max_tokens, "seed": options.seed}
        given = {name: value for name, value in sampling.items() if value is not None}
        return {"model": options.model, "messages": list(messages), **(fields or {}), **given}

    def request(self, url: str, body: Mapping[str, Any] | None, read: Callable[[bytes], T]) -> T:
        """What `read` makes of the content that the server answers with.

        Args:
            url: of the request, at this endpoint's server.
            body: is posted as JSON; None: the request is a GET.
            read: takes the content; its ValueError says that the answer is of no use, and the request is made again.

        Raises:
            ChatError: no answer after all attempts, or a refusal.
        """
        try:
            return Retrying(**self._again())(self._attempt, url, _json_bytes(body), read)
        except _PassingError as error:
            raise self._failed(url, error) from error

    async def request_async(self, url: str, body: Mapping[str, Any] | None, read: Callable[[bytes], T]) -> T:
        """Like `request`; others go on while it waits."""
        try:
            return await AsyncRetrying(**self._again())(self._attempt_async, url, _json_bytes(body), read)
        except _PassingError as error:
            raise self._failed(url, error) from error

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    async def close_async(self) -> None:
        """Closes the coroutines' connections, on their event loop."""
        await self._async_client.aclose()

    def _again(self) -> dict[str, Any]:
        """When a request is made again."""
        return {
            "stop": stop_after_attempt(self.options.attempts),
            "wait": self._wait_s,
            "retry": retry_if_exception_type(_PassingError),
            "reraise": True,
        }

    def _failed(self, url: str, error: _PassingError) -> ChatError:
        """What is raised after the last attempt."""
        options = self.options
        return ChatError(
            f"{self._who} at {url} failed {options.attempts} times; the last: {error}. Is the server up? More "
            f"attempts than {options.attempts} or a longer timeout_s than {options.timeout_s} may help"
        )

    def _wait_s(self, state: RetryCallState) -> float:
        failure = state.outcome.exception() if state.outcome else None
        asked = getattr(failure, "wait_s", None)
        return min(self._backoff(state) if asked is None else asked, self.options.longest_wait_s)

    def _attempt(self, url: str, body: bytes | None, read: Callable[[bytes], T]) -> T:
        with self._passing():
            deadline, content = self._deadline_s(), bytearray()
            with self._client.stream("GET" if body is None else "POST", url, content=body) as response:
                for part in response.iter_bytes():
                    self._keep(content, part, deadline)
        return self._read(url, response, bytes(content), read)

    async def _attempt_async(self, url: str, body: bytes | None, read: Callable[[bytes], T]) -> T:
        with self._passing():
            deadline, content = self._deadline_s(), bytearray()
            async with self._async_client.stream("GET" if body is None else "POST", url, content=body) as response:
                async for part in response.aiter_bytes():
                    self._keep(content, part, deadline)
        return self._read(url, response, bytes(content), read)

    def _read(self, url: str, response: httpx2.Response, content: bytes, read: Callable[[bytes], T]) -> T:
        """What `read` makes of an answer."""
        status, headers = response.status_code, response.headers
        if status in _PASSING or status >= 500:
            raise _PassingError(f"status {status}: {self._shown(content, 200)}", _retry_after_s(headers))
        if not 200 <= status < 300:
            key = f"${self.options.api_key_env}" + ("" if self.key else ", which is not set")
            raise ChatError(
                f"{self._who} at {url} answered {status}: {self._shown(content, 300)}. Check the model name "
                f"({self.options.model!r}), the API key ({key}) and the options",
                status,
                self._shown(content),
            )
        try:
            return read(content)
        except ValueError as error:
            raise _PassingError(f"{error}: {self._shown(content, 200)}") from error

    def _deadline_s(self) -> float:
        return time.monotonic() + self.options.timeout_s

    def _keep(self, content: bytearray, part: bytes, deadline_s: float) -> None:
        """Adds a part to an answer, which has a limit on its size and on its time."""
        content += part
        if len(content) > _LONGEST_REPLY:
            raise _PassingError(f"a reply of more than {_LONGEST_REPLY} bytes")
        if time.monotonic() > deadline_s:  # some servers send spaces while they are busy
            raise _PassingError(f"no whole answer within {self.options.timeout_s} s")

    @contextmanager
    def _passing(self) -> Iterator[None]:
        """Around one request: failures of the connection may pass."""
        try:
            yield
        except httpx2.TimeoutException as error:
            raise _PassingError(f"no answer within {self.options.timeout_s} s ({type(error).__name__})") from error
        except httpx2.HTTPError as error:
            raise _PassingError(f"{type(error).__name__}: {error}") from error

    def _shown(self, content: bytes, longest: int | None = None) -> str:
        """What the server said, for people to read; servers have been seen to repeat the key."""
        text = content.decode(errors="replace")
        if self.key and len(self.key) >= _SHORTEST_SECRET:
            text = text.replace(self.key, "***")
        return text[:longest]


def _json_bytes(body: Mapping[str, Any] | None) -> bytes | None:
    """A request's content: ASCII, so that text with lone surrogates can be sent."""
    return None if body is None else json.dumps(body).encode()


def was_cut(choice: Mapping[str, Any]) -> bool:
    """Whether a completion's choice was stopped before its end: by a limit on its length, or by a filter."""
    return str(choice.get("finish_reason")).lower() in _CUT


def says_context_is_full(error: ChatError) -> bool:
    """Whether a request was refused because its conversation is longer than what the model reads."""
    return error.status in (400, 413, 422) and _FULL.search(error.text) is not None


def usage_of(choice: Mapping[str, Any]) -> tuple[int, int] | None:
    """Tokens read and written for a completion's choice; None where the server does not count them."""
    usage = choice.get("usage")
    found = [usage.get(name) for name in ("prompt_tokens", "completion_tokens")] if isinstance(usage, dict) else []
    counts = [each for each in found if type(each) is int and 0 <= each < 2**63]
    return (counts[0], counts[1]) if len(counts) == 2 else None


def _checked_key(key: str | None, variable: str) -> str:
    """The key without the newline that files end with; empty where there is none."""
    key = (key or "").strip()
    if not key.isascii() or not key.isprintable():
        raise ConfigError(f"The API key has characters that no key has: set ${variable} anew")
    return key


def _checked_url(base_url: str) -> httpx2.URL:
    """Where an endpoint's paths begin."""
    try:
        url = httpx2.URL(base_url.rstrip("/"))
    except httpx2.InvalidURL as error:
        raise ConfigError(f"base_url is no URL: {error}. An example: http://127.0.0.1:8000/v1") from error
    if url.scheme not in ("http", "https") or not url.host:
        raise ConfigError("base_url must begin with http:// or https:// and a host: http://127.0.0.1:8000/v1, say")
    return url


def _first_choice(content: bytes) -> dict[str, Any]:
    """The first choice of a chat completion, with the completion's `usage`, where it has one.

    Raises:
        ValueError: it is none, or one that the server did not finish.
    """
    try:
        completion = json.loads(content)
        choice = completion["choices"][0]
    except (ValueError, LookupError, TypeError, RecursionError):
        completion, choice = {}, None
    if not isinstance(choice, dict) or not isinstance(choice.get("message"), dict):
        raise ValueError("no chat completion")
    if str(choice.get("finish_reason")).lower() in _BROKEN:
        raise ValueError(f"the server broke the answer off ({choice['finish_reason']})")
    usage = completion.get("usage")
    return {**choice, "usage": usage} if isinstance(usage, dict) else choice


def _retry_after_s(headers: httpx2.Headers) -> float | None:
    """Seconds that the server asks to wait, where it says so: as seconds or as a date."""
    said = headers.get("retry-after", "")
    try:
        return max(0.0, float(said))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(said).timestamp() - time.time())
    except ValueError:
        return None
