"""Comparing tool calls: canonical forms, intersections over unions, and one-to-one matching.

Equality of values is JSON's, made exact: numbers by value (1 is 1.0), a boolean equals only a boolean, text to the
letter in its normal form (`toolgym.saying.text_form`), objects whatever the order of their keys. (The published ToolRL
code compares as Python does, where `True == 1`; see `toolgym.rewards.toolrl`.)
"""

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from toolgym.messages import ToolCall
from toolgym.saying.text_form import plain, same_text

__all__ = [
    "CallForm",
    "PreparedCall",
    "assign",
    "canonical_value",
    "form",
    "forms",
    "jaccard",
    "multiset_iou",
    "params",
    "same_value",
    "similarity",
]


@dataclass(frozen=True, slots=True)
class CallForm:
    """A call in comparable form: its name, the names of its parameters, and its (name, value) pairs."""

    name: str
    keys: frozenset[str]
    items: frozenset[tuple[str, Hashable]]


def form(name: str, arguments: Mapping[str, Any]) -> CallForm:
    """The comparable form of a call."""
    return CallForm(
        name, frozenset(arguments), frozenset((key, canonical_value(value)) for key, value in arguments.items())
    )


def forms(calls: Iterable[ToolCall]) -> list[CallForm]:
    """The comparable forms of calls, in order."""
    return [form(call.name, call.arguments) for call in calls]


def params(calls: Iterable[ToolCall]) -> list[tuple[str, Hashable]]:
    """(name, canonical value) of all the calls' parameters, in order."""
    return [(key, canonical_value(value)) for call in calls for key, value in call.arguments.items()]


def same_value(a: Any, b: Any) -> bool:
    """Whether two JSON values are equal."""
    return canonical_value(a) == canonical_value(b)


def canonical_value(value: Any) -> Hashable:
    """A hashable that is equal for equal JSON values, and only for them."""
    kind = type(value)
    if kind is str:
        return value if value.isascii() else plain(value)
    if kind is int or kind is float or value is None:
        return value
    if kind is bool:
        return ("bool", value)
    if isinstance(value, Mapping):
        return ("object", frozenset((key, canonical_value(item)) for key, item in value.items()))
    if isinstance(value, list | tuple):
        return ("array", tuple(canonical_value(item) for item in value))
    return ("other", repr(value))


def jaccard(a: Collection[Hashable], b: Collection[Hashable]) -> float:
    """Intersection over union of two sets, in [0, 1]; 1 when both are empty."""
    a, b = frozenset(a), frozenset(b)
    if not a and not b:
        return 1.0
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared)


def multiset_iou(a: Sequence[Hashable], b: Sequence[Hashable]) -> float:
    """Intersection over union that counts repetitions, in [0, 1]; 1 when both are empty."""
    if a == b:
        return 1.0
    if not a or not b:
        return 0.0
    shared = _shared(a, b)
    return shared / (len(a) + len(b) - shared)


def _shared(a: Sequence[Hashable], b: Sequence[Hashable]) -> int:
    """The size of the multisets' intersection."""
    if len(a) * len(b) > 400:
        return sum((Counter(a) & Counter(b)).values())
    left = list(b)  # for a few parameters faster than counting
    for item in a:
        if item in left:
            left.remove(item)
    return len(b) - len(left)


