"""Whether an answer *says* its facts: it names them, commits to them, and makes nothing up.

To contain the right value is not enough, or a list of all values would be the answer to every question. A response
tells the facts of a `said` item when

1. it contains every fact, not only negated ("not gold") or in a question;
2. *rivals* (the item's `forbidden` values; values listed beside the fact, or said in the same words; in an answer that
   names more than `WIDE` things, all of them) stand in it only set apart ("the others", "more expensive", "rather than
   ..."), or the fact is picked out ("the cheapest is ...", "so", "in total") and no rival is. The rule is the same for
   facts and rivals, so that it gives nothing away;
3. no id, e-mail or amount of the facts' form is made up: it stands in the request, in what the agent was shown, or
   follows from such numbers by one sum, difference or product after the other;
4. it is an answer, not an archive: at most `MAX_CHARS` characters and `MAX_RIVALS` other values of the facts' form, in
   words rather than data (a long response with hardly a word like "the" or "is" in it; JSON; one phrase repeated).

Everything here takes time linear in the response.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

from toolgym.rewards.communication import Fact, normalise
from toolgym.rewards.text_form import plain
from toolgym.tasks import SaidCheck

__all__ = [
    "MAX_CHARS",
    "MAX_RIVALS",
    "WIDE",
    "Answer",
    "Grounds",
    "Telling",
    "clauses",
    "is_archive",
    "sentences",
    "telling",
    "things",
]

MAX_CHARS = 10_000
"""A longer response says nothing."""
MAX_RIVALS = 12
"""Distinct values of the facts' form that an answer may name beside the facts, the request's own and counts."""

WIDE = 6
"""Distinct ids and amounts, beside the facts and the request's own, from which an answer has to pick one out."""
_LONGEST_ROW = 5
"""Values of any form in a row, the fact among them, that may stand without a word between them: a line of a table."""

Telling = Literal["told", "false", "silent"]
"""Tells the facts; claims something else; neither."""

_SENTENCE_END = re.compile(r"(?<=[.!?;])\s++|\n++")
_CLAUSE_END = re.compile(
    r"[,;:()\[\]]|(?<=\s)-(?=\s)|\s(?=(?:and|but|while|whereas|though|although|so|because|since)\s)"
)
_VALUE = re.compile(r"[^\W_]++(?:[-.@:/+'_][^\W_]++)*+")
_NUMBER = re.compile(r"\d++(?:\.\d++)?")
_LONG = 16
"""Digits: longer numbers are no amounts."""
_MOST_RECKONED = 60
"""Who reckons with more numbers than this explains nothing by them."""
_LISTING = re.compile(r"(?:[\s,;/|&-]|and\b|or\b)*+")
_LIST_GAP = re.compile(r"[\s,;/|&-]*+")
_SMALL = 12
"""Numbers up to this are counts, steps and list numbers: nobody looks them up."""

