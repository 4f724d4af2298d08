"""`AirlineDomain`: worlds, policy, tools and tasks of the airline, for the environment."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib import resources

from toolgym.domain import Size, Split
from toolgym.envs.airline.generate import TASKS_OF, Source, TaskMaker
from toolgym.envs.airline.names import SPLITS
from toolgym.envs.airline.spec import SPECS
from toolgym.envs.airline.story import TOOL_OF
from toolgym.errors import ConfigError, did_you_mean
from toolgym.mcp.server import ToolServer
from toolgym.mcp.session import ToolSession
from toolgym.mcp_servers.airline import build_server
from toolgym.mcp_servers.airline.dialects import DialectName
from toolgym.tasks import Task

__all__ = ["AirlineDomain", "AirlineTasks", "airline_server", "policy_text"]

_KEPT_TASKS = 2048


@lru_cache(maxsize=1)
def policy_text() -> str:
    """The airline's policy document (Markdown)."""
    return resources.files("toolgym.envs.airline").joinpath("policy.md").read_text(encoding="utf-8")


@lru_cache(maxsize=8)
def airline_server(size: Size, dialect: DialectName) -> ToolServer:
    """The server of generated worlds, one of each sort in a process."""
    return build_server(size=size, dialect=dialect)


@lru_cache(maxsize=16)
def _maker(source: Source) -> TaskMaker:
    return TaskMaker(source, airline_server(source.size, source.dialect).session)


@lru_cache(maxsize=_KEPT_TASKS)
def _task(source: Source, index: int) -> Task:
    return _maker(source).make(index)


@lru_cache(maxsize=32)
def _selection(source: Source, depths: frozenset[int] | None, kinds: frozenset[str] | None) -> tuple[int, ...]:
    found = []
    for index in range(TASKS_OF[source.split]):
        recipe = _maker(source).recipe(index)
        if (depths is None or recipe.depth in depths) and (kinds is None or kinds.issuperset(recipe.kinds)):
            found.append(index)
    return tuple(found)


class AirlineTasks:
    """The tasks of a split, made on demand; the latest ones are kept.

    Args:
        source: which tasks.
        indices: the tasks of the split that belong to this set, by their place in it.
    """

    def __init__(self, source: Source, indices: Sequence[int]):
        self._source, self._indices = source, indices

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int, /) -> Task:
        return _task(self._source, self._indices[index])

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
            if index < TASKS_OF[self._source.split] and self._source.task_id(index) == task_id and self._has(index):
                return _task(self._source, index)
            if index < TASKS_OF[self._source.split] and self._has(index):
                near = self._source.task_id(index)
                raise ConfigError(f"No task {task_id!r} in {self._source.split!r}. Did you mean {near!r}?")
        first = self._source.task_id(self._indices[0]) if self._indices else "(none)"
        raise ConfigError(
            f"No task {task_id!r} among these {len(self)} of {self._source.split!r}; the first is {first!r}."
        )

    def _has(self, index: int) -> bool:
        return index in self._indices


class AirlineDomain:
    """A family of airline worlds with their tools, policy and tasks.

    Args:
        size: `small` (fits a tiny model's context), `standard` or `large`.
        dialect: how the server's tools behave: `standard` or `tau_bench`.
        seed: other seeds give other worlds and tasks.
    """

    name = "airline"

    def __init__(self, size: Size = "standard", dialect: DialectName = "standard", seed: int = 0):
        if size not in SPECS:
            raise ConfigError(did_you_mean(str(size), SPECS, "world size"))
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise ConfigError(f"The domain's seed is an int >= 0; given {seed!r}.")
        self.size: Size = size
        self.dialect: DialectName = dialect
        self.seed = seed
        self.server = airline_server(size, dialect)

    def policy(self) -> str:
        """The policy document."""
        return policy_text()

    def session(self) -> ToolSession:
        """A new in-process session; `reset(task.world_seed)` puts it into a task's world."""
        return self.server.session()

    def tasks(
        self,
        split: Split,
        *,
        depth: int | Sequence[int] | None = None,
        kinds: Sequence[str] | None = None,
    ) -> AirlineTasks:
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
            if kind not in TOOL_OF:
                raise ConfigError(did_you_mean(kind, TOOL_OF, "atomic kind"))
        source = Source(split, self.size, self.dialect, self.seed)
        if depth is None and kinds is None:
            return AirlineTasks(source, range(TASKS_OF[split]))
        depths = None if depth is None else frozenset([depth] if isinstance(depth, int) else depth)
        indices = _selection(source, depths, None if kinds is None else frozenset(kinds))
        if not indices:
            raise ConfigError(f"No task of {split!r} has depth {depth!r} and kinds {kinds!r}.")
        return AirlineTasks(source, indices)
