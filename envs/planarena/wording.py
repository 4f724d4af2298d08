"""The words of what a scenario's customers ask for, where the theme leaves them to the program, and usual values."""

import re
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

from toolgym.composing.fields import Choice, Clock, Day, Field, Flag, Number
from toolgym.envs.planarena.lexicon.theme import Verb
from toolgym.envs.planarena.parameters import choices_of

__all__ = ["beginnings", "changed", "parted", "usual_of", "wish_of"]

_PARTICLE: Final = re.compile(r"(\w+) (out|up|back|off|away|down|in) \{it\}")
_CHANGED: Final[dict[type, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    Day: (
        ("Please change the {label} of {{it}} to {{to}}.", "I want the {label} of {{it}} to be {{to}}."),
        ("Let {{to}} be the {label} of {{it}}.",),
    ),
    Clock: (
        ("Please set the {label} of {{it}} to {{to}}.", "Make {{to}} the {label} of {{it}}, please."),
        ("Let {{to}} be the {label} of {{it}}.",),
    ),
    Number: (
        ("Please change the {label} of {{it}} to {{to}}.", "Set the {label} of {{it}} to {{to}}."),
        ("I should like {{to}} as the {label} of {{it}}.",),
    ),
    Choice: (
        (
            "Please change the {label} of {{it}} to {{to}}.",
            "I would like {{to}} as the {label} of {{it}}.",
            "Can you put down {{to}} as the {label} of {{it}}?",
        ),
        ("Let the {label} of {{it}} be {{to}} from now on.",),
    ),
}


def wish_of(made: Field) -> Field:
    """What a customer may want as the value of a field: no day that is past, no number below two."""
    if isinstance(made, Day):
        return Day(2, max(9, made.last), label=made.label)
    if isinstance(made, Number):  # sentences speak of several
        low = made.low if made.low > 1 else made.low + made.step * -(-(2 - made.low) // made.step)
        return replace(made, low=low) if low < made.high else made
    return Choice(choices_of(made), label=made.label) if isinstance(made, Choice) else made


@lru_cache(maxsize=16_384)
def parted(sentence: str) -> str:
    """The sentence with the record between verb and particle, so that it can be a pronoun: `hand {it} out`."""
    return _PARTICLE.sub(r"\1 {it} \2", sentence)


def beginnings(verb: Verb) -> tuple[str, ...]:
    """Other words by which a refusal may name the act: the participle's verb, and what tools call it."""
    return tuple(dict.fromkeys(word for word in (*verb.tools,) if word != verb.name))


def changed(made: Field) -> Verb:
    kind = next(kind for kind in (Choice, Day, Clock, Number) if isinstance(made, kind))
    ask, unseen = _CHANGED[kind]
    return Verb(
        name="change",
        past="changed",
        ask=tuple(text.format(label=made.label) for text in ask),
        unseen=tuple(text.format(label=made.label) for text in unseen),
    )


def usual_of(made: Field) -> Any:
    """The value that a new record has of a field that nobody chooses."""
    if isinstance(made, Choice):
        return made.values[0]
    if isinstance(made, Number):
        return made.low
    if isinstance(made, Flag):
        return False
    if isinstance(made, Clock):
        return f"{made.first:02d}:00"
    return "2026-06-22" if isinstance(made, Day) else ""
