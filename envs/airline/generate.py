"""Makes task `index` of a split: a recipe, a world and customer that suit it, the words, the executed gold chain."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from toolgym.domain import Size, Split
from toolgym.envs.airline.checks import derive_assertions, derive_checklist
from toolgym.envs.airline.compositions import Recipe, draw_recipe
from toolgym.envs.airline.execution import Execution, execute
from toolgym.envs.airline.names import SPLITS, rng_for
from toolgym.envs.airline.requests import TOPIC_WORDS, Style
from toolgym.envs.airline.story import Scene, Story
from toolgym.envs.airline.world import build_base, user_count, user_id_at, world_key
from toolgym.errors import TaskError
from toolgym.mcp.session import ToolSession
from toolgym.mcp_servers.airline.dialects import DialectName
from toolgym.tasks import Task, UserScript

__all__ = ["TASKS_OF", "Source", "TaskMaker"]

TASKS_OF: Final[dict[Split, int]] = {"train": 20_000, "validation": 2_000, "test": 2_000, "test_unseen": 2_000}
"""Tasks of each split."""

_TASKS_PER_WORLD: Final[dict[str, int]] = {"small": 20, "standard": 2_000, "large": 20_000}
_TRIES_PER_WORLD: Final = 500
_WORLDS_TRIED: Final = 1_000
_UNORDERED: Final = ("users.*.reservations", "reservations.*.payment_history")
_MOST_RELATED: Final = 2_000
"""How far back equal requests are looked for in a world that serves more tasks."""
_TASK_KEY, _STORY_KEY = 1, 2


@dataclass(frozen=True, slots=True)
class Source:
    """Which tasks: a split of the domain made with `seed`, `size` and `dialect`."""

    split: Split
    size: Size
    dialect: DialectName
    seed: int

    @property
    def style(self) -> Style:
        return "unseen" if self.split == "test_unseen" else "seen"

    @property
    def worlds(self) -> int:
        """The number of worlds that the tasks of the split are spread over, spare ones apart."""
        return -(-TASKS_OF[self.split] // _TASKS_PER_WORLD[self.size])

    def spare_world(self, index: int, detour: int) -> int:
        """A world of task `index` alone, for when none of the customers of its own world suits it."""
        return self.worlds + (detour - 1) * TASKS_OF[self.split] + index

    def task_id(self, index: int) -> str:
        """The id of task `index`."""
        tail = "" if self.dialect == "standard" else f"-{self.dialect}"
        seed = f"-s{self.seed}" if self.seed else ""
        return f"airline-{self.size}{tail}{seed}-{self.split}-{index:05d}"

    def rng(self, purpose: int, index: int) -> random.Random:
        """The random choices of one purpose for task `index`."""
        return rng_for(self.seed, SPLITS.index(self.split), purpose, index)


class TaskMaker:
    """Makes the tasks of a source, each the same whatever was made before.

    Two tasks never ask for the same in the same words. Ids and names are those of the task's world, and there a task
    differs from the earlier ones of its recipe, which are made first where that is still to be done.

    Args:
        source: which tasks.
        new_session: opens a session on the server of the source's worlds.
    """

    def __init__(self, source: Source, new_session: Callable[[], ToolSession]):
        self.source, self._session = source, new_session()
        self._recipes: dict[int, Recipe] = {}
        self._requests: dict[int, str] = {}

    def recipe(self, index: int) -> Recipe:
        """The kind of task that `index` is; it does not depend on the worlds."""
        if index not in self._recipes:
            self._recipes[index] = draw_recipe(self.source.rng(_TASK_KEY, index), self.source.split)
        return self._recipes[index]

    def make(self, index: int) -> Task:
        """Task `index`.

        Raises:
            TaskError: no world of the split has a customer that suits the task (not seen to happen).
        """
        recipe, rng = self.recipe(index), self.source.rng(_STORY_KEY, index)
        taken = {self._request(other) for other in self._relatives(index)}
        home, place = divmod(index, _TASKS_PER_WORLD[self.source.size])
        for detour in range(_WORLDS_TRIED):
            world = home if not detour else self.source.spare_world(index, detour)
            key = world_key(self.source.split, world, self.source.seed)
            base = build_base(key, self.source.size, dialect=self.source.dialect)
            users = user_count(base)
            for attempt in range(min(users, _TRIES_PER_WORLD)):
                scene = Scene(base, user_id_at(base, (place + attempt) % users), self.source.style, rng)
                task = self._try(index, recipe, key, scene)
                if task is not None and task.request not in taken:
                    self._requests[index] = task.request
                    return task
        raise TaskError(f"no world of {self.source.split!r} suits {recipe.name!r} (task {index})")

    def _relatives(self, index: int) -> Iterator[int]:
        """The earlier tasks of the same world and recipe."""
        name, together = self.recipe(index).name, min(_TASKS_PER_WORLD[self.source.size], _MOST_RELATED)
        return (other for other in range(index - index % together, index) if self.recipe(other).name == name)

    def _request(self, index: int) -> str:
        return self._requests[index] if index in self._requests else self.make(index).request

    def _try(self, index: int, recipe: Recipe, key: int, scene: Scene) -> Task | None:
        stories = _make_stories(recipe, scene)
        execution = execute(self._session, key, stories) if stories else None
        if stories is None or execution is None or len(execution.calls) != recipe.depth:
            return None
        return _task(self.source, index, recipe, key, scene, stories, execution)


def _make_stories(recipe: Recipe, scene: Scene) -> list[Story] | None:
    stories = []
    for maker in recipe.makers:
        story = maker(scene)
        if story is None:
            return None
        stories.append(story)
    return stories


def _request(scene: Scene, stories: Sequence[Story]) -> tuple[str, dict[str, str]]:
    """The whole request, and who the customer says to be, as facts."""
    tells = {story.tells for story in stories}
    facts = {"user id": f"My user id is {scene.user_id}.", "name": f"My name is {scene.name}."}
    parts = []
    if "user" in tells:
        parts.append(scene.say("user", {"user_id": scene.user_id}))
    elif "name" in tells:
        parts.append(scene.say("name", {"name": scene.name}))
    parts.append(stories[0].clause)
    for story in stories[1:]:
        parts += [scene.say("also", {}), story.clause]
    return " ".join(parts), facts


def _task(
    source: Source,
    index: int,
    recipe: Recipe,
    key: int,
    scene: Scene,
    stories: Sequence[Story],
    execution: Execution,
) -> Task:
    request, facts = _request(scene, stories)
    for story in stories:
        for topic, sentence in story.facts.items():
            facts[topic] = f"{facts[topic]} {sentence}" if topic in facts else sentence
    openings = list(dict.fromkeys(story.opening for story in stories))
    return Task(
        id=source.task_id(index),
        domain="airline",
        kind=tuple(executed.planned.kind for executed in execution.calls),
        composition=recipe.composition,
        depth=recipe.depth,
        split=source.split,
        world_seed=key,
        request=request,
        user=UserScript(
            opening=" ".join(openings),
            facts=facts,
            keywords={topic: TOPIC_WORDS[topic] for topic in facts},
        ),
        forbidden=recipe.refused,
        gold=execution.actions,
        gold_diff=execution.diff,
        unordered=_UNORDERED,
        assertions=derive_assertions(execution),
        checklist=derive_checklist(execution),
        meta={
            "recipe": recipe.name,
            "held_out": recipe.held_out,
            "size": source.size,
            "dialect": source.dialect,
        },
    )
