"""A reasoning score without a judge: the share of the facts that a step had to tell which it told.

For AWPO's R_reasoning (Eq. 20). The rule-based judge (`toolgym.rewards.judge_offline`) also compares calls, so it says
much of what the outcome reward says already; facts are what the outcome reward does not look at.
"""

import re

from toolgym.messages import Turn
from toolgym.rewards.aligned import attempt
from toolgym.rewards.checklist import satisfied
from toolgym.saying.facts import Fact, says
from toolgym.tasks import Task
from toolgym.trajectory import Trajectory

__all__ = ["facts_told"]

_FIGURES = re.compile(r"\S*\d\S*")
_TOLD = ("said", "refused")


def facts_told(trajectory: Trajectory, task: Task) -> float:
    """The share of the facts that the latest step had to tell which it told, in [0, 1]; 1 where it had none to tell.

    A step is held against the gold action that it attempts; one that attempts none earns 0. Where that action calls
    tools, the facts are the words with a digit in its plan (ids, prices, dates), and the step's plan tells them. Where
    it answers, they are the task's required items that are about the answer; of a task without such items, the
    words with a digit in the gold answer.
    """
    gold = attempt(trajectory, task)[0] if trajectory.steps else None
    if gold is None:
        return 0.0
    turn = trajectory.steps[-1].turn
    if gold.turn.calls:
        return _named(turn.plan, gold.turn.plan)
    wanted = {item.id for item in task.checklist if item.required and item.check.type in _TOLD}
    if not wanted:
        return _named(_response(turn), gold.turn.response)
    return len(wanted.intersection(satisfied(trajectory, task))) / len(wanted)


def _response(turn: Turn) -> str | None:
    return turn.response if not turn.calls else None


def _named(text: str | None, reference: str | None) -> float:
    """The share of the reference's words with a digit that a text says."""
    facts = {Fact.of(word.strip(".,:;!?()")) for word in _FIGURES.findall(reference or "")}
    if not facts:
        return 1.0
    return sum(says(text or "", fact) for fact in facts) / len(facts)
