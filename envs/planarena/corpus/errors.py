"""Chains that fail: a gold chain with a first error of a kind, and what follows from it; executed before it counts.

| kind | the first error |
|---|---|
| `wrong_tool` | another tool that takes what the right one takes |
| `wrong_argument` | another value that a tool showed, or that the parameter may have |
| `missing_argument` | a call without one of the arguments that it must have |
| `invented_value` | an id that nobody gave |
| `step_left_out` | an action is left out |
| `wrong_order` | an action comes before the one that it follows; neither is made again |
| `forbidden_act` | what the policy forbids is done |
| `premature_answer` | a response before the calls that it needs |
| `refused_call` | a call with values that were seen, which the tool refuses |
| `wrong_answer` | all the right calls, and the response says something else than they show |
| `other_request` | the chain of another task of the same world |
| `refused_permitted` | the policy allows it, and it is refused |
| `handed_over` | a human agent is to do it, though it is the agent's to do |

A chain either goes on as if the decision had been right (`toolgym.mistakes`), or **recovers in between**: the wrong
call is made, then the right ones in whose place it stood, and the rest; it fails all the same, because what was written
wrongly stays, or by a second error further on. Whether it recovers is told by what was executed: after the turn of its
first error a call of the gold chain's action there, which was still to be made, is made.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from toolgym.env import ToolEnv
from toolgym.envs.planarena.corpus.playing import State, run, start
from toolgym.errors import TaskError
from toolgym.mistakes import DECISIONS, Chain, Mistaker, Wrong
from toolgym.tasks import GoldAction, Task

__all__ = ["ERROR_KINDS", "Failing", "failing_chain", "first_difference", "recovered", "same"]

ERROR_KINDS: Final = (
    *("wrong_tool", "wrong_argument", "missing_argument", "invented_value", "step_left_out", "wrong_order"),
    *("forbidden_act", "premature_answer", "refused_call", "wrong_answer", "other_request"),
    *("refused_permitted", "handed_over"),
)
"""The kinds of first errors."""
_WEIGHTS: Final = {
    "wrong_order": 8.0, "forbidden_act": 8.0, "step_left_out": 3.0, "refused_call": 3.0, "wrong_answer": 2.0,
    "wrong_argument": 1.5, "wrong_tool": 1.5, "refused_permitted": 0.6, "handed_over": 0.3,
}  # fmt: skip
"""Those that few places give occasion for are tried before the others more often."""
_RECOVERING: Final = 0.38
"""How often a chain that recovers is looked for first: not every one is found."""
_EARLY: Final = 0.4
"""How often the places in the first half of the chain are tried first."""
_GIVES_UP: Final = "Sorry, that did not work, so I cannot help with it."
Throw = Callable[[str], None]
Another = Callable[[Task, np.random.Generator], Task | None]
"""Gives another task of a task's world."""


@dataclass(frozen=True, slots=True)
class Failing:
    """A chain that was executed and does not solve its task."""

    actions: tuple[GoldAction, ...]
    kind: str
    turn: int
    """The first action that differs from the gold chain's."""
    then: str = ""
    """The kind of a second error, where the chain recovers from the first one."""
    recovers: bool = False


def failing_chain(
    mistaker: Mistaker, env: ToolEnv, task: Task, another: Another, rng: np.random.Generator, throw: Throw
) -> Failing | None:
    """A failing chain of a task; None where none was found.

    Args:
        mistaker: makes mistakes in tasks of the domain.
        env: in which chains are played; it is reset.
        task: with a gold chain.
        another: gives another task of its world.
        rng: draws kinds, places and values.
        throw: is told why a chain was thrown away: `solves`, it solves the task all the same; `not_recovering`, it was
            to recover and does not.
    """
    try:
        chain = mistaker.chain(task, rng)
    except TaskError:
        throw("gold_fails")
        return None
    maker = _Maker(mistaker, env, chain, another, throw)
    kinds = sorted(ERROR_KINDS, key=lambda kind: -rng.exponential() * _WEIGHTS.get(kind, 1.0))
    places = _places(len(task.gold), rng)
    ways = (True, False) if rng.random() < _RECOVERING else (False,)
    for recovering in ways:
        for kind in kinds:
            for place in places:
                made = maker.recovering(kind, place) if recovering else maker.failing(kind, place)
                if made is not None:
                    return made
    return None


def _places(count: int, rng: np.random.Generator) -> list[int]:
    """The places of a chain in the order in which they are tried."""
    places = rng.permutation(count).tolist()
    if rng.random() < _EARLY:
        places.sort(key=lambda place: 2 * place >= count)
    return places


