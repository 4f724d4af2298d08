"""A folder of explored tasks: what is in it, and how it is written so that a kill loses no task that was done.

    explored.json        what was explored, and how: the settings that a second call must have too
    trajectories.jsonl   the episodes, as `toolgym eval --output` writes them
    pairs.jsonl          step pairs: {"task", "before": [text, ...], "chosen": text, "rejected": text, ...}
    values.jsonl         states: {"task", "state", "parent", "action": text, "observation": text, "visits", "value"}
    progress.jsonl       a line a task, once all of it is in the files above: its figures, and how long they are then;
                         of a task that was lost and tried again the last one counts

What stands in the three files beyond the last line of `progress.jsonl` is of a task that was not finished, and is cut
off when the folder is opened again.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from toolgym._files import WriteLock, append_line, cut_torn_line, write_whole
from toolgym.agents.exploring.states import State, StepPair
from toolgym.errors import ConfigError
from toolgym.trajectory import Trajectory, TrajectoryWriter

__all__ = ["MANIFEST", "PAIRS", "TRAJECTORIES", "VALUES", "Folder", "lines_of", "read_manifest"]

VERSION = 1
MANIFEST, PROGRESS = "explored.json", "progress.jsonl"
TRAJECTORIES, PAIRS, VALUES = "trajectories.jsonl", "pairs.jsonl", "values.jsonl"
_DATA = (TRAJECTORIES, PAIRS, VALUES)


class Folder:
    """The folder of an exploration, open for writing; it is locked until it is closed.

    Args:
        path: the folder; it is made where it is not there.
        settings: what is explored, and how, as JSON values.

    Raises:
        ConfigError: it holds something else, an exploration with other settings, or one that is damaged.
        LockedError: somebody else is writing there.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any]):
        self.path = path
        if path.is_file():
            raise ConfigError(f"{str(path)!r} is a file; --output takes a folder")
        path.mkdir(parents=True, exist_ok=True)
        self._lock = WriteLock(path)
        try:
            self._claim(settings)
            self.done = list({each["task"]: each for each in self._resume()}.values())
            """The latest figures of the tasks that were done already, in their order."""
            self._trajectories = TrajectoryWriter(path / TRAJECTORIES)
        except BaseException:
            self._lock.release()
            raise

    def _claim(self, settings: Mapping[str, Any]) -> None:
        """Makes it the folder of this exploration, or finds that it is.

        Raises:
            ConfigError: it is another's.
        """
        if (self.path / MANIFEST).is_file():
            known = read_manifest(self.path)
            given = json.loads(json.dumps(settings))
            differs = sorted(name for name in {*known, *given} if known.get(name) != given.get(name))
            if differs:
                name = differs[0]
                raise ConfigError(
                    f"{str(self.path)!r} holds an exploration with {name}={known.get(name)!r:.200}, not "
                    f"{given.get(name)!r:.200}: give the same to go on, or another --output"
                )
            return
        if any(not each.name.startswith(".") for each in self.path.iterdir()):
            raise ConfigError(
                f"{str(self.path)!r} holds something, but no exploration: give another folder as --output"
            )
        write_whole(self.path / MANIFEST, json.dumps({"version": VERSION, **settings}, indent=1) + "\n")

    def _resume(self) -> list[dict[str, Any]]:
        """Cuts off what a killed process had not finished.

        Raises:
            ConfigError: something is missing that was there.
        """
        cut_torn_line(self.path / PROGRESS)
        done = list(lines_of(self.path / PROGRESS))
        try:
            sizes = {name: int(done[-1]["sizes"][name]) if done else 0 for name in _DATA}
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"{self.path / PROGRESS} does not say how long the files are: {error!r}") from error
        for name in _DATA:
            file = self.path / name
            file.touch()
            there = file.stat().st_size
            if there < sizes[name]:
                raise ConfigError(f"{file} has {there} bytes and had {sizes[name]}: it was changed; explore anew")
            os.truncate(file, sizes[name])
        return done

    def add(
        self,
        figures: Mapping[str, Any],
        episodes: Sequence[Trajectory],
        pairs: Sequence[StepPair],
        root: State | None,
    ) -> None:
        """Writes a task: its data first, then that it is done. `root` is None where no episode ended."""
        task = figures["task"]
        for episode in episodes:
            self._trajectories.write(episode)
        for name, lines in ((PAIRS, map(_pair, pairs)), (VALUES, map(_value, () if root is None else root.walk()))):
            text = "\n".join(json.dumps({"task": task, **line}) for line in lines)
            if text:
                append_line(self.path / name, text)
        sizes = {name: (self.path / name).stat().st_size for name in _DATA}
        append_line(self.path / PROGRESS, json.dumps({**figures, "sizes": sizes}))

    def close(self) -> None:
        """Gives the folder back. Closing twice is harmless."""
        self._trajectories.close()
        self._lock.release()

    def __enter__(self) -> "Folder":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _pair(pair: StepPair) -> dict[str, Any]:
    return {
        "state": pair.state.number,
        "before": [turn.text for turn in pair.state.before],
        "chosen": _text(pair.chosen),
        "rejected": _text(pair.rejected),
        "value": pair.chosen.value,
        "visits": [pair.chosen.visits, pair.rejected.visits],
    }


def _value(state: State) -> dict[str, Any]:
    return {
        "state": state.number,
        "parent": None if state.parent is None else state.parent.number,
        "action": None if state.turn is None else state.turn.text,
        **({} if state.whole else {"cut": True}),
        "observation": state.observation,
        "visits": state.visits,
        "value": state.value,
    }


def _text(state: State) -> str:
    return "" if state.turn is None else state.turn.text


def read_manifest(folder: Path) -> dict[str, Any]:
    """The settings of an exploration.

    Raises:
        ConfigError: the folder holds none, or one of another version.
    """
    file = folder / MANIFEST
    try:
        given = json.loads(file.read_bytes())
    except OSError as error:
        raise ConfigError(f"Cannot read {file}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file} is no JSON: {error}") from error
    version = given.pop("version", None) if isinstance(given, dict) else None
    if version != VERSION:
        raise ConfigError(f"{file} is of version {version!r}; this ToolGym reads version {VERSION}. Explore anew")
    return given


def lines_of(file: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON Lines file, without a torn last one; none where there is no file.

    Raises:
        ConfigError: a line is no JSON object.
    """
    if not file.is_file():
        return
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                made = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise ConfigError(f"{file}, line {number}: no JSON ({error})") from error
            if not isinstance(made, dict):
                raise ConfigError(f"{file}, line {number}: expected a JSON object, got {type(made).__name__}")
            yield made
