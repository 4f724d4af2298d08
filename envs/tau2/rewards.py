"""tau2's reward as an environment's: at an episode's last step the product of the parts that the task counts.

The parts themselves stand beside it with weight 0. An episode that a limit or the infrastructure ended earns 0.
"""

from collections.abc import Callable, Mapping
from math import nan, prod

from toolgym.envs.tau2.data import Benchmark, load
from toolgym.envs.tau2.judging import known_judge, nl_assertion
from toolgym.envs.tau2.states import same_state
from toolgym.envs.tau2.verdicts import NL, basis_of, parts_of
from toolgym.rewards.base import Reward, Term
from toolgym.tasks import Task
from toolgym.trajectory import Trajectory
from toolgym.world import World

__all__ = ["PARTS", "failed", "fault", "public_reward", "tau2_parts", "verdict"]

PARTS = ("DB", "ENV_ASSERTION", "ACTION", "COMMUNICATE", NL)


def tau2_parts(trajectory: Trajectory, task: Task) -> dict[str, float]:
    """Every part of tau2's evaluation of an episode so far; NaN for one that takes a judge that is not there."""
    about = task.meta["tau2"]
    benchmark = load(about["domain"], about["data"])
    criteria = benchmark.criteria(task.id)
    world = _world_of(benchmark, trajectory, task)
    calls = [(act.call.name, act.call.arguments) for act in trajectory.acts]
    texts = [step.turn.response for step in trajectory.steps if step.turn.response is not None]
    parts = parts_of(criteria, calls, texts, world, same_state(benchmark.domain, world, benchmark.gold(task.id)))
    assertions, judge = criteria.get("nl_assertions") or (), known_judge(about["judge"])
    if not assertions:
        parts[NL] = 1.0
    else:
        parts[NL] = nan if judge is None else nl_assertion(judge, assertions, trajectory)
    return parts


def _world_of(benchmark: Benchmark, trajectory: Trajectory, task: Task) -> World:
    """The world at the end of an episode."""
    world = World(benchmark.server.base(benchmark.world_key(task.id)))
    world.restore(trajectory.diff)
    return world


def verdict(trajectory: Trajectory, task: Task) -> dict[str, float]:
    """The parts that a task counts; without a judge none that takes one."""
    about = task.meta["tau2"]
    basis = basis_of(load(about["domain"], about["data"]).criteria(task.id))
    parts = tau2_parts(trajectory, task)
    judged = known_judge(about["judge"]) is not None
    return {name: parts[name] for name in basis if judged or parts[name] == parts[name]}


def failed(parts: Mapping[str, float]) -> str | None:
    """The names of the parts that are not 1; None where all are."""
    return ", ".join(name for name, value in parts.items() if value != 1.0) or None


def fault(trajectory: Trajectory, task: Task) -> str | None:
    """Which counted parts of the verdict failed; None where none did (`toolgym.rewards.verdicts`)."""
    return failed(verdict(trajectory, task))


def public_reward(
    name: str, counted: Callable[[Trajectory, Task], Mapping[str, float]], parts: Mapping[str, Term]
) -> Reward:
    """A benchmark's own reward: the product of the parts of its verdict, and each part for information.

    Args:
        name: the reward's.
        counted: the parts that count.
        parts: the parts that are shown.
    """

    def total(trajectory: Trajectory, task: Task) -> float:
        if not trajectory.done or trajectory.outcome in ("truncated", "infra_error"):
            return 0.0
        values = counted(trajectory, task).values()
        return 0.0 if 0.0 in values else float(prod(values))

    return Reward({name: total, **parts}, dict.fromkeys(parts, 0.0))


def _part(name: str) -> Term:
    def part(trajectory: Trajectory, task: Task) -> float:
        return tau2_parts(trajectory, task)[name] if trajectory.done else 0.0

    return part


REWARD = public_reward("tau2", verdict, {name: _part(name) for name in PARTS})
"""tau2's reward, for `reward=`."""
