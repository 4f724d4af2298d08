"""`toolgym new`: something to start from."""

import shlex
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


@app.command("domain", cls=Command)
def new_domain(
    name: Annotated[str, typer.Argument(help="The domain's name: a word in small letters.")],
    output: Annotated[Path | None, _output("--output", "-o", help="The folder (default: the name).")] = None,
) -> None:
    """Writes a domain of your own: tables, tools, rules and words in one file, of which tasks are made; and its test.

    \b
    Examples:
      toolgym new domain rental
      toolgym new domain rental --output domains/rental
      cd rental && toolgym check --env rental.py:RENTAL
    """
    from toolgym.scaffold import new_domain as write

    folder = output or Path(name)
    for path in write(name, folder):
        out.print(f"  {path}", highlight=False)
    own = f"{name}.py:{name.upper()}"
    for number, command in enumerate(
        (
            f"cd {shlex.quote(str(folder))}",
            "pytest",
            f"toolgym check --env {own} --set size=small",
            f"toolgym describe {own}",
            f"toolgym eval --env {own} --agent oracle --set size=small",
        )
    ):
        out.print(f"{'      ' if number else 'Next: '}{command}", highlight=False, soft_wrap=True)
