"""A user played by a language model behind any OpenAI-compatible chat endpoint."""

import os
from dataclasses import dataclass
from typing import Any

from toolgym.errors import ChatError, ConfigError, UserModelError
from toolgym.formats.openai import read_content
from toolgym.messages import said
from toolgym.openai_client import ChatClient, ChatOptions, was_cut
from toolgym.tasks import Task
from toolgym.users.base import User, UserReply

__all__ = ["LLMUser", "LLMUserOptions"]

_END = "[END]"
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
class LLMUserOptions(ChatOptions):
    """How the user's model is reached. `user="llm"` takes these from the environment (see `from_environment`)."""

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
        return cls(model=model, base_url=os.environ.get("TOOLGYM_USER_BASE_URL"))


class LLMUser(User):
    """Talks as the task's user would; ends the conversation by the marker that its instructions name.

    The opening is the script's (or the request), so a reset needs no network. Each reply is one HTTP request; a fork
    copies the conversation and shares the connection pool. A reply that is empty, all thought or cut at `max_tokens` is
    asked for again; after `attempts` of them the user has failed, and with it the infrastructure.
    """

    suspends = True

    def __init__(self, options: LLMUserOptions):
        self.options = options
        self._chat = ChatClient(options, "The user's model")
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
        try:
            text = self._chat.ask(messages, self._read)
        except ChatError as error:
            raise UserModelError(str(error)) from error
        self._messages = [*messages, {"role": "assistant", "content": text}]
        done = _END in text
        return UserReply(text.replace(_END, "").strip() or None, done=done)

    def _read(self, choice: dict[str, Any]) -> str:
        """What the user says. What its model thinks is not said, and cannot end the conversation.

        Raises:
            ValueError: nothing was said, or not to its end: the model is asked again.
        """
        if was_cut(choice):
            raise ValueError(f"the reply was cut off before its end (max_tokens={self.options.max_tokens})")
        _, text = read_content(choice["message"].get("content"))
        words = said(text or "").strip()
        if not words:
            raise ValueError("the reply says nothing")
        return words

    async def reply_async(self, response: str) -> UserReply:
        # A thread of the loop's executor waits for the endpoint, so that one client (and its pool) serves both ways.
        import asyncio

        return await asyncio.to_thread(self.reply, response)

    def fork(self) -> "LLMUser":
        twin = LLMUser.__new__(LLMUser)
        twin.options, twin._chat, twin._messages = self.options, self._chat, self._messages
        return twin
