"""SCRIBE: steps are routed to skill prototypes, whose rubrics score them (Jiang & Ferraro 2026, "SCRIBE").

A skill prototype says which steps are its own and has a rubric: a few yes-or-no items. A step belongs to the first
prototype of the library that takes it, and its score is the share of that rubric's items that hold. So a judgement is
a verification of few things that matter for this sort of step.

Deviations: the paper's router and judge are language models, and its library was collected from trajectories. Here the
library is `LIBRARY`, written for tools in a world; steps are routed and items decided by program, from the record of
the episode and the task. The reward is the outcome alone: skills have a weight of 0, for what they are worth is told
step by step, which `toolgym.agents.scribe` does.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from toolgym.rewards.base import Reward, register
from toolgym.rewards.checklist import satisfied
from toolgym.rewards.state import outcome_term
from toolgym.rewards.steptool import MAX_CONTRIBUTION, gold_contribution, succ_calling
from toolgym.tasks import RefusedCheck, SaidCheck, Task
from toolgym.trajectory import Step, Trajectory

__all__ = ["LIBRARY", "SKILL", "Skill", "SkillTerm", "route", "rubric_score", "scribe_reward"]

SKILL = "skill_"
"""How the components of skills begin; the prototype's name follows."""
Check = Callable[[Trajectory, Task], bool]
"""Whether something holds of the latest step of an episode."""


@dataclass(frozen=True, slots=True)
class Skill:
    """A skill prototype."""

    name: str
    takes: Check
    """Whether the latest step is one of this skill."""
    rubric: tuple[Check, ...]
    """What a step of the skill should do."""


# What steps are ------------------------------------------------------------------------------------------------------


def _before(trajectory: Trajectory) -> Step | None:
    return trajectory.steps[-2] if len(trajectory.steps) > 1 else None


def recovers(trajectory: Trajectory, task: Task) -> bool:
    """Calls that follow a step with a call that the server refused."""
    before = _before(trajectory)
    refused = before is not None and any(result.is_error for result in before.results)
    return refused and bool(trajectory.steps[-1].turn.calls)


def changes(trajectory: Trajectory, task: Task) -> bool:
    """Calls that changed the world."""
    step = trajectory.steps[-1]
    return bool(step.turn.calls) and step.diff is not None


def calls(trajectory: Trajectory, task: Task) -> bool:
    """Any calls."""
    return bool(trajectory.steps[-1].turn.calls)


def talks(trajectory: Trajectory, task: Task) -> bool:
    """A response that a user answered, after which the episode goes on."""
    step = trajectory.steps[-1]
    return step.turn.response is not None and step.user is not None and trajectory.outcome is None


def responds(trajectory: Trajectory, task: Task) -> bool:
    """Any response."""
    return trajectory.steps[-1].turn.response is not None


def anything(trajectory: Trajectory, task: Task) -> bool:
    """Every step."""
    return True


# Items of rubrics ----------------------------------------------------------------------------------------------------


def well_formed(trajectory: Trajectory, task: Task) -> bool:
    """The message has no problem."""
    return not trajectory.steps[-1].turn.problems


def succeeds(trajectory: Trajectory, task: Task) -> bool:
    """All calls succeeded."""
    return succ_calling(trajectory.steps[-1]) == 1.0


def advances(trajectory: Trajectory, task: Task) -> bool:
    """A call does a gold call that was not yet done."""
    return gold_contribution(trajectory, task) > 0


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def grounded(trajectory: Trajectory, task: Task) -> bool:
    """Every text with a digit in an argument (ids, dates) was read before: in the opening or in an answer."""
    wanted = [
        text.casefold()
        for call in trajectory.steps[-1].turn.calls
        for text in _texts(call.arguments)
        if any(map(str.isdigit, text))
    ]
    if not wanted:
        return True
    seen = [trajectory.prompt, *(step.observation for step in trajectory.steps[:-1])]
    read = "\n".join(seen).casefold()
    return all(text in read for text in wanted)


def new(trajectory: Trajectory, task: Task) -> bool:
    """No call was made with these arguments before, and none twice."""
    made = [(call.name, call.arguments) for step in trajectory.steps[:-1] for call in step.turn.calls]
    for call in trajectory.steps[-1].turn.calls:
        if (call.name, call.arguments) in made:
            return False
        made.append((call.name, call.arguments))
    return True


def tries_something_else(trajectory: Trajectory, task: Task) -> bool:
    """No call is one that was refused in the step before; one whose tool was unavailable was not."""
    before = _before(trajectory)
    pairs = () if before is None else zip(before.turn.calls, before.results, strict=False)
    refused = [
        (call.name, call.arguments) for call, result in pairs if result.is_error and result.outcome != "unavailable"
    ]
    return not any((call.name, call.arguments) in refused for call in trajectory.steps[-1].turn.calls)


def work_is_done(trajectory: Trajectory, task: Task) -> bool:
    """Every gold call was done before the answer."""
    done = 0.0
    for prefix in trajectory.prefixes():
        done += gold_contribution(prefix, task) * len(prefix.steps[-1].turn.calls)
    return round(done / MAX_CONTRIBUTION) >= len(task.gold_calls)


def tells(trajectory: Trajectory, task: Task) -> bool:
    """All that the user had to be told was told."""
    said = [item.id for item in task.checklist if item.required and isinstance(item.check, SaidCheck | RefusedCheck)]
    return not said or set(said) <= set(satisfied(trajectory, task))


def says_something_new(trajectory: Trajectory, task: Task) -> bool:
    """The response was not given before."""
    return trajectory.steps[-1].turn.response not in [step.turn.response for step in trajectory.steps[:-1]]


LIBRARY: tuple[Skill, ...] = (
    Skill("recover", recovers, (well_formed, tries_something_else, succeeds, advances)),
    Skill("change", changes, (well_formed, succeeds, grounded, advances)),
    Skill("look_up", calls, (well_formed, succeeds, grounded, new, advances)),
    Skill("talk", talks, (well_formed, says_something_new)),
    Skill("answer", responds, (well_formed, work_is_done, tells)),
    Skill("none", anything, (well_formed, responds)),
)
"""The prototypes, in the order in which they are asked."""


def route(trajectory: Trajectory, task: Task, library: Sequence[Skill] = LIBRARY) -> Skill:
    """The prototype of the latest step."""
    return next(skill for skill in library if skill.takes(trajectory, task))


def rubric_score(skill: Skill, trajectory: Trajectory, task: Task) -> float:
    """The share of the rubric's items that hold of the latest step; [0, 1]."""
    return sum(check(trajectory, task) for check in skill.rubric) / len(skill.rubric)


@dataclass(frozen=True, slots=True)
class SkillTerm:
    """The rubric's score of steps of one skill; no score of the others."""

    skill: Skill

    def __call__(self, trajectory: Trajectory, task: Task, /) -> float:
        if not trajectory.steps or route(trajectory, task) is not self.skill:
            return math.nan
        return rubric_score(self.skill, trajectory, task)


def scribe_reward() -> Reward:
    """The outcome; and, as components without weight, the rubric's score under the name of the step's skill."""
    terms = {f"{SKILL}{skill.name}": SkillTerm(skill) for skill in LIBRARY}
    return Reward({"outcome": outcome_term, **terms}, dict.fromkeys(terms, 0.0))


register("scribe", scribe_reward)
