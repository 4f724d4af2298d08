"""What the rewards cost, and what they give to ten example episodes.

    python -m benchmarks.rewards                           # microseconds a step, for each preset and term
    python -m benchmarks.rewards --json
    python -m benchmarks.rewards --examples                # ten examples under every preset, and who is hacked by what
    python -m benchmarks.rewards --attacks --tasks 200     # dumps, any sentence, rearranged calls, a random search
    python -m benchmarks.rewards --plot docs/img/rewards.png

Timings are CPU time on 10,000 recorded airline steps (expert, partial and degenerate episodes): the median over chunks
and the quartiles. The reward sees each step as the environment would show it: the episode up to that step.
"""

import json
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.reward_attacks import ATTACKS, REARRANGED, random_policies
from benchmarks.reward_examples import EXAMPLES, Example, example_tasks, play, total
from toolgym.domain import Domain
from toolgym.messages import Turn
from toolgym.registration import make_domain
from toolgym.rewards import make_reward, preset_names, score
from toolgym.rewards.checklist import checklist_term
from toolgym.rewards.communication import communication_term
from toolgym.rewards.counterfactual import contributions, shapley
from toolgym.rewards.judge import request_of
from toolgym.rewards.judge_offline import OfflineJudge
from toolgym.rewards.state import outcome_term
from toolgym.tasks import Task
from toolgym.trajectory import Trajectory

_CHUNK = 250
_AIMS = {"ac_planner": 20.0, "awpo": 20.0, "toolrl": 20.0, "toolupt": 20.0, "cm2": 30.0}
"""Structural forms 20 µs, checklists 30 µs."""


@dataclass(frozen=True)
class Timing:
    """Microseconds: the median over chunks, the quartiles, and of how many steps (or episodes)."""

    name: str
    median_us: float
    low_us: float
    high_us: float
    count: int
    unit: str = "step"
    aim_us: float | None = None


Scored = tuple[Trajectory, Task]


def recorded_steps(domain: Domain, count: int) -> list[Scored]:
    """Prefixes of played episodes, one a step, until there are `count`."""
    out: list[Scored] = []
    for task in domain.tasks("train"):
        for example in EXAMPLES:
            for prefix in play(domain, task, example).prefixes():
                out.append((prefix, task))
                if len(out) == count:
                    return out
    return out


def _timing(name: str, samples_us: Sequence[float], count: int, unit: str = "step", aim: float | None = None) -> Timing:
    low, median, high = statistics.quantiles(samples_us, n=4)
    return Timing(name, round(median, 2), round(low, 2), round(high, 2), count, unit, aim)


def time_steps(name: str, term: Callable[[Trajectory, Task], Any], steps: list[Scored], aim: float | None) -> Timing:
    """Microseconds a step of one term or reward."""
    samples = []
    for at in range(0, len(steps), _CHUNK):
        chunk = steps[at : at + _CHUNK]
        started = time.thread_time()
        for trajectory, task in chunk:
            term(trajectory, task)
        samples.append((time.thread_time() - started) / len(chunk) * 1e6)
    return _timing(name, samples, len(steps), aim=aim)


def time_episodes(name: str, run: Callable[[], Any], repeats: int, aim: float | None) -> Timing:
    """Microseconds an episode of anything that is done once an episode."""
    samples = []
    for _ in range(repeats):
        started = time.thread_time()
        run()
        samples.append((time.thread_time() - started) * 1e6)
    return _timing(name, samples, repeats, "episode", aim)


