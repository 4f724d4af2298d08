"""AC-Planner's chain-aware semantic reward (AC-Planner §4.3, Eq. 15–23).

    R = (R_struct + R_sem) · decay                                   Eq. 15
    R_struct = r_name + r_param + r_format       in [0, 3]           Eq. 16–17
    R_sem = λ (sim - 1)                          in [-λ, 0]          Eq. 18–19
    decay = exp(-β n / N), β = log(N + 1)        in [1/(N + 1), 1)   Eq. 20, 23

for the n-th of the gold trajectory's N actions (n = 1 … N). Every part compares a *prefix* of an action with the gold's
prefix: `structure` and `chain_reward` take whole messages and beginnings alike, which is what token-level candidates
need. Decisions: intersections over unions count repetitions (multisets), and two empty sides give 1; r_format of a
beginning is whether a valid message may begin so; λ is 0.5 (the text; Table 6 has 0.8 for the 3B model); c of Eq. 21–22
is n - 1, so that the seven values of Eq. 21 belong to actions 1 to 7.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from toolgym.errors import ConfigError, did_you_mean
from toolgym.messages import Turn, parse, render, segments
from toolgym.rewards.aligned import GoldMessage, improvement
from toolgym.rewards.base import Reward, register
from toolgym.rewards.matching import multiset_iou, params
from toolgym.rewards.prefix import Prefix, read_prefix
from toolgym.rewards.semantic import Similarity, lexical, similarity_by_name
from toolgym.rewards.text import Gold, gold_turn
from toolgym.tasks import Task
from toolgym.trajectory import Trajectory

__all__ = ["Structure", "ac_planner_reward", "chain_reward", "decay", "semantic", "structure"]

Decay = Literal["exponential", "linear", "discrete", "none"]

_DISCRETE = (2.0, 1.5, 1.0, 0.5, 0.4, 0.3, 0.2)


@dataclass(frozen=True, slots=True)
class Structure:
    """r_name, r_param and r_format of Eq. 17, each in [0, 1]."""

    name: float
    param: float
    format: float

    @property
    def total(self) -> float:
        """R_struct (Eq. 16), in [0, 3]."""
        return self.name + self.param + self.format


def structure(candidate: str, gold: str) -> Structure:
    """Eq. 16–17 for a message or the beginning of one, against the gold message cut at the same place.

    r_name is the IoU of tool names, r_param of parameters (names with values), r_format whether a valid message may
    begin so. A name or value that is cut off equals only one cut off at the same character.
    """
    return _compare(read_prefix(candidate), _gold_prefix(gold))


@lru_cache(maxsize=4096)
def _gold_prefix(gold: str) -> Prefix:
    return read_prefix(gold)


def _compare(made: Prefix, wanted: Prefix) -> Structure:
    name = 1.0 if made.names == wanted.names else multiset_iou(made.names, wanted.names)
    param = 1.0 if made.params == wanted.params else multiset_iou(made.params, wanted.params)
    return Structure(name, param, float(made.valid))


def semantic(candidate: str, gold: str, *, weight: float = 0.5, similarity: Similarity = lexical) -> float:
    """R_sem (Eq. 18–19), in [-weight, 0]: `weight` (λ_sem) times (similarity - 1)."""
    return weight * (min(1.0, max(0.0, similarity(candidate, gold))) - 1.0)


def decay(kind: str, index: int, total: int) -> float:
    """The weight of action `index` (from 1) of `total` gold actions.

    exponential: exp(-β index / total), β = log(total + 1) (Eq. 20, 23); linear: 2 / (c + 1) (Eq. 22) and discrete: 2,
    1.5, 1, 0.5, 0.4, 0.3, 0.2 for c = 0, 1, …, 6 and beyond (Eq. 21), c = index - 1; none: 1.

    Raises:
        ConfigError: there is no such decay.
    """
    c = max(index - 1, 0)
    if kind == "exponential":
        return math.exp(-math.log(total + 1) * index / total) if total else 1.0
    if kind == "linear":
        return 2 / (c + 1)
    if kind == "discrete":
        return _DISCRETE[min(c, len(_DISCRETE) - 1)]
    if kind == "none":
        return 1.0
    raise ConfigError(did_you_mean(kind, ["exponential", "linear", "discrete", "none"], "decay"))


_factor = decay  # `decay` is also what the presets call their option


def chain_reward(
    candidate: str,
    gold: str,
    *,
    index: int = 1,
    total: int = 1,
    weight: float = 0.5,
    similarity: Similarity = lexical,
    kind: str = "exponential",
) -> float:
    """R (Eq. 15), in [-weight, 3] times the decay, for a message or the beginning of one (see `structure`).

    Args:
        candidate, gold: the text so far, and the gold text so far.
        index, total: which action it is (from 1), and how many the gold trajectory has.
        weight: λ_sem.
        similarity: of the two texts.
        kind: of decay.
    """
    value = structure(candidate, gold).total + semantic(candidate, gold, weight=weight, similarity=similarity)
    return value * decay(kind, index, total)


@dataclass(frozen=True, slots=True)
class ACPlannerTerm:
    """A part of Eq. 15, already decayed, of the latest step against the gold action that it attempts
    (`toolgym.rewards.aligned`).
    """

    part: Literal["name", "param", "format", "semantic"]
    weight: float = 0.5
    similarity: Similarity = lexical
    kind: str = "exponential"

    def __call__(self, trajectory: Trajectory, task: Task, /) -> float:
        return improvement(self.of_message, trajectory, task)

    def of_message(self, turn: Turn, gold: GoldMessage, /) -> float:
        """The part's score of a message against a gold action."""
        factor = decay(self.kind, gold.index, gold.total)
        if self.part == "semantic":
            return factor * _semantic(turn, gold, self.weight, self.similarity)
        if self.part == "format":
            return factor * (not turn.problems)
        if self.part == "name":
            return factor * multiset_iou([call.name for call in turn.calls], [call.name for call in gold.turn.calls])
        return factor * multiset_iou(tuple(params(turn.calls)), gold.params)


