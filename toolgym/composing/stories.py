"""The stories of a declared domain: a record is found, and asked about, or acts are done with it one after another."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Literal

from toolgym.composing.acts import Known, MadeAct, make_act, makes_sense, sentence
from toolgym.composing.asking import MISTAKES, guarded
from toolgym.composing.declaration import Rule, Seen
from toolgym.composing.fields import Field
from toolgym.composing.found import Found, Record
from toolgym.composing.scenes import Scene
from toolgym.composing.story import Do, Done, Run, Story, UnfitError, after, together
from toolgym.composing.tables import Table
from toolgym.composing.ways import Way
from toolgym.composing.words import join_facts, several, smaller
from toolgym.saying.facts import says

__all__ = ["Outline", "make_story"]

Question = Literal["fact", "total", "count", "which", "difference"]
_MOST_WRONG = 12
_PLACES = 9
"""Decimal places to which sums and differences are exact."""


@dataclass(frozen=True, eq=False)
class Outline:
    """What a story is made of.

    Args:
        name: different for different outlines.
        composition: the atomic kinds, composed.
        depth: the number of calls.
        way: how the record is found; None for acts that need none.
        acts: the kinds of the acts, in order.
        forbidden: the rule that the last act breaks.
        picks: act's place and parameter -> the way to the record picked for it.
        carried: act's place and parameter -> the way to a record and the field wanted of it.
        question: what is asked; after the acts, where there are some.
    """

    name: str
    composition: str
    depth: int
    way: Way | None = None
    acts: tuple[str, ...] = ()
    forbidden: Rule | None = None
    picks: tuple[tuple[int, str, Way], ...] = ()
    carried: tuple[tuple[int, str, Way, str], ...] = ()
    question: Question | None = None
    weight: float = field(default=1.0, compare=False)

    speaks: str = ""
    """How the customer says who it is: by `id`, by what the look-up of this kind needs, or not at all."""
    first: frozenset[str] = frozenset()
    """The kinds of the look-ups that depend on nothing but who speaks."""
    listed: frozenset[str] = frozenset()
    """The tables of which several records are shown."""
    named: frozenset[str] = frozenset()
    """The tables of which a record is read by an id that is told."""

    @property
    def alike(self) -> str:
        """What the customer asks for, however it is found."""
        ways = [self.way, *(way for _, _, way in self.picks), *(one[2] for one in self.carried)]
        told = " ".join(way.told_as for way in ways if way is not None)
        return f"{told} {' '.join(self.acts)} {self.forbidden.name if self.forbidden else ''} {self.question}"

    @property
    def writes(self) -> bool:
        """Whether the right answer changes the world."""
        return bool(self.acts) and self.forbidden is None


def make_story(scene: Scene, outline: Outline) -> Story | None:
    """The story of an outline in a scene; None where no record suits."""
    if outline.question in ("total", "count", "which"):
        return _overview(scene, outline)
    if outline.question == "difference":
        return _difference(scene, outline)
    declaration = scene.declaration
    if not outline.acts:
        return _fact(scene, outline)
    first = declaration.act(outline.acts[0])
    made: list[MadeAct] = []

    def suits(record: Record) -> bool:
        return makes_sense(declaration, first, record)

    if outline.way is None:
        found, it, subject = None, "", None
    else:
        found = scene.find(outline.way, lambda record: suits(record) and _allowed(scene, outline, record))
        if found is None:
            return None
        it, subject = found.words, found.record
    for place, kind in enumerate(outline.acts):
        last = place == len(outline.acts) - 1
        doing = declaration.act(kind)
        act = make_act(
            scene,
            doing,
            subject,
            it if place == 0 else declaration.table(doing.on).pronoun,
            forbidden=outline.forbidden if last else None,
            picks={name: way for at, name, way in outline.picks if at == place},
            carried={name: (way, wanted) for at, name, way, wanted in outline.carried if at == place},
            first=place == 0,
        )
        if act is None:
            return None
        made.append(act)
        if act.act.gives and act.act.gives != act.act.on:
            subject = None  # what comes next is done with what this creates
    return _acted(scene, outline, found, made)


def _allowed(scene: Scene, outline: Outline, record: Record) -> bool:
    """Whether the first act's rules that need the record alone say what the outline wants: a quick look ahead."""
    act = scene.declaration.act(outline.acts[0])
    forbidden = outline.forbidden if len(outline.acts) == 1 else None
    seen = Seen(record, {}, {}, scene.speaker, scene.today)
    rules = scene.declaration.rules_of(act)
    return all(_breaks(rule, seen) in (rule is forbidden, None) for rule in rules if "picked" not in rule.sees)


