"""`Shown`: which tools an agent is shown, and how that is written: `all`, `oracle`, `retrieve:k=10,by=both`."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from toolgym import _json
from toolgym.errors import ConfigError, did_you_mean

__all__ = ["Shown", "parse_shown"]

_WHICH = ("all", "oracle", "retrieve")
_BY = ("words", "meaning", "both")


@dataclass(frozen=True)
class Shown:
    """Which tools an agent is shown."""

    which: Literal["all", "oracle", "retrieve"] = "all"
    """All of them; those of the task's gold chain, for an upper bound; or those that are found."""
    k: int = 10
    """How many tools are found at a time."""
    by: Literal["words", "meaning", "both"] = "words"
    """BM25; embeddings (the `semantic` extra); or both rankings, fused."""
    feeders: bool | Literal["extra"] = True
    """Whether tools come along that the parameters of the found ones can be filled from: among the `k`, or `extra`."""
    model: str | None = None
    """The embedding model, a hub id or a path. None: `toolgym.rewards.semantic`'s."""
    store: str | None = None
    """A file that keeps the index between processes. Made where there is none, and kept equal to what is listed."""

    def __post_init__(self) -> None:
        if self.which not in _WHICH:
            raise ConfigError(did_you_mean(str(self.which), _WHICH, "choice of tools"))
        if isinstance(self.k, bool) or not isinstance(self.k, int) or self.k < 1:
            raise ConfigError(f"tools: k is a number of tools, at least 1, not {self.k!r:.100}")
        if self.by not in _BY:
            raise ConfigError(f"tools: {did_you_mean(str(self.by), _BY, 'way of finding')}")
        if not (isinstance(self.feeders, bool) or self.feeders == "extra"):
            raise ConfigError(f"tools: feeders is true, false or extra, not {self.feeders!r:.100}")
        for name in ("model", "store"):
            if not (getattr(self, name) is None or (isinstance(getattr(self, name), str) and getattr(self, name))):
                raise ConfigError(f"tools: {name} is text, not {getattr(self, name)!r:.100}")
        if self.model is not None and self.by == "words":
            raise ConfigError("tools: model is of by=meaning or by=both; words need none")


_OPTIONS = tuple(field.name for field in fields(Shown) if field.name != "which")


def parse_shown(text: Any) -> Shown:
    """`"retrieve:k=5,by=both"` -> `Shown("retrieve", 5, "both")`.

    Raises:
        ConfigError: there is no such choice or option, or a value cannot be used.
    """
    if not isinstance(text, str):
        raise ConfigError(f"tools is all, oracle or retrieve[:OPTION=VALUE,...], not {text!r:.100}")
    which, colon, rest = text.partition(":")
    shown = Shown(which)  # type: ignore[arg-type]  # it checks
    if colon and which != "retrieve":
        raise ConfigError(f"tools={which} has no options, got {rest!r:.100}")
    return replace(shown, **_parsed(rest)) if rest else shown


def _parsed(text: str) -> Mapping[str, Any]:
    given: dict[str, Any] = {}
    for item in text.split(","):
        name, equals, value = (part.strip() for part in item.partition("="))
        if not equals:
            raise ConfigError(f"tools=retrieve takes OPTION=VALUE,..., got {item!r:.100}. An example: retrieve:k=5")
        if name not in _OPTIONS:
            raise ConfigError(f"tools: {did_you_mean(name, _OPTIONS, 'option of retrieve')}")
        if name in given:
            raise ConfigError(f"tools: {name} is given twice")
        given[name] = _value(name, value)
    return given


def _value(name: str, text: str) -> Any:
    if name in ("by", "model", "store"):
        return text
    try:
        return _json.loads(text)
    except ValueError:
        return text
