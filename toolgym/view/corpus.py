"""The rows of an executed corpus: an index of them, and each as an episode."""

import json
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import orjson

from toolgym.trajectory import Trajectory
from toolgym.view.rows import Row
from toolgym.view.sources import is_link
from toolgym.view.store import Store

__all__ = ["CorpusIndexer", "corpus_episode", "corpus_record"]

_COLUMNS = ["id", "label", "scenario", "size", "split", "task", "request", "composition", "depth", "outcome"]
_NESTED = ["messages", "steps", "error"]
_BATCH = 64


class CorpusIndexer:
    """Brings the index of a corpus up to date, a batch of rows at a time; a file that was read stays read.

    Args:
        path: the corpus's folder.
        store: where the index is written.
    """

    def __init__(self, path: Path, store: Store):
        self.path, self.store = path, store
        self._rows: Iterator[Any] | None = None

    def advance(self, budget_s: float) -> bool:
        """Reads on for about so long; whether there was anything to read."""
        files = {file.name: file.stat().st_size for file in _parts(self.path)}
        done: dict[str, int] = self.store.get("files", {})
        if any(files.get(name) != size for name, size in done.items()):  # begun anew
            self.store.reset()
            self._rows, done = None, {}
        if self._rows is None:
            name = next((name for name in files if name not in done), None)
            if name is None:
                return False
            self._rows = _read(self.path / "data" / name, self.store.get("next", 0))
            self._name, self._found = name, []
        stop = time.monotonic() + budget_s
        try:
            for row in self._rows:
                self._found.append(row)
                if time.monotonic() > stop:
                    return True
        except Exception as error:  # a damaged file is said to be that; others go on
            self._cannot(done, files, error)
            return True
        self._write(done, files, [])
        return True

    def _cannot(self, done: dict[str, int], files: dict[str, int], error: Exception) -> None:
        why = f"{self._name}: {error}" if str(error) else f"{self._name}: {type(error).__name__}"
        self._write(done, files, [(self.store.get("bad", 0) + 1, 0, 0, why[:300])])

    def _write(self, done: dict[str, int], files: dict[str, int], broken: list[tuple[int, int, int, str]]) -> None:
        rows: list[Row] = self._found
        done = {**done, self._name: files.get(self._name, 0)}
        bad = self.store.get("bad", 0) + len(broken)
        bytes_ = sum(done.values())
        self.store.put(
            rows, broken, files=done, next=self.store.get("next", 0) + len(rows), bad=bad, done=bytes_, size=bytes_
        )
        self._rows, self._found = None, []


def _parts(folder: Path) -> list[Path]:
    found = [*(folder / "data").glob("*.parquet"), *(folder / "data").glob("*.jsonl")]
    return sorted(path for path in found if path.is_file() and not is_link(path))


def size_of(folder: Path) -> int:
    """The bytes of its rows."""
    return sum(path.stat().st_size for path in _parts(folder))


def _read(path: Path, first: int) -> Iterator[Row]:
    """The rows of a file; `ranges` says where each is: `[number in the file, -1]`, or from byte to byte."""
    if path.suffix == ".jsonl":
        at = 0
        with path.open("rb") as file:
            for number, line in enumerate(file):
                row = _row(orjson.loads(line), first + number, number, path.name)
                row.ranges = [[at, at + len(line)]]
                at += len(line)
                yield row
        return
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as file:
        number = 0
        for batch in file.iter_batches(batch_size=_BATCH, columns=[*_COLUMNS, *_NESTED]):
            for found in batch.to_pylist():
                row = _row(found, first + number, number, path.name)
                row.ranges = [[number, -1]]
                yield row
                number += 1


