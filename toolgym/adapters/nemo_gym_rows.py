"""Rows of NeMo Gym's: those that its agents read, and figures over those that were verified."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from toolgym.adapters.chat import ChatEpisode, opened
from toolgym.adapters.responses import items_of
from toolgym.errors import ConfigError

__all__ = ["TASK", "figures", "nemo_gym_rows"]

TASK = "_ng_task_index"
"""The key of a verified row that says which row of the data set it belongs to."""


def nemo_gym_rows(
    env_id: str, count: int | None = None, agent: str | None = None, **options: Any
) -> Iterator[dict[str, Any]]:
    """Rows for NeMo Gym's agents: the opening as a request of the Responses API with the tools, and the task's id.

    Args:
        env_id: the environment that will be served.
        count: the first so many tasks of its split (None: all).
        agent: the name of the agent that plays them, in NeMo Gym's configuration.
        options: of the environment, as it will be served.

    Raises:
        ConfigError: no such environment or option, or there are fewer tasks.
    """
    env = opened(env_id, options)
    if count is not None and not 1 <= count <= len(env.tasks):
        raise ConfigError(f"count must be from 1 to the {len(env.tasks)} tasks of {env_id}, not {count}")
    named = {"agent_ref": {"type": "responses_api_agents", "name": agent}} if agent else {}
    return (_row(env_id, options, index, named) for index in range(len(env.tasks) if count is None else count))


def _row(env_id: str, options: dict[str, Any], index: int, named: dict[str, Any]) -> dict[str, Any]:
    episode = ChatEpisode(env_id, options, index)
    try:
        asked = {
            "input": [item for message in episode.messages for item in items_of(message)],
            "tools": [{"type": "function", "strict": False, **tool["function"]} for tool in episode.tools],
        }
        return {"responses_create_params": asked, "task_id": episode.trajectory.task_id, "env": env_id, **named}
    finally:
        episode.close()


def figures(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Verified rows in figures: mean, max, min, median and standard deviation of each number that they have."""
    tasks: dict[Any, list[Mapping[str, Any]]] = {}
    for row in rows:
        tasks.setdefault(row.get(TASK, 0), []).append(row)
    groups = [{TASK: index, "num_rollouts": len(tasks[index]), **_figures(tasks[index])} for index in sorted(tasks)]
    overall = _figures(rows)
    headline = {name: value for name, value in overall.items() if name.startswith("mean/")}
    return {"group_level_metrics": groups, "agent_metrics": overall, "key_metrics": headline}


def _figures(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    found: dict[str, list[float]] = {}
    for row in rows:
        response = row.get("response")
        usage = response.get("usage") if isinstance(response, dict) else None
        for name, value in {**row, **(usage if isinstance(usage, dict) else {})}.items():
            if isinstance(value, int | float) and not name.startswith("_"):
                found.setdefault(name, []).append(float(value))
    out: dict[str, float] = {}
    for name, values in found.items():
        out |= {f"mean/{name}": statistics.fmean(values), f"max/{name}": max(values), f"min/{name}": min(values)}
        out[f"median/{name}"] = statistics.median(values)
        out[f"std/{name}"] = statistics.stdev(values) if len(values) > 1 else 0.0
    return out