_APART = re.compile(
    r"\b(?:others?|another|than|instead|rather|versus|vs|compared|comparing|compare|among|amongst|between|unlike|while"
    r"|whereas|although|though|not|never|no|full|sold|unavailable|dearer|pricier|later|next|second|third|remaining"
    r"|alternatives?|alternatively|options?|available|listed|considered|choices|offers|candidates"
    r"|following|also|ahead|previous|previously|formerly|returns?|returning|higher|slower|costlier|besides|except"
    r"|apart|beats|undercuts|over|out of|excluding|runner-up|followed by|would have)\b|n't\b"
)
"""From here on, a sentence speaks of what is not the answer."""
_POORER = re.compile(
    r"\b(?:(?:costs?|is|are|was|were|be|being|leaves?|departs?|arrives?|comes?|would be) (?:\w+ ){0,2}(?:more|dearer"
    r"|pricier|later|earlier|higher|slower|costlier|full|sold|unavailable|out|too|not|no|behind|next|second)"
    r"|cost more|has no|have no|isn't|aren't|sold out|full|not the|instead|more expensive|dearer|pricier|costlier"
    r"|would have been)\b"
)
"""Behind a value: it is not the answer."""
_CUES = (
    "answer|so|therefore|thus|hence|choose|chose|chosen|recommend|pick|picked|best|total|in all|altogether|overall|only"
    "|just|comes? to|came to|sums? to|adds? up to|amounts? to|makes|yours?|result|final|correct|right|equals|=|lowest"
    "|winner|wins|takes?|pays?|go with|you want|suggest"
)
_SUPERLATIVE = re.compile(r"\b(?:[a-z]{3,}est|first|last)\b")
_SYNONYMS = {
    "cheapest": "least expensive|lowest|cheaper",
    "earliest": "first",
    "latest": "last",
    "first": "earliest|soonest",
}
_NEGATED = re.compile(
    r"\b(?:not|never|neither|nor|no longer|isn't|wasn't|aren't|rather than|instead of)(?: (?!but\b|only\b|just\b)\S+){0,2} $"
)
_DENIED = re.compile(r" ?(?:is|was|are|were)? ?(?:not|isn't|wasn't) (?:the|it|your|right|correct|what)\b")
_WORD = re.compile(r"\w++")
_LITTLE_WORDS = frozenset(
    [
        "a",
        "about",
        "after",
        "all",
        "also",
        "an",
        "and",
        "any",
        "are",
        "as",
        "at",
        "be",
        "been",
        "because",
        "but",
        "by",
        "can",
        "cannot",
        "cost",
        "costs",
        "do",
        "does",
        "flight",
        "for",
        "from",
        "had",
        "has",
        "have",
        "here",
        "hold",
        "holds",
        "i",
        "if",
        "in",
        "is",
        "it",
        "its",
        "leaves",
        "like",
        "me",
        "more",
        "my",
        "not",
        "of",
        "on",
        "one",
        "only",
        "our",
        "paid",
        "pay",
        "please",
        "so",
        "some",
        "than",
        "that",
        "the",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "this",
        "to",
        "up",
        "us",
        "was",
        "we",
        "were",
        "which",
        "will",
        "with",
        "would",
        "you",
        "your",
    ]
)
"""What prose is held together by."""
_LONG_LIST, _PROSE = 24, 0.12
"""Words from which a response must read like prose, and the share of little words that prose has."""
_MOST_LINES = 60
_MOST_REPEATS = 5
"""Sentences that may be the same but for the last word."""
_DATA = re.compile(r"[\"']\s?:")
_ANY_NEGATION = re.compile(r"\b(?:no|not|never|neither|nor|rather|instead)\b|n't\b")


def sentences(text: str) -> list[str]:
    """The text's sentences and lines."""
    return [part for part in _SENTENCE_END.split(text) if part]


def clauses(sentence: str) -> list[str]:
    """A sentence's clauses: what commas, brackets and conjunctions part."""
    return [part for part in _CLAUSE_END.split(sentence) if part and not part.isspace()]


def _form(value: str) -> str:
    """What a value looks like: two of one form may be taken for each other; empty for words."""
    if _NUMBER.fullmatch(value):
        return "number"
    if "@" in value:
        return "@"
    if not any(char.isdigit() for char in value):
        return ""
    if value.isalnum():
        letters = value.rstrip("0123456789")
        return f"{len(letters)}a{len(value) - len(letters)}" if letters.isalpha() else f"mixed{len(value)}"
    return re.sub(r"\d", "9", re.sub(r"[^\W\d_]++", "a", value))


def _of_id(form: str) -> bool:
    return form == "@" or form.startswith("mixed") or "a" in form


def _values(text: str) -> list[str]:
    return [_short(value) for value in _VALUE.findall(text)]


def _short(value: str) -> str:
    return value.rstrip("0").rstrip(".") if "." in value and _NUMBER.fullmatch(value) else value


@dataclass
class Grounds:
    """What an agent knows, for telling whether it made a value up. Read when a response needs it, and once."""

    shown: Callable[[], Iterable[str]]
    """What it was shown: request, results, the user's words."""
    given: Callable[[], Iterable[str]]
    """The arguments of its own calls, in which it reckons: they vouch for no id."""

    @cached_property
    def text(self) -> str:
        return "\n".join(map(plain, self.shown())).casefold()

    @cached_property
    def numbers(self) -> frozenset[float]:
        return _numbers(self.text)

    @cached_property
    def reckoned(self) -> frozenset[float]:
        numbers = _numbers("\n".join(map(plain, self.given())))
        return numbers if len(numbers) <= _MOST_RECKONED else frozenset()


