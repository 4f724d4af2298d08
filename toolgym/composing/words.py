"""The kit's own words: how requests are joined, records named, and facts asked for; seen phrasings and unseen ones."""

import random
import re
from collections.abc import Mapping
from functools import lru_cache
from string import Formatter
from typing import Final

from toolgym.composing.story import Style
from toolgym.errors import DeclarationError, did_you_mean

__all__ = ["GENERIC_TOPICS", "fill", "join_facts", "places_of", "say", "several", "smaller"]

_PHRASES: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "speaker": (
        (
            "I am {id}.",
            "My id is {id}.",
            "{id} here.",
            "This is {id}.",
            "My account is {id}.",
            "Hi, {id} here.",
            "Hello, I am {id}.",
        ),
        ("You are talking to {id}.", "Please note my id, {id}.", "It is {id} writing."),
    ),
    "also": (
        ("Also:", "And also:", "Besides:", "One more thing:", "In addition:", "Then this:"),
        ("On top of that:", "While we are at it:", "My next wish:"),
    ),
    "then": (
        ("Then", "After that,", "Next,", "And then", "Afterwards,"),
        ("When that is settled,", "As the following step,", "Subsequently,"),
    ),
    "by id": (
        ("{noun} {id}", "the {noun} {id}", "my {noun} {id}"),
        ("the {noun} with the id {id}", "what you have as {noun} {id}"),
    ),
    "public by id": (
        ("{noun} {id}", "the {noun} {id}"),
        ("the {noun} with the id {id}", "what you have as {noun} {id}"),
    ),
    "by mark": (
        ("my {noun} {mark}", "the {noun} {mark}"),
        ("that {noun} of mine {mark}", "the {noun} I have {mark}"),
    ),
    "public by mark": (
        ("the {noun} {mark}",),
        ("that {noun} {mark}", "the one {noun} {mark}"),
    ),
    "by name": (
        ("my {name}", "the {name}"),
        ("that {name} of mine", "the {name} I have"),
    ),
    "public by name": (
        ("the {name}",),
        ("that {name}", "the {name} you have"),
    ),
    "own": (("my {noun}",), ("the {noun} in my record",)),
    "the only": (("my {noun}", "the one {noun} that I have"), ("the only {noun} of mine", "my single {noun}")),
    "public only": (("the {noun}", "the only {noun}"), ("the single {noun}",)),
    "extreme": (("my {which} {noun}", "the {which} of my {nouns}"), ("the {which} {noun} of mine",)),
    "public extreme": (("the {which} {noun}", "the {which} of the {nouns}"), ("that {noun} which is the {which}",)),
    "inside extreme": (
        ("the {which} {noun}", "the {which} of the {nouns}"),
        ("the {noun} that is the {which}", "whichever {noun} is the {which}"),
    ),
    "followed": (("the {noun} of {from_}", "the {noun} that belongs to {from_}"), ("the {noun} behind {from_}",)),
    "its": (("its {noun}", "the {noun} of it"), ("the {noun} that belongs to it",)),
    "fact": (
        (
            "What is the {label} of {it}?",
            "Please tell me the {label} of {it}.",
            "I need the {label} of {it}.",
            "Can you look up the {label} of {it}?",
        ),
        ("I am curious about the {label} of {it}.", "Which {label} does {it} have?"),
    ),
    "my fact": (
        (
            "What is my {label}?",
            "Please tell me my {label}.",
            "Which {label} do you have for me?",
            "I need my {label}.",
        ),
        ("I am curious which {label} I have with you.", "Kindly look up my {label}."),
    ),
    "total": (
        ("What is the total {total} of my {nouns}?", "Add up the {total} of all my {nouns}, please."),
        ("Summed over my {nouns}, what is the {total}?",),
    ),
    "count": (
        ("How many {nouns} do I have?", "Please count my {nouns}."),
        ("What is the number of my {nouns}?",),
    ),
    "which": (
        ("Which of my {nouns} is the {which}?", "Tell me the id of my {which} {noun}."),
        ("Give me the id of the {which} {noun} of mine.",),
    ),
    "difference": (
        (
            "How much more is the {label} of {it} than that of {other}?",
            "By how much do the {labels} of {it} and {other} differ?",
        ),
        ("What is the difference in {label} between {it} and {other}?",),
    ),
    "same as": (("the {label} of {from_}",), ("what {from_} has as {label}",)),
}
"""Topic -> (phrasings of `train`, `validation` and `test`; those of `test_unseen`)."""

GENERIC_TOPICS: Final[dict[str, tuple[str, ...]]] = {
    "id": ("user id", "customer id", "your id", "member id", "account", "who you are", "identify yourself", "id"),
    "details": ("details", "more information", "explain", "describe", "what exactly", "request"),
}
"""Topic -> words in an agent's question that ask for it, in every domain."""


def say(rng: random.Random, topic: str, style: Style, **values: object) -> str:
    """One of the kit's phrasings of a topic, filled in."""
    return rng.choice(_PHRASES[topic][style == "unseen"]).format_map(values)


def fill(text: str, values: Mapping[str, object]) -> str:
    """A template with its values.

    Raises:
        DeclarationError: nothing fills one of its places.
    """
    try:
        return text.format_map(values)
    except KeyError as error:
        raise DeclarationError(f"{text!r}: {did_you_mean(str(error.args[0]), values, 'placeholder')}") from error


@lru_cache(maxsize=4096)
def places_of(text: str) -> frozenset[str]:
    """The names of a template's places."""
    names = set[str]()
    for _, name, spec, _ in Formatter().parse(text):
        if name:
            names |= {re.split(r"[.\[]", name)[0], *places_of(spec or "")}
    return frozenset(names)


def several(label: str) -> str:
    """A label's plural: `price` -> `prices`, `number of pages` -> `numbers of pages`."""
    for joint in (" of ", " per ", " in "):
        head, found, rest = label.partition(joint)
        if found:
            return f"{several(head)}{joint}{rest}"
    if label.endswith(("s", "x", "ch", "sh")):
        return f"{label}es"
    return f"{label[:-1]}ies" if label.endswith("y") and label[-2:-1] not in "aeiou" else f"{label}s"


def smaller(text: str) -> str:
    """The sentence as it goes on behind a connective: its first word small, unless it is a name, an id or "I"."""
    first = text.split(" ", 1)[0].rstrip(",.'")
    keeps = (
        first in ("I", "I'd", "I've")
        or first.startswith("I'")
        or not first[:1].isupper()
        or first[1:] != first[1:].lower()
    )
    return text if keeps else text[0].lower() + text[1:]


def join_facts(facts: dict[str, str], more: Mapping[str, str]) -> None:
    """Adds answers of the scripted user; several answers to one topic are given together, each of them once."""
    for topic, answer in more.items():
        known = facts.get(topic, "")
        if _is_part(known, answer):
            facts[topic] = answer
        elif not _is_part(answer, known):
            facts[topic] = f"{known} {answer}"


def _is_part(answer: str, whole: str) -> bool:
    """Whether an answer, word for word, is a part of another (an empty one is)."""
    return not answer or f" {answer} " in f" {whole} "
