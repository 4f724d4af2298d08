"""`toolgym bench`: the public benchmarks that papers report, by name; and two runs of one, paired."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from toolgym.benchmark import benchmark_names
from toolgym.cli.command import Command
from toolgym.cli.common import OUTPUT, JsonFlag, out, panel, parse_settings, print_json, progress_console
from toolgym.errors import ConfigError

if TYPE_CHECKING:
    from toolgym.agents.evaluation.benching import BenchOptions, CaseResult
    from toolgym.agents.evaluation.evaluation import AgentOptions
    from toolgym.agents.policies.policy import Policy

__all__ = ["app"]

_tasks, _agent, _sampling = panel("Which tasks"), panel("The agent"), panel("Sampling")
_speed, _output = panel("Speed and cost"), panel(OUTPUT)

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _bench() -> None:
    """Public benchmarks by name, with the verdicts and the figures that papers report. A run that was stopped goes on.

    \b
    Examples:
      toolgym bench bfcl --agent oracle --limit 20
      toolgym bench compare runs/base runs/trained
    """


def _command(name: str) -> Callable[..., None]:
    """The command of a benchmark; all of them have the same options."""

    def run(
        agent: Annotated[
            str,
            _agent("--agent", "-a", metavar="AGENT", help="oracle, random, noop, builtin, hf:PATH or api:MODEL."),
        ] = "oracle",
        category: Annotated[
            list[str] | None,
            _tasks("--category", metavar="NAME", help="Only these parts of it; may be repeated (default: all)."),
        ] = None,
        limit: Annotated[
            int | None, _tasks("--limit", metavar="N", min=1, help="At most N tasks of each part, drawn by --seed.")
        ] = None,
        k: Annotated[int, _tasks("--k", "-k", metavar="K", min=1, help="Trials a task, for pass@k and pass^k.")] = 1,
        seed: Annotated[int, _tasks("--seed", metavar="N", min=0, help="Seeds every choice.")] = 0,
        settings: Annotated[
            list[str] | None,
            _tasks("--set", metavar="NAME=VALUE", help="An option of its environment; may be repeated."),
        ] = None,
        base_url: Annotated[
            str | None, _agent(metavar="URL", help="The endpoint of an api: agent (default: $OPENAI_BASE_URL).")
        ] = None,
        dtype: Annotated[str, _agent(metavar="NAME", help="A local model's weights, as for eval.")] = "auto",
        device: Annotated[str | None, _agent(metavar="NAME", help="Where a local model runs.")] = None,
        temperature: Annotated[
            float | None,
            _sampling(metavar="X", min=0, help="Default: greedy for one trial, 1 for more; an API's own."),
        ] = None,
        max_new_tokens: Annotated[int | None, _sampling(metavar="N", min=1, help="A model's longest turn.")] = None,
        context_tokens: Annotated[int | None, _sampling(metavar="N", min=2, help="A local model's context.")] = None,
        thinking: Annotated[
            bool | None, _sampling("--thinking/--no-thinking", help="Whether a local model thinks first.")
        ] = None,
        threads: Annotated[int | None, _speed(metavar="N", min=1, help="Torch threads of a local model.")] = None,
        concurrency: Annotated[int, _speed(metavar="N", min=1, help="Episodes at once.")] = 16,
        price: Annotated[
            str | None,
            _speed(metavar="IN,OUT", help="An endpoint's dollars a million tokens, for the estimate before the run."),
        ] = None,
        output: Annotated[
            Path | None,
            _output("--output", "-o", metavar="DIR", help="The run's folder (default: runs/NAME-AGENT). It goes on."),
        ] = None,
        json: JsonFlag = False,
    ) -> None:
        from toolgym.agents.evaluation.benching import BenchOptions
        from toolgym.agents.evaluation.evaluation import AgentOptions

        if temperature is None and k > 1 and agent not in _NOT_SAMPLED and not agent.startswith("api:"):
            temperature = 1.0
        sampling = AgentOptions(
            temperature=temperature,
            max_new_tokens=max_new_tokens,
            context_tokens=context_tokens,
            dtype=dtype,
            thinking=thinking,
            device=device,
            threads=threads,
            base_url=base_url,
            concurrency=concurrency,
        )
        options = BenchOptions(
            benchmark=name,
            agent=agent,
            output=output or Path("runs") / f"{name}-{re.sub(r'[^A-Za-z0-9.]+', '-', agent).strip('-')}",
            categories=tuple(category) if category else None,
            limit=limit,
            k=k,
            seed=seed,
            settings=parse_settings(settings),
            sampling=sampling,
        )
        _run(options, _prices(price), json)

    run.__doc__ = _help(name)
    return run


_NOT_SAMPLED = ("oracle", "noop", "random")
"""Agents without a temperature."""
_MORE = {"tau": " --set user=scripted", "tau2": " --set user=scripted", "api-bank": " --set data=DIR"}
"""What the gold takes beside the data that `toolgym data get` brings."""


def _help(name: str) -> str:
    return f"""Runs {name}: the share that its own verdict calls right, part by part, and the figures of the papers.

    What has a result in the run's folder is not played again; what the infrastructure broke is.

    \b
    Examples:
      toolgym bench {name} --agent oracle --limit 20{_MORE.get(name, "")}
      toolgym bench {name} --agent hf:Qwen/Qwen3-0.6B \\
        --temperature 0 --output runs/qwen
      toolgym bench {name} --agent api:my-model --price 0.15,0.6
    """


def _prices(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        read, written = map(float, text.split(","))
    except ValueError:
        raise ConfigError(f"--price takes two numbers such as 0.15,0.6, not {text!r}") from None
    return read, written


def _policy(options: "BenchOptions") -> "Policy":
    from toolgym.agents.evaluation.evaluation import make_policy
    from toolgym.hub import check_reach

    kind, _, model = options.agent.partition(":")
    if kind == "hf":
        check_reach(model)
    sampling: AgentOptions = options.sampling
    return make_policy(options.agent, sampling, seed=options.seed)


def _run(options: "BenchOptions", prices: tuple[float, float] | None, json: bool) -> None:
    from toolgym.agents.evaluation.bench_report import bench_table, summarise_bench
    from toolgym.agents.evaluation.benching import run_benchmark
    from toolgym.benchmark import benchmark
    from toolgym.data import data_folder

    found = benchmark(options.benchmark)
    found.parts(options.categories)  # an unknown category, before anything is loaded
    if found.data is not None and "data" not in options.settings:
        data_folder(found.data)
    policy = _policy(options)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    progress = Progress(*columns, console=progress_console, transient=True)
    bar = progress.add_task(options.agent, total=None)
    seen, right = 0, 0

    def planned(total: int, done: int, left: Any) -> None:
        if done:
            _say(f"{done} of {total} episodes are there already, in {options.output}")
        if left and options.agent.startswith("api:"):
            _say_cost(left, options, prices)
        progress.update(bar, total=total, completed=done)

    def ended(result: "CaseResult") -> None:
        nonlocal seen, right
        progress.start()  # not before: an error in an option stands alone
        seen, right = seen + result.counts, right + result.right
        progress.update(bar, advance=1, description=f"{result.part}: {right / max(seen, 1):.0%} right")

    try:
        results = run_benchmark(policy, options, on_plan=planned, on_case=ended)
    finally:
        if progress.live.is_started:
            progress.stop()
    report = summarise_bench(found, results, options.k, {**options.kept(), "limit": options.limit})
    if json:
        print_json(report.to_json())
    else:
        out.print(bench_table(report, options.agent))
    file = shlex.quote(str(options.output / "results.jsonl"))
    _say(f"Its episodes: toolgym show {file}")
    for reason, count in list(report.lost.items())[:1]:
        message = f"{report.overall.infra_errors} of {len(results)} episodes were lost; {count} of them: {reason:.500}"
        again = "The same command tries them again."
        progress_console.print(f"[red]{escape(message)}.[/] {again}", soft_wrap=True, highlight=False)
    if results and report.overall.infra_errors == len(results):
        raise typer.Exit(1)


def _say(text: str) -> None:
    progress_console.print(text, soft_wrap=True, highlight=False, markup=False)


def _say_cost(left: Any, options: "BenchOptions", prices: tuple[float, float] | None) -> None:
    from toolgym.agents.evaluation.bench_cost import estimate

    cost = estimate(left, options.settings)
    money = f", ${cost.dollars(prices):.2f}" if prices is not None else " (--price IN,OUT tells what that costs)"
    _say(f"{sum(len(ids) for _, ids in left)} episodes take {cost}{money}")


for _name in benchmark_names():
    app.command(_name, cls=Command)(_command(_name))


@app.command("compare", cls=Command)
def compare(
    first: Annotated[Path, typer.Argument(help="The folder of a run.")],
    second: Annotated[Path, typer.Argument(help="The folder of another run of the same benchmark.")],
    seed: Annotated[int, _tasks("--seed", metavar="N", min=0, help="Seeds the bootstrap.")] = 0,
    json: JsonFlag = False,
) -> None:
    """Pairs two runs by task: the difference of every figure and part, with its 95% interval.

    \b
    Examples:
      toolgym bench compare runs/base runs/trained
      toolgym bench compare runs/base runs/trained --seed 1 --json
    """
    from toolgym.agents.evaluation import bench_report
    from toolgym.agents.evaluation.benching import read_results, settings_of
    from toolgym.benchmark import benchmark

    names = [settings_of(folder).get("benchmark") for folder in (first, second)]
    if names[0] != names[1]:
        raise ConfigError(f"{first} is a run of {names[0]}, {second} one of {names[1]}: they cannot be compared")
    runs = [(str(folder), list(read_results(folder))) for folder in (first, second)]
    made = bench_report.compare(benchmark(str(names[0])), runs[0], runs[1], seed)
    if json:
        print_json(made.to_json())
    else:
        out.print(bench_report.comparison_table(made))
