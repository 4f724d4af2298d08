"""ToolRL's reward (Qian et al. 2025, "ToolRL: Reward is All Tool Learning Needs", §3.3): format plus correctness.

    R = R_format + R_correct            R_format in [0, 1], R_correct in [-3, 3], R in [-3, 4]
    R_correct = 6 · R_max / S_max - 3
    S_max = 1 + |G| + sum_j |keys(G_j)|

where R_max is the score of the names plus the best sum, over matchings of predicted with gold calls of one name, of the
IoU of parameter names and the number of equal values.

The published code differs from the paper, so `source` has both. `reference_code` (the default: it made the published
results, and recorded rewards agree with it):
- names are compared as multisets (paper: sets), and calls are matched greedily in the gold's order (paper: optimally);
- values are equal when Python says so (`True == 1`); JSON is read leniently (NaN, repeated keys);
- one call a line inside one `<tool_call>` block, arguments under `parameters`, thoughts in `<think>`; whatever cannot
  be read so scores the lowest correctness;
- where the gold makes no call, correctness is 0 whatever is predicted (paper: here, full marks for no call, else none).

The code's switches are options: see `ToolRLOptions`.
"""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from toolgym.errors import ConfigError, did_you_mean
from toolgym.messages import ToolCall, Turn, parse
from toolgym.rewards.aligned import GoldMessage, improvement
from toolgym.rewards.base import Reward, register
from toolgym.rewards.matching import assign, forms, jaccard
from toolgym.rewards.structural import format_valid
from toolgym.rewards.text import Gold, gold_turn
from toolgym.tasks import Task
from toolgym.trajectory import Trajectory

__all__ = ["ToolRLOptions", "correctness_reward", "format_reward", "length_reward", "toolrl_reward", "toolrl_text"]

_SWITCHES = {
    "CORRECTMAX1": "max_one",
    "MAX1STEP30MAX3": "two_stage",
    "SCHEDULEREWARD": "scheduled",
    "REFINEDREWARD": "refined",
    "COARSEREWARD": "coarse",
    "INTERMEDIATEREWARD": "intermediate",
    "WITHLENGTH": "with_length",
    "SCHEDULELENGTH": "schedule_length",
}

_FULL_LENGTH = 512
"""Words of thought that earn the whole length reward, where that does not move."""
_LENGTHS, _LENGTH_STEPS = (384, 640), 105
"""The same at step 0 and at that step, where it does."""

_Source = Literal["paper", "reference_code"]


@dataclass(frozen=True, slots=True)
class ToolRLOptions:
    """The ablations of ToolRL §5; all are off by default, and they combine."""

    step: int = 0
    """The training step, for the scales that move."""
    max_one: bool = False
    """Correctness in [-1, 1] instead of [-3, 3]."""
    two_stage: bool = False
    """Correctness over 3 before step 30, format over 2 from step 30 on."""
    scheduled: bool = False
    """Over 150 steps, format moves from [-2, 2] to its scale and correctness from [-2, 2] to its scale."""
    refined: bool = False
    """Names, and parameter names, all or nothing."""
    coarse: bool = False
    """The calls as a whole, all or nothing."""
    intermediate: bool = False
    """A call counts only when it is wholly equal to a gold call."""
    with_length: bool = False
    """A bonus in [0, 1] for up to 512 words of thought."""
    schedule_length: bool = False
    """With `with_length`: up to 384 words at step 0, 640 at step 105, and on along that line."""
    source: _Source = "reference_code"

    def __post_init__(self) -> None:
        if self.source not in ("paper", "reference_code"):
            raise ConfigError(did_you_mean(str(self.source), ["paper", "reference_code"], "source"))
        if self.schedule_length and not self.with_length:
            raise ConfigError("schedule_length moves the length reward, which with_length turns on: set both")

    @classmethod
    def from_switches(cls, switches: Mapping[str, str], step: int = 0) -> "ToolRLOptions":
        """The options that the published code's environment variables stand for (`{"REFINEDREWARD": "1"}`)."""
        for name in switches:
            if name not in _SWITCHES:
                raise ConfigError(did_you_mean(name, _SWITCHES, "switch of ToolRL:"))
        on = {_SWITCHES[name]: str(value) == "1" for name, value in switches.items()}
        if not on.get("with_length"):  # there is no length reward to schedule
            on.pop("schedule_length", None)
        return replace(cls(step=step), **on)

    @property
    def full_length(self) -> float:
        """How many words of thought earn the whole length reward at `step`."""
        if not self.schedule_length:
            return _FULL_LENGTH
        first, last = _LENGTHS
        return first + (last - first) * self.step / _LENGTH_STEPS

    @property
    def format_range(self) -> tuple[float, float]:
        """The lowest and the highest format reward at `step`."""
        low, high = 0.0, 1.0
        if self.two_stage and self.step >= 30:
            low, high = low / 2, high / 2
        if self.scheduled:
            share = self.step / 150
            low, high = min(-2 + (2 + low) * share, -1.0), max(2 - (2 - high) * share, 1.0)
        return low, high

    @property
    def correctness_range(self) -> tuple[float, float]:
        """The lowest and the highest correctness reward at `step`."""
        high = 1.0 if self.max_one else 3.0
        low = -high
        if self.two_stage and self.step < 30:
            low, high = low / 3, high / 3
        if self.scheduled:
            share = self.step / 150
            low, high = max((low + 2) * share - 2, -3.0), min((high - 2) * share + 2, 3.0)
        return low, high


