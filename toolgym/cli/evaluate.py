"""`toolgym eval`: how well an agent does."""

import shlex
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from toolgym._files import WriteLock
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
from toolgym.cli.trace import OtelContent, say_delivered
from toolgym.errors import ConfigError
from toolgym.trajectory.files import check_addable

if TYPE_CHECKING:
    from toolgym.agents.evaluation.evaluation import AgentOptions
    from toolgym.agents.evaluation.tracing import Traces

_episodes, _agent, _sampling = panel(EPISODES), panel("The agent"), panel("Sampling")
_speed, _output = panel("Speed"), panel(OUTPUT)


def evaluate(
    named: EnvArgument = None,
    env: EnvId = None,
    split: Split = "test",
    task: Task = None,
    episodes: Annotated[int, _episodes("--episodes", "-n", metavar="N", min=1, help="Tasks, each run K times.")] = 100,
    k: Annotated[int, _episodes("--k", "-k", metavar="K", min=1, help="Trials a task, for pass@k and pass^k.")] = 1,
    seed: Seed = 0,
    settings: Settings = None,
    budget: Annotated[
        list[str] | None,
        _episodes(
            "--budget",
            metavar="NAME=N",
            help="Tool calls, turns or tokens of an episode, such as calls=20: what is left is told each turn; calls "
            "beyond are refused. May be repeated.",
        ),
    ] = None,
    tools: Annotated[
        str | None,
        _episodes(
            "--tools",
            metavar="WHICH",
            help="The tools that the agent is shown: all, oracle (those of the gold chain), or retrieve:k=10, those "
            "that are found for the user's words (default: all).",
            show_default=False,
        ),
    ] = None,
    make_tools: Annotated[
        bool,
        _episodes(
            "--make-tools",
            help="Let the agent make tools of Python functions, which run in a Docker container alone.",
        ),
    ] = False,
    made_tools: Annotated[
        Path | None,
        _episodes("--made-tools", metavar="FILE", help="Keep the tools that were made here, and begin with these."),
    ] = None,
    agent: Annotated[
        str,
        _agent(
            "--agent",
            "-a",
            metavar="AGENT",
            help="oracle, random, noop, builtin[:NAME], hf:PATH or api:MODEL.",
        ),
    ] = "oracle",
    search: Annotated[
        str | None,
        _agent(
            metavar="NAME[:option=value,...]",
            help="Search in forks of the environment before acting: best_of:n=8, majority:n=8, beam:width=3,branch=3, "
            "dfsdt, astar or mcts. scorer= ranks what is found: logprob, consistency, judge, value or, as an oracle, "
            "verified (docs/search.md).",
        ),
    ] = None,
    base_url: BaseUrl = None,
    vllm: VLLMUrls = None,
    dtype: Dtype = "auto",
    device: Device = None,
    memory: Annotated[
        str | None,
        _agent(
            metavar="NAME",
            help="What earlier episodes taught, worn by the agent: cases, graph or mem_tool, with options as in "
            "graph:threshold=0.8.",
        ),
    ] = None,
    memory_file: Annotated[
        Path | None, _agent(metavar="FILE", help="The memory file of --memory (`toolgym memory build`).")
    ] = None,
    temperature: Annotated[
        float | None,
        _sampling(metavar="X", min=0, help="Default: greedy for one trial, 1 for more or a search; an API's own."),
    ] = None,
    max_new_tokens: MaxNewTokens = None,
    context_tokens: ContextTokens = None,
    thinking: Annotated[
        bool | None,
        _sampling(
            "--thinking/--no-thinking",
            help="Whether a local model thinks first, where its chat template can switch it (default: the template's).",
        ),
    ] = None,
    tool_role: Annotated[
        str | None,
        _sampling(
            metavar="ROLE",
            help="The role of tools' results for a local model, tool or user (default: the chat template's).",
        ),
    ] = None,
    threads: Threads = None,
    concurrency: Annotated[int, _speed(metavar="N", min=1, help="Episodes at once.")] = 16,
    env_workers: Annotated[
        int,
        _speed(metavar="N", min=0, help="Ray actors that the environments run in (0: in this process)."),
    ] = 0,
    step_timeout_s: Annotated[
        float | None,
        _speed(
            "--step-timeout",
            metavar="SECONDS",
            min=0.001,
            help="A step that waits for longer ends its episode as an infra_error (default: the server's own limit).",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        _output("--output", "-o", metavar="FILE", help="Write each trajectory to this JSON Lines file as it ends."),
    ] = None,
    append: Annotated[bool, _output("--append", help="Add to the episodes that --output holds.")] = False,
    overwrite: Annotated[bool, _output("--overwrite", help="Begin --output anew, whatever it holds.")] = False,
    otel: Annotated[
        str | None,
        _output(
            "--otel",
            metavar="[URL]",
            help="Send each episode as an OpenTelemetry trace to this OTLP/HTTP endpoint (default: as OpenTelemetry's "
            "variables say, or port 4318 of this machine).",
            show_default=False,
        ),
    ] = None,
    otel_content: OtelContent = None,
    json: JsonFlag = False,
) -> None:
    """Runs an agent on a split: pass@k, pass^k, tool recall, reward and errors, with 95% intervals.

    Episodes that the infrastructure broke are counted apart and enter no figure; why is said on stderr. Exits with 1
    where all of them are lost.

    \b
    Examples:
      toolgym eval --agent oracle --split test --episodes 200
      toolgym eval --agent builtin:imperfect --k 4 --temperature 0.7 --json
      toolgym eval --agent builtin:imperfect --search majority:n=8
      toolgym eval --agent hf:Qwen/Qwen3-0.6B --threads 2 --output qwen.jsonl
      toolgym eval --tools retrieve:k=10 --set distractors=200
      toolgym eval --agent hf:runs/my/final --vllm http://gpu1:8000
      toolgym eval --agent builtin:imperfect --budget calls=8 --budget turns=6
      toolgym eval --agent builtin --memory graph --memory-file memory.json
      toolgym eval --output runs/eval.jsonl --otel http://localhost:6006
      OPENAI_BASE_URL=http://127.0.0.1:8000/v1 toolgym eval --agent api:my-model
    """
    from toolgym.hub import check_reach

    kind, _, name = agent.partition(":")
    if kind == "hf":
        check_reach(name)
    from toolgym.agents.evaluation.evaluation import AgentOptions, EvalOptions, make_policy
    from toolgym.agents.evaluation.evaluation import evaluate as run
    from toolgym.agents.evaluation.report import report_table
    from toolgym.agents.search import parse_search
    from toolgym.opening import bring_env, doubts

    searched = None if search is None else parse_search(search)
    if temperature is None and (k > 1 or searched is not None) and not agent.startswith("api:"):
        temperature = 1.0
    sampling = AgentOptions(
        temperature=temperature,
        max_new_tokens=max_new_tokens,
        context_tokens=context_tokens,
        dtype=dtype,
        thinking=thinking,
        tool_role=tool_role,
        device=device,
        threads=threads,
        base_url=base_url,
        vllm=tuple(vllm or ()),
        concurrency=concurrency,
    )
    if vllm and (named or "").startswith("http"):
        raise ConfigError(f"give each server a --vllm of its own: --vllm {vllm[-1]} --vllm {named}")
    env = either(named, env, "env") or DEFAULT_ENV
    limits = ",".join(budget) if budget else None
    made = _making(make_tools, made_tools)
    env_options = parse_settings(settings, split=split, task=task, budget=limits, tools=tools, **made)
    del env_options["split"]
    _check_output(output, append, overwrite)
    bring_env(env)
    env_options = as_trained(agent, env, env_options)
    options = EvalOptions(
        env_id=env,
        split=split,
        episodes=episodes,
        k=k,
        seed=seed,
        env_options=env_options,
        agent=sampling,
        output=output,
        overwrite=overwrite,
        env_workers=env_workers,
        step_timeout_s=step_timeout_s,
        search=searched,
    )
    if otel is None and otel_content is not None:
        raise ConfigError("--otel-content is of --otel, which was not given")
    if memory is None and memory_file is not None:
        raise ConfigError("--memory-file is of --memory, which was not given")
    if memory is not None and searched is not None:
        raise ConfigError(
            "a search samples in forks, where a memory shows nothing: give --memory or --search, not both"
        )
    policy = make_policy(agent, sampling, seed=seed)
    worn = None
    if memory is not None:
        from toolgym.agents.memory import wear

        policy = worn = wear(policy, memory, memory_file)
    traces = None if otel is None else _traces(otel, otel_content, agent, sampling)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    progress = Progress(*columns, console=progress_console, transient=True)
    bar = progress.add_task(agent, total=None)
    solved = 0

    def ended(score, total: int) -> None:
        nonlocal solved
        progress.start()  # not before: an error in an option stands alone
        solved += score.solved
        done = progress.tasks[0].completed + 1
        progress.update(bar, total=total, advance=1, description=f"{agent}: {solved / done:.0%} solved")

    def opened(environment) -> None:
        for doubt in doubts(environment, agent):
            progress_console.print(f"[yellow]Warning:[/] {escape(doubt)}", soft_wrap=True, highlight=False)

    try:
        report = run(policy, options, agent=agent, on_episode=ended, on_open=opened, traces=traces)
    except BaseException:
        if traces is not None:
            traces.sender.close(0.0)
        raise
    finally:
        if progress.live.is_started:
            progress.stop()
        if vllm:
            cast(Any, policy).close()
    if worn is not None:
        report = replace(report, settings={**report.settings, "memory": {"spec": memory, **asdict(worn.tally)}})
    if json:
        print_json(report.to_json())
    else:
        out.print(report_table(report))
        if worn is not None:
            out.print(worn.summary(), highlight=False, markup=False)
    if output is not None:
        file = shlex.quote(str(output))
        done = f"{progress.tasks[0].completed:.0f} episodes were {'added' if append else 'written'} to {file}"
        progress_console.print(f"{done}: toolgym show {file}", highlight=False, soft_wrap=True, markup=False)
    if traces is not None:
        say_delivered(traces.sender, "" if output is None else f"toolgym trace {shlex.quote(str(output))}")
    overall = report.overall
    for reason, count in list(report.lost.items())[:1]:
        message = f"{overall.infra_errors} of {overall.episodes} episodes were lost; {count} of them: {reason:.500}"
        progress_console.print(f"[red]{escape(message)}[/]", soft_wrap=True, highlight=False)
    if overall.infra_errors == overall.episodes:
        raise typer.Exit(1)


def _making(wanted: bool, file: Path | None) -> dict[str, Any]:
    """The options of the environment about tools that the agent makes."""
    given = {"make_tools": True} if wanted else {}
    return given if file is None else {**given, "made_tools": str(file)}


def _traces(endpoint: str, content: bool | None, agent: str, options: "AgentOptions") -> "Traces":
    """What sends the episodes.

    Raises:
        ConfigError: the endpoint is none.
    """
    from toolgym.agents.evaluation.tracing import Traces, actor_of
    from toolgym.otel.sending import Sender, check_endpoint, wants_content

    return Traces(Sender(check_endpoint(endpoint or None), content=wants_content(content)), actor_of(agent, options))


def _check_output(output: Path | None, append: bool, overwrite: bool) -> None:
    """Raises where episodes cannot be written, or would silently be mixed with others: before anything is played.

    Raises:
        ConfigError: `output` is a folder, or a file that holds something and nobody said what is to become of that.
        TrajectoryError: it is to be added to, and is no file of episodes.
    """
    if append and overwrite:
        raise ConfigError("--append keeps what the file holds and --overwrite does not: give one of the two")
    if output is None:
        if append or overwrite:
            raise ConfigError(f"{'--append' if append else '--overwrite'} is of --output, which was not given")
        return
    if output.is_dir():
        raise ConfigError(f"{str(output)!r} is a folder; --output takes a file, such as {str(output / 'eval.jsonl')!r}")
    if output.is_file() and output.stat().st_size and not (append or overwrite):
        with WriteLock(output):  # one that is being written is said to be that first
            pass
        raise ConfigError(
            f"{str(output)!r} holds something already: add to it (--append), begin anew (--overwrite), or give another "
            "--output"
        )
    if append:
        check_addable(output)
