"""`User`: who the agent talks to."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from toolgym.errors import ConfigError
from toolgym.mcp.session import ToolSession, ToolSpec
from toolgym.messages import ToolCall
from toolgym.tasks import Task
from toolgym.trajectory import Act, ToolResult


@dataclass(frozen=True, slots=True)
class UserReply:
    """What the user says to a response, and whether the conversation is finished."""

    text: str | None = None
    done: bool = False


class UserTools:
    """What a user can do in its episode's world. Everything that it calls is recorded, and nothing of it is shown.

    Args:
        session: the episode's session, as the agent has it.
        acts: what was called before and not taken yet.
    """

    def __init__(self, session: ToolSession, acts: Sequence[Act] = ()):
        self._session, self._acts = session, list(acts)

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        """The user's tools."""
        return self._session.user_tools

    @property
    def suspends(self) -> bool:
        """Whether a call may wait for a server."""
        return self._session.suspends

    def call(self, name: str, arguments: Mapping[str, Any] | None = None) -> ToolResult:
        """Calls one of the user's tools; what cannot be called, or refuses, is an error result.

        Raises:
            InfraError: the server failed.
        """
        call = ToolCall(name, dict(arguments or {}))
        result = self._session.call_as_user(call)
        self._acts.append(Act("user", call, result))
        return result

    def taken(self) -> tuple[Act, ...]:
        """What was called since the last time, for the record."""
        acts, self._acts = tuple(self._acts), []
        return acts

    @property
    def acted(self) -> bool:
        """Whether there is something to take."""
        return bool(self._acts)

    def bound_to(self, session: ToolSession) -> "UserTools":
        """The same on a fork of the session."""
        return UserTools(session, self._acts)


class User(ABC):
    """One episode's user. A fresh one is made for each environment; `start` begins an episode.

    Class attribute `suspends`: whether a reply may have to be waited for (a network call); where it is False,
    `reply_async` answers without suspending and needs no event loop, unless the user's tools suspend.
    """

    suspends: bool = False
    tools: UserTools | None = None
    """What the user can do, where the server has tools for it: set by the environment before `start`, and in forks."""

    @abstractmethod
    def start(self, task: Task) -> str:
        """Forgets the last conversation and opens the next: the first thing that the user says."""

    @abstractmethod
    def reply(self, response: str) -> UserReply:
        """The user's answer to the agent's response.

        Raises:
            InfraError: whoever plays the user did not answer.
        """

    async def reply_async(self, response: str) -> UserReply:
        """Like `reply`; other episodes go on meanwhile."""
        if self.tools is not None and self.tools.suspends:
            return await asyncio.to_thread(self.reply, response)
        return self.reply(response)

    @abstractmethod
    def fork(self) -> "User":
        """A user in the same state that shares nothing mutable with this one."""


class NoUser(User):
    """The request says all, and the first response ends the episode.

    A task whose user has something to do itself (`UserScript.actions`) needs another user.
    """

    def start(self, task: Task) -> str:
        if task.user.actions:
            raise ConfigError(
                f"Task {task.id!r} needs a user that does what it is told to: make the environment with "
                'user="scripted" or user="llm:MODEL", not user="none"'
            )
        return task.request

    def reply(self, response: str) -> UserReply:
        return UserReply(done=True)

    def fork(self) -> "NoUser":
        return self
