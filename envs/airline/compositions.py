"""Which stories there are, how they combine, and how often: the task space, level by level (AC-Planner Eq. 2).

A `Recipe` is one story or two in parallel. What `test_unseen` alone has: recipes of depth 6 and 7, the recipes of
`HELD_OUT`, and pairs of two stories that both write.
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

from toolgym.domain import Split
from toolgym.envs.airline.operations import OPERATIONS
from toolgym.envs.airline.stories_book import BOOKINGS
from toolgym.envs.airline.stories_lookup import LOOKUPS
from toolgym.envs.airline.stories_trip import IDENTS, make_trip, trip_composition
from toolgym.envs.airline.story import WRITING_KINDS, Scene, Story

__all__ = ["DEPTHS", "HELD_OUT", "Recipe", "draw_recipe", "recipes"]

DEPTHS: Final[dict[str, dict[int, float]]] = {
    "seen": {1: 0.10, 2: 0.30, 3: 0.30, 4: 0.18, 5: 0.12},
    "unseen": {1: 0.05, 2: 0.15, 3: 0.15, 4: 0.15, 5: 0.15, 6: 0.20, 7: 0.15},
}
"""Share of each depth: in `train`, `validation` and `test`; in `test_unseen`."""

_FORBIDDEN_SHARE: Final = 0.09
"""Of the tasks of a depth that has forbidden recipes."""
_PAIR_SHARE: Final = 0.25
"""Of the tasks of depth 2 and more."""
_HALF_REFUSED_SHARE: Final = 0.15
"""Of the pairs: one half is forbidden, the other is done."""
_HELD_OUT_SHARE: Final = 0.5
"""Of the tasks of `test_unseen` whose depth also occurs in training."""

_TRIP_OPERATIONS: Final[dict[tuple[str, ...], float]] = {
    ("fact",): 1.0,
    ("total",): 0.6,
    ("cancel",): 1.4,
    ("cabin",): 1.2,
    ("flights",): 1.4,
    ("bags",): 1.2,
    ("passengers",): 1.2,
    ("compensation",): 1.0,
    ("cabin", "bags"): 0.8,
    ("passengers", "bags"): 0.8,
    ("flights", "passengers"): 0.8,
    ("total", "cancel"): 0.5,
    ("passengers", "cabin"): 0.6,
    ("compensation", "cancel"): 0.6,
    ("cancel!",): 1.4,
    ("cabin!",): 0.6,
    ("flights!",): 1.0,
    ("bags!",): 0.8,
    ("passengers!",): 0.8,
    ("compensation!",): 1.0,
    ("cancel", "rebook"): 1.0,
    ("flights", "bags"): 1.0,
    ("bags", "cabin"): 1.0,
}
"""Series of operations on one trip -> weight."""

HELD_OUT: Final = frozenset({"cancel+rebook", "flights+bags", "bags+cabin", "book_cities"})
"""Stories of `test_unseen` alone, whatever way the trip is named."""

_IDENT_WEIGHTS: Final = {"id": 1.0, "user1": 0.8, "user2": 0.7, "user3": 0.5}


@dataclass(frozen=True)
class Recipe:
    """A kind of task: one story, or two in parallel."""

    name: str
    composition: str
    depth: int
    makers: tuple[Callable[[Scene], Story | None], ...]
    weight: float = 1.0
    refused: bool = False
    """Nothing may be changed: all that is asked for is forbidden."""
    held_out: bool = False

    @property
    def kinds(self) -> tuple[str, ...]:
        """The atomic kinds in the composition's order."""
        return tuple(re.findall(r"[a-z_]+", self.composition))

    @property
    def writes(self) -> bool:
        """Whether the right answer changes the world."""
        return not WRITING_KINDS.isdisjoint(self.kinds)

    @property
    def by_user(self) -> bool:
        """Whether the customer's profile is looked up first."""
        return self.composition.startswith(("user", "(user"))


