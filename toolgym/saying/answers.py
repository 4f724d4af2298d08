"""Whether an answer *says* its facts: it names them, commits to them, and makes nothing up.

To contain the right value is not enough, or a list of all values would be the answer to every question. A response
tells the facts of a `said` item when

1. it contains every fact, not only negated ("not gold") or in a question; a fact that is a word of any sentence ("no",
   "off") it says as an answer (`toolgym.saying.short_facts`), and of a measure the unit may be left out
   (`toolgym.saying.measures`);
2. *rivals* (the item's `forbidden` values; values listed beside the fact, or said in the same words; in an answer that
   names more than `WIDE` things, all of them) stand in it only set apart ("the others", "more expensive", "rather than
   ..."), or the fact is picked out ("the cheapest is ...", "so", "in total") and no rival is
   (`toolgym.saying.commitment`);
3. no id, e-mail or amount of the facts' form is made up: it stands in the request, in what the agent was shown, or
   follows from such numbers by one sum, difference or product after the other (`toolgym.saying.values`);
4. it is an answer, not an archive: at most `MAX_CHARS` characters, `MAX_RIVALS` other values of the facts' form and
   `MAX_THINGS` things, in words rather than data (not a long response with hardly a word like "the" or "is" in it, nor
   JSON, nor one phrase repeated).

Everything here takes time linear in the response.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from toolgym.saying.commitment import commits, cue_for, sentences
from toolgym.saying.facts import Fact, normalise
from toolgym.saying.measures import is_price
from toolgym.saying.short_facts import asked_words, found_as, is_little, is_negative, is_said
from toolgym.saying.text_form import plain
from toolgym.saying.values import Grounds, counts, form_of, listed_with, made_up, things, values_in

__all__ = ["MAX_CHARS", "MAX_RIVALS", "MAX_THINGS", "WIDE", "Answer", "Telling", "is_archive", "telling"]

MAX_CHARS = 10_000
"""A longer response says nothing."""
MAX_RIVALS = 12
"""Distinct values of the facts' form that an answer may name beside the facts, the request's own and counts."""
MAX_THINGS = 60
"""Distinct ids and amounts, beside the facts and the request's own, that an answer may name at all."""
WIDE = 6
"""As many of them may stand in an answer that picks none out."""

Telling = Literal["told", "false", "silent"]
"""Tells the facts; claims something else; neither."""

_NEGATED = re.compile(
    r"\b(?:not|never|neither|nor|no longer|isn't|wasn't|aren't|rather than|instead of)"
    r"(?: (?!but\b|only\b|just\b)\S+){0,2} $"
)
_DENIED = re.compile(r" ?(?:is|was|are|were)? ?(?:not|isn't|wasn't) (?:the|it|your|right|correct|what)\b")
_ANY_NEGATION = re.compile(r"\b(?:no|not|never|neither|nor|rather|instead)\b|n't\b")
_WORD = re.compile(r"\w++")
_DATA = re.compile(r"[\"']\s?:")
_LITTLE = """
a about after all also an and any are as at be been because but by can cannot cost costs do does flight for from had has
have here hold holds i if in is it its leaves like me more my not of on one only our paid pay please so some than that
the their them then there these they this to up us was we were which will with would you your
"""
_LITTLE_WORDS = frozenset(_LITTLE.split())
"""What prose is held together by."""
_LONG_LIST, _PROSE = 24, 0.12
"""Words from which a response must read like prose, and the share of little words that prose has."""
_MOST_LINES, _LONGEST_LINE = 60, 400
_MOST_REPEATS = 5
"""Sentences that may be the same but for the last word."""


class SaidItem(Protocol):
    """What is looked at of a `said` item (`toolgym.tasks.SaidCheck`)."""

    @property
    def facts(self) -> Sequence[str]: ...

    @property
    def forbidden(self) -> Sequence[str]: ...

    @property
    def allowed(self) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """A `said` item, prepared."""

    facts: tuple[Fact, ...]
    forbidden: tuple[Fact, ...]
    values: frozenset[str]
    """The facts as values."""
    forms: frozenset[str]
    """What the facts look like."""
    allowed: frozenset[str]
    """Values that may be said besides: the request's, the gold answer's, `SaidCheck.allowed`."""
    cue: re.Pattern[str]
    """Words that pick a value out."""
    asked: frozenset[str] = frozenset()
    """Words of the request, where a fact is a little word."""

    @classmethod
    def of(cls, check: SaidItem, request: str, told: Iterable[str]) -> "Answer":
        """From an item of a task with this request, whose right answer holds `told`."""
        values = frozenset(value for fact in check.facts for value in values_in(normalise(fact)))
        allowed = frozenset(value for text in (request, *told, *check.allowed) for value in values_in(normalise(text)))
        facts = tuple(map(Fact.of, check.facts))
        return cls(
            facts,
            tuple(map(Fact.of, check.forbidden)),
            values,
            frozenset(filter(None, map(form_of, values))),
            allowed,
            cue_for(request),
            asked_words(request) if any(map(is_little, facts)) else frozenset(),
        )