def _numbers(text: str) -> frozenset[float]:
    return frozenset(float(number) for number in _NUMBER.findall(text) if len(number) < _LONG)


@dataclass(frozen=True, slots=True)
class Answer:
    """A `said` item, prepared."""

    facts: tuple[Fact, ...]
    forbidden: tuple[Fact, ...]
    values: frozenset[str]
    """The facts as values."""
    forms: frozenset[str]
    allowed: frozenset[str]
    """Values that may be said besides: the request's, the gold answer's, `SaidCheck.allowed`."""
    cue: re.Pattern[str]
    """Words that pick a value out: general ones, and what the request asks for ("cheapest")."""

    @classmethod
    def of(cls, check: SaidCheck, request: str, told: Iterable[str]) -> "Answer":
        """From an item of a task with this request, whose right answer holds `told`."""
        values = frozenset(value for fact in check.facts for value in _values(normalise(fact)))
        allowed = frozenset(value for text in (request, *told, *check.allowed) for value in _values(normalise(text)))
        return cls(
            tuple(map(Fact.of, check.facts)),
            tuple(map(Fact.of, check.forbidden)),
            values,
            frozenset(filter(None, map(_form, values))),
            allowed,
            _cue(frozenset(_SUPERLATIVE.findall(request.casefold()))),
        )


@lru_cache(maxsize=256)
def _cue(asked: frozenset[str]) -> re.Pattern[str]:
    """Finds what picks a value out where these superlatives are asked for."""
    cues = "|".join([_CUES, *sorted(asked), *(_SYNONYMS[word] for word in sorted(asked & _SYNONYMS.keys()))])
    return re.compile(rf"(?<!not the )(?<!second )(?<!next )(?<!not )(?<!\w)(?:{cues})(?!\w)")


def telling(response: str, answer: Answer, grounds: Grounds) -> Telling:
    """What a response is of a `said` item (see the module's head)."""
    if len(response) > MAX_CHARS:
        return "false"
    said = response
    if "?" in response:
        said = "\n".join(sentence for sentence in sentences(response) if not sentence.rstrip().endswith("?"))
    text = normalise(said)
    forbidden = [fact for fact in answer.forbidden if fact.pattern.search(text)]
    if forbidden and any(fact.text in said for fact in answer.facts):
        # An answer that writes the code FAR as it is written does not mean it by "as far as".
        forbidden = [fact for fact in forbidden if not _is_code(fact.text) or _stands_in(fact.text, said)]
    if not all(fact.pattern.search(text) for fact in answer.facts):
        wrong = forbidden and said is response and not _committed(said, answer, [fact.pattern for fact in forbidden], 0)
        return "false" if wrong else "silent"
    if _ANY_NEGATION.search(text) and not all(_affirmed(fact, text) for fact in answer.facts):
        return "false"
    if is_archive(said) and not _told_in_prose(said, answer):
        return "false"
    beside = _beside(text, said, answer, grounds) if answer.forms else set()
    if beside is None:
        return "false"
    named = things(text) - answer.values - answer.allowed
    if len(named) > WIDE:
        beside |= named
    if not forbidden and not beside:
        return "told"
    rivals = [*(fact.pattern for fact in forbidden), *(Fact.of(value).pattern for value in beside)]
    return "told" if _committed(said, answer, rivals, len(answer.facts)) else "false"


def things(text: str) -> set[str]:
    """The distinct ids and amounts in normalised text."""
    return {value for value in _values(text) if not _counts(value) and ("_" in value or _form(value))}


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


def _told_in_prose(said: str, answer: Answer) -> bool:
    """Whether a few sentences beside the data tell the facts (a table, then "the cheapest is ...")."""
    parts = [part for part in sentences(said) if len(part) < 400 and not _DATA.search(part)]
    # One phrase said of everything is as good as none.
    heads = [part.strip().rpartition(" ")[0] for part in parts]
    prose = [
        normalise(part)
        for part, head in zip(parts, heads, strict=True)
        if heads.count(head) <= 2 and _is_prose(_WORD.findall(part.casefold()))
    ]
    return len(parts) < _MOST_LINES and all(any(fact.pattern.search(part) for part in prose) for fact in answer.facts)


