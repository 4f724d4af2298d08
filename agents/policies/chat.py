"""What a model reads: the environment's messages in the model's own chat template, as token ids.

Only the environment's side is ever rendered. The model's turns stay as the ids that it sampled, so a reply is rendered
as the *difference* that it makes behind a placeholder turn, which every chat template allows.

Templates differ in what they take: some refuse the system role or the tool role, or leave out what they do not know,
and some want user and assistant in turns. What a template does with each is tried out once, and messages are brought
into roles that it takes.
"""

import re
from dataclasses import dataclass
from itertools import product
from typing import Any, cast

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from toolgym.agents.policies.tokenizer import scalar_text
from toolgym.errors import ConfigError

__all__ = ["ChatFormat", "Roles", "set_thinking"]

_PLACEHOLDER = "toolgym placeholder turn"
_ASK = {"role": "user", "content": "toolgym placeholder question"}
_TURN = {"role": "assistant", "content": _PLACEHOLDER}
_DATE = "26 Jul 2024"  # what Llama's templates write where no date is given: a prompt must not change overnight
_OPEN_THOUGHT = re.compile(r"<think>\s*$")
_THINKING = re.compile(r"^\{%- set enable_thinking = (true|false) -?%\}")


def set_thinking(tokenizer: PreTrainedTokenizerBase, thinking: bool) -> None:
    """Writes into the chat template whether the model thinks before it answers, so that it is saved with the model.

    Raises:
        ConfigError: the template has no such switch (`enable_thinking`).
    """
    template = tokenizer.chat_template
    if not isinstance(template, str) or "enable_thinking" not in template:
        raise ConfigError(
            "the model's chat template has no enable_thinking, so thinking cannot be switched; leave out --thinking "
            "and --no-thinking"
        )
    switch = "{%- set enable_thinking = " + ("true" if thinking else "false") + " %}"
    tokenizer.chat_template = switch + _THINKING.sub("", template)


@dataclass(frozen=True)
class Roles:
    """Which roles a chat template takes."""

    system: bool = True
    """Otherwise the system's text begins the first user message."""
    tool: bool = True
    """Otherwise a tool's result is a user message, in `<tool_response>` tags."""
    same_twice: bool = True
    """Whether two user messages may follow one another; otherwise they become one."""

    def adapt(self, messages: list[dict[str, str]]) -> list[dict[str, str]]:
        """The messages in these roles."""
        out: list[dict[str, str]] = []
        for message in messages:
            role, content = message["role"], message["content"]
            if role == "tool" and not self.tool:
                role, content = "user", f"<tool_response>{content}</tool_response>"
            follows = bool(out) and role == "user"
            if follows and out[-1]["role"] == "system" and not self.system:
                out[-1] = {"role": "user", "content": out[-1]["content"] + "\n\n" + content}
            elif follows and out[-1]["role"] == "user" and not self.same_twice:
                out[-1] = {"role": "user", "content": out[-1]["content"] + "\n" + content}
            else:
                out.append({**message, "role": role, "content": content})
        return out


def _say(role: str, number: int) -> dict[str, str]:
    return {"role": role, "content": f"toolgym placeholder message {number}"}


_SHAPES = (
    [_say("system", 0), _say("user", 1)],
    [_ASK, _TURN, _say("tool", 0), _say("tool", 1)],
    [_ASK, _TURN, _say("user", 0), _say("user", 1)],
    [_ASK, _TURN, _say("tool", 0), _say("user", 1)],
)
"""What environments say: an opening, several results, several messages of the user's, and both."""


