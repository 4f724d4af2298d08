"""tau2 as `toolgym bench` runs it: the published base tasks of each domain, or their test split, or telecom solo."""

from collections.abc import Mapping, Sequence

from toolgym.benchmark import Benchmark, Part, Share
from toolgym.envs.tau2.data import DOMAINS
from toolgym.errors import ConfigError, did_you_mean

__all__ = ["TAU2", "chosen", "mean_of"]

_PARTS = {
    **{name: (name, {"split": "custom"}) for name in DOMAINS},
    **{f"{name}-test": (name, {"split": "test"}) for name in DOMAINS},
    "telecom-solo": ("telecom", {"split": "custom", "solo": True, "user": "none"}),
}
"""Part -> its domain and its options. `custom` is the published `base`."""


def mean_of(names: Sequence[str], shares: Mapping[str, Share]) -> float | None:
    """The mean of some parts; None where one was not run."""
    return sum(shares[name].value for name in names) / len(names) if all(name in shares for name in names) else None


def chosen(given: Sequence[str] | None, known: Sequence[str], default: Sequence[str]) -> list[str]:
    """The parts that are named, in their order.

    Raises:
        ConfigError: there is no such part.
    """
    for name in given or ():
        if name not in known:
            raise ConfigError(did_you_mean(name, known, "category"))
    return [name for name in known if name in (given or default)]


def _parts(categories: Sequence[str] | None) -> list[Part]:
    names = chosen(categories, list(_PARTS), DOMAINS)
    return [Part(name, f"ToolGym/Tau2{_PARTS[name][0].capitalize()}-v0", _PARTS[name][1]) for name in names]


def _figures(shares: Mapping[str, Share]) -> dict[str, float | None]:
    """The mean of the three domains, each counted once; pass^k stands with the parts."""
    return {"mean of domains": mean_of(DOMAINS, shares)}


TAU2 = Benchmark(
    name="tau2",
    title="tau2-bench: airline, retail, telecom",
    parts=_parts,
    figures=_figures,
    categories=tuple(_PARTS),
    data="tau2",
)
