"""An evaluation's report: many `EpisodeScore`s to one table, overall and by depth and kind, with 95% intervals.

Every figure is an average over tasks of the task's average over its trials, so that the interval's unit is the task.
Episodes that the infrastructure broke are counted apart and enter nothing else.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from rich.console import Group
from rich.markup import escape
from rich.table import Table

from toolgym.agents.evaluation.first_error import FIRST_ERRORS
from toolgym.agents.evaluation.metrics import (
    ERROR_TYPES,
    EpisodeScore,
    Interval,
    bootstrap,
    pass_at_k,
    pass_hat_k,
    wilson,
)
from toolgym.agents.evaluation.plan import PLAN_METRICS
from toolgym.envs.planarena.numbers import Tier

__all__ = ["Estimate", "Report", "Summary", "report_table", "summarise"]

_SEARCH = ("tokens", "turns", "steps", "calls")
"""The figures of what an episode's search cost."""
_MOST_KINDS = 60
"""That are shown in a terminal."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure, its 95% interval and the number of tasks behind it; all None where nothing can be averaged."""

    value: float | None
    interval: Interval | None
    tasks: int


@dataclass(frozen=True)
class Summary:
    """The figures of one group of episodes."""

    tasks: int
    episodes: int
    infra_errors: int
    unscored: int
    """Episodes without a reward: a step of theirs has no score. They are left out of `mean_reward` alone."""
    outcomes: Mapping[str, int]
    estimates: Mapping[str, Estimate]
    """`pass@1` ... `pass@k`, `pass^1` ... `pass^k`, `noop_pass@1` (what doing nothing would have got on these tasks),
    `tool_recall`, `call_recall`, the `PLAN_METRICS`, `mean_reward`, `turns`, `calls`; of episodes with a budget
    `over_budget` (calls that it refused) and `budget_spent` (the share that used one up); of searched episodes what the
    search took: `search_tokens`, `search_turns`, `search_steps`, `search_calls`."""
    errors: Mapping[str, Estimate]
    """Error type -> the share of episodes that were not solved and show it (StepTool Table 6)."""
    first_errors: Mapping[str, Estimate] = field(default_factory=dict)
    """Kind -> the share of episodes that were not solved and first went wrong so
    (`toolgym.agents.evaluation.first_error`). Only kinds that occur."""

    def to_json(self) -> dict[str, Any]:
        """Plain values by name, with the intervals apart under `intervals`."""
        return {
            "tasks": self.tasks,
            "episodes": self.episodes,
            "infra_errors": self.infra_errors,
            "unscored": self.unscored,
            **{name: estimate.value for name, estimate in self.estimates.items()},
            "errors": {name: estimate.value for name, estimate in self.errors.items()},
            "first_errors": {name: estimate.value for name, estimate in self.first_errors.items()},
            "outcomes": dict(self.outcomes),
            "intervals": {
                **{name: _pair(estimate.interval) for name, estimate in self.estimates.items()},
                "errors": {name: _pair(estimate.interval) for name, estimate in self.errors.items()},
                "first_errors": {name: _pair(estimate.interval) for name, estimate in self.first_errors.items()},
            },
        }


@dataclass(frozen=True)
class Report:
    """The whole evaluation: what was run, the figures overall and in groups."""

    settings: Mapping[str, Any]
    k: int
    overall: Summary
    by_depth: Mapping[str, Summary] = field(default_factory=dict)
    by_kind: Mapping[str, Summary] = field(default_factory=dict)
    by_tier: Mapping[str, Summary] = field(default_factory=dict)
    """Of the tasks of PlanArena's scenarios; empty where there are none."""
    by_first_error: Mapping[str, Summary] = field(default_factory=dict)
    """Of the episodes that were not solved, by the kind of their first error: pass@1 is 0 in each, and the plan metrics
    tell how far they came."""
    lost: Mapping[str, int] = field(default_factory=dict)
    """Why the infrastructure lost episodes -> how many, the most frequent first."""

    def to_json(self) -> dict[str, Any]:
        """The report as `toolgym eval --json` prints it.

        `pass@k` and `pass^k` stand for the `k` that was asked for; `pass@1`, `pass@2`, ... for every number up to it.
        """
        figures = self.overall.to_json()
        for sign in "@^":
            figures[f"pass{sign}k"] = figures[f"pass{sign}{self.k}"]
            figures["intervals"][f"pass{sign}k"] = figures["intervals"][f"pass{sign}{self.k}"]
        return {
            **self.settings,
            "k": self.k,
            **figures,
            "lost": dict(self.lost),
            "by_depth": {name: group.to_json() for name, group in self.by_depth.items()},
            "by_kind": {name: group.to_json() for name, group in self.by_kind.items()},
            "by_tier": {name: group.to_json() for name, group in self.by_tier.items()},
            "by_first_error": {name: group.to_json() for name, group in self.by_first_error.items()},
        }


