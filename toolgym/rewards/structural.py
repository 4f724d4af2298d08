"""The structural step reward: how much nearer the latest step brought the episode's calls to the gold chain.

AC-Planner Eq. 16–17 compares names and parameters by intersection over union. Here the comparison is of *all calls made
so far* with the whole gold chain, matched one to one: a gold call is credited once, and calls that the chain does not
need lower the value. A call that failed earns what it has in common with a gold call until a better one is made, and
costs nothing after: correcting a mistake must not be punished. The step's reward is the difference that the step made;
over an episode it adds up to the final intersection over union.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum
from operator import is_

from toolgym.messages import ToolCall, Turn, segments
from toolgym.rewards._per_task import per_task
from toolgym.rewards.matching import PreparedCall, assign
from toolgym.tasks import GoldAction, GoldCall, Task
from toolgym.trajectory import Step, Trajectory

__all__ = [
    "StructuralTerm",
    "call_iou",
    "format_term",
    "format_valid",
    "structural_term",
]


@per_task
def _prepared(task: Task) -> dict[str, list[PreparedCall]]:
    """The gold calls by name."""
    return _prepare(task.gold_calls)


def _prepare(calls: Sequence[GoldCall]) -> dict[str, list[PreparedCall]]:
    prepared: dict[str, list[PreparedCall]] = {}
    for call in calls:
        prepared.setdefault(call.name, []).append(PreparedCall.of(call.name, call.arguments))
    return prepared


class _Matching:
    """The matching of calls with the gold chain while calls are added.

    Equal pairs are matched at once, which loses nothing (see `matching.similarity`: the distance is a metric).
    """

    __slots__ = (
        *("_matched", "_parts", "actions", "gold", "iou", "read", "rows", "size", "solved", "succeeded"),
        "weights",
    )

    def __init__(
        self,
        gold: dict[str, list[PreparedCall]],
        weights: tuple[float, float, float],
        actions: tuple[GoldAction, ...] = (),
    ):
        self.gold, self.weights, self.actions = gold, weights, actions
        self.size = sum(map(len, gold.values()))
        self.read: list[Step] = []
        self.succeeded = 0
        self.solved: dict[str, list[int]] = {}
        """Name -> positions of the gold calls of that name that an equal call was made for."""
        self.rows: dict[str, list[tuple[bool, list[float]]]] = {}
        """Name -> for each other call of that name: whether it succeeded, and its similarity to each gold call."""
        self._matched, self._parts = 0, 0.0
        self.iou = 0.0 if self.size else 1.0
        """The matched similarity over the size of the union, in [0, 1]; 1 when there are neither calls nor gold."""

    def has_read(self, steps: Sequence[Step]) -> bool:
        """Whether what was read so far is the beginning of these steps, of which the last is new."""
        return len(self.read) < len(steps) and all(map(is_, self.read, steps))

    def add(self, step: Step) -> None:
        """Takes a step's calls into account."""
        self.read.append(step)
        results = step.results
        for at, call in enumerate(step.turn.calls):
            succeeded = at >= len(results) or not results[at].is_error
            self.succeeded += succeeded
            same_name = self.gold.get(call.name)
            if same_name is None:
                continue
            solved = self.solved.get(call.name, ())  # what an equal call was made for is compared with no other
            if len(solved) == len(same_name):
                continue
            if not (succeeded and self._solve(call, same_name)):
                row = [
                    0.0 if i in solved else gold.similarity(call.arguments, self.weights)
                    for i, gold in enumerate(same_name)
                ]
                self.rows.setdefault(call.name, []).append((succeeded, row))
            self._match()
        union = self.size + self.succeeded - self._matched
        self.iou = self._parts / union if union else 1.0

    def _solve(self, call: ToolCall, same_name: list[PreparedCall]) -> bool:
        """Matches the call with an equal gold call that is left, if there is one."""
        solved = self.solved.get(call.name, ())
        for i, gold in enumerate(same_name):
            if i not in solved and gold.equals(call.arguments):
                self.solved.setdefault(call.name, []).append(i)
                return True
        return False

    def _match(self) -> None:
        """Counts the pairs and adds up their similarities."""
        matched = sum(map(len, self.solved.values()))
        parts = [float(matched)]
        for name, rows in self.rows.items():
            solved = self.solved.get(name, ())
            left = [i for i in range(len(self.gold[name])) if i not in solved]
            if not left:
                continue
            # Among equal scores a call that succeeded is matched first: left over, it would count in the union.
            pairs = assign([[row[i] + succeeded * 1e-9 for i in left] for succeeded, row in rows])
            matched += sum(rows[i][0] for i, _ in pairs)
            parts += [rows[i][1][left[j]] for i, j in pairs]
        # fsum is exact, so the order of the calls cannot show in the last digit.
        self._matched, self._parts = matched, fsum(parts)