def measure(domain: Domain, steps: list[Scored], triples: Path | None) -> list[Timing]:
    """All timings."""
    out = [time_steps(f"preset {name}", make_reward(name).score, steps, _AIMS.get(name)) for name in preset_names()]
    out.append(time_steps("term checklist", checklist_term, steps, 30.0))
    out.append(time_steps("term outcome", outcome_term, steps, None))
    out.append(time_steps("term communication", communication_term, steps, None))
    out.append(time_steps("offline judge", lambda tr, task: OfflineJudge()(request_of(tr, task)), steps, None))
    task = next(t for t in domain.tasks("test_unseen", depth=(6, 7)) if len(t.gold_calls) >= 7)
    session = domain.session()
    session.reset(task.world_seed)
    # One call a step, as most policies make them, so that seven calls are seven steps.
    turns = [Turn(calls=(call.call(),)) for call in task.gold_calls[:7]]
    run = {
        "counterfactual, 7 calls": (lambda: contributions(session, task, turns), 5000.0),
        "Shapley exact, 7 calls": (lambda: shapley(session, task, turns), None),
    }
    out += [time_episodes(name, fn, 40, aim) for name, (fn, aim) in run.items()]
    if triples is not None and triples.is_file():
        rows = [json.loads(line) for line in triples.read_text().splitlines()][:2000]
        started = time.thread_time()
        for row in rows:
            score("toolrl", row["completion"], row["gold"])
        each = (time.thread_time() - started) / max(1, len(rows)) * 1e6
        out.append(Timing("toolrl on recorded text", round(each, 2), round(each, 2), round(each, 2), len(rows), "text"))
    return out


def example_table(domain: Domain, tasks: list[Task]) -> dict[str, dict[str, float]]:
    """Preset -> example -> the summed reward, averaged over tasks and divided by what the gold episode gets."""
    out: dict[str, dict[str, float]] = {}
    for preset in preset_names():
        means = {
            example.name: statistics.fmean(total(play(domain, task, example, preset)) for task in tasks)
            for example in EXAMPLES
        }
        best = abs(means["gold"]) or 1.0
        out[preset] = {name: round(value / best, 3) for name, value in means.items()}
    return out


def hacked(scores: dict[str, dict[str, float]]) -> dict[str, list[str]]:
    """Preset -> the degenerate examples that earn as much as honest partial work, or more."""
    bad = [example.name for example in EXAMPLES if not example.honest]
    out = {
        preset: [
            name
            for name in bad
            # A sparse reward gives honest partial work nothing either; a hack must then earn something.
            if row[name] > row["half of it"] + 1e-9 or (row[name] == row["half of it"] and row[name] > 0)
        ]
        for preset, row in scores.items()
    }
    return {preset: names for preset, names in out.items() if names}


_SEARCHED, _SHOWN = 60, 3


def attack_table(domain: Domain, tasks: list[Task]) -> dict[str, dict[str, float]]:
    """Way -> solved (a share), and preset -> its mean reward over the gold episode's.

    The honest ways, the attacks, the same calls in other turns, and the best under `default` of a random search.
    """
    honest = [example for example in EXAMPLES if example.honest]
    found = {policy.name: policy for policy in random_policies(_SEARCHED)}
    means = {name: _mean(domain, tasks, policy, "default")[0] for name, policy in found.items()}
    best = sorted(found, key=lambda name: -means[name])[:_SHOWN]
    ways = [*honest, *ATTACKS, *REARRANGED, *(found[name] for name in best)]
    out: dict[str, dict[str, float]] = {way.name: {} for way in ways}
    for preset in preset_names():
        gold = abs(_mean(domain, tasks, honest[0], preset)[0]) or 1.0
        for way in ways:
            mean, solved = _mean(domain, tasks, way, preset)
            out[way.name] |= {"solved": round(solved, 4), preset: round(mean / gold, 3)}
    return out


def _mean(domain: Domain, tasks: list[Task], way: Example, preset: str) -> tuple[float, float]:
    episodes = [play(domain, task, way, preset) for task in tasks]
    return statistics.fmean(map(total, episodes)), statistics.fmean(e.outcome == "solved" for e in episodes)


def succeeded(scores: dict[str, dict[str, float]]) -> dict[str, list[str]]:
    """Preset -> the attacks that earn as much as honest half work, and the rearrangements that earn more than gold."""
    rearranged = {example.name for example in REARRANGED}
    honest = {example.name for example in EXAMPLES if example.honest}
    out: dict[str, list[str]] = {}
    for preset in preset_names():
        half, gold = scores["half of it"][preset], scores["gold"][preset]
        for name, row in scores.items():
            limit = gold + 1e-9 if name in rearranged else max(half, 1e-9)
            if name not in honest and (row[preset] > limit if name in rearranged else row[preset] >= limit):
                out.setdefault(preset, []).append(name)
    return out


