"""`ToolServer`: an MCP server whose tools act on a `World`, one world an episode.

    server = ToolServer("notes", base=Base({"notes": {}}))

    @server.tool(writes=True)
    def add_note(world: World, id: str, text: str) -> str:
        '''Adds a note.'''
        if world.has("notes", id):
            raise ToolError(f"Note {id} exists")
        world.put("notes", id, text)
        return "added"

    session = server.session()          # in process, at function-call speed
    server.run("stdio")                 # or for any MCP client

`server.fastmcp` is a real FastMCP server. On the wire a request names its episode in `_meta["toolgym/episode"]`.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Literal, TypeVar

from fastmcp import FastMCP

from toolgym.errors import ConfigError
from toolgym.mcp.endpoint import EpisodesExtension, EpisodeTool
from toolgym.mcp.episodes import Episode, EpisodeLimits, EpisodeStore
from toolgym.mcp.inprocess import InProcessSession
from toolgym.mcp.roles import Roles
from toolgym.mcp.session import Role, ToolSpec
from toolgym.mcp.tool import BoundTool, ToolError
from toolgym.world import Base, canonical

__all__ = ["ToolError", "ToolServer"]

F = TypeVar("F", bound=Callable[..., Any])

_KEPT_RECORDS = 2_000_000
"""Base records that a server keeps over all its worlds, beside the one in use."""


class ToolServer:
    """A named set of world tools.

    Args:
        name: the server's name.
        build_world: makes the base of a world key (a JSON value, such as a seed).
        base: the base of an episode that names no world key.
        instructions: what the server tells a client about itself.
        default_world_key: the key of an episode that names none, where no `base` is given.
        kept_worlds: how many bases are kept; the least recently asked for goes first. An episode on the wire whose base
            goes keeps what it changed, and has its base built again when it is used again: `build_world` must give the
            same for the same key.
        limits: when episodes on the wire expire.
    """

    def __init__(
        self,
        name: str,
        build_world: Callable[[Any], Base] | None = None,
        base: Base | None = None,
        instructions: str | None = None,
        default_world_key: Any = None,
        kept_worlds: int = 256,
        limits: EpisodeLimits | None = None,
    ):
        self.name = name
        self._build_world, self._base = build_world, base
        self._default_world_key, self._kept_worlds = default_world_key, kept_worlds
        self._tools: dict[str, BoundTool] = {}
        self._user_tools: dict[str, BoundTool] = {}
        self._specs: tuple[ToolSpec, ...] = ()
        self._user_specs: tuple[ToolSpec, ...] = ()
        self._bases: OrderedDict[bytes, Base] = OrderedDict()
        self._records = 0
        self._bases_lock = threading.Lock()
        self._fastmcp_lock = threading.Lock()
        self._registered: list[BoundTool] = []
        self.episodes = EpisodeStore(self._episode, limits)
        """The episodes that came over the wire."""
        self._instructions = instructions
        self._fastmcp: FastMCP | None = None

    @property
    def fastmcp(self) -> FastMCP:
        """The protocol side of this server, for any MCP client; made when it is first asked for."""
        if self._fastmcp is None:
            with self._fastmcp_lock:
                self._fastmcp = self._fastmcp or self._protocol_side()
        return self._fastmcp

    def _protocol_side(self) -> FastMCP:
        made: FastMCP = FastMCP(self.name, instructions=self._instructions, on_duplicate="error")
        made.add_extension(EpisodesExtension(self.episodes))
        made.add_middleware(Roles(self._tool))
        # Otherwise the SDK lists all tools at each HTTP call, to look one schema up: half of the call's time.
        made._mcp_server.get_tool_input_schema = self._input_schema
        for bound in self._registered:
            made.add_tool(EpisodeTool.of(bound, self.episodes))
        return made

    def tool(
        self, *, writes: bool, blocking: bool = False, name: str | None = None, role: Role = "agent"
    ) -> Callable[[F], F]:
        """Makes a function a tool: `def f(world: World, ...)`; its docstring's first sentence is prompt text.

        Args:
            writes: whether it may change the world. A writing tool that raises leaves the world as it was.
            blocking: whether it may take long; the server then runs it in a thread, so that other episodes go on. A
                client's time limit ends its waiting, not the function: Python has no way to interrupt one. In process
                a tool runs in its caller's thread, `blocking` or not, and no time limit holds there.
            name: the tool's name; the function's by default. A name is one side's only.
            role: whose it is: the agent's, or the user's that the agent talks to (`user`). Both act in one world; the
                agent can neither see nor call the user's tools (see `session.as_user()`).

        Raises:
            ConfigError: the name is taken, the function cannot be a tool, or there is no such role.
        """

        def register(fn: F) -> F:
            self.add(BoundTool(fn, writes, blocking, name, role))
            return fn

        return register

    def add(self, bound: BoundTool) -> None:
        """Adds a tool that is made already.

        Raises:
            ConfigError: its name is taken.
        """
        if self._tool(bound.name) is not None:
            raise ConfigError(f"Server {self.name!r} has a tool named {bound.name!r} already.")
        if bound.role == "agent":
            self._tools[bound.name] = bound
            self._specs = (*self._specs, bound.spec)
        else:
            self._user_tools[bound.name] = bound
            self._user_specs = (*self._user_specs, bound.spec)
        self._registered.append(bound)
        if self._fastmcp is not None:
            self._fastmcp.add_tool(EpisodeTool.of(bound, self.episodes))

    @property
    def tool_specs(self) -> tuple[ToolSpec, ...]:
        """The agent's tools, in the order of their registration."""
        return self._specs

    @property
    def user_tool_specs(self) -> tuple[ToolSpec, ...]:
        """The user's tools, in the order of their registration."""
        return self._user_specs

    def _tool(self, name: str) -> BoundTool | None:
        return self._tools.get(name) or self._user_tools.get(name)

    def base(self, world_key: Any = None) -> Base:
        """The base of a world key: built once and kept while it is in use.

        Raises:
            ConfigError: the key is not JSON, there is no such world, or the server has no worlds to choose from.
        """
        if world_key is None:
            if self._base is not None:
                return self._base
            world_key = self._default_world_key
        if self._build_world is None:
            if world_key is not None:
                raise ConfigError(f"Server {self.name!r} has one world only; it was asked for {world_key!r}.")
            self._base = self._base or Base({})
            return self._base
        try:
            key = canonical(world_key)
        except TypeError as error:
            raise ConfigError(f"A world key must be a JSON value: {error}") from error
        with self._bases_lock:
            base = self._bases.get(key)
            if base is None:
                base = self._bases[key] = self._built(self._build_world, world_key)
                self._records += _records(base)
                while len(self._bases) > 1 and (len(self._bases) > self._kept_worlds or self._records > _KEPT_RECORDS):
                    gone = self._bases.popitem(last=False)[1]
                    self._records -= _records(gone)
                    self.episodes.let_go(gone)
            else:
                self._bases.move_to_end(key)
            return base

    def _built(self, build: Callable[[Any], Base], world_key: Any) -> Base:
        try:
            return build(world_key)
        except Exception as error:
            raise ConfigError(f"Server {self.name!r} could not build world {world_key!r}: {error}") from error

    def session(self, world_key: Any = None) -> InProcessSession:
        """A new in-process session. Its world is built at the first call, or by `reset`."""
        return InProcessSession(self, self._episode(world_key))

    def __deepcopy__(self, memo: dict[int, Any]) -> "ToolServer":
        """The server itself: Gymnasium copies an environment's keywords, and its episodes share the server."""
        return self

    def _input_schema(self, name: str) -> dict[str, Any] | None:
        tool = self._tool(name)
        return None if tool is None else tool.spec.input_schema

    def _episode(self, world_key: Any) -> Episode:
        return Episode(self._tools, self.base, world_key, self._user_tools)

    def run(
        self,
        transport: Literal["stdio", "http"] = "stdio",
        host: str = "127.0.0.1",
        port: int = 8000,
        token: str | None = None,
        agent_token: str | None = None,
    ) -> None:
        """Serves until interrupted. See `toolgym.mcp.serve.serve`."""
        from toolgym.mcp.serve import serve  # uvicorn is not needed for in-process use

        serve(self, transport, host=host, port=port, token=token, agent_token=agent_token)


def _records(base: Base) -> int:
    return sum(len(table) for table in base.tables.values())
