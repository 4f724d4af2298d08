"""`DomainTools`: a domain's tools and where their worlds come from, which is all that a server of them needs.

TOOLS = DomainTools(name="notes", owner="notebook", instructions="Notes.", reads=(read_note,), writes=(add_note,),
                    build_base=build_base)          # build_base(world_key, size, dialect) makes a world

server = TOOLS.server(seed=7, size="small")         # in process
app = command(TOOLS)                                # and toolgym.mcp_servers.common.command: for any MCP client
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, get_args

from toolgym import _json
from toolgym.domain import Size
from toolgym.errors import ConfigError, did_you_mean
from toolgym.mcp.server import ToolServer
from toolgym.mcp.session import Role
from toolgym.mcp_servers.common.arguments import unenforced
from toolgym.mcp_servers.common.dialects import BaseDialect
from toolgym.world import Base


@dataclass(frozen=True, kw_only=True)
class DomainTools:
    """A domain's tools, and where their worlds come from."""

    name: str
    """The server's name, and its package's."""
    owner: str
    """Whose tools they are, for sentences: `airline`."""
    instructions: str
    """What the server tells a client about itself."""
    reads: tuple[Callable[..., Any], ...]
    """The tools that change nothing."""
    writes: tuple[Callable[..., Any], ...]
    """The tools that may change the world."""
    user_reads: tuple[Callable[..., Any], ...] = ()
    """The tools of the user's that change nothing, where the user has tools of its own."""
    user_writes: tuple[Callable[..., Any], ...] = ()
    """The tools of the user's that may change the world."""
    build_base: Callable[[Any, Size, str], Base]
    """Makes a world of (world key, size, dialect); world keys are seeds."""
    load_base: Callable[[Path, str], Base] | None = None
    """Reads a world of (folder, dialect), where the domain has a public one."""
    files: tuple[str, ...] = ()
    """The files of such a folder."""
    dialects: Mapping[str, BaseDialect] = field(default_factory=lambda: {"standard": BaseDialect()})
    """The dialects by name, `standard` among them."""
    lacks: Mapping[str, frozenset[Callable[..., Any]]] = field(default_factory=dict)
    """Dialect -> the tools that it has not."""

    def server(
        self,
        *,
        data: Path | None = None,
        seed: int | None = None,
        size: Size = "small",
        dialect: str = "standard",
        base: Base | None = None,
    ) -> ToolServer:
        """A new server.

        Args:
            data: a folder with `files`: the one world of all episodes.
            seed: without `data`, the seed of the world of an episode that names none (0 by default).
            size: how large a seeded world is.
            dialect: how the tools behave.
            base: a world that is there already, instead of `data` or `seed`; its meta must name the same dialect.

        Raises:
            ConfigError: the data cannot be read, more than one of `data`, `seed` and `base` is given, or the dialect is
                unknown or is not the base's.
        """
        if dialect not in self.dialects:
            raise ConfigError(did_you_mean(dialect, self.dialects, "dialect"))
        if sum(source is not None for source in (data, seed, base)) > 1:
            raise ConfigError("a world comes from one of data, seed and base")
        if data is not None:
            if self.load_base is None:
                raise ConfigError(f"the {self.owner}'s worlds are generated: give a seed instead of data")
            base = self.load_base(data, dialect)
        if base is None:
            build, default_key = partial(self._build, size, dialect), 0 if seed is None else seed
            made = ToolServer(self.name, build, instructions=self.instructions, default_world_key=default_key)
        elif base.meta.get("dialect", "standard") == dialect:
            made = ToolServer(self.name, base=base, instructions=self.instructions)
        else:
            raise ConfigError(f"the base is of dialect {base.meta['dialect']!r}, the server of {dialect!r}")
        enforced = self.dialects[dialect].checks_arguments
        for role in get_args(Role):
            for tool in self.tools(dialect, role):
                writes = tool in self.writes + self.user_writes
                made.tool(writes=writes, role=role)(tool if enforced else unenforced(tool))
        return made

    def tools(self, dialect: str = "standard", role: Role = "agent") -> list[Callable[..., Any]]:
        """The tools of a dialect that a role has, by name."""
        every = self.reads + self.writes if role == "agent" else self.user_reads + self.user_writes
        known = [tool for tool in every if tool not in self.lacks.get(dialect, ())]
        return sorted(known, key=lambda tool: tool.__name__)

    def _build(self, size: Size, dialect: str, world_key: Any) -> Base:
        return self.build_base(world_key, size, dialect)


def read_records(path: Path, owner: str) -> dict[str, Any]:
    """The JSON object in a file of a public world.

    Raises:
        ConfigError: the file is missing or holds no JSON object.
    """
    try:
        records = _json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read the {owner} world's {path}: {error}") from error
    if not isinstance(records, dict):
        raise ConfigError(f"{path} must hold an object of records by id, not {type(records).__name__}")
    return records


def read_tables(folder: Path, files: Sequence[str], one_file: str, owner: str) -> dict[str, Any]:
    """The tables of a public world that has a file for each, or one file of them all.

    Args:
        folder: where they are.
        files: the name of each table's file.
        one_file: the name of the file of all, which is taken where it is there.
        owner: whose world it is, for errors.

    Raises:
        ConfigError: a file is missing or holds no JSON object, or the one file lacks a table.
    """
    names = [Path(name).stem for name in files]
    if not (folder / one_file).is_file():
        return {name: read_records(folder / f"{name}.json", owner) for name in names}
    tables = read_records(folder / one_file, owner)
    if missing := [name for name in names if not isinstance(tables.get(name), dict)]:
        raise ConfigError(f"{folder / one_file} must hold the tables {', '.join(names)}; it lacks {missing}")
    return {name: tables[name] for name in names}
