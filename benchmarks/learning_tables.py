"""Tables and picture of the learning benchmark as it was before the audit, from the summaries of its rows."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.table import Table

from benchmarks.learning_report import Run
from toolgym.agents.evaluation.metrics import ERROR_TYPES

__all__ = ["draw", "markdown_tables", "report_table"]

Figures = Mapping[str, Any]
"""A row's summary, as `benchmarks.learning_report` makes it."""


def report_table(results: Mapping[str, Figures], k: int, wanted: int = 1) -> Table:
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


def _seeds(figures: Figures, wanted: int) -> str:
    """How many seeds a row has, and how many it should have."""
    if not figures["updates"]:
        return "-"
    count = len(figures["seeds"])
    return str(count) if count >= wanted else f"{count}/{wanted}"


def markdown_tables(results: Mapping[str, Figures], k: int) -> str:
    """The tables of docs/learning.md, best first: algorithms, errors, gains by what is to tell, tuning, variants."""
    ordered = sorted(results.items(), key=lambda item: (not item[1]["updates"], -item[1]["pass@1"]["iqm"]))
    rows = [(name, figures) for name, figures in ordered if "of" not in figures]
    variants = sorted(((name, figures) for name, figures in ordered if "of" in figures), key=lambda row: row[1]["of"])
    tries = [number for number in (2, 4, 8, 16) if number <= k]
    depths = sorted({depth for _, figures in rows for depth in figures["by_depth"]}, key=int)
    solved = ["pass@1", "gain", *(f"pass@{number}" for number in tries)]
    main = _markdown(
        ["algorithm", "rate", "seeds", *solved, "tool recall", f"depth {depths[0]}", *depths[1:], "CPU s"],
        [
            [
                name,
                max(figures["rates"], key=lambda rate: figures["rates"][rate]) if figures.get("rates") else "",
                _count(figures),
                _percent(figures["pass@1"]["iqm"]),
                _points(figures.get("gain")) if figures["updates"] else "",
                *(_percent(figures.get(f"pass@{number}", {}).get("iqm")) for number in tries),
                _percent(figures["tool_recall"]),
                *(_percent(figures["by_depth"].get(depth), 0) for depth in depths),
                f"{figures['cpu_seconds']:.0f}" if figures["cpu_seconds"] else "",
            ]
            for name, figures in rows
        ],
    )
    errors = _markdown(
        ["algorithm", "wrong tool", "unknown tool", "wrong arguments", "unreadable"],
        [[name, *(_percent(figures["errors"][error]) for error in ERROR_TYPES)] for name, figures in rows],
    )
    tables = [main, errors]
    if any(figures.get("gain_told") for _, figures in rows):
        gains = [
            [name, _points(figures["gain_told"]), _points(figures["gain_rest"])]
            for name, figures in [*rows, *variants]
            if figures["updates"]
        ]
        tables.append(_markdown(["algorithm or variant", "something to tell", "nothing to tell"], gains))
    if rates := sorted({rate for _, figures in rows for rate in figures.get("rates", ())}, key=float):
        tuned = [(name, figures["rates"]) for name, figures in rows if figures.get("rates")]
        tables.append(
            _markdown(
                ["algorithm", *rates], [[name, *(_percent(of.get(rate)) for rate in rates)] for name, of in tuned]
            )
        )
    if variants:
        beside = [
            [
                name,
                figures["of"],
                _count(figures),
                _percent(figures["pass@1"]["iqm"]),
                _percent(results[figures["of"]]["pass@1"]["iqm"]),
                _points(figures["difference"]),
            ]
            for name, figures in variants
        ]
        tables.append(_markdown(["variant", "of", "seeds", "pass@1", "the whole", "difference"], beside))
    return "\n\n".join(tables)


def _markdown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _count(figures: Figures) -> str:
    return str(len(figures["seeds"])) if figures["updates"] else ""


def _percent(share: float | None, digits: int = 1) -> str:
    return "" if share is None else f"{100 * share:.{digits}f}"


def _points(difference: Figures | None) -> str:
    """A difference in points with its interval."""
    if difference is None:
        return ""
    low, high = difference["interval"]
    return f"{100 * difference['iqm']:+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]"


def draw(results: Mapping[str, Figures], runs: Mapping[str, Sequence[Run]], path: Path) -> None:
    """The picture: what was gained over the warm start (without one: pass@1), and learning curves by steps played.

    Variants are beside them, as differences from their algorithms.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = sorted(results, key=lambda name: results[name]["pass@1"]["iqm"])
    variants = sorted((name for name in names if results[name].get("difference")), key=lambda name: results[name]["of"])
    names = [name for name in names if "of" not in results[name]]
    figure = Figure(figsize=(18 if variants else 12, 0.35 * len(names) + 3.5), layout="constrained")
    FigureCanvasAgg(figure)
    bars, curves, *beside = figure.subplots(1, 3 if variants else 2)
    kind = "gain" if all("gain" in results[name] for name in names) else "pass@1"
    what = "points over the warm start, paired by task" if kind == "gain" else "%"
    labels = [f"{name}  {results[name]['pass@1']['iqm']:.1%}" for name in names]
    _draw_bars(bars, [results[name][kind] for name in names], labels)
    bars.set(xlabel=f"held-out tasks solved, {what} (IQM, 95% interval)")
    _draw_curves(curves, {name: runs[name] for name in reversed(names)})
    for axes in beside:
        _draw_bars(axes, [results[name]["difference"] for name in variants], variants)
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set(xlabel="points over the whole algorithm (IQM, 95% interval)")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def _draw_bars(axes: Any, shares: Sequence[Figures], labels: Sequence[str]) -> None:
    for at, figures in enumerate(shares):
        low, high = figures["interval"]
        axes.plot([100 * low, 100 * high], [at, at], color="tab:blue", linewidth=6, alpha=0.35, solid_capstyle="butt")
        axes.plot([100 * figures["iqm"]], [at], "|", color="black", markersize=14)
    axes.set_yticks(range(len(labels)), labels)
    axes.grid(axis="x", alpha=0.3)


def _draw_curves(axes: Any, runs: Mapping[str, Sequence[Run]]) -> None:
    """The share of train episodes solved by environment steps, averaged over a quarter of the run."""
    from matplotlib import colormaps

    axes.set_prop_cycle(color=[colormaps["tab20"](at) for at in range(20)])
    for name, of in runs.items():
        lines = [
            [(line["env_steps"], line["solved"]) for line in run.metrics if "solved" in line and "env_steps" in line]
            for run in of
        ]
        shortest = min((len(line) for line in lines), default=0)
        if shortest < 2:
            continue
        points = np.array([line[:shortest] for line in lines])  # (R, steps, 2)
        played, solved = points[:, :, 0].cumsum(axis=1).mean(axis=0), points[:, :, 1].mean(axis=0)
        width = max(1, shortest // 4)  # each batch has other tasks
        smooth = np.convolve(solved, np.ones(width) / width, mode="valid")
        axes.plot(played[width - 1 :], smooth, label=name, linewidth=1.2)
    axes.set(xlabel="environment steps", ylabel="train episodes solved (mean over seeds)", ylim=(0, 1))
    if axes.lines:
        axes.legend(fontsize="small", ncols=2, loc="lower right")
