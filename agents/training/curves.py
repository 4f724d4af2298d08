"""Learning curves: what runs wrote to their folders, as a picture and as a summary. Needs matplotlib, no PyTorch.

A figure goes by its name in `metrics.jsonl`, one of an evaluation by `eval/` and its name in `evaluations.jsonl`.
"""

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolgym.agents.evaluation.pictures import new_picture, save_picture
from toolgym.agents.training.differing import HOW_IT_RUNS
from toolgym.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Curve", "Run", "choose", "draw", "over_seeds", "read_run", "read_runs", "smooth", "summary"]

_USUAL = ("eval/pass@1", "solved", "reward", "entropy", "loss")
_AT_MOST = 4
_NO_FIGURES = ("step", "epoch", "k", "pass@k", "pass^k", "seed", "temperature")
"""Numbers of a line that say how it came about, or that stand there twice."""
_SHARES = ("eval/pass@1", "eval/tool_recall", "eval/call_recall", "solved", "truncated", "infra_errors")
"""Figures that are between 0 and 1."""
_ONE_RUN = ("seed", *HOW_IT_RUNS)
"""Options in which the runs of several seeds may differ."""


@dataclass(frozen=True)
class Curve:
    """A figure over a run."""

    steps: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    intervals: list[tuple[float, float]] = field(default_factory=list)
    """The 95% interval of each value, where an evaluation gives it; else empty."""


@dataclass(frozen=True)
class Run:
    """The figures of a run, by name."""

    name: str
    steps: int
    """The last step that was logged."""
    curves: Mapping[str, Curve]


def read_runs(folders: Sequence[Path]) -> list[Run]:
    """The runs of folders, named by what their paths do not have in common.

    Raises:
        ConfigError: see `read_run`.
    """
    paths = list(dict.fromkeys(folder.resolve() for folder in folders))
    common = os.path.commonpath([path.parent for path in paths])
    return [read_run(path, name=path.relative_to(common).as_posix()) for path in paths]


def read_run(folder: Path, name: str | None = None) -> Run:
    """What a run wrote so far.

    Raises:
        ConfigError: the folder holds no metrics, or a file in it is no JSON Lines.
    """
    lines = _lines(folder / "metrics.jsonl")
    if not lines:
        lacks = "has logged no step yet" if (folder / "metrics.jsonl").is_file() else "holds no metrics.jsonl"
        raise ConfigError(
            f"{str(folder)!r} {lacks}; give the --output folder of a `toolgym train`, or files of `toolgym eval`"
        )
    curves = _curves(lines)
    curves |= {f"eval/{figure}": curve for figure, curve in _curves(_lines(folder / "evaluations.jsonl")).items()}
    return Run(name or folder.name, lines[-1]["step"], curves)


def over_seeds(runs: Sequence[Run], folders: Sequence[Path]) -> list[Run]:
    """Runs whose options are equal but for the seed, and for how and where they run, as one: the mean of each figure,
    over the steps that all of them have; its intervals are the lowest and the highest value.

    Raises:
        ConfigError: a folder's config.json cannot be read.
    """
    groups: dict[str, list[Run]] = {}
    for run, folder in zip(runs, folders, strict=True):
        try:
            options = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            key = json.dumps({name: options[name] for name in sorted(options) if name not in _ONE_RUN})
        except (OSError, ValueError, TypeError) as error:
            raise ConfigError(f"{folder / 'config.json'} does not say how the run was made: {error}") from error
        groups.setdefault(key, []).append(run)
    return [_mean(group) if len(group) > 1 else group[0] for group in groups.values()]


def _mean(runs: Sequence[Run]) -> Run:
    curves = {}
    for name in set.intersection(*(set(run.curves) for run in runs)):
        values = [dict(zip(run.curves[name].steps, run.curves[name].values, strict=True)) for run in runs]
        steps = sorted(set.intersection(*map(set, values)))
        at = [[each[step] for each in values] for step in steps]
        if steps:
            curves[name] = Curve(steps, [sum(one) / len(one) for one in at], [(min(one), max(one)) for one in at])
    return Run(f"{runs[0].name} and {len(runs) - 1} more seeds", min(run.steps for run in runs), curves)


