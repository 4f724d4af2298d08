"""What a folder of units comes to: figures of every row, the claims' verdicts, the conditions beside them, a picture.

Differences are paired by seed and task (`benchmarks.learning_verdicts`). A verdict counts where the conditions of its
claim are met; where one is not, the claim is not told, whatever the interval says.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.learning_families import CONDITIONS, FAMILIES, Comparison, Condition, Family, Row
from benchmarks.learning_parts import read_lines
from benchmarks.learning_verdicts import Difference, paired_difference, verdict_of

__all__ = [
    "TESTS",
    "Unit",
    "claims_table",
    "conditions_table",
    "draw",
    "markdown",
    "measured",
    "read_units",
    "results_of",
]

TESTS = ("near", "far", "other")


@dataclass(frozen=True)
class Unit:
    """One row's run with one seed: its evaluations, and the lines of its trainings, stage by stage."""

    tests: Mapping[str, Mapping[str, Any]]
    stages: Sequence[Sequence[Mapping[str, Any]]] = ()
    cpu_seconds: float | None = None

    @property
    def env_steps(self) -> float:
        """Environment steps that were played for training."""
        return sum(line.get("env_steps", 0.0) for lines in self.stages for line in lines)

    @property
    def tokens(self) -> float | None:
        """Tokens that the trainings read and learnt from, each once a batch of episodes; None where one of them, that
        learns from episodes made beforehand, does not log it.
        """
        counts = [[line["num_tokens"] for line in lines if "num_tokens" in line] for lines in self.stages]
        return sum(map(max, counts)) if all(counts) else None


@dataclass
class _Found:
    """The units of a row by seed, and what failed."""

    units: dict[int, Unit] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)


def _read_tests(folder: Path) -> dict[str, Any]:
    paths = {name: folder / f"{name}.json" for name in TESTS}
    return {name: json.loads(path.read_text(encoding="utf-8")) for name, path in paths.items() if path.is_file()}


def read_units(folder: Path, row: Row) -> _Found:
    """A row's units in a family's folder that are trained and evaluated on `near` at least."""
    found = _Found()
    for place in sorted((folder / row.name).glob("seed-*"), key=lambda path: int(path.name[5:])):
        seed, tests = int(place.name[5:]), _read_tests(place)
        if "near" in tests:
            stages = [place / f"stage-{number}" for number, _ in enumerate(row.stages, 1)]
            costs = [json.loads((stage / "trained.json").read_text(encoding="utf-8")) for stage in stages]
            cpu = sum(cost["cpu_seconds"] for cost in costs)
            found.units[seed] = Unit(tests, [read_lines(stage / "metrics.jsonl") for stage in stages], cpu)
        elif (place / "failed.txt").is_file():
            found.failed[seed] = (place / "failed.txt").read_text(encoding="utf-8").strip()
    return found


def measured(condition: Condition, lines: Sequence[Mapping[str, Any]]) -> float | None:
    """A condition's figure in a training's lines; None where nothing of it was logged."""
    sums = [[line[name] for line in lines if line.get(name) is not None] for name in condition.logged]
    if condition.share:
        total = sum(map(sum, sums))
        return sum(sums[0]) / total if total else None
    values = next((found for found in sums if found), [])[condition.skip :]
    return float(np.mean(values)) if values else None


def _met(condition: Condition, value: float | None) -> bool | None:
    """Whether it is met; None where it was not measured."""
    if value is None:
        return None
    return value >= condition.least if condition.least is not None else value < (condition.below or 0.0)


def _as_json(difference: Difference | None) -> dict[str, Any] | None:
    if difference is None:
        return None
    interval = None if difference.interval is None else list(difference.interval)
    return {"mean": difference.mean, "interval": interval, "seeds": list(difference.seeds), "tasks": difference.tasks}


def _difference(row: _Found, other: Mapping[int, Unit], test: str, what: str) -> Difference | None:
    sides = [
        {seed: unit.tests[test][what] for seed, unit in units.items() if test in unit.tests}
        for units in (row.units, other)
    ]
    return paired_difference(*sides)


def _share(tests: Sequence[Mapping[str, Any]], what: str) -> float | None:
    shares = [np.mean([np.mean(trials) for trials in test[what].values() if trials]) for test in tests if test[what]]
    return float(np.mean(shares)) if shares else None


def _row_figures(found: _Found, start: Mapping[str, Any]) -> dict[str, Any]:
    """A row's figures as JSON values."""
    units, out = found.units, {}
    for test in TESTS:
        tests = [unit.tests[test] for unit in units.values() if test in unit.tests]
        if not tests:
            continue
        begun = {seed: Unit({test: start[test]}) for seed in units} if test in start else {}
        out[test] = {
            "solved": _share(tests, "solved"),
            "state": _share(tests, "state"),
            "gain": _as_json(_difference(found, begun, test, "solved")),
        }
    costs = [unit.cpu_seconds for unit in units.values() if unit.cpu_seconds is not None]
    tokens = [unit.tokens for unit in units.values() if unit.tokens is not None]
    return {
        "seeds": sorted(units),
        "tests": out,
        "env_steps": float(np.mean([unit.env_steps for unit in units.values()])),
        "tokens": float(np.mean(tokens)) if tokens else None,
        "cpu_seconds": float(np.mean(costs)) if costs else None,
    }


