"""Whether an answer commits to its facts where it also names rivals: by how each sentence speaks of either.

A value is *set apart* where the sentence has turned to what is not the answer before it ("the others, ..."), or says so
behind it ("... is full"). It is *picked* where a cue speaks for it ("the cheapest is ...", "so", "in total"). The rules
are the same for facts and rivals, so that no way of speaking helps who does not know the answer.

Used by `toolgym.saying.answers`. Everything here takes time linear in the text.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from toolgym.saying.facts import normalise
from toolgym.saying.text_form import plain

__all__ = ["clauses", "commits", "cue_for", "sentences"]

_SENTENCE_END = re.compile(r"(?<=[.!?;])\s++|\n++")
_CLAUSE_END = re.compile(
    r"[,;:()\[\]]|(?<=\s)-(?=\s)|\s(?=(?:and|but|while|whereas|though|although|so|because|since)\s)"
)
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_LISTING = re.compile(r"(?:[\s,;/|&-]|and\b|or\b)*+")

_APART = re.compile(
    r"\b(?:others?|another|than|instead|rather|versus|vs|compared|comparing|compare|among|amongst|between|unlike|while"
    r"|whereas|although|though|not|never|no|full|sold|unavailable|dearer|pricier|later|next|second|third|remaining"
    r"|alternatives?|alternatively|options?|available|listed|considered|choices|offers|candidates|following|also"
    r"|ahead|previous|previously|formerly|returns?|returning|higher|slower|costlier|besides|except|apart|beats"
    r"|undercuts|over|out of|excluding|runner-up|followed by|would have)\b|n't\b"
)
"""From here on, a sentence speaks of what is not the answer (until a "but")."""
_POORER = re.compile(
    r"\b(?:(?:costs?|is|are|was|were|be|being|leaves?|departs?|arrives?|comes?|would be) (?:\w++ ){0,2}(?:more|dearer"
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


def sentences(text: str) -> list[str]:
    """The text's sentences and lines."""
    return [part for part in _SENTENCE_END.split(text) if part]


def clauses(sentence: str) -> list[str]:
    """A sentence's clauses: what commas, brackets and conjunctions part."""
    return [part for part in _CLAUSE_END.split(sentence) if part and not part.isspace()]


def cue_for(request: str) -> re.Pattern[str]:
    """Finds the words that pick a value out: general ones, and the superlatives that the request asks for."""
    return _cue(frozenset(_SUPERLATIVE.findall(request.casefold())))


@lru_cache(maxsize=256)
def _cue(asked: frozenset[str]) -> re.Pattern[str]:
    cues = "|".join([_CUES, *sorted(asked), *(_SYNONYMS[word] for word in sorted(asked & _SYNONYMS.keys()))])
    return re.compile(rf"(?<!not the )(?<!second )(?<!next )(?<!not )(?<!\w)(?:{cues})(?!\w)")


@dataclass(slots=True)
class _Mention:
    """A fact (its number) or a rival (None) in a sentence, and how the sentence speaks of it."""

    start: int
    end: int
    fact: int | None
    clause: int = 0
    apart: bool = False
    poorer: bool = False
    picked: bool = False


def commits(
    said: str,
    facts: Sequence[re.Pattern[str]],
    rivals: Sequence[re.Pattern[str]],
    cue: re.Pattern[str],
    *,
    needed: int | None = None,
) -> bool:
    """Whether the answer stands by the facts and by no rival.

    Args:
        said: the response.
        facts, rivals: what finds them in normalised text.
        cue: see `cue_for`.
        needed: how many facts it must stand by where it picks none out; default: all.
    """
    plainly: set[int] = set()
    picked = rival_plainly = False
    for sentence in sentences(plain(said).casefold()):
        for mention in _mentions(sentence, facts, rivals, cue):
            if mention.fact is None:
                if mention.picked:
                    return False
                rival_plainly = rival_plainly or not mention.apart
            elif mention.picked or not mention.apart:
                plainly.add(mention.fact)
                picked = picked or mention.picked
    return picked or (not rival_plainly and len(plainly) >= (len(facts) if needed is None else needed))


