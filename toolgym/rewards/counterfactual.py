"""Counterfactual credit: what would the verified outcome be without this step? (Our own; no paper's.)

The episode is forked before a step, the step is left out (or replaced by a no-op), the rest is replayed as it was,
and the difference of a verified value (the final state's match, the checklist's score, the outcome) is the step's
contribution. With deterministic tools and a scripted user the credit is exact; anything else is labelled an estimate.
The rest is replayed as recorded: a later call that names what the left-out step would have made fails, as it would.

Shapley values share the whole outcome out instead: they sum to v(all steps) - v(no step), also where two steps can
stand in for each other (leave-one-out then gives both nothing). Exact up to `exact_up_to` steps (2^S replays that
share their prefixes), by sampled permutations beyond.

Shapes: S steps.
"""

import math
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, cast

import numpy as np

from toolgym.errors import ConfigError, did_you_mean
from toolgym.mcp.session import ToolSession
from toolgym.messages import Turn, render
from toolgym.rewards.checklist import checklist_score
from toolgym.rewards.state import solved, state_matches
from toolgym.tasks import Task
from toolgym.trajectory import Step, Trajectory

__all__ = ["VALUES", "Credit", "Value", "contributions", "shapley", "turns_of"]

Value = Callable[[Trajectory, Task], float]
"""A verified value of an episode, in [0, 1]."""

VALUES: dict[str, Value] = {
    "state": lambda trajectory, task: float(state_matches(trajectory, task)),
    "checklist": checklist_score,
    "outcome": lambda trajectory, task: float(solved(trajectory, task)),
}


class EnvLike(Protocol):
    """What an environment must offer to be replayed: `fork`, `step` and the record of the episode."""

    @property
    def trajectory(self) -> Trajectory: ...

    def fork(self) -> Any: ...

    def step(self, action: str, /) -> Any: ...


Start = ToolSession | EnvLike | Callable[[], ToolSession | EnvLike]
"""Where the episode begins: a session or environment in the task's fresh world, or what makes one.

A session that cannot fork must be given as a factory; each replay then starts a new one.
"""


@dataclass(frozen=True)
class Credit:
    """Credit for each step of an episode."""

    values: np.ndarray
    """(S,): each step's contribution, in [-1, 1] for values in [0, 1]."""
    v_all: float
    """The value of the whole episode."""
    v_none: float
    """The value of doing nothing."""
    exact: bool
    """Whether replaying is known to give what would have happened; False: an estimate."""
    method: Literal["leave_one_out", "no_op", "shapley", "shapley_sampled"]
    stderr: np.ndarray | None = None
    """(S,): standard errors, where permutations were sampled."""


def turns_of(trajectory: Trajectory) -> list[Turn]:
    """The turns of an episode, to be handed to `contributions` or `shapley`; without calls that were not run, because
    its budget was spent."""
    return [_turn_of(step) for step in trajectory.steps]


def _turn_of(step: Step) -> Turn:
    turn, over = step.turn, [result.outcome == "over_budget" for result in step.results]
    if not any(over):
        return turn
    run = Turn(
        turn.plan, tuple(call for call, not_run in zip(turn.calls, over, strict=False) if not not_run), turn.response
    )
    return replace(run, text=render(run))


class _Replay:
    """An episode that is being replayed: on a session or in an environment."""

    __slots__ = ("_done", "_env", "_session", "_version", "trajectory")

    def __init__(self, source: ToolSession | EnvLike, task: Task):
        self._session = source if isinstance(source, ToolSession) else None
        self._env = None if isinstance(source, ToolSession) else source
        self._version = self._session.state_version() if self._session is not None else None
        self.trajectory = Trajectory("", task.id) if self._env is None else self._env.trajectory

    @property
    def deterministic(self) -> bool:
        """Whether this is known to replay exactly: an in-process world, and no user that is played by a model."""
        if self._session is not None:
            return self._session.fork_kind == "copy" and not self._session.suspends
        return not getattr(self._env, "suspends", True)

    def fork(self) -> "_Replay":
        twin = _Replay.__new__(_Replay)
        twin._version, twin._env, twin._session = self._version, None, None
        if self._session is not None:
            twin._session = self._session.fork()
            twin.trajectory = Trajectory("", self.trajectory.task_id, steps=self.trajectory.steps.copy())
        else:
            twin._env = cast(EnvLike, self._env).fork()
            twin.trajectory = twin._env.trajectory
        return twin

    def run(self, turn: Turn) -> None:
        """Takes one step; does nothing once the episode is over."""
        if self._session is None:
            env = cast(EnvLike, self._env)
            if not env.trajectory.done:
                env.step(turn.text)
            return
        session, diff = self._session, None
        results = tuple([session.call(call) for call in turn.calls])
        if results:
            version = session.state_version()
            if version is None or version != self._version:
                self._version, diff = version, session.diff()
        self.trajectory.steps.append(Step(turn, results, diff=diff))

    def close(self) -> None:
        """Frees a session (of an environment too) where that holds anything: a server, or an episode on one."""
        source = self._env if self._session is None else self._session
        if not self.deterministic and hasattr(source, "close"):
            cast(Any, source).close()


