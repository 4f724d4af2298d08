"""`toolgym explore`: searches on the train split, as data to learn from."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from toolgym.cli.common import (
    DEFAULT_ENV,
    EPISODES,
    OUTPUT,
    BaseUrl,
    ContextTokens,
    Device,
    Dtype,
    EnvArgument,
    EnvId,
    JsonFlag,
    MaxNewTokens,
    Seed,
    Settings,
    Split,
    Task,
    Threads,
    VLLMUrls,
    as_trained,
    either,
    out,
    panel,
    parse_settings,
    print_json,
    progress_console,
)

if TYPE_CHECKING:
    from toolgym.agents.exploring.exploring import Totals

_episodes, _agent, _sampling = panel(EPISODES), panel("The agent"), panel("Sampling")
_speed, _output = panel("Speed"), panel(OUTPUT)
_ROWS = {
    "tasks": "tasks",
    "solved": "solved",
    "episodes": "episodes",
    "pairs": "step pairs",
    "states": "states with a value",
    "tokens": "tokens written",
    "env_steps": "environment steps",
    "calls": "tool calls",
    "lost": "lost to infrastructure",
}


def explore(
    output: Annotated[
        Path,
        _output("--output", "-o", metavar="DIR", help="The folder; a second call with the same options goes on in it."),
    ],
    named: EnvArgument = None,
    env: EnvId = None,
    split: Split = "train",
    allow_test: Annotated[
        bool, _episodes("--allow-test", help="Explore test or test_unseen, which are for evaluations.")
    ] = False,
    task: Task = None,
    episodes: Annotated[int, _episodes("--episodes", "-n", metavar="N", min=1, help="Tasks to search.")] = 100,
    seed: Seed = 0,
    settings: Settings = None,
    agent: Annotated[
        str,
        _agent("--agent", "-a", metavar="AGENT", help="builtin[:NAME], hf:PATH, api:MODEL or random."),
    ] = "builtin:imperfect",
    search: Annotated[
        str,
        _agent(
            metavar="NAME[:option=value,...]",
            help="How each task is searched, as in toolgym eval; the outcome ranks what is found (scorer=verified) "
            "unless another scorer= is given. best_of draws plain samples of the agent.",
        ),
    ] = "mcts",
    base_url: BaseUrl = None,
    vllm: VLLMUrls = None,
    dtype: Dtype = "auto",
    device: Device = None,
    temperature: Annotated[float, _sampling(metavar="X", min=0, help="Of the sampling.")] = 1.0,
    max_new_tokens: MaxNewTokens = None,
    context_tokens: ContextTokens = None,
    threads: Threads = None,
    concurrency: Annotated[int, _speed(metavar="N", min=1, help="Tasks, and forks of all of them, at once.")] = 16,
    step_timeout_s: Annotated[
        float | None,
        _speed(
            "--step-timeout",
            metavar="SECONDS",
            min=0.001,
            help="A step that waits for longer breaks its sample (default: the server's own limit).",
        ),
    ] = None,
    json: JsonFlag = False,
) -> None:
    """Searches tasks of the train split and writes what was found: episodes, step pairs (what led to success against
    what did not) and step values, for sft, rft, eto and dupo (--data DIR) and for critics.

    Each task is in the folder once all of it is written: a run that was killed goes on where it stopped.

    \b
    Examples:
      toolgym explore --agent builtin:imperfect --search mcts --output found
      toolgym explore --search best_of:n=16 --episodes 500 --output found
      toolgym explore --agent hf:runs/my/final --temperature 0.7 --output found
      toolgym explore --output found --concurrency 32 --json
      toolgym train --algo eto --data found --output runs/eto
    """
    from toolgym.hub import check_reach

    kind, _, name = agent.partition(":")
    if kind == "hf":
        check_reach(name)
    from toolgym.agents.evaluation.evaluation import AgentOptions, make_policy
    from toolgym.agents.exploring.exploring import ExploringOptions, told_the_outcome
    from toolgym.agents.exploring.exploring import explore as run
    from toolgym.opening import bring_env, doubts

    sampling = AgentOptions(
        temperature=temperature,
        max_new_tokens=max_new_tokens,
        context_tokens=context_tokens,
        dtype=dtype,
        device=device,
        threads=threads,
        base_url=base_url,
        vllm=tuple(vllm or ()),
        concurrency=concurrency,
    )
    env = either(named, env, "env") or DEFAULT_ENV
    env_options = parse_settings(settings, split=split, task=task)
    del env_options["split"]
    bring_env(env)
    env_options = as_trained(agent, env, env_options)
    options = ExploringOptions(
        output=output,
        search=told_the_outcome(search),
        env_id=env,
        split=split,
        allow_test=allow_test,
        episodes=episodes,
        seed=seed,
        env_options=env_options,
        agent_name=agent,
        agent=sampling,
        step_timeout_s=step_timeout_s,
    )
    policy = make_policy(agent, sampling, seed=seed)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    progress = Progress(*columns, console=progress_console, transient=True)
    bar = progress.add_task(agent, total=None)

    def written(totals: "Totals", count: int) -> None:
        progress.start()  # not before: an error in an option stands alone
        said = f"{agent}: {totals.solved} solved, {totals.pairs} pairs"
        progress.update(bar, total=count, completed=totals.tasks, description=said)

    def opened(environment) -> None:
        for doubt in doubts(environment, agent):
            progress_console.print(f"[yellow]Warning:[/] {escape(doubt)}", soft_wrap=True, highlight=False)

    try:
        totals = run(policy, options, on_task=written, on_open=opened)
    finally:
        if progress.live.is_started:
            progress.stop()
        if vllm:
            cast(Any, policy).close()
    if json:
        print_json(totals.to_json())
    else:
        table = Table(title=f"{escape(agent)}, {escape(str(options.search))}", title_justify="left")
        table.add_column("explored")
        table.add_column("", justify="right")
        for name, label in _ROWS.items():
            table.add_row(label, f"{getattr(totals, name):,}")
        out.print(table)
    folder = shlex.quote(str(output))
    told = f"Written to {folder}"
    if totals.pairs:
        told = f"{told}: toolgym train --algo eto --data {folder}"
    progress_console.print(told, highlight=False, soft_wrap=True, markup=False)
    if totals.lost == totals.tasks:
        raise typer.Exit(1)
