"""A declared domain as a `Composer`, and the whole of it as a `Domain` for the environment."""

import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from typing import Any, Final, cast

from toolgym.composing.asking import wrong
from toolgym.composing.consistency import problems
from toolgym.composing.declaration import Declaration
from toolgym.composing.domain import ComposedDomain, Workshop
from toolgym.composing.execution import Execution
from toolgym.composing.making import Composer, Recipe, Source, TaskMaker
from toolgym.composing.policy import render_policy
from toolgym.composing.recipes import DEPTHS, Kitchen, Together
from toolgym.composing.scenes import Scene
from toolgym.composing.stories import make_story
from toolgym.composing.story import Story, Style
from toolgym.composing.tables import build_world
from toolgym.composing.trials import tool_problems, try_out
from toolgym.composing.troubles import Trouble, make_trouble, troubled, troubles_of
from toolgym.composing.words import GENERIC_TOPICS, join_facts
from toolgym.composing.worlds import check_key, world_key
from toolgym.domain import Size, Split
from toolgym.errors import ConfigError, did_you_mean
from toolgym.mcp.server import ToolServer
from toolgym.tasks import Assertion
from toolgym.world import Base

__all__ = ["DeclaredComposer", "DeclaredDomain", "worlds_of"]

_KEPT: Final[dict[str, int]] = {"small": 256, "standard": 24, "large": 4}
"""Worlds of each size that are kept: those of all tasks of `train`, which are taken in any order."""
_KEPT_TROUBLED: Final = 16
_PROBES: Final = tuple(world_key("validation", 50_000_000 + k) for k in range(6))
"""Worlds in which it is tried whether a recipe can be made at all."""
_PROBED: Final = Source("validation", "small", "standard", 0)
_WORDS: Final = re.compile(r"\w[\w-]*")
_TRIED: Final = 14
"""Executions after which a recipe counts as one that cannot be made."""


