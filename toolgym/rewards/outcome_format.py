"""Two rewards of an outcome and a format: TAPO's and TGRL's. Both pay at the last step of an episode alone.

- TAPO: Wu et al. 2025, "Tool-Augmented Policy Optimization" (arXiv 2510.07038): -1 where the form is wrong, whatever
  was done, else what the answer is worth, in [0, 1]. That is the published code's; the abstract names no formula.
- TGRL: Chen et al. 2025, "Can Tool-Integrated Reinforcement Learning Generalize Across Diverse Domains?" (arXiv
  2510.11184): a reward in two parts, outcome and format, whose sum is one of -2, -1, 0, 1, 2. By which of its three
  values the format is paid was not at hand; with ours the sum takes exactly these five.

Deviations: the answer's worth is the verified outcome, 1 or 0. The form is that of every message of the episode, and
that it ended by an answer (TGRL's explicit termination): one that a limit cut off has a wrong form.
"""

from toolgym.rewards.base import Reward, register
from toolgym.rewards.state import outcome_term
from toolgym.tasks import Task
from toolgym.trajectory import Trajectory

__all__ = [
    "answered",
    "tapo_format_term",
    "tapo_outcome_term",
    "tgrl_format_term",
    "tgrl_outcome_term",
    "well_formed",
]


def answered(trajectory: Trajectory) -> bool:
    """Whether the agent ended the episode by an answer: no limit and no breakdown did."""
    return trajectory.outcome not in (None, "truncated", "infra_error") and trajectory.truncation is None


def well_formed(trajectory: Trajectory) -> bool:
    """Whether no message of the agent's was malformed."""
    return not any(step.turn.problems for step in trajectory.steps)


def _over(trajectory: Trajectory) -> bool:
    """Whether it is the last step; an episode that the infrastructure broke is nobody's fault and earns nothing."""
    return trajectory.outcome not in (None, "infra_error")


def tapo_outcome_term(trajectory: Trajectory, task: Task) -> float:
    """The outcome at the last step of an episode whose form is right: 1 or 0."""
    return outcome_term(trajectory, task) if answered(trajectory) and well_formed(trajectory) else 0.0


def tapo_format_term(trajectory: Trajectory, task: Task) -> float:
    """-1 at the last step of an episode that did not end by an answer, or had a malformed message; else 0."""
    return -1.0 if _over(trajectory) and not (answered(trajectory) and well_formed(trajectory)) else 0.0


def tgrl_outcome_term(trajectory: Trajectory, task: Task) -> float:
    """1 at the last step of an episode that is solved, -1 of any other."""
    return 2 * outcome_term(trajectory, task) - 1 if _over(trajectory) else 0.0


def tgrl_format_term(trajectory: Trajectory, task: Task) -> float:
    """At the last step: -1 without an answer; with one 1, or 0 where a message was malformed or a call had an error.

    A call whose tool was unavailable is no error of the agent's.
    """
    if not _over(trajectory):
        return 0.0
    if not answered(trajectory):
        return -1.0
    failed = any(result.is_error and result.outcome != "unavailable" for _, result in trajectory.calls)
    return 0.0 if failed or not well_formed(trajectory) else 1.0


def tapo_reward() -> Reward:
    """TAPO's: -1 for a wrong form, else the verified outcome."""
    return Reward({"outcome": tapo_outcome_term, "format": tapo_format_term}, {})


def tgrl_reward(*, outcome: float = 1.0, format: float = 1.0) -> Reward:
    """TGRL's: outcome and format.

    Args:
        outcome: weight of the outcome, -1 or 1.
        format: weight of the format, -1, 0 or 1.
    """
    terms = {"outcome": tgrl_outcome_term, "format": tgrl_format_term}
    return Reward(terms, {"outcome": outcome, "format": format})


register("tapo", tapo_reward)
register("tgrl", tgrl_reward)
