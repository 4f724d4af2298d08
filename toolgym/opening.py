"""Opening an environment by its id, with errors that say what there is instead."""

from typing import Any

import gymnasium

from toolgym.env import ToolEnv
from toolgym.errors import ConfigError, did_you_mean
from toolgym.registration import env_ids

__all__ = ["open_env"]


def open_env(env_id: str, **options: Any) -> ToolEnv:
    """The bare `ToolEnv` behind a Gymnasium id, whatever wrappers it was registered with.

    Raises:
        ConfigError: no such id, an option it does not have, or an environment that is no `ToolEnv`.
    """
    try:
        env = gymnasium.make(env_id, **options).unwrapped
    except gymnasium.error.UnregisteredEnv:
        raise ConfigError(did_you_mean(env_id, env_ids(), "environment")) from None
    if not isinstance(env, ToolEnv):
        raise ConfigError(f"{env_id} is no ToolGym environment. Known: {', '.join(env_ids())}.")
    return env
