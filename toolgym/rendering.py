"""Trajectories for people: rich in a terminal, text for `render_mode="ansi"`."""

import io
import math
import sys
from collections.abc import Iterator
from functools import partial

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from toolgym import _json
from toolgym.trajectory import Step, Trajectory

__all__ = ["print_trajectory", "shorten", "trajectory_text"]

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

    Texts are shortened to `longest` characters; of the opening only the request is shown.
    """
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=width, color_system="standard")
    _show(trajectory, console, latest=False, longest=longest, policy="in trajectory.prompt")
    return out.getvalue()


def print_trajectory(
    trajectory: Trajectory,
    *,
    latest: bool = False,
    full: bool = False,
    policy: str = "in trajectory.prompt",
    console: Console | None = None,
) -> None:
    """Prints the episode, or only its latest step, to the terminal.

    Args:
        trajectory: the episode.
        latest: only the latest step.
        full: with the policy and the tools, and no text shortened.
        policy: where the reader finds the policy, which is folded into a line otherwise.
        console: where to; by default stdout.
    """
    _show(trajectory, console or Console(), latest, sys.maxsize if full else _MAX_CHARS, "" if full else policy)


def _show(trajectory: Trajectory, console: Console, latest: bool, longest: int, policy: str) -> None:
    steps = trajectory.steps
    if not latest or not steps:
        title = Text(shorten(f"{trajectory.env_id} · {trajectory.task_id}", longest))
        before, request = _opening(trajectory.prompt)
        if before and not policy:
            console.print(Panel(Text(shorten(before, longest)), title="policy", title_align="left", border_style="dim"))
        elif before:
            console.print(Text(f"policy and tools: {len(before)} characters ({policy})", style="dim"))
        console.print(Panel(Text(shorten(request, longest)), title=title, title_align="left", border_style="blue"))
    for number, step in enumerate(steps, start=1):
        if not latest or number == len(steps):
            console.print(Text(f"step {number}", style="dim"))
            for line in _lines(step, longest):
                console.print(line)
    if trajectory.outcome is not None:
        style = "bold green" if trajectory.outcome == "solved" else "bold red"
        why = f" ({trajectory.truncation})" if trajectory.truncation else ""
        total = sum(step.reward for step in steps)
        earned = "no score" if math.isnan(total) else f"reward {total:.3g}"
        console.print(Text.assemble((f"{trajectory.outcome}{why}", style), f", {earned} in {len(steps)} steps"))


def _opening(prompt: str) -> tuple[str, str]:
    """What stands before the request (policy, tools and instructions), and the request."""
    # No request holds this tag: what is said within it is escaped (`toolgym.observations`).
    before, tag, request = prompt.rpartition("\n\n<user>")
    return (before, request.removesuffix("</user>")) if tag and request.endswith("</user>") else ("", prompt)


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
    for act in step.user_acts:
        yield line("user", f"calls {act.call.name}({_arguments(act.call.arguments)})", "dim blue")
        yield line("  →", act.result.text, "red" if act.result.is_error else "green")
    if step.user is not None:
        yield line("user", step.user, "blue")
    terms = ", ".join(f"{name} {value:.3g}" for name, value in step.rewards.items())
    total = "no score" if math.isnan(step.reward) else f"{step.reward:.3g}"
    yield line("reward", total + (f" ({terms})" if terms else ""), "magenta")


def _labelled(label: str, text: str, style: str, longest: int) -> Table:
    line = Table.grid()
    line.add_column(width=9)
    line.add_column(overflow="fold")
    line.add_row(Text(label, "bold"), Text(shorten(text, longest), style))
    return line


def _arguments(arguments: dict[str, object]) -> str:
    return _json.dumps(arguments).decode()


def shorten(text: str, longest: int) -> str:
    """The text in printable form, of at most `longest` characters and a word on how many more there are."""
    printable = text.encode("utf-8", "backslashreplace").decode().translate(_CONTROLS)
    if len(printable) <= longest:
        return printable
    return f"{printable[:longest]}… ({len(printable) - longest} more characters)"
