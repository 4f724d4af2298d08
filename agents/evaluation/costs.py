"""What evaluations cost beside what they solve: the pass rate against tokens, tool calls and wall time an episode.

An evaluation is a file of episodes (`toolgym eval --output`). Each of its episodes has `meta["cost"]`, what playing it
took, and where it was searched for `meta["search"]`, what the search spent (`toolgym.agents.search.SearchCost`).

- `tokens`: tokens that the model wrote, in all samples of a search together. None of agents that are no model.
- `calls`: tool calls that were run, those in a search's forks too.
- `seconds`: from the reset to the last answer. Episodes that run at once share the machine: compare evaluations of one
  `--concurrency`.

BATS (Liu et al. 2025, arXiv 2511.17006) adds tokens and calls up by their prices; here each has an axis of its own,
because prices differ from server to server. What is on its Pareto front is so on each.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from toolgym.agents.evaluation.metrics import Interval, bootstrap, wilson
from toolgym.agents.evaluation.pictures import new_picture, save_picture
from toolgym.agents.search.cost import SearchCost
from toolgym.errors import ConfigError, did_you_mean
from toolgym.trajectory import Trajectory, iterate_trajectories

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from toolgym.agents.rollouts.rollout import Rollout

__all__ = [
    "COSTS",
    "META",
    "Evaluated",
    "Mean",
    "choose_costs",
    "cost_table",
    "draw_costs",
    "front",
    "played_cost",
    "read_evaluations",
    "to_json",
]

META = "cost"
"""Where a trajectory's `meta` has what playing its episode took."""
COSTS: Mapping[str, str] = {"tokens": "tokens written", "calls": "tool calls", "seconds": "seconds"}
"""The costs of an episode, and what an axis says of each."""
_MARKERS = "os^DvP*Xp<>h"
_SPAN = 10.0
"""An axis whose largest value is more than so many times its smallest is logarithmic."""


@dataclass(frozen=True, slots=True)
class Mean:
    """An average over tasks of the task's average over its episodes, with its 95% interval."""

    value: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What an evaluation solved, and at what cost."""

    name: str
    tasks: frozenset[str]
    """Of the episodes that count."""
    episodes: int
    """That count: not those that the infrastructure broke, nor those that have not ended."""
    lost: int
    """Those that do not."""
    solved: Mean
    """The share of episodes."""
    costs: Mapping[str, Mean | None]
    """By the names of `COSTS`; None where an episode does not tell."""
    oracle: bool = False
    """Whether a search was told the outcomes: an upper bound, which is on no front."""


def played_cost(rollout: "Rollout", trajectory: Trajectory) -> dict[str, Any]:
    """What playing an episode took, as `meta["cost"]` has it."""
    written = [None if used is None else used[1] for used in rollout.usage]
    known = [count for count in written if count is not None]
    times = rollout.times_ns
    return {
        "tokens": sum(known) if known and len(known) == len(written) else None,
        "calls": sum(1 for _, result in trajectory.calls if result.outcome != "over_budget"),
        "seconds": round((times[-1] - times[0]) / 1e9, 6) if times else 0.0,
    }


def _cost_of(trajectory: Trajectory) -> dict[str, float | None]:
    """All that an episode took. What a search wrote includes what was then played; its calls do not.

    Where nobody counted the tokens of what was played, nobody counted those of its search.
    """
    played, search = trajectory.meta.get(META), SearchCost.of_meta(trajectory.meta)
    if not isinstance(played, dict):
        return dict.fromkeys(COSTS)
    cost = {name: played.get(name) for name in COSTS}
    if search is not None:
        tokens = None if cost["tokens"] is None else search.tokens
        cost |= {"tokens": tokens, "calls": (cost["calls"] or 0) + search.calls}
    return cost


def read_evaluations(files: Sequence[Path]) -> list[Evaluated]:
    """The evaluations of files, named by what their paths do not have in common.

    Raises:
        TrajectoryError: a file holds no episodes as `toolgym eval --output` writes them.
        ConfigError: a file has no episode that counts.
    """
    paths = list(dict.fromkeys(file.resolve() for file in files))
    common = os.path.commonpath([path.parent for path in paths])
    return [
        _evaluated(
            path, path.relative_to(common).with_suffix("").as_posix(), (one for _, one in iterate_trajectories(path))
        )
        for path in paths
    ]


def _evaluated(path: Path, name: str, trajectories: Iterable[Trajectory]) -> Evaluated:
    tasks: dict[str, list[dict[str, float | None]]] = {}
    lost, oracle = 0, False
    for one in trajectories:
        if one.outcome is None or one.outcome == "infra_error":
            lost += 1
            continue
        search = SearchCost.of_meta(one.meta)
        oracle = oracle or (search is not None and search.oracle)
        tasks.setdefault(one.task_id, []).append({"solved": float(one.outcome == "solved"), **_cost_of(one)})
    if not tasks:
        raise ConfigError(f"{str(path)!r} has no episode that ended: give a file that `toolgym eval --output` wrote")
    solved = [_average([each["solved"] for each in task]) or 0.0 for task in tasks.values()]
    share = sum(solved) / len(solved)
    return Evaluated(
        name=f"{name} (told the outcome)" if oracle else name,
        tasks=frozenset(tasks),
        episodes=sum(map(len, tasks.values())),
        lost=lost,
        solved=Mean(share, wilson(share, len(solved))),
        oracle=oracle,
        costs={cost: _mean([_average([each[cost] for each in task]) for task in tasks.values()]) for cost in COSTS},
    )


def _average(values: Sequence[float | None]) -> float | None:
    """None where one is not known: what is cheap would be missing, or what is dear."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None


