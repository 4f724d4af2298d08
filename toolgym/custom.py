"""`CustomDomain`: an environment of your own from a session and a list of tasks."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from toolgym.domain import Split
from toolgym.errors import ConfigError, TaskError, did_you_mean
from toolgym.mcp.session import ToolSession
from toolgym.tasks import Task

__all__ = ["CustomDomain", "TaskList"]


class TaskList:
    """A `TaskSet` over tasks that are already made.

    Raises:
        TaskError: two of them have the same id.
    """

    def __init__(self, tasks: Sequence[Task]):
        self._tasks = tuple(tasks)
        self._by_id = {task.id: task for task in self._tasks}
        if len(self._by_id) < len(self._tasks):
            ids = [task.id for task in self._tasks]
            twice = next(id for id in ids if ids.count(id) > 1)
            raise TaskError(f"Two tasks have the id {twice!r}; ids must differ")

    def __len__(self) -> int:
        return len(self._tasks)

    def __getitem__(self, index: int, /) -> Task:
        return self._tasks[index]

    def __iter__(self) -> Iterator[Task]:
        return iter(self._tasks)

    def by_id(self, task_id: str) -> Task:
        """The task of that id.

        Raises:
            ConfigError: there is none.
        """
        if task_id not in self._by_id:
            raise ConfigError(did_you_mean(task_id, self._by_id, "task"))
        return self._by_id[task_id]


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
        self._tasks, self._policy = tuple(tasks), policy

    def policy(self) -> str:
        """The policy document."""
        return self._policy

    def tasks(
        self, split: Split, *, depth: int | Sequence[int] | None = None, kinds: Sequence[str] | None = None
    ) -> TaskList:
        """The tasks of a split that fit."""
        depths = None if depth is None else [depth] if isinstance(depth, int) else list(depth)
        return TaskList(
            [
                task
                for task in self._tasks
                if task.split in (split, "custom")
                and (depths is None or task.depth in depths)
                and (kinds is None or all(kind in kinds for kind in task.kind))
            ]
        )