@dataclass(frozen=True, slots=True)
class StructuralTerm:
    """What the latest step added to the intersection over union of the episode's calls with the gold chain.

    A pair of calls of one name counts the weighted mean of 1 (the name), the IoU of parameter names and the IoU of
    parameters (names with values). In [-1, 1]; the sum over an episode is in [0, 1], and 1 exactly for the gold calls.
    Where the gold chain makes no call, the first call that succeeds costs 1. A task without gold chain scores 0.

    Args:
        name, params, values: the weights of the three parts (not negative, not all 0).
    """

    name: float = 1.0
    params: float = 1.0
    values: float = 1.0

    def __call__(self, trajectory: Trajectory, task: Task, /) -> float:
        steps = trajectory.steps
        if not task.gold or not steps or not steps[-1].turn.calls:
            return 0.0
        weights = (self.name, self.params, self.values)
        # The matching of the steps before is gone on with; taken out while in use, as no other thread may.
        matching: _Matching | None = trajectory.kept.pop(("structural", weights), None)
        if matching is None or matching.actions is not task.gold or not matching.has_read(steps):
            matching = _Matching(_prepared(task), weights, task.gold)
        for step in steps[len(matching.read) : -1]:
            matching.add(step)
        before = matching.iou
        matching.add(steps[-1])
        trajectory.kept["structural", weights] = matching
        return matching.iou - before


structural_term = StructuralTerm()
"""`StructuralTerm` with equal weights."""


def call_iou(calls: Sequence[ToolCall], gold: Sequence[GoldCall]) -> float:
    """The intersection over union of calls with gold calls, in [0, 1]: the potential behind `StructuralTerm`."""
    matching = _Matching(_prepare(gold), (1.0, 1.0, 1.0))
    matching.add(Step(Turn(calls=tuple(calls))))
    return matching.iou


def format_term(trajectory: Trajectory, task: Task) -> float:
    """0 for a well-formed latest message, -1 for one in which something was malformed (`Turn.problems`)."""
    steps = trajectory.steps
    return -1.0 if steps and steps[-1].turn.problems else 0.0


def format_valid(turn: Turn, *, calls: bool, response: bool, plan: bool = False) -> bool:
    """Whether a message is well formed and has the parts that it should: tool calls (or none), a response (or none), a
    plan where `plan` asks for one, in the order plan, calls, response.
    """
    if turn.problems or bool(turn.calls) != calls or (turn.response is not None) != response:
        return False
    if plan and not (turn.plan and turn.plan.strip()):
        return False
    if not calls or turn.format == "openai" or "<tool_call>" not in turn.text:
        return True
    kinds = [span.type for span in segments(turn.text, "toolgym")]
    plans, tools, answers = (
        [at for at, kind in enumerate(kinds) if kind == wanted] for wanted in ("tag_plan", "tag_tool", "tag_resp")
    )
    return bool(tools) and (not plans or plans[-1] < tools[0]) and (not response or answers[:1] > tools[-1:])
