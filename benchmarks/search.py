"""Does searching pay? pass@1 of each search beside plain sampling with as many tokens.

    python -m benchmarks.search --tasks 60 --results runs/search.json
    python -m benchmarks.search --env ToolGym/PlanArena-v0 --agent hf:runs/my/final --search mcts --search astar

Of each task `--pool` whole episodes are sampled. Any smaller number of them is what plain sampling would have had: the
best by the policy's log-probability, the majority, one that the outcome picks (`verified`, an oracle). A search is held
against the number that takes as many tokens as it took on average; between two numbers it is interpolated. Differences
are paired by task, with percentile bootstraps over tasks.

Shapes: N tasks, P episodes in a pool.
"""

import argparse
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from toolgym._files import write_whole
from toolgym.agents.evaluation.evaluation import AgentOptions, EvalOptions, make_policy, play
from toolgym.agents.evaluation.metrics import Interval, bootstrap, wilson
from toolgym.agents.rollouts.rollout import Start, play_all
from toolgym.agents.search import Node, SearchPolicy, parse_search
from toolgym.errors import ConfigError
from toolgym.opening import open_env
from toolgym.options import parse_settings

__all__ = ["Row", "Sampled", "at_tokens", "compare", "main", "picked"]

SEARCHES = ("beam", "dfsdt", "dfsdt:prompts=false", "astar", "mcts", "mcts:scorer=verified")
SMALL = {"size": "small", "prompt": "short"}
"""The world of the built-in policies."""


@dataclass(frozen=True)
class Sampled:
    """A whole episode of the pool."""

    tokens: int
    score: float
    """By the policy's log-probability."""
    key: str
    """How it ended."""
    answered: bool
    solved: bool


@dataclass(frozen=True)
class Played:
    """An episode with a search."""

    solved: bool
    tokens: int
    turns: int
    steps: int


@dataclass(frozen=True)
class Row:
    """A search beside plain sampling with as many tokens."""

    search: str
    oracle: bool
    tokens: float
    turns: float
    steps: float
    passed: float
    interval: Interval
    samples: float
    """How many plain episodes take as many tokens; no more than the pool has."""
    best_of: float
    over_best_of: tuple[float, Interval]
    """What the search has more than the best of them, with the 95% interval of that."""
    majority: float
    over_majority: tuple[float, Interval]
    over_greedy: tuple[float, Interval]
    """What it has more than one greedy episode, which takes fewer tokens."""

    @property
    def verdict(self) -> str:
        """Whether it beats both ways of plain sampling, and a greedy episode."""
        lows = [low for _, (low, _) in (self.over_best_of, self.over_majority)]
        highs = [high for _, (_, high) in (self.over_best_of, self.over_majority)]
        if self.oracle:
            return "an upper bound: knows the outcome"
        if min(lows) > 0:
            return "beats sampling" + (" and greedy" if self.over_greedy[1][0] > 0 else ", not greedy")
        return "worse than sampling" if min(highs) < 0 else "does not beat sampling"


# Choosing among plain samples ----------------------------------------------------------------------------------------


def by_logprob(episodes: Sequence[Sampled]) -> bool:
    """Whether the best one is solved: as `best_of`."""
    return max(episodes, key=lambda each: each.score).solved


def by_majority(episodes: Sequence[Sampled]) -> bool:
    """Whether the one that the majority picks is solved: as `majority`."""
    voters = [each for each in episodes if each.answered] or episodes
    votes = Counter(each.key for each in voters)
    return max(voters, key=lambda each: votes[each.key]).solved


def by_outcome(episodes: Sequence[Sampled]) -> bool:
    """Whether any is solved: the oracle's choice."""
    return any(each.solved for each in episodes)


def picked(pools: Sequence[Sequence[Sampled]], count: int, how: Callable[[Sequence[Sampled]], bool]) -> np.ndarray:
    """The share solved of each task (N) with `count` plain episodes: the mean over the P runs of `count` neighbours."""
    out = []
    for pool in pools:
        ring = [*pool, *pool[: count - 1]]
        out.append(np.mean([how(ring[at : at + count]) for at in range(len(pool))]))
    return np.array(out)


def at_tokens(
    pools: Sequence[Sequence[Sampled]], tokens: float, how: Callable[[Sequence[Sampled]], bool]
) -> tuple[np.ndarray, float]:
    """The share solved of each task (N) with plain episodes of so many tokens, and how many episodes that are."""
    most = min(map(len, pools))
    each = float(np.mean([sampled.tokens for pool in pools for sampled in pool]))
    count = min(max(tokens / each, 1.0), float(most))
    low, part = int(count), count - int(count)
    shares_N = picked(pools, low, how)
    if part > 0:
        shares_N = (1 - part) * shares_N + part * picked(pools, low + 1, how)
    return shares_N, count


