"""tau2's data as it is published: tasks, splits, policies and worlds of a domain, in a folder of the user's.

    DIR/airline/{tasks.json, split_tasks.json, policy.md, db.json}     db.json, or tau-bench's three files
    DIR/retail/{tasks.json, split_tasks.json, policy.md, db.json}
    DIR/telecom/{tasks.json, split_tasks.json, main_policy.md, tech_support_*.md, db.toml, user_db.toml}

DIR may be the benchmark's own checkout, or a folder that has such a one as `tau2`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from toolgym.data import data_folder
from toolgym.errors import ConfigError, TaskError, did_you_mean
from toolgym.mcp.inprocess import InProcessSession
from toolgym.mcp.server import ToolServer
from toolgym.mcp_servers.common.domain_tools import DomainTools
from toolgym.mcp_servers.telecom.situations import set_up
from toolgym.messages import ToolCall
from toolgym.world import Base, World

__all__ = ["DOMAINS", "Benchmark", "load", "make_call"]

DOMAINS = ("airline", "retail", "telecom")
_TASKS = ("tasks_small.json", "tasks_full.json", "tasks.json")
"""The files of tasks; those of `tasks_voice.json` have the same ids and are others."""
_NESTED = (".", "tau2", "data/tau2/domains", "tau2/domains", "domains")
"""Where in a folder the domains' folders may be."""
_PUBLIC_AIRLINE = ("airline", "../tau_bench/airline", "tau_bench/airline")
"""Where beside the domains' folders tau-bench's world of the airline may be, which is tau2's too."""


@dataclass(frozen=True, eq=False)
class Benchmark:
    """A domain's tasks and worlds. An episode's base is the world as its task sets it up."""

    domain: str
    source: Path
    """The folder that was given."""
    folder: Path
    """The domain's files."""
    tasks: Mapping[str, Mapping[str, Any]]
    """The published tasks by id."""
    splits: Mapping[str, tuple[str, ...]]
    """Split -> ids, as published; some ids may have no task here."""
    public: Base
    """The public world."""
    server: ToolServer = field(init=False)
    """The domain's tools in dialect `tau2`; a world key is a task's id, where tasks set their world up."""
    _gold: dict[str, World] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.domain == "telecom":
            tools = replace(self._tools, build_base=self._world)
            server = tools.server(dialect="tau2")
        else:
            server = self._tools.server(dialect="tau2", base=self.public)
        object.__setattr__(self, "server", server)

    def solo_server(self) -> ToolServer:
        """A server on which the agent has the user's tools too."""
        tools = replace(
            self._tools,
            build_base=self._world,
            reads=self._tools.reads + self._tools.user_reads,
            writes=self._tools.writes + self._tools.user_writes,
            user_reads=(),
            user_writes=(),
        )
        return tools.server(dialect="tau2")

    def _world(self, world_key: Any, size: str, dialect: str) -> Base:
        """The world of a task's id; of any other key the public one."""
        return self.base(world_key) if world_key in self.tasks else self.public

    @property
    def _tools(self) -> DomainTools:
        return import_module(f"toolgym.mcp_servers.{self.domain}").TOOLS

    def task(self, task_id: str) -> Mapping[str, Any]:
        """The published task of an id.

        Raises:
            ConfigError: there is none here.
        """
        if task_id not in self.tasks:
            raise ConfigError(did_you_mean(task_id, self.tasks, f"task of tau2's {self.domain}"))
        return self.tasks[task_id]

    def criteria(self, task_id: str) -> Mapping[str, Any]:
        """What a task is evaluated by."""
        return self.task(task_id).get("evaluation_criteria") or {}

    def world_key(self, task_id: str) -> str | None:
        """What a session's `reset` takes for a task."""
        return task_id if self.domain == "telecom" else None

    def base(self, task_id: str, *, syncs: bool = True) -> Base:
        """The world of a task at its beginning; one that does not sync keeps the phone from hearing of the account.

        Raises:
            TaskError: the task is set up in a way that is not known.
        """
        state = self.task(task_id).get("initial_state") or {}
        if unknown := [name for name in ("initialization_data", "message_history") if state.get(name)]:
            raise TaskError(f"task {task_id!r} of tau2's {self.domain} has {unknown[0]}, which cannot be set up")
        actions = state.get("initialization_actions") or ()
        if not actions and syncs:
            return self.public
        if self.domain != "telecom" and actions:
            raise TaskError(f"task {task_id!r} of tau2's {self.domain} sets its world up, which only telecom's can")
        world = World(self.public)
        for action in actions:
            set_up(world, action["func_name"], action["arguments"])
        diff = world.diff()
        tables = {name: {**table, **diff.get(name, {})} for name, table in self.public.tables.items()}
        return Base(tables, {**self.public.meta, "syncs": syncs})

    def session(self, task_id: str) -> InProcessSession:
        """A session in a task's world."""
        self.task(task_id)
        return self.server.session(self.world_key(task_id))

    def gold(self, task_id: str) -> World:
        """The world after a task's gold actions, as the reference plays them: nobody hears of what the other did.

        It belongs to everybody: not for writing.
        """
        if task_id not in self._gold:
            if self.domain == "telecom":
                session = self._tools.server(dialect="tau2", base=self.base(task_id, syncs=False)).session()
            else:
                session = self.session(task_id)
            for action in self.criteria(task_id).get("actions") or ():
                make_call(session, action["name"], action["arguments"], action.get("requestor", "assistant"))
            self._gold[task_id] = session.world
        return self._gold[task_id]

    def policy(self, solo: bool = False) -> str:
        """The policy document, with the manual that belongs to it.

        Args:
            solo: of the mode in which the agent has the user's tools and a ticket instead of a user.

        Raises:
            ConfigError: it is not there.
        """
        if self.domain != "telecom":
            return _text(self.folder / "policy.md")
        if solo and (self.folder / "main_policy_solo.md").is_file():
            main, manual = "main_policy_solo.md", "tech_support_workflow_solo.md"
        else:
            main, manual = "main_policy.md", "tech_support_workflow.md" if solo else "tech_support_manual.md"
        parts = (("main_policy", main), ("tech_support_policy", manual))
        return "\n".join(f"<{tag}>\n{_text(self.folder / name).strip()}\n</{tag}>" for tag, name in parts)


