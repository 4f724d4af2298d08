"""Runs API-Bank's MCP server: `python -m toolgym.mcp_servers.api_bank --data api-bank`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from toolgym.errors import ConfigError
from toolgym.mcp_servers.api_bank import build_server

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def serve(
    data: Annotated[Path, typer.Option(help="A copy of API-Bank's folder api-bank, or its init_database.")],
    transport: Annotated[Literal["stdio", "http"], typer.Option(help="How clients connect.")] = "stdio",
    host: Annotated[str, typer.Option(help="Address to listen on (http).")] = "127.0.0.1",
    token: Annotated[
        str | None, typer.Option(help="Bearer token that clients must send (http); needed beyond this machine.")
    ] = None,
    port: Annotated[int, typer.Option(help="Port to listen on (http).", min=0, max=65535)] = 8000,
) -> None:
    """Runs the tools of API-Bank's levels 1 and 2, until it is interrupted."""
    try:
        build_server(data=data).run(transport, host=host, port=port, token=token)
    except ConfigError as error:
        raise typer.BadParameter(str(error)) from error


if __name__ == "__main__":
    app()
