"""What a training step costs, and what TRL's own multi-turn loop costs on the same model, tasks and tokens.

    python -m benchmarks.train_speed                          # a random model of the built-in policy's size
    python -m benchmarks.train_speed --latency 0.1            # and with tools that answer after 100 ms
    python -m benchmarks.train_speed --model builtin:imperfect --groups 8 --rollouts 8 --steps 5 --json
    python -m benchmarks.train_speed --cpu-time --threads 1 --latency 0.1 --plot docs/img/train_speed.png

Both trainers play the expert's episodes: every token is the expert's, whatever the model would have sampled, but it is
computed and scored as if it had been. So both generate the same tokens, call the same tools with the same arguments and
update on the same sequences. Rewards are made to differ within a group, so that every row carries a gradient.

- ours: `ToolTrainer` (the cache is kept across turns, an episode that is over leaves the batch), with `stale` 0, where
  playing and learning take turns, and 1, where a second process plays the next batch meanwhile;
- TRL's: `GRPOTrainer(environment_factory=...)` on the same environment (each turn prefills the whole history, a turn is
  over when the longest one is).

Seconds are of the steps after the first. Generation is the model's; environment is reset and step without the reward;
reward is its score; loss is the rest of the step: forward, backward, optimizer, bookkeeping. With latency each call of
a tool waits: ours as coroutines, TRL's one after another, as its methods are called.

For a machine that others use too, --cpu-time counts the CPU time of the thread that trains or plays, and what tools
wait. A step with `stale` 1 is then computed from what learning and playing took, each on a core of its own.
"""

import json
import os
import statistics
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, cast

import torch
from datasets import Dataset
from rich.console import Console
from rich.table import Table
from transformers import LogitsProcessorList, PreTrainedModel, PreTrainedTokenizerBase
from transformers.trainer_callback import PrinterCallback
from trl.trainer.grpo_trainer import GRPOTrainer

from benchmarks.train_speed_parts import (
    Clock,
    Lap,
    Script,
    ScriptedTokens,
    ScriptedTrainer,
    TimedEnv,
    TimeSource,
    opened,
    pipelined,
)
from toolgym.agents.builtin import build_tokenizer, new_model
from toolgym.agents.policies.machine import set_threads
from toolgym.agents.policies.models import load_model, quiet
from toolgym.agents.rollouts import EpisodeBatch, demonstrate
from toolgym.agents.training.options import parse_options
from toolgym.agents.training.overlap import Stale
from toolgym.agents.training.running import RunConfig, grpo_args
from toolgym.env import ToolEnv
from toolgym.errors import ConfigError
from toolgym.messages import parse
from toolgym.opening import open_env


@dataclass(frozen=True)
class SpeedOptions:
    """What is measured."""

    model: Annotated[str | None, "a model (default: random weights in the built-in policy's size)"] = None
    groups: Annotated[int, "tasks a step"] = 4
    rollouts: Annotated[int, "episodes a task"] = 8
    steps: Annotated[int, "steps that count, after one that does not"] = 3
    micro_batch: Annotated[int, "episodes a forward pass"] = 16
    turns: Annotated[int, "the fewest turns of a task"] = 3
    latency: Annotated[float, "seconds that a tool waits before it answers, in a second part of the run; 0: none"] = 0.0
    rounds: Annotated[int, "how often all are measured, by turns"] = 1
    threads: Annotated[int | None, "torch threads; with stale 1 each process has half of them"] = None
    cpu_time: Annotated[bool, "CPU time instead of wall clock: for a shared machine, with --threads 1"] = False
    plot: Annotated[Path | None, "draw the seconds a step to this PNG"] = None
    json: Annotated[bool, "print JSON"] = False


