"""Makes task `index` of a split: a recipe, a world and customer that suit it, the words, the executed gold chain."""

import random
from collections.abc import Sequence
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
from toolgym.tasks import Task, UserScript

__all__ = ["TASKS_OF", "Source", "make_task", "recipe_of"]

TASKS_OF: Final[dict[Split, int]] = {"train": 20_000, "validation": 2_000, "test": 2_000, "test_unseen": 2_000}
"""Tasks of each split."""

_TASKS_PER_WORLD: Final[dict[str, int]] = {"small": 20, "standard": 2_000, "large": 20_000}
_TRIES_PER_WORLD: Final = 40
_WORLDS_TRIED: Final = 400
_UNORDERED: Final = ("users.*.reservations", "reservations.*.payment_history")
_TASK_KEY, _STORY_KEY = 1, 2


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

    @property
    def worlds(self) -> int:
        """The number of worlds that the tasks of the split are spread over."""
        return -(-TASKS_OF[self.split] // _TASKS_PER_WORLD[self.size])

    def task_id(self, index: int) -> str:
        """The id of task `index`."""
        tail = "" if self.dialect == "standard" else f"-{self.dialect}"
        seed = f"-s{self.seed}" if self.seed else ""
        return f"airline-{self.size}{tail}{seed}-{self.split}-{index:05d}"

    def key(self, purpose: int, index: int) -> random.Random:
        return rng_for(self.seed, SPLITS.index(self.split), purpose, index)


def recipe_of(source: Source, index: int) -> Recipe:
    """The kind of task that `index` is; it does not depend on the worlds."""
    return draw_recipe(source.key(_TASK_KEY, index), source.split)


def make_task(source: Source, index: int, session: ToolSession) -> Task:
    """Task `index`.

    Raises:
        TaskError: no world of the split has a customer that suits the task (not seen to happen).
    """
    recipe, rng = recipe_of(source, index), source.key(_STORY_KEY, index)
    home, place = divmod(index, _TASKS_PER_WORLD[source.size])
    for detour in range(_WORLDS_TRIED):
        key = world_key(source.split, (home + detour) % source.worlds, source.seed)
        base = build_base(key, source.size, dialect=source.dialect)
        users = user_count(base)
        for attempt in range(min(users, _TRIES_PER_WORLD) if source.size == "small" else _TRIES_PER_WORLD):
            user_id = user_id_at(base, (place + attempt) % users if not detour else rng.randrange(users))
            scene = Scene(base, user_id, source.style, rng)
            stories = _make_stories(recipe, scene)
            if stories is None:
                continue
            execution = execute(session, key, stories)
            if execution is not None and len(execution.calls) == recipe.depth:
                return _task(source, index, recipe, key, scene, stories, execution)
    raise TaskError(f"no world of {source.split!r} suits {recipe.name!r} (task {index})")


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
