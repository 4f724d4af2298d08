"""What an evaluation reports: pass@k, pass^k, tool recall, the error taxonomy, and how sure each figure is.

Pure functions of counts, trajectories and tasks (numpy only). Shape legend: N tasks, K trials a task.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import comb, isnan, sqrt
from statistics import NormalDist

import numpy as np

from toolgym.agents.evaluation.first_error import FirstError, first_error
from toolgym.agents.evaluation.plan import PlanScore, plan_score
from toolgym.agents.search.cost import SearchCost
from toolgym.messages import Turn
from toolgym.rewards import state
from toolgym.tasks import Task
from toolgym.trajectory import Outcome, Step, Trajectory
from toolgym.world import canonical

__all__ = [
    "ERROR_TYPES",
    "EpisodeScore",
    "Interval",
    "bootstrap",
    "call_recall",
    "errors",
    "pass_at_k",
    "pass_hat_k",
    "score_episode",
    "tool_recall",
    "wilson",
]

ERROR_TYPES = ("tool_selection", "hallucinated_tool", "arguments", "parse")
"""StepTool Table 6, in its order."""

_MOST_KEPT = 500_000
"""Entries of resamples that are kept for the next figure."""

Interval = tuple[float, float]
"""The low and high end of an interval."""


_IDLE = Step(Turn(response="I have nothing to do."))
"""What the noop agent does."""


def pass_at_k(trials: int, solved: int, k: int) -> float:
    """The chance that at least one of `k` trials solves the task: `1 - C(n-c, k) / C(n, k)`, without bias.

    Chen et al. 2021 ("Evaluating large language models trained on code"), Eq. 1, with n = `trials` and c = `solved`.

    Raises:
        ValueError: not 0 <= solved <= trials, or not 1 <= k <= trials.
    """
    _check_counts(trials, solved, k)
    return 1.0 - comb(trials - solved, k) / comb(trials, k)


def pass_hat_k(trials: int, solved: int, k: int) -> float:
    """The chance that all of `k` trials solve the task: `C(c, k) / C(n, k)`, without bias (tau-bench's pass^k).

    Raises:
        ValueError: not 0 <= solved <= trials, or not 1 <= k <= trials.
    """
    _check_counts(trials, solved, k)
    return comb(solved, k) / comb(trials, k)


def _check_counts(trials: int, solved: int, k: int) -> None:
    if not 0 <= solved <= trials:
        raise ValueError(f"solved must be in 0..trials, got solved={solved}, trials={trials}")
    if not 1 <= k <= trials:
        raise ValueError(f"k must be in 1..trials, got k={k}, trials={trials}: run at least k trials a task")


def wilson(share: float, n: int, confidence: float = 0.95) -> Interval:
    """Wilson's score interval of a share seen in `n` independent trials, both ends in [0, 1].

    `share` may be an average of per-task shares, with `n` the number of tasks: that is wider than counting every trial,
    as it must be, because the trials of one task are not independent.
    """
    if n <= 0:
        return (0.0, 1.0)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return (max(0.0, centre - half), min(1.0, centre + half))


def bootstrap(values: Sequence[float], seed: int = 0, confidence: float = 0.95, resamples: int = 2000) -> Interval:
    """The percentile bootstrap interval of the mean of `values` (one value a task), the same for the same seed."""
    if len(values) == 0:
        return (float("nan"), float("nan"))
    sample_N = np.asarray(values, dtype=np.float64)
    slices = max(1, resamples // 100)
    few = slices * 100 * len(sample_N) <= _MOST_KEPT
    draws = _kept_draws(len(sample_N), slices, seed) if few else _draws(len(sample_N), slices, seed)
    means = [sample_N[draw].mean(axis=1) for draw in draws]
    tail = (1 - confidence) / 2
    low, high = np.quantile(np.concatenate(means), [tail, 1 - tail])
    return (float(low), float(high))


def _draws(tasks: int, slices: int, seed: int) -> Iterator[np.ndarray]:
    """Which tasks each resample holds, 100 resamples a slice: 2,000 of 10,000 tasks stay within a few megabytes."""
    generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))
    return (generator.integers(0, tasks, size=(100, tasks)) for _ in range(slices))


@lru_cache(maxsize=4)
def _kept_draws(tasks: int, slices: int, seed: int) -> tuple[np.ndarray, ...]:
    """The same, once for all figures of a group of tasks."""
    return tuple(_draws(tasks, slices, seed))


def tool_recall(trajectory: Trajectory, task: Task) -> float | None:
    """The share of the gold chain's tools that the episode called (StepTool §5.1.2); None where the gold calls none."""
    gold = {call.name for call in task.gold_calls}
    if not gold:
        return None
    called = {call.name for call, _ in trajectory.calls}
    return len(gold & called) / len(gold)


def call_recall(trajectory: Trajectory, task: Task) -> float | None:
    """The share of the gold chain's calls that were made successfully with the same arguments, each gold call once.

    None where the gold makes no call.
    """
    gold = Counter((call.name, canonical(call.arguments)) for call in task.gold_calls)
    if not gold:
        return None
    made = Counter((call.name, _canonical(call.arguments)) for call, result in trajectory.calls if not result.is_error)
    return (gold & made).total() / gold.total()


def _canonical(arguments: Mapping[str, object]) -> bytes:
    """Canonical bytes of what a policy sent, which may hold what JSON cannot carry: that equals no gold call."""
    try:
        return canonical(arguments)
    except (TypeError, ValueError, RecursionError):
        return b"\0"


def errors(trajectory: Trajectory, task: Task, writing_tools: Iterable[str] = ()) -> dict[str, int]:
    """How often an episode went wrong in each of the ways of StepTool Table 6.

    - `tool_selection`: a necessary tool that was never called, or a call that changes the world by a tool (of
      `writing_tools`) that the gold chain does not use. Looking up more than was needed is no error.
    - `hallucinated_tool`: a call of a tool that does not exist.
    - `arguments`: a call of a necessary tool that failed, or that the world took with arguments other than the gold's
      while the gold's own call of that tool was never made.
    - `parse`: a turn whose text was malformed.
    """
    gold = Counter((call.name, canonical(call.arguments)) for call in task.gold_calls)
    necessary = {name for name, _ in gold}
    writing = set(writing_tools)
    counts: dict[str, int] = dict.fromkeys(ERROR_TYPES, 0)
    counts["parse"] = sum(1 for step in trajectory.steps if step.turn.problems)
    missing = Counter(gold)
    astray: list[str] = []
    called = set()
    for call, result in trajectory.calls:
        called.add(call.name)
        key = (call.name, _canonical(call.arguments))
        if result.outcome == "unknown_tool":
            counts["hallucinated_tool"] += 1
        elif call.name not in necessary:
            counts["tool_selection"] += call.name in writing and not result.is_error
        elif result.outcome in ("invalid_arguments", "tool_error"):
            counts["arguments"] += 1
        elif result.outcome == "ok":
            if missing[key] > 0:
                missing[key] -= 1
            elif key not in gold:
                astray.append(call.name)
    never_made = {name for (name, _), left in missing.items() if left > 0}
    counts["arguments"] += sum(1 for name in astray if name in never_made)
    counts["tool_selection"] += len(necessary - called)
    return counts


@dataclass(frozen=True, slots=True)
class EpisodeScore:
    """The figures of one episode."""

    task_id: str
    trial: int
    kind: tuple[str, ...]
    depth: int
    forbidden: bool
    outcome: Outcome
    reward: float | None
    """The sum of the step rewards; None where a step has no score."""
    turns: int
    calls: int
    """Calls that the tools were asked to run."""
    tool_recall: float | None
    call_recall: float | None
    errors: Mapping[str, int] = field(default_factory=dict)
    state_right: bool | None = None
    """Whether the final state is the gold's and the assertions hold, whatever was said; None: not known."""
    idle_solves: bool = False
    """Whether the task would have been solved by doing nothing and saying nothing of use."""
    plan: PlanScore = field(default_factory=PlanScore)
    """The plan metrics (`toolgym.agents.evaluation.plan`)."""
    first_error: FirstError | None = None
    """Where it first went wrong (`toolgym.agents.evaluation.first_error`); None where it did not."""
    tier: str | None = None
    """The tier of a PlanArena scenario's task; None of any other."""
    over_budget: int | None = None
    """Calls that were refused because the episode's budget was spent (`toolgym.budget`); None: it had none."""
    budget_spent: bool | None = None
    """Whether something of its budget was used up; None: it had none."""
    error: str = ""
    """Why the infrastructure failed, where it did."""
    search: SearchCost | None = None
    """What was spent on searching (`toolgym.agents.search`); None where nothing was searched."""

    @property
    def solved(self) -> bool:
        return self.outcome == "solved"

    @property
    def counts(self) -> bool:
        """Whether the episode says anything of the policy: not where the infrastructure failed."""
        return self.outcome != "infra_error"


def score_episode(
    trajectory: Trajectory,
    task: Task,
    *,
    trial: int = 0,
    writing_tools: Iterable[str] = (),
    tier: str | None = None,
) -> EpisodeScore:
    """The figures of a finished episode."""
    writing = frozenset(writing_tools)
    over_budget = sum(1 for _, result in trajectory.calls if result.outcome == "over_budget")
    left = trajectory.meta.get("budget_left")
    reward = float(sum(step.reward for step in trajectory.steps))
    return EpisodeScore(
        task_id=task.id,
        trial=trial,
        kind=task.kind,
        depth=task.depth,
        forbidden=task.forbidden,
        outcome=trajectory.outcome or "truncated",
        reward=None if isnan(reward) else reward,
        turns=len(trajectory.steps),
        calls=len(trajectory.calls) - over_budget,
        tool_recall=tool_recall(trajectory, task),
        call_recall=call_recall(trajectory, task),
        errors=errors(trajectory, task, writing),
        state_right=state.state_term(trajectory, task) > 0,
        idle_solves=state.solved(Trajectory(trajectory.env_id, task.id, steps=[_IDLE]), task),
        plan=plan_score(trajectory, task, writing),
        first_error=first_error(trajectory, task, writing),
        tier=tier,
        over_budget=None if left is None else over_budget,
        budget_spent=None if left is None else not all(left.values()),
        search=SearchCost.of_meta(trajectory.meta),
    )