class _Runner:
    """Replays parts of one episode and values them; every set of steps is run once."""

    def __init__(self, start: Start, task: Task, turns: Sequence[Turn], value: str | Value, no_op: Turn | None):
        self.task, self.turns, self.no_op = task, list(turns), no_op
        if isinstance(value, str):
            if value not in VALUES:
                raise ConfigError(did_you_mean(value, VALUES, "value"))
            value = VALUES[value]
        self._value = value
        self._start = start
        self._makes = callable(start) and not isinstance(start, ToolSession) and not hasattr(start, "fork")
        self._root = self.fresh()
        self.deterministic = self._root.deterministic
        self._known: dict[int, float] = {}

    def fresh(self) -> _Replay:
        """An episode before its first step."""
        source = cast(Callable[[], Any], self._start)() if self._makes else self._start
        return _Replay(cast(Any, source), self.task)

    def value(self, replay: _Replay) -> float:
        return float(self._value(replay.trajectory, self.task))

    def skip(self, replay: _Replay) -> None:
        """Takes the place of a step that is left out."""
        if self.no_op is not None:
            replay.run(self.no_op)

    def __enter__(self) -> "_Runner":
        return self

    def __exit__(self, *_: object) -> None:
        if self._makes:
            self._root.close()

    def beginning(self) -> _Replay:
        """An episode before its first step that may be written to."""
        return self._root.fork() if not self._makes or self.deterministic else self.fresh()

    def of(self, steps: int) -> float:
        """The value with the steps whose bits are set in `steps`."""
        if steps not in self._known:
            with closing(self.beginning()) as replay:
                for i, turn in enumerate(self.turns):
                    if steps >> i & 1:
                        replay.run(turn)
                    else:
                        self.skip(replay)
                self._known[steps] = self.value(replay)
        return self._known[steps]

    def all_sets(self) -> np.ndarray:
        """The values of all 2^S sets of steps, by bit mask: a tree of replays in which prefixes are run once."""
        out = np.zeros(1 << len(self.turns))

        def descend(replay: _Replay, depth: int, mask: int) -> None:
            if depth == len(self.turns):
                out[mask] = self.value(replay)
                return
            with closing(replay.fork()) as taken:
                taken.run(self.turns[depth])
                descend(taken, depth + 1, mask | 1 << depth)
            self.skip(replay)
            descend(replay, depth + 1, mask)

        with closing(self.beginning()) as replay:
            descend(replay, 0, 0)
        return out


def contributions(
    start: Start,
    task: Task,
    turns: Sequence[Turn],
    *,
    value: str | Value = "outcome",
    no_op: Turn | None = None,
    deterministic: bool | None = None,
) -> Credit:
    """Leave-one-out credit: v(all steps) - v(all but this step), for each step.

    Args:
        start: the episode's beginning (never written to: replays run on forks).
        task: what the outcome is verified against.
        turns: the episode's turns (`turns_of(trajectory)`); an environment replays their `text`.
        value: `state`, `checklist`, `outcome` or a function of (trajectory, task).
        no_op: takes the place of the step that is left out (None: nothing does).
        deterministic: whether tools and user always answer alike; None: known of in-process sessions without a model.

    Raises:
        ConfigError: an unknown value.
        ForkUnsupportedError: the session cannot fork and no factory was given.
    """
    with _Runner(start, task, turns, value, no_op) as runner:
        afresh = not runner.deterministic and runner._makes
        return (_leave_one_out_afresh if afresh else _leave_one_out)(runner, deterministic)


