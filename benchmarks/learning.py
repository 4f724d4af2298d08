"""The learning benchmark: each paper's method against its baselines, on one reward, from the same warm start.

    python -m benchmarks.learning                                            # all families, five seeds each
    python -m benchmarks.learning --families awpo --seeds 0 1                # a part of it
    python -m benchmarks.learning --families awpo --rows awpo toolrl         # some rows
    python -m benchmarks.learning --families all                             # every algorithm as it comes
    python -m benchmarks.learning --minutes 10                               # stops cleanly; the next call goes on
    python -m benchmarks.learning --publish benchmarks/results/families      # adds to the units that are published
    python -m benchmarks.learning --report-only                              # tables and pictures of what there is

`benchmarks/learning_families.py` says what is compared and what refutes each paper, and under which conditions a figure
says anything of it.

A unit is one row with one seed: trained, then evaluated at temperature 1 on three sets of held-out tasks: `near`
(`test`, four and five calls), `far` (`test_unseen`, six and seven) and `other` (another domain, which the warm start
has never seen). Units are independent: any number of processes may share one `--output`, and each unit is made by the
first that comes to it. What is done is kept; a unit that was stopped goes on from its last checkpoint.

The budget is a number of environment steps, the same for every row: all that are played for training, the expert's, and
those of groups that DAPO throws away, included. A run ends with the batch in which it is used up.

Written to the output folder: `options.json`, `results.json`, a picture a family, and for each unit its trainings'
files, `near.json`, `far.json` and `other.json`.
"""

import hashlib
import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

from filelock import FileLock, Timeout
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.learning_families import FAMILIES, Family, Row, Stage, family
from benchmarks.learning_parts import Clock, HeldOut, TimeIsUpError, evaluate_in_parts, train_in_parts, write_json
from benchmarks.learning_published import publish, restore
from benchmarks.learning_results import TESTS, draw, markdown, results_of
from toolgym.agents.training.options import parse_options
from toolgym.errors import ConfigError, did_you_mean

OFFLINE = ("sft", "rft", "eto", "tool_star_dpo")
"""Learners that play first, then train on what was played."""
UPDATES = {"gspo": 4, "loop": 4}
"""Optimizer steps a batch of episodes, where that is neither one nor said by a row's flags."""
OWN_GROUPS = ("vine",)
"""Learners with a number of episodes a task of their own: vine's continuations are the larger part of what it plays."""
START = "warm start"
STARTS = Path(__file__).resolve().parent / "starts"
"""Warm starts that were made for comparisons; `training.json` of each says how."""


@dataclass(frozen=True)
class LearningOptions:
    """What is compared, and how."""

    families: Annotated[
        tuple[str, ...], "toolupt, awpo, steptool, dupo, hazard, or all: every algorithm as it comes"
    ] = (*FAMILIES,)
    rows: Annotated[tuple[str, ...], "only these rows of the families"] = ()
    seeds: Annotated[tuple[int, ...], "one run each"] = (0, 1, 2, 3, 4)
    env_steps: Annotated[int, "environment steps of each run"] = 1500
    groups: Annotated[int, "tasks a batch"] = 4
    rollouts: Annotated[int, "episodes a task"] = 8
    micro_batch: Annotated[int, "episodes a forward pass, at most"] = 16
    learning_rate: Annotated[float, "of what learns while it plays, several updates a batch"] = 3e-4
    sft_rate: Annotated[float, "of what learns from episodes made beforehand"] = 1e-3
    model: Annotated[str, "the warm start: a folder of benchmarks/starts, or any model"] = "home-habits"
    env: Annotated[str, "environment that is trained in, and tested in"] = "ToolGym/Home-v0"
    other_env: Annotated[str, "environment that the warm start has never seen: tested in"] = "ToolGym/Clinic-v0"
    size: Annotated[str, "size of the worlds"] = "small"
    prompt: Annotated[str, "first observation: full or short"] = "short"
    tests: Annotated[tuple[str, ...], "which held-out tasks: near, and any of far and other"] = TESTS
    tasks: Annotated[int, "held-out tasks of each test"] = 200
    trials: Annotated[int, "trials a task"] = 8
    other_trials: Annotated[int, "trials a task of the other domain"] = 2
    max_new_tokens: Annotated[int, "the longest turn"] = 200
    context_tokens: Annotated[int, "the longest episode"] = 1536
    save_batches: Annotated[int, "batches of episodes between checkpoints"] = 5
    minutes: Annotated[float | None, "stop cleanly within this time; the next call goes on"] = None
    margin: Annotated[float, "with minutes: seconds that the longest batch and a checkpoint take"] = 60.0
    output: Annotated[Path, "folder for everything"] = Path("runs/learning")
    publish: Annotated[
        Path | None, "folder for a copy of each unit without its models; what is there already is not made again"
    ] = None
    json: Annotated[bool, "print results.json"] = False
    bf16: Annotated[bool, "autocast updates to bfloat16"] = False
    threads: Annotated[int | None, "torch threads"] = None
    report_only: Annotated[bool, "make nothing: tables and pictures of what there is"] = False

    def __post_init__(self) -> None:
        numbers = (
            "env_steps",
            "groups",
            "tasks",
            "trials",
            "other_trials",
            "save_batches",
            "micro_batch",
            "learning_rate",
        )
        wrong = [f"{name}={getattr(self, name)}" for name in numbers if getattr(self, name) <= 0]
        if wrong or not self.seeds or not self.families or (self.minutes is not None and self.minutes <= 0):
            raise ConfigError(
                f"the learning benchmark needs numbers above 0, seeds and families, got {', '.join(wrong) or self}"
            )
        if "near" not in self.tests or set(self.tests) - set(TESTS):
            raise ConfigError(f"tests: near, and any of far and other; got {' '.join(self.tests) or 'none'}")
        known = [row.name for name in self.families for row in family(name).rows]
        for name in self.rows:
            if name not in known:
                raise ConfigError(did_you_mean(name, known, "row"))

    def shared(self) -> dict[str, Any]:
        """What must be equal for units to be compared.

        The update's precision is not: machines differ in which one is fast, so each unit says what it had.
        """
        names = (
            "env_steps groups rollouts learning_rate sft_rate model env other_env size prompt tasks trials "
            "other_trials max_new_tokens context_tokens"
        )
        values = asdict(self)
        out = {**{name: values[name] for name in names.split()}, "weights": weights_digest(self.model)}
        if set(self.tests) != set(TESTS):  # of all tests nothing is said: so are the units that are published
            out["tests"] = [name for name in TESTS if name in self.tests]
        return out

    def held_out(self) -> tuple[HeldOut, ...]:
        """The held-out tasks that are asked for: as deep as training, deeper, and of another domain."""
        world = {"size": self.size, "prompt": self.prompt}
        many = (self.tasks, self.trials)
        every = (
            HeldOut("near", self.env, "test", {**world, "depth": (4, 5)}, *many),
            HeldOut("far", self.env, "test_unseen", {**world, "depth": (6, 7)}, *many),
            HeldOut("other", self.other_env, "test", world, self.tasks, self.other_trials),
        )
        return tuple(test for test in every if test.name in self.tests)


