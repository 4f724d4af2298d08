"""What is wrong with a theme, and with several together: a sentence for each wrong part."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from toolgym.composing.consistency import placeholders
from toolgym.composing.fields import Choice, Clock, Day, Field, Number
from toolgym.envs.planarena.lexicon.theme import Case, Theme, Thing, Verb

__all__ = ["problems_of", "shared_words", "verbs_of"]

_WORD: Final = re.compile(r"[a-z][a-z0-9_]*")
_NOUN: Final = re.compile(r"[a-z][a-z' -]*[a-z]")
_VALUE: Final = re.compile(r"[a-z0-9][a-z0-9-]*")
_FIRST: Final = ("{count}", "{day}", "{amount}")
"""Placeholders of numbers and days, with which a sentence may begin."""
_RESERVED: Final = {"id", "name", "first", "last", "email", "phone", "status", "approved", "to", "it", "today"}
"""Names of fields that the program gives itself."""


def problems_of(theme: Theme) -> list[str]:
    """What is wrong with a theme; nothing where it is right."""
    return [f"{theme.name}: {problem}" for problem in dict.fromkeys(_problems(theme))]


def shared_words(themes: Sequence[Theme]) -> list[str]:
    """What two themes both have, and only one may: names of themes, nouns, proper names."""
    out = []
    for what, words in (
        ("name", [theme.name for theme in themes]),
        ("noun", [noun for theme in themes for noun in _nouns(theme)]),
        ("proper name", [name for theme in themes for thing in theme.things for name in thing.names]),
    ):
        out += [f"the {what} {word!r} occurs {count} times" for word, count in Counter(words).items() if count > 1]
    return out


def verbs_of(theme: Theme) -> Iterator[tuple[str, Verb, tuple[str, ...]]]:
    """(where, verb, the placeholders that each of its sentences has) of all verbs."""
    for thing in theme.things:
        for name in ("fill", "take"):
            verb = getattr(thing, name)
            if verb is not None:
                yield f"{thing.noun}, {name}", verb, ("it", "count")
    for case in theme.cases:
        yield from ((f"{case.noun}, {move.verb.name}", move.verb, ("it",)) for move in case.moves)
        made = (*case.asked, *(("thing",) if case.of else ()))
        for name, known in (
            ("make", made),
            ("drop", ("it",)),
            ("relink", ("it", "thing")),
            ("pour", ("it", "other", "amount")),
            ("shift", ("it", "day", "time")),
            ("sign", ("it",)),
        ):
            verb = getattr(case, name)
            if verb is not None:
                yield f"{case.noun}, {name}", verb, known
        for change in case.changes:
            if change.verb is not None:
                yield f"{case.noun}, change of {change.field}", change.verb, ("it", "to")


def _nouns(theme: Theme) -> list[str]:
    made = [theme.person, *theme.things, *theme.cases]
    return [word for one in made for word in {one.noun, one.plural or f"{one.noun}s"}]


def _problems(theme: Theme) -> Iterator[str]:
    if not _WORD.fullmatch(theme.name) or (theme.short and not re.fullmatch(r"[a-z]+", theme.short)):
        yield "name and short are single words of small letters"
    if not theme.role.startswith("You are ") or not theme.role.endswith("."):
        yield "role is a sentence that begins with 'You are'"
    if not 1 <= len(theme.things) <= 3 or not 2 <= len(theme.cases) <= 3:
        yield "it has one to three things and two or three cases"
    if not 2 <= len(theme.person.fields) <= 4:
        yield "a person has two to four fields"
    for word, count in Counter(_nouns(theme)).items():
        if count > 1 or not _NOUN.fullmatch(word):
            yield f"{word!r} is a noun in small letters, of one thing, case or person"
    yield from _fields("the person", theme.person.fields)
    for thing in theme.things:
        yield from (f"{thing.noun}: {problem}" for problem in _thing(thing))
    for case in theme.cases:
        yield from (f"{case.noun}: {problem}" for problem in _case(theme, case))
    for where, verb, known in verbs_of(theme):
        yield from (f"{where}: {problem}" for problem in _verb(verb, known))


def _fields(where: str, fields: Mapping[str, Field]) -> Iterator[str]:
    for name, made in fields.items():
        if not _WORD.fullmatch(name) or name in _RESERVED or name.endswith("_id"):
            yield f"{where}: a field cannot be called {name!r}"
        if not made.label:
            yield f"{where}: {name} has no label"
        if made.told and "{value}" not in made.told:
            yield f"{where}: {name} is told without {{value}}"
        if made.names:
            yield f"{where}: {name}: names is for the program"
        if isinstance(made, Choice) and not all(isinstance(one, str) and _VALUE.fullmatch(one) for one in made.values):
            yield f"{where}: {name} has values that are no lower-case words without blanks"
        if isinstance(made, Choice) and len(set(made.values)) < 2:
            yield f"{where}: {name} has nothing to choose from"


def _record(where: str, fields: Mapping[str, Field]) -> Iterator[str]:
    yield from _fields(where, fields)
    if not 5 <= len(fields) <= 8:
        yield f"{where} has {len(fields)} fields, and takes five to eight"
    told = [made for made in fields.values() if made.told]
    if len(told) < 2 or not any(isinstance(made, Choice) for made in told):
        yield f"{where} needs two fields with told, one of them a Choice"
    if not any(made.extremes for made in fields.values()):
        yield f"{where} needs a field with extremes"
    for name, made in fields.items():
        if (made.extremes or made.total) and not isinstance(made, Number | Day):
            yield f"{where}: {name} is no number or day, so it has no extremes or total"


def _thing(thing: Thing) -> Iterator[str]:
    yield from _record("it", thing.fields)
    if not 16 <= len(set(thing.names)) <= 30 or len(set(thing.names)) != len(thing.names):
        yield f"it has {len(set(thing.names))} proper names, and takes 16 to 30 different ones"
    yield from (f"the Choice {name} has no told" for name in _untold(thing.fields))
    for option in ("scarce", "stock"):
        name = getattr(thing, option)
        if name and not isinstance(thing.fields.get(name), Number):
            yield f"{option}: {name!r} is no Number field of it"
    if bool(thing.stock) != bool(thing.fill or thing.take) or (thing.stock and thing.stock == thing.scarce):
        yield "stock goes with fill or take, and is another field than scarce"


def _untold(fields: Mapping[str, Field]) -> list[str]:
    return [name for name, made in fields.items() if isinstance(made, Choice) and not made.told]


def _case(theme: Theme, case: Case) -> Iterator[str]:
    fields = case.fields
    yield from _record("it", fields)
    if case.of and case.of not in [thing.noun for thing in theme.things]:
        yield f"of: no thing of the theme is a {case.of!r}"
    if len(set(case.states)) < 2 or not all(_VALUE.fullmatch(one) for one in case.states):
        yield "states are two or more lower-case words"
    if not 2 <= len(case.moves) <= 5 or len(case.changes) < 2:
        yield "it has two to five moves, and two or more changes"
    for move in case.moves:
        if not {*move.before, move.after} <= set(case.states) or move.after in move.before or not move.before:
            yield f"{move.verb.name!r} leads from some of its states to another one"
    names = [*case.asked, *(change.field for change in case.changes), *case.slot, *([case.pot] if case.pot else [])]
    yield from (f"no field {name!r}" for name in names if name not in fields)
    for change in case.changes:
        if not isinstance(fields.get(change.field), Choice | Number | Day | Clock):
            yield f"{change.field!r} cannot be changed: it is no Choice, Number, Day or Clock"
    if case.make is not None and not (1 <= len(case.asked) <= 3):
        yield "make asks for one to three fields (asked)"
    if case.pour is not None and not isinstance(fields.get(case.pot), Number):
        yield "pour needs a Number field (pot)"
    if case.relink is not None and not case.of:
        yield "relink needs a thing that it refers to (of)"
    kinds = tuple(type(fields.get(name)) for name in case.slot)
    if case.slot and kinds != (Day, Clock):
        yield "slot is a Day and a Clock field"
    if case.shift is not None and not (case.slot and case.of):
        yield "shift needs a slot, and a thing that it refers to (of)"
    verbs = [verb.name for _, verb, _ in verbs_of(theme)]
    if len(set(verbs)) < len(verbs):
        yield f"two verbs of the theme have one name: {sorted(name for name in set(verbs) if verbs.count(name) > 1)}"


def _verb(verb: Verb, known: Iterable[str]) -> Iterator[str]:
    must = set(known)
    if len(set(verb.ask)) < 2 or not verb.unseen or set(verb.ask) & set(verb.unseen):
        yield "it is asked for in two or more ways, and in others by unseen"
    for sentence in (*verb.ask, *verb.unseen):
        try:
            found = placeholders(sentence)
        except ValueError as error:
            yield f"{sentence!r}: {error}"
            continue
        if found != must:
            yield f"{sentence!r} has the placeholders {sorted(found)}, not {sorted(must)}"
        if sentence[-1] not in ".!?" or not (sentence[:1].isupper() or sentence.startswith(_FIRST)):
            yield f"{sentence!r} is no sentence that begins with a capital letter"
    for word in (verb.name, verb.past, *verb.tools):
        if not re.fullmatch(r"[a-z]+( [a-z]+){0,2}", word):
            yield f"{word!r} is no verb in small letters"
