"""An episode for people, and at its end why it is not solved: what `show` and `play` print."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from toolgym.errors import ToolGymError

if TYPE_CHECKING:
    from toolgym.env import ToolEnv
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
    """`toolgym.reopening.base_of`; what environments are made of is imported only now: `--help` does without."""
    from toolgym import reopening

    return reopening.base_of(env)


def task_of(trajectory: "Trajectory", tasks: Any) -> "Task":
    """`toolgym.reopening.task_of`."""
    from toolgym import reopening

    return reopening.task_of(trajectory, tasks)


def reasons_of(trajectory: "Trajectory", env_id: str | None, options: Mapping[str, Any]) -> "list[Reason]":
    """Why a recorded episode is not solved: makes its environment, for the task and for what records were.

    Raises:
        ToolGymError: it cannot be told; the message says why.
    """
    from toolgym.reopening import in_process, reopened
    from toolgym.rewards.explaining import why_unsolved

    with reopened(trajectory, env_id, options) as (env, task):
        if in_process(env) is None:
            return why_unsolved(trajectory, task)
        env.reset(options={"task": task.id})
        return why_unsolved(trajectory, task, base_of(env))


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
