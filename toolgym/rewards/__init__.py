"""Rewards: pure functions of (trajectory, task), composed by weight and found by name."""

from toolgym.rewards.base import Reward, Term, register
from toolgym.rewards.presets import as_trl, make_reward, preset_names, score

__all__ = ["Reward", "Term", "as_trl", "make_reward", "preset_names", "register", "score"]