def plot(scores: dict[str, dict[str, float]], path: Path) -> None:
    """A heat map: presets by examples, each cell the share of what the gold episode earns."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    presets, names = list(scores), [example.name for example in EXAMPLES]
    cells = [[scores[preset][name] for name in names] for preset in presets]
    figure, axes = plt.subplots(figsize=(10, 0.5 * len(presets) + 2.4), layout="constrained")
    image = axes.imshow(cells, cmap="RdYlGn", vmin=-1, vmax=1, aspect="auto")
    axes.set_xticks(range(len(names)), names, rotation=35, ha="right")
    axes.set_yticks(range(len(presets)), presets)
    for y, row in enumerate(cells):
        for x, value in enumerate(row):
            ink = "white" if abs(value) > 0.75 else "black"
            axes.text(x, y, f"{value:.2f}".replace("-0.00", "0.00"), ha="center", va="center", fontsize=8, color=ink)
    axes.axvline(2.5, color="black", linewidth=1.5)
    axes.set_title("Episode reward over the gold episode's (left of the line: honest)")
    figure.colorbar(image, ax=axes, shrink=0.8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130, metadata={"Software": None})
    plt.close(figure)


def main(
    steps: Annotated[int, typer.Option(help="Recorded steps to time on.")] = 10_000,
    size: Annotated[str, typer.Option(help="Size of the airline world.")] = "small",
    examples: Annotated[bool, typer.Option("--examples", help="Score the ten examples instead of timing.")] = False,
    attacks: Annotated[bool, typer.Option("--attacks", help="Score ways to cheat instead of timing.")] = False,
    tasks: Annotated[int, typer.Option(help="Tasks that examples and attacks are averaged over.")] = 20,
    plot_to: Annotated[Path | None, typer.Option("--plot", help="Draw the examples' scores to this file.")] = None,
    triples: Annotated[Path | None, typer.Option(help="Recorded (completion, gold) texts to time as well.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Times the rewards, or scores the example episodes."""
    domain = make_domain("airline", size=size, dialect=None, seed=None)  # type: ignore[arg-type]
    console = Console()
    if attacks:
        of_test = domain.tasks("test")
        ways = attack_table(domain, [of_test[index] for index in range(tasks)])
        if as_json:
            print(json.dumps({"ways": ways, "succeeded": succeeded(ways)}))
            return
        columns = list(ways["gold"])
        table = Table("way", *columns, title=f"Share of the gold episode's reward, on {tasks} test tasks")
        for name, row in ways.items():
            table.add_row(name, *(f"{row[column]:.2f}" for column in columns))
        console.print(table)
        console.print(f"Earn as much as honest half work, or more than the gold chain: {succeeded(ways) or 'none'}")
        return
    if examples or plot_to is not None:
        scores = example_table(domain, example_tasks(domain, tasks))
        if plot_to is not None:
            plot(scores, plot_to)
        if as_json:
            print(json.dumps({"scores": scores, "hacked": hacked(scores)}))
            return
        table = Table("episode", *scores, title="Episode reward over the gold episode's")
        for example in EXAMPLES:
            table.add_row(example.name, *(f"{row[example.name]:.2f}" for row in scores.values()))
        console.print(table)
        console.print(f"Degenerate examples that reach honest partial work: {hacked(scores) or 'none'}")
        return
    timings = measure(domain, recorded_steps(domain, steps), triples)
    if as_json:
        print(json.dumps([asdict(timing) for timing in timings]))
        return
    table = Table("what", "median µs", "quartiles µs", "of", "aim", title=f"Rewards, {steps} recorded steps")
    for t in timings:
        aim = f"≤ {t.aim_us:g}" if t.aim_us else ""
        table.add_row(t.name, f"{t.median_us:.1f}", f"{t.low_us:.1f} to {t.high_us:.1f}", f"{t.count} {t.unit}s", aim)
    console.print(table)


if __name__ == "__main__":
    typer.run(main)