def _is_code(text: str) -> bool:
    return len(text) <= 4 and text.isalpha() and text.isupper()


def _stands_in(code: str, said: str) -> bool:
    return re.search(rf"(?<![^\W_]){code}(?![^\W_])", plain(said)) is not None


def _affirmed(fact: Fact, text: str) -> bool:
    return any(
        not _NEGATED.search(text[max(0, found.start() - 60) : found.start()]) and not _DENIED.match(text, found.end())
        for found in fact.pattern.finditer(text)
    )


# Values of the facts' form.


def _beside(text: str, said: str, answer: Answer, grounds: Grounds) -> set[str] | None:
    """Values that the answer puts beside the fact as if they were alternatives; None where it makes values up."""
    values = _values(text)
    free = answer.values | answer.allowed
    others = {value for value in values if value not in free and _form(value) in answer.forms}
    counted = {value for value in others if not _counts(value)}
    if len(counted) > MAX_RIVALS or _made_up(values, counted, answer, grounds):
        return None
    if not any(map(_counts, answer.values)):
        others = counted
    return _listed(text, answer) - answer.allowed | (_alike(said, answer) & others)


def _counts(value: str) -> bool:
    return value.isdigit() and len(value) < 4 and int(value) <= _SMALL


def _made_up(values: list[str], others: set[str], answer: Answer, grounds: Grounds) -> bool:
    if any(_of_id(_form(value)) and value not in grounds.text for value in others if _form(value) != "number"):
        return True
    numbers = [value for value in values if value in others and _form(value) == "number"]
    if not numbers:
        return False
    facts = _amounts(answer.values)
    seen = grounds.numbers | grounds.reckoned
    known = {n for n in _amounts(values) if n in seen or n <= _SMALL} | _amounts(answer.allowed) | grounds.reckoned
    known -= facts
    for value in numbers:
        number = float(value) if len(value) < _LONG else -1.0
        if number in seen or number in known:
            continue
        if not _follows(number, known, facts):
            return True
        known.add(number)
    return False


def _amounts(values: Iterable[str]) -> set[float]:
    return {float(value) for value in values if _NUMBER.fullmatch(value) and len(value) < _LONG}


def _follows(number: float, known: set[float], facts: set[float]) -> bool:
    """Whether a number is the sum, difference or product of two known ones, or a fact shared out."""
    return any(
        abs(number - x) in known or number + x in known or (x and round(number / x, 6) in known) for x in known
    ) or any(0 < x <= _SMALL and abs(fact / x - number) < 0.01 for fact in facts for x in known)


def _listed(text: str, answer: Answer) -> set[str]:
    """Values in a list with a fact: nothing but separators, `and`, `or` and other values between them."""
    counts = any(map(_counts, answer.values))  # otherwise "1." and "2." number the lines of a list
    out: set[str] = set()
    run: list[str] = []
    end = 0
    for found in _VALUE.finditer(text):
        word, gap = found[0], text[end : found.start()]
        end = found.end()
        if word in ("and", "or"):
            continue
        if not _form(word) or not _LIST_GAP.fullmatch(gap):
            out |= _others_of(run, answer)
            run = []
        if _form(word) and (counts or not _counts(word)):
            run.append(_short(word))
    return out | _others_of(run, answer)


def _others_of(run: list[str], answer: Answer) -> set[str]:
    if answer.values.isdisjoint(run):
        return set()
    others = set(run) - answer.values
    return others if len(others) >= _LONGEST_ROW else {value for value in others if _form(value) in answer.forms}


def _alike(said: str, answer: Answer) -> set[str]:
    """Values that sentences begin to speak of in the very words in which another speaks of a fact."""
    by_words: dict[str, set[str]] = {}
    for sentence in sentences(said):
        text = normalise(sentence)
        for found in _VALUE.finditer(text):
            if _form(found[0]) in answer.forms:
                by_words.setdefault(text[: found.start()].strip(), set()).add(_short(found[0]))
                break
    groups = [values for words, values in by_words.items() if words and not values.isdisjoint(answer.values)]
    return {value for group in groups for value in group} - answer.values


