"""Runs a public benchmark and keeps what came of it in a folder, so that a run that was stopped goes on.

`DIR/bench.json` says what is run, `DIR/results.jsonl` is a file of episodes (`toolgym show` reads it), each with its
part, its trial and what the benchmark's verdict found wrong in `meta["bench"]`.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from toolgym._files import write_whole
from toolgym.agents.evaluation.evaluation import AgentOptions
from toolgym.agents.policies.policy import Policy
from toolgym.agents.rollouts.environments import copies
from toolgym.agents.rollouts.rollout import Rollout, Start, rollouts
from toolgym.benchmark import Benchmark, Part, benchmark
from toolgym.env import ToolEnv
from toolgym.errors import ConfigError
from toolgym.opening import WORLD_OPTIONS, open_env
from toolgym.rewards.verdicts import verdict_of
from toolgym.tasks import Task
from toolgym.trajectory import Outcome, Trajectory, TrajectoryWriter, iterate_trajectories

__all__ = ["BenchOptions", "CaseResult", "read_results", "run_benchmark", "settings_of"]

_SETTINGS, _RESULTS = "bench.json", "results.jsonl"


@dataclass(frozen=True)
class BenchOptions:
    """What is run."""

    benchmark: str
    agent: str
    output: Path
    categories: tuple[str, ...] | None = None
    """None: all."""
    limit: int | None = None
    """Tasks of each part, drawn by `seed`; None: all."""
    k: int = 1
    """Trials a task."""
    seed: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    """More keywords for `gymnasium.make`."""
    sampling: AgentOptions = field(default_factory=AgentOptions)

    def kept(self) -> dict[str, Any]:
        """What must be the same where a run goes on: all that a result depends on."""
        sampling = asdict(self.sampling)
        for name in ("concurrency", "threads", "device", "base_url", "vllm"):
            del sampling[name]
        return {
            "benchmark": self.benchmark,
            "agent": self.agent,
            "seed": self.seed,
            "settings": dict(self.settings),
            "sampling": sampling,
        }


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What came of one trial of a task."""

    part: str
    task_id: str
    trial: int
    outcome: Outcome
    fault: str | None
    """What the benchmark's verdict found wrong, None where nothing."""
    turns: int
    calls: int
    error: str = ""
    """Why the infrastructure failed, where it did."""
    of: int = 0
    """How many tasks the part has, played or not; 0: it was not noted."""

    @property
    def right(self) -> bool:
        """Whether the benchmark says so."""
        return self.outcome == "solved"

    @property
    def counts(self) -> bool:
        """Whether it says anything of the agent: not where the infrastructure failed."""
        return self.outcome != "infra_error"

    @property
    def key(self) -> tuple[str, str, int]:
        """What it is the result of."""
        return self.part, self.task_id, self.trial


@dataclass(frozen=True)
class _Plan:
    """What of a part is run, by its task's id and the trial."""

    part: Part
    of: int
    """How many tasks it has."""
    ids: tuple[str, ...]
    todo: tuple[tuple[str, int], ...]


def run_benchmark(
    policy: Policy,
    options: BenchOptions,
    *,
    on_plan: Callable[[int, int, "Sequence[tuple[Part, Sequence[str]]]"], None] | None = None,
    on_case: Callable[[CaseResult], None] | None = None,
) -> list[CaseResult]:
    """Runs what has no result yet, and returns the results of all that was asked for, in the order of the parts.

    Args:
        policy: who acts.
        options: what to run.
        on_plan: called before anything is played, with the number of episodes in all, how many of them have a result
            already, and the ids of the tasks of each part that have none.
        on_case: called as each episode ends.

    Raises:
        ConfigError: no such benchmark, category or option, or the folder holds the results of another run.
        LockedError: another process is writing there.
    """
    found = benchmark(options.benchmark)
    _check_folder(options)
    before = list(read_results(options.output))
    known = {result.key: result for result in before}
    _draw_anew(policy, options.seed, len(before))
    plans = [_plan(part, options, known) for part in found.parts(options.categories)]
    asked = [(plan.part.name, id, trial) for plan in plans for trial in range(options.k) for id in plan.ids]
    if on_plan is not None:
        todo = sum(len(plan.todo) for plan in plans)
        on_plan(
            len(asked), len(asked) - todo, [(plan.part, [id for id, _ in plan.todo]) for plan in plans if plan.todo]
        )
    with TrajectoryWriter(options.output / _RESULTS) as writer:
        _begin(options)
        for plan in plans:
            if plan.todo:
                _play(policy, plan, options, found, writer, known, on_case)
    return [known[key] for key in asked if key in known]


def _draw_anew(policy: Policy, seed: int, episodes: int) -> None:
    """Gives a run that goes on other samples than its first episodes had: another trial of a task is no copy of one."""
    reseed = getattr(policy, "reseed", None)
    if episodes and reseed is not None:
        reseed(seed, episodes)


def _check_folder(options: BenchOptions) -> None:
    """Looks at the folder before anything is loaded.

    Raises:
        ConfigError: it holds another run.
    """
    if options.output.exists() and not options.output.is_dir():
        raise ConfigError(f"{options.output} is a file; --output takes a folder")
    if (options.output / _SETTINGS).is_file():
        _holds(options)
    elif (options.output / _RESULTS).exists():
        raise ConfigError(f"{options.output} holds {_RESULTS} but no {_SETTINGS}: give another --output")


