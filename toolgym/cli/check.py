"""`toolgym check`: the conformance suite on an environment."""

from contextlib import suppress
from dataclasses import asdict
from functools import partial
from typing import Annotated

import typer

from toolgym.cli.common import EnvId, JsonFlag, Seed, Settings, out, parse_settings, print_json, progress_console
from toolgym.errors import ConformanceError

__all__ = ["check"]


def check(
    env: EnvId = "ToolGym/Airline-v0",
    settings: Settings = None,
    episodes: Annotated[int, typer.Option("--episodes", "-n", min=1, help="Tasks that each check plays.")] = 20,
    only: Annotated[list[str] | None, typer.Option("--only", help="One check by name; may be repeated.")] = None,
    seed: Seed = 0,
    json: JsonFlag = False,
) -> None:
    """Checks that an environment keeps every promise: Gymnasium's, gold that solves, forks, determinism, vectors.

    Exits with 1 where a check fails. Options of the environment are `--set`'s, and files that they name may be yours.

    \b
    Examples:
      toolgym check --set size=small
      toolgym check --env ToolGym/MCP-v0 --set servers=server.py:server --set tasks=tasks.yaml
      toolgym check --only oracle --only fork --json
    """
    from toolgym.checker import CheckReport, CheckResult, check_tool_env
    from toolgym.opening import bring_env, brought, open_env

    chosen = parse_settings(settings)
    bring_env(env)
    own = brought(env)
    checked, words = (env, chosen) if own is None else (partial(own, **chosen) if chosen else own, None)
    open_env(env, **chosen).close()  # what is wrong with the options is one error, not one of every check
    results: list[CheckResult] = []

    def show(result: CheckResult) -> None:
        results.append(result)
        if not json:
            out.print(str(result), markup=False, highlight=False, soft_wrap=True)

    with progress_console.status("checking"), suppress(ConformanceError):  # its message is the report, shown below
        check_tool_env(checked, options=words, episodes=episodes, seed=seed, only=only, on_result=show)
    report = CheckReport(env, tuple(results))
    if json:
        print_json({"env": env, "passed": report.passed, "checks": [asdict(result) for result in results]})
    else:
        out.print(report.summary, markup=False, highlight=False)
    if not report.passed:
        raise typer.Exit(1)
