"""Where rows come from: files of JSON Lines, JSON or Parquet, folders of them, data sets, lists.

A source gives row `i` again when it is asked for; of a JSON Lines file it holds no more than where each line begins.
"""

import json
import re
from abc import ABC, abstractmethod
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from toolgym import _json
from toolgym.envs.calls.errors import RowError
from toolgym.errors import ConfigError, TaskError

__all__ = ["Source", "open_sources"]

_SUFFIXES = (".jsonl", ".ndjson", ".json", ".parquet")
_SPLITS = {"train": "train", "validation": "validation", "valid": "validation", "dev": "validation", "test": "test"}
_MARK = b"\xef\xbb\xbf"
_NUMBER = re.compile(r"-\d+$")


class Source(ABC):
    """Rows by number.

    Args:
        name: what rows of it are called by, in ids.
        split: the split that its name tells, or None.
    """

    def __init__(self, name: str, split: str | None = None):
        self.name, self.split = name, split

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def row(self, index: int) -> Any:
        """The row.

        Raises:
            RowError: it is no JSON.
        """

    def where(self, index: int) -> str:
        """Where the row stands, for people."""
        return f"{self.name}, row {index + 1}"

    def number(self, index: int) -> int:
        """The row's number in ids, from 1."""
        return index + 1

    def index(self, number: int) -> int | None:
        """The row of a number, or None."""
        return number - 1 if 1 <= number <= len(self) else None


class LinesFile(Source):
    """A file with one row a line; empty lines are none."""

    def __init__(self, path: Path, split: str | None = None):
        super().__init__(path.stem, split)
        self.path = path
        self._offsets, self._numbers = array("Q"), array("L")
        at = 0
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    self._offsets.append(at)
                    self._numbers.append(number)
                at += len(line)
        self._size = at

    def __len__(self) -> int:
        return len(self._offsets)

    def row(self, index: int) -> Any:
        start = self._offsets[index]
        end = self._offsets[index + 1] if index + 1 < len(self) else self._size
        with self.path.open("rb") as file:
            file.seek(start)
            return _loaded(file.read(end - start).removeprefix(_MARK))

    def where(self, index: int) -> str:
        return f"{self.path}, line {self._numbers[index]}"

    def number(self, index: int) -> int:
        return self._numbers[index]

    def index(self, number: int) -> int | None:
        at = bisect_left(self._numbers, number)
        return at if at < len(self) and self._numbers[at] == number else None


class JsonFile(Source):
    """A file with one JSON list of rows, which are kept as their JSON."""

    def __init__(self, path: Path, split: str | None = None):
        super().__init__(path.stem, split)
        self.path = path
        try:
            value = _json.loads(path.read_bytes().removeprefix(_MARK))
        except ValueError as error:
            raise TaskError(f"{path} is not JSON: {error}. Rows one a line are JSON Lines: name it .jsonl") from error
        if isinstance(value, Mapping):
            lists = [item for item in value.values() if isinstance(item, list)]
            value = lists[0] if len(lists) == 1 else value
        if not isinstance(value, list):
            raise TaskError(f"{path} is a JSON {type(value).__name__}; rows are a list, or one a line in a .jsonl file")
        self._rows = [_json.dumps(row) for row in value]

    def __len__(self) -> int:
        return len(self._rows)

    def row(self, index: int) -> Any:
        return _loaded(self._rows[index])

    def where(self, index: int) -> str:
        return f"{self.path}, row {index + 1}"


class ParquetFile(Source):
    """A Parquet file; one of its row groups is held at a time."""

    def __init__(self, path: Path, split: str | None = None):
        super().__init__(path.stem, split)
        self.path = path
        try:
            from pyarrow.parquet import ParquetFile as Parquet
        except ImportError as error:
            raise ConfigError(
                f"{path} needs pyarrow to be read: pip install pyarrow (toolgym[train] has it)"
            ) from error
        try:
            self._file = Parquet(path)
        except Exception as error:  # pyarrow has errors of its own
            raise TaskError(f"{path} is no Parquet file: {error}") from error
        self._starts = [0]
        for group in range(self._file.num_row_groups):
            self._starts.append(self._starts[-1] + self._file.metadata.row_group(group).num_rows)
        self._held: tuple[int, Any] = (-1, None)

    def __len__(self) -> int:
        return self._starts[-1]

    def row(self, index: int) -> Any:
        group = bisect_right(self._starts, index) - 1
        held, table = self._held
        if held != group:
            table = self._file.read_row_group(group)
            self._held = group, table
        return _without_none(table.slice(index - self._starts[group], 1).to_pylist()[0])

    def where(self, index: int) -> str:
        return f"{self.path}, row {index + 1}"