def _pair(interval: Interval | None) -> list[float] | None:
    return None if interval is None else list(interval)


def summarise(scores: Iterable[EpisodeScore], k: int, settings: Mapping[str, Any], seed: int = 0) -> Report:
    """The report of an evaluation with `k` trials a task. `seed` is the bootstrap's."""
    every = list(scores)
    depths = sorted({score.depth for score in every})
    kinds = sorted({kind for score in every for kind in score.kind})
    tiers = [tier for tier in get_args(Tier) if any(score.tier == tier for score in every)]
    return Report(
        settings=dict(settings),
        k=k,
        overall=_summary(every, k, seed),
        by_depth={str(depth): _summary([s for s in every if s.depth == depth], k, seed) for depth in depths},
        by_kind={kind: _summary([s for s in every if kind in s.kind], k, seed) for kind in kinds},
        by_tier={tier: _summary([s for s in every if s.tier == tier], k, seed) for tier in tiers},
        by_first_error={kind: _summary([s for s in every if _erred(s) == kind], k, seed) for kind in _kinds(every)},
        lost=dict(Counter(score.error or "no reason is known" for score in every if not score.counts).most_common()),
    )


def _summary(scores: Sequence[EpisodeScore], k: int, seed: int) -> Summary:
    trials: dict[str, list[EpisodeScore]] = {}
    for score in scores:
        if score.counts:
            trials.setdefault(score.task_id, []).append(score)
    tasks = list(trials.values())

    def mean(value: Callable[[EpisodeScore], float | None], *, share: bool = False) -> Estimate:
        per_task = []
        for task in tasks:
            values = [float(v) for v in map(value, task) if v is not None]
            if values:
                per_task.append(sum(values) / len(values))
        return _estimate(per_task, seed, share=share)

    estimates = {}
    for number in range(1, k + 1):
        for name, estimator in ((f"pass@{number}", pass_at_k), (f"pass^{number}", pass_hat_k)):
            # A task that lost trials to the infrastructure may have fewer than `number`: it cannot tell.
            per_task = [estimator(len(t), sum(s.solved for s in t), number) for t in tasks if len(t) >= number]
            estimates[name] = _estimate(per_task, seed, share=True)
    estimates["noop_pass@1"] = mean(lambda score: score.idle_solves, share=True)
    estimates["tool_recall"] = mean(lambda score: score.tool_recall)
    estimates["call_recall"] = mean(lambda score: score.call_recall)
    for name in PLAN_METRICS:
        estimates[name] = mean(lambda score, name=name: getattr(score.plan, name))
    estimates["mean_reward"] = mean(lambda score: score.reward)
    estimates["turns"] = mean(lambda score: score.turns)
    estimates["calls"] = mean(lambda score: score.calls)
    estimates["over_budget"] = mean(lambda score: score.over_budget)
    estimates["budget_spent"] = mean(lambda score: score.budget_spent, share=True)
    if any(score.search is not None for score in scores):
        for name in _SEARCH:
            estimates[f"search_{name}"] = mean(lambda score, name=name: getattr(score.search, name, None))
    return Summary(
        tasks=len({score.task_id for score in scores}),
        episodes=len(scores),
        infra_errors=sum(1 for score in scores if not score.counts),
        unscored=sum(1 for score in scores if score.counts and score.reward is None),
        outcomes=dict(sorted(Counter(score.outcome for score in scores).items())),
        estimates=estimates,
        errors={
            name: mean(lambda score, name=name: not score.solved and score.errors.get(name, 0) > 0, share=True)
            for name in ERROR_TYPES
        },
        first_errors={
            name: mean(lambda score, name=name: _erred(score) == name, share=True) for name in _kinds(scores)
        },
    )


