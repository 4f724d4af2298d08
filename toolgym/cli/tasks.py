"""`toolgym tasks`: checks a tasks file against its server, prints the schema of such files, writes tasks as rows."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from toolgym.cli.command import Command
from toolgym.cli.common import OUTPUT, JsonFlag, out, panel, print_json, progress_console
from toolgym.cli.inspect import Servers, ServersArgument, chosen_servers
from toolgym.cli.rows import rows
from toolgym.errors import TaskError

if TYPE_CHECKING:
    from toolgym.tasks.freezing import Execution

__all__ = ["app"]

_UNSEEN = (
    "no state is seen (name the reading tools that show it with --state-tool, or state_tools, a workspace or a "
    'database under "toolgym" in mcp.json)'
)

_server, _state, _output = panel("The server"), panel("The state"), panel(OUTPUT)

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _tasks() -> None:
    """Checks tasks, prints their schema, and writes them as rows for other projects' agents.

    \b
    Examples:
      toolgym tasks check tasks.yaml --servers mcp.json
      toolgym tasks schema > tasks.schema.json
      toolgym tasks rows ToolGym/Bank-v0 --output rows.jsonl
    """


app.command("rows", cls=Command)(rows)


@app.command("schema", cls=Command)
def schema() -> None:
    """Prints the JSON Schema of a tasks file, for editors and for other programs.

    \b
    Examples:
      toolgym tasks schema > tasks.schema.json
    """
    from toolgym.tasks.files import tasks_schema

    print_json(tasks_schema())


@app.command("check", cls=Command)
def check(
    file: Annotated[Path, typer.Argument(help="A tasks file: .yaml, .json or .jsonl.")],
    named: ServersArgument = None,
    servers: Servers = None,
    server: Annotated[str | None, _server(metavar="NAME", help="One server of an mcp.json (default: all).")] = None,
    state_tool: Annotated[
        list[str] | None,
        _state("--state-tool", metavar="NAME", help="A reading tool whose answer is the state; may be repeated."),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        _state(
            "--ignore", metavar="PATH", help="A path of the state that does not count (orders.*.at); may be repeated."
        ),
    ] = None,
    write: Annotated[bool, _output("--write", help="Freeze: keep what the gold chains did in the file.")] = False,
    output: Annotated[
        Path | None, _output("--output", "-o", metavar="FILE", help="Freeze into this file instead.")
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Executes every gold chain, and says what differs from what the file has frozen. Exits with 1 where a task fails.

    A task that its own chain does not solve (an assertion, a required item, a fact that its response does not tell)
    fails, with what is missing. Each chain is executed twice, more than a second apart: a state that holds the time or
    a random id differs, and no episode could reach it. Its fields are named, and can be left out (--ignore, and ignore=
    of the environment).

    \b
    Examples:
      toolgym tasks check tasks.yaml --servers mcp.json
      toolgym tasks check tasks.yaml --servers mcp.json --write
      toolgym tasks check recorded.yaml --servers mcp.json --output tasks.jsonl
      toolgym tasks check tasks.yaml --servers mcp.json --state-tool list_orders
    """
    from toolgym.checker._gold_chain import gold_misses
    from toolgym.mcp_env import McpDomain, McpOptions
    from toolgym.tasks.files import Frozen, read_tasks, write_frozen
    from toolgym.tasks.freezing import Execution, execute_twice
    from toolgym.users import listening

    tasks, _ = read_tasks(file)
    options = McpOptions(
        chosen_servers(named, servers), server=server, state_tools=tuple(state_tool or ()), ignore=tuple(ignore or ())
    )
    domain = McpDomain(options)
    session = domain.session()
    frozen: dict[str, Frozen] = {}
    report: list[dict[str, Any]] = []
    try:
        for task, execution in zip(tasks, execute_twice(tasks, session, listening), strict=True):
            if isinstance(execution, Execution) and not execution.unsteady:
                missing = gold_misses(execution, domain)
                if missing:
                    execution = TaskError(f"its own gold chain does not solve it: {missing}")
                else:
                    frozen[task.id] = execution.frozen
            report.append(_entry(task.id, execution))
    finally:
        session.close()
    if write or output is not None:
        write_frozen(file, output or file, frozen)
        told = f"Written: {output or file}, with {len(frozen)} frozen tasks"
        progress_console.print(told, highlight=False, soft_wrap=True, markup=False)
    if json:
        print_json(report)
    else:
        _print(report)
    settled = ("ok", "changed") if write or output is not None else ("ok",)
    if any(entry["status"] not in settled for entry in report):
        raise typer.Exit(1)


def _entry(task_id: str, execution: "Execution | TaskError") -> dict[str, Any]:
    """What is said of a task."""
    if isinstance(execution, TaskError):
        return {"task": task_id, "status": "failed", "detail": str(execution)}
    if execution.unsteady:
        paths = list(execution.unsteady)
        told = f"the state differs from run to run in {', '.join(paths)}; leave that out with ignore={paths}"
        return {"task": task_id, "status": "unsteady", "detail": told, "paths": paths}
    changed, seen = execution.changed, execution.frozen.diff
    records = sum(len(table) for table in (seen or {}).values())
    facts = [f"differs in {changed}" if changed else f"{len(execution.frozen.results)} calls"]
    facts.append(_UNSEEN if seen is None else f"{records} records changed")
    if execution.varying:
        facts.append(f"the results of {', '.join(execution.varying.values())} differ from run to run")
    return {"task": task_id, "status": "changed" if changed else "ok", "detail": ", ".join(facts)}


def _print(report: list[dict[str, Any]]) -> None:
    colours = {"ok": "green", "changed": "yellow", "unsteady": "red", "failed": "red"}
    for entry in report:
        colour = colours[entry["status"]]
        line = f"[{colour}]{entry['status']:<8}[/] {escape(entry['task'])}: {escape(entry['detail'])}"
        out.print(line, highlight=False, soft_wrap=True)
    good = sum(entry["status"] == "ok" for entry in report)
    out.print(f"{good} of {len(report)} tasks are as the file says", highlight=False)
