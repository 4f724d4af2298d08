"""StepTool: step-grained rewards (Yu et al., Eq. 3).

    r_t = alpha * SuccCalling(a_t, s_t+1) + Contribution(a_t, a_T)    for t < T
    r_T = IsSolved(q, a_T)

Scales (the paper normalises "to a uniform scale"): SuccCalling is 0 or 1, Contribution 0 to 5 over 5, IsSolved 0, 1/2
or 1 for unsolved, unsure, solved; with `scale="steps"` intermediate rewards are also divided by `1 + alpha`, so that
all lie in [0, 1] a call. `scale="published"` is the published annotation's, `(SuccCalling + Contribution) / 6` with the
contribution from 0 to 5: in [0, 1] a call, and without alpha.

The paper's step is one call. A turn of several parallel calls is so many of its steps here (`unit="call"`), so that the
same calls earn the same in however many turns they are made; `unit="turn"` takes a turn for one step, under which the
calls of a parallel turn earn more when they are made one by one.

`source="reference_code"` multiplies step k of S by `S - k - 1`, as the published code does and the paper does not:
the last step's reward is then always 0. Acquisition is by rule, by program (checklist, counterfactual) or by a judge:
see `Contribution`.

Shapes: S steps of an episode.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from toolgym.errors import ConfigError, did_you_mean
from toolgym.rewards.base import Reward, register
from toolgym.rewards.checklist import checklist_term, includes
from toolgym.rewards.state import solved, state_matches
from toolgym.tasks import Task
from toolgym.trajectory import Step, ToolResult, Trajectory
from toolgym.world import canonical

__all__ = [
    "MAX_CONTRIBUTION",
    "Contribution",
    "StepToolOptions",
    "StepToolTerm",
    "error_shaped",
    "gold_contribution",
    "is_solved",
    "step_rewards",
    "succ_calling",
]

MAX_CONTRIBUTION = 5.0
"""The top of the paper's scale for a step's contribution."""

Contribution = Callable[[Trajectory, Task], float | None]
"""Scores the latest step from 0 to 5; None where the score is missing (a judge failed), which counts as 0."""

_ERROR_TEXT = re.compile(
    r"\s*[\[({\"']*\s*(?:error|exception|traceback|invalid|failed|failure|not found|missing|no such|unknown"
    r"|unauthori[sz]ed|forbidden|bad request|unable to|cannot|can't|could not|please (?:provide|specify|enter)"
    r"|[45]\d\d\b)",
    re.IGNORECASE,
)
_ERROR_KEYS = ("error", "errors", "exception", "detail")
_OK_VALUES = (None, "", False, 0, [], {})
_PLEA = re.compile(r"please (?:provide|specify|enter|supply)|is (?:empty|required|missing|invalid)", re.IGNORECASE)
_LOOKED_AT = 300  # characters: longer texts are results that may well speak of errors


def error_shaped(result: ToolResult) -> bool:
    """Whether a result that was not flagged as an error reads like one: it starts so, or has an error field.

    The paper's example, "Since the search parameter is empty, please provide the name of an author...", is one.
    """
    if result.structured is not None:
        fields = result.structured.get("result", result.structured)
        if isinstance(fields, dict) and any(fields.get(key) not in _OK_VALUES for key in _ERROR_KEYS if key in fields):
            return True
        if isinstance(fields, dict) and (fields.get("success") is False or fields.get("ok") is False):
            return True
        if not isinstance(fields, str):
            return False
    text = result.text[:_LOOKED_AT]
    return bool(_ERROR_TEXT.match(text) or (len(result.text) <= _LOOKED_AT and _PLEA.search(text)))


def _succeeded(result: ToolResult) -> bool:
    return result.outcome == "ok" and not result.is_error and not error_shaped(result)


def succ_calling(step: Step) -> float:
    """SuccCalling in {0, 1}: the step made well-formed calls, and none failed by flag or by the look of its result."""
    calls, results = step.turn.calls, step.results
    if not calls or step.turn.problems or len(results) < len(calls):
        return 0.0
    return float(all(map(_succeeded, results)))


def gold_contribution(trajectory: Trajectory, task: Task) -> float:
    """Contribution in [0, 5] by rule: the share of the step's calls that do a gold call which was not yet done.

    A call does a gold call of its name when it succeeded and its arguments include the gold ones; each gold call
    counts once.
    """
    steps = trajectory.steps
    if not steps or not steps[-1].turn.calls:
        return 0.0
    open_calls = list(task.gold_calls)
    done = 0
    for step in steps:
        done = 0
        for call, result in zip(step.turn.calls, step.results, strict=False):
            if result.is_error:
                continue
            for i, gold in enumerate(open_calls):
                if gold.name == call.name and includes(call.arguments, gold.arguments):
                    del open_calls[i]
                    done += 1
                    break
    return MAX_CONTRIBUTION * done / len(steps[-1].turn.calls)


def checklist_contribution(trajectory: Trajectory, task: Task) -> float:
    """Contribution in [0, 5] by program: the checklist share that each of the step's calls gained on average; a gold
    call's fair share gives 5.
    """
    calls = len(trajectory.steps[-1].turn.calls) if trajectory.steps else 0
    fair = max(1, len(task.gold_calls)) / max(1, calls)
    return MAX_CONTRIBUTION * min(1.0, max(0.0, checklist_term(trajectory, task)) * fair)


_CONTRIBUTIONS: dict[str, Contribution] = {"gold": gold_contribution, "checklist": checklist_contribution}


def is_solved(trajectory: Trajectory, task: Task) -> float:
    """IsSolved in {0, 1/2, 1}: unsolved, unsure, solved.

    Unsure: the world was changed as it should be, but a required item of the checklist (what the user must be told) is
    missing. An episode that was cut off is unsolved.
    """
    if trajectory.truncation is not None or trajectory.outcome in ("truncated", "infra_error"):
        return 0.0
    if solved(trajectory, task):
        return 1.0
    return 0.5 if task.gold_diff and state_matches(trajectory, task) else 0.0


@dataclass(frozen=True, slots=True)
class StepToolOptions:
    """How Eq. 3 is computed."""

    alpha: float = 0.1
    """Scales SuccCalling. Small, because a call that merely succeeds is no progress (the paper gives no value)."""
    contribution: str | Contribution = "gold"
    """`gold` (rule), `checklist` (program), or any callable: a judge, or counterfactual credit looked up by step."""
    step_reward: bool = True
    """Off: the paper's ablation without intermediate rewards."""
    scale: Literal["components", "steps", "published"] = "components"
    source: Literal["paper", "reference_code"] = "paper"
    guard: bool = True
    """Ours: SuccCalling pays for each different call once, and for no more calls than the gold chain has."""
    unit: Literal["call", "turn"] = "call"
    """What a step of the paper is: each call of a turn, or the turn."""

    def __post_init__(self) -> None:
        if isinstance(self.contribution, str) and self.contribution not in _CONTRIBUTIONS:
            raise ConfigError(did_you_mean(self.contribution, _CONTRIBUTIONS, "contribution"))
        if self.scale not in ("components", "steps", "published"):
            raise ConfigError(did_you_mean(str(self.scale), ["components", "steps", "published"], "scale"))
        if self.scale == "published" and self.alpha != StepToolOptions.__dataclass_fields__["alpha"].default:
            raise ConfigError(f"alpha={self.alpha} would have no effect with scale='published', which has none")
        if self.alpha < 0:
            raise ConfigError(f"alpha is {self.alpha}; it scales SuccCalling and is at least 0.")

    def contribute(self, trajectory: Trajectory, task: Task) -> float:
        """The latest step's contribution over 5, clipped to [0, 1], once a call (or once); a missing score is 0."""
        score = self.contribution if callable(self.contribution) else _CONTRIBUTIONS[self.contribution]
        value = score(trajectory, task)
        steps = max(1, len(trajectory.steps[-1].turn.calls)) if self.unit == "call" else 1
        return 0.0 if value is None else steps * min(1.0, max(0.0, value / MAX_CONTRIBUTION))


