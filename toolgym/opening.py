"""Opening an environment by its id, with errors that say what there is instead."""

from dataclasses import fields
from inspect import signature
from typing import Any

import gymnasium

from toolgym.env import ToolEnv
from toolgym.errors import ConfigError, did_you_mean
from toolgym.options import EnvOptions
from toolgym.registration import env_ids

__all__ = ["open_env"]

_OPTIONS = tuple(
    name
    for name in [*(field.name for field in fields(EnvOptions)), *signature(ToolEnv).parameters]
    if name not in ("domain", "options", "overrides")
)
"""What `gymnasium.make` takes for an environment that is a `ToolEnv`."""


def open_env(env_id: str, **options: Any) -> ToolEnv:
    """The bare `ToolEnv` behind a Gymnasium id, whatever wrappers it was registered with.

    Raises:
        ConfigError: no such id, an option it does not have, or an environment that is no `ToolEnv`.
    """
    if env_id in env_ids():
        for name in options:
            if name not in _OPTIONS:
                raise ConfigError(did_you_mean(name, _OPTIONS, "option"))
    try:
        env = gymnasium.make(env_id, **options).unwrapped
    except gymnasium.error.UnregisteredEnv:
        raise ConfigError(did_you_mean(env_id, env_ids(), "environment")) from None
    except TypeError as error:
        raise ConfigError(f"{env_id} cannot be made with {sorted(options)}: {error}") from error
    if not isinstance(env, ToolEnv):
        env.close()
        raise ConfigError(f"{env_id} is no ToolGym environment. Known: {', '.join(env_ids())}.")
    return env
