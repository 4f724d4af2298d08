"""Questions to the indexes: pages of episodes, the figures of a run, two runs paired by task."""

import json
import sqlite3
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from toolgym.errors import ConfigError, did_you_mean
from toolgym.view.curves import curves, last_evaluation, settings
from toolgym.view.library import Library
from toolgym.view.sources import Source, read_report

__all__ = ["SORTS", "broken_lines", "facets", "note", "page", "pairs", "summary"]

SORTS = ("n", "task", "outcome", "reward", "steps", "calls", "depth", "kinds", "step")
MOST_ROWS = 500
_SHOWN = ("n", "env", "task", "split", "world", "outcome", "truncation", "reward", "steps", "calls", "depth")
_SHOWN += ("step", "part", "trial", "fault", "request", "line", "ended")
_LISTS = ("kinds", "tools", "errors")
_NO_OUTCOME = "unfinished"
_MOST_PAIRS = 5_000
_MOST_RUNS = 8
_NONE_YET: dict[str, Any] = {"done": 0, "size": 0, "bad": 0, "tail": 0}


def _names(text: str | None) -> list[str]:
    return [name for name in (text or "").split("\n") if name]


def note(index: sqlite3.Connection | None) -> dict[str, Any]:
    """How far the reading is."""
    if index is None:
        return dict(_NONE_YET)
    rows = index.execute("SELECT key, value FROM meta WHERE key IN ('done', 'bad', 'tail')")
    return {**_NONE_YET, **{key: json.loads(value) for key, value in rows}}


def _where(filters: Mapping[str, str]) -> tuple[str, list[Any]]:
    """The condition of filters, each of one name: several outcomes by commas; the tag filters are whole names."""
    parts, values = ["1"], []
    if outcomes := [each for each in filters.get("outcome", "").split(",") if each]:
        named = [each for each in outcomes if each != _NO_OUTCOME]
        either = [f"outcome IN ({', '.join('?' * len(named))})"] if named else []
        either += ["outcome IS NULL"] if _NO_OUTCOME in outcomes else []
        parts.append(f"({' OR '.join(either)})")
        values += named
    for name, column in (("tool", "tools"), ("error", "errors"), ("kind", "kinds")):
        if wanted := filters.get(name):
            parts.append(f"instr({column}, ?)")
            values.append(f"\n{wanted}\n")
    for name in ("depth", "step"):
        if wanted := filters.get(name):
            parts.append(f"{name} = ?")
            values.append(_number(name, wanted))
    for name, column in (("task", "task"), ("part", "part")):
        if wanted := filters.get(name):
            parts.append(f"{column} = ?")
            values.append(wanted)
    for name, sign in (("min", ">="), ("max", "<=")):
        if wanted := filters.get(name):
            parts.append(f"reward {sign} ?")
            values.append(_number(name, wanted))
    for word in filters.get("text", "").casefold().split():
        parts.append("n IN (SELECT n FROM texts WHERE instr(text, ?))")
        values.append(word)
    return " AND ".join(parts), values


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"{name} must be a number, not {text!r:.50}") from None


def page(
    index: sqlite3.Connection | None,
    filters: Mapping[str, str],
    *,
    sort: str = "n",
    down: bool = False,
    start: int = 0,
    count: int = 50,
) -> dict[str, Any]:
    """The rows `start` to `start + count` of the episodes that pass the filters, and how many pass.

    Raises:
        ConfigError: a sort or a filter that cannot be.
    """
    if sort not in SORTS:
        raise ConfigError(did_you_mean(sort, SORTS, "sort"))
    if index is None:
        return {"total": 0, "rows": [], "start": 0}
    where, values = _where(filters)
    total = index.execute(f"SELECT count(*) FROM episodes WHERE {where}", values).fetchone()[0]
    order = f"{sort} IS NULL, {sort} {'DESC' if down else 'ASC'}, n" if sort != "n" else f"n {'DESC' if down else ''}"
    # First which, then what they are: sorting whole rows takes several times as long.
    chosen = f"SELECT n FROM episodes WHERE {where} ORDER BY {order} LIMIT ? OFFSET ?"
    numbers = index.execute(chosen, [*values, max(1, min(count, MOST_ROWS)), max(0, start)]).fetchall()
    marks = ", ".join("?" * len(numbers))
    columns = ", ".join((*_SHOWN, *_LISTS))
    found = index.execute(
        f"SELECT {columns} FROM episodes JOIN texts USING (n) WHERE n IN ({marks})", [row[0] for row in numbers]
    )
    by_number = {row["n"]: _shown(row) for row in found}
    return {"total": total, "start": start, "rows": [by_number[row[0]] for row in numbers if row[0] in by_number]}


def _shown(row: sqlite3.Row) -> dict[str, Any]:
    return {**{name: row[name] for name in _SHOWN}, **{name: _names(row[name]) for name in _LISTS}}


