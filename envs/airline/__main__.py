"""Shows tasks of the airline domain: `python -m toolgym.envs.airline --help`."""

import json
from collections import Counter
from itertools import islice
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from toolgym.domain import Size, Split
from toolgym.envs.airline.domain import AirlineDomain
from toolgym.errors import ConfigError
from toolgym.tasks import Task

_EPILOG = "Examples: --split test --count 3 --depth 4 | --statistics --count 1000 | --kinds reservation,cancel --json"


def _shown(task: Task) -> Panel:
    """A task with its gold chain and what tells success."""
    lines = [f"[bold]{escape(task.request)}[/bold]", ""]
    for action in task.gold:
        if action.plan:
            lines.append(f"[dim]plan[/dim]      {escape(action.plan)}")
        lines += [f"[cyan]{gold.name}[/cyan] {escape(json.dumps(gold.arguments))}" for gold in action.calls]
        if action.response:
            lines.append(f"[green]response[/green]  {escape(action.response)}")
    lines.append("")
    for item in task.checklist:
        needs = f" (after {', '.join(item.depends_on)})" if item.depends_on else ""
        mark = "required" if item.required else f"{item.weight:.2f}"
        lines.append(f"[dim]{mark:>8}[/dim]  {escape(item.question)}{needs}")
    forbidden = "  [red]forbidden[/red]" if task.forbidden else ""
    title = f"{task.id}  {escape(task.composition)}  depth {task.depth}{forbidden}"
    return Panel("\n".join(lines), title=title, title_align="left")


def _statistics(tasks: list[Task], total: int) -> dict[str, Any]:
    """Counts over the tasks: depths, kinds, recipes, distinct requests."""
    return {
        "tasks_of_the_set": total,
        "looked_at": len(tasks),
        "distinct_requests": len({task.request for task in tasks}),
        "compositions": len({task.composition for task in tasks}),
        "forbidden": sum(task.forbidden for task in tasks),
        "depths": dict(sorted(Counter(str(task.depth) for task in tasks).items())),
        "kinds": dict(Counter(kind for task in tasks for kind in task.kind).most_common()),
    }


def _table(statistics: dict[str, Any]) -> Table:
    table = Table("figure", "value")
    for name, value in statistics.items():
        shown = "  ".join(f"{key}: {count}" for key, count in value.items()) if isinstance(value, dict) else str(value)
        table.add_row(name.replace("_", " "), shown)
    return table


def main(
    split: Annotated[Split, typer.Option(help="Which split.")] = "train",
    size: Annotated[Size, typer.Option(help="How large the worlds are.")] = "small",
    count: Annotated[int, typer.Option(min=1, help="How many tasks.")] = 5,
    start: Annotated[int, typer.Option(min=0, help="The first one's place.")] = 0,
    depth: Annotated[int | None, typer.Option(min=1, max=7, help="Only tasks of this depth.")] = None,
    kinds: Annotated[str | None, typer.Option(help="Only tasks of these atomic kinds, comma-separated.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The domain's seed.")] = 0,
    statistics: Annotated[bool, typer.Option("--statistics", help="Counts instead of tasks.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of a picture; a line a task.")] = False,
) -> None:
    """Shows tasks with their gold chains and checklists, or statistics of them."""
    try:
        domain = AirlineDomain(size=size, seed=seed)
        chosen = domain.tasks(split, depth=depth, kinds=kinds.split(",") if kinds else None)
    except ConfigError as error:
        raise typer.BadParameter(str(error)) from error
    tasks = [chosen[place] for place in islice(range(len(chosen)), start, start + count)]
    console = Console()
    if statistics:
        figures = _statistics(tasks, len(chosen))
        if as_json:
            typer.echo(json.dumps(figures))
        else:
            console.print(_table(figures))
    elif as_json:
        for task in tasks:
            typer.echo(task.model_dump_json())
    else:
        for task in tasks:
            console.print(_shown(task))


if __name__ == "__main__":
    app = typer.Typer(add_completion=False)
    app.command(epilog=_EPILOG)(main)
    app(prog_name="python -m toolgym.envs.airline")
