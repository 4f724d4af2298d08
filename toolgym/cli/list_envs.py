"""`toolgym list`: the environments there are."""

from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import gymnasium
import typer
from rich.markup import escape
from rich.table import Table

from toolgym.cli.common import EPISODES, JsonFlag, Settings, either, out, panel, parse_settings, print_json
from toolgym.errors import ConfigError

if TYPE_CHECKING:
    from toolgym.env import ToolEnv
    from toolgym.plugins import Plugin

_envs = panel(EPISODES)
_SPLITS = ("train", "validation", "test", "test_unseen")
_DEPTHS = range(1, 8)
"""How many atomic tasks the tasks of ToolGym's own domains are composed of."""
_ALL, _ARENA = "ToolGym/All-v0", "ToolGym/PlanArena-v0"


def describe(env_id: str, settings: dict[str, Any]) -> dict[str, Any]:
    """What `list` says of an environment; `error` where it cannot be made without options of its own.

    `package` is that of a plug-in's environment, whatever goes wrong in which is its `error`.
    """
    from toolgym.registration import plugin_domains

    spec = gymnasium.registry.get(env_id)
    domain = spec.kwargs.get("domain") if spec is not None else None
    plugin = plugin_domains().get(domain) if isinstance(domain, str) else None
    if plugin is None:
        return _described(env_id, settings)
    try:
        return {**_described(env_id, settings), "package": plugin.package}
    except Exception as error:  # somebody's code, which must not hide the other environments
        said = plugin.error(f"raised {type(error).__name__}: {error}")
        return {"id": env_id, "error": str(said), "package": plugin.package}


def _described(env_id: str, settings: dict[str, Any]) -> dict[str, Any]:
    from toolgym.opening import open_env

    try:
        env = open_env(env_id, **settings)
    except (ConfigError, TypeError) as error:
        return {"id": env_id, "error": str(error)}
    try:
        return {
            "id": env_id,
            "domain": env.domain.name,
            "title": getattr(env.domain, "title", ""),
            "tools": [
                {"name": tool.name, "writes": tool.writes, "description": tool.description} for tool in env.tools
            ],
            "tasks": {split: _count(env, split) for split in _SPLITS},
            "depths": list(getattr(env.domain, "depths", ())),
            "max_turns": env.options.max_turns,
            "max_calls": env.options.max_calls,
        }
    finally:
        env.close()


def _count(env: "ToolEnv", split: Any) -> int:
    try:
        return len(env.domain.tasks(split))
    except ConfigError:  # none of a domain of several
        return 0


def outlines(ids: list[str]) -> list[dict[str, Any]]:
    """What the table says of each environment. Of ToolGym's own domains it is told without making one.

    `tools` is their number. An environment of one's own is made, as `describe` makes it.
    """
    from toolgym.composing.making import TASKS_OF
    from toolgym.options import EnvOptions
    from toolgym.registration import declaration_of, own_domains

    own: dict[str, dict[str, Any]] = {}
    names: set[str] = set()
    limits = {"max_turns": EnvOptions.max_turns, "max_calls": EnvOptions.max_calls}
    for name in own_domains():
        declaration, tools = declaration_of(name), import_module(f"toolgym.mcp_servers.{name}").TOOLS
        own[name] = {
            "domain": name,
            "title": declaration.title if declaration is not None else name.capitalize(),
            "tools": len(tools.tools()),
            "tasks": dict(TASKS_OF),
            "depths": list(_DEPTHS),
            **limits,
        }
        names.update(tool.__name__ for tool in tools.tools())
    found: list[dict[str, Any]] = []
    for env_id in ids:
        kwargs = gymnasium.spec(env_id).kwargs
        domain = kwargs.get("domain")
        if isinstance(domain, str) and domain in own:
            found.append({"id": env_id, **own[domain], **{name: kwargs.get(name, limits[name]) for name in limits}})
        elif env_id == _ALL:
            found.append({"id": env_id, **_together(list(own.values()), len(names)), **limits})
        elif env_id == _ARENA:
            found.append({"id": env_id, **_scenarios(), **limits})
        else:
            made = describe(env_id, {})
            found.append({**made, "tools": len(made["tools"])} if "tools" in made else made)
    return found


def _together(entries: list[dict[str, Any]], tools: int) -> dict[str, Any]:
    """The outline of the environment of all domains."""
    return {
        "domain": "all",
        "title": "All domains",
        "tools": tools,
        "tasks": {split: sum(entry["tasks"][split] for entry in entries) for split in _SPLITS},
        "depths": list(_DEPTHS),
    }


def _scenarios() -> dict[str, Any]:
    """The outline of the environment of generated scenarios, none of which is made for it."""
    from toolgym.envs.planarena.numbers import TASKS, scenarios_of

    return {
        "domain": "planarena",
        "title": "Scenarios",
        "tools": "4-12",
        "tasks": {split: TASKS * scenarios_of(split) for split in _SPLITS},
        "depths": list(_DEPTHS),
    }