def facets(index: sqlite3.Connection | None) -> dict[str, Any]:
    """What can be filtered by."""
    if index is None:
        return {"outcome": {}, "depth": [], "kinds": [], "tools": [], "errors": [], "part": [], "steps": False}
    outcomes = index.execute("SELECT outcome, count(*) FROM episodes GROUP BY outcome ORDER BY 2 DESC")
    out: dict[str, Any] = {"outcome": {name or _NO_OUTCOME: count for name, count in outcomes}}
    depths = index.execute("SELECT DISTINCT depth FROM episodes WHERE depth IS NOT NULL ORDER BY depth LIMIT 100")
    out["depth"] = [row[0] for row in depths]
    for name in _LISTS:
        rows = index.execute("SELECT value FROM tags WHERE name = ? ORDER BY value LIMIT 1000", (name,))
        out[name] = [row[0] for row in rows]
    out["part"] = [row[0] for row in index.execute("SELECT DISTINCT part FROM episodes WHERE part != '' LIMIT 200")]
    out["steps"] = index.execute("SELECT 1 FROM episodes WHERE step IS NOT NULL LIMIT 1").fetchone() is not None
    out["tokens"] = index.execute("SELECT 1 FROM tokens LIMIT 1").fetchone() is not None
    return out


def broken_lines(index: sqlite3.Connection | None) -> list[dict[str, Any]]:
    """The lines that cannot be read: where each is, and why."""
    if index is None:
        return []
    return [dict(row) for row in index.execute("SELECT line, start, end, why FROM broken ORDER BY line LIMIT 1000")]


# Figures of runs ---------------------------------------------------------------------------------------------------


def _metrics() -> Any:
    return import_module("toolgym.agents.evaluation.metrics")  # by name: the library knows no agent


def summary(library: Library, source: Source) -> dict[str, Any]:
    """A row of the table of runs."""
    try:
        with library.index(source) as index:
            out = _read(library, source, index)
    except sqlite3.Error as error:  # of one run: the others are shown
        out = {**_read(library, source, None), "failure": f"Its index cannot be read: {error}"}
    out["pass"] = _pass_of(out.pop("shares"))
    match source.kind:
        case "training":
            out |= _of_training(source)
        case "benchmark":
            out["settings"] = settings(source.path / "bench.json")
            out["agent"] = out["settings"].get("agent", "")
        case "report":
            out |= _of_report(source)
        case "corpus":
            out["pass"] = None  # its rows were made right and wrong
    return out


def _read(library: Library, source: Source, index: sqlite3.Connection | None) -> dict[str, Any]:
    """What the index says of a source."""
    out: dict[str, Any] = {"id": source.id, "name": source.name, "kind": source.kind, **note(index)}
    out |= {"size": readable(library, source, out), "failure": library.failures.get(source.id, "")}
    return out | _kept(library, source, index, out["done"], out["done"] < out["size"])


def readable(library: Library, source: Source, noted: Mapping[str, Any]) -> int:
    """The bytes of its episodes that there are to read: without a last line that has no end yet."""
    size = library.size(source)
    return noted["done"] if size == noted["done"] + noted["tail"] else size


def _kept(
    library: Library, source: Source, index: sqlite3.Connection | None, done: int, reading: bool
) -> dict[str, Any]:
    """What is counted of its episodes; while much is being read, not anew for each look."""
    kept = library.counted.get(source.id)
    if kept is not None and (kept[0] == done or (reading and time.monotonic() < kept[1])):
        return dict(kept[2])
    started = time.monotonic()
    counted = _counted(index)
    now = time.monotonic()
    library.counted[source.id] = (done, now + max(1.0, 10 * (now - started)), counted)
    return dict(counted)


def _counted(index: sqlite3.Connection | None) -> dict[str, Any]:
    if index is None:
        return {
            "episodes": 0,
            "tasks": 0,
            "reward": None,
            "outcomes": {},
            "envs": [],
            "shares": (0.0, 0),
            "depth": None,
        }
    outcomes = {
        name or _NO_OUTCOME: count
        for name, count in index.execute("SELECT outcome, count(*) FROM episodes GROUP BY outcome")
    }
    # A share of each task's trials, as every report has it; what the infrastructure broke is in none.
    query = (
        "SELECT avg(share), count(*) FROM (SELECT avg(outcome = 'solved') AS share FROM episodes WHERE outcome IS NOT "
        "NULL AND outcome != 'infra_error' GROUP BY env, world, part, task)"
    )
    share, tasks = index.execute(query).fetchone()
    reward = index.execute("SELECT avg(reward) FROM episodes WHERE outcome IS NOT NULL").fetchone()[0]
    envs = [row[0] for row in index.execute("SELECT DISTINCT env FROM episodes LIMIT 20")]
    return {
        "episodes": sum(outcomes.values()),
        "outcomes": outcomes,
        "tasks": tasks,
        "reward": reward,
        "envs": envs,
        "shares": (share or 0.0, tasks),
    }


