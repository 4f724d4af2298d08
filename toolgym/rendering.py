"""Trajectories for people: rich in a terminal, text for `render_mode="ansi"`."""

import io
from collections.abc import Iterator

import orjson
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from toolgym.trajectory import Step, Trajectory

__all__ = ["print_trajectory", "trajectory_text"]

_WIDTH = 100
_MAX_CHARS = 2_000
"""A longer text is shown shortened."""


def trajectory_text(trajectory: Trajectory, width: int = _WIDTH) -> str:
    """The whole episode as text with ANSI colours, in lines of at most `width` characters."""
    out = io.StringIO()
    _show(trajectory, Console(file=out, force_terminal=True, width=width, color_system="standard"), latest=False)
    return out.getvalue()


def print_trajectory(trajectory: Trajectory, *, latest: bool = False) -> None:
    """Prints the episode, or only its latest step, to the terminal."""
    _show(trajectory, Console(), latest)


def _show(trajectory: Trajectory, console: Console, latest: bool) -> None:
    steps = trajectory.steps
    if not latest or not steps:
        title = f"{trajectory.env_id} · {trajectory.task_id}"
        console.print(Panel(Text(_short(trajectory.prompt)), title=title, title_align="left", border_style="blue"))
    for number, step in enumerate(steps, start=1):
        if not latest or number == len(steps):
            console.print(Text(f"step {number}", style="dim"))
            for line in _lines(step):
                console.print(line)
    if trajectory.outcome is not None:
        style = "bold green" if trajectory.outcome == "solved" else "bold red"
        why = f" ({trajectory.truncation})" if trajectory.truncation else ""
        console.print(Text(f"{trajectory.outcome}{why}", style=style))


def _lines(step: Step) -> Iterator[Table]:
    turn = step.turn
    if turn.plan:
        yield _line("plan", turn.plan, "dim italic")
    for index, call in enumerate(turn.calls):
        yield _line("call", f"{call.name}({_arguments(call.arguments)})", "cyan")
        if index < len(step.results):
            result = step.results[index]
            yield _line("  →", result.text, "red" if result.is_error else "green")
    if turn.response is not None:
        yield _line("response", turn.response, "bold")
    for problem in turn.problems:
        yield _line("problem", problem.message, "yellow")
    if step.user is not None:
        yield _line("user", step.user, "blue")
    terms = ", ".join(f"{name} {value:.3g}" for name, value in step.rewards.items())
    yield _line("reward", f"{step.reward:.3g}" + (f" ({terms})" if terms else ""), "magenta")


def _line(label: str, text: str, style: str) -> Table:
    line = Table.grid()
    line.add_column(width=9)
    line.add_column(overflow="fold")
    line.add_row(Text(label, "bold"), Text(_short(text), style))
    return line


def _arguments(arguments: dict[str, object]) -> str:
    try:
        return orjson.dumps(arguments).decode()
    except TypeError:  # a lone surrogate or an integer beyond 64 bits
        return repr(arguments)


def _short(text: str) -> str:
    """The text in printable form, shortened."""
    printable = text.encode("utf-8", "backslashreplace").decode()
    if len(printable) <= _MAX_CHARS:
        return printable
    return f"{printable[:_MAX_CHARS]}… ({len(printable) - _MAX_CHARS} more characters)"
