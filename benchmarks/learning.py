"""The learning benchmark: every algorithm from the same warm start, with the same number of environment steps.

    python -m benchmarks.learning --output runs/learning                                  # everything, five seeds
    python -m benchmarks.learning --algos grpo dapo steptool --seeds 0 1 2 --steps 40     # a part of it
    python -m benchmarks.learning --variants "dapo-no-overlong=dapo --no-overlong"        # an ablation, by its flags
    python -m benchmarks.learning --ablations                   # those of the papers, all of them
    python -m benchmarks.learning --rates 1e-4 2e-4 4e-4        # the same tuning for each: on `validation`, seed 1000
    python -m benchmarks.learning --algos grpo --seeds 0        # one unit: other processes may make others meanwhile
    python -m benchmarks.learning --report-only                 # table and picture of what there is
    python -m benchmarks.learning --report-only --markdown --publish benchmarks/results/learning      # for the docs

A unit is one algorithm with one seed: trained, then evaluated on the same held-out tasks, sampled at temperature 1, `k`
trials a task. Units are independent: any number of processes may share one `--output`, and each unit is made by the
first that comes to it. What is done is kept; a unit that was stopped goes on from its last checkpoint.

The budget is a number of environment steps (`--env-steps`; by default those of `steps * groups * rollouts` episodes of
the warm start). All count that are played for training: the policy's own, those of groups that DAPO throws away, those
of forked continuations (vine, tree; shared steps once), and the expert's (SFT, RFT, ETO, DUPO, ToolUPT). A run ends
with the batch in which the budget is used up.

Written to the output folder: `options.json`, `results.json`, `learning.png`, and for each unit its training's files and
`evaluation.json`.
"""

import hashlib
import json
import math
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from filelock import FileLock, Timeout
from rich.console import Console

from benchmarks.learning_report import read_runs, summaries
from benchmarks.learning_tables import draw, markdown_tables, report_table
from benchmarks.learning_unit import drop_checkpoints, measure, publish, train, write_json
from toolgym.agents.training import algorithms
from toolgym.agents.training.options import parse_options
from toolgym.errors import ConfigError, did_you_mean
from toolgym.opening import open_env

OFFLINE = ("sft", "rft", "eto")
"""Learners that play first, then train on what was played."""
UPDATES = {"gspo": 4}
"""Optimizer steps a batch of episodes, where that is neither one nor said by a row's flags."""
OWN_GROUPS = ("vine",)
"""Learners with a number of episodes a task of their own: vine's continuations are the larger part of what it plays."""
ABLATIONS = (
    "steptool-apart=steptool --optimise steps",  # without step rewards it is ppo
    "steptool-step=steptool --values step",  # Eq. 4 to 7 as printed: a value and an advantage a step
    "dupo-no-plan=dupo --no-plan",
    "dupo-no-sft=dupo --no-unified",
    "dupo-no-semantic=dupo --semantic 0",
    # With one update a batch every ratio is 1 and no clip acts: the clips are compared at four.
    "dupo-4=dupo --minibatches 4 --zeta 0.025",
    "dupo-4-fixed-clip=dupo --minibatches 4 --zeta 0.025 --no-dynamic-clip",
    # Within a step Eq. 11 cancels the decay: it is compared on the returns of episodes.
    "dupo-episode=dupo --credit episode",
    "dupo-episode-no-decay=dupo --credit episode --decay none",
    "toolupt-sft=toolupt --expert sft",
    "toolupt-no-expert=toolupt --expert none",
    "toolupt-coarse=toolupt --no-fine-grained",
    "awpo-no-gate=awpo --no-gate",
    "awpo-no-difficulty=awpo --no-difficulty",
    "awpo-4=awpo --minibatches 4",
    "awpo-4-fixed-clip=awpo --minibatches 4 --no-dynamic-clip",
)
"""StepTool's §5.5, DUPO's Tables 3 to 7, ToolUPT's ablations I and II and its Table 1, AWPO's Table 5, as variants."""
START = "warm start"
_TUNING_SEED = 1000
_TUNING_TRIALS = 4
"""Trials of each `validation` task, at most."""