def start_of(model: str) -> str:
    """The folder of a start by its name; any other name of a model unchanged."""
    named = STARTS / model
    return str(named) if named.is_dir() else model


def weights_digest(model: str) -> str | None:
    """SHA-256 of the weights of a model that is a folder; None for a hub id."""
    from toolgym.agents.builtin import checkpoint_path

    found = sorted(Path(checkpoint_path(start_of(model))).glob("*.safetensors"))
    if not found:
        return None
    digest = hashlib.sha256()
    for path in found:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def lock(path: Path, *, wait: bool = True) -> FileLock:
    """A lock among processes, released when its process ends however it ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path, timeout=-1 if wait else 0)


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
    differing = [
        f"{name}={there.get(name)!r}, not {given.get(name)!r}"
        for name in {**given, **there}
        if there.get(name) != given.get(name)
    ]
    if differing:
        raise ConfigError(
            f"{str(options.output)!r} holds a comparison with {'; '.join(differing)}. Give the same options, or "
            "another --output"
        )


def updates_a_batch(algo: str, flags: Sequence[str]) -> int:
    """Optimizer steps that a batch of episodes is learnt from."""
    given = {name: int(flags[flags.index(name) + 1]) for name in ("--minibatches", "--iterations") if name in flags}
    return math.prod(given.values()) if given else UPDATES.get(algo, 1)


def arguments(options: LearningOptions, of: Family, stage: Stage, seed: int, model: str, folder: Path) -> list[str]:
    """The training's arguments of a unit's stage."""
    offline = stage.algo in OFFLINE
    common = [] if offline else [word for option in of.flags if option[0] not in stage.flags for word in option]
    flags = [*common, *stage.flags]
    env_steps = max(1, round(options.env_steps * stage.share))
    given: dict[str, Any] = {
        "env": options.env,
        "model": model,
        "size": options.size,
        "prompt": options.prompt,
        "seed": seed,
        "env-steps": env_steps,
        "output": folder,
    }
    if offline:
        given |= {"episodes": env_steps, "save-steps": 20}  # more than enough: an episode has at least a step
    else:
        updates = updates_a_batch(stage.algo, flags)
        given |= {
            # More than enough, with an environment step a group: what ends the run is the budget.
            "steps": -(-env_steps // options.groups) * updates,
            "save-steps": options.save_batches * updates,
            "groups": options.groups,
            "rollouts": 2 if stage.algo in OWN_GROUPS else options.rollouts,
            "micro-batch": options.micro_batch,
        }
    if stage.algo != "sft":
        given |= {"max-new-tokens": options.max_new_tokens, "context-tokens": options.context_tokens}
    if options.threads:
        given["threads"] = options.threads
    if "--learning-rate" not in flags:
        given["learning-rate"] = options.sft_rate if offline else options.learning_rate
    switches = ["--no-progress", *(["--bf16"] if options.bf16 else [])]
    return [*(word for name, value in given.items() for word in (f"--{name}", str(value))), *switches, *flags]


def evaluate(options: LearningOptions, model: str, folder: Path, clock: Clock) -> dict[str, dict[str, Any]]:
    """A model's outcomes on every test."""
    return {
        test.name: evaluate_in_parts(
            model,
            test,
            folder,
            clock,
            max_new_tokens=options.max_new_tokens,
            context_tokens=options.context_tokens,
            threads=options.threads,
        )
        for test in options.held_out()
    }


