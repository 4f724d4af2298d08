"""The records of a scenario: their tables, ids and fields, in its house style."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Any, Final

from toolgym.composing.fields import Choice, Draw, Field, Flag, Made, Number, Pattern, Ref
from toolgym.composing.tables import Table
from toolgym.domain import Split
from toolgym.envs.planarena.lexicon.theme import Case, Thing
from toolgym.envs.planarena.records import Counted, FirstName, LastName, Mark, ProperName
from toolgym.envs.planarena.shapes import Part, Shape
from toolgym.envs.planarena.style import Style, slug
from toolgym.mcp_servers.planarena.bodies import Kind

__all__ = ["Sort", "Sorts", "make_sorts"]

_PEOPLE: Final = {"small": 5, "standard": 10, "large": 200}
_THINGS: Final = {"small": 8, "standard": 12, "large": 300}
_FEW_TOOLS: Final = 5
_MANY_CASES: Final = ((4, 5, 3), (5, 4, 4), (4, 3, 5, 5))
"""Where there are few tools, deep tasks are about several records."""
_CASES: Final = ((2, 3, 1, 4), (3, 2, 4), (2, 4, 3, 3, 1), (3, 3, 2))


@dataclass(frozen=True)
class Sort:
    """One sort of record.

    Args:
        noun: what one is called.
        nouns: what several are called.
        kind: what the tools know of it.
        table: what the kit knows of it.
        names: the theme's name of a field -> its name here; `person`, `thing`, `status`, `approved`, `name` and `id`
            are the program's own.
        mark: what its ids begin with; "" for people, whose ids are made of their names.
        word: what it is called in names of tools.
    """

    noun: str
    nouns: str
    kind: Kind
    table: Table
    names: Mapping[str, str]
    mark: str
    word: str

    def field(self, name: str) -> Field:
        """A field by its name in the theme."""
        return self.table.fields[self.names[name]]

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the fields here."""
        return tuple(self.table.fields)


@dataclass(frozen=True)
class Sorts:
    """All sorts of records of a scenario."""

    person: Sort
    things: Mapping[str, Sort]
    cases: Mapping[str, Sort]
    summaries: Mapping[str, Sort]

    def of(self, noun: str) -> Sort:
        """The sort of a noun."""
        return self.person if noun == self.person.noun else self.things.get(noun) or self.cases[noun]

    @property
    def tables(self) -> tuple[Table, ...]:
        """Their tables, each behind those that its records name."""
        sorts = (self.person, *self.things.values(), *self.cases.values(), *self.summaries.values())
        return tuple(sort.table for sort in sorts)


