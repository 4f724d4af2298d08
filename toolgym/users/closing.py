"""Whether a response closes a conversation: what was wished for is done, or is refused, or somebody else takes over.

A word does not tell: "has not been cancelled yet", "was booked last week", "once I have cancelled it" close nothing. So
each sentence is asked for a statement that something was done or will not be done, and what stands around it in the
sentence (a negation, a condition, a past that was not the agent's doing) for what unsays it. A response that asks for
something, or announces more work, closes nothing either.
"""

import re
from collections.abc import Iterator

__all__ = ["asks", "closes"]

_SENTENCE = re.compile(r"(?:[^.!?\n]|\.(?=\d))+[.!?]*")
_CLAUSE = re.compile(r"[,;:()]|\s[-\u2013\u2014]+\s|\b(?:and|but|so|because|since|although|though|however)\b")
_AROUND = 200
"""Characters before and after a statement that are looked at."""
_LONGEST = 20_000
"""Characters of a response that are looked at: its end."""

_HOW = r"(?:now|just|already|all|also|successfully|fully|finally|hereby|therefore|both|officially|completely) "
_MADE = "booked|issued|sent|made|added|paid|created|placed|confirmed|submitted|applied|credited"
_ENDED = (
    "cancelled|canceled|rebooked|rescheduled|updated|changed|modified|removed|deleted|upgraded|downgraded|exchanged|"
    "returned|refunded|processed|completed?|done|finished|moved|switched|resolved|corrected|fulfilled|granted|settled"
)
_DONE = f"(?:{_MADE}|{_ENDED})"
_OBJECT = r"(?= (?:it|that|this|so|as|everything|all|both|the|your|those|these|you|a|an|another|every|each)\b"
_OBJECT += r"| (?:\w{1,20} )?[#$\u20ac\u00a3]?\w{0,20}\d)"  # reservation K7Q2MX, $30, 2 bags

# That something was done: a passive that holds now, one in the past, the agent's own doing, and short forms.
_NOW = re.compile(
    rf"(?:\b(?:has|have)|'s|'ve) (?:{_HOW})*been (?:{_HOW})*{_DONE}\b|(?:\b(?:is|are)|'s|'re) (?!fully booked\b)"
    rf"(?:{_HOW})*(?!booked (?:out|up|solid)\b){_DONE}\b"
    r"|\b(?:is|are) on (?:its|their) way\b|\b(?:went|has gone|have gone) through\b|\b(?:is|are|was|were) successful\b"
)
_PAST = re.compile(rf"\b(?:was|were) (?P<how>(?:{_HOW})*)(?:(?P<made>{_MADE})|{_ENDED})\b")
_OWN = re.compile(
    rf"(?:\b(?:i|we)(?: have|'ve)?|(?<=\band )have) (?:{_HOW}|gone ahead and )*(?:(?:booked|issued|sent|added|paid|"
    rf"created|placed|submitted|applied|credited|{_ENDED}){_OBJECT}|(?:made|confirmed) (?:the|your|this|that|"
    r"these|those|all) (?:\w+ )?(?:changes?|booking|reservation|cancellation|payment|exchange|return|refund|update|"
    r"order|flights?)\b)|\b(?:i|we) (?:(?:was|were|have been) able|managed) to (?:cancel|book|change|update|modify|add|"
    r"remove|upgrade|move|exchange|return|refund|issue|process|complete|do)\b"
)
_SHORT = re.compile(
    rf"^(?:(?:ok|okay|yes|sure|great|perfect|good news)\W+)?(?:{_HOW})*(?P<what>(?:the |your |all )?(?:\w+ ){{0,2}})"
    rf"{_DONE}(?=\W*$|:| (?:as|for|to|from|successfully)\b)|\ball (?:set|sorted)\b|\btaken care of\b"
)
_NO_NOUN = re.compile(
    r"\b(?:not|never|no|nothing|none|be|been|being|is|are|was|were|has|have|had|get|gets|getting|got|if|once|when|until|"
    r"cannot|can't|can|will|would|should|could|may|might|must|needs?|to|yet|still|currently|partly|partially|almost|"
    r"nearly|half|i|we|you|he|she|they|it|you've|i've)\b"
)

