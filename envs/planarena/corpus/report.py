"""A corpus's figures for people: tables for a terminal, and a picture."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table

from toolgym.envs.planarena.corpus.figures import Figures
from toolgym.envs.planarena.corpus.format import Manifest
from toolgym.envs.planarena.corpus.labels import ROLES
from toolgym.envs.planarena.corpus.rows import WHY_THROWN_AWAY
from toolgym.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw", "overview", "report_tables", "to_json"]


def to_json(manifest: Manifest, figures: Figures) -> dict[str, Any]:
    """The figures as `toolgym planarena stats --json` prints them: numbers of tools and scenarios in place of lists."""
    counted = figures.to_json()
    tools = counted.pop("tools_of")
    return {
        "version": manifest.version,
        "seed": manifest.seed,
        "trajectories": figures.labels.total(),
        "of": manifest.trajectories,
        **counted,
        "tools": len(figures.tools),
        "scenarios": len(tools),
        "tools_a_scenario": _of_values(tools.values()),
        "shares": {name: round(share, 4) for name, share in figures.shares().items()},
    }


def _of_values(values: Iterable[int]) -> dict[str, int]:
    return {str(value): count for value, count in sorted(Counter(values).items())}


def report_tables(manifest: Manifest, figures: Figures) -> Group:
    """The figures as rich tables."""
    shares, rows = figures.shares(), figures.labels.total()
    tables = [overview(manifest, figures)]
    lengths: Counter[str] = sum(figures.lengths.values(), Counter())
    tables.append(
        _by_number(
            "calls a trajectory", lengths, figures.lengths.get("positive", {}), figures.lengths.get("negative", {})
        )
    )
    tables.append(_counted("depth of the task (Eq. 5)", "depth", _sorted(figures.depths), rows))
    tables.append(_counted("composition", "of the task", figures.compositions.most_common(), rows))
    negatives = figures.labels["negative"]
    if negatives:
        tables.append(_errors(figures, negatives, shares))
    tables.append(_roles(figures))
    tables.append(_alternatives(figures))
    tables.append(
        _counted("tools a scenario", "tools", [*_of_values(figures.tools_of.values()).items()], len(figures.tools_of))
    )
    thrown = figures.thrown_away.most_common()
    tables.append(
        _counted("thrown away", "why", [(WHY_THROWN_AWAY.get(name, name), count) for name, count in thrown], None)
    )
    return Group(*tables)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", caption_justify="left")
    for at, column in enumerate(columns):
        table.add_column(column, justify="right" if at else "left", overflow="fold")
    return table


def overview(manifest: Manifest, figures: Figures) -> Table:
    """The figures of the whole, beside those that the paper states of its data set."""
    shares, rows = figures.shares(), figures.labels.total()
    table = _table(f"corpus: version {manifest.version}, seed {manifest.seed}", "figure", "value", "the paper's")
    lines = [
        (
            "trajectories",
            f"{rows:,}" + (f" of {manifest.trajectories:,}" if rows < manifest.trajectories else ""),
            "about 20,000",
        ),
        ("scenarios", f"{len(figures.tools_of):,}", "7,941"),
        ("distinct tools", f"{len(figures.tools):,}", "20,646"),
        ("longest task, in calls", max(map(int, figures.depths), default=0), "7"),
        ("positive to negative", f"{figures.labels['positive']:,} : {figures.labels['negative']:,}", "-"),
        ("tasks with calls in series", f"{shares['series']:.1%}", "-"),
        ("tasks with calls in parallel", f"{shares['parallel']:.1%}", "-"),
        ("tasks to be refused", f"{_share(figures.forbidden.total(), rows)}", "-"),
        ("decision points", f"{figures.decisions:,}", "-"),
        ("first errors in the first half", f"{shares['first_half']:.1%}", "-"),
        ("negatives that recover in between", f"{shares['recovering']:.1%}", "-"),
    ]
    for name, value, paper in lines:
        table.add_row(name, str(value), paper)
    for split, count in sorted(figures.splits.items()):
        table.add_row(f"split {split}", f"{count:,}", "-")
    return table


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def _sorted(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda pair: int(pair[0]))


def _counted(title: str, name: str, counts: Sequence[tuple[str, int]], whole: int | None) -> Table:
    table = _table(title, name, "count", *(("share",) if whole is not None else ()))
    for key, count in counts:
        table.add_row(key, f"{count:,}", *((_share(count, whole),) if whole is not None else ()))
    return table


def _by_number(
    title: str, counts: Mapping[str, int], positive: Mapping[str, int], negative: Mapping[str, int]
) -> Table:
    table = _table(title, "calls", "all", "positive", "negative")
    for key, count in _sorted(counts):
        table.add_row(key, f"{count:,}", f"{positive.get(key, 0):,}", f"{negative.get(key, 0):,}")
    return table


def _errors(figures: Figures, negatives: int, shares: Mapping[str, float]) -> Table:
    table = _table("first errors of negatives", "kind", "count", "share", "recover in between")
    for kind, count in figures.error_kinds.most_common():
        table.add_row(kind, f"{count:,}", _share(count, negatives), _share(figures.recovering[kind], count))
    places = ", ".join(f"{int(tenth) * 10}%: {count}" for tenth, count in _sorted(figures.error_tenths))
    seconds = ", ".join(f"{kind} {count}" for kind, count in figures.second_errors.most_common())
    table.caption = (
        f"Where in the gold chain, from the place on: {places}. First half: {shares['first_half']:.1%}. "
        f"{figures.lost_later} tasks were lost only later. Second errors of those that recover: {seconds or 'none'}."
    )
    return table


def _roles(figures: Figures) -> Table:
    table = _table("steps", "role", "positive", "negative", "mean relevance")
    for role in ROLES:
        counts = [figures.roles.get(label, Counter())[role] for label in ("positive", "negative")]
        mean = figures.relevance.get(role, 0.0) / sum(counts) if sum(counts) else 0.0
        table.add_row(role, *(f"{count:,}" for count in counts), f"{mean:.2f}")
    return table


def _alternatives(figures: Figures) -> Table:
    table = _table("alternatives at decision points", "kind", "count", "still solvable")
    for kind, counts in sorted(figures.alternatives.items(), key=lambda pair: -pair[1].total()):
        table.add_row(kind, f"{counts.total():,}", _share(counts["solvable"], counts.total()))
    return table


def draw(figures: Figures, path: Path) -> None:
    """Draws the figures to a picture file; its suffix says of which kind.

    Raises:
        ConfigError: there is no such kind of picture.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    picture = Figure(figsize=(13, 7), layout="constrained")
    kinds = FigureCanvasAgg(picture).get_supported_filetypes()
    if path.suffix.lstrip(".").lower() not in kinds:
        raise ConfigError(f"{path}: {did_you_mean(path.suffix.lstrip('.') or '(none)', kinds, 'kind of picture')}")
    lengths = figures.lengths
    _bars(picture.add_subplot(2, 3, 1, title="calls a trajectory"), {k: dict(lengths[k]) for k in sorted(lengths)})
    _bars(picture.add_subplot(2, 3, 2, title="depth of the task"), {"rows": dict(figures.depths)})
    _across(picture.add_subplot(2, 3, 3, title="composition"), figures.compositions)
    _across(picture.add_subplot(2, 3, 4, title="first errors of negatives"), figures.error_kinds)
    tenths = {f"{int(tenth) * 10}": count for tenth, count in figures.error_tenths.items()}
    _bars(picture.add_subplot(2, 3, 5, title="place of the first error (% of the gold chain)"), {"negatives": tenths})
    _bars(picture.add_subplot(2, 3, 6, title="tools a scenario"), {"scenarios": _of_values(figures.tools_of.values())})
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.savefig(path, dpi=120)


def _bars(axes: "Axes", series: Mapping[str, Mapping[str, int]]) -> None:
    """Bars beside each other over numbers."""
    numbers = sorted({int(key) for counts in series.values() for key in counts})
    width = 0.8 / max(len(series), 1)
    for at, (name, counts) in enumerate(series.items()):
        places = [index + at * width for index in range(len(numbers))]
        axes.bar(places, [counts.get(str(number), 0) for number in numbers], width, label=name)
    axes.set_xticks([index + width * (len(series) - 1) / 2 for index in range(len(numbers))], list(map(str, numbers)))
    if len(series) > 1:
        axes.legend(frameon=False)
    axes.grid(axis="y", alpha=0.25)


def _across(axes: "Axes", counts: Counter[str]) -> None:
    """Bars with names, the longest on top."""
    names, values = zip(*reversed(counts.most_common()), strict=True) if counts else ((), ())
    axes.barh(names, values)
    axes.grid(axis="x", alpha=0.25)
