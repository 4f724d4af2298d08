"""How a search is named and set: `NAME[:option=value[,option=value]]`.

Each search is a dataclass of its own options in a module of its own; here is what they share.
"""

from abc import ABC, abstractmethod
from dataclasses import MISSING, dataclass, fields
from functools import cache
from importlib import import_module
from typing import ClassVar, cast, get_args, get_type_hints

from toolgym.agents.search.tree import Node, Score, Search
from toolgym.errors import ConfigError, did_you_mean
from toolgym.options import parse_named

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
class SearchOptions(ABC):
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

    @abstractmethod
    def search(self, root: Node, score: Score) -> Search:
        """The search from this state on: what it returns is played."""

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


def parse_search(text: str, scorer: str | None = None) -> SearchOptions:
    """The search that a text names: `best_of:n=8`, `mcts:simulations=16,scorer=consistency`.

    Args:
        text: what is read; spaces do not count.
        scorer: of a search that asks one, where the text names none; None: the search's own default.

    Raises:
        ConfigError: no such search or option, or a value that is none; it says what there is.
    """
    name, _, rest = text.partition(":")
    found = searches().get(name.strip())
    if found is None:
        raise ConfigError(did_you_mean(name.strip(), searches(), "search"))
    kinds = {name: _kind(hint) for name, hint in get_type_hints(found).items() if name in _names(found)}
    given = parse_named(rest, kinds, found.name)
    if scorer is not None and issubclass(found, Scored):
        given.setdefault("scorer", scorer)
    return found(**given)


def _names(search: type[SearchOptions]) -> list[str]:
    return [each.name for each in fields(search)]


def _kind(hint: object) -> type:
    """What a value of an option is, which may also be None."""
    return next((each for each in get_args(hint) if each is not type(None)), cast(type, hint))


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
