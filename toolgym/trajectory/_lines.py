"""Trajectories as JSON Lines: what `toolgym.trajectory` writes and reads.

A file is a sequence of segments, one a writer. Each begins with a header; then come, for each episode, a line when it
begins, a line a step, and a line when it ends, in the order in which they happened (episodes may interleave):

    {"type": "header", "schema": 1}
    {"type": "episode", "episode": 0, "env_id": …, "task_id": …, "seed": …, "prompt": …, "meta": {…}}
    {"type": "step", "episode": 0, "turn": {…}, "results": […], "observation": …, "user": …, "diff": …, "reward": …, …}
    {"type": "end", "episode": 0, "outcome": …, "truncation": …, "meta": {…}}

A reward that is NaN (no score) is null.
"""

import json
import math
from dataclasses import asdict
from typing import Any

import orjson

from toolgym.formats.turn import CutMessage, ParseProblem, ToolCall, Turn
from toolgym.trajectory.record import Step, ToolResult, Trajectory


def dump_line(value: dict[str, Any]) -> bytes:
    """One line of JSON, with its end."""
    try:
        return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # lone surrogates, and integers beyond 64 bits: a policy may write them
        return json.dumps(value).encode() + b"\n"


def load_line(line: bytes) -> Any:
    """The inverse of `dump_line`.

    Raises:
        ValueError: not JSON.
    """
    return json.loads(line)  # orjson would read integers beyond 64 bits as floats


def turn_to_json(turn: Turn) -> dict[str, Any]:
    """The turn as read, so that a file does not depend on the parser that reads it later."""
    return {
        "text": turn.text,
        "format": turn.format,
        "plan": turn.plan,
        "calls": [{"name": call.name, "arguments": call.arguments} for call in turn.calls],
        "response": turn.response,
        "problems": [asdict(problem) for problem in turn.problems],
    }


def turn_from_json(data: dict[str, Any]) -> Turn:
    was_cut = any(problem["kind"] == "cut" for problem in data["problems"])
    return Turn(
        plan=data["plan"],
        calls=tuple(ToolCall(call["name"], call["arguments"]) for call in data["calls"]),
        response=data["response"],
        problems=tuple(ParseProblem(**problem) for problem in data["problems"]),
        format=data["format"],
        text=CutMessage(data["text"]) if was_cut else data["text"],
    )


def result_to_json(result: ToolResult) -> dict[str, Any]:
    data = asdict(result)
    content = data.pop("content")
    return data if content is None else {**data, "content": list(content)}


def step_to_json(step: Step) -> dict[str, Any]:
    return {
        "turn": turn_to_json(step.turn),
        "results": [result_to_json(result) for result in step.results],
        "observation": step.observation,
        "user": step.user,
        "diff": step.diff,
        "reward": None if math.isnan(step.reward) else step.reward,
        "rewards": step.rewards,
    }


def opening_to_json(trajectory: Trajectory) -> dict[str, Any]:
    return {
        "env_id": trajectory.env_id,
        "task_id": trajectory.task_id,
        "seed": trajectory.seed,
        "prompt": trajectory.prompt,
        "meta": trajectory.meta,
    }


def ending_to_json(trajectory: Trajectory) -> dict[str, Any]:
    return {"outcome": trajectory.outcome, "truncation": trajectory.truncation, "meta": trajectory.meta}
