"""A user that follows a `UserScript`: tells facts, does what it is told, confirms, ends the talk. Deterministic."""

import re
from collections.abc import Iterable
from functools import lru_cache

from toolgym.errors import ConfigError, did_you_mean
from toolgym.mcp.session import ToolSpec
from toolgym.tasks import Task, UserScript
from toolgym.users.acting import carried_out, instructions, is_told
from toolgym.users.base import User, UserReply
from toolgym.users.closing import asks, closes

__all__ = ["ScriptedUser"]

_SENTENCE = re.compile(r"[^.!?\n]*[.!?\n]+|[^.!?\n]+")
_ASKING = re.compile(
    r"\?|\b(please|provide|tell me|give me|share|let me know|may i have|i need|i will need|i'll need|specify|confirm)\b"
)
_PROCEED = re.compile(
    r"\b(proceed|go ahead|shall i|should i|would you like me to|do you want me to|is (that|this) "
    r"(ok|okay|correct|right|fine|all right)|are you sure|yes or no|yes/no|do you agree)\b"
)
_CONFIRM = re.compile(r"\bconfirm\b")
_MORE = re.compile(r"\b(anything else|something else|further assistance|any other (help|question|request)s?)\b")
_OFFER = re.compile(
    r"^(?!.*\b(?:should know|need to know|to add|tell me|before i)\b).*(?:\?|\b(?:let me know|feel free|happy to|"
    r"glad to|reach out|if)\b)|^\W*(?:anything|something) else\W*$"
)
_HELP = re.compile(r"\b(how (can|may|could) (i|we) (help|assist)|what can i do for you|what would you like)\b")
_TROUBLE = re.compile(
    r"\bwhat(?: exactly)?(?: is| seems to be|'s) (?:the |your )?(?:exact )?(?:problem|issue|matter|trouble|wrong)\b"
    r"|\bwhat (?:happens|problem|issue|trouble|symptoms?)\b|\bdescribe (?:the |your |what )"
    r"|\btell me (?:more|about (?:the |your )?(?:problem|issue|trouble))\b|\bwhat do you (?:see|notice|observe)\b"
)
_YES = "Yes, please go ahead."
_NO = "No, please do not do that."
_BYE = "No, that is all. Thank you."
_THANKS = "Thank you, that is all."
_UNKNOWN = "I do not have any other information."
_WAIT = "Okay."
_LOST = "I am sorry, I do not understand what I should do."
_PATIENCE = 3
"""Replies in a row that bring the talk no further before the user gives up and leaves."""


class ScriptedUser(User):
    """Answers by rules over `Task.user`; the same conversation always gets the same replies.

    A response that asks for facts gets them (topics in the script's order); one that tells it to do something that it
    can do gets that done, with what came of it (`toolgym.users.acting`); one that asks whether to go ahead gets yes or
    no; one that says the work is done, or cannot be done, ends the conversation (`toolgym.users.closing`); so
    does one that asks for further wishes. Anything else gets a short answer, three of which in a row end the
    conversation too.
    """

    def __init__(self) -> None:
        self._script = UserScript()
        self._opening = ""
        self._idle = 0
        self._said = 0
        self._checked: tuple[Task | None, tuple[ToolSpec, ...]] = (None, ())

    def start(self, task: Task) -> str:
        """Opens the conversation.

        Raises:
            ConfigError: the script has the user call a tool that it does not have.
        """
        self._script, self._said = task.user, 1
        if task.user.turns:
            return task.user.turns[0]
        self._opening = task.user.opening or task.user.symptoms or task.request
        self._idle = 0
        if task.user.actions:
            self._check_tools(task)
        return self._opening

    def reply(self, response: str) -> UserReply:
        if self._script.turns:
            return self._next_turn()
        text = response.lower().replace("’", "'")
        done = self._done(response)
        asking = " ".join(sentence for sentence in _SENTENCE.findall(text) if _ASKING.search(sentence))
        answers = [self._script.facts[topic] for topic in self._asked(asking)]
        # "Please confirm your user id" asks for a fact; a bare "please confirm" asks for a yes.
        if not done and (_PROCEED.search(asking) or (not answers and _CONFIRM.search(asking))):
            answers.append(_YES if self._script.confirms else _NO)
        if not done and self._script.symptoms and _TROUBLE.search(text):
            answers.append(self._script.symptoms)
        answers = [*done, *answers]
        if answers:
            self._idle = 0
            return UserReply(" ".join(answers))
        if any(_MORE.search(sentence) and _OFFER.search(sentence) for sentence in _SENTENCE.findall(text)):
            return UserReply(_BYE, done=True)
        if closes(text):
            return UserReply(_THANKS, done=True)
        if _HELP.search(text):
            return self._idle_reply(self._opening)
        if self._script.actions and not asks(text) and is_told(text):
            return self._idle_reply(_LOST)
        return self._idle_reply(_UNKNOWN if "?" in text or asks(text) else _WAIT)

    def _next_turn(self) -> UserReply:
        turns = self._script.turns
        if self._said >= len(turns):
            return UserReply(done=True)
        self._said += 1
        return UserReply(turns[self._said - 1])

    def _done(self, response: str) -> list[str]:
        """Does what the response tells; returns what it says of each."""
        if not self._script.actions or self.tools is None:
            return []
        tools = self.tools
        return [carried_out(each, tools) for each in instructions(response, self._script.actions)]

    def _check_tools(self, task: Task) -> None:
        specs = () if self.tools is None else self.tools.specs
        if self._checked[0] is task and self._checked[1] is specs:  # many episodes are of one task
            return
        known = dict.fromkeys(tool.name for tool in specs)
        for action in task.user.actions:
            for call in (*action.calls, *(() if action.done_if is None else (action.done_if.call,))):
                if call.name not in known:
                    hint = did_you_mean(call.name, known, "tool of the user's")
                    raise ConfigError(
                        f"Task {task.id!r} has its user call {call.name!r}. {hint} A server's tools for the user are "
                        'those with @server.tool(role="user")'
                    )
        self._checked = task, specs

    def _asked(self, asking: str) -> list[str]:
        """Topics that the asking sentences call for, in the script's order."""
        topics = []
        for topic in self._script.facts:
            if asking and _any_word(self._script.keywords.get(topic) or (topic,)).search(asking):
                topics.append(topic)
        return topics

    def _idle_reply(self, text: str) -> UserReply:
        self._idle += 1
        return UserReply(_THANKS, done=True) if self._idle >= _PATIENCE else UserReply(text)

    def fork(self) -> "ScriptedUser":
        twin = ScriptedUser.__new__(ScriptedUser)
        twin._script, twin._opening, twin._idle = self._script, self._opening, self._idle
        twin._said, twin._checked = self._said, self._checked
        return twin


def _any_word(words: Iterable[str]) -> re.Pattern[str]:
    return _compile(tuple(words))


@lru_cache(maxsize=4096)
def _compile(words: tuple[str, ...]) -> re.Pattern[str]:
    """Matches any of the phrases as whole words; a plural `s` may follow, `_` and `-` count as spaces."""
    parts = [r"[\s_-]+".join(re.escape(part) for part in re.split(r"[\s_-]+", word.lower().strip())) for word in words]
    alternatives = "|".join(part for part in parts if part)
    return re.compile(rf"(?<!\w)(?:{alternatives})s?(?!\w)" if alternatives else r"(?!)")
