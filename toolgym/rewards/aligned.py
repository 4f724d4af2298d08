"""One-message rewards in an episode: which gold action a step is an attempt at, and what a further attempt is paid.

The published rewards of ToolRL, ToolUPT, AWPO and AC-Planner compare one message with one gold action. In an episode a
step is compared with the gold action that it attempts. Of the actions that earlier steps have not carried out that is
the one that makes equal calls, else the first that calls the same tools (for a message without calls: the first without
calls), else the first. A further attempt at an action is paid only the difference to the best earlier one, so repeating
a half-right call earns nothing, and the sum over an episode is at most the sum over the gold actions.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from toolgym.messages import Turn, render
from toolgym.rewards._per_task import per_task
from toolgym.rewards.matching import CallForm, form, forms
from toolgym.tasks import Task
from toolgym.trajectory import Step, Trajectory

__all__ = ["GoldMessage", "attempt", "improvement"]


@dataclass(frozen=True, slots=True)
class GoldMessage:
    """A gold action, prepared for comparison."""

    turn: Turn
    forms: tuple[CallForm, ...]
    """Its calls."""
    index: int = 1
    """Which action it is, from 1."""
    total: int = 1
    """Of how many."""
    text: str = ""
    """It, written in the default format."""

    @property
    def tools(self) -> tuple[str, ...]:
        """The names of the tools that it calls, sorted."""
        return tuple(sorted(call.name for call in self.forms))

    @classmethod
    def of(cls, turn: Turn) -> "GoldMessage":
        """The only action of its chain."""
        return cls(turn, tuple(forms(turn.calls)), text=render(turn))


@dataclass(slots=True)
class _Chain:
    """A task's gold actions."""

    messages: list[GoldMessage]
    by_tools: dict[tuple[str, ...], list[int]]
    """Sorted tool names -> positions of the actions that call just those, in order."""


@per_task
def _chain(task: Task) -> _Chain:
    messages: list[GoldMessage] = []
    by_tools: dict[tuple[str, ...], list[int]] = {}
    for position, action in enumerate(task.gold):
        turn = Turn(action.plan, tuple(call.call() for call in action.calls), action.response)
        message = GoldMessage(turn, tuple(forms(turn.calls)), position + 1, len(task.gold), render(turn))
        messages.append(message)
        by_tools.setdefault(message.tools, []).append(position)
    return _Chain(messages, by_tools)


class _Progress:
    """Which gold actions are carried out, while steps are added."""

    __slots__ = ("attempts", "chain", "left")

    def __init__(self, chain: _Chain):
        self.chain = chain
        self.left: dict[int, list[CallForm]] = {i: list(message.forms) for i, message in enumerate(chain.messages)}
        """Position of an action that is not carried out -> its calls that are still to be made, in chain order."""
        self.attempts: dict[int, list[Turn]] = {}

    def target(self, turn: Turn) -> int | None:
        """The position of the action that a message is an attempt at; None when all are carried out."""
        calls = turn.calls
        tools = (calls[0].name,) if len(calls) == 1 else tuple(sorted(call.name for call in calls))
        alike = [position for position in self.chain.by_tools.get(tools, ()) if position in self.left]
        if len(alike) > 1 and calls:
            made = Counter(forms(calls))
            equal = (position for position in alike if Counter(self.chain.messages[position].forms) == made)
            return next(equal, alike[0])
        return alike[0] if alike else next(iter(self.left), None)

    def add(self, step: Step) -> None:
        """Takes a step into account."""
        turn, results = step.turn, step.results
        target = self.target(turn)
        if target is None:
            return
        self.attempts.setdefault(target, []).append(turn)
        wanted = self.left[target]
        for at, call in enumerate(turn.calls):
            if at < len(results) and results[at].is_error:
                continue
            made = form(call.name, call.arguments)
            if made in wanted:
                wanted.remove(made)
        has_calls = bool(self.chain.messages[target].forms)
        if not wanted and (has_calls or (turn.response is not None and not turn.calls)):
            del self.left[target]


_Attempt = tuple[GoldMessage | None, list[Turn]]
_latest: tuple[Trajectory, int, Step, Task, _Attempt] | None = None


def attempt(trajectory: Trajectory, task: Task) -> _Attempt:
    """The gold action that the latest step attempts (None when all are carried out) and the earlier attempts at it.

    An action is carried out when all its calls were made with success (equal ones, in steps that attempted it), or, for
    an action without calls, when a response was given.
    """
    global _latest
    steps = trajectory.steps
    # The parts of one reward ask for the same step in turn; steps only grow, so the last answer can be kept.
    kept = _latest
    if (
        kept is not None
        and kept[0] is trajectory
        and kept[1] == len(steps)
        and kept[2] is steps[-1]
        and kept[3] is task
    ):
        return kept[4]
    progress = _Progress(_chain(task))
    for step in steps[:-1]:
        progress.add(step)
    target = progress.target(steps[-1].turn)
    found: _Attempt = (
        (None, []) if target is None else (progress.chain.messages[target], progress.attempts.get(target, []))
    )
    _latest = (trajectory, len(steps), steps[-1], task, found)
    return found


def improvement(score: Callable[[Turn, GoldMessage], float], trajectory: Trajectory, task: Task) -> float:
    """A one-message reward as a step reward: the score of the latest step's message, minus that of the best earlier
    attempt at the same gold action where there is one. 0 when all gold actions are carried out, and without any.
    """
    if not trajectory.steps or not task.gold:
        return 0.0
    gold, earlier = attempt(trajectory, task)
    if gold is None:
        return 0.0
    value = score(trajectory.steps[-1].turn, gold)
    return value - max(score(turn, gold) for turn in earlier) if earlier else value
