"""The learning benchmark: every algorithm from the same warm start, with the same number of environment steps.

    python -m benchmarks.learning --output runs/learning                                  # everything, five seeds
    python -m benchmarks.learning --algos grpo dapo steptool --seeds 0 1 2 --steps 40     # a part of it
    python -m benchmarks.learning --variants "dapo-no-overlong=dapo --no-overlong"        # an ablation, by its flags
    python -m benchmarks.learning --rates 1e-4 2e-4 4e-4        # the same tuning for each: on `validation`, seed 1000

Runs are separate processes of `toolgym train`. What is done is kept: a benchmark that was stopped goes on where it was,
within a run from its last checkpoint. The number of environment steps is that of `steps * groups * rollouts` episodes
of the warm start; learners that play before they train (SFT, RFT, ETO) get as many episodes, the expert's included.
Each model is then evaluated on the same held-out tasks, sampled at temperature 1, `k` trials a task.

Written to the output folder: `results.json`, `learning.png`, and for each run its checkpoints, metrics and evaluation.
"""

import json
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from rich.console import Console

from benchmarks.learning_report import Run, draw, report_table, summary
from toolgym.agents.evaluate import AgentOptions, EvalOptions, evaluate
from toolgym.agents.metrics import EpisodeScore
from toolgym.agents.options import parse_options
from toolgym.agents.registry import algorithms
from toolgym.errors import ConfigError, did_you_mean

OFFLINE = {"sft": 1.0, "rft": 4.0, "eto": 4.0}
"""Learners that play first: how many episodes each of their `--episodes` costs (the expert's and three samples)."""
START = "warm start"
_TUNING_SEED = 1000
_COMMAND = "from toolgym.cli.app import main; main()"


@dataclass(frozen=True)
class LearningOptions:
    """What is compared, and how."""

    algos: Annotated[tuple[str, ...], "algorithms (default: all that there are)"] = ()
    variants: Annotated[tuple[str, ...], 'more of them, as "NAME=ALGO --flag ..."'] = ()
    seeds: Annotated[tuple[int, ...], "one run each"] = (0, 1, 2, 3, 4)
    steps: Annotated[int, "batches of episodes"] = 40
    groups: Annotated[int, "tasks a batch"] = 8
    rollouts: Annotated[int, "episodes a task"] = 8
    micro_batch: Annotated[int, "episodes a forward pass"] = 16
    rates: Annotated[
        tuple[float, ...], "learning rates to choose from on the validation split; none: each one's own"
    ] = ()
    model: Annotated[str, "the warm start"] = "builtin:imperfect"
    env: Annotated[str, "environment id"] = "ToolGym/Airline-v0"
    size: Annotated[str, "world size"] = "small"
    prompt: Annotated[str, "first observation: full or short"] = "short"
    episodes: Annotated[int, "held-out tasks"] = 200
    split: Annotated[str, "where they are from"] = "test"
    k: Annotated[int, "trials a task"] = 8
    max_new_tokens: Annotated[int, "the longest turn"] = 200
    save_steps: Annotated[int, "steps between checkpoints, a multiple of 4"] = 20
    output: Annotated[Path, "folder for everything"] = Path("runs/learning")
    plot: Annotated[Path | None, "the picture (default: learning.png in the output folder)"] = None
    threads: Annotated[int | None, "torch threads"] = None

    def __post_init__(self) -> None:
        if self.steps < 1 or not self.seeds or self.k < 1:
            raise ConfigError(f"steps, k and the number of seeds must be at least 1, got {self}")
        for name, algo, _ in entries(self):
            if algo not in algorithms():
                raise ConfigError(f"{name}: {did_you_mean(algo, algorithms(), 'algorithm')}")


Entry = tuple[str, str, list[str]]
"""A row of the comparison: its name, its algorithm, and flags of its own."""


def entries(options: LearningOptions) -> list[Entry]:
    """What is compared: the algorithms, then the variants."""
    named = options.algos or (() if options.variants else tuple(algorithms()))
    out: list[Entry] = [(name, name, []) for name in named]
    for text in options.variants:
        name, found, command = text.partition("=")
        words = shlex.split(command)
        if not found or not words:
            raise ConfigError(f'a variant is "NAME=ALGO --flag ...", not {text!r}')
        out.append((name, words[0], words[1:]))
    return out


def command(options: LearningOptions, entry: Entry, seed: int, turns: float, folder: Path) -> list[str]:
    """The training command of a run. `turns`: the steps of an episode of the warm start."""
    _, algo, flags = entry
    played = options.steps * options.groups * options.rollouts
    shared = {
        "algo": algo,
        "env": options.env,
        "model": options.model,
        "size": options.size,
        "prompt": options.prompt,
        "seed": seed,
        "save-steps": options.save_steps,
        "output": folder,
    }
    if algo in OFFLINE:
        own: dict[str, Any] = {"episodes": max(1, round(played / OFFLINE[algo]))}
    else:
        own = {
            # Some take several optimizer steps a batch: what ends a run is the number of environment steps.
            "steps": options.steps * 8,
            "env-steps": max(1, round(played * turns)),
            "groups": options.groups,
            "rollouts": options.rollouts,
            "micro-batch": options.micro_batch,
        }
    if algo != "sft":
        own["max-new-tokens"] = options.max_new_tokens
    if options.threads:
        own["threads"] = options.threads
    words = [word for name, value in {**shared, **own}.items() for word in (f"--{name}", str(value))]
    return [sys.executable, "-c", _COMMAND, "train", *words, "--no-progress", *flags]