def _breaks(rule: Rule, seen: Seen) -> bool | None:
    """Whether the rule is broken; None where that depends on what is not known yet (or the rule itself is wrong)."""
    try:
        return rule.broken(seen)
    except MISTAKES:
        return None


def _take(scene: Scene, found: Found) -> None:
    scene.taken.add(scene.mark_of(scene.declaration.table(found.way.table), found.record))


def _story(
    scene: Scene,
    clause: str,
    outline: str,
    run: Callable[[], Run],
    intro: Mapping[str, str],
    facts: Mapping[str, str],
    about: str,
    table: str,
) -> Story:
    """A story with what the scripted user knows."""
    known: dict[str, str] = {}
    join_facts(known, intro)
    join_facts(known, facts)
    known["details"] = clause
    part = f"The script of {clause!r}"

    def told() -> Run:
        return guarded(scene.declaration, part, table, run())

    return Story(sentence(clause), about, outline, told, known, intro=dict(intro))


def _acted(scene: Scene, outline: Outline, found: Found | None, made: Sequence[MadeAct]) -> Story | None:
    declaration = scene.declaration
    intro, facts = dict(found.intro) if found else {}, dict(found.facts) if found else {}
    clause = made[0].words
    for place, act in enumerate(made):
        intro.update(act.intro)
        join_facts(facts, act.facts)
        if place:
            clause += f" {scene.say('then')} {smaller(act.words)}"
    question = None
    last = made[-1].act
    if outline.question == "fact":
        question = _askedafter(scene, declaration.table(last.gives), made[-1])
        if question is None:
            return None
        about = "my fact" if last.gives == declaration.who else "fact"
        it = declaration.table(last.gives).pronoun
        clause += f" {scene.say('then')} {smaller(scene.say(about, label=question[1].label, it=it))}"
    if found is not None:
        _take(scene, found)

    def run() -> Run:
        record = (yield from found.run()) if found is not None else {}
        known = Known(record, tuple(found.looks) if found else ())
        if found is not None:
            known.speaker = found.seen(declaration.reads(declaration.who))
        why = found.why(record) if found is not None and found.way.read is None else ""
        endings = []
        for place, act in enumerate(made):
            script = act.run(known)
            endings.append((yield from (after(why, script) if place == 0 and why else script)))
        if question is not None:
            endings.append(_tell(scene, declaration.table(last.gives), question, known.subject))
        return together(endings)

    words = last.kind.replace("_", " ")
    names = ", ".join(["look", *outline.acts] if found else outline.acts)
    return _story(scene, clause, names, run, intro, facts, f"I need help: {words}.", last.on)


def _fact(scene: Scene, outline: Outline) -> Story | None:
    """A question about a record."""
    assert outline.way is not None
    table = scene.declaration.table(outline.way.table)
    found = scene.find(outline.way)
    if found is None:
        return None
    told = {found.chosen_by, *outline.way.look.by.values()} - {table.key}
    able = [
        (name, made)
        for name, made in table.fields.items()
        if made.label and name not in told and found.record.get(name) is not None
    ]
    if not able:
        return None
    question = scene.rng.choice(able)
    own = table.name == scene.declaration.who
    clause = (
        scene.say("my fact", label=question[1].label)
        if own
        else scene.say("fact", label=question[1].label, it=found.words)
    )
    _take(scene, found)

    def run() -> Run:
        record = yield from found.run()
        return replace(_tell(scene, table, question, record), plan=found.why(record) if found.way.read is None else "")

    return _story(
        scene,
        clause,
        "look",
        run,
        found.intro,
        found.facts,
        f"I have a question about {'my' if own else 'a'} {table.noun}.",
        table.name,
    )


def _askedafter(scene: Scene, table: Table, act: MadeAct) -> tuple[str, Field] | None:
    """What is asked of the record that the act gives: nothing that the customer has just asked for."""
    able = [(name, table.fields[name]) for name in act.act.news(table) if name not in act.wishes]
    return scene.rng.choice(able) if able else None


def _tell(scene: Scene, table: Table, question: tuple[str, Field], record: Record) -> Done:
    """The answer to a question about a record, with values of other records that would be wrong."""
    name, made = question
    if record[name] is None:
        raise UnfitError(f"there is no {made.label}")
    value = made.show(record[name])
    return Done(f"The {made.label} is {value}.", said=(value,), unsaid=_others(scene, table, name, made, value))


def _others(scene: Scene, table: Table, name: str, made: Field, value: str) -> tuple[str, ...]:
    """Other values of a field in this world, of which none says the right one, nor is said by it."""

    def build(_: Any) -> tuple[str, ...]:
        shown = (made.show(record[name]) for record in scene.rows(table) if record.get(name) is not None)
        return tuple(dict.fromkeys(shown))

    def beside(_: Any) -> tuple[str, ...]:
        others = scene.base.index(("shown", table.name, name), build)
        apart = (other for other in others if not says(value, other) and not says(other, value))
        return tuple(islice(apart, _MOST_WRONG))

    return scene.base.index(("beside", table.name, name, value), beside)  # a script is run many times