def _successes(step: Step, options: StepToolOptions) -> int:
    """How many of the paper's steps the step is whose calls succeeded."""
    if options.unit == "turn":
        return int(succ_calling(step))
    return 0 if step.turn.problems else sum(map(_succeeded, step.results))


def _paid(trajectory: Trajectory, task: Task, options: StepToolOptions) -> int:
    """The guard: the latest step's successes whose calls are new, as far as the episode's paid ones are not used up."""
    left, seen, now = max(1, len(task.gold_calls)), set(), 0
    for step in trajectory.steps:
        calls = [(call.name, canonical(call.arguments)) for call in step.turn.calls]
        if options.unit == "turn":
            now = int(not seen.intersection(calls)) * _successes(step, options)
        else:
            fresh = [call not in seen and call not in calls[:place] for place, call in enumerate(calls)]
            done = map(_succeeded, step.results) if not step.turn.problems else ()
            now = sum(new and good for new, good in zip(fresh, done, strict=False))
        seen.update(calls)
        for call, result in zip(calls, step.results, strict=False):
            if result.outcome == "unavailable":  # it did nothing, and must be made again
                seen.discard(call)
        now = min(now, left)
        left -= now
    return now


def _intermediate(trajectory: Trajectory, task: Task, options: StepToolOptions) -> float:
    if not options.step_reward:
        return 0.0
    success = _successes(trajectory.steps[-1], options)
    if success and options.alpha and options.guard:
        success = _paid(trajectory, task, options)
    if options.scale == "published":
        return (success + MAX_CONTRIBUTION * options.contribute(trajectory, task)) / (1 + MAX_CONTRIBUTION)
    value = options.alpha * success + options.contribute(trajectory, task)
    return value / (1 + options.alpha) if options.scale == "steps" else value


