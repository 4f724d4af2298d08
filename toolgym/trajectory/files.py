"""Files of episodes.

`TrajectoryWriter` appends episodes to a JSON Lines file, a line a step, each written out at once: whenever the process
is killed, no more than the line being written is lost. `read_trajectories` reads such files, `iterate_trajectories` one
episode at a time.
"""

import math
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, cast

from toolgym._files import WriteLock, cut_torn_line, is_whole, put
from toolgym._strict_json import numbered
from toolgym.errors import TrajectoryError
from toolgym.hub_files import fetched, on_hub
from toolgym.trajectory._lines import (
    act_from_json,
    check_record,
    dump_line,
    ending_to_json,
    load_line,
    opening_to_json,
    result_from_json,
    step_to_json,
    turn_from_json,
)
from toolgym.trajectory.record import Step, Trajectory

__all__ = [
    "TornTrajectoryWarning",
    "TrajectoryWriter",
    "iterate_trajectories",
    "read_trajectories",
    "trajectory_from_json",
    "trajectory_to_json",
]

SCHEMA_VERSION = 1
_HEADER = {"type": "header", "schema": SCHEMA_VERSION}
_MOST_HEADER = 4096
"""Bytes of a header: more than any has."""
_OTHER_VERSION = f"schema version {{}}; this ToolGym reads version {SCHEMA_VERSION}"


class TornTrajectoryWarning(UserWarning):
    """A file's last line is torn: its writer was killed while writing it."""


class TrajectoryWriter:
    """Appends episodes to a file. One writer a file, which is locked until it is closed; episodes may interleave.

    `write` takes an episode that is over. To lose nothing of one that is not, write it as it happens: `begin`, `step`
    after each step, `end`.

    Args:
        path: the file; it and its folders are made if they are not there. A torn last line is cut off first.
        anew: whether what the file holds makes way, with the first episode that is written.

    Raises:
        LockedError: somebody else is writing the file; the message says who.
        TrajectoryError: it cannot be written to, or holds something other than episodes. After a line that could not be
            written the writer takes no more: an episode would have a gap. What was written before stays.
    """

    def __init__(self, path: str | os.PathLike[str], *, anew: bool = False):
        self.path = Path(path)
        self._failed = ""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("ab", buffering=0)
        except OSError as error:
            raise TrajectoryError(f"Cannot write to {self.path}: {error.strerror or error}") from error
        self._next = 0
        try:
            self._lock = WriteLock(self.path)
        except BaseException:
            self._file.close()
            raise
        self._anew = anew and self.path.is_file() and self.path.stat().st_size > 0
        """Whether the file still holds what is to make way."""
        try:
            if not self._anew:
                check_addable(self.path)
                cut_torn_line(self.path)
                self._put(_HEADER)
        except BaseException:
            self.close()
            raise

    def begin(self, trajectory: Trajectory) -> int:
        """Writes an episode's beginning (its steps follow by `step`); returns its number in this writer's segment."""
        if self._anew:
            self._file.truncate(0)
            self._anew = False
            self._put(_HEADER)
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
        self._lock.release()

    def _put(self, record: dict[str, Any]) -> None:
        # One unbuffered write a line: a line is in the file whole, or it is the file's torn end.
        if self._failed:
            raise TrajectoryError(f"{self._failed}; after that nothing more is written")
        try:
            put(self._file, dump_line(record), self.path)
        except (OSError, ValueError, RecursionError) as error:
            self._failed = f"Cannot write to {self.path}: {getattr(error, 'strerror', None) or error}"
            raise TrajectoryError(self._failed) from error

    def __enter__(self) -> "TrajectoryWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def check_addable(path: Path) -> None:
    """Raises where a file holds something that episodes must not be added to. A header that is torn is none.

    Raises:
        TrajectoryError: it does not begin as a trajectory file of this schema version does.
    """
    if not path.is_file():
        return
    with path.open("rb") as file:
        ((_, line),) = numbered([file.readline(_MOST_HEADER)])
    if dump_line(_HEADER).startswith(line):
        return
    try:
        _Reader().take(load_line(line))
    except TrajectoryError as error:
        raise TrajectoryError(f"{path} cannot be added to: {error}. Give another file") from error
    except ValueError as error:
        message = f"{path} cannot be added to: it is no trajectory file ({error}). Give another file"
        raise TrajectoryError(message) from error


