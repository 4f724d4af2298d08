"""Whether an answer says a fact that is one of the little words of any sentence: "no", "yes", "off", "none".

Such a word stands in sentences that say nothing of the kind ("I have nothing to do.", "there is no need", "on your
behalf"). It is an answer where it is a clause by itself ("No, it is not.", "Insurance: no"), where a sentence says that
something is so ("the light is off", "it is listed as no"), or, of "no" and "none", where something that was asked about
is not there ("it has no insurance").

Used by `toolgym.saying.answers`. Everything here takes time linear in the text.
"""

import re
from collections.abc import Collection, Sequence
from typing import Final

from toolgym.saying.commitment import clauses, sentences
from toolgym.saying.facts import Fact
from toolgym.saying.measures import measured
from toolgym.saying.text_form import plain

__all__ = ["LITTLE", "asked_words", "found_as", "is_little", "is_negative", "is_said"]

LITTLE: Final = frozenset(["yes", "no", "none", "on", "off", "in", "out", "up", "down", "all", "any", "both"])
"""Facts that are words of any sentence."""
_NEGATIVE: Final = frozenset({"no", "none"})
_NO_OR_NONE: Final = re.compile(rf"{Fact.of('none').pattern.pattern}|{Fact.of('no').pattern.pattern}")
_WORD = re.compile(r"[\w']++")
_MARKS = re.compile(r"[|=\"`*]")
_STATES: Final = frozenset(
    [
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "being",
        "it's",
        "that's",
        "reads",
        "says",
        "shows",
        "shown",
        "listed",
        "marked",
        "recorded",
        "set",
        "stands",
        "remains",
        "stays",
        "answer",
        "turned",
        "switched",
    ]
)
"""Words before one that says how something is."""
_BETWEEN: Final = frozenset(["currently", "now", "still", "presently", "simply", "just", "as", "to"])
"""Words that may stand between."""
_AFTER: Final = frozenset(
    [
        "right",
        "now",
        "currently",
        "at",
        "as",
        "since",
        "because",
        "until",
        "yet",
        "according",
        "today",
        "so",
        "which",
        "that",
    ]
)
"""Words with which a sentence goes on behind one that has said how something is."""
_BEGINS: Final = frozenset(
    ["it", "it's", "its", "your", "you", "you're", "the", "this", "that", "that's", "there", "they", "he", "she"]
)
"""Words with which a sentence goes on behind a yes or a no."""
_SHORTEST_ASKED: Final = 4
"""Shorter words of a request are not what it asks about."""


def is_little(fact: Fact) -> bool:
    """Whether a fact is a word of any sentence."""
    return len(fact.tokens) == 1 and fact.tokens[0] in LITTLE


def is_negative(fact: Fact) -> bool:
    """Whether a fact itself is the word that denies."""
    return fact.tokens[0] in _NEGATIVE


def found_as(fact: Fact) -> re.Pattern[str]:
    """What finds a fact in normalised text, in whichever word it may be said: a plan that is none is no plan, and the
    unit of a measure may be left out.
    """
    return _NO_OR_NONE if fact.tokens == ("none",) else measured(fact) or fact.pattern


def asked_words(request: str) -> frozenset[str]:
    """The words of a request that may be what it asks about."""
    return frozenset(word for word in _WORD.findall(plain(request).casefold()) if len(word) >= _SHORTEST_ASKED)


def is_said(said: str, fact: Fact, asked: Collection[str] = ()) -> bool:
    """Whether a text says a little fact as an answer.

    Args:
        said: the text.
        fact: a little word (`is_little`).
        asked: the words of the request (`asked_words`).
    """
    if len(fact.text) > 1 and fact.text.isalpha() and fact.text.isupper():  # a code is said as it is written
        return re.search(rf"(?<![^\W_]){fact.text}(?![^\W_])", plain(said)) is not None
    word = fact.tokens[0]
    for sentence in sentences(_MARKS.sub(",", plain(said).casefold())):
        for clause in clauses(sentence):
            words = _WORD.findall(clause)
            if any(found == word and _answers(words, at) for at, found in enumerate(words)):
                return True
            if word in _NEGATIVE and any(found == "no" and _lacks(words, at, asked) for at, found in enumerate(words)):
                return True
    return False


def _lacks(words: Sequence[str], at: int, asked: Collection[str]) -> bool:
    """Whether the "no" at a place of a clause says that something that was asked about is not there."""
    has = at > 0 and words[at - 1] in ("has", "have") and words[max(0, at - 2)] not in ("i", "we")
    return has and at + 1 < len(words) and words[at + 1] in asked


def _answers(words: Sequence[str], at: int) -> bool:
    """Whether the word at a place of a clause is an answer."""
    follows = words[at + 1] if at + 1 < len(words) else ""
    if not at:
        return not follows or (words[0] in ("yes", "no") and follows in _BEGINS)
    before = at - 1
    while before > 0 and words[before] in _BETWEEN:
        before -= 1
    return words[before] in _STATES and (not follows or follows in _AFTER)
