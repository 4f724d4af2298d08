"""Our environments in TRL's own loop: `environment_factory` of its `GRPOTrainer`.

    trainer = GRPOTrainer(
        model="Qwen/Qwen3-0.6B",
        train_dataset=Dataset.from_list(task_rows("ToolGym/Bank-v0", 256, size="small")),
        environment_factory=environment_factory("ToolGym/Bank-v0", size="small"),
        reward_funcs=episode_return,
    )

TRL generates and calls the tools, which are methods of an environment there; the last message, without a call, is the
answer. What differs from an episode that ToolGym plays: each call is a step of its own, also of several in a message;
thoughts are not seen, so rewards of plans have nothing to read; and TRL writes a tool's schema of types, so what these
cannot say (fields of an object, bounds) stands in the parameter's description. This module imports no TRL.
"""

import inspect
from collections.abc import Callable, Sequence
from functools import reduce
from keyword import iskeyword
from operator import or_
from typing import Any, Literal, cast

from toolgym import _json
from toolgym.budget import Budget
from toolgym.env import ToolEnv
from toolgym.errors import ConfigError
from toolgym.mcp.session import ToolSpec
from toolgym.messages import ToolCall, Turn, render
from toolgym.observations import notice_message
from toolgym.opening import open_env

__all__ = ["environment_factory", "episode_return", "task_rows"]

_TYPES: dict[str, Any] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "object": dict,
    "array": list,
    "null": type(None),
}
_PLAIN = {"type", "title", "description", "default", "enum", "items", "anyOf"}
"""What of a schema a type and a sentence say."""


def environment_factory(env_id: str, **options: Any) -> Callable[[], Any]:
    """What `GRPOTrainer(environment_factory=...)` takes: a class with `reset`, and a method for each tool.

    Args:
        env_id: an environment whose tools are the same in all tasks.
        options: keywords for `gymnasium.make`.

    Raises:
        ConfigError: there is no such environment, its tools differ from task to task or are perturbed, its user must be
            answered, or a tool or parameter cannot be a Python name.
    """
    env = _opened(env_id, options)

    class Episode:
        """An episode; TRL makes as many as it needs and resets them."""

        def __init__(self) -> None:
            self._env = env.spawn()

        def reset(self, task: str | int | None = None, **_: Any) -> None:
            """Begins the episode of a row of `task_rows`."""
            if task is None:
                raise ConfigError(
                    "A row of the data set has no 'task': make the rows with toolgym.adapters.trl.task_rows"
                )
            self._env.reset(options={"task": task})

    for tool in env.tools:
        setattr(Episode, tool.name, _method(tool))
    return Episode


def task_rows(env_id: str, count: int | None = None, **options: Any) -> list[dict[str, Any]]:
    """Rows for `Dataset.from_list`: the opening messages of the first `count` tasks (None: all), and the tasks' ids.

    `options` are those of the environment; `prompt="short"` and `prompt="tools"` leave the policy document out.

    Raises:
        ConfigError: as for `environment_factory`; or there are fewer tasks.
    """
    env = _opened(env_id, options)
    if count is not None and not 1 <= count <= len(env.tasks):
        raise ConfigError(f"count must be from 1 to the {len(env.tasks)} tasks of {env_id}, not {count}")
    opening = [] if env.options.prompt != "full" else [{"role": "system", "content": env.policy}]
    tasks = (env.tasks[index] for index in range(len(env.tasks) if count is None else count))
    budget = cast(Budget | None, env.options.budget)
    told = [] if budget is None or not budget.told else [notice_message(budget.notice(budget.given))]
    rows = [{"prompt": [*opening, {"role": "user", "content": task.request}, *told], "task": task.id} for task in tasks]
    env.close()
    return rows


def episode_return(completions: Sequence[Any], environments: Sequence[Any], **_: Any) -> list[float | None]:
    """A reward function of TRL: each episode's return, once its last message was given to it as the answer.

    None, which TRL leaves out, where the infrastructure broke the episode.
    """
    return [_ended(messages, episode._env) for messages, episode in zip(completions, environments, strict=True)]


def _ended(messages: Sequence[dict[str, Any]], env: ToolEnv) -> float | None:
    last = messages[-1] if messages else {}
    answers = last.get("role") == "assistant" and not last.get("tool_calls")
    if answers and not env.trajectory.done:
        env.step(render(Turn(response=last.get("content") or "")))
    if env.trajectory.outcome == "infra_error":
        return None
    return sum(step.reward for step in env.trajectory.steps)