# Playing -------------------------------------------------------------------------------------------------------------


def sample_pool(arguments: argparse.Namespace) -> dict[str, list[Sampled]]:
    """Task id -> its pool."""
    pools: dict[str, list[Sampled]] = {}
    ids: dict[int, str] = {}

    def seen(slot: int, root: Node, chosen: Node) -> None:
        pools[ids[slot]] = [
            Sampled(
                sum(len(turn.completion.token_ids) for turn in node.played),
                node.score,
                node.key.decode(errors="replace"),
                node.answered,
                node.outcome == "solved",
            )
            for node in root.children
        ]

    policy = SearchPolicy(
        make_policy(arguments.agent, _agent(arguments, arguments.temperature), seed=arguments.seed),
        parse_search(f"best_of:n={arguments.pool}"),
        concurrency=arguments.concurrency,
        on_tree=seen,
    )
    env = open_env(arguments.env, split=arguments.split, **arguments.settings)
    count = min(arguments.tasks, len(env.tasks))
    order = np.random.default_rng(np.random.SeedSequence(arguments.seed)).permutation(len(env.tasks))[:count]
    ids.update({slot: env.tasks[int(index)].id for slot, index in enumerate(order)})
    envs = [env, *(env.spawn() for _ in range(min(count, arguments.concurrency) - 1))]
    try:
        play_all(policy, envs, [Start(options={"task": int(index)}) for index in order], lambda *_: None)
    finally:
        for each in envs:
            each.close()
    return {task: pool for task, pool in pools.items() if len(pool) == arguments.pool}


def searched(arguments: argparse.Namespace, search: str, temperature: float) -> dict[str, Played]:
    """Task id -> its episode with a search; without the episodes that the infrastructure broke."""
    agent = _agent(arguments, temperature)
    options = EvalOptions(
        env_id=arguments.env,
        split=arguments.split,
        episodes=arguments.tasks,
        seed=arguments.seed,
        env_options=arguments.settings,
        agent=agent,
        search=parse_search(search),
    )
    scores = play(make_policy(arguments.agent, agent, seed=arguments.seed), options)
    return {
        score.task_id: Played(score.solved, score.search.tokens, score.search.turns, score.search.steps)
        for score in scores.values()
        if score.counts and score.search is not None
    }


def _agent(arguments: argparse.Namespace, temperature: float) -> AgentOptions:
    return AgentOptions(
        temperature=temperature,
        max_new_tokens=arguments.max_new_tokens,
        concurrency=arguments.concurrency,
        threads=arguments.threads,
    )


def compare(
    search: str, played: dict[str, Played], pools: dict[str, list[Sampled]], greedy: dict[str, Played], seed: int = 0
) -> Row:
    """A search beside plain sampling with as many tokens, on the tasks that all have."""
    tasks = [task for task in pools if task in played and task in greedy]
    own = [played[task] for task in tasks]
    passed_N = np.array([float(each.solved) for each in own])
    figures = {name: float(np.mean([getattr(each, name) for each in own])) for name in ("tokens", "turns", "steps")}
    kept = [pools[task] for task in tasks]
    best_N, samples = at_tokens(kept, figures["tokens"], by_logprob)
    most_N, _ = at_tokens(kept, figures["tokens"], by_majority)

    def over(plain_N: np.ndarray) -> tuple[float, Interval]:
        apart_N = passed_N - plain_N
        return float(apart_N.mean()), bootstrap(apart_N.tolist(), seed)

    share = float(passed_N.mean())
    return Row(
        search=search,
        oracle=parse_search(search).oracle,
        **figures,
        passed=share,
        interval=wilson(share, len(tasks)),
        samples=samples,
        best_of=float(best_N.mean()),
        over_best_of=over(best_N),
        majority=float(most_N.mean()),
        over_majority=over(most_N),
        over_greedy=over(np.array([float(greedy[task].solved) for task in tasks])),
    )


class Kept:
    """What was played, by name, in a JSON file that grows part by part.

    Raises:
        ConfigError: the file is of other settings.
    """

    def __init__(self, file: Path, settings: dict[str, Any]):
        self.file = file
        self.held: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        if self.held.setdefault("settings", settings) != settings:
            raise ConfigError(f"{file} is of {self.held['settings']}, not of {settings}: give another --results")

    def get(self, name: str, play_it: Callable[[], Any]) -> Any:
        """A part as JSON; what is not there is played, and written at once."""
        if name not in self.held:
            self.held[name] = json.loads(json.dumps(play_it(), default=asdict))
            self.file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self.file, json.dumps(self.held))
        return self.held[name]


