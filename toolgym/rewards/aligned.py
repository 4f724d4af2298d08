"""One-message rewards in an episode: which gold action a step is an attempt at, and what a further attempt is paid.

The published rewards of ToolRL, ToolUPT, AWPO and AC-Planner compare one message with one gold action. In an episode a
step is compared with the gold action that it attempts: the first, of those that are not carried out yet, that its calls
belong to (equal calls); else the first of them. A response belongs to the next action without calls once every action
before it was attempted; given earlier, with part of the chain carried out, it is giving up, which is no attempt and
worth 0. An action is worth its best attempt: a further one is paid what it improves, and nothing where it improves
nothing. So repeating a half-right call, or going on after a wrong one as if it had been right, earns nothing.

The papers compare text, which is never run, and pay for a right tool name with wrong values. Here calls are run: one
that the server refused, or that the limit on calls left undone, did nothing and does not count, so that naming the
right tools alone earns nothing.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from operator import is_
from typing import Protocol, runtime_checkable

from toolgym.messages import ToolCall, Turn, render
from toolgym.rewards._per_task import per_task
from toolgym.rewards.base import Reward
from toolgym.rewards.matching import CallForm, PreparedCall, forms, params
from toolgym.tasks import Task
from toolgym.trajectory import Step, Trajectory

__all__ = ["GoldMessage", "MessageTerm", "attempt", "improvement", "message_scores"]


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
    params: tuple[tuple[str, Hashable], ...] = ()
    """(name, canonical value) of all its calls' parameters, in order."""

    @classmethod
    def of(cls, turn: Turn, index: int = 1, total: int = 1) -> "GoldMessage":
        """Prepares a gold action."""
        return cls(turn, tuple(forms(turn.calls)), index, total, render(turn), tuple(params(turn.calls)))


Score = Callable[[Turn, GoldMessage], float]
"""Scores a message against a gold action. Equal functions (a bound method of one term) give equal scores."""


@per_task
def _chain(task: Task) -> list[GoldMessage]:
    messages: list[GoldMessage] = []
    for position, action in enumerate(task.gold):
        turn = Turn(action.plan, tuple(call.call() for call in action.calls), action.response)
        messages.append(GoldMessage.of(turn, position + 1, len(task.gold)))
    return messages


@per_task
def _open_calls(task: Task) -> list[tuple[PreparedCall, ...]]:
    return [tuple(PreparedCall.of(call.name, call.arguments) for call in action.calls) for action in task.gold]


class _Progress:
    """Which gold actions are carried out, while steps are added."""

    __slots__ = ("attempts", "begun", "best", "chain", "open", "runs")

    def __init__(self, task: Task):
        self.chain = _chain(task)
        self.open = dict(enumerate(_open_calls(task)))
        """Position of an action that is not carried out -> its calls that are still to be made, in chain order."""
        self.attempts: dict[int, list[Turn]] = {}
        self.runs: dict[int, list[Turn]] = {}
        """The attempts as the server took them: without refused calls, and none where all were refused."""
        self.begun: dict[int, tuple[tuple[ToolCall, ...], tuple[bool, ...]]] = {}
        """Position -> of a message at it some of whose calls were unavailable: its calls, and which have passed."""
        self.best: dict[tuple[Score, int], tuple[int, float]] = {}
        """(score function, position) -> how many of the attempts are scored, and the best score."""

    def target(self, turn: Turn) -> int | None:
        """The position of the action that a message is an attempt at; None for none."""
        calls = turn.calls
        if calls:
            for position, wanted in self.open.items():
                if wanted and _without(wanted, calls) is not None:
                    return position
        elif turn.response is not None:
            for position, wanted in self.open.items():
                if not wanted:
                    return position
                if position not in self.attempts:
                    if len(self.open) < len(self.chain):
                        return None
                    break
        return next(iter(self.open), None)

    def add(self, step: Step) -> None:
        """Takes a step into account."""
        turn, results = step.turn, step.results
        target = self.target(turn)
        if target is None:
            return
        self.attempts.setdefault(target, []).append(turn)
        run = self.run(target, step)
        if run is not None:
            self.runs.setdefault(target, []).append(run)
        if self.begun or any(result.outcome == "unavailable" for result in results):
            self._begin(target, step)
        wanted = self.open[target]
        if not wanted:
            if turn.response is not None and not turn.calls:
                del self.open[target]
            return
        for at, call in enumerate(turn.calls):
            if at >= len(results) or not results[at].is_error:
                left = _without(wanted, (call,))
                wanted = wanted if left is None else left
        if wanted:
            self.open[target] = wanted
        else:
            del self.open[target]

    def run(self, target: int, step: Step) -> Turn | None:
        """The step's message at an action as the server took it: without refused calls; None where all of them were.

        Where it makes calls again that were unavailable, it goes on with the message in which they were made first.
        """
        turn, (said, passed) = _as_run(step), self.begun.get(target, ((), ()))
        if turn is None or not any(passed):
            return turn
        now, others = _passed_now(said, passed, turn.calls)
        if now == passed:
            return turn
        return replace(turn, calls=(*(call for call, there in zip(said, now, strict=True) if there), *others))

    def _begin(self, target: int, step: Step) -> None:
        """Notes what a message leaves to be made again: of itself, or of the message that it goes on with."""
        run, (said, passed) = _as_run(step), self.begun.pop(target, ((), ()))
        now, _ = _passed_now(said, passed, run.calls if run else ())
        if _passed_now(said, passed, step.turn.calls)[0] == passed:  # it is a message of its own
            pairs = zip(step.turn.calls, step.results, strict=False)
            open_ = [(call, got) for call, got in pairs if not got.is_error or got.outcome == "unavailable"]
            said, now = tuple(call for call, _ in open_), tuple(not got.is_error for _, got in open_)
        if not all(now):
            self.begun[target] = said, now

    def best_attempt(self, score: Score, position: int) -> float | None:
        """The best score of the attempts at an action that the server took; None without any."""
        turns = self.runs.get(position)
        if not turns:
            return None
        scored, best = self.best.get((score, position), (0, float("-inf")))
        if scored < len(turns):
            gold = self.chain[position]
            best = max(best, *(score(turn, gold) for turn in turns[scored:]))
            self.best[score, position] = len(turns), best
        return best