def train(words: list[str], folder: Path) -> None:
    """Trains where that is not done, from the last checkpoint where there is one.

    Raises:
        RuntimeError: the run failed; its last words.
    """
    if (folder / "final" / "config.json").is_file() or (folder / "final" / "adapter_config.json").is_file():
        return
    folder.mkdir(parents=True, exist_ok=True)
    resume = ["--resume"] if any(folder.glob("checkpoint-*")) else []
    started = time.monotonic()
    with (folder / "train.log").open("a", encoding="utf-8") as log:
        status = subprocess.run([*words, *resume], stdout=log, stderr=subprocess.STDOUT, check=False).returncode
    if status:
        last = (folder / "train.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()[-5:]
        raise RuntimeError(f"{folder}: exit status {status}\n" + "\n".join(last))
    with (folder / "seconds.txt").open("a", encoding="utf-8") as file:
        file.write(f"{time.monotonic() - started:.1f}\n")


def measure(options: LearningOptions, model: str, split: str, k: int, path: Path) -> dict[str, Any]:
    """The evaluation of a model, made once and kept at `path`."""
    if path.is_file():
        return json.loads(path.read_text(encoding="utf-8"))
    from toolgym.agents.lm import LMPolicy, SamplingOptions, set_threads

    set_threads(options.threads)
    scores: list[EpisodeScore] = []
    policy = LMPolicy.load(model, SamplingOptions(max_new_tokens=options.max_new_tokens, context_tokens=1536), seed=0)
    report = evaluate(
        policy,
        EvalOptions(
            env_id=options.env,
            split=split,
            episodes=options.episodes,
            k=k,
            env_options={"size": options.size, "prompt": options.prompt},
            agent=AgentOptions(concurrency=64),
        ),
        agent=model,
        on_episode=lambda score, total: scores.append(score),
    )
    solved: dict[str, list[bool]] = {}
    for score in sorted(scores, key=lambda score: (score.task_id, score.trial)):
        solved.setdefault(score.task_id, [])
        if score.counts:
            solved[score.task_id].append(score.solved)
    seconds = path.parent / "seconds.txt"
    spent = sum(map(float, seconds.read_text().split())) if seconds.is_file() else None
    out = {"report": report.to_json(), "solved": solved, "seconds": spent}
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(out) + "\n", encoding="utf-8")
    part.replace(path)
    return out


def tuned(options: LearningOptions, entry: Entry, turns: float) -> Entry:
    """The entry with the learning rate that is best on the validation split; unchanged where there is no choice."""
    if not options.rates:
        return entry
    best = (-1.0, options.rates[0])
    for rate in options.rates:
        folder = options.output / entry[0] / f"rate-{rate:g}"
        tried: Entry = (entry[0], entry[1], [*entry[2], "--learning-rate", str(rate)])
        train(command(options, tried, _TUNING_SEED, turns, folder), folder)
        figures = measure(options, str(folder / "final"), "validation", 1, folder / "validation.json")
        best = max(best, (figures["report"]["pass@1"], rate))
    return (entry[0], entry[1], [*entry[2], "--learning-rate", str(best[1])])


def metrics(folder: Path) -> list[dict[str, Any]]:
    """The lines of a run's `metrics.jsonl`."""
    path = folder / "metrics.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.is_file() else []


def benchmark(options: LearningOptions, console: Console) -> tuple[dict[str, Any], list[str]]:
    """Runs what is missing; (the results as JSON values, what failed). Results are written after each algorithm."""
    start = measure(options, options.model, options.split, options.k, options.output / "start" / "evaluation.json")
    turns = start["report"]["turns"]
    runs: dict[str, list[Run]] = {START: [Run(0, start, [])]}
    failed: list[str] = []
    results: dict[str, Any] = {}
    for entry in entries(options):
        name = entry[0]
        try:
            chosen = tuned(options, entry, turns)
            made = []
            for seed in options.seeds:
                folder = options.output / name / f"seed-{seed}"
                train(command(options, chosen, seed, turns, folder), folder)
                model = str(folder / "final")
                figures = measure(options, model, options.split, options.k, folder / "evaluation.json")
                made.append(Run(seed, figures, metrics(folder)))
                console.print(f"{name} seed {seed}: pass@1 {figures['report']['pass@1']:.1%}")
            runs[name] = made
        except RuntimeError as error:
            failed.append(f"{name}: {error}")
            console.print(f"[red]failed[/] {error}", markup=True, highlight=False)
        results = {
            "options": {
                key: str(value) if isinstance(value, Path) else value for key, value in asdict(options).items()
            },
            "algorithms": {name: summary(of, options.k) for name, of in runs.items()},
            "failed": failed,
        }
        options.output.mkdir(parents=True, exist_ok=True)
        (options.output / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
        draw(results["algorithms"], runs, options.plot or options.output / "learning.png")
    return results, failed


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; 1 where a run failed."""
    options = parse_options(
        LearningOptions, argv, prog="python -m benchmarks.learning", description=(__doc__ or "").split("\n")[0]
    )
    console = Console()
    results, failed = benchmark(options, console)
    console.print(report_table(results["algorithms"], options.k))
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
