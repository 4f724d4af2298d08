"""Whether training on PlanArena's train scenarios raises the pass rate on test scenarios, whose tools were never seen.

    python -m benchmarks.planarena_learning                              # about an hour; goes on where it stopped
    python -m benchmarks.planarena_learning --minutes 1 --episodes 12    # a look
    python -m benchmarks.planarena_learning --publish benchmarks/results/planarena_learning

A transformer of a million parameters is trained from nothing by supervised learning: each step sees demonstrations of
train scenarios that no step saw before (`planarena_learning_data` tells what it reads, `planarena_learning_model` how
it copies). At several points of the run it acts, greedily, in tasks that it was trained on, in those of train themes in
scenarios that were kept out, and in those of test scenarios: other themes, tools, names and ids.
Tasks are of one call and an answer, in scenarios of at most six tools, allowed by the policy, which is not in the
prompt. The agents without a model play the same tasks. How many tokens of the gold chains it foretells, each from those
before it, tells of learning before anything is solved.

The folder holds `checkpoint.pt`, `model/`, `results.json` and `curve.png`.
"""

import argparse
import json
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from benchmarks.learning_parts import write_json

__all__ = ["chart", "main", "table"]

ROOT: Final = Path(__file__).resolve().parents[1]
IMAGE: Final = ROOT / "docs" / "img" / "planarena_learning.png"
LABELS: Final = {
    "seen": "tasks that it was trained on",
    "new": "new scenarios of train themes",
    "test": "test scenarios: themes, tools and names never seen",
}
MEASURES: Final = ("pass@1", "tool_recall", "call_recall", "step_recall", "foretold")


def table(results: Mapping[str, Any]) -> str:
    """The figures in Markdown: the agents without a model, then the model along its run."""
    rows = [
        "| agent | trained on | tasks | n | pass@1 | right tool | right call | step recall | tokens foretold |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for agent, sets in results["baselines"].items():
        rows += [_row(agent, "-", name, found) for name, found in sets.items()]
    for point in results["curve"]:
        trained = f"{point['episodes']:,} episodes" if point["step"] else "nothing"
        rows += [_row("model", trained, name, found) for name, found in point["sets"].items()]
    return "\n".join(rows)


def _row(agent: str, trained: str, name: str, found: Mapping[str, Any]) -> str:
    cells = [
        f"{found[key][0]:.1%} [{100 * found[key][1]:.1f}, {100 * found[key][2]:.1f}]" if key in found else "-"
        for key in MEASURES
    ]
    return f"| {agent} | {trained} | {name} | {found['tasks']} | {' | '.join(cells)} |"


def chart(results: Mapping[str, Any], path: Path) -> None:
    """Draws the shares of solved tasks, right tools and foretold tokens over the run, with 95% intervals."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(11, 3.6), sharey=True)
    marks = {"seen": ("o", "tab:gray"), "new": ("s", "tab:blue"), "test": ("D", "tab:red")}
    shown = {
        "pass@1": "Solved (pass@1)",
        "tool_recall": "The right tool was called",
        "foretold": "Tokens of the gold chain foretold",
    }
    for axis, (key, title) in zip(axes, shown.items(), strict=True):
        for name, (mark, colour) in marks.items():
            known = [point for point in results["curve"] if key in point["sets"][name]]
            points = [(point["episodes"], point["sets"][name][key]) for point in known]
            at = [episodes for episodes, _ in points]
            value = [found[0] for _, found in points]
            low, high = [found[1] for _, found in points], [found[2] for _, found in points]
            axis.plot(at, value, marker=mark, color=colour, label=LABELS[name], linewidth=1.5, markersize=4)
            axis.fill_between(at, low, high, color=colour, alpha=0.15, linewidth=0)
        random = results["baselines"]["random"]["test"]
        if key in random:
            axis.axhline(
                random[key][0], color="black", linestyle=":", linewidth=1, label="random calls, test scenarios"
            )
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("demonstrations trained on", fontsize=9)
        axis.set_ylim(0, 1)
        axis.yaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1.0))
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize=7, loc="upper left")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def main(argv: Sequence[str] | None = None) -> int:
    """Trains, evaluates, prints, and publishes where that is asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.planarena_learning", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--minutes", type=float, help="of training by the clock, evaluations not counted (default: 48)")
    parser.add_argument("--episodes", type=int, help="of each set in the last evaluation (default: 200)")
    parser.add_argument("--seed", type=int, help="of weights, data and tasks (default: 0)")
    parser.add_argument("--threads", type=int, default=1, help="torch threads (default: 1)")
    parser.add_argument("--output", type=Path, default=Path("planarena_learning"), help="folder; a run goes on there")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.add_argument("--publish", type=Path, help="copy results here, and the picture to docs/img")
    given = parser.parse_args(argv)
    if given.minutes is not None and given.minutes <= 0:
        parser.error(f"--minutes must be above 0, got {given.minutes}")
    if given.episodes is not None and given.episodes < 1:
        parser.error(f"--episodes must be at least 1, got {given.episodes}")

    try:
        results = _results(given)
    except KeyboardInterrupt:
        print(f"Stopped; the same command goes on from the last checkpoint in {given.output}", file=sys.stderr)
        return 130
    chart(results, given.output / "curve.png")
    if given.publish is not None:
        given.publish.mkdir(parents=True, exist_ok=True)
        write_json(given.publish / "results.json", results)
        IMAGE.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(given.output / "curve.png", IMAGE)
    print(json.dumps(results) if given.json else table(results))
    return 0


def _results(given: argparse.Namespace) -> dict[str, Any]:
    """Runs what is not there yet."""
    import torch

    from benchmarks.planarena_learning_train import RunOptions, Trial, baselines, run

    torch.set_num_threads(given.threads)
    options = RunOptions()
    for name in ("minutes", "episodes", "seed"):
        if getattr(given, name) is not None:
            options = replace(options, **{name: getattr(given, name)})
    options = replace(options, episodes_between=min(options.episodes_between, options.episodes))
    given.output.mkdir(parents=True, exist_ok=True)
    settings, known = given.output / "options.json", options.to_json()
    if settings.is_file() and json.loads(settings.read_bytes()) != known:
        raise SystemExit(f"{given.output} is of a run with other options: give another --output, or remove it")
    write_json(settings, known)
    trial = Trial(options)
    try:
        with _bar() as show:
            curve, parameters = run(trial, given.output, show)
        results = {
            "options": known,
            "parameters": parameters,
            "machine": {"processor": platform.machine(), "cores": os.cpu_count(), "threads": given.threads},
            "baselines": baselines(trial),
            "curve": curve,
        }
    finally:
        trial.close()
    write_json(given.output / "results.json", results)
    return results


@contextmanager
def _bar() -> Iterator[Callable[[Any, float], None]]:
    """A progress bar where stderr is a terminal, else a line for each hundredth."""
    from rich.console import Console
    from rich.progress import Progress

    terminal = sys.stderr.isatty()
    said = -1
    with Progress(console=Console(stderr=True), disable=not terminal) as progress:
        task = progress.add_task("training", total=1.0)

        def show(at: Any, done: float) -> None:
            nonlocal said
            words = f"loss {at.loss:.2f}, {at.episodes:,} episodes"
            progress.update(task, completed=done, description=words)
            if not terminal and int(done * 100) > said:
                said = int(done * 100)
                print(f"{done:4.0%}  {words}", file=sys.stderr, flush=True)

        yield show


if __name__ == "__main__":
    raise SystemExit(main())
