"""`toolgym demo`: an expert episode, a warm start, reinforcement learning, and what that changed on held-out tasks.

The stages: `builtin:imperfect`, a shipped checkpoint that supervised fine-tuning on imperfect demonstrations made (see
`toolgym.agents.builtin`), then GRPO from there in the environment. Both are evaluated on the `test` split, whose names,
ids and requests never occur in training, as they act (sampled at temperature 1) and greedily.
"""

import json as json_module
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text
from transformers import PreTrainedModel, PreTrainedTokenizerBase, TrainerCallback

from toolgym.agents.evaluation.evaluation import AgentOptions, EvalOptions, evaluate
from toolgym.agents.evaluation.report import Estimate
from toolgym.agents.grpo import GRPOOptions, grpo_advantages
from toolgym.agents.policies.lm import LMPolicy, SamplingOptions
from toolgym.agents.policies.machine import fast_bf16, set_threads
from toolgym.agents.policies.models import load_model
from toolgym.agents.policies.scripted import OraclePolicy
from toolgym.agents.rollouts.rollout import Start, rollouts
from toolgym.agents.training.run_folder import one_writer
from toolgym.agents.training.running import prepare, run
from toolgym.opening import open_env
from toolgym.rendering import trajectory_text

__all__ = ["DemoOptions", "StageResult", "run_demo"]

ENV_ID = "ToolGym/Airline-v0"
ENV_OPTIONS = {"size": "small", "prompt": "short"}
_FRAME = 4
"""Characters that a panel takes of each line."""


@dataclass(frozen=True)
class DemoOptions:
    """What the demo does."""

    output: Path = Path("runs/demo")
    seed: int = 0
    steps: int | None = None
    """GRPO steps. None: up to 40, as many as fit into `minutes`."""
    minutes: float = 5.5
    """Wall-clock limit of the GRPO stage where `steps` is not given."""
    episodes: int = 500
    """Held-out test tasks of each evaluation."""
    model: str = "builtin:imperfect"
    """Where it starts."""
    learning_rate: float = 3e-4
    groups: int = 8
    rollouts: int = 8
    threads: int | None = None


@dataclass(frozen=True)
class StageResult:
    """A stage's figures on the test split."""

    name: str
    sampled: Estimate
    """The share of tasks solved, sampled at temperature 1."""
    greedy: Estimate
    """The same, greedily."""
    seconds: float
    """What the stage took, evaluation not counted."""


@dataclass
class _Curve:
    """What the learning curve shows: (step, value) pairs."""

    train: list[tuple[int, float]] = field(default_factory=list)
    test: list[tuple[int, Estimate]] = field(default_factory=list)


