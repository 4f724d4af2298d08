"""`toolgym show`: recorded episodes, readable."""

import math
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from toolgym.cli.common import JsonFlag, out, print_json
from toolgym.errors import ConfigError


def show(
    file: Annotated[Path, typer.Argument(help="A trajectory file, as `eval --output` and `train --record` write it.")],
    episode: Annotated[
        int | None,
        typer.Option("--episode", "-n", help="Show this episode step by step (0 is the first, -1 the last)."),
    ] = None,
    outcome: Annotated[str | None, typer.Option(help="Only episodes that ended so: solved, unsolved, ...")] = None,
    json: JsonFlag = False,
) -> None:
    """Lists the episodes of a trajectory file, or shows one with every step and its rewards.

    \b
    Examples:
      toolgym eval --agent oracle --episodes 5 --output runs/oracle.jsonl
      toolgym show runs/oracle.jsonl
      toolgym show runs/oracle.jsonl --episode 3
      toolgym show runs/oracle.jsonl --outcome truncated --json
    """
    from toolgym.rendering import print_trajectory
    from toolgym.trajectory import read_trajectories, trajectory_to_json

    if not file.is_file():
        raise ConfigError(f"There is no file {file}. `toolgym eval --output {file}` would write one.")
    episodes = [(i, t) for i, t in enumerate(read_trajectories(file)) if outcome is None or t.outcome == outcome]
    if episode is not None:
        if not -len(episodes) <= episode < len(episodes):
            raise ConfigError(f"{file} holds {len(episodes)} such episodes; there is no number {episode}.")
        episodes = [episodes[episode]]
    if json:
        print_json([trajectory_to_json(trajectory) for _, trajectory in episodes])
        return
    if episode is not None:
        print_trajectory(episodes[0][1])
        return
    table = Table(title=f"{file.name}: {len(episodes)} episodes", title_justify="left")
    trained = any("step" in trajectory.meta for _, trajectory in episodes)
    for column in ("episode", *(["step"] if trained else []), "task", "outcome", "turns", "calls", "reward"):
        table.add_column(column, justify="left" if column in ("task", "outcome") else "right")
    for number, trajectory in episodes:
        first, *rest = map(str, _row(number, trajectory))
        table.add_row(first, *([str(trajectory.meta.get("step", ""))] if trained else []), *rest)
    out.print(table)


def _row(number: int, trajectory: Any) -> tuple[Any, ...]:
    total = sum(step.reward for step in trajectory.steps)
    reward = "-" if math.isnan(total) else f"{total:.3f}"
    outcome = trajectory.outcome or "unfinished"
    why = f" ({trajectory.truncation})" if trajectory.truncation else ""
    return number, trajectory.task_id, outcome + why, len(trajectory.steps), len(trajectory.calls), reward