def make_scripts(options: SpeedOptions, env: ToolEnv, tokenizer: PreTrainedTokenizerBase) -> list[Script]:
    """Expert episodes of tasks that take one call a turn, as many as a run needs.

    Raises:
        ConfigError: too few tasks are of that kind.
    """
    needed = options.groups * (options.steps + 1)
    chosen = []
    for index in range(len(env.tasks)):
        gold = env.tasks[index].gold
        calls = [len(action.calls) for action in gold]
        if len(gold) >= options.turns and all(count == 1 for count in calls[:-1]) and calls[-1] == 0:
            chosen.append(index)
        if len(chosen) == needed:
            break
    else:
        raise ConfigError(f"{len(chosen)} tasks take {options.turns} turns or more of one call; {needed} are needed")
    played = demonstrate(env, tokenizer, [env.tasks[index] for index in chosen])
    return [
        Script(
            index,
            episode.prompt_ids + episode.completion_ids,
            len(episode.prompt_ids),
            [token for token, own in zip(episode.completion_ids, episode.env_mask, strict=True) if own],
        )
        for index, episode in zip(chosen, played, strict=True)
    ]


# The built-in policy's template, which writes an assistant's calls in its text; TRL wants one that could write them.
_TEMPLATE = (
    "{%- for message in messages -%}{{- '<|' + message['role'] + '|>' + message['content'] -}}"
    "{%- if message['tool_calls'] and not message['content'] -%}{{- message['tool_calls'] | tojson -}}{%- endif -%}"
    "{{- '<|end|>' -}}{%- endfor -%}{%- if add_generation_prompt -%}{{- '<|assistant|>' -}}{%- endif -%}"
)


def run_config(options: SpeedOptions, output: Path, longest: int) -> RunConfig:
    """The options of both trainers."""
    return RunConfig(
        output=output,
        steps=options.steps + 1,
        groups=options.groups,
        rollouts=options.rollouts,
        micro_batch=options.micro_batch,
        max_new_tokens=longest,
        context_tokens=longest,
        save_steps=10**6,
        learning_rate=1e-6,
    )


def spread(count: int, size: int) -> torch.Tensor:
    """Rewards that differ within each group."""
    return torch.arange(count) % size / size


def time_ours(
    config: RunConfig,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    scripts: list[Script],
    env: ToolEnv,
    clock: Clock,
    latency_s: float = 0.0,
) -> Clock:
    """A run of our trainer."""
    episodes = config.groups * config.rollouts
    envs = [TimedEnv(env.spawn(), clock, latency_s) for _ in range(1 if config.stale else episodes)]

    def estimator(batch: EpisodeBatch) -> torch.Tensor:
        with clock.time("reward"):
            return (spread(len(batch.steps_B), config.rollouts) - 0.5)[:, None] * batch.sampled_BT

    trainer = ScriptedTrainer(
        model,
        tokenizer,
        grpo_args(config),
        envs=cast(Any, envs),
        tasks=env.tasks,
        order=[script.task for script in scripts],
        estimator=estimator,
        sampling=config.sampling,
        stale=Stale(config.stale, partial(opened, episodes, latency_s)) if config.stale else None,
        callbacks=[Lap(clock)],
    )
    trainer.scripts, trainer.cpu_time = scripts, clock.source.cpu_time
    if trainer.overlap is None:
        trainer.clock = clock
    trainer.remove_callback(PrinterCallback)
    try:
        trainer.train()
    finally:
        if trainer.overlap is not None:
            trainer.overlap.close()
    return clock


