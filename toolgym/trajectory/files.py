"""Files of episodes.

`TrajectoryWriter` appends episodes to a JSON Lines file, a line a step, each written out at once: whenever the process
is killed, no more than the line being written is lost. `read_trajectories` reads such files.
"""

import math
import os
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from toolgym.errors import TrajectoryError
from toolgym.trajectory._lines import (
    dump_line,
    ending_to_json,
    load_line,
    opening_to_json,
    step_to_json,
    turn_from_json,
)
from toolgym.trajectory.record import Step, ToolResult, Trajectory

__all__ = [
    "TornTrajectoryWarning",
    "TrajectoryWriter",
    "read_trajectories",
    "trajectory_from_json",
    "trajectory_to_json",
]

SCHEMA_VERSION = 1


class TornTrajectoryWarning(UserWarning):
    """A file's last line is torn: its writer was killed while writing it."""


class TrajectoryWriter:
    """Appends episodes to a file. One writer a file; episodes may interleave.

    `write` takes an episode that is over. To lose nothing of one that is not, write it as it happens: `begin`, `step`
    after each step, `end`.

    Args:
        path: the file; it and its folders are made if they are not there. A torn last line is cut off first.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        _cut_torn_line(self.path)
        self._file = self.path.open("ab", buffering=0)
        self._next = 0
        try:
            self._put({"type": "header", "schema": SCHEMA_VERSION})
        except TrajectoryError:
            self._file.close()
            raise

    def begin(self, trajectory: Trajectory) -> int:
        """Writes an episode's beginning (its steps follow by `step`); returns its number in this writer's segment."""
        number, self._next = self._next, self._next + 1
        self._put({"type": "episode", "episode": number, **opening_to_json(trajectory)})
        return number

    def step(self, number: int, step: Step) -> None:
        """Writes a step of the episode of that number."""
        self._put({"type": "step", "episode": number, **step_to_json(step)})

    def end(self, number: int, trajectory: Trajectory) -> None:
        """Writes how the episode of that number ended."""
        self._put({"type": "end", "episode": number, **ending_to_json(trajectory)})

    def write(self, trajectory: Trajectory) -> None:
        """Writes a whole episode; one without an outcome gets no end."""
        number = self.begin(trajectory)
        for step in trajectory.steps:
            self.step(number, step)
        if trajectory.done:
            self.end(number, trajectory)

    def close(self) -> None:
        """Closes the file. Closing twice is harmless."""
        self._file.close()

    def _put(self, record: dict[str, Any]) -> None:
        # One unbuffered write a line: a line is in the file whole, or it is the file's torn end.
        line = memoryview(dump_line(record))
        whole = self._file.tell()
        try:
            while line:
                line = line[self._file.write(line) :]
        except OSError as error:
            with suppress(OSError):  # what is written stays readable; the step that did not fit is lost
                self._file.truncate(whole)
            raise TrajectoryError(f"Cannot write to {self.path}: {error.strerror or error}") from error

    def __enter__(self) -> "TrajectoryWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_trajectories(path: str | os.PathLike[str]) -> list[Trajectory]:
    """The episodes of a file, in the order in which they began. One whose writer was killed has no outcome.

    Warns:
        TornTrajectoryWarning: the last line is torn and was left out.

    Raises:
        TrajectoryError: not a trajectory file, or of another schema version; the message names the line.
    """
    out: list[Trajectory] = []
    segment: dict[int, Trajectory] | None = None
    for number, record in _records(Path(path)):
        try:
            if record["type"] == "header":
                if record["schema"] != SCHEMA_VERSION:
                    raise TrajectoryError(
                        f"{path}, line {number}: schema version {record['schema']}; "
                        f"this ToolGym reads version {SCHEMA_VERSION}"
                    )
                segment = {}
            elif segment is None:
                raise TrajectoryError(f"{path} is no trajectory file: its first line is no header")
            elif record["type"] == "episode":
                segment[record["episode"]] = _opened(record)
                out.append(segment[record["episode"]])
            elif record["type"] == "step":
                segment[record["episode"]].steps.append(_step_from_json(record))
            elif record["type"] == "end":
                ended = segment[record["episode"]]
                ended.outcome, ended.truncation, ended.meta = record["outcome"], record["truncation"], record["meta"]
        except (KeyError, TypeError) as error:
            raise TrajectoryError(f"{path}, line {number}: no trajectory record ({error!r})") from error
    return out


def trajectory_to_json(trajectory: Trajectory) -> dict[str, Any]:
    """The whole episode as one JSON object."""
    return {
        "schema": SCHEMA_VERSION,
        **opening_to_json(trajectory),
        "steps": [step_to_json(step) for step in trajectory.steps],
        **ending_to_json(trajectory),
    }


def trajectory_from_json(data: dict[str, Any]) -> Trajectory:
    """The inverse of `trajectory_to_json`.

    Raises:
        TrajectoryError: not such an object, or of another schema version.
    """
    try:
        if data["schema"] != SCHEMA_VERSION:
            raise TrajectoryError(f"Schema version {data['schema']}; this ToolGym reads version {SCHEMA_VERSION}")
        trajectory = _opened(data)
        trajectory.steps = [_step_from_json(step) for step in data["steps"]]
        trajectory.outcome, trajectory.truncation = data["outcome"], data["truncation"]
    except (KeyError, TypeError) as error:
        raise TrajectoryError(f"No trajectory: {error!r}") from error
    return trajectory


def _opened(record: dict[str, Any]) -> Trajectory:
    return Trajectory(
        env_id=record["env_id"],
        task_id=record["task_id"],
        seed=record["seed"],
        prompt=record["prompt"],
        meta=record["meta"],
    )


def _step_from_json(record: dict[str, Any]) -> Step:
    return Step(
        turn=turn_from_json(record["turn"]),
        results=tuple(_result_from_json(result) for result in record["results"]),
        observation=record["observation"],
        user=record["user"],
        diff=record["diff"],
        reward=math.nan if record["reward"] is None else record["reward"],
        rewards=record["rewards"],
    )


def _result_from_json(record: dict[str, Any]) -> ToolResult:
    content = record.get("content")
    return ToolResult(**{**record, "content": None if content is None else tuple(content)})


def _records(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The lines of a file with their numbers (from 1), without a torn last one."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                message = f"{path}: line {number} is torn (its writer was killed) and was left out"
                warnings.warn(message, TornTrajectoryWarning, stacklevel=3)
                return
            line = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line  # some editors begin a file with a mark
            try:
                record = load_line(line)
            except ValueError as error:
                raise TrajectoryError(f"{path}, line {number}: not JSON ({error})") from error
            yield number, record


def _cut_torn_line(path: Path) -> None:
    """Shortens a file to its last whole line, so that what is appended begins a line."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        end = file.seek(0, os.SEEK_END)
        keep = end
        while keep > 0:
            start = max(0, keep - 65536)
            file.seek(start)
            newline = file.read(keep - start).rfind(b"\n")
            if newline >= 0:
                keep = start + newline + 1
                break
            keep = start
        if keep < end:
            file.truncate(keep)