def _without(wanted: tuple[PreparedCall, ...], calls: Sequence[ToolCall]) -> tuple[PreparedCall, ...] | None:
    """The calls that are left when equal ones to all of `calls` are taken away; None where one of them has no equal."""
    for call in calls:
        for i, candidate in enumerate(wanted):
            if candidate.name == call.name and candidate.equals(call.arguments):
                wanted = wanted[:i] + wanted[i + 1 :]
                break
        else:
            return None
    return wanted


def _passed_now(
    said: tuple[ToolCall, ...], passed: tuple[bool, ...], calls: Sequence[ToolCall]
) -> tuple[tuple[bool, ...], list[ToolCall]]:
    """Which calls of a message have passed once others passed too, and those of the others that are not of it."""
    now, others = list(passed), []
    for call in calls:
        place = next((i for i, one in enumerate(said) if not now[i] and one == call), None)
        if place is None:
            others.append(call)
        else:
            now[place] = True
    return tuple(now), others


def _as_run(step: Step) -> Turn | None:
    """The turn without the calls that were refused; None where all of them were."""
    turn, results = step.turn, step.results
    if not any(result.is_error for result in results):
        return turn
    done = tuple(call for call, result in zip(turn.calls, results, strict=False) if not result.is_error)
    return replace(turn, calls=done) if done else None


_Kept = tuple[Task, list[Step], _Progress]
_latest: _Kept | None = None


def _progress(steps: list[Step], task: Task) -> _Progress:
    """The progress after `steps`.

    Episodes grow step by step and the parts of a reward ask for the same step in turn, so the last progress is gone on
    with. It is taken out while in use: nothing half-done stays behind, and no other thread goes on with it.
    """
    global _latest
    kept, _latest = _latest, None
    if kept is not None and kept[0] is task and len(kept[1]) <= len(steps) and all(map(is_, kept[1], steps)):
        done, progress = len(kept[1]), kept[2]
    else:
        done, progress = 0, _Progress(task)
    for step in steps[done:]:
        progress.add(step)
    _latest = (task, steps, progress)
    return progress


def attempt(trajectory: Trajectory, task: Task) -> tuple[GoldMessage | None, list[Turn]]:
    """The gold action that the latest step attempts (None for none) and the earlier attempts at it.

    An action is carried out when all its calls were made with success (equal ones, in steps that attempted it), or, for
    an action without calls, when a response was given.
    """
    progress = _progress(trajectory.steps[:-1], task)
    target = progress.target(trajectory.steps[-1].turn)
    if target is None:
        return None, []
    return progress.chain[target], progress.attempts.get(target, [])


def improvement(score: Score, trajectory: Trajectory, task: Task) -> float:
    """A one-message reward as a step reward: the score of the latest step's message or, for a further attempt at a gold
    action, what it adds to the best earlier one (not less than 0). 0 where it attempts none, and without gold chain.

    Calls that the server refused do not count, and a message all of whose calls were refused earns 0. Over an episode:
    the sum, over the actions attempted, of the best attempts' scores.
    """
    found = _message(trajectory, task)
    if found is None:
        return 0.0
    progress, target, turn = found
    value = score(turn, progress.chain[target])
    best = progress.best_attempt(score, target)
    return value if best is None else max(0.0, value - best)


def _message(trajectory: Trajectory, task: Task) -> tuple[_Progress, int, Turn] | None:
    """The progress before the latest step, the position of the action that it attempts, and its message as the server
    took it; None where it attempts none, where all of its calls were refused or not run, and without gold chain.
    """
    steps = trajectory.steps
    if not steps or not task.gold:
        return None
    progress, latest = _progress(steps[:-1], task), steps[-1]
    if trajectory.truncation == "calls" and len(latest.results) < len(latest.turn.calls):
        run = latest.turn.calls[: len(latest.results)]
        if not run:
            return None
        latest = replace(latest, turn=replace(latest.turn, calls=run))
    target = progress.target(latest.turn)
    turn = None if target is None else progress.run(target, latest)
    return None if target is None or turn is None else (progress, target, turn)


@runtime_checkable
class MessageTerm(Protocol):
    """A term whose step reward is the `improvement` of a one-message score."""

    def of_message(self, turn: Turn, gold: GoldMessage, /) -> float:
        """What the message itself is worth against a gold action."""
        ...


def message_scores(reward: Reward, trajectory: Trajectory, task: Task) -> dict[str, float]:
    """What each `MessageTerm` of a reward says of the latest message itself, whatever earlier attempts earned: a
    published one-message reward, within its own bounds.

    As `improvement`, 0 where the message attempts no gold action, or all of its calls were refused. Of each token of a
    message (ToolUPT Eq. 14) this is the outcome, where a return adds up improvements.
    """
    found, out = _message(trajectory, task), {}
    for name, term in reward.terms.items():
        if isinstance(term, MessageTerm):
            out[name] = 0.0 if found is None else term.of_message(found[2], found[0].chain[found[1]])
    return out
