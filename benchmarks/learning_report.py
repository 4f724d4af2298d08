"""Statistics of the learning benchmark as it was before the audit (`benchmarks.learning_before`).

Each algorithm is summed up by the interquartile mean over its seeds' held-out figures (Agarwal et al. 2021, "Deep RL at
the edge of the statistical precipice", §4.3: the mean of the middle half, which one lucky or broken run does not move),
with a bootstrap interval over seeds and tasks. All runs are evaluated on the same tasks, so that each resample draws
its tasks once for all of them. What is gained over the warm start is paired by task, what a variant differs from its
algorithm by seed and task.

Shapes: R runs (seeds), N tasks, K trials a task.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from toolgym.agents.evaluation.metrics import ERROR_TYPES, pass_at_k

__all__ = ["Interval", "Run", "interquartile_mean", "interval", "read_rates", "read_runs", "summaries", "summary"]

Interval = tuple[float, float]


@dataclass(frozen=True)
class Run:
    """One trained model's evaluation and its training's lines."""

    seed: int
    evaluation: Mapping[str, Any]
    """The report, and `solved`: task id -> each trial's success."""
    metrics: Sequence[Mapping[str, Any]]
    cost: Mapping[str, float | None]
    """Seconds and CPU seconds of the training; None where it was interrupted."""
    algo: str | None = None
    """Its algorithm, where that is known: a variant's row has another name."""


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
    trained = json.loads(cost.read_text(encoding="utf-8")) if cost.is_file() else {}
    return Run(
        seed,
        json.loads((folder / "evaluation.json").read_text(encoding="utf-8")),
        [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()] if lines.is_file() else [],
        {name: trained.get(name) for name in ("seconds", "cpu_seconds")},
        trained.get("algo"),
    )


def read_rates(folder: Path, name: str) -> dict[str, float]:
    """What a row's algorithm solved of `validation` at each learning rate that was tried, in the order of rates."""
    tried = {
        float(unit.name[5:]): json.loads((unit / "evaluation.json").read_text(encoding="utf-8"))["report"]["pass@1"]
        for unit in (folder / name).glob("rate-*")
        if (unit / "evaluation.json").is_file()
    }
    return {f"{rate:g}": tried[rate] for rate in sorted(tried)}


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


def _scores(runs: Sequence[Run], k: int, among: Collection[str] | None = None) -> np.ndarray:
    """pass@k of each task (or of those in `among`) in each run `(R, N)`; NaN where fewer than k trials were left."""
    tasks = sorted(task for task in runs[0].evaluation["solved"] if among is None or task in among)
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


def _difference(pairs: Sequence[tuple[Run, Run]], among: Collection[str] | None = None) -> dict[str, Any] | None:
    """What pass@1 of the first of each pair is above the second's, paired by task; None without a pair or a task."""
    if not pairs:
        return None
    out_RN = _scores([run for run, _ in pairs], 1, among) - _scores([other for _, other in pairs], 1, among)
    out_RN = out_RN[:, ~np.isnan(out_RN).any(axis=0)]
    if not out_RN.shape[1]:
        return None
    return {"iqm": float(interquartile_mean(out_RN.mean(axis=1))), "interval": list(interval(out_RN))}


def summaries(
    folder: Path, runs: Mapping[str, Sequence[Run]], k: int, start: str, told: Collection[str] = ()
) -> dict[str, dict[str, Any]]:
    """The summary of each row of a benchmark's folder, with the rates that were tried for it.

    With `told`, the tasks in which the agent must tell something, each row that is compared with the warm start also
    says what it gained on those and on the others (`gain_told`, `gain_rest`). A variant's also says of what (`of`), and
    what it is above that, seed by seed (`difference`; None without a seed that both have).
    """
    out = {}
    for name, of in runs.items():
        out[name] = summary(of, k, runs[start][0] if start in runs else None)
        if told and start in runs:
            pairs = [(run, runs[start][0]) for run in of]
            rest = set(of[0].evaluation["solved"]).difference(told)
            out[name] |= {"gain_told": _difference(pairs, told), "gain_rest": _difference(pairs, rest)}
        algo = of[0].algo
        if algo is not None and algo != name and algo in runs:
            pairs = [(run, full) for run in of for full in runs[algo] if full.seed == run.seed]
            out[name] |= {"of": algo, "difference": _difference(pairs)}
        if rates := read_rates(folder, name):
            out[name]["rates"] = rates
    return out


def summary(runs: Sequence[Run], k: int, start: Run | None = None) -> dict[str, Any]:
    """A row's figures as JSON values: `pass@1` ... `pass@k`, tool recall, by depth, by error type, cost.

    With the warm start's run also `gain`: what pass@1 is above its.
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
        out["gain"] = _difference([(run, start) for run in runs])
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
