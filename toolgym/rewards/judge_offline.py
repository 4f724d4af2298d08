"""A judge without a model: plan and calls beside the reference's, by the rubric's dimensions and hard constraints.

Deterministic, a fraction of a millisecond, no network: for tests, for laptops, and as a baseline that a model judge
should beat.
"""

from dataclasses import dataclass

from rapidfuzz import fuzz

from toolgym.messages import ToolCall
from toolgym.rewards.checklist import includes
from toolgym.rewards.judge import RUBRIC, Judgement, JudgeRequest, Rubric
from toolgym.saying.facts import normalise
from toolgym.world import canonical

__all__ = ["OfflineJudge"]


@dataclass(frozen=True, slots=True)
class OfflineJudge:
    """Judges by comparison.

    `reasoning_path`: how much of the reference's reasoning, tools and values the candidate's reasoning names; where the
    reference only answers, how much of its answer the candidate's says.
    `tool_selection`: calls in common (as multisets) and in the same order. `parameter_setting`: parameter names and
    values of the calls in common. `execution_strategy`: no call made twice, none too many, and an end.
    """

    rubric: Rubric = RUBRIC

    def __call__(self, request: JudgeRequest, /) -> Judgement:
        if not (request.reasoning.strip() or request.calls or request.response.strip()):
            return self._verdict(0.0, dict.fromkeys((d.name for d in self.rubric.dimensions), 0.0))
        pairs = _paired(request.calls, request.reference_calls)
        dimensions = {
            "reasoning_path": _reasoning(request),
            "tool_selection": _selection(request),
            "parameter_setting": _parameters(request, pairs),
            "execution_strategy": _strategy(request, pairs),
        }
        quality = sum(d.weight * dimensions[d.name] for d in self.rubric.dimensions)
        return self._verdict(min(quality, self._cap(request, pairs)), dimensions)

    def _cap(self, request: JudgeRequest, pairs: list[tuple[ToolCall, ToolCall]]) -> float:
        cap = 1.0
        missing = len(request.reference_calls) - len(pairs)
        if missing:
            cap = min(cap, self.rubric.cap("missing_tool", grave=missing > 1))
        known = set(request.tools) | {call.name for call in request.reference_calls}
        unknown = {call.name for call in request.calls} - known if request.tools else set()
        invented = [call.name in unknown.union(request.invented) for call in request.calls]
        if any(invented):
            cap = min(cap, self.rubric.cap("invented_tool", grave=all(invented)))
        if any(canonical(mine.arguments) != canonical(theirs.arguments) for mine, theirs in pairs):
            cap = min(cap, self.rubric.cap("parameter_mismatch"))
        return cap

    def _verdict(self, quality: float, dimensions: dict[str, float]) -> Judgement:
        tier = self.rubric.tier(quality)
        return Judgement(tier.score, tier.name, dimensions)


def _paired(calls: tuple[ToolCall, ...], reference: tuple[ToolCall, ...]) -> list[tuple[ToolCall, ToolCall]]:
    """Each reference call with the most alike call of its name; every call is used at most once."""
    free = list(calls)
    pairs: list[tuple[ToolCall, ToolCall]] = []
    for theirs in reference:
        alike = [i for i, mine in enumerate(free) if mine.name == theirs.name]
        if alike:
            best = max(alike, key=lambda i: (_likeness(free[i], theirs), -i))
            pairs.append((free.pop(best), theirs))
    return pairs


def _likeness(mine: ToolCall, theirs: ToolCall) -> float:
    """Half the overlap of parameter names, half the share of equal values; [0, 1]."""
    names = mine.arguments.keys() | theirs.arguments.keys()
    if not names:
        return 1.0
    common = [name for name in mine.arguments if name in theirs.arguments]
    equal = sum(includes(mine.arguments[name], theirs.arguments[name]) for name in common)
    return 0.5 * len(common) / len(names) + 0.5 * equal / len(names)


def _reasoning(request: JudgeRequest) -> float:
    text = normalise(request.reasoning)
    if not request.reference_reasoning and not request.reference_calls:  # an answer without a plan: what it says counts
        wanted = normalise(request.reference_response)
        return fuzz.token_set_ratio(normalise(request.response), wanted) / 100 if wanted else 1.0
    if text == normalise(request.reference_reasoning) and (text or not request.reference_calls):
        return 1.0  # the reference's own; an answer may do without
    if not text:
        return 0.0
    wording = (
        fuzz.token_set_ratio(text, normalise(request.reference_reasoning)) / 100
        if request.reference_reasoning
        else None
    )
    goals = [_names_goal(text, call) for call in request.reference_calls]
    parts = [part for part in (wording, sum(goals) / len(goals) if goals else None) if part is not None]
    return sum(parts) / len(parts) if parts else 1.0


def _names_goal(text: str, call: ToolCall) -> float:
    """How far the reasoning names a call: half for the tool's words, half for the share of its simple values."""
    words = [word for word in call.name.replace("-", "_").casefold().split("_") if len(word) > 2]
    named = call.name.casefold() in text or (bool(words) and sum(word in text for word in words) * 2 >= len(words))
    values = [normalise(str(value)) for value in call.arguments.values() if isinstance(value, str | int | float)]
    values = [value for value in values if value]
    told = sum(value in text for value in values) / len(values) if values else float(named)
    return 0.5 * named + 0.5 * told


def _selection(request: JudgeRequest) -> float:
    mine, theirs = [call.name for call in request.calls], [call.name for call in request.reference_calls]
    if not mine and not theirs:
        return 1.0
    if not mine or not theirs:
        return 0.0
    common = sum(min(mine.count(name), theirs.count(name)) for name in sorted(set(theirs)))
    overlap = common / (len(mine) + len(theirs) - common)
    return 0.5 * overlap + 0.5 * _longest_common(mine, theirs) / max(len(mine), len(theirs))


def _longest_common(a: list[str], b: list[str]) -> int:
    row = [0] * (len(b) + 1)
    for x in a:
        corner = 0
        for j, y in enumerate(b):
            corner, row[j + 1] = row[j + 1], corner + 1 if x == y else max(row[j], row[j + 1])
    return row[-1]


def _parameters(request: JudgeRequest, pairs: list[tuple[ToolCall, ToolCall]]) -> float:
    if not request.reference_calls:
        return 1.0 if not request.calls else 0.0
    return sum(_likeness(mine, theirs) for mine, theirs in pairs) / len(request.reference_calls)


def _strategy(request: JudgeRequest, pairs: list[tuple[ToolCall, ToolCall]]) -> float:
    """A third each: no call made twice, no call beyond the reference's, and all that was wanted before the end."""
    once = len({(call.name, canonical(call.arguments)) for call in request.calls}) == len(request.calls)
    thrifty = len(request.calls) <= len(request.reference_calls)
    complete = len(pairs) == len(request.reference_calls)
    return (once + thrifty + complete) / 3