def step_rewards(trajectory: Trajectory, task: Task, options: StepToolOptions | None = None) -> np.ndarray:
    """Eq. 3 for a finished episode: (S,)."""
    options = options or StepToolOptions()
    count = len(trajectory.steps)
    rewards = np.zeros(count)
    for k, prefix in enumerate(trajectory.prefixes()):
        if k < count - 1:
            rewards[k] = _intermediate(prefix, task, options)
    if count:
        rewards[-1] = is_solved(trajectory, task)
    if options.source == "reference_code":
        rewards *= np.arange(count - 1, -1, -1)
    return rewards


@dataclass(frozen=True, slots=True)
class StepToolTerm:
    """Eq. 3 for the latest step: intermediate while the episode runs, IsSolved at its last step.

    `source="reference_code"` needs the number of steps, so that the term gives 0 until the end and then the sum of
    `step_rewards`; trainers that want it by step call `step_rewards`.
    """

    options: StepToolOptions = StepToolOptions()

    def __call__(self, trajectory: Trajectory, task: Task, /) -> float:
        if not trajectory.steps:
            return 0.0
        if self.options.source == "reference_code":
            return float(step_rewards(trajectory, task, self.options).sum()) if trajectory.done else 0.0
        return is_solved(trajectory, task) if trajectory.done else _intermediate(trajectory, task, self.options)


def from_scores(scores: Sequence[float | None]) -> Contribution:
    """A contribution that looks up scores (0 to 5) by step: a judge's, or counterfactual credit, of a whole episode."""

    def look_up(trajectory: Trajectory, task: Task) -> float | None:
        at = len(trajectory.steps) - 1
        return scores[at] if at < len(scores) else None

    return look_up


def steptool_reward(
    *,
    alpha: float = 0.1,
    contribution: str | Contribution = "gold",
    step_reward: bool = True,
    scale: Literal["components", "steps", "published"] = "components",
    source: Literal["paper", "reference_code"] = "paper",
    guard: bool = True,
    unit: Literal["call", "turn"] = "call",
) -> Reward:
    """StepTool's step-grained reward; the options are those of `StepToolOptions`."""
    options = StepToolOptions(alpha, contribution, step_reward, scale, source, guard, unit)
    return Reward({"steptool": StepToolTerm(options)}, {})


register("steptool", steptool_reward)
