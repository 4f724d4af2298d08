"""`toolgym list`: the environments there are."""

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from toolgym.cli.common import EPISODES, JsonFlag, Settings, either, out, panel, parse_settings, print_json
from toolgym.errors import ConfigError

_envs = panel(EPISODES)
_SPLITS = ("train", "validation", "test", "test_unseen")


def describe(env_id: str, settings: dict[str, Any]) -> dict[str, Any]:
    """What `list` says of an environment; `error` where it cannot be made without options of its own."""
    from toolgym.opening import open_env

    try:
        env = open_env(env_id, **settings)
    except (ConfigError, TypeError) as error:
        return {"id": env_id, "error": str(error)}
    try:
        return {
            "id": env_id,
            "domain": env.domain.name,
            "tools": [
                {"name": tool.name, "writes": tool.writes, "description": tool.description} for tool in env.tools
            ],
            "tasks": {split: len(env.domain.tasks(split)) for split in _SPLITS},
            "max_turns": env.options.max_turns,
            "max_calls": env.options.max_calls,
        }
    finally:
        env.close()


def list_envs(
    env: Annotated[
        str | None, typer.Argument(metavar="ENV", help="One environment: its tools are described too.")
    ] = None,
    option: Annotated[str | None, _envs("--env", "-e", metavar="ENV", help="The same.")] = None,
    settings: Settings = None,
    json: JsonFlag = False,
) -> None:
    """Lists the environments: domain, tools, tasks of each split, horizon.

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
    found = [describe(env_id, chosen) for env_id in ([env] if env is not None else env_ids())]
    if json:
        print_json(found)
        return
    out.print(env_table(found))
    if env is not None and "tools" in found[0]:
        out.print(tool_table(found[0]["tools"]))


def env_table(found: list[dict[str, Any]]) -> Table:
    """The environments as `describe` gives them; no cell is broken at 80 columns."""
    table = Table(title="environments", title_justify="left")
    for column in ("id", "domain", "tools", "tasks", "at most"):
        table.add_column(column, justify="right" if column == "tools" else "left", no_wrap=column != "domain")
    for entry in found:
        if "error" in entry:
            table.add_row(entry["id"], "", "", "needs options")
            continue
        tasks = "\n".join(f"{count:>6,} {split}" for split, count in entry["tasks"].items())
        limits = f"{entry['max_turns']:>3} turns\n{entry['max_calls']:>3} calls"
        table.add_row(entry["id"], entry["domain"], str(len(entry["tools"])), tasks, limits)
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
