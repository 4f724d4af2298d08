"""Logs of Inspect's evaluations (`.eval` and `.json`): an index of their samples, each of which is an episode."""

import json
import re
import time
import zipfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from toolgym.view.indexing import line_of
from toolgym.view.inspect_samples import episode_of, listed
from toolgym.view.rows import Row
from toolgym.view.store import Store

__all__ = ["InspectIndexer", "inspect_episode", "is_inspect_log"]

_HEAD = 4096
_JSON_BEGINS = re.compile(rb'\s*\{\s*"version"\s*:\s*\d+\s*,.{0,200}?"eval"\s*:\s*\{', re.DOTALL)
_SAMPLE = re.compile(r"samples/[^/]+\.json")
_ZSTANDARD = 93
_LARGEST = 256 * 2**20
"""Bytes of a sample, and of a log in JSON, which is read as a whole."""
_BATCH = 64
_WRONG = (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError)
"""What comes of a sample that is of another form."""


def is_inspect_log(path: Path) -> bool:
    """Whether a file begins as a log of Inspect's does."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return False
    if path.suffix == ".eval":
        return head.startswith(b"PK\x03\x04")
    return path.suffix == ".json" and _JSON_BEGINS.match(head.removeprefix(b"\xef\xbb\xbf")) is not None


class InspectIndexer:
    """Brings the index of a log up to date; a log that has changed is read anew, for it is written anew.

    Args:
        path: the log.
        store: where the index is written.
    """

    def __init__(self, path: Path, store: Store):
        self.path, self.store = path, store
        self._rows: Iterator[Row | tuple[int, str]] | None = None

    def advance(self, budget_s: float) -> bool:
        """Reads on for about so long; whether there was anything to read.

        Raises:
            OSError: the file cannot be read.
            ValueError: it is no log, or one that cannot be read here; the message says why.
        """
        now = _state(self.path)
        if self._rows is None or now != self._state:
            if self.store.get("seen") == list(now):
                return False
            self.store.reset()
            self._rows, self._state, self._bad = _rows(self.path, now), now, 0
        found: list[Row] = []
        broken: list[tuple[int, int, int, str]] = []
        stop = time.monotonic() + budget_s
        for row in self._rows:
            if isinstance(row, Row):
                found.append(row)
            else:
                broken.append((row[0] + 1, 0, 0, f"sample {row[0] + 1}: {row[1]}"[:300]))
            if time.monotonic() > stop:
                self._put(found, broken)
                return True
        self._rows = None
        self._put(found, broken, seen=list(now), done=now[0], tail=0)
        return True

    def _put(self, found: list[Row], broken: list[tuple[int, int, int, str]], **noted: Any) -> None:
        self._bad += len(broken)
        self.store.put(found, broken, (), bad=self._bad, **noted)


def inspect_episode(path: Path, number: int, task: str) -> dict[str, Any]:
    """A sample in the form of an episode.

    Args:
        path: the log.
        number: the sample's number in it.
        task: the sample's id, as the index has it.

    Raises:
        ValueError: the log has changed since it was read, or cannot be read.
        OSError: the file cannot be read.
    """
    log = _opened(path, _state(path))
    try:
        made = episode_of(log.about, log.sample(number)) if number < len(log) else {}
    except _WRONG as error:
        raise ValueError(f"Sample {number + 1} cannot be read: {error}") from error
    if made.get("task_id") != task:
        raise ValueError("The log has changed since it was read; it is being read again")
    return made


# The files ---------------------------------------------------------------------------------------------------------


def _state(path: Path) -> tuple[int, int]:
    """What tells the file from what it is after another write."""
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


class _Log:
    """A log: `about` is what its header says of the evaluation, `sample` gives one by its number."""

    def __init__(self, path: Path):
        self.path = path
        self._samples: list[Any] | None = None
        self._names: list[str] = []
        if path.suffix == ".eval":
            with self._archive() as archive:
                inside = [info.filename for info in archive.infolist()]
                self._names = sorted({name for name in inside if _SAMPLE.fullmatch(name)})
                if not self._names and any(name.startswith("samples/") for name in inside):
                    raise ValueError("its samples are in chunks, which are not read here")
                header = "header.json" if "header.json" in inside else "_journal/start.json"
                whole = self._read(archive, header)
        else:
            if path.stat().st_size > _LARGEST:
                raise ValueError(
                    f"a log in JSON of more than {_LARGEST >> 20} MB is not read as a whole; make it one in pieces: "
                    "inspect log convert FILE --to eval --output-dir DIR"
                )
            whole = _json(path.read_bytes())
            self._samples = listed(whole.get("samples"), "samples") if isinstance(whole, dict) else None
        about = whole.get("eval") if isinstance(whole, dict) else None
        if not isinstance(about, dict):
            raise ValueError("it has no header that says what was evaluated")
        self.about: dict[str, Any] = about

    def __len__(self) -> int:
        return len(self._names if self._samples is None else self._samples)

    def sample(self, number: int) -> Any:
        """The sample as it stands in the log."""
        if self._samples is not None:
            return self._samples[number]
        with self._archive() as archive:
            return self._read(archive, self._names[number])

    def each(self) -> Iterator[tuple[int, Any]]:
        """(number, sample, or the error with which it is read) of every sample."""
        if self._samples is not None:
            yield from enumerate(self._samples)
            return
        with self._archive() as archive:
            for number, name in enumerate(self._names):
                try:
                    yield number, self._read(archive, name)
                except ValueError as error:
                    yield number, error

    def _archive(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self.path)
        except (zipfile.BadZipFile, NotImplementedError, ValueError, KeyError) as error:  # as `zipfile` says it
            raise ValueError(f"the archive cannot be read (is it still being written?): {error}") from error

    @staticmethod
    def _read(archive: zipfile.ZipFile, name: str) -> Any:
        """The value of a file in the archive."""
        try:
            info = archive.getinfo(name)
            if info.file_size > _LARGEST:
                raise ValueError(f"{name} has {info.file_size:,} bytes; the most that are read are {_LARGEST:,}")
            if info.compress_type == _ZSTANDARD:
                _need_zstandard()
            with archive.open(info) as file:
                return _json(file.read(_LARGEST + 1))
        except ValueError:
            raise
        except Exception as error:  # as many kinds as there are ways for an archive to be damaged
            raise ValueError(f"{name} cannot be read: {error or type(error).__name__}") from error


@lru_cache(maxsize=2)
def _opened(path: Path, state: tuple[int, int]) -> _Log:
    return _Log(path)


def _need_zstandard() -> None:
    """Makes Python's archives read Zstandard, which they do by themselves from Python 3.14 on.

    Raises:
        ValueError: the package for it is missing.
    """
    if hasattr(zipfile, "ZIP_ZSTANDARD"):
        return
    try:
        import zipfile_zstd  # noqa: F401  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ValueError(
            "the log is compressed by Zstandard: pip install zipfile-zstd (inspect-ai brings it), or write it in JSON: "
            "inspect log convert FILE --to json --output-dir DIR"
        ) from error


def _json(text: bytes) -> Any:
    """The value; NaN and infinities, which logs hold, are None."""
    if len(text) > _LARGEST:
        raise ValueError(f"more than {_LARGEST:,} bytes")
    try:
        return line_of(text)
    except ValueError:
        try:
            return json.loads(text, parse_constant=lambda _: None)
        except RecursionError as error:
            raise ValueError("nested too deep") from error


def _rows(path: Path, state: tuple[int, int]) -> Iterator[Row | tuple[int, str]]:
    """A row of each sample; of one that cannot be read, its number and why."""
    log = _opened(path, state)
    for number, sample in log.each():
        try:
            if isinstance(sample, ValueError):
                raise sample
            yield _row(number, episode_of(log.about, sample))
        except _WRONG as error:
            yield number, f"{error}" if isinstance(error, ValueError) else f"of another form: {error!r}"


def _row(number: int, made: dict[str, Any]) -> Row:
    row = Row(number, 0, number, number + 1)
    row.begin({name: made[name] for name in ("env_id", "task_id", "prompt", "meta")})
    for step in made["steps"]:
        row.take(step)
    row.end(made)
    return row