def _erred(score: EpisodeScore) -> str:
    """The kind of an episode's first error, or ""."""
    return score.first_error.kind if score.first_error is not None else ""


def _kinds(scores: Sequence[EpisodeScore]) -> list[str]:
    """The kinds of first errors that occur, in the order in which they are defined."""
    found = set(map(_erred, scores))
    return [kind for kind in FIRST_ERRORS if kind in found]


def _estimate(per_task: Sequence[float], seed: int, *, share: bool) -> Estimate:
    """The mean with its interval: Wilson's for a share of independent tasks, a bootstrap over tasks otherwise."""
    if not per_task:
        return Estimate(None, None, 0)
    value = sum(per_task) / len(per_task)
    interval = wilson(value, len(per_task)) if share else bootstrap(per_task, seed)
    return Estimate(value, interval, len(per_task))


def report_table(report: Report) -> Group:
    """The report as rich tables, for a terminal."""
    title = ", ".join(f"{name}={value}" for name, value in report.settings.items() if value not in (None, {}, ""))
    main = Table(title=escape(title), title_justify="left", caption_justify="left", min_width=60)
    main.add_column("figure")
    main.add_column("value", justify="right")
    main.add_column("95% interval", justify="right")
    overall = report.overall
    shown = ["pass@1", *([f"pass@{report.k}", f"pass^{report.k}"] if report.k > 1 else [])]
    shown += ["noop_pass@1", "tool_recall", "call_recall", *PLAN_METRICS, "mean_reward", "turns", "calls"]
    for name in [*shown, *(f"search_{each}" for each in _SEARCH if f"search_{each}" in overall.estimates)]:
        label = "pass@1 of doing nothing" if name == "noop_pass@1" else name
        main.add_row(label, *_cells(overall.estimates[name], percent=_is_share(name)))
    if overall.estimates["budget_spent"].value is not None:
        main.add_row("budget spent", *_cells(overall.estimates["budget_spent"], percent=True))
        main.add_row("calls over budget", *_cells(overall.estimates["over_budget"], percent=False))
    main.add_section()
    for name, estimate in overall.errors.items():
        main.add_row(f"error: {name}", *_cells(estimate, percent=True))
    main.add_section()
    for name, estimate in overall.first_errors.items():
        main.add_row(f"first error: {name}", *_cells(estimate, percent=True))
    main.caption = (
        f"{overall.tasks} tasks, {overall.episodes} episodes, {overall.infra_errors} lost to infrastructure; "
        + (f"{overall.unscored} without a score; " if overall.unscored else "")
        + ", ".join(f"{count} {outcome}" for outcome, count in overall.outcomes.items())
    )
    title = "by depth, tier, first error and kind" if report.by_tier else "by depth, first error and kind"
    groups = Table(title=title, title_justify="left", caption_justify="left")
    for column in ("group", "tasks", "pass@1", "95% interval", "recall", "reward"):
        groups.add_column(column, justify="left" if column == "group" else "right", overflow="fold")
    every = {"depth": report.by_depth, "tier": report.by_tier, "first error": report.by_first_error}
    many = len(report.by_kind) > _MOST_KINDS  # scenarios have kinds of their own, hundreds in all
    for label, members in (every if many else {**every, "kind": report.by_kind}).items():
        for name, group in members.items():
            groups.add_row(
                escape(f"{label} {name}"),
                str(group.tasks),
                *_cells(group.estimates["pass@1"], percent=True),
                _cells(group.estimates["tool_recall"], percent=True)[0],
                _cells(group.estimates["mean_reward"], percent=False)[0],
            )
        groups.add_section()
    if many:
        groups.caption = f"{len(report.by_kind)} kinds: --json has them"
    return Group(main, groups)


def _is_share(name: str) -> bool:
    return name.startswith(("pass", "noop_pass")) or name.endswith("recall") or name in PLAN_METRICS


def _cells(estimate: Estimate, *, percent: bool) -> tuple[str, str]:
    if estimate.value is None or estimate.interval is None:
        return ("-", "-")
    low, high = estimate.interval
    if percent:
        return (f"{estimate.value:.1%}", f"{100 * low:.1f} to {high:.1%}")
    return (f"{estimate.value:.2f}", f"{low:.2f} to {high:.2f}")