def _row(found: dict[str, Any], n: int, line: int, file: str) -> Row:
    row = Row(n, 0, n, line, env=found["scenario"], task=found["task"], split=found["split"])
    row.world = f"size={found['size']}"
    row.outcome = found["outcome"] if found["outcome"] else ("solved" if found["label"] == "positive" else "unsolved")
    row.reward, row.depth, row.ended = None, found["depth"], True
    row.kinds = [kind for kind in found["composition"].replace("||", ";").split(";") if kind]
    row.part, row.request = file, found["request"][:300]
    row.fault = (found["error"] or {}).get("kind") or ""
    row.say(found["id"], found["task"], found["request"])
    for message in found["messages"]:
        if message["role"] == "assistant":
            row.say(message.get("reasoning_content") or "", message.get("content") or "")
            row.steps += 1
    for step in found["steps"]:
        if step["kind"] == "call" or step["name"]:
            row.calls += 1
            row.tools[step["name"]] = None
            row.say(step["arguments"])
            if step["outcome"] not in ("", "ok", None):
                row.errors[step["outcome"]] = None
    return row


def _found(folder: Path, file: str, place: list[int]) -> dict[str, Any]:
    path = folder / "data" / file
    if place[1] >= 0:
        with path.open("rb") as handle:
            handle.seek(place[0])
            return orjson.loads(handle.read(place[1] - place[0]))
    import pyarrow.parquet

    number = place[0]
    with pyarrow.parquet.ParquetFile(path) as parquet:
        for group in range(parquet.num_row_groups):
            rows = parquet.metadata.row_group(group).num_rows
            if number < rows:
                return parquet.read_row_group(group).slice(number, 1).to_pylist()[0]
            number -= rows
    raise ValueError(f"{file} has no row {place[0]}")


def corpus_record(folder: Path, file: str, place: list[int]) -> Trajectory:
    """The episode of a row, played again: a row has no diffs.

    Raises:
        ToolGymError: its environment cannot be made.
    """
    # Imported by name: the library knows no domain.
    return import_module("toolgym.envs.planarena.corpus.episodes").episode_of(_found(folder, file, place))


def corpus_episode(folder: Path, file: str, place: list[int]) -> dict[str, Any]:
    """A row of a corpus in the form of an episode; what only a corpus has is in `corpus`."""
    found = _found(folder, file, place)
    labels: dict[int, list[dict[str, Any]]] = {}
    for step in found["steps"]:
        labels.setdefault(step["turn"], []).append(step)
    steps: list[dict[str, Any]] = []
    for message in found["messages"]:
        if message["role"] == "assistant":
            steps.append(_step(message, labels.get(len(steps), [])))
        elif message["role"] == "user" and steps:
            steps[-1]["user"] = message["content"]
    return {
        "env_id": found["scenario"],
        "task_id": found["task"],
        "seed": None,
        "prompt": f"{found['policy']}\n\n<user>{found['request']}</user>",
        "meta": {
            **{name: found[name] for name in ("split", "label", "composition", "difficulty", "forbidden", "plan")},
            "row": found["id"],
            "world": {"size": found["size"]},
        },
        "steps": steps,
        "outcome": found["outcome"],
        "truncation": None,
        "corpus": {"decisions": found["decisions"], "error": found["error"]},
        "tools": _json(found["tools"]),
    }


def _step(message: dict[str, Any], labels: list[dict[str, Any]]) -> dict[str, Any]:
    calls = [
        {"name": call["name"], "arguments": _json(call["arguments"]) or {}} for call in message.get("tool_calls") or []
    ]
    acted = [label for label in labels if label["name"]]
    results = [
        {"text": label["answer"], "structured": None, "outcome": label["outcome"] or "ok"}
        | {"is_error": label["outcome"] not in ("", "ok", None)}
        for label in acted
    ]
    return {
        "turn": {
            "text": "",
            "plan": message.get("reasoning_content") or None,
            "calls": calls,
            "response": message.get("content") or None,
            "problems": [],
        },
        "results": results,
        "user": None,
        "diff": None,
        "reward": None,
        "rewards": {},
        "labels": [
            {name: label[name] for name in ("kind", "name", "role", "relevance", "solvable")}
            | {"changed": _json(label["changed"])}
            for label in labels
        ],
    }


def _json(text: str | None) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text
