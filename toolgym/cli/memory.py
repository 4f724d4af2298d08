"""`toolgym memory`: what earlier episodes taught, in a file: made from them, and looked at."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Column, Table

from toolgym.cli.command import Command
from toolgym.cli.common import OUTPUT, JsonFlag, episodes_of, out, panel, print_json, progress_console
from toolgym.errors import ConfigError

if TYPE_CHECKING:
    from toolgym.agents.memory import Memory
    from toolgym.trajectory import Trajectory

__all__ = ["app"]

_output = panel(OUTPUT)
_MOST_EDGES = 20
"""That are shown in a terminal."""

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _memory() -> None:
    """Makes memory files for `toolgym eval --memory`, and shows what is in them.

    \b
    Examples:
      toolgym memory build train.jsonl --output memory.json
      toolgym memory show memory.json
    """


@app.command("build", cls=Command)
def build(
    episodes: Annotated[
        list[Path],
        typer.Argument(metavar="EPISODES...", help="Trajectory files (`eval --output`, a run's episodes), or corpora."),
    ],
    output: Annotated[Path, _output("--output", "-o", metavar="FILE", help="The memory file that is made.")],
    overwrite: Annotated[bool, _output("--overwrite", help="Replace the file, where there is one.")] = False,
) -> None:
    """Makes a memory file from episodes: their cases, the tool graph's transitions, and a ranker of cases.

    A ranker is learnt where cases were shown in some of the episodes (--memory cases). The file says of which
    environment, split and task each case is, and is refused where that split is evaluated.

    \b
    Examples:
      toolgym eval --agent builtin --split train --output train.jsonl
      toolgym memory build train.jsonl --output memory.json
    """
    from toolgym.agents.memory import learn, write_memory

    if output.is_dir():
        raise ConfigError(
            f"{str(output)!r} is a folder; --output takes a file, such as {str(output / 'memory.json')!r}"
        )
    if output.exists() and not overwrite:
        raise ConfigError(f"{str(output)!r} is there already: replace it (--overwrite), or give another --output")
    memory = learn(_each(episodes))
    write_memory(output, memory)
    solved = sum(case.solved for case in memory.cases)
    told = f"{len(memory.cases)} cases ({solved} solved) were written to {output}: toolgym memory show {output}"
    progress_console.print(told, highlight=False, soft_wrap=True, markup=False)


def _each(files: list[Path]) -> "Iterator[Trajectory]":
    for file in files:
        for _, trajectory in sorted(episodes_of(file), key=lambda numbered: numbered[0]):
            yield trajectory


@app.command("show", cls=Command)
def show(
    file: Annotated[Path, typer.Argument(help="A memory file.")],
    json: JsonFlag = False,
) -> None:
    """Shows what a memory file was learnt from, its ranker, and which tool follows which.

    \b
    Examples:
      toolgym memory show memory.json
      toolgym memory show memory.json --json
    """
    from toolgym.agents.memory import read_memory

    told = _told(read_memory(file))
    if json:
        print_json(told)
        return
    table = Table("environment", "split", "tasks", "cases", "solved", title=f"Learnt from (version {told['version']})")
    for source in told["learnt_from"]:
        counts = (str(len(source["tasks"])), str(source["cases"]), str(source["solved"]))
        table.add_row(escape(source["env_id"]), escape(source["split"]), *counts)
    out.print(table)
    if told["ranker"] is not None:
        weights = ", ".join(f"{name} {weight:+.2f}" for name, weight in told["ranker"]["weights"].items())
        out.print(f"Ranker of cases, from {told['ranker']['pairs']} pairs: {weights}", highlight=False)
    names = [Column(name, overflow="fold") for name in ("after", "then", "arguments mostly from")]
    edges = Table(*names[:2], "seen", "share", names[2], title="What follows what, in solved cases")
    for edge in told["edges"][:_MOST_EDGES]:
        mostly = {name: source for name, source in edge["flow"].items() if 2 * source["count"] >= edge["count"]}
        flow = "\n".join(f"{name}: {source['place']} ({source['count']})" for name, source in mostly.items())
        seen = f"{edge['count']} of {edge['total']}"
        edges.add_row(escape(edge["after"]), escape(edge["then"]), seen, f"{edge['probability']:.0%}", escape(flow))
    out.print(edges)
    if len(told["edges"]) > _MOST_EDGES:
        out.print(f"{len(told['edges']) - _MOST_EDGES} more: --json", highlight=False)


def _told(memory: "Memory") -> dict[str, Any]:
    """What is shown of a memory, as JSON."""
    from toolgym.agents.memory import ToolGraph
    from toolgym.agents.memory.graph import GraphOptions
    from toolgym.agents.memory.ranking import FEATURES

    sources = []
    for (env_id, split), tasks in memory.learnt_from.items():
        cases = [case for case in memory.cases if (case.env_id, case.split) == (env_id, split)]
        solved = sum(case.solved for case in cases)
        sources.append({"env_id": env_id, "split": split, "tasks": tasks, "cases": len(cases), "solved": solved})
    ranker = None
    if memory.ranker is not None:
        names = (*FEATURES, "intercept")
        ranker = {"pairs": memory.ranker.pairs, "weights": dict(zip(names, memory.ranker.weights, strict=True))}
    edges = [
        {
            "after": edge.after,
            "then": edge.then,
            "count": edge.count,
            "total": edge.total,
            "probability": edge.count / edge.total,
            "flow": {name: {"place": place, "count": count} for name, (place, count) in edge.flow.items()},
        }
        for edge in ToolGraph(memory, GraphOptions(similar=0)).edges()
    ]
    return {"version": memory.version, "learnt_from": sources, "ranker": ranker, "edges": edges}
