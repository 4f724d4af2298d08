"""The multi-turn tools of BFCL as an MCP server, from the user's data: `python -m toolgym.mcp_servers.bfcl FOLDER`.

The benchmark's code runs in this process, and not where an agent is. A world is a case: its key has the case's `id`,
`involved_classes` and `initial_config`.
"""

import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from toolgym.envs.bfcl.conventions import Conventions
from toolgym.envs.bfcl.replaying import instances_of
from toolgym.envs.bfcl.tool_classes import Instances, import_from
from toolgym.errors import ConfigError
from toolgym.mcp.server import ToolServer
from toolgym.mcp.session import ToolSpec
from toolgym.mcp.tool import BoundTool, tidy_schema
from toolgym.trajectory import ToolResult
from toolgym.world import Base, Diff, World, copy_json

__all__ = ["make_server"]


class _Case(Base):
    """A case at its start. Its tables are what is public of the tools: class -> attribute -> value."""

    __slots__ = ("tools",)

    def __init__(self, case: Mapping[str, Any]):
        self.tools = instances_of(case)
        super().__init__(self.tools.tables())

    def world(self) -> World:
        return _Tools(self, self.tools)


class _Tools(World):
    """An episode's tools. They are copied when they are first used behind a fork."""

    __slots__ = ("_own", "_shared")

    def __init__(self, base: Base, tools: Instances):
        super().__init__(base)
        self._shared, self._own = tools, False

    @property
    def tools(self) -> Instances:
        """The tools, for calling."""
        if not self._own:
            self._shared, self._own = self._shared.fork(), True
        return self._shared

    @property
    def changed(self) -> int:
        return 0

    def has_tool(self, name: str) -> bool:
        """Whether the case has such a tool."""
        return self._shared.has(name)

    def touch(self) -> None:
        """Notes that a call may have changed something."""
        self._version += 1

    def fork(self) -> "_Tools":
        twin = _Tools(self.base, self._shared)
        twin._version = self._version
        self._own = False
        return twin

    def become(self, other: World) -> None:
        super().become(other)
        self._shared, self._own = cast(_Tools, other)._shared, False

    def diff(self) -> Diff:
        now, before = self._shared.tables(), self.base.tables
        found = {name: _changes(before[name], values) for name, values in now.items()}
        return {name: changes for name, changes in found.items() if changes}

    def restore(self, diff: Mapping[str, Mapping[str, Any]]) -> None:
        if any(diff.values()):
            raise KeyError("BFCL's tools cannot be put into a state; they are forked")
        self._shared, self._own = cast(_Case, self.base).tools, False
        self._version += 1


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    out = {name: copy_json(value) for name, value in now.items() if name not in before or before[name] != value}
    return out | {name: None for name in before if name not in now}


class _ClassTool(BoundTool):
    """A method of a tool class, as the benchmark documents it: what its arguments may be is the method's own matter."""

    __slots__ = ()

    def __init__(self, function: Mapping[str, Any]):
        name, schema = function["name"], tidy_schema(dict(function["parameters"]))
        self.name, self.role, self.writes, self.blocking, self._wraps = name, "agent", True, False, False
        self.spec = ToolSpec(name, function["description"], schema, None, True)
        self.description, self.parameters, self.output = self.spec.description, schema, None

    def run(self, world: World, arguments: dict[str, Any]) -> tuple[ToolResult, World]:
        case = cast(_Tools, world)
        if not isinstance(world, _Tools) or not case.has_tool(self.name):
            text = f"Error during execution: name {self.name!r} is not defined"
            return ToolResult(text, None, True, "unknown_tool"), world
        text, error, refused = case.tools.call(self.name, arguments)
        case.touch()
        outcome = "ok" if not refused else "invalid_arguments" if isinstance(error, TypeError) else "tool_error"
        return ToolResult(text.encode(errors="replace").decode(), None, refused, outcome), world


def make_server(folder: Path) -> ToolServer:
    """The server on the benchmark's data.

    Raises:
        ConfigError: the folder has not what is needed.
    """
    import_from(folder)
    words = Conventions(folder)
    server = ToolServer("bfcl", build_world=_Case, base=Base({}), default_world_key=None)
    for function in words.all_tools():
        server.add(_ClassTool(function))
    return server


def main() -> None:
    """Serves over stdio."""
    warnings.simplefilter("ignore")  # of what looks odd in a model's call
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m toolgym.mcp_servers.bfcl FOLDER (see `toolgym data path bfcl`)")
    try:
        make_server(Path(sys.argv[1])).run("stdio")
    except ConfigError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
