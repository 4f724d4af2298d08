"""Builds a corpus: file by file, each written whole or not at all, by one process or several; a second run goes on."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from toolgym import _json
from toolgym._files import WriteLock, write_whole
from toolgym.domain import Size, Split
from toolgym.envs.planarena.corpus.card import card
from toolgym.envs.planarena.corpus.figures import Figures
from toolgym.envs.planarena.corpus.format import (
    FORMATS,
    MANIFEST,
    VERSION,
    Manifest,
    PartRecord,
    digest,
    encode,
    is_corpus,
    read_manifest,
    read_part,
    schema,
)
from toolgym.envs.planarena.corpus.parts import Part, check_enough, parts_of
from toolgym.envs.planarena.corpus.rows import RowMaker
from toolgym.envs.planarena.corpus.scenarios import split_of
from toolgym.envs.planarena.corpus.workers import each
from toolgym.errors import ConfigError, did_you_mean
from toolgym.registration import make_domain

__all__ = ["BuildOptions", "build", "figures_of", "rows_of_part"]

_PARTS, _DATA, _CARD = "parts", "data", "README.md"


@dataclass(frozen=True)
class BuildOptions:
    """What is built."""

    output: Path
    scenarios: Sequence[str]
    """Names as `make_domain` takes them."""
    trajectories: int = 20_000
    seed: int = 0
    jobs: int = 1
    format: str = "parquet"
    size: str = "small"
    alternatives: int = 4
    part_rows: int = 500
    overwrite: bool = False

    def __post_init__(self) -> None:
        for name, least in (("trajectories", 1), ("seed", 0), ("jobs", 1), ("alternatives", 0), ("part_rows", 2)):
            if getattr(self, name) < least:
                raise ConfigError(f"{name} must be at least {least}, got {getattr(self, name)}")
        if self.format not in FORMATS:
            raise ConfigError(did_you_mean(self.format, FORMATS, "format"))
        if self.size not in ("small", "standard", "large"):
            raise ConfigError(did_you_mean(self.size, ("small", "standard", "large"), "world size"))
        if not self.scenarios:
            raise ConfigError("A corpus needs at least one domain: --domains library,bank")

    def manifest(self) -> Manifest:
        """What the corpus will be made of."""
        named = list(dict.fromkeys(self.scenarios))
        return Manifest(
            version=VERSION,
            trajectories=self.trajectories,
            seed=self.seed,
            size=self.size,
            alternatives=self.alternatives,
            part_rows=self.part_rows,
            format=cast(Any, self.format),
            scenarios=tuple((name, split_of(name)) for name in named),
        )


def build(options: BuildOptions, on_part: Callable[[int, int], None] | None = None) -> Figures:
    """Builds what is still missing of a corpus; its figures.

    Args:
        options: what to build.
        on_part: called with the rows that are there and those there will be, at the start and after each file.

    Raises:
        ConfigError: an option that cannot be used, or a folder that holds another corpus or something else.
        LockedError: somebody else is building there.
        OSError: a file cannot be written; it names it. The files before stay.
    """
    manifest = options.manifest()
    check_enough(manifest)
    if options.format == "parquet":
        schema()  # what it needs is missed now, not after minutes
    for name in dict.fromkeys(options.scenarios[:8]):
        make_domain(name, size=cast(Size, options.size))  # so is a domain that does not exist
    options.output.mkdir(parents=True, exist_ok=True)
    with WriteLock(options.output):
        _begin(options.output, manifest, options.overwrite)
        parts = parts_of(manifest)
        records = {part.name: _record(options.output, manifest, part) for part in parts}
        missing = [part for part in parts if records[part.name] is None]
        done = sum(record.rows for record in records.values() if record is not None)
        if on_part is not None:
            on_part(done, manifest.trajectories)
        for record in each(make_part, [(options.output, manifest, part) for part in missing], options.jobs):
            done += record.rows
            if on_part is not None:
                on_part(done, manifest.trajectories)
        figures = figures_of(options.output, manifest)
        write_whole(options.output / _CARD, card(manifest, figures))
    return figures


def _begin(folder: Path, manifest: Manifest, overwrite: bool) -> None:
    """Makes the folder a corpus's, where it is not this one's already."""
    there = is_corpus(folder)
    if there and overwrite:
        for name in (_DATA, _PARTS):
            shutil.rmtree(folder / name, ignore_errors=True)
        (folder / MANIFEST).unlink()
        there = False
    if there:
        old = read_manifest(folder)
        differing = [name for name, value in asdict(manifest).items() if getattr(old, name) != value]
        if differing:
            name = differing[0]
            raise ConfigError(
                f"{folder} holds a corpus that is made of something else ({name}: {_short(getattr(old, name))}, now "
                f"{_short(getattr(manifest, name))}): give another --output, or --overwrite it"
            )
    elif any(path.name not in (".lock", _CARD) for path in folder.iterdir()):
        raise ConfigError(f"{folder} holds something else than a corpus: give an empty or a new folder")
    for name in (_DATA, _PARTS):
        (folder / name).mkdir(exist_ok=True)
        for torn in (folder / name).glob("*.part"):  # of a process that was killed
            torn.unlink()
    if not there:
        write_whole(folder / MANIFEST, _json.dumps(manifest.to_json()).decode() + "\n")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _paths(folder: Path, manifest: Manifest, part: Part) -> tuple[Path, Path]:
    return folder / _DATA / f"{part.name}.{manifest.format}", folder / _PARTS / f"{part.name}.json"


def _record(folder: Path, manifest: Manifest, part: Part) -> PartRecord | None:
    """The record of a file that is there, whole; None where it is still to be made."""
    data, about = _paths(folder, manifest, part)
    record = read_part(about)
    if record is None or not data.is_file() or data.stat().st_size != record.bytes:
        return None
    return record


def make_part(folder: Path, manifest: Manifest, part: Part) -> PartRecord:
    """Makes a file of rows and what is known of it, and writes both, the rows first.

    Raises:
        OSError: one cannot be written; it is not there then.
    """
    rows, thrown_away = rows_of_part(manifest, part)
    content = encode(rows, manifest.format)
    data, about = _paths(folder, manifest, part)
    figures = Figures.of(rows, thrown_away)
    record = PartRecord(data.name, len(rows), len(content), digest(content), figures.to_json())
    _write(data, content)
    write_whole(about, _json.dumps(asdict(record)).decode() + "\n")
    return record


def _write(path: Path, content: bytes) -> None:
    """Writes a file whole, or not at all."""
    torn = path.with_name(f"{path.name}.part")
    try:
        torn.write_bytes(content)
        torn.replace(path)
    except OSError as error:
        with suppress(OSError):
            torn.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error


def rows_of_part(manifest: Manifest, part: Part) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The rows of a file, and what was thrown away on the way to them.

    Raises:
        ConfigError: a pair was found in none of the scenarios that it was looked for in.
    """
    makers = _Makers(manifest, part.pairs.split)
    rows: list[dict[str, Any]] = []
    for pair in range(part.first, part.last):
        found: list[dict[str, Any]] = []
        for scenario, number in part.pairs.tries(pair):
            found = list(makers.of(scenario).pair(number, part.pairs.stride))
            if found:
                break
        if not found:
            near = part.pairs.scenarios[part.pairs.place(pair)[0]]
            raise ConfigError(f"No scenario near {near!r} has a task with a chain that fails: give more --domains")
        rows += found
    makers.close()
    rows = rows[: part.rows]
    for at, row in enumerate(rows):
        row["id"] = f"planarena-{manifest.seed}-{part.number + at:06d}"
    return rows, dict(makers.thrown_away())


