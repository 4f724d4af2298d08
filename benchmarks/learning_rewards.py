"""Rewards that separate what a paper's reward does from what its algorithm does: the row `toolrl-solved` was trained by

toolgym train --algo toolrl --reward benchmarks.learning_rewards:toolrl_and_solved
"""

from toolgym.rewards import Reward, make_reward
from toolgym.rewards.state import outcome_term

__all__ = ["toolrl_and_solved"]

toolrl_and_solved = Reward({**make_reward("toolrl").terms, "outcome": outcome_term}, {"outcome": 4.0})
"""ToolRL's reward and, at the end of an episode that is solved, as much again as a gold action earns at most."""
