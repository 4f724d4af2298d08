"""Units that are done, without their models: small enough to be kept, so that machines and days add up.

`publish` writes them, `restore` takes them back into an output folder, where they count as made.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.learning_parts import read_lines, write_text
from benchmarks.learning_results import TESTS
from toolgym.errors import ConfigError

__all__ = ["publish", "restore"]

_KEPT = ("step", "env_steps", "num_tokens", "solved", "reward", "turns", "loss", "grad_norm", "entropy", "kl")
_KEPT_GROUPS = (
    "awpo/",
    "clip_ratio/",
    "clip_share",
    "clipped_choices",
    "dupo/",
    "dynamic/",
    "expert/",
    "hazard/",
    "toolupt/",
    "value/",
)


def publish(source: Path, target: Path) -> None:
    """Copies the units that are done and not there yet, and what a report needs besides, without models and logs."""
    _copy(source / "options.json", target / "options.json")
    for test in TESTS:
        if (path := source / "start" / f"{test}.json").is_file():
            _copy(path, target / "start" / path.name)
    tests = _tests(target)
    for unit in _done(source, tests):
        to = target / unit.relative_to(source)
        if _is_done(to, tests):
            continue
        for stage in unit.glob("stage-*"):
            cost = json.loads((stage / "trained.json").read_text(encoding="utf-8"))
            _write(
                to / stage.name / "trained.json", [{name: cost[name] for name in ("algo", "seconds", "cpu_seconds")}]
            )
            lines = [
                {name: value for name, value in line.items() if name in _KEPT or name.startswith(_KEPT_GROUPS)}
                for line in read_lines(stage / "metrics.jsonl")
            ]
            _write(to / stage.name / "metrics.jsonl", lines)
        _copy_tests(unit, to, tests)


def restore(source: Path, target: Path) -> None:
    """Takes the units that were published into an output folder, as far as it has not made them itself.

    Raises:
        ConfigError: they are of another comparison than the folder's.
    """
    published, own = source / "options.json", target / "options.json"
    if not published.is_file():
        return
    if not own.is_file():
        _copy(published, own)
    elif json.loads(published.read_text(encoding="utf-8")) != json.loads(own.read_text(encoding="utf-8")):
        raise ConfigError(
            f"{str(source)!r} holds units of another comparison than {str(target)!r}: compare their options.json, and "
            "give another --publish or another --output"
        )
    for path in source.glob("start/*.json"):
        if not (target / "start" / path.name).is_file():
            _copy(path, target / "start" / path.name)
    tests = _tests(source)
    for unit in _done(source, tests):
        to = target / unit.relative_to(source)
        if _is_done(to, tests) or (to / "stage-1" / "train.log").exists():  # made here, or begun
            continue
        for stage in unit.glob("stage-*"):
            for path in stage.iterdir():
                write_text(to / stage.name / path.name, path.read_text(encoding="utf-8"))
        _copy_tests(unit, to, tests)


def _tests(folder: Path) -> tuple[str, ...]:
    """The tests of a folder's comparison."""
    return tuple(json.loads((folder / "options.json").read_text(encoding="utf-8")).get("tests", TESTS))


def _done(folder: Path, tests: Iterable[str]) -> Iterator[Path]:
    """The units of a folder that are trained and evaluated on some tests."""
    return (unit for unit in sorted(folder.glob("*/*/seed-*")) if _is_done(unit, tests))


def _is_done(unit: Path, tests: Iterable[str]) -> bool:
    return all((unit / f"{test}.json").is_file() for test in tests)


def _copy_tests(unit: Path, to: Path, tests: Iterable[str]) -> None:
    """Copies a unit's tests, which make it count as done: after all the rest."""
    for test in tests:
        _copy(unit / f"{test}.json", to / f"{test}.json")


def _copy(path: Path, to: Path) -> None:
    """Copies a JSON file without its spaces."""
    _write(to, [json.loads(path.read_text(encoding="utf-8"))])


def _write(path: Path, values: Iterable[Any]) -> None:
    """Writes JSON values, a line each."""
    write_text(path, "".join(json.dumps(value, separators=(",", ":")) + "\n" for value in values))
