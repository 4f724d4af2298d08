"""Paired differences of two rows over seeds and tasks, and what they say of a claim that was stated beforehand.

Both rows have runs with the same seeds, evaluated on the same tasks: `D_RN` is the difference of a task's share of
solved trials, seed by seed and task by task. Its mean differs from the truth because other seeds and because other
tasks would have been drawn; the interval resamples both (a bootstrap of seeds' and tasks' effects, which are crossed).

Few seeds: their effects are widened so that the interval of S of them is as wide as Student's t with S - 1 degrees of
freedom. Tasks' effects are narrowed by the share of their spread that is the noise of trials and seeds, which the
seeds' effects hold already. Without both, five seeds that do not differ would be told apart far more often than 5%.

Shapes: R runs (seeds), N tasks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

__all__ = ["Difference", "Verdict", "paired_difference", "paired_interval", "verdict_of"]

Verdict = Literal["shown", "refuted", "not told"]
Outcomes = Mapping[str, Sequence[bool]]
"""Task id -> the success of each trial."""

_NORMAL = 1.959964
_STUDENT = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281,
            2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860)  # fmt: skip
"""The 97.5% quantile of Student's t with 1, 2, ... degrees of freedom."""


@dataclass(frozen=True)
class Difference:
    """What a row solves above another, as shares."""

    mean: float
    interval: tuple[float, float] | None
    """At 95%; None with one seed, which says nothing of others."""
    seeds: tuple[int, ...]
    tasks: int


def _quantile(freedom: int) -> float:
    if freedom <= len(_STUDENT):
        return _STUDENT[freedom - 1]
    return _NORMAL + (_NORMAL**3 + _NORMAL) / (4 * freedom)


def paired_interval(difference_RN: np.ndarray, seed: int = 0, resamples: int = 4000) -> tuple[float, float] | None:
    """The 95% interval of the mean of `(R, N)` differences over other seeds and other tasks; None with one seed."""
    runs, tasks = difference_RN.shape
    if runs < 2:
        return None
    mean = difference_RN.mean()
    of_seeds_R = difference_RN.mean(axis=1) - mean
    of_tasks_N = difference_RN.mean(axis=0) - mean
    rest_RN = difference_RN - mean - of_seeds_R[:, None] - of_tasks_N
    spread = of_tasks_N.var(ddof=1) if tasks > 1 else 0.0
    noise = (rest_RN**2).sum() / ((runs - 1) * max(tasks - 1, 1)) / runs
    of_seeds_R = of_seeds_R * np.sqrt(runs / (runs - 1)) * _quantile(runs - 1) / _NORMAL
    of_tasks_N = of_tasks_N * (np.sqrt(max(0.0, 1 - noise / spread)) if spread > 0 else 0.0)
    rng = np.random.default_rng(np.random.SeedSequence(seed))
    out = mean + of_seeds_R[rng.integers(0, runs, (resamples, runs))].mean(axis=1)
    for first in range(0, resamples, 500):  # a few megabytes at a time
        drawn = rng.integers(0, tasks, (min(500, resamples - first), tasks))
        out[first : first + 500] += of_tasks_N[drawn].mean(axis=1)
    low, high = np.quantile(out, [0.025, 0.975])
    return float(low), float(high)


def paired_difference(row: Mapping[int, Outcomes], other: Mapping[int, Outcomes]) -> Difference | None:
    """What a row solves above another, over the seeds and tasks that both have; None without any.

    Args:
        row: seed -> outcomes.
        other: the same of the row that it is compared with.
    """
    seeds = sorted(row.keys() & other.keys())
    if not seeds:
        return None
    runs = [outcomes[seed] for seed in seeds for outcomes in (row, other)]
    tasks = sorted(task for task in runs[0] if all(run.get(task) for run in runs))
    if not tasks:
        return None
    out_RN = np.array([[np.mean(row[seed][task]) - np.mean(other[seed][task]) for task in tasks] for seed in seeds])
    return Difference(float(out_RN.mean()), paired_interval(out_RN), tuple(seeds), len(tasks))


def verdict_of(difference: Difference | None, threshold: float) -> Verdict:
    """What an interval says of the claim that a difference is above a threshold (both shares)."""
    if difference is None or difference.interval is None:
        return "not told"
    low, high = difference.interval
    return "shown" if low > threshold else "refuted" if high < threshold else "not told"
