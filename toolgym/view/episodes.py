"""One episode of a file, whole: its lines, its tokens, and the tree of the episodes that began alike."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from toolgym.errors import ConfigError, TrajectoryError
from toolgym.trajectory import Trajectory, trajectory_from_json
from toolgym.trajectory._lines import check_record
from toolgym.view.corpus import corpus_episode, corpus_record
from toolgym.view.indexing import line_of
from toolgym.view.inspect_logs import inspect_episode
from toolgym.view.library import Library, tokens_of
from toolgym.view.sources import Source

__all__ = ["episode", "group_tree", "tokens", "trajectory"]

_LARGEST = 256 * 2**20
_MOST_IN_TREE = 64


def _row(index: sqlite3.Connection | None, n: int) -> sqlite3.Row:
    found = None if index is None else index.execute("SELECT * FROM episodes WHERE n = ?", (n,)).fetchone()
    if found is None:
        raise ConfigError(f"There is no episode {n} (yet)")
    return found


def _records(path: Path, number: int, ranges: list[list[int]]) -> Iterator[tuple[Any, str]]:
    """The records of an episode; of a line that is no longer one, None and why."""
    if sum(end - start for start, end in ranges) > _LARGEST:
        raise ConfigError(f"The episode has more than {_LARGEST >> 20} MB: too much for a page")
    with path.open("rb") as file:
        for start, end in ranges:
            file.seek(start)
            for line in _split(file, start, end):
                if not line.strip():
                    continue
                try:
                    record = line_of(line.removeprefix(b"\xef\xbb\xbf"))
                    check_record(record)
                    if record["type"] == "header" or record["episode"] != number:
                        raise ValueError("the file has changed since it was read")
                    yield record, ""
                except (ValueError, TypeError, KeyError) as error:
                    yield None, str(error)


def _split(file: Any, start: int, end: int) -> Iterator[bytes]:
    at = start
    while at < end:
        line = file.readline(end - at)
        if not line:
            return
        at += len(line)
        yield line


def episode(library: Library, source: Source, n: int) -> dict[str, Any]:
    """An episode in the form of `trajectory_to_json`, with `n`, `broken` (lines within it that cannot be read).

    Raises:
        ConfigError: there is none of that number.
        OSError: its file cannot be read.
    """
    with library.index(source) as index:
        row = _row(index, n)
        assert index is not None
        ranges = json.loads(row["ranges"])
        inside = index.execute(
            "SELECT line, why FROM broken WHERE start >= ? AND end <= ? LIMIT 100",
            (ranges[0][0], ranges[-1][1]) if ranges else (0, 0),
        )
        broken = [] if source.kind == "corpus" else [dict(each) for each in inside]
        has_tokens = index.execute(
            "SELECT 1 FROM tokens WHERE step = ? AND number = ?", (row["step"], row["number"])
        ).fetchone()
    kept = {"n": n, "line": row["line"], "tokens": has_tokens is not None, "step": row["step"]}
    assert source.episodes is not None
    if source.kind == "corpus":
        return {**corpus_episode(source.episodes, row["part"], ranges[0]), **kept, "broken": []}
    if source.of_inspect:
        try:
            return {**inspect_episode(source.episodes, row["number"], row["task"]), **kept, "broken": []}
        except ValueError as error:
            raise ConfigError(str(error)) from error
    out: dict[str, Any] = {"steps": [], "outcome": None, "truncation": None, "meta": {}}
    for record, why in _records(source.episodes, row["number"], ranges):
        if record is None:
            broken.append({"line": None, "why": why})
            continue
        kind = record.pop("type")
        del record["episode"]
        if kind == "step":
            out["steps"].append(record)
        else:
            out |= record
    if "prompt" not in out:
        raise ConfigError(f"Episode {n} has changed since the file was read; it is being read again")
    return {**out, **kept, "broken": broken}


def trajectory(found: dict[str, Any]) -> Trajectory:
    """The same as the rest of ToolGym knows it.

    Raises:
        ConfigError: it is none.
    """
    try:
        return trajectory_from_json({"schema": 1, **found})
    except TrajectoryError as error:
        raise ConfigError(str(error)) from error


def recorded(library: Library, source: Source, n: int) -> Trajectory:
    """An episode as the rest of ToolGym knows it; a row of a corpus is played again.

    Raises:
        ToolGymError: it is none, or its task cannot be made.
        OSError: its file cannot be read.
    """
    if source.kind != "corpus":
        return trajectory(episode(library, source, n))
    with library.index(source) as index:
        row = _row(index, n)
    assert source.episodes is not None
    return corpus_record(source.episodes, row["part"], json.loads(row["ranges"])[0])


def tokens(library: Library, source: Source, n: int) -> dict[str, Any]:
    """The tokens of an episode that training recorded: parallel lists.

    Raises:
        ConfigError: there are none.
    """
    with library.index(source) as index:
        row = _row(index, n)
        assert index is not None
        found = index.execute(
            "SELECT start, end FROM tokens WHERE step = ? AND number = ?", (row["step"], row["number"])
        ).fetchone()
    path = tokens_of(source)
    if found is None or path is None:
        raise ConfigError("Of this episode no tokens were recorded (`toolgym train --record` does so)")
    with path.open("rb") as file:
        file.seek(found["start"])
        try:
            out = line_of(file.read(found["end"] - found["start"]))
        except ValueError as error:
            raise ConfigError(f"Its tokens cannot be read: {error}") from error
    lists = ("texts", "logprobs", "mask", "types", "advantages")
    if not isinstance(out, dict) or any(not isinstance(out.get(name), list) for name in lists):
        raise ConfigError("Its tokens cannot be read: the line is of another form")
    return {**{name: out[name] for name in lists}, "spans": out.get("spans", []), "ids": out.get("ids", [])}


def group_tree(library: Library, source: Source, n: int) -> dict[str, Any]:
    """The episodes of the same task (and, in training, of the same step) as a tree: a node a step that they share."""
    with library.index(source) as index:
        row = _row(index, n)
        assert index is not None
        same = ("env", "world", "part", "task", "step")
        where = " AND ".join(f"{name} IS ?" for name in same)
        found = index.execute(
            f"SELECT n FROM episodes WHERE {where} ORDER BY abs(n - ?) LIMIT ?",
            [*(row[name] for name in same), n, _MOST_IN_TREE],
        ).fetchall()
        total = index.execute(f"SELECT count(*) FROM episodes WHERE {where}", [row[name] for name in same]).fetchone()[
            0
        ]
    root: dict[str, Any] = {"key": "", "label": "start", "episodes": [], "children": []}
    ends = []
    for number in sorted(each["n"] for each in found):
        try:
            one = episode(library, source, number)
        except ConfigError:
            if number == n:
                raise
            continue  # what is wrong with it, its own page says
        node = root
        root["episodes"].append(number)
        for step in one["steps"]:
            node = _child(node, step)
            node["episodes"].append(number)
        total_reward = [step["reward"] for step in one["steps"]]
        reward = sum(total_reward) if all(isinstance(each, int | float) for each in total_reward) else None
        ends.append({"n": number, "outcome": one["outcome"], "reward": reward, "steps": len(one["steps"])})
    return {"root": _without_keys(root), "ends": ends, "total": total}


def _child(node: dict[str, Any], step: dict[str, Any]) -> dict[str, Any]:
    """The node below for a step: the one that is there already where the same was done, and the same came of it."""
    turn = step["turn"]
    said = [turn["text"], turn["calls"], turn["response"], turn["plan"], [each["text"] for each in step["results"]]]
    key = hashlib.sha256(json.dumps([said, step["user"]], sort_keys=True).encode()).hexdigest()
    for child in node["children"]:
        if child["key"] == key:
            return child
    label = ", ".join(call["name"] for call in turn["calls"]) or (turn["response"] or "").strip() or "nothing"
    failed = any(result["outcome"] != "ok" for result in step["results"])
    arguments = [call["arguments"] for call in turn["calls"]]
    made = {"key": key, "label": label[:200], "failed": failed, "kind": "call" if turn["calls"] else "response"}
    made |= {"arguments": arguments, "episodes": [], "children": []}
    node["children"].append(made)
    return made


def _without_keys(node: dict[str, Any]) -> dict[str, Any]:
    return {**{k: v for k, v in node.items() if k != "key"}, "children": [_without_keys(c) for c in node["children"]]}
