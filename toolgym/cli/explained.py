"""An episode for people, and at its end why it is not solved: what `show` and `play` print."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from toolgym.errors import ConfigError, ToolGymError

if TYPE_CHECKING:
    from toolgym.env import ToolEnv
    from toolgym.mcp.inprocess import InProcessSession
    from toolgym.rewards.assertions import BaseLookup
    from toolgym.rewards.explaining import Reason
    from toolgym.tasks import Task
    from toolgym.trajectory import Trajectory

__all__ = ["base_of", "print_reasons", "reasons_of", "say_why", "task_of"]

_LONGEST = 500


def print_reasons(reasons: "Sequence[Reason]", console: Console, *, full: bool = False) -> None:
    """Prints why an episode is not solved: what, expected and found, a line each."""
    from toolgym.rendering import shorten

    console.print(Text("why it is not solved", "bold"))
    if not reasons:
        console.print("  All that was recorded fits the task. Was it another one when the episode was played?")
    for reason in reasons:
        console.print(Text.assemble((f"  {reason.kind:<9}", "yellow"), (reason.where, "bold")), soft_wrap=True)
        for label, text, style in (("expected", reason.expected, "green"), ("found", reason.found, "red")):
            shown = text if full else shorten(text, _LONGEST)
            console.print(Text.assemble(f"           {label:<9}", (shown, style)), soft_wrap=True)


def base_of(env: "ToolEnv") -> "BaseLookup | None":
    """What records were at the start of the running episode, where its tools run in this process."""
    session = _in_process(env)
    if session is None:
        return None
    tables = session.base.tables
    return lambda table, key: tables[table].get(key) if table in tables else None


def _in_process(env: "ToolEnv") -> "InProcessSession | None":
    """The session, where its tools run in this process."""
    from toolgym.mcp.inprocess import InProcessSession
    from toolgym.mcp.session import innermost

    session = innermost(env.session)
    return session if isinstance(session, InProcessSession) else None


def reasons_of(trajectory: "Trajectory", env_id: str | None, options: Mapping[str, Any]) -> "list[Reason]":
    """Why a recorded episode is not solved: makes its environment, for the task and for what records were.

    Raises:
        ToolGymError: it cannot be told; the message says why.
    """
    from toolgym.opening import WORLD_OPTIONS, open_env
    from toolgym.rewards.explaining import why_unsolved

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
        task = task_of(trajectory, env.tasks)
        if _in_process(env) is None:
            return why_unsolved(trajectory, task)
        env.reset(options={"task": task.id})
        return why_unsolved(trajectory, task, base_of(env))
    finally:
        env.close()


def task_of(trajectory: "Trajectory", tasks: Any) -> "Task":
    """The task that a recorded episode was about, in the names that the episode had.

    Raises:
        ConfigError: the tasks have none of its id, or another one.
    """
    from toolgym.perturbing import as_played

    hint = "Were they played with other options? Give the same ones with --set, such as --set size=small."
    try:
        task = tasks.by_id(trajectory.task_id)
    except ConfigError as error:
        raise ConfigError(f"{error} {hint}") from error
    # The same id in another world is another task: scoring against its gold would be wrong without a word.
    if not any(text and text in trajectory.prompt for text in (task.request, task.user.opening)):
        raise ConfigError(f"Task {task.id!r} asks for something else than the recorded episode does. {hint}")
    return as_played(task, trajectory)


def say_why(
    trajectory: "Trajectory", env_id: str | None, options: Mapping[str, Any], console: Console, *, full: bool
) -> None:
    """Prints why a recorded episode is not solved, or why that cannot be told."""
    if trajectory.outcome == "solved":
        return
    try:
        reasons = reasons_of(trajectory, env_id, options)
    except ToolGymError as error:
        console.print(
            Text(f"Why it is not solved cannot be told without its environment: {error}", "yellow"), soft_wrap=True
        )
        return
    print_reasons(reasons, console, full=full)
