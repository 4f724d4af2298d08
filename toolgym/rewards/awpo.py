"""AWPO's outcome reward and mixed reward (AWPO §3.2, Eq. 14–20).

    R_out = S_format + S_exec                                        in [0, 2]
    S_exec = (r_name + r_para + r_value) / (1 + |T| + sum_i |v(T_i)|)  in [0, 1]
    R_mix = R_out + R_reasoning                                      in [0, 3]

`T` are the gold calls and `v(T_i)` the parameters of the i-th. Decisions: P_P(T_i), "the prediction's parameters of
T_i", are those of the predicted call matched with T_i, one to one among calls of one name, so that the sum is largest;
empty gold with an empty prediction scores 1. A reasoning score is missing where the judge failed: then there is no
mixed reward, never one with 0 in its place.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from toolgym.errors import ConfigError, did_you_mean
from toolgym.messages import Turn, parse
from toolgym.rewards.aligned import GoldMessage, attempt, improvement
from toolgym.rewards.base import Reward, Term, register
from toolgym.rewards.facts_told import facts_told
from toolgym.rewards.judge import reasoning_of
from toolgym.rewards.judge_offline import OfflineJudge
from toolgym.rewards.matching import CallForm, assign, forms, jaccard
from toolgym.rewards.structural import format_valid
from toolgym.rewards.text import Gold, gold_turn, text_episode
from toolgym.tasks import Task
from toolgym.trajectory import Trajectory

__all__ = ["awpo_reward", "exec_score", "format_score", "mixed_reward", "outcome_reward", "pays_reasoning"]

Reasoning = Callable[[Trajectory, Task], float | None]
"""Scores the latest step's reasoning in [0, 1]; None where there is no judgement."""


def format_score(turn: Turn, gold: Turn, *, plan: bool = True) -> float:
    """S_format (Eq. 15) in {0, 1}: well-formed, calls and response where the gold has them, reasoning if `plan`."""
    return float(format_valid(turn, calls=bool(gold.calls), response=gold.response is not None, plan=plan))


def name_score(gold: Sequence[CallForm], predicted: Sequence[CallForm]) -> float:
    """r_name (Eq. 16) in [0, 1]: Jaccard similarity of the sets of tool names."""
    return jaccard({call.name for call in gold}, {call.name for call in predicted})


def param_and_value_scores(gold: Sequence[CallForm], predicted: Sequence[CallForm]) -> tuple[float, int]:
    """r_para (Eq. 17) in [0, |T|] and r_value (Eq. 18) in [0, sum |v(T_i)|], over the best matching of calls."""
    scores = [
        [jaccard(g.keys, p.keys) + len(g.items & p.items) if g.name == p.name else 0.0 for p in predicted] for g in gold
    ]
    names, values = 0.0, 0
    for i, j in assign(scores):
        if gold[i].name == predicted[j].name:
            names += jaccard(gold[i].keys, predicted[j].keys)
            values += len(gold[i].items & predicted[j].items)
    return names, values


def exec_score(gold: Sequence[CallForm], predicted: Sequence[CallForm]) -> float:
    """S_exec (Eq. 19) in [0, 1]; 1 when there are neither gold nor predicted calls."""
    names, values = param_and_value_scores(gold, predicted)
    most = 1 + len(gold) + sum(len(call.keys) for call in gold)
    return (name_score(gold, predicted) + names + values) / most


def outcome_reward(turn: Turn, gold: Turn, *, plan: bool = True) -> float:
    """R_out (Eq. 14) in [0, 2]."""
    return format_score(turn, gold, plan=plan) + exec_score(forms(gold.calls), forms(turn.calls))


def mixed_reward(outcome: float, reasoning: float | None) -> float | None:
    """R_mix (Eq. 20) in [0, 3]; None where the judgement is missing."""
    return None if reasoning is None else outcome + reasoning


