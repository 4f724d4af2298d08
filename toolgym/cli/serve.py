"""`toolgym serve`: an environment's tools as an MCP server."""

from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, Literal

import gymnasium
import typer

from toolgym.cli.common import either, panel, parse_settings, progress_console
from toolgym.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from toolgym.mcp.server import ToolServer


_PEERS = {"openenv": "OpenEnv", "nemo-gym": "NeMo Gym"}
_LOCAL = ("127.0.0.1", "localhost", "::1")
_tools, _clients, _guard = panel("Which tools"), panel("How clients connect"), panel("Who may connect")


def serve(
    domain: Annotated[
        str | None,
        typer.Argument(metavar="ENV", help="A domain (airline, planarena:17) or an environment (ToolGym/Airline-v0)."),
    ] = None,
    protocol: Annotated[
        Literal["mcp", "openenv", "nemo-gym"],
        _clients(
            help="mcp: the tools. openenv: the whole environment, for OpenEnv's clients (openenv-core). nemo-gym: the "
            "same, for NeMo Gym's agents."
        ),
    ] = "mcp",
    transport: Annotated[
        Literal["stdio", "http"],
        _clients(help="stdio: one client, by its pipes; http: many. OpenEnv and NeMo Gym have http only."),
    ] = "stdio",
    host: Annotated[str, _clients(metavar="ADDRESS", help="The address to listen on (http).")] = "127.0.0.1",
    port: Annotated[int, _clients(metavar="N", help="The port to listen on (http).", min=0, max=65535)] = 8000,
    token: Annotated[
        str | None,
        _guard(metavar="TEXT", envvar="TOOLGYM_TOKEN", help="What clients of /mcp must send as a bearer token (http)."),
    ] = None,
    agent_token: Annotated[
        str | None,
        _guard(
            metavar="TEXT",
            envvar="TOOLGYM_AGENT_TOKEN",
            help="What clients of /episodes/ID/mcp must send; needs --token.",
        ),
    ] = None,
    allow_open: Annotated[bool, _guard("--allow-open", help="Listen beyond this machine without a token.")] = False,
    env: Annotated[str | None, _tools("--env", "-e", metavar="ENV", help="The same.")] = None,
    settings: Annotated[
        list[str] | None,
        _tools("--set", metavar="NAME=VALUE", help="An option of the domain's server, such as size; may be repeated."),
    ] = None,
) -> None:
    """Serves a domain's tools over MCP, until it is interrupted.

    Over HTTP a client of `/episodes/ID/mcp` acts in the episode ID; a client of `/mcp` names its episode in `_meta`,
    and can reset, fork and close episodes. With --token agents need a token of their own: --agent-token.

    \b
    Examples:
      toolgym serve airline --transport http --port 8000
      toolgym serve airline --transport http --host 0.0.0.0 --token SECRET
      toolgym serve airline --set seed=3 --set size=standard
      claude mcp add airline -- toolgym serve airline
      toolgym serve ToolGym/Airline-v0 --protocol openenv --port 8000
      toolgym serve ToolGym/Airline-v0 --protocol nemo-gym --port 8000
    """
    from toolgym.mcp.serve import serve as serve_tools

    chosen = either(domain, env, "env")
    if chosen is None:
        raise ConfigError("Serve which tools? Name a domain (toolgym serve airline) or an environment.")
    if protocol != "mcp":
        peer = _PEERS[protocol]
        if token or agent_token:
            raise ConfigError(f"{peer}'s protocol has no tokens: leave --token out, and keep the port on this machine")
        if host not in _LOCAL and not allow_open:
            raise ConfigError(
                f"{peer}'s protocol has no tokens, so whoever reaches {host}:{port} can play; say so with --allow-open"
            )
        serve_env(protocol, chosen, parse_settings(settings), host, port)
        return
    server = build(chosen, parse_settings(settings))

    def listens() -> None:
        where = f"http://{host}:{port}"
        told = f"Serving {server.name} at {where}/mcp and {where}/episodes/ID/mcp; Ctrl+C ends it."
        progress_console.print(told, soft_wrap=True)

    serve_tools(
        server,
        transport,
        host=host,
        port=port,
        token=token,
        allow_open=allow_open,
        agent_token=agent_token,
        on_listen=listens,
    )


def serve_env(
    protocol: Literal["openenv", "nemo-gym"], env_id: str, options: dict[str, Any], host: str, port: int
) -> None:
    """Serves a whole environment to another project's clients, until it is interrupted.

    Raises:
        ConfigError: the project's package is missing, no such environment, or an option that it does not have.
    """
    import uvicorn

    from toolgym.opening import bring_env

    chosen = env_id if "/" in env_id or ":" in env_id else f"ToolGym/{env_id.capitalize()}-v0"
    bring_env(chosen)
    if protocol == "openenv":
        try:
            from toolgym.adapters.openenv.serving import openenv_app
        except ImportError as error:
            raise ConfigError(f"OpenEnv's package is missing: pip install openenv-core ({error})") from error
        app = openenv_app(chosen, **options)
    else:
        from toolgym.adapters.nemo_gym import nemo_gym_app

        app = nemo_gym_app(chosen, **options)
    peer = _PEERS[protocol]
    progress_console.print(f"Serving {env_id} to {peer}'s clients at http://{host}:{port}; Ctrl+C ends it.")
    uvicorn.run(app, host=host, port=port, log_level="warning")


def build(name: str, options: dict[str, Any]) -> "ToolServer":
    """The tool server of a domain's or an environment's name.

    Raises:
        ConfigError: no such name, or an option that its server does not have.
    """
    from toolgym.registration import own_domains

    known = own_domains()
    spec = gymnasium.registry.get(name)
    domain = spec.kwargs.get("domain") if spec is not None else name.lower()
    if spec is not None and domain is None and "scenario" in options:
        domain = f"planarena:{options.pop('scenario')}"
    family, _, number = str(domain).partition(":")
    if family == "planarena":
        domain, options = family, {"scenario": number, **options}
    elif domain not in known:
        raise ConfigError(did_you_mean(name, known, "domain"))
    try:
        module = import_module(f"toolgym.mcp_servers.{domain}")
        make = module.build_server if hasattr(module, "build_server") else module.TOOLS.server
        return make(**options)
    except TypeError as error:
        raise ConfigError(f"The {domain} server cannot be made with {sorted(options)}: {error}.") from error
