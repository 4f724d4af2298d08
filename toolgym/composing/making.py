"""Makes task `index` of a split: a recipe, a world and customer that suit it, the words, the executed gold chain."""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Final, Protocol

from toolgym.composing.checks import derive_assertions, derive_checklist
from toolgym.composing.execution import Execution, execute, flaw
from toolgym.composing.names import SPLITS, rng_for
from toolgym.composing.story import Story, Style
from toolgym.composing.words import join_facts
from toolgym.composing.worlds import world_key
from toolgym.domain import Size, Split
from toolgym.errors import TaskError
from toolgym.mcp.session import ToolSession
from toolgym.rewards.state import solved
from toolgym.tasks import Task, UserScript
from toolgym.trajectory import Trajectory
from toolgym.world import Base

__all__ = ["REASONS", "TASKS_OF", "Composer", "Recipe", "Source", "TaskMaker"]

TASKS_OF: Final[dict[Split, int]] = {"train": 20_000, "validation": 2_000, "test": 2_000, "test_unseen": 2_000}
"""Tasks of each split."""

REASONS: Final[dict[str, str]] = {
    "unsuited": "nothing of the customer's suits the kind of task",
    "fails": "a call fails, or a script meets what it was not made for",
    "depth": "it takes another number of calls than it should",
    "undone": "what its calls change is as it was in the end",
    "given": "the request says what is asked for",
    "missed": "the goal is not reached",
    "order": "in another order its parallel calls end otherwise",
    "needless": "a call could be left out",
    "unsolved": "its own gold chain does not count as right",
    "repeated": "an earlier task asks for the same in the same words",
}
"""Why a candidate is thrown away."""

_TRIES_PER_WORLD: Final = 500
_WORLDS_TRIED: Final = 1_000
_MOST_RELATED: Final = 2_000
"""How far back equal requests are looked for in a world that serves more tasks."""
_LOOKED_AHEAD: Final = 12
"""Kinds that are drawn for one that is known to work, before it is told by trying which it is."""
_TASK_KEY, _STORY_KEY = 1, 2


class Recipe(Protocol):
    """A kind of task: one story, or several in parallel."""

    @property
    def name(self) -> str: ...

    @property
    def composition(self) -> str:
        """The atomic kinds, joined by `;` (serial) and `||` (parallel)."""
        ...

    @property
    def depth(self) -> int: ...

    @property
    def kinds(self) -> tuple[str, ...]:
        """The atomic kinds in the composition's order."""
        ...

    @property
    def refused(self) -> bool:
        """Whether nothing may be changed: all that is asked for is forbidden."""
        ...

    @property
    def held_out(self) -> bool:
        """Whether only `test_unseen` has it."""
        ...


class Composer(Protocol):
    """What a domain gives so that tasks are made of it."""

    name: str
    tasks_per_world: Mapping[Size, int]
    topic_words: Mapping[str, tuple[str, ...]]
    """Topic -> words in an agent's question that ask for it."""
    echoes: Mapping[int, int]
    """Task -> an earlier one of another world that it would ask the same as (`Declaration.echoes`)."""

    def draw(self, rng: random.Random, split: Split) -> Recipe:
        """The kind of a task of the split."""
        ...

    def candidates(self, rng: random.Random, split: Split) -> Iterator[tuple[Recipe, bool | None]]:
        """The kinds of which `draw` takes the first that works, and whether each is known to; None: it was not tried
        yet. Where all of them were tried in vain, `draw` takes another one.
        """
        ...

    def base(self, key: Any, size: Size, dialect: str) -> Base:
        """The world of a key (an int; or what a story says, `Story.world`); kept."""
        ...

    def speakers(self, base: Base) -> int:
        """How many customers the world has."""
        ...

    def stories(
        self, recipe: Any, base: Base, place: int, style: Style, rng: random.Random
    ) -> tuple[Sequence[Story], str, dict[str, str]] | None:
        """The stories of the recipe with customer `place`, the whole request, what can be asked; None: none suits."""
        ...

    def finish(self, execution: Execution, base: Base) -> Execution:
        """The execution with what it leaves to the domain (assertions on what changed)."""
        ...


