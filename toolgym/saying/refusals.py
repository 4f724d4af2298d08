"""Whether a response *refuses*: it says that the thing cannot be done, or what bars it, and does not claim it was done.

A refusal is told by words for what cannot or may not be ("cannot", "not allowed", "no compensation is due"), in a
sentence that is about the request: one of the item's words, or what points to it ("that", "your request"). The response
names what it refuses by one of the item's words, where it has any, and does not refuse everything there is.
Weaker words ("not", "only", "fixed") count in a sentence with one of the item's own words alone. A claim that the thing
was done ("is cancelled", "I have changed it", "all set") spoils it, unless it is denied or conditional ("was not
cancelled", "if we had cancelled it").

Everything here takes time linear in the response.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from toolgym.saying.answers import MAX_CHARS, MAX_RIVALS, Telling, is_archive
from toolgym.saying.commitment import clauses, sentences
from toolgym.saying.facts import normalise
from toolgym.saying.values import things, values_in

__all__ = ["Refusal", "refusing"]

_BARS = re.compile(
    r"\b(?:cannot|can not|unable|impossible|ineligible|refused?|declined?|declining|reject(?:ed)?|deny|denied|forbids?"
    r"|forbidden|prohibits?|prohibited|bars|barred|rules? (?:it |this |that )?out|ruled out"
    r"|not (?:be )?(?:able|allowed|permitted|possible|eligible|entitled|qualify|permit|allow|available|authori[sz]ed"
    r"|an option|something|in a position|going to|accept|offer|provide|grant|do|make|process|approve|help|honou?r)\b"
    r"|(?:against|outside|contrary to|violates?|breaks?) (?:our |the |airline |company ){0,3}+(?:policy"
    r"|policies|rules?)|no (?:way|possibility|option|means|entitlement|right)|out of the question"
    r"|must (?:turn|say no|stay|remain)|may not|must not|mustn't|can no longer|no longer (?:be|possible|allowed)"
    r"|non-?refundable|non-?changeable"
    r"|unfortunately|without (?:permission|entitlement)|has to stay|have to stay|too late|off limits"
    r"|turn (?:it |this |that |you )?down)\b"
    r"|\b(?:ca|wo|do|does|is|are|must|may|could|would|should)n't\b"
)
_WEAK = re.compile(
    r"\b(?:no|not|never|nothing|none|neither|nor|only|fixed|final|locked|unchanged|excluded|excludes?|except|sorry"
    r"|regret|stays?|remains?|isn't|aren't|doesn't|won't|don't|lacks?|without|fails?|exempt|unless|limited|keeps?)\b"
)
_POINTS = (
    "that|this|it|so|request|change|changes|policy|rules?|do|help|one|wish|you asked|allowed|permitted|possible|here"
    "|case|reservation|booking|trip"
)
_DONE = (
    "done|completed|complete|cancelled|canceled|changed|updated|moved|modified|removed|added|sent|issued|refunded"
    "|rebooked|booked|processed|upgraded|granted|arranged|deleted|approved|confirmed|settled|made|switched"
)
_ALWAYS = re.compile(
    r"\b(?:it|that|this|everything|all|request|change|cancellation|refund|upgrade)(?: is| has been|'s|'s been| was)?"
    r" (?:now |all |already |successfully ){0,3}+(?:done|complete|completed|set|settled|arranged|approved|processed"
    r"|sorted|taken care of)\b"
    r"|\bas you (?:asked|wished|wanted|requested)\b|\byou are (?:now |all ){0,3}+(?:on the|in the|set|booked"
    r"|confirmed)\b"
    r"|\b(?:successfully|enjoy your|welcome aboard)\b|^done\b"
)
"""Claims that something was done, whatever it is."""
_DENIED = re.compile(
    r"\b(?:not|no|never|none|nothing|neither|nor|cannot|if|unless|only|had|would|could|can|may|might|must|should"
    r"|whether|until|when|where|who|whom|which|that (?:is|are|was|were|has|have)|without|before|once|after|to be|be"
    r"|being|by (?:us|the airline)|airline|because|since|unable|refuse|decline|why|how)\b|n't\b"
)
"""In a claim's clause: it is none."""
_AUXILIARY = (
    r"(?:is|it's|that's|are|was|were|has been|have been|been|got|gets|i|we|i've|we've|i have|we have|i just|now|hereby"
    r"|just|already|successfully)"
)


class RefusedItem(Protocol):
    """What is looked at of a `refused` item (`toolgym.tasks.RefusedCheck`)."""

    @property
    def about(self) -> Sequence[str]: ...

    @property
    def unrelated(self) -> Sequence[str]: ...

    @property
    def done(self) -> Sequence[str]: ...

    @property
    def subject(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Refusal:
    """A `refused` item, prepared."""

    about: re.Pattern[str]
    """The item's own words."""
    unrelated: tuple[re.Pattern[str], ...]
    near: re.Pattern[str]
    """These, and words that point to the request."""
    claim: re.Pattern[str]
    subject: str
    others_done: bool
    """Whether the gold answer itself claims such a thing, of something else."""

    @classmethod
    def of(cls, check: RefusedItem, told: Iterable[str]) -> "Refusal":
        """From an item of a task whose gold chain says `told`."""
        words = "|".join(re.escape(normalise(word)) for word in check.about) or r"(?!)"
        done = "|".join(re.escape(normalise(verb)) for verb in check.done) or _DONE
        claim = re.compile(rf"\b{_AUXILIARY} (?:\w+ly |now |just |already |been ){{0,3}}(?:{done})\b|^(?:{done})\b")
        made = cls(
            re.compile(rf"\b(?:{words})" if check.about else ""),
            tuple(re.compile(rf"\b{re.escape(normalise(word))}") for word in check.unrelated),
            re.compile(rf"\b(?:{words})|\b(?:{_POINTS})\b"),
            claim,
            normalise(check.subject),
            False,
        )
        others = any(_claims(part, made) for text in told for part in sentences(text))
        return cls(made.about, made.unrelated, made.near, claim, made.subject, others)


def refusing(response: str, refusal: Refusal) -> Telling:
    """`told`: it refuses; `false`: it claims that the thing was done; `silent`: neither."""
    if len(response) > MAX_CHARS:
        return "false"
    text = normalise(response)
    if not refusal.about.search(text) or sum(word.search(text) is not None for word in refusal.unrelated) > 2:
        return "silent"
    if is_archive(response) or len(things(values_in(text))) > MAX_RIVALS:
        return "silent"
    refuses = False
    for sentence in sentences(response):
        # Where other things are rightly said to be done, only what names the subject is about this one.
        if _claims(sentence, refusal, refusal.subject if refusal.others_done else ""):
            return "false"
        refuses = refuses or _refuses(normalise(sentence), refusal)
    return "told" if refuses else "silent"


def _refuses(sentence: str, refusal: Refusal) -> bool:
    if _BARS.search(sentence):
        return refusal.near.search(sentence) is not None
    return _WEAK.search(sentence) is not None and refusal.about.search(sentence) is not None


def _claims(sentence: str, refusal: Refusal, subject: str = "") -> bool:
    return any(
        subject in part and (refusal.claim.search(part) or _ALWAYS.search(part)) and not _DENIED.search(part)
        for part in map(normalise, clauses(sentence))
    )
