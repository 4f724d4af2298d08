"""An index of a trajectory file: what each episode is like and where its lines are, made in pieces as the file grows.

The file is read once, from front to back, and never held in memory. A line that cannot be read is noted as such, and
the reading goes on behind it.
"""

import os
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from toolgym._files import is_whole
from toolgym.trajectory._lines import check_record, load_line
from toolgym.view.rows import Row
from toolgym.view.store import BROKEN_KEPT, Store

__all__ = ["FileIndexer", "is_trajectory_file", "line_of"]

LONGEST_LINE = 64 * 2**20
_BLOCK = 1 << 20
_HEAD = 4096
_COMMIT_S = 0.25
_MOST_OPEN = 10_000
_NOTED = ("done", "line", "next", "segment", "bad", "tail")
"""`tail`: bytes of a last line that has no end yet."""
_FEW = 200
"""Lines after which the clock is looked at."""


def is_trajectory_file(path: Path) -> bool:
    """Whether a file begins with the header of a trajectory file."""
    try:
        with path.open("rb") as file:
            record = orjson.loads(file.readline(_HEAD).removeprefix(b"\xef\xbb\xbf"))
    except (OSError, ValueError):
        return False
    return isinstance(record, dict) and record.get("type") == "header"


def line_of(line: bytes) -> Any:
    """The value of a line, quickly where it holds nothing unusual.

    Raises:
        ValueError: no JSON.
    """
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return load_line(line)


