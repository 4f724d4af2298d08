"""Trajectories as JSON Lines: what `toolgym.trajectory` writes and reads.

A file is a sequence of segments, one a writer. Each begins with a header; then come, for each episode, a line when it
begins, a line a step, and a line when it ends, in the order in which they happened (episodes may interleave):

    {"type": "header", "schema": 1}
    {"type": "episode", "episode": 0, "env_id": …, "task_id": …, "seed": …, "prompt": …, "meta": {…}}
    {"type": "step", "episode": 0, "turn": {…}, "results": […], "observation": …, "user": …, "diff": …, "reward": …, …}
    {"type": "end", "episode": 0, "outcome": …, "truncation": …, "meta": {…}}

A reward that is NaN (no score) is null. A step in which the user called tools has more:

    {…, "user_acts": [{"actor": "user", "name": …, "arguments": {…}, "result": {…}}], "agent_changed": false}
"""

from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from typing import Any, Literal, NotRequired

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from toolgym import _strict_json
from toolgym.formats.turn import CutMessage, ParseProblem, ToolCall, Turn
from toolgym.trajectory.record import Act, Step, ToolResult, Trajectory

MAX_DEPTH = 240
"""Levels of nesting of a line: what a policy and a server say, and what stands around it."""


class _Call(TypedDict):
    name: str
    arguments: dict[str, Any]


class _Turn(TypedDict):
    text: str
    format: str
    plan: str | None
    calls: list[_Call]
    response: str | None
    problems: list[dict[str, Any]]


class _Result(TypedDict):
    text: str
    structured: Any
    is_error: bool
    outcome: str
    content: NotRequired[list[dict[str, Any]]]


class _Act(TypedDict):
    actor: Literal["user"]
    name: str
    arguments: dict[str, Any]
    result: _Result


class _Step(TypedDict):
    turn: _Turn
    results: list[_Result]
    observation: str
    user: str | None
    diff: dict[str, dict[str, Any]] | None
    reward: float | None
    rewards: dict[str, float | None]
    user_acts: NotRequired[list[_Act]]
    agent_changed: NotRequired[bool]


class _Opening(TypedDict):
    env_id: str
    task_id: str
    seed: int | None
    prompt: str
    meta: dict[str, Any]


class _Ending(TypedDict):
    outcome: Literal["solved", "unsolved", "policy_error", "tool_error", "infra_error", "truncated"] | None
    truncation: Literal["turns", "calls", "tokens", "time"] | None
    meta: dict[str, Any]


class _Header(TypedDict):
    schema: int


_KINDS = {"header": _Header, "episode": _Opening, "step": _Step, "end": _Ending}


@cache
def _checker(kind: str) -> Callable[..., Any]:
    return TypeAdapter(_KINDS[kind]).validate_python


def check_record(record: Any, kind: str | None = None) -> None:
    """Raises where a record is not as its kind has it; what it has more is left alone.

    Args:
        record: the record.
        kind: `header`, `episode`, `step` or `end`; None: what its `type` says, and with an episode's number.

    Raises:
        ValueError: it says what is wrong, and where in the record.
    """
    if not isinstance(record, dict):
        raise ValueError(f"expected a JSON object, got {type(record).__name__}")
    if kind is None:
        kind = record.get("type")
        if not isinstance(kind, str) or kind not in _KINDS:
            raise ValueError(f"its type is {kind!r:.50}; expected one of {', '.join(_KINDS)}")
        if kind != "header" and type(record.get("episode")) is not int:
            raise ValueError(f"episode: {record.get('episode')!r:.50} is no number")
    try:
        _checker(kind)(record, strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise ValueError(f"{where}: {first['msg']}") from error


def dump_line(value: dict[str, Any]) -> bytes:
    """One line of JSON, with its end.

    Raises:
        ValueError: it is nested deeper than `MAX_DEPTH`.
    """
    return _strict_json.dumps(value, depth=MAX_DEPTH) + b"\n"


def load_line(line: bytes) -> Any:
    """The inverse of `dump_line`.

    Raises:
        ValueError: not JSON.
    """
    return _strict_json.loads(line.rstrip(b"\r\n"), depth=MAX_DEPTH, half_characters=True)


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


def result_from_json(data: dict[str, Any]) -> ToolResult:
    content = data.get("content")
    return ToolResult(**{**data, "content": None if content is None else tuple(content)})


def _act_to_json(act: Act) -> dict[str, Any]:
    call = act.call
    result = result_to_json(act.result)
    return {"actor": act.actor, "name": call.name, "arguments": call.arguments, "result": result}


def act_from_json(data: dict[str, Any]) -> Act:
    return Act(data["actor"], ToolCall(data["name"], data["arguments"]), result_from_json(data["result"]))


def step_to_json(step: Step) -> dict[str, Any]:
    data = {
        "turn": turn_to_json(step.turn),
        "results": [result_to_json(result) for result in step.results],
        "observation": step.observation,
        "user": step.user,
        "diff": step.diff,
        "reward": step.reward,
        "rewards": step.rewards,
    }
    if step.user_acts:
        acts = [_act_to_json(act) for act in step.user_acts]
        return {**data, "user_acts": acts, "agent_changed": step.agent_changed}
    return data


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
