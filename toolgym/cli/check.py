"""`toolgym check`: the conformance suite on an environment."""

from contextlib import closing, suppress
from dataclasses import asdict
from functools import partial
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from toolgym.cli.common import (
    DEFAULT_ENV,
    EPISODES,
    EnvArgument,
    EnvId,
    JsonFlag,
    Seed,
    Settings,
    Split,
    Task,
    either,
    out,
    panel,
    parse_settings,
    print_json,
    progress_console,
)
from toolgym.errors import ConformanceError

__all__ = ["check"]

_episodes, _checks = panel(EPISODES), panel("Which checks")


def check(
    named: EnvArgument = None,
    env: EnvId = None,
    split: Split = "train",
    task: Task = None,
    settings: Settings = None,
    episodes: Annotated[
        int, _episodes("--episodes", "-n", metavar="N", min=1, help="Tasks that each check plays.")
    ] = 20,
    only: Annotated[
        list[str] | None, _checks("--only", metavar="NAME", help="One check by name; may be repeated.")
    ] = None,
    seed: Seed = 0,
    json: JsonFlag = False,
) -> None:
    """Checks that an environment keeps every promise: Gymnasium's, gold that solves, forks, determinism, vectors.

    Exits with 1 where a check fails. Options of the environment are `--set`'s, and files that they name may be yours.

    \b
    Examples:
      toolgym check ToolGym/Retail-v0 --set size=small
      toolgym check --env ToolGym/MCP-v0 \\
        --set servers=server.py:server --set tasks=tasks.yaml
      toolgym check --only oracle --only fork --json
    """
    from toolgym.checker import CheckReport, CheckResult, check_tool_env
    from toolgym.opening import bring_env, brought, open_env
    from toolgym.sharing import sharing

    chosen = parse_settings(settings, split=split, task=task)
    env = either(named, env, "env") or DEFAULT_ENV
    bring_env(env)
    own = brought(env)
    checked, words = (env, chosen) if own is None else (partial(own, **chosen) if chosen else own, None)
    results: list[CheckResult] = []

    def show(result: CheckResult) -> None:
        results.append(result)
        if not json:
            out.print(str(result), markup=False, highlight=False, soft_wrap=True)

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # Results go to stdout while the bar stands; only where both are the terminal may they go the bar's way.
    progress = Progress(*columns, console=progress_console, transient=True, redirect_stdout=out.is_terminal)
    bar = progress.add_task("")

    def goes_on(name: str, done: int, total: int) -> None:
        progress.start()  # not before: an error in an option stands alone
        progress.update(bar, description=name, completed=done, total=total)

    try:
        # What is wrong with the options is one error, not one of every check.
        with sharing(), closing(open_env(env, **chosen)) as opened, suppress(ConformanceError):
            # That error's message is the report, shown below.
            check_tool_env(
                checked,
                options=words,
                episodes=episodes,
                seed=seed,
                only=only,
                on_result=show,
                on_progress=goes_on,
                opened=opened,
            )
    finally:
        if progress.live.is_started:
            progress.stop()
    report = CheckReport(env, tuple(results))
    if json:
        print_json({"env": env, "passed": report.passed, "checks": [asdict(result) for result in results]})
    else:
        out.print(report.summary, markup=False, highlight=False)
    if not report.passed:
        raise typer.Exit(1)
