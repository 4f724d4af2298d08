"""Who the agent talks to: nobody (`none`), a `scripted` user, or an `llm` behind an OpenAI-compatible endpoint."""

from collections.abc import Callable
from copy import copy
from typing import TYPE_CHECKING, Union

from toolgym.errors import ConfigError, did_you_mean
from toolgym.mcp.session import ToolSession
from toolgym.tasks import Task
from toolgym.users.base import NoUser, User, UserReply, UserTools
from toolgym.users.scripted import ScriptedUser

if TYPE_CHECKING:
    from toolgym.users.llm import LLMUserOptions

__all__ = ["NoUser", "ScriptedUser", "User", "UserReply", "UserTools", "listening", "make_user"]

UserSpec = Union[str, User, "LLMUserOptions"]


def listening(task: Task, session: ToolSession) -> Callable[[str], UserReply]:
    """A task's scripted user in a session that is in the task's world: what hears and answers the agent's responses.

    For executing gold chains outside an environment.

    Raises:
        ConfigError: the script has the user call a tool that it does not have.
    """
    user = ScriptedUser()
    user.tools = UserTools(session) if session.user_tools else None
    user.start(task)
    return user.reply


def make_user(spec: UserSpec) -> User:
    """A fresh user: `none`, `scripted`, `llm` (or `llm:MODEL`), `LLMUserOptions`, or a fork of a given `User`.

    Raises:
        ConfigError: no such user, or a model is needed and none was named.
    """
    if isinstance(spec, User):
        twin = spec.fork()
        return copy(twin) if twin is spec else twin  # each has the tools of its own episode
    if isinstance(spec, str):
        if spec == "none":
            return NoUser()
        if spec == "scripted":
            return ScriptedUser()
        if spec.partition(":")[0] != "llm":
            raise ConfigError(did_you_mean(spec, ("none", "scripted", "llm"), "user"))
    # httpx2 is imported only for a user that talks over HTTP.
    from toolgym.users.llm import LLMUser, LLMUserOptions

    if isinstance(spec, str):
        return LLMUser(LLMUserOptions.from_environment(spec.partition(":")[2] or None))
    if isinstance(spec, LLMUserOptions):
        return LLMUser(spec)
    raise ConfigError(f"user must be a name, a User or LLMUserOptions, not {type(spec).__name__}")