class DeclaredComposer:
    """What the kit makes a declared domain's tasks of (see `toolgym.composing.making.Composer`)."""

    def __init__(self, declaration: Declaration):
        self.declaration = declaration
        self.name = declaration.name
        self.tasks_per_world: Mapping[Size, int] = declaration.tasks_per_world
        self.topic_words, self.echoes = _topics(declaration), declaration.echoes
        self.kitchen = Kitchen(declaration, self._works)
        self._mended: dict[str, bool] = {}
        self._worked: dict[str, int] = {}
        self._bases = {size: lru_cache(maxsize=kept)(self._base) for size, kept in _KEPT.items()}
        self._troubled = lru_cache(maxsize=_KEPT_TROUBLED)(self._troubled_base)

    def draw(self, rng: random.Random, split: Split) -> Together | Trouble:
        """The kind of a task of the split."""
        trouble = next(filter(self._mends, self._troubles(rng, split)), None)
        return self.kitchen.draw(rng, split) if trouble is None else trouble

    def candidates(self, rng: random.Random, split: Split) -> Iterator[tuple[Together | Trouble, bool | None]]:
        """The kinds that `draw` tries, and whether each is known to work or not to; None: it was not tried yet."""
        for trouble in self._troubles(rng, split):
            yield trouble, self._mended.get(trouble.together)
        for recipe in self.kitchen.candidates(rng, split):
            yield recipe, self.kitchen.known(recipe)

    def _troubles(self, rng: random.Random, split: Split) -> Iterator[Trouble]:
        """The troubles that are tried for a task, if it is to be one."""
        troubles = self.declaration.troubles
        if troubles is not None and rng.random() < troubles.share:
            depth = rng.choices(tuple(DEPTHS), tuple(DEPTHS.values()))[0]
            yield from troubles_of(troubles, rng, depth, split == "test_unseen")

    def base(self, key: Any, size: Size, dialect: str) -> Base:
        """The world of a key; the latest ones are kept. A trouble's is [key, record, fault, ...]."""
        if size not in self._bases:
            raise ConfigError(did_you_mean(str(size), self._bases, "world size"))
        troubles = self.declaration.troubles
        if troubles is None or not isinstance(key, list):
            return self._bases[size](key, size, dialect)
        if len(key) < 2:
            raise ConfigError(f"The world of a trouble is [world, record, fault, ...]; given {key!r}.")
        return self._troubled(tuple(key), size, dialect)

    def _troubled_base(self, key: tuple[Any, ...], size: Size, dialect: str) -> Base:
        troubles = self.declaration.troubles
        assert troubles is not None
        return troubled(troubles, self.base(key[0], size, dialect), key[1], key[2:])

    def _base(self, key: int, size: Size, dialect: str) -> Base:
        base = build_world(self.declaration.tables, key, size, {**self.declaration.meta, "dialect": dialect})
        troubles = self.declaration.troubles
        return base if troubles is None else Base({**base.tables, troubles.devices: {}, troubles.works: {}}, base.meta)

    def shaped(self, base: Base) -> Base:
        """The world as the tools work on it: that of a declared one."""
        shape, facts = self.declaration.shape, self.declaration.facts
        if shape is None and facts is None:
            return base

        def build(made: Base) -> Base:
            tables = made.tables if shape is None else shape(made.tables)
            return Base(tables, made.meta if facts is None else {**made.meta, **facts(made.tables)})

        return base.index("shaped", build)

    def speakers(self, base: Base) -> int:
        """How many customers the world has."""
        return len(base.tables[self.declaration.who])

    def stories(
        self, recipe: Together | Trouble, base: Base, place: int, style: Style, rng: random.Random
    ) -> tuple[Sequence[Story], str, dict[str, str]] | None:
        """The stories of the recipe with customer `place`, the whole request and who speaks; None: none suits."""
        ids: list[str] = base.index("speakers", lambda made: list(made.tables[self.declaration.who]))
        scene = Scene(self.declaration, base, ids[place], style, rng)
        if isinstance(recipe, Trouble):
            table = self.declaration.table(recipe.troubles.about)
            trouble = make_trouble(recipe, base, scene.own(table), table.key, style, rng, self.topic_words)
            return None if trouble is None else ([trouble], trouble.clause, {})
        stories: list[Story] = []
        for outline in recipe.outlines:
            story = make_story(scene, outline)
            if story is None:
                return None
            stories.append(story)
        intro: dict[str, str] = {}
        for story in stories:
            intro = {**story.intro, **intro}
        if len(intro) > 1:  # one who tells its id need not be found
            return None
        if not intro and not _names_one(
            self.declaration, base, stories
        ):  # or another world's customer could say just the same
            intro["id"] = scene.say("speaker", id=scene.speaker_id)
        parts = [*intro.values(), stories[0].clause]
        for story in stories[1:]:
            parts += [scene.say("also"), story.clause]
        facts: dict[str, str] = {}
        join_facts(facts, intro)
        return stories, " ".join(parts), facts

    def finish(self, execution: Execution, base: Base) -> Execution:
        """The execution, with an assertion for every field that it changed.

        What is rightly said of the other stories counts for no refusal as a word that has nothing to do with it.
        """
        right = " ".join(ending.response for ending in execution.endings).lower()
        endings = [
            replace(
                ending,
                refusals=tuple(
                    check.model_copy(update={"unrelated": tuple(word for word in check.unrelated if word not in right)})
                    for check in ending.refusals
                ),
            )
            for ending in execution.endings
        ]
        endings[0] = replace(endings[0], assertions=tuple(_asserted(execution, self.shaped(base))))
        return replace(execution, endings=tuple(endings))

    def _mends(self, trouble: Trouble) -> bool:
        """Whether the faults of a trouble can be mended together, be all of them given away or none."""
        if trouble.together not in self._mended:
            names = frozenset(fault.name for fault in trouble.faults)
            both = (replace(trouble, hinted=hinted) for hinted in (names, frozenset[str]()))
            self._mended[trouble.together] = all(self._works(made) for made in both)
        return self._mended[trouble.together]

    def _works(self, recipe: Together | Trouble) -> bool:
        """Whether the recipe can be made: looked for in a few worlds, the same ones in any process."""
        maker = TaskMaker(_PROBED, cast(Composer, self), self.server("small", "standard").session)
        rng, places = random.Random(recipe.name), self._places
        # Who suited none of the stories alone will hardly suit them together: those before come last.
        outlines = recipe.outlines if isinstance(recipe, Together) else ()
        first = max((self._worked.get(outline.name, 0) for outline in outlines), default=0)
        for number in (*range(first, len(places)), *range(first)):
            if maker.attempt(0, cast(Recipe, recipe), *places[number], rng) is not None:
                if len(outlines) == 1:
                    self._worked[recipe.name] = number
                return True
            if maker.thrown_away.total() - maker.thrown_away["unsuited"] >= _TRIED:
                return False
        return False

    @cached_property
    def _places(self) -> list[tuple[int, Base, int]]:
        """The customers of the worlds in which recipes are tried."""
        bases = {key: self.base(key, "small", "standard") for key in _PROBES}
        return [(key, base, place) for key, base in bases.items() for place in range(self.speakers(base))]

    server: Callable[[Size, str], ToolServer]
    """The server of a size and dialect; set by the domain's workshop."""


