"""API-Bank: its verdicts on calls (`check`), and `ToolGym/APIBank-v0`, its samples with executed tools.

gymnasium.make("ToolGym/APIBank-v0", data="api-bank")                  # levels 1 and 2, a call an episode
gymnasium.make("ToolGym/APIBank-v0", data="api-bank", form="items")    # the 597 items of all levels
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from gymnasium.vector import AutoresetMode

from toolgym.env import ToolEnv
from toolgym.envs.api_bank.domain import ApiBankDomain, ApiBankOptions, accuracy
from toolgym.envs.api_bank.verdicts import Verdict, check
from toolgym.envs.api_bank.written import FORMAT
from toolgym.options import EnvOptions, check_options, env_options
from toolgym.sharing import shared
from toolgym.vector import ToolVectorEnv

__all__ = [
    "ApiBankDomain",
    "ApiBankOptions",
    "Verdict",
    "accuracy",
    "check",
    "known_options",
    "make_env",
    "make_vector_env",
]

# Each sample has tools of its own, in the benchmark's own world.
_NOT_OURS = ("size", "dialect", "domain_seed", "distractors", "rename", "flaky", "reorder")


def make_env(render_mode: str | None = None, options: EnvOptions | None = None, **settings: Any) -> ToolEnv:
    """The environment `ToolGym/APIBank-v0`.

    Args:
        render_mode, options: as for `ToolEnv`.
        settings: fields of `ApiBankOptions`, and of `EnvOptions`; `format` is `api_bank` where it is not given.

    Raises:
        ConfigError: an unknown option, or the data is not there.
    """
    domain, overrides = _domain_of(settings, options)
    return ToolEnv(domain, options, render_mode=render_mode, **overrides)


def make_vector_env(
    num_envs: int,
    autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
    render_mode: str | None = None,
    options: EnvOptions | None = None,
    **settings: Any,
) -> ToolVectorEnv:
    """Many episodes of `ToolGym/APIBank-v0` at once; arguments as for `ToolVectorEnv` and `make_env`."""
    domain, overrides = _domain_of(settings, options)
    return ToolVectorEnv(
        num_envs, domain, autoreset_mode=autoreset_mode, options=options, render_mode=render_mode, **overrides
    )


def known_options() -> tuple[str, ...]:
    """What `gymnasium.make` takes for `ToolGym/APIBank-v0`."""
    ours = [option.name for option in fields(ApiBankOptions)]
    return (*ours, *(name for name in env_options() if name not in (*_NOT_OURS, *ours)))


def _domain_of(settings: Mapping[str, Any], options: EnvOptions | None) -> tuple[ApiBankDomain, dict[str, Any]]:
    check_options(settings, known_options())
    ours = {option.name for option in fields(ApiBankOptions)}
    chosen = ApiBankOptions(**{name: value for name, value in settings.items() if name in ours})
    rest = {name: value for name, value in settings.items() if name not in ours}
    rest = rest if options is not None else {"format": FORMAT, **rest}
    return shared(chosen, ApiBankDomain), {**rest, "until": chosen.until}
