"""What of a state does not count: fields that hold the time or a random id, named by glob paths.

A path is `table.record.field…`. In each part `*`, `?` and `[…]` are as in file names, `**` stands for any number of
parts, and an item of a list is named by its index. `#` in the place of records' ids leaves out the ids alone:

    orders.*.created_at     a field of every order
    **.updated_at           a field, wherever it stands
    orders.#                the orders' ids
    files.logs/*            some files of a workspace
"""

import glob
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

from toolgym.world import canonical

__all__ = ["below", "differing", "make_paths", "without"]

Path = tuple[str, ...]
_IDS, _ANY_DEPTH = "#", "**"


def make_paths(ignore: Iterable[str]) -> tuple[Path, ...]:
    """The parts of each glob path."""
    paths = []
    for text in ignore:
        parts = text.split(".")
        paths.append((*parts[:-1], "*" if parts[-1] == _ANY_DEPTH else parts[-1]))
    return tuple(paths)


def without(value: Any, paths: Sequence[Path]) -> Any:
    """A JSON value without what the paths name; records whose ids are left out are numbered, by their content."""
    if not paths:
        return value
    if isinstance(value, dict):
        kept = {}
        for key, item in value.items():
            left = below(paths, str(key))
            if () not in left:
                kept[key] = without(item, left)
        if (_IDS,) in paths:
            return {str(number): item for number, item in enumerate(sorted(kept.values(), key=canonical), 1)}
        return kept
    if isinstance(value, list):
        rests = [below(paths, str(index)) for index in range(len(value))]
        return [without(item, rest) for item, rest in zip(value, rests, strict=True) if () not in rest]
    return value


def below(paths: Sequence[Path], key: str) -> tuple[Path, ...]:
    """What is left of each path behind `key`, which may itself hold dots; `()` where one ends there."""
    left: list[Path] = []
    for path in paths:
        if path and path[0] == _ANY_DEPTH:
            left.append(path)
            left.extend(below((path[1:],), key))
            continue
        for count in range(1, min(len(path), key.count(".") + 1) + 1):
            if fnmatchcase(key, ".".join(path[:count])):
                left.append(path[count:])
    return tuple(dict.fromkeys(left))


def differing(one: Any, other: Any) -> list[str]:
    """The glob paths of what differs between two states or diffs, each once: ready to be left out."""
    return list(dict.fromkeys(".".join(path) for path in _differing(one, other, ())))


def _differing(one: Any, other: Any, path: Path) -> Iterator[Path]:
    if isinstance(one, dict) and isinstance(other, dict):
        yield from _in_records(one, other, path)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for mine, theirs in zip(one, other, strict=True):
            yield from _differing(mine, theirs, (*path, "*"))
    elif one != other:
        yield path


def _in_records(one: dict[str, Any], other: dict[str, Any], path: Path) -> Iterator[Path]:
    both = [key for key in one if key in other]
    mine, theirs = ([key for key in side if key not in both] for side in (one, other))
    if len(mine) == len(theirs) and path:  # as many under other ids: the ids differ, and perhaps more
        if mine:
            yield (*path, _IDS)
        pairs = [*((key, key) for key in both), *zip(mine, theirs, strict=True)]
    else:
        for key in (*mine, *theirs):
            alone = one.get(key, other.get(key))
            if path or not isinstance(alone, dict):
                yield (*path, glob.escape(key))
            else:  # a whole table: its records are named
                yield from ((glob.escape(key), glob.escape(record)) for record in alone)
        pairs = [(key, key) for key in both]
    for left, right in pairs:
        # A record stands for all of its table's; a table and a field have names.
        record = len(path) == 1 and isinstance(one[left], dict | list)
        name = "*" if record or left != right else glob.escape(left)
        yield from _differing(one[left], other[right], (*path, name))
