"""What an agent's words tell a user to do, and how the user does it and says what came of it.

A message is read clause by clause. A clause calls for an action (`UserAction`) where it has all the words of one of the
action's phrases, in any order and in their simple forms ("turning your Wi-Fi off" has those of `turn off wi-fi`), and
tells or asks: what is only stated, negated, supposed ("if it is on") or the agent's own doing ("I will restart it")
calls for nothing. "It", and what a clause leaves out, are looked for in the clause before ("and then back on").
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from toolgym import _json
from toolgym.tasks import DoneCheck, UserAction
from toolgym.trajectory import ToolResult
from toolgym.users.base import UserTools

__all__ = ["Instruction", "carried_out", "instructions", "is_told"]

_LONGEST = 20_000
"""Characters of a message that are read."""
_MOST = 20
"""Instructions of a message that are followed."""
_CONTEXT = 100
"""Words of the clauses before that are kept."""

_SENTENCE = re.compile(r"(?:[^.!?;\n]|\.(?=\S))+[.!?;\n]*")
_CLAUSE = re.compile(
    r"[,()]|\s[-\u2013\u2014]+\s|\b(?:and|then|next|but|afterwards?|finally|lastly|secondly|after that|once done)\b"
)
_WORD = re.compile(r"[^\W_]+(?:['_-][^\W_]+)*")
_POLITE = re.compile(
    r"\bif you (?:do not|don't) mind\b|\bif (?:possible|you (?:can|could|like|want|wish|please))\b|\bor not\b"
    r"|\b(?:do not|don't) (?:forget|hesitate) to\b|\bwhy (?:do not|don't) you\b|\bfor (?:you|me|us)\b"
    r"|\b(?:can't|couldn't|won't|wouldn't) you\b"
    r"|\b(?:i|we)(?:'d| would| do|'ll| will)?(?: now| also| then| still)? (?:think|suggest|recommend|advise|propose"
    r"|need|want|like|ask)\b"
)
_SUPPOSED = re.compile(r"^\W*(?:if|unless|before|until|in case|when(?:ever)?|while|although|since|because|as)\b")
_NEGATED = re.compile(r"\b(?:not|never|without|avoid|no need|instead of|rather than)\b|n't\b")
_OWN = re.compile(
    r"\b(?:i|we|i'm|we're|i've|we've|i'll|we'll|i'd|we'd)\b(?!.*\byou\b)|\b(?:me|us) to\b|\blet (?:me|us)\b(?! know)"
)
_TELLS = re.compile(
    r"\b(?:please|kindly|try|you (?:need|have to|should|must|can|could|may|will|to)|(?:can|could|would|will) you|go to"
    r"|make sure|tell me|let me know|open|press|tap|turn|switch|set|enable|disable|check|toggle|restart|reset|select"
    r"|choose|look|see|read)\b"
)
_STATES = re.compile(r"\b(?:is|are|was|were|has|have|had|should|will|does|did|works?|shows?|says?)\b")
_LEADS = re.compile(
    r"^(?:\W|\d|\b(?:now|first|also|again|just|okay|ok|great|good|thanks|thank you|so|step|next|perfect|alright)\b)+"
)
_AGAIN = re.compile(r"\b(?:again|once more|another time|twice)\b")
_IT = frozenset({"it", "them"})
_FIELD = re.compile(r"\{([^{}:]*)(?::([^{}|]*)\|([^{}]*))?\}")


@dataclass(frozen=True, slots=True)
class Instruction:
    """What a clause calls for."""

    action: UserAction
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """What the clause names of the action's `values`."""
    missing: str = ""
    """The first argument that it does not name."""


@dataclass(frozen=True, slots=True)
class _Clause:
    text: str
    words: frozenset[str]
    known: frozenset[str]
    """Its words and, where it leaves something out, those of the clauses before."""
    tells: bool


def instructions(message: str, actions: Sequence[UserAction]) -> list[Instruction]:
    """What a message tells a user to do, in the order in which it says so."""
    out: list[Instruction] = []
    for clause in _clauses(message):
        if len(out) >= _MOST:
            break
        found = _called_for(clause, actions)
        # "Restart the phone. To restart it, hold the button." wants one restart.
        if found is not None and (not out or found != out[-1] or _AGAIN.search(clause.text)):
            out.append(found)
    return out


def is_told(message: str) -> bool:
    """Whether a message tells the user to do something, be it understood or not."""
    return any(_applies(clause.text) and _TELLS.search(clause.text) for clause in _clauses(message))


def carried_out(instruction: Instruction, tools: UserTools) -> str:
    """Does what was told; returns what the user says then.

    Raises:
        InfraError: the server failed.
    """
    action = instruction.action
    if instruction.missing:
        return f"Which {instruction.missing.replace('_', ' ')} do you mean?"
    check = action.done_if
    if check is not None:
        seen = tools.call(check.call.name, check.call.arguments)
        if not seen.is_error and _shows(seen, check):
            return filled(check.say, seen)
    result = ToolResult("")
    for call in action.calls:
        result = tools.call(call.name, {**call.arguments, **instruction.arguments})
        if result.is_error:
            return filled(action.failed, result)
    return filled(action.report, result)