def time_trl(
    config: RunConfig,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    scripts: list[Script],
    env: ToolEnv,
    clock: Clock,
    latency_s: float = 0.0,
) -> Clock:
    """A run of TRL's trainer on the same environment, its tools as methods."""
    requests = {str(tokenizer.decode(script.ids[: script.opening])): script for script in scripts}

    class Episode:
        """What TRL wants of an environment: `reset`, and a method a tool."""

        def __init__(self) -> None:
            self._env = TimedEnv(env.spawn(), clock)

        def reset(self, task: int = 0, **_: Any) -> None:
            """Begins the task's episode."""
            self._env.reset(options={"task": task})

    def method(name: str) -> Any:
        def call(self, arguments: dict) -> str:
            """Calls the tool.

            Args:
                arguments: what the tool takes.
            """
            clock.wait(latency_s)
            text = f"<tool_call>{json.dumps({'name': name, 'arguments': arguments})}</tool_call>"
            return self._env.step(text)[4]["messages"][-1]["content"]

        call.__name__ = name
        return call

    for tool in env.tools:
        setattr(Episode, tool.name, method(tool.name))

    def read(ids: list[int], **_: Any) -> dict[str, Any]:
        text = cast(str, tokenizer.decode(ids, skip_special_tokens=True))
        calls = [
            {"type": "function", "function": {"name": call.name, "arguments": {"arguments": call.arguments}}}
            for call in parse(text).calls
        ]
        return {"role": "assistant", "content": text, **({"tool_calls": calls} if calls else {})}

    def reward(completions: list[Any], environments: list[Any], **_: Any) -> list[float | None]:
        for messages, episode in zip(completions, environments, strict=True):
            episode._env.step(messages[-1]["content"])
        return list(spread(len(completions), config.rollouts).tolist())

    def generate(*args: Any, **kwargs: Any) -> Any:
        forced = LogitsProcessorList([ScriptedTokens(scripts, cast(int, tokenizer.pad_token_id), clock)])
        with clock.time("generation"):
            out = plain(*args, logits_processor=forced, **kwargs)
        clock.tokens += int((out[:, kwargs["input_ids"].shape[1] :] != tokenizer.pad_token_id).sum())
        return out

    plain = cast(Any, model).generate
    cast(Any, model).generate = generate
    tokenizer.chat_template = _TEMPLATE
    tokenizer.response_template = {}  # type: ignore[attr-defined]
    tokenizer.parse_response = read  # type: ignore[method-assign]
    rows = [
        {"prompt": [{"role": "user", "content": _request(text)}], "task": script.task}
        for text, script in requests.items()
    ]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="You are using 'environment_factory'")
        trainer = GRPOTrainer(
            model=model,
            reward_funcs=reward,
            args=grpo_args(config),
            train_dataset=Dataset.from_list(rows),
            processing_class=tokenizer,
            environment_factory=Episode,
            callbacks=[Lap(clock)],
        )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return clock


def _request(opening: str) -> str:
    """The user's words in an opening."""
    return opening.removeprefix("<|user|>").removesuffix("<|end|><|assistant|>")


def figures(clock: Clock, steps: int) -> dict[str, float]:
    """Seconds a step by part, and the generation's tokens a second."""
    part = {name: clock.seconds.get(name, 0.0) / steps for name in ("generation", "environment", "reward", "step")}
    part["environment"] -= part["reward"]
    loss = part["step"] - part["generation"] - part["environment"] - part["reward"]
    return {
        **part,
        "loss": loss,
        "tokens": clock.tokens / steps,
        "tokens_per_s": clock.tokens / max(clock.seconds.get("generation", 0.0), 1e-9),
    }


TRAINERS = ("TRL's", "ours, stale 0", "ours, stale 1")


