"""PlanArena: generated scenarios and the executed corpus of trajectories."""
