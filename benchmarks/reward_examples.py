"""Example episodes of one task: what each reward gives to expert, honest partial and degenerate behaviour."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from toolgym.domain import Domain
from toolgym.env import ToolEnv
from toolgym.mcp.session import ToolSpec
from toolgym.messages import ToolCall, Turn, render
from toolgym.options import EnvOptions
from toolgym.tasks import Task
from toolgym.trajectory import Trajectory

_REPEATS = 12


@dataclass(frozen=True)
class Example:
    """A way to behave: its name, whether it is honest, and the messages that it sends."""

    name: str
    honest: bool
    messages: Callable[[Task, tuple[ToolSpec, ...]], list[str]]


def gold_messages(task: Task, tools: tuple[ToolSpec, ...]) -> list[str]:
    return [render(Turn(a.plan, tuple(c.call() for c in a.calls), a.response)) for a in task.gold]


def _one_wrong(task: Task, tools: tuple[ToolSpec, ...]) -> list[str]:
    """The gold chain with one value of its last call with arguments wrong."""
    acting = [i for i, a in enumerate(task.gold) if any(c.arguments for c in a.calls)]
    messages = gold_messages(task, tools)
    if acting:
        action = task.gold[acting[-1]]
        calls = [c.call() for c in action.calls]
        at = max(i for i, call in enumerate(calls) if call.arguments)
        name = list(calls[at].arguments)[-1]
        calls[at] = ToolCall(calls[at].name, {**calls[at].arguments, name: _wrong(calls[at].arguments[name])})
        messages[acting[-1]] = render(Turn(action.plan, tuple(calls), action.response))
    return messages


def _half(task: Task, tools: tuple[ToolSpec, ...]) -> list[str]:
    """The first half of the gold chain's actions, at least one, and an honest answer."""
    acting = [a for a in task.gold if a.calls]
    kept = acting[: max(1, len(acting) // 2)]
    messages = [render(Turn(a.plan, tuple(c.call() for c in a.calls), None)) for a in kept]
    return [*messages, render(Turn(response="I could do a part of this only."))]


def _repeat(task: Task, tools: tuple[ToolSpec, ...]) -> list[str]:
    """The first gold call again and again."""
    first = render(Turn(calls=(task.gold_calls[0].call(),)))
    return [*[first] * _REPEATS, render(Turn(response="Done."))]


def _call_everything(task: Task, tools: tuple[ToolSpec, ...]) -> list[str]:
    """Every tool once, with arguments that its schema allows."""
    messages = [render(Turn(calls=(ToolCall(tool.name, _any_arguments(tool, task)),))) for tool in tools]
    return [*messages, render(Turn(response="Done."))]


def _copy_schema(task: Task, tools: tuple[ToolSpec, ...]) -> list[str]:
    """The tools' schemas in the place of arguments."""
    calls = tuple(ToolCall(tool.name, tool.input_schema.get("properties", {})) for tool in tools)
    return [render(Turn("I call the tools.", calls)), render(Turn(response="Done."))]


def _empty_plan(task: Task, tools: tuple[ToolSpec, ...]) -> list[str]:
    return ["<plan></plan>"] * _REPEATS + [render(Turn("", response=""))]


def _spam_tags(task: Task, tools: tuple[ToolSpec, ...]) -> list[str]:
    return ["<plan>" * 5 + "<tool_call>" * 5 + "</tool_call>" * 5 + "<response>" * 5] * _REPEATS


def _answer_at_once(task: Task, tools: tuple[ToolSpec, ...]) -> list[str]:
    return [render(Turn(response="All done, as you asked."))]


def _echo_names(task: Task, tools: tuple[ToolSpec, ...]) -> list[str]:
    """The gold chain's tools with its parameter names, and wrong values."""
    messages = [
        render(Turn("I call the tools.", tuple(ToolCall(c.name, _wrong(c.arguments)) for c in a.calls)))
        for a in task.gold
        if a.calls
    ]
    return [*messages, render(Turn(response="Done."))]


EXAMPLES: tuple[Example, ...] = (
    Example("gold", True, gold_messages),
    Example("one wrong value", True, _one_wrong),
    Example("half of it", True, _half),
    Example("repeat the call", False, _repeat),
    Example("call everything", False, _call_everything),
    Example("copy the schema", False, _copy_schema),
    Example("empty plan", False, _empty_plan),
    Example("spam tags", False, _spam_tags),
    Example("answer at once", False, _answer_at_once),
    Example("names, wrong values", False, _echo_names),
)
"""Ten ways to behave. The degenerate ones must earn less than doing half of the task honestly."""


def _wrong(value: Any) -> Any:
    """A value of the same kind that is not the right one."""
    if isinstance(value, dict):
        return {key: _wrong(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_wrong(item) for item in value]
    if isinstance(value, bool):
        return not value
    return value + 7 if isinstance(value, int | float) else "nothing"


def _any_arguments(tool: ToolSpec, task: Task) -> dict[str, Any]:
    """Arguments that the schema allows; where the task's text has a fitting id, a policy would have found it too."""
    schema = tool.input_schema
    words = task.request.replace(",", " ").replace(".", " ").split()
    ids = [word for word in words if "_" in word or (word.isupper() and len(word) > 3)]
    return {
        name: _any_value(schema["properties"][name], ids, schema.get("$defs", {}))
        for name in schema.get("required", ())
    }


def _any_value(schema: dict[str, Any], ids: list[str], defs: dict[str, Any]) -> Any:
    if "$ref" in schema:
        return _any_value(defs.get(schema["$ref"].rsplit("/", 1)[-1], {}), ids, defs)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "string")
    if kind == "object":
        return {n: _any_value(schema["properties"][n], ids, defs) for n in schema.get("required", ())}
    if kind == "array":
        return []
    return {"integer": 1, "number": 1.0, "boolean": False}.get(kind, ids[0] if ids else "nothing")


def play(domain: Domain, task: Task, example: Example, reward: Any = "default") -> Trajectory:
    """The example's episode of a task, scored by a reward."""
    env = ToolEnv(domain, EnvOptions(reward=reward, prompt="short"))
    env.reset(options={"task": task})
    for message in example.messages(task, env.tools):
        env.step(message)
        if env.trajectory.done:
            break
    env.close()
    return env.trajectory


def total(trajectory: Trajectory) -> float:
    """An episode's summed reward."""
    return sum(step.reward for step in trajectory.steps)


def example_tasks(domain: Domain, count: int, least_calls: int = 4) -> list[Task]:
    """The first tasks of the test split that are to be done, with so many gold calls and a write among them."""
    found: list[Task] = []
    for task in domain.tasks("test"):
        calls = task.gold_calls
        if not task.forbidden and len(calls) >= least_calls and any(c.writes for c in calls):
            found.append(task)
            if len(found) == count:
                break
    return found


def fingerprint(trajectory: Trajectory) -> bytes:
    """An episode as bytes, to see that two are the same."""
    return orjson.dumps([(s.turn.text, s.observation, s.reward) for s in trajectory.steps])
