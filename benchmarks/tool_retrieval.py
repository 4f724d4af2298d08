"""How well and how fast the right tools are found among thousands, and what that does to the pass rate.

    python -m benchmarks.tool_retrieval                        # 20,000 tools, 200 test tasks of PlanArena
    python -m benchmarks.tool_retrieval --twins                # also tools of scenarios with the task's own theme
    python -m benchmarks.tool_retrieval --agent builtin:clean --episodes 100
    python -m benchmarks.tool_retrieval --embed MODEL          # embeddings (hub id or path), both rankings fused

The tools are those of a task's scenario and, as with `distractors=N`, of other domains: registered ones, then scenarios
of other themes. A task's relevant tools are those of its gold chain; tasks without calls are left out. The query is the
request.

- recall@k: the share of a task's relevant tools that are among the first k.
- nDCG@k: with gain 1 for a relevant tool.
- all@k: the share of tasks all of whose relevant tools are among the first k. The oracle solves at least these.

Times are of the processor: one core's, whatever else runs on the machine. That of embedding the query is in them.

Pass rates are of `ToolGym/Airline-v0` (`size=small`) among 200 tools of other domains.
"""

import json
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from math import log2
from statistics import mean
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

import toolgym  # noqa: F401 (registers the environments)
from toolgym.agents.evaluation import EvalOptions, evaluate
from toolgym.agents.evaluation.evaluation import make_policy
from toolgym.envs.planarena.domain import scenario_domain
from toolgym.envs.planarena.numbers import number_of, scenarios_of
from toolgym.mcp.session import ToolSpec
from toolgym.perturbing.distractors import pool
from toolgym.retrieval import Query, ToolIndex
from toolgym.retrieval.index import Encoder
from toolgym.rewards.semantic import sentence_encoder

__all__ = ["Figures", "main", "ndcg", "recall"]

DEPTHS = (5, 10, 20)
TASKS = 8
"""Tasks of each scenario."""
_WAYS = ("k={},feeders=false", "k={}", "k={},feeders=extra")
SHOWN = ("all", "oracle", *(f"retrieve:{way.format(k)}" for k in (5, 10) for way in _WAYS))


@dataclass
class Figures:
    """How well one way of finding does."""

    way: str
    recall: dict[int, float]
    ndcg: dict[int, float]
    all_shown: dict[int, float]
    median_ms: float
    slowest_ms: float


def recall(found: Sequence[str], relevant: Collection[str]) -> float:
    """The share of the relevant that was found."""
    return len(set(found) & set(relevant)) / len(relevant)


def ndcg(found: Sequence[str], relevant: Collection[str], k: int) -> float:
    """The normalised discounted cumulative gain of the first `k`, each relevant one with gain 1."""
    gain = sum(1 / log2(place + 2) for place, name in enumerate(found[:k]) if name in relevant)
    return gain / sum(1 / log2(place + 2) for place in range(min(k, len(relevant))))


