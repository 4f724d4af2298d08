"""Plays actions of a task one by one, keeps what each call answered and changed, and tells what can still come of it.

A *state* is where an episode stands after some actions: an environment that is forked, never shared, and the calls of
the gold chain that are still to be made. A call of the gold chain is *made* once a call of the same tool with the same
arguments has succeeded; two equal ones need two.

**Still solvable** (`State.solvable`): there is an order of the gold chain's calls that are still to be made in which
each of them succeeds, and after which the gold chain's last response ends the episode as solved. All orders that can
matter are tried on forks: reading tools change nothing, so they are called as soon as they succeed; orders of writing
calls that lead to the same world with the same calls left are tried once. An action of which every call is refused
leaves it as it was. A state whose episode is over is solvable if it was solved. What only calls outside the gold chain
could mend (undoing a wrong write) does not count as solvable.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from toolgym.domain import Domain
from toolgym.env import ToolEnv
from toolgym.messages import ToolCall, Turn, render
from toolgym.rewards.base import Reward
from toolgym.tasks import GoldAction, GoldCall, Task
from toolgym.trajectory import ToolResult
from toolgym.world import Diff, canonical

__all__ = [
    "MOST_CALLS",
    "CallDone",
    "Played",
    "SearchLimitError",
    "State",
    "last_words",
    "new_env",
    "run",
    "start",
    "turn_of",
]

MOST_CALLS: Final = 400
"""Calls on forks that one search may make. A chain of 7 calls has at most 127 sets of calls that are left, so that only
worlds that differ by the order of writes can come near it."""
_MOST_TURNS: Final = 100

Key = tuple[str, bytes]


class SearchLimitError(Exception):
    """A search made more than `MOST_CALLS` calls: whether the task can still be solved is not known."""


@dataclass(frozen=True, slots=True)
class CallDone:
    """A call that was made."""

    call: ToolCall
    result: ToolResult
    changed: Diff
    """The records that are different after the call than before it, as they are now (None: deleted)."""
    needed: bool
    """Whether it made a call of the gold chain."""


@dataclass(frozen=True, slots=True)
class Played:
    """An action that was played."""

    action: GoldAction
    calls: tuple[CallDone, ...]
    reply: str
    """What the environment said to a response, or ""."""
    messages: tuple[dict[str, Any], ...]
    """The environment's answer as chat messages."""


def key_of(name: str, arguments: dict[str, Any]) -> Key:
    """What tells whether two calls are the same."""
    return name, canonical(arguments)


def turn_of(action: GoldAction) -> Turn:
    """The action as a turn."""
    return Turn(plan=action.plan, calls=tuple(call.call() for call in action.calls), response=action.response)


def new_env(domain: Domain) -> ToolEnv:
    """An environment whose tasks are played here: nobody answers, nothing is scored but the outcome."""
    return ToolEnv(domain, user="none", prompt="short", reward=Reward({}, {}), max_turns=_MOST_TURNS)


def start(env: ToolEnv, task: Task) -> "State":
    """The beginning of a task's episode."""
    env.reset(options={"task": task})
    return State(env, task, tuple((key_of(call.name, call.arguments), call) for call in task.gold_calls))


