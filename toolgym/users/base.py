"""`User`: who the agent talks to."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

from toolgym.tasks import Task


@dataclass(frozen=True, slots=True)
class UserReply:
    """What the user says to a response, and whether the conversation is finished."""

    text: str | None = None
    done: bool = False


class User(ABC):
    """One episode's user. A fresh one is made for each environment; `start` begins an episode.

    Class attribute `suspends`: whether a reply may have to be waited for (a network call); where it is False,
    `reply_async` answers without suspending and needs no event loop.
    """

    suspends: bool = False

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
        return self.reply(response)

    @abstractmethod
    def fork(self) -> "User":
        """A user in the same state that shares nothing mutable with this one."""


class NoUser(User):
    """The request says all, and the first response ends the episode."""

    def start(self, task: Task) -> str:
        return task.request

    def reply(self, response: str) -> UserReply:
        return UserReply(done=True)

    def fork(self) -> "NoUser":
        return self
