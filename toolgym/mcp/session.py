"""`ToolSession`: one episode's connection to its tools.

Several kinds, one interface: in process (`toolgym.mcp.inprocess`), stdio and HTTP (`toolgym.mcp.wire`). The environment
uses nothing else of a server.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, Literal

from toolgym.mcp.arguments import refuse, unknown_tool
from toolgym.messages import ToolCall
from toolgym.trajectory import ToolResult
from toolgym.world import Diff

ForkKind = Literal["copy", "replay", "none"]

Role = Literal["agent", "user"]
"""Whose tool it is, and for whom a client calls: the agent, or the user that the agent talks to."""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """What a model is told of a tool, and whether it writes (None: the server does not say)."""

    name: str
    description: str
    input_schema: dict[str, Any] = field(default_factory=dict)
    output_schema: dict[str, Any] | None = None
    writes: bool | None = None
    refused: str | None = None
    """Why the tool cannot be offered to a model, where its server lists it in a form that MCP does not allow."""


class ToolSession(ABC):
    """One episode's tools.

    `call` never raises for what a policy sent: an unknown tool, bad arguments or a refusing tool is an error
    `ToolResult`. It raises `InfraError` (see `toolgym.errors`) only for what the infrastructure did: the server died,
    timed out, expired. A call whose end was not seen (an interrupt, a cancelled caller, a time limit) may have done
    anything: where that could matter, the session does not fork until `reset` has begun afresh, which it then does
    whatever it takes (a new server or a new episode), or says that it cannot.
    """

    fork_kind: ForkKind = "none"
    suspends: bool = True
    """Whether `call_async` may wait for something. Where False (in-process sessions), it needs no event loop."""

    @property
    @abstractmethod
    def tools(self) -> tuple[ToolSpec, ...]:
        """The tools, in the server's order."""

    @property
    def listed_tools(self) -> tuple[ToolSpec, ...]:
        """The tools as the server listed them: a name may come twice, some may be refused or hidden from agents."""
        return self.tools

    @property
    def user_tools(self) -> tuple[ToolSpec, ...]:
        """The tools of the user that the agent talks to, in the server's order. The agent cannot call them."""
        return ()

    def as_user(self) -> "ToolSession":
        """This episode as its user has it: a session that lists and calls the user's tools only, on the same world."""
        return UserSession(self)

    @abstractmethod
    def call(self, call: ToolCall) -> ToolResult:
        """Runs one call and waits for its result."""

    def call_as_user(self, call: ToolCall) -> ToolResult:
        """Runs one call of the user's; a session whose user has no tools refuses every one."""
        return refuse(call) or unknown_tool(call.name)

    async def call_as_user_async(self, call: ToolCall) -> ToolResult:
        """Like `call_as_user`; other episodes go on meanwhile."""
        return self.call_as_user(call)

    @abstractmethod
    async def call_async(self, call: ToolCall) -> ToolResult:
        """Runs one call; other episodes go on meanwhile. In-process sessions answer without suspending."""

    @abstractmethod
    def reset(self, world_key: Any = None) -> None:
        """Starts a fresh episode: in the world named by `world_key` where the server has several."""

    @abstractmethod
    def fork(self) -> "ToolSession":
        """A session in the same state that shares nothing mutable.

        Raises:
            ForkUnsupportedError: `fork_kind` is `none`.
        """

    @abstractmethod
    def diff(self) -> Diff | None:
        """The world's diff against its base, or None where the server keeps no world."""

    def state(self) -> dict[str, dict[str, Any]] | None:
        """The whole state as it is seen from outside; None where it is not seen, or is a `World`."""
        return None

    def sees(self) -> tuple[str, ...] | None:
        """Where the state is seen (`state_tool: NAME`, `workspace`, `database: TEMPLATE`, `tables: NAMES`) and what of
        it is not (`ignore: PATH`), sorted.

        Empty: it is not seen. None: it is a `World`.
        """
        return None

    def state_version(self) -> int | None:
        """A number that changes whenever the state may have changed; None where that is not known."""
        return None

    def user_spoke(self, text: str) -> None:
        """The user has said something more: from here on the session may offer other tools."""
        return

    @abstractmethod
    def close(self) -> None:
        """Ends the episode and frees what it holds. Closing twice is harmless."""


class WrappedSession(ToolSession):
    """A session around another one, to which all goes that a subclass does not keep for itself; it has its own `fork`.

    Args:
        inner: the other one.
    """

    def __init__(self, inner: ToolSession):
        self.inner = inner
        self.fork_kind, self.suspends = inner.fork_kind, inner.suspends

    @property
    def tools(self) -> tuple[ToolSpec, ...]:
        return self.inner.tools

    @property
    def listed_tools(self) -> tuple[ToolSpec, ...]:
        return self.inner.listed_tools

    @property
    def user_tools(self) -> tuple[ToolSpec, ...]:
        return self.inner.user_tools

    def call(self, call: ToolCall) -> ToolResult:
        return self.inner.call(call)

    async def call_async(self, call: ToolCall) -> ToolResult:
        return await self.inner.call_async(call)

    def call_as_user(self, call: ToolCall) -> ToolResult:
        return self.inner.call_as_user(call)

    async def call_as_user_async(self, call: ToolCall) -> ToolResult:
        return await self.inner.call_as_user_async(call)

    def reset(self, world_key: Any = None) -> None:
        self.inner.reset(world_key)

    def diff(self) -> Diff | None:
        return self.inner.diff()

    def state(self) -> dict[str, dict[str, Any]] | None:
        return self.inner.state()

    def sees(self) -> tuple[str, ...] | None:
        return self.inner.sees()

    def state_version(self) -> int | None:
        return self.inner.state_version()

    def user_spoke(self, text: str) -> None:
        self.inner.user_spoke(text)

    def close(self) -> None:
        self.inner.close()


def innermost(session: ToolSession) -> ToolSession:
    """The session without those around it."""
    while isinstance(session, WrappedSession):
        session = session.inner
    return session


class UserSession(ToolSession):
    """The user's side of a session: lists and calls the user's tools only. There is one world, whoever acts in it.

    Made by `ToolSession.as_user`. A fork is the user's side of a fork of the session; closing it ends nothing, unless
    it is such a fork.
    """

    def __init__(self, session: ToolSession, owns: bool = False):
        self._session, self._owns = session, owns
        self.fork_kind: ForkKind = session.fork_kind
        self.suspends = session.suspends

    @property
    def tools(self) -> tuple[ToolSpec, ...]:
        return self._session.user_tools

    def call(self, call: ToolCall) -> ToolResult:
        return self._session.call_as_user(call)

    async def call_async(self, call: ToolCall) -> ToolResult:
        return await self._session.call_as_user_async(call)

    def reset(self, world_key: Any = None) -> None:
        self._session.reset(world_key)

    def fork(self) -> "UserSession":
        return UserSession(self._session.fork(), owns=True)

    def diff(self) -> Diff | None:
        return self._session.diff()

    def state(self) -> dict[str, dict[str, Any]] | None:
        return self._session.state()

    def sees(self) -> tuple[str, ...] | None:
        return self._session.sees()

    def state_version(self) -> int | None:
        return self._session.state_version()

    def close(self) -> None:
        if self._owns:
            self._session.close()
