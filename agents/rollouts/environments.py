"""As many environments as episodes run at once: in this process or in Ray actors."""

from collections.abc import Mapping
from typing import Any, cast

from toolgym.env import ToolEnv

__all__ = ["copies"]


def copies(first: ToolEnv, count: int, env_id: str, options: Mapping[str, Any], *, workers: int = 0) -> list[ToolEnv]:
    """`count` environments like one that `open_env` made: it and others in this process or, with workers, in actors.

    Args:
        first: the one; with workers it is closed.
        count: how many.
        env_id: what `first` was made by, with the module that registers it.
        options: what it was made with.
        workers: Ray actors for them (`toolgym.ray_envs`); 0: this process.

    Raises:
        ConfigError: fewer CPUs than workers.
        InfraError: the actors did not start.
    """
    if not workers:
        return [first, *(first.spawn() for _ in range(count - 1))]
    from toolgym.ray_envs import ray_envs

    first.close()
    made = ray_envs(env_id, max(count, 1), workers, dict(options), tasks=first.tasks)
    return cast(list[ToolEnv], made)  # they have what rollouts need of one