class _Watch(TrainerCallback):
    """Moves the progress bar, keeps the curve, and stops the run when its time is up."""

    def __init__(self, progress: Progress, steps: int, curve: _Curve, seconds: float | None):
        self.progress, self.curve, self.seconds = progress, curve, seconds
        self.bar = progress.add_task("GRPO", total=steps)
        self.started = time.monotonic()

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """A step is done."""
        if not logs or "solved" not in logs:
            return
        self.curve.train.append((state.global_step, float(logs["solved"])))
        recent = [solved for _, solved in self.curve.train[-5:]]
        note = f"GRPO  train episodes solved {sum(recent) / len(recent):.0%}"
        self.progress.update(self.bar, completed=state.global_step, description=note)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Stops where the next step would probably end too late."""
        elapsed = time.monotonic() - self.started
        if self.seconds is not None and elapsed * (state.global_step + 1) / state.global_step > self.seconds:
            control.should_training_stop = True


def run_demo(output: Path, seed: int = 0, steps: int | None = None, json: bool = False) -> dict[str, Any]:
    """Runs the demo with its usual options and returns its results as JSON values (printed with `json`)."""
    return demo(DemoOptions(output=output, seed=seed, steps=steps), json=json)


def demo(options: DemoOptions, *, json: bool = False) -> dict[str, Any]:
    """Runs the demo: prints as it goes (to stderr with `json`), writes its files to `options.output`."""
    console = Console(stderr=json)
    set_threads(options.threads)
    with one_writer(options.output):
        return _run(options, console, json)


def _run(options: DemoOptions, console: Console, json: bool) -> dict[str, Any]:
    console.print(expert_episode(options.seed, console.width))
    console.print(
        f"[bold]Stage 1: warm start.[/] {options.model}: supervised fine-tuning on imperfect demonstrations, done "
        "beforehand\n(`python -m toolgym.agents.builtin` makes such a start). It knows the tools, and is unreliable "
        "with them."
    )
    model, tokenizer = load_model(options.model)
    curve = _Curve()
    with _bars(console) as progress:
        before = _evaluate("warm start", model, tokenizer, options, progress, 0.0)
        curve.test.append((0, before.sampled))
    console.print(
        "[bold]Stage 2: GRPO in the environment.[/] Each step plays "
        f"{options.groups} train tasks {options.rollouts} times and moves towards what earned more."
    )
    with _bars(console) as progress:
        steps, seconds = _train(model, tokenizer, options, progress, curve)
    with _bars(console) as progress:
        after = _evaluate("after GRPO", model, tokenizer, options, progress, seconds)
    curve.test.append((steps, after.sampled))
    results = _results(options, [before, after], steps, curve)
    (options.output / "results.json").write_text(json_module.dumps(results, indent=1) + "\n", encoding="utf-8")
    _draw(curve, options.output / "learning_curve.png")
    console.print(_table([before, after], steps, options.episodes))
    console.print(_next_steps(options))
    if json:
        sys.stdout.write(json_module.dumps(results) + "\n")
    return results


def expert_episode(seed: int, width: int) -> Panel:
    """An episode that follows the gold chain, in a frame of `width` characters."""
    env = open_env(ENV_ID, split="train", **ENV_OPTIONS)
    try:
        episode = rollouts(OraclePolicy(), [env], [Start(seed=seed)])[0]
        text = trajectory_text(episode.trajectory, width - _FRAME) if episode.trajectory else ""
        title = "An expert episode (the oracle plays the gold chain)"
        return Panel(Text.from_ansi(text), title=title, width=width)  # a str would be wrapped within its colour codes
    finally:
        env.close()


@contextmanager
def _bars(console: Console) -> Iterator[Progress]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        yield progress


def _evaluate(
    name: str,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    options: DemoOptions,
    progress: Progress,
    seconds: float,
) -> StageResult:
    estimates = {}
    for way, temperature in (("sampled", 1.0), ("greedy", 0.0)):
        bar = progress.add_task(f"{name}: {options.episodes} test tasks, {way}", total=options.episodes)
        sampling = SamplingOptions(temperature=temperature, max_new_tokens=200, context_tokens=1536)
        policy = LMPolicy(model, tokenizer, sampling, seed=options.seed)
        file = options.output / f"test_{name.replace(' ', '_')}_{way}.jsonl"
        file.unlink(missing_ok=True)
        report = evaluate(
            policy,
            EvalOptions(
                env_id=ENV_ID,
                split="test",
                episodes=options.episodes,
                seed=options.seed,
                env_options=ENV_OPTIONS,
                agent=AgentOptions(concurrency=64),
                output=file,
            ),
            on_episode=lambda score, total, bar=bar: progress.advance(bar),
        )
        policy.release()
        estimates[way] = report.overall.estimates["pass@1"]
    return StageResult(name, estimates["sampled"], estimates["greedy"], seconds)


def _train(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    options: DemoOptions,
    progress: Progress,
    curve: _Curve,
) -> tuple[int, float]:
    """Trains in place; (steps taken, seconds)."""
    steps = options.steps or 40
    config = GRPOOptions(
        env=ENV_ID,
        model=options.model,
        output=options.output / "grpo",
        steps=steps,
        seed=options.seed,
        size="small",
        prompt="short",
        groups=options.groups,
        rollouts=options.rollouts,
        micro_batch=min(16, options.groups * options.rollouts),
        learning_rate=options.learning_rate,
        bf16=fast_bf16(),
        save_steps=steps,
        overwrite=True,
        threads=options.threads,
        progress=False,
    )
    watch = _Watch(progress, steps, curve, None if options.steps else options.minutes * 60)
    trainer = prepare(config, grpo_advantages, model=model, tokenizer=tokenizer, callbacks=[watch])
    run(trainer, config)
    return trainer.state.global_step, time.monotonic() - watch.started


def _percent(estimate: Estimate) -> str:
    if estimate.value is None or estimate.interval is None:
        return "-"
    return f"{estimate.value:.1%} [{estimate.interval[0]:.1%}, {estimate.interval[1]:.1%}]"


def _table(stages: list[StageResult], steps: int, episodes: int) -> Table:
    table = Table(title=f"Solved, of {episodes} held-out test tasks (95% interval)")
    for column in ("stage", "sampled", "greedy", "training"):
        table.add_column(column)
    for stage in stages:
        took = f"{steps} steps, {stage.seconds:.0f} s" if stage.seconds else "shipped"
        table.add_row(stage.name, _percent(stage.sampled), _percent(stage.greedy), took)
    return table


def _results(options: DemoOptions, stages: list[StageResult], steps: int, curve: _Curve) -> dict[str, Any]:
    return {
        "env": ENV_ID,
        "env_options": ENV_OPTIONS,
        "model": options.model,
        "seed": options.seed,
        "steps": steps,
        "episodes": options.episodes,
        "stages": [
            {
                "name": stage.name,
                "seconds": round(stage.seconds, 1),
                **{
                    way: {"pass@1": estimate.value, "interval": list(estimate.interval or ())}
                    for way, estimate in (("sampled", stage.sampled), ("greedy", stage.greedy))
                },
            }
            for stage in stages
        ],
        "train_solved": [{"step": step, "solved": solved} for step, solved in curve.train],
        "checkpoint": str(options.output / "grpo" / "final"),
    }


def _draw(curve: _Curve, path: Path) -> None:
    """The learning curve as a picture: train episodes a step, and the test split before and after."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    if curve.train:
        steps, solved = zip(*curve.train, strict=True)
        axes.plot(steps, solved, alpha=0.5, label="train episodes of the step")
    for step, estimate in curve.test:
        if estimate.value is not None and estimate.interval is not None:
            low, high = estimate.interval
            spread = [[estimate.value - low], [high - estimate.value]]
            label = "test tasks, 95% interval" if step == 0 else None
            axes.errorbar([step], [estimate.value], yerr=spread, fmt="o", color="black", capsize=4, label=label)
    axes.set(xlabel="GRPO step", ylabel="solved (sampled)", ylim=(0, 1))
    axes.legend(loc="lower right")
    figure.savefig(path, dpi=120)


def _next_steps(options: DemoOptions) -> str:
    out = options.output
    return (
        f"Written: {out / 'learning_curve.png'}, {out / 'results.json'}, trajectories {out}/test_*.jsonl, "
        f"checkpoint {out / 'grpo' / 'final'}\n"
        "Try next:\n"
        f"  toolgym show {out / 'test_after_GRPO_sampled.jsonl'}\n"
        f"  toolgym eval --env {ENV_ID} --split test_unseen --agent hf:{out / 'grpo' / 'final'} "
        "--set size=small --set prompt=short\n"
        f"  toolgym train --algo grpo --env {ENV_ID} --steps 200 --output runs/grpo\n"
        "  toolgym train --algo sft --model Qwen/Qwen3-0.6B --output runs/sft        # a larger model"
    )
