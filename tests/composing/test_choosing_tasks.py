"""`tasks(depth=, kinds=)`: the tasks are those whose recipe fits, and few recipes are tried to tell which they are."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import pytest

from toolgym.composing.composer import DeclaredComposer, DeclaredDomain
from toolgym.composing.declaration import Declaration
from toolgym.composing.making import TASKS_OF, Recipe
from toolgym.composing.recipes import Together
from toolgym.domain import Split


def fresh(declaration: Declaration) -> DeclaredDomain:
    """The domain of a copy of the declaration, of which no recipe was tried yet."""
    return DeclaredDomain(replace(declaration), size="small")


@lru_cache
def recipes(declaration: Declaration, split: Split) -> list[Recipe]:
    """The recipes of a split's tasks, each tried."""
    maker = fresh(declaration).new_maker(split)
    return [maker.recipe(index) for index in range(TASKS_OF[split])]


@pytest.mark.parametrize("split", ["validation", "test_unseen"])
@pytest.mark.parametrize(
    ("depth", "kinds"),
    [
        (1, None),
        ([2, 5], None),
        (None, ["person", "job"]),
        ([3, 4], ["person", "job", "stop"]),
    ],
)
def test_the_tasks_are_those_whose_recipe_fits(
    shop: Declaration, split: Split, depth: int | Sequence[int] | None, kinds: list[str] | None
) -> None:
    depths = range(1, 8) if depth is None else [depth] if isinstance(depth, int) else depth
    fits = [
        index
        for index, recipe in enumerate(recipes(shop, split))
        if recipe.depth in depths and (kinds is None or set(recipe.kinds) <= set(kinds))
    ]
    domain = fresh(shop)
    tasks = domain.tasks(split, depth=depth, kinds=kinds)
    assert [int(task_id.rpartition("-")[2]) for task_id in map(tasks._id, tasks._indices)] == fits
    assert tasks[len(fits) // 2] == fresh(shop).tasks(split)[fits[len(fits) // 2]]


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The recipes of several stories that were tried."""
    tried: list[str] = []
    works = DeclaredComposer._works

    def noted(composer: DeclaredComposer, recipe: Together) -> bool:
        if len(recipe.outlines) > 1:
            tried.append(recipe.name)
        return works(composer, recipe)

    monkeypatch.setattr(DeclaredComposer, "_works", noted)
    return tried


def test_few_stories_are_tried_together_to_tell_the_depth(shop: Declaration, together: list[str]) -> None:
    tasks = fresh(shop).tasks("test", depth=4)
    few = len(together)
    assert {tasks[place].depth for place in range(40)} == {4}
    assert few < len(together)  # they are tried where a task is made
    maker = fresh(shop).new_maker("test")
    together.clear()
    for index in range(TASKS_OF["test"]):
        maker.recipe(index)
    assert len(together) > 4 * few


def test_few_stories_are_tried_together_for_the_tasks_before_one(shop: Declaration, together: list[str]) -> None:
    last = shop.tasks_per_world["small"] - 1
    task = fresh(shop).new_maker("train").make(last)
    few = len(together)
    maker = fresh(shop).new_maker("train")
    together.clear()
    made = [maker.make(index) for index in range(last + 1)]
    assert made[-1] == task
    assert len(together) > 4 * few
