"""The airline domain: worlds and tasks from a seed, and the policy document."""

from toolgym.envs.airline.domain import AirlineDomain, policy_text
from toolgym.envs.airline.world import build_base

__all__ = ["AirlineDomain", "build_base", "policy_text"]
