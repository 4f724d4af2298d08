"""A reasoning score without a judge: the share of what an answer had to tell that it told, by program.

For AWPO's R_reasoning (Eq. 20). The rule-based judge (`toolgym.rewards.judge_offline`) compares plans and calls, so it
says what the outcome reward says already: within groups of the imperfect policy's episodes it has a correlation of 0.94
with R_out, this score of 0.45.
"""

import re

from toolgym.rewards.aligned import attempt
from toolgym.rewards.checklist import satisfied
from toolgym.saying.facts import Fact, says
from toolgym.tasks import Task
from toolgym.trajectory import Trajectory

__all__ = ["facts_told"]

_FIGURES = re.compile(r"\S*\d\S*")
_TOLD = ("said", "refused")


def facts_told(trajectory: Trajectory, task: Task) -> float:
    """The share of what the latest step had to tell the user that it told, in [0, 1]; 1 where there was nothing.

    What is to be told are the task's required items about the answer (`said`, `refused`); of a task without such items
    the words with a digit of the gold answer. Only an attempt at a gold action that answers earns anything: one that
    attempts a call, or nothing, earns 0.
    """
    gold = attempt(trajectory, task)[0] if trajectory.steps else None
    if gold is None or gold.turn.calls:
        return 0.0
    turn = trajectory.steps[-1].turn
    wanted = {item.id for item in task.checklist if item.required and item.check.type in _TOLD}
    if wanted:
        return len(wanted.intersection(satisfied(trajectory, task))) / len(wanted)
    facts = {Fact.of(word.strip(".,:;!?()")) for word in _FIGURES.findall(gold.turn.response or "")}
    told = "" if turn.calls else turn.response or ""
    return sum(says(told, fact) for fact in facts) / len(facts) if facts else 1.0