class _Maker:
    def __init__(self, shape: Shape, rng: random.Random):
        self.shape, self.rng, self.style = shape, rng, shape.style
        nouns = [shape.theme.person.noun, *(one.noun for one in (*shape.things, *shape.cases))]
        last = [noun.rpartition(" ")[2] for noun in nouns]
        short = self.style.short_ids and len(set(last)) == len(last)
        self.words = dict(zip(nouns, last if short else nouns, strict=True))
        self.keys = {noun: self.style.word(f"{word} id") for noun, word in self.words.items()}
        self.marks = _marks(nouns, self.style)

    def sort(self, noun: str, nouns: str, names: dict[str, str], fields: dict[str, Field], **more: Any) -> Sort:
        table = slug(nouns)
        made = Table(table, noun, names["id"], fields, plural=nouns, **more)
        mark = "" if noun == self.shape.theme.person.noun else self.marks[noun]
        return Sort(noun, nouns, Kind(table, noun, names["id"]), made, names, mark, self.words[noun])

    def person(self) -> Sort:
        shape, word = self.shape, self.style.word
        person, first, last = shape.theme.person, word("first name"), word("last name")
        key = self.keys[person.noun]
        pattern = self.rng.choice(
            (f"{{{first}}}.{{{last}}}", f"{{{last}}}_", f"{{{first}}}_{{{last}}}_", f"{{{last}}}-")
        )
        names = {"id": key, "first": first, "last": last}
        made: dict[str, Field] = {first: FirstName(), last: LastName(), key: Mark(pattern)}
        if shape.address == "email":
            names["email"] = word("email")
            pattern = f"{{{first}}}.{{{last}}}##@example.com"
            made[names["email"]] = Pattern(pattern, label="e-mail", told="with e-mail {value}")
        elif shape.address == "phone":
            names["phone"] = word("phone")
            made[names["phone"]] = Pattern("555-####", label="phone number", told="with phone number {value}")
        for name in shape.person_fields:
            names[name] = word(name)
            made[names[name]] = _said(person.fields[name])
        return self.sort(person.noun, person.plural or f"{person.noun}s", names, made, rows=_PEOPLE)

    def thing(self, thing: Thing) -> Sort:
        word, key = self.style.word, self.keys[thing.noun]
        names = {"id": key, "name": word("name")}
        made: dict[str, Field] = {
            key: Mark(self.marks[thing.noun]),
            names["name"]: ProperName(thing.names, label="name", told="'{value}'"),
        }
        for name in self.shape.fields[thing.noun]:
            names[name] = word(name)
            made[names[name]] = _said(thing.fields[name])
        return self.sort(thing.noun, thing.plural or f"{thing.noun}s", names, made, rows=_THINGS)

    def case(self, case: Case, person: Sort, things: Mapping[str, Sort]) -> Sort:
        word, key = self.style.word, self.keys[case.noun]
        names = {"id": key, "person": person.kind.key}
        made: dict[str, Field] = {key: Mark(self.marks[case.noun]), person.kind.key: Ref(person.table.name)}
        if case.of:
            thing = things[case.of]
            names["thing"] = thing.kind.key
            made[thing.kind.key] = Ref(thing.table.name)
        for name in self.shape.fields[case.noun]:
            names[name] = word(name)
            made[names[name]] = _said(case.fields[name])
        names["status"] = word(self.rng.choice(("status", "state")))
        likely = (case.states[0], *case.states)
        made[names["status"]] = Choice(likely, label="status", told="that is {value}")
        if case.noun in self.shape.signed:
            names["approved"] = word("approved")
            made[names["approved"]] = Flag(0.5)
        rows = self.rng.choice(_CASES if len(self.shape.parts) > _FEW_TOOLS else _MANY_CASES)
        return self.sort(case.noun, case.plural or f"{case.noun}s", names, made, rows=rows, per=person.table.name)

    def summary(self, part: Part, case: Sort, person: Sort) -> Sort:
        word, noun = self.style.word, f"{case.noun} overview"
        self.marks[noun], self.words[noun] = "sum-", f"{case.word} overview"
        names = {"id": word("overview id"), "person": person.kind.key, "count": word(f"number of {case.nouns}")}
        made: dict[str, Field] = {
            names["id"]: Made(lambda draw: f"sum-{_owner(draw)}"),
            person.kind.key: Ref(person.table.name),
            names["count"]: Made(_counted(case, person), kind="number", label=f"number of {case.nouns}"),
        }
        for name in part.fields:
            summed = case.field(name)
            names[name] = word(f"total {summed.total}")
            shown = summed.show(0).replace("0", "{value}", 1)
            made[names[name]] = Made(
                _added_up(case, person, name), kind=summed.type, shown=shown, label=f"total {summed.total}"
            )
        return self.sort(noun, f"{noun}s", names, made, rows=(1,), per=person.table.name)


@lru_cache(maxsize=4096)
def _said(made: Field) -> Field:
    """A field as it is spoken of: units of one thing are singular, and several of a sort are a number of them."""
    total = made.total
    if total.endswith("s") and not total.startswith(("number of ", "amount of ")):
        made = replace(made, total=f"number of {total}")
    if type(made) is Number and made.unit.endswith("s"):
        return Counted(**{one.name: getattr(made, one.name) for one in fields(made)})
    return made


def _owner(draw: Draw) -> str:
    assert draw.parent is not None
    return draw.parent["_key"]


def _counted(case: Sort, person: Sort) -> Any:
    return lambda draw: len(draw.related(case.table.name, person.kind.key, _owner(draw)))


def _added_up(case: Sort, person: Sort, name: str) -> Any:
    def add(draw: Draw) -> int:
        records = draw.tables[case.table.name]
        return sum(
            records[key][case.names[name]] for key in draw.related(case.table.name, person.kind.key, _owner(draw))
        )

    return add


def _marks(nouns: list[str], style: Style) -> dict[str, str]:
    """What ids begin with: initials, or the first letters of a single word; different for different nouns."""
    out: dict[str, str] = {}
    for noun in nouns:
        parts = slug(noun).split("_")
        letters = "".join(part[0] for part in parts) if len(parts) > 1 else parts[0][:3]
        for longer in (letters, parts[-1][:3], parts[0][:4], parts[-1][:5], slug(noun)):
            if longer not in out.values():
                letters = longer
                break
        out[noun] = letters
    shown = {
        "upper-dash": lambda text: f"{text.upper()}-",
        "upper": lambda text: text.upper(),
        "lower-underscore": lambda text: f"{text}_",
        "lower-dash": lambda text: f"{text}-",
    }[style.mark]
    return {noun: shown(letters) for noun, letters in out.items()}


def make_sorts(shape: Shape, rng: random.Random, split: Split) -> Sorts:
    """The sorts of records of a shape."""
    maker = _Maker(shape, rng)
    person = maker.person()
    things = {thing.noun: maker.thing(thing) for thing in shape.things}
    cases = {case.noun: maker.case(case, person, things) for case in shape.cases}
    summaries = {
        part.noun: maker.summary(part, cases[part.noun], person) for part in shape.parts if part.family == "summary"
    }
    return Sorts(person, things, cases, summaries)
