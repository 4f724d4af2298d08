"""The form of a row and of a corpus's folder: what is written, and what a reader makes of it.

A folder holds `corpus.json` (what it is made of), `data/SPLIT-NNNNN.parquet` or `.jsonl` (the rows), `parts/` (for each
of those files how many rows and bytes it has, its SHA-256, and what was thrown away on the way), and `README.md`, the
data-set card. Values without a fixed form (arguments, what changed, the tools) are JSON texts, "" where there is
nothing.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from toolgym import _json
from toolgym.errors import ConfigError, TrajectoryError

if TYPE_CHECKING:
    import pyarrow

__all__ = [
    "COLUMNS",
    "FORMATS",
    "MANIFEST",
    "VERSION",
    "Manifest",
    "PartRecord",
    "encode",
    "is_corpus",
    "part_files",
    "read_manifest",
    "read_part",
    "read_rows",
    "schema",
]

VERSION: Final = 1
"""Of the rows' form and of what its labels mean. A change of either is another version."""
MANIFEST: Final = "corpus.json"
Format = Literal["parquet", "jsonl"]
FORMATS: Final[tuple[Format, ...]] = ("parquet", "jsonl")

_CALL: Final = {"name": "string", "arguments": "string"}
COLUMNS: Final[dict[str, Any]] = {
    "version": "int32",
    "id": "string",
    "label": "string",
    "scenario": "string",
    "size": "string",
    "split": "string",
    "task": "string",
    "request": "string",
    "policy": "string",
    "tools": "string",
    "composition": "string",
    "plan": ["string"],
    "depth": "int32",
    "difficulty": "int32",
    "forbidden": "bool",
    "messages": [
        {"role": "string", "content": "string", "reasoning_content": "string", "tool_calls": [_CALL], "name": "string"}
    ],
    "steps": [
        {
            "turn": "int32",
            "kind": "string",
            "name": "string",
            "arguments": "string",
            "role": "string",
            "relevance": "double",
            "answer": "string",
            "outcome": "string",
            "changed": "string",
            "solvable": "bool",
        }
    ],
    "decisions": [
        {
            "turn": "int32",
            "solvable": "bool",
            "alternatives": [
                {
                    "kind": "string",
                    "plan": "string",
                    "calls": [_CALL],
                    "response": "string",
                    "role": "string",
                    "relevance": "double",
                    "answers": ["string"],
                    "outcomes": ["string"],
                    "changed": "string",
                    "solvable": "bool",
                }
            ],
        }
    ],
    "outcome": "string",
    "error": {
        "kind": "string",
        "turn": "int32",
        "place": "double",
        "lost": "int32",
        "recovers": "bool",
        "then": "string",
    },
}
"""Column -> its type; a list holds the type of its items, a dict those of its fields."""


@dataclass(frozen=True)
class Manifest:
    """What a corpus is made of: all that its rows follow from."""

    version: int
    trajectories: int
    seed: int
    size: str
    alternatives: int
    part_rows: int
    format: Format
    scenarios: tuple[tuple[str, str], ...]
    """(name, split) of each, in order."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class PartRecord:
    """What is known of a file of rows that was written."""

    file: str
    rows: int
    bytes: int
    sha256: str
    figures: dict[str, Any]
    """What its rows are like, and what was thrown away on the way (`Figures.to_json`)."""


def is_corpus(path: str | Path) -> bool:
    """Whether a path is a corpus's folder."""
    return (Path(path) / MANIFEST).is_file()


def read_manifest(folder: Path) -> Manifest:
    """What a corpus is made of.

    Raises:
        ConfigError: no such folder, no corpus in it, or one of another version.
    """
    path = folder / MANIFEST
    try:
        given = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ConfigError(
            f"{folder} holds no corpus: there is no {MANIFEST} (`toolgym planarena build` makes one)"
        ) from None
    except OSError as error:
        raise ConfigError(f"Cannot read {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is no JSON: {error}") from error
    names = {item.name for item in fields(Manifest)}
    version = given.get("version") if isinstance(given, dict) else None
    if version != VERSION:
        raise ConfigError(f"{path} is of version {version!r}; this ToolGym reads version {VERSION}. Build it anew")
    if set(given) != names or not isinstance(given["scenarios"], list):
        raise ConfigError(f"{path} is no corpus's: its fields are {sorted(given)}, expected {sorted(names)}")
    try:
        scenarios = tuple((str(name), str(split)) for name, split in given["scenarios"])
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{path}: a scenario is a name and a split ({error})") from error
    return Manifest(**{**given, "scenarios": scenarios})


