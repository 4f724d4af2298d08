"""`toolgym inspect`: what a server offers, and what makes it hard for a model."""

from collections import Counter
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from toolgym.cli.common import JsonFlag, either, out, panel, print_json
from toolgym.errors import ConfigError, did_you_mean

__all__ = ["Servers", "ServersArgument", "chosen_servers", "inspect", "server_of"]

_server, _shown = panel("The server"), panel("What is shown")

ServersArgument = Annotated[str | None, typer.Argument(metavar="SERVERS", help="The servers, as --servers names them.")]
Servers = Annotated[
    str | None,
    _server(
        "--servers",
        "-s",
        metavar="SERVERS",
        help='An mcp.json, a Python file, FILE.py:NAME, a URL, docker:IMAGE, or a command as JSON: ["npx", "x"].',
    ),
]
_COLOURS = {"error": "red", "warning": "yellow", "hint": "dim"}


def inspect(
    named: ServersArgument = None,
    servers: Servers = None,
    server: Annotated[str | None, _server(metavar="NAME", help="One server of an mcp.json (default: all).")] = None,
    tool: Annotated[str | None, _shown(metavar="NAME", help="Show this tool's schema.")] = None,
    token: Annotated[
        str | None, _server(metavar="TEXT", envvar="TOOLGYM_TOKEN", help="A bearer token for a URL.")
    ] = None,
    start_timeout: Annotated[
        float, _server(metavar="X", min=0.1, help="Seconds that the server may take to start.")
    ] = 60.0,
    json: JsonFlag = False,
) -> None:
    """Lists a server's tools, and what in them makes it hard for a model.

    Names, descriptions and schemas are shown as data: control characters are spelled out, nothing is interpreted.

    \b
    Examples:
      toolgym inspect --servers mcp.json
      toolgym inspect server.py --tool order
      toolgym inspect --servers https://example.org/mcp --json
    """
    import orjson

    from toolgym import _json
    from toolgym.tasks.linting import visible

    found = _report(chosen_servers(named, servers), server, token, start_timeout)
    names = [entry["name"] for entry in found["tools"]]
    if tool is not None and tool not in names:
        raise ConfigError(did_you_mean(tool, names, "tool"))
    if json:
        print_json(found)
        return
    table = Table(title=f"{len(found['tools'])} tools, forked by {found['fork']}", title_justify="left")
    for column in ("name", "writes", "parameters", "what it does"):
        table.add_column(column, overflow="fold")
    for entry in found["tools"]:
        parameters = ", ".join(entry["input_schema"].get("properties") or {})
        writes = {True: "yes", False: "", None: "?"}[entry["writes"]]
        table.add_row(*(escape(visible(text)) for text in (entry["name"], writes, parameters, entry["description"])))
    out.print(table)
    for entry in found["tools"]:
        if entry["name"] == tool:
            out.print(escape(visible(_json.dumps(entry["input_schema"], orjson.OPT_INDENT_2).decode())))
    for finding in found["findings"]:
        colour = _COLOURS[finding["severity"]]
        where = f"{finding['tool']}: " if finding["tool"] else ""
        out.print(
            f"[{colour}]{finding['severity']:<8}[/] {escape(visible(where + finding['message']))}", highlight=False
        )
    counts = Counter(finding["severity"] for finding in found["findings"])
    out.print(f"{counts['error']} errors, {counts['warning']} warnings, {counts['hint']} hints", highlight=False)


def _report(servers: Any, server: str | None, token: str | None, start_timeout: float) -> dict[str, Any]:
    from toolgym.mcp_env import McpDomain, McpOptions
    from toolgym.tasks.linting import lint

    options = McpOptions(servers, server=server, token=token, start_timeout_s=start_timeout, spares=0, name="inspected")
    session = McpDomain(options).session()
    try:
        listed = session.listed_tools
        return {
            "fork": session.fork_kind,
            "tools": [
                {
                    "name": spec.name,
                    "description": spec.description,
                    "writes": spec.writes,
                    "input_schema": spec.input_schema,
                    "output_schema": spec.output_schema,
                }
                for spec in session.tools
            ],
            "findings": [
                {"rule": f.rule, "severity": f.severity, "tool": f.tool, "message": f.message} for f in lint(listed)
            ],
        }
    finally:
        session.close()


def chosen_servers(argument: str | None, option: str | None) -> Any:
    """The servers that a command line names, as an argument or by --servers.

    Raises:
        ConfigError: it names none, or two.
    """
    given = either(argument, option, "servers")
    if given is None:
        raise ConfigError("Which servers? Give --servers mcp.json, or mcp.json alone.")
    return server_of(given)


def server_of(text: str) -> Any:
    """A server as a command line names it: a JSON list is a command, a JSON object the content of an mcp.json."""
    from toolgym.options import parse_value

    value = parse_value(text)
    return value if isinstance(value, list | dict) else text
