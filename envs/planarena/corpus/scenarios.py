"""The generated scenarios: the one place where the corpus meets `toolgym.envs.planarena`."""

from importlib import import_module
from typing import Any

__all__ = ["default_scenarios", "split_of_scenario"]

_HOME = "toolgym.envs.planarena"


def _home() -> Any:
    return import_module(_HOME)


def default_scenarios() -> list[str]:
    """The names of all generated scenarios, as `make_domain` takes them.

    Raises:
        ConfigError: there are none here.
    """
    from toolgym.errors import ConfigError

    names = getattr(_home(), "scenario_names", None)
    if names is None:
        raise ConfigError("There are no generated scenarios here: name domains with --domains library,bank")
    return list(names())


def split_of_scenario(name: str) -> str:
    """The split that a generated scenario belongs to."""
    return _home().split_of(name)