def telling(response: str, answer: Answer, grounds: Grounds) -> Telling:
    """What a response is of a `said` item (see the module's head)."""
    if len(response) > MAX_CHARS:
        return "false"
    said = response
    if "?" in response:
        said = "\n".join(sentence for sentence in sentences(response) if not sentence.rstrip().endswith("?"))
    text = normalise(said)
    facts, forbidden = [found_as(fact) for fact in answer.facts], _forbidden(said, text, answer)
    little = [fact for fact in answer.facts if is_little(fact)]
    found = all(fact.search(text) for fact in facts) and not any(is_price(said, fact) for fact in answer.facts)
    if not found or not all(is_said(said, fact, answer.asked) for fact in little):
        wrong = forbidden and said is response and not commits(said, facts, forbidden, answer.cue, needed=0)
        return "false" if wrong else "silent"
    denied = {found_as(fact) for fact in little if is_negative(fact)}  # "it is not insured: no"
    if _ANY_NEGATION.search(text) and not all(fact in denied or _affirmed(fact, text) for fact in facts):
        return "false"
    if is_archive(said) and not _told_in_prose(said, facts):
        return "false"
    beside = _beside(text, said, answer, grounds)
    if beside is None:
        return "false"
    rivals = [*forbidden, *(Fact.of(value).pattern for value in beside)]
    return "told" if not rivals or commits(said, facts, rivals, answer.cue) else "false"


def _forbidden(said: str, text: str, answer: Answer) -> list[re.Pattern[str]]:
    """The forbidden values that are mentioned."""
    found = [fact for fact in answer.forbidden if fact.found(text)]
    if found:
        found = [fact for fact in found if not is_little(fact) or is_said(said, fact, answer.asked)]
    if found and any(fact.text in said for fact in answer.facts):
        # An answer that writes the code FAR as it is written does not mean it by "as far as".
        found = [fact for fact in found if not _is_code(fact.text) or _stands_in(fact.text, said)]
    return [fact.pattern for fact in found]


def _is_code(text: str) -> bool:
    return len(text) <= 4 and text.isalpha() and text.isupper()


def _stands_in(code: str, said: str) -> bool:
    return re.search(rf"(?<![^\W_]){code}(?![^\W_])", plain(said)) is not None


def _affirmed(fact: re.Pattern[str], text: str) -> bool:
    return any(
        not _NEGATED.search(text[max(0, found.start() - 60) : found.start()]) and not _DENIED.match(text, found.end())
        for found in fact.finditer(text)
    )


def _beside(text: str, said: str, answer: Answer, grounds: Grounds) -> set[str] | None:
    """Values that the answer puts beside the fact as if they were alternatives; None where it holds too many, or makes
    one up.
    """
    free = answer.values | answer.allowed
    values = values_in(text)
    if free.issuperset(values):
        return set()
    named = things(values) - free
    if len(named) > MAX_THINGS:
        return None
    beside = set(named) if len(named) > WIDE else set()
    if not answer.forms:
        return beside
    others = {value for value in values if value not in free and form_of(value) in answer.forms}
    looked_up = {value for value in others if not counts(value)}
    if len(looked_up) > MAX_RIVALS or made_up(values, looked_up, answer.values, answer.allowed, grounds):
        return None
    if not any(map(counts, answer.values)):
        others = looked_up
    beside |= listed_with(text, answer.values, answer.forms) - answer.allowed
    return beside | (_alike(said, answer) & others)


def _alike(said: str, answer: Answer) -> set[str]:
    """Values that sentences begin to speak of in the very words in which another speaks of a fact."""
    by_words: dict[str, set[str]] = {}
    for sentence in sentences(said):
        text = normalise(sentence)
        value = next((value for value in values_in(text) if form_of(value) in answer.forms), None)
        if value is not None:
            by_words.setdefault(text.partition(value)[0].strip(), set()).add(value)
    groups = [values for words, values in by_words.items() if words and not values.isdisjoint(answer.values)]
    return {value for group in groups for value in group} - answer.values


def is_archive(said: str) -> bool:
    """Whether a response is data rather than words: it holds everything, and says nothing."""
    words = _WORD.findall(said.casefold())
    if len(words) <= _LONG_LIST:
        return False
    if not _is_prose(words) or len(_DATA.findall(said)) >= 4:
        return True
    repeated: dict[str, set[str]] = {}
    for sentence in sentences(said):
        phrase, _, last = sentence.strip().rpartition(" ")
        if phrase:
            repeated.setdefault(phrase, set()).add(last)
    return any(len(ends) > _MOST_REPEATS for ends in repeated.values())


def _is_prose(words: list[str]) -> bool:
    return sum(word in _LITTLE_WORDS for word in words) >= _PROSE * len(words)


def _told_in_prose(said: str, facts: list[re.Pattern[str]]) -> bool:
    """Whether a few sentences beside the data tell the facts (a table, then "the cheapest is ...")."""
    parts = [part for part in sentences(said) if len(part) < _LONGEST_LINE and not _DATA.search(part)]
    if len(parts) >= _MOST_LINES:
        return False
    heads = [part.strip().rpartition(" ")[0] for part in parts]
    often = Counter(heads)  # one phrase said of everything is as good as none
    prose = [
        normalise(part)
        for part, head in zip(parts, heads, strict=True)
        if often[head] <= 2 and _is_prose(_WORD.findall(part.casefold()))
    ]
    return all(any(fact.search(part) for part in prose) for fact in facts)
