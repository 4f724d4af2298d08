"""Statistics, table and picture of the learning benchmark.

Each algorithm is summed up by the interquartile mean over its seeds' held-out figures (Agarwal et al. 2021, "Deep RL at
the edge of the statistical precipice", §4.3: the mean of the middle half, which one lucky or broken run does not move),
with a bootstrap interval over seeds and tasks. All runs are evaluated on the same tasks, so that each resample draws
its tasks once for all of them; what is gained over the warm start is paired by task.

Shapes: R runs (seeds), N tasks, K trials a task.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from toolgym.agents.metrics import ERROR_TYPES, pass_at_k

__all__ = ["Interval", "Run", "draw", "interquartile_mean", "interval", "read_runs", "report_table", "summary"]

Interval = tuple[float, float]


@dataclass(frozen=True)
class Run:
    """One trained model's evaluation and its training's lines."""

    seed: int
    evaluation: Mapping[str, Any]
    """As `benchmarks.learning_unit` saves it: the report, and `solved`: task id -> each trial's success."""
    metrics: Sequence[Mapping[str, Any]]
    cost: Mapping[str, float | None]
    """Seconds and CPU seconds of the training; None where it was interrupted."""


def read_runs(folder: Path, start: str) -> tuple[dict[str, list[Run]], dict[str, str]]:
    """What a benchmark's folder holds: each row's runs in the order of seeds, the start's first; and what failed."""
    runs: dict[str, list[Run]] = {}
    failed: dict[str, str] = {}
    if (folder / "start" / "evaluation.json").is_file():
        runs[start] = [_read_run(folder / "start", 0)]
    for unit in sorted(folder.glob("*/seed-*"), key=lambda path: (path.parent.name, int(path.name[5:]))):
        if (unit / "evaluation.json").is_file():
            runs.setdefault(unit.parent.name, []).append(_read_run(unit, int(unit.name[5:])))
        elif (unit / "failed.txt").is_file():
            failed[f"{unit.parent.name} {unit.name}"] = (unit / "failed.txt").read_text(encoding="utf-8").strip()
    return runs, failed


def _read_run(folder: Path, seed: int) -> Run:
    lines = folder / "metrics.jsonl"
    cost = folder / "trained.json"
    return Run(
        seed,
        json.loads((folder / "evaluation.json").read_text(encoding="utf-8")),
        [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()] if lines.is_file() else [],
        json.loads(cost.read_text(encoding="utf-8")) if cost.is_file() else {},
    )


def interquartile_mean(values: np.ndarray, axis: int = -1) -> np.ndarray:
    """The mean of what is left without the lowest and the highest quarter (each rounded down) along an axis."""
    count = values.shape[axis]
    cut = count // 4
    middle = np.sort(values, axis=axis).take(np.arange(cut, count - cut), axis=axis)
    return middle.mean(axis=axis)


def interval(scores_RN: np.ndarray, seed: int = 0, resamples: int = 2000, confidence: float = 0.95) -> Interval:
    """The percentile bootstrap interval of the interquartile mean over runs of each run's mean over tasks.

    Runs and tasks are crossed: a resample draws runs, and tasks that are the same for all runs.
    """
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    runs, tasks = scores_RN.shape
    out = np.empty(resamples)
    for at in range(resamples):
        chosen_R = rng.integers(0, runs, runs)
        columns_N = rng.integers(0, tasks, tasks)
        out[at] = interquartile_mean(scores_RN[:, columns_N].mean(axis=1)[chosen_R])
    tail = (1 - confidence) / 2
    low, high = np.quantile(out, [tail, 1 - tail])
    return float(low), float(high)


def _scores(runs: Sequence[Run], k: int) -> np.ndarray:
    """pass@k of each task in each run `(R, N)`; NaN where the infrastructure left fewer than k trials."""
    tasks = sorted(runs[0].evaluation["solved"])
    return np.array(
        [
            [
                pass_at_k(len(run.evaluation["solved"][task]), sum(run.evaluation["solved"][task]), k)
                if len(run.evaluation["solved"][task]) >= k
                else np.nan
                for task in tasks
            ]
            for run in runs
        ]
    )


def summary(runs: Sequence[Run], k: int, start: Run | None = None) -> dict[str, Any]:
    """An algorithm's figures as JSON values: `pass@1` ... `pass@k`, tool recall, by depth, by error type, cost.

    With the warm start's run also `gain`: what pass@1 is above its, paired by task.
    """
    out: dict[str, Any] = {"seeds": [run.seed for run in runs]}
    for number in range(1, k + 1):
        scores_RN = _scores(runs, number)
        scores_RN = scores_RN[:, ~np.isnan(scores_RN).any(axis=0)]
        if scores_RN.shape[1] == 0:
            continue
        means_R = scores_RN.mean(axis=1)
        out[f"pass@{number}"] = {
            "iqm": float(interquartile_mean(means_R)),
            "interval": list(interval(scores_RN)),
            "by_seed": means_R.round(6).tolist(),
        }
    if start is not None:
        gains_RN = _scores(runs, 1) - _scores([start], 1)
        gains_RN = gains_RN[:, ~np.isnan(gains_RN).any(axis=0)]
        means_R = gains_RN.mean(axis=1)
        out["gain"] = {"iqm": float(interquartile_mean(means_R)), "interval": list(interval(gains_RN))}
    reports = [run.evaluation["report"] for run in runs]
    out["tool_recall"] = _middle([report["tool_recall"] for report in reports])
    out["mean_reward"] = _middle([report["mean_reward"] for report in reports])
    depths = sorted({depth for report in reports for depth in report["by_depth"]}, key=int)
    out["by_depth"] = {
        depth: _middle([report["by_depth"][depth]["pass@1"] for report in reports if depth in report["by_depth"]])
        for depth in depths
    }
    out["errors"] = {name: _middle([report["errors"][name] for report in reports]) for name in ERROR_TYPES}
    out["env_steps"] = _middle([sum(line.get("env_steps", 0.0) for line in run.metrics) for run in runs])
    out["updates"] = _middle([float(len(run.metrics)) for run in runs])
    for name in ("seconds", "cpu_seconds"):
        out[name] = _middle([run.cost.get(name) for run in runs])
    return out