def _mentions(
    sentence: str, facts: Sequence[re.Pattern[str]], rivals: Sequence[re.Pattern[str]], cue: re.Pattern[str]
) -> list[_Mention]:
    """The facts and rivals in a sentence, in order."""
    parts = [normalise(part) for part in clauses(_THOUSANDS.sub("", sentence))]
    text = " | ".join(parts)
    found = [_Mention(*m.span(), i) for i, fact in enumerate(facts) for m in fact.finditer(text)]
    taken = bytearray(len(text))
    for mention in found:
        taken[mention.start : mention.end] = b"\1" * (mention.end - mention.start)
    for pattern in rivals:
        # "economy" in the fact "basic_economy" is no rival.
        found += [_Mention(*m.span(), None) for m in pattern.finditer(text) if not any(taken[m.start() : m.end()])]
    if not found:
        return found
    found.sort(key=lambda mention: mention.start)
    starts = [0]
    for part in parts:
        starts.append(starts[-1] + len(part) + 3)
    for mention in found:
        mention.clause = bisect_left(starts, mention.start + 1) - 1
    _set_apart(text, found)
    _pick(text, parts, starts, found, cue)
    return found


def _set_apart(text: str, found: list[_Mention]) -> None:
    turns = [match.start() for match in _APART.finditer(text)]
    buts = [match.start() for match in re.finditer(r"\bbut\b", text)]
    poorer = [match.start() for match in _POORER.finditer(text)]
    limits: dict[bool, int] = {True: len(text), False: len(text)}
    for mention in reversed(found):
        # What follows speaks of this value and of those listed with it, up to the next value of the other sort.
        rival = mention.fact is None
        after = bisect_left(poorer, mention.end)
        mention.poorer = after < len(poorer) and poorer[after] < limits[not rival]
        limits[rival] = mention.start
        but = bisect_left(buts, mention.start)
        turn = bisect_left(turns, buts[but - 1] if but else 0)
        mention.apart = mention.poorer or (turn < len(turns) and turns[turn] < mention.start)


def _pick(text: str, parts: list[str], starts: list[int], found: list[_Mention], cue: re.Pattern[str]) -> None:
    """Marks the mentions that the sentence's cues pick out: those of the cue's clause, or of the nearest one before."""
    first: dict[int, int] = {}
    for place, mention in enumerate(found):
        first.setdefault(mention.clause, place)
    spoken_of = sorted(first)
    turns = [match.start() for match in _APART.finditer(text)]
    leads: dict[int, bool] = {}  # clause that is picked -> whether its cue stands before its mentions
    for number, part in enumerate(parts):
        cued = cue.search(part)
        if cued is not None:
            at = bisect_left(spoken_of, number)
            own = at < len(spoken_of) and spoken_of[at] == number
            clause = number if own else spoken_of[max(0, at - 1)]
            before = own and starts[number] + cued.start() < found[first[clause]].start
            leads[clause] = leads.get(clause, False) or before
    for clause, before in leads.items():
        here = _of_clause(found, first[clause])
        if before:
            here += _listed_from(text, found, first[clause] + len(here))
        if len({mention.fact is None for mention in here}) > 1:
            turn = bisect_left(turns, here[0].end)
            limit = turns[turn] if turn < len(turns) else len(text)
            here = [mention for mention in here if mention.start < limit]
        for mention in here:
            mention.picked = not mention.poorer


def _of_clause(found: list[_Mention], place: int) -> list[_Mention]:
    clause, out = found[place].clause, []
    while place < len(found) and found[place].clause == clause:
        out.append(found[place])
        place += 1
    return out


def _listed_from(text: str, found: list[_Mention], place: int) -> list[_Mention]:
    """What a list goes on with in the next clauses: "the cheapest is A, B or C"."""
    out = []
    while place < len(found) and _LISTING.fullmatch(text, found[place - 1].end, found[place].start):
        out.append(found[place])
        place += 1
    return out
