"""An episode of ours for somebody else's chat loop: the assistant's messages go in, the environment's come out.

Messages are those of the chat API: `{"role": ..., "content": ...}`, an assistant's with `tool_calls`, a tool's with the
`tool_call_id` of what it answers. An assistant's message is one step, also with several calls.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from toolgym import _json
from toolgym.env import ToolEnv
from toolgym.errors import ConfigError, InfraError
from toolgym.formats.openai import read_call, reasoning_of
from toolgym.formats.tagged import MAX_CALLS
from toolgym.messages import CutMessage, ToolCall, Turn, render
from toolgym.observations import lists_tools, without_format
from toolgym.opening import WORLD_OPTIONS, open_env
from toolgym.trajectory import Step, Trajectory

__all__ = ["ChatEpisode", "opened"]

Message = dict[str, Any]


@lru_cache(maxsize=16)
def _opened(env_id: str, options: bytes) -> ToolEnv:
    return open_env(env_id, **_json.loads(options))


def opened(env_id: str, options: Mapping[str, Any]) -> ToolEnv:
    """The environment of an id and options that JSON can say, made once a process: to look at, and to `spawn` from.

    Raises:
        ConfigError: there is no such environment or option.
    """
    try:
        written = _json.dumps({name: options[name] for name in sorted(options)})
    except TypeError as error:
        raise ConfigError(f"The options of {env_id} must be values that JSON has: {error}") from error
    return _opened(env_id, written)


class ChatEpisode:
    """One episode. What it is given and gives are messages of the chat API.

    Args:
        env_id: the environment.
        options: of the environment.
        task: the task's id, or its index in the split.
        number: the how many-th time this task is played; perturbations differ by it.

    Raises:
        ConfigError: there is no such environment, option or task.
        InfraError: the tools could not be started.
    """

    def __init__(self, env_id: str, options: Mapping[str, Any], task: str | int, number: int = 0):
        self._env = opened(env_id, options).spawn()
        chosen: dict[str, Any] = {"task": task}
        if self._env.options.perturbs:
            chosen["perturbation"] = number
        try:
            _, info = self._env.reset(options=chosen)
        except BaseException:
            self._env.close()
            raise
        world = {name: options[name] for name in WORLD_OPTIONS if name in options}
        if world:
            self._env.trajectory.meta["world"] = world
        self.messages: list[Message] = [message for message in map(_native, info["messages"]) if message["content"]]
        """What the episode begins with: the policy as the system's message, and the user's request."""
        self.tools: list[dict[str, Any]] = info["tools"]
        """The tools now, in OpenAI's function form."""

    @property
    def suspends(self) -> bool:
        """Whether a step may have to wait for a server or a user's model: then `take` is for a thread."""
        return self._env.suspends

    @property
    def trajectory(self) -> Trajectory:
        """The record."""
        return self._env.trajectory

    @property
    def done(self) -> bool:
        """Whether the episode is over."""
        return self._env.trajectory.done

    @property
    def total(self) -> float:
        """The rewards of the steps so far, added up; NaN where one has no score."""
        return sum((step.reward for step in self.trajectory.steps), 0.0)

    @property
    def terms(self) -> dict[str, float]:
        """The same for each term, without its weight."""
        out = dict.fromkeys(self._env.reward.terms, 0.0)
        for step in self.trajectory.steps:
            for name, value in step.rewards.items():
                out[name] += value
        return out

    @property
    def weights(self) -> dict[str, float]:
        """What each term counts in the reward."""
        return {name: self._env.reward.weights.get(name, 1.0) for name in self._env.reward.terms}

    def take(self, message: Mapping[str, Any], *, cut: bool = False) -> list[Message]:
        """Takes an assistant's message and gives what the environment answers, with each tool message's `outcome`: the
        result's, or `not_run`.

        Args:
            message: `content` (text, or parts), `reasoning_content`, `tool_calls`, each where there is one.
            cut: whether the model was cut off before the message's end.

        Raises:
            InfraError: the infrastructure broke the episode, which is then over.
        """
        given = list(message.get("tool_calls") or ())
        text = _written(message, given)
        *_, info = self._env.step(CutMessage(text) if cut else text)
        if self.trajectory.outcome == "infra_error":
            raise InfraError(info.get("error") or "The tools failed")
        if info.get("tools"):
            self.tools = info["tools"]
        new = [each for each in info["messages"] if not ("tools" in info and lists_tools(str(each["content"])))]
        return _answers(given, new, self.trajectory.steps[-1])

    def close(self) -> None:
        """Ends the episode's session; its record stays. Closing twice is harmless."""
        self._env.close()


def _native(message: Mapping[str, Any]) -> Message:
    """A message of the reset without what the request's `tools` say already."""
    if message["role"] == "system":
        return {**message, "content": without_format(message["content"])}
    if message["role"] == "tool" and "tool_call_id" not in message:  # of a history that an episode begins with
        return {"role": "user", "content": _tagged(message["content"])}
    return dict(message)


def _written(message: Mapping[str, Any], given: list[Any]) -> str:
    """A message as an action: JSON where it has calls or parts, what it says otherwise."""
    content, reasoning = message.get("content") or "", reasoning_of(message)
    if given or not isinstance(content, str):
        shown: Message = {"role": "assistant", "content": content}
        if reasoning is not None:
            shown["reasoning_content"] = reasoning
        return json.dumps({**shown, **({"tool_calls": given} if given else {})}, ensure_ascii=False)
    return f"{render(Turn(plan=reasoning), 'hermes')}\n{content}" if reasoning else content


def _answers(given: list[Any], new: list[Message], step: Step) -> list[Message]:
    """The environment's messages, each tool's under the id of its call; every call gets an answer, and answers come
    first, as endpoints ask for."""
    ids = [str(call.get("id", "")) if isinstance(call, Mapping) else "" for call in given]
    read = [place for place, call in enumerate(given[:MAX_CALLS]) if isinstance(read_call(call), ToolCall)]
    outcomes = [result.outcome for result in step.results]
    said: dict[int, Message] = {}
    rest: list[Message] = []
    for message in new:
        message = {name: value for name, value in message.items() if name != "parts"}
        if message["role"] != "tool":
            rest.append(message)
        elif read:
            place = read.pop(0)
            said[place] = {**message, "tool_call_id": ids[place], "outcome": outcomes.pop(0)}
        else:  # the call stood in the text, and the loop knows of none that this would answer
            rest.append({"role": "user", "content": _tagged(message["content"])})
    for place in range(len(given)):
        unanswered = {"role": "tool", "content": step.observation, "tool_call_id": ids[place], "outcome": "not_run"}
        said.setdefault(place, unanswered)
    return [*(said[place] for place in sorted(said)), *rest]


def _tagged(content: Any) -> str:
    return f"<tool_response>{content}</tool_response>"
