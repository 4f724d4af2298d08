"""Episodes that branch: forks kept while playing, episodes that go on from them, and the values of states by forks.

Shapes: B episodes in groups of G, S steps of an episode.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

import numpy as np

from toolgym.agents.policies.lm import LMPolicy
from toolgym.agents.rollouts.branches import Branch, continuations
from toolgym.agents.rollouts.rollout import Answer, Rollout
from toolgym.agents.rollouts.watching import Watched
from toolgym.errors import InfraError

__all__ = ["ForkRecorder", "TreeRollout", "as_tree", "groups_of", "grow", "pick_states", "state_values", "states_of"]

T = TypeVar("T")


@dataclass(slots=True)
class TreeRollout(Rollout):
    """An episode with its place in the tree, or with the values of its states."""

    parent: int = -1
    """The row of its group that it forked off; -1: it began at the opening."""
    shared: int = 0
    """How many steps it shares with that row."""
    values: list[float] = field(default_factory=list)
    """The estimated value of the state before each step (S); NaN where no continuation has a return."""


class ForkRecorder(Watched):
    """An environment that keeps a fork of every state in which the agent may act; a fork that fails breaks the episode.

    Raises:
        ForkUnsupportedError: at reset: the environment's tools cannot fork.
    """

    def __init__(self, env: Any):
        super().__init__(env)
        self.forks: list[Any] = []

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Starts an episode; the forks of the one before are closed."""
        self.release()
        out = self.env.reset(seed=seed, options=options)
        self.forks.append(self.env.fork())
        return out

    def _seen(self, answer: Answer) -> Answer:
        observation, reward, terminated, truncated, info = answer
        if not (terminated or truncated):
            try:
                self.forks.append(self.env.fork())
            except InfraError:
                return observation, reward, True, False, {**info, "outcome": "infra_error"}
        return answer

    def release(self) -> None:
        """Closes the forks."""
        for fork in self.forks:
            fork.close()
        self.forks = []


def states_of(episodes: Sequence[Rollout], recorders: Sequence[ForkRecorder]) -> list[list[Branch]]:
    """The state before each step of each episode, by row; none of episodes that the infrastructure broke.

    The n-th recorder has played the n-th episode.
    """
    out: list[list[Branch]] = []
    for episode, recorder in zip(episodes, recorders, strict=False):
        forks = recorder.forks if episode.prompt_ids else []
        spans = episode.spans if episode.usable else []
        out.append(
            [
                Branch(fork, episode.prompt_ids + episode.completion_ids[:start], episode.completion_ids[start:end])
                for fork, (start, end) in zip(forks, spans, strict=False)  # no step follows some last states
            ]
        )
    return out


def pick_states(states: Sequence[Sequence[Branch]], count: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """`count` states (row, step) of a group to fork off, drawn evenly; none is drawn again while there are others.

    Openings are drawn only where there is no later state: a fork there would be one more root.
    """
    found = [(row, step) for row, group in enumerate(states) for step in range(1, len(group))]
    found = found or [(row, 0) for row, group in enumerate(states) if group]
    picks: list[tuple[int, int]] = []
    while found and len(picks) < count:
        picks += [found[at] for at in rng.permutation(len(found))[: count - len(picks)]]
    return picks


def grow(
    policy: LMPolicy,
    roots: Sequence[Rollout],
    states: Sequence[Sequence[Branch]],
    picks: Sequence[Sequence[tuple[int, int]]],
    *,
    group_size: int,
    concurrency: int,
    step_timeout_s: float | None = None,
) -> list[TreeRollout]:
    """Groups of `group_size`: their roots, then the episodes that go on from the states picked (row in group, step).

    A group without a state to pick (nothing in it could be started) is filled with broken episodes. `step_timeout_s` is
    that of `rollouts`.
    """
    number = len(roots) // len(picks)
    branches = [states[at * number + row][step] for at, group_picks in enumerate(picks) for row, step in group_picks]
    played = iter(continuations(policy, branches, 1, concurrency, step_timeout_s=step_timeout_s) if branches else [])
    out: list[TreeRollout] = []
    for at, group_picks in enumerate(picks):
        own = roots[at * number : (at + 1) * number]
        rows = [as_tree(root) for root in own]
        rows += [_join(own[row], row, step, next(played)[0]) for row, step in group_picks]
        out += rows + [TreeRollout([], outcome="infra_error") for _ in range(group_size - len(rows))]
    return out


def as_tree(rollout: Rollout, values: Sequence[float] = ()) -> TreeRollout:
    """The same episode as a `TreeRollout`."""
    return TreeRollout(**{item.name: getattr(rollout, item.name) for item in fields(Rollout)}, values=list(values))


def _join(root: Rollout, row: int, step: int, rest: Rollout) -> TreeRollout:
    """The whole episode: `root`, row `row` of its group, up to step `step`, and what followed its fork there."""
    cut = root.spans[step][0]
    return TreeRollout(
        prompt_ids=root.prompt_ids,
        completion_ids=root.completion_ids[:cut] + rest.completion_ids,
        env_mask=root.env_mask[:cut] + rest.env_mask,
        logprobs=root.logprobs[:cut] + rest.logprobs,
        entropies=root.entropies[: sum(root.env_mask[:cut])] + rest.entropies,
        types=root.types[:cut] + rest.types,
        spans=root.spans[:step] + [(start + cut, end + cut) for start, end in rest.spans],
        cut=[at for at in root.cut if at < step] + [at + step for at in rest.cut],
        usage=root.usage[:step] + rest.usage,
        rewards=root.rewards[:step] + rest.rewards,
        components=root.components[:step] + rest.components,
        outcome=rest.outcome,
        truncation=rest.truncation,
        trajectory=rest.trajectory,
        parent=row,
        shared=step,
    )


def state_values(
    policy: LMPolicy,
    states: Sequence[Sequence[Branch]],
    group_size: int,
    *,
    samples: int,
    concurrency: int,
    step_timeout_s: float | None = None,
) -> tuple[list[list[float]], int]:
    """The mean return of `samples` continuations from each state, by row and step, and the steps that they took.

    The opening of a group is one state, whose continuations all its rows share. NaN where all of them broke or have no
    score. `step_timeout_s` is that of `rollouts`.
    """
    openings = [next((row for row in group if row), None) for group in groups_of(states, group_size)]
    branches = [group[0] for group in openings if group] + [state for row in states for state in row[1:]]
    played = iter(
        continuations(policy, branches, samples, concurrency, step_timeout_s=step_timeout_s) if branches else []
    )
    turns = 0

    def value() -> float:
        nonlocal turns
        rests = next(played)
        turns += sum(len(rest.rewards) for rest in rests)
        returns = [rest.total_reward for rest in rests if rest.usable and rest.scored]
        return sum(returns) / len(returns) if returns else float("nan")

    first = [value() if group else float("nan") for group in openings]
    values = [
        [first[row // group_size]] + [value() for _ in group[1:]] if group else [] for row, group in enumerate(states)
    ]
    return values, turns


def groups_of(rows: Sequence[T], size: int) -> list[Sequence[T]]:
    """The rows in groups of `size`."""
    return [rows[at : at + size] for at in range(0, len(rows), size)]
