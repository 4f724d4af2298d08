"""What PlanArena's scenarios are: how many tools they have, whether each is right, how alike the splits are, how fast.

    python -m benchmarks.planarena --scenarios 8000 --jobs 2
    python -m benchmarks.planarena --scenarios 200 --suite      # `toolgym check` on each of them
    python -m benchmarks.planarena --scenarios 300 --json

Of each scenario: its declaration is checked by itself and beside its server, `--tasks` of its tasks are made and their
gold chains played, a fork is played beside, and the same task is begun and closed without doing anything.

Two tools are the same if name, parameters and effect are: an effect is a family with the data that it works with. A
request of a test split is a near-duplicate if its three-word shingles and those of a request of `train` have a Jaccard
index of 0.7 or more, where ids, dates, times and numbers are masked; a tool, if the words of its name, description and
parameters (but for articles, prepositions and "id") and those of one of `train` have one of 0.8 or more.

Exits with 1 where a scenario is wrong.
"""

import gc
import json
import random
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from hashlib import blake2b
from math import ceil
from multiprocessing import get_context
from statistics import median
from typing import Annotated, Any

import gymnasium
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

import toolgym  # noqa: F401 (registers the environments)
from toolgym.checker import check_tool_env
from toolgym.composing.consistency import problems
from toolgym.composing.trials import tool_problems
from toolgym.env import ToolEnv
from toolgym.envs.planarena.domain import ScenarioDomain, scenario_domain
from toolgym.envs.planarena.numbers import SCENARIOS, split_of
from toolgym.errors import ConformanceError, ToolGymError
from toolgym.messages import ToolCall, Turn, render
from toolgym.tasks import Task

__all__ = ["main", "near", "words_of"]

ARENA = "ToolGym/PlanArena-v0"
CLOSING = render(Turn(response="That is all done. Anything else?"))
REQUESTS_ALIKE, TOOLS_ALIKE = 0.7, 0.8
_MASKED = re.compile(r"\S*\d\S*")
_WORDS = re.compile(r"[A-Za-z<>]+")
_EMPTY = {
    "a",
    "an",
    "the",
    "of",
    "by",
    "its",
    "and",
    "or",
    "to",
    "for",
    "in",
    "is",
    "not",
    "that",
    "id",
    "where",
    "are",
}
_CAPITALS = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass
class Seen:
    """What was seen of some scenarios."""

    scenarios: Counter[str] = field(default_factory=Counter)
    themes: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    tools: dict[str, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    """Split -> digests of its tools' identities."""
    meanings: set[bytes] = field(default_factory=set)
    tool_words: dict[str, set[frozenset[str]]] = field(default_factory=lambda: defaultdict(set))
    families: Counter[str] = field(default_factory=Counter)
    counts: Counter[int] = field(default_factory=Counter)
    depths: Counter[int] = field(default_factory=Counter)
    requests: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    tasks: int = 0
    solved: int = 0
    idle: int = 0
    forbidden: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, other: "Seen") -> None:
        """Takes over what was seen of others."""
        for name in ("scenarios", "families", "counts", "depths"):
            getattr(self, name).update(getattr(other, name))
        for name in ("themes", "tools", "tool_words", "requests"):
            for split, found in getattr(other, name).items():
                getattr(self, name)[split] |= found
        self.meanings |= other.meanings
        self.tasks, self.solved = self.tasks + other.tasks, self.solved + other.solved
        self.idle, self.forbidden = self.idle + other.idle, self.forbidden + other.forbidden
        self.wrong += other.wrong


def words_of(text: str) -> frozenset[str]:
    """The words of names and sentences that mean something, of which `camelCase` has two."""
    words = _WORDS.findall(_CAPITALS.sub(" ", text.replace("_", " ")))
    return frozenset(word.lower() for word in words) - _EMPTY


def shingles(request: str) -> frozenset[str]:
    """The three-word shingles of a request, in which ids, dates, times and numbers are masked."""
    words = _WORDS.findall(_MASKED.sub("<>", request).lower())
    return frozenset(" ".join(words[place : place + 3]) for place in range(max(1, len(words) - 2)))