def _mean(per_task: Sequence[float | None]) -> Mean | None:
    value = _average(per_task)
    return None if value is None else Mean(value, bootstrap([each for each in per_task if each is not None]))


def choose_costs(evaluations: Sequence[Evaluated], names: Sequence[str] = ()) -> list[str]:
    """The costs to draw: those that are named, or else all that an evaluation tells.

    Raises:
        ConfigError: there is no such cost, or no evaluation tells any.
    """
    for name in names:
        if name not in COSTS:
            raise ConfigError(did_you_mean(name, COSTS, "cost"))
    told = [name for name in names or COSTS if any(each.costs[name] is not None for each in evaluations)]
    if not told:
        raise ConfigError(
            f"No episode tells its {' or '.join(names or COSTS)}: play the evaluations again, with this version of "
            "`toolgym eval --output`"
        )
    return told


def front(evaluations: Sequence[Evaluated], cost: str) -> list[Evaluated]:
    """The Pareto front, the cheapest first: those to which no other is preferred, that solves as much or more at the
    same cost or less, and is better in one of the two. Oracles are left out."""
    able = [each for each in evaluations if not each.oracle]
    known = [(mean.value, each.solved.value, each) for each in able if (mean := each.costs[cost]) is not None]
    kept = [
        (spent, solved, each)
        for spent, solved, each in known
        if not any(less <= spent and more >= solved and (less < spent or more > solved) for less, more, _ in known)
    ]
    return [each for *_, each in sorted(kept, key=lambda one: one[:2])]


def to_json(evaluations: Sequence[Evaluated]) -> list[dict[str, Any]]:
    """Each evaluation's means and intervals, and on which fronts it is, as JSON values."""

    def told(mean: Mean | None) -> dict[str, Any] | None:
        return None if mean is None else {"mean": mean.value, "interval": list(mean.interval)}

    fronts = {cost: front(evaluations, cost) for cost in COSTS}
    return [
        {
            "evaluation": each.name,
            "tasks": len(each.tasks),
            "episodes": each.episodes,
            "lost": each.lost,
            "pass@1": told(each.solved),
            **{cost: told(mean) for cost, mean in each.costs.items()},
            "front": [cost for cost, best in fronts.items() if each in best],
        }
        for each in evaluations
    ]


