"""What a benchmark's run says: shares by part with 95% intervals, the figures that papers report, and two runs paired.

Every share is an average over tasks of the task's average over its trials. Episodes that the infrastructure broke are
counted apart and enter nothing else.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from rich.console import Group
from rich.markup import escape
from rich.table import Table

from toolgym.agents.evaluation.benching import CaseResult
from toolgym.agents.evaluation.metrics import Interval, pass_at_k, pass_hat_k, wilson
from toolgym.benchmark import Benchmark, Share
from toolgym.errors import ConfigError

__all__ = ["BenchReport", "Comparison", "PartSummary", "bench_table", "compare", "comparison_table", "summarise_bench"]

_RESAMPLES = 2000
_SHOWN_FAULTS = 8


@dataclass(frozen=True)
class PartSummary:
    """The figures of one part."""

    name: str
    tasks: int
    right: float | None
    """The share that is right; None where nothing counts."""
    interval: Interval | None
    """95%, Wilson's, over tasks."""
    passes: Mapping[str, float | None]
    """`pass@2` ... and `pass^2` ... where there are several trials a task."""
    infra_errors: int


@dataclass(frozen=True)
class BenchReport:
    """A whole run."""

    settings: Mapping[str, Any]
    k: int
    parts: Sequence[PartSummary]
    overall: PartSummary
    """All tasks of all parts as one."""
    figures: Mapping[str, float | None]
    faults: Mapping[str, int] = field(default_factory=dict)
    """What the benchmark's verdicts found wrong -> how often, the most frequent first."""
    lost: Mapping[str, int] = field(default_factory=dict)
    """Why the infrastructure lost episodes -> how many."""

    def to_json(self) -> dict[str, Any]:
        """The report as `toolgym bench --json` prints it: shares are from 0 to 1."""
        return {
            **self.settings,
            "k": self.k,
            "figures": dict(self.figures),
            "overall": _plain(self.overall),
            "parts": {part.name: _plain(part) for part in self.parts},
            "faults": dict(self.faults),
            "lost": dict(self.lost),
        }


def _plain(part: PartSummary) -> dict[str, Any]:
    return {
        "tasks": part.tasks,
        "right": part.right,
        "interval": None if part.interval is None else list(part.interval),
        **part.passes,
        "infra_errors": part.infra_errors,
    }


def summarise_bench(
    found: Benchmark, results: Sequence[CaseResult], k: int, settings: Mapping[str, Any]
) -> BenchReport:
    """The report of a run with `k` trials a task."""
    names = list(dict.fromkeys(result.part for result in results))
    parts = [_part(name, [result for result in results if result.part == name], k) for name in names]
    sizes = _sizes(results)
    shares = {part.name: Share(part.right, sizes[part.name]) for part in parts if part.right is not None}
    faults = Counter(result.fault for result in results if result.counts and result.fault is not None)
    lost = Counter(result.error or "no reason is known" for result in results if not result.counts)
    overall = _part("all tasks", results, k)
    return BenchReport(
        settings, k, parts, overall, found.figures(shares), dict(faults.most_common()), dict(lost.most_common())
    )


def _sizes(results: Sequence[CaseResult]) -> dict[str, int]:
    """Part -> how many tasks it has; of one whose results do not say so, how many were played."""
    played: dict[str, set[str]] = {}
    told: dict[str, int] = {}
    for result in results:
        if result.counts:
            played.setdefault(result.part, set()).add(result.task_id)
            told[result.part] = max(result.of, told.get(result.part, 0))
    return {part: told[part] or len(tasks) for part, tasks in played.items()}


def _trials(results: Sequence[CaseResult]) -> list[list[CaseResult]]:
    """The trials that count, task by task."""
    tasks: dict[tuple[str, str], list[CaseResult]] = {}
    for result in results:
        if result.counts:
            tasks.setdefault((result.part, result.task_id), []).append(result)
    return list(tasks.values())


def _part(name: str, results: Sequence[CaseResult], k: int) -> PartSummary:
    tasks = _trials(results)
    right = _mean([_share(task) for task in tasks])
    passes: dict[str, float | None] = {}
    for number in range(2, k + 1):
        for label, estimator in ((f"pass@{number}", pass_at_k), (f"pass^{number}", pass_hat_k)):
            enough = [task for task in tasks if len(task) >= number]
            passes[label] = _mean([estimator(len(task), sum(each.right for each in task), number) for task in enough])
    return PartSummary(
        name=name,
        tasks=len({(result.part, result.task_id) for result in results}),
        right=right,
        interval=None if right is None else wilson(right, len(tasks)),
        passes=passes,
        infra_errors=sum(not result.counts for result in results),
    )


def _share(trials: Sequence[CaseResult]) -> float:
    return sum(trial.right for trial in trials) / len(trials)


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def bench_table(report: BenchReport, agent: str) -> Group:
    """The report as rich tables: the figures in a row as papers have them, then each part."""
    first = Table(title=escape(f"{report.settings.get('benchmark')}: {agent}"), title_justify="left")
    first.add_column("figure")
    first.add_column("%", justify="right")
    for name, value in report.figures.items():
        first.add_row(escape(name), "-" if value is None else f"{100 * value:.2f}")
    second = Table(title="by part", title_justify="left", caption_justify="left")
    columns = ("part", "tasks", "right", "95% interval", *report.overall.passes, "lost")
    for column in columns:
        second.add_column(column, justify="left" if column == "part" else "right")
    for part in report.parts:
        second.add_row(*_row(part))
    second.add_section()
    second.add_row(*_row(report.overall))
    common = list(report.faults.items())[:_SHOWN_FAULTS]
    if common:
        second.caption = escape("most frequent faults: " + ", ".join(f"{count} {name}" for name, count in common))
    return Group(first, second)


