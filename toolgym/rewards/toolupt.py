"""ToolUPT's outcome reward and token process reward (ToolUPT §3.2.1, Eq. 3–14).

Shapes: T tokens of one response.

Decisions (see the equations' docstrings): in Eq. 10 the sum runs over the gold calls and is divided by
max(#gold, #predicted); no gold and no predicted calls give 1. λ1, λ2, λ3 are not printed: the default is a third each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from toolgym.errors import ConfigError
from toolgym.formats.openai import find_message
from toolgym.formats.tagged import all_name_arguments
from toolgym.messages import ToolCall, Turn, parse, segments
from toolgym.rewards.aligned import GoldMessage, improvement
from toolgym.rewards.base import Reward, register
from toolgym.rewards.matching import CallForm, forms, jaccard
from toolgym.rewards.text import Gold, gold_turn
from toolgym.tasks import Task
from toolgym.trajectory import Trajectory

__all__ = [
    "HIGHEST",
    "LOWEST",
    "ToolUPTWeights",
    "correctness_reward",
    "format_reward",
    "params_reward",
    "token_rewards",
    "toolupt_reward",
]

HIGHEST, LOWEST = 4.0, -3.0
"""The bounds of the outcome reward (Eq. 12), and the two values of the process reward (Eq. 13)."""


@dataclass(frozen=True, slots=True)
class ToolUPTWeights:
    """λ1, λ2, λ3 of Eq. 11: not negative, with sum 1."""

    syntax: float = 1 / 3
    name: float = 1 / 3
    params: float = 1 / 3

    def __post_init__(self) -> None:
        parts = (self.syntax, self.name, self.params)
        if min(parts) < 0 or abs(sum(parts) - 1) > 1e-9:
            raise ConfigError(f"ToolUPT's weights must not be negative and must add up to 1 (Eq. 11); got {parts}.")


def format_reward(turn: Turn, gold: Turn) -> float:
    """R_format (Eq. 3) in {0, 1}: the message begins and ends with the tags that the gold's kind asks for.

    Gold with calls: `<tool_call>` … `</tool_call>`; other gold: `<answer>` … `</answer>` (in other formats their
    response). In ToolUPT's own format nothing may stand before; elsewhere the format's plan may.
    """
    if turn.format == "openai":
        return float(not turn.problems and bool(turn.calls) == bool(gold.calls))
    if any(problem.kind in ("unclosed_tag", "stray_text") for problem in turn.problems):
        return 0.0
    text = turn.text.strip()
    if turn.format != "toolupt":
        text = text[_end_of_plan(text) :].lstrip()
    if turn.format == "hermes":
        if not gold.calls and turn.response is not None and "</" not in text:
            return 1.0
        text = text[max(text.find("<tool_call>"), 0) :]
    first, last = "tool_call" if gold.calls else "answer", "answer" if gold.response is not None else "tool_call"
    return float(text.startswith(_OPENING[first]) and text.endswith(_CLOSING[last]))


def _end_of_plan(text: str) -> int:
    return max((span.end for span in segments(text, "toolgym") if span.type == "tag_plan"), default=0)


_OPENING = {"tool_call": ("<tool_call>",), "answer": ("<answer>", "<response>")}
_CLOSING = {"tool_call": ("</tool_call>",), "answer": ("</answer>", "</response>")}


def syntax_reward(turn: Turn) -> float:
    """r_syntax (Eq. 4) in {0, 1}: there are calls, every one is well-formed, and each names its tool and parameters:
    `"params": {}` (elsewhere `"arguments": {}`) where it takes none, as the paper's prompt asks for.
    """
    if not turn.calls or any(problem.kind != "stray_text" for problem in turn.problems):
        return 0.0
    if all(call.arguments for call in turn.calls):
        return 1.0
    return float(all_name_arguments(turn.text) if turn.format != "openai" else _message_names_arguments(turn.text))


def _message_names_arguments(text: str) -> bool:
    """Whether every call of a chat message in JSON names its arguments."""
    found = find_message(text, ())
    value = found[1] if found is not None else None
    items = value.get("tool_calls") if isinstance(value, dict) else value
    functions = [item.get("function", item) for item in items or () if isinstance(item, dict)]
    return all(isinstance(f, dict) and f.get("arguments", f.get("parameters")) not in (None, "") for f in functions)


def name_reward(gold: Sequence[CallForm], predicted: Sequence[CallForm]) -> float:
    """r_name (Eq. 5) in [0, 1]: intersection over union of the sets of tool names."""
    return jaccard({call.name for call in gold}, {call.name for call in predicted})


def key_score(gold: CallForm, predicted: CallForm) -> float:
    """s_key (Eq. 7) in [0, 1]: intersection over union of parameter names; 1 when neither call has any."""
    return jaccard(gold.keys, predicted.keys)


def value_score(gold: CallForm, predicted: CallForm) -> float:
    """s_value (Eq. 8) in [0, 1]: equal values over the larger number of values; 1 when neither call has any."""
    larger = max(len(gold.items), len(predicted.items))
    return len(gold.items & predicted.items) / larger if larger else 1.0


def params_reward(gold: Sequence[CallForm], predicted: Sequence[CallForm]) -> float:
    """r_param (Eq. 6, 9, 10) in [0, 1].

    In the gold's order, each gold call takes the best predicted call of its name that is not taken yet (the first of
    equals). The sum of (s_key + s_value) / 2 is divided by max(#gold, #predicted); 1 when there are no calls at all.
    """
    if not gold and not predicted:
        return 1.0
    used: set[int] = set()
    total = 0.0
    for wanted in gold:
        best, chosen = -1.0, -1
        for j, call in enumerate(predicted):
            if j not in used and call.name == wanted.name:
                value = (key_score(wanted, call) + value_score(wanted, call)) / 2
                if value > best:
                    best, chosen = value, j
        if chosen >= 0:
            used.add(chosen)
            total += best
    return total / max(len(gold), len(predicted))


def correctness_reward(turn: Turn, gold: Turn, weights: ToolUPTWeights) -> float:
    """R_correct (Eq. 11) in [-3, 3].

    For gold without calls: 3 where the message answers and no tool-call tag stands in the answer, else -3.
    """
    if not gold.calls:
        clean = turn.response is not None and not turn.calls
        clean = clean and "<tool_call>" not in turn.text and "</tool_call>" not in turn.text
        return 3.0 if clean else -3.0
    if not turn.calls:
        return -3.0
    wanted, made = forms(gold.calls), forms(turn.calls)
    score = weights.syntax * syntax_reward(turn)
    score += weights.name * name_reward(wanted, made)
    score += weights.params * params_reward(wanted, made)
    return 6 * score - 3


def outcome_reward(turn: Turn, gold: Turn, weights: ToolUPTWeights) -> float:
    """R_outcome (Eq. 12) in [-3, 4]: format plus correctness."""
    return format_reward(turn, gold) + correctness_reward(turn, gold, weights)


def process_rewards(
    predicted_T: Sequence[int] | np.ndarray,
    gold_T: Sequence[int] | np.ndarray,
    in_calls_T: Sequence[bool] | np.ndarray,
    gold_in_calls_T: Sequence[bool] | np.ndarray,
) -> np.ndarray:
    """R_process (Eq. 13), (T,): 4 for a token inside the predicted `<tool_call>` that is the gold's at the same place
    inside the gold's `<tool_call>` (the first token there, the second, …), else -3.

    Args:
        predicted_T, gold_T: token ids; their lengths may differ.
        in_calls_T, gold_in_calls_T: which tokens are inside `<tool_call>` (content and tags).
    """
    predicted, inside = np.asarray(predicted_T), np.asarray(in_calls_T, dtype=bool)
    wanted = np.asarray(gold_T)[np.asarray(gold_in_calls_T, dtype=bool)]
    out_T = np.full(len(predicted), LOWEST)
    places = np.flatnonzero(inside)[: len(wanted)]
    out_T[places] = np.where(predicted[places] == wanted[: len(places)], HIGHEST, LOWEST)
    return out_T


def token_rewards(
    predicted_T: Sequence[int] | np.ndarray,
    gold_T: Sequence[int] | np.ndarray,
    in_calls_T: Sequence[bool] | np.ndarray,
    gold_in_calls_T: Sequence[bool] | np.ndarray,
    outcome: float,
) -> np.ndarray:
    """R (Eq. 14), (T,), in [outcome, 4]: token by token the maximum of process reward and outcome reward.

    Arguments as `process_rewards`; `outcome` in [-3, 4] bounds every token from below.
    """
    return np.maximum(process_rewards(predicted_T, gold_T, in_calls_T, gold_in_calls_T), outcome)


@dataclass(frozen=True, slots=True)
class ToolUPTTerm:
    """A part of the outcome reward of the latest step, against the gold action that it attempts
    (`toolgym.rewards.aligned`).
    """

    part: Literal["format", "correctness"]
    weights: ToolUPTWeights = ToolUPTWeights()

    def __call__(self, trajectory: Trajectory, task: Task, /) -> float:
        return improvement(self.of_message, trajectory, task)

    def of_message(self, turn: Turn, gold: GoldMessage, /) -> float:
        """The part's score of a message against a gold action."""
        if self.part == "format":
            return format_reward(turn, gold.turn)
        return correctness_reward(turn, gold.turn, self.weights)


def toolupt_reward(*, syntax: float = 1 / 3, name: float = 1 / 3, params: float = 1 / 3) -> Reward:
    """ToolUPT's outcome reward for every step, in [-3, 4]; `syntax`, `name` and `params` are λ1, λ2 and λ3 of Eq. 11.

    The token process reward needs tokens and is a function: `token_rewards`.
    """
    weights = ToolUPTWeights(syntax, name, params)
    return Reward({part: ToolUPTTerm(part, weights) for part in ("format", "correctness")}, {})


def toolupt_text(
    completion: str, gold: Gold, *, syntax: float = 1 / 3, name: float = 1 / 3, params: float = 1 / 3
) -> dict[str, float]:
    """`total`, `format`, `correctness` and the latter's three parts (`syntax`, `name`, `params`) of a message."""
    weights = ToolUPTWeights(syntax, name, params)
    turn, wanted = parse(completion), gold_turn(gold)
    if turn.format == "hermes":  # free text means something there; in ToolUPT's format it is out of place
        turn = parse(completion, "toolupt")
    form, correctness = format_reward(turn, wanted), correctness_reward(turn, wanted, weights)
    return {"total": form + correctness, "format": form, "correctness": correctness, **_parts(turn, wanted.calls)}


def _parts(turn: Turn, gold: Sequence[ToolCall]) -> dict[str, float]:
    wanted, made = forms(gold), forms(turn.calls)
    return {
        "syntax": syntax_reward(turn),
        "name": name_reward(wanted, made),
        "params": params_reward(wanted, made),
    }


register("toolupt", toolupt_reward, toolupt_text)
