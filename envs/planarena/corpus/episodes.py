"""The rows of a corpus as episodes: played again, so that they have all that a recorded episode has."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from toolgym.domain import Size, Split
from toolgym.env import ToolEnv
from toolgym.envs.planarena.corpus.annotating import actions_of
from toolgym.envs.planarena.corpus.format import part_files, read_manifest, read_rows
from toolgym.envs.planarena.corpus.playing import turn_of
from toolgym.envs.planarena.corpus.scenarios import env_of
from toolgym.messages import render
from toolgym.registration import make_domain
from toolgym.trajectory import Trajectory

__all__ = ["episode_of", "iterate_episodes"]


def iterate_episodes(folder: Path) -> Iterator[tuple[int, Trajectory]]:
    """The episodes of a corpus, each with its number; `meta["row"]` is the id of its row.

    Raises:
        ConfigError: it is no corpus, or has a task that cannot be made.
        TrajectoryError: a file is damaged, or of another version.
    """
    env: ToolEnv | None = None
    of: tuple[str, str, str] | None = None
    number = 0
    for path in part_files(folder, read_manifest(folder)):
        for row in read_rows(path):
            key = row["scenario"], row["size"], row["split"]
            if env is None or key != of:
                if env is not None:
                    env.close()
                env, of = _env(row), key
            yield number, _played(env, row)
            number += 1
    if env is not None:
        env.close()


def episode_of(row: dict[str, Any]) -> Trajectory:
    """The episode of one row.

    Raises:
        ConfigError: its task cannot be made.
    """
    env = _env(row)
    try:
        return _played(env, row)
    finally:
        env.close()


def _env(row: dict[str, Any]) -> ToolEnv:
    return ToolEnv(make_domain(row["scenario"], size=cast(Size, row["size"])), split=cast(Split, row["split"]))


def _played(env: ToolEnv, row: dict[str, Any]) -> Trajectory:
    env.reset(options={"task": row["task"]})
    for action in actions_of(row["messages"]):
        if not env.trajectory.done:
            env.step(render(turn_of(action)))
    meta = {**env.trajectory.meta, "row": row["id"], "world": {"size": row["size"]}}
    return replace(env.trajectory, env_id=env_of(row["scenario"]), meta=meta)
