"""Trajectories for people: rich in a terminal, text for `render_mode="ansi"`."""

import io
import math
from collections.abc import Iterator
from functools import partial

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from toolgym import _json
from toolgym.trajectory import Step, Trajectory

__all__ = ["print_trajectory", "trajectory_text"]

_WIDTH = 100
_MAX_CHARS = 2_000
"""A longer text is shown shortened."""
_CONTROLS = {
    code: f"\\u{code:04x}"
    for code in (*range(9), *range(11, 32), *range(127, 160), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}
"""What a terminal obeys (but for tabs and line breaks), and what turns the direction of text."""


def trajectory_text(trajectory: Trajectory, width: int = _WIDTH, *, longest: int = _MAX_CHARS) -> str:
    """The whole episode as text with ANSI colours, in lines of at most `width` characters.

    Texts are shortened to `longest` characters.
    """
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=width, color_system="standard")
    _show(trajectory, console, latest=False, longest=longest)
    return out.getvalue()


def print_trajectory(trajectory: Trajectory, *, latest: bool = False) -> None:
    """Prints the episode, or only its latest step, to the terminal."""
    _show(trajectory, Console(), latest)


def _show(trajectory: Trajectory, console: Console, latest: bool, longest: int = _MAX_CHARS) -> None:
    steps = trajectory.steps
    if not latest or not steps:
        title = Text(_short(f"{trajectory.env_id} · {trajectory.task_id}", longest))
        console.print(
            Panel(Text(_short(trajectory.prompt, longest)), title=title, title_align="left", border_style="blue")
        )
    for number, step in enumerate(steps, start=1):
        if not latest or number == len(steps):
            console.print(Text(f"step {number}", style="dim"))
            for line in _lines(step, longest):
                console.print(line)
    if trajectory.outcome is not None:
        style = "bold green" if trajectory.outcome == "solved" else "bold red"
        why = f" ({trajectory.truncation})" if trajectory.truncation else ""
        console.print(Text(f"{trajectory.outcome}{why}", style=style))


def _lines(step: Step, longest: int) -> Iterator[Table]:
    turn = step.turn
    line = partial(_labelled, longest=longest)
    if turn.plan:
        yield line("plan", turn.plan, "dim italic")
    for index, call in enumerate(turn.calls):
        yield line("call", f"{call.name}({_arguments(call.arguments)})", "cyan")
        if index < len(step.results):
            result = step.results[index]
            yield line("  →", result.text, "red" if result.is_error else "green")
    if turn.response is not None:
        yield line("response", turn.response, "bold")
    for problem in turn.problems:
        yield line("problem", problem.message, "yellow")
    if step.user is not None:
        yield line("user", step.user, "blue")
    terms = ", ".join(f"{name} {value:.3g}" for name, value in step.rewards.items())
    total = "no score" if math.isnan(step.reward) else f"{step.reward:.3g}"
    yield line("reward", total + (f" ({terms})" if terms else ""), "magenta")


def _labelled(label: str, text: str, style: str, longest: int) -> Table:
    line = Table.grid()
    line.add_column(width=9)
    line.add_column(overflow="fold")
    line.add_row(Text(label, "bold"), Text(_short(text, longest), style))
    return line


def _arguments(arguments: dict[str, object]) -> str:
    return _json.dumps(arguments).decode()


def _short(text: str, longest: int) -> str:
    """The text in printable form, shortened."""
    printable = text.encode("utf-8", "backslashreplace").decode().translate(_CONTROLS)
    if len(printable) <= longest:
        return printable
    return f"{printable[:longest]}… ({len(printable) - longest} more characters)"
