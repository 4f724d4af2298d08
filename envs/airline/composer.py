"""The airline as a `Composer`: recipes, worlds, customers and words, from which the kit makes tasks."""

import random
from collections.abc import Mapping, Sequence
from typing import Final

from toolgym.composing.execution import Execution
from toolgym.composing.story import Story, Style
from toolgym.domain import Size, Split
from toolgym.envs.airline.compositions import Recipe, draw_recipe
from toolgym.envs.airline.requests import TOPIC_WORDS
from toolgym.envs.airline.rules import (
    CANCELLED_FLIGHT_USD,
    DELAYED_FLIGHT_USD,
    EXTRA_BAG_USD,
    GOODWILL_MAX_USD,
    INSURANCE_USD,
)
from toolgym.envs.airline.story import Scene
from toolgym.envs.airline.world import build_base, user_count, user_id_at
from toolgym.world import Base

__all__ = ["AirlineComposer"]

_POLICY_USD: Final = (EXTRA_BAG_USD, INSURANCE_USD, CANCELLED_FLIGHT_USD, DELAYED_FLIGHT_USD, GOODWILL_MAX_USD)


class AirlineComposer:
    """What the kit makes the airline's tasks of (see `toolgym.composing.making.Composer`)."""

    name = "airline"
    tasks_per_world: Mapping[Size, int] = {"small": 20, "standard": 2_000, "large": 20_000}
    unordered = ("users.*.reservations", "reservations.*.payment_history")
    allowed = tuple(f"${amount}" for amount in _POLICY_USD)
    subject = "reservation"
    topic_words = TOPIC_WORDS
    minimal = False

    def draw(self, rng: random.Random, split: Split) -> Recipe:
        """The kind of a task of the split."""
        return draw_recipe(rng, split)

    def base(self, key: int, size: Size, dialect: str) -> Base:
        """The world of a key."""
        return build_base(key, size, dialect=dialect)

    def speakers(self, base: Base) -> int:
        """How many customers the world has."""
        return user_count(base)

    def stories(
        self, recipe: Recipe, base: Base, place: int, style: Style, rng: random.Random
    ) -> tuple[Sequence[Story], str, dict[str, str]] | None:
        """The stories of the recipe with customer `place`, the whole request and who speaks; None: none suits."""
        scene = Scene(base, user_id_at(base, place), style, rng)
        stories = _make_stories(recipe, scene)
        return None if stories is None else (stories, *_request(scene, stories))

    def finish(self, execution: Execution, base: Base) -> Execution:
        """The execution: the airline's scripts assert what matters themselves."""
        return execution


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
