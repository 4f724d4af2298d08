"""Gymnasium wrappers for ToolGym's environments."""

import os
from typing import Any, SupportsFloat

import gymnasium

from toolgym.env import ToolEnv
from toolgym.errors import ConfigError
from toolgym.trajectory import Trajectory, TrajectoryWriter

__all__ = ["RecordTrajectories"]


class RecordTrajectories(gymnasium.Wrapper[str, str, str, str], gymnasium.utils.RecordConstructorArgs):
    """Writes every episode to a file as it happens (see `toolgym.trajectory.TrajectoryWriter`).

    Args:
        env: a `ToolEnv`, wrapped or not.
        path: the file; episodes are appended. Environments that run in several processes need a file each.
    """

    def __init__(self, env: gymnasium.Env[str, str], path: str | os.PathLike[str]):
        gymnasium.utils.RecordConstructorArgs.__init__(self, path=os.fspath(path))
        super().__init__(env)
        if not isinstance(env.unwrapped, ToolEnv):
            raise ConfigError(f"RecordTrajectories records a ToolEnv, not {type(env.unwrapped).__name__}")
        self._tool_env, self._path = env.unwrapped, path
        self._writer: TrajectoryWriter | None = TrajectoryWriter(path)
        self._episode: Trajectory | None = None
        """The episode that is being written."""
        self._number = self._written = 0
        """Its number in the file, and how many of its steps are there."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        out = self.env.reset(seed=seed, options=options)
        self._write()
        return out

    def step(self, action: str) -> tuple[str, SupportsFloat, bool, bool, dict[str, Any]]:
        out = self.env.step(action)
        self._write()
        return out

    def close(self) -> None:
        """Closes the file and the environment; a later reset opens both again."""
        if self._writer is not None:
            self._writer.close()
        self._writer = self._episode = None
        self.env.close()

    def _write(self) -> None:
        """Writes what has happened. The episode may be one that was not begun here: before the environment was wrapped,
        or by a wrapper within, which resets by itself."""
        if self._writer is None:
            self._writer = TrajectoryWriter(self._path)
        now = self._tool_env.trajectory
        if self._episode is not now:
            if self._episode is not None:
                self._write_steps(self._writer, self._episode)
            self._episode, self._number, self._written = now, self._writer.begin(now), 0
        self._write_steps(self._writer, now)

    def _write_steps(self, writer: TrajectoryWriter, episode: Trajectory) -> None:
        new = episode.steps[self._written :]
        for step in new:
            writer.step(self._number, step)
        self._written += len(new)
        if new and episode.done:
            writer.end(self._number, episode)
