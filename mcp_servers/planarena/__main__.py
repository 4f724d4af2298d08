"""Runs the MCP server of a scenario, until it is interrupted."""

from typing import Annotated, Literal

import typer

from toolgym.domain import Size
from toolgym.errors import ConfigError
from toolgym.mcp_servers.planarena import build_server

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def serve(
    scenario: Annotated[int, typer.Argument(help="The number of the scenario.", min=0)],
    seed: Annotated[int, typer.Option(help="Seed of the world of an episode that names none.", min=0)] = 0,
    size: Annotated[Size, typer.Option(help="Size of the worlds.")] = "small",
    transport: Annotated[Literal["stdio", "http"], typer.Option(help="How clients connect.")] = "stdio",
    host: Annotated[str, typer.Option(help="Address to listen on (http).")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on (http).", min=0, max=65535)] = 8000,
    token: Annotated[
        str | None,
        typer.Option(help="Bearer token that clients of /mcp must send (http); needed to listen beyond this machine."),
    ] = None,
    agent_token: Annotated[
        str | None, typer.Option(help="Bearer token that clients of /episodes/ID/mcp must send (http).")
    ] = None,
) -> None:
    """Serves the tools of a scenario."""
    try:
        server = build_server(scenario, size, seed)
        server.run(transport, host=host, port=port, token=token, agent_token=agent_token)
    except ConfigError as error:
        raise typer.BadParameter(str(error)) from error


if __name__ == "__main__":
    app()
