"""Where an episode loses its task: told exactly, by what is left of the gold chain, played on in a fork.

A state is *alive* where the rest of the task's gold chain, played from it, still solves the task. The first step behind
which that is no longer so *lost* the task, whatever came later. That nothing but the gold chain could have saved it is
an assumption: docs/hazard.md measures it.

Shapes: B episodes, S steps.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import chain, repeat
from typing import Any

from toolgym.agents.policies.scripted import gold_turn
from toolgym.agents.rollouts.rollout import Answer, Rollout
from toolgym.agents.rollouts.watching import Watched
from toolgym.errors import ConfigError, ForkUnsupportedError, InfraError
from toolgym.messages import ToolCall, Turn, render
from toolgym.perturbing import Retrying
from toolgym.tasks import GoldAction, GoldCall
from toolgym.trajectory import Step

__all__ = ["SurvivalRecorder", "SurvivalRollout", "after_step", "with_survival"]

Rest = tuple[GoldAction, ...]
"""What is left of a gold chain."""
_GOODBYES = 2
"""Words behind a chain whose user still waits for an end, as demonstrations have them."""


@dataclass(slots=True)
class SurvivalRollout(Rollout):
    """An episode with what it left to do, step by step."""

    lost: int | None = None
    """The step that lost the task: the last one, where a limit of the environment's ended what was still alive. None:
    it was solved, or still alive when the policy's context was full or the infrastructure failed."""
    left: list[tuple[str, ...]] = field(default_factory=list)
    """What was left of the gold chain before each step and at the end (S + 1), each action by its tools' names, the
    domain's own where an episode has others; a response is ""."""


class SurvivalRecorder(Watched):
    """An environment that knows after each step whether its task can still be solved.

    The rest of the gold chain is played in a fork behind a step that wrote something else than the chain's next action,
    or spoke to the user: no other step can lose a task, for one that only reads, or is refused, changes nothing.

    Args:
        env: the environment.
        cut: end the episode as unsolved with the step that lost its task.

    Raises:
        ConfigError: at reset: the task has no gold chain.
        ForkUnsupportedError: at reset: the environment's tools cannot fork.
    """

    def __init__(self, env: Any, *, cut: bool = False):
        super().__init__(env)
        self.cut = cut
        self.left: list[tuple[str, ...]] = []
        self.lost: int | None = None
        self.fork_steps = 0
        """Steps that were played in forks, of the latest episode."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Starts an episode."""
        out = self.env.reset(seed=seed, options=options)
        inner = self.unwrapped
        if inner.session.fork_kind == "none":
            raise ForkUnsupportedError("Where a task was lost is found in forks, and these tools cannot fork")
        self._rest: Rest = tuple(inner.task.gold)
        if not self._rest:
            raise ConfigError(f"Task {inner.task.id!r} has no gold chain: where it is lost cannot be told")
        self._reading = {tool.name for tool in inner.tools if tool.writes is False}
        names = None if inner.perturbation is None else inner.perturbation.names
        self._original = {} if names is None else {here: name for name, here in names.tools.items()}
        self.left, self.lost, self.fork_steps = [_names(self._rest, self._original)], None, 0
        return out

    def _seen(self, answer: Answer) -> Answer:
        observation, reward, terminated, truncated, info = answer
        over, number = terminated or truncated, len(self.left) - 1
        if self.lost is None and info.get("outcome") != "infra_error":
            try:
                self._look(info.get("outcome") if over else None, over, number)
            except InfraError as error:
                return observation, reward, True, False, {**info, "outcome": "infra_error", "error": str(error)}
        self.left.append(_names(self._rest, self._original))
        if self.lost == number and self.cut and not over:
            return observation, reward, True, False, {**info, "outcome": "unsolved"}
        return answer

    def _look(self, outcome: str | None, over: bool, number: int) -> None:
        """Takes the latest step: what it left, and whether it lost the task."""
        rests, doubtful = after_step(self._rest, self.trajectory.steps[-1], self._reading)
        if over:
            self._rest = () if outcome == "solved" else rests[0]
            self.lost = None if outcome == "solved" else number
        elif not doubtful:
            self._rest = rests[0]
        else:
            alive = next((rest for rest in rests if self._solves(rest)), None)
            self._rest = rests[0] if alive is None else alive
            self.lost = number if alive is None else None

    def _solves(self, rest: Rest) -> bool:
        """Whether the rest of a gold chain solves the task from here."""
        fork = self.unwrapped.fork()
        try:
            turns = Retrying(chain(map(gold_turn, rest), repeat(Turn(response="Done."), _GOODBYES)))
            for turn in turns:
                _, _, terminated, truncated, info = fork.step(render(turn, "toolgym"))
                self.fork_steps += 1
                if info.get("outcome") == "infra_error":
                    raise InfraError(str(info.get("error", "a fork broke")))
                if terminated or truncated:
                    return info.get("outcome") == "solved"
                turns.hear(info)
            return False
        finally:
            fork.close()


def after_step(rest: Rest, step: Step, reading: set[str]) -> tuple[list[Rest], bool]:
    """What a step may have left of the rest of a gold chain, likeliest first, and whether it may have lost the task.

    A successful call does the first action that makes the same call; a response does the next action where that is a
    response, or nothing.

    Args:
        rest: what was left before it.
        step: the step.
        reading: the names of tools that write nothing.
    """
    left, doubtful = list(rest), False
    for call, result in zip(step.turn.calls, step.results, strict=False):
        if result.is_error:
            continue
        at = next((at for at, action in enumerate(left) if _place(action, call) is not None), None)
        doubtful |= at != 0 and call.name not in reading
        if at is not None:
            calls = list(left[at].calls)
            del calls[_place(left[at], call) or 0]
            if calls or left[at].response is not None:
                left[at] = left[at].model_copy(update={"calls": tuple(calls)})
            else:
                del left[at]
    if step.turn.response is None:
        return [tuple(left)], doubtful
    spoken = bool(left) and not left[0].calls
    return ([tuple(left[1:])] if spoken else []) + [tuple(left)], True


def _place(action: GoldAction, call: ToolCall) -> int | None:
    return next((at for at, gold in enumerate(action.calls) if _same(gold, call)), None)


def _same(gold: GoldCall, call: ToolCall) -> bool:
    return gold.name == call.name and _canonical(gold.arguments) == _canonical(call.arguments)


def _canonical(arguments: Any) -> str:
    return json.dumps(arguments, sort_keys=True, default=str)


def _names(rest: Rest, original: Mapping[str, str]) -> tuple[str, ...]:
    """Each action by its tools' names, those that they have in other episodes too (`original`: by the episode's)."""
    return tuple("+".join(sorted({original.get(call.name, call.name) for call in action.calls})) for action in rest)


def with_survival(episodes: Sequence[Rollout], recorders: Sequence[SurvivalRecorder]) -> list[SurvivalRollout]:
    """Episodes with what their recorders know: the n-th recorder has played the n-th episode."""
    out = []
    for episode, recorder in zip(episodes, recorders, strict=False):
        one = SurvivalRollout(**{item.name: getattr(episode, item.name) for item in fields(Rollout)})
        if episode.usable and episode.prompt_ids:
            one.lost, one.left = recorder.lost, list(recorder.left)
        out.append(one)
    return out
