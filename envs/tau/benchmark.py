"""tau-bench as `toolgym bench` runs it: the published test tasks of both domains."""

from collections.abc import Mapping, Sequence

from toolgym.benchmark import Benchmark, Part, Share
from toolgym.envs.tau.data import DOMAINS
from toolgym.envs.tau2.benchmark import chosen, mean_of

__all__ = ["TAU"]


def _parts(categories: Sequence[str] | None) -> list[Part]:
    names = chosen(categories, DOMAINS, DOMAINS)
    return [Part(name, f"ToolGym/Tau{name.capitalize()}-v0", {"split": "test"}) for name in names]


def _figures(shares: Mapping[str, Share]) -> dict[str, float | None]:
    """The mean of the two domains; pass^k stands with the parts."""
    return {"mean of domains": mean_of(DOMAINS, shares)}


TAU = Benchmark(
    name="tau",
    title="tau-bench: airline, retail",
    parts=_parts,
    figures=_figures,
    categories=DOMAINS,
    data="tau",
)
