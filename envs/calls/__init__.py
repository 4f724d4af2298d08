"""`ToolGym/Calls-v0`: rows of single calls, each with a history and tools of its own: what papers train on.

    gymnasium.make("ToolGym/Calls-v0", data="rows.jsonl")

An episode is one message of the assistant's (`until="turn"`), scored against the row's gold calls or its "no call"; or
all up to a response (`until="response"`), with answers as recorded. See docs/calls.md for the forms of rows.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from gymnasium.vector import AutoresetMode

from toolgym.env import ToolEnv
from toolgym.envs.calls.domain import CallsDomain, CallsOptions
from toolgym.envs.calls.store import KINDS
from toolgym.options import EnvOptions, check_options, env_options
from toolgym.sharing import shared
from toolgym.vector import ToolVectorEnv

__all__ = ["KINDS", "CallsDomain", "CallsOptions", "known_options", "make_env", "make_vector_env"]

# Rows bring tools and worlds of their own: there is none to choose, to rename or to add to.
_NOT_OURS = ("size", "dialect", "domain_seed", "distractors", "rename", "flaky", "reorder")


def make_env(render_mode: str | None = None, options: EnvOptions | None = None, **settings: Any) -> ToolEnv:
    """The environment `ToolGym/Calls-v0`.

    Args:
        render_mode, options: as for `ToolEnv`.
        settings: fields of `CallsOptions`, and of `EnvOptions`.

    Raises:
        ConfigError: an unknown option, or no such data.
        TaskError: a row is broken.
    """
    domain, overrides = _domain_of(settings)
    return ToolEnv(domain, options, render_mode=render_mode, **overrides)


def make_vector_env(
    num_envs: int,
    autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    render_mode: str | None = None,
    options: EnvOptions | None = None,
    **settings: Any,
) -> ToolVectorEnv:
    """Many episodes of `ToolGym/Calls-v0` at once; arguments as for `ToolVectorEnv` and `make_env`."""
    domain, overrides = _domain_of(settings)
    return ToolVectorEnv(
        num_envs, domain, autoreset_mode=autoreset_mode, options=options, render_mode=render_mode, **overrides
    )


def known_options() -> tuple[str, ...]:
    """What `gymnasium.make` takes for `ToolGym/Calls-v0`."""
    ours = [option.name for option in fields(CallsOptions)]
    return (*ours, *(name for name in env_options() if name not in (*_NOT_OURS, *ours)))


def _domain_of(settings: Mapping[str, Any]) -> tuple[CallsDomain, dict[str, Any]]:
    check_options(settings, known_options())
    ours = {option.name for option in fields(CallsOptions)}
    chosen = CallsOptions(**{name: value for name, value in settings.items() if name in ours})
    rest = {name: value for name, value in settings.items() if name not in ours}
    return shared(chosen, CallsDomain), {**rest, "until": chosen.until}
