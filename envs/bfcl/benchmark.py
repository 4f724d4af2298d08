"""BFCL as `toolgym bench` runs it, and the scores that are reported of it."""

from collections.abc import Mapping, Sequence

from toolgym.benchmark import Benchmark, Part, Share
from toolgym.envs.bfcl.cases import CATEGORIES, GROUPS, chosen_categories

__all__ = ["BFCL", "figures"]

_SIMPLE = ("simple_python", "simple_java", "simple_javascript")
_LIVE_AST = ("live_simple", "live_multiple", "live_parallel", "live_parallel_multiple")


def figures(shares: Mapping[str, Share]) -> dict[str, float | None]:
    """The leaderboard's scores.

    - `non-live AST`: the mean of simple (itself the mean of its three languages), multiple, parallel and
      parallel_multiple; `live AST`: of all its cases; `multi-turn`: the mean of its four categories.
    - `irrelevance`: the mean of the live one and the other; `relevance`: the live one, there is no other.
    - `overall v3`: a third each for non-live (with irrelevance as a fifth part), live (all cases of all six categories)
      and multi-turn.
    - `overall v4 without agentic`: v4's weights 10, 10, 10, 30 of non-live, live, irrelevance and multi-turn, without
      the 40 of the agentic part: `(3 multi-turn + live + non-live + irrelevance) / 6`, which is also the overall score
      that ToolUPT prints for v3 (`overall ToolUPT`).
    """
    simple = _mean([_value(shares, name) for name in _SIMPLE])
    others = [_value(shares, name) for name in ("multiple", "parallel", "parallel_multiple")]
    plain = _value(shares, "irrelevance")
    non_live, live = _mean([simple, *others]), _pooled(shares, _LIVE_AST)
    multi_turn = _mean([_value(shares, name) for name in GROUPS["multi_turn"]])
    irrelevance = _mean([plain, _value(shares, "live_irrelevance")])
    non_live_v3, live_v3 = _mean([simple, *others, plain]), _pooled(shares, GROUPS["live"])
    without_agentic = _mean([multi_turn, multi_turn, multi_turn, live, non_live, irrelevance])
    return {
        "non-live AST": non_live,
        "live AST": live,
        "multi-turn": multi_turn,
        "relevance": _value(shares, "live_relevance"),
        "irrelevance": irrelevance,
        "overall v3": _mean([non_live_v3, live_v3, multi_turn]),
        "overall v4 without agentic": without_agentic,
        "overall ToolUPT": without_agentic,
    }


def _value(shares: Mapping[str, Share], name: str) -> float | None:
    return shares[name].value if name in shares else None


def _mean(values: Sequence[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return sum(there) / len(values) if len(there) == len(values) else None


def _pooled(shares: Mapping[str, Share], names: Sequence[str]) -> float | None:
    """The share of all cases of some categories."""
    if any(name not in shares for name in names):
        return None
    return sum(shares[name].value * shares[name].tasks for name in names) / sum(shares[name].tasks for name in names)


def _parts(categories: Sequence[str] | None) -> tuple[Part, ...]:
    return tuple(Part(name, "ToolGym/BFCL-v0", {"category": name}) for name in chosen_categories(categories))


BFCL = Benchmark(
    name="bfcl",
    title="Berkeley Function Calling Leaderboard v4, without its agentic part",
    parts=_parts,
    figures=figures,
    categories=("all", *GROUPS, *CATEGORIES),
    data="bfcl",
)
