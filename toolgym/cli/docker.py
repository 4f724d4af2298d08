"""`toolgym docker`: images of servers, and containers that were left behind."""

from pathlib import Path
from typing import Annotated

import typer

from toolgym.cli.command import Command
from toolgym.cli.common import JsonFlag, out, panel, print_json

_image = panel("The image")

docker = typer.Typer(no_args_is_help=True)


@docker.callback()
def _docker() -> None:
    """Servers in containers: build their images, remove what was left behind.

    \b
    Examples:
      toolgym docker build my-server
      toolgym docker reap
    """


@docker.command("build", cls=Command)
def build(
    folder: Annotated[Path, typer.Argument(help="Holds a Dockerfile; or a server.py and a requirements.txt.")],
    tag: Annotated[str | None, _image(metavar="NAME", help="The image's name (default: made of the folder's).")] = None,
    base: Annotated[
        str | None, _image(metavar="IMAGE", help="The image to build on (the Dockerfile's ARG BASE).")
    ] = None,
) -> None:
    """Builds an image of a server's folder, and prints its name.

    \b
    Examples:
      toolgym docker build my-server
      toolgym docker build my-server --tag my-server:1 --base python:3.12-slim
    """
    from toolgym.mcp.docker import build_image

    image = build_image(folder, tag=tag, base=base)
    out.print(f"Built {image}: connect to it as docker:{image}.", soft_wrap=True)


@docker.command("reap", cls=Command)
def reap(as_json: JsonFlag = False) -> None:
    """Removes the containers of processes that were killed. Every process does so before its first container.

    \b
    Examples:
      toolgym docker reap --json
    """
    from toolgym.mcp.docker import reap_containers

    removed = reap_containers()
    if as_json:
        print_json({"removed": removed})
    else:
        out.print(f"Removed {', '.join(removed)}." if removed else "Nothing was left behind.")
