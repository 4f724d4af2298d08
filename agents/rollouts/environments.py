"""As many environments as episodes run at once: in this process or in Ray actors. And what their perturbations are."""

from collections.abc import Mapping
from typing import Any, cast

from toolgym.env import ToolEnv
from toolgym.perturbing.chance import number_of

__all__ = ["copies", "perturbed"]


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


def perturbed(env: Any, seed: int, *places: int) -> dict[str, int]:
    """The reset option by which all episodes of a task have the same perturbations; nothing where `env` has none.

    Otherwise they would depend on how many episodes an environment has played, and so on how many there are.

    Args:
        env: one of the environments.
        seed: of the run.
        places: what tells these episodes from the run's others.
    """
    perturbs = getattr(getattr(env, "unwrapped", env), "perturbs", False)
    return {"perturbation": number_of(seed, *places)} if perturbs else {}
