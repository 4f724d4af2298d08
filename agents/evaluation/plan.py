"""Plan metrics of our own: how much of the gold chain was done, in which order, where the first error is, recovery.

A *step* is a tool call or the episode's last response. The steps of the gold chain are its calls and its last response.
A call is *right* if it succeeded and is a call of the gold chain (the same tool with the same arguments) that was not
made before; two equal ones need two. The last response is right if the episode is solved. A call is an *error* if it
was refused, or is not right and its tool writes; the last response if it is not right. Other calls are detours. A call
whose tool was unavailable is no step: it did nothing, and has to be made again.

Where neither the gold chain nor an episode that came to its end has a response, there is no such step.

- step recall: right steps over the gold chain's.
- step precision: right steps over the episode's.
- order: of the pairs of right calls that the gold chain has in different turns, the share that were made in its order.
- first error: right steps before the first error, over the gold chain's steps; 1 where there is no error. An episode
  without a last response errs at its end.
- recovery: 1 where an episode that erred in a call is solved, else 0; of one that did not, nothing.

Hand-worked: the gold chain finds a customer, lists the loans, renews L-1 and L-2 in one turn, and answers: 5 steps.
The episode finds the customer, renews L-3 (refused), renews L-2, lists the loans, renews L-1, and answers rightly: 6
steps, 5 of them right. Recall is 5/5, precision 5/6. Of the pairs in different turns (find-list, find-L1, find-L2,
list-L1, list-L2) only list-L2 is the other way round: order 4/5. One right step, finding, comes before the first error:
1/5. It recovers: 1.
"""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import combinations

from toolgym.tasks import Task
from toolgym.trajectory import Trajectory
from toolgym.world import canonical

__all__ = ["PLAN_METRICS", "PlanScore", "plan_score"]

PLAN_METRICS = ("step_recall", "step_precision", "order", "first_error", "recovery")


@dataclass(frozen=True, slots=True)
class PlanScore:
    """The plan metrics of an episode, each in [0, 1]; None where there is nothing to tell it by."""

    step_recall: float | None = None
    step_precision: float | None = None
    order: float | None = None
    first_error: float | None = None
    recovery: float | None = None


def plan_score(trajectory: Trajectory, task: Task, writing_tools: Collection[str] = ()) -> PlanScore:
    """The plan metrics of a finished episode.

    Args:
        trajectory: the episode.
        task: with its gold chain; of a task without one nothing is told.
        writing_tools: the tools that change the world.
    """
    if not task.gold:
        return PlanScore()
    gold = [(_key(call.name, call.arguments), turn) for turn, action in enumerate(task.gold) for call in action.calls]
    left = list(range(len(gold)))
    made: list[int] = []  # which gold calls, in the order in which they were made
    steps, erred, before = 0, False, 0
    for call, result in trajectory.calls:
        if result.outcome == "unavailable":
            continue
        steps += 1
        key = None if result.is_error else _key(call.name, call.arguments)
        at = next((index for index in left if gold[index][0] == key), None)
        if at is not None:
            left.remove(at)
            made.append(at)
        elif result.is_error or call.name in writing_tools:
            erred = True
        before += at is not None and not erred
    answers = bool(trajectory.steps) and trajectory.steps[-1].turn.response is not None
    solved = trajectory.outcome == "solved"
    # Of a gold chain that is a message of calls, where an episode is one message, no response is wanted.
    ended = trajectory.outcome in ("solved", "unsolved")
    calls_alone = bool(gold) and task.gold[-1].response is None and not answers and ended
    right, wanted = len(made) + (solved and not calls_alone), len(gold) + (not calls_alone)
    ordered = [one < other for one, other in combinations(made, 2) if gold[one][1] != gold[other][1]]
    return PlanScore(
        step_recall=right / wanted,
        step_precision=right / (steps + answers) if steps + answers else 0.0,
        order=sum(ordered) / len(ordered) if ordered else None,
        first_error=1.0 if solved and not erred else before / wanted,
        recovery=float(solved) if erred else None,
    )


def _key(name: str, arguments: object) -> tuple[str, bytes]:
    """What tells whether two calls are the same; what JSON cannot carry equals no gold call."""
    try:
        return name, canonical(arguments)
    except (TypeError, ValueError, RecursionError):
        return name, b"\0"