def _opened(env_id: str, options: dict[str, Any]) -> ToolEnv:
    env = open_env(env_id, **options)
    if env.options.user != "none":
        raise ConfigError(
            f"{env_id} has a user that must be answered (user={env.options.user!r}), and TRL's loop ends at the first "
            "message without a call. Play it with ToolGym's rollouts instead: docs/agents.md"
        )
    if getattr(env.domain, "part_of", None) or getattr(env.domain, "prompt_of", None):
        raise ConfigError(
            f"The tools of {env_id} differ from task to task. Give TRL a dict of factories, one a domain, and each row "
            "its 'environment'"
        )
    changed = [name for name in ("distractors", "rename", "reorder", "make_tools") if getattr(env.options, name)]
    changed += ["tools"] if env.options.tools != "all" else []
    if changed:
        raise ConfigError(
            f"{' and '.join(changed)} would give each episode tools of its own, and TRL shows the same ones in all: "
            "leave that out here, or train with ToolGym's own trainer: docs/agents.md"
        )
    return env


def _method(tool: ToolSpec) -> Callable[..., str]:
    """A method that calls the tool, with the signature and the docstring that TRL makes its schema of."""
    _check_name(tool.name, f"tool {tool.name!r}")
    if tool.name in ("reset", "get_reward") or tool.name.startswith("_"):
        raise ConfigError(
            f"Tool {tool.name!r} cannot be a method for TRL: it takes that name for its own; rename the tool"
        )

    def call(self: Any, **arguments: Any) -> str:
        env: ToolEnv = self._env
        if env.trajectory.done:
            raise ValueError("The episode is over: answer the user.")
        *_, info = env.step(render(Turn(calls=(ToolCall(tool.name, arguments),))))
        return "\n".join(message["content"] for message in info["messages"])

    schema = tool.input_schema
    properties, required = schema.get("properties", {}), schema.get("required", ())
    parameters = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
    lines = []
    for name in sorted(properties, key=lambda name: name not in required):  # those with a default come last
        _check_name(name, f"parameter {name!r} of tool {tool.name!r}")
        schema_of = properties[name] if isinstance(properties[name], dict) else {}  # `true` says as much
        default = inspect.Parameter.empty if name in required else schema_of.get("default")
        hint = _hint(properties[name])
        parameters.append(
            inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=hint)
        )
        lines.append(f"    {name}: {_about(name, properties[name], schema.get('$defs', {}))}")
        call.__annotations__[name] = hint
    del call.__annotations__["arguments"], call.__annotations__["self"]
    call.__name__ = call.__qualname__ = tool.name
    # Without a word before the parameters, transformers finds none of them.
    call.__doc__ = (_line(tool.description) or tool.name) + ("\n\nArgs:\n" + "\n".join(lines) if lines else "")
    call.__signature__ = inspect.Signature(parameters, return_annotation=str)  # type: ignore[attr-defined]
    return call


def _check_name(name: str, what: str) -> None:
    if not name.isidentifier() or iskeyword(name):
        raise ConfigError(f"{what[0].upper()}{what[1:]} cannot be a Python name, as TRL needs; rename it in the server")


def _hint(schema: Any) -> Any:
    """The Python type of a parameter; `Any` JSON value is text, an object or a list."""
    match schema:
        case {"enum": [*values]} if all(isinstance(value, str | int | bool | None) for value in values):
            return Literal[tuple(values)]
        case {"anyOf": [*parts]}:
            return reduce(or_, (_hint(part) for part in parts))
        case {"type": [*names]}:
            return reduce(or_, (_hint({**schema, "type": name}) for name in names))
        case {"type": "array", "items": dict(items)} if items:
            return list[_hint(items)]
        case {"type": str(name)} if name in _TYPES:
            return _TYPES[name]
        case {"$ref": _}:
            return dict
        case _:
            return str | dict | list


def _about(name: str, schema: Any, definitions: dict[str, Any]) -> str:
    """The parameter's description, and its schema where a type does not say all of it."""
    said = _line(schema.get("description", "") if isinstance(schema, dict) else "") or name.replace("_", " ")
    if _says_more(schema):
        whole = {key: value for key, value in schema.items() if key not in ("description", "title", "default")}
        if "$ref" in _json.dumps(whole).decode():
            whole["$defs"] = definitions
        said += f" (JSON Schema: {_json.dumps(whole).decode()})"
    return said


def _says_more(schema: Any) -> bool:
    if not isinstance(schema, dict):
        return schema is not True
    parts = [*schema.get("anyOf", ()), *([schema["items"]] if "items" in schema else [])]
    return bool(set(schema) - _PLAIN) or any(_says_more(part) for part in parts)


def _line(text: str) -> str:
    return " ".join(text.split())
