"""The figures of a training run over its steps, as far as its files can be read."""

import json
import math
import os
from pathlib import Path
from typing import Any

__all__ = ["curves", "last_evaluation", "settings"]

_NO_FIGURES = ("step", "epoch", "k", "pass@k", "pass^k", "seed", "temperature")
_MOST_POINTS = 1_500
_MOST_BYTES = 64 * 2**20


def _lines(path: Path) -> list[dict[str, Any]]:
    """The lines of figures that can be read: of a file beyond all measure its last part."""
    out: list[dict[str, Any]] = []
    try:
        with path.open("rb") as file:
            if (size := os.fstat(file.fileno()).st_size) > _MOST_BYTES:
                file.seek(size - _MOST_BYTES)
                file.readline()
            for line in file:
                try:
                    record = json.loads(line)
                    out.append({**record, "step": int(record["step"])})
                except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
                    continue
    except OSError:
        return []
    return out


def curves(folder: Path) -> dict[str, dict[str, list[Any]]]:
    """Figure -> its steps, values and 95% intervals (None where there is none); evaluations' begin with `eval/`."""
    out: dict[str, dict[str, list[Any]]] = {}
    for prefix, name in (("", "metrics.jsonl"), ("eval/", "evaluations.jsonl")):
        for line in _lines(folder / name):
            intervals = line.get("intervals")
            for figure, value in line.items():
                if figure in _NO_FIGURES or isinstance(value, bool) or not isinstance(value, int | float):
                    continue
                if not math.isfinite(value):
                    continue
                curve = out.setdefault(prefix + figure, {"steps": [], "values": [], "intervals": []})
                curve["steps"].append(line["step"])
                curve["values"].append(value)
                curve["intervals"].append(_interval(intervals, figure))
    return {name: _thinned(curve) for name, curve in sorted(out.items())}


def _interval(intervals: Any, figure: str) -> list[float] | None:
    found = intervals.get(figure) if isinstance(intervals, dict) else None
    if isinstance(found, list) and len(found) == 2 and all(isinstance(end, int | float) for end in found):
        return [float(end) for end in found]
    return None


def _thinned(curve: dict[str, list[Any]]) -> dict[str, list[Any]]:
    count = len(curve["steps"])
    every = -(-count // _MOST_POINTS)
    if every <= 1:
        return curve
    places = sorted({*range(0, count, every), count - 1})
    return {name: [values[at] for at in places] for name, values in curve.items()}


def last_evaluation(folder: Path) -> dict[str, Any] | None:
    """The latest line of a run's evaluations."""
    lines = _lines(folder / "evaluations.jsonl")
    return lines[-1] if lines else None


def settings(path: Path) -> dict[str, Any]:
    """The object that a JSON file holds; empty where it cannot be read."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