class State:
    """Where an episode stands.

    Args:
        env: in this state; it is this state's own.
        task: the task.
        left: the calls of the gold chain that are still to be made, in its order.
    """

    __slots__ = ("_solvable", "env", "left", "task")

    def __init__(self, env: ToolEnv, task: Task, left: tuple[tuple[Key, GoldCall], ...]):
        self.env, self.task, self.left = env, task, left
        self._solvable: bool | None = None

    @property
    def outcome(self) -> str:
        """How the episode ended; "" where it has not."""
        return self.env.trajectory.outcome or ""

    def fork(self) -> "State":
        """The same state, to go on from."""
        twin = State(self.env.fork(), self.task, self.left)
        twin._solvable = self._solvable
        return twin

    def play(self, action: GoldAction) -> Played:
        """Plays an action here: this state is then the one after it."""
        began = before = self.env.trajectory.diff
        several = self.env.session.fork() if len(action.calls) > 1 else None
        *_, info = self.env.step(render(turn_of(action)))
        step = self.env.trajectory.steps[-1]
        diffs = [self.env.trajectory.diff]
        if several is not None:  # whose change is whose
            diffs = []
            for call in step.turn.calls[: len(step.results)]:
                several.call(call)
                diffs.append(several.diff() or {})
        done, left = [], list(self.left)
        for call, result, after in zip(step.turn.calls, step.results, diffs, strict=False):
            at = None
            if not result.is_error:
                key = key_of(call.name, call.arguments)
                at = next((place for place, (other, _) in enumerate(left) if other == key), None)
            if at is not None:
                del left[at]
            done.append(CallDone(call, result, self._changed(before, after), at is not None))
            before = after
        refused = bool(step.results) and all(result.is_error for result in step.results)
        if self.outcome or not refused or self.env.trajectory.diff != began:
            self._solvable = None
        self.left = tuple(left)
        return Played(action, tuple(done), step.user or "", tuple(info["messages"]))

    def _changed(self, before: Diff, after: Diff) -> Diff:
        if before is after:
            return {}
        out: Diff = {}
        for table in sorted({*before, *after}):
            old, new = before.get(table, {}), after.get(table, {})
            for key in sorted({*old, *new}):
                if key in new and (key not in old or old[key] != new[key]):
                    out.setdefault(table, {})[key] = new[key]
                elif key not in new:  # it is as it was in the beginning
                    out.setdefault(table, {})[key] = self._began_as(table, key)
        return out

    def _began_as(self, table: str, key: str) -> Any:
        base = getattr(self.env.session, "base", None)
        return None if base is None else base.tables.get(table, {}).get(key)

    def solvable(self) -> bool:
        """Whether the task can still be solved from here (see the module's beginning).

        Raises:
            SearchLimitError: the search was given up.
        """
        if self._solvable is None:
            self._solvable = self.outcome == "solved" if self.outcome else _Search(self).run()
        return self._solvable


class _Search:
    """One search for an order of the calls that are left."""

    def __init__(self, state: State):
        self.state, self.task = state, state.task
        self.made = 0
        self.seen: set[tuple[tuple[Key, ...], bytes]] = set()

    def run(self) -> bool:
        return self._reach(self.state)

    def _reach(self, state: State) -> bool:
        state = self._read(state)
        if not state.left:
            return self._answers(state)
        known = tuple(key for key, _ in state.left), canonical(state.env.trajectory.diff)
        if known in self.seen:
            return False
        self.seen.add(known)
        for call in {key: call for key, call in state.left if call.writes}.values():
            after = self._call(state, call)
            if after is not None and self._reach(after):
                return True
        return False

    def _read(self, state: State) -> State:
        """The state after all reading calls that are left and succeed."""
        for _, call in state.left:
            after = None if call.writes else self._call(state, call)
            if after is not None:
                return self._read(after)
        return state

    def _call(self, state: State, call: GoldCall) -> State | None:
        """The state after a call that is left; None where it is refused."""
        self.made += 1
        if self.made > MOST_CALLS:
            raise SearchLimitError
        after = state.fork()
        after.play(GoldAction(calls=(call,)))
        return after if len(after.left) < len(state.left) and not after.outcome else None

    def _answers(self, state: State) -> bool:
        after = state.fork()
        after.play(GoldAction(response=last_words(self.task)))
        return after.outcome == "solved"


def last_words(task: Task) -> str:
    """The last response of the task's gold chain."""
    return next((action.response for action in reversed(task.gold) if action.response is not None), "Done.")


def run(env: ToolEnv, task: Task, actions: Sequence[GoldAction]) -> State:
    """The state after actions, from the task's beginning; what comes after the episode's end is not played."""
    state = start(env, task)
    for action in actions:
        if state.outcome:
            break
        state.play(action)
    return state
