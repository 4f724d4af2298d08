"""Our tasks as a taskset of verifiers', and the harness that plays their episodes.

The harness's loop runs in its own process: each message that the model writes through the run's endpoint is a step of
the episode, and what the environment says goes into the next request, the words of a user that answers among it. What
the steps earned is the trace's reward, a key a term, each with its weight.
"""

import asyncio
import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from toolgym.adapters.chat import ChatEpisode, opened
from toolgym.checker._transcripts import play_gold
from toolgym.errors import ConfigError
from toolgym.messages import Turn

try:
    import verifiers.v1 as vf  # pyright: ignore[reportMissingImports]
    from openai import AsyncOpenAI  # pyright: ignore[reportMissingImports]
except ImportError as error:
    raise ConfigError(f"verifiers' package is missing: pip install verifiers ({error})") from error

__all__ = ["ToolGymConfig", "ToolGymEnv", "ToolGymHarness", "ToolGymTask", "ToolGymTaskset"]

_CLOSING = [Turn(response="Is there anything else?")] * 3


class ToolGymConfig(vf.TasksetConfig):
    """Which environment: `--env.taskset.env ToolGym/Bank-v0 --env.taskset.options.size small`."""

    env: str = "ToolGym/Airline-v0"
    """The environment's id."""
    options: dict[str, Any] = {}  # noqa: RUF012 (pydantic copies it)
    """Of the environment, as `gymnasium.make` takes them."""
    count: int | None = None
    """So many tasks, the first ones; None: all of the split."""


class ToolGymData(vf.TaskData):
    """A task: its environment, and its id there (`id`)."""

    env: str
    options: dict[str, Any]


class ToolGymState(vf.State):
    """What came of an episode so far."""

    outcome: str | None = None
    rewards: dict[str, float] = {}  # noqa: RUF012 (pydantic copies it)
    """Each term's sum over the steps, with its weight."""
    terms: dict[str, float] = {}  # noqa: RUF012 (pydantic copies it)
    """The same without the weight."""
    scored: bool = True
    """False where a step has no score."""


class ToolGymTask(vf.Task[ToolGymData, ToolGymState]):
    """A task whose reward is what its episode earned; its gold chain is what `vf-validate` plays."""

    @vf.reward
    async def episode_return(self, trace: Any) -> dict[str, float]:
        """What the steps earned, by term.

        Raises:
            ValueError: a step has no score, so the episode is nothing to learn from.
        """
        if not trace.state.scored:
            raise ValueError("a step of the episode has no score (NaN)")
        return trace.state.rewards or {"episode_return": 0.0}

    @vf.metric
    async def solved(self, trace: Any) -> float:
        """Whether the verified outcome is `solved`."""
        return float(trace.state.outcome == "solved")

    @vf.metric
    async def terms(self, trace: Any) -> dict[str, float]:
        """Each term without its weight, as `term/NAME`."""
        return {f"term/{name}": value for name, value in trace.state.terms.items()}

    async def validate(self, runtime: Any) -> bool | None:
        """Whether the gold chain solves the task; None for an environment without gold."""
        return await asyncio.to_thread(self._gold_solves)

    def _gold_solves(self) -> bool | None:
        env = opened(self.data.env, self.data.options).spawn()
        try:
            env.reset(options={"task": self.data.id})
            return play_gold(env, _CLOSING) == "solved" if env.task.gold else None
        finally:
            env.close()


class ToolGymTaskset(vf.Taskset[ToolGymTask, ToolGymConfig]):
    """The tasks of an environment's split, in their order."""

    def load(self) -> Iterator[ToolGymTask]:
        """The tasks.

        Raises:
            ConfigError: there is no such environment or option, or there are fewer tasks.
        """
        config = self.config
        env = opened(config.env, config.options)
        count = len(env.tasks) if config.count is None else config.count
        if not 1 <= count <= len(env.tasks):
            raise ConfigError(f"count must be from 1 to the {len(env.tasks)} tasks of {config.env}, not {count}")
        for index in range(count):
            task = env.tasks[index]
            asked = task.request if env.options.user == "none" else task.user.opening or task.request
            data = ToolGymData(id=task.id, name=task.id, prompt=asked, env=config.env, options=config.options)
            yield ToolGymTask(data, config.task)


class ToolGymHarness(vf.Harness[vf.HarnessConfig]):
    """Plays our episodes, in this process: it starts no program and needs no container."""

    APPENDS_SYSTEM_PROMPT = True
    EXECUTES_CODE = False
    NEEDS_CONTAINER = False

    async def launch(
        self,
        ctx: Any,
        trace: Any,
        runtime: Any,
        endpoint: str,
        secret: str,
        mcp_urls: dict[str, str],
        data: Any,
    ) -> vf.ProgramResult:
        """Plays the episode of a task of `ToolGymTaskset` to its end.

        Raises:
            ConfigError: the task is of another taskset.
            InfraError: the infrastructure broke the episode.
        """
        if not isinstance(data, ToolGymData):
            raise ConfigError("ToolGymHarness plays the tasks of ToolGymTaskset, no others")
        suspends = opened(data.env, data.options).suspends
        episode = await _apart(suspends, partial(ChatEpisode, data.env, data.options, data.id))
        try:
            await _play(episode, data.system_prompt, partial(_asked, ctx.model, endpoint, secret), trace.state)
        finally:
            _note(trace.state, episode)
            await _apart(suspends, episode.close)
        return vf.ProgramResult(0, "", "")


class ToolGymEnvConfig(vf.EnvConfig):
    """One agent, whose harness runs in this process: no machine is rented for it."""

    agent: vf.AgentConfig = vf.AgentConfig(runtime=vf.SubprocessConfig())


class ToolGymEnv(vf.Env[ToolGymEnvConfig]):
    """One agent plays one task."""

    async def run(self, task: Any, agents: Any) -> None:
        """Plays it."""
        await agents.agent.run(task)


async def _play(episode: ChatEpisode, policy: str | None, ask: Callable[..., Any], state: ToolGymState) -> None:
    """Plays on until the episode is over; `policy` stands in the place of the environment's own."""
    messages = episode.messages
    if policy is not None:
        messages = [{"role": "system", "content": policy}, *(each for each in messages if each["role"] != "system")]
    while not episode.done:
        message, cut = await ask(messages, episode.tools)
        new = await _apart(episode.suspends, partial(episode.take, message, cut=cut))
        messages = [*messages, message, *({key: each[key] for key in each if key != "outcome"} for each in new)]
        _note(state, episode)


async def _asked(
    model: str, endpoint: str, secret: str, messages: list[dict[str, Any]], tools: list[dict[str, Any]]
) -> tuple[dict[str, Any], bool]:
    """The model's next message, and whether it was cut off."""
    async with AsyncOpenAI(base_url=endpoint, api_key=secret, max_retries=0, timeout=None) as client:
        offered: dict[str, Any] = {"tools": tools} if tools else {}
        answer = await client.chat.completions.create(model=model, messages=messages, **offered)
    choice = answer.choices[0]
    return choice.message.model_dump(exclude_none=True), choice.finish_reason == "length"


async def _apart(suspends: bool, what: Callable[[], Any]) -> Any:
    """Does something, in a thread where it may have to wait, so that other episodes go on."""
    return await asyncio.to_thread(what) if suspends else what()


def _note(state: ToolGymState, episode: ChatEpisode) -> None:
    state.outcome, state.terms = episode.trajectory.outcome, episode.terms
    state.scored = not math.isnan(episode.total)
    state.rewards = {name: value * episode.weights[name] for name, value in episode.terms.items()}
