"""`toolgym record`: writes tasks from what a live client calls."""

from pathlib import Path
from typing import Annotated

import typer

from toolgym.cli.common import OUTPUT, panel
from toolgym.cli.inspect import server_of
from toolgym.errors import ConfigError

__all__ = ["record"]

_server, _output = panel("The server"), panel(OUTPUT)


def record(
    output: Annotated[
        Path, _output("--output", "-o", metavar="FILE", help="The tasks file (.yaml); tasks are added to it.")
    ],
    servers: Annotated[
        str | None,
        _server("--servers", "-s", metavar="SERVERS", help="An mcp.json, a Python file, a URL or docker:IMAGE."),
    ] = None,
    server: Annotated[str | None, _server(metavar="NAME", help="One server of an mcp.json (default: all).")] = None,
    request: Annotated[str, _output(metavar="TEXT", help="What the user asks for, if it is known already.")] = "",
    command: Annotated[
        list[str] | None, typer.Argument(metavar="[-- COMMAND...]", help="The server's command, instead of --servers.")
    ] = None,
) -> None:
    """Stands between an MCP client and a server, over stdio, and writes what was called as a task.

    Put it into the client's configuration in place of the server. The file is written anew after every call. Exits with
    1 where the server leaves before the client.

    \b
    Examples:
      toolgym record --output tasks.yaml --servers mcp.json
      claude mcp add library -- \\
        toolgym record --output tasks.yaml -- python server.py
    """
    if (servers is None) == (not command):
        raise ConfigError("Say which server: --servers mcp.json, or its command after --.")
    import anyio

    from toolgym.mcp.connect import single_target
    from toolgym.mcp.connection import MemoryTarget
    from toolgym.mcp.state import StateOptions
    from toolgym.mcp_env import McpDomain, McpOptions, load_server
    from toolgym.tasks.recording import Recorder, relay, served

    target = list(command or ()) if servers is None else load_server(server_of(servers))
    recorder = Recorder(output, request)
    try:
        found = single_target(target, server)
        if found is not None:
            if not anyio.run(relay, *found, recorder):
                raise typer.Exit(1)
            return
        session = McpDomain(McpOptions(target, server=server, spares=0)).session()
        try:
            several = served(session)
            if not anyio.run(relay, MemoryTarget(lambda: several, fresh=False), StateOptions(), recorder):
                raise typer.Exit(1)
        finally:
            session.close()
    finally:
        recorder.close()