def read_trajectories(path: str | os.PathLike[str]) -> list[Trajectory]:
    """The episodes of a file, in the order in which they began. One whose writer was killed has no outcome.

    Args:
        path: the file, here or on the hub (`hf://datasets/USER/NAME/FILE`).

    Warns:
        TornTrajectoryWarning: the last line is torn and was left out.

    Raises:
        TrajectoryError: not a trajectory file, or of another schema version; the message names the line.
    """
    return [trajectory for _, trajectory in sorted(iterate_trajectories(path), key=lambda numbered: numbered[0])]


def iterate_trajectories(path: str | os.PathLike[str]) -> Iterator[tuple[int, Trajectory]]:
    """The episodes of a file as they end, each with its number in the order in which they began (from 0).

    Only the episodes that have begun and not ended are held in memory; those without an end come at the end of what
    their writer wrote. Warns and raises as `read_trajectories` does.
    """
    reader = _Reader()
    for line, record in _records(fetched(path) if on_hub(path) else Path(path)):
        try:
            ended = reader.take(record)
        except TrajectoryError as error:
            raise TrajectoryError(f"{path}, line {line}: {error}") from error
        except (ValueError, TypeError, KeyError) as error:
            raise TrajectoryError(f"{path}, line {line}: no trajectory record: {error}") from error
        yield from ended
    yield from reader.unfinished()


class _Reader:
    """Puts the records of a file together."""

    def __init__(self) -> None:
        self._began = 0
        self._open: dict[int, tuple[int, Trajectory]] | None = None
        """Of the segment: episode -> its number in the file, and what there is of it."""

    def take(self, record: Any) -> list[tuple[int, Trajectory]]:
        """The episodes that a record ends."""
        if isinstance(record, dict) and self._open is None and record.get("type") != "header":
            raise TrajectoryError("this is no header, so the file is no trajectory file")
        check_record(record)
        kind = record["type"]
        if kind == "header":
            if record["schema"] != SCHEMA_VERSION:
                raise TrajectoryError(_OTHER_VERSION.format(record["schema"]))
            ended, self._open = self.unfinished(), {}
            return ended
        open_, id = cast(dict[int, tuple[int, Trajectory]], self._open), record["episode"]
        if kind == "episode":
            if id in open_:
                raise ValueError(f"episode {id} begins, and has begun already")
            open_[id] = self._began, _opened(record)
            self._began += 1
        elif id not in open_:
            raise ValueError(f"it is of episode {id}, which has not begun or has ended")
        elif kind == "step":
            open_[id][1].steps.append(_step_from_json(record))
        else:
            number, done = open_.pop(id)
            done.outcome, done.truncation, done.meta = record["outcome"], record["truncation"], record["meta"]
            return [(number, done)]
        return []

    def unfinished(self) -> list[tuple[int, Trajectory]]:
        """The episodes that have begun and not ended."""
        return list((self._open or {}).values())


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
        check_record(data, "header")
        if data["schema"] != SCHEMA_VERSION:
            raise TrajectoryError(_OTHER_VERSION.format(data["schema"]).replace("s", "S", 1))
        check_record(data, "episode")
        check_record(data, "end")
        for step in data["steps"]:
            check_record(step, "step")
        trajectory = _opened(data)
        trajectory.steps = [_step_from_json(step) for step in data["steps"]]
        trajectory.outcome, trajectory.truncation = data["outcome"], data["truncation"]
    except TrajectoryError:
        raise
    except (KeyError, TypeError, ValueError) as error:
        raise TrajectoryError(f"No trajectory: {error}") from error
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
        results=tuple(result_from_json(result) for result in record["results"]),
        observation=record["observation"],
        user=record["user"],
        diff=record["diff"],
        reward=_number(record["reward"]),
        rewards={name: _number(value) for name, value in record["rewards"].items()},
        user_acts=tuple(act_from_json(act) for act in record.get("user_acts", ())),
        agent_changed=record.get("agent_changed", False),
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else value  # JSON has no NaN


def _records(path: Path) -> Iterator[tuple[int, Any]]:
    """The lines of a file with their numbers (from 1), without a torn last one."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise TrajectoryError(f"Cannot read {path}: {error.strerror or error}") from error
    with file:
        for number, line in numbered(file):
            if not line.strip():
                continue
            if not line.endswith(b"\n") and not is_whole(line):
                message = f"{path}: line {number} is torn (its writer was killed) and was left out"
                warnings.warn(message, TornTrajectoryWarning, stacklevel=4)
                return
            try:
                record = load_line(line)
            except ValueError as error:
                raise TrajectoryError(f"{path}, line {number}: {error}") from error
            yield number, record