@dataclass(frozen=True, slots=True)
class Source:
    """Which tasks: a split of the domain made with `seed`, `size` and `dialect`."""

    split: Split
    size: Size
    dialect: str
    seed: int

    @property
    def style(self) -> Style:
        return "unseen" if self.split == "test_unseen" else "seen"

    def worlds(self, together: int) -> int:
        """The number of worlds that the tasks are spread over, `together` in each; spare ones apart."""
        return -(-TASKS_OF[self.split] // together)

    def spare_world(self, index: int, detour: int, together: int) -> int:
        """A world of task `index` alone, for when none of the customers of its own world suits it."""
        return self.worlds(together) + (detour - 1) * TASKS_OF[self.split] + index

    def task_id(self, index: int, domain: str) -> str:
        """The id of task `index`."""
        tail = "" if self.dialect == "standard" else f"-{self.dialect}"
        seed = f"-s{self.seed}" if self.seed else ""
        return f"{domain}-{self.size}{tail}{seed}-{self.split}-{index:05d}"

    def rng(self, purpose: int, index: int) -> random.Random:
        """The random choices of one purpose for task `index`."""
        return rng_for(self.seed, SPLITS.index(self.split), purpose, index)


@dataclass
class TaskMaker:
    """Makes the tasks of a source, each the same whatever was made before.

    Two tasks never ask for the same in the same words. Ids and names are those of the task's world, and there a task
    differs from the earlier ones of its recipe, which are made first where that is still to be done. The few that would
    ask for the same as one of another world are known (`Composer.echoes`).

    Args:
        source: which tasks.
        composer: the domain's part.
        new_session: opens a session on the server of the source's worlds.
    """

    source: Source
    composer: Composer
    new_session: Callable[[], ToolSession]
    thrown_away: Counter[str] = field(default_factory=Counter)
    """How many candidates were thrown away for each of the `REASONS`."""

    def __post_init__(self) -> None:
        self._session = self.new_session()
        self._recipes: dict[int, Recipe] = {}
        self._requests: dict[int, str] = {}
        # The first task of a world -> up to which its tasks were looked at, and those that may be asked for alike.
        self._named: dict[int, tuple[int, dict[str, list[int]]]] = {}

    def recipe(self, index: int) -> Recipe:
        """The kind of task that `index` is; it does not depend on the worlds."""
        if index not in self._recipes:
            self._recipes[index] = self.composer.draw(self.source.rng(_TASK_KEY, index), self.source.split)
        return self._recipes[index]

    def is_wanted(self, index: int, wanted: Callable[[Recipe], bool]) -> bool:
        """Whether `wanted` says so of the kind of task that `index` is."""
        said = {wanted(recipe) for recipe in self._outlook(index)}
        return said.pop() if len(said) == 1 else wanted(self.recipe(index))

    def _outlook(self, index: int) -> list[Recipe]:
        """Kinds of which task `index` is one: often that is enough to know, and none needs to be tried for it."""
        if index in self._recipes:
            return [self._recipes[index]]
        found: list[Recipe] = []
        candidates = self.composer.candidates(self.source.rng(_TASK_KEY, index), self.source.split)
        for recipe, works in islice(candidates, _LOOKED_AHEAD):
            if works is not False:
                found.append(recipe)
            if works:
                if len(found) == 1:
                    self._recipes[index] = recipe
                return found
        return [self.recipe(index)]

    def make(self, index: int) -> Task:
        """Task `index`.

        Raises:
            TaskError: no world of the split has a customer that suits the task (not seen to happen).
        """
        source, composer, recipe = self.source, self.composer, self.recipe(index)
        rng, together = source.rng(_STORY_KEY, index), composer.tasks_per_world[source.size]
        taken = {self._request(other) for other in self._relatives(index)}
        if index in composer.echoes:
            taken.add(self._request(composer.echoes[index]))
        home, place = divmod(index, together)
        for detour in range(_WORLDS_TRIED):
            world = home if not detour else source.spare_world(index, detour, together)
            key = world_key(source.split, world, source.seed)
            base = composer.base(key, source.size, source.dialect)
            speakers = composer.speakers(base)
            for attempt in range(min(speakers, _TRIES_PER_WORLD)):
                task = self.attempt(index, recipe, key, base, (place + attempt) % speakers, rng)
                if task is not None and task.request in taken:
                    self.thrown_away["repeated"] += 1
                elif task is not None:
                    self._requests[index] = task.request
                    return task
        raise TaskError(f"no world of {source.split!r} suits {recipe.name!r} (task {index})")

    def _relatives(self, index: int) -> Iterator[int]:
        """The earlier tasks of the same world and recipe, and of recipes that are asked for in the same words."""
        together = min(self.composer.tasks_per_world[self.source.size], _MOST_RELATED)
        first = index - index % together
        name = _alike(self.recipe(index))
        seen, by_name = self._named.get(first, (first, {}))
        for other in range(seen, index):
            for may_be in {_alike(recipe) for recipe in self._outlook(other)}:
                by_name.setdefault(may_be, []).append(other)
        self._named[first] = max(seen, index), by_name
        return (other for other in by_name.get(name, ()) if other < index and _alike(self.recipe(other)) == name)

    def _request(self, index: int) -> str:
        return self._requests[index] if index in self._requests else self.make(index).request

    def attempt(self, index: int, recipe: Recipe, key: int, base: Base, place: int, rng: random.Random) -> Task | None:
        """The task of one customer; None where a filter throws it away.

        Args:
            index: the task's place in the split.
            recipe: what sort of task.
            key: the world's key.
            base: the world.
            place: which customer.
            rng: makes the choices that are left.
        """
        made = self.composer.stories(recipe, base, place, self.source.style, rng)
        if made is None:
            return self._throw("unsuited")
        stories, request, facts = made
        world = next((story.world for story in stories if story.world is not None), key)
        execution = execute(self._session, world, stories)
        if execution is None:
            return self._throw("fails")
        if len(execution.decisions) != recipe.depth:
            return self._throw("depth")
        if reason := flaw(self._session, world, stories, request, execution):
            return self._throw(reason)
        if world is not key:
            base = self.composer.base(world, self.source.size, self.source.dialect)
        execution = _with_goal(self.composer.finish(execution, base), stories)
        task = self._task(index, recipe, key, stories, execution, request, facts)
        if not _solves(execution, task):
            return self._throw("unsolved")
        return task

    def _throw(self, reason: str) -> None:
        self.thrown_away[reason] += 1

    def _task(
        self,
        index: int,
        recipe: Recipe,
        key: int,
        stories: Sequence[Story],
        execution: Execution,
        request: str,
        facts: dict[str, str],
    ) -> Task:
        source, composer = self.source, self.composer
        for story in stories:
            join_facts(facts, story.facts)
        openings = list(dict.fromkeys(story.opening for story in stories))
        user = UserScript(
            opening=" ".join(openings),
            facts=facts,
            keywords={topic: composer.topic_words[topic] for topic in facts},
        )
        world = next((story.world for story in stories if story.world is not None), None)
        free = tuple(table for story in stories for table in story.free)
        return Task(
            id=source.task_id(index, composer.name),
            domain=composer.name,
            kind=execution.kinds,
            composition=recipe.composition,
            depth=recipe.depth,
            split=source.split,
            world_seed=key,
            request=request,
            user=next((story.user for story in stories if story.user is not None), user),
            forbidden=recipe.refused,
            gold=execution.actions,
            gold_diff=execution.diff,
            free=free,
            assertions=derive_assertions(execution, free=free),
            checklist=derive_checklist(execution, request),
            meta={
                "recipe": recipe.name,
                "held_out": recipe.held_out,
                "size": source.size,
                "dialect": source.dialect,
                **({} if world is None else {"world": world}),
            },
        )


def _alike(recipe: Recipe) -> str:
    return getattr(recipe, "alike", recipe.name)


def _with_goal(execution: Execution, stories: Sequence[Story]) -> Execution:
    """The execution, with an assertion of its goal instead of those on tables that are free."""
    goals = [story.reached(execution.diff) for story in stories if story.reached is not None]
    free = {table for story in stories for table in story.free}
    if not free:
        return execution
    endings = [
        replace(ending, assertions=tuple(fact for fact in ending.assertions if fact.table not in free))
        for ending in execution.endings
    ]
    first = (*(goal for goal in goals if goal is not None), *endings[0].assertions)
    endings[0] = replace(endings[0], assertions=first)
    return replace(execution, endings=tuple(endings))


def _solves(execution: Execution, task: Task) -> bool:
    """Whether the execution counts as right: an answer may be one that the checks of answers do not take."""
    trajectory = Trajectory(task.domain, task.id, steps=list(execution.steps), outcome="unsolved")
    return solved(trajectory, task)
