"""The episodes that a run learnt from, in a file that `toolgym show` reads."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from toolgym._files import is_whole
from toolgym.errors import TrajectoryError
from toolgym.opening import WORLD_OPTIONS
from toolgym.trajectory import TrajectoryWriter
from toolgym.trajectory._lines import load_line

__all__ = ["RecordEpisodes"]


class RecordEpisodes(TrainerCallback):
    """Appends the episodes of every batch to a trajectory file; `meta["step"]` is the step that first learnt from them,
    `meta["update"]` the number of the update whose weights sampled them.

    Those in which nothing was played, because the infrastructure failed, are left out.

    Args:
        trainer: a `ToolTrainer`.
        path: the file.
        env_options: of the environment; those that choose the world are kept with each episode.
    """

    def __init__(self, trainer: Any, path: Path, env_options: Mapping[str, Any] | None = None):
        self.trainer, self.path = trainer, path
        self._world = {name: value for name, value in (env_options or {}).items() if name in WORLD_OPTIONS}
        self._written: Any = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Cuts off the episodes of steps that the run is going to take again."""
        if state.is_world_process_zero:
            cut_later(self.path, state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Writes the step's episodes, where they are new."""
        latest = self.trainer.latest
        if latest is self._written or not state.is_world_process_zero:
            return
        self._written = latest
        with TrajectoryWriter(self.path) as writer:
            for episode in latest:
                if episode.trajectory is not None and episode.spans:
                    meta = {**episode.trajectory.meta, "step": state.global_step, "update": episode.update}
                    if self._world:
                        meta["world"] = self._world
                    # The policy's side may have ended it: a full context.
                    ended = {"outcome": episode.outcome, "truncation": episode.truncation}
                    writer.write(replace(episode.trajectory, **ended, meta=meta))


def cut_later(path: Path, last: int) -> None:
    """Shortens a file of `RecordEpisodes` to the episodes of steps up to `last`, and by a torn last line."""
    if not path.is_file():
        return
    keep = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n") and not is_whole(line):
                break
            try:
                record = load_line(line)
                later = record["type"] == "episode" and record["meta"]["step"] > last
            except (ValueError, TypeError, KeyError) as error:
                raise TrajectoryError(f"{path}, line {number}: no record of a run's episodes ({error!r})") from error
            if later:
                break
            keep += len(line)
    os.truncate(path, keep)
