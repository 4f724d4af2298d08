"""A person acts in the page: episodes that are played there, with what can be taken back and returned to.

Nothing is written: an episode that is played lives in this process until it makes room for another one.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from toolgym.env import ToolEnv
from toolgym.errors import ConfigError, ToolGymError
from toolgym.messages import ToolCall, Turn, render
from toolgym.opening import open_env, takes
from toolgym.registration import env_ids
from toolgym.reopening import base_of, in_process
from toolgym.rewards.explaining import why_unsolved
from toolgym.trajectory import trajectory_to_json

__all__ = ["Plays"]

_MOST = 8
_MOST_KEPT = 200
"""Moments that an episode can return to."""
_ASKED = ("size", "split", "user")
"""Options that the page may ask for."""
_NEEDS = ("ToolGym/Calls-v0", "ToolGym/MCP-v0", "ToolGym/OpenEnv-v0", "ToolGym/Verifiers-v0")
"""Environments of what is the user's or somebody else's: they are played where --env or --set says of what."""


@dataclass
class _Play:
    """An episode, and the moments before it."""

    env: ToolEnv
    past: list[ToolEnv] = field(default_factory=list)
    forks: dict[str, ToolEnv] = field(default_factory=dict)

    def close(self) -> None:
        for env in (self.env, *self.past, *self.forks.values()):
            env.close()


class Plays:
    """The episodes that are played, one action at a time.

    Args:
        env_id: the environment that is offered, where not one of ToolGym's own.
        options: of the environment.
    """

    def __init__(self, env_id: str | None = None, options: Mapping[str, Any] | None = None):
        self.env_id, self.options = env_id, dict(options or {})
        self._plays: dict[str, _Play] = {}
        self._count = 0
        self._lock = threading.Lock()

    def close(self) -> None:
        """Ends all episodes."""
        with self._lock:
            for play in self._plays.values():
                play.close()
            self._plays.clear()

    def offered(self) -> list[str]:
        """The environments that can be played."""
        return [self.env_id] if self.env_id else [id for id in env_ids() if id not in _NEEDS]

    def do(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Does what the page asks for, and tells the episode as it is then.

        Raises:
            ToolGymError: it cannot be done; the message says why.
        """
        with self._lock:
            match given.get("do"):
                case "start":
                    id = self._begin(str(given.get("env", "")), str(given.get("task") or ""), given.get("options"))
                case "act" | "undo" | "fork" | "back" | "see" as what:
                    id = str(given.get("play", ""))
                    if id not in self._plays:
                        raise ConfigError("This episode is over: begin another one")
                    self._act(what, self._plays[id], given)
                case other:
                    raise ConfigError(f"There is no {other!r:.30}: start, act, undo, fork, back or see")
            return {"play": id, **_told(self._plays[id])}

    def _begin(self, env_id: str, task: str, options: Any) -> str:
        if env_id not in self.offered():
            raise ConfigError(f"{env_id!r:.80} is not offered")
        if not isinstance(options, dict | None):
            raise ConfigError("options are a JSON object")
        # The page asks the same of all environments: what one does not take, or --set has said, is not for it to say.
        asked = {name: value for name, value in (options or {}).items() if name in _ASKED and takes(env_id, name)}
        env = open_env(env_id, **{**asked, **self.options})
        try:
            if in_process(env) is None:
                raise ConfigError("its tools do not run in this process, and a page starts no servers")
            env.reset(seed=None if task else self._count, options={"task": task} if task else None)
        except BaseException:
            env.close()
            raise
        self._count += 1
        id = str(self._count)
        self._plays[id] = _Play(env)
        while len(self._plays) > _MOST:
            self._plays.pop(next(iter(self._plays))).close()
        return id

    def _act(self, what: str, play: _Play, given: Mapping[str, Any]) -> None:
        name = str(given.get("name", ""))[:80]
        match what:
            case "act":
                if play.env.trajectory.done:
                    raise ConfigError("The episode is over: undo, or begin another one")
                action = _action(given)
                play.past.append(play.env.fork())
                if len(play.past) > _MOST_KEPT:
                    play.past.pop(0).close()
                play.env.step(action)
            case "undo":
                if not play.past:
                    raise ConfigError("There is nothing to take back")
                play.env.close()
                play.env = play.past.pop()
            case "fork":
                if len(play.forks) >= _MOST_KEPT:
                    raise ConfigError(f"{_MOST_KEPT} moments are kept already")
                if name in play.forks:
                    play.forks[name].close()
                play.forks[name] = play.env.fork()
            case "back":
                if name not in play.forks:
                    raise ConfigError(f"There is no moment {name!r}")
                play.past.append(play.env)
                play.env = play.forks[name].fork()


def _action(given: Mapping[str, Any]) -> str:
    """The message that the page's fields mean.

    Raises:
        ConfigError: they mean none.
    """
    plan, response, calls = given.get("plan") or None, given.get("response"), given.get("calls") or []
    if not all(isinstance(text, str | None) for text in (plan, response)) or not isinstance(calls, list):
        raise ConfigError("plan and response are texts, calls is a list")
    if response is None and not calls:
        raise ConfigError("Call a tool, or answer the user")
    made = []
    for call in calls:
        if not isinstance(call, dict) or not isinstance(call.get("name"), str):
            raise ConfigError("A call has a name and arguments")
        if not isinstance(call.get("arguments"), dict):
            raise ConfigError("The arguments of a call are a JSON object")
        made.append(ToolCall(call["name"], call["arguments"]))
    return render(Turn(plan, tuple(made), response))


def _told(play: _Play) -> dict[str, Any]:
    """The episode as JSON values; why it is not solved only once it has ended."""
    env = play.env
    out: dict[str, Any] = {
        "episode": trajectory_to_json(env.trajectory),
        "policy": env.policy,
        "tools": [
            {"name": tool.name, "description": tool.description, "schema": tool.input_schema, "writes": tool.writes}
            for tool in env.tools
        ],
        "forks": list(play.forks),
        "can_undo": bool(play.past),
        "reasons": [],
    }
    if env.trajectory.outcome not in (None, "solved"):
        try:
            found = why_unsolved(env.trajectory, env.task, base_of(env))
            out["reasons"] = [
                {"kind": each.kind, "where": each.where, "expected": each.expected, "found": each.found}
                for each in found
            ]
        except ToolGymError:
            pass
    return out
