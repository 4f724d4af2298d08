"""The MCP server of a declared domain, and the command that runs it: `python -m toolgym.mcp_servers.NAME`."""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Annotated, Any, Literal, Protocol

import typer

from toolgym.domain import Size
from toolgym.errors import ConfigError, did_you_mean
from toolgym.mcp.server import ToolServer
from toolgym.world import Base

__all__ = ["BuildServer", "command", "seeded_server"]


class BuildServer(Protocol):
    """Makes a server on seeded worlds, or on a world that is there already."""

    def __call__(
        self, *, seed: int | None = None, size: Size = "small", dialect: str = "standard", base: Base | None = None
    ) -> ToolServer: ...


def seeded_server(
    name: str,
    instructions: str,
    reads: Sequence[Callable[..., Any]],
    writes: Sequence[Callable[..., Any]],
    declared: str,
) -> BuildServer:
    """What makes the server of a declared domain.

    Args:
        name: the server's name.
        instructions: what it tells a client about itself.
        reads: the tools that change nothing.
        writes: the others.
        declared: `module:NAME` of the declaration, imported when a world is first needed.
    """

    def build_server(
        *, seed: int | None = None, size: Size = "small", dialect: str = "standard", base: Base | None = None
    ) -> ToolServer:
        """A new server.

        Args:
            seed: the seed of the world of an episode that names none (0 by default). World keys are seeds.
            size: how large a seeded world is.
            dialect: `standard` is the only one.
            base: a world that is there already, instead of seeded ones.

        Raises:
            ConfigError: an unknown dialect, or both `seed` and `base`.
        """
        if dialect != "standard":
            raise ConfigError(did_you_mean(dialect, ("standard",), "dialect"))
        if base is not None and seed is not None:
            raise ConfigError("a world comes from one of seed and base")
        if base is not None:
            server = ToolServer(name, base=base, instructions=instructions)
        else:
            server = ToolServer(name, _worlds(declared, size), instructions=instructions, default_world_key=seed or 0)
        for tool in sorted((*reads, *writes), key=lambda tool: tool.__name__):
            server.tool(writes=tool in writes)(tool)
        return server

    return build_server


def _worlds(declared: str, size: Size) -> Callable[[Any], Base]:
    def build(world_key: Any) -> Base:
        from toolgym.composing.composer import worlds_of  # the composer knows servers

        module, _, attribute = declared.partition(":")
        return worlds_of(getattr(import_module(module), attribute), size, "standard")(world_key)

    return build


def command(name: str, build_server: BuildServer) -> None:
    """Runs the server from the command line, with the options that every domain's server has."""

    def serve(
        seed: Annotated[int | None, typer.Option(help="Seed of a generated world (default 0).")] = None,
        size: Annotated[Size, typer.Option(help="Size of a generated world.")] = "small",
        transport: Annotated[Literal["stdio", "http"], typer.Option(help="How clients connect.")] = "stdio",
        host: Annotated[str, typer.Option(help="Address to listen on (http).")] = "127.0.0.1",
        token: Annotated[
            str | None,
            typer.Option(help="Bearer token that clients of /mcp must send (http); needed beyond this machine."),
        ] = None,
        agent_token: Annotated[
            str | None, typer.Option(help="Bearer token that clients of /episodes/ID/mcp must send (http).")
        ] = None,
        port: Annotated[int, typer.Option(help="Port to listen on (http).", min=0, max=65535)] = 8000,
    ) -> None:
        try:
            server = build_server(seed=seed, size=size)
            server.run(transport, host=host, port=port, token=token, agent_token=agent_token)
        except ConfigError as error:
            raise typer.BadParameter(str(error)) from error

    serve.__doc__ = f"Runs the MCP server of the {name} domain, until it is interrupted."
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    program = f"python -m toolgym.mcp_servers.{name}"
    app.command(epilog=f"Examples:\n\n\b\n  {program}\n  {program} --seed 3 --size standard --transport http")(serve)
    app(prog_name=program)