def main(
    tools: Annotated[int, typer.Option(min=20, help="Tools in all.")] = 20_000,
    scenarios: Annotated[int, typer.Option(min=1, help="Test scenarios, 8 tasks of each.")] = 25,
    twins: Annotated[bool, typer.Option("--twins", help="With the tools of scenarios of the same theme.")] = False,
    embed: Annotated[str | None, typer.Option(metavar="MODEL", help="Also by embeddings of this model.")] = None,
    agent: Annotated[list[str] | None, typer.Option(help="Agents of the pass rates; default: the oracle.")] = None,
    episodes: Annotated[int, typer.Option(min=0, help="Airline tasks of the pass rates; 0: none.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Prints the speed, the figures of each way of finding, and pass rates."""
    speed, figures = retrieval(tools, scenarios, twins, embed)
    rates = {name: pass_rates(name, episodes) for name in agent or ["oracle"]} if episodes else {}
    if as_json:
        print(
            json.dumps({"speed": speed, "figures": [asdict(each) for each in figures], "pass_rates": rates}, indent=2)
        )
        return
    out = Console()
    out.print(f"{speed['tools']:,.0f} tools: built at {speed['tools_per_s']:,.0f} tools/s", highlight=False)
    table = Table("way", *(f"{name}@{k}" for name in ("recall", "nDCG", "all") for k in DEPTHS), "ms", "slowest")
    for each in figures:
        cells = [f"{values[k]:.3f}" for values in (each.recall, each.ndcg, each.all_shown) for k in DEPTHS]
        table.add_row(each.way, *cells, f"{each.median_ms:.2f}", f"{each.slowest_ms:.1f}")
    out.print(table)
    for name, each in rates.items():
        out.print(f"{name}: " + ", ".join(f"{shown} {rate:.0%}" for shown, rate in each.items()), highlight=False)


def retrieval(tools: int, scenarios: int, twins: bool, embed: str | None) -> tuple[dict[str, float], list[Figures]]:
    """The speed of building, and the figures of each way of finding, over the same tasks."""
    encoder = None if embed is None else _Remembering(sentence_encoder(embed))
    kinds: dict[str, dict[str, Any]] = {"words": {}}
    if encoder is not None:
        kinds |= {"meaning": {"encoder": encoder, "by_words": False}, "both": {"encoder": encoder}}
    ways = {f"{name}{', feeders' if feeders else ''}": (name, feeders) for name in kinds for feeders in (False, True)}
    seen: dict[str, list[tuple[list[str], Collection[str]]]] = {way: [] for way in ways}
    took: dict[str, list[float]] = {way: [] for way in ways}
    speed: dict[str, float] = {}
    ToolIndex().prepare()  # imports the library
    for listed, tasks in _scenes(tools, scenarios, twins):
        begun = time.process_time()
        indices = {"words": ToolIndex(listed)}
        indices["words"].prepare()
        speed = speed or {"tools": len(listed), "tools_per_s": len(listed) / (time.process_time() - begun)}
        indices |= {name: ToolIndex(listed, **made) for name, made in kinds.items() if name != "words"}
        for index in indices.values():
            index.prepare()
        for request, relevant in tasks:
            for way, (name, feeders) in ways.items():
                begun = time.process_time()
                found = indices[name].search([Query(request)], max(DEPTHS), feeders=feeders)
                took[way].append((time.process_time() - begun) * 1e3)
                seen[way].append((found, relevant))
    return speed, [_figures(way, seen[way], took[way]) for way in ways]


class _Remembering:
    """An encoder that embeds each tool's text once: those of other domains come again in each scene."""

    def __init__(self, encoder: Encoder):
        self._encoder, self._known = encoder, dict[str, np.ndarray]()

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        if len(texts) == 1:
            return self._encoder(texts)  # a query, whose time counts
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            self._known.update(zip(new, self._encoder(new), strict=True))
        return np.stack([self._known[text] for text in texts])


def _figures(way: str, seen: Sequence[tuple[list[str], Collection[str]]], took: Sequence[float]) -> Figures:
    return Figures(
        way,
        {k: mean(recall(found[:k], relevant) for found, relevant in seen) for k in DEPTHS},
        {k: mean(ndcg(found, relevant, k) for found, relevant in seen) for k in DEPTHS},
        {k: mean(recall(found[:k], relevant) == 1 for found, relevant in seen) for k in DEPTHS},
        float(np.median(took)),
        max(took),
    )


def _scenes(
    tools: int, scenarios: int, twins: bool
) -> Iterator[tuple[tuple[ToolSpec, ...], list[tuple[str, frozenset[str]]]]]:
    """Of test scenarios spread over all: the tools that there are, and requests with their relevant tools."""
    step = scenarios_of("test") // scenarios or 1
    for place in range(0, scenarios * step, step):
        domain = scenario_domain(number_of("test", place))
        session = domain.session()
        own = session.tools
        session.close()
        others = pool(domain.name, own, tools - len(own), "" if twins else domain.title)[: tools - len(own)]
        tasks = domain.tasks("test")
        chosen = (tasks[index] for index in range(place % 7, len(tasks), len(tasks) // TASKS))
        wanted = [(task.request, frozenset(call.name for call in task.gold_calls)) for task in chosen]
        yield (*own, *others), [(request, relevant) for request, relevant in wanted if relevant]


def pass_rates(agent: str, episodes: int) -> dict[str, float]:
    """Which tools are shown -> an agent's pass rate."""
    rates = {}
    for shown in SHOWN:
        world = {"size": "small", "prompt": "short", "distractors": 200, "tools": shown}
        options = EvalOptions("ToolGym/Airline-v0", episodes=episodes, env_options=world)
        rates[shown] = evaluate(make_policy(agent), options).overall.estimates["pass@1"].value
    return rates


if __name__ == "__main__":
    typer.run(main)
