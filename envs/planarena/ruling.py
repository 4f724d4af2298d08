"""A scenario's policy: rules that forbid some of its acts, by what records, people and wishes are like."""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from toolgym.composing.declaration import Act, Pick, Rule, Seen, Wish
from toolgym.composing.fields import Choice, Day, Field, Number
from toolgym.envs.planarena.parameters import choices_of
from toolgym.envs.planarena.shapes import Shape
from toolgym.envs.planarena.sorts import Sort, Sorts
from toolgym.envs.planarena.style import a_noun

__all__ = ["draw_rules"]

_FEWEST, _MOST = 2, 5


@dataclass(frozen=True)
class _Candidate:
    """A rule that could be, and by which field: no two of a scenario's are by the same."""

    act: str
    field: str
    rule: Rule


def draw_rules(shape: Shape, sorts: Sorts, acts: list[Act], rng: random.Random) -> tuple[Rule, ...]:
    """Two to five rules.

    Args:
        shape: the scenario's.
        sorts: its records.
        acts: its acts.
        rng: makes the choices.
    """
    found = [made for act in acts for made in _candidates(shape, sorts, act, rng)]
    rng.shuffle(found)
    count = rng.randint(_FEWEST, _MOST)
    chosen: list[_Candidate] = []
    for candidate in found:
        mine = [one for one in chosen if one.act == candidate.act]
        if len(chosen) == count:
            break
        # Two acts that one field forbids by turns would never follow one another.
        if len(mine) < 2 and all(one.field != candidate.field for one in chosen):
            chosen.append(candidate)
    return tuple(one.rule for one in chosen)


def _candidates(shape: Shape, sorts: Sorts, act: Act, rng: random.Random) -> Iterator[_Candidate]:
    about = act.on or act.gives
    sort = next(one for one in (*sorts.cases.values(), *sorts.things.values()) if one.table.name == about)
    said = f"{act.about[0]} {a_noun(sort.noun)}" if act.on else f"make a new {sort.noun}"
    if act.about[0] == "change":  # one of several changes
        said = f"change the {act.about[1]} of {a_noun(sort.noun)}"
    if act.on:
        yield from _of_record(sort, act, said, rng)
    if any(look.family == "show" and look.noun == sorts.person.noun for look in shape.parts):
        yield from _of_person(shape, sorts, act, said, rng)
    yield from _of_wish(act, sort, said, rng)
    yield from _of_pick(sorts, act, said, rng)


def _named(act: Act, field: str, rule: str) -> str:
    return f"{act.kind}_{field.lower()}_{rule}"


def _of_record(sort: Sort, act: Act, said: str, rng: random.Random) -> Iterator[_Candidate]:
    """By what the record is like."""
    for theirs, name in sort.names.items():
        made = sort.table.fields[name]
        if theirs in ("id", "person", "thing", "name", "status", "approved") or name in act.takes or not made.label:
            continue
        limit = _limit(made, rng)
        if limit is None:
            continue
        text, broken = limit
        yield _Candidate(
            act.kind,
            name,
            Rule(
                _named(act, theirs, "limit"),
                (act.kind,),
                _record_breaks(name, broken),
                f"Do not {said} whose {made.label} {text}.",
                f"its {made.label} {text}",
            ),
        )


def _record_breaks(name: str, broken: Callable[[Any, str], bool]) -> Callable[[Seen], bool]:
    return lambda seen: broken(seen.subject[name], seen.today)


def _limit(made: Field, rng: random.Random) -> tuple[str, Callable[[Any, str], bool]] | None:
    """What a value must not be: (how it is said, whether a value on a day is it)."""
    if isinstance(made, Choice):
        value = rng.choice(choices_of(made))
        return f"is {value}", lambda given, _: given == value
    if isinstance(made, Day) and made.first < 0 <= made.first + made.last:  # most are still to come
        return "is past", lambda given, today: given < today
    if isinstance(made, Number) and made.high - made.low >= 4:
        share = rng.choice((0.6, 0.65, 0.7, 0.75, 0.8))
        bound = made.low + round((made.high - made.low) * share / made.step) * made.step
        if rng.random() < 0.7:
            return f"is more than {made.show(bound)}", lambda given, _: given > bound
        least = made.low + made.high - bound
        return f"is less than {made.show(least)}", lambda given, _: given < least
    return None