def _trip_maker(ident: str, operations: tuple[str, ...]) -> Callable[[Scene], Story | None]:
    return lambda scene: make_trip(scene, ident, operations)


def _single(
    name: str, composition: str, maker: Callable[[Scene], Story | None], weight: float, refused: bool
) -> Recipe:
    depth = len(re.findall(r"[a-z_]+", composition))
    held_out = name.partition(":")[2] in HELD_OUT or name in HELD_OUT or depth > max(DEPTHS["seen"])
    return Recipe(name, composition, depth, (maker,), weight, refused, held_out)


@cache
def recipes() -> tuple[Recipe, ...]:
    """All recipes of one story."""
    out = [
        _single(name, composition, maker, 1.0, False) for name, (maker, composition) in {**LOOKUPS, **BOOKINGS}.items()
    ]
    for ident in IDENTS:
        for operations, weight in _TRIP_OPERATIONS.items():
            refused = any(OPERATIONS[name].refused for name in operations)
            name, composition = f"{ident}:{'+'.join(operations)}", trip_composition(ident, operations)
            weight *= _IDENT_WEIGHTS[ident]
            out.append(_single(name, composition, _trip_maker(ident, operations), weight, refused))
    return tuple(out)


@cache
def _pool(depth: int, refused: bool, held_out: bool | None) -> tuple[tuple[Recipe, ...], tuple[float, ...]]:
    found = tuple(
        recipe
        for recipe in recipes()
        if recipe.depth == depth and recipe.refused == refused and held_out in (None, recipe.held_out)
    )
    return found, tuple(recipe.weight for recipe in found)


def _draw(rng: random.Random, pool: tuple[tuple[Recipe, ...], tuple[float, ...]]) -> Recipe | None:
    return rng.choices(*pool)[0] if pool[0] else None


def _pair(rng: random.Random, depth: int, both_write: bool, held_out: bool | None) -> Recipe | None:
    """Two stories of `depth` calls together; None where chance finds none that go together."""
    low = rng.randint(1, depth - 1)
    one_refused = rng.random() < _HALF_REFUSED_SHARE
    one, two = _draw(rng, _pool(low, one_refused, held_out)), _draw(rng, _pool(depth - low, False, held_out))
    if one is None or two is None or (one.by_user and two.by_user) or one.name == two.name:
        return None
    names = {one.name.partition(":")[0], two.name.partition(":")[0]}
    if names >= {"user1", "id"}:  # who has one reservation has no other one to talk about
        return None
    if (one.writes and two.writes) != both_write or "transfer" in (one.name, two.name):
        return None

    if two.by_user:  # the profile comes first: the other story may add a reservation to it
        one, two = two, one

    def wrap(recipe: Recipe) -> str:
        return f"({recipe.composition})" if ";" in recipe.composition else recipe.composition

    composition = f"{wrap(one)}||{wrap(two)}"
    return Recipe(f"{one.name} || {two.name}", composition, depth, (*one.makers, *two.makers), held_out=both_write)


def draw_recipe(rng: random.Random, split: Split) -> Recipe:
    """A recipe for a task of the split, by the shares above."""
    unseen = split == "test_unseen"
    shares = DEPTHS["unseen" if unseen else "seen"]
    depth = rng.choices(tuple(shares), tuple(shares.values()))[0]
    deep = depth > max(DEPTHS["seen"])
    while True:
        held_out: bool | None = (deep or rng.random() < _HELD_OUT_SHARE) if unseen else False
        if rng.random() < _FORBIDDEN_SHARE and not deep:
            recipe = _draw(rng, _pool(depth, True, False))
        elif depth > 1 and rng.random() < (_PAIR_SHARE if not (unseen and held_out) else 0.5):
            recipe = _pair(rng, depth, both_write=bool(held_out), held_out=None if unseen else False)
        else:
            recipe = _draw(rng, _pool(depth, False, held_out))
            if recipe is None and unseen:
                recipe = _draw(rng, _pool(depth, False, None))
        if recipe is not None:
            return recipe
