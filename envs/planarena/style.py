"""House styles: how an organisation's programmers name tools, parameters and fields, and describe them."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

__all__ = ["Style", "a_noun", "draw_style", "slug"]

_READ: Final = ("get", "show", "fetch", "look up", "read", "view", "retrieve", "lookup")
_LIST: Final = ("list", "get", "fetch", "show", "retrieve")
_SEARCH: Final = ("search", "find", "query", "filter", "browse")
_FIND: Final = ("find", "lookup", "identify", "search")
_CHANGE: Final = ("set", "update", "change", "modify", "edit")
_SUM: Final = ("summarize", "total", "report", "count")


@dataclass(frozen=True, slots=True)
class Style:
    """How names and descriptions look in one scenario."""

    camel: bool
    """`berthId` instead of `berth_id`."""
    order: Literal["verb", "noun", "dotted", "prefixed"]
    """`get_berth`, `berth_get`, `berths.get`, `marina_get_berth`."""
    prefix: str
    read: str
    list: str
    search: str
    find: str
    change: str
    sum: str
    short_ids: bool
    """`booking_id` instead of `berth_booking_id`."""
    mood: Literal["shows", "show", "noun"]
    """Descriptions: "Shows a berth.", "Show a berth.", "Show a berth by its id."."""
    describes: Literal["example", "plain", "none"]
    """What is said of parameters."""
    mark: Literal["upper-dash", "upper", "lower-underscore", "lower-dash"]
    """Ids: `BB-10424`, `BB10424`, `bb_10424`, `bb-10424`."""

    def word(self, text: str) -> str:
        """A name of a field or parameter."""
        return _camel(text) if self.camel else slug(text)

    def tool(self, verb: str, noun: str, plural: str, after: str = "") -> str:
        """The name of a tool.

        Args:
            verb: what it does.
            noun: with what, as it stands in the name.
            plural: several of it, for names that begin with the collection.
            after: what the name ends with ("by email").
        """
        if self.order == "dotted":
            return f"{self.word(plural)}.{self.word(f'{verb} {after}'.strip())}"
        if self.order == "noun":
            return self.word(f"{noun} {verb} {after}".strip())
        name = f"{verb} {noun} {after}".strip()
        return self.word(f"{self.prefix} {name}" if self.order == "prefixed" else name)

    def does(self, verb: str, rest: str) -> str:
        """A sentence that describes a tool: what it does, and to what."""
        return (
            f"{third(verb) if self.mood == 'shows' else verb} {rest}."[:1].upper()
            + (f"{third(verb) if self.mood == 'shows' else verb} {rest}."[1:])
        )


def draw_style(rng: random.Random, prefix: str) -> Style:
    """A house style."""
    read = rng.choice(_READ)
    search = rng.choice(_SEARCH)
    return Style(
        camel=rng.random() < 0.3,
        order=rng.choice(("verb", "verb", "noun", "dotted", "prefixed")),
        prefix=prefix,
        read=read,
        list=rng.choice([verb for verb in _LIST if verb != read]),
        search=search,
        find=rng.choice([verb for verb in _FIND if verb != search]),
        change=rng.choice(_CHANGE),
        sum=rng.choice(_SUM),
        short_ids=rng.random() < 0.5,
        mood=rng.choice(("shows", "show", "show", "noun")),
        describes=rng.choice(("example", "plain", "plain", "none")),
        mark=rng.choice(("upper-dash", "upper-dash", "upper", "lower-underscore", "lower-dash")),
    )


@lru_cache(maxsize=8192)
def slug(text: str) -> str:
    """`class place` -> `class_place`."""
    return text.lower().replace("'", "").replace("-", "_").replace(" ", "_")


@lru_cache(maxsize=8192)
def _camel(text: str) -> str:
    first, *rest = slug(text).split("_")
    return first + "".join(part.capitalize() for part in rest)


@lru_cache(maxsize=2048)
def third(verb: str) -> str:
    """A verb's form behind he, she or it: `check in` -> `checks in`."""
    first, _, rest = verb.partition(" ")
    if first.endswith(("s", "sh", "ch", "x", "z", "o")):
        first += "es"
    elif first.endswith("y") and first[-2:-1] not in "aeiou":
        first = f"{first[:-1]}ies"
    else:
        first += "s"
    return f"{first} {rest}".strip()


def a_noun(noun: str) -> str:
    """A noun behind its article: `an enrolment`."""
    sounds = noun.startswith(("a", "e", "i", "o", "u")) and not noun.startswith(("uni", "use", "eu", "one"))
    return f"an {noun}" if sounds or noun.startswith(("hour", "honour", "heir")) else f"a {noun}"


def either_of(words: Sequence[str]) -> str:
    """`a, b or c`."""
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
