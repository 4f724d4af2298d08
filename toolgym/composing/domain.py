"""`ComposedDomain`: worlds, policy, tools and composed tasks of one domain, for the environment."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from threading import RLock
from typing import Any

from toolgym.composing.making import TASKS_OF, Composer, Recipe, Source, TaskMaker
from toolgym.composing.names import SPLITS
from toolgym.domain import Size, Split
from toolgym.errors import ConfigError, did_you_mean
from toolgym.mcp.server import ToolServer
from toolgym.mcp.session import ToolSession
from toolgym.tasks import Task

__all__ = ["ComposedDomain", "ComposedTasks", "Workshop"]

_KEPT_TASKS = 2048


class Workshop:
    """What a domain's tasks are made with, one a process: servers, makers and the latest tasks.

    Args:
        composer: the domain's part.
        new_server: makes the server of a size and dialect.
    """

    def __init__(self, composer: Composer, new_server: Callable[[Size, str], ToolServer]):
        self.composer = composer
        self.server = lru_cache(maxsize=8)(new_server)
        self.maker = lru_cache(maxsize=16)(self._maker)
        self.task = lru_cache(maxsize=_KEPT_TASKS)(self._task)
        self.selection = lru_cache(maxsize=32)(self._selection)
        self._one_at_a_time = RLock()  # a maker plays what it makes in its one session; environments reset in threads

    def _maker(self, source: Source) -> TaskMaker:
        return TaskMaker(source, self.composer, self.server(source.size, source.dialect).session)

    def _task(self, source: Source, index: int) -> Task:
        with self._one_at_a_time:
            return self.maker(source).make(index)

    def _selection(
        self, source: Source, depths: frozenset[int] | None, kinds: frozenset[str] | None
    ) -> tuple[int, ...]:
        def wanted(recipe: Recipe) -> bool:
            return (depths is None or recipe.depth in depths) and (kinds is None or kinds.issuperset(recipe.kinds))

        with self._one_at_a_time:
            maker = self.maker(source)
            return tuple(index for index in range(TASKS_OF[source.split]) if maker.is_wanted(index, wanted))


class ComposedTasks:
    """The tasks of a split, made on demand; the latest ones are kept.

    Args:
        workshop: makes them.
        source: which tasks.
        indices: the tasks of the split that belong to this set, by their place in it.
    """

    def __init__(self, workshop: Workshop, source: Source, indices: Sequence[int]):
        self._workshop, self._source, self._indices = workshop, source, indices

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int, /) -> Task:
        return self._workshop.task(self._source, self._indices[index])

    def __iter__(self) -> Iterator[Task]:
        for index in range(len(self)):
            yield self[index]

    def by_id(self, task_id: str) -> Task:
        """The task of that id.

        Raises:
            ConfigError: the set has none.
        """
        tail = task_id.rpartition("-")[2]
        if tail.isascii() and tail.isdigit() and len(tail) < 10:
            index = int(tail)
            if index < TASKS_OF[self._source.split] and index in self._indices:
                near = self._id(index)
                if near == task_id:
                    return self._workshop.task(self._source, index)
                raise ConfigError(f"No task {task_id!r} in {self._source.split!r}. Did you mean {near!r}?")
        first = self._id(self._indices[0]) if self._indices else "(none)"
        raise ConfigError(
            f"No task {task_id!r} among these {len(self)} of {self._source.split!r}; the first is {first!r}."
        )

    def _id(self, index: int) -> str:
        return self._source.task_id(index, self._workshop.composer.name)


class ComposedDomain:
    """A family of worlds with their tools, policy and tasks.

    Args:
        workshop: makes servers and tasks.
        policy: the policy document.
        kinds: the atomic kinds and their tools.
        size: `small` (fits a tiny model's context), `standard` or `large`.
        dialect: how the server's tools behave.
        seed: other seeds give other worlds and tasks.

    Raises:
        ConfigError: an unknown size, or a seed that is no int >= 0.
    """

    def __init__(
        self,
        workshop: Workshop,
        policy: Callable[[], str],
        kinds: Mapping[str, str],
        size: Size = "standard",
        dialect: str = "standard",
        seed: int = 0,
    ):
        if size not in workshop.composer.tasks_per_world:
            raise ConfigError(did_you_mean(str(size), workshop.composer.tasks_per_world, "world size"))
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise ConfigError(f"The domain's seed is an int >= 0; given {seed!r}.")
        self.name = workshop.composer.name
        self.size: Size = size
        self.dialect = dialect
        self.seed = seed
        self.kinds = kinds
        """Atomic kind -> the tool that does it."""
        self.server = workshop.server(size, dialect)
        self._workshop, self._policy = workshop, policy

    def policy(self) -> str:
        """The policy document."""
        return self._policy()

    def session(self) -> ToolSession:
        """A new in-process session; `reset(world_key(task))` puts it into a task's world."""
        return self.server.session()

    def world_key(self, task: Task) -> Any:
        """The key of a task's world: its `world_seed`, or what its customer has got to do with a trouble besides."""
        return task.meta.get("world", task.world_seed)

    def tasks(
        self,
        split: Split,
        *,
        depth: int | Sequence[int] | None = None,
        kinds: Sequence[str] | None = None,
    ) -> ComposedTasks:
        """The tasks of a split.

        Args:
            split: `train`, `validation`, `test` or `test_unseen`.
            depth: only tasks of this number (or these numbers) of atomic tasks.
            kinds: only tasks all of whose atomic kinds are among these.

        Raises:
            ConfigError: an unknown split or kind, or nothing is left.
        """
        if split not in SPLITS:
            raise ConfigError(did_you_mean(str(split), SPLITS, "split"))
        for kind in kinds or ():
            if kind not in self.kinds:
                raise ConfigError(did_you_mean(kind, self.kinds, "atomic kind"))
        source = self.source(split)
        if depth is None and kinds is None:
            return ComposedTasks(self._workshop, source, range(TASKS_OF[split]))
        depths = None if depth is None else frozenset([depth] if isinstance(depth, int) else depth)
        indices = self._workshop.selection(source, depths, None if kinds is None else frozenset(kinds))
        if not indices:
            raise ConfigError(f"No task of {split!r} has depth {depth!r} and kinds {kinds!r}.")
        return ComposedTasks(self._workshop, source, indices)

    def source(self, split: Split) -> Source:
        """Which tasks a split of this domain holds."""
        return Source(split, self.size, self.dialect, self.seed)

    def new_maker(self, split: Split) -> TaskMaker:
        """A maker of the split's tasks that keeps and counts only what is made with it."""
        return TaskMaker(self.source(split), self._workshop.composer, self.server.session)

    def thrown_away(self, split: Split, first: int | None = None) -> dict[str, int]:
        """How many candidates were thrown away for each reason (`toolgym.composing.making.REASONS`).

        Args:
            split: of which tasks.
            first: of so many of the first tasks, which are made anew; by default of those that were made so far.

        Raises:
            ConfigError: an unknown split.
        """
        self.tasks(split)
        if first is None:
            return dict(self._workshop.maker(self.source(split)).thrown_away)
        maker = self.new_maker(split)
        for index in range(min(first, TASKS_OF[split])):
            maker.make(index)
        return dict(maker.thrown_away)
