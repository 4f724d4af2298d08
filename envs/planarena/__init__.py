"""PlanArena: scenarios that are made from a number, and the corpus of trajectories."""