def format_reward(completion: str, gold: str, options: ToolRLOptions) -> float:
    """The published code's format reward: the highest when the text has exactly the gold's blocks, else the lowest."""
    low, high = options.format_range
    calls, response = "<tool_call>" in gold, "<response>" in gold
    pattern = r"^<think>.*?</think>"
    for wanted, name, shape in (
        (calls, "tool_call", r"\n<tool_call>\n.*?\n</tool_call>"),
        (response, "response", r"\n<response>.*?</response>"),
    ):
        if wanted:
            pattern += shape
            if completion.count(f"<{name}>") != 1 or completion.count(f"</{name}>") != 1:
                return low
    # Each tag of a wanted block occurs once, so the lazy parts cannot make the search quadratic.
    if not completion.startswith("<think>") or "</think>" not in completion:
        return low
    return high if re.search(f"{pattern}$", completion, re.DOTALL) else low


def correctness_reward(completion: str, gold: str, options: ToolRLOptions) -> float:
    """The published code's correctness reward, of text."""
    if "<tool_call>" not in gold:
        return 0.0
    low, _ = options.correctness_range
    try:
        wanted = _lines(gold)
        if not all(isinstance(call["parameters"], dict) and isinstance(call["name"], str) for call in wanted):
            raise ValueError("a call needs a name and an object of parameters")
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"The gold's calls cannot be read (one JSON object a line): {gold[:200]!r}.") from error
    if "<tool_call>" not in completion or "</tool_call>" not in completion:
        return low
    try:
        return _correctness(wanted, _lines(completion), options)
    # What a policy wrote may be any JSON at all; the published code gives whatever breaks the comparison the lowest.
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return low


def length_reward(completion: str, full: float = _FULL_LENGTH) -> float:
    """Words of thought over `full`, rounded to two digits, at most 1; 0 without thoughts."""
    if "<think>" not in completion or "</think>" not in completion:
        return 0.0
    thought = completion.rsplit("<think>", 1)[-1].split("</think>", 1)[0]
    return min(round(len(thought.split()) / full, 2), 1.0)


def _lines(text: str) -> list[Any]:
    block = text.split("<tool_call>", 2)[1].split("</tool_call>", 1)[0]
    return [json.loads(line) for line in block.strip().split("\n")]


def _correctness(gold: list[Any], predicted: list[Any], options: ToolRLOptions) -> float:
    """Calls are objects with `name` and `parameters`. Raises what Python raises where `predicted` is something else."""
    low, high = options.correctness_range
    if gold == predicted:
        return high
    if options.coarse:
        return low
    points = _list_iou([call["name"] for call in gold], [call["name"] for call in predicted], options.refined)
    most = 1.0
    used: set[int] = set()
    for wanted in gold:
        most += 1.0 if options.intermediate else 1.0 + len(wanted["parameters"])
        best, chosen = 0.0, -1
        for i, call in enumerate(predicted):
            if i in used or call["name"] != wanted["name"]:
                continue
            value = _call_points(wanted, call, options)
            if value > best:
                best, chosen = value, i
        if chosen >= 0:
            used.add(chosen)
            points += best
    return (high - low) * points / most + low


def _call_points(wanted: Any, call: Any, options: ToolRLOptions) -> float:
    if options.intermediate:
        return 1.0 if wanted == call else 0.0
    parameters, given = wanted["parameters"], call["parameters"]
    equal = sum(1.0 for key, value in parameters.items() if key in given and given[key] == value)
    return _list_iou(list(parameters.keys()), list(given.keys()), options.refined) + equal


def _list_iou(a: list[Any], b: list[Any], all_or_nothing: bool) -> float:
    if a == b:
        return 1.0
    if all_or_nothing or not a or not b:
        return 0.0
    shared = sum((Counter(a) & Counter(b)).values())
    return shared / (len(a) + len(b) - shared)


def paper_correctness(gold: Sequence[ToolCall], predicted: Sequence[ToolCall], options: ToolRLOptions) -> float:
    """The paper's correctness reward: names as sets, the best matching, values as JSON's. In `correctness_range`."""
    low, high = options.correctness_range
    wanted, made = forms(gold), forms(predicted)
    if not wanted:
        return high if not made else low
    if options.coarse and Counter(wanted) != Counter(made):
        return low
    names = {call.name for call in wanted}, {call.name for call in made}
    points = float(names[0] == names[1]) if options.refined else jaccard(*names)
    scores = [[_form_points(g, p, options) if g.name == p.name else 0.0 for p in made] for g in wanted]
    points += sum(scores[i][j] for i, j in assign(scores))
    most = 1.0 + sum(1.0 if options.intermediate else 1.0 + len(call.keys) for call in wanted)
    return (high - low) * points / most + low