def _overview(scene: Scene, outline: Outline) -> Story | None:
    """A sum, a count or an extreme over all records that a way leads over."""
    assert outline.way is not None
    table, most = scene.declaration.table(outline.way.table), scene.rng.random() < 0.5
    found = scene.find(outline.way)
    if found is None or found.choose is None:
        return None
    visible = [name for name in table.fields if not found.way.look.shows or name in found.way.look.shows]
    names = {"noun": table.noun, "nouns": table.nouns}
    if outline.question == "total":
        able = [name for name in visible if table.fields[name].total]
        if not able:
            return None
        name = scene.rng.choice(able)
        clause = scene.say("total", total=table.fields[name].total, **names)
    elif outline.question == "which":
        able = [name for name in visible if table.fields[name].extremes]
        if not able:
            return None
        name = scene.rng.choice(able)
        extremes = table.fields[name].extremes
        assert extremes is not None
        clause = scene.say("which", which=extremes[most], **names)
    else:
        name, clause = table.key, scene.say("count", **names)
    for other in list(found.facts):
        if other == table.noun:
            del found.facts[other]
    rows: list[dict[str, Any]] = []
    found.choose = lambda shown: (rows.clear(), rows.extend(shown), shown[:1])[2]  # all are looked at, none is picked
    found.chosen_by = ""

    def run() -> Run:
        yield from found.run()
        made = table.fields[name]
        if outline.question == "count":
            return Done(f"You have {len(rows)} {table.nouns}.", said=(str(len(rows)),))
        values = [row[name] for row in rows]
        if None in values:
            raise UnfitError(f"some have no {table.fields[name].label or name}")
        shown = ", ".join(f"{row[table.key]} {made.show(row[name])}" for row in rows)
        if outline.question == "total":
            value = made.show(_exact(sum(values)))
            return Done(f"The total is {value}.", f"{' + '.join(map(str, values))} = {value}.", said=(value,))
        best = (max if most else min)(values)
        keys = [str(row[table.key]) for row in rows if row[name] == best]
        unsaid = tuple(str(row[table.key]) for row in rows if row[name] != best)
        if len(keys) != 1:
            raise UnfitError("several are the extreme one")
        return Done(f"It is {keys[0]}.", f"{shown}: {keys[0]}.", said=(keys[0],), unsaid=unsaid)

    about = f"I have a question about my {table.nouns}."
    return _story(scene, clause, "look", run, found.intro, found.facts, about, table.name)


def _difference(scene: Scene, outline: Outline) -> Story | None:
    """A difference between a number of two records, which are looked up in parallel."""
    assert outline.way is not None
    table = scene.declaration.table(outline.way.table)
    able = [name for name, made in table.fields.items() if made.total and made.label]
    one = scene.find(outline.way)
    if one is None or not able:
        return None
    name = scene.rng.choice(able)
    most = one.record[name]

    def is_less(record: Record) -> bool:
        return record is not one.record and None not in (most, record[name]) and record[name] < most

    two = scene.find(outline.way, is_less)
    if two is None:
        return None
    made = table.fields[name]
    clause = scene.say("difference", label=made.label, labels=several(made.label), it=one.words, other=two.words)
    _take(scene, one)
    _take(scene, two)

    def run() -> Run:
        first, second = next(one_run := one.run()), next(two_run := two.run())
        results = yield Do(f"{first.plan} {second.plan}", (*first.calls, *second.calls))
        records = [_returned(one_run, results[:1]), _returned(two_run, results[1:])]
        a, b = (record[name] for record in records)
        value = made.show(_exact(a - b))
        return Done(f"The difference is {value}.", f"{a} - {b} = {value}.", said=(value,))

    facts = dict(one.facts)
    join_facts(facts, two.facts)
    facts[table.noun] = sentence(f"{one.words} and {two.words}.")
    return _story(
        scene,
        clause,
        "look twice",
        run,
        {**one.intro, **two.intro},
        facts,
        f"I have a question about two {table.nouns}.",
        table.name,
    )


def _exact(number: Any) -> Any:
    """What is reckoned of decimal numbers, as it would be on paper: 0.1 + 0.2 is 0.3."""
    return round(number, _PLACES) if isinstance(number, float) else number


def _returned(script: Any, results: list[Any]) -> Record:
    try:
        script.send(results)
    except StopIteration as stop:
        return stop.value
    raise UnfitError("the look-up takes more than one call")
