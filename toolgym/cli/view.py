"""`toolgym view`: runs and episodes in the browser."""

import threading
import webbrowser
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from toolgym.cli.common import OUTPUT, Settings, out, panel, parse_settings, progress_console
from toolgym.errors import ConfigError

_page, _output = panel("The page"), panel(OUTPUT)


def view(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PATH",
            help="Files of episodes, folders of runs, benchmarks or corpora, reports, logs of Inspect's, or "
            "folders that hold some (default: runs/, or else this folder).",
        ),
    ] = None,
    port: Annotated[int, _page("--port", "-p", metavar="N", min=0, max=65535, help="0: a free one.")] = 0,
    browser: Annotated[bool, _page("--browser/--no-browser", help="Whether the page is opened at once.")] = True,
    env: Annotated[
        str | None,
        _page("--env", "-e", metavar="ENV", help="The episodes' environment, where not the one that they name."),
    ] = None,
    settings: Settings = None,
    cache: Annotated[
        Path | None, _page("--cache", metavar="DIR", help="Where indexes are kept (default: the user's cache folder).")
    ] = None,
    export: Annotated[
        Path | None,
        _output("--export", metavar="DIR", help="Write the pages as files that any static host serves, and end."),
    ] = None,
    limit: Annotated[
        int, _output("--limit", metavar="N", min=1, help="With --export: episodes of each run, the first ones.")
    ] = 1000,
    explain: Annotated[
        bool,
        _output("--explain", help="With --export: also what tells the gold chain (checklists, the state, credit)."),
    ] = False,
    overwrite: Annotated[
        bool, _output("--overwrite", help="With --export: in the place of an earlier export.")
    ] = False,
) -> None:
    """Shows runs and episodes in the browser: figures and curves, runs side by side, episodes step by step, tokens.

    It reads only what is under the paths, also while it grows, and changes nothing there; what it serves is for this
    machine's browser alone. Ctrl-C ends it.

    \b
    Examples:
      toolgym eval --agent random --episodes 50 --output runs/random.jsonl
      toolgym view runs
      toolgym view runs/base.jsonl runs/trained.jsonl --set size=small
      toolgym view runs --no-browser --port 8900
      toolgym view runs --export site
    """
    from toolgym.opening import bring_env
    from toolgym.view.explaining import Explainer
    from toolgym.view.library import Library
    from toolgym.view.server import Viewer

    options = parse_settings(settings)
    if env is not None:
        bring_env(env)
    if paths is None or not paths:
        paths = [Path("runs") if Path("runs").is_dir() else Path()]
    library, explainer = Library(paths, cache), Explainer(env, options)
    if export is not None:
        from toolgym.view.exporting import export as write

        made = write(library, export, limit=limit, explainer=explainer if explain else None, overwrite=overwrite)
        out.print(f"Written: {escape(str(made))}", highlight=False, soft_wrap=True)
        return
    if overwrite or explain:
        raise ConfigError("--overwrite and --explain are of --export, which was not given")
    viewer = Viewer(library, explainer, port)
    out.print(f"[bold]{viewer.address}[/]", highlight=False, soft_wrap=True)
    found = len(library.sources)
    progress_console.print(f"{found or 'No'} run{'' if found == 1 else 's'} found. Ctrl-C ends it.", highlight=False)
    if browser:
        # In a thread: one that shows text in this terminal comes back only when it ends.
        threading.Thread(target=webbrowser.open, args=(viewer.address,), daemon=True).start()
    with suppress(KeyboardInterrupt):
        viewer.serve()
