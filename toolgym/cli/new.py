"""`toolgym new`: something to start from."""

from pathlib import Path
from typing import Annotated

import typer

from toolgym.cli.common import out

__all__ = ["app"]

app = typer.Typer(help="Starts something of your own.", no_args_is_help=True)


@app.callback()
def _new() -> None:
    """Starts something of your own."""


@app.command("server")
def new_server(
    name: Annotated[str, typer.Argument(help="The server's name: a Python identifier.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The folder (default: the name).")] = None,
) -> None:
    """Writes a server with its world, tasks, tests and Dockerfile, all of which work.

    \b
    Examples:
      toolgym new server library
      cd library && pytest
    """
    from toolgym.scaffold import new_server as write

    folder = output or Path(name)
    for path in write(name, folder):
        out.print(f"  {path}", highlight=False)
    out.print(f"Next: cd {folder} && pytest", highlight=False)