def _form_points(wanted: Any, call: Any, options: ToolRLOptions) -> float:
    if options.intermediate:
        return float(wanted == call)
    keys = float(wanted.keys == call.keys) if options.refined else jaccard(wanted.keys, call.keys)
    return keys + len(wanted.items & call.items)


def toolrl_text(completion: str, gold: Gold, **options: Any) -> dict[str, float]:
    """`total`, `format`, `correctness` and `length` of one message; options: the fields of `ToolRLOptions`.

    With `source="reference_code"`, text in ToolRL's own format is scored as the published code does, to the last digit.
    A gold in another form is put into that format first.
    """
    chosen = ToolRLOptions(**options)
    if chosen.source == "paper":
        turn, wanted = parse(completion), gold_turn(gold)
        form, correctness = _format(turn, wanted, chosen), _turn_correctness(turn, wanted, chosen)
    else:
        gold_text = gold if isinstance(gold, str) and _is_toolrl(gold) else _as_toolrl(gold_turn(gold))
        form = format_reward(completion, gold_text, chosen)
        correctness = correctness_reward(completion, gold_text, chosen)
    length = length_reward(completion, chosen.full_length) if chosen.with_length else 0.0
    return {"total": form + correctness + length, "format": form, "correctness": correctness, "length": length}


def _is_toolrl(gold: str) -> bool:
    if "<tool_call>" not in gold:
        return "<response>" in gold or "<think>" in gold
    try:
        return all("parameters" in call for call in _lines(gold))
    except (ValueError, TypeError):
        return False


def _as_toolrl(turn: Turn) -> str:
    """The turn as ToolRL writes it."""
    blocks = [f"<think>{turn.plan or ''}</think>"]
    if turn.calls:
        lines = [json.dumps({"name": call.name, "parameters": call.arguments}) for call in turn.calls]
        blocks.append("\n".join(["<tool_call>", *lines, "</tool_call>"]))
    if turn.response is not None:
        blocks.append(f"<response>{turn.response}</response>")
    return "\n".join(blocks)


def _format(turn: Turn, gold: Turn, options: ToolRLOptions, *, plan: bool = True) -> float:
    """The format reward of a message in any format; `plan`: whether thoughts are asked for."""
    low, high = options.format_range
    valid = format_valid(turn, calls=bool(gold.calls), response=gold.response is not None, plan=plan)
    return high if valid else low


def _turn_correctness(turn: Turn, gold: Turn, options: ToolRLOptions) -> float:
    """The correctness reward of a message in any format."""
    if options.source == "paper":
        return paper_correctness(gold.calls, turn.calls, options)
    if not gold.calls:
        return 0.0
    if turn.problems or not turn.calls:
        return options.correctness_range[0]
    return _correctness(_objects(gold.calls), _objects(turn.calls), options)


def _objects(calls: Sequence[ToolCall]) -> list[Any]:
    return [{"name": call.name, "parameters": call.arguments} for call in calls]


@dataclass(frozen=True, slots=True)
class ToolRLTerm:
    """A part of the reward of the latest step, against the gold action that it attempts (`toolgym.rewards.aligned`).

    Any message format will do: plans are thoughts, whatever their tags. They are asked for where the gold action
    has one.
    """

    part: Literal["format", "correctness", "length"]
    options: ToolRLOptions

    def __call__(self, trajectory: Trajectory, task: Task, /) -> float:
        return improvement(self.of_message, trajectory, task)

    def of_message(self, turn: Turn, gold: GoldMessage, /) -> float:
        """The part's score of a message against a gold action."""
        if self.part == "format":
            return _format(turn, gold.turn, self.options, plan=gold.turn.plan is not None)
        if self.part == "correctness":
            return _turn_correctness(turn, gold.turn, self.options)
        return length_reward(f"<think>{turn.plan or ''}</think>", self.options.full_length)


def toolrl_reward(
    *,
    step: int = 0,
    max_one: bool = False,
    two_stage: bool = False,
    scheduled: bool = False,
    refined: bool = False,
    coarse: bool = False,
    intermediate: bool = False,
    with_length: bool = False,
    schedule_length: bool = False,
    source: _Source = "reference_code",
) -> Reward:
    """ToolRL's reward for every step; the options are the fields of `ToolRLOptions`."""
    options = ToolRLOptions(
        step, max_one, two_stage, scheduled, refined, coarse, intermediate, with_length, schedule_length, source
    )
    parts = ("format", "correctness", "length") if with_length else ("format", "correctness")
    return Reward({part: ToolRLTerm(part, options) for part in parts}, {})


register("toolrl", toolrl_reward, toolrl_text)
