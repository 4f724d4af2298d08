"""`toolgym planarena`: builds the executed corpus, tells what is in it, and replays it."""

from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from toolgym.cli.command import Command
from toolgym.cli.common import OUTPUT, JsonFlag, out, panel, print_json, progress_console

__all__ = ["app"]

_rows, _speed, _output = panel("Which rows"), panel("Speed"), panel(OUTPUT)
_SHOWN = 20

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The corpus's folder.")]
Jobs = Annotated[int, _speed("--jobs", "-j", metavar="N", min=1, help="Processes at work.")]

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _planarena() -> None:
    """The executed corpus of right and wrong trajectories: build it, look at it, replay it.

    \b
    Examples:
      toolgym planarena build --trajectories 20000 --output corpus --jobs 2
      toolgym planarena stats corpus
      toolgym planarena check corpus --jobs 2
    """


def _corpus(module: str) -> Any:
    """A module of the corpus, imported when it is asked for: the library itself knows no domain."""
    return import_module(f"toolgym.envs.planarena.corpus.{module}")


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, TimeRemainingColumn(), console=progress_console, transient=True)


@app.command("build", cls=Command)
def build(
    output: Annotated[Path, _output("--output", "-o", metavar="DIR", help="The folder; a second run goes on in it.")],
    trajectories: Annotated[
        int, _rows("--trajectories", "-n", metavar="N", min=1, help="Rows, half of them negative.")
    ] = 20_000,
    domains: Annotated[
        list[str] | None,
        _rows(
            "--domains", metavar="NAMES", help="Of these domains, commas between (default: all generated scenarios)."
        ),
    ] = None,
    seed: Annotated[int, _rows("--seed", metavar="N", min=0, help="Seeds every choice.")] = 0,
    size: Annotated[str, _rows("--size", metavar="NAME", help="Of the worlds: small, standard or large.")] = "small",
    alternatives: Annotated[
        int, _rows("--alternatives", metavar="N", min=0, help="Of each decision point, at most.")
    ] = 4,
    format: Annotated[str, _output("--format", metavar="NAME", help="parquet or jsonl.")] = "parquet",
    part_rows: Annotated[int, _output("--part-rows", metavar="N", min=2, help="Rows a file.")] = 500,
    overwrite: Annotated[
        bool, _output("--overwrite", help="Begin anew in a folder that holds another corpus.")
    ] = False,
    jobs: Jobs = 1,
    json: JsonFlag = False,
) -> None:
    """Builds the corpus: the same bytes for the same seed, however many processes work and however often it is stopped.

    Each file is written whole. After a kill or on a full disk the same command goes on where it was.

    \b
    Examples:
      toolgym planarena build --trajectories 20000 --output corpus --jobs 2
      toolgym planarena build --domains library,bank -n 1000 --output small
      toolgym planarena build --format jsonl --output lines
    """
    building = _corpus("building")
    named = [name.strip() for given in domains or () for name in given.split(",") if name.strip()]
    options = building.BuildOptions(
        output=output,
        scenarios=named or _corpus("scenarios").default_scenarios(),
        trajectories=trajectories,
        seed=seed,
        jobs=jobs,
        format=format,
        size=size,
        alternatives=alternatives,
        part_rows=part_rows,
        overwrite=overwrite,
    )
    progress = _bar()
    bar = progress.add_task("Building", total=None)

    def goes_on(done: int, total: int) -> None:
        progress.start()  # not before: an error in an option stands alone
        progress.update(bar, completed=done, total=total)

    try:
        figures = building.build(options, goes_on)
    finally:
        if progress.live.is_started:
            progress.stop()
    _show(options.manifest(), figures, json, brief=True)
    progress_console.print(f"Written: {output}", highlight=False, soft_wrap=True, markup=False)


@app.command("stats", cls=Command)
def stats(
    folder: Folder,
    plot: Annotated[
        Path | None, _output("--plot", metavar="FILE", help="Draw them into this picture (.png, .svg, .pdf).")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Prints what the paper states of its data set and what it leaves out: lengths, composition, errors, alternatives.

    \b
    Examples:
      toolgym planarena stats corpus
      toolgym planarena stats corpus --plot corpus.png
      toolgym planarena stats corpus --json
    """
    manifest = _corpus("format").read_manifest(folder)
    figures = _corpus("building").figures_of(folder, manifest)
    if plot is not None:
        _corpus("report").draw(figures, plot)
    _show(manifest, figures, json)
    if plot is not None:
        progress_console.print(f"Written: {plot}", highlight=False, soft_wrap=True, markup=False)


@app.command("check", cls=Command)
def check(folder: Folder, jobs: Jobs = 1, json: JsonFlag = False) -> None:
    """Replays every row in its environment, and compares results, changes, labels and alternatives.

    Exits with 1 where a row differs or a file is missing or damaged, and says which.

    \b
    Examples:
      toolgym planarena check corpus
      toolgym planarena check corpus --jobs 2 --json
    """
    progress = _bar()
    bar = progress.add_task("Replaying", total=None)

    def goes_on(done: int, total: int) -> None:
        progress.start()
        progress.update(bar, completed=done, total=total)

    try:
        report = _corpus("checking").check_corpus(folder, jobs, goes_on)
    finally:
        if progress.live.is_started:
            progress.stop()
    found = [{"file": each.file, "row": each.row, "what": each.what} for each in report.differences]
    if json:
        print_json({"rows": report.rows, "files": report.files, "passed": report.passed, "differences": found})
    else:
        for each in found[:_SHOWN]:
            where = f"{each['file']} {each['row']}".rstrip()
            out.print(f"[red]{escape(where)}[/]: {escape(each['what'])}", highlight=False, soft_wrap=True)
        if len(found) > _SHOWN:
            out.print(f"... and {len(found) - _SHOWN} more (--json lists all)", highlight=False)
        told = "all as they say" if report.passed else f"{len(found)} differences"
        out.print(f"{report.rows:,} rows of {report.files} files replayed: {told}", highlight=False)
    if not report.passed:
        raise typer.Exit(1)


def _show(manifest: Any, figures: Any, json: bool, *, brief: bool = False) -> None:
    report = _corpus("report")
    if json:
        print_json(report.to_json(manifest, figures))
    elif brief:
        out.print(report.overview(manifest, figures))
    else:
        out.print(report.report_tables(manifest, figures))