def _lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a file; none where there is no file. A last one that is still being written is left out."""
    if not path.is_file():
        return []
    out = []
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                break
            try:
                figures = json.loads(line)
                out.append({**figures, "step": int(figures["step"])})
            except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
                raise ConfigError(f"{path}, line {number}: no line of figures with a step ({error!r})") from error
    return out


def _curves(lines: Iterable[Mapping[str, Any]]) -> dict[str, Curve]:
    """The numbers of lines by name, without the step."""
    out: dict[str, Curve] = {}
    for line in lines:
        for name, value in line.items():
            if name in _NO_FIGURES or not isinstance(value, int | float) or not math.isfinite(value):
                continue
            curve = out.setdefault(name, Curve())
            curve.steps.append(line["step"])
            curve.values.append(float(value))
            if interval := (line.get("intervals") or {}).get(name):
                curve.intervals.append((interval[0], interval[1]))
    return out


def choose(runs: Sequence[Run], figures: Sequence[str] = ()) -> list[str]:
    """The figures to draw: those that are given, or else the usual ones that a run has, or its first ones; at most 4.

    Raises:
        ConfigError: no run has such a figure, or any.
    """
    known = {name: None for run in runs for name in run.curves}
    if not known:
        raise ConfigError(f"{', '.join(run.name for run in runs)}: none has logged a figure that could be drawn")
    for name in figures:
        if name not in known:
            raise ConfigError(did_you_mean(name, known, "figure"))
    return list(figures) or ([name for name in _USUAL if name in known] or list(known))[:_AT_MOST]


def smooth(values: Sequence[float], smoothing: float) -> list[float]:
    """Running means whose weights fall by `smoothing` a step back, as TensorBoard's; 0 changes nothing.

    Raises:
        ConfigError: `smoothing` is not in [0, 1).
    """
    if not 0 <= smoothing < 1:
        raise ConfigError(f"smoothing must be at least 0 and below 1, got {smoothing}")
    out: list[float] = []
    total = weight = 0.0
    for value in values:
        total, weight = smoothing * total + value, smoothing * weight + 1
        out.append(total / weight)
    return out


def summary(run: Run, smoothing: float = 0.8) -> dict[str, Any]:
    """A run's steps and, of each figure, the last, smoothed last, highest and lowest value, as JSON values."""
    figures = {}
    for name, curve in sorted(run.curves.items()):
        values = curve.values
        high, low = max(values), min(values)
        figures[name] = {
            "last": values[-1],
            "smoothed": smooth(values, smoothing)[-1],
            "highest": {"value": high, "step": curve.steps[values.index(high)]},
            "lowest": {"value": low, "step": curve.steps[values.index(low)]},
        }
    return {"run": run.name, "steps": run.steps, "figures": figures}


def draw(runs: Sequence[Run], figures: Sequence[str], path: Path, smoothing: float = 0.8) -> None:
    """Draws figures beside each other, a colour a run, to a picture file; its suffix says of which kind.

    A figure of training is a smoothed line over its own faint one, one of evaluations a line through its points, with
    their 95% intervals.

    Raises:
        ConfigError: there is no such kind of picture.
    """
    from matplotlib import colormaps
    from matplotlib.ticker import MaxNLocator

    columns = min(len(figures), 2 if len(figures) == 4 else 3)
    rows = -(-len(figures) // columns)
    picture = new_picture(path, 1 + 4 * columns, 0.6 + 3 * rows)
    map = colormaps["tab10" if len(runs) <= 10 else "turbo"]
    colours = [map(at) if len(runs) <= 10 else map(at / (len(runs) - 1)) for at in range(len(runs))]
    for at, name in enumerate(figures, start=1):
        first = picture.axes[0] if picture.axes else None
        axes = picture.add_subplot(rows, columns, at, title=name, xlabel="step", sharex=first)
        for run, colour in zip(runs, colours, strict=True):
            if name in run.curves:
                _add(axes, run.curves[name], colour, 0 if name.startswith("eval/") else smoothing)
        if name in _SHARES:
            axes.set_ylim(-0.02, 1.02)
        axes.grid(alpha=0.25)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    handles = [
        picture.axes[0].plot([], [], color=colour, label=run.name)[0] for run, colour in zip(runs, colours, strict=True)
    ]
    picture.legend(handles=handles, loc="outside lower center", ncols=min(len(runs), 2 * columns), frameon=False)
    save_picture(picture, path)


def _add(axes: "Axes", curve: Curve, colour: Any, smoothing: float) -> None:
    if len(curve.intervals) == len(curve.values):
        low, high = (smooth(end, smoothing) for end in zip(*curve.intervals, strict=True))
        axes.fill_between(curve.steps, low, high, color=colour, alpha=0.12, linewidth=0)
    if smoothing:
        axes.plot(curve.steps, curve.values, color=colour, alpha=0.2, linewidth=1)
    dots = "o" if not smoothing or len(curve.steps) == 1 else None
    axes.plot(curve.steps, smooth(curve.values, smoothing), color=colour, linewidth=1.8, marker=dots, markersize=4)
