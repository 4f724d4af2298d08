"""The command of a domain's MCP server: the same options for all."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from toolgym.domain import Size
from toolgym.errors import ConfigError
from toolgym.mcp_servers.common.domain_tools import DomainTools

# A backspace alone on a line keeps the lines that follow as they are.
_EXAMPLES = """Examples:

\b
A small generated world over stdio, for a client that starts its servers itself:
  python -m {module}

\b
A larger one for many clients, at http://127.0.0.1:8000/mcp:
  python -m {module} --seed 3 --size standard --transport http
"""
_PUBLIC_EXAMPLE = """
\b
The public world, as the public tools behave:
  python -m {module} --data DIR --dialect {public}
"""
_DIALECTS = {
    "standard": "standard: correct.",
    "tau_bench": "tau_bench: as the public reference, bugs included.",
    "tau2": "tau2: as the tools of tau2-bench.",
}


def command(tools: DomainTools) -> typer.Typer:
    """The command that serves a domain's tools. In `__main__.py`: `app = command(TOOLS)`, and `app()` if it is run.

    A domain without a public world has no `--data`, and one without dialects no `--dialect`.
    """
    module = f"toolgym.mcp_servers.{tools.name}"
    loads, chooses = tools.load_base is not None, len(tools.dialects) > 1
    public = next((name for name in tools.dialects if name != "standard"), "standard")
    examples = _EXAMPLES + (_PUBLIC_EXAMPLE if loads else "")
    files = " and ".join(filter(None, [", ".join(tools.files[:-1]), *tools.files[-1:]]))
    dialect_help = " ".join(_DIALECTS.get(name, f"{name}.") for name in tools.dialects)
    dialect_name = Literal[tuple(tools.dialects)]
    app = typer.Typer(add_completion=False, rich_markup_mode=None)

    def serve(
        data: Annotated[Path | None, typer.Option(help=f"Folder with {files}.", hidden=not loads)] = None,
        seed: Annotated[int | None, typer.Option(help="Seed of a generated world (default 0).")] = None,
        size: Annotated[Size, typer.Option(help="Size of a generated world.")] = "small",
        dialect: Annotated[
            dialect_name,  # pyright: ignore[reportInvalidTypeForm]
            typer.Option(help=dialect_help, hidden=not chooses),
        ] = "standard",
        transport: Annotated[Literal["stdio", "http"], typer.Option(help="How clients connect.")] = "stdio",
        host: Annotated[str, typer.Option(help="Address to listen on (http).")] = "127.0.0.1",
        token: Annotated[
            str | None,
            typer.Option(
                help="Bearer token that clients of /mcp must send (http); needed to listen beyond this machine."
            ),
        ] = None,
        agent_token: Annotated[
            str | None, typer.Option(help="Bearer token that clients of /episodes/ID/mcp must send (http).")
        ] = None,
        port: Annotated[int, typer.Option(help="Port to listen on (http).", min=0, max=65535)] = 8000,
    ) -> None:
        try:
            server = tools.server(data=data, seed=seed, size=size, dialect=dialect)
            server.run(transport, host=host, port=port, token=token, agent_token=agent_token)
        except ConfigError as error:
            raise typer.BadParameter(str(error)) from error

    described = f"Runs the {tools.owner}'s MCP server, until it is interrupted."
    app.command(help=described, epilog=examples.format(module=module, public=public))(serve)
    return app