class _Maker:
    """Makes failing chains of one task."""

    def __init__(self, mistaker: Mistaker, env: ToolEnv, chain: Chain, another: Another, throw: Throw):
        self.mistaker, self.env, self.chain = mistaker, env, chain
        self.another, self.throw = another, throw

    # Without a recovery ------------------------------------------------------------------------------------------

    def failing(self, kind: str, place: int) -> Failing | None:
        """The chain with an error of that kind at that place, from which it does not recover."""
        if kind in DECISIONS and kind != "wrong_order":
            made = self.mistaker.at(self.chain, place, kind)
            if made is None:
                return None
            return self._checked(made.actions, kind, recovering=False)
        found = self._own(kind, place)
        return None if found is None else self._checked(found, kind, recovering=False)

    def _own(self, kind: str, place: int) -> tuple[GoldAction, ...] | None:
        """The chains of kinds that `toolgym.mistakes` does not have."""
        gold = self.chain.actions
        if kind == "wrong_order":
            if place + 1 >= len(gold) or not (gold[place].calls and gold[place + 1].calls):
                return None
            return (*gold[:place], gold[place + 1], gold[place], *gold[place + 2 :])
        if kind == "refused_call":
            refused = next(self._refused(place), None)
            return None if refused is None else (*gold[:place], refused, GoldAction(response=_GIVES_UP))
        if kind == "other_request" and place == 0:
            other = self.another(self.chain.task, self.chain.rng)
            return None if other is None else other.gold
        return None

    def _refused(self, place: int) -> Iterator[GoldAction]:
        """Calls with values that were seen, which are refused at a place."""
        before = run(self.env, self.chain.task, self.chain.actions[:place])
        options: list[GoldAction] = []
        for name in ("wrong_argument", "wrong_argument", "wrong_tool"):
            wrong = DECISIONS[name](self.chain, place)
            options += wrong.instead[:1] if wrong is not None else ()
        options += [  # what was done is done once more
            GoldAction(plan=action.plan, calls=tuple(call for call in action.calls if call.writes))
            for action in self.chain.actions[:place]
            if any(call.writes for call in action.calls)
        ]
        for action in options:
            done = before.fork().play(action).calls
            if done and all(call.result.outcome == "tool_error" for call in done):
                yield action

    # With one ------------------------------------------------------------------------------------------------------

    def recovering(self, kind: str, place: int) -> Failing | None:
        """The chain with an error of that kind at that place, which it mends, and which fails all the same."""
        if not self.chain.actions[place].calls:
            return None
        wrong = self._wrong_call(kind, place)
        if wrong is None or not wrong.calls:
            return None
        gold = self.chain.actions
        after = run(self.env, self.chain.task, (*gold[:place], wrong))
        if not after.outcome and not after.solvable():
            return self._checked((*gold[:place], wrong, *gold[place:]), kind, recovering=True)
        rng = self.chain.rng
        for second in sorted(DECISIONS, key=lambda kind: -rng.exponential() * _WEIGHTS.get(kind, 1.0)):
            for later in rng.permutation(np.arange(place + 1, len(gold))).tolist():
                made = self.mistaker.at(self.chain, later, second)
                if made is not None and not made.recovers:
                    actions = (*gold[:place], wrong, *made.actions[place:])
                    found = self._checked(actions, kind, then=second, recovering=True)
                    if found is not None:
                        return found
        return None

    def _wrong_call(self, kind: str, place: int) -> GoldAction | None:
        """The wrong action alone."""
        if kind == "refused_call":
            return next(self._refused(place), None)
        if kind not in ("wrong_tool", "wrong_argument", "missing_argument", "invented_value"):
            return None
        wrong: Wrong | None = DECISIONS[kind](self.chain, place)
        return wrong.instead[0] if wrong is not None and wrong.instead else None

    # Both ----------------------------------------------------------------------------------------------------------

    def _checked(self, actions: Sequence[GoldAction], kind: str, *, recovering: bool, then: str = "") -> Failing | None:
        """The chain, as far as it was played; None where it solves its task or its first error is none."""
        gold = self.chain.actions
        turn = first_difference(actions, gold)
        if turn == len(actions):
            return None
        state = run(self.env, self.chain.task, actions)
        played, outcome = tuple(actions[: len(state.env.trajectory.steps)]), state.outcome
        if outcome == "solved":
            self.throw("solves")
        if outcome in ("", "solved"):
            return None
        recovers = recovered(start(self.env, self.chain.task), actions, turn, kind)
        if recovering and not recovers:
            self.throw("not_recovering")
            return None
        return Failing(played, kind, turn, then, recovers)


def first_difference(actions: Sequence[GoldAction], gold: Sequence[GoldAction]) -> int:
    """The first turn that is not the gold chain's; the number of actions where there is none."""
    differ = (at for at, action in enumerate(actions) if at >= len(gold) or not same(action, gold[at]))
    return next(differ, len(actions))


def same(action: GoldAction, gold: GoldAction) -> bool:
    """Whether two actions do and say the same; plans may differ."""
    return [call.call() for call in action.calls] == [call.call() for call in gold.calls] and (
        action.response == gold.response
    )


def recovered(state: State, actions: Sequence[GoldAction], turn: int, kind: str) -> bool:
    """Whether a call that the first error stood in for is made after it, and was still to be made.

    That are the calls of the gold chain's action at that turn; of one that came too early, its own. The chain of
    another request mends nothing.

    Args:
        state: the beginning; it is the end afterwards.
        actions: what is done.
        turn: the turn of the first error.
        kind: its kind.
    """
    gold = state.task.gold
    at = turn + (kind == "wrong_order")
    if kind == "other_request" or at >= len(gold):
        return False
    due = [call.call() for call in gold[at].calls]
    for number, action in enumerate(actions):
        if state.outcome:
            break
        played = state.play(action)
        if number > turn and any(done.needed and done.call in due for done in played.calls):
            return True
    return False
