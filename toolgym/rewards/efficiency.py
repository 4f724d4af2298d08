"""Doing it with few calls: OTC's tool productivity, HDPO's conditional efficiency, a cost a call, BATS-style budgets.

Every form but the plain cost pays only where the task was solved, so that doing nothing is never efficient. OTC:
"Optimal Tool Calls via Reinforcement Learning"; HDPO: the condition of its efficiency channel on one episode (its
advantages are `toolgym.agents.efficiency`'s); BATS: budget-aware test-time scaling. `m` is the number of calls made,
`n` the number that the task needs.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from toolgym.errors import ConfigError
from toolgym.messages import ToolCall
from toolgym.rewards.base import Reward, Term, register
from toolgym.rewards.state import outcome_term
from toolgym.tasks import Task
from toolgym.trajectory import Trajectory

__all__ = [
    "Budget",
    "BudgetTerm",
    "CallCost",
    "ConditionalEfficiencyTerm",
    "OTCTerm",
    "calls_made",
    "otc_factor",
    "tool_productivity",
]


def _made(trajectory: Trajectory) -> list[ToolCall]:
    """The calls that count: not those whose tool was unavailable, which have to be made again, nor those over a budget,
    which were not run."""
    return [call for call, result in trajectory.calls if result.outcome not in ("unavailable", "over_budget")]


def calls_made(trajectory: Trajectory) -> int:
    """How many calls an episode made: those whose tool was unavailable, or that were over its budget, do not count."""
    return len(_made(trajectory))


def otc_factor(made: int, needed: int | None, max_calls: int = 10) -> float:
    """OTC's tool reward in [0, 1] for `m = made` calls.

    With `n = needed` known (OTC-GRPO): `sin(f pi / 2n)`, `f = 2nm / (m + n)`: 1 at `m = n`, less on both sides; for
    `n = 0` and where `n` is not known (OTC-PPO): `cos(m pi / (2m + c))`, `c = max_calls`: 1 without calls, towards 0
    with many.
    """
    if needed:
        f = 2 * needed * made / (made + needed)
        return max(0.0, math.sin(f * math.pi / (2 * needed)))
    return max(0.0, math.cos(made * math.pi / (2 * made + max_calls)))


def tool_productivity(solved: Sequence[bool], calls: Sequence[int]) -> float:
    """OTC's tool productivity over episodes: the number solved over the number of calls made; [0, inf)."""
    made = sum(calls)
    return sum(solved) / made if made else float(sum(solved))


@dataclass(frozen=True, slots=True)
class OTCTerm:
    """The verified outcome times `otc_factor`, at the last step; [0, 1]."""

    needed: Literal["gold", "unknown"] = "gold"
    """Whether the number of calls needed is the gold chain's, or not known."""
    max_calls: int = 10
    """The constant c of the form for an unknown need."""

    def __call__(self, trajectory: Trajectory, task: Task, /) -> float:
        outcome = outcome_term(trajectory, task)
        if not outcome:
            return 0.0
        needed = len(task.gold_calls) if self.needed == "gold" else None
        return outcome * otc_factor(calls_made(trajectory), needed, self.max_calls)


@dataclass(frozen=True, slots=True)
class ConditionalEfficiencyTerm:
    """HDPO's condition on one episode: among solved episodes only, `n / max(m, n)`, at the last step; [0, 1].

    1 for a solved episode without superfluous calls; 0 for every episode that is not solved.
    """

    def __call__(self, trajectory: Trajectory, task: Task, /) -> float:
        if not outcome_term(trajectory, task):
            return 0.0
        made, needed = calls_made(trajectory), len(task.gold_calls)
        return 1.0 if made <= needed else needed / made if needed else 1.0 / (1 + made)


@dataclass(frozen=True, slots=True)
class CallCost:
    """Minus a price for each call made in the latest step; `(-inf, 0]`."""

    cost: float = 0.01
    per_tool: Mapping[str, float] = field(default_factory=dict)
    """Prices of single tools, instead of `cost`."""

    def __call__(self, trajectory: Trajectory, task: Task, /) -> float:
        if not trajectory.steps:
            return 0.0
        latest = Trajectory(trajectory.env_id, trajectory.task_id, steps=trajectory.steps[-1:])
        return 0.0 - sum(self.per_tool.get(call.name, self.cost) for call in _made(latest))


@dataclass(frozen=True, slots=True)
class Budget:
    """What an episode may spend (BATS): calls in all, calls of single tools, and characters written by the agent.

    Raises:
        ConfigError: nothing is limited, or a limit is negative.
    """

    calls: int | None = None
    per_tool: Mapping[str, int] = field(default_factory=dict)
    characters: int | None = None

    def __post_init__(self) -> None:
        limits = [limit for limit in (self.calls, self.characters, *self.per_tool.values()) if limit is not None]
        if not limits or min(limits) < 0:
            raise ConfigError("A budget limits calls, per_tool or characters, each by a number of at least 0.")

    def used(self, trajectory: Trajectory) -> dict[str, float]:
        """Resource -> the share of its limit that is spent (above 1: overspent). A limit of 0 counts each unit as 1."""
        made: dict[str, int] = {}
        for call in _made(trajectory):
            made[call.name] = made.get(call.name, 0) + 1
        out: dict[str, float] = {}
        if self.calls is not None:
            out["calls"] = _share(sum(made.values()), self.calls)
        for tool in sorted(self.per_tool):
            out[f"calls of {tool}"] = _share(made.get(tool, 0), self.per_tool[tool])
        if self.characters is not None:
            out["characters"] = _share(sum(len(step.turn.text) for step in trajectory.steps), self.characters)
        return out

    def status(self, trajectory: Trajectory) -> str:
        """One line for the agent: what is left of each resource, as a budget tracker shows it."""
        parts = [f"{name}: {max(0.0, 1 - share):.0%} left" for name, share in self.used(trajectory).items()]
        return "Budget. " + "; ".join(parts) + "."


def _share(spent: int, limit: int) -> float:
    return spent / limit if limit else 1.0 + spent if spent else 0.0


@dataclass(frozen=True, slots=True)
class BudgetTerm:
    """Minus the overspending that the latest step added, in shares of the limit, the worst resource counting; <= 0."""

    budget: Budget

    def __call__(self, trajectory: Trajectory, task: Task, /) -> float:
        if not trajectory.steps:
            return 0.0
        earlier = Trajectory(trajectory.env_id, trajectory.task_id, steps=trajectory.steps[:-1])
        return self._over(earlier) - self._over(trajectory)

    def _over(self, trajectory: Trajectory) -> float:
        return max(0.0, max(self.budget.used(trajectory).values()) - 1.0)


def otc_reward(
    *, needed: Literal["gold", "unknown"] = "gold", max_calls: int = 10, alpha: float = 1.0, cost: float = 0.0
) -> Reward:
    """OTC: the verified outcome times the tool reward, scaled by `alpha`.

    Args:
        needed: whether the gold chain tells how many calls are needed.
        max_calls: the smoothing constant where it does not.
        alpha: the reward's scale.
        cost: an additional price a call (not OTC's; 0 leaves it out).
    """
    terms: dict[str, Term] = {"otc": OTCTerm(needed, max_calls)}
    if cost:
        terms["call_cost"] = CallCost(cost)
    return Reward(terms, {"otc": alpha})


register("otc", otc_reward)
