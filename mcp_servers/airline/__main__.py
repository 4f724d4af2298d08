"""Runs the airline's MCP server: `python -m toolgym.mcp_servers.airline --help`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from toolgym.domain import Size
from toolgym.errors import ConfigError
from toolgym.mcp_servers.airline import build_server
from toolgym.mcp_servers.airline.dialects import DialectName

# A backspace alone on a line keeps the lines that follow as they are.
EXAMPLES = """Examples:

\b
A small generated world over stdio, for a client that starts its servers itself:
  python -m toolgym.mcp_servers.airline

\b
A larger one for many clients, at http://127.0.0.1:8000/mcp:
  python -m toolgym.mcp_servers.airline --seed 3 --size standard --transport http

\b
The public world, as the public tools behave:
  python -m toolgym.mcp_servers.airline --data DIR --dialect tau_bench
"""


app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(epilog=EXAMPLES)
def serve(
    data: Annotated[
        Path | None, typer.Option(help="Folder with flights.json, reservations.json and users.json.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of a generated world (default 0).")] = None,
    size: Annotated[Size, typer.Option(help="Size of a generated world.")] = "small",
    dialect: Annotated[
        DialectName, typer.Option(help="standard: correct. tau_bench: as the public reference, bugs included.")
    ] = "standard",
    transport: Annotated[Literal["stdio", "http"], typer.Option(help="How clients connect.")] = "stdio",
    host: Annotated[str, typer.Option(help="Address to listen on (http).")] = "127.0.0.1",
    token: Annotated[
        str | None,
        typer.Option(help="Bearer token that clients of /mcp must send (http); needed to listen beyond this machine."),
    ] = None,
    agent_token: Annotated[
        str | None, typer.Option(help="Bearer token that clients of /episodes/ID/mcp must send (http).")
    ] = None,
    port: Annotated[int, typer.Option(help="Port to listen on (http).", min=0, max=65535)] = 8000,
) -> None:
    """Runs the airline's MCP server, until it is interrupted."""
    try:
        server = build_server(data=data, seed=seed, size=size, dialect=dialect)
        server.run(transport, host=host, port=port, token=token, agent_token=agent_token)
    except ConfigError as error:
        raise typer.BadParameter(str(error)) from error


if __name__ == "__main__":
    app(prog_name="python -m toolgym.mcp_servers.airline")