def filled(template: str, result: ToolResult) -> str:
    """A report with the values of a result; what it does not have is "unknown"."""

    def value(found: re.Match[str]) -> str:
        path, yes, no = found[1].strip(), found[2], found[3]
        if path == "text" and yes is None:
            return result.text
        at: Any = result.structured
        for key in path.split("."):
            if isinstance(at, dict) and key in at:
                at = at[key]
            elif isinstance(at, list) and key.isdecimal() and int(key) < len(at):
                at = at[int(key)]
            else:
                return "unknown"
        if yes is not None:
            return yes if at else no
        return at if isinstance(at, str) else _json.dumps(at).decode()

    return _FIELD.sub(value, template)


def _shows(result: ToolResult, check: DoneCheck) -> bool:
    return check.shows.lower() in result.text.lower()


# Reading ---------------------------------------------------------------------------------------------------------


def _clauses(message: str) -> list[_Clause]:
    out: list[_Clause] = []
    before: frozenset[str] = frozenset()
    text = _POLITE.sub(" ", message[:_LONGEST].lower().replace("\u2019", "'"))
    for sentence in _SENTENCE.findall(text):
        asks = "?" in sentence
        for part in _CLAUSE.split(sentence):
            clause = _LEADS.sub("", part)
            words = _stems(clause)
            if not words:
                continue
            told = _TELLS.search(clause) is not None
            goes_on = (_IT & words or not told) and len(before) < _CONTEXT
            before = words | before if goes_on else words
            out.append(_Clause(clause, words, before, asks or told))
    return out


def _called_for(clause: _Clause, actions: Sequence[UserAction]) -> Instruction | None:
    """The action whose phrase has most of the clause's words; the first of several."""
    if not _applies(clause.text):
        return None
    best = (0, 0, 0)
    found: UserAction | None = None
    for action in actions:
        for phrase in action.words:
            fit = _fit(clause, _parsed(phrase))
            if fit > best:
                best, found = fit, action
    return None if found is None else _with_values(found, clause)


def _fit(clause: _Clause, phrase: tuple[frozenset[str], ...]) -> tuple[int, int, int]:
    """How well a clause says a phrase: whole or not, how many of its own words, the phrase's length; zeros: not."""
    for alternatives in phrase:
        if alternatives.isdisjoint(clause.known):
            return 0, 0, 0
    hits = [alternatives & clause.words for alternatives in phrase]
    used = frozenset().union(*hits)
    states = _STATES.search(clause.text) is not None
    if used and all(hits):
        starts = _stems(clause.text.split(maxsplit=1)[0]) & used
        says = clause.tells or bool(starts and not states)
    else:  # something is left out: "it" stands for it, or there is nothing else in the clause
        says = bool(used) and not states and (bool(_IT & clause.words) or clause.words <= used | _FILLERS)
    return (1 + all(hits), len(used), len(phrase)) if says else (0, 0, 0)


def _with_values(action: UserAction, clause: _Clause) -> Instruction:
    arguments: dict[str, Any] = {}
    for name, choices in action.values.items():
        said = [phrase for phrase in choices if all(words & clause.known for words in _parsed(phrase))]
        if not said:
            return Instruction(action, arguments, missing=name)
        arguments[name] = choices[max(said, key=lambda phrase: len(_parsed(phrase)))]
    return Instruction(action, arguments)


def _applies(text: str) -> bool:
    """Whether a clause is neither supposed nor negated nor about what the agent does."""
    return not (_SUPPOSED.search(text) or _NEGATED.search(text) or _OWN.search(text))


@lru_cache(maxsize=4096)
def _parsed(phrase: str) -> tuple[frozenset[str], ...]:
    """A phrase's words, each as its alternatives in simple form."""
    parts = (_either(part.split("|")) for part in phrase.lower().replace("\u2019", "'").split())
    return tuple(part for part in parts if part)


def _either(words: Iterable[str]) -> frozenset[str]:
    return frozenset(_stem(re.sub(r"[\W_]", "", word)) for word in words if _WORD.search(word))


def _stems(text: str) -> frozenset[str]:
    """The words of a text in simple form; of a word with hyphens also its parts, and all of them as one."""
    out: set[str] = set()
    for word in _WORD.findall(text):
        parts = re.split("[_-]", word)
        out.update(map(_stem, parts))
        if len(parts) > 1:
            out.add(_stem("".join(parts)))
    return frozenset(out)


@lru_cache(maxsize=8192)
def _stem(word: str) -> str:
    """turning, turns -> turn; toggling, toggle -> toggl: alike on both sides, whatever it is."""
    if word.endswith("ing") and len(word) > 5:
        word = word[:-3]
        if word[-1] == word[-2] and word[-1] not in "ls":
            word = word[:-1]
    elif word.endswith("s") and not word.endswith("ss") and len(word) > 3:
        word = word[:-1]
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


_FILLERS = _stems("a an the your my also too as well both again back please now same for of in to one")
"""What a clause may have beside what it adds to the one before."""