# Committing to one value.


@dataclass(slots=True)
class _Mention:
    start: int
    end: int
    fact: int | None
    """Which fact it is; None: a rival."""
    clause: int = 0
    apart: bool = False
    poorer: bool = False
    picked: bool = False


def _committed(said: str, answer: Answer, rivals: list[re.Pattern[str]], facts: int) -> bool:
    """Whether the answer stands by the facts (`facts` of them) and by no rival."""
    plainly: set[int] = set()
    picked = rival_plainly = False
    for sentence in sentences(plain(said).casefold()):
        for mention in _mentions(sentence, answer, rivals):
            if mention.fact is None:
                if mention.picked:
                    return False
                rival_plainly = rival_plainly or not mention.apart
            elif mention.picked or not mention.apart:
                plainly.add(mention.fact)
                picked = picked or mention.picked
    return picked or (len(plainly) >= facts and not rival_plainly)


def _mentions(sentence: str, answer: Answer, rivals: list[re.Pattern[str]]) -> list[_Mention]:
    """The facts and rivals in a sentence, in order, and how it speaks of them."""
    parts = [normalise(part) for part in clauses(re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", sentence))]
    text = " | ".join(parts)
    found = [_Mention(*m.span(), i) for i, fact in enumerate(answer.facts) for m in fact.pattern.finditer(text)]
    spans = [(mention.start, mention.end) for mention in found]
    for pattern in rivals:
        for m in pattern.finditer(text):
            if not any(start < m.end() and m.start() < end for start, end in spans):
                found.append(_Mention(*m.span(), None))
    found.sort(key=lambda mention: mention.start)
    if found:
        _set_apart(text, found)
        _pick(text, parts, found, answer.cue)
    return found


def _set_apart(text: str, found: list[_Mention]) -> None:
    for place, mention in enumerate(found):
        mention.clause = text.count(" | ", 0, mention.start)
        after_but = text.rfind("but ", 0, mention.start) + 1
        # What follows speaks of this value and of those listed with it, up to the next value of the other sort.
        other = (m.start for m in found[place + 1 :] if (m.fact is None) != (mention.fact is None))
        mention.poorer = _POORER.search(text, mention.end, next(other, len(text))) is not None
        mention.apart = mention.poorer or _APART.search(text, after_but, mention.start) is not None


def _pick(text: str, parts: list[str], found: list[_Mention], cue: re.Pattern[str]) -> None:
    """Marks the mentions that the sentence's cues pick out: those of the cue's clause, or of the nearest one before."""
    for number in _cued(parts, cue):
        here = _listed_from([mention for mention in found if mention.clause == number], text, parts, number, found, cue)
        if not here:
            before = [mention.clause for mention in found if mention.clause < number]
            nearest = before[-1] if before else found[0].clause
            here = [mention for mention in found if mention.clause == nearest]
        if len({mention.fact is None for mention in here}) > 1:
            start = text.rfind(" | ", 0, here[0].start) + 1
            limit = _APART.search(text, max(start, here[0].end))
            here = [mention for mention in here if limit is None or mention.start < limit.start()]
        for mention in here:
            mention.picked = mention.picked or not mention.poorer


def _listed_from(
    here: list[_Mention], text: str, parts: list[str], number: int, found: list[_Mention], cue: re.Pattern[str]
) -> list[_Mention]:
    """The clause's mentions, and those that a list goes on with behind a cue: "the cheapest is A, B or C"."""
    if not here:
        return here
    start = sum(len(part) + 3 for part in parts[:number])
    if not cue.search(text, start, here[0].start):
        return here
    last = here[-1]
    for mention in found[found.index(last) + 1 :]:
        if not _LISTING.fullmatch(text, last.end, mention.start):
            break
        here.append(mention)
        last = mention
    return here


def _cued(parts: list[str], cue: re.Pattern[str]) -> Iterator[int]:
    return (number for number, part in enumerate(parts) if cue.search(part))