def cost_table(evaluations: Sequence[Evaluated], costs: Sequence[str]) -> Table:
    """The same for a terminal; what is on a cost's Pareto front has a star."""
    table = Table(title="the mean cost of an episode; * on the Pareto front", title_justify="left")
    table.add_column("evaluation", overflow="fold")
    for column in ("episodes", "pass@1", *costs):
        table.add_column(column, justify="right")
    fronts = {cost: front(evaluations, cost) for cost in costs}
    for each in evaluations:
        low, high = each.solved.interval
        cells = [str(each.episodes), f"{each.solved.value:.1%} ({100 * low:.1f} to {high:.1%})"]
        for cost in costs:
            mean, star = each.costs[cost], "*" if each in fronts[cost] else " "
            cells.append("- " if mean is None else f"{_figure(mean.value)}{star}")
        table.add_row(escape(each.name), *cells)
    lost = sum(each.lost for each in evaluations)
    if lost:
        table.caption = f"{lost} episodes were lost to infrastructure, or have not ended: they do not count"
    return table


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def draw_costs(evaluations: Sequence[Evaluated], costs: Sequence[str], path: Path) -> None:
    """Draws the pass rate against each cost, to a picture file; its suffix says of which kind.

    A point an evaluation, with the 95% intervals of both; a line through the Pareto front, whose points are filled.

    Raises:
        ConfigError: there is no such kind of picture.
    """
    from matplotlib import colormaps
    from matplotlib.ticker import PercentFormatter

    columns = max(1, min(len(evaluations), 150 // (len(max((each.name for each in evaluations), key=len)) + 8)))
    legend = 0.25 * -(-len(evaluations) // columns)
    picture = new_picture(path, max(5.0, 1 + 4 * len(costs)), 3.6 + legend)
    map = colormaps["tab10" if len(evaluations) <= 10 else "turbo"]
    last = max(1, len(evaluations) - 1)
    for at, cost in enumerate(costs, start=1):
        first = picture.axes[0] if picture.axes else None
        axes = picture.add_subplot(1, len(costs), at, xlabel=f"{COSTS[cost]} an episode", sharey=first)
        best = front(evaluations, cost)
        points = [(each.costs[cost].value, each.solved.value) for each in best]  # pyright: ignore[reportOptionalMemberAccess]
        axes.plot(*zip(*points, strict=True), color="0.6", linewidth=1, zorder=1, label="Pareto front")
        for number, each in enumerate(evaluations):
            colour = map(number) if len(evaluations) <= 10 else map(number / last)
            _add(axes, each, cost, colour, _MARKERS[number % len(_MARKERS)], filled=each in best)
        spent = [mean.value for each in evaluations if (mean := each.costs[cost]) is not None]
        if min(spent) > 0 and max(spent) > _SPAN * min(spent):
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter("{x:,g}")
        else:
            axes.set_xlim(left=0)
        axes.grid(alpha=0.25)
        axes.set_ylim(-0.02, 1.02)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    picture.axes[0].set_ylabel("pass rate")
    handles, names = picture.axes[0].get_legend_handles_labels()
    picture.legend(handles, names, loc="outside lower center", ncols=columns, frameon=False)
    save_picture(picture, path)


def _add(axes: "Axes", one: Evaluated, cost: str, colour: Any, marker: str, *, filled: bool) -> None:
    """Adds an evaluation's point; where it does not tell the cost, its name for the legend alone."""
    spent, look = one.costs[cost], {"color": colour, "marker": marker, "linestyle": "none"}
    look |= {"markerfacecolor": colour if filled else "white", "label": one.name}
    if spent is None:
        axes.plot([], [], **look)
        return
    bars = [
        [[max(0.0, mean.value - mean.interval[0])], [max(0.0, mean.interval[1] - mean.value)]]
        for mean in (spent, one.solved)
    ]
    axes.errorbar(
        spent.value, one.solved.value, xerr=bars[0], yerr=bars[1], elinewidth=0.8, capsize=2, zorder=2, **look
    )
