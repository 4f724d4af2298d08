"""What a scenario has of its theme: which records with which fields, and which tools of which families.

Two shapes of one theme differ in their tools, not in the spelling alone: in cases and things, fields, families,
what is searched by, what is asked for, and limits.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from toolgym.composing.fields import Choice, Field
from toolgym.envs.planarena.lexicon.theme import Case, Person, Theme, Thing
from toolgym.envs.planarena.style import Style, draw_style

__all__ = ["Family", "Part", "Shape", "draw_shape"]

# fmt: off
Family = Literal[
    "show", "list", "search", "name", "find", "summary",
    "make", "move", "change", "drop", "relink", "pour", "shift", "sign", "fill", "take",
]
# fmt: on
"""Families of tools: those that read, and those that change something."""
_READS: Final = ("show", "list", "search", "name", "find", "summary")
_COMMON: Final = ("show", "list", "search", "name", "move", "change")
_RARE: Final = 0.35
"""Other families come first the more often, the smaller it is: there are fewer of them in a theme."""
_MOST_FIELDS: Final = 6
_CHAINED: Final = ("move", "change", "shift", "sign")


@dataclass(frozen=True, slots=True)
class Part:
    """One tool, as far as the theme tells it.

    Args:
        family: what sort of tool it is.
        noun: what it is about: the noun of the person, of a thing, or of a case.
        place: of several alike, which move or change of the theme's it is.
        fields: what it is asked by, or what it adds up.
        shows: the fields that a list shows, where those are not all.
    """

    family: Family
    noun: str
    place: int = 0
    fields: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()

    @property
    def writes(self) -> bool:
        """Whether it changes something."""
        return self.family not in _READS


@dataclass(frozen=True)
class Shape:
    """What a scenario has of its theme."""

    theme: Theme
    style: Style
    person_fields: tuple[str, ...]
    address: Literal["", "email", "phone"]
    """How people are found, where they can be."""
    things: tuple[Thing, ...]
    cases: tuple[Case, ...]
    fields: Mapping[str, tuple[str, ...]]
    """Noun -> the fields that its records have, beside those that the program gives them."""
    parts: tuple[Part, ...]
    signed: Mapping[str, str]
    """Noun of a case that can be approved -> the verb that needs it; "" where none does."""

    def has(self, family: Family, noun: str) -> bool:
        """Whether it has a tool of a family for a noun."""
        return any(part.family == family and part.noun == noun for part in self.parts)


class _Chooser:
    """Chooses parts until there are as many as there shall be."""

    def __init__(self, theme: Theme, rng: random.Random, wanted: int):
        self.theme, self.rng, self.wanted = theme, rng, wanted
        self.parts: list[Part] = []
        self.keys: set[tuple[Family, str, int]] = set()
        self.address: Literal["", "email", "phone"] = ""
        self.things = {thing.noun: thing for thing in theme.things}

    def add(self, *parts: Part) -> bool:
        """Adds those parts that are not there yet, all of them or none; whether there was room."""
        new = [part for part in parts if not self.there(part.family, part.noun, part.place)]
        if len(self.parts) + len(new) > self.wanted:
            return False
        self.parts += new
        self.keys.update((part.family, part.noun, part.place) for part in new)
        return True

    def there(self, family: Family, noun: str, place: int = 0) -> bool:
        return (family, noun, place) in self.keys

    def choose(self) -> tuple[Case, ...]:
        """Chooses; returns the cases in use."""
        rng = self.rng
        main, *others = rng.sample(self.theme.cases, len(self.theme.cases))
        # Two or three acts that follow one another on a record that is read: so there are tasks of each depth.
        writes = self.writes(main)
        anyhow = [part for part in writes if part.family in ("change", "shift", "sign")][:2]
        chained = anyhow + [part for part in writes if part.family in _CHAINED and part not in anyhow][:1]
        self.add(Part("show", main.noun), Part("list", main.noun), *chained[: self.wanted - 2])
        used = [main]
        rest = [part for part in writes if part not in chained]
        options: list[tuple[Part, ...]] = [self.with_needs(main, part) for part in rest]
        options += [(Part("show", self.theme.person.noun),), (Part("find", self.theme.person.noun),)]
        options.append((Part("summary", main.noun, fields=self.totals(main)),))
        for thing in self.theme.things:
            options += [(self.search(thing),), (Part("show", thing.noun),), (Part("name", thing.noun),)]
            options += [(self.search(thing), part) for part in self.stock(thing)]
        for case in others:
            start = Part("list", case.noun)
            options += [(start, *self.with_needs(case, part)) for part in self.writes(case)[:3]]
            options.append((start, Part("show", case.noun)))
        options.sort(key=lambda parts: rng.random() * (1.0 if parts[-1].family in _COMMON else _RARE))
        for parts in options:
            self.add(*parts)
        used += [case for case in others if self.there("list", case.noun)]
        if self.there("find", self.theme.person.noun):
            self.address = rng.choice(("email", "phone"))
        return tuple(case for case in self.theme.cases if case in used)

    def totals(self, case: Case) -> tuple[str, ...]:
        """What a summary of the cases adds up: one or two of the fields that can be."""
        able = [name for name, made in case.fields.items() if made.total]
        return tuple(self.rng.sample(able, min(len(able), self.rng.randint(1, 2))))

    def writes(self, case: Case) -> list[Part]:
        """All that can be done with a case, in an order of chance."""
        noun = case.noun
        found = [Part("move", noun, place) for place in range(len(case.moves))]
        found += [Part("change", noun, place) for place in range(len(case.changes))]
        families: tuple[tuple[Family, object], ...] = (
            ("make", case.make),
            ("drop", case.drop),
            ("relink", case.relink),
            ("pour", case.pour),
            ("shift", case.shift),
            ("sign", case.sign),
        )
        found += [Part(family, noun) for family, verb in families if verb is not None]
        self.rng.shuffle(found)
        return found

    def with_needs(self, case: Case, part: Part) -> tuple[Part, ...]:
        """A part, behind the search that it needs for what it refers to."""
        if case.of and part.family in ("make", "relink"):
            return (self.search(self.things[case.of]), part)
        return (part,)

    def stock(self, thing: Thing) -> Iterator[Part]:
        if thing.fill is not None:
            yield Part("fill", thing.noun)
        if thing.take is not None:
            yield Part("take", thing.noun)

    def search(self, thing: Thing) -> Part:
        """The search for things by one or two of their fields: the one that is there already, or a new one."""
        for part in self.parts:
            if (part.family, part.noun) == ("search", thing.noun):
                return part
        able = [name for name, made in thing.fields.items() if isinstance(made, Choice) and made.told]
        count = 2 if len(able) > 1 and self.rng.random() < 0.3 else 1
        chosen = self.rng.sample(able, count)
        return Part("search", thing.noun, fields=tuple(name for name in thing.fields if name in chosen))


def draw_shape(theme: Theme, rng: random.Random, tools: int) -> Shape:
    """A shape of a theme with so many tools."""
    style = draw_style(rng, theme.short or theme.name)
    chooser = _Chooser(theme, rng, tools)
    cases = chooser.choose()
    of = {case.of for case in cases} | {part.noun for part in chooser.parts}
    things = tuple(thing for thing in theme.things if thing.noun in of)
    fields: dict[str, tuple[str, ...]] = {}
    for case in cases:
        needed = [name for part in chooser.parts if part.noun == case.noun for name in _needs_of(case, part)]
        fields[case.noun] = _some(rng, case.fields, needed)
    for thing in things:
        needed = [name for part in chooser.parts if part.noun == thing.noun for name in part.fields]
        # What new cases take is there whenever cases refer to it, so that all count alike.
        needed += [name for name in (thing.scarce, thing.stock) if name]
        fields[thing.noun] = _some(rng, thing.fields, needed)
    person = _some_of_person(rng, theme.person)
    signed = {case.noun: _needs_signing(rng, chooser, case) for case in cases if chooser.there("sign", case.noun)}
    parts = tuple(_partly(rng, chooser, part, fields, chooser.there("show", part.noun)) for part in chooser.parts)
    return Shape(theme, style, person, chooser.address, things, cases, fields, parts, signed)


def _needs_of(case: Case, part: Part) -> Sequence[str]:
    """The fields that a tool works on."""
    if part.family == "make":
        return case.asked
    if part.family == "change":
        return (case.changes[part.place].field,)
    if part.family == "pour":
        return (case.pot,)
    if part.family == "shift":
        return case.slot
    return part.fields


def _some(rng: random.Random, fields: Mapping[str, Field], needed: Sequence[str]) -> tuple[str, ...]:
    """Some of the fields, in their order: those that are needed, one that tells, one that orders, and others."""
    chosen = set(needed)
    told = [name for name, made in fields.items() if made.told]
    extreme = [name for name, made in fields.items() if made.extremes]
    for able in (told, extreme):
        if not chosen.intersection(able):
            chosen.add(rng.choice(able))
    rest = [name for name in fields if name not in chosen]
    rng.shuffle(rest)
    most = rng.randint(4, _MOST_FIELDS)
    chosen.update(rest[: max(0, most - len(chosen))])
    return tuple(name for name in fields if name in chosen)


def _some_of_person(rng: random.Random, person: Person) -> tuple[str, ...]:
    names = list(person.fields)
    chosen = rng.sample(names, rng.randint(2, len(names)) if len(names) > 2 else len(names))
    return tuple(name for name in names if name in chosen)


def _needs_signing(rng: random.Random, chooser: _Chooser, case: Case) -> str:
    """The verb of a move that needs the case to be approved; "" where none does."""
    moves = [case.moves[part.place].verb.name for part in chooser.parts if _is_move(part, case)]
    return rng.choice(moves) if moves and rng.random() < 0.7 else ""


def _is_move(part: Part, case: Case) -> bool:
    return part.family == "move" and part.noun == case.noun


def _partly(
    rng: random.Random, chooser: _Chooser, part: Part, fields: Mapping[str, tuple[str, ...]], shown: bool
) -> Part:
    """A list or a search that shows some fields alone, where another tool shows the whole record."""
    if part.family not in ("list", "search") or not shown or rng.random() < 0.6:
        return part
    made = (
        chooser.things.get(part.noun) or next(case for case in chooser.theme.cases if case.noun == part.noun)
    ).fields
    names = [name for name in fields[part.noun] if name not in part.fields]
    telling = [name for name in names if made[name].told or made[name].extremes]
    if not telling or len(names) < 3:
        return part
    some = {rng.choice(telling), *rng.sample(names, len(names) // 2)}
    return Part(part.family, part.noun, part.place, part.fields, tuple(name for name in names if name in some))
