"""Troubles: what a customer's own device suffers from, and how the customer and the agent mend it together.

    Troubles(
        goals=(Goal("mms", ("I want to send pictures again.",), ...),),
        checks=(Check(Tell("ask_status", "check_network_status", "Please check the network status.")),),
        faults=(
            Fault("airplane", breaks=("mms",), occurs=airplane_on, symptoms=("I have no signal.",),
                  hints=("There is a little plane at the top of my screen.",), checks=("ask_status",),
                  shows=lambda known: "Airplane Mode: ON" in known["ask_status"],
                  mended_by=(Tell("tell_airplane", "toggle_airplane_mode", "Please turn off airplane mode."),)),
        ), ...
    )

A trouble is some faults at once, all in the way of one goal. The customer tells symptoms, which leave the cause open,
or for some faults a hint that gives it away. Each step is a decision of the agent's: a call of its own, or something
that it tells the customer to do or to look at; the kit takes the least of them that the policy's notes call for.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import Any, Final

from toolgym.composing.acts import sentence
from toolgym.composing.declaration import Wish
from toolgym.composing.fields import Draw
from toolgym.composing.story import Do, Done, PlannedCall, Run, Story, Style, Told, UnfitError
from toolgym.composing.words import fill
from toolgym.errors import ConfigError, did_you_mean
from toolgym.rewards.assertions import holds
from toolgym.tasks import Assertion, UserAction, UserScript
from toolgym.world import Base, World

__all__ = ["Call", "Check", "Fault", "Goal", "Tell", "Trouble", "Troubles", "make_trouble", "troubled"]

Known = Mapping[str, Any]
"""What the agent knows: `subject` (how the customer names what it calls about), wishes, what else the customer said
(`Fault.tells`), and by the kind of each check what it showed."""

_MOST_FAULTS: Final = 4
_HINTED_SHARE: Final = 0.4
_HELD_OUT: Final = 40
"""Of 256 combinations of faults: those that only `test_unseen` has."""
_TRIES: Final = 300


@dataclass(frozen=True, eq=False)
class Tell:
    """Something that the customer is told to do, or asked to look at.

    Args:
        kind: its atomic kind, a word.
        tool: the customer's tool that it leads to.
        words: how the agent says it.
    """

    kind: str
    tool: str
    words: str


@dataclass(frozen=True, eq=False)
class Call:
    """A call of the agent's own.

    Args:
        kind: its atomic kind, a word.
        tool: the tool's name.
        arguments: made of what is known.
        writes: whether it changes something.
        required: whether the trouble counts as dealt with only with this call, which changes nothing.
        free: whether its arguments can be worded in many ways.
    """

    kind: str
    tool: str
    arguments: Callable[[Known], dict[str, Any]]
    writes: bool = False
    required: bool = False
    free: bool = False


@dataclass(frozen=True, eq=False)
class Check:
    """A look at what may be wrong, at the operator's or by the customer.

    Args:
        by: how; its kind is the check's.
        note: what the policy says: what it is for.
    """

    by: Tell | Call
    note: str


@dataclass(frozen=True, eq=False)
class Fault:
    """One thing that is wrong.

    Args:
        name: a word.
        breaks: the goals that are out of reach because of it alone.
        occurs: puts it into the world, for the record of the customer's that the trouble is about.
        symptoms: what the customer notices, which leaves the cause open.
        hints: what the customer notices instead where that gives it away.
        checks: what is looked at where only the symptoms are known.
        shows: whether what is known after these checks shows it.
        mended_by: the steps that mend it, in this order; nothing where it can only be handed over.
        note: what the policy says about it.
        needs: the checks that are needed all the same where there is a hint.
        wishes: parameter -> what the customer must choose; with `asks`, the sentence in which it says so.
        tells: words for what the customer's symptoms and hints say besides; each is known then.
        apart: the faults that it does not go together with.
        alone: whether it goes together with none.
        done: what the agent says in the end, instead of the goal's words.
        unseen: symptoms of `test_unseen` alone.
        unseen_hints: hints of `test_unseen` alone.
    """

    name: str
    breaks: tuple[str, ...]
    occurs: Callable[[World, str], None]
    symptoms: tuple[str, ...]
    hints: tuple[str, ...]
    checks: tuple[str, ...]
    shows: Callable[[Known], bool]
    mended_by: tuple[Tell | Call, ...]
    note: str
    needs: tuple[str, ...] = ()
    wishes: Mapping[str, Wish] = field(default_factory=dict)
    asks: str = ""
    tells: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    alone: bool = False
    done: str = ""
    unseen: tuple[str, ...] = ()
    unseen_hints: tuple[str, ...] = ()

    @property
    def hopeless(self) -> bool:
        """Whether nothing that either side can do mends it."""
        return not any(isinstance(step, Tell) or step.writes for step in self.mended_by)


@dataclass(frozen=True, eq=False)
class Goal:
    """Something that must work again.

    Args:
        name: the field of the record of what works.
        words: how the customer says so.
        unseen: the same, in `test_unseen` alone.
        done: what the agent says in the end.
    """

    name: str
    words: tuple[str, ...]
    unseen: tuple[str, ...]
    done: str


@dataclass(frozen=True, eq=False)
class Troubles:
    """The troubles of a domain.

    Args:
        goals: what must work.
        checks: all looks, in the order in which they are taken.
        faults: all faults, in the order in which they are mended.
        actions: what the customer can do, in plain words.
        about: the table of the records that troubles are about (lines).
        told: the field by which the customer names such a record (the phone number).
        topic: what an agent asks for it by.
        suits: whether nothing is wrong with a record of the world yet.
        begin: puts the customer's device into the world, for such a record.
        devices: the table of devices; empty in worlds without trouble.
        works: the table of what works on a device, one record each of flags.
        intro: how the customer names the record; `unseen_intro` in `test_unseen`.
        share: of the domain's tasks.
    """

    goals: tuple[Goal, ...]
    checks: tuple[Check, ...]
    faults: tuple[Fault, ...]
    actions: tuple[UserAction, ...]
    about: str
    told: str
    topic: str
    suits: Callable[[Base, Mapping[str, Any]], bool]
    begin: Callable[[World, str], None]
    devices: str
    works: str
    intro: tuple[str, ...]
    unseen_intro: tuple[str, ...]
    share: float = 0.45

    @cached_property
    def by_name(self) -> dict[str, Fault]:
        """The faults."""
        return {fault.name: fault for fault in self.faults}

    @cached_property
    def kinds(self) -> dict[str, str]:
        """Atomic kind -> the tool that does it, on either side."""
        steps = [check.by for check in self.checks] + [step for fault in self.faults for step in fault.mended_by]
        return {step.kind: step.tool for step in steps}

    @property
    def free(self) -> tuple[str, ...]:
        """The tables in which only what the goal needs is told: there is more than one way to a phone that works."""
        return (self.devices, self.works)

    def notes(self) -> list[str]:
        """What the policy says of checks and faults."""
        return [part.note for part in (*self.checks, *self.faults) if part.note]

    def draw(
        self, rng: random.Random, depth: int, unseen: bool, works: Callable[["Trouble"], bool]
    ) -> "Trouble | None":
        """A trouble of the depth that can be made; None where chance finds none."""
        for _ in range(_TRIES):
            goal = rng.choice(self.goals)
            able = [fault for fault in self.faults if goal.name in fault.breaks]
            chosen = rng.sample(able, min(len(able), rng.randint(1, min(depth, _MOST_FAULTS))))
            faults = tuple(fault for fault in self.faults if fault in chosen)
            hinted = frozenset(fault.name for fault in faults if rng.random() < _HINTED_SHARE)
            made = Trouble(self, goal, faults, hinted, held_out=_held_out(goal, faults))
            if made.depth == depth and made.fits_together() and made.held_out <= unseen and works(made):
                return made
        return None


def _held_out(goal: Goal, faults: Sequence[Fault]) -> bool:
    """Whether only `test_unseen` has this combination."""
    name = " ".join((goal.name, *(fault.name for fault in faults)))
    return len(faults) > 1 and blake2b(name.encode(), digest_size=1).digest()[0] < _HELD_OUT


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
            facts[wish.topic or name] = sentence(fill(wish.fact, {"value": values[name]}))
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