# That it will not be done.
_REFUSED = re.compile(
    r"\b(?:cannot|can not|can't|could not|couldn't|unable to|not able to|won't be able to|not be able to) (?!wait\b)"
    r"(?!(?:\w+ly )?(?:find|locate|see|verify|access|identify|look|retrieve|tell|proceed|continue|start|begin|go on)\b)"
    r"|(?:\bnot|n't) (?:\w+ly )?(?:allowed|permitted|possible|eligible|refundable|covered)\b"
    r"|\b(?:ineligible|non-?refundable|prohibited|forbidden)\b|\bagainst (?:our|the|company) polic(?:y|ies)\b"
    r"|\bpolic(?:y|ies) (?:does not|doesn't|do not|don't|forbids?|prohibits?)\b|\b(?:must|have to) decline\b"
    r"|\bno (?:\w+ ){1,2}(?:can be|is due|are due|is possible|are possible|is allowed|are allowed)\b"
    r"|\b(?:sorry|unfortunately|afraid)\b(?=[^.!?]{0,80}\b(?:no|not|isn't|aren't|doesn't|don't|won't)\b)"
)
_PASSED_ON = re.compile(
    r"(?:\b(?:am|are|is|be|being|been|was|were)|'m|'re) (?:now )?transferr(?:ing|ed)\b|^transferring\b"
    r"|(?:\b(?:will|must|have to|need to|going to|let me)|'ll) (?:now |go ahead and )?transfer (?:you|your|this)\b"
    r"|\b(?:i|we)(?: have|'ve)? (?:now |just )?transferred (?:you|your|this)\b"
)
_GOODBYE = re.compile(
    r"\bgood ?bye\b|^bye\b|\bsafe travels\b|^take care\W*$|\benjoy your (?:trip|flight|stay|day)\b"
    r"|\bhave a (?:nice|great|good|wonderful|lovely|safe|pleasant) (?:day|trip|flight|evening|weekend|night|one)\b"
)

# What unsays it: before it in the sentence, before it in its clause, and behind it.
_CONDITION = re.compile(
    r"\b(?:if|unless|whether|until|till|provided|assuming|in case|suppose|as soon as|whenever|once(?! again| more))\b"
    r"|\b(?:when|while)(?! \w+ing\b)\b"
    r"|\b(?:after|before)(?! (?:\w+ing|careful|a|an|some|further|thorough|review|this)\b)\b"
    r"|\baccording to\b|\bapparently\b|\b(?:it|that) (?:looks|seems|appears)\b"
)
_UNSAID = re.compile(
    r"\b(?:not|never|no(?! problem| worries)|nothing|none|neither|nor|nobody|hardly|\w+n't|without)\b"
    r"|\b(?:i|we)(?: can| also| do)* (?:see|found|find|notice|noticed|understand|read|believe|think|assume|gather)\b"
    r"|\b(?:looks|seems) (?:like|that)\b|\bsorry (?:to hear|that|about|for)\b"
    r"|\b(?:doubt|hope|wish|expect|soon|going to say)\b"
    r"|\b(?:records?|system|account|notes?) (?:shows?|says?|indicates?)\b"
    r"|\b(?:you|they|he|she) (?:said|say|mentioned|told|wrote|asked|ask|want|wanted|claim|thought|think)\b"
    r"|\b(?:make|making|be) sure\b|\bensure\b|\b(?:which|that|who) $"
)
_MODAL = re.compile(r"\b(?:would|will|should|could|might|may|must|can|to|'d|'ll)\s*$")
_BACK_THEN = re.compile(
    r"\b(?:yet|yesterday|ago|previously|originally|last (?:week|month|year|night|time|\w+day)|"
    r"by (?:the airline|you|mistake|someone|another|a colleague))\b|\bearlier(?: today)?\W*$"
)
_PENDING = re.compile(r"^(?:\s+[\w']+){0,5}?\s+(?:once|if|when|unless|until|as soon as|after (?:you|we|i)|only)\b")
_FOR_NOW = re.compile(r"\b(?:unless|until|without|before|yet|if you (?:do not|don't)|right now|at the moment)\b")