def _of_person(shape: Shape, sorts: Sorts, act: Act, said: str, rng: random.Random) -> Iterator[_Candidate]:
    """By who asks for it."""
    person = sorts.person
    for theirs in shape.person_fields:
        made, name = person.field(theirs), person.names[theirs]
        limit = _limit(made, rng)
        if limit is None:
            continue
        text, broken = limit
        yield _Candidate(
            act.kind,
            f"person {theirs}",
            Rule(
                _named(act, theirs, "person"),
                (act.kind,),
                _person_breaks(name, broken),
                f"Do not {said} for {a_noun(person.noun)} whose {made.label} {text}.",
                f"your {made.label} {text}",
                sees=("speaker",),
            ),
        )


def _person_breaks(name: str, broken: Callable[[Any, str], bool]) -> Callable[[Seen], bool]:
    return lambda seen: broken((seen.speaker or {})[name], seen.today)


def _of_wish(act: Act, sort: Sort, said: str, rng: random.Random) -> Iterator[_Candidate]:
    """By what is wanted."""
    for name, source in act.takes.items():
        if (
            not isinstance(source, Wish)
            or not isinstance(source.field, Number)
            or source.field.high - source.field.low < 4
        ):
            continue
        made = source.field
        bound = made.low + round((made.high - made.low) * rng.choice((0.5, 0.6, 0.7)) / made.step) * made.step
        if bound + made.step > made.high:
            continue
        text = f"Do not {said} with {a_noun(made.label)} of more than {made.show(bound)}."
        if not made.label:
            text = f"Do not {said} where more than {made.show(bound)} are asked for at a time."
        above = replace(made, low=bound + made.step)
        yield _Candidate(
            act.kind,
            name,
            Rule(
                _named(act, name, "most"),
                (act.kind,),
                _wish_breaks(name, bound),
                text,
                f"{{{name}}} is more than {made.show(bound)}",
                tempts={name: above},
            ),
        )


def _wish_breaks(name: str, bound: int) -> Callable[[Seen], bool]:
    return lambda seen: seen.wishes[name] > bound


def _of_pick(sorts: Sorts, act: Act, said: str, rng: random.Random) -> Iterator[_Candidate]:
    """By what is picked for it."""
    for name, source in act.takes.items():
        if not isinstance(source, Pick):
            continue
        thing = next((one for one in sorts.things.values() if one.table.name == source.table), None)
        if thing is None:
            continue
        for theirs, here in thing.names.items():
            made = thing.table.fields[here]
            if not isinstance(made, Choice | Number) or not made.label or theirs == "status":
                continue
            limit = _limit(made, rng)
            if limit is None:
                continue
            text, broken = limit
            pick = Pick(source.table, fits=_tempting(source, here, broken), field=source.field)
            yield _Candidate(
                act.kind,
                f"pick {here}",
                Rule(
                    _named(act, theirs, "pick"),
                    (act.kind,),
                    _pick_breaks(name, here, broken),
                    f"Do not {said} {'to' if act.on else 'for'} {a_noun(thing.noun)} whose {made.label} {text}.",
                    f"the {made.label} of the {thing.noun} {text}",
                    sees=("picked",),
                    tempts={name: pick},
                ),
            )


def _tempting(source: Pick, name: str, broken: Callable[[Any, str], bool]) -> Any:
    def fits(record: Mapping[str, Any] | None, other: Mapping[str, Any]) -> bool:
        return broken(other[name], "") and (source.fits is None or source.fits(record, other))

    return fits


def _pick_breaks(name: str, field: str, broken: Callable[[Any, str], bool]) -> Callable[[Seen], bool]:
    return lambda seen: broken(seen.picked[name][field], seen.today)
