"""Facts about a final state, read from the world's diff: `states_equal` and `holds`.

A diff names only what changed, so a record that it does not mention is as in the base. Where the base itself is at hand
(`base`), facts about unmentioned records can be told too; without it such a fact does not hold, which is why tasks
write their assertions on records that the gold chain changes.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from toolgym.saying.text_form import plain, same_text
from toolgym.tasks import Assertion
from toolgym.world import Diff, canonical

__all__ = ["BaseLookup", "holds", "states_equal"]

BaseLookup = Callable[[str, str], Any]
"""(table, record id) -> the base's record, or None where the base has none."""

_EXACT = 2**53
"""From here on not every integer is a float: numbers are compared as they are."""
_MISSING: Any = object()
_TOLERANCE = 1e-6  # a sum of money may be added up in another order; no domain has a meaningful difference below this


def states_equal(diff_a: Diff, diff_b: Diff, unordered: Iterable[str] = ()) -> bool:
    """Whether two diffs of one base describe the same state.

    Numbers compare to 1e-6, text in its normal form; a bool equals only a bool. Lists at a path in `unordered`
    (`table.key.path`, `*` for any one segment, list indices included) compare as multisets.
    """
    patterns = tuple(_segments(path) for path in unordered)
    return _same(_touched(diff_a), _touched(diff_b), patterns)


def _touched(diff: Diff) -> Diff:
    return {table: records for table, records in diff.items() if records}


def _same(a: Any, b: Any, patterns: tuple[tuple[str, ...], ...]) -> bool:
    """Deep equality. `patterns`: what is left of each unordered path on the way down."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        if a.keys() != b.keys():
            return False
        return all(_same(a[key], b[key], _below(patterns, key)) for key in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        if len(a) != len(b):
            return False
        if () in patterns:
            a, b = _sorted(a, _below(patterns, "*")), _sorted(b, _below(patterns, "*"))
        return all(_same(x, y, _below(patterns, str(i))) for i, (x, y) in enumerate(zip(a, b, strict=True)))
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, int | float) and isinstance(b, int | float):
        return a == b or (abs(a) < _EXACT and abs(b) < _EXACT and math.isclose(a, b, rel_tol=0.0, abs_tol=_TOLERANCE))
    return type(a) is type(b) and (a == b or (isinstance(a, str) and same_text(a, b)))


def _below(patterns: tuple[tuple[str, ...], ...], key: str) -> tuple[tuple[str, ...], ...]:
    if not patterns:
        return patterns
    return tuple(path[1:] for path in patterns if path and (path[0] == "*" or path[0] == key))


def _sorted(items: Iterable[Any], patterns: tuple[tuple[str, ...], ...]) -> list[Any]:
    return sorted(items, key=lambda item: canonical(_ordered(item, patterns)))


def _ordered(value: Any, patterns: tuple[tuple[str, ...], ...]) -> Any:
    """The value with its unordered lists sorted and numbers rounded: a sort key that ignores what equality ignores."""
    if isinstance(value, Mapping):
        return {key: _ordered(item, _below(patterns, key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        items = [_ordered(item, _below(patterns, str(i))) for i, item in enumerate(value)]
        return sorted(items, key=canonical) if () in patterns else items
    if isinstance(value, int | float) and not isinstance(value, bool):
        return round(float(value), 4) if abs(value) < _EXACT else value
    return plain(value) if isinstance(value, str) else value


def holds(assertion: Assertion, diff: Diff, base: BaseLookup | None = None) -> bool:
    """Whether the assertion holds in the state `base + diff`.

    With `key="*"` (or `table="*"`) the records looked at are the changed ones: `equals`, `contains` and `exists` want
    one of them, `absent` wants none, `unchanged` wants there to be none.
    """
    if assertion.table == "*" or assertion.key == "*":
        return _holds_of_any(assertion, diff)
    records = diff.get(assertion.table, {})
    before = base(assertion.table, assertion.key) if base is not None else _MISSING
    if assertion.op == "unchanged":
        return _unchanged(assertion, records, before)
    if assertion.key in records:
        record = records[assertion.key]
    elif base is not None:
        record = before
    else:
        return False
    return _true_of(assertion, record)


def _holds_of_any(assertion: Assertion, diff: Diff) -> bool:
    tables = diff.values() if assertion.table == "*" else [diff.get(assertion.table, {})]
    changed = [
        record for records in tables for key, record in records.items() if assertion.key == "*" or key == assertion.key
    ]
    if assertion.op == "unchanged":
        return not changed
    if assertion.op == "absent":
        return all(_true_of(assertion, record) for record in changed)
    return any(_true_of(assertion, record) for record in changed)


def _unchanged(assertion: Assertion, records: Mapping[str, Any], before: Any) -> bool:
    if assertion.key not in records:
        return True
    if not assertion.path or before is _MISSING:
        return False
    return _same(_at(records[assertion.key], assertion.path), _at(before, assertion.path), ())


def _true_of(assertion: Assertion, record: Any) -> bool:
    """Whether `equals`, `exists`, `absent` or `contains` is true of a record (None: there is none)."""
    value = _MISSING if record is None else _at(record, assertion.path)
    if assertion.op == "exists":
        return value is not _MISSING
    if assertion.op == "absent":
        return value is _MISSING
    if value is _MISSING:
        return False
    if assertion.op == "contains":
        if isinstance(value, list | tuple):
            return any(_same(item, assertion.value, ()) for item in value)
        return isinstance(value, Mapping) and isinstance(assertion.value, str) and assertion.value in value
    return _same(value, assertion.value, ())


@lru_cache(maxsize=4096)
def _segments(path: str) -> tuple[str, ...]:
    return tuple(path.split(".")) if path else ()


def _at(value: Any, path: str) -> Any:
    """The value at a dotted path, or `_MISSING`."""
    for segment in _segments(path):
        if isinstance(value, Mapping):
            value = value.get(segment, _MISSING)
        elif isinstance(value, list | tuple):
            index = int(segment) if segment.removeprefix("-").isdecimal() else len(value)
            value = value[index] if -len(value) <= index < len(value) else _MISSING
        else:
            return _MISSING
        if value is _MISSING:
            return _MISSING
    return value
