"""One environment by its id, with errors that say what there is instead, and what is doubtful about it."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import partial
from typing import Any

import gymnasium
from gymnasium.envs.registration import parse_env_id

from toolgym.custom import TaskList
from toolgym.domain import TaskSet
from toolgym.env import ToolEnv
from toolgym.errors import ConfigError, ToolGymError, did_you_mean
from toolgym.loading import load_named, names_object, raised
from toolgym.options import EnvOptions, check_options, env_options
from toolgym.registration import env_ids, is_declaration

__all__ = ["WORLD_OPTIONS", "bring_env", "brought", "doubts", "open_env", "takes"]

WORLD_OPTIONS = ("size", "dialect", "domain_seed", "category", "mode", "scenario")
"""Options that choose among a domain's worlds or tasks, and run nothing: files of episodes keep them, as
`meta["world"]`."""

_BROUGHT: dict[str, Callable[..., Any]] = {}
"""What makes an environment that the user's own command named by `FILE.py:NAME`."""

_READS = "airline"
"""The domain that the built-in policy can read."""


def _options_of(env_id: str) -> tuple[str, ...]:
    """What `gymnasium.make` takes for an id."""
    made_by = gymnasium.registry[env_id].entry_point
    if isinstance(made_by, str) and made_by.endswith(":make_env"):  # a module with options of its own tells all of them
        return load_named(made_by.replace(":make_env", ":known_options"))()
    return env_options()


def takes(env_id: str, option: str) -> bool:
    """Whether an environment has an option; of one that is not ToolGym's only what all have is known."""
    if env_id in env_ids():
        return option in _options_of(env_id)
    return option in (field.name for field in fields(EnvOptions))


def bring_env(name: str) -> None:
    """Makes `FILE.py:NAME` or `module:NAME` an id that `open_env` knows: a `Declaration`, or what makes a `ToolEnv`.

    It runs code: only for what the user's own command or program says, never for what a file says. Any other id is left
    as it is.

    Raises:
        ConfigError: there is no such file or name, or what has the name is no declaration and cannot be called.
    """
    if not names_object(name) or name in _BROUGHT:
        return
    made = load_named(name)
    if is_declaration(made):
        made = partial(_declared, name)
    if not callable(made):
        raise ConfigError(
            f"{name} is a {type(made).__name__}; --env takes a function or a class that makes a ToolEnv, called with "
            "the environment's options: def make_env(**options): return ToolEnv(domain, **options); or a Declaration"
        )
    _BROUGHT[name] = made


def _declared(name: str, **options: Any) -> ToolEnv:
    """The environment of a declaration; another process can make it by the name too."""
    return ToolEnv(load_named(name), **options)


def brought(env_id: str) -> Callable[..., Any] | None:
    """What `bring_env` found under an id."""
    return _BROUGHT.get(env_id)


def open_env(env_id: str, **options: Any) -> ToolEnv:
    """The bare `ToolEnv` behind a Gymnasium id, whatever wrappers it was registered with.

    Raises:
        ConfigError: no such id, an option it does not have, or an environment that is no `ToolEnv`.
    """
    if env_id in env_ids():
        check_options(options, _options_of(env_id))
    own = brought(env_id)
    if own is None and not _may_be_registered(env_id):
        raise ConfigError(did_you_mean(env_id, env_ids(), "environment"))
    try:
        env = (gymnasium.make(env_id, **options) if own is None else own(**options)).unwrapped
    except ImportError as error:
        raise ConfigError(
            f"{env_id} cannot be imported: {error}. Install what registers it, or put its folder on PYTHONPATH"
        ) from error
    except gymnasium.error.UnregisteredEnv:
        raise ConfigError(did_you_mean(env_id, env_ids(), "environment")) from None
    except AttributeError as error:
        if own is None or error.name != "unwrapped":
            raise
        raise ConfigError(f"{env_id} makes a {type(error.obj).__name__}, not a ToolEnv") from error
    except TypeError as error:
        what = str(error) if own is None else raised(error, env_id.rpartition(":")[0])
        raise ConfigError(f"{env_id} cannot be made with {sorted(options)}: {what}") from error
    except Exception as error:
        if own is None or isinstance(error, ToolGymError):
            raise
        raise ConfigError(f"{env_id} cannot be made: {raised(error, env_id.rpartition(':')[0])}") from error
    if not isinstance(env, ToolEnv):
        env.close()
        raise ConfigError(f"{env_id} is no ToolGym environment. Known: {', '.join(env_ids())}.")
    return env


def _may_be_registered(env_id: str) -> bool:
    """Whether a text has the form of a Gymnasium id, which may have the module before it that registers it."""
    module, colon, name = env_id.rpartition(":")
    try:
        parse_env_id(name)
    except gymnasium.error.Error:
        return False
    return ":" not in module and bool(module) == bool(colon)


def doubts(env: ToolEnv, model: str = "") -> list[str]:
    """A sentence for each doubt.

    Args:
        env: the environment.
        model: the model that is to act or to learn, where there is one.
    """
    own = getattr(env.domain, "doubts", None)
    out = [] if own is None else list(own(env.options.split))
    tasks = env.domain.tasks(env.options.split)
    if own is None and isinstance(tasks, TaskList) and tasks.unsplit:
        out.append(
            "tasks without a split are in every split, so the agent is tested on tasks that it is trained on; give "
            "each task a split (split: train, split: test)"
        )
    out += _other_ids(env)
    if model.partition(":")[0] == "builtin" and env.domain.name != _READS:
        out.append(
            f"{model} reads the airline's tools and requests alone, and can learn little of {env.domain.name!r}; take "
            "a pretrained model (toolgym eval --agent hf:MODEL, toolgym train --model MODEL)"
        )
    return out


def _other_ids(env: ToolEnv) -> list[str]:
    """A sentence for each index among the chosen tasks that reads as the id of another task."""
    chosen = env.options.task
    several = chosen if isinstance(chosen, Sequence) and not isinstance(chosen, str) else [chosen]
    indices = [one for one in several if isinstance(one, int)]
    if not indices:
        return []
    tasks = env.domain.tasks(env.options.split, depth=env.options.depth, kinds=env.options.kinds)
    return [
        f"task {index} is the one of that index from 0, {tasks[index].id!r}, and not the one of the id {str(index)!r}; "
        f"of that id it is --task '\"{index}\"'"
        for index in indices
        if tasks[index].id != str(index) and _has(tasks, str(index))
    ]


def _has(tasks: TaskSet, id: str) -> bool:
    try:
        tasks.by_id(id)
    except ConfigError:
        return False
    return True
