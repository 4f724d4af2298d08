"""Facts about a final state, read from the world's diff: `states_equal` and `holds`.

A diff names only what changed, so a record that it does not mention is as in the base. Where the base itself is at hand
(`base`), facts about unmentioned records can be told too; without it such a fact does not hold, which is why tasks
write their assertions on records that the gold chain changes.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from toolgym.saying.text_form import plain, same_text
from toolgym.tasks import Assertion
from toolgym.world import Diff, canonical

__all__ = ["BaseLookup", "Difference", "Value", "bound", "differences", "holds", "states_equal", "value_at"]

BaseLookup = Callable[[str, str], Any]
"""(table, record id) -> the base's record, or None where the base has none."""

_OBJECT = (dict, Mapping)  # nearly all are dicts, which is told sooner
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


def bound(diff: Diff, free: Iterable[str]) -> Diff:
    """The part of a diff that must be the gold chain's: without the tables that are free (`Task.free`)."""
    return {table: records for table, records in diff.items() if table not in free} if free else diff


@dataclass(frozen=True, slots=True)
class Value:
    """A value of a state: of a record, or of a path in it."""

    value: Any = None
    there: bool = True
    """Whether there is one at all: a deleted record, or a path that leads nowhere, has none."""
    changed: bool = True
    """False: nothing was done to the record, so that it is as it was at the start; `value` is then what is known."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where two states differ: in `table`, record `key`, at the dotted `path` (empty: the record itself)."""

    table: str
    key: str
    path: str
    expected: Value
    found: Value


_UNCHANGED = Value(changed=False)


def differences(
    expected: Diff, found: Diff, unordered: Iterable[str] = (), base: BaseLookup | None = None
) -> list[Difference]:
    """Where the state of one diff is not that of another; empty where `states_equal` is True, and only there.

    A record that only one of the two changed is compared with what it was at the start, where `base` tells it.
    """
    patterns = tuple(_segments(path) for path in unordered)
    out: list[Difference] = []
    for table in [*expected, *(table for table in found if table not in expected)]:
        left, right = expected.get(table, {}), found.get(table, {})
        for key in [*left, *(key for key in right if key not in left)]:
            below = _below(_below(patterns, table), key)
            if key in left and key in right:
                apart = list(_apart(left[key], right[key], below, ""))
            else:
                apart = _apart_from_start(table, key, left, right, below, base)
            out += [Difference(table, key, *each) for each in apart]
    return out


def _apart_from_start(
    table: str,
    key: str,
    left: Mapping[str, Any],
    right: Mapping[str, Any],
    patterns: tuple[tuple[str, ...], ...],
    base: BaseLookup | None,
) -> list[tuple[str, Value, Value]]:
    """How a record that one side changed differs from the start, on which the other side is."""
    wanted = key in left
    changed = left[key] if wanted else right[key]
    start = _UNCHANGED
    if base is not None:
        before = base(table, key)
        apart = _apart(changed, before, patterns, "")
        inner = [(path, now, Value(was.value, was.there, changed=False)) for path, now, was in apart]
        if inner:
            return inner if wanted else [(path, was, now) for path, now, was in inner]
        start = Value(before, before is not None, changed=False)
    return [("", _of(changed), start) if wanted else ("", start, _of(changed))]


def _apart(a: Any, b: Any, patterns: tuple[tuple[str, ...], ...], path: str) -> Iterator[tuple[str, Value, Value]]:
    """The innermost places at which two values are not the same."""
    if _same(a, b, patterns):
        return
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        for key in [*a, *(key for key in b if key not in a)]:
            inner = f"{path}.{key}" if path else str(key)
            if key in a and key in b:
                yield from _apart(a[key], b[key], _below(patterns, key), inner)
            else:
                yield inner, Value(a.get(key), key in a), Value(b.get(key), key in b)
    elif isinstance(a, list | tuple) and isinstance(b, list | tuple) and len(a) == len(b) and () not in patterns:
        for index, (x, y) in enumerate(zip(a, b, strict=True)):
            yield from _apart(x, y, _below(patterns, str(index)), f"{path}.{index}" if path else str(index))
    elif path:
        yield path, Value(a), Value(b)
    else:
        yield path, _of(a), _of(b)


def _of(record: Any) -> Value:
    """A record as a value; None: it was deleted."""
    return Value(record, record is not None)


def value_at(record: Any, path: str) -> Value:
    """The value at a dotted path of a record."""
    value = _MISSING if record is None else _at(record, path)
    return Value(None, there=False) if value is _MISSING else Value(value)


def _touched(diff: Diff) -> Diff:
    return {table: records for table, records in diff.items() if records}


def _same(a: Any, b: Any, patterns: tuple[tuple[str, ...], ...]) -> bool:
    """Deep equality. `patterns`: what is left of each unordered path on the way down."""
    if type(a) is str and type(b) is str:  # most values are
        return a == b or same_text(a, b)
    if not patterns and type(a) in (dict, list) and (a is b or _alike(a, b)):
        return True
    if isinstance(a, _OBJECT) and isinstance(b, _OBJECT):
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


def _alike(a: Any, b: Any) -> bool:
    """Whether two values are written alike, as JSON: the quick way to see that most are the same."""
    try:
        return a == b and orjson.dumps(a) == orjson.dumps(b)  # for Python True is 1, for this writer NaN is null
    except TypeError:  # no JSON, or a number that is too large for this writer
        return False


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
        if isinstance(value, _OBJECT):
            value = value.get(segment, _MISSING)
        elif isinstance(value, list | tuple):
            index = int(segment) if segment.removeprefix("-").isdecimal() else len(value)
            value = value[index] if -len(value) <= index < len(value) else _MISSING
        else:
            return _MISSING
        if value is _MISSING:
            return _MISSING
    return value