def make_call(session: InProcessSession, name: Any, arguments: Any, requestor: Any = "assistant") -> None:
    """Makes a call as the side that makes it; one that is no call, or of no side, does nothing."""
    if isinstance(name, str) and isinstance(arguments, dict) and requestor in ("assistant", "user"):
        call = ToolCall(name, arguments)
        _ = session.call(call) if requestor == "assistant" else session.call_as_user(call)


def load(domain: str, data: str | Path | None = None) -> Benchmark:
    """A domain of tau2's, from a folder; read once a process.

    Args:
        domain: one of `DOMAINS`.
        data: the folder, as above; by default that of `toolgym data get tau2`.

    Raises:
        ConfigError: no such domain, or its files are not there or are not as published.
    """
    if domain not in DOMAINS:
        raise ConfigError(did_you_mean(domain, DOMAINS, "domain of tau2"))
    return _load(domain, data_folder("tau2", data).resolve())


@lru_cache(maxsize=16)
def _load(domain: str, data: Path) -> Benchmark:
    places = [data / nested / domain for nested in _NESTED]
    folder = next((place for place in places for name in _TASKS if (place / name).is_file()), None)
    if folder is None:
        raise ConfigError(
            f"no tasks of tau2's {domain} in {data}: it must hold {domain}/tasks.json, as data/tau2/domains of "
            "https://github.com/sierra-research/tau2-bench does"
        )
    files = [folder / name for name in _TASKS if (folder / name).is_file()]
    tasks = {task["id"]: task for path in files for task in _json(path, list)}
    splits = _json(folder / "split_tasks.json", dict) if (folder / "split_tasks.json").is_file() else {}
    world = _airline_world(folder) if domain == "airline" else folder
    public = import_module(f"toolgym.mcp_servers.{domain}.public_world").load_base(world, "tau2")
    known = {name: tuple(map(str, ids)) for name, ids in splits.items()}
    return Benchmark(domain, data, folder, tasks, known, public)


def _airline_world(folder: Path) -> Path:
    places = [folder.parent / place for place in _PUBLIC_AIRLINE]
    found = next(
        (place for place in places if (place / "db.json").is_file() or (place / "flights.json").is_file()), None
    )
    return (found or folder).resolve()


def _json(path: Path, kind: type) -> Any:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read tau2's {path}: {error}") from error
    if not isinstance(value, kind):
        raise ConfigError(f"{path} must hold a JSON {kind.__name__}, not {type(value).__name__}")
    return value


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read tau2's {path}: {error}") from error
