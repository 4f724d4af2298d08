"""A cache of what is compiled from a task: kept as long as the task lives, looked up by identity."""

import functools
import weakref
from collections.abc import Callable
from typing import TypeVar

from toolgym.tasks import Task

T = TypeVar("T")


def per_task(build: Callable[[Task], T]) -> Callable[[Task], T]:
    """`build(task)` at most once a task object. Tasks are frozen, so what is built of one never goes stale."""
    kept: dict[int, tuple[weakref.ref[Task], T]] = {}

    @functools.wraps(build)
    def look_up(task: Task) -> T:
        key = id(task)
        entry = kept.get(key)
        # The identity test guards against an id that was given out again before the old entry's callback ran.
        if entry is not None and entry[0]() is task:
            return entry[1]
        built = build(task)
        # `forget` is bound now: when the interpreter shuts down, tasks die after this module's names are gone.
        kept[key] = (weakref.ref(task, lambda gone, forget=_forget: forget(kept, key, gone)), built)
        return built

    return look_up


def _forget(kept: dict[int, tuple[weakref.ref[Task], T]], key: int, gone: weakref.ref[Task]) -> None:
    entry = kept.get(key)
    if entry is not None and entry[0] is gone:
        del kept[key]
