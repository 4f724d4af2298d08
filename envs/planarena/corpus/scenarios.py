"""What the corpus asks of a scenario beside `make_domain`: the one place where it meets `toolgym.envs.planarena`."""

from importlib import import_module
from typing import Any, Final, cast

import gymnasium

from toolgym.composing.making import TASKS_OF, TaskMaker
from toolgym.domain import Domain, Split
from toolgym.errors import ConfigError

__all__ = ["default_scenarios", "env_of", "new_maker", "split_of", "tasks_in"]

_PREFIX: Final = "planarena:"
_NUMBERS: Final = "toolgym.envs.planarena.numbers"


def _numbers() -> Any:
    try:
        return import_module(_NUMBERS)
    except ModuleNotFoundError:
        raise ConfigError("There are no generated scenarios here: name domains with --domains library,bank") from None


def default_scenarios() -> list[str]:
    """The names of all generated scenarios, as `make_domain` takes them.

    Raises:
        ConfigError: there are none here.
    """
    return [f"{_PREFIX}{number}" for number in range(_numbers().SCENARIOS)]


def _number(name: str) -> int:
    number = name.removeprefix(_PREFIX)
    if not number.isdecimal():
        raise ConfigError(f"A scenario is named by its number, as in {_PREFIX}17; given {name!r}")
    return int(number)


def split_of(name: str) -> Split:
    """Which tasks of a scenario a corpus has: those of a generated one's split; of any other domain those to train on.

    Raises:
        ConfigError: there are no generated scenarios, or none of that number.
    """
    return _numbers().split_of(_number(name)) if name.startswith(_PREFIX) else "train"


def env_of(name: str) -> str:
    """The Gymnasium id of the environment that has a scenario's tasks; its name where none is registered."""
    if name.startswith(_PREFIX):
        return "ToolGym/PlanArena-v0"
    return next((id for id, spec in gymnasium.registry.items() if spec.kwargs.get("domain") == name), name)


def tasks_in(name: str, split: Split) -> int:
    """How many tasks a scenario has in a split."""
    return _numbers().TASKS if name.startswith(_PREFIX) else TASKS_OF[split]


def new_maker(domain: Domain, split: Split) -> TaskMaker:
    """A maker of a domain's tasks that counts what it throws away.

    Raises:
        ConfigError: the domain's tasks are not composed.
    """
    make = getattr(domain, "new_maker", None)
    if make is None:
        raise ConfigError(f"A corpus is made of composed domains; {domain.name!r} is none")
    return cast(TaskMaker, make(split))
