"""The pictures of README.md and docs/, each made by one command.

    python -m benchmarks.pictures learning    # docs/img/grpo.png, of the runs in benchmarks/results/learning
    python -m benchmarks.pictures show        # docs/img/show.svg, of the episode docs/img/unsolved.jsonl
    python -m benchmarks.pictures demo        # docs/img/demo.svg and demo.png: runs `toolgym demo`, 8 minutes
    python -m benchmarks.pictures demo-curve  # docs/img/demo.png, of the figures of the demo that was recorded last
    python -m benchmarks.pictures domains     # docs/img/domains/NAME.svg, of an episode of the expert in each domain

The terminal's are what the command printed, as SVG: text that can be selected, in the reader's own fonts. The demo's
figures go to benchmarks/results/demo. The episode was made by

    toolgym eval --agent builtin:imperfect --episodes 1 --set task=airline-small-test-01736 --output unsolved.jsonl
"""

import argparse
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from rich.console import Console
from rich.text import Text

from benchmarks.learning_report import Run, read_runs, summary
from toolgym.agents.builtin.demo_report import draw
from toolgym.agents.policies import OraclePolicy
from toolgym.agents.rollouts import Start, rollouts
from toolgym.opening import open_env
from toolgym.registration import needs_user, own_domains
from toolgym.rendering import trajectory_text

__all__ = ["learning_curve", "recorded", "terminal_svg"]

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "img"
COLUMNS = 100
EPISODE = "unsolved.jsonl"
DEMO = ROOT / "benchmarks" / "results" / "demo" / "results.json"
_WEB_FONT = re.compile(r"\s*@font-face\s*\{[^}]*\}")


def recorded(command: list[str], folder: Path) -> str:
    """What `toolgym` prints to a terminal of `COLUMNS` characters that is not animated, with its colours.

    Raises:
        subprocess.CalledProcessError: the command failed.
    """
    # rich's words for a terminal that takes colours but no moving bars
    terminal = {"COLUMNS": str(COLUMNS), "TTY_COMPATIBLE": "1", "TTY_INTERACTIVE": "0", "TERM": "xterm-256color"}
    environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    done = subprocess.run(
        [sys.executable, "-m", "toolgym", *command],
        cwd=folder,
        env={**environment, **terminal},
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        check=True,
    )
    return done.stdout


def terminal_svg(command: str, printed: str) -> str:
    """The picture of a terminal: the command (of none nothing), and what it printed (with ANSI colours).

    No font is named that a reader's machine would have to fetch.
    """
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    if command:
        console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
    console.print(Text.from_ansi(printed.rstrip("\n")))
    svg = console.export_svg(title="toolgym", unique_id="toolgym")
    return _WEB_FONT.sub("", svg).replace("Fira Code", "ui-monospace")


def show_picture(folder: Path) -> None:
    """An episode that is not solved, and why."""
    words = ["show", EPISODE, "--episode", "0"]
    (folder / "show.svg").write_text(terminal_svg(f"toolgym {' '.join(words)}", recorded(words, IMAGES)))


def domain_pictures(folder: Path, names: Sequence[str] = ()) -> None:
    """An episode of the expert in each domain (or in those that are named): its first test task of two calls."""
    (folder / "domains").mkdir(exist_ok=True)
    for name in names or own_domains():
        user = "scripted" if needs_user(name) else "none"
        env_id = f"ToolGym/{name.capitalize()}-v0"
        env = open_env(env_id, split="test", size="small", prompt="short", depth=2, user=user)
        (rollout,) = rollouts(OraclePolicy(), [env], [Start(options={"task": 0})])
        assert rollout.trajectory is not None  # of an episode that the infrastructure did not break
        printed = trajectory_text(rollout.trajectory, COLUMNS, longest=180)
        (folder / "domains" / f"{name}.svg").write_text(terminal_svg("", printed))
        env.close()