def _claim(of: Comparison, found: Mapping[str, _Found], met: Mapping[tuple[str, str], bool | None]) -> dict[str, Any]:
    """What became of a claim."""
    others = found[of.other].units
    differences = {
        f"{test} {what}": _difference(found[of.row], others, test, what)
        for test in TESTS
        for what in ("solved", "state")
    }
    alone = verdict_of(differences["near solved"], of.points / 100)
    unmet = [name for name in of.conditions if not met.get((of.row, name))]
    return {
        "row": of.row,
        "other": of.other,
        "points": of.points,
        "conditions": list(of.conditions),
        "unmet": unmet,
        "interval_says": alone,
        "verdict": "not told" if unmet else alone,
        "differences": {name: _as_json(one) for name, one in differences.items() if one is not None},
    }


def _family_results(folder: Path, of: Family, start: Mapping[str, Any]) -> dict[str, Any]:
    found = {row.name: read_units(folder / of.name, row) for row in of.rows}
    conditions, met = [], {}
    for row, name in of.conditions:
        condition = CONDITIONS[name]
        values = [measured(condition, unit.stages[-1]) for unit in found[row].units.values()]
        known = [value for value in values if value is not None]
        value = float(np.mean(known)) if known else None
        met[row, name] = _met(condition, value)
        conditions.append({"row": row, "name": name, "about": condition.about, "value": value, "met": met[row, name]})
    return {
        "paper": of.paper,
        "reward": of.reward,
        "rows": {name: _row_figures(row, start) for name, row in found.items() if row.units},
        "claims": [_claim(one, found, met) for one in of.comparisons],
        "conditions": conditions,
        "failed": {f"{name} seed {seed}": why for name, row in found.items() for seed, why in row.failed.items()},
    }


def results_of(folder: Path, families: Sequence[Family]) -> dict[str, Any]:
    """The results of a folder of units as JSON values."""
    start = _read_tests(folder / "start")
    shares = {name: {what: _share([test], what) for what in ("solved", "state")} for name, test in start.items()}
    return {"start": shares, "families": {of.name: _family_results(folder, of, start) for of in families}}


# Tables --------------------------------------------------------------------------------------------------------------


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(line)} |" for line in (columns, ["---"] * len(columns), *rows))


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}"


def _points(difference: Mapping[str, Any] | None) -> str:
    if difference is None:
        return ""
    low, high = difference["interval"] or (math.nan, math.nan)
    within = f" [{100 * low:+.1f}, {100 * high:+.1f}]" if difference["interval"] else ""
    return f"{100 * difference['mean']:+.1f}{within}"


def _rows_table(found: Mapping[str, Any], start: Mapping[str, Any], wanted: int) -> str:
    shown = [test for test in TESTS if test in start or any(test in row["tests"] for row in found["rows"].values())]
    columns = [
        "row",
        "seeds",
        "gain, near",
        *(f"{test}: {what}" for test in shown for what in ("solved", "state right")),
    ]
    lines = []
    for name, row in [*found["rows"].items(), ("warm start", {"tests": start, "seeds": None})]:
        seeds = row["seeds"]
        count = "" if seeds is None else str(len(seeds)) if len(seeds) >= wanted else f"{len(seeds)} of {wanted}"
        figures = [_percent(row["tests"].get(test, {}).get(what)) for test in shown for what in ("solved", "state")]
        costs = ["", "", ""]
        if seeds is not None:
            tokens = "" if row["tokens"] is None else f"{row['tokens'] / 1000:,.0f}"
            costs = [f"{row['env_steps']:,.0f}", tokens, f"{row['cpu_seconds'] or 0:,.0f}"]
        gain = _points(row["tests"].get("near", {}).get("gain")) if seeds is not None else ""
        lines.append([name, count, gain, *figures, *costs])
    return _table([*columns, "environment steps", "thousand tokens", "CPU s"], lines)


def _said(claim: Mapping[str, Any]) -> str:
    if not claim["differences"]:
        return "not run"
    if claim["unmet"]:
        return f"not told: without {', '.join(claim['unmet'])} (the interval alone: {claim['interval_says']})"
    return claim["verdict"]


def claims_table() -> str:
    """What refutes each paper, as docs/learning.md has it."""
    lines = [
        [of.paper, f"{one.row} - {one.other}", f"{one.points:g}", ", ".join(one.conditions)]
        for of in FAMILIES.values()
        for one in of.comparisons
    ]
    return _table(["paper", "difference", "claimed: more than, in points", "conditions"], lines)


