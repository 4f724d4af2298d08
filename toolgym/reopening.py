"""The environment and the task of a recorded episode, made once more: for what a file of episodes does not hold."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from toolgym.errors import ConfigError
from toolgym.mcp.inprocess import InProcessSession
from toolgym.mcp.session import innermost
from toolgym.opening import WORLD_OPTIONS, open_env
from toolgym.perturbing import as_played

if TYPE_CHECKING:
    from toolgym.env import ToolEnv
    from toolgym.rewards.assertions import BaseLookup
    from toolgym.tasks import Task
    from toolgym.trajectory import Trajectory

__all__ = ["base_of", "reopened", "task_of"]


@contextmanager
def reopened(
    trajectory: "Trajectory", env_id: str | None, options: Mapping[str, Any]
) -> "Iterator[tuple[ToolEnv, Task]]":
    """The environment in which an episode was played, and its task in the names that the episode had.

    Args:
        trajectory: the episode.
        env_id: the environment's id, where not the one that the episode names.
        options: of the environment, beside those that the episode names.

    Raises:
        ToolGymError: it cannot be made, or its tasks are others; the message says why.
    """
    if env_id is None and ":" in trajectory.env_id:
        # `gymnasium.make` would import what stands before the colon: a file of episodes may not say what is run.
        raise ConfigError(
            f"the episode names the environment {trajectory.env_id!r}, with a module to import: if you trust it, say "
            f"so by --env {trajectory.env_id}"
        )
    world = trajectory.meta.get("world")
    recorded = {name: world[name] for name in WORLD_OPTIONS if name in world} if isinstance(world, dict) else {}
    chosen = {"split": trajectory.meta.get("split", "train"), **recorded, **options}
    env = open_env(env_id or trajectory.env_id, **chosen)
    try:
        yield env, task_of(trajectory, env.tasks)
    finally:
        env.close()


def base_of(env: "ToolEnv") -> "BaseLookup | None":
    """What records were at the start of the running episode, where its tools run in this process."""
    session = in_process(env)
    if session is None:
        return None
    tables = session.base.tables
    return lambda table, key: tables[table].get(key) if table in tables else None


def in_process(env: "ToolEnv") -> InProcessSession | None:
    """The session, where its tools run in this process."""
    session = innermost(env.session)
    return session if isinstance(session, InProcessSession) else None


def task_of(trajectory: "Trajectory", tasks: Any) -> "Task":
    """The task that a recorded episode was about, in the names that the episode had.

    Raises:
        ConfigError: the tasks have none of its id, or another one.
    """
    hint = "Were they played with other options? Give the same ones with --set, such as --set size=small."
    try:
        task = tasks.by_id(trajectory.task_id)
    except ConfigError as error:
        raise ConfigError(f"{error} {hint}") from error
    # The same id in another world is another task: scoring against its gold would be wrong without a word.
    if not any(text and text in trajectory.prompt for text in (task.request, task.user.opening)):
        raise ConfigError(f"Task {task.id!r} asks for something else than the recorded episode does. {hint}")
    return as_played(task, trajectory)
