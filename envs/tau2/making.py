"""What the environments of public conversations have in common: options of their own, and other defaults."""

from collections.abc import Mapping
from typing import Any, TypeVar

from toolgym.env_maker import parted
from toolgym.envs.tau2.users import scenario_user
from toolgym.options import EnvOptions
from toolgym.rewards.base import Reward

__all__ = ["prepared"]

_MAX_TURNS, _MAX_CALLS = 100, 200
"""Of an episode, unless they are chosen: tau2 ends a conversation after 200 messages."""

T = TypeVar("T")


def prepared(
    own: type[T], settings: Mapping[str, Any], options: EnvOptions | None, reward: Reward
) -> tuple[T, dict[str, Any]]:
    """The options of one's own, and the fields of `EnvOptions` that are set: the user is a model that follows the
    scenario (none, where there is a ticket instead), and the reward the published one.

    Args:
        own: the options' class.
        settings: what `gymnasium.make` was given.
        options: what was given whole; then nothing else is set by default, and a user that is a model follows the
            scenario all the same.
        reward: the benchmark's.
    """
    chosen, rest = parted(own, settings)
    overrides: dict[str, Any] = {}
    if options is None:
        user = "none" if getattr(chosen, "solo", False) else "llm"
        overrides = {"reward": reward, "max_turns": _MAX_TURNS, "max_calls": _MAX_CALLS, "user": user}
    else:
        overrides = {"user": options.user}
    overrides |= rest
    overrides["user"] = scenario_user(overrides["user"])
    return chosen, overrides
