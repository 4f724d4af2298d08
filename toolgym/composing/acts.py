"""What is done with a record: an act made for a scene, its words, and the script that decides by what tools showed."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

from toolgym.composing.asking import asked, wrong
from toolgym.composing.declaration import Act, Declaration, Fixed, Key, Own, Pick, Reckoned, Rule, Seen, Speaker, Wish
from toolgym.composing.found import Found, Record
from toolgym.composing.reading import read_by
from toolgym.composing.scenes import Scene
from toolgym.composing.story import Do, Done, PlannedCall, UnfitError
from toolgym.composing.ways import Way
from toolgym.composing.words import fill, join_facts, places_of
from toolgym.tasks import RefusedCheck

__all__ = ["Known", "MadeAct", "make_act", "makes_sense"]

_TRIES = 12


@dataclass
class Known:
    """What the agent knows at some point of a script."""

    subject: Record
    looks: tuple[str, ...] = ()
    """Ids in the calls that showed the subject."""
    speaker: Record | None = None


@dataclass
class MadeAct:
    """An act for one record of a scene."""

    scene: Scene
    act: Act
    wishes: dict[str, Any]
    picks: dict[str, Found]
    carried: dict[str, tuple[Found, str]]
    """Parameter -> the record whose field the customer wants as its value."""
    forbidden: Rule | None
    """The rule that it breaks, where the right answer is to refuse."""
    words: str = ""
    facts: dict[str, str] = field(default_factory=dict)
    intro: dict[str, str] = field(default_factory=dict)

    def says_who(self) -> bool:
        """Whether the customer's id must be told, because no record names it."""
        if any(isinstance(source, Speaker) for source in self.act.takes.values()):
            return True
        owned = self.act.on and self.scene.owner_field(self.scene.declaration.table(self.act.on))
        return not owned and self._needs_speaker(self.scene.declaration.rules_of(self.act))

    def run(self, known: Known) -> Generator[Do, list[Any], Done]:
        """Looks at what the rules need, decides, and acts or refuses. `known` is brought up to date."""
        act, scene = self.act, self.scene
        if known.subject and not makes_sense(scene.declaration, act, known.subject):
            raise UnfitError(f"{act.kind} makes no sense for it any more")
        rules = scene.declaration.rules_of(act)
        seen = Seen(known.subject, dict(self.wishes), {}, known.speaker, scene.today)
        for name, (found, field_name) in self.carried.items():
            if found.way.table == scene.declaration.who and known.speaker is not None:
                record = known.speaker
            else:
                record = yield from found.run()
                self._remember(found, known)
            seen.wishes = {**seen.wishes, name: record[field_name]}
        broken = [rule for rule in rules if not rule.sees and self._breaks(rule, seen)]
        if not broken and known.speaker is None and self._needs_speaker(rules):
            known.speaker = seen.speaker = yield from self._look_at_speaker(known)
        if not broken:
            broken = [rule for rule in rules if rule.sees == ("speaker",) and self._breaks(rule, seen)]
        if not broken:
            for name, found in self.picks.items():
                start = seen.picked.get(act.picks()[name].of, known.subject) or None
                seen.picked = {**seen.picked, name: (yield from self._picked(found, start, known))}
            broken = [rule for rule in rules if "picked" in rule.sees and self._breaks(rule, seen)]
        if broken:
            return self._refuse(broken, known, seen)
        if self.forbidden is not None:
            raise UnfitError(f"{self.forbidden.name} is not broken")
        return (yield from self._do(known, seen))

    def _picked(self, found: Found, start: Record | None, known: Known) -> Generator[Do, list[Any], Record]:
        """The record of a pick; what stands in the customer's own record is looked at once."""
        if known.speaker is not None and found.way.inside_of(self.scene.declaration.who):
            return found.pick_in(known.speaker)
        record = yield from found.run(start)
        self._remember(found, known)
        return record

    def _breaks(self, rule: Rule, seen: Seen) -> bool:
        return asked(self.scene.declaration, f"Rule {rule.name!r}", self.act.on, rule.broken, seen)

    def _remember(self, found: Found, known: Known) -> None:
        """The customer's own record, where it was read on the way."""
        if known.speaker is None:
            known.speaker = found.seen(self.scene.declaration.reads(self.scene.declaration.who))

    def _needs_speaker(self, rules: list[Rule]) -> bool:
        if any("speaker" in rule.sees for rule in rules):
            return True
        sources = self.act.takes.values()
        return self.forbidden is None and any(isinstance(one, Reckoned) and "speaker" in one.sees for one in sources)

    def _look_at_speaker(self, known: Known) -> Generator[Do, list[Any], Record]:
        declaration = self.scene.declaration
        read = declaration.reads(declaration.who)
        if read is None:
            raise UnfitError(f"no tool reads {declaration.who}")
        owner = self.scene.owner_field(declaration.table(self.act.on)) if self.act.on else ""
        speaker = known.subject[owner] if owner and owner in known.subject else self.scene.speaker_id
        arguments = {**read.fixed, next(iter(read.by)): speaker}
        shown = (yield Do(f"{read.kind} {speaker}.", (PlannedCall(read.kind, read.tool, arguments),)))[0]
        return read.opened(shown, arguments)

    def _refuse(self, broken: list[Rule], known: Known, seen: Seen) -> Done:
        if [rule.name for rule in broken] != [self.forbidden.name if self.forbidden else ""]:
            raise UnfitError("another rule is broken than was meant")
        rule, act = broken[0], self.act
        why = fill(rule.why, self._shown(known.subject, seen, (rule.why,)))
        subject = str(known.subject.get(self._key, "")) if known.subject else ""
        what = f" {subject}" if subject else ""
        unrelated = tuple(word for word in _own_words(self.scene.declaration) if word not in act.about)
        response = f"Sorry, I cannot {act.about[0]}{what}: {why}."
        check = RefusedCheck(about=act.about, unrelated=unrelated, done=act.past, subject=subject)
        return Done(response, plan=f"{why}: refuse.", refusals=(check,), looks=self._looks(rule, known, seen))

    def _looks(self, rule: Rule, known: Known, seen: Seen) -> tuple[str, ...]:
        """Ids in the calls that showed what the rule reads."""
        speaker = (str(seen.speaker[self._speaker_key]),) if seen.speaker else ()
        looks: list[str] = []
        for part, name in sorted(read_by(rule.broken, seen)):
            if part == "subject":
                looks += known.looks
            elif part == "speaker":
                looks += speaker
            elif part == "picked":
                looks += self._looks_of(name, known, speaker)
            elif name in self.carried:
                found, _ = self.carried[name]
                looks += speaker if found.way.table == self.scene.declaration.who else found.looks
        return tuple(dict.fromkeys(looks))

    def _looks_of(self, name: str, known: Known, speaker: tuple[str, ...]) -> Sequence[str]:
        """Ids in the calls that showed a pick: of one inside another record, in those that showed that."""
        found, of = self.picks[name], self.act.picks()[name].of
        if speaker and found.way.inside_of(self.scene.declaration.who):
            return speaker
        if not found.way.inside or found.looks:
            return found.looks
        return self._looks_of(of, known, speaker) if of else known.looks

    @property
    def _key(self) -> str:
        return self.scene.declaration.table(self.act.on).key if self.act.on else ""

    @property
    def _speaker_key(self) -> str:
        declaration = self.scene.declaration
        return declaration.table(declaration.who).key

    def _shown(self, subject: Mapping[str, Any], seen: Seen, texts: Sequence[str]) -> dict[str, Any]:
        """Values of the record and of the parameters; those that have a place in the texts as they are said."""
        fields = self.scene.declaration.table(self.act.on).fields if self.act.on else {}
        values: dict[str, Any] = dict(subject)
        for name in {name for text in texts for name in places_of(text)}:
            if name in fields and name in subject and not isinstance(subject[name], list | dict):
                values[name] = fields[name].show(subject[name])
        for name, wish in self.act.wishes().items():
            if seen.wishes.get(name) is not None:
                values[name] = wish.field.show(seen.wishes[name])
        return values

    def _do(self, known: Known, seen: Seen) -> Generator[Do, list[Any], Done]:
        act, declaration = self.act, self.scene.declaration
        arguments = {}
        for name, source in act.takes.items():
            value = self._value(name, source, known, seen)
            if value is not None or not (isinstance(source, Wish) and source.optional):
                arguments[name] = value
        reasons = [found.why(seen.picked[name]) for name, found in self.picks.items()]
        why = fill(act.plan, self._shown(known.subject, seen, (act.plan,))) if act.plan else ""
        plan = " ".join(part for part in (*reasons, why, f"{' '.join([act.kind, *_brief(arguments)])}.") if part)
        over = act.hands_over
        call = PlannedCall(act.kind, act.tool, arguments, writes=not over, free=over, required=over)
        result = (yield Do(plan, (call,)))[0]
        given = {}
        if act.gives:
            given = self._given(result, arguments)
            known.subject = given
            known.looks = (str(given[declaration.table(act.gives).key]),)
        values = self._shown(known.subject, seen, (act.done, *act.told))
        values |= {
            name: self._said(name, value) for name, value in arguments.items() if not isinstance(act.takes[name], Own)
        }
        if isinstance(result, dict) and not act.gives:
            values |= {name: value for name, value in result.items() if name not in values}
        if act.gives and act.gives != act.on:
            table = declaration.table(act.gives)
            values |= {name: table.fields[name].show(value) for name, value in given.items() if name in table.fields}
        told = tuple(fill(part, values) for part in act.told)
        return Done(fill(act.done, values), said=told)

    def _given(self, result: Any, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The record that the act answers with."""
        act, fields = self.act, self.scene.declaration.table(self.act.gives).fields
        read = self.scene.declaration.reads(self.act.gives)
        try:
            given = dict(read.opened(result, arguments) if read else result)
        except (TypeError, ValueError):
            given = {}
        lacks = [name for name in fields if name not in given]
        if lacks:
            told = f"Act {act.kind!r}: what {act.tool!r} answers with is no whole record of {act.gives!r} (gives)"
            raise wrong(self.scene.declaration, [f"{told}: it lacks {', '.join(lacks)}"])
        return given

    def _said(self, name: str, value: Any) -> Any:
        source = self.act.takes[name]
        return source.field.show(value) if isinstance(source, Wish) and value is not None else value

    def _value(self, name: str, source: Any, known: Known, seen: Seen) -> Any:
        if isinstance(source, Key):
            return known.subject[self._key]
        if isinstance(source, Own):
            return known.subject[source.field]
        if isinstance(source, Speaker):
            return self.scene.speaker_id
        if isinstance(source, Fixed):
            return source.value
        if isinstance(source, Wish):
            return seen.wishes[name]
        if isinstance(source, Pick):
            record = seen.picked[name]
            return record[source.field or self.scene.declaration.table(source.table).key]
        assert isinstance(source, Reckoned)
        part = f"Act {self.act.kind!r}, takes {name!r}: Reckoned"
        return asked(self.scene.declaration, part, self.act.on, source.by, seen)


def make_act(
    scene: Scene,
    act: Act,
    subject: Record | None,
    it: str,
    *,
    forbidden: Rule | None,
    picks: Mapping[str, Way],
    carried: Mapping[str, tuple[Way, str]],
    first: bool = True,
) -> MadeAct | None:
    """The act for a record, with wishes that fit the rules (or break just the one); None where it does not suit.

    Args:
        scene: where.
        act: the act.
        subject: the record that it is about; None where there is none.
        it: what the customer calls the record.
        forbidden: the rule that is to be broken.
        picks: the way to the record of each `Pick`.
        carried: parameter -> the way to the record whose field is wanted, and the field.
        first: whether nothing is done before; what is done later only its script can tell whether it makes sense.
    """
    if first and subject is not None and not makes_sense(scene.declaration, act, subject):
        return None
    made = MadeAct(scene, act, {}, {}, {}, forbidden)
    if made.says_who():
        made.intro["id"] = scene.say("speaker", id=scene.speaker_id)
    for name, (way, field_name) in carried.items():
        found = scene.find(way)
        if found is None or (found.way.pick == "told" and found.chosen_by == field_name):
            return None  # "the due date of the loan due on ..." says the value itself
        made.carried[name] = (found, field_name)
        made.intro.update(found.intro)
    for name, way in picks.items():
        pick = act.picks()[name] if forbidden is None else forbidden.picks().get(name, act.picks()[name])
        start = made.picks[pick.of].record if pick.of else subject
        part = f"Act {act.kind!r}, takes {name!r}: fits"
        found = scene.find(way, partial(_suits, scene.declaration, part, pick, start, made), start)
        if found is None:
            return None
        made.picks[name] = found
        made.intro.update(found.intro)
    for _ in range(_TRIES if act.wishes() else 1):
        if _wish(scene, made, subject or {}):
            _word(scene, made, it)
            return made
    return None


def makes_sense(declaration: Declaration, act: Act, record: Record) -> bool:
    """Whether an act makes sense for a record (`Act.when`)."""
    return act.when is None or asked(declaration, f"Act {act.kind!r}: when", act.on, act.when, record)


def _suits(
    declaration: Declaration, part: str, pick: Pick, start: Record | None, made: MadeAct, record: Record
) -> bool:
    """Whether the record can be picked: it makes sense, and was not picked before."""
    if pick.fits is not None and not asked(declaration, part, "", pick.fits, start, record):
        return False
    return all(record is not other.record for other in made.picks.values())


def _wish(scene: Scene, made: MadeAct, subject: Record) -> bool:
    """Draws what the customer wants; tells whether exactly the right rules are broken by it in this world."""
    act, forbidden = made.act, made.forbidden
    scene.draw.record, scene.draw.parent = dict(subject), scene.speaker
    wishes: dict[str, Any] = {}
    for name, wish in act.wishes().items():
        if name in made.carried:
            found, field_name = made.carried[name]
            value = found.record[field_name]
        else:
            drawn = wish.field if forbidden is None else forbidden.wishes().get(name, wish.field)
            value = drawn.make(scene.draw)
        if wish.differs and subject and subject.get(wish.differs) == value:
            return False
        wishes[name] = value
    made.wishes = wishes
    picked = {name: found.record for name, found in made.picks.items()}
    if act.on and not subject:  # it will be created: only the script can tell
        return forbidden is None
    seen = Seen(subject, wishes, picked, scene.speaker, scene.today)
    broken = [rule for rule in scene.declaration.rules_of(act) if made._breaks(rule, seen)]
    return broken == ([] if forbidden is None else [forbidden])


def _word(scene: Scene, made: MadeAct, it: str) -> None:
    """The request's words, and what the customer answers when it is asked."""
    act, values = made.act, {"it": it}
    for name, wish in act.wishes().items():
        topic = wish.topic or name.replace("_", " ")
        if name in made.carried:
            found, field_name = made.carried[name]
            made_field = scene.declaration.table(found.way.table).fields[field_name]
            own = found.way.table == scene.declaration.who
            from_ = f"my {scene.declaration.table(found.way.table).noun}" if own else found.words
            values[name] = scene.say("same as", label=made_field.label or field_name, from_=from_)
            join_facts(made.facts, found.facts)
        elif made.wishes[name] is None:
            values[name] = ""
        else:
            values[name] = wish.field.show(made.wishes[name])
        made.facts[topic] = sentence(fill(wish.fact, {"value": values[name]}))
    for name, found in made.picks.items():
        values[name] = found.words
        topic = act.picks()[name].topic or scene.declaration.table(found.way.table).noun
        join_facts(made.facts, {**found.facts, topic: sentence(f"{found.words}.")})
    phrases = act.unseen if scene.style == "unseen" else act.words
    made.words = fill(scene.rng.choice(phrases), values)


def sentence(text: str) -> str:
    """The text with a capital first."""
    return text[:1].upper() + text[1:]


def _brief(arguments: Mapping[str, Any]) -> list[str]:
    """Arguments as a plan names them: without records, which the call spells out."""
    listed = (value if isinstance(value, list) else [value] for value in arguments.values())
    return [str(part) for values in listed for part in values if not isinstance(part, dict)]


@lru_cache(maxsize=64)
def _own_words(declaration: Declaration) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_own_word(act, declaration.acts) for act in declaration.acts))


def _own_word(act: Act, acts: Sequence[Act]) -> str:
    """A word by which a response is about the act: the first that no act of another tool has."""
    others = {word for other in acts if other.tool != act.tool for word in other.about}
    return next((word for word in act.about if word not in others), act.about[0])
