"""Gymnasium wrappers for ToolGym's environments."""

import os
from typing import Any, SupportsFloat

import gymnasium

from toolgym.env import ToolEnv
from toolgym.errors import ConfigError
from toolgym.trajectory import TrajectoryWriter

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
        self._tool_env = env.unwrapped
        self._writer = TrajectoryWriter(path)
        self._number = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        out = self.env.reset(seed=seed, options=options)
        self._number = self._writer.begin(self._tool_env.trajectory)
        return out

    def step(self, action: str) -> tuple[str, SupportsFloat, bool, bool, dict[str, Any]]:
        out = self.env.step(action)
        trajectory = self._tool_env.trajectory
        self._writer.step(self._number, trajectory.steps[-1])
        if trajectory.done:
            self._writer.end(self._number, trajectory)
        return out

    def close(self) -> None:
        self._writer.close()
        self.env.close()
