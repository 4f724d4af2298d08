"""What a corpus is like, counted row by row, a file of rows at a time; counts of files add up to those of a corpus."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

__all__ = ["Figures", "composition_of"]


def composition_of(text: str) -> str:
    """How a task is composed: `atomic`, `series` (;), `parallel` (||) or `both`."""
    series, parallel = ";" in text, "||" in text
    return "both" if series and parallel else "series" if series else "parallel" if parallel else "atomic"


@dataclass
class Figures:
    """Counts of rows. Keys of counts are texts, so that they are the same once they were written as JSON."""

    labels: Counter[str] = field(default_factory=Counter)
    splits: Counter[str] = field(default_factory=Counter)
    depths: Counter[str] = field(default_factory=Counter)
    lengths: dict[str, Counter[str]] = field(default_factory=dict)
    """Label -> how many calls a trajectory has."""
    compositions: Counter[str] = field(default_factory=Counter)
    forbidden: Counter[str] = field(default_factory=Counter)
    """Label -> rows of tasks that are to be refused."""
    error_kinds: Counter[str] = field(default_factory=Counter)
    error_tenths: Counter[str] = field(default_factory=Counter)
    """Where first errors lie: the place in the gold chain, from 0, in tenths of its length."""
    first_half: int = 0
    """First errors in the first half of the gold chain."""
    recovering: Counter[str] = field(default_factory=Counter)
    """Kind of the first error -> negatives that recover from it in between."""
    second_errors: Counter[str] = field(default_factory=Counter)
    lost_later: int = 0
    """Negatives whose task could still be solved after the turn of their first error."""
    roles: dict[str, Counter[str]] = field(default_factory=dict)
    """Label -> the roles of steps."""
    relevance: dict[str, float] = field(default_factory=dict)
    """Role -> the sum of the steps' relevance."""
    alternatives: dict[str, Counter[str]] = field(default_factory=dict)
    """Kind -> `solvable` or `lost`."""
    decisions: int = 0
    tools_of: dict[str, int] = field(default_factory=dict)
    """Scenario -> its number of tools."""
    tools: set[str] = field(default_factory=set)
    """A mark of each distinct tool: name, description and parameters."""
    thrown_away: Counter[str] = field(default_factory=Counter)

    def add(self, row: Mapping[str, Any]) -> None:
        """Counts a row."""
        label = row["label"]
        self.labels[label] += 1
        self.splits[row["split"]] += 1
        self.depths[str(row["depth"])] += 1
        self.compositions[composition_of(row["composition"])] += 1
        if row["forbidden"]:
            self.forbidden[label] += 1
        calls = sum(step["kind"] == "call" for step in row["steps"])
        self.lengths.setdefault(label, Counter())[str(calls)] += 1
        for step in row["steps"]:
            role = step["role"]
            self.roles.setdefault(label, Counter())[role] += 1
            self.relevance[role] = self.relevance.get(role, 0.0) + step["relevance"]
        for decision in row["decisions"]:
            self.decisions += 1
            for made in decision["alternatives"]:
                self.alternatives.setdefault(made["kind"], Counter())["solvable" if made["solvable"] else "lost"] += 1
        if row["scenario"] not in self.tools_of:
            tools = json.loads(row["tools"] or "[]")
            self.tools_of[row["scenario"]] = len(tools)
            self.tools.update(map(_mark, tools))
        if row["error"] is not None:
            self._add_error(row["error"])

    def _add_error(self, error: Mapping[str, Any]) -> None:
        self.error_kinds[error["kind"]] += 1
        self.error_tenths[str(min(int(error["place"] * 10), 9))] += 1
        self.first_half += error["place"] < 0.5
        self.lost_later += error["lost"] > error["turn"]
        if error["recovers"]:
            self.recovering[error["kind"]] += 1
            self.second_errors[error["then"] or "none"] += 1

    def merge(self, other: "Figures") -> None:
        """Adds the counts of other rows."""
        for item in fields(self):
            setattr(self, item.name, _sum(getattr(self, item.name), getattr(other, item.name), item.name))

    def to_json(self) -> dict[str, Any]:
        """As JSON values: sets are sorted lists, counts are sorted by key."""
        return {item.name: _plain(getattr(self, item.name)) for item in fields(self)}

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> "Figures":
        """The inverse of `to_json`.

        Raises:
            TypeError: not such an object.
        """
        made = cls(**{name: value for name, value in given.items() if name != "tools"})
        for name in ("labels", "splits", "depths", "compositions", "forbidden", "error_kinds", "error_tenths"):
            setattr(made, name, Counter(getattr(made, name)))
        for name in ("recovering", "second_errors", "thrown_away"):
            setattr(made, name, Counter(getattr(made, name)))
        for name in ("lengths", "roles", "alternatives"):
            setattr(made, name, {key: Counter(value) for key, value in getattr(made, name).items()})
        made.tools = set(given.get("tools", ()))
        return made

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]], thrown_away: Mapping[str, int]) -> "Figures":
        """The counts of rows, and of what was thrown away beside them."""
        made = cls(thrown_away=Counter(thrown_away))
        for row in rows:
            made.add(row)
        return made

    def shares(self) -> dict[str, float]:
        """Shares that are often asked for, in [0, 1]; 0 of nothing."""
        rows, negatives = self.labels.total(), self.labels["negative"]
        tried = sum((counts for counts in self.alternatives.values()), Counter())
        return {
            "positive": _share(self.labels["positive"], rows),
            "first_half": _share(self.first_half, negatives),
            "recovering": _share(self.recovering.total(), negatives),
            "series": _share(self.compositions["series"] + self.compositions["both"], rows),
            "parallel": _share(self.compositions["parallel"] + self.compositions["both"], rows),
            "alternatives_solvable": _share(tried["solvable"], tried.total()),
        }


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _mark(tool: Mapping[str, Any]) -> str:
    text = json.dumps(tool["function"], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _sum(one: Any, other: Any, name: str) -> Any:
    if isinstance(one, Counter):
        return one + other
    if isinstance(one, set):
        return one | other
    if isinstance(one, dict):
        if name == "tools_of":
            return {**one, **other}
        return {
            key: _sum(one.get(key, _nothing(other.get(key))), other.get(key, _nothing(one.get(key))), "")
            for key in {**one, **other}
        }
    return one + other


def _nothing(like: Any) -> Any:
    return Counter() if isinstance(like, Counter) else 0.0


def _plain(value: Any) -> Any:
    if isinstance(value, set):
        return sorted(value)
    if isinstance(value, dict):
        return {key: _plain(value[key]) for key in sorted(value)}
    return round(value, 4) if isinstance(value, float) else value
