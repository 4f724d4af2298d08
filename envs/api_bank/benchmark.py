"""API-Bank as `toolgym bench` runs it: the single items that papers score, accuracy by level and pooled."""

from collections.abc import Mapping, Sequence

from toolgym.benchmark import Benchmark, Part, Share
from toolgym.errors import ConfigError, did_you_mean

__all__ = ["API_BANK", "figures"]

_LEVELS = ("level-1", "level-2", "level-3")
_DIALOGUES = ("dialogues-1", "dialogues-2")


def figures(shares: Mapping[str, Share]) -> dict[str, float | None]:
    """`pooled`: of all items, as ToolRL and AWPO print it; `dialogues`: of all calls of levels 1 and 2."""
    return {"pooled": _pooled(shares, _LEVELS), "dialogues": _pooled(shares, _DIALOGUES)}


def _pooled(shares: Mapping[str, Share], names: Sequence[str]) -> float | None:
    if any(name not in shares for name in names):
        return None
    return sum(shares[name].value * shares[name].tasks for name in names) / sum(shares[name].tasks for name in names)


def _parts(categories: Sequence[str] | None) -> tuple[Part, ...]:
    chosen, known = _LEVELS if categories is None else tuple(categories), (*_LEVELS, *_DIALOGUES)
    for name in chosen:
        if name not in known:
            raise ConfigError(did_you_mean(name, known, "category"))
    return tuple(Part(name, "ToolGym/APIBank-v0", _options(name)) for name in known if name in chosen)


def _options(name: str) -> dict[str, object]:
    form, _, level = name.partition("-")
    return {"form": "items" if form == "level" else "dialogues", "level": int(level)}


API_BANK = Benchmark(
    name="api-bank",
    title="API-Bank: single calls by level, and the calls of the dialogues of levels 1 and 2",
    parts=_parts,
    figures=figures,
    categories=(*_LEVELS, *_DIALOGUES),
)