def part_files(folder: Path, manifest: Manifest) -> list[Path]:
    """The files of rows that are there, in order."""
    return sorted((folder / "data").glob(f"*.{manifest.format}"))


# Rows --------------------------------------------------------------------------------------------------------------


def _arrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError as error:
        raise ConfigError(
            "Parquet needs pyarrow, which is not installed: pip install 'toolgym[train]', or use --format jsonl"
        ) from error
    return pyarrow


def schema() -> "pyarrow.Schema":
    """The rows' Arrow schema.

    Raises:
        ConfigError: pyarrow is not installed.
    """
    arrow = _arrow()

    def made(kind: Any) -> Any:
        if isinstance(kind, list):
            return arrow.list_(made(kind[0]))
        if isinstance(kind, dict):
            return arrow.struct([(name, made(each)) for name, each in kind.items()])
        return {"string": arrow.string(), "int32": arrow.int32(), "double": arrow.float64(), "bool": arrow.bool_()}[
            kind
        ]

    return arrow.schema([(name, made(kind)) for name, kind in COLUMNS.items()])


def encode(rows: Sequence[dict[str, Any]], format: Format) -> bytes:
    """The bytes of a file of rows: equal rows give equal bytes."""
    if format == "jsonl":
        return b"".join(_json.dumps({name: row[name] for name in COLUMNS}) + b"\n" for row in rows)
    arrow = _arrow()
    table = arrow.Table.from_pylist(list(rows), schema=schema())
    sink = arrow.BufferOutputStream()
    arrow.parquet.write_table(table, sink, compression="zstd")
    return sink.getvalue().to_pybytes()


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a file, one at a time.

    Raises:
        TrajectoryError: it cannot be read, is torn, or holds what is no row of this version; it names the file.
    """
    rows = _parquet_rows(path) if path.suffix == ".parquet" else _jsonl_rows(path)
    for number, row in enumerate(rows):
        if row.get("version") != VERSION:
            raise TrajectoryError(
                f"{path}, row {number}: it is of version {row.get('version')!r}; this ToolGym reads version {VERSION}. "
                "Build the corpus anew"
            )
        if missing := [name for name in COLUMNS if name not in row]:
            raise TrajectoryError(f"{path}, row {number}: it has no {', '.join(missing)}")
        yield row


def _parquet_rows(path: Path) -> Iterator[dict[str, Any]]:
    arrow = _arrow()
    try:
        with arrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=64):
                yield from batch.to_pylist()
    except (arrow.ArrowException, OSError, ValueError) as error:
        raise TrajectoryError(f"{path} is truncated or damaged, or no Parquet file: {error}") from error


def _jsonl_rows(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file):
                if not line.endswith(b"\n"):
                    raise TrajectoryError(f"{path} is truncated: row {number} has no end")
                try:
                    row = _json.loads(line)
                except ValueError as error:
                    raise TrajectoryError(f"{path}, row {number}: no JSON ({error})") from error
                if not isinstance(row, dict):
                    raise TrajectoryError(f"{path}, row {number}: expected an object, got {type(row).__name__}")
                yield row
    except OSError as error:
        raise TrajectoryError(f"Cannot read {path}: {error.strerror or error}") from error


def read_part(path: Path) -> PartRecord | None:
    """The record of a file that was written; None where there is none that can be read."""
    try:
        given = json.loads(path.read_bytes())
        return PartRecord(**given)
    except (OSError, ValueError, TypeError):
        return None


def digest(data: bytes) -> str:
    """SHA-256 of a file's bytes."""
    return hashlib.sha256(data).hexdigest()
