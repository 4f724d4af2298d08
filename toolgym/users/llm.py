"""A user played by a language model behind any OpenAI-compatible chat endpoint."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from toolgym.errors import ChatError, ConfigError, UserModelError
from toolgym.formats.openai import read_call, read_content
from toolgym.messages import said
from toolgym.observations import openai_tools
from toolgym.openai_client import ChatClient, ChatOptions, was_cut
from toolgym.tasks import Task
from toolgym.users.base import User, UserReply, UserTools

__all__ = ["LLMUser", "LLMUserOptions"]

_END = "[END]"
_INSTRUCTIONS = """\
You play a customer who talks to a service agent. Stay in this role.

What you want:
{request}
{facts}{symptoms}
Rules:
- Write one short message at a time, in your own words. Give only what the agent asks for.
- Never invent details that are not above; if asked for something else, say that you do not know.
- {confirm}{tools}
- When what you want is done, or the agent has made clear that it will not be done, answer with {end} and nothing else.
"""
_TOOLS = """
- Your tools are what you yourself can do and look at. Use them when the agent asks you to do or to look at something,
  and never otherwise; then say in words what came of it. The agent sees nothing of them but what you say."""
_MOST_CALLS = 16
"""Calls of one message that are made."""


@dataclass(frozen=True)
class LLMUserOptions(ChatOptions):
    """How the user's model is reached. `user="llm"` takes these from the environment (see `from_environment`)."""

    temperature: float = 0.0
    max_tokens: int = 256
    seed: int = 0
    max_rounds: int = 8
    """How often the user may call tools of its own before it has to speak; calls of one message are one round."""

    @classmethod
    def from_environment(cls, model: str | None = None) -> "LLMUserOptions":
        """Options from `TOOLGYM_USER_MODEL` and `TOOLGYM_USER_BASE_URL` (or `OPENAI_BASE_URL`).

        Raises:
            ConfigError: no model was named.
        """
        model = model or os.environ.get("TOOLGYM_USER_MODEL")
        if not model:
            raise ConfigError(
                'user="llm" needs a model: write user="llm:MODEL" or set TOOLGYM_USER_MODEL; '
                'user="scripted" takes no model, and is for the gold chains'
            )
        return cls(model=model, base_url=os.environ.get("TOOLGYM_USER_BASE_URL"))


class LLMUser(User):
    """Talks as the task's user would; ends the conversation by the marker that its instructions name.

    The opening is the script's (or the request), so a reset needs no network. Each reply is one HTTP request, and one
    more after each round of calls where the user has tools of its own (they go in the request's `tools`). A fork copies
    the conversation and shares the connection pool. A reply that is empty, all thought or cut at `max_tokens` is asked
    for again; after `attempts` of them the user has failed, and with it the infrastructure.
    """

    suspends = True

    def __init__(self, options: LLMUserOptions):
        self.options = options
        self._chat = ChatClient(options, "The user's model")
        self._messages: list[dict[str, Any]] = []

    def start(self, task: Task) -> str:
        symptoms = task.user.symptoms
        opening = task.user.opening or symptoms or task.request
        facts = "".join(f"- {topic}: {answer}\n" for topic, answer in task.user.facts.items())
        confirm = (
            "If the agent asks whether to go ahead with what you want, say yes."
            if task.user.confirms
            else "If the agent asks whether to go ahead, say no."
        )
        instructions = _INSTRUCTIONS.format(
            request=task.request,
            facts=f"\nWhat you know:\n{facts}" if facts else "",
            symptoms=f"\nWhat you have noticed:\n- {symptoms}\n" if symptoms else "",
            confirm=confirm,
            tools="" if self.tools is None else _TOOLS,
            end=_END,
        )
        self._messages = [{"role": "system", "content": instructions}, {"role": "assistant", "content": opening}]
        return opening

    def reply(self, response: str) -> UserReply:
        messages = [*self._messages, {"role": "user", "content": response}]
        try:
            if self.tools is None:
                text = self._chat.ask(messages, self._read)
            else:
                text = self._after_acting(messages, self.tools)
        except ChatError as error:
            raise UserModelError(str(error)) from error
        self._messages = [*messages, {"role": "assistant", "content": text}]
        done = _END in text
        return UserReply(text.replace(_END, "").strip() or None, done=done)

    def _after_acting(self, messages: list[dict[str, Any]], tools: UserTools) -> str:
        """What the user says after the calls that it makes, which are appended to `messages` with their results."""
        offered = openai_tools(tools.specs)
        for _ in range(self.options.max_rounds):
            answer = self._chat.ask(messages, self._read_or_calls, {"tools": offered})
            if isinstance(answer, str):
                return answer
            messages += _made(answer, tools, len(messages))
        return self._chat.ask(messages, self._read, {"tools": offered, "tool_choice": "none"})

    def _read_or_calls(self, choice: dict[str, Any]) -> str | list[Any]:
        """The tool calls of a message, or what it says; raises as `_read` does."""
        calls = choice["message"].get("tool_calls")
        if isinstance(calls, list) and calls and not was_cut(choice):
            return calls[:_MOST_CALLS]
        return self._read(choice)

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


def _made(calls: Sequence[Any], tools: UserTools, position: int) -> list[dict[str, Any]]:
    """Makes a message's calls; returns that message and the results, as the endpoint wants them in the conversation.

    A call that cannot be read is told so, and is none. Ids are made from the message's position in the conversation:
    endpoints refuse one that is missing, or that came before.
    """
    asked, results = [], []
    for number, item in enumerate(calls):
        call = read_call(item)
        id = f"call_{position}_{number}"
        if isinstance(call, str):
            name, arguments, text = "unreadable", "{}", call
        else:
            name, arguments = call.name, json.dumps(call.arguments)
            text = tools.call(call.name, call.arguments).text
        asked.append({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}})
        results.append({"role": "tool", "tool_call_id": id, "content": text})
    return [{"role": "assistant", "content": "", "tool_calls": asked}, *results]