def _names_one(declaration: Declaration, base: Base, stories: Sequence[Story]) -> bool:
    """Whether the stories' words hold an id of their world, and of no other."""
    own = [table.name for table in declaration.tables if not table.common]
    ids = base.index("ids", lambda made: {str(key) for name in own for key in made.tables.get(name, ())})
    return any(not ids.isdisjoint(_WORDS.findall(story.clause)) for story in stories)


def _asserted(execution: Execution, base: Base) -> list[Assertion]:
    out = []
    for table, records in execution.diff.items():
        for key, record in records.items():
            before: Any = base.tables[table].get(key)
            if record is None:
                out.append(Assertion(table=table, key=key, op="absent"))
            elif not isinstance(record, dict) or not isinstance(before, dict):
                values = record.items() if isinstance(record, dict) else [("", record)]
                out += [
                    Assertion(table=table, key=key, path=path, value=value)
                    for path, value in values
                    if path != "history"
                ]
            else:
                changed = [name for name, value in record.items() if name not in before or before[name] != value]
                out += [Assertion(table=table, key=key, path=name, value=record[name]) for name in changed]
    return out


def _topics(declaration: Declaration) -> dict[str, tuple[str, ...]]:
    """Topic -> words in an agent's question that ask for it."""
    topics = dict(GENERIC_TOPICS)
    for look in declaration.looks:
        if look.told:
            labels = [declaration.table(look.gives).fields[name].label or name for name in look.by.values()]
            topics[look.kind] = tuple(label.replace("_", " ") for label in labels)
    for table in declaration.tables:
        topics.setdefault(table.noun, (table.noun, table.nouns, f"which {table.noun}"))
        for name, made in table.fields.items():
            label = made.label or name
            topics.setdefault(label, (label,))
    for act in declaration.acts:
        for name, wish in act.wishes().items():
            topic = wish.topic or name.replace("_", " ")
            topics.setdefault(topic, (topic,))
        for name, pick in act.picks().items():
            topic = pick.topic or declaration.table(pick.table).noun
            topics.setdefault(topic, (topic, name.replace("_", " ")))
    if declaration.troubles is not None:
        topics.setdefault(declaration.troubles.topic, (declaration.troubles.topic,))
        for fault in declaration.troubles.faults:
            for wish in fault.wishes.values():
                topics.setdefault(wish.topic, (wish.topic,))
    return topics | {topic: (*topics[topic], *words) for topic, words in declaration.asked.items()}


@lru_cache(maxsize=64)
def _workshop(declaration: Declaration) -> Workshop:
    found = problems(declaration)
    if found:
        raise wrong(declaration, found)
    composer = DeclaredComposer(declaration)
    workshop = Workshop(cast(Composer, composer), declaration.new_server)
    composer.server = workshop.server
    return workshop


@lru_cache(maxsize=64)
def _tried(declaration: Declaration) -> None:
    """Tries the declaration beside its server, once a process.

    Raises:
        DeclarationError: it does not fit the server, or something is not as it is declared.
    """
    workshop = _workshop(declaration)
    composer = cast(DeclaredComposer, workshop.composer)
    session = workshop.server("small", "standard").session()
    found = tool_problems(declaration, session.tools)
    if found:
        raise wrong(declaration, found)
    worlds = [(key, composer.base(key, "small", "standard")) for key in _PROBES[:2]]
    try_out(declaration, composer.kitchen.outlines, session, worlds)


def worlds_of(declaration: Declaration, size: Size, dialect: str) -> Callable[[Any], Base]:
    """What builds a server's worlds: those that the tasks are made in, shared with them."""
    composer = cast(DeclaredComposer, _workshop(declaration).composer)

    def build(key: Any) -> Base:
        if not isinstance(key, list | tuple):  # with what a task sets in its world
            check_key(key)  # before a world that was kept is found: True is 1 there
        return composer.shaped(composer.base(key, size, dialect))

    return build


class DeclaredDomain(ComposedDomain):
    """The domain of a declaration.

    Args:
        declaration: what it declares.
        size: `small` (fits a tiny model's context), `standard` or `large`.
        dialect: how the server's tools behave.
        seed: other seeds give other worlds and tasks.

    Raises:
        DeclarationError: the declaration is wrong; the message names each wrong part.
    """

    def __init__(self, declaration: Declaration, size: Size = "standard", dialect: str = "standard", seed: int = 0):
        self.declaration = declaration
        self._text = lru_cache(maxsize=1)(lambda: render_policy(declaration))
        kinds = {look.kind: look.tool for look in declaration.looks} | {act.kind: act.tool for act in declaration.acts}
        kinds |= declaration.troubles.kinds if declaration.troubles is not None else {}
        self.title, self.depths = declaration.title, tuple(DEPTHS)
        workshop = _workshop(declaration)
        _tried(declaration)
        super().__init__(workshop, self._text, kinds, size, dialect, seed)
