"""ToolPO: the outcome, and what each tool call is worth by itself (DeepAgent, Li et al. 2025, section on ToolPO).

    R_succ = 1 where the task is solved         at the last step
    R_action = sum of C(call) over the calls    C is 1 for a right call, else 0

A call is right that does a gold call which was not yet done: of its name, with its arguments, and not refused. The
paper's R_action also scores how an agent folds its memory, which agents here do not do.
"""

from toolgym.errors import ConfigError
from toolgym.rewards.base import Reward, register
from toolgym.rewards.state import outcome_term
from toolgym.rewards.steptool import MAX_CONTRIBUTION, gold_contribution
from toolgym.tasks import Task
from toolgym.trajectory import Trajectory

__all__ = ["call_term", "toolpo_reward"]


def call_term(trajectory: Trajectory, task: Task) -> float:
    """How many of the latest step's calls are right; [0, calls of the step], at most the gold chain's in an episode."""
    calls = len(trajectory.steps[-1].turn.calls) if trajectory.steps else 0
    return float(round(gold_contribution(trajectory, task) * calls / MAX_CONTRIBUTION))


def toolpo_reward(*, call: float = 1.0) -> Reward:
    """`outcome + call * right calls`; ToolPO's two advantages are made of the two components.

    Raises:
        ConfigError: the weight is below 0.
    """
    if call < 0:
        raise ConfigError(f"call is {call}; it is what a right call is worth, and is at least 0.")
    return Reward({"outcome": outcome_term, "call": call_term}, {"call": call})


register("toolpo", toolpo_reward)