def near(ones: Iterable[frozenset[str]], others: Iterable[frozenset[str]], least: float) -> int:
    """How many of the first sets have a Jaccard index of at least `least` with one of the others.

    Two such sets share one of the rarest parts of either: with the parts of a set of n in the order of their frequency,
    one of the first n - ceil(least * n) + 1.
    """
    known, ones = list(set(others)), list(ones)
    counts = Counter(part for parts in (*known, *ones) for part in parts)

    def rarest(parts: frozenset[str]) -> list[str]:
        ordered = sorted(parts, key=lambda part: (counts[part], part))
        return ordered[: len(ordered) - ceil(least * len(ordered)) + 1]

    by_part: dict[str, list[frozenset[str]]] = defaultdict(list)
    for parts in known:
        for part in rarest(parts):
            by_part[part].append(parts)
    return sum(
        any(
            len(parts & other) >= least * len(parts | other)
            for part in rarest(parts)
            for other in by_part.get(part, ())
        )
        for parts in ones
    )


def _played(env: ToolEnv, task: Task, turns: Sequence[str]) -> str:
    env.reset(options={"task": task})
    info: dict[str, Any] = {}
    for turn in turns:
        *_, terminated, truncated, info = env.step(turn)
        if terminated or truncated:
            break
    return info.get("outcome", "")


def look_at(numbers: Sequence[int], tasks: int, suite: bool) -> Seen:
    """What some scenarios are like."""
    seen = Seen()
    for number in numbers:
        try:
            _look_at(seen, number, tasks)
            if suite:
                check_tool_env(ARENA, options={"scenario": number}, episodes=max(3, tasks))
        except (ToolGymError, ConformanceError) as error:
            seen.wrong.append(f"{number}: {error}")
    return seen


def _look_at(seen: Seen, number: int, tasks: int) -> None:
    split = split_of(number)
    domain = ScenarioDomain(number)
    scenario = domain.scenario
    found = problems(domain.declaration) + tool_problems(domain.declaration, domain.session().tools)
    seen.wrong += [f"{number}: {problem}" for problem in found]
    seen.scenarios[split] += 1
    seen.themes[split].add(scenario.shape.theme.name)
    seen.counts[len(scenario.tools)] += 1
    for tool in scenario.tools:
        seen.tools[split].add(blake2b(tool.identity, digest_size=12).digest())
        seen.meanings.add(blake2b(tool.meaning, digest_size=12).digest())
        seen.tool_words[split].add(words_of(f"{tool.name} {tool.call.__doc__} {' '.join(tool.parameters)}"))
        seen.families[tool.effect[0]] += 1
    env = ToolEnv(domain)
    rng = random.Random(number)
    for index in rng.sample(range(len(env.tasks)), tasks):
        task = env.tasks[index]
        seen.depths[task.depth] += 1
        seen.requests[split].add(task.request)
        seen.tasks += 1
        seen.forbidden += task.forbidden
        gold = [
            render(Turn(plan=one.plan, calls=tuple(call.call() for call in one.calls), response=one.response))
            for one in task.gold
        ]
        outcome = _played(env, task, gold)
        seen.solved += outcome == "solved"
        if outcome != "solved":
            seen.wrong.append(f"{number}: task {task.id} ends as {outcome}")
        seen.idle += _played(env, task, [CLOSING]) == "solved"
        _fork_is_alike(seen, env, task, gold)


