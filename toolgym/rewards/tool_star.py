"""Tool-Star: a hierarchical reward of form, outcome and the use of several tools (Dong et al. 2025, "Tool-Star").

    -1                    the form is wrong: a message had a problem, or the episode was cut off before it ended
    0                     the form is right, the outcome is not
    1 + 0.1 [several]     solved; several: two or more different tools were called with success

The -1 is paid as soon as it is certain, the rest at the last step. The paper's several tools are search and code; here
a domain's tools count. An episode whose context was found full after its last step had been paid gets no -1 for that.
"""

from toolgym.errors import ConfigError
from toolgym.rewards.base import Reward, register
from toolgym.rewards.state import outcome_term
from toolgym.tasks import Task
from toolgym.trajectory import Trajectory

__all__ = ["form_term", "several_term", "tool_star_reward"]


def _well_formed(trajectory: Trajectory) -> bool:
    cut = trajectory.truncation is not None or trajectory.outcome == "truncated"
    return not cut and not any(step.turn.problems for step in trajectory.steps)


def form_term(trajectory: Trajectory, task: Task) -> float:
    """-1 once an episode, as soon as its form is wrong: at the first malformed message, or where it is cut off."""
    *before, latest = [bool(step.turn.problems) for step in trajectory.steps] or [False]
    if any(before):
        return 0.0
    return -1.0 if latest or trajectory.truncation is not None or trajectory.outcome == "truncated" else 0.0


def solved_term(trajectory: Trajectory, task: Task) -> float:
    """1 at the last step of a solved episode whose form is right, else 0."""
    return outcome_term(trajectory, task) if _well_formed(trajectory) else 0.0


def several_term(trajectory: Trajectory, task: Task) -> float:
    """1 at the last step of such an episode in which two or more tools were called with success, else 0."""
    if not solved_term(trajectory, task):
        return 0.0
    return float(len({call.name for call, result in trajectory.calls if not result.is_error}) > 1)


def tool_star_reward(*, several: float = 0.1) -> Reward:
    """Tool-Star's reward; `several` is what the use of several tools adds.

    Raises:
        ConfigError: it is below 0.
    """
    if several < 0:
        raise ConfigError(f"several is {several}; it is what the use of several tools adds, and is at least 0.")
    return Reward({"form": form_term, "solved": solved_term, "several": several_term}, {"several": several})


register("tool_star", tool_star_reward)
