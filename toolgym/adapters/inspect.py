"""Our tasks as a task of Inspect's: its models play our episodes, its logs hold what came of them.

    # airline.py; then: inspect eval airline.py --model openai/gpt-5 -T split=test --limit 20
    from inspect_ai import task
    from toolgym.adapters.inspect import inspect_task

    @task
    def airline(split="test", count=20):
        return inspect_task("ToolGym/Airline-v0", count=count, size="small", split=split)

A sample is a task of ours. Its setup starts the episode and offers its tools, its solver plays it to the end, users
that answer included, and its scorers tell the verified outcome and the return. With another solver (`--solver`) each
call is a step of its own, no user answers, and the last message is the answer. `toolgym view` opens the log.

`pip install inspect-ai` brings the package, which this module needs.
"""

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import anyio

from toolgym.adapters.chat import ChatEpisode, opened
from toolgym.env import ToolEnv
from toolgym.errors import ConfigError
from toolgym.tasks import Task
from toolgym.trajectory._lines import dump_line, load_line
from toolgym.trajectory.files import trajectory_to_json

try:
    import inspect_ai  # pyright: ignore[reportMissingImports]
    from inspect_ai.dataset import MemoryDataset, Sample  # pyright: ignore[reportMissingImports]
    from inspect_ai.model import (  # pyright: ignore[reportMissingImports]
        ChatMessage,
        ChatMessageAssistant,
        ChatMessageSystem,
        ChatMessageTool,
        ChatMessageUser,
    )
    from inspect_ai.scorer import Score, Target, accuracy, mean, scorer, stderr  # pyright: ignore[reportMissingImports]
    from inspect_ai.solver import Generate, Solver, TaskState, solver  # pyright: ignore[reportMissingImports]
    from inspect_ai.tool import ToolCallError, ToolDef, ToolError, ToolParams  # pyright: ignore[reportMissingImports]
except ImportError as error:
    raise ConfigError(f"Inspect's package is missing: pip install inspect-ai ({error})") from error

__all__ = ["RECORD", "episode_return", "inspect_task", "play", "solved"]

RECORD = "toolgym"
"""Where a sample's store has the episode's record (`toolgym.trajectory.trajectory_to_json`)."""
_EPISODES: dict[str, ChatEpisode] = {}
"""Sample (its run's id) -> its episode, from its setup to its cleanup."""
_MOST_LEVELS = 4
"""Of a schema that refers to itself."""
_SAID = {"title", "type", "format", "description", "default", "enum", "items", "properties", "additionalProperties"}
_SAID |= {"anyOf", "required", "pattern", "minLength", "maxLength", "minimum", "maximum", "examples"}
"""What of a JSON Schema Inspect's tools can say."""


def inspect_task(env_id: str, *, count: int | None = None, **options: Any) -> "inspect_ai.Task":
    """An environment as a task of Inspect's.

    Args:
        env_id: the environment.
        count: so many tasks, the first ones; None: all of the split, which are made now.
        options: of the environment, as `gymnasium.make` takes them; values that JSON has.

    Raises:
        ConfigError: there is no such environment or option, or there are fewer tasks.
    """
    env = opened(env_id, options)
    if count is not None and not (type(count) is int and 1 <= count <= len(env.tasks)):
        raise ConfigError(f"count must be from 1 to the {len(env.tasks)} tasks of {env_id}, not {count!r}")
    samples = [_sample(env, env.tasks[index]) for index in range(len(env.tasks) if count is None else count)]
    name = env_id.rpartition("/")[2]
    return inspect_ai.Task(
        dataset=MemoryDataset(samples, name=name),
        setup=begin(env_id, options),
        solver=play(),
        scorer=[solved(), episode_return()],
        cleanup=_end,
        name=name,
        metadata={"toolgym": {"env": env_id, "options": options}},
    )


def _sample(env: ToolEnv, task: Task) -> Sample:
    asked = task.request if env.options.user == "none" else task.user.opening or task.request
    about = {"kind": list(task.kind), "depth": task.depth, "split": env.options.split}
    return Sample(id=task.id, input=asked, metadata=about)


# Solvers -----------------------------------------------------------------------------------------------------------


