"""How a search is named and set: `NAME[:option=value[,option=value]]`.

Each search is a dataclass of its own options in a module of its own; here is what they share.
"""

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from functools import cache
from importlib import import_module
from typing import ClassVar, get_args, get_type_hints

from toolgym.agents.search.tree import Node, Score, Search
from toolgym.errors import ConfigError, did_you_mean

__all__ = ["SCORERS", "Scored", "SearchOptions", "parse_search", "searches"]

SCORERS = ("logprob", "consistency", "judge", "value", "verified")

_HOMES = {
    "best_of": "BestOf",
    "majority": "Majority",
    "beam": "Beam",
    "dfsdt": "Dfsdt",
    "astar": "AStar",
    "mcts": "Mcts",
}
"""The name of a search, which is its module's too, and its class."""


@dataclass(frozen=True)
class SearchOptions:
    """What a search is told. A subclass says what the search is in its docstring's first line."""

    name: ClassVar[str] = ""

    @property
    def samples(self) -> bool:
        """Whether it draws several turns from one context: a policy that always says the same is of no use to it."""
        return True

    @property
    def oracle(self) -> bool:
        """Whether it is told the outcomes."""
        return False

    def search(self, root: Node, score: Score) -> Search:
        """The search from this state on."""
        raise NotImplementedError

    def described(self) -> str:
        """As reports have it: what is an upper bound is called one."""
        return f"{self} (oracle scorer: knows the outcome)" if self.oracle else str(self)

    def __str__(self) -> str:
        """As `parse_search` reads it: what differs from the defaults."""
        given = [f"{each.name}={_shown(getattr(self, each.name))}" for each in fields(self) if self._differs(each.name)]
        return self.name + (":" + ",".join(given) if given else "")

    def _differs(self, option: str) -> bool:
        default = next(each.default for each in fields(self) if each.name == option)
        return default is MISSING or getattr(self, option) != default

    def _at_least(self, least: int, *options: str) -> None:
        """Raises where one of the options is less."""
        for option in options:
            if not getattr(self, option) >= least:  # which a NaN is not
                raise ConfigError(f"{self.name}: {option} must be at least {least}, got {getattr(self, option)}")


@dataclass(frozen=True)
class Scored(SearchOptions):
    """A search that asks a scorer how good a node is."""

    scorer: str = "logprob"
    """logprob, consistency, judge, value or verified."""
    judge: str = ""
    """scorer=judge: the model's name at the endpoint of $OPENAI_BASE_URL."""
    critic: str = ""
    """scorer=value: a checkpoint folder of StepTool's, with its value head."""

    def __post_init__(self) -> None:
        if self.scorer not in SCORERS:
            raise ConfigError(did_you_mean(self.scorer, SCORERS, "scorer"))
        for option, scorer, what in (("judge", "judge", "a model's name"), ("critic", "value", "a checkpoint folder")):
            given = bool(getattr(self, option))
            if given != (self.scorer == scorer):
                needs = f"scorer={scorer} needs {option}=, {what}" if not given else f"{option}= is of scorer={scorer}"
                raise ConfigError(f"{self.name}: {needs}")

    @property
    def oracle(self) -> bool:
        return self.scorer == "verified"


@cache
def searches() -> dict[str, type[SearchOptions]]:
    """The searches there are, by name."""
    return {name: getattr(import_module(f"toolgym.agents.search.{name}"), made) for name, made in _HOMES.items()}


def parse_search(text: str) -> SearchOptions:
    """The search that a text names: `best_of:n=8`, `mcts:simulations=16,scorer=consistency`.

    Raises:
        ConfigError: no such search or option, or a value that is none; it says what there is.
    """
    name, _, rest = text.partition(":")
    found = searches().get(name.strip())
    if found is None:
        raise ConfigError(did_you_mean(name.strip(), searches(), "search"))
    kinds = get_type_hints(found)
    known = [each.name for each in fields(found)]
    given: dict[str, object] = {}
    for part in filter(None, map(str.strip, rest.split(","))):
        option, equals, value = (each.strip() for each in part.partition("="))
        if option not in known:
            raise ConfigError(did_you_mean(option, known, f"option of {found.name}"))
        if not equals or not value:
            raise ConfigError(f"{found.name}: write {option}=VALUE, got {part!r}")
        if option in given:
            raise ConfigError(f"{found.name}: {option} is given twice")
        given[option] = _read(found.name, option, value, kinds[option])
    return found(**given)


def _read(search: str, option: str, value: str, kind: object) -> object:
    """A value as its option has it."""
    kind = next((each for each in get_args(kind) if each is not type(None)), kind)
    readers: dict[object, tuple[Callable[[str], object], str]] = {
        int: (int, "a whole number"),
        float: (float, "a number"),
        bool: (_flag, "true or false"),
        str: (str, "a text"),
    }
    read, expected = readers[kind]
    try:
        return read(value)
    except ValueError:
        raise ConfigError(f"{search}: {option} is {expected}, got {value!r}") from None


def _flag(value: str) -> bool:
    """A truth value by its usual names."""
    known = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    if value.lower() not in known:
        raise ValueError(value)
    return known[value.lower()]


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