def _whole(turn: Turn) -> Prefix:
    """What `read_prefix` would find in a whole message, whatever its format."""
    return Prefix(tuple(call.name for call in turn.calls), tuple(params(turn.calls)), not turn.problems)


def _semantic(turn: Turn, gold: GoldMessage, weight: float, similarity: Similarity) -> float:
    """R_sem of whole messages, both written in the default format; without the plan where the gold has none."""
    plan = turn.plan if gold.turn.plan is not None else None
    made = render(Turn(plan, turn.calls, turn.response))
    return semantic(made, gold.text, weight=weight, similarity=similarity)


def ac_planner_reward(
    *,
    semantic: float = 0.5,
    similarity: str | Similarity = "lexical",
    similarity_model: str | None = None,
    decay: Decay = "exponential",
) -> Reward:
    """AC-Planner's reward for every step: `name`, `param`, `format` and `semantic`, decayed; their sum is Eq. 15.

    Args:
        semantic: λ_sem of Eq. 19; 0 leaves the similarity out.
        similarity: `lexical`, `embedding`, `causal_lm`, or a function of two texts.
        similarity_model: the hub id or path of the latter two's model.
        decay: Eq. 20–23.
    """
    chosen = _checked(semantic, similarity, similarity_model, decay)
    parts = ("name", "param", "format", "semantic") if semantic else ("name", "param", "format")
    return Reward({part: ACPlannerTerm(part, semantic, chosen, decay) for part in parts}, {})


def ac_planner_text(
    completion: str,
    gold: Gold,
    *,
    semantic: float = 0.5,
    similarity: str | Similarity = "lexical",
    similarity_model: str | None = None,
    decay: Decay = "exponential",
    index: int = 1,
    total: int = 1,
) -> dict[str, float]:
    """`total` (Eq. 15), `name`, `param`, `format` and `semantic` (not decayed), and `decay`.

    A message without any tag is not in the format. `index` (from 1) and `total`: which action of how many it is.
    """
    chosen = _checked(semantic, similarity, similarity_model, decay)
    turn, wanted = parse(completion), gold_turn(gold)
    found = _compare(_whole(turn), _whole(wanted))
    tagged = turn.format == "openai" or any(span.type.startswith("tag") for span in segments(completion))
    form = float(tagged and not turn.problems)
    alike = _semantic(turn, GoldMessage.of(wanted), semantic, chosen)
    factor = _factor(decay, index, total)
    return {
        "total": (found.name + found.param + form + alike) * factor,
        "name": found.name,
        "param": found.param,
        "format": form,
        "semantic": alike,
        "decay": factor,
    }


def _checked(weight: float, similarity: str | Similarity, model: str | None, kind: str) -> Similarity:
    decay(kind, 1, 1)
    if weight < 0:
        raise ConfigError(f"The weight of the semantic reward must not be negative; got {weight}.")
    if isinstance(similarity, str):
        return similarity_by_name(similarity, model)
    if model is not None:
        raise ConfigError("A similarity function takes no similarity_model.")
    return similarity


register("ac_planner", ac_planner_reward, ac_planner_text)
