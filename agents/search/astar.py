"""A* over turns, after ToolChain* (Zhuang et al. 2023): the cheapest way is followed, whichever it is at the moment.

The cost of a turn is low where the policy proposes it often and where the tools called so far are a way that solved
other tasks (a memory). What is still to come is guessed by where in those ways the turn's tools stand.

Shapes: K samples a state, M remembered plans.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from toolgym.agents.search.options import SearchOptions
from toolgym.agents.search.tree import Ask, Node, Score, Search, distinct
from toolgym.errors import ConfigError
from toolgym.trajectory import iterate_trajectories

__all__ = ["AStar", "Plan", "likeness", "position", "remembered"]

Plan = tuple[str, ...]
"""The tools that an episode called, in order."""


@dataclass(frozen=True)
class AStar(SearchOptions):
    """Always goes on where the cost so far and the guess of what is to come are least together."""

    name: ClassVar[str] = "astar"
    branch: int = 4
    """K: turns sampled from a state; those that do the same become one, and cheaper."""
    queries: int = 40
    """Turns asked of the policy in all."""
    frontier: int = 20
    """States that wait to be gone on from, at most: the dearest are forgotten."""
    memory: str = ""
    """A file of trajectories, of which the solved ones are remembered; of another split than the one that is played."""
    alpha: float = 0.5
    """The memory's part in the cost of a turn; nothing without a memory."""
    beta: float = 0.5
    """The memory's part in the guess."""

    def __post_init__(self) -> None:
        self._at_least(1, "branch", "queries", "frontier")
        for option in ("alpha", "beta"):
            if not 0 <= getattr(self, option) <= 1:
                raise ConfigError(f"{self.name}: {option} must be from 0 to 1, got {getattr(self, option)}")
        if not self.memory and (self._differs("alpha") or self._differs("beta")):
            raise ConfigError(f"{self.name}: alpha= and beta= are of memory=FILE, which was not given")

    @cached_property
    def plans(self) -> list[tuple[Plan, str]]:
        """The remembered plans, each with the split of its task."""
        return remembered(Path(self.memory)) if self.memory else []

    def search(self, root: Node, score: Score) -> Search:
        """The first answer that is the cheapest state of all that wait; of equals the one that was found first."""
        split = str(root.trajectory.meta.get("split", "")) if root.trajectory is not None else ""
        if self.memory and any(split == other for _, other in self.plans):
            raise ConfigError(
                f"{self.name}: {self.memory} holds episodes of the split {split!r}, which is being played: remember "
                "those of another one"
            )
        plans = [plan for plan, _ in self.plans]
        costs = {root: 0.0}
        frontier, left = [root], self.queries
        while frontier:
            node = min(frontier, key=lambda each: costs[each] + self.guess(each, plans))
            frontier.remove(node)
            if node.answered:
                return node
            if left == 0:
                frontier.insert(0, node)
                break
            count = min(self.branch, left)
            left -= count
            (made,) = yield [Ask(node, count)]
            for child in distinct(made):
                costs[child] = costs[node] + self.cost(child, plans)
                if not child.over or child.answered:
                    frontier.append(child)
            if node is not root:
                node.close()
            frontier.sort(key=lambda each: costs[each] + self.guess(each, plans))
            for child in frontier[self.frontier :]:
                child.close()
            del frontier[self.frontier :]
        waiting = [node for node in frontier if node.answered] or frontier
        return min(waiting, key=lambda each: costs[each] + self.guess(each, plans), default=root)

    def cost(self, node: Node, plans: Sequence[Plan]) -> float:
        """Of the turn that leads to a node: `(1 - likeness)^alpha * (1 - share)^(1 - alpha)`."""
        alpha = self.alpha if plans else 0.0
        return (1 - likeness(plan_of(node), plans)) ** alpha * (1 - node.share) ** (1 - alpha)

    def guess(self, node: Node, plans: Sequence[Plan]) -> float:
        """Of what is to come: `(1 - position)^beta`; 0 at an answer, and 1 where nothing is remembered."""
        if node.over:
            return 0.0
        beta = self.beta if plans else 0.0
        return (1 - position(plan_of(node), plans)) ** beta


def plan_of(node: Node) -> Plan:
    """The tools called up to a node."""
    return () if node.trajectory is None else tuple(call.name for call, _ in node.trajectory.calls)


def likeness(plan: Plan, plans: Sequence[Plan]) -> float:
    """How much a plan is like a remembered one: the longest common subsequence, as a share of the shorter of the two.

    Of the most alike; 0 where nothing was called or is remembered.
    """
    shares = [_common(plan, other) / min(len(plan), len(other)) for other in plans if plan and other]
    return max(shares, default=0.0)


def position(plan: Plan, plans: Sequence[Plan]) -> float:
    """How far the latest tool stands in the remembered plans that have it, at its last place there: their mean, in
    (0, 1]; 0 where none has it."""
    if not plan:
        return 0.0
    found = [(len(other) - other[::-1].index(plan[-1])) / len(other) for other in plans if plan[-1] in other]
    return sum(found) / len(found) if found else 0.0


def remembered(file: Path) -> list[tuple[Plan, str]]:
    """The distinct plans of the solved episodes of a file, each with its split.

    Raises:
        ConfigError: no such file, or no episode in it was solved.
        TrajectoryError: it is no file of trajectories.
    """
    if not file.is_file():
        raise ConfigError(f"astar: no file {str(file)!r}; memory= takes one that toolgym eval --output wrote")
    out: dict[tuple[Plan, str], None] = {}
    for _, trajectory in iterate_trajectories(file):
        plan = tuple(call.name for call, _ in trajectory.calls)
        if trajectory.outcome == "solved" and plan:
            out[plan, str(trajectory.meta.get("split", ""))] = None
    if not out:
        raise ConfigError(f"astar: no episode of {str(file)!r} was solved by a tool: there is nothing to remember")
    return list(out)


def _common(one: Plan, other: Plan) -> int:
    """The length of the longest common subsequence."""
    row = [0] * (len(other) + 1)
    for name in one:
        before = row
        row = [0]
        for at, each in enumerate(other):
            row.append(before[at] + 1 if name == each else max(before[at + 1], row[at]))
    return row[-1]