def similarity(a: CallForm, b: CallForm, weights: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> float:
    """How alike two calls are, in [0, 1]: 0 for different names, else the weighted mean of name (1), parameter-name IoU
    and parameter IoU (names with values).

    One minus it is a metric (a mean of Jaccard distances), so among calls of one name equal pairs may be matched first
    without missing the best matching.
    """
    if a.name != b.name:
        return 0.0
    if a.items == b.items:
        return 1.0
    of_name, of_keys, of_items = weights
    shared = of_name + of_keys * jaccard(a.keys, b.keys) + of_items * jaccard(a.items, b.items)
    return shared / (of_name + of_keys + of_items)


@dataclass(frozen=True, slots=True)
class PreparedCall:
    """A gold call, prepared so that calls of its name are compared with it without making their forms."""

    name: str
    arguments: dict[str, Any]
    plain: bool
    """Whether Python's equality of arguments is JSON's: no booleans, zeros or ones, in which `True == 1`."""

    @classmethod
    def of(cls, name: str, arguments: dict[str, Any]) -> "PreparedCall":
        return cls(name, arguments, _is_plain(arguments))

    def equals(self, arguments: dict[str, Any]) -> bool:
        """Whether a call of this name with these arguments is equal."""
        return arguments == self.arguments and (self.plain or same_value(arguments, self.arguments))

    def similarity(self, arguments: dict[str, Any], weights: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> float:
        """`similarity` of this call and one of its name with these arguments."""
        wanted = self.arguments
        keys = items = 0
        for key, value in arguments.items():
            if key in wanted:
                keys += 1
                other = wanted[key]
                items += (self.plain or same_value(value, other)) if value == other else _same_form(value, other)
        size = len(arguments) + len(wanted)
        if not size:
            return 1.0
        of_name, of_keys, of_items = weights
        total = of_name + of_keys * keys / (size - keys) + of_items * items / (size - items)
        return total / (of_name + of_keys + of_items)


def _same_form(value: Any, other: Any) -> bool:
    """Whether two values that differ are the same in the normal form of their text."""
    kind = type(value)
    if kind is not type(other):
        return False
    return same_text(value, other) if kind is str else kind in (dict, list) and same_value(value, other)


def _is_plain(value: Any) -> bool:
    if type(value) is dict:
        return all(map(_is_plain, value.values()))
    if type(value) is list:
        return all(map(_is_plain, value))
    return value is None or type(value) is str or (type(value) in (int, float) and value not in (0, 1))


def assign(scores: Sequence[Sequence[float]]) -> list[tuple[int, int]]:
    """The one-to-one matching of rows with columns that has the largest sum; min(rows, columns) pairs, by row.

    The Hungarian method with potentials, O(rows² · columns) for rows <= columns. Among equal sums the choice depends on
    the order of rows and columns alone.
    """
    if not scores or not scores[0]:
        return []
    rows, columns = len(scores), len(scores[0])
    if rows == 1:
        row = scores[0]
        return [(0, row.index(max(row)))]
    if rows == 2 and columns == 2:
        straight, crossed = scores[0][0] + scores[1][1], scores[0][1] + scores[1][0]
        return [(0, 0), (1, 1)] if straight >= crossed else [(0, 1), (1, 0)]
    if rows > columns:
        flipped = [[row[j] for row in scores] for j in range(columns)]
        return sorted((i, j) for j, i in assign(flipped))
    return _hungarian(scores, rows, columns)


def _hungarian(scores: Sequence[Sequence[float]], rows: int, columns: int) -> list[tuple[int, int]]:
    """Rows and columns are numbered from 1 here; 0 is the column in which each search for an augmenting path starts."""
    row_potential = [0.0] * (rows + 1)
    column_potential = [0.0] * (columns + 1)
    row_of = [0] * (columns + 1)
    came_from = [0] * (columns + 1)
    for row in range(1, rows + 1):
        row_of[0] = row
        column = 0
        slack = [float("inf")] * (columns + 1)
        visited = [False] * (columns + 1)
        while row_of[column]:
            visited[column] = True
            current = row_of[column]
            best, nearest = float("inf"), 0
            for j in range(1, columns + 1):
                if visited[j]:
                    continue
                reduced = -scores[current - 1][j - 1] - row_potential[current] - column_potential[j]
                if reduced < slack[j]:
                    slack[j], came_from[j] = reduced, column
                if slack[j] < best:
                    best, nearest = slack[j], j
            for j in range(columns + 1):
                if visited[j]:
                    row_potential[row_of[j]] += best
                    column_potential[j] -= best
                else:
                    slack[j] -= best
            column = nearest
        while column:
            row_of[column] = row_of[came_from[column]]
            column = came_from[column]
    return sorted((row_of[j] - 1, j - 1) for j in range(1, columns + 1) if row_of[j])