class ChatFormat:
    """Renders openings and replies for one tokenizer.

    Raises:
        ConfigError: the tokenizer has no chat template, or one that leaves assistant turns or what the environment says
            out in every form.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase):
        self.tokenizer = tokenizer
        if not getattr(tokenizer, "chat_template", None):
            raise ConfigError(
                "the tokenizer has no chat template; set tokenizer.chat_template or use an instruct model"
            )
        added = getattr(tokenizer, "added_tokens_decoder", {})
        special = {*tokenizer.all_special_tokens, *(token.content for token in added.values() if token.special)}
        control = sorted((token for token in special if len(token) > 1), key=len, reverse=True)
        self._control = re.compile("|".join(re.escape(token) for token in control)) if control else None
        try:
            closed = self._render([_ASK, _TURN], prompt=False)
        except Exception as error:  # a template's own error, or one of Jinja's or of what it calls
            raise ConfigError(f"the chat template does not render a question and its answer: {error}") from error
        at = closed.rfind(_PLACEHOLDER)
        if at < 0:
            raise ConfigError("the chat template does not render assistant turns")
        self._closed = closed
        self._tail = closed[at + len(_PLACEHOLDER) :]
        """What the template writes after an assistant turn: the end-of-turn token, and perhaps a newline."""
        self._end = self._end_of_turn()
        self.roles = self._find_roles()
        thought = _OPEN_THOUGHT.search(self._render([_ASK], prompt=True))
        self.begins = thought.group() if thought else ""
        """What of each turn the template itself writes: some open a `<think>` that the model only closes."""

    def _find_roles(self) -> Roles:
        """The roles nearest to what environments say with which the template renders all of it.

        Raises:
            ConfigError: there are none.
        """
        tried = [Roles(*given) for given in product((True, False), repeat=3)]
        for roles in sorted(tried, key=lambda roles: (not roles.system) + (not roles.tool) + (not roles.same_twice)):
            if all(self._takes(roles.adapt(shape)) for shape in _SHAPES):
                return roles
        raise ConfigError(
            "the chat template renders neither tool results nor user messages behind an assistant turn; set another "
            "tokenizer.chat_template or use another instruct model"
        )

    def _takes(self, messages: list[dict[str, str]]) -> bool:
        """Whether the template renders every message, in order."""
        try:
            text = self._render(messages, prompt=True)
        except Exception:  # templates raise errors of their own, and Jinja, Python and this library theirs
            return False
        at = 0
        for line in "\n".join(message["content"] for message in messages).split("\n"):
            at = text.find(line, at)
            if at < 0:
                return False
        return True

    def _end_of_turn(self) -> str:
        """The token that ends a turn: the first control token of the tail, or eos."""
        found = self._control.search(self._tail) if self._control else None
        if found and found.start() <= len(self._tail) - len(self._tail.lstrip()):
            return found.group()
        return cast(str, self.tokenizer.eos_token)

    def stop_ids(self, model: PreTrainedModel | None = None) -> tuple[int, ...]:
        """Ids that end a turn: the template's end-of-turn token, eos, and those that the model declares."""
        ids: set[Any] = {self.end_id, cast(Any, self.tokenizer.eos_token_id)}
        declared = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
        ids.update(declared if isinstance(declared, list) else [declared])
        return tuple(sorted(token for token in ids if isinstance(token, int)))

    @property
    def end_id(self) -> int:
        """The id of the end-of-turn token."""
        return cast(int, self.tokenizer.convert_tokens_to_ids(self._end))

    def opening(self, observation: str, info: dict[str, Any]) -> list[int]:
        """The ids of an episode's start, up to where the assistant begins to write."""
        messages = info.get("messages") or [{"role": "user", "content": observation}]
        return self._encode(self._render(self.roles.adapt(self._clean(messages)), prompt=True))

    def reply(self, observation: str, info: dict[str, Any], *, closed: bool) -> list[int]:
        """The ids that follow an assistant turn: its frame's rest, the new messages, the start of the next turn.

        Args:
            observation: the environment's answer.
            info: its info; `info["messages"]` holds the new messages.
            closed: whether the turn ended with its end-of-turn token; it is added otherwise.
        """
        messages = info.get("messages") or [{"role": "user", "content": observation}]
        after = self._render([_ASK, _TURN, *self.roles.adapt(self._clean(messages))], prompt=True)
        at = after.find(_PLACEHOLDER)
        rest = after[at + len(_PLACEHOLDER) :]
        if closed and rest.startswith(self._end):
            rest = rest[len(self._end) :]
        return self._encode(rest)

    def _clean(self, messages: list[dict[str, Any]]) -> list[dict[str, str]]:
        """Role and content of each message, as Unicode, with control tokens in it broken up: text is never a marker."""
        out = []
        for message in messages:
            content = scalar_text(str(message.get("content") or ""))
            if self._control is not None:
                content = self._control.sub(lambda found: found.group()[0] + " " + found.group()[1:], content)
            out.append({"role": message["role"], "content": content})
        return out

    def _render(self, messages: list[dict[str, str]], *, prompt: bool) -> str:
        text = self.tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=prompt, date_string=_DATE
        )
        return cast(str, text)

    def _encode(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]  # pyright: ignore[reportReturnType]
