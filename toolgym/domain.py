"""What a domain gives an environment: a tool server, a policy text and tasks."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:  # what speaks to servers takes its time, and `import toolgym` does without
    from toolgym.mcp.session import ToolSession
    from toolgym.tasks import Task

Size = Literal["small", "standard", "large"]
Split = Literal["train", "validation", "test", "test_unseen"]


class TaskSet(Protocol):
    """Tasks of one split, made on demand: item `i` is the same task in any process."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> "Task": ...

    def __iter__(self) -> "Iterator[Task]": ...

    def by_id(self, task_id: str) -> "Task":
        """The task of that id.

        Raises:
            ConfigError: there is none.
        """
        ...


class Domain(Protocol):
    """A family of worlds, tools and tasks (see `toolgym.composing.composer.DeclaredDomain`).

    A domain may have two methods more: `world_key(task)`, what `session.reset` gets in place of the task's
    `world_seed`; and, where each task has its own tools, `prompt_of(task, options)`, its `toolgym.observations.Prompt`.
    """

    name: str

    def policy(self) -> str:
        """The policy document that the agent must follow."""
        ...

    def session(self) -> "ToolSession":
        """A new in-process session; `session.reset(task.world_seed)` puts it into a task's world."""
        ...

    def tasks(
        self,
        split: Split,
        *,
        depth: int | Sequence[int] | None = None,
        kinds: Sequence[str] | None = None,
    ) -> TaskSet:
        """The tasks of a split, filtered by depth and by atomic kinds (all of a task's kinds must be in `kinds`)."""
        ...
