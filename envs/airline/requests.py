"""How customers say things: phrasings by topic, one list for training and others for `test_unseen` alone.

`train`, `validation` and `test` share the first lists (their values differ), `test_unseen` has the second ones only.
"""

import random
from collections.abc import Mapping
from typing import Final

from toolgym.composing.story import Style
from toolgym.envs.airline.phrases_other import OTHER_PHRASES
from toolgym.envs.airline.phrases_trip import TRIP_PHRASES

__all__ = ["PHRASES", "TOPIC_WORDS", "phrase"]

PHRASES: Final = {**TRIP_PHRASES, **OTHER_PHRASES}
"""Topic -> (phrasings of `train`, `validation` and `test`, phrasings of `test_unseen`)."""


TOPIC_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "user id": ("user id", "userid", "user name", "account", "customer id", "who you are", "identify yourself"),
    "name": ("your name", "full name", "who am i speaking"),
    "reservation id": ("reservation id", "reservation", "booking", "confirmation", "which trip", "booking reference"),
    "route": ("route", "origin", "destination", "where", "from", "airport", "airports", "city", "cities"),
    "date": ("date", "when", "day"),
    "payment": ("payment", "pay", "card", "gift card", "credit card", "payment method", "charge"),
    "cabin": ("cabin", "class"),
    "reason": ("reason", "why"),
    "passenger": ("passenger", "passengers", "traveller", "who flies", "date of birth", "dob"),
    "bags": ("bag", "bags", "baggage", "luggage"),
    "insurance": ("insurance", "insured"),
    "flight": ("flight", "flight number", "which flight"),
    "details": ("details", "more information", "explain", "describe", "what exactly", "request"),
}
"""Topic -> words in an agent's question that ask for it (`UserScript.keywords`)."""


def phrase(rng: random.Random, topic: str, style: Style, values: Mapping[str, object], *, goes_on: bool = False) -> str:
    """One of the topic's phrasings, filled in.

    Args:
        values: placeholder -> value.
        goes_on: the words follow a connective ("Then"), so a sentence's first word is written small.
    """
    template = rng.choice(PHRASES[topic][style == "unseen"])
    text = template.format_map(values)
    if goes_on and not template.startswith(("{", "I ")):
        return text[0].lower() + text[1:]
    if not goes_on and template.startswith("{trip}"):
        return text[0].upper() + text[1:]
    return text
