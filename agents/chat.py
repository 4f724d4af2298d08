"""What a model reads: the environment's messages in the model's own chat template, as token ids.

Only the environment's side is ever rendered. The model's turns stay as the ids that it sampled, so a reply is rendered
as the *difference* that it makes behind a placeholder turn, which every chat template allows.
"""

import re
from typing import Any, cast

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from toolgym.agents.tokenizer import scalar_text
from toolgym.errors import ConfigError

__all__ = ["ChatFormat"]

_PLACEHOLDER = "toolgym placeholder turn"
_ASK = {"role": "user", "content": "toolgym placeholder question"}


class ChatFormat:
    """Renders openings and replies for one tokenizer.

    Raises:
        ConfigError: the tokenizer has no chat template, or one that leaves assistant turns out.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase):
        self.tokenizer = tokenizer
        if not getattr(tokenizer, "chat_template", None):
            raise ConfigError(
                "the tokenizer has no chat template; set tokenizer.chat_template or use an instruct model"
            )
        control = sorted({token for token in tokenizer.all_special_tokens if len(token) > 1}, key=len, reverse=True)
        self._control = re.compile("|".join(re.escape(token) for token in control)) if control else None
        closed = self._render([_ASK, {"role": "assistant", "content": _PLACEHOLDER}], prompt=False)
        at = closed.rfind(_PLACEHOLDER)
        if at < 0:
            raise ConfigError("the chat template does not render assistant turns")
        self._closed = closed
        self._tail = closed[at + len(_PLACEHOLDER) :]
        """What the template writes after an assistant turn: the end-of-turn token, and perhaps a newline."""
        self._end = self._end_of_turn()

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
        return self._encode(self._render(self._clean(messages), prompt=True))

    def reply(self, observation: str, info: dict[str, Any], *, closed: bool) -> list[int]:
        """The ids that follow an assistant turn: its frame's rest, the new messages, the start of the next turn.

        Args:
            observation: the environment's answer.
            info: its info; `info["messages"]` holds the new messages.
            closed: whether the turn ended with its end-of-turn token; it is added otherwise.
        """
        messages = info.get("messages") or [{"role": "user", "content": observation}]
        before = [_ASK, {"role": "assistant", "content": _PLACEHOLDER}]
        after = self._render([*before, *self._clean(messages)], prompt=True)
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
        return cast(str, self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=prompt))

    def _encode(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]  # pyright: ignore[reportReturnType]