def _row(part: PartSummary) -> list[str]:
    low, high = part.interval or (0.0, 1.0)
    interval = "-" if part.interval is None else f"{100 * low:.1f} to {100 * high:.1f}"
    shares = (part.right, *part.passes.values())
    right, *passes = ("-" if share is None else f"{100 * share:.2f}" for share in shares)
    return [escape(part.name), str(part.tasks), right, interval, *passes, str(part.infra_errors)]


@dataclass(frozen=True)
class Comparison:
    """Two runs on the tasks that both have: by figure or part, what the second has more than the first."""

    first: str
    second: str
    tasks: int
    left_out: int
    """Tasks that only one of them has, or that the infrastructure broke in one."""
    rows: Sequence[tuple[str, float, float, Interval]]
    """Name, the share of the first, that of the second, and the 95% interval of the difference."""
    better: int
    """Tasks on which the second is right more often."""
    worse: int

    def to_json(self) -> dict[str, Any]:
        """As `toolgym bench compare --json` prints it."""
        return {
            "first": self.first,
            "second": self.second,
            "tasks": self.tasks,
            "left_out": self.left_out,
            "better": self.better,
            "worse": self.worse,
            "differences": {
                name: {"first": one, "second": two, "difference": two - one, "interval": list(interval)}
                for name, one, two, interval in self.rows
            },
        }


def compare(
    found: Benchmark,
    first: tuple[str, Sequence[CaseResult]],
    second: tuple[str, Sequence[CaseResult]],
    seed: int = 0,
) -> Comparison:
    """Pairs two runs of one benchmark by task.

    The intervals are percentile bootstraps: tasks are drawn with replacement within each part, the same ones for both
    runs, and every figure is worked out anew.

    Args:
        found: the benchmark.
        first, second: what each is called, and its results.
        seed: of the bootstrap.

    Raises:
        ConfigError: they have no task in common.
    """
    ones, twos = (_by_task(results) for _, results in (first, second))
    common = [key for key in ones if key in twos]
    if not common:
        raise ConfigError(f"{first[0]} and {second[0]} have no task in common")
    # (2, tasks of the part): each task's share in both runs
    pairs = {
        part: np.array([[run[key] for key in common if key[0] == part] for run in (ones, twos)])
        for part in dict.fromkeys(key[0] for key in common)
    }
    sizes = _sizes([*first[1], *second[1]])
    told = _told(found, pairs, sizes)
    generator = np.random.default_rng(np.random.SeedSequence(seed))
    drawn: dict[str, list[float]] = {name: [] for name in told}
    for _ in range(_RESAMPLES):
        resampled = {
            part: shares[:, generator.integers(0, shares.shape[1], shares.shape[1])] for part, shares in pairs.items()
        }
        for name, (one, two) in _told(found, resampled, sizes).items():
            drawn[name].append(two - one)
    rows = []
    for name, (one, two) in told.items():
        low, high = np.quantile(drawn[name], [0.025, 0.975])
        rows.append((name, one, two, (float(low), float(high))))
    better = sum(twos[key] > ones[key] for key in common)
    worse = sum(twos[key] < ones[key] for key in common)
    left_out = len(ones.keys() | twos.keys()) - len(common)
    return Comparison(first[0], second[0], len(common), left_out, rows, better, worse)


def _by_task(results: Sequence[CaseResult]) -> dict[tuple[str, str], float]:
    """(part, task) -> the share of its trials that are right."""
    latest = {result.key: result for result in results}
    return {(task[0].part, task[0].task_id): _share(task) for task in _trials(list(latest.values()))}


def _told(found: Benchmark, pairs: Mapping[str, Any], sizes: Mapping[str, int]) -> dict[str, tuple[float, float]]:
    """Every figure that can be worked out, every part and all tasks that were played, of both runs."""
    runs = [{part: Share(float(shares[run].mean()), sizes[part]) for part, shares in pairs.items()} for run in (0, 1)]
    figures = [found.figures(run) for run in runs]
    out = {
        name: (one, two)
        for name, one in figures[0].items()
        if one is not None and (two := figures[1][name]) is not None
    }
    out |= {part: (runs[0][part].value, runs[1][part].value) for part in pairs}
    played = np.concatenate(list(pairs.values()), axis=1).mean(axis=1)
    return out | {"all tasks": (float(played[0]), float(played[1]))}


def comparison_table(made: Comparison) -> Table:
    """The comparison as a rich table."""
    table = Table(title=escape(f"{made.second} against {made.first}"), title_justify="left", caption_justify="left")
    for column in ("", "first", "second", "difference", "95% interval"):
        table.add_column(column, justify="right" if column else "left")
    for name, one, two, (low, high) in made.rows:
        shares = (f"{100 * one:.2f}", f"{100 * two:.2f}", f"{100 * (two - one):+.2f}")
        table.add_row(escape(name), *shares, f"{100 * low:+.2f} to {100 * high:+.2f}")
    table.caption = (
        f"{made.tasks} tasks that both have ({made.left_out} left out); the second is right more often on "
        f"{made.better} of them, less often on {made.worse}"
    )
    return table