def make_unit(options: LearningOptions, of: Family, row: Row, seed: int, clock: Clock) -> str:
    """Trains and evaluates a unit, unless another process is at it; what there is to say of it.

    Raises:
        RuntimeError: it failed.
        TimeIsUpError: the deadline came.
    """
    folder = options.output / of.name / row.name / f"seed-{seed}"
    try:
        with lock(folder / "unit.lock", wait=False):
            model = start_of(options.model)
            for number, stage in enumerate(row.stages, 1):
                place = folder / f"stage-{number}"
                train_in_parts(stage.algo, arguments(options, of, stage, seed, model, place), place, clock)
                model = str(place / "final")
            found = evaluate(options, model, folder, clock)["near"]["solved"]
    except Timeout:
        return "another process is at it"
    shares = [sum(trials) / len(trials) for trials in found.values()]
    return f"{sum(shares) / max(len(shares), 1):.1%} solved of near tasks"


def units(options: LearningOptions) -> Iterator[tuple[Family, Row, int]]:
    """The units, all rows with the first seed first."""
    for seed in options.seeds:
        for name in options.families:
            of = family(name)
            for row in of.rows:
                if not options.rows or row.name in options.rows:
                    yield of, row, seed


def make_units(options: LearningOptions, console: Console, clock: Clock) -> bool:
    """Makes the units that are missing, until the time is up; whether none failed."""
    wanted, failures = list(units(options)), 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task(START, total=len(wanted))
        try:
            with lock(options.output / "start" / "unit.lock"):
                evaluate(options, start_of(options.model), options.output / "start", clock)
            for of, row, seed in wanted:
                title = f"{of.name} {row.name} seed {seed}"
                progress.update(bar, description=title)
                note = options.output / of.name / row.name / f"seed-{seed}" / "failed.txt"
                try:
                    said = make_unit(options, of, row, seed, clock)
                    note.unlink(missing_ok=True)
                except RuntimeError as error:
                    failures += 1
                    note.write_text(f"{error}\n", encoding="utf-8")
                    said = f"failed: {error}"
                if options.publish:
                    publish(options.output, options.publish)
                progress.advance(bar)
                console.print(f"{title}: {said}", markup=False, highlight=False)
        except TimeIsUpError:
            console.print("The time is up: the same command goes on from here.", markup=False)
    return not failures


def report(options: LearningOptions) -> dict[str, Any]:
    """`results.json` and the pictures of all units in the output folder; the results as JSON values.

    Raises:
        ConfigError: there is none.
    """
    with lock(options.output / "report.lock"):
        shared = options.output / "options.json"
        results = results_of(options.output, [family(name) for name in options.families])
        if not any(of["rows"] for of in results["families"].values()):
            raise ConfigError(f"{str(options.output)!r} holds no unit that is done yet: run it without --report-only")
        results = {"options": json.loads(shared.read_text(encoding="utf-8")), **results}
        write_json(options.output / "results.json", results)
        for name, found in results["families"].items():
            if found["rows"]:
                draw(family(name), found, options.output, options.output / f"{name}.png")
    return results


def run(options: LearningOptions, clock: Clock) -> int:
    """Makes what is missing until the time is up, reports, and prints; 1 where a unit failed."""
    console, whole = Console(stderr=options.json), True
    if not options.report_only:
        check_folder(options)
    if options.publish:
        restore(options.publish, options.output)
    if not options.report_only:
        whole = make_units(options, console, clock)
        if not any(options.output.glob("*/*/seed-*/near.json")):
            return 0 if whole else 1
    results = report(options)
    if options.publish:
        publish(options.output, options.publish)
    if options.json:
        print(json.dumps(results))
    else:
        console.print(markdown(results, options.seeds), markup=False, highlight=False, soft_wrap=True)
    return 0 if whole else 1


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; 1 where a unit failed, 130 where Ctrl-C stopped it."""
    about = (__doc__ or "").split("\n")[0]
    options = parse_options(LearningOptions, argv, prog="python -m benchmarks.learning", description=about)
    try:
        return run(options, Clock(options.minutes, options.margin))
    except KeyboardInterrupt:
        print("Stopped: the same command goes on from here.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    raise SystemExit(main())