def conditions_table() -> str:
    """What the conditions ask, as docs/learning.md has it."""
    return _table(["condition", "what is asked"], [[one.name, one.about] for one in CONDITIONS.values()])


def markdown(results: Mapping[str, Any], seeds: Sequence[int]) -> str:
    """The tables of all families: rows, claims, conditions."""
    parts = []
    for name, found in results["families"].items():
        if not found["rows"]:
            parts.append(f"{name}: not run.")
            continue
        parts.append(f"{name} ({found['paper']}; reward: {found['reward']})")
        parts.append(_rows_table(found, results["start"], len(seeds)))
        if found["claims"]:
            titles = {"near solved": "near", "near state": "near, state right", "far solved": "far"}
            if not any(one["differences"].get("far solved") for one in found["claims"]):
                del titles["far solved"]
            claims = [
                [
                    f"{one['row']} - {one['other']} > {one['points']:g}",
                    *(_points(one["differences"].get(name)) for name in titles),
                    _said(one),
                ]
                for one in found["claims"]
            ]
            parts.append(_table(["claim, in points", *titles.values(), "verdict"], claims))
        if found["conditions"]:
            words = {True: "met", False: "not met", None: "not measured"}
            conditions = [
                [one["row"], one["name"], one["about"], "" if one["value"] is None else f"{one['value']:.3g}",
                 words[one["met"]]]
                for one in found["conditions"]
            ]  # fmt: skip
            parts.append(_table(["row", "condition", "what is asked", "measured", ""], conditions))
        parts += [f"{unit} failed: {why}" for unit, why in found["failed"].items()]
    return "\n\n".join(parts)


# Picture -------------------------------------------------------------------------------------------------------------


def draw(of: Family, found: Mapping[str, Any], folder: Path, path: Path) -> None:
    """A family's picture: gains over the warm start with intervals, and a panel of curves for each claim.

    A panel has two lines: the share of train episodes solved by environment steps, the mean over seeds with a band from
    the lowest to the highest seed.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    claims = [one for one in of.comparisons if one.row in found["rows"] and one.other in found["rows"]]
    figure = Figure(figsize=(5.5 + 3.6 * len(claims), 4), layout="constrained")
    FigureCanvasAgg(figure)
    gains, *panels = figure.subplots(1, 1 + len(claims), squeeze=False)[0]
    names = [name for name in found["rows"] if found["rows"][name]["tests"]["near"]["gain"] is not None]
    names.sort(key=lambda name: found["rows"][name]["tests"]["near"]["gain"]["mean"])
    for at, name in enumerate(names):
        gain = found["rows"][name]["tests"]["near"]["gain"]
        if gain["interval"]:
            ends = [100 * end for end in gain["interval"]]
            gains.plot(ends, [at, at], color="tab:blue", linewidth=6, alpha=0.35, solid_capstyle="butt")
        gains.plot([100 * gain["mean"]], [at], "|", color="black", markersize=14)
    gains.set_yticks(range(len(names)), names)
    gains.axvline(0, color="black", linewidth=0.8)
    gains.set(xlabel="near tasks solved, points over the warm start", title=f"{of.paper}: 95% intervals")
    gains.grid(axis="x", alpha=0.3)
    for axes, claim in zip(panels, claims, strict=True):
        for name, color in ((claim.row, "tab:blue"), (claim.other, "tab:orange")):
            units = read_units(folder / of.name, of.row(name)).units
            _draw_curve(axes, name, [unit.stages[-1] for unit in units.values()], color)
        axes.set(xlabel="environment steps", ylabel="train episodes solved")
        axes.set_title(f"{claim.row}\nand {claim.other}")
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.set_ylim(0, min(1.0, 1.35 * max(axes.get_ylim()[1], 0.05)))  # room for the legend
            axes.legend(loc="upper left")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def _draw_curve(axes: Any, name: str, runs: Sequence[Sequence[Mapping[str, Any]]], color: str) -> None:
    lines = [[(line["env_steps"], line["solved"]) for line in run if line.get("solved") is not None] for run in runs]
    shortest = min((len(line) for line in lines), default=0)
    if not shortest:
        return
    points = np.array([line[:shortest] for line in lines])  # (R, batches, 2)
    played, solved = points[:, :, 0].cumsum(axis=1).mean(axis=0), points[:, :, 1]
    width = max(1, shortest // 4)  # each batch has other tasks
    smooth = np.array([np.convolve(run, np.ones(width) / width, mode="valid") for run in solved])
    axes.plot(played[width - 1 :], smooth.mean(axis=0), color=color, label=name)
    axes.fill_between(played[width - 1 :], smooth.min(axis=0), smooth.max(axis=0), color=color, alpha=0.2, linewidth=0)