@solver
def begin(env_id: str, options: dict[str, Any]) -> Solver:
    """Starts the sample's episode: its messages and tools are the state's then."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        def start() -> ChatEpisode:
            return ChatEpisode(env_id, options, str(state.sample_id), state.epoch - 1)

        episode = await _apart(opened(env_id, options), start)
        _EPISODES[state.uuid] = episode
        state.messages = [_message(message) for message in episode.messages]
        state.tools = _offered(state, episode)
        _keep(state, episode)
        return state

    return solve


@solver
def play() -> Solver:
    """Plays the episode to its end: a message of the model's is a step, what the environment says comes back."""

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        episode = _episode(state)
        try:
            while not (episode.done or state.completed):
                offered = episode.tools
                state = await generate(state, tool_calls="none")
                new = await _apart(episode, partial(episode.take, _given(state.output.message), cut=_was_cut(state)))
                state.messages += map(_message, new)
                if episode.tools is not offered:
                    state.tools = _offered(state, episode)
        finally:
            _keep(state, episode)
        return state

    return solve


def _was_cut(state: TaskState) -> bool:
    return state.output.stop_reason in ("max_tokens", "model_length")


def _offered(state: TaskState, episode: ChatEpisode) -> list[ToolDef]:
    return [ToolDef(_caller(state, tool), **_described(tool)) for tool in episode.tools]


def _caller(state: TaskState, tool: Mapping[str, Any]) -> Callable[..., Any]:
    """A tool for solvers that call by themselves: each call is a step."""
    name = tool["function"]["name"]

    async def execute(**arguments: Any) -> str:
        episode = _episode(state)
        if episode.done:
            raise ToolError("The episode is over: nothing can be done in it any more. Answer the user.")
        call = {"id": "call", "function": {"name": name, "arguments": json.dumps(arguments)}}
        said, *rest = await _apart(episode, partial(episode.take, {"tool_calls": [call]}))
        _keep(state, episode)
        text = "\n".join([said["content"], *(message["content"] for message in rest)])
        if said["outcome"] != "ok":
            raise ToolError(text)
        return text

    return execute


async def _answer(state: TaskState) -> ChatEpisode:
    """The episode, ended with the last message as the answer, where the solver did not do so itself."""
    episode, last = _episode(state), state.messages[-1] if state.messages else None
    if not episode.done and isinstance(last, ChatMessageAssistant) and not last.tool_calls:  # pyright: ignore[reportOptionalMemberAccess]
        await _apart(episode, partial(episode.take, _given(last), cut=_was_cut(state)))
        _keep(state, episode)
    return episode


async def _end(state: TaskState) -> None:
    episode = _EPISODES.pop(state.uuid, None)
    if episode is not None:
        await _apart(episode, episode.close)


async def _apart(episode: Any, what: Callable[[], Any]) -> Any:
    """Does something, in a thread where it may have to wait, so that other samples go on."""
    return await anyio.to_thread.run_sync(what) if episode.suspends else what()


def _episode(state: TaskState) -> ChatEpisode:
    if (found := _EPISODES.get(state.uuid)) is None:
        raise ConfigError("The sample has no episode: make the task with toolgym.adapters.inspect.inspect_task")
    return found


def _keep(state: TaskState, episode: ChatEpisode) -> None:
    # As a file has it: no NaN, which JSON does not know, and a copy that later steps do not change.
    state.store.set(RECORD, load_line(dump_line(trajectory_to_json(episode.trajectory))))


# Scorers -----------------------------------------------------------------------------------------------------------


@scorer(metrics=[accuracy(), stderr()])
def solved() -> Any:
    """Whether the episode's verified outcome is `solved`."""

    async def score(state: TaskState, target: Target) -> Score:
        record = (await _answer(state)).trajectory
        outcome = record.outcome or "unfinished"
        response = record.steps[-1].turn.response if record.steps else None
        return Score(value=int(outcome == "solved"), answer=response, explanation=outcome)

    return score


@scorer(metrics=[mean(), stderr()])
def episode_return() -> Any:
    """The rewards of the episode's steps, added up; `metadata` has each term's. Unscored where a step has no score."""

    async def score(state: TaskState, target: Target) -> Score:
        episode = await _answer(state)
        return Score(value=episode.total, metadata={"terms": episode.terms, "weights": episode.weights})

    return score