def _fork_is_alike(seen: Seen, env: ToolEnv, task: Task, gold: Sequence[str]) -> None:
    """A fork in the middle of the chain ends as its parent does, and neither sees the other."""
    env.reset(options={"task": task})
    for turn in gold[: len(gold) // 2]:
        env.step(turn)
    before = env.session.diff()
    twin = env.fork()
    ends = [twin.step(turn) for turn in gold[len(gold) // 2 :]]
    if env.session.diff() != before or ends != [env.step(turn) for turn in gold[len(gold) // 2 :]]:
        seen.wrong.append(f"{task.domain}: a fork of {task.id} goes another way")


def _look_beside(env: ToolEnv) -> str:
    """A call that reads a record which the task is not about; "" where the scenario has no such tool."""
    domain = scenario_domain(int(env.task.domain.rpartition("_")[2]))
    gold = repr([call.arguments for call in env.task.gold_calls])
    for look in domain.declaration.looks:
        table = domain.declaration.table(look.gives)
        if list(look.by.values()) == [table.key]:
            keys = domain.server.base(env.task.world_seed).tables[table.name]
            key = next(key for key in keys if key not in gold)
            return render(Turn(calls=(ToolCall(look.tool, {next(iter(look.by)): key}),)))
    return ""


def speeds(count: int) -> dict[str, float]:
    """Medians of CPU time over random scenarios, each new to the process: ready (from the number to the first
    observation, milliseconds), a step that reads, and a fork (microseconds).
    """
    env = gymnasium.make(ARENA).unwrapped
    assert isinstance(env, ToolEnv)
    rng = random.Random(17)
    places = rng.sample(range(len(env.tasks)), count + 20)
    for place in places[:20]:
        env.reset(options={"task": place})
    gc.collect()
    gc.freeze()
    ready: list[float] = []
    steps: list[float] = []
    forks: list[float] = []
    for place in places[20:]:
        start = time.process_time()
        env.reset(options={"task": place})
        ready.append(time.process_time() - start)
        action = _look_beside(env)
        if action:
            for _ in range(8):  # the tool's validator is made
                env.step(action)
            env.reset(options={"task": place})
            start = time.process_time()
            for _ in range(8):
                env.step(action)
            steps.append((time.process_time() - start) / 8)
        start = time.process_time()
        for _ in range(20):
            env.fork()
        forks.append((time.process_time() - start) / 20)
    gc.unfreeze()
    return {"ready_ms": median(ready) * 1e3, "step_us": median(steps) * 1e6, "fork_us": median(forks) * 1e6}


def summary(seen: Seen) -> dict[str, Any]:
    """The figures of what was seen."""
    out: dict[str, Any] = {
        "scenarios": sum(seen.scenarios.values()),
        "by_split": dict(seen.scenarios),
        "themes": {split: len(names) for split, names in seen.themes.items()},
        "tools": sum(count * number for number, count in seen.counts.items()),
        "distinct_tools": len(set().union(*seen.tools.values())),
        "distinct_whatever_they_are_called": len(seen.meanings),
        "tools_of_a_scenario": dict(sorted(seen.counts.items())),
        "families": dict(seen.families.most_common()),
        "tasks": seen.tasks,
        "oracle": seen.solved / max(1, seen.tasks),
        "noop": seen.idle / max(1, seen.tasks),
        "to_be_refused": seen.forbidden / max(1, seen.tasks),
        "depths": dict(sorted(seen.depths.items())),
    }
    train_tools, train_requests = seen.tools["train"], [shingles(text) for text in seen.requests["train"]]
    for split in ("test", "test_unseen"):
        requests = [shingles(text) for text in seen.requests[split]]
        out[f"{split}_tools_in_train"] = len(seen.tools[split] & train_tools)
        alike = near(seen.tool_words[split], seen.tool_words["train"], TOOLS_ALIKE)
        out[f"{split}_tools_near_train"] = alike / max(1, len(seen.tool_words[split]))
        out[f"{split}_requests_near_train"] = near(requests, train_requests, REQUESTS_ALIKE) / max(1, len(requests))
    return {**out, "wrong": len(seen.wrong)}


def _looked_at(count: int, tasks: int, suite: bool, jobs: int, console: Console, quiet: bool) -> Seen:
    chunks = [range(first, min(first + 20, count)) for first in range(0, count, 20)]
    seen = Seen()

    def results() -> Iterator[Seen]:
        if jobs == 1:
            yield from (look_at(chunk, tasks, suite) for chunk in chunks)
            return
        with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            waiting = [pool.submit(look_at, chunk, tasks, suite) for chunk in chunks]
            while waiting:
                yield waiting.pop(0).result()

    for part in track(results(), "scenarios", total=len(chunks), disable=quiet, console=console):
        seen.add(part)
    return seen


def main(
    scenarios: Annotated[int, typer.Option(min=1, help="How many, from number 0 on.")] = SCENARIOS,
    tasks: Annotated[int, typer.Option(min=1, max=50, help="Tasks of each that are made and played.")] = 2,
    jobs: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    suite: Annotated[bool, typer.Option("--suite", help="Run the conformance suite on each, too.")] = False,
    timed: Annotated[int, typer.Option(min=0, help="Scenarios over which times are taken; 0: none.")] = 300,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Counts and checks PlanArena's scenarios."""
    console = Console(stderr=True)
    times = speeds(timed) if timed else {}
    seen = _looked_at(scenarios, tasks, suite, jobs, console, as_json and not console.is_terminal)
    found = {**summary(seen), **{name: round(value, 3) for name, value in times.items()}}
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        table = Table(title="PlanArena", title_justify="left", show_header=False)
        for name, value in found.items():
            shown = (
                f"{value:.4f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
            )
            table.add_row(name.replace("_", " "), shown)
        Console().print(table)
    for line in seen.wrong[:20]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    if seen.wrong:
        sys.exit(1)


if __name__ == "__main__":
    typer.run(main)
