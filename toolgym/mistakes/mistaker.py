"""Makes a chain of a wrong decision and of what follows from it, and plays it before it counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from toolgym.domain import Domain
from toolgym.env import ToolEnv
from toolgym.errors import TaskError
from toolgym.messages import Turn, render
from toolgym.mistakes.kinds import DECISIONS, WEIGHTS, Chain, Wrong
from toolgym.mistakes.values import all_leaves, exchanged, learn_all, leaves
from toolgym.tasks import GoldAction, Task
from toolgym.trajectory import ToolResult

__all__ = ["KINDS", "Mistake", "Mistaker"]

_CLOSING_TURNS: Final = 4
KINDS: Final = tuple(DECISIONS)
"""The kinds of wrong decisions."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """A chain with one wrong decision."""

    actions: tuple[GoldAction, ...]
    kind: str
    place: int
    """The index of the first action that differs from the gold chain's."""
    recovers: bool = False
    """Whether the chain goes on right: a tool refused the wrong call."""


@dataclass(frozen=True, slots=True)
class _Played:
    """What the tools answered, one tuple an action, one result a call, and how it ended."""

    results: tuple[tuple[ToolResult, ...], ...]
    outcome: str


class Mistaker:
    """Makes wrong chains of a domain's tasks.

    Args:
        domain: whose tasks; gold chains are played on sessions of its own.
    """

    def __init__(self, domain: Domain):
        self.domain = domain
        self._envs: dict[str, ToolEnv] = {}

    def make(self, task: Task, rng: np.random.Generator) -> Mistake | None:
        """The task's gold chain with one wrong decision in it; None where none was found that is wrong.

        Args:
            task: a task of the domain with a gold chain.
            rng: decides on place and kind.

        Raises:
            TaskError: the gold chain does not execute.
        """
        chain = self.chain(task, rng)
        for place in rng.permutation(len(task.gold)).tolist():
            for kind in sorted(KINDS, key=lambda kind: -rng.exponential() * WEIGHTS.get(kind, 1.0)):
                made = self.at(chain, place, kind)
                if made is not None:
                    return made
        return None

    def chain(self, task: Task, rng: np.random.Generator) -> Chain:
        """The task's gold chain, played: what mistakes are made in, by the dice `rng`.

        Raises:
            TaskError: it does not execute.
        """
        env = self._env(task)
        played = self._play(env, task, task.gold)
        if any(result.is_error for results in played.results for result in results):
            raise TaskError(f"the gold chain of {task.id} does not execute")
        return Chain(task, played.results, {tool.name: tool for tool in env.tools}, rng)

    def at(self, chain: Chain, place: int, kind: str) -> Mistake | None:
        """The chain with a wrong decision of that kind at that place; None where there is none that is wrong."""
        wrong = DECISIONS[kind](chain, place)
        return None if wrong is None else self._follow(self._env(chain.task), chain, place, kind, wrong)

    def maybe(self, task: Task, rng: np.random.Generator, rate: float = 0.55) -> tuple[GoldAction, ...]:
        """The gold chain, with probability `rate` in [0, 1] with a wrong decision in it."""
        if rng.random() >= rate:
            return task.gold
        mistake = self.make(task, rng)
        return task.gold if mistake is None else mistake.actions

    def close(self) -> None:
        """Closes its sessions."""
        for env in self._envs.values():
            env.close()
        self._envs.clear()

    def _env(self, task: Task) -> ToolEnv:
        user = "scripted" if task.user.actions else "none"  # one that acts is part of the world
        if user not in self._envs:
            self._envs[user] = ToolEnv(self.domain, user=user)
        return self._envs[user]

    def _play(self, env: ToolEnv, task: Task, actions: Sequence[GoldAction]) -> _Played:
        env.reset(options={"task": task})
        outcome = ""
        for action in actions:
            outcome = _step(env, action)
            if outcome:
                break
        return _Played(tuple(step.results for step in env.trajectory.steps), outcome or _closed(env))

    def _follow(self, env: ToolEnv, chain: Chain, place: int, kind: str, wrong: Wrong) -> Mistake | None:
        """Plays the gold chain up to the place, the wrong decision, and what follows from it. None: it is not wrong, or
        a tool refuses another call than the one that it is about."""
        actions = list(chain.actions[:place])
        self._play_open(env, chain.task, actions)
        told = chain.told
        ended = ""
        for number, action in enumerate(wrong.instead):
            if not (wrong.refused or wrong.invents or _knows(env, chain, told, action)):
                return None
            ended = ended or _step(env, action)
            actions.append(action)
            refused = any(result.is_error for result in env.trajectory.steps[-1].results)
            if refused != (wrong.refused and number == 0):
                return None
        if wrong.swaps is not None:
            swaps = dict(wrong.swaps)
            if not wrong.refused and wrong.skips == len(wrong.instead):
                for offset in range(wrong.skips):
                    shown = env.trajectory.steps[place + offset].results
                    learn_all(swaps, chain.results[place + offset], shown)
            for at in range(place + wrong.skips, len(chain.actions)):
                if ended:
                    return None
                action = exchanged(chain.actions[at], swaps)
                if not _knows(env, chain, told, action):
                    return None
                ended = _step(env, action)
                actions.append(action)
                results = env.trajectory.steps[-1].results
                if any(result.is_error for result in results):
                    return None
                learn_all(swaps, chain.results[at], results)
        outcome = ended or _closed(env)
        recovers = wrong.refused and outcome == "solved"
        if tuple(actions) == chain.actions or (outcome == "solved" and not recovers):
            return None
        return Mistake(tuple(actions), kind, place, recovers)

    def _play_open(self, env: ToolEnv, task: Task, actions: Sequence[GoldAction]) -> None:
        env.reset(options={"task": task})
        for action in actions:
            _step(env, action)


def _step(env: ToolEnv, action: GoldAction) -> str:
    """Plays an action; the episode's outcome where it ends with it, else ""."""
    turn = Turn(plan=action.plan, calls=tuple(call.call() for call in action.calls), response=action.response)
    *_, terminated, truncated, info = env.step(render(turn))
    return info["outcome"] if terminated or truncated else ""


def _closed(env: ToolEnv) -> str:
    """The outcome, once the user has nothing more to say."""
    for _ in range(_CLOSING_TURNS):
        outcome = _step(env, GoldAction(response="Is there anything else?"))
        if outcome:
            return outcome
    return "unsolved"


def _knows(env: ToolEnv, chain: Chain, told: str, action: GoldAction) -> bool:
    """Whether the action names nothing that only the gold chain was shown."""
    shown = {leaf for step in env.trajectory.steps for leaf in all_leaves(step.results)}
    hidden = [leaf for leaf in chain.shown - shown if str(leaf) not in told]
    named = {leaf for call in action.calls for _, leaf in leaves(call.arguments)}
    text = f"{action.plan} {action.response}"
    return not any(leaf in named or str(leaf) in text for leaf in hidden)