class Rows(Source):
    """A `datasets.Dataset`, or a list."""

    def __init__(self, rows: Any, name: str, split: str | None = None):
        super().__init__(name, split)
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def row(self, index: int) -> Any:
        row = self._rows[index]
        return row if isinstance(self._rows, list | tuple) else _without_none(row)


def open_sources(data: Any) -> list[Source]:
    """The sources that `data` names.

    Args:
        data: a file (.jsonl, .json, .parquet), a folder of such files or of a saved data set, the name of a data set of
            a hub, a `datasets.Dataset` or `DatasetDict`, or a list of rows.

    Raises:
        ConfigError: there is no such file or data set, or nothing in it.
        TaskError: a file is not what its name says.
    """
    sources: list[Source]
    if isinstance(data, str | Path):
        sources = _of_path(Path(data).expanduser(), str(data))
    elif isinstance(data, Mapping):  # a DatasetDict is one
        sources = [Rows(rows, str(name), _split_of(str(name))) for name, rows in data.items()]
    elif hasattr(data, "__len__") and hasattr(data, "__getitem__"):
        sources = [Rows(data, "row")]
    else:
        raise ConfigError(
            "ToolGym/Calls-v0 needs data=... (--set data=FILE): a file (.jsonl, .json, .parquet), a folder, the name "
            f"of a data set, a datasets.Dataset or a list of rows; got {data!r:.80}"
        )
    if not sum(map(len, sources)):
        raise ConfigError(f"there is no row in {data!r:.200}")
    return sources


def _of_path(path: Path, named: str) -> list[Source]:
    if path.is_file():
        return [_of_file(path, None)]
    if path.is_dir():
        if (path / "dataset_info.json").is_file() or (path / "dataset_dict.json").is_file():
            return open_sources(_datasets().load_from_disk(str(path)))
        files = sorted(file for file in path.rglob("*") if file.suffix in _SUFFIXES and file.is_file())
        if not files:
            raise ConfigError(f"{path} has no file that ends with {', '.join(_SUFFIXES)}")
        return _named_apart([_of_file(file, _split_of(file.stem)) for file in files], files, path)
    if path.suffix in _SUFFIXES or named.count("/") != 1 or named.startswith((".", "/", "~")):
        raise ConfigError(f"there is no file or folder {named!r} (from {Path.cwd()})")
    try:
        found = _datasets().load_dataset(named)
    except ConfigError:
        raise
    except Exception as error:  # of the hub, of the network, of the data set's own files
        raise ConfigError(f"the data set {named!r} cannot be loaded: {error}") from error
    return open_sources(found)


def _of_file(path: Path, split: str | None) -> Source:
    try:
        if path.suffix == ".parquet":
            return ParquetFile(path, split)
        if path.suffix == ".json":
            return JsonFile(path, split)
        if path.suffix in _SUFFIXES:
            return LinesFile(path, split)
    except OSError as error:
        raise ConfigError(f"Cannot read {path}: {error.strerror}") from error
    raise ConfigError(f"{path} ends with none of {', '.join(_SUFFIXES)}")


def _named_apart(sources: list[Source], files: Sequence[Path], folder: Path) -> list[Source]:
    """The sources of a folder's files. Where two have one name, or `rows-2` stands beside `rows`, whose row 2 may have
    turns, a path tells them apart: an id is one row's.
    """
    names = Counter(source.name for source in sources)
    for source, file in zip(sources, files, strict=True):
        base = _NUMBER.sub("", source.name)
        if names[source.name] > 1 or (base != source.name and base in names):
            source.name = file.relative_to(folder).as_posix()
    return sources


def _split_of(name: str) -> str | None:
    """The split that the name of a file or of a part of a data set begins with: `test-00000-of-00001`."""
    word = name.replace("_", "-").replace(".", "-").partition("-")[0].lower()
    return _SPLITS.get(word)


def _datasets() -> Any:
    try:
        import datasets
    except ImportError as error:
        raise ConfigError("a data set needs the package datasets: pip install datasets (toolgym[train])") from error
    return datasets


def _loaded(data: bytes) -> Any:
    try:
        return _json.loads(data)
    except (ValueError, json.JSONDecodeError) as error:
        raise RowError(f"it is not JSON: {error}") from error


def _without_none(value: Any) -> Any:
    """The value without keys that have none: columns give all rows the keys of each."""
    if isinstance(value, dict):
        return {key: _without_none(item) for key, item in value.items() if item is not None}
    return [_without_none(item) for item in value] if isinstance(value, list) else value


def each_row(sources: Sequence[Source]) -> Iterator[tuple[int, int]]:
    """(number of the source, number of the row), in order."""
    for at, source in enumerate(sources):
        for index in range(len(source)):
            yield at, index
