"""One of our environments as an OpenEnv server: an environment of its own for each client that connects."""

from collections.abc import Callable
from importlib.metadata import version
from typing import Any, Literal
from uuid import uuid4

from openenv.core.env_server import create_fastapi_app  # pyright: ignore[reportMissingImports]
from openenv.core.env_server.interfaces import Environment  # pyright: ignore[reportMissingImports]
from openenv.core.env_server.types import Action, EnvironmentMetadata, Observation, State  # pyright: ignore[reportMissingImports]
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError
from starlette.types import ASGIApp

from toolgym.env import ToolEnv
from toolgym.errors import ConfigError
from toolgym.messages import ToolCall, Turn, render
from toolgym.opening import open_env

__all__ = ["ToolAction", "ToolGymEnvironment", "ToolObservation", "openenv_app"]


class ToolAction(Action):
    """One assistant message; or, as OpenEnv's own clients of tool servers write them, one call or a look at the tools.

    `list_tools` takes no step, before or after `reset`.
    """

    type: Literal["message", "call_tool", "list_tools"] = "message"
    message: str | None = Field(None, description="The assistant's message: a plan, tool calls, a response")
    tool_name: str | None = Field(None, description="The tool to call, where type is call_tool")
    arguments: dict[str, Any] = Field(default_factory=dict, description="The arguments of that call")

    @model_validator(mode="after")
    def _whole(self) -> "ToolAction":
        if self.type == "message" and self.message is None:
            raise PydanticCustomError("missing", "an action of type message has a message")
        if self.type == "call_tool" and self.tool_name is None:
            raise PydanticCustomError("missing", "an action of type call_tool has a tool_name")
        return self

    def written(self) -> str:
        """The action as `ToolEnv.step` takes it."""
        if self.type == "call_tool":
            return render(Turn(calls=(ToolCall(self.tool_name or "", self.arguments),)))
        return self.message or ""


class ToolObservation(Observation):
    """What the environment said, as text and as chat messages.

    `tools` is filled at `reset` and for `list_tools`, `tool_name` and `result` after a `call_tool`, `outcome` at the
    end.
    """

    text: str = ""
    messages: list[dict[str, Any]] = Field(default_factory=list)
    tools: list[dict[str, Any]] = Field(default_factory=list)
    tool_name: str | None = None
    result: Any = None
    error: dict[str, Any] | None = None
    outcome: str | None = None
    rewards: dict[str, float] = Field(default_factory=dict)


class ToolGymEnvironment(Environment[ToolAction, ToolObservation, State]):
    """OpenEnv's interface on a `ToolEnv`.

    Args:
        make: makes the environment; called at the first reset, or when the tools are asked for.
        name: its id.
    """

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self, make: Callable[[], ToolEnv], name: str):
        super().__init__()
        self._make, self._name = make, name
        self._env: ToolEnv | None = None
        self._state = State()

    @property
    def env(self) -> ToolEnv:
        """The environment."""
        if self._env is None:
            self._env = self._make()
        return self._env

    def reset(
        self,
        seed: int | None = None,
        episode_id: str | None = None,
        task: str | int | None = None,
        **_: Any,
    ) -> ToolObservation:
        """Starts an episode: of the task with this id or index, or of one that the seed draws."""
        text, info = self.env.reset(seed=seed, options=None if task is None else {"task": task})
        self._state = State(
            **{"episode_id": episode_id or str(uuid4()), "task_id": info["task_id"], "split": info["split"]}
        )
        return ToolObservation(text=text, messages=info["messages"], tools=_listed(self.env))

    def step(self, action: ToolAction, timeout_s: float | None = None, **_: Any) -> ToolObservation:
        """Takes one message of the assistant's."""
        if action.type == "list_tools":
            return ToolObservation(tools=_listed(self.env))
        text, reward, terminated, truncated, info = self.env.step(action.written())
        self._state.step_count += 1
        observation = ToolObservation(
            text=text,
            messages=info["messages"],
            outcome=info.get("outcome"),
            rewards=info["rewards"],
            reward=None if reward != reward else float(reward),  # NaN is no JSON, and says that there is no score
            done=terminated or truncated,
        )
        if action.type == "call_tool":
            _add_result(observation, action, self.env)
        return observation

    @property
    def state(self) -> State:
        """The episode's number of steps, its task and its split."""
        return self._state

    def get_metadata(self) -> EnvironmentMetadata:
        """What the environment is."""
        described = f"{self._name}: tools over MCP, tasks whose success is checked, a reward for every step"
        return EnvironmentMetadata(name=self._name, description=described, version=version("toolgym"))

    def close(self) -> None:
        """Ends the episode."""
        if self._env is not None:
            self._env.close()
            self._env = None


def openenv_app(env_id: str, sessions: int = 64, **options: Any) -> ASGIApp:
    """An environment as an OpenEnv server (ASGI), to be run by `uvicorn`.

    Args:
        env_id: as for `gymnasium.make`, or `FILE.py:NAME` of your own.
        sessions: clients at once, at most; each has an environment of its own.
        options: of the environment.

    Raises:
        ConfigError: no such environment, or an option that it does not have.
    """
    if sessions < 1:
        raise ConfigError(f"sessions must be at least 1, got {sessions}")
    open_env(env_id, **options).close()  # what is wrong with it is said now, not to the first client

    def make() -> ToolGymEnvironment:
        return ToolGymEnvironment(lambda: open_env(env_id, **options), env_id)

    return create_fastapi_app(make, ToolAction, ToolObservation, max_concurrent_envs=sessions)


def _listed(env: ToolEnv) -> list[dict[str, Any]]:
    """The tools as OpenEnv lists them."""
    return [
        {"name": tool.name, "description": tool.description, "input_schema": tool.input_schema} for tool in env.tools
    ]


_ERRORS = {"unknown_tool": "tool_not_found", "invalid_arguments": "invalid_args"}


def _add_result(observation: ToolObservation, action: ToolAction, env: ToolEnv) -> None:
    """What the one call of a step gave, in OpenEnv's fields."""
    observation.tool_name = action.tool_name
    for result in env.trajectory.steps[-1].results:
        observation.result = result.text if result.structured is None else result.structured
        if result.is_error:
            kind = _ERRORS.get(result.outcome, "execution_error")
            observation.error = {"error_type": kind, "message": result.text}
