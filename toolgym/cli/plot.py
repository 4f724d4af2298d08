"""`toolgym plot`: the learning curves of runs, or what evaluations cost, as a picture and as a table."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from toolgym.cli.common import OUTPUT, JsonFlag, out, panel, print_json, progress_console
from toolgym.errors import ConfigError

_drawn, _output = panel("What is drawn"), panel(OUTPUT)


def plot(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...", help="Folders of runs, or files of evaluations: what --output was of train, or of eval."
        ),
    ],
    figures: Annotated[
        list[str] | None,
        _drawn(
            "--figures",
            "-f",
            metavar="NAMES",
            help="Names as in metrics.jsonl, or eval/NAME; of evaluations tokens, calls, seconds. Commas between, or "
            "repeated.",
        ),
    ] = None,
    smoothing: Annotated[
        float | None,
        _drawn(
            metavar="X",
            min=0,
            max=0.999,
            help="How much of each step's running mean is that of the step before (default: 0.8).",
        ),
    ] = None,
    seeds: Annotated[
        bool, _drawn("--over-seeds", help="Draw runs that differ in the seed alone as one: mean and range.")
    ] = False,
    output: Annotated[
        Path | None,
        _output(
            "--output",
            "-o",
            metavar="FILE",
            help="The picture (default: curves.png in the first run's folder, costs.png beside the first evaluation).",
        ),
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Draws the figures of runs beside each other, a colour a run: a smoothed line over a faint one. Of evaluations it
    draws the pass rate against tokens, tool calls and seconds an episode, with 95% intervals and the Pareto front.

    With --json it prints each figure's last, highest and lowest value (each evaluation's means and intervals), and
    draws only with --output.

    \b
    Examples:
      toolgym plot runs/grpo
      toolgym plot runs/grpo runs/dapo --figures solved,kl --output curves.png
      toolgym plot runs/grpo-0 runs/grpo-1 --over-seeds
      toolgym plot greedy.jsonl best-of-8.jsonl mcts.jsonl
      toolgym plot runs/grpo --json
    """
    chosen = [name for given in figures or () for name in given.replace(",", " ").split()]
    files = [path for path in runs if path.is_file()]
    if not files:
        _plot_runs(runs, chosen, 0.8 if smoothing is None else smoothing, seeds, output, json)
        return
    if len(files) < len(runs):
        other = next(path for path in runs if path not in files)
        raise ConfigError(
            f"{str(other)!r} is no file and {str(files[0])!r} is one: runs and evaluations are drawn apart"
        )
    if smoothing is not None or seeds:
        raise ConfigError(
            f"{'--over-seeds' if seeds else '--smoothing'} is of runs; {str(files[0])!r} is an evaluation"
        )
    _plot_costs(files, chosen, output, json)


def _plot_runs(
    runs: Sequence[Path], figures: Sequence[str], smoothing: float, seeds: bool, output: Path | None, json: bool
) -> None:
    from toolgym.agents.training.curves import choose, draw, over_seeds, read_runs, summary

    read = read_runs(runs)
    if seeds:
        read = over_seeds(read, list(dict.fromkeys(folder.resolve() for folder in runs)))
    chosen = choose(read, figures)
    path = _picture(output, None if json else runs[0] / "curves.png")
    if path is not None:
        draw(read, chosen, path, smoothing)
    summaries = [summary(run, smoothing) for run in read]
    if json:
        _print_json(summaries, path)
        return
    table = Table(title="smoothed last value (highest, at its step)", title_justify="left")
    table.add_column("run")
    for column in ("steps", *chosen):
        table.add_column(column, justify="right")
    for entry in summaries:
        cells = (_cell(entry["figures"].get(name)) for name in chosen)
        table.add_row(escape(entry["run"]), str(entry["steps"]), *cells)
    out.print(table)
    if path is not None:
        _say_written(path, out)


def _plot_costs(files: Sequence[Path], figures: Sequence[str], output: Path | None, json: bool) -> None:
    from toolgym.agents.evaluation.costs import choose_costs, cost_table, draw_costs, read_evaluations, to_json

    read = read_evaluations(files)
    chosen = choose_costs(read, figures)
    path = _picture(output, None if json else files[0].with_name("costs.png"))
    if path is not None:
        draw_costs(read, chosen, path)
    if len({each.tasks for each in read}) > 1:
        progress_console.print(
            "[yellow]Warning:[/] the evaluations are of different tasks, so that their pass rates do not compare: give "
            "each the same --env, --split, --episodes and --seed",
            soft_wrap=True,
            highlight=False,
        )
    if json:
        _print_json(to_json(read), path)
        return
    out.print(cost_table(read, chosen))
    if path is not None:
        _say_written(path, out)


def _picture(output: Path | None, default: Path | None) -> Path | None:
    """Where the picture goes, if one is drawn.

    Raises:
        ConfigError: it is a folder.
    """
    path = output or default
    if path is not None and path.is_dir():
        raise ConfigError(f"{str(path)!r} is a folder; --output takes a file, such as {str(path / 'curves.png')!r}")
    return path


def _print_json(value: Any, path: Path | None) -> None:
    print_json(value)
    if path is not None:
        _say_written(path, progress_console)


def _say_written(path: Path, console: Console) -> None:
    console.print(f"Written: {path}", highlight=False, soft_wrap=True, markup=False)


def _cell(figure: dict | None) -> str:
    if figure is None:
        return "-"
    return f"{figure['smoothed']:.3g} ({figure['highest']['value']:.3g}, {figure['highest']['step']})"
