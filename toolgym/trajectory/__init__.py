"""The record of an episode, and the files of such records: written once, read by rewards, trainers and viewers."""

from toolgym.trajectory.files import (
    TornTrajectoryWarning,
    TrajectoryWriter,
    iterate_trajectories,
    read_trajectories,
    trajectory_from_json,
    trajectory_to_json,
)
from toolgym.trajectory.record import Act, Actor, CallOutcome, Outcome, Step, ToolResult, Trajectory, Truncation

__all__ = [
    "Act",
    "Actor",
    "CallOutcome",
    "Outcome",
    "Step",
    "ToolResult",
    "TornTrajectoryWarning",
    "Trajectory",
    "TrajectoryWriter",
    "Truncation",
    "iterate_trajectories",
    "read_trajectories",
    "trajectory_from_json",
    "trajectory_to_json",
]