def demo_picture(folder: Path) -> None:
    """Runs the demo: its screen after the expert's episode, its curve, and its figures for benchmarks/results."""
    with TemporaryDirectory() as place:
        printed = recorded(["demo"], Path(place))
        made = Path(place) / "runs" / "demo"
        DEMO.parent.mkdir(exist_ok=True)
        shutil.copy(made / "results.json", DEMO)
    (folder / "demo.svg").write_text(terminal_svg("toolgym demo", stages(printed)))
    demo_curve(folder)


def demo_curve(folder: Path) -> None:
    """The curve of the recorded demo."""
    draw(json.loads(DEMO.read_text(encoding="utf-8")), folder / "demo.png")


def stages(printed: str) -> str:
    """What the demo prints after the expert's episode, without what moves a cursor."""
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-ln-z]|\r", "", printed)
    start = re.search(r"^.*1.*The start\.", text, re.MULTILINE)
    kept = text[start.start() :] if start else text
    return re.sub(r"\n{3,}", "\n\n", kept)


def learning_curve(runs: list[Run], start: Run, path: Path) -> None:
    """GRPO's train episodes over the seeds, and the held-out tasks before and after, each with its interval."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    steps = min(len(run.metrics) for run in runs)
    solved_RS = np.array([[line["solved"] for line in run.metrics[:steps]] for run in runs])
    figure = Figure(figsize=(7.2, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    at, smooth_RS = np.arange(1, steps + 1), smoothed(solved_RS)
    axes.fill_between(at, smooth_RS.min(axis=0), smooth_RS.max(axis=0), alpha=0.2, label="lowest to highest seed")
    axes.plot(at, smooth_RS.mean(axis=0), label=f"train episodes, mean of {len(runs)} seeds (five steps' mean)")
    before, after = (summary(of, 1)["pass@1"] for of in ([start], runs))
    for name, of, x, colour in (("before", before, 0, "0.4"), ("after", after, steps + 1, "tab:red")):
        low, high = of["interval"]
        bars = [[of["iqm"] - low], [high - of["iqm"]]]
        label = f"64 held-out tasks, {name}: {of['iqm']:.0%} [{100 * low:.0f}, {100 * high:.0f}]"
        axes.errorbar([x], [of["iqm"]], yerr=bars, fmt="o", color=colour, capsize=4, label=label)
    axes.set(xlabel="GRPO step (32 episodes each)", ylabel="episodes solved", ylim=(0.2, 0.8))
    whole = summary(runs, 1, start)
    gain, (low, high) = whole["gain"]["iqm"], whole["gain"]["interval"]
    title = f"GRPO on the airline, {whole['cpu_seconds'] / 60:.0f} CPU minutes a seed: "
    points = f"{100 * gain:+.0f} points [{100 * low:+.0f}, {100 * high:+.0f}] of held-out tasks"
    axes.set_title(title + points, fontsize=10)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left", fontsize=8, ncols=2)
    figure.savefig(path, dpi=130)


def smoothed(values_RS: np.ndarray, width: int = 5) -> np.ndarray:
    """The mean of each step and the two on either side of it, as far as there are any."""
    steps = values_RS.shape[1]
    half = width // 2
    return np.stack([values_RS[:, max(0, s - half) : s + half + 1].mean(axis=1) for s in range(steps)], axis=1)


def learning_picture(folder: Path) -> None:
    """GRPO's runs of the learning benchmark."""
    runs, _ = read_runs(ROOT / "benchmarks" / "results" / "learning", "warm start")
    learning_curve(runs["grpo"], runs["warm start"][0], folder / "grpo.png")


PICTURES = {
    "learning": learning_picture,
    "show": show_picture,
    "demo": demo_picture,
    "demo-curve": demo_curve,
    "domains": domain_pictures,
}


def main() -> None:
    """Makes the pictures that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="+", choices=PICTURES, help="which")
    parser.add_argument("--output", type=Path, default=IMAGES, help="the folder (default: docs/img)")
    chosen = parser.parse_args()
    chosen.output.mkdir(parents=True, exist_ok=True)
    for name in chosen.pictures:
        PICTURES[name](chosen.output)


if __name__ == "__main__":
    main()