def list_envs(
    env: Annotated[
        str | None, typer.Argument(metavar="ENV", help="One environment: its tools are described too.")
    ] = None,
    option: Annotated[str | None, _envs("--env", "-e", metavar="ENV", help="The same.")] = None,
    settings: Settings = None,
    json: JsonFlag = False,
) -> None:
    """Lists the environments: domain, tools, tasks of each split and how deep they are, horizon.

    \b
    Examples:
      toolgym list
      toolgym list ToolGym/Airline-v0 --set size=small
      toolgym list --json | jq '.[].tasks'
    """
    from toolgym.opening import bring_env, open_env
    from toolgym.registration import env_ids

    chosen, env = parse_settings(settings), either(env, option, "env")
    if env is not None:
        bring_env(env)
        open_env(env, **chosen).close()  # an unknown id is an error here, not a line in a table
    if env is None and not json and not chosen:
        out.print(env_table(outlines(env_ids())))
        brought = _plugins()
        if brought:
            out.print(plugin_table(brought))
        return
    found = [describe(env_id, chosen) for env_id in ([env] if env is not None else env_ids())]
    if json:
        print_json(found)
        return
    counted = [{**entry, "tools": len(entry["tools"])} if "tools" in entry else entry for entry in found]
    out.print(env_table(counted) if env is None else details_table(counted[0]))
    if env is not None and "tools" in found[0]:
        out.print(tool_table(found[0]["tools"]))


def env_table(found: list[dict[str, Any]]) -> Table:
    """The environments as `outlines` gives them, a line each; no cell is broken at 80 columns."""
    caption = "toolgym list ENV tells its splits, limits and tools"
    table = Table(title="environments", title_justify="left", caption=caption, caption_justify="left")
    for column in ("environment", "about", "tools", "train", "test", "depth"):
        table.add_column(column, justify="left" if column in ("environment", "about") else "right", no_wrap=True)
    for entry in found:
        if "error" in entry:
            table.add_row(entry["id"], _lack(entry))
            continue
        depths = f"{entry['depths'][0]}-{entry['depths'][-1]}" if entry["depths"] else ""
        counts = (_short(entry["tasks"][split]) for split in ("train", "test"))
        cells = (entry["id"], entry["title"] or entry["domain"], str(entry["tools"]), *counts, depths)
        table.add_row(*map(escape, cells))
    return table


def _short(count: int) -> str:
    """A number that fits its column."""
    return f"{count / 1e6:.2f}M" if count >= 1e6 else f"{count:,}"


def _lack(entry: dict[str, Any]) -> str:
    """What an environment that cannot be made needs."""
    if "package" in entry:
        return "plug-in fails"
    return "needs data" if "toolgym data get" in entry["error"] else "needs options"


def _plugins() -> list["Plugin"]:
    from toolgym.agents.training.registry import plugin_algorithms
    from toolgym.registration import plugin_domains
    from toolgym.rewards.presets import plugin_rewards

    return [plugin for found in (plugin_domains(), plugin_rewards(), plugin_algorithms()) for plugin in found.values()]


def plugin_table(found: list["Plugin"]) -> Table:
    """The plug-ins, those that cannot be used with the reason."""
    from toolgym.tasks.linting import visible

    table = Table(title="plug-ins", title_justify="left")
    for column in ("name", "brings", "package", "cannot be used"):
        if column != "cannot be used" or any(plugin.problem for plugin in found):
            table.add_column(column, overflow="fold")
    for plugin in found:
        cells = (plugin.name, plugin.kind, plugin.package, plugin.problem)
        table.add_row(*(escape(visible(text)) for text in cells[: len(table.columns)]))
    return table


def details_table(entry: dict[str, Any]) -> Table:
    """All that `outlines` gives of one environment."""
    table = Table(title=escape(entry["id"]), title_justify="left", show_header=False)
    if "error" in entry:
        table.add_row(_lack(entry), escape(entry["error"]))
        return table
    depths = entry["depths"]
    for name, value in (
        ("domain", entry["domain"]),
        ("about", entry["title"]),
        ("package", entry.get("package", "")),
        ("tools", str(entry["tools"])),
        ("tasks", "\n".join(f"{count:>7,} {split}" for split, count in entry["tasks"].items())),
        ("depth", f"{depths[0]} to {depths[-1]}" if depths else ""),
        ("at most", f"{entry['max_turns']} turns, {entry['max_calls']} calls"),
    ):
        if value:
            table.add_row(name, escape(value))
    return table


def tool_table(tools: list[dict[str, Any]]) -> Table:
    """The tools with what they do."""
    from toolgym.tasks.linting import visible

    table = Table(title="tools", title_justify="left")
    for column in ("name", "writes", "what it does"):
        table.add_column(column, no_wrap=column == "name")
    for tool in tools:
        writes = {True: "yes", False: "", None: "?"}[tool["writes"]]
        table.add_row(*(escape(visible(text)) for text in (tool["name"], writes, tool["description"])))
    return table