# Messages and tools in Inspect's types -----------------------------------------------------------------------------


def _given(message: ChatMessageAssistant) -> dict[str, Any]:
    """A message of Inspect's as the chat API has it."""
    parts = [] if isinstance(message.content, str) else message.content
    thoughts = [part.reasoning for part in parts if part.type == "reasoning" and not part.redacted]
    given: dict[str, Any] = {"content": message.text}
    if thoughts:
        given["reasoning_content"] = "\n".join(thoughts)
    if message.tool_calls:
        given["tool_calls"] = [
            {"id": call.id, "function": {"name": call.function, "arguments": _arguments(call)}}
            for call in message.tool_calls
        ]
    return given


def _arguments(call: Any) -> str:
    """What a call says, as text; what Inspect could not read stays what cannot be read."""
    return f"? {call.parse_error}" if call.parse_error else json.dumps(call.arguments)


def _message(message: Mapping[str, Any]) -> ChatMessage:
    """A message of the environment's in Inspect's types."""
    role, content = message["role"], message["content"]
    if role == "tool":
        failed = message["outcome"] != "ok"
        kind = "parsing" if message["outcome"] in ("invalid_arguments", "not_run") else "unknown"
        return ChatMessageTool(
            content=content,
            tool_call_id=message["tool_call_id"],
            function=message.get("name"),
            error=ToolCallError(kind, content) if failed else None,
        )
    if role == "assistant":
        return ChatMessageAssistant(content=content)
    return ChatMessageSystem(content=content) if role == "system" else ChatMessageUser(content=content)


def _described(tool: Mapping[str, Any]) -> dict[str, Any]:
    """A tool's name, description and parameters for Inspect, whose schemas know no references."""
    function = tool["function"]
    schema = _inlined(function["parameters"], function["parameters"].get("$defs", {}), _MOST_LEVELS)
    parameters = {name: schema[name] for name in ("properties", "required", "additionalProperties") if name in schema}
    parameters["properties"] = {name: _said(each) for name, each in parameters.get("properties", {}).items()}
    return {
        "name": function["name"],
        "description": function["description"] or function["name"],
        "parameters": ToolParams.model_validate(parameters),
    }


def _inlined(schema: Any, definitions: Mapping[str, Any], levels: int) -> Any:
    """A schema with what its references name in their place; beyond so many levels anything goes."""
    if isinstance(schema, list):
        return [_inlined(each, definitions, levels) for each in schema]
    if not isinstance(schema, Mapping):
        return schema
    if isinstance(name := schema.get("$ref"), str):
        found = definitions.get(name.removeprefix("#/$defs/")) if levels else None
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        return {**(_inlined(found, definitions, levels - 1) if found else {}), **rest}
    return {key: _inlined(value, definitions, levels) for key, value in schema.items() if key != "$defs"}


def _said(schema: Any) -> dict[str, Any]:
    """A parameter's schema as Inspect can say it; what it cannot say stands in the description, as JSON Schema."""
    if not isinstance(schema, dict):
        return {}
    if not _says_more(schema):
        return schema
    about = {key: value for key, value in schema.items() if key not in ("description", "title", "default")}
    said = f"{schema.get('description', '')} (JSON Schema: {json.dumps(about)})".strip()
    return {**_cut(schema), "description": said}


def _says_more(schema: Any) -> bool:
    if not isinstance(schema, dict):
        return schema is not True
    return bool(set(schema) - _SAID) or any(_says_more(each) for each in _parts(schema))


def _parts(schema: Mapping[str, Any]) -> list[Any]:
    items = [schema["items"]] if "items" in schema else []
    return [*schema.get("properties", {}).values(), *items, *schema.get("anyOf", ())]


def _cut(schema: Any) -> Any:
    """A schema without what Inspect cannot say."""
    if not isinstance(schema, dict):
        return {}
    out = {key: value for key, value in schema.items() if key in _SAID}
    if "properties" in out:
        out["properties"] = {name: _cut(each) for name, each in out["properties"].items()}
    if "items" in out:
        out["items"] = _cut(out["items"])
    if "anyOf" in out:
        out["anyOf"] = [_cut(each) for each in out["anyOf"]]
    return out