# Showing -------------------------------------------------------------------------------------------------------------


def plain_table(pools: dict[str, list[Sampled]], greedy: dict[str, Played]) -> list[str]:
    """Plain sampling: pass@1 by how many episodes are sampled, as Markdown."""
    kept = list(pools.values())
    each = float(np.mean([sampled.tokens for pool in kept for sampled in pool]))
    lines = [
        "| plain episodes | tokens | best by log-probability | majority | `verified` (oracle) |",
        "|---:|---:|---:|---:|---:|",
    ]
    own = [greedy[task] for task in pools if task in greedy]
    share, tokens = (float(np.mean([getattr(each, name) for each in own])) for name in ("solved", "tokens"))
    lines.append(f"| 1, greedy | {tokens:.0f} | {_share(share, len(own))} | - | - |")
    count = 1
    while count <= len(kept[0]):
        shares = [float(picked(kept, count, how).mean()) for how in (by_logprob, by_majority, by_outcome)]
        shown = " | ".join(_share(share, len(kept)) for share in shares)
        lines.append(f"| {count} | {each * count:.0f} | {shown} |")
        count *= 2
    return lines


HEAD = (
    "| search | tokens | turns | pass@1 | plain episodes | their best | difference | majority | difference "
    "| over greedy | |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|"
)


def row_line(row: Row) -> str:
    """A search as a row of Markdown, under `HEAD`."""
    low, high = row.interval
    return (
        f"| `{row.search}` | {row.tokens:.0f} | {row.turns:.1f} | {100 * row.passed:.1f}% ({100 * low:.0f} to "
        f"{100 * high:.0f}) | {row.samples:.1f} | {100 * row.best_of:.1f}% | {_apart(row.over_best_of)} | "
        f"{100 * row.majority:.1f}% | {_apart(row.over_majority)} | "
        f"{_apart(row.over_greedy)} | {row.verdict} |"
    )


def _share(share: float, tasks: int) -> str:
    low, high = wilson(share, tasks)
    return f"{100 * share:.1f}% ({100 * low:.0f} to {100 * high:.0f})"


def _apart(told: tuple[float, Interval]) -> str:
    value, (low, high) = told
    return f"{100 * value:+.1f} ({100 * low:+.0f} to {100 * high:+.0f})"


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; prints Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--agent", default="builtin:imperfect", help="a model whose tokens are known here")
    parser.add_argument("--env", default="ToolGym/Airline-v0")
    parser.add_argument("--split", default="test")
    parser.add_argument("--set", action="append", default=None, help="NAME=VALUE of the environment")
    parser.add_argument("--tasks", type=int, default=60)
    parser.add_argument("--pool", type=int, default=16, help="plain episodes of each task")
    parser.add_argument("--search", action="append", default=None, help=f"may be repeated (default: {SEARCHES})")
    parser.add_argument("--temperature", type=float, default=1.0, help="of all that samples")
    parser.add_argument("--max-new-tokens", type=int, default=None, help="of a turn (default: the agent's own)")
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=Path, required=True, help="a JSON file that keeps what was played: goes on")
    arguments = parser.parse_args(argv)
    arguments.settings = {**(SMALL if arguments.agent.startswith("builtin") else {})}
    arguments.settings |= {name: value for name, value in parse_settings(arguments.set).items() if name != "split"}

    told = ("agent", "env", "split", "tasks", "seed", "pool", "temperature", "settings")
    kept = Kept(arguments.results, {name: getattr(arguments, name) for name in told})
    drawn = kept.get("pool", lambda: sample_pool(arguments))
    pools = {task: [Sampled(**each) for each in pool] for task, pool in drawn.items()}

    def played(search: str, temperature: float) -> dict[str, Played]:
        found = kept.get(f"{search} at {temperature}", lambda: searched(arguments, search, temperature))
        return {task: Played(**each) for task, each in found.items()}

    greedy = played("best_of:n=1", 0.0)
    print("\n".join(plain_table(pools, greedy)))
    print(f"\n{HEAD}", flush=True)
    for search in arguments.search or SEARCHES:
        row = compare(search, played(search, arguments.temperature), pools, greedy, arguments.seed)
        print(row_line(row), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
