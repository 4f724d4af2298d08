"""`toolgym plot`: the learning curves of runs, as a picture and as a table."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from toolgym.cli.common import OUTPUT, JsonFlag, out, panel, print_json, progress_console
from toolgym.errors import ConfigError

_drawn, _output = panel("What is drawn"), panel(OUTPUT)


def plot(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders of runs: what --output was.")],
    figures: Annotated[
        list[str] | None,
        _drawn(
            "--figures",
            "-f",
            metavar="NAMES",
            help="Names as in metrics.jsonl, or eval/NAME; commas between, or repeated.",
        ),
    ] = None,
    smoothing: Annotated[
        float,
        _drawn(metavar="X", min=0, max=0.999, help="How much of each step's running mean is that of the step before."),
    ] = 0.8,
    seeds: Annotated[
        bool, _drawn("--over-seeds", help="Draw runs that differ in the seed alone as one: mean and range.")
    ] = False,
    output: Annotated[
        Path | None,
        _output("--output", "-o", metavar="FILE", help="The picture (default: curves.png in the first run's folder)."),
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Draws the figures of runs beside each other, a colour a run: a smoothed line over a faint one.

    With --json it prints each figure's last, highest and lowest value, and draws only with --output.

    \b
    Examples:
      toolgym plot runs/grpo
      toolgym plot runs/grpo runs/dapo --figures solved,kl --output curves.png
      toolgym plot runs/grpo-0 runs/grpo-1 --over-seeds
      toolgym plot runs/grpo --json
    """
    from toolgym.agents.training.curves import choose, draw, over_seeds, read_runs, summary

    read = read_runs(runs)
    if seeds:
        read = over_seeds(read, list(dict.fromkeys(folder.resolve() for folder in runs)))
    chosen = choose(read, [name for given in figures or () for name in given.replace(",", " ").split()])
    path = output or (None if json else runs[0] / "curves.png")
    if path is not None:
        if path.is_dir():
            raise ConfigError(f"{str(path)!r} is a folder; --output takes a file, such as {str(path / 'curves.png')!r}")
        draw(read, chosen, path, smoothing)
    summaries = [summary(run, smoothing) for run in read]
    if json:
        print_json(summaries)
        if path is not None:
            _say_written(path, progress_console)
        return
    table = Table(title="smoothed last value (highest, at its step)", title_justify="left")
    table.add_column("run")
    for column in ("steps", *chosen):
        table.add_column(column, justify="right")
    for entry in summaries:
        cells = (_cell(entry["figures"].get(name)) for name in chosen)
        table.add_row(entry["run"], str(entry["steps"]), *cells)
    out.print(table)
    if path is not None:
        _say_written(path, out)


def _say_written(path: Path, console: Console) -> None:
    console.print(f"Written: {path}", highlight=False, soft_wrap=True, markup=False)


def _cell(figure: dict | None) -> str:
    if figure is None:
        return "-"
    return f"{figure['smoothed']:.3g} ({figure['highest']['value']:.3g}, {figure['highest']['step']})"