class _Makers:
    """The maker of the scenario that is in work: one at a time."""

    def __init__(self, manifest: Manifest, split: str):
        self.manifest, self.split = manifest, split
        self._now: RowMaker | None = None
        self._thrown = Figures()

    def of(self, scenario: str) -> RowMaker:
        if self._now is None or self._now.scenario != scenario:
            self.close()
            size, split = cast(Size, self.manifest.size), cast(Split, self.split)
            domain = make_domain(scenario, size=size)
            self._now = RowMaker(domain, scenario, split, size, self.manifest.alternatives, self.manifest.seed)
        return self._now

    def close(self) -> None:
        if self._now is not None:
            self._thrown.thrown_away.update(self._now.thrown_away)
            self._now.close()
            self._now = None

    def thrown_away(self) -> dict[str, int]:
        return dict(self._thrown.thrown_away)


def figures_of(folder: Path, manifest: Manifest) -> Figures:
    """The figures of the files that are there.

    Raises:
        ConfigError: the record of a file is damaged.
    """
    return merged(_known(folder, manifest))


def _known(folder: Path, manifest: Manifest) -> Iterator[Figures]:
    for part in parts_of(manifest):
        record = _record(folder, manifest, part)
        if record is None:
            continue
        try:
            yield Figures.from_json(record.figures)
        except (TypeError, ValueError, AttributeError) as error:
            about = _paths(folder, manifest, part)[1]
            raise ConfigError(f"{about} is damaged ({error}): remove it, and build again") from error


def merged(figures: Iterable[Figures]) -> Figures:
    """The sum of figures."""
    out = Figures()
    for one in figures:
        out.merge(one)
    return out