# What the whole response must not do.
_GOES_ON = re.compile(
    r"\b(?:let me(?! know)|allow me|one moment|a moment|hold on|bear with|stand by|please (?:wait|hold)|so far|"
    r"(?:first|next) step|almost (?:done|there|finished|ready)|(?:still|yet) (?:need|have|has|needs|to))\b"
    r"|(?:\b(?:i|we) (?:will|shall|am going to|are going to|am about to|need to)|\b(?:i|we)'(?:ll|m going to|"
    r"re going to|m about to)) (?:(?:now|then|also|next|first|just|go ahead and) )*(?:check|look|search|find|review|"
    r"verify|see|try|proceed|continue|start|begin|cancel|book|change|modify|update|add|remove|upgrade|exchange)\b"
    r"|(?:\b(?:i am|we are)|\b(?:i'm|we're)) (?:(?:now|still|currently|just) )*(?:checking|looking|processing|"
    r"cancelling|canceling|booking|working|updating|changing|searching|reviewing|verifying|trying|adding)\b"
)
_ASKS = re.compile(
    r"\b(?:please|kindly|could you|can you|would you|i need you to|you (?:need|have) to) (?:also |first |now )?(?:tell|"
    r"provide|give|share|specify|confirm|state|supply|enter|choose|select|pick|reply|respond|answer|verify|indicate|"
    r"clarify|describe)\b"
    r"|\b(?:tell|give|send|provide) me\b|\bmay i have\b"
    r"|\blet me know (?:which|what|when|where|who|whether|how|your|the)\b"
    r"|\b(?:i|we)(?:'ll| will)?(?: still| also)? (?:need|require) (?:your|the|to know|a|some|more|one)\b"
)
_COURTESY = re.compile(
    r"\b(?:anything|something) (?:else|more|further)\b|\b(?:how|what) else\b|\bcan i (?:help|assist)\b"
    r"|\b(?:how|what) (?:can|may|could) (?:i|we) (?:do|help|assist)\b"
    r"|\bany (?:other |more |further )?(?:questions?|concerns?|requests?)\b"
    r"|\b(?:is|was) (?:that|this|there) all\b|\b(?:does|did) (?:that|this) help\b|\bfurther (?:help|assistance)\b"
)


def closes(response: str) -> bool:
    """Whether a response (in lower case, with straight apostrophes) ends a conversation in which nothing is asked."""
    text = response[-_LONGEST:]
    sentences = [found.group().strip() for found in _SENTENCE.finditer(text)]
    if any(sentence.endswith("?") and not _COURTESY.search(sentence) for sentence in sentences):
        return False
    statements = [sentence for sentence in sentences if not sentence.endswith("?")]
    if any(_says(_PASSED_ON, sentence) for sentence in statements):
        return True
    if asks(text) or _GOES_ON.search(text):
        return False
    return any(_is_done(sentence) or _is_refused(sentence) or _GOODBYE.search(sentence) for sentence in statements)


def asks(text: str) -> bool:
    """Whether a response asks the user to tell something, be it without a question mark."""
    return _ASKS.search(text) is not None


def _is_done(sentence: str) -> bool:
    if _says(_OWN, sentence) or any(not _PENDING.match(after) for after in _afters(_NOW, sentence)):
        return True
    for found in _statements(_PAST, sentence):
        rest = sentence[found.end() : found.end() + _AROUND]
        made_before = found["made"] and not found["how"] and rest.strip(" .!")
        if not made_before and not re.match(r"\s+(?:due to|because of)\b", rest):
            return True
    for clause in _CLAUSE.split(f"{sentence} "):
        found = _SHORT.search(clause.strip())
        if (
            found
            and not _NO_NOUN.search(found["what"] or "")
            and _stands(sentence, sentence.find(clause), len(sentence))
        ):
            return True
    return False


def _is_refused(sentence: str) -> bool:
    for found in _REFUSED.finditer(sentence):
        before, rest = sentence[max(0, found.start() - _AROUND) : found.start()], _clause_after(sentence, found.end())
        if not (_CONDITION.search(before) or _FOR_NOW.search(rest) or _MODAL.search(before)):
            return True
    return False


def _says(pattern: re.Pattern[str], sentence: str) -> bool:
    return next(_statements(pattern, sentence), None) is not None


def _afters(pattern: re.Pattern[str], sentence: str) -> Iterator[str]:
    """What follows each statement in its clause."""
    return (_clause_after(sentence, found.end()) for found in _statements(pattern, sentence))


def _statements(pattern: re.Pattern[str], sentence: str) -> Iterator[re.Match[str]]:
    """Where a sentence says so and does not unsay it."""
    return (found for found in pattern.finditer(sentence) if _stands(sentence, found.start(), found.end()))


def _stands(sentence: str, start: int, end: int) -> bool:
    """Whether nothing around a statement unsays it."""
    before = sentence[max(0, start - _AROUND) : start]
    clause = _CLAUSE.split(before)[-1]
    if _CONDITION.search(before) or _UNSAID.search(clause) or _MODAL.search(clause):
        return False
    return not _BACK_THEN.search(_clause_after(sentence, end))


def _clause_after(sentence: str, at: int) -> str:
    return _CLAUSE.split(sentence[at : at + _AROUND], maxsplit=1)[0]
