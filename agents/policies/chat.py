"""What a model reads: the environment's messages in the model's own chat template, as token ids.

Only the environment's side is ever rendered. The model's turns stay as the ids that it sampled, so a reply is rendered
as the *difference* that it makes behind a placeholder turn, which every chat template allows.

Templates differ in what they take: some refuse the system role or the tool role, or leave out what they do not know,
and some want user and assistant in turns. What a template does with each is tried out once, and messages are brought
into roles that it takes.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, cast

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from toolgym.agents.policies.tokenizer import scalar_text
from toolgym.errors import ConfigError, did_you_mean
from toolgym.formats.tagged import OPEN_THOUGHT

__all__ = ["ChatFormat", "Roles", "set_thinking", "set_tool_role"]

_PLACEHOLDER = "toolgym placeholder turn"
_ASK = {"role": "user", "content": "toolgym placeholder question"}
_TURN = {"role": "assistant", "content": _PLACEHOLDER}
_SOMETHING = ("a", "0", ".", "\n")
"""Texts in the place of an unknown one, the first of which shares no token with what follows is taken."""
_DATE = "26 Jul 2024"  # what Llama's templates write where no date is given: a prompt must not change overnight
_MARK = re.compile(r"</?[a-z_]+>|\[/?[A-Z_]+\]|<\|[^<>|\s]+\|>|<｜[^<>｜\s]+｜>")
"""What templates write around turns, results and calls, where it is no token of its own."""
_FRAME_TOKENS = 32  # more than the longest tag and what may stand behind it, where each character is a token
_THINKING = re.compile(r"^\{%- set enable_thinking = (true|false) -?%\}")
_TOOL_ROLE = re.compile(r"\{#- toolgym: tool results are (tool|user) messages -?#\}")


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


def set_tool_role(tokenizer: PreTrainedTokenizerBase, role: str) -> None:
    """Notes in the chat template, in a comment, which role tools' results have, so that it is saved with the model.

    Many templates write any role that they are given, also one that the model was never trained on.

    Raises:
        ConfigError: the role is neither `tool` nor `user`, or there is no template.
    """
    if role not in ("tool", "user"):
        raise ConfigError(did_you_mean(role, ("tool", "user"), "role of tools' results"))
    template = tokenizer.chat_template
    if not isinstance(template, str):
        raise ConfigError("the tokenizer has no chat template; set tokenizer.chat_template or use an instruct model")
    note = "{#- toolgym: tool results are " + role + " messages #}"
    tokenizer.chat_template = _TOOL_ROLE.sub("", template) + note


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


@dataclass(frozen=True)
class Frame:
    """What a chat template writes around an assistant's turn."""

    ends: tuple[str, ...]
    """Tokens that close the frame. None: the marker of the next message ends a turn, as in GLM's templates."""
    after_calls: str
    """The token that ends a turn with tool calls."""
    after_words: str
    """The token that ends another turn."""
    space_before: str = ""
    """White space before what is said, which the start of a turn does not have."""
    space_behind: str = ""
    """White space between what is said and the token that ends it."""


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
        template = str(tokenizer.chat_template)
        marks = sorted({*control, *_MARK.findall(template)}, key=len, reverse=True)
        self._marks = re.compile("|".join(re.escape(mark) for mark in marks)) if marks else None
        try:
            closed = self._render([_ASK, _TURN], prompt=False)
        except Exception as error:  # a template's own error, or one of Jinja's or of what it calls
            raise ConfigError(f"the chat template does not render a question and its answer: {error}") from error
        at = closed.rfind(_PLACEHOLDER)
        if at < 0:
            raise ConfigError("the chat template does not render assistant turns")
        self.roles = self._find_roles()
        self._prompt = self._render([_ASK], prompt=True)
        self.frame = self._find_frame(closed[:at], closed[at + len(_PLACEHOLDER) :])

    def _find_roles(self) -> Roles:
        """The roles nearest to what environments say with which the template renders all of it.

        Raises:
            ConfigError: there are none.
        """
        asked = _TOOL_ROLE.search(str(self.tokenizer.chat_template))
        tool = (True, False) if asked is None else (asked[1] == "tool",)
        tried = [Roles(*given) for given in product((True, False), tool, (True, False))]
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

    def _find_frame(self, before: str, tail: str) -> "Frame":
        """What the template writes around a turn.

        Args:
            before: what it writes up to the answer to a question.
            tail: what it writes behind that answer.

        Raises:
            ConfigError: no token ends a turn.
        """
        question = before.rfind(_ASK["content"])
        header, between = before[:question], before[question:]
        own, after_calls, after_words = (
            self._marker(text) for text in (tail, self._rest([_say("tool", 0)]), self._rest([_say("user", 0)]))
        )
        # A marker that also begins a user's message, and ends none, is the next message's: nothing ends the turn.
        behind = after_calls if after_calls == after_words else None
        if behind is not None and behind[1] in header and behind[1] not in between:
            behind = None
        ends = tuple(dict.fromkeys(marker for _, marker in filter(None, (own, behind))))
        lead = before.removeprefix(self._prompt)
        space = (lead if lead.isspace() else "", (own or behind or ("", ""))[0])
        if not ends and after_calls is not None and after_words is not None:
            return Frame((), after_calls[1], after_words[1], *space)
        end = ends[0] if ends else cast(str | None, self.tokenizer.eos_token)
        if end is None:
            raise ConfigError(
                "neither the chat template nor the tokenizer has a token that ends a turn; set eos_token in "
                "tokenizer_config.json"
            )
        return Frame(ends or (end,), end, end, *space)

    def _marker(self, text: str) -> tuple[str, str] | None:
        """The control token that a text begins with, and the white space before it."""
        found = self._control.search(text) if self._control else None
        space = text[: found.start()] if found else ""
        return (space, found.group()) if found and not space.strip() else None

    def _rest(self, messages: list[dict[str, str]]) -> str:
        """What follows an assistant turn where these messages do: its frame's rest, they, and the next turn's start."""
        after = self._render([_ASK, _TURN, *self.roles.adapt(messages)], prompt=True)
        return after[after.find(_PLACEHOLDER) + len(_PLACEHOLDER) :]

    def _id(self, token: str) -> int:
        return cast(int, self.tokenizer.convert_tokens_to_ids(token))

    def stop_ids(self, model: PreTrainedModel | None = None) -> tuple[int, ...]:
        """Ids that end a turn: those of the template's frame, eos, and those that the model declares."""
        frame = (*self.frame.ends, self.frame.after_calls, self.frame.after_words)
        ids: set[Any] = {*map(self._id, frame), cast(Any, self.tokenizer.eos_token_id)}
        declared = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
        ids.update(declared if isinstance(declared, list) else [declared])
        return tuple(sorted(token for token in ids if isinstance(token, int)))

    @property
    def end_id(self) -> int:
        """The id of the token that ends a turn without tool calls."""
        return self._id(self.frame.after_words)

    def turn(self, text: str, *, calls: bool) -> tuple[str, list[int]]:
        """A turn as the template writes it, and its ids, the one that ends it included.

        Args:
            text: what is said.
            calls: whether tools are called in it: some templates end such a turn by another token.
        """
        framed = self.frame.space_before + text + self.frame.space_behind
        end = self.frame.after_calls if calls else self.frame.after_words
        return framed, [*self._encode(framed, self._prompt), self._id(end)]

    def begins(self, ids: Sequence[int]) -> str:
        """What of the turn behind a context the template has written: a thought that the model only closes, or nothing.

        Templates open one behind some messages and not behind others, so it is read from each context's end.
        """
        thought = OPEN_THOUGHT.search(cast(str, self.tokenizer.decode(list(ids[-_FRAME_TOKENS:]))))
        return thought.group() if thought else ""

    def opening(self, observation: str, info: dict[str, Any]) -> list[int]:
        """The ids of an episode's start, up to where the assistant begins to write."""
        messages = info.get("messages") or [{"role": "user", "content": observation}]
        return self._encode(self._render(self.roles.adapt(self._clean(messages)), prompt=True))

    def reply(self, observation: str, info: dict[str, Any], *, closed: bool, by: int | None = None) -> list[int]:
        """The ids that follow an assistant turn: its frame's rest, the new messages, the start of the next turn.

        Args:
            observation: the environment's answer.
            info: its info; `info["messages"]` holds the new messages.
            closed: whether the turn ended with a token that ends turns; the frame's is added otherwise.
            by: the id of that token; default: the frame's. Another one does not close the frame, but a marker that the
                reply would begin with is not repeated.
        """
        messages = info.get("messages") or [{"role": "user", "content": observation}]
        rest = self._rest(self._clean(messages))
        if not closed:
            return self._encode(rest, None)
        last = self.end_id if by is None else by
        marker, ends = self._marker(rest), self.frame.ends
        if marker is not None:
            space, first = marker
            if self._id(first) == last or (first in ends and last in map(self._id, ends)):
                rest = rest[len(space) + len(first) :]
        return self._encode(rest, cast(str, self.tokenizer.decode([last], skip_special_tokens=False)))

    def _clean(self, messages: list[dict[str, Any]]) -> list[dict[str, str]]:
        """Role and content of each message, as Unicode, with control tokens in it broken up: text is never a marker.

        Of a tool's words, all that the template marks turns with is broken up: tags, and tokens that are not special.
        """
        out = []
        for message in messages:
            content = scalar_text(str(message.get("content") or ""))
            marks = self._marks if message["role"] == "tool" else self._control
            if marks is not None:
                content = marks.sub(lambda found: found.group()[0] + " " + found.group()[1:], content)
            out.append({"role": message["role"], "content": content})
        return out

    def _render(self, messages: list[dict[str, str]], *, prompt: bool) -> str:
        text = self.tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=prompt, date_string=_DATE
        )
        return cast(str, text)

    def _encode(self, text: str, after: str | None = "") -> list[int]:
        """The ids of a text as they are behind another one.

        Many tokenizers put a space before what they are given, which a piece in the middle of a text must not get.

        Args:
            text: the text.
            after: the text before it, from any marker on; None: something that is unknown. Where the two texts share a
                token, the piece is as behind something unknown.
        """
        if after == "":
            return self._ids(text)
        for before in (after, *_SOMETHING):
            if before is not None:
                head = self._ids(before)
                whole = self._ids(before + text)
                if whole[: len(head)] == head:
                    return whole[len(head) :]
        return self._ids(text)

    def _ids(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]  # pyright: ignore[reportReturnType]
