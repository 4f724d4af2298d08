"""A user played by a language model behind any OpenAI-compatible chat endpoint."""

import os
import time
from dataclasses import dataclass
from typing import Any

import httpx2

from toolgym.errors import ConfigError, UserModelError
from toolgym.tasks import Task
from toolgym.users.base import User, UserReply

__all__ = ["LLMUser", "LLMUserOptions"]

_END = "[END]"
_RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_INSTRUCTIONS = """\
You play a customer who talks to a service agent. Stay in this role.

What you want:
{request}
{facts}
Rules:
- Write one short message at a time, in your own words. Give only what the agent asks for.
- Never invent details that are not above; if asked for something else, say that you do not know.
- {confirm}
- When what you want is done, or the agent has made clear that it will not be done, answer with {end} and nothing else.
"""


@dataclass(frozen=True)
class LLMUserOptions:
    """How the user's model is reached. `user="llm"` takes these from the environment (see `from_environment`)."""

    model: str
    base_url: str = "https://api.openai.com/v1"
    api_key_env: str = "OPENAI_API_KEY"
    """The environment variable that holds the key; an unset one sends no key (local servers want none)."""
    timeout_s: float = 60.0
    max_retries: int = 3
    backoff_s: float = 0.5
    """The first pause between attempts; it doubles each time."""
    temperature: float = 0.0
    max_tokens: int = 256
    seed: int = 0

    @classmethod
    def from_environment(cls, model: str | None = None) -> "LLMUserOptions":
        """Options from `TOOLGYM_USER_MODEL` and `TOOLGYM_USER_BASE_URL` (or `OPENAI_BASE_URL`).

        Raises:
            ConfigError: no model was named.
        """
        model = model or os.environ.get("TOOLGYM_USER_MODEL")
        if not model:
            raise ConfigError('user="llm" needs a model: write user="llm:MODEL" or set TOOLGYM_USER_MODEL')
        url = os.environ.get("TOOLGYM_USER_BASE_URL") or os.environ.get("OPENAI_BASE_URL") or cls.base_url
        return cls(model=model, base_url=url)


class LLMUser(User):
    """Talks as the task's user would; ends the conversation by the marker that its instructions name.

    The opening is the script's (or the request), so a reset needs no network. Each reply is one HTTP request; a fork
    copies the conversation and shares the connection pool.
    """

    suspends = True

    def __init__(self, options: LLMUserOptions):
        self.options = options
        self._client = httpx2.Client(timeout=options.timeout_s)
        self._messages: list[dict[str, str]] = []

    def start(self, task: Task) -> str:
        opening = task.user.opening or task.request
        facts = "".join(f"- {topic}: {answer}\n" for topic, answer in task.user.facts.items())
        confirm = (
            "If the agent asks whether to go ahead with what you want, say yes."
            if task.user.confirms
            else "If the agent asks whether to go ahead, say no."
        )
        instructions = _INSTRUCTIONS.format(
            request=task.request, facts=f"\nWhat you know:\n{facts}" if facts else "", confirm=confirm, end=_END
        )
        self._messages = [{"role": "system", "content": instructions}, {"role": "assistant", "content": opening}]
        return opening

    def reply(self, response: str) -> UserReply:
        messages = [*self._messages, {"role": "user", "content": response}]
        text = self._complete(messages).strip()
        self._messages = [*messages, {"role": "assistant", "content": text}]
        done = _END in text
        said = text.replace(_END, "").strip()
        return UserReply(said or None, done=done)

    async def reply_async(self, response: str) -> UserReply:
        # A thread of the loop's executor waits for the endpoint, so that one client (and its pool) serves both ways.
        import asyncio

        return await asyncio.to_thread(self.reply, response)

    def fork(self) -> "LLMUser":
        twin = LLMUser.__new__(LLMUser)
        twin.options, twin._client, twin._messages = self.options, self._client, self._messages
        return twin

    def _complete(self, messages: list[dict[str, str]]) -> str:
        """The endpoint's answer, after retries.

        Raises:
            UserModelError: it gave none.
        """
        options = self.options
        key = os.environ.get(options.api_key_env)
        body: dict[str, Any] = {
            "model": options.model,
            "messages": messages,
            "temperature": options.temperature,
            "max_tokens": options.max_tokens,
            "seed": options.seed,
        }
        url, headers = (
            f"{options.base_url.rstrip('/')}/chat/completions",
            {"Authorization": f"Bearer {key}"} if key else {},
        )
        problem = ""
        for attempt in range(options.max_retries + 1):
            if attempt:
                time.sleep(options.backoff_s * 2 ** (attempt - 1))
            try:
                answer = self._client.post(url, json=body, headers=headers)
            except httpx2.TimeoutException:
                problem = f"no answer within {options.timeout_s} s"
                continue
            except httpx2.HTTPError as error:
                problem = f"{type(error).__name__}: {error}"
                continue
            if answer.status_code in _RETRIED:
                problem = f"status {answer.status_code}"
                continue
            return _content(answer, url)
        raise UserModelError(f"The user's model at {url} failed {options.max_retries + 1} times; the last: {problem}")


def _content(answer: httpx2.Response, url: str) -> str:
    """The first choice's text.

    Raises:
        UserModelError: the endpoint refused, or answered in another shape.
    """
    if answer.status_code != 200:
        raise UserModelError(f"The user's model at {url} answered {answer.status_code}: {answer.text[:300]}")
    try:
        content = answer.json()["choices"][0]["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError):
        raise UserModelError(f"The user's model at {url} gave no chat completion: {answer.text[:300]}") from None
    return content if isinstance(content, str) else ""