class FileIndexer:
    """Brings the index of a trajectory file up to date, a little at each `advance`.

    Args:
        path: the file.
        store: where the index is written.
        tokens: the file with the tokens of the episodes, where there is one.
    """

    def __init__(self, path: Path, store: Store, tokens: Path | None = None):
        self.path, self.store, self.tokens = path, store, tokens
        self._load()

    def _load(self) -> None:
        self.done: int = self.store.get("done", 0)
        self.line: int = self.store.get("line", 0)
        self.next: int = self.store.get("next", 0)
        self.segment: int = self.store.get("segment", -1)
        self.bad: int = self.store.get("bad", 0)
        self.tail: int = self.store.get("tail", 0)
        self.tokens_done: int = self.store.get("tokens_done", 0)
        self.open = {row.number: row for row in self.store.unfinished(self.segment)}
        self.changed: dict[int, Row] = {}
        self.broken: list[tuple[int, int, int, str]] = []

    def advance(self, budget_s: float) -> bool:
        """Reads on for about so long; whether there was anything to read.

        Raises:
            OSError: the file cannot be read.
        """
        if not self.path.exists():
            return False
        with self.path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if not self._is_the_same(file, size):
                self.store.reset()
                self._load()
            read = self._read(file, size, budget_s) if size > self.done else False
        return self._read_tokens(budget_s) or read

    def _is_the_same(self, file: Any, size: int) -> bool:
        """Whether what was read of the file is still there: it may have been cut or begun anew."""
        if size < self.done:
            return False
        return self.store.get("marks") in (None, self._marks(file)) if self.done else True

    def _marks(self, file: Any) -> str:
        """What tells the part that was read from another: its beginning, its end, and the file itself."""
        file.seek(0)
        head = file.read(min(_HEAD, self.done))
        file.seek(max(0, self.done - _HEAD))
        return sha256(head + file.read(min(_HEAD, self.done))).hexdigest()

    def _read(self, file: Any, size: int, budget_s: float) -> bool:
        file.seek(self.done)
        stop, commit = time.monotonic() + budget_s, time.monotonic() + _COMMIT_S
        before = self.done
        for count, (line, end) in enumerate(_lines(file, self.done, size), start=1):
            self.line += 1
            try:
                self._take(line, self.done, end)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                self._cannot(end, f"{error}" if isinstance(error, ValueError) else f"no trajectory record: {error!r}")
            self.done = end
            if count % _FEW == 0 and (now := time.monotonic()) > commit:
                self._commit(file)
                if now > stop:
                    return True
                file.seek(self.done)
                commit = now + _COMMIT_S
        if self.done > before or self.tail != size - self.done:
            self.tail = size - self.done
            self._commit(file)
        return self.done > before

    def _commit(self, file: Any) -> None:
        place = file.tell()
        noted: dict[str, Any] = {name: getattr(self, name) for name in _NOTED}
        noted["marks"] = self._marks(file)
        file.seek(place)
        self.store.put(list(self.changed.values()), self.broken, (), **noted)
        self.changed, self.broken = {}, []

    def _cannot(self, end: int, why: str) -> None:
        self.bad += 1
        if self.bad <= BROKEN_KEPT:
            self.broken.append((self.line, self.done, end, why[:300]))

    def _take(self, line: bytes | None, start: int, end: int) -> None:
        if line is None:
            raise ValueError(f"a line of {end - start:,} bytes; the longest that is read has {LONGEST_LINE:,}")
        if not line.strip():
            return
        record = line_of(line.removeprefix(b"\xef\xbb\xbf") if start == 0 else line)
        kind = record.get("type") if isinstance(record, dict) else None
        if kind == "header":
            if record.get("schema") != 1:
                raise ValueError(f"schema version {record.get('schema')!r:.50}; this ToolGym reads version 1")
            self.segment, self.open = self.segment + 1, {}
            return
        if kind not in ("episode", "step", "end"):
            raise ValueError(f"its type is {kind!r:.50}; expected header, episode, step or end")
        number = record["episode"]
        if type(number) is not int:
            raise ValueError(f"episode: {number!r:.50} is no number")
        if kind == "episode":
            if number in self.open:
                raise ValueError(f"episode {number} begins, and has begun already")
            check_record(record)  # of steps an episode may lack some, of its opening nothing
            row = Row(self.next, self.segment, number, self.line)
            row.begin(record)
            self.open[number], self.next = row, self.next + 1
            if len(self.open) > _MOST_OPEN:  # no writer plays so many at once
                del self.open[next(iter(self.open))]
        elif (row := self.open.get(number)) is None:
            raise ValueError(f"it is of episode {number}, which has not begun or has ended")
        elif kind == "step":
            row.take(record)
        else:
            row.end(record)
            del self.open[number]
        row.at(start, end)
        self.changed[row.n] = row

    def _read_tokens(self, budget_s: float) -> bool:
        """Notes where the tokens of each episode are."""
        if self.tokens is None or not self.tokens.is_file():
            return False
        with self.tokens.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size < self.tokens_done:  # the run went on from an earlier step
                self.tokens_done = 0
            if size == self.tokens_done:
                return False
            file.seek(self.tokens_done)
            found, stop = [], time.monotonic() + budget_s
            for line, end in _lines(file, self.tokens_done, size):
                try:
                    record = line_of(line or b"")
                    found.append((int(record["step"]), int(record["episode"]), self.tokens_done, end))
                except (ValueError, KeyError, TypeError):
                    self.bad += 1
                self.tokens_done = end
                if time.monotonic() > stop:
                    break
        self.store.put([], tokens=found, tokens_done=self.tokens_done)
        return bool(found)


def _lines(file: Any, start: int, size: int) -> Iterator[tuple[bytes | None, int]]:
    """The whole lines up to `size`, each with where it ends; None: one that is too long to be read.

    A last line without its end is left for later, unless nothing but the end is missing.
    """
    at = start
    while at < size:
        line = file.readline(min(LONGEST_LINE, size - at))
        if not line:
            return
        end = at + len(line)
        if line.endswith(b"\n"):
            yield line, end
        elif len(line) == LONGEST_LINE:
            while (more := file.readline(_BLOCK)) and not more.endswith(b"\n"):
                end += len(more)
            if not more:
                return
            end += len(more)
            yield None, end
        elif end == size and len(line) < 4 * _BLOCK and is_whole(line):
            yield line, end
        else:
            return
        at = end
        if file.tell() != at:
            file.seek(at)