@dataclass(frozen=True, slots=True)
class AWPOTerm:
    """A part of the outcome reward of the latest step, against the gold action that it attempts
    (`toolgym.rewards.aligned`).
    """

    part: Literal["format", "exec"]
    plan: bool = True

    def __call__(self, trajectory: Trajectory, task: Task, /) -> float:
        return improvement(self.of_message, trajectory, task)

    def of_message(self, turn: Turn, gold: GoldMessage, /) -> float:
        """The part's score of a message against a gold action."""
        if self.part == "format":
            # Where the gold acts without a plan (most answers), none is asked for: the gold earns the most there is.
            return format_score(turn, gold.turn, plan=self.plan and gold.turn.plan is not None)
        return exec_score(gold.forms, forms(turn.calls))


def pays_reasoning(trajectory: Trajectory, task: Task) -> bool:
    """Whether the latest step is the first attempt at a gold action, which R_reasoning is paid for."""
    if not trajectory.steps or not task.gold:
        return False
    gold, earlier = attempt(trajectory, task)
    return gold is not None and not earlier


@dataclass(frozen=True, slots=True)
class ReasoningTerm:
    """R_reasoning of the latest step in [0, 1]; NaN where the judgement is missing, so that no one takes it for a 0.

    Paid for the first attempt at a gold action, so that thinking aloud again and again earns nothing: 0 for others.
    """

    judge: Reasoning

    def __call__(self, trajectory: Trajectory, task: Task, /) -> float:
        if not pays_reasoning(trajectory, task):
            return 0.0
        value = self.judge(trajectory, task)
        return float("nan") if value is None else value


def awpo_reward(*, plan: bool = True, judge: Reasoning | str | None = None, reasoning: float = 1.0) -> Reward:
    """AWPO's outcome reward for every step; with a judge, the mixed reward.

    Args:
        plan: whether the format asks for reasoning, where the gold action has some.
        judge: scores the reasoning of the latest step (`toolgym.rewards.judge.reasoning_of` makes one of a judge), or
            `"offline"`: the rule-based judge, or `"facts"`: what was told
            (`toolgym.rewards.facts_told`). None: R_out alone.
        reasoning: the weight of its score.
    """
    terms: dict[str, Term] = {"format": AWPOTerm("format", plan), "exec": AWPOTerm("exec", plan)}
    scorer = _reasoning(judge)
    if scorer is not None:
        terms["reasoning"] = ReasoningTerm(scorer)
    return Reward(terms, {"reasoning": reasoning})


def awpo_text(
    completion: str,
    gold: Gold,
    *,
    plan: bool = True,
    judge: Reasoning | str | None = None,
    reasoning: float = 1.0,
    tools: Sequence[str] = (),
) -> dict[str, float]:
    """`total`, `format`, `exec`, the parts of the latter (`name`, `params`, `values`: Eq. 16–18 as printed, not
    normalised) and, where the judge gave one, `reasoning`; where it gave none, `total` is NaN. `tools` names the tools
    that exist, for `judge="offline"`: text has no server that would say which are invented.
    """
    turn, wanted = parse(completion), gold_turn(gold)
    gold_forms, made = forms(wanted.calls), forms(turn.calls)
    params, values = param_and_value_scores(gold_forms, made)
    form, execution = format_score(turn, wanted, plan=plan), exec_score(gold_forms, made)
    out = {"total": form + execution, "format": form, "exec": execution}
    out |= {"name": name_score(gold_forms, made), "params": params, "values": float(values)}
    scorer = _reasoning(judge, tools)
    if scorer is None:
        return out
    score = scorer(*text_episode(completion, gold))
    if score is not None:
        out["reasoning"] = score
    if reasoning:
        out["total"] += math.nan if score is None else reasoning * score
    return out


def _reasoning(judge: Reasoning | str | None, tools: Sequence[str] = ()) -> Reasoning | None:
    if not isinstance(judge, str):
        return judge
    if judge == "facts":
        return facts_told
    if judge != "offline":
        raise ConfigError(did_you_mean(judge, ["offline", "facts"], "judge"))
    return reasoning_of(OfflineJudge(), tools)


register("awpo", awpo_reward, awpo_text)
