"""`CustomDomain`: an environment of your own from a session and a list of tasks; and some tasks of a set, chosen."""

from collections.abc import Callable, Iterator, Sequence
from numbers import Integral
from typing import Any

from toolgym.domain import Split, TaskSet
from toolgym.errors import ConfigError, TaskError, did_you_mean
from toolgym.mcp.session import ToolSession
from toolgym.tasks import Task
from toolgym.tasks._stored import StoredTasks, fitting

__all__ = ["ChosenTasks", "CustomDomain", "TaskList", "indexed", "picked"]


class TaskList:
    """A `TaskSet` over tasks that are already made.

    Raises:
        TaskError: two of them have the same id.
    """

    def __init__(self, tasks: Sequence[Task]):
        stored = isinstance(tasks, StoredTasks)
        self._tasks: Sequence[Task] = tasks if stored else tuple(tasks)
        ids = tasks.ids() if stored else [task.id for task in tasks]
        self._place = {id: place for place, id in enumerate(ids)}
        if len(self._place) < len(ids):
            twice = next(id for place, id in enumerate(ids) if self._place[id] != place)
            raise TaskError(f"Two tasks have the id {twice!r}; ids must differ")

    def __len__(self) -> int:
        return len(self._tasks)

    def __getitem__(self, index: int, /) -> Task:
        return self._tasks[index]

    def __iter__(self) -> Iterator[Task]:
        return iter(self._tasks)

    @property
    def unsplit(self) -> bool:
        """Whether some of them are in every split."""
        tasks = self._tasks
        splits = tasks.splits() if isinstance(tasks, StoredTasks) else {task.split for task in tasks}
        return "custom" in splits

    def by_id(self, task_id: str) -> Task:
        """The task of that id.

        Raises:
            ConfigError: there is none.
        """
        if task_id not in self._place:
            raise ConfigError(did_you_mean(task_id, self._place, "task"))
        return self._tasks[self._place[task_id]]


class CustomDomain:
    """Your tools and your tasks: `ToolEnv(CustomDomain(server.session, tasks))`.

    Args:
        session: makes a session; called once an environment. `ToolServer.session` is one such.
        tasks: all tasks. A split holds those whose `split` is its name; tasks of split `custom` are in every split.
        policy: the policy document, shown in the full prompt.
        name: the domain's name, for trajectories.
        world_key: the world of a task, as `session.reset` understands it. By default the session's only world.
    """

    def __init__(
        self,
        session: Callable[[], ToolSession],
        tasks: Sequence[Task],
        *,
        policy: str = "",
        name: str = "custom",
        world_key: Callable[[Task], Any] = lambda task: None,
    ):
        self.name = name
        self.session = session
        self.world_key = world_key
        self._tasks: Sequence[Task] = tasks if isinstance(tasks, StoredTasks) else tuple(tasks)
        self._policy = policy

    def policy(self) -> str:
        """The policy document."""
        return self._policy

    def tasks(
        self, split: Split, *, depth: int | Sequence[int] | None = None, kinds: Sequence[str] | None = None
    ) -> TaskList:
        """The tasks of a split that fit."""
        return TaskList(fitting(self._tasks, split, depth, kinds))


def indexed(tasks: TaskSet, index: int) -> Task:
    """The task of an index.

    Raises:
        ConfigError: there is none.
    """
    if not 0 <= index < len(tasks):
        raise ConfigError(f"There is no task {index}: this environment has tasks 0 to {len(tasks) - 1}")
    return tasks[int(index)]


def picked(tasks: TaskSet, one: Any, wanted: str = "a task's id, its index or a Task") -> Task:
    """The task of an id or an index, or the task itself.

    Raises:
        ConfigError: there is none, or it is not what is `wanted`.
    """
    if isinstance(one, Task):
        return one
    if isinstance(one, str):
        return tasks.by_id(one)
    if isinstance(one, Integral) and not isinstance(one, bool):
        return indexed(tasks, int(one))
    raise ConfigError(f"task is {wanted}; got {one!r:.100}")


class ChosenTasks:
    """A `TaskSet` of the tasks that were asked for; any other of the split is still found by its id.

    Args:
        tasks: the split.
        chosen: an id, an index or a `Task`, or several, each of which counts once.

    Raises:
        ConfigError: there is no such task, or something else was given.
    """

    def __init__(self, tasks: TaskSet, chosen: Any):
        self._all = tasks
        several = isinstance(chosen, Sequence) and not isinstance(chosen, str)
        wanted = "a task's id or index, or a list of such"
        found = [picked(tasks, one, wanted) for one in (chosen if several else (chosen,))]
        self._tasks = tuple({task.id: task for task in found}.values())
        if not self._tasks:
            raise ConfigError("task=[] chooses no task: give ids or indices, or leave it out")

    def __len__(self) -> int:
        return len(self._tasks)

    def __getitem__(self, index: int, /) -> Task:
        return self._tasks[index]

    def __iter__(self) -> Iterator[Task]:
        return iter(self._tasks)

    def by_id(self, task_id: str) -> Task:
        """The task of that id, chosen or not.

        Raises:
            ConfigError: the split has none.
        """
        for task in self._tasks:
            if task.id == task_id:
                return task
        return self._all.by_id(task_id)