@dataclass(frozen=True)
class LearningOptions:
    """What is compared, and how."""

    algos: Annotated[tuple[str, ...], "algorithms (default: all that there are)"] = ()
    variants: Annotated[tuple[str, ...], 'more of them, as "NAME=ALGO --flag ..."'] = ()
    ablations: Annotated[bool, "the papers' ablations, as variants"] = False
    seeds: Annotated[tuple[int, ...], "one run each"] = (0, 1, 2, 3, 4)
    steps: Annotated[int, "batches of episodes"] = 40
    groups: Annotated[int, "tasks a batch"] = 8
    rollouts: Annotated[int, "episodes a task"] = 8
    env_steps: Annotated[int | None, "environment steps of each run, in place of --steps batches"] = None
    micro_batch: Annotated[int, "episodes a forward pass, at most"] = 16
    learning_rate: Annotated[float | None, "of all (default: each one's own); a variant's own flag wins"] = None
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
    save_steps: Annotated[int, "steps between checkpoints"] = 20
    output: Annotated[Path, "folder for everything"] = Path("runs/learning")
    plot: Annotated[Path | None, "the picture (default: learning.png in the output folder)"] = None
    publish: Annotated[Path | None, "folder for a copy of the runs without their models"] = None
    markdown: Annotated[bool, "print the tables as docs/learning.md has them"] = False
    bf16: Annotated[bool, "autocast updates to bfloat16"] = False
    threads: Annotated[int | None, "torch threads"] = None
    report_only: Annotated[bool, "make nothing: table and picture of what there is"] = False

    def __post_init__(self) -> None:
        if self.steps < 1 or not self.seeds or self.k < 1 or self.save_steps < 1:
            raise ConfigError(f"steps, k, save_steps and the number of seeds must be at least 1, got {self}")
        for name, algo, _ in entries(self):
            if algo not in algorithms():
                raise ConfigError(f"{name}: {did_you_mean(algo, algorithms(), 'algorithm')}")

    def shared(self) -> dict[str, Any]:
        """What must be equal for units to be compared.

        The update's precision is not: machines differ in which one is fast, so each unit says what it had.
        """
        rows = ("algos", "variants", "ablations", "seeds")
        how = ("micro_batch", "save_steps", "output", "plot", "publish", "markdown", "bf16", "threads", "report_only")
        values = {name: value for name, value in asdict(self).items() if name not in rows + how}
        return {**values, "rates": list(self.rates), "weights": weights_digest(self.model)}


Entry = tuple[str, str, list[str]]
"""A row of the comparison: its name, its algorithm, and flags of its own."""


def entries(options: LearningOptions) -> list[Entry]:
    """What is compared: the algorithms, then the variants, then the ablations."""
    variants = (*options.variants, *(ABLATIONS if options.ablations else ()))
    named = options.algos or (() if variants else tuple(algorithms()))
    out: list[Entry] = [(name, name, []) for name in named]
    for text in variants:
        name, found, command = text.partition("=")
        words = shlex.split(command)
        if not found or not words:
            raise ConfigError(f'a variant is "NAME=ALGO --flag ...", not {text!r}')
        out.append((name, words[0], words[1:]))
    return out


def weights_digest(model: str) -> str | None:
    """SHA-256 of the weights of a model that is a folder; None for a hub id."""
    from toolgym.agents.builtin import checkpoint_path

    found = sorted(Path(checkpoint_path(model)).glob("*.safetensors"))
    if not found:
        return None
    digest = hashlib.sha256()
    for path in found:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def check_folder(options: LearningOptions) -> None:
    """Writes the shared options into the output folder, or compares them with those that are there.

    Raises:
        ConfigError: the folder holds units of another comparison.
    """
    path, given = options.output / "options.json", options.shared()
    with lock(options.output / "options.lock"):
        if not path.is_file():
            write_json(path, given)
            return
        there = json.loads(path.read_text(encoding="utf-8"))
    differing = [f"{name}={there.get(name)!r}, not {given[name]!r}" for name in given if there.get(name) != given[name]]
    if differing:
        raise ConfigError(
            f"{str(options.output)!r} holds a comparison with {'; '.join(differing)}. Give the same options, or "
            "another --output"
        )


