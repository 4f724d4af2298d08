"""What the environments of public conversations have in common: options of their own, and other defaults."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from toolgym.envs.tau2.users import scenario_user
from toolgym.options import EnvOptions, check_options, env_options
from toolgym.rewards.base import Reward

__all__ = ["option_names", "prepared"]

_MAX_TURNS, _MAX_CALLS = 100, 200
"""Of an episode, unless they are chosen: tau2 ends a conversation after 200 messages."""
_WORLD = ("size", "dialect", "domain_seed")
"""Options of generated worlds, which public ones do not have."""

T = TypeVar("T")


def option_names(own: type) -> tuple[str, ...]:
    """What `gymnasium.make` takes: the fields of `own`, and what all environments take of `EnvOptions`."""
    return (*(field.name for field in fields(own)), *(name for name in env_options() if name not in _WORLD))


def prepared(
    own: type[T], settings: Mapping[str, Any], options: EnvOptions | None, reward: Reward
) -> tuple[T, dict[str, Any]]:
    """The options of one's own, and the fields of `EnvOptions` that are set: the user is a model that follows the
    scenario (none, where there is a ticket instead), and the reward the published one.

    Args:
        own: the options' class.
        settings: what `gymnasium.make` was given.
        options: what was given whole; then nothing else is set by default.
        reward: the benchmark's.

    Raises:
        ConfigError: an option that there is not.
    """
    check_options(settings, option_names(own))
    ours = {field.name for field in fields(own)}  # pyright: ignore[reportArgumentType]
    chosen = own(**{name: value for name, value in settings.items() if name in ours})
    overrides: dict[str, Any] = {}
    if options is None:
        user = "none" if getattr(chosen, "solo", False) else "llm"
        overrides = {"reward": reward, "max_turns": _MAX_TURNS, "max_calls": _MAX_CALLS, "user": user}
    overrides |= {name: value for name, value in settings.items() if name not in ours}
    if "user" in overrides:
        overrides["user"] = scenario_user(overrides["user"])
    return chosen, overrides