def measure(options: SpeedOptions, latency_s: float, folder: Path, threads: int) -> dict[str, Clock]:
    """A run of each trainer."""

    def fresh() -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
        if options.model:
            return load_model(options.model)
        tokenizer = build_tokenizer()
        return new_model(tokenizer), tokenizer

    env = open_env("ToolGym/Airline-v0", size="small", prompt="short")
    scripts = make_scripts(options, env, fresh()[1])
    config = run_config(options, folder, max(len(script.ids) for script in scripts) + 8)
    out = {}
    for name in TRAINERS:
        torch.set_num_threads(max(1, threads // 2) if name == TRAINERS[2] else threads)
        clock = Clock(TimeSource(options.cpu_time))
        run = time_trl if name == TRAINERS[0] else time_ours
        stale = replace(config, stale=1) if name == TRAINERS[2] else config
        out[name] = run(stale, *fresh(), scripts, env, clock, latency_s)
    if options.cpu_time:
        late = out[TRAINERS[2]]
        late.laps = pipelined([late.laps[0], *late.laps], late.playing)  # the first step has the start in it
    return out


def compared(rounds: Sequence[dict[str, Clock]], tools: str) -> list[dict[str, Any]]:
    """A row for each trainer: seconds a step, and by how much TRL's step of the same tasks is longer."""
    rows = []
    for name in TRAINERS:
        laps = [lap for clocks in rounds for lap in clocks[name].laps]
        pairs = (zip(clocks[TRAINERS[0]].laps, clocks[name].laps, strict=True) for clocks in rounds)
        ratios = [theirs / own for pair in pairs for theirs, own in pair]
        row: dict[str, Any] = {"tools": tools, "trainer": name}
        for what, values in (("seconds", laps), ("ratio", ratios)):
            row |= {what: statistics.median(values), f"{what}_from": min(values), f"{what}_to": max(values)}
        rows.append(row)
    return rows


def benchmark(options: SpeedOptions) -> dict[str, Any]:
    """All trainers' figures."""
    threads = set_threads(options.threads)
    latencies = [0.0, options.latency] if options.latency else [0.0]
    rounds: dict[float, list[dict[str, Clock]]] = {latency_s: [] for latency_s in latencies}
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        quiet()
        for _ in range(options.rounds):
            for latency_s in latencies:
                rounds[latency_s].append(measure(options, latency_s, Path(folder), threads))
    ours, trls = (figures(rounds[0.0][-1][name], options.steps) for name in (TRAINERS[1], TRAINERS[0]))
    tools = {latency_s: f"{1e3 * latency_s:.0f} ms" if latency_s else "at once" for latency_s in latencies}
    return {
        "options": {name: str(value) if isinstance(value, Path) else value for name, value in asdict(options).items()},
        "threads": threads,
        "load": os.getloadavg()[0],
        "ours": ours,
        "trl": trls,
        "step_ratio": trls["step"] / ours["step"],
        "generation_ratio": ours["tokens_per_s"] / trls["tokens_per_s"],
        "steps": [row for latency_s in latencies for row in compared(rounds[latency_s], tools[latency_s])],
    }


def plot(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Bars of the seconds a step, with their spread and TRL's multiple."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 3.2), layout="constrained")
    tools = list(dict.fromkeys(row["tools"] for row in rows))
    for place, name in enumerate(TRAINERS):
        chosen = [row for row in rows if row["trainer"] == name]
        at = [number + (place - 1) * 0.27 for number in range(len(tools))]
        heights = [row["seconds"] for row in chosen]
        spread_s = [[row["seconds"] - row["seconds_from"] for row in chosen]]
        spread_s.append([row["seconds_to"] - row["seconds"] for row in chosen])
        axes.bar(at, heights, 0.25, yerr=spread_s, capsize=3, label=name)
        for x, row in zip(at, chosen, strict=True):
            axes.annotate(f"{row['ratio']:.1f}x", (x, row["seconds_to"]), ha="center", va="bottom", fontsize=8)
    axes.set_xticks(range(len(tools)), [f"tools answer {'after ' if 'ms' in name else ''}{name}" for name in tools])
    axes.set_ylabel("seconds a step")
    axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    options = parse_options(
        SpeedOptions, argv, prog="python -m benchmarks.train_speed", description=(__doc__ or "").split("\n")[0]
    )
    results = benchmark(options)
    if options.plot is not None:
        plot(results["steps"], options.plot)
    if options.json:
        print(json.dumps(results, indent=1))
        return 0
    table = Table(title="Seconds a training step", title_justify="left")
    for column in ("part", "ours", "TRL's"):
        table.add_column(column, justify="left" if column == "part" else "right")
    for name in ("generation", "environment", "reward", "loss", "step"):
        table.add_row(name, f"{results['ours'][name]:.4f}", f"{results['trl'][name]:.4f}")
    table.add_row("tokens sampled", f"{results['ours']['tokens']:.0f}", f"{results['trl']['tokens']:.0f}")
    table.add_row("tokens/s", f"{results['ours']['tokens_per_s']:.0f}", f"{results['trl']['tokens_per_s']:.0f}")
    console = Console()
    console.print(table)
    steps = Table(title="Seconds a step, and TRL's step beside it", title_justify="left")
    for column in ("tools", "trainer", "seconds", "TRL's is"):
        steps.add_column(column, justify="left" if column in ("tools", "trainer") else "right")
    for row in results["steps"]:
        told = (
            f"{row[name]:.2f} ({row[f'{name}_from']:.2f} to {row[f'{name}_to']:.2f})" for name in ("seconds", "ratio")
        )
        steps.add_row(row["tools"], row["trainer"], *told)
    console.print(steps)
    console.print(
        f"TRL's step takes {results['step_ratio']:.2f} times ours; we generate {results['generation_ratio']:.2f} times "
        f"as many tokens a second. {results['threads']} torch threads; the machine's load is {results['load']:.1f}."
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
