"""One environment by its id, with errors that say what there is instead."""

from dataclasses import fields
from inspect import signature
from typing import Any

import gymnasium

from toolgym.env import ToolEnv
from toolgym.errors import ConfigError, did_you_mean
from toolgym.options import EnvOptions
from toolgym.registration import env_ids

__all__ = ["WORLD_OPTIONS", "open_env", "takes"]

WORLD_OPTIONS = ("size", "dialect", "domain_seed")
"""Options that choose among a domain's worlds, and run nothing: files of episodes keep them, as `meta["world"]`."""

_OPTIONS = tuple(
    name
    for name in [*(field.name for field in fields(EnvOptions)), *signature(ToolEnv).parameters]
    if name not in ("domain", "options", "overrides")
)
"""What `gymnasium.make` takes for an environment that is a `ToolEnv`."""


def _options_of(env_id: str) -> tuple[str, ...]:
    """What `gymnasium.make` takes for an id."""
    if gymnasium.registry[env_id].entry_point != "toolgym.mcp_env:make_env":
        return _OPTIONS
    from toolgym.mcp_env import McpOptions  # brings in what speaks to servers

    world = ("size", "dialect", "domain_seed")
    return (*(field.name for field in fields(McpOptions)), *(name for name in _OPTIONS if name not in world))


def takes(env_id: str, option: str) -> bool:
    """Whether an environment has an option; of one that is not ToolGym's only what all have is known."""
    if env_id in env_ids():
        return option in _options_of(env_id)
    return option in (field.name for field in fields(EnvOptions))


def open_env(env_id: str, **options: Any) -> ToolEnv:
    """The bare `ToolEnv` behind a Gymnasium id, whatever wrappers it was registered with.

    Raises:
        ConfigError: no such id, an option it does not have, or an environment that is no `ToolEnv`.
    """
    if env_id in env_ids():
        known = _options_of(env_id)
        for name in options:
            if name not in known:
                raise ConfigError(did_you_mean(name, known, "option"))
    try:
        env = gymnasium.make(env_id, **options).unwrapped
    except ImportError as error:
        raise ConfigError(
            f"{env_id} cannot be imported: {error}. Install what registers it, or put its folder on PYTHONPATH"
        ) from error
    except gymnasium.error.UnregisteredEnv:
        raise ConfigError(did_you_mean(env_id, env_ids(), "environment")) from None
    except TypeError as error:
        raise ConfigError(f"{env_id} cannot be made with {sorted(options)}: {error}") from error
    if not isinstance(env, ToolEnv):
        env.close()
        raise ConfigError(f"{env_id} is no ToolGym environment. Known: {', '.join(env_ids())}.")
    return env
