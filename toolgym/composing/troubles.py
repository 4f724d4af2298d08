"""Troubles: some faults at once, all in the way of one goal, which the customer and the agent mend together.

The customer tells symptoms, which leave the cause open, or for some faults a hint that gives it away. The kit takes the
least of the steps that the policy's notes call for; what is declared is in `toolgym.composing.faults`.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any, Final

from toolgym.composing.acts import sentence
from toolgym.composing.faults import Call, Check, Fault, Goal, Known, Tell, Troubles
from toolgym.composing.fields import Draw
from toolgym.composing.story import Do, Done, PlannedCall, Run, Story, Style, Told, UnfitError
from toolgym.composing.words import fill
from toolgym.errors import ConfigError, did_you_mean
from toolgym.rewards.assertions import holds
from toolgym.tasks import Assertion, UserScript
from toolgym.world import Base, World

__all__ = ["Trouble", "make_trouble", "troubled", "troubles_of"]

_MOST_FAULTS: Final = 4
_HINTED_SHARE: Final = 0.4
_HELD_OUT: Final = 40
"""Of 256 combinations of faults: those that only `test_unseen` has."""
_TRIES: Final = 300


@dataclass(frozen=True, eq=False)
class Trouble:
    """Some faults at once, in the way of one goal: a recipe (`toolgym.composing.making.Recipe`)."""

    troubles: Troubles
    goal: Goal
    faults: tuple[Fault, ...]
    hinted: frozenset[str]
    """The names of the faults that the customer gives away."""
    held_out: bool = False
    refused: bool = False

    @cached_property
    def checks(self) -> tuple[Check, ...]:
        """What is looked at."""
        wanted = {
            kind for fault in self.faults for kind in (fault.needs if fault.name in self.hinted else fault.checks)
        }
        return tuple(check for check in self.troubles.checks if check.by.kind in wanted)

    @cached_property
    def mends(self) -> tuple[Tell | Call, ...]:
        """What is done then; a step that several faults need comes once, last."""
        steps = [step for fault in self.faults for step in fault.mended_by]
        return tuple(step for place, step in enumerate(steps) if step not in steps[place + 1 :])

    def fits_together(self) -> bool:
        """Whether the faults can occur together."""
        names = {fault.name for fault in self.faults}
        if len(names) > 1 and any(fault.alone for fault in self.faults):
            return False
        return not any(names.intersection(fault.apart) for fault in self.faults)

    @property
    def together(self) -> str:
        """The goal and the faults, whatever is told of them."""
        return f"{self.goal.name} {' '.join(fault.name for fault in self.faults)}"

    @property
    def name(self) -> str:
        """The goal, and what the customer notices: troubles that might be told in the same words have one name."""
        noticed = set()
        for fault in self.faults:
            if fault.name in self.hinted:
                noticed.add(fault.name)
            else:
                noticed.add(next(one.name for one in self.troubles.faults if one.symptoms == fault.symptoms) + "?")
        return f"trouble {self.goal.name}: {' '.join(sorted(noticed))}"

    @property
    def kinds(self) -> tuple[str, ...]:
        return (*(check.by.kind for check in self.checks), *(step.kind for step in self.mends))

    @property
    def composition(self) -> str:
        return ";".join(self.kinds)

    @property
    def depth(self) -> int:
        return len(self.checks) + len(self.mends)


def _held_out(goal: Goal, faults: Sequence[Fault]) -> bool:
    """Whether only `test_unseen` has this combination."""
    name = " ".join((goal.name, *(fault.name for fault in faults)))
    return len(faults) > 1 and blake2b(name.encode(), digest_size=1).digest()[0] < _HELD_OUT


def troubles_of(troubles: Troubles, rng: random.Random, depth: int, unseen: bool) -> Iterator[Trouble]:
    """Troubles of the depth, each drawn when it is asked for; whether its faults can be mended together is to be tried.

    Args:
        troubles: what there is.
        rng: makes the choices.
        depth: the number of decisions.
        unseen: whether combinations that only `test_unseen` has are meant too.
    """
    places = {fault: place for place, fault in enumerate(troubles.faults)}
    able = {goal: [fault for fault in troubles.faults if goal.name in fault.breaks] for goal in troubles.goals}
    looks = Counter(check.by.kind for check in troubles.checks)
    for _ in range(_TRIES):
        goal = rng.choice(troubles.goals)
        count = min(len(able[goal]), rng.randint(1, min(depth, _MOST_FAULTS)))
        faults = tuple(sorted(rng.sample(able[goal], count), key=places.__getitem__))
        hinted = frozenset(fault.name for fault in faults if rng.random() < _HINTED_SHARE)
        wanted = {kind for fault in faults for kind in (fault.needs if fault.name in hinted else fault.checks)}
        steps = {step for fault in faults for step in fault.mended_by}
        if sum(looks[kind] for kind in wanted) + len(steps) != depth:  # told before it is made: most have another
            continue
        made = Trouble(troubles, goal, faults, hinted, held_out=_held_out(goal, faults))
        if made.fits_together() and made.held_out <= unseen:
            yield made


def troubled(troubles: Troubles, parent: Base, subject: str, faults: Sequence[str]) -> Base:
    """The world with the customer's device in it, and the faults.

    Raises:
        ConfigError: the world has no such record, or there is no such fault.
    """
    if subject not in parent.tables[troubles.about]:
        raise ConfigError(f"the world has no {subject!r} in {troubles.about}")
    world = World(parent)
    troubles.begin(world, subject)
    for name in faults:
        if name not in troubles.by_name:
            raise ConfigError(did_you_mean(str(name), troubles.by_name, "fault"))
        troubles.by_name[name].occurs(world, subject)
    tables = {**parent.tables}
    for table, records in world.diff().items():
        tables[table] = {**tables[table], **records}
    return Base(tables, parent.meta)


def make_trouble(
    recipe: Trouble,
    base: Base,
    records: Sequence[Mapping[str, Any]],
    key_field: str,
    style: Style,
    rng: random.Random,
    topic_words: Mapping[str, tuple[str, ...]],
) -> Story | None:
    """The story of a trouble with one of a customer's records; None where none of them suits.

    Args:
        recipe: what is wrong.
        base: the world, in which nothing is wrong yet.
        records: the customer's records of the table that troubles are about.
        key_field: the field of their ids.
        style: whose phrasings.
        rng: makes the choices that are left.
        topic_words: topic -> words in an agent's question that ask for it.
    """
    troubles, unseen = recipe.troubles, style == "unseen"
    able = [record for record in records if troubles.suits(base, record)]
    if not able:
        return None
    record = rng.choice(able)
    noticed: list[str] = []
    for fault in recipe.faults:
        if fault.name in recipe.hinted:
            words = (unseen and fault.unseen_hints) or fault.hints
        else:
            words = (unseen and fault.unseen) or fault.symptoms
        if not set(words).intersection(noticed):  # faults with the same symptoms are noticed as one
            noticed.append(rng.choice(words))
    wishes, asks, facts = _wishes(recipe, rng, base)
    told = str(record[troubles.told])
    facts[troubles.topic] = f"It is {told}."
    goal = rng.choice(recipe.goal.unseen if unseen else recipe.goal.words)
    intro = rng.choice(troubles.unseen_intro if unseen else troubles.intro).format(told=told)
    symptoms = " ".join(noticed)
    script = UserScript(
        opening=f"{goal} {symptoms}",
        symptoms=symptoms,
        facts=facts,
        keywords={topic: topic_words[topic] for topic in facts},
        actions=troubles.actions,
    )
    known = {"subject": told, **wishes, **{word: True for fault in recipe.faults for word in fault.tells}}
    return Story(
        clause=" ".join([intro, goal, symptoms, *asks]),
        opening=script.opening,
        outline=f"trouble: {recipe.goal.name}",
        run=lambda: _run(recipe, dict(known)),
        user=script,
        world=[base.meta["seed"], record[key_field], *(fault.name for fault in recipe.faults)],
        reached=None if any(fault.hopeless for fault in recipe.faults) else _reached(troubles, recipe.goal),
        free=troubles.free,
    )


def _wishes(recipe: Trouble, rng: random.Random, base: Base) -> tuple[dict[str, Any], list[str], dict[str, str]]:
    """What the customer chooses, the sentences in which it says so, and its answers when it is asked."""
    draw = Draw(rng, base.meta["split"], tables=base.tables)
    wishes: dict[str, Any] = {}
    asks: list[str] = []
    facts: dict[str, str] = {}
    for fault in recipe.faults:
        values = {}
        for name, wish in fault.wishes.items():
            wishes[name] = wish.field.make(draw)
            values[name] = wish.field.show(wishes[name])
            facts[wish.topic] = sentence(fill(wish.fact, {"value": values[name]}))
        if fault.asks:
            asks.append(fill(fault.asks, values))
    return wishes, asks, facts


def _reached(troubles: Troubles, goal: Goal) -> Callable[[Mapping[str, Any]], Assertion | None]:
    """What tells from a diff that the goal is reached: the assertion, or None where it is not."""

    def reached(diff: Mapping[str, Any]) -> Assertion | None:
        for key in diff.get(troubles.works, {}):
            fact = Assertion(table=troubles.works, key=key, path=goal.name, value=True)
            if holds(fact, dict(diff)):
                return fact
        return None

    return reached


def _run(recipe: Trouble, known: dict[str, Any]) -> Run:
    """Looks until the faults are found, and mends them. Only what was shown, heard or given away is known."""
    for check in recipe.checks:
        known[check.by.kind] = (yield _step(check.by, known, f"{check.by.kind}."))[0]
    found = {fault.name for fault in recipe.troubles.faults if known.keys() >= set(fault.checks) and fault.shows(known)}
    if found - recipe.hinted != {fault.name for fault in recipe.faults} - recipe.hinted:
        raise UnfitError("another fault shows than was meant")
    for step in recipe.mends:
        causes = [fault.name for fault in recipe.faults if step in fault.mended_by]
        yield _step(step, known, f"{' and '.join(causes)}: {step.kind}.")
    hopeless = [fault for fault in recipe.faults if fault.hopeless]
    return Done(hopeless[0].done if hopeless else recipe.goal.done)


def _step(step: Tell | Call, known: Known, plan: str) -> Do | Told:
    if isinstance(step, Tell):
        return Told(plan, step.kind, step.words)
    arguments = step.arguments(known)
    planned = PlannedCall(step.kind, step.tool, arguments, writes=step.writes, free=step.free, required=step.required)
    return Do(plan, (planned,))
