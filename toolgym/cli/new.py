"""`toolgym new`: something to start from."""

from pathlib import Path
from typing import Annotated

import typer

from toolgym.cli.command import Command
from toolgym.cli.common import OUTPUT, out, panel

__all__ = ["app"]

_output = panel(OUTPUT)

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _new() -> None:
    """Starts something of your own.

    \b
    Examples:
      toolgym new server library
    """


@app.command("server", cls=Command)
def new_server(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The server's name: a Python identifier.")],
    output: Annotated[
        Path | None, _output("--output", "-o", metavar="FOLDER", help="The folder (default: the name).")
    ] = None,
) -> None:
    """Writes a server with its world, tasks, tests and Dockerfile, all of which work.

    \b
    Examples:
      toolgym new server library
      toolgym new server library --output servers/library
      cd library && pytest
    """
    from toolgym.scaffold import new_server as write

    folder = output or Path(name)
    for path in write(name, folder):
        out.print(f"  {path}", highlight=False)
    out.print(f"Next: cd {folder} && pytest", highlight=False)