def _middle(values: Sequence[float | None]) -> float | None:
    known = np.array([value for value in values if value is not None], dtype=np.float64)
    return float(interquartile_mean(known)) if len(known) else None


def report_table(results: Mapping[str, Mapping[str, Any]], k: int, wanted: int = 1) -> Table:
    """The algorithms, best first; those with fewer than the wanted seeds say so. The warm start has none.

    `gain`, with its interval, is in points over the warm start.
    """
    table = Table(title="Held-out tasks solved: interquartile mean over seeds, 95% interval", title_justify="left")
    for column in ("algorithm", "seeds", "pass@1", "gain", "interval", f"pass@{k}", "recall", "CPU s"):
        table.add_column(column, justify="left" if column == "algorithm" else "right", no_wrap=True)
    for name, figures in sorted(results.items(), key=lambda item: -item[1]["pass@1"]["iqm"]):
        last, gain = figures.get(f"pass@{k}"), figures.get("gain") if figures["updates"] else None
        table.add_row(
            name,
            _seeds(figures, wanted),
            f"{figures['pass@1']['iqm']:.1%}",
            f"{100 * gain['iqm']:+.1f}" if gain else "-",
            f"{100 * gain['interval'][0]:+.0f} to {100 * gain['interval'][1]:+.0f}" if gain else "-",
            f"{last['iqm']:.1%}" if last else "-",
            "-" if figures["tool_recall"] is None else f"{figures['tool_recall']:.1%}",
            f"{figures['cpu_seconds']:.0f}" if figures["cpu_seconds"] else "-",
        )
    return table


def _seeds(figures: Mapping[str, Any], wanted: int) -> str:
    """How many seeds a row has, and how many it should have."""
    if not figures["updates"]:
        return "-"
    count = len(figures["seeds"])
    return str(count) if count >= wanted else f"{count}/{wanted}"


def draw(results: Mapping[str, Mapping[str, Any]], runs: Mapping[str, Sequence[Run]], path: Path) -> None:
    """The picture: what was gained over the warm start (without one: pass@1), and learning curves by steps played."""
    from matplotlib import colormaps
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = sorted(results, key=lambda name: results[name]["pass@1"]["iqm"])
    figure = Figure(figsize=(12, 0.35 * len(names) + 3.5), layout="constrained")
    FigureCanvasAgg(figure)
    bars, curves = figure.subplots(1, 2)
    kind = "gain" if all("gain" in results[name] for name in names) else "pass@1"
    for at, name in enumerate(names):
        low, high = results[name][kind]["interval"]
        bars.plot([100 * low, 100 * high], [at, at], color="tab:blue", linewidth=6, alpha=0.35, solid_capstyle="butt")
        bars.plot([100 * results[name][kind]["iqm"]], [at], "|", color="black", markersize=14)
    bars.set_yticks(range(len(names)), [f"{name}  {results[name]['pass@1']['iqm']:.1%}" for name in names])
    bars.grid(axis="x", alpha=0.3)
    what = "points over the warm start, paired by task" if kind == "gain" else "%"
    bars.set(xlabel=f"held-out tasks solved, {what} (IQM, 95% interval)")
    curves.set_prop_cycle(color=[colormaps["tab20"](at) for at in range(20)])
    for name in reversed(names):
        lines = [
            [(line["env_steps"], line["solved"]) for line in run.metrics if "solved" in line and "env_steps" in line]
            for run in runs[name]
        ]
        shortest = min((len(line) for line in lines), default=0)
        if shortest < 2:
            continue
        points = np.array([line[:shortest] for line in lines])  # (R, steps, 2)
        played, solved = points[:, :, 0].cumsum(axis=1).mean(axis=0), points[:, :, 1].mean(axis=0)
        width = max(1, shortest // 4)  # each batch has other tasks
        smooth = np.convolve(solved, np.ones(width) / width, mode="valid")
        curves.plot(played[width - 1 :], smooth, label=name, linewidth=1.2)
    curves.set(xlabel="environment steps", ylabel="train episodes solved (mean over seeds)", ylim=(0, 1))
    if curves.lines:
        curves.legend(fontsize="small", ncols=2, loc="lower right")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
