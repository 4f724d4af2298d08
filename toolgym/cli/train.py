"""`toolgym train`: an algorithm by name; everything else on the command line is the algorithm's."""

import shutil
import textwrap
from typing import Annotated

import typer

from toolgym.errors import ConfigError


def train(
    context: typer.Context,
    algo: Annotated[
        str | None,
        typer.Option("--algo", help="The algorithm's name; FILE.py:MAIN or module:MAIN for one of your own."),
    ] = None,
    help: Annotated[
        bool, typer.Option("--help", help="Show this message, or the algorithm's own with --algo.")
    ] = False,
) -> None:
    """Trains an agent. Options beside --algo are the algorithm's: `toolgym train --algo grpo --help` lists them.

    \b
    Examples:
      toolgym train --algo grpo --steps 50 --output runs/grpo
      toolgym train --algo sft --help
      toolgym train --algo grpo --reward my_reward.py:brief --output runs/brief
    """
    from toolgym.agents.training import registry

    if algo is None:
        typer.echo(context.get_help())
        names = f"Algorithms: {', '.join([*registry.algorithms(), *registry.plugin_algorithms()])}"
        typer.echo(textwrap.fill(names, shutil.get_terminal_size().columns, subsequent_indent="  "))
        if not help:
            raise ConfigError("Which algorithm? Name one with --algo.")
        return
    raise typer.Exit(registry.main(algo, [*context.args, *(["--help"] if help else [])]))
