"""Rewards: pure functions of (trajectory, task)."""