def _leave_one_out(runner: _Runner, deterministic: bool | None) -> Credit:
    left_out = np.zeros(len(runner.turns))
    with closing(runner.beginning()) as replay:
        for i, turn in enumerate(runner.turns):
            with closing(replay.fork()) as without:
                runner.skip(without)
                for later in runner.turns[i + 1 :]:
                    without.run(later)
                left_out[i] = runner.value(without)
            replay.run(turn)
        v_all = runner.value(replay)
    return _credit(runner, v_all - left_out, v_all, deterministic)


def _leave_one_out_afresh(runner: _Runner, deterministic: bool | None) -> Credit:
    full = (1 << len(runner.turns)) - 1
    v_all = runner.of(full)
    values = np.array([v_all - runner.of(full & ~(1 << i)) for i in range(len(runner.turns))])
    return _credit(runner, values, v_all, deterministic)


def _credit(runner: _Runner, values: np.ndarray, v_all: float, deterministic: bool | None) -> Credit:
    exact = runner.deterministic if deterministic is None else deterministic
    method = "leave_one_out" if runner.no_op is None else "no_op"
    return Credit(values, v_all, runner.of(0), exact, method)


def shapley(
    start: Start,
    task: Task,
    turns: Sequence[Turn],
    *,
    value: str | Value = "outcome",
    no_op: Turn | None = None,
    deterministic: bool | None = None,
    exact_up_to: int = 10,
    permutations: int = 64,
    seed: int = 0,
) -> Credit:
    """Shapley values of the steps: they sum to v(all) - v(none), exactly, also where permutations are sampled.

    A set of steps is replayed in the episode's order. The arguments are those of `contributions`, and:

    Args:
        exact_up_to: episodes of up to this many steps get exact values (2^S replays).
        permutations: how many are sampled beyond; each is used forwards and backwards, which lowers the variance.
        seed: of the sampling.

    Raises:
        ConfigError: an unknown value.
        ForkUnsupportedError: the session cannot fork and no factory was given.
    """
    with _Runner(start, task, turns, value, no_op) as runner:
        return _shapley(runner, deterministic, exact_up_to, permutations, seed)


def _shapley(runner: _Runner, deterministic: bool | None, exact_up_to: int, permutations: int, seed: int) -> Credit:
    known = runner.deterministic if deterministic is None else deterministic
    count = len(runner.turns)
    if count <= exact_up_to and (runner.deterministic or not runner._makes):
        v = runner.all_sets()
        return Credit(_shapley_of(v, count), float(v[-1]), float(v[0]), known, "shapley")
    if count <= exact_up_to:
        v = np.array([runner.of(mask) for mask in range(1 << count)])
        return Credit(_shapley_of(v, count), float(v[-1]), float(v[0]), known, "shapley")
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(count,)))
    pairs = np.zeros((permutations, count))
    for p in range(permutations):
        order = rng.permutation(count)
        for direction in (order, order[::-1]):
            mask, before = 0, runner.of(0)
            for i in direction:
                mask |= 1 << int(i)
                now = runner.of(mask)
                pairs[p, i] += (now - before) / 2
                before = now
    stderr = pairs.std(axis=0, ddof=1) / np.sqrt(permutations) if permutations > 1 else np.full(count, np.inf)
    full = runner.of((1 << count) - 1)
    return Credit(pairs.mean(axis=0), full, runner.of(0), False, "shapley_sampled", stderr)


def _shapley_of(v: np.ndarray, count: int) -> np.ndarray:
    """Shapley values (S,) from v of all sets (2^S,): the sum of |T|! (S-|T|-1)! / S! (v(T+i) - v(T)) over T."""
    masks = np.arange(1 << count)
    sizes = np.array([mask.bit_count() for mask in range(1 << count)])
    weight = np.zeros(max(count, 1))
    for size in range(count):
        # |T|! (S-|T|-1)! / S! = 1 / (S * comb(S-1, |T|))
        weight[size] = 1.0 / (count * math.comb(count - 1, size))
    out = np.zeros(count)
    for i in range(count):
        without = masks[(masks >> i & 1) == 0]
        out[i] = float(np.dot(weight[sizes[without]], v[without | 1 << i] - v[without]))
    return out