def lock(path: Path, *, wait: bool = True) -> FileLock:
    """A lock among processes, released when its process ends however it ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path, timeout=-1 if wait else 0)


def updates_a_batch(algo: str, flags: Sequence[str]) -> int:
    """Optimizer steps that a row's batch of episodes is learnt from."""
    given = {name: int(flags[flags.index(name) + 1]) for name in ("--minibatches", "--iterations") if name in flags}
    return math.prod(given.values()) if given else UPDATES.get(algo, 1)


def arguments(options: LearningOptions, entry: Entry, seed: int, env_steps: int, folder: Path) -> list[str]:
    """The training's arguments of a unit."""
    _, algo, flags = entry
    updates = updates_a_batch(algo, flags)
    given: dict[str, Any] = {
        "env": options.env,
        "model": options.model,
        "size": options.size,
        "prompt": options.prompt,
        "seed": seed,
        "env-steps": env_steps,
        "save-steps": -(-options.save_steps // updates) * updates,
        "output": folder,
    }
    if algo in OFFLINE:
        given["episodes"] = env_steps  # more than enough: an episode has at least a step
    else:
        rollouts = 2 if algo in OWN_GROUPS else options.rollouts
        given |= {
            # More than enough, with an environment step a group: what ends the run is the budget.
            "steps": -(-env_steps // options.groups) * updates,
            "groups": options.groups,
            "rollouts": rollouts,
            "micro-batch": options.micro_batch,
        }
    if algo != "sft":
        given["max-new-tokens"] = options.max_new_tokens
    if options.threads:
        given["threads"] = options.threads
    if options.learning_rate:
        given["learning-rate"] = options.learning_rate
    switches = ["--no-progress", *(["--bf16"] if options.bf16 else [])]
    return [*(word for name, value in given.items() for word in (f"--{name}", str(value))), *switches, *flags]


def evaluation(options: LearningOptions, model: str, path: Path, *, split: str, k: int) -> dict[str, Any]:
    """The evaluation of a model by these options (see `measure`)."""
    return measure(
        model,
        path,
        env=options.env,
        env_options={"size": options.size, "prompt": options.prompt},
        split=split,
        episodes=options.episodes,
        k=k,
        max_new_tokens=options.max_new_tokens,
        threads=options.threads,
    )


def warm_start(options: LearningOptions) -> int:
    """Evaluates the warm start, where that is not done; the budget in environment steps."""
    folder = options.output / "start"
    with lock(folder / "unit.lock"):
        start = evaluation(options, options.model, folder / "evaluation.json", split=options.split, k=options.k)
    played = options.steps * options.groups * options.rollouts
    return options.env_steps or max(1, round(played * start["report"]["turns"]))


def tuned(options: LearningOptions, entry: Entry, env_steps: int) -> Entry:
    """The entry with the learning rate at which its algorithm is best on the validation split.

    A variant takes its algorithm's, so that an ablation differs from it in what is ablated. The entry is unchanged
    where there is no choice or it has a rate of its own.
    """
    name, algo, flags = entry
    if not options.rates or "--learning-rate" in flags:
        return entry
    solved: dict[float, float] = {}
    for rate in options.rates:
        folder = options.output / algo / f"rate-{rate:g}"
        tried: Entry = (algo, algo, ["--learning-rate", str(rate)])
        with lock(folder / "unit.lock"):
            train(algo, arguments(options, tried, _TUNING_SEED, env_steps, folder), folder)
            figures = evaluation(
                options,
                str(folder / "final"),
                folder / "evaluation.json",
                split="validation",
                k=min(options.k, _TUNING_TRIALS),
            )
            drop_checkpoints(folder)
        solved[rate] = figures["report"]["pass@1"]
    best = max(solved, key=lambda rate: solved[rate])
    return (name, algo, [*flags, "--learning-rate", str(best)])


def make_unit(options: LearningOptions, entry: Entry, seed: int, env_steps: int) -> str:
    """Trains and evaluates a unit, unless another process is at it; what there is to say of it.

    Raises:
        RuntimeError: it failed.
    """
    folder = options.output / entry[0] / f"seed-{seed}"
    try:
        with lock(folder / "unit.lock", wait=False):
            chosen = tuned(options, entry, env_steps)
            train(entry[1], arguments(options, chosen, seed, env_steps, folder), folder)
            figures = evaluation(
                options, str(folder / "final"), folder / "evaluation.json", split=options.split, k=options.k
            )
            drop_checkpoints(folder)
    except Timeout:
        return "another process is at it"
    return f"pass@1 {figures['report']['pass@1']:.1%}"


def make_units(options: LearningOptions, console: Console) -> bool:
    """Makes the units that are missing; whether none failed."""
    env_steps, failures = warm_start(options), 0
    for seed in options.seeds:
        for entry in entries(options):
            note = options.output / entry[0] / f"seed-{seed}" / "failed.txt"
            try:
                said = make_unit(options, entry, seed, env_steps)
                note.unlink(missing_ok=True)
            except RuntimeError as error:
                failures += 1
                note.write_text(f"{error}\n", encoding="utf-8")
                said = f"failed: {error}"
            console.print(f"{entry[0]} seed {seed}: {said}", markup=False, highlight=False)
    return not failures


def telling_tasks(shared: Mapping[str, Any], task_ids: Sequence[str]) -> set[str]:
    """Those of the evaluated tasks that are solved only where the agent tells what was asked for.

    Args:
        shared: the options of the comparison (see `LearningOptions.shared`).
        task_ids: the tasks; one that the split does not have is left out.
    """
    env = open_env(shared["env"], split=shared["split"], size=shared["size"], prompt=shared["prompt"])
    told = set()
    for task_id in task_ids:
        with suppress(ConfigError):
            checklist = env.tasks.by_id(task_id).checklist
            if any(item.required and item.check.type == "said" for item in checklist):
                told.add(task_id)
    env.close()
    return told


def report(options: LearningOptions) -> dict[str, Any]:
    """Table, picture and `results.json` of all units in the output folder; the results as JSON values.

    Raises:
        ConfigError: there is none.
    """
    with lock(options.output / "report.lock"):
        runs, failed = read_runs(options.output, START)
        if not runs:
            raise ConfigError(f"{str(options.output)!r} holds no evaluation.json yet: run it without --report-only")
        shared = json.loads((options.output / "options.json").read_text(encoding="utf-8"))
        told = telling_tasks(shared, sorted(next(iter(runs.values()))[0].evaluation["solved"]))
        results = {
            "options": shared,
            "algorithms": summaries(options.output, runs, shared["k"], START, told),
            "failed": failed,
        }
        write_json(options.output / "results.json", results)
        draw(results["algorithms"], runs, options.plot or options.output / "learning.png")
    return results


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; 1 where a unit failed."""
    options = parse_options(
        LearningOptions, argv, prog="python -m benchmarks.learning", description=(__doc__ or "").split("\n")[0]
    )
    console, whole = Console(), True
    if not options.report_only:
        check_folder(options)
        whole = make_units(options, console)
    results = report(options)
    rows, k = results["algorithms"], results["options"]["k"]
    if options.publish:
        publish(options.output, options.publish)
    if options.markdown:
        console.print(markdown_tables(rows, k), markup=False, highlight=False, soft_wrap=True)
    else:
        console.print(report_table(rows, k, wanted=len(options.seeds)))
    return 0 if whole else 1


if __name__ == "__main__":
    raise SystemExit(main())