def _pass_of(shares: tuple[float, int]) -> dict[str, Any] | None:
    share, tasks = shares
    if not tasks:
        return None
    low, high = _metrics().wilson(share, tasks)
    return {"value": share, "low": low, "high": high, "of": "episodes", "tasks": tasks}


def _of_training(source: Source) -> dict[str, Any]:
    config = settings(source.path / "config.json")
    out: dict[str, Any] = {"settings": config, "agent": str(config.get("algo") or config.get("model") or "")}
    if isinstance(config.get("env"), str):
        out["envs"] = [config["env"]]
    latest = last_evaluation(source.path)
    if latest is not None and isinstance(latest.get("pass@1"), int | float):
        intervals = latest.get("intervals")
        ends = intervals.get("pass@1") if isinstance(intervals, dict) else None
        low, high = ends if isinstance(ends, list) and len(ends) == 2 else (None, None)
        out["pass"] = {"value": latest["pass@1"], "low": low, "high": high, "of": "evaluation", "step": latest["step"]}
    elif "pass" not in out:
        out["pass"] = None
    figures = curves(source.path)
    steps = [curve["steps"][-1] for curve in figures.values() if curve["steps"]]
    out["step"], out["figures"] = max(steps, default=None), list(figures)
    return out


def _of_report(source: Source) -> dict[str, Any]:
    report = read_report(source.path) or {}
    value, ends = report.get("pass@1"), (report.get("intervals") or {}).get("pass@1")
    known = isinstance(value, int | float)
    low, high = ends if isinstance(ends, list) and len(ends) == 2 else (None, None)
    return {
        "pass": {"value": value, "low": low, "high": high, "of": "report"} if known else None,
        "episodes": report.get("episodes") or 0,
        "reward": report.get("mean_reward"),
        "agent": str(report.get("agent") or ""),
        "envs": [str(report["env"])] if report.get("env") else [],
        "settings": report,
    }


def pairs(library: Library, sources: Sequence[Source]) -> dict[str, Any]:
    """Runs on the tasks that all of them have: what each solves, and how each differs from the first.

    Raises:
        ConfigError: fewer than two runs, or more than eight.
    """
    if not 2 <= len(sources) <= _MOST_RUNS:
        raise ConfigError(f"Two to {_MOST_RUNS} runs are paired by task, got {len(sources)}")
    found = [_by_task(library, source) for source in sources]
    common = [key for key in found[0] if all(key in other for other in found[1:])]
    every = set().union(*found)
    rows = [
        {"env": key[0], "world": key[1], "part": key[2], "task": key[3], "runs": [run[key] for run in found]}
        for key in common
    ]
    shares = [[run["share"] for run in row["runs"]] for row in rows]
    versus = [_versus([one[0] for one in shares], [one[at] for one in shares]) for at in range(1, len(found))]
    # First those that the runs do not agree on, the largest differences first.
    order = sorted(range(len(rows)), key=lambda at: (min(shares[at]) - max(shares[at]), rows[at]["task"]))
    return {
        "runs": [{"id": source.id, "name": source.name} for source in sources],
        "tasks": len(rows),
        "left_out": len(every) - len(common),
        "means": [_mean([one[at] for one in shares]) for at in range(len(found))],
        "versus": versus,
        "rows": [rows[at] for at in order[:_MOST_PAIRS]],
        "cut": max(0, len(rows) - _MOST_PAIRS),
    }


def _versus(ones: list[float], twos: list[float]) -> dict[str, Any]:
    """The second against the first: the mean difference with its 95% interval, and on how many tasks it is how."""
    differences = [two - one for one, two in zip(ones, twos, strict=True)]
    return {
        "difference": _mean(differences),
        "interval": list(_metrics().bootstrap(differences)) if differences else None,
        "better": sum(each > 0 for each in differences),
        "worse": sum(each < 0 for each in differences),
        "both": sum(one == two and one > 0 for one, two in zip(ones, twos, strict=True)),
        "neither": sum(one == two == 0 for one, two in zip(ones, twos, strict=True)),
    }


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _by_task(library: Library, source: Source) -> dict[tuple[str, str, str, str], dict[str, Any]]:
    """Task -> the share of its trials that are solved, their number, and the episode that shows it."""
    with library.index(source) as index:
        if index is None:
            return {}
        query = (
            "SELECT g.*, request FROM (SELECT env, world, part, task, avg(outcome = 'solved') AS share, count(*) AS "
            "trials, min(n) AS n FROM episodes WHERE outcome IS NOT NULL AND outcome != 'infra_error' "
            "GROUP BY env, world, part, task) g JOIN texts USING (n)"
        )
        return {
            (row["env"], row["world"], row["part"], row["task"]): {
                name: row[name] for name in ("share", "trials", "n", "request")
            }
            for row in index.execute(query)
        }
