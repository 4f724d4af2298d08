"""What the user was told: required facts and forbidden facts (`toolgym.saying.facts`)."""

from toolgym.rewards._per_task import per_task
from toolgym.saying.facts import Fact, says
from toolgym.tasks import SaidCheck, Task
from toolgym.trajectory import Trajectory

__all__ = ["communication_term"]


@per_task
def _said_checks(task: Task) -> tuple[tuple[tuple[Fact, ...], tuple[Fact, ...]], ...]:
    return tuple(
        (tuple(map(Fact.of, item.check.facts)), tuple(map(Fact.of, item.check.forbidden)))
        for item in task.checklist
        if isinstance(item.check, SaidCheck)
    )


def communication_term(trajectory: Trajectory, task: Task) -> float:
    """What the latest step told: the share of required facts told first now, minus the share of forbidden ones; [-1,
    1].

    Shares are of all required (forbidden) facts in the task's `said` items. Over an episode the term sums to the
    share of the required facts told minus the share of the forbidden facts told. 0 where the task has no such facts.
    """
    steps = trajectory.steps
    response = steps[-1].turn.response if steps else None
    checks = _said_checks(task)
    if response is None or not checks:
        return 0.0
    earlier = [step.turn.response for step in steps[:-1] if step.turn.response is not None]
    value = 0.0
    for sign, facts in ((1.0, [f for told, _ in checks for f in told]), (-1.0, [f for _, no in checks for f in no])):
        new = sum(says(response, fact) and not any(says(text, fact) for text in earlier) for fact in facts)
        value += sign * new / len(facts) if facts else 0.0
    return value
