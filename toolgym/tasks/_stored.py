"""Tasks of a JSON Lines file, kept as its lines: as an object a task takes ten times the memory of its line."""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

from toolgym.tasks.task import Task

__all__ = ["StoredTasks", "fitting"]

_MADE = 4096
"""How many tasks are kept made."""


@dataclass(frozen=True, slots=True)
class _About:
    """What tasks are chosen by."""

    split: str
    depth: int
    kind: tuple[str, ...]


@dataclass
class _Store:
    make: Callable[[bytes, int, int], Task]
    lines: list[bytes] = field(default_factory=list)
    numbers: "array[int]" = field(default_factory=lambda: array("Q"))
    ids: list[str] = field(default_factory=list)
    about: list[_About] = field(default_factory=list)
    known: dict[_About, _About] = field(default_factory=dict)
    made: dict[int, Task] = field(default_factory=dict)


class StoredTasks(Sequence[Task]):
    """Tasks that are made of their lines when they are asked for; the latest ones are kept.

    Args:
        make: the task of a line, given the line, its number in the file, and the task's own number (both from 1). The
            same line gives the same task.
    """

    def __init__(self, make: Callable[[bytes, int, int], Task]):
        self._store = _Store(make)
        self._places: Sequence[int] | None = None

    def add(self, line: bytes, number: int) -> None:
        """Adds the task of a line; raises what its making raises."""
        store = self._store
        task = store.make(line, number, len(store.lines) + 1)
        about = _About(task.split, task.depth, task.kind)
        store.about.append(store.known.setdefault(about, about))
        store.lines.append(line)
        store.numbers.append(number)
        store.ids.append(task.id)

    def ids(self) -> list[str]:
        """The id of each task."""
        ids = self._store.ids
        return ids if self._places is None else [ids[place] for place in self._places]

    def splits(self) -> set[str]:
        """The splits that they name."""
        places = range(len(self._store.lines)) if self._places is None else self._places
        return {self._store.about[place].split for place in places}

    def where(self, fits: Callable[[Any], bool]) -> "StoredTasks":
        """Those that fit, by `split`, `depth` and `kind`; what is held is shared."""
        good = {about for about in self._store.known if fits(about)}
        out = StoredTasks(self._store.make)
        out._store = self._store
        out._places = array("Q", (place for place, about in enumerate(self._store.about) if about in good))
        return out

    def __len__(self) -> int:
        return len(self._store.lines) if self._places is None else len(self._places)

    @overload
    def __getitem__(self, index: int, /) -> Task: ...
    @overload
    def __getitem__(self, index: slice, /) -> list[Task]: ...
    def __getitem__(self, index: int | slice, /) -> Task | list[Task]:
        places: Sequence[int] = range(len(self._store.lines)) if self._places is None else self._places
        if isinstance(index, slice):
            return [self._task(place) for place in places[index]]
        return self._task(places[index])

    def _task(self, place: int) -> Task:
        store = self._store
        task = store.made.get(place)
        if task is None:
            task = store.make(store.lines[place], store.numbers[place], place + 1)
            while len(store.made) >= _MADE:
                store.made.pop(next(iter(store.made)), None)
            store.made[place] = task
        return task


def fitting(
    tasks: Sequence[Task], split: str, depth: int | Sequence[int] | None, kinds: Sequence[str] | None
) -> Sequence[Task]:
    """The tasks of a split (those of `custom` are in every split), of some depths, all of whose kinds are wanted."""
    depths = None if depth is None else [depth] if isinstance(depth, int) else list(depth)

    def fits(about: Any) -> bool:
        return (
            about.split in (split, "custom")
            and (depths is None or about.depth in depths)
            and (kinds is None or all(kind in kinds for kind in about.kind))
        )

    return tasks.where(fits) if isinstance(tasks, StoredTasks) else [task for task in tasks if fits(task)]
