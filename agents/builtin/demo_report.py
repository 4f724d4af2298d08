"""What the demo shows of its stages: figures, table, picture, and what to try next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from toolgym.agents.evaluation.metrics import EpisodeScore
from toolgym.agents.evaluation.report import Estimate, summarise

__all__ = [
    "DEPTHS",
    "ENV_ID",
    "ENV_OPTIONS",
    "WAYS",
    "StageResult",
    "both",
    "draw",
    "gain",
    "next_steps",
    "results_of",
    "table_of",
]

ENV_ID = "ToolGym/Airline-v0"

ENV_OPTIONS: Mapping[str, Any] = {"size": "small", "prompt": "short"}
DEPTHS = (1, 2, 3)
"""Atomic tasks of a request: the policy solves hardly any deeper one, and groups that all fail teach nothing."""

WAYS = {"sampled": 1.0, "greedy": 0.0}
"""How the policy acts in an evaluation, and at which temperature."""


@dataclass(frozen=True)
class StageResult:
    """A stage's figures on the test split."""

    name: str
    scores: Mapping[str, Mapping[int, EpisodeScore]]
    """Way of acting -> the scores of its episodes, by the task's place in the order of the evaluation."""
    seconds: float
    """What the evaluation took."""
    trained_s: float = 0.0
    """What the training before it took."""

    def solved(self, way: str) -> Estimate:
        """The share of tasks solved."""
        return summarise(list(self.scores[way].values()), 1, {}, 0).overall.estimates["pass@1"]

    def on(self, numbers: set[int]) -> "StageResult":
        """The same of these tasks only."""
        kept = {way: {n: one for n, one in scores.items() if n in numbers} for way, scores in self.scores.items()}
        return replace(self, scores=kept)


def _percent(estimate: Estimate) -> str:
    if estimate.value is None or estimate.interval is None:
        return "-"
    low, high = (f"{100 * bound:.0f}" for bound in estimate.interval)
    return f"{estimate.value:.0%} [{low}, {high}]"


def both(stage: StageResult) -> str:
    return ", ".join(f"[bold]{_percent(stage.solved(way))}[/] {way}" for way in WAYS)


def gain(before: StageResult, after: StageResult, way: str) -> tuple[float, float, float]:
    """The mean difference of the tasks' solved, after minus before, with its 95% interval (normal, paired by task)."""
    old, new = before.scores[way], after.scores[way]
    differences = np.array([float(new[number].solved) - float(old[number].solved) for number in new if number in old])
    spread = 1.96 * float(differences.std(ddof=1)) / len(differences) ** 0.5 if len(differences) > 1 else float("nan")
    mean = float(differences.mean())
    return mean, mean - spread, mean + spread


def table_of(before: StageResult, after: StageResult, steps: int) -> Table:
    count = len(after.scores["sampled"])
    table = Table(title=f"Solved, of {count} held-out test tasks (95% interval)", title_justify="left")
    table.add_column("stage")
    for column in (*WAYS, "training"):
        table.add_column(column, justify="right")
    for stage in (before, after):
        took = f"{steps} step{'' if steps == 1 else 's'}, {stage.trained_s:.0f} s" if stage.trained_s else "shipped"
        table.add_row(stage.name, *(_percent(stage.solved(way)) for way in WAYS), took)
    table.add_section()
    gains = [gain(before, after, way) for way in WAYS]
    table.add_row(
        "gain in points", *(f"{mean * 100:+.0f} [{low * 100:+.0f}, {high * 100:+.0f}]" for mean, low, high in gains)
    )
    return table


def results_of(
    model: str,
    seed: int,
    output: Path,
    stages: list[StageResult],
    steps: int,
    train: Sequence[tuple[int, float]],
    seconds: float,
) -> dict[str, Any]:
    """The demo's figures as JSON values; `train` has the share of the train episodes of each step that were solved."""
    return {
        "env": ENV_ID,
        "env_options": {**ENV_OPTIONS, "depth": list(DEPTHS)},
        "model": model,
        "seed": seed,
        "steps": steps,
        "episodes": len(stages[-1].scores["sampled"]),
        "seconds": round(seconds, 1),
        "stages": [
            {
                "name": stage.name,
                "seconds": round(stage.trained_s, 1),
                **{
                    way: {"pass@1": stage.solved(way).value, "interval": list(stage.solved(way).interval or ())}
                    for way in WAYS
                },
            }
            for stage in stages
        ],
        "gain": {way: dict(zip(("mean", "low", "high"), gain(stages[0], stages[1], way), strict=True)) for way in WAYS},
        "train_solved": [{"step": step, "solved": solved} for step, solved in train],
        "checkpoint": str(output / "final"),
    }


def draw(results: Mapping[str, Any], path: Path) -> None:
    """The learning curve as a picture: train episodes a step, and the test split before and after.

    Args:
        results: as `results_of` has them.
        path: the file.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    figure = Figure(figsize=(7.5, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    steps = [one["step"] for one in results["train_solved"]]
    solved = [one["solved"] for one in results["train_solved"]]
    # No line: a step's few tasks are others than those before, and how hard they are says more than what was learnt.
    axes.plot(steps, solved, "o", markersize=4, alpha=0.4, label="train episodes of a step, each of other tasks")
    ends = (0, results["steps"])
    for way, colour, shift in (("sampled", "black", 0.0), ("greedy", "tab:orange", 0.015 * results["steps"])):
        value_S = np.array([stage[way]["pass@1"] for stage in results["stages"]])
        bound_S2 = np.array([stage[way]["interval"] for stage in results["stages"]])
        error_2S = np.abs(bound_S2.T - value_S)
        label = f"test tasks, {way} (95% interval)"
        axes.errorbar(np.add(ends, shift), value_S, yerr=error_2S, fmt="o--", color=colour, capsize=4, label=label)
    title = f"GRPO from {results['model']} on {results['env']}"
    axes.set(xlabel="GRPO step", ylabel="solved", ylim=(0, 1), title=title)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    figure.savefig(path, dpi=120)


def next_steps(out: Path) -> str:
    rows = {
        "the picture": out / "learning_curve.png",
        "the figures": out / "results.json",
        "test episodes": f"{out}/test_*.jsonl",
        "the model": out / "final",
    }
    tries = {
        f"toolgym show {out / 'test_after_GRPO_sampled.jsonl'}": "what it does now",
        f"toolgym plot {out}": "every figure of the run",
        f"toolgym eval --agent hf:{out / 'final'} --split test_unseen": "other words, other compositions",
        "toolgym train --algo grpo --steps 200 --output runs/grpo": "go on",
        "toolgym train --algo sft --model Qwen/Qwen3-0.6B --output runs/sft": "a larger model",
    }
    written = "\n".join(f"  {what:<15}{where}" for what, where in rows.items())
    wide = max(map(len, tries))
    return f"\nWritten\n{written}\n\nTry next\n" + "\n".join(
        f"  {line:<{wide}}  # {why}" for line, why in tries.items()
    )