def _begin(options: BenchOptions) -> None:
    """Notes what is run in the folder, which this process has locked.

    Raises:
        ConfigError: it holds another run.
    """
    if not _holds(options):
        write_whole(options.output / _SETTINGS, json.dumps(options.kept(), indent=2) + "\n")


def _holds(options: BenchOptions) -> bool:
    """Whether the folder holds results of this run; one in which no episode ended holds no run.

    Raises:
        ConfigError: it holds those of another.
    """
    results = options.output / _RESULTS
    if not results.exists() or next(iterate_trajectories(results), None) is None:
        return False
    before, now = settings_of(options.output), options.kept()
    other = [name for name in now if before.get(name) != json.loads(json.dumps(now[name]))]
    if other:
        was = ", ".join(f"{name} {before.get(name)!r}" for name in other)
        raise ConfigError(f"{options.output} holds a run with {was}: give another --output, or the same options")
    return True


def settings_of(folder: Path) -> dict[str, Any]:
    """What a folder is the run of.

    Raises:
        ConfigError: it is none.
    """
    try:
        return json.loads((folder / _SETTINGS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{folder} is no folder of `toolgym bench`: its {_SETTINGS} cannot be read") from error


def read_results(folder: Path) -> Iterator[CaseResult]:
    """The results in a folder, as they were written: of a task that was tried again the later one counts."""
    file = folder / _RESULTS
    if not file.is_file():
        return
    for _, trajectory in iterate_trajectories(file):
        noted = trajectory.meta.get("bench")
        if isinstance(noted, dict) and trajectory.outcome is not None:
            yield _result(trajectory, noted)


def _result(trajectory: Trajectory, noted: Mapping[str, Any]) -> CaseResult:
    return CaseResult(
        part=noted["part"],
        task_id=trajectory.task_id,
        trial=noted["trial"],
        outcome=trajectory.outcome or "truncated",
        fault=noted["fault"],
        turns=len(trajectory.steps),
        calls=len(trajectory.calls),
        error=noted.get("error", ""),
        of=noted.get("of", 0),
    )


def _plan(part: Part, options: BenchOptions, known: Mapping[tuple[str, str, int], CaseResult]) -> _Plan:
    env = _open(part, options)
    try:
        count, tasks = len(env.tasks), env.tasks
        places: Sequence[int] = range(count)
        if options.limit is not None and options.limit < count:
            generator = np.random.default_rng(np.random.SeedSequence(options.seed))
            places = sorted(int(place) for place in generator.permutation(count)[: options.limit])
        ids = tuple(tasks[place].id for place in places)
    finally:
        env.close()
    every = [(id, trial) for trial in range(options.k) for id in ids]
    lost = [key for key, result in known.items() if not result.counts]  # those are tried again
    done = known.keys() - set(lost)
    return _Plan(part, count, ids, tuple((id, trial) for id, trial in every if (part.name, id, trial) not in done))


def _open(part: Part, options: BenchOptions) -> ToolEnv:
    return open_env(part.env_id, **_env_options(part, options))


def _env_options(part: Part, options: BenchOptions) -> dict[str, Any]:
    return {"split": "test", **options.settings, **part.options}


def _play(
    policy: Policy,
    plan: _Plan,
    options: BenchOptions,
    found: Benchmark,
    writer: TrajectoryWriter,
    known: dict[tuple[str, str, int], CaseResult],
    on_case: Callable[[CaseResult], None] | None,
) -> None:
    """Plays what is to do of a part, and writes each episode as it ends."""
    chosen = _env_options(plan.part, options)
    world = {name: chosen[name] for name in WORLD_OPTIONS if name in chosen}

    def ended(index: int, rollout: Rollout) -> None:
        id, trial = plan.todo[index]
        trajectory = _finished(rollout, plan.part, first.tasks.by_id(id))
        noted: dict[str, Any] = {"benchmark": found.name, "part": plan.part.name, "of": plan.of, "trial": trial}
        noted["fault"] = _fault(trajectory, first.tasks.by_id(id))
        if rollout.error:
            noted["error"] = rollout.error
        writer.write(replace(trajectory, meta={**trajectory.meta, "world": world, "bench": noted}))
        result = _result(trajectory, noted)
        known[result.key] = result
        if on_case is not None:
            on_case(result)

    first = open_env(plan.part.env_id, **chosen)
    at_once = min(options.sampling.concurrency, len(plan.todo))
    with _closing(copies(first, at_once, plan.part.env_id, chosen)) as envs:
        rollouts(policy, envs, [Start(options={"task": id}) for id, _ in plan.todo], on_end=ended, skips=True)


def _finished(rollout: Rollout, part: Part, task: Task) -> Trajectory:
    """The episode's record with its outcome, which the policy's side may have decided."""
    played = rollout.trajectory
    kept = played if played is not None and played.task_id == task.id and rollout.spans else None
    trajectory = kept or Trajectory(part.env_id, task.id, meta={"split": "test"})
    return replace(trajectory, outcome=rollout.outcome, truncation=rollout.truncation)


def _fault(trajectory: Trajectory, task: Task) -> str | None:
    """What is wrong, in the benchmark's words where it has some."""
    if trajectory.outcome in ("solved", "infra_error"):
        return None
    said = verdict_of(task.verdict)(trajectory, task) if task.verdict else None
    return said or (f"truncated: {trajectory.truncation}" if trajectory.truncation else str(trajectory.outcome))


@contextmanager
def _closing(envs: list[ToolEnv]) -> Iterator[list[ToolEnv]]:
    try:
        yield envs
    finally:
        for env in envs:
            env.close()
