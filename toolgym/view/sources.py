"""What there is to see under the paths that were opened: runs, benchmarks, corpora, files of episodes, reports."""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from toolgym.errors import ConfigError
from toolgym.hub_files import is_kept_file
from toolgym.view.indexing import is_trajectory_file
from toolgym.view.inspect_logs import is_inspect_log

__all__ = ["Source", "check_paths", "find", "is_link"]

Kind = Literal["training", "benchmark", "corpus", "episodes", "report"]

_LEFT_OUT = {"node_modules", "tensorboard", "__pycache__"}
_MOST_DEPTH = 8
_MOST_ENTRIES = 100_000
_LARGEST_REPORT = 8 * 2**20
WHAT = (
    "a file of episodes (`toolgym eval --output`), the folder of a run (`toolgym train`), of a benchmark (`toolgym "
    "bench`) or of a corpus (`toolgym planarena build`), a report (`toolgym eval --json`), a log of Inspect's (.eval "
    "or .json), or a folder that holds some"
)


@dataclass(frozen=True)
class Source:
    """One thing that is shown: a row of the table of runs."""

    id: str
    """Says nothing of where it is: addresses hold ids, never paths."""
    name: str
    kind: Kind
    path: Path
    """The file, or the folder."""
    episodes: Path | None = None
    """The file of its episodes, or the folder of the corpus."""
    of_inspect: bool = False
    """Whether the episodes are the samples of a log of Inspect's."""

    @property
    def folder(self) -> Path | None:
        """The folder with metrics and evaluations, where it is a training run's."""
        return self.path if self.kind == "training" else None


def check_paths(paths: Sequence[Path]) -> None:
    """Raises where there is nothing to open.

    Raises:
        ConfigError: a path that is not there, or a file that cannot be shown.
    """
    for path in paths:
        if not path.exists():
            raise ConfigError(f"There is no {path}. toolgym view opens {WHAT}")
        if path.is_file() and path.stat().st_size and next(find([path]), None) is None:
            raise ConfigError(f"{path} is nothing that can be shown. toolgym view opens {WHAT}")


def find(paths: Sequence[Path]) -> Iterator[Source]:
    """What is shown, in the order of the paths and, within each, of the names."""
    # A file of the hub's has its name in the link alone.
    roots = [path.parent.resolve() / path.name if is_kept_file(path) else path.resolve() for path in paths]
    roots = list(dict.fromkeys(roots))
    common = Path(os.path.commonpath([root.parent for root in roots])) if roots else Path()
    seen: set[Path] = set()
    for root in roots:
        for source in _under(root, common, 0, [_MOST_ENTRIES]):
            if source.path not in seen:
                seen.add(source.path)
                yield source


def _under(path: Path, common: Path, depth: int, left: list[int]) -> Iterator[Source]:
    if path.is_file():
        if (kind := _kind_of(path)) is not None:
            yield _source(path, common, kind, path if kind == "episodes" else None)
        elif depth == 0 and not path.stat().st_size:
            yield _source(path, common, "episodes", path)  # one that is about to be written
        return
    inner = _folder_source(path, common)
    if inner is not None:
        yield inner
    if depth >= _MOST_DEPTH or (inner is not None and inner.kind == "corpus"):
        return
    own = {inner.episodes} if inner is not None else set()
    with suppress(OSError):
        entries = sorted(os.scandir(path), key=lambda entry: entry.name)
        for entry in entries:
            left[0] -= 1
            if left[0] < 0:
                return
            # A link may lead out of what was opened.
            if entry.name.startswith(".") or entry.name in _LEFT_OUT or is_link(Path(entry.path)):
                continue
            if (
                inner is not None
                and inner.kind == "training"
                and entry.name.startswith(("best", "final", "checkpoint-"))
            ):
                continue  # models
            each = Path(entry.path)
            if each not in own and (entry.is_dir() or each.suffix in (".jsonl", ".json", ".eval")):
                yield from _under(each, common, depth + 1, left)


def is_link(path: Path) -> bool:
    """Whether a path is a link, which is not followed: not one by which the hub's cache keeps a file."""
    return path.is_symlink() and not is_kept_file(path)


def _folder_source(path: Path, common: Path) -> Source | None:
    """What a folder as a whole is."""

    def has(name: str) -> bool:
        return (path / name).is_file() and not is_link(path / name)

    if has("corpus.json"):
        return _source(path, common, "corpus", path)
    if has("bench.json"):
        return _source(path, common, "benchmark", path / "results.jsonl")
    if has("metrics.jsonl") or has("evaluations.jsonl"):
        return _source(path, common, "training", path / "episodes.jsonl" if has("episodes.jsonl") else None)
    return None


def _source(path: Path, common: Path, kind: Kind, episodes: Path | None) -> Source:
    name = path.relative_to(common).as_posix() if path.is_relative_to(common) else path.name
    name = name.encode("utf-8", "backslashreplace").decode()
    of_inspect = kind == "episodes" and (is_inspect_log(path) or (path.suffix == ".eval" and not path.stat().st_size))
    return Source(hashlib.sha256(os.fsencode(path)).hexdigest()[:12], name, kind, path, episodes, of_inspect)


def _kind_of(path: Path) -> Kind | None:
    if is_inspect_log(path):
        return "episodes"
    if path.suffix == ".json":
        return "report" if read_report(path) is not None else None
    return "episodes" if is_trajectory_file(path) else None


def read_report(path: Path) -> dict[str, Any] | None:
    """What `toolgym eval --json` printed to a file; None where it is something else."""
    with suppress(OSError, ValueError, RecursionError):
        if path.stat().st_size > _LARGEST_REPORT:
            return None
        with path.open("rb") as file:
            if not file.read(64).lstrip().startswith(b"{"):
                return None
        report = json.loads(path.read_bytes())
        if isinstance(report, dict) and "pass@1" in report and "episodes" in report:
            return report
    return None
