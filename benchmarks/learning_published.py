"""Units that are done, without their models: small enough to be kept, so that machines and days add up.

`publish` writes them, `restore` takes them back into an output folder, where they count as made.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from benchmarks.learning_parts import read_lines, write_json
from benchmarks.learning_results import TESTS

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
    "toolupt/",
    "value/",
)


def publish(source: Path, target: Path) -> None:
    """Copies the units that are done, and what a report is made of besides, without models and logs."""
    _copy(source / "options.json", target / "options.json")
    for path in source.glob("start/*.json"):
        if path.stem in TESTS:
            _copy(path, target / path.relative_to(source))
    for unit in _done(source):
        to = target / unit.relative_to(source)
        for test in TESTS:
            _copy(unit / f"{test}.json", to / f"{test}.json")
        for stage in unit.glob("stage-*"):
            cost = json.loads((stage / "trained.json").read_text(encoding="utf-8"))
            write_json(
                to / stage.name / "trained.json", {name: cost[name] for name in ("algo", "seconds", "cpu_seconds")}
            )
            kept = [
                {name: value for name, value in line.items() if name in _KEPT or name.startswith(_KEPT_GROUPS)}
                for line in read_lines(stage / "metrics.jsonl")
            ]
            text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in kept)
            (to / stage.name / "metrics.jsonl").write_text(text, encoding="utf-8")


def restore(source: Path, target: Path) -> None:
    """Takes the units that were published into an output folder that has not made them."""
    if not (source / "options.json").is_file():
        return
    copied = [path for unit in _done(source) for path in unit.rglob("*") if path.is_file()]
    for path in (source / "options.json", *source.glob("start/*.json"), *copied):
        to = target / path.relative_to(source)
        if not to.is_file():
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, to)


def _done(folder: Path) -> Iterator[Path]:
    """The units of a folder that are trained and evaluated on all tests."""
    for path in sorted(folder.glob("*/*/seed-*")):
        if all((path / f"{test}.json").is_file() for test in TESTS):
            yield path


def _copy(path: Path, to: Path) -> None:
    """Copies a JSON file without its spaces."""
    to.parent.mkdir(parents=True, exist_ok=True)
    found = json.loads(path.read_text(encoding="utf-8"))
    to.write_text(json.dumps(found, separators=(",", ":")) + "\n", encoding="utf-8")
